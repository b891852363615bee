//! Continuous distributions whose numbers are bounded below: `loc` is the bound.

/// The uniform distribution from `loc` on, `scale` wide.
pub mod uniform {
    use crate::numpy::inexact;
    use crate::special::float;
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::uniform;
        /// The logarithm of the density.
        [logpdf(0.5, 0.0, 1.0) => f64 [0.0]]
        fn logpdf(x, loc, scale;) {
            let [x, loc, scale] = inexact([&x, &loc, &scale]);
            let outside = x.greater(&loc + &scale) | x.less(&loc);
            Ok(where_(outside, f64::NEG_INFINITY, -scale.ln()))
        }
        /// The density.
        [pdf(0.5, 0.0, 1.0) => f64 [1.0]]
        fn pdf(x, loc, scale;) {
            Ok(logpdf(&x, &loc, &scale).exp())
        }
        /// The distribution function.
        [cdf(0.25, 0.0, 1.0) => f64 [0.25]]
        fn cdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(where_(y.less(0.0), 0.0, where_(y.greater(1.0), 1.0, &y)))
        }
        /// The quantile: the inverse of [`cdf`].
        [ppf(0.25, 1.0, 2.0) => f64 [1.5]]
        fn ppf(q, loc, scale;) {
            let q = float(&q);
            let outside = q.less(0.0) | q.greater(1.0);
            Ok(where_(outside, f64::NAN, loc + scale * &q))
        }
    }
}

/// The exponential distribution from `loc` on.
pub mod expon {
    use crate::special::float;
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::expon;
        /// The logarithm of the density.
        [logpdf(-1.0, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            let log = -(&y + float(&scale).ln());
            Ok(where_(y.less(0.0), f64::NEG_INFINITY, log))
        }
        /// The density.
        [pdf(-1.0, 0.0, 1.0) => f64 [0.0]]
        fn pdf(x, loc, scale;) {
            Ok(logpdf(&x, &loc, &scale).exp())
        }
        /// The distribution function.
        [cdf(-1.0, 0.0, 1.0) => f64 [0.0]]
        fn cdf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(where_(y.less(0.0), 0.0, -(-&y).expm1()))
        }
        /// The logarithm of the distribution function.
        [logcdf(f64::INFINITY, 0.0, 1.0) => f64 [0.0]]
        fn logcdf(x, loc, scale;) {
            Ok((-sf(x, loc, scale)).log1p())
        }
        /// The survival function: what lies above.
        [sf(-1.0, 0.0, 1.0) => f64 [1.0]]
        fn sf(x, loc, scale;) {
            Ok(logsf(x, loc, scale).exp())
        }
        /// The logarithm of the survival function.
        [logsf(2.0, 0.0, 1.0) => f64 [-2.0]]
        fn logsf(x, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(where_(y.less(0.0), 0.0, -&y))
        }
        /// The quantile: the inverse of [`cdf`].
        [ppf(0.0, 2.0, 1.0) => f64 [2.0]]
        fn ppf(q, loc, scale;) {
            let q = float(&q);
            let outside = q.less(0.0) | q.greater(1.0);
            Ok(where_(outside, f64::NAN, loc - scale * (-&q).log1p()))
        }
    }
}

