//! Operations that treat elements one by one; what lanes need to meet by broadcasting is in [`batch`].
//!
//! Nothing is promoted here: operands have one element type, and equal ranks apart from rank-0 ones (rule N5), which
//! the tensor layer arranges. Which element types an operation takes is said once, by [`unary_takes`] and
//! [`binary_takes`]; evaluation relies on it.

mod batch;
mod block;
mod derivative;
mod kernels;
mod rows;
mod select;
mod slices;
#[cfg(test)]
pub(crate) mod tests;

use ndarray::{ArcArray, IxDyn};
use smallvec::smallvec;

use kernels::{map, zip};

use crate::array::{
    Array, DType, Data, Element, TensorType, dispatch_kernel, dispatch_kernel_dtype,
};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::math::ConvertFrom;
use crate::ops::rule::{Batched, DataRules, Emit, Outputs, Rules, expect_operands, unary_batch};
use crate::ops::shape::addressable;
use crate::program::text::{Given, Shown};
use crate::program::{Binary, BinaryOp, ConvertElementType, IntegerPow, Op, Unary, UnaryOp};

pub(crate) use block::{
    Elementwise, ThenAdd, compare, convert, is_finite, multiply_add, select, spread,
};
pub(crate) use derivative::share_of;
pub(crate) use kernels::elements;
pub(crate) use rows::{RowOp, with_rows};
pub(crate) use slices::Operand;

type Typed<T> = ArcArray<T, IxDyn>;

/// A class of element types.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Any,
    Numbers,
    Integers,
    /// Numbers with an order.
    Real,
    Ordered,
    Inexact,
    Floats,
    Complex,
    /// The types of the parts of complex numbers.
    Parts,
    /// Complex numbers, and those of which complex ones are made.
    Conjugated,
    Bits,
}

impl Takes {
    fn admits(self, dtype: DType) -> bool {
        match self {
            Takes::Any => true,
            Takes::Numbers => dtype != DType::Bool,
            Takes::Integers => dtype.is_integer(),
            Takes::Real => dtype.is_integer() || dtype.is_float(),
            Takes::Ordered => !dtype.is_complex(),
            Takes::Inexact => dtype.is_inexact(),
            Takes::Floats => dtype.is_float(),
            Takes::Complex => dtype.is_complex(),
            Takes::Parts => matches!(dtype, DType::F32 | DType::F64),
            Takes::Conjugated => Takes::Parts.admits(dtype) || dtype.is_complex(),
            Takes::Bits => !dtype.is_inexact(),
        }
    }

    /// What an operand must be, and what to do about one that is not.
    fn detail(self) -> &'static str {
        match self {
            Takes::Any => "any element type is taken",
            Takes::Numbers => {
                "integers or floats are taken; convert bool to an integer type first, or use `not` or `xor`"
            }
            Takes::Integers => "integers are taken; convert the operand to an integer type first",
            Takes::Real => {
                "integers or floats are taken; take the parts of complex numbers, convert bool first"
            }
            Takes::Ordered => {
                "real numbers are taken, which have an order; compare the parts or the sizes of complex numbers"
            }
            Takes::Inexact => {
                "floats and complex numbers are taken; convert the operand to float32 or float64 first"
            }
            Takes::Floats => "floats are taken; convert the operand to float32 or float64 first",
            Takes::Parts => {
                "float32 and float64 are taken; convert both operands to one of them first"
            }
            Takes::Complex | Takes::Conjugated => {
                "complex numbers are taken; convert the operand to complex64 or complex128 first"
            }
            Takes::Bits => "bool or integers are taken; convert the operand first",
        }
    }
}

/// The element types each unary operation takes.
fn unary_takes(kind: UnaryOp) -> Takes {
    use UnaryOp as U;
    match kind {
        U::Neg | U::Abs | U::Sign | U::Square => Takes::Numbers,
        U::Not => Takes::Bits,
        U::PopulationCount | U::Clz => Takes::Integers,
        U::Floor | U::Ceil | U::RoundHalfAway | U::RoundHalfEven | U::Cbrt => Takes::Floats,
        U::Erf | U::Erfc | U::ErfInv | U::Lgamma | U::Digamma | U::IsFinite => Takes::Floats,
        U::Exp | U::Exp2 | U::Expm1 | U::Log | U::Log1p | U::Logistic | U::Sqrt | U::Rsqrt => {
            Takes::Inexact
        }
        U::Sin | U::Cos | U::Tan | U::Asin | U::Acos | U::Atan => Takes::Inexact,
        U::Sinh | U::Cosh | U::Tanh | U::Asinh | U::Acosh | U::Atanh => Takes::Inexact,
        U::Real | U::Imag => Takes::Complex,
        U::Conj => Takes::Conjugated,
    }
}

