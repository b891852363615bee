//! Operations that JAX writes and that are others here.

use std::sync::Arc;

use crate::error::{At, ParseError};
use crate::program::text::{Given, Value};
use crate::program::{Call, Op};

/// The name of an operation here: `psum` over positions alone is a sum over axes, as `vmap` leaves it.
pub(super) fn spelled<'t>(name: &'t str, entries: &[(&'t str, Value, At)]) -> &'t str {
    let positions = entries.iter().any(|(key, value, _)| {
        *key == "axes" && value.shape().is_some_and(|axes| !axes.is_empty())
    });
    match name {
        "psum" if positions => "reduce_sum",
        "pmax" if positions => "reduce_max",
        "pmin" if positions => "reduce_min",
        other => other,
    }
}

/// Functions whose rules JAX's text does not show, checkpoints and calls, as the calls they are; `None` for other operations.
pub(super) fn wrapped(name: &str, given: &mut Given<'_>) -> Option<Result<Op, ParseError>> {
    let key = match name {
        "custom_jvp_call" if given.has("jvp") => "call_jaxpr",
        "custom_vjp_call" if given.has("bwd") => "call_jaxpr",
        "closed_call" | "core_call" => "call_jaxpr",
        "remat2" => "jaxpr",
        _ => return None,
    };
    let shown = match given.optional("name") {
        Some((Value::Word(name) | Value::Text(name), _)) => name,
        _ => name.to_owned(),
    };
    let program = given.sub_program(key);
    Some(program.map(|program| {
        Call {
            name: Arc::from(shown.as_str()),
            program,
        }
        .into()
    }))
}

/// An operation that hands its operands on: they are its results.
pub(super) fn hands_on(name: &str) -> bool {
    matches!(name, "copy" | "copy_p" | "optimization_barrier" | "pvary")
}
