//! Collectives over the lanes of named axes; the numbers are JAX 0.10.2's.

use crate::support::{adder, counting, f64s, scalars, values, vec1};
use elimap::prelude::*;
use elimap::{OpErrorKind, all_to_all, ppermute, pshuffle, psum_scatter};

/// `f` over an axis `i` of `x`.
fn over_i(
    f: impl Fn(Tensor) -> Result<Tensor, Error>,
    x: impl Into<Tensor>,
) -> Result<Tensor, Error> {
    vmap(f).axis_name("i").call((x.into(),))
}

/// `f` over an outer axis `i` and an inner axis `j`.
fn over_ij(
    f: impl Fn(Tensor) -> Result<Tensor, Error>,
    x: impl Into<Tensor>,
) -> Result<Tensor, Error> {
    vmap(vmap(f).axis_name("j"))
        .axis_name("i")
        .call((x.into(),))
}

fn ints(shape: &[usize]) -> Array {
    let n = shape.iter().product::<usize>() as i64;
    Array::from_vec(shape.iter().copied(), (0..n).collect()).unwrap()
}

fn op_error<T>(result: Result<T, Error>) -> (&'static str, OpErrorKind) {
    let error = result.map(|_| ()).unwrap_err();
    match error.root() {
        Error::Op(e) => (e.op, e.kind.clone()),
        other => panic!("not an operation's error: {other:?}"),
    }
}

#[test]
fn v45_psum_pmax_pmin_reduce_over_the_lanes() {
    let x = vec1(&[0.0, 1.0, 2.0]);
    assert_eq!(f64s(&over_i(|x| psum(x, "i"), &x).unwrap()), [3.0; 3]);
    assert_eq!(f64s(&over_i(|x| pmax(x, "i"), &x).unwrap()), [2.0; 3]);
    assert_eq!(f64s(&over_i(|x| pmin(x, "i"), &x).unwrap()), [0.0; 3]);
}

#[test]
fn v45_the_axis_size_is_known_while_tracing() {
    let f = |x: Tensor| {
        let n = axis_size("i")?;
        // Usable as a static shape.
        Ok(zeros([n], DType::F64).sum(0) + x * n as f64)
    };
    assert_eq!(
        f64s(&over_i(f, vec1(&[0.0, 1.0, 2.0])).unwrap()),
        [0.0, 3.0, 6.0]
    );
    let both = over_ij(
        |x| Ok(x * 0.0 + axis_size(["i", "j"])? as f64),
        counting(&[2, 3]),
    );
    assert_eq!(f64s(&both.unwrap()), [6.0; 6]);
}

#[test]
fn v45_unmapped_values_count_once_per_lane_in_a_sum_and_once_in_an_extreme() {
    let f = |_: Tensor, y: Tensor| -> Result<Vec<Tensor>, Error> {
        Ok(vec![psum(&y, "i")?, pmax(&y, "i")?, pmin(&y, "i")?])
    };
    let out = vmap(f)
        .in_axes((0, None))
        .out_axes(None)
        .axis_name("i")
        .call((counting(&[3]), 2.5))
        .unwrap();
    assert_eq!(
        out.iter().map(|t| f64s(t)[0]).collect::<Vec<_>>(),
        [7.5, 2.5, 2.5]
    );
}

#[test]
fn v46_pmean_divides_and_sums_keep_their_element_type() {
    let dtype = |x: Array| over_i(|x| pmean(x, "i"), x).unwrap().dtype();
    assert_eq!(dtype(Array::from(vec![0_i64, 1, 2])), DType::F64);
    assert_eq!(dtype(Array::from(vec![0_i32, 1, 2])), DType::F32);
    let mean = over_i(|x| pmean(x, "i"), Array::from(vec![0_i64, 1, 3])).unwrap();
    assert_eq!(f64s(&mean), [4.0 / 3.0; 3]);
    let bools = over_i(|x| psum(x, "i"), Array::from(vec![true, true])).unwrap();
    assert_eq!(values::<i32>(&bools), [2, 2]);
    let wrapped = over_i(|x| psum(x, "i"), Array::from(vec![200_u8, 100])).unwrap();
    assert_eq!(values::<u8>(&wrapped), [44, 44]);
}

