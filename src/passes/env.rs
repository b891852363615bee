//! Walking a program: what each of its variables stands for.

use crate::program::{Atom, Program, ProgramBuilder, Var};

/// What the variables of a program stand for, as far as the walk has come.
#[derive(Debug)]
pub(crate) struct Env<T>(Vec<Option<T>>);

impl<T: Clone + From<Atom>> Env<T> {
    /// Nothing is bound yet.
    pub(crate) fn new(program: &Program) -> Self {
        Env(vec![None; program.types().len()])
    }

    pub(crate) fn bind(&mut self, var: Var, value: T) {
        self.0[var.index()] = Some(value);
    }

    /// Binds variables to as many values.
    pub(crate) fn bind_all(&mut self, vars: &[Var], values: impl IntoIterator<Item = T>) {
        for (&var, value) in vars.iter().zip(values) {
            self.bind(var, value);
        }
    }

    /// What an operand stands for. Verified programs define every variable before its use; one that is not defined
    /// stands for itself, as literals do.
    pub(crate) fn read(&self, atom: &Atom) -> T {
        let bound = match atom {
            Atom::Var(var) => self.0[var.index()].clone(),
            Atom::Literal(..) => None,
        };
        bound.unwrap_or_else(|| T::from(*atom))
    }

    pub(crate) fn read_all<C: FromIterator<T>>(&self, atoms: &[Atom]) -> C {
        atoms.iter().map(|atom| self.read(atom)).collect()
    }
}

impl Program {
    /// Copies the equations into `builder` with `args` in place of the inputs, and returns the results there.
    pub(crate) fn inline(&self, builder: &mut ProgramBuilder, args: &[Atom]) -> Vec<Atom> {
        debug_assert_eq!(args.len(), self.inputs.len());
        let mut env = Env::new(self);
        env.bind_all(&self.inputs, args.iter().copied());
        for (var, array) in &self.constants {
            env.bind(*var, builder.constant(array));
        }
        for equation in &self.equations {
            let types = equation.outputs.iter().map(|&v| self.var_type(v).clone());
            let inputs = env.read_all(&equation.inputs);
            let outputs = builder.push(equation.op.clone(), inputs, types, equation.location);
            env.bind_all(&equation.outputs, outputs.into_iter().map(Atom::Var));
        }
        env.read_all(&self.outputs)
    }
}
