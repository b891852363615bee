//! Writing results and failures.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};

use anyhow::Result;
use serde_json::{Value, json};

/// What a subcommand has to say on stdout; written whole once it is complete.
#[derive(Default)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn new() -> Text {
        Text::default()
    }

    /// One JSON object on a line.
    pub(crate) fn json(value: &Value) -> Text {
        Text(format!("{value}\n"))
    }

    pub(crate) fn line(&mut self, line: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    pub(crate) fn write(self) -> Result<()> {
        ignore_closed_pipe(std::io::stdout().write_all(self.0.as_bytes()))
    }
}

/// A reader such as `head` that has seen enough is no failure.
pub(crate) fn ignore_closed_pipe(outcome: std::io::Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Says on stderr why a run failed, with every cause that the messages before it do not already tell.
pub(crate) fn failure(error: &anyhow::Error) {
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !message.contains(&cause) {
            if !message.is_empty() {
                message.push_str(": ");
            }
            message.push_str(&cause);
        }
    }
    // There is nowhere left to report to if stderr is closed.
    let _ = writeln!(std::io::stderr(), "elimap: error: {message}");
}

/// A number in JSON, which has no infinities: those are the strings `"inf"`, `"-inf"` and `"nan"`.
pub(crate) fn number(x: f64) -> Value {
    if x.is_finite() {
        json!(x)
    } else if x.is_nan() {
        json!("nan")
    } else {
        json!(if x > 0.0 { "inf" } else { "-inf" })
    }
}

/// Numbers in JSON.
pub(crate) fn numbers(xs: &[f64]) -> Value {
    xs.iter().map(|&x| number(x)).collect()
}
