//! `elimap moments`: moments of the time until absorption, or expected rewards.

use std::path::PathBuf;

use anyhow::Result;
use elimap::phase::Quantity;
use ndarray::ArrayView2;

use crate::args::{ModelAtThetas, RewardArgs};
use crate::commands::question::Question;
use crate::form::{Format, csv_line, digits};
use crate::io::matrix::MatrixFile;
use crate::io::stream::stream;
use crate::output::{Text, number};

/// Moments, expectation and variance of the time until absorption, at one theta or at a file of them
///
/// With --thetas, each row is answered by moments 1 to --order; with --gradient, each moment is followed by its
/// derivatives with respect to theta. An .npy file has the shape (thetas, order), or with --gradient
/// (thetas, order, 1 + parameters): x[:, :, 0] are the moments, x[:, :, 1:] the gradients; with --theta the first axis is left out.
/// Thetas may be float32 or
/// integers of any byte order, but not in Fortran order. Any number of thetas is answered in the memory of a few megabytes
/// besides the model. Ctrl-C removes what was begun and exits with 130.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap moments examples/models/island_12.json --theta 1,0.5,2
  elimap moments examples/models/erlang_4.json --theta 2 --order 6 --json
  elimap moments examples/models/erlang_4.json --theta 2 --out moments.csv
  elimap moments examples/models/island_12.json --thetas thetas.npy --order 2 --gradient --out moments.npy
  echo '[[1], [2]]' | elimap moments examples/models/erlang_4.json --thetas - --json
  elimap moments examples/models/erlang_4.json --theta 2 --rewards rewards.json
  elimap moments examples/models/island_12.json --theta 1,0.5,2 --reward 's0 + s1' --reward 's1 > 0'")]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelAtThetas,
    /// How many moments
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    order: u16,
    /// Also the gradient of each moment or reward with respect to theta
    #[arg(long)]
    gradient: bool,
    /// Expected rewards instead of moments: a file, .npy, CSV or JSON, with a row per reward, which has the reward per unit of
    /// time spent in each vertex
    #[arg(long, value_name = "REWARDS", conflicts_with_all = ["order", "reward"])]
    rewards: Option<PathBuf>,
    #[command(flatten)]
    reward: RewardArgs,
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let format = args.model.format(args.rewards.as_deref())?;
    let trace = args.model.at.trace()?;
    let order = usize::from(args.order);
    let rewards = match &args.rewards {
        Some(path) => Some(MatrixFile::read(path, trace.graph().vertex_count())?),
        None if args.reward.reward.is_empty() => None,
        None => Some(args.reward.rows(trace.graph())?.1),
    };
    let has_rewards = rewards.is_some();
    let quantity = match (rewards, args.gradient) {
        (None, false) => Quantity::Moments(order),
        (None, true) => Quantity::MomentsAndGradients(order),
        (Some(rewards), false) => Quantity::Rewards(rewards),
        (Some(rewards), true) => Quantity::RewardsAndGradients(rewards),
    };
    let question = Question::new(&trace, quantity)?;
    if let Some(path) = &args.model.at.thetas {
        let thetas = MatrixFile::open(path, trace.param_length())?;
        stream(&question, thetas, &args.model.form, format)?;
        return Ok(Text::new());
    }
    let theta = args.model.at.theta(trace.graph())?;
    let time = trace.at(&theta)?;
    let row = ArrayView2::from_shape((1, theta.len()), &theta)?;
    let answer = question.answer(row)?;
    let mut object = question.json(0, row.row(0), &answer);
    // There are no rows here.
    if let Some(object) = object.as_object_mut() {
        object.remove("row");
        if !has_rewards {
            object.insert("expectation".into(), number(time.expectation()));
            object.insert("variance".into(), number(time.variance()));
        }
    }
    let mut text = Text::new();
    match format {
        Format::Text => {}
        Format::Json | Format::Jsonl => return args.model.form.send(Text::json(&object)),
        Format::Npy => return args.model.form.send_npy(&question.shape(), &answer),
        Format::Csv => {
            text.line(csv_line(question.names()));
            text.line(csv_line(digits(theta.iter().chain(&answer))));
            return args.model.form.send(text);
        }
    }
    let mut line = |name: &str, value: f64| text.line(format_args!("{name:<12} {value:?}"));
    if !has_rewards {
        line("expectation", time.expectation());
        line("variance", time.variance());
    }
    for (name, value) in question.names().iter().skip(theta.len()).zip(&answer) {
        line(&name.replacen("moment", "moment ", 1), *value);
    }
    args.model.form.send(text)
}
