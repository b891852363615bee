//! Compiling a program into steps over a table of slots.

use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::array::{Array, DType, TensorType, memory};
use crate::callback::CallbackKind;
use crate::error::{OpError, OpErrorKind};
use crate::passes::dead::dead_code;
use crate::passes::hoist;
use crate::program::{
    Atom, AxisName, Call, Checkpoint, Cond, ControlOp, CustomJvpCall, CustomLin, CustomVjpCall,
    CustomVmapCall, DataOp, HostCall, Op, Program, ScatterApply,
};

/// A compiled program.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) slots: usize,
    pub(super) constants: Vec<(u32, Array)>,
    pub(super) inputs: Vec<u32>,
    /// Inputs nothing reads; dropped at once.
    pub(super) unused_inputs: Vec<u32>,
    pub(super) steps: Vec<Step>,
    pub(super) outputs: Vec<Operand>,
}

/// Where a step finds an operand.
#[derive(Debug)]
pub(super) enum Operand {
    Slot(u32),
    /// The slot's last use: it is emptied, so that an operation finds itself the only holder of the buffer.
    Last(u32),
    Literal(Array),
}

/// One equation, ready to run.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) inputs: SmallVec<[Operand; 4]>,
    /// The slot of each result, `None` where nothing uses it.
    pub(super) outputs: SmallVec<[Option<u32>; 2]>,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Action {
    Data(DataOp),
    /// One whose results are so large that memory is asked for first.
    LargeData(DataOp, Vec<TensorType>, Option<&'static Location<'static>>),
    HostCall(HostCall),
    /// A pure callback all of whose results are empty is not called (rule C19).
    Empty(SmallVec<[TensorType; 2]>),
    Call(Plan),
    Cond(Vec<Plan>),
    While(WhilePlan),
    Scan(ScanPlan),
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
    pub(super) body: Plan,
    pub(super) body_consts: usize,
    /// Whether the predicate is one bool per lane, so that finished lanes keep their carry.
    pub(super) masked: bool,
}

#[derive(Debug)]
pub(super) struct ScanPlan {
    /// What depends on constants alone: run once, before the first step (rule C20).
    pub(super) invariant: Option<Plan>,
    pub(super) body: Plan,
    pub(super) length: usize,
    pub(super) num_consts: usize,
    pub(super) num_carry: usize,
    pub(super) reverse: bool,
    pub(super) lanes: bool,
    /// The types of the stacked results.
    pub(super) ys: Vec<TensorType>,
}

impl Plan {
    pub(crate) fn new(program: &Program) -> Self {
        let mut last_use: Vec<Option<usize>> = vec![None; program.types.len()];
        for (i, equation) in program.equations.iter().enumerate() {
            for atom in &equation.inputs {
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
        let steps = program
            .equations
            .iter()
            .enumerate()
            .map(|(i, equation)| Step {
                action: Action::new(&equation.op, program, &equation.outputs, equation.location),
                inputs: operands(&equation.inputs, |v| last_use[v] == Some(i)).collect(),
                outputs: equation
                    .outputs
                    .iter()
                    .map(|v| last_use[v.index()].is_some().then_some(v.0))
                    .collect(),
            })
            .collect();
        Plan {
            slots: program.types.len(),
            constants: program
                .constants
                .iter()
                .map(|(v, a)| (v.0, a.clone()))
                .collect(),
            inputs: program.inputs.iter().map(|v| v.0).collect(),
            unused_inputs: program
                .inputs
                .iter()
                .filter(|v| last_use[v.index()].is_none())
                .map(|v| v.0)
                .collect(),
            steps,
            outputs: operands(&program.outputs, |_| true).collect(),
        }
    }
}

/// A loop's body or a branch without what its results do not need: even where nothing else is compiled, these are
/// (rule C18).
fn swept(program: &Program) -> Program {
    dead_code(program.clone())
}

/// A loop's body, and what is run once before the first step, where there is such.
fn hoisted(body: &Program, num_consts: usize) -> (Option<Plan>, Plan) {
    let body = swept(body);
    match hoist::invariant(&body, num_consts) {
        Some((first, rest)) => (Some(Plan::new(&first)), Plan::new(&rest)),
        None => (None, Plan::new(&body)),
    }
}

/// Where to find the atoms; `last` says of a variable whether these are the last to read it.
fn operands<'a>(
    atoms: &'a [Atom],
    last: impl Fn(usize) -> bool + 'a,
) -> impl Iterator<Item = Operand> + 'a {
    atoms.iter().enumerate().map(move |(k, atom)| match atom {
        Atom::Var(var) if last(var.index()) && !atoms[k + 1..].contains(atom) => {
            Operand::Last(var.0)
        }
        Atom::Var(var) => Operand::Slot(var.0),
        Atom::Literal(value, _) => Operand::Literal(value.to_array()),
    })
}

impl Action {
    fn new(
        op: &Op,
        program: &Program,
        outputs: &[crate::program::Var],
        location: Option<&'static Location<'static>>,
    ) -> Self {
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
            ControlOp::While(op) => {
                let (invariant, body) = hoisted(&op.body, op.body_consts);
                Action::While(WhilePlan {
                    cond: Plan::new(&swept(&op.cond)),
                    cond_consts: op.cond_consts,
                    invariant,
                    body,
                    body_consts: op.body_consts,
                    masked: op
                        .cond
                        .output_types()
                        .first()
                        .is_some_and(|ty| ty.dtype == DType::Bool && ty.rank() > 0),
                })
            }
            ControlOp::Scan(op) => {
                let (invariant, body) = hoisted(&op.body, op.num_consts);
                Action::Scan(ScanPlan {
                    invariant,
                    body,
                    length: op.length,
                    num_consts: op.num_consts,
                    num_carry: op.num_carry,
                    reverse: op.reverse,
                    lanes: op.lanes,
                    ys: outputs[op.num_carry..]
                        .iter()
                        .map(|&v| program.var_type(v).clone())
                        .collect(),
                })
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
