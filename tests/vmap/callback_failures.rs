//! What a failing host function leaves behind, effects, and calls spread over threads.

use std::collections::HashSet;
use std::error::Error as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use crate::support::{adder, array, counting, f64s, scalars, shapes, vec1};
use elimap::prelude::*;
use elimap::{BoxError, CallbackError, OpErrorKind};

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0} is refused")]
struct Refused(f64);

const PER_LANE: [VmapMethod; 3] = [
    VmapMethod::Sequential,
    VmapMethod::SequentialUnrolled,
    VmapMethod::Parallel,
];

/// The identity, save for values it refuses.
fn refusing(log: &CallLog, refused: impl Fn(f64) -> bool + Send + Sync + 'static) -> Callback {
    Callback::new(
        "gate",
        [f64::spec([])],
        move |args: &[Array]| -> Result<Array, BoxError> {
            let x = args[0].item::<f64>()?;
            if refused(x) {
                return Err(Refused(x).into());
            }
            Ok(args[0].clone())
        },
    )
    .log(log)
}

/// The name, the lane and the source of a failed host call.
fn failed<T>(result: Result<T, Error>) -> (String, Vec<usize>, BoxError) {
    match result.map(|_| ()).unwrap_err().into_root() {
        Error::Callback(CallbackError::Failed { name, lane, source }) => {
            (name, lane.0.to_vec(), source)
        }
        other => panic!("not a failed callback: {other:?}"),
    }
}

/// Runs on a pool of so many threads.
fn with_threads<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(f)
}

#[test]
fn c26_the_hosts_error_is_the_source_and_the_callback_is_named() {
    let log = CallLog::new();
    let gate = refusing(&log, |_| true);
    let error = gate.call((3.0,)).unwrap_err();
    let text = error.to_string();
    let start = "callback `gate` failed: 3 is refused (at tests/vmap/callback_failures.rs:";
    assert!(text.starts_with(start), "{text}");
    let source = error.source().unwrap();
    assert_eq!(source.downcast_ref::<Refused>(), Some(&Refused(3.0)));
    let (name, lane, _) = failed(gate.call((3.0,)));
    assert_eq!((name.as_str(), lane), ("gate", vec![]));
}

#[test]
fn c26_per_lane_methods_name_the_lane_and_stop_there() {
    for method in [VmapMethod::Sequential, VmapMethod::SequentialUnrolled] {
        let log = CallLog::new();
        let gate = refusing(&log, |x| x == 1.0).vmap_method(method);
        let (_, lane, source) = failed(vmap(|x: Tensor| gate.call((x,))).call((counting(&[5]),)));
        assert_eq!(lane, [1]);
        assert_eq!(source.downcast_ref::<Refused>(), Some(&Refused(1.0)));
        assert_eq!(
            scalars(&log),
            [0.0, 1.0],
            "{method}: later lanes are not called"
        );
    }
}

#[test]
fn c26_nested_lanes_are_named_outermost_first() {
    // The value 100 i + 10 j + k is at lane [i, j, k], whatever order the lanes are called in.
    let x = array(
        &[2, 2, 2],
        &[0.0, 1.0, 10.0, 11.0, 100.0, 101.0, 110.0, 111.0],
    );
    for method in PER_LANE {
        for (bad, wanted) in [(101.0, [1, 0, 1]), (10.0, [0, 1, 0]), (111.0, [1, 1, 1])] {
            let log = CallLog::new();
            let gate = refusing(&log, move |x| x == bad).vmap_method(method);
            let f = vmap(vmap(vmap(|x: Tensor| gate.call((x,)))));
            let (_, lane, _) = failed(f.call((&x,)));
            assert_eq!(lane, wanted, "{method}");
            let text = f.call((&x,)).unwrap_err().to_string();
            assert!(text.contains(&format!("at lane {wanted:?}")), "{text}");
        }
    }
}

#[test]
fn c26_only_levels_that_map_the_callback_count_as_lanes() {
    for method in PER_LANE {
        let log = CallLog::new();
        let gate = refusing(&log, |x| x == 2.0).vmap_method(method);
        let f = vmap(vmap(|_: Tensor, y: Tensor| gate.call((y,))).in_axes((None, 0)));
        let (_, lane, _) = failed(f.in_axes((0, None)).call((counting(&[4]), counting(&[3]))));
        assert_eq!(lane, [2], "{method}");
    }
}

