//! Transpositions ahead of what is computed element by element.
//!
//! Where a transposition is of a function of single elements, it may as well be of the operand: `f(x).T` is `f(x.T)`. Behind a
//! function it cuts a group of equations in two, the second of which reads all that the first has written; ahead of it, it is a matter
//! of how the group reads its operand. Mapped products are such operands: their rule leaves the mapped axis behind others.

use std::collections::HashMap;

use crate::array::TensorType;
use crate::program::{Atom, DataOp, Equation, Op, Program, Transpose, Var};

/// The program with transpositions moved ahead, where there is one to move.
pub(crate) fn transpose_first(program: &Program) -> Option<Program> {
    let found = Found::new(program)?;
    let mut turned = program.clone();
    let mut gone = vec![false; program.equations.len()];
    let mut instead: HashMap<usize, Vec<Equation>> = HashMap::new();
    for (i, equation) in program.equations.iter().enumerate() {
        let Some(op) = transposition(equation) else {
            continue;
        };
        let chain = found.chain(program, equation);
        let Some(&first) = chain.last() else { continue };
        let mut source = operand(&program.equations[first])?;
        let mut types = TurnedTypes(&mut turned, op);
        let mut next = types.fresh(source);
        let mut made = vec![Equation {
            inputs: [Atom::Var(source)].into_iter().collect(),
            outputs: [next].into_iter().collect(),
            ..equation.clone()
        }];
        for &k in chain.iter().rev() {
            gone[k] = true;
            let old = &program.equations[k];
            let mut new = old.clone();
            for atom in &mut new.inputs {
                if *atom == Atom::Var(source) {
                    *atom = Atom::Var(next);
                }
            }
            source = old.outputs[0];
            next = if k == chain[0] {
                equation.outputs[0]
            } else {
                types.fresh(source)
            };
            new.outputs[0] = next;
            made.push(new);
        }
        instead.insert(i, made);
    }
    if instead.is_empty() {
        return None;
    }
    let equations = std::mem::take(&mut turned.equations);
    for (i, equation) in equations.into_iter().enumerate() {
        match instead.remove(&i) {
            Some(made) => turned.equations.extend(made),
            None if gone[i] => {}
            None => turned.equations.push(equation),
        }
    }
    Some(turned)
}

/// New variables, transposed ones of others.
struct TurnedTypes<'a>(&'a mut Program, &'a Transpose);

impl TurnedTypes<'_> {
    fn fresh(&mut self, of: Var) -> Var {
        let TurnedTypes(program, op) = self;
        let ty = program.var_type(of);
        let shape = op.permutation.iter().map(|&axis| ty.shape[axis]);
        let ty = TensorType::new(ty.dtype, shape).with_weak(ty.weak);
        program.types.push(ty);
        Var(program.types.len() as u32 - 1)
    }
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
    /// nobody else reads. None where no group reads what is transposed, since nothing is gained then.
    fn chain(&self, program: &Program, transposition: &Equation) -> Vec<usize> {
        let mut chain = Vec::new();
        if !self.grouped[transposition.outputs[0].index()] {
            return chain;
        }
        let mut atom = transposition.inputs[0];
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
