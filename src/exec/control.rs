//! Running conditionals and loops.

use smallvec::{SmallVec, smallvec};

use super::plan::{Plan, ScanPlan, WhilePlan};
use super::{RunContext, Table};
use crate::array::{Array, Data, Element, TensorType, dispatch_dtype};
use crate::error::{Error, OpError, OpErrorKind};
use crate::ops::{self, Outputs};
use crate::program::{ScatterApply, SelectN};

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

fn any(pred: &Array) -> bool {
    match pred.data() {
        Data::Bool(a) => a.iter().any(|&b| b),
        _ => false,
    }
}

pub(super) fn run_while(
    plan: &WhilePlan,
    operands: SmallVec<[Array; 4]>,
    cx: &mut RunContext,
) -> Result<Outputs<Array>, Error> {
    let consts = plan.cond_consts + plan.body_consts;
    let (cond_consts, body_consts) = operands[..consts].split_at(plan.cond_consts);
    let mut carry: Outputs<Array> = operands[consts..].iter().cloned().collect();
    let predicate = |carry: &[Array], cx: &mut RunContext| -> Result<Array, Error> {
        let args = cond_consts.iter().chain(carry).cloned();
        Ok(plan.cond.run(args, cx)?.swap_remove(0))
    };
    let mut body_consts = body_consts.to_vec();
    let mut first = true;
    let mut table = Table::new();
    while any(&predicate(&carry, cx)?) {
        // Only a loop that takes a step calls the host.
        if let (true, Some(invariant)) = (first, &plan.invariant) {
            let found = invariant.run(body_consts.iter().cloned(), cx)?;
            body_consts.extend(found);
        }
        first = false;
        cx.options.check()?;
        let args = body_consts.iter().chain(&carry).cloned();
        let next = plan.body.run_in(&mut table, args, cx)?;
        if plan.masked {
            // A second look at the predicate masks the update, so finished lanes keep their carry (rules C33 and C34).
            let keep_going = predicate(&carry, cx)?;
            for (old, new) in carry.iter_mut().zip(next) {
                let which = keep_going
                    .broadcast_in_dim(old.shape(), &(0..keep_going.rank()).collect::<Vec<_>>());
                *old = ops::eval(&SelectN.into(), &[which, old.clone(), new]).swap_remove(0);
            }
        } else {
            carry = next;
        }
    }
    Ok(carry)
}

pub(super) fn run_scan(
    plan: &ScanPlan,
    operands: SmallVec<[Array; 4]>,
    cx: &mut RunContext,
) -> Result<Outputs<Array>, Error> {
    let fixed = plan.num_consts + plan.num_carry;
    let mut consts: Vec<Array> = operands[..plan.num_consts].to_vec();
    let mut carry: Outputs<Array> = operands[plan.num_consts..fixed].iter().cloned().collect();
    let mut table = Table::new();
    let xs = &operands[fixed..];
    OpErrorKind::check_memory(&plan.ys).map_err(|kind| OpError::at("scan", kind, None))?;
    let mut ys: Vec<Stack> = plan.ys.iter().map(Stack::new).collect();
    if plan.length > 0
        && let Some(invariant) = &plan.invariant
    {
        let found = invariant.run(consts.iter().cloned(), cx)?;
        consts.extend(found);
    }
    for step in 0..plan.length {
        let i = if plan.reverse {
            plan.length - 1 - step
        } else {
            step
        };
        let slices = xs
            .iter()
            .map(|x| x.index_axis(0, i).unwrap_or_else(|| x.clone()));
        let args = consts.iter().cloned().chain(carry.drain(..)).chain(slices);
        if plan.lanes {
            cx.lanes.push(i);
        }
        cx.options.check()?;
        let mut out = plan.body.run_in(&mut table, args, cx)?;
        if plan.lanes {
            cx.lanes.pop();
            if cx.lanes.is_empty() {
                cx.options.report(step + 1, plan.length);
            }
        }
        for (stack, y) in ys.iter_mut().zip(out.drain(plan.num_carry..)) {
            stack.put(i, &y);
        }
        carry = out;
    }
    Ok(carry
        .into_iter()
        .chain(ys.into_iter().map(Stack::finish))
        .collect())
}

/// Puts every element that updates meet, and each of those, through the update function.
pub(super) fn run_scatter(
    op: &ScatterApply,
    update: &Plan,
    operands: &[Array],
    cx: &mut RunContext,
) -> Result<Outputs<Array>, Error> {
    let mut table = Table::new();
    let mut failed = None;
    let out = dispatch_dtype!(operands[0].dtype(), T => {
        ops::scatter::eval_with::<T>(&op.dims, op.mode, operands, |target, updates| {
            for (element, &update_element) in target.iter_mut().zip(updates) {
                if failed.is_some() {
                    return;
                }
                let args = [Array::scalar(*element), Array::scalar(update_element)];
                let found = update
                    .run_in(&mut table, args, cx)
                    .and_then(|out| Ok(out[0].item::<T>()?));
                match found {
                    Ok(found) => *element = found,
                    Err(error) => failed = Some(error),
                }
            }
        })
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(smallvec![out]),
    }
}

/// A result of a scan, filled one step at a time.
struct Stack {
    array: Array,
}

impl Stack {
    fn new(ty: &TensorType) -> Self {
        Stack {
            array: Array::zeros(ty.dtype, &ty.shape),
        }
    }

    fn put(&mut self, index: usize, value: &Array) {
        fn copy<T: Element>(
            to: &mut ndarray::ArcArray<T, ndarray::IxDyn>,
            index: usize,
            value: &Array,
        ) {
            if let Some(from) = T::unwrap_ref(value.data()) {
                // The stack is this array's only holder, so nothing is copied here but the step.
                let start = index * from.len();
                if let (Some(to), Some(from)) = (to.as_slice_mut(), from.as_slice()) {
                    to[start..start + from.len()].copy_from_slice(from);
                    return;
                }
                to.index_axis_mut(ndarray::Axis(0), index).assign(from);
            }
        }
        dispatch_dtype!(self.array.dtype(), T => {
            if let Some(to) = T::unwrap_mut(self.array.data_mut()) {
                copy::<T>(to, index, value);
            }
        });
    }

    fn finish(self) -> Array {
        self.array
    }
}
