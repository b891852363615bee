//! Rearranging axes.

use std::panic::Location;

use smallvec::{SmallVec, smallvec};

use super::{Caller, Repr, Tensor, apply1, concatenate, settle};
use crate::array::{Shape, TensorType, broadcast_shapes, resolve_axis};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{BroadcastInDim, Reshape, Rev, Slice, Squeeze, Transpose};

/// One or several axes: `0`, `-1`, `[0, 2]`, or `..` for all.
pub trait AxisList {
    /// The axes for an operand of the given rank, negative ones counting from the end.
    fn axes(&self, rank: usize) -> SmallVec<[isize; 4]>;
}

impl AxisList for isize {
    fn axes(&self, _rank: usize) -> SmallVec<[isize; 4]> {
        SmallVec::from_elem(*self, 1)
    }
}
impl AxisList for std::ops::RangeFull {
    fn axes(&self, rank: usize) -> SmallVec<[isize; 4]> {
        (0..rank as isize).collect()
    }
}
impl<const N: usize> AxisList for [isize; N] {
    fn axes(&self, _rank: usize) -> SmallVec<[isize; 4]> {
        SmallVec::from_slice(self)
    }
}
impl AxisList for &[isize] {
    fn axes(&self, _rank: usize) -> SmallVec<[isize; 4]> {
        SmallVec::from_slice(self)
    }
}
impl AxisList for Vec<isize> {
    fn axes(&self, _rank: usize) -> SmallVec<[isize; 4]> {
        SmallVec::from_slice(self)
    }
}

/// The lengths of axes: `[2, 3]`, `3` for rank 1, `[]` for a scalar, or the [`shape`](Tensor::shape) of a tensor.
pub trait IntoShape {
    /// The lengths, outermost first.
    fn into_shape(self) -> Shape;
}
impl IntoShape for usize {
    fn into_shape(self) -> Shape {
        Shape::from_elem(self, 1)
    }
}
impl<const N: usize> IntoShape for [usize; N] {
    fn into_shape(self) -> Shape {
        Shape::from_slice(&self)
    }
}
impl IntoShape for &[usize] {
    fn into_shape(self) -> Shape {
        Shape::from_slice(self)
    }
}
impl IntoShape for Vec<usize> {
    fn into_shape(self) -> Shape {
        self.into()
    }
}
impl IntoShape for &Vec<usize> {
    fn into_shape(self) -> Shape {
        Shape::from_slice(self)
    }
}
impl IntoShape for Shape {
    fn into_shape(self) -> Shape {
        self
    }
}
impl IntoShape for &Shape {
    fn into_shape(self) -> Shape {
        self.clone()
    }
}

/// Resolves negative axes and refuses those outside the rank or named twice.
pub(crate) fn resolve(
    op: &'static str,
    axes: &[isize],
    rank: usize,
    location: Caller,
) -> Result<Shape, Error> {
    let mut out = Shape::new();
    for &axis in axes {
        let error = |kind| Error::from(OpError::at(op, kind, location));
        let resolved = resolve_axis(axis, rank)
            .ok_or_else(|| error(OpErrorKind::AxisOutOfBounds { axis, rank }))?;
        if out.contains(&resolved) {
            return Err(error(OpErrorKind::parameter(format!(
                "axis {axis} is named twice in {axes:?}; name each once"
            ))));
        }
        out.push(resolved);
    }
    Ok(out)
}

/// A tensor broadcast to a shape it fits by numpy's rule.
pub(super) fn broadcast_to(x: &Tensor, shape: &[usize], location: Caller) -> Tensor {
    if x.shape() == shape {
        return x.clone();
    }
    let target = TensorType::new(x.dtype(), shape.iter().copied());
    if broadcast_shapes([x.shape(), shape]).is_none_or(|s| &s[..] != shape) {
        let kind = OpErrorKind::shapes(
            [&x.ty, &target],
            "the first does not broadcast to the second",
        );
        return settle(Err(OpError::at("broadcast_to", kind, location).into()));
    }
    let offset = shape.len() - x.rank();
    let dims = (offset..shape.len()).collect();
    let op = BroadcastInDim {
        shape: target.shape,
        dims,
    };
    apply1(op, &[x], location)
}

/// The tensor with axes of length 1 inserted at `axes` of the result.
pub(super) fn expand(x: &Tensor, axes: &[usize], location: Caller) -> Tensor {
    let rank = x.rank() + axes.len();
    let dims: Shape = (0..rank).filter(|d| !axes.contains(d)).collect();
    let mut shape: Shape = smallvec![1; rank];
    for (&d, &n) in dims.iter().zip(x.shape()) {
        shape[d] = n;
    }
    apply1(BroadcastInDim { shape, dims }, &[x], location)
}

