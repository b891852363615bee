//! Arguments that several subcommands share.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use clap::error::ErrorKind;
use clap::{ArgGroup, Args};
use elimap::phase::{
    CacheBuilder, CacheError, EliminationTrace, Eliminator, Graph, GraphError, TraceCache,
};

use ndarray::{Array2, ArrayView1, Axis};

use crate::form::{FormArgs, Format};
use crate::io::matrix::MatrixFile;
use crate::output::notice;
use crate::progress::Progress;

/// A model, and the thetas to evaluate it at: one on the command line, or a file of them.
#[derive(Args)]
#[command(group = ArgGroup::new("where").args(["theta", "thetas"]))]
pub(crate) struct ModelArgs {
    /// The model: a graph in phasic's serialized form, or `-` for stdin
    #[arg(value_name = "GRAPH.json")]
    pub(crate) graph: PathBuf,
    /// The parameters, separated by commas: in order, or each as NAME=NUMBER; without them one that has no name is 1, which is
    /// how phasic writes constant rates
    #[arg(
        long,
        value_name = "A,B,C|NAME=A,..",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    theta: Option<Vec<Parameter>>,
    /// A file of thetas, one per row: .npy of the shape (thetas, parameters), read chunk by chunk, CSV, or a JSON list of lists;
    /// `-` for stdin
    #[arg(long, value_name = "THETAS")]
    pub(crate) thetas: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

/// A model at thetas, and the form of the answers.
#[derive(Args)]
pub(crate) struct ModelAtThetas {
    #[command(flatten)]
    pub(crate) at: ModelArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
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

impl ModelArgs {
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

    /// The theta of the command line.
    pub(crate) fn theta(&self, graph: &Graph) -> Result<Vec<f64>> {
        theta_or_default(self.theta.as_deref(), graph)
    }

    /// Refuses to put answers in the place of what they are computed from: the model, the thetas and this.
    pub(crate) fn check_output(&self, out: &Path, also_read: Option<&Path>) -> Result<()> {
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
        Ok(())
    }
}

/// A parameter on the command line: a number, which may have a name before it.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    name: Option<String>,
    value: f64,
}

impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = match text.split_once('=') {
            Some((name, number)) => (Some(name.trim().to_owned()), number.trim()),
            None => (None, text.trim()),
        };
        let value = number.parse::<f64>().map_err(|_| {
            let several = number
                .split([' ', ';', ':', '\t'])
                .filter(|part| !part.is_empty());
            if several.clone().count() > 1
                && several.clone().all(|part| part.parse::<f64>().is_ok())
            {
                let parts: Vec<&str> = several.collect();
                format!("separate the parameters by commas: `{}`", parts.join(","))
            } else {
                format!(
                    "`{number}` is not a number; write numbers separated by commas, or NAME=NUMBER"
                )
            }
        })?;
        Ok(Parameter { name, value })
    }
}

/// The theta that parameters make: in order, or by the model's names for them.
pub(crate) fn theta_of(given: &[Parameter], graph: &Graph) -> Result<Vec<f64>> {
    let wrong =
        |message: String| Err(clap::Error::raw(ErrorKind::ValueValidation, message + "\n").into());
    if given.iter().all(|parameter| parameter.name.is_none()) {
        return Ok(given.iter().map(|parameter| parameter.value).collect());
    }
    let names = graph.parameter_names();
    if names.is_empty() {
        return wrong(
            "the model's parameters have no names; give --theta their numbers in order".to_owned(),
        );
    }
    let mut theta = vec![None; names.len()];
    for Parameter { name, value } in given {
        let Some(name) = name else {
            return wrong(format!(
                "--theta names some parameters and not {value}; name all of them or none"
            ));
        };
        let Some(place) = names.iter().position(|known| known == name) else {
            return wrong(format!(
                "the model has no parameter `{name}`; it has {}",
                names.join(", ")
            ));
        };
        if theta[place].replace(*value).is_some() {
            return wrong(format!("--theta gives `{name}` twice"));
        }
    }
    let missing: Vec<&str> = names
        .iter()
        .zip(&theta)
        .filter_map(|(name, value)| value.is_none().then_some(&name[..]))
        .collect();
    if !missing.is_empty() {
        return wrong(format!("--theta does not give {}", missing.join(", ")));
    }
    Ok(theta.into_iter().flatten().collect())
}

