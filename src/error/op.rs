//! The error of an operation that meets its operands.

use std::fmt;
use std::panic::Location;

use crate::array::{DType, Shape, ShapeTuple, TensorType, memory};

/// An operation cannot take its operands; shapes are per lane, as the traced function sees them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OpError {
    /// The operation.
    pub op: &'static str,
    /// What is wrong.
    pub kind: OpErrorKind,
    /// Where it was traced.
    pub location: Option<&'static Location<'static>>,
}

impl OpError {
    /// What is wrong with the operation of this name, and where it was traced.
    pub(crate) fn at(
        op: &'static str,
        kind: OpErrorKind,
        location: impl Into<Option<&'static Location<'static>>>,
    ) -> Self {
        OpError {
            op,
            kind,
            location: location.into().map(super::site::site),
        }
    }
}

impl std::error::Error for OpError {}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.op, self.kind)?;
        if let Some(location) = self.location {
            write!(
                f,
                " (at {}:{}:{})",
                location.file(),
                location.line(),
                location.column()
            )?;
        }
        Ok(())
    }
}

/// What is wrong with an operation's operands or parameters.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpErrorKind {
    /// Shapes do not fit together, or do not fit a parameter.
    #[error("incompatible shapes {}: {detail}", shape_list(shapes))]
    ShapeMismatch {
        /// The operands' shapes.
        shapes: Vec<Shape>,
        /// What should hold.
        detail: String,
    },
    /// Element types do not fit the operation.
    #[error("unsuitable element types {}: {detail}", dtype_list(dtypes))]
    DTypeMismatch {
        /// The operands' element types.
        dtypes: Vec<DType>,
        /// What should hold.
        detail: String,
    },
    /// An axis lies outside the operand.
    #[error("axis {axis} is out of bounds for an operand of rank {rank}; axes run from -{rank} to {}", *rank as isize - 1)]
    AxisOutOfBounds {
        /// The axis given.
        axis: isize,
        /// The operand's rank.
        rank: usize,
    },
    /// A parameter is unusable whatever the operands.
    #[error("{detail}")]
    InvalidParameter {
        /// What is wrong and what to give instead.
        detail: String,
    },
    /// Another number of operands than the operation takes.
    #[error("takes {expected} operands, got {actual}; give exactly as many as it takes")]
    OperandCount {
        /// Operands the operation takes.
        expected: usize,
        /// Operands given.
        actual: usize,
    },
    /// A result that memory has no room for.
    #[error(
        "a result of type {ty} does not fit into memory; compute it in parts, such as with vmap's chunk_size"
    )]
    OutOfMemory {
        /// The result's type.
        ty: TensorType,
    },
    /// A reduction without identity over an empty axis.
    #[error(
        "zero-size array of shape {} has no extreme along axes {axes:?}; reduce a non-empty axis",
        ShapeTuple(shape)
    )]
    EmptyReduction {
        /// The operand's shape.
        shape: Shape,
        /// The axes reduced.
        axes: Shape,
    },
    /// A collective over a name that no enclosing vmap binds.
    #[error(
        "unbound axis name {name:?}; bind it with vmap(..).axis_name({name:?}) around this function (bound here: {bound:?})"
    )]
    UnboundAxisName {
        /// The name.
        name: String,
        /// The names bound where it was used.
        bound: Vec<String>,
    },
    /// A loop's body returns a carry of another type than it takes.
    #[error(
        "the body must return the carry it takes: at {path} it takes {expected} but returns {actual}; convert or reshape inside the body or start from the other type"
    )]
    CarryMismatch {
        /// Which part of the carry.
        path: String,
        /// The type taken.
        expected: String,
        /// The type returned.
        actual: String,
    },
    /// Branches return different types.
    #[error(
        "branches must return equal types: at {path} branch 0 returns {expected} but branch {branch} returns {actual}; convert or reshape inside the branches"
    )]
    BranchMismatch {
        /// Which part of the result.
        path: String,
        /// The branch that differs from the first.
        branch: usize,
        /// The first branch's type.
        expected: String,
        /// The other branch's type.
        actual: String,
    },
    /// A transposition with respect to something that the operation is not linear in.
    #[error(
        "not linear in operand {operand}, so it has no transpose there; transpose linear functions only, such as those that linearize gives"
    )]
    NotLinear {
        /// The operand, counted from 0.
        operand: usize,
    },
    /// A derivative of something that has none.
    #[error("has no derivative; keep it out of what is differentiated, such as by stop_gradient")]
    NotDifferentiable,
    /// An effectful callback in a place where its calls cannot be given a meaning.
    #[error("{detail}")]
    UnsupportedEffect {
        /// What is unsupported and what to do instead.
        detail: String,
    },
}

impl OpErrorKind {
    pub(crate) fn shapes<'a>(
        types: impl IntoIterator<Item = &'a TensorType>,
        detail: impl Into<String>,
    ) -> Self {
        let shapes = types.into_iter().map(|t| t.shape.clone()).collect();
        OpErrorKind::ShapeMismatch {
            shapes,
            detail: detail.into(),
        }
    }

    pub(crate) fn dtypes<'a>(
        types: impl IntoIterator<Item = &'a TensorType>,
        detail: impl Into<String>,
    ) -> Self {
        let dtypes = types.into_iter().map(|t| t.dtype).collect();
        OpErrorKind::DTypeMismatch {
            dtypes,
            detail: detail.into(),
        }
    }

    /// That memory has room for results of these types, of which large ones are asked for.
    pub(crate) fn check_memory(types: &[TensorType]) -> Result<(), OpErrorKind> {
        match memory::too_large(types) {
            Some(ty) => Err(OpErrorKind::OutOfMemory { ty: ty.clone() }),
            None => Ok(()),
        }
    }

    pub(crate) fn parameter(detail: impl Into<String>) -> Self {
        OpErrorKind::InvalidParameter {
            detail: detail.into(),
        }
    }
}

fn shape_list(shapes: &[Shape]) -> String {
    shapes
        .iter()
        .map(|s| ShapeTuple(s).to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn dtype_list(dtypes: &[DType]) -> String {
    dtypes
        .iter()
        .map(|d| d.name())
        .collect::<Vec<_>>()
        .join(", ")
}
