//! What a newcomer writes first: ordinary functions, numbers in and out, references, indexing.

use std::cell::Cell;

use crate::support::callback_error;
use elimap::prelude::*;
use elimap::{CallLog, CallbackError, Index, OpErrorKind, VmapMethod, strided};
use ndarray::{Array1, ArrayView1, ArrayView2, array};

fn euler(y: [f64; 2], mu: f64) -> [f64; 2] {
    [y[0] + 0.1 * y[1], y[1] + 0.1 * mu * y[0]]
}

#[test]
fn ordinary_functions_are_mapped_lane_by_lane_whatever_their_method() {
    let y = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
    let mu = vec![0.5, 1.0, 2.0];
    let wanted: Vec<f64> = (0..3)
        .flat_map(|k| euler([y[[k, 0]], y[[k, 1]]], mu[k]))
        .collect();
    let per_lane = [
        VmapMethod::Parallel,
        VmapMethod::Sequential,
        VmapMethod::SequentialUnrolled,
    ];
    for method in per_lane {
        let log = CallLog::new();
        let step = Callback::of("euler", euler).vmap_method(method).log(&log);
        let out = vmap(&step).call((&y, &mu)).unwrap();
        assert_eq!(out.to_vec::<f64>().unwrap(), wanted, "{method}");
        assert_eq!(log.len(), 3, "{method}");
    }
}

#[test]
fn parameters_and_results_of_every_kind() {
    let nested = Callback::of("nested", |m: [[i32; 2]; 2], t: [bool; 1]| {
        [m[1], [i32::from(t[0]), 7]]
    });
    let out = nested.call((array![[1, 2], [3, 4]], vec![true])).unwrap();
    assert_eq!(
        (out.shape(), out.to_vec::<i32>().unwrap()),
        (&[2, 2][..], vec![3, 4, 1, 7])
    );

    let several = Callback::of("several", |x: f64| (x + 1.0, [x, x], x > 0.0));
    let [a, b, c] = several.call_many((2.0,)).unwrap();
    assert_eq!(a.item::<f64>().unwrap(), 3.0);
    assert_eq!(b.to_vec::<f64>().unwrap(), [2.0, 2.0]);
    assert!(c.item::<bool>().unwrap());

    let product = |m: ArrayView2<'_, f64>, v: ArrayView1<'_, f64>| m.dot(&v);
    let product = Callback::of("product", product).returns([f64::spec([2])]);
    let m = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    // A transposed view is put in order for slices, and read as it lies by views.
    let out = product
        .call((m.t().to_owned().reversed_axes(), vec![1.0, 0.0, 1.0]))
        .unwrap();
    assert_eq!(out.to_vec::<f64>().unwrap(), [4.0, 10.0]);

    let owned = Callback::of(
        "owned",
        |mut x: Array1<f32>| -> Result<Array1<f32>, std::fmt::Error> {
            x[0] = 9.0;
            Ok(x)
        },
    )
    .returns([f32::spec([2])]);
    let x = Array::from(vec![1.0_f32, 2.0]);
    assert_eq!(
        owned.call((&x,)).unwrap().to_vec::<f32>().unwrap(),
        [9.0, 2.0]
    );
    assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, 2.0]);

    let slice = Callback::of("slice", |x: &[f64]| x.iter().sum::<f64>());
    let columns = vmap(&slice).in_axes(1).call((&m,)).unwrap();
    assert_eq!(columns.to_vec::<f64>().unwrap(), [5.0, 7.0, 9.0]);

    let nothing = Callback::of("constant", || 4_i64);
    assert_eq!(nothing.call(()).unwrap().item::<i64>().unwrap(), 4);
}

