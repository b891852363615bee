//! Running conditionals and loops.

use smallvec::{SmallVec, smallvec};

use super::RunContext;
use super::plan::{Operand, Plan, ScanPlan, TurnArg, WhilePlan};
use crate::array::{Array, Data, dispatch_dtype};
use crate::error::{Error, OpError, OpErrorKind};
use crate::ops::{self, Outputs};
use crate::program::ScatterApply;

pub(super) fn run_cond(
    branches: &[Plan],
    mut operands: SmallVec<[Array; 4]>,
    cx: &mut RunContext,
) -> Result<Outputs<Array>, Error> {
    let index = operands.remove(0);
    // Out of range picks the nearest branch (rule N26).
    let taken = index.scalar_index().clamp(0, branches.len() as i128 - 1);
    branches[taken as usize].run(operands, cx)
}

/// Arrays of at most this many bytes are copied so that the parts which a loop reads are in row-major order.
const ORDERED_BYTES: usize = 1 << 24;

/// The same of products that were computed ahead.
const AHEAD_ORDERED_BYTES: usize = 1 << 18;

fn any(pred: &Array) -> bool {
    match pred.data() {
        Data::Bool(a) => match a.as_slice_memory_order() {
            // Many at a time, since most loops end when most lanes have.
            Some(lanes) => lanes
                .chunks(256)
                .any(|some| some.iter().fold(false, |any, &lane| any | lane)),
            None => a.iter().any(|&b| b),
        },
        _ => false,
    }
}

pub(super) fn run_while(
    plan: &WhilePlan,
    operands: SmallVec<[Array; 4]>,
    cx: &mut RunContext,
) -> Result<Outputs<Array>, Error> {
    let consts = plan.cond_consts + plan.body_consts;
    let mut carry: Vec<Array> = operands[consts..].to_vec();
    let mut next = Vec::with_capacity(carry.len() + 1);
    let cond_consts = &operands[..plan.cond_consts];
    let args = cond_consts.iter().chain(&carry).cloned();
    let mut predicate = plan.cond.run(args, cx)?.swap_remove(0);
    let mut consts: Vec<Array> = operands[..consts].to_vec();
    drop(operands);
    let mut first = true;
    let mut memory = plan.step.memories.take();
    while any(&predicate) {
        // Only a loop that takes a step calls the host.
        if let (true, Some(invariant)) = (first, &plan.invariant) {
            let body_consts = consts[plan.cond_consts..].iter().cloned();
            let found = invariant.run(body_consts, cx)?;
            consts.extend(found);
        }
        first = false;
        cx.options.check()?;
        let mask = plan.masked.then_some(predicate);
        let args = consts.iter().cloned().chain(mask).chain(carry.drain(..));
        plan.step.run_in(&mut memory, args, &mut next, cx)?;
        // A step answers with the carry and, behind it, its predicate.
        predicate = next.pop().unwrap_or_else(|| Array::scalar(false));
        std::mem::swap(&mut carry, &mut next);
    }
    plan.step.memories.give_back(memory);
    Ok(carry.into())
}

