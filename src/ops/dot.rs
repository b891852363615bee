//! The generalized matrix product.
//!
//! Operands are seen as `(batch, lhs free, contracted)` and `(batch, contracted, rhs free)` by permuting and merging
//! axes, which copies only what strides cannot express. Products of matrices of floats are computed in [`tile`]s, which read operands
//! where they lie; products with vectors and integers are plain loops over contiguous rows.

mod derivative;
mod matrices;
mod panel;
mod parts;
mod strips;
#[cfg(test)]
mod tests;
mod tile;

use ndarray::{ArcArray, ArrayView3, IxDyn};
use smallvec::{SmallVec, smallvec};

use crate::array::{Array, Data, Pass, Shape, TensorType, on_widest, row_major, unfilled};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::math::Arith;
use crate::ops::rule::{
    BatchDim, Batched, DataRules, Emit, Outputs, Rules, all_past, expect_operands,
};
use crate::ops::shape::addressable;
use crate::program::text::python::{list, tuple};
use crate::program::text::{Given, Shown};
use crate::program::{DotDims, DotGeneral, Op};

use matrices::Matrices;
use parts::{Oriented, Parts, grouped, in_memory, merged};
pub(crate) use strips::{Layout, Strips};
use tile::Sizes;

type Typed<T> = ArcArray<T, IxDyn>;

/// One side of the product.
struct Side<'a> {
    rank: usize,
    contract: &'a [usize],
    batch: &'a [usize],
}

impl Side<'_> {
    /// The axes that are neither contracted nor batched over, in order.
    fn free(&self) -> SmallVec<[usize; 4]> {
        (0..self.rank)
            .filter(|a| !self.contract.contains(a) && !self.batch.contains(a))
            .collect()
    }

    /// Axes in bounds, none named twice.
    fn check(&self, which: &str) -> Result<(), OpErrorKind> {
        let mut seen: SmallVec<[bool; 8]> = smallvec![false; self.rank];
        for &axis in self.contract.iter().chain(self.batch) {
            match seen.get_mut(axis) {
                None => {
                    let axis = isize::try_from(axis).unwrap_or(isize::MAX);
                    return Err(OpErrorKind::AxisOutOfBounds {
                        axis,
                        rank: self.rank,
                    });
                }
                Some(true) => {
                    let detail = format!(
                        "axis {axis} of the {which} operand is contracted or batched over twice"
                    );
                    return Err(OpErrorKind::parameter(detail));
                }
                Some(seen) => *seen = true,
            }
        }
        Ok(())
    }
}

fn sides(dims: &DotDims, lhs_rank: usize, rhs_rank: usize) -> (Side<'_>, Side<'_>) {
    (
        Side {
            rank: lhs_rank,
            contract: &dims.lhs_contract,
            batch: &dims.lhs_batch,
        },
        Side {
            rank: rhs_rank,
            contract: &dims.rhs_contract,
            batch: &dims.rhs_batch,
        },
    )
}

