//! Programs as plain data: what a traced function does, one equation after another.
//!
//! A [`Program`] is a list of typed equations in single-assignment form, JAX's jaxpr. The invariant, which
//! [`Program::verify`](crate::Program::verify) checks after every transform in debug builds: every variable is
//! defined exactly once, before its first use, and has the type its operation's rule gives.
//! Nothing here knows what an operation means; that is the work of `ops`.

mod builder;
mod custom;
mod op;
pub(crate) mod text;

use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::array::{Array, Scalar, TensorType};

pub use builder::ProgramBuilder;
pub use custom::{CustomRule, DerivativeRule};
pub(crate) use custom::{RuleOutcome, RulePrograms};
pub use op::{
    ArgReduce, ArgReduceOp, AxisName, Binary, BinaryOp, BitcastConvertType, BroadcastInDim, Call,
    Checkpoint, CheckpointPolicy, Cholesky, Clamp, Collective, CollectiveOp, Concatenate, Cond,
    ControlOp, ConvertElementType, Cumulative, CumulativeOp, CustomJvpCall, CustomLin,
    CustomVjpCall, CustomVmapCall, DataOp, DotDims, DotGeneral, DynamicSlice, DynamicUpdateSlice,
    Fft, FftKind, Gather, GatherDims, HostCall, IndexMode, IntegerPow, Iota, Op, Pad, PadAxis,
    Reduce, ReduceOp, ReducePrecision, Reshape, Rev, Scan, Scatter, ScatterApply, ScatterDims,
    ScatterOp, SelectN, Slice, Solve, Sort, Squeeze, StopGradient, TopK, Transpose,
    TriangularSolve, Unary, UnaryOp, While,
};
pub(crate) use op::{for_each_op, op_is_named};

/// A variable of one program: an index into its table of types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Var(pub(crate) u32);

impl Var {
    /// The variable's position in [`Program::types`].
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = jit(|x: Tensor| x.sin()).trace((f32::spec([3]),))?;
    /// assert_eq!(program.types()[program.inputs()[0].index()], f32::spec([3]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An operand: a variable or a rank-0 literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Atom {
    /// A variable.
    Var(Var),
    /// A rank-0 value, weakly typed or not.
    Literal(Scalar, bool),
}

impl From<Var> for Atom {
    fn from(var: Var) -> Atom {
        Atom::Var(var)
    }
}

impl Atom {
    /// Whether this is a literal.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = jit(|x: Tensor| x * 2.0).trace((f64::spec([]),))?;
    /// let operands: Vec<bool> = program.equations()[0].inputs.iter().map(|atom| atom.is_literal()).collect();
    /// assert_eq!(operands, [false, true]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self, Atom::Literal(..))
    }
}

/// Operands or results of one equation.
pub type Atoms = SmallVec<[Atom; 2]>;

/// One operation applied to operands.
#[derive(Clone, Debug)]
pub struct Equation {
    /// What is done.
    pub op: Op,
    /// To what.
    pub inputs: Atoms,
    /// The variables it defines; those nothing uses print as `_`.
    pub outputs: SmallVec<[Var; 2]>,
    /// Where in the user's source it was traced.
    pub location: Option<&'static Location<'static>>,
}

/// A traced function: typed inputs, equations, outputs.
///
/// Prints as JAX's jaxpr text and parses back.
///
/// ```
/// use elimap::{vmap, Element, Tensor};
/// let f = vmap(|x: Tensor, y: Tensor| x + y).in_axes((0, None));
/// let program = f.trace((f64::spec([2, 3]), f64::spec([3])))?;
/// assert_eq!(program.to_string(), "\
/// { lambda ; a:f64[2,3] b:f64[3]. let
///     c:f64[1,3] = broadcast_in_dim[broadcast_dimensions=(1,)] b
///     d:f64[2,3] = add a c
///   in (d,) }");
/// # Ok::<(), elimap::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub(crate) types: Vec<TensorType>,
    pub(crate) constants: Vec<(Var, Array)>,
    pub(crate) inputs: Vec<Var>,
    pub(crate) equations: Vec<Equation>,
    pub(crate) outputs: Vec<Atom>,
}

impl Program {
    /// The type of every variable, by index.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = vmap(|x: Tensor| x.sin() * 2.0).trace((f64::spec([3]),))?;
    /// assert!(program.types().contains(&f64::spec([3])));
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn types(&self) -> &[TensorType] {
        &self.types
    }

    /// Arrays the function closed over, with the variable each is bound to.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = vmap(|x: Tensor| x.sin() * 2.0).trace((f64::spec([3]),))?;
    /// assert!(program.constants().is_empty());
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn constants(&self) -> &[(Var, Array)] {
        &self.constants
    }

    /// The input variables.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = vmap(|x: Tensor| x.sin() * 2.0).trace((f64::spec([3]),))?;
    /// assert_eq!(program.inputs().len(), 1);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn inputs(&self) -> &[Var] {
        &self.inputs
    }

    /// The equations, in order of execution.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = vmap(|x: Tensor| x.sin() * 2.0).trace((f64::spec([3]),))?;
    /// assert_eq!(program.equations().len(), 2);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn equations(&self) -> &[Equation] {
        &self.equations
    }

    /// The results.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = vmap(|x: Tensor| x.sin() * 2.0).trace((f64::spec([3]),))?;
    /// assert_eq!(program.outputs().len(), 1);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn outputs(&self) -> &[Atom] {
        &self.outputs
    }

    /// The type of one variable.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = vmap(|x: Tensor| x.sin() * 2.0).trace((f64::spec([3]),))?;
    /// assert_eq!(*program.var_type(program.inputs()[0]), f64::spec([3]));
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn var_type(&self, var: Var) -> &TensorType {
        &self.types[var.index()]
    }

    /// The type of an operand.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = vmap(|x: Tensor| x.sin() * 2.0).trace((f64::spec([3]),))?;
    /// assert_eq!(program.atom_type(&program.outputs()[0]), f64::spec([3]));
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn atom_type(&self, atom: &Atom) -> TensorType {
        match atom {
            Atom::Var(var) => self.var_type(*var).clone(),
            Atom::Literal(value, weak) => value.dtype().scalar().with_weak(*weak),
        }
    }

    /// The types of the inputs, in order.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = vmap(|x: Tensor| x.sin() * 2.0).trace((f64::spec([3]),))?;
    /// assert_eq!(program.input_types(), [f64::spec([3])]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn input_types(&self) -> Vec<TensorType> {
        self.inputs
            .iter()
            .map(|&v| self.var_type(v).clone())
            .collect()
    }

    /// The types of the results, in order.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = vmap(|x: Tensor| x.sin() * 2.0).trace((f64::spec([3]),))?;
    /// assert_eq!(program.output_types(), [f64::spec([3])]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn output_types(&self) -> Vec<TensorType> {
        self.outputs.iter().map(|a| self.atom_type(a)).collect()
    }
}

/// A program shared by the equations that run it.
pub type SubProgram = Arc<Program>;
