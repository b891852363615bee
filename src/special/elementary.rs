//! Logarithms, entropies and inverses of simple functions.

use super::float;
use crate::numpy::inexact;
use crate::tensor::{AxisList, Tensor, compositions, where_};

compositions! {
    special;
    /// `x log(y)`, which is 0 where `x` is.
    [xlogy(vec![0.0, 2.0], vec![0.0, 1.0]) => f64 [0.0, 0.0]]
    fn xlogy(x, y;) {
        let [x, y] = inexact([&x, &y]);
        let zero = x.equal(0.0);
        Ok(where_(&zero, &x * 0.0 * where_(&zero, 1.0, &y), &x * where_(&zero, 1.0, &y).ln()))
    }
    /// `x log(1 + y)`, which is 0 where `x` is.
    [xlog1py(vec![0.0, 2.0], vec![-1.0, 0.0]) => f64 [0.0, 0.0]]
    fn xlog1py(x, y;) {
        let [x, y] = inexact([&x, &y]);
        let zero = x.equal(0.0);
        Ok(where_(&zero, &x * 0.0 * where_(&zero, 1.0, &y), &x * where_(&zero, 0.0, &y).log1p()))
    }
    /// `-x log(x)`, 0 at 0 and -inf below.
    [entr(vec![0.0, 1.0]) => f64 [0.0, 0.0]]
    fn entr(x;) {
        let x = float(&x);
        Ok(where_(x.less(0.0), f64::NEG_INFINITY, -xlogy(&x, &x)))
    }
    /// `x log(x / y) - x + y`, a divergence; inf outside of its domain.
    [kl_div(vec![1.0], vec![1.0]) => f64 [0.0]]
    fn kl_div(x, y;) {
        let [x, y] = inexact([&x, &y]);
        Ok(rel_entr(&x, &y) - x + y)
    }
    /// `x log(x / y)`, 0 for `x = 0`; inf outside of its domain.
    [rel_entr(vec![0.0, 1.0], vec![1.0, 1.0]) => f64 [0.0, 0.0]]
    fn rel_entr(x, y;) {
        let [x, y] = inexact([&x, &y]);
        let both = x.greater(0.0) & y.greater(0.0);
        let zero = x.equal(0.0) & y.greater_equal(0.0);
        let (safe_x, safe_y) = (where_(&both, &x, 1.0), where_(&both, &y, 1.0));
        // Two logarithms, so that no quotient overflows.
        let log = xlogy(&safe_x, &safe_x) - xlogy(&safe_x, safe_y);
        Ok(where_(zero, 0.0, where_(both, log, f64::INFINITY)))
    }
    /// `log(p / (1 - p))`.
    [logit(vec![0.5]) => f64 [0.0]]
    fn logit(p;) {
        let p = float(&p);
        Ok((&p / (1.0 - &p)).ln())
    }
    /// `1 / (1 + exp(-x))`.
    [expit(vec![0.0]) => f64 [0.5]]
    fn expit(x;) { Ok(x.logistic()) }
    /// The Box-Cox transformation: `(x^lmbda - 1) / lmbda`, the logarithm at 0.
    [boxcox(vec![3.0], 1.0).round() => f64 [2.0]]
    fn boxcox(x, lmbda;) {
        let [x, lmbda] = inexact([&x, &lmbda]);
        let log = x.ln();
        let zero = lmbda.equal(0.0);
        let safe = where_(&zero, 1.0, &lmbda);
        Ok(where_(zero, &log, (&safe * &log).expm1() / &safe))
    }
    /// The Box-Cox transformation of `1 + x`.
    [boxcox1p(vec![2.0], 1.0).round() => f64 [2.0]]
    fn boxcox1p(x, lmbda;) {
        let [x, lmbda] = inexact([&x, &lmbda]);
        let log = x.log1p();
        let zero = lmbda.equal(0.0);
        let safe = where_(&zero, 1.0, &lmbda);
        Ok(where_(zero, &log, (&safe * &log).expm1() / &safe))
    }
    /// `log(1 - exp(-x))` for positive `x`, accurate at both ends.
    [log1mexp(vec![f64::INFINITY]) => f64 [0.0]]
    fn log1mexp(x;) {
        let x = float(&x);
        Ok(where_(x.less(std::f64::consts::LN_2), (-(-&x).expm1()).ln(), (-(-&x).exp()).log1p()))
    }
    /// `log(sum(b exp(x)))` over axes, each term with its weight, without overflow; NaN where the sum is negative.
    [logsumexp_weighted(vec![0.0, 0.0], vec![3.0, -2.0], ..) => f64 [0.0]]
    fn logsumexp_weighted(x, b; axes: impl AxisList) {
        let [x, b] = inexact([&x, &b]);
        let axes: Vec<isize> = axes.axes(x.rank()).iter().map(|&a| if a < 0 { a + x.rank() as isize } else { a }).collect();
        // Terms without weight must not decide the scale.
        let scaled = where_(b.equal(0.0), f64::NEG_INFINITY, &x);
        let max = scaled.max(axes.clone());
        let max = where_(max.is_finite(), &max, 0.0);
        let total = (b * (scaled - max.expand_dims(axes.clone())).exp()).sum(axes);
        Ok(total.ln() + max)
    }
}

/// `log(|sum(b exp(x))|)` over axes and the sum's sign.
///
/// ```
/// use elimap::special;
/// let (log, sign) = special::logsumexp_sign(vec![0.0, 0.0], vec![1.0, -2.0], ..);
/// assert_eq!((log.item::<f64>()?, sign.item::<f64>()?), (0.0, -1.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn logsumexp_sign(
    x: impl Into<Tensor>,
    b: impl Into<Tensor>,
    axes: impl AxisList,
) -> (Tensor, Tensor) {
    let (x, b): (Tensor, Tensor) = (x.into(), b.into());
    let axes: Vec<isize> = axes.axes(x.rank()).to_vec();
    let scaled = where_(b.equal(0.0), f64::NEG_INFINITY, &x);
    let max = scaled.max(axes.clone());
    let max = where_(max.is_finite(), &max, 0.0);
    let resolved: Vec<isize> = axes
        .iter()
        .map(|&a| if a < 0 { a + x.rank() as isize } else { a })
        .collect();
    let total = (b * (scaled - max.expand_dims(resolved)).exp()).sum(axes);
    (total.abs().ln() + max, total.sign())
}
