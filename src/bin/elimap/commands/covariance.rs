//! `elimap covariance`: how rewards vary together.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::args::RewardArgs;
use crate::commands::answer::{AnswerArgs, Subject, Table};
use crate::output::{Text, numbers};

/// Expectations and covariances of rewards until absorption
///
/// The table has a row per reward: its expectation, then its covariance with each.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap model two-locus-heights 4 > loci.json
  elimap covariance loci.json --theta 1,0.5 --reward '1 - left_done' --reward '1 - right_done'
  elimap model coalescent-sfs 5 | elimap covariance - --theta 1 --reward s0 --reward s1 --reward s2 --reward s3 --correlation --json")]
pub(crate) struct Args {
    #[command(flatten)]
    answer: AnswerArgs,
    #[command(flatten)]
    reward: RewardArgs,
    /// Correlations instead of covariances
    #[arg(long)]
    correlation: bool,
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    ensure!(
        !args.reward.reward.is_empty(),
        "there are no rewards; give at least one --reward, such as --reward 's0'"
    );
    args.answer.answer(|subject| {
        let (names, rewards) = args.reward.rows(subject.trace().graph())?;
        // Time spent in each vertex, or visits.
        let sojourn = match &subject {
            Subject::Time(time) => time.expected_sojourn_times(),
            Subject::Steps(steps) => steps.visits(),
        };
        let means = rewards.dot(&ndarray::ArrayView1::from(&sojourn)).to_vec();
        let name = if args.correlation {
            "correlation"
        } else {
            "covariance"
        };
        let matrix = match (&subject, args.correlation) {
            (Subject::Time(time), true) => time.correlation(rewards.view())?,
            (Subject::Time(time), false) => time.covariance(rewards.view())?,
            (Subject::Steps(steps), false) => steps.covariance(rewards.view())?,
            (Subject::Steps(steps), true) => steps.correlation(rewards.view())?,
        };
        let rows = || matrix.outer_iter().map(|row| row.to_vec());
        let mut columns = vec!["expectation".to_owned()];
        columns.extend(names.iter().map(|reward| format!("{name} {reward}")));
        let cells = means
            .iter()
            .zip(rows())
            .flat_map(|(&mean, row)| [vec![mean], row].concat());
        let json = json!({
            "rewards": names,
            "expectation": numbers(&means),
            name: rows().map(|row| numbers(&row)).collect::<Value>(),
        });
        Ok(Table {
            cells: cells.collect(),
            columns,
            json: json.as_object().cloned().unwrap_or_default(),
        })
    })
}
