//! Reads functions from the text of their jaxprs, transforms them as programs and compares with the reference's answers.
//!
//!     cargo run --release --example jaxprs -- CASES.jsonl.. [--list] [--only TEXT]
//!
//! `tests/reference/harvest.py` takes such cases from JAX's own tests. A case is `equal`, `different`, or `refused`: what is not offered is
//! an error, which is counted by its text. `--list` prints the cases that are not equal, `--only` runs those whose name holds a text.

#[allow(dead_code, unused_imports)]
#[path = "../tests/conformance/case.rs"]
mod case;
#[path = "../tests/conformance/jaxprs.rs"]
mod jaxprs;

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::Value;

use crate::jaxprs::{Outcome, outcome};

fn main() -> ExitCode {
    let (mut files, mut listed, mut only) = (Vec::new(), false, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--list" => listed = true,
            "--only" => only = args.next(),
            _ => files.push(arg),
        }
    }
    let mut total = Tally::default();
    for file in &files {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::from(2);
            }
        };
        let mut tally = Tally::default();
        for line in text.lines() {
            let case: Value = match serde_json::from_str(line) {
                Ok(case) => case,
                Err(error) => {
                    eprintln!("{file}: {error}");
                    return ExitCode::from(2);
                }
            };
            let id = case["id"].as_str().unwrap_or("");
            if only.as_ref().is_some_and(|part| !id.contains(&part[..])) {
                continue;
            }
            let outcome = outcome(&case);
            if listed {
                match &outcome {
                    Outcome::Equal => {}
                    Outcome::Different(how) => {
                        println!("{id} {} differs: {how}", case["transform"])
                    }
                    Outcome::Refused(why) => println!("{id} {} refused: {why}", case["transform"]),
                }
            }
            tally.count(&outcome);
        }
        println!("{file}: {tally}");
        total.add(tally);
    }
    println!("all: {total}");
    let mut reasons: Vec<_> = total.reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (reason, count) in reasons.iter().take(60) {
        println!("{count:6} {reason}");
    }
    ExitCode::from(u8::from(total.different > 0))
}

#[derive(Default)]
struct Tally {
    equal: usize,
    different: usize,
    /// Of element types that are not offered.
    types: usize,
    refused: usize,
    reasons: BTreeMap<String, usize>,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Equal => self.equal += 1,
            Outcome::Different(_) => self.different += 1,
            Outcome::Refused(why) if why.contains("an element type") => self.types += 1,
            Outcome::Refused(why) => {
                self.refused += 1;
                // Places, shapes and numbers tell cases apart, not reasons.
                let plain: String = why
                    .chars()
                    .map(|c| if c.is_ascii_digit() { '#' } else { c })
                    .collect();
                *self
                    .reasons
                    .entry(plain.chars().take(160).collect())
                    .or_default() += 1;
            }
        }
    }

    fn add(&mut self, other: Tally) {
        self.equal += other.equal;
        self.different += other.different;
        self.types += other.types;
        self.refused += other.refused;
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.equal + self.different + self.refused;
        write!(
            f,
            "{} equal, {} different, {} refused ({:.1} % equal); {} of other element types",
            self.equal,
            self.different,
            self.refused,
            100.0 * self.equal as f64 / (all.max(1)) as f64,
            self.types
        )
    }
}
