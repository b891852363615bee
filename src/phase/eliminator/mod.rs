//! The seam: missing block traces are computed through the transform framework's public surface.
//!
//! `eliminate` is a [`Callback`] from an index (`i32`) to an index with [`VmapMethod::ExpandDims`]. Mapped over the
//! whole index array it reaches the host **once**. The host looks the work units up by index before it fans out, hands every
//! rayon task its own unit, skips the padding index -1, and gathers the traces by index; no lock is held while anything is
//! eliminated. Units are independent and deterministic, so the traces are the same for any number of workers.
//! Of several failing units the lowest index is reported, whatever the schedule: results are gathered first and
//! searched in order.

pub(crate) mod cache;
pub(crate) mod error;
pub(crate) mod manifest;
pub(crate) mod store;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::phase::eliminator::cache::{CacheStats, FoundGraph, GraphName, TraceCache};
use crate::phase::eliminator::error::EliminatorError;
use crate::phase::eliminator::store::{Entry, WorkStore};
use crate::phase::graph::Graph;
use crate::phase::symbolic::analysis::Analysis;
use crate::phase::symbolic::fill::{BlockTrace, eliminate_unit};
use crate::phase::trace::EliminationTrace;
use crate::{
    Array, CallLog, Callback, CallbackError, Element, Error, VmapMethod, pmap, prepare_threads,
    vmap, without_traces,
};

/// How missing block traces are computed.
///
/// ```
/// use elimap::phase::Strategy;
/// assert_eq!("vmap".parse::<Strategy>()?, Strategy::Vmap);
/// assert!("fast".parse::<Strategy>().is_err());
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// What is best here, which is [`Strategy::Vmap`].
    #[default]
    Auto,
    /// One host call with the whole index array, fanned out over the workers.
    Vmap,
    /// One host call per unit, in order, on the calling thread; for debugging.
    Sequential,
    /// Known from phasic and refused.
    Pmap,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Strategy; 4] = [
        Strategy::Auto,
        Strategy::Vmap,
        Strategy::Sequential,
        Strategy::Pmap,
    ];

    /// phasic's name.
    ///
    /// ```
    /// use elimap::phase::Strategy;
    ///
    /// assert_eq!(Strategy::Sequential.name(), "sequential");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Strategy::Auto => "auto",
            Strategy::Vmap => "vmap",
            Strategy::Sequential => "sequential",
            Strategy::Pmap => "pmap",
        }
    }
}

impl FromStr for Strategy {
    type Err = EliminatorError;
    fn from_str(name: &str) -> Result<Self, EliminatorError> {
        Strategy::ALL
            .into_iter()
            .find(|strategy| strategy.name() == name)
            .ok_or_else(|| EliminatorError::UnknownStrategy {
                name: name.to_owned(),
            })
    }
}

/// What an elimination took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Distinct block topologies the graph needs a trace of.
    pub work_units: usize,
    /// How many of them the cache had.
    pub cache_hits: usize,
    /// Whether the cache had the plan of the whole graph, so that nothing was analyzed.
    pub graph_hit: bool,
    /// How often the `eliminate` callback reached the host.
    pub host_calls: usize,
    /// What the cache did for this elimination, by level.
    pub cache: CacheStats,
}

/// A trace with what it took.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Elimination {
    /// The trace.
    pub trace: EliminationTrace,
    /// What it took.
    pub report: Report,
}

/// Eliminates graphs: analysis, missing block traces through one host call, assembly.
///
/// ```
/// use elimap::phase::{Eliminator, Strategy, models};
///
/// let graph = models::islands(6)?;
/// let done = Eliminator::new().strategy(Strategy::Vmap).workers(2).run(&graph)?;
/// assert_eq!(done.report.host_calls, 1);
/// assert!(Eliminator::new().strategy(Strategy::Pmap).run(&graph).is_err());
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Eliminator {
    cache: TraceCache,
    strategy: Strategy,
    workers: Option<usize>,
}

