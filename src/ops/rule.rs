//! What every operation must say of itself.
//!
//! None of the traits here has a default method, so an operation without a type rule, an evaluation, a batching rule or a
//! text form does not compile, nor does one with programs or effects that it does not name. The invariants:
//! [`Rules::infer`] is total over operand types (it accepts, or names what is wrong, per lane, in the user's terms);
//! [`DataRules::eval`] may assume what `infer` accepted; and a batching rule gets at least one batched operand and emits
//! equations whose lanes equal the operation applied lane by lane, which `tests/batching_rules` checks for every operation.

use std::panic::Location;

use smallvec::{SmallVec, smallvec};

use crate::array::{Array, Shape, TensorType};
use crate::callback::CallbackKind;
use crate::error::{Error, OpErrorKind, ParseError};
use crate::program::text::{Given, Shown};
use crate::program::{
    Atom, Atoms, AxisName, BroadcastInDim, Op, Program, ProgramBuilder, SubProgram, Transpose,
};

/// Types or arrays of one equation's results.
pub(crate) type Outputs<T> = SmallVec<[T; 2]>;

/// What an operation means, beside how it is run.
pub(crate) trait Rules {
    /// The type rule: what the operation makes of operands of these types.
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind>;

    /// The batching rule: emits what computes every lane at once; at least one operand is batched, or the operation
    /// speaks of the mapped axis.
    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error>;

    /// The parameters as text shows them.
    fn params(&self, shown: &mut Shown<'_>);

    /// The operation of this name with the parameters that text gives.
    fn parse(name: &str, given: &mut Given<'_>) -> Result<Op, ParseError>
    where
        Self: Sized;
}

/// What an operation means whose results depend on nothing but its operands.
pub(crate) trait DataRules: Rules + Derivative {
    /// The results, for operands of types that [`Rules::infer`] accepts.
    fn eval(&self, inputs: &[Array]) -> Outputs<Array>;
}

/// What is known of one operand of an operation that is transposed.
#[derive(Clone, Debug)]
pub(crate) enum LinearInput {
    /// A value that does not depend on what the program is linear in.
    Known(Atom),
    /// A value that does; only its type is known, and its cotangent is asked for.
    Linear(TensorType),
}

/// The derivative of an operation whose results depend on nothing but its operands.
///
/// `None` is a tangent or cotangent that is known to be zero, and costs nothing; for integers and booleans there is no other
/// (JAX's `float0`). Every other one has the element type and shape of its value, with nothing broadcast. The
/// numerical conventions (ties, kinks, zeros) are JAX's.
pub(crate) trait Derivative {
    /// Forward mode: emits the tangents of the results, one each.
    ///
    /// `results` are what the operation made of `primals`, for rules that use them again. At least one tangent is given.
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error>;

    /// Reverse mode of an operation that is linear in its `Linear` operands taken together: emits their cotangents, one for each
    /// operand, of which those of known ones are `None`.
    ///
    /// At least one cotangent is given, and at least one operand is linear. [`OpErrorKind::NotLinear`] where the operation
    /// is not linear in what it is asked about.
    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error>;
}

/// Where a derivative's rule emits its equations.
pub(crate) trait Tangents {
    /// Where the equation being differentiated was traced.
    fn location(&self) -> Option<&'static Location<'static>>;

    /// The type of a value.
    fn atom_type(&self, atom: &Atom) -> TensorType;

    /// Emits an operation and returns its results.
    fn push(&mut self, op: Op, inputs: Atoms) -> Result<Outputs<Atom>, Error>;
}

/// What an operation means that runs programs or the host, or speaks of named axes.
pub(crate) trait ControlRules: Rules {
    /// The programs it runs.
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]>;

    /// What it does by itself beside computing its results from its operands; what its programs do comes on top.
    fn effect(&self) -> Effect<'_>;
}

/// What an operation does beside computing its results from its operands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect<'a> {
    /// Nothing.
    None,
    /// It calls the host.
    Host(CallbackKind),
    /// It speaks of named axes, with their sizes.
    Axes(&'a [(AxisName, usize)]),
}

/// Whether, and over which of its axes, a value is batched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchDim {
    /// One value for all lanes.
    Unbatched,
    /// The lanes lie along this axis.
    At(usize),
}

