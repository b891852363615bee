//! Norms of vectors and matrices.

use super::spectral::svdvals;
use super::squared_size;
use crate::special::float;
use crate::tensor::{AxisList, Tensor, compositions};

/// Which norm of a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum MatrixNorm {
    /// The root of the sum of squares.
    #[default]
    Frobenius,
    /// The sum of singular values.
    Nuclear,
    /// The greatest absolute column sum, or the smallest.
    Columns {
        /// Whether the smallest.
        least: bool,
    },
    /// The greatest absolute row sum, or the smallest.
    Rows {
        /// Whether the smallest.
        least: bool,
    },
    /// The greatest singular value, or the smallest.
    Spectral {
        /// Whether the smallest.
        least: bool,
    },
}

compositions! {
    linalg;
    /// The `p`-norm of vectors along axes: infinite `p` for the greatest or smallest size, 0 for the number of elements that are
    /// not zero.
    [vector_norm(vec![3.0, -4.0], 1.0, ..) => f64 [7.0]]
    fn vector_norm(x; p: f64, axes: impl AxisList) {
        let x = float(&x);
        let axes = axes.axes(x.rank()).to_vec();
        let size = x.abs();
        Ok(if p == f64::INFINITY {
            size.max(axes)
        } else if p == f64::NEG_INFINITY {
            size.min(axes)
        } else if p == 0.0 {
            x.not_equal(0.0).astype(x.dtype().real()).sum(axes)
        } else if p == 1.0 {
            size.sum(axes)
        } else if p == 2.0 {
            size.square().sum(axes).sqrt()
        } else {
            size.pow(p).sum(axes).pow(1.0 / p)
        })
    }
    /// A norm of matrices on the last two axes.
    [matrix_norm(ndarray::array![[1.0, -2.0], [3.0, 4.0]], linalg::MatrixNorm::Rows { least: false }) => f64 [7.0]]
    fn matrix_norm(x; kind: MatrixNorm) {
        let x = float(&x);
        let pick = |sums: Tensor, least: bool| if least { sums.min(-1) } else { sums.max(-1) };
        Ok(match kind {
            MatrixNorm::Frobenius => squared_size(&x).sum([-2, -1]).sqrt(),
            MatrixNorm::Nuclear => svdvals(&x).sum(-1),
            MatrixNorm::Columns { least } => pick(x.abs().sum(-2), least),
            MatrixNorm::Rows { least } => pick(x.abs().sum(-1), least),
            MatrixNorm::Spectral { least } => pick(svdvals(&x), least),
        })
    }
}
