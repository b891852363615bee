//! `elimap`: exact elimination of phase-type models from the command line.
//!
//! Results go to stdout, progress and notices to stderr. Exit codes: 0, 1 for a failed run, 2 for wrong usage, and 130, 143 or
//! 129 if stopped by SIGINT (Ctrl-C), SIGTERM or SIGHUP.

#![deny(clippy::unwrap_used)]

mod args;
mod cluster;
mod commands;
mod form;
mod io;
mod output;
mod plot;
mod progress;
mod warnings;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use cluster::submit;
use commands::{
    cache, completions, convert, covariance, curve, man, model, moments, plan, sample, show,
    states, trace, waiting_times, work,
};
use io::signals;

/// Exact elimination of phase-type models.
///
/// A model is a graph in phasic's serialized form (JSON): vertices, edges whose rates are linear in the parameters theta,
/// a start distribution. The time until absorption has a phase-type distribution.
#[derive(Parser)]
#[command(name = "elimap", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  elimap moments examples/models/island_12.json --theta 1,0.5,2
  elimap moments examples/models/island_12.json --thetas thetas.npy --gradient --out moments.npy
  elimap trace examples/models/island_12.json --json
  elimap waiting-times examples/models/island_4.json --theta 1,1,0.5
  elimap cdf examples/models/island_4.json --theta 1,1,0.5 --times 0.5,1,2
  elimap plot examples/models/island_4.json --curve --theta 1,1,0.5 --out density.svg
  elimap trace examples/models/island_4.json --ops | head
  elimap model islands 6 | elimap trace -
  elimap submit GRAPH.json --engine slurm --shards 8 -- --time=1:00:00
  elimap cache info

Traces are kept in the folder that ELIMAP_CACHE names, else where the platform keeps caches; --cache none keeps nothing.

Exit codes: 0 success, 1 the run failed (the message says why), 2 wrong usage, 130 stopped by\nCtrl-C, 143 by SIGTERM, 129 by SIGHUP.";

#[derive(Subcommand)]
enum Command {
    Trace(trace::Args),
    Moments(moments::Args),
    Model(model::Args),
    WaitingTimes(waiting_times::Args),
    Show(show::Args),
    Pdf(curve::PdfArgs),
    Cdf(curve::CdfArgs),
    Quantile(curve::QuantileArgs),
    Covariance(covariance::Args),
    States(states::Args),
    Sample(sample::Args),
    Plot(commands::plot::Args),
    Convert(convert::Args),
    Plan(plan::Args),
    Work(work::Args),
    Submit(submit::Args),
    Cache(cache::Args),
    Completions(completions::Args),
    Man(man::Args),
}

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| usage(error).exit());
    warnings::show();
    elimap::prepare_threads();
    run(&cli)
}

/// What is wrong with the command line. Numbers that stand alone were meant for the option before them.
fn usage(error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && argument.parse::<f64>().is_ok()
    {
        return Cli::command().error(
            error.kind(),
            format!("unexpected `{argument}`: separate the numbers of one option by commas, as in `--theta 1,2`"),
        );
    }
    error
}

fn run(cli: &Cli) -> ExitCode {
    let outcome = match &cli.command {
        Command::Trace(args) => trace::run(args),
        Command::Moments(args) => moments::run(args),
        Command::Model(args) => model::run(args),
        Command::WaitingTimes(args) => waiting_times::run(args),
        Command::Show(args) => show::run(args),
        Command::Pdf(args) => curve::pdf(args),
        Command::Cdf(args) => curve::cdf(args),
        Command::Quantile(args) => curve::quantile(args),
        Command::Covariance(args) => covariance::run(args),
        Command::States(args) => states::run(args),
        Command::Sample(args) => sample::run(args),
        Command::Plot(args) => commands::plot::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Work(args) => work::run(args),
        Command::Submit(args) => submit::run(args),
        Command::Cache(args) => cache::run(args),
        Command::Completions(args) => completions::run(args, Cli::command()),
        Command::Man(args) => man::run(args, Cli::command()),
    };
    match outcome.and_then(output::Text::write) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(usage) = error.downcast_ref::<clap::Error>() {
                usage.exit();
            }
            output::failure(&error);
            let stopped = error.downcast_ref::<signals::Interrupted>();
            stopped.map_or(ExitCode::FAILURE, |stopped| stopped.exit_code().into())
        }
    }
}
