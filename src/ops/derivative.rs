//! What the derivative rules of all families are written with.
//!
//! Tangents and cotangents have the shape of their value, while elementwise operations broadcast. So a tangent is brought to the
//! result's shape ([`fit`](dyn Tangents::fit)) and a cotangent is summed back to the operand's
//! ([`unbroadcast`](dyn Tangents::unbroadcast)).

#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests;

use smallvec::smallvec;

use crate::array::{DType, Scalar, Shape, TensorType};
use crate::error::{Error, OpError, OpErrorKind};
use crate::ops::rule::{LinearInput, Outputs, Tangents};
use crate::program::{
    Atom, Atoms, BinaryOp, BroadcastInDim, Iota, Op, Reduce, ReduceOp, Reshape, SelectN, Transpose,
    UnaryOp,
};

/// The answer of a rule whose results do not change with its operands.
pub(crate) fn all_zero(results: usize) -> Outputs<Option<Atom>> {
    smallvec![None; results]
}

/// `impl Derivative` for operations of one operand and one result that derivatives do not see through.
macro_rules! without_derivative {
    ($($op:ty),*) => {$(
        impl $crate::ops::rule::Derivative for $op {
            fn jvp(
                &self,
                _cx: &mut dyn $crate::ops::rule::Tangents,
                _primals: &[$crate::program::Atom],
                _results: &[$crate::program::Atom],
                _tangents: &[Option<$crate::program::Atom>],
            ) -> Result<$crate::ops::rule::Outputs<Option<$crate::program::Atom>>, $crate::error::Error> {
                Ok($crate::ops::derivative::all_zero(1))
            }

            fn transpose(
                &self,
                _cx: &mut dyn $crate::ops::rule::Tangents,
                _cotangents: &[Option<$crate::program::Atom>],
                _inputs: &[$crate::ops::rule::LinearInput],
            ) -> Result<$crate::ops::rule::Outputs<Option<$crate::program::Atom>>, $crate::error::Error> {
                Ok($crate::ops::derivative::all_zero(1))
            }
        }
    )*};
}
pub(crate) use without_derivative;

/// The tangent of an operation of one operand that is linear.
pub(crate) fn linear_jvp(
    cx: &mut dyn Tangents,
    op: impl Into<Op>,
    tangents: &[Option<Atom>],
) -> Result<Outputs<Option<Atom>>, Error> {
    let tangent = match tangents[0] {
        Some(tangent) => Some(cx.emit1(op, smallvec![tangent])?),
        None => None,
    };
    Ok(smallvec![tangent])
}

/// The cotangent of an operation of one operand: `back` makes it from that of the result and the operand's type.
pub(crate) fn linear_transpose(
    cx: &mut dyn Tangents,
    cotangents: &[Option<Atom>],
    inputs: &[LinearInput],
    back: impl FnOnce(&mut dyn Tangents, Atom, &TensorType) -> Result<Atom, Error>,
) -> Result<Outputs<Option<Atom>>, Error> {
    let cotangent = match (cotangents[0], &inputs[0]) {
        (Some(cotangent), LinearInput::Linear(ty)) => Some(back(cx, cotangent, ty)?),
        (None, _) | (_, LinearInput::Known(_)) => None,
    };
    Ok(smallvec![cotangent])
}

/// The answer of an operation that is not linear in the first operand it is asked about.
pub(crate) fn not_linear<T>(
    cx: &dyn Tangents,
    op: impl Into<Op>,
    inputs: &[LinearInput],
) -> Result<T, Error> {
    let operand = inputs.iter().position(LinearInput::is_linear).unwrap_or(0);
    cx.refuse(op, OpErrorKind::NotLinear { operand })
}

impl LinearInput {
    /// Whether a cotangent is asked for.
    pub(crate) fn is_linear(&self) -> bool {
        matches!(self, LinearInput::Linear(_))
    }

    /// The value, where it is known.
    pub(crate) fn known(&self) -> Option<Atom> {
        match self {
            LinearInput::Known(atom) => Some(*atom),
            LinearInput::Linear(_) => None,
        }
    }

    /// The type, where a cotangent is asked for.
    pub(crate) fn linear(&self) -> Option<&TensorType> {
        match self {
            LinearInput::Known(_) => None,
            LinearInput::Linear(ty) => Some(ty),
        }
    }

    /// The type.
    pub(crate) fn ty(&self, cx: &dyn Tangents) -> TensorType {
        match self {
            LinearInput::Known(atom) => cx.atom_type(atom),
            LinearInput::Linear(ty) => ty.clone(),
        }
    }
}

/// A number as a literal of an element type.
fn literal(dtype: DType, value: f64) -> Atom {
    Atom::Literal(Scalar::number(dtype, value), false)
}

