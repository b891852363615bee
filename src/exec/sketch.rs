//! The steps of a program before variables have slots.

use std::panic::Location;

use smallvec::SmallVec;

use super::fuse::{self, Unit};
use super::group::{Draft, Group};
use super::indices;
use crate::array::{DType, TensorType, memory};
use crate::program::{Atom, DataOp, Equation, Op, Program, Var};

/// A group of equations as a step.
#[derive(Debug)]
pub(super) struct Fused {
    pub(super) group: Group,
    /// The kind of each result.
    pub(super) kinds: Box<[u32]>,
    /// The results' types where memory has to be asked for first.
    pub(super) large: Option<(
        Vec<TensorType>,
        &'static str,
        Option<&'static Location<'static>>,
    )>,
}

/// What a step is made of.
pub(super) enum Task {
    /// The equation of this number.
    One(usize),
    /// The same, a gather or scatter that adds a number to negative indices, which lack the index vector's axis.
    Indexed(usize, i64),
    Fused(Box<Fused>),
}

/// A step before variables have slots.
pub(super) struct Sketch {
    pub(super) task: Task,
    pub(super) inputs: Vec<Atom>,
    pub(super) outputs: SmallVec<[Var; 2]>,
}

/// The steps of a program in order. They are found from the last to the first, since who reads a variable decides whether it is computed,
/// and where. What only moves elements for groups is no step: they read the source with other strides.
pub(super) fn sketches(program: &Program) -> Vec<Sketch> {
    let mut definitions = vec![None; program.types.len()];
    for (i, equation) in program.equations.iter().enumerate() {
        for var in &equation.outputs {
            definitions[var.index()] = Some(i as u32);
        }
    }
    let mut readers = vec![Reader::None; program.types.len()];
    for var in variables(&program.outputs) {
        readers[var.index()] = Reader::Many;
    }
    // What single steps read in row-major order.
    let mut ordered = vec![false; program.types.len()];
    let mut steps = Vec::new();
    for unit in fuse::units(program).into_iter().rev() {
        let step = match unit {
            Unit::One(i) => {
                let equation = &program.equations[i];
                if let Some(step) = absorbed(program, equation, &readers, &mut steps) {
                    read_by(&mut readers, &equation.inputs, step);
                    continue;
                }
                let unread = equation
                    .outputs
                    .iter()
                    .all(|v| readers[v.index()].is_none());
                if unread && fuse::is_view(&equation.op) {
                    continue;
                }
                let mut inputs = equation.inputs.to_vec();
                if fuse::reads_in_order(&equation.op) {
                    variables(&inputs).for_each(|var| ordered[var.index()] = true);
                }
                let is_large = || {
                    let results = equation.outputs.iter();
                    let types = results.map(|&v| program.var_type(v).clone());
                    memory::are_large(&types.collect::<Vec<TensorType>>())
                };
                let task = match indices::wrapped(program, &definitions, equation) {
                    Some((raw, wrap)) if !is_large() => {
                        inputs[1] = raw;
                        Task::Indexed(i, wrap)
                    }
                    _ => Task::One(i),
                };
                Sketch {
                    task,
                    inputs,
                    outputs: equation.outputs.clone(),
                }
            }
            Unit::Group(members, space) => {
                let last = members.last().map(|&i| &program.equations[i]);
                let draft = Draft::new(program, &definitions, &members, space);
                let Some(mut group) = draft.finish(program, |v| !readers[v.index()].is_none())
                else {
                    continue;
                };
                let outputs: SmallVec<[Var; 2]> =
                    group.outputs.iter().map(|o| Var(o.var)).collect();
                group.in_order = outputs.iter().any(|v| ordered[v.index()]);
                let results = outputs.iter().map(|&v| program.var_type(v).clone());
                // What is reduced is never in memory as a whole, but is refused where that has no room for it: as without groups, and
                // because nobody would live to see the end.
                let reduced = members.iter().filter_map(|&i| {
                    let Equation { op, inputs, .. } = &program.equations[i];
                    let is_reduction = matches!(op, Op::Data(DataOp::Reduce(_)));
                    is_reduction.then(|| program.atom_type(&inputs[0]))
                });
                let types: Vec<TensorType> = results.chain(reduced).collect();
                let large = memory::are_large(&types).then(|| {
                    let name = last.map_or("program", |e| e.op.name());
                    (types, name, last.and_then(|e| e.location))
                });
                Sketch {
                    inputs: group.sources().map(|v| Atom::Var(Var(v))).collect(),
                    outputs,
                    task: Task::Fused(Box::new(Fused {
                        group,
                        kinds: Box::default(),
                        large,
                    })),
                }
            }
        };
        read_by(&mut readers, &step.inputs, steps.len());
        steps.push(step);
    }
    steps.reverse();
    steps
}

/// Who reads a variable, of the steps there are.
#[derive(Clone, Copy)]
enum Reader {
    None,
    /// The step of this number, once.
    One(usize),
    /// Several, or the program's caller.
    Many,
}

impl Reader {
    fn is_none(self) -> bool {
        matches!(self, Reader::None)
    }
}

fn read_by(readers: &mut [Reader], atoms: &[Atom], step: usize) {
    for var in variables(atoms) {
        let reader = &mut readers[var.index()];
        *reader = match reader {
            Reader::None => Reader::One(step),
            Reader::One(_) | Reader::Many => Reader::Many,
        };
    }
}

fn variables(atoms: &[Atom]) -> impl Iterator<Item = Var> + '_ {
    atoms.iter().filter_map(|atom| match atom {
        Atom::Var(var) => Some(*var),
        Atom::Literal(..) => None,
    })
}

/// Products of fewer elements stay in the cache until they are read, so that nothing is gained by computing them there.
const LARGE_PRODUCT: usize = 1 << 12;

/// The number of the group that alone reads what an equation computes, where that is a product of matrices of floats that the group now
/// computes itself.
fn absorbed(
    program: &Program,
    equation: &Equation,
    readers: &[Reader],
    steps: &mut [Sketch],
) -> Option<usize> {
    let Op::Data(DataOp::DotGeneral(op)) = &equation.op else {
        return None;
    };
    let [Atom::Var(lhs), Atom::Var(rhs)] = equation.inputs[..] else {
        return None;
    };
    let product = equation.outputs[0];
    let ty = program.var_type(product);
    if !matches!(ty.dtype, DType::F32 | DType::F64) || ty.size() < LARGE_PRODUCT {
        return None;
    }
    let Reader::One(number) = readers[product.index()] else {
        return None;
    };
    let step = &mut steps[number];
    let Task::Fused(fused) = &mut step.task else {
        return None;
    };
    let lengths = &program.var_type(lhs).shape;
    let inner = op.dims.lhs_contract.iter().map(|&axis| lengths[axis]);
    let multiplications = inner.fold(ty.size(), usize::saturating_mul);
    if !fused
        .group
        .absorb(product.0, op, [lhs.0, rhs.0], multiplications)
    {
        return None;
    }
    step.inputs = fused.group.sources().map(|v| Atom::Var(Var(v))).collect();
    // It is refused where memory has no room for it, as without groups.
    if memory::are_large(std::slice::from_ref(ty)) {
        let large = fused
            .large
            .get_or_insert_with(|| (Vec::new(), equation.op.name(), equation.location));
        large.0.push(ty.clone());
    }
    Some(number)
}
