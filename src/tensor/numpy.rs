//! Numpy-style helpers, in terms of the operations: moments, softmax and its kin, and arrays of common forms.
//!
//! Each is an ordinary traced function, so it batches by its operations' rules. Names and semantics are `jax.numpy`'s.

use std::panic::Location;

use super::operators::{convert, expand, floats};
use super::{AxisList, Repr, Slicing, TakeMode, Tensor, arange, concatenate, settle, where_};
use crate::array::{DType, Shape};
use crate::error::Error;
use crate::ops::{OpError, OpErrorKind};
use crate::program::{GatherDims, IndexMode};

type Caller = &'static Location<'static>;

fn refuse(op: &'static str, detail: impl Into<String>, location: Caller) -> Error {
    OpError {
        op,
        kind: OpErrorKind::parameter(detail),
        location: Some(location),
    }
    .into()
}

impl Tensor {
    /// How many elements a reduction over these axes takes in.
    fn reduced(&self, axes: &[usize]) -> f64 {
        axes.iter().map(|&a| self.shape()[a] as f64).product()
    }

    /// Mean over axes: `x.mean(..)`, `x.mean(0)`; int64 in float64, narrower integers and bools in float32, nothing gives
    /// NaN (rule N14).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![1_i64, 2, 4, 5]));
    /// assert_eq!(x.mean(..).to_array()?.item::<f64>()?, 3.0);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn mean(&self, axes: impl AxisList) -> Tensor {
        let location = Location::caller();
        settle(self.resolved_axes("mean", &axes, location).map(|axes| {
            let x = floats(self, location);
            x.sum(signed(&axes)) / self.reduced(&axes)
        }))
    }

    /// Variance over axes: the sum of squared distances from the mean over `n - ddof`, NaN where that is not positive.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![1.0, 3.0]));
    /// assert_eq!(x.var(.., 0).to_array()?.item::<f64>()?, 1.0);
    /// assert_eq!(x.var(.., 1).to_array()?.item::<f64>()?, 2.0);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn var(&self, axes: impl AxisList, ddof: usize) -> Tensor {
        let location = Location::caller();
        settle(self.resolved_axes("var", &axes, location).map(|axes| {
            let x = floats(self, location);
            let n = self.reduced(&axes);
            let mean = expand(&(x.sum(signed(&axes)) / n), &axes, location);
            let left = n - ddof as f64;
            let left = if left > 0.0 { left } else { f64::NAN };
            (x - mean).square().sum(signed(&axes)) / left
        }))
    }

    /// Standard deviation over axes: the root of [`Tensor::var`].
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![1.0, 5.0]));
    /// assert_eq!(x.std(.., 0).to_array()?.item::<f64>()?, 2.0);
    /// assert!(x.index(0, 0).std(.., 1).to_array()?.item::<f64>()?.is_nan());
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn std(&self, axes: impl AxisList, ddof: usize) -> Tensor {
        self.var(axes, ddof).sqrt()
    }

    /// Euclidean norm over axes, without rescaling: squares may overflow (rule N20).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![3.0, 4.0]));
    /// assert_eq!(x.norm(..).to_array()?.item::<f64>()?, 5.0);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn norm(&self, axes: impl AxisList) -> Tensor {
        floats(self, Location::caller()).square().sum(axes).sqrt()
    }

    /// `log(sum(exp(x)))` over axes without overflow; all `-inf`, or nothing, gives `-inf` (rule N20).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![1000.0, 1000.0]));
    /// assert_eq!(x.logsumexp(..).to_array()?.item::<f64>()?, 1000.0 + 2_f64.ln());
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn logsumexp(&self, axes: impl AxisList) -> Tensor {
        let location = Location::caller();
        settle(
            self.resolved_axes("logsumexp", &axes, location)
                .map(|axes| {
                    let x = floats(self, location);
                    if self.reduced(&axes) == 0.0 {
                        return x.exp().sum(signed(&axes)).ln();
                    }
                    let max = x.max(signed(&axes));
                    let max = where_(max.is_finite(), &max, 0.0);
                    let scaled = (x - expand(&max, &axes, location)).exp();
                    scaled.sum(signed(&axes)).ln() + max
                }),
        )
    }

    /// `exp(x)` scaled to sum to 1 along an axis; all `-inf` gives NaN (rule N20).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![0.0, 0.0]));
    /// assert_eq!(x.softmax(-1).to_array()?.to_vec::<f64>()?, [0.5, 0.5]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn softmax(&self, axis: isize) -> Tensor {
        let location = Location::caller();
        self.below_maximum("softmax", axis, location, |x, axes| {
            let scaled = x.exp();
            let total = expand(&scaled.sum(axis), axes, location);
            scaled / total
        })
    }

    /// The logarithm of [`Tensor::softmax`], computed without cancellation.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![0.0, 0.0]));
    /// assert_eq!(x.log_softmax(0).to_array()?.to_vec::<f64>()?, [-(2_f64.ln()); 2]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn log_softmax(&self, axis: isize) -> Tensor {
        let location = Location::caller();
        self.below_maximum("log_softmax", axis, location, |x, axes| {
            let total = expand(&x.exp().sum(axis).ln(), axes, location);
            x - total
        })
    }

    /// What `f` makes of the tensor less its maximum along an axis, which keeps exponentials in range; an empty tensor as
    /// it is.
    fn below_maximum(
        &self,
        op: &'static str,
        axis: isize,
        location: Caller,
        f: impl FnOnce(Tensor, &[usize]) -> Tensor,
    ) -> Tensor {
        settle(self.resolved_axes(op, &axis, location).map(|axes| {
            let x = floats(self, location);
            if self.shape().contains(&0) {
                return x;
            }
            f(&x - expand(&x.max(axis), &axes, location), &axes)
        }))
    }

    /// `min(max(x, lo), hi)`, with numpy's broadcasting and promotion; `hi` wins where the bounds cross (rule N15).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![-1, 5, 9]));
    /// assert_eq!(x.clip(0, 6).to_array()?.to_vec::<i32>()?, [0, 5, 6]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn clip(&self, lo: impl Into<Tensor>, hi: impl Into<Tensor>) -> Tensor {
        self.maximum(lo).minimum(hi)
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
                    let cut = (-shift).rem_euclid(n as isize) as usize;
                    let back = self.along(axes[0], 0, cut);
                    concatenate(&[self.along(axes[0], cut, n), back], axis)
                }),
        )
    }

    /// Entries `from..to` of an axis.
    fn along(&self, axis: usize, from: usize, to: usize) -> Tensor {
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
                Err(refuse("split", detail, location))
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
            return Err(refuse("split_at", detail, location));
        }
        let ends = indices.iter().map(|&i| i.min(n)).chain([n]);
        let mut from = 0;
        Ok(ends
            .map(|to| self.along(axis, std::mem::replace(&mut from, to), to))
            .collect())
    }

    /// One element per entry of `indices` along an axis, all other axes running together.
    ///
    /// `indices` has this tensor's shape but for the axis. A negative index counts from the end once; beyond the bounds `mode`
    /// decides (rule N22).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]]));
    /// let i = Array::from(ndarray::array![[1_i64], [0]]);
    /// let y = x.take_along_axis(i, 1, TakeMode::Fill);
    /// assert_eq!(y.to_array()?.to_vec::<f64>()?, [2.0, 3.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn take_along_axis(
        &self,
        indices: impl Into<Tensor>,
        axis: isize,
        mode: TakeMode,
    ) -> Tensor {
        let (indices, location) = (indices.into(), Location::caller());
        let take = || -> Result<Tensor, Error> {
            let axis = self.resolved_axes("take_along_axis", &axis, location)?[0];
            let indices = indices.check()?;
            let others: Shape = (0..self.rank()).filter(|&a| a != axis).collect();
            let fits = indices.rank() == self.rank()
                && others
                    .iter()
                    .all(|&a| indices.shape()[a] == self.shape()[a]);
            if !fits || !indices.dtype().is_integer() {
                let kind = OpErrorKind::shapes(
                    [self.ty(), indices.ty()],
                    "the indices must be integers of the operand's shape, but for the axis; broadcast them first",
                );
                return Err(OpError {
                    op: "take_along_axis",
                    kind,
                    location: Some(location),
                }
                .into());
            }
            let n = self.shape()[axis] as i64;
            let indices = convert(&indices, (DType::I64, false), location);
            let (indices, mode) = match mode {
                TakeMode::Fill => {
                    let wrapped = where_(indices.less(0), &indices + n, &indices);
                    (wrapped, IndexMode::FillOrDrop)
                }
                TakeMode::Clip => (indices, IndexMode::Clip),
                TakeMode::Wrap => (indices % n, IndexMode::Clip),
            };
            let dims = GatherDims {
                offset_dims: Shape::new(),
                collapsed_slice_dims: Shape::from_elem(axis, 1),
                start_index_map: Shape::from_elem(axis, 1),
                operand_batching_dims: others.clone(),
                start_indices_batching_dims: others,
            };
            let ones = Shape::from_elem(1, self.rank());
            Ok(self.gather(indices.expand_dims(-1), dims, ones, mode))
        };
        settle(take())
    }

    /// The lower triangle of the last two axes: zero above diagonal `k`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]]));
    /// assert_eq!(x.tril(0).to_array()?.to_vec::<f64>()?, [1.0, 0.0, 3.0, 4.0]);
    /// assert_eq!(x.triu(1).to_array()?.to_vec::<f64>()?, [0.0, 2.0, 0.0, 0.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn tril(&self, k: i64) -> Tensor {
        self.triangle("tril", Location::caller(), |row, col| {
            (row + k).greater_equal(col)
        })
    }

    /// The upper triangle of the last two axes: zero below diagonal `k`.
    #[track_caller]
    #[must_use]
    pub fn triu(&self, k: i64) -> Tensor {
        self.triangle("triu", Location::caller(), |row, col| {
            (row + k).less_equal(col)
        })
    }

    fn triangle(
        &self,
        op: &'static str,
        location: Caller,
        keep: impl Fn(Tensor, Tensor) -> Tensor,
    ) -> Tensor {
        let shape = match (&self.repr, self.shape()) {
            (Repr::Poisoned(error), _) => return settle(Err(Error::Shared(error.clone()))),
            (_, [.., n, m]) => [*n, *m],
            _ => {
                let detail = format!("takes matrices, got {}", self.ty());
                return settle(Err(refuse(op, detail, location)));
            }
        };
        let mask = keep(
            arange(DType::I64, shape[0]).expand_dims(1),
            arange(DType::I64, shape[1]),
        );
        let zero = convert(&Tensor::from(false), (self.dtype(), false), location);
        where_(mask, self, zero)
    }
}

fn signed(axes: &[usize]) -> Vec<isize> {
    axes.iter().map(|&a| a as isize).collect()
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
