//! Order statistics, moments of data, and running sums.

use super::{axis_of, flat, isnan, refuse};
use crate::array::DType;
use crate::error::Error;
use crate::tensor::{
    AxisList, TakeMode, Tensor, compositions, concatenate, floats, resolve, where_,
};

/// How [`quantile`] reads between two elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuantileMethod {
    /// On the line between the two.
    #[default]
    Linear,
    /// The lower one.
    Lower,
    /// The higher one.
    Higher,
    /// Their mean.
    Midpoint,
    /// The nearer one; the lower where both are as near and its position is even.
    Nearest,
}

/// The axes to work along joined into a last one.
fn joined_last(op: &'static str, x: &Tensor, axes: &impl AxisList) -> Result<Tensor, Error> {
    let location = std::panic::Location::caller();
    let axes = resolve(op, &axes.axes(x.rank()), x.rank(), location)?;
    let kept: Vec<usize> = (0..x.rank()).filter(|a| !axes.contains(a)).collect();
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    let order = kept.iter().chain(&sorted).map(|&a| a as isize);
    let shape: Vec<isize> = kept.iter().map(|&a| x.shape()[a] as isize).collect();
    let length: usize = sorted.iter().map(|&a| x.shape()[a]).product();
    let shape = shape.into_iter().chain([length as isize]);
    x.transpose(order).reshape(shape).check()
}

/// Quantiles along the last axis, those of `q` in front. NaN are ignored, or make the answer NaN.
fn quantiles(
    op: &'static str,
    x: &Tensor,
    q: &Tensor,
    method: QuantileMethod,
    ignore: bool,
) -> Result<Tensor, Error> {
    if q.rank() > 1 {
        return Err(refuse(
            op,
            format!("q has type {}; give a number or a list", q.ty()),
        ));
    }
    let here = std::panic::Location::caller();
    let x = floats(x, here);
    let n = x.shape()[x.rank() - 1];
    if n == 0 {
        let shape: Vec<usize> = q
            .shape()
            .iter()
            .chain(&x.shape()[..x.rank() - 1])
            .copied()
            .collect();
        return crate::tensor::full(shape, f64::NAN)
            .astype(x.dtype())
            .check();
    }
    let missing = isnan(&x);
    let x = match ignore {
        true => where_(&missing, f64::NAN, &x),
        false => where_(missing.any(-1).expand_dims(-1), f64::NAN, &x),
    };
    let sorted = x.sort(-1);
    // How many there are to choose from, with the axis of length 1; then one row per quantile.
    let count = match ignore {
        true => (!missing).sum(-1).expand_dims(-1).astype(x.dtype()),
        false => crate::tensor::full(Vec::new(), n as f64).astype(x.dtype()),
    };
    let one = q.rank() == 0;
    let q = floats(q, here).astype(x.dtype()).reshape([-1]);
    let mut shape = vec![1; x.rank()];
    shape[0] = q.shape()[0] as isize;
    let leading: Vec<isize> = std::iter::once(shape[0]).chain(vec![1; x.rank()]).collect();
    let position = q.reshape(leading) * (&count - 1.0);
    let last = (&count - 1.0).maximum(0.0);
    let (low, high) = (position.floor(), position.ceil());
    let weight = &position - &low;
    let bounded = |at: &Tensor| at.maximum(0.0).minimum(&last).astype(DType::I64);
    let read = |at: &Tensor| -> Tensor {
        let rows: Vec<usize> = std::iter::once(q.shape()[0])
            .chain(x.shape()[..x.rank() - 1].iter().copied())
            .chain([1])
            .collect();
        let at = bounded(at).broadcast_to(&rows);
        let full: Vec<usize> = std::iter::once(q.shape()[0])
            .chain(x.shape().iter().copied())
            .collect();
        let sorted = sorted.expand_dims(0).broadcast_to(full);
        sorted.take_along_axis(at, -1, TakeMode::Clip)
    };
    let out = match method {
        QuantileMethod::Linear => read(&low) * (1.0 - &weight) + read(&high) * &weight,
        QuantileMethod::Lower => read(&low),
        QuantileMethod::Higher => read(&high),
        QuantileMethod::Midpoint => (read(&low) + read(&high)) * 0.5,
        QuantileMethod::Nearest => {
            let (low, high) = (read(&low), read(&high));
            where_(weight.less_equal(0.5), low, high)
        }
    };
    let out = out.squeeze(-1);
    if one {
        out.squeeze(0).check()
    } else {
        out.check()
    }
}

