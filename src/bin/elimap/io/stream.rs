//! Answering a file of thetas chunk by chunk: memory follows the chunk, not the file.
//!
//! Each row is a computation of its own, so no answer depends on where chunks begin.

use std::io::{ErrorKind, IsTerminal, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use elimap::phase::NumericError;
use ndarray::{ArrayView1, ArrayView2};

use crate::commands::question::Question;
use crate::io::matrix::MatrixFile;
use crate::io::npy::NpyOutput;
use crate::io::signals::Signals;
use crate::progress::Progress;

/// Numbers that a chunk holds, thetas and answers together, at most: 8 MB.
const MOST_NUMBERS: usize = 1 << 20;
/// Chunks double until one takes this long, so that progress moves and an interruption is heard.
const LONG_ENOUGH: Duration = Duration::from_millis(100);

/// Numbers of a row, thetas and answers together, at most. It is a model of millions of vertices that has so many.
const MOST_COLUMNS: usize = 1 << 24;

/// Where answers go.
pub(crate) enum Output {
    /// An `.npy` file.
    File(PathBuf),
    /// A table on stdout.
    Table,
    /// A JSON object per row on stdout.
    JsonLines,
}

/// A line of text from a row, its theta and its answer.
type Format<'q> = dyn Fn(u64, ArrayView1<'_, f64>, &[f64]) -> String + 'q;

enum Sink<'q> {
    File(Box<NpyOutput>),
    Lines(&'q Format<'q>),
}

impl Sink<'_> {
    /// False if nobody reads any more.
    fn write(&mut self, first: u64, thetas: ArrayView2<'_, f64>, answers: &[f64]) -> Result<bool> {
        let format = match self {
            Sink::File(file) => return file.write(answers).map(|()| true),
            Sink::Lines(format) => format,
        };
        let width = answers.len() / thetas.nrows().max(1);
        let mut text = String::new();
        for (row, theta) in thetas.outer_iter().enumerate() {
            text.push_str(&format(
                first + row as u64,
                theta,
                &answers[row * width..][..width],
            ));
            text.push('\n');
        }
        print(&text)
    }
}

fn print(text: &str) -> Result<bool> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Answers every row of `thetas` and writes the answers.
pub(crate) fn stream(question: &Question, mut thetas: MatrixFile, output: &Output) -> Result<()> {
    let rows = thetas.rows();
    let columns = question.theta_length().saturating_add(question.width());
    ensure!(
        columns <= MOST_COLUMNS,
        "a row would have {columns} numbers, thetas and answers together, and {MOST_COLUMNS} is the most; ask for less, such as fewer moments or no gradient"
    );
    let signals = Signals::listen()?;
    let table = |row, theta: ArrayView1<'_, f64>, answer: &[f64]| {
        let numbers = theta.iter().chain(answer);
        let cells: Vec<String> = numbers
            .map(|x| format!(" {:>24}", format!("{x:?}")))
            .collect();
        format!("{row:>9}{}", cells.concat())
    };
    let json = |row, theta: ArrayView1<'_, f64>, answer: &[f64]| {
        question.json(row, theta, answer).to_string()
    };
    let mut sink = match output {
        Output::File(path) => {
            let mut shape = question.shape();
            shape.insert(0, usize::try_from(rows)?);
            Sink::File(Box::new(NpyOutput::create(path, &shape)?))
        }
        Output::JsonLines => Sink::Lines(&json),
        Output::Table => {
            let names: Vec<String> = question
                .names()
                .iter()
                .map(|name| format!(" {name:>24}"))
                .collect();
            if !print(&format!("{:>9}{}\n", "row", names.concat()))? {
                return Ok(());
            }
            Sink::Lines(&table)
        }
    };
    let watched = matches!(output, Output::File(_)) || !std::io::stdout().is_terminal();
    let progress = watched.then(|| Progress::count("thetas", rows));
    let most = (MOST_NUMBERS / columns.max(1)).max(32);
    let mut size = 64.min(most);
    let mut first = 0;
    let place = |row| {
        let outcome = match output {
            Output::File(_) => "; nothing was written",
            Output::Table | Output::JsonLines => "",
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
    match sink {
        Sink::File(file) => file.finish(),
        Sink::Lines(_) => Ok(()),
    }
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
