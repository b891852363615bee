//! Elementwise functions and reductions as methods.

use std::panic::Location;

use smallvec::{SmallVec, smallvec};

use super::operators::{binary, convert, floor_divide, promote, unary};
use super::shape::{AxisList, resolve};
use super::{Repr, Tensor, apply1, settle};
use crate::array::{DType, Scalar, Shape, promote_all, to_inexact};
use crate::error::Error;
use crate::ops::{OpError, OpErrorKind};
use crate::program::{ArgReduceOp, Atom, BinaryOp, CumulativeOp, DotDims, Op, ReduceOp, UnaryOp};

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
                let whole = !self.dtype().is_float();
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
    /// Converts to another element type; floats saturate into integers, NaN becomes 0 (rule N11).
    #[track_caller]
    #[must_use]
    pub fn astype(&self, dtype: DType) -> Tensor {
        convert(self, (dtype, false), Location::caller())
    }

    /// Elementwise power.
    ///
    /// An integer literal as exponent multiplies repeatedly; integers to a negative literal power are an error.
    #[track_caller]
    #[must_use]
    pub fn pow(&self, exponent: impl Into<Tensor>) -> Tensor {
        let (exponent, location) = (exponent.into(), Location::caller());
        if let Repr::Concrete(array) = &exponent.repr
            && exponent.ty.weak
            && let Ok(Scalar::I64(y)) = Scalar::from_array(array)
            && let Ok(y) = i32::try_from(y)
        {
            return apply1(Op::IntegerPow { y }, &[self], location);
        }
        binary(BinaryOp::Pow, self, &exponent, location)
    }

    /// Elementwise integer power by repeated multiplication.
    #[track_caller]
    #[must_use]
    pub fn integer_pow(&self, y: i32) -> Tensor {
        apply1(Op::IntegerPow { y }, &[self], Location::caller())
    }

    /// Elementwise `floor(self / other)`; integers stay integers.
    #[track_caller]
    #[must_use]
    pub fn floor_divide(&self, other: impl Into<Tensor>) -> Tensor {
        floor_divide(self, &other.into(), Location::caller())
    }

    /// Elementwise remainder of truncated division, with the sign of `self` (JAX's `lax.rem`).
    #[track_caller]
    #[must_use]
    pub fn lax_rem(&self, other: impl Into<Tensor>) -> Tensor {
        binary(BinaryOp::Rem, self, &other.into(), Location::caller())
    }

    /// Elementwise `max(lo, min(x, hi))`; bounds are scalars or of the tensor's shape.
    #[track_caller]
    #[must_use]
    pub fn clamp(&self, lo: impl Into<Tensor>, hi: impl Into<Tensor>) -> Tensor {
        let location = Location::caller();
        let to = (self.ty.dtype, self.ty.weak);
        let lo = convert_weak(&lo.into(), to, location);
        let hi = convert_weak(&hi.into(), to, location);
        apply1(Op::Clamp, &[&lo, self, &hi], location)
    }

    #[track_caller]
    fn reduce(&self, kind: ReduceOp, axes: &impl AxisList) -> Tensor {
        let location = Location::caller();
        settle(self.resolved_axes(kind.name(), axes, location).map(|axes| {
            if self.shape_is_identity(&axes) {
                self.clone()
            } else {
                apply1(Op::Reduce { kind, axes }, &[self], location)
            }
        }))
    }

    fn shape_is_identity(&self, axes: &[usize]) -> bool {
        axes.is_empty() && self.rank() > 0
    }

    /// The axes named, resolved and in order; a failed tensor is its own error.
    pub(super) fn resolved_axes(
        &self,
        op: &'static str,
        axes: &impl AxisList,
        location: &'static Location<'static>,
    ) -> Result<Shape, Error> {
        if let Repr::Poisoned(error) = &self.repr {
            return Err(Error::Shared(error.clone()));
        }
        let mut axes = resolve(op, &axes.axes(self.rank()), self.rank(), location)?;
        axes.sort_unstable();
        Ok(axes)
    }

    /// Sum over axes: `x.sum(..)` over all, `x.sum(0)`, `x.sum([0, -1])`.
    ///
    /// Integers and bools add up as 64-bit integers, as JAX's do with 64-bit types on (rule N4).
    #[track_caller]
    #[must_use]
    pub fn sum(&self, axes: impl AxisList) -> Tensor {
        self.widened(Location::caller())
            .reduce(ReduceOp::Sum, &axes)
    }

    /// Product over axes, widened as [`Tensor::sum`] is.
    #[track_caller]
    #[must_use]
    pub fn prod(&self, axes: impl AxisList) -> Tensor {
        self.widened(Location::caller())
            .reduce(ReduceOp::Prod, &axes)
    }

    /// What sums of this element type are computed in; sums are strongly typed.
    fn widened(&self, location: &'static Location<'static>) -> Tensor {
        let to = match self.dtype() {
            DType::Bool | DType::I32 | DType::I64 => DType::I64,
            DType::U8 | DType::U32 | DType::U64 => DType::U64,
            float => float,
        };
        convert(self, (to, false), location)
    }

    /// Maximum over axes; NaN propagates.
    ///
    /// An empty axis is an error, as there is no maximum (rule N14).
    #[track_caller]
    #[must_use]
    pub fn max(&self, axes: impl AxisList) -> Tensor {
        self.extreme(ReduceOp::Max, &axes, Location::caller())
    }

    /// Minimum over axes; NaN propagates.
    ///
    /// An empty axis is an error, as there is no minimum (rule N14).
    #[track_caller]
    #[must_use]
    pub fn min(&self, axes: impl AxisList) -> Tensor {
        self.extreme(ReduceOp::Min, &axes, Location::caller())
    }

    fn extreme(
        &self,
        kind: ReduceOp,
        axes: &impl AxisList,
        location: &'static Location<'static>,
    ) -> Tensor {
        settle(
            self.resolved_axes(kind.name(), axes, location)
                .and_then(|axes| {
                    if axes.iter().any(|&a| self.shape()[a] == 0)
                        && self.ty.with_shape(kept(self.shape(), &axes)).size() > 0
                    {
                        let kind_of_error = OpErrorKind::EmptyReduction {
                            shape: self.ty.shape.clone(),
                            axes,
                        };
                        return Err(OpError {
                            op: kind.name(),
                            kind: kind_of_error,
                            location: Some(location),
                        }
                        .into());
                    }
                    if self.shape_is_identity(&axes) {
                        return Ok(self.clone());
                    }
                    Ok(apply1(Op::Reduce { kind, axes }, &[self], location))
                }),
        )
    }

    /// Whether all elements are true along axes.
    #[track_caller]
    #[must_use]
    pub fn all(&self, axes: impl AxisList) -> Tensor {
        convert(self, (DType::Bool, false), Location::caller()).reduce(ReduceOp::And, &axes)
    }

    /// Whether any element is true along axes.
    #[track_caller]
    #[must_use]
    pub fn any(&self, axes: impl AxisList) -> Tensor {
        convert(self, (DType::Bool, false), Location::caller()).reduce(ReduceOp::Or, &axes)
    }

    /// Position of the first maximum along an axis, as `i64`; a NaN counts as the maximum (rule N12).
    #[track_caller]
    #[must_use]
    pub fn argmax(&self, axis: isize) -> Tensor {
        self.arg_reduce(ArgReduceOp::Max, axis, Location::caller())
    }

    /// Position of the first minimum along an axis, as `i64`; a NaN counts as the minimum (rule N12).
    #[track_caller]
    #[must_use]
    pub fn argmin(&self, axis: isize) -> Tensor {
        self.arg_reduce(ArgReduceOp::Min, axis, Location::caller())
    }

    fn arg_reduce(
        &self,
        kind: ArgReduceOp,
        axis: isize,
        location: &'static Location<'static>,
    ) -> Tensor {
        settle(
            self.resolved_axes(kind.name(), &axis, location)
                .map(|axes| {
                    apply1(
                        Op::ArgReduce {
                            kind,
                            axis: axes[0],
                            index_dtype: DType::I64,
                        },
                        &[self],
                        location,
                    )
                }),
        )
    }

    fn cumulative(
        &self,
        kind: CumulativeOp,
        axis: isize,
        reverse: bool,
        location: &'static Location<'static>,
    ) -> Tensor {
        settle(
            self.resolved_axes(kind.name(), &axis, location)
                .map(|axes| {
                    apply1(
                        Op::Cumulative {
                            kind,
                            axis: axes[0],
                            reverse,
                        },
                        &[self],
                        location,
                    )
                }),
        )
    }

    /// Running sum along an axis, from the end where `reverse`; the element type is kept.
    #[track_caller]
    #[must_use]
    pub fn cumsum(&self, axis: isize, reverse: bool) -> Tensor {
        self.cumulative(CumulativeOp::Sum, axis, reverse, Location::caller())
    }

    /// Running product along an axis, from the end where `reverse`.
    #[track_caller]
    #[must_use]
    pub fn cumprod(&self, axis: isize, reverse: bool) -> Tensor {
        self.cumulative(CumulativeOp::Prod, axis, reverse, Location::caller())
    }

    /// Running maximum along an axis, from the end where `reverse`.
    #[track_caller]
    #[must_use]
    pub fn cummax(&self, axis: isize, reverse: bool) -> Tensor {
        self.cumulative(CumulativeOp::Max, axis, reverse, Location::caller())
    }

    /// Running minimum along an axis, from the end where `reverse`.
    #[track_caller]
    #[must_use]
    pub fn cummin(&self, axis: isize, reverse: bool) -> Tensor {
        self.cumulative(CumulativeOp::Min, axis, reverse, Location::caller())
    }

    /// Running `log(sum(exp(x)))` along an axis, from the end where `reverse`.
    #[track_caller]
    #[must_use]
    pub fn cumlogsumexp(&self, axis: isize, reverse: bool) -> Tensor {
        let location = Location::caller();
        let x = convert(self, to_inexact((self.ty.dtype, self.ty.weak)), location);
        x.cumulative(CumulativeOp::LogSumExp, axis, reverse, location)
    }

    /// Generalized matrix product: contracts and batches the given axes (JAX's `lax.dot_general`).
    #[track_caller]
    #[must_use]
    pub fn dot_general(&self, other: impl Into<Tensor>, dims: DotDims) -> Tensor {
        let location = Location::caller();
        let [a, b] = promote([self, &other.into()], location);
        apply1(Op::DotGeneral { dims }, &[&a, &b], location)
    }

    /// Matrix product with numpy's rules: vectors are rows or columns, leading axes broadcast.
    #[track_caller]
    #[must_use]
    pub fn matmul(&self, other: impl Into<Tensor>) -> Tensor {
        let location = Location::caller();
        let other = other.into();
        settle(matmul(self, &other, location))
    }
}

