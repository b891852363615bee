//! Distributions of vectors.

/// The normal distribution of vectors with a mean and a covariance matrix.
pub mod multivariate_normal {
    use std::f64::consts::TAU;

    use crate::special::float;
    use crate::tensor::{Triangle, compositions};

    compositions! {
        stats::multivariate_normal;
        /// The logarithm of the density, vectors being last axes.
        [logpdf(vec![f64::INFINITY], vec![0.0], ndarray::array![[1.0]]) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, mean, cov;) {
            let (x, mean, cov) = (float(&x), float(&mean), float(&cov));
            let apart = &x - &mean;
            if mean.rank() == 0 {
                return Ok(apart.square() / &cov * -0.5 - (TAU.ln() + cov.ln()) * 0.5);
            }
            let n = mean.shape()[mean.rank() - 1] as f64;
            if cov.rank() == 0 {
                let square = apart.square().sum(-1);
                return Ok(square / &cov * -0.5 - (TAU.ln() + cov.ln()) * (n / 2.0));
            }
            let factor = cov.cholesky();
            let solved = factor.triangular_solve(apart.expand_dims(-1), Triangle::LOWER).squeeze(-1);
            let logs = crate::numpy::diagonal(&factor, 0, -2, -1).ln().sum(-1);
            Ok(solved.square().sum(-1) * -0.5 - n / 2.0 * TAU.ln() - logs)
        }
        /// The density.
        [pdf(vec![f64::INFINITY], vec![0.0], ndarray::array![[1.0]]) => f64 [0.0]]
        fn pdf(x, mean, cov;) { Ok(logpdf(&x, &mean, &cov).exp()) }
    }
}

/// The Dirichlet distribution on the simplex, along axis 0.
pub mod dirichlet {
    use crate::error::{Error, OpError, OpErrorKind};
    use crate::special::{float, xlogy};
    use crate::tensor::{Tensor, compositions, concatenate, where_};

    fn checked(x: &Tensor, alpha: &Tensor) -> Result<(), Error> {
        let fits = alpha.rank() == 1
            && x.rank() > 0
            && (x.shape()[0] == alpha.shape()[0] || x.shape()[0] + 1 == alpha.shape()[0]);
        if fits {
            return Ok(());
        }
        let detail = "alpha is a vector, and x has as many entries along axis 0, or one less";
        let kind = OpErrorKind::shapes([x.ty(), alpha.ty()], detail);
        Err(OpError::at("dirichlet", kind, std::panic::Location::caller()).into())
    }

    compositions! {
        stats::dirichlet;
        /// The logarithm of the density; the last entry of `x` may be left out.
        [logpdf(vec![2.0, 2.0], vec![1.0, 1.0]) => f64 [f64::NEG_INFINITY]]
        fn logpdf(x, alpha;) {
            let (mut x, alpha) = (float(&x).check()?, float(&alpha).check()?);
            checked(&x, &alpha)?;
            if x.shape()[0] != alpha.shape()[0] {
                let last = 1.0 - x.sum(0).expand_dims(0);
                x = concatenate([x, last], 0)?;
            }
            let constant = alpha.lgamma().sum(0) - alpha.sum(0).lgamma();
            let mut shape = vec![1; x.rank()];
            shape[0] = -1;
            let log = xlogy(alpha.reshape(shape) - 1.0, &x).sum(0) - constant;
            let simplex = x.greater(0.0).all(0) & (x.sum(0) - 1.0).abs().less(1e-6);
            Ok(where_(simplex, log, f64::NEG_INFINITY))
        }
        /// The density; see [`logpdf`].
        [pdf(vec![2.0, 2.0], vec![1.0, 1.0]) => f64 [0.0]]
        fn pdf(x, alpha;) { Ok(logpdf(&x, &alpha).exp()) }
    }
}

/// The multinomial distribution: counts of `n` trials by outcome, along the last axis.
pub mod multinomial {
    use crate::special::{float, xlogy};
    use crate::tensor::{compositions, where_};

    compositions! {
        stats::multinomial;
        /// The logarithm of the probability.
        [logpmf(vec![1, 1], 3, vec![0.5, 0.5]) => f64 [f64::NEG_INFINITY]]
        fn logpmf(x, n, p;) {
            let p = float(&p);
            let (x, n) = (x.astype(p.dtype()), n.astype(p.dtype()));
            let log = (&n + 1.0).lgamma() + (xlogy(&x, &p) - (&x + 1.0).lgamma()).sum(-1);
            Ok(where_(x.sum(..).equal(&n), log, f64::NEG_INFINITY))
        }
        /// The probability.
        [pmf(vec![1, 1], 3, vec![0.5, 0.5]) => f64 [0.0]]
        fn pmf(x, n, p;) { Ok(logpmf(&x, &n, &p).exp()) }
    }
}
