//! Integrals of elementary functions.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use super::{by_partials, epsilon, float, ndtr, together};
use crate::array::DType;
use crate::error::Error;
use crate::tensor::{Tensor, compositions, where_, while_loop};
use crate::transform::custom_jvp;

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

compositions! {
    special;
    /// The exponential integral `E1(x)`, the integral of `exp(-t) / t` from `x` on; NaN below zero.
    [exp1(vec![0.0, f64::INFINITY]) => f64 [f64::INFINITY, 0.0]]
    fn exp1(x;) {
        let x = float(&x);
        Ok(expn(crate::tensor::ones_like(&x), &x))
    }
    /// The generalized exponential integral `En(x)`, the integral of `exp(-x t) / t^n` from 1 on; NaN below zero. It is not differentiated by
    /// `n`, which mostly is a whole number.
    [expn(vec![2.0, 3.0, 1.0], 0.0) => f64 [1.0, 0.5, f64::INFINITY]]
    fn expn(n, x;) {
        let [n, x] = together([&n, &x])?;
        let order = n.clone();
        let value = move |[x]: &[Tensor; 1]| exponential(&n, x);
        by_partials("expn", [x], value, move |[x]| Ok([-expn(&order - 1.0, x)]))
    }
    /// The exponential integral `Ei(x)`, the integral of `exp(t) / t` up to `x` in the sense of principal values.
    [expi(vec![0.0, f64::NEG_INFINITY]) => f64 [f64::NEG_INFINITY, 0.0]]
    fn expi(x;) {
        by_partials("expi", [float(&x)], principal, |[x]| Ok([x.exp() / x]))
    }
    /// Dawson's integral, `exp(-x^2)` times the integral of `exp(t^2)` from 0 to `x`.
    [dawsn(vec![0.0]) => f64 [0.0]]
    fn dawsn(x;) {
        // Rybicki's sum of Gaussians at odd multiples of h, counted from the multiple nearest to x.
        const H: f64 = 0.2;
        let x = float(&x);
        let small = x.abs().less(0.2);
        let square = where_(&small, &x, 0.0).square();
        let mut series = crate::tensor::ones_like(&x);
        for k in (1..=12).rev() {
            series = 1.0 - series * &square * (2.0 / (2.0 * f64::from(k) + 1.0));
        }
        let safe = where_(x.abs().less(1e8), &x, 1.0);
        let nearest = (&safe / (2.0 * H)).round() * 2.0;
        let rest = &safe - &nearest * H;
        let mut sum = crate::tensor::zeros_like(&x);
        for m in (-33..=33).step_by(2).map(f64::from) {
            sum = sum + (-(&rest - m * H).square()).exp() / (&nearest + m);
        }
        let value = where_(&small, &x * series, sum / PI.sqrt());
        Ok(where_(x.abs().less(1e8), value, 0.5 / &x))
    }
    /// Spence's function, the dilogarithm of `1 - x`; NaN below zero.
    [spence(vec![1.0]) => f64 [0.0]]
    fn spence(x;) {
        let x = float(&x);
        let high = x.greater(2.0);
        let safe = where_(x.greater(0.0), &x, 1.0);
        // Large arguments by their inverse, and small ones by their distance from 1.
        let inner = where_(&high, 1.0 / &safe, &safe);
        let low = inner.less(0.5);
        let value = dilogarithm(&where_(&low, 1.0 - &inner, &inner));
        let down = PI * PI / 6.0 - inner.ln() * (-where_(&low, &inner, 0.25)).log1p() - &value;
        let value = where_(low, down, value);
        let value = where_(high, safe.ln().square() * -0.5 - &value, value);
        let value = where_(x.equal(0.0), PI * PI / 6.0, value);
        Ok(where_(x.greater_equal(0.0), value, f64::NAN))
    }
    /// Owen's T function: the probability that of two independent standard normal numbers the first is greater than `h` and the second
    /// between 0 and `a` times the first. The integral is computed in `float64`, as in JAX, which is the result's type for narrower floats too.
    [owens_t(vec![1.0], vec![0.0]) => f64 [0.0]]
    fn owens_t(h, a;) {
        let [h, a] = together([&h, &a])?;
        let (height, slope) = (h.abs(), a.abs());
        let steep = slope.greater(1.0);
        // Slopes above 1 by symmetry from those below.
        let product = &height * &slope;
        let inner = flat_owens(
            &where_(&steep, &product, &height).astype(DType::F64),
            &where_(&steep, 1.0 / where_(&steep, &slope, 1.0), &slope).astype(DType::F64),
        );
        let (p, q) = (ndtr(&height), ndtr(&product));
        let turned = (&p + &q) / 2.0 - p * q - &inner;
        let value = where_(steep, turned, inner);
        Ok(where_(a.less(0.0), -&value, value))
    }
}

