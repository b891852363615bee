//! `elimap show` and `elimap convert`: models as people and other programs read them.

use elimap::phase::{EliminationTrace, Graph, models};
use serde_json::{Value, json};

use super::piped::{failure, run, stdout};

#[test]
fn a_model_is_shown_with_its_names() {
    let model = models::k_out_of_n(1, 2).unwrap().to_json();
    let text = stdout(&["show", "-"], &model);
    insta::assert_snapshot!(text, @r"
    kind                 continuous
    vertices             4 (1 absorbing)
    edges                3
    parameters           2 (failure, repair)
    state entries        1 (working)
    start                1 in vertex 1 [2]

    vertex 1 [2]
        -> 2      [1]  rate 2 failure
    vertex 2 [1]
        -> 3      [0]  rate failure
        -> 1      [2]  rate repair
    vertex 3 [0]  absorbing
    ");
    let text = stdout(&["show", "-", "--theta", "0.5,3", "--limit", "1"], &model);
    assert!(
        text.contains("-> 2      [1]  rate 1\n.. and 2 more vertices; --limit shows them"),
        "{text}"
    );
    let shown: Value = serde_json::from_str(&stdout(&["show", "-", "--json"], &model)).unwrap();
    assert_eq!(shown["parameter_names"], json!(["failure", "repair"]));
    assert_eq!(shown["states"][1]["edges"], json!([[2, "2 failure"]]));
    let (code, message) = failure(&["show", "-", "--theta", "1"], &model);
    assert!(
        code == 1 && message.contains("theta has length 1, but the graph has 2"),
        "{message}"
    );
}

#[test]
fn matrices_go_out_and_in() {
    let model = models::islands(3).unwrap();
    let theta = ["--theta", "1,0.5,2"];
    let args = [&["convert", "-", "--to", "matrices"][..], &theta].concat();
    let matrices = stdout(&args, &model.to_json());
    let back = Graph::from_json(&stdout(&["convert", "-"], &matrices)).unwrap();
    let mean = |graph: &Graph, theta: &[f64]| {
        EliminationTrace::record(graph)
            .at(theta)
            .unwrap()
            .expectation()
    };
    let expected = mean(&model, &[1.0, 0.5, 2.0]);
    assert!((mean(&back, &[]) / expected - 1.0).abs() < 1e-14);
    // Graphs in phasic's form keep everything.
    assert_eq!(
        Graph::from_json(&stdout(&["convert", "-"], &model.to_json())).unwrap(),
        model
    );
    let entries = [&["convert", "-", "--to", "entries"][..], &theta].concat();
    let entries = stdout(&entries, &model.to_json());
    assert!(
        entries.starts_with("from,to,value\nstart,0,1.0\n0,1,3.0\n"),
        "{entries}"
    );
    let dot = stdout(
        &["convert", "-", "--to", "dot"],
        &models::erlang(1).unwrap().to_json(),
    );
    insta::assert_snapshot!(dot, @r#"
    digraph model {
      rankdir=LR; node [shape=ellipse];
      v0 [label="0", shape=point];
      v1 [label="1", shape=ellipse];
      v2 [label="0", shape=box];
      v0 -> v1 [label="1", style=dashed];
      v1 -> v2 [label="theta0"];
    }
    "#);
    let steps = stdout(
        &["convert", "-", "--to", "matrices"],
        r#"{"alpha": [1], "P": [[0.75]]}"#,
    );
    let steps: Value = serde_json::from_str(&steps).unwrap();
    assert_eq!(
        steps,
        json!({"alpha": [1.0], "P": [[0.75]], "exits": [0.25], "states": [[1]]})
    );
    for (input, expected) in [
        (
            r#"{"alpha": [1], "T": [[1]]}"#,
            "row 0 leaves -1.0 for absorption",
        ),
        (r#"{"alpha": [1]}"#, "goes one matrix"),
        (
            r#"{"alpha": [1], "T": [[-1, 0], [0]]}"#,
            "row 1 of the matrix has 1 numbers",
        ),
        ("{}", "field `states` is missing"),
    ] {
        let (code, message) = failure(&["convert", "-"], input);
        assert!(
            code == 1 && message.contains(expected),
            "{input}: {message}"
        );
    }
}

#[test]
fn constant_models_need_no_theta_and_others_do() {
    let constant = stdout(&["convert", "-"], r#"{"alpha": [1], "T": [[-4]]}"#);
    let moments = |model: &str| stdout(&["moments", "-", "--order", "1", "--json"], model);
    let found: Value = serde_json::from_str(&moments(&constant)).unwrap();
    assert_eq!(
        (&found["expectation"], &found["theta"]),
        (&json!(0.25), &json!([]))
    );
    // phasic writes constants as coefficients of one parameter, which is then 1.
    let phasics = r#"{"states": [[0], [1], [9]], "edges": [], "start_edges": [[1, 1.0]], "param_edges": [[1, 2, 4.0]],
        "start_param_edges": [], "param_length": 1, "state_length": 1, "n_vertices": 3}"#;
    let output = run(&["moments", "-", "--json"], phasics);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&found["expectation"], &found["theta"]),
        (&json!(0.25), &json!([1.0]))
    );
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "elimap: no --theta: the one parameter is 1, as for the constant rates of phasic\n"
    );
    let (code, message) = failure(
        &["moments", "-"],
        &models::k_out_of_n(1, 2).unwrap().to_json(),
    );
    assert!(
        code == 2 && message.contains("2 parameters (failure, repair)"),
        "{message}"
    );
    let (code, message) = failure(
        &["waiting-times", "-"],
        &models::islands(2).unwrap().to_json(),
    );
    assert!(
        code == 2 && message.contains("3 parameters; give them with --theta"),
        "{message}"
    );
}

#[test]
fn rewards_are_expressions_over_states() {
    let model = models::kingman(4).unwrap().to_json();
    let args = [
        "moments", "-", "--theta", "1", "--reward", "s0", "--reward", "s0 == 2", "--json",
    ];
    let found: Value = serde_json::from_str(&stdout(&args, &model)).unwrap();
    let rewards: Vec<f64> = serde_json::from_value(found["expected_rewards"].clone()).unwrap();
    assert!((rewards[0] - 11.0 / 3.0).abs() < 1e-14 && (rewards[1] - 1.0).abs() < 1e-15);
    for (expression, expected) in [
        (
            "s0 +",
            "expression `s0 +`, character 5: expected a number, a name or `(`, found the end",
        ),
        ("s3", "the states have no entry `s3`; they have s0"),
        ("-s0", "rewards must be finite and at least 0"),
    ] {
        let (code, message) = failure(
            &["moments", "-", "--theta", "1", "--reward", expression],
            &model,
        );
        assert!(code == 1 && message.contains(expected), "{message}");
    }
}
