//! Exact elimination of phase-type models.
//!
//! A model is a [`Graph`]: vertices, edges whose rates are linear in theta, a start distribution. The time until an
//! absorbing vertex is reached has a phase-type distribution. Its mean, moments and waiting times are solutions of
//! linear systems with one matrix, and this module takes that matrix apart once per graph:
//!
//! ```
//! use elimap::phase::{EliminationTrace, Graph, models};
//!
//! let graph: Graph = models::islands(4)?;                    // or Graph::read("model.json")?
//! let trace = EliminationTrace::record(&graph);              // once
//! for migration in [0.1, 1.0, 10.0] {
//!     let time = trace.at(&[1.0, 1.0, migration])?;          // for every theta
//!     assert!(time.expectation() > 1.5 && time.variance() > 0.0);
//! }
//! # Ok::<(), elimap::phase::PhaseError>(())
//! ```
//!
//! 1. **Analyze** ([`Analysis`]). Strongly connected components in topological order make the matrix block
//!    triangular. Only blocks of more than one vertex need elimination, and what it does depends on a block's
//!    *topology* alone: where its edges and exits are. Equal topologies make one [`WorkUnit`].
//! 2. **Eliminate** ([`eliminate_unit`]). Each unit gives a [`BlockTrace`]: a fill-reducing order and the pattern of the
//!    factors. Units are independent and travel as JSON.
//! 3. **Assemble** ([`Analysis::assemble`]) into an [`EliminationTrace`].
//! 4. **Replay** ([`EliminationTrace::at`]) at a theta: a factorization without subtraction (Grassmann, Taksar and
//!    Heyman 1985), then one solve per moment. The result is a [`PhaseType`].
//!
//! Block traces and plans of graphs are kept by content, in memory and on disk ([`TraceCache`]); [`Manifest`] groups work
//! units for computing them elsewhere.
//!
//! Results depend on the graph and theta alone: neither on who computed the block traces nor on how many threads did.

mod csr;
mod distribution;
mod eliminator;
mod error;
mod evaluate;
mod expression;
mod graph;
mod index;
mod numeric;
mod operations;
mod symbolic;
mod trace;

pub use distribution::PhaseType;
pub use distribution::counts::DiscreteCurve;
pub use distribution::curve::Curve;
pub use distribution::discrete::DiscretePhaseType;
pub use distribution::error::DistributionError;
pub use distribution::multivariate::Multivariate;
pub use distribution::observations::Observations;
pub use distribution::sample::{SamplePath, Sampler};
pub use distribution::statistic::Statistic;
pub use distribution::tolerance::Tolerance;
pub use eliminator::cache::{
    CacheBuilder, CacheEntry, CacheError, CacheFault, CacheStats, EntryKind, LevelStats, Removed,
    TraceCache,
};
pub use eliminator::error::EliminatorError;
pub use eliminator::manifest::{Manifest, Shard};
pub use eliminator::store::WorkStore;
pub use eliminator::{Elimination, Eliminator, Report, Strategy, eliminate_batch};
pub use error::PhaseError;
pub use evaluate::batch::Batch;
pub use evaluate::quantity::{Part, Quantity};
pub use expression::Expression;
pub use expression::error::ExpressionError;
pub use graph::error::GraphError;
pub use graph::explore::{Exploration, Explored, State, Transitions};
pub use graph::matrices::Matrices;
pub use graph::models;
pub use graph::rate::Rate;
pub use graph::{Clock, Edge, Graph, GraphBuilder, VertexId};
pub use numeric::error::NumericError;
pub use operations::{OpId, Operation, Operations, Role, Step, TooManyOperations};
pub use symbolic::analysis::Analysis;
pub use symbolic::error::SymbolicError;
pub use symbolic::fill::{BlockTrace, eliminate_unit};
pub use symbolic::key::BlockKey;
pub use symbolic::unit::WorkUnit;
pub use trace::{EliminationTrace, Summary};
