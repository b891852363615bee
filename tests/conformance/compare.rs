//! Running a case and holding the outcome against the reference's.

use std::collections::HashMap;
use std::rc::Rc;

use elimap::half::{bf16, f16};
use elimap::prelude::*;
use elimap::{Array, AutodiffError, CallLog, CallbackError, Error, OpErrorKind, VmapError};
use serde_json::{Value, json};

use crate::case::{Case, decode_array, decode_tree, encode_array, encode_tree, is_array, parts_of};
use crate::interp;

/// What became of a case.
pub(crate) struct Outcome {
    /// How it differs from the reference, if it does.
    pub(crate) difference: Option<String>,
    /// Whether all that differs is that compiled code of the reference made fewer host calls.
    pub(crate) fewer_calls: bool,
    /// `{"id", "output" | "error", "calls", "message"}`.
    pub(crate) result: Value,
}

/// Runs a case and compares.
pub(crate) fn run(case: &Case) -> Outcome {
    let log = CallLog::new();
    let outcome = execute(case, &log);
    let calls: Vec<Value> = log
        .records()
        .iter()
        .map(|r| json!({"fn": r.name, "args": r.args.iter().map(encode_array).collect::<Vec<_>>()}))
        .collect();
    let fewer_calls = match &outcome {
        Ok(output) => fewer_calls(case, output, &calls),
        Err(_) => false,
    };
    let (mut result, difference) = match outcome {
        Ok(output) => {
            let difference = match case.expect["error"].as_str() {
                Some(kind) => Some(format!("error {kind} expected, got {}", brief(&output))),
                None => difference(case, &output, &calls),
            };
            (json!({"id": case.id, "output": output}), difference)
        }
        Err((kind, message)) => {
            let expected = case.expect["error"].as_str();
            let difference = (expected != Some(kind.as_str())).then(|| {
                format!(
                    "error {kind} ({message}), expected {}",
                    expected.unwrap_or("an output")
                )
            });
            (
                json!({"id": case.id, "error": kind, "message": message}),
                difference,
            )
        }
    };
    result["calls"] = Value::Array(calls);
    Outcome {
        difference,
        fewer_calls,
        result,
    }
}

fn execute(case: &Case, log: &CallLog) -> Result<Value, (String, String)> {
    let fail = |e: Error| (kind(&e).to_owned(), e.to_string());
    let runner = |e: String| ("Runner".to_owned(), e);
    let session = interp::Session {
        calls: log.clone(),
        wide: case.group.contains("voc/"),
        narrow: case.x64 == Some(false),
    };
    let mut f = interp::function(&case.fun, &Rc::new(HashMap::new()), &session);
    for spec in case.vmap.iter().rev() {
        f = interp::mapped(f, spec).map_err(fail)?;
    }
    let args = case
        .inputs
        .iter()
        .map(decode_tree)
        .collect::<Result<Vec<_>, _>>()
        .map_err(runner)?;
    let args = TreeValue::Tuple(args);
    if case.x64 == Some(false) {
        return narrowed(&*f, args)
            .and_then(|out| encode_tree(&out))
            .map_err(fail);
    }
    let out = if case.mode == "jit" {
        jit(move |args: TreeValue| f(args)).call((args,))
    } else {
        f(args)
    };
    out.and_then(|out| encode_tree(&out)).map_err(fail)
}

/// What a function answers with 64-bit types off: it is traced for 32-bit arguments, its program narrowed, and that run.
fn narrowed(
    f: &dyn Fn(TreeValue) -> Result<TreeValue, Error>,
    args: TreeValue,
) -> Result<TreeValue, Error> {
    let structure = std::cell::RefCell::new(TreeValue::None);
    let traced = |args: TreeValue| -> Result<TreeValue, Error> {
        let out = f(args)?;
        structure.replace(out.clone());
        Ok(out)
    };
    let mut leaves = Vec::new();
    leaves_of(&args, &mut leaves);
    let mut inputs = Vec::new();
    for leaf in leaves {
        let dtype = match leaf.dtype() {
            DType::F64 => DType::F32,
            DType::C128 => DType::C64,
            DType::I64 => DType::I32,
            DType::U64 => DType::U32,
            other => other,
        };
        inputs.push(leaf.astype(dtype).to_array()?);
    }
    let args = filled(&args, &mut inputs.clone().into_iter());
    let traced = || jit(traced).trace((args,));
    let program = elimap::random::in_32_bits(traced)?.narrowed()?;
    let mut results = program.run(&inputs)?.into_iter();
    Ok(filled(&structure.into_inner(), &mut results))
}

fn leaves_of(value: &TreeValue, out: &mut Vec<Tensor>) {
    match value {
        TreeValue::Leaf(x) => out.push(x.clone()),
        TreeValue::Tuple(items) | TreeValue::List(items) => {
            items.iter().for_each(|v| leaves_of(v, out))
        }
        TreeValue::Dict(items) => items.values().for_each(|v| leaves_of(v, out)),
        _ => {}
    }
}

