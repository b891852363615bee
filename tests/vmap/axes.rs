//! `vmap`: order of checks, axes as prefix trees, batch sizes, nesting and what its errors say.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::support::{counting, f64s, values, vec1};
use elimap::prelude::*;
use elimap::{Axes, OpErrorKind, TreeError, VmapError};

type Pair = (Tensor, Tensor);

/// The `vmap` error inside an error.
fn vmap_error<T: std::fmt::Debug>(result: Result<T, Error>) -> VmapError {
    match result.unwrap_err().into_root() {
        Error::Vmap(e) => e,
        other => panic!("not a vmap error: {other:?}"),
    }
}

fn tree_error<T: std::fmt::Debug>(result: Result<T, Error>) -> TreeError {
    match result.unwrap_err().into_root() {
        Error::Tree(e) => e,
        other => panic!("not a tree error: {other:?}"),
    }
}

fn dict(entries: &[(&str, Tensor)]) -> BTreeMap<String, Tensor> {
    entries
        .iter()
        .map(|(k, v)| ((*k).to_owned(), v.clone()))
        .collect()
}

fn axes(entries: &[(&str, Axes)]) -> Axes {
    Axes::Dict(
        entries
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect(),
    )
}

// Order of validation.

/// Everything is wrong at once; what is reported first shows the order.
#[test]
fn v3_to_v5_checks_come_in_order_and_before_the_function_runs() {
    let runs = Cell::new(0);
    let f = |_: Tensor, _: Tensor| {
        runs.set(runs.get() + 1);
        Tensor::from(0.0)
    };
    let (scalar, three) = (vec1(&[1.0]).index_axis(0, 0).unwrap(), counting(&[3]));
    // V3, the number of entries, before V4, a prefix that does not fit.
    let wrong_count = vmap(f).in_axes((((0, 0), 0), 0, 0));
    assert_eq!(
        tree_error(wrong_count.call((&scalar, &three))),
        TreeError::InAxesLength { axes: 3, args: 2 }
    );
    // V4, the prefix, before V5, ranks and sizes.
    let wrong_prefix = vmap(f).in_axes((0, (0, 0)));
    assert!(matches!(
        tree_error(wrong_prefix.call((&scalar, &three))),
        TreeError::NotPrefix {
            what: "in_axes",
            ..
        }
    ));
    // V5: ranks before sizes.
    assert!(matches!(
        vmap_error(vmap(f).axis_size(4).call((&scalar, &three))),
        VmapError::InAxisOutOfBounds { axis: 0, .. }
    ));
    assert!(matches!(
        vmap_error(vmap(f).axis_size(4).call((&three, &three))),
        VmapError::InconsistentAxisSize {
            axis_size: Some(4),
            ..
        }
    ));
    assert_eq!(runs.get(), 0);
}

#[test]
fn v7_v8_out_axes_are_checked_after_the_function_ran() {
    let runs = Cell::new(0);
    let f = |x: Tensor| {
        runs.set(runs.get() + 1);
        (x.clone(), x)
    };
    // The structure of out_axes before their bounds.
    let not_prefix = vmap(f).out_axes((5, 0, 0)).call((counting(&[3]),));
    assert!(matches!(
        tree_error(not_prefix),
        TreeError::NotPrefix {
            what: "out_axes",
            ..
        }
    ));
    assert_eq!(runs.get(), 1);
    let out_of_bounds = vmap(f).out_axes((0, 1)).call((counting(&[3]),));
    assert!(matches!(
        vmap_error(out_of_bounds),
        VmapError::OutAxisOutOfBounds {
            axis: 1,
            rank: 1,
            ..
        }
    ));
    assert_eq!(runs.get(), 2);
}

#[test]
fn v6_the_function_is_traced_once_whatever_the_size_and_depth() {
    for size in [0, 1, 5] {
        let runs = Cell::new(0);
        let f = |x: Tensor| {
            runs.set(runs.get() + 1);
            x * 2.0
        };
        let out = vmap(vmap(vmap(f))).call((counting(&[size, 2, size]),));
        assert_eq!(out.unwrap().shape(), [size, 2, size]);
        assert_eq!(runs.get(), 1, "size {size}");
    }
}

// in_axes.

#[test]
fn v9_axes_may_be_negative_none_or_one_per_argument() {
    let x = counting(&[2, 3]);
    let columns = vmap(|c: Tensor| c.sum(0)).in_axes(-1).call((&x,)).unwrap();
    assert_eq!(f64s(&columns), [3.0, 5.0, 7.0]);
    let mixed = vmap(|r: Tensor, y: Tensor, z: Tensor| r.sum(0) + y * z)
        .in_axes((0, None, -1))
        .call((&x, 10.0, vec1(&[1.0, 2.0])))
        .unwrap();
    assert_eq!(f64s(&mixed), [13.0, 32.0]);
}