#[test]
fn c24_checks_of_results_name_the_lane_too() {
    for method in PER_LANE {
        let wrong = Callback::new("wrong", [f64::spec([])], |args: &[Array]| {
            if args[0].item::<f64>().unwrap() < 2.0 {
                args[0].clone()
            } else {
                Array::scalar(1_i32)
            }
        })
        .vmap_method(method);
        let error = vmap(|x: Tensor| wrong.call((x,)))
            .call((counting(&[4]),))
            .unwrap_err()
            .into_root();
        let Error::Callback(CallbackError::ResultDtype {
            lane, result: 0, ..
        }) = error
        else {
            panic!("{error:?}");
        };
        assert_eq!(&lane.0[..], [2], "{method}");
    }
}

#[test]
fn c26_a_panic_on_the_host_is_an_error_with_its_message() {
    for method in PER_LANE {
        let bomb = Callback::new("bomb", [f64::spec([])], |args: &[Array]| {
            let x = args[0].item::<f64>().unwrap();
            assert!(x < 2.0, "boom at {x}");
            args[0].clone()
        })
        .vmap_method(method);
        let f = vmap(|x: Tensor| bomb.call((x,)));
        let (name, lane, source) = failed(f.call((counting(&[3]),)));
        assert_eq!((name.as_str(), lane), ("bomb", vec![2]));
        assert!(source.to_string().contains("boom at 2"), "{source}");
        assert!(source.to_string().contains("panicked"), "{source}");
        // The function stays usable.
        assert_eq!(f64s(&f.call((counting(&[2]),)).unwrap()), [0.0, 1.0]);
    }
}

#[test]
fn c26_after_a_failure_later_callbacks_are_not_called_and_the_function_stays_usable() {
    let log = CallLog::new();
    let gate = refusing(&log, |x| x == 1.0).vmap_method(VmapMethod::Sequential);
    let after = adder("after", &[], &log).vmap_method(VmapMethod::Sequential);
    let f = jit(vmap(|x: Tensor| {
        Ok::<_, Error>(gate.call((&x,))? + after.call((&x,))?)
    }));
    for _ in 0..2 {
        log.clear();
        failed(f.call((vec1(&[0.0, 1.0, 2.0]),)));
        assert!(log.records().iter().all(|r| r.name == "gate"));
        assert_eq!(log.len(), 2);
        assert_eq!(
            f64s(&f.call((vec1(&[2.0, 3.0, 4.0]),)).unwrap()),
            [4.0, 6.0, 8.0]
        );
    }
}

#[test]
fn c27_sequential_calls_happen_one_at_a_time_on_the_calling_thread() {
    let seen: Arc<Mutex<Vec<ThreadId>>> = Arc::default();
    let running = Arc::new(AtomicUsize::new(0));
    let (threads, now) = (seen.clone(), running);
    let f = Callback::new("f", [f64::spec([])], move |args: &[Array]| {
        assert_eq!(now.fetch_add(1, Ordering::SeqCst), 0);
        threads.lock().unwrap().push(std::thread::current().id());
        now.fetch_sub(1, Ordering::SeqCst);
        args[0].clone()
    })
    .vmap_method(VmapMethod::Sequential);
    vmap(|x: Tensor| f.call((x,)))
        .call((counting(&[8]),))
        .unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 8);
    assert!(seen.iter().all(|&id| id == std::thread::current().id()));
}

#[test]
fn c27_a_host_function_may_use_the_framework_itself() {
    let inner = Callback::new("inner", [f64::spec([])], |args: &[Array]| args[0].clone())
        .vmap_method(VmapMethod::Parallel);
    let outer = Callback::new("outer", [f64::spec([3])], move |args: &[Array]| {
        vmap(|x: Tensor| Ok::<_, Error>(inner.call((x,))? * 2.0))
            .call((&args[0],))
            .and_then(|t| t.to_array())
    });
    for method in PER_LANE {
        let f = outer.clone().vmap_method(method);
        let out = vmap(|x: Tensor| f.call((x,)))
            .call((counting(&[2, 3]),))
            .unwrap();
        assert_eq!(f64s(&out), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0], "{method}");
    }
}

// Parallel.

