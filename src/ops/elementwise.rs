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

use kernels::{map, map_slices, zip, zip_slices};
use slices::{binary_slice, unary_slice};

use crate::array::{
    Array, DType, Data, Element, TensorType, dispatch_kernel, dispatch_kernel_dtype,
    without_kernels,
};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::math::{Arith, Bits, ConvertFrom, Float, Integer, Number, square};
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
    match x.data() {
        Data::Bool(a) => match kind {
            UnaryOp::Not => map(a, Bits::not),
            _ => excluded(kind.name(), DType::Bool),
        },
        Data::U8(a) => unary_integer(kind, a),
        Data::U16(a) => unary_integer(kind, a),
        Data::U32(a) => unary_integer(kind, a),
        Data::U64(a) => unary_integer(kind, a),
        Data::I8(a) => unary_integer(kind, a),
        Data::I16(a) => unary_integer(kind, a),
        Data::I32(a) => unary_integer(kind, a),
        Data::I64(a) => unary_integer(kind, a),
        Data::BF16(_) | Data::F16(_) | Data::C64(_) | Data::C128(_) => without_kernels(),
        Data::F32(a) => unary_float(kind, a),
        Data::F64(a) => unary_float(kind, a),
    }
}

fn unary_integer<T: Integer>(kind: UnaryOp, a: &Typed<T>) -> Array {
    match kind {
        UnaryOp::Neg => map(a, T::neg),
        UnaryOp::Abs => map(a, T::abs),
        UnaryOp::Sign => map(a, T::sign),
        UnaryOp::Square => map(a, square),
        UnaryOp::Not => map(a, T::not),
        UnaryOp::PopulationCount => map(a, T::population_count),
        UnaryOp::Clz => map(a, T::clz),
        _ => excluded(kind.name(), T::DTYPE),
    }
}

fn unary_float<T: Float>(kind: UnaryOp, a: &Typed<T>) -> Array {
    if kind == UnaryOp::IsFinite {
        return map(a, T::is_finite);
    }
    map_slices(a, |input, output| {
        if !unary_slice(kind, input, output) {
            excluded(kind.name(), T::DTYPE);
        }
    })
}

pub(crate) fn eval_binary(kind: BinaryOp, x: &Array, y: &Array) -> Array {
    match (x.data(), y.data()) {
        (Data::Bool(a), Data::Bool(b)) => binary_bool(kind, a, b),
        (Data::U8(a), Data::U8(b)) => binary_integer(kind, a, b),
        (Data::U16(a), Data::U16(b)) => binary_integer(kind, a, b),
        (Data::U32(a), Data::U32(b)) => binary_integer(kind, a, b),
        (Data::U64(a), Data::U64(b)) => binary_integer(kind, a, b),
        (Data::I8(a), Data::I8(b)) => binary_integer(kind, a, b),
        (Data::I16(a), Data::I16(b)) => binary_integer(kind, a, b),
        (Data::I32(a), Data::I32(b)) => binary_integer(kind, a, b),
        (Data::I64(a), Data::I64(b)) => binary_integer(kind, a, b),
        (Data::F32(a), Data::F32(b)) => binary_float(kind, a, b),
        (Data::F64(a), Data::F64(b)) => binary_float(kind, a, b),
        _ => unreachable!(
            "the type rule of {} does not admit {} with {}",
            kind.name(),
            x.dtype(),
            y.dtype()
        ),
    }
}

#[inline(always)]
fn less<T: Arith>(x: T, y: T) -> bool {
    x < y
}

#[inline(always)]
fn less_or_equal<T: Arith>(x: T, y: T) -> bool {
    x <= y
}

/// What every element type has; `None` for the operations that not all have.
fn binary_common<T: Arith>(kind: BinaryOp, a: &Typed<T>, b: &Typed<T>) -> Option<Array> {
    use BinaryOp as B;
    Some(match kind {
        B::Add => zip(a, b, T::add),
        B::Mul => zip(a, b, T::mul),
        B::Max => zip(a, b, T::max),
        B::Min => zip(a, b, T::min),
        B::Eq => zip(a, b, |x, y| x == y),
        B::Ne => zip(a, b, |x, y| x != y),
        B::Lt => zip(a, b, less),
        B::Le => zip(a, b, less_or_equal),
        // The same loops with the operands exchanged.
        B::Gt => zip(b, a, less),
        B::Ge => zip(b, a, less_or_equal),
        B::Sub | B::Div | B::Rem | B::Pow | B::Atan2 | B::Nextafter | B::Polygamma | B::Complex => {
            return None;
        }
        B::And | B::Or | B::Xor | B::ShiftLeft | B::ShiftRightArithmetic | B::ShiftRightLogical => {
            return None;
        }
    })
}