#[test]
fn v17_collectives_over_no_lanes() {
    let f = |x: Tensor| -> Result<Vec<Tensor>, Error> {
        Ok(vec![
            psum(&x, "i")?,
            pmax(&x, "i")?,
            pmin(&x, "i")?,
            pmean(&x, "i")?,
        ])
    };
    let out = vmap(f)
        .axis_name("i")
        .out_axes(None)
        .call((counting(&[0]),))
        .unwrap();
    let found: Vec<f64> = out.iter().map(|t| f64s(t)[0]).collect();
    assert_eq!(found[..3], [0.0, f64::NEG_INFINITY, f64::INFINITY]);
    assert!(found[3].is_nan());
}

#[test]
fn v47_axis_index_is_the_lane_row_major_over_the_names_given() {
    let index = over_i(|_| axis_index("i"), counting(&[3])).unwrap();
    assert_eq!(values::<i32>(&index), [0, 1, 2]);
    let f = |names: [&'static str; 2]| {
        let out = over_ij(move |_| axis_index(names), counting(&[2, 3])).unwrap();
        values::<i32>(&out)
    };
    assert_eq!(f(["i", "j"]), [0, 1, 2, 3, 4, 5]);
    assert_eq!(f(["j", "i"]), [0, 2, 4, 1, 3, 5]);
}

#[test]
fn v48_all_gather_is_every_lanes_value_and_unbatched() {
    let f = |axis: isize| move |x: Tensor| all_gather(x, "i", axis, false);
    let x = ints(&[2, 3]);
    let gather = |axis| {
        vmap(f(axis))
            .axis_name("i")
            .out_axes(None)
            .call((&x,))
            .unwrap()
    };
    assert_eq!(gather(0).shape(), [2, 3]);
    assert_eq!(values::<i64>(&gather(0)), [0, 1, 2, 3, 4, 5]);
    assert_eq!(gather(1).shape(), [3, 2]);
    assert_eq!(values::<i64>(&gather(-1)), [0, 3, 1, 4, 2, 5]);
    let tiled = over_i(|x| all_gather(x, "i", 0, true), &x).unwrap();
    assert_eq!(tiled.shape(), [2, 6]);
    let scalars = over_i(|x| all_gather(x, "i", 0, true), counting(&[3]));
    assert!(matches!(
        op_error(scalars),
        (
            "all_gather",
            OpErrorKind::AxisOutOfBounds { axis: 0, rank: 0 }
        )
    ));
}

/// JAX refuses several names here; ours act as one axis, row-major in the order given, as axis_index has it.
#[test]
fn v48_all_gather_over_several_names_is_row_major_over_them() {
    let gather = |names: [&'static str; 2], axis: isize, tiled: bool| {
        let f = move |x: Tensor| all_gather(x.expand_dims(0), names, axis, tiled);
        let out = over_ij(f, ints(&[2, 3])).unwrap();
        (out.shape()[2..].to_vec(), values::<i64>(&out)[..6].to_vec())
    };
    assert_eq!(
        gather(["i", "j"], 0, false),
        (vec![6, 1], vec![0, 1, 2, 3, 4, 5])
    );
    assert_eq!(
        gather(["j", "i"], 0, false),
        (vec![6, 1], vec![0, 3, 1, 4, 2, 5])
    );
    assert_eq!(
        gather(["i", "j"], 0, true),
        (vec![6], vec![0, 1, 2, 3, 4, 5])
    );
    assert_eq!(
        gather(["j", "i"], 0, true),
        (vec![6], vec![0, 3, 1, 4, 2, 5])
    );
    assert_eq!(
        gather(["j", "i"], -1, false),
        (vec![1, 6], vec![0, 3, 1, 4, 2, 5])
    );
}

