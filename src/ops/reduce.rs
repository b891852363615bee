//! Reductions over axes, and positions of extremes.
//!
//! An array without gaps is reduced in memory order, whatever the order of its axes, as a sequence of steps that each
//! remove neighbouring axes: seen as `(outer, reduced, inner)`, a step reduces contiguous runs where `inner` is 1 and whole
//! rows otherwise. The order of operations, which [`fold`] lays down, depends on the shape alone.

mod derivative;
mod fold;
#[cfg(test)]
mod tests;

use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;

use ndarray::{ArcArray, IxDyn};

use crate::array::{
    Array, DType, Shape, TensorType, buffer, dispatch_kernel, dispatch_kernel_dtype,
};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::elementwise::elements;
use crate::ops::math::{Arith, ConvertFrom};
use crate::ops::rule::{
    Batched, DataRules, Emit, Outputs, Rules, all_past, expect_operands, past, unary_batch,
};
use crate::program::text::python::tuple;
use crate::program::text::{Given, Shown};
use crate::program::{ArgReduce, ArgReduceOp, Op, Reduce, ReduceOp};

pub(crate) use fold::{BLOCK, Fold};

type Typed<T> = ArcArray<T, IxDyn>;

fn out_of_bounds(axis: usize, rank: usize) -> OpErrorKind {
    OpErrorKind::AxisOutOfBounds {
        axis: isize::try_from(axis).unwrap_or(isize::MAX),
        rank,
    }
}

impl Rules for Reduce {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let Self { kind, axes } = self;
        let kind = *kind;
        expect_operands(inputs, 1)?;
        let x = &inputs[0];
        if let Some(&axis) = axes.iter().find(|&&a| a >= x.rank()) {
            return Err(out_of_bounds(axis, x.rank()));
        }
        if axes.windows(2).any(|w| w[0] >= w[1]) {
            return Err(OpErrorKind::parameter(format!(
                "the axes {:?} must increase and not repeat",
                &axes[..]
            )));
        }
        // Sums and products are strong, as in JAX (N6); they keep the operand's element type, so widen before (N4).
        let weak = match kind {
            ReduceOp::Sum | ReduceOp::Prod => {
                if x.dtype == DType::Bool {
                    return Err(OpErrorKind::dtypes(
                        inputs,
                        "integers or floats are taken; convert bool to an integer type first",
                    ));
                }
                false
            }
            ReduceOp::Max | ReduceOp::Min => x.weak,
            ReduceOp::And | ReduceOp::Or | ReduceOp::Xor => {
                if x.dtype.is_inexact() {
                    return Err(OpErrorKind::dtypes(
                        inputs,
                        "bool or integers are taken; compare with zero first",
                    ));
                }
                x.weak
            }
        };
        let kept = (0..x.rank())
            .filter(|a| !axes.contains(a))
            .map(|a| x.shape[a]);
        Ok(smallvec![x.with_shape(kept).with_weak(weak)])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        // Lane axes become axes of the batched operand, and the batch axis moves up past those that go.
        unary_batch(cx, inputs, |dim| {
            let axes = all_past(&self.axes, dim);
            let below = axes.iter().filter(|&&a| a < dim).count();
            let kind = self.kind;
            (Reduce { kind, axes }, dim - below)
        })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown.show("axes", tuple(&self.axes));
        if self.kind == ReduceOp::Sum {
            shown.show("out_sharding", "None");
        }
    }

    fn parse(name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let kind = ReduceOp::from_name(name).ok_or_else(|| given.unknown_operation())?;
        if kind == ReduceOp::Sum {
            given.fixed("out_sharding", "None")?;
        }
        // JAX keeps the order in which a user gives them.
        let mut axes = given.shape("axes")?;
        axes.sort_unstable();
        Ok(Reduce { kind, axes }.into())
    }
}

impl DataRules for Reduce {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![reduce(self.kind, &self.axes, &inputs[0])]
    }
}

fn reduce(kind: ReduceOp, axes: &[usize], x: &Array) -> Array {
    if axes.is_empty() {
        return x.clone();
    }
    dispatch_kernel!(x.data(), a => fold(kind, a, axes))
}

