//! Windows of an operand updated at positions given by indices, as in XLA.
//!
//! Dimension numbers are XLA's; the batching rule is JAX's (its semantics, section 5, item 11). Updates are applied in
//! the row-major order of the grid of windows, so the last one written to an element wins, and sums of floats come out
//! the same each time (rule N23).

use smallvec::smallvec;

use super::expect_operands;
use super::gather::window::{Addressing, Windows, row_major_strides};
use super::shape::{all_past, check_axes, check_increasing};
use super::{BatchContext, Batched, Outputs, batched_at};
use crate::array::{Array, Element, Shape, ShapeTuple, TensorType, dispatch_dtype};
use crate::error::{Error, OpErrorKind};
use crate::program::{IndexMode, Op, ScatterDims, ScatterOp};

pub(super) fn infer(
    dims: &ScatterDims,
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 3)?;
    let (operand, indices, updates) = (&inputs[0], &inputs[1], &inputs[2]);
    let addressing = Addressing {
        flat: ("inserted_window_dims", &dims.inserted_window_dims),
        index_map: (
            "scatter_dims_to_operand_dims",
            &dims.scatter_dims_to_operand_dims,
        ),
        operand_batching: &dims.operand_batching_dims,
        indices_batching: (
            "scatter_indices_batching_dims",
            &dims.scatter_indices_batching_dims,
        ),
    };
    addressing.check(operand, indices, dims.update_window_dims.len())?;
    if operand.dtype != updates.dtype {
        let detail = "updates must have the operand's element type; convert them first";
        return Err(OpErrorKind::dtypes([operand, updates], detail));
    }
    check_axes(&dims.update_window_dims, updates.rank())?;
    check_increasing("update_window_dims", &dims.update_window_dims)?;
    let grid: Shape = grid_axes(dims, updates.rank())
        .map(|a| updates.shape[a])
        .collect();
    if grid[..] != indices.shape[..indices.rank() - 1] {
        return Err(OpErrorKind::shapes(
            inputs,
            format!(
                "axes of the updates other than update_window_dims, {}, must have the lengths of the indices' axes \
                 but the last",
                ShapeTuple(&grid)
            ),
        ));
    }
    let sizes = window_sizes(dims, operand.rank(), &updates.shape);
    // Flat windows may meet an empty axis: then they fit nowhere, and nothing is written.
    let flat = |axis: usize| {
        dims.inserted_window_dims.contains(&axis) || dims.operand_batching_dims.contains(&axis)
    };
    if let Some(axis) = (0..operand.rank()).find(|&a| !flat(a) && sizes[a] > operand.shape[a]) {
        return Err(OpErrorKind::shapes(
            inputs,
            format!(
                "update windows must lie inside the operand, but along its axis {axis} they have length {} of {}",
                sizes[axis], operand.shape[axis]
            ),
        ));
    }
    Ok(smallvec![operand.clone()])
}

/// The axes of the updates that run over the grid of windows.
fn grid_axes(dims: &ScatterDims, rank: usize) -> impl Iterator<Item = usize> + '_ {
    (0..rank).filter(|a| !dims.update_window_dims.contains(a))
}

/// The size of a window along each operand axis.
fn window_sizes(dims: &ScatterDims, operand_rank: usize, updates: &[usize]) -> Shape {
    let mut windows = dims.update_window_dims.iter().map(|&a| updates[a]);
    (0..operand_rank)
        .map(|axis| {
            let flat = dims.inserted_window_dims.contains(&axis)
                || dims.operand_batching_dims.contains(&axis);
            if flat { 1 } else { windows.next().unwrap_or(1) }
        })
        .collect()
}

/// How element types combine an update with what is there; `bool` counts as one bit, as in XLA.
trait Combine: Element {
    fn add(self, update: Self) -> Self;
    fn mul(self, update: Self) -> Self;
    fn min(self, update: Self) -> Self;
    fn max(self, update: Self) -> Self;
}

macro_rules! combine_integers {
    ($($ty:ty),*) => {$(
        impl Combine for $ty {
            fn add(self, update: $ty) -> $ty {
                self.wrapping_add(update)
            }
            fn mul(self, update: $ty) -> $ty {
                self.wrapping_mul(update)
            }
            fn min(self, update: $ty) -> $ty {
                Ord::min(self, update)
            }
            fn max(self, update: $ty) -> $ty {
                Ord::max(self, update)
            }
        }
    )*};
}
combine_integers!(u8, u32, u64, i32, i64);

