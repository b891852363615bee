//! Factorizations and solves of small dense matrices, many at once.
//!
//! Every operation works on the last two axes over equal leading batch axes, and none fails on a matrix: where JAX
//! gives NaN or infinity so do these, in that matrix alone (rule N19). The kernels are nalgebra's; matrices are
//! independent of each other, so they are shared out over threads without any effect on the results.

use nalgebra::{Cholesky, DMatrix, LU, RealField};
use rayon::prelude::*;
use smallvec::smallvec;

use super::expect_operands;
use super::shape::all_weak;
use super::{BatchContext, BatchDim, Batched, Outputs, batched_at};
use crate::array::{Array, DType, Element, Shape, TensorType};
use crate::error::{Error, OpErrorKind};
use crate::program::{Atom, Op};

/// Multiplications worth handing to another thread; fewer take less time than waking it.
const PARALLEL_WORK: usize = 1 << 15;

/// Runs a generic function on the element type of a floating array.
macro_rules! float_dispatch {
    ($array:expr, $T:ident => $body:expr) => {
        match $array.dtype() {
            DType::F32 => {
                type $T = f32;
                $body
            }
            // The type rules admit nothing but floats.
            _ => {
                type $T = f64;
                $body
            }
        }
    };
}

/// Checks that an operand holds square matrices of floats, and returns their size.
fn check_square(inputs: &[TensorType]) -> Result<usize, OpErrorKind> {
    let a = &inputs[0];
    if !a.dtype.is_float() {
        return Err(OpErrorKind::dtypes(
            [a],
            "matrices must hold float32 or float64; convert them first",
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

/// Writes a matrix out in row-major order.
fn write_rows<T: Element + RealField>(matrix: &DMatrix<T>, out: &mut [T]) {
    for (row, out) in out.chunks_exact_mut(matrix.ncols()).enumerate() {
        for (column, x) in out.iter_mut().enumerate() {
            *x = matrix[(row, column)];
        }
    }
}

// ------------------------------------------------------------------------------------------------------ cholesky

pub(super) fn infer_cholesky(inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 1)?;
    check_square(inputs)?;
    Ok(smallvec![inputs[0].clone()])
}

pub(super) fn eval_cholesky(a: &Array) -> Array {
    float_dispatch!(a, T => cholesky::<T>(a))
}

fn cholesky<T: Element + RealField>(a: &Array) -> Array {
    let (n, size) = matrix_sizes(a, a);
    let elements = a.elements::<T>();
    let mut out = elements.to_vec();
    let half = T::one() / (T::one() + T::one());
    for_each_matrix(&elements, n, &mut out, size, |a, out| {
        let symmetric = DMatrix::from_fn(n, n, |r, c| (a[r * n + c] + a[c * n + r]) * half);
        match Cholesky::new(symmetric) {
            Some(factor) => write_rows(&factor.unpack(), out),
            None => {
                let nan = T::zero() / T::zero();
                let failed = DMatrix::from_fn(n, n, |r, c| if c <= r { nan } else { T::zero() });
                write_rows(&failed, out);
            }
        }
    });
    Array::from_elements(a.shape(), out)
}

pub(super) fn batch_cholesky(
    cx: &mut BatchContext<'_>,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let a = cx.materialize_at(&inputs[0], 0)?;
    let out = cx.emit1(Op::Cholesky, smallvec![a])?;
    Ok(batched_at(out, 0))
}

// ---------------------------------------------------------------------------------------------- triangular solve

pub(super) fn infer_triangular_solve(
    left_side: bool,
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    check_system(if left_side { 2 } else { 1 }, inputs)
}

pub(super) fn eval_triangular_solve(
    left_side: bool,
    lower: bool,
    transpose_a: bool,
    unit_diagonal: bool,
    a: &Array,
    b: &Array,
) -> Array {
    // x op(a) = b is op(a)^T x^T = b^T.
    let form = Triangular {
        left_side,
        lower,
        transposed: transpose_a == left_side,
        unit_diagonal,
    };
    float_dispatch!(a, T => triangular_solve::<T>(form, a, b))
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

fn triangular_solve<T: Element + RealField>(form: Triangular, a: &Array, b: &Array) -> Array {
    let (n, size) = matrix_sizes(a, b);
    let mut out = b.elements::<T>().into_owned();
    for_each_matrix(&a.elements::<T>(), n, &mut out, size, |a, out| {
        let mut a = DMatrix::from_row_slice(n, n, a);
        if form.unit_diagonal {
            a.fill_diagonal(T::one());
        }
        // nalgebra keeps columns together, so a row-major matrix is its transpose as it lies.
        let columns = size / n;
        let mut x = if form.left_side {
            DMatrix::from_row_slice(n, columns, out)
        } else {
            DMatrix::from_column_slice(n, columns, out)
        };
        // "Unchecked" as to zeros on the diagonal: dividing by them is what is wanted.
        match (form.lower, form.transposed) {
            (true, false) => a.solve_lower_triangular_unchecked_mut(&mut x),
            (true, true) => a.tr_solve_lower_triangular_unchecked_mut(&mut x),
            (false, false) => a.solve_upper_triangular_unchecked_mut(&mut x),
            (false, true) => a.tr_solve_upper_triangular_unchecked_mut(&mut x),
        }
        if form.left_side {
            write_rows(&x, out);
        } else {
            out.copy_from_slice(x.as_slice());
        }
    });
    Array::from_elements(b.shape(), out)
}

pub(super) fn batch_triangular_solve(
    cx: &mut BatchContext<'_>,
    op: &Op,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let left_side = !matches!(
        op,
        Op::TriangularSolve {
            left_side: false,
            ..
        }
    );
    batch_system(cx, op, left_side, inputs)
}

// --------------------------------------------------------------------------------------------------------- solve

pub(super) fn infer_solve(inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
    check_system(2, inputs)
}

pub(super) fn eval_solve(a: &Array, b: &Array) -> Array {
    float_dispatch!(a, T => solve::<T>(a, b))
}

fn solve<T: Element + RealField>(a: &Array, b: &Array) -> Array {
    let (n, size) = matrix_sizes(a, b);
    let mut out = b.elements::<T>().into_owned();
    for_each_matrix(&a.elements::<T>(), n, &mut out, size, |a, out| {
        let factors = LU::new(DMatrix::from_row_slice(n, n, a));
        let mut x = DMatrix::from_row_slice(n, size / n, out);
        factors.p().permute_rows(&mut x);
        // LU::solve gives up on a zero pivot; dividing by it gives the infinities and NaNs of rule N19.
        factors
            .lu_internal()
            .solve_lower_triangular_with_diag_unchecked_mut(&mut x, T::one());
        factors
            .lu_internal()
            .solve_upper_triangular_unchecked_mut(&mut x);
        write_rows(&x, out);
    });
    Array::from_elements(b.shape(), out)
}

pub(super) fn batch_solve(
    cx: &mut BatchContext<'_>,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    batch_system(cx, &Op::Solve, true, inputs)
}

/// Batches a solve. Where all lanes share the matrix, their right-hand sides are put side by side and it is factored
/// once.
fn batch_system(
    cx: &mut BatchContext<'_>,
    op: &Op,
    left_side: bool,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let (a, b) = (inputs[0], inputs[1]);
    let (BatchDim::Unbatched, BatchDim::At(bd)) = (a.dim, b.dim) else {
        let a = cx.materialize_at(&a, 0)?;
        let b = cx.materialize_at(&b, 0)?;
        let out = cx.emit1(op.clone(), smallvec![a, b])?;
        return Ok(batched_at(out, 0));
    };
    // Next to the axis of right-hand sides: the columns of `a x = b`, the rows of `x a = b`.
    let rank = cx.ty(&b).rank();
    let lanes = if left_side { rank - 1 } else { rank - 2 };
    let b = cx.move_axis(b.atom, bd, lanes)?;
    let unfolded = cx.builder.atom_type(&b).shape;
    let mut folded = unfolded.clone();
    let size = folded.remove(lanes);
    folded[lanes - 1] *= size;
    let b = reshape(cx, b, folded)?;
    let out = cx.emit1(op.clone(), smallvec![a.atom, b])?;
    let out = reshape(cx, out, unfolded)?;
    Ok(batched_at(out, lanes))
}

fn reshape(cx: &mut BatchContext<'_>, atom: Atom, shape: Shape) -> Result<Atom, Error> {
    cx.emit1(Op::Reshape { shape }, smallvec![atom])
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::super::testkit::{check_batching, counting, refusal, run1};
    use super::*;

    fn matrix(rows: usize, values: &[f64]) -> Array {
        Array::from_elements(&[rows, values.len() / rows], values.to_vec())
    }

    /// Well-conditioned matrices with the given leading axes.
    fn matrices(leading: &[usize], n: usize) -> Array {
        let mut shape = leading.to_vec();
        shape.extend([n, n]);
        let count: usize = shape.iter().product();
        let value = |i: usize| {
            let (row, column) = (i / n.max(1) % n.max(1), i % n.max(1));
            ((i * 7 + 3) % 11) as f64 / 10.0 + if row == column { 4.0 } else { 0.0 }
        };
        Array::from_elements(&shape, (0..count).map(value).collect())
    }

    fn close(got: &Array, want: &[f64]) {
        assert_eq!(got.len(), want.len());
        for (&x, &y) in got.elements::<f64>().iter().zip(want) {
            assert_relative_eq!(x, y, max_relative = 1e-13);
        }
    }

    fn triangular(left_side: bool, lower: bool, transpose_a: bool, unit_diagonal: bool) -> Op {
        Op::TriangularSolve {
            left_side,
            lower,
            transpose_a,
            unit_diagonal,
        }
    }

    #[test]
    fn cholesky_symmetrises_and_marks_only_the_bad_matrix() {
        // Rule N19.
        let lopsided = matrix(2, &[4.0, 3.0, 1.0, 5.0]);
        close(&run1(&Op::Cholesky, &[lopsided]), &[2.0, 0.0, 1.0, 2.0]);
        let three = [
            4.0,
            2.0,
            2.0,
            5.0,
            1.0,
            2.0,
            2.0,
            1.0,
            9.0,
            0.0,
            0.0,
            f64::NAN,
        ];
        let stacked = Array::from_elements(&[3, 2, 2], three.to_vec());
        let got = run1(&Op::Cholesky, &[stacked]).elements::<f64>().to_vec();
        assert_eq!(got[..4], [2.0, 0.0, 1.0, 2.0]);
        for bad in [&got[4..8], &got[8..]] {
            assert!(bad[0].is_nan() && bad[2].is_nan() && bad[3].is_nan());
            assert_eq!(bad[1], 0.0);
        }
        let single = Array::from_elements(&[1, 1], vec![9.0f32]);
        assert_eq!(run1(&Op::Cholesky, &[single]).elements::<f32>()[..], [3.0]);
    }

    #[test]
    fn solve_pivots_and_lets_singular_matrices_be() {
        // Rule N19; the zero in the corner needs a row exchange.
        let got = run1(
            &Op::Solve,
            &[
                matrix(2, &[0.0, 2.0, 1.0, 1.0]),
                matrix(2, &[4.0, 6.0, 5.0, 4.0]),
            ],
        );
        close(&got, &[3.0, 1.0, 2.0, 3.0]);
        let a = Array::from_elements(&[2, 2, 2], vec![1.0, 2.0, 2.0, 4.0, 2.0, 0.0, 0.0, 2.0]);
        let b = Array::from_elements(&[2, 2, 1], vec![1.0, 1.0, 2.0, 4.0]);
        let got = run1(&Op::Solve, &[a, b]).elements::<f64>().to_vec();
        assert!(got[..2].iter().all(|x| !x.is_finite()));
        assert_eq!(got[2..], [1.0, 2.0]);
        let zeros = run1(&Op::Solve, &[matrix(2, &[0.0; 4]), matrix(2, &[1.0, 1.0])]);
        assert!(zeros.elements::<f64>().iter().all(|x| !x.is_finite()));
        let nan = run1(
            &Op::Solve,
            &[
                matrix(2, &[f64::NAN, 1.0, 1.0, 1.0]),
                matrix(2, &[1.0, 1.0]),
            ],
        );
        assert!(nan.elements::<f64>().iter().all(|x| x.is_nan()));
    }

    #[test]
    fn solutions_satisfy_their_systems() {
        let (a, b) = (matrices(&[3], 5), counting(&[3, 5, 2]));
        let x = run1(&Op::Solve, &[a.clone(), b.clone()]);
        for lane in 0..3 {
            let dense = |m: &Array, rows: usize| {
                DMatrix::from_row_slice(
                    rows,
                    m.shape()[2],
                    &m.index_axis(0, lane).expect("a lane").elements::<f64>(),
                )
            };
            assert_relative_eq!(dense(&a, 5) * dense(&x, 5), dense(&b, 5), epsilon = 1e-12);
        }
    }

    #[test]
    fn triangular_solves_of_every_form() {
        let full = matrices(&[], 3);
        let a = DMatrix::from_row_slice(3, 3, &full.elements::<f64>());
        for form in 0..16usize {
            let [left_side, lower, transpose_a, unit] = [1, 2, 4, 8].map(|bit| form & bit != 0);
            let mut used = if lower {
                a.lower_triangle()
            } else {
                a.upper_triangle()
            };
            if unit {
                used.fill_diagonal(1.0);
            }
            if transpose_a {
                used = used.transpose();
            }
            let shape = if left_side { [3, 2] } else { [2, 3] };
            let op = triangular(left_side, lower, transpose_a, unit);
            let got = run1(&op, &[full.clone(), counting(&shape)]);
            let x = DMatrix::from_row_slice(shape[0], shape[1], &got.elements::<f64>());
            let b =
                DMatrix::from_row_slice(shape[0], shape[1], &counting(&shape).elements::<f64>());
            let product = if left_side { used * x } else { x * used };
            assert_relative_eq!(product, b, epsilon = 1e-13);
        }
        // A zero on the diagonal is divided by.
        let singular = [matrix(2, &[0.0, 0.0, 1.0, 1.0]), matrix(2, &[1.0, 1.0])];
        let got = run1(&triangular(true, true, false, false), &singular);
        assert_eq!(
            got.elements::<f64>()[..],
            [f64::INFINITY, f64::NEG_INFINITY]
        );
        let single = [
            Array::from_elements(&[1, 1], vec![2.0f32]),
            Array::from_elements(&[1, 1], vec![3.0f32]),
        ];
        assert_eq!(
            run1(&triangular(true, true, false, false), &single).elements::<f32>()[..],
            [1.5]
        );
    }

    #[test]
    fn empty_axes_and_other_strides() {
        for (a, b) in [
            ([0, 3, 3], [0, 3, 2]),
            ([2, 0, 0], [2, 0, 2]),
            ([2, 3, 3], [2, 3, 0]),
        ] {
            let inputs = [matrices(&a[..1], a[1]), counting(&b)];
            assert_eq!(run1(&Op::Solve, &inputs).shape(), b);
            assert_eq!(
                run1(&triangular(true, true, false, false), &inputs).shape(),
                b
            );
            assert_eq!(run1(&Op::Cholesky, &inputs[..1]).shape(), a);
        }
        let (a, b) = (matrices(&[], 3), counting(&[2, 3]));
        let strided = run1(&Op::Solve, &[a.permute(&[1, 0]), b.permute(&[1, 0])]);
        let dense = |x: &Array| Array::from_elements(x.shape(), x.elements::<f64>().to_vec());
        let copied = run1(
            &Op::Solve,
            &[dense(&a.permute(&[1, 0])), dense(&b.permute(&[1, 0]))],
        );
        assert_eq!(strided, copied);
    }

    #[test]
    fn batching_rules_equal_a_loop_over_lanes() {
        let at = |array: &Array, dim: usize| {
            let mut permutation: Vec<usize> = (1..array.rank()).collect();
            permutation.insert(dim, 0);
            (array.permute(&permutation), Some(dim))
        };
        for size in [0, 1, 3] {
            let (a, b) = (matrices(&[size, 2], 3), counting(&[size, 2, 3, 3]));
            let (one_a, one_b) = (matrices(&[2], 3), counting(&[2, 3, 3]));
            for bd in 0..4 {
                check_batching(&Op::Cholesky, size, &[at(&a, bd)]);
                let mut ops = vec![Op::Solve];
                ops.extend(
                    (0..16).map(|f| triangular(f & 1 != 0, f & 2 != 0, f & 4 != 0, f & 8 != 0)),
                );
                for op in &ops {
                    check_batching(op, size, &[at(&a, bd), at(&b, 3 - bd)]);
                    check_batching(op, size, &[at(&a, bd), (one_b.clone(), None)]);
                    check_batching(op, size, &[(one_a.clone(), None), at(&b, bd)]);
                }
            }
        }
    }

    #[test]
    fn bad_operands_are_refused() {
        let has = |op: &Op, inputs: &[TensorType], part: &str| {
            let text = refusal(op, inputs).to_string();
            assert!(text.contains(part), "{text:?} lacks {part:?}");
        };
        let a = f64::spec([2, 3, 3]);
        has(&Op::Cholesky, &[f64::spec([2, 3])], "square");
        has(&Op::Cholesky, &[f64::spec([3])], "square");
        has(&Op::Cholesky, &[i32::spec([3, 3])], "float");
        has(&Op::Solve, std::slice::from_ref(&a), "takes 2");
        has(&Op::Solve, &[a.clone(), f64::spec([2, 3])], "leading");
        has(&Op::Solve, &[a.clone(), f64::spec([1, 3, 1])], "leading");
        has(&Op::Solve, &[a.clone(), f64::spec([2, 4, 3])], "3 rows");
        has(
            &Op::Solve,
            &[a.clone(), f32::spec([2, 3, 3])],
            "one element type",
        );
        has(
            &triangular(false, true, false, false),
            &[a, f64::spec([2, 3, 4])],
            "3 columns",
        );
    }
}
