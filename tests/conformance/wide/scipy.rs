//! Functions of `jax.scipy.special` and `jax.scipy.stats`.

use elimap::prelude::*;
use elimap::stats::RankMethod;
use elimap::{Error, special, stats};

use serde_json::Value;

use super::{Call, one};

type Unary = fn(&Tensor) -> Tensor;
type Binary = fn(&Tensor, &Tensor) -> Tensor;

fn unary(name: &str) -> Option<Unary> {
    Some(match name {
        "erf" => |x| special::erf(x),
        "erfc" => |x| special::erfc(x),
        "erfinv" => |x| special::erfinv(x),
        "erfcx" => |x| special::erfcx(x),
        "ndtr" => |x| special::ndtr(x),
        "log_ndtr" => |x| special::log_ndtr(x),
        "ndtri" => |x| special::ndtri(x),
        "gammaln" => |x| special::gammaln(x),
        "gammasgn" => |x| special::gammasgn(x),
        "gamma" => |x| special::gamma(x),
        "factorial" => |x| special::factorial(x),
        "digamma" => |x| special::digamma(x),
        "entr" => |x| special::entr(x),
        "logit" => |x| special::logit(x),
        "expit" => |x| special::expit(x),
        "i0" => |x| special::i0(x),
        "i0e" => |x| special::i0e(x),
        "i1" => |x| special::i1(x),
        "i1e" => |x| special::i1e(x),
        _ => return None,
    })
}

fn binary(name: &str) -> Option<Binary> {
    Some(match name {
        "xlogy" => |x, y| special::xlogy(x, y),
        "xlog1py" => |x, y| special::xlog1py(x, y),
        "kl_div" => |x, y| special::kl_div(x, y),
        "rel_entr" => |x, y| special::rel_entr(x, y),
        "boxcox" => |x, y| special::boxcox(x, y),
        "boxcox1p" => |x, y| special::boxcox1p(x, y),
        "betaln" => |x, y| special::betaln(x, y),
        "beta" => |x, y| special::beta(x, y),
        "comb" => |x, y| special::comb(x, y),
        "poch" => |x, y| special::poch(x, y),
        "gammainc" | "igamma" => |x, y| special::gammainc(x, y),
        "gammaincc" | "igammac" => |x, y| special::gammaincc(x, y),
        "polygamma" => |x, y| special::polygamma(x, y),
        _ => return None,
    })
}

macro_rules! distributions {
    ($name:expr, $x:expr; $($module:ident: $($f:ident($($p:tt)*)),*;)*) => {
        match $name {
            $($(concat!(stringify!($module), ".", stringify!($f)) => Some(distributions!(@call $x, stats::$module::$f, $($p)*)),)*)*
            _ => None,
        }
    };
    (@call $x:expr, $f:path, 2) => { $f($x(0, f64::NAN)?, $x(1, f64::NAN)?) };
    (@call $x:expr, $f:path, 3) => { $f($x(0, f64::NAN)?, $x(1, f64::NAN)?, $x(2, f64::NAN)?) };
    (@call $x:expr, $f:path, 2 loc) => { $f($x(0, f64::NAN)?, $x(1, f64::NAN)?, $x(2, 0.0)?) };
    (@call $x:expr, $f:path, 3 loc) => { $f($x(0, f64::NAN)?, $x(1, f64::NAN)?, $x(2, f64::NAN)?, $x(3, 0.0)?) };
    (@call $x:expr, $f:path, 4 loc) => { $f($x(0, f64::NAN)?, $x(1, f64::NAN)?, $x(2, f64::NAN)?, $x(3, f64::NAN)?, $x(4, 0.0)?) };
    (@call $x:expr, $f:path, 1 scale) => { $f($x(0, f64::NAN)?, $x(1, 0.0)?, $x(2, 1.0)?) };
    (@call $x:expr, $f:path, 2 scale) => { $f($x(0, f64::NAN)?, $x(1, f64::NAN)?, $x(2, 0.0)?, $x(3, 1.0)?) };
    (@call $x:expr, $f:path, 3 scale) => { $f($x(0, f64::NAN)?, $x(1, f64::NAN)?, $x(2, f64::NAN)?, $x(3, 0.0)?, $x(4, 1.0)?) };
}

