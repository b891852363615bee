//! Factorizations of matrices.

use super::{count, refused, traced};
use crate::array::{DType, TensorType};
use crate::error::ParseError;
use crate::linalg::{self, Lu};
use crate::program::Program;
use crate::program::text::Given;
use crate::tensor::{arange, where_};

type Read = Result<Program, ParseError>;

pub(super) fn compose(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Option<Read> {
    Some(match name {
        "lu" => count::<1>(name, given, operands).and_then(|()| {
            traced(name, given, operands, |a| {
                let Lu {
                    lu,
                    pivots,
                    permutation,
                } = linalg::lu(&a[0])?;
                Ok(vec![lu, pivots, permutation])
            })
        }),
        "lu_pivots_to_permutation" => pivots(name, given, operands),
        "qr" => qr(name, given, operands),
        "eigh" => eigh(name, given, operands),
        "svd" => svd(name, given, operands),
        "householder_product" => householder(name, given, operands),
        "symmetric_product" => symmetric_product(name, given, operands),
        "tridiagonal_solve" => tridiagonal_solve(name, given, operands),
        _ => return None,
    })
}

fn pivots(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<1>(name, given, operands)?;
    let size: usize = given.number("permutation_size")?;
    let most = operands[0].shape.last().copied().unwrap_or(0);
    traced(name, given, operands, |x| {
        let lead = x[0].shape().split_last().map_or(&[][..], |(_, lead)| lead);
        let shape = [lead, &[size]].concat();
        let rows = arange(size).astype(DType::I32);
        let mut order = rows.broadcast_to(&shape);
        for k in 0..most {
            // Rows `k` and its pivot change places.
            let pivot = x[0].index(-1, k as isize).expand_dims(-1);
            let here = order.index(-1, k as isize).expand_dims(-1);
            let there = rows.equal(&pivot);
            let found = where_(&there, &order, 0).sum(-1).expand_dims(-1);
            order = where_(there, here, order);
            order = where_(rows.equal(k as i64), found, order);
        }
        Ok(vec![order])
    })
}

fn qr(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<1>(name, given, operands)?;
    let full = given.boolean("full_matrices")?;
    given.fixed("pivoting", "False")?;
    given.optional("use_magma");
    traced(name, given, operands, |a| {
        let (q, r) = linalg::qr(&a[0], full)?;
        Ok(vec![q, r])
    })
}

fn eigh(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<1>(name, given, operands)?;
    let lower = given.boolean("lower")?;
    given.optional("algorithm");
    given.optional("sort_eigenvalues");
    given.fixed("subset_by_index", "None")?;
    traced(name, given, operands, |a| {
        // JAX reads one triangle; what is above or below the diagonal mirrors it.
        let a = &a[0];
        let rank = a.rank() as isize;
        let order: Vec<isize> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
        let half = if lower { a.tril(0) } else { a.triu(0) };
        let rest = if lower { a.tril(-1) } else { a.triu(1) };
        let (w, v) = linalg::eigh(half + rest.transpose(order))?;
        Ok(vec![v, w])
    })
}

fn svd(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<1>(name, given, operands)?;
    let full = given.boolean("full_matrices")?;
    let vectors = given.boolean("compute_uv")?;
    given.optional("algorithm");
    given.fixed("subset_by_index", "None")?;
    traced(name, given, operands, |a| {
        if !vectors {
            return Ok(vec![linalg::svdvals(&a[0])]);
        }
        let (u, s, vt) = linalg::svd(&a[0], full)?;
        Ok(vec![s, u, vt])
    })
}

/// The product of the reflections whose vectors are the columns of a matrix below its diagonal.
fn householder(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<2>(name, given, operands)?;
    if operands[0].rank() < 2 || operands[1].rank() + 1 != operands[0].rank() {
        return Err(refused(
            name,
            given.at(),
            "it takes matrices and vectors".to_owned(),
        ));
    }
    traced(name, given, operands, |x| {
        let (a, taus) = (&x[0], &x[1]);
        let rank = a.rank();
        let (n, m) = (a.shape()[rank - 2], a.shape()[rank - 1]);
        let rows = arange(n);
        let one = crate::tensor::eye(n, m, 0, a.dtype());
        let mut q = one.broadcast_to(a.shape());
        for k in (0..taus.shape()[rank - 2]).rev() {
            let column = a.index(-1, k as isize);
            let v = where_(
                rows.less(k as i64),
                0,
                where_(rows.equal(k as i64), 1, column),
            );
            let v = v.astype(a.dtype()).expand_dims(-1);
            let tau = taus.index(-1, k as isize).expand_dims([-2, -1]);
            let along = (&v * &q).sum(-2).expand_dims(-2);
            q = &q - tau * v * along;
        }
        Ok(vec![q])
    })
}

fn symmetric_product(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<2>(name, given, operands)?;
    let alpha: f64 = given.number("alpha")?;
    let beta: f64 = given.number("beta")?;
    traced(name, given, operands, |x| {
        let rank = x[0].rank() as isize;
        let order: Vec<isize> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
        let product = x[0].matmul(x[0].transpose(order)) * alpha;
        Ok(vec![product + &x[1] * beta])
    })
}

fn tridiagonal_solve(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<4>(name, given, operands)?;
    given.fixed("perturb_singular", "False")?;
    traced(name, given, operands, |x| {
        Ok(vec![linalg::tridiagonal_solve(&x[0], &x[1], &x[2], &x[3])])
    })
}
