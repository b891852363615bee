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
    ///
    /// ```
    /// use elimap::program::ProgramBuilder;
    /// let program = ProgramBuilder::new().finish(vec![]);
    /// assert_eq!(program.to_string(), "{ lambda ; . let  in () }");
    /// ```
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
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::program::ProgramBuilder;
    /// let mut builder = ProgramBuilder::new();
    /// let x = builder.input(f64::spec([3]));
    /// assert_eq!(builder.finish(vec![x.into()]).inputs(), [x]);
    /// ```
    pub fn input(&mut self, ty: TensorType) -> Var {
        let var = self.fresh(ty);
        self.program.inputs.push(var);
        var
    }

    /// Adds a constant: a literal where the array is rank 0, a bound variable otherwise.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::program::ProgramBuilder;
    /// let mut builder = ProgramBuilder::new();
    /// assert!(builder.constant(&Array::scalar(2.0)).is_literal());
    /// assert!(!builder.constant(&Array::from(vec![1.0, 2.0])).is_literal());
    /// ```
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
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::program::{Atom, BinaryOp, ProgramBuilder};
    /// let mut builder = ProgramBuilder::new();
    /// let x = Atom::from(builder.input(f64::spec([])));
    /// let square = builder.push(BinaryOp::Mul, [x, x].into_iter().collect(), [f64::spec([])], None)[0];
    /// let program = builder.finish(vec![square.into()]);
    /// assert_eq!(program.call(vec![Array::scalar(3.0)])?[0].item::<f64>()?, 9.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::program::ProgramBuilder;
    /// let mut builder = ProgramBuilder::new();
    /// builder.input(f64::spec([3]));
    /// assert_eq!(builder.program().inputs().len(), 1);
    /// ```
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The type of an operand.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::program::ProgramBuilder;
    /// let mut builder = ProgramBuilder::new();
    /// let x = builder.input(f64::spec([3]));
    /// assert_eq!(builder.atom_type(&x.into()), f64::spec([3]));
    /// ```
    #[must_use]
    pub fn atom_type(&self, atom: &Atom) -> TensorType {
        self.program.atom_type(atom)
    }

    /// Closes the program with its results.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::program::ProgramBuilder;
    /// let mut builder = ProgramBuilder::new();
    /// let x = builder.input(f64::spec([]));
    /// let program = builder.finish(vec![x.into(), x.into()]);
    /// assert_eq!(program.call(vec![Array::scalar(3.0)])?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