#[test]
fn v9_an_entry_covers_the_whole_subtree_and_a_tree_its_children() {
    let x = counting(&[2, 3]);
    let f = |p: (Tensor, Vec<Tensor>)| &p.0 * &p.1[0] + &p.1[1];
    let given = (&x, vec![Tensor::from(&x), Tensor::from(&x)]);
    let whole = vmap(f).in_axes(1).call((given,)).unwrap();
    assert_eq!(whole.shape(), [3, 2]);
    let given = (
        &x,
        vec![Tensor::from(&x), Tensor::from(vec1(&[1.0, 2.0, 3.0]))],
    );
    let parts = vmap(f)
        .in_axes(((0, vec![Some(0), None]),))
        .call((given,))
        .unwrap();
    assert_eq!(f64s(&parts), [1.0, 3.0, 7.0, 10.0, 18.0, 28.0]);
}

#[test]
fn v9_dictionaries_are_mapped_by_key() {
    let f = |p: BTreeMap<String, Tensor>| &p["w"] * &p["x"];
    let given = dict(&[("w", Tensor::from(2.0)), ("x", vec1(&[1.0, 2.0]).into())]);
    let out = vmap(f)
        .in_axes((axes(&[("w", Axes::None), ("x", Axes::Axis(0))]),))
        .call((given,))
        .unwrap();
    assert_eq!(f64s(&out), [2.0, 4.0]);
}

