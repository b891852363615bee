//! Derivatives of reductions.

use smallvec::smallvec;

use crate::array::Shape;
use crate::error::Error;
use crate::ops::derivative::{all_zero, linear_jvp, linear_transpose, not_linear};
use crate::ops::rule::{Derivative, LinearInput, Outputs, Tangents};
use crate::program::{
    ArgReduce, Atom, BinaryOp, BroadcastInDim, ConvertElementType, Pad, PadAxis, Reduce, ReduceOp,
    Slice,
};

impl Derivative for Reduce {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(tangent) = tangents[0] else {
            return Ok(all_zero(1));
        };
        let tangent = match self.kind {
            ReduceOp::Sum => return linear_jvp(cx, self.clone(), tangents),
            ReduceOp::And | ReduceOp::Or | ReduceOp::Xor => None,
            ReduceOp::Prod => prod_jvp(cx, &self.axes, primals[0], tangent)?,
            ReduceOp::Max | ReduceOp::Min => Some(extreme_jvp(
                cx, &self.axes, primals[0], results[0], tangent,
            )?),
        };
        Ok(smallvec![tangent])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        if self.kind != ReduceOp::Sum {
            return not_linear(cx, self.clone(), inputs);
        }
        linear_transpose(cx, cotangents, inputs, |cx, ct, ty| {
            let dims = (0..ty.rank()).filter(|a| !self.axes.contains(a)).collect();
            let shape = ty.shape.clone();
            cx.emit1(BroadcastInDim { shape, dims }, smallvec![ct])
        })
    }
}

/// Elements that are equal to the extreme share its tangent; where the extreme is NaN no element is, and the tangent is
/// NaN.
fn extreme_jvp(
    cx: &mut dyn Tangents,
    axes: &Shape,
    x: Atom,
    extreme: Atom,
    tangent: Atom,
) -> Result<Atom, Error> {
    let ty = cx.atom_type(&x);
    let mut shape = ty.shape.clone();
    for &axis in axes {
        shape[axis] = 1;
    }
    let extreme = cx.reshape(extreme, &shape)?;
    let reached = cx.binary(BinaryOp::Eq, x, extreme)?;
    let convert = ConvertElementType {
        dtype: ty.dtype,
        weak: false,
    };
    let reached = cx.emit1(convert, smallvec![reached])?;
    let count = cx.reduce_sum(reached, axes.clone())?;
    let weighted = cx.mul(tangent, reached)?;
    let total = cx.reduce_sum(weighted, axes.clone())?;
    cx.div(total, count)
}

/// The product rule along a tree of products of halves, in which zeros cost nothing: no quotient is taken.
fn prod_jvp(
    cx: &mut dyn Tangents,
    axes: &Shape,
    x: Atom,
    tangent: Atom,
) -> Result<Option<Atom>, Error> {
    let ty = cx.atom_type(&x);
    let kept: Shape = (0..ty.rank()).filter(|a| !axes.contains(a)).collect();
    let order: Shape = axes.iter().chain(&kept).copied().collect();
    let count: usize = axes.iter().map(|&a| ty.shape[a]).product();
    let lengths: Shape = kept.iter().map(|&a| ty.shape[a]).collect();
    if count == 0 {
        return Ok(None);
    }
    let mut flat: Shape = smallvec![count];
    flat.extend_from_slice(&lengths);
    let mut pair = [x, tangent];
    for atom in &mut pair {
        let ordered = cx.permute(*atom, &order)?;
        *atom = cx.reshape(ordered, &flat)?;
    }
    let [mut x, mut t] = pair;
    let mut n = count;
    while n > 1 {
        let half = n.div_ceil(2);
        let (x1, x2) = (rows(cx, x, 0, half)?, padded(cx, x, half, n, 1.0)?);
        let (t1, t2) = (rows(cx, t, 0, half)?, padded(cx, t, half, n, 0.0)?);
        let (left, right) = (cx.mul(t1, x2)?, cx.mul(x1, t2)?);
        t = cx.add(left, right)?;
        x = cx.mul(x1, x2)?;
        n = half;
    }
    cx.reshape(t, &lengths).map(Some)
}

/// Rows of the leading axis.
fn rows(cx: &mut dyn Tangents, atom: Atom, from: usize, to: usize) -> Result<Atom, Error> {
    let mut limit = cx.shape(atom);
    let mut start: Shape = smallvec![0; limit.len()];
    let strides = smallvec![1; limit.len()];
    (start[0], limit[0]) = (from, to);
    let op = Slice {
        start,
        limit,
        strides,
    };
    cx.emit1(op, smallvec![atom])
}

/// The second half of `n` rows, made as long as the first.
fn padded(
    cx: &mut dyn Tangents,
    atom: Atom,
    half: usize,
    n: usize,
    value: f64,
) -> Result<Atom, Error> {
    let second = rows(cx, atom, half, n)?;
    if n == 2 * half {
        return Ok(second);
    }
    let mut config = smallvec![PadAxis::default(); cx.rank(atom)];
    config[0] = PadAxis {
        high: 1,
        ..PadAxis::default()
    };
    let value = cx.number(atom, value);
    cx.emit1(Pad { config }, smallvec![second, value])
}

impl Derivative for ArgReduce {
    fn jvp(
        &self,
        _cx: &mut dyn Tangents,
        _primals: &[Atom],
        _results: &[Atom],
        _tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        Ok(all_zero(1))
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        _cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        not_linear(cx, self.clone(), inputs)
    }
}
