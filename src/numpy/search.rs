//! Places in sorted tensors, and counts by intervals.

use super::{flat, isnan, refuse};
use crate::array::{DType, promote_all, to_inexact};
use crate::error::Error;
use crate::tensor::{Tensor, compositions, convert, where_};

compositions! {
    numpy;
    /// Where each of `v` would stand in a sorted vector: before equal elements, or behind them where `right`. NaN stand
    /// last.
    [searchsorted(vec![1, 2, 2, 3], vec![2, 4], false) => i32 [1, 4]]
    fn searchsorted(sorted, v; right: bool) {
        if sorted.rank() != 1 {
            return Err(refuse("searchsorted", format!("the sorted elements are a vector, got {}", sorted.ty())));
        }
        let to = (promote_all([sorted.ty(), v.ty()]).0, false);
        let here = std::panic::Location::caller();
        let (sorted, v) = (convert(&sorted, to, here), convert(&v, to, here));
        // Counted: how many stand before it. NaN are greater than all numbers and equal each other.
        let values = v.expand_dims(-1);
        let before = if right { sorted.less_equal(&values) } else { sorted.less(&values) };
        let (lost, found) = (isnan(&values), isnan(&sorted));
        let before = match right {
            true => before | lost,
            false => before | (lost & !found),
        };
        // The type that counts them, as JAX chooses it.
        let dtype = if sorted.shape()[0] < i32::MAX as usize { DType::I32 } else { DType::I64 };
        Ok(before.astype(DType::I64).sum(-1).astype(dtype))
    }
    /// The interval of each element between ascending or descending `bins`: 0 before the first, as many as bins behind the last;
    /// a bin's own value counts as inside the next interval, or with `right` as inside the one before.
    [digitize(vec![0.5, 1.0, 7.0], vec![1.0, 2.0], false) => i32 [0, 1, 2]]
    fn digitize(x, bins; right: bool) {
        if bins.rank() != 1 {
            return Err(refuse("digitize", format!("the bins are a vector, got {}", bins.ty())));
        }
        let n = bins.shape()[0] as i64;
        if n == 0 {
            return Ok(crate::tensor::zeros(x.shape(), DType::I32));
        }
        let up = searchsorted(&bins, &x, !right);
        let down = n - searchsorted(bins.flip(0), &x, right);
        Ok(where_(bins.index(0, -1).greater_equal(bins.index(0, 0)), up, down))
    }
    /// The edges of `bins` intervals of one width that cover all elements, or `range`.
    [histogram_bin_edges(vec![0.0, 4.0], 2, None) => f64 [0.0, 2.0, 4.0]]
    fn histogram_bin_edges(x; bins: usize, range: Option<(f64, f64)>) {
        let here = std::panic::Location::caller();
        let x = crate::tensor::floats(&flat(&x), here);
        let (low, high) = match range {
            Some((low, high)) => (Tensor::from(low), Tensor::from(high)),
            None if x.shape()[0] == 0 => (Tensor::from(0.0), Tensor::from(1.0)),
            None => (x.min(..), x.max(..)),
        };
        let single = high.equal(&low);
        let low = where_(&single, &low - 0.5, &low).astype(x.dtype());
        let high = where_(single, &high + 0.5, &high).astype(x.dtype());
        Ok(crate::tensor::linspace(low, high, bins + 1))
    }
}

/// What an element counts for.
fn weights_of(x: &Tensor, weights: Option<Tensor>) -> Tensor {
    let ones = || crate::tensor::ones(x.ty().size(), x.dtype());
    weights.map_or_else(ones, |w| flat(&w))
}

/// The interval of each element among ascending edges; the last one includes its upper edge. Outside: as many as there are.
fn bin_of(x: &Tensor, edges: &Tensor) -> Tensor {
    let last = edges.shape()[0] as i64 - 1;
    let at = searchsorted(edges, x, true) - 1;
    let at = where_(x.equal(edges.index(0, -1)), last - 1, at);
    where_(at.less(0) | isnan(x), last, at)
}

