//! Operations that JAX writes and that are others here.

use std::sync::Arc;

use crate::array::{Shape, TensorType};
use crate::error::{At, AutodiffError, ParseError};
use crate::program::text::{Given, Value};
use crate::program::{
    Call, Checkpoint, CheckpointPolicy, Collective, CollectiveOp, ControlOp, CustomJvpCall,
    CustomVjpCall, DerivativeRule, Op, Reduce, ReduceOp,
};

/// An equation's parameters, with the places of their values.
type Params<'t> = Vec<(&'t str, Value, At)>;

/// `psum`, `pmax` and `pmin` of several operands, or over positions and names: the positions, and the parameters that are left, which
/// name the axes. `None` for one operand over names alone, which is an operation here.
pub(super) fn divided<'t>(
    name: &str,
    entries: &[(&'t str, Value, At)],
    operands: usize,
) -> Option<(Option<Reduce>, Params<'t>)> {
    let kind = match name {
        "psum" => ReduceOp::Sum,
        "pmax" => ReduceOp::Max,
        "pmin" => ReduceOp::Min,
        _ => return None,
    };
    let mut positions = Shape::new();
    let mut rest = Vec::new();
    for (key, value, at) in entries {
        let (numbers, names) = match value {
            Value::Tuple(items) if *key == "axes" => items
                .iter()
                .cloned()
                .partition::<Vec<Value>, _>(|item| matches!(item, Value::Number(_))),
            _ => {
                rest.push((*key, value.clone(), *at));
                continue;
            }
        };
        positions.extend(Value::Tuple(numbers).shape().into_iter().flatten());
        if !names.is_empty() {
            rest.push((*key, Value::Tuple(names), *at));
        }
    }
    if operands == 1 && positions.is_empty() {
        return None;
    }
    positions.sort_unstable();
    let axes = positions;
    let sum = (!axes.is_empty()).then_some(Reduce { kind, axes });
    Some((sum, rest))
}

/// Slices that are dealt out are blocks of an axis that stays: JAX's API adds axes where they are not and the text does not say so, but
/// types do.
pub(super) fn in_blocks(op: Op, operands: &[TensorType], results: &[TensorType]) -> Op {
    let Op::Control(ControlOp::Collective(collective)) = &op else {
        return op;
    };
    let (
        &CollectiveOp::AllToAll {
            split_axis,
            concat_axis,
            tiled: false,
        },
        [x],
        [y],
    ) = (&collective.kind, operands, results)
    else {
        return op;
    };
    let n: usize = collective.axes.iter().map(|(_, n)| n).product();
    let mut shape = x.shape.clone();
    if split_axis >= shape.len() || concat_axis >= shape.len() || n == 0 {
        return op;
    }
    shape[split_axis] /= n;
    shape[concat_axis] *= n;
    if shape != y.shape {
        return op;
    }
    let kind = CollectiveOp::AllToAll {
        split_axis,
        concat_axis,
        tiled: true,
    };
    let axes = collective.axes.clone();
    Collective { kind, axes }.into()
}

/// The name of an operation here: `add_any` is the sum that derivatives make.
pub(super) fn spelled(name: &str) -> &str {
    match name {
        "add_any" => "add",
        other => other,
    }
}

/// Calls that JAX spells otherwise, and functions whose rules its text only names: those have a derivative that was not read, and none
/// is made up. `None` for other operations.
pub(super) fn wrapped(name: &str, given: &mut Given<'_>) -> Option<Result<Op, ParseError>> {
    let forward = name == "custom_jvp_call" && given.has("jvp");
    let backward = name == "custom_vjp_call" && given.has("bwd");
    let key = match name {
        _ if forward || backward => "call_jaxpr",
        "closed_call" | "core_call" => "call_jaxpr",
        "remat2" => return Some(checkpoint(given)),
        "call_hi_primitive" => return object(given).map(|fields| checkpoint_object(given, fields)),
        _ => return None,
    };
    let shown: Arc<str> = match given.optional("name") {
        Some((Value::Word(name) | Value::Text(name), _)) => name.into(),
        _ => name.into(),
    };
    Some(given.sub_program(key).map(|program| {
        let name = shown;
        if !forward && !backward {
            return Call { name, program }.into();
        }
        let missing = AutodiffError::RuleNotInText {
            name: name.to_string(),
        };
        let rule = DerivativeRule::failed(missing.into());
        let num_consts = 0;
        match forward {
            true => CustomJvpCall {
                name,
                program,
                num_consts,
                rule,
            }
            .into(),
            false => CustomVjpCall {
                name,
                program,
                num_consts,
                rule,
            }
            .into(),
        }
    }))
}

/// A checkpoint. Its policy is a function, of which the text shows the name where it has one; others keep nothing, which changes what is
/// computed twice and no result.
fn checkpoint(given: &mut Given<'_>) -> Result<Op, ParseError> {
    let policy = match given.optional("policy") {
        Some((Value::Word(word), _)) => word,
        _ => String::new(),
    };
    let known = |name: &&str| word_holds(&policy, name);
    let policy = ["everything_saveable", "dots_saveable"]
        .iter()
        .copied()
        .find(known);
    let policy = policy.and_then(CheckpointPolicy::from_name);
    Ok(Checkpoint {
        program: given.sub_program("jaxpr")?,
        policy: policy.unwrap_or(CheckpointPolicy::NothingSaveable),
        differentiated: given.boolean("differentiated")?,
    }
    .into())
}

/// The fields of the operation that `call_hi_primitive` names, where that is a checkpoint.
fn object(given: &mut Given<'_>) -> Option<Vec<(String, Value)>> {
    match given.optional("_prim") {
        Some((Value::Record(name, fields), _)) if name == "RematTraced" => Some(fields),
        Some((value, at)) => {
            // Not taken: what it is stays for the error.
            let _ = given.push("_prim", value, at);
            None
        }
        None => None,
    }
}

/// A checkpoint that JAX shows as the Python object it is.
fn checkpoint_object(
    given: &mut Given<'_>,
    fields: Vec<(String, Value)>,
) -> Result<Op, ParseError> {
    let at = given.at();
    for (key, value) in fields {
        match &key[..] {
            "jaxpr" => given.push("jaxpr", value, at)?,
            "policy" => given.push("policy", value, at)?,
            _ => {}
        }
    }
    given.push("differentiated", Value::Word("False".to_owned()), at)?;
    checkpoint(given)
}

/// Whether an operation only gives a value a name, for the policies of checkpoints.
pub(super) fn names_a_value(name: &str, entries: &[(&str, Value, At)]) -> bool {
    name == "call_hi_primitive"
        && entries.iter().any(|(key, value, _)| {
            *key == "_prim" && matches!(value, Value::Record(name, _) if name == "CheckpointName")
        })
}

/// Whether what Python prints of a function holds a name as a word.
fn word_holds(text: &str, name: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| word == name)
}

/// An operation that hands its operands on: they are its results.
pub(super) fn hands_on(name: &str) -> bool {
    matches!(
        name,
        "copy" | "copy_p" | "device_put" | "name" | "optimization_barrier" | "pvary"
    )
}
