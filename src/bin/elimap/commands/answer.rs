//! Answers that are tables: one for a theta of the command line, or one for each of a file, chunk by chunk.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use elimap::phase::{DiscretePhaseType, EliminationTrace, PhaseType, Tolerance};
use ndarray::ArrayView1;
use rayon::prelude::*;
use serde_json::{Map, Value};

use crate::args::ModelArgs;
use crate::io::matrix::MatrixFile;
use crate::io::npy::NpyOutput;
use crate::io::signals::Signals;
use crate::output::{Text, numbers};
use crate::progress::Progress;

/// Thetas answered between two looks at signals and progress.
const CHUNK: usize = 64;

/// A model at thetas, how exact answers have to be, and their form.
#[derive(Args)]
pub(crate) struct AnswerArgs {
    #[command(flatten)]
    pub(crate) at: ModelArgs,
    /// The largest error of an answer: of probabilities as they are, of densities per mean
    #[arg(
        long,
        value_name = "E",
        default_value_t = 1e-12,
        allow_negative_numbers = true
    )]
    tolerance: f64,
    /// Also accept, or with --tolerance 0 require, this error relative to the answer itself
    #[arg(long, value_name = "E", num_args = 0..=1, default_value_t = 0.0, default_missing_value = "1e-10", allow_negative_numbers = true)]
    relative: f64,
    /// Print one JSON object instead of text; with --thetas one per row
    #[arg(long, conflicts_with_all = ["csv", "out"])]
    json: bool,
    /// Print comma-separated values instead of text; with --thetas behind the row and its theta
    #[arg(long, conflicts_with = "out")]
    csv: bool,
    /// Write the table as an .npy file of float64, with --thetas of the shape (thetas, rows, columns); the file appears
    /// when it is complete
    #[arg(long, value_name = "OUT.npy")]
    out: Option<PathBuf>,
}

/// What is asked about: a time, or the number of steps of a discrete model.
pub(crate) enum Subject {
    Time(Box<PhaseType>),
    Steps(Box<DiscretePhaseType>),
}

impl Subject {
    fn new(trace: &EliminationTrace, theta: &[f64], tolerance: Tolerance) -> Result<Subject> {
        if trace.graph().is_discrete() {
            let steps = trace.steps_at(theta)?.within(tolerance);
            return Ok(Subject::Steps(Box::new(steps)));
        }
        Ok(Subject::Time(Box::new(trace.at(theta)?.within(tolerance))))
    }

    pub(crate) fn trace(&self) -> &EliminationTrace {
        match self {
            Subject::Time(time) => time.trace(),
            Subject::Steps(steps) => steps.trace(),
        }
    }

    /// The distribution of a reward, if one is asked for.
    pub(crate) fn of(self, reward: Option<&[f64]>) -> Result<Subject> {
        Ok(match (self, reward) {
            (subject, None) => subject,
            (Subject::Time(time), Some(reward)) => Subject::Time(Box::new(time.reward(reward)?)),
            (Subject::Steps(steps), Some(reward)) => {
                Subject::Steps(Box::new(steps.reward(reward)?))
            }
        })
    }
}

/// Numbers of steps, which are whole.
pub(crate) fn counts(times: &[f64]) -> Result<Vec<u64>> {
    let whole = |(index, &time): (usize, &f64)| {
        let limit = 2.0_f64.powi(53);
        ensure!(
            time.fract() == 0.0 && (0.0..=limit).contains(&time),
            "times[{index}] is {time:?}; the model is discrete, so times are whole numbers of steps"
        );
        Ok(time as u64)
    };
    times.iter().enumerate().map(whole).collect()
}

/// The answer to one theta.
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    /// Row by row.
    pub(crate) cells: Vec<f64>,
    /// The same as fields of an object, which the theta is added to.
    pub(crate) json: Map<String, Value>,
}

impl Table {
    /// A table whose columns are the fields of its JSON.
    pub(crate) fn of_columns(columns: &[(&str, &[f64])]) -> Table {
        let rows = columns.first().map_or(0, |(_, values)| values.len());
        let cells = (0..rows).flat_map(|row| columns.iter().map(move |(_, values)| values[row]));
        Table {
            columns: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            cells: cells.collect(),
            json: columns
                .iter()
                .map(|(name, values)| ((*name).to_owned(), numbers(values)))
                .collect(),
        }
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.cells.chunks(self.columns.len().max(1))
    }
}

fn line(numbers: impl Iterator<Item = f64>, separator: &str, width: usize) -> String {
    let cells: Vec<String> = numbers
        .map(|x| format!("{:>width$}", format!("{x:?}")))
        .collect();
    cells.join(separator)
}

