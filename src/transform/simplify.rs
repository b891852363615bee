//! Dropping what results do not need.
//!
//! What counts as needed: the program's outputs, whatever an effectful equation reads, and what those depend on. Operations
//! that run programs are narrowed first: results nobody uses are taken out of the sub-programs, and operands
//! the narrowed sub-programs no longer read are not passed. A carried value of a scan stays as long as any needed result of any
//! step depends on it.

use std::sync::Arc;

use crate::program::{Atom, Equation, Op, Program, SubProgram};

/// The program without equations whose results nothing needs; effectful ones stay.
///
/// Variables keep their numbers, so the table of types may name some that no longer occur.
pub(crate) fn dead_code(mut program: Program) -> Program {
    let mut needed = vec![false; program.types.len()];
    for atom in &program.outputs {
        need(&mut needed, atom);
    }
    let mut kept = Vec::with_capacity(program.equations.len());
    for equation in program.equations.into_iter().rev() {
        let used: Vec<bool> = equation.outputs.iter().map(|v| needed[v.index()]).collect();
        let effects = equation.op.has_effects();
        if !effects && !used.contains(&true) {
            continue;
        }
        let equation = if effects {
            equation
        } else {
            narrow(equation, &used)
        };
        for atom in &equation.inputs {
            need(&mut needed, atom);
        }
        kept.push(equation);
    }
    kept.reverse();
    program.equations = kept;
    program.constants.retain(|(var, _)| needed[var.index()]);
    program
}

fn need(needed: &mut [bool], atom: &Atom) {
    if let Atom::Var(var) = atom {
        needed[var.index()] = true;
    }
}

/// The equation without the results that are not used, where its operation can do without them.
fn narrow(equation: Equation, used: &[bool]) -> Equation {
    let Equation {
        op,
        inputs,
        outputs,
        location,
    } = equation;
    let (op, keep_inputs, keep_outputs) = match op {
        Op::Call { name, program } => {
            let program = with_outputs(&program, used);
            let reads = reads(&program);
            (
                Op::Call {
                    name,
                    program: with_inputs(program, &reads),
                },
                reads,
                used.to_vec(),
            )
        }
        Op::Cond { branches } => {
            let branches: Vec<Program> = branches.iter().map(|b| with_outputs(b, used)).collect();
            let mut read = vec![false; inputs.len() - 1];
            for branch in &branches {
                read.iter_mut()
                    .zip(reads(branch))
                    .for_each(|(all, one)| *all |= one);
            }
            let branches = branches
                .into_iter()
                .map(|b| with_inputs(b, &read))
                .collect();
            // The index comes first.
            read.insert(0, true);
            (Op::Cond { branches }, read, used.to_vec())
        }
        Op::Scan {
            body,
            length,
            num_consts,
            num_carry,
            reverse,
            unroll,
            lanes,
        } => {
            let fixed = num_consts + num_carry;
            let mut keep = used.to_vec();
            let (body, mut read) = loop {
                let body = with_outputs(&body, &keep);
                let read = reads(&body);
                let more: Vec<usize> = (0..num_carry)
                    .filter(|&k| read[num_consts + k] && !keep[k])
                    .collect();
                if more.is_empty() {
                    break (body, read);
                }
                more.into_iter().for_each(|k| keep[k] = true);
            };
            // A carried value is taken exactly where it is returned.
            read[num_consts..fixed].copy_from_slice(&keep[..num_carry]);
            let count = |flags: &[bool]| flags.iter().filter(|&&f| f).count();
            let op = Op::Scan {
                body: with_inputs(body, &read),
                length,
                num_consts: count(&read[..num_consts]),
                num_carry: count(&keep[..num_carry]),
                reverse,
                unroll,
                lanes,
            };
            (op, read, keep)
        }
        op => (op, vec![true; inputs.len()], vec![true; outputs.len()]),
    };
    Equation {
        op,
        inputs: filtered(inputs, &keep_inputs),
        outputs: filtered(outputs, &keep_outputs),
        location,
    }
}

