//! Every error of the elimination half: which one, and what it says.

use elimap::phase::{
    Analysis, BlockKey, EliminationTrace, EliminatorError, Graph, GraphBuilder, GraphError,
    NumericError, SymbolicError, VertexId, WorkStore, WorkUnit, models,
};
use proptest::prelude::*;

/// A chain 1 -> 2 -> 3 with the second edge constant, as phasic writes it.
const GRAPH: &str = r#"{
 "states": [[0], [2], [1], [0]],
 "edges": [[2, 3, 0.5]],
 "start_edges": [[1, 1.0]],
 "param_edges": [[1, 2, 1.0, -0.5]],
 "start_param_edges": [],
 "param_length": 2,
 "state_length": 1,
 "n_vertices": 4
}"#;

/// A birth-death chain of three levels as a work unit.
const UNIT: &str = r#"{"format":"elimap-work-unit","version":1,"key":"9df87a27e91b406a686172239d42643e921ec5be159c1a6461290676f55f8147","edges":[[1],[0,2],[1]],"exits":[2]}"#;

/// Checks the variant and the text of an error.
macro_rules! assert_error {
    ($result:expr, $variant:pat $(if $guard:expr)?, @$text:literal) => {
        match $result {
            Err(error) => {
                assert!(matches!(&error, $variant $(if $guard)?), "{error:?}");
                insta::assert_snapshot!(error, @$text);
            }
            Ok(value) => panic!("no error but {value:?}"),
        }
    };
}

/// The graph with one piece of its text replaced.
fn with(old: &str, new: &str) -> Result<Graph, GraphError> {
    assert_eq!(GRAPH.matches(old).count(), 1, "{old}");
    Graph::from_json(&GRAPH.replace(old, new))
}

fn vertex(index: usize) -> VertexId {
    VertexId::new(index).unwrap()
}

#[test]
fn the_graph_itself_is_right() {
    let time = EliminationTrace::record(&Graph::from_json(GRAPH).unwrap())
        .at(&[2.0, 2.0])
        .unwrap();
    assert_eq!(time.expectation(), 3.0);
}

#[test]
fn forms_of_phasic_that_are_accepted() {
    let reference = Graph::from_json(GRAPH).unwrap();
    for (old, new) in [
        // What 0.32 adds.
        (
            "\"param_length\"",
            "\"vertex_indices\": [0, 1.0, 2, 3], \"weight_mode\": \"linear\", \"dyn_ordering\": true, \"constant_edges\": [], \"param_length\"",
        ),
        // Constant edges by their newer name, and without the field that is always empty.
        (
            "\"edges\": [[2, 3, 0.5]]",
            "\"edges\": [], \"constant_edges\": [[2, 3, 0.5]]",
        ),
        ("\"start_param_edges\": [],", ""),
        // Integers as floats, floats as integers, coefficients beyond theta.
        ("[[1, 1.0]]", "[[1.0, 1]]"),
        ("[[1, 2, 1.0, -0.5]]", "[[1.0, 2.0, 1, -5e-1, 7.0]]"),
        (
            "\"n_vertices\": 4",
            "\"n_vertices\": 4.0, \"unknown\": {\"a\": [null]}",
        ),
    ] {
        assert_eq!(with(old, new).unwrap(), reference, "{new}");
    }
}

#[test]
fn unreadable_files() {
    assert_error!(Graph::read("no/such/graph.json"), GraphError::Io { .. }, @"cannot read graph file `no/such/graph.json`: No such file or directory (os error 2); check the path and its permissions");
}

