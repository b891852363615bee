//! Arguments that several subcommands share.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use elimap::phase::{Eliminator, Graph, PhaseError, PhaseType};
use indicatif::ProgressBar;

/// A model and the parameters to evaluate it at.
#[derive(Args)]
pub(crate) struct ModelAtTheta {
    /// The model: a graph in phasic's serialized form, or `-` for stdin
    #[arg(value_name = "GRAPH.json")]
    pub(crate) graph: PathBuf,
    /// The parameters, separated by commas
    #[arg(
        long,
        value_name = "A,B,C",
        value_delimiter = ',',
        required = true,
        allow_hyphen_values = true
    )]
    pub(crate) theta: Vec<f64>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

impl ModelAtTheta {
    /// Reads, eliminates and replays.
    pub(crate) fn evaluate(&self) -> Result<PhaseType> {
        let graph = read_graph(&self.graph)?;
        let _progress = Progress::start("eliminating");
        Ok(Eliminator::new().trace(&graph)?.at(&self.theta)?)
    }
}

/// Reads a model from a file, or from stdin where the path is `-`.
pub(crate) fn read_graph(path: &Path) -> Result<Graph> {
    if path != Path::new("-") {
        return match Graph::read(path) {
            // This one names the file itself.
            Err(error @ PhaseError::Io { .. }) => Err(error.into()),
            outcome => outcome.with_context(|| path.display().to_string()),
        };
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("reading the model from stdin")?;
    Graph::from_json(&text).context("the model on stdin")
}

/// A spinner on stderr, for work that takes a while, where somebody is watching.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(crate) fn start(what: &'static str) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress(None);
        }
        let bar = ProgressBar::new_spinner().with_message(what);
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(Some(bar))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
