//! Operations that run programs: calls, conditionals and loops.
//!
//! Type rules hold the sub-programs to their operands; batching rules batch the sub-programs (section 5 of JAX's rules,
//! items 7 and 12 to 14). Loops find by fixpoint which parts of the carry become batched: a part is batched if it
//! starts so or if the batched body makes it so, and each round can only add parts, so it ends after at most one round per part.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::batch::{BatchedBody, MappedAxis, batch_program};
use super::{BatchContext, BatchDim, Batched, Outputs};
use crate::array::{DType, Scalar, TensorType};
use crate::callback::CallbackKind;
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{Atom, Atoms, BinaryOp, Op, Program, SubProgram};

fn check_inputs(program: &Program, inputs: &[TensorType]) -> Result<(), OpErrorKind> {
    super::expect_operands(inputs, program.inputs().len())?;
    for (expected, actual) in program.input_types().iter().zip(inputs) {
        if !expected.same_layout(actual) {
            return Err(OpErrorKind::shapes(
                [expected, actual],
                format!("the sub-program takes {expected} where {actual} is given"),
            ));
        }
    }
    Ok(())
}

pub(super) fn infer_call(
    program: &Program,
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    check_inputs(program, inputs)?;
    Ok(program.output_types().into())
}

pub(super) fn infer_cond(
    branches: &[SubProgram],
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    let Some(([index], operands)) = inputs.split_first_chunk::<1>() else {
        return Err(OpErrorKind::OperandCount {
            expected: 1,
            actual: 0,
        });
    };
    if !index.shape.is_empty() || index.dtype.is_float() {
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

/// Checks that a loop body returns the carry it takes.
fn check_carry(carry: &[TensorType], returned: &[TensorType]) -> Result<(), OpErrorKind> {
    for (k, (takes, returns)) in carry.iter().zip(returned).enumerate() {
        if !takes.same_layout(returns) {
            return Err(OpErrorKind::CarryMismatch {
                path: format!("carry {k}"),
                expected: takes.to_string(),
                actual: returns.to_string(),
            });
        }
    }
    Ok(())
}

pub(super) fn infer_while(
    cond: &Program,
    cond_consts: usize,
    body: &Program,
    body_consts: usize,
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    let consts = cond_consts + body_consts;
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
    super::expect_operands(&returned, carry.len())?;
    check_carry(carry, &returned)?;
    Ok(returned.into())
}

pub(super) fn infer_scan(
    body: &Program,
    length: usize,
    num_consts: usize,
    num_carry: usize,
    inputs: &[TensorType],
) -> Result<Outputs<TensorType>, OpErrorKind> {
    let fixed = num_consts + num_carry;
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
    }
    Ok(returned.into())
}

fn mapped_axis<'a>(cx: &BatchContext<'a>) -> MappedAxis<'a> {
    MappedAxis {
        size: cx.size,
        name: cx.axis_name,
    }
}

fn to_dim(batched: bool) -> BatchDim {
    if batched {
        BatchDim::At(0)
    } else {
        BatchDim::Unbatched
    }
}

/// Result dims for [`BatchedBody::finish`]: the batch axis at `at` where `batched`.
fn out_dims(batched: &[bool], at: usize) -> Vec<Option<usize>> {
    batched.iter().map(|&b| b.then_some(at)).collect()
}

/// Every value with a batch axis in front where `batched` says so.
fn fronted(
    cx: &mut BatchContext<'_>,
    inputs: &[Batched],
    batched: &[bool],
) -> Result<Atoms, Error> {
    let mut out = Atoms::new();
    for (input, &batched) in inputs.iter().zip(batched) {
        out.push(if batched {
            cx.materialize_at(input, 0)?
        } else {
            input.atom
        });
    }
    Ok(out)
}

fn output_flags(body: &BatchedBody) -> Vec<bool> {
    body.outputs.iter().map(|o| o.dim.is_batched()).collect()
}

