//! Vectors as sets. Sizes that depend on values are given beforehand in traced functions, as in JAX.

use super::indices::nonzero_positions;
use super::{flat, isin, isnan};
use crate::array::DType;
use crate::error::Error;
use crate::tensor::{TakeMode, Tensor, concatenate, where_};

/// What [`unique`] finds.
#[derive(Clone, Debug)]
pub struct Unique {
    /// The elements, each once, ascending.
    pub values: Tensor,
    /// Where each stands first.
    pub index: Tensor,
    /// Which of `values` each element is, in the shape of what was given.
    pub inverse: Tensor,
    /// How often each occurs; 0 for those that fill up.
    pub counts: Tensor,
}

/// Each element once, ascending; NaN count as equal.
///
/// `size` of them, `fill` after the last one (the smallest element where not given); without a size as many as needed, which a traced function
/// cannot have.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) without a size in a traced function.
///
/// ```
/// use elimap::numpy;
/// let found = numpy::unique(vec![3, 1, 3], None, None)?;
/// assert_eq!(found.values.to_vec::<i32>()?, [1, 3]);
/// assert_eq!(found.counts.to_vec::<i64>()?, [1, 2]);
/// assert_eq!(found.inverse.to_vec::<i64>()?, [1, 0, 1]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn unique(
    x: impl Into<Tensor>,
    size: impl Into<Option<usize>>,
    fill: Option<Tensor>,
) -> Result<Unique, Error> {
    let x: Tensor = x.into();
    let all = flat(&x.clone().check()?);
    let n = all.shape()[0];
    let order = all.argsort(0);
    let sorted = all.take(&order, 0, TakeMode::Clip);
    let fresh = changes(&sorted)?;
    let at = nonzero_positions(&fresh, size.into(), n as i64)?;
    let count = at.shape()[0];
    let inside = at.less(n as i64);
    // Beyond the last one the first is read, as JAX does.
    let read = where_(&inside, &at, 0);
    let mut values = if n == 0 {
        crate::tensor::zeros(count, all.dtype())
    } else {
        sorted.take(&read, 0, TakeMode::Clip)
    };
    if let Some(fill) = fill {
        values = where_(&inside, values, fill.astype(all.dtype()));
    }
    let rank = fresh.astype(DType::I64).cumsum(0, false) - 1;
    let signed: Vec<isize> = x.shape().iter().map(|&n| n as isize).collect();
    let inverse = crate::tensor::zeros(n, DType::I64)
        .at(&order)
        .set(&rank)
        .reshape(signed);
    let index = if n == 0 {
        read.clone()
    } else {
        order.take(&read, 0, TakeMode::Clip)
    };
    let counts = crate::tensor::zeros(count, DType::I64).at(rank).add(1);
    Ok(Unique {
        values: values.check()?,
        index: index.check()?,
        inverse: inverse.check()?,
        counts: counts.check()?,
    })
}

/// Where a sorted vector's elements differ from the one before; the first always does.
fn changes(sorted: &Tensor) -> Result<Tensor, Error> {
    let n = sorted.shape()[0];
    let (ahead, behind) = (
        sorted.along(0, 1.min(n), n),
        sorted.along(0, 0, n.saturating_sub(1)),
    );
    let differ = ahead.not_equal(&behind) & !(isnan(&ahead) & isnan(&behind));
    concatenate([crate::tensor::full(1.min(n), true), differ], 0)
}

/// The chosen elements of a vector in order, with what fills up.
fn chosen(
    x: &Tensor,
    keep: &Tensor,
    size: Option<usize>,
    fill: Option<Tensor>,
    or_else: impl FnOnce() -> Tensor,
) -> Result<Tensor, Error> {
    let n = x.shape()[0] as i64;
    let at = nonzero_positions(keep, size, n)?;
    let fill = fill.map_or_else(or_else, |f| f.astype(x.dtype()));
    if n == 0 {
        return fill.broadcast_to(at.shape()).check();
    }
    where_(at.less(n), x.take(&at, 0, TakeMode::Clip), fill).check()
}

macro_rules! set_operations {
    ($($name:ident $body:expr, $doc:literal $out:expr;)*) => {$(
        #[doc = $doc]
        ///
        /// Ascending, each element once; sizes as for [`unique`].
        ///
        /// # Errors
        ///
        /// As for [`unique`].
        ///
        /// ```
        #[doc = concat!("let y = elimap::numpy::", stringify!($name), "(vec![3, 1, 2], vec![2, 3, 7], None, None)?;")]
        #[doc = concat!("assert_eq!(y.to_vec::<i32>()?, ", stringify!($out), ");")]
        /// # Ok::<(), elimap::Error>(())
        /// ```
        #[track_caller]
        pub fn $name(
            x: impl Into<Tensor>,
            y: impl Into<Tensor>,
            size: impl Into<Option<usize>>,
            fill: Option<Tensor>,
        ) -> Result<Tensor, Error> {
            let run: fn(Tensor, Tensor, Option<usize>, Option<Tensor>) -> Result<Tensor, Error> = $body;
            let (x, y) = (flat(&x.into()).check()?, flat(&y.into()).check()?);
            run(x, y, size.into(), fill)
        }
    )*};
}
set_operations! {
    union1d |x, y, size, fill| Ok(unique(concatenate([x, y], 0)?, size, fill)?.values),
        "The elements of either vector." [1, 2, 3, 7];
    intersect1d |x, y, size, fill| {
            let x = x.sort(0);
            let keep = changes(&x)? & isin(&x, y);
            let first = x.clone();
            chosen(&x, &keep, size, fill, || smallest(&first))
        },
        "The elements of both vectors." [2, 3];
    setdiff1d |x, y, size, fill| {
            let x = x.sort(0);
            let keep = changes(&x)? & !isin(&x, y);
            chosen(&x, &keep, size, fill, || Tensor::from(0).astype(x.dtype()))
        },
        "The elements of the first vector that are not in the second." [1];
    setxor1d |x, y, size, fill| {
            let all = concatenate([&x, &y], 0)?.sort(0);
            let keep = changes(&all)? & isin(&all, &x).not_equal(isin(&all, &y));
            let first = all.clone();
            chosen(&all, &keep, size, fill, || smallest(&first))
        },
        "The elements of one of the vectors alone." [1, 7];
}

/// The first element of a sorted vector, or 0.
fn smallest(sorted: &Tensor) -> Tensor {
    if sorted.shape()[0] == 0 {
        Tensor::from(0).astype(sorted.dtype())
    } else {
        sorted.index(0, 0)
    }
}
