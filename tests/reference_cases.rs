//! Random cases with the answers JAX 0.10.2 gave, run through the public API.
//!
//! tests/reference/generate.py writes the cases and tests/reference/jax_runner.py asks JAX; a case passes where results
//! agree and the host was called with the same arrays, in the same order wherever JAX promises one.

#[path = "../examples/conformance/case.rs"]
mod case;
#[path = "../examples/conformance/compare.rs"]
mod compare;
#[path = "../examples/conformance/host.rs"]
mod host;
#[path = "../examples/conformance/interp.rs"]
mod interp;

/// Cases where this library differs from JAX on purpose, and why.
///
/// All are host calls that XLA finds out it does not need by algebra on values; results agree. JAX promises neither to make
/// such a call nor to drop it (rule C29).
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "random-12-00166",
        "a switch on `x xor x` is a switch on 0 to XLA, so the calls of its other branches go",
    ),
    (
        "random-12-00173",
        "the argsort of an axis of length 1 is 0 to XLA, so equal calls in an unrolled loop are one",
    ),
    (
        "random-12-00175",
        "an update as large as its operand replaces it, so what computed the operand goes",
    ),
];

#[test]
fn random_cases_agree_with_jax() {
    let text = include_str!("data/reference/random.json");
    let cases = case::read(text).expect("the corpus is well formed");
    assert!(cases.len() >= 300, "{}", cases.len());
    let mut differ = Vec::new();
    for case in &cases {
        let known = DIFFERENCES.iter().any(|(id, _)| *id == case.id);
        let outcome = compare::run(case);
        assert!(outcome.result.is_object());
        match (outcome.difference, known) {
            (Some(difference), false) => differ.push(format!("{}: {difference}", case.id)),
            (None, true) => differ.push(format!("{}: agrees now; take it off the list", case.id)),
            (Some(_), true) | (None, false) => {}
        }
    }
    assert!(
        differ.is_empty(),
        "{} differ:\n{}",
        differ.len(),
        differ.join("\n")
    );
}