fn exponential(n: &Tensor, x: &Tensor) -> Result<Tensor, Error> {
    let bad = n.less(0.0) | x.less(0.0) | n.not_equal(n) | x.not_equal(x);
    let (zero, endless, simple) = (x.equal(0.0), x.equal(f64::INFINITY), n.equal(0.0));
    let plain = !(&bad | &zero | &endless | &simple);
    let (order, safe) = (where_(&plain, n, 1.0), where_(&plain, x, 1.0));
    let small = safe.less_equal(1.0);
    let series = exponential_series(&order, &where_(&small, &safe, 1.0), &(&small & &plain))?;
    let fraction = exponential_fraction(&order, &where_(&small, 2.0, &safe), &(!&small & &plain))?;
    let value = where_(&small, series, fraction);
    let value = where_(&simple & !&zero, (-x).exp() / x, value);
    let at_zero = where_(
        n.greater(1.0),
        1.0 / where_(n.greater(1.0), n - 1.0, 1.0),
        f64::INFINITY,
    );
    let value = where_(zero, at_zero, where_(endless, 0.0, value));
    Ok(where_(bad, f64::NAN, value))
}

fn principal([x]: &[Tensor; 1]) -> Result<Tensor, Error> {
    let (below, large) = (x.less(0.0), x.greater(40.0));
    let left = -exp1(where_(&below, -x, 1.0));
    let middle = where_(&below | &large | x.not_equal(x) | x.equal(0.0), 1.0, x);
    let series = middle.ln() + EULER + whole_series(&middle)?;
    let far = where_(&large, x, 41.0);
    // 1 + 1/x + 2/x^2 + 6/x^3 + .., whose smallest term is below rounding here.
    let mut sum = crate::tensor::ones_like(&far);
    for k in (1..=40).rev() {
        sum = sum * f64::from(k) / &far + 1.0;
    }
    let right = where_(
        x.equal(f64::INFINITY),
        f64::INFINITY,
        (&far - far.ln()).exp() * sum,
    );
    let value = where_(&below, left, where_(large, right, series));
    let value = where_(x.equal(0.0), f64::NEG_INFINITY, value);
    Ok(where_(x.not_equal(x), f64::NAN, value))
}

/// The sine and the cosine integral, the integrals of `sin(t) / t` from 0 and of `-cos(t) / t` from `x` on, the latter of `|x|`.
///
/// # Errors
///
/// What is wrong with the tensor.
///
/// ```
/// use elimap::special;
/// let (si, ci) = special::sici(vec![0.0, f64::INFINITY])?;
/// assert_eq!(si.to_vec::<f64>()?, [0.0, std::f64::consts::FRAC_PI_2]);
/// assert_eq!(ci.to_vec::<f64>()?, [f64::NEG_INFINITY, 0.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn sici(x: impl Into<Tensor>) -> Result<(Tensor, Tensor), Error> {
    let f = custom_jvp(|x: Tensor| sine_and_cosine(&x)).name("sici");
    let f = f.def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| {
        let slopes = (&dx * (x.sin() / &x), &dx * (x.cos() / &x));
        Ok::<_, Error>((sici(&x)?, slopes))
    });
    f.call((float(&x.into()).check()?,))
}

