//! Tensors from nothing, from several, and by choice.

use std::ops::Range;
use std::panic::Location;

use super::elementwise::{convert, match_ranks, promoted_floats, select};
use super::shape::{IntoShape, broadcast_to, expand, resolve};
use super::{Caller, Tensor, apply1, settle};
use crate::array::{Array, DType, Scalar, Shape, broadcast_shapes, promote_all};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{Concatenate, Iota};

/// A tensor of one value.
///
/// ```
/// use elimap::prelude::*;
/// assert_eq!(full([2, 2], 7_i32).to_vec::<i32>()?, [7; 4]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn full(shape: impl IntoShape, value: impl Into<Scalar>) -> Tensor {
    let value = Tensor::concrete(value.into().to_array(), false);
    broadcast_to(&value, &shape.into_shape(), Location::caller())
}

/// A tensor of zeros.
///
/// ```
/// use elimap::prelude::*;
/// assert_eq!(zeros([2, 3], DType::F64).ty().to_string(), "f64[2,3]");
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn zeros(shape: impl IntoShape, dtype: DType) -> Tensor {
    let value = Tensor::from(Array::zeros(dtype, &[]));
    broadcast_to(&value, &shape.into_shape(), Location::caller())
}

/// A tensor of ones.
///
/// ```
/// use elimap::prelude::*;
/// assert_eq!(ones(2, DType::F32).to_vec::<f32>()?, [1.0, 1.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn ones(shape: impl IntoShape, dtype: DType) -> Tensor {
    let location = Location::caller();
    let value = convert(&Tensor::from(1_i64), (dtype, false), location);
    broadcast_to(&value, &shape.into_shape(), location)
}

macro_rules! like {
    ($($name:ident $of:ident $doc:literal $out:literal),*) => {$(
        #[doc = $doc]
        ///
        /// ```
        /// use elimap::prelude::*;
        #[doc = concat!("let y = elimap::", stringify!($name), "(vec![5.0, 6.0]);")]
        #[doc = concat!("assert_eq!(y.to_vec::<f64>()?, ", $out, ");")]
        /// # Ok::<(), elimap::Error>(())
        /// ```
        #[track_caller]
        #[must_use]
        pub fn $name(x: impl Into<Tensor>) -> Tensor {
            let x = x.into();
            $of(x.shape(), x.dtype())
        }
    )*};
}
like! {
    zeros_like zeros "Zeros of a tensor's shape and element type." "[0.0, 0.0]",
    ones_like ones "Ones of a tensor's shape and element type." "[1.0, 1.0]"
}

/// One value in a tensor's shape and element type.
///
/// ```
/// use elimap::prelude::*;
/// assert_eq!(elimap::full_like(vec![5.0, 6.0], 2).to_vec::<f64>()?, [2.0, 2.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn full_like(x: impl Into<Tensor>, value: impl Into<Tensor>) -> Tensor {
    let (x, location) = (x.into(), Location::caller());
    let value = convert(&value.into(), (x.dtype(), false), location);
    broadcast_to(&value, x.shape(), location)
}

/// Counts along one axis of a shape (JAX's `lax.broadcasted_iota`).
///
/// ```
/// use elimap::prelude::*;
/// assert_eq!(iota(DType::I32, [2, 2], 0).to_vec::<i32>()?, [0, 0, 1, 1]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn iota(dtype: DType, shape: impl IntoShape, dimension: usize) -> Tensor {
    let op = Iota {
        dtype,
        shape: shape.into_shape(),
        dimension,
    };
    apply1(op, &[], Location::caller())
}

/// `0, 1, .., n - 1` in an element type.
pub(crate) fn counting(dtype: DType, n: usize, location: Caller) -> Tensor {
    let op = Iota {
        dtype,
        shape: Shape::from_elem(n, 1),
        dimension: 0,
    };
    apply1(op, &[], location)
}

/// What [`arange`] counts through: `n`, `a..b`, or `(start, stop, step)`, in whole numbers or floats.
pub trait Span {
    /// The values as a tensor.
    #[doc(hidden)]
    fn values(self, location: Caller) -> Tensor;
}

