//! `elimap show`: a model as a person reads it.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use elimap::phase::{Clock, Edge, Graph, VertexId};
use serde_json::{Value, json};

use crate::args::{Parameter, read_graph, theta_of};
use crate::output::Text;

/// Show a model: its states, its start and its transitions
///
/// Rates are shown as they depend on the parameters, or with --theta as numbers.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap model two-locus-heights 2 | elimap show -
  elimap show examples/models/island_4.json --theta 1,0.5,2
  elimap show examples/models/island_12.json --limit 10 --json")]
pub(crate) struct Args {
    /// The model: a graph in phasic's serialized form, or `-` for stdin
    #[arg(value_name = "GRAPH.json")]
    graph: PathBuf,
    /// Show numbers at these parameters, separated by commas
    #[arg(
        long,
        value_name = "A,B,C|NAME=A,..",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    theta: Option<Vec<Parameter>>,
    /// At most so many vertices
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// What an edge's number is called.
fn unit(clock: Clock) -> &'static str {
    match clock {
        Clock::Continuous => "rate",
        Clock::Steps => "probability",
        _ => "weight",
    }
}

/// How an edge's number depends on the parameters: `2 migration`, `theta0 + 0.5 theta1`.
pub(crate) fn formula(graph: &Graph, edge: &Edge<'_>) -> String {
    let names = graph.parameter_names();
    let mut text = String::new();
    if edge.constant != 0.0 || edge.coefficients.is_empty() {
        text = edge.constant.to_string();
    }
    for (coefficient, factors) in edge.terms() {
        let each = factors.iter().map(|&k| match names.get(k as usize) {
            Some(name) => name.clone(),
            None => format!("theta{k}"),
        });
        let name = each.collect::<Vec<_>>().join(" ");
        let sign = match (text.is_empty(), coefficient < 0.0) {
            (true, true) => "-",
            (true, false) => "",
            (false, true) => " - ",
            (false, false) => " + ",
        };
        let size = coefficient.abs();
        let factor = if size == 1.0 {
            String::new()
        } else {
            format!("{size} ")
        };
        text.push_str(&format!("{sign}{factor}{name}"));
    }
    text
}

/// A vertex's entries, named where they are.
fn state(graph: &Graph, vertex: VertexId) -> String {
    let entries: Vec<String> = graph
        .state(vertex)
        .iter()
        .map(ToString::to_string)
        .collect();
    entries.join(",")
}

fn edges_from(graph: &Graph, vertex: VertexId) -> Vec<Edge<'_>> {
    let own = graph.self_loops().filter(|edge| edge.from == vertex);
    graph.edges_from(vertex).chain(own).collect()
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let graph = read_graph(&args.graph)?;
    let theta = args.theta.as_deref().map(|given| theta_of(given, &graph));
    let theta = theta.transpose()?;
    if let Some(theta) = &theta {
        ensure!(
            theta.len() == graph.param_length(),
            "theta has length {}, but the graph has {} parameters; pass one number for each",
            theta.len(),
            graph.param_length()
        );
    }
    let number = |edge: &Edge<'_>| match &theta {
        Some(theta) => edge.rate(theta).to_string(),
        None => formula(&graph, edge),
    };
    let kind = match graph.clock() {
        Clock::Continuous => "continuous",
        Clock::Steps => "discrete: probabilities of steps",
        _ => "discrete: weights of jumps",
    };
    let absorbing = graph.vertices().filter(|&v| graph.is_absorbing(v)).count();
    let start: f64 = graph
        .start()
        .iter()
        .map(|(_, probability)| probability)
        .sum();
    if args.json {
        let vertices = graph
            .vertices()
            .take(args.limit.saturating_add(1))
            .map(|vertex| {
                let to = edges_from(&graph, vertex);
                let to = to.iter().map(|edge| json!([edge.to.index(), number(edge)]));
                json!({
                    "vertex": vertex.index(),
                    "state": graph.state(vertex),
                    "absorbing": graph.is_absorbing(vertex),
                    "edges": to.collect::<Value>(),
                })
            });
        return Ok(Text::json(&json!({
            "kind": kind,
            "vertices": graph.vertex_count(),
            "absorbing": absorbing,
            "edges": graph.edge_count() + graph.self_loops().len(),
            "parameters": graph.param_length(),
            "parameter_names": graph.parameter_names(),
            "slots": graph.slot_names(),
            "start": graph.start().iter().map(|(v, p)| json!([v.index(), p])).collect::<Value>(),
            "mass_at_zero": (1.0 - start).max(0.0),
            "states": vertices.collect::<Value>(),
        })));
    }
    let mut text = Text::new();
    text.field("kind", kind);
    text.field(
        "vertices",
        format_args!("{} ({absorbing} absorbing)", graph.vertex_count()),
    );
    text.field("edges", graph.edge_count() + graph.self_loops().len());
    let named = |count: usize, names: &[String]| match names {
        [] => count.to_string(),
        names => format!("{count} ({})", names.join(", ")),
    };
    text.field(
        "parameters",
        named(graph.param_length(), graph.parameter_names()),
    );
    text.field(
        "state entries",
        named(graph.state_length(), graph.slot_names()),
    );
    for (vertex, probability) in graph.start() {
        let at = state(&graph, *vertex);
        text.field(
            "start",
            format_args!("{probability} in vertex {} [{at}]", vertex.index()),
        );
    }
    if start < 1.0 {
        text.field("mass at zero", 1.0 - start);
    }
    text.line("");
    let unit = unit(graph.clock());
    for vertex in graph.vertices().skip(1).take(args.limit) {
        let absorbing = if graph.is_absorbing(vertex) {
            "  absorbing"
        } else {
            ""
        };
        text.line(format_args!(
            "vertex {} [{}]{absorbing}",
            vertex.index(),
            state(&graph, vertex)
        ));
        for edge in edges_from(&graph, vertex) {
            let (to, number) = (edge.to.index(), number(&edge));
            text.line(format_args!(
                "    -> {to:<6} [{}]  {unit} {number}",
                state(&graph, edge.to)
            ));
        }
    }
    let more = graph
        .vertex_count()
        .saturating_sub(1)
        .saturating_sub(args.limit);
    if more > 0 {
        text.line(format_args!(
            ".. and {more} more vertices; --limit shows them"
        ));
    }
    Ok(text)
}