#[test]
fn arguments_are_held_to_the_function() {
    let step = Callback::of("euler", euler);
    assert!(matches!(
        callback_error(step.call((vec![1.0, 2.0],))),
        CallbackError::ArgumentCount {
            expected: 2,
            actual: 1,
            ..
        }
    ));
    let error = step
        .call((vec![1.0, 2.0, 3.0], 1.0))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("callback `euler`: argument #0 must be f64[2], it is f64[3]"),
        "{error}"
    );
    assert!(error.contains("tests/vmap/first_minutes.rs:"), "{error}");
    // Bare numbers take the parameter's type, arrays do not.
    assert!(step.call((vec![1.0, 2.0], 1)).is_ok());
    assert!(step.call((vec![1.0, 2.0], Array::from(1_i64))).is_err());
    let unknown = Callback::of("unknown", |x: Vec<f64>| x);
    assert!(matches!(
        callback_error(unknown.call((vec![1.0],))),
        CallbackError::ResultsUndeclared { .. }
    ));
}

#[test]
fn errors_of_ordinary_functions_name_the_lane() {
    let root = Callback::of("root", |x: f64| {
        if x < 0.0 {
            Err(format!("{x} is negative"))
        } else {
            Ok(x.sqrt())
        }
    });
    let error = vmap(vmap(&root))
        .call((array![[4.0, 1.0], [9.0, -1.0]],))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("callback `root` failed at lane [1, 1]: -1 is negative"),
        "{error}"
    );
}

#[test]
fn functions_of_numbers_broadcast_and_call_once() {
    let hypot = elementwise("hypot", f64::hypot);
    let out = hypot.call((array![[3.0], [5.0]], vec![4.0, 12.0])).unwrap();
    assert_eq!(out.shape(), [2, 2]);
    assert_eq!(
        out.to_vec::<f64>().unwrap(),
        [5.0, 3_f64.hypot(12.0), 5_f64.hypot(4.0), 13.0]
    );
    // A batched scalar beside a batched vector, over two levels.
    let x = array![[1.0, 2.0], [3.0, 4.0]];
    let y = vec![10.0, 20.0];
    let f = vmap(|x: Tensor, y: Tensor| hypot.call((x, y)));
    let out = f.call((&x, &y)).unwrap();
    let wanted: Vec<f64> = (0..4)
        .map(|k| f64::hypot(x[[k / 2, k % 2]], y[k / 2]))
        .collect();
    assert_eq!(out.to_vec::<f64>().unwrap(), wanted);
    let large: Vec<f64> = (0..5000).map(f64::from).collect();
    let cbrt = elementwise("cbrt", |x: f64| x.cbrt());
    let wanted: Vec<f64> = large.iter().map(|x| x.cbrt()).collect();
    assert_eq!(
        cbrt.call((&large,)).unwrap().to_vec::<f64>().unwrap(),
        wanted
    );
    assert_eq!(cbrt.call((Vec::<f64>::new(),)).unwrap().shape(), [0]);
    assert!(hypot.call((vec![1.0, 2.0], vec![1.0, 2.0, 3.0])).is_err());
}

#[test]
fn call_batched_is_nested_vmap() {
    let step = Callback::of("euler", euler);
    let y = Tensor::from((0..12).map(f64::from).collect::<Vec<f64>>()).reshape([3, 2, 2]);
    let mu = Tensor::from(vec![1.0, 2.0]).reshape([1, 2]);
    let out = step.call_batched((&y, &mu), 2).unwrap().remove(0);
    let wanted = vmap(vmap(&step))
        .in_axes((0, None))
        .call((&y, mu.index(0, 0)))
        .unwrap();
    assert_eq!(
        out.to_vec::<f64>().unwrap(),
        wanted.to_vec::<f64>().unwrap()
    );
    assert_eq!(
        step.call_batched((vec![1.0, 0.0], 0.5), 0).unwrap().len(),
        1
    );
}

fn named(x: &Tensor, y: &Tensor) -> Tensor {
    x * y + x
}

