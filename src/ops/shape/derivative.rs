//! Derivatives of operations that move elements about: all are linear, and their transposes move them back.

use smallvec::smallvec;

use crate::array::Shape;
use crate::error::Error;
use crate::ops::derivative::{all_zero, linear_jvp, linear_transpose};
use crate::ops::rule::{Derivative, LinearInput, Outputs, Tangents};
use crate::program::{
    Atom, BroadcastInDim, Concatenate, Iota, Pad, PadAxis, Reshape, Rev, Slice, Squeeze, Transpose,
};

impl Derivative for BroadcastInDim {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        _primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_jvp(cx, self.clone(), tangents)
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_transpose(cx, cotangents, inputs, |cx, ct, ty| {
            let kept = |axis: &usize| {
                let operand = self.dims.iter().position(|d| d == axis);
                operand.is_some_and(|a| ty.shape[a] == self.shape[*axis])
            };
            let axes: Shape = (0..self.shape.len()).filter(|a| !kept(a)).collect();
            let summed = cx.reduce_sum(ct, axes)?;
            cx.reshape(summed, &ty.shape)
        })
    }
}

impl Derivative for Reshape {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        _primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_jvp(cx, self.clone(), tangents)
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_transpose(cx, cotangents, inputs, |cx, ct, ty| {
            cx.reshape(ct, &ty.shape)
        })
    }
}

impl Derivative for Transpose {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        _primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_jvp(cx, self.clone(), tangents)
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_transpose(cx, cotangents, inputs, |cx, ct, _| {
            let mut back = self.permutation.clone();
            for (i, &p) in self.permutation.iter().enumerate() {
                back[p] = i;
            }
            cx.permute(ct, &back)
        })
    }
}

impl Derivative for Squeeze {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        _primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_jvp(cx, self.clone(), tangents)
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_transpose(cx, cotangents, inputs, |cx, ct, ty| {
            cx.reshape(ct, &ty.shape)
        })
    }
}

impl Derivative for Rev {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        _primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_jvp(cx, self.clone(), tangents)
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_transpose(cx, cotangents, inputs, |cx, ct, _| {
            cx.emit1(self.clone(), smallvec![ct])
        })
    }
}

impl Derivative for Iota {
    fn jvp(
        &self,
        _cx: &mut dyn Tangents,
        _primals: &[Atom],
        results: &[Atom],
        _tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        Ok(all_zero(results.len()))
    }

    fn transpose(
        &self,
        _cx: &mut dyn Tangents,
        _cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        Ok(all_zero(inputs.len()))
    }
}

impl Derivative for Slice {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        _primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_jvp(cx, self.clone(), tangents)
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_transpose(cx, cotangents, inputs, |cx, ct, ty| {
            let taken = cx.shape(ct);
            let axis = |axis: usize| {
                let (start, stride) = (self.start[axis], self.strides[axis]);
                let end = match taken[axis] {
                    0 => start,
                    n => start + (n - 1) * stride + 1,
                };
                PadAxis {
                    low: start as i64,
                    high: ty.shape[axis] as i64 - end as i64,
                    interior: stride - 1,
                }
            };
            let config = (0..taken.len()).map(axis).collect();
            let zero = cx.number(ct, 0.0);
            cx.emit1(Pad { config }, smallvec![ct, zero])
        })
    }
}

impl Derivative for Concatenate {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let mut atoms = smallvec![];
        for (primal, &tangent) in primals.iter().zip(tangents) {
            let ty = cx.atom_type(primal);
            atoms.push(cx.written(tangent, &ty)?);
        }
        Ok(smallvec![Some(cx.emit1(self.clone(), atoms)?)])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(cotangent) = cotangents[0] else {
            return Ok(all_zero(inputs.len()));
        };
        let whole = cx.shape(cotangent);
        let mut at = 0;
        let mut answer = Outputs::new();
        for input in inputs {
            let end = at + input.ty(cx).shape[self.dimension];
            let part = if input.is_linear() {
                let mut start: Shape = smallvec![0; whole.len()];
                let mut limit = whole.clone();
                start[self.dimension] = at;
                limit[self.dimension] = end;
                let strides = smallvec![1; whole.len()];
                let op = Slice {
                    start,
                    limit,
                    strides,
                };
                Some(cx.emit1(op, smallvec![cotangent])?)
            } else {
                None
            };
            answer.push(part);
            at = end;
        }
        Ok(answer)
    }
}

impl Derivative for Pad {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let types = [cx.atom_type(&primals[0]), cx.atom_type(&primals[1])];
        let operand = cx.written(tangents[0], &types[0])?;
        let value = cx.written(tangents[1], &types[1])?;
        Ok(smallvec![Some(
            cx.emit1(self.clone(), smallvec![operand, value])?
        )])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(cotangent) = cotangents[0] else {
            return Ok(all_zero(2));
        };
        // Cropping undoes padding and the other way around; then what stood between the elements is stepped over.
        let undo = |p: &PadAxis| PadAxis {
            low: -p.low,
            high: -p.high,
            interior: 0,
        };
        let zero = cx.number(cotangent, 0.0);
        let config = self.config.iter().map(undo).collect();
        let uncropped = cx.emit1(Pad { config }, smallvec![cotangent, zero])?;
        let limit = cx.shape(uncropped);
        let strides: Shape = self.config.iter().map(|p| p.interior + 1).collect();
        let operand = if strides.iter().all(|&s| s == 1) {
            uncropped
        } else {
            let op = Slice {
                start: smallvec![0; limit.len()],
                limit,
                strides,
            };
            cx.emit1(op, smallvec![uncropped])?
        };
        let value = if inputs[1].is_linear() {
            // What did not come from the operand came from the value.
            let all = (0..self.config.len()).collect::<Shape>();
            let total = cx.reduce_sum(cotangent, all.clone())?;
            let own = cx.reduce_sum(operand, all)?;
            Some(cx.sub(total, own)?)
        } else {
            None
        };
        let operand = inputs[0].is_linear().then_some(operand);
        Ok(smallvec![operand, value])
    }
}
