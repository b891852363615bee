//! Functions with a batching rule of their own: when it is asked, with what, and how its answer is checked.
use std::sync::{Arc, Mutex};

use elimap::prelude::*;
use elimap::{CustomVmapError, TraceError, custom_vmap, sequential_vmap};

fn vector(values: &[f64]) -> Array {
    Array::from(values.to_vec())
}

fn floats(tensor: &Tensor) -> Vec<f64> {
    tensor.to_array().unwrap().to_vec::<f64>().unwrap()
}

/// A function whose rule adds 100 and records what it was asked.
type Asked = Arc<Mutex<Vec<(usize, Vec<bool>, Vec<Vec<usize>>)>>>;

fn recording() -> (
    Asked,
    elimap::WithVmapRule<impl Fn(Tensor, Tensor) -> Tensor>,
) {
    let asked = Asked::default();
    let log = asked.clone();
    let f = custom_vmap(|x: Tensor, y: Tensor| x + y).def_vmap(
        move |size, in_batched, (x, y): (Tensor, Tensor)| {
            let shapes = vec![x.shape().to_vec(), y.shape().to_vec()];
            log.lock()
                .unwrap()
                .push((size, in_batched.to_vec(), shapes));
            (x + y + 100.0, true)
        },
    );
    (asked, f)
}

#[test]
fn the_rule_is_not_asked_where_nothing_is_batched() {
    let (asked, f) = recording();
    assert_eq!(floats(&f.call((1.0, 2.0)).unwrap()), [3.0]);
    let out = vmap(|x: Tensor| f.call((1.0, 2.0)).map(|s| x + s)).call((vector(&[0.0, 1.0]),));
    assert_eq!(floats(&out.unwrap()), [3.0, 4.0]);
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn batched_arguments_arrive_with_the_batch_axis_in_front() {
    let (asked, f) = recording();
    let x = ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let out = vmap(|x: Tensor, y: Tensor| f.call((x, y)))
        .in_axes((1, None))
        .call((x, vector(&[10.0, 20.0])))
        .unwrap();
    assert_eq!(floats(&out), [111.0, 124.0, 112.0, 125.0, 113.0, 126.0]);
    assert_eq!(
        *asked.lock().unwrap(),
        [(3, vec![true, false], vec![vec![3, 2], vec![2]])]
    );
}

#[test]
fn nested_vmaps_ask_once_and_batch_the_rules_body() {
    let (asked, f) = recording();
    let x = ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let both = vmap(vmap(|x: Tensor, y: Tensor| f.call((x, y)))).in_axes((0, None));
    let out = both.call((x, vector(&[0.0, 0.0, 0.0]))).unwrap();
    assert_eq!(out.shape(), [2, 3]);
    assert_eq!(floats(&out), [101.0, 102.0, 103.0, 104.0, 105.0, 106.0]);
    assert_eq!(asked.lock().unwrap().len(), 1);
    assert_eq!(asked.lock().unwrap()[0].0, 3);
}

#[test]
fn unbatched_results_of_a_rule_are_shared() {
    let f = custom_vmap(|x: Tensor| (x.clone(), x.sum(..)))
        .def_vmap(|_, _, (x,): (Tensor,)| ((x.clone(), x.sum(..) * 0.0 + 7.0), [true, false]));
    let out = vmap(|x: Tensor| f.call((x,)))
        .out_axes((0, None))
        .call((vector(&[1.0, 2.0]),));
    let (x, seven) = out.unwrap();
    assert_eq!(floats(&x), [1.0, 2.0]);
    assert_eq!(floats(&seven), [7.0]);
}

#[test]
fn constants_and_callbacks_in_a_rule() {
    let log = CallLog::new();
    let host = Callback::new("batch", [f64::spec([3])], |args: &[Array]| args[0].clone()).log(&log);
    let f = custom_vmap(|x: Tensor| x).def_vmap(move |_, _, (x,): (Tensor,)| {
        let weights = Tensor::from(Array::from(vec![1.0, 2.0, 3.0]));
        host.call((x,)).map(|x| (x * weights, true))
    });
    let out = vmap(|x: Tensor| f.call((x,))).call((vector(&[1.0, 1.0, 1.0]),));
    assert_eq!(floats(&out.unwrap()), [1.0, 2.0, 3.0]);
    assert_eq!(log.len(), 1);
    // And where the vmap itself is part of a trace.
    let g = vmap(|x: Tensor| vmap(|x: Tensor| f.call((x,))).call((x,)));
    let error = g.call((ndarray::Array2::<f64>::ones((2, 3)),)).unwrap_err();
    assert!(matches!(error.root(), Error::Callback(_)), "{error}");
}

fn error_of<Q: elimap::RuleOutput<Tensor> + 'static>(
    rule: impl Fn(usize, &[bool], (Tensor,)) -> Q + Send + Sync + 'static,
) -> CustomVmapError {
    let f = custom_vmap(|x: Tensor| x * 2.0)
        .name("twice")
        .def_vmap(rule);
    match vmap(|x: Tensor| f.call((x,)))
        .call((vector(&[1.0, 2.0, 3.0]),))
        .unwrap_err()
        .root()
    {
        Error::CustomVmap(error) => error.clone(),
        other => panic!("{other}"),
    }
}

