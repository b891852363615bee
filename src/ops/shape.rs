//! Operations that move elements about without looking at them.
//!
//! The parameters and batching rules are those of JAX's `lax` primitives (its semantics, section 5, items 3 and 8).
//! Squeezing, slicing and reversing are views with other strides; nothing is copied before an operation needs it.
//! Under batching an axis parameter keeps its meaning by counting past the batch axis ([`past`]).

mod pad;

use ndarray::{Axis, Slice};
use smallvec::{SmallVec, smallvec};

use super::expect_operands;
use super::{BatchContext, Batched, Outputs, batched_at};
use crate::array::{
    Array, DType, Element, Shape, ShapeTuple, TensorType, dispatch, dispatch_dtype,
};
use crate::error::{Error, OpErrorKind};
use crate::program::{Atom, Atoms, Op};

pub(super) use pad::{batch_pad, eval_pad, infer_pad};

/// The axis `axis` of a lane once a batch axis has been put at `batch`.
pub(super) fn past(axis: usize, batch: usize) -> usize {
    axis + usize::from(axis >= batch)
}

/// [`past`] for a list of axes.
pub(super) fn all_past(axes: &[usize], batch: usize) -> Shape {
    axes.iter().map(|&a| past(a, batch)).collect()
}

/// `shape` with a leading axis of `size`.
pub(super) fn prepend(size: usize, shape: &[usize]) -> Shape {
    std::iter::once(size).chain(shape.iter().copied()).collect()
}

/// One result type, once it is known that an array of it can be addressed.
///
/// ndarray and `Vec` panic beyond `isize::MAX` bytes, empty axes left out of the product.
pub(super) fn addressable(ty: TensorType) -> Result<Outputs<TensorType>, OpErrorKind> {
    let bytes = ty
        .shape
        .iter()
        .filter(|&&n| n > 0)
        .try_fold(8usize, |size, &n| size.checked_mul(n));
    if bytes.is_some_and(|b| isize::try_from(b).is_ok()) {
        Ok(smallvec![ty])
    } else {
        Err(OpErrorKind::parameter(format!(
            "a result of shape {} is larger than memory can address; ask for a smaller one",
            ShapeTuple(&ty.shape)
        )))
    }
}

/// Checks that every axis lies inside `rank`.
pub(super) fn check_axes(axes: &[usize], rank: usize) -> Result<(), OpErrorKind> {
    match axes.iter().find(|&&a| a >= rank) {
        Some(&a) => Err(OpErrorKind::AxisOutOfBounds {
            axis: isize::try_from(a).unwrap_or(isize::MAX),
            rank,
        }),
        None => Ok(()),
    }
}

/// Checks that axes are distinct and in ascending order.
pub(super) fn check_increasing(what: &str, axes: &[usize]) -> Result<(), OpErrorKind> {
    if axes.windows(2).all(|w| w[0] < w[1]) {
        Ok(())
    } else {
        Err(OpErrorKind::parameter(format!(
            "{what} must be strictly increasing, got {}",
            ShapeTuple(axes)
        )))
    }
}

/// Checks that no axis is named twice.
pub(super) fn check_distinct(what: &str, axes: &[usize]) -> Result<(), OpErrorKind> {
    if axes.iter().enumerate().all(|(i, a)| !axes[..i].contains(a)) {
        Ok(())
    } else {
        Err(OpErrorKind::parameter(format!(
            "{what} must name each axis once, got {}",
            ShapeTuple(axes)
        )))
    }
}

/// Checks that a parameter has one entry per axis of the operand.
fn check_entries(what: &str, entries: usize, operand: &TensorType) -> Result<(), OpErrorKind> {
    if entries == operand.rank() {
        Ok(())
    } else {
        let rank = operand.rank();
        Err(OpErrorKind::shapes(
            [operand],
            format!("{what} must have one entry per axis, {rank}, got {entries}"),
        ))
    }
}

/// Whether all operands are weakly typed, which makes the result so.
pub(super) fn all_weak(inputs: &[TensorType]) -> bool {
    !inputs.is_empty() && inputs.iter().all(|t| t.weak)
}