fn sine_and_cosine(x: &Tensor) -> Result<(Tensor, Tensor), Error> {
    let t = x.abs();
    let (small, endless) = (t.less_equal(4.0), t.equal(f64::INFINITY));
    let near = where_(&small & t.greater(0.0), &t, 1.0);
    let square = near.square();
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let odd = |k: u32| 1.0 / (f64::from(2 * k + 1) * factorial(2 * k + 1));
    let even = |k: u32| 1.0 / (f64::from(2 * k + 2) * factorial(2 * k + 2));
    let series_si = &near * alternating(&square, &(0..22).map(odd).collect::<Vec<_>>());
    let sums = alternating(&square, &(0..22).map(even).collect::<Vec<_>>());
    let series_ci = near.ln() + EULER - &square * sums;
    let far = where_(&small | &endless | t.not_equal(&t), 5.0, &t);
    let one = crate::tensor::ones_like(&far);
    let (re, im) = fraction([&one, &far], 2.0, |k| -k.square())?;
    // Times exp(-i t).
    let (c, s) = (far.cos(), far.sin());
    let (re, im) = (&c * &re + &s * &im, &c * im - s * re);
    let si = where_(&small, series_si, im + FRAC_PI_2);
    let si = where_(&endless, FRAC_PI_2, si);
    let si = where_(t.equal(0.0), 0.0, si);
    let si = where_(x.less(0.0), -&si, si);
    let ci = where_(&small, series_ci, -re);
    let ci = where_(endless, 0.0, where_(t.equal(0.0), f64::NEG_INFINITY, ci));
    let lost = x.not_equal(x);
    Ok((
        where_(&lost, f64::NAN, si).check()?,
        where_(lost, f64::NAN, ci).check()?,
    ))
}

/// The Fresnel integrals of `sin(pi t^2 / 2)` and `cos(pi t^2 / 2)` from 0 to `x`.
///
/// # Errors
///
/// What is wrong with the tensor.
///
/// ```
/// use elimap::special;
/// let (s, c) = special::fresnel(vec![0.0, f64::INFINITY])?;
/// assert_eq!(s.to_vec::<f64>()?, [0.0, 0.5]);
/// assert_eq!(c.to_vec::<f64>()?, [0.0, 0.5]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn fresnel(x: impl Into<Tensor>) -> Result<(Tensor, Tensor), Error> {
    let f = custom_jvp(|x: Tensor| both_fresnel(&x)).name("fresnel");
    let f = f.def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| {
        let phase = x.square() * FRAC_PI_2;
        let slopes = (&dx * phase.sin(), &dx * phase.cos());
        Ok::<_, Error>((fresnel(&x)?, slopes))
    });
    f.call((float(&x.into()).check()?,))
}

fn both_fresnel(x: &Tensor) -> Result<(Tensor, Tensor), Error> {
    let t = x.abs();
    let (small, endless) = (t.less(1.5), t.greater(1e7));
    let near = where_(&small, &t, 0.0);
    let phase = near.square() * FRAC_PI_2;
    let square = phase.square();
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let sines = |k: u32| 1.0 / (factorial(2 * k + 1) * f64::from(4 * k + 3));
    let cosines = |k: u32| 1.0 / (factorial(2 * k) * f64::from(4 * k + 1));
    let series_s = &near * phase * alternating(&square, &(0..16).map(sines).collect::<Vec<_>>());
    let series_c = &near * alternating(&square, &(0..16).map(cosines).collect::<Vec<_>>());
    let far = where_(&small | &endless | t.not_equal(&t), 2.0, &t);
    let square = far.square();
    let one = crate::tensor::ones_like(&far);
    let (re, im) = fraction([&one, &(&square * -PI)], 4.0, |k| {
        -(k * 2.0 - 1.0) * (k * 2.0)
    })?;
    // Times x (1 - i) exp(i pi x^2 / 2), taken from 1, times (1 + i) / 2.
    let (re, im) = (&far * (&re + &im), &far * (im - re));
    let (c, s) = ((&square * FRAC_PI_2).cos(), (square * FRAC_PI_2).sin());
    let (re, im) = (1.0 - (&c * &re - &s * &im), -(c * im + s * re));
    let far_c = where_(&endless, 0.5, (&re - &im) / 2.0);
    let far_s = where_(endless, 0.5, (re + im) / 2.0);
    let lost = x.not_equal(x);
    let signed = |value: Tensor| {
        let value = where_(x.less(0.0), -&value, value);
        where_(&lost, f64::NAN, value).check()
    };
    Ok((
        signed(where_(&small, series_s, far_s))?,
        signed(where_(&small, series_c, far_c))?,
    ))
}

