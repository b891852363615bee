//! Cases of JAX's transforms: a function as the text of its jaxpr, what is done with it, and JAX's answer.
//!
//! `tests/reference/harvest.py` says what a case is made of; tests/reference/primitives.py writes those in tests/data.

use elimap::prelude::*;
use elimap::{BatchDim, Error, ProgramParser, hessian, jacfwd, jacrev};
use serde_json::Value;

use crate::case::decode_array;

/// What became of a case.
pub(crate) enum Outcome {
    Equal,
    Different(String),
    Refused(String),
}

/// Reads the function, transforms it and compares.
pub(crate) fn outcome(case: &Value) -> Outcome {
    match answer(case) {
        Err(why) => Outcome::Refused(why),
        Ok(answers) => match answers.iter().find_map(|(what, got, want)| {
            difference(got.as_ref(), want).map(|how| format!("{what}: {how}"))
        }) {
            Some(how) => Outcome::Different(how),
            None => Outcome::Equal,
        },
    }
}

/// A name, what came out, and what should have.
type Answers = Vec<(String, Option<Array>, Value)>;

fn arrays(case: &Value, key: &str) -> Result<Vec<Array>, String> {
    list(case, key).map(decode_array).collect()
}

fn list<'a>(case: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    case[key].as_array().into_iter().flatten()
}

fn answer(case: &Value) -> Result<Answers, String> {
    let fail = |e: Error| e.to_string();
    let mut parser = ProgramParser::new();
    for constant in list(case, "constants") {
        parser =
            parser.constant(decode_array(constant).map_err(|e| format!("an element type: {e}"))?);
    }
    let size = case["axis_size"].as_u64().unwrap_or(0) as usize;
    let axis = case["axis_name"].as_str();
    if let Some(name) = axis {
        parser = parser.axis(name, size);
    }
    let text = case["program"].as_str().unwrap_or("");
    let program = parser.parse(text).map_err(|e| e.to_string())?;
    program.verify().map_err(|e| e.to_string())?;
    let inputs = arrays(case, "inputs")?;
    let mut found = Vec::new();
    let mut add = |what: &str, got: Vec<Option<Array>>, want: &str| {
        let wanted: Vec<Value> = list(case, want).cloned().collect();
        if got.len() != wanted.len() {
            found.push((
                format!("{} results, not {}", got.len(), wanted.len()),
                None,
                Value::Bool(true),
            ));
        }
        for (k, (got, want)) in got.into_iter().zip(wanted).enumerate() {
            found.push((format!("{what} {k}"), got, want));
        }
    };
    match case["transform"].as_str().unwrap_or("") {
        "vmap" => {
            let dims: Vec<BatchDim> = list(case, "in_axes")
                .map(|axis| {
                    axis.as_u64()
                        .map_or(BatchDim::Unbatched, |a| BatchDim::At(a as usize))
                })
                .collect();
            let (batched, dims) = match axis {
                Some(name) => program.vmap_named(name, size, &dims),
                None => program.vmap(size, &dims),
            }
            .map_err(fail)?;
            let results = batched.run(&inputs).map_err(fail)?;
            let placed = results.into_iter().zip(dims).zip(list(case, "out_axes"));
            let placed = placed.map(|((result, dim), to)| {
                let result = Tensor::from(result);
                let moved = match (dim, to.as_i64()) {
                    (BatchDim::At(from), Some(to)) => result.moveaxis(from as isize, to as isize),
                    (BatchDim::Unbatched, Some(to)) => result
                        .broadcast_to([&[size][..], result.shape()].concat())
                        .moveaxis(0, to as isize),
                    (_, _) => result,
                };
                moved.to_array().map(Some)
            });
            add(
                "result",
                placed.collect::<Result<_, _>>().map_err(fail)?,
                "outputs",
            );
        }
        "jvp" => {
            let given =
                list(case, "tangents").map(|t| (!t.is_null()).then(|| decode_array(t)).transpose());
            let given: Vec<Option<Array>> = given.collect::<Result<_, _>>()?;
            let flags: Vec<bool> = given.iter().map(Option::is_some).collect();
            let (derivative, tangents) = program.jvp(&flags).map_err(fail)?;
            let operands: Vec<Array> = inputs
                .into_iter()
                .chain(given.into_iter().flatten())
                .collect();
            let mut results = derivative.run(&operands).map_err(fail)?;
            let mut moving = results.split_off(tangents.len()).into_iter();
            let moving = tangents
                .iter()
                .map(|&has| if has { moving.next() } else { None })
                .collect();
            add("result", results.into_iter().map(Some).collect(), "outputs");
            add("tangent", moving, "out_tangents");
        }
        "vjp" => {
            let wanted: Vec<bool> = list(case, "wanted")
                .map(|w| w.as_bool() == Some(true))
                .collect();
            let (primal, linear, residuals, tangents) = program.linearize(&wanted).map_err(fail)?;
            let mut results = primal.run(&inputs).map_err(fail)?;
            let mut operands = results.split_off(tangents.len());
            let flags: Vec<bool> = (0..linear.inputs().len()).map(|k| k >= residuals).collect();
            let (transposed, cotangents) = linear.transpose(&flags).map_err(fail)?;
            for (cotangent, has) in list(case, "cotangents").zip(&tangents) {
                if *has {
                    operands.push(decode_array(cotangent)?);
                }
            }
            let mut gradients = transposed.run(&operands).map_err(fail)?.into_iter();
            let mut given = cotangents.iter();
            let gradients = wanted
                .iter()
                .map(|&w| match w && given.next() == Some(&true) {
                    true => gradients.next(),
                    false => None,
                });
            let gradients = gradients.collect();
            add("result", results.into_iter().map(Some).collect(), "outputs");
            add("gradient", gradients, "gradients");
        }
        kind => {
            let places: Vec<usize> = list(case, "places")
                .filter_map(Value::as_u64)
                .map(|p| p as usize)
                .collect();
            let moving: Vec<Tensor> = places
                .iter()
                .map(|&p| Tensor::from(inputs[p].clone()))
                .collect();
            let fixed: Vec<Tensor> = inputs.into_iter().map(Tensor::from).collect();
            let f = move |xs: Vec<Tensor>| {
                let mut all = fixed.clone();
                for (&p, x) in places.iter().zip(xs) {
                    all[p] = x;
                }
                program.call(all)
            };
            let results: Vec<Tensor> = match kind {
                "jacfwd" => jacfwd(f)
                    .call((moving,))
                    .map_err(fail)?
                    .into_iter()
                    .flatten()
                    .collect(),
                "jacrev" => jacrev(f)
                    .call((moving,))
                    .map_err(fail)?
                    .into_iter()
                    .flatten()
                    .collect(),
                "hessian" => hessian(f)
                    .call((moving,))
                    .map_err(fail)?
                    .into_iter()
                    .flatten()
                    .flatten()
                    .collect(),
                other => return Err(format!("unknown transform {other:?}")),
            };
            let results = results
                .iter()
                .map(|x| x.to_array().map(Some))
                .collect::<Result<_, _>>()
                .map_err(fail)?;
            add("result", results, "outputs");
        }
    }
    Ok(found)
}