impl BatchDim {
    /// Whether there is a batch axis.
    ///
    /// ```
    /// use elimap::BatchDim;
    /// assert!(BatchDim::At(0).is_batched() && !BatchDim::Unbatched.is_batched());
    /// ```
    #[must_use]
    pub fn is_batched(self) -> bool {
        matches!(self, BatchDim::At(_))
    }
}

/// An operand under batching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batched {
    /// The value, batch axis included.
    pub(crate) atom: Atom,
    /// Where the batch axis is.
    pub(crate) dim: BatchDim,
}

impl Batched {
    pub(crate) fn at(atom: Atom, dim: usize) -> Self {
        Batched {
            atom,
            dim: BatchDim::At(dim),
        }
    }

    pub(crate) fn unbatched(atom: Atom) -> Self {
        Batched {
            atom,
            dim: BatchDim::Unbatched,
        }
    }
}

/// An operand that no lane has for itself.
impl From<Atom> for Batched {
    fn from(atom: Atom) -> Self {
        Batched::unbatched(atom)
    }
}

/// The one result of a rule, with the lanes along an axis.
pub(crate) fn batched_at(atom: Atom, dim: usize) -> Outputs<Batched> {
    smallvec![Batched::at(atom, dim)]
}

/// A batched program before its results are put where they are wanted.
#[derive(Debug)]
pub(crate) struct BatchedBody {
    pub(crate) builder: ProgramBuilder,
    pub(crate) outputs: Vec<Batched>,
}

/// Where a batching rule emits its equations, and what it may know of the mapped axis.
///
/// Rules stand below the transform that asks them, so what they need of it is behind this trait.
pub(crate) trait Emit {
    /// The number of lanes.
    fn size(&self) -> usize;

    /// The name the mapped axis is bound to.
    fn axis_name(&self) -> Option<&AxisName>;

    /// Where the equation being batched was traced.
    fn location(&self) -> Option<&'static Location<'static>>;

    /// The type of a value, batch axis included.
    fn atom_type(&self, atom: &Atom) -> TensorType;

    /// Emits an operation and returns its results.
    fn push(&mut self, op: Op, inputs: Atoms) -> Result<Outputs<Atom>, Error>;

    /// Copies a program's equations with `args` for its inputs, and returns its results.
    fn inline(&mut self, program: &Program, args: &[Atom]) -> Vec<Atom>;

    /// Batches a program that an operation runs over the same lanes; `dims` says where each input carries them.
    fn batch_program(&self, program: &Program, dims: &[BatchDim]) -> Result<BatchedBody, Error>;

    /// Closes a batched program with the batch axis of result `i` moved (or broadcast) to `dims[i]`; `None` leaves a
    /// result as it is.
    fn finish(&self, body: BatchedBody, dims: &[Option<usize>]) -> Result<Program, Error>;
}

