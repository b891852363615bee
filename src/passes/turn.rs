//! Transpositions ahead of what is computed element by element.
//!
//! Where a transposition is of a function of single elements, it may as well be of the operand: `f(x).T` is `f(x.T)`. Behind a
//! function it cuts a group of equations in two, the second of which reads all that the first has written; ahead of it, it is a matter
//! of how the group reads its operand. Mapped products are such operands: their rule leaves the mapped axis behind others.

use super::rebuild::Rebuild;
use crate::array::TensorType;
use crate::program::{Atom, Atoms, DataOp, Equation, Op, Program, Transpose, Var};

/// The program with transpositions moved ahead, where there is one to move.
pub(crate) fn transpose_first(program: &Program) -> Option<Program> {
    let found = Found::new(program)?;
    let chains = program.equations.iter();
    let chains: Vec<Vec<usize>> = chains.map(|e| found.chain(program, e)).collect();
    let mut moved = vec![false; chains.len()];
    for &k in chains.iter().flatten() {
        moved[k] = true;
    }
    if !moved.contains(&true) {
        return None;
    }
    let mut turned = Rebuild::new(program);
    program.inputs.iter().for_each(|&var| turned.input(var));
    turned.constants();
    for (i, equation) in program.equations.iter().enumerate() {
        match (transposition(equation), &chains[i][..]) {
            (Some(op), chain @ [_, ..]) => {
                let last = behind(&mut turned, program, (equation, op), chain)?;
                turned.bind(equation.outputs[0], last);
            }
            _ if moved[i] => {}
            _ => turned.equation(equation),
        }
    }
    Some(turned.finish(&program.outputs))
}

/// A transposition, and behind it a chain of functions, which is given last first; returns the last one's result.
fn behind(
    turned: &mut Rebuild<'_>,
    program: &Program,
    (equation, op): (&Equation, &Transpose),
    chain: &[usize],
) -> Option<Atom> {
    let ty = |of: Var| {
        let ty = program.var_type(of);
        let shape = op.permutation.iter().map(|&axis| ty.shape[axis]);
        TensorType::new(ty.dtype, shape).with_weak(ty.weak)
    };
    let source = operand(&program.equations[*chain.last()?])?;
    let inputs: Atoms = [turned.read(&Atom::Var(source))].into_iter().collect();
    let mut push = |equation: &Equation, inputs: Atoms, ty: TensorType| {
        let made = (turned.builder).push(equation.op.clone(), inputs, [ty], equation.location);
        Atom::Var(made[0])
    };
    let mut last = push(equation, inputs, ty(source));
    for &k in chain.iter().rev() {
        let function = &program.equations[k];
        // The only variable that it reads is what is transposed.
        let inputs = function.inputs.iter().map(|&x| match x {
            Atom::Var(_) => last,
            Atom::Literal(..) => x,
        });
        last = push(function, inputs.collect(), ty(function.outputs[0]));
    }
    Some(last)
}

/// What is known of variables.
struct Found {
    /// The equation that defines it.
    definitions: Vec<Option<u32>>,
    /// How often it is read.
    reads: Vec<u32>,
    /// Whether what reads it can be in a group.
    grouped: Vec<bool>,
}

impl Found {
    /// None where nothing is transposed.
    fn new(program: &Program) -> Option<Self> {
        program.equations.iter().find_map(transposition)?;
        let count = program.types.len();
        let mut found = Found {
            definitions: vec![None; count],
            reads: vec![0; count],
            grouped: vec![false; count],
        };
        for (i, equation) in program.equations.iter().enumerate() {
            let groups = is_elementwise(&equation.op) || is_reduction(&equation.op);
            for atom in &equation.inputs {
                if let Atom::Var(var) = atom {
                    found.reads[var.index()] += 1;
                    found.grouped[var.index()] |= groups;
                }
            }
            for var in &equation.outputs {
                found.definitions[var.index()] = Some(i as u32);
            }
        }
        for atom in &program.outputs {
            if let Atom::Var(var) = atom {
                found.reads[var.index()] += 1;
            }
        }
        Some(found)
    }

