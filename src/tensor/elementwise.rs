//! Elementwise operations: numpy's broadcasting and JAX's promotion in front of them, and the methods.

use std::panic::Location;

use super::shape::broadcast_to;
use super::{Caller, Repr, Tensor, apply1, settle};
use crate::array::{DType, Scalar, broadcast_shapes, promote_all, to_inexact};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{
    BinaryOp, BitcastConvertType, BroadcastInDim, Clamp, ConvertElementType, IntegerPow, SelectN,
    UnaryOp,
};

/// Converts to an element type; a bare number is converted on the spot, so that programs show it as a literal.
pub(crate) fn convert(x: &Tensor, (dtype, weak): (DType, bool), location: Caller) -> Tensor {
    if x.ty.dtype == dtype && x.ty.weak == weak {
        return x.clone();
    }
    if let Repr::Concrete(array) = &x.repr
        && array.rank() == 0
    {
        let convert = ConvertElementType { dtype, weak }.into();
        let mut out = crate::ops::eval(&convert, std::slice::from_ref(array));
        return Tensor::concrete(out.swap_remove(0), weak);
    }
    if x.ty.dtype == dtype && x.ty.weak {
        // Nothing changes but the weakness, which the other operand's strength settles.
        return x.clone();
    }
    apply1(ConvertElementType { dtype, weak }, &[x], location)
}

/// Both operands in the floating type they meet at.
pub(super) fn promoted_floats(a: &Tensor, b: &Tensor, location: Caller) -> [Tensor; 2] {
    let to = to_inexact(promote_all([a.ty(), b.ty()]));
    [convert(a, to, location), convert(b, to, location)]
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
        return Err(OpError::at(op, kind, location).into());
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
        apply1(BroadcastInDim { shape, dims }, &[&t], location)
    }))
}

/// An elementwise operation of two operands, promoted and broadcast as in numpy.
pub(crate) fn binary(op: BinaryOp, a: &Tensor, b: &Tensor, location: Caller) -> Tensor {
    for operand in [a, b] {
        if let Repr::Poisoned(error) = &operand.repr {
            return settle(Err(Error::Shared(error.clone())));
        }
    }
    let mut to = promote_all([&a.ty, &b.ty]);
    if matches!(
        op,
        BinaryOp::Div | BinaryOp::Atan2 | BinaryOp::Nextafter | BinaryOp::Polygamma
    ) {
        to = to_inexact(to);
    }
    let operands = [convert(a, to, location), convert(b, to, location)];
    settle(match_ranks(op.name(), operands, location).map(|[a, b]| apply1(op, &[&a, &b], location)))
}

/// The tensor in the float type means and roots of it are computed in, strongly typed.
pub(crate) fn floats(x: &Tensor, location: Caller) -> Tensor {
    if matches!(x.repr, Repr::Poisoned(_)) {
        return x.clone();
    }
    let (dtype, _) = to_inexact((x.ty.dtype, false));
    convert(x, (dtype, false), location)
}

/// An elementwise operation of one operand; `float` says that integers are converted first.
pub(super) fn unary(op: UnaryOp, x: &Tensor, float: bool, location: Caller) -> Tensor {
    if float && !x.dtype().is_inexact() && !matches!(x.repr, Repr::Poisoned(_)) {
        let x = convert(x, to_inexact((x.ty.dtype, x.ty.weak)), location);
        return apply1(op, &[&x], location);
    }
    apply1(op, &[x], location)
}

pub(super) fn select(condition: &Tensor, x: &Tensor, y: &Tensor, location: Caller) -> Tensor {
    for operand in [condition, x, y] {
        if let Repr::Poisoned(error) = &operand.repr {
            return settle(Err(Error::Shared(error.clone())));
        }
    }
    let condition = if condition.dtype() == DType::Bool {
        condition.clone()
    } else {
        // Truth of a number: not zero (NaN is true), as a conversion to bool has it.
        convert(condition, (DType::Bool, false), location)
    };
    let [x, y] = promote([x, y], location);
    settle(
        match_ranks("select_n", [condition, x, y], location).map(|[condition, x, y]| {
            let shape =
                broadcast_shapes([condition.shape(), x.shape(), y.shape()]).unwrap_or_default();
            // A scalar condition chooses between whole cases.
            let which = if condition.rank() == 0 {
                condition
            } else {
                broadcast_to(&condition, &shape, location)
            };
            let (x, y) = (
                broadcast_to(&x, &shape, location),
                broadcast_to(&y, &shape, location),
            );
            apply1(SelectN, &[&which, &y, &x], location)
        }),
    )
}

