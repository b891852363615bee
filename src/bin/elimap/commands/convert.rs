//! `elimap convert`: a model between its forms.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use elimap::phase::{Clock, Graph, Matrices, VertexId};
use ndarray::Array2;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::{Parameter, read_text, theta_or_default};
use crate::commands::show::formula;
use crate::output::{Text, numbers, write_atomically};

/// Convert a model: between graphs and matrices, and to other programs' forms
///
/// A model that is read is a graph in phasic's serialized form, or an object with the start vector `alpha` and the sub-intensity
/// matrix `T` (or `S`, as others call it); of a discrete model the matrix of probabilities is `P`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap convert examples/models/island_4.json --to matrices --theta 1,0.5,2
  echo '{\"alpha\": [1, 0], \"T\": [[-2, 2], [0, -1]]}' | elimap convert - > graph.json
  elimap convert examples/models/erlang_4.json --to dot | dot -Tsvg > erlang.svg
  elimap convert examples/models/erlang_4.json --to entries --theta 2 --out entries.csv")]
pub(crate) struct Args {
    /// The model: a graph or matrices as JSON, or `-` for stdin
    #[arg(value_name = "MODEL.json")]
    model: PathBuf,
    /// The form to write
    #[arg(long, value_enum, default_value_t = Form::Graph)]
    to: Form,
    /// The parameters, separated by commas, for matrices and entries
    #[arg(
        long,
        value_name = "A,B,C|NAME=A,..",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    theta: Option<Vec<Parameter>>,
    /// Write to a file instead of stdout; it appears when it is complete
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// A graph as JSON: phasic's serialized form, with the names of parameters and states
    Graph,
    /// alpha, T and the exits as dense JSON, with the state of each phase
    Matrices,
    /// The same as CSV with lines from,to,value: `start` is the row of alpha, `end` the column of exits
    Entries,
    /// Graphviz's language
    Dot,
}

/// Matrices as they are read.
#[derive(Deserialize)]
struct Raw {
    alpha: Vec<f64>,
    #[serde(rename = "T", alias = "S")]
    intensity: Option<Vec<Vec<f64>>>,
    #[serde(rename = "P")]
    steps: Option<Vec<Vec<f64>>>,
}

fn matrix(rows: Vec<Vec<f64>>) -> Result<Array2<f64>> {
    let columns = rows.first().map_or(0, Vec::len);
    if let Some(row) = rows.iter().position(|row| row.len() != columns) {
        bail!(
            "row {row} of the matrix has {} numbers, row 0 has {columns}",
            rows[row].len()
        );
    }
    Ok(Array2::from_shape_vec(
        (rows.len(), columns),
        rows.concat(),
    )?)
}

fn read(args: &Args) -> Result<Graph> {
    let (name, text) = read_text(&args.model)?;
    let is_matrices = serde_json::from_str::<Value>(&text)
        .is_ok_and(|value| value.get("alpha").is_some() && value.get("edges").is_none());
    if !is_matrices {
        return Graph::from_json(&text).context(name);
    }
    let raw: Raw = serde_json::from_str(&text).context(name)?;
    Ok(match (raw.intensity, raw.steps) {
        (Some(rows), None) => Graph::from_matrices(&raw.alpha, matrix(rows)?.view())?,
        (None, Some(rows)) => Graph::from_step_matrices(&raw.alpha, matrix(rows)?.view())?,
        _ => bail!("with `alpha` goes one matrix: `T` (or `S`) of rates, or `P` of probabilities"),
    })
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let graph = read(args)?;
    let matrices = || -> Result<Matrices> {
        let theta = theta_or_default(args.theta.as_deref(), &graph)?;
        Ok(graph.to_matrices(&theta)?)
    };
    let text = match args.to {
        Form::Graph => graph.to_json(),
        Form::Matrices => dense(&graph, &matrices()?).to_string(),
        Form::Entries => entries(&matrices()?),
        Form::Dot => dot(&graph),
    };
    if let Some(out) = &args.out {
        write_atomically(out, &format!("{text}\n"))?;
        return Ok(Text::new());
    }
    let mut output = Text::new();
    output.line(text);
    Ok(output)
}

fn dense(graph: &Graph, matrices: &Matrices) -> Value {
    let rows = matrices.dense();
    let rows: Value = rows
        .outer_iter()
        .map(|row| numbers(&row.to_vec()))
        .collect();
    let name = if matrices.clock == Clock::Continuous {
        "T"
    } else {
        "P"
    };
    let states = matrices
        .vertices
        .iter()
        .map(|&vertex| json!(graph.state(vertex)));
    json!({
        "alpha": numbers(&matrices.alpha),
        name: rows,
        "exits": numbers(&matrices.exits),
        "states": states.collect::<Value>(),
    })
}

fn entries(matrices: &Matrices) -> String {
    let mut lines = vec!["from,to,value".to_owned()];
    for (phase, alpha) in matrices.alpha.iter().enumerate() {
        if *alpha != 0.0 {
            lines.push(format!("start,{phase},{alpha:?}"));
        }
    }
    lines.extend(
        matrices
            .entries
            .iter()
            .map(|(from, to, value)| format!("{from},{to},{value:?}")),
    );
    for (phase, exit) in matrices.exits.iter().enumerate() {
        if *exit != 0.0 {
            lines.push(format!("{phase},end,{exit:?}"));
        }
    }
    lines.join("\n")
}

fn dot(graph: &Graph) -> String {
    let mut lines = vec![
        "digraph model {".to_owned(),
        "  rankdir=LR; node [shape=ellipse];".to_owned(),
    ];
    for vertex in graph.vertices() {
        let shape = match (vertex == VertexId::START, graph.is_absorbing(vertex)) {
            (true, _) => "point",
            (_, true) => "box",
            _ => "ellipse",
        };
        let state: Vec<String> = graph
            .state(vertex)
            .iter()
            .map(ToString::to_string)
            .collect();
        lines.push(format!(
            "  v{} [label=\"{}\", shape={shape}];",
            vertex.index(),
            state.join(",")
        ));
    }
    for (vertex, probability) in graph.start() {
        lines.push(format!(
            "  v0 -> v{} [label=\"{probability}\", style=dashed];",
            vertex.index()
        ));
    }
    for edge in graph.edges().chain(graph.self_loops()) {
        let (from, to) = (edge.from.index(), edge.to.index());
        lines.push(format!(
            "  v{from} -> v{to} [label=\"{}\"];",
            formula(graph, &edge)
        ));
    }
    lines.push("}".to_owned());
    lines.join("\n")
}
