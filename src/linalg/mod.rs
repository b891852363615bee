//! Dense linear algebra beyond [`Tensor::solve`](crate::Tensor::solve) and its kin, with the names of `jax.numpy.linalg` and
//! `jax.scipy.linalg`.
//!
//! Every function works on the last two axes, many matrices at once. All are compositions of operations, so they batch and print
//! like what they are made of, and run in whichever floating type they are given.
//!
//! ```
//! use elimap::{linalg, prelude::*};
//! let a = ndarray::array![[[2.0, 0.0], [0.0, 3.0]], [[0.0, 1.0], [1.0, 0.0]]];
//! let d = vmap(|a: Tensor| linalg::det(a)).call((&a,))?;
//! assert_eq!(d.to_vec::<f64>()?, [6.0, -1.0]);
//! # Ok::<(), elimap::Error>(())
//! ```

mod factor;
mod jacobi;
mod matrices;
mod norms;
mod spectral;

pub use factor::{Lu, lu, lu_solve, qr};
pub use jacobi::{eigh, svd};
pub use matrices::*;
pub use norms::{MatrixNorm, matrix_norm, vector_norm};
pub use spectral::*;

use std::panic::Location;

use crate::error::{Error, OpError, OpErrorKind};
use crate::special::float;
use crate::tensor::Tensor;
use crate::transform::vmap;

/// Applies a function of one matrix to every matrix of a stack.
fn each(
    op: &'static str,
    a: &Tensor,
    f: impl Fn(Tensor) -> Result<Vec<Tensor>, Error>,
) -> Result<Vec<Tensor>, Error> {
    let a = float(a).check()?;
    if a.rank() < 2 {
        let detail = format!("takes matrices, got {}", a.ty());
        return Err(OpError::at(op, OpErrorKind::parameter(detail), Location::caller()).into());
    }
    if a.rank() == 2 {
        return f(a);
    }
    let (lead, matrix) = a.shape().split_at(a.rank() - 2);
    let signed =
        |lengths: &[usize]| -> Vec<isize> { lengths.iter().map(|&n| n as isize).collect() };
    let flat = [
        vec![lead.iter().product::<usize>() as isize],
        signed(matrix),
    ]
    .concat();
    let out = vmap(&f).call((a.reshape(flat),))?;
    let unfold = |x: Tensor| {
        x.reshape([signed(lead), signed(&x.shape()[1..])].concat())
            .check()
    };
    out.into_iter().map(unfold).collect()
}

/// The square of each element, of a complex one that of its size.
fn squared_size(x: &Tensor) -> Tensor {
    if x.dtype().is_complex() {
        x.real().square() + x.imag().square()
    } else {
        x.square()
    }
}

/// Checks that matrices are square, and returns their size.
fn square(op: &'static str, a: &Tensor) -> Result<usize, Error> {
    match a.shape() {
        [.., n, m] if n == m => Ok(*n),
        _ => {
            let detail = format!("takes square matrices, got {}", a.ty());
            Err(OpError::at(op, OpErrorKind::parameter(detail), Location::caller()).into())
        }
    }
}