/// The same structure with other leaves.
fn filled(value: &TreeValue, leaves: &mut impl Iterator<Item = Array>) -> TreeValue {
    match value {
        TreeValue::Leaf(_) => leaves.next().map_or(TreeValue::None, TreeValue::from),
        TreeValue::Tuple(items) => {
            TreeValue::Tuple(items.iter().map(|v| filled(v, leaves)).collect())
        }
        TreeValue::List(items) => {
            TreeValue::List(items.iter().map(|v| filled(v, leaves)).collect())
        }
        TreeValue::Dict(items) => TreeValue::Dict(
            items
                .iter()
                .map(|(k, v)| (k.clone(), filled(v, leaves)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// The case file's name for an error.
fn kind(error: &Error) -> &'static str {
    match error.root() {
        Error::Vmap(e) => match e {
            VmapError::InconsistentAxisSize { .. } => "InconsistentAxisSize",
            VmapError::InAxisOutOfBounds { .. } | VmapError::OutAxisOutOfBounds { .. } => {
                "AxisOutOfBounds"
            }
            VmapError::NoMappedArgument { .. } => "NoMappedArgument",
            VmapError::OutAxesNone { .. } => "OutAxesNone",
            VmapError::InAxesType { .. } => "TreeMismatch",
            _ => "Vmap",
        },
        Error::Tree(_) => "TreeMismatch",
        Error::Op(e) => match &e.kind {
            OpErrorKind::ShapeMismatch { .. } => "ShapeMismatch",
            OpErrorKind::UnboundAxisName { .. } => "UnboundAxisName",
            OpErrorKind::CarryMismatch { .. } => "CarryMismatch",
            OpErrorKind::BranchMismatch { .. } => "BranchMismatch",
            _ => "Op",
        },
        Error::Callback(e) => match e {
            CallbackError::VmapMethodRequired { .. } => "VmapMethodRequired",
            CallbackError::Ordered { .. } => "OrderedCallback",
            CallbackError::ResultCount { .. } | CallbackError::ResultShape { .. } => {
                "CallbackShape"
            }
            CallbackError::ResultDtype { .. } => "CallbackDtype",
            CallbackError::Failed { .. } => "CallbackFailed",
            _ => "Callback",
        },
        Error::Autodiff(e) => match e {
            AutodiffError::IntegerInput { .. } => "IntegerInput",
            AutodiffError::IntegerOutput { .. } => "IntegerOutput",
            AutodiffError::NonScalarOutput { .. } => "NonScalarOutput",
            AutodiffError::ArgnumsOutOfRange { .. } => "ArgnumsOutOfRange",
            AutodiffError::TangentMismatch { .. } => "TangentMismatch",
            AutodiffError::RuleMismatch { .. } => "RuleMismatch",
            AutodiffError::CallbackRuleRequired { .. }
            | AutodiffError::EffectfulCallback { .. } => "CallbackRuleRequired",
            AutodiffError::ForwardCustomVjp { .. } => "ForwardCustomVjp",
            AutodiffError::ReverseWhile => "ReverseWhile",
            AutodiffError::ReverseCustomVmap { .. } => "ReverseCustomVmap",
            AutodiffError::ClosedOverValue { .. } => "ClosedOverValue",
            _ => "Autodiff",
        },
        Error::Pmap(_) => "PmapUnsupported",
        Error::Function(_) => "Runner",
        _ => "Other",
    }
}

fn difference(case: &Case, output: &Value, calls: &[Value]) -> Option<String> {
    let tolerance = tolerance(case);
    if !close(output, &case.expect["output"], tolerance) {
        return Some(format!(
            "output {}, expected {}",
            brief(output),
            brief(&case.expect["output"])
        ));
    }
    let expected = case.expect["calls"].as_array().cloned().unwrap_or_default();
    let equal = if order_is_free(case) {
        is_part_of(&expected, calls, tolerance) && calls.len() == expected.len()
    } else {
        all_close(calls, &expected, tolerance)
    };
    (!equal).then(|| {
        format!(
            "{} calls {}, expected {}: {}",
            calls.len(),
            brief(&json!(calls)),
            expected.len(),
            brief(&json!(expected))
        )
    })
}

/// Whether the reference promises no order of host calls here.
fn order_is_free(case: &Case) -> bool {
    fn visit(value: &Value, found: &mut dyn FnMut(&Value)) {
        match value {
            Value::Object(items) => {
                found(value);
                items.values().for_each(|v| visit(v, found));
            }
            Value::Array(items) => items.iter().for_each(|v| visit(v, found)),
            _ => {}
        }
    }
    // Unrolled calls below another level, a loop's included, come in no promised order (rule C12).
    let (mut unrolled, mut unordered, mut levels) = (false, false, case.vmap.len());
    for equation in &case.fun.body {
        visit(equation, &mut |e| match e["op"].as_str() {
            Some("callback") => unrolled |= e["method"] == "sequential_unrolled",
            Some("io_callback") => unordered |= e["ordered"] == false,
            Some("jit") => unordered = true,
            Some("vmap" | "map" | "scan" | "while" | "fori" | "custom_vmap") => levels += 1,
            _ => {}
        });
    }
    let derivative = case.group.starts_with("diff/");
    derivative || case.mode == "jit" || unordered || (unrolled && levels >= 2)
}

/// Whether the results agree, and the reference's calls are some of those made here, in code it compiles.
fn fewer_calls(case: &Case, output: &Value, calls: &[Value]) -> bool {
    let tolerance = tolerance(case);
    let compiled = |e: &Value| {
        matches!(
            e["op"].as_str(),
            Some("cond" | "switch" | "while" | "fori" | "scan" | "map" | "jit")
        )
    };
    let expected = case.expect["calls"].as_array().cloned().unwrap_or_default();
    close(output, &case.expect["output"], tolerance)
        && (case.mode == "jit" || case.fun.body.iter().any(compiled))
        && expected.len() < calls.len()
        && is_part_of(&expected, calls, tolerance)
}

/// Whether each of `some` is another one of `all`.
fn is_part_of(some: &[Value], all: &[Value], tolerance: Tolerance) -> bool {
    let mut left: Vec<&Value> = all.iter().collect();
    some.iter().all(
        |call| match left.iter().position(|e| close(e, call, tolerance)) {
            Some(i) => {
                left.swap_remove(i);
                true
            }
            None => false,
        },
    )
}

/// How far float64 may be off: what was float32 on its way has float32's precision.
fn tolerance(case: &Case) -> Tolerance {
    let vocabulary = match case.group.split('/').nth(1) {
        _ if !case.group.starts_with("voc/") => None,
        Some("special" | "stats" | "linalg") => Some(1e-9),
        Some("random") => Some(1e-12),
        _ => Some(1e-10),
    };
    if let Some(wide) = vocabulary {
        let scaled = false;
        return Tolerance { wide, scaled };
    }
    let narrow = |value: &Value| value.to_string().contains("float32");
    let scaled = case.group.starts_with("diff/");
    let wide = if case.inputs.iter().chain(&case.fun.body).any(narrow) {
        1e-5
    } else if scaled {
        1e-10
    } else {
        1e-11
    };
    Tolerance { wide, scaled }
}

/// How far numbers may be off.
#[derive(Clone, Copy)]
struct Tolerance {
    /// For float64.
    wide: f64,
    /// Whether relative to the largest number of the leaf, as derivatives are compared.
    scaled: bool,
}

fn all_close(a: &[Value], b: &[Value], tolerance: Tolerance) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(a, b, tolerance))
}

/// Equality of trees: exact for integers and bools, to 2e-5 for float32, 2e-3 for float16, 2e-2 for bfloat16 and to `tolerance` for
/// float64; of complex numbers each part.
fn close(a: &Value, b: &Value, tolerance: Tolerance) -> bool {
    match (a, b) {
        (a, b) if is_array(a) && is_array(b) => match (decode_array(a), decode_array(b)) {
            (Ok(a), Ok(b)) => close_arrays(&a, &b, tolerance),
            _ => false,
        },
        (Value::Array(a), Value::Array(b)) => all_close(a, b, tolerance),
        (Value::Object(a), Value::Object(b)) => {
            let found = |(k, v)| b.get(k).is_some_and(|w| close(v, w, tolerance));
            a.len() == b.len() && a.iter().all(found)
        }
        (a, b) => a == b,
    }
}

fn close_arrays(a: &Array, b: &Array, tolerance: Tolerance) -> bool {
    if a.dtype() != b.dtype() || a.shape() != b.shape() {
        return false;
    }
    let floats = |x: &Array| -> Option<(Vec<f64>, f64)> {
        match x.dtype() {
            DType::F64 => x.to_vec::<f64>().ok().map(|v| (v, tolerance.wide)),
            DType::F32 => x
                .to_vec::<f32>()
                .ok()
                .map(|v| (v.into_iter().map(f64::from).collect(), 2e-5)),
            DType::C128 => Some((parts_of(x), tolerance.wide)),
            DType::C64 => Some((parts_of(x), 2e-5)),
            DType::F16 => {
                let wide = x.to_vec::<f16>().ok()?;
                Some((wide.into_iter().map(f64::from).collect(), 2e-3))
            }
            DType::BF16 => {
                let wide = x.to_vec::<bf16>().ok()?;
                Some((wide.into_iter().map(f64::from).collect(), 2e-2))
            }
            _ => None,
        }
    };
    match (floats(a), floats(b)) {
        (Some((a, tol)), Some((b, _))) => {
            let finite = b.iter().filter(|y| y.is_finite() && tolerance.scaled);
            let largest = finite.fold(0.0, |m: f64, y| m.max(y.abs()));
            a.iter().zip(&b).all(|(&x, &y)| {
                x == y
                    || (x.is_nan() && y.is_nan())
                    || (x - y).abs() <= tol * (1.0 + largest) + tol * y.abs()
            })
        }
        _ => a == b,
    }
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.len() > 400 {
        format!("{}...", &text[..400])
    } else {
        text
    }
}
