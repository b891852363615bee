//! `x.i((.., 1.., -1, NEW_AXIS))`: indexing as numpy writes it.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};
use std::panic::Location;

use smallvec::SmallVec;

use super::shape::expand;
use super::{Caller, TakeMode, Tensor, apply1, settle};
use crate::array::Shape;
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{Slice, Squeeze};

/// What one place of an index says; made from numbers, ranges, tensors, [`NEW_AXIS`] and [`ELLIPSIS`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Index {
    /// One element: the axis disappears. Negative numbers count from the end.
    At(isize),
    /// From, to (left out) and step; bounds may be negative and are clipped, the step is not 0.
    Range(Option<isize>, Option<isize>, isize),
    /// A new axis of length 1.
    NewAxis,
    /// As many whole axes as are not named.
    Ellipsis,
    /// Elements at integers known at run time: the axis is replaced by theirs.
    Take(Tensor),
}

/// A new axis of length 1 in [`Tensor::i`], numpy's `None` and `newaxis`.
pub const NEW_AXIS: Index = Index::NewAxis;

/// As many whole axes as the index leaves out, numpy's `...`; in [`Tensor::i`], where `..` is one axis.
pub const ELLIPSIS: Index = Index::Ellipsis;

/// Every `step`-th element of a range, backwards where negative: numpy's `a:b:step`.
///
/// ```
/// use elimap::prelude::*;
/// let x = Tensor::from(vec![0, 1, 2, 3, 4]);
/// assert_eq!(x.i(elimap::strided(1.., 2)).to_vec::<i32>()?, [1, 3]);
/// assert_eq!(x.i(elimap::strided(.., -1)).to_vec::<i32>()?, [4, 3, 2, 1, 0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn strided(range: impl Into<Index>, step: isize) -> Index {
    match range.into() {
        Index::Range(from, to, _) => Index::Range(from, to, step),
        other => other,
    }
}

impl From<RangeFull> for Index {
    fn from(_: RangeFull) -> Index {
        Index::Range(None, None, 1)
    }
}
impl From<Tensor> for Index {
    fn from(positions: Tensor) -> Index {
        Index::Take(positions)
    }
}
impl From<&Tensor> for Index {
    fn from(positions: &Tensor) -> Index {
        Index::Take(positions.clone())
    }
}

/// One index, or a tuple of up to six, one for each axis from the first on.
pub trait IntoIndices {
    /// The places in order.
    fn into_indices(self) -> SmallVec<[Index; 4]>;
}

macro_rules! single {
    ($($ty:ty),*) => {$(
        impl IntoIndices for $ty {
            fn into_indices(self) -> SmallVec<[Index; 4]> {
                SmallVec::from_iter([Index::from(self)])
            }
        }
    )*};
}
single!(Index, RangeFull, Tensor, &Tensor);

// An end that is included is one before the end that is left out; -1 included is the end of the axis.
fn after(end: isize) -> Option<isize> {
    (end != -1).then(|| end.saturating_add(1))
}

macro_rules! numbers {
    ($($ty:ty),*) => {$(
        impl From<$ty> for Index {
            fn from(at: $ty) -> Index {
                Index::At(at as isize)
            }
        }
        impl From<Range<$ty>> for Index {
            fn from(range: Range<$ty>) -> Index {
                Index::Range(Some(range.start as isize), Some(range.end as isize), 1)
            }
        }
        impl From<($ty, $ty)> for Index {
            /// From and to; as a range, but what lints take `1..-1` for an empty one.
            fn from((from, to): ($ty, $ty)) -> Index {
                Index::Range(Some(from as isize), Some(to as isize), 1)
            }
        }
        impl From<RangeInclusive<$ty>> for Index {
            fn from(range: RangeInclusive<$ty>) -> Index {
                Index::Range(Some(*range.start() as isize), after(*range.end() as isize), 1)
            }
        }
        impl From<RangeFrom<$ty>> for Index {
            fn from(range: RangeFrom<$ty>) -> Index {
                Index::Range(Some(range.start as isize), None, 1)
            }
        }
        impl From<RangeTo<$ty>> for Index {
            fn from(range: RangeTo<$ty>) -> Index {
                Index::Range(None, Some(range.end as isize), 1)
            }
        }
        impl From<RangeToInclusive<$ty>> for Index {
            fn from(range: RangeToInclusive<$ty>) -> Index {
                Index::Range(None, after(range.end as isize), 1)
            }
        }
        single!($ty, Range<$ty>, RangeInclusive<$ty>, RangeFrom<$ty>, RangeTo<$ty>, RangeToInclusive<$ty>);
    )*};
}
numbers!(i32, isize, usize);

