//! Eigenvalues and singular values by Jacobi's rotations.
//!
//! Each rotation makes one pair of rows and columns (or one pair of columns) orthogonal; sweeps over all pairs converge
//! quadratically, and small singular values keep their digits (Demmel and Veselić 1992). The number of sweeps is fixed; five are
//! enough for matrices of a few rows, and each further one squares what is left.

use std::panic::Location;

use super::{each, square, squared_size};
use crate::array::DType;
use crate::error::{Error, OpError, OpErrorKind};
use crate::tensor::{TakeMode, Tensor, fori_loop, where_};
use crate::transform::custom_jvp;

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

/// The eigenvalues and eigenvectors of one matrix. Their derivative is that of the equations they solve: the rotations that find them
/// stop where entries are too small to matter, and what those change with would be lost.
fn one_eigh(a: Tensor) -> Result<Vec<Tensor>, Error> {
    square("eigh", &a)?;
    let f = custom_jvp(rotated)
        .name("eigh")
        .def_jvp(|(a,): (Tensor,), (da,): (Tensor,)| {
            let found = one_eigh(a)?;
            let (w, v) = (&found[0], &found[1]);
            let change = adjoint(v).matmul(da).matmul(v);
            let apart = w.expand_dims(0) - w.expand_dims(1);
            let turned = v.matmul(inverse_off_diagonal(apart) * &change);
            let values = crate::numpy::diagonal(change, 0, 0, 1).real();
            Ok::<_, Error>((found, vec![values, turned]))
        });
    f.call(((&a + adjoint(&a)) * 0.5,))
}

/// The conjugate transpose of one matrix.
fn adjoint(a: &Tensor) -> Tensor {
    a.t().conj()
}

/// One over each entry, and 0 on the diagonal.
fn inverse_off_diagonal(x: Tensor) -> Tensor {
    let one = crate::tensor::eye(x.shape()[0], x.shape()[0], 0, x.dtype());
    1.0 / (x + &one) - one
}

fn rotated(a: Tensor) -> Result<Vec<Tensor>, Error> {
    let n = a.shape()[0];
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

/// The factors of one matrix, with the derivative of the equations they solve, as [`one_eigh`].
fn one_svd(a: Tensor, full: bool) -> Result<Vec<Tensor>, Error> {
    let f = custom_jvp(move |a: Tensor| factors(a, full))
        .name("svd")
        .def_jvp(move |(a,): (Tensor,), (da,): (Tensor,)| {
            let (n, m) = (a.shape()[0], a.shape()[1]);
            if full && n != m {
                // What is orthogonal to all of the matrix can turn freely.
                let kind = OpErrorKind::NotDifferentiable;
                return Err(OpError::at("svd", kind, Location::caller()).into());
            }
            let found = one_svd(a, full)?;
            let tangents = svd_tangents(&found, &da);
            Ok::<_, Error>((found, tangents))
        });
    f.call((a,))
}

fn svd_tangents(found: &[Tensor], da: &Tensor) -> Vec<Tensor> {
    let (u, s, vt) = (&found[0], &found[1], &found[2]);
    let v = adjoint(vt);
    let change = adjoint(u).matmul(da).matmul(&v);
    let (row, column) = (s.expand_dims(0), s.expand_dims(1));
    let apart = inverse_off_diagonal((&row + &column) * (&row - &column));
    let (right, left) = (&row * &change, &column * &change);
    let mut inner = &apart * (&right + adjoint(&right));
    if inner.dtype().is_complex() {
        // The phases of singular vectors that belong to each other turn together.
        let flat = s.equal(0.0);
        let inverse = where_(&flat, 0.0, 1.0 / where_(&flat, 1.0, s));
        inner = inner + (&change - adjoint(&change)) * 0.5 * crate::numpy::diag(inverse, 0);
    }
    let mut du = u.matmul(inner);
    let mut dv = v.matmul(apart * (&left + adjoint(&left)));
    let (n, m) = (da.shape()[0], da.shape()[1]);
    if n > m {
        let outside = da.matmul(&v);
        du = du + (&outside - u.matmul(adjoint(u).matmul(&outside))) / &row;
    }
    if m > n {
        let outside = adjoint(da).matmul(u);
        dv = dv + (&outside - v.matmul(vt.matmul(&outside))) / &row;
    }
    vec![
        du,
        crate::numpy::diagonal(change, 0, 0, 1).real(),
        adjoint(&dv),
    ]
}

fn factors(a: Tensor, full: bool) -> Result<Vec<Tensor>, Error> {
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
