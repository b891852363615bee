//! `elimap waiting-times`: the expected time until absorption from every vertex.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::input::ModelAtTheta;
use crate::output::{Text, number};

/// Expected time until absorption from every vertex
///
/// Vertex 0 is the start, whose time is the expectation; absorbing vertices have time 0; a vertex that absorption cannot
/// be reached from has time inf.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap waiting-times examples/models/island_4.json --theta 1,1,0.5
  elimap waiting-times examples/models/island_4.json --theta 1,1,0.5 --json")]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelAtTheta,
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let time = args.model.evaluate()?;
    let graph = time.trace().graph();
    let waiting = time.expected_waiting_times();
    if args.model.json {
        let times: Map<String, Value> = graph
            .vertices()
            .map(|v| (v.index().to_string(), number(waiting[v.index()])))
            .collect();
        return Ok(Text::json(
            &json!({"theta": args.model.theta, "expected_waiting_time": times}),
        ));
    }
    let mut text = Text::new();
    text.line("vertex  waiting time            state");
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
    Ok(text)
}
