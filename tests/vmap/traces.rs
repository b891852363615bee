//! What happens while a function is traced: captures, nesting, leaked tensors, panics, and errors of operators.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::support::{array, counting, f64s, vec1};
use elimap::prelude::*;
use elimap::{IntoAxes, TraceError};

#[test]
fn v33_a_traced_tensor_has_no_value() {
    let f = |x: Tensor| x.to_array().map(|a| Tensor::from(a) * 2.0);
    let error = vmap(f).call((counting(&[2]),)).unwrap_err();
    let Error::Trace(TraceError::NotConcrete { ty, location }) = error.root() else {
        panic!("{error:?}");
    };
    assert_eq!(ty.to_string(), "f64[]");
    assert!(location.unwrap().file().ends_with("traces.rs"));
}

#[test]
fn captures_of_outer_tracers_at_depth_2_and_3() {
    let (x, y, z) = (counting(&[2]), counting(&[3]), counting(&[4]));
    let outer = |x: Tensor| {
        let middle = |y: Tensor| {
            let product = &x * 10.0 + &y;
            let inner = |z: Tensor| &product * 10.0 + &z + &x * 0.0;
            vmap(inner).call((&z,))
        };
        vmap(middle).call((&y,))
    };
    let out = vmap(outer).call((&x,)).unwrap();
    assert_eq!(out.shape(), [2, 3, 4]);
    let wanted: Vec<f64> = (0..2)
        .flat_map(|i| {
            (0..3).flat_map(move |j| (0..4).map(move |k| f64::from(100 * i + 10 * j + k)))
        })
        .collect();
    assert_eq!(f64s(&out), wanted);
}

#[test]
fn a_capture_alone_makes_a_result_batched_only_at_its_own_level() {
    // The inner vmap maps nothing it returns: its axis is a repetition of the outer lane's value.
    let f = |x: Tensor| {
        vmap(|_: Tensor| &x * 2.0)
            .out_axes(None)
            .call((counting(&[5]),))
    };
    assert_eq!(
        f64s(&vmap(f).call((counting(&[3]),)).unwrap()),
        [0.0, 2.0, 4.0]
    );
}

#[test]
fn a_function_can_be_used_again_and_vmaps_are_values() {
    let row = vmap(|x: Tensor| x * 2.0);
    let all = vmap(row.clone());
    assert_eq!(f64s(&row.call((counting(&[2]),)).unwrap()), [0.0, 2.0]);
    assert_eq!(f64s(&all.call((counting(&[1, 2]),)).unwrap()), [0.0, 2.0]);
    assert_eq!(f64s(&all.call((counting(&[2, 1]),)).unwrap()), [0.0, 2.0]);
}

#[test]
fn v37_a_tensor_that_outlives_its_trace_is_refused_wherever_it_is_used() {
    let stolen = RefCell::new(None);
    let f = |x: Tensor| {
        *stolen.borrow_mut() = Some(x.clone());
        x
    };
    vmap(f).call((counting(&[2]),)).unwrap();
    let stolen = stolen.into_inner().unwrap();
    let leaked = |error: Error| {
        let Error::Trace(TraceError::Leaked { ty, .. }) = error.root() else {
            panic!("{error:?}");
        };
        assert_eq!(ty.to_string(), "f64[]");
    };
    leaked((&stolen + 1.0).check().unwrap_err());
    leaked(
        vmap(|x: Tensor| x + &stolen)
            .call((counting(&[2]),))
            .unwrap_err(),
    );
    leaked(
        vmap(|_: Tensor| stolen.clone())
            .call((counting(&[2]),))
            .unwrap_err(),
    );
    leaked(
        vmap(|x: Tensor| x)
            .in_axes(None)
            .axis_size(2)
            .call((&stolen,))
            .unwrap_err(),
    );
}

#[test]
fn a_panic_in_a_traced_function_leaves_the_thread_usable() {
    let explode = |_: Tensor| -> Tensor { panic!("boom") };
    for _ in 0..2 {
        let outer = |x: Tensor| vmap(explode).call((x,));
        let caught = catch_unwind(AssertUnwindSafe(|| vmap(outer).call((counting(&[2, 2]),))));
        let payload = caught.unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"boom"));
        // No trace is active any more: operations are evaluated at once, and tracing works.
        let concrete = Tensor::from(counting(&[2])) + 1.0;
        assert_eq!(f64s(&concrete), [1.0, 2.0]);
        let mapped = vmap(|x: Tensor| x + 1.0).call((counting(&[2]),)).unwrap();
        assert_eq!(f64s(&mapped), [1.0, 2.0]);
    }
}

#[test]
fn a_panic_caught_inside_an_outer_trace_lets_it_go_on() {
    let f = |x: Tensor| {
        let inner = catch_unwind(AssertUnwindSafe(|| {
            vmap(|_: Tensor| -> Tensor { panic!("inner") }).call((counting(&[2]),))
        }));
        assert!(inner.is_err());
        x * 3.0
    };
    assert_eq!(
        f64s(&vmap(f).call((counting(&[3]),)).unwrap()),
        [0.0, 3.0, 6.0]
    );
}

#[test]
fn operators_record_the_first_error_with_the_callers_line() {
    let line = Cell::new(0);
    let f = |x: Tensor, y: Tensor| {
        line.set(line!() + 1);
        let first = &x + &y;
        let second = x.matmul(Tensor::from(1.0));
        first * second
    };
    let error = vmap(f)
        .call((counting(&[2, 3]), counting(&[2, 4])))
        .unwrap_err();
    let Error::Op(op) = error.root() else {
        panic!("{error:?}");
    };
    assert_eq!(op.op, "add");
    let location = op.location.unwrap();
    assert!(location.file().ends_with("traces.rs"));
    assert_eq!(location.line(), line.get());
}

#[test]
fn an_error_whose_result_is_dropped_is_still_reported() {
    let f = |x: Tensor| {
        let _ = x.reshape([7]);
        x
    };
    let error = vmap(f).call((counting(&[2, 3]),)).unwrap_err();
    assert!(
        matches!(error.root(), Error::Op(e) if e.op == "reshape"),
        "{error}"
    );
}

#[test]
fn poisoned_tensors_carry_the_first_error_through_later_operations() {
    let bad = Tensor::from(counting(&[3])) + counting(&[4]);
    let later = ((bad * 2.0).sin().sum(0) + 1.0).check().unwrap_err();
    assert!(
        matches!(later.root(), Error::Op(e) if e.op == "add"),
        "{later}"
    );
    // An argument that is an error is reported as it is.
    let bad = Tensor::from(counting(&[3])) + counting(&[4]);
    let passed = vmap(|x: Tensor| x).call((bad,)).unwrap_err();
    assert!(
        matches!(passed.root(), Error::Op(e) if e.op == "add"),
        "{passed}"
    );
}

#[test]
fn a_traced_program_takes_types_and_runs_later() {
    let f = vmap(|x: Tensor, y: Tensor| x * y).in_axes((1, None));
    let program = f.trace((f64::spec([2, 3]), f64::spec([2]))).unwrap();
    let out = program
        .run(&[counting(&[2, 3]), vec1(&[1.0, 10.0])])
        .unwrap();
    assert_eq!(out[0], array(&[3, 2], &[0.0, 30.0, 1.0, 40.0, 2.0, 50.0]));
    let without_values = f.call((f64::spec([2, 3]), f64::spec([2])));
    assert!(matches!(
        without_values.unwrap_err().root(),
        Error::Trace(TraceError::NoValue { .. })
    ));
    assert_eq!((1, None).into_axes().to_string(), "(1, None)");
}
