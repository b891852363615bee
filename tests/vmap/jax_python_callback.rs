//! What JAX's `tests/python_callback_test.py` checks, under that file's test names; COMPATIBILITY.md counts them.
//!
//! A test there that runs for `pure_callback` and both kinds of `io_callback` runs here for all three.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{array, counting, f64s, scalars, shapes, values, vec1};
use elimap::prelude::*;
use elimap::{BoxError, CallbackError, OpErrorKind};

/// The callback as a pure one, an unordered and an ordered one with effects.
fn flavors(callback: Callback) -> [Callback; 3] {
    [
        callback.clone(),
        callback.clone().io(false),
        callback.io(true),
    ]
}

/// A host function of one array.
fn host(lane: &[usize], f: impl Fn(Tensor) -> Tensor + Send + Sync + 'static) -> Callback {
    let call = move |args: &[Array]| -> Result<Array, BoxError> {
        Ok(f(Tensor::from(&args[0])).to_array()?)
    };
    Callback::new("host", [f64::spec(lane.iter().copied())], call)
}

fn returning(results: &[Array]) -> Callback {
    let given = results.to_vec();
    let types: Vec<TensorType> = results.iter().map(Array::ty).collect();
    Callback::new("host", types, move |_: &[Array]| given.clone())
}

fn callback_error<T>(result: Result<T, Error>) -> CallbackError {
    match result.map(|_| ()).unwrap_err().into_root() {
        Error::Callback(error) => error,
        other => panic!("not a callback error: {other:?}"),
    }
}

#[test]
fn callback_with_scalar_values() {
    for f in flavors(host(&[], |x| x + 1.0)) {
        let out = jit(|x: Tensor| f.call((x,))).call((0.0,)).unwrap();
        assert_eq!(f64s(&out), [1.0]);
    }
}

#[test]
fn callback_returning_literal() {
    // A plain number is a 64-bit result; for a 32-bit declaration it is of the wrong type.
    let f = |ty: TensorType| Callback::new("host", [ty], |_: &[Array]| Array::scalar(42.0));
    let out = jit(|x: Tensor| f(f64::spec([])).call((x,)))
        .call((0.0,))
        .unwrap();
    assert_eq!(f64s(&out), [42.0]);
    let error = callback_error(f(f32::spec([])).call((0.0,)));
    assert!(
        matches!(error, CallbackError::ResultDtype { .. }),
        "{error}"
    );
}

#[test]
fn callback_works_with_all_types() {
    let all = [
        DType::Bool,
        DType::U8,
        DType::U32,
        DType::U64,
        DType::I32,
        DType::I64,
        DType::F32,
        DType::F64,
    ];
    for dtype in all {
        let x = arange(3).astype(dtype).to_array().unwrap();
        let given = Callback::new("host", [x.ty()], |args: &[Array]| args[0].clone());
        for f in flavors(given) {
            let out = jit(|x: Tensor| f.call((x,))).call((&x,)).unwrap();
            assert_eq!(out.to_array().unwrap(), x, "{dtype:?}");
        }
    }
}

#[test]
fn callback_with_wrong_number_of_returned_values() {
    let two = [Array::scalar(1.0), Array::scalar(2.0)];
    for f in flavors(Callback::new(
        "host",
        [f64::spec([])],
        move |_: &[Array]| two.clone(),
    )) {
        let error = callback_error(jit(|x: Tensor| f.call((x,))).call((0.0,)));
        let expected = matches!(
            error,
            CallbackError::ResultCount {
                expected: 1,
                actual: 2,
                ..
            }
        );
        assert!(expected, "{error}");
    }
}

#[test]
fn callback_with_wrong_shape_outputs() {
    for f in flavors(Callback::new("host", [f64::spec([])], |_: &[Array]| {
        vec1(&[1.0, 2.0])
    })) {
        let error = callback_error(jit(|x: Tensor| f.call((x,))).call((0.0,)));
        assert!(
            matches!(error, CallbackError::ResultShape { .. }),
            "{error}"
        );
    }
}

