//! Running programs.
//!
//! A [`Program`] is compiled once into a [`Plan`]: variables become slots of a table, each slot is dropped after its last
//! use, and sub-programs become plans of their own. A run fills the table step by step on the calling thread;
//! only [`VmapMethod::Parallel`](crate::VmapMethod::Parallel) callbacks use other threads. Steps run in program order, so host
//! calls do too (rule C15).

mod control;
mod plan;

use smallvec::SmallVec;

use crate::array::Array;
use crate::callback::RunOptions;
use crate::error::{AutodiffError, Error, OpError, OpErrorKind};
use crate::ops::{self, Outputs};
use crate::program::{HostCall, Op, Program};

pub(crate) use plan::Plan;
use plan::{Action, Operand, Step};

/// What a run carries along: which lanes of per-lane callbacks it is in, innermost last.
#[derive(Debug)]
pub(crate) struct RunContext {
    lanes: SmallVec<[usize; 4]>,
    options: RunOptions,
}

impl Default for RunContext {
    fn default() -> RunContext {
        RunContext {
            lanes: SmallVec::new(),
            options: RunOptions::current(),
        }
    }
}

impl Program {
    /// Verifies the program and runs it on arrays of its input types; [`jit`](crate::jit) does the first part once.
    ///
    /// # Errors
    ///
    /// [`Error::Verify`] for a program that breaks its invariants, [`Error::Op`] where the arrays do not match the
    /// inputs, [`Error::Callback`] where a host call fails.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = vmap(|x: Tensor| x * 2.0).trace((f64::spec([3]),))?;
    /// let out = program.run(&[Array::from(vec![1.0, 2.0, 3.0])])?;
    /// assert_eq!(out[0].to_vec::<f64>()?, [2.0, 4.0, 6.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    pub fn run(&self, args: &[Array]) -> Result<Vec<Array>, Error> {
        if args.len() != self.inputs.len() {
            let kind = OpErrorKind::OperandCount {
                expected: self.inputs.len(),
                actual: args.len(),
            };
            return Err(OpError::at("program", kind, None).into());
        }
        for (arg, ty) in args.iter().zip(self.input_types()) {
            if !arg.ty().same_layout(&ty) {
                let kind = OpErrorKind::shapes(
                    [&ty, &arg.ty()],
                    format!("an input takes {ty}, it was given {}", arg.ty()),
                );
                return Err(OpError::at("program", kind, None).into());
            }
        }
        // Programs can be built and parsed by hand; evaluation may assume what the type rules accept.
        self.verify()?;
        Ok(Plan::new(self)
            .run(args.iter().cloned(), &mut RunContext::default())?
            .into_vec())
    }
}

impl Plan {
    /// Runs the plan on arrays whose types were checked.
    pub(crate) fn run(
        &self,
        args: impl IntoIterator<Item = Array>,
        cx: &mut RunContext,
    ) -> Result<Outputs<Array>, Error> {
        self.run_in(&mut Table::new(), args, cx)
    }

    /// Runs the plan in a table that a loop keeps from step to step.
    fn run_in(
        &self,
        table: &mut Table,
        args: impl IntoIterator<Item = Array>,
        cx: &mut RunContext,
    ) -> Result<Outputs<Array>, Error> {
        table.clear();
        table.resize(self.slots, None);
        for (slot, array) in &self.constants {
            table[*slot as usize] = Some(array.clone());
        }
        for (slot, array) in self.inputs.iter().zip(args) {
            table[*slot as usize] = Some(array);
        }
        for slot in &self.unused_inputs {
            table[*slot as usize] = None;
        }
        for step in &self.steps {
            let operands: SmallVec<[Array; 4]> = step
                .inputs
                .iter()
                .map(|o| read(table, o))
                .collect::<Result<_, _>>()?;
            let outputs = self.step(step, operands, cx)?;
            for (slot, array) in step.outputs.iter().zip(outputs) {
                if let Some(slot) = slot {
                    table[*slot as usize] = Some(array);
                }
            }
        }
        self.outputs.iter().map(|o| read(table, o)).collect()
    }

    fn step(
        &self,
        step: &Step,
        operands: SmallVec<[Array; 4]>,
        cx: &mut RunContext,
    ) -> Result<Outputs<Array>, Error> {
        match &step.action {
            Action::Data(op) => Ok(ops::eval(op, &operands)),
            Action::LargeData(op, types, location) => {
                let name = Op::from(op.clone()).name();
                OpErrorKind::check_memory(types)
                    .map_err(|kind| OpError::at(name, kind, *location))?;
                Ok(ops::eval(op, &operands))
            }
            Action::Empty(results) => Ok(results
                .iter()
                .map(|ty| Array::zeros(ty.dtype, &ty.shape))
                .collect()),
            Action::HostCall(call) => call_host(call, &operands, cx),
            Action::Call(plan) => plan.run(operands, cx),
            Action::Cond(branches) => control::run_cond(branches, operands, cx),
            Action::While(plan) => control::run_while(plan, operands, cx),
            Action::Scan(plan) => control::run_scan(plan, operands, cx),
            Action::ScatterApply { op, update } => control::run_scatter(op, update, &operands, cx),
            Action::Unbound(error) => Err(error.clone().into()),
            Action::ForwardOnly(name) => Err(AutodiffError::ForwardCustomVjp {
                name: name.to_string(),
            }
            .into()),
        }
    }
}

/// The values of a plan's variables while it runs.
type Table = Vec<Option<Array>>;

fn read(table: &mut Table, operand: &Operand) -> Result<Array, Error> {
    let found = match operand {
        Operand::Literal(array) => return Ok(array.clone()),
        Operand::Slot(slot) => table[*slot as usize].clone(),
        Operand::Last(slot) => table[*slot as usize].take(),
    };
    // A verified program defines every variable before its use.
    found.ok_or_else(|| {
        let detail = "a variable is used before it is defined; verify() the program".to_owned();
        OpError::at("program", OpErrorKind::InvalidParameter { detail }, None).into()
    })
}

/// One host call, or one per lane.
fn call_host(
    call: &HostCall,
    operands: &[Array],
    cx: &RunContext,
) -> Result<Outputs<Array>, Error> {
    let HostCall {
        callback,
        results,
        lanes,
        kind: _,
    } = call;
    cx.options.check()?;
    if !lanes.is_empty() {
        return Ok(callback
            .call_lanes(operands, results, lanes, &cx.options)?
            .into());
    }
    // The innermost vmap is the outermost loop (rule C11), so the multi-index is the stack of steps read backwards.
    let lane: SmallVec<[usize; 4]> = cx.lanes.iter().rev().copied().collect();
    Ok(callback.call_host(operands, results, &lane)?.into())
}
