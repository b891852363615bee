//! Operators: numpy's broadcasting and JAX's promotion in front of the elementwise operations.

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Rem, Sub};
use std::panic::Location;

use smallvec::smallvec;

use super::{Repr, Tensor, apply1, settle};
use crate::array::{Array, DType, TensorType, broadcast_shapes, promote_all, to_inexact};
use crate::error::Error;
use crate::ops::{OpError, OpErrorKind};
use crate::program::{BinaryOp, Op, UnaryOp};

type Caller = &'static Location<'static>;

/// Converts to an element type; a bare number is converted on the spot, so that programs show it as a literal.
pub(super) fn convert(x: &Tensor, (dtype, weak): (DType, bool), location: Caller) -> Tensor {
    if x.ty.dtype == dtype && x.ty.weak == weak {
        return x.clone();
    }
    if let Repr::Concrete(array) = &x.repr
        && array.rank() == 0
        && let Ok(mut out) = crate::ops::eval(
            &Op::ConvertElementType { dtype, weak },
            std::slice::from_ref(array),
        )
    {
        return Tensor::concrete(out.swap_remove(0), weak);
    }
    if x.ty.dtype == dtype && x.ty.weak {
        // Nothing changes but the weakness, which the other operand's strength settles.
        return x.clone();
    }
    apply1(Op::ConvertElementType { dtype, weak }, &[x], location)
}

/// Operands converted to one element type.
pub(super) fn promote<const N: usize>(operands: [&Tensor; N], location: Caller) -> [Tensor; N] {
    let to = promote_all(operands.iter().map(|t| &t.ty));
    operands.map(|t| convert(t, to, location))
}

/// Gives every operand the rank of the largest by leading axes of length 1; rank 0 mixes with any rank.
pub(super) fn match_ranks<const N: usize>(
    op: &'static str,
    operands: [Tensor; N],
    location: Caller,
) -> Result<[Tensor; N], Error> {
    let shapes: Vec<&[usize]> = operands.iter().map(Tensor::shape).collect();
    if broadcast_shapes(shapes.iter().copied()).is_none() {
        let kind = OpErrorKind::shapes(
            operands.iter().map(|t| &t.ty),
            "they do not broadcast: aligned from the last axis, lengths must be equal or 1",
        );
        return Err(OpError {
            op,
            kind,
            location: Some(location),
        }
        .into());
    }
    let rank = operands.iter().map(Tensor::rank).max().unwrap_or(0);
    Ok(operands.map(|t| {
        if t.rank() == 0 || t.rank() == rank {
            return t;
        }
        let missing = rank - t.rank();
        let shape = std::iter::repeat_n(1, missing)
            .chain(t.shape().iter().copied())
            .collect();
        let dims = (missing..rank).collect();
        apply1(Op::BroadcastInDim { shape, dims }, &[&t], location)
    }))
}

/// An elementwise operation of two operands, promoted and broadcast as in numpy.
pub(super) fn binary(op: BinaryOp, a: &Tensor, b: &Tensor, location: Caller) -> Tensor {
    for operand in [a, b] {
        if let Repr::Poisoned(error) = &operand.repr {
            return settle(Err(Error::Shared(error.clone())));
        }
    }
    let mut to = promote_all([&a.ty, &b.ty]);
    if matches!(op, BinaryOp::Div | BinaryOp::Atan2 | BinaryOp::Nextafter) {
        to = to_inexact(to);
    }
    let operands = [convert(a, to, location), convert(b, to, location)];
    settle(
        match_ranks(op.name(), operands, location)
            .map(|[a, b]| apply1(Op::Binary(op), &[&a, &b], location)),
    )
}

/// The tensor in the float type means and roots of it are computed in, strongly typed.
pub(super) fn floats(x: &Tensor, location: Caller) -> Tensor {
    if matches!(x.repr, Repr::Poisoned(_)) {
        return x.clone();
    }
    let (dtype, _) = to_inexact((x.ty.dtype, false));
    convert(x, (dtype, false), location)
}

