//! Answers for one theta with 106 bits and an unbounded exponent, where `f64` does not suffice.
//!
//! What has a sum of nonnegative numbers of its own in [`crate::phase::distribution`] is taken from there; transposed solves and
//! gradients ([`crate::phase::numeric::adjoint`]) are done here, in the wide arithmetic only.

use crate::phase::distribution::PhaseType;
use crate::phase::error::PhaseError;
use crate::phase::evaluate::quantity::Goal;
use crate::phase::numeric::adjoint::moment_terms;
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::symbolic::analysis::NONE;
use crate::phase::trace::EliminationTrace;

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
            let mut corrections = vec![vec![Extended::ZERO; layout.transient.len()]];
            for k in 1..=*order {
                let factor = Extended::from_f64(k as f64);
                let left = residual(time, &columns[k], |t| columns[k - 1][t] * factor);
                let right: Vec<Extended> = left
                    .into_iter()
                    .zip(&corrections[k - 1])
                    .map(|(left, &correction)| left + correction * factor)
                    .collect();
                corrections.push(time.extended().solve(time.trace(), &right));
            }
            let y = transposed(time, *order);
            let terms: Vec<Share<'_>> = moment_terms(*order)
                .into_iter()
                .map(|term| Share {
                    output: term.output,
                    y: &y[term.y],
                    x: &columns[term.x + 1],
                    correction: &corrections[term.x + 1],
                    factor: term.factor,
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
            let corrections: Vec<Vec<Extended>> = columns
                .iter()
                .zip(rewards.iter())
                .map(|(x, reward)| {
                    let right = residual(time, x, |t| Extended::from_f64(reward[t]));
                    time.extended().solve(time.trace(), &right)
                })
                .collect();
            let terms: Vec<Share<'_>> = columns
                .iter()
                .zip(&corrections)
                .enumerate()
                .map(|(output, (x, correction))| Share {
                    output,
                    y: &y[0],
                    x,
                    correction,
                    factor: 1.0,
                })
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

/// What is left of a right side after a solution: row t of A x is the sum of `w(t, u) (x(t) - x(u))`.
fn residual(time: &PhaseType, x: &[Extended], right: impl Fn(usize) -> Extended) -> Vec<Extended> {
    let layout = &time.trace().0.layout;
    let rates = time.extended().rates();
    let mut left: Vec<Extended> = (0..x.len()).map(right).collect();
    for block in 0..layout.block_count() {
        let members = layout.block(block);
        for t in members.clone() {
            if time.is_lost(t) {
                left[t] = Extended::ZERO;
                continue;
            }
            for slot in layout.slots(t) {
                let target = layout.slot_target[slot] as usize;
                let difference = if layout.internal(t).contains(&slot) {
                    x[t] + -x[members.start + target]
                } else if layout.external(t).contains(&slot) {
                    x[t] + -x[target]
                } else {
                    x[t]
                };
                left[t] = left[t] + -(rates[slot] * difference);
            }
        }
    }
    left
}

/// One term of a gradient; the correction is one step of refinement of x, kept apart.
struct Share<'a> {
    output: usize,
    y: &'a [Extended],
    x: &'a [Extended],
    correction: &'a [Extended],
    factor: f64,
}

/// Adds up gradients over edges.
fn gradient(time: &PhaseType, terms: &[Share<'_>], out: &mut [f64]) {
    let layout = &time.trace().0.layout;
    let parameters = layout.graph.param_length();
    let mut sums = vec![Extended::ZERO; out.len()];
    // Where a derivative opens a way to a vertex with an infinite time: the sign of the infinity.
    let mut infinite = vec![0.0; out.len()];
    for (t, &vertex) in layout.transient.iter().enumerate() {
        for edge in layout.graph.edges_from(vertex) {
            let target = layout.number[edge.to.index()];
            for term in terms {
                let difference = |values: &[Extended]| {
                    let here = -values[t];
                    if target == NONE {
                        here
                    } else {
                        values[target as usize] + here
                    }
                };
                let weight = term.y[t] * Extended::from_f64(term.factor);
                let change = weight * (difference(term.x) + difference(term.correction));
                for (&parameter, &coefficient) in edge.parameters.iter().zip(edge.coefficients) {
                    let at = term.output * parameters + parameter as usize;
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