/// A theta that was given, or the one of a model that needs none: phasic writes constant rates as the coefficients of one
/// parameter.
pub(crate) fn theta_or_default(given: Option<&[Parameter]>, graph: &Graph) -> Result<Vec<f64>> {
    let names = graph.parameter_names();
    match (given, graph.param_length()) {
        (Some(given), _) => theta_of(given, graph),
        (None, 0) => Ok(Vec::new()),
        (None, 1) if names.is_empty() => {
            notice("no --theta: the one parameter is 1, as for the constant rates of phasic");
            Ok(vec![1.0])
        }
        (None, count) => {
            let names = match names {
                [] => String::new(),
                names => format!(" ({})", names.join(", ")),
            };
            let message = format!(
                "the model has {count} parameters{names}; give them with --theta, or rows of them with --thetas"
            );
            Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, message + "\n").into())
        }
    }
}

impl ModelAtThetas {
    /// The form of the answers, which do not go over what is read: the model, the thetas and this.
    pub(crate) fn format(&self, also_read: Option<&Path>) -> Result<Format> {
        let format = self.form.format()?;
        if let Some(out) = &self.form.out {
            self.at.check_output(out, also_read)?;
        }
        Ok(format)
    }
}

/// Rewards, as expressions over states or as files of rows.
#[derive(Args)]
pub(crate) struct RewardArgs {
    /// A reward per unit of time (discrete: per visit) by state: an expression such as 's0 + s1' or 'working < 3', or a file,
    /// .npy, CSV or JSON, with a row per reward that has a number for each vertex
    #[arg(long = "reward", value_name = "EXPR|FILE", allow_hyphen_values = true)]
    pub(crate) reward: Vec<String>,
}

impl RewardArgs {
    /// A row per reward, and their names.
    pub(crate) fn rows(&self, graph: &Graph) -> Result<(Vec<String>, Array2<f64>)> {
        let vertices = graph.vertex_count();
        let (mut names, mut rows) = (Vec::new(), Array2::zeros((0, vertices)));
        for text in &self.reward {
            if Path::new(text).is_file() {
                let file = MatrixFile::read(Path::new(text), vertices)?;
                names.extend((0..file.nrows()).map(|row| format!("{text}[{row}]")));
                rows.append(Axis(0), file.view())?;
            } else {
                let reward = graph.reward(text)?;
                rows.push_row(ArrayView1::from(&reward))?;
                names.push(text.clone());
            }
        }
        Ok((names, rows))
    }

    /// The one reward, if there is one.
    pub(crate) fn one(&self, graph: &Graph) -> Result<Option<Vec<f64>>> {
        let (_, rows) = self.rows(graph)?;
        ensure!(
            rows.nrows() <= 1,
            "there are {} rewards, and a distribution is that of one; give one --reward",
            rows.nrows()
        );
        Ok(rows.outer_iter().next().map(|row| row.to_vec()))
    }
}

/// Reads a model from a file, or from stdin where the path is `-`.
pub(crate) fn read_graph(path: &Path) -> Result<Graph> {
    if path == Path::new("-") {
        return Graph::from_json(&read_text(path)?.1).context("the model on stdin");
    }
    match Graph::read(path) {
        // This one names the file itself.
        Err(error @ GraphError::Io { .. }) => Err(error.into()),
        outcome => outcome.with_context(|| path.display().to_string()),
    }
}

/// The text of a file, or of stdin where the path is `-`, and what to call it.
pub(crate) fn read_text(path: &Path) -> Result<(String, String)> {
    if path != Path::new("-") {
        let text = std::fs::read_to_string(path).map_err(|source| GraphError::Io {
            path: path.to_owned(),
            source,
        })?;
        return Ok((path.display().to_string(), text));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("reading the model from stdin")?;
    Ok(("the model on stdin".to_owned(), text))
}