/// How an array differs from the one wanted; nothing is as good as zeros.
fn difference(got: Option<&Array>, want: &Value) -> Option<String> {
    if want.is_null() {
        return None;
    }
    let Ok(want) = decode_array(want) else {
        return Some("nothing to compare with".to_owned());
    };
    let shown = |a: &Array| {
        let text: Vec<String> = numbers(a).iter().take(6).map(ToString::to_string).collect();
        format!("{}{:?}[{}..]", a.dtype(), a.shape(), text.join(", "))
    };
    let nothing = vec![0.0; numbers(&want).len()];
    let (values, same) = match got {
        Some(got) => (
            numbers(got),
            got.dtype() == want.dtype() && got.shape() == want.shape(),
        ),
        None => (nothing, true),
    };
    let wanted = numbers(&want);
    let scale = wanted
        .iter()
        .filter(|x| x.is_finite())
        .fold(1.0_f64, |m, x| m.max(x.abs()));
    let tolerance = match want.dtype() {
        DType::F64 | DType::C128 => 1e-10,
        DType::F32 | DType::C64 => 2e-5,
        DType::F16 => 2e-3,
        DType::BF16 => 2e-2,
        _ => 0.0,
    };
    let close = |(a, b): (&f64, &f64)| {
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * scale
    };
    if same && values.iter().zip(&wanted).all(close) {
        return None;
    }
    let place = (0..wanted.len().min(values.len())).find(|&k| !close((&values[k], &wanted[k])));
    let got_type = got.map_or_else(
        || "zeros".to_owned(),
        |a| format!("{}{:?}", a.dtype(), a.shape()),
    );
    Some(match place {
        Some(k) if same => format!(
            "{} instead of {} at {k} of {got_type}",
            values[k], wanted[k]
        ),
        _ => format!("{got_type} instead of {}", shown(&want)),
    })
}

/// The numbers of an array, of complex ones both parts.
fn numbers(array: &Array) -> Vec<f64> {
    let x = Tensor::from(array.clone());
    let floats = |x: Tensor| x.astype(DType::F64).to_vec::<f64>().unwrap_or_default();
    if array.dtype().is_complex() {
        return [floats(x.real()), floats(x.imag())].concat();
    }
    floats(x)
}
