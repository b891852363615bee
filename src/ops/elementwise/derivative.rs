//! Derivatives of elementwise operations.
//!
//! A tangent is multiplied by a factor that is made of primal values alone, so that what is linear in the tangent is one
//! equation. At kinks and ties the factors are JAX's: 1 for `abs` at 0, halves where `max` or `min` meet equal operands.

use smallvec::smallvec;

use crate::array::TensorType;
use crate::error::{Error, OpErrorKind};
use crate::ops::derivative::{all_zero, linear_transpose, not_linear};
use crate::ops::rule::{Derivative, LinearInput, Outputs, Tangents};
use crate::program::{
    Atom, Binary, BinaryOp, Clamp, ConvertElementType, IntegerPow, SelectN, Unary, UnaryOp,
};

impl Derivative for Unary {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(tangent) = tangents[0] else {
            return Ok(all_zero(1));
        };
        Ok(smallvec![unary_jvp(
            cx, self.kind, primals[0], results[0], tangent
        )?])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        match self.kind {
            UnaryOp::Neg => linear_transpose(cx, cotangents, inputs, |cx, ct, _| cx.neg(ct)),
            // Transposes pair without conjugation, as JAX's do.
            UnaryOp::Real => linear_transpose(cx, cotangents, inputs, |cx, ct, _| {
                let zero = cx.number(ct, 0.0);
                cx.binary(BinaryOp::Complex, ct, zero)
            }),
            UnaryOp::Imag => linear_transpose(cx, cotangents, inputs, |cx, ct, _| {
                let (zero, negated) = (cx.number(ct, 0.0), cx.neg(ct)?);
                cx.binary(BinaryOp::Complex, zero, negated)
            }),
            UnaryOp::Conj => linear_transpose(cx, cotangents, inputs, |cx, ct, ty| {
                let real = !ty.dtype.is_complex();
                cx.unary(if real { UnaryOp::Real } else { UnaryOp::Conj }, ct)
            }),
            _ => not_linear(cx, *self, inputs),
        }
    }
}

