//! Windows read from an operand at positions given by indices, as in XLA.
//!
//! Dimension numbers are XLA's; the batching rule is JAX's (its semantics, section 5, item 9). A window outside the
//! bounds is filled with the element type's out-of-band value (rule N22) or moved inside.

mod derivative;
pub(super) mod positions;
pub(super) mod window;

use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;

use ndarray::{ArcArray, IxDyn};

pub(super) use derivative::zero_fill;
use positions::Positions;
use window::{Addressing, Windows, row_major_strides};

use crate::array::{
    Array, DType, Element, Scalar, Shape, ShapeTuple, TensorType, buffer, dispatch_kernel,
    row_major,
};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::rule::{
    Batched, DataRules, Emit, Outputs, Rules, all_past, batched_at, expect_operands,
};
use crate::ops::shape::{addressable, check_axes, check_increasing};
use crate::program::text::python::{read_scalar, record, scalar, tuple};
use crate::program::text::{Given, Shown, python};
use crate::program::{Gather, GatherDims, IndexMode, Op};

impl Rules for Gather {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let Self {
            dims, slice_sizes, ..
        } = self;
        expect_operands(inputs, 2)?;
        if self
            .fill
            .is_some_and(|fill| fill.dtype() != inputs[0].dtype)
        {
            let detail = "the fill value must have the operand's element type; convert it first";
            return Err(OpErrorKind::dtypes(&inputs[..1], detail));
        }
        let (operand, indices) = (&inputs[0], &inputs[1]);
        let addressing = Addressing {
            flat: ("collapsed_slice_dims", &dims.collapsed_slice_dims),
            index_map: ("start_index_map", &dims.start_index_map),
            operand_batching: &dims.operand_batching_dims,
            indices_batching: (
                "start_indices_batching_dims",
                &dims.start_indices_batching_dims,
            ),
        };
        addressing.check(operand, indices, dims.offset_dims.len())?;
        check_axes(
            &dims.offset_dims,
            dims.offset_dims.len() + indices.rank() - 1,
        )?;
        check_increasing("offset_dims", &dims.offset_dims)?;
        // Where nothing is read there is no window that would have to fit into an empty axis.
        let reads_nothing = indices.shape[..indices.rank() - 1].contains(&0);
        let fits = slice_sizes.len() == operand.rank()
            && slice_sizes
                .iter()
                .zip(&operand.shape)
                .all(|(&size, &n)| size <= n || (n == 0 && size == 1 && reads_nothing));
        if !fits {
            return Err(OpErrorKind::shapes(
                inputs,
                format!(
                    "slice_sizes {} must lie inside the operand, axis by axis",
                    ShapeTuple(slice_sizes)
                ),
            ));
        }
        for &axis in &dims.collapsed_slice_dims {
            let (size, n) = (slice_sizes[axis], operand.shape[axis]);
            if size == 1 || (size == 0 && n == 0 && reads_nothing) {
                continue;
            }
            return Err(OpErrorKind::shapes(
                inputs,
                if n == 0 {
                    format!(
                        "axis {axis} of the operand is empty, so there is nothing to read along it"
                    )
                } else {
                    format!(
                        "only axes of slice size 1 can be collapsed, but axis {axis} has slice size {size}"
                    )
                },
            ));
        }
        // An empty axis admits no window of size 1, and has no lane that would need one.
        if let Some(&axis) = dims
            .operand_batching_dims
            .iter()
            .find(|&&a| slice_sizes[a] != operand.shape[a].min(1))
        {
            return Err(OpErrorKind::parameter(format!(
                "operand_batching_dims have slice size 1 (0 along an empty axis), but slice_sizes has {} at axis {axis}",
                slice_sizes[axis]
            )));
        }
        addressable(operand.with_shape(result_shape(dims, slice_sizes, &indices.shape)))
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let Self {
            dims,
            slice_sizes,
            mode,
            fill,
        } = self;
        let (mode, fill) = (*mode, *fill);
        let operand = cx.batch_to_front(&inputs[0])?;
        let indices = cx.batch_to_front(&inputs[1])?;
        let (operand_batched, indices_batched) =
            (inputs[0].dim.is_batched(), inputs[1].dim.is_batched());
        let mut dims = dims.clone();
        let mut slice_sizes = slice_sizes.clone();
        dims.offset_dims = all_past(&dims.offset_dims, 0);
        if operand_batched {
            dims.collapsed_slice_dims = all_past(&dims.collapsed_slice_dims, 0);
            dims.start_index_map = all_past(&dims.start_index_map, 0);
            dims.operand_batching_dims = all_past(&dims.operand_batching_dims, 0);
        }
        if indices_batched {
            dims.start_indices_batching_dims = all_past(&dims.start_indices_batching_dims, 0);
        }
        match (operand_batched, indices_batched) {
            // Every lane reads the same windows: the lanes become an axis of the window.
            (true, false) => {
                dims.offset_dims.insert(0, 0);
                slice_sizes.insert(0, cx.size());
            }
            // Every lane reads the same operand: the lanes become an axis of the grid, with nothing more to say.
            (false, _) => {}
            (true, true) => {
                dims.operand_batching_dims.insert(0, 0);
                dims.start_indices_batching_dims.insert(0, 0);
                slice_sizes.insert(0, cx.size().min(1));
            }
        }
        let out = cx.emit1(
            Gather {
                dims,
                slice_sizes,
                mode,
                fill,
            },
            smallvec![operand, indices],
        )?;
        Ok(batched_at(out, 0))
    }

    fn params(&self, shown: &mut Shown<'_>) {
        let dims = &self.dims;
        let numbers = [
            ("offset_dims", &dims.offset_dims),
            ("collapsed_slice_dims", &dims.collapsed_slice_dims),
            ("start_index_map", &dims.start_index_map),
            ("operand_batching_dims", &dims.operand_batching_dims),
            (
                "start_indices_batching_dims",
                &dims.start_indices_batching_dims,
            ),
        ];
        let fill = match self.fill {
            Some(fill) if self.mode == IndexMode::FillOrDrop => scalar(fill),
            _ => fill_value(self.mode, shown.results),
        };
        shown
            .show(
                "dimension_numbers",
                record("GatherDimensionNumbers", numbers),
            )
            .show("fill_value", fill)
            .show("indices_are_sorted", false)
            .show("mode", mode_text(self.mode))
            .show("slice_sizes", tuple(&self.slice_sizes))
            .show("unique_indices", false);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let fields = [
            "offset_dims",
            "collapsed_slice_dims",
            "start_index_map",
            "operand_batching_dims",
            "start_indices_batching_dims",
        ];
        let [
            offset_dims,
            collapsed_slice_dims,
            start_index_map,
            operand_batching_dims,
            start_indices_batching_dims,
        ] = given.record("dimension_numbers", "GatherDimensionNumbers", fields)?;
        let mode = read_mode(given)?;
        let fill = read_fill(mode, given)?;
        // Hints for compilers.
        given.optional("indices_are_sorted");
        given.optional("unique_indices");
        let dims = GatherDims {
            offset_dims,
            collapsed_slice_dims,
            start_index_map,
            operand_batching_dims,
            start_indices_batching_dims,
        };
        Ok(Gather {
            dims,
            slice_sizes: given.shape("slice_sizes")?,
            mode,
            fill,
        }
        .into())
    }
}

