//! Answers the questions of reference cases through the public API and compares with their answers.
//!
//!     cargo run --release --example reference -- FILE.. [--out RESULTS.json]

#[path = "../tests/distribution/answer.rs"]
mod answer;
#[path = "../tests/distribution/compare.rs"]
mod compare;

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::compare::Outcome;

fn main() -> ExitCode {
    let (mut files, mut out) = (Vec::new(), None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--out" => out = args.next(),
            "--help" | "-h" => files.clear(),
            _ => files.push(arg),
        }
    }
    if files.is_empty() {
        eprintln!("usage: reference FILE.. [--out RESULTS.json]");
        return ExitCode::from(2);
    }
    match run(&files, out.as_deref()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// The number of questions that failed.
fn run(files: &[String], out: Option<&str>) -> Result<usize, String> {
    let (mut passed, mut failed, mut others) = (0, 0, 0);
    let mut results = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
        let case: Value = serde_json::from_str(&text).map_err(|e| format!("{file}: {e}"))?;
        let name = case["name"].as_str().unwrap_or(file);
        for (index, (outcome, answer)) in compare::run(&case).into_iter().enumerate() {
            let ask = &case["questions"][index]["ask"];
            match outcome {
                Outcome::Passed => passed += 1,
                Outcome::NotCovered => others += 1,
                Outcome::Failed(wrong) => {
                    failed += 1;
                    println!("{name} {index} {ask}: {wrong}");
                }
            }
            results.push(match answer {
                Ok(answer) => json!({"case": name, "question": index, "answer": shown(answer)}),
                Err(error) => json!({"case": name, "question": index, "error": error}),
            });
        }
    }
    if let Some(out) = out {
        let text = serde_json::to_string(&results).map_err(|e| e.to_string())?;
        std::fs::write(out, text).map_err(|e| format!("{out}: {e}"))?;
    }
    if others > 0 {
        println!("{others} questions are of kinds that are not covered");
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed)
}

/// Numbers as the decimal strings that cases have; counts stay numbers.
fn shown(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => Value::String(number.to_string()),
        Value::Array(list) => list.into_iter().map(shown).collect(),
        Value::Object(map) => map.into_iter().map(|(name, v)| (name, shown(v))).collect(),
        other => other,
    }
}
