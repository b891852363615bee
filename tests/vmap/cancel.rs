//! Stopping long runs and watching them.

use std::sync::{Arc, Mutex};

use elimap::prelude::*;
use elimap::{CancelToken, RunOptions};

/// A host function that cancels when it sees `at`.
fn stopping(at: f64, token: &CancelToken, log: &CallLog, method: VmapMethod) -> Callback {
    let token = token.clone();
    Callback::new("host", [f64::spec([])], move |args: &[Array]| {
        if args[0].item::<f64>().is_ok_and(|x| x == at) {
            token.cancel();
        }
        args[0].clone()
    })
    .vmap_method(method)
    .log(log)
}

fn numbers(n: usize) -> Array {
    Array::from((0..n).map(|i| i as f64).collect::<Vec<_>>())
}

#[test]
fn lanes_after_the_cancelled_one_are_not_called() {
    let (token, log) = (CancelToken::new(), CallLog::new());
    let host = stopping(2.0, &token, &log, VmapMethod::Sequential);
    let f = vmap(|x: Tensor| host.call((x,)));
    let options = RunOptions::new().cancel(&token);
    let error = options.run(|| f.call((numbers(6),))).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    assert_eq!(log.len(), 3);
    // A cancelled token stays cancelled, and only its scope is concerned.
    assert!(matches!(
        options.run(|| f.call((numbers(6),))),
        Err(Error::Cancelled)
    ));
    assert_eq!(log.len(), 3);
    assert_eq!(f.call((numbers(6),)).unwrap().shape(), [6]);
}

#[test]
fn parallel_lanes_stop_too() {
    let (token, log) = (CancelToken::new(), CallLog::new());
    token.cancel();
    let host = stopping(-1.0, &token, &log, VmapMethod::Parallel);
    let f = jit(vmap(|x: Tensor| host.call((x,))));
    let result = RunOptions::new()
        .cancel(&token)
        .run(|| f.call((numbers(64),)));
    assert!(matches!(result, Err(Error::Cancelled)));
    assert!(log.is_empty());
}

#[test]
fn loops_without_callbacks_stop_too() {
    let token = CancelToken::new();
    token.cancel();
    let options = RunOptions::new().cancel(&token);
    let forever = |x: Tensor| while_loop(|x: Tensor| x.greater(-1.0), |x: Tensor| x + 1.0, x);
    let result: Result<Tensor, Error> = options.run(|| forever(1.0.into()));
    assert!(matches!(result, Err(Error::Cancelled)));
    let steps = |x: Tensor| fori_loop(0, 10, |_i: Tensor, x: Tensor| x + 1.0, x);
    let result: Result<Tensor, Error> = options.run(|| steps(1.0.into()));
    assert!(matches!(result, Err(Error::Cancelled)));
}

#[test]
fn an_observer_hears_of_every_lane() {
    for method in [VmapMethod::Sequential, VmapMethod::Parallel] {
        let (token, log) = (CancelToken::new(), CallLog::new());
        let host = stopping(-1.0, &token, &log, method);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let options =
            RunOptions::new().progress(move |p| sink.lock().unwrap().push((p.done, p.total)));
        options
            .run(|| vmap(|x: Tensor| host.call((x,))).call((numbers(4),)))
            .unwrap();
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable();
        assert_eq!(seen, [(1, 4), (2, 4), (3, 4), (4, 4)]);
    }
}

#[test]
fn scopes_nest_and_survive_panics() {
    let token = CancelToken::new();
    token.cancel();
    let outer = RunOptions::new().cancel(&token);
    let host = Callback::new("host", [f64::spec([])], |args: &[Array]| args[0].clone());
    outer.run(|| {
        assert!(RunOptions::new().run(|| host.call((1.0,))).is_ok());
        assert!(matches!(host.call((1.0,)), Err(Error::Cancelled)));
    });
    let caught =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| outer.run(|| panic!("out"))));
    assert!(caught.is_err());
    assert!(host.call((1.0,)).is_ok());
}