#[test]
fn callback_with_wrong_dtype_outputs() {
    for f in flavors(Callback::new("host", [f64::spec([])], |_: &[Array]| {
        Array::scalar(1_i32)
    })) {
        let error = callback_error(jit(|x: Tensor| f.call((x,))).call((0.0,)));
        assert!(
            matches!(error, CallbackError::ResultDtype { .. }),
            "{error}"
        );
    }
}

#[test]
fn callback_with_single_return_value() {
    for f in flavors(host(&[3], |x| x + 1.0)) {
        let out = jit(|x: Tensor| f.call((x,)))
            .call((vec1(&[1.0; 3]),))
            .unwrap();
        assert_eq!(f64s(&out), [2.0; 3]);
    }
}

#[test]
fn callback_with_multiple_return_values() {
    let twice = |args: &[Array]| vec![args[0].clone(), args[0].clone()];
    for f in flavors(Callback::new(
        "host",
        [f64::spec([3]), f64::spec([3])],
        twice,
    )) {
        let g = jit(|x: Tensor| f.call_many::<2>((x,)).map(|[a, b]| (a, b)));
        let (a, b) = g.call((counting(&[3]),)).unwrap();
        assert_eq!([f64s(&a), f64s(&b)], [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]]);
    }
}

#[test]
fn callback_with_multiple_arguments_and_return_values() {
    let call = |args: &[Array]| -> Result<Vec<Array>, BoxError> {
        let sum = Tensor::from(&args[1]) + Tensor::from(&args[2]);
        Ok(vec![args[0].clone(), sum.to_array()?])
    };
    for f in flavors(Callback::new(
        "host",
        [f64::spec([3]), f64::spec([3])],
        call,
    )) {
        let g =
            jit(|x: Tensor, y: Tensor, z: Tensor| f.call_many::<2>((x, y, z)).map(|[a, b]| (a, b)));
        let args = (vec1(&[1.0; 3]), counting(&[3]), vec1(&[1.0, 2.0, 3.0]));
        let (a, b) = g.call(args).unwrap();
        assert_eq!([f64s(&a), f64s(&b)], [[1.0, 1.0, 1.0], [1.0, 3.0, 5.0]]);
    }
}

#[test]
fn send_zero_dim_arrays() {
    for f in flavors(returning(&[vec1(&[42.0, 42.0])])) {
        let out = jit(|x: Tensor| f.call((x,)))
            .call((counting(&[2, 0]),))
            .unwrap();
        assert_eq!(f64s(&out), [42.0, 42.0]);
    }
}

#[test]
fn send_zero_dim_and_non_zero_dim_arrays() {
    let second = |args: &[Array]| args[1].clone();
    for f in flavors(Callback::new("host", [f64::spec([2])], second)) {
        let g = jit(|x: Tensor, y: Tensor| f.call((x, y)));
        let out = g.call((counting(&[2, 0]), vec1(&[42.0, 42.0]))).unwrap();
        assert_eq!(f64s(&out), [42.0, 42.0]);
    }
}

#[test]
fn recv_zero_dim_arrays() {
    for f in flavors(returning(&[counting(&[2, 0])])) {
        let out = jit(|x: Tensor| f.call((x,)))
            .call((counting(&[2]),))
            .unwrap();
        assert_eq!(out.shape(), [2, 0]);
    }
}

#[test]
fn recv_zero_dim_and_non_zero_dim_arrays() {
    let results = [
        counting(&[2, 0]),
        vec1(&[42.0, 42.0]),
        Array::zeros(DType::I32, &[3, 0]),
        vec1(&[43.0; 4]),
    ];
    for f in flavors(returning(&results)) {
        let out = jit(|x: Tensor| f.call_vec((x,)))
            .call((counting(&[2]),))
            .unwrap();
        let out: Vec<Array> = out.iter().map(|t| t.to_array().unwrap()).collect();
        assert_eq!(out, results);
    }
}

#[test]
fn callback_with_pytree_arguments_and_return_values() {
    for f in flavors(returning(&[Array::scalar(2.0)])) {
        let nested = |x: Tensor| -> Result<(Tensor, Vec<Tensor>), Error> {
            let out = f.call_vec((vec![x.clone()], (x.clone(),)))?;
            Ok((x, out))
        };
        let (_, out) = jit(nested).call((2.0,)).unwrap();
        assert_eq!(f64s(&out[0]), [2.0]);
    }
}

