//! What singular values and eigenvalues answer.

use super::jacobi::{epsilon, longest};
use super::{MatrixNorm, eigh, inv, matrix_norm, svd};
use crate::array::DType;
use crate::error::Error;
use crate::special::float;
use crate::tensor::{Tensor, compositions, where_};

compositions! {
    linalg;
    /// The eigenvalues of symmetric matrices, ascending.
    [eigvalsh(ndarray::array![[3.0, 0.0], [0.0, 1.0]]) => f64 [1.0, 3.0]]
    fn eigvalsh(a;) { Ok(eigh(a)?.0) }
    /// The singular values, from the greatest down.
    [svdvals(ndarray::array![[3.0, 0.0], [0.0, -4.0]]) => f64 [4.0, 3.0]]
    fn svdvals(a;) { Ok(svd(a, false)?.1) }
    /// The pseudo-inverse; singular values below `rcond` times the greatest count as zero (a few units of rounding where not given).
    [pinv(ndarray::array![[2.0, 0.0], [0.0, 0.0]], None) => f64 [0.5, 0.0, 0.0, 0.0]]
    fn pinv(a; rcond: Option<f64>) {
        let a = float(&a);
        let rcond = rcond.unwrap_or(10.0 * longest(&a) * epsilon(&a));
        let (u, s, vt) = svd(&a, false)?;
        let kept = s.greater(s.max(-1).expand_dims(-1) * rcond);
        let inverse = where_(&kept, 1.0 / where_(&kept, &s, 1.0), 0.0);
        let adjoint = |x: Tensor| crate::numpy::matrix_transpose(x).conj();
        Ok((adjoint(vt) * inverse.expand_dims(-2)).matmul(adjoint(u)))
    }
    /// The number of singular values above rounding.
    [matrix_rank(ndarray::array![[1.0, 2.0], [2.0, 4.0]]) => i64 [1]]
    fn matrix_rank(a;) {
        let a = float(&a);
        let s = svdvals(&a);
        let floor = s.max(-1).expand_dims(-1) * (longest(&a) * epsilon(&a));
        Ok(s.greater(floor).astype(DType::I64).sum(-1))
    }
    /// The condition number: the greatest singular value by the smallest.
    [cond(ndarray::array![[4.0, 0.0], [0.0, 2.0]]) => f64 [2.0]]
    fn cond(a;) {
        let s = svdvals(a);
        Ok(s.index(-1, 0) / s.index(-1, -1))
    }
    /// The condition number in another norm: that of a matrix times that of its inverse.
    [cond_in(ndarray::array![[4.0, 0.0], [0.0, 2.0]], linalg::MatrixNorm::Rows { least: false }) => f64 [2.0]]
    fn cond_in(a; norm: MatrixNorm) { Ok(matrix_norm(&a, norm) * matrix_norm(inv(&a), norm)) }
    /// The `x` with the least squares of `a x - b`, and of all such the shortest; a vector `b` gives a vector.
    [lstsq(ndarray::array![[1.0], [1.0]], vec![1.0, 3.0]).round() => f64 [2.0]]
    fn lstsq(a, b;) {
        let a = float(&a);
        let b = float(&b);
        let vector = b.rank() == 1;
        let b = if vector { b.expand_dims(-1) } else { b };
        let x = pinv(&a, Some(longest(&a) * epsilon(&a))).matmul(b);
        Ok(if vector { x.squeeze(-1) } else { x })
    }
}

/// The polar decomposition `u p` of matrices: `u` with orthonormal columns, `p` symmetric without negative eigenvalues.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for what is no matrix.
///
/// ```
/// use elimap::linalg;
/// let (u, p) = linalg::polar(ndarray::array![[0.0, -2.0], [2.0, 0.0]])?;
/// assert!((u.matmul(&p).i((1, 0)).item::<f64>()? - 2.0).abs() < 1e-15);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn polar(a: impl Into<Tensor>) -> Result<(Tensor, Tensor), Error> {
    let (u, s, vt) = svd(a, false)?;
    let v = crate::numpy::matrix_transpose(&vt).conj();
    let p = (v * s.expand_dims(-2)).matmul(&vt);
    Ok((u.matmul(vt).check()?, p.check()?))
}
