//! Guides: for those who come from JAX, what the compiler means, and tutorials whose code is tested.

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
