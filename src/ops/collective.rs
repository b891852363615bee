//! Collectives over named axes (rules V45 to V52).
//!
//! Inside the traced function a collective only has a type. The vmap that binds one of its names replaces it: an
//! axis named there becomes an ordinary reduction or rearrangement over the batch axis, and what remains of the names is left
//! for the vmaps further out. Results that gather all lanes are unbatched.

use crate::array::{DType, Scalar, Shape, TensorType};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::rule::{BatchDim, Batched, ControlRules, Effect, Emit, Outputs, Rules};
use crate::ops::shape::addressable;
use crate::program::text::python::{quoted, tuple};
use crate::program::text::{Given, Shown, python};
use crate::program::{
    Atom, AxisName, BinaryOp, Collective, CollectiveOp, Concatenate, ConvertElementType, Iota, Op,
    Reduce, ReduceOp, Reshape, Slice, SubProgram,
};
use smallvec::{SmallVec, smallvec};

type Axes = SmallVec<[(AxisName, usize); 2]>;

fn lanes(axes: &[(AxisName, usize)]) -> usize {
    axes.iter()
        .fold(1, |lanes: usize, (_, n)| lanes.saturating_mul(*n))
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

impl Rules for Collective {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let Self { kind: op, axes } = self;
        if let CollectiveOp::AxisIndex = op {
            super::expect_operands(inputs, 0)?;
            return Ok(smallvec![TensorType::new(DType::I32, [])]);
        }
        super::expect_operands(inputs, 1)?;
        let ty = inputs[0].clone();
        let n = lanes(axes);
        let out = match op {
            CollectiveOp::Psum
            | CollectiveOp::Pmax
            | CollectiveOp::Pmin
            | CollectiveOp::AxisIndex => ty.with_weak(false),
            CollectiveOp::AllGather { axis, tiled: false } => {
                check_axis(*axis, ty.rank() + 1)?;
                ty.insert_axis(*axis, n)
            }
            CollectiveOp::AllGather { axis, tiled: true } => {
                check_axis(*axis, ty.rank())?;
                let mut ty = ty;
                ty.shape[*axis] = ty.shape[*axis].saturating_mul(n);
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
                    out.shape[*concat_axis] = out.shape[*concat_axis].saturating_mul(n);
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
        addressable(out)
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let Self { kind: op, axes } = self;
        let here = cx
            .axis_name()
            .and_then(|name| axes.iter().position(|(n, _)| n == name));
        let Some(position) = here else {
            return pass_through(cx, op, axes, inputs);
        };
        let mut rest = axes.clone();
        rest.remove(position);
        let size = cx.size();
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
                            Reduce {
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
                    gathered = cx.emit1(Collective { kind: op, axes }, smallvec![gathered])?;
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
                let permuted = cx.emit1(Concatenate { dimension: 0 }, parts)?;
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
                        Reduce {
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

    fn params(&self, shown: &mut Shown<'_>) {
        let Self { kind: op, axes } = self;
        let names = tuple(axes.iter().map(|(name, _)| quoted(name)));
        let sizes = tuple(axes.iter().map(|(_, size)| size));
        // JAX shows a single axis by its bare name where the operation takes just one.
        let single = match &axes[..] {
            [(axis, _)] => python::name(axis),
            _ => names.clone(),
        };
        // JAX shows the product of the sizes, which is enough where there is one axis.
        let product = axes
            .iter()
            .fold(1_usize, |n, (_, size)| n.saturating_mul(*size));
        let sized = match op {
            CollectiveOp::Psum | CollectiveOp::Pmax | CollectiveOp::Pmin => {
                shown.show("axes", names).show("axis_index_groups", "None");
                false
            }
            CollectiveOp::AxisIndex => {
                shown.show("axis_name", single);
                false
            }
            CollectiveOp::AllGather { axis, tiled } => {
                shown
                    .show("all_gather_dimension", *axis)
                    .show("axis_index_groups", "None")
                    .show("axis_name", names)
                    .show("axis_size", product)
                    .show("tiled", *tiled);
                axes.len() == 1
            }
            CollectiveOp::Ppermute { pairs } => {
                let pairs = pairs
                    .iter()
                    .map(|(source, destination)| format!("({source}, {destination})"));
                {
                    shown.show("axis_name", names).show("perm", tuple(pairs));
                    false
                }
            }
            CollectiveOp::AllToAll {
                split_axis,
                concat_axis,
                tiled,
            } => {
                shown
                    .show("axis_index_groups", "None")
                    .show("axis_name", single)
                    .show("concat_axis", *concat_axis)
                    .show("split_axis", *split_axis)
                    .show("tiled", *tiled);
                false
            }
            CollectiveOp::PsumScatter { axis, tiled } => {
                shown
                    .show("axis_index_groups", "None")
                    .show("axis_name", names)
                    .show("axis_size", product)
                    .show("scatter_dimension", *axis)
                    .show("tiled", *tiled);
                axes.len() == 1
            }
        };
        if !sized {
            shown.show("axis_sizes", sizes);
        }
    }

    fn parse(name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let op = match name {
            "psum" => CollectiveOp::Psum,
            "pmax" => CollectiveOp::Pmax,
            "pmin" => CollectiveOp::Pmin,
            "axis_index" => CollectiveOp::AxisIndex,
            "all_gather" => CollectiveOp::AllGather {
                axis: given.number("all_gather_dimension")?,
                tiled: given.boolean("tiled")?,
            },
            "ppermute" => {
                let pairs = given
                    .rows::<usize, 2>("perm")?
                    .into_iter()
                    .map(|[source, destination]| (source, destination));
                CollectiveOp::Ppermute {
                    pairs: pairs.collect(),
                }
            }
            "all_to_all" => CollectiveOp::AllToAll {
                split_axis: given.number("split_axis")?,
                concat_axis: given.number("concat_axis")?,
                tiled: given.boolean("tiled")?,
            },
            "reduce_scatter" => CollectiveOp::PsumScatter {
                axis: given.number("scatter_dimension")?,
                tiled: given.boolean("tiled")?,
            },
            _ => return Err(given.unknown_operation()),
        };
        given.fixed("axis_index_groups", "None")?;
        let names = given.names(if given.has("axes") {
            "axes"
        } else {
            "axis_name"
        })?;
        let sizes = match given.has("axis_sizes") {
            true => {
                // The product JAX shows says nothing more.
                given.optional("axis_size");
                given.shape("axis_sizes")?
            }
            false if given.has("axis_size") && names.len() == 1 => {
                Shape::from_elem(given.number("axis_size")?, 1)
            }
            false => given.axis_sizes(&names)?,
        };
        if names.len() != sizes.len() {
            return Err(ParseError::mismatch(
                given.at(),
                "the number of axis_sizes",
                &names.len(),
                &sizes.len(),
            ));
        }
        let axes = names
            .iter()
            .map(|name| AxisName::from(&name[..]))
            .zip(sizes)
            .collect();
        Ok(Collective { kind: op, axes }.into())
    }
}

impl ControlRules for Collective {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        SmallVec::new()
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Axes(&self.axes)
    }
}

/// The lane's index: this axis counts with the stride of the names after it, the rest is left to outer vmaps.
fn axis_index(
    cx: &mut dyn Emit,
    axes: &Axes,
    position: usize,
    rest: Axes,
) -> Result<Outputs<Batched>, Error> {
    let iota = Iota {
        dtype: DType::I32,
        shape: smallvec![cx.size()],
        dimension: 0,
    };
    let own = cx.emit1(iota, smallvec![])?;
    if rest.is_empty() {
        return Ok(smallvec![Batched::at(own, 0)]);
    }
    // index = sum over axes of index(axis) * product of later sizes; each outer name stays a collective of its own.
    let mut total = scale_i32(cx, own, lanes(&axes[position + 1..]))?;
    for (k, axis) in axes.iter().enumerate().filter(|&(k, _)| k != position) {
        let op = Collective {
            kind: CollectiveOp::AxisIndex,
            axes: smallvec![axis.clone()],
        };
        let index = cx.emit1(op, smallvec![])?;
        let scaled = scale_i32(cx, index, lanes(&axes[k + 1..]))?;
        total = cx.emit1(BinaryOp::Add, smallvec![total, scaled])?;
    }
    Ok(smallvec![Batched::at(total, 0)])
}

/// `x * n` in x's own element type.
fn times(cx: &mut dyn Emit, x: Atom, n: usize) -> Result<Atom, Error> {
    let dtype = cx.atom_type(&x).dtype;
    let factor = Atom::Literal(Scalar::I64(n as i64), false);
    let factor = cx.emit1(ConvertElementType { dtype, weak: false }, smallvec![factor])?;
    cx.emit1(BinaryOp::Mul, smallvec![x, factor])
}

/// The same reduction over the names further out, or its operand where none is left.
fn emit_rest(
    cx: &mut dyn Emit,
    op: &CollectiveOp,
    rest: Axes,
    x: Batched,
) -> Result<Outputs<Batched>, Error> {
    if rest.is_empty() {
        return Ok(smallvec![x]);
    }
    let op = op.clone();
    Ok(smallvec![Batched::unbatched(cx.emit1(
        Collective {
            kind: op,
            axes: rest
        },
        smallvec![x.atom]
    )?)])
}

/// A collective over other names acts lane by lane here: its axes move past the batch axis.
fn pass_through(
    cx: &mut dyn Emit,
    op: &CollectiveOp,
    axes: &Axes,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let Some(x) = inputs.first() else {
        let out = cx.emit1(
            Collective {
                kind: op.clone(),
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
        Collective {
            kind: op,
            axes: axes.clone(),
        },
        smallvec![front],
    )?;
    Ok(smallvec![Batched::at(out, 0)])
}

/// Merges axis `at` with the one after it.
fn merge_axes(cx: &mut dyn Emit, atom: Atom, at: usize) -> Result<Atom, Error> {
    let mut shape = cx.atom_type(&atom).shape;
    let n = shape.remove(at);
    shape[at] = shape[at].saturating_mul(n);
    cx.emit1(Reshape { shape }, smallvec![atom])
}

/// Splits axis `at` into `n` parts where tiled; otherwise it already has one entry per lane.
fn split_axis_of(
    cx: &mut dyn Emit,
    atom: Atom,
    at: usize,
    n: usize,
    tiled: bool,
) -> Result<Atom, Error> {
    if !tiled {
        return Ok(atom);
    }
    let mut shape: Shape = cx.atom_type(&atom).shape;
    shape[at] = shape[at].checked_div(n).unwrap_or(0);
    shape.insert(at, n);
    cx.emit1(Reshape { shape }, smallvec![atom])
}

/// `len` entries of one axis from `start`.
fn lane_slice(
    cx: &mut dyn Emit,
    atom: Atom,
    axis: usize,
    start: usize,
    len: usize,
) -> Result<Atom, Error> {
    let shape = cx.atom_type(&atom).shape;
    let mut low: Shape = SmallVec::from_elem(0, shape.len());
    let mut limit = shape.clone();
    low[axis] = start;
    limit[axis] = start + len;
    let strides = SmallVec::from_elem(1, shape.len());
    cx.emit1(
        Slice {
            start: low,
            limit,
            strides,
        },
        smallvec![atom],
    )
}

/// `atom * by`, both `int32`.
fn scale_i32(cx: &mut dyn Emit, atom: Atom, by: usize) -> Result<Atom, Error> {
    if by == 1 {
        return Ok(atom);
    }
    let factor = Atom::Literal(Scalar::I32(by as i32), false);
    cx.emit1(BinaryOp::Mul, smallvec![atom, factor])
}
