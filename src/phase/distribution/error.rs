//! What can be wrong with a question about a distribution, as data.

use thiserror::Error;

use crate::phase::graph::VertexId;
use crate::phase::graph::error::GraphError;
use crate::phase::numeric::error::NumericError;

/// An error of a question about a distribution.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DistributionError {
    /// A time is negative, infinite or not a number.
    #[error("times[{index}] is {value:?}; times must be finite and at least 0")]
    Time {
        /// Which time.
        index: usize,
        /// Its value.
        value: f64,
    },

    /// A time is smaller than the one before it.
    #[error(
        "times[{index}] is {value:?}, less than {before:?} before it; sort the times, so that one pass answers all of them"
    )]
    Unsorted {
        /// Which time.
        index: usize,
        /// The time before it.
        before: f64,
        /// Its value.
        value: f64,
    },

    /// A probability that no quantile belongs to.
    #[error(
        "probabilities[{index}] is {value:?}; a quantile needs 0 <= p < 1 (the time is unbounded), one by survival 0 < q <= 1"
    )]
    Probability {
        /// Which probability.
        index: usize,
        /// Its value.
        value: f64,
    },

    /// A tolerance that arithmetic in `f64` cannot keep.
    #[error(
        "a tolerance of {absolute:?} absolute and {relative:?} relative cannot be had; give one of them at least 1e-14, and neither negative or infinite"
    )]
    Tolerance {
        /// The absolute tolerance.
        absolute: f64,
        /// The relative tolerance.
        relative: f64,
    },

    /// No method reaches the tolerance.
    #[error(
        "{quantity} at {at:?} is certain to {bound:e} only, which is more than the tolerance allows; ask for a larger tolerance or a smaller time"
    )]
    NotReached {
        /// What was asked for.
        quantity: &'static str,
        /// The time or probability.
        at: f64,
        /// The bound on the error.
        bound: f64,
    },

    /// Time to absorption and rate are so large together that no method is affordable.
    #[error(
        "{vertices} vertices with a largest rate of {rate:e} up to the time {time:e} are out of reach: that takes {steps:e} steps; ask for smaller times"
    )]
    TooStiff {
        /// How many vertices the start reaches.
        vertices: usize,
        /// The largest rate out of one of them.
        rate: f64,
        /// The largest time.
        time: f64,
        /// The number of steps that uniformization takes.
        steps: f64,
    },

    /// A vertex is not one of the graph, or not absorbing where it has to be.
    #[error("{vertex} {problem}")]
    Vertex {
        /// The vertex.
        vertex: VertexId,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A condition of probability zero.
    #[error(
        "absorption in {vertex} has the probability 0 at this theta, so there is nothing to condition on"
    )]
    Impossible {
        /// The vertex.
        vertex: VertexId,
    },

    /// A question that needs at least one of something.
    #[error("there are no {what}; give at least one")]
    Empty {
        /// What is missing.
        what: &'static str,
    },

    /// Two arguments whose lengths must agree do not.
    #[error("there are {found} {what}, but {expected} are needed; {remedy}")]
    Length {
        /// What there is too much or too little of.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
        /// What to do.
        remedy: &'static str,
    },

    /// A number that has to satisfy a condition does not.
    #[error("{what}[{index}] is {value:?}; {condition}")]
    Number {
        /// Which argument.
        what: &'static str,
        /// Its index.
        index: usize,
        /// The number.
        value: f64,
        /// What it must be.
        condition: &'static str,
    },

    /// A continuous question about a discrete graph, or the other way round.
    #[error(
        "{question} is a question about {expected} graphs, but this graph is {found}; {remedy}"
    )]
    Clock {
        /// What was asked.
        question: &'static str,
        /// The kind of graph it is about.
        expected: &'static str,
        /// The kind of graph there is.
        found: &'static str,
        /// What to ask instead.
        remedy: &'static str,
    },

    /// A row of a discrete graph that is not stochastic at this theta.
    #[error(
        "the probabilities out of {vertex} sum to {sum:?} at this theta; they must sum to 1 (a self-loop carries what is missing)"
    )]
    NotStochastic {
        /// The vertex.
        vertex: VertexId,
        /// What they sum to.
        sum: f64,
    },

    /// A statistic that has no gradients.
    #[error(
        "{question} has no gradients; ask for it alone, or for the gradients of pdf, cdf, quantile, moments or laplace"
    )]
    NoGradients {
        /// What was asked.
        question: &'static str,
    },

    /// A question about vertices or parameters of a model that is made of the graph and has its own.
    #[error(
        "{question} cannot be asked of a distribution made of the graph, which has vertices of its own and no parameters; ask for pdf, cdf, quantile, laplace or a likelihood"
    )]
    OtherModel {
        /// What was asked.
        question: &'static str,
    },

    /// A theta of several cannot be answered; the first is reported.
    #[error("row {row} of the thetas: {source}")]
    Row {
        /// Its row.
        row: usize,
        /// What a single theta gives.
        source: Box<DistributionError>,
    },

    /// Of a theta or of rewards.
    #[error(transparent)]
    Numeric(#[from] NumericError),

    /// Of a graph that was made on the way, of rewards or of a condition.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