    /// The equations that a transposition can move ahead of, last first: functions of single elements of one variable, whose results
    /// nobody else reads. None where no group reads what is transposed, since nothing is gained then, nor where nothing is.
    fn chain(&self, program: &Program, equation: &Equation) -> Vec<usize> {
        let mut chain = Vec::new();
        let is_read = |var: &Var| self.grouped[var.index()];
        if transposition(equation).is_none() || !equation.outputs.iter().any(is_read) {
            return chain;
        }
        let mut atom = equation.inputs[0];
        while let Atom::Var(var) = atom
            && self.reads[var.index()] == 1
            && let Some(k) = self.definitions[var.index()]
            && let equation = &program.equations[k as usize]
            && is_elementwise(&equation.op)
            && let Some(source) = operand(equation)
            && program.var_type(source).shape == program.var_type(var).shape
        {
            chain.push(k as usize);
            atom = Atom::Var(source);
        }
        chain
    }
}

fn transposition(equation: &Equation) -> Option<&Transpose> {
    match &equation.op {
        Op::Data(DataOp::Transpose(op)) => Some(op),
        _ => None,
    }
}

/// The only variable that an equation reads.
fn operand(equation: &Equation) -> Option<Var> {
    let mut variables = equation.inputs.iter().filter_map(|atom| match atom {
        Atom::Var(var) => Some(*var),
        Atom::Literal(..) => None,
    });
    let first = variables.next()?;
    variables.all(|var| var == first).then_some(first)
}

fn is_reduction(op: &Op) -> bool {
    matches!(op, Op::Data(DataOp::Reduce(_)))
}

fn is_elementwise(op: &Op) -> bool {
    matches!(
        op,
        Op::Data(
            DataOp::Unary(_)
                | DataOp::Binary(_)
                | DataOp::IntegerPow(_)
                | DataOp::ConvertElementType(_)
                | DataOp::StopGradient(_)
                | DataOp::Clamp(_)
                | DataOp::SelectN(_)
        )
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::prelude::*;

    /// The names of a traced function's operations, in order, once transpositions have moved.
    fn names(f: impl Fn(Tensor, Tensor) -> Tensor + 'static) -> Option<Vec<&'static str>> {
        let program = jit(f)
            .trace((f64::spec([2, 3]), f64::spec([3, 2])))
            .unwrap();
        let turned = transpose_first(&program)?;
        turned.verify().unwrap();
        let args = [
            Array::from_vec([2, 3], vec![0.5, -1.0, 2.0, 3.0, -0.25, 7.0]).unwrap(),
            Array::from_vec([3, 2], vec![1.5, 2.0, -3.0, 0.125, 4.0, -6.0]).unwrap(),
        ];
        let (one, other) = (program.run(&args).unwrap(), turned.run(&args).unwrap());
        assert_eq!(
            one[0].to_vec::<f64>().unwrap(),
            other[0].to_vec::<f64>().unwrap()
        );
        Some(turned.equations.iter().map(|e| e.op.name()).collect())
    }

    #[test]
    fn a_transposition_moves_ahead_of_functions_of_single_elements() {
        let found = names(|x, y| (x * 2.0).exp().t() + y);
        assert_eq!(found.unwrap(), ["transpose", "mul", "exp", "add"]);
        let found = names(|x, y| (&x * &x).t() - y);
        assert_eq!(found.unwrap(), ["transpose", "mul", "sub"]);
    }

    #[test]
    fn it_stays_where_nothing_is_gained() {
        // Nothing to move ahead of; two operands; read twice; nothing that groups with what is transposed.
        assert_eq!(names(|x, y| x.t() + y), None);
        assert_eq!(names(|x, y| (&x + y.t()).t().sin()), None);
        let twice = |x: Tensor, y: Tensor| {
            let z = x.exp();
            z.t() + y * z.sum(..)
        };
        assert_eq!(names(twice), None);
        assert_eq!(names(|x, _| x.exp().t()), None);
    }
}
