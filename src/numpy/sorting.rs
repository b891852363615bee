//! Orders beyond [`Tensor::sort`] and [`Tensor::argsort`].

use super::{axis_of, refuse};
use crate::array::DType;
use crate::error::Error;
use crate::tensor::{Tensor, compositions};

/// The last of several keys is the first to sort by; the earlier ones decide ties.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) without keys, [`OpErrorKind::ShapeMismatch`](crate::OpErrorKind) where their
/// shapes differ.
///
/// ```
/// use elimap::numpy;
/// let order = numpy::lexsort([vec![2, 1, 3], vec![0, 1, 0]], -1)?;
/// assert_eq!(order.to_vec::<i64>()?, [0, 2, 1]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn lexsort<T: Into<Tensor>>(
    keys: impl IntoIterator<Item = T>,
    axis: isize,
) -> Result<Tensor, Error> {
    let keys: Vec<Tensor> = keys.into_iter().map(Into::into).collect();
    let Some(first) = keys.first() else {
        return Err(refuse("lexsort", "needs a key to sort by"));
    };
    let axis = axis_of("lexsort", axis, first.rank())?;
    let mut all: Vec<Tensor> = keys.iter().rev().cloned().collect();
    all.push(crate::tensor::iota(DType::I64, first.shape(), axis));
    let keys = all.len() - 1;
    let refs: Vec<&Tensor> = all.iter().collect();
    let sorted = crate::tensor::sort_by_keys(&refs, axis as isize, keys)?;
    sorted
        .into_iter()
        .next_back()
        .map_or_else(|| Err(refuse("lexsort", "nothing to sort")), Tensor::check)
}

compositions! {
    numpy;
    /// Sorted along an axis from the greatest down; NaN first. Ties keep their order.
    [sort_descending(vec![1, 3, 2], 0) => i32 [3, 2, 1]]
    fn sort_descending(x; axis: isize) { Ok(x.flip(axis).sort(axis).flip(axis)) }
    /// The positions that sort along an axis from the greatest down; ties keep their order.
    [argsort_descending(vec![1, 3, 3], 0) => i64 [1, 2, 0]]
    fn argsort_descending(x; axis: isize) {
        let n = x.shape()[axis_of("argsort", axis, x.rank())?] as i64;
        Ok(n - 1 - x.flip(axis).argsort(axis).flip(axis))
    }
    /// Along an axis the `kth` element in its sorted place, smaller ones before and greater ones after.
    [partition(vec![3, 1, 2], 1, 0) => i32 [1, 2, 3]]
    fn partition(x; kth: isize, axis: isize) {
        let n = x.shape()[axis_of("partition", axis, x.rank())?];
        axis_of("partition", kth, n)?;
        // A full sort is a partition at every place.
        Ok(x.sort(axis))
    }
    /// The positions that [`partition`] along an axis.
    [argpartition(vec![3, 1, 2], 1, 0) => i64 [1, 2, 0]]
    fn argpartition(x; kth: isize, axis: isize) {
        let n = x.shape()[axis_of("argpartition", axis, x.rank())?];
        axis_of("argpartition", kth, n)?;
        Ok(x.argsort(axis))
    }
}
