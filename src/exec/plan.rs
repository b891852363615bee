//! Compiling a program into steps over a table of slots.
//!
//! Equations that [`fuse`](super::fuse) puts together become one step. A variable has a slot from the step that defines it to the
//! last that reads it, so the table is as long as values are alive side by side.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;

use super::memory::{Kind, Memories};
use super::sketch::{self, Fused, Task};
use crate::array::{Array, DType, Shape, TensorType, memory};
use crate::callback::CallbackKind;
use crate::error::{OpError, OpErrorKind};
use crate::passes::ahead;
use crate::passes::dead::dead_code;
use crate::passes::hoist;
use crate::passes::turn;
use crate::program::{
    Atom, AxisName, BroadcastInDim, Call, Checkpoint, Cond, ControlOp, CustomJvpCall, CustomLin,
    CustomVjpCall, CustomVmapCall, DataOp, Equation, HostCall, Op, Program, ProgramBuilder,
    ScatterApply, SelectN, Var, While,
};

/// A compiled program.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) slots: usize,
    pub(super) constants: Vec<(u32, Array)>,
    /// By input, its slot, where anything reads it.
    pub(super) inputs: Vec<Option<u32>>,
    pub(super) steps: Vec<Step>,
    pub(super) outputs: Vec<Operand>,
    /// By result, its kind of buffer, where groups write such.
    pub(super) output_kinds: Vec<Option<u32>>,
    /// The types of what groups write.
    pub(super) kinds: Vec<Kind>,
    pub(super) memories: Memories,
}

/// Where a step finds an operand.
#[derive(Debug)]
pub(super) enum Operand {
    Slot(u32),
    /// The slot's last use: it is emptied, so that an operation finds itself the only holder of the buffer. The second number is
    /// the kind of buffer, where groups write such.
    Last(u32, Option<u32>),
    Literal(Box<Array>),
}

/// What is run as one, ready to run.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) inputs: Box<[Operand]>,
    /// The slot of each result, `None` where nothing uses it.
    pub(super) outputs: SmallVec<[Option<u32>; 2]>,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Action {
    Fused(Box<Fused>),
    Data(DataOp),
    /// One whose results are so large that memory is asked for first.
    LargeData(DataOp, Vec<TensorType>, Option<&'static Location<'static>>),
    /// A gather or scatter that adds a number to negative indices, which lack the index vector's axis.
    Indexed(DataOp, i64),
    HostCall(HostCall),
    /// A pure callback all of whose results are empty is not called (rule C19).
    Empty(SmallVec<[TensorType; 2]>),
    Call(Plan),
    Cond(Vec<Plan>),
    While(Box<WhilePlan>),
    Scan(Box<ScanPlan>),
    ScatterApply {
        op: ScatterApply,
        update: Plan,
    },
    /// A collective whose axis no vmap bound.
    Unbound(OpError),
    /// A tangent of a function that has a reverse derivative only.
    ForwardOnly(Arc<str>),
}

#[derive(Debug)]
pub(super) struct WhilePlan {
    pub(super) cond: Plan,
    pub(super) cond_consts: usize,
    /// What depends on the body's constants alone: run once, before the first step (rule C20).
    pub(super) invariant: Option<Plan>,
    /// From the predicate's constants, the body's (with what is invariant), the predicate where it masks, and the carry to the next
    /// carry and its predicate.
    pub(super) step: Plan,
    pub(super) body_consts: usize,
    /// Whether the predicate is one bool per lane, so that finished lanes keep their carry.
    pub(super) masked: bool,
}

#[derive(Debug)]
pub(super) struct ScanPlan {
    /// What depends on constants alone: run once, before the first step (rule C20).
    pub(super) invariant: Option<Plan>,
    /// Products in all steps at once, which the body takes behind what the loop runs over.
    pub(super) ahead: Option<Plan>,
    pub(super) body: Plan,
    pub(super) length: usize,
    pub(super) num_consts: usize,
    pub(super) num_carry: usize,
    pub(super) reverse: bool,
    pub(super) lanes: bool,
    /// The types of the stacked results.
    pub(super) ys: Vec<TensorType>,
    /// The body, where it is one host call a lane and nothing else.
    pub(super) turns: Option<Turns>,
}

/// A host call that a loop over lanes makes in each step, and does nothing else.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) call: HostCall,
    pub(super) args: Vec<TurnArg>,
}