/// `c[0] - c[1] y + c[2] y^2 - ..`.
fn alternating(y: &Tensor, coefficients: &[f64]) -> Tensor {
    let zero = crate::tensor::zeros_like(y);
    coefficients.iter().rev().fold(zero, |sum, &c| c - sum * y)
}

/// The complex continued fraction `1 / (b + a(1) / (b + step + a(2) / (b + 2 step + ..)))` by Lentz's method.
fn fraction(
    b: [&Tensor; 2],
    step: f64,
    a: impl Fn(&Tensor) -> Tensor,
) -> Result<(Tensor, Tensor), Error> {
    type State = (
        Tensor,
        [Tensor; 2],
        [Tensor; 2],
        [Tensor; 2],
        Tensor,
        Tensor,
    );
    let inverse = |[re, im]: &[Tensor; 2]| {
        let size = re.square() + im.square();
        [re / &size, -(im / size)]
    };
    let product = |[a, b]: &[Tensor; 2], [c, d]: &[Tensor; 2]| [a * c - b * d, a * d + b * c];
    let eps = epsilon(b[0]);
    let imaginary = b[1].clone();
    let start = inverse(&[b[0].clone(), b[1].clone()]);
    let (one, zero) = (
        crate::tensor::ones_like(b[0]),
        crate::tensor::zeros_like(b[0]),
    );
    let (_, _, _, value, _, _): State = while_loop(
        |(.., active): State| active.any(..),
        |(k, c, d, value, real, active): State| {
            let real = real + step;
            let a = a(&k);
            let d = inverse(&[&a * &d[0] + &real, &a * &d[1] + &imaginary]);
            let [re, im] = inverse(&c);
            let c = [&a * re + &real, &a * im + &imaginary];
            let [re, im] = product(&c, &d);
            let change = (&re - 1.0).abs() + im.abs();
            let next = product(&value, &[re, im]);
            let [old_re, old_im] = value;
            let [next_re, next_im] = next;
            let value = [
                where_(&active, next_re, old_re),
                where_(&active, next_im, old_im),
            ];
            let active = active & change.greater(eps) & k.less(1000.0);
            (k + 1.0, c, d, value, real, active)
        },
        (
            &one,
            [crate::tensor::full_like(b[0], 1e30), zero],
            start.clone(),
            start,
            b[0],
            b[0].equal(b[0]),
        ),
    )?;
    let [re, im] = value;
    Ok((re, im))
}

/// The power series of `En` for `x` up to 1 where `active`.
fn exponential_series(n: &Tensor, x: &Tensor, active: &Tensor) -> Result<Tensor, Error> {
    type State = (Tensor, Tensor, Tensor, Tensor);
    let before = n - 1.0;
    let first = before.equal(0.0);
    let log = x.ln();
    let start = where_(&first, -&log - EULER, 1.0 / where_(&first, 1.0, &before));
    // The term that belongs to the logarithm.
    let special = n.digamma() - log;
    let one = crate::tensor::ones_like(x);
    let eps = epsilon(x);
    let (_, _, sum, _): State = while_loop(
        |(.., active): State| active.any(..),
        |(k, power, sum, active): State| {
            let power = -(power * x / &k);
            let meets = k.equal(&before);
            let apart = where_(&meets, 1.0, &k - &before);
            let term = where_(&meets, &power * &special, -(&power / apart));
            let sum = where_(&active, &sum + &term, sum);
            let active =
                active & (power.abs().greater(sum.abs() * eps) | k.less(&before)) & k.less(1000.0);
            (k + 1.0, power, sum, active)
        },
        (&one, &one, start, active),
    )?;
    Ok(sum)
}

