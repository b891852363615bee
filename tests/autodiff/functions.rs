//! `grad` and its kin on plain functions: values by hand, nesting, structures, and what is refused.

use elimap::prelude::*;
use elimap::{
    Arg, AutodiffError, Error, Tree, eval_shape, grad, hessian, jacfwd, jacrev, jvp, jvp_has_aux,
    linear_transpose, linearize, linearize_has_aux, stop_gradient, value_and_grad, vjp,
    vjp_has_aux,
};

use crate::{close, list, number, row};

#[test]
fn a_gradient_by_hand() {
    let f = |x: Tensor, y: Tensor| (&x * y.sin() + x.square()).sum(..);
    let (x, y) = (row(&[1.0, -2.0]), row(&[0.3, 0.7]));
    let dx = grad(f).call((x.clone(), y.clone())).unwrap();
    close(&list(&dx), &[0.3_f64.sin() + 2.0, 0.7_f64.sin() - 4.0]);
    let (value, (dx, dy)) = value_and_grad(f)
        .argnums((Arg::<0>, Arg::<1>))
        .call((x, y))
        .unwrap();
    close(
        &[number(&value)],
        &[0.3_f64.sin() - 2.0 * 0.7_f64.sin() + 5.0],
    );
    close(&list(&dx), &[0.3_f64.sin() + 2.0, 0.7_f64.sin() - 4.0]);
    close(&list(&dy), &[0.3_f64.cos(), -2.0 * 0.7_f64.cos()]);
}

#[test]
fn higher_derivatives_nest() {
    let f = |x: Tensor| x.sin();
    let third = grad(grad(grad(f)));
    close(&[number(&third.call((0.4,)).unwrap())], &[-0.4_f64.cos()]);
    let mapped = vmap(grad(grad(f))).call((row(&[0.1, 0.2]),)).unwrap();
    close(&list(&mapped), &[-0.1_f64.sin(), -0.2_f64.sin()]);
    let compiled = jit(vmap(grad(jit(grad(f)))))
        .call((row(&[0.1, 0.2]),))
        .unwrap();
    close(&list(&compiled), &[-0.1_f64.sin(), -0.2_f64.sin()]);
}

#[test]
fn perturbations_are_not_confused() {
    // d/dx (x * d/dy (x + y)) is 1, and 2 where the perturbations are confused.
    let f = |x: Tensor| {
        let inner = grad(|y: Tensor| &x + y).call((1.0,))?;
        Ok::<_, Error>(&x * inner)
    };
    assert_eq!(number(&grad(f).call((1.0,)).unwrap()), 1.0);
    let (_, tangent) = jvp(f, (1.0,), (1.0,)).unwrap();
    assert_eq!(number(&tangent), 1.0);
    // The inner derivative depends on x, which the outer one must see: d/dx d/dy (x^2 y) = 2 x.
    let g = |x: Tensor| {
        let x = &x;
        jvp(|y: Tensor| x.square() * y, (1.0,), (1.0,)).map(|(_, t)| t)
    };
    assert_eq!(number(&grad(g).call((3.0,)).unwrap()), 6.0);
    let g = |x: Tensor| {
        let (_, pull) = vjp(|y: Tensor| x.square() * y, (1.0,))?;
        pull.call(1.0).map(|(y,)| y)
    };
    assert_eq!(number(&grad(g).call((3.0,)).unwrap()), 6.0);
    let mapped = vmap(grad(g)).call((row(&[3.0, 4.0]),)).unwrap();
    assert_eq!(list(&mapped), [6.0, 8.0]);
}

#[test]
fn jacobians_agree_with_each_other_and_with_hand() {
    let f = |x: Tensor| concatenate(&[x.square(), x.prod(..).expand_dims(0)], 0);
    let x = row(&[2.0, 3.0]);
    let expected = [4.0, 0.0, 0.0, 6.0, 3.0, 2.0];
    let forward = jacfwd(f).call((x.clone(),)).unwrap();
    let reverse = jacrev(f).call((x.clone(),)).unwrap();
    assert_eq!(forward.shape(), [3, 2]);
    close(&list(&forward), &expected);
    close(&list(&reverse), &expected);
    let h = hessian(|x: Tensor| x.prod(..) + x.square().sum(..))
        .call((x,))
        .unwrap();
    close(&list(&h), &[2.0, 1.0, 1.0, 2.0]);
}

