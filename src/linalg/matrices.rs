//! Inverses, powers, exponentials and patterns of matrices.

use std::panic::Location;

use super::factor::{log_determinant, lu_solve_transposed};
use super::{lu, square};
use crate::error::{Error, OpError, OpErrorKind};
use crate::special::float;
use crate::tensor::{Tensor, Triangle, compositions, where_};

pub use super::factor::det;

fn refuse(op: &'static str, detail: impl Into<String>) -> Error {
    OpError::at(
        op,
        OpErrorKind::parameter(detail.into()),
        Location::caller(),
    )
    .into()
}

/// The sign of the determinant, and the logarithm of its size.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`] for matrices that are not square.
///
/// ```
/// use elimap::linalg;
/// let (sign, log) = linalg::slogdet(ndarray::array![[0.0, 1.0], [1.0, 0.0]])?;
/// assert_eq!((sign.item::<f64>()?, log.item::<f64>()?), (-1.0, 0.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn slogdet(a: impl Into<Tensor>) -> Result<(Tensor, Tensor), Error> {
    let a = a.into();
    square("slogdet", &a)?;
    let factors = lu(a)?;
    Ok(log_determinant(&factors))
}

compositions! {
    linalg;
    /// The inverse.
    [inv(ndarray::array![[2.0, 0.0], [0.0, 4.0]]) => f64 [0.5, 0.0, 0.0, 0.25]]
    fn inv(a;) {
        let a = float(&a);
        let n = square("inv", &a)?;
        Ok(a.solve(crate::tensor::eye(n, n, 0, a.dtype()).broadcast_to(a.shape())))
    }
    /// The product of a matrix with itself `n` times, of its inverse where `n` is negative.
    [matrix_power(ndarray::array![[1.0, 1.0], [0.0, 1.0]], 5) => f64 [1.0, 5.0, 0.0, 1.0]]
    fn matrix_power(a; n: i32) {
        let size = square("matrix_power", &a)?;
        let mut base = if n < 0 { inv(&a) } else { a.clone() };
        let mut left = n.unsigned_abs();
        let mut out: Option<Tensor> = None;
        while left > 0 {
            if left & 1 == 1 {
                out = Some(out.map_or_else(|| base.clone(), |out| out.matmul(&base)));
            }
            base = base.matmul(&base);
            left >>= 1;
        }
        Ok(out.unwrap_or_else(|| crate::tensor::eye(size, size, 0, a.dtype()).broadcast_to(a.shape())))
    }
    /// The exponential, by a rational approximation of a scaled matrix, squared back (Higham 2005).
    [expm(ndarray::array![[0.0, 1.0], [0.0, 0.0]]) => f64 [1.0, 1.0, 0.0, 1.0]]
    fn expm(a;) {
        const B: [f64; 14] = [
            64_764_752_532_480_000.0, 32_382_376_266_240_000.0, 7_771_770_303_897_600.0, 1_187_353_796_428_800.0,
            129_060_195_264_000.0, 10_559_470_521_600.0, 670_442_572_800.0, 33_522_128_640.0, 1_323_241_920.0,
            40_840_800.0, 960_960.0, 16_380.0, 182.0, 1.0,
        ];
        let a = float(&a);
        let n = square("expm", &a)?;
        // Each matrix is halved until its norm is small, at most 64 times; halving more than needed does no harm.
        let norm = a.abs().sum(-2).max(-1);
        let halvings = where_(norm.greater(5.37), crate::numpy::log2(&norm / 5.37).ceil(), 0.0).clip(0.0, 64.0);
        let scale = crate::numpy::ldexp(crate::tensor::ones_like(&norm), -halvings.astype(crate::array::DType::I64));
        let a = &a * scale.astype(a.dtype()).expand_dims([-2, -1]);
        let one = crate::tensor::eye(n, n, 0, a.dtype()).broadcast_to(a.shape());
        let a2 = a.matmul(&a);
        let a4 = a2.matmul(&a2);
        let a6 = a4.matmul(&a2);
        let odd = a6.matmul(&a6 * B[13] + &a4 * B[11] + &a2 * B[9]) + &a6 * B[7] + &a4 * B[5] + &a2 * B[3] + &one * B[1];
        let u = a.matmul(odd);
        let v = a6.matmul(&a6 * B[12] + &a4 * B[10] + &a2 * B[8]) + &a6 * B[6] + &a4 * B[4] + &a2 * B[2] + &one * B[0];
        let start = (&v - &u).solve(v + u);
        let most = match halvings.max(..).item::<f64>().or_else(|_| halvings.max(..).item::<f32>().map(f64::from)) {
            Ok(known) => known as i64,
            Err(_) => 64,
        };
        let (_, out): (Tensor, Tensor) = crate::tensor::fori_loop(
            0_i64,
            most,
            |k: Tensor, (left, x): (Tensor, Tensor)| {
                let go = left.greater(k).expand_dims([-2, -1]);
                let squared = x.matmul(&x);
                (left, where_(go, squared, x))
            },
            (halvings, start),
        )?;
        Ok(out)
    }
    /// Solves with a Cholesky factor: `a x = b` for `a = l l^T` where `lower`, else for `a = u^T u` (`l l^H` and `u^H u`, of complex
    /// numbers).
    [cho_solve(ndarray::array![[2.0, 0.0], [1.0, 1.0]], vec![4.0, 3.0], true) => f64 [0.5, 1.0]]
    fn cho_solve(factor, b; lower: bool) {
        let vector = b.rank() + 1 == factor.rank();
        let b = if vector { b.expand_dims(-1) } else { b };
        let triangle = Triangle::LOWER.lower(lower);
        let adjoint = factor.conj();
        let (first, second) = if lower { (&factor, &adjoint) } else { (&adjoint, &factor) };
        let y = first.triangular_solve(b, triangle.transpose_a(!lower));
        let x = second.triangular_solve(y, triangle.transpose_a(lower));
        Ok(if vector { x.squeeze(-1) } else { x })
    }
    /// Solves `a^T x = b` by LU factors.
    [solve_transposed(ndarray::array![[1.0, 2.0], [0.0, 1.0]], ndarray::array![[1.0], [3.0]]) => f64 [1.0, 1.0]]
    fn solve_transposed(a, b;) { Ok(lu_solve_transposed(&lu(a)?, &b)) }
    /// The inverse of a tensor as a linear map from its last axes to the first `ind` of them.
    [tensorinv(ndarray::array![[2.0, 0.0], [0.0, 4.0]], 1) => f64 [0.5, 0.0, 0.0, 0.25]]
    fn tensorinv(a; ind: usize) {
        if ind == 0 || ind > a.rank() {
            return Err(refuse("tensorinv", format!("{ind} axes of {} are no side of a linear map", a.ty())));
        }
        let (rows, columns) = a.shape().split_at(ind);
        let n: usize = rows.iter().product();
        let back: Vec<isize> = columns.iter().chain(rows).map(|&n| n as isize).collect();
        Ok(inv(a.reshape([n as isize, -1])).reshape(back))
    }
    /// Solves the equation that a tensor as a linear map of its last axes makes with `b`.
    [tensorsolve(ndarray::array![[2.0, 0.0], [0.0, 4.0]], vec![2.0, 8.0]) => f64 [1.0, 2.0]]
    fn tensorsolve(a, b;) {
        let back: Vec<isize> = a.shape()[b.rank()..].iter().map(|&n| n as isize).collect();
        let n = b.ty().size() as isize;
        Ok(a.reshape([n, -1]).solve(b.reshape([-1])).reshape(back))
    }
    /// The matrix whose diagonals are constant, by its first column and first row.
    [toeplitz(vec![1, 2], vec![1, 3, 4]) => i32 [1, 3, 4, 2, 1, 3]]
    fn toeplitz(column, row;) {
        let (n, m) = (column.shape()[0], row.shape()[0]);
        let values = crate::tensor::concatenate([column.flip(0), row.i(1..)], 0)?;
        let at = (n as i64 - 1 - crate::tensor::arange(n)).expand_dims(1) + crate::tensor::arange(m);
        Ok(values.take(at, 0, crate::tensor::TakeMode::Clip))
    }
    /// Solves tridiagonal systems: `lower`, `diagonal` and `upper` along the last axis, the first of `lower` and the last of `upper`
    /// unused, and one column of `b` for each right-hand side.
    [tridiagonal_solve(vec![0.0, 1.0], vec![2.0, 2.0], vec![1.0, 0.0], ndarray::array![[3.0], [3.0]]).round() => f64 [1.0, 1.0]]
    fn tridiagonal_solve(lower, diagonal, upper, b;) {
        // Elimination downwards, then back (Thomas); time is in front.
        let front = |x: &Tensor| x.moveaxis(-1, 0);
        let b = b.moveaxis(-2, 0);
        let (l, d, u) = (front(&lower), front(&diagonal), front(&upper));
        type Row = (Tensor, Tensor);
        let zero = crate::tensor::zeros_like(d.index(0, 0));
        let start = (zero, crate::tensor::zeros_like(b.index(0, 0)));
        let (_, (c, y)): (Row, Row) = crate::tensor::scan(
            |(c, y): Row, (l, d, u, b): (Tensor, Tensor, Tensor, Tensor)| {
                let pivot = d - &l * c;
                let c = u / &pivot;
                let y = (b - l.expand_dims(-1) * y) / pivot.expand_dims(-1);
                ((c.clone(), y.clone()), (c, y))
            },
            start,
            (l, d, u, b),
            crate::tensor::ScanOptions::default(),
        )?;
        let (_, x): (Tensor, Tensor) = crate::tensor::scan(
            |x: Tensor, (c, y): Row| {
                let x = y - c.expand_dims(-1) * x;
                (x.clone(), x)
            },
            crate::tensor::zeros_like(y.index(0, 0)),
            (c, y),
            crate::tensor::ScanOptions::default().reverse(true),
        )?;
        Ok(x.moveaxis(0, -2))
    }
}

