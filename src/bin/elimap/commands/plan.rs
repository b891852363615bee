//! `elimap plan`: write the missing work units of a model, for others to compute.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use elimap::phase::{Analysis, Graph, Manifest, TraceCache, WorkUnit};
use serde_json::json;

use crate::args::{CacheArgs, read_graph};
use crate::output::{Text, write_atomically};

/// Write the missing work units of a model to a folder, for `elimap work` to compute
///
/// The folder gets one self-contained JSON file per distinct block that the cache lacks, and a manifest that groups them
/// into shards of about equal cost. Units and manifest are named after their content, so a folder may hold the plans of
/// several models. Nothing is eliminated.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap plan GRAPH.json --out units/ --shards 4
  elimap work units/ --shard 0        # on any machine that shares the cache folder; likewise 1, 2, 3
                                      # (several plans in units/: units/manifest-....json instead)
  elimap trace GRAPH.json             # finds what the shards computed")]
pub(crate) struct Args {
    /// The model: a graph in phasic's serialized form, or `-` for stdin
    #[arg(value_name = "GRAPH.json")]
    graph: PathBuf,
    /// The folder to write, made if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Into how many shards the units are grouped, at most; each gets a unit
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    shards: u32,
    #[command(flatten)]
    cache: CacheArgs,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Which work units of a model there are, and which of them the cache lacks.
pub(crate) struct Plan {
    pub(crate) missing: Vec<WorkUnit>,
    pub(crate) cached: usize,
    /// Eliminated faster than they are handed out.
    pub(crate) too_small: usize,
}

impl Plan {
    pub(crate) fn new(graph: &Graph, cache: &TraceCache) -> Plan {
        let analysis = Analysis::new(graph);
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
        Plan {
            cached: known - missing.len(),
            missing,
            too_small: small.len(),
        }
    }

    /// Writes the missing units and their manifest to a folder, made if it does not exist; the manifest's path.
    pub(crate) fn write(&self, folder: &Path, manifest: &Manifest) -> Result<PathBuf> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for unit in &self.missing {
            let name = Manifest::unit_file(unit.key());
            write_atomically(&folder.join(name), &unit.to_json())?;
        }
        // Last, so that a manifest names only units that are there.
        let path = folder.join(manifest.file_name());
        write_atomically(&path, &manifest.to_json())?;
        Ok(path)
    }
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let cache = args.cache.open()?;
    let plan = Plan::new(&read_graph(&args.graph)?, &cache);
    let manifest = Manifest::new(&plan.missing, args.shards as usize);
    let path = plan.write(&args.out, &manifest)?;
    let path = path.display().to_string();
    let costs: Vec<u64> = manifest.shards().iter().map(|shard| shard.cost).collect();
    if args.json {
        return Ok(Text::json(&json!({
            "out": args.out.display().to_string(),
            "manifest": path,
            "units": plan.missing.len(),
            "cached": plan.cached,
            "too_small": plan.too_small,
            "shards": costs.len(),
            "shard_costs": costs,
        })));
    }
    let mut text = Text::new();
    for (name, value) in [
        ("units written", plan.missing.len()),
        ("cached", plan.cached),
        ("too small to send", plan.too_small),
        ("shards", costs.len()),
    ] {
        text.field(name, value);
    }
    text.field("manifest", path);
    for (shard, cost) in costs.iter().enumerate() {
        text.field(&format!("cost of shard {shard}"), cost);
    }
    Ok(text)
}
