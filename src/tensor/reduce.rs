//! Reductions over axes, running reductions along one, and statistics in terms of them.
//!
//! Names and semantics are `jax.numpy`'s.

use std::panic::Location;

use super::elementwise::{convert, floats};
use super::shape::{AxisList, expand, resolve};
use super::{Caller, Repr, Tensor, apply1, settle, where_};
use crate::array::{DType, Shape, to_inexact};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{ArgReduce, ArgReduceOp, Cumulative, CumulativeOp, Reduce, ReduceOp};

/// 16-bit floats in `float32`, in which means of them are computed.
fn single(x: &Tensor, location: Caller) -> Tensor {
    if x.dtype().is_half() {
        convert(x, (DType::F32, false), location)
    } else {
        x.clone()
    }
}

/// A result in the type of a 16-bit operand.
fn narrowed(result: Tensor, operand: &Tensor, location: Caller) -> Tensor {
    if operand.dtype().is_half() {
        convert(&result, (operand.dtype(), false), location)
    } else {
        result
    }
}

impl Tensor {
    #[track_caller]
    fn reduce(&self, kind: ReduceOp, axes: &impl AxisList) -> Tensor {
        let location = Location::caller();
        settle(self.resolved_axes(kind.name(), axes, location).map(|axes| {
            if self.shape_is_identity(&axes) {
                self.clone()
            } else {
                apply1(Reduce { kind, axes }, &[self], location)
            }
        }))
    }

    fn shape_is_identity(&self, axes: &[usize]) -> bool {
        axes.is_empty() && self.rank() > 0
    }

    /// The axes named, resolved and in order; a failed tensor is its own error.
    pub(super) fn resolved_axes(
        &self,
        op: &'static str,
        axes: &impl AxisList,
        location: Caller,
    ) -> Result<Shape, Error> {
        if let Repr::Poisoned(error) = &self.repr {
            return Err(Error::Shared(error.clone()));
        }
        let mut axes = resolve(op, &axes.axes(self.rank()), self.rank(), location)?;
        axes.sort_unstable();
        Ok(axes)
    }

