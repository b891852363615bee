//! Continuous distributions.

/// The normal distribution.
pub mod norm {
    use crate::array::DType;
    use crate::special::{float, log_ndtr, ndtr, ndtri};
    use crate::tensor::compositions;
    compositions! {
        stats::norm;
        /// The logarithm of the density.
        [logpdf(f64::INFINITY, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, loc, scale;) {
            let (x, scale) = (float(&x), float(&scale));
            let square = scale.square();
            let log = (&square * std::f64::consts::TAU).ln();
            Ok((log + (x - loc).square() / square) * -0.5)
        }
        /// The density.
        [pdf(f64::INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn pdf(x, loc, scale;) {
            Ok(logpdf(&x, &loc, &scale).exp())
        }
        /// The distribution function.
        [cdf(0.0, 0.0, 1.0) => f64 [0.5]]
        fn cdf(x, loc, scale;) {
            Ok(ndtr((float(&x) - loc) / scale))
        }
        /// The logarithm of the distribution function.
        [logcdf(f64::INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn logcdf(x, loc, scale;) {
            Ok(log_ndtr((float(&x) - loc) / scale))
        }
        /// The survival function: what lies above.
        [sf(0.0, 0.0, 1.0) => f64 [0.5]]
        fn sf(x, loc, scale;) {
            Ok(cdf(-x, -loc, scale))
        }
        /// The logarithm of the survival function.
        [logsf(f64::NEG_INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn logsf(x, loc, scale;) {
            Ok(logcdf(-x, -loc, scale))
        }
        /// The quantile: the inverse of [`cdf`]; in `float64`, as in JAX, whatever the arguments' type.
        [ppf(0.5, 3.0, 1.0) => f64 [3.0]]
        fn ppf(q, loc, scale;) {
            Ok((ndtri(q) * scale + loc).astype(DType::F64))
        }
        /// The upper quantile: the inverse of [`sf`].
        [isf(0.5, 3.0, 1.0) => f64 [3.0]]
        fn isf(q, loc, scale;) {
            Ok(ppf(1.0 - q, loc, scale))
        }
    }
}

/// The Cauchy distribution.
pub mod cauchy {
    use crate::special::float;
    use crate::tensor::compositions;
    use std::f64::consts::PI;
    compositions! {
        stats::cauchy;
        /// The logarithm of the density.
        [logpdf(f64::INFINITY, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(-((float(&scale) * PI).ln() + (&y * &y).log1p()))
        }
        /// The density.
        [pdf(f64::INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn pdf(x, loc, scale;) {
            Ok(logpdf(&x, &loc, &scale).exp())
        }
        /// The distribution function.
        [cdf(0.0, 0.0, 1.0) => f64 [0.5]]
        fn cdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(y.atan() / PI + 0.5)
        }
        /// The logarithm of the distribution function.
        [logcdf(f64::INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn logcdf(x, loc, scale;) {
            Ok(cdf(&x, &loc, &scale).ln())
        }
        /// The survival function: what lies above.
        [sf(0.0, 0.0, 1.0) => f64 [0.5]]
        fn sf(x, loc, scale;) {
            Ok(cdf(-x, -loc, scale))
        }
        /// The logarithm of the survival function.
        [logsf(f64::NEG_INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn logsf(x, loc, scale;) {
            Ok(logcdf(-x, -loc, scale))
        }
        /// The quantile: the inverse of [`cdf`].
        [ppf(0.5, 3.0, 1.0) => f64 [3.0]]
        fn ppf(q, loc, scale;) {
            Ok((float(&q) * PI - PI / 2.0).tan() * scale + loc)
        }
        /// The upper quantile: the inverse of [`sf`].
        [isf(0.5, 3.0, 1.0) => f64 [3.0]]
        fn isf(q, loc, scale;) {
            Ok((PI / 2.0 - float(&q) * PI).tan() * scale + loc)
        }
    }
}

/// The Laplace distribution.
pub mod laplace {
    use crate::special::float;
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::laplace;
        /// The logarithm of the density.
        [logpdf(f64::INFINITY, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(-(y.abs() + (float(&scale) * 2.0).ln()))
        }
        /// The density.
        [pdf(0.0, 0.0, 1.0) => f64 [0.5]]
        fn pdf(x, loc, scale;) {
            Ok(logpdf(&x, &loc, &scale).exp())
        }
        /// The distribution function.
        [cdf(0.0, 0.0, 1.0) => f64 [0.5]]
        fn cdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            let half = (-y.abs()).exp() * 0.5;
            Ok(where_(y.less_equal(0.0), &half, 1.0 - &half))
        }
    }
}

/// The logistic distribution.
pub mod logistic {
    use crate::numpy::logaddexp;
    use crate::special::{float, logit};
    use crate::tensor::compositions;
    compositions! {
        stats::logistic;
        /// The logarithm of the density.
        [logpdf(f64::INFINITY, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            let half = y / 2.0;
            Ok(logaddexp(&half, -&half) * -2.0 - float(&scale).ln())
        }
        /// The density.
        [pdf(f64::INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn pdf(x, loc, scale;) {
            Ok(logpdf(&x, &loc, &scale).exp())
        }
        /// The distribution function.
        [cdf(0.0, 0.0, 1.0) => f64 [0.5]]
        fn cdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(y.logistic())
        }
        /// The survival function: what lies above.
        [sf(0.0, 0.0, 1.0) => f64 [0.5]]
        fn sf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok((-y).logistic())
        }
        /// The quantile: the inverse of [`cdf`].
        [ppf(0.5, 3.0, 1.0) => f64 [3.0]]
        fn ppf(q, loc, scale;) {
            Ok(logit(q) * scale + loc)
        }
        /// The upper quantile: the inverse of [`sf`].
        [isf(0.5, 3.0, 1.0) => f64 [3.0]]
        fn isf(q, loc, scale;) {
            Ok(-logit(q) * scale + loc)
        }
    }
}

/// The Gumbel distribution of greatest values.
pub mod gumbel_r {
    use crate::special::float;
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::gumbel_r;
        /// The logarithm of the density.
        [logpdf(f64::INFINITY, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            let scale = float(&scale);
            let log = -scale.ln() - (&y + (-&y).exp());
            Ok(where_(scale.greater(0.0), log, f64::NAN))
        }
        /// The density.
        [pdf(f64::INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn pdf(x, loc, scale;) {
            Ok(logpdf(&x, &loc, &scale).exp())
        }
        /// The logarithm of the distribution function.
        [logcdf(f64::INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn logcdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(where_(float(&scale).greater(0.0), -(-y).exp(), f64::NAN))
        }
        /// The distribution function.
        [cdf(f64::INFINITY, 0.0, 1.0) => f64 [1.0]]
        fn cdf(x, loc, scale;) {
            Ok(logcdf(&x, &loc, &scale).exp())
        }
        /// The survival function: what lies above.
        [sf(f64::INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn sf(x, loc, scale;) {
            Ok(1.0 - cdf(x, loc, scale))
        }
    }
}

/// The Gumbel distribution of smallest values.
pub mod gumbel_l {
    use crate::special::float;
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::gumbel_l;
        /// The logarithm of the density.
        [logpdf(f64::INFINITY, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            let scale = float(&scale);
            let endless = y.equal(f64::INFINITY);
            let log = -scale.ln() + (&y - where_(&endless, 0.0, &y).exp());
            let log = where_(endless, f64::NEG_INFINITY, log);
            Ok(where_(scale.greater(0.0), log, f64::NAN))
        }
        /// The density.
        [pdf(f64::INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn pdf(x, loc, scale;) {
            Ok(logpdf(&x, &loc, &scale).exp())
        }
        /// The logarithm of the survival function.
        [logsf(f64::NEG_INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn logsf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(where_(float(&scale).greater(0.0), -y.exp(), f64::NAN))
        }
        /// The survival function: what lies above.
        [sf(f64::NEG_INFINITY, 0.0, 1.0) => f64 [1.0]]
        fn sf(x, loc, scale;) {
            Ok(logsf(&x, &loc, &scale).exp())
        }
        /// The distribution function.
        [cdf(f64::NEG_INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn cdf(x, loc, scale;) {
            Ok(-logsf(x, loc, scale).expm1())
        }
        /// The logarithm of the distribution function.
        [logcdf(f64::INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn logcdf(x, loc, scale;) {
            Ok(cdf(&x, &loc, &scale).ln())
        }
    }
}

/// Student's t distribution with `df` degrees of freedom.
pub mod t {
    use crate::special::float;
    use crate::tensor::compositions;
    compositions! {
        stats::t;
        /// The logarithm of the density.
        [logpdf(f64::INFINITY, 2.0, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, df, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            let (df, scale) = (float(&df), float(&scale));
            let half = &df / 2.0;
            let upper = &half + 0.5;
            let constant = half.lgamma() + (scale.square() * std::f64::consts::PI * &df).ln() / 2.0 - upper.lgamma();
            Ok(-(constant + upper * (&y * &y / &df).log1p()))
        }
        /// The density.
        [pdf(f64::INFINITY, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn pdf(x, df, loc, scale;) {
            Ok(logpdf(&x, &df, &loc, &scale).exp())
        }
    }
}

/// The generalized normal distribution of shape `beta`.
pub mod gennorm {
    use crate::special::{float, gammainc};
    use crate::tensor::compositions;
    compositions! {
        stats::gennorm;
        /// The logarithm of the density.
        [logpdf(f64::INFINITY, 2.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, beta;) {
            let (x, beta) = (float(&x), float(&beta));
            Ok((&beta * 0.5).ln() - (1.0_f64 / &beta).lgamma() - x.abs().pow(&beta))
        }
        /// The density.
        [pdf(f64::INFINITY, 2.0) => f64 [0.0]]
        fn pdf(x, beta;) {
            Ok(logpdf(&x, &beta).exp())
        }
        /// The distribution function.
        [cdf(0.0, 2.0) => f64 [0.5]]
        fn cdf(x, beta;) {
            let (x, beta) = (float(&x), float(&beta));
            Ok((x.sign() * gammainc(1.0 / &beta, x.abs().pow(&beta)) + 1.0) * 0.5)
        }
    }
}

/// The von Mises distribution on the circle, of concentration `kappa`.
pub mod vonmises {
    use crate::special::{float, i0e};
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::vonmises;
        /// The logarithm of the density.
        [logpdf(0.0, f64::INFINITY).is_finite() => bool [false]]
        fn logpdf(x, kappa;) {
            let (x, kappa) = (float(&x), float(&kappa));
            let log = &kappa * (x.cos() - 1.0) - (i0e(&kappa) * std::f64::consts::TAU).ln();
            Ok(where_(kappa.greater(0.0), log, f64::NAN))
        }
        /// The density.
        [pdf(0.0, 1.0).is_finite() => bool [true]]
        fn pdf(x, kappa;) {
            Ok(logpdf(&x, &kappa).exp())
        }
    }
}

/// The wrapped Cauchy distribution on the circle.
pub mod wrapcauchy {
    use crate::special::float;
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::wrapcauchy;
        /// The logarithm of the density.
        [logpdf(-1.0, 0.5) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, c;) {
            let (x, c) = (float(&x), float(&c));
            let square = &c * &c;
            let log = (1.0_f64 - &square).ln() - std::f64::consts::TAU.ln() - (&square + 1.0 - &c * 2.0 * x.cos()).ln();
            let inside = x.greater_equal(0.0) & x.less_equal(std::f64::consts::TAU);
            let log = where_(inside, log, f64::NEG_INFINITY);
            Ok(where_(c.greater(0.0) & c.less(1.0), log, f64::NAN))
        }
        /// The density.
        [pdf(-1.0, 0.5) => f64 [0.0]]
        fn pdf(x, c;) {
            Ok(logpdf(&x, &c).exp())
        }
    }
}

/// The normal distribution cut off below `a` and above `b`, both counted in `scale`s from `loc`.
pub mod truncnorm {
    use super::norm;
    use crate::special::{float, log_ndtr, log1mexp, ndtr};
    use crate::tensor::{Tensor, compositions, where_};

    /// The logarithm of the normal mass between two bounds, in the tails by what lies beyond.
    fn log_mass(a: &Tensor, b: &Tensor) -> Tensor {
        let (left, right) = (b.less_equal(0.0), a.greater(0.0));
        let (low, high) = (where_(&right, -b, a), where_(&right, -a, b));
        let (low, high) = (log_ndtr(low), log_ndtr(high));
        // log(exp(high) - exp(low)); nothing below is no difference at all.
        let none = low.equal(f64::NEG_INFINITY);
        let gap = where_(&none, f64::INFINITY, &high - &low);
        let tail = high + log1mexp(gap);
        let middle = (-ndtr(a) - ndtr(-b)).log1p();
        where_(left | right, tail, middle)
    }

    compositions! {
        stats::truncnorm;
        /// The logarithm of the density.
        [logpdf(2.0, -1.0, 1.0, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, a, b, loc, scale;) {
            let (x, a, b) = (float(&x), float(&a), float(&b));
            let y = (&x - &loc) / &scale;
            let log = norm::logpdf(&x, &loc, &scale) - log_mass(&a, &b);
            let log = where_(y.less(&a) | y.greater(&b), f64::NEG_INFINITY, log);
            Ok(where_(a.greater_equal(&b), f64::NAN, log))
        }
        /// The density.
        [pdf(2.0, -1.0, 1.0, 0.0, 1.0) => f64 [0.0]]
        fn pdf(x, a, b, loc, scale;) {
            Ok(logpdf(&x, &a, &b, &loc, &scale).exp())
        }
        /// The logarithm of the distribution function.
        [logcdf(2.0, -1.0, 1.0, 0.0, 1.0) => f64 [0.0]]
        fn logcdf(x, a, b, loc, scale;) {
            let (a, b) = (float(&a), float(&b));
            let y = (float(&x) - &loc) / &scale;
            let inner = y.maximum(&a).minimum(&b);
            let all = log_mass(&a, &b);
            let below = log_mass(&a, &inner) - &all;
            let above = log_mass(&inner, &b) - all;
            let log = where_(below.greater(-0.1), (-above.exp()).log1p(), &below);
            let log = where_(y.less_equal(&a), f64::NEG_INFINITY, log);
            let log = where_(y.greater_equal(&b), 0.0, log);
            Ok(where_(a.greater_equal(&b), f64::NAN, log))
        }
        /// The distribution function.
        [cdf(2.0, -1.0, 1.0, 0.0, 1.0) => f64 [1.0]]
        fn cdf(x, a, b, loc, scale;) {
            Ok(logcdf(&x, &a, &b, &loc, &scale).exp())
        }
        /// The logarithm of the survival function.
        [logsf(-2.0, -1.0, 1.0, 0.0, 1.0) => f64 [0.0]]
        fn logsf(x, a, b, loc, scale;) {
            Ok(logcdf(-x, -b, -a, -loc, scale))
        }
        /// The survival function: what lies above.
        [sf(-2.0, -1.0, 1.0, 0.0, 1.0) => f64 [1.0]]
        fn sf(x, a, b, loc, scale;) {
            Ok(logsf(&x, &a, &b, &loc, &scale).exp())
        }
    }
}
