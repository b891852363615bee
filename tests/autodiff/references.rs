//! Every derivative takes functions of `&Tensor` beside functions of `Tensor`.

use elimap::prelude::*;
use elimap::{
    checkpoint, custom_jvp, custom_vjp, eval_shape, grad, hessian, jacfwd, jacrev, jvp,
    jvp_has_aux, linear_transpose, linearize, linearize_has_aux, value_and_grad, vjp, vjp_has_aux,
};

use crate::{list, number, row};

/// The sum of squares of `w x`.
fn loss(w: &Tensor, x: &Tensor) -> Tensor {
    (w * x).square().sum(..)
}

/// The loss and the number of elements.
fn counted(w: &Tensor, x: &Tensor) -> (Tensor, Tensor) {
    (loss(w, x), Tensor::from(x.shape()[0] as f64))
}

#[test]
fn gradients_and_jacobians() {
    let x = || row(&[1.0, 3.0]);
    assert_eq!(number(&grad(loss).call((2.0, x())).unwrap()), 40.0);
    let (value, slope) = value_and_grad(loss).call((2.0, x())).unwrap();
    assert_eq!((number(&value), number(&slope)), (40.0, 40.0));
    let (slope, count) = grad(counted).has_aux().call((2.0, x())).unwrap();
    assert_eq!((number(&slope), number(&count)), (40.0, 2.0));
    assert_eq!(number(&jacfwd(loss).call((2.0, x())).unwrap()), 40.0);
    assert_eq!(number(&jacrev(loss).call((2.0, x())).unwrap()), 40.0);
    assert_eq!(number(&hessian(loss).call((2.0, x())).unwrap()), 20.0);
    let each = vmap(grad(|w: &Tensor, x: &Tensor| (w * x).square())).in_axes((None, 0));
    assert_eq!(list(&each.call((2.0, x())).unwrap()), [4.0, 36.0]);
    let again = checkpoint(loss);
    let through = grad(|w: &Tensor, x: &Tensor| again.call((w, x)));
    assert_eq!(number(&through.call((2.0, x())).unwrap()), 40.0);
}

#[test]
fn forward_and_backward_at_a_point() {
    let x = || row(&[1.0, 3.0]);
    let still = row(&[0.0, 0.0]);
    let (value, tangent) = jvp(loss, (2.0, x()), (1.0, still.clone())).unwrap();
    assert_eq!((number(&value), number(&tangent)), (40.0, 40.0));
    let (_, tangent, count) = jvp_has_aux(counted, (2.0, x()), (1.0, still.clone())).unwrap();
    assert_eq!((number(&tangent), number(&count)), (40.0, 2.0));
    let (_, push) = linearize(loss, (2.0, x())).unwrap();
    assert_eq!(number(&push.call((0.5, still.clone())).unwrap()), 20.0);
    let (_, push, _) = linearize_has_aux(counted, (2.0, x())).unwrap();
    assert_eq!(number(&push.call((0.5, still)).unwrap()), 20.0);
    let (_, pull) = vjp(loss, (2.0, x())).unwrap();
    let (of_w, of_x) = pull.call(1.0).unwrap();
    assert_eq!((number(&of_w), list(&of_x)), (40.0, vec![8.0, 24.0]));
    let (_, pull, _) = vjp_has_aux(counted, (2.0, x())).unwrap();
    assert_eq!(number(&pull.call(2.0).unwrap().0), 80.0);
    let pull = linear_transpose(|x: &Tensor| x * 3.0, (1.0,)).unwrap();
    assert_eq!(number(&pull.call(2.0).unwrap().0), 6.0);
    let shape = eval_shape(loss, (2.0, x())).unwrap();
    assert!(shape.shape().is_empty());
    let rows = elimap::map(|x: &Tensor| x.square(), x(), None).unwrap();
    assert_eq!(list(&rows), [1.0, 9.0]);
}

#[test]
fn functions_with_rules() {
    let steep = custom_jvp(|x: &Tensor| x.square())
        .def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| (x.square(), dx * 100.0));
    let slope = grad(|x: &Tensor| steep.call((x,)));
    assert_eq!(number(&slope.call((3.0,)).unwrap()), 100.0);
    let flat = custom_vjp(|x: &Tensor| x.square()).def_vjp(
        |(x,): (Tensor,)| (x.square(), ()),
        |(): (), ct: Tensor| (ct * 7.0,),
    );
    let slope = grad(|x: &Tensor| flat.call((x,)));
    assert_eq!(number(&slope.call((3.0,)).unwrap()), 7.0);
    let power = custom_jvp(|n: &Tensor, x: &Tensor| x.pow(n))
        .nondiff_args::<1>()
        .def_jvp(|(n,): (Tensor,), (x,): (Tensor,), (dx,): (Tensor,)| (x.pow(&n), dx * 5.0));
    let slope = grad(|x: &Tensor| power.call((2.0, x)));
    assert_eq!(number(&slope.call((3.0,)).unwrap()), 5.0);
}
