//! Functions with derivatives of their own, and with batching rules.

use elimap::prelude::*;
use elimap::{
    Arg, AutodiffError, Error, custom_jvp, custom_vjp, custom_vmap, grad, hessian, jacfwd, jvp,
    linearize,
};

use crate::{close, list, number, row};

/// A rule that is no true derivative shows that it is used, and calls its own function as most rules do.
fn odd(x: Tensor) -> Result<Tensor, Error> {
    custom_jvp(|x: Tensor| x.sin())
        .name("odd")
        .def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| {
            Ok::<_, Error>((odd(x.clone())?, odd(x)? * dx * 3.0))
        })
        .call((x,))
}

#[test]
fn a_jvp_rule_is_used_in_every_mode_and_again_for_the_second_derivative() {
    let (x, s) = (0.5, 0.5_f64.sin());
    close(&[number(&odd(x.into()).unwrap())], &[s]);
    close(&[number(&grad(odd).call((x,)).unwrap())], &[3.0 * s]);
    close(&[number(&jvp(odd, (x,), (2.0,)).unwrap().1)], &[6.0 * s]);
    close(&[number(&grad(grad(odd)).call((x,)).unwrap())], &[9.0 * s]);
    close(
        &[number(&grad(grad(grad(odd))).call((x,)).unwrap())],
        &[27.0 * s],
    );
    let mapped = vmap(grad(odd)).call((row(&[0.5, 0.1]),)).unwrap();
    close(&list(&mapped), &[3.0 * s, 3.0 * 0.1_f64.sin()]);
    let other = grad(|x: Tensor| vmap(odd).call((x,)).map(|y| y.sum(..)));
    close(
        &list(&other.call((row(&[0.5, 0.1]),)).unwrap()),
        &[3.0 * s, 3.0 * 0.1_f64.sin()],
    );
}

#[test]
fn a_vjp_rule_is_used_and_has_no_forward_mode() {
    let scaled = |x: Tensor| {
        custom_vjp(|x: Tensor| x.square())
            .name("scaled")
            .def_vjp(
                |(x,): (Tensor,)| (x.square(), x),
                |x: Tensor, ct: Tensor| (ct * x * 10.0,),
            )
            .call((x,))
    };
    assert_eq!(number(&grad(scaled).call((3.0,)).unwrap()), 30.0);
    assert_eq!(number(&grad(grad(scaled)).call((3.0,)).unwrap()), 10.0);
    assert_eq!(
        list(&vmap(grad(scaled)).call((row(&[1.0, 2.0]),)).unwrap()),
        [10.0, 20.0]
    );
    let sum = |x: Tensor| vmap(scaled).call((x,)).map(|y| y.sum(..));
    assert_eq!(
        list(&grad(sum).call((row(&[1.0, 2.0]),)).unwrap()),
        [10.0, 20.0]
    );
    for error in [
        jvp(scaled, (3.0,), (1.0,)).map(|_| ()).unwrap_err(),
        jacfwd(scaled).call((3.0,)).map(|_| ()).unwrap_err(),
        hessian(|x: Tensor| jvp(scaled, (x,), (1.0,)).map(|(y, _)| y))
            .call((3.0,))
            .map(|_| ())
            .unwrap_err(),
    ] {
        assert!(
            matches!(
                error.root(),
                Error::Autodiff(AutodiffError::ForwardCustomVjp { .. })
            ),
            "{error}"
        );
    }
}

#[test]
fn an_argument_that_all_lanes_share_gets_the_sum_of_its_cotangents() {
    let product = |w: Tensor, x: Tensor| {
        custom_vjp(|w: Tensor, x: Tensor| w * x)
            .def_vjp(
                |(w, x): (Tensor, Tensor)| (&w * &x, (w, x)),
                |(w, x): (Tensor, Tensor), ct: Tensor| (&ct * x, ct * w),
            )
            .call((w, x))
    };
    let f = |w: Tensor, x: Tensor| {
        vmap(|x: Tensor| product(w.clone(), x))
            .call((x,))
            .map(|y| y.sum(..))
    };
    // Captured by the lanes' function, w is batched as a constant of the call.
    let found = grad(f).call((2.0, row(&[1.0, 4.0]))).unwrap();
    assert_eq!(number(&found), 5.0);
    let f = |w: Tensor, x: Tensor| {
        let lanes = vmap(product).in_axes((None, 0));
        lanes.call((w, x)).map(|y| y.sum(..))
    };
    assert_eq!(number(&grad(f).call((2.0, row(&[1.0, 4.0]))).unwrap()), 5.0);
}