impl Rules for DotGeneral {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        // The result's axes are the batch axes, the left operand's free ones, the right operand's free ones; its element
        // type is the operands' (N18).
        let dims = &self.dims;
        expect_operands(inputs, 2)?;
        let (lhs, rhs) = (&inputs[0], &inputs[1]);
        if lhs.dtype != rhs.dtype {
            return Err(OpErrorKind::dtypes(
                inputs,
                "both operands must have one element type; convert one of them first",
            ));
        }
        let pairs = [
            ("contracted", &dims.lhs_contract, &dims.rhs_contract),
            ("batch", &dims.lhs_batch, &dims.rhs_batch),
        ];
        for (role, l, r) in pairs {
            if l.len() != r.len() {
                let detail = format!(
                    "{} {role} axes on the left and {} on the right; they go in pairs",
                    l.len(),
                    r.len()
                );
                return Err(OpErrorKind::parameter(detail));
            }
        }
        let (left, right) = sides(dims, lhs.rank(), rhs.rank());
        left.check("left")?;
        right.check("right")?;
        for (role, l, r) in pairs {
            if let Some((&l, &r)) = l
                .iter()
                .zip(r)
                .find(|&(&l, &r)| lhs.shape[l] != rhs.shape[r])
            {
                let detail = format!(
                    "{role} axes {l} of the left and {r} of the right operand must have equal lengths"
                );
                return Err(OpErrorKind::shapes(inputs, detail));
            }
        }
        let batch = dims.lhs_batch.iter().map(|&a| lhs.shape[a]);
        let lhs_free = left.free().into_iter().map(|a| lhs.shape[a]);
        let rhs_free = right.free().into_iter().map(|a| rhs.shape[a]);
        let shape = batch.chain(lhs_free).chain(rhs_free);
        addressable(TensorType::new(lhs.dtype, shape).with_weak(lhs.weak && rhs.weak))
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        // Both batched: a new batch axis that leads the result. One batched: a free axis of that operand, wherever it is.
        let dims = &self.dims;
        let (lhs, rhs) = (&inputs[0], &inputs[1]);
        let (lhs_rank, rhs_rank) = (cx.ty(lhs).rank(), cx.ty(rhs).rank());
        let shift = |axes: &Shape, dim: BatchDim| match dim {
            BatchDim::At(dim) => all_past(axes, dim),
            BatchDim::Unbatched => axes.clone(),
        };
        let mut dims = DotDims {
            lhs_contract: shift(&dims.lhs_contract, lhs.dim),
            rhs_contract: shift(&dims.rhs_contract, rhs.dim),
            lhs_batch: shift(&dims.lhs_batch, lhs.dim),
            rhs_batch: shift(&dims.rhs_batch, rhs.dim),
        };
        if let (BatchDim::At(l), BatchDim::At(r)) = (lhs.dim, rhs.dim) {
            dims.lhs_batch.insert(0, l);
            dims.rhs_batch.insert(0, r);
        }
        let (left, right) = sides(&dims, lhs_rank, rhs_rank);
        let before =
            |side: &Side<'_>, dim: usize| side.free().into_iter().filter(|&a| a < dim).count();
        let out = match (lhs.dim, rhs.dim) {
            (BatchDim::At(_), BatchDim::At(_)) => BatchDim::At(0),
            (BatchDim::At(l), BatchDim::Unbatched) => {
                BatchDim::At(left.batch.len() + before(&left, l))
            }
            (BatchDim::Unbatched, BatchDim::At(r)) => {
                BatchDim::At(left.batch.len() + left.free().len() + before(&right, r))
            }
            (BatchDim::Unbatched, BatchDim::Unbatched) => BatchDim::Unbatched,
        };
        let atom = cx.emit1(DotGeneral { dims }, smallvec![lhs.atom, rhs.atom])?;
        Ok(smallvec![Batched { atom, dim: out }])
    }

    fn params(&self, shown: &mut Shown<'_>) {
        let pair = |lhs: &Shape, rhs: &Shape| tuple([list(lhs), list(rhs)]);
        let dims = &self.dims;
        let numbers = [
            pair(&dims.lhs_contract, &dims.rhs_contract),
            pair(&dims.lhs_batch, &dims.rhs_batch),
        ];
        shown.show("dimension_numbers", tuple(numbers));
        if let Some(result) = shown.results.first() {
            shown.show("preferred_element_type", result.dtype);
        }
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let [[lhs_contract, rhs_contract], [lhs_batch, rhs_batch]] =
            given.dot_dims("dimension_numbers")?;
        if given.has("preferred_element_type") {
            let dtype = given.dtype("preferred_element_type")?;
            let result = given.single()?;
            if result.dtype != dtype {
                return Err(ParseError::mismatch(
                    given.at(),
                    "the result's element type",
                    &dtype,
                    &result.dtype,
                ));
            }
        }
        let dims = DotDims {
            lhs_contract,
            rhs_contract,
            lhs_batch,
            rhs_batch,
        };
        Ok(DotGeneral { dims }.into())
    }
}