impl dyn Emit + '_ {
    /// Emits an operation and returns its results.
    pub(crate) fn emit(
        &mut self,
        op: impl Into<Op>,
        inputs: Atoms,
    ) -> Result<Outputs<Atom>, Error> {
        self.push(op.into(), inputs)
    }

    /// Emits an operation with one result.
    pub(crate) fn emit1(&mut self, op: impl Into<Op>, inputs: Atoms) -> Result<Atom, Error> {
        Ok(self.push(op.into(), inputs)?[0])
    }

    /// The full type of an operand, batch axis included.
    pub(crate) fn ty(&self, value: &Batched) -> TensorType {
        self.atom_type(&value.atom)
    }

    /// The rank of one lane.
    pub(crate) fn lane_rank(&self, value: &Batched) -> usize {
        self.ty(value).rank() - usize::from(value.dim.is_batched())
    }

    /// A batched value with its batch axis moved to `to`; unbatched ones are repeated there first.
    pub(crate) fn materialize_at(&mut self, value: &Batched, to: usize) -> Result<Atom, Error> {
        match value.dim {
            BatchDim::At(from) => self.move_axis(value.atom, from, to),
            BatchDim::Unbatched => self.broadcast_new_axis(value.atom, to, self.size()),
        }
    }

    /// A batched value with its batch axis in front; an unbatched one as it is.
    pub(crate) fn batch_to_front(&mut self, value: &Batched) -> Result<Atom, Error> {
        match value.dim {
            BatchDim::At(from) => self.move_axis(value.atom, from, 0),
            BatchDim::Unbatched => Ok(value.atom),
        }
    }

    /// A batched value and its batch axis; an unbatched one is repeated along a new leading axis.
    pub(crate) fn placed(&mut self, value: &Batched) -> Result<(Atom, usize), Error> {
        match value.dim {
            BatchDim::At(dim) => Ok((value.atom, dim)),
            BatchDim::Unbatched => Ok((self.materialize_at(value, 0)?, 0)),
        }
    }

    /// Moves one axis to another position.
    pub(crate) fn move_axis(&mut self, atom: Atom, from: usize, to: usize) -> Result<Atom, Error> {
        if from == to {
            return Ok(atom);
        }
        let rank = self.atom_type(&atom).rank();
        let mut permutation: Shape = (0..rank).filter(|&a| a != from).collect();
        permutation.insert(to, from);
        self.emit1(Transpose { permutation }, smallvec![atom])
    }

    /// Repeats a value along a new axis of the given length.
    pub(crate) fn broadcast_new_axis(
        &mut self,
        atom: Atom,
        axis: usize,
        size: usize,
    ) -> Result<Atom, Error> {
        let ty = self.atom_type(&atom);
        let dims = (0..ty.rank()).map(|d| past(d, axis)).collect();
        let shape = ty.insert_axis(axis, size).shape;
        self.emit1(BroadcastInDim { shape, dims }, smallvec![atom])
    }
}

/// The rule of an operation of one operand: `lanes` makes of it, for lanes along an axis, the operation on all of them and
/// the axis it leaves them on.
pub(crate) fn unary_batch<O: Into<Op>>(
    cx: &mut dyn Emit,
    inputs: &[Batched],
    lanes: impl FnOnce(usize) -> (O, usize),
) -> Result<Outputs<Batched>, Error> {
    let (atom, dim) = cx.placed(&inputs[0])?;
    let (op, to) = lanes(dim);
    let outputs = cx.emit(op, smallvec![atom])?;
    Ok(outputs.into_iter().map(|o| Batched::at(o, to)).collect())
}

/// The rule of an operation that takes the lanes in front: every operand has them there, and so has every result.
pub(crate) fn front_batch(
    cx: &mut dyn Emit,
    inputs: &[Batched],
    op: impl Into<Op>,
) -> Result<Outputs<Batched>, Error> {
    let atoms = inputs.iter().map(|x| cx.materialize_at(x, 0));
    let atoms = atoms.collect::<Result<Atoms, _>>()?;
    let outputs = cx.emit(op, atoms)?;
    Ok(outputs.into_iter().map(|o| Batched::at(o, 0)).collect())
}

/// The axis `axis` of a lane once a batch axis has been put at `batch`.
pub(crate) fn past(axis: usize, batch: usize) -> usize {
    axis + usize::from(axis >= batch)
}

/// [`past`] for a list of axes.
pub(crate) fn all_past(axes: &[usize], batch: usize) -> Shape {
    axes.iter().map(|&a| past(a, batch)).collect()
}

/// Checks the number of operands.
pub(crate) fn expect_operands(inputs: &[TensorType], expected: usize) -> Result<(), OpErrorKind> {
    if inputs.len() == expected {
        Ok(())
    } else {
        Err(OpErrorKind::OperandCount {
            expected,
            actual: inputs.len(),
        })
    }
}
