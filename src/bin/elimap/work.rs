//! `elimap work`: compute planned work units into the cache.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use elimap::phase::{BlockKey, Manifest, WorkUnit, eliminate_unit};
use rayon::prelude::*;
use serde_json::json;

use crate::input::{CacheArgs, Progress};
use crate::output::Text;

/// Compute a shard of planned work units into the cache
///
/// Units that the cache has are skipped, each result is kept as soon as it is there, and computing one twice does no
/// harm. So a shard that was stopped is simply started again.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap work units/ --shard 0
  elimap work units/ --shard 3 --cache /shared/traces --json
  elimap work units/                  # all shards")]
pub(crate) struct Args {
    /// The folder that `elimap plan` wrote
    #[arg(value_name = "DIR")]
    units: PathBuf,
    /// Which shard, from 0; all of them by default
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
    let path = args.units.join(Manifest::FILE);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let manifest = Manifest::from_json(&text).with_context(|| path.display().to_string())?;
    let count = manifest.shards().len();
    let keys: Vec<BlockKey> = match args.shard {
        None => manifest
            .shards()
            .iter()
            .flat_map(|shard| shard.units.iter().copied())
            .collect(),
        Some(shard) => {
            let shard = manifest.shards().get(shard);
            let Some(shard) = shard else {
                bail!(
                    "there is no such shard; {} has {count}, numbered from 0",
                    path.display()
                );
            };
            shard.units.clone()
        }
    };
    let progress = Progress::start("eliminating");
    let computed = AtomicUsize::new(0);
    keys.par_iter().try_for_each(|&key| -> Result<()> {
        let path = args.units.join(Manifest::unit_file(key));
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
