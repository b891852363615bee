//! The error of a `custom_vmap` rule.

use crate::array::{Shape, ShapeTuple, TensorType};

/// What is wrong with a `custom_vmap` rule's answer, or with what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomVmapError {
    /// The rule returned another structure than the function.
    #[error(
        "the vmap rule of `{name}` returned {actual}, but the function returns {expected}; return the same structure from both"
    )]
    Structure {
        /// The function.
        name: String,
        /// The structure of the function's results.
        expected: String,
        /// The structure of the rule's results.
        actual: String,
    },
    /// The rule did not say of every result whether it is batched.
    #[error(
        "the vmap rule of `{name}` says of {actual} results whether they are batched, but there are {expected}; return one bool for all results or one for each"
    )]
    FlagCount {
        /// The function.
        name: String,
        /// The number of results.
        expected: usize,
        /// The number of flags.
        actual: usize,
    },
    /// A result has another shape than the function's with `size` lanes in front, or than the function's.
    #[error(
        "the vmap rule of `{name}` returned result #{result} of shape {}, expected {}{}",
        ShapeTuple(actual),
        ShapeTuple(expected),
        lanes(*batched)
    )]
    Shape {
        /// The function.
        name: String,
        /// Which result.
        result: usize,
        /// Whether the rule called it batched.
        batched: bool,
        /// The shape expected.
        expected: Shape,
        /// The shape returned.
        actual: Shape,
    },
    /// A result has another element type than the function's.
    #[error(
        "the vmap rule of `{name}` returned result #{result} of type {}, but the function returns {}; convert it with astype",
        actual.dtype.name(),
        expected.dtype.name()
    )]
    Dtype {
        /// The function.
        name: String,
        /// Which result.
        result: usize,
        /// The function's result type.
        expected: TensorType,
        /// The rule's result type.
        actual: TensorType,
    },
    /// The function closes over a value that differs between lanes, of which its rule knows nothing.
    #[error(
        "`{name}` closes over a tensor of type {ty} that is batched, which its vmap rule cannot see; pass it as an argument"
    )]
    BatchedCapture {
        /// The function.
        name: String,
        /// The tensor's type in one lane.
        ty: TensorType,
    },
}

fn lanes(batched: bool) -> &'static str {
    if batched {
        ": a batched result leads with one entry per lane"
    } else {
        ": an unbatched result has the function's own shape"
    }
}