macro_rules! several {
    ($($name:ident $at:tt)*) => {
        impl<$($name: Into<Index>),*> IntoIndices for ($($name,)*) {
            fn into_indices(self) -> SmallVec<[Index; 4]> {
                SmallVec::from_iter([$(self.$at.into()),*])
            }
        }
    };
}
several!(A 0);
several!(A 0 B 1);
several!(A 0 B 1 C 2);
several!(A 0 B 1 C 2 D 3);
several!(A 0 B 1 C 2 D 3 E 4);
several!(A 0 B 1 C 2 D 3 E 4 F 5);
impl IntoIndices for Vec<Index> {
    fn into_indices(self) -> SmallVec<[Index; 4]> {
        self.into()
    }
}

impl Tensor {
    /// Parts of a tensor, indexed as numpy and JAX index: `x.i((.., 1.., -1, NEW_AXIS))` is `x[:, 1:, -1, None]`.
    ///
    /// Each place is a number (the axis disappears), a range, `..` for a whole axis, [`ELLIPSIS`], [`NEW_AXIS`], a range
    /// [`strided`], or a tensor of integers (negative ones count from the end; outside the bounds it reads NaN, as
    /// [`Tensor::take`] does). Negative numbers and bounds count from the end; bounds are clipped, and a number
    /// outside reads the nearest element, as in JAX.
    ///
    /// Clippy takes `1..-1` for an empty range; write `(1, -1)` in a place for it.
    ///
    /// Poisoned ([`OpErrorKind::InvalidParameter`]) for more places than axes, two ellipses, a step of 0, or several tensors, which numpy
    /// would broadcast together.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = arange(24).reshape([2, 3, 4]);
    /// assert_eq!(x.i((1, .., -1)).to_vec::<i64>()?, [15, 19, 23]);
    /// assert_eq!(x.i((.., ..-1, 1..3)).shape(), [2, 2, 2]);
    /// assert_eq!(x.i((0, 0, (1, -1))).to_vec::<i64>()?, [1, 2]);
    /// assert_eq!(x.i((ELLIPSIS, 0, NEW_AXIS)).shape(), [2, 3, 1]);
    /// assert_eq!(x.i((0, 0, 2..100)).to_vec::<i64>()?, [2, 3]);
    /// let picked = x.i((0, Tensor::from(vec![2, 0]), 0));
    /// assert_eq!(picked.to_vec::<i64>()?, [8, 0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn i(&self, index: impl IntoIndices) -> Tensor {
        settle(indexed(self, index.into_indices(), Location::caller()))
    }

    /// The sub-tensor at one index of axis 0: `x[index]`. As [`Tensor::index`], negative indices count from the end.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = arange(6).reshape([2, 3]);
    /// assert_eq!(x.get(-1).to_vec::<i64>()?, [3, 4, 5]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn get(&self, index: isize) -> Tensor {
        self.index(0, index)
    }

    /// A row of a matrix, or of each matrix of a stack.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = arange(6).reshape([2, 3]);
    /// assert_eq!(x.row(1).to_vec::<i64>()?, [3, 4, 5]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn row(&self, index: isize) -> Tensor {
        self.index(-2, index)
    }
}

fn refuse(detail: String, location: Caller) -> Error {
    OpError::at("index", OpErrorKind::parameter(detail), location).into()
}

