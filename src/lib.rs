//! elimap: array transforms with JAX's `vmap` semantics, and exact elimination of phase-type models on top of them.

pub mod phase;
