//! `elimap submit`: have an engine run the shards of a model, then stitch the trace.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use elimap::phase::{BlockKey, Eliminator, Manifest, WorkUnit};
use serde_json::{Value, json};

use super::command::Commands;
use super::engine::{Engine, EngineKind};
use super::follow::{Follow, Outcome};
use crate::args::{CacheArgs, read_graph};
use crate::commands::plan::Plan;
use crate::commands::trace::{summary_json, summary_lines};
use crate::io::signals::Signals;
use crate::output::{Text, notice, write_atomically};
use crate::progress::Progress;

/// Unless --shards says otherwise: a task of its own for each unit, but no more.
const MOST_SHARDS: usize = 16;

const NOTHING: &str = "the cache has every unit; nothing to submit";

/// Compute a model's missing work units on a cluster, then eliminate it with them
///
/// Plans as `elimap plan` does, submits one job array that runs `elimap work` for every shard, and follows it. A shard whose
/// task fails is requeued, --retries times at most. When all are computed, the trace is put together here as `elimap trace`
/// would. This program, the folder of units and the cache must be on a file system that the cluster's machines share.
///
/// What counts is that the cache has the traces, so running the same command again after any failure submits only what
/// is missing. Ctrl-C, SIGTERM and a closed terminal cancel the job (what it computed is kept); a second Ctrl-C leaves at once.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap submit GRAPH.json --engine slurm --shards 8 --cache /shared/traces
  elimap submit GRAPH.json --engine slurm --dry-run
  elimap submit GRAPH.json --engine slurm -- --partition=short --time=30 --mem=8G --cpus-per-task=4
  elimap submit GRAPH.json --engine hyperqueue --shards 8 -- --cpus=4")]
pub(crate) struct Args {
    /// The model: a graph in phasic's serialized form, or `-` for stdin
    #[arg(value_name = "GRAPH.json")]
    graph: PathBuf,
    /// What runs the shards
    #[arg(long, value_enum, value_name = "slurm|hyperqueue")]
    engine: EngineKind,
    /// Into how many shards the units are grouped, at most; by default each unit is one, up to 16
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    shards: Option<u32>,
    /// The folder for units, script and logs, which models may share; by default GRAPH.units in the current folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How often a shard is run again whose task fails
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
    /// How often the engine is asked how far it is, such as 5s or 1min
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    poll: Duration,
    /// How long a command of the engine may take to answer, such as 30s or 5min
    #[arg(long, value_name = "TIME", default_value = "2min", value_parser = humantime::parse_duration)]
    engine_timeout: Duration,
    /// Print the script and the command; write and submit nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CacheArgs,
    /// Options for sbatch or `hq submit`, verbatim; without --cpus-per-task or --cpus a task gets one processor
    #[arg(last = true, value_name = "ENGINE OPTIONS")]
    options: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let start = Instant::now();
    let graph = read_graph(&args.graph)?;
    let (cache, folder) = args.cache.open_folder(&args.cache.builder())?;
    let plan = Plan::new(&graph, &cache);
    let most = args.shards.map_or(MOST_SHARDS, |shards| shards as usize);
    if args.dry_run && plan.missing.is_empty() {
        notice(NOTHING);
        return Ok(match args.json {
            true => Text::json(&json!({"units": 0})),
            false => Text::new(),
        });
    }
    let manifest = Manifest::new(&plan.missing, most);
    let signals = Signals::listen()?;
    let commands = Commands {
        limit: args.engine_timeout,
        signals: &signals,
    };
    let engine = engine(args, &folder, manifest.file_name(), commands)?;
    let count = manifest.shards().len();
    let script = engine.script(count)?;
    if args.dry_run {
        let command = engine.submission(0, count);
        return dry_run(args, &plan, &engine, &script, &command);
    }
    let mut outcomes = Vec::new();
    if plan.missing.is_empty() {
        notice(NOTHING);
    } else {
        plan.write(Path::new(&engine.units), &manifest)?;
        let logs = engine.log_folder();
        std::fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
        write_atomically(&engine.script_path(), &script)?;
        signals.check(|| "; nothing was submitted".to_owned())?;
        let job = engine.submit(0, count)?;
        notice(&format!(
            "submitted job {job}: {} units in {count} shards",
            plan.missing.len()
        ));
        let follow = Follow {
            engine: &engine,
            cache: &cache,
            retries: args.retries,
            poll: args.poll,
        };
        outcomes = follow.run(&job, by_shard(&manifest, &plan.missing))?;
    }
    let mut report = report(args, &plan, &engine, &outcomes);
    if let Some(message) = failures(&engine, &outcomes) {
        if args.json {
            Text::json(&report).write()?;
        }
        bail!(message);
    }
    signals.check(|| "; the cache has every unit".to_owned())?;
    let progress = Progress::start("eliminating");
    let done = Eliminator::new().cache(&cache).run(&graph)?;
    drop(progress);
    let seconds = start.elapsed().as_secs_f64();
    if args.json {
        report["trace"] = summary_json(&done, seconds);
        return Ok(Text::json(&report));
    }
    let mut text = Text::new();
    text.fields(["engine", "units", "shards", "requeued"].map(|name| (name, &report[name])));
    summary_lines(&done, seconds, &mut text);
    Ok(text)
}

