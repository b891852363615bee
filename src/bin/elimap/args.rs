//! Arguments that several subcommands share.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args};
use elimap::phase::{
    CacheBuilder, CacheError, EliminationTrace, Eliminator, Graph, GraphError, TraceCache,
};

use crate::io::stream::Output;
use crate::progress::Progress;

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

    /// Where the answers to a file of thetas go: not over what is read, the model, the thetas and this.
    pub(crate) fn output(&self, also_read: Option<&Path>) -> Result<Output> {
        let Some(out) = &self.out else {
            return Ok(match self.json {
                true => Output::JsonLines,
                false => Output::Table,
            });
        };
        let read = [Some(&*self.graph), self.thetas.as_deref(), also_read];
        // A file that is not there yet is none of those that are read.
        if let Ok(target) = out.canonicalize() {
            for path in read.into_iter().flatten() {
                if path.canonicalize().is_ok_and(|path| path == target) {
                    bail!(
                        "the answers would take the place of `{}`, which they are computed from; choose another name for --out",
                        path.display()
                    );
                }
            }
        }
        Ok(Output::File(out.clone()))
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
