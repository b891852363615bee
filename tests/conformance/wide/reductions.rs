//! Reductions with `axis`, `keepdims`, `where`, `initial`, `ddof` and `dtype`.

use elimap::numpy as jnp;
use elimap::numpy::QuantileMethod;
use elimap::prelude::*;
use elimap::{Error, special};

use super::{Call, one};

fn method(call: &Call<'_>) -> QuantileMethod {
    match call.text("method", "linear") {
        "lower" => QuantileMethod::Lower,
        "higher" => QuantileMethod::Higher,
        "midpoint" => QuantileMethod::Midpoint,
        "nearest" => QuantileMethod::Nearest,
        _ => QuantileMethod::Linear,
    }
}

/// Runs an operation; `None` where this file does not know it.
pub(super) fn run(call: &Call<'_>, op: &str) -> Result<Option<Vec<Tensor>>, Error> {
    // Without the prefix these are FORMAT.md's own.
    if ["max", "min", "argmax", "argmin", "cumsum", "cumprod"].contains(&op) {
        return Ok(None);
    }
    let op = op.strip_prefix("jnp.").unwrap_or(op);
    let op = match op {
        "nn.logsumexp" | "scipy.special.logsumexp" => "logsumexp",
        "nn.logmeanexp" => "logmeanexp",
        known => known,
    };
    const KNOWN: [&str; 43] = [
        "sum",
        "prod",
        "max",
        "min",
        "mean",
        "std",
        "var",
        "all",
        "any",
        "ptp",
        "median",
        "nanmedian",
        "quantile",
        "percentile",
        "nanquantile",
        "nanpercentile",
        "nansum",
        "nanprod",
        "nanmax",
        "nanmin",
        "nanmean",
        "nanstd",
        "nanvar",
        "count_nonzero",
        "argmax",
        "argmin",
        "nanargmax",
        "nanargmin",
        "average",
        "logsumexp",
        "logmeanexp",
        "cumsum",
        "cumprod",
        "nancumsum",
        "nancumprod",
        "cumulative_sum",
        "cumulative_prod",
        "softmax",
        "log_softmax",
        "nn.softmax",
        "nn.log_softmax",
        "scipy.special.softmax",
        "scipy.special.log_softmax",
    ];
    if !KNOWN.contains(&op) {
        return Ok(None);
    }
    let x = call.arg(0)?;
    let rank = x.rank();
    let x = match call.dtype("dtype")? {
        Some(dtype) => x.astype(dtype),
        None => x,
    };
    if op.starts_with("cum") || op.starts_with("nancum") {
        // Without an axis: over all elements in order.
        let (x, axis) = if call.json["axis"].is_null() && !op.starts_with("cumulative") {
            (jnp::ravel(&x), 0)
        } else {
            (x, call.axis(0))
        };
        let counted = if x.dtype() == DType::Bool {
            x.astype(DType::I64)
        } else {
            x.clone()
        };
        return one(match op {
            "cumsum" => counted.cumsum(axis, false),
            "cumprod" => counted.cumprod(axis, false),
            "cumulative_sum" => jnp::cumulative_sum(&x, axis, call.flag("include_initial", false)),
            "cumulative_prod" => {
                jnp::cumulative_prod(&x, axis, call.flag("include_initial", false))
            }
            "nancumsum" => jnp::nancumsum(&counted, axis),
            _ => jnp::nancumprod(&counted, axis),
        });
    }
    if op.ends_with("softmax") {
        let x = if x.dtype().is_float() { x } else { &x / 1.0 };
        if call.json["axis"].is_array() {
            let axes = call.axes("axis", rank);
            let is_log = op.ends_with("log_softmax");
            return one(if is_log {
                x.log_softmax(axes)
            } else {
                x.softmax(axes)
            });
        }
        let axis = if op.starts_with("scipy") && call.json["axis"].is_null() {
            None
        } else {
            Some(call.axis(-1))
        };
        let (flat, axis) = match axis {
            Some(axis) => (x.clone(), axis),
            None => (jnp::ravel(&x), 0),
        };
        let out = if op.ends_with("log_softmax") {
            flat.log_softmax(axis)
        } else {
            flat.softmax(axis)
        };
        return one(out.reshape(x.shape().iter().map(|&n| n as isize)));
    }
    if op.contains("arg") {
        let (x, axis) = if call.json["axis"].is_null() {
            (jnp::ravel(&x), 0)
        } else {
            (x, call.axis(0))
        };
        let out = match op {
            "argmax" => x.argmax(axis),
            "argmin" => x.argmin(axis),
            "nanargmax" => jnp::nanargmax(x, axis),
            _ => jnp::nanargmin(x, axis),
        };
        let axes = if call.json["axis"].is_null() {
            call.axes("axis", rank)
        } else {
            vec![axis]
        };
        return one(call.kept(out, &axes, rank));
    }
    let axes = call.axes("axis", rank);
    let ddof = call.size("ddof").or(call.size("correction")).unwrap_or(0);
    let over = axes.clone();
    let mask = call.named("where")?;
    let initial = call.json["initial"].as_f64();
    let n: usize = axes
        .iter()
        .map(|&a| x.shape()[if a < 0 { a + rank as isize } else { a } as usize])
        .product();
    let filled = |fill: Tensor| match &mask {
        Some(mask) => where_(mask, &x, fill.astype(x.dtype())),
        None => x.clone(),
    };
    let count = || match &mask {
        Some(mask) => mask
            .broadcast_to(x.shape())
            .astype(DType::F64)
            .sum(over.clone()),
        None => Tensor::from(n as f64),
    };
    let float = || {
        if x.dtype().is_float() {
            x.clone()
        } else {
            x.mean(Vec::<isize>::new())
        }
    };
    let masked_mean = || -> Tensor {
        match &mask {
            None => x.mean(over.clone()),
            Some(mask) => {
                let x = float();
                where_(mask, &x, 0.0).astype(x.dtype()).sum(over.clone())
                    / count().astype(x.dtype())
            }
        }
    };
    let masked_var = || -> Tensor {
        match &mask {
            None => x.var(over.clone(), ddof),
            Some(mask) => {
                let x = float();
                let mean = masked_mean().expand_dims(resolved(&over, rank));
                let squares = where_(mask, (&x - mean).square(), 0.0)
                    .astype(x.dtype())
                    .sum(over.clone());
                squares / (count() - ddof as f64).astype(x.dtype())
            }
        }
    };
    let combine = |out: Tensor, with: fn(&Tensor, &Tensor) -> Tensor| match initial {
        Some(initial) => with(&out, &Tensor::from(initial).astype(out.dtype())),
        None => out,
    };
    let out = match op {
        "sum" => combine(filled(Tensor::from(0)).sum(over), |a, b| a + b),
        "prod" => combine(filled(Tensor::from(1)).prod(over), |a, b| a * b),
        "max" => {
            let fill = initial.unwrap_or(f64::NEG_INFINITY);
            combine(filled(Tensor::from(fill)).max(over), |a, b| a.maximum(b))
        }
        "min" => {
            let fill = initial.unwrap_or(f64::INFINITY);
            combine(filled(Tensor::from(fill)).min(over), |a, b| a.minimum(b))
        }
        "mean" => masked_mean(),
        "var" => masked_var(),
        "std" => masked_var().sqrt(),
        "all" => match &mask {
            Some(mask) => {
                (jnp::logical_not(mask) | jnp::logical_not(jnp::logical_not(&x))).all(over)
            }
            None => x.all(over),
        },
        "any" => match &mask {
            Some(mask) => (mask & jnp::logical_not(jnp::logical_not(&x))).any(over),
            None => x.any(over),
        },
        "ptp" => jnp::ptp(&x, over),
        "median" => jnp::median(&x, over),
        "nanmedian" => jnp::nanmedian(&x, over),
        "quantile" | "percentile" | "nanquantile" | "nanpercentile" => {
            let q = call.arg(1)?;
            let extra = q.rank() as isize;
            let out = match op {
                "quantile" => jnp::quantile(&x, q, over, method(call)),
                "percentile" => jnp::percentile(&x, q, over, method(call)),
                "nanquantile" => jnp::nanquantile(&x, q, over, method(call)),
                _ => jnp::nanpercentile(&x, q, over, method(call)),
            };
            let axes: Vec<isize> = resolved(&axes, rank).iter().map(|a| a + extra).collect();
            return one(if call.flag("keepdims", false) {
                out.expand_dims(axes)
            } else {
                out
            });
        }
        "nansum" => jnp::nansum(&x, over),
        "nanprod" => jnp::nanprod(&x, over),
        "nanmax" => jnp::nanmax(&x, over),
        "nanmin" => jnp::nanmin(&x, over),
        "nanmean" => jnp::nanmean(&x, over),
        "nanvar" => jnp::nanvar(&x, over, ddof),
        "nanstd" => jnp::nanstd(&x, over, ddof),
        "count_nonzero" => jnp::count_nonzero(&x, over),
        "average" => match call.named("weights")?.or(call.maybe(1)?) {
            Some(weights) => jnp::average(&x, weights, over),
            None => x.mean(over),
        },
        "logmeanexp" => elimap::nn::logmeanexp(&x, over),
        _ => {
            let weights = call.named("b")?;
            match (weights, &mask, call.flag("return_sign", false)) {
                (b, None, true) => {
                    let b = b.unwrap_or_else(|| elimap::ones_like(&x));
                    let (log, sign) = special::logsumexp_sign(&x, b, over);
                    let kept = |x| call.kept(x, &axes, rank);
                    return Ok(Some(vec![kept(log), kept(sign)]));
                }
                (Some(b), None, false) => special::logsumexp_weighted(&x, b, over),
                (None, None, false) => x.logsumexp(over),
                (b, Some(mask), _) => {
                    let b = b.unwrap_or_else(|| elimap::ones_like(&x));
                    special::logsumexp_weighted(&x, where_(mask, b, 0.0), over)
                }
            }
        }
    };
    one(call.kept(out, &axes, rank))
}

fn resolved(axes: &[isize], rank: usize) -> Vec<isize> {
    axes.iter()
        .map(|&a| if a < 0 { a + rank as isize } else { a })
        .collect()
}