#[test]
fn v49_ppermute_sends_and_pshuffle_reads() {
    let x = vec1(&[10.0, 11.0, 12.0]);
    let permute = |pairs: &'static [(usize, usize)]| over_i(move |x| ppermute(x, "i", pairs), &x);
    let shifted = permute(&[(0, 1), (1, 2), (2, 0)]).unwrap();
    assert_eq!(f64s(&shifted), [12.0, 10.0, 11.0]);
    // Of several senders the last wins; a lane nothing is sent to reads lane 0.
    let doubled = permute(&[(0, 1), (1, 1), (2, 2)]).unwrap();
    assert_eq!(f64s(&doubled), [10.0, 11.0, 12.0]);
    let others = permute(&[(0, 1), (2, 1), (1, 2)]).unwrap();
    assert_eq!(f64s(&others), [10.0, 12.0, 11.0]);
    for wrong in [&[(0, 1)][..], &[(0, 1), (1, 2), (2, 3)]] {
        assert!(matches!(
            op_error(permute(wrong)),
            ("ppermute", OpErrorKind::InvalidParameter { .. })
        ));
    }
    let shuffled = over_i(|x| pshuffle(x, "i", &[2, 0, 1]), &x).unwrap();
    assert_eq!(f64s(&shuffled), [12.0, 10.0, 11.0]);
    assert!(matches!(
        op_error(over_i(|x| pshuffle(x, "i", &[0, 0, 1]), &x)),
        ("pshuffle", OpErrorKind::InvalidParameter { .. })
    ));
}

#[test]
fn v50_all_to_all_exchanges_slices() {
    let exchange = |shape: &[usize], split: isize, concat: isize, tiled: bool| {
        let out = over_i(
            move |x| all_to_all(x, "i", split, concat, tiled),
            ints(shape),
        )
        .unwrap();
        (out.shape().to_vec(), values::<i64>(&out))
    };
    assert_eq!(
        exchange(&[3, 3], 0, 0, false),
        (vec![3, 3], vec![0, 3, 6, 1, 4, 7, 2, 5, 8])
    );
    assert_eq!(
        exchange(&[2, 2, 3], 0, 1, false),
        (vec![2, 3, 2], vec![0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11])
    );
    assert_eq!(
        exchange(&[2, 3, 2], 1, 0, false),
        (vec![2, 2, 3], vec![0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11])
    );
    assert_eq!(
        exchange(&[2, 4, 2], 0, 1, true),
        (
            vec![2, 2, 4],
            vec![0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15]
        )
    );
    let unequal = over_i(|x| all_to_all(x, "i", 0, 0, false), ints(&[3, 4]));
    assert!(matches!(
        op_error(unequal),
        ("all_to_all", OpErrorKind::ShapeMismatch { .. })
    ));
}

#[test]
fn v50_psum_scatter_keeps_one_slice_of_the_sum_per_lane() {
    let plain = over_i(|x| psum_scatter(x, "i", 0, false), ints(&[3, 3])).unwrap();
    assert_eq!(values::<i64>(&plain), [9, 12, 15]);
    let tiled = over_i(|x| psum_scatter(x, "i", 0, true), ints(&[2, 4])).unwrap();
    assert_eq!(
        (tiled.shape(), values::<i64>(&tiled)),
        (&[2, 2][..], vec![4, 6, 8, 10])
    );
    let unequal = over_i(|x| psum_scatter(x, "i", 0, true), ints(&[2, 3]));
    assert!(matches!(
        op_error(unequal),
        ("psum_scatter", OpErrorKind::ShapeMismatch { .. })
    ));
}

#[test]
fn v51_several_names_and_the_inner_one_of_two_equal_names() {
    let x = counting(&[2, 3]);
    assert_eq!(
        f64s(&over_ij(|x| psum(x, ["i", "j"]), &x).unwrap()),
        [15.0; 6]
    );
    assert_eq!(
        f64s(&over_ij(|x| psum(x, ["j", "i"]), &x).unwrap()),
        [15.0; 6]
    );
    let columns = over_ij(|x| psum(x, "i"), &x).unwrap();
    assert_eq!(f64s(&columns), [3.0, 5.0, 7.0, 3.0, 5.0, 7.0]);
    let same = vmap(vmap(|x: Tensor| psum(x, "i")).axis_name("i"))
        .axis_name("i")
        .call((&x,))
        .unwrap();
    assert_eq!(f64s(&same), [3.0, 3.0, 3.0, 12.0, 12.0, 12.0]);
}

