//! What can go wrong with plain arrays.

use super::{DType, Shape, ShapeTuple, TensorType};

/// An array was read or built in a way its type or shape does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// The array holds another element type than the one asked for.
    #[error(
        "the array holds {actual}, but {expected} was asked for; convert it first or read it as {actual}"
    )]
    DType {
        /// The element type asked for.
        expected: DType,
        /// The element type the array holds.
        actual: DType,
    },
    /// A single value was asked of an array that is not rank 0.
    #[error(
        "a scalar was asked of an array of shape {}; index it down to rank 0 first",
        ShapeTuple(shape)
    )]
    NotScalar {
        /// The array's shape.
        shape: Shape,
    },
    /// The number of elements is not the product of the shape.
    #[error("shape {} takes {} elements, but {count} were given; give one per position, in row-major order", ShapeTuple(shape), TensorType::new(DType::U8, shape.iter().copied()).size())]
    ElementCount {
        /// The shape asked for.
        shape: Shape,
        /// The number of elements given.
        count: usize,
    },
    /// Memory does not hold the array.
    #[error(
        "an array of {dtype} of shape {} does not fit into memory; check the shape, or make it in parts",
        ShapeTuple(shape)
    )]
    TooLarge {
        /// The element type.
        dtype: DType,
        /// The shape asked for.
        shape: Shape,
    },
}
