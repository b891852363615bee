//! The first part: rates at a theta from coefficients.
//!
//! Replays take their rates from [sources](crate::phase::numeric::sources), which accept a theta where all of them are
//! positive and in the safe range. Where they do not, validity is decided here, in `f64`: each edge's rate must be finite
//! and at least 0. Everything after it works on nonnegative numbers only. The wider arithmetic computes the same rates
//! again from the same coefficients and theta, so that it answers for the model as written and not for rounded rates.
//!
//! A coefficient and a parameter that are both not zero make an edge, though their product may be below every positive
//! `f64`. Where that leaves a rate of zero, 106 bits with an unbounded exponent decide whether there is an edge.

use std::convert::Infallible;

use crate::phase::graph::{Edge, Graph};
use crate::phase::index::{IndexVec, Slot};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::symbolic::layout::Layout;

fn rate<S: Scalar>(edge: Edge<'_>, theta: &[f64]) -> S {
    edge.rate_at(|parameter| S::from_f64(theta[parameter]))
}

/// The rate in `f64`. One that is zero there only because a product underflowed has the sign of the smallest numbers that
/// are not zero: enough to be seen as an edge, and too small to be computed with.
fn double(edge: Edge<'_>, theta: &[f64]) -> f64 {
    if edge
        .terms()
        .any(|(_, factors)| leaves_range(factors, theta))
    {
        let exact: Extended = rate(edge, theta);
        let double = exact.to_f64();
        if double != 0.0 {
            return double;
        }
    }
    let double: f64 = rate(edge, theta);
    let underflowed = |(coefficient, factors): (f64, &[u32])| {
        let mut values = factors.iter().map(|&k| theta[k as usize]);
        let product = values.clone().fold(coefficient, |product, x| product * x);
        product.abs() < f64::MIN_POSITIVE && coefficient != 0.0 && values.all(|x| x != 0.0)
    };
    if double != 0.0 || !edge.terms().any(underflowed) {
        // Adding 0 turns a negative zero into zero.
        return double + 0.0;
    }
    let smallest = f64::from_bits(1);
    let exact: Extended = rate(edge, theta);
    match (exact.is_positive(), (-exact).is_positive()) {
        (true, _) => smallest,
        (_, true) => -smallest,
        _ => 0.0,
    }
}

/// Whether a product of parameters is so large or small that it loses digits on the way.
fn leaves_range(factors: &[u32], theta: &[f64]) -> bool {
    if factors.len() < 2 {
        return false;
    }
    let mut product = 1.0;
    factors.iter().any(|&k| {
        product *= theta[k as usize];
        product != 0.0 && !(1e-250..1e250).contains(&f64::abs(product))
    })
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
        let rate = double(edge, theta);
        if rate.is_finite() && rate >= 0.0 {
            Ok(rate)
        } else {
            Err(NumericError::InvalidRate {
                from: edge.from,
                to: edge.to,
                rate,
            })
        }
    })
}

/// The same rates with more digits, or modulo a prime, for a theta that [`rates`] has accepted.
pub(crate) fn wide_rates<S: Scalar>(
    layout: &Layout,
    graph: &Graph,
    theta: &[f64],
) -> IndexVec<Slot, S> {
    infallible(per_slot(layout, graph, |edge| {
        let double = double(edge, theta);
        // Where coefficients cancel to the last of 106 bits, `f64` decides whether there is a rate, and which.
        Ok(match cancelled(edge, theta) {
            Some(_) if double > 0.0 => rate(edge, theta),
            _ => S::from_f64(double),
        })
    }))
}

/// By how many bits the terms of a rate exceed it; nothing if 106 bits do not tell that it is positive.
fn cancelled(edge: Edge<'_>, theta: &[f64]) -> Option<i64> {
    let exact: Extended = rate(edge, theta);
    let largest = edge
        .terms()
        .map(|(coefficient, factors)| {
            let values = factors.iter().map(|&k| theta[k as usize]);
            let product = values.fold(Extended::from_f64(coefficient), |product, x| {
                product * Extended::from_f64(x)
            });
            product.exponent()
        })
        .max();
    let terms = edge.parameters.len().max(1);
    let lost = match largest {
        Some(largest) if terms > 1 => largest + i64::from(terms.ilog2()) + 1 - exact.exponent(),
        _ => 0,
    };
    (exact.is_positive() && lost < 90).then_some(lost.max(0))
}

/// The rate of each slot at a theta of other numbers than `f64`.
pub(crate) fn rates_at<S: Scalar>(
    layout: &Layout,
    graph: &Graph,
    theta: &[S],
) -> IndexVec<Slot, S> {
    infallible(per_slot(layout, graph, |edge| {
        Ok(edge.rate_at(|parameter| theta[parameter]))
    }))
}

/// By how many bits the terms of an edge's rate exceed it, at most: that many digits are lost where they cancel.
pub(crate) fn cancelled_bits(graph: &Graph, theta: &[f64]) -> i64 {
    graph
        .edges()
        .filter_map(|edge| cancelled(edge, theta))
        .max()
        .unwrap_or(0)
}

fn infallible<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
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
