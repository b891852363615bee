//! `elimap trace`: eliminate a model and say what it took.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use elimap::phase::{Elimination, Eliminator, EliminatorError, Strategy};
use serde_json::{Value, json};

use crate::args::{CacheArgs, read_graph};
use crate::output::{Text, cache_stats, ignore_closed_pipe};
use crate::progress::Progress;

/// Eliminate a model once, for any parameters, and say what it took
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap trace examples/models/island_12.json
  elimap trace examples/models/island_12.json --workers 2 --strategy vmap --json
  elimap trace examples/models/island_4.json --ops | head -20")]
pub(crate) struct Args {
    /// The model: a graph in phasic's serialized form, or `-` for stdin
    #[arg(value_name = "GRAPH.json")]
    graph: PathBuf,
    /// How many threads eliminate; by default one per processor
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// How missing block traces are computed: auto, vmap (one host call with all indices), sequential (one call per block,
    /// for debugging); pmap is refused
    #[arg(long, value_name = "auto|vmap|sequential|pmap", default_value = "auto", value_parser = parse_strategy)]
    strategy: Strategy,
    /// Also list the operations of a replay, one per line
    #[arg(long)]
    ops: bool,
    /// With --ops, refuse where one elimination takes more multiply-adds than this
    #[arg(long, value_name = "N", default_value_t = 10_000_000, requires = "ops")]
    max_ops: u64,
    /// Print one JSON object instead of text (with --ops, the operations follow under "operations")
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CacheArgs,
}

fn parse_strategy(name: &str) -> Result<Strategy, EliminatorError> {
    name.parse()
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let start = Instant::now();
    let graph = read_graph(&args.graph)?;
    let cache = args.cache.open()?;
    let mut eliminator = Eliminator::new().cache(&cache).strategy(args.strategy);
    if let Some(workers) = args.workers {
        eliminator = eliminator.workers(workers);
    }
    let progress = Progress::start("eliminating");
    let done = eliminator.run(&graph)?;
    drop(progress);
    let seconds = start.elapsed().as_secs_f64();
    // Before anything is printed.
    let operations = match args.ops {
        true => Some(done.trace.operations_within(args.max_ops)?),
        false => None,
    };
    if args.json {
        let mut value = summary_json(&done, seconds);
        if let Some(operations) = operations {
            value["operations"] = operations.map(|step| step.to_string()).collect();
        }
        return Ok(Text::json(&value));
    }
    let mut text = Text::new();
    summary_lines(&done, seconds, &mut text);
    if let Some(mut operations) = operations {
        text.write()?;
        // Streamed: the list of a large model does not fit anywhere else.
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let list = operations.try_for_each(|step| writeln!(out, "{step}"));
        ignore_closed_pipe(list.and_then(|()| out.flush()))?;
        return Ok(Text::new());
    }
    Ok(text)
}

/// What an elimination took, as fields of an object.
pub(crate) fn summary_json(done: &Elimination, seconds: f64) -> Value {
    let (summary, report) = (done.trace.summary(), &done.report);
    json!({
        "vertices": summary.vertices,
        "edges": summary.edges,
        "blocks": summary.blocks,
        "largest_block": summary.largest_block,
        "topologies": summary.topologies,
        "work_units": report.work_units,
        "host_calls": report.host_calls,
        "cache_hits": report.cache_hits,
        "graph_hit": report.graph_hit,
        "cache": cache_stats(&report.cache),
        "multiply_adds": summary.multiply_adds,
        "seconds": seconds,
    })
}

/// What an elimination took, line by line.
pub(crate) fn summary_lines(done: &Elimination, seconds: f64, text: &mut Text) {
    let (summary, report) = (done.trace.summary(), &done.report);
    for (name, value) in [
        ("vertices", summary.vertices.to_string()),
        ("edges", summary.edges.to_string()),
        ("blocks", summary.blocks.to_string()),
        ("largest block", summary.largest_block.to_string()),
        ("distinct topologies", summary.topologies.to_string()),
        ("work units", report.work_units.to_string()),
        ("host calls", report.host_calls.to_string()),
        ("cache hits", report.cache_hits.to_string()),
        (
            "analysis",
            if report.graph_hit { "cached" } else { "new" }.to_owned(),
        ),
        ("multiply-adds", summary.multiply_adds.to_string()),
        ("seconds", format!("{seconds:.6}")),
    ] {
        text.field(name, value);
    }
}