#[test]
fn parallel_results_are_in_lane_order_whatever_finishes_first() {
    let slow_first = Callback::new("slow_first", [f64::spec([])], |args: &[Array]| {
        let x = args[0].item::<f64>().unwrap();
        std::thread::sleep(Duration::from_millis(16 - 2 * x as u64));
        Array::scalar(x * x)
    })
    .vmap_method(VmapMethod::Parallel);
    let wanted: Vec<f64> = (0..8).map(|i| f64::from(i * i)).collect();
    for threads in [1, 2, 5] {
        let slow = slow_first.clone();
        let out = with_threads(threads, move || {
            let out = vmap(|x: Tensor| slow.call((x,)))
                .call((counting(&[8]),))
                .unwrap();
            f64s(&out)
        });
        assert_eq!(out, wanted);
    }
}

#[test]
fn parallel_reports_the_lowest_failing_lane_whatever_the_schedule() {
    for threads in [1, 2, 3, 8] {
        for _ in 0..10 {
            let lane = with_threads(threads, || {
                let log = CallLog::new();
                // The lowest failing lane is the slowest of them.
                let gate = Callback::new("gate", [f64::spec([])], |args: &[Array]| {
                    let x = args[0].item::<f64>().unwrap();
                    if x == 5.0 {
                        std::thread::sleep(Duration::from_millis(3));
                    }
                    if x >= 5.0 {
                        Err(Refused(x))
                    } else {
                        Ok(args[0].clone())
                    }
                })
                .vmap_method(VmapMethod::Parallel)
                .log(&log);
                let out = failed(vmap(|x: Tensor| gate.call((x,))).call((counting(&[32]),)));
                assert!(log.len() >= 6, "every lane below the failing one is called");
                assert_eq!(out.2.downcast_ref::<Refused>(), Some(&Refused(5.0)));
                out.1
            });
            assert_eq!(lane, [5], "{threads} threads");
        }
    }
}

#[test]
fn parallel_calls_really_overlap() {
    // Every call waits for the other one: a schedule of one at a time would never end.
    let met = Arc::new(Barrier::new(2));
    let (done, waiting) = std::sync::mpsc::channel();
    let host = met.clone();
    let runner = std::thread::spawn(move || {
        let out = with_threads(2, move || {
            let f = Callback::new("meet", [f64::spec([])], move |args: &[Array]| {
                host.wait();
                args[0].clone()
            })
            .vmap_method(VmapMethod::Parallel);
            f64s(
                &vmap(|x: Tensor| f.call((x,)))
                    .call((counting(&[2]),))
                    .unwrap(),
            )
        });
        done.send(out).unwrap();
    });
    let out = waiting
        .recv_timeout(Duration::from_secs(60))
        .expect("two calls run at the same time");
    assert_eq!(out, [0.0, 1.0]);
    runner.join().unwrap();
}

