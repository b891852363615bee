//! Functions of `jax.numpy` and `jax.nn`.

use elimap::numpy::{self as jnp, ConvolveMode, PadMode};
use elimap::prelude::*;
use elimap::{Error, nn, tensordot};
use serde_json::Value;

use super::super::unsupported;
use super::names::{binary, unary};
use super::{Call, one};

fn scalar(json: &Value) -> Tensor {
    match json.as_i64() {
        Some(x) => Tensor::from(x),
        None => Tensor::from(json.as_f64().unwrap_or(f64::NAN)),
    }
}

fn convolve_mode(call: &Call<'_>, default: &'static str) -> ConvolveMode {
    match call.text("mode", default) {
        "same" => ConvolveMode::Same,
        "valid" => ConvolveMode::Valid,
        _ => ConvolveMode::Full,
    }
}

/// Cut by number of parts or by places.
fn cut(call: &Call<'_>, x: &Tensor, axis: isize) -> Result<Vec<Tensor>, Error> {
    match &call.json["indices_or_sections"] {
        Value::Number(n) => jnp::array_split(x, n.as_u64().unwrap_or(1) as usize, axis),
        _ => {
            let places: Vec<usize> = call.sizes("indices_or_sections");
            x.split_at(&places, axis)
        }
    }
}