impl Tensor {
    fn poison(&self) -> Result<(), Error> {
        match &self.repr {
            Repr::Poisoned(error) => Err(Error::Shared(error.clone())),
            _ => Ok(()),
        }
    }

    /// The same elements in another shape, row-major; one length may be -1 and is worked out.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(6).reshape([2, -1]).shape(), [2, 3]);
    /// ```
    #[track_caller]
    #[must_use]
    pub fn reshape(&self, shape: impl IntoIterator<Item = isize>) -> Tensor {
        let location = Location::caller();
        let wanted: SmallVec<[isize; 4]> = shape.into_iter().collect();
        settle(self.poison().and_then(|()| {
            let known: usize = wanted
                .iter()
                .filter(|&&n| n >= 0)
                .fold(1, |known: usize, &n| known.saturating_mul(n as usize));
            let shape: Option<Shape> = wanted
                .iter()
                .map(|&n| match usize::try_from(n) {
                    Ok(n) => Some(n),
                    Err(_) if n == -1 => self.ty.size().checked_div(known),
                    Err(_) => None,
                })
                .collect();
            match shape {
                Some(shape) if wanted.iter().filter(|&&n| n < 0).count() <= 1 => {
                    Ok(apply1(Reshape { shape }, &[self], location))
                }
                _ => {
                    let detail = format!(
                        "cannot reshape into {wanted:?}; lengths are not negative, save for one -1"
                    );
                    let kind = OpErrorKind::shapes([&self.ty], detail);
                    Err(OpError::at("reshape", kind, location).into())
                }
            }
        }))
    }

    /// Reorders axes: axis `i` of the result is axis `permutation[i]`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(6).reshape([1, 2, 3]).transpose([2, 0, 1]).shape(), [3, 1, 2]);
    /// ```
    #[track_caller]
    #[must_use]
    pub fn transpose(&self, permutation: impl IntoIterator<Item = isize>) -> Tensor {
        let location = Location::caller();
        let permutation: SmallVec<[isize; 4]> = permutation.into_iter().collect();
        settle(self.poison().and_then(|()| {
            let permutation = resolve("transpose", &permutation, self.rank(), location)?;
            Ok(apply1(Transpose { permutation }, &[self], location))
        }))
    }