fn engine<'a>(
    args: &Args,
    cache: &Path,
    manifest: String,
    commands: Commands<'a>,
) -> Result<Engine<'a>> {
    let absolute = |path: &Path| -> Result<String> {
        let path = std::path::absolute(path).with_context(|| path.display().to_string())?;
        match path.to_str() {
            Some(path) => Ok(path.to_owned()),
            None => bail!("{} is not UTF-8, which the script must be", path.display()),
        }
    };
    let out = args.out.clone().unwrap_or_else(|| {
        let stem = args.graph.file_stem().unwrap_or_default();
        let mut name = if stem == "-" {
            "model".into()
        } else {
            stem.to_owned()
        };
        name.push(".units");
        PathBuf::from(name)
    });
    Ok(Engine {
        kind: args.engine,
        program: absolute(&std::env::current_exe().context("finding this program")?)?,
        units: absolute(&out)?,
        manifest,
        cache: absolute(cache)?,
        options: args.options.clone(),
        commands,
    })
}

fn dry_run(
    args: &Args,
    plan: &Plan,
    engine: &Engine<'_>,
    script: &str,
    command: &[String],
) -> Result<Text> {
    let path = engine.script_path().display().to_string();
    if args.json {
        return Ok(Text::json(&json!({
            "units": plan.missing.len(),
            "script_path": path,
            "script": script,
            "command": command,
        })));
    }
    let mut text = Text::new();
    text.line(script.trim_end());
    text.line("");
    let command = shlex::try_join(command.iter().map(String::as_str))?;
    text.line(format_args!("# The script above as {path}, and:"));
    text.line(command);
    Ok(text)
}

/// The units of each shard.
fn by_shard<'a>(manifest: &Manifest, units: &'a [WorkUnit]) -> Vec<Vec<&'a WorkUnit>> {
    let units: HashMap<BlockKey, &WorkUnit> = units.iter().map(|unit| (unit.key(), unit)).collect();
    let shards = manifest.shards().iter();
    shards
        .map(|shard| shard.units.iter().map(|key| units[key]).collect())
        .collect()
}

fn report(args: &Args, plan: &Plan, engine: &Engine<'_>, outcomes: &[Outcome]) -> Value {
    let failed = outcomes.iter().enumerate().filter_map(|(shard, outcome)| {
        Some(json!({
            "shard": shard,
            "job": outcome.job,
            "runs": outcome.requeued + 1,
            "state": outcome.failure.as_ref()?,
            "log": engine.log(&outcome.job, shard).display().to_string(),
        }))
    });
    json!({
        "engine": args.engine.name(),
        "out": engine.units,
        "units": plan.missing.len(),
        "cached": plan.cached,
        "too_small": plan.too_small,
        "shards": outcomes.len(),
        "requeued": outcomes.iter().map(|outcome| outcome.requeued).sum::<u32>(),
        "failed": failed.collect::<Value>(),
    })
}

/// Which shards were given up, why, and what to do.
fn failures(engine: &Engine<'_>, outcomes: &[Outcome]) -> Option<String> {
    let mut lines = Vec::new();
    for (shard, outcome) in outcomes.iter().enumerate() {
        let Some(state) = &outcome.failure else {
            continue;
        };
        let log = engine.log(&outcome.job, shard);
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let last = text.trim_end().lines().last();
        let log = match last {
            Some(last) => format!("; {} ends with `{last}`", log.display()),
            None => format!("; nothing in {}", log.display()),
        };
        let runs = match outcome.requeued {
            0 => "1 run".to_owned(),
            again => format!("{} runs", again + 1),
        };
        let remedy = match state.as_str() {
            "OUT_OF_MEMORY" => "; ask for more with -- --mem=SIZE",
            "TIMEOUT" => "; ask for more with -- --time=MINUTES, or for smaller --shards",
            _ => "",
        };
        lines.push(format!(
            "\n  shard {shard}: {state} after {runs}{log}{remedy}",
        ));
    }
    (!lines.is_empty()).then(|| {
        format!(
            "{} of {} shards failed:{}\nWhat the others computed is kept; the same command submits only what is missing.",
            lines.len(),
            outcomes.len(),
            lines.concat()
        )
    })
}
