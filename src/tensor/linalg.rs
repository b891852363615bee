//! Products of matrices, and linear algebra over the last two axes.

use std::panic::Location;

use smallvec::{SmallVec, smallvec};

use super::elementwise::{convert, promote, promoted_floats};
use super::shape::{broadcast_to, expand};
use super::{Caller, Repr, Tensor, apply1, arange, settle, where_};
use crate::array::{Shape, broadcast_shapes, promote_all, to_inexact};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{Cholesky, DotDims, DotGeneral, Solve, Squeeze, Transpose, TriangularSolve};

/// How [`Tensor::triangular_solve`] reads its matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

    /// The same with `a x = b` solved rather than `x a = b`, or the other way.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::Triangle;
    /// let a = Tensor::from(ndarray::array![[2.0, 0.0], [1.0, 4.0]]);
    /// let x = a.triangular_solve(ndarray::array![[4.0, 8.0]], Triangle::LOWER.left_side(false));
    /// assert_eq!(x.to_vec::<f64>()?, [1.0, 2.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn left_side(mut self, left_side: bool) -> Self {
        self.left_side = left_side;
        self
    }

    /// The same with the lower triangle read rather than the upper one, or the other way.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::Triangle;
    /// let a = Tensor::from(ndarray::array![[2.0, 0.0], [1.0, 4.0]]);
    /// let x = a.t().triangular_solve(ndarray::array![[4.0], [8.0]], Triangle::LOWER.lower(false));
    /// assert_eq!(x.to_vec::<f64>()?, [1.0, 2.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn lower(mut self, lower: bool) -> Self {
        self.lower = lower;
        self
    }

    /// The same with the matrix transposed or not.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::Triangle;
    /// let a = Tensor::from(ndarray::array![[2.0, 0.0], [1.0, 4.0]]);
    /// let x = a.triangular_solve(ndarray::array![[4.0], [8.0]], Triangle::LOWER.transpose_a(true));
    /// assert_eq!(x.to_vec::<f64>()?, [1.0, 2.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn transpose_a(mut self, transpose_a: bool) -> Self {
        self.transpose_a = transpose_a;
        self
    }

    /// The same with the diagonal taken as ones or not.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::Triangle;
    /// let a = Tensor::from(ndarray::array![[2.0, 0.0], [1.0, 4.0]]);
    /// // The diagonal is taken for ones.
    /// let x = a.triangular_solve(ndarray::array![[4.0], [8.0]], Triangle::LOWER.unit_diagonal(true));
    /// assert_eq!(x.to_vec::<f64>()?, [4.0, 4.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn unit_diagonal(mut self, unit_diagonal: bool) -> Self {
        self.unit_diagonal = unit_diagonal;
        self
    }
}

/// Two stacks of matrices with their leading axes broadcast.
fn match_leading(
    op: &'static str,
    a: &Tensor,
    b: &Tensor,
    location: Caller,
) -> Result<[Tensor; 2], Error> {
    let error = |detail: &str| -> Error {
        OpError::at(op, OpErrorKind::shapes([a.ty(), b.ty()], detail), location).into()
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
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let a = Tensor::from(ndarray::array![[4.0, 2.0], [2.0, 5.0]]);
    /// assert_eq!(a.cholesky().to_vec::<f64>()?, [2.0, 0.0, 1.0, 2.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn cholesky(&self) -> Tensor {
        let location = Location::caller();
        let a = convert(self, to_inexact((self.dtype(), self.ty().weak)), location);
        apply1(Cholesky, &[&a], location)
    }

    /// Solves with this triangular matrix; the other triangle is not read.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::Triangle;
    /// let a = Tensor::from(ndarray::array![[2.0, 0.0], [1.0, 4.0]]);
    /// let x = a.triangular_solve(ndarray::array![[4.0], [10.0]], Triangle::LOWER);
    /// assert_eq!(x.to_vec::<f64>()?, [2.0, 2.0]);
    /// # elimap::ok(())
    /// ```
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
            let op = TriangularSolve {
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
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let a = Tensor::from(ndarray::array![[2.0, 0.0], [0.0, 4.0]]);
    /// assert_eq!(a.solve(vec![2.0, 2.0]).to_vec::<f64>()?, [1.0, 0.5]);
    /// # elimap::ok(())
    /// ```
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
                let x = apply1(Solve, &[&a, &column], location).check()?;
                let dims = smallvec![x.rank() - 1];
                return Ok(apply1(Squeeze { dims }, &[&x], location));
            }
            let [a, b] = match_leading("solve", &a, &b, location)?;
            Ok(apply1(Solve, &[&a, &b], location))
        }))
    }

    /// Generalized matrix product: contracts and batches the given axes (JAX's `lax.dot_general`).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::DotDims;
    /// let mut dims = DotDims::default();
    /// dims.lhs_contract = [0].as_slice().into();
    /// dims.rhs_contract = [0].as_slice().into();
    /// let y = Tensor::from(vec![1.0, 2.0]).dot_general(vec![3.0, 4.0], dims);
    /// assert_eq!(y.item::<f64>()?, 11.0);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn dot_general(&self, other: impl Into<Tensor>, dims: DotDims) -> Tensor {
        let location = Location::caller();
        let [a, b] = promote([self, &other.into()], location);
        apply1(DotGeneral { dims }, &[&a, &b], location)
    }

    /// Matrix product with numpy's rules: vectors are rows or columns, leading axes broadcast.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let a = Tensor::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(a.matmul(vec![1.0, 1.0]).to_vec::<f64>()?, [3.0, 7.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn matmul(&self, other: impl Into<Tensor>) -> Tensor {
        let location = Location::caller();
        let other = other.into();
        settle(matmul(self, &other, location))
    }

    /// The lower triangle of the last two axes: zero above diagonal `k`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]]));
    /// assert_eq!(x.tril(0).to_array()?.to_vec::<f64>()?, [1.0, 0.0, 3.0, 4.0]);
    /// assert_eq!(x.triu(1).to_array()?.to_vec::<f64>()?, [0.0, 2.0, 0.0, 0.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn tril(&self, k: i64) -> Tensor {
        self.triangle("tril", Location::caller(), |row, col| {
            (row + k).greater_equal(col)
        })
    }

    /// The upper triangle of the last two axes: zero below diagonal `k`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let a = Tensor::from(ndarray::array![[1, 2], [3, 4]]);
    /// assert_eq!(a.triu(0).to_vec::<i32>()?, [1, 2, 0, 4]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn triu(&self, k: i64) -> Tensor {
        self.triangle("triu", Location::caller(), |row, col| {
            (row + k).less_equal(col)
        })
    }

    fn triangle(
        &self,
        op: &'static str,
        location: Caller,
        keep: impl Fn(Tensor, Tensor) -> Tensor,
    ) -> Tensor {
        let shape = match (&self.repr, self.shape()) {
            (Repr::Poisoned(error), _) => return settle(Err(Error::Shared(error.clone()))),
            (_, [.., n, m]) => [*n, *m],
            _ => {
                let detail = format!("takes matrices, got {}", self.ty());
                return settle(Err(OpError::at(
                    op,
                    OpErrorKind::parameter(detail),
                    location,
                )
                .into()));
            }
        };
        let mask = keep(arange(shape[0]).expand_dims(1), arange(shape[1]));
        let zero = convert(&Tensor::from(false), (self.dtype(), false), location);
        where_(mask, self, zero)
    }
}

