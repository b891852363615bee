//! Tensors from nothing, from several, and by choice.

use std::panic::Location;

use super::elementwise::{convert, floats, select};
use super::shape::{broadcast_to, expand, resolve};
use super::{Tensor, apply1, settle};
use crate::array::{Array, DType, Scalar, Shape, promote_all};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{Concatenate, Iota};

/// A tensor of one value.
#[track_caller]
#[must_use]
pub fn full(shape: impl IntoIterator<Item = usize>, value: impl Into<Scalar>) -> Tensor {
    let value = Tensor::concrete(value.into().to_array(), false);
    let shape: Shape = shape.into_iter().collect();
    broadcast_to(&value, &shape, Location::caller())
}

/// A tensor of zeros.
#[track_caller]
#[must_use]
pub fn zeros(dtype: DType, shape: impl IntoIterator<Item = usize>) -> Tensor {
    let value = Tensor::from(Array::zeros(dtype, &[]));
    let shape: Shape = shape.into_iter().collect();
    broadcast_to(&value, &shape, Location::caller())
}

/// A tensor of ones.
#[track_caller]
#[must_use]
pub fn ones(dtype: DType, shape: impl IntoIterator<Item = usize>) -> Tensor {
    let location = Location::caller();
    let value = convert(&Tensor::from(1_i64), (dtype, false), location);
    let shape: Shape = shape.into_iter().collect();
    broadcast_to(&value, &shape, location)
}

/// Counts along one axis of a shape (JAX's `lax.broadcasted_iota`).
#[track_caller]
#[must_use]
pub fn iota(dtype: DType, shape: impl IntoIterator<Item = usize>, dimension: usize) -> Tensor {
    apply1(
        Iota {
            dtype,
            shape: shape.into_iter().collect(),
            dimension,
        },
        &[],
        Location::caller(),
    )
}

/// `0, 1, .., n - 1`.
#[track_caller]
#[must_use]
pub fn arange(dtype: DType, n: usize) -> Tensor {
    apply1(
        Iota {
            dtype,
            shape: Shape::from_elem(n, 1),
            dimension: 0,
        },
        &[],
        Location::caller(),
    )
}

/// `x` where `condition` holds, `y` elsewhere, broadcast and promoted as in numpy (JAX's `jnp.where`).
#[track_caller]
#[must_use]
pub fn where_(condition: impl Into<Tensor>, x: impl Into<Tensor>, y: impl Into<Tensor>) -> Tensor {
    select(&condition.into(), &x.into(), &y.into(), Location::caller())
}

/// Joins tensors along an existing axis, promoted to one element type.
///
/// # Errors
///
/// [`OpErrorKind::ShapeMismatch`] where the other axes differ, [`OpErrorKind::AxisOutOfBounds`], or no tensors at all.
#[track_caller]
pub fn concatenate<'a>(
    tensors: impl IntoIterator<Item = &'a Tensor>,
    axis: isize,
) -> Result<Tensor, Error> {
    let location = Location::caller();
    let tensors: Vec<&Tensor> = tensors.into_iter().collect();
    let Some(first) = tensors.first() else {
        let kind = OpErrorKind::parameter("at least one tensor is needed");
        return Err(OpError::at("concatenate", kind, location).into());
    };
    for tensor in &tensors {
        (*tensor).clone().check()?;
    }
    let dimension = resolve("concatenate", &[axis], first.rank(), location)?[0];
    let to = promote_all(tensors.iter().map(|t| t.ty()));
    let converted: Vec<Tensor> = tensors.iter().map(|t| convert(t, to, location)).collect();
    apply1(
        Concatenate { dimension },
        &converted.iter().collect::<Vec<_>>(),
        location,
    )
    .check()
}

/// Joins tensors along a new axis, promoted to one element type.
///
/// # Errors
///
/// [`OpErrorKind::ShapeMismatch`] where the shapes differ, [`OpErrorKind::AxisOutOfBounds`], or no tensors at all.
#[track_caller]
pub fn stack<'a>(
    tensors: impl IntoIterator<Item = &'a Tensor>,
    axis: isize,
) -> Result<Tensor, Error> {
    let location = Location::caller();
    let tensors: Vec<Tensor> = tensors
        .into_iter()
        .map(|t| {
            let t = t.clone().check()?;
            let at = resolve("stack", &[axis], t.rank() + 1, location)?[0];
            Ok(expand(&t, &[at], location))
        })
        .collect::<Result<_, Error>>()?;
    concatenate(&tensors, axis)
}

/// `num` evenly spaced values from `start` to `stop`, which is the last one.
///
/// ```
/// use elimap::prelude::*;
/// let x = elimap::linspace(0.0, 1.0, 5);
/// assert_eq!(x.to_array()?.to_vec::<f64>()?, [0.0, 0.25, 0.5, 0.75, 1.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn linspace(start: impl Into<Tensor>, stop: impl Into<Tensor>, num: usize) -> Tensor {
    let location = Location::caller();
    let (start, stop) = (
        floats(&start.into(), location),
        floats(&stop.into(), location),
    );
    if num < 2 {
        return arange(DType::F64, num) * 0.0 + start;
    }
    let step = arange(DType::F64, num - 1) / (num - 1) as f64;
    let inner = start * (1.0 - &step) + &stop * step;
    settle(concatenate(&[inner, stop.reshape([1])], 0))
}

/// The identity, or ones on diagonal `k` of a matrix of `n` rows and `m` columns.
///
/// ```
/// use elimap::prelude::*;
/// let x = elimap::eye(DType::F64, 2, 3, 1);
/// assert_eq!(x.to_array()?.to_vec::<f64>()?, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn eye(dtype: DType, n: usize, m: usize, k: i64) -> Tensor {
    let row = arange(DType::I64, n).expand_dims(1);
    (row + k).equal(arange(DType::I64, m)).astype(dtype)
}

/// A new last axis of length `classes` with a one where each integer of `x` points; those outside point nowhere.
///
/// ```
/// use elimap::prelude::*;
/// let x = elimap::one_hot(Array::from(vec![1, 0, 7]), 2, DType::F64);
/// assert_eq!(x.to_array()?.to_vec::<f64>()?, [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn one_hot(x: impl Into<Tensor>, classes: usize, dtype: DType) -> Tensor {
    let x: Tensor = x.into();
    x.expand_dims(-1)
        .equal(arange(DType::I64, classes))
        .astype(dtype)
}

/// Every product of an element of `x` and one of `y`, as a matrix.
///
/// ```
/// use elimap::prelude::*;
/// let x = elimap::outer(Array::from(vec![1.0, 2.0]), Array::from(vec![3.0, 4.0]));
/// assert_eq!(x.to_array()?.to_vec::<f64>()?, [3.0, 4.0, 6.0, 8.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn outer(x: impl Into<Tensor>, y: impl Into<Tensor>) -> Tensor {
    let (x, y): (Tensor, Tensor) = (x.into(), y.into());
    x.reshape([-1, 1]) * y.reshape([-1])
}