impl dyn Tangents + '_ {
    /// Emits an operation with one result.
    pub(crate) fn emit1(&mut self, op: impl Into<Op>, inputs: Atoms) -> Result<Atom, Error> {
        Ok(self.push(op.into(), inputs)?[0])
    }

    /// The error of an operation that cannot be differentiated or transposed.
    pub(crate) fn refuse<T>(&self, op: impl Into<Op>, kind: OpErrorKind) -> Result<T, Error> {
        Err(OpError::at(op.into().name(), kind, self.location()).into())
    }

    /// The shape of a value.
    pub(crate) fn shape(&self, atom: Atom) -> Shape {
        self.atom_type(&atom).shape
    }

    /// The rank of a value.
    pub(crate) fn rank(&self, atom: Atom) -> usize {
        self.atom_type(&atom).rank()
    }

    /// A number of the element type of `like`, as a scalar.
    pub(crate) fn number(&self, like: Atom, value: f64) -> Atom {
        literal(self.atom_type(&like).dtype, value)
    }

    pub(crate) fn unary(&mut self, op: UnaryOp, x: Atom) -> Result<Atom, Error> {
        self.emit1(op, smallvec![x])
    }

    pub(crate) fn binary(&mut self, op: BinaryOp, x: Atom, y: Atom) -> Result<Atom, Error> {
        self.emit1(op, smallvec![x, y])
    }

    pub(crate) fn add(&mut self, x: Atom, y: Atom) -> Result<Atom, Error> {
        self.binary(BinaryOp::Add, x, y)
    }

    pub(crate) fn sub(&mut self, x: Atom, y: Atom) -> Result<Atom, Error> {
        self.binary(BinaryOp::Sub, x, y)
    }

    pub(crate) fn mul(&mut self, x: Atom, y: Atom) -> Result<Atom, Error> {
        self.binary(BinaryOp::Mul, x, y)
    }

    pub(crate) fn div(&mut self, x: Atom, y: Atom) -> Result<Atom, Error> {
        self.binary(BinaryOp::Div, x, y)
    }

    pub(crate) fn neg(&mut self, x: Atom) -> Result<Atom, Error> {
        self.unary(UnaryOp::Neg, x)
    }

    pub(crate) fn square(&mut self, x: Atom) -> Result<Atom, Error> {
        self.unary(UnaryOp::Square, x)
    }

    /// The sum of two tangents, of which either may be zero.
    pub(crate) fn sum(&mut self, x: Option<Atom>, y: Option<Atom>) -> Result<Option<Atom>, Error> {
        match (x, y) {
            (Some(x), Some(y)) => self.add(x, y).map(Some),
            (only, None) | (None, only) => Ok(only),
        }
    }

    /// A value repeated until it has a shape; its axes are those of the shape or of length 1, or it has none.
    pub(crate) fn fit(&mut self, atom: Atom, shape: &[usize]) -> Result<Atom, Error> {
        let own = self.shape(atom);
        if own[..] == *shape {
            return Ok(atom);
        }
        let dims = (0..own.len()).collect();
        let shape = Shape::from_slice(shape);
        self.emit1(BroadcastInDim { shape, dims }, smallvec![atom])
    }

    /// A cotangent summed over the axes along which an operand of this shape was repeated.
    pub(crate) fn unbroadcast(&mut self, cotangent: Atom, shape: &[usize]) -> Result<Atom, Error> {
        let own = self.shape(cotangent);
        if own[..] == *shape {
            return Ok(cotangent);
        }
        let repeated = |&axis: &usize| shape.get(axis) != Some(&own[axis]);
        let axes = (0..own.len()).filter(repeated).collect();
        let summed = self.reduce_sum(cotangent, axes)?;
        self.reshape(summed, shape)
    }

    /// The sum over axes, which increase.
    pub(crate) fn reduce_sum(&mut self, atom: Atom, axes: Shape) -> Result<Atom, Error> {
        if axes.is_empty() {
            return Ok(atom);
        }
        let kind = ReduceOp::Sum;
        self.emit1(Reduce { kind, axes }, smallvec![atom])
    }

    pub(crate) fn reshape(&mut self, atom: Atom, shape: &[usize]) -> Result<Atom, Error> {
        if self.shape(atom)[..] == *shape {
            return Ok(atom);
        }
        let shape = Shape::from_slice(shape);
        self.emit1(Reshape { shape }, smallvec![atom])
    }

    /// A value with its axes in another order: result axis `i` is axis `permutation[i]`.
    pub(crate) fn permute(&mut self, atom: Atom, permutation: &[usize]) -> Result<Atom, Error> {
        if permutation.iter().enumerate().all(|(i, &p)| i == p) {
            return Ok(atom);
        }
        let permutation = Shape::from_slice(permutation);
        self.emit1(Transpose { permutation }, smallvec![atom])
    }

    /// An array of one number.
    pub(crate) fn full(&mut self, ty: &TensorType, value: f64) -> Result<Atom, Error> {
        self.fit(literal(ty.dtype, value), &ty.shape)
    }

    /// An array of zeros.
    pub(crate) fn zeros(&mut self, ty: &TensorType) -> Result<Atom, Error> {
        self.full(ty, 0.0)
    }

    /// A tangent of a value of this type, written out if it is zero.
    pub(crate) fn written(
        &mut self,
        tangent: Option<Atom>,
        ty: &TensorType,
    ) -> Result<Atom, Error> {
        match tangent {
            Some(tangent) => Ok(tangent),
            None => self.zeros(ty),
        }
    }

    /// `which ? on_true : on_false`, each of which has `which`'s shape or none; `which` may have none where both have
    /// one shape.
    pub(crate) fn select(
        &mut self,
        which: Atom,
        on_true: Atom,
        on_false: Atom,
    ) -> Result<Atom, Error> {
        let shapes = [which, on_true, on_false].map(|atom| self.shape(atom));
        let shape = shapes.iter().max_by_key(|s| s.len()).cloned();
        let shape = shape.unwrap_or_default();
        let on_true = self.fit(on_true, &shape)?;
        let on_false = self.fit(on_false, &shape)?;
        self.emit1(SelectN, smallvec![which, on_false, on_true])
    }

    /// The position along an axis, in an array of this shape.
    pub(crate) fn positions(&mut self, shape: &[usize], axis: usize) -> Result<Atom, Error> {
        let op = Iota {
            dtype: DType::I64,
            shape: Shape::from_slice(shape),
            dimension: axis,
        };
        self.emit1(op, Atoms::new())
    }
}
