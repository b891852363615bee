//! `elimap moments`: moments of the time until absorption.

use anyhow::Result;
use serde_json::json;

use crate::input::ModelAtTheta;
use crate::output::{Text, number, numbers};

/// Moments, expectation and variance of the time until absorption
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap moments examples/models/island_12.json --theta 1,0.5,2
  elimap moments examples/models/erlang_4.json --theta 2 --order 6 --json")]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelAtTheta,
    /// How many moments
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    order: u16,
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let time = args.model.evaluate()?;
    let moments = time.moments(usize::from(args.order));
    if args.model.json {
        return Ok(Text::json(&json!({
            "theta": args.model.theta,
            "moments": numbers(&moments),
            "expectation": number(time.expectation()),
            "variance": number(time.variance()),
        })));
    }
    let mut text = Text::new();
    text.line(format_args!(
        "{:<12} {:?}",
        "expectation",
        time.expectation()
    ));
    text.line(format_args!("{:<12} {:?}", "variance", time.variance()));
    for (k, moment) in moments.iter().enumerate() {
        text.line(format_args!(
            "{:<12} {moment:?}",
            format!("moment {}", k + 1)
        ));
    }
    Ok(text)
}
