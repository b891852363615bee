//! Elimination and solves at a theta, or at lanes of thetas side by side.
//!
//! [`factor`] is the algorithm; [`kernel`] has the same bits faster, and a test holds the two together.

pub(crate) mod adjoint;
pub(crate) mod big;
pub(crate) mod differences;
pub(crate) mod eliminate;
pub(crate) mod error;
pub(crate) mod extended;
pub(crate) mod factor;
pub(crate) mod kernel;
pub(crate) mod lanes;
pub(crate) mod panel;
pub(crate) mod ranks;
pub(crate) mod rates;
pub(crate) mod residue;
pub(crate) mod sensitivity;
pub(crate) mod solve;
pub(crate) mod sources;
