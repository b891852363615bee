//! `elimap cache`: look after the folder that traces are kept in.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use bytesize::ByteSize;
use clap::Subcommand;
use elimap::phase::{EntryKind, Removed};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::EntryType;

use crate::args::CacheArgs;
use crate::output::{Text, check_target, temporary_beside};

/// Look after the folder that traces are kept in
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap cache info
  elimap cache list --json
  elimap cache verify --cache /shared/traces
  elimap cache prune --max-size 500MB --max-age 30days
  elimap cache export traces.tar.gz && scp traces.tar.gz host: && ssh host elimap cache import traces.tar.gz")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say where the cache is and what it holds
    #[command(after_help = "Example:\n  elimap cache info --json")]
    Info(Common),
    /// List the entries
    #[command(after_help = "Example:\n  elimap cache list --cache /shared/traces")]
    List(Common),
    /// Read every entry, compute it again and compare; exit code 1 if something is wrong
    #[command(after_help = "Example:\n  elimap cache verify")]
    Verify(Common),
    /// Remove entries that are old, or until the rest fits, least recently used first
    #[command(after_help = "Example:\n  elimap cache prune --max-size 500MB --max-age 30days")]
    Prune {
        #[command(flatten)]
        common: Common,
        /// How much may remain, such as 500MB or 2GiB
        #[arg(long, value_name = "SIZE")]
        max_size: Option<ByteSize>,
        /// For how long an entry may have been unused, such as 12h or 30days
        #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
        max_age: Option<Duration>,
    },
    /// Remove every entry
    #[command(after_help = "Example:\n  elimap cache clear")]
    Clear(Common),
    /// Write all entries to an archive (tar, gzip)
    #[command(after_help = "Example:\n  elimap cache export traces.tar.gz")]
    Export {
        #[command(flatten)]
        common: Common,
        /// The archive to write
        archive: PathBuf,
    },
    /// Take the entries of an archive over; each is computed again and compared first
    #[command(after_help = "Example:\n  elimap cache import traces.tar.gz")]
    Import {
        #[command(flatten)]
        common: Common,
        /// The archive to read
        archive: PathBuf,
    },
}