#[test]
fn a_differentiated_value_may_not_be_closed_over() {
    let f = |x: Tensor| {
        custom_jvp(|u: Tensor| u * &x)
            .def_jvp(|(u,): (Tensor,), (du,): (Tensor,)| (u * &x, du * &x))
            .call((0.5,))
    };
    let error = grad(f).call((2.0,)).unwrap_err();
    assert!(
        matches!(
            error.root(),
            Error::Autodiff(AutodiffError::ClosedOverValue { .. })
        ),
        "{error}"
    );
    // A value that is batched but not differentiated may be.
    let g = |k: Tensor, x: Tensor| {
        grad(|x: Tensor| {
            custom_jvp(|u: Tensor| u * &k)
                .def_jvp(|(u,): (Tensor,), (du,): (Tensor,)| (u * &k, du * &k * 7.0))
                .call((x,))
        })
        .call((x,))
    };
    let found = vmap(g).call((row(&[1.0, 2.0]), row(&[0.0, 0.0]))).unwrap();
    assert_eq!(list(&found), [7.0, 14.0]);
}

#[test]
fn rules_must_return_what_their_function_requires() {
    let wrong = |x: Tensor| {
        custom_jvp(|x: Tensor| x.sin())
            .def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| (x.sin(), dx.sum(..)))
            .call((x,))
    };
    // Nobody asks for the derivative.
    jit(wrong).call((row(&[1.0, 2.0]),)).unwrap();
    let error = jacfwd(wrong).call((row(&[1.0, 2.0]),)).unwrap_err();
    assert!(
        matches!(
            error.root(),
            Error::Autodiff(AutodiffError::RuleMismatch { .. })
        ),
        "{error}"
    );
}

#[test]
fn the_derivative_of_a_batching_rule_batches_the_derivative() {
    let f = |x: Tensor| {
        custom_vmap(|x: Tensor| x.sin())
            .def_vmap(|_, _: &[bool], (x,): (Tensor,)| (x.sin() * 5.0, true))
            .call((x,))
    };
    let lanes = |x: Tensor, dx: Tensor| jvp(f, (x,), (dx,));
    let (y, dy) = vmap(lanes)
        .call((row(&[0.1, 0.2]), row(&[1.0, 2.0])))
        .unwrap();
    close(&list(&y), &[5.0 * 0.1_f64.sin(), 5.0 * 0.2_f64.sin()]);
    close(&list(&dy), &[5.0 * 0.1_f64.cos(), 10.0 * 0.2_f64.cos()]);
    // Where only tangents have lanes, a rule that makes lanes is asked as if the arguments had them too.
    let spread = |x: Tensor| {
        custom_vmap(|x: Tensor| x.sin())
            .def_vmap(|n, _: &[bool], (x,): (Tensor,)| {
                let lanes = x.broadcast_to([n]);
                (lanes.sin() * 5.0, true)
            })
            .call((x,))
    };
    let lanes = |dx: Tensor| jvp(spread, (0.1,), (dx,)).map(|(_, dy)| dy);
    let dy = vmap(lanes).call((row(&[1.0, 2.0]),)).unwrap();
    close(&list(&dy), &[5.0 * 0.1_f64.cos(), 10.0 * 0.1_f64.cos()]);
    let error = grad(f).call((0.1,)).unwrap_err();
    assert!(
        matches!(
            error.root(),
            Error::Autodiff(AutodiffError::ReverseCustomVmap { .. })
        ),
        "{error}"
    );
    // Batched first, the rule's own body is what is differentiated.
    let sum = |x: Tensor| vmap(f).call((x,)).map(|y| y.sum(..));
    close(
        &list(&grad(sum).call((row(&[0.1]),)).unwrap()),
        &[5.0 * 0.1_f64.cos()],
    );
}

