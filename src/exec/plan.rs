//! Compiling a program into steps over a table of slots.

use std::panic::Location;

use smallvec::SmallVec;

use crate::array::{Array, DType, Shape, TensorType};
use crate::callback::{Callback, CallbackKind};
use crate::error::{OpError, OpErrorKind};
use crate::passes::dead::dead_code;
use crate::passes::hoist;
use crate::program::{Atom, Op, Program};

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
    Data(Op),
    Callback {
        callback: Callback,
        results: SmallVec<[TensorType; 2]>,
        lanes: Shape,
    },
    /// A pure callback all of whose results are empty is not called (rule C19).
    Empty(SmallVec<[TensorType; 2]>),
    Call(Plan),
    Cond(Vec<Plan>),
    While(WhilePlan),
    Scan(ScanPlan),
    /// A collective whose axis no vmap bound.
    Unbound(OpError),
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
    pub(crate) fn new(program: &Program) -> Plan {
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
    ) -> Action {
        match op {
            Op::Callback {
                results,
                kind: CallbackKind::Pure,
                ..
            } if results.iter().all(|ty| ty.size() == 0) => Action::Empty(results.clone()),
            Op::Callback {
                callback,
                results,
                lanes,
                ..
            } => Action::Callback {
                callback: callback.clone(),
                results: results.clone(),
                lanes: lanes.clone(),
            },
            Op::Call { program, .. } | Op::CustomVmap { program, .. } => {
                Action::Call(Plan::new(program))
            }
            Op::Cond { branches } => {
                Action::Cond(branches.iter().map(|b| Plan::new(&swept(b))).collect())
            }
            Op::While {
                cond,
                cond_consts,
                body,
                body_consts,
            } => {
                let (invariant, body) = hoisted(body, *body_consts);
                Action::While(WhilePlan {
                    cond: Plan::new(&swept(cond)),
                    cond_consts: *cond_consts,
                    invariant,
                    body,
                    body_consts: *body_consts,
                    masked: cond
                        .output_types()
                        .first()
                        .is_some_and(|ty| ty.dtype == DType::Bool && ty.rank() > 0),
                })
            }
            Op::Scan {
                body,
                length,
                num_consts,
                num_carry,
                reverse,
                lanes,
                ..
            } => {
                let (invariant, body) = hoisted(body, *num_consts);
                Action::Scan(ScanPlan {
                    invariant,
                    body,
                    length: *length,
                    num_consts: *num_consts,
                    num_carry: *num_carry,
                    reverse: *reverse,
                    lanes: *lanes,
                    ys: outputs[*num_carry..]
                        .iter()
                        .map(|&v| program.var_type(v).clone())
                        .collect(),
                })
            }
            Op::Collective { axes, .. } => {
                let name = axes
                    .first()
                    .map_or_else(String::new, |(n, _)| n.to_string());
                Action::Unbound(OpError::at(
                    op.name(),
                    OpErrorKind::UnboundAxisName {
                        name,
                        bound: Vec::new(),
                    },
                    location,
                ))
            }
            Op::Unary(_)
            | Op::Binary(_)
            | Op::IntegerPow { .. }
            | Op::ConvertElementType { .. }
            | Op::SelectN
            | Op::Clamp
            | Op::BroadcastInDim { .. }
            | Op::Reshape { .. }
            | Op::Transpose { .. }
            | Op::Squeeze { .. }
            | Op::Concatenate { .. }
            | Op::Pad { .. }
            | Op::Rev { .. }
            | Op::Slice { .. }
            | Op::Reduce { .. }
            | Op::ArgReduce { .. }
            | Op::Cumulative { .. }
            | Op::DotGeneral { .. }
            | Op::Iota { .. }
            | Op::DynamicSlice { .. }
            | Op::DynamicUpdateSlice
            | Op::Gather { .. }
            | Op::Scatter { .. }
            | Op::Sort { .. }
            | Op::TopK { .. }
            | Op::Cholesky
            | Op::TriangularSolve { .. }
            | Op::Solve => Action::Data(op.clone()),
        }
    }
}