/// The tangent of `y = kind(x)`; `None` where it is zero whatever `x` is.
fn unary_jvp(
    cx: &mut dyn Tangents,
    kind: UnaryOp,
    x: Atom,
    y: Atom,
    tangent: Atom,
) -> Result<Option<Atom>, Error> {
    use UnaryOp as U;
    let one = cx.number(x, 1.0);
    let factor = match kind {
        U::Neg => return cx.neg(tangent).map(Some),
        U::Abs if cx.atom_type(&x).dtype.is_complex() => {
            return complex_size(cx, x, y, tangent).map(Some);
        }
        U::Abs => {
            let zero = cx.number(x, 0.0);
            let positive = cx.binary(BinaryOp::Ge, x, zero)?;
            let negated = cx.neg(tangent)?;
            return cx.select(positive, tangent, negated).map(Some);
        }
        U::Log => return cx.div(tangent, x).map(Some),
        U::Log1p => {
            let shifted = cx.add(x, one)?;
            return cx.div(tangent, shifted).map(Some);
        }
        U::Atan => {
            let square = cx.square(x)?;
            let denominator = cx.add(square, one)?;
            return cx.div(tangent, denominator).map(Some);
        }
        U::Sign if cx.atom_type(&x).dtype.is_complex() => {
            return complex_sign(cx, x, y, tangent).map(Some);
        }
        U::Sign | U::Floor | U::Ceil | U::RoundHalfAway | U::RoundHalfEven => return Ok(None),
        U::IsFinite | U::Not | U::PopulationCount | U::Clz => return Ok(None),
        U::Real | U::Imag | U::Conj => return cx.unary(kind, tangent).map(Some),
        U::Exp => y,
        U::Exp2 => scaled(cx, y, std::f64::consts::LN_2)?,
        U::Expm1 => cx.add(y, one)?,
        U::Sin => cx.unary(U::Cos, x)?,
        U::Cos => {
            let sine = cx.unary(U::Sin, x)?;
            cx.neg(sine)?
        }
        U::Tan => {
            let square = cx.square(y)?;
            cx.add(square, one)?
        }
        U::Asin => reciprocal_root(cx, x, one, BinaryOp::Sub)?,
        U::Acos => {
            let root = reciprocal_root(cx, x, one, BinaryOp::Sub)?;
            cx.neg(root)?
        }
        U::Asinh => {
            let square = cx.square(x)?;
            let sum = cx.add(square, one)?;
            cx.unary(U::Rsqrt, sum)?
        }
        // The root of a product is not the product of roots where real parts are negative.
        U::Acosh if cx.atom_type(&x).dtype.is_complex() => {
            let (above, below) = (cx.add(x, one)?, cx.sub(x, one)?);
            let roots = [cx.unary(U::Rsqrt, above)?, cx.unary(U::Rsqrt, below)?];
            cx.mul(roots[0], roots[1])?
        }
        U::Acosh => {
            let square = cx.square(x)?;
            let difference = cx.sub(square, one)?;
            cx.unary(U::Rsqrt, difference)?
        }
        U::Atanh => {
            let above = cx.add(x, one)?;
            let above = cx.div(one, above)?;
            let below = cx.sub(one, x)?;
            cx.div(above, below)?
        }
        U::Sinh => cx.unary(U::Cosh, x)?,
        U::Cosh => cx.unary(U::Sinh, x)?,
        U::Tanh => {
            let above = cx.add(y, one)?;
            let below = cx.sub(one, y)?;
            cx.mul(above, below)?
        }
        U::Logistic => {
            let rest = cx.sub(one, y)?;
            cx.mul(y, rest)?
        }
        U::Sqrt => {
            let half = cx.number(x, 0.5);
            cx.div(half, y)?
        }
        U::Rsqrt => {
            let quotient = cx.div(y, x)?;
            scaled(cx, quotient, -0.5)?
        }
        U::Cbrt => {
            let power = cx.emit1(IntegerPow { y: -2 }, smallvec![y])?;
            scaled(cx, power, 1.0 / 3.0)?
        }
        U::Square => scaled(cx, x, 2.0)?,
        U::Erf => bell(cx, x, std::f64::consts::FRAC_2_SQRT_PI)?,
        U::Erfc => bell(cx, x, -std::f64::consts::FRAC_2_SQRT_PI)?,
        U::ErfInv => {
            let square = cx.square(y)?;
            let power = cx.unary(U::Exp, square)?;
            scaled(cx, power, std::f64::consts::FRAC_2_SQRT_PI.recip())?
        }
        U::Lgamma => cx.unary(U::Digamma, x)?,
        U::Digamma => cx.binary(BinaryOp::Polygamma, one, x)?,
    };
    cx.mul(tangent, factor).map(Some)
}

/// The tangent of a complex number's size: the real part of the tangent times the conjugate of the number's direction.
fn complex_size(cx: &mut dyn Tangents, x: Atom, size: Atom, tangent: Atom) -> Result<Atom, Error> {
    let dtype = cx.atom_type(&x).dtype;
    let size = nonzero(cx, size)?;
    let size = cx.emit1(ConvertElementType { dtype, weak: false }, smallvec![size])?;
    let conjugate = cx.unary(UnaryOp::Conj, x)?;
    let direction = cx.div(conjugate, size)?;
    let product = cx.mul(tangent, direction)?;
    cx.unary(UnaryOp::Real, product)
}

/// The tangent of a complex number's direction: what of the tangent is across it, over the number's size; 0 at 0.
fn complex_sign(cx: &mut dyn Tangents, x: Atom, sign: Atom, tangent: Atom) -> Result<Atom, Error> {
    let dtype = cx.atom_type(&x).dtype;
    let complex = |cx: &mut dyn Tangents, x| {
        cx.emit1(ConvertElementType { dtype, weak: false }, smallvec![x])
    };
    let conjugate = cx.unary(UnaryOp::Conj, sign)?;
    let along = cx.mul(tangent, conjugate)?;
    let along = cx.unary(UnaryOp::Real, along)?;
    let along = complex(cx, along)?;
    let along = cx.mul(along, sign)?;
    let across = cx.sub(tangent, along)?;
    let size = cx.unary(UnaryOp::Abs, x)?;
    let size = nonzero(cx, size)?;
    let size = complex(cx, size)?;
    let moved = cx.div(across, size)?;
    let zero = cx.number(x, 0.0);
    let is_zero = cx.binary(BinaryOp::Eq, x, zero)?;
    cx.select(is_zero, zero, moved)
}