/// The lines of a documentation example: a call on scalars, and what it gives, to 1e-14.
macro_rules! example {
    ($x:literal . $method:ident ($($arg:literal)?) = $out:literal) => {
        concat!(
            "\n```\n# use elimap::prelude::*;\nlet y = Tensor::from(", $x, ").", stringify!($method), "(", $($arg,)? ");\n",
            "assert!((y.astype(DType::F64).to_array()?.item::<f64>()? - ", $out, ").abs() < 1e-14);\n",
            "# Ok::<(), elimap::Error>(())\n```"
        )
    };
}

macro_rules! unary_methods {
    ($($method:ident $op:ident $float:literal $x:literal $out:literal $doc:literal),* $(,)?) => {
        impl Tensor {$(
            #[doc = $doc]
            #[doc = example!($x . $method () = $out)]
            #[track_caller]
            #[must_use]
            pub fn $method(&self) -> Tensor {
                unary(UnaryOp::$op, self, $float, Location::caller())
            }
        )*}
    };
}

unary_methods! {
    abs Abs false "-0.5" "0.5" "Elementwise absolute value; the least integer is its own.",
    sign Sign false "-0.5" "-1.0" "Elementwise sign: -1, 0 or 1; zeros and NaN keep themselves.",
    square Square false "1.5" "2.25" "Elementwise square.",
    exp Exp true "0.5" "0.5_f64.exp()" "Elementwise exponential.",
    exp2 Exp2 true "3.0" "8.0" "Elementwise power of two.",
    expm1 Expm1 true "0.5" "0.5_f64.exp_m1()" "Elementwise `exp(x) - 1`, accurate near 0.",
    ln Log true "2.0" "2_f64.ln()" "Elementwise natural logarithm (JAX's `log`).",
    log1p Log1p true "0.5" "0.5_f64.ln_1p()" "Elementwise `log(1 + x)`, accurate near 0.",
    sin Sin true "0.5" "0.5_f64.sin()" "Elementwise sine.",
    cos Cos true "0.5" "0.5_f64.cos()" "Elementwise cosine.",
    tan Tan true "0.5" "0.5_f64.tan()" "Elementwise tangent.",
    asin Asin true "0.5" "0.5_f64.asin()" "Elementwise inverse sine.",
    acos Acos true "0.5" "0.5_f64.acos()" "Elementwise inverse cosine.",
    atan Atan true "0.5" "0.5_f64.atan()" "Elementwise inverse tangent.",
    sinh Sinh true "0.5" "0.5_f64.sinh()" "Elementwise hyperbolic sine.",
    cosh Cosh true "0.5" "0.5_f64.cosh()" "Elementwise hyperbolic cosine.",
    tanh Tanh true "0.5" "0.5_f64.tanh()" "Elementwise hyperbolic tangent.",
    asinh Asinh true "0.5" "0.5_f64.asinh()" "Elementwise inverse hyperbolic sine.",
    acosh Acosh true "1.5" "1.5_f64.acosh()" "Elementwise inverse hyperbolic cosine.",
    atanh Atanh true "0.5" "0.5_f64.atanh()" "Elementwise inverse hyperbolic tangent.",
    logistic Logistic true "0.0" "0.5" "Elementwise `1 / (1 + exp(-x))`.",
    sqrt Sqrt true "2.25" "1.5" "Elementwise square root.",
    rsqrt Rsqrt true "4.0" "0.5" "Elementwise reciprocal square root.",
    cbrt Cbrt true "27.0" "3.0" "Elementwise cube root.",
    erf Erf true "0.5" "0.520_499_877_813_046_5" "Elementwise error function.",
    erfc Erfc true "0.5" "0.479_500_122_186_953_5" "Elementwise complementary error function.",
    erf_inv ErfInv true "0.5" "0.476_936_276_204_469_9" "Elementwise inverse error function.",
    lgamma Lgamma true "5.0" "24_f64.ln()" "Elementwise logarithm of the absolute gamma function.",
    digamma Digamma true "1.0" "-0.577_215_664_901_532_9" "Elementwise logarithmic derivative of the gamma function.",
    is_finite IsFinite true "1.5" "1.0" "Elementwise: neither infinite nor NaN.",
    population_count PopulationCount false "7" "3.0" "Elementwise number of one bits.",
    clz Clz false "1" "63.0" "Elementwise number of leading zero bits.",
}