impl AnswerArgs {
    fn tolerance(&self) -> Result<Tolerance> {
        Ok(Tolerance::new(self.tolerance, self.relative)?)
    }

    /// Answers at the theta of the command line, or at every theta of the file.
    pub(crate) fn answer(&self, ask: impl Fn(Subject) -> Result<Table> + Sync) -> Result<Text> {
        if let Some(out) = &self.out {
            self.at.check_output(out, None)?;
        }
        let tolerance = self.tolerance()?;
        let trace = self.at.trace()?;
        let ask = |theta: &[f64]| ask(Subject::new(&trace, theta, tolerance)?);
        let Some(path) = &self.at.thetas else {
            let theta = self.at.theta(trace.graph())?;
            let progress = Progress::start("computing");
            let table = ask(&theta)?;
            drop(progress);
            return self.print(&theta, &table);
        };
        let mut thetas = MatrixFile::open(path, trace.param_length())?;
        let rows = thetas.rows();
        let signals = Signals::listen()?;
        let progress = Progress::count("thetas", rows);
        let (mut first, mut file) = (0, None);
        while first < rows {
            signals.check(|| format!(" at row {first} of {rows}"))?;
            let chunk = thetas.next_rows(CHUNK)?;
            let answers: Vec<Result<Table>> = chunk
                .outer_iter()
                .into_par_iter()
                .map(|theta| ask(&theta.to_vec()))
                .collect();
            let mut text = Text::new();
            for (row, (theta, table)) in (first..).zip(chunk.outer_iter().zip(answers)) {
                let table = table
                    .map_err(|error| error.context(format!("`{}`, row {row}", thetas.name())))?;
                match &self.out {
                    Some(out) => {
                        let columns = table.columns.len();
                        let shape = [
                            usize::try_from(rows)?,
                            table.cells.len() / columns.max(1),
                            columns,
                        ];
                        let open = || NpyOutput::create(out, &shape);
                        let file = match &mut file {
                            Some(file) => file,
                            None => file.insert(open()?),
                        };
                        file.write(&table.cells)?;
                    }
                    None => self.print_row(row, theta, table, &mut text),
                }
            }
            text.write()?;
            first += chunk.nrows() as u64;
            progress.reach(first);
        }
        match file {
            Some(file) => file.finish()?,
            None => ensure!(
                self.out.is_none() || rows > 0,
                "there are no thetas, so there is nothing to write"
            ),
        }
        Ok(Text::new())
    }

    fn print(&self, theta: &[f64], table: &Table) -> Result<Text> {
        if let Some(out) = &self.out {
            let columns = table.columns.len();
            let mut file = NpyOutput::create(out, &[table.cells.len() / columns.max(1), columns])?;
            file.write(&table.cells)?;
            file.finish()?;
            return Ok(Text::new());
        }
        if self.json {
            let mut object = table.json.clone();
            object.insert("theta".into(), numbers(theta));
            return Ok(Text::json(&Value::Object(object)));
        }
        let mut text = Text::new();
        if self.csv {
            text.line(table.columns.join(","));
            table
                .rows()
                .for_each(|row| text.line(line(row.iter().copied(), ",", 0)));
        } else {
            let names = table.columns.iter().map(|name| format!("{name:>24}"));
            text.line(names.collect::<Vec<_>>().join(" "));
            table
                .rows()
                .for_each(|row| text.line(line(row.iter().copied(), " ", 24)));
        }
        Ok(text)
    }

    fn print_row(&self, row: u64, theta: ArrayView1<'_, f64>, table: Table, text: &mut Text) {
        if self.json {
            let mut object = table.json;
            object.insert("row".into(), row.into());
            object.insert("theta".into(), numbers(&theta.to_vec()));
            text.line(Value::Object(object));
            return;
        }
        let (separator, width) = if self.csv { (",", 0) } else { (" ", 24) };
        if row == 0 {
            let names = (0..theta.len()).map(|p| format!("theta{p}"));
            let names = std::iter::once("row".to_owned()).chain(names);
            let names = names.chain(table.columns.iter().cloned());
            let cells: Vec<String> = names.map(|name| format!("{name:>width$}")).collect();
            text.line(cells.join(separator));
        }
        for cells in table.rows() {
            let numbers = theta.iter().chain(cells).copied();
            let numbers = line(numbers, separator, width);
            text.line(format_args!("{row:>width$}{separator}{numbers}"));
        }
    }
}
