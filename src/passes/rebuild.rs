//! Taking programs apart.

use super::env::Env;
use crate::array::TensorType;
use crate::program::{Atom, Equation, Program, ProgramBuilder, Var};

/// Copies parts of a program under new variables.
#[derive(Debug)]
pub(crate) struct Rebuild<'a> {
    source: &'a Program,
    pub(crate) builder: ProgramBuilder,
    env: Env<Atom>,
}

impl<'a> Rebuild<'a> {
    pub(crate) fn new(source: &'a Program) -> Self {
        Rebuild {
            source,
            builder: ProgramBuilder::new(),
            env: Env::new(source),
        }
    }

    /// Makes a variable of the source an input of the copy.
    pub(crate) fn input(&mut self, var: Var) {
        self.input_of(var, self.source.var_type(var).clone());
    }

    /// Makes a variable of the source an input of the copy with another type.
    pub(crate) fn input_of(&mut self, var: Var, ty: TensorType) {
        let new = self.builder.input(ty);
        self.env.bind(var, Atom::Var(new));
    }

    /// Binds the source's constants.
    pub(crate) fn constants(&mut self) {
        for (var, array) in self.source.constants() {
            self.env.bind(*var, self.builder.constant(array));
        }
    }

    /// What an operand of the source is in the copy.
    pub(crate) fn read(&self, atom: &Atom) -> Atom {
        self.env.read(atom)
    }

    /// Says what a variable of the source is in the copy.
    pub(crate) fn bind(&mut self, var: Var, atom: Atom) {
        self.env.bind(var, atom);
    }

    /// Copies an equation; everything it reads must have been copied.
    pub(crate) fn equation(&mut self, equation: &Equation) {
        let inputs = self.env.read_all(&equation.inputs);
        let types = equation.outputs.iter();
        let types: Vec<TensorType> = types.map(|&v| self.source.var_type(v).clone()).collect();
        let outputs = self
            .builder
            .push(equation.op.clone(), inputs, types, equation.location);
        self.env
            .bind_all(&equation.outputs, outputs.into_iter().map(Atom::Var));
    }

    /// Closes the copy with operands of the source as its results.
    pub(crate) fn finish(self, outputs: &[Atom]) -> Program {
        let outputs = self.env.read_all(outputs);
        self.builder.finish(outputs)
    }
}