/// A bound of [`Tensor::clamp`]: bare numbers take the tensor's type, others must have it.
fn convert_weak(x: &Tensor, to: (DType, bool), location: &'static Location<'static>) -> Tensor {
    if x.ty.weak {
        convert(x, (to.0, false), location)
    } else {
        x.clone()
    }
}

/// The lengths that remain once axes are reduced.
fn kept(shape: &[usize], axes: &[usize]) -> Shape {
    shape
        .iter()
        .enumerate()
        .filter(|(a, _)| !axes.contains(a))
        .map(|(_, &n)| n)
        .collect()
}

fn matmul(a: &Tensor, b: &Tensor, location: &'static Location<'static>) -> Result<Tensor, Error> {
    for operand in [a, b] {
        if let Repr::Poisoned(error) = &operand.repr {
            return Err(Error::Shared(error.clone()));
        }
    }
    let error = |detail: &str| -> Error {
        OpError {
            op: "matmul",
            kind: OpErrorKind::shapes([a.ty(), b.ty()], detail),
            location: Some(location),
        }
        .into()
    };
    if a.rank() == 0 || b.rank() == 0 {
        return Err(error("operands need at least one axis; use `*` to scale"));
    }
    let to = promote_all([a.ty(), b.ty()]);
    let (a, b) = (convert(a, to, location), convert(b, to, location));
    let (a_rank, b_rank) = (a.rank(), b.rank());
    let (a_inner, b_inner) = (a_rank - 1, b_rank.saturating_sub(2));
    if a.shape()[a_inner] != b.shape()[b_inner] {
        return Err(error(
            "the last axis of the first must match the second-to-last (or only) axis of the second",
        ));
    }
    // Leading axes broadcast: an axis of length 1 (or missing) on one side is free on the other.
    let a_lead = &a.shape()[..a_rank.saturating_sub(2)];
    let b_lead = &b.shape()[..b_rank.saturating_sub(2)];
    let lead = crate::array::broadcast_shapes([a_lead, b_lead])
        .ok_or_else(|| error("leading axes do not broadcast"))?;
    let full = |x: &Tensor, x_lead: &[usize], matrix: &[usize]| -> Tensor {
        // A vector or a single matrix needs no copies: it takes no part in the batch axes.
        if x_lead.is_empty() || x_lead == &lead[..] {
            x.clone()
        } else {
            let shape: Vec<usize> = lead.iter().chain(matrix).copied().collect();
            super::operators::broadcast_to(x, &shape, location)
        }
    };
    let a = full(&a, a_lead, &a.shape()[a_lead.len()..]);
    let b = full(&b, b_lead, &b.shape()[b_lead.len()..]);
    let batched = lead.len();
    let (a_batch, b_batch) = (a.rank() > batched && !a_lead.is_empty(), !b_lead.is_empty());
    let dims = DotDims {
        lhs_contract: smallvec![a.rank() - 1],
        rhs_contract: smallvec![b.rank().saturating_sub(2)],
        lhs_batch: if a_batch && b_batch {
            (0..batched).collect()
        } else {
            SmallVec::new()
        },
        rhs_batch: if a_batch && b_batch {
            (0..batched).collect()
        } else {
            SmallVec::new()
        },
    };
    let out = apply1(Op::DotGeneral { dims }, &[&a, &b], location);
    if b_batch && !a_batch && a_rank > 1 {
        // dot_general puts the first operand's rows before the second's leading axes: rows move behind them.
        let rank = out.rank();
        let mut permutation: Shape = (1..rank).collect();
        permutation.insert(batched, 0);
        return Ok(apply1(Op::Transpose { permutation }, &[&out], location));
    }
    Ok(out)
}

impl Atom {
    /// Whether this is a literal.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self, Atom::Literal(..))
    }
}
