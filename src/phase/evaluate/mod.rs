//! Quantities of a model at one theta or many: what is asked, the engine that answers, batches and callbacks.
//!
//! A [quantity](quantity) has one recipe. [`group`] solves it for lanes of thetas side by side and judges each lane;
//! [`point`] is one theta with its factors, and answers beyond the range of `f64`; [`certified`] answers gradients beyond its
//! digits. [`batch`] spreads groups over threads, [`callbacks`] hands batches to the transform framework.

pub(crate) mod batch;
pub(crate) mod callbacks;
pub(crate) mod certified;
pub(crate) mod group;
pub(crate) mod point;
pub(crate) mod pullback;
pub(crate) mod quantity;
