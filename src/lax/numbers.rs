//! Numbers made of parts, and arithmetic below the number: upper halves of products and fewer bits.

use std::panic::Location;

use super::refuse;
use crate::array::DType;
use crate::numpy::float;
use crate::program::{BinaryOp, ReducePrecision};
use crate::tensor::{Tensor, apply1, composed, where_};

/// Complex numbers of these real and imaginary parts, which broadcast; both in `float32` or both in `float64`.
///
/// ```
/// use elimap::{lax, num_complex::Complex};
/// let z = lax::complex(vec![1.0, 2.0], 3.0);
/// assert_eq!(z.to_vec::<Complex<f64>>()?, [Complex::new(1.0, 3.0), Complex::new(2.0, 3.0)]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn complex(re: impl Into<Tensor>, im: impl Into<Tensor>) -> Tensor {
    crate::tensor::binary(
        BinaryOp::Complex,
        &float(&re.into()),
        &float(&im.into()),
        Location::caller(),
    )
}

/// The upper half of the product of two integers.
///
/// ```
/// use elimap::lax;
/// let y = lax::mulhi(vec![1_u32 << 31], vec![4_u32]);
/// assert_eq!(y.to_vec::<u32>()?, [2]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn mulhi(x: impl Into<Tensor>, y: impl Into<Tensor>) -> Tensor {
    let (x, y): (Tensor, Tensor) = (x.into(), y.into());
    composed(Location::caller(), || {
        let dtype = x.dtype();
        let wide = |to: DType| {
            let product = x.astype(to) * y.astype(to);
            let high = if to == DType::I64 {
                product.shift_right_arithmetic(32)
            } else {
                product.shift_right_logical(32)
            };
            high.astype(dtype)
        };
        match dtype {
            DType::U8 => Ok((x.astype(DType::U32) * y.astype(DType::U32))
                .shift_right_logical(8)
                .astype(dtype)),
            DType::U16 => Ok((x.astype(DType::U32) * y.astype(DType::U32))
                .shift_right_logical(16)
                .astype(dtype)),
            DType::I8 | DType::I16 => Ok((x.astype(DType::I32) * y.astype(DType::I32))
                .shift_right_arithmetic(8 * dtype.size() as i32)
                .astype(dtype)),
            DType::I32 => Ok(wide(DType::I64)),
            DType::U32 => Ok(wide(DType::U64)),
            DType::U64 => Ok(unsigned_high(&x, &y)),
            DType::I64 => {
                let bits = |x: &Tensor| x.astype(DType::U64);
                let high = unsigned_high(&bits(&x), &bits(&y)).astype(DType::I64);
                // Two's complement: a negative factor counted 2^64 too much.
                let less = where_(x.less(0), &y, 0) + where_(y.less(0), &x, 0);
                Ok(high - less)
            }
            other => Err(refuse(
                "mulhi",
                format!("takes integers, not {}", other.name()),
            )),
        }
    })
}

fn unsigned_high(x: &Tensor, y: &Tensor) -> Tensor {
    let mask = Tensor::from(u64::from(u32::MAX));
    let (a, b) = (x.shift_right_logical(32), x & &mask);
    let (c, d) = (y.shift_right_logical(32), y & &mask);
    let low = &b * &d;
    let middle = &a * &d + low.shift_right_logical(32);
    let cross = &b * &c + (&middle & &mask);
    a * c + middle.shift_right_logical(32) + cross.shift_right_logical(32)
}

/// Floats with fewer bits: rounded to so many bits of the mantissa, infinite beyond so many of the exponent and zero below. Derivatives
/// are rounded in the same way.
///
/// Poisoned ([`OpErrorKind::InvalidParameter`](crate::OpErrorKind)) for what is no float, and for other than 1 to 11 bits of exponent.
///
/// ```
/// use elimap::lax;
/// let y = lax::reduce_precision(vec![1.0 / 3.0, 1e6], 5, 2);
/// assert_eq!(y.to_vec::<f64>()?, [0.3125, f64::INFINITY]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn reduce_precision(x: impl Into<Tensor>, exponent_bits: u32, mantissa_bits: u32) -> Tensor {
    let op = ReducePrecision {
        exponent_bits,
        mantissa_bits,
    };
    apply1(op, &[&x.into()], Location::caller())
}
