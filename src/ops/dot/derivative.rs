//! The derivative of the generalized matrix product, which is linear in each operand.

use smallvec::smallvec;

use super::sides;
use crate::array::Shape;
use crate::error::Error;
use crate::ops::derivative::{all_zero, not_linear};
use crate::ops::rule::{Derivative, LinearInput, Outputs, Tangents};
use crate::program::{Atom, DotDims, DotGeneral};

impl Derivative for DotGeneral {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let mut product = |x, y| cx.emit1(self.clone(), smallvec![x, y]);
        let left = tangents[0].map(|t| product(t, primals[1])).transpose()?;
        let right = tangents[1].map(|t| product(primals[0], t)).transpose()?;
        Ok(smallvec![cx.sum(left, right)?])
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
        let d = &self.dims;
        match (&inputs[0], &inputs[1]) {
            (LinearInput::Linear(ty), LinearInput::Known(y)) => {
                let ct = operand_cotangent(cx, d, ty.rank(), cotangent, *y, false)?;
                Ok(smallvec![Some(ct), None])
            }
            (LinearInput::Known(x), LinearInput::Linear(ty)) => {
                let swapped = DotDims {
                    lhs_contract: d.rhs_contract.clone(),
                    rhs_contract: d.lhs_contract.clone(),
                    lhs_batch: d.rhs_batch.clone(),
                    rhs_batch: d.lhs_batch.clone(),
                };
                let ct = operand_cotangent(cx, &swapped, ty.rank(), cotangent, *x, true)?;
                Ok(smallvec![None, Some(ct)])
            }
            (LinearInput::Linear(_), LinearInput::Linear(_))
            | (LinearInput::Known(_), LinearInput::Known(_)) => {
                not_linear(cx, self.clone(), inputs)
            }
        }
    }
}

/// The cotangent of the first operand of `dims`, from that of the product and the second operand: their product over the
/// second operand's free axes. `swapped` says that the second operand stood on the left.
fn operand_cotangent(
    cx: &mut dyn Tangents,
    dims: &DotDims,
    rank: usize,
    cotangent: Atom,
    other: Atom,
    swapped: bool,
) -> Result<Atom, Error> {
    let (own, theirs) = sides(dims, rank, cx.rank(other));
    let (own_free, their_free) = (own.free(), theirs.free());
    let batch = dims.lhs_batch.len();
    // The product has the batch axes, then the free axes of its left operand, then those of its right one.
    let from = batch + if swapped { 0 } else { own_free.len() };
    let product = DotDims {
        lhs_contract: (from..from + their_free.len()).collect(),
        rhs_contract: their_free.iter().copied().collect(),
        lhs_batch: (0..batch).collect(),
        rhs_batch: dims.rhs_batch.clone(),
    };
    let product = cx.emit1(DotGeneral { dims: product }, smallvec![cotangent, other])?;
    // What is left of the other operand are its contracted axes, in its order.
    let mut pairs: Vec<(usize, usize)> = dims
        .rhs_contract
        .iter()
        .copied()
        .zip(dims.lhs_contract.iter().copied())
        .collect();
    pairs.sort_unstable();
    let axes = dims.lhs_batch.iter().copied().chain(own_free);
    let axes: Shape = axes.chain(pairs.into_iter().map(|(_, own)| own)).collect();
    let mut permutation: Shape = smallvec![0; rank];
    for (at, &axis) in axes.iter().enumerate() {
        permutation[axis] = at;
    }
    cx.permute(product, &permutation)
}