fn indexed(x: &Tensor, mut index: SmallVec<[Index; 4]>, location: Caller) -> Result<Tensor, Error> {
    let x = x.clone().check()?;
    let count =
        |what: fn(&Index) -> bool, index: &[Index]| index.iter().filter(|i| what(i)).count();
    let named = count(|i| !matches!(i, Index::NewAxis | Index::Ellipsis), &index);
    if named > x.rank() {
        let detail = format!(
            "{named} places for a tensor of type {}; name as many axes as there are, at most",
            x.ty()
        );
        return Err(refuse(detail, location));
    }
    if count(|i| matches!(i, Index::Ellipsis), &index) > 1
        || count(|i| matches!(i, Index::Take(_)), &index) > 1
    {
        let detail = "takes one ELLIPSIS and one tensor of indices; index twice, or use gather";
        return Err(refuse(detail.to_owned(), location));
    }
    let whole = std::iter::repeat_n(Index::Range(None, None, 1), x.rank() - named);
    match index.iter().position(|i| matches!(i, Index::Ellipsis)) {
        Some(at) => {
            index.remove(at);
            index.insert_many(at, whole);
        }
        None => index.extend(whole),
    }
    // One slice for all static bounds, backwards ones from their other end; then what it does not say.
    let (mut start, mut limit, mut strides) = (Shape::new(), Shape::new(), Shape::new());
    let (mut reversed, mut dropped, mut new_axes) = (Vec::new(), Shape::new(), Shape::new());
    let mut taken = None;
    let mut kept = 0;
    let axes = index.iter().filter(|i| !matches!(i, Index::NewAxis));
    for (axis, place) in axes.enumerate() {
        let n = x.shape()[axis];
        let (from, to, step) = match place {
            Index::At(_) if n == 0 => {
                let detail = format!(
                    "axis {axis} of {} is empty; it has no element to read",
                    x.ty()
                );
                return Err(refuse(detail, location));
            }
            Index::At(i) => {
                let wrapped = if *i < 0 {
                    i.saturating_add_unsigned(n)
                } else {
                    *i
                };
                let i = wrapped.clamp(0, n as isize - 1) as usize;
                dropped.push(axis);
                (i, i + 1, 1)
            }
            Index::Range(_, _, 0) => {
                return Err(refuse(
                    "a step of 0 goes nowhere; give 1 or -1".to_owned(),
                    location,
                ));
            }
            Index::Range(from, to, step) => {
                let (from, to, step) = bounds(*from, *to, *step, n);
                if step < 0 {
                    reversed.push(axis as isize);
                }
                (from, to, step.unsigned_abs())
            }
            Index::Take(_) | Index::NewAxis | Index::Ellipsis => (0, n, 1),
        };
        start.push(from);
        limit.push(to);
        strides.push(step);
    }
    let mut out = x.clone();
    let trivial = start.iter().all(|&s| s == 0) && strides.iter().all(|&s| s == 1);
    if !trivial || limit[..] != *x.shape() {
        let op = Slice {
            start,
            limit,
            strides,
        };
        out = apply1(op, &[&out], location);
    }
    if !reversed.is_empty() {
        out = out.rev(reversed);
    }
    if !dropped.is_empty() {
        out = apply1(Squeeze { dims: dropped }, &[&out], location);
    }
    // Where the axes that are left and the new ones stand in the result.
    for place in &index {
        match place {
            Index::At(_) | Index::Ellipsis => {}
            Index::NewAxis => {
                new_axes.push(kept);
                kept += 1;
            }
            Index::Range(..) => kept += 1,
            Index::Take(positions) => {
                taken = Some((kept - new_axes.len(), positions));
                kept += 1;
            }
        }
    }
    if let Some((axis, positions)) = taken {
        let before = out.rank();
        out = out.take(positions, axis as isize, TakeMode::Fill).check()?;
        let grown = out.rank() as isize - before as isize;
        let behind = |d: &usize| *d > axis;
        for d in new_axes.iter_mut().filter(|d| behind(d)) {
            *d = d.saturating_add_signed(grown);
        }
    }
    if !new_axes.is_empty() {
        out = expand(&out, &new_axes, location);
    }
    out.check()
}

/// Bounds and step of a slice of an axis of length `n` as Python has them; for a backward one, of the same elements
/// forwards.
fn bounds(from: Option<isize>, to: Option<isize>, step: isize, n: usize) -> (usize, usize, isize) {
    let len = n as isize;
    let place = |bound: isize, low: isize, high: isize| {
        let bound = if bound < 0 {
            bound.saturating_add(len)
        } else {
            bound
        };
        bound.clamp(low, high)
    };
    if step > 0 {
        let from = place(from.unwrap_or(0), 0, len);
        let to = to.map_or(len, |to| place(to, 0, len)).max(from);
        return (from as usize, to as usize, step);
    }
    // Elements from, from + step, .. above `to`: the last of them is the first forwards.
    let from = from.map_or(len - 1, |from| place(from, -1, len - 1));
    let to = to.map_or(-1, |to| place(to, -1, len - 1));
    if from <= to {
        return (0, 0, step);
    }
    let last = from - (from - to - 1) / step.abs() * step.abs();
    (last as usize, from as usize + 1, step)
}
