//! Polynomials by their coefficients, the highest power first.

use super::{atleast_1d, inexact};
use crate::array::DType;
use crate::error::Error;
use crate::tensor::{Tensor, arange, compositions, concatenate};

/// Zeros in front up to a length.
fn lengthened(p: &Tensor, length: usize) -> Result<Tensor, Error> {
    let missing = length - p.shape()[0];
    concatenate([&crate::tensor::zeros(missing, p.dtype()), p], 0)
}

fn both(p: &Tensor, q: &Tensor) -> Result<[Tensor; 2], Error> {
    let (p, q) = (atleast_1d(p), atleast_1d(q));
    let length = p.shape()[0].max(q.shape()[0]);
    Ok([lengthened(&p, length)?, lengthened(&q, length)?])
}

/// The coefficients of every power in a floating type.
fn powers(n: usize, like: &Tensor) -> Tensor {
    (n as i64 - arange(n)).astype(like.dtype())
}

compositions! {
    numpy;
    /// The values of a polynomial.
    [polyval(vec![1, 0, -1], vec![2, 3]) => i32 [3, 8]]
    fn polyval(p, x;) {
        let p = atleast_1d(&p).check()?;
        let mut y = crate::tensor::zeros_like(&x * p.index(0, 0));
        for k in 0..p.shape()[0] {
            y = y * &x + p.index(0, k as isize);
        }
        Ok(y)
    }
    /// The sum of two polynomials.
    [polyadd(vec![1, 2], vec![3]) => i32 [1, 5]]
    fn polyadd(p, q;) {
        let [p, q] = both(&p, &q)?;
        Ok(p + q)
    }
    /// The difference of two polynomials.
    [polysub(vec![1, 2], vec![3]) => i32 [1, -1]]
    fn polysub(p, q;) {
        let [p, q] = both(&p, &q)?;
        Ok(p - q)
    }
    /// The product of two polynomials.
    [polymul(vec![1_i64, 2], vec![3_i64, 4]) => f64 [3.0, 10.0, 8.0]]
    fn polymul(p, q;) { Ok(super::convolve(atleast_1d(p), atleast_1d(q), super::ConvolveMode::Full)) }
    /// The `m`-th derivative of a polynomial.
    [polyder(vec![1.0, 2.0, 3.0], 1) => f64 [2.0, 2.0]]
    fn polyder(p; m: usize) {
        let [mut p] = inexact([&atleast_1d(&p).check()?]);
        for _ in 0..m {
            let n = p.shape()[0];
            if n == 0 {
                break;
            }
            p = p.along(0, 0, n - 1) * powers(n - 1, &p);
        }
        Ok(p)
    }
    /// The `m`-th antiderivative of a polynomial, with constants of integration 0.
    [polyint(vec![2.0, 2.0], 1) => f64 [1.0, 2.0, 0.0]]
    fn polyint(p; m: usize) {
        let mut p = atleast_1d(&p).check()?;
        if !p.dtype().is_inexact() {
            p = p.astype(DType::F64);
        }
        for _ in 0..m {
            let n = p.shape()[0];
            p = concatenate([&p / powers(n, &p), crate::tensor::zeros(1, p.dtype())], 0)?;
        }
        Ok(p)
    }
    /// Angles along an axis with jumps of more than half a period taken out.
    [unwrap(vec![0.0, 2.0, 6.5], 6.0, 0) => f64 [0.0, 2.0, 0.5]]
    fn unwrap(x; period: f64, axis: isize) {
        let x = if x.dtype().is_inexact() { x } else { x.astype(DType::F64) };
        let resolved = super::axis_of("unwrap", axis, x.rank())?;
        let n = x.shape()[resolved];
        let steps = super::diff(&x, 1, axis);
        let half = period / 2.0;
        let wrapped = (&steps + half) % period - half;
        let wrapped = crate::tensor::where_(wrapped.equal(-half) & steps.greater(0.0), half, wrapped);
        let correction = crate::tensor::where_(steps.abs().less(half), 0.0, wrapped - &steps);
        let rest = x.along(resolved, 1.min(n), n) + correction.cumsum(axis, false);
        concatenate([x.along(resolved, 0, 1.min(n)), rest], axis)
    }
}
