//! Random cases with the answers JAX 0.10.2 gave, run through the public API.
//!
//! tests/reference/generate.py, derive.py and each.py write the cases and tests/reference/jax_runner.py asks JAX; a case passes where results
//! agree and the host was called with the same arrays, in the same order wherever JAX promises one.

use crate::{case, compare};

/// Cases where this library differs from JAX, and why; COMPATIBILITY.md has the list.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "random-2026-00237",
        "an exact comparison of tanh(atanh(x)) with x, which round differently",
    ),
    (
        "random-2026-00254",
        "all_to_all of a value that is the same in every lane has the wrong shape in JAX",
    ),
];

/// Cases where XLA finds out by algebra on values that it does not need a host call; results agree.
///
/// JAX promises neither to make such a call nor to drop it (rule C29).
const FEWER_CALLS: &[&str] = &[
    // A switch on `x xor x` is a switch on 0 to XLA, so the calls of its other branches go.
    "random-12-00166",
    // The argsort of an axis of length 1 is 0 to XLA, so equal calls in an unrolled loop are one.
    "random-12-00173",
    // An update as large as its operand replaces it, so what computed the operand goes.
    "random-12-00175",
    "random-2026-00139",
    "random-2026-00172",
    "random-2026-00216",
];

#[test]
fn random_cases_agree_with_jax() {
    assert_agree(include_str!("../data/reference/random.json"), 300);
}

#[test]
fn random_cases_over_the_whole_vocabulary_agree_with_jax() {
    assert_agree(include_str!("../data/reference/vocabulary.json"), 250);
}

#[test]
fn random_derivatives_agree_with_jax() {
    assert_agree(include_str!("../data/reference/derivatives.json"), 180);
}

#[test]
fn derivatives_of_each_operation_agree_with_jax() {
    assert_agree(include_str!("../data/reference/each.json"), 300);
}

fn assert_agree(text: &str, at_least: usize) {
    let cases = case::read(text).expect("the corpus is well formed");
    assert!(cases.len() >= at_least, "{}", cases.len());
    let mut differ = Vec::new();
    for case in &cases {
        let known = DIFFERENCES.iter().any(|(id, _)| *id == case.id);
        let fewer = FEWER_CALLS.contains(&case.id.as_str());
        let outcome = compare::run(case);
        assert!(outcome.result.is_object());
        let as_listed =
            outcome.fewer_calls == fewer && outcome.difference.is_some() == (known || fewer);
        if !as_listed {
            let difference = outcome
                .difference
                .as_deref()
                .unwrap_or("agrees now; take it off the list");
            differ.push(format!("{}: {difference}", case.id));
        }
    }
    assert!(
        differ.is_empty(),
        "{} differ:\n{}",
        differ.len(),
        differ.join("\n")
    );
}