/// The element types each binary operation takes.
fn binary_takes(kind: BinaryOp) -> Takes {
    use BinaryOp as B;
    match kind {
        // Of bool, `add` is or and `mul` is and, as `+` and `*` have it in JAX (N17).
        B::Add | B::Mul | B::Max | B::Min | B::Eq | B::Ne => Takes::Any,
        B::Lt | B::Le | B::Gt | B::Ge => Takes::Ordered,
        B::Sub | B::Div | B::Pow => Takes::Numbers,
        B::Rem => Takes::Real,
        B::Atan2 | B::Nextafter | B::Polygamma => Takes::Floats,
        B::Complex => Takes::Parts,
        B::And | B::Or | B::Xor => Takes::Bits,
        B::ShiftLeft | B::ShiftRightArithmetic | B::ShiftRightLogical => Takes::Integers,
    }
}

/// Whether the results are truth values.
pub(crate) fn is_comparison(kind: BinaryOp) -> bool {
    use BinaryOp as B;
    matches!(kind, B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge)
}

impl Rules for Unary {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let kind = self.kind;
        expect_operands(inputs, 1)?;
        let x = &inputs[0];
        let takes = unary_takes(kind);
        if !takes.admits(x.dtype) {
            return Err(OpErrorKind::dtypes(inputs, takes.detail()));
        }
        Ok(smallvec![match kind {
            UnaryOp::IsFinite => x.with_dtype(DType::Bool),
            // Of real numbers it makes complex ones, as in JAX.
            UnaryOp::Conj => x.with_dtype(x.dtype.complex()).with_weak(x.weak),
            UnaryOp::Abs | UnaryOp::Real | UnaryOp::Imag =>
                x.with_dtype(x.dtype.real()).with_weak(x.weak),
            _ => x.clone(),
        }])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        unary_batch(cx, inputs, |dim| (*self, dim))
    }

    fn params(&self, shown: &mut Shown<'_>) {
        match self.kind {
            UnaryOp::RoundHalfAway => {
                shown.show("rounding_method", "0");
            }
            UnaryOp::RoundHalfEven => {
                shown.show("rounding_method", "1");
            }
            UnaryOp::Conj => {
                let dtype = shown.results.first().map_or(DType::C128, |ty| ty.dtype);
                shown.show("input_dtype", dtype);
            }
            _ => {}
        }
    }

    fn parse(name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        // Both ways to round are one primitive with a parameter, which JAX shows by its number.
        let kind = if name == "round" {
            let expected = "0 (away from zero) or 1 (to even)";
            Some(given.read(
                "rounding_method",
                expected,
                |value| match &value.to_string()[..] {
                    "0" | "RoundingMethod.AWAY_FROM_ZERO" => Some(UnaryOp::RoundHalfAway),
                    "1" | "RoundingMethod.TO_NEAREST_EVEN" => Some(UnaryOp::RoundHalfEven),
                    _ => None,
                },
            )?)
        } else {
            if name == UnaryOp::Conj.name() {
                given.dtype("input_dtype")?;
            }
            UnaryOp::from_name(name)
        };
        kind.map(Op::from).ok_or_else(|| given.unknown_operation())
    }
}

impl DataRules for Unary {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![eval_unary(self.kind, &inputs[0])]
    }
}

impl Rules for Binary {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let kind = self.kind;
        expect_operands(inputs, 2)?;
        let (x, y) = (&inputs[0], &inputs[1]);
        if x.dtype != y.dtype {
            return Err(OpErrorKind::dtypes(
                inputs,
                "both operands must have one element type; convert one of them first",
            ));
        }
        let takes = binary_takes(kind);
        if !takes.admits(x.dtype) {
            return Err(OpErrorKind::dtypes(inputs, takes.detail()));
        }
        let shape = match (x.rank(), y.rank()) {
            (0, _) => y.shape.clone(),
            (_, 0) => x.shape.clone(),
            (a, b) if a != b => {
                let detail =
                    "operands must have equal ranks or rank 0; add axes of length 1 to the smaller";
                return Err(OpErrorKind::shapes(inputs, detail));
            }
            _ => crate::array::broadcast_shapes([&x.shape[..], &y.shape[..]]).ok_or_else(|| {
                OpErrorKind::shapes(
                    inputs,
                    "along each axis the lengths must be equal or one of them 1",
                )
            })?,
        };
        let ty = TensorType {
            dtype: x.dtype,
            weak: x.weak && y.weak,
            shape,
        };
        addressable(match kind {
            _ if is_comparison(kind) => ty.with_dtype(DType::Bool),
            BinaryOp::Complex => ty.with_dtype(x.dtype.complex()).with_weak(ty.weak),
            _ => ty,
        })
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        batch::batch_binary(cx, *self, inputs)
    }

    fn params(&self, _shown: &mut Shown<'_>) {}

    fn parse(name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        BinaryOp::from_name(name)
            .map(Op::from)
            .ok_or_else(|| given.unknown_operation())
    }
}