/// How to reduce axes of an array step by step.
struct Plan {
    /// Lengths of `(outer, reduced, inner)`, each step taking the result of the one before.
    steps: SmallVec<[[usize; 3]; 2]>,
    /// The result's lengths, in the order of the elements.
    lengths: SmallVec<[usize; 4]>,
    /// Which axis of the last step's result each result axis is, where they differ.
    permutation: Option<SmallVec<[usize; 4]>>,
}

impl Plan {
    /// The plan for elements that lie with the axes in this order. None where axes that are reduced as one do not lie as one.
    ///
    /// Neighbouring axes of the operand are reduced as one, the last ones first, wherever they lie: the order of a sum
    /// depends on the shape alone.
    fn new(shape: &[usize], order: &[usize], axes: &[usize]) -> Option<Self> {
        // Alike for neighbours and greater for those that come later.
        let group = |axis: &usize| axes.iter().position(|a| a == axis).map(|i| axis - i);
        let mut lengths: SmallVec<[usize; 4]> = order.iter().map(|&a| shape[a]).collect();
        let mut left: SmallVec<[usize; 4]> = order.iter().copied().collect();
        let mut steps = SmallVec::new();
        while let Some(last) = left.iter().filter_map(group).max() {
            let mine = |a: &usize| group(a) == Some(last);
            let first = left.iter().position(mine)?;
            let count = left.iter().filter(|a| mine(a)).count();
            let together = &left[first..first + count];
            if !together.iter().all(mine) || !together.is_sorted() {
                return None;
            }
            let product = |lengths: &[usize]| lengths.iter().product();
            steps.push([
                product(&lengths[..first]),
                product(&lengths[first..first + count]),
                product(&lengths[first + count..]),
            ]);
            lengths.drain(first..first + count);
            left.drain(first..first + count);
        }
        // Where each kept axis of the operand came to lie.
        let mut permutation: SmallVec<[usize; 4]> = (0..left.len()).collect();
        permutation.sort_by_key(|&i| left[i]);
        Some(Plan {
            steps,
            lengths,
            permutation: (!left.is_sorted()).then_some(permutation),
        })
    }

    fn finish<T: Arith>(&self, elements: Vec<T>) -> Array {
        let result = Array::from_elements(&self.lengths, elements);
        match &self.permutation {
            Some(permutation) => result.permute(permutation),
            None => result,
        }
    }
}

/// The array's elements and the plan for their order: that of memory where it can be, else row-major.
fn prepare<'a, T: Arith>(array: &'a Typed<T>, axes: &[usize]) -> Option<(Cow<'a, [T]>, Plan)> {
    // Stable for axes of equal stride.
    let mut order: SmallVec<[usize; 4]> = (0..array.ndim()).collect();
    order.sort_by_key(|&a| std::cmp::Reverse(array.strides()[a]));
    let in_memory_order = array.view().permuted_axes(IxDyn(&order));
    if let (Some(elements), Some(plan)) = (
        in_memory_order.to_slice(),
        Plan::new(array.shape(), &order, axes),
    ) {
        return Some((Cow::Borrowed(elements), plan));
    }
    order.sort_unstable();
    Plan::new(array.shape(), &order, axes).map(|plan| (elements(array), plan))
}

/// Reduces `axes` of an array.
fn fold<T: Fold>(kind: ReduceOp, array: &Typed<T>, axes: &[usize]) -> Array {
    let (mut elements, plan) =
        prepare(array, axes).expect("in row-major order, neighbouring axes lie as one");
    for &step in &plan.steps {
        elements = Cow::Owned(fold_middle(kind, &elements, step));
    }
    plan.finish(elements.into_owned())
}

/// Reduces the middle axis of `(outer, count, inner)`.
fn fold_middle<T: Fold>(
    kind: ReduceOp,
    elements: &[T],
    [outer, count, inner]: [usize; 3],
) -> Vec<T> {
    let mut out = buffer(outer * inner, T::ZERO);
    if inner == 1 || count == 0 {
        T::fold_runs(kind, elements, count, &mut out);
    } else if inner > 0 {
        let blocks = elements.chunks_exact(count * inner);
        for (block, row) in blocks.zip(out.chunks_exact_mut(inner)) {
            T::fold_rows(kind, block, row);
        }
    }
    out
}

