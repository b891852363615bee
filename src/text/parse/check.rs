//! Whether what the text says of programs agrees with itself.

use crate::array::TensorType;
use crate::error::{At, ParseError};
use crate::program::text::check_types;
use crate::program::{
    Call, Checkpoint, Cond, ControlOp, CustomJvpCall, CustomVjpCall, Op, Scan, While,
};

/// That an operation's programs take its operands and return its results.
pub(super) fn check_programs(
    op: &Op,
    operands: &[TensorType],
    results: &[TensorType],
    at: At,
) -> Result<(), ParseError> {
    let name = op.name();
    let check = |item: &str, expected: &[TensorType], found: &[TensorType]| {
        check_types(item, name, expected, found, at)
    };
    let enough = |count: usize| match operands.len() < count {
        true => {
            let what = format!("the number of operands of `{name}`");
            Err(ParseError::mismatch(
                at,
                what,
                &format!("{count} or more"),
                &operands.len(),
            ))
        }
        false => Ok(()),
    };
    let op = match op {
        Op::Data(_) => return Ok(()),
        Op::Control(op) => op,
    };
    match op {
        ControlOp::Call(Call { program, .. })
        | ControlOp::CustomJvpCall(CustomJvpCall { program, .. })
        | ControlOp::CustomVjpCall(CustomVjpCall { program, .. })
        | ControlOp::Checkpoint(Checkpoint { program, .. }) => {
            check("operand", &program.input_types(), operands)?;
            check("result", &program.output_types(), results)
        }
        ControlOp::Cond(Cond { branches }) => {
            enough(1)?;
            for branch in branches {
                check("branch operand", &branch.input_types(), &operands[1..])?;
                check("result", &branch.output_types(), results)?;
            }
            Ok(())
        }
        ControlOp::While(While {
            cond,
            cond_consts,
            body,
            body_consts,
        }) => {
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
        ControlOp::Scan(Scan {
            body,
            length,
            num_consts,
            num_carry,
            ..
        }) => {
            let whole = num_consts.saturating_add(*num_carry);
            let inputs = stacked(&body.input_types(), whole, *length, at)?;
            check("operand", &inputs, operands)?;
            check(
                "result",
                &stacked(&body.output_types(), *num_carry, *length, at)?,
                results,
            )
        }
        // Verification holds these to their operands; their text says nothing twice.
        ControlOp::HostCall(_)
        | ControlOp::CustomVmapCall(_)
        | ControlOp::CustomLin(_)
        | ControlOp::ScatterApply(_)
        | ControlOp::Collective(_) => Ok(()),
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