/// Runs an operation; `None` where this file does not know it.
pub(super) fn run(call: &Call<'_>, op: &str) -> Result<Option<Vec<Tensor>>, Error> {
    if let Some(name) = op.strip_prefix("scipy.stats.") {
        return distribution(call, name);
    }
    let lax = [
        "igamma",
        "igammac",
        "betainc",
        "zeta",
        "polygamma",
        "igamma_grad_a",
        "random_gamma_grad",
        "bessel_i0e",
        "bessel_i1e",
    ];
    let name = match (op.strip_prefix("scipy.special."), op.strip_prefix("lax.")) {
        (Some(name), _) => name,
        (None, Some(name)) if lax.contains(&name) => name.strip_prefix("bessel_").unwrap_or(name),
        _ => return Ok(None),
    };
    if let Some(f) = unary(name) {
        return one(f(&call.arg(0)?));
    }
    if let Some(f) = binary(name) {
        return one(f(&call.arg(0)?, &call.arg(1)?));
    }
    one(match name {
        "zeta" => special::zeta(
            call.arg(0)?,
            call.maybe(1)?.unwrap_or_else(|| Tensor::from(1.0)),
        ),
        "exp1" => special::exp1(call.arg(0)?),
        "expi" => special::expi(call.arg(0)?),
        "expn" => special::expn(call.arg(0)?, call.arg(1)?),
        "dawsn" => special::dawsn(call.arg(0)?),
        "spence" => special::spence(call.arg(0)?),
        "owens_t" => special::owens_t(call.arg(0)?, call.arg(1)?),
        "sici" | "fresnel" => {
            let x = call.arg(0)?;
            let (one, two) = if name == "sici" {
                special::sici(x)?
            } else {
                special::fresnel(x)?
            };
            return Ok(Some(vec![one, two]));
        }
        "hyp1f1" => special::hyp1f1(call.arg(0)?, call.arg(1)?, call.arg(2)?),
        "hyp2f1" => special::hyp2f1(call.arg(0)?, call.arg(1)?, call.arg(2)?, call.arg(3)?),
        "igamma_grad_a" => special::gammainc_grad_a(call.arg(0)?, call.arg(1)?),
        "random_gamma_grad" => special::gamma_sample_grad(call.arg(0)?, call.arg(1)?),
        "betainc" => special::betainc(call.arg(0)?, call.arg(1)?, call.arg(2)?),
        "multigammaln" => {
            let d = match call.size("d") {
                Some(d) => d,
                None => call.arg(1)?.astype(DType::I64).item::<i64>()? as usize,
            };
            special::multigammaln(call.arg(0)?, d)
        }
        _ => return Ok(None),
    })
}

