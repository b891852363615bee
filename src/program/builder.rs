//! Building a program equation by equation.

use std::panic::Location;

use smallvec::SmallVec;

use super::{Atom, Atoms, Equation, Op, Program, Var};
use crate::array::{Array, Scalar, TensorType};

/// A program under construction.
///
/// It records what it is told; [`Program::verify`] says whether the result makes sense.
#[derive(Debug, Default)]
pub struct ProgramBuilder {
    program: Program,
}

impl ProgramBuilder {
    /// An empty program.
    #[must_use]
    pub fn new() -> Self {
        ProgramBuilder::default()
    }

    /// A fresh variable of the given type.
    fn fresh(&mut self, ty: TensorType) -> Var {
        // 2^32 variables would take over 100 GB of equations before this could wrap.
        let var = Var(self.program.types.len() as u32);
        self.program.types.push(ty);
        var
    }

    /// Adds an input.
    pub fn input(&mut self, ty: TensorType) -> Var {
        let var = self.fresh(ty);
        self.program.inputs.push(var);
        var
    }

    /// Adds a constant: a literal where the array is rank 0, a bound variable otherwise.
    pub fn constant(&mut self, array: &Array) -> Atom {
        match Scalar::from_array(array) {
            Ok(value) => Atom::Literal(value, false),
            Err(_) => {
                let var = self.fresh(array.ty());
                self.program.constants.push((var, array.clone()));
                Atom::Var(var)
            }
        }
    }

    /// Appends an equation whose result types are known.
    pub fn push(
        &mut self,
        op: impl Into<Op>,
        inputs: Atoms,
        types: impl IntoIterator<Item = TensorType>,
        location: Option<&'static Location<'static>>,
    ) -> SmallVec<[Var; 2]> {
        let outputs: SmallVec<[Var; 2]> = types.into_iter().map(|ty| self.fresh(ty)).collect();
        self.program.equations.push(Equation {
            op: op.into(),
            inputs,
            outputs: outputs.clone(),
            location,
        });
        outputs
    }

    /// The program so far.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The type of an operand.
    #[must_use]
    pub fn atom_type(&self, atom: &Atom) -> TensorType {
        self.program.atom_type(atom)
    }

    /// Closes the program with its results.
    #[must_use]
    pub fn finish(mut self, outputs: Vec<Atom>) -> Program {
        self.program.outputs = outputs;
        self.program
    }
}

/// Opens a program again, to add to it.
impl From<Program> for ProgramBuilder {
    fn from(program: Program) -> Self {
        ProgramBuilder { program }
    }
}
