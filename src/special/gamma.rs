//! The gamma function and the incomplete ones.

use std::f64::consts::PI;

use super::{by_partials, epsilon, float, together};
use crate::array::DType;
use crate::error::Error;
use crate::numpy::inexact;
use crate::tensor::{Tensor, arange, compositions, where_, while_loop};

compositions! {
    special;
    /// The logarithm of the absolute gamma function.
    [gammaln(vec![1.0, 2.0]) => f64 [0.0, 0.0]]
    fn gammaln(x;) { Ok(float(&x).lgamma()) }
    /// The sign of the gamma function; NaN at its poles below zero.
    [gammasgn(vec![2.0, -0.5]) => f64 [1.0, -1.0]]
    fn gammasgn(x;) {
        let x = float(&x);
        let floor = x.floor();
        let odd = (&floor - (&floor / 2.0).floor() * 2.0).not_equal(0.0);
        let below = where_(floor.equal(&x), f64::NAN, where_(odd, -1.0, 1.0));
        let sign = where_(x.greater(0.0), 1.0, where_(x.equal(0.0), crate::numpy::copysign(1.0, &x), below));
        Ok(sign.astype(x.dtype()))
    }
    /// The gamma function.
    [gamma(vec![1.0, 2.0]) => f64 [1.0, 1.0]]
    fn gamma(x;) {
        let x = float(&x);
        Ok(gammasgn(&x) * x.lgamma().exp())
    }
    /// `n!`, also between whole numbers; 0 below zero.
    [factorial(vec![0_i64, -1]) => f64 [1.0, 0.0]]
    fn factorial(n;) {
        let n = float(&n);
        Ok(where_(n.less(0.0), 0.0, (&n + 1.0).lgamma().exp()))
    }
    /// The logarithm of the beta function's absolute value, as JAX computes it.
    ///
    /// Where an argument is 8 or more that is a series good for large arguments; near 8 it is wrong by about 1e-6, and so are
    /// [`beta`] and the densities of the beta distributions. `lgamma(a) + lgamma(b) - lgamma(a + b)` has full accuracy there.
    [betaln(vec![1.0], vec![1.0]) => f64 [0.0]]
    fn betaln(a, b;) {
        let [a, b] = inexact([&a, &b]);
        let (a, b) = (a.minimum(&b), a.maximum(&b));
        let small = a.lgamma() + (b.lgamma() - (&a + &b).lgamma());
        let large = a.lgamma() + log_ratio(&a, &b);
        Ok(where_(b.less(8.0), small, large))
    }
    /// The beta function.
    [beta(vec![1.0], vec![1.0]) => f64 [1.0]]
    fn beta(a, b;) {
        let [a, b] = inexact([&a, &b]);
        Ok(gammasgn(&a) * gammasgn(&b) * gammasgn(&a + &b) * betaln(&a, &b).exp())
    }
    /// The number of ways to choose `k` of `n`, also between whole numbers.
    [comb(vec![4.0], 2.0).round() => f64 [6.0]]
    fn comb(n, k;) {
        let [n, k] = inexact([&n, &k]);
        let log = (&n + 1.0).lgamma() - (&k + 1.0).lgamma() - (&n - &k + 1.0).lgamma();
        let outside = k.less(0.0) | n.less(0.0) | k.greater(&n);
        Ok(where_(outside, 0.0, log.exp()))
    }
    /// The rising factorial `gamma(z + m) / gamma(z)`.
    [poch(vec![1.0], 0.0) => f64 [1.0]]
    fn poch(z, m;) {
        let [z, m] = inexact([&z, &m]);
        let ratio = gamma(&z + &m) / gamma(&z);
        Ok(where_(m.equal(0.0), 1.0, ratio))
    }
    /// The derivative of [`gammaln`].
    [digamma(vec![f64::INFINITY]) => f64 [f64::INFINITY]]
    fn digamma(x;) { Ok(float(&x).digamma()) }
    /// The logarithm of the multivariate gamma function of dimension `d`.
    [multigammaln(vec![1.0], 1) => f64 [0.0]]
    fn multigammaln(a; d: usize) {
        let a = float(&a);
        let constant = d as f64 * (d as f64 - 1.0) / 4.0 * PI.ln();
        let half = arange(d).astype(a.dtype()) / 2.0;
        Ok((a.expand_dims(-1) - half).lgamma().sum(-1) + constant)
    }
    /// The regularized lower incomplete gamma function.
    [gammainc(vec![1.0], vec![0.0]) => f64 [0.0]]
    fn gammainc(a, x;) {
        let lower = |[a, x]: &[Tensor; 2]| Ok(incomplete(a, x)?.0);
        by_partials("gammainc", together([&a, &x])?, lower, |[a, x]| {
            Ok([gammainc_grad_a(a, x), density(a, x)])
        })
    }
    /// The derivative of [`gammainc`] with respect to `a` (JAX's `lax.igamma_grad_a`).
    [gammainc_grad_a(vec![1.0], vec![0.0]) => f64 [0.0]]
    fn gammainc_grad_a(a, x;) {
        let [a, x] = together([&a, &x])?;
        if a.dtype().is_half() {
            let wide = [&a, &x].map(|x| x.astype(DType::F32));
            return Ok(gammainc_grad_a(&wide[0], &wide[1]).astype(a.dtype()));
        }
        let (bad, ends) = outside(&a, &x);
        let [sum, weighted] = sums(&where_(&bad | &ends, 1.0, &a), &where_(&bad | &ends, 1.0, &x), &!(&bad | &ends))?;
        let (a, x) = (where_(&bad | &ends, 1.0, &a), where_(&bad | &ends, 1.0, &x));
        let front = (&a * x.ln() - &x - (&a + 1.0).lgamma()).exp();
        let value = front * (sum * (x.ln() - (&a + 1.0).digamma()) - weighted);
        Ok(where_(bad, f64::NAN, where_(ends, 0.0, value)))
    }
    /// How a number `x` drawn from the gamma distribution of shape `a` changes with `a`, its quantile staying the same
    /// (JAX's `lax.random_gamma_grad`).
    [gamma_sample_grad(vec![1.0], vec![0.0]) => f64 [0.0]]
    fn gamma_sample_grad(a, x;) {
        let [a, x] = together([&a, &x])?;
        if a.dtype().is_half() {
            let wide = [&a, &x].map(|x| x.astype(DType::F32));
            return Ok(gamma_sample_grad(&wide[0], &wide[1]).astype(a.dtype()));
        }
        let (bad, ends) = outside(&a, &x);
        let (a, inner) = (where_(&bad | &ends, 1.0, &a), where_(&bad | &ends, 1.0, &x));
        let [sum, weighted] = sums(&a, &inner, &!(&bad | &ends))?;
        // The derivative of the distribution function over the density, whose powers cancel.
        let value = (&inner / &a) * (weighted - sum * (inner.ln() - (&a + 1.0).digamma()));
        Ok(where_(bad, f64::NAN, where_(ends, 0.0, value)))
    }
    /// The regularized upper incomplete gamma function.
    [gammaincc(vec![1.0], vec![0.0]) => f64 [1.0]]
    fn gammaincc(a, x;) {
        let upper = |[a, x]: &[Tensor; 2]| Ok(incomplete(a, x)?.1);
        by_partials("gammaincc", together([&a, &x])?, upper, |[a, x]| {
            Ok([-gammainc_grad_a(a, x), -density(a, x)])
        })
    }
}

