//! Conditionals: which branch and lane calls the host, how often and in which order; types that must agree. Loops are in
//! `control_flow.rs`.

use crate::support::{adder, counting, f64s, named_calls, op_error, shapes, vec1};
use elimap::prelude::*;
use elimap::{Func, OpErrorKind};

/// Two callbacks that return their argument.
fn two(method: VmapMethod) -> (Callback, Callback, CallLog) {
    let log = CallLog::new();
    let t = adder("T", &[], &log).vmap_method(method);
    let f = adder("F", &[], &log).vmap_method(method);
    (t, f, log)
}

#[test]
fn c30_a_batched_predicate_runs_every_branch_on_every_lane_the_false_one_first() {
    let (t, f, log) = two(VmapMethod::Sequential);
    let g = |x: Tensor| {
        cond(
            x.greater(0.0),
            |x: Tensor| t.call((x,)),
            |x: Tensor| f.call((x,)),
            (&x,),
        )
    };
    let out = vmap(g).call((vec1(&[-1.0, 0.0, 2.0]),)).unwrap();
    assert_eq!(f64s(&out), [-1.0, 0.0, 2.0]);
    assert_eq!(named_calls(&log), "F-1 F0 F2 T-1 T0 T2");
    let (t, f, log) = two(VmapMethod::ExpandDims);
    let g = |x: Tensor| {
        cond(
            x.greater(0.0),
            |x: Tensor| t.call((x,)),
            |x: Tensor| f.call((x,)),
            (&x,),
        )
    };
    vmap(g).call((vec1(&[-1.0, 0.0, 2.0]),)).unwrap();
    let seen: Vec<_> = log
        .records()
        .iter()
        .map(|r| (r.name.clone(), shapes(r)))
        .collect();
    assert_eq!(
        seen,
        [
            ("F".to_owned(), vec![vec![3]]),
            ("T".to_owned(), vec![vec![3]])
        ]
    );
}

#[test]
fn c30_unbatched_operands_are_repeated_but_constants_of_a_branch_are_not() {
    let (t, f, log) = two(VmapMethod::Sequential);
    let g = |p: Tensor, y: Tensor| {
        cond(
            p,
            |y: Tensor| t.call((y,)),
            |_: Tensor| f.call((9.0,)),
            (y,),
        )
    };
    let predicate = Array::from(vec![true, false, true]);
    let out = vmap(g).in_axes((0, None)).call((predicate, 5.0)).unwrap();
    assert_eq!(f64s(&out), [5.0, 9.0, 5.0]);
    assert_eq!(named_calls(&log), "F9 T5 T5 T5");
}

#[test]
fn c30_a_branch_that_fails_for_an_unselected_lane_fails() {
    let picky = Callback::new("picky", [f64::spec([])], |args: &[Array]| {
        let x = args[0].item::<f64>().unwrap();
        if x < 0.0 {
            Err("negative")
        } else {
            Ok(Array::scalar(x.sqrt()))
        }
    })
    .vmap_method(VmapMethod::Sequential);
    let g = |x: Tensor| {
        cond(
            x.greater_equal(0.0),
            |x: Tensor| picky.call((x,)),
            |x: Tensor| x,
            (&x,),
        )
    };
    assert!(matches!(
        vmap(g).call((vec1(&[4.0, -4.0]),)).unwrap_err().into_root(),
        Error::Callback(_)
    ));
    // One lane at a time only the taken branch runs.
    assert_eq!(f64s(&g(Tensor::from(-4.0)).unwrap()), [-4.0]);
}

#[test]
fn c31_an_unbatched_predicate_runs_only_the_taken_branch() {
    for (method, calls) in [(VmapMethod::Sequential, 3), (VmapMethod::ExpandDims, 1)] {
        for taken in [false, true] {
            let (t, f, log) = two(method);
            let g = |p: Tensor, x: Tensor| {
                cond(p, |x: Tensor| t.call((x,)), |x: Tensor| f.call((x,)), (x,))
            };
            vmap(g)
                .in_axes((None, 0))
                .call((taken, counting(&[3])))
                .unwrap();
            assert_eq!(log.len(), calls);
            let name = if taken { "T" } else { "F" };
            assert!(log.records().iter().all(|r| r.name == name));
        }
    }
}

