//! `map` and `vmap(..).chunk_size(n)`: the same values as all lanes at once, and how often the host is called.
use elimap::prelude::*;
use elimap::{VmapError, custom_vmap, map};

fn numbers(n: usize) -> Array {
    Array::from((0..n).map(|i| i as f64).collect::<Vec<_>>())
}

fn floats(tensor: &Tensor) -> Vec<f64> {
    tensor.to_array().unwrap().to_vec::<f64>().unwrap()
}

fn host(log: &CallLog, method: VmapMethod) -> Callback {
    Callback::new("host", [f64::spec([])], |args: &[Array]| args[0].clone())
        .vmap_method(method)
        .log(log)
}

fn call_shapes(log: &CallLog) -> Vec<Vec<usize>> {
    log.records()
        .iter()
        .map(|r| r.args[0].shape().to_vec())
        .collect()
}

fn cube(shape: [usize; 3]) -> Array {
    let n = shape.iter().product::<usize>();
    Array::from_vec(shape, (0..n).map(|i| (i as f64).sin()).collect()).unwrap()
}

/// Chunked and unchunked agree for every pair of axes, every chunk size, and sizes that divide or do not.
#[test]
fn chunks_agree_with_all_lanes_at_once() {
    for shape in [[4, 2, 3], [1, 3, 5], [2, 0, 3], [6, 1, 2]] {
        for in_axis in 0..3_isize {
            for out_axis in [0, 1, -1] {
                for chunk in [1, 2, 3, 4, 7] {
                    let f = |x: Tensor, w: Tensor| (x.t().matmul(&x) + &w, x.sum(..) + w);
                    let all = vmap(f).in_axes((in_axis, None)).out_axes((out_axis, 0));
                    let some = all.clone().chunk_size(chunk);
                    let (a, b) = all.call((cube(shape), 2.5)).unwrap();
                    let (c, d) = some.call((cube(shape), 2.5)).unwrap();
                    let what = format!("{shape:?} {in_axis} {out_axis} {chunk}");
                    assert_eq!(a.shape(), c.shape(), "{what}");
                    // Sums may associate differently in another layout.
                    assert_eq!(b.shape(), d.shape(), "{what}");
                    for (x, y) in [(&a, &c), (&b, &d)] {
                        for (x, y) in floats(x).iter().zip(floats(y)) {
                            assert!((x - y).abs() <= 1e-12 * x.abs().max(1.0), "{what}: {x} {y}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn chunks_nest_on_either_side() {
    let f = |x: Tensor, y: Tensor| x * 10.0 + y;
    let expected = vmap(vmap(f).in_axes((None, 0)))
        .in_axes((0, None))
        .call((numbers(3), numbers(5)))
        .unwrap();
    for (outer, inner) in [(0, 2), (2, 0), (2, 2), (1, 3)] {
        let out = vmap(vmap(f).in_axes((None, 0)).chunk_size(inner))
            .in_axes((0, None))
            .chunk_size(outer)
            .call((numbers(3), numbers(5)))
            .unwrap();
        assert_eq!(out.shape(), [3, 5]);
        assert_eq!(floats(&out), floats(&expected));
    }
}

#[test]
fn a_vectorizing_callback_is_called_once_per_chunk() {
    let log = CallLog::new();
    let f = host(&log, VmapMethod::ExpandDims);
    let out = vmap(|x: Tensor| f.call((x,)))
        .chunk_size(2)
        .call((numbers(5),));
    assert_eq!(floats(&out.unwrap()), [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(call_shapes(&log), [vec![2], vec![2], vec![1]]);
}

#[test]
fn a_sequential_callback_is_called_once_per_lane_in_order() {
    let log = CallLog::new();
    let f = host(&log, VmapMethod::Sequential);
    vmap(|x: Tensor| f.call((x,)))
        .chunk_size(2)
        .call((numbers(5),))
        .unwrap();
    let seen: Vec<f64> = log
        .records()
        .iter()
        .map(|r| r.args[0].item().unwrap())
        .collect();
    assert_eq!(seen, [0.0, 1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn what_no_lane_changes_runs_once() {
    let log = CallLog::new();
    let f = host(&log, VmapMethod::ExpandDims);
    let g = |x: Tensor, y: Tensor| -> Result<(Tensor, Tensor), Error> {
        let shared = f.call((y,))?;
        Ok((x + &shared, shared))
    };
    let (sum, shared) = vmap(g)
        .in_axes((0, None))
        .out_axes((0, None))
        .chunk_size(2)
        .call((numbers(5), 7.0))
        .unwrap();
    assert_eq!(floats(&sum), [7.0, 8.0, 9.0, 10.0, 11.0]);
    assert_eq!(floats(&shared), [7.0]);
    assert_eq!(call_shapes(&log), [Vec::<usize>::new()]);
}

#[test]
fn results_that_do_not_vary_are_repeated() {
    let out = vmap(|_x: Tensor| Tensor::from(3.0))
        .chunk_size(2)
        .call((numbers(3),))
        .unwrap();
    assert_eq!(floats(&out), [3.0, 3.0, 3.0]);
}

#[test]
fn a_rule_that_says_unbatched_is_believed() {
    let f =
        custom_vmap(|x: Tensor| x * 0.0).def_vmap(|_, _, (_,): (Tensor,)| (full([], 0.0), false));
    let g = vmap(|x: Tensor| f.call((x,)))
        .out_axes(None::<isize>)
        .chunk_size(2);
    assert_eq!(g.call((numbers(5),)).unwrap().shape(), [0_usize; 0]);
}

#[test]
fn no_lanes_and_few_lanes() {
    let log = CallLog::new();
    let f = host(&log, VmapMethod::ExpandDims);
    let g = vmap(|x: Tensor| f.call((x,)));
    assert_eq!(
        g.clone().chunk_size(2).call((numbers(0),)).unwrap().shape(),
        [0]
    );
    assert!(log.is_empty());
    for chunk in [0, 3, 100] {
        log.clear();
        g.clone().chunk_size(chunk).call((numbers(3),)).unwrap();
        assert_eq!(call_shapes(&log), [vec![3]]);
    }
}

#[test]
fn a_collective_over_the_axis_is_refused() {
    let f = vmap(|x: Tensor| psum(&x, "i")).axis_name("i").chunk_size(2);
    let error = f.call((numbers(5),)).unwrap_err();
    let Error::Vmap(error @ VmapError::ChunkedCollective { .. }) = error.root() else {
        panic!("{error}")
    };
    assert_eq!(
        error.to_string(),
        "`psum` over axis \"i\" needs all lanes at once, but chunk_size(2) runs 2 of 5 at a time; drop chunk_size, or the collective"
    );
}

#[test]
fn axes_are_checked_as_without_chunks() {
    let f = vmap(|x: Tensor| x).out_axes(None::<isize>).chunk_size(2);
    let error = f.call((numbers(5),)).unwrap_err();
    assert!(
        matches!(error.root(), Error::Vmap(VmapError::OutAxesNone { .. })),
        "{error}"
    );
    let f = vmap(|x: Tensor| x).out_axes(3).chunk_size(2);
    let error = f.call((numbers(5),)).unwrap_err();
    assert!(matches!(
        error.root(),
        Error::Vmap(VmapError::OutAxisOutOfBounds { .. })
    ));
}

#[test]
fn chunks_under_jit_and_in_loops() {
    let f = jit(vmap(|x: Tensor| x.square()).chunk_size(2));
    assert_eq!(floats(&f.call((numbers(3),)).unwrap()), [0.0, 1.0, 4.0]);
    let g = |x: Tensor| {
        fori_loop(
            0,
            3,
            |_i: Tensor, x: Tensor| vmap(|x: Tensor| x * 2.0).chunk_size(2).call((x,)),
            x,
        )
    };
    let out: Tensor = g(numbers(3).into()).unwrap();
    assert_eq!(floats(&out), [0.0, 8.0, 16.0]);
}

#[test]
fn a_constant_in_the_function_is_shared() {
    let w = Array::from(vec![1.0, 2.0]);
    let f = vmap(|x: Tensor| x * Tensor::from(&w)).chunk_size(2);
    let out = f.call((numbers(3),)).unwrap();
    assert_eq!(floats(&out), [0.0, 0.0, 1.0, 2.0, 2.0, 4.0]);
}

#[test]
fn map_scans_and_batches() {
    let log = CallLog::new();
    let f = host(&log, VmapMethod::ExpandDims);
    let g = |x: Tensor| f.call((x,));
    let shapes_for = |batch_size: Option<usize>| {
        log.clear();
        let out = map(g, numbers(5), batch_size).unwrap();
        assert_eq!(floats(&out), [0.0, 1.0, 2.0, 3.0, 4.0]);
        call_shapes(&log)
    };
    assert_eq!(shapes_for(None), vec![Vec::<usize>::new(); 5]);
    assert_eq!(shapes_for(Some(2)), [vec![2], vec![2], vec![1]]);
    assert_eq!(shapes_for(Some(5)), [vec![5]]);
    assert_eq!(shapes_for(Some(9)), [vec![5]]);
    assert_eq!(shapes_for(Some(0)), [vec![5]]);
    assert_eq!(map(g, numbers(0), 2).unwrap().shape(), [0]);
    assert_eq!(map(g, numbers(0), None).unwrap().shape(), [0]);
}

/// `vmap(map(f))` scans outside and batches inside; `map(vmap(f))` calls once per slice (rule C36).
#[test]
fn map_under_vmap_and_vmap_under_map() {
    let log = CallLog::new();
    let f = host(&log, VmapMethod::ExpandDims);
    let x = ndarray::Array2::from_shape_fn((2, 3), |(i, j)| (10 * i + j) as f64);
    let expected: Vec<f64> = x.iter().copied().collect();
    let out = vmap(|row: Tensor| map(|x: Tensor| f.call((x,)), row, None)).call((x.clone(),));
    assert_eq!(floats(&out.unwrap()), expected);
    assert_eq!(call_shapes(&log), vec![vec![2]; 3]);
    log.clear();
    let out = map(
        |row: Tensor| vmap(|x: Tensor| f.call((x,))).call((row,)),
        x,
        None,
    );
    assert_eq!(floats(&out.unwrap()), expected);
    assert_eq!(call_shapes(&log), vec![vec![3]; 2]);
}

#[test]
fn map_over_a_tree() {
    let out = map(
        |(x, y): (Tensor, Tensor)| x * y,
        (numbers(3), numbers(3)),
        2,
    )
    .unwrap();
    assert_eq!(floats(&out), [0.0, 1.0, 4.0]);
    let error = map(
        |(x, y): (Tensor, Tensor)| x * y,
        (numbers(3), numbers(2)),
        None,
    )
    .unwrap_err();
    assert!(matches!(error.root(), Error::Op(_)), "{error}");
    let error = map(|x: Tensor| x, 1.0, 2).unwrap_err();
    assert!(
        matches!(
            error.root(),
            Error::Vmap(VmapError::InAxisOutOfBounds { .. })
        ),
        "{error}"
    );
}
