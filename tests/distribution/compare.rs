//! Comparison of answers with references, by the tolerance a question states.

use serde_json::Value;

use super::answer::{Model, NoAnswer};

/// What came of one question.
pub(crate) enum Outcome {
    Passed,
    NotCovered,
    /// With what is wrong.
    Failed(String),
}

/// How far an answer may be from the reference.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    absolute: f64,
    relative: f64,
    /// Relative to the largest of the numbers side by side.
    of_largest: bool,
}

/// The numbers of an answer, level by level.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

fn largest(value: &Value) -> f64 {
    match value {
        Value::Array(list) => list.iter().map(largest).fold(0.0, f64::max),
        Value::Object(map) => map.values().map(largest).fold(0.0, f64::max),
        other => number(other).unwrap_or(0.0).abs(),
    }
}

impl Allowed {
    fn parse(text: &str, answer: &Value, mean: f64) -> Self {
        let mut words = text.split_whitespace();
        let kind = words.next().unwrap_or("exact");
        let size: f64 = words
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(0.0);
        let scale = match text {
            _ if text.contains("x max pdf") => largest(answer),
            _ if text.contains("x mean") => mean,
            _ => 1.0,
        };
        match kind {
            "absolute" => Self {
                absolute: size * scale,
                relative: 0.0,
                of_largest: false,
            },
            "relative" => Self {
                absolute: 0.0,
                relative: size,
                of_largest: text.contains("largest"),
            },
            _ => Self {
                absolute: 0.0,
                relative: 0.0,
                of_largest: false,
            },
        }
    }

    /// What is wrong with an answer, if anything is.
    fn check(self, found: &Value, expected: &Value, path: &str, of: f64) -> Option<String> {
        match (found, expected) {
            (Value::Array(found), Value::Array(expected)) => {
                if found.len() != expected.len() {
                    return Some(format!(
                        "{path} has {} entries of {}",
                        found.len(),
                        expected.len()
                    ));
                }
                let of = expected
                    .iter()
                    .map(|e| if e.is_array() { 0.0 } else { largest(e) });
                let of = of.fold(0.0, f64::max);
                let pairs = found.iter().zip(expected).enumerate();
                pairs
                    .into_iter()
                    .find_map(|(i, (f, e))| self.check(f, e, &format!("{path}[{i}]"), of))
            }
            (Value::Object(found), Value::Object(expected)) => {
                expected.iter().find_map(|(name, e)| match found.get(name) {
                    Some(f) => self.check(f, e, &format!("{path}.{name}"), of),
                    None => Some(format!("{path}.{name} is missing")),
                })
            }
            _ => {
                let (Some(f), Some(e)) = (number(found), number(expected)) else {
                    return Some(format!("{path} is {found}, not a number"));
                };
                let size = if self.of_largest { of } else { e.abs() };
                // A reference below every f64 is a zero that went through finitely many digits.
                let zero = if e.abs() < 1e-150 { 1e-13 } else { 0.0 };
                let allowed = self.absolute.max(self.relative * size).max(zero);
                let error = (f - e).abs();
                (error.is_nan() || error > allowed)
                    .then(|| format!("{path} is {f:?}, not {e:?}: {error:.1e} of {allowed:.1e}"))
            }
        }
    }
}

/// Answers the questions of a case and compares; with the answers.
pub(crate) fn run(case: &Value) -> Vec<(Outcome, Result<Value, String>)> {
    let none = Vec::new();
    let questions = case
        .get("questions")
        .and_then(Value::as_array)
        .unwrap_or(&none);
    let model = match Model::read(case) {
        Ok(model) => model,
        Err(message) => {
            let failed = || (Outcome::Failed(message.clone()), Err(message.clone()));
            return questions.iter().map(|_| failed()).collect();
        }
    };
    let mean = match &model {
        Model::Time(time) => time.expectation(),
        Model::Steps(_) | Model::Pair(_) | Model::Other => 1.0,
    };
    questions
        .iter()
        .map(|question| match model.answer(question) {
            Err(NoAnswer::NotCovered) => (Outcome::NotCovered, Err("not covered".to_owned())),
            Err(NoAnswer::Failed(message)) => (Outcome::Failed(message.clone()), Err(message)),
            Ok(found) => {
                let tolerance = question["tolerance"].as_str().unwrap_or("exact");
                let allowed = Allowed::parse(tolerance, &question["answer"], mean);
                let outcome = match allowed.check(&found, &question["answer"], "answer", 0.0) {
                    None => Outcome::Passed,
                    Some(wrong) => Outcome::Failed(wrong),
                };
                (outcome, Ok(found))
            }
        })
        .collect()
}
