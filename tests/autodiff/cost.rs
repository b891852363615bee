//! What derivatives cost: the size of programs, and what loops hold.

use elimap::prelude::*;
use elimap::program::{ControlOp, Op, Program};
use elimap::{Error, checkpoint, grad};

/// A chain of so many equations.
fn chain(x: Tensor, n: usize) -> Tensor {
    (0..n).fold(x, |x, k| if k % 2 == 0 { x.sin() } else { x * 1.1 })
}

#[test]
fn gradients_are_linear_in_the_program() {
    let size = |n: usize| {
        let f = grad(move |x: Tensor| chain(x, n));
        let program = vmap(f).trace((f64::spec([1]),)).unwrap();
        program.equations().len() as f64 / n as f64
    };
    let (small, large) = (size(100), size(10_000));
    assert!((small - large).abs() < 0.1 * small, "{small} {large}");
    assert!(large < 4.0, "{large}");
}

/// The largest number of elements of stacked values that one scan hands to another.
fn stacked(program: &Program) -> usize {
    let mut largest = 0;
    for equation in program.equations() {
        if let Op::Control(ControlOp::Scan(scan)) = &equation.op {
            let ys = &equation.outputs[scan.num_carry..];
            let sum = ys.iter().map(|&v| program.var_type(v).size()).sum();
            largest = largest.max(sum);
        }
        for inner in equation.op.sub_programs() {
            largest = largest.max(stacked(inner));
        }
    }
    largest
}

fn program(f: impl Fn(Tensor) -> Result<Tensor, Error>) -> Program {
    jit(grad(f)).trace((f64::spec([]),)).unwrap()
}

#[test]
fn a_loop_holds_its_residuals_and_no_more() {
    let steps = |x: Tensor, n: usize| {
        // sin needs its cosine, the product with a constant nothing, and the constant is not stacked.
        let step = |c: Tensor, (): ()| (c.sin() * 1.5, ());
        let options = ScanOptions::default().length(n);
        scan(step, x, (), options).map(|(c, ()): (Tensor, ())| c)
    };
    assert_eq!(stacked(&program(move |x| steps(x, 1000))), 1000);
    // Two levels, the inner one computed again: 25 starts, and 40 residuals at a time.
    let nested = move |x: Tensor| {
        let inner = checkpoint(move |c: Tensor| steps(c, 40));
        let step = |c: Tensor, (): ()| Ok::<_, Error>((inner.call((c,))?, ()));
        scan(step, x, (), ScanOptions::default().length(25)).map(|(c, ()): (Tensor, ())| c)
    };
    assert_eq!(stacked(&program(nested)), 40);
    let plain = grad(move |x: Tensor| steps(x, 1000)).call((0.3,)).unwrap();
    let again = grad(nested).call((0.3,)).unwrap();
    assert_eq!(crate::number(&plain), crate::number(&again));
}

#[test]
fn loop_invariant_residuals_are_hoisted_and_integers_not_stacked() {
    let f = |x: Tensor| {
        let w = &x;
        let step = |(i, c): (Tensor, Tensor), (): ()| ((i + 1, c * w.exp()), ());
        let ((_, c), ()): ((Tensor, Tensor), ()) =
            scan(step, (0, 1.0), (), ScanOptions::default().length(10))?;
        Ok::<_, Error>(c)
    };
    // exp(w) does not change from step to step; the carry does.
    assert_eq!(stacked(&program(f)), 10);
}