fn distribution(call: &Call<'_>, name: &str) -> Result<Option<Vec<Tensor>>, Error> {
    match name {
        "mode" => {
            let (value, count) = stats::mode(call.arg(0)?, call.axis(0));
            let keep = |x: Tensor| {
                if call.flag("keepdims", false) {
                    x.expand_dims(call.axis(0))
                } else {
                    x
                }
            };
            return Ok(Some(vec![keep(value), keep(count)]));
        }
        "sem" => {
            let x = call.arg(0)?;
            let ddof = call.size("ddof").unwrap_or(1);
            let (x, axis) = match call.json.get("axis") {
                Some(Value::Null) => (elimap::numpy::ravel(x), 0),
                _ => (x, call.axis(0)),
            };
            let out = stats::sem(&x, axis, ddof);
            return one(call.kept(out, &[axis], x.rank()));
        }
        "rankdata" => {
            let x = call.arg(0)?;
            let method = match call.text("method", "average") {
                "min" => RankMethod::Min,
                "max" => RankMethod::Max,
                "dense" => RankMethod::Dense,
                "ordinal" => RankMethod::Ordinal,
                _ => RankMethod::Average,
            };
            return one(match call.int("axis") {
                Some(axis) => stats::rankdata_by(x.moveaxis(axis as isize, -1), method)
                    .moveaxis(-1, axis as isize),
                None => stats::rankdata_by(elimap::numpy::ravel(x), method),
            });
        }
        _ => {}
    }
    let keys = ["loc", "scale"];
    let x = |k: usize, default: f64| -> Result<Tensor, Error> {
        if let Some(given) = call.maybe(k)? {
            return Ok(given);
        }
        let key = if default == 1.0 { keys[1] } else { keys[0] };
        call.or_named(k, key, default)
    };
    let found = distributions! {
        name, x;
        norm: logpdf(1 scale), pdf(1 scale), cdf(1 scale), logcdf(1 scale), sf(1 scale), logsf(1 scale), ppf(1 scale), isf(1 scale);
        uniform: logpdf(1 scale), pdf(1 scale), cdf(1 scale), ppf(1 scale);
        expon: logpdf(1 scale), pdf(1 scale), cdf(1 scale), logcdf(1 scale), sf(1 scale), logsf(1 scale), ppf(1 scale);
        gamma: logpdf(2 scale), pdf(2 scale), cdf(2 scale), logcdf(2 scale), sf(2 scale), logsf(2 scale);
        chi2: logpdf(2 scale), pdf(2 scale), cdf(2 scale), logcdf(2 scale), sf(2 scale), logsf(2 scale);
        beta: logpdf(3 scale), pdf(3 scale), cdf(3 scale), logcdf(3 scale), sf(3 scale), logsf(3 scale);
        cauchy: logpdf(1 scale), pdf(1 scale), cdf(1 scale), logcdf(1 scale), sf(1 scale), logsf(1 scale), ppf(1 scale), isf(1 scale);
        laplace: logpdf(1 scale), pdf(1 scale), cdf(1 scale);
        logistic: logpdf(1 scale), pdf(1 scale), cdf(1 scale), sf(1 scale), ppf(1 scale), isf(1 scale);
        gumbel_r: logpdf(1 scale), pdf(1 scale), cdf(1 scale), logcdf(1 scale), sf(1 scale);
        gumbel_l: logpdf(1 scale), pdf(1 scale), cdf(1 scale), logcdf(1 scale), sf(1 scale), logsf(1 scale);
        pareto: logpdf(2 scale), pdf(2 scale), cdf(2 scale), logcdf(2 scale), sf(2 scale), logsf(2 scale), ppf(2 scale);
        t: logpdf(2 scale), pdf(2 scale);
        gennorm: logpdf(2), pdf(2), cdf(2);
        vonmises: logpdf(2), pdf(2);
        wrapcauchy: logpdf(2), pdf(2);
        truncnorm: logpdf(3 scale), pdf(3 scale), cdf(3 scale), logcdf(3 scale), sf(3 scale), logsf(3 scale);
        bernoulli: logpmf(2 loc), pmf(2 loc), cdf(2);
        binom: logpmf(3 loc), pmf(3 loc);
        nbinom: logpmf(3 loc), pmf(3 loc);
        geom: logpmf(2 loc), pmf(2 loc);
        poisson: logpmf(2 loc), pmf(2 loc), cdf(2 loc);
        betabinom: logpmf(4 loc), pmf(4 loc);
        dirichlet: logpdf(2), pdf(2);
        multinomial: logpmf(3), pmf(3);
        multivariate_normal: logpdf(3), pdf(3);
    };
    Ok(found.map(|x| vec![x]))
}
