//! Triangular factorizations by columns.

use std::panic::Location;

use super::{each, squared_size};
use crate::array::DType;
use crate::error::Error;
use crate::tensor::{TakeMode, Tensor, Triangle, arange, composed, compositions, where_};

/// What [`lu`] finds: both factors in one matrix, and how rows were exchanged.
#[derive(Clone, Debug)]
pub struct Lu {
    /// The upper factor, and below the diagonal the lower one, whose diagonal is ones.
    pub lu: Tensor,
    /// The row each row was exchanged with, in order, as `i32`.
    pub pivots: Tensor,
    /// The order of rows that all exchanges lead to, as `i32`.
    pub permutation: Tensor,
}

/// The LU factors of matrices with rows exchanged for the greatest pivot (partial pivoting). A singular matrix has a zero on
/// the diagonal of its upper factor.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for what is no matrix.
///
/// ```
/// use elimap::linalg;
/// let f = linalg::lu(ndarray::array![[0.0, 2.0], [1.0, 3.0]])?;
/// assert_eq!(f.lu.to_vec::<f64>()?, [1.0, 3.0, 0.0, 2.0]);
/// assert_eq!(f.permutation.to_vec::<i32>()?, [1, 0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn lu(a: impl Into<Tensor>) -> Result<Lu, Error> {
    let mut out = each("lu", &a.into(), one_lu)?.into_iter();
    let mut next = || out.next().unwrap_or_else(|| Tensor::from(f64::NAN));
    Ok(Lu {
        lu: next(),
        pivots: next(),
        permutation: next(),
    })
}

fn one_lu(a: Tensor) -> Result<Vec<Tensor>, Error> {
    let (n, m) = (a.shape()[0], a.shape()[1]);
    let (rows, columns) = (arange(n), arange(m));
    let mut a = a;
    let mut order = rows.clone();
    let mut pivots = Vec::with_capacity(n.min(m));
    for k in 0..n.min(m) {
        let at = k as i64;
        let column = a.index(1, k as isize);
        let size = where_(rows.less(at), -1.0, column.abs());
        let pivot = size.argmax(0);
        let swapped = where_(
            rows.equal(at),
            &pivot,
            where_(rows.equal(&pivot), at, &rows),
        );
        a = a.take(&swapped, 0, TakeMode::Clip);
        order = order.take(&swapped, 0, TakeMode::Clip);
        let row = a.index(0, k as isize);
        let head = row.index(0, k as isize);
        let usable = head.not_equal(0.0);
        let column = a.index(1, k as isize);
        let factors = &column / where_(&usable, &head, 1.0);
        let below = rows.greater(at);
        let factors = where_(&below, &factors, 0.0);
        let rest = where_(columns.greater(at), row, 0.0);
        a = &a - factors.expand_dims(1) * rest.expand_dims(0);
        let here = below.expand_dims(1) & columns.equal(at).expand_dims(0);
        a = where_(here, factors.expand_dims(1), a);
        pivots.push(pivot.astype(DType::I32));
    }
    let pivots = if pivots.is_empty() {
        crate::tensor::zeros(0, DType::I32)
    } else {
        crate::tensor::stack(pivots, 0)?
    };
    Ok(vec![a.check()?, pivots, order.astype(DType::I32)])
}

/// Solves `a x = b` with the factors of `a`; a vector `b` gives a vector.
///
/// ```
/// use elimap::linalg;
/// let f = linalg::lu(ndarray::array![[0.0, 2.0], [1.0, 3.0]])?;
/// assert_eq!(linalg::lu_solve(&f, vec![4.0, 7.0]).to_vec::<f64>()?, [1.0, 2.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn lu_solve(factors: &Lu, b: impl Into<Tensor>) -> Tensor {
    let b = b.into();
    composed(Location::caller(), || {
        let vector = b.rank() + 1 == factors.lu.rank();
        let b = if vector { b.expand_dims(-1) } else { b };
        // One row of the right-hand side for each of the permutation, in every matrix.
        let mut shape = b.shape().to_vec();
        let columns = shape.len() - 1;
        let order = factors.permutation.expand_dims(-1);
        shape[columns] = b.shape()[columns];
        let b = b.take_along_axis(order.broadcast_to(shape), -2, TakeMode::Clip);
        let y = factors
            .lu
            .triangular_solve(b, Triangle::LOWER.unit_diagonal(true));
        let x = factors.lu.triangular_solve(y, Triangle::UPPER);
        Ok(if vector { x.squeeze(-1) } else { x })
    })
}

