//! Calls of named programs.

use std::sync::Arc;

use crate::array::TensorType;
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::control::infer_call;
use crate::ops::rule::{BatchDim, Batched, ControlRules, Effect, Emit, Outputs, Rules};
use crate::program::text::{Given, Shown, python};
use crate::program::{Call, Op, SubProgram};
use smallvec::{SmallVec, smallvec};

impl Rules for Call {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        infer_call(&self.program, inputs)
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let Self { name, program } = self;
        let dims: SmallVec<[BatchDim; 4]> = inputs.iter().map(|i| i.dim).collect();
        let body = cx.batch_program(program, &dims)?;
        let out_dims: SmallVec<[BatchDim; 2]> = body.outputs.iter().map(|o| o.dim).collect();
        let program = Arc::new(cx.finish(body, &vec![None; out_dims.len()])?);
        let atoms = inputs.iter().map(|i| i.atom).collect();
        let outputs = cx.emit(
            Call {
                name: name.clone(),
                program,
            },
            atoms,
        )?;
        Ok(outputs
            .into_iter()
            .zip(out_dims)
            .map(|(atom, dim)| Batched { atom, dim })
            .collect())
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("name", python::name(&self.name))
            .show("jaxpr", &self.program);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        Ok(Call {
            name: Arc::from(given.name("name")?),
            program: given.sub_program("jaxpr")?,
        }
        .into())
    }
}

impl ControlRules for Call {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        smallvec![&self.program]
    }

    fn effect(&self) -> Effect<'_> {
        Effect::None
    }
}
