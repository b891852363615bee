//! Numpy-style helpers: values recorded from JAX 0.10.2 (64-bit types on), and vmap against the stacked loop.

use elimap::prelude::*;
use elimap::{OpErrorKind, dot, einsum, eye, linspace, one_hot, outer, stack, tensordot, vdot};

fn of(values: &[f64]) -> Tensor {
    Array::from(values.to_vec()).into()
}

fn shaped(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    let data: Vec<f64> = (0..n).map(|i| ((i * 7 + 3) % 11) as f64 - 4.5).collect();
    Array::from_vec(shape.iter().copied(), data).unwrap().into()
}

fn all(tensor: &Tensor) -> Vec<f64> {
    tensor.to_array().unwrap().to_vec::<f64>().unwrap()
}

fn one(tensor: &Tensor) -> f64 {
    tensor.to_array().unwrap().item::<f64>().unwrap()
}

const INF: f64 = f64::INFINITY;

#[test]
fn moments_of_nothing_and_of_one() {
    assert!(one(&of(&[]).mean(..)).is_nan());
    assert!(one(&of(&[]).std(.., 0)).is_nan());
    assert!(one(&of(&[1.0]).var(.., 1)).is_nan());
    assert_eq!(one(&of(&[1.0]).var(.., 0)), 0.0);
    assert!(one(&of(&[1.0, f64::NAN]).mean(..)).is_nan());
}

#[test]
fn moments_choose_their_float_type_as_division_does() {
    let ints = Tensor::from(Array::from(vec![1_i32, 2, 4]));
    let mean = ints.mean(..);
    assert_eq!(mean.dtype(), DType::F32);
    let near = |t: &Tensor, x: f32| (t.to_array().unwrap().item::<f32>().unwrap() - x).abs() < 1e-6;
    assert!(near(&mean, 2.333_333_5));
    assert!(near(&ints.var(.., 0), 1.555_555_5));
    assert_eq!(
        Tensor::from(Array::from(vec![true, false]))
            .mean(..)
            .dtype(),
        DType::F32
    );
    assert_eq!(
        Tensor::from(Array::from(vec![1_i64, 2])).mean(..).dtype(),
        DType::F64
    );
    assert_eq!(
        Tensor::from(Array::from(vec![1_f32, 2.0])).mean(..).dtype(),
        DType::F32
    );
}

#[test]
fn norms_overflow_as_jax_s_do() {
    assert_eq!(one(&of(&[1e200, 1e200]).norm(..)), INF);
    assert_eq!(all(&shaped(&[2, 2]).norm(0)).len(), 2);
}

#[test]
fn logsumexp_at_the_edges() {
    assert_eq!(one(&of(&[]).logsumexp(..)), -INF);
    assert_eq!(one(&of(&[-INF; 3]).logsumexp(..)), -INF);
    assert_eq!(one(&of(&[INF, 1.0]).logsumexp(..)), INF);
    assert!(one(&of(&[1.0, f64::NAN]).logsumexp(..)).is_nan());
    assert_eq!(
        one(&of(&[1000.0, 1000.0]).logsumexp(0)),
        1000.0 + 2_f64.ln()
    );
}

#[test]
fn softmax_and_its_logarithm() {
    assert!(all(&of(&[-INF; 3]).softmax(0)).iter().all(|x| x.is_nan()));
    let logs = all(&of(&[1.0, 2.0, 3.0]).log_softmax(-1));
    for (x, y) in logs
        .iter()
        .zip([-2.40760596444438, -1.4076059644443801, -0.40760596444438024])
    {
        assert!((x - y).abs() < 1e-14);
    }
    assert_eq!(of(&[]).softmax(0).shape(), [0]);
}