/// What the host is given in a step.
#[derive(Debug)]
pub(super) enum TurnArg {
    /// The loop's constant of this number.
    Const(usize),
    /// A part of the array of this number that the loop runs over.
    Mapped(usize),
    Literal(Array),
}

impl Turns {
    /// None where a loop does anything else. `consts` are the loop's own, not those of its body.
    fn new(body: &Program, consts: usize) -> Option<Self> {
        let [equation] = body.equations() else {
            return None;
        };
        let Op::Control(ControlOp::HostCall(call)) = &equation.op else {
            return None;
        };
        let results = equation.outputs.iter().map(|&v| Atom::Var(v));
        let calls_only = call.lanes.is_empty() && results.eq(body.outputs().iter().copied());
        let empty = call.results.iter().all(|ty| ty.size() == 0);
        if !calls_only || empty {
            return None;
        }
        let args = equation.inputs.iter().map(|atom| match atom {
            Atom::Literal(value, _) => Some(TurnArg::Literal(value.to_array())),
            Atom::Var(var) => {
                let number = body.inputs().iter().position(|input| input == var)?;
                Some(match number.checked_sub(consts) {
                    Some(number) => TurnArg::Mapped(number),
                    None => TurnArg::Const(number),
                })
            }
        });
        let args = args.collect::<Option<_>>()?;
        let call = call.clone();
        Some(Turns { call, args })
    }
}

impl Plan {
    pub(crate) fn new(program: &Program) -> Self {
        let turned = turn::transpose_first(program);
        let program = turned.as_ref().unwrap_or(program);
        let steps = sketch::sketches(program);
        let mut last_use: Vec<Option<usize>> = vec![None; program.types.len()];
        for (i, step) in steps.iter().enumerate() {
            for atom in &step.inputs {
                if let Atom::Var(var) = atom {
                    last_use[var.index()] = Some(i);
                }
            }
        }
        for atom in &program.outputs {
            if let Atom::Var(var) = atom {
                last_use[var.index()] = Some(usize::MAX);
            }
        }
        let mut slots = Slots {
            program,
            by_variable: vec![None; program.types.len()],
            free: Vec::new(),
            count: 0,
            numbers: HashMap::new(),
            kinds: Vec::new(),
        };
        // What is written decides which dead buffers are worth keeping.
        for step in &steps {
            if let Task::Fused(_) = step.task {
                for &var in &step.outputs {
                    slots.new_kind(var);
                }
            }
        }
        let constants = program.constants.iter();
        let constants = constants
            .filter(|(v, _)| last_use[v.index()].is_some())
            .map(|(v, a)| (slots.take(*v), a.clone()))
            .collect();
        let inputs = program.inputs.iter();
        let inputs = inputs
            .map(|v| last_use[v.index()].map(|_| slots.take(*v)))
            .collect();
        let mut compiled = Vec::with_capacity(steps.len());
        for (i, step) in steps.into_iter().enumerate() {
            let inputs = slots.operands(&step.inputs, |v| last_use[v.index()] == Some(i));
            let outputs = step.outputs.iter();
            let outputs: SmallVec<_> = outputs
                .map(|&v| last_use[v.index()].map(|_| slots.take(v)))
                .collect();
            let action = match step.task {
                Task::One(i) => Action::new(program, &program.equations[i]),
                Task::Indexed(i, wrap) => match &program.equations[i].op {
                    Op::Data(op) => Action::Indexed(op.clone(), wrap),
                    Op::Control(_) => unreachable!("only gathers and scatters have indices"),
                },
                Task::Fused(mut fused) => {
                    let kinds = step.outputs.iter().filter_map(|&v| slots.kind(v));
                    fused.kinds = kinds.collect();
                    Action::Fused(fused)
                }
            };
            compiled.push(Step {
                action,
                inputs,
                outputs,
            });
        }
        let outputs = slots.operands(&program.outputs, |_| true).into_vec();
        let output_kinds = program.outputs.iter().map(|atom| match atom {
            Atom::Var(var) => slots.kind(*var),
            Atom::Literal(..) => None,
        });
        let output_kinds = output_kinds.collect();
        Plan {
            slots: slots.count as usize,
            constants,
            inputs,
            steps: compiled,
            outputs,
            output_kinds,
            kinds: slots.kinds,
            memories: Memories::default(),
        }
    }
}

