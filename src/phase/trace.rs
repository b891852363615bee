//! The elimination trace of a graph: the graph with its symbolic factor.
//!
//! Everything that depends on theta is left out: a trace is computed once per graph and replayed for any number of
//! thetas. It is immutable, shared, and safe to use from any thread. It knows none of its readers: what they answer
//! is written beside them, as methods of this type.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::phase::graph::Graph;
use crate::phase::numeric::kernel::{Kernel, Retain};
use crate::phase::numeric::ranks::Ranks;
use crate::phase::numeric::sensitivity::Sensitivity;
use crate::phase::symbolic::analysis::Analysis;
use crate::phase::symbolic::error::SymbolicError;
use crate::phase::symbolic::factor::SymbolicFactor;
use crate::phase::symbolic::fill::{BlockTrace, eliminate_unit};
use crate::phase::symbolic::layout::Numbering;

/// The elimination of a graph, ready to be replayed at a theta.
///
/// ```
/// use elimap::phase::{EliminationTrace, models};
///
/// let trace = EliminationTrace::record(&models::kingman(10)?);
/// let time = trace.at(&[1.0])?;
/// assert!((time.expectation() - 1.8).abs() < 1e-14);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone)]
pub struct EliminationTrace(Arc<Inner>);

struct Inner {
    graph: Graph,
    symbolic: Arc<SymbolicFactor>,
    ranks: OnceLock<Ranks>,
    sensitivity: OnceLock<Sensitivity>,
    /// Workspaces of single thetas that are not in use.
    idle: Mutex<Vec<Kernel<f64>>>,
}

/// How many workspaces of single thetas are kept: fresh memory costs as much as a replay of a small model.
const KEPT: usize = 4;

impl fmt::Debug for EliminationTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EliminationTrace")
            .field(&self.summary())
            .finish()
    }
}

/// The size of a trace, as `elimap trace` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Vertices of the graph, start and absorbing ones included.
    pub vertices: usize,
    /// Edges of the graph; parallel edges count apart, start edges do not count.
    pub edges: usize,
    /// Vertices with edges.
    pub transient: usize,
    /// Blocks of transient vertices, single vertices included.
    pub blocks: usize,
    /// The number of vertices of the largest block.
    pub largest_block: usize,
    /// Distinct topologies among the blocks of more than one vertex.
    pub topologies: usize,
    /// Block traces the trace is made of; one per topology.
    pub work_units: usize,
    /// Entries of the triangular factors of all blocks.
    pub factor_entries: usize,
    /// Multiply-adds of one elimination, all blocks together.
    pub multiply_adds: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "vertices       {}", self.vertices)?;
        writeln!(f, "edges          {}", self.edges)?;
        writeln!(f, "transient      {}", self.transient)?;
        writeln!(f, "blocks         {}", self.blocks)?;
        writeln!(f, "largest block  {}", self.largest_block)?;
        writeln!(f, "topologies     {}", self.topologies)?;
        writeln!(f, "work units     {}", self.work_units)?;
        writeln!(f, "factor entries {}", self.factor_entries)?;
        write!(f, "multiply-adds  {}", self.multiply_adds)
    }
}

impl EliminationTrace {
    pub(crate) fn new(graph: &Graph, symbolic: SymbolicFactor) -> Self {
        Self(Arc::new(Inner {
            graph: graph.clone(),
            symbolic: Arc::new(symbolic),
            ranks: OnceLock::new(),
            sensitivity: OnceLock::new(),
            idle: Mutex::new(Vec::new()),
        }))
    }

    /// A workspace for one theta that retains all factors.
    pub(crate) fn workspace(&self) -> Kernel<f64> {
        let taken = self.idle().pop();
        taken.unwrap_or_else(|| Kernel::new(self.ranks(), 1, Retain::All))
    }

    /// Keeps a [`workspace`](Self::workspace) for the next theta.
    pub(crate) fn keep_workspace(&self, kernel: Kernel<f64>) {
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(kernel);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Kernel<f64>>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Analyzes and eliminates a graph in one go, on the calling thread.
    ///
    /// This is the shortest way to a first answer. Nothing is kept under a key, so the vertices of a block are taken in the order of
    /// the graph; an [`Eliminator`](super::Eliminator) and an [`Analysis`] number them by their place in the block. The two
    /// ways, and graphs that differ in the order of their vertices, agree but for rounding.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// assert_eq!(trace.at(&[1.0])?.expectation(), 4.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn record(graph: &Graph) -> Self {
        Analysis::numbered(graph, Numbering::AsGiven).eliminate()
    }

