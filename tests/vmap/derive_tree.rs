//! Structs as arguments and results of traced functions.

use elimap::prelude::*;
use elimap::{Flatten, Path, TreeDef};
use elimap_derive::Tree;
use insta::assert_snapshot;

#[derive(Tree)]
struct Line {
    slope: Tensor,
    offset: Tensor,
}

#[derive(Tree)]
struct Pair<T, U = T>(T, Option<U>);

#[derive(Tree)]
struct Nothing;

#[derive(Tree)]
struct Model<T: Clone, const N: usize>
where
    T: std::fmt::Debug,
{
    line: Line,
    r#type: [T; N],
    _rest: Vec<Pair<Tensor>>,
    nothing: Nothing,
}

/// Lower-case constants would turn a pattern that is not hygienic into a comparison.
mod hygiene {
    #![allow(non_upper_case_globals, dead_code)]
    use elimap::Tensor;

    pub(super) const name: u8 = 0;
    pub(super) const fields: u8 = 0;
    pub(super) const other: u8 = 0;
    pub(super) const def_0: u8 = 0;
    pub(super) const name_0: u8 = 0;
    pub(super) const found: u8 = 0;
    pub(super) struct String;
    pub(super) struct Vec;
    pub(super) enum Result {}
    pub(super) trait Iterator {}

    #[derive(elimap_derive::Tree)]
    pub(super) struct Fields {
        pub(super) leaves: Tensor,
        pub(super) def: Tensor,
        pub(super) path: Tensor,
    }
}

fn line(slope: f64, offset: f64) -> Line {
    Line {
        slope: slope.into(),
        offset: offset.into(),
    }
}

fn unflatten<T: Tree>(def: &TreeDef, leaves: Vec<Tensor>) -> Result<T, String> {
    T::unflatten(def, &mut leaves.into_iter(), &Path::root("args")).map_err(|e| e.to_string())
}

fn model() -> Model<Tensor, 2> {
    Model {
        line: line(1.0, 2.0),
        r#type: [3.0.into(), 4.0.into()],
        _rest: vec![Pair(5.0.into(), None), Pair(6.0.into(), Some(7.0.into()))],
        nothing: Nothing,
    }
}

#[test]
fn fields_are_visited_in_order_of_declaration() {
    let mut leaves = Vec::new();
    let def = model().flatten(&mut leaves);
    assert_snapshot!(def, @"Model { line: Line { slope: *, offset: * }, type: [*, *], _rest: [Pair { 0: *, 1: None }, Pair { 0: *, 1: * }], nothing: Nothing {  } }");
    let values: Vec<f64> = leaves
        .iter()
        .map(|t| t.to_array().unwrap().item().unwrap())
        .collect();
    assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    let again: Model<Tensor, 2> = unflatten(&def, leaves).unwrap();
    let mut leaves = Vec::new();
    assert_eq!(again.flatten(&mut leaves), def);
    assert_eq!(leaves.len(), 7);
}

#[test]
fn names_in_scope_do_not_interfere() {
    let fields = hygiene::Fields {
        leaves: 1.0.into(),
        def: 2.0.into(),
        path: 3.0.into(),
    };
    let mut leaves = Vec::new();
    let def = fields.flatten(&mut leaves);
    let again: hygiene::Fields = unflatten(&def, leaves).unwrap();
    let values =
        [again.leaves, again.def, again.path].map(|t| t.to_array().unwrap().item::<f64>().unwrap());
    assert_eq!(values, [1.0, 2.0, 3.0]);
}

#[test]
fn another_structure_is_an_error_that_says_where() {
    let error = |def: &TreeDef, leaves: usize| {
        unflatten::<Pair<Line, Nothing>>(def, vec![1.0.into(); leaves])
            .map(|_| ())
            .unwrap_err()
    };
    let mut leaves = Vec::new();
    let def = Pair::<Line, Nothing>(line(1.0, 2.0), Some(Nothing)).flatten(&mut leaves);
    assert_snapshot!(error(&TreeDef::Leaf, 1), @r#"at args: expected a struct Pair with fields ["0", "1"], found a tensor; give the structure that the parameter's type names"#);
    assert_snapshot!(error(&line(1.0, 2.0).flatten(&mut leaves), 2), @r#"at args: expected a struct Pair with fields ["0", "1"], found a struct Line with fields ["slope", "offset"]; give the structure that the parameter's type names"#);
    assert_snapshot!(error(&def, 1), @"at args.0.offset: expected a tensor, found None; give the structure that the parameter's type names");
    let TreeDef::Struct(name, mut fields) = def else {
        unreachable!()
    };
    fields[1].1 = TreeDef::Leaf;
    assert_snapshot!(error(&TreeDef::Struct(name.clone(), fields.clone()), 3), @"at args.1: expected a struct Nothing without fields, found a tensor; give the structure that the parameter's type names");
    fields[0].1 = TreeDef::Struct(
        "Line".into(),
        vec![
            ("offset".into(), TreeDef::Leaf),
            ("slope".into(), TreeDef::Leaf),
        ],
    );
    assert_snapshot!(error(&TreeDef::Struct(name.clone(), fields.clone()), 3), @r#"at args.0: expected a struct Line with fields ["slope", "offset"], found a struct Line with fields ["offset", "slope"]; give the structure that the parameter's type names"#);
    fields.pop();
    assert_snapshot!(error(&TreeDef::Struct(name, fields), 3), @r#"at args: expected a struct Pair with fields ["0", "1"], found a struct Pair with fields ["0"]; give the structure that the parameter's type names"#);
    assert_snapshot!(unflatten::<Nothing>(&TreeDef::Struct("Nothing".into(), vec![("x".into(), TreeDef::Leaf)]), vec![]).map(|_| ()).unwrap_err(), @r#"at args: expected a struct Nothing without fields, found a struct Nothing with fields ["x"]; give the structure that the parameter's type names"#);
}

#[test]
fn a_struct_goes_through_vmap() {
    let f = vmap(|line: Line, x: Tensor| Pair(line.slope * &x + line.offset, Some(x)));
    let lines = Line {
        slope: Array::from(vec![1.0, 2.0]).into(),
        offset: Array::from(vec![0.5, 0.0]).into(),
    };
    let Pair(y, x) = f.call((lines, Array::from(vec![10.0, 20.0]))).unwrap();
    assert_eq!(y.to_array().unwrap().to_vec::<f64>().unwrap(), [10.5, 40.0]);
    assert_eq!(
        x.unwrap().to_array().unwrap().to_vec::<f64>().unwrap(),
        [10.0, 20.0]
    );
}