/// Which variables have which slots.
struct Slots<'a> {
    program: &'a Program,
    by_variable: Vec<Option<u32>>,
    free: Vec<u32>,
    count: u32,
    numbers: HashMap<(DType, Shape), u32>,
    kinds: Vec<Kind>,
}

impl Slots<'_> {
    fn take(&mut self, var: Var) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        self.by_variable[var.index()] = Some(slot);
        slot
    }

    fn new_kind(&mut self, var: Var) {
        let TensorType { dtype, shape, .. } = self.program.var_type(var);
        let kinds = &mut self.kinds;
        self.numbers
            .entry((*dtype, shape.clone()))
            .or_insert_with(|| {
                kinds.push(Kind {
                    dtype: *dtype,
                    shape: shape.clone(),
                });
                kinds.len() as u32 - 1
            });
    }

    fn kind(&self, var: Var) -> Option<u32> {
        let TensorType { dtype, shape, .. } = self.program.var_type(var);
        self.numbers.get(&(*dtype, shape.clone())).copied()
    }

    /// Where to find the atoms; `last` says of a variable whether these are the last to read it.
    fn operands(&mut self, atoms: &[Atom], last: impl Fn(Var) -> bool) -> Box<[Operand]> {
        let mut found = Vec::with_capacity(atoms.len());
        for (k, atom) in atoms.iter().enumerate() {
            found.push(match atom {
                Atom::Literal(value, _) => Operand::Literal(Box::new(value.to_array())),
                Atom::Var(var) => {
                    // A verified program defines every variable before its use; a slot beyond all others says otherwise.
                    let slot = self.by_variable[var.index()].unwrap_or(u32::MAX);
                    if last(*var) && !atoms[k + 1..].contains(atom) && slot != u32::MAX {
                        self.free.push(slot);
                        Operand::Last(slot, self.kind(*var))
                    } else {
                        Operand::Slot(slot)
                    }
                }
            });
        }
        found.into()
    }
}

/// Products ahead of a loop's steps take at most this many bytes.
const AHEAD_BYTES: usize = 1 << 24;

/// A loop's body or a branch without what its results do not need: even where nothing else is compiled, these are
/// (rule C18).
fn swept(program: &Program) -> Program {
    dead_code(program.clone())
}

/// A loop's body, and what is run once before the first step, where there is such.
fn hoisted(body: &Program, num_consts: usize) -> (Option<Plan>, Program) {
    let body = swept(body);
    match hoist::invariant(&body, num_consts) {
        Some((first, rest)) => (Some(Plan::new(&first)), rest),
        None => (None, body),
    }
}

impl WhilePlan {
    fn new(op: &While) -> Self {
        let cond = swept(&op.cond);
        let (invariant, body) = hoisted(&op.body, op.body_consts);
        let predicate = cond.output_types().into_iter().next();
        let predicate = predicate.filter(|ty| ty.dtype == DType::Bool && ty.rank() > 0);
        WhilePlan {
            step: Plan::new(&while_step(
                &cond,
                op.cond_consts,
                &body,
                predicate.as_ref(),
            )),
            cond: Plan::new(&cond),
            cond_consts: op.cond_consts,
            invariant,
            body_consts: op.body_consts,
            masked: predicate.is_some(),
        }
    }
}

/// A step of a loop and the predicate after it as one program. Where the predicate is one bool per lane it comes in too, and finished
/// lanes keep their carry (rules C33 and C34); a predicate that calls the host is asked again for that.
fn while_step(
    cond: &Program,
    cond_consts: usize,
    body: &Program,
    predicate: Option<&TensorType>,
) -> Program {
    let mut builder = ProgramBuilder::new();
    let cond_types = cond.input_types();
    let (cond_types, carry_types) = cond_types.split_at(cond_consts);
    let body_types = body.input_types();
    let body_consts = &body_types[..body_types.len() - carry_types.len()];
    let mut inputs = |types: &[TensorType]| -> Vec<Atom> {
        types
            .iter()
            .map(|ty| builder.input(ty.clone()).into())
            .collect()
    };
    let cond_consts = inputs(cond_types);
    let body_consts = inputs(body_consts);
    let keep_going = inputs(predicate.map_or(&[], std::slice::from_ref));
    let carry = inputs(carry_types);
    let args: Vec<Atom> = body_consts.iter().chain(&carry).copied().collect();
    let mut next = body.inline(&mut builder, &args);
    if let (Some(ty), Some(&given)) = (predicate, keep_going.first()) {
        let asks_host = cond.equations().iter().any(|e| e.op.calls_host());
        let which = if asks_host {
            let args: Vec<Atom> = cond_consts.iter().chain(&carry).copied().collect();
            cond.inline(&mut builder, &args)[0]
        } else {
            given
        };
        for (old, new) in carry.iter().zip(&mut next) {
            if old == new {
                continue;
            }
            let full = builder.atom_type(old);
            let mut emit = |op: Op, inputs: &[Atom], ty: TensorType| {
                Atom::Var(builder.push(op, inputs.into(), [ty], None)[0])
            };
            let spread = BroadcastInDim {
                shape: full.shape.clone(),
                dims: (0..ty.rank()).collect(),
            };
            let choice = emit(spread.into(), &[which], full.with_dtype(DType::Bool));
            *new = emit(SelectN.into(), &[choice, *old, *new], full);
        }
    }
    let args: Vec<Atom> = cond_consts.iter().chain(&next).copied().collect();
    next.extend(cond.inline(&mut builder, &args));
    builder.finish(next)
}