/// A batched value and its batch axis; an unbatched one is repeated along a new leading axis.
fn placed(cx: &mut BatchContext<'_>, value: &Batched) -> Result<(Atom, usize), Error> {
    match value.dim {
        super::BatchDim::At(dim) => Ok((value.atom, dim)),
        super::BatchDim::Unbatched => Ok((cx.materialize_at(value, 0)?, 0)),
    }
}

// ---------------------------------------------------------------------------------------------- broadcast_in_dim

pub(super) fn infer_broadcast_in_dim(
    shape: &[usize],
    dims: &[usize],
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 1)?;
    let operand = &inputs[0];
    check_entries("broadcast_dimensions", dims.len(), operand)?;
    check_axes(dims, shape.len())?;
    check_increasing("broadcast_dimensions", dims)?;
    if let Some((axis, &d)) = dims
        .iter()
        .enumerate()
        .find(|&(i, &d)| ![1, shape[d]].contains(&operand.shape[i]))
    {
        return Err(OpErrorKind::shapes(
            [operand, &operand.with_shape(shape.iter().copied())],
            format!(
                "operand axis {axis} must have length 1 or that of result axis {d}, {}",
                shape[d]
            ),
        ));
    }
    addressable(operand.with_shape(shape.iter().copied()))
}

pub(super) fn batch_broadcast_in_dim(
    cx: &mut BatchContext<'_>,
    shape: &[usize],
    dims: &[usize],
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let operand = cx.materialize_at(&inputs[0], 0)?;
    let dims = prepend(0, &all_past(dims, 0));
    let out = cx.emit1(
        Op::BroadcastInDim {
            shape: prepend(cx.size, shape),
            dims,
        },
        smallvec![operand],
    )?;
    Ok(batched_at(out, 0))
}

// ------------------------------------------------------------------------------------------------------- reshape

pub(super) fn infer_reshape(
    shape: &[usize],
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 1)?;
    let out = inputs[0].with_shape(shape.iter().copied());
    let outputs = addressable(out)?;
    if outputs[0].size() == inputs[0].size() {
        return Ok(outputs);
    }
    let detail = format!(
        "a reshape keeps the number of elements, but {} has {} and {} has {}",
        ShapeTuple(&inputs[0].shape),
        inputs[0].size(),
        ShapeTuple(shape),
        outputs[0].size()
    );
    Err(OpErrorKind::shapes([&inputs[0], &outputs[0]], detail))
}

pub(super) fn batch_reshape(
    cx: &mut BatchContext<'_>,
    shape: &[usize],
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let operand = cx.materialize_at(&inputs[0], 0)?;
    let out = cx.emit1(
        Op::Reshape {
            shape: prepend(cx.size, shape),
        },
        smallvec![operand],
    )?;
    Ok(batched_at(out, 0))
}

// ----------------------------------------------------------------------------------------------------- transpose

pub(super) fn infer_transpose(
    permutation: &[usize],
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 1)?;
    check_entries("permutation", permutation.len(), &inputs[0])?;
    check_axes(permutation, inputs[0].rank())?;
    check_distinct("permutation", permutation)?;
    Ok(smallvec![inputs[0].with_shape(
        permutation.iter().map(|&p| inputs[0].shape[p])
    )])
}

pub(super) fn batch_transpose(
    cx: &mut BatchContext<'_>,
    permutation: &[usize],
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let (operand, bd) = placed(cx, &inputs[0])?;
    let permutation = prepend(bd, &all_past(permutation, bd));
    let out = cx.emit1(Op::Transpose { permutation }, smallvec![operand])?;
    Ok(batched_at(out, 0))
}

// ------------------------------------------------------------------------------------------------------- squeeze

pub(super) fn infer_squeeze(
    dims: &[usize],
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 1)?;
    let operand = &inputs[0];
    check_axes(dims, operand.rank())?;
    check_increasing("dimensions", dims)?;
    if let Some(d) = dims.iter().find(|&&d| operand.shape[d] != 1) {
        return Err(OpErrorKind::shapes(
            [operand],
            format!(
                "only axes of length 1 can be squeezed, but axis {d} has length {}",
                operand.shape[*d]
            ),
        ));
    }
    let kept = (0..operand.rank())
        .filter(|a| !dims.contains(a))
        .map(|a| operand.shape[a]);
    Ok(smallvec![operand.with_shape(kept)])
}

