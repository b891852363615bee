//! The error of a tensor used where it has no meaning.

use std::panic::Location;

use crate::array::TensorType;

/// A tensor was used where it has no meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// A tensor outlived the trace it belongs to.
    #[error(
        "a tensor of type {ty} was used after the traced function it belongs to returned{}; return it from the function instead of storing it outside",
        at(location)
    )]
    Leaked {
        /// The tensor's type.
        ty: TensorType,
        /// Where it was used.
        location: Option<&'static Location<'static>>,
    },
    /// A traced tensor was asked for its value.
    #[error(
        "a traced tensor of type {ty} has no value yet{}; compute with it, or read values after the function was called",
        at(location)
    )]
    NotConcrete {
        /// The tensor's type.
        ty: TensorType,
        /// Where its value was asked for.
        location: Option<&'static Location<'static>>,
    },
    /// A type was given where a value is needed.
    #[error(
        "the type {ty} was given where a value is needed{}; use .trace(..) for types and .call(..) for values",
        at(location)
    )]
    NoValue {
        /// The type.
        ty: TensorType,
        /// Where a value was needed.
        location: Option<&'static Location<'static>>,
    },
}

fn at(location: &Option<&'static Location<'static>>) -> String {
    location.map_or_else(String::new, |l| {
        format!(" (at {}:{}:{})", l.file(), l.line(), l.column())
    })
}
