//! Answering a file of thetas chunk by chunk: memory follows the chunk, not the file.
//!
//! Each row is a computation of its own, so no answer depends on where chunks begin.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use elimap::phase::NumericError;
use ndarray::{ArrayView1, ArrayView2};

use crate::commands::question::Question;
use crate::form::{FormArgs, Format, csv_line, digits};
use crate::io::matrix::MatrixFile;
use crate::io::signals::Signals;
use crate::io::target::Target;
use crate::progress::Progress;

/// Numbers that a chunk holds, thetas and answers together, at most: 8 MB.
const MOST_NUMBERS: usize = 1 << 20;
/// Chunks double until one takes this long, so that progress moves and an interruption is heard.
const LONG_ENOUGH: Duration = Duration::from_millis(100);

/// Numbers of a row, thetas and answers together, at most. It is a model of millions of vertices that has so many.
const MOST_COLUMNS: usize = 1 << 24;

/// Answers on their way out.
struct Sink<'q> {
    question: &'q Question,
    target: Target,
    format: Format,
}

impl Sink<'_> {
    /// What stands before all answers; false if nobody reads any more.
    fn begin(&mut self, rows: u64) -> Result<bool> {
        let names = self.question.names();
        match self.format {
            Format::Npy => {
                let mut shape = self.question.shape();
                shape.insert(0, usize::try_from(rows)?);
                self.target.npy_header(&shape)
            }
            Format::Csv => {
                let names = std::iter::once("row".to_owned()).chain(names);
                self.target
                    .write(format!("{}\n", csv_line(names)).as_bytes())
            }
            Format::Text => {
                let names: Vec<String> = names.iter().map(|name| format!(" {name:>24}")).collect();
                let head = format!("{:>9}{}\n", "row", names.concat());
                self.target.write(head.as_bytes())
            }
            Format::Json | Format::Jsonl => Ok(true),
        }
    }

    /// The answers to thetas of which the first is row `first`; false if nobody reads any more.
    fn write(&mut self, first: u64, thetas: ArrayView2<'_, f64>, answers: &[f64]) -> Result<bool> {
        if self.format == Format::Npy {
            return self.target.npy_numbers(answers);
        }
        let width = answers.len() / thetas.nrows().max(1);
        let mut text = String::new();
        for (at, theta) in thetas.outer_iter().enumerate() {
            let row = first + at as u64;
            text.push_str(&self.line(row, theta, &answers[at * width..][..width]));
        }
        self.target.write(text.as_bytes())
    }

    fn line(&self, row: u64, theta: ArrayView1<'_, f64>, answer: &[f64]) -> String {
        let numbers = digits(theta.iter().chain(answer));
        match self.format {
            Format::Csv => format!("{row},{}\n", csv_line(numbers)),
            Format::Json | Format::Jsonl => {
                let object = self.question.json(row, theta, answer);
                self.format.json_entry(row, &object)
            }
            Format::Text | Format::Npy => {
                let cells: Vec<String> = numbers.map(|x| format!(" {x:>24}")).collect();
                format!("{row:>9}{}\n", cells.concat())
            }
        }
    }

    fn finish(mut self, rows: u64) -> Result<()> {
        self.target.write(self.format.json_end(rows).as_bytes())?;
        self.target.finish()
    }
}

/// Answers every row of `thetas` and writes the answers.
pub(crate) fn stream(
    question: &Question,
    mut thetas: MatrixFile,
    form: &FormArgs,
    format: Format,
) -> Result<()> {
    let rows = thetas.rows();
    let columns = question.theta_length().saturating_add(question.width());
    ensure!(
        columns <= MOST_COLUMNS,
        "a row would have {columns} numbers, thetas and answers together, and {MOST_COLUMNS} is the most; ask for less, such as fewer moments or no gradient"
    );
    let signals = Signals::listen()?;
    let mut sink = Sink {
        question,
        target: form.open()?,
        format,
    };
    if !sink.begin(rows)? {
        return Ok(());
    }
    let watched = form.out.is_some() || !std::io::stdout().is_terminal();
    let progress = watched.then(|| Progress::count("thetas", rows));
    let most = (MOST_NUMBERS / columns.max(1)).max(32);
    let mut size = 64.min(most);
    let mut first = 0;
    let place = |row| {
        let outcome = match form.out {
            Some(_) => "; nothing was written",
            None => "",
        };
        format!(" at row {row} of {rows}{outcome}")
    };
    while first < rows {
        signals.check(|| place(first))?;
        let begin = Instant::now();
        let chunk = thetas.next_rows(size)?;
        let answers = question
            .answer(chunk.view())
            .map_err(|error| in_file(error, first, thetas.name()))?;
        if !sink.write(first, chunk.view(), &answers)? {
            return Ok(());
        }
        first += chunk.nrows() as u64;
        if let Some(progress) = &progress {
            progress.reach(first);
        }
        if begin.elapsed() < LONG_ENOUGH {
            size = (size * 2).min(most);
        }
    }
    signals.check(|| place(first))?;
    sink.finish(rows)
}

/// Names the file and its row in an error that counts the rows of a chunk.
fn in_file(error: NumericError, first: u64, file: &str) -> anyhow::Error {
    match error {
        NumericError::ThetaRow { row, source } => {
            anyhow::Error::new(source).context(format!("`{file}`, row {}", first + row as u64))
        }
        error => error.into(),
    }
}