#[test]
fn aux_and_argnums_known_at_run_time() {
    let f = |x: Tensor, y: Tensor| (&x * &y, x);
    let (g, aux) = grad(f)
        .argnums(Arg::<1>)
        .has_aux()
        .call((3.0, 5.0))
        .unwrap();
    assert_eq!((number(&g), number(&aux)), (3.0, 3.0));
    let found = grad(|x: Tensor, y: Tensor| x * y)
        .argnums([-1, 0])
        .call((3.0, 5.0))
        .unwrap();
    let TreeValue::Tuple(found) = found else {
        panic!("{found:?}")
    };
    let found: Vec<f64> = found
        .iter()
        .map(|v| match v {
            TreeValue::Leaf(t) => number(t),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(found, [3.0, 5.0]);
    let error = grad(|x: Tensor| x).argnums(1).call((3.0,)).unwrap_err();
    assert!(matches!(
        error.root(),
        Error::Autodiff(AutodiffError::ArgnumsOutOfRange {
            argnum: 1,
            count: 1
        })
    ));
}

#[derive(Tree, Clone)]
struct Line {
    slope: Tensor,
    offset: Tensor,
}

#[test]
fn structs_are_differentiated_field_by_field() {
    let loss = |line: Line, x: Tensor, y: Tensor| (line.slope * x + line.offset - y).square();
    let line = Line {
        slope: 2.0.into(),
        offset: 1.0.into(),
    };
    let found = vmap(grad(loss)).in_axes((None, 0, 0));
    let found: Line = found
        .call((line, row(&[1.0, 2.0]), row(&[0.0, 0.0])))
        .unwrap();
    assert_eq!(list(&found.slope), [6.0, 20.0]);
    assert_eq!(list(&found.offset), [6.0, 10.0]);
}

#[test]
fn tangents_and_cotangents_travel_both_ways() {
    let f = |x: Tensor| x.sin() * &x;
    let x = row(&[0.5, 1.5]);
    let (y, push) = linearize(f, (x.clone(),)).unwrap();
    let (z, pull) = vjp(f, (x.clone(),)).unwrap();
    assert_eq!(list(&y), list(&z));
    let (u, v) = (row(&[0.3, -1.0]), row(&[2.0, 0.25]));
    let forward = list(&push.call((u.clone(),)).unwrap());
    let (back,) = pull.call(v.clone()).unwrap();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (u, v) = (u.to_vec::<f64>().unwrap(), v.to_vec::<f64>().unwrap());
    close(&[dot(&forward, &v)], &[dot(&list(&back), &u)]);

    let halves = linear_transpose(|x: Tensor| x * 0.5, (f64::spec([2]),)).unwrap();
    let (x,) = halves.call(row(&[1.0, 3.0])).unwrap();
    assert_eq!(list(&x), [0.5, 1.5]);
    assert!(linear_transpose(|x: Tensor| x.square(), (f64::spec([]),)).is_err());
}

#[test]
fn what_is_stopped_is_a_constant_in_trees_too() {
    let f = |x: Tensor| {
        let (a, _) = stop_gradient((&x * 2.0, Array::from(vec![1, 2]).into()))
            .map(|(a, b): (Tensor, Tensor)| (a, b))?;
        Ok::<_, Error>(a * x)
    };
    assert_eq!(number(&grad(f).call((3.0,)).unwrap()), 6.0);
}

#[test]
fn integers_have_no_tangents() {
    let f = |x: Tensor, n: Tensor| x * n.astype(DType::F64);
    let error = grad(f).argnums(Arg::<1>).call((2.0, 3)).unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(
            error.root(),
            Error::Autodiff(AutodiffError::IntegerInput { .. })
        ),
        "{text}"
    );
    let both = grad(f).argnums((Arg::<0>, Arg::<1>)).allow_int(true);
    let (dx, dn) = both.call((2.0, 3)).unwrap();
    assert_eq!((number(&dx), dn.dtype()), (3.0, DType::Bool));
    let (_, tangent) = jvp(f, (2.0, 3), (1.0, None::<Tensor>)).unwrap();
    assert_eq!(number(&tangent), 3.0);
    let error = grad(|x: Tensor| x.greater(0.0)).call((1.0,)).unwrap_err();
    assert!(matches!(
        error.root(),
        Error::Autodiff(AutodiffError::IntegerOutput { .. })
    ));
    let error = grad(|x: Tensor| x).call((row(&[1.0]),)).unwrap_err();
    assert!(matches!(
        error.root(),
        Error::Autodiff(AutodiffError::NonScalarOutput { .. })
    ));
    for wrong in [row(&[1.0, 2.0]), Array::from(vec![1.0_f32])] {
        let error = jvp(|x: Tensor| x, (row(&[1.0]),), (wrong,)).unwrap_err();
        assert!(matches!(
            error.root(),
            Error::Autodiff(AutodiffError::TangentMismatch { .. })
        ));
    }
}

#[test]
fn chunks_and_maps_take_gradients() {
    let f = grad(|x: Tensor| x.exp().sum(..));
    let x = row(&[0.0, 1.0, 2.0, 3.0, 4.0]);
    let whole = list(&vmap(&f).call((x.clone(),)).unwrap());
    let chunked = list(&vmap(&f).chunk_size(2).call((x.clone(),)).unwrap());
    let mapped = list(&elimap::map(|x: Tensor| f.call((x,)), Tensor::from(x), None).unwrap());
    assert_eq!(whole, chunked);
    assert_eq!(whole, mapped);
}

#[test]
fn what_comes_beside_the_value_is_not_differentiated() {
    // The logarithm of a negative number has no tangent that anybody wants.
    let f = |x: Tensor, n: Tensor| (x.square() * 2.0, (n.clone(), x.ln()));
    let (y, dy, (n, log)) = jvp_has_aux(f, (-3.0, 2), (0.5, None::<Tensor>)).unwrap();
    assert_eq!(
        (number(&y), number(&dy), n.dtype()),
        (18.0, -6.0, DType::I64)
    );
    assert!(number(&log).is_nan());
    let (y, push, (_, log)) = linearize_has_aux(f, (-3.0, 2)).unwrap();
    assert_eq!((number(&y), number(&log).is_nan()), (18.0, true));
    assert_eq!(number(&push.call((0.5, None::<Tensor>)).unwrap()), -6.0);
    let (y, pull, (_, log)) = vjp_has_aux(f, (-3.0, 2)).unwrap();
    assert_eq!((number(&y), number(&log).is_nan()), (18.0, true));
    let (dx, dn) = pull.call(0.5).unwrap();
    assert_eq!((number(&dx), dn.dtype()), (-6.0, DType::Bool));
    // Inside a trace and a vmap too.
    let lanes = |x: Tensor| {
        let (_, slope, beside) = jvp_has_aux(|x: Tensor| (x.square(), x + 1.0), (x,), (1.0,))?;
        Ok::<_, Error>(slope * beside)
    };
    let found = jit(vmap(lanes)).call((row(&[1.0, 2.0]),)).unwrap();
    assert_eq!(list(&found), [4.0, 12.0]);
}

#[test]
fn shapes_are_found_without_a_call() {
    let log = CallLog::new();
    let host = Callback::new("host", [f64::spec([3])], |a: &[Array]| a[0].clone()).log(&log);
    let f = |x: Tensor, y: Tensor| {
        let z = host.call((x,))?;
        Ok::<_, Error>((z.expand_dims(0) * y, z.argmax(0)))
    };
    let (product, place) = eval_shape(f, (f64::spec([3]), f32::spec([2, 3]))).unwrap();
    assert_eq!(product.ty().to_string(), "f64[2,3]");
    assert_eq!(place.ty().to_string(), "i64[]");
    assert!(log.is_empty());
    // Values do as well as types, and there is no value to ask for.
    let sum = eval_shape(|x: Tensor| x.sum(..), (row(&[1.0, 2.0]),)).unwrap();
    assert_eq!(sum.shape(), [0_usize; 0]);
    assert!(sum.to_array().is_err());
    let lanes = eval_shape(vmap(grad(|x: Tensor| x.sin())), (f64::spec([5]),)).unwrap();
    assert_eq!(lanes.shape(), [5]);
    let error = eval_shape(
        |x: Tensor, y: Tensor| x.matmul(y),
        (f64::spec([2]), f64::spec([3])),
    );
    assert!(matches!(error.unwrap_err().root(), Error::Op(_)));
}

#[test]
fn running_sums_of_exponentials_are_smooth_at_ties() {
    let f = |x: Tensor| x.cumlogsumexp(0, false).sum(..);
    let found = hessian(f).call((row(&[0.5, 0.5]),)).unwrap();
    close(&list(&found), &[0.25, -0.25, -0.25, 0.25]);
    let third = hessian(grad(|x: Tensor| x.cumlogsumexp(0, false).sum(..)));
    // Of log(e^x + e^y): p q (q - p), which is 0 where p = q.
    let found = third.call((row(&[0.5, 0.5]),)).unwrap();
    close(&list(&found), &[0.0; 8]);
    let (p, q) = (0.25, 0.75);
    let found = third.call((row(&[0.0, 3_f64.ln()]),)).unwrap();
    let t = p * q * (q - p);
    close(&list(&found), &[t, -t, -t, t, -t, t, t, -t]);
}

/// As in JAX, whose rule takes the rounding for linear.
#[test]
fn tangents_and_cotangents_are_rounded_with_their_values() {
    let rounded = |x: Tensor| elimap::lax::reduce_precision(x, 5, 2);
    let third = 1.0 / 3.0;
    let (y, dy) = jvp(rounded, (third,), (third,)).unwrap();
    assert_eq!((number(&y), number(&dy)), (0.3125, 0.3125));
    let (_, pull) = vjp(rounded, (third,)).unwrap();
    assert_eq!(number(&pull.call(third).unwrap().0), 0.3125);
}
