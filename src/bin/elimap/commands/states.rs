//! `elimap states`: where the chain is, and has been, at times.

use anyhow::Result;
use ndarray::{Array2, Array3};
use serde_json::{Value, json};

use crate::commands::answer::{AnswerArgs, Subject, Table, counts};
use crate::io::vector;
use crate::output::{Text, numbers};

/// The probability to be in each vertex at times, or the time spent there until then
///
/// Of a discrete model times are numbers of steps, and the time spent in a vertex is the number of steps out of it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap states examples/models/erlang_4.json --theta 2 --times 0,1,2
  elimap states examples/models/island_4.json --theta 1,1,0.5 --times 0:10:101 --occupancy --out occupancy.npy
  elimap states examples/models/erlang_4.json --theta 2 --times 1 --absorbed --json")]
pub(crate) struct Args {
    #[command(flatten)]
    answer: AnswerArgs,
    /// The times: numbers, N of them from A to B, or a file of them (.npy, JSON, CSV); `-` for stdin
    #[arg(long, value_name = "A,B|A:B:N|FILE|-", allow_hyphen_values = true)]
    times: String,
    /// The expected time spent in each vertex until then
    #[arg(long)]
    occupancy: bool,
    /// The probability of absorption in each vertex until then
    #[arg(long, conflicts_with = "occupancy")]
    absorbed: bool,
    /// The gradients with respect to theta too
    #[arg(long)]
    gradient: bool,
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let times = vector::numbers(&args.times)?;
    args.answer.answer(|subject| {
        let name = match (args.occupancy, args.absorbed) {
            (true, _) => "occupancy",
            (_, true) => "absorbed",
            _ => "probabilities",
        };
        let (values, slopes) = match args.gradient {
            true => {
                let (values, slopes) = with_gradients(&subject, name, &times)?;
                (values, Some(slopes))
            }
            false => (plain(&subject, name, &times)?, None),
        };
        let graph = subject.trace().graph();
        let mut columns = vec!["times".to_owned()];
        columns.extend(
            graph
                .vertices()
                .map(|vertex| format!("vertex{}", vertex.index())),
        );
        let rows = || values.outer_iter().map(|row| row.to_vec());
        let cells = times
            .iter()
            .zip(rows())
            .flat_map(|(&time, row)| [vec![time], row].concat());
        let states: Value = graph
            .vertices()
            .map(|vertex| json!(graph.state(vertex)))
            .collect();
        let json = json!({
            "times": numbers(&times),
            "states": states,
            name: rows().map(|row| numbers(&row)).collect::<Value>(),
        });
        let mut table = Table {
            cells: cells.collect(),
            columns,
            json: json.as_object().cloned().unwrap_or_default(),
        };
        if let Some(slopes) = slopes {
            add_gradients(&mut table, &slopes);
        }
        Ok(table)
    })
}

fn plain(subject: &Subject, name: &str, times: &[f64]) -> Result<Array2<f64>> {
    Ok(match (subject, name) {
        (Subject::Time(time), "occupancy") => time.occupancy(times)?,
        (Subject::Time(time), "absorbed") => time.cdf_by_vertex(times)?,
        (Subject::Time(time), _) => time.state_probabilities(times)?,
        (Subject::Steps(steps), "occupancy") => steps.occupancy(&counts(times)?)?,
        (Subject::Steps(steps), "absorbed") => steps.cdf_by_vertex(&counts(times)?)?,
        (Subject::Steps(steps), _) => steps.state_probabilities(&counts(times)?)?,
    })
}

fn with_gradients(
    subject: &Subject,
    name: &str,
    times: &[f64],
) -> Result<(Array2<f64>, Array3<f64>)> {
    Ok(match (subject, name) {
        (Subject::Time(time), "occupancy") => time.occupancy_and_gradients(times)?,
        (Subject::Time(time), "absorbed") => time.cdf_by_vertex_and_gradients(times)?,
        (Subject::Time(time), _) => time.state_probabilities_and_gradients(times)?,
        (Subject::Steps(steps), "occupancy") => steps.occupancy_and_gradients(&counts(times)?)?,
        (Subject::Steps(steps), "absorbed") => {
            steps.cdf_by_vertex_and_gradients(&counts(times)?)?
        }
        (Subject::Steps(steps), _) => steps.state_probabilities_and_gradients(&counts(times)?)?,
    })
}

/// Adds derivatives by vertex and parameter: columns in that order, and nested lists as JSON.
fn add_gradients(table: &mut Table, slopes: &Array3<f64>) {
    let (times, vertices, parameters) = slopes.dim();
    let old = table.columns.len();
    for vertex in 0..vertices {
        let names = (0..parameters).map(|p| format!("dvertex{vertex}/dtheta{p}"));
        table.columns.extend(names);
    }
    let rows = table.cells.chunks(old).zip(slopes.outer_iter());
    let cells = rows.flat_map(|(row, slopes)| {
        let row: Vec<f64> = row.iter().chain(&slopes).copied().collect();
        row
    });
    table.cells = cells.collect();
    let of_vertex = |time: usize, vertex: usize| {
        let each = (0..parameters).map(|parameter| slopes[[time, vertex, parameter]]);
        numbers(&each.collect::<Vec<f64>>())
    };
    let of_time = |time: usize| -> Value {
        (0..vertices)
            .map(|vertex| of_vertex(time, vertex))
            .collect()
    };
    let all: Value = (0..times).map(of_time).collect();
    table.json.insert("gradients".to_owned(), all);
}