macro_rules! rounding_methods {
    ($($method:ident $op:ident $out:literal $doc:literal),* $(,)?) => {
        impl Tensor {$(
            #[doc = $doc]
            #[doc = "Integers and bools are whole already and stay as they are."]
            #[doc = example!("2.5" . $method () = $out)]
            #[track_caller]
            #[must_use]
            pub fn $method(&self) -> Tensor {
                let whole = self.dtype().is_integer() || self.dtype() == DType::Bool;
                if whole { self.clone() } else { unary(UnaryOp::$op, self, false, Location::caller()) }
            }
        )*}
    };
}

rounding_methods! {
    floor Floor "2.0" "Elementwise floor.",
    ceil Ceil "3.0" "Elementwise ceiling.",
    round RoundHalfEven "2.0" "Elementwise rounding, halves to even, as numpy's.",
    round_half_away RoundHalfAway "3.0" "Elementwise rounding, halves away from zero, as `lax.round`'s default.",
}

macro_rules! binary_methods {
    ($($method:ident $op:ident $x:literal $y:literal $out:literal $doc:literal),* $(,)?) => {
        impl Tensor {$(
            #[doc = $doc]
            #[doc = example!($x . $method ($y) = $out)]
            #[track_caller]
            #[must_use]
            pub fn $method(&self, other: impl Into<Tensor>) -> Tensor {
                binary(BinaryOp::$op, self, &other.into(), Location::caller())
            }
        )*}
    };
}

binary_methods! {
    maximum Max "2.0" "3.0" "3.0" "Elementwise maximum; a NaN on either side is the result.",
    minimum Min "2.0" "3.0" "2.0" "Elementwise minimum; a NaN on either side is the result.",
    atan2 Atan2 "1.0" "2.0" "1_f64.atan2(2.0)" "Elementwise angle of the point `(other, self)`.",
    nextafter Nextafter "1.0" "2.0" "(1.0 + f64::EPSILON)" "Elementwise next representable number towards `other`.",
    polygamma Polygamma "1.0" "1.0" "(std::f64::consts::PI.powi(2) / 6.0)" "Elementwise derivative of [`digamma`](Tensor::digamma) of order `self` at `other`; NaN unless the order is a whole number.",
    shift_left ShiftLeft "3" "2" "12.0" "Elementwise left shift; shifts of the width or more give 0.",
    shift_right_arithmetic ShiftRightArithmetic "-8" "1" "-4.0" "Elementwise right shift that keeps the sign.",
    shift_right_logical ShiftRightLogical "8" "1" "4.0" "Elementwise right shift that fills with zeros.",
    equal Eq "2.0" "3.0" "0.0" "Elementwise `==`.",
    not_equal Ne "2.0" "3.0" "1.0" "Elementwise `!=`.",
    less Lt "2.0" "3.0" "1.0" "Elementwise `<`.",
    less_equal Le "3.0" "3.0" "1.0" "Elementwise `<=`.",
    greater Gt "2.0" "3.0" "0.0" "Elementwise `>`.",
    greater_equal Ge "3.0" "3.0" "1.0" "Elementwise `>=`.",
}

