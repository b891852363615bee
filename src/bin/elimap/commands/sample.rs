//! `elimap sample`: times, rewards, paths and ends by simulation.

use std::ops::Range;

use anyhow::{Result, ensure};
use elimap::phase::{DiscretePhaseType, EliminationTrace, PhaseType, Sampler};
use serde_json::json;

use crate::args::{ModelArgs, RewardArgs};
use crate::form::{FormArgs, Format, csv_line, digits};
use crate::io::signals::Signals;
use crate::output::{Text, number, numbers};
use crate::progress::Progress;

/// Samples between two looks at signals and progress.
const CHUNK: u64 = 1 << 16;

/// Draw samples of the time until absorption, of rewards, or of whole paths
///
/// A sample depends on the seed and its number alone, so any range of them, on any number of threads, is the same numbers. Mass
/// at time zero is a time of 0. Of a discrete model samples are numbers of steps, or rewards per visit. An .npy file has the shape
/// (samples,), with rewards (samples, rewards).
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
    #[arg(long, conflicts_with_all = ["reward", "ends"])]
    paths: bool,
    /// The vertices in which the samples end
    #[arg(long, conflicts_with = "reward")]
    ends: bool,
    #[command(flatten)]
    form: FormArgs,
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
    let format = args.form.format()?;
    ensure!(
        !args.paths || !matches!(format, Format::Npy | Format::Csv),
        "paths have different lengths, so they are no table; write them as text, json or jsonl"
    );
    if let Some(out) = &args.form.out {
        args.at.check_output(out, None)?;
    }
    let trace = args.at.trace()?;
    let theta = args.at.theta(trace.graph())?;
    let source = Source::new(args, &trace, &theta)?;
    let names = args.reward.rows(trace.graph())?.0;
    let columns = names.len().max(1);
    let mut target = args.form.open()?;
    match format {
        Format::Npy => {
            let mut shape = vec![usize::try_from(args.samples)?];
            shape.extend((!names.is_empty()).then_some(columns));
            target.npy_header(&shape)?;
        }
        Format::Csv => {
            let names = match (names.is_empty(), args.ends) {
                (false, _) => names,
                (true, true) => vec!["end".to_owned()],
                (true, false) => vec!["sample".to_owned()],
            };
            target.write(format!("{}\n", csv_line(names)).as_bytes())?;
        }
        _ => {}
    }
    let signals = Signals::listen()?;
    let progress = Progress::count("samples", args.samples);
    let mut first = args.first;
    while first < end {
        signals.check(|| format!(" at sample {first}"))?;
        let range = first..end.min(first + CHUNK);
        let mut text = String::new();
        if args.paths {
            let paths = match &source {
                Source::Time(_, sampler) => sampler.paths(range.clone()),
                Source::Steps(steps) => steps.sample_paths(args.seed, range.clone()),
            };
            for (sample, path) in range.clone().zip(paths) {
                let vertices: Vec<usize> = path.vertices.iter().map(|v| v.index()).collect();
                if format == Format::Text {
                    let steps = vertices.iter().zip(&path.times);
                    let steps: Vec<String> = steps.map(|(v, t)| format!("{v}@{t:?}")).collect();
                    text += &format!("{}\n", steps.join(" "));
                } else {
                    let object = json!({"vertices": vertices, "times": path.times});
                    text += &format.json_entry(sample - args.first, &object);
                }
            }
        } else {
            let drawn = draw(args, &source, range.clone())?;
            if format == Format::Npy {
                target.npy_numbers(&drawn)?;
            } else {
                for (sample, row) in range.clone().zip(drawn.chunks(columns)) {
                    text += &line(format, sample - args.first, row);
                }
            }
        }
        if !target.write(text.as_bytes())? {
            return Ok(Text::new());
        }
        first = range.end;
        progress.reach(first - args.first);
    }
    target.write(format.json_end(args.samples).as_bytes())?;
    target.finish()?;
    Ok(Text::new())
}

fn line(format: Format, sample: u64, row: &[f64]) -> String {
    match (format, row) {
        (Format::Json | Format::Jsonl, [value]) => format.json_entry(sample, &number(*value)),
        (Format::Json | Format::Jsonl, row) => format.json_entry(sample, &numbers(row)),
        (_, row) => format!("{}\n", csv_line(digits(row))),
    }
}