/// The continued fraction of `En` for `x` above 1 where `active`.
fn exponential_fraction(n: &Tensor, x: &Tensor, active: &Tensor) -> Result<Tensor, Error> {
    type State = (Tensor, [Tensor; 4], Tensor);
    let eps = epsilon(x);
    let b = x + n;
    let d = 1.0 / &b;
    let one = crate::tensor::ones_like(x);
    let (_, [.., value], _): State = while_loop(
        |(.., active): State| active.any(..),
        |(k, [b, c, d, value], active): State| {
            let a = -(&k * (n - 1.0 + &k));
            let b = b + 2.0;
            let d = 1.0 / (&a * d + &b);
            let c = &b + a / c;
            let change = &c * &d;
            let value = where_(&active, &value * &change, value);
            let active = active & (change - 1.0).abs().greater(eps) & k.less(1000.0);
            (k + 1.0, [b, c, d, value], active)
        },
        (
            &one,
            [&b, &crate::tensor::full_like(x, 1e30), &d, &d],
            active,
        ),
    )?;
    Ok(value * (-x).exp())
}

/// `x + x^2 / (2 2!) + x^3 / (3 3!) + ..` of positive numbers.
fn whole_series(x: &Tensor) -> Result<Tensor, Error> {
    type State = (Tensor, Tensor, Tensor, Tensor);
    let eps = epsilon(x);
    let one = crate::tensor::ones_like(x);
    let (_, _, sum, _): State = while_loop(
        |(.., active): State| active.any(..),
        |(k, power, sum, active): State| {
            let k = k + 1.0;
            let power = power * x / &k;
            let term = &power / &k;
            let sum = where_(&active, &sum + &term, sum);
            let active = active & term.greater(&sum * eps);
            (k, power, sum, active)
        },
        (&one, x, x, x.equal(x)),
    )?;
    Ok(sum)
}

/// The dilogarithm of `1 - x` for `x` between 1/2 and 2, by its series in the logarithm.
fn dilogarithm(x: &Tensor) -> Tensor {
    const BERNOULLI: [f64; 10] = [
        1.0 / 6.0,
        -1.0 / 30.0,
        1.0 / 42.0,
        -1.0 / 30.0,
        5.0 / 66.0,
        -691.0 / 2730.0,
        7.0 / 6.0,
        -3617.0 / 510.0,
        43867.0 / 798.0,
        -174_611.0 / 330.0,
    ];
    let u = -x.ln();
    let square = u.square();
    let mut sum = crate::tensor::zeros_like(&u);
    for (k, b) in BERNOULLI.iter().enumerate().rev() {
        let factorial: f64 = (1..=2 * k + 3).map(|n| n as f64).product();
        sum = sum * &square + b / factorial;
    }
    &u - &square / 4.0 + &u * square * sum
}

/// Owen's function for slopes up to 1, by Gauss and Legendre.
fn flat_owens(h: &Tensor, a: &Tensor) -> Tensor {
    let half = h.square() * -0.5;
    let mut sum = crate::tensor::zeros_like(h);
    for (node, weight) in legendre(32) {
        let q = (a * ((node + 1.0) / 2.0)).square() + 1.0;
        sum = sum + (&half * &q).exp() / q * (weight / 2.0);
    }
    sum * a / TAU
}

/// The nodes and weights of the quadrature of Gauss and Legendre between -1 and 1, by Newton's method.
fn legendre(n: u32) -> Vec<(f64, f64)> {
    let count = f64::from(n);
    (1..=n)
        .map(|k| {
            let mut x = (PI * (f64::from(k) - 0.25) / (count + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..8 {
                let (mut p, mut before) = (x, 1.0);
                for j in (2..=n).map(f64::from) {
                    (p, before) = (((2.0 * j - 1.0) * x * p - (j - 1.0) * before) / j, p);
                }
                slope = count * (x * p - before) / (x * x - 1.0);
                x -= p / slope;
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}
