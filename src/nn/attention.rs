//! Scaled dot-product attention.

use std::panic::Location;

use crate::array::DType;
use crate::special::float;
use crate::tensor::{Tensor, composed, where_};

/// Attention of queries `[.., T, N, H]` to keys and values `[.., S, K, H]`: each of N heads weighs the values by the softmax of
/// its products with the keys, over the root of H, computed in `float32` as in JAX. K divides N; `causal` hides later keys from earlier queries.
///
/// ```
/// use elimap::prelude::*;
/// let q = arange(4).astype(DType::F64).reshape([2, 1, 2]);
/// let out = elimap::nn::dot_product_attention(&q, &q, &q, true);
/// assert_eq!(out.i((0, 0)).to_vec::<f64>()?, [0.0, 1.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn dot_product_attention(
    query: impl Into<Tensor>,
    key: impl Into<Tensor>,
    value: impl Into<Tensor>,
    causal: bool,
) -> Tensor {
    let (query, key, value): (Tensor, Tensor, Tensor) = (query.into(), key.into(), value.into());
    composed(Location::caller(), || {
        let (q, k, v) = (
            float(&query).check()?,
            float(&key).check()?,
            float(&value).check()?,
        );
        let heads = |x: &Tensor| x.shape()[x.rank() - 2];
        let shared = heads(&q).checked_div(heads(&k)).unwrap_or(1);
        let k = crate::numpy::repeat(&k, shared, -2);
        let v = crate::numpy::repeat(&v, shared, -2);
        // Heads in front of time.
        let front = |x: &Tensor| x.moveaxis(-2, -3);
        let width = q.shape()[q.rank() - 1] as f64;
        let scores = front(&q).matmul(crate::numpy::swapaxes(front(&k), -1, -2)) / width.sqrt();
        let scores = if causal {
            let (t, s) = (
                scores.shape()[scores.rank() - 2],
                scores.shape()[scores.rank() - 1],
            );
            let seen = crate::tensor::arange(t)
                .expand_dims(1)
                .greater_equal(crate::tensor::arange(s));
            where_(seen, &scores, f64::NEG_INFINITY)
        } else {
            scores
        };
        // In float32 whatever the operands are, as JAX has it.
        let weights = scores.astype(DType::F32).softmax(-1).astype(k.dtype());
        Ok(front(&weights.matmul(front(&v))))
    })
}
