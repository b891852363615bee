//! Answers of JAX 0.10.2, recorded case by case, through the public API.
//!
//! `examples/conformance.rs` runs files of cases with the same code.

#![allow(clippy::unwrap_used)]

mod case;
mod compare;
mod host;
mod interp;
mod jaxprs;
mod random;
mod recorded;
