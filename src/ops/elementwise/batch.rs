//! Batching rules of elementwise operations (section 5, items 1, 2 and 5 of the reference).

use smallvec::smallvec;

use crate::array::Shape;
use crate::error::Error;
use crate::ops::{BatchContext, BatchDim, Batched, Outputs, batched_at};
use crate::program::{Atom, Atoms, Op};

/// The operation, with the lanes where they are.
pub(crate) fn batch_unary(
    cx: &mut BatchContext<'_>,
    op: &Op,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let atom = cx.emit1(op.clone(), smallvec![inputs[0].atom])?;
    Ok(smallvec![Batched {
        atom,
        dim: inputs[0].dim
    }])
}

/// Operands that all have the lanes in one place keep them there; otherwise lanes go in front, and what lacks them
/// gets a leading axis of length 1 and leaves the rest to broadcasting.
pub(crate) fn batch_binary(
    cx: &mut BatchContext<'_>,
    op: &Op,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let types: Vec<_> = inputs.iter().map(|v| cx.ty(v)).collect();
    if let Some((first, dim)) = first_batched(inputs) {
        let agree = |(v, ty): (&Batched, &crate::array::TensorType)| {
            ty.rank() == 0 || (v.dim == BatchDim::At(dim) && ty.shape == types[first].shape)
        };
        if inputs.iter().zip(&types).all(agree) {
            let atom = cx.emit1(op.clone(), inputs.iter().map(|v| v.atom).collect())?;
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
        .map(|a| cx.builder.atom_type(a).rank())
        .max()
        .unwrap_or(0);
    for (value, atom) in inputs.iter().zip(&mut atoms) {
        if value.dim.is_batched() {
            *atom = trailing_axes(cx, *atom, rank)?;
        }
    }
    Ok(batched_at(cx.emit1(op.clone(), atoms)?, 0))
}

/// Where the first batched operand is, and its batch axis.
fn first_batched(inputs: &[Batched]) -> Option<(usize, usize)> {
    inputs.iter().enumerate().find_map(|(i, v)| match v.dim {
        BatchDim::At(dim) => Some((i, dim)),
        BatchDim::Unbatched => None,
    })
}

/// Appends axes of length 1 up to the given rank: a scalar per lane that meets lanes with axes.
fn trailing_axes(cx: &mut BatchContext<'_>, atom: Atom, rank: usize) -> Result<Atom, Error> {
    let ty = cx.builder.atom_type(&atom);
    if ty.rank() == rank {
        return Ok(atom);
    }
    let mut shape = ty.shape.clone();
    shape.resize(rank, 1);
    cx.emit1(
        Op::BroadcastInDim {
            shape,
            dims: (0..ty.rank()).collect(),
        },
        smallvec![atom],
    )
}

/// Repeats a value over `shape`, its axes being at `dims`.
fn broadcast(
    cx: &mut BatchContext<'_>,
    atom: Atom,
    shape: &Shape,
    dims: Shape,
) -> Result<Atom, Error> {
    if cx.builder.atom_type(&atom).shape == *shape {
        return Ok(atom);
    }
    cx.emit1(
        Op::BroadcastInDim {
            shape: shape.clone(),
            dims,
        },
        smallvec![atom],
    )
}

fn rank(cx: &BatchContext<'_>, atom: Atom) -> usize {
    cx.builder.atom_type(&atom).rank()
}

/// An operand that has any axes, with its lanes materialized in front; a scalar as it is.
fn front_unless_scalar(cx: &mut BatchContext<'_>, value: &Batched) -> Result<Atom, Error> {
    if cx.ty(value).rank() == 0 {
        Ok(value.atom)
    } else {
        cx.materialize_at(value, 0)
    }
}

/// `select_n` needs equal shapes, apart from a scalar `which`, so a scalar per lane is repeated over the lane.
pub(crate) fn batch_select_n(
    cx: &mut BatchContext<'_>,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let (which, cases) = (&inputs[0], &inputs[1..]);
    let case_type = cx.ty(&cases[0]);
    let cases_agree = cases.iter().all(|c| c.dim == cases[0].dim);

    if let (true, BatchDim::At(dim)) = (cases_agree, cases[0].dim) {
        let mut atoms: Atoms = inputs.iter().map(|v| v.atom).collect();
        if which.dim == cases[0].dim {
            if cx.ty(which).rank() != case_type.rank() {
                atoms[0] = broadcast(cx, which.atom, &case_type.shape, smallvec![dim])?;
            }
            return Ok(batched_at(cx.emit1(Op::SelectN, atoms)?, dim));
        }
        // One choice for all lanes.
        if cx.ty(which).rank() == 0 {
            return Ok(batched_at(cx.emit1(Op::SelectN, atoms)?, dim));
        }
    }

    let mut atoms: Atoms = smallvec![front_unless_scalar(cx, which)?];
    let scalar_cases = cases.iter().all(|c| cx.ty(c).rank() == 0);
    for case in cases {
        atoms.push(if scalar_cases {
            case.atom
        } else {
            cx.materialize_at(case, 0)?
        });
    }
    let case_type = cx.builder.atom_type(&atoms[1]);
    let which_type = cx.builder.atom_type(&atoms[0]);
    if (1..case_type.rank()).contains(&which_type.rank()) {
        atoms[0] = broadcast(cx, atoms[0], &case_type.shape, smallvec![0])?;
    }
    for atom in &mut atoms[1..] {
        if rank(cx, *atom) < which_type.rank() {
            *atom = broadcast(cx, *atom, &which_type.shape, Shape::new())?;
        }
    }
    Ok(batched_at(cx.emit1(Op::SelectN, atoms)?, 0))
}

/// `clamp` needs bounds of the operand's shape, or scalars for all lanes.
pub(crate) fn batch_clamp(
    cx: &mut BatchContext<'_>,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let (lo, x, hi) = (&inputs[0], &inputs[1], &inputs[2]);
    let x_type = cx.ty(x);
    if let BatchDim::At(dim) = x.dim {
        // Bounds that are scalars for all lanes, or whose lanes lie where the operand's do.
        let in_place = |cx: &BatchContext<'_>, v: &Batched| v.dim == x.dim || cx.ty(v).rank() == 0;
        if in_place(cx, lo) && in_place(cx, hi) {
            let mut atoms: Atoms = inputs.iter().map(|v| v.atom).collect();
            for (bound, atom) in [(lo, 0), (hi, 2)] {
                if bound.dim.is_batched() && cx.ty(bound).rank() != x_type.rank() {
                    atoms[atom] = broadcast(cx, bound.atom, &x_type.shape, smallvec![dim])?;
                }
            }
            return Ok(batched_at(cx.emit1(Op::Clamp, atoms)?, dim));
        }
    }
    let x_front = cx.materialize_at(x, 0)?;
    let shape = cx.builder.atom_type(&x_front).shape;
    let mut bounds: [Atom; 2] = [lo.atom, hi.atom];
    for (bound, atom) in [lo, hi].into_iter().zip(&mut bounds) {
        let front = front_unless_scalar(cx, bound)?;
        // A scalar per lane has rank 1 here and goes along the lanes; a full bound has the operand's rank already.
        *atom = if (1..shape.len()).contains(&rank(cx, front)) {
            broadcast(cx, front, &shape, smallvec![0])?
        } else {
            front
        };
    }
    Ok(batched_at(
        cx.emit1(Op::Clamp, smallvec![bounds[0], x_front, bounds[1]])?,
        0,
    ))
}