pub(super) fn eval_squeeze(dims: &[usize], operand: &Array) -> Array {
    dispatch!(operand.data(), a => {
        let squeezed = dims.iter().rev().fold(a.clone(), |view, &d| view.index_axis_move(Axis(d), 0));
        Array::wrap(squeezed)
    })
}

pub(super) fn batch_squeeze(
    cx: &mut BatchContext<'_>,
    dims: &[usize],
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let (operand, bd) = placed(cx, &inputs[0])?;
    let dims = all_past(dims, bd);
    let before = dims.iter().filter(|&&d| d < bd).count();
    let out = cx.emit1(Op::Squeeze { dims }, smallvec![operand])?;
    Ok(batched_at(out, bd - before))
}

// --------------------------------------------------------------------------------------------------- concatenate

pub(super) fn infer_concatenate(
    dimension: usize,
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    let Some(first) = inputs.first() else {
        return Err(OpErrorKind::OperandCount {
            expected: 1,
            actual: 0,
        });
    };
    check_axes(&[dimension], first.rank())?;
    if inputs.iter().any(|t| t.dtype != first.dtype) {
        return Err(OpErrorKind::dtypes(
            inputs,
            "all operands must have one element type; convert them first",
        ));
    }
    let fits = |t: &TensorType| {
        t.rank() == first.rank()
            && (0..t.rank()).all(|a| a == dimension || t.shape[a] == first.shape[a])
    };
    if !inputs.iter().all(fits) {
        return Err(OpErrorKind::shapes(
            inputs,
            format!("shapes must agree on every axis but axis {dimension}"),
        ));
    }
    let length = inputs
        .iter()
        .try_fold(0usize, |sum, t| sum.checked_add(t.shape[dimension]));
    let mut out = first.clone().with_weak(all_weak(inputs));
    out.shape[dimension] = length.unwrap_or(usize::MAX);
    addressable(out)
}

pub(super) fn eval_concatenate(dimension: usize, inputs: &[Array]) -> Array {
    if let [only] = inputs {
        return only.clone();
    }
    let mut shape = Shape::from_slice(inputs[0].shape());
    shape[dimension] = inputs.iter().map(|a| a.shape()[dimension]).sum();
    dispatch_dtype!(inputs[0].dtype(), T => {
        let outer: usize = shape[..dimension].iter().product();
        let inner: usize = shape[dimension + 1..].iter().product();
        let mut out: Vec<T> = Vec::with_capacity(shape.iter().product());
        let sources: SmallVec<[_; 4]> =
            inputs.iter().map(|a| (a.elements::<T>(), a.shape()[dimension] * inner)).collect();
        for o in 0..outer {
            for (elements, run) in &sources {
                out.extend_from_slice(&elements[o * run..(o + 1) * run]);
            }
        }
        Array::from_elements(&shape, out)
    })
}

pub(super) fn batch_concatenate(
    cx: &mut BatchContext<'_>,
    dimension: usize,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let operands = inputs
        .iter()
        .map(|x| cx.materialize_at(x, 0))
        .collect::<Result<Atoms, _>>()?;
    let out = cx.emit1(
        Op::Concatenate {
            dimension: dimension + 1,
        },
        operands,
    )?;
    Ok(batched_at(out, 0))
}

// ----------------------------------------------------------------------------------------------------------- rev

pub(super) fn infer_rev(
    dims: &[usize],
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 1)?;
    check_axes(dims, inputs[0].rank())?;
    check_distinct("dimensions", dims)?;
    Ok(smallvec![inputs[0].clone()])
}

pub(super) fn eval_rev(dims: &[usize], operand: &Array) -> Array {
    dispatch!(operand.data(), a => {
        let mut view = a.clone();
        for &d in dims {
            view.invert_axis(Axis(d));
        }
        Array::wrap(view)
    })
}

pub(super) fn batch_rev(
    cx: &mut BatchContext<'_>,
    dims: &[usize],
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let (operand, bd) = placed(cx, &inputs[0])?;
    let out = cx.emit1(
        Op::Rev {
            dims: all_past(dims, bd),
        },
        smallvec![operand],
    )?;
    Ok(batched_at(out, bd))
}