impl DataRules for Gather {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![gather(self, inputs, 0)]
    }
}

/// Gathers; `wrap` is added to negative indices before.
pub(crate) fn gather(op: &Gather, inputs: &[Array], wrap: i64) -> Array {
    dispatch_kernel!(inputs[0].data(), a => eval_typed(op, wrap, a, &inputs[1]))
}

/// What a gather yields outside the bounds, as JAX shows it.
fn fill_value(mode: IndexMode, results: &[TensorType]) -> String {
    let (IndexMode::FillOrDrop, Some(result)) = (mode, results.first()) else {
        return "None".to_owned();
    };
    match result.dtype {
        DType::Bool => scalar(Scalar::Bool(true)),
        DType::U8 => scalar(Scalar::U8(u8::MAX)),
        DType::U16 => scalar(Scalar::U16(u16::MAX)),
        DType::U32 => scalar(Scalar::U32(u32::MAX)),
        DType::U64 => scalar(Scalar::U64(u64::MAX)),
        DType::I8 => scalar(Scalar::I8(i8::MIN)),
        DType::I16 => scalar(Scalar::I16(i16::MIN)),
        DType::I32 => scalar(Scalar::I32(i32::MIN)),
        DType::I64 => scalar(Scalar::I64(i64::MIN)),
        DType::BF16 | DType::F16 | DType::F32 | DType::F64 | DType::C64 | DType::C128 => {
            python::float(f64::NAN)
        }
    }
}

