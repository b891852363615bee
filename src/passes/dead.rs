//! Dropping what results do not need.
//!
//! An equation is needed if it has an effect or if something needed reads one of its results; a carried value of a loop is
//! needed if its last value is, or if a step needs it for something that is. Variables keep their numbers, so the
//! table of types may name some that no longer occur.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::program::{
    Atom, Call, Checkpoint, Cond, ControlOp, CustomVmapCall, Equation, Op, Program, Scan,
    ScatterApply, SubProgram, While,
};

/// The program without equations whose results nothing needs, here and in the programs inside; effectful ones stay.
/// Loops and conditionals lose the results, carried values and operands that nothing needs.
pub(crate) fn dead_code(mut program: Program) -> Program {
    sweep(&mut program);
    program
}

/// Which variables a program reads.
pub(crate) fn reads(program: &Program) -> Vec<bool> {
    let mut read = vec![false; program.types.len()];
    let operands = program.equations.iter().flat_map(|e| &e.inputs);
    for atom in operands.chain(&program.outputs) {
        if let Atom::Var(var) = atom {
            read[var.index()] = true;
        }
    }
    read
}

/// Drops what is not needed, and says which variables are.
fn sweep(program: &mut Program) -> Vec<bool> {
    let mut needed = vec![false; program.types.len()];
    let need = |needed: &mut Vec<bool>, atom: &Atom| {
        if let Atom::Var(var) = atom {
            needed[var.index()] = true;
        }
    };
    for atom in &program.outputs {
        need(&mut needed, atom);
    }
    // In place: equations are what a program's memory holds.
    let mut kept = vec![false; program.equations.len()];
    for (equation, kept) in program.equations.iter_mut().zip(&mut kept).rev() {
        let wanted: SmallVec<[bool; 4]> =
            equation.outputs.iter().map(|v| needed[v.index()]).collect();
        if equation.op.has_effects() || wanted.contains(&true) {
            narrow(equation, &wanted);
            for atom in &equation.inputs {
                need(&mut needed, atom);
            }
            *kept = true;
        }
    }
    let mut kept = kept.iter();
    program.equations.retain(|_| kept.next() == Some(&true));
    program.constants.retain(|(var, _)| needed[var.index()]);
    needed
}

/// The program with only the results marked, and which of its inputs those need.
fn with_outputs(program: &Program, wanted: &[bool]) -> (Program, Vec<bool>) {
    let mut program = program.clone();
    program.outputs = marked(&program.outputs, wanted);
    let needed = sweep(&mut program);
    let inputs = program.inputs.iter().map(|v| needed[v.index()]).collect();
    (program, inputs)
}

/// The items whose flag is set.
fn marked<T: Clone, C: FromIterator<T>>(items: &[T], flags: &[bool]) -> C {
    let chosen = items.iter().zip(flags).filter(|&(_, &keep)| keep);
    chosen.map(|(item, _)| item.clone()).collect()
}

/// The program with only the inputs marked, none of the others being read.
fn with_inputs(mut program: Program, keep: &[bool]) -> SubProgram {
    program.inputs = marked(&program.inputs, keep);
    Arc::new(program)
}

fn count(flags: &[bool]) -> usize {
    flags.iter().filter(|&&b| b).count()
}

/// Takes what nothing needs off an equation that runs programs.
fn narrow(equation: &mut Equation, wanted: &[bool]) {
    let op = match &mut equation.op {
        Op::Data(_) => return,
        Op::Control(op) => op,
    };
    match op {
        ControlOp::Cond(Cond { branches }) => {
            let swept: Vec<(Program, Vec<bool>)> =
                branches.iter().map(|b| with_outputs(b, wanted)).collect();
            let mut inputs = vec![false; equation.inputs.len() - 1];
            for (_, reads) in &swept {
                inputs.iter_mut().zip(reads).for_each(|(i, r)| *i |= r);
            }
            *branches = swept
                .into_iter()
                .map(|(b, _)| with_inputs(b, &inputs))
                .collect();
            let operands: Vec<bool> = std::iter::once(true).chain(inputs).collect();
            equation.inputs = marked(&equation.inputs, &operands);
            equation.outputs = marked(&equation.outputs, wanted);
        }
        ControlOp::Scan(Scan {
            body,
            num_consts,
            num_carry,
            ..
        }) => {
            let fixed = *num_consts + *num_carry;
            let mut outputs = wanted.to_vec();
            let (swept, inputs) = loop {
                let (swept, mut inputs) = with_outputs(body, &outputs);
                let carried = &inputs[*num_consts..fixed];
                if carried
                    .iter()
                    .zip(&outputs)
                    .all(|(&read, &out)| out || !read)
                {
                    // A carried value that is wanted but not read still has a place to start from.
                    inputs[*num_consts..fixed].copy_from_slice(&outputs[..*num_carry]);
                    break (swept, inputs);
                }
                for (out, &read) in outputs.iter_mut().zip(carried) {
                    *out |= read;
                }
            };
            *body = with_inputs(swept, &inputs);
            let consts = count(&inputs[..*num_consts]);
            *num_carry = count(&outputs[..*num_carry]);
            *num_consts = consts;
            equation.inputs = marked(&equation.inputs, &inputs);
            equation.outputs = marked(&equation.outputs, &outputs);
        }
        ControlOp::While(While {
            cond,
            cond_consts,
            body,
            body_consts,
        }) => {
            let (tested, cond_inputs) = with_outputs(cond, &[true]);
            let mut carry: Vec<bool> = wanted
                .iter()
                .zip(&cond_inputs[*cond_consts..])
                .map(|(a, b)| a | b)
                .collect();
            let (swept, mut body_inputs) = loop {
                let (swept, inputs) = with_outputs(body, &carry);
                let reads = &inputs[*body_consts..];
                if reads.iter().zip(&carry).all(|(&read, &out)| out || !read) {
                    break (swept, inputs);
                }
                for (out, &read) in carry.iter_mut().zip(reads) {
                    *out |= read;
                }
            };
            let mut test_inputs = cond_inputs;
            test_inputs[*cond_consts..].copy_from_slice(&carry);
            body_inputs[*body_consts..].copy_from_slice(&carry);
            let operands: Vec<bool> = test_inputs[..*cond_consts]
                .iter()
                .chain(&body_inputs[..*body_consts])
                .chain(&carry)
                .copied()
                .collect();
            *cond = with_inputs(tested, &test_inputs);
            *body = with_inputs(swept, &body_inputs);
            *cond_consts = count(&test_inputs[..*cond_consts]);
            *body_consts = count(&body_inputs[..*body_consts]);
            equation.inputs = marked(&equation.inputs, &operands);
            equation.outputs = marked(&equation.outputs, &carry);
        }
        ControlOp::Checkpoint(Checkpoint { program, .. }) => {
            let (swept, inputs) = with_outputs(program, wanted);
            *program = with_inputs(swept, &inputs);
            equation.inputs = marked(&equation.inputs, &inputs);
            equation.outputs = marked(&equation.outputs, wanted);
        }
        // The rules speak of all results and operands.
        ControlOp::CustomJvpCall(_) | ControlOp::CustomVjpCall(_) | ControlOp::CustomLin(_) => {}
        ControlOp::Call(Call { program, .. })
        | ControlOp::CustomVmapCall(CustomVmapCall { program, .. })
        | ControlOp::ScatterApply(ScatterApply {
            update: program, ..
        }) => {
            *program = Arc::new(dead_code(Program::clone(program)));
        }
        ControlOp::HostCall(_) | ControlOp::Collective(_) => {}
    }
}
