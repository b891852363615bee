//! `elimap states`: where the chain is, and has been, at times.

use anyhow::Result;
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
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let times = vector::numbers(&args.times)?;
    args.answer.answer(|subject| {
        let (name, values) = match (&subject, args.occupancy, args.absorbed) {
            (Subject::Time(time), true, _) => ("occupancy", time.occupancy(&times)?),
            (Subject::Time(time), _, true) => ("absorbed", time.cdf_by_vertex(&times)?),
            (Subject::Time(time), ..) => ("probabilities", time.state_probabilities(&times)?),
            (Subject::Steps(steps), true, _) => ("occupancy", steps.occupancy(&counts(&times)?)?),
            (Subject::Steps(steps), _, true) => {
                ("absorbed", steps.cdf_by_vertex(&counts(&times)?)?)
            }
            (Subject::Steps(steps), ..) => (
                "probabilities",
                steps.state_probabilities(&counts(&times)?)?,
            ),
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
        Ok(Table {
            cells: cells.collect(),
            columns,
            json: json.as_object().cloned().unwrap_or_default(),
        })
    })
}