/// An elementwise operation of one operand; `float` says that integers are converted first.
pub(super) fn unary(op: UnaryOp, x: &Tensor, float: bool, location: Caller) -> Tensor {
    if float && !x.dtype().is_float() && !matches!(x.repr, Repr::Poisoned(_)) {
        let x = convert(x, to_inexact((x.ty.dtype, x.ty.weak)), location);
        return apply1(Op::Unary(op), &[&x], location);
    }
    apply1(Op::Unary(op), &[x], location)
}

/// `x % y` with the sign of the divisor; `x % 0` is 0 for integers (rules N7 and N8).
fn remainder(x: &Tensor, y: &Tensor, location: Caller) -> Tensor {
    let [x, y] = promote([x, y], location);
    let rem = binary(BinaryOp::Rem, &x, &y, location);
    let zero = Tensor::from(0_i64);
    if x.dtype().is_unsigned_integer() {
        let by_zero = binary(BinaryOp::Eq, &y, &zero, location);
        return super::creation::select(&by_zero, &zero, &rem, location);
    }
    let nonzero = binary(BinaryOp::Ne, &rem, &zero, location);
    let signs_differ = binary(
        BinaryOp::Ne,
        &binary(BinaryOp::Lt, &rem, &zero, location),
        &binary(BinaryOp::Lt, &y, &zero, location),
        location,
    );
    let fix = binary(BinaryOp::And, &nonzero, &signs_differ, location);
    let out = super::creation::select(
        &fix,
        &binary(BinaryOp::Add, &rem, &y, location),
        &rem,
        location,
    );
    if x.dtype().is_float() {
        return out;
    }
    // x rem 0 is x, but x % 0 is 0.
    let by_zero = binary(BinaryOp::Eq, &y, &zero, location);
    super::creation::select(&by_zero, &zero, &out, location)
}

/// `floor(x / y)`; for integers by truncated division and a correction, so `5 // 0` is -2 (rule N8).
pub(super) fn floor_divide(x: &Tensor, y: &Tensor, location: Caller) -> Tensor {
    let [x, y] = promote([x, y], location);
    if x.dtype().is_float() {
        // As numpy: from the remainder, so that quotient and remainder agree even where x / y rounds up.
        let rem = binary(BinaryOp::Rem, &x, &y, location);
        let quotient = binary(
            BinaryOp::Div,
            &binary(BinaryOp::Sub, &x, &rem, location),
            &y,
            location,
        );
        let zero = Tensor::from(0.0);
        let signs_differ = binary(
            BinaryOp::Ne,
            &unary(UnaryOp::Sign, &y, false, location),
            &unary(UnaryOp::Sign, &rem, false, location),
            location,
        );
        let correct = binary(
            BinaryOp::And,
            &binary(BinaryOp::Ne, &rem, &zero, location),
            &signs_differ,
            location,
        );
        let lower = binary(BinaryOp::Sub, &quotient, &Tensor::from(1.0), location);
        let chosen = super::creation::select(&correct, &lower, &quotient, location);
        return unary(UnaryOp::RoundHalfAway, &chosen, false, location);
    }
    let quotient = settle(
        match_ranks("div", [x.clone(), y.clone()], location)
            .map(|[a, b]| apply1(Op::Binary(BinaryOp::Div), &[&a, &b], location)),
    );
    if x.dtype().is_unsigned_integer() || x.dtype() == DType::Bool {
        return quotient;
    }
    let rem = binary(BinaryOp::Rem, &x, &y, location);
    let signs_differ = binary(
        BinaryOp::Ne,
        &unary(UnaryOp::Sign, &x, false, location),
        &unary(UnaryOp::Sign, &y, false, location),
        location,
    );
    let correct = binary(
        BinaryOp::And,
        &signs_differ,
        &binary(BinaryOp::Ne, &rem, &Tensor::from(0_i64), location),
        location,
    );
    let lower = binary(BinaryOp::Sub, &quotient, &Tensor::from(1_i64), location);
    super::creation::select(&correct, &lower, &quotient, location)
}