macro_rules! spans {
    ($make:ident: $($ty:ty)*) => {$(
        impl Span for $ty {
            fn values(self, location: Caller) -> Tensor {
                $make([0 as _, self as _, 1 as _], location)
            }
        }
        impl Span for Range<$ty> {
            fn values(self, location: Caller) -> Tensor {
                $make([self.start as _, self.end as _, 1 as _], location)
            }
        }
        impl Span for ($ty, $ty, $ty) {
            fn values(self, location: Caller) -> Tensor {
                $make([self.0 as _, self.1 as _, self.2 as _], location)
            }
        }
    )*};
}
spans!(whole_span: i32 i64 usize);
spans!(float_span: f64);

fn whole_span([start, stop, step]: [i128; 3], location: Caller) -> Tensor {
    if step == 0 {
        return zero_step(location);
    }
    let n = ((stop - start + step - step.signum()) / step).max(0) as usize;
    let counted = counting(DType::I64, n, location);
    if (start, step) == (0, 1) {
        return counted;
    }
    counted * step as i64 + start as i64
}

fn float_span([start, stop, step]: [f64; 3], location: Caller) -> Tensor {
    if step == 0.0 {
        return zero_step(location);
    }
    let n = ((stop - start) / step).ceil().max(0.0) as usize;
    // The difference of the first two values is the step, as numpy has it.
    let step = (start + step) - start;
    counting(DType::F64, n, location) * step + start
}

fn zero_step(location: Caller) -> Tensor {
    let kind =
        OpErrorKind::parameter("the step is 0; give the distance from one value to the next");
    settle(Err(OpError::at("arange", kind, location).into()))
}

/// Evenly spaced values: `arange(n)`, `arange(a..b)` and `arange((start, stop, step))`, the end left out.
///
/// Whole numbers make `i64`, floats `f64`; convert with [`Tensor::astype`] for other types.
///
/// ```
/// use elimap::prelude::*;
/// assert_eq!(arange(3).to_vec::<i64>()?, [0, 1, 2]);
/// assert_eq!(arange(2..5).to_vec::<i64>()?, [2, 3, 4]);
/// assert_eq!(arange((5, 0, -2)).to_vec::<i64>()?, [5, 3, 1]);
/// assert_eq!(arange((0.0, 1.0, 0.25)).to_vec::<f64>()?, [0.0, 0.25, 0.5, 0.75]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn arange(span: impl Span) -> Tensor {
    span.values(Location::caller())
}

/// `x` where `condition` holds, `y` elsewhere, broadcast and promoted as in numpy (JAX's `jnp.where`).
///
/// ```
/// use elimap::prelude::*;
/// let x = Tensor::from(vec![-1.0, 2.0]);
/// assert_eq!(where_(x.less(0.0), 0.0, &x).to_vec::<f64>()?, [0.0, 2.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
#[must_use]
pub fn where_(condition: impl Into<Tensor>, x: impl Into<Tensor>, y: impl Into<Tensor>) -> Tensor {
    select(&condition.into(), &x.into(), &y.into(), Location::caller())
}

/// Joins tensors along an existing axis, promoted to one element type.
///
/// Takes any number of tensors, references to them, arrays or lists of numbers.
///
/// ```
/// use elimap::prelude::*;
/// let x = Tensor::from(vec![1.0, 2.0]);
/// assert_eq!(concatenate([&x, &(&x * 10.0)], 0)?.to_vec::<f64>()?, [1.0, 2.0, 10.0, 20.0]);
/// assert_eq!(concatenate([vec![1], vec![2, 3]], 0)?.to_vec::<i32>()?, [1, 2, 3]);
/// # Ok::<(), elimap::Error>(())
/// ```
///
/// # Errors
///
/// [`OpErrorKind::ShapeMismatch`] where the other axes differ, [`OpErrorKind::AxisOutOfBounds`], or no tensors at all.
#[track_caller]
pub fn concatenate<T: Into<Tensor>>(
    tensors: impl IntoIterator<Item = T>,
    axis: isize,
) -> Result<Tensor, Error> {
    let tensors: Vec<Tensor> = tensors.into_iter().map(Into::into).collect();
    concatenate_at(&tensors, axis, Location::caller())
}

