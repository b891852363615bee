//! Floats with fewer bits: `reduce_precision`.

use smallvec::smallvec;

use crate::array::{Array, DType, TensorType};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::derivative::{linear_jvp, linear_transpose};
use crate::ops::rule::{
    Batched, DataRules, Derivative, Emit, LinearInput, Outputs, Rules, Tangents, expect_operands,
    unary_batch,
};
use crate::program::text::{Given, Shown};
use crate::program::{Atom, Op, ReducePrecision};

impl Rules for ReducePrecision {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        expect_operands(inputs, 1)?;
        if !inputs[0].dtype.is_float() {
            return Err(OpErrorKind::dtypes(inputs, "only floats have a precision"));
        }
        if self.exponent_bits == 0 || self.exponent_bits > 11 {
            let found = self.exponent_bits;
            return Err(OpErrorKind::parameter(format!(
                "exponents have 1 to 11 bits, not {found}"
            )));
        }
        Ok(smallvec![inputs[0].clone()])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        unary_batch(cx, inputs, |dim| (self.clone(), dim))
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("exponent_bits", self.exponent_bits.to_string())
            .show("mantissa_bits", self.mantissa_bits.to_string());
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        Ok(ReducePrecision {
            exponent_bits: given.number("exponent_bits")?,
            mantissa_bits: given.number("mantissa_bits")?,
        }
        .into())
    }
}

impl DataRules for ReducePrecision {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        let (e, m) = (self.exponent_bits, self.mantissa_bits);
        let x = &inputs[0];
        smallvec![match x.dtype() {
            // Narrower ones come here as these.
            DType::F32 => {
                let round = |&x: &f32| rounded_single(x, e, m);
                Array::from_elements(x.shape(), x.elements::<f32>().iter().map(round).collect())
            }
            _ => {
                let round = |&x: &f64| rounded_double(x, e, m);
                Array::from_elements(x.shape(), x.elements::<f64>().iter().map(round).collect())
            }
        }]
    }
}

// JAX rounds tangents and cotangents as it rounds values.
impl Derivative for ReducePrecision {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        _primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_jvp(cx, self.clone(), tangents)
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_transpose(cx, cotangents, inputs, |cx, ct, _| {
            cx.emit1(self.clone(), smallvec![ct])
        })
    }
}

macro_rules! rounding {
    ($($name:ident $float:ident $bits:ident $digits:literal $exponent:literal;)*) => {$(
        /// Rounded to the nearest with so many bits of the mantissa, of two the even one; infinite above what the exponent reaches, zero
        /// below its least normal number.
        fn $name(x: $float, exponent_bits: u32, mantissa_bits: u32) -> $float {
            if !x.is_finite() || x == 0.0 {
                return x;
            }
            let mut x = x;
            if mantissa_bits < $digits {
                let dropped = $digits - mantissa_bits;
                let bits = x.to_bits();
                // A carry out of the mantissa goes on into the exponent, as it should.
                let half = (1 as $bits) << (dropped - 1);
                let odd = bits >> dropped & 1;
                x = $float::from_bits((bits + (half - 1) + odd) >> dropped << dropped);
            }
            if exponent_bits < $exponent {
                let bias: i32 = (1 << ($exponent - 1)) - 1;
                let reach: i32 = (1 << (exponent_bits - 1)) - 1;
                let exponent = (x.to_bits() << 1 >> ($digits + 1)) as i32 - bias;
                if exponent > reach {
                    x = $float::INFINITY.copysign(x);
                } else if exponent <= -reach {
                    x = (0.0 as $float).copysign(x);
                }
            }
            x
        }
    )*};
}
rounding! {
    rounded_single f32 u32 23 8;
    rounded_double f64 u64 52 11;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_even_and_ends_at_the_exponents_reach() {
        // Of float16, whose conversions are known.
        for x in [
            1.0 / 3.0,
            -2.0 / 3.0,
            65519.0,
            65520.0,
            -1e6,
            6.2e-5,
            1.0 + 1.0 / 2048.0,
            1.0 + 3.0 / 2048.0,
        ] {
            let narrow = f64::from(half::f16::from_f64(x));
            assert_eq!(rounded_double(x, 5, 10), narrow, "{x}");
            let single = f32::from(half::f16::from_f32(x as f32));
            assert_eq!(rounded_single(x as f32, 5, 10), single, "{x}");
        }
        // Numbers below the least normal one are zeros with their sign.
        assert_eq!(rounded_double(-6e-5, 5, 10).to_bits(), (-0.0_f64).to_bits());
        assert!(rounded_double(f64::NAN, 2, 1).is_nan());
        assert_eq!(rounded_double(f64::INFINITY, 2, 1), f64::INFINITY);
        assert_eq!(rounded_double(0.3, 11, 52), 0.3);
        assert_eq!(rounded_double(f64::MAX, 11, 3), f64::INFINITY);
        assert_eq!(rounded_single(1.5, 8, 0), 2.0);
    }
}
