//! Collectives over named axes (rules V45 to V52).
//!
//! Inside the traced function a collective only has a type. The vmap that binds one of its names replaces it: an
//! axis named there becomes an ordinary reduction or rearrangement over the batch axis, and what remains of the names is left
//! for the vmaps further out. Results that gather all lanes are unbatched.

use smallvec::{SmallVec, smallvec};

use super::{BatchContext, BatchDim, Batched, Outputs};
use crate::array::{DType, Scalar, Shape, TensorType};
use crate::error::{Error, OpErrorKind};
use crate::program::{Atom, AxisName, BinaryOp, CollectiveOp, Op, ReduceOp};

type Axes = SmallVec<[(AxisName, usize); 2]>;

/// The named axes an operation speaks of.
pub(super) fn names(op: &Op) -> &[(AxisName, usize)] {
    match op {
        Op::Collective { axes, .. } => axes,
        _ => &[],
    }
}

fn lanes(axes: &[(AxisName, usize)]) -> usize {
    axes.iter().map(|(_, n)| n).product()
}

fn check_axis(axis: usize, rank: usize) -> Result<(), OpErrorKind> {
    if axis < rank {
        Ok(())
    } else {
        Err(OpErrorKind::AxisOutOfBounds {
            axis: axis as isize,
            rank,
        })
    }
}

/// The extent of one lane's share of an axis split over `n` lanes.
fn share(ty: &TensorType, axis: usize, n: usize) -> Result<usize, OpErrorKind> {
    if n == 0 || !ty.shape[axis].is_multiple_of(n) {
        return Err(OpErrorKind::shapes(
            [ty],
            format!("axis {axis} must divide into {n} equal parts, one per lane"),
        ));
    }
    Ok(ty.shape[axis] / n)
}

/// Checks that an axis has one entry for each of `n` lanes.
fn one_per_lane(ty: &TensorType, axis: usize, n: usize) -> Result<(), OpErrorKind> {
    if ty.shape[axis] == n {
        return Ok(());
    }
    Err(OpErrorKind::shapes(
        [ty],
        format!("axis {axis} must have length {n}, one per lane"),
    ))
}

pub(super) fn infer(
    op: &CollectiveOp,
    axes: &[(AxisName, usize)],
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    if let CollectiveOp::AxisIndex = op {
        super::expect_operands(inputs, 0)?;
        return Ok(smallvec![TensorType::new(DType::I32, [])]);
    }
    super::expect_operands(inputs, 1)?;
    let ty = inputs[0].clone();
    let n = lanes(axes);
    let out = match op {
        CollectiveOp::Psum | CollectiveOp::Pmax | CollectiveOp::Pmin | CollectiveOp::AxisIndex => {
            ty.with_weak(false)
        }
        CollectiveOp::AllGather { axis, tiled: false } => {
            check_axis(*axis, ty.rank() + 1)?;
            ty.insert_axis(*axis, n)
        }
        CollectiveOp::AllGather { axis, tiled: true } => {
            check_axis(*axis, ty.rank())?;
            let mut ty = ty;
            ty.shape[*axis] *= n;
            ty
        }
        CollectiveOp::Ppermute { pairs } => {
            if pairs.len() != n || pairs.iter().any(|&(s, d)| s >= n || d >= n) {
                return Err(OpErrorKind::parameter(format!(
                    "the permutation must have {n} pairs of lanes below {n}, got {pairs:?}"
                )));
            }
            ty
        }
        CollectiveOp::AllToAll {
            split_axis,
            concat_axis,
            tiled,
        } => {
            check_axis(*split_axis, ty.rank())?;
            check_axis(*concat_axis, ty.rank())?;
            let mut out = ty.clone();
            if *tiled {
                out.shape[*split_axis] = share(&ty, *split_axis, n)?;
                out.shape[*concat_axis] *= n;
            } else {
                one_per_lane(&ty, *split_axis, n)?;
                out.shape.remove(*split_axis);
                out.shape.insert(*concat_axis, n);
            }
            out
        }
        CollectiveOp::PsumScatter { axis, tiled } => {
            check_axis(*axis, ty.rank())?;
            let mut out = ty.clone();
            if *tiled {
                out.shape[*axis] = share(&ty, *axis, n)?;
            } else {
                one_per_lane(&ty, *axis, n)?;
                out.shape.remove(*axis);
            }
            out
        }
    };
    Ok(smallvec![out])
}

