//! Loops that run while a predicate holds.

use std::sync::Arc;

use crate::array::{DType, TensorType};
use crate::error::{Error, OpError, OpErrorKind, ParseError};
use crate::ops::control::{
    check_carry, check_inputs, fronted, has_io, out_dims, output_flags, to_dim,
};
use crate::ops::rule::{
    BatchDim, Batched, ControlRules, Effect, Emit, Outputs, Rules, expect_operands,
};
use crate::program::text::{Given, Shown};
use crate::program::{Op, SubProgram, While};
use smallvec::{SmallVec, smallvec};

impl Rules for While {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let Self {
            cond,
            cond_consts,
            body,
            body_consts,
        } = self;
        let (cond_consts, body_consts) = (*cond_consts, *body_consts);
        let consts = cond_consts.saturating_add(body_consts);
        if inputs.len() < consts {
            return Err(OpErrorKind::OperandCount {
                expected: consts,
                actual: inputs.len(),
            });
        }
        let carry = &inputs[consts..];
        check_inputs(cond, &[&inputs[..cond_consts], carry].concat())?;
        check_inputs(body, &[&inputs[cond_consts..consts], carry].concat())?;
        match &cond.output_types()[..] {
            // A batched predicate is a vector: the loop runs while any lane's holds.
            [ty] if ty.dtype == DType::Bool => {}
            other => {
                let found: Vec<String> = other.iter().map(ToString::to_string).collect();
                return Err(OpErrorKind::parameter(format!(
                    "the predicate must return one bool, it returns ({})",
                    found.join(", ")
                )));
            }
        }
        let returned = body.output_types();
        expect_operands(&returned, carry.len())?;
        check_carry(carry, &returned)?;
        Ok(returned.into())
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let Self {
            cond,
            cond_consts,
            body,
            body_consts,
        } = self;
        let consts = cond_consts + body_consts;
        let flags: Vec<bool> = inputs.iter().map(|i| i.dim.is_batched()).collect();
        let (cond_flags, body_flags) = (&flags[..*cond_consts], &flags[*cond_consts..consts]);
        let mut carry: Vec<bool> = flags[consts..].to_vec();
        // A predicate that earlier levels made a vector keeps its axes in front of this level's, unless it is batched here.
        let pred_rank = cond.output_types().first().map_or(0, TensorType::rank);
        let dims = |consts: &[bool], carry: &[bool], at: usize| -> Vec<BatchDim> {
            let carry = carry.iter().map(|&b| {
                if b {
                    BatchDim::At(at)
                } else {
                    BatchDim::Unbatched
                }
            });
            consts.iter().map(|&b| to_dim(b)).chain(carry).collect()
        };
        let pred_batched = loop {
            let cond_batched = cx.batch_program(cond, &dims(cond_flags, &carry, 0))?;
            let pred_batched = cond_batched
                .outputs
                .first()
                .is_some_and(|o| o.dim.is_batched());
            let body_batched = cx.batch_program(body, &dims(body_flags, &carry, 0))?;
            let mut next: Vec<bool> = carry
                .iter()
                .zip(output_flags(&body_batched))
                .map(|(&a, b)| a | b)
                .collect();
            if pred_batched {
                next.fill(true);
            }
            if next == carry {
                break pred_batched;
            }
            carry = next;
        };
        // Finished lanes would call again, and ordered calls cannot be batched at all (rules C41 and C42).
        if [cond, body].iter().any(|p| has_io(p, !pred_batched)) {
            let detail = "an io_callback in a loop cannot be batched where it is ordered or lanes stop at different times; call it outside, use debug_callback, or run the lanes with map".to_owned();
            return Err(OpError::at(
                "while",
                OpErrorKind::UnsupportedEffect { detail },
                cx.location(),
            )
            .into());
        }
        let at = if pred_batched { 0 } else { pred_rank };
        let new_cond = cx.batch_program(cond, &dims(cond_flags, &carry, at))?;
        let new_cond = cx.finish(new_cond, &[pred_batched.then_some(0)])?;
        let new_body = cx.batch_program(body, &dims(body_flags, &carry, at))?;
        let new_body = cx.finish(new_body, &out_dims(&carry, at))?;
        let mut atoms = fronted(cx, &inputs[..consts], &flags[..consts])?;
        for (input, &batched) in inputs[consts..].iter().zip(&carry) {
            atoms.push(if batched {
                cx.materialize_at(input, at)?
            } else {
                input.atom
            });
        }
        let op = While {
            cond: Arc::new(new_cond),
            cond_consts: *cond_consts,
            body: Arc::new(new_body),
            body_consts: *body_consts,
        };
        let outputs = cx.emit(op, atoms)?;
        let dim = |batched: bool| {
            if batched {
                BatchDim::At(at)
            } else {
                BatchDim::Unbatched
            }
        };
        Ok(outputs
            .into_iter()
            .zip(&carry)
            .map(|(atom, &b)| Batched { atom, dim: dim(b) })
            .collect())
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("body_jaxpr", &self.body)
            .show("body_nconsts", self.body_consts)
            .show("cond_jaxpr", &self.cond)
            .show("cond_nconsts", self.cond_consts);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        Ok(While {
            cond: given.sub_program("cond_jaxpr")?,
            cond_consts: given.number("cond_nconsts")?,
            body: given.sub_program("body_jaxpr")?,
            body_consts: given.number("body_nconsts")?,
        }
        .into())
    }
}

impl ControlRules for While {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        smallvec![&self.cond, &self.body]
    }

    fn effect(&self) -> Effect<'_> {
        Effect::None
    }
}
