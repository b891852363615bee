//! `elimap work`: compute planned work units into the cache.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use elimap::phase::{BlockKey, Manifest, WorkUnit, eliminate_unit};
use rayon::prelude::*;
use serde_json::json;

use crate::args::CacheArgs;
use crate::output::{Text, folder_of};
use crate::progress::Progress;

/// Compute a shard of planned work units into the cache
///
/// Units that the cache has are skipped, each result is kept as soon as it is there, and computing one twice does no
/// harm. So a shard that was stopped is simply started again.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap work units/ --shard 0
  elimap work units/ --shard 3 --cache /shared/traces --json
  elimap work units/                  # all shards of all plans in units/
  elimap work units/manifest-8a41e0c2f5b7d9130c6e2a7f4b1d5e80.json --shard 2")]
pub(crate) struct Args {
    /// The folder that `elimap plan` wrote, or the manifest in it
    #[arg(value_name = "DIR|MANIFEST")]
    plan: PathBuf,
    /// Which shard, from 0; all of them by default. Where the folder holds several plans, name the manifest
    #[arg(long, value_name = "I")]
    shard: Option<usize>,
    #[command(flatten)]
    cache: CacheArgs,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let start = Instant::now();
    // Whoever planned a unit found it worth an entry.
    let (cache, folder) = args.cache.open_folder(&args.cache.builder().min_size(0))?;
    let (units, manifests) = manifests(&args.plan)?;
    let count: usize = manifests
        .iter()
        .map(|manifest| manifest.shards().len())
        .sum();
    let keys: BTreeSet<BlockKey> = match (args.shard, &manifests[..]) {
        // The same units may be in several plans.
        (None, _) => manifests
            .iter()
            .flat_map(Manifest::shards)
            .flat_map(|shard| shard.units.iter().copied())
            .collect(),
        (Some(shard), [manifest]) => {
            let Some(shard) = manifest.shards().get(shard) else {
                bail!(
                    "there is no such shard; {} has {count}, numbered from 0",
                    args.plan.display()
                );
            };
            shard.units.iter().copied().collect()
        }
        (Some(_), _) => {
            let names: Vec<String> = manifests.iter().map(Manifest::file_name).collect();
            bail!(
                "{} holds {} plans; give one of them instead of the folder: {}",
                args.plan.display(),
                names.len(),
                names.join(", ")
            );
        }
    };
    let keys: Vec<BlockKey> = keys.into_iter().collect();
    let progress = Progress::start("eliminating");
    let computed = AtomicUsize::new(0);
    keys.par_iter().try_for_each(|&key| -> Result<()> {
        let path = units.join(Manifest::unit_file(key));
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(&path).with_context(name)?;
        let unit = WorkUnit::from_json(&text).with_context(name)?;
        ensure!(
            unit.key() == key,
            "{} holds the unit {}; plan again",
            name(),
            unit.key()
        );
        if cache.get(&unit).is_none() {
            cache.insert(Arc::new(eliminate_unit(&unit)));
            computed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    })?;
    drop(progress);
    let failed = cache.stats().failed_writes;
    ensure!(
        failed == 0,
        "{failed} traces could not be kept in {}; make room there or name another folder with --cache, then run this again",
        folder.display()
    );
    let computed = computed.into_inner();
    let (skipped, seconds) = (keys.len() - computed, start.elapsed().as_secs_f64());
    if args.json {
        return Ok(Text::json(&json!({
            "shard": args.shard,
            "shards": count,
            "computed": computed,
            "skipped": skipped,
            "seconds": seconds,
            "cache": crate::output::cache_stats(&cache.stats()),
        })));
    }
    let mut text = Text::new();
    text.field("computed", computed);
    text.field("skipped", skipped);
    text.field("seconds", format_args!("{seconds:.6}"));
    Ok(text)
}

/// The folder of units and the manifests asked for: one by its path, or all that a folder holds.
fn manifests(plan: &Path) -> Result<(PathBuf, Vec<Manifest>)> {
    let name = || plan.display().to_string();
    let read = |path: &Path| -> Result<Manifest> {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(name)?;
        Manifest::from_json(&text).with_context(name)
    };
    if !plan.is_dir() {
        return Ok((folder_of(plan).to_owned(), vec![read(plan)?]));
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(plan).with_context(name)? {
        let entry = entry.with_context(name)?;
        if entry
            .file_name()
            .to_str()
            .is_some_and(Manifest::is_file_name)
        {
            paths.push(entry.path());
        }
    }
    ensure!(
        !paths.is_empty(),
        "{} holds no manifest; write one with `elimap plan GRAPH.json --out {0}`",
        name()
    );
    paths.sort_unstable();
    let manifests = paths.iter().map(|path| read(path)).collect::<Result<_>>()?;
    Ok((plan.to_owned(), manifests))
}