impl Tensor {
    /// Elementwise real part; real numbers are their own.
    ///
    /// ```
    /// use elimap::{num_complex::Complex, prelude::*};
    /// let z = Tensor::from(vec![Complex::new(1.0, 2.0)]);
    /// assert_eq!((z.real().to_vec::<f64>()?, z.imag().to_vec::<f64>()?), (vec![1.0], vec![2.0]));
    /// assert_eq!(z.conj().to_vec::<Complex<f64>>()?, [Complex::new(1.0, -2.0)]);
    /// assert_eq!(Tensor::from(vec![3.0]).imag().to_vec::<f64>()?, [0.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn real(&self) -> Tensor {
        if self.dtype().is_complex() {
            unary(UnaryOp::Real, self, false, Location::caller())
        } else {
            self.clone()
        }
    }

    /// Elementwise imaginary part; zeros of real numbers.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Tensor::from(vec![1.5]).imag().to_vec::<f64>()?, [0.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn imag(&self) -> Tensor {
        match self.dtype().is_complex() {
            true => unary(UnaryOp::Imag, self, false, Location::caller()),
            false => super::zeros_like(self),
        }
    }

    /// Elementwise complex conjugate; real numbers are their own.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Tensor::from(vec![1.5]).conj().to_vec::<f64>()?, [1.5]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn conj(&self) -> Tensor {
        if self.dtype().is_complex() {
            unary(UnaryOp::Conj, self, false, Location::caller())
        } else {
            self.clone()
        }
    }

    /// Converts to another element type; floats saturate into integers, NaN becomes 0 (rule N11), complex numbers lose their imaginary
    /// part.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Tensor::from(vec![1.7, -1.7]).astype(DType::I32).to_vec::<i32>()?, [1, -1]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn astype(&self, dtype: DType) -> Tensor {
        convert(self, (dtype, false), Location::caller())
    }

    /// The bits read as another type (JAX's `lax.bitcast_convert_type`).
    ///
    /// Where elements are narrower afterwards, those of one before lie along a new last axis, the lowest bits first; where they
    /// are wider, the last axis holds the parts of one and goes. Its derivative is zero.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(vec![1.0_f32, -0.0]);
    /// assert_eq!(x.bitcast(DType::U32).to_vec::<u32>()?, [0x3f80_0000, 0x8000_0000]);
    /// assert_eq!(x.bitcast(DType::U8).shape(), [2, 4]);
    /// assert_eq!(x.bitcast(DType::U8).bitcast(DType::F32).to_vec::<f32>()?, [1.0, -0.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn bitcast(&self, dtype: DType) -> Tensor {
        apply1(BitcastConvertType { dtype }, &[self], Location::caller())
    }

    /// Elementwise power.
    ///
    /// An integer literal as exponent multiplies repeatedly; integers to a negative literal power are an error. Of a
    /// floating base to an integer power of 0 the derivative is 0, at 0 too, where that to a floating power is NaN.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Tensor::from(vec![2.0, 3.0]).pow(2).to_vec::<f64>()?, [4.0, 9.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn pow(&self, exponent: impl Into<Tensor>) -> Tensor {
        let (exponent, location) = (exponent.into(), Location::caller());
        if let Repr::Concrete(array) = &exponent.repr
            && exponent.ty.weak
            && let Ok(Scalar::I64(y)) = Scalar::from_array(array)
            && let Ok(y) = i32::try_from(y)
        {
            return apply1(IntegerPow { y }, &[self], location);
        }
        let whole = self.ty.dtype.is_inexact() && exponent.ty.dtype.is_integer();
        if whole && broadcast_shapes([self.shape(), exponent.shape()]).is_some() {
            // The power 0 is 1 whatever the base, so it has the derivative 0, at 0 too.
            let is_zero = binary(BinaryOp::Eq, &exponent, &Tensor::from(0), location);
            let base = select(&is_zero, &Tensor::from(1.0), self, location);
            return binary(BinaryOp::Pow, &base, &exponent, location);
        }
        binary(BinaryOp::Pow, self, &exponent, location)
    }

    /// Elementwise integer power by repeated multiplication.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Tensor::from(vec![2.0, 4.0]).integer_pow(-1).to_vec::<f64>()?, [0.5, 0.25]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn integer_pow(&self, y: i32) -> Tensor {
        apply1(IntegerPow { y }, &[self], Location::caller())
    }

    /// Elementwise remainder of truncated division, with the sign of `self` (JAX's `lax.rem`).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Tensor::from(vec![-7]).lax_rem(3).to_vec::<i32>()?, [-1]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn lax_rem(&self, other: impl Into<Tensor>) -> Tensor {
        binary(BinaryOp::Rem, self, &other.into(), Location::caller())
    }

    /// Elementwise `max(lo, min(x, hi))`; bounds are scalars or of the tensor's shape.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Tensor::from(vec![-1.0, 0.5, 2.0]).clamp(0.0, 1.0).to_vec::<f64>()?, [0.0, 0.5, 1.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn clamp(&self, lo: impl Into<Tensor>, hi: impl Into<Tensor>) -> Tensor {
        let location = Location::caller();
        let to = (self.ty.dtype, self.ty.weak);
        let lo = convert_weak(&lo.into(), to, location);
        let hi = convert_weak(&hi.into(), to, location);
        apply1(Clamp, &[&lo, self, &hi], location)
    }

    /// `min(max(x, lo), hi)`, with numpy's broadcasting and promotion; `hi` wins where the bounds cross (rule N15).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![-1, 5, 9]));
    /// assert_eq!(x.clip(0, 6).to_array()?.to_vec::<i32>()?, [0, 5, 6]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn clip(&self, lo: impl Into<Tensor>, hi: impl Into<Tensor>) -> Tensor {
        self.maximum(lo).minimum(hi)
    }
}

/// A bound of [`Tensor::clamp`]: bare numbers take the tensor's type, others must have it.
fn convert_weak(x: &Tensor, to: (DType, bool), location: Caller) -> Tensor {
    if x.ty.weak {
        convert(x, (to.0, false), location)
    } else {
        x.clone()
    }
}