#[test]
fn v10_containers_must_match_exactly() {
    let f = |p: Pair| p.0 + p.1;
    let x = counting(&[2]);
    let list_for_tuple = vmap(f).in_axes((vec![0, 0],)).call(((&x, &x),));
    let TreeError::NotPrefix {
        path,
        value,
        axes: found,
        ..
    } = tree_error(list_for_tuple)
    else {
        panic!("not a prefix error");
    };
    assert_eq!(
        (path.to_string().as_str(), value.as_str(), found.as_str()),
        ("in_axes.0", "a tuple of 2", "a list of 2")
    );
    let other_length = vmap(f).in_axes(((0, 0, 0),)).call(((&x, &x),));
    assert!(matches!(
        tree_error(other_length),
        TreeError::NotPrefix { .. }
    ));
    let g = |p: BTreeMap<String, Tensor>| p["a"].clone();
    let other_keys = vmap(g)
        .in_axes((axes(&[("a", Axes::Axis(0)), ("b", Axes::Axis(0))]),))
        .call((dict(&[("a", (&x).into())]),));
    let TreeError::NotPrefix {
        value, axes: found, ..
    } = tree_error(other_keys)
    else {
        panic!("not a prefix error");
    };
    assert_eq!(value, r#"a dictionary with keys ["a"]"#);
    assert_eq!(found, r#"a dictionary with keys ["a", "b"]"#);
}

#[test]
fn v2_a_list_at_the_top_counts_as_a_tuple() {
    let out = vmap(|x: Tensor, y: Tensor| x + y)
        .in_axes(vec![Some(0), None])
        .call((vec1(&[1.0, 2.0]), 10.0))
        .unwrap();
    assert_eq!(f64s(&out), [11.0, 12.0]);
}

#[test]
fn v12_an_absent_argument_accepts_any_axis() {
    let f = |x: Tensor, y: Option<Tensor>| {
        assert!(y.is_none());
        x
    };
    let out = vmap(f)
        .in_axes((0, 7))
        .call((vec1(&[1.0, 2.0]), None::<Tensor>));
    assert_eq!(f64s(&out.unwrap()), [1.0, 2.0]);
}

#[test]
fn v15_lists_are_trees_whose_leaves_are_mapped() {
    let x = Tensor::from(counting(&[2]));
    let both = vmap(|v: Vec<Tensor>| &v[0] + &v[1]).call((vec![x.clone(), x],));
    assert_eq!(f64s(&both.unwrap()), [0.0, 2.0]);
    // A list of numbers is an array; a list of tensors of rank 0 is a list.
    let list = vec![Tensor::from(1.0), Tensor::from(2.0)];
    let scalars = vmap(|v: Vec<Tensor>| v[0].clone()).call((list,));
    assert!(matches!(
        vmap_error(scalars),
        VmapError::InAxisOutOfBounds { axis: 0, .. }
    ));
}

// Axis size.

#[test]
fn v16_the_size_comes_from_the_arguments_or_from_axis_size() {
    let constant = vmap(|| Tensor::from(1.0)).axis_size(3).call(()).unwrap();
    assert_eq!(f64s(&constant), [1.0, 1.0, 1.0]);
    let shared = vmap(|x: Tensor| x).in_axes(None).axis_size(2).call((5.0,));
    assert_eq!(f64s(&shared.unwrap()), [5.0, 5.0]);
    let agreeing = vmap(|x: Tensor| x).axis_size(2).call((counting(&[2]),));
    assert_eq!(f64s(&agreeing.unwrap()), [0.0, 1.0]);
}

#[test]
fn v17_size_0_is_legal() {
    let empty = counting(&[0, 3]);
    let f = |x: Tensor| -> Result<(Tensor, Tensor, Tensor), Error> {
        let looped: Tensor =
            while_loop(|x: Tensor| x.less(100.0).all(..), |x: Tensor| x + 1.0, &x)?;
        Ok((x.sum(0), looped, x.matmul(x.expand_dims(1))))
    };
    let (sum, looped, product) = vmap(f).call((&empty,)).unwrap();
    assert_eq!(sum.shape(), [0]);
    assert_eq!(looped.shape(), [0, 3]);
    assert_eq!(product.shape(), [0, 1]);
    let shared = vmap(|_: Tensor| Tensor::from(7.0))
        .out_axes(None)
        .call((&empty,));
    assert_eq!(f64s(&shared.unwrap()), [7.0]);
    // A lane's own empty axis has no maximum, also when there is no lane.
    let no_maximum = vmap(|x: Tensor| x.max(0)).call((counting(&[0, 0]),));
    let Error::Shared(inner) = no_maximum.unwrap_err() else {
        panic!("operators share their errors");
    };
    assert!(matches!(
        &*inner,
        Error::Op(e) if matches!(e.kind, OpErrorKind::EmptyReduction { .. })
    ));
}

// Errors: what they hold.

#[test]
fn v18_a_rank_too_small_names_the_leaf_and_its_shape() {
    let f = |p: Pair| p.0 + p.1;
    let (x, y) = (counting(&[3]), counting(&[3, 3]));
    let error = vmap_error(vmap(f).in_axes(1).call(((&y, &x),)));
    let VmapError::InAxisOutOfBounds {
        path,
        axis: 1,
        shape,
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(
        (path.to_string().as_str(), &shape[..]),
        ("args.0.1", &[3][..])
    );
    assert!(
        error
            .to_string()
            .contains("rank should be at least 2, but is only 1 (its shape is (3,))")
    );
    let negative = vmap_error(vmap(f).in_axes(-2).call(((&y, &x),)));
    assert!(
        negative.to_string().contains("at least 2, but is only 1"),
        "{negative}"
    );
}

#[test]
fn v19_v20_nothing_mapped_and_no_size() {
    let all_none = vmap(|x: Tensor| x).in_axes(None).call((counting(&[2]),));
    assert_eq!(
        vmap_error(all_none),
        VmapError::NoMappedArgument { leaves: 1 }
    );
    let no_leaves = vmap(|_: Vec<Tensor>| Tensor::from(1.0)).call((Vec::<Tensor>::new(),));
    assert_eq!(
        vmap_error(no_leaves),
        VmapError::NoMappedArgument { leaves: 0 }
    );
}

#[test]
fn v21_inconsistent_sizes_are_all_listed_the_most_common_first() {
    let f = |a: Tensor, b: Pair, c: Tensor| a + b.0 + b.1 + c;
    let (two, three) = (counting(&[2]), counting(&[3]));
    let error = vmap_error(vmap(f).call((&two, (&three, &three), &three)));
    let VmapError::InconsistentAxisSize {
        axes,
        axis_size: None,
    } = &error
    else {
        panic!("{error}");
    };
    let listed: Vec<(String, usize, &[usize])> = axes
        .iter()
        .map(|(path, axis, ty)| (path.to_string(), *axis, &ty.shape[..]))
        .collect();
    assert_eq!(
        listed,
        [
            ("args.0".to_owned(), 0, &[2][..]),
            ("args.1.0".to_owned(), 0, &[3][..]),
            ("args.1.1".to_owned(), 0, &[3][..]),
            ("args.2".to_owned(), 0, &[3][..]),
        ]
    );
    let text = error.to_string();
    let most = text.find("most axes (3 of them) had size 3").unwrap();
    assert!(most < text.find("one axis had size 2: axis 0 of args.0").unwrap());
    let with_size = vmap(|x: Tensor| x).axis_size(2).call((&three,));
    assert!(
        vmap_error(with_size)
            .to_string()
            .contains("the `axis_size` argument was 2")
    );
}

#[test]
fn v22_a_dictionary_at_the_top_of_in_axes_is_refused() {
    let f = |x: Tensor| x;
    let wrong = vmap(f).in_axes(axes(&[("a", Axes::Axis(0))]));
    assert!(matches!(
        vmap_error(wrong.call((counting(&[2]),))),
        VmapError::InAxesType { .. }
    ));
}

#[test]
fn v27_out_axes_list_is_not_a_tuple() {
    let f = |x: Tensor| (x.clone(), x);
    let error = tree_error(vmap(f).out_axes(vec![0, 0]).call((counting(&[2]),)));
    assert!(matches!(
        error,
        TreeError::NotPrefix {
            what: "out_axes",
            ..
        }
    ));
}

#[test]
fn v28_v29_none_for_a_batched_result_names_it() {
    let f = |x: Tensor| dict(&[("k", x), ("u", Tensor::from(1.0))]);
    for name in [None, Some("i")] {
        let mut mapped = vmap(f).out_axes(None);
        if let Some(name) = name {
            mapped = mapped.axis_name(name);
        }
        let error = vmap_error(mapped.call((counting(&[2]),)));
        let VmapError::OutAxesNone { path, axis: 0 } = &error else {
            panic!("{error}");
        };
        assert_eq!(path.to_string(), r#"result["k"]"#);
    }
}

#[test]
fn v30_out_axes_are_bounded_by_the_rank_with_the_batch_axis() {
    let f = |x: Tensor| x;
    for axis in [2, -3] {
        let error = vmap_error(vmap(f).out_axes(axis).call((counting(&[2, 3]),)));
        let VmapError::OutAxisOutOfBounds { path, rank: 2, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(path.to_string(), "result");
    }
    for axis in [1, -2] {
        vmap(f).out_axes(axis).call((counting(&[2, 3]),)).unwrap();
    }
}

#[test]
fn v14_an_unmapped_argument_is_the_same_in_every_lane_and_may_be_captured() {
    let flag = true;
    let f = move |x: Tensor| if flag { x * 2.0 } else { x };
    assert_eq!(
        f64s(&vmap(f).call((vec1(&[1.0, 2.0]),)).unwrap()),
        [2.0, 4.0]
    );
}

#[test]
fn v38_shape_errors_show_the_shapes_of_one_lane() {
    let f = |x: Tensor, y: Tensor| x + y;
    let error = vmap(f)
        .call((counting(&[2, 3]), counting(&[2, 4])))
        .unwrap_err();
    let Error::Op(op) = error.root() else {
        panic!("{error:?}");
    };
    let OpErrorKind::ShapeMismatch { shapes, .. } = &op.kind else {
        panic!("{op:?}");
    };
    assert_eq!((&shapes[0][..], &shapes[1][..]), (&[3][..], &[4][..]));
}

#[test]
fn v38_the_functions_own_error_arrives_unchanged() {
    #[derive(Debug, PartialEq)]
    struct Mine(u32);
    impl std::fmt::Display for Mine {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "mine {}", self.0)
        }
    }
    impl std::error::Error for Mine {}
    let f = |_: Tensor| -> Result<Tensor, Error> { Err(Error::function(Mine(42))) };
    let error = vmap(vmap(f)).call((counting(&[2, 2]),)).unwrap_err();
    let Error::Function(source) = error.root() else {
        panic!("{error:?}");
    };
    assert_eq!(source.downcast_ref::<Mine>(), Some(&Mine(42)));
}

// out_axes.

#[test]
fn v40_batched_results_are_moved_and_unbatched_ones_repeated_or_returned_as_they_are() {
    let x = counting(&[2, 3]);
    let f = |x: Tensor| (x.clone(), Tensor::from(7), vec![x.sum(0)]);
    let (moved, as_is, sums) = vmap(f).out_axes((-1, None, 0)).call((&x,)).unwrap();
    assert_eq!(moved.shape(), [3, 2]);
    assert_eq!(f64s(&moved), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(values::<i64>(&as_is), [7]);
    assert!(as_is.ty().weak && as_is.rank() == 0);
    assert_eq!(f64s(&sums[0]), [3.0, 12.0]);
    let (_, repeated, _) = vmap(f).call((&x,)).unwrap();
    assert_eq!(values::<i64>(&repeated), [7, 7]);
    let constant = vmap(|_: Tensor| Tensor::from(vec1(&[1.0, 2.0]))).out_axes(-1);
    assert_eq!(
        f64s(&constant.call((counting(&[3]),)).unwrap()),
        [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
    );
}

#[test]
fn v41_batched_means_depends_on_a_mapped_input_not_on_its_values() {
    // 0 * x is 0 in every lane, but nobody looks at values.
    let zero = vmap(|x: Tensor| x * 0.0)
        .out_axes(None)
        .call((counting(&[2]),));
    assert!(matches!(vmap_error(zero), VmapError::OutAxesNone { .. }));
    let unused = vmap(|_: Tensor, y: Tensor| y * 2.0)
        .in_axes((0, None))
        .out_axes(None)
        .call((counting(&[2]), 4.0));
    assert_eq!(f64s(&unused.unwrap()), [8.0]);
    let summed = vmap(|x: Tensor| psum(x, "i")).axis_name("i").out_axes(None);
    assert_eq!(f64s(&summed.call((counting(&[3]),)).unwrap()), [3.0]);
    let index = vmap(|_: Tensor| axis_index("i"))
        .axis_name("i")
        .out_axes(None);
    assert!(matches!(
        vmap_error(index.call((counting(&[3]),))),
        VmapError::OutAxesNone { .. }
    ));
}

#[test]
fn v42_out_axes_are_a_prefix_and_dictionaries_come_back_sorted() {
    let f = |x: Tensor| dict(&[("z", x.clone()), ("a", &x + 1.0)]);
    let out = vmap(f).out_axes(-1).call((counting(&[2, 3]),)).unwrap();
    assert_eq!(out.keys().collect::<Vec<_>>(), ["a", "z"]);
    assert_eq!(out["a"].shape(), [3, 2]);
    let absent = vmap(|x: Tensor| (x, None::<Tensor>)).out_axes((0, 9));
    assert!(absent.call((counting(&[2]),)).unwrap().1.is_none());
}

#[test]
fn v43_nested_axes_count_after_the_outer_axis_is_removed() {
    let x = counting(&[2, 3, 4]);
    let f = |x: Tensor| x;
    let shape = |t: Result<Tensor, Error>| t.unwrap().shape().to_vec();
    assert_eq!(shape(vmap(vmap(f).out_axes(1)).call((&x,))), [2, 4, 3]);
    assert_eq!(shape(vmap(vmap(f)).out_axes(-1).call((&x,))), [3, 4, 2]);
    let inner = vmap(f).in_axes(0);
    assert_eq!(shape(vmap(inner).in_axes(2).call((&x,))), [4, 2, 3]);
    let swapped = vmap(vmap(f).in_axes(-1).out_axes(0))
        .in_axes(1)
        .call((&x,))
        .unwrap();
    assert_eq!(swapped.shape(), [3, 4, 2]);
    assert_eq!(f64s(&swapped)[..4], [0.0, 12.0, 1.0, 13.0]);
}

#[test]
fn v44_weak_types_survive_batching() {
    let out = vmap(|_: Tensor| Tensor::from(2))
        .call((counting(&[3]),))
        .unwrap();
    assert!(out.ty().weak);
    assert_eq!(out.ty().to_string(), "i64[3]");
    // So it gives way to a strong type of its own class afterwards.
    let sum = out + Tensor::from(Array::from(vec![1_i32, 2, 3]));
    assert_eq!(sum.dtype(), DType::I32);
}

#[test]
fn structs_are_trees_with_axes_per_field() {
    #[derive(Tree)]
    struct Line {
        slope: Tensor,
        offset: Tensor,
    }
    let f = |line: Line, x: Tensor| Line {
        slope: &line.slope * &x,
        offset: line.offset + x,
    };
    let given = || Line {
        slope: vec1(&[1.0, 2.0]).into(),
        offset: Tensor::from(0.5),
    };
    let fields = axes(&[("slope", Axes::Axis(0)), ("offset", Axes::None)]);
    let out = vmap(f)
        .in_axes((fields.clone(), 0))
        .call((given(), vec1(&[10.0, 20.0])))
        .unwrap();
    assert_eq!(f64s(&out.slope), [10.0, 40.0]);
    assert_eq!(f64s(&out.offset), [10.5, 20.5]);
    let wrong = vmap(f)
        .in_axes((axes(&[("slope", Axes::Axis(0))]), 0))
        .call((given(), vec1(&[10.0, 20.0])))
        .map(|line| line.slope);
    assert!(matches!(tree_error(wrong), TreeError::NotPrefix { .. }));
    // A path into a struct names its field.
    let scalar = vmap(f)
        .call((given(), vec1(&[10.0, 20.0])))
        .map(|line| line.slope);
    let VmapError::InAxisOutOfBounds { path, .. } = vmap_error(scalar) else {
        panic!("another error");
    };
    assert_eq!(path.to_string(), "args.0.offset");
}
