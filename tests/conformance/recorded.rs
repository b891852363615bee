//! The recorded answers of JAX 0.10.2, case by case, through the runner's own code.

use crate::jaxprs::{Outcome, outcome};
use crate::{case, compare};

/// Every case of a file, none of which may differ from the reference.
fn assert_all_pass(text: &str, at_least: usize) {
    let cases = case::read(text).unwrap();
    assert!(
        cases.len() >= at_least,
        "only {} cases were read",
        cases.len()
    );
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let outcome = compare::run(case);
            assert_eq!(outcome.result["id"], case.id.as_str());
            assert!(!outcome.fewer_calls, "{}", case.id);
            outcome
                .difference
                .map(|difference| format!("{} differs: {difference}", case.id))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn cases_agree_with_the_reference() {
    assert_all_pass(include_str!("../data/conformance/cases.json"), 425);
}

#[test]
fn derivatives_agree_with_the_reference() {
    assert_all_pass(include_str!("../data/conformance/cases_diff.json"), 236);
}

/// What JAX's primitives make of text, mapped and differentiated, those that are functions here among them.
#[test]
fn jaxprs_of_its_primitives_agree_with_the_reference() {
    let text = include_str!("../data/reference/primitives.jsonl");
    let mut failures = Vec::new();
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let named = |how: String| format!("{} {}: {how}", case["id"], case["transform"]);
        match outcome(&case) {
            Outcome::Equal => {}
            Outcome::Different(how) | Outcome::Refused(how) => failures.push(named(how)),
        }
    }
    assert!(text.lines().count() > 100);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn c2_to_c13_callback_vectors_agree_with_the_reference() {
    assert_all_pass(
        include_str!("../data/conformance/callback_vectors.json"),
        168,
    );
}

/// A comparison that accepts anything would make the two tests above worthless.
#[test]
fn a_wrong_answer_is_noticed() {
    let text = r#"[
        {"id": "right", "mode": "eager", "inputs": [{"dtype": "float64", "shape": [2], "data": [1.0, 2.0]}],
         "fun": {"args": ["x"], "body": [{"op": "add", "args": ["x", 1.0], "out": "y"}], "return": "y"}, "vmap": [{}],
         "expect": {"output": {"dtype": "float64", "shape": [2], "data": [2.0, 3.0]}, "calls": []}},
        {"id": "wrong value", "mode": "eager", "inputs": [{"dtype": "float64", "shape": [2], "data": [1.0, 2.0]}],
         "fun": {"args": ["x"], "body": [{"op": "add", "args": ["x", 1.0], "out": "y"}], "return": "y"}, "vmap": [{}],
         "expect": {"output": {"dtype": "float64", "shape": [2], "data": [2.0, 3.5]}, "calls": []}},
        {"id": "wrong calls", "mode": "eager", "inputs": [{"dtype": "float64", "shape": [2], "data": [1.0, 2.0]}],
         "fun": {"args": ["x"], "body": [{"op": "callback", "fn": "identity", "method": "sequential", "args": ["x"],
                 "result": [{"dtype": "float64", "shape": []}], "out": ["y"]}], "return": "y"}, "vmap": [{}],
         "expect": {"output": {"dtype": "float64", "shape": [2], "data": [1.0, 2.0]}, "calls": []}},
        {"id": "error expected", "mode": "eager", "inputs": [{"dtype": "float64", "shape": [2], "data": [1.0, 2.0]}],
         "fun": {"args": ["x"], "body": [], "return": "x"}, "vmap": [{}], "expect": {"error": "ShapeMismatch"}}
    ]"#;
    let cases = case::read(text).unwrap();
    let differs: Vec<&str> = cases
        .iter()
        .filter(|case| compare::run(case).difference.is_some())
        .map(|case| case.id.as_str())
        .collect();
    assert_eq!(differs, ["wrong value", "wrong calls", "error expected"]);
}

#[test]
fn the_wide_vocabulary_agrees_with_the_reference() {
    let text = include_str!("../data/conformance/cases_vocabulary.json");
    assert_all_pass(text, 471);
}
