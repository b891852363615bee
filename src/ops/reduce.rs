//! Reductions over axes, and positions of extremes.
//!
//! An array without gaps is reduced in memory order, whatever the order of its axes, as a sequence of steps that each
//! remove neighbouring axes: seen as `(outer, reduced, inner)`, a step folds contiguous runs where `inner` is 1 and
//! adds up whole rows otherwise. Both are vector loops, and both split long axes in halves, so that the rounding
//! error of a sum grows with the logarithm of its length (Higham, Accuracy and Stability of Numerical Algorithms,
//! section 4.2). The order of operations depends on the shape alone.

mod derivative;
#[cfg(test)]
mod tests;

use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;

use ndarray::{ArcArray, IxDyn};

use crate::array::{Array, DType, Data, Shape, TensorType, dispatch, dispatch_dtype};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::elementwise::elements;
use crate::ops::math::{Arith, Bits, ConvertFrom, Number};
use crate::ops::rule::{
    Batched, DataRules, Emit, Outputs, Rules, all_past, expect_operands, past, unary_batch,
};
use crate::program::text::python::tuple;
use crate::program::text::{Given, Shown};
use crate::program::{ArgReduce, ArgReduceOp, Op, Reduce, ReduceOp};

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
                if x.dtype.is_float() {
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
        let axes = given.shape("axes")?;
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
    match kind {
        ReduceOp::Sum | ReduceOp::Prod => match x.data() {
            Data::Bool(_) => unreachable!("the type rule of {} does not admit bool", kind.name()),
            Data::U8(a) => reduce_number(kind, a, axes),
            Data::U32(a) => reduce_number(kind, a, axes),
            Data::U64(a) => reduce_number(kind, a, axes),
            Data::I32(a) => reduce_number(kind, a, axes),
            Data::I64(a) => reduce_number(kind, a, axes),
            Data::F32(a) => reduce_number(kind, a, axes),
            Data::F64(a) => reduce_number(kind, a, axes),
        },
        ReduceOp::Max => dispatch!(x.data(), a => fold(a, axes, Arith::LEAST, Arith::max)),
        ReduceOp::Min => dispatch!(x.data(), a => fold(a, axes, Arith::GREATEST, Arith::min)),
        ReduceOp::And | ReduceOp::Or | ReduceOp::Xor => match x.data() {
            Data::Bool(a) => reduce_bits(kind, a, axes),
            Data::U8(a) => reduce_bits(kind, a, axes),
            Data::U32(a) => reduce_bits(kind, a, axes),
            Data::U64(a) => reduce_bits(kind, a, axes),
            Data::I32(a) => reduce_bits(kind, a, axes),
            Data::I64(a) => reduce_bits(kind, a, axes),
            Data::F32(_) | Data::F64(_) => {
                unreachable!("the type rule of {} does not admit floats", kind.name())
            }
        },
    }
}

fn reduce_number<T: Number>(kind: ReduceOp, a: &Typed<T>, axes: &[usize]) -> Array {
    if kind == ReduceOp::Prod {
        fold(a, axes, T::ONE, T::mul)
    } else {
        fold(a, axes, T::ZERO, T::add)
    }
}

fn reduce_bits<T: Bits>(kind: ReduceOp, a: &Typed<T>, axes: &[usize]) -> Array {
    match kind {
        ReduceOp::And => fold(a, axes, T::ALL_ONES, T::and),
        ReduceOp::Xor => fold(a, axes, T::ZERO, T::xor),
        _ => fold(a, axes, T::ZERO, T::or),
    }
}

/// How to reduce axes of an array step by step.
struct Plan {
    /// The axes from the outermost in memory to the innermost.
    order: SmallVec<[usize; 4]>,
    /// Lengths of `(outer, reduced, inner)`, each step taking the result of the one before.
    steps: SmallVec<[[usize; 3]; 2]>,
    /// The result's lengths, in `order`.
    lengths: SmallVec<[usize; 4]>,
    /// Which axis of the last step's result each result axis is, where they differ.
    permutation: Option<SmallVec<[usize; 4]>>,
}

impl Plan {
    fn new(shape: &[usize], order: SmallVec<[usize; 4]>, axes: &[usize]) -> Self {
        let mut lengths: SmallVec<[usize; 4]> = order.iter().map(|&a| shape[a]).collect();
        let mut reduced: SmallVec<[bool; 4]> = order.iter().map(|a| axes.contains(a)).collect();
        let mut steps = SmallVec::new();
        // The innermost group of reduced axes goes first, which leaves the least for the next.
        while let Some(last) = reduced.iter().rposition(|&r| r) {
            let first = reduced[..last]
                .iter()
                .rposition(|&r| !r)
                .map_or(0, |kept| kept + 1);
            let product = |lengths: &[usize]| lengths.iter().product();
            steps.push([
                product(&lengths[..first]),
                product(&lengths[first..=last]),
                product(&lengths[last + 1..]),
            ]);
            lengths.drain(first..=last);
            reduced.drain(first..=last);
        }
        // Where each kept axis of the operand came to lie.
        let kept: SmallVec<[usize; 4]> = order
            .iter()
            .copied()
            .filter(|a| !axes.contains(a))
            .collect();
        let mut permutation: SmallVec<[usize; 4]> = (0..kept.len()).collect();
        permutation.sort_by_key(|&i| kept[i]);
        let permutation = (!kept.is_sorted()).then_some(permutation);
        Plan {
            order,
            steps,
            lengths,
            permutation,
        }
    }

