//! Statistics of samples that `numpy` does not have.

use crate::array::DType;
use crate::special::float;
use crate::tensor::{AxisList, TakeMode, Tensor, compositions};

/// What elements that tie are ranked as by [`rankdata_by`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RankMethod {
    /// The mean of the ranks they share.
    #[default]
    Average,
    /// The lowest of them.
    Min,
    /// The highest of them.
    Max,
    /// The next whole number after the next smaller elements' rank.
    Dense,
    /// Different ranks in the order in which they stand.
    Ordinal,
}

compositions! {
    stats;
    /// The standard error of the mean over axes: the standard deviation over `n - ddof`, by the root of `n`.
    [sem(vec![1.0, 5.0], .., 0).square().round() => f64 [2.0]]
    fn sem(x; axes: impl AxisList, ddof: usize) {
        let x = float(&x);
        let axes = axes.axes(x.rank()).to_vec();
        let n: usize = axes.iter().map(|&a| x.shape()[if a < 0 { a + x.rank() as isize } else { a } as usize]).product();
        Ok(x.std(axes, ddof) / (n as f64).sqrt())
    }
    /// The ranks of elements along the last axis, ties sharing their mean rank.
    [rankdata(vec![3.0, 1.0, 3.0]) => f64 [2.5, 1.0, 2.5]]
    fn rankdata(x;) {
        let rows = x.expand_dims(-1);
        let others = x.expand_dims(-2);
        let below = others.less(&rows).astype(DType::F64).sum(-1);
        let equal = others.equal(&rows).astype(DType::F64).sum(-1);
        Ok(below + (equal + 1.0) / 2.0)
    }
    /// The ranks of elements along the last axis, ties by a method.
    [rankdata_by(vec![3.0, 1.0, 3.0], stats::RankMethod::Dense) => f64 [2.0, 1.0, 2.0]]
    fn rankdata_by(x; method: RankMethod) {
        let rows = x.expand_dims(-1);
        let others = x.expand_dims(-2);
        let count = |which: Tensor| which.astype(DType::I64).sum(-1);
        let below = || count(others.less(&rows));
        let ranks = match method {
            RankMethod::Average => rankdata(&x),
            RankMethod::Min => below() + 1,
            RankMethod::Max => count(others.less_equal(&rows)),
            RankMethod::Dense => {
                let equal = others.equal(&rows).astype(DType::I64);
                let first = equal.tril(-1).sum(-1).equal(0);
                count(others.less_equal(&rows) & first.expand_dims(-2))
            }
            RankMethod::Ordinal => x.argsort(-1).argsort(-1) + 1,
        };
        Ok(ranks.astype(DType::F64))
    }
}

/// The most frequent element along an axis, the smallest of several, and how often it occurs.
///
/// ```
/// use elimap::stats;
/// let (value, count) = stats::mode(vec![3, 1, 3, 2], 0);
/// assert_eq!((value.item::<i32>()?, count.item::<i64>()?), (3, 2));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn mode(x: impl Into<Tensor>, axis: isize) -> (Tensor, Tensor) {
    let sorted = x.into().moveaxis(axis, -1).sort(-1);
    let equal = sorted.expand_dims(-1).equal(sorted.expand_dims(-2));
    let counts = equal.astype(DType::I64).sum(-1);
    let at = counts.argmax(-1).expand_dims(-1);
    let read = |x: &Tensor| x.take_along_axis(&at, -1, TakeMode::Clip).squeeze(-1);
    (read(&sorted), read(&counts))
}