fn filtered<T, C: IntoIterator<Item = T> + FromIterator<T>>(items: C, keep: &[bool]) -> C {
    items
        .into_iter()
        .zip(keep)
        .filter(|&(_, &keep)| keep)
        .map(|(item, _)| item)
        .collect()
}

/// A sub-program with only some of its outputs, and without what those do not need.
fn with_outputs(program: &Program, keep: &[bool]) -> Program {
    let mut program = program.clone();
    program.outputs = filtered(program.outputs, keep);
    dead_code(program)
}

/// Which inputs a program reads.
fn reads(program: &Program) -> Vec<bool> {
    let mut needed = vec![false; program.types.len()];
    let used = program
        .equations
        .iter()
        .flat_map(|e| &e.inputs)
        .chain(&program.outputs);
    used.for_each(|atom| need(&mut needed, atom));
    program.inputs.iter().map(|v| needed[v.index()]).collect()
}

/// A sub-program with only some of its inputs; the others are not read.
fn with_inputs(mut program: Program, keep: &[bool]) -> SubProgram {
    program.inputs = filtered(program.inputs, keep);
    Arc::new(program)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::dead_code;
    use crate::prelude::*;
    use crate::{CallLog, Program};

    fn text(program: &Program) -> String {
        program.verify().unwrap();
        program.to_string()
    }

    #[test]
    fn an_unused_result_of_a_scan_takes_its_callback_along() {
        let log = CallLog::new();
        let host =
            Callback::new("host", [f64::spec([])], |args: &[Array]| args[0].clone()).log(&log);
        let sums = |x: Tensor| {
            let step = |(s, t): (Tensor, Tensor), x: Tensor| {
                let y = host.call((&x,))?;
                Ok::<_, Error>(((s + &x, t * x), y))
            };
            let ((s, _), _): ((Tensor, Tensor), Tensor) =
                scan(step, (0.0, 1.0), x, ScanOptions::default())?;
            Ok::<_, Error>(s)
        };
        let x = ndarray::array![1.0, 2.0, 3.0];
        assert_eq!(
            jit(sums)
                .call((&x,))
                .unwrap()
                .to_array()
                .unwrap()
                .item::<f64>()
                .unwrap(),
            6.0
        );
        assert_eq!(log.len(), 0);
        let program = jit(sums).trace((f64::spec([3]),)).unwrap();
        assert!(text(&program).contains("num_carry=1"), "{program}");
        // Without jit the results of the steps are computed, used or not (rule C18).
        sums(Array::from(x).into()).unwrap();
        assert_eq!(log.len(), 3);
    }

    #[test]
    fn a_carry_another_carry_depends_on_stays() {
        let f = |x: Tensor| {
            let step =
                |(a, b, c): (Tensor, Tensor, Tensor), x: Tensor| ((&a + &b, b + x, c * 2.0), ());
            let ((a, _, _), ()): ((Tensor, Tensor, Tensor), ()) =
                scan(step, (0.0, 0.0, 1.0), x, ScanOptions::default())?;
            Ok::<_, Error>(a)
        };
        let program = jit(f).trace((f64::spec([4]),)).unwrap();
        assert!(text(&program).contains("num_carry=2"), "{program}");
        let out = program
            .run(&[Array::from(vec![1.0, 2.0, 3.0, 4.0])])
            .unwrap();
        assert_eq!(out[0].item::<f64>().unwrap(), 10.0);
    }

    #[test]
    fn branches_and_calls_lose_unused_results_and_operands() {
        let f = |p: Tensor, x: Tensor, y: Tensor| {
            let on_true = |x: Tensor, y: Tensor| (x.sin(), y.cos());
            let on_false = |x: Tensor, y: Tensor| (x.cos(), y.sin());
            let (first, _) = cond(p, on_true, on_false, (x, y))?;
            Ok::<_, Error>(first)
        };
        let program = jit(f)
            .trace((bool::spec([]), f64::spec([]), f64::spec([])))
            .unwrap();
        let printed = text(&program);
        assert_eq!(
            (
                printed.matches("sin").count(),
                printed.matches("cos").count()
            ),
            (1, 1),
            "{printed}"
        );
        let again = dead_code(program.clone());
        assert_eq!(again.to_string(), printed);
    }
}
