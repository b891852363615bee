//! 16-bit floats: each operation is computed in `float32` and its results are rounded.
//!
//! For sums, products, quotients and square roots that is the correctly rounded result, since a `float32` has more than twice the
//! digits (S. A. Figueroa, "When is double rounding innocuous?", 1995). Reductions and products of matrices add in `float32` and
//! round once, as XLA does.

use half::{bf16, f16};

use super::{Outputs, eval};
use crate::array::{
    Array, DType, Element, Scalar, TensorType, bf16_from, broadcast_shapes, f16_from,
};
use crate::program::{
    Binary, BinaryOp, BitcastConvertType, ConvertElementType, DataOp, Gather, Iota,
};

/// Whether an operation has 16-bit floats among its operands or makes some.
pub(super) fn concerns(op: &DataOp, inputs: &[Array]) -> bool {
    let made = match op {
        DataOp::ConvertElementType(op) => op.dtype.is_half(),
        DataOp::BitcastConvertType(op) => op.dtype.is_half(),
        DataOp::Iota(op) => op.dtype.is_half(),
        _ => false,
    };
    made || inputs.iter().any(|x| x.dtype().is_half())
}

/// Evaluates an operation that [`concerns`] 16-bit floats.
pub(super) fn eval_half(op: &DataOp, inputs: &[Array]) -> Outputs<Array> {
    let types: Vec<TensorType> = inputs.iter().map(Array::ty).collect();
    let results = op.rules().infer(&types).unwrap_or_default();
    let wide: Vec<Array> = inputs.iter().map(widened).collect();
    let op = match op {
        DataOp::ConvertElementType(op) => {
            let source = &wide[0];
            return [convert(source, op.dtype)].into_iter().collect();
        }
        DataOp::BitcastConvertType(op) => return bitcast(op.dtype, &inputs[0]),
        DataOp::Binary(Binary {
            kind: BinaryOp::Nextafter,
        }) => return [next_after(&inputs[0], &inputs[1])].into_iter().collect(),
        DataOp::Iota(op) => Iota {
            dtype: DType::F32,
            ..op.clone()
        }
        .into(),
        DataOp::Gather(op) => Gather {
            fill: op.fill.map(widened_scalar),
            ..op.clone()
        }
        .into(),
        op => op.clone(),
    };
    let outputs = eval(&op, &wide);
    let narrowed = outputs.into_iter().zip(results);
    narrowed
        .map(|(x, ty)| {
            if ty.dtype.is_half() {
                convert(&x, ty.dtype)
            } else {
                x
            }
        })
        .collect()
}

fn map<S: Element, T: Element>(x: &Array, f: impl Fn(S) -> T) -> Array {
    let elements = x.elements::<S>();
    Array::from_elements(x.shape(), elements.iter().map(|&e| f(e)).collect())
}

/// 16-bit floats as `float32`, anything else as it is.
fn widened(x: &Array) -> Array {
    match x.dtype() {
        DType::F16 => map(x, f16::to_f32),
        DType::BF16 => map(x, bf16::to_f32),
        _ => x.clone(),
    }
}

fn widened_scalar(x: Scalar) -> Scalar {
    match x {
        Scalar::F16(x) => x.to_f32().into(),
        Scalar::BF16(x) => x.to_f32().into(),
        other => other,
    }
}

/// Conversion of what is no 16-bit float, to any type: 64-bit floats are rounded once.
fn convert(x: &Array, dtype: DType) -> Array {
    if !dtype.is_half() {
        let op = ConvertElementType { dtype, weak: false };
        return eval(&op.into(), std::slice::from_ref(x)).swap_remove(0);
    }
    let from = if x.dtype() == DType::F32 {
        DType::F32
    } else {
        DType::F64
    };
    let x = &convert(x, from);
    match (from, dtype) {
        (DType::F32, DType::F16) => map(x, f16::from_f32),
        (DType::F32, _) => map(x, bf16::from_f32),
        (_, DType::F16) => map(x, f16_from),
        (..) => map(x, bf16_from),
    }
}

/// 16-bit floats and the integers of their bits.
fn bitcast(to: DType, x: &Array) -> Outputs<Array> {
    let bits = match x.dtype() {
        DType::F16 => map(x, f16::to_bits),
        DType::BF16 => map(x, bf16::to_bits),
        _ => x.clone(),
    };
    let through = if to.is_half() { DType::U16 } else { to };
    let cast = eval(&BitcastConvertType { dtype: through }.into(), &[bits]);
    let named = cast.into_iter().map(|x| match to {
        DType::F16 => map(&x, f16::from_bits),
        DType::BF16 => map(&x, bf16::from_bits),
        _ => x,
    });
    named.collect()
}

