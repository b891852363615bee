//! Whether what the text says of programs and callbacks agrees with itself.

use crate::array::TensorType;
use crate::callback::Callback;
use crate::error::{At, ParseError};
use crate::program::Op;

/// Results are those the callback declares for one example, behind any batch axes.
pub(super) fn check_declared(
    callback: &Callback,
    types: &[TensorType],
    at: At,
) -> Result<(), ParseError> {
    let declared = callback.results();
    let what = |part: &str| format!("{part} of the given callback {:?}", callback.name());
    if declared.len() != types.len() {
        return Err(ParseError::mismatch(
            at,
            what("the number of results"),
            &types.len(),
            &declared.len(),
        ));
    }
    for (i, (declared, ty)) in declared.iter().zip(types).enumerate() {
        if declared.dtype != ty.dtype || !ty.shape.ends_with(&declared.shape) {
            return Err(ParseError::mismatch(
                at,
                what(&format!("result {i}")),
                &ty,
                &declared,
            ));
        }
    }
    Ok(())
}

/// That two lists of types agree in length, element types and shapes.
pub(super) fn check_types(
    item: &str,
    owner: &str,
    expected: &[TensorType],
    found: &[TensorType],
    at: At,
) -> Result<(), ParseError> {
    if expected.len() != found.len() {
        return Err(ParseError::mismatch(
            at,
            format!("the number of {item}s of `{owner}`"),
            &expected.len(),
            &found.len(),
        ));
    }
    for (i, (expected, found)) in expected.iter().zip(found).enumerate() {
        if !expected.same_layout(found) {
            return Err(ParseError::mismatch(
                at,
                format!("{item} {i} of `{owner}`"),
                &expected,
                &found,
            ));
        }
    }
    Ok(())
}

/// That an operation's programs take its operands and return its results.
pub(super) fn check_programs(
    op: &Op,
    operands: &[TensorType],
    results: &[TensorType],
    at: At,
) -> Result<(), ParseError> {
    let check = |item: &str, expected: &[TensorType], found: &[TensorType]| {
        check_types(item, op.name(), expected, found, at)
    };
    let enough = |count: usize| match operands.len() < count {
        true => {
            let what = format!("the number of operands of `{}`", op.name());
            Err(ParseError::mismatch(
                at,
                what,
                &format!("{count} or more"),
                &operands.len(),
            ))
        }
        false => Ok(()),
    };
    match op {
        Op::Call { program, .. } => {
            check("operand", &program.input_types(), operands)?;
            check("result", &program.output_types(), results)
        }
        Op::Cond { branches } => {
            enough(1)?;
            for branch in branches {
                check("branch operand", &branch.input_types(), &operands[1..])?;
                check("result", &branch.output_types(), results)?;
            }
            Ok(())
        }
        Op::While {
            cond,
            cond_consts,
            body,
            body_consts,
        } => {
            let consts = cond_consts.saturating_add(*body_consts);
            enough(consts)?;
            let (consts, carry) = operands.split_at(consts);
            let (cond_operands, body_operands) = consts.split_at(*cond_consts);
            check(
                "predicate operand",
                &cond.input_types(),
                &[cond_operands, carry].concat(),
            )?;
            check(
                "operand",
                &body.input_types(),
                &[body_operands, carry].concat(),
            )?;
            check("result", &body.output_types(), results)?;
            check("carried result", carry, results)
        }
        Op::Scan {
            body,
            length,
            num_consts,
            num_carry,
            ..
        } => {
            let whole = num_consts.saturating_add(*num_carry);
            let inputs = stacked(&body.input_types(), whole, *length, at)?;
            check("operand", &inputs, operands)?;
            check(
                "result",
                &stacked(&body.output_types(), *num_carry, *length, at)?,
                results,
            )
        }
        _ => Ok(()),
    }
}

/// A step's types with the steps' axis in front of those from `whole` on.
fn stacked(
    types: &[TensorType],
    whole: usize,
    length: usize,
    at: At,
) -> Result<Vec<TensorType>, ParseError> {
    if types.len() < whole {
        let what = "the number of the body's inputs or results";
        return Err(ParseError::mismatch(
            at,
            what,
            &format!("{whole} or more"),
            &types.len(),
        ));
    }
    let stack = |(i, ty): (usize, &TensorType)| {
        if i < whole {
            ty.clone()
        } else {
            ty.insert_axis(0, length)
        }
    };
    Ok(types.iter().enumerate().map(stack).collect())
}