impl Eliminator {
    /// An eliminator with an empty cache of its own, strategy [`Strategy::Auto`] and a worker per processor.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, models};
    /// let trace = Eliminator::new().trace(&models::erlang(4)?)?;
    /// assert_eq!(trace.at(&[2.0])?.expectation(), 2.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses and fills a cache.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    /// let cache = TraceCache::builder().min_size(1).in_memory();
    /// let eliminator = Eliminator::new().cache(&cache);
    /// let graph = models::islands(4)?;
    /// eliminator.trace(&graph)?;
    /// eliminator.trace(&graph)?;
    /// assert!(cache.stats().memory.hits > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn cache(mut self, cache: &TraceCache) -> Self {
        self.cache = cache.clone();
        self
    }

    /// How missing traces are computed.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, Strategy, models};
    ///
    /// let done = Eliminator::new().strategy(Strategy::Sequential).run(&models::islands(4)?)?;
    /// assert_eq!(done.report.host_calls, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// How many threads eliminate; 1 stays on the calling thread, and so does work for which the system grants no threads.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, models};
    /// let trace = Eliminator::new().workers(1).trace(&models::erlang(4)?)?;
    /// assert_eq!(trace.at(&[2.0])?.expectation(), 2.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// The elimination trace of a graph.
    ///
    /// # Errors
    ///
    /// As for [`Eliminator::run`].
    ///
    /// ```
    /// use elimap::phase::{Eliminator, models};
    /// let trace = Eliminator::new().trace(&models::kingman(3)?)?;
    /// assert!((trace.at(&[1.0])?.expectation() - 4.0 / 3.0).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trace(&self, graph: &Graph) -> Result<EliminationTrace, EliminatorError> {
        self.run(graph).map(|done| done.trace)
    }

    /// The elimination trace of a graph, with what it took.
    ///
    /// # Errors
    ///
    /// [`EliminatorError::Pmap`] for [`Strategy::Pmap`], [`EliminatorError::NoWorkers`] for 0 workers.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, models};
    ///
    /// let done = Eliminator::new().run(&models::islands(4)?)?;
    /// assert_eq!((done.report.host_calls, done.trace.summary().work_units), (1, 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run(&self, graph: &Graph) -> Result<Elimination, EliminatorError> {
        self.refuse_pmap()?;
        let mut tally = CacheStats::default();
        let name = GraphName::new(graph);
        let found = self.cache.find_graph(graph, &name, &mut tally);
        let graph_hit = found.is_some();
        let FoundGraph {
            analysis,
            mut traces,
        } = found.unwrap_or_else(|| FoundGraph::new(Analysis::new(graph)));
        let units = analysis.work_units();
        for (unit, trace) in units.iter().zip(&mut traces) {
            if trace.is_none() {
                *trace = self.cache.find_block(unit, &mut tally);
            }
        }
        let missing: Vec<usize> = (0..units.len()).filter(|&i| traces[i].is_none()).collect();
        let wanted = missing.iter().map(|&i| Entry::Unit(units[i].clone()));
        let store: WorkStore = wanted.collect();
        let log = CallLog::new();
        let computed = self.batch(&store, &store.indices(), &log)?;
        for (&i, trace) in missing.iter().zip(computed) {
            if let Some(trace) = &trace {
                self.cache.keep_block(trace, &mut tally);
            }
            traces[i] = trace;
        }
        let traces: Vec<_> = traces.into_iter().flatten().collect();
        if !graph_hit {
            self.cache.keep_graph(&analysis, &name, &traces, &mut tally);
        }
        self.cache.record(tally);
        let report = Report {
            work_units: units.len(),
            cache_hits: units.len() - missing.len(),
            graph_hit,
            host_calls: log.len(),
            cache: tally,
        };
        let trace = analysis.assemble(traces)?;
        Ok(Elimination { trace, report })
    }

    fn refuse_pmap(&self) -> Result<(), EliminatorError> {
        match self.strategy {
            Strategy::Pmap => pmap(eliminate_unit)
                .map(|never| match never {})
                .map_err(EliminatorError::Pmap),
            Strategy::Auto | Strategy::Vmap | Strategy::Sequential => Ok(()),
        }
    }

    fn batch(
        &self,
        store: &WorkStore,
        indices: &[i32],
        log: &CallLog,
    ) -> Result<Vec<Option<Arc<BlockTrace>>>, EliminatorError> {
        self.refuse_pmap()?;
        if indices.is_empty() {
            return Ok(Vec::new());
        }
        let (method, workers) = match self.strategy {
            Strategy::Sequential => (VmapMethod::Sequential, Some(1)),
            Strategy::Auto | Strategy::Vmap | Strategy::Pmap => {
                (VmapMethod::ExpandDims, self.workers)
            }
        };
        // More workers than units would only wait.
        let fan_out = FanOut::new(workers.map(|workers| workers.min(indices.len())))?;
        let found = Arc::new(Mutex::new(vec![None; store.len()]));
        let eliminate = {
            let (store, found) = (store.clone(), found.clone());
            Callback::new("eliminate", [i32::spec([])], move |args: &[Array]| {
                eliminate_indices(&store, &args[0], &fan_out, &found).map(|()| args[0].clone())
            })
            .vmap_method(method)
            .log(log)
        };
        let indices_array = Array::from(indices.to_vec());
        // Also within a function that is being traced, where the call would only be recorded.
        without_traces(|| vmap(eliminate).call((indices_array,))).map_err(unwrap_host_error)?;
        let found = found.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(indices
            .iter()
            .map(|&i| usize::try_from(i).ok().and_then(|i| found[i].clone()))
            .collect())
    }
}

