//! The elimination trace of a graph: block traces, which block uses which, and the linear part.
//!
//! Everything that depends on theta is left out: a trace is computed once per graph and replayed for any number of
//! thetas. It is immutable, shared, and safe to use from any thread.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::phase::distribution::PhaseType;
use crate::phase::error::PhaseError;
use crate::phase::graph::Graph;
use crate::phase::numeric::ranks::Plan;
use crate::phase::operations::Operations;
use crate::phase::symbolic::analysis::{Analysis, Layout};
use crate::phase::symbolic::fill::BlockTrace;

/// Where the values of one block lie in the factors of all blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockPlace {
    /// First entry among the lower values.
    pub lower: usize,
    /// First entry among the upper values.
    pub upper: usize,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub layout: Arc<Layout>,
    pub traces: Vec<Arc<BlockTrace>>,
    pub places: Vec<BlockPlace>,
    pub lower_len: usize,
    pub upper_len: usize,
    /// The start distribution by transient number; mass on absorbing vertices is left out, it takes no time.
    pub start: Vec<(u32, f64)>,
    plan: OnceLock<Plan>,
}

impl Inner {
    pub(crate) fn block_trace(&self, block: usize) -> Option<&BlockTrace> {
        self.layout.unit_of_block[block].map(|unit| &*self.traces[unit as usize])
    }
}

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
pub struct EliminationTrace(pub(crate) Arc<Inner>);

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
    pub(crate) fn new(layout: Arc<Layout>, traces: Vec<Arc<BlockTrace>>) -> Self {
        let (mut lower_len, mut upper_len) = (0, 0);
        let places = layout
            .unit_of_block
            .iter()
            .map(|unit| {
                let place = BlockPlace {
                    lower: lower_len,
                    upper: upper_len,
                };
                if let Some(unit) = unit {
                    let trace = &traces[*unit as usize];
                    lower_len += trace.lower.len();
                    upper_len += trace.upper.len();
                }
                place
            })
            .collect();
        let start = layout
            .graph
            .start()
            .iter()
            .map(|&(vertex, probability)| (layout.number[vertex.index()], probability))
            .filter(|&(number, probability)| {
                number != crate::phase::symbolic::analysis::NONE && probability > 0.0
            })
            .collect();
        Self(Arc::new(Inner {
            layout,
            traces,
            places,
            lower_len,
            upper_len,
            start,
            plan: OnceLock::new(),
        }))
    }

    /// Analyzes and eliminates a graph in one go, on the calling thread.
    pub fn record(graph: &Graph) -> Self {
        Analysis::new(graph).eliminate()
    }

    /// What batches look up; made when the first one asks, on its own thread.
    pub(crate) fn plan(&self) -> &Plan {
        self.0.plan.get_or_init(|| Plan::new(self))
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.0.layout.graph
    }

    /// The length of theta.
    pub fn param_length(&self) -> usize {
        self.graph().param_length()
    }

    /// The distinct block traces, one per work unit.
    pub fn block_traces(&self) -> &[Arc<BlockTrace>] {
        &self.0.traces
    }

    /// The size of the trace.
    pub fn summary(&self) -> Summary {
        let layout = &self.0.layout;
        let blocks = layout.block_count();
        let total = |measure: fn(&BlockTrace) -> u64| {
            (0..blocks)
                .filter_map(|block| self.0.block_trace(block))
                .map(measure)
                .sum::<u64>()
        };
        Summary {
            vertices: layout.graph.vertex_count(),
            edges: layout.graph.edge_count(),
            transient: layout.transient.len(),
            blocks,
            largest_block: (0..blocks)
                .map(|block| layout.block(block).len())
                .max()
                .unwrap_or(0),
            topologies: self.0.traces.len(),
            work_units: self.0.traces.len(),
            factor_entries: self.0.lower_len + self.0.upper_len,
            multiply_adds: total(BlockTrace::multiply_adds),
        }
    }

    /// Replays the trace at a theta.
    ///
    /// # Errors
    ///
    /// [`PhaseError::ThetaLength`] and [`PhaseError::ThetaNotFinite`] for the vector itself,
    /// [`PhaseError::InvalidRate`] for an edge whose rate is negative or not finite,
    /// [`PhaseError::NoAbsorptionAtTheta`] if rates of zero cut a vertex that the start reaches off from absorption.
    pub fn at(&self, theta: &[f64]) -> Result<PhaseType, PhaseError> {
        PhaseType::new(self, theta)
    }

    /// The operations of a replay with the expectation, written out one by one; see [`Operations`].
    pub fn operations(&self) -> Operations<'_> {
        Operations::new(self)
    }

    /// The operations, if there are not too many of them to be of use.
    ///
    /// A trace is patterns; nothing of it is ever expanded but by this list, which has at least one operation per
    /// multiply-add. Their number is known beforehand.
    ///
    /// # Errors
    ///
    /// [`PhaseError::TooManyOperations`] if one elimination takes more than `budget` multiply-adds.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, PhaseError, models};
    ///
    /// let trace = EliminationTrace::record(&models::dense(20, 1)?);
    /// assert!(trace.operations_within(10_000)?.count() > 2_000);
    /// let refused = trace.operations_within(1_000);
    /// assert!(matches!(refused, Err(PhaseError::TooManyOperations { multiply_adds: 2280, .. })));
    /// # Ok::<(), PhaseError>(())
    /// ```
    pub fn operations_within(&self, budget: u64) -> Result<Operations<'_>, PhaseError> {
        match self.summary().multiply_adds {
            multiply_adds if multiply_adds > budget => Err(PhaseError::TooManyOperations {
                multiply_adds,
                budget,
            }),
            _ => Ok(self.operations()),
        }
    }
}
