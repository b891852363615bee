//! Host callbacks under `vmap`: how often, with which shapes, in which order the host is called, and how it may fail.

use crate::support::{
    adder, array, callback_error, counting, f64s, named_calls, scalars, shapes, vec1,
};
use elimap::prelude::*;
use elimap::{BoxError, CallbackError};

const PER_LANE: [VmapMethod; 3] = [
    VmapMethod::Sequential,
    VmapMethod::SequentialUnrolled,
    VmapMethod::Parallel,
];

/// `10 i + j` for an outer axis of 2 and an inner one of 3.
fn tens() -> Array {
    array(&[2, 3], &[0.0, 1.0, 2.0, 10.0, 11.0, 12.0])
}

/// A callback of one scalar with a log of its own.
fn logged(method: VmapMethod) -> (Callback, CallLog) {
    let log = CallLog::new();
    (adder("f", &[], &log).vmap_method(method), log)
}

// One level.

#[test]
fn c1_no_batched_argument_means_one_unbatched_call_for_every_method() {
    for method in VmapMethod::ALL.map(Some).into_iter().chain([None]) {
        for size in [0, 1, 4] {
            let log = CallLog::new();
            let mut callback = adder("f", &[], &log);
            if let Some(method) = method {
                callback = callback.vmap_method(method);
            }
            let f = vmap(|_: Tensor, y: Tensor| callback.call((y, 1.0)))
                .in_axes((0, None))
                .out_axes(None);
            let out = f.call((counting(&[size]), 5.0)).unwrap();
            assert_eq!(f64s(&out), [6.0], "{method:?} {size}");
            assert_eq!(log.len(), 1, "{method:?} {size}");
            assert_eq!(shapes(&log.records()[0]), [vec![], Vec::<usize>::new()]);
        }
    }
}

#[test]
fn c2_to_c6_each_method_shows_the_host_its_shapes() {
    let b = |n: usize| vec![n];
    for (method, calls, wanted) in [
        (VmapMethod::Sequential, 3, [vec![], vec![]]),
        (VmapMethod::SequentialUnrolled, 3, [vec![], vec![]]),
        (VmapMethod::ExpandDims, 1, [b(3), b(1)]),
        (VmapMethod::BroadcastAll, 1, [b(3), b(3)]),
        (VmapMethod::LegacyVectorized, 1, [b(3), vec![]]),
        (VmapMethod::Parallel, 3, [vec![], vec![]]),
    ] {
        let (f, log) = logged(method);
        let out = vmap(|x: Tensor, y: Tensor| f.call((x, y)))
            .in_axes((0, None))
            .call((vec1(&[0.0, 1.0, 2.0]), 10.0))
            .unwrap();
        assert_eq!(f64s(&out), [10.0, 11.0, 12.0], "{method}");
        assert_eq!(log.len(), calls, "{method}");
        for record in log.records() {
            assert_eq!(shapes(&record), wanted, "{method}");
        }
        if method == VmapMethod::Sequential {
            assert_eq!(scalars(&log), [0.0, 1.0, 2.0]);
        }
    }
}

