//! Operators of tensors, and the two divisions that are made of several operations.

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Rem, Sub};
use std::panic::Location;

use super::elementwise::{binary, match_ranks, promote, select, unary};
use super::{Caller, Tensor, apply1, settle};
use crate::array::{Array, DType};
use crate::program::{BinaryOp, UnaryOp};

/// `x % y` with the sign of the divisor; `x % 0` is 0 for integers (rules N7 and N8).
fn remainder(x: &Tensor, y: &Tensor, location: Caller) -> Tensor {
    let [x, y] = promote([x, y], location);
    let rem = binary(BinaryOp::Rem, &x, &y, location);
    let zero = Tensor::from(0_i64);
    if x.dtype().is_unsigned_integer() {
        let by_zero = binary(BinaryOp::Eq, &y, &zero, location);
        return select(&by_zero, &zero, &rem, location);
    }
    let nonzero = binary(BinaryOp::Ne, &rem, &zero, location);
    let signs_differ = binary(
        BinaryOp::Ne,
        &binary(BinaryOp::Lt, &rem, &zero, location),
        &binary(BinaryOp::Lt, &y, &zero, location),
        location,
    );
    let fix = binary(BinaryOp::And, &nonzero, &signs_differ, location);
    let out = select(
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
    select(&by_zero, &zero, &out, location)
}

/// `floor(x / y)`; for integers by truncated division and a correction, so `5 // 0` is -2 (rule N8).
fn floor_divide(x: &Tensor, y: &Tensor, location: Caller) -> Tensor {
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
        let chosen = select(&correct, &lower, &quotient, location);
        return unary(UnaryOp::RoundHalfAway, &chosen, false, location);
    }
    let quotient = settle(
        match_ranks("div", [x.clone(), y.clone()], location)
            .map(|[a, b]| apply1(BinaryOp::Div, &[&a, &b], location)),
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
    select(&correct, &lower, &quotient, location)
}

impl Tensor {
    /// Elementwise `floor(self / other)`; integers stay integers.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Tensor::from(vec![-7, 7]).floor_divide(2).to_vec::<i32>()?, [-4, 3]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn floor_divide(&self, other: impl Into<Tensor>) -> Tensor {
        floor_divide(self, &other.into(), Location::caller())
    }
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

/// The sum of tensors; of none the integer 0.
///
/// ```
/// use elimap::prelude::*;
/// let x = arange(5);
/// let neighbours: Tensor = (0..3).map(|k| x.i(k..k + 3)).sum();
/// assert_eq!(neighbours.to_vec::<i64>()?, [3, 6, 9]);
/// # ok(())
/// ```
impl std::iter::Sum for Tensor {
    #[track_caller]
    fn sum<I: Iterator<Item = Tensor>>(tensors: I) -> Tensor {
        tensors
            .reduce(|sum, x| sum + x)
            .unwrap_or_else(|| Tensor::from(0_i64))
    }
}
