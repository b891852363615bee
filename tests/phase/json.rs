//! What a graph is after it was written and read again, and what is refused by name.

use elimap::phase::{Graph, GraphError};

#[test]
fn an_edge_whose_coefficients_are_all_zero_reads_back_as_what_it_is() {
    for zero in 0..3 {
        let mut builder = Graph::builder(1, 2);
        let vertices: Vec<_> = (0..5).map(|label| builder.add_vertex(&[label])).collect();
        for (place, &to) in vertices[1..4].iter().enumerate() {
            let scale = if place == zero { 0.0 } else { 1.0 };
            builder.add_edge(vertices[0], to, &[scale, 2.0 * scale]);
        }
        for (place, &from) in vertices[1..4].iter().enumerate() {
            // Beside edges with constant rates it is one of those.
            builder.add_constant_edge(from, vertices[4], 1.0);
            if place == zero {
                builder.add_constant_edge(from, vertices[0], 0.0);
            }
        }
        builder.start(vertices[0], 1.0);
        let graph = builder.build().unwrap();
        let text = graph.to_json();
        assert_eq!(Graph::from_json(&text).unwrap(), graph);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["param_edges"].as_array().unwrap().len(), 3);
        assert_eq!(value["param_edges"][zero][2], 0.0);
        assert_eq!(value["edges"].as_array().unwrap().len(), 4);
    }
}

/// Two states, then absorption, as phasic 0.32 writes it.
const GRAPH: &str = r#"{"states": [[0], [2], [1], [3]], "vertex_indices": [0, 1, 2, 3], "edges": [], "constant_edges": [],
    "start_edges": [[1, 1.0]], "param_edges": [[1, 2, 1.0], [2, 3, 1.0]], "start_param_edges": [], "param_length": 1,
    "state_length": 1, "n_vertices": 4, "weight_mode": "linear", "dyn_ordering": false}"#;

#[test]
fn a_model_that_starts_nowhere_is_refused() {
    Graph::from_json(GRAPH).unwrap();
    let error = Graph::from_json(&GRAPH.replace("[[1, 1.0]]", "[]")).unwrap_err();
    assert!(matches!(error, GraphError::NoStart), "{error:?}");
    insta::assert_snapshot!(error, @"`start_edges` is empty, so the model starts nowhere; give rows [to, probability] (a model that is absorbed at time zero has the probability 0)");
    let nowhere = Graph::from_json(&GRAPH.replace("[[1, 1.0]]", "[[1, 0.0]]")).unwrap();
    assert_eq!(nowhere.start().len(), 1);
}

#[test]
fn a_discretized_graph_is_refused_by_name() {
    // Each transient vertex leads to an auxiliary one of zeros, and that one back with the weight 1.
    let discretized = GRAPH
        .replace("[3]], \"vertex", "[3], [0], [0]], \"vertex")
        .replace("[0, 1, 2, 3]", "[0, 1, 2, 3, 4, 5]")
        .replace("[2, 3, 1.0]]", "[2, 3, 0.5], [1, 4, 0.5], [2, 5, 0.5]]")
        .replace(
            "\"constant_edges\": []",
            "\"constant_edges\": [[4, 1, 1.0], [5, 2, 1.0]]",
        )
        .replace("\"n_vertices\": 4", "\"n_vertices\": 6");
    let error = Graph::from_json(&discretized).unwrap_err();
    assert!(matches!(error, GraphError::Discrete { vertex: Some(vertex) } if vertex.index() == 4));
    insta::assert_snapshot!(error, @"the graph was made by phasic's `discretize` (vertex 4 is one of its auxiliary vertices), and discrete models are not read; serialize the graph as it was before");
    // Constant rates of another kind are what they are.
    for (old, new) in [
        ("[4, 1, 1.0]", "[4, 1, 2.0]"),
        ("[4, 1, 1.0]", "[4, 2, 1.0]"),
        ("[0], [0]]", "[7], [0]]"),
    ] {
        Graph::from_json(&discretized.replace(old, new)).unwrap();
    }
    let flagged = GRAPH.replace("\"weight_mode\"", "\"is_discrete\": true, \"weight_mode\"");
    let error = Graph::from_json(&flagged).unwrap_err();
    assert!(
        matches!(error, GraphError::Discrete { vertex: None }),
        "{error:?}"
    );
}