impl Action {
    fn new(program: &Program, equation: &Equation) -> Self {
        let (op, outputs, location) = (&equation.op, &equation.outputs, equation.location);
        let name = op.name();
        let op = match op {
            Op::Data(op) => {
                let types = outputs.iter().map(|&v| program.var_type(v).clone());
                let types: Vec<TensorType> = types.collect();
                return if memory::are_large(&types) {
                    Action::LargeData(op.clone(), types, location)
                } else {
                    Action::Data(op.clone())
                };
            }
            Op::Control(op) => op,
        };
        match op {
            ControlOp::HostCall(call) => {
                let empty = call.results.iter().all(|ty| ty.size() == 0);
                if empty && call.kind == CallbackKind::Pure {
                    Action::Empty(call.results.clone())
                } else {
                    Action::HostCall(call.clone())
                }
            }
            ControlOp::Call(Call { program, .. })
            | ControlOp::CustomVmapCall(CustomVmapCall { program, .. })
            | ControlOp::CustomJvpCall(CustomJvpCall { program, .. })
            | ControlOp::CustomVjpCall(CustomVjpCall { program, .. })
            | ControlOp::Checkpoint(Checkpoint { program, .. }) => Action::Call(Plan::new(program)),
            ControlOp::CustomLin(CustomLin { name, .. }) => Action::ForwardOnly(name.clone()),
            ControlOp::Cond(Cond { branches }) => {
                Action::Cond(branches.iter().map(|b| Plan::new(&swept(b))).collect())
            }
            ControlOp::While(op) => Action::While(Box::new(WhilePlan::new(op))),
            ControlOp::Scan(op) => {
                let (invariant, body) = hoisted(&op.body, op.num_consts);
                let lanes_only = op.lanes && op.num_carry == 0 && invariant.is_none();
                let turns = lanes_only
                    .then(|| Turns::new(&body, op.num_consts))
                    .flatten();
                let carry = op.num_carry;
                let mapped = op.body.inputs().len() - op.num_consts - carry;
                let consts = body.inputs().len() - carry - mapped;
                let split = match op.lanes {
                    true => None,
                    false => ahead::products(&body, (consts, carry), op.length, AHEAD_BYTES),
                };
                let (ahead, body) = match split {
                    Some(split) => (Some(Plan::new(&split.first)), split.rest),
                    None => (None, body),
                };
                Action::Scan(Box::new(ScanPlan {
                    invariant,
                    ahead,
                    body: Plan::new(&body),
                    length: op.length,
                    num_consts: op.num_consts,
                    num_carry: op.num_carry,
                    reverse: op.reverse,
                    lanes: op.lanes,
                    turns,
                    ys: outputs[op.num_carry..]
                        .iter()
                        .map(|&v| program.var_type(v).clone())
                        .collect(),
                }))
            }
            ControlOp::ScatterApply(op) => Action::ScatterApply {
                op: op.clone(),
                update: Plan::new(&op.update),
            },
            ControlOp::Collective(op) => {
                let name_of_axis = |(name, _): &(AxisName, usize)| name.to_string();
                let kind = OpErrorKind::UnboundAxisName {
                    name: op.axes.first().map(name_of_axis).unwrap_or_default(),
                    bound: Vec::new(),
                };
                Action::Unbound(OpError::at(name, kind, location))
            }
        }
    }
}
