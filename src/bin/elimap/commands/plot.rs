//! `elimap plot`: a model and its distribution as pictures.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use elimap::phase::{Clock, EliminationTrace, Eliminator, TraceCache};

use crate::args::{Parameter, RewardArgs, read_graph, theta_or_default};
use crate::commands::answer::counts;
use crate::io::vector;
use crate::output::{Text, check_target};
use crate::plot::curves::Curves;
use crate::plot::graph::GraphPicture;
use crate::plot::write;

/// Times of a curve that is drawn without --times.
const POINTS: usize = 400;
/// What such a curve leaves out on the right.
const TAIL: f64 = 0.002;

/// Draw a model, or the density and distribution function of its time, as SVG or PNG
///
/// A model is drawn in layers of blocks, from the start on the left to absorption on the right; vertices that lead to each
/// other stand on a circle. Long states are replaced by the numbers of vertices, which `elimap show` lists.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap plot examples/models/island_4.json --out island_4.svg
  elimap plot examples/models/island_4.json --curve --theta 1,1,0.5 --out density.png
  elimap model kingman 6 | elimap plot - --curve --theta 1 --reward s0 --times 0:12:300 --out length.svg")]
pub(crate) struct Args {
    /// The model: a graph in phasic's serialized form, or `-` for stdin
    #[arg(value_name = "GRAPH.json")]
    graph: PathBuf,
    /// The picture, which ends in .svg or .png; it appears when it is complete
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Draw density and distribution function instead of the graph
    #[arg(long)]
    curve: bool,
    /// The parameters, separated by commas
    #[arg(
        long,
        value_name = "A,B,C|NAME=A,..",
        value_delimiter = ',',
        allow_hyphen_values = true,
        requires = "curve"
    )]
    theta: Option<Vec<Parameter>>,
    /// The times of the curve; by default from 0 to where 0.2 % are left
    #[arg(
        long,
        value_name = "A,B|A:B:N|FILE",
        allow_hyphen_values = true,
        requires = "curve"
    )]
    times: Option<String>,
    #[command(flatten)]
    reward: RewardArgs,
    /// What is written above; by default what the file is called
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    check_target(&args.out)?;
    let graph = read_graph(&args.graph)?;
    let title = match (&args.title, args.graph.file_stem()) {
        (Some(title), _) => title.clone(),
        (None, Some(name)) if name != "-" => name.to_string_lossy().into_owned(),
        _ => "model".to_owned(),
    };
    if !args.curve {
        ensure!(
            args.reward.reward.is_empty(),
            "--reward is drawn with --curve"
        );
        write(&args.out, &GraphPicture::new(&graph, title)?)?;
        return Ok(Text::new());
    }
    let theta = theta_or_default(args.theta.as_deref(), &graph)?;
    let trace = Eliminator::new()
        .cache(&TraceCache::builder().in_memory())
        .trace(&graph)?;
    let reward = args.reward.one(&graph)?;
    let times = args.times.as_deref().map(vector::numbers).transpose()?;
    let axis = args.reward.reward.first().cloned();
    let mut picture = match graph.clock() {
        Clock::Continuous => of_time(&trace, &theta, reward.as_deref(), times)?,
        _ => of_steps(&trace, &theta, reward.as_deref(), times)?,
    };
    picture.title = title;
    if let Some(axis) = axis {
        picture.axis = axis;
    }
    write(&args.out, &picture)?;
    Ok(Text::new())
}

/// Density and distribution function of a time.
fn of_time(
    trace: &EliminationTrace,
    theta: &[f64],
    reward: Option<&[f64]>,
    times: Option<Vec<f64>>,
) -> Result<Curves> {
    let mut time = trace.at(theta)?;
    if let Some(reward) = reward {
        time = time.reward(reward)?;
    }
    let times = match times {
        Some(times) => times,
        None => {
            let last = time.survival_quantile(&[TAIL])?[0];
            (0..POINTS)
                .map(|k| last * k as f64 / (POINTS - 1) as f64)
                .collect()
        }
    };
    ensure!(times.len() > 1, "a curve needs at least two times");
    let curve = time.curve(&times)?;
    Ok(Curves {
        title: String::new(),
        axis: "time".to_owned(),
        mean: time.expectation(),
        times: curve.times,
        pdf: curve.pdf,
        cdf: curve.cdf,
        is_discrete: false,
    })
}

/// Probabilities of numbers of steps and their sums.
fn of_steps(
    trace: &EliminationTrace,
    theta: &[f64],
    reward: Option<&[f64]>,
    times: Option<Vec<f64>>,
) -> Result<Curves> {
    let mut steps = trace.steps_at(theta)?;
    if let Some(reward) = reward {
        steps = steps.reward(reward)?;
    }
    let counts = match times {
        Some(times) => counts(&times)?,
        None => {
            let last = steps.survival_quantile(&[TAIL])?[0].max(1);
            let apart = last.div_ceil(POINTS as u64).max(1);
            (0..=last).step_by(usize::try_from(apart)?).collect()
        }
    };
    ensure!(
        counts.len() > 1,
        "a curve needs at least two numbers of steps"
    );
    let curve = steps.curve(&counts)?;
    Ok(Curves {
        title: String::new(),
        axis: "steps".to_owned(),
        mean: steps.expectation(),
        times: curve.counts.iter().map(|&count| count as f64).collect(),
        pdf: curve.pmf,
        cdf: curve.cdf,
        is_discrete: true,
    })
}
