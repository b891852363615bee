//! Running programs.
//!
//! A [`Program`] is compiled once into a [`Plan`]: what [`fuse`] puts together becomes one step, a [`group`], every other equation one of its
//! own; variables become slots of a table, each slot is emptied after its last use, and sub-programs become plans of
//! their own. A run fills the table step by step on the calling thread; large groups and
//! [`VmapMethod::Parallel`](crate::VmapMethod::Parallel) callbacks use other threads. Host calls run in program order (rule C15).

mod control;
mod fuse;
mod group;
mod indices;
mod memory;
mod plan;
mod sketch;

use smallvec::SmallVec;

use crate::array::Array;
use crate::callback::RunOptions;
use crate::error::{AutodiffError, Error, OpError, OpErrorKind};
use crate::ops::{self, Outputs};
use crate::program::{HostCall, Op, Program};

use memory::Memory;
pub(crate) use plan::Plan;
use plan::{Action, Operand, Step};
use sketch::Fused;

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
        let mut memory = self.memories.take();
        let mut results = Outputs::new();
        let done = self.run_in(&mut memory, args, &mut results, cx);
        self.memories.give_back(memory);
        done.map(|()| results)
    }

    /// Runs the plan in memory that a loop keeps from step to step, and adds the results to those there.
    fn run_in(
        &self,
        memory: &mut Memory,
        args: impl IntoIterator<Item = Array>,
        results: &mut impl Extend<Array>,
        cx: &mut RunContext,
    ) -> Result<(), Error> {
        self.begin(memory);
        for (slot, array) in self.inputs.iter().zip(args) {
            if let Some(slot) = slot {
                memory.values[*slot as usize] = Some(array);
            }
        }
        self.finish(memory, results, cx)
    }

    /// The same where arguments are made when they are asked for, in order: those that nothing reads are not.
    fn run_given(
        &self,
        memory: &mut Memory,
        mut given: impl FnMut(usize) -> Array,
        results: &mut impl Extend<Array>,
        cx: &mut RunContext,
    ) -> Result<(), Error> {
        self.begin(memory);
        for (k, slot) in self.inputs.iter().enumerate() {
            if let Some(slot) = slot {
                memory.values[*slot as usize] = Some(given(k));
            }
        }
        self.finish(memory, results, cx)
    }

    fn begin(&self, memory: &mut Memory) {
        memory.clear(self.slots);
        for (slot, array) in &self.constants {
            memory.values[*slot as usize] = Some(array.clone());
        }
    }

    fn finish(
        &self,
        memory: &mut Memory,
        results: &mut impl Extend<Array>,
        cx: &mut RunContext,
    ) -> Result<(), Error> {
        for step in &self.steps {
            self.step(step, memory, cx)?;
        }
        for output in &self.outputs {
            results.extend([read(memory, output)?]);
        }
        // Nothing that was given is held on to.
        memory.values.clear();
        Ok(())
    }

    fn step(&self, step: &Step, memory: &mut Memory, cx: &mut RunContext) -> Result<(), Error> {
        if let Action::Fused(fused) = &step.action {
            return self.fused(fused, step, memory);
        }
        // One by one: collected, they would be moved as a whole.
        let mut operands: SmallVec<[Array; 4]> = SmallVec::new();
        for operand in &step.inputs {
            operands.push(read(memory, operand)?);
        }
        let outputs = match &step.action {
            Action::Fused(_) => Outputs::new(),
            Action::Data(op) => {
                let outputs = ops::eval(op, &operands);
                self.give_back(step, operands, memory);
                outputs
            }
            Action::Indexed(op, wrap) => {
                let outputs = ops::eval_indexed(op, &operands, *wrap);
                self.give_back(step, operands, memory);
                outputs
            }
            Action::LargeData(op, types, location) => {
                let name = Op::from(op.clone()).name();
                OpErrorKind::check_memory(types)
                    .map_err(|kind| OpError::at(name, kind, *location))?;
                ops::eval(op, &operands)
            }
            Action::Empty(results) => results
                .iter()
                .map(|ty| Array::zeros(ty.dtype, &ty.shape))
                .collect(),
            Action::HostCall(call) => {
                let outputs = call_host(call, &operands, cx)?;
                self.give_back(step, operands, memory);
                outputs
            }
            Action::Call(plan) => plan.run(operands, cx)?,
            Action::Cond(branches) => control::run_cond(branches, operands, cx)?,
            Action::While(plan) => control::run_while(plan, operands, cx)?,
            Action::Scan(plan) => control::run_scan(plan, operands, cx)?,
            Action::ScatterApply { op, update } => control::run_scatter(op, update, &operands, cx)?,
            Action::Unbound(error) => return Err(error.clone().into()),
            Action::ForwardOnly(name) => {
                let name = name.to_string();
                return Err(AutodiffError::ForwardCustomVjp { name }.into());
            }
        };
        put(step, outputs, memory);
        Ok(())
    }

    /// Runs a group on the arrays where they are.
    fn fused(&self, fused: &Fused, step: &Step, memory: &mut Memory) -> Result<(), Error> {
        if let Some((types, name, location)) = &fused.large {
            OpErrorKind::check_memory(types).map_err(|kind| OpError::at(name, kind, *location))?;
        }
        let kinds = fused.kinds.iter();
        let mut outputs: Outputs<Array> = kinds
            .map(|&k| memory.take(k, &self.kinds[k as usize]))
            .collect();
        let Memory { values, arenas, .. } = memory;
        let inputs: SmallVec<[&Array; 8]> = step
            .inputs
            .iter()
            .map(|operand| match operand {
                Operand::Literal(array) => Ok(&**array),
                Operand::Slot(slot) | Operand::Last(slot, _) => {
                    let value = values.get(*slot as usize).and_then(Option::as_ref);
                    value.ok_or_else(undefined)
                }
            })
            .collect::<Result<_, _>>()?;
        fused.group.run(&inputs, &mut outputs, arenas);
        drop(inputs);
        for operand in &step.inputs {
            if let Operand::Last(slot, kind) = operand
                && let Some(array) = memory.values[*slot as usize].take()
                && let Some(kind) = kind
            {
                memory.give_back(*kind, &self.kinds[*kind as usize], array);
            }
        }
        put(step, outputs, memory);
        Ok(())
    }

    /// Keeps the buffer of result number `k` of an earlier step, which the loop has done with.
    fn give_back_result(&self, k: usize, result: Array, memory: &mut Memory) {
        if let Some(kind) = self.output_kinds[k] {
            memory.give_back(kind, &self.kinds[kind as usize], result);
        }
    }

    /// Keeps the buffers of operands that have died.
    fn give_back(&self, step: &Step, operands: SmallVec<[Array; 4]>, memory: &mut Memory) {
        for (operand, array) in step.inputs.iter().zip(operands) {
            if let Operand::Last(_, Some(kind)) = operand {
                memory.give_back(*kind, &self.kinds[*kind as usize], array);
            }
        }
    }
}

/// Puts a step's results where they are looked for.
fn put(step: &Step, outputs: Outputs<Array>, memory: &mut Memory) {
    for (slot, array) in step.outputs.iter().zip(outputs) {
        if let Some(slot) = slot {
            memory.values[*slot as usize] = Some(array);
        }
    }
}

fn read(memory: &mut Memory, operand: &Operand) -> Result<Array, Error> {
    let found = match operand {
        Operand::Literal(array) => return Ok((**array).clone()),
        Operand::Slot(slot) => memory.values.get(*slot as usize).cloned().flatten(),
        Operand::Last(slot, _) => memory.values[*slot as usize].take(),
    };
    found.ok_or_else(undefined)
}

/// A verified program defines every variable before its use.
#[cold]
fn undefined() -> Error {
    let detail = "a variable is used before it is defined; verify() the program".to_owned();
    OpError::at("program", OpErrorKind::InvalidParameter { detail }, None).into()
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