/// Eliminates the work units named by an index array in one host call, and returns the trace at each position; the
/// padding index -1 gives none, and an index may repeat.
///
/// # Errors
///
/// [`EliminatorError::NoSuchWorkUnit`] for an index without a unit, [`EliminatorError::UnitFailed`] with the lowest failing index,
/// and what [`Eliminator::run`] refuses.
///
/// ```
/// use elimap::phase::{Analysis, Eliminator, eliminate_batch, models};
/// use elimap::CallLog;
///
/// let store = Analysis::new(&models::islands(6)?).work_store();
/// let log = CallLog::new();
/// let traces = eliminate_batch(&Eliminator::new(), &store, &[1, -1, 0], &log)?;
/// assert!(traces[0].is_some() && traces[1].is_none());
/// assert_eq!(log.records()[0].args[0].to_vec::<i32>().unwrap(), [1, -1, 0]);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
pub fn eliminate_batch(
    eliminator: &Eliminator,
    store: &WorkStore,
    indices: &[i32],
    log: &CallLog,
) -> Result<Vec<Option<Arc<BlockTrace>>>, EliminatorError> {
    eliminator.batch(store, indices, log)
}

/// The host side: one index, or an array of them.
fn eliminate_indices(
    store: &WorkStore,
    indices: &Array,
    fan_out: &FanOut,
    found: &Mutex<Vec<Option<Arc<BlockTrace>>>>,
) -> Result<(), EliminatorError> {
    // An index twice is work once; ascending, so that the first failure found is the lowest.
    let distinct: BTreeSet<i32> = indices
        .to_vec::<i32>()
        .map_err(Error::from)?
        .into_iter()
        .collect();
    let mut tasks = Vec::with_capacity(distinct.len());
    for index in distinct {
        if let Some(entry) = store.entry(index)? {
            tasks.push((index, entry));
        }
    }
    let outcomes = fan_out.map(&tasks, |(_, entry)| eliminate_entry(entry));
    let mut traces = Vec::with_capacity(tasks.len());
    for ((index, _), outcome) in tasks.into_iter().zip(outcomes) {
        let trace = outcome.map_err(|source| EliminatorError::UnitFailed {
            index,
            source: Box::new(source),
        })?;
        traces.push((index, Arc::new(trace)));
    }
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    for (index, trace) in traces {
        found[index as usize] = Some(trace);
    }
    Ok(())
}

fn eliminate_entry(entry: &Entry) -> Result<BlockTrace, EliminatorError> {
    let unit = entry.unit()?;
    catch_unwind(AssertUnwindSafe(|| eliminate_unit(&unit))).map_err(|payload| {
        let message = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| {
                payload
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
            })
            .unwrap_or_default();
        EliminatorError::Panicked { message }
    })
}

/// The host's own error, where the framework only carried it.
fn unwrap_host_error(error: Error) -> EliminatorError {
    match error.into_root() {
        Error::Callback(CallbackError::Failed { name, lane, source }) => {
            match source.downcast::<EliminatorError>() {
                Ok(own) => *own,
                Err(source) => Error::Callback(CallbackError::Failed { name, lane, source }).into(),
            }
        }
        error => error.into(),
    }
}

/// Where tasks run: on the calling thread, on a pool of a stated size, or on rayon's own.
enum FanOut {
    Here,
    Pool(rayon::ThreadPool),
    Global,
}

impl FanOut {
    fn new(workers: Option<usize>) -> Result<Self, EliminatorError> {
        match workers {
            None => Ok(FanOut::Global),
            Some(0) => Err(EliminatorError::NoWorkers),
            Some(1) => Ok(FanOut::Here),
            // Where the system grants no threads, this one does the work.
            Some(workers) => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build();
                Ok(pool.map_or(FanOut::Here, FanOut::Pool))
            }
        }
    }

    fn map<T: Sync, R: Send>(&self, tasks: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
        match self {
            FanOut::Here => tasks.iter().map(f).collect(),
            FanOut::Pool(pool) => pool.install(|| tasks.par_iter().map(&f).collect()),
            FanOut::Global => {
                prepare_threads();
                tasks.par_iter().map(&f).collect()
            }
        }
    }
}