pub(super) fn batch(
    cx: &mut BatchContext<'_>,
    op: &Op,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let Op::Collective { op, axes } = op else {
        return Ok(Outputs::new());
    };
    let here = cx
        .axis_name
        .and_then(|name| axes.iter().position(|(n, _)| n == name));
    let Some(position) = here else {
        return pass_through(cx, op, axes, inputs);
    };
    let mut rest = axes.clone();
    rest.remove(position);
    let size = cx.size;
    if let CollectiveOp::AxisIndex = op {
        return axis_index(cx, axes, position, rest);
    }
    let x = inputs[0];
    match op {
        CollectiveOp::Psum | CollectiveOp::Pmax | CollectiveOp::Pmin => {
            let reduced = match x.dim {
                BatchDim::At(d) => {
                    let kind = match op {
                        CollectiveOp::Psum => ReduceOp::Sum,
                        CollectiveOp::Pmax => ReduceOp::Max,
                        _ => ReduceOp::Min,
                    };
                    cx.emit1(
                        Op::Reduce {
                            kind,
                            axes: smallvec![d],
                        },
                        smallvec![x.atom],
                    )?
                }
                BatchDim::Unbatched if *op == CollectiveOp::Psum => times(cx, x.atom, size)?,
                BatchDim::Unbatched => x.atom,
            };
            emit_rest(cx, op, rest, Batched::unbatched(reduced))
        }
        // Several names act as one axis, row-major in the order given, whatever order the vmaps nest in.
        CollectiveOp::AllGather { axis, tiled } => {
            let mut gathered = cx.materialize_at(&x, *axis)?;
            for name in rest.iter().rev() {
                let op = CollectiveOp::AllGather {
                    axis: *axis,
                    tiled: false,
                };
                let axes = smallvec![name.clone()];
                gathered = cx.emit1(Op::Collective { op, axes }, smallvec![gathered])?;
            }
            gathered = cx.move_axis(gathered, axis + rest.len(), axis + position)?;
            for _ in 0..rest.len() + usize::from(*tiled) {
                gathered = merge_axes(cx, gathered, *axis)?;
            }
            Ok(smallvec![Batched::unbatched(gathered)])
        }
        // Every lane sends and receives the same.
        CollectiveOp::Ppermute { .. } if !x.dim.is_batched() => Ok(smallvec![x]),
        CollectiveOp::Ppermute { pairs } => {
            // A lane nothing is sent to reads lane 0; of several senders the last wins (rule V49).
            let mut source = vec![0_usize; size];
            for &(from, to) in pairs {
                source[to] = from;
            }
            let front = cx.materialize_at(&x, 0)?;
            let parts = source
                .iter()
                .map(|&s| lane_slice(cx, front, 0, s, 1))
                .collect::<Result<_, _>>()?;
            let permuted = cx.emit1(Op::Concatenate { dimension: 0 }, parts)?;
            Ok(smallvec![Batched::at(permuted, 0)])
        }
        CollectiveOp::AllToAll {
            split_axis,
            concat_axis,
            tiled,
        } => {
            // [lane, .. split ..]: lane i's slice j becomes lane j's slice i, an exchange of two axes.
            let front = cx.materialize_at(&x, 0)?;
            let split = split_axis_of(cx, front, split_axis + 1, size, *tiled)?;
            // Now the split axis is at split_axis + 1 and, where tiled, its block follows it.
            let split_to_front = cx.move_axis(split, split_axis + 1, 0)?;
            // Axis 1 is the sending lane; it goes where concat_axis is among the lane's remaining axes.
            let placed = cx.move_axis(split_to_front, 1, concat_axis + 1)?;
            let out = if *tiled {
                merge_axes(cx, placed, concat_axis + 1)?
            } else {
                placed
            };
            Ok(smallvec![Batched::at(out, 0)])
        }
        CollectiveOp::PsumScatter { axis, tiled } => {
            let summed = match x.dim {
                BatchDim::At(d) => cx.emit1(
                    Op::Reduce {
                        kind: ReduceOp::Sum,
                        axes: smallvec![d],
                    },
                    smallvec![x.atom],
                )?,
                BatchDim::Unbatched => times(cx, x.atom, size)?,
            };
            let split = split_axis_of(cx, summed, *axis, size, *tiled)?;
            Ok(smallvec![Batched::at(split, *axis)])
        }
        CollectiveOp::AxisIndex => Ok(Outputs::new()),
    }
}

/// The lane's index: this axis counts with the stride of the names after it, the rest is left to outer vmaps.
fn axis_index(
    cx: &mut BatchContext<'_>,
    axes: &Axes,
    position: usize,
    rest: Axes,
) -> Result<Outputs<Batched>, Error> {
    let iota = Op::Iota {
        dtype: DType::I32,
        shape: smallvec![cx.size],
        dimension: 0,
    };
    let own = cx.emit1(iota, smallvec![])?;
    if rest.is_empty() {
        return Ok(smallvec![Batched::at(own, 0)]);
    }
    // index = sum over axes of index(axis) * product of later sizes; each outer name stays a collective of its own.
    let mut total = cx.scale_i32(own, lanes(&axes[position + 1..]))?;
    for (k, axis) in axes.iter().enumerate().filter(|&(k, _)| k != position) {
        let op = Op::Collective {
            op: CollectiveOp::AxisIndex,
            axes: smallvec![axis.clone()],
        };
        let index = cx.emit1(op, smallvec![])?;
        let scaled = cx.scale_i32(index, lanes(&axes[k + 1..]))?;
        total = cx.emit1(Op::Binary(BinaryOp::Add), smallvec![total, scaled])?;
    }
    Ok(smallvec![Batched::at(total, 0)])
}