#[test]
fn functions_of_references_are_mapped_beside_those_of_values() {
    let (x, y) = (vec![1.0, 2.0], vec![10.0, 20.0]);
    let wanted = [11.0, 42.0];
    assert_eq!(
        vmap(named).call((&x, &y)).unwrap().to_vec::<f64>().unwrap(),
        wanted
    );
    let by_value = |x: Tensor, y: Tensor| &x * y + &x;
    assert_eq!(
        vmap(by_value)
            .call((&x, &y))
            .unwrap()
            .to_vec::<f64>()
            .unwrap(),
        wanted
    );
    let nested = vmap(vmap(|x: &Tensor| x * x))
        .call((array![[1.0, 2.0]],))
        .unwrap();
    assert_eq!(nested.to_vec::<f64>().unwrap(), [1.0, 4.0]);
    assert_eq!(
        jit(vmap(named))
            .call((&x, &y))
            .unwrap()
            .to_vec::<f64>()
            .unwrap(),
        wanted
    );
    let pair = |p: &(Tensor, Tensor)| &p.0 + &p.1;
    assert_eq!(
        vmap(pair)
            .call(((&x, &y),))
            .unwrap()
            .to_vec::<f64>()
            .unwrap(),
        [11.0, 22.0]
    );
    let chosen = cond(true, |x: &Tensor| x * 2.0, |x: Tensor| -x, (3.0,)).unwrap();
    assert_eq!(chosen.item::<f64>().unwrap(), 6.0);
    let twelve = |a: Tensor,
                  b: Tensor,
                  c: Tensor,
                  d: Tensor,
                  e: Tensor,
                  f: Tensor,
                  g: Tensor,
                  h: Tensor,
                  i: Tensor,
                  j: Tensor,
                  k: Tensor,
                  l: Tensor| { a + b + c + d + e + f + g + h + i + j + k + l };
    let v = || vec![1.0, 2.0];
    let out = vmap(twelve)
        .call((v(), v(), v(), v(), v(), v(), v(), v(), v(), v(), v(), v()))
        .unwrap();
    assert_eq!(out.to_vec::<f64>().unwrap(), [12.0, 24.0]);
}

#[test]
fn numbers_and_arrays_come_and_go() {
    let slice: &[f64] = &[1.0, 2.0];
    for x in [
        Tensor::from(slice),
        Tensor::from(vec![1.0, 2.0]),
        Tensor::from([1.0, 2.0]),
        Tensor::from(array![1.0, 2.0]),
    ] {
        assert_eq!(x.to_vec::<f64>().unwrap(), [1.0, 2.0]);
        assert_eq!(x.to_string(), "[1.0, 2.0]");
    }
    let whole = array![[1, 2], [3, 4]];
    let view = Tensor::from(whole.slice(ndarray::s![.., 0]));
    assert_eq!(view.to_vec::<i32>().unwrap(), [1, 3]);
    // A list of tensors is a list, of numbers an array.
    let list = vmap(|xs: Vec<Tensor>| &xs[0] + &xs[1]);
    let two = vec![Tensor::from(vec![1.0, 2.0]), Tensor::from(vec![3.0, 4.0])];
    assert_eq!(
        list.call((two,)).unwrap().to_vec::<f64>().unwrap(),
        [4.0, 6.0]
    );
    assert_eq!(
        vmap(|x: Tensor| x * 2)
            .call(([1, 2],))
            .unwrap()
            .to_vec::<i32>()
            .unwrap(),
        [2, 4]
    );
    let seen = Cell::new(String::new());
    vmap(|x: Tensor| {
        seen.set(x.to_string());
        x
    })
    .call((vec![1.0],))
    .unwrap();
    assert_eq!(seen.take(), "traced f64[]");
    // Owned arrays move: the buffer arrives where it was.
    let owned = Array1::from(vec![1.0; 100]);
    let at = owned.as_ptr().addr();
    let same = jit(|x: Tensor| x).call((owned,)).unwrap();
    assert_eq!(
        same.to_array()
            .unwrap()
            .view::<f64>()
            .unwrap()
            .as_ptr()
            .addr(),
        at
    );
}

