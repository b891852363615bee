//! Derivatives of factorizations and solves.
//!
//! Those of solutions solve again with the same matrix; that of the Cholesky factor is Murray's (2016, "Differentiation of the
//! Cholesky decomposition", section 3.1).

use smallvec::smallvec;

use crate::array::Shape;
use crate::error::Error;
use crate::ops::derivative::{all_zero, not_linear};
use crate::ops::rule::{Derivative, LinearInput, Outputs, Tangents};
use crate::program::{
    Atom, BinaryOp, Cholesky, ConvertElementType, DotDims, DotGeneral, Solve, TriangularSolve,
    UnaryOp,
};

/// `x y` of matrices over leading batch axes.
fn product(cx: &mut dyn Tangents, x: Atom, y: Atom) -> Result<Atom, Error> {
    let rank = cx.rank(x);
    let batch: Shape = (0..rank - 2).collect();
    let dims = DotDims {
        lhs_contract: smallvec![rank - 1],
        rhs_contract: smallvec![rank - 2],
        lhs_batch: batch.clone(),
        rhs_batch: batch,
    };
    cx.emit1(DotGeneral { dims }, smallvec![x, y])
}

/// Matrices with rows and columns exchanged.
fn transposed(cx: &mut dyn Tangents, x: Atom) -> Result<Atom, Error> {
    let rank = cx.rank(x);
    let mut order: Shape = (0..rank).collect();
    order.swap(rank - 2, rank - 1);
    cx.permute(x, &order)
}

/// Where `row compare column` holds in square matrices of the shape of `x`.
fn where_indices(cx: &mut dyn Tangents, x: Atom, compare: BinaryOp) -> Result<Atom, Error> {
    let shape = cx.shape(x);
    let rows = cx.positions(&shape, shape.len() - 2)?;
    let columns = cx.positions(&shape, shape.len() - 1)?;
    cx.binary(compare, rows, columns)
}

/// Matrices with zeros where `row compare column` does not hold.
fn masked(cx: &mut dyn Tangents, x: Atom, compare: BinaryOp) -> Result<Atom, Error> {
    let kept = where_indices(cx, x, compare)?;
    let zero = cx.number(x, 0.0);
    cx.select(kept, x, zero)
}

impl Derivative for Cholesky {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        _primals: &[Atom],
        results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let (Some(tangent), factor) = (tangents[0], results[0]) else {
            return Ok(all_zero(1));
        };
        // The operation takes the symmetric part of its operand.
        let half = cx.number(tangent, 0.5);
        let is_complex = cx.atom_type(&factor).dtype.is_complex();
        let conjugate = |cx: &mut dyn Tangents, x| match is_complex {
            true => cx.unary(UnaryOp::Conj, x),
            false => Ok(x),
        };
        let mirror = transposed(cx, tangent)?;
        let mirror = conjugate(cx, mirror)?;
        let symmetric = cx.add(tangent, mirror)?;
        let symmetric = cx.mul(half, symmetric)?;
        // factor phi(factor^-1 tangent factor^-T), where phi takes the lower triangle and half of the diagonal.
        let solve = |left_side| TriangularSolve {
            left_side,
            lower: true,
            transpose_a: !left_side,
            unit_diagonal: false,
        };
        let adjoint = conjugate(cx, factor)?;
        let right = cx.emit1(solve(false), smallvec![adjoint, symmetric])?;
        let both = cx.emit1(solve(true), smallvec![factor, right])?;
        let diagonal = where_indices(cx, both, BinaryOp::Eq)?;
        let convert = ConvertElementType {
            dtype: cx.atom_type(&both).dtype,
            weak: false,
        };
        let diagonal = cx.emit1(convert, smallvec![diagonal])?;
        let one = cx.number(both, 1.0);
        let divisor = cx.add(diagonal, one)?;
        let lower = masked(cx, both, BinaryOp::Ge)?;
        let lower = cx.div(lower, divisor)?;
        // The factor is lower triangular, also where there is none and the rest of it is NaN.
        let moved = product(cx, factor, lower)?;
        Ok(smallvec![Some(masked(cx, moved, BinaryOp::Ge)?)])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        _cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        not_linear(cx, Cholesky, inputs)
    }
}

impl Derivative for TriangularSolve {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let (a, x) = (primals[0], results[0]);
        let solve = |cx: &mut dyn Tangents, b| cx.emit1(self.clone(), smallvec![a, b]);
        let from_a = match tangents[0] {
            Some(tangent) => {
                // The other triangle is not read, nor the diagonal where it is taken as ones.
                let compare = match (self.lower, self.unit_diagonal) {
                    (true, false) => BinaryOp::Ge,
                    (true, true) => BinaryOp::Gt,
                    (false, false) => BinaryOp::Le,
                    (false, true) => BinaryOp::Lt,
                };
                let mut tangent = masked(cx, tangent, compare)?;
                if self.transpose_a {
                    tangent = transposed(cx, tangent)?;
                }
                let tangent = cx.neg(tangent)?;
                let shape = cx.shape(x);
                let (rows, columns) = (shape[shape.len() - 2], shape[shape.len() - 1]);
                // The smaller of the two is solved for.
                Some(match (self.left_side, rows.cmp(&columns)) {
                    (true, std::cmp::Ordering::Greater) => {
                        let moved = product(cx, tangent, x)?;
                        solve(cx, moved)?
                    }
                    (true, _) => {
                        let solved = solve(cx, tangent)?;
                        product(cx, solved, x)?
                    }
                    (false, std::cmp::Ordering::Less) => {
                        let moved = product(cx, x, tangent)?;
                        solve(cx, moved)?
                    }
                    (false, _) => {
                        let solved = solve(cx, tangent)?;
                        product(cx, x, solved)?
                    }
                })
            }
            None => None,
        };
        let from_b = match tangents[1] {
            Some(tangent) => Some(solve(cx, tangent)?),
            None => None,
        };
        Ok(smallvec![cx.sum(from_a, from_b)?])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(a) = inputs[0].known() else {
            return not_linear(cx, self.clone(), inputs);
        };
        let Some(cotangent) = cotangents[0] else {
            return Ok(all_zero(2));
        };
        let op = TriangularSolve {
            transpose_a: !self.transpose_a,
            ..self.clone()
        };
        Ok(smallvec![
            None,
            Some(cx.emit1(op, smallvec![a, cotangent])?)
        ])
    }
}

impl Derivative for Solve {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let moved = match tangents[0] {
            Some(tangent) => {
                let moved = product(cx, tangent, results[0])?;
                Some(cx.neg(moved)?)
            }
            None => None,
        };
        let Some(right) = cx.sum(tangents[1], moved)? else {
            return Ok(all_zero(1));
        };
        Ok(smallvec![Some(
            cx.emit1(Solve, smallvec![primals[0], right])?
        )])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(a) = inputs[0].known() else {
            return not_linear(cx, Solve, inputs);
        };
        let Some(cotangent) = cotangents[0] else {
            return Ok(all_zero(2));
        };
        let a = transposed(cx, a)?;
        Ok(smallvec![
            None,
            Some(cx.emit1(Solve, smallvec![a, cotangent])?)
        ])
    }
}