macro_rules! combine_floats {
    ($($ty:ty),*) => {$(
        impl Combine for $ty {
            fn add(self, update: $ty) -> $ty {
                self + update
            }
            fn mul(self, update: $ty) -> $ty {
                self * update
            }
            // The standard library's drop NaN; these keep it (rule N12), and know that -0 < 0.
            fn min(self, update: $ty) -> $ty {
                if self.is_nan() || self < update || (self == update && self.is_sign_negative()) {
                    self
                } else {
                    update
                }
            }
            fn max(self, update: $ty) -> $ty {
                if self.is_nan() || self > update || (self == update && self.is_sign_positive()) {
                    self
                } else {
                    update
                }
            }
        }
    )*};
}
combine_floats!(f32, f64);

impl Combine for bool {
    fn add(self, update: bool) -> bool {
        self | update
    }
    fn mul(self, update: bool) -> bool {
        self & update
    }
    fn min(self, update: bool) -> bool {
        self & update
    }
    fn max(self, update: bool) -> bool {
        self | update
    }
}

pub(super) fn eval(
    kind: ScatterOp,
    dims: &ScatterDims,
    mode: IndexMode,
    inputs: &[Array],
) -> Array {
    fn each<T: Combine>(combine: impl Fn(T, T) -> T) -> impl Fn(&mut [T], &[T]) {
        move |target, updates| {
            for (t, &u) in target.iter_mut().zip(updates) {
                *t = combine(*t, u);
            }
        }
    }
    dispatch_dtype!(inputs[0].dtype(), T => match kind {
        ScatterOp::Set => eval_with(dims, mode, inputs, <[T]>::copy_from_slice),
        ScatterOp::Add => eval_with(dims, mode, inputs, each::<T>(Combine::add)),
        ScatterOp::Mul => eval_with(dims, mode, inputs, each::<T>(Combine::mul)),
        ScatterOp::Min => eval_with(dims, mode, inputs, each::<T>(Combine::min)),
        ScatterOp::Max => eval_with(dims, mode, inputs, each::<T>(Combine::max)),
    })
}

/// Applies `apply` to each run of contiguous elements that a window covers and the updates for it.
fn eval_with<T: Element>(
    dims: &ScatterDims,
    mode: IndexMode,
    inputs: &[Array],
    apply: impl Fn(&mut [T], &[T]),
) -> Array {
    let (operand, indices, updates) = (&inputs[0], &inputs[1], &inputs[2]);
    let sizes = window_sizes(dims, operand.rank(), updates.shape());
    let strides = row_major_strides(operand.shape());
    let windows = Windows {
        operand: operand.shape(),
        strides: &strides,
        sizes: &sizes,
        index_map: &dims.scatter_dims_to_operand_dims,
        operand_batching: &dims.operand_batching_dims,
        grid_batching: &dims.scatter_indices_batching_dims,
        mode,
    };
    let grid_then_window: Shape = grid_axes(dims, updates.rank())
        .chain(dims.update_window_dims.iter().copied())
        .collect();
    let updates = updates.permute(&grid_then_window);
    let updates = updates.elements::<T>();
    let mut out = operand.elements::<T>().into_owned();
    let (runs, run) = windows.runs();
    let mut next = 0;
    windows.for_each(indices, |start| {
        let window = next..next + runs.len() * run;
        next = window.end;
        let Some(start) = start else { return };
        for (offset, update) in runs.iter().zip(updates[window].chunks_exact(run.max(1))) {
            let to = (start + offset) as usize;
            apply(&mut out[to..to + run], update);
        }
    });
    Array::from_elements(operand.shape(), out)
}

pub(super) fn batch(
    cx: &mut BatchContext<'_>,
    kind: ScatterOp,
    dims: &ScatterDims,
    mode: IndexMode,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    // Every lane gets its own operand to update and its own updates.
    let operand = cx.materialize_at(&inputs[0], 0)?;
    let indices = cx.batch_to_front(&inputs[1])?;
    let updates = cx.materialize_at(&inputs[2], 0)?;
    let mut dims = ScatterDims {
        update_window_dims: all_past(&dims.update_window_dims, 0),
        inserted_window_dims: all_past(&dims.inserted_window_dims, 0),
        scatter_dims_to_operand_dims: all_past(&dims.scatter_dims_to_operand_dims, 0),
        operand_batching_dims: all_past(&dims.operand_batching_dims, 0),
        scatter_indices_batching_dims: dims.scatter_indices_batching_dims.clone(),
    };
    if inputs[1].dim.is_batched() {
        dims.operand_batching_dims.insert(0, 0);
        dims.scatter_indices_batching_dims = all_past(&dims.scatter_indices_batching_dims, 0);
        dims.scatter_indices_batching_dims.insert(0, 0);
    } else {
        dims.update_window_dims.insert(0, 0);
    }
    let out = cx.emit1(
        Op::Scatter { kind, dims, mode },
        smallvec![operand, indices, updates],
    )?;
    Ok(batched_at(out, 0))
}

#[cfg(test)]
mod tests;
