//! Eigenvalues and singular values by Jacobi's rotations.
//!
//! Each rotation makes one pair of rows and columns (or one pair of columns) orthogonal; sweeps over all pairs converge
//! quadratically, and small singular values keep their digits (Demmel and Veselić 1992). The number of sweeps is fixed, so
//! that derivatives exist; five are enough for matrices of a few rows, and each further one squares what is left.

use super::{each, square, squared_size};
use crate::array::DType;
use crate::error::Error;
use crate::tensor::{TakeMode, Tensor, fori_loop, where_};

/// Sweeps for a matrix with so many columns.
fn sweeps(n: usize) -> usize {
    10 + n.ilog2() as usize
}

/// All pairs of columns, as two tables.
fn pairs(n: usize) -> [Tensor; 2] {
    let all = (0..n as i64).flat_map(|p| (p + 1..n as i64).map(move |q| (p, q)));
    let (p, q): (Vec<i64>, Vec<i64>) = all.unzip();
    [Tensor::from(p), Tensor::from(q)]
}

/// Cosine and sine of the rotation that makes `[[a, c], [c, b]]` diagonal, the smaller of the two.
fn rotation(a: &Tensor, b: &Tensor, c: &Tensor) -> [Tensor; 2] {
    let flat = c.equal(0.0);
    let zeta = (b - a) / (where_(&flat, 1.0, c) * 2.0);
    let sign = where_(zeta.less(0.0), -1.0, 1.0);
    let t = sign / (zeta.abs() + (zeta.square() + 1.0).sqrt());
    let t = where_(flat, 0.0, t);
    let cos = (t.square() + 1.0).rsqrt();
    let sin = &t * &cos;
    [cos, sin]
}

/// The size of a complex entry and its direction, of modulus 1; a real entry is its own size.
fn polar(c: Tensor) -> (Tensor, Option<Tensor>) {
    if !c.dtype().is_complex() {
        return (c, None);
    }
    let size = c.abs();
    let flat = size.equal(0.0);
    let direction = where_(&flat, 1.0, c / where_(&flat, 1.0, &size));
    (size, Some(direction))
}

/// Two rows turned into each other, the second by a direction first.
fn turn(
    x: &Tensor,
    [p, q]: [&Tensor; 2],
    [cos, sin]: &[Tensor; 2],
    direction: Option<&Tensor>,
) -> Tensor {
    let a = x.take(p, 0, TakeMode::Clip);
    let b = x.take(q, 0, TakeMode::Clip);
    let b = direction.map_or(b.clone(), |direction| b * direction);
    let first = &a * cos - &b * sin;
    let second = a * sin + b * cos;
    x.at(p).set(first).at(q).set(second)
}

/// Eigenvalues, ascending, and eigenvectors as columns, of symmetric (of complex numbers: Hermitian) matrices; of others the symmetric
/// part counts.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for matrices that are not square.
///
/// ```
/// use elimap::linalg;
/// let (w, v) = linalg::eigh(ndarray::array![[2.0, 1.0], [1.0, 2.0]])?;
/// let w = w.to_vec::<f64>()?;
/// assert!((w[0] - 1.0).abs() < 1e-15 && (w[1] - 3.0).abs() < 1e-15);
/// assert_eq!(v.shape(), [2, 2]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn eigh(a: impl Into<Tensor>) -> Result<(Tensor, Tensor), Error> {
    let mut out = each("eigh", &a.into(), one_eigh)?;
    let v = out.pop().unwrap_or_else(|| Tensor::from(f64::NAN));
    Ok((out.pop().unwrap_or_else(|| v.clone()), v))
}

fn one_eigh(a: Tensor) -> Result<Vec<Tensor>, Error> {
    let n = square("eigh", &a)?;
    let a = (&a + a.t().conj()) * 0.5;
    let vectors = crate::tensor::eye(n, n, 0, a.dtype());
    if n < 2 {
        return Ok(vec![a.real().reshape([-1]), vectors]);
    }
    let [left, right] = pairs(n);
    let count = n * (n - 1) / 2;
    let (a, vectors): (Tensor, Tensor) = fori_loop(
        0_i64,
        (sweeps(n) * count) as i64,
        |k: Tensor, (a, rows): (Tensor, Tensor)| {
            let k = k % count as i64;
            let at = [
                &left.take(&k, 0, TakeMode::Clip),
                &right.take(&k, 0, TakeMode::Clip),
            ];
            let entry =
                |i: &Tensor, j: &Tensor| a.take(i, 0, TakeMode::Clip).take(j, 0, TakeMode::Clip);
            let [p, q] = at;
            let (size, direction) = polar(entry(p, q));
            let by = rotation(&entry(p, p).real(), &entry(q, q).real(), &size);
            let half = turn(&a, at, &by, direction.as_ref());
            let back = direction.map(|d| d.conj());
            let a = turn(&half.t(), at, &by, back.as_ref()).t();
            (a, turn(&rows, at, &by, back.as_ref()))
        },
        (a, vectors),
    )?;
    let values = crate::numpy::diagonal(a, 0, 0, 1).real();
    let order = values.argsort(0);
    let values = values.take(&order, 0, TakeMode::Clip);
    Ok(vec![
        values.check()?,
        vectors.take(order, 0, TakeMode::Clip).t().check()?,
    ])
}