#[test]
fn malformed_json() {
    assert_error!(Graph::from_json(""), GraphError::Json { line: 1, column: 0, .. }, @"malformed JSON at line 1, column 0: EOF while parsing a value; write the graph again with phasic's `serialize()` (JSON has no NaN or Infinity)");
    assert_error!(Graph::from_json("{\n  \"states\": [[0], [1]"), GraphError::Json { line: 2, column: 21, .. }, @"malformed JSON at line 2, column 21: EOF while parsing a list; write the graph again with phasic's `serialize()` (JSON has no NaN or Infinity)");
    assert_error!(Graph::from_json("[1, 2]"), GraphError::Json { line: 1, .. }, @"malformed JSON at line 1, column 2: invalid type: integer `1`, expected an array of rows of numbers; write the graph again with phasic's `serialize()` (JSON has no NaN or Infinity)");
    assert_error!(with("[2, 3, 0.5]", "[2, 3, NaN]"), GraphError::Json { line: 3, column: 19, .. }, @"malformed JSON at line 3, column 19: expected value; write the graph again with phasic's `serialize()` (JSON has no NaN or Infinity)");
    assert_error!(with("[2, 3, 0.5]", "[2, 3, 1e999]"), GraphError::Json { line: 3, .. }, @"malformed JSON at line 3, column 23: number out of range; write the graph again with phasic's `serialize()` (JSON has no NaN or Infinity)");
    assert_error!(with("[[1, 1.0]]", "[[1, \"x\"]]"), GraphError::Json { line: 4, .. }, @r#"malformed JSON at line 4, column 24: invalid type: string "x", expected f64; write the graph again with phasic's `serialize()` (JSON has no NaN or Infinity)"#);
    assert_error!(with("[[1, 1.0]]", "[1, 1.0]"), GraphError::Json { line: 4, .. }, @"malformed JSON at line 4, column 18: invalid type: integer `1`, expected a row of numbers; write the graph again with phasic's `serialize()` (JSON has no NaN or Infinity)");
    assert_error!(with("[[1, 1.0]]", "{}"), GraphError::Json { line: 4, .. }, @"malformed JSON at line 4, column 16: invalid type: map, expected an array of rows of numbers; write the graph again with phasic's `serialize()` (JSON has no NaN or Infinity)");
    assert_error!(with("\"n_vertices\": 4", "\"n_vertices\": \"4\""), GraphError::Json { line: 9, .. }, @r#"malformed JSON at line 9, column 18: invalid type: string "4", expected f64; write the graph again with phasic's `serialize()` (JSON has no NaN or Infinity)"#);
    assert_error!(Graph::from_json(&format!("{GRAPH} x")), GraphError::Json { line: 10, .. }, @"malformed JSON at line 10, column 3: trailing characters; write the graph again with phasic's `serialize()` (JSON has no NaN or Infinity)");
    // Nesting far deeper than any stack.
    let deep = format!("{{\"states\": {}", "[".repeat(1_000_000));
    assert!(matches!(
        Graph::from_json(&deep),
        Err(GraphError::Json { .. })
    ));
}

#[test]
fn missing_fields() {
    for field in [
        "states",
        "edges",
        "start_edges",
        "param_edges",
        "param_length",
        "state_length",
        "n_vertices",
    ] {
        match with(&format!("\"{field}\""), "\"other\"") {
            Err(GraphError::MissingField { field: found }) => assert_eq!(found, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    assert_error!(with("\"states\"", "\"other\""), GraphError::MissingField { field: "states" }, @"field `states` is missing; a serialized graph needs `states`, `edges`, `start_edges`, `param_edges`, `param_length`, `state_length` and `n_vertices`");
}

#[test]
fn rows_of_the_wrong_shape() {
    assert_error!(with("[2, 3, 0.5]", "[2, 3]"), GraphError::RowLength { field: "edges", row: 0, expected: 3, found: 2, .. }, @"field `edges`, row 0: expected 3 numbers, found 2; rows of `edges` are [from, to, rate]");
    assert_error!(with("[1, 1.0]", "[1, 1.0, 0]"), GraphError::RowLength { field: "start_edges", .. }, @"field `start_edges`, row 0: expected 2 numbers, found 3; rows of `start_edges` are [to, probability]");
    assert_error!(with("[1, 2, 1.0, -0.5]", "[1, 2, 1.0]"), GraphError::RowLength { field: "param_edges", expected: 4, found: 3, .. }, @"field `param_edges`, row 0: expected 4 numbers, found 3; rows of `param_edges` are [from, to, c_0, c_1, ...], all of one length, with at least `param_length` coefficients");
    assert_error!(
        with("[1, 2, 1.0, -0.5]", "[1, 2, 1.0, -0.5], [2, 3, 1.0, 0.5, 0.1]"),
        GraphError::RowLength { field: "param_edges", row: 1, expected: 4, found: 5, .. },
        @"field `param_edges`, row 1: expected 4 numbers, found 5; rows of `param_edges` are [from, to, c_0, c_1, ...], all of one length, with at least `param_length` coefficients"
    );
    assert_error!(with("[2], [1]", "[2, 7], [1]"), GraphError::RowLength { field: "states", row: 1, .. }, @"field `states`, row 1: expected 1 numbers, found 2; rows of `states` are the state of one vertex");
    assert_error!(with("\"param_length\": 2", "\"param_length\": 1e15"), GraphError::RowLength { field: "param_edges", .. }, @"field `param_edges`, row 0: expected 1000000000000002 numbers, found 4; rows of `param_edges` are [from, to, c_0, c_1, ...], all of one length, with at least `param_length` coefficients");
    assert_error!(with("\"state_length\": 1", "\"state_length\": 1e15"), GraphError::RowLength { field: "states", .. }, @"field `states`, row 0: expected 1000000000000000 numbers, found 1; rows of `states` are the state of one vertex");
}

#[test]
fn numbers_that_are_no_indices() {
    assert_error!(with("[2, 3, 0.5]", "[2, 2.5, 0.5]"), GraphError::NotAnInteger { field: "edges", row: 0, column: 1, .. }, @"field `edges`, row 0, column 1: 2.5 is not a whole number in range; write an integer there");
    assert_error!(with("[2], [1]", "[2], [1.5]"), GraphError::NotAnInteger { field: "states", row: 2, column: 0, .. }, @"field `states`, row 2, column 0: 1.5 is not a whole number in range; write an integer there");
    assert_error!(with("\"param_length\": 2", "\"param_length\": -2"), GraphError::InvalidSize { field: "param_length", .. }, @"field `param_length` is -2.0, which is not a size; write a whole number of at least 0");
    assert_error!(with("[2, 3, 0.5]", "[2, 4, 0.5]"), GraphError::NoSuchVertex { field: "edges", row: 0, value: 4, vertices: 4 }, @"field `edges`, row 0: vertex 4 does not exist, the graph has vertices 0 to 3; correct the index or add the vertex");
    assert_error!(with("[1, 1.0]", "[-1, 1.0]"), GraphError::NoSuchVertex { field: "start_edges", value: -1, .. }, @"field `start_edges`, row 0: vertex -1 does not exist, the graph has vertices 0 to 3; correct the index or add the vertex");
    assert_error!(with("[1, 2, 1.0, -0.5]", "[1, 1e300, 1.0, -0.5]"), GraphError::NotAnInteger { field: "param_edges", .. }, @"field `param_edges`, row 0, column 1: 1e300 is not a whole number in range; write an integer there");
}

#[test]
fn contradictions() {
    assert_error!(with("\"n_vertices\": 4", "\"n_vertices\": 5"), GraphError::CountMismatch { field: "n_vertices", stated: 5, found: 4, .. }, @"field `n_vertices` says 5, but 4 states are listed; correct one of the two");
    assert_error!(
        with("\"n_vertices\": 4", "\"n_vertices\": 4, \"vertex_indices\": [0, 1]"),
        GraphError::CountMismatch { field: "vertex_indices", .. },
        @"field `vertex_indices` says 2, but 4 states are listed; correct one of the two"
    );
    assert_error!(
        with("\"n_vertices\": 4", "\"n_vertices\": 4, \"vertex_indices\": [0, 2, 1, 3]"),
        GraphError::VertexIndices { row: 1, found: 2 },
        @"field `vertex_indices`, row 1: found 2 where 1 is expected; vertices must be listed in order"
    );
    let empty = GRAPH
        .replace("[[0], [2], [1], [0]]", "[]")
        .replace("\"n_vertices\": 4", "\"n_vertices\": 0");
    assert_error!(Graph::from_json(&empty), GraphError::NoVertices, @"the graph has no vertices; vertex 0 is the start and must exist");
}

#[test]
fn what_is_not_supported() {
    assert_error!(with("\"n_vertices\": 4", "\"n_vertices\": 4, \"weight_mode\": \"callback\""), GraphError::WeightMode { .. }, @"weight mode `callback` is not supported, only `linear` (rate = coefficients . theta) and `log` (rate = product of coefficients times parameters) are; serialize the graph in one of them");
    let product = GRAPH.replace("-0.5", "0.0").replace(
        "\"n_vertices\": 4",
        "\"n_vertices\": 4, \"weight_mode\": \"log\"",
    );
    assert_error!(Graph::from_json(&product), GraphError::ZeroFactor { row: 0, parameter: 1 }, @"row 0 of param_edges has the coefficient 0 for parameter 1; in weight mode `log` rates are products of all coefficients times parameters, so none may be 0");
    assert_error!(with("\"start_param_edges\": []", "\"start_param_edges\": [[1, 0.5, 0.5]]"), GraphError::ParameterizedStart { rows: 1 }, @"field `start_param_edges` is not empty (rows: 1), but start probabilities that depend on theta are not supported; give them as numbers in `start_edges`");
}

#[test]
fn weights() {
    assert_error!(with("[2, 3, 0.5]", "[2, 3, -0.5]"), GraphError::InvalidWeight { value: -0.5, .. }, @"edge 2 -> 3 has the constant rate -0.5; rates must be finite and at least 0");
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e-300] {
        let result = small(|builder| {
            builder.add_constant_edge(vertex(1), vertex(2), bad);
        });
        let Err(GraphError::InvalidWeight { from, to, value }) = result else {
            panic!("{result:?}")
        };
        assert_eq!(
            (from.index(), to.index(), value.to_bits()),
            (1, 2, bad.to_bits())
        );
        let result = small(|builder| {
            builder.add_edge(vertex(1), vertex(2), &[bad]);
        });
        match result {
            Err(GraphError::InvalidCoefficient {
                parameter: 0,
                value,
                ..
            }) => assert_eq!(value.to_bits(), bad.to_bits()),
            Ok(_) if bad.is_finite() => {}
            other => panic!("{other:?}"),
        }
    }
    assert_error!(
        small(|builder| {
            builder.add_edge(vertex(1), vertex(2), &[f64::NAN]);
        }),
        GraphError::InvalidCoefficient { .. },
        @"edge 1 -> 2 has the coefficient NaN for theta[0]; coefficients must be finite"
    );
}

/// Vertices 1 and 2 with an edge between them, one parameter, and whatever is added.
fn small(add: impl FnOnce(&mut GraphBuilder)) -> Result<Graph, GraphError> {
    let mut builder = Graph::builder(1, 1);
    let [a, b] = [1, 2].map(|label| builder.add_vertex(&[label]));
    builder.add_edge(a, b, &[1.0]);
    add(&mut builder);
    builder.build()
}

#[test]
fn builders() {
    assert_error!(
        small(|builder| {
            builder.add_vertex(&[1, 2]);
        }),
        GraphError::StateLength { expected: 1, found: 2, .. },
        @"vertex 3 has a state of length 2, but the graph's states have length 1; pad or shorten it"
    );
    assert_error!(
        small(|builder| {
            builder.start_state(&[]);
        }),
        GraphError::StateLength { vertex: VertexId::START, .. },
        @"vertex 0 has a state of length 0, but the graph's states have length 1; pad or shorten it"
    );
    assert_error!(
        small(|builder| {
            builder.add_edge(vertex(2), vertex(1), &[1.0, 2.0]);
        }),
        GraphError::CoefficientCount { expected: 1, found: 2, .. },
        @"edge 2 -> 1 has 2 coefficients, but the graph has 1 parameters; give one coefficient per parameter"
    );
    assert_error!(
        small(|builder| {
            builder.add_edge(vertex(2), vertex(7), &[1.0]);
        }),
        GraphError::EdgeOutOfRange { vertices: 3, .. },
        @"edge 2 -> 7 names a vertex that does not exist, the graph has vertices 0 to 2; add the vertex first"
    );
    // The first thing that was wrong is reported.
    assert!(matches!(
        small(|builder| {
            builder.add_vertex(&[]);
            builder.add_edge(vertex(2), vertex(1), &[]);
        }),
        Err(GraphError::StateLength { .. })
    ));
    assert_eq!(VertexId::new(u32::MAX as usize + 1), None);
}

#[test]
fn edges_that_make_no_sense() {
    assert_error!(with("[2, 3, 0.5]", "[2, 2, 0.5]"), GraphError::SelfLoop { .. }, @"vertex 2 has an edge to itself; remove it, in continuous time a jump that changes nothing has no effect");
    assert_error!(with("[2, 3, 0.5]", "[2, 0, 0.5]"), GraphError::StartVertexEdge { .. }, @"edge 2 -> 0 touches the start, vertex 0, which takes no time and has no rates; use `start_edges` for the initial distribution");
    assert_error!(with("[2, 3, 0.5]", "[2, 3, 0.5], [0, 3, 0.5]"), GraphError::StartVertexEdge { .. }, @"edge 0 -> 3 touches the start, vertex 0, which takes no time and has no rates; use `start_edges` for the initial distribution");
}

#[test]
fn start_distributions() {
    assert_error!(with("[1, 1.0]", "[1, -0.25]"), GraphError::InvalidStart { value: -0.25, .. }, @"the start probability of vertex 1 is -0.25; start probabilities must lie between 0 and 1");
    assert_error!(with("[1, 1.0]", "[1, 1.5]"), GraphError::InvalidStart { .. }, @"the start probability of vertex 1 is 1.5; start probabilities must lie between 0 and 1");
    assert_error!(with("[1, 1.0]", "[1, 0.75], [2, 0.5]"), GraphError::StartSum { sum: 1.25 }, @"the start probabilities sum to 1.25, more than 1; scale them (what is missing to 1 counts as absorbed at time 0)");
    assert_error!(with("[1, 1.0]", "[0, 1.0]"), GraphError::StartTarget { .. }, @"a start edge goes to vertex 0, which is the start itself or does not exist; the graph has vertices 0 to 3");
    assert!(matches!(
        small(|builder| {
            builder.start(vertex(1), f64::NAN);
        }),
        Err(GraphError::InvalidStart { .. })
    ));
    // Decimal fractions need not add up to the last bit, and mass may be missing.
    for fine in [
        "[1, 0.1], [1, 0.2], [2, 0.7000000000000001]",
        "[1, 0.5]",
        "[3, 1.0]",
        "[1, 0.0]",
    ] {
        assert!(with("[1, 1.0]", fine).is_ok(), "{fine}");
    }
}

#[test]
fn absorption_out_of_reach() {
    // No absorbing vertex at all.
    assert_error!(with("[1, 2, 1.0, -0.5]", "[1, 2, 1.0, -0.5], [3, 1, 1.0, 0.0]"), GraphError::NoAbsorption { .. }, @"absorption cannot be reached from vertex 1 (state [2]), which the start reaches, so its waiting time is infinite; add an edge that leads towards an absorbing vertex");
    // The only way on has no rate at any theta.
    assert_error!(with("[2, 3, 0.5]", "[2, 3, 0]"), GraphError::NoAbsorption { vertex, state } if vertex.index() == 1 && state == &[2], @"absorption cannot be reached from vertex 1 (state [2]), which the start reaches, so its waiting time is infinite; add an edge that leads towards an absorbing vertex");
}

#[test]
fn thetas() {
    let trace = EliminationTrace::record(&Graph::from_json(GRAPH).unwrap());
    assert_error!(trace.at(&[1.0]), NumericError::ThetaLength { expected: 2, found: 1 }, @"theta has length 1, but the graph has 2 parameters; pass one number for each");
    assert!(matches!(
        trace.at(&[1.0, 2.0, 3.0]),
        Err(NumericError::ThetaLength { found: 3, .. })
    ));
    assert_error!(trace.at(&[1.0, f64::NAN]), NumericError::ThetaNotFinite { index: 1, .. }, @"theta[1] is NaN; every entry must be finite");
    assert_error!(trace.at(&[f64::INFINITY, 1.0]), NumericError::ThetaNotFinite { index: 0, .. }, @"theta[0] is inf; every entry must be finite");
    // A negative coefficient is fine as long as the rate is not negative.
    assert!(trace.at(&[1.0, 1.5]).is_ok());
    assert_error!(trace.at(&[1.0, 3.0]), NumericError::InvalidRate { rate: -0.5, .. }, @"edge 1 -> 2 has the rate -0.5 at this theta; rates must be finite and at least 0, so change theta or the edge's coefficients");
    assert_error!(trace.at(&[1e308, -1.7e308]), NumericError::InvalidRate { .. }, @"edge 1 -> 2 has the rate inf at this theta; rates must be finite and at least 0, so change theta or the edge's coefficients");
    assert_error!(trace.at(&[1.0, 2.0]), NumericError::NoAbsorptionAtTheta { .. }, @"absorption cannot be reached from vertex 1 (state [2]) at this theta: rates of zero cut it off (its pivot is 0), so the waiting time is infinite; use a theta that keeps a path open");
}

#[test]
fn zero_rates_that_cut_off_absorption() {
    // Two islands without migration, a lineage on each: they never meet. The start is on one island only.
    let islands = EliminationTrace::record(&models::islands(4).unwrap());
    let time = islands.at(&[1.0, 1.0, 0.0]).unwrap();
    assert!((time.expectation() - 1.5).abs() < 1e-15);
    let infinite = time
        .expected_waiting_times()
        .into_iter()
        .filter(|time| *time == f64::INFINITY)
        .count();
    assert_eq!(infinite, 6);

    // An exit without a rate closes a block: its last pivot would be 0.
    let chain = EliminationTrace::record(&models::birth_death(5).unwrap());
    assert_error!(chain.at(&[1.0, 0.0]), NumericError::NoAbsorptionAtTheta { .. }, @"absorption cannot be reached from vertex 1 (state [5]) at this theta: rates of zero cut it off (its pivot is 0), so the waiting time is infinite; use a theta that keeps a path open");
    assert!(chain.at(&[0.0, 1.0]).is_ok());
}

#[test]
fn work_units() {
    let analysis = Analysis::new(&models::birth_death(3).unwrap());
    let unit = analysis.work_units()[0].to_json();
    let damaged = |old: &str, new: &str| {
        assert_eq!(unit.matches(old).count(), 1, "{old}");
        WorkUnit::from_json(&unit.replace(old, new))
    };
    assert_error!(WorkUnit::from_json(&unit[..40]), SymbolicError::WorkUnitJson { line: 1, .. }, @"malformed work unit at line 1, column 40: EOF while parsing an object; write the unit again");
    assert_error!(WorkUnit::from_json("{}"), SymbolicError::WorkUnitJson { .. }, @"malformed work unit at line 1, column 2: missing field `format`; write the unit again");
    assert_error!(damaged("\"exits\"", "\"exit\""), SymbolicError::WorkUnitJson { .. }, @"malformed work unit at line 1, column 149: missing field `exits`; write the unit again");
    assert_error!(damaged("\"version\":1", "\"version\":2"), SymbolicError::WorkUnitVersion { version: 2, .. }, @"the work unit is `elimap-work-unit` version 2, this library reads `elimap-work-unit` version 1; write the unit again with this version");
    assert_error!(damaged("elimap-work-unit", "elimap-trace"), SymbolicError::WorkUnitVersion { .. }, @"the work unit is `elimap-trace` version 1, this library reads `elimap-work-unit` version 1; write the unit again with this version");
    assert_error!(damaged("[[1],[0,2],[1]]", "[[1],[0,3],[1]]"), SymbolicError::WorkUnitPattern { .. }, @"damaged work unit: the successors of vertex 1 are not ascending vertices below 3 other than itself; write the unit again");
    assert_error!(damaged("[[1],[0,2],[1]]", "[[1],[2,0],[1]]"), SymbolicError::WorkUnitPattern { .. }, @"damaged work unit: the successors of vertex 1 are not ascending vertices below 3 other than itself; write the unit again");
    assert_error!(damaged("[[1],[0,2],[1]]", "[[0],[0,2],[1]]"), SymbolicError::WorkUnitPattern { .. }, @"damaged work unit: the successors of vertex 0 are not ascending vertices below 3 other than itself; write the unit again");
    assert_error!(damaged("\"exits\":[2]", "\"exits\":[3]"), SymbolicError::WorkUnitPattern { .. }, @"damaged work unit: the exits are not ascending vertices below 3; write the unit again");
    assert_error!(damaged("\"exits\":[2]", "\"exits\":[0]"), SymbolicError::WorkUnitKey { .. }, @"damaged work unit: it states the key 9df87a27e91b406a686172239d42643e921ec5be159c1a6461290676f55f8147, but its content has the key 00c3d6f9ef012e52173a1e7ec2106e886e7af807647aab107c9e1ccef47cb1bd; write the unit again");
    assert_error!("xyz".parse::<BlockKey>(), SymbolicError::InvalidKey { .. }, @"`xyz` is not a block key; a key is 64 hexadecimal digits");
    let store = WorkStore::new(analysis.work_units());
    assert_error!(store.get(1), EliminatorError::NoSuchWorkUnit { index: 1, units: 1 }, @"work unit 1 does not exist, the store has 1; indices run from 0, and -1 is padding");
    assert!(matches!(
        store.get(-2),
        Err(EliminatorError::NoSuchWorkUnit { index: -2, .. })
    ));
}

#[test]
fn assemblies() {
    let analysis = Analysis::new(&models::birth_death(3).unwrap());
    let other = Analysis::new(&models::birth_death(4).unwrap()).eliminate();
    assert_error!(analysis.assemble(Vec::new()), SymbolicError::TraceCount { expected: 1, found: 0 }, @"0 block traces were given for 1 work units; pass one per unit, in the order of the units");
    assert_error!(analysis.assemble(other.block_traces().to_vec()), SymbolicError::TraceMismatch { unit: 0, .. }, @"the block trace given for work unit 0 has the key 022db04af60bee4d300977b37798ecdf043dad060457f7c20d3cc7e495292706, but the unit has 9df87a27e91b406a686172239d42643e921ec5be159c1a6461290676f55f8147; pass the traces in the order of the units");
}

#[test]
fn models_without_a_size() {
    assert_error!(models::kingman(1), GraphError::ModelSize { model: "kingman", size: 1, least: 2 }, @"model `kingman` of size 1 does not exist; the smallest size is 2");
    for empty in [
        models::erlang(0),
        models::grid_walk(3, 0),
        models::block_chain(0, 4, 2, 1, 1),
        models::dense(0, 1),
    ] {
        assert!(matches!(empty, Err(GraphError::ModelSize { .. })));
    }
}

/// A graph's text with a few bytes changed.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("0".to_owned()),
        Just("-1".to_owned()),
        Just("3".to_owned()),
        Just("1e308".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just("[2, 1, 1.0]".to_owned()),
        Just("[]".to_owned()),
        any::<char>().prop_map(String::from),
        Just(String::new()),
    ];
    prop::collection::vec((0..text.len(), 0usize..4, piece), 0..4).prop_map(move |changes| {
        let mut text = text.to_owned();
        for (at, length, piece) in changes {
            let floor = |mut index: usize| {
                index = index.min(text.len());
                while !text.is_char_boundary(index) {
                    index -= 1;
                }
                index
            };
            let range = floor(at)..floor(at + length);
            text.replace_range(range, &piece);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn damaged_text_is_an_error_or_a_graph(text in mutated(GRAPH), theta in prop::array::uniform2(any::<f64>())) {
        if let Ok(graph) = Graph::from_json(&text) {
            if let Ok(time) = EliminationTrace::record(&graph).at(&theta) {
                prop_assert!(time.moments(3).iter().chain(&[time.variance()]).all(|value| !value.is_nan()));
            }
            prop_assert_eq!(Graph::from_json(&graph.to_json()).unwrap(), graph);
        }
    }

    #[test]
    fn damaged_units_are_errors_or_units(text in mutated(UNIT)) {
        if let Ok(unit) = WorkUnit::from_json(&text) {
            prop_assert_eq!(unit.to_json(), UNIT);
        }
    }
}