#[test]
fn parallel_under_nested_vmaps_is_one_flat_fan_out() {
    // Six lanes that all wait for each other: with one level at a time only two or three would run.
    let (done, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let out = with_threads(6, || {
            let (met, log) = (Arc::new(Barrier::new(6)), CallLog::new());
            let threads: Arc<Mutex<HashSet<ThreadId>>> = Arc::default();
            let seen = threads.clone();
            let f = Callback::new("meet", [f64::spec([])], move |args: &[Array]| {
                met.wait();
                seen.lock().unwrap().insert(std::thread::current().id());
                crate::support::add_all(args)
            })
            .vmap_method(VmapMethod::Parallel)
            .log(&log);
            let g = |x: Tensor, y: Tensor| f.call((x, y));
            let nested = vmap(vmap(g).in_axes((None, 0))).in_axes((0, None));
            let out = nested.call((vec1(&[0.0, 10.0]), counting(&[3]))).unwrap();
            assert_eq!(threads.lock().unwrap().len(), 6);
            assert!(
                log.records()
                    .iter()
                    .all(|r| shapes(r) == [vec![], Vec::<usize>::new()])
            );
            (f64s(&out), log.len())
        });
        let _ = done.send(out);
    });
    let (out, calls) = waiting
        .recv_timeout(Duration::from_secs(60))
        .expect("all six lanes run at the same time");
    assert_eq!(out, [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
    assert_eq!(calls, 6);
}

#[test]
fn parallel_calls_every_lane_once_with_results_of_any_shape() {
    let log = CallLog::new();
    let f = Callback::new("f", [i32::spec([2]), f64::spec([])], |args: &[Array]| {
        let x = args[0].item::<f64>().unwrap();
        [Array::from(vec![x as i32, 7]), Array::scalar(-x)]
    })
    .vmap_method(VmapMethod::Parallel)
    .log(&log);
    let out = vmap(|x: Tensor| f.call_vec((x,)))
        .call((counting(&[50]),))
        .unwrap();
    assert_eq!(out[0].shape(), [50, 2]);
    assert_eq!(crate::support::values::<i32>(&out[0])[98..], [49, 7]);
    assert_eq!(f64s(&out[1])[49], -49.0);
    let mut called = scalars(&log);
    called.sort_by(f64::total_cmp);
    assert_eq!(called, f64s(&counting(&[50]).into()));
}

// Effects.

#[test]
fn c40_io_callbacks_go_lane_by_lane_in_the_order_of_sequential_ones() {
    let log = CallLog::new();
    // The method is ignored: effects happen once per lane.
    let io = adder("io", &[], &log)
        .vmap_method(VmapMethod::ExpandDims)
        .io(false);
    let x = array(&[2, 3], &[0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
    vmap(vmap(|x: Tensor| io.call((x,)))).call((&x,)).unwrap();
    assert_eq!(scalars(&log), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
    log.clear();
    vmap(|_: Tensor| io.call((5.0,))).call((&x,)).unwrap();
    assert_eq!(scalars(&log), [5.0], "no batched argument, one call");
    log.clear();
    vmap(|x: Tensor| io.call((x,)))
        .call((counting(&[0]),))
        .unwrap();
    assert!(log.is_empty(), "no lanes, no call");
}

#[test]
fn c40_io_callbacks_without_results_run_and_are_never_hoisted() {
    let log = CallLog::new();
    let note = Callback::new("note", [], |_: &[Array]| ())
        .io(false)
        .log(&log);
    let step = |c: Tensor, (): ()| -> Result<(Tensor, ()), Error> {
        note.call_vec((7.0,))?;
        Ok((c + 1.0, ()))
    };
    let options = ScanOptions::default().length(4);
    let _: (Tensor, ()) = scan(step, 0.0, (), options).unwrap();
    assert_eq!(scalars(&log), [7.0; 4]);
    log.clear();
    jit(|x: Tensor| -> Result<Tensor, Error> {
        note.call_vec((&x,))?;
        Ok(x)
    })
    .call((1.0,))
    .unwrap();
    assert_eq!(log.len(), 1);
}

#[test]
fn c41_ordered_io_cannot_be_batched() {
    let log = CallLog::new();
    let io = adder("io", &[], &log).io(true);
    let error = vmap(|x: Tensor| io.call((x,)))
        .call((counting(&[2]),))
        .unwrap_err()
        .into_root();
    assert!(matches!(error, Error::Callback(CallbackError::Ordered { name }) if name == "io"));
    let out = vmap(|_: Tensor| io.call((5.0,)))
        .call((counting(&[2]),))
        .unwrap();
    assert_eq!(f64s(&out), [5.0, 5.0]);
    assert_eq!(log.len(), 1, "unbatched arguments are allowed");
}

#[test]
fn c42_io_inside_a_cond_cannot_be_batched() {
    let log = CallLog::new();
    let io = adder("io", &[], &log).io(false);
    let f = |p: Tensor, x: Tensor| cond(p, |x: Tensor| io.call((x,)), |x: Tensor| x, (x,));
    for in_axes in [(Some(0), Some(0)), (None, Some(0))] {
        let predicate = if in_axes.0.is_some() {
            Array::from(vec![true, false])
        } else {
            Array::scalar(true)
        };
        let error = vmap(f)
            .in_axes(in_axes)
            .call((predicate, counting(&[2])))
            .unwrap_err();
        assert!(
            matches!(error.root(), Error::Op(e) if matches!(e.kind, OpErrorKind::UnsupportedEffect { .. })),
            "{error:?}"
        );
    }
    assert_eq!(f64s(&f(true.into(), Tensor::from(3.0)).unwrap()), [3.0]);
    assert_eq!(log.len(), 1);
}