#[test]
fn the_number_of_lanes_is_checked() {
    let error = error_of(|_, _, (x,)| (x.slice(elimap::Slicing::new([0], [2])), true));
    assert_eq!(
        error.to_string(),
        "the vmap rule of `twice` returned result #0 of shape (2,), expected (3,): a batched result leads with one entry per lane"
    );
    let error = error_of(|_, _, (x,)| (x, false));
    assert!(matches!(
        error,
        CustomVmapError::Shape { batched: false, .. }
    ));
    let error = error_of(|_, _, (x,)| (x.sum(..), true));
    assert!(matches!(
        error,
        CustomVmapError::Shape { batched: true, .. }
    ));
}

#[test]
fn the_element_type_is_checked() {
    let error = error_of(|_, _, (x,)| (x.astype(DType::F32), true));
    assert!(
        matches!(error, CustomVmapError::Dtype { result: 0, .. }),
        "{error}"
    );
}

#[test]
fn the_number_of_flags_is_checked() {
    let error = error_of(|_, _, (x,)| (x, [true, false]));
    assert!(matches!(
        error,
        CustomVmapError::FlagCount {
            expected: 1,
            actual: 2,
            ..
        }
    ));
}

#[test]
fn the_structure_is_checked() {
    let f = custom_vmap(|x: Tensor| vec![x.clone(), x])
        .def_vmap(|_, _, (x,): (Tensor,)| (vec![x], true));
    let error = vmap(|x: Tensor| f.call((x,)))
        .call((vector(&[1.0]),))
        .unwrap_err();
    let Error::CustomVmap(error @ CustomVmapError::Structure { .. }) = error.root() else {
        panic!("{error}")
    };
    assert!(
        error
            .to_string()
            .contains("returned [*], but the function returns [*, *]")
    );
}

#[test]
fn closing_over_a_batched_tensor_is_refused() {
    let f = vmap(|x: Tensor, y: Tensor| {
        let g = custom_vmap(move |z: Tensor| z + &x).def_vmap(|_, _, (z,): (Tensor,)| (z, true));
        g.call((y,))
    });
    let error = f.call((vector(&[1.0]), vector(&[2.0]))).unwrap_err();
    assert!(
        matches!(
            error.root(),
            Error::CustomVmap(CustomVmapError::BatchedCapture { .. })
        ),
        "{error}"
    );
}

#[test]
fn closing_over_an_unbatched_tensor_is_fine() {
    let f = vmap(|x: Tensor, y: Tensor| {
        let g = sequential_vmap(|(z, x): (Tensor, Tensor)| z + x);
        g.call(((y, x),))
    })
    .in_axes((None, 0));
    assert_eq!(
        floats(&f.call((1.0, vector(&[1.0, 2.0]))).unwrap()),
        [2.0, 3.0]
    );
}

#[test]
fn a_rules_own_error_is_returned() {
    let f = custom_vmap(|x: Tensor| x).def_vmap(|_, _, (_,): (Tensor,)| {
        Err::<(Tensor, bool), Error>(Error::function("no batches today"))
    });
    let error = vmap(|x: Tensor| f.call((x,)))
        .call((vector(&[1.0]),))
        .unwrap_err();
    assert!(matches!(error.root(), Error::Function(_)));
    assert!(!matches!(
        error.root(),
        Error::Trace(TraceError::Leaked { .. })
    ));
}

#[test]
fn collectives_of_outer_levels_are_in_scope_in_a_rule() {
    let f = custom_vmap(|x: Tensor| x)
        .def_vmap(|_, _, (x,): (Tensor,)| psum(&x, "outer").map(|s| (s, true)));
    let g = vmap(vmap(move |x: Tensor| f.call((x,)))).axis_name("outer");
    let out = g
        .call((ndarray::array![[1.0, 2.0], [10.0, 20.0]],))
        .unwrap();
    assert_eq!(floats(&out), [11.0, 22.0, 11.0, 22.0]);
}