/// Runs an operation; `None` where this file does not know it.
pub(super) fn run(call: &Call<'_>, op: &str) -> Result<Option<Vec<Tensor>>, Error> {
    let name = op.strip_prefix("jnp.").unwrap_or(op);
    if let Some(f) = unary(name) {
        return one(f(&call.arg(0)?));
    }
    if let Some(f) = binary(name) {
        let (x, y) = (call.arg(0)?, call.arg(1)?);
        let unsigned = x.dtype().is_unsigned_integer();
        if name == "right_shift" && unsigned {
            return one(x.shift_right_logical(y));
        }
        return one(f(&x, &y));
    }
    let size = || call.size("size");
    let fill = || match &call.json["fill_value"] {
        Value::Null => None,
        json => Some(scalar(json)),
    };
    let x = || call.arg(0);
    let axis = |default| call.axis(default);
    let k = || call.int("k").unwrap_or(0);
    one(match name {
        "nan_to_num" => jnp::nan_to_num(
            x()?,
            call.number("nan").unwrap_or(0.0),
            call.number("posinf"),
            call.number("neginf"),
        ),
        "round" if op == "round" => {
            let decimals = call.int("decimals").unwrap_or(0) as i32;
            jnp::round(x()?, decimals)
        }
        "divmod" => {
            let (q, r) = jnp::divmod(x()?, call.arg(1)?);
            return Ok(Some(vec![q, r]));
        }
        "modf" => {
            let (f, w) = jnp::modf(x()?);
            return Ok(Some(vec![f, w]));
        }
        "frexp" => {
            let (m, e) = jnp::frexp(x()?);
            return Ok(Some(vec![m, e]));
        }
        "isclose" | "allclose" => {
            let (rtol, atol) = (
                call.number("rtol").unwrap_or(1e-5),
                call.number("atol").unwrap_or(1e-8),
            );
            let (x, y) = (x()?, call.arg(1)?);
            let close = jnp::isclose(&x, &y, rtol, atol);
            let close = if call.flag("equal_nan", false) {
                close | (jnp::isnan(&x) & jnp::isnan(&y))
            } else {
                close
            };
            if name == "allclose" {
                close.all(..)
            } else {
                close
            }
        }
        "clip" => {
            let mut y = x()?;
            if let Some(low) = call.maybe(1)?.or(call.named("min")?) {
                y = y.maximum(low);
            }
            match call.maybe(2)?.or(call.named("max")?) {
                Some(high) => y.minimum(high),
                None => y,
            }
        }
        "diff" => {
            let mut parts = vec![x()?];
            let at = axis(-1);
            let fit = |v: Tensor, like: &Tensor| {
                if v.rank() == 0 {
                    v.broadcast_to(one_slice(like, at))
                } else {
                    v
                }
            };
            if let Some(first) = call.named("prepend")? {
                parts.insert(0, fit(first, &parts[0]));
            }
            if let Some(last) = call.named("append")? {
                parts.push(fit(last, &parts[0]));
            }
            jnp::diff(concatenate(parts, at)?, call.size("n").unwrap_or(1), at)
        }
        "trapezoid" => {
            let dx = call.number("dx").unwrap_or(1.0);
            match call.maybe(1)?.or(call.named("x")?) {
                Some(at) => jnp::trapezoid_at(x()?, at, axis(-1)),
                None => jnp::trapezoid(x()?, dx, axis(-1)),
            }
        }
        "gradient" => {
            let x = x()?;
            let spacing = call
                .maybe(1)?
                .map_or(Ok(1.0), |t| t.astype(DType::F64).item::<f64>())?;
            if call.json["axis"].is_null() && x.rank() > 1 {
                return Ok(Some(
                    (0..x.rank())
                        .map(|a| jnp::gradient(&x, spacing, a as isize))
                        .collect(),
                ));
            }
            jnp::gradient(x, spacing, axis(0))
        }
        "cov" => {
            let mut rows = x()?;
            if let Some(more) = call.maybe(1)? {
                rows = jnp::vstack([rows, more])?;
            }
            let rows = if call.flag("rowvar", true) || rows.rank() < 2 {
                rows
            } else {
                rows.t()
            };
            let ddof = call
                .size("ddof")
                .unwrap_or(usize::from(!call.flag("bias", false)));
            jnp::cov(rows, ddof)
        }
        "corrcoef" => {
            let rows = x()?;
            jnp::corrcoef(if call.flag("rowvar", true) || rows.rank() < 2 {
                rows
            } else {
                rows.t()
            })
        }
        "swapaxes" => jnp::swapaxes(
            x()?,
            call.int("axis1").unwrap_or(0) as isize,
            call.int("axis2").unwrap_or(1) as isize,
        ),
        "moveaxis" => {
            let list = |key| {
                call.ints(key)
                    .into_iter()
                    .map(|a| a as isize)
                    .collect::<Vec<_>>()
            };
            jnp::moveaxis(x()?, list("source"), list("destination"))
        }
        "rollaxis" => jnp::rollaxis(x()?, axis(0), call.int("start").unwrap_or(0) as isize),
        "repeat" => {
            let x = x()?;
            let (x, at) = if call.json["axis"].is_null() {
                (jnp::ravel(x), 0)
            } else {
                (x, axis(0))
            };
            match &call.json["repeats"] {
                Value::Array(_) => jnp::repeat_each(x, &call.sizes("repeats"), at),
                _ => jnp::repeat(x, call.size("repeats").unwrap_or(1), at),
            }
        }
        "tile" => jnp::tile(x()?, call.sizes("reps")),
        "rot90" => {
            let axes = call.ints("axes");
            let axes = if axes.is_empty() {
                [0, 1]
            } else {
                [axes[0] as isize, axes[1] as isize]
            };
            jnp::rot90(x()?, call.int("k").unwrap_or(1) as i32, axes)
        }
        "flip" if call.json.get("dims").is_none() => {
            let x = x()?;
            let axes = call.axes("axis", x.rank());
            x.flip(axes)
        }
        "roll" => {
            let x = x()?;
            let shifts = call.ints("shift");
            if call.json["axis"].is_null() {
                jnp::roll_flat(x, shifts[0] as isize)
            } else {
                let axes = call.axes("axis", x.rank());
                let pairs = axes.iter().enumerate();
                pairs.fold(x, |x, (k, &a)| {
                    x.roll(shifts[k.min(shifts.len() - 1)] as isize, a)
                })
            }
        }
        "diagonal" | "linalg.diagonal" | "trace" | "linalg.trace" => {
            let last = name.starts_with("linalg");
            let at = |key, numpy: i64, linalg: i64| {
                call.int(key).unwrap_or(if last { linalg } else { numpy }) as isize
            };
            let (offset, a, b) = (at("offset", 0, 0), at("axis1", 0, -2), at("axis2", 1, -1));
            if name.ends_with("trace") {
                jnp::trace(x()?, offset, a, b)
            } else {
                jnp::diagonal(x()?, offset, a, b)
            }
        }
        "diag" => jnp::diag(x()?, k() as isize),
        "diagflat" => jnp::diagflat(x()?, k() as isize),
        "resize" => jnp::resize(x()?, call.sizes("new_shape")),
        "vander" => {
            let x = x()?;
            let columns = call.size("N").unwrap_or(x.shape()[0]);
            jnp::vander(x, columns, call.flag("increasing", false))
        }
        "tri" => {
            let n = call.size("N").unwrap_or(0);
            let dtype = call.dtype("dtype")?.unwrap_or(DType::F64);
            jnp::tri(n, call.size("M").unwrap_or(n), k(), dtype)
        }
        "tril" => x()?.tril(k()),
        "triu" => x()?.triu(k()),
        "eye" if call.json.get("N").is_some() => {
            let n = call.size("N").unwrap_or(0);
            elimap::eye(
                n,
                call.size("M").unwrap_or(n),
                k(),
                call.dtype("dtype")?.unwrap_or(DType::F64),
            )
        }
        "identity" => {
            let n = call.size("n").unwrap_or(0);
            elimap::eye(n, n, 0, call.dtype("dtype")?.unwrap_or(DType::F64))
        }
        "cross" | "linalg.cross" => {
            let at = axis(-1);
            let (a, b) = (x()?.moveaxis(at, -1), call.arg(1)?.moveaxis(at, -1));
            let out = jnp::cross(&a, &b);
            if out.rank() == a.rank().max(b.rank()) {
                out.moveaxis(-1, at)
            } else {
                out
            }
        }
        "vecdot" => jnp::vecdot(x()?, call.arg(1)?, axis(-1)),
        "tensordot" => {
            let (x, y) = (x()?, call.arg(1)?);
            match &call.json["axes"] {
                Value::Array(pair) => {
                    let list = |v: &Value| -> Vec<isize> {
                        match v {
                            Value::Array(items) => items
                                .iter()
                                .filter_map(Value::as_i64)
                                .map(|a| a as isize)
                                .collect(),
                            other => vec![other.as_i64().unwrap_or(0) as isize],
                        }
                    };
                    tensordot(x, y, &list(&pair[0]), &list(&pair[1]))
                }
                n => {
                    let n = n.as_i64().unwrap_or(2) as isize;
                    let last: Vec<isize> = (x.rank() as isize - n..x.rank() as isize).collect();
                    tensordot(x, y, &last, &(0..n).collect::<Vec<_>>())
                }
            }
        }
        "einsum" if call.json.get("spec").is_some() => {
            elimap::einsum(call.text("spec", ""), call.all()?)?
        }
        "broadcast_to" => x()?.broadcast_to(call.sizes("shape")),
        "broadcast_arrays" => return jnp::broadcast_arrays(call.all()?).map(Some),
        "meshgrid" => {
            let xy = call.text("indexing", "xy") == "xy";
            let all = call.all()?;
            if call.flag("sparse", false) {
                let rank = all.len();
                let sparse = all.iter().enumerate().map(|(k, x)| {
                    let mut shape = vec![1; rank];
                    shape[if xy && rank > 1 && k < 2 { 1 - k } else { k }] = -1;
                    x.reshape(shape)
                });
                return Ok(Some(sparse.collect()));
            }
            return jnp::meshgrid(all, xy).map(Some);
        }
        "indices" => jnp::indices(call.sizes("dimensions"))
            .astype(call.dtype("dtype")?.unwrap_or(DType::I64)),
        "unstack" => return jnp::unstack(x()?, axis(0)).map(Some),
        "split" | "array_split" => return cut(call, &x()?, axis(0)).map(Some),
        "hsplit" => {
            let x = x()?;
            let at = if x.rank() == 1 { 0 } else { 1 };
            return cut(call, &x, at).map(Some);
        }
        "vsplit" => return cut(call, &x()?, 0).map(Some),
        "dsplit" => return cut(call, &x()?, 2).map(Some),
        "vstack" => jnp::vstack(call.list(0)?)?,
        "hstack" => jnp::hstack(call.list(0)?)?,
        "dstack" => jnp::dstack(call.list(0)?)?,
        "column_stack" => jnp::column_stack(call.list(0)?)?,
        "stack" => stack(call.list(0)?, axis(0))?,
        "concatenate" if op.starts_with("jnp.") => {
            let parts = call.list(0)?;
            if call.json.get("axis").is_some_and(Value::is_null) {
                concatenate(parts.into_iter().map(|x| jnp::ravel(x)), 0)?
            } else {
                concatenate(parts, axis(0))?
            }
        }
        "block" => {
            let rows = call.raw(0).as_array().cloned().unwrap_or_default();
            let nested = rows.iter().any(Value::is_array);
            let row = |v: &Value| -> Result<Vec<Tensor>, Error> {
                match v {
                    Value::Array(items) => items.iter().map(|v| call.tensor_of(v)).collect(),
                    other => Ok(vec![call.tensor_of(other)?]),
                }
            };
            if nested {
                jnp::block(&rows.iter().map(row).collect::<Result<Vec<_>, _>>()?)?
            } else {
                let flat: Vec<Tensor> = rows
                    .iter()
                    .map(|v| call.tensor_of(v))
                    .collect::<Result<_, _>>()?;
                let low = flat.iter().all(|x| x.rank() < 2);
                let out = jnp::block(&[flat])?;
                if low { out.squeeze(0) } else { out }
            }
        }
        "append" => {
            let (x, v) = (x()?, call.arg(1)?);
            if call.json["axis"].is_null() {
                jnp::append(jnp::ravel(x), jnp::ravel(v), 0)
            } else {
                jnp::append(x, v, axis(0))
            }
        }
        "delete" | "insert" => {
            let x = x()?;
            let (x, at) = if call.json["axis"].is_null() {
                (jnp::ravel(x), 0)
            } else {
                (x, axis(0))
            };
            let places: Vec<isize> = match &call.json["obj"] {
                Value::Null => call
                    .arg(1)?
                    .astype(DType::I64)
                    .to_vec::<i64>()?
                    .into_iter()
                    .map(|k| k as isize)
                    .collect(),
                _ => call.ints("obj").into_iter().map(|k| k as isize).collect(),
            };
            if name == "delete" {
                jnp::delete(x, &places, at)
            } else {
                let values = if call.json["obj"].is_null() {
                    call.arg(2)?
                } else {
                    call.arg(1)?
                };
                jnp::insert(x, values, &places, at)
            }
        }
        "pad" if op == "jnp.pad" => {
            let x = x()?;
            let pair = |v: &Value| -> (usize, usize) {
                match v {
                    Value::Array(p) if p.len() == 2 => (
                        p[0].as_u64().unwrap_or(0) as usize,
                        p[1].as_u64().unwrap_or(0) as usize,
                    ),
                    other => {
                        let n = other.as_u64().or(other[0].as_u64()).unwrap_or(0) as usize;
                        (n, n)
                    }
                }
            };
            let widths: Vec<(usize, usize)> = match &call.json["pad_width"] {
                Value::Array(items)
                    if items.first().is_some_and(Value::is_array) && items.len() == x.rank() =>
                {
                    items.iter().map(pair).collect()
                }
                Value::Array(items) if items.first().is_some_and(Value::is_array) => {
                    vec![pair(&items[0]); x.rank()]
                }
                other => vec![pair(other); x.rank()],
            };
            let mode = match call.text("mode", "constant") {
                "constant" => {
                    let value = call.json["constant_values"].as_f64().unwrap_or(0.0);
                    let config = widths.iter().map(|&(l, h)| (l as i64, h as i64, 0));
                    return one(x.pad(Tensor::from(value).astype(x.dtype()), config));
                }
                "edge" => PadMode::Edge,
                "wrap" => PadMode::Wrap,
                "reflect" => PadMode::Reflect,
                "symmetric" => PadMode::Symmetric,
                other => return Err(unsupported(format!("pad mode {other:?}"))),
            };
            jnp::pad_with(x, &widths, mode)
        }
        "packbits" | "unpackbits" => {
            let x = x()?;
            let (x, at) = if call.json["axis"].is_null() {
                (jnp::ravel(x), 0)
            } else {
                (x, axis(0))
            };
            let little = call.text("bitorder", "big") == "little";
            if name == "packbits" {
                jnp::packbits(x, at, little)
            } else {
                let out = jnp::unpackbits(x, at, little);
                match call.size("count") {
                    Some(n) => out.moveaxis(at, 0).i(..n).moveaxis(0, at),
                    None => out,
                }
            }
        }
        "compress" => {
            let (mask, x) = (x()?, call.arg(1)?);
            let (x, at) = if call.json["axis"].is_null() {
                (jnp::ravel(x), 0)
            } else {
                (x, axis(0))
            };
            let size = size().unwrap_or_else(|| x.shape()[0]);
            jnp::compress(x, mask, at, size, fill().unwrap_or_else(|| Tensor::from(0)))
        }
        "extract" => {
            let (mask, x) = (x()?, call.arg(1)?);
            let size = size().unwrap_or_else(|| x.ty().size());
            jnp::extract(mask, x, size, fill().unwrap_or_else(|| Tensor::from(0)))
        }
        "select" if op == "jnp.select" => jnp::select(
            call.list(0)?,
            call.list(1)?,
            call.maybe(2)?.unwrap_or_else(|| Tensor::from(0)),
        )?,
        "choose" => jnp::choose(x()?, call.list(1)?, call.mode())?,
        "piecewise" => {
            let functions = call.json["fun"].as_array().cloned().unwrap_or_default();
            let functions = functions
                .iter()
                .map(|f| call.fun(f))
                .collect::<Result<Vec<_>, _>>()?;
            let closures: Vec<_> = functions
                .into_iter()
                .map(|f| move |x: Tensor| f(vec![x]).map(|mut out| out.remove(0)))
                .collect();
            let refs: Vec<&dyn Fn(Tensor) -> Result<Tensor, Error>> =
                closures.iter().map(|f| f as _).collect();
            jnp::piecewise(x()?, call.list(1)?, &refs)?
        }
        "where" => where_(x()?, call.arg(1)?, call.arg(2)?),
        "put_along_axis" => {
            let x = x()?;
            jnp::put_along_axis(x, call.arg(1)?, call.arg(2)?, axis(-1))
        }
        "take" if op == "jnp.take" => {
            let x = x()?;
            let (x, at) = if call.json["axis"].is_null() {
                (jnp::ravel(x), 0)
            } else {
                (x, axis(0))
            };
            x.take(call.arg(1)?, at, call.mode())
        }
        "take_along_axis" => {
            let x = x()?;
            let (x, at) = if call.json.get("axis").is_some_and(Value::is_null) {
                (jnp::ravel(x), 0)
            } else {
                (x, axis(-1))
            };
            x.take_along_axis(call.arg(1)?, at, call.mode())
        }
        "nonzero" => {
            return jnp::nonzero(x()?, size(), call.int("fill_value").unwrap_or(0)).map(Some);
        }
        "flatnonzero" => jnp::flatnonzero(x()?, size(), call.int("fill_value").unwrap_or(0))?,
        "argwhere" => jnp::argwhere(x()?, size(), call.int("fill_value").unwrap_or(0))?,
        "unravel_index" => return Ok(Some(jnp::unravel_index(x()?, call.sizes("shape")))),
        "ravel_multi_index" => {
            jnp::ravel_multi_index(call.list(0)?, call.sizes("dims"), call.mode())?
        }
        "bincount" => {
            let x = x()?;
            let length = call.size("length").unwrap_or(0);
            match call.named("weights")?.or(call.maybe(1)?) {
                Some(w) => jnp::bincount_weighted(x, w, length),
                None => jnp::bincount(x, length),
            }
        }
        "apply_along_axis" => {
            let f = call.fun(&call.json["fun"])?;
            jnp::apply_along_axis(
                move |v| f(vec![v]).map(|mut out| out.remove(0)),
                axis(0),
                x()?,
            )?
        }
        "vectorize" => {
            let f = call.fun(&call.json["fun"])?;
            return jnp::vectorize(f, call.text("signature", ""))?
                .call(call.all()?)
                .map(Some);
        }
        "lexsort" => {
            let keys = match call.raw(0) {
                Value::Array(_) => call.list(0)?,
                _ => jnp::unstack(x()?, 0)?,
            };
            jnp::lexsort(keys, axis(-1))?
        }
        "sort" | "argsort" if op.starts_with("jnp.") => {
            let x = x()?;
            let (x, at) = if call.json.get("axis").is_some_and(Value::is_null) {
                (jnp::ravel(x), 0)
            } else {
                (x, axis(-1))
            };
            match (name, call.flag("descending", false)) {
                ("sort", false) => x.sort(at),
                ("sort", true) => jnp::sort_descending(x, at),
                (_, false) => x.argsort(at),
                (_, true) => jnp::argsort_descending(x, at),
            }
        }
        "partition" => jnp::partition(x()?, call.int("kth").unwrap_or(0) as isize, axis(-1)),
        "argpartition" => jnp::argpartition(x()?, call.int("kth").unwrap_or(0) as isize, axis(-1)),
        "polyder" => jnp::polyder(x()?, call.size("m").unwrap_or(1)),
        "polyint" => jnp::polyint(x()?, call.size("m").unwrap_or(1)),
        "unwrap" => jnp::unwrap(
            x()?,
            call.number("period").unwrap_or(std::f64::consts::TAU),
            axis(-1),
        ),
        "convolve" => jnp::convolve(x()?, call.arg(1)?, convolve_mode(call, "full")),
        "correlate" => jnp::correlate(x()?, call.arg(1)?, convolve_mode(call, "valid")),
        "scipy.signal.convolve" | "scipy.signal.fftconvolve" => {
            elimap::lax::convolve(x()?, call.arg(1)?, convolve_mode(call, "full"))?
        }
        "interp" => {
            let (x, xp, fp) = (x()?, call.arg(1)?, call.arg(2)?);
            let end = |key: &str| match call.number(key) {
                Some(value) => Ok(Some(Tensor::from(value))),
                None => call.named(key),
            };
            match (call.number("period"), end("left")?, end("right")?) {
                (Some(period), _, _) => jnp::interp_periodic(x, xp, fp, period),
                (None, None, None) => jnp::interp(x, xp, fp),
                (None, left, right) => {
                    let left = left.unwrap_or_else(|| fp.index(0, 0));
                    let right = right.unwrap_or_else(|| fp.index(0, -1));
                    jnp::interp_between(x, xp, fp, left, right)
                }
            }
        }
        "searchsorted" => {
            jnp::searchsorted(x()?, call.arg(1)?, call.text("side", "left") == "right")
        }
        "digitize" => jnp::digitize(x()?, call.arg(1)?, call.flag("right", false)),
        "isin" => {
            let found = jnp::isin(x()?, call.arg(1)?);
            if call.flag("invert", false) {
                !found
            } else {
                found
            }
        }
        "histogram_bin_edges" => edges(call, &x()?)?,
        "histogram" => {
            let x = x()?;
            let edges = edges(call, &x)?;
            let counts = jnp::histogram(
                &x,
                &edges,
                call.named("weights")?,
                call.flag("density", false),
            );
            return Ok(Some(vec![counts, edges]));
        }
        "histogram2d" => {
            let (x, y) = (x()?, call.arg(1)?);
            let bins = call.size("bins").unwrap_or(10);
            let (a, b) = match call.maybe(2)? {
                Some(edges) => (edges.clone(), edges),
                None => (
                    jnp::histogram_bin_edges(&x, bins, None),
                    jnp::histogram_bin_edges(&y, bins, None),
                ),
            };
            let counts = jnp::histogram2d(
                x,
                y,
                [&a, &b],
                call.named("weights")?,
                call.flag("density", false),
            );
            return Ok(Some(vec![counts, a, b]));
        }
        "unique" => {
            let found = jnp::unique(x()?, size(), fill())?;
            let mut out = vec![found.values];
            for (key, value) in [
                ("return_index", found.index),
                ("return_inverse", found.inverse),
                ("return_counts", found.counts),
            ] {
                if call.flag(key, false) {
                    out.push(value);
                }
            }
            return Ok(Some(out));
        }
        "union1d" => jnp::union1d(x()?, call.arg(1)?, size(), fill())?,
        "intersect1d" => jnp::intersect1d(x()?, call.arg(1)?, size(), fill())?,
        "setdiff1d" => jnp::setdiff1d(x()?, call.arg(1)?, size(), fill())?,
        "setxor1d" => jnp::setxor1d(x()?, call.arg(1)?, size(), fill())?,
        "linspace" | "logspace" | "geomspace" => {
            let (start, stop) = (x()?, call.arg(1)?);
            let (num, end) = (call.size("num").unwrap_or(50), call.flag("endpoint", true));
            let out = match name {
                "linspace" if end => elimap::linspace(start, stop, num),
                "linspace" => elimap::linspace_open(start, stop, num),
                "logspace" => {
                    jnp::logspace(start, stop, num, end, call.number("base").unwrap_or(10.0))
                }
                _ => jnp::geomspace(start, stop, num, end),
            };
            let out = out.moveaxis(0, axis(0));
            match call.dtype("dtype")? {
                Some(dtype) => {
                    if dtype.is_float() {
                        out.astype(dtype)
                    } else {
                        out.floor().astype(dtype)
                    }
                }
                None => out,
            }
        }
        "arange" => {
            let get = |key: &str| &call.json[key];
            let whole = ["start", "stop", "step"]
                .into_iter()
                .all(|k| get(k).is_null() || get(k).is_i64());
            let at = |key: &str, default: f64| get(key).as_f64().unwrap_or(default);
            let (start, stop) = if get("stop").is_null() {
                (0.0, at("start", 0.0))
            } else {
                (at("start", 0.0), at("stop", 0.0))
            };
            let step = at("step", 1.0);
            let out = if whole {
                arange((start as i64, stop as i64, step as i64))
            } else {
                arange((start, stop, step))
            };
            match call.dtype("dtype")? {
                Some(dtype) => out.astype(dtype),
                None => out,
            }
        }
        "expand_dims" if op.starts_with("jnp.") => x()?.expand_dims(call.axes("axis", 0)),
        "squeeze" if op.starts_with("jnp.") => {
            let x = x()?;
            let axes = match &call.json["axis"] {
                Value::Null => (0..x.rank())
                    .filter(|&a| x.shape()[a] == 1)
                    .map(|a| a as isize)
                    .collect(),
                _ => call.axes("axis", 0),
            };
            x.squeeze(axes)
        }
        "nn.elu" => nn::elu(x()?, call.number("alpha").unwrap_or(1.0)),
        "nn.celu" => nn::celu(x()?, call.number("alpha").unwrap_or(1.0)),
        "nn.leaky_relu" => nn::leaky_relu(x()?, call.number("negative_slope").unwrap_or(0.01)),
        "nn.gelu" => nn::gelu(x()?, call.flag("approximate", true)),
        "nn.squareplus" => nn::squareplus(x()?, call.number("b").unwrap_or(4.0)),
        "nn.glu" => nn::glu(x()?, axis(-1)),
        "nn.standardize" => {
            let x = x()?;
            let axes = if call.json["axis"].is_null() {
                vec![-1]
            } else {
                call.axes("axis", 1)
            };
            nn::standardize(x, axes, call.number("epsilon").unwrap_or(1e-5))
        }
        "nn.one_hot" => {
            let dtype = call.dtype("dtype")?.unwrap_or(DType::F64);
            elimap::one_hot(x()?, call.size("num_classes").unwrap_or(0), dtype)
                .moveaxis(-1, axis(-1))
        }
        "nn.dot_product_attention" => nn::dot_product_attention(
            x()?,
            call.arg(1)?,
            call.arg(2)?,
            call.flag("is_causal", false),
        ),
        "ops.segment_sum" => {
            nn::segment_sum(x()?, call.arg(1)?, call.size("num_segments").unwrap_or(0))
        }
        "ops.segment_prod" => {
            nn::segment_prod(x()?, call.arg(1)?, call.size("num_segments").unwrap_or(0))
        }
        "ops.segment_max" => {
            nn::segment_max(x()?, call.arg(1)?, call.size("num_segments").unwrap_or(0))
        }
        "ops.segment_min" => {
            nn::segment_min(x()?, call.arg(1)?, call.size("num_segments").unwrap_or(0))
        }
        _ => return Ok(None),
    })
}

/// The shape of one slice along an axis.
fn one_slice(x: &Tensor, axis: isize) -> Vec<usize> {
    let mut shape = x.shape().to_vec();
    let at = if axis < 0 {
        axis + x.rank() as isize
    } else {
        axis
    } as usize;
    shape[at] = 1;
    shape
}

/// Edges given as an array, or by number and range.
fn edges(call: &Call<'_>, x: &Tensor) -> Result<Tensor, Error> {
    if let Some(bins) = call.maybe(1)?
        && bins.rank() == 1
    {
        return Ok(if x.dtype().is_float() {
            bins.astype(x.dtype())
        } else {
            bins
        });
    }
    let range = match &call.json["range"] {
        Value::Array(r) => Some((r[0].as_f64().unwrap_or(0.0), r[1].as_f64().unwrap_or(1.0))),
        _ => None,
    };
    Ok(jnp::histogram_bin_edges(
        x,
        call.size("bins").unwrap_or(10),
        range,
    ))
}