impl BatchContext<'_> {
    fn scale_i32(&mut self, atom: Atom, by: usize) -> Result<Atom, Error> {
        if by == 1 {
            return Ok(atom);
        }
        let factor = Atom::Literal(Scalar::I32(by as i32), false);
        self.emit1(Op::Binary(BinaryOp::Mul), smallvec![atom, factor])
    }
}

/// `x * n` in x's own element type.
fn times(cx: &mut BatchContext<'_>, x: Atom, n: usize) -> Result<Atom, Error> {
    let dtype = cx.builder.atom_type(&x).dtype;
    let factor = Atom::Literal(Scalar::I64(n as i64), false);
    let factor = cx.emit1(
        Op::ConvertElementType { dtype, weak: false },
        smallvec![factor],
    )?;
    cx.emit1(Op::Binary(BinaryOp::Mul), smallvec![x, factor])
}

/// The same reduction over the names further out, or its operand where none is left.
fn emit_rest(
    cx: &mut BatchContext<'_>,
    op: &CollectiveOp,
    rest: Axes,
    x: Batched,
) -> Result<Outputs<Batched>, Error> {
    if rest.is_empty() {
        return Ok(smallvec![x]);
    }
    let op = op.clone();
    Ok(smallvec![Batched::unbatched(cx.emit1(
        Op::Collective { op, axes: rest },
        smallvec![x.atom]
    )?)])
}

/// A collective over other names acts lane by lane here: its axes move past the batch axis.
fn pass_through(
    cx: &mut BatchContext<'_>,
    op: &CollectiveOp,
    axes: &Axes,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let Some(x) = inputs.first() else {
        let out = cx.emit1(
            Op::Collective {
                op: op.clone(),
                axes: axes.clone(),
            },
            smallvec![],
        )?;
        return Ok(smallvec![Batched::unbatched(out)]);
    };
    let front = cx.batch_to_front(x)?;
    let op = match op.clone() {
        CollectiveOp::AllGather { axis, tiled } => CollectiveOp::AllGather {
            axis: axis + 1,
            tiled,
        },
        CollectiveOp::AllToAll {
            split_axis,
            concat_axis,
            tiled,
        } => CollectiveOp::AllToAll {
            split_axis: split_axis + 1,
            concat_axis: concat_axis + 1,
            tiled,
        },
        CollectiveOp::PsumScatter { axis, tiled } => CollectiveOp::PsumScatter {
            axis: axis + 1,
            tiled,
        },
        op => op,
    };
    let out = cx.emit1(
        Op::Collective {
            op,
            axes: axes.clone(),
        },
        smallvec![front],
    )?;
    Ok(smallvec![Batched::at(out, 0)])
}

/// Merges axis `at` with the one after it.
fn merge_axes(cx: &mut BatchContext<'_>, atom: Atom, at: usize) -> Result<Atom, Error> {
    let mut shape = cx.builder.atom_type(&atom).shape;
    let n = shape.remove(at);
    shape[at] *= n;
    cx.emit1(Op::Reshape { shape }, smallvec![atom])
}

/// Splits axis `at` into `n` parts where tiled; otherwise it already has one entry per lane.
fn split_axis_of(
    cx: &mut BatchContext<'_>,
    atom: Atom,
    at: usize,
    n: usize,
    tiled: bool,
) -> Result<Atom, Error> {
    if !tiled {
        return Ok(atom);
    }
    let mut shape: Shape = cx.builder.atom_type(&atom).shape;
    shape[at] = shape[at].checked_div(n).unwrap_or(0);
    shape.insert(at, n);
    cx.emit1(Op::Reshape { shape }, smallvec![atom])
}

/// `len` entries of one axis from `start`.
fn lane_slice(
    cx: &mut BatchContext<'_>,
    atom: Atom,
    axis: usize,
    start: usize,
    len: usize,
) -> Result<Atom, Error> {
    let shape = cx.builder.atom_type(&atom).shape;
    let mut low: Shape = SmallVec::from_elem(0, shape.len());
    let mut limit = shape.clone();
    low[axis] = start;
    limit[axis] = start + len;
    let strides = SmallVec::from_elem(1, shape.len());
    cx.emit1(
        Op::Slice {
            start: low,
            limit,
            strides,
        },
        smallvec![atom],
    )
}