    /// Reverses the order of all axes.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(4).reshape([2, 2]).t().to_vec::<i64>()?, [0, 2, 1, 3]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn t(&self) -> Tensor {
        let permutation = (0..self.rank()).rev().collect();
        apply1(Transpose { permutation }, &[self], Location::caller())
    }

    /// Moves one axis to another position.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(6).reshape([1, 2, 3]).moveaxis(0, -1).shape(), [2, 3, 1]);
    /// ```
    #[track_caller]
    #[must_use]
    pub fn moveaxis(&self, from: isize, to: isize) -> Tensor {
        let location = Location::caller();
        settle(self.poison().and_then(|()| {
            let from = resolve("moveaxis", &[from], self.rank(), location)?[0];
            let to = resolve("moveaxis", &[to], self.rank(), location)?[0];
            let mut permutation: Shape = (0..self.rank()).filter(|&a| a != from).collect();
            permutation.insert(to, from);
            Ok(apply1(Transpose { permutation }, &[self], location))
        }))
    }

    /// Inserts axes of length 1, which the result has at the positions `axes`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(3).expand_dims([0, -1]).shape(), [1, 3, 1]);
    /// ```
    #[track_caller]
    #[must_use]
    pub fn expand_dims(&self, axes: impl AxisList) -> Tensor {
        let location = Location::caller();
        settle(self.poison().and_then(|()| {
            let axes = axes.axes(self.rank());
            let axes = resolve("expand_dims", &axes, self.rank() + axes.len(), location)?;
            Ok(expand(self, &axes, location))
        }))
    }

    /// Removes axes of length 1.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(3).reshape([1, 3, 1]).squeeze(0).shape(), [3, 1]);
    /// ```
    #[track_caller]
    #[must_use]
    pub fn squeeze(&self, axes: impl AxisList) -> Tensor {
        let location = Location::caller();
        settle(self.poison().and_then(|()| {
            let mut dims = resolve("squeeze", &axes.axes(self.rank()), self.rank(), location)?;
            dims.sort_unstable();
            Ok(apply1(Squeeze { dims }, &[self], location))
        }))
    }

    /// Repeats along new or length-1 axes up to a shape, by numpy's rule.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(2).broadcast_to([2, 2]).to_vec::<i64>()?, [0, 1, 0, 1]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn broadcast_to(&self, shape: impl IntoShape) -> Tensor {
        let location = Location::caller();
        let shape = shape.into_shape();
        settle(self.poison().map(|()| broadcast_to(self, &shape, location)))
    }

    /// Places axis `i` at `dims[i]` of a larger shape and repeats along the others (JAX's `lax.broadcast_in_dim`).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(2).broadcast_in_dim([2, 2], [0]).to_vec::<i64>()?, [0, 0, 1, 1]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn broadcast_in_dim(
        &self,
        shape: impl IntoIterator<Item = usize>,
        dims: impl IntoIterator<Item = usize>,
    ) -> Tensor {
        let op = BroadcastInDim {
            shape: shape.into_iter().collect(),
            dims: dims.into_iter().collect(),
        };
        apply1(op, &[self], Location::caller())
    }

    /// A box with static bounds: first index, one past the last, and step of each axis.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let box_of = Slicing::new([0, 1], [2, 3]);
    /// assert_eq!(arange(6).reshape([2, 3]).slice(box_of).to_vec::<i64>()?, [1, 2, 4, 5]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn slice(&self, slicing: Slicing) -> Tensor {
        let strides = slicing
            .strides
            .unwrap_or_else(|| SmallVec::from_elem(1, slicing.start.len()));
        apply1(
            Slice {
                start: slicing.start,
                limit: slicing.limit,
                strides,
            },
            &[self],
            Location::caller(),
        )
    }

    /// The sub-tensor at one static index of an axis; negative indices count from the end, and outside the bounds the nearest
    /// element is meant, as in JAX (rule N21).
    ///
    /// Poisoned where the axis is empty ([`OpErrorKind::ShapeMismatch`]).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(ndarray::array![[1, 2, 3], [4, 5, 6]].into_dyn()));
    /// assert_eq!(x.index(0, 1).to_array()?.to_vec::<i32>()?, [4, 5, 6]);
    /// assert_eq!(x.index(1, -1).to_array()?.to_vec::<i32>()?, [3, 6]);
    /// assert_eq!(x.index(1, 7).to_array()?.to_vec::<i32>()?, [3, 6]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn index(&self, axis: isize, index: isize) -> Tensor {
        let location = Location::caller();
        settle(self.poison().and_then(|()| {
            let axis = resolve("index", &[axis], self.rank(), location)?[0];
            let n = self.shape()[axis];
            if n == 0 {
                let detail = format!(
                    "index {index} is out of bounds for axis {axis}, which is empty; index an axis that has elements"
                );
                let kind = OpErrorKind::shapes([&self.ty], detail);
                return Err(OpError::at("index", kind, location)
                .into());
            }
            // Negative once from the end, then the nearest.
            let wrapped = if index < 0 { index.saturating_add_unsigned(n) } else { index };
            let i = wrapped.clamp(0, n as isize - 1) as usize;
            let mut start: Shape = SmallVec::from_elem(0, self.rank());
            let mut limit = self.ty.shape.clone();
            (start[axis], limit[axis]) = (i, i + 1);
            let strides = SmallVec::from_elem(1, self.rank());
            let one = apply1(
                Slice {
                    start,
                    limit,
                    strides,
                },
                &[self],
                location,
            );
            Ok(apply1(
                Squeeze {
                    dims: SmallVec::from_elem(axis, 1),
                },
                &[&one],
                location,
            ))
        }))
    }

    /// Reverses the order of elements along axes.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(3).rev(0).to_vec::<i64>()?, [2, 1, 0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn rev(&self, axes: impl AxisList) -> Tensor {
        let location = Location::caller();
        settle(self.poison().and_then(|()| {
            let dims = resolve("rev", &axes.axes(self.rank()), self.rank(), location)?;
            Ok(apply1(Rev { dims }, &[self], location))
        }))
    }

    /// Reverses axes; numpy's name of [`Tensor::rev`].
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![1.0, 2.0]));
    /// assert_eq!(x.flip(0).to_array()?.to_vec::<f64>()?, [2.0, 1.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn flip(&self, axes: impl AxisList) -> Tensor {
        self.rev(axes)
    }

    /// Moves elements along an axis by `shift`, round the end.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![1.0, 2.0, 3.0]));
    /// assert_eq!(x.roll(1, 0).to_array()?.to_vec::<f64>()?, [3.0, 1.0, 2.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn roll(&self, shift: isize, axis: isize) -> Tensor {
        let location = Location::caller();
        settle(
            self.resolved_axes("roll", &axis, location)
                .and_then(|axes| {
                    let n = self.shape()[axes[0]];
                    if n == 0 {
                        return Ok(self.clone());
                    }
                    let cut = (n - shift.rem_euclid(n as isize) as usize) % n;
                    let back = self.along(axes[0], 0, cut);
                    concatenate(&[self.along(axes[0], cut, n), back], axis)
                }),
        )
    }

    /// Entries `from..to` of an axis.
    pub(crate) fn along(&self, axis: usize, from: usize, to: usize) -> Tensor {
        let mut start = Shape::from_elem(0, self.rank());
        let mut limit: Shape = self.ty().shape.clone();
        (start[axis], limit[axis]) = (from, to);
        self.slice(Slicing::new(start, limit))
    }

    /// Cuts an axis into `parts` of equal length.
    ///
    /// # Errors
    ///
    /// [`OpErrorKind::InvalidParameter`] where the length is no multiple of `parts`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![1.0, 2.0, 3.0, 4.0]));
    /// let parts = x.split(2, 0)?;
    /// assert_eq!(parts[1].to_array()?.to_vec::<f64>()?, [3.0, 4.0]);
    /// assert!(x.split(3, 0).is_err());
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    pub fn split(&self, parts: usize, axis: isize) -> Result<Vec<Tensor>, Error> {
        let location = Location::caller();
        let axis = self.resolved_axes("split", &axis, location)?[0];
        let n = self.shape()[axis];
        match n.checked_div(parts) {
            Some(length) if length * parts == n => Ok((0..parts)
                .map(|k| self.along(axis, k * length, (k + 1) * length))
                .collect()),
            _ => {
                let detail = format!(
                    "an axis of length {n} does not split into {parts} equal parts; give a divisor, or cut with split_at"
                );
                Err(OpError::at("split", OpErrorKind::parameter(detail), location).into())
            }
        }
    }

    /// Cuts an axis before each of `indices`, which lie in order; those past the end give empty parts.
    ///
    /// # Errors
    ///
    /// [`OpErrorKind::InvalidParameter`] where the indices decrease.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![1.0, 2.0, 3.0]));
    /// let parts = x.split_at(&[1], 0)?;
    /// assert_eq!(parts[1].to_array()?.to_vec::<f64>()?, [2.0, 3.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    pub fn split_at(&self, indices: &[usize], axis: isize) -> Result<Vec<Tensor>, Error> {
        let location = Location::caller();
        let axis = self.resolved_axes("split_at", &axis, location)?[0];
        let n = self.shape()[axis];
        if !indices.is_sorted() {
            let detail = format!("the indices {indices:?} must not decrease; sort them");
            return Err(OpError::at("split_at", OpErrorKind::parameter(detail), location).into());
        }
        let ends = indices.iter().map(|&i| i.min(n)).chain([n]);
        let mut from = 0;
        Ok(ends
            .map(|to| self.along(axis, std::mem::replace(&mut from, to), to))
            .collect())
    }
}

/// The bounds of [`Tensor::slice`].
///
/// ```
/// use elimap::prelude::*;
/// let x = Tensor::from(Array::from(vec![0, 10, 20, 30, 40]));
/// let odd = x.slice(Slicing::new([1], [5]).strides([2]));
/// assert_eq!(odd.to_array()?.to_vec::<i32>()?, [10, 30]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Slicing {
    start: Shape,
    limit: Shape,
    strides: Option<Shape>,
}

impl Slicing {
    /// From the first index to one past the last, per axis.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(5).slice(Slicing::new([1], [3])).to_vec::<i64>()?, [1, 2]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn new(
        start: impl IntoIterator<Item = usize>,
        limit: impl IntoIterator<Item = usize>,
    ) -> Self {
        Slicing {
            start: start.into_iter().collect(),
            limit: limit.into_iter().collect(),
            strides: None,
        }
    }

    /// Steps per axis, 1 or more.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(5).slice(Slicing::new([0], [5]).strides([2])).to_vec::<i64>()?, [0, 2, 4]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn strides(mut self, strides: impl IntoIterator<Item = usize>) -> Self {
        self.strides = Some(strides.into_iter().collect());
        self
    }
}
