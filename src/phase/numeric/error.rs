//! What can be wrong with a theta or a reward, as data.

use thiserror::Error;

use crate::phase::graph::VertexId;

/// An error of a theta, of rewards, or of what is asked of them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NumericError {
    /// Theta has the wrong length.
    #[error(
        "theta has length {found}, but the graph has {expected} parameters; pass one number for each"
    )]
    ThetaLength {
        /// The graph's parameter count.
        expected: usize,
        /// The length found.
        found: usize,
    },

    /// A question about times of a model that counts steps.
    #[error(
        "the graph is discrete: its time is a number of steps, not a time; ask for the distribution of steps, or write the graph with rates"
    )]
    Discrete,

    /// An entry of theta is infinite or not a number.
    #[error("theta[{index}] is {value:?}; every entry must be finite")]
    ThetaNotFinite {
        /// Which entry.
        index: usize,
        /// Its value.
        value: f64,
    },

    /// A theta of a batch cannot be answered; of several, the first is reported.
    #[error("row {row} of the thetas: {source}")]
    ThetaRow {
        /// Its row.
        row: usize,
        /// What [`EliminationTrace::at`](crate::phase::EliminationTrace::at) says of it.
        source: Box<NumericError>,
    },

    /// An entry of a gradient is so small beside the terms it is made of that no digits of it are certain.
    #[error(
        "gradient {output} with respect to theta[{parameter}] is not certain to 11 digits with numbers of {bits} bits; its terms cancel almost exactly: ask for it at a theta, or with coefficients, of fewer orders of magnitude"
    )]
    GradientDigits {
        /// Which gradient, from 0: of the moments or rewards asked for.
        output: usize,
        /// The parameter.
        parameter: usize,
        /// The length of the numbers that were tried last.
        bits: u32,
    },

    /// The gradient of a variance is the difference of two much larger gradients.
    #[error(
        "the gradient of the variance is a difference of gradients of moments that agree in all but {digits} of their digits; differentiate the moments instead"
    )]
    VarianceGradientDigits {
        /// How many certain digits are left.
        digits: u32,
    },

    /// A replay as a callback was called with other than one argument.
    #[error("a replay takes one argument, theta, but was called with {found}; pass one array")]
    ThetaArguments {
        /// How many arguments there were.
        found: usize,
    },

    /// A reward vector has the wrong length.
    #[error(
        "a reward vector has length {found}, but the graph has {expected} vertices; pass one reward for each (start and absorbing vertices take no time, so theirs do not matter)"
    )]
    RewardLength {
        /// The graph's vertex count.
        expected: usize,
        /// The length found.
        found: usize,
    },

    /// A reward is negative, infinite or not a number.
    #[error(
        "reward vector {row} has {value:?} at vertex {vertex}; rewards must be finite and at least 0 (split a signed reward into two)"
    )]
    InvalidReward {
        /// Which reward vector.
        row: usize,
        /// Which vertex.
        vertex: usize,
        /// The reward.
        value: f64,
    },

    /// A rate is negative, infinite or not a number at this theta.
    #[error("edge {from} -> {to} has the rate {rate:?} at this theta; rates must be finite and at least 0, so change theta or the edge's coefficients", from = from.index(), to = to.index())]
    InvalidRate {
        /// Where the edge starts.
        from: VertexId,
        /// Where it ends.
        to: VertexId,
        /// The rate.
        rate: f64,
    },

    /// At this theta rates of zero cut a vertex off from absorption.
    #[error(
        "absorption cannot be reached from {vertex} (state {state:?}) at this theta: rates of zero cut it off (its pivot is 0), so the waiting time is infinite; use a theta that keeps a path open"
    )]
    NoAbsorptionAtTheta {
        /// The lowest such vertex that the start reaches at this theta.
        vertex: VertexId,
        /// Its state.
        state: Vec<i64>,
    },

    /// A distribution that was made of a model at a theta where that has no derivatives.
    #[error(
        "the distribution was made of a model that has no derivatives at this theta: {problem}"
    )]
    NoDerivatives {
        /// Why not, and what to do.
        problem: String,
    },
}
