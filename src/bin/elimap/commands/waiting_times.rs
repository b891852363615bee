//! `elimap waiting-times`: the expected time until absorption from every vertex.

use anyhow::Result;
use elimap::phase::Quantity;
use serde_json::json;

use crate::args::ModelAtThetas;
use crate::commands::question::{Question, by_vertex};
use crate::form::{Format, csv_line, digits};
use crate::io::matrix::MatrixFile;
use crate::io::stream::stream;
use crate::output::Text;

/// Expected time until absorption from every vertex, at one theta or at a file of them
///
/// Vertex 0 is the start, whose time is the expectation; absorbing vertices have time 0; a vertex that absorption cannot
/// be reached from has time inf. An .npy file has the shape (thetas, vertices), with --theta (vertices,).
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap waiting-times examples/models/island_4.json --theta 1,1,0.5
  elimap waiting-times examples/models/island_4.json --theta 1,1,0.5 --json
  elimap waiting-times examples/models/island_4.json --thetas thetas.npy --out times.npy")]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelAtThetas,
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let format = args.model.format(None)?;
    let trace = args.model.at.trace()?;
    if let Some(path) = &args.model.at.thetas {
        let question = Question::new(&trace, Quantity::WaitingTimes)?;
        let thetas = MatrixFile::open(path, trace.param_length())?;
        stream(&question, thetas, &args.model.form, format)?;
        return Ok(Text::new());
    }
    let theta = args.model.at.theta(trace.graph())?;
    let waiting = trace.at(&theta)?.expected_waiting_times();
    let form = &args.model.form;
    let graph = trace.graph();
    let mut text = Text::new();
    match format {
        Format::Npy => return form.send_npy(&[waiting.len()], &waiting),
        Format::Json | Format::Jsonl => {
            let times = by_vertex(&waiting);
            let object = json!({"theta": theta, "expected_waiting_time": times});
            return form.send(Text::json(&object));
        }
        Format::Csv => {
            text.line("vertex,waiting_time,state");
            for (vertex, time) in graph.vertices().zip(digits(&waiting)) {
                let state: Vec<String> = graph.state(vertex).iter().map(i64::to_string).collect();
                text.line(csv_line([
                    vertex.index().to_string(),
                    time,
                    state.join(" "),
                ]));
            }
            return form.send(text);
        }
        Format::Text => text.line("vertex  waiting time            state"),
    }
    for vertex in graph.vertices() {
        let state: Vec<String> = graph
            .state(vertex)
            .iter()
            .map(ToString::to_string)
            .collect();
        text.line(format_args!(
            "{:<7} {:<23?} {}",
            vertex.index(),
            waiting[vertex.index()],
            state.join(",")
        ));
    }
    form.send(text)
}
