//! Values, refusals and batching rules of factorizations and solves.

use std::cmp::Ordering;

use approx::assert_relative_eq;
use ndarray::Array2;
use num_complex::Complex;

use super::super::testkit::{check_batching, counting, refusal, run1};
use super::*;
use crate::array::{Array, TensorType};
use crate::program::{Cholesky, Op, Solve, TriangularSolve};

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
    Op::from(TriangularSolve {
        left_side,
        lower,
        transpose_a,
        unit_diagonal,
    })
}

#[test]
fn cholesky_symmetrises_and_marks_only_the_bad_matrix() {
    // Rule N19.
    let lopsided = matrix(2, &[4.0, 3.0, 1.0, 5.0]);
    close(
        &run1(&Op::from(Cholesky), &[lopsided]),
        &[2.0, 0.0, 1.0, 2.0],
    );
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
    let got = run1(&Op::from(Cholesky), &[stacked])
        .elements::<f64>()
        .to_vec();
    assert_eq!(got[..4], [2.0, 0.0, 1.0, 2.0]);
    for bad in [&got[4..8], &got[8..]] {
        assert!(bad[0].is_nan() && bad[2].is_nan() && bad[3].is_nan());
        assert_eq!(bad[1], 0.0);
    }
    let single = Array::from_elements(&[1, 1], vec![9.0f32]);
    assert_eq!(
        run1(&Op::from(Cholesky), &[single]).elements::<f32>()[..],
        [3.0]
    );
}

