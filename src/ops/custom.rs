//! Functions with a batching rule of their own: `custom_vmap_call`.
//!
//! The rule is consulted at the innermost level that batches an argument, and its answer is inlined there, so outer
//! levels batch the rule's body (rule C44). The answer is held to the function it stands for: structure, number of
//! lanes, shapes and element types, none of which JAX checks (rule C45).

use std::sync::Arc;

use smallvec::SmallVec;

use super::{BatchContext, BatchDim, Batched, Outputs, control};
use crate::array::TensorType;
use crate::error::{CustomVmapError, Error};
use crate::program::{Atom, Op};

pub(super) fn batch(
    cx: &mut BatchContext<'_>,
    op: &Op,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let Op::CustomVmap {
        rule,
        program,
        num_consts,
    } = op
    else {
        return Ok(Outputs::new());
    };
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
        return control::batch_call(cx, &Arc::from(rule.name()), program, inputs);
    }
    let flags: Vec<bool> = args.iter().map(|a| a.dim.is_batched()).collect();
    let atoms: SmallVec<[Atom; 4]> = args
        .iter()
        .map(|a| cx.batch_to_front(a))
        .collect::<Result<_, _>>()?;
    let types: Vec<TensorType> = atoms.iter().map(|a| cx.builder.atom_type(a)).collect();
    let answer = rule.run(cx.size, &flags, &types)?;
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
            ty.insert_axis(0, cx.size)
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
    let outputs = answer.program.inline(cx.builder, &atoms);
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
