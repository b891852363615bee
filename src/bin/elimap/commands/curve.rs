//! `elimap pdf`, `elimap cdf`, `elimap quantile`: the distribution of the time, or of a reward.

use anyhow::{Result, bail};

use crate::args::RewardArgs;
use crate::commands::answer::{AnswerArgs, Subject, Table, counts};
use crate::io::vector;
use crate::output::{Text, numbers};

const TIMES: &str = "A,B|A:B:N|FILE|-";

/// The density of the time until absorption, or of a reward, at times
///
/// The density is that of the continuous part; mass at time zero is in the distribution function. Times ascend. JSON has
/// theta, times, pdf, cdf, survival and error, which bounds the error of each of the three. Of a discrete model the times are
/// numbers of steps, and the density is their probability.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap pdf examples/models/island_4.json --theta 1,1,0.5 --times 0:10:101 --csv
  elimap pdf examples/models/kingman_10.json --theta 2 --times 0.5,1 --reward 's0 * (s0 > 1)'
  elimap pdf examples/models/island_4.json --thetas thetas.npy --times times.npy --out pdf.npy")]
pub(crate) struct PdfArgs {
    #[command(flatten)]
    curve: CurveArgs,
}

/// The distribution function and survival of the time until absorption, or of a reward, at times
///
/// Mass at time zero counts. Times ascend. JSON has theta, times, pdf, cdf, survival and error, which bounds the error of each
/// of the three.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap cdf examples/models/island_4.json --theta 1,1,0.5 --times 0.5,1,2 --json
  elimap model k-out-of-n 3 5 | elimap cdf - --theta 0.001,2 --times 1e3,1e4 --tolerance 0 --relative
  elimap cdf examples/models/island_4.json --thetas thetas.csv --times 0:10:11 --csv")]
pub(crate) struct CdfArgs {
    #[command(flatten)]
    curve: CurveArgs,
}

#[derive(clap::Args)]
struct CurveArgs {
    #[command(flatten)]
    answer: AnswerArgs,
    /// The times: numbers, N of them from A to B, or a file of them (.npy, JSON, CSV); `-` for stdin
    #[arg(long, value_name = TIMES, allow_hyphen_values = true)]
    times: String,
    #[command(flatten)]
    reward: RewardArgs,
    /// The gradients with respect to theta too
    #[arg(long)]
    gradient: bool,
}

/// Quantiles of the time until absorption, or of a reward: the smallest time t with cdf(t) >= p
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap quantile examples/models/island_4.json --theta 1,1,0.5 -p 0.05,0.5,0.95
  elimap quantile examples/models/queue_grid_6.json --theta 0.8,1,1 --survival -p 1e-3,1e-12 --json")]
pub(crate) struct QuantileArgs {
    #[command(flatten)]
    answer: AnswerArgs,
    /// The probabilities: numbers, N of them from A to B, or a file of them (.npy, JSON, CSV); `-` for stdin
    #[arg(short, long, value_name = TIMES, allow_hyphen_values = true)]
    probabilities: String,
    /// By the upper tail: the smallest time t with survival(t) <= p, exact for tiny probabilities
    #[arg(long)]
    survival: bool,
    #[command(flatten)]
    reward: RewardArgs,
    /// The gradients with respect to theta too
    #[arg(long)]
    gradient: bool,
}

impl CurveArgs {
    fn run(&self, shown: &[&str]) -> Result<Text> {
        let times = vector::numbers(&self.times)?;
        // What is made of a model by a reward is of one theta.
        let of_models = self.reward.reward.is_empty().then_some(&times[..]);
        self.answer.answer_at(of_models, |subject| {
            let reward = self.reward.one(subject.trace().graph())?;
            let subject = subject.of(reward.as_deref())?;
            let curve = match &subject {
                Subject::Time(time) => {
                    let curve = time.curve(&times)?;
                    [
                        curve.times,
                        curve.pdf,
                        curve.cdf,
                        curve.survival,
                        curve.error,
                    ]
                }
                Subject::Steps(steps) => {
                    let counts = counts(&times)?;
                    let curve = steps.curve(&counts)?;
                    let errors = curve.pmf_error.iter().zip(&curve.cdf_error);
                    let errors = errors.zip(&curve.survival_error);
                    let error = errors.map(|((pmf, cdf), survival)| pmf.max(*cdf).max(*survival));
                    [
                        times.clone(),
                        curve.pmf,
                        curve.cdf,
                        curve.survival,
                        error.collect(),
                    ]
                }
            };
            let all = NAMES.iter().copied().zip(curve.iter().map(Vec::as_slice));
            let columns: Vec<(&str, &[f64])> = all
                .clone()
                .filter(|(name, _)| shown.contains(name))
                .collect();
            let mut table = Table::of_columns(&columns);
            for (name, values) in all {
                table.json.insert(name.to_owned(), numbers(values));
            }
            if self.gradient {
                let name = shown[1];
                let (_, slopes) = match (&subject, name) {
                    (Subject::Time(time), "pdf") => time.pdf_and_gradients(&times)?,
                    (Subject::Time(time), _) => time.cdf_and_gradients(&times)?,
                    (Subject::Steps(steps), "pdf") => steps.pmf_and_gradients(&counts(&times)?)?,
                    (Subject::Steps(steps), _) => steps.cdf_and_gradients(&counts(&times)?)?,
                };
                table.add_gradients(name, &slopes);
            }
            Ok(table)
        })
    }
}

/// What a curve has.
const NAMES: [&str; 5] = ["times", "pdf", "cdf", "survival", "error"];

pub(crate) fn pdf(args: &PdfArgs) -> Result<Text> {
    args.curve.run(&["times", "pdf", "error"])
}

pub(crate) fn cdf(args: &CdfArgs) -> Result<Text> {
    args.curve.run(&["times", "cdf", "survival", "error"])
}

pub(crate) fn quantile(args: &QuantileArgs) -> Result<Text> {
    let probabilities = vector::numbers(&args.probabilities)?;
    args.answer.answer(|subject| {
        let reward = args.reward.one(subject.trace().graph())?;
        let (mut slopes, both) = (None, args.gradient);
        let quantiles = match (subject.of(reward.as_deref())?, args.survival) {
            (Subject::Time(time), is_survival) if both => {
                let (found, gradients) = match is_survival {
                    true => time.survival_quantile_and_gradients(&probabilities)?,
                    false => time.quantile_and_gradients(&probabilities)?,
                };
                slopes = Some(gradients);
                found
            }
            (Subject::Time(time), true) => time.survival_quantile(&probabilities)?,
            (Subject::Time(time), false) => time.quantile(&probabilities)?,
            (Subject::Steps(_), _) if both => {
                bail!("quantiles of numbers of steps are whole and jump, so they have no gradients; leave --gradient away")
            }
            (Subject::Steps(steps), is_survival) => {
                let found = match is_survival {
                    true => steps.survival_quantile(&probabilities)?,
                    false => steps.quantile(&probabilities)?,
                };
                found.into_iter().map(|count| count as f64).collect()
            }
        };
        let name = if args.survival {
            "survival"
        } else {
            "probabilities"
        };
        let mut table = Table::of_columns(&[(name, &probabilities), ("quantiles", &quantiles)]);
        if let Some(slopes) = slopes {
            table.add_gradients("quantiles", &slopes);
        }
        Ok(table)
    })
}
