//! Modified Bessel functions of the first kind, of order 0 and 1.

use super::float;
use crate::array::DType;
use crate::tensor::{Tensor, compositions, where_};

/// Below: the power series, whose terms are all positive; from there on Hankel's asymptotic expansion.
const SWITCH: f64 = 30.0;

/// `exp(-x) I_n(x)` for `x >= 0` and order 0 or 1, in `f64`.
fn scaled(x: &Tensor, order: f64) -> Tensor {
    let near = x.minimum(SWITCH);
    let quarter = near.square() * 0.25;
    let mut term = crate::tensor::ones_like(&near);
    let mut sum = term.clone();
    for k in 1..90 {
        let k = f64::from(k);
        term = term * &quarter / (k * (k + order));
        sum = sum + &term;
    }
    if order == 1.0 {
        sum = sum * &near * 0.5;
    }
    let series = sum * (-&near).exp();
    let far = x.maximum(SWITCH);
    let mut term = crate::tensor::ones_like(&far);
    let mut sum = term.clone();
    for k in 1..25 {
        let odd = f64::from(2 * k - 1);
        term = term * (odd * odd - 4.0 * order * order) / (&far * (8.0 * f64::from(k)));
        sum = sum + &term;
    }
    let expansion = sum / (&far * std::f64::consts::TAU).sqrt();
    where_(
        x.less(SWITCH),
        series,
        where_(x.equal(f64::INFINITY), 0.0, expansion),
    )
}

/// In `f64` and back.
fn even_or_odd(x: &Tensor, order: f64) -> Tensor {
    let x = float(x);
    let wide = x.astype(DType::F64);
    let value = scaled(&wide.abs(), order);
    let value = if order == 1.0 {
        wide.sign() * value
    } else {
        value
    };
    let value = where_(wide.not_equal(&wide), &wide, value);
    value.astype(x.dtype())
}

compositions! {
    special;
    /// `exp(-|x|)` times [`i0`].
    [i0e(vec![0.0]) => f64 [1.0]]
    fn i0e(x;) { Ok(even_or_odd(&x, 0.0)) }
    /// `exp(-|x|)` times [`i1`].
    [i1e(vec![0.0]) => f64 [0.0]]
    fn i1e(x;) { Ok(even_or_odd(&x, 1.0)) }
    /// The modified Bessel function of the first kind, of order 0.
    [i0(vec![0.0]) => f64 [1.0]]
    fn i0(x;) {
        let x = float(&x);
        Ok(i0e(&x) * x.abs().exp())
    }
    /// The modified Bessel function of the first kind, of order 1.
    [i1(vec![0.0]) => f64 [0.0]]
    fn i1(x;) {
        let x = float(&x);
        Ok(i1e(&x) * x.abs().exp())
    }
}
