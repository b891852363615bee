//! Linear algebra over the last two axes.

use std::panic::Location;

use smallvec::smallvec;

use super::indexing::promoted_floats;
use super::operators::{broadcast_to, convert, expand};
use super::{Tensor, apply1, settle};
use crate::array::{broadcast_shapes, to_inexact};
use crate::error::Error;
use crate::ops::{OpError, OpErrorKind};
use crate::program::Op;

type Caller = &'static Location<'static>;

/// How [`Tensor::triangular_solve`] reads its matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triangle {
    /// Whether `a x = b` is solved rather than `x a = b`.
    pub left_side: bool,
    /// Whether the lower triangle is read rather than the upper one.
    pub lower: bool,
    /// Whether the matrix is transposed.
    pub transpose_a: bool,
    /// Whether the diagonal is taken as ones.
    pub unit_diagonal: bool,
}

impl Triangle {
    /// `a x = b` with a lower triangular matrix.
    pub const LOWER: Triangle = Triangle {
        left_side: true,
        lower: true,
        transpose_a: false,
        unit_diagonal: false,
    };
    /// `a x = b` with an upper triangular matrix.
    pub const UPPER: Triangle = Triangle {
        left_side: true,
        lower: false,
        transpose_a: false,
        unit_diagonal: false,
    };
}

/// Two stacks of matrices with their leading axes broadcast.
fn match_leading(
    op: &'static str,
    a: &Tensor,
    b: &Tensor,
    location: Caller,
) -> Result<[Tensor; 2], Error> {
    let error = |detail: &str| -> Error {
        OpError {
            op,
            kind: OpErrorKind::shapes([a.ty(), b.ty()], detail),
            location: Some(location),
        }
        .into()
    };
    if a.rank() < 2 || b.rank() < 2 {
        return Err(error("both need at least two axes"));
    }
    let ((a_lead, a_matrix), (b_lead, b_matrix)) = (
        a.shape().split_at(a.rank() - 2),
        b.shape().split_at(b.rank() - 2),
    );
    let lead =
        broadcast_shapes([a_lead, b_lead]).ok_or_else(|| error("leading axes do not broadcast"))?;
    let full = |x: &Tensor, matrix: &[usize]| {
        let shape: Vec<usize> = lead.iter().chain(matrix).copied().collect();
        broadcast_to(x, &shape, location)
    };
    Ok([full(a, a_matrix), full(b, b_matrix)])
}

impl Tensor {
    /// The lower Cholesky factor of the symmetrised matrix; NaN where it is not positive definite (rule N19).
    #[track_caller]
    #[must_use]
    pub fn cholesky(&self) -> Tensor {
        let location = Location::caller();
        let a = convert(self, to_inexact((self.dtype(), self.ty().weak)), location);
        apply1(Op::Cholesky, &[&a], location)
    }

    /// Solves with this triangular matrix; the other triangle is not read.
    #[track_caller]
    #[must_use]
    pub fn triangular_solve(&self, b: impl Into<Tensor>, triangle: Triangle) -> Tensor {
        let location = Location::caller();
        let b = b.into();
        settle(self.clone().check().and_then(|a| {
            let [a, b] = promoted_floats(&a, &b.check()?, location);
            let [a, b] = match_leading("triangular_solve", &a, &b, location)?;
            let Triangle {
                left_side,
                lower,
                transpose_a,
                unit_diagonal,
            } = triangle;
            let op = Op::TriangularSolve {
                left_side,
                lower,
                transpose_a,
                unit_diagonal,
            };
            Ok(apply1(op, &[&a, &b], location))
        }))
    }

    /// The `x` of `self x = b`, by LU with partial pivoting; a vector `b` gives a vector. A singular matrix gives
    /// infinities or NaN (rule N19).
    #[track_caller]
    #[must_use]
    pub fn solve(&self, b: impl Into<Tensor>) -> Tensor {
        let location = Location::caller();
        let b = b.into();
        settle(self.clone().check().and_then(|a| {
            let [a, b] = promoted_floats(&a, &b.check()?, location);
            if b.rank() == 1 {
                let column = expand(&b, &[1], location);
                let [a, column] = match_leading("solve", &a, &column, location)?;
                let x = apply1(Op::Solve, &[&a, &column], location).check()?;
                let dims = smallvec![x.rank() - 1];
                return Ok(apply1(Op::Squeeze { dims }, &[&x], location));
            }
            let [a, b] = match_leading("solve", &a, &b, location)?;
            Ok(apply1(Op::Solve, &[&a, &b], location))
        }))
    }
}
