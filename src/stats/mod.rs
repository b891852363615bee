//! Probability distributions, a module for each: those of `jax.scipy.stats`, with its names, parameters and orders of parameters.
//!
//! `loc` and `scale` are given always; `0.0` and `1.0` are the standard distribution.
//!
//! ```
//! use elimap::prelude::*;
//! use elimap::stats::norm;
//! let p = vmap(|x: Tensor| norm::cdf(x, 1.0, 2.0)).call((vec![1.0, f64::INFINITY],))?;
//! assert_eq!(p.to_vec::<f64>()?, [0.5, 1.0]);
//! # Ok::<(), elimap::Error>(())
//! ```

mod bounded;
mod continuous;
mod discrete;
mod multivariate;
mod samples;

pub use bounded::{beta, chi2, expon, gamma, pareto, uniform};
pub use continuous::{
    cauchy, gennorm, gumbel_l, gumbel_r, laplace, logistic, norm, t, truncnorm, vonmises,
    wrapcauchy,
};
pub use discrete::{bernoulli, betabinom, binom, geom, nbinom, poisson};
pub use multivariate::{dirichlet, multinomial, multivariate_normal};
pub use samples::{RankMethod, mode, rankdata, rankdata_by, sem};
