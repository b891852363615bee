//! Taking programs apart.

use super::{Atom, Equation, Program, ProgramBuilder, Var};
use crate::array::TensorType;

/// Copies parts of a program under new variables.
pub(crate) struct Rebuild<'a> {
    source: &'a Program,
    pub(crate) builder: ProgramBuilder,
    env: Vec<Option<Atom>>,
}

impl<'a> Rebuild<'a> {
    pub(crate) fn new(source: &'a Program) -> Rebuild<'a> {
        Rebuild {
            source,
            builder: ProgramBuilder::new(),
            env: vec![None; source.types().len()],
        }
    }

    /// Makes a variable of the source an input of the copy.
    pub(crate) fn input(&mut self, var: Var) {
        self.input_of(var, self.source.var_type(var).clone());
    }

    /// Makes a variable of the source an input of the copy with another type.
    pub(crate) fn input_of(&mut self, var: Var, ty: TensorType) {
        let new = self.builder.input(ty);
        self.env[var.index()] = Some(Atom::Var(new));
    }

    /// Binds the source's constants.
    pub(crate) fn constants(&mut self) {
        for (var, array) in self.source.constants() {
            self.env[var.index()] = Some(self.builder.constant(array));
        }
    }

    /// What an operand of the source is in the copy.
    pub(crate) fn read(&self, atom: &Atom) -> Atom {
        match atom {
            Atom::Var(var) => self.env[var.index()].unwrap_or(*atom),
            Atom::Literal(..) => *atom,
        }
    }

    /// Copies an equation; everything it reads must have been copied.
    pub(crate) fn equation(&mut self, equation: &Equation) {
        let inputs = equation.inputs.iter().map(|a| self.read(a)).collect();
        let types: Vec<TensorType> = equation
            .outputs
            .iter()
            .map(|&v| self.source.var_type(v).clone())
            .collect();
        let outputs = self
            .builder
            .push(equation.op.clone(), inputs, types, equation.location);
        for (var, out) in equation.outputs.iter().zip(outputs) {
            self.env[var.index()] = Some(Atom::Var(out));
        }
    }

    /// Closes the copy with operands of the source as its results.
    pub(crate) fn finish(self, outputs: &[Atom]) -> Program {
        let outputs = outputs.iter().map(|a| self.read(a)).collect();
        self.builder.finish(outputs)
    }
}
