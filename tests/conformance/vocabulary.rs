//! numpy's and scipy's helpers, orders of several tensors, and the collectives that deal slices out.

use elimap::prelude::*;
use elimap::{Error, all_to_all, pshuffle, psum_scatter, sort_by_key};
use serde_json::Value;

/// Runs an operation; `None` where this file does not know it.
pub(super) fn run(op: &str, json: &Value, a: &[Tensor]) -> Result<Option<Vec<Tensor>>, Error> {
    let int = |key: &str| json[key].as_i64().unwrap_or(0) as isize;
    let count = |key: &str| json[key].as_u64().unwrap_or(0) as usize;
    let dtype = || DType::from_name(json["dtype"].as_str().unwrap_or("")).unwrap_or(DType::F64);
    let tiled = json["tiled"].as_bool().unwrap_or(false);
    let name = json["axis_name"].as_str().unwrap_or("");
    let axis = int("axis");
    let refs: Vec<&Tensor> = a.iter().collect();
    let result = match (op, a) {
        ("top_k", [x]) => {
            let (values, positions) = x.top_k(count("k"))?;
            return Ok(Some(vec![values, positions]));
        }
        ("sort_by_key", _) => return Ok(Some(sort_by_key(&refs, axis)?)),
        ("split", [x]) => return Ok(Some(x.split(count("parts"), axis)?)),
        ("mean", [x]) => x.mean(axis),
        ("var", [x]) => x.var(axis, count("ddof")),
        ("std", [x]) => x.std(axis, count("ddof")),
        ("norm", [x]) => x.norm(axis),
        ("logsumexp", [x]) => x.logsumexp(axis),
        ("softmax", [x]) => x.softmax(axis),
        ("log_softmax", [x]) => x.log_softmax(axis),
        ("flip", [x]) => x.flip(axis),
        ("roll", [x]) => x.roll(int("shift"), axis),
        ("tril", [x]) => x.tril(int("k") as i64),
        ("triu", [x]) => x.triu(int("k") as i64),
        ("stack", _) => stack(a, axis)?,
        ("eye", []) => elimap::eye(count("n"), count("m"), int("k") as i64, dtype()),
        ("linspace", [x, y]) => elimap::linspace(x, y, count("num")),
        ("one_hot", [x]) => elimap::one_hot(x, count("classes"), dtype()),
        ("index", [x]) => x.index(axis, int("index")),
        ("take_along_axis", [x, i]) => x.take_along_axis(i, axis, TakeMode::Fill),
        ("einsum", _) => {
            let spec = json["spec"].as_str().or(json["subscripts"].as_str());
            elimap::einsum(spec.unwrap_or(""), &refs)?
        }
        ("all_to_all", [x]) => all_to_all(x, name, int("split_axis"), int("concat_axis"), tiled)?,
        ("psum_scatter", [x]) => psum_scatter(x, name, axis, tiled)?,
        ("pshuffle", [x]) => {
            let lanes = json["perm"].as_array().into_iter().flatten();
            let lanes: Vec<usize> = lanes
                .filter_map(Value::as_u64)
                .map(|n| n as usize)
                .collect();
            pshuffle(x, name, &lanes)?
        }
        _ => return Ok(None),
    };
    Ok(Some(vec![result.check()?]))
}