pub(super) fn run_scan(
    plan: &ScanPlan,
    mut operands: SmallVec<[Array; 4]>,
    cx: &mut RunContext,
) -> Result<Outputs<Array>, Error> {
    let fixed = plan.num_consts + plan.num_carry;
    let mut consts: Vec<Array> = operands[..plan.num_consts].to_vec();
    let mut carry: Vec<Array> = operands[plan.num_consts..fixed].to_vec();
    let mut out = Vec::with_capacity(carry.len() + plan.ys.len());
    let mut memory = plan.body.memories.take();
    let mut xs: SmallVec<[Array; 4]> = operands.drain(fixed..).collect();
    for x in &mut xs {
        // Put in order once, where that takes little memory, and not part by part.
        if x.len() * x.dtype().size() <= ORDERED_BYTES {
            *x = x.in_order();
        }
    }
    drop(operands);
    OpErrorKind::check_memory(&plan.ys).map_err(|kind| OpError::at("scan", kind, None))?;
    if let Some(turns) = &plan.turns {
        let args = turns.args.iter().map(|arg| match arg {
            TurnArg::Const(k) => (consts[*k].clone(), false),
            TurnArg::Mapped(k) => (xs[*k].clone(), true),
            TurnArg::Literal(value) => (value.clone(), false),
        });
        let args: SmallVec<[(Array, bool); 4]> = args.collect();
        let types = (&turns.call.results[..], &plan.ys[..]);
        let order = (plan.length, plan.reverse);
        let callback = &turns.call.callback;
        return Ok(callback
            .call_in_turn(&args, types, order, &cx.lanes, &cx.options)?
            .into());
    }
    // What is the same number in every step is written once.
    let same = |k: usize| match &plan.body.outputs[plan.num_carry + k] {
        Operand::Literal(value) => Some(&**value),
        Operand::Slot(_) | Operand::Last(..) => None,
    };
    let stacks = plan.ys.iter().enumerate();
    let mut ys: Vec<Array> = stacks
        .map(|(k, ty)| match same(k) {
            Some(value) => value.broadcast_in_dim(&ty.shape, &[]).in_order(),
            None => Array::zeros(ty.dtype, &ty.shape),
        })
        .collect();
    if plan.length > 0
        && let Some(invariant) = &plan.invariant
    {
        let found = invariant.run(consts.iter().cloned(), cx)?;
        consts.extend(found);
    }
    if let Some(ahead) = &plan.ahead {
        let found = ahead.run(consts.iter().chain(&xs).cloned(), cx)?;
        // Few elements in order are read sooner in every step; to put many in order takes longer than that saves.
        xs.extend(found.into_iter().map(|x| {
            let few = x.len() * x.dtype().size() <= AHEAD_ORDERED_BYTES;
            if few { x.in_order() } else { x }
        }));
    }
    for step in 0..plan.length {
        let i = if plan.reverse {
            plan.length - 1 - step
        } else {
            step
        };
        if plan.lanes {
            cx.lanes.push(i);
        }
        cx.options.check()?;
        let (mut carried, mut taken) = (carry.drain(..), 0);
        let given = |k: usize| {
            if let Some(array) = consts.get(k) {
                return array.clone();
            }
            let k = k - consts.len();
            if k < plan.num_carry {
                let skipped = k - std::mem::replace(&mut taken, k + 1);
                return carried.nth(skipped).unwrap_or_else(|| Array::scalar(false));
            }
            let x = &xs[k - plan.num_carry];
            x.index_axis(0, i).unwrap_or_else(|| x.clone())
        };
        plan.body.run_given(&mut memory, given, &mut out, cx)?;
        drop(carried);
        if plan.lanes {
            cx.lanes.pop();
            if cx.lanes.is_empty() {
                cx.options.report(step + 1, plan.length);
            }
        }
        for (k, (stack, y)) in ys.iter_mut().zip(out.drain(plan.num_carry..)).enumerate() {
            if same(k).is_some() {
                continue;
            }
            stack.put_at(i, &y);
            plan.body
                .give_back_result(plan.num_carry + k, y, &mut memory);
        }
        std::mem::swap(&mut carry, &mut out);
    }
    plan.body.memories.give_back(memory);
    Ok(carry.into_iter().chain(ys).collect())
}

/// Puts every element that updates meet, and each of those, through the update function.
pub(super) fn run_scatter(
    op: &ScatterApply,
    update: &Plan,
    operands: &[Array],
    cx: &mut RunContext,
) -> Result<Outputs<Array>, Error> {
    let mut memory = update.memories.take();
    let mut out = Vec::with_capacity(1);
    let mut failed = None;
    let scattered = dispatch_dtype!(operands[0].dtype(), T => {
        ops::scatter::eval_with::<T>(&op.dims, op.mode, operands, |target, updates| {
            for (element, &update_element) in target.iter_mut().zip(updates) {
                if failed.is_some() {
                    return;
                }
                let args = [Array::scalar(*element), Array::scalar(update_element)];
                out.clear();
                let found = update
                    .run_in(&mut memory, args, &mut out, cx)
                    .and_then(|()| Ok(out[0].item::<T>()?));
                match found {
                    Ok(found) => *element = found,
                    Err(error) => failed = Some(error),
                }
            }
        })
    });
    update.memories.give_back(memory);
    match failed {
        Some(error) => Err(error),
        None => Ok(smallvec![scattered]),
    }
}