/// The fill value that text gives, where it is not the one of the mode.
fn read_fill(mode: IndexMode, given: &mut Given<'_>) -> Result<Option<Scalar>, ParseError> {
    let usual = fill_value(mode, given.results);
    let dtype = given.results.first().map(|result| result.dtype);
    let Some((value, at)) = given.optional("fill_value") else {
        return Ok(None);
    };
    let text = value.to_string();
    if text == usual {
        return Ok(None);
    }
    let number = match (mode, dtype) {
        (IndexMode::FillOrDrop, Some(dtype)) => read_scalar(dtype, &text),
        (IndexMode::Clip | IndexMode::PromiseInBounds | IndexMode::FillOrDrop, _) => None,
    };
    number.map(Some).ok_or_else(|| {
        let expected = format!("`{usual}` or a number of the result's type for `fill_value`");
        ParseError::unexpected(at, expected, format!("`{value}`"))
    })
}

/// How text calls a mode.
pub(super) fn mode_text(mode: IndexMode) -> &'static str {
    match mode {
        IndexMode::FillOrDrop => "GatherScatterMode.FILL_OR_DROP",
        IndexMode::Clip => "GatherScatterMode.CLIP",
        IndexMode::PromiseInBounds => "GatherScatterMode.PROMISE_IN_BOUNDS",
    }
}

/// The mode that text gives.
pub(super) fn read_mode(given: &mut Given<'_>) -> Result<IndexMode, ParseError> {
    let expected = "`GatherScatterMode.CLIP`, `.FILL_OR_DROP` or `.PROMISE_IN_BOUNDS`";
    given.read("mode", expected, |value| match &value.to_string()[..] {
        "GatherScatterMode.CLIP" => Some(IndexMode::Clip),
        "GatherScatterMode.PROMISE_IN_BOUNDS" => Some(IndexMode::PromiseInBounds),
        "GatherScatterMode.FILL_OR_DROP" => Some(IndexMode::FillOrDrop),
        _ => None,
    })
}

/// The sizes of a window's axes that appear in the result.
fn offset_sizes<'a>(
    dims: &'a GatherDims,
    slice_sizes: &'a [usize],
) -> impl Iterator<Item = usize> + 'a {
    slice_sizes
        .iter()
        .enumerate()
        .filter(|(a, _)| {
            !dims.collapsed_slice_dims.contains(a) && !dims.operand_batching_dims.contains(a)
        })
        .map(|(_, &size)| size)
}

fn result_shape(dims: &GatherDims, slice_sizes: &[usize], indices: &[usize]) -> Shape {
    let mut offsets = offset_sizes(dims, slice_sizes);
    let mut grid = indices[..indices.len() - 1].iter().copied();
    let rank = dims.offset_dims.len() + indices.len() - 1;
    (0..rank)
        .filter_map(|axis| {
            if dims.offset_dims.contains(&axis) {
                offsets.next()
            } else {
                grid.next()
            }
        })
        .collect()
}

/// An element type's value for what lies outside an array.
trait Fill: Element {
    const FILL: Self;
}

