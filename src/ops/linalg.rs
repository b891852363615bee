//! Factorizations and solves of small dense matrices, many at once.
//!
//! Every operation works on the last two axes over equal leading batch axes, and none fails on a matrix: where JAX
//! gives NaN or infinity so do these, in that matrix alone (rule N19). The kernels are in [`dense`]; matrices are
//! independent of each other, so they are shared out over threads without any effect on the results.

mod dense;
mod derivative;

use std::borrow::Cow;

use num_complex::Complex;
use rayon::prelude::*;
use smallvec::smallvec;

use dense::Field;

use crate::array::{Array, DType, Element, Shape, TensorType, prepare_threads};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::rule::{
    BatchDim, Batched, DataRules, Emit, Outputs, Rules, batched_at, expect_operands, front_batch,
};
use crate::ops::shape::all_weak;
use crate::program::text::{Given, Shown};
use crate::program::{Atom, Cholesky, Op, Reshape, Solve, TriangularSolve};

/// Multiplications worth handing to another thread; fewer take less time than waking it.
const PARALLEL_WORK: usize = 1 << 15;

/// Runs a generic function on the element type of an array of floats or complex numbers.
macro_rules! float_dispatch {
    ($array:expr, $T:ident => $body:expr) => {
        match $array.dtype() {
            DType::F32 => {
                type $T = f32;
                $body
            }
            DType::C64 => {
                type $T = Complex<f32>;
                $body
            }
            DType::C128 => {
                type $T = Complex<f64>;
                $body
            }
            // The type rules admit nothing but floats and complex numbers.
            _ => {
                type $T = f64;
                $body
            }
        }
    };
}

/// Checks that an operand holds square matrices of floats or complex numbers, and returns their size.
fn check_square(inputs: &[TensorType]) -> Result<usize, OpErrorKind> {
    let a = &inputs[0];
    if !a.dtype.is_inexact() {
        return Err(OpErrorKind::dtypes(
            [a],
            "matrices must hold floats or complex numbers; convert them first",
        ));
    }
    match a.shape.as_slice() {
        [.., rows, columns] if rows == columns => Ok(*rows),
        _ => Err(OpErrorKind::shapes(
            inputs,
            "the last two axes must be those of square matrices",
        )),
    }
}

/// Checks square matrices against right-hand sides, of which the `side`-th axis from the end is solved along.
fn check_system(side: usize, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 2)?;
    let n = check_square(inputs)?;
    let (a, b) = (&inputs[0], &inputs[1]);
    if a.dtype != b.dtype {
        return Err(OpErrorKind::dtypes(
            inputs,
            "both operands must have one element type; convert one first",
        ));
    }
    let leading = a.rank() - 2;
    if b.rank() != a.rank() || b.shape[..leading] != a.shape[..leading] {
        let detail = "both operands must be matrices with the same leading batch axes; broadcast or reshape first";
        return Err(OpErrorKind::shapes(inputs, detail));
    }
    if b.shape[b.rank() - side] != n {
        let what = if side == 2 { "rows" } else { "columns" };
        return Err(OpErrorKind::shapes(
            inputs,
            format!("the right-hand side must have {n} {what}"),
        ));
    }
    Ok(smallvec![b.clone().with_weak(all_weak(inputs))])
}

/// Rewrites every matrix of `out` in place, with the square matrix of `a` that goes with it.
fn for_each_matrix<T: Element>(
    a: &[T],
    n: usize,
    out: &mut [T],
    size: usize,
    each: impl Fn(&[T], &mut [T]) + Sync,
) {
    // Where there is anything to compute, no axis is empty.
    if out.is_empty() {
        return;
    }
    let work = n * (n * n + size);
    prepare_threads();
    out.par_chunks_mut(size)
        .zip(a.par_chunks(n * n))
        .with_min_len(PARALLEL_WORK.div_ceil(work))
        .for_each(|(out, a)| each(a, out));
}

/// The size of one matrix and the number of elements of one right-hand side.
fn matrix_sizes(a: &Array, b: &Array) -> (usize, usize) {
    (
        a.shape()[a.rank() - 1],
        b.shape()[b.rank() - 2..].iter().product(),
    )
}

impl Rules for Cholesky {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        expect_operands(inputs, 1)?;
        check_square(inputs)?;
        Ok(smallvec![inputs[0].clone()])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        front_batch(cx, inputs, self.clone())
    }

    fn params(&self, _shown: &mut Shown<'_>) {}

    fn parse(_name: &str, _given: &mut Given<'_>) -> Result<Op, ParseError> {
        Ok(Cholesky.into())
    }
}

impl DataRules for Cholesky {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        let a = &inputs[0];
        smallvec![float_dispatch!(a, T => cholesky::<T>(a))]
    }
}

fn cholesky<T: Field>(a: &Array) -> Array {
    let (n, size) = matrix_sizes(a, a);
    let elements = a.elements::<T>();
    let mut out = elements.to_vec();
    let two = T::ONE + T::ONE;
    for_each_matrix(&elements, n, &mut out, size, |a, out| {
        for i in 0..n {
            for j in 0..=i {
                out[i * n + j] = (a[i * n + j] + a[j * n + i].conj()) / two;
            }
        }
        dense::cholesky(out, n);
    });
    Array::from_elements(a.shape(), out)
}