fn matmul(a: &Tensor, b: &Tensor, location: Caller) -> Result<Tensor, Error> {
    for operand in [a, b] {
        if let Repr::Poisoned(error) = &operand.repr {
            return Err(Error::Shared(error.clone()));
        }
    }
    let error = |detail: &str| -> Error {
        OpError::at(
            "matmul",
            OpErrorKind::shapes([a.ty(), b.ty()], detail),
            location,
        )
        .into()
    };
    if a.rank() == 0 || b.rank() == 0 {
        return Err(error("operands need at least one axis; use `*` to scale"));
    }
    let to = promote_all([a.ty(), b.ty()]);
    let (a, b) = (convert(a, to, location), convert(b, to, location));
    let (a_rank, b_rank) = (a.rank(), b.rank());
    let (a_inner, b_inner) = (a_rank - 1, b_rank.saturating_sub(2));
    if a.shape()[a_inner] != b.shape()[b_inner] {
        return Err(error(
            "the last axis of the first must match the second-to-last (or only) axis of the second",
        ));
    }
    // Leading axes broadcast: an axis of length 1 (or missing) on one side is free on the other.
    let a_lead = &a.shape()[..a_rank.saturating_sub(2)];
    let b_lead = &b.shape()[..b_rank.saturating_sub(2)];
    let lead =
        broadcast_shapes([a_lead, b_lead]).ok_or_else(|| error("leading axes do not broadcast"))?;
    let full = |x: &Tensor, x_lead: &[usize], matrix: &[usize]| -> Tensor {
        // A vector or a single matrix needs no copies: it takes no part in the batch axes.
        if x_lead.is_empty() || x_lead == &lead[..] {
            x.clone()
        } else {
            let shape: Vec<usize> = lead.iter().chain(matrix).copied().collect();
            broadcast_to(x, &shape, location)
        }
    };
    let a = full(&a, a_lead, &a.shape()[a_lead.len()..]);
    let b = full(&b, b_lead, &b.shape()[b_lead.len()..]);
    let batched = lead.len();
    let (a_batch, b_batch) = (a.rank() > batched && !a_lead.is_empty(), !b_lead.is_empty());
    let dims = DotDims {
        lhs_contract: smallvec![a.rank() - 1],
        rhs_contract: smallvec![b.rank().saturating_sub(2)],
        lhs_batch: if a_batch && b_batch {
            (0..batched).collect()
        } else {
            SmallVec::new()
        },
        rhs_batch: if a_batch && b_batch {
            (0..batched).collect()
        } else {
            SmallVec::new()
        },
    };
    let out = apply1(DotGeneral { dims }, &[&a, &b], location);
    if b_batch && !a_batch && a_rank > 1 {
        // dot_general puts the first operand's rows before the second's leading axes: rows move behind them.
        let rank = out.rank();
        let mut permutation: Shape = (1..rank).collect();
        permutation.insert(batched, 0);
        return Ok(apply1(Transpose { permutation }, &[&out], location));
    }
    Ok(out)
}
