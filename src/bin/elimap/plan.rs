//! `elimap plan`: write the missing work units of a model, for others to compute.

use std::path::PathBuf;

use anyhow::{Context, Result};
use elimap::phase::{Analysis, Manifest, WorkUnit};
use serde_json::json;

use crate::input::{CacheArgs, read_graph};
use crate::output::{Text, write_atomically};

/// Write the missing work units of a model to a folder, for `elimap work` to compute
///
/// The folder gets one self-contained JSON file per distinct block that the cache lacks, and a manifest that groups them
/// into shards of about equal cost. Nothing is eliminated.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap plan GRAPH.json --out units/ --shards 4
  elimap work units/ --shard 0        # on any machine that shares the cache folder; likewise 1, 2, 3
  elimap trace GRAPH.json             # finds what the shards computed")]
pub(crate) struct Args {
    /// The model: a graph in phasic's serialized form, or `-` for stdin
    #[arg(value_name = "GRAPH.json")]
    graph: PathBuf,
    /// The folder to write, made if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Into how many shards the units are grouped
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    shards: u32,
    #[command(flatten)]
    cache: CacheArgs,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let graph = read_graph(&args.graph)?;
    let cache = args.cache.open()?;
    let analysis = Analysis::new(&graph);
    let (large, small): (Vec<&WorkUnit>, Vec<&WorkUnit>) = analysis
        .work_units()
        .iter()
        .partition(|unit| unit.size() >= cache.min_size());
    let known = large.len();
    let missing: Vec<WorkUnit> = large
        .into_iter()
        .filter(|unit| cache.get(unit).is_none())
        .cloned()
        .collect();
    let manifest = Manifest::new(&missing, args.shards as usize);
    let name = || args.out.display().to_string();
    std::fs::create_dir_all(&args.out).with_context(name)?;
    for unit in &missing {
        write_atomically(
            &args.out.join(Manifest::unit_file(unit.key())),
            &unit.to_json(),
        )?;
    }
    // Last, so that a manifest names only units that are there.
    write_atomically(&args.out.join(Manifest::FILE), &manifest.to_json())?;
    let costs: Vec<u64> = manifest.shards().iter().map(|shard| shard.cost).collect();
    if args.json {
        return Ok(Text::json(&json!({
            "out": args.out.display().to_string(),
            "units": missing.len(),
            "cached": known - missing.len(),
            "too_small": small.len(),
            "shards": costs.len(),
            "shard_costs": costs,
        })));
    }
    let mut text = Text::new();
    for (name, value) in [
        ("units written", missing.len()),
        ("cached", known - missing.len()),
        ("too small to send", small.len()),
        ("shards", costs.len()),
    ] {
        text.line(format_args!("{name:<20} {value}"));
    }
    for (shard, cost) in costs.iter().enumerate() {
        text.line(format_args!(
            "{:<20} {cost}",
            format!("cost of shard {shard}")
        ));
    }
    Ok(text)
}