/// `lgamma(b) - lgamma(a + b)` for `a` up to `b` by the series of Didonato and Morris (1992), with JAX's constants and its reading
/// of them.
fn log_ratio(a: &Tensor, b: &Tensor) -> Tensor {
    const SERIES: [f64; 6] = [
        0.833333333333333e-01,
        -0.277777777760991e-02,
        0.793650666825390e-03,
        -0.595202931351870e-03,
        0.837308034031215e-03,
        -0.165322962780713e-02,
    ];
    let ratio = a / b;
    // The original has 1 / (1 + ratio) in `x`.
    let c = &ratio / (&ratio + 1.0);
    let x = &c;
    let square = x.square();
    let t = (1.0_f64 / b).square();
    // 1 + x + .. + x^(2 k), from the last to the first.
    let mut sums = vec![1.0 + (x + &square)];
    for _ in 1..5 {
        let next = 1.0 + (x + &square * &sums[sums.len() - 1]);
        sums.push(next);
    }
    let mut w = &sums[4] * SERIES[5];
    for k in (1..5).rev() {
        w = w * &t + &sums[k - 1] * SERIES[k];
    }
    let w = (w * t + SERIES[0]) * (c / b);
    let u = (b + (a - 0.5)) * ratio.log1p();
    let v = a * (b.ln() - 1.0);
    where_(u.less_equal(&v), (&w - &v) - &u, (&w - &u) - &v)
}

/// The density of the gamma distribution of shape `a`.
fn density(a: &Tensor, x: &Tensor) -> Tensor {
    (-x + (a - 1.0) * x.ln() - a.lgamma()).exp()
}

/// Where the incomplete gamma functions mean nothing, and where `x` is 0 or infinite.
fn outside(a: &Tensor, x: &Tensor) -> (Tensor, Tensor) {
    let bad = a.less_equal(0.0) | x.less(0.0) | a.not_equal(a) | x.not_equal(x);
    (bad, x.equal(0.0) | x.equal(f64::INFINITY))
}

