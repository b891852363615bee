//! Activations and what goes with them: functions of `jax.nn`, with its names and meaning; and sums by segment.

mod activations;
mod attention;
mod segments;

pub use activations::*;
pub use attention::dot_product_attention;
pub use segments::*;
