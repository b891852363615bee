//! Tensors, transforms, callbacks and errors of the framework.

#![allow(clippy::unwrap_used)]

mod axes;
mod callback_failures;
mod callback_values;
mod callbacks;
mod cancel;
mod chunks;
mod collectives;
mod conditionals;
mod control_flow;
mod custom_vmap;
mod debug;
mod derive_tree;
mod errors;
mod first_minutes;
mod jax_api_vmap;
mod jax_python_callback;
mod jit;
mod numerics;
mod numpy;
mod sizes;
mod special;
#[path = "../support/mod.rs"]
mod support;
mod traces;