#[test]
fn solve_pivots_and_lets_singular_matrices_be() {
    // Rule N19; the zero in the corner needs a row exchange.
    let got = run1(
        &Op::from(Solve),
        &[
            matrix(2, &[0.0, 2.0, 1.0, 1.0]),
            matrix(2, &[4.0, 6.0, 5.0, 4.0]),
        ],
    );
    close(&got, &[3.0, 1.0, 2.0, 3.0]);
    let a = Array::from_elements(&[2, 2, 2], vec![1.0, 2.0, 2.0, 4.0, 2.0, 0.0, 0.0, 2.0]);
    let b = Array::from_elements(&[2, 2, 1], vec![1.0, 1.0, 2.0, 4.0]);
    let got = run1(&Op::from(Solve), &[a, b]).elements::<f64>().to_vec();
    assert!(got[..2].iter().all(|x| !x.is_finite()));
    assert_eq!(got[2..], [1.0, 2.0]);
    let zeros = run1(
        &Op::from(Solve),
        &[matrix(2, &[0.0; 4]), matrix(2, &[1.0, 1.0])],
    );
    assert!(zeros.elements::<f64>().iter().all(|x| !x.is_finite()));
    let nan = run1(
        &Op::from(Solve),
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
    let x = run1(&Op::from(Solve), &[a.clone(), b.clone()]);
    for lane in 0..3 {
        let dense = |m: &Array| array2(&m.index_axis(0, lane).expect("a lane"));
        assert_close(&dense(&a).dot(&dense(&x)), &dense(&b), 1e-12);
    }
}

fn array2(m: &Array) -> Array2<f64> {
    let view = m.view::<f64>().expect("a matrix of f64");
    view.to_owned().into_dimensionality().expect("a matrix")
}

fn assert_close(found: &Array2<f64>, expected: &Array2<f64>, tolerance: f64) {
    assert_eq!(found.shape(), expected.shape());
    for (x, y) in found.iter().zip(expected) {
        assert!(
            (x - y).abs() <= tolerance * (1.0 + y.abs()),
            "{found} is not {expected}"
        );
    }
}

#[test]
fn complex_systems_are_solved_and_factored() {
    type C = Complex<f64>;
    let n = 6;
    let entry = |i: usize, j: usize| {
        C::new(
            ((i * 7 + j * 3) % 5) as f64 - 2.0,
            ((i * 2 + j * 5) % 7) as f64 - 3.0,
        )
    };
    let a: Vec<C> = (0..n * n)
        .map(|k| entry(k / n, k % n) + C::from(if k / n == k % n { 9.0 } else { 0.0 }))
        .collect();
    let b: Vec<C> = (0..n * 2).map(|k| entry(k, k + 1)).collect();
    let product = |x: &[C], y: &[C], columns: usize| -> Vec<C> {
        let cell = |k: usize| {
            (0..n)
                .map(|l| x[k / columns * n + l] * y[l * columns + k % columns])
                .sum()
        };
        (0..n * columns).map(cell).collect()
    };
    let close = |x: &[C], y: &[C]| {
        x.iter()
            .zip(y)
            .all(|(x, y)| (x - y).norm() <= 1e-12 * (1.0 + y.norm()))
    };
    let arrays = [
        Array::from_elements(&[n, n], a.clone()),
        Array::from_elements(&[n, 2], b.clone()),
    ];
    let x = run1(&Op::from(Solve), &arrays);
    assert!(close(&product(&a, &x.elements::<C>(), 2), &b));
    // a a^H is positive definite, and its factor times the factor's adjoint is it again.
    let adjoint = |x: &[C]| -> Vec<C> { (0..n * n).map(|k| x[k % n * n + k / n].conj()).collect() };
    let definite = product(&a, &adjoint(&a), n);
    let factor = run1(
        &Op::from(Cholesky),
        &[Array::from_elements(&[n, n], definite.clone())],
    );
    let factor = factor.elements::<C>();
    assert!(close(&product(&factor, &adjoint(&factor), n), &definite));
    assert!((0..n).all(|i| factor[i * n + i].im == 0.0 && factor[i * n + i].re > 0.0));
    assert!((0..n * n).all(|k| k / n >= k % n || factor[k] == C::ZERO));
}

#[test]
fn triangular_solves_of_every_form() {
    let full = matrices(&[], 3);
    let a = array2(&full);
    for form in 0..16usize {
        let [left_side, lower, transpose_a, unit] = [1, 2, 4, 8].map(|bit| form & bit != 0);
        let mut used = Array2::from_shape_fn((3, 3), |(i, j)| match i.cmp(&j) {
            Ordering::Equal if unit => 1.0,
            Ordering::Less if lower => 0.0,
            Ordering::Greater if !lower => 0.0,
            _ => a[(i, j)],
        });
        if transpose_a {
            used = used.reversed_axes();
        }
        let shape = if left_side { [3, 2] } else { [2, 3] };
        let op = triangular(left_side, lower, transpose_a, unit);
        let got = run1(&op, &[full.clone(), counting(&shape)]);
        let (x, b) = (array2(&got), array2(&counting(&shape)));
        let product = if left_side {
            used.dot(&x)
        } else {
            x.dot(&used)
        };
        assert_close(&product, &b, 1e-13);
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
        assert_eq!(run1(&Op::from(Solve), &inputs).shape(), b);
        assert_eq!(
            run1(&triangular(true, true, false, false), &inputs).shape(),
            b
        );
        assert_eq!(run1(&Op::from(Cholesky), &inputs[..1]).shape(), a);
    }
    let (a, b) = (matrices(&[], 3), counting(&[2, 3]));
    let strided = run1(&Op::from(Solve), &[a.permute(&[1, 0]), b.permute(&[1, 0])]);
    let dense = |x: &Array| Array::from_elements(x.shape(), x.elements::<f64>().to_vec());
    let copied = run1(
        &Op::from(Solve),
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
            check_batching(&Op::from(Cholesky), size, &[at(&a, bd)]);
            let mut ops = vec![Op::from(Solve)];
            ops.extend((0..16).map(|f| triangular(f & 1 != 0, f & 2 != 0, f & 4 != 0, f & 8 != 0)));
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
    has(&Op::from(Cholesky), &[f64::spec([2, 3])], "square");
    has(&Op::from(Cholesky), &[f64::spec([3])], "square");
    has(&Op::from(Cholesky), &[i32::spec([3, 3])], "float");
    has(&Op::from(Solve), std::slice::from_ref(&a), "takes 2");
    has(&Op::from(Solve), &[a.clone(), f64::spec([2, 3])], "leading");
    has(
        &Op::from(Solve),
        &[a.clone(), f64::spec([1, 3, 1])],
        "leading",
    );
    has(
        &Op::from(Solve),
        &[a.clone(), f64::spec([2, 4, 3])],
        "3 rows",
    );
    has(
        &Op::from(Solve),
        &[a.clone(), f32::spec([2, 3, 3])],
        "one element type",
    );
    has(
        &triangular(false, true, false, false),
        &[a, f64::spec([2, 3, 4])],
        "3 columns",
    );
}
