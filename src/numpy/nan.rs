//! Reductions that leave NaN out.

use super::{isnan, refuse};
use crate::array::DType;
use crate::tensor::{AxisList, Tensor, compositions, floats, where_};

/// How many elements over axes are not NaN.
fn present(x: &Tensor, axes: Vec<isize>) -> Tensor {
    (!isnan(x)).astype(x.dtype()).sum(axes)
}

fn list(x: &Tensor, axes: &impl AxisList) -> Vec<isize> {
    axes.axes(x.rank()).to_vec()
}

/// The tensor with axes of length 1 where these were reduced.
fn put_back(reduced: Tensor, axes: &[isize], rank: usize) -> Tensor {
    let axes: Vec<isize> = axes
        .iter()
        .map(|&a| if a < 0 { a + rank as isize } else { a })
        .collect();
    reduced.expand_dims(axes)
}

compositions! {
    numpy;
    /// The sum over axes, NaN counting as 0.
    [nansum(vec![1.0, f64::NAN], ..) => f64 [1.0]]
    fn nansum(x; axes: impl AxisList) {
        if x.dtype().is_inexact() { Ok(where_(isnan(&x), 0.0, &x).sum(axes)) } else { Ok(x.sum(axes)) }
    }
    /// The product over axes, NaN counting as 1.
    [nanprod(vec![2.0, f64::NAN], ..) => f64 [2.0]]
    fn nanprod(x; axes: impl AxisList) {
        if x.dtype().is_inexact() { Ok(where_(isnan(&x), 1.0, &x).prod(axes)) } else { Ok(x.prod(axes)) }
    }
    /// The greatest element over axes that is not NaN; NaN where there is none.
    [nanmax(vec![1.0, f64::NAN], ..) => f64 [1.0]]
    fn nanmax(x; axes: impl AxisList) {
        let axes = list(&x, &axes);
        if !x.dtype().is_inexact() {
            return Ok(x.max(axes));
        }
        let out = where_(isnan(&x), f64::NEG_INFINITY, &x).max(axes.clone());
        Ok(where_(isnan(&x).all(axes), f64::NAN, out))
    }
    /// The smallest element over axes that is not NaN; NaN where there is none.
    [nanmin(vec![1.0, f64::NAN], ..) => f64 [1.0]]
    fn nanmin(x; axes: impl AxisList) {
        let axes = list(&x, &axes);
        if !x.dtype().is_inexact() {
            return Ok(x.min(axes));
        }
        let out = where_(isnan(&x), f64::INFINITY, &x).min(axes.clone());
        Ok(where_(isnan(&x).all(axes), f64::NAN, out))
    }
    /// The mean over axes of the elements that are not NaN.
    [nanmean(vec![1.0, f64::NAN, 3.0], ..) => f64 [2.0]]
    fn nanmean(x; axes: impl AxisList) {
        let axes = list(&x, &axes);
        let x = floats(&x, std::panic::Location::caller());
        Ok(nansum(&x, axes.clone()) / present(&x, axes))
    }
    /// The variance over axes of the elements that are not NaN: over `n - ddof` of them, NaN where that is not positive.
    [nanvar(vec![1.0, f64::NAN, 3.0], .., 0) => f64 [1.0]]
    fn nanvar(x; axes: impl AxisList, ddof: usize) {
        let axes = list(&x, &axes);
        let x = floats(&x, std::panic::Location::caller());
        let mean = put_back(nanmean(&x, axes.clone()), &axes, x.rank());
        let squares = where_(isnan(&x), 0.0, (&x - mean).square()).sum(axes.clone());
        let left = present(&x, axes) - ddof as f64;
        Ok(where_(left.greater(0.0), squares / &left, f64::NAN))
    }
    /// The standard deviation over axes of the elements that are not NaN; see [`nanvar`].
    [nanstd(vec![1.0, f64::NAN, 5.0], .., 0) => f64 [2.0]]
    fn nanstd(x; axes: impl AxisList, ddof: usize) { Ok(nanvar(x, axes, ddof).sqrt()) }
    /// Running sums along an axis, NaN counting as 0.
    [nancumsum(vec![1.0, f64::NAN, 2.0], 0) => f64 [1.0, 1.0, 3.0]]
    fn nancumsum(x; axis: isize) {
        if x.dtype().is_inexact() { Ok(where_(isnan(&x), 0.0, &x).cumsum(axis, false)) } else { Ok(x.cumsum(axis, false)) }
    }
    /// Running products along an axis, NaN counting as 1.
    [nancumprod(vec![2.0, f64::NAN, 3.0], 0) => f64 [2.0, 2.0, 6.0]]
    fn nancumprod(x; axis: isize) {
        if x.dtype().is_inexact() { Ok(where_(isnan(&x), 1.0, &x).cumprod(axis, false)) } else { Ok(x.cumprod(axis, false)) }
    }
    /// The position of the greatest element along an axis that is not NaN; -1 where there is none.
    [nanargmax(vec![1.0, f64::NAN, 3.0], 0) => i64 [2]]
    fn nanargmax(x; axis: isize) {
        if !x.dtype().is_inexact() {
            return Ok(x.argmax(axis));
        }
        let out = where_(isnan(&x), f64::NEG_INFINITY, &x).argmax(axis);
        Ok(where_(isnan(&x).all(axis), -1, out))
    }
    /// The position of the smallest element along an axis that is not NaN; -1 where there is none.
    [nanargmin(vec![1.0, f64::NAN, 3.0], 0) => i64 [0]]
    fn nanargmin(x; axis: isize) {
        if !x.dtype().is_inexact() {
            return Ok(x.argmin(axis));
        }
        let out = where_(isnan(&x), f64::INFINITY, &x).argmin(axis);
        Ok(where_(isnan(&x).all(axis), -1, out))
    }
    /// The sum over axes of the elements that `mask` chooses, which broadcasts (numpy's `sum(where=mask)`).
    [masked_sum(vec![1.0, 2.0], vec![true, false], ..) => f64 [1.0]]
    fn masked_sum(x, mask; axes: impl AxisList) {
        if mask.dtype() != DType::Bool {
            return Err(refuse("masked_sum", format!("the mask has type {}; give truth values", mask.ty())));
        }
        let zero = Tensor::from(false).astype(x.dtype());
        Ok(where_(mask, &x, zero).sum(axes))
    }
}