impl Rules for TriangularSolve {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        check_system(if self.left_side { 2 } else { 1 }, inputs)
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        batch_system(cx, self.clone(), self.left_side, inputs)
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("conjugate_a", false)
            .show("left_side", self.left_side)
            .show("lower", self.lower)
            .show("transpose_a", self.transpose_a)
            .show("unit_diagonal", self.unit_diagonal);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        given.fixed("conjugate_a", "False")?;
        Ok(TriangularSolve {
            left_side: given.boolean("left_side")?,
            lower: given.boolean("lower")?,
            transpose_a: given.boolean("transpose_a")?,
            unit_diagonal: given.boolean("unit_diagonal")?,
        }
        .into())
    }
}

impl DataRules for TriangularSolve {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        let &Self {
            left_side,
            lower,
            transpose_a,
            unit_diagonal,
        } = self;
        let (a, b) = (&inputs[0], &inputs[1]);
        // x op(a) = b is op(a)^T x^T = b^T.
        let form = Triangular {
            left_side,
            lower,
            transposed: transpose_a == left_side,
            unit_diagonal,
        };
        smallvec![float_dispatch!(a, T => triangular_solve::<T>(form, a, b))]
    }
}

/// A triangular system brought to the form `a x = b` or `a^T x = b`.
#[derive(Clone, Copy)]
struct Triangular {
    /// Whether solutions and right-hand sides are `x` and `b`, rather than their transposes.
    left_side: bool,
    lower: bool,
    transposed: bool,
    unit_diagonal: bool,
}

fn triangular_solve<T: Field>(form: Triangular, a: &Array, b: &Array) -> Array {
    let (n, size) = matrix_sizes(a, b);
    let mut out = b.elements::<T>().into_owned();
    let lower = form.lower != form.transposed;
    for_each_matrix(&a.elements::<T>(), n, &mut out, size, |a, out| {
        let a = match form.transposed {
            true => Cow::Owned(dense::transposed(a, n)),
            false => Cow::Borrowed(a),
        };
        if form.left_side {
            dense::triangular_solve(&a, out, n, lower, form.unit_diagonal);
        } else {
            // The rows are right-hand sides, which the kernel has as columns.
            let mut x = dense::transposed(out, n);
            dense::triangular_solve(&a, &mut x, n, lower, form.unit_diagonal);
            out.copy_from_slice(&dense::transposed(&x, size / n));
        }
    });
    Array::from_elements(b.shape(), out)
}

impl Rules for Solve {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        check_system(2, inputs)
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        batch_system(cx, self.clone(), true, inputs)
    }

    fn params(&self, _shown: &mut Shown<'_>) {}

    fn parse(_name: &str, _given: &mut Given<'_>) -> Result<Op, ParseError> {
        Ok(Solve.into())
    }
}

impl DataRules for Solve {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        let (a, b) = (&inputs[0], &inputs[1]);
        smallvec![float_dispatch!(a, T => solve::<T>(a, b))]
    }
}

fn solve<T: Field>(a: &Array, b: &Array) -> Array {
    let (n, size) = matrix_sizes(a, b);
    let mut out = b.elements::<T>().into_owned();
    for_each_matrix(&a.elements::<T>(), n, &mut out, size, |a, out| {
        dense::solve(&mut a.to_vec(), out, n, size / n);
    });
    Array::from_elements(b.shape(), out)
}

/// Batches a solve. Where all lanes share the matrix, their right-hand sides are put side by side and it is factored
/// once.
fn batch_system(
    cx: &mut dyn Emit,
    op: impl Into<Op>,
    left_side: bool,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let (a, b) = (inputs[0], inputs[1]);
    let (BatchDim::Unbatched, BatchDim::At(bd)) = (a.dim, b.dim) else {
        let a = cx.materialize_at(&a, 0)?;
        let b = cx.materialize_at(&b, 0)?;
        let out = cx.emit1(op, smallvec![a, b])?;
        return Ok(batched_at(out, 0));
    };
    // Next to the axis of right-hand sides: the columns of `a x = b`, the rows of `x a = b`.
    let rank = cx.ty(&b).rank();
    let lanes = if left_side { rank - 1 } else { rank - 2 };
    let b = cx.move_axis(b.atom, bd, lanes)?;
    let unfolded = cx.atom_type(&b).shape;
    let mut folded = unfolded.clone();
    let size = folded.remove(lanes);
    folded[lanes - 1] = folded[lanes - 1].saturating_mul(size);
    let b = reshape(cx, b, folded)?;
    let out = cx.emit1(op, smallvec![a.atom, b])?;
    let out = reshape(cx, out, unfolded)?;
    Ok(batched_at(out, lanes))
}

fn reshape(cx: &mut dyn Emit, atom: Atom, shape: Shape) -> Result<Atom, Error> {
    cx.emit1(Reshape { shape }, smallvec![atom])
}

#[cfg(test)]
mod tests;
