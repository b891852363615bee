//! Arguments that several subcommands share.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use elimap::phase::{CacheBuilder, Eliminator, Graph, PhaseError, PhaseType, TraceCache};
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
                Err(PhaseError::NoCacheFolder) => Ok(builder.in_memory()),
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

impl ModelAtTheta {
    /// Reads, eliminates and replays.
    pub(crate) fn evaluate(&self) -> Result<PhaseType> {
        let graph = read_graph(&self.graph)?;
        let _progress = Progress::start("eliminating");
        let cache = self.cache.open()?;
        Ok(Eliminator::new()
            .cache(&cache)
            .trace(&graph)?
            .at(&self.theta)?)
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
