//! The error of a host call.

use std::fmt;

use smallvec::SmallVec;

use crate::array::{DType, Shape, ShapeTuple, TensorType};

/// An error of any type, as host functions return them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Which lane of a batch a per-lane host call was for: one index per vmap level the callback is batched at,
/// outermost first. Prints as nothing where there is no lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LaneIndex(pub SmallVec<[usize; 4]>);

impl fmt::Display for LaneIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() {
            write!(f, " at lane {:?}", &self.0[..])?;
        }
        Ok(())
    }
}

/// A host call failed or did not keep its contract, or a callback cannot be batched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// The host function returned an error or panicked; `source()` is its error.
    #[error("callback `{name}` failed{lane}: {source}")]
    Failed {
        /// The callback.
        name: String,
        /// The lane, for per-lane methods.
        lane: LaneIndex,
        /// The host function's error, or the text of its panic.
        source: BoxError,
    },
    /// A call has another number of arguments than the host function has parameters.
    #[error(
        "callback `{name}` takes {expected} arguments, it was given {actual}; pass one per parameter of its function"
    )]
    ArgumentCount {
        /// The callback.
        name: String,
        /// Parameters of the host function.
        expected: usize,
        /// Arguments given.
        actual: usize,
    },
    /// An argument is not what the host function's parameter takes.
    #[error(
        "callback `{name}`: argument #{argument} must be {expected}, it is {actual}; convert it with astype or reshape, or map the axis that is too many with vmap"
    )]
    ArgumentType {
        /// The callback.
        name: String,
        /// Which argument.
        argument: usize,
        /// What the parameter takes.
        expected: String,
        /// What was given.
        actual: TensorType,
    },
    /// The types of a callback's results are not known before it is called.
    #[error(
        "callback `{name}` returns arrays whose shape its function's type does not say; declare them: `.returns([f64::spec([3])])`"
    )]
    ResultsUndeclared {
        /// The callback.
        name: String,
    },
    /// The host function returned another number of results than declared.
    #[error(
        "callback `{name}`{lane} returned {actual} results, but {expected} are declared; return one array per declared result"
    )]
    ResultCount {
        /// The callback.
        name: String,
        /// The lane, for per-lane methods.
        lane: LaneIndex,
        /// Results declared.
        expected: usize,
        /// Results returned.
        actual: usize,
    },
    /// A result has another shape than declared.
    #[error(
        "callback `{name}`{lane}: incorrect output shape for return value #{result}: expected {}, actual {}; with a vectorizing vmap_method results carry the batch axes in front",
        ShapeTuple(expected),
        ShapeTuple(actual)
    )]
    ResultShape {
        /// The callback.
        name: String,
        /// The lane, for per-lane methods.
        lane: LaneIndex,
        /// Which result.
        result: usize,
        /// The shape declared, with batch axes.
        expected: Shape,
        /// The shape returned.
        actual: Shape,
    },
    /// A result has another element type than declared.
    #[error("callback `{name}`{lane}: incorrect output dtype for return value #{result}: expected {}, actual {}; convert it on the host or declare what it returns", expected.name(), actual.name())]
    ResultDtype {
        /// The callback.
        name: String,
        /// The lane, for per-lane methods.
        lane: LaneIndex,
        /// Which result.
        result: usize,
        /// The element type declared.
        expected: DType,
        /// The element type returned.
        actual: DType,
    },
    /// `vmap` met a callback that does not say how it batches.
    #[error(
        "callback `{name}` has no vmap_method, so it cannot be batched; give it one of sequential, sequential_unrolled, expand_dims, broadcast_all, legacy_vectorized or parallel"
    )]
    VmapMethodRequired {
        /// The callback.
        name: String,
    },
    /// `vmap` met an ordered io callback with a batched argument.
    #[error(
        "callback `{name}` is an ordered io_callback and cannot be batched; make it unordered, or call it outside of vmap"
    )]
    Ordered {
        /// The callback.
        name: String,
    },
}

/// The text of a panic on the host's side.
#[derive(Debug, thiserror::Error)]
#[error("the host function panicked: {0}")]
pub(crate) struct HostPanic(pub(crate) String);

impl HostPanic {
    pub(crate) fn from_payload(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "(no message)".to_owned());
        HostPanic(text)
    }
}
