//! Functions with a batching rule of their own: `custom_vmap_call`.
//!
//! The rule is consulted at the innermost level that batches an argument, and its answer is inlined there, so outer
//! levels batch the rule's body (rule C44). The answer is held to the function it stands for: structure, number of
//! lanes, shapes and element types, none of which JAX checks (rule C45).

use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

use crate::array::TensorType;
use crate::error::{CustomVmapError, Error, OpErrorKind, ParseError};
use crate::ops::control::infer_call;
use crate::ops::rule::{BatchDim, Batched, ControlRules, Effect, Emit, Outputs, Rules};
use crate::program::text::{Given, Shown, python};
use crate::program::{Atoms, Call, CustomVmapCall, Op, SubProgram};

impl Rules for CustomVmapCall {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        infer_call(&self.program, inputs)
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let Self {
            rule,
            program,
            num_consts,
        } = self;
        let name = || rule.name().to_owned();
        let (consts, args) = inputs.split_at(*num_consts);
        if let Some(capture) = consts.iter().find(|c| c.dim.is_batched()) {
            let ty = cx.ty(capture);
            let ty = match capture.dim {
                BatchDim::At(d) => ty.remove_axis(d),
                BatchDim::Unbatched => ty,
            };
            return Err(CustomVmapError::BatchedCapture { name: name(), ty }.into());
        }
        if args.iter().all(|a| !a.dim.is_batched()) {
            // Only a collective inside knows of this axis; the rule is not asked.
            let (name, program) = (Arc::from(rule.name()), program.clone());
            return Call { name, program }.batch(cx, inputs);
        }
        let flags: Vec<bool> = args.iter().map(|a| a.dim.is_batched()).collect();
        let atoms: Atoms = args
            .iter()
            .map(|a| cx.batch_to_front(a))
            .collect::<Result<_, _>>()?;
        let types: Vec<TensorType> = atoms.iter().map(|a| cx.atom_type(a)).collect();
        let answer = rule.run(cx.size(), &flags, &types)?;
        if answer.def != *rule.out_def() {
            return Err(CustomVmapError::Structure {
                name: name(),
                expected: rule.out_def().to_string(),
                actual: answer.def.to_string(),
            }
            .into());
        }
        let expected = program.output_types();
        if answer.batched.len() != expected.len() {
            return Err(CustomVmapError::FlagCount {
                name: name(),
                expected: expected.len(),
                actual: answer.batched.len(),
            }
            .into());
        }
        let returned = answer.program.output_types();
        for (result, ((ty, actual), &batched)) in expected
            .iter()
            .zip(&returned)
            .zip(&answer.batched)
            .enumerate()
        {
            let wanted = if batched {
                ty.insert_axis(0, cx.size())
            } else {
                ty.clone()
            };
            if wanted.shape != actual.shape {
                return Err(CustomVmapError::Shape {
                    name: name(),
                    result,
                    batched,
                    expected: wanted.shape,
                    actual: actual.shape.clone(),
                }
                .into());
            }
            if wanted.dtype != actual.dtype {
                return Err(CustomVmapError::Dtype {
                    name: name(),
                    result,
                    expected: ty.clone(),
                    actual: actual.clone(),
                }
                .into());
            }
        }
        let outputs = cx.inline(&answer.program, &atoms);
        Ok(outputs
            .into_iter()
            .zip(answer.batched)
            .map(|(atom, batched)| {
                if batched {
                    Batched::at(atom, 0)
                } else {
                    Batched::unbatched(atom)
                }
            })
            .collect())
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("call", &self.program)
            .show("num_consts", self.num_consts)
            .show("rule", python::name(self.rule.name()));
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        Ok(CustomVmapCall {
            rule: given.rule("rule")?,
            program: given.sub_program("call")?,
            num_consts: given.number("num_consts")?,
        }
        .into())
    }
}

impl ControlRules for CustomVmapCall {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        smallvec![&self.program]
    }

    fn effect(&self) -> Effect<'_> {
        Effect::None
    }
}
