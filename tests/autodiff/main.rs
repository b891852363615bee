//! Derivatives of functions: what they are, what they cost, and what they refuse.

#![allow(clippy::unwrap_used)]

mod callbacks;
mod complex;
mod control;
mod cost;
mod functions;
mod references;
mod rules;
mod text;
mod windows;

use elimap::prelude::*;

/// The numbers of a tensor.
pub(crate) fn list(t: &Tensor) -> Vec<f64> {
    t.to_array().unwrap().to_vec().unwrap()
}

/// The number that a tensor is.
pub(crate) fn number(t: &Tensor) -> f64 {
    t.to_array().unwrap().item().unwrap()
}

pub(crate) fn row(values: &[f64]) -> Array {
    Array::from(values.to_vec())
}

pub(crate) fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{found:?}, {expected:?}");
    for (x, y) in found.iter().zip(expected) {
        let fits = (x - y).abs() <= 1e-12 * (1.0 + y.abs());
        assert!(fits, "{found:?} is not {expected:?}");
    }
}
