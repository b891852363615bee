//! Checking a program's invariants.

use smallvec::SmallVec;

use crate::array::TensorType;
use crate::error::{VerifyError, Violation};
use crate::ops;
use crate::program::{Atom, Program, Var};

impl Program {
    /// Checks that every variable is defined once, before its use, and has the type its operation's rule gives, in
    /// this program and every program inside.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] with all violations.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::program::{Atom, BinaryOp, ProgramBuilder};
    /// let mut builder = ProgramBuilder::new();
    /// let x = Atom::from(builder.input(f64::spec([3])));
    /// let inputs = [x, x].into_iter().collect();
    /// // A sum of vectors of three is not one of four.
    /// let y = builder.push(BinaryOp::Add, inputs, [f64::spec([4])], None)[0];
    /// assert!(builder.finish(vec![y.into()]).verify().is_err());
    /// ```
    pub fn verify(&self) -> Result<(), VerifyError> {
        let mut check = Check {
            program: self,
            defined: vec![false; self.types.len()],
            violations: Vec::new(),
        };
        check.run();
        if check.violations.is_empty() {
            Ok(())
        } else {
            Err(VerifyError {
                violations: check.violations,
            })
        }
    }
}

struct Check<'a> {
    program: &'a Program,
    defined: Vec<bool>,
    violations: Vec<Violation>,
}

impl Check<'_> {
    fn complain(&mut self, equation: Option<usize>, message: String) {
        self.violations.push(Violation { equation, message });
    }

    fn define(&mut self, equation: Option<usize>, var: Var) {
        match self.defined.get_mut(var.index()) {
            Some(defined @ false) => *defined = true,
            Some(true) => self.complain(equation, format!("variable {} is defined twice", var.0)),
            None => self.complain(equation, format!("variable {} has no type", var.0)),
        }
    }

    fn use_atom(&mut self, equation: Option<usize>, atom: &Atom) -> Option<TensorType> {
        if let Atom::Var(var) = atom
            && !self.defined.get(var.index()).copied().unwrap_or(false)
        {
            self.complain(
                equation,
                format!("variable {} is used before it is defined", var.0),
            );
            return None;
        }
        Some(self.program.atom_type(atom))
    }

    fn run(&mut self) {
        let program = self.program;
        for (var, array) in &program.constants {
            self.define(None, *var);
            if let Some(ty) = program.types.get(var.index())
                && !ty.same_layout(&array.ty())
            {
                self.complain(
                    None,
                    format!(
                        "constant {} is declared {ty} but holds {}",
                        var.0,
                        array.ty()
                    ),
                );
            }
        }
        for &var in &program.inputs {
            self.define(None, var);
        }
        for (i, equation) in program.equations.iter().enumerate() {
            let inputs: Option<SmallVec<[TensorType; 4]>> = equation
                .inputs
                .iter()
                .map(|a| self.use_atom(Some(i), a))
                .collect();
            if let Some(inputs) = inputs {
                self.check_types(i, &inputs);
            }
            for &var in &equation.outputs {
                self.define(Some(i), var);
            }
            for (k, sub) in equation.op.sub_programs().into_iter().enumerate() {
                if let Err(error) = sub.verify() {
                    for violation in error.violations {
                        let place = violation
                            .equation
                            .map_or_else(String::new, |e| format!(", equation {e}"));
                        let message = format!(
                            "{} program {k}{place}: {}",
                            equation.op.name(),
                            violation.message
                        );
                        self.complain(Some(i), message);
                    }
                }
            }
        }
        for atom in &program.outputs {
            self.use_atom(None, atom);
        }
    }

    fn check_types(&mut self, i: usize, inputs: &[TensorType]) {
        let equation = &self.program.equations[i];
        match ops::infer(&equation.op, inputs) {
            Err(kind) => self.complain(Some(i), format!("{}: {kind}", equation.op.name())),
            Ok(types) => {
                let declared: Vec<&TensorType> = equation
                    .outputs
                    .iter()
                    .filter_map(|v| self.program.types.get(v.index()))
                    .collect();
                if types.len() != equation.outputs.len()
                    || !types.iter().zip(&declared).all(|(a, b)| a.same_layout(b))
                {
                    let show = |types: &mut dyn Iterator<Item = &TensorType>| {
                        types.map(ToString::to_string).collect::<Vec<_>>().join(" ")
                    };
                    let message = format!(
                        "{} gives {} but {} is declared",
                        equation.op.name(),
                        show(&mut types.iter()),
                        show(&mut declared.into_iter())
                    );
                    self.complain(Some(i), message);
                }
            }
        }
    }
}