/// The product of several matrices, in the order that costs least; the first and the last may be vectors.
///
/// # Errors
///
/// [`OpErrorKind::ShapeMismatch`] where neighbours do not fit, [`OpErrorKind::InvalidParameter`] for none at all.
///
/// ```
/// use elimap::linalg;
/// let a = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
/// let y = linalg::multi_dot([&a, &a, &a])?;
/// assert_eq!(y.to_vec::<f64>()?, [37.0, 54.0, 81.0, 118.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn multi_dot<T: Into<Tensor>>(matrices: impl IntoIterator<Item = T>) -> Result<Tensor, Error> {
    let mut all: Vec<Tensor> = matrices.into_iter().map(Into::into).collect();
    for x in &all {
        x.clone().check()?;
    }
    // The neighbours whose product is least work first: good, and for three matrices the best there is.
    while all.len() > 1 {
        let rows = |x: &Tensor| {
            if x.rank() > 1 {
                x.shape()[x.rank() - 2]
            } else {
                1
            }
        };
        let columns = |x: &Tensor| x.shape().last().copied().unwrap_or(1);
        let cost = |k: &usize| {
            let (a, b) = (&all[*k], &all[*k + 1]);
            let inner = columns(a);
            (inner * columns(b) * rows(a)) as f64 / inner.max(1) as f64 / inner.max(1) as f64
        };
        let k = (0..all.len() - 1)
            .min_by(|a, b| cost(a).total_cmp(&cost(b)))
            .unwrap_or(0);
        let b = all.remove(k + 1);
        all[k] = all[k].matmul(b).check()?;
    }
    all.pop()
        .ok_or_else(|| refuse("multi_dot", "needs at least one matrix"))
}

/// Matrices along the diagonal of a larger one.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`] for none at all.
///
/// ```
/// use elimap::linalg;
/// let y = linalg::block_diag([ndarray::array![[1, 2]], ndarray::array![[3]]])?;
/// assert_eq!(y.to_vec::<i32>()?, [1, 2, 0, 0, 0, 3]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn block_diag<T: Into<Tensor>>(matrices: impl IntoIterator<Item = T>) -> Result<Tensor, Error> {
    let blocks: Vec<Tensor> = matrices
        .into_iter()
        .map(|x| crate::numpy::atleast_2d(x))
        .collect();
    let width: usize = blocks.iter().map(|x| x.shape()[1]).sum();
    let mut before = 0;
    let mut rows = Vec::with_capacity(blocks.len());
    for block in &blocks {
        let block = block.clone().check()?;
        let after = width - before - block.shape()[1];
        rows.push(block.pad(0, [(0, 0, 0), (before as i64, after as i64, 0)]));
        before += block.shape()[1];
    }
    crate::tensor::concatenate(rows, 0)
}