#[test]
fn linearization_keeps_the_batching_rule() {
    let f = |x: Tensor, n: Tensor| {
        custom_vmap(|x: Tensor, n: Tensor| (n + 1, x.sin()))
            .def_vmap(|_, _: &[bool], (x, n): (Tensor, Tensor)| {
                let lanes = n.broadcast_to([2]);
                ((lanes + 10, x.sin() * 5.0), true)
            })
            .call((x, n))
    };
    let (x, n) = (row(&[0.1, 0.2]), Array::from(vec![1_i64, 2]));
    let value = |x: Tensor, n: Tensor| linearize(f, (x, n)).map(|(value, _)| value);
    let (m, y) = vmap(value).call((x.clone(), n.clone())).unwrap();
    assert_eq!(list(&m.astype(DType::F64)), [11.0, 12.0]);
    close(&list(&y), &[5.0 * 0.1_f64.sin(), 5.0 * 0.2_f64.sin()]);
    let slope = |x: Tensor, n: Tensor| linearize(f, (x, n))?.1.call((1.0, None::<Tensor>));
    let (_, dy) = vmap(slope).call((x, n)).unwrap();
    close(&list(&dy), &[5.0 * 0.1_f64.cos(), 5.0 * 0.2_f64.cos()]);
    // Not batched, it is the function itself.
    let (_, y) = value(0.1.into(), 1.into()).unwrap();
    close(&[number(&y)], &[0.1_f64.sin()]);
}

#[test]
fn arguments_that_are_not_differentiated_come_first_in_the_rules() {
    let scaled = custom_jvp(|k: Tensor, x: Tensor, y: Tensor| k * x * y)
        .name("scaled")
        .nondiff_args::<1>()
        .def_jvp(
            |(k,): (Tensor,), (x, y): (Tensor, Tensor), (dx, dy): (Tensor, Tensor)| {
                (&k * &x * &y, k * (dx * y * 10.0 + dy * x * 100.0))
            },
        );
    assert_eq!(number(&scaled.call((2.0, 3.0, 5.0)).unwrap()), 30.0);
    let both = grad(&scaled).argnums((Arg::<1>, Arg::<2>));
    let (dx, dy) = both.call((2.0, 3.0, 5.0)).unwrap();
    assert_eq!((number(&dx), number(&dy)), (100.0, 600.0));
    // Batched and traced, as an argument or as a number.
    let lanes = vmap(grad(|x: Tensor, k: Tensor| scaled.call((k, x, 5.0))));
    let found = jit(lanes)
        .call((row(&[3.0, 4.0]), row(&[2.0, 4.0])))
        .unwrap();
    assert_eq!(list(&found), [100.0, 200.0]);
    let refused = |error: Error| {
        assert!(
            matches!(
                error.root(),
                Error::Autodiff(AutodiffError::ClosedOverValue { .. })
            ),
            "{error}"
        );
    };
    refused(grad(&scaled).call((2.0, 3.0, 5.0)).unwrap_err());

    let clipped = custom_vjp(|low: Tensor, high: Tensor, x: Tensor| low * 0.0 + high * 0.0 + x)
        .nondiff_args::<2>()
        .def_vjp(
            |(low, high, x): (Tensor, Tensor, Tensor)| {
                (low * 0.0 + high * 0.0 + x, Tensor::from(7.0))
            },
            |(low, high): (Tensor, Tensor), seven: Tensor, ct: Tensor| {
                ((ct * seven).clamp(low, high),)
            },
        );
    let slope = grad(|x: Tensor, ct: Tensor| Ok::<_, Error>(clipped.call((-1.0, 2.0, x))? * ct));
    let found = vmap(slope)
        .call((row(&[0.0; 3]), row(&[0.1, 1.0, -1.0])))
        .unwrap();
    close(&list(&found), &[0.7, 2.0, -1.0]);
    refused(
        grad(|low: Tensor| clipped.call((low, 2.0, 0.5)))
            .call((-1.0,))
            .unwrap_err(),
    );
}
