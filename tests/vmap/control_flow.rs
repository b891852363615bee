//! Loops: which lane calls the host, how often and in which order; carries that must agree. Conditionals are in
//! `conditionals.rs`.

use crate::support::{adder, counting, f64s, op_error, scalars, shapes, values, vec1};
use elimap::OpErrorKind;
use elimap::prelude::*;

type Pair = (Tensor, Tensor);

fn one(method: VmapMethod) -> (Callback, CallLog) {
    let log = CallLog::new();
    (adder("f", &[], &log).vmap_method(method), log)
}

fn steps(length: usize) -> ScanOptions {
    ScanOptions::default().length(length)
}

// scan.

#[test]
fn c32_a_scan_is_the_outer_loop_and_lanes_the_inner_one() {
    let (f, log) = one(VmapMethod::Sequential);
    let g = |x: Tensor| {
        let step = |c: Tensor, (): ()| Ok::<_, Error>((f.call((c,))? + 1.0, ()));
        let (last, ()): (Tensor, ()) = scan(step, x, (), steps(2))?;
        Ok::<_, Error>(last)
    };
    let out = vmap(g).call((counting(&[3]),)).unwrap();
    assert_eq!(f64s(&out), [2.0, 3.0, 4.0]);
    assert_eq!(scalars(&log), [0.0, 1.0, 2.0, 1.0, 2.0, 3.0]);
}