impl Rules for ArgReduce {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let &Self {
            axis, index_dtype, ..
        } = self;
        expect_operands(inputs, 1)?;
        let x = &inputs[0];
        let Some(&length) = x.shape.get(axis) else {
            return Err(out_of_bounds(axis, x.rank()));
        };
        if x.dtype.is_complex() {
            return Err(OpErrorKind::dtypes(
                inputs,
                "complex numbers have no order; search their parts or their sizes",
            ));
        }
        if length == 0 {
            return Err(OpErrorKind::EmptyReduction {
                shape: x.shape.clone(),
                axes: smallvec![axis],
            });
        }
        let positions: u64 = match index_dtype {
            DType::U8 => u8::MAX.into(),
            DType::U16 => u16::MAX.into(),
            DType::U32 => u32::MAX.into(),
            DType::I8 => i8::MAX as u64,
            DType::I16 => i16::MAX as u64,
            DType::I32 => i32::MAX as u64,
            DType::U64 | DType::I64 => i64::MAX as u64,
            DType::Bool
            | DType::BF16
            | DType::F16
            | DType::F32
            | DType::F64
            | DType::C64
            | DType::C128 => {
                return Err(OpErrorKind::parameter(format!(
                    "positions are integers, not {index_dtype}; ask for int32 or int64"
                )));
            }
        };
        if (length - 1) as u64 > positions {
            let detail = format!(
                "positions along an axis of length {length} do not fit {index_dtype}; ask for int64"
            );
            return Err(OpErrorKind::parameter(detail));
        }
        Ok(smallvec![x.remove_axis(axis).with_dtype(index_dtype)])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        unary_batch(cx, inputs, |dim| {
            let axis = past(self.axis, dim);
            let op = ArgReduce {
                axis,
                ..self.clone()
            };
            (op, dim - usize::from(axis < dim))
        })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("axes", tuple([self.axis]))
            .show("index_dtype", self.index_dtype);
    }

    fn parse(name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let kind = ArgReduceOp::from_name(name).ok_or_else(|| given.unknown_operation())?;
        let axis = given.read("axes", "a tuple of one axis", |value| {
            value.shape().and_then(|axes| match axes[..] {
                [axis] => Some(axis),
                _ => None,
            })
        })?;
        Ok(ArgReduce {
            kind,
            axis,
            index_dtype: given.dtype("index_dtype")?,
        }
        .into())
    }
}

impl DataRules for ArgReduce {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![arg_reduce(
            self.kind,
            self.axis,
            self.index_dtype,
            &inputs[0]
        )]
    }
}

fn arg_reduce(kind: ArgReduceOp, axis: usize, index_dtype: DType, x: &Array) -> Array {
    let mut shape = Shape::from_slice(x.shape());
    shape.remove(axis);
    let positions = dispatch_kernel!(x.data(), a => match kind {
        ArgReduceOp::Max => arg_fold(a, axis, Arith::exceeds),
        ArgReduceOp::Min => arg_fold(a, axis, Arith::undercuts),
    });
    dispatch_kernel_dtype!(index_dtype, T => Array::from_elements(&shape, positions.into_iter().map(<T as ConvertFrom<u64>>::convert_from).collect()))
}

/// The position along `axis` of the first element that no other `replaces`.
fn arg_fold<T: Arith>(array: &Typed<T>, axis: usize, replaces: impl Fn(T, T) -> bool) -> Vec<u64> {
    let elements = elements(array);
    let count = array.shape()[axis];
    let inner: usize = array.shape()[axis + 1..].iter().product();
    if elements.is_empty() {
        // The type rule excludes an axis without elements, so some other axis is empty, and so is the result.
        return Vec::new();
    }
    if inner == 1 {
        let first = |run: &[T]| {
            let mut best = (run[0], 0);
            for (i, &x) in run.iter().enumerate().skip(1) {
                if replaces(x, best.0) {
                    best = (x, i as u64);
                }
            }
            best.1
        };
        return elements.chunks_exact(count).map(first).collect();
    }
    let mut out = Vec::with_capacity(elements.len() / count);
    let mut best = Vec::with_capacity(inner);
    for block in elements.chunks_exact(count * inner) {
        let mut rows = block.chunks_exact(inner);
        best.clear();
        best.extend_from_slice(rows.next().unwrap_or_default());
        let start = out.len();
        out.resize(start + inner, 0);
        for (i, row) in (1_u64..).zip(rows) {
            for ((&x, best), position) in row.iter().zip(&mut best).zip(&mut out[start..]) {
                if replaces(x, *best) {
                    (*best, *position) = (x, i);
                }
            }
        }
    }
    out
}
