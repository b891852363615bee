//! Dropping what results do not need.

use crate::program::{Atom, Program};

/// The program without equations whose results nothing needs; effectful ones stay.
///
/// Variables keep their numbers, so the table of types may name some that no longer occur.
pub(crate) fn dead_code(mut program: Program) -> Program {
    let mut needed = vec![false; program.types.len()];
    let need = |needed: &mut Vec<bool>, atom: &Atom| {
        if let Atom::Var(var) = atom {
            needed[var.index()] = true;
        }
    };
    for atom in &program.outputs {
        need(&mut needed, atom);
    }
    let mut kept = Vec::with_capacity(program.equations.len());
    for equation in program.equations.into_iter().rev() {
        if equation.op.has_effects() || equation.outputs.iter().any(|v| needed[v.index()]) {
            for atom in &equation.inputs {
                need(&mut needed, atom);
            }
            kept.push(equation);
        }
    }
    kept.reverse();
    program.equations = kept;
    program.constants.retain(|(var, _)| needed[var.index()]);
    program
}