#[test]
fn spaces_and_identities() {
    let x = all(&linspace(0.0, 1.0, 7));
    for (k, x) in x.iter().enumerate() {
        assert!((x - k as f64 / 6.0).abs() < 1e-15);
    }
    assert_eq!(all(&linspace(2.0, 3.0, 1)), [2.0]);
    assert_eq!(linspace(2.0, 3.0, 0).shape(), [0]);
    assert_eq!(
        all(&eye(3, 2, -1, DType::F64)),
        [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    );
    let hot = one_hot(Array::from(vec![-1, 0, 5]), 2, DType::F64);
    assert_eq!(all(&hot), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(all(&outer(of(&[1.0, 2.0]), of(&[3.0]))), [3.0, 6.0]);
}

#[test]
fn clipping_lets_the_upper_bound_win_and_keeps_nan() {
    let x = all(&of(&[1.0, f64::NAN, 9.0]).clip(5.0, 2.0));
    assert_eq!((x[0], x[2]), (2.0, 2.0));
    assert!(x[1].is_nan());
}

#[test]
fn rolling_flipping_and_splitting() {
    let x = of(&[0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(all(&x.roll(-7, 0)), [2.0, 3.0, 4.0, 0.0, 1.0]);
    assert_eq!(all(&x.roll(5, 0)), all(&x));
    assert_eq!(all(&x.flip(..)), [4.0, 3.0, 2.0, 1.0, 0.0]);
    let parts = x.split_at(&[2, 2, 9], 0).unwrap();
    let lengths: Vec<usize> = parts.iter().map(|p| p.shape()[0]).collect();
    assert_eq!(lengths, [2, 0, 3, 0]);
    assert_eq!(shaped(&[2, 6]).split(3, -1).unwrap()[2].shape(), [2, 2]);
    let error = x.split(2, 0).unwrap_err();
    assert_eq!(
        error.to_string().split(" (at").next().unwrap(),
        "split: an axis of length 5 does not split into 2 equal parts; give a divisor, or cut with split_at"
    );
    assert!(x.split(0, 0).is_err());
    assert!(x.split_at(&[3, 1], 0).is_err());
}

#[test]
fn take_along_axis_fills_wraps_and_clips() {
    let x: Tensor = Array::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]]).into();
    let i = Array::from(ndarray::array![[-1_i64, 5], [-3, 0]]);
    let y = all(&x.take_along_axis(i.clone(), 1, TakeMode::Fill));
    assert_eq!((y[0], y[3]), (2.0, 3.0));
    assert!(y[1].is_nan() && y[2].is_nan());
    assert_eq!(
        all(&x.take_along_axis(i.clone(), 1, TakeMode::Clip)),
        [1.0, 2.0, 3.0, 3.0]
    );
    assert_eq!(
        all(&x.take_along_axis(i, 1, TakeMode::Wrap)),
        [2.0, 2.0, 4.0, 3.0]
    );
    let error = x
        .take_along_axis(Array::from(vec![0_i64]), 1, TakeMode::Fill)
        .check()
        .unwrap_err();
    let Error::Op(error) = error.root() else {
        panic!("{error}")
    };
    assert!(matches!(error.kind, OpErrorKind::ShapeMismatch { .. }));
}

#[test]
fn products() {
    let (a, b) = (shaped(&[2, 3]), shaped(&[3, 4]));
    assert_eq!(all(&dot(&a, &b)), all(&a.matmul(&b)));
    assert_eq!(all(&dot(&a, 2.0)), all(&(&a * 2.0)));
    assert_eq!(all(&tensordot(&a, &b, &[1], &[0])), all(&a.matmul(&b)));
    assert_eq!(one(&vdot(&a, &a)), one(&a.square().sum(..)));
}

#[test]
fn einsum_agrees_with_what_it_stands_for() {
    let (a, b, c) = (shaped(&[2, 3]), shaped(&[3, 4]), shaped(&[4, 2]));
    assert_eq!(
        all(&einsum("ij,jk->ik", [&a, &b]).unwrap()),
        all(&a.matmul(&b))
    );
    assert_eq!(all(&einsum("ij,jk", [&a, &b]).unwrap()), all(&a.matmul(&b)));
    assert_eq!(all(&einsum("ij->ji", [&a]).unwrap()), all(&a.t()));
    assert_eq!(all(&einsum("ba", [&a]).unwrap()), all(&a.t()));
    assert_eq!(one(&einsum("ij->", [&a]).unwrap()), one(&a.sum(..)));
    assert_eq!(
        all(&einsum("ij,ij->ij", [&a, &a]).unwrap()),
        all(&a.square())
    );
    assert_eq!(
        all(&einsum("i,j->ij", [&a.index(0, 0), &a.index(0, 1)]).unwrap()).len(),
        9
    );
    let chain = einsum("ij, jk, ki -> i", [&a, &b, &c]).unwrap();
    let square = a.matmul(&b).matmul(&c);
    let diagonal = einsum("ii->i", [&square]).unwrap();
    assert_eq!(all(&chain), all(&diagonal));
    // Recorded from JAX.
    let x: Tensor = Array::from_vec([2, 2, 3], (0..12).map(f64::from).collect())
        .unwrap()
        .into();
    let y: Tensor = Array::from_vec([3, 2], (0..6).map(f64::from).collect())
        .unwrap()
        .into();
    assert_eq!(
        all(&einsum("iij,jk->ki", [&x, &y]).unwrap()),
        [10.0, 64.0, 13.0, 94.0]
    );
}

#[test]
fn einsum_keeps_integer_types() {
    let x = Tensor::from(Array::from(vec![1_i32, 2]));
    assert_eq!(einsum("i->", [&x]).unwrap().dtype(), DType::I32);
    assert_eq!(
        einsum("i,i", [&x, &x])
            .unwrap()
            .to_array()
            .unwrap()
            .item::<i32>()
            .unwrap(),
        5
    );
}

#[test]
fn einsum_says_what_is_wrong() {
    let a = shaped(&[2, 3]);
    for subscripts in ["ij,jk->ik", "i->i", "ij->k", "ij->ii", "...j->j", "i1->i"] {
        let error = einsum(subscripts, [&a]).unwrap_err();
        let Error::Op(error) = error.root() else {
            panic!("{error}")
        };
        assert!(
            matches!(error.kind, OpErrorKind::InvalidParameter { .. }),
            "{subscripts}"
        );
    }
    let error = einsum("ii", [&a]).unwrap_err();
    let Error::Op(error) = error.root() else {
        panic!("{error}")
    };
    assert!(matches!(error.kind, OpErrorKind::ShapeMismatch { .. }));
}

#[test]
fn integer_powers() {
    let x = Tensor::from(Array::from(vec![2_i64, -3]));
    assert_eq!(
        x.pow(3).to_array().unwrap().to_vec::<i64>().unwrap(),
        [8, -27]
    );
    let error = x.pow(-1).check().unwrap_err();
    assert!(matches!(error.root(), Error::Op(_)), "{error}");
    let y = Tensor::from(Array::from(vec![3_i64, 0]));
    assert_eq!(
        x.pow(y).to_array().unwrap().to_vec::<i64>().unwrap(),
        [8, 1]
    );
}

/// `vmap(f)(xs)` equals the stack of `f(x)`, whatever axis is mapped.
fn batches(name: &str, lane: &[usize], f: impl Fn(Tensor) -> Tensor) {
    for lanes in [0, 1, 3] {
        for axis in 0..=lane.len() {
            let mut shape = lane.to_vec();
            shape.insert(axis, lanes);
            let x = shaped(&shape);
            let out = vmap(&f).in_axes(axis as isize).call((&x,)).unwrap();
            assert_eq!(out.shape()[0], lanes, "{name}");
            if lanes == 0 {
                continue;
            }
            let loop_: Vec<Tensor> = (0..lanes)
                .map(|i| f(x.index(axis as isize, i as isize)))
                .collect();
            let expected = stack(&loop_, 0).unwrap();
            assert_eq!(out.shape(), expected.shape(), "{name}");
            for (a, b) in all(&out).iter().zip(all(&expected)) {
                assert!(
                    (a - b).abs() <= 1e-12 * b.abs().max(1.0) || a.is_nan() && b.is_nan(),
                    "{name}: {a} {b}"
                );
            }
        }
    }
}

#[test]
fn helpers_batch_like_the_loop_over_lanes() {
    batches("mean", &[2, 3], |x| x.mean(0));
    batches("var", &[2, 3], |x| x.var(.., 1));
    batches("std", &[2, 3], |x| x.std(1, 0));
    batches("norm", &[2, 3], |x| x.norm(-1));
    batches("logsumexp", &[2, 3], |x| x.logsumexp(0));
    batches("softmax", &[2, 3], |x| x.softmax(1));
    batches("log_softmax", &[2, 3], |x| x.log_softmax(0));
    batches("clip", &[2, 3], |x| x.clip(-1.0, 2.0));
    batches("roll", &[2, 3], |x| x.roll(2, 1));
    batches("flip", &[2, 3], |x| x.flip([0, 1]));
    batches("split", &[2, 4], |x| {
        x.split(2, 1).map(|p| &p[0] * &p[1]).unwrap()
    });
    batches("tril", &[3, 3], |x| x.tril(-1) + x.triu(1));
    batches("outer", &[3], |x| outer(&x, &x + 1.0));
    batches("one_hot", &[3], |x| {
        one_hot(x.astype(DType::I64), 4, DType::F64)
    });
    batches("linspace", &[], |x| linspace(&x, &x + 1.0, 4));
    batches("take_along_axis", &[2, 3], |x| {
        let i = x.argsort(1);
        x.take_along_axis(i, 1, TakeMode::Fill)
    });
    batches("einsum", &[2, 2], |x| {
        einsum("ij,jk,ii->k", [&x, &x, &x]).unwrap()
    });
    batches("dot", &[2, 2], |x| dot(&x, &x) + vdot(&x, &x));
}
