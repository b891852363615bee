//! Derivatives of sorting: tangents go where their elements go.
//!
//! The order is that of the primal operands, equal elements in the order they came in, so no tie is shared.

use smallvec::smallvec;

use crate::array::Shape;
use crate::error::Error;
use crate::ops::derivative::{all_zero, not_linear};
use crate::ops::rule::{Derivative, LinearInput, Outputs, Tangents};
use crate::program::{Atom, Atoms, Gather, GatherDims, IndexMode, Sort, TopK};

impl Derivative for Sort {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let shape = cx.shape(primals[0]);
        let mut atoms: Atoms = primals[..self.num_keys].iter().copied().collect();
        atoms.push(cx.positions(&shape, self.dimension)?);
        let sorted = cx.push(self.clone().into(), atoms)?;
        let origin = sorted[self.num_keys];
        let mut answer = Outputs::new();
        for &tangent in tangents {
            answer.push(match tangent {
                Some(tangent) => Some(picked(cx, tangent, origin, self.dimension)?),
                None => None,
            });
        }
        Ok(answer)
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

impl Derivative for TopK {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let mut answer = all_zero(2);
        if let Some(tangent) = tangents[0] {
            let axis = cx.rank(primals[0]) - 1;
            answer[0] = Some(picked(cx, tangent, results[1], axis)?);
        }
        Ok(answer)
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

/// `x[.., positions[..], ..]` along an axis, all other axes running together; positions lie inside.
fn picked(cx: &mut dyn Tangents, x: Atom, positions: Atom, axis: usize) -> Result<Atom, Error> {
    let (whole, mut shape) = (cx.shape(x), cx.shape(positions));
    let others: Shape = (0..shape.len()).filter(|&a| a != axis).collect();
    // An empty axis admits no window of length 1.
    let slice_sizes = whole.iter().map(|&n| n.min(1)).collect();
    shape.push(1);
    let indices = cx.reshape(positions, &shape)?;
    let gather = Gather {
        dims: GatherDims {
            offset_dims: Shape::new(),
            collapsed_slice_dims: smallvec![axis],
            start_index_map: smallvec![axis],
            operand_batching_dims: others.clone(),
            start_indices_batching_dims: others,
        },
        slice_sizes,
        mode: IndexMode::Clip,
        fill: None,
    };
    cx.emit1(gather, smallvec![x, indices])
}
