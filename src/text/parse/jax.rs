//! Operations that JAX writes and that are others here.

use std::sync::Arc;

use crate::error::{At, AutodiffError, ParseError};
use crate::program::text::{Given, Value};
use crate::program::{
    Call, Checkpoint, CheckpointPolicy, CustomJvpCall, CustomVjpCall, DerivativeRule, Op,
};

/// The name of an operation here: `psum` over positions alone is a sum over axes, as `vmap` leaves it, and `add_any` is the sum that
/// derivatives make.
pub(super) fn spelled<'t>(name: &'t str, entries: &[(&'t str, Value, At)]) -> &'t str {
    let positions = entries.iter().any(|(key, value, _)| {
        *key == "axes" && value.shape().is_some_and(|axes| !axes.is_empty())
    });
    match name {
        "psum" if positions => "reduce_sum",
        "pmax" if positions => "reduce_max",
        "pmin" if positions => "reduce_min",
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