#[test]
fn callback_inside_of_while_loop() {
    for (lane, start) in [(vec![], Array::scalar(0.0)), (vec![5], counting(&[5]))] {
        for f in flavors(host(&lane, |x| x + 1.0)) {
            let g = |x: Tensor| {
                while_loop(
                    |x: Tensor| x.less(10.0).any(..),
                    |x: Tensor| f.call((x,)),
                    x,
                )
            };
            let out: Tensor = jit(g).call((&start,)).unwrap();
            let steps = (Tensor::from(&start) + 10.0).to_array().unwrap();
            assert_eq!(out.to_array().unwrap(), steps);
        }
    }
}

#[test]
fn callback_inside_of_while_loop_also_in_its_predicate() {
    let below = Callback::new("below", [bool::spec([])], |args: &[Array]| {
        let low = args[0].view::<f64>().map(|x| x.iter().any(|&v| v < 10.0));
        low.map(Array::scalar)
    });
    let next = host(&[5], |x| x + 1.0);
    let g = |x: Tensor| while_loop(|x: Tensor| below.call((x,)), |x: Tensor| next.call((x,)), x);
    let out: Tensor = jit(g).call((counting(&[5]),)).unwrap();
    assert_eq!(f64s(&out), [10.0, 11.0, 12.0, 13.0, 14.0]);
}

#[test]
fn callback_inside_of_cond() {
    for lane in [vec![], vec![2]] {
        let (up, down) = (host(&lane, |x| x + 1.0), host(&lane, |x| x - 1.0));
        for (up, down) in flavors(up).into_iter().zip(flavors(down)) {
            let g = jit(|p: Tensor, x: Tensor| {
                cond(
                    p,
                    |x: Tensor| up.call((x,)),
                    |x: Tensor| down.call((x,)),
                    (x,),
                )
            });
            let ones = Array::full(&lane, 1.0.into());
            let taken = |p: bool| g.call((p, &ones)).unwrap().to_array().unwrap();
            assert_eq!(taken(true), Array::full(&lane, 2.0.into()));
            assert_eq!(taken(false), Array::full(&lane, 0.0.into()));
        }
    }
}

#[test]
fn callback_inside_of_scan() {
    for lane in [vec![], vec![2]] {
        for f in flavors(host(&lane, |x| x + 1.0)) {
            let body =
                |c: Tensor, (): ()| -> Result<(Tensor, ()), Error> { Ok((f.call((c,))?, ())) };
            let options = ScanOptions::default().length(10);
            let g = |x: Tensor| scan(body, x, (), options).map(|(c, ()): (Tensor, ())| c);
            let out = jit(g).call((Array::zeros(DType::F64, &lane),)).unwrap();
            assert_eq!(out.to_array().unwrap(), Array::full(&lane, 10.0.into()));
        }
    }
}

#[test]
fn exception_in_callback() {
    let fails = Callback::new("host", [f64::spec([])], |_: &[Array]| {
        Err::<Array, _>("I am an exception")
    });
    for f in flavors(fails) {
        let error = callback_error(jit(|x: Tensor| f.call((x,))).call((2.0,)));
        assert!(error.to_string().contains("I am an exception"));
    }
}