fn scaled(cx: &mut dyn Tangents, x: Atom, by: f64) -> Result<Atom, Error> {
    let by = cx.number(x, by);
    cx.mul(by, x)
}

/// `1 / sqrt(one op x^2)`.
fn reciprocal_root(cx: &mut dyn Tangents, x: Atom, one: Atom, op: BinaryOp) -> Result<Atom, Error> {
    let square = cx.square(x)?;
    let inside = cx.binary(op, one, square)?;
    cx.unary(UnaryOp::Rsqrt, inside)
}

/// `scale * exp(-x^2)`.
fn bell(cx: &mut dyn Tangents, x: Atom, scale: f64) -> Result<Atom, Error> {
    let square = cx.square(x)?;
    let exponent = cx.neg(square)?;
    let power = cx.unary(UnaryOp::Exp, exponent)?;
    scaled(cx, power, scale)
}

impl Derivative for Binary {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let (kind, shape) = (self.kind, cx.shape(results[0]));
        let operands = (primals[0], primals[1], results[0]);
        let mut total = None;
        for (side, &tangent) in [Side::Left, Side::Right].into_iter().zip(tangents) {
            if let Some(tangent) = tangent {
                let term = binary_jvp(cx, kind, operands, side, tangent)?;
                total = cx.sum(total, term)?;
            }
        }
        Ok(smallvec![match total {
            Some(total) => Some(cx.fit(total, &shape)?),
            None => None,
        }])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        use BinaryOp as B;
        let Some(cotangent) = cotangents[0] else {
            return Ok(all_zero(2));
        };
        let known = (inputs[0].known(), inputs[1].known());
        let both: [Option<Atom>; 2] = match (self.kind, known) {
            (B::Add, _) => [Some(cotangent); 2],
            (B::Complex, _) => {
                let imaginary = cx.unary(UnaryOp::Imag, cotangent)?;
                [
                    Some(cx.unary(UnaryOp::Real, cotangent)?),
                    Some(cx.neg(imaginary)?),
                ]
            }
            (B::Sub, (_, None)) => [Some(cotangent), Some(cx.neg(cotangent)?)],
            (B::Sub, _) => [Some(cotangent), None],
            (B::Mul, (None, Some(y))) => [Some(cx.mul(cotangent, y)?), None],
            (B::Mul, (Some(x), None)) => [None, Some(cx.mul(x, cotangent)?)],
            (B::Div, (None, Some(y))) => [Some(cx.div(cotangent, y)?), None],
            (B::Mul | B::Div | B::Rem | B::Pow | B::Max | B::Min | B::Atan2 | B::Nextafter, _)
            | (B::Polygamma | B::And | B::Or | B::Xor | B::ShiftLeft, _)
            | (B::ShiftRightArithmetic | B::ShiftRightLogical, _)
            | (B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge, _) => {
                return not_linear(cx, *self, inputs);
            }
        };
        let mut answer = Outputs::new();
        for (input, cotangent) in inputs.iter().zip(both) {
            answer.push(match (input.linear(), cotangent) {
                (Some(ty), Some(cotangent)) => Some(cx.unbroadcast(cotangent, &ty.shape)?),
                (None, _) | (_, None) => None,
            });
        }
        Ok(answer)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// What the tangent of one operand contributes to that of `z = kind(x, y)`, before it is brought to `z`'s shape.
fn binary_jvp(
    cx: &mut dyn Tangents,
    kind: BinaryOp,
    (x, y, z): (Atom, Atom, Atom),
    side: Side,
    tangent: Atom,
) -> Result<Option<Atom>, Error> {
    use BinaryOp as B;
    let factor = match (kind, side) {
        (B::Add, _) | (B::Sub | B::Rem, Side::Left) => return Ok(Some(tangent)),
        (B::Sub, Side::Right) => return cx.neg(tangent).map(Some),
        (B::Complex, Side::Left) => {
            let zero = cx.number(tangent, 0.0);
            return cx.binary(B::Complex, tangent, zero).map(Some);
        }
        (B::Complex, Side::Right) => {
            let zero = cx.number(tangent, 0.0);
            return cx.binary(B::Complex, zero, tangent).map(Some);
        }
        (B::Mul, Side::Left) => y,
        (B::Mul, Side::Right) => return cx.mul(x, tangent).map(Some),
        (B::Div, Side::Left) => return cx.div(tangent, y).map(Some),
        (B::Div, Side::Right) => {
            let negated = cx.neg(x)?;
            let power = cx.emit1(IntegerPow { y: -2 }, smallvec![y])?;
            cx.mul(negated, power)?
        }
        (B::Rem, Side::Right) => {
            let quotient = cx.div(x, y)?;
            let sign = cx.unary(UnaryOp::Sign, quotient)?;
            let size = cx.unary(UnaryOp::Abs, quotient)?;
            let whole = cx.unary(UnaryOp::Floor, size)?;
            let times = cx.mul(sign, whole)?;
            cx.neg(times)?
        }
        (B::Pow, Side::Left) => {
            let one = cx.number(y, 1.0);
            let less = cx.sub(y, one)?;
            let power = cx.binary(B::Pow, x, less)?;
            cx.mul(y, power)?
        }
        (B::Pow, Side::Right) => {
            let base = nonzero(cx, x)?;
            let log = cx.unary(UnaryOp::Log, base)?;
            cx.mul(log, z)?
        }
        (B::Max | B::Min, Side::Left) => share_of(cx, x, z, y)?,
        (B::Max | B::Min, Side::Right) => share_of(cx, y, z, x)?,
        (B::Atan2, _) => {
            let squares = [cx.square(x)?, cx.square(y)?];
            let norm = cx.add(squares[0], squares[1])?;
            let numerator = match side {
                Side::Left => y,
                Side::Right => cx.neg(x)?,
            };
            cx.div(numerator, norm)?
        }
        (B::Polygamma, Side::Right) => {
            let one = cx.number(x, 1.0);
            let next = cx.add(x, one)?;
            cx.binary(B::Polygamma, next, y)?
        }
        (B::Nextafter, _) | (B::Polygamma, Side::Left) => {
            return cx.refuse(kind, OpErrorKind::NotDifferentiable);
        }
        (B::And | B::Or | B::Xor | B::ShiftLeft, _)
        | (B::ShiftRightArithmetic | B::ShiftRightLogical, _)
        | (B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge, _) => return Ok(None),
    };
    cx.mul(tangent, factor).map(Some)
}

/// `x` with ones in the place of zeros.
fn nonzero(cx: &mut dyn Tangents, x: Atom) -> Result<Atom, Error> {
    let (zero, one) = (cx.number(x, 0.0), cx.number(x, 1.0));
    let is_zero = cx.binary(BinaryOp::Eq, x, zero)?;
    cx.select(is_zero, one, x)
}

/// How much of `z`, the greater or the lesser of `x` and `y`, is `x`: 1, 0, or a half where all are equal.
pub(crate) fn share_of(cx: &mut dyn Tangents, x: Atom, z: Atom, y: Atom) -> Result<Atom, Error> {
    let [zero, one, two] = [0.0, 1.0, 2.0].map(|value| cx.number(z, value));
    let chosen = cx.binary(BinaryOp::Eq, x, z)?;
    let chosen = cx.select(chosen, one, zero)?;
    let tied = cx.binary(BinaryOp::Eq, y, z)?;
    let tied = cx.select(tied, two, one)?;
    cx.div(chosen, tied)
}

impl Derivative for IntegerPow {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let (Some(tangent), x) = (tangents[0], primals[0]) else {
            return Ok(all_zero(1));
        };
        let base = match self.y {
            0 => return Ok(all_zero(1)),
            1 => return Ok(smallvec![Some(tangent)]),
            2 => x,
            y => cx.emit1(
                IntegerPow {
                    y: y.wrapping_sub(1),
                },
                smallvec![x],
            )?,
        };
        let factor = scaled(cx, base, f64::from(self.y))?;
        Ok(smallvec![Some(cx.mul(tangent, factor)?)])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        if self.y == 1 {
            linear_transpose(cx, cotangents, inputs, |_, ct, _| Ok(ct))
        } else {
            not_linear(cx, self.clone(), inputs)
        }
    }
}