#[test]
fn v51_an_unbound_name_is_an_error_that_lists_the_bound_ones() {
    let unbound = |result: Result<Tensor, Error>| match op_error(result) {
        (op, OpErrorKind::UnboundAxisName { name, bound }) => (op, name, bound),
        other => panic!("{other:?}"),
    };
    let x = counting(&[2, 3]);
    assert_eq!(unbound(psum(1.0, "i")), ("psum", "i".to_owned(), vec![]));
    let typo = over_ij(|x| pmax(x, "k"), &x);
    assert_eq!(
        unbound(typo),
        ("pmax", "k".to_owned(), vec!["j".to_owned(), "i".to_owned()])
    );
    // A name is bound inside its vmap only.
    over_i(|x| psum(x, "i"), &x).unwrap();
    assert_eq!(unbound(psum(1.0, "i")).2, Vec::<String>::new());
    // One name of several is enough to be unbound.
    assert_eq!(unbound(over_i(|x| psum(x, ["i", "j"]), &x)).1, "j");
}

#[test]
fn v53_collectives_see_all_lanes_also_those_a_loop_or_branch_has_finished_with() {
    let summing =
        |x: Tensor| while_loop::<Tensor, _, _>(|c: Tensor| c.less(10), |c: Tensor| psum(c, "i"), x);
    let out = over_i(summing, Array::from(vec![1_i64, 20, 3])).unwrap();
    assert_eq!(values::<i64>(&out), [24, 20, 24]);
    let choosing = |x: Tensor| cond(x.greater(0), |x: Tensor| psum(x, "i"), |x: Tensor| x, (&x,));
    let out = over_i(choosing, Array::from(vec![-1_i64, 1, 2])).unwrap();
    assert_eq!(values::<i64>(&out), [-1, 2, 2]);
}

#[test]
fn v53_collectives_work_inside_jit_and_scan() {
    let compiled = |x: Tensor| jit(|x: Tensor| psum(x, "i")).call((x,));
    assert_eq!(f64s(&over_i(compiled, counting(&[3])).unwrap()), [3.0; 3]);
    let scanned = |x: Tensor| -> Result<Tensor, Error> {
        let step = |c: Tensor, (): ()| Ok::<_, Error>((psum(c, "i")?, ()));
        let options = ScanOptions::default().length(2);
        let (out, ()): (Tensor, ()) = scan(step, x, (), options)?;
        Ok(out)
    };
    assert_eq!(f64s(&over_i(scanned, counting(&[3])).unwrap()), [9.0; 3]);
    let mapped = jit(vmap(|x: Tensor| psum(x, "i")).axis_name("i"));
    assert_eq!(f64s(&mapped.call((counting(&[3]),)).unwrap()), [3.0; 3]);
    assert_eq!(f64s(&mapped.call((counting(&[4]),)).unwrap()), [6.0; 4]);
}

#[test]
fn v41_a_callback_of_a_collective_is_called_once() {
    let log = CallLog::new();
    let f = adder("f", &[], &log).vmap_method(VmapMethod::Sequential);
    let out = over_i(|x| Ok(f.call((psum(&x, "i")?,))? + x), counting(&[3])).unwrap();
    assert_eq!(f64s(&out), [3.0, 4.0, 5.0]);
    assert_eq!(scalars(&log), [3.0]);
}

#[test]
fn v49_a_permuted_value_that_is_the_same_everywhere_stays_shared() {
    let log = CallLog::new();
    let host = adder("f", &[], &log).vmap_method(VmapMethod::ExpandDims);
    let f = |_: Tensor| host.call((ppermute(2.0, "i", &[(0, 1), (1, 0)])?,));
    let out = vmap(f)
        .axis_name("i")
        .out_axes(None)
        .call((counting(&[2]),))
        .unwrap();
    assert_eq!((f64s(&out), log.len()), (vec![2.0], 1));
}

#[test]
fn v52_positional_axes_are_summed_beside_the_names() {
    // `psum(x, ("i", 0))` is written as two sums.
    let out = over_i(|x| psum(x.sum(0), "i"), counting(&[2, 3])).unwrap();
    assert_eq!(f64s(&out), [15.0, 15.0]);
}

#[test]
fn v50_errors_name_what_was_called() {
    let error = over_i(|x| psum_scatter(x, "i", 0, false), counting(&[2, 3])).unwrap_err();
    assert!(error.to_string().starts_with("psum_scatter: "), "{error}");
    let error = over_i(|x| ppermute(x, "i", &[(0, 1)]), counting(&[2])).unwrap_err();
    assert!(error.to_string().starts_with("ppermute: "), "{error}");
}
