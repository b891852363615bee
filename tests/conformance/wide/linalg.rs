//! Functions of `jax.numpy.linalg`, `jax.scipy.linalg` and `jax.lax.linalg`.

use elimap::linalg::{self, Lu, MatrixNorm};
use elimap::prelude::*;
use elimap::{Error, numpy as jnp};
use serde_json::Value;

use super::{Call, one};

fn matrix_norm(ord: &Value) -> MatrixNorm {
    match (ord.as_str(), ord.as_f64()) {
        (Some("nuc"), _) => MatrixNorm::Nuclear,
        (Some("inf"), _) => MatrixNorm::Rows { least: false },
        (Some("-inf"), _) => MatrixNorm::Rows { least: true },
        (_, Some(1.0)) => MatrixNorm::Columns { least: false },
        (_, Some(-1.0)) => MatrixNorm::Columns { least: true },
        (_, Some(2.0)) => MatrixNorm::Spectral { least: false },
        (_, Some(-2.0)) => MatrixNorm::Spectral { least: true },
        _ => MatrixNorm::Frobenius,
    }
}

fn order(ord: &Value) -> f64 {
    match ord.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => ord.as_f64().unwrap_or(2.0),
    }
}

/// The lower and the upper factor of factored matrices.
fn triangles(f: &Lu) -> [Tensor; 2] {
    let (n, m) = (f.lu.shape()[f.lu.rank() - 2], f.lu.shape()[f.lu.rank() - 1]);
    let k = n.min(m);
    let lower = f.lu.tril(-1) + elimap::eye(n, m, 0, f.lu.dtype());
    [
        lower.i((ELLIPSIS, ..k)),
        f.lu.triu(0).i((ELLIPSIS, ..k, ..)),
    ]
}

/// The matrix that undoes an order of rows.
fn unpermuting(f: &Lu) -> Tensor {
    let n = f.lu.shape()[f.lu.rank() - 2];
    let rows = elimap::one_hot(&f.permutation, n, f.lu.dtype());
    jnp::matrix_transpose(rows)
}

