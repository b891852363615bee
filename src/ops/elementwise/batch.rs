//! How lanes of elementwise operands meet (section 5, items 1, 2 and 5 of the reference).

use crate::array::Shape;
use crate::error::Error;
use crate::ops::rule::{BatchDim, Batched, Emit, Outputs, batched_at};
use crate::program::{Atom, Atoms, Binary, BroadcastInDim};
use smallvec::smallvec;

/// Operands that all have the lanes in one place keep them there; otherwise lanes go in front, and what lacks them
/// gets a leading axis of length 1 and leaves the rest to broadcasting.
pub(crate) fn batch_binary(
    cx: &mut dyn Emit,
    op: Binary,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let types: Vec<_> = inputs.iter().map(|v| cx.ty(v)).collect();
    if let Some((first, dim)) = first_batched(inputs) {
        let agree = |(v, ty): (&Batched, &crate::array::TensorType)| {
            ty.rank() == 0 || (v.dim == BatchDim::At(dim) && ty.shape == types[first].shape)
        };
        if inputs.iter().zip(&types).all(agree) {
            let atom = cx.emit1(op, inputs.iter().map(|v| v.atom).collect())?;
            return Ok(batched_at(atom, dim));
        }
    }
    let mut atoms = Atoms::new();
    for (value, ty) in inputs.iter().zip(&types) {
        atoms.push(match value.dim {
            BatchDim::At(_) => cx.batch_to_front(value)?,
            BatchDim::Unbatched if ty.rank() == 0 => value.atom,
            BatchDim::Unbatched => cx.broadcast_new_axis(value.atom, 0, 1)?,
        });
    }
    let rank = atoms
        .iter()
        .map(|a| cx.atom_type(a).rank())
        .max()
        .unwrap_or(0);
    for (value, atom) in inputs.iter().zip(&mut atoms) {
        if value.dim.is_batched() {
            *atom = trailing_axes(cx, *atom, rank)?;
        }
    }
    Ok(batched_at(cx.emit1(op, atoms)?, 0))
}

/// Where the first batched operand is, and its batch axis.
pub(super) fn first_batched(inputs: &[Batched]) -> Option<(usize, usize)> {
    inputs.iter().enumerate().find_map(|(i, v)| match v.dim {
        BatchDim::At(dim) => Some((i, dim)),
        BatchDim::Unbatched => None,
    })
}

/// Appends axes of length 1 up to the given rank: a scalar per lane that meets lanes with axes.
pub(super) fn trailing_axes(cx: &mut dyn Emit, atom: Atom, rank: usize) -> Result<Atom, Error> {
    let ty = cx.atom_type(&atom);
    if ty.rank() == rank {
        return Ok(atom);
    }
    let mut shape = ty.shape.clone();
    shape.resize(rank, 1);
    cx.emit1(
        BroadcastInDim {
            shape,
            dims: (0..ty.rank()).collect(),
        },
        smallvec![atom],
    )
}

/// Repeats a value over `shape`, its axes being at `dims`.
pub(super) fn broadcast(
    cx: &mut dyn Emit,
    atom: Atom,
    shape: &Shape,
    dims: Shape,
) -> Result<Atom, Error> {
    if cx.atom_type(&atom).shape == *shape {
        return Ok(atom);
    }
    cx.emit1(
        BroadcastInDim {
            shape: shape.clone(),
            dims,
        },
        smallvec![atom],
    )
}

pub(super) fn rank(cx: &dyn Emit, atom: Atom) -> usize {
    cx.atom_type(&atom).rank()
}

/// An operand that has any axes, with its lanes materialized in front; a scalar as it is.
pub(super) fn front_unless_scalar(cx: &mut dyn Emit, value: &Batched) -> Result<Atom, Error> {
    if cx.ty(value).rank() == 0 {
        Ok(value.atom)
    } else {
        cx.materialize_at(value, 0)
    }
}
