//! Conditionals.

use std::sync::Arc;

use crate::array::{DType, Scalar, TensorType};
use crate::error::{Error, OpError, OpErrorKind, ParseError};
use crate::ops::control::{check_inputs, fronted, has_io, out_dims, output_flags, to_dim};
use crate::ops::rule::{BatchDim, Batched, ControlRules, Effect, Emit, Outputs, Rules};
use crate::program::text::{Given, Param, Shown, Value};
use crate::program::{
    Atom, Atoms, BinaryOp, BroadcastInDim, Cond, ConvertElementType, Op, SelectN, SubProgram,
};
use smallvec::{SmallVec, smallvec};

impl Rules for Cond {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let branches = &self.branches;
        let Some(([index], operands)) = inputs.split_first_chunk::<1>() else {
            return Err(OpErrorKind::OperandCount {
                expected: 1,
                actual: 0,
            });
        };
        if !index.shape.is_empty() || index.dtype.is_inexact() {
            return Err(OpErrorKind::parameter(format!(
                "the index must be a scalar bool or integer, got {index}"
            )));
        }
        let Some((first, rest)) = branches.split_first() else {
            return Err(OpErrorKind::parameter("at least one branch is needed"));
        };
        check_inputs(first, operands)?;
        let mut types = first.output_types();
        for (i, branch) in rest.iter().enumerate() {
            check_inputs(branch, operands)?;
            let other = branch.output_types();
            if other.len() != types.len() {
                return Err(OpErrorKind::BranchMismatch {
                    path: "result".into(),
                    branch: i + 1,
                    expected: format!("{} tensors", types.len()),
                    actual: format!("{} tensors", other.len()),
                });
            }
            for (k, (a, b)) in types.iter_mut().zip(&other).enumerate() {
                if !a.same_layout(b) {
                    return Err(OpErrorKind::BranchMismatch {
                        path: format!("result {k}"),
                        branch: i + 1,
                        expected: a.to_string(),
                        actual: b.to_string(),
                    });
                }
                a.weak &= b.weak;
            }
        }
        Ok(types.into())
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let branches = &self.branches;
        refuse_io(branches, cx)?;
        let (index, operands) = (&inputs[0], &inputs[1..]);
        if !index.dim.is_batched() {
            // The index is shared: still a conditional, its branches batched alike.
            let flags: Vec<bool> = operands.iter().map(|o| o.dim.is_batched()).collect();
            let dims: Vec<BatchDim> = flags.iter().map(|&b| to_dim(b)).collect();
            let bodies = branches
                .iter()
                .map(|b| cx.batch_program(b, &dims))
                .collect::<Result<Vec<_>, _>>()?;
            let mut out = vec![false; bodies.first().map_or(0, |b| b.outputs.len())];
            for body in &bodies {
                for (slot, flag) in out.iter_mut().zip(output_flags(body)) {
                    *slot |= flag;
                }
            }
            let branches = bodies
                .into_iter()
                .map(|b| cx.finish(b, &out_dims(&out, 0)).map(Arc::new))
                .collect::<Result<Vec<_>, _>>()?;
            let mut atoms: Atoms = smallvec![index.atom];
            atoms.extend(fronted(cx, operands, &flags)?);
            let outputs = cx.emit(Cond { branches }, atoms)?;
            return Ok(outputs
                .into_iter()
                .zip(out)
                .map(|(atom, b)| Batched {
                    atom,
                    dim: to_dim(b),
                })
                .collect());
        }
        // Each lane has its own index: every branch runs on every lane, in branch order, and a select keeps one (rule C30).
        let index = cx.batch_to_front(index)?;
        let operands = fronted(cx, operands, &vec![true; operands.len()])?;
        let dims = vec![BatchDim::At(0); operands.len()];
        let mut cases: Vec<Vec<Atom>> = Vec::with_capacity(branches.len());
        for branch in branches {
            let body = cx.batch_program(branch, &dims)?;
            let everywhere = vec![Some(0); body.outputs.len()];
            let body = cx.finish(body, &everywhere)?;
            let operands = if body.equations().iter().any(|e| e.op.calls_host()) {
                chosen_operands(cx, index, cases.len(), &operands)?
            } else {
                operands.clone()
            };
            cases.push(cx.inline(&body, &operands));
        }
        let mut outputs = Outputs::new();
        let index_ty = cx.atom_type(&index);
        let index = if index_ty.dtype == DType::Bool || index_ty.dtype == DType::I32 {
            index
        } else {
            cx.emit1(
                ConvertElementType {
                    dtype: DType::I32,
                    weak: false,
                },
                smallvec![index],
            )?
        };
        for k in 0..cases.first().map_or(0, Vec::len) {
            let ty = cx.atom_type(&cases[0][k]);
            let dims = smallvec![0];
            let which = if ty.rank() == 1 {
                index
            } else {
                cx.emit1(
                    BroadcastInDim {
                        shape: ty.shape,
                        dims,
                    },
                    smallvec![index],
                )?
            };
            let mut atoms: Atoms = smallvec![which];
            atoms.extend(cases.iter().map(|case| case[k]));
            // One branch is taken whatever the index says.
            let chosen = if cases.len() == 1 {
                cases[0][k]
            } else {
                select(cx, index_ty.dtype, atoms)?
            };
            outputs.push(Batched::at(chosen, 0));
        }
        Ok(outputs)
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown.show("branches", Param::Programs(self.branches.clone()));
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let (value, at) = given.take("branches")?;
        let Value::Tuple(branches) = value else {
            return Err(ParseError::unexpected(
                at,
                "a tuple of programs for `branches`",
                format!("`{value}`"),
            ));
        };
        let branches: Vec<SubProgram> = branches
            .into_iter()
            .map(|v| given.resolve(v, at))
            .collect::<Result<_, _>>()?;
        if branches.is_empty() {
            return Err(ParseError::unexpected(at, "at least one branch", "none"));
        }
        Ok(Cond { branches }.into())
    }
}

