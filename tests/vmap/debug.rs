//! Looking at values: when `debug_callback` and `debug_print` are called.

use std::sync::{Arc, Mutex};

use elimap::prelude::*;
use elimap::{debug_callback, debug_print};

type Seen = Arc<Mutex<Vec<f64>>>;

/// Looks at a scalar.
fn look(seen: &Seen, x: &Tensor) -> Result<(), Error> {
    let seen = seen.clone();
    debug_callback((x,), move |args: &[Array]| {
        seen.lock().unwrap().extend(args[0].item::<f64>());
    })
}

fn take(seen: &Seen) -> Vec<f64> {
    std::mem::take(&mut seen.lock().unwrap())
}

fn vector(values: &[f64]) -> Array {
    Array::from(values.to_vec())
}

#[test]
fn lanes_in_order_and_nested_with_the_innermost_slowest() {
    let seen = Seen::default();
    let f = |x: Tensor| look(&seen, &x).map(|()| x);
    vmap(f).call((vector(&[1.0, 2.0]),)).unwrap();
    assert_eq!(take(&seen), [1.0, 2.0]);
    let x = ndarray::array![[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]];
    vmap(vmap(f)).call((x,)).unwrap();
    assert_eq!(take(&seen), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
    vmap(f).call((vector(&[]),)).unwrap();
    assert!(take(&seen).is_empty());
}

#[test]
fn once_where_nothing_is_batched() {
    let seen = Seen::default();
    let f = |x: Tensor, y: Tensor| look(&seen, &y).map(|()| x);
    vmap(f)
        .in_axes((0, None))
        .call((vector(&[1.0, 2.0]), 7.0))
        .unwrap();
    assert_eq!(take(&seen), [7.0]);
}

#[test]
fn kept_under_jit_and_not_merged() {
    let seen = Seen::default();
    let f = jit(|x: Tensor| look(&seen, &x).and_then(|()| look(&seen, &x)).map(|()| x));
    f.call((1.0,)).unwrap();
    f.call((1.0,)).unwrap();
    assert_eq!(take(&seen), [1.0; 4]);
}

#[test]
fn both_branches_look_under_a_batched_predicate() {
    let seen = Seen::default();
    let f = |x: Tensor| {
        let yes = |x: Tensor| look(&seen, &(&x + 100.0)).map(|()| x);
        let no = |x: Tensor| look(&seen, &x).map(|()| x);
        cond(x.greater(0.0), yes, no, (x,))
    };
    vmap(f).call((vector(&[-1.0, 1.0]),)).unwrap();
    assert_eq!(take(&seen), [-1.0, 1.0, 99.0, 101.0]);
    f(Tensor::from(1.0)).unwrap();
    assert_eq!(take(&seen), [101.0]);
}

#[test]
fn lines_go_to_the_sink_and_templates_are_checked() {
    let lines = Arc::new(Mutex::new(Vec::<String>::new()));
    let log = lines.clone();
    let sink = move |line: &str| log.lock().unwrap().push(line.to_owned());
    debug_print("{} of {}", (1, vector(&[1.5, 2.0])), sink).unwrap();
    assert_eq!(*lines.lock().unwrap(), ["1 of [1.5, 2.0]"]);
    let error = debug_print("{}", (1, 2), |_: &str| {}).unwrap_err();
    assert!(
        error.to_string().contains("write one {} for each"),
        "{error}"
    );
}

#[test]
fn c43_also_in_a_loop_that_lanes_leave_at_different_times() {
    let seen = Seen::default();
    let body = |x: Tensor| -> Result<Tensor, Error> {
        look(&seen, &x)?;
        Ok(x + 1.0)
    };
    let f = |x: Tensor| while_loop::<Tensor, _, _>(|x: Tensor| x.less(2.0), body, x);
    vmap(f).call((vector(&[0.0, 1.0]),)).unwrap();
    // Finished lanes look too, at their frozen value.
    assert_eq!(take(&seen), [0.0, 1.0, 1.0, 2.0]);
}
