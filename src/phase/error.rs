//! The errors of the elimination half under one type.
//!
//! Each layer has an enum of its own beside its code. Every variant carries the vertex, edge or value it is about, and
//! its text ends with what to do. Nothing in [`crate::phase`] panics on a user's input: what cannot be answered is one of
//! these.

use thiserror::Error;

use crate::phase::distribution::error::DistributionError;
use crate::phase::eliminator::cache::CacheError;
use crate::phase::eliminator::error::EliminatorError;
use crate::phase::expression::error::ExpressionError;
use crate::phase::graph::error::GraphError;
use crate::phase::numeric::error::NumericError;
use crate::phase::operations::TooManyOperations;
use crate::phase::symbolic::error::SymbolicError;

/// Any error of the elimination half; each layer's own converts into it.
///
/// ```
/// use elimap::phase::{EliminationTrace, Graph, GraphError, PhaseError};
///
/// fn mean(file: &str, theta: &[f64]) -> Result<f64, PhaseError> {
///     Ok(EliminationTrace::record(&Graph::read(file)?).at(theta)?.expectation())
/// }
/// assert!(matches!(mean("no such file", &[]), Err(PhaseError::Graph(GraphError::Io { .. }))));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PhaseError {
    /// Of a graph: its file, building it, or a model generator.
    #[error(transparent)]
    Graph(#[from] GraphError),

    /// Of work units and block traces.
    #[error(transparent)]
    Symbolic(#[from] SymbolicError),

    /// Of a theta, of rewards, or of what is asked of them.
    #[error(transparent)]
    Numeric(#[from] NumericError),

    /// Of a question about a distribution.
    #[error(transparent)]
    Distribution(#[from] DistributionError),

    /// Of a reward expression.
    #[error(transparent)]
    Expression(#[from] ExpressionError),

    /// Of a cache.
    #[error(transparent)]
    Cache(#[from] CacheError),

    /// Of computing block traces.
    #[error(transparent)]
    Eliminator(#[from] EliminatorError),

    /// Of a list of operations.
    #[error(transparent)]
    Operations(#[from] TooManyOperations),
}
