//! Guides, all of whose code is tested.
//!
//! - [`tutorial_vmap`], [`tutorial_callbacks`], [`tutorial_control_flow`]: a first half hour.
//! - [`cookbook`]: twelve small programs, each beside its twin in JAX.
//! - [`for_jax_users`]: what you write there, what you write here, and what differs.
//! - [`differentiation`]: gradients, Jacobians, derivatives of your own, and host functions among them.
//! - [`if_the_compiler_says`]: what its messages mean here, and what to write.

pub mod cookbook;
pub mod differentiation;
pub mod for_jax_users;
pub mod if_the_compiler_says;
pub mod tutorial_callbacks;
pub mod tutorial_control_flow;
pub mod tutorial_vmap;

/// Coming from phasic: its calls, and the calls here.
#[cfg(feature = "phase")]
#[doc = include_str!("../../doc/from-phasic.md")]
pub mod from_phasic {}

/// Coming from PhaseTypeR: its calls, and the calls here.
#[cfg(feature = "phase")]
#[doc = include_str!("../../doc/from-phasetyper.md")]
pub mod from_phasetyper {}

/// Coming from PhaseGen: its calls, and the calls here.
#[cfg(feature = "phase")]
#[doc = include_str!("../../doc/from-phasegen.md")]
pub mod from_phasegen {}

/// Phase-type distributions, a primer.
#[cfg(feature = "phase")]
#[doc = include_str!("../../doc/phase-types.md")]
pub mod phase_types {}