/// Solves `a^T x = b` with the factors of `a`.
#[track_caller]
pub(super) fn lu_solve_transposed(factors: &Lu, b: &Tensor) -> Tensor {
    composed(Location::caller(), || {
        let y = factors
            .lu
            .triangular_solve(b, Triangle::UPPER.transpose_a(true));
        let x = factors
            .lu
            .triangular_solve(y, Triangle::LOWER.transpose_a(true).unit_diagonal(true));
        // The inverse of an order of rows sorts it.
        let back = factors.permutation.argsort(-1).expand_dims(-1);
        Ok(x.take_along_axis(back.broadcast_to(x.shape()), -2, TakeMode::Clip))
    })
}

/// An orthogonal (unitary, of complex numbers) and an upper triangular factor by Householder's reflections: as many columns as the shorter side has, or with
/// `complete` a square orthogonal factor.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for what is no matrix.
///
/// ```
/// use elimap::linalg;
/// let a = ndarray::array![[3.0, 1.0], [4.0, 2.0]];
/// let (q, r) = linalg::qr(&a, false)?;
/// let error = (q.matmul(&r) - &a).abs().max(..).item::<f64>()?;
/// assert!(error < 1e-15 && (r.i((0, 0)).item::<f64>()? + 5.0).abs() < 1e-15);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn qr(a: impl Into<Tensor>, complete: bool) -> Result<(Tensor, Tensor), Error> {
    let mut out = each("qr", &a.into(), |a| one_qr(a, complete))?;
    let r = out.pop().unwrap_or_else(|| Tensor::from(f64::NAN));
    Ok((out.pop().unwrap_or_else(|| r.clone()), r))
}

fn one_qr(a: Tensor, complete: bool) -> Result<Vec<Tensor>, Error> {
    let (n, m) = (a.shape()[0], a.shape()[1]);
    let rows = arange(n);
    let mut q = crate::tensor::eye(n, n, 0, a.dtype());
    let mut a = a;
    for k in 0..n.min(m) {
        let at = k as i64;
        let column = a.index(1, k as isize);
        let head = column.index(0, k as isize);
        let below = where_(rows.greater(at), &column, 0.0);
        let rest = squared_size(&below).sum(0);
        // Nothing to reflect where all below is zero already, and the diagonal is real.
        let done = match head.dtype().is_complex() {
            true => rest.equal(0.0) & head.imag().equal(0.0),
            false => rest.equal(0.0),
        };
        let length = (squared_size(&head) + &rest).sqrt();
        let target = where_(head.real().less(0.0), &length, -&length);
        let scale = where_(&done, 1.0, &head - &target);
        let v = where_(rows.equal(at), 1.0, below / scale);
        let tau = where_(&done, 0.0, (&target - &head) / where_(&done, 1.0, &target));
        let row = v.conj().expand_dims(0).matmul(&a);
        a = &a - (&v * tau.conj()).expand_dims(1) * row;
        let column = q.matmul(v.expand_dims(1));
        q = &q - column * (v.conj() * tau).expand_dims(0);
    }
    let r = a.triu(0);
    let short = n.min(m);
    let (q, r) = if complete {
        (q, r)
    } else {
        (q.i((.., ..short)), r.i(..short))
    };
    Ok(vec![q.check()?, r.check()?])
}

/// Sign and logarithm of the absolute determinant of factored matrices.
pub(super) fn log_determinant(factors: &Lu) -> (Tensor, Tensor) {
    let diagonal = crate::numpy::diagonal(&factors.lu, 0, -2, -1);
    let n = factors.pivots.shape().last().copied().unwrap_or(0);
    let exchanged = factors
        .pivots
        .not_equal(arange(n))
        .astype(DType::I64)
        .sum(-1);
    let odd = (exchanged % 2).equal(1);
    let sign = where_(odd, -1.0, 1.0) * diagonal.sign().prod(-1);
    let log = diagonal.abs().ln().sum(-1);
    (sign.astype(diagonal.dtype()), log)
}

compositions! {
    linalg;
    /// The determinant.
    [det(ndarray::array![[1.0, 2.0], [3.0, 5.0]]).round() => f64 [-1.0]]
    fn det(a;) {
        super::square("det", &a)?;
        let factors = lu(a)?;
        let diagonal = crate::numpy::diagonal(&factors.lu, 0, -2, -1);
        let n = factors.pivots.shape().last().copied().unwrap_or(0);
        let exchanged = factors.pivots.not_equal(arange(n)).astype(DType::I64).sum(-1);
        let sign = where_((exchanged % 2).equal(1), -1.0, 1.0).astype(diagonal.dtype());
        Ok(sign * diagonal.prod(-1))
    }
}