macro_rules! operators {
    ($($trait:ident $method:ident $call:expr, $doc:literal);* $(;)?) => {$(
        #[doc = $doc]
        impl<R: Into<Tensor>> $trait<R> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, rhs: R) -> Tensor {
                let call: fn(&Tensor, &Tensor, Caller) -> Tensor = $call;
                call(&self, &rhs.into(), Location::caller())
            }
        }
        #[doc = $doc]
        impl<R: Into<Tensor>> $trait<R> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, rhs: R) -> Tensor {
                let call: fn(&Tensor, &Tensor, Caller) -> Tensor = $call;
                call(self, &rhs.into(), Location::caller())
            }
        }
        operators!(@left $trait $method $call; f64 f32 i32 i64 bool Array);
    )*};
    (@left $trait:ident $method:ident $call:expr; $($ty:ty)*) => {$(
        impl $trait<Tensor> for $ty {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, rhs: Tensor) -> Tensor {
                let call: fn(&Tensor, &Tensor, Caller) -> Tensor = $call;
                call(&Tensor::from(self), &rhs, Location::caller())
            }
        }
        impl $trait<&Tensor> for $ty {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, rhs: &Tensor) -> Tensor {
                let call: fn(&Tensor, &Tensor, Caller) -> Tensor = $call;
                call(&Tensor::from(self), rhs, Location::caller())
            }
        }
    )*};
}

operators! {
    Add add |a, b, at| binary(BinaryOp::Add, a, b, at), "Elementwise sum.";
    Sub sub |a, b, at| binary(BinaryOp::Sub, a, b, at), "Elementwise difference.";
    Mul mul |a, b, at| binary(BinaryOp::Mul, a, b, at), "Elementwise product.";
    Div div |a, b, at| binary(BinaryOp::Div, a, b, at), "Elementwise true division; integers divide as `f64`.";
    Rem rem remainder, "Elementwise remainder with the sign of the divisor, as Python's and JAX's `%`.";
    BitAnd bitand |a, b, at| binary(BinaryOp::And, a, b, at), "Elementwise bitwise or logical and.";
    BitOr bitor |a, b, at| binary(BinaryOp::Or, a, b, at), "Elementwise bitwise or logical or.";
    BitXor bitxor |a, b, at| binary(BinaryOp::Xor, a, b, at), "Elementwise bitwise or logical exclusive or.";
}

macro_rules! prefix_operators {
    ($($trait:ident $method:ident $op:ident, $doc:literal);* $(;)?) => {$(
        #[doc = $doc]
        impl $trait for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self) -> Tensor {
                unary(UnaryOp::$op, &self, false, Location::caller())
            }
        }
        #[doc = $doc]
        impl $trait for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self) -> Tensor {
                unary(UnaryOp::$op, self, false, Location::caller())
            }
        }
    )*};
}
prefix_operators! {
    Neg neg Neg, "Elementwise negation.";
    Not not Not, "Elementwise bitwise or logical complement.";
}

/// A tensor broadcast to a shape it fits by numpy's rule.
pub(super) fn broadcast_to(x: &Tensor, shape: &[usize], location: Caller) -> Tensor {
    if x.shape() == shape {
        return x.clone();
    }
    let target = TensorType::new(x.dtype(), shape.iter().copied());
    if broadcast_shapes([x.shape(), shape]).is_none_or(|s| &s[..] != shape) {
        let kind = OpErrorKind::shapes(
            [&x.ty, &target],
            "the first does not broadcast to the second",
        );
        return settle(Err(OpError {
            op: "broadcast_to",
            kind,
            location: Some(location),
        }
        .into()));
    }
    let offset = shape.len() - x.rank();
    let dims = (offset..shape.len()).collect();
    let op = Op::BroadcastInDim {
        shape: target.shape,
        dims,
    };
    apply1(op, &[x], location)
}

/// `x` as an operand of its own dtype in an axis of length 1 where `smallvec` shapes are handy.
pub(super) fn expand(x: &Tensor, axes: &[usize], location: Caller) -> Tensor {
    let rank = x.rank() + axes.len();
    let dims: crate::array::Shape = (0..rank).filter(|d| !axes.contains(d)).collect();
    let mut shape: crate::array::Shape = smallvec![1; rank];
    for (&d, &n) in dims.iter().zip(x.shape()) {
        shape[d] = n;
    }
    apply1(Op::BroadcastInDim { shape, dims }, &[x], location)
}
