//! Functions of `jax.lax` that are made of others: convolutions, windows, generic reductions and scans.
//!
//! ```
//! use elimap::{lax, prelude::*};
//! let image = arange(9).astype(DType::F64).reshape([1, 1, 3, 3]);
//! let kernel = ones([1, 1, 2, 2], DType::F64);
//! let out = lax::conv(&image, &kernel, &lax::Conv::new(2))?;
//! assert_eq!(out.to_vec::<f64>()?, [8.0, 12.0, 20.0, 24.0]);
//! # Ok::<(), elimap::Error>(())
//! ```

mod apply;
mod conv;
mod numbers;
mod scans;
mod windows;

pub use apply::scatter_apply;
pub use conv::{Conv, conv, conv_patches, conv_transpose, convolve};
pub use numbers::{complex, mulhi, reduce_precision};
pub use scans::{associative_scan, reduce, reduce_and, reduce_or, reduce_xor};
pub(crate) use windows::extremes;
pub use windows::{Windows, reduce_window, select_and_gather_add, select_and_scatter_add};

use std::panic::Location;

use crate::error::{Error, OpError, OpErrorKind};

fn refuse(op: &'static str, detail: impl Into<String>) -> Error {
    OpError::at(
        op,
        OpErrorKind::parameter(detail.into()),
        Location::caller(),
    )
    .into()
}
