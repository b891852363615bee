//! Derivatives through loops, conditionals, calls and collectives.

use std::sync::{Arc, Mutex};

use elimap::prelude::*;
use elimap::{AutodiffError, Error, checkpoint, grad, jacfwd, jacrev, jvp, value_and_grad, vjp};

use crate::{close, list, number, row};

fn total(x: Tensor) -> Result<Tensor, Error> {
    let step = |c: Tensor, x: Tensor| {
        let c = (c * x.cos() + x).sin();
        (c.clone(), c)
    };
    let (c, ys): (Tensor, Tensor) = scan(step, 0.5, x, ScanOptions::default())?;
    Ok(c + ys.square().sum(..))
}

/// Derivatives of a function by central differences.
fn differences(f: impl Fn(&[f64]) -> f64, x: &[f64]) -> Vec<f64> {
    let h = 1e-5;
    (0..x.len())
        .map(|k| {
            let moved = |by: f64| {
                let mut x = x.to_vec();
                x[k] += by * h;
                f(&x)
            };
            (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * h)
        })
        .collect()
}

fn near(found: &[f64], expected: &[f64]) {
    for (x, y) in found.iter().zip(expected) {
        assert!(
            (x - y).abs() < 1e-9 * (1.0 + y.abs()),
            "{found:?} is not {expected:?}"
        );
    }
}

#[test]
fn scans_in_both_modes_and_directions() {
    let x = [0.1, -0.4, 0.7, 1.3];
    let value = |x: &[f64]| number(&total(row(x).into()).unwrap());
    let expected = differences(value, &x);
    near(&list(&grad(total).call((row(&x),)).unwrap()), &expected);
    near(&list(&jacfwd(total).call((row(&x),)).unwrap()), &expected);
    near(
        &list(&grad(checkpoint(total)).call((row(&x),)).unwrap()),
        &expected,
    );
    near(
        &list(&jit(grad(total)).call((row(&x),)).unwrap()),
        &expected,
    );
    let second = jacrev(grad(total)).call((row(&x),)).unwrap();
    let other = jacfwd(jacfwd(total)).call((row(&x),)).unwrap();
    close(&list(&second), &list(&other));
    let both = Array::from(ndarray::array![[0.1, -0.4, 0.7, 1.3], [1.0, 1.0, 1.0, 1.0]].into_dyn());
    let mapped = list(&vmap(grad(total)).call((both,)).unwrap());
    near(&mapped[..4], &expected);
}

#[test]
fn what_a_loop_closes_over_gets_the_sum_of_its_steps() {
    let f = |w: Tensor, x: Tensor| {
        let step = |c: Tensor, x: Tensor| ((&w * c + x).tanh(), ());
        let (c, ()): (Tensor, ()) = scan(step, 1.0, x, ScanOptions::default().reverse(true))?;
        Ok::<_, Error>(c)
    };
    let x = row(&[0.2, 0.4, 0.1]);
    let value = |w: &[f64]| number(&f(w[0].into(), Tensor::from(&x)).unwrap());
    near(
        &[number(&grad(f).call((0.7, x.clone())).unwrap())],
        &differences(value, &[0.7]),
    );
}

#[test]
fn fori_loops_of_known_length_reverse_and_others_go_forward() {
    let power = |x: Tensor| elimap::fori_loop(0, 5, |_: Tensor, c: Tensor| c * &x, 1.0);
    close(
        &[number(&grad(power).call((1.5,)).unwrap())],
        &[5.0 * 1.5_f64.powi(4)],
    );
    let steps = |x: Tensor, n: Tensor| elimap::fori_loop(0, n, |_: Tensor, c: Tensor| c * &x, 1.0);
    let (_, tangent) = jvp(steps, (1.5, 5), (1.0, None::<Tensor>)).unwrap();
    close(&[number(&tangent)], &[5.0 * 1.5_f64.powi(4)]);
    let error = jit(grad(steps)).call((1.5, 5)).unwrap_err();
    assert!(
        matches!(error.root(), Error::Autodiff(AutodiffError::ReverseWhile)),
        "{error}"
    );
    let (value, push) = elimap::linearize(steps, (1.5, 5)).unwrap();
    close(&[number(&value)], &[1.5_f64.powi(5)]);
    let tangent = push.call((2.0, None::<Tensor>)).unwrap();
    close(&[number(&tangent)], &[10.0 * 1.5_f64.powi(4)]);
}