/// How many elements, or how much weight, lies between neighbouring `edges`; with `density` the integral is 1.
///
/// The edges are those of [`histogram_bin_edges`], or any ascending ones. Counts are floats, as JAX's are.
///
/// ```
/// use elimap::numpy;
/// let x = vec![0.5, 1.5, 1.7, 2.0];
/// let edges = numpy::histogram_bin_edges(x.clone(), 2, Some((0.0, 2.0)));
/// assert_eq!(numpy::histogram(x, &edges, None, false).to_vec::<f64>()?, [1.0, 3.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn histogram(
    x: impl Into<Tensor>,
    edges: &Tensor,
    weights: Option<Tensor>,
    density: bool,
) -> Tensor {
    let (x, here) = (x.into(), std::panic::Location::caller());
    crate::tensor::composed(here, || {
        let x = crate::tensor::floats(&flat(&x), here);
        let edges = edges.astype(x.dtype());
        let weights = weights_of(&x, weights);
        let places = edges.shape()[0].saturating_sub(1);
        let counts = crate::tensor::zeros(places, weights.dtype())
            .at(bin_of(&x, &edges))
            .add(weights);
        if !density {
            return Ok(counts);
        }
        let widths = super::diff(&edges, 1, 0);
        let counts = counts.astype(widths.dtype());
        Ok(&counts / widths / counts.sum(..))
    })
}

/// How many points, or how much weight, lies in each cell of a grid; with `density` the integral is 1.
///
/// ```
/// use elimap::{numpy, prelude::*};
/// let edges = Tensor::from(vec![0.0, 1.0, 2.0]);
/// let counts = numpy::histogram2d(vec![0.5, 1.5], vec![1.5, 1.5], [&edges, &edges], None, false);
/// assert_eq!(counts.to_vec::<i64>()?, [0, 1, 0, 1]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn histogram2d(
    x: impl Into<Tensor>,
    y: impl Into<Tensor>,
    edges: [&Tensor; 2],
    weights: Option<Tensor>,
    density: bool,
) -> Tensor {
    let (x, y, here): (Tensor, Tensor, _) = (x.into(), y.into(), std::panic::Location::caller());
    crate::tensor::composed(here, || -> Result<Tensor, Error> {
        // Points and weights meet in one floating type; points without weights are counted in integers, as in JAX.
        let types = [x.ty(), y.ty()].into_iter();
        let types = types.chain(weights.as_ref().map(Tensor::ty));
        let to = (to_inexact(promote_all(types)).0, false);
        let wide = |x: &Tensor| convert(&flat(x), to, here);
        let (x, y) = (wide(&x), wide(&y));
        let weights = match weights {
            Some(weights) => wide(&weights),
            None => crate::tensor::ones(x.ty().size(), DType::I64),
        };
        let [n, m] = edges.map(|e| e.shape()[0].saturating_sub(1));
        let (i, j) = (
            bin_of(&x, &edges[0].astype(x.dtype())),
            bin_of(&y, &edges[1].astype(y.dtype())),
        );
        let inside = i.less(n as i64) & j.less(m as i64);
        let at = where_(inside, i * m as i64 + j, (n * m) as i64);
        let counts = crate::tensor::zeros(n * m, weights.dtype())
            .at(at)
            .add(weights)
            .reshape([n as isize, m as isize]);
        if !density {
            return Ok(counts);
        }
        let counts = counts.astype(x.dtype());
        let area = super::diff(edges[0], 1, 0).expand_dims(1) * super::diff(edges[1], 1, 0);
        Ok(&counts / area.astype(x.dtype()) / counts.sum(..))
    })
}

/// Whether each element of `x` is among `of`.
///
/// ```
/// use elimap::numpy;
/// assert_eq!(numpy::isin(vec![1, 2, 3], vec![3, 1]).to_vec::<bool>()?, [true, false, true]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn isin(x: impl Into<Tensor>, of: impl Into<Tensor>) -> Tensor {
    let (x, of): (Tensor, Tensor) = (x.into(), of.into());
    crate::tensor::composed(std::panic::Location::caller(), || {
        Ok(x.expand_dims(-1).equal(flat(&of)).any(-1))
    })
}