compositions! {
    numpy;
    /// Quantiles over axes, `q` from 0 to 1; a list of them gives a leading axis. A NaN makes the answer NaN.
    [quantile(vec![1.0, 2.0, 4.0], vec![0.5, 0.75], .., numpy::QuantileMethod::Linear) => f64 [2.0, 3.0]]
    fn quantile(x, q; axes: impl AxisList, method: QuantileMethod) {
        quantiles("quantile", &joined_last("quantile", &x, &axes)?, &q, method, false)
    }
    /// Quantiles in percent over axes; see [`quantile`].
    [percentile(vec![1.0, 2.0, 4.0], 50, .., numpy::QuantileMethod::Linear) => f64 [2.0]]
    fn percentile(x, q; axes: impl AxisList, method: QuantileMethod) {
        quantiles("percentile", &joined_last("percentile", &x, &axes)?, &(q / 100.0), method, false)
    }
    /// The middle element over axes, or the mean of the middle two. A NaN makes the answer NaN.
    [median(vec![3.0, 1.0, 2.0, 10.0], ..) => f64 [2.5]]
    fn median(x; axes: impl AxisList) {
        let half = Tensor::from(0.5);
        quantiles("median", &joined_last("median", &x, &axes)?, &half, QuantileMethod::Midpoint, false)
    }
    /// Quantiles over axes of the elements that are not NaN; see [`quantile`].
    [nanquantile(vec![1.0, f64::NAN, 3.0], 0.5, .., numpy::QuantileMethod::Linear) => f64 [2.0]]
    fn nanquantile(x, q; axes: impl AxisList, method: QuantileMethod) {
        quantiles("nanquantile", &joined_last("nanquantile", &x, &axes)?, &q, method, true)
    }
    /// Quantiles in percent over axes of the elements that are not NaN; see [`quantile`].
    [nanpercentile(vec![1.0, f64::NAN, 3.0], 50, .., numpy::QuantileMethod::Linear) => f64 [2.0]]
    fn nanpercentile(x, q; axes: impl AxisList, method: QuantileMethod) {
        let joined = joined_last("nanpercentile", &x, &axes)?;
        quantiles("nanpercentile", &joined, &(q / 100.0), method, true)
    }
    /// The median over axes of the elements that are not NaN.
    [nanmedian(vec![1.0, f64::NAN, 3.0], ..) => f64 [2.0]]
    fn nanmedian(x; axes: impl AxisList) {
        let half = Tensor::from(0.5);
        quantiles("nanmedian", &joined_last("nanmedian", &x, &axes)?, &half, QuantileMethod::Midpoint, true)
    }
    /// The greatest element over axes less the smallest (peak to peak).
    [ptp(vec![3.0, 1.0, 7.0], ..) => f64 [6.0]]
    fn ptp(x; axes: impl AxisList) {
        let axes = axes.axes(x.rank()).to_vec();
        Ok(x.max(axes.clone()) - x.min(axes))
    }
    /// How many elements over axes are not zero, as `i64`.
    [count_nonzero(vec![0, 3, 0, 5], ..) => i64 [2]]
    fn count_nonzero(x; axes: impl AxisList) { Ok(super::elementwise::truth(&x).astype(DType::I64).sum(axes)) }
    /// The mean over axes with weights, of `x`'s shape or of one axis.
    [average(vec![1.0, 5.0], vec![3.0, 1.0], 0) => f64 [2.0]]
    fn average(x, weights; axes: impl AxisList) {
        let here = std::panic::Location::caller();
        let x = floats(&x, here);
        let named = axes.axes(x.rank()).to_vec();
        let weights = if weights.shape() == x.shape() {
            weights
        } else if weights.rank() == 1 && named.len() == 1 {
            let axis = axis_of("average", named[0], x.rank())?;
            let mut shape = vec![1; x.rank()];
            shape[axis] = -1;
            weights.reshape(shape).broadcast_to(x.shape())
        } else {
            let detail = format!("weights of type {} do not fit {}; give one per element, or one per entry of one axis", weights.ty(), x.ty());
            return Err(refuse("average", detail));
        };
        let weights = weights.astype(x.dtype());
        Ok((&x * &weights).sum(named.clone()) / weights.sum(named))
    }
    /// Running sums along an axis, with a zero in front on request. Whole numbers widen to 64 bits.
    [cumulative_sum(vec![1, 2, 3], 0, true) => i64 [0, 1, 3, 6]]
    fn cumulative_sum(x; axis: isize, include_initial: bool) {
        let wide = match x.dtype() {
            DType::U8 | DType::U16 | DType::U32 => x.astype(DType::U64),
            DType::Bool | DType::I8 | DType::I16 | DType::I32 => x.astype(DType::I64),
            DType::I64 | DType::U64 | DType::BF16 | DType::F16 => x,
            DType::F32 | DType::F64 | DType::C64 | DType::C128 => x,
        };
        running(wide.cumsum(axis, false), axis, include_initial.then_some(0))
    }
    /// Running products along an axis, with a one in front on request.
    [cumulative_prod(vec![1, 2, 3], 0, false) => i32 [1, 2, 6]]
    fn cumulative_prod(x; axis: isize, include_initial: bool) {
        running(summable(&x).cumprod(axis, false), axis, include_initial.then_some(1))
    }
    /// Differences of neighbours along an axis, `n` times over.
    [diff(vec![1, 4, 9, 16], 2, 0) => i32 [2, 2]]
    fn diff(x; n: usize, axis: isize) {
        let axis = axis_of("diff", axis, x.rank())?;
        let mut x = x;
        for _ in 0..n {
            let len = x.shape()[axis];
            let (ahead, behind) = (x.along(axis, 1.min(len), len), x.along(axis, 0, len.saturating_sub(1)));
            x = if x.dtype() == DType::Bool { ahead.not_equal(behind) } else { ahead - behind };
        }
        Ok(x)
    }
    /// Differences of neighbours of all elements in order.
    [ediff1d(vec![1, 4, 9]) => i32 [3, 5]]
    fn ediff1d(x;) { Ok(diff(flat(&x), 1, 0)) }
    /// The integral along an axis by the trapezoidal rule, for points `dx` apart.
    [trapezoid(vec![1.0, 2.0, 3.0], 2.0, -1) => f64 [8.0]]
    fn trapezoid(y; dx: f64, axis: isize) {
        let here = std::panic::Location::caller();
        let y = floats(&y, here).moveaxis(axis, -1).check()?;
        let (last, n) = (y.rank() - 1, y.shape()[y.rank() - 1]);
        let pairs = y.along(last, 1.min(n), n) + y.along(last, 0, n.saturating_sub(1));
        Ok(0.5 * (pairs * dx).sum(-1))
    }
    /// The integral along an axis by the trapezoidal rule, at the points `x`: one axis of them, or as many as values.
    [trapezoid_at(vec![1.0, 2.0, 3.0], vec![0.0, 1.0, 3.0], -1) => f64 [6.5]]
    fn trapezoid_at(y, x; axis: isize) {
        let here = std::panic::Location::caller();
        let y = floats(&y, here).moveaxis(axis, -1).check()?;
        let x = if x.rank() == 1 { x } else { x.moveaxis(axis, -1) };
        let (last, n) = (y.rank() - 1, y.shape()[y.rank() - 1]);
        let pairs = y.along(last, 1.min(n), n) + y.along(last, 0, n.saturating_sub(1));
        Ok(0.5 * (pairs * diff(x, 1, -1)).sum(-1))
    }
    /// Covariances of the rows of a matrix, over `n - ddof` observations.
    [cov(ndarray::array![[0.0, 2.0], [0.0, 4.0]], 1) => f64 [2.0, 4.0, 4.0, 8.0]]
    fn cov(rows; ddof: usize) {
        let here = std::panic::Location::caller();
        let x = floats(&rows, here);
        let x = if x.rank() < 2 { x.reshape([1, -1]) } else { x };
        let n = x.shape()[1] as f64 - ddof as f64;
        let centred = &x - x.mean(1).expand_dims(1);
        let out = centred.matmul(centred.t().conj()) / n;
        Ok(if out.shape() == [1, 1] { out.reshape([]) } else { out })
    }
    /// Correlations of the rows of a matrix.
    [corrcoef(ndarray::array![[0.0, 2.0], [4.0, 0.0]]).round() => f64 [1.0, -1.0, -1.0, 1.0]]
    fn corrcoef(rows;) {
        let c = cov(rows, 1).check()?;
        if c.rank() == 0 {
            let same = c.clone();
            return Ok(c / same);
        }
        let deviation = super::diagonal(&c, 0, 0, 1).sqrt();
        let out = c / deviation.expand_dims(1) / deviation.expand_dims(0);
        Ok(out.clip(-1.0, 1.0))
    }
}

