//! Answers for one theta with 106 bits and an unbounded exponent, where `f64` does not suffice.
//!
//! What has a sum of nonnegative numbers of its own in [`super::replay`] is taken from there; transposed solves and
//! gradients ([`super::adjoint`]) are done here, in the wide arithmetic only.

use super::adjoint::moment_terms;
use super::analysis::NONE;
use super::arith::{Extended, Scalar};
use super::batch::Goal;
use super::error::PhaseError;
use super::replay::PhaseType;
use super::trace::EliminationTrace;

/// Checks a theta and answers for it.
pub(crate) fn answer(
    trace: &EliminationTrace,
    theta: &[f64],
    goal: &Goal,
    out: &mut [f64],
) -> Result<(), PhaseError> {
    let time = trace.at(theta)?;
    answer_for(&time, goal, out);
    Ok(())
}

/// Answers for a theta that was accepted.
pub(crate) fn answer_for(time: &PhaseType, goal: &Goal, out: &mut [f64]) {
    let layout = &time.trace().0.layout;
    match goal {
        Goal::Moments(order) => out.copy_from_slice(&time.moments(*order)),
        Goal::Variance => out[0] = time.variance(),
        Goal::WaitingTimes => out.copy_from_slice(&time.expected_waiting_times()),
        Goal::SojournTimes => {
            let y = transposed(time, 1);
            for (&vertex, &value) in layout.transient.iter().zip(&y[0]) {
                out[vertex.index()] = value.to_f64();
            }
        }
        Goal::Gradient(order) => {
            let (values, gradients) = out.split_at_mut(*order);
            values.copy_from_slice(&time.moments(*order));
            let mut columns = vec![vec![Extended::from_f64(1.0); layout.transient.len()]];
            for k in 1..=*order {
                columns.push(time.extended_moment(&columns[k - 1], k));
            }
            let y = transposed(time, *order);
            let terms: Vec<(usize, &[Extended], &[Extended], f64)> = moment_terms(*order)
                .into_iter()
                .map(|term| {
                    let (y, x) = (&y[term.y][..], &columns[term.x + 1][..]);
                    (term.output, y, x, term.factor)
                })
                .collect();
            gradient(time, &terms, gradients);
        }
        Goal::Rewards(rewards) => {
            let columns = rewarded(time, rewards);
            for (out, column) in out.iter_mut().zip(&columns) {
                *out = time.weigh_extended(column).to_f64();
            }
        }
        Goal::RewardGradient(rewards) => {
            let columns = rewarded(time, rewards);
            let (values, gradients) = out.split_at_mut(rewards.len());
            values.copy_from_slice(&time.answer(&Goal::Rewards(rewards.clone())));
            let y = transposed(time, 1);
            let terms: Vec<(usize, &[Extended], &[Extended], f64)> = columns
                .iter()
                .enumerate()
                .map(|(k, x)| (k, &y[0][..], &x[..], 1.0))
                .collect();
            gradient(time, &terms, gradients);
        }
    }
}

fn rewarded(time: &PhaseType, rewards: &[Vec<f64>]) -> Vec<Vec<Extended>> {
    rewards
        .iter()
        .map(|reward| {
            let right: Vec<Extended> = reward.iter().map(|&r| Extended::from_f64(r)).collect();
            time.extended().solve(time.trace(), &right)
        })
        .collect()
}

/// The first transposed solutions: A' y_1 = alpha, A' y_{i+1} = y_i.
fn transposed(time: &PhaseType, count: usize) -> Vec<Vec<Extended>> {
    let trace = time.trace();
    let mut right = vec![Extended::ZERO; trace.0.layout.transient.len()];
    for &(t, probability) in &trace.0.start {
        right[t as usize] = right[t as usize] + Extended::from_f64(probability);
    }
    let mut solutions = Vec::with_capacity(count);
    for _ in 0..count {
        right = time.extended().solve_transposed(trace, &right);
        solutions.push(right.clone());
    }
    solutions
}

/// Adds up gradients over edges, `(output, y, x, factor)` by term.
fn gradient(time: &PhaseType, terms: &[(usize, &[Extended], &[Extended], f64)], out: &mut [f64]) {
    let layout = &time.trace().0.layout;
    let parameters = layout.graph.param_length();
    let mut sums = vec![Extended::ZERO; out.len()];
    // Where a derivative opens a way to a vertex with an infinite time: the sign of the infinity.
    let mut infinite = vec![0.0; out.len()];
    for (t, &vertex) in layout.transient.iter().enumerate() {
        for edge in layout.graph.edges_from(vertex) {
            let target = layout.number[edge.to.index()];
            for &(output, y, x, factor) in terms {
                let there = if target == NONE {
                    Extended::ZERO
                } else {
                    x[target as usize]
                };
                let weight = y[t] * Extended::from_f64(factor);
                let change = weight * (there + -x[t]);
                for (&parameter, &coefficient) in edge.parameters.iter().zip(edge.coefficients) {
                    let at = output * parameters + parameter as usize;
                    if target != NONE && time.is_lost(target as usize) {
                        if weight.is_positive() {
                            infinite[at] = f64::INFINITY * coefficient.signum();
                        }
                    } else {
                        let step = Extended::from_f64(coefficient.abs()) * change;
                        sums[at] = sums[at] + if coefficient < 0.0 { -step } else { step };
                    }
                }
            }
        }
    }
    for ((out, sum), infinite) in out.iter_mut().zip(sums).zip(infinite) {
        *out = if infinite == 0.0 {
            sum.to_f64()
        } else {
            infinite
        };
    }
}