fn concatenate_at(tensors: &[Tensor], axis: isize, location: Caller) -> Result<Tensor, Error> {
    let Some(first) = tensors.first() else {
        let kind = OpErrorKind::parameter("at least one tensor is needed");
        return Err(OpError::at("concatenate", kind, location).into());
    };
    for tensor in tensors {
        tensor.clone().check()?;
    }
    let dimension = resolve("concatenate", &[axis], first.rank(), location)?[0];
    let to = promote_all(tensors.iter().map(Tensor::ty));
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
/// Takes what [`concatenate`] takes, and numbers.
///
/// ```
/// use elimap::prelude::*;
/// let x = Tensor::from(3.0);
/// assert_eq!(stack([&x, &(&x * 2.0)], 0)?.to_vec::<f64>()?, [3.0, 6.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
///
/// # Errors
///
/// [`OpErrorKind::ShapeMismatch`] where the shapes differ, [`OpErrorKind::AxisOutOfBounds`], or no tensors at all.
#[track_caller]
pub fn stack<T: Into<Tensor>>(
    tensors: impl IntoIterator<Item = T>,
    axis: isize,
) -> Result<Tensor, Error> {
    let location = Location::caller();
    let tensors: Vec<Tensor> = tensors
        .into_iter()
        .map(|t| {
            let t = t.into().check()?;
            let at = resolve("stack", &[axis], t.rank() + 1, location)?[0];
            Ok(expand(&t, &[at], location))
        })
        .collect::<Result<_, Error>>()?;
    concatenate_at(&tensors, axis, location)
}

/// `num` evenly spaced values from `start` to `stop`, which is the last one, along a new axis 0.
///
/// ```
/// use elimap::prelude::*;
/// let x = elimap::linspace(0.0, 1.0, 5);
/// assert_eq!(x.to_vec::<f64>()?, [0.0, 0.25, 0.5, 0.75, 1.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn linspace(start: impl Into<Tensor>, stop: impl Into<Tensor>, num: usize) -> Tensor {
    spaced(&start.into(), &stop.into(), num, true, Location::caller())
}

/// `num` evenly spaced values from `start` on, the next of which would be `stop` (numpy's `linspace` with
/// `endpoint=False`).
///
/// ```
/// use elimap::prelude::*;
/// let x = elimap::linspace_open(0.0, 1.0, 4);
/// assert_eq!(x.to_vec::<f64>()?, [0.0, 0.25, 0.5, 0.75]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn linspace_open(start: impl Into<Tensor>, stop: impl Into<Tensor>, num: usize) -> Tensor {
    spaced(&start.into(), &stop.into(), num, false, Location::caller())
}

/// Values from `start` to `stop` as weighted means of the two, so that both ends are exact.
fn spaced(start: &Tensor, stop: &Tensor, num: usize, closed: bool, location: Caller) -> Tensor {
    let ends = || -> Result<[Tensor; 2], Error> {
        let ends = [start.clone().check()?, stop.clone().check()?];
        let ends = promoted_floats(&ends[0], &ends[1], location);
        let [start, stop] = match_ranks("linspace", ends, location)?;
        let shape = broadcast_shapes([start.shape(), stop.shape()]).unwrap_or_default();
        let full = |x: &Tensor| expand(&broadcast_to(x, &shape, location), &[0], location);
        Ok([full(&start), full(&stop)])
    };
    settle(ends().and_then(|[start, stop]| {
        let steps = if closed { num.saturating_sub(1) } else { num };
        if num < 2 {
            let mut shape = start.ty().shape.clone();
            shape[0] = num;
            return Ok(broadcast_to(&start, &shape, location));
        }
        let mut shape = Shape::from_elem(1, start.rank());
        shape[0] = steps;
        let iota = Iota {
            dtype: start.dtype(),
            shape,
            dimension: 0,
        };
        let step = apply1(iota, &[], location) / steps as f64;
        let inner = start * (1.0 - &step) + &stop * step;
        if closed {
            return concatenate_at(&[inner, stop], 0, location);
        }
        Ok(inner)
    }))
}

/// The identity, or ones on diagonal `k` of a matrix of `n` rows and `m` columns.
///
/// ```
/// use elimap::prelude::*;
/// let x = elimap::eye(2, 3, 1, DType::F64);
/// assert_eq!(x.to_array()?.to_vec::<f64>()?, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn eye(n: usize, m: usize, k: i64, dtype: DType) -> Tensor {
    let row = arange(n).expand_dims(1);
    (row + k).equal(arange(m)).astype(dtype)
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
    x.expand_dims(-1).equal(arange(classes)).astype(dtype)
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