/// Runs an operation; `None` where this file does not know it.
pub(super) fn run(call: &Call<'_>, op: &str) -> Result<Option<Vec<Tensor>>, Error> {
    if !op.contains("linalg.") {
        return Ok(None);
    }
    let x = || call.arg(0);
    let float = |x: Tensor| if x.dtype().is_float() { x } else { x / 1.0 };
    let lower = call.flag("lower", false);
    one(match op {
        "lax.linalg.cholesky" => x()?.cholesky(),
        "linalg.cholesky" => {
            let factor = float(x()?).cholesky();
            if call.flag("upper", false) {
                jnp::matrix_transpose(factor)
            } else {
                factor
            }
        }
        "scipy.linalg.cholesky" => {
            let factor = float(x()?).cholesky();
            if lower {
                factor
            } else {
                jnp::matrix_transpose(factor)
            }
        }
        "lax.linalg.lu" => {
            let f = linalg::lu(x()?)?;
            return Ok(Some(vec![f.lu, f.pivots, f.permutation]));
        }
        "lax.linalg.lu_pivots_to_permutation" => {
            let (pivots, n) = (x()?, call.size("permutation_size").unwrap_or(0));
            let mut order =
                elimap::iota(DType::I32, [pivots.shape(), &[n]].concat(), pivots.rank());
            if pivots.rank() == 1 {
                order = iota(DType::I32, n, 0);
            }
            let rows = arange(n);
            for k in 0..pivots.shape()[pivots.rank() - 1] {
                let with = pivots.index(-1, k as isize).expand_dims(-1);
                let at = where_(
                    rows.equal(k as i64),
                    &with,
                    where_(rows.equal(&with), k as i64, &rows),
                );
                order = order.take_along_axis(at.astype(DType::I64), -1, TakeMode::Clip);
            }
            order
        }
        "scipy.linalg.lu_factor" => {
            let f = linalg::lu(x()?)?;
            return Ok(Some(vec![f.lu, f.pivots]));
        }
        "scipy.linalg.lu" => {
            let f = linalg::lu(x()?)?;
            let [l, u] = triangles(&f);
            let p = unpermuting(&f);
            if call.flag("permute_l", false) {
                return Ok(Some(vec![p.matmul(l), u]));
            }
            return Ok(Some(vec![p, l, u]));
        }
        "linalg.slogdet" => {
            let (sign, log) = linalg::slogdet(x()?)?;
            return Ok(Some(vec![sign, log]));
        }
        "linalg.det" | "scipy.linalg.det" => linalg::det(x()?),
        "linalg.inv" | "scipy.linalg.inv" => linalg::inv(x()?),
        "linalg.matrix_power" => linalg::matrix_power(x()?, call.int("n").unwrap_or(1) as i32),
        "linalg.multi_dot" => linalg::multi_dot(call.list(0)?)?,
        "linalg.pinv" => linalg::pinv(x()?, call.number("rtol").or(call.number("rcond"))),
        "linalg.matrix_rank" => linalg::matrix_rank(x()?),
        "linalg.cond" => match &call.json["p"] {
            Value::Null => linalg::cond(x()?),
            p if p == 2 => linalg::cond(x()?),
            p => linalg::cond_in(x()?, matrix_norm(p)),
        },
        "linalg.lstsq" => linalg::lstsq(x()?, call.arg(1)?),
        "linalg.tensorinv" => linalg::tensorinv(x()?, call.size("ind").unwrap_or(2)),
        "linalg.tensorsolve" => linalg::tensorsolve(x()?, call.arg(1)?),
        "linalg.matrix_norm" => {
            let x = x()?;
            let out = linalg::matrix_norm(&x, matrix_norm(&call.json["ord"]));
            call.kept(out, &[-2, -1], x.rank())
        }
        "linalg.vector_norm" => {
            let x = x()?;
            let axes = call.axes("axis", x.rank());
            let out = linalg::vector_norm(&x, order(&call.json["ord"]), axes.clone());
            call.kept(out, &axes, x.rank())
        }
        "linalg.norm" => {
            let x = x()?;
            let (ord, axes) = (&call.json["ord"], call.axes("axis", x.rank()));
            let out = if axes.len() == 1 || ord.is_null() {
                linalg::vector_norm(&x, order(ord), axes.clone())
            } else {
                linalg::matrix_norm(jnp::moveaxis(&x, axes.clone(), [-2, -1]), matrix_norm(ord))
            };
            call.kept(out, &axes, x.rank())
        }
        "linalg.solve" => x()?.solve(call.arg(1)?),
        "scipy.linalg.solve" => x()?.solve(call.arg(1)?),
        "linalg.qr" | "lax.linalg.qr" => {
            let full = call.text("mode", "reduced") == "complete"
                || (op.starts_with("lax") && call.flag("full_matrices", true));
            let (q, r) = linalg::qr(x()?, full)?;
            if call.text("mode", "reduced") == "r" {
                return one(r);
            }
            return Ok(Some(vec![q, r]));
        }
        "linalg.eigh" => {
            let (w, v) = linalg::eigh(x()?)?;
            return Ok(Some(vec![w, v]));
        }
        "lax.linalg.eigh" => {
            let (w, v) = linalg::eigh(x()?)?;
            return Ok(Some(vec![v, w]));
        }
        "linalg.eigvalsh" => linalg::eigvalsh(x()?),
        "scipy.linalg.eigh_tridiagonal" => {
            let (d, e) = (x()?, call.arg(1)?);
            let off = jnp::diag(&e, 1);
            linalg::eigvalsh(jnp::diag(d, 0) + &off + jnp::matrix_transpose(&off))
        }
        "linalg.svdvals" => linalg::svdvals(x()?),
        "linalg.svd" => {
            if !call.flag("compute_uv", true) {
                return one(linalg::svdvals(x()?));
            }
            let (u, s, vt) = linalg::svd(x()?, call.flag("full_matrices", true))?;
            return Ok(Some(vec![u, s, vt]));
        }
        "scipy.linalg.polar" => {
            let (u, p) = linalg::polar(x()?)?;
            return Ok(Some(vec![u, p]));
        }
        "scipy.linalg.expm" => linalg::expm(x()?),
        "scipy.linalg.block_diag" => linalg::block_diag(call.all()?)?,
        "scipy.linalg.toeplitz" => {
            let c = x()?;
            let r = call.maybe(1)?.unwrap_or_else(|| c.clone());
            linalg::toeplitz(c, r)
        }
        "scipy.linalg.cho_solve" => linalg::cho_solve(x()?, call.arg(1)?, lower),
        "scipy.linalg.lu_solve" => {
            let (lu, pivots) = (x()?, call.arg(1)?);
            let n = lu.shape()[lu.rank() - 1];
            let mut order = arange(n);
            for k in 0..n {
                let with = pivots.index(-1, k as isize);
                let rows = arange(n);
                let at = where_(
                    rows.equal(k as i64),
                    &with,
                    where_(rows.equal(&with), k as i64, &rows),
                );
                order = order.take(at, 0, TakeMode::Clip);
            }
            let f = Lu {
                lu,
                pivots,
                permutation: order.astype(DType::I32),
            };
            let b = call.arg(2)?;
            if call.int("trans").unwrap_or(0) == 0 {
                linalg::lu_solve(&f, b)
            } else {
                let [l, u] = triangles(&f);
                let a = unpermuting(&f).matmul(l).matmul(u);
                linalg::solve_transposed(
                    a,
                    if b.rank() == 1 {
                        b.expand_dims(-1)
                    } else {
                        b.clone()
                    },
                )
                .reshape(b.shape().iter().map(|&n| n as isize))
            }
        }
        "lax.linalg.tridiagonal_solve" => {
            linalg::tridiagonal_solve(x()?, call.arg(1)?, call.arg(2)?, call.arg(3)?)
        }
        "lax.linalg.symmetric_product" => {
            let (a, c) = (x()?, call.arg(1)?);
            let alpha = call.number("alpha").unwrap_or(1.0);
            let beta = call.number("beta").unwrap_or(0.0);
            let out = a.matmul(jnp::matrix_transpose(&a)) * alpha + c * beta;
            if call.flag("symmetrize_output", false) {
                let low = out.tril(0);
                &low + jnp::matrix_transpose(out.tril(-1))
            } else {
                out.tril(0)
            }
        }
        _ => return Ok(None),
    })
}
