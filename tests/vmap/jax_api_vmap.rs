//! What the `vmap` tests of JAX's `tests/api_test.py` check, under that file's test names; COMPATIBILITY.md counts them.

use crate::support::{array, counting, f64s, vec1};
use elimap::prelude::*;
use elimap::{Axes, IntoAxes, TreeError, VmapError};

fn identity(x: Tensor) -> Tensor {
    x
}

fn root<T>(result: Result<T, Error>) -> Error {
    result.map(|_| ()).unwrap_err().into_root()
}

fn vmap_error<T>(result: Result<T, Error>) -> VmapError {
    match root(result) {
        Error::Vmap(error) => error,
        other => panic!("{other:?}"),
    }
}

fn tree_error<T>(result: Result<T, Error>) -> TreeError {
    match root(result) {
        Error::Tree(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn jit_lower_compile_vmap() {
    let f = jit(vmap(|x: Tensor| x.sin()));
    let program = f.trace((f64::spec([3]),)).unwrap();
    let out = program.run(&[vec1(&[0.0, 1.0, 2.0])]).unwrap();
    assert_eq!(
        out[0].to_vec::<f64>().unwrap(),
        [0.0, 1_f64.sin(), 2_f64.sin()]
    );
}

#[test]
fn vmap_inconsistent_sizes_constructs_proper_error_message() {
    let error =
        vmap_error(vmap(|x: Tensor, y: Tensor| x + y).call((counting(&[2]), counting(&[3]))));
    let text = error.to_string();
    assert!(matches!(error, VmapError::InconsistentAxisSize { .. }));
    assert!(
        text.starts_with("vmap got inconsistent sizes for array axes to be mapped:\n"),
        "{text}"
    );
}

#[test]
fn vmap_inconsistent_sizes_constructs_proper_error_message_starargs() {
    let f = |x: Tensor, more: Vec<Tensor>| more.into_iter().fold(x, |x, y| x - y);
    let args = (counting(&[4]), vec![counting(&[2]), counting(&[2])]);
    let text = vmap_error(vmap(f).call(args)).to_string();
    assert!(
        text.contains(
            "* most axes (2 of them) had size 2, e.g. axis 0 of args.1[0] of type f64[2]"
        ),
        "{text}"
    );
    assert!(
        text.contains("* one axis had size 4: axis 0 of args.0 of type f64[4]"),
        "{text}"
    );
}

#[test]
fn vmap_in_axes_list() {
    let f = |(a, b): (Tensor, Tensor), x: Tensor, y: Tensor| a + b.sum(0) + x + y;
    let args = || ((5.0, vec1(&[1.0, 1.0])), counting(&[3]), counting(&[3]));
    let tuple = vmap(f).in_axes((None, 0, 0)).call(args()).unwrap();
    let list = vmap(f).in_axes(Axes::List(vec![Axes::None, Axes::Axis(0), Axes::Axis(0)]));
    assert_eq!(f64s(&list.call(args()).unwrap()), f64s(&tuple));
    assert_eq!(f64s(&tuple), [7.0, 9.0, 11.0]);
}

#[test]
fn vmap_in_axes_non_tuple_error() {
    let axes = Axes::Dict([("a".to_owned(), Axes::Axis(0))].into());
    let error = vmap_error(vmap(identity).in_axes(axes).call((counting(&[3]),)));
    assert!(matches!(error, VmapError::InAxesType { .. }));
}

#[test]
fn vmap_in_axes_wrong_length_tuple_error() {
    let error = tree_error(vmap(identity).in_axes((0, 0)).call((counting(&[3, 3]),)));
    assert!(matches!(error, TreeError::InAxesLength { .. }));
    assert!(
        error.to_string().contains("2 entries for 1 arguments"),
        "{error}"
    );
}

#[test]
fn vmap_in_axes_tree_prefix_error() {
    let axes = (Axes::List(vec![Axes::Axis(0)]),).into_axes();
    let error = tree_error(vmap(identity).in_axes(axes).call((counting(&[3]),)));
    assert!(matches!(error, TreeError::NotPrefix { .. }));
}

#[test]
fn vmap_unbatched_object_passthrough_issue_183() {
    // A function among the arguments is captured instead.
    let next = |x: Tensor| x + 1.0;
    let out = vmap(|x: Tensor| next(x)).call((counting(&[3]),)).unwrap();
    assert_eq!(f64s(&out), [1.0, 2.0, 3.0]);
}

#[test]
fn vmap_mismatched_axis_sizes_error_message_issue_705() {
    let h = |a: Tensor, b: Tensor| a.sum(..) + b.sum(..);
    let (x, u) = (counting(&[10, 4]), counting(&[10, 2]));
    let text = vmap_error(vmap(h).in_axes((0, 1)).call((&x, &u))).to_string();
    assert!(
        text.contains("* one axis had size 10: axis 0 of args.0 of type f64[10,4]"),
        "{text}"
    );
    assert!(
        text.contains("* one axis had size 2: axis 1 of args.1 of type f64[10,2]"),
        "{text}"
    );
    let three = |x: Tensor, _: Tensor, _: Tensor| x;
    let text = vmap_error(vmap(three).in_axes((0, 1, 0)).call((&x, &u, &x))).to_string();
    assert!(
        text.contains("* most axes (2 of them) had size 10, e.g. axis 0 of args.0"),
        "{text}"
    );
    let listed = |a: Tensor, b: Vec<Tensor>| b.into_iter().fold(a.sum(..), |s, t| s + t.sum(..));
    let text = vmap_error(vmap(listed).in_axes((0, 1)).call((&x, vec![&u, &u]))).to_string();
    assert!(
        text.contains("* most axes (2 of them) had size 2, e.g. axis 1 of args.1[0]"),
        "{text}"
    );
    assert!(
        text.contains("* one axis had size 10: axis 0 of args.0"),
        "{text}"
    );

    let text = vmap_error(vmap(identity).call((1.0,))).to_string();
    assert!(
        text.contains("its rank should be at least 1, but is only 0 (its shape is ())"),
        "{text}"
    );
    let two = vec1(&[1.0, 2.0]);
    let error = vmap_error(vmap(identity).in_axes(None).call((&two,)));
    assert!(matches!(error, VmapError::NoMappedArgument { .. }));
    let text = vmap_error(vmap(identity).in_axes(1).call((&two,))).to_string();
    assert!(
        text.contains("its rank should be at least 2, but is only 1 (its shape is (2,))"),
        "{text}"
    );
    let error = tree_error(vmap(identity).out_axes((2, 3)).call((&two,)));
    assert!(matches!(error, TreeError::NotPrefix { .. }), "{error}");
    for name in [None, Some("foo")] {
        let mut f = vmap(identity).out_axes(None);
        if let Some(name) = name {
            f = f.axis_name(name);
        }
        assert!(matches!(
            vmap_error(f.call((&two,))),
            VmapError::OutAxesNone { .. }
        ));
    }
}

#[test]
fn vmap_explicit_axis_size_mismatch() {
    let text = vmap_error(vmap(identity).axis_size(2).call((counting(&[8]),))).to_string();
    assert!(text.contains("* the `axis_size` argument was 2;"), "{text}");
    assert!(
        text.contains("* one axis had size 8: axis 0 of args.0 of type f64[8]"),
        "{text}"
    );
}

/// Two matrices in a struct, as a named tuple would hold them.
#[derive(Clone, elimap::Tree)]
struct Point {
    x: Tensor,
    y: Tensor,
}

#[test]
fn vmap_structured_in_axes() {
    let (x, y, z) = (
        counting(&[6, 2, 3]),
        counting(&[3, 6, 4]),
        counting(&[4, 5, 6]),
    );
    let nested = |(x, (y, z)): (Tensor, (Tensor, Tensor))| x.matmul(y.matmul(z));
    let out = vmap(nested)
        .in_axes(((0, (1, 2)),))
        .call(((&x, (&y, &z)),))
        .unwrap();
    assert_eq!(out.shape(), [6, 2, 5]);
    let fields = Axes::Dict(
        [
            ("x".to_owned(), Axes::Axis(1)),
            ("y".to_owned(), Axes::Axis(2)),
        ]
        .into(),
    );
    let named = |(x, p): (Tensor, Point)| x.matmul(p.x.matmul(p.y));
    let axes = (Axes::Tuple(vec![Axes::Axis(0), fields]),);
    let point = Point {
        x: Tensor::from(&y),
        y: Tensor::from(&z),
    };
    let found = vmap(named).in_axes(axes).call(((&x, point),)).unwrap();
    assert_eq!(found.to_array().unwrap(), out.to_array().unwrap());
    let by_key = |(x, mut d): (Tensor, std::collections::BTreeMap<String, Tensor>)| {
        x.matmul(d.remove("a").unwrap().matmul(d.remove("b").unwrap()))
    };
    let keys = Axes::Dict(
        [
            ("a".to_owned(), Axes::Axis(1)),
            ("b".to_owned(), Axes::Axis(2)),
        ]
        .into(),
    );
    let axes = (Axes::Tuple(vec![Axes::Axis(0), keys]),);
    let dictionary: std::collections::BTreeMap<String, Tensor> = [
        ("a".to_owned(), Tensor::from(&y)),
        ("b".to_owned(), Tensor::from(&z)),
    ]
    .into();
    let found = vmap(by_key)
        .in_axes(axes)
        .call(((&x, dictionary),))
        .unwrap();
    assert_eq!(found.to_array().unwrap(), out.to_array().unwrap());
}

#[test]
fn vmap_empty_arguments() {
    let error = vmap_error(vmap(|_: Vec<Tensor>| Tensor::from(1.0)).call((Vec::<Tensor>::new(),)));
    assert!(
        matches!(error, VmapError::NoMappedArgument { .. }),
        "{error}"
    );
}

#[test]
fn vmap_scalar() {
    let out = vmap(identity)
        .in_axes(None)
        .axis_size(1)
        .call((1.0,))
        .unwrap();
    assert_eq!((out.shape(), f64s(&out)), (&[1][..], vec![1.0]));
    for axis in [0, 1] {
        let error = vmap_error(vmap(identity).in_axes(axis).axis_size(1).call((1.0,)));
        assert!(matches!(error, VmapError::InAxisOutOfBounds { .. }));
    }
}

#[test]
fn vmap_unmapped_last() {
    let f = vmap(|_: Tensor| zeros([2], DType::F64)).out_axes(-1);
    let out = f.call((counting(&[5]),)).unwrap();
    assert_eq!(out.shape(), [2, 5]);
}

#[test]
fn vmap_make_jaxpr_close_over_tracer() {
    // A program traced and run inside a mapped function, of a value that function holds.
    let f = |input: Tensor| -> Result<Tensor, Error> {
        let program = jit(|x: Tensor, y: Tensor| x + y).trace((i64::spec([]), i64::spec([])))?;
        assert_eq!(program.equations().len(), 1);
        jit(|x: Tensor| x + &input).call((1,))
    };
    let out = vmap(f).call((Array::from(vec![0_i64, 1]),)).unwrap();
    assert_eq!(crate::support::values::<i64>(&out), [1, 2]);
}

#[test]
fn vmap_caching() {
    let traced = std::cell::Cell::new(0);
    let f = jit(vmap(|x: Tensor| {
        traced.set(traced.get() + 1);
        x.square().mean(..)
    }));
    for _ in 0..10 {
        assert_eq!(
            f64s(&f.call((array(&[2, 2], &[1.0, 1.0, 2.0, 2.0]),)).unwrap()),
            [1.0, 4.0]
        );
    }
    assert_eq!(traced.get(), 1);
}

#[test]
fn eval_jaxpr_vmap() {
    // A program is inlined into a trace by calling what it was traced from.
    let inner = jit(|x: Tensor| x.square() + 1.0);
    let out = vmap(&inner).call((vec1(&[1.0, 2.0, 3.0]),)).unwrap();
    assert_eq!(f64s(&out), [2.0, 5.0, 10.0]);
}
