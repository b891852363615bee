//! Loops over the slices of their operands.

use std::sync::Arc;

use crate::array::TensorType;
use crate::callback::{CallbackKind, VmapMethod};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::control::{check_carry, check_inputs, fronted, out_dims, output_flags, to_dim};
use crate::ops::rule::{BatchDim, Batched, ControlRules, Effect, Emit, Outputs, Rules};
use crate::ops::shape::check_size;
use crate::program::text::{Given, Shown};
use crate::program::{ControlOp, DataOp, Op, Program, Scan, SubProgram};
use smallvec::{SmallVec, smallvec};

impl Rules for Scan {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let Self {
            body,
            length,
            num_consts,
            num_carry,
            ..
        } = self;
        let (length, num_consts, num_carry) = (*length, *num_consts, *num_carry);
        let fixed = num_consts.saturating_add(num_carry);
        if inputs.len() < fixed {
            return Err(OpErrorKind::OperandCount {
                expected: fixed,
                actual: inputs.len(),
            });
        }
        let mut step_inputs: SmallVec<[TensorType; 4]> = inputs[..fixed].iter().cloned().collect();
        for xs in &inputs[fixed..] {
            if xs.shape.first() != Some(&length) {
                return Err(OpErrorKind::shapes(
                    [xs],
                    format!("the scanned axis 0 must have length {length}"),
                ));
            }
            step_inputs.push(xs.remove_axis(0));
        }
        check_inputs(body, &step_inputs)?;
        let mut returned = body.output_types();
        if returned.len() < num_carry {
            return Err(OpErrorKind::parameter(format!(
                "the body must return the {num_carry} carried values first, it returns {}",
                returned.len()
            )));
        }
        check_carry(&inputs[num_consts..fixed], &returned[..num_carry])?;
        for ys in &mut returned[num_carry..] {
            *ys = ys.insert_axis(0, length);
            check_size(ys)?;
        }
        Ok(returned.into())
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let Self {
            body,
            length,
            num_consts,
            num_carry,
            reverse,
            unroll,
            lanes,
        } = self;
        let fixed = num_consts + num_carry;
        let mut flags: Vec<bool> = inputs.iter().map(|i| i.dim.is_batched()).collect();
        let batched = loop {
            let dims: Vec<BatchDim> = flags.iter().map(|&b| to_dim(b)).collect();
            let batched = cx.batch_program(body, &dims)?;
            let mut changed = false;
            for (flag, out) in flags[*num_consts..fixed]
                .iter_mut()
                .zip(output_flags(&batched))
            {
                changed |= out && !*flag;
                *flag |= out;
            }
            if !changed {
                break batched;
            }
        };
        let mut out = output_flags(&batched);
        out[..*num_carry].copy_from_slice(&flags[*num_consts..fixed]);
        let new_body = cx.finish(batched, &out_dims(&out, 0))?;
        let mut atoms = fronted(cx, &inputs[..fixed], &flags[..fixed])?;
        for (input, &batched) in inputs[fixed..].iter().zip(&flags[fixed..]) {
            // Axis 0 is scanned; the lanes follow it.
            atoms.push(if batched {
                cx.materialize_at(input, 1)?
            } else {
                input.atom
            });
        }
        let op = Scan {
            body: Arc::new(new_body),
            length: *length,
            num_consts: *num_consts,
            num_carry: *num_carry,
            reverse: *reverse,
            unroll: *unroll,
            lanes: *lanes,
        };
        let outputs = cx.emit(op, atoms)?;
        let place = |k: usize| if k < *num_carry { 0 } else { 1 };
        Ok(outputs
            .into_iter()
            .zip(out)
            .enumerate()
            .map(|(k, (atom, b))| Batched {
                atom,
                dim: if b {
                    BatchDim::At(place(k))
                } else {
                    BatchDim::Unbatched
                },
            })
            .collect())
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("jaxpr", &self.body)
            .show("length", self.length)
            .show("num_carry", self.num_carry)
            .show("num_consts", self.num_consts)
            .show("reverse", self.reverse)
            .show("unroll", self.unroll);
        if self.lanes != looks_like_lanes(&self.body, self.num_carry) {
            shown.show("lanes", self.lanes);
        }
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let body = given.sub_program("jaxpr")?;
        let num_carry = given.number("num_carry")?;
        let lanes = given
            .optional_boolean("lanes")?
            .unwrap_or_else(|| looks_like_lanes(&body, num_carry));
        Ok(Scan {
            body,
            length: given.number("length")?,
            num_consts: given.number("num_consts")?,
            num_carry,
            reverse: given.boolean("reverse")?,
            unroll: given.number("unroll")?,
            lanes,
        }
        .into())
    }
}

impl ControlRules for Scan {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        smallvec![&self.body]
    }

    fn effect(&self) -> Effect<'_> {
        Effect::None
    }
}

/// Whether a scan has the form that batching gives to a per-lane callback: no carry, and nothing in its body but such
/// a callback, or a scan over its lanes, between transposes and broadcasts. Text shows `lanes` only where the operation
/// differs from this, so that it reads as JAX's.
fn looks_like_lanes(body: &Program, num_carry: usize) -> bool {
    let per_lane = |op: &Op| match op {
        Op::Control(ControlOp::HostCall(call)) => {
            let method = call.callback.method();
            call.kind != CallbackKind::Pure
                || matches!(
                    method,
                    Some(VmapMethod::Sequential | VmapMethod::SequentialUnrolled)
                )
        }
        Op::Control(ControlOp::Scan(scan)) => scan.lanes,
        Op::Control(
            ControlOp::Call(_)
            | ControlOp::CustomVmapCall(_)
            | ControlOp::CustomJvpCall(_)
            | ControlOp::CustomVjpCall(_)
            | ControlOp::CustomLin(_)
            | ControlOp::Checkpoint(_)
            | ControlOp::Cond(_)
            | ControlOp::While(_)
            | ControlOp::ScatterApply(_)
            | ControlOp::Collective(_),
        )
        | Op::Data(_) => false,
    };
    let moves = |op: &Op| {
        matches!(
            op,
            Op::Data(DataOp::Transpose(_) | DataOp::BroadcastInDim(_))
        )
    };
    num_carry == 0
        && body.equations().iter().any(|e| per_lane(&e.op))
        && body
            .equations()
            .iter()
            .all(|e| per_lane(&e.op) || moves(&e.op))
}