/// Every combination of bounds and steps against plain loops.
#[test]
fn indexing_is_numpys() {
    let n = 5_isize;
    let x = arange(n as usize);
    let bounds: Vec<Option<isize>> = std::iter::once(None).chain((-7..=7).map(Some)).collect();
    for &from in &bounds {
        for &to in &bounds {
            for step in [1, 2, 3, -1, -2] {
                let place = |b: isize, low: isize, high: isize| {
                    (if b < 0 { b + n } else { b }).clamp(low, high)
                };
                let mut wanted = Vec::new();
                let (mut at, end) = if step > 0 {
                    (
                        from.map_or(0, |b| place(b, 0, n)),
                        to.map_or(n, |b| place(b, 0, n)),
                    )
                } else {
                    (
                        from.map_or(n - 1, |b| place(b, -1, n - 1)),
                        to.map_or(-1, |b| place(b, -1, n - 1)),
                    )
                };
                while (step > 0 && at < end) || (step < 0 && at > end) {
                    wanted.push(at as i64);
                    at += step;
                }
                let got = x.i(Index::Range(from, to, step)).to_vec::<i64>().unwrap();
                assert_eq!(got, wanted, "{from:?}:{to:?}:{step}");
            }
        }
    }
    let x = arange(24).reshape([2, 3, 4]);
    assert_eq!(
        x.i((.., 1, strided(.., -2))).to_vec::<i64>().unwrap(),
        [7, 5, 19, 17]
    );
    assert_eq!(x.i((ELLIPSIS, -1)).shape(), [2, 3]);
    assert_eq!(x.i((NEW_AXIS, 0, NEW_AXIS, (1, 3))).shape(), [1, 1, 2, 4]);
    assert_eq!(x.i(..=0).shape(), [1, 3, 4]);
    assert_eq!(
        x.i((.., 7)).to_vec::<i64>().unwrap(),
        x.i((.., 2)).to_vec::<i64>().unwrap()
    );
    let picked = x.i((1, NEW_AXIS, Tensor::from(vec![2_i64, 0]), NEW_AXIS));
    assert_eq!(picked.shape(), [1, 2, 1, 4]);
    assert_eq!(
        picked.to_vec::<i64>().unwrap(),
        [20, 21, 22, 23, 12, 13, 14, 15]
    );
    for bad in [
        x.i((0, 0, 0, 0)),
        x.i((ELLIPSIS, ELLIPSIS)),
        x.i(strided(.., 0)),
    ] {
        let error = bad.check().unwrap_err();
        assert!(
            matches!(error.root(), Error::Op(e) if matches!(e.kind, OpErrorKind::InvalidParameter { .. }))
        );
        assert!(error.to_string().contains("first_minutes.rs:"), "{error}");
    }
    // Inside a mapped function indices are those of one lane.
    let f = vmap(|x: Tensor, k: Tensor| x.i((k, ..2)));
    assert_eq!(
        f.call((&x, vec![2_i64, 0]))
            .unwrap()
            .to_vec::<i64>()
            .unwrap(),
        [8, 9, 12, 13]
    );
}

#[test]
fn compositions_blame_their_caller() {
    let error = elimap::numpy::median(vec![1.0], 3)
        .check()
        .unwrap_err()
        .to_string();
    assert!(error.contains("first_minutes.rs:"), "{error}");
    let error = vmap(|x: Tensor| elimap::numpy::cross(&x, &x))
        .call((array![[1.0, 2.0, 3.0, 4.0]],))
        .unwrap_err();
    assert!(error.to_string().contains("first_minutes.rs:"), "{error}");
    // A function of the user's inside a composition keeps its own lines.
    let f = |v: Tensor| ok(v.matmul(Tensor::from(array![[1.0]])));
    let error = elimap::numpy::apply_along_axis(f, 0, array![[1.0, 2.0], [3.0, 4.0]]).unwrap_err();
    let line = line!() - 2;
    assert!(
        error
            .to_string()
            .contains(&format!("first_minutes.rs:{line}:")),
        "{error}"
    );
}