    /// Sum over axes: `x.sum(..)` over all, `x.sum(0)`, `x.sum([0, -1])`.
    ///
    /// Integers and bools add up as 64-bit integers, as JAX's do with 64-bit types on (rule N4).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert_eq!(x.sum(0).to_vec::<f64>()?, [5.0, 7.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn sum(&self, axes: impl AxisList) -> Tensor {
        self.widened(Location::caller())
            .reduce(ReduceOp::Sum, &axes)
    }

    /// Product over axes, widened as [`Tensor::sum`] is.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert_eq!(x.prod(1).to_vec::<f64>()?, [5.0, 8.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn prod(&self, axes: impl AxisList) -> Tensor {
        self.widened(Location::caller())
            .reduce(ReduceOp::Prod, &axes)
    }

    /// What sums of this element type are computed in; sums are strongly typed.
    fn widened(&self, location: Caller) -> Tensor {
        let to = match self.dtype() {
            DType::Bool | DType::I8 | DType::I16 | DType::I32 | DType::I64 => DType::I64,
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => DType::U64,
            float => float,
        };
        convert(self, (to, false), location)
    }

    /// Maximum over axes; NaN propagates.
    ///
    /// An empty axis is an error, as there is no maximum (rule N14).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert_eq!(x.max(-1).to_vec::<f64>()?, [5.0, 4.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn max(&self, axes: impl AxisList) -> Tensor {
        self.extreme(ReduceOp::Max, &axes, Location::caller())
    }

    /// Minimum over axes; NaN propagates.
    ///
    /// An empty axis is an error, as there is no minimum (rule N14).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert_eq!(x.min(..).to_vec::<f64>()?, [1.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn min(&self, axes: impl AxisList) -> Tensor {
        self.extreme(ReduceOp::Min, &axes, Location::caller())
    }

    fn extreme(&self, kind: ReduceOp, axes: &impl AxisList, location: Caller) -> Tensor {
        settle(
            self.resolved_axes(kind.name(), axes, location)
                .and_then(|axes| {
                    if axes.iter().any(|&a| self.shape()[a] == 0)
                        && self.ty.with_shape(kept(self.shape(), &axes)).size() > 0
                    {
                        let kind_of_error = OpErrorKind::EmptyReduction {
                            shape: self.ty.shape.clone(),
                            axes,
                        };
                        return Err(OpError::at(kind.name(), kind_of_error, location).into());
                    }
                    if self.shape_is_identity(&axes) {
                        return Ok(self.clone());
                    }
                    Ok(apply1(Reduce { kind, axes }, &[self], location))
                }),
        )
    }

    /// Whether all elements are true along axes.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert!(x.greater(0.0).all(..).item::<bool>()?);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn all(&self, axes: impl AxisList) -> Tensor {
        convert(self, (DType::Bool, false), Location::caller()).reduce(ReduceOp::And, &axes)
    }

    /// Whether any element is true along axes.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert!(!x.greater(5.0).any(..).item::<bool>()?);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn any(&self, axes: impl AxisList) -> Tensor {
        convert(self, (DType::Bool, false), Location::caller()).reduce(ReduceOp::Or, &axes)
    }

    /// Position of the first maximum along an axis, as `i64`; a NaN counts as the maximum (rule N12).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert_eq!(x.argmax(1).to_vec::<i64>()?, [1, 0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn argmax(&self, axis: isize) -> Tensor {
        self.arg_reduce(ArgReduceOp::Max, axis, Location::caller())
    }

    /// Position of the first minimum along an axis, as `i64`; a NaN counts as the minimum (rule N12).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert_eq!(x.argmin(0).to_vec::<i64>()?, [0, 1]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn argmin(&self, axis: isize) -> Tensor {
        self.arg_reduce(ArgReduceOp::Min, axis, Location::caller())
    }

    fn arg_reduce(&self, kind: ArgReduceOp, axis: isize, location: Caller) -> Tensor {
        settle(
            self.resolved_axes(kind.name(), &axis, location)
                .map(|axes| {
                    apply1(
                        ArgReduce {
                            kind,
                            axis: axes[0],
                            index_dtype: DType::I64,
                        },
                        &[self],
                        location,
                    )
                }),
        )
    }

    fn cumulative(
        &self,
        kind: CumulativeOp,
        axis: isize,
        reverse: bool,
        location: Caller,
    ) -> Tensor {
        settle(
            self.resolved_axes(kind.name(), &axis, location)
                .map(|axes| {
                    apply1(
                        Cumulative {
                            kind,
                            axis: axes[0],
                            reverse,
                        },
                        &[self],
                        location,
                    )
                }),
        )
    }

    /// Running sum along an axis, from the end where `reverse`; the element type is kept.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert_eq!(x.cumsum(1, false).to_vec::<f64>()?, [1.0, 6.0, 4.0, 6.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn cumsum(&self, axis: isize, reverse: bool) -> Tensor {
        self.cumulative(CumulativeOp::Sum, axis, reverse, Location::caller())
    }

    /// Running product along an axis, from the end where `reverse`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert_eq!(x.cumprod(0, false).to_vec::<f64>()?, [1.0, 5.0, 4.0, 10.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn cumprod(&self, axis: isize, reverse: bool) -> Tensor {
        self.cumulative(CumulativeOp::Prod, axis, reverse, Location::caller())
    }

    /// Running maximum along an axis, from the end where `reverse`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert_eq!(x.cummax(0, false).to_vec::<f64>()?, [1.0, 5.0, 4.0, 5.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn cummax(&self, axis: isize, reverse: bool) -> Tensor {
        self.cumulative(CumulativeOp::Max, axis, reverse, Location::caller())
    }

    /// Running minimum along an axis, from the end where `reverse`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(ndarray::array![[1.0, 5.0], [4.0, 2.0]]);
    /// assert_eq!(x.cummin(0, true).to_vec::<f64>()?, [1.0, 2.0, 4.0, 2.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn cummin(&self, axis: isize, reverse: bool) -> Tensor {
        self.cumulative(CumulativeOp::Min, axis, reverse, Location::caller())
    }

    /// Running `log(sum(exp(x)))` along an axis, from the end where `reverse`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(vec![0.0, 0.0]);
    /// assert_eq!(x.cumlogsumexp(0, false).to_vec::<f64>()?, [0.0, 2_f64.ln()]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn cumlogsumexp(&self, axis: isize, reverse: bool) -> Tensor {
        let location = Location::caller();
        let x = convert(self, to_inexact((self.ty.dtype, self.ty.weak)), location);
        x.cumulative(CumulativeOp::LogSumExp, axis, reverse, location)
    }

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
            let x = single(&floats(self, location), location);
            let mean = x.sum(signed(&axes)) / self.reduced(&axes);
            narrowed(mean, self, location)
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
            let x = single(&floats(self, location), location);
            let n = self.reduced(&axes);
            let mean = expand(&(x.sum(signed(&axes)) / n), &axes, location);
            let left = n - ddof as f64;
            let left = if left > 0.0 { left } else { f64::NAN };
            let distance = x - mean;
            let squares = match distance.dtype().is_complex() {
                true => (&distance * distance.conj()).real(),
                false => distance.square(),
            };
            narrowed(squares.sum(signed(&axes)) / left, self, location)
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
    pub fn softmax(&self, axes: impl AxisList) -> Tensor {
        let location = Location::caller();
        self.below_maximum("softmax", &axes, location, |x, axes| {
            let scaled = x.exp();
            let total = expand(&scaled.sum(signed(axes)), axes, location);
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
    pub fn log_softmax(&self, axes: impl AxisList) -> Tensor {
        let location = Location::caller();
        self.below_maximum("log_softmax", &axes, location, |x, axes| {
            let total = expand(&x.exp().sum(signed(axes)).ln(), axes, location);
            x - total
        })
    }

    /// What `f` makes of the tensor less its maximum along an axis, which keeps exponentials in range; an empty tensor as
    /// it is.
    fn below_maximum(
        &self,
        op: &'static str,
        axes: &impl AxisList,
        location: Caller,
        f: impl FnOnce(Tensor, &[usize]) -> Tensor,
    ) -> Tensor {
        settle(self.resolved_axes(op, axes, location).map(|axes| {
            let x = floats(self, location);
            if self.shape().contains(&0) {
                return x;
            }
            f(&x - expand(&x.max(signed(&axes)), &axes, location), &axes)
        }))
    }
}

fn signed(axes: &[usize]) -> Vec<isize> {
    axes.iter().map(|&a| a as isize).collect()
}

/// The lengths that remain once axes are reduced.
fn kept(shape: &[usize], axes: &[usize]) -> Shape {
    shape
        .iter()
        .enumerate()
        .filter(|(a, _)| !axes.contains(a))
        .map(|(_, &n)| n)
        .collect()
}