#[test]
fn c30_switch_clamps_and_runs_all_branches_in_order() {
    let log = CallLog::new();
    let callbacks: Vec<Callback> = ["A", "B", "C"]
        .iter()
        .map(|name| adder(name, &[], &log).vmap_method(VmapMethod::Sequential))
        .collect();
    let g = |i: Tensor, x: Tensor| {
        let branches: Vec<_> = callbacks
            .iter()
            .enumerate()
            .map(|(k, c)| move |x: Tensor| Ok::<_, Error>(c.call((x,))? * (10.0 * k as f64)))
            .collect();
        let branches: Vec<&dyn Func<(Tensor,), Out = Tensor>> =
            branches.iter().map(|b| b as _).collect();
        switch(i, &branches, (x,))
    };
    let indices = Array::from(vec![-5_i64, 1, 99]);
    let out = vmap(g).call((indices, vec1(&[1.0, 2.0, 3.0]))).unwrap();
    assert_eq!(f64s(&out), [0.0, 20.0, 60.0]);
    assert_eq!(named_calls(&log), "A1 A2 A3 B1 B2 B3 C1 C2 C3");
    log.clear();
    assert_eq!(f64s(&g(7.into(), 2.0.into()).unwrap()), [40.0]);
    assert_eq!(named_calls(&log), "C2");
}

#[test]
fn n26_a_predicate_may_be_a_number_and_must_be_a_scalar() {
    let g = |p: Tensor| cond(p, |x: Tensor| x, |x: Tensor| -x, (1.0,));
    for (predicate, wanted) in [(2.0, 1.0), (0.0, -1.0), (-0.0, -1.0), (f64::NAN, 1.0)] {
        assert_eq!(f64s(&g(predicate.into()).unwrap()), [wanted], "{predicate}");
    }
    let (op, kind) = op_error(g(Tensor::from(counting(&[2]))));
    assert_eq!(op, "cond");
    assert!(matches!(kind, OpErrorKind::InvalidParameter { .. }));
    let none: &[&dyn Func<(Tensor,), Out = Tensor>] = &[];
    assert!(matches!(
        op_error(switch(0, none, (1.0,))),
        ("switch", OpErrorKind::InvalidParameter { .. })
    ));
    let identity = |x: Tensor| x;
    assert!(matches!(
        op_error(switch(
            0.5,
            &[&identity as &dyn Func<(Tensor,), Out = Tensor>],
            (1.0,)
        )),
        ("switch", OpErrorKind::InvalidParameter { .. })
    ));
}

#[test]
fn n26_branches_must_agree_in_type_and_the_error_says_how_they_differ() {
    let mismatch = |result: Result<Tensor, Error>| match op_error(result) {
        (
            _,
            OpErrorKind::BranchMismatch {
                path,
                branch,
                expected,
                actual,
            },
        ) => (path, branch, expected, actual),
        other => panic!("{other:?}"),
    };
    // Branch 0 is the false one.
    let dtypes = cond(
        true,
        |x: Tensor| x.astype(DType::I32),
        |x: Tensor| x,
        (counting(&[2]),),
    );
    assert_eq!(
        mismatch(dtypes),
        (
            "result 0".to_owned(),
            1,
            "f64[2]".to_owned(),
            "i32[2]".to_owned()
        )
    );
    let shapes = cond(true, |x: Tensor| x.sum(0), |x: Tensor| x, (counting(&[2]),));
    let (_, _, expected, actual) = mismatch(shapes);
    assert_eq!((expected.as_str(), actual.as_str()), ("f64[2]", "f64[]"));
    let structures = cond(
        true,
        |x: Tensor| vec![x.clone(), x],
        |x: Tensor| vec![x],
        (counting(&[2]),),
    );
    let (path, _, expected, actual) = mismatch(structures.map(|mut v| v.remove(0)));
    assert_eq!(
        (path.as_str(), expected.as_str(), actual.as_str()),
        ("result", "[*]", "[*, *]")
    );
    // Weak and strong types may differ; the result is strong.
    let out = cond(
        true,
        |x: Tensor| x,
        |_: Tensor| Tensor::from(2.0),
        (Array::scalar(1.0),),
    );
    assert!(!out.unwrap().ty().weak);
}
