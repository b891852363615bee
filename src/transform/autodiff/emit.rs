//! Where derivatives emit their equations.

use std::panic::Location;

use smallvec::smallvec;

use crate::array::{Scalar, TensorType};
use crate::error::Error;
use crate::ops::{self, Outputs, Tangents};
use crate::program::{
    Atom, Atoms, BinaryOp, BroadcastInDim, Equation, Op, Program, ProgramBuilder,
};

/// A program under construction, and the place in the user's source that what comes next is about.
pub(super) struct Emitter<'a> {
    pub(super) builder: &'a mut ProgramBuilder,
    pub(super) location: Option<&'static Location<'static>>,
}

impl Tangents for Emitter<'_> {
    fn location(&self) -> Option<&'static Location<'static>> {
        self.location
    }

    fn atom_type(&self, atom: &Atom) -> TensorType {
        self.builder.atom_type(atom)
    }

    fn push(&mut self, op: Op, inputs: Atoms) -> Result<Outputs<Atom>, Error> {
        Ok(ops::emit(self.builder, op, inputs, self.location)?)
    }
}

impl Emitter<'_> {
    pub(super) fn emit(
        &mut self,
        op: impl Into<Op>,
        inputs: impl IntoIterator<Item = Atom>,
    ) -> Result<Outputs<Atom>, Error> {
        self.push(op.into(), inputs.into_iter().collect())
    }

    /// The sum of two cotangents.
    pub(super) fn add(&mut self, a: Atom, b: Atom) -> Result<Atom, Error> {
        Ok(self.emit(BinaryOp::Add, [a, b])?[0])
    }

    /// What is there, or zeros of the type.
    pub(super) fn or_zeros(&mut self, value: Option<Atom>, ty: &TensorType) -> Result<Atom, Error> {
        match value {
            Some(atom) => Ok(atom),
            None => zeros(self.builder, ty),
        }
    }
}

/// Zeros of a type that has tangents; for the others, whatever has their type.
pub(super) fn zeros(builder: &mut ProgramBuilder, ty: &TensorType) -> Result<Atom, Error> {
    let zero = Scalar::zero(ty.dtype);
    repeat(builder, zero, ty)
}

/// A number at every place of a type.
pub(super) fn repeat(
    builder: &mut ProgramBuilder,
    value: Scalar,
    ty: &TensorType,
) -> Result<Atom, Error> {
    let literal = Atom::Literal(value, false);
    if ty.rank() == 0 {
        return Ok(literal);
    }
    let op = BroadcastInDim {
        shape: ty.shape.clone(),
        dims: smallvec![],
    };
    Ok(ops::emit(builder, op.into(), smallvec![literal], None)?[0])
}

/// Appends an equation of `source` as it is, for operands that are already found.
pub(super) fn copy(
    builder: &mut ProgramBuilder,
    source: &Program,
    equation: &Equation,
    inputs: Atoms,
) -> impl Iterator<Item = Atom> + use<> {
    let types = equation.outputs.iter();
    let types = types.map(|&v| source.var_type(v).clone());
    let outputs = builder.push(equation.op.clone(), inputs, types, equation.location);
    outputs.into_iter().map(Atom::Var)
}

/// Items in the order of `places`.
pub(super) fn pick<T: Clone>(items: &[T], places: impl IntoIterator<Item = usize>) -> Vec<T> {
    places.into_iter().map(|k| items[k].clone()).collect()
}

/// The items whose flag is set.
pub(super) fn marked<T: Clone>(items: &[T], flags: &[bool]) -> Vec<T> {
    pick(items, positions(flags))
}

/// The items whose flag is not set.
pub(super) fn unmarked<T: Clone>(items: &[T], flags: &[bool]) -> Vec<T> {
    pick(items, (0..flags.len()).filter(|&k| !flags[k]))
}

pub(super) fn positions(flags: &[bool]) -> Vec<usize> {
    (0..flags.len()).filter(|&k| flags[k]).collect()
}

pub(super) fn count(flags: &[bool]) -> usize {
    flags.iter().filter(|&&b| b).count()
}

/// Which types have tangents.
pub(super) fn floating(types: &[TensorType]) -> Vec<bool> {
    types.iter().map(|ty| ty.dtype.is_inexact()).collect()
}
