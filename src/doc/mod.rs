//! Guides: for those who come from JAX, what the compiler means, and tutorials whose code is tested.

pub mod differentiation;
pub mod for_jax_users;
pub mod if_the_compiler_says;
pub mod tutorial_callbacks;
pub mod tutorial_control_flow;
pub mod tutorial_vmap;
