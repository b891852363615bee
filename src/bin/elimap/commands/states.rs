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

/// What is asked about each vertex.
#[derive(Clone, Copy)]
enum Question {
    Probabilities,
    Occupancy,
    Absorbed,
}

impl Question {
    /// Its name in JSON.
    fn name(self) -> &'static str {
        match self {
            Question::Probabilities => "probabilities",
            Question::Occupancy => "occupancy",
            Question::Absorbed => "absorbed",
        }
    }

    fn values(self, subject: &Subject, times: &[f64]) -> Result<Array2<f64>> {
        use Question as Q;
        Ok(match subject {
            Subject::Time(time) => match self {
                Q::Occupancy => time.occupancy(times)?,
                Q::Absorbed => time.cdf_by_vertex(times)?,
                Q::Probabilities => time.state_probabilities(times)?,
            },
            Subject::Steps(steps) => {
                let counts = counts(times)?;
                match self {
                    Q::Occupancy => steps.occupancy(&counts)?,
                    Q::Absorbed => steps.cdf_by_vertex(&counts)?,
                    Q::Probabilities => steps.state_probabilities(&counts)?,
                }
            }
        })
    }

    fn values_and_gradients(
        self,
        subject: &Subject,
        times: &[f64],
    ) -> Result<(Array2<f64>, Array3<f64>)> {
        use Question as Q;
        Ok(match subject {
            Subject::Time(time) => match self {
                Q::Occupancy => time.occupancy_and_gradients(times)?,
                Q::Absorbed => time.cdf_by_vertex_and_gradients(times)?,
                Q::Probabilities => time.state_probabilities_and_gradients(times)?,
            },
            Subject::Steps(steps) => {
                let counts = counts(times)?;
                match self {
                    Q::Occupancy => steps.occupancy_and_gradients(&counts)?,
                    Q::Absorbed => steps.cdf_by_vertex_and_gradients(&counts)?,
                    Q::Probabilities => steps.state_probabilities_and_gradients(&counts)?,
                }
            }
        })
    }
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let times = vector::numbers(&args.times)?;
    let question = match (args.occupancy, args.absorbed) {
        (true, _) => Question::Occupancy,
        (_, true) => Question::Absorbed,
        _ => Question::Probabilities,
    };
    args.answer.answer(|subject| {
        let (values, slopes) = if args.gradient {
            let (values, slopes) = question.values_and_gradients(&subject, &times)?;
            (values, Some(slopes))
        } else {
            (question.values(&subject, &times)?, None)
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
            question.name(): rows().map(|row| numbers(&row)).collect::<Value>(),
        });
        let mut table = Table {
            cells: cells.collect(),
            columns,
            json: json.as_object().cloned().unwrap_or_default(),
        };
        if let Some(slopes) = slopes {
            add_gradients(&mut table, &slopes)?;
        }
        Ok(table)
    })
}

/// Adds derivatives by vertex and parameter: columns in that order, and nested lists as JSON.
fn add_gradients(table: &mut Table, slopes: &Array3<f64>) -> Result<()> {
    let (times, vertices, parameters) = slopes.dim();
    let names = (0..vertices).flat_map(|vertex| {
        (0..parameters).map(move |parameter| format!("dvertex{vertex}/dtheta{parameter}"))
    });
    let of_time = slopes.outer_iter().map(|of_time| {
        let of_vertex = of_time.outer_iter();
        of_vertex
            .map(|row| numbers(&row.to_vec()))
            .collect::<Value>()
    });
    let json = of_time.collect();
    let rows = slopes.to_shape((times, vertices * parameters))?;
    table.append(names, rows.view(), json);
    Ok(())
}