#[test]
fn c2_c4_another_axis_is_moved_to_the_front_of_what_the_host_sees() {
    let x = counting(&[2, 3]);
    for method in [VmapMethod::Sequential, VmapMethod::ExpandDims] {
        let log = CallLog::new();
        let f = adder("f", &[2], &log).vmap_method(method);
        let g = |x: Tensor| f.call((x,));
        let out = vmap(g).in_axes(1).call((&x,)).unwrap();
        assert_eq!(f64s(&out), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let last = vmap(g).in_axes(1).out_axes(1).call((&x,)).unwrap();
        assert_eq!(f64s(&last), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let (calls, seen) = match method {
            VmapMethod::Sequential => (6, vec![2]),
            _ => (2, vec![3, 2]),
        };
        assert_eq!(log.len(), calls);
        assert!(log.records().iter().all(|r| shapes(r) == [seen.clone()]));
    }
}

#[test]
fn c4_a_result_without_the_batch_axis_is_an_error() {
    for returned in [vec![1], vec![]] {
        let shape = returned.clone();
        let f = Callback::new("f", [f64::spec([])], move |_: &[Array]| counting(&shape))
            .vmap_method(VmapMethod::ExpandDims);
        let error = callback_error(vmap(|x: Tensor| f.call((x,))).call((counting(&[3]),)));
        let CallbackError::ResultShape {
            name,
            lane,
            result: 0,
            expected,
            actual,
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!((name.as_str(), lane.0.len()), ("f", 0));
        assert_eq!((&expected[..], &actual[..]), (&[3][..], &returned[..]));
    }
}

#[test]
fn c7_without_a_method_vmap_is_refused_while_tracing_also_for_no_lanes() {
    for size in [0, 3] {
        let log = CallLog::new();
        let f = adder("nameless", &[], &log);
        let error = callback_error(vmap(|x: Tensor| f.call((x,))).call((counting(&[size]),)));
        assert!(matches!(error, CallbackError::VmapMethodRequired { name } if name == "nameless"));
        assert!(log.is_empty());
    }
}

#[test]
fn c8_methods_have_jaxs_names() {
    for method in VmapMethod::ALL {
        assert_eq!(method.name().parse::<VmapMethod>(), Ok(method));
    }
    let unknown = "foo".parse::<VmapMethod>().unwrap_err();
    assert_eq!(unknown.name, "foo");
    assert_eq!(
        "sequential_unrolled".parse(),
        Ok(VmapMethod::SequentialUnrolled)
    );
}

// Nested vmaps.

#[test]
fn c9_one_call_with_an_axis_per_level_outermost_first() {
    let (x, y) = (vec1(&[100.0, 200.0]), vec1(&[10.0, 20.0, 30.0]));
    for (method, wanted) in [
        (VmapMethod::ExpandDims, [vec![2, 1], vec![1, 3], vec![1, 1]]),
        (
            VmapMethod::BroadcastAll,
            [vec![2, 3], vec![2, 3], vec![2, 3]],
        ),
    ] {
        let (f, log) = logged(method);
        let g = |x: Tensor, y: Tensor, z: Tensor| f.call((x, y, z));
        let outer_x = vmap(vmap(g).in_axes((None, 0, None))).in_axes((0, None, None));
        let out = outer_x.call((&x, &y, 1.0)).unwrap();
        assert_eq!(f64s(&out), [111.0, 121.0, 131.0, 211.0, 221.0, 231.0]);
        assert_eq!(log.len(), 1);
        assert_eq!(shapes(&log.records()[0]), wanted, "{method}");
        // Swapped nesting.
        log.clear();
        let outer_y = vmap(vmap(g).in_axes((0, None, None))).in_axes((None, 0, None));
        outer_y.call((&x, &y, 1.0)).unwrap();
        let swapped: Vec<Vec<usize>> = match method {
            VmapMethod::ExpandDims => vec![vec![1, 2], vec![3, 1], vec![1, 1]],
            _ => vec![vec![3, 2]; 3],
        };
        assert_eq!(shapes(&log.records()[0]), swapped, "{method}");
    }
}

#[test]
fn c10_legacy_vectorized_gives_every_argument_only_its_own_axes() {
    let (f, log) = logged(VmapMethod::LegacyVectorized);
    let g = |x: Tensor, y: Tensor| f.call((x, y));
    let nested = vmap(vmap(g).in_axes((None, 0))).in_axes((0, None));
    let error = callback_error(nested.call((counting(&[2]), counting(&[3]))));
    assert!(matches!(error, CallbackError::Failed { .. }), "{error}");
    assert_eq!(shapes(&log.records()[0]), [vec![2], vec![3]]);
}

#[test]
fn c11_sequential_calls_run_the_innermost_level_slowest_at_depth_2() {
    let g = |f: &Callback, x: Tensor| f.call((x,));
    let (f, log) = logged(VmapMethod::Sequential);
    vmap(vmap(|x: Tensor| g(&f, x))).call((tens(),)).unwrap();
    assert_eq!(scalars(&log), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
    // The outer vmap over the other axis changes the order accordingly.
    log.clear();
    vmap(vmap(|x: Tensor| g(&f, x)))
        .in_axes(1)
        .call((tens(),))
        .unwrap();
    assert_eq!(scalars(&log), [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
    // The same under jit.
    log.clear();
    jit(vmap(vmap(|x: Tensor| g(&f, x))))
        .call((tens(),))
        .unwrap();
    assert_eq!(scalars(&log), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
}

#[test]
fn c11_sequential_calls_run_the_innermost_level_slowest_at_depth_3() {
    let (f, log) = logged(VmapMethod::Sequential);
    vmap(vmap(vmap(|x: Tensor| f.call((x,)))))
        .call((counting(&[2, 2, 2]),))
        .unwrap();
    assert_eq!(scalars(&log), [0.0, 4.0, 2.0, 6.0, 1.0, 5.0, 3.0, 7.0]);
}

#[test]
fn c13_levels_that_map_no_argument_of_the_callback_multiply_no_calls() {
    for method in PER_LANE {
        let (f, log) = logged(method);
        let outer_only = vmap(vmap(|x: Tensor, _: Tensor| f.call((x,))).in_axes((None, 0)));
        let out = outer_only
            .in_axes((0, None))
            .call((vec1(&[1.0, 2.0]), counting(&[3])));
        assert_eq!(f64s(&out.unwrap()), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        assert_eq!(log.len(), 2, "{method}");
        log.clear();
        let inner_only = vmap(vmap(|_: Tensor, y: Tensor| f.call((y,))).in_axes((None, 0)));
        let out = inner_only
            .in_axes((0, None))
            .call((vec1(&[1.0, 2.0]), counting(&[3])));
        assert_eq!(f64s(&out.unwrap()), [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]);
        assert_eq!(log.len(), 3, "{method}: in total, not per outer lane");
    }
}

// Several callbacks.

fn two(methods: [VmapMethod; 2]) -> (Callback, Callback, CallLog) {
    let log = CallLog::new();
    let a = adder("A", &[], &log).vmap_method(methods[0]);
    let b = adder("B", &[], &log).vmap_method(methods[1]);
    (a, b, log)
}

#[test]
fn c14_vectorization_is_per_callback_not_per_lane() {
    let (a, b, log) = two([VmapMethod::Sequential; 2]);
    vmap(|x: Tensor| b.call((a.call((x,))?,)))
        .call((counting(&[3]),))
        .unwrap();
    assert_eq!(named_calls(&log), "A0 A1 A2 B0 B1 B2");
    // A scan interleaves them.
    log.clear();
    let step =
        |(): (), x: Tensor| -> Result<((), Tensor), Error> { Ok(((), b.call((a.call((x,))?,))?)) };
    let ((), _): ((), Tensor) = scan(step, (), counting(&[3]), ScanOptions::default()).unwrap();
    assert_eq!(named_calls(&log), "A0 B0 A1 B1 A2 B2");
}

#[test]
fn c15_callbacks_run_in_program_order() {
    let (a, b, log) = two([VmapMethod::Sequential; 2]);
    let f = vmap(|x: Tensor| {
        let positive = a.call((&x,))?;
        let negative = b.call((&x,))?;
        Ok::<_, Error>(where_(x.greater(0.0), positive, negative))
    });
    f.call((counting(&[2]),)).unwrap();
    assert_eq!(named_calls(&log), "A0 A1 B0 B1");
}

#[test]
fn c16_mixed_methods_compose() {
    let (a, e, log) = two([VmapMethod::Sequential, VmapMethod::ExpandDims]);
    vmap(|x: Tensor| e.call((a.call((x,))?,)))
        .call((counting(&[3]),))
        .unwrap();
    let seen: Vec<Vec<Vec<usize>>> = log.records().iter().map(shapes).collect();
    assert_eq!(
        seen,
        [vec![vec![]], vec![vec![]], vec![vec![]], vec![vec![3]]]
    );
    // Nested: a callback of the inner level alone is called for that level alone.
    log.clear();
    let g = |r: Tensor, z: Tensor| e.call((a.call((z,))?, r));
    vmap(vmap(g).in_axes((None, 0)))
        .in_axes((0, None))
        .call((counting(&[2]), counting(&[3])))
        .unwrap();
    assert_eq!(log.len(), 4);
    assert_eq!(shapes(&log.records()[3]), [vec![1, 3], vec![2, 1]]);
}

#[test]
fn c17_equal_calls_are_not_merged() {
    for compiled in [false, true] {
        let (f, log) = logged(VmapMethod::Sequential);
        let g = vmap(|x: Tensor| Ok::<_, Error>(f.call((&x,))? + f.call((&x,))?));
        let out = if compiled {
            jit(g).call((counting(&[3]),))
        } else {
            g.call((counting(&[3]),))
        };
        assert_eq!(f64s(&out.unwrap()), [0.0, 2.0, 4.0]);
        assert_eq!(log.len(), 6);
    }
}

#[test]
fn c18_an_unused_result_is_computed_eagerly_and_not_under_jit() {
    for method in [
        VmapMethod::Sequential,
        VmapMethod::ExpandDims,
        VmapMethod::Parallel,
    ] {
        let (f, log) = logged(method);
        let g = vmap(|x: Tensor| {
            f.call((&x,))?;
            Ok::<_, Error>(x)
        });
        let calls = if method == VmapMethod::ExpandDims {
            1
        } else {
            3
        };
        g.call((counting(&[3]),)).unwrap();
        assert_eq!(log.len(), calls, "{method}");
        jit(g).call((counting(&[3]),)).unwrap();
        assert_eq!(log.len(), calls, "{method}: not called under jit");
    }
}

#[test]
fn c18_one_used_result_of_two_is_enough_and_effects_are_always_kept() {
    let log = CallLog::new();
    let pair = Callback::new(
        "pair",
        [f64::spec([]), f64::spec([])],
        |args: &[Array]| [args[0].clone(), args[0].clone()],
    )
    .vmap_method(VmapMethod::ExpandDims)
    .log(&log);
    let io = adder("io", &[], &log).io(false);
    let f = jit(vmap(|x: Tensor| {
        let [_, second] = pair.call_many((&x,))?;
        io.call((&x,))?;
        Ok::<_, Error>(second)
    }));
    f.call((counting(&[2]),)).unwrap();
    let names: Vec<String> = log.records().iter().map(|r| r.name.clone()).collect();
    assert_eq!(names, ["pair", "io", "io"]);
}

#[test]
fn c18_a_callback_unused_inside_a_scan_body_is_dropped_even_eagerly() {
    let (f, log) = logged(VmapMethod::Sequential);
    let step = |c: Tensor, (): ()| -> Result<(Tensor, ()), Error> {
        f.call((&c,))?;
        Ok((c + 1.0, ()))
    };
    let options = ScanOptions::default().length(3);
    let (last, ()): (Tensor, ()) = scan(step, 0.0, (), options).unwrap();
    assert_eq!(f64s(&last), [3.0]);
    assert!(log.is_empty());
}

#[test]
fn c19_empty_results_are_never_computed() {
    for method in VmapMethod::ALL {
        let (f, log) = logged(method);
        let none = vmap(|x: Tensor| f.call((x,)))
            .call((counting(&[0]),))
            .unwrap();
        assert_eq!(none.shape(), [0]);
        assert!(log.is_empty(), "{method}: no lane, no call");
    }
    let log = CallLog::new();
    let empty = adder("empty", &[0, 2], &log);
    assert_eq!(empty.call((1.0,)).unwrap().shape(), [0, 2]);
    let nothing = Callback::new("nothing", [], |_: &[Array]| ()).log(&log);
    assert!(nothing.call_vec((1.0,)).unwrap().is_empty());
    assert!(log.is_empty());
    // An empty argument with a result that is not empty is an ordinary call.
    let count = Callback::new("count", [f64::spec([])], |args: &[Array]| {
        Array::scalar(args[0].len() as f64)
    })
    .log(&log);
    assert_eq!(f64s(&count.call((counting(&[0]),)).unwrap()), [0.0]);
    assert_eq!(log.len(), 1);
}

#[test]
fn c20_a_call_of_loop_constants_happens_once_before_the_others() {
    let (a, b, log) = two([VmapMethod::Sequential; 2]);
    let run = |length: usize| {
        let constant = Tensor::from(7.0);
        let f = |constant: Tensor| {
            let step = |c: Tensor, (): ()| -> Result<(Tensor, ()), Error> {
                let each = b.call((&c,))?;
                Ok((each + a.call((&constant,))?, ()))
            };
            let options = ScanOptions::default().length(length);
            let (last, ()): (Tensor, ()) = scan(step, 0.0, (), options)?;
            Ok::<_, Error>(last)
        };
        jit(f).call((constant,)).unwrap()
    };
    assert_eq!(f64s(&run(3)), [21.0]);
    assert_eq!(named_calls(&log), "A7 B0 B7 B14");
    log.clear();
    run(0);
    assert!(log.is_empty(), "nothing is called for no steps");
}

#[test]
fn c21_tracing_calls_nobody() {
    let (f, log) = logged(VmapMethod::Parallel);
    let g = vmap(|x: Tensor| f.call((x,)));
    g.trace((f64::spec([3]),)).unwrap();
    jit(g).trace((f64::spec([3]),)).unwrap();
    assert!(log.is_empty());
}

#[test]
fn the_index_array_reaches_the_host_once() {
    let table: Vec<f64> = (0..1000).map(|i| f64::from(i) * 0.5).collect();
    let log = CallLog::new();
    let look_up = Callback::new(
        "look_up",
        [f64::spec([])],
        move |args: &[Array]| -> Result<Array, BoxError> {
            let indices = args[0].view::<i32>()?;
            Ok(Array::from(indices.mapv(|i| table[i as usize])))
        },
    )
    .vmap_method(VmapMethod::ExpandDims)
    .log(&log);
    let indices: Vec<i32> = (0..1000).rev().collect();
    let out = vmap(|i: Tensor| look_up.call((i,)))
        .call((Array::from(indices.clone()),))
        .unwrap();
    assert_eq!(f64s(&out)[..2], [499.5, 499.0]);
    assert_eq!(log.len(), 1);
    assert_eq!(log.records()[0].args.len(), 1);
    assert_eq!(log.records()[0].args[0].to_vec::<i32>().unwrap(), indices);
}

#[test]
fn c12_unrolled_calls_come_in_the_order_of_sequential_ones_at_every_depth() {
    let f = |method: VmapMethod| {
        let (f, log) = logged(method);
        vmap(vmap(|x: Tensor| f.call((x,))))
            .call((tens(),))
            .unwrap();
        vmap(vmap(vmap(|x: Tensor| f.call((x,)))))
            .call((counting(&[2, 2, 2]),))
            .unwrap();
        scalars(&log)
    };
    let unrolled = f(VmapMethod::SequentialUnrolled);
    assert_eq!(unrolled[..6], [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
    assert_eq!(unrolled, f(VmapMethod::Sequential));
}

#[test]
fn c29_the_number_of_calls_is_promised_and_the_same_at_every_run() {
    for (method, calls) in [
        (VmapMethod::Sequential, 3),
        (VmapMethod::SequentialUnrolled, 3),
        (VmapMethod::Parallel, 3),
        (VmapMethod::ExpandDims, 1),
        (VmapMethod::BroadcastAll, 1),
        (VmapMethod::LegacyVectorized, 1),
    ] {
        let (f, log) = logged(method);
        let compiled = jit(vmap(|x: Tensor| f.call((x,))));
        for run in 1..=3 {
            vmap(|x: Tensor| f.call((x,)))
                .call((counting(&[3]),))
                .unwrap();
            compiled.call((counting(&[3]),)).unwrap();
            assert_eq!(log.len(), 2 * run * calls, "{method}");
        }
    }
}

#[test]
fn c38_calls_without_jit_are_those_with_it() {
    for method in VmapMethod::ALL {
        let runs = [false, true].map(|compiled| {
            let (f, log) = logged(method);
            let g = vmap(|x: Tensor| f.call((f.call((&x,))? + x,)));
            let out = if compiled {
                jit(g).call((counting(&[3]),))
            } else {
                g.call((counting(&[3]),))
            };
            let mut calls: Vec<String> = log
                .records()
                .iter()
                .map(|r| format!("{:?}", r.args))
                .collect();
            if method == VmapMethod::Parallel {
                calls.sort();
            }
            (f64s(&out.unwrap()), calls)
        });
        assert_eq!(runs[0], runs[1], "{method}");
    }
}