/// The neighbours of elements in the direction of others.
fn next_after(x: &Array, toward: &Array) -> Array {
    let shape = broadcast_shapes([x.shape(), toward.shape()]).unwrap_or_default();
    let [from, to] = [x, toward].map(|x| widened(&x.broadcast_to(&shape)));
    let is_f16 = x.dtype() == DType::F16;
    let bits = |x: f32| {
        if is_f16 {
            f16::from_f32(x).to_bits()
        } else {
            bf16::from_f32(x).to_bits()
        }
    };
    let next = |from: f32, to: f32| {
        let bits = bits(from);
        if from.is_nan() || to.is_nan() {
            bits_of_nan(is_f16)
        } else if from == to {
            // Of two zeros, the target's.
            if from == 0.0 {
                (u16::from(to.is_sign_negative())) << 15
            } else {
                bits
            }
        } else if from == 0.0 {
            1 | u16::from(to < 0.0) << 15
        } else if (to > from) == (from > 0.0) {
            bits + 1
        } else {
            bits - 1
        }
    };
    let (starts, targets) = (from.elements::<f32>(), to.elements::<f32>());
    let stepped = starts
        .iter()
        .zip(targets.iter())
        .map(|(&from, &to)| next(from, to));
    let stepped = Array::from_elements(&shape, stepped.collect());
    if is_f16 {
        map(&stepped, f16::from_bits)
    } else {
        map(&stepped, bf16::from_bits)
    }
}

fn bits_of_nan(is_f16: bool) -> u16 {
    if is_f16 {
        f16::NAN.to_bits()
    } else {
        bf16::NAN.to_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testkit::run1;
    use crate::program::{Op, Unary, UnaryOp};

    fn halves(values: &[f64]) -> Array {
        Array::from(values.iter().map(|&x| f16_from(x)).collect::<Vec<_>>())
    }

    #[test]
    fn every_sum_and_product_is_the_rounded_one() {
        // Exact in f64, then rounded once.
        let numbers: Vec<f64> = (0..2000_u32)
            .map(|i| f16::from_bits((i.wrapping_mul(2_654_435_761) >> 16) as u16))
            .filter(|x| x.is_finite())
            .map(f64::from)
            .collect();
        let (x, y) = (
            halves(&numbers),
            halves(&numbers.iter().rev().copied().collect::<Vec<_>>()),
        );
        for (kind, exact) in [
            (BinaryOp::Add, (|a, b| a + b) as fn(f64, f64) -> f64),
            (BinaryOp::Mul, |a, b| a * b),
        ] {
            let got = run1(&Op::from(Binary { kind }), &[x.clone(), y.clone()]);
            let pairs = numbers.iter().zip(numbers.iter().rev());
            let want: Vec<f64> = pairs.map(|(&a, &b)| exact(a, b)).collect();
            assert!(got.identical(&halves(&want)), "{kind:?}");
        }
    }

    #[test]
    fn the_next_number_is_one_bit_away() {
        let kind = BinaryOp::Nextafter;
        let next =
            |x: &[f64], to: &[f64]| run1(&Op::from(Binary { kind }), &[halves(x), halves(to)]);
        let got = next(
            &[1.0, 1.0, 0.0, 0.0, -1.0, 2.0],
            &[2.0, 0.0, 1.0, -1.0, 0.0, 2.0],
        );
        let tiny = 2.0_f64.powi(-24);
        let want = [
            1.0 + 2.0_f64.powi(-10),
            1.0 - 2.0_f64.powi(-11),
            tiny,
            -tiny,
            -1.0 + 2.0_f64.powi(-11),
            2.0,
        ];
        assert_eq!(got, halves(&want));
    }

    #[test]
    fn wide_numbers_are_rounded_once() {
        // Halfway between two float16 after a rounding to float32, and above it before.
        let x = Array::from(vec![1.0 + 2.0_f64.powi(-11) + 2.0_f64.powi(-40)]);
        let op = ConvertElementType {
            dtype: DType::F16,
            weak: false,
        };
        assert_eq!(
            run1(&Op::from(op), &[x]),
            halves(&[1.0 + 2.0_f64.powi(-10)])
        );
    }

    #[test]
    fn functions_keep_the_type() {
        let op = Op::from(Unary { kind: UnaryOp::Exp });
        let got = run1(&op, &[Array::from(vec![bf16::from_f32(1.0)])]);
        assert_eq!(got, Array::from(vec![bf16::from_f32(1.0_f32.exp())]));
    }
}
