//! Operations that run programs: calls, conditionals and loops.
//!
//! Type rules hold the sub-programs to their operands; batching rules batch the sub-programs (section 5 of JAX's rules,
//! items 7 and 12 to 14). Loops find by fixpoint which parts of the carry become batched: a part is batched if it
//! starts so or if the batched body makes it so, and each round can only add parts, so it ends after at most one round per part.

mod call;
mod checkpoint;
mod cond;
mod scan;
mod while_loop;

use crate::array::TensorType;
use crate::callback::CallbackKind;
use crate::error::{Error, OpErrorKind};
use crate::ops::rule::{BatchDim, Batched, BatchedBody, Effect, Emit, Outputs};
use crate::program::{Atoms, Program};

pub(super) fn check_inputs(program: &Program, inputs: &[TensorType]) -> Result<(), OpErrorKind> {
    super::expect_operands(inputs, program.inputs().len())?;
    for (expected, actual) in program.input_types().iter().zip(inputs) {
        if !expected.same_layout(actual) {
            return Err(OpErrorKind::shapes(
                [expected, actual],
                format!("the sub-program takes {expected} where {actual} is given"),
            ));
        }
    }
    Ok(())
}

/// Checks that a loop body returns the carry it takes.
pub(super) fn check_carry(
    carry: &[TensorType],
    returned: &[TensorType],
) -> Result<(), OpErrorKind> {
    for (k, (takes, returns)) in carry.iter().zip(returned).enumerate() {
        if !takes.same_layout(returns) {
            return Err(OpErrorKind::CarryMismatch {
                path: format!("carry {k}"),
                expected: takes.to_string(),
                actual: returns.to_string(),
            });
        }
    }
    Ok(())
}

pub(super) fn to_dim(batched: bool) -> BatchDim {
    if batched {
        BatchDim::At(0)
    } else {
        BatchDim::Unbatched
    }
}

/// Result dims for [`BatchedBody::finish`]: the batch axis at `at` where `batched`.
pub(super) fn out_dims(batched: &[bool], at: usize) -> Vec<Option<usize>> {
    batched.iter().map(|&b| b.then_some(at)).collect()
}

/// Every value with a batch axis in front where `batched` says so.
pub(super) fn fronted(
    cx: &mut dyn Emit,
    inputs: &[Batched],
    batched: &[bool],
) -> Result<Atoms, Error> {
    let mut out = Atoms::new();
    for (input, &batched) in inputs.iter().zip(batched) {
        out.push(if batched {
            cx.materialize_at(input, 0)?
        } else {
            input.atom
        });
    }
    Ok(out)
}

pub(super) fn output_flags(body: &BatchedBody) -> Vec<bool> {
    body.outputs.iter().map(|o| o.dim.is_batched()).collect()
}

/// Whether a program makes `io_callback`s, or ordered ones where only those are asked about.
pub(super) fn has_io(program: &Program, only_ordered: bool) -> bool {
    program.any(&|op| match op.effect() {
        Effect::Host(CallbackKind::Io { ordered }) => ordered || !only_ordered,
        Effect::Host(_) | Effect::Axes(_) | Effect::None => false,
    })
}

pub(crate) fn infer_call(
    program: &Program,
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    check_inputs(program, inputs)?;
    Ok(program.output_types().into())
}