#[test]
fn conditionals_keep_the_residuals_of_the_branch_taken() {
    let f = |x: Tensor| {
        elimap::cond(
            x.sum(..).greater(0.0),
            |x: Tensor| (x.exp() * x.sin()).sum(..),
            |x: Tensor| x.square().prod(..),
            (x.clone(),),
        )
    };
    for x in [[0.3, 0.5], [-0.3, -2.0]] {
        let value = |x: &[f64]| number(&f(row(x).into()).unwrap());
        let expected = differences(value, &x);
        near(&list(&grad(f).call((row(&x),)).unwrap()), &expected);
        near(&list(&jacfwd(f).call((row(&x),)).unwrap()), &expected);
    }
    let both = Array::from(ndarray::array![[0.3, 0.5], [-0.3, -2.0]].into_dyn());
    let mapped = list(&vmap(grad(f)).call((both,)).unwrap());
    close(
        &mapped[..2],
        &list(&grad(f).call((row(&[0.3, 0.5]),)).unwrap()),
    );
    close(
        &mapped[2..],
        &list(&grad(f).call((row(&[-0.3, -2.0]),)).unwrap()),
    );
    let third = |i: Tensor, x: Tensor| {
        let branches: [&dyn elimap::Func<(Tensor,), Out = Tensor>; 3] = [
            &|x: Tensor| x.sin(),
            &|_: Tensor| Tensor::from(2.0),
            &|x: Tensor| x.square(),
        ];
        elimap::switch(i, &branches, (x,))
    };
    let slope = |i: i64| {
        number(
            &grad(third)
                .argnums(elimap::Arg::<1>)
                .call((i, 0.4))
                .unwrap(),
        )
    };
    close(&[slope(0), slope(1), slope(2)], &[0.4_f64.cos(), 0.0, 0.8]);
}

#[test]
fn collectives_transpose_as_in_jax() {
    // Each lane's gradient of its own value: the transpose of a sum over lanes is a sum over lanes.
    let f = |x: Tensor| Ok::<_, Error>(elimap::psum(x.square(), "i")? * &x);
    let x = row(&[1.0, 2.0]);
    let found = vmap(grad(f)).axis_name("i").call((x.clone(),)).unwrap();
    // d(s x_i)/dx_i with ct summed over lanes: 2 x_i (x_0 + x_1) + s.
    close(&list(&found), &[2.0 * 3.0 + 5.0, 4.0 * 3.0 + 5.0]);
    let whole = |x: Tensor| vmap(f).axis_name("i").call((x,)).map(|y| y.sum(..));
    let (_, gradient) = value_and_grad(whole).call((x,)).unwrap();
    close(&list(&gradient), &[2.0 * 3.0 + 5.0, 4.0 * 3.0 + 5.0]);
}

#[test]
fn debug_callbacks_see_primals_and_keep_their_order() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let f = move |x: Tensor| {
        let log = log.clone();
        let y = x.sin();
        elimap::debug_callback((&y,), move |args: &[Array]| {
            log.lock().unwrap().push(args[0].item::<f64>().unwrap());
        })?;
        Ok::<_, Error>(y * x)
    };
    grad(f).call((0.5,)).unwrap();
    assert_eq!(*seen.lock().unwrap(), [0.5_f64.sin()]);
}

#[test]
fn side_effects_have_no_derivative() {
    let write = Callback::new("write", [f64::spec([])], |a: &[Array]| a[0].clone()).io(true);
    let f = |x: Tensor| write.call((x,));
    let error = grad(f).call((1.0,)).unwrap_err();
    assert!(
        matches!(
            error.root(),
            Error::Autodiff(AutodiffError::EffectfulCallback { .. })
        ),
        "{error}"
    );
    // What is not differentiated may be written.
    let f = |x: Tensor, y: Tensor| Ok::<_, Error>(write.call((y,))? * x);
    assert_eq!(number(&grad(f).call((1.0, 3.0)).unwrap()), 3.0);
}

#[test]
fn several_cotangents_share_one_forward_pass() {
    let f = |x: Tensor| total(x);
    let x = row(&[0.1, 0.2]);
    let (_, pull) = vjp(f, (x.clone(),)).unwrap();
    let (once,) = pull.call(1.0).unwrap();
    let (twice,) = pull.call(2.0).unwrap();
    let doubled: Vec<f64> = list(&once).iter().map(|v| 2.0 * v).collect();
    close(&list(&twice), &doubled);
}