/// `None` for the operations that are not bitwise.
fn binary_bits<T: Bits>(kind: BinaryOp, a: &Typed<T>, b: &Typed<T>) -> Option<Array> {
    Some(match kind {
        BinaryOp::And => zip(a, b, T::and),
        BinaryOp::Or => zip(a, b, T::or),
        BinaryOp::Xor => zip(a, b, T::xor),
        _ => return None,
    })
}

/// `None` for the operations that are not arithmetic of numbers.
fn binary_number<T: Number>(kind: BinaryOp, a: &Typed<T>, b: &Typed<T>) -> Option<Array> {
    Some(match kind {
        BinaryOp::Sub => zip(a, b, T::sub),
        BinaryOp::Div => zip(a, b, T::div),
        BinaryOp::Rem => zip(a, b, T::rem),
        BinaryOp::Pow => zip(a, b, T::pow),
        _ => return None,
    })
}

fn binary_bool(kind: BinaryOp, a: &Typed<bool>, b: &Typed<bool>) -> Array {
    binary_common(kind, a, b)
        .or_else(|| binary_bits(kind, a, b))
        .unwrap_or_else(|| excluded(kind.name(), DType::Bool))
}

fn binary_integer<T: Integer>(kind: BinaryOp, a: &Typed<T>, b: &Typed<T>) -> Array {
    let shared = || {
        binary_common(kind, a, b)
            .or_else(|| binary_number(kind, a, b))
            .or_else(|| binary_bits(kind, a, b))
    };
    match kind {
        BinaryOp::ShiftLeft => zip(a, b, T::shift_left),
        BinaryOp::ShiftRightArithmetic => zip(a, b, T::shift_right_arithmetic),
        BinaryOp::ShiftRightLogical => zip(a, b, T::shift_right_logical),
        _ => shared().unwrap_or_else(|| excluded(kind.name(), T::DTYPE)),
    }
}

fn binary_float<T: Float>(kind: BinaryOp, a: &Typed<T>, b: &Typed<T>) -> Array {
    match kind {
        BinaryOp::Pow | BinaryOp::Atan2 => zip_slices(a, b, |left, right, output| {
            binary_slice(kind, left, right, output);
        }),
        BinaryOp::Nextafter => zip(a, b, T::nextafter),
        BinaryOp::Polygamma => zip(a, b, T::polygamma),
        _ => binary_common(kind, a, b)
            .or_else(|| binary_number(kind, a, b))
            .unwrap_or_else(|| excluded(kind.name(), T::DTYPE)),
    }
}

pub(crate) fn eval_integer_pow(y: i32, x: &Array) -> Array {
    fn power<T: Number>(a: &Typed<T>, y: i32) -> Array {
        // Exponents known to the compiler leave a loop without inner loop, which becomes vector code.
        match y {
            2 => map(a, square),
            3 => map(a, |x| x.integer_pow(3)),
            4 => map(a, |x| x.integer_pow(4)),
            -1 => map(a, |x| x.integer_pow(-1)),
            _ => map(a, |x| x.integer_pow(y)),
        }
    }
    match x.data() {
        Data::Bool(_) => excluded("integer_pow", DType::Bool),
        Data::U8(a) => power(a, y),
        Data::U16(a) => power(a, y),
        Data::U32(a) => power(a, y),
        Data::U64(a) => power(a, y),
        Data::I8(a) => power(a, y),
        Data::I16(a) => power(a, y),
        Data::I32(a) => power(a, y),
        Data::I64(a) => power(a, y),
        Data::BF16(_) | Data::F16(_) | Data::C64(_) | Data::C128(_) => without_kernels(),
        Data::F32(a) => power(a, y),
        Data::F64(a) => power(a, y),
    }
}

pub(crate) fn eval_convert(dtype: DType, x: &Array) -> Array {
    fn convert<S: Element, T: ConvertFrom<S>>(a: &Typed<S>) -> Array {
        map(a, T::convert_from)
    }
    if x.dtype() == dtype {
        return x.clone();
    }
    dispatch_kernel!(x.data(), a => dispatch_kernel_dtype!(dtype, T => convert::<_, T>(a)))
}
