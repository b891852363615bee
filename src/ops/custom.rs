//! Functions with a batching rule of their own: `custom_vmap_call`.
//!
//! The rule is consulted at the innermost level that batches an argument, and its answer is inlined there, so outer
//! levels batch the rule's body (rule C44). The answer is held to the function it stands for: structure, number of
//! lanes, shapes and element types, none of which JAX checks (rule C45).

use std::sync::Arc;

use smallvec::SmallVec;

use super::{BatchContext, BatchDim, Batched, Outputs, control};
use crate::array::{Shape, ShapeTuple, TensorType};
use crate::error::Error;
use crate::program::{Atom, Op};

/// What is wrong with a `custom_vmap` rule's answer, or with what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomVmapError {
    /// The rule returned another structure than the function.
    #[error(
        "the vmap rule of `{name}` returned {actual}, but the function returns {expected}; return the same structure from both"
    )]
    Structure {
        /// The function.
        name: String,
        /// The structure of the function's results.
        expected: String,
        /// The structure of the rule's results.
        actual: String,
    },
    /// The rule did not say of every result whether it is batched.
    #[error(
        "the vmap rule of `{name}` says of {actual} results whether they are batched, but there are {expected}; return one bool for all results or one for each"
    )]
    FlagCount {
        /// The function.
        name: String,
        /// The number of results.
        expected: usize,
        /// The number of flags.
        actual: usize,
    },
    /// A result has another shape than the function's with `size` lanes in front, or than the function's.
    #[error(
        "the vmap rule of `{name}` returned result #{result} of shape {}, expected {}{}",
        ShapeTuple(actual),
        ShapeTuple(expected),
        lanes(*batched)
    )]
    Shape {
        /// The function.
        name: String,
        /// Which result.
        result: usize,
        /// Whether the rule called it batched.
        batched: bool,
        /// The shape expected.
        expected: Shape,
        /// The shape returned.
        actual: Shape,
    },
    /// A result has another element type than the function's.
    #[error(
        "the vmap rule of `{name}` returned result #{result} of type {}, but the function returns {}; convert it with astype",
        actual.dtype.name(),
        expected.dtype.name()
    )]
    Dtype {
        /// The function.
        name: String,
        /// Which result.
        result: usize,
        /// The function's result type.
        expected: TensorType,
        /// The rule's result type.
        actual: TensorType,
    },
    /// The function closes over a value that differs between lanes, of which its rule knows nothing.
    #[error(
        "`{name}` closes over a tensor of type {ty} that is batched, which its vmap rule cannot see; pass it as an argument"
    )]
    BatchedCapture {
        /// The function.
        name: String,
        /// The tensor's type in one lane.
        ty: TensorType,
    },
}

fn lanes(batched: bool) -> &'static str {
    if batched {
        ": a batched result leads with one entry per lane"
    } else {
        ": an unbatched result has the function's own shape"
    }
}

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
