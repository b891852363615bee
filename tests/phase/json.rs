//! What a graph is after it was written and read again, and what is refused by name.

use elimap::phase::{Clock, EliminationTrace, Graph, GraphError, NumericError};

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
fn rates_of_the_mode_log_are_products() {
    // As phasic 0.32 answers them: 2 theta_0 times 3 theta_1 for the first, 0.5 theta_0 times 4 theta_1 for the second.
    let text = GRAPH
        .replace(
            "[1, 2, 1.0], [2, 3, 1.0]",
            "[1, 2, 2.0, 3.0], [2, 3, 0.5, 4.0]",
        )
        .replace("\"param_length\": 1", "\"param_length\": 2")
        .replace("\"linear\"", "\"log\"");
    let graph = Graph::from_json(&text).unwrap();
    let rates =
        |graph: &Graph| -> Vec<f64> { graph.edges().map(|edge| edge.rate(&[0.5, 7.0])).collect() };
    assert_eq!(rates(&graph), [21.0, 7.0]);
    // It is written as a graph of products, which is the same graph.
    let again = Graph::from_json(&graph.to_json()).unwrap();
    assert_eq!((rates(&again), &again), (vec![21.0, 7.0], &graph));
    // With one parameter both modes say the same.
    let linear = Graph::from_json(GRAPH).unwrap();
    assert_eq!(
        Graph::from_json(&GRAPH.replace("\"linear\"", "\"log\"")).unwrap(),
        linear
    );
}

#[test]
fn a_discretized_graph_of_phasic_is_a_chain_of_jumps() {
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
    let graph = Graph::from_json(&discretized).unwrap();
    assert_eq!((graph.clock(), graph.edge_count()), (Clock::Jumps, 6));
    // Its time is not that of the rates.
    let trace = EliminationTrace::record(&graph);
    assert!(matches!(trace.at(&[1.0]), Err(NumericError::Discrete)));
    let batch = trace.batch().expectations(ndarray::array![[1.0]].view());
    assert!(matches!(batch, Err(NumericError::Discrete)));
    let text = graph.to_json();
    assert!(text.contains(r#""discrete":"jumps""#), "{text}");
    assert_eq!(Graph::from_json(&text).unwrap(), graph);
    // Constant rates of another kind are what they are.
    for (old, new) in [
        ("[4, 1, 1.0]", "[4, 1, 2.0]"),
        ("[4, 1, 1.0]", "[4, 2, 1.0]"),
        ("[0], [0]]", "[7], [0]]"),
        ("\"weight_mode\"", "\"discrete\": false, \"weight_mode\""),
    ] {
        let graph = Graph::from_json(&discretized.replace(old, new)).unwrap();
        assert_eq!(graph.clock(), Clock::Continuous);
    }
    let flagged = GRAPH.replace("\"weight_mode\"", "\"is_discrete\": true, \"weight_mode\"");
    assert_eq!(Graph::from_json(&flagged).unwrap().clock(), Clock::Steps);
}

#[test]
fn discrete_graphs_keep_their_self_loops() {
    let discrete = GRAPH
        .replace("\"weight_mode\"", "\"discrete\": true, \"weight_mode\"")
        .replace("\"edges\": []", "\"edges\": [[2, 2, 0.25]]")
        .replace("[1, 2, 1.0]", "[1, 1, 0.5], [1, 2, 0.5]");
    let graph = Graph::from_json(&discrete).unwrap();
    assert!(graph.is_discrete());
    let loops: Vec<_> = graph.self_loops().collect();
    assert_eq!((loops.len(), graph.edge_count()), (2, 2));
    assert_eq!(
        (loops[0].from.index(), loops[0].coefficients),
        (1, &[0.5][..])
    );
    assert_eq!((loops[1].from.index(), loops[1].constant), (2, 0.25));
    assert_eq!(Graph::from_json(&graph.to_json()).unwrap(), graph);
    let error =
        Graph::from_json(&discrete.replace("\"discrete\": true", "\"discrete\": 3")).unwrap_err();
    insta::assert_snapshot!(error, @r#"field `discrete` is 3; write true (edges have probabilities), "jumps" (edges have weights) or false (edges have rates)"#);
    let continuous = discrete.replace("\"discrete\": true", "\"discrete\": false");
    assert!(matches!(
        Graph::from_json(&continuous),
        Err(GraphError::SelfLoop { .. })
    ));
}

#[test]
fn names_are_kept_in_the_file() {
    let named = GRAPH.replace(
        "\"weight_mode\"",
        r#""parameters": ["rate"], "slots": ["left"], "weight_mode""#,
    );
    let graph = Graph::from_json(&named).unwrap();
    assert_eq!(
        (graph.parameter_names(), graph.slot_names()),
        (&["rate".to_owned()][..], &["left".to_owned()][..])
    );
    assert_eq!(Graph::from_json(&graph.to_json()).unwrap(), graph);
    assert!(!Graph::from_json(GRAPH).unwrap().to_json().contains("slots"));
    let two = named.replace("[\"rate\"]", "[\"rate\", \"more\"]");
    insta::assert_snapshot!(Graph::from_json(&two).unwrap_err(), @"field `parameters` has 2 names, expected 1; give one for each, or none at all");
    let bad = named.replace("[\"left\"]", "[\"2left\"]");
    insta::assert_snapshot!(Graph::from_json(&bad).unwrap_err(), @r#"field `slots`, entry 0: "2left" cannot be a name; names are different words of letters, digits and `_` that begin with no digit"#);
}