#[test]
fn compilation_caching() {
    // One trace for three calls of a compiled function.
    let traced = std::cell::Cell::new(0);
    let f = host(&[2, 3], |x| x * 2.0);
    let g = jit(|x: Tensor| {
        traced.set(traced.get() + 1);
        f.call((x,))
    });
    for _ in 0..3 {
        let out = g.call((counting(&[2, 3]),)).unwrap();
        assert_eq!(f64s(&out), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    }
    assert_eq!(traced.get(), 1);
}

#[test]
fn pure_callback_sequential_vmap_method_eval_jaxpr() {
    let f = host(&[], |x| x).vmap_method(VmapMethod::Sequential);
    let program = vmap(|x: Tensor| f.call((x,)))
        .trace((f64::spec([100]),))
        .unwrap();
    let out = program.run(&[counting(&[100])]).unwrap();
    assert_eq!(out[0], counting(&[100]));
}

#[test]
fn non_default_stride() {
    // The host may return its array in any layout.
    let f = Callback::new("host", [f64::spec([2, 3, 4])], |args: &[Array]| {
        args[0].view::<f64>().map(|x| {
            let mut columns = ndarray::Array::zeros(ndarray::ShapeBuilder::f(x.raw_dim()));
            columns.assign(&x);
            Array::from(columns)
        })
    });
    let out = jit(|x: Tensor| f.call((x,)))
        .call((counting(&[2, 3, 4]),))
        .unwrap();
    assert_eq!(out.to_array().unwrap(), counting(&[2, 3, 4]));
}

#[test]
fn pure_callback_passes_arrays_without_jit() {
    let log = CallLog::new();
    let f = host(&[], |x| x).log(&log);
    assert_eq!(f64s(&f.call((2.0,)).unwrap()), [2.0]);
    assert_eq!(shapes(&log.records()[0]), [Vec::<usize>::new()]);
}

#[test]
fn can_dce_pure_callback() {
    let log = CallLog::new();
    let f = host(&[], |x| x).log(&log);
    let g = jit(|x: Tensor| -> Result<Tensor, Error> {
        f.call((&x,))?;
        Ok(x * 2.0)
    });
    assert_eq!(f64s(&g.call((2.0,)).unwrap()), [4.0]);
    assert!(log.is_empty());
}

/// `sin(x) + y` for one lane, whatever leads it.
fn sin_plus(method: VmapMethod, lane: &[usize]) -> Callback {
    let call = |args: &[Array]| -> Result<Array, BoxError> {
        let y = args.get(1).map_or_else(|| Tensor::from(0.0), Tensor::from);
        Ok((Tensor::from(&args[0]).sin() + y).to_array()?)
    };
    Callback::new("sin", [f64::spec(lane.iter().copied())], call).vmap_method(method)
}

fn sines(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter()
        .zip(y.iter().cycle())
        .map(|(x, y)| x.sin() + y)
        .collect()
}

#[test]
fn can_vmap_pure_callback() {
    let (x, y) = ([0.0, 1.0, 2.0, 3.0], [10.0, 11.0, 12.0, 13.0]);
    let f = sin_plus(VmapMethod::Sequential, &[]);
    let out = jit(vmap(|x: Tensor| f.call((x,))))
        .call((vec1(&x),))
        .unwrap();
    assert_eq!(f64s(&out), sines(&x, &[0.0]));
    let f = sin_plus(VmapMethod::Sequential, &[4]);
    let inner = jit(|x: Tensor| f.call((x,)));
    let out = vmap(&inner).in_axes(1).call((counting(&[4, 2]),)).unwrap();
    let columns = sines(&[0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0], &[0.0]);
    assert_eq!(out.shape(), [2, 4]);
    assert_eq!(f64s(&out), columns);
    let f = sin_plus(VmapMethod::Sequential, &[]);
    let both = |x: Tensor, y: Tensor| f.call((x, y));
    let out = jit(vmap(both).in_axes((0, None)))
        .call((vec1(&x), 4.0))
        .unwrap();
    assert_eq!(f64s(&out), sines(&x, &[4.0]));
    let out = jit(vmap(both)).call((vec1(&x), vec1(&y))).unwrap();
    assert_eq!(f64s(&out), sines(&x, &y));
    let f = sin_plus(VmapMethod::Sequential, &[1]);
    let both = |x: Tensor, y: Tensor| f.call((x, y));
    let g = jit(vmap(both).in_axes(1).out_axes(1));
    let out = g.call((array(&[1, 4], &x), array(&[1, 4], &y))).unwrap();
    assert_eq!((out.shape(), f64s(&out)), (&[1, 4][..], sines(&x, &y)));
}

#[test]
fn vmap_vectorized_callback() {
    let x = [0.0, 1.0, 2.0, 3.0];
    for (method, seen) in [
        (VmapMethod::Sequential, vec![]),
        (VmapMethod::ExpandDims, vec![4]),
    ] {
        let log = CallLog::new();
        let f = sin_plus(method, &[]).log(&log);
        let out = jit(vmap(|x: Tensor| f.call((x,))))
            .call((vec1(&x),))
            .unwrap();
        assert_eq!(f64s(&out), sines(&x, &[0.0]));
        assert!(log.records().iter().all(|r| shapes(r) == [seen.clone()]));
    }
    let f = sin_plus(VmapMethod::ExpandDims, &[]);
    let g = vmap(|x: Tensor, y: Tensor| f.call((x, y))).in_axes((0, None));
    assert_eq!(
        f64s(&jit(g).call((vec1(&x), 4.0)).unwrap()),
        sines(&x, &[4.0])
    );
    let f = sin_plus(VmapMethod::LegacyVectorized, &[1]);
    let g = vmap(|x: Tensor, y: Tensor| f.call((x, y)))
        .in_axes((1, None))
        .out_axes(1);
    let out = jit(g).call((array(&[1, 4], &x), 4.0)).unwrap();
    assert_eq!((out.shape(), f64s(&out)), (&[1, 4][..], sines(&x, &[4.0])));
}

#[test]
fn vmap_vectorized_callback_errors_if_returns_wrong_shape() {
    let f = host(&[], |x| x.sin().sum(..)).vmap_method(VmapMethod::ExpandDims);
    let error = callback_error(jit(vmap(|x: Tensor| f.call((x,)))).call((counting(&[4]),)));
    assert!(
        matches!(error, CallbackError::ResultShape { .. }),
        "{error}"
    );
}

#[test]
fn can_pmap_pure_callback_is_refused() {
    let f = host(&[], |x| x);
    assert!(pmap(|x: Tensor| f.call((x,))).is_err());
}

#[test]
fn error_propagation() {
    let f = Callback::new("host", [f64::spec([])], |_: &[Array]| {
        Err::<Array, _>("Errors should propagate.")
    });
    let error = jit(|x: Tensor| f.call((x,))).call((2.0,)).unwrap_err();
    assert!(error.to_string().contains("Errors should propagate."));
}

#[test]
fn reentrant_error_propagation_and_does_not_deadlock() {
    // A host function may call compiled functions, and other callbacks.
    let f = host(&[4], |x| {
        let inner = host(&[4], |x| (x + 1.0).ln());
        jit(|x: Tensor| inner.call((x,))).call((x,)).unwrap() * 2.0
    });
    let out = jit(|x: Tensor| f.call((x,)))
        .call((counting(&[4]),))
        .unwrap();
    let expected: Vec<f64> = (0..4).map(|i| 2.0 * f64::from(i + 1).ln()).collect();
    let off = f64s(&out)
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    assert!(off < 1e-14, "{off}");
}

#[test]
fn callback_with_immediate_executable_destruction() {
    // What is compiled keeps the callback alive.
    let g = {
        let f = host(&[4], |y| y + 1.0);
        jit(move |x: Tensor| fori_loop::<Tensor, _>(0, 10, |_, x: Tensor| f.call((x,)), x))
    };
    assert_eq!(f64s(&g.call((vec1(&[1.0; 4]),)).unwrap()), [11.0; 4]);
}

#[test]
fn array_layout_is_preserved() {
    let f = Callback::new("host", [i32::spec([3, 2])], |args: &[Array]| {
        args[0].clone()
    });
    let x = Array::from_vec([3, 2], vec![0, 1, 2, 3, 4, 5]).unwrap();
    assert_eq!(values::<i32>(&f.call((&x,)).unwrap()), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn vmap_method_raise() {
    let f = host(&[], |x| x);
    let error = callback_error(vmap(|x: Tensor| f.call((x,))).call((counting(&[4]),)));
    assert!(matches!(error, CallbackError::VmapMethodRequired { .. }));
}

#[test]
fn vmap_method_expand_dims_and_broadcast_all() {
    for (method, shared) in [(VmapMethod::ExpandDims, 1), (VmapMethod::BroadcastAll, 4)] {
        let log = CallLog::new();
        let f = sin_plus(method, &[]).log(&log);
        let g = vmap(|x: Tensor, y: Tensor| f.call((x, y))).in_axes((0, None));
        g.call((counting(&[4]), 1.0)).unwrap();
        assert_eq!(log.len(), 1);
        assert_eq!(shapes(&log.records()[0]), [vec![4], vec![shared]]);
    }
}

#[test]
fn pure_callback_fastpath() {
    let traced = std::cell::Cell::new(0);
    let f = host(&[5], |x| x);
    let g = jit(|x: Tensor| {
        traced.set(traced.get() + 1);
        f.call((x,))
    });
    g.call((counting(&[5]),)).unwrap();
    g.call((counting(&[5]),)).unwrap();
    assert_eq!(traced.get(), 1);
}

/// A callback without arguments that counts its calls.
fn counter() -> (Callback, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let call = move |_: &[Array]| Array::scalar(seen.fetch_add(1, Ordering::Relaxed) as i32 + 1);
    (
        Callback::new("count", [i32::spec([])], call).io(false),
        count,
    )
}

#[test]
fn io_callback_can_mutate_state() {
    let (f, count) = counter();
    for n in 1..=2 {
        assert_eq!(values::<i32>(&f.call(()).unwrap()), [n]);
        assert_eq!(count.load(Ordering::Relaxed), n as usize);
    }
}

#[test]
fn io_callback_can_be_batched_if_unordered() {
    let (f, count) = counter();
    for total in [4, 8] {
        vmap(|x: Tensor| f.call((x,)))
            .call((counting(&[4]),))
            .unwrap();
        assert_eq!(count.load(Ordering::Relaxed), total);
    }
}

#[test]
fn cannot_call_ordered_io_in_vmap() {
    let f = host(&[], |x| x).io(true);
    let error = callback_error(vmap(|x: Tensor| f.call((x,))).call((counting(&[4]),)));
    assert!(matches!(error, CallbackError::Ordered { .. }));
}

fn unsupported<T>(result: Result<T, Error>) -> bool {
    match result.map(|_| ()).unwrap_err().into_root() {
        Error::Op(error) => matches!(error.kind, OpErrorKind::UnsupportedEffect { .. }),
        other => panic!("{other:?}"),
    }
}

#[test]
fn cannot_vmap_of_cond_io_callback() {
    let (f, count) = counter();
    let g = |p: Tensor| cond(p, || f.call(()), || f.call(()), ());
    assert!(unsupported(vmap(g).call((Array::from(vec![true, true]),))));
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

#[test]
fn cannot_vmap_of_while_io_callback() {
    let f = host(&[], |x| x).io(false);
    let body = |i: Tensor| -> Result<Tensor, Error> {
        f.call((&i,))?;
        Ok(i + 1.0)
    };
    let g = |i: Tensor| while_loop::<Tensor, _, _>(|i: Tensor| i.less(5.0), body, i);
    assert!(unsupported(vmap(g).call((vec1(&[0.0, 4.0]),))));
}

#[test]
fn batching_with_side_effects() {
    let log = CallLog::new();
    let append = Callback::new("append", [], |_: &[Array]| ())
        .io(false)
        .log(&log);
    let f = jit(|x: Tensor| -> Result<Tensor, Error> {
        append.call_vec((&x,))?;
        append.call_vec((&x * 2.0,))?;
        Ok(x)
    });
    vmap(&f).call((counting(&[3]),)).unwrap();
    assert_eq!(scalars(&log), [0.0, 1.0, 2.0, 0.0, 2.0, 4.0]);
}

#[test]
fn batching_with_side_effects_while_loop() {
    let log = CallLog::new();
    let append = Callback::new("append", [], |_: &[Array]| ())
        .io(false)
        .log(&log);
    let f = jit(|x: Tensor| {
        let body = |i: Tensor| -> Result<Tensor, Error> {
            append.call_vec((&x,))?;
            append.call_vec((&x * 2.0,))?;
            Ok(i + 1)
        };
        while_loop::<Tensor, _, _>(|i: Tensor| i.less(2), body, 0)
    });
    vmap(&f).out_axes(None).call((counting(&[3]),)).unwrap();
    assert_eq!(scalars(&log), [0.0, 1.0, 2.0, 0.0, 2.0, 4.0].repeat(2));
}