/// The values a callback was called with, in order.
fn scalars(log: &CallLog) -> Vec<f64> {
    log.records()
        .iter()
        .map(|r| r.args[0].item::<f64>().unwrap())
        .collect()
}

#[test]
fn sequential_vmap_interleaves_and_shows_one_lane() {
    let log = CallLog::new();
    let host = |name: &str| {
        Callback::new(name, [f64::spec([])], |args: &[Array]| args[0].clone())
            .vmap_method(VmapMethod::ExpandDims)
            .log(&log)
    };
    let (a, b) = (host("a"), host("b"));
    let f = sequential_vmap(move |x: Tensor, y: Tensor| b.call((a.call((x,))? + y,)));
    let out = vmap(|x: Tensor, y: Tensor| f.call((x, y)))
        .in_axes((0, None))
        .call((vector(&[0.0, 1.0, 2.0]), 10.0))
        .unwrap();
    assert_eq!(floats(&out), [10.0, 11.0, 12.0]);
    assert_eq!(scalars(&log), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
}

#[test]
fn nested_sequential_vmap_has_the_innermost_level_slowest() {
    let log = CallLog::new();
    let a = Callback::new("a", [f64::spec([])], |args: &[Array]| args[0].clone()).log(&log);
    let f = sequential_vmap(move |x: Tensor| a.call((x,)));
    let x = ndarray::array![[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]];
    let out = vmap(vmap(f)).call((x,)).unwrap();
    assert_eq!(floats(&out), [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
    assert_eq!(scalars(&log), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
}

#[test]
fn sequential_vmap_of_no_lanes_calls_nobody_and_unbatched_calls_once() {
    let log = CallLog::new();
    let a = Callback::new("a", [f64::spec([])], |args: &[Array]| args[0].clone()).log(&log);
    let f = sequential_vmap(move |x: Tensor| a.call((x,)));
    let out = vmap(|x: Tensor| f.call((x,))).call((vector(&[]),)).unwrap();
    assert_eq!(out.shape(), [0]);
    assert!(log.is_empty());
    let out = vmap(|x: Tensor, y: Tensor| f.call((x,)).map(|x| x + y)).in_axes((None, 0));
    out.call((1.0, vector(&[1.0, 2.0]))).unwrap();
    assert_eq!(log.len(), 1);
}

#[test]
fn a_failing_lane_is_named() {
    let a = Callback::new("a", [f64::spec([])], |args: &[Array]| {
        let x = args[0].item::<f64>()?;
        if x > 1.0 {
            Err("too big".into())
        } else {
            Ok::<_, elimap::BoxError>(args[0].clone())
        }
    });
    let f = sequential_vmap(move |x: Tensor| a.call((x,)));
    let error = vmap(f).call((vector(&[0.0, 1.0, 2.0, 3.0]),)).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("callback `a` failed at lane [2]"),
        "{error}"
    );
}

#[test]
fn the_call_survives_jit_and_program_text() {
    let (_, f) = recording();
    let f = f.name("sum");
    let program = jit(|x: Tensor, y: Tensor| f.call((x, y)))
        .trace((f64::spec([2]), f64::spec([2])))
        .unwrap();
    let text = program.to_string();
    assert!(text.contains("custom_vmap_call["), "{text}");
    assert!(text.contains("rule=sum"), "{text}");
    let error = elimap::Program::parse(&text).unwrap_err();
    assert!(
        error.to_string().contains("no vmap rule is named \"sum\""),
        "{error}"
    );
    let rule = f.rule((f64::spec([2]), f64::spec([2]))).unwrap();
    let again = elimap::ProgramParser::new()
        .custom_rule(rule)
        .parse(&text)
        .unwrap();
    assert_eq!(again.to_string(), text);
    let out = again
        .run(&[vector(&[1.0, 2.0]), vector(&[3.0, 4.0])])
        .unwrap();
    assert_eq!(out[0].to_vec::<f64>().unwrap(), [4.0, 6.0]);
}

#[test]
fn c46_inside_a_sequential_vmap_callbacks_see_one_lane_whatever_their_method() {
    for method in [
        VmapMethod::ExpandDims,
        VmapMethod::BroadcastAll,
        VmapMethod::Sequential,
    ] {
        let log = CallLog::new();
        let a = Callback::new("a", [f64::spec([])], |args: &[Array]| args[0].clone())
            .vmap_method(method)
            .log(&log);
        let f = sequential_vmap(move |x: Tensor| a.call((x,)));
        vmap(f).call((vector(&[1.0, 2.0]),)).unwrap();
        assert_eq!(scalars(&log), [1.0, 2.0], "{method}");
    }
}