/// Bools count as integers.
/// Running results with a first one in front.
fn running(x: Tensor, axis: isize, first: Option<i64>) -> Result<Tensor, Error> {
    let Some(first) = first else {
        return Ok(x);
    };
    let x = x.check()?;
    let mut shape = x.shape().to_vec();
    let along = axis_of("cumulative", axis, x.rank())?;
    shape[along] = 1;
    let front = Tensor::from(first).astype(x.dtype()).broadcast_to(shape);
    concatenate([&front, &x], axis)
}

fn summable(x: &Tensor) -> Tensor {
    if x.dtype() == DType::Bool {
        x.astype(DType::I64)
    } else {
        x.clone()
    }
}

/// Slopes along an axis: central differences inside, one-sided ones at both ends, for points `spacing` apart.
///
/// ```
/// use elimap::numpy;
/// assert_eq!(numpy::gradient(vec![1.0, 2.0, 4.0], 1.0, 0).to_vec::<f64>()?, [1.0, 1.5, 2.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn gradient(y: impl Into<Tensor>, spacing: f64, axis: isize) -> Tensor {
    let y = y.into();
    let here = std::panic::Location::caller();
    crate::tensor::composed(here, || {
        let y = floats(&y, here);
        let axis = axis_of("gradient", axis, y.rank())?;
        let n = y.shape()[axis];
        if n < 2 {
            let detail = format!("an axis of length {n} has no slope; two points are needed");
            return Err(refuse("gradient", detail));
        }
        let inner = (y.along(axis, 2, n) - y.along(axis, 0, n - 2)) * 0.5;
        let first = y.along(axis, 1, 2) - y.along(axis, 0, 1);
        let last = y.along(axis, n - 1, n) - y.along(axis, n - 2, n - 1);
        Ok(crate::tensor::concatenate([first, inner, last], axis as isize)? / spacing)
    })
}