impl DataRules for Binary {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![eval_binary(self.kind, &inputs[0], &inputs[1])]
    }
}

impl Rules for IntegerPow {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let y = self.y;
        expect_operands(inputs, 1)?;
        if !Takes::Numbers.admits(inputs[0].dtype) {
            return Err(OpErrorKind::dtypes(inputs, Takes::Numbers.detail()));
        }
        if y < 0 && inputs[0].dtype.is_integer() {
            let detail = format!(
                "integers cannot be raised to the negative power {y}; convert the base to a float first"
            );
            return Err(OpErrorKind::parameter(detail));
        }
        Ok(smallvec![inputs[0].clone()])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        unary_batch(cx, inputs, |dim| (self.clone(), dim))
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown.show("y", self.y.to_string());
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let y = given.number("y")?;
        Ok(IntegerPow { y }.into())
    }
}

impl DataRules for IntegerPow {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![eval_integer_pow(self.y, &inputs[0])]
    }
}

impl Rules for ConvertElementType {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let &Self { dtype, weak } = self;
        expect_operands(inputs, 1)?;
        Ok(smallvec![inputs[0].with_dtype(dtype).with_weak(weak)])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        unary_batch(cx, inputs, |dim| (self.clone(), dim))
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("new_dtype", self.dtype)
            .show("weak_type", self.weak);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let (dtype, weak) = (given.dtype("new_dtype")?, given.boolean("weak_type")?);
        if let Some(result) = given.results.first().filter(|ty| ty.dtype != dtype) {
            return Err(ParseError::mismatch(
                given.at(),
                "the result's element type",
                &dtype,
                &result.dtype,
            ));
        }
        Ok(ConvertElementType { dtype, weak }.into())
    }
}

impl DataRules for ConvertElementType {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![eval_convert(self.dtype, &inputs[0])]
    }
}

/// The end of every branch that [`unary_takes`] and [`binary_takes`] exclude.
#[cold]
pub(super) fn excluded(name: &str, dtype: DType) -> ! {
    unreachable!("the type rule of {name} does not admit {dtype}")
}

pub(crate) fn eval_unary(kind: UnaryOp, x: &Array) -> Array {
    fn of<T: Elementwise>(kind: UnaryOp, a: &Typed<T>) -> Array {
        map(a, |x, out| T::unary(kind, x, out))
    }
    match (kind, x.data()) {
        (UnaryOp::IsFinite, Data::F32(a)) => map(a, is_finite),
        (UnaryOp::IsFinite, Data::F64(a)) => map(a, is_finite),
        (_, data) => dispatch_kernel!(data, a => of(kind, a)),
    }
}

pub(crate) fn eval_binary(kind: BinaryOp, x: &Array, y: &Array) -> Array {
    fn of<T: Elementwise>(kind: BinaryOp, a: &Typed<T>, y: &Array) -> Array {
        let b = typed(y);
        if is_comparison(kind) {
            zip(a, b, |x, y, out| compare(kind, x, y, out))
        } else {
            zip(a, b, |x, y, out| T::binary(kind, x, y, out))
        }
    }
    dispatch_kernel!(x.data(), a => of(kind, a, y))
}

pub(crate) fn eval_integer_pow(y: i32, x: &Array) -> Array {
    fn of<T: Elementwise>(y: i32, a: &Typed<T>) -> Array {
        map(a, |x, out| T::integer_pow(y, x, out))
    }
    dispatch_kernel!(x.data(), a => of(y, a))
}

pub(crate) fn eval_convert(dtype: DType, x: &Array) -> Array {
    fn of<S: Element, T: ConvertFrom<S>>(a: &Typed<S>) -> Array {
        map(a, convert::<S, T>)
    }
    if x.dtype() == dtype {
        return x.clone();
    }
    dispatch_kernel!(x.data(), a => dispatch_kernel_dtype!(dtype, T => of::<_, T>(a)))
}

/// The array as what the type rule says it is.
fn typed<T: Element>(array: &Array) -> &Typed<T> {
    T::unwrap_ref(array.data()).expect("the type rule takes operands of one element type")
}