    /// The plan for a layout; the order is that of memory, stable for axes of equal stride.
    fn in_memory_order(shape: &[usize], strides: &[isize], axes: &[usize]) -> Self {
        let mut order: SmallVec<[usize; 4]> = (0..shape.len()).collect();
        order.sort_by_key(|&a| std::cmp::Reverse(strides[a]));
        Plan::new(shape, order, axes)
    }

    fn finish<T: Arith>(&self, elements: Vec<T>) -> Array {
        let result = Array::from_elements(&self.lengths, elements);
        match &self.permutation {
            Some(permutation) => result.permute(permutation),
            None => result,
        }
    }
}

/// The array's elements in the order of a plan, and the plan.
fn prepare<'a, T: Arith>(array: &'a Typed<T>, axes: &[usize]) -> (Cow<'a, [T]>, Plan) {
    let plan = Plan::in_memory_order(array.shape(), array.strides(), axes);
    let in_memory_order = array.view().permuted_axes(IxDyn(&plan.order));
    match in_memory_order.to_slice() {
        Some(elements) => (Cow::Borrowed(elements), plan),
        None => (
            elements(array),
            Plan::new(array.shape(), (0..array.ndim()).collect(), axes),
        ),
    }
}

/// Reduces `axes` of an array with an associative and commutative function and its neutral element.
fn fold<T: Arith>(
    array: &Typed<T>,
    axes: &[usize],
    neutral: T,
    f: impl Fn(T, T) -> T + Copy,
) -> Array {
    let (mut elements, plan) = prepare(array, axes);
    for &step in &plan.steps {
        elements = Cow::Owned(fold_middle(&elements, step, neutral, f));
    }
    plan.finish(elements.into_owned())
}

/// Reduces the middle axis of `(outer, count, inner)`.
fn fold_middle<T: Copy>(
    elements: &[T],
    [outer, count, inner]: [usize; 3],
    neutral: T,
    f: impl Fn(T, T) -> T + Copy,
) -> Vec<T> {
    if count == 0 || outer * inner == 0 {
        return vec![neutral; outer * inner];
    }
    let mut out = vec![neutral; outer * inner];
    if inner == 1 {
        for (run, out) in elements.chunks_exact(count).zip(&mut out) {
            *out = fold_run(run, neutral, f);
        }
    } else {
        for (block, row) in elements
            .chunks_exact(count * inner)
            .zip(out.chunks_exact_mut(inner))
        {
            fold_rows(block, row, neutral, f);
        }
    }
    out
}

/// How many elements of a run are folded before halves are combined.
const RUN: usize = 256;
/// How many partial results a run keeps: enough for the vector units' width and latency.
const LANES: usize = 16;

/// Folds a contiguous run.
fn fold_run<T: Copy>(run: &[T], neutral: T, f: impl Fn(T, T) -> T + Copy) -> T {
    if run.len() > RUN {
        // Halves of whole blocks; the depth is the logarithm of the length.
        let (left, right) = run.split_at((run.len() / 2).next_multiple_of(RUN));
        return f(fold_run(left, neutral, f), fold_run(right, neutral, f));
    }
    let mut total = neutral;
    let mut rest = run;
    if run.len() >= LANES {
        let mut partial = [neutral; LANES];
        while let Some((chunk, tail)) = rest.split_first_chunk::<LANES>() {
            for i in 0..LANES {
                partial[i] = f(partial[i], chunk[i]);
            }
            rest = tail;
        }
        let mut width = LANES / 2;
        while width > 0 {
            for i in 0..width {
                partial[i] = f(partial[i], partial[i + width]);
            }
            width /= 2;
        }
        total = partial[0];
    }
    for &x in rest {
        total = f(total, x);
    }
    total
}

/// How many rows are folded one after another before halves are combined.
const ROWS: usize = 64;

/// Folds the rows of a block, each of `out`'s length, into `out`.
fn fold_rows<T: Copy>(block: &[T], out: &mut [T], neutral: T, f: impl Fn(T, T) -> T + Copy) {
    let fold_row = |out: &mut [T], row: &[T]| {
        for (o, &x) in out.iter_mut().zip(row) {
            *o = f(*o, x);
        }
    };
    let rows = block.len() / out.len();
    if rows <= ROWS {
        for row in block.chunks_exact(out.len()) {
            fold_row(out, row);
        }
        return;
    }
    let (left, right) = block.split_at((rows / 2).next_multiple_of(ROWS) * out.len());
    let mut folded_right = vec![neutral; out.len()];
    fold_rows(left, out, neutral, f);
    fold_rows(right, &mut folded_right, neutral, f);
    fold_row(out, &folded_right);
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
        if length == 0 {
            return Err(OpErrorKind::EmptyReduction {
                shape: x.shape.clone(),
                axes: smallvec![axis],
            });
        }
        let positions: u64 = match index_dtype {
            DType::U8 => u8::MAX.into(),
            DType::U32 => u32::MAX.into(),
            DType::I32 => i32::MAX as u64,
            DType::U64 | DType::I64 => i64::MAX as u64,
            DType::Bool | DType::F32 | DType::F64 => {
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
    let positions = dispatch!(x.data(), a => match kind {
        ArgReduceOp::Max => arg_fold(a, axis, Arith::exceeds),
        ArgReduceOp::Min => arg_fold(a, axis, Arith::undercuts),
    });
    dispatch_dtype!(index_dtype, T => Array::from_elements(&shape, positions.into_iter().map(<T as ConvertFrom<u64>>::convert_from).collect()))
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
