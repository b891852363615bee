//! Positions: of what is not zero, and between multi-indices and flat ones.

use super::{flat, refuse};
use crate::array::{DType, Shape};
use crate::error::Error;
use crate::tensor::{IntoShape, TakeMode, Tensor, compositions, where_};

/// The positions of true elements of a vector, ascending, `size` of them and `fill` after the last; as many as there are where
/// the mask is known and no size given.
pub(super) fn nonzero_positions(
    mask: &Tensor,
    size: Option<usize>,
    fill: i64,
) -> Result<Tensor, Error> {
    let size = match size {
        Some(size) => size,
        None => match mask.to_vec::<bool>() {
            Ok(known) => known.into_iter().filter(|&b| b).count(),
            Err(_) => {
                let detail = "how many elements are chosen depends on values that are not known while tracing; give a size";
                return Err(refuse("nonzero", detail));
            }
        },
    };
    let n = mask.shape()[0];
    // The k-th true element goes to place k; false ones and those too many to a place outside, where they are dropped.
    let rank = mask.astype(DType::I64).cumsum(0, false) - 1;
    let place = where_(mask, rank, size as i64);
    let start = crate::tensor::full(size, fill);
    start.at(place).set(crate::tensor::arange(n)).check()
}

/// The positions of elements that are not zero, one tensor per axis, `size` of them with `fill` after the last.
///
/// Without a size there are as many as needed, which a traced function cannot have.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) without a size in a traced function.
///
/// ```
/// use elimap::numpy;
/// let at = numpy::nonzero(ndarray::array![[0, 5], [7, 0]], None, 0)?;
/// assert_eq!(at[0].to_vec::<i64>()?, [0, 1]);
/// assert_eq!(at[1].to_vec::<i64>()?, [1, 0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn nonzero(
    x: impl Into<Tensor>,
    size: impl Into<Option<usize>>,
    fill: i64,
) -> Result<Vec<Tensor>, Error> {
    let x = super::atleast_1d(x.into()).check()?;
    let mask = super::elementwise::truth(&x);
    let n = x.ty().size() as i64;
    let at = nonzero_positions(&flat(&mask), size.into(), n)?;
    let inside = at.less(n);
    let per_axis = unravelled(&at, x.shape());
    per_axis
        .into_iter()
        .map(|p| where_(&inside, p, fill).check())
        .collect()
}

/// The positions of elements that are not zero, one row each; see [`nonzero`].
///
/// # Errors
///
/// As for [`nonzero`].
///
/// ```
/// use elimap::numpy;
/// let at = numpy::argwhere(ndarray::array![[0, 5], [7, 0]], None, 0)?;
/// assert_eq!(at.to_vec::<i64>()?, [0, 1, 1, 0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn argwhere(
    x: impl Into<Tensor>,
    size: impl Into<Option<usize>>,
    fill: i64,
) -> Result<Tensor, Error> {
    let x: Tensor = x.into();
    let scalar = x.rank() == 0;
    let at = crate::tensor::stack(nonzero(x, size, fill)?, 1)?;
    if scalar { Ok(at.i((.., ..0))) } else { Ok(at) }
}

/// The positions of elements that are not zero among all elements in order; see [`nonzero`].
///
/// # Errors
///
/// As for [`nonzero`].
///
/// ```
/// use elimap::numpy;
/// assert_eq!(numpy::flatnonzero(vec![0, 5, 7], 3, -1)?.to_vec::<i64>()?, [1, 2, -1]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn flatnonzero(
    x: impl Into<Tensor>,
    size: impl Into<Option<usize>>,
    fill: i64,
) -> Result<Tensor, Error> {
    Ok(nonzero(flat(&x.into()), size, fill)?.swap_remove(0))
}

/// The index on each axis of row-major positions.
fn unravelled(at: &Tensor, shape: &[usize]) -> Vec<Tensor> {
    let mut rest = at.clone();
    let mut out: Vec<Tensor> = Vec::with_capacity(shape.len());
    for &n in shape.iter().rev() {
        let n = (n as i64).max(1);
        out.push(&rest % n);
        rest = rest.floor_divide(n);
    }
    out.reverse();
    out
}

/// The index on each axis of positions among the elements of a shape in order; positions outside are clipped, negative
/// ones count from the end.
///
/// ```
/// use elimap::numpy;
/// let at = numpy::unravel_index(vec![5, 2], [2, 3]);
/// assert_eq!(at[0].to_vec::<i32>()?, [1, 0]);
/// assert_eq!(at[1].to_vec::<i32>()?, [2, 2]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn unravel_index(positions: impl Into<Tensor>, shape: impl IntoShape) -> Vec<Tensor> {
    let (at, shape): (Tensor, Shape) = (positions.into(), shape.into_shape());
    let size = shape.iter().product::<usize>() as i64;
    let at = at.clip(-size, size - 1);
    let at = where_(at.less(0), &at + size, &at);
    unravelled(&at, &shape)
}

/// Positions among the elements of a shape in order, from the index on each axis; indices outside are clipped or wrapped as
/// `mode` says ([`TakeMode::Fill`] is read as clipping).
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for another number of indices than axes.
///
/// ```
/// use elimap::{TakeMode, numpy};
/// let at = numpy::ravel_multi_index([vec![1, 0], vec![2, 2]], [2, 3], TakeMode::Clip)?;
/// assert_eq!(at.to_vec::<i32>()?, [5, 2]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn ravel_multi_index<T: Into<Tensor>>(
    indices: impl IntoIterator<Item = T>,
    shape: impl IntoShape,
    mode: TakeMode,
) -> Result<Tensor, Error> {
    let indices: Vec<Tensor> = indices.into_iter().map(Into::into).collect();
    let shape = shape.into_shape();
    if indices.len() != shape.len() {
        let detail = format!(
            "{} indices for a shape of {} axes; give one per axis",
            indices.len(),
            shape.len()
        );
        return Err(refuse("ravel_multi_index", detail));
    }
    let mut at: Option<Tensor> = None;
    for (index, &n) in indices.iter().zip(&shape) {
        let n = n as i64;
        let index = match mode {
            TakeMode::Wrap => index % n,
            TakeMode::Clip | TakeMode::Fill => index.clip(0, n - 1),
        };
        at = Some(match at {
            None => index,
            Some(at) => at * n + index,
        });
    }
    at.unwrap_or_else(|| Tensor::from(0_i64)).check()
}

compositions! {
    numpy;
    /// The number of times each of `0, .., length - 1` occurs; numbers outside are left out.
    [bincount(vec![0, 2, 2], 3) => i64 [1, 0, 2]]
    fn bincount(x; length: usize) {
        let x = flat(&x);
        Ok(crate::tensor::zeros(length, DType::I64).at(positive(&x, length)).add(1))
    }
    /// The weights summed by number: as [`bincount`], each occurrence counting for its weight.
    [bincount_weighted(vec![0, 2, 2], vec![0.5, 1.0, 2.0], 3) => f64 [0.5, 0.0, 3.0]]
    fn bincount_weighted(x, weights; length: usize) {
        let x = flat(&x);
        Ok(crate::tensor::zeros(length, weights.dtype()).at(positive(&x, length)).add(flat(&weights)))
    }
}

/// Positions, with negative ones outside of `length` places, where scatters drop them.
fn positive(x: &Tensor, length: usize) -> Tensor {
    if x.dtype().is_unsigned_integer() {
        return x.clone();
    }
    let x = x.astype(DType::I64);
    where_(x.less(0), length as i64, &x)
}