impl Derivative for ConvertElementType {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        _primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        if self.dtype.is_inexact() {
            crate::ops::derivative::linear_jvp(cx, self.clone(), tangents)
        } else {
            Ok(all_zero(1))
        }
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let is_float = |ty: &TensorType| ty.dtype.is_inexact();
        if !inputs[0].linear().is_some_and(is_float) {
            return Ok(all_zero(1));
        }
        linear_transpose(cx, cotangents, inputs, |cx, ct, ty| {
            let (dtype, weak) = (ty.dtype, ty.weak);
            cx.emit1(ConvertElementType { dtype, weak }, smallvec![ct])
        })
    }
}

impl Derivative for SelectN {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let ty = cx.atom_type(&results[0]);
        let mut atoms = smallvec![primals[0]];
        for &tangent in &tangents[1..] {
            atoms.push(cx.written(tangent, &ty)?);
        }
        Ok(smallvec![Some(cx.emit1(SelectN, atoms)?)])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(which) = inputs[0].known() else {
            return not_linear(cx, SelectN, inputs);
        };
        let Some(cotangent) = cotangents[0] else {
            return Ok(all_zero(inputs.len()));
        };
        let ty = cx.atom_type(&cotangent);
        let zeros = cx.zeros(&ty)?;
        let cases = inputs.len() - 1;
        let mut answer: Outputs<Option<Atom>> = smallvec![None];
        for case in 0..cases {
            if !inputs[1 + case].is_linear() {
                answer.push(None);
                continue;
            }
            let mut atoms = smallvec![which];
            atoms.extend((0..cases).map(|c| if c == case { cotangent } else { zeros }));
            answer.push(Some(cx.emit1(SelectN, atoms)?));
        }
        Ok(answer)
    }
}

