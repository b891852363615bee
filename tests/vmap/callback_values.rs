//! What crosses the border to the host: the arguments a callback gets, and what its results are checked for.

use crate::support::{add_all, adder, callback_error, counting, f64s, vec1};
use elimap::CallbackError;
use elimap::prelude::*;

#[test]
fn c22_arguments_are_trees_whose_leaves_the_host_gets_in_order() {
    let log = CallLog::new();
    let f = adder("f", &[], &log).vmap_method(VmapMethod::Sequential);
    let g = |x: Tensor| {
        let tree = vec![Some(&x * 10.0), None, Some(&x * 100.0)];
        f.call((tree, &x))
    };
    let out = vmap(g).call((vec1(&[1.0, 2.0]),)).unwrap();
    assert_eq!(f64s(&out), [111.0, 222.0]);
    let first: Vec<f64> = log.records()[0]
        .args
        .iter()
        .map(|a| a.item().unwrap())
        .collect();
    assert_eq!(first, [10.0, 100.0, 1.0]);
}

#[test]
fn c23_the_host_gets_strong_types_of_the_declared_widths() {
    let log = CallLog::new();
    let f = Callback::new("f", [f32::spec([])], |args: &[Array]| args[1].clone()).log(&log);
    let result = f.call((3, 2.5_f32, true)).unwrap();
    let dtypes: Vec<DType> = log.records()[0].args.iter().map(Array::dtype).collect();
    assert_eq!(dtypes, [DType::I64, DType::F32, DType::Bool]);
    assert!(!result.ty().weak, "results are never weak");
    // Results in any memory layout are accepted.
    let transposed = Callback::new("t", [f64::spec([3, 2])], |args: &[Array]| {
        args[0]
            .view::<f64>()
            .map(|a| Array::from(a.to_owned().reversed_axes()))
    })
    .vmap_method(VmapMethod::Sequential);
    let out = vmap(|x: Tensor| transposed.call((x,)))
        .call((counting(&[2, 2, 3]),))
        .unwrap();
    assert_eq!(f64s(&out)[..6], [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
}

/// What comes back from a host that returns one of these.
fn returning(results: Vec<Array>) -> CallbackError {
    let f = Callback::new(
        "f",
        [f64::spec([2]), f64::spec([])],
        move |_: &[Array]| results.clone(),
    );
    callback_error(f.call_vec((1.0,)))
}

#[test]
fn c24_count_is_checked_before_shape_and_shape_before_dtype() {
    let (good, integer) = (counting(&[2]), Array::from(vec![1_i32, 2, 3]));
    assert!(matches!(
        returning(vec![integer.clone()]),
        CallbackError::ResultCount {
            expected: 2,
            actual: 1,
            ..
        }
    ));
    let CallbackError::ResultShape {
        result: 0,
        expected,
        actual,
        ..
    } = returning(vec![integer, Array::scalar(1_i32)])
    else {
        panic!("another error");
    };
    assert_eq!((&expected[..], &actual[..]), (&[2][..], &[3][..]));
    assert!(matches!(
        returning(vec![good, Array::scalar(1_i64)]),
        CallbackError::ResultDtype {
            result: 1,
            expected: DType::F64,
            actual: DType::I64,
            ..
        }
    ));
}

#[test]
fn c25_results_are_neither_cast_nor_broadcast() {
    let narrow = vec![Array::from(vec![1.0_f32, 2.0]), Array::scalar(1.0)];
    assert!(matches!(
        returning(narrow),
        CallbackError::ResultDtype {
            result: 0,
            expected: DType::F64,
            actual: DType::F32,
            ..
        }
    ));
    let scalar = vec![Array::scalar(1.0), Array::scalar(1.0)];
    assert!(matches!(
        returning(scalar),
        CallbackError::ResultShape { result: 0, .. }
    ));
}

#[test]
fn c25_the_number_of_results_asked_for_must_be_the_one_declared() {
    let f = Callback::new("f", [f64::spec([]), f64::spec([])], |args: &[Array]| {
        [args[0].clone(), args[0].clone()]
    });
    let error = callback_error(f.call((1.0,)));
    assert!(
        matches!(error, CallbackError::ResultCount { .. }),
        "{error}"
    );
    let [a, b] = f.call_many((1.0,)).unwrap();
    assert_eq!((f64s(&a), f64s(&b)), (vec![1.0], vec![1.0]));
}

#[test]
fn c24_c25_a_probe_learns_the_result_types() {
    let f = Callback::new("f", [], |args: &[Array]| add_all(args))
        .infer_results(&[f64::spec([3]), f64::spec([])])
        .unwrap()
        .vmap_method(VmapMethod::ExpandDims);
    assert_eq!(f.results(), [f64::spec([3])]);
    let out = vmap(|x: Tensor| f.call((x,)))
        .call((counting(&[2, 3]),))
        .unwrap();
    assert_eq!(f64s(&out), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}
