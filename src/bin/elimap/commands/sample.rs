//! `elimap sample`: times, rewards, paths and ends by simulation.

use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use elimap::phase::{DiscretePhaseType, EliminationTrace, PhaseType, Sampler};
use serde_json::{Value, json};

use crate::args::{ModelArgs, RewardArgs};
use crate::io::npy::NpyOutput;
use crate::io::signals::Signals;
use crate::output::{Text, number};
use crate::progress::Progress;

/// Samples between two looks at signals and progress.
const CHUNK: u64 = 1 << 16;

/// Draw samples of the time until absorption, of rewards, or of whole paths
///
/// A sample depends on the seed and its number alone, so any range of them, on any number of threads, is the same numbers. Mass
/// at time zero is a time of 0. Of a discrete model samples are numbers of steps, or rewards per visit.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap sample examples/models/island_4.json --theta 1,1,0.5 --samples 1000000 --seed 1 --out times.npy
  elimap sample examples/models/kingman_10.json --theta 1 --samples 5 --seed 1 --reward s0 --reward 's0 == 2'
  elimap sample examples/models/island_4.json --theta 1,1,0.5 --samples 3 --seed 1 --paths --json")]
pub(crate) struct Args {
    #[command(flatten)]
    at: ModelArgs,
    /// How many samples
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    samples: u64,
    /// What the samples depend on
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The number of the first sample
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    #[command(flatten)]
    reward: RewardArgs,
    /// Whole paths: the vertices, and when each was entered
    #[arg(long, conflicts_with_all = ["reward", "ends", "out"])]
    paths: bool,
    /// The vertices in which the samples end
    #[arg(long, conflicts_with = "reward")]
    ends: bool,
    /// Print a JSON value per sample
    #[arg(long, conflicts_with = "out")]
    json: bool,
    /// Write an .npy file of float64 of the shape (samples,), with rewards (samples, rewards); the file appears when it is
    /// complete
    #[arg(long, value_name = "OUT.npy")]
    out: Option<PathBuf>,
}

/// What samples are of: a time, or the number of steps of a discrete model.
enum Source {
    Time(Box<PhaseType>, Sampler),
    Steps(Box<DiscretePhaseType>),
}

impl Source {
    fn new(args: &Args, trace: &EliminationTrace, theta: &[f64]) -> Result<Source> {
        if !trace.graph().is_discrete() {
            let time = trace.at(theta)?;
            let sampler = time.sampler(args.seed)?;
            return Ok(Source::Time(Box::new(time), sampler));
        }
        Ok(Source::Steps(Box::new(trace.steps_at(theta)?)))
    }
}

/// Numbers of samples, some for each.
fn draw(args: &Args, source: &Source, range: Range<u64>) -> Result<Vec<f64>> {
    let seed = args.seed;
    if args.ends {
        let ends = match source {
            Source::Time(_, sampler) => sampler.ends(range),
            Source::Steps(steps) => steps.sample_ends(seed, range),
        };
        let numbers = ends.into_iter().map(|vertex| vertex.index() as f64);
        return Ok(numbers.collect());
    }
    if args.reward.reward.is_empty() {
        return Ok(match source {
            Source::Time(_, sampler) => sampler.times(range),
            Source::Steps(steps) => {
                let counts = steps.sample(seed, range).into_iter();
                counts.map(|count| count as f64).collect()
            }
        });
    }
    let drawn = match source {
        Source::Time(time, sampler) => {
            let (_, rewards) = args.reward.rows(time.trace().graph())?;
            sampler.rewards(rewards.view(), range)?
        }
        Source::Steps(steps) => {
            let (_, rewards) = args.reward.rows(steps.trace().graph())?;
            steps.sample_rewards(seed, rewards.view(), range)?
        }
    };
    // In the order of the samples, whichever way the matrix lies.
    Ok(drawn.iter().copied().collect())
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    ensure!(
        args.at.thetas.is_none(),
        "samples are drawn at one theta; give it with --theta"
    );
    let end = args.first.checked_add(args.samples);
    let Some(end) = end else {
        anyhow::bail!(
            "the last sample would have the number {} + {}, which is beyond 64 bits",
            args.first,
            args.samples
        );
    };
    if let Some(out) = &args.out {
        args.at.check_output(out, None)?;
    }
    let trace = args.at.trace()?;
    let theta = args.at.theta(trace.graph())?;
    let source = Source::new(args, &trace, &theta)?;
    let columns = args.reward.rows(trace.graph())?.1.nrows().max(1);
    let mut file = match &args.out {
        None => None,
        Some(out) => {
            let mut shape = vec![usize::try_from(args.samples)?];
            if !args.reward.reward.is_empty() {
                shape.push(columns);
            }
            Some(NpyOutput::create(out, &shape)?)
        }
    };
    let signals = Signals::listen()?;
    let progress = Progress::count("samples", args.samples);
    let mut first = args.first;
    while first < end {
        signals.check(|| format!(" at sample {first}"))?;
        let range = first..end.min(first + CHUNK);
        let mut text = Text::new();
        if args.paths {
            let paths = match &source {
                Source::Time(_, sampler) => sampler.paths(range.clone()),
                Source::Steps(steps) => steps.sample_paths(args.seed, range.clone()),
            };
            for path in paths {
                let vertices: Vec<usize> = path.vertices.iter().map(|v| v.index()).collect();
                if args.json {
                    text.line(json!({"vertices": vertices, "times": path.times}));
                } else {
                    let steps = vertices.iter().zip(&path.times);
                    let steps: Vec<String> = steps.map(|(v, t)| format!("{v}@{t:?}")).collect();
                    text.line(steps.join(" "));
                }
            }
        } else {
            let drawn = draw(args, &source, range.clone())?;
            match &mut file {
                Some(file) => file.write(&drawn)?,
                None => drawn
                    .chunks(columns)
                    .for_each(|row| text.line(self::line(args, row))),
            }
        }
        text.write()?;
        first = range.end;
        progress.reach(first - args.first);
    }
    if let Some(file) = file {
        file.finish()?;
    }
    Ok(Text::new())
}

fn line(args: &Args, row: &[f64]) -> String {
    match (args.json, row) {
        (true, [value]) => number(*value).to_string(),
        (true, row) => row
            .iter()
            .map(|&value| number(value))
            .collect::<Value>()
            .to_string(),
        (false, row) => {
            let cells: Vec<String> = row.iter().map(|value| format!("{value:?}")).collect();
            cells.join(",")
        }
    }
}
