//! The reference cases: every question of a kind the library answers.
//!
//! The answers were made with ball arithmetic and have 34 certain digits.

use std::path::Path;

use crate::compare::{Outcome, run};

#[test]
fn every_question_of_the_cases_is_answered_within_its_tolerance() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/distributions");
    let (mut passed, mut others, mut failed) = (0, Vec::new(), Vec::new());
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let case: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for (index, (outcome, _)) in run(&case).into_iter().enumerate() {
            let question = &case["questions"][index];
            let name = format!("{} {index} {}", case["name"], question["ask"]);
            match outcome {
                Outcome::Passed => passed += 1,
                Outcome::NotCovered => others.push(name),
                Outcome::Failed(wrong) => failed.push(format!("{name}: {wrong}")),
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{} failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
    println!("{passed} passed, not covered: {others:?}");
    assert!(passed > 0);
}