/// The singular value decomposition `u diag(s) v^T` (`v^H`, of complex numbers) of matrices: `u`, the singular values from the greatest down, and `v^T`; as many
/// columns as the shorter side has, or with `full` square factors.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for what is no matrix.
///
/// ```
/// use elimap::linalg;
/// let a = ndarray::array![[3.0, 0.0], [0.0, -4.0], [0.0, 0.0]];
/// let (u, s, vt) = linalg::svd(&a, false)?;
/// assert_eq!(s.to_vec::<f64>()?, [4.0, 3.0]);
/// let back = (&u * s.expand_dims(0)).matmul(&vt);
/// assert!((back - &a).abs().max(..).item::<f64>()? < 1e-14);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn svd(a: impl Into<Tensor>, full: bool) -> Result<(Tensor, Tensor, Tensor), Error> {
    let mut out = each("svd", &a.into(), |a| one_svd(a, full))?.into_iter();
    let mut next = || out.next().unwrap_or_else(|| Tensor::from(f64::NAN));
    Ok((next(), next(), next()))
}

fn one_svd(a: Tensor, full: bool) -> Result<Vec<Tensor>, Error> {
    let (n, m) = (a.shape()[0], a.shape()[1]);
    if n < m {
        let [u, s, vt] = tall_svd(a.t().conj(), full)?;
        return Ok(vec![vt.t().conj().check()?, s, u.t().conj().check()?]);
    }
    Ok(tall_svd(a, full)?.into())
}

fn tall_svd(a: Tensor, full: bool) -> Result<[Tensor; 3], Error> {
    let (n, m) = (a.shape()[0], a.shape()[1]);
    // Columns lie as rows, which are turned in pairs until all are orthogonal.
    let mut rows = a.t();
    let mut vectors = crate::tensor::eye(m, m, 0, a.dtype());
    if m > 1 {
        let [left, right] = pairs(m);
        let count = m * (m - 1) / 2;
        (rows, vectors) = fori_loop(
            0_i64,
            (sweeps(m) * count) as i64,
            |k: Tensor, (rows, vectors): (Tensor, Tensor)| {
                let k = k % count as i64;
                let at = [
                    &left.take(&k, 0, TakeMode::Clip),
                    &right.take(&k, 0, TakeMode::Clip),
                ];
                let (x, y) = (
                    rows.take(at[0], 0, TakeMode::Clip),
                    rows.take(at[1], 0, TakeMode::Clip),
                );
                let (size, direction) = polar((x.conj() * &y).sum(0));
                let lengths = [x, y].map(|x| squared_size(&x).sum(0));
                let by = rotation(&lengths[0], &lengths[1], &size);
                let back = direction.map(|d| d.conj());
                let turn = |x: &Tensor| turn(x, at, &by, back.as_ref());
                (turn(&rows), turn(&vectors))
            },
            (rows, vectors),
        )?;
    }
    let s = squared_size(&rows).sum(1).sqrt();
    let order = (-&s).argsort(0);
    let read = |x: &Tensor| x.take(&order, 0, TakeMode::Clip);
    let (rows, s, vt) = (read(&rows), read(&s), read(&vectors).conj());
    // Columns of no length, and those a full factor lacks, are any that are orthogonal to the rest: reflections that make
    // the triangular factor diagonal give them, with signs to put right.
    let (q, r) = super::qr(rows.t(), full)?;
    let signs = crate::numpy::diagonal(r, 0, 0, 1).real();
    let signs = where_(signs.less(0.0), -1.0, 1.0).astype(s.dtype());
    let signs = if full && n > m {
        crate::tensor::concatenate([signs, crate::tensor::ones(n - m, s.dtype())], 0)?
    } else {
        signs
    };
    let u = q * signs.expand_dims(0);
    Ok([u.check()?, s.check()?, vt.check()?])
}

/// The greatest length an axis of matrices has, for tolerances.
pub(super) fn longest(a: &Tensor) -> f64 {
    a.shape().iter().rev().take(2).copied().max().unwrap_or(1) as f64
}

/// The relative accuracy of a floating type.
pub(super) fn epsilon(a: &Tensor) -> f64 {
    if a.dtype().real() == DType::F32 {
        f64::from(f32::EPSILON)
    } else {
        f64::EPSILON
    }
}