macro_rules! fill {
    ($($ty:ty = $value:expr),*) => {$(impl Fill for $ty { const FILL: $ty = $value; })*};
}
fill!(
    bool = true,
    u8 = u8::MAX,
    u16 = u16::MAX,
    u32 = u32::MAX,
    u64 = u64::MAX,
    i8 = i8::MIN,
    i16 = i16::MIN,
    i32 = i32::MIN,
    i64 = i64::MIN,
    f32 = f32::NAN,
    f64 = f64::NAN
);

/// Elements as they lie in memory, with the distance between neighbours along each axis and where the first is.
struct Source<'a, T: Clone> {
    elements: Cow<'a, [T]>,
    strides: SmallVec<[isize; 4]>,
    first: isize,
}

impl<'a, T: Element> Source<'a, T> {
    /// Borrows what is contiguous in any order of axes, so that a transposed operand is not copied for a few reads.
    fn new(array: &'a ArcArray<T, IxDyn>) -> Self {
        match array.as_slice_memory_order() {
            Some(slice) => {
                let first = array
                    .shape()
                    .iter()
                    .zip(array.strides())
                    .map(|(&n, &stride)| {
                        if stride < 0 {
                            (n as isize - 1).max(0) * -stride
                        } else {
                            0
                        }
                    })
                    .sum();
                Source {
                    elements: Cow::Borrowed(slice),
                    strides: SmallVec::from_slice(array.strides()),
                    first,
                }
            }
            None => Source {
                elements: row_major(&array.view()),
                strides: row_major_strides(array.shape()),
                first: 0,
            },
        }
    }
}

fn eval_typed<T: Fill>(
    op: &Gather,
    wrap: i64,
    operand: &ArcArray<T, IxDyn>,
    indices: &Array,
) -> Array {
    let (dims, slice_sizes) = (&op.dims, &op.slice_sizes);
    let fill = match op.fill {
        Some(fill) => fill.to_array().elements::<T>()[0],
        None => T::FILL,
    };
    let source = Source::new(operand);
    let windows = Windows {
        operand: operand.shape(),
        strides: &source.strides,
        sizes: slice_sizes,
        index_map: &dims.start_index_map,
        operand_batching: &dims.operand_batching_dims,
        grid_batching: &dims.start_indices_batching_dims,
        mode: op.mode,
        wrap,
    };
    let grid = &indices.shape()[..indices.rank() - 1];
    let mut shape = Shape::from_slice(grid);
    shape.extend(offset_sizes(dims, slice_sizes));
    let window_size: usize = shape[grid.len()..].iter().product();
    let (runs, run) = windows.runs();
    let mut out: Vec<T> = buffer(shape.iter().product(), fill);
    let single = runs[..] == [0] && run == 1;
    let positions = single.then(|| Positions::new(&windows, indices)).flatten();
    if let Some(positions) = positions {
        positions.gather(&source.elements, source.first as usize, fill, &mut out);
    } else {
        let mut places = out.chunks_exact_mut(window_size.max(1));
        windows.for_each(indices, |start| {
            // Empty windows have no places.
            let Some(window) = places.next() else { return };
            let Some(start) = start else {
                window.fill(fill);
                return;
            };
            for (offset, part) in runs.iter().zip(window.chunks_exact_mut(run)) {
                let from = (source.first + start + offset) as usize;
                part.copy_from_slice(&source.elements[from..from + run]);
            }
        });
    }
    // The grid leads in memory; the dimension numbers say where its axes are in the result.
    let (mut next_grid, mut next_offset) = (0, grid.len());
    let permutation: Shape = (0..shape.len())
        .map(|axis| {
            let next = if dims.offset_dims.contains(&axis) {
                &mut next_offset
            } else {
                &mut next_grid
            };
            *next += 1;
            *next - 1
        })
        .collect();
    Array::from_elements(&shape, out).permute(&permutation)
}

#[cfg(test)]
mod tests;