impl DataRules for DotGeneral {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        let (dims, lhs, rhs) = (&self.dims, &inputs[0], &inputs[1]);
        smallvec![match (lhs.data(), rhs.data()) {
            (Data::Bool(a), Data::Bool(b)) => dot(dims, a, b, None),
            (Data::U8(a), Data::U8(b)) => dot(dims, a, b, None),
            (Data::U16(a), Data::U16(b)) => dot(dims, a, b, None),
            (Data::U32(a), Data::U32(b)) => dot(dims, a, b, None),
            (Data::U64(a), Data::U64(b)) => dot(dims, a, b, None),
            (Data::I8(a), Data::I8(b)) => dot(dims, a, b, None),
            (Data::I16(a), Data::I16(b)) => dot(dims, a, b, None),
            (Data::I32(a), Data::I32(b)) => dot(dims, a, b, None),
            (Data::I64(a), Data::I64(b)) => dot(dims, a, b, None),
            (Data::F32(a), Data::F32(b)) => dot(dims, a, b, Some(tile::products)),
            (Data::F64(a), Data::F64(b)) => dot(dims, a, b, Some(tile::products)),
            _ => unreachable!(
                "the type rule of dot_general does not admit {} with {}",
                lhs.dtype(),
                rhs.dtype()
            ),
        }]
    }
}

/// Writes the row-major products of two stacks of matrices.
type MatrixKernel<T> = fn(Sizes, Matrices<'_, T>, Matrices<'_, T>, &mut [T]);

fn dot<T: Arith>(
    dims: &DotDims,
    lhs: &Typed<T>,
    rhs: &Typed<T>,
    kernel: Option<MatrixKernel<T>>,
) -> Array {
    let parts = Parts::new(dims, lhs.shape(), rhs.shape());
    let Sizes { m, k, n } = parts.sizes;
    if k == 0 || parts.batch * m * n == 0 {
        return Array::wrap(ArcArray::from_elem(parts.shape.concat(), T::ZERO));
    }
    let kernel = kernel.filter(|_| m > 1 && n > 1);
    // Where strides say all there is to say, no views are made.
    if let Some(kernel) = kernel
        && let Some(product) = parts.oriented(lhs, rhs)
    {
        return product.result(kernel, &parts);
    }
    let (lhs, rhs) = (grouped(lhs, parts.lhs()), grouped(rhs, parts.rhs()));
    let lhs = merged(&lhs, parts.lhs(), (parts.batch, m, k));
    let rhs = merged(&rhs, parts.rhs(), (parts.batch, k, n));
    let (lhs, rhs) = (lhs.view(), rhs.view());
    let Some(kernel) = kernel else {
        let mut out = unfilled(&parts.shape.concat(), T::ZERO);
        product(&lhs, &rhs, elements_of(&mut out));
        return Array::wrap(out);
    };
    let (lhs, rhs) = (in_memory(&lhs), in_memory(&rhs));
    Oriented::new(parts.sizes, lhs.matrices(), rhs.matrices()).result(kernel, &parts)
}

impl<T: Arith> Oriented<'_, T> {
    fn result(&self, kernel: MatrixKernel<T>, parts: &Parts<'_>) -> Array {
        let (lengths, places) = parts.memory(self.turned);
        let mut out = unfilled(&lengths, T::ZERO);
        kernel(self.sizes, self.lhs, self.rhs, elements_of(&mut out));
        let out = Array::wrap(out);
        if self.turned {
            out.permute(&places)
        } else {
            out
        }
    }
}

/// The elements of an array in row-major order that nobody shares.
fn elements_of<T: Arith>(array: &mut Typed<T>) -> &mut [T] {
    array.as_slice_mut().unwrap_or(&mut [])
}

/// Every matrix of a stack transposed.
fn transposed<'a, T>(matrices: &ArrayView3<'a, T>) -> ArrayView3<'a, T> {
    matrices.permuted_axes((0, 2, 1))
}