/// The gamma distribution of shape `a` from `loc` on.
pub mod gamma {
    use crate::special::{float, gammainc, gammaincc, xlogy};
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::gamma;
        /// The logarithm of the density.
        [logpdf(-1.0, 2.0, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, a, loc, scale;) {
            let (x, a, loc, scale) = (float(&x), float(&a), float(&loc), float(&scale));
            let inside = x.greater_equal(&loc);
            let y = where_(&inside, (&x - loc) / &scale, 1.0);
            let log = xlogy(&a - 1.0, &y) - y - (a.lgamma() + scale.ln());
            Ok(where_(inside, log, f64::NEG_INFINITY))
        }
        /// The density.
        [pdf(-1.0, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn pdf(x, a, loc, scale;) {
            Ok(logpdf(&x, &a, &loc, &scale).exp())
        }
        /// The distribution function.
        [cdf(0.0, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn cdf(x, a, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(gammainc(a, where_(y.less(0.0), 0.0, &y)))
        }
        /// The logarithm of the distribution function.
        [logcdf(f64::INFINITY, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn logcdf(x, a, loc, scale;) {
            Ok(cdf(&x, &a, &loc, &scale).ln())
        }
        /// The survival function: what lies above.
        [sf(0.0, 2.0, 0.0, 1.0) => f64 [1.0]]
        fn sf(x, a, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            let below = y.less(0.0);
            Ok(where_(&below, 1.0, gammaincc(a, where_(&below, 0.0, &y))))
        }
        /// The logarithm of the survival function.
        [logsf(0.0, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn logsf(x, a, loc, scale;) {
            Ok(sf(&x, &a, &loc, &scale).ln())
        }
    }
}

/// The chi-square distribution with `df` degrees of freedom.
pub mod chi2 {
    use crate::special::{float, gammainc, gammaincc};
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::chi2;
        /// The logarithm of the density.
        [logpdf(-1.0, 2.0, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, df, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            let half = float(&df) / 2.0;
            let below = y.less(0.0);
            let safe = where_(&below, 1.0, &y);
            let kernel = (&half - 1.0) * safe.ln() - &safe / 2.0;
            let constant = half.lgamma() + &half * std::f64::consts::LN_2;
            Ok(where_(below, f64::NEG_INFINITY, kernel - constant - float(&scale).ln()))
        }
        /// The density.
        [pdf(-1.0, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn pdf(x, df, loc, scale;) {
            Ok(logpdf(&x, &df, &loc, &scale).exp())
        }
        /// The distribution function.
        [cdf(0.0, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn cdf(x, df, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(gammainc(float(&df) / 2.0, where_(y.less(0.0), 0.0, &y) / 2.0))
        }
        /// The logarithm of the distribution function.
        [logcdf(f64::INFINITY, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn logcdf(x, df, loc, scale;) {
            Ok(cdf(&x, &df, &loc, &scale).ln())
        }
        /// The survival function: what lies above.
        [sf(0.0, 2.0, 0.0, 1.0) => f64 [1.0]]
        fn sf(x, df, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(gammaincc(float(&df) / 2.0, where_(y.less(0.0), 0.0, &y) / 2.0))
        }
        /// The logarithm of the survival function.
        [logsf(0.0, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn logsf(x, df, loc, scale;) {
            Ok(sf(&x, &df, &loc, &scale).ln())
        }
    }
}

/// The beta distribution of shapes `a` and `b` on `[loc, loc + scale]`.
pub mod beta {
    use crate::special::{betainc, betaln, float, xlog1py, xlogy};
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::beta;
        /// The logarithm of the density.
        [logpdf(2.0, 2.0, 2.0, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, a, b, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            let (a, b, scale) = (float(&a), float(&b), float(&scale));
            let outside = y.less(0.0) | y.greater(1.0);
            let log = xlogy(&a - 1.0, &y) + xlog1py(&b - 1.0, -&y) - betaln(&a, &b) - scale.ln();
            let wrong = a.less_equal(0.0) | b.less_equal(0.0) | scale.less_equal(0.0);
            Ok(where_(wrong, f64::NAN, where_(outside, f64::NEG_INFINITY, log)))
        }
        /// The density.
        [pdf(2.0, 2.0, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn pdf(x, a, b, loc, scale;) {
            Ok(logpdf(&x, &a, &b, &loc, &scale).exp())
        }
        /// The distribution function.
        [cdf(1.0, 2.0, 2.0, 0.0, 1.0) => f64 [1.0]]
        fn cdf(x, a, b, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(betainc(a, b, y.clip(0.0, 1.0)))
        }
        /// The logarithm of the distribution function.
        [logcdf(1.0, 2.0, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn logcdf(x, a, b, loc, scale;) {
            Ok(cdf(&x, &a, &b, &loc, &scale).ln())
        }
        /// The survival function: what lies above.
        [sf(0.0, 2.0, 2.0, 0.0, 1.0) => f64 [1.0]]
        fn sf(x, a, b, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(betainc(b, a, 1.0 - y.clip(0.0, 1.0)))
        }
        /// The logarithm of the survival function.
        [logsf(0.0, 2.0, 2.0, 0.0, 1.0) => f64 [0.0]]
        fn logsf(x, a, b, loc, scale;) {
            Ok(sf(&x, &a, &b, &loc, &scale).ln())
        }
    }
}

/// The Pareto distribution with exponent `b` from `loc + scale` on.
pub mod pareto {
    use crate::special::float;
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::pareto;
        /// The logarithm of the density.
        [logpdf(0.5, 1.0, 0.0, 1.0) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, b, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            let (b, scale) = (float(&b), float(&scale));
            let log = -((&scale / &b).ln() + (&b + 1.0) * y.ln());
            Ok(where_(y.less(1.0), f64::NEG_INFINITY, log))
        }
        /// The density.
        [pdf(1.0, 1.0, 0.0, 1.0) => f64 [1.0]]
        fn pdf(x, b, loc, scale;) {
            Ok(logpdf(&x, &b, &loc, &scale).exp())
        }
        /// The distribution function.
        [cdf(2.0, 1.0, 0.0, 1.0) => f64 [0.5]]
        fn cdf(x, b, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(where_(y.less(1.0), 0.0, 1.0 - y.pow(-float(&b))))
        }
        /// The logarithm of the distribution function.
        [logcdf(f64::INFINITY, 1.0, 0.0, 1.0) => f64 [0.0]]
        fn logcdf(x, b, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            Ok(where_(y.less(1.0), f64::NEG_INFINITY, (-y.pow(-float(&b))).log1p()))
        }
        /// The logarithm of the survival function.
        [logsf(1.0, 1.0, 0.0, 1.0) => f64 [0.0]]
        fn logsf(x, b, loc, scale;) {
            let y = (float(&x) - float(&loc)) / &scale;
            let below = y.less(1.0);
            Ok(where_(&below, 0.0, -(float(&b) * where_(&below, 1.0, &y).ln())))
        }
        /// The survival function: what lies above.
        [sf(1.0, 1.0, 0.0, 1.0) => f64 [1.0]]
        fn sf(x, b, loc, scale;) {
            Ok(logsf(&x, &b, &loc, &scale).exp())
        }
        /// The quantile: the inverse of [`cdf`].
        [ppf(0.5, 1.0, 0.0, 1.0) => f64 [2.0]]
        fn ppf(q, b, loc, scale;) {
            let q = float(&q);
            let outside = q.less(0.0) | q.greater(1.0);
            let value = loc + scale * (1.0_f64 - &q).pow(-1.0 / float(&b));
            Ok(where_(outside, f64::NAN, value))
        }
    }
}
