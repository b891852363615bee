//! Distributions of whole numbers.

/// One trial that succeeds with probability `p`.
pub mod bernoulli {
    use crate::numpy::inexact;
    use crate::special::{float, xlog1py, xlogy};
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::bernoulli;
        /// The logarithm of the probability.
        [logpmf(2.0, 0.5, 0.0) => f64 [f64::NEG_INFINITY]]
        fn logpmf(k, p, loc;) {
            let [k, p, loc] = inexact([&k, &p, &loc]);
            let k = k - loc;
            let log = xlogy(&k, &p) + xlog1py(1.0 - &k, -&p);
            Ok(where_(k.less(0.0) | k.greater(1.0), f64::NEG_INFINITY, log))
        }
        /// The probability.
        [pmf(2.0, 0.5, 0.0) => f64 [0.0]]
        fn pmf(k, p, loc;) {
            Ok(logpmf(&k, &p, &loc).exp())
        }
        /// The distribution function.
        [cdf(1.0, 0.5) => f64 [1.0]]
        fn cdf(k, p;) {
            let (k, p) = (float(&k), float(&p));
            let value = where_(k.less(0.0), 0.0, where_(k.less(1.0), 1.0 - &p, 1.0));
            let wrong = p.less(0.0) | p.greater(1.0) | k.not_equal(&k) | p.not_equal(&p);
            Ok(where_(wrong, f64::NAN, value))
        }
    }
}

/// Successes among `n` trials that succeed with probability `p`.
pub mod binom {
    use crate::numpy::inexact;
    use crate::special::{xlog1py, xlogy};
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::binom;
        /// The logarithm of the probability.
        [logpmf(3.0, 2.0, 0.5, 0.0) => f64 [f64::NEG_INFINITY]]
        fn logpmf(k, n, p, loc;) {
            let [k, n, p, loc] = inexact([&k, &n, &p, &loc]);
            let k = k - loc;
            let ways = (&n + 1.0).lgamma() - ((&k + 1.0).lgamma() + (&n - &k + 1.0).lgamma());
            let linear = xlogy(&k, &p) + xlog1py(&n - &k, -&p);
            let sure = (k.equal(0.0) & n.equal(0.0)) | linear.equal(0.0);
            let log = where_(sure, 0.0, ways + linear);
            Ok(where_(k.greater_equal(0.0) & k.less(&n + 1.0), log, f64::NEG_INFINITY))
        }
        /// The probability.
        [pmf(3.0, 2.0, 0.5, 0.0) => f64 [0.0]]
        fn pmf(k, n, p, loc;) {
            Ok(logpmf(&k, &n, &p, &loc).exp())
        }
    }
}

/// Failures before the `n`-th success of probability `p`.
pub mod nbinom {
    use crate::numpy::inexact;
    use crate::special::xlogy;
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::nbinom;
        /// The logarithm of the probability.
        [logpmf(-1.0, 2.0, 0.5, 0.0) => f64 [f64::NEG_INFINITY]]
        fn logpmf(k, n, p, loc;) {
            let [k, n, p, loc] = inexact([&k, &n, &p, &loc]);
            let k = k - loc;
            let ways = (&k + &n).lgamma() - n.lgamma() - (&k + 1.0).lgamma();
            let log = ways + xlogy(&n, &p) + xlogy(&k, 1.0 - &p);
            Ok(where_(k.less(0.0), f64::NEG_INFINITY, log))
        }
        /// The probability.
        [pmf(-1.0, 2.0, 0.5, 0.0) => f64 [0.0]]
        fn pmf(k, n, p, loc;) {
            Ok(logpmf(&k, &n, &p, &loc).exp())
        }
    }
}

/// Trials up to the first success of probability `p`.
pub mod geom {
    use crate::numpy::inexact;
    use crate::special::xlog1py;
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::geom;
        /// The logarithm of the probability.
        [logpmf(0.0, 0.5, 0.0) => f64 [f64::NEG_INFINITY]]
        fn logpmf(k, p, loc;) {
            let [k, p, loc] = inexact([&k, &p, &loc]);
            let k = k - loc;
            let log = xlog1py(&k - 1.0, -&p) + p.ln();
            Ok(where_(k.less_equal(0.0), f64::NEG_INFINITY, log))
        }
        /// The probability.
        [pmf(0.0, 0.5, 0.0) => f64 [0.0]]
        fn pmf(k, p, loc;) {
            Ok(logpmf(&k, &p, &loc).exp())
        }
    }
}

/// The Poisson distribution of mean `mu`.
pub mod poisson {
    use crate::numpy::inexact;
    use crate::special::{gammaincc, xlogy};
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::poisson;
        /// The logarithm of the probability.
        [logpmf(-1.0, 2.0, 0.0) => f64 [f64::NEG_INFINITY]]
        fn logpmf(k, mu, loc;) {
            let [given, mu, loc] = inexact([&k, &mu, &loc]);
            let k = &given - &loc;
            let log = xlogy(&k, &mu) - (&k + 1.0).lgamma() - &mu;
            let outside = k.less(0.0) | given.round().not_equal(&given);
            Ok(where_(outside, f64::NEG_INFINITY, log))
        }
        /// The probability.
        [pmf(-1.0, 2.0, 0.0) => f64 [0.0]]
        fn pmf(k, mu, loc;) {
            Ok(logpmf(&k, &mu, &loc).exp())
        }
        /// The distribution function.
        [cdf(-1.0, 2.0, 0.0) => f64 [0.0]]
        fn cdf(k, mu, loc;) {
            let [k, mu, loc] = inexact([&k, &mu, &loc]);
            let k = k - loc;
            let below = k.less(0.0);
            let shape = (where_(&below, 0.0, &k) + 1.0).floor();
            Ok(where_(below, 0.0, gammaincc(shape, mu)))
        }
    }
}

/// Successes among `n` trials whose probability is beta distributed.
pub mod betabinom {
    use crate::special::{betaln, float};
    use crate::tensor::{compositions, where_};
    compositions! {
        stats::betabinom;
        /// The logarithm of the probability.
        [logpmf(3.0, 2.0, 1.0, 1.0, 0.0) => f64 [f64::NEG_INFINITY]]
        fn logpmf(k, n, a, b, loc;) {
            let (n, a, b, loc) = (float(&n), float(&a), float(&b), float(&loc));
            let y = float(&k).floor() - &loc;
            let ways = -(n.log1p() + betaln(&n - &y + 1.0, &y + 1.0));
            let log = ways + (betaln(&y + &a, &n - &y + &b) - betaln(&a, &b));
            let log = where_(y.equal(0.0) & n.equal(0.0), 0.0, log);
            let outside = y.less(-&loc) | y.greater(&n) | (&y + &a).less_equal(0.0);
            let log = where_(outside, f64::NEG_INFINITY, log);
            let wrong = n.less(0.0) | a.less_equal(0.0) | b.less_equal(0.0);
            Ok(where_(wrong, f64::NAN, log))
        }
        /// The probability.
        [pmf(3.0, 2.0, 1.0, 1.0, 0.0) => f64 [0.0]]
        fn pmf(k, n, a, b, loc;) {
            Ok(logpmf(&k, &n, &a, &b, &loc).exp())
        }
    }
}