    /// What does not depend on coefficients and the start.
    pub(crate) fn symbolic(&self) -> &Arc<SymbolicFactor> {
        &self.0.symbolic
    }

    /// Rates and factors by rank; put in that order when they are first asked for.
    pub(crate) fn ranks(&self) -> &Ranks {
        self.0
            .ranks
            .get_or_init(|| Ranks::new(&self.0.graph, &self.0.symbolic))
    }

    /// The edges of each vertex by source, for gradients; grouped when they are first asked for.
    pub(crate) fn sensitivity(&self) -> &Sensitivity {
        let sensitivity = || Sensitivity::new(self.ranks());
        self.0.sensitivity.get_or_init(sensitivity)
    }

    /// The graph.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// assert_eq!(trace.graph().edge_count(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.0.graph
    }

    /// The length of theta.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// assert_eq!(trace.param_length(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn param_length(&self) -> usize {
        self.graph().param_length()
    }

    /// The distinct block traces, one per work unit.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let trace = EliminationTrace::record(&models::birth_death(30)?);
    /// assert_eq!(trace.block_traces()[0].size(), 30);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn block_traces(&self) -> &[Arc<BlockTrace>] {
        self.symbolic().traces().as_slice()
    }

    /// The size of the trace.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let summary = EliminationTrace::record(&models::birth_death(30)?).summary();
    /// assert_eq!((summary.vertices, summary.work_units, summary.multiply_adds), (32, 1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn summary(&self) -> Summary {
        let symbolic = self.symbolic();
        let layout = symbolic.layout();
        let traces = || {
            layout
                .blocks()
                .filter_map(|block| symbolic.block_trace(block))
        };
        let sizes = layout.blocks().map(|block| layout.members(block).len());
        Summary {
            vertices: self.graph().vertex_count(),
            edges: self.graph().edge_count(),
            transient: layout.transient_count(),
            blocks: layout.blocks().len(),
            largest_block: sizes.max().unwrap_or(0),
            topologies: symbolic.traces().len(),
            work_units: symbolic.traces().len(),
            factor_entries: symbolic.lower_len() + symbolic.upper_len(),
            multiply_adds: traces().map(BlockTrace::multiply_adds).sum(),
        }
    }
}

impl Analysis {
    /// Puts finished block traces, one per work unit in the order of the units, together with the graph's linear part.
    ///
    /// # Errors
    ///
    /// [`SymbolicError::TraceCount`] for a wrong number of traces, [`SymbolicError::TraceMismatch`] for a trace whose key is
    /// not the unit's.
    ///
    /// ```
    /// use elimap::phase::{Analysis, eliminate_unit, models};
    ///
    /// let analysis = Analysis::new(&models::birth_death(1)?);
    /// assert_eq!(analysis.assemble(vec![])?.at(&[1.0, 2.0])?.expectation(), 0.5);
    /// let more = Analysis::new(&models::birth_death(9)?);
    /// assert!(more.assemble(vec![]).is_err());
    /// let traces = more.work_units().iter().map(|unit| eliminate_unit(unit).into()).collect();
    /// assert!(more.assemble(traces).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn assemble(
        &self,
        traces: Vec<Arc<BlockTrace>>,
    ) -> Result<EliminationTrace, SymbolicError> {
        let units = self.work_units();
        if traces.len() != units.len() {
            return Err(SymbolicError::TraceCount {
                expected: units.len(),
                found: traces.len(),
            });
        }
        for (unit, (expected, found)) in units.iter().zip(&traces).enumerate() {
            if Arc::ptr_eq(expected.topology(), &found.topology) {
                continue;
            }
            let (expected, found) = (expected.key(), found.key());
            if expected != found {
                return Err(SymbolicError::TraceMismatch {
                    unit,
                    expected,
                    found,
                });
            }
        }
        Ok(self.finish(traces))
    }

    /// Eliminates all units here, one after the other, and assembles.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// let trace = Analysis::new(&models::erlang(4)?).eliminate();
    /// assert_eq!(trace.at(&[2.0])?.expectation(), 2.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn eliminate(&self) -> EliminationTrace {
        let units = self.work_units().iter();
        self.finish(units.map(|unit| Arc::new(eliminate_unit(unit))).collect())
    }

    fn finish(&self, traces: Vec<Arc<BlockTrace>>) -> EliminationTrace {
        let layout = Arc::clone(self.parts().0);
        EliminationTrace::new(self.graph(), SymbolicFactor::new(layout, traces))
    }
}
