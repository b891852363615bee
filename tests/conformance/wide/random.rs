//! Functions of `jax.random`; keys travel as their raw data.

use elimap::prelude::*;
use elimap::random::{self, Key};
use elimap::{Error, Shape};

use super::{Call, one};

/// Runs an operation; `None` where this file does not know it.
pub(super) fn run(call: &Call<'_>, op: &str) -> Result<Option<Vec<Tensor>>, Error> {
    let Some(name) = op.strip_prefix("random.") else {
        return Ok(None);
    };
    if name == "wrap_key_data" || name == "key_data" {
        return one(call.arg(0)?);
    }
    if name == "key" {
        return one(Key::of_seed(call.arg(0)?).data().clone());
    }
    let key = Key::from_data(call.arg(0)?)?;
    let key = &key;
    let shape: Shape = call.sizes("shape").into_iter().collect();
    let given = || call.json["shape"].is_array().then(|| shape.clone());
    let whole = || call.dtype_or("dtype", DType::I64);
    let dtype = || call.dtype_or("dtype", DType::F64);
    let p = |k: usize, name: &str, default: f64| call.or_named(k, name, default);
    one(match name {
        "split" => {
            let shape = call.sizes("num");
            let shape = if shape.is_empty() { vec![2] } else { shape };
            random::split(key, shape).data().clone()
        }
        "fold_in" => random::fold_in(key, call.arg(1)?).data().clone(),
        "bits" => random::bits(key, &shape, call.dtype_or("dtype", DType::U64)?),
        "uniform" => {
            let bound = |key: &str, default: f64| call.number(key).unwrap_or(default);
            let (low, high) = (
                p(1, "minval", bound("minval", 0.0))?,
                p(2, "maxval", bound("maxval", 1.0))?,
            );
            random::uniform(key, &shape, dtype()?, low, high)
        }
        "normal" => random::normal(key, &shape, dtype()?),
        "truncated_normal" => random::truncated_normal(
            key,
            &shape,
            dtype()?,
            p(1, "lower", -1.0)?,
            p(2, "upper", 1.0)?,
        ),
        "exponential" => random::exponential(key, &shape, dtype()?),
        "gumbel" => random::gumbel(key, &shape, dtype()?),
        "laplace" => random::laplace(key, &shape, dtype()?),
        "logistic" => random::logistic(key, &shape, dtype()?),
        "cauchy" => random::cauchy(key, &shape, dtype()?),
        "maxwell" => random::maxwell(key, &shape, dtype()?),
        "pareto" => {
            let b = p(1, "b", 1.0)?;
            let shape = given().unwrap_or_else(|| Shape::from_slice(b.shape()));
            random::pareto(key, shape, dtype()?, b)
        }
        "rayleigh" => {
            let scale = p(1, "scale", 1.0)?;
            let shape = given().unwrap_or_else(|| Shape::from_slice(scale.shape()));
            random::rayleigh(key, shape, dtype()?, scale)
        }
        "wald" => {
            let mean = p(1, "mean", 1.0)?;
            let shape = given().unwrap_or_else(|| Shape::from_slice(mean.shape()));
            random::wald(key, shape, dtype()?, mean)
        }
        "lognormal" => random::lognormal(key, &shape, dtype()?, p(1, "sigma", 1.0)?),
        "weibull_min" => random::weibull_min(
            key,
            &shape,
            dtype()?,
            p(1, "scale", 1.0)?,
            p(2, "concentration", 1.0)?,
        ),
        "triangular" => random::triangular(
            key,
            &shape,
            dtype()?,
            p(1, "left", 0.0)?,
            p(2, "mode", 0.5)?,
            p(3, "right", 1.0)?,
        ),
        "double_sided_maxwell" => random::double_sided_maxwell(
            key,
            &shape,
            dtype()?,
            p(1, "loc", 0.0)?,
            p(2, "scale", 1.0)?,
        ),
        "generalized_normal" => random::generalized_normal(key, p(1, "p", 2.0)?, &shape, dtype()?),
        "ball" => {
            let d = call
                .size("d")
                .or_else(|| call.raw(1).as_u64().map(|n| n as usize));
            random::ball(key, d.unwrap_or(1), p(2, "p", 2.0)?, &shape, dtype()?)
        }
        "gamma" => random::gamma(key, p(1, "a", 1.0)?, given(), dtype()?),
        "loggamma" => random::loggamma(key, p(1, "a", 1.0)?, given(), dtype()?),
        "beta" => random::beta(key, p(1, "a", 1.0)?, p(2, "b", 1.0)?, given(), dtype()?),
        "chisquare" => random::chisquare(key, p(1, "df", 1.0)?, given(), dtype()?),
        "f" => random::f(
            key,
            p(1, "dfnum", 1.0)?,
            p(2, "dfden", 1.0)?,
            given(),
            dtype()?,
        ),
        "t" => random::t(key, p(1, "df", 1.0)?, given(), dtype()?),
        "dirichlet" => random::dirichlet(key, call.arg(1)?, given(), dtype()?),
        "multivariate_normal" => {
            let (mean, cov) = (call.arg(1)?, call.arg(2)?);
            let own = elimap::numpy::broadcast_arrays([
                mean.index(-1, 0),
                cov.index(-1, 0).index(-1, 0),
            ])?;
            let shape = given().unwrap_or_else(|| Shape::from_slice(own[0].shape()));
            random::multivariate_normal(
                key,
                &mean,
                cov,
                shape,
                call.dtype_or("dtype", mean.dtype())?,
            )
        }
        "bernoulli" => random::bernoulli(key, p(1, "p", 0.5)?, given()),
        "rademacher" => random::rademacher(key, &shape, whole()?),
        "geometric" => {
            let p = call.arg(1)?;
            let shape = given().unwrap_or_else(|| Shape::from_slice(p.shape()));
            random::geometric(key, p, shape, whole()?)
        }
        "poisson" => random::poisson(key, call.arg(1)?, given(), whole()?),
        "binomial" => random::binomial(key, p(1, "n", 1.0)?, p(2, "p", 0.5)?, given(), dtype()?),
        "randint" => {
            let bound = |k: usize, name: &str| -> Result<Tensor, Error> {
                match call.maybe(k)? {
                    Some(x) => Ok(x),
                    None => Ok(Tensor::from(call.int(name).unwrap_or(0))),
                }
            };
            random::randint(
                key,
                &shape,
                bound(1, "minval")?,
                bound(2, "maxval")?,
                whole()?,
            )
        }
        "categorical" => {
            let logits = call.arg(1)?;
            let rest = logits.rank() - 1;
            // The shape asked for ends in the logits' own.
            let draws = given()
                .map(|s| s[..s.len() - rest.min(s.len())].to_vec())
                .unwrap_or_default();
            random::categorical(
                key,
                logits,
                call.axis(-1),
                draws,
                call.flag("replace", true),
            )
        }
        "choice" => {
            let x = match call.int("a") {
                Some(n) => arange(n),
                None => call.arg(1)?,
            };
            let x = if x.rank() == 0 {
                arange(x.astype(DType::I64).item::<i64>()?)
            } else {
                x
            };
            let weights = call.named("p")?;
            random::choice(
                key,
                x,
                &shape,
                call.flag("replace", true),
                weights,
                call.axis(0),
            )
        }
        "permutation" => {
            let x = match call.int("x") {
                Some(n) => arange(n),
                None => call.arg(1)?,
            };
            let x = if x.rank() == 0 {
                arange(x.astype(DType::I64).item::<i64>()?)
            } else {
                x
            };
            random::permutation(key, x, call.axis(0), call.flag("independent", false))
        }
        _ => return Ok(None),
    })
}