#[derive(clap::Args)]
struct Common {
    #[command(flatten)]
    cache: CacheArgs,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Common {
    /// One object, or its fields line by line.
    fn answer(&self, value: Value) -> Text {
        if self.json {
            return Text::json(&value);
        }
        let mut text = Text::new();
        for (name, value) in value.as_object().into_iter().flatten() {
            text.fields([(&*name.replace('_', " "), value)]);
        }
        text
    }
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    match &args.command {
        Command::Info(common) => info(common),
        Command::List(common) => list(common),
        Command::Verify(common) => verify(common),
        Command::Prune {
            common,
            max_size,
            max_age,
        } => {
            let (cache, _) = common.cache.open_folder(&common.cache.builder())?;
            if max_size.is_none() && max_age.is_none() {
                bail!("nothing to prune by; give --max-size or --max-age");
            }
            let removed = cache.prune(max_size.map(|size| size.as_u64()), *max_age)?;
            Ok(common.answer(removal(removed)))
        }
        Command::Clear(common) => {
            let (cache, _) = common.cache.open_folder(&common.cache.builder())?;
            Ok(common.answer(removal(cache.clear()?)))
        }
        Command::Export { common, archive } => export(common, archive),
        Command::Import { common, archive } => import(common, archive),
    }
}

fn removal(removed: Removed) -> Value {
    json!({
        "removed_entries": removed.entries,
        "removed_bytes": removed.bytes,
        "removed_temporaries": removed.temporaries,
    })
}

fn info(common: &Common) -> Result<Text> {
    let (cache, folder) = common.cache.open_folder(&common.cache.builder())?;
    let entries = cache.entries();
    let count = |kind| entries.iter().filter(|entry| entry.kind == kind).count();
    let stats = crate::output::cache_stats(&cache.stats());
    let mut value = json!({
        "folder": folder.display().to_string(),
        "block_entries": count(EntryKind::Block),
        "graph_entries": count(EntryKind::Graph),
        "bytes": entries.iter().map(|entry| entry.bytes).sum::<u64>(),
        "min_size": cache.min_size(),
    });
    if common.json {
        value["stats"] = stats;
    }
    Ok(common.answer(value))
}

fn seconds_unused(used: SystemTime) -> u64 {
    SystemTime::now()
        .duration_since(used)
        .unwrap_or_default()
        .as_secs()
}

fn list(common: &Common) -> Result<Text> {
    let (cache, _) = common.cache.open_folder(&common.cache.builder())?;
    let entries = cache.entries();
    if common.json {
        let entries: Vec<Value> = entries
            .iter()
            .map(|entry| {
                json!({
                    "name": entry.name,
                    "kind": entry.kind.name(),
                    "bytes": entry.bytes,
                    "seconds_unused": seconds_unused(entry.used),
                })
            })
            .collect();
        return Ok(Text::json(&json!({ "entries": entries })));
    }
    let mut text = Text::new();
    for entry in entries {
        let unused = humantime::format_duration(Duration::from_secs(seconds_unused(entry.used)));
        text.line(format_args!(
            "{:<72} {:>12} bytes, used {unused} ago",
            entry.name, entry.bytes
        ));
    }
    Ok(text)
}

fn verify(common: &Common) -> Result<Text> {
    let (cache, folder) = common.cache.open_folder(&common.cache.builder())?;
    let faults = cache.verify();
    // What is no regular file is none of the entries, but among the faults.
    let good = |path: &Path| !faults.iter().any(|fault| fault.path == path);
    let whole = cache
        .entries()
        .into_iter()
        .filter(|entry| good(&entry.path));
    let entries = whole.count() + faults.len();
    let text = if common.json {
        let list: Vec<Value> = faults
            .iter()
            .map(
                |fault| json!({"path": fault.path.display().to_string(), "problem": fault.message}),
            )
            .collect();
        Text::json(&json!({"entries": entries, "faults": list}))
    } else {
        let mut text = Text::new();
        for fault in &faults {
            text.line(format_args!("{}: {}", fault.path.display(), fault.message));
        }
        text.line(format_args!(
            "{entries} entries read, {} wrong",
            faults.len()
        ));
        text
    };
    if faults.is_empty() {
        return Ok(text);
    }
    text.write()?;
    bail!(
        "{} of {entries} entries of {} are wrong; they are never used, and replaced when they are needed",
        faults.len(),
        folder.display()
    )
}

fn export(common: &Common, archive: &Path) -> Result<Text> {
    let (cache, _) = common.cache.open_folder(&common.cache.builder())?;
    let write = || -> Result<(u64, u64)> {
        check_target(archive)?;
        let file = temporary_beside(archive)?;
        let mut out = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
        let (mut count, mut total) = (0, 0);
        for entry in cache.entries() {
            // Removed meanwhile, or unreadable: what cannot be read cannot be carried.
            let Ok(bytes) = entry.read() else {
                continue;
            };
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            out.append_data(&mut header, &entry.name, &bytes[..])?;
            count += 1;
            total += bytes.len() as u64;
        }
        out.into_inner()?.finish()?.persist(archive)?;
        Ok((count, total))
    };
    let (count, total) = write().with_context(|| format!("writing {}", archive.display()))?;
    Ok(common.answer(json!({
        "archive": archive.display().to_string(),
        "exported_entries": count,
        "exported_bytes": total,
    })))
}

fn import(common: &Common, archive: &Path) -> Result<Text> {
    let (cache, _) = common.cache.open_folder(&common.cache.builder())?;
    let (mut imported, mut bytes_in, mut rejected) = (0u64, 0u64, Vec::new());
    let mut read = || -> Result<()> {
        let mut members = tar::Archive::new(GzDecoder::new(File::open(archive)?));
        // Raw: no member is interpreted before it is known to be a regular file. Entries have short names.
        for member in members.entries()?.raw(true) {
            let member = member?;
            let name = member.path()?.to_string_lossy().into_owned();
            match member.header().entry_type() {
                EntryType::Regular => {}
                // Attributes of the members after them.
                EntryType::XHeader | EntryType::XGlobalHeader => continue,
                _ => {
                    rejected.push(format!("`{name}` is no regular file"));
                    continue;
                }
            }
            match cache.import(&name, member) {
                Ok(length) => {
                    imported += 1;
                    bytes_in += length;
                }
                Err(error) => rejected.push(error.to_string()),
            }
        }
        Ok(())
    };
    read().with_context(|| format!("reading {}", archive.display()))?;
    let text = common.answer(json!({
        "imported_entries": imported,
        "imported_bytes": bytes_in,
        "rejected_entries": rejected.len(),
    }));
    match rejected.first() {
        None => Ok(text),
        Some(first) => {
            text.write()?;
            bail!(
                "{} entries were not taken over; the first: {first}",
                rejected.len()
            )
        }
    }
}
