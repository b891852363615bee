//! Arguments that several subcommands share.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args};
use elimap::phase::{
    CacheBuilder, CacheError, EliminationTrace, Eliminator, Graph, GraphError, TraceCache,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::notice;
use crate::stream::Output;

/// A model, and the thetas to evaluate it at: one on the command line, or a file of them.
#[derive(Args)]
#[command(group = ArgGroup::new("where").required(true).args(["theta", "thetas"]))]
pub(crate) struct ModelAtThetas {
    /// The model: a graph in phasic's serialized form, or `-` for stdin
    #[arg(value_name = "GRAPH.json")]
    graph: PathBuf,
    /// The parameters, separated by commas
    #[arg(
        long,
        value_name = "A,B,C",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub(crate) theta: Option<Vec<f64>>,
    /// A file of thetas, one per row: .npy of the shape (thetas, parameters), read chunk by chunk, or a JSON list of lists;
    /// `-` for stdin
    #[arg(long, value_name = "THETAS")]
    pub(crate) thetas: Option<PathBuf>,
    /// Write the answers to THETAS as an .npy file of float64, instead of a table on stdout; the file appears when it is
    /// complete
    #[arg(
        long,
        value_name = "OUT.npy",
        conflicts_with_all = ["theta", "json"]
    )]
    out: Option<PathBuf>,
    /// Print one JSON object instead of text; with --thetas one per row
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

/// Where traces are kept between runs.
#[derive(Args)]
pub(crate) struct CacheArgs {
    /// Keep traces in this folder, or nowhere with `none`; by default the folder that ELIMAP_CACHE names (which may say
    /// `none`), else where the platform keeps caches
    #[arg(long, value_name = "DIR|none")]
    cache: Option<PathBuf>,
    /// From how many vertices on a block or a graph gets an entry in the cache
    #[arg(long, value_name = "N", default_value_t = 200)]
    cache_min_size: usize,
}

impl CacheArgs {
    pub(crate) fn builder(&self) -> CacheBuilder {
        TraceCache::builder().min_size(self.cache_min_size)
    }

    /// The cache asked for; where the platform has no place for one, traces stay in memory.
    pub(crate) fn open(&self) -> Result<TraceCache> {
        self.open_with(&self.builder())
    }

    pub(crate) fn open_with(&self, builder: &CacheBuilder) -> Result<TraceCache> {
        match &self.cache {
            Some(folder) if folder == Path::new("none") => Ok(builder.in_memory()),
            Some(folder) => Ok(builder.open(folder)?),
            None => match builder.open_default() {
                Err(CacheError::NoFolder) => Ok(builder.in_memory()),
                outcome => Ok(outcome?),
            },
        }
    }

    /// The cache asked for, which must have a folder.
    pub(crate) fn open_folder(&self, builder: &CacheBuilder) -> Result<(TraceCache, PathBuf)> {
        let cache = self.open_with(builder)?;
        match cache.folder().map(Path::to_path_buf) {
            Some(folder) => Ok((cache, folder)),
            None => bail!("the cache is off; name a folder with --cache or ELIMAP_CACHE"),
        }
    }
}

impl ModelAtThetas {
    /// Reads and eliminates.
    pub(crate) fn trace(&self) -> Result<EliminationTrace> {
        if self.graph == Path::new("-") && self.thetas.as_deref() == Some(Path::new("-")) {
            bail!("graph and thetas cannot both come from stdin; name a file for one of them");
        }
        let graph = read_graph(&self.graph)?;
        let _progress = Progress::start("eliminating");
        let cache = self.cache.open()?;
        Ok(Eliminator::new().cache(&cache).trace(&graph)?)
    }

    /// Where the answers to a file of thetas go.
    pub(crate) fn output(&self) -> Output {
        match &self.out {
            Some(path) => Output::File(path.clone()),
            None if self.json => Output::JsonLines,
            None => Output::Table,
        }
    }
}

/// Reads a model from a file, or from stdin where the path is `-`.
pub(crate) fn read_graph(path: &Path) -> Result<Graph> {
    if path != Path::new("-") {
        return match Graph::read(path) {
            // This one names the file itself.
            Err(error @ GraphError::Io { .. }) => Err(error.into()),
            outcome => outcome.with_context(|| path.display().to_string()),
        };
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("reading the model from stdin")?;
    Graph::from_json(&text).context("the model on stdin")
}

/// A spinner or a bar on stderr, for work that takes a while, where somebody is watching.
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

    /// For work of known length.
    pub(crate) fn count(what: &'static str, length: u64) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress(None);
        }
        let bar = ProgressBar::new(length).with_message(what);
        let style = "{wide_bar} {human_pos}/{human_len} {msg}, {per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Progress(Some(bar))
    }

    /// So much is done.
    pub(crate) fn reach(&self, position: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(position);
        }
    }

    /// A notice on stderr, above the bar if there is one.
    pub(crate) fn notice(&self, message: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| notice(message)),
            None => notice(message),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