/// The terms of the power series of the lower incomplete gamma function, summed by themselves and each times the sum of
/// `1 / (a + k)` up to its place, which is what a derivative by `a` takes from it.
fn sums(a: &Tensor, x: &Tensor, active: &Tensor) -> Result<[Tensor; 2], Error> {
    type State = ([Tensor; 3], [Tensor; 2], Tensor);
    let (zero, one) = (crate::tensor::zeros_like(a), crate::tensor::ones_like(a));
    let eps = epsilon(x);
    let (_, sums, _): State = while_loop(
        |(.., active): State| active.any(..),
        |([k, term, inverses], [sum, weighted], active): State| {
            let k = k + 1.0;
            let term = term * x / (a + &k);
            let inverses = inverses + 1.0 / (a + &k);
            let sum = where_(&active, &sum + &term, sum);
            let weighted = where_(&active, &weighted + &term * &inverses, weighted);
            let small =
                (&term * &inverses).less_equal(&weighted * eps) & term.less_equal(&sum * eps);
            let active = active & !small & k.less(100_000.0);
            ([k, term, inverses], [sum, weighted], active)
        },
        ([&zero, &one, &zero], [&one, &zero], active),
    )?;
    Ok(sums)
}

/// The two regularized incomplete gamma functions, which sum to 1.
///
/// Where `x` is small the power series of the lower one, elsewhere the continued fraction of the upper one (Cephes: Moshier 1989).
fn incomplete(a: &Tensor, x: &Tensor) -> Result<(Tensor, Tensor), Error> {
    let bad = a.less_equal(0.0) | x.less(0.0) | a.not_equal(a) | x.not_equal(x);
    let (zero, endless) = (x.equal(0.0), x.equal(f64::INFINITY));
    let plain = !(&bad | &zero | &endless);
    let (safe_a, safe_x) = (where_(&plain, a, 1.0), where_(&plain, x, 1.0));
    let factor = (&safe_a * safe_x.ln() - &safe_x - safe_a.lgamma()).exp();
    let small = safe_x.less(1.0) | safe_x.less_equal(&safe_a);
    let eps = epsilon(x);
    let lower = series(&safe_a, &safe_x, &(&small & &plain), eps)? * &factor / &safe_a;
    let upper = fraction(&safe_a, &safe_x, &(!&small & &plain), eps)? * factor;
    let (p, q) = (
        where_(&small, &lower, 1.0 - &upper),
        where_(&small, 1.0 - lower, upper),
    );
    let fix = |value: Tensor, at_zero: f64, at_infinity: f64| {
        let value = where_(&zero, at_zero, where_(&endless, at_infinity, value));
        where_(&bad, f64::NAN, value)
    };
    Ok((fix(p, 0.0, 1.0), fix(q, 1.0, 0.0)))
}

/// `1 + x / (a + 1) + x^2 / ((a + 1) (a + 2)) + ..` where `active`.
fn series(a: &Tensor, x: &Tensor, active: &Tensor, eps: f64) -> Result<Tensor, Error> {
    type State = (Tensor, Tensor, Tensor, Tensor);
    let one = crate::tensor::ones_like(a);
    let (_, _, sum, _): State = while_loop(
        |(.., active): State| active.any(..),
        |(r, term, sum, active): State| {
            let r = r + 1.0;
            let next = &term * x / &r;
            let term = where_(&active, next, term);
            let sum = where_(&active, &sum + &term, sum);
            let active = active & (&term / &sum).greater(eps);
            (r, term, sum, active)
        },
        (a, &one, &one, active),
    )?;
    Ok(sum)
}

/// The continued fraction of the upper function where `active`, rescaled when its terms grow large.
fn fraction(a: &Tensor, x: &Tensor, active: &Tensor, eps: f64) -> Result<Tensor, Error> {
    const BIG: f64 = 4_503_599_627_370_496.0;
    type State = ((Tensor, Tensor, Tensor), [Tensor; 4], Tensor, Tensor);
    let y = 1.0 - a;
    let z = x + &y + 1.0;
    let (p1, q1) = (x + 1.0, &z * x);
    let start = &p1 / &q1;
    let zero = crate::tensor::zeros_like(a);
    let one = crate::tensor::ones_like(a);
    let (_, _, value, _): State = while_loop(
        |(.., active): State| active.any(..),
        |((c, y, z), [p2, q2, p1, q1], value, active): State| {
            let (c, y, z) = (c + 1.0, y + 1.0, z + 2.0);
            let yc = &y * &c;
            let (p, q) = (&p1 * &z - p2 * &yc, &q1 * &z - q2 * yc);
            let usable = q.not_equal(0.0);
            let ratio = &p / where_(&usable, &q, 1.0);
            let change = where_(&usable, ((&value - &ratio) / &ratio).abs(), 1.0);
            let value = where_(&active & usable, ratio, value);
            let shrink = where_(p.abs().greater(BIG), 1.0 / BIG, 1.0);
            let terms = [p1 * &shrink, q1 * &shrink, p * &shrink, q * shrink];
            ((c, y, z), terms, value, active & change.greater(eps))
        },
        ((&zero, &y, &z), [&one, x, &p1, &q1], &start, active),
    )?;
    Ok(value)
}