/// The matrix product of every pair of `(batch, m, k)` and `(batch, k, n)`; nothing is empty. The result is to be filled.
fn product<T: Arith>(lhs: &ArrayView3<'_, T>, rhs: &ArrayView3<'_, T>, out: &mut [T]) {
    let ((_, m, _), n) = (lhs.dim(), rhs.dim().2);
    if n == 1 && !transposed(lhs).is_standard_layout() {
        rows_by_vector(lhs, &transposed(rhs), out);
    } else if m == 1 && transposed(rhs).is_standard_layout() {
        rows_by_vector(&transposed(rhs), lhs, out);
    } else if n == 1 {
        rows_by_rows(&transposed(rhs), &transposed(lhs), out);
    } else {
        rows_by_rows(lhs, rhs, out);
    }
}

/// How many partial sums an inner product keeps.
const LANES: usize = 8;

/// Inner products of the rows of `(batch, m, k)` with the vectors of `(batch, 1, k)`.
fn rows_by_vector<T: Arith>(rows: &ArrayView3<'_, T>, vectors: &ArrayView3<'_, T>, out: &mut [T]) {
    let (_, m, k) = rows.dim();
    let (rows, vectors) = (rows.into_dyn(), vectors.into_dyn());
    on_widest(RowsByVector {
        rows: &row_major(&rows),
        vectors: &row_major(&vectors),
        sizes: (m, k),
        out,
    });
}

struct RowsByVector<'a, T> {
    rows: &'a [T],
    vectors: &'a [T],
    /// Rows of a matrix, and their length.
    sizes: (usize, usize),
    out: &'a mut [T],
}

impl<T: Arith> Pass for RowsByVector<'_, T> {
    #[inline(always)]
    fn run(self) {
        let (m, k) = self.sizes;
        let matrices = self.rows.chunks_exact(m * k);
        let stack = matrices.zip(self.vectors.chunks_exact(k));
        for ((rows, vector), out) in stack.zip(self.out.chunks_exact_mut(m)) {
            for (row, out) in rows.chunks_exact(k).zip(out) {
                *out = inner_product(row, vector);
            }
        }
    }
}

#[inline(always)]
fn inner_product<T: Arith>(x: &[T], y: &[T]) -> T {
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = xs.remainder().iter().zip(ys.remainder());
    let mut partial = [T::ZERO; LANES];
    for (xs, ys) in xs.zip(ys) {
        for ((p, &x), &y) in partial.iter_mut().zip(xs).zip(ys) {
            *p = p.add(x.mul(y));
        }
    }
    let total = partial.into_iter().fold(T::ZERO, T::add);
    rest.fold(total, |total, (&x, &y)| total.add(x.mul(y)))
}

/// Products of matrices as sums of rows of the right one.
fn rows_by_rows<T: Arith>(lhs: &ArrayView3<'_, T>, rhs: &ArrayView3<'_, T>, out: &mut [T]) {
    let ((_, m, k), n) = (lhs.dim(), rhs.dim().2);
    let (lhs, rhs) = (lhs.into_dyn(), rhs.into_dyn());
    on_widest(RowsByRows {
        lhs: &row_major(&lhs),
        rhs: &row_major(&rhs),
        sizes: (m, k, n),
        out,
    });
}

struct RowsByRows<'a, T> {
    lhs: &'a [T],
    rhs: &'a [T],
    sizes: (usize, usize, usize),
    out: &'a mut [T],
}

impl<T: Arith> Pass for RowsByRows<'_, T> {
    #[inline(always)]
    fn run(self) {
        let (m, k, n) = self.sizes;
        self.out.fill(T::ZERO);
        let matrices = self
            .lhs
            .chunks_exact(m * k)
            .zip(self.rhs.chunks_exact(k * n));
        for ((lhs, rhs), out) in matrices.zip(self.out.chunks_exact_mut(m * n)) {
            for (weights, out) in lhs.chunks_exact(k).zip(out.chunks_exact_mut(n)) {
                for (&weight, row) in weights.iter().zip(rhs.chunks_exact(n)) {
                    for (o, &x) in out.iter_mut().zip(row) {
                        *o = o.add(weight.mul(x));
                    }
                }
            }
        }
    }
}