impl ControlRules for Cond {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        self.branches.iter().collect()
    }

    fn effect(&self) -> Effect<'_> {
        Effect::None
    }
}

/// Effects inside a conditional have no meaning once it becomes a select (rule C42).
fn refuse_io(branches: &[SubProgram], cx: &dyn Emit) -> Result<(), Error> {
    if branches.iter().any(|b| has_io(b, false)) {
        let detail = "an io_callback inside a cond cannot be batched; call it outside, or use a pure callback".to_owned();
        let kind = OpErrorKind::UnsupportedEffect { detail };
        return Err(OpError::at("cond", kind, cx.location()).into());
    }
    Ok(())
}

/// A branch's operands as JAX hands them over: chosen by whether the lane's index names the branch, either way the operand.
///
/// The values are unchanged, but at outer levels the operands are batched where the index is, which is what callbacks
/// in the branch then see.
fn chosen_operands(
    cx: &mut dyn Emit,
    index: Atom,
    branch: usize,
    operands: &[Atom],
) -> Result<Atoms, Error> {
    let dtype = DType::I32;
    let convert = ConvertElementType { dtype, weak: false };
    let index = match cx.atom_type(&index).dtype {
        DType::I32 => index,
        _ => cx.emit1(convert, smallvec![index])?,
    };
    let this = Atom::Literal(Scalar::I32(branch as i32), false);
    let named = cx.emit1(BinaryOp::Eq, smallvec![index, this])?;
    let mut chosen = Atoms::new();
    for &operand in operands {
        let shape = cx.atom_type(&operand).shape;
        let which = if shape.len() == 1 {
            named
        } else {
            let dims = smallvec![0];
            cx.emit1(BroadcastInDim { shape, dims }, smallvec![named])?
        };
        chosen.push(cx.emit1(SelectN, smallvec![which, operand, operand])?);
    }
    Ok(chosen)
}

/// `select_n` of branches; a bool index only ever names the first two.
fn select(cx: &mut dyn Emit, index: DType, mut atoms: Atoms) -> Result<Atom, Error> {
    if index == DType::Bool {
        atoms.truncate(3);
    }
    cx.emit1(SelectN, atoms)
}
