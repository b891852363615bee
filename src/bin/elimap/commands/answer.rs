//! Answers that are tables: one for a theta of the command line, or one for each of a file, chunk by chunk.

use anyhow::{Result, ensure};
use clap::Args;
use elimap::phase::{DiscretePhaseType, EliminationTrace, PhaseType, Tolerance};
use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;
use serde_json::{Map, Value};

use crate::args::ModelArgs;
use crate::form::{FormArgs, Format, csv_line, digits};
use crate::io::matrix::MatrixFile;
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
    #[command(flatten)]
    form: FormArgs,
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

    /// Adds a column for the derivatives by each parameter, a row of them for each row.
    pub(crate) fn add_gradients(&mut self, name: &str, slopes: &Array2<f64>) {
        let names = (0..slopes.ncols()).map(|parameter| format!("d{name}/dtheta{parameter}"));
        let json = slopes.outer_iter().map(|row| numbers(&row.to_vec()));
        self.append(names, slopes.view(), json.collect());
    }

    /// Adds columns of gradients, whose rows stand behind those there are, and the gradients as JSON.
    pub(crate) fn append(
        &mut self,
        names: impl Iterator<Item = String>,
        slopes: ArrayView2<'_, f64>,
        json: Value,
    ) {
        let rows = self.rows().zip(slopes.outer_iter());
        let cells = rows.flat_map(|(row, slopes)| row.iter().copied().chain(slopes.to_vec()));
        self.cells = cells.collect();
        self.columns.extend(names);
        self.json.insert("gradients".to_owned(), json);
    }

    fn shape(&self) -> [usize; 2] {
        let columns = self.columns.len();
        [self.cells.len() / columns.max(1), columns]
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.cells.chunks(self.columns.len().max(1))
    }
}

impl AnswerArgs {
    fn tolerance(&self) -> Result<Tolerance> {
        Ok(Tolerance::new(self.tolerance, self.relative)?)
    }

    /// Answers at the theta of the command line, or at every theta of the file.
    pub(crate) fn answer(&self, ask: impl Fn(Subject) -> Result<Table> + Sync) -> Result<Text> {
        self.answer_at(None, ask)
    }

    /// The same where times of the model itself are asked for: those of several thetas are found side by side.
    pub(crate) fn answer_at(
        &self,
        times: Option<&[f64]>,
        ask: impl Fn(Subject) -> Result<Table> + Sync,
    ) -> Result<Text> {
        let format = self.form.format()?;
        if let Some(out) = &self.form.out {
            self.at.check_output(out, None)?;
        }
        let tolerance = self.tolerance()?;
        let trace = self.at.trace()?;
        let one = |theta: &[f64]| ask(Subject::new(&trace, theta, tolerance)?);
        let times = times.filter(|_| !trace.graph().is_discrete());
        let Some(path) = &self.at.thetas else {
            let theta = self.at.theta(trace.graph())?;
            let progress = Progress::start("computing");
            let table = one(&theta)?;
            drop(progress);
            return self.form.send_table(format, &theta, &table);
        };
        let mut thetas = MatrixFile::open(path, trace.param_length())?;
        let rows = thetas.rows();
        let signals = Signals::listen()?;
        let progress = Progress::count("thetas", rows);
        let (mut first, mut target) = (0, self.form.open()?);
        while first < rows {
            signals.check(|| format!(" at row {first} of {rows}"))?;
            let chunk = thetas.next_rows(CHUNK)?;
            let answers: Vec<Result<Table>> = match times {
                Some(times) => {
                    let models = trace.at_each(chunk.view(), times, tolerance)?;
                    let models = models.into_par_iter();
                    models
                        .map(|model| ask(Subject::Time(Box::new(model?))))
                        .collect()
                }
                None => {
                    let thetas = chunk.outer_iter().into_par_iter();
                    thetas.map(|theta| one(&theta.to_vec())).collect()
                }
            };
            // Nothing of a chunk is written before all of it is there.
            let named = (first..).zip(answers).map(|(row, table)| {
                table.map_err(|error| error.context(format!("`{}`, row {row}", thetas.name())))
            });
            let tables = named.collect::<Result<Vec<Table>>>()?;
            for (row, (theta, table)) in (first..).zip(chunk.outer_iter().zip(tables)) {
                let goes_on = match format {
                    Format::Npy => {
                        let shape = [&[usize::try_from(rows)?][..], &table.shape()].concat();
                        (row > 0 || target.npy_header(&shape)?)
                            && target.npy_numbers(&table.cells)?
                    }
                    _ => target.write(row_text(format, row, theta, table).as_bytes())?,
                };
                if !goes_on {
                    return Ok(Text::new());
                }
            }
            first += chunk.nrows() as u64;
            progress.reach(first);
        }
        ensure!(
            format != Format::Npy || rows > 0,
            "there are no thetas, so there is nothing to write"
        );
        target.write(format.json_end(rows).as_bytes())?;
        target.finish()?;
        Ok(Text::new())
    }
}

impl FormArgs {
    /// The answer to the one theta.
    fn send_table(&self, format: Format, theta: &[f64], table: &Table) -> Result<Text> {
        let mut text = Text::new();
        match format {
            Format::Npy => return self.send_npy(&table.shape(), &table.cells),
            Format::Json | Format::Jsonl => {
                let mut object = table.json.clone();
                object.insert("theta".into(), numbers(theta));
                return self.send(Text::json(&Value::Object(object)));
            }
            Format::Csv => {
                text.line(csv_line(&table.columns));
                table
                    .rows()
                    .for_each(|row| text.line(csv_line(digits(row))));
            }
            Format::Text => {
                text.line(columns(&table.columns));
                let lines = table.rows().map(|row| columns(digits(row)));
                lines.for_each(|line| text.line(line));
            }
        }
        self.send(text)
    }
}

/// Cells below each other.
fn columns(cells: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let cells = cells.into_iter();
    let cells: Vec<String> = cells.map(|cell| format!("{:>24}", cell.as_ref())).collect();
    cells.join(" ")
}

/// The answer to a row of the file of thetas, as text.
fn row_text(format: Format, row: u64, theta: ArrayView1<'_, f64>, table: Table) -> String {
    if matches!(format, Format::Json | Format::Jsonl) {
        let mut object = table.json;
        object.insert("row".into(), row.into());
        object.insert("theta".into(), numbers(&theta.to_vec()));
        return format.json_entry(row, &Value::Object(object));
    }
    let line = |cells: Vec<String>| match format {
        Format::Csv => csv_line(cells),
        _ => columns(cells),
    };
    let mut text = String::new();
    if row == 0 {
        let mut names = vec!["row".to_owned()];
        names.extend((0..theta.len()).map(|p| format!("theta{p}")));
        names.extend(table.columns.iter().cloned());
        text = line(names) + "\n";
    }
    for cells in table.rows() {
        let numbers = digits(theta.iter().chain(cells));
        text += &line(std::iter::once(row.to_string()).chain(numbers).collect());
        text.push('\n');
    }
    text
}