#[test]
fn c32_a_body_callback_on_unbatched_slices_runs_once_per_step() {
    let (f, log) = one(VmapMethod::Sequential);
    let g = |x: Tensor| {
        let step = |c: Tensor, y: Tensor| Ok::<_, Error>((c + f.call((y,))?, ()));
        let (last, ()): (Tensor, ()) = scan(step, x, counting(&[4]), ScanOptions::default())?;
        Ok::<_, Error>(last)
    };
    let out = vmap(g).call((vec1(&[0.0, 100.0]),)).unwrap();
    assert_eq!(f64s(&out), [6.0, 106.0]);
    assert_eq!(scalars(&log), [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn scan_runs_backwards_and_stacks_where_the_slices_were() {
    let step = |c: Tensor, x: Tensor| {
        let next = c * 10.0 + x;
        (next.clone(), next)
    };
    let options = ScanOptions::default().reverse(true);
    let (last, ys): Pair = scan(step, 0.0, vec1(&[1.0, 2.0, 3.0]), options).unwrap();
    assert_eq!(f64s(&last), [321.0]);
    assert_eq!(f64s(&ys), [321.0, 32.0, 3.0]);
}

#[test]
fn n27_a_weak_carry_takes_on_the_type_the_body_returns() {
    let step = |c: Tensor, (): ()| (c + 1.5, ());
    let (last, ()): (Tensor, ()) = scan(step, 0, (), steps(2)).unwrap();
    assert_eq!((last.dtype(), f64s(&last)), (DType::F64, vec![3.0]));
    // A strong one does not.
    let (op, kind) = op_error(scan::<Tensor, (), (), _>(
        step,
        Array::scalar(0_i64),
        (),
        steps(2),
    ));
    assert_eq!(op, "scan");
    let OpErrorKind::CarryMismatch {
        path,
        expected,
        actual,
    } = kind
    else {
        panic!("{kind:?}");
    };
    assert_eq!(
        (path.as_str(), expected.as_str(), actual.as_str()),
        ("carry", "i64[]", "f64[]")
    );
}

#[test]
fn n27_carry_mismatches_name_the_part_and_both_types() {
    let shape = scan::<Pair, (), (), _>(
        |(a, b): Pair, (): ()| ((a, b.expand_dims(0)), ()),
        (1.0, counting(&[2])),
        (),
        steps(1),
    );
    let (
        _,
        OpErrorKind::CarryMismatch {
            path,
            expected,
            actual,
        },
    ) = op_error(shape)
    else {
        panic!("another error");
    };
    assert_eq!(
        (path.as_str(), expected.as_str(), actual.as_str()),
        ("carry.1", "f64[2]", "f64[1,2]")
    );
    let structure = while_loop::<TreeValue, _, _>(
        |_: TreeValue| Tensor::from(false),
        |c: TreeValue| TreeValue::List(vec![c]),
        1.0,
    );
    let (
        op,
        OpErrorKind::CarryMismatch {
            path,
            expected,
            actual,
        },
    ) = op_error(structure)
    else {
        panic!("another error");
    };
    assert_eq!(
        (op, path.as_str(), expected.as_str(), actual.as_str()),
        ("while_loop", "carry", "*", "[*]")
    );
}

#[test]
fn n27_scanned_lengths_must_agree_and_be_known() {
    let step = |c: Tensor, (x, _): Pair| (c + x, ());
    let unequal = scan::<Tensor, Pair, (), _>(
        step,
        0.0,
        (counting(&[5]), counting(&[3])),
        ScanOptions::default(),
    );
    let (_, OpErrorKind::ShapeMismatch { shapes, .. }) = op_error(unequal) else {
        panic!("another error");
    };
    assert_eq!((&shapes[0][..], &shapes[1][..]), (&[5][..], &[3][..]));
    let other_length =
        scan::<Tensor, Pair, (), _>(step, 0.0, (counting(&[5]), counting(&[5])), steps(4));
    assert!(matches!(
        op_error(other_length),
        ("scan", OpErrorKind::ShapeMismatch { .. })
    ));
    let scalar = scan::<Tensor, Pair, (), _>(step, 0.0, (1.0, 2.0), steps(4));
    assert!(matches!(
        op_error(scalar),
        ("scan", OpErrorKind::ShapeMismatch { .. })
    ));
    let unknown =
        scan::<Tensor, (), (), _>(|c: Tensor, (): ()| (c, ()), 0.0, (), ScanOptions::default());
    assert!(matches!(
        op_error(unknown),
        ("scan", OpErrorKind::InvalidParameter { .. })
    ));
}

// while and fori.

#[test]
fn c33_a_batched_while_runs_the_body_on_finished_lanes_with_their_frozen_carry() {
    let (f, log) = one(VmapMethod::Sequential);
    let g = |x: Tensor| {
        while_loop(
            |c: Tensor| c.less(3.0),
            |c: Tensor| Ok::<_, Error>(f.call((c,))? + 1.0),
            x,
        )
    };
    let out: Tensor = vmap(g).call((counting(&[3]),)).unwrap();
    assert_eq!(f64s(&out), [3.0, 3.0, 3.0]);
    assert_eq!(scalars(&log), [0.0, 1.0, 2.0, 1.0, 2.0, 3.0, 2.0, 3.0, 3.0]);
    let (f, log) = one(VmapMethod::ExpandDims);
    let g = |x: Tensor| {
        while_loop(
            |c: Tensor| c.less(3.0),
            |c: Tensor| Ok::<_, Error>(f.call((c,))? + 1.0),
            x,
        )
    };
    let _: Tensor = vmap(g).call((counting(&[3]),)).unwrap();
    let seen: Vec<Vec<f64>> = log
        .records()
        .iter()
        .map(|r| r.args[0].to_vec().unwrap())
        .collect();
    assert_eq!(seen, [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 3.0]]);
}

#[test]
fn c34_a_callback_in_a_batched_predicate_is_evaluated_twice_per_iteration() {
    let (f, log) = one(VmapMethod::Sequential);
    let g = |x: Tensor| {
        while_loop(
            |c: Tensor| Ok::<_, Error>(f.call((c,))?.less(3.0)),
            |c: Tensor| c + 1.0,
            x,
        )
    };
    let out: Tensor = vmap(g).call((vec1(&[1.0, 2.0, 3.0]),)).unwrap();
    assert_eq!(f64s(&out), [3.0, 3.0, 3.0]);
    // T = 2 trips of 3 lanes: T + 1 tests and T masks.
    assert_eq!(log.len(), 15);
}

#[test]
fn c35_an_unbatched_predicate_makes_as_many_trips_as_it_says() {
    let (f, log) = one(VmapMethod::ExpandDims);
    let g = |x: Tensor| -> Result<Tensor, Error> {
        let (_, out): Pair = while_loop(
            |(i, _): Pair| i.less(4),
            |(i, x): Pair| Ok::<_, Error>((i + 1, f.call((x,))? * 2.0)),
            (0, x),
        )?;
        Ok(out)
    };
    let out = vmap(g).call((vec1(&[1.0, 3.0]),)).unwrap();
    assert_eq!(f64s(&out), [16.0, 48.0]);
    assert_eq!(log.len(), 4);
    assert!(log.records().iter().all(|r| shapes(r) == [vec![2]]));
}

#[test]
fn c35_fori_with_static_bounds_is_a_scan_and_with_batched_ones_a_while() {
    let (f, log) = one(VmapMethod::Sequential);
    let step = |i: Tensor, x: Tensor| Ok::<_, Error>(f.call((x,))? + i);
    let fixed = vmap(|x: Tensor| fori_loop::<Tensor, _>(1, 3, step, x));
    assert_eq!(
        f64s(&fixed.call((vec1(&[0.0, 10.0]),)).unwrap()),
        [3.0, 13.0]
    );
    assert_eq!(scalars(&log), [0.0, 10.0, 1.0, 11.0]);
    log.clear();
    let batched = vmap(|n: Tensor, x: Tensor| fori_loop::<Tensor, _>(0, n, step, x));
    let bounds = Array::from(vec![1_i64, 3]);
    assert_eq!(
        f64s(&batched.call((bounds, vec1(&[0.0, 10.0]))).unwrap()),
        [0.0, 13.0]
    );
    // Three trips, the first lane frozen after the first.
    assert_eq!(scalars(&log), [0.0, 10.0, 0.0, 10.0, 0.0, 11.0]);
    let nothing = fori_loop::<Tensor, _>(3, 1, |_: Tensor, x: Tensor| x * 0.0, 5.0);
    assert_eq!(f64s(&nothing.unwrap()), [5.0]);
    let wrong = fori_loop::<Tensor, _>(0, 2.5, |_: Tensor, x: Tensor| x, 5.0);
    assert!(matches!(
        op_error(wrong),
        ("fori_loop", OpErrorKind::InvalidParameter { .. })
    ));
}

#[test]
fn n27_a_while_predicate_is_a_scalar_bool() {
    for predicate in [
        Tensor::from(1.0),
        Tensor::from(Array::from(vec![true, false])),
    ] {
        let result = while_loop::<Tensor, _, _>(|_: Tensor| predicate.clone(), |c: Tensor| c, 1.0);
        let (op, kind) = op_error(result);
        assert_eq!(op, "while_loop");
        assert!(matches!(kind, OpErrorKind::InvalidParameter { .. }));
    }
}

#[test]
fn loops_without_trips_return_what_they_start_with() {
    let g = |x: Tensor| while_loop::<Tensor, _, _>(|c: Tensor| c.less(0.0), |c: Tensor| c + 1.0, x);
    assert_eq!(
        f64s(&vmap(g).call((vec1(&[1.0, 2.0]),)).unwrap()),
        [1.0, 2.0]
    );
    let step = |c: Tensor, x: Tensor| (&c + &x, c);
    let (last, ys): Pair = scan(step, 7.0, counting(&[0]), ScanOptions::default()).unwrap();
    assert_eq!((f64s(&last), ys.shape()), (vec![7.0], &[0][..]));
}

#[test]
fn closures_of_loops_and_branches_see_enclosing_tracers() {
    let g = |x: Tensor, y: Tensor| -> Result<Tensor, Error> {
        let scale = &y * 2.0;
        let step = |c: Tensor, (): ()| -> Result<(Tensor, ()), Error> {
            let inner = |c: Tensor| c + &scale;
            Ok((cond(c.less(&y), inner, |c: Tensor| c * &y, (&c,))?, ()))
        };
        let (out, ()): (Tensor, ()) = scan(step, x, (), steps(3))?;
        Ok(out)
    };
    let out = vmap(vmap(g).in_axes((None, 0)))
        .in_axes((0, None))
        .call((vec1(&[0.0, 1.0]), vec1(&[1.0, 10.0])))
        .unwrap();
    // By hand: y = 1: 0 -> 2 -> 2 -> 2 and 1 -> 1; y = 10: 0 -> 20 -> 200 -> 2000 and 1 -> 21 -> 210 -> 2100.
    assert_eq!(f64s(&out), [2.0, 2000.0, 1.0, 2100.0]);
}

#[test]
fn errors_inside_loops_keep_their_kind_and_place() {
    let bad = |x: Tensor| x + counting(&[4]);
    let step = |c: Tensor, (): ()| (bad(c), ());
    let (op, kind) = op_error(scan::<Tensor, (), (), _>(
        step,
        counting(&[3]),
        (),
        steps(1),
    ));
    assert_eq!(op, "add");
    assert!(matches!(kind, OpErrorKind::ShapeMismatch { .. }));
    let (op, _) = op_error(cond(true, bad, |x: Tensor| x, (counting(&[3]),)));
    assert_eq!(op, "add");
    // Tracing goes on as before.
    assert_eq!(values::<i64>(&(Tensor::from(1) + 1)), [2]);
}

#[test]
fn c36_a_scan_of_vmaps_calls_once_per_chunk() {
    let (f, log) = one(VmapMethod::ExpandDims);
    let step = |(): (), x: Tensor| Ok::<_, Error>(((), vmap(|x: Tensor| f.call((x,))).call((x,))?));
    let ((), ys): ((), Tensor) = scan(step, (), counting(&[3, 2]), ScanOptions::default()).unwrap();
    assert_eq!(f64s(&ys), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(
        log.records().iter().map(shapes).collect::<Vec<_>>(),
        vec![vec![vec![2]]; 3]
    );
    // vmap of a scan: the scan stays outside, so every step calls with all lanes.
    log.clear();
    let g = |xs: Tensor| -> Result<Tensor, Error> {
        let step = |(): (), x: Tensor| Ok::<_, Error>(((), f.call((x,))?));
        let ((), ys): ((), Tensor) = scan(step, (), xs, ScanOptions::default())?;
        Ok(ys)
    };
    vmap(g).call((counting(&[3, 2]),)).unwrap();
    assert_eq!(
        log.records().iter().map(shapes).collect::<Vec<_>>(),
        vec![vec![vec![3]]; 2]
    );
}

#[test]
fn c34_a_callback_in_a_batched_predicate_at_depth_2() {
    let (f, log) = one(VmapMethod::Sequential);
    let g = |x: Tensor| {
        while_loop(
            |c: Tensor| Ok::<_, Error>(f.call((c,))?.less(3.0)),
            |c: Tensor| c + 1.0,
            x,
        )
    };
    let x = Array::from(ndarray::array![[1.0, 2.0, 3.0], [2.0, 2.0, 1.0]]);
    let out: Tensor = vmap(vmap(g)).call((x,)).unwrap();
    assert_eq!(f64s(&out), [3.0; 6]);
    // T = 2 trips of 6 lanes: T + 1 tests and T masks, the innermost level slowest.
    assert_eq!(log.len(), 30);
    assert_eq!(scalars(&log)[..6], [1.0, 2.0, 2.0, 2.0, 3.0, 1.0]);
}

#[test]
fn c42_io_inside_a_while_needs_lanes_that_stop_together() {
    let io = |ordered: bool| {
        Callback::new("io", [f64::spec([])], |args: &[Array]| args[0].clone()).io(ordered)
    };
    let run = |ordered: bool, batched: bool| -> Result<Tensor, Error> {
        let f = io(ordered);
        let body = |(n, x): Pair| Ok::<_, Error>((n + 1, f.call((x,))? + 1.0));
        let g = |n: Tensor, x: Tensor| -> Result<Tensor, Error> {
            let (_, x): Pair = while_loop(|(n, _): Pair| n.less(2), body, (n, x))?;
            Ok(x)
        };
        let start = if batched {
            Array::from(vec![0_i64, 1])
        } else {
            Array::scalar(0_i64)
        };
        let axis = if batched { Some(0) } else { None };
        vmap(g)
            .in_axes((axis, Some(0)))
            .call((start, vec1(&[5.0, 6.0])))
    };
    assert_eq!(f64s(&run(false, false).unwrap()), [7.0, 8.0]);
    let (op, kind) = op_error(run(false, true));
    assert!(op == "while" && matches!(kind, OpErrorKind::UnsupportedEffect { .. }));
    assert!(run(true, false).is_err() && run(true, true).is_err());
}

#[test]
fn what_every_branch_or_step_hands_on_is_not_batched_with_the_rest() {
    let log = CallLog::new();
    let host = adder("f", &[], &log).vmap_method(VmapMethod::ExpandDims);
    // A batched predicate, but both branches return the same unbatched value.
    let f = |p: Tensor| -> Result<Tensor, Error> {
        let y = Tensor::from(2.0);
        let (y, _) = cond(
            p,
            |y: Tensor| (y.clone(), y),
            |y: Tensor| (y.clone(), -y),
            (y * 1.0,),
        )?;
        host.call((y,))
    };
    vmap(f)
        .out_axes(None)
        .call((Array::from(vec![true, false]),))
        .unwrap();
    // A loop that lanes leave at different times carries a value it never changes.
    let g = |n: Tensor| -> Result<Tensor, Error> {
        let (_, y): Pair = while_loop(
            |(n, _): Pair| n.less(3),
            |(n, y): Pair| (n + 1, y),
            (n, 2.0),
        )?;
        host.call((y,))
    };
    vmap(g)
        .out_axes(None)
        .call((Array::from(vec![0_i64, 2]),))
        .unwrap();
    // A scan whose other carry is batched.
    let h = |x: Tensor| -> Result<Tensor, Error> {
        let step = |(a, y): Pair, s: Tensor| ((a + &s, y), s);
        let ((_, y), _): (Pair, Tensor) =
            scan(step, (x, 2.0), counting(&[2]), ScanOptions::default())?;
        host.call((y,))
    };
    vmap(h).out_axes(None).call((vec1(&[0.0, 1.0]),)).unwrap();
    assert_eq!(log.len(), 3);
    assert!(
        log.records()
            .iter()
            .all(|r| shapes(r) == [Vec::<usize>::new()])
    );
    assert_eq!(scalars(&log), [2.0; 3]);
}