// --------------------------------------------------------------------------------------------------------- slice

pub(super) fn infer_slice(
    start: &[usize],
    limit: &[usize],
    strides: &[usize],
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 1)?;
    let operand = &inputs[0];
    check_entries("start_indices", start.len(), operand)?;
    check_entries("limit_indices", limit.len(), operand)?;
    check_entries("strides", strides.len(), operand)?;
    let mut shape = Shape::new();
    for (axis, &n) in operand.shape.iter().enumerate() {
        let (lo, hi, step) = (start[axis], limit[axis], strides[axis]);
        if lo > hi || hi > n {
            return Err(OpErrorKind::shapes(
                [operand],
                format!(
                    "a slice needs start <= limit <= length, but on axis {axis} it is {lo} <= {hi} <= {n}"
                ),
            ));
        }
        if step == 0 {
            return Err(OpErrorKind::parameter(format!(
                "strides must be at least 1, got 0 on axis {axis}"
            )));
        }
        shape.push((hi - lo).div_ceil(step));
    }
    Ok(smallvec![operand.with_shape(shape)])
}

pub(super) fn eval_slice(
    start: &[usize],
    limit: &[usize],
    strides: &[usize],
    operand: &Array,
) -> Array {
    dispatch!(operand.data(), a => {
        let mut view = a.clone();
        for (axis, &n) in operand.shape().iter().enumerate() {
            // A step beyond the axis takes the first element, as the axis' length does, and that one fits.
            let step = strides[axis].min(n.max(1)) as isize;
            view.slice_axis_inplace(Axis(axis), Slice::from(start[axis]..limit[axis]).step_by(step));
        }
        Array::wrap(view)
    })
}

pub(super) fn batch_slice(
    cx: &mut BatchContext<'_>,
    start: &[usize],
    limit: &[usize],
    strides: &[usize],
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let (operand, bd) = placed(cx, &inputs[0])?;
    let with = |list: &[usize], entry: usize| {
        let mut list = Shape::from_slice(list);
        list.insert(bd, entry);
        list
    };
    let op = Op::Slice {
        start: with(start, 0),
        limit: with(limit, cx.size),
        strides: with(strides, 1),
    };
    let out = cx.emit1(op, smallvec![operand])?;
    Ok(batched_at(out, bd))
}

// ---------------------------------------------------------------------------------------------------------- iota

pub(super) fn infer_iota(
    dtype: DType,
    shape: &[usize],
    dimension: usize,
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 0)?;
    if dtype == DType::Bool {
        return Err(OpErrorKind::dtypes(
            [&TensorType::new(dtype, shape.iter().copied())],
            "counting takes integers or floats; compare or convert afterwards",
        ));
    }
    check_axes(&[dimension], shape.len())?;
    addressable(TensorType::new(dtype, shape.iter().copied()))
}

pub(super) fn eval_iota(dtype: DType, shape: &[usize], dimension: usize) -> Array {
    fn count<T: Element>(shape: &[usize], dimension: usize, value: impl Fn(usize) -> T) -> Array {
        let inner: usize = shape[dimension + 1..].iter().product();
        let outer: usize = shape[..dimension].iter().product();
        let mut out = Vec::with_capacity(shape.iter().product());
        for _ in 0..outer {
            for i in 0..shape[dimension] {
                out.extend(std::iter::repeat_n(value(i), inner));
            }
        }
        Array::from_elements(shape, out)
    }
    // The casts wrap around integer types too narrow for the axis, as JAX does (rule N28).
    match dtype {
        DType::Bool => Array::zeros(dtype, shape),
        DType::U8 => count(shape, dimension, |i| i as u8),
        DType::U32 => count(shape, dimension, |i| i as u32),
        DType::U64 => count(shape, dimension, |i| i as u64),
        DType::I32 => count(shape, dimension, |i| i as i32),
        DType::I64 => count(shape, dimension, |i| i as i64),
        DType::F32 => count(shape, dimension, |i| i as f32),
        DType::F64 => count(shape, dimension, |i| i as f64),
    }
}

#[cfg(test)]
mod tests;