impl Derivative for Clamp {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let (lo, x, hi) = (primals[0], primals[1], primals[2]);
        let shape = cx.shape(results[0]);
        let mut total = None;
        for (operand, &tangent) in tangents.iter().enumerate() {
            let Some(tangent) = tangent else { continue };
            // Where the operand meets a bound the result follows neither; crossed bounds give the upper one.
            let follows = match operand {
                0 => both(cx, (BinaryOp::Gt, lo, x), (BinaryOp::Lt, lo, hi))?,
                1 => both(cx, (BinaryOp::Gt, x, lo), (BinaryOp::Lt, x, hi))?,
                _ => cx.binary(BinaryOp::Lt, hi, x)?,
            };
            let tangent = cx.fit(tangent, &shape)?;
            let zero = cx.number(tangent, 0.0);
            let term = cx.select(follows, tangent, zero)?;
            total = cx.sum(total, Some(term))?;
        }
        Ok(smallvec![total])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        _cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        not_linear(cx, Clamp, inputs)
    }
}

/// Whether two comparisons hold.
fn both(
    cx: &mut dyn Tangents,
    first: (BinaryOp, Atom, Atom),
    second: (BinaryOp, Atom, Atom),
) -> Result<Atom, Error> {
    let first = cx.binary(first.0, first.1, first.2)?;
    let second = cx.binary(second.0, second.1, second.2)?;
    cx.binary(BinaryOp::And, first, second)
}
