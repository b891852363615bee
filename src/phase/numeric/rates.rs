//! The linear part: rates at a theta from coefficients.
//!
//! Replays take their rates from [sources](crate::phase::numeric::sources), which accept a theta where all rates are
//! positive and in the safe range. Where they do not, validity is decided here, in `f64`: each edge's rate must be finite and at least 0.
//! Everything after it works on nonnegative numbers only. The wider arithmetic computes the same rates again from the same coefficients and theta,
//! so that it answers for the model as written and not for rounded rates.

use std::convert::Infallible;

use crate::phase::graph::{Edge, Graph};
use crate::phase::index::{IndexVec, Slot};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::symbolic::layout::Layout;

/// The product of coefficients and theta, in the order of the parameters; the constant is 0 if there are coefficients.
fn rate<S: Scalar>(edge: Edge<'_>, theta: &[f64]) -> S {
    let mut rate = S::from_f64(edge.constant);
    for (&parameter, &coefficient) in edge.parameters.iter().zip(edge.coefficients) {
        rate = rate + S::from_f64(coefficient) * S::from_f64(theta[parameter as usize]);
    }
    rate
}

pub(crate) fn check_theta(theta: &[f64], expected: usize) -> Result<(), NumericError> {
    if theta.len() != expected {
        return Err(NumericError::ThetaLength {
            expected,
            found: theta.len(),
        });
    }
    match theta.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(NumericError::ThetaNotFinite {
            index,
            value: theta[index],
        }),
        None => Ok(()),
    }
}

/// The rate of each slot, for a theta that [`check_theta`] has accepted.
pub(crate) fn rates(
    layout: &Layout,
    graph: &Graph,
    theta: &[f64],
) -> Result<IndexVec<Slot, f64>, NumericError> {
    per_slot(layout, graph, |edge| {
        let rate: f64 = rate(edge, theta);
        if rate.is_finite() && rate >= 0.0 {
            // Adding 0 turns a negative zero into zero.
            Ok(rate + 0.0)
        } else {
            Err(NumericError::InvalidRate {
                from: edge.from,
                to: edge.to,
                rate,
            })
        }
    })
}

/// The same rates with more digits, for a theta that [`rates`] has accepted.
pub(crate) fn extended_rates(
    layout: &Layout,
    graph: &Graph,
    theta: &[f64],
) -> IndexVec<Slot, Extended> {
    let rate = |edge: Edge<'_>| {
        let double: f64 = rate(edge, theta);
        let extended: Extended = rate(edge, theta);
        // Where coefficients cancel, `f64` decides whether there is a rate at all.
        if double > 0.0 && extended.is_positive() {
            extended
        } else {
            Extended::from_f64(double)
        }
    };
    match per_slot(layout, graph, |edge| Ok::<_, Infallible>(rate(edge))) {
        Ok(rates) => rates,
    }
}

fn per_slot<S: Scalar, E>(
    layout: &Layout,
    graph: &Graph,
    rate: impl Fn(Edge<'_>) -> Result<S, E>,
) -> Result<IndexVec<Slot, S>, E> {
    let mut rates = IndexVec::new();
    for t in layout.transients().iter() {
        for slot in layout.slots(t).iter() {
            let mut sum: Option<S> = None;
            for &edge in layout.edges(slot) {
                let rate = rate(graph.edge_of(layout.vertex(t), edge as usize))?;
                sum = Some(sum.map_or(rate, |sum| sum + rate));
            }
            rates.push(sum.unwrap_or(S::ZERO));
        }
    }
    Ok(rates)
}