/// A call stays a call; its results' batch axes stay where they fall.
pub(super) fn batch_call(
    cx: &mut BatchContext<'_>,
    name: &Arc<str>,
    program: &Program,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let axis = mapped_axis(cx);
    let dims: SmallVec<[BatchDim; 4]> = inputs.iter().map(|i| i.dim).collect();
    let body = batch_program(program, axis, &dims)?;
    let out_dims: SmallVec<[BatchDim; 2]> = body.outputs.iter().map(|o| o.dim).collect();
    let program = Arc::new(body.finish(axis, &vec![None; out_dims.len()])?);
    let atoms = inputs.iter().map(|i| i.atom).collect();
    let outputs = cx.emit(
        Op::Call {
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

/// Whether a program makes `io_callback`s, or ordered ones where only those are asked about.
fn has_io(program: &Program, only_ordered: bool) -> bool {
    program.any(&|op| match op {
        Op::Callback {
            kind: CallbackKind::Io { ordered },
            ..
        } => *ordered || !only_ordered,
        _ => false,
    })
}

/// Effects inside a conditional have no meaning once it becomes a select (rule C42).
fn refuse_io(branches: &[SubProgram], cx: &BatchContext<'_>) -> Result<(), Error> {
    if branches.iter().any(|b| has_io(b, false)) {
        let detail = "an io_callback inside a cond cannot be batched; call it outside, or use a pure callback".to_owned();
        let kind = OpErrorKind::UnsupportedEffect { detail };
        return Err(OpError::at("cond", kind, cx.location).into());
    }
    Ok(())
}

/// A branch's operands as JAX hands them over: chosen by whether the lane's index names the branch, either way the operand.
///
/// The values are unchanged, but at outer levels the operands are batched where the index is, which is what callbacks
/// in the branch then see.
fn chosen_operands(
    cx: &mut BatchContext<'_>,
    index: Atom,
    branch: usize,
    operands: &[Atom],
) -> Result<Atoms, Error> {
    let dtype = DType::I32;
    let convert = Op::ConvertElementType { dtype, weak: false };
    let index = match cx.builder.atom_type(&index).dtype {
        DType::I32 => index,
        _ => cx.emit1(convert, smallvec![index])?,
    };
    let this = Atom::Literal(Scalar::I32(branch as i32), false);
    let named = cx.emit1(Op::Binary(BinaryOp::Eq), smallvec![index, this])?;
    let mut chosen = Atoms::new();
    for &operand in operands {
        let shape = cx.builder.atom_type(&operand).shape;
        let which = if shape.len() == 1 {
            named
        } else {
            let dims = smallvec![0];
            cx.emit1(Op::BroadcastInDim { shape, dims }, smallvec![named])?
        };
        chosen.push(cx.emit1(Op::SelectN, smallvec![which, operand, operand])?);
    }
    Ok(chosen)
}

pub(super) fn batch_cond(
    cx: &mut BatchContext<'_>,
    branches: &[SubProgram],
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    refuse_io(branches, cx)?;
    let axis = mapped_axis(cx);
    let (index, operands) = (&inputs[0], &inputs[1..]);
    if !index.dim.is_batched() {
        // The index is shared: still a conditional, its branches batched alike.
        let flags: Vec<bool> = operands.iter().map(|o| o.dim.is_batched()).collect();
        let dims: Vec<BatchDim> = flags.iter().map(|&b| to_dim(b)).collect();
        let bodies = branches
            .iter()
            .map(|b| batch_program(b, axis, &dims))
            .collect::<Result<Vec<_>, _>>()?;
        let mut out = vec![false; bodies.first().map_or(0, |b| b.outputs.len())];
        for body in &bodies {
            for (slot, flag) in out.iter_mut().zip(output_flags(body)) {
                *slot |= flag;
            }
        }
        let branches = bodies
            .into_iter()
            .map(|b| b.finish(axis, &out_dims(&out, 0)).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let mut atoms: Atoms = smallvec![index.atom];
        atoms.extend(fronted(cx, operands, &flags)?);
        let outputs = cx.emit(Op::Cond { branches }, atoms)?;
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
        let body = batch_program(branch, axis, &dims)?;
        let everywhere = vec![Some(0); body.outputs.len()];
        let body = body.finish(axis, &everywhere)?;
        let operands = if body.equations().iter().any(|e| super::calls_host(&e.op)) {
            chosen_operands(cx, index, cases.len(), &operands)?
        } else {
            operands.clone()
        };
        cases.push(body.inline(cx.builder, &operands));
    }
    let mut outputs = Outputs::new();
    let index_ty = cx.builder.atom_type(&index);
    let index = if index_ty.dtype == DType::Bool || index_ty.dtype == DType::I32 {
        index
    } else {
        cx.emit1(
            Op::ConvertElementType {
                dtype: DType::I32,
                weak: false,
            },
            smallvec![index],
        )?
    };
    for k in 0..cases.first().map_or(0, Vec::len) {
        let ty = cx.builder.atom_type(&cases[0][k]);
        let dims = smallvec![0];
        let which = if ty.rank() == 1 {
            index
        } else {
            cx.emit1(
                Op::BroadcastInDim {
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

/// `select_n` of branches; a bool index only ever names the first two.
fn select(cx: &mut BatchContext<'_>, index: DType, mut atoms: Atoms) -> Result<Atom, Error> {
    if index == DType::Bool {
        atoms.truncate(3);
    }
    cx.emit1(Op::SelectN, atoms)
}

pub(super) fn batch_while(
    cx: &mut BatchContext<'_>,
    op: &Op,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let Op::While {
        cond,
        cond_consts,
        body,
        body_consts,
    } = op
    else {
        return Ok(Outputs::new());
    };
    let axis = mapped_axis(cx);
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
        let cond_batched = batch_program(cond, axis, &dims(cond_flags, &carry, 0))?;
        let pred_batched = cond_batched
            .outputs
            .first()
            .is_some_and(|o| o.dim.is_batched());
        let body_batched = batch_program(body, axis, &dims(body_flags, &carry, 0))?;
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
            cx.location,
        )
        .into());
    }
    let at = if pred_batched { 0 } else { pred_rank };
    let new_cond = batch_program(cond, axis, &dims(cond_flags, &carry, at))?
        .finish(axis, &[pred_batched.then_some(0)])?;
    let new_body = batch_program(body, axis, &dims(body_flags, &carry, at))?
        .finish(axis, &out_dims(&carry, at))?;
    let mut atoms = fronted(cx, &inputs[..consts], &flags[..consts])?;
    for (input, &batched) in inputs[consts..].iter().zip(&carry) {
        atoms.push(if batched {
            cx.materialize_at(input, at)?
        } else {
            input.atom
        });
    }
    let op = Op::While {
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

pub(super) fn batch_scan(
    cx: &mut BatchContext<'_>,
    op: &Op,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let Op::Scan {
        body,
        length,
        num_consts,
        num_carry,
        reverse,
        unroll,
        lanes,
    } = op
    else {
        return Ok(Outputs::new());
    };
    let axis = mapped_axis(cx);
    let fixed = num_consts + num_carry;
    let mut flags: Vec<bool> = inputs.iter().map(|i| i.dim.is_batched()).collect();
    let batched = loop {
        let dims: Vec<BatchDim> = flags.iter().map(|&b| to_dim(b)).collect();
        let batched = batch_program(body, axis, &dims)?;
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
    let new_body = batched.finish(axis, &out_dims(&out, 0))?;
    let mut atoms = fronted(cx, &inputs[..fixed], &flags[..fixed])?;
    for (input, &batched) in inputs[fixed..].iter().zip(&flags[fixed..]) {
        // Axis 0 is scanned; the lanes follow it.
        atoms.push(if batched {
            cx.materialize_at(input, 1)?
        } else {
            input.atom
        });
    }
    let op = Op::Scan {
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
