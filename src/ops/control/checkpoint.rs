//! Calls whose intermediate values reverse mode computes again.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::array::TensorType;
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::control::infer_call;
use crate::ops::rule::{BatchDim, Batched, ControlRules, Effect, Emit, Outputs, Rules};
use crate::program::text::{Given, Shown, Value};
use crate::program::{Checkpoint, CheckpointPolicy, Op, SubProgram};

impl Rules for Checkpoint {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        infer_call(&self.program, inputs)
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let dims: SmallVec<[BatchDim; 4]> = inputs.iter().map(|i| i.dim).collect();
        let body = cx.batch_program(&self.program, &dims)?;
        let out_dims: SmallVec<[BatchDim; 2]> = body.outputs.iter().map(|o| o.dim).collect();
        let program = Arc::new(cx.finish(body, &vec![None; out_dims.len()])?);
        let atoms = inputs.iter().map(|i| i.atom).collect();
        let outputs = cx.emit(Checkpoint { program, ..*self }, atoms)?;
        Ok(outputs
            .into_iter()
            .zip(out_dims)
            .map(|(atom, dim)| Batched { atom, dim })
            .collect())
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("differentiated", self.differentiated)
            .show("jaxpr", &self.program)
            .show("policy", self.policy.name())
            .show("prevent_cse", true);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        given.fixed("prevent_cse", "True")?;
        let policy = given.read(
            "policy",
            "`None` or a policy of checkpoint",
            |value| match value {
                Value::Word(word) if word == "None" => Some(CheckpointPolicy::NothingSaveable),
                Value::Word(word) => CheckpointPolicy::from_name(word),
                _ => None,
            },
        )?;
        Ok(Checkpoint {
            program: given.sub_program("jaxpr")?,
            policy,
            differentiated: given.boolean("differentiated")?,
        }
        .into())
    }
}

impl ControlRules for Checkpoint {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        smallvec![&self.program]
    }

    fn effect(&self) -> Effect<'_> {
        Effect::None
    }
}
