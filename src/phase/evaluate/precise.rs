//! Answers for one theta with 106 bits and an unbounded exponent, where `f64` does not suffice.
//!
//! What has a sum of nonnegative numbers of its own in [`crate::phase::distribution`] is taken from there; transposed solves and
//! gradients ([`crate::phase::numeric::adjoint`]) are done here, in the wide arithmetic only.

use crate::phase::distribution::PhaseType;
use crate::phase::evaluate::quantity::Goal;
use crate::phase::index::{IndexVec, Transient};
use crate::phase::numeric::adjoint::moment_terms;
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::symbolic::layout::Target;
use crate::phase::trace::EliminationTrace;

/// Checks a theta and answers for it.
pub(crate) fn answer(
    trace: &EliminationTrace,
    theta: &[f64],
    goal: &Goal,
    out: &mut [f64],
) -> Result<(), NumericError> {
    let time = trace.at(theta)?;
    answer_for(&time, goal, out);
    Ok(())
}

/// Answers for a theta that was accepted.
pub(crate) fn answer_for(time: &PhaseType, goal: &Goal, out: &mut [f64]) {
    let layout = time.trace().symbolic().layout();
    match goal {
        Goal::Moments(order) => out.copy_from_slice(&time.moments(*order)),
        Goal::Variance => out[0] = time.variance(),
        Goal::WaitingTimes => out.copy_from_slice(&time.expected_waiting_times()),
        Goal::SojournTimes => {
            let y = transposed(time, 1);
            for (t, &value) in y[0].iter_enumerated() {
                out[layout.vertex(t).index()] = value.to_f64();
            }
        }
        Goal::Gradient(order) => {
            let (values, gradients) = out.split_at_mut(*order);
            values.copy_from_slice(&time.moments(*order));
            let mut columns = vec![IndexVec::filled(
                Extended::from_f64(1.0),
                layout.transient_count(),
            )];
            for k in 1..=*order {
                columns.push(time.extended_moment(&columns[k - 1], k));
            }
            let mut corrections = vec![IndexVec::filled(Extended::ZERO, layout.transient_count())];
            for k in 1..=*order {
                let factor = Extended::from_f64(k as f64);
                let left = residual(time, &columns[k], |t| columns[k - 1][t] * factor);
                let right = left
                    .iter()
                    .zip(corrections[k - 1].iter())
                    .map(|(&left, &correction)| left + correction * factor)
                    .collect();
                corrections.push(time.extended().solve(time.trace().symbolic(), &right));
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
            let corrections: Vec<IndexVec<Transient, Extended>> = columns
                .iter()
                .zip(rewards.iter())
                .map(|(x, reward)| {
                    let right = residual(time, x, |t| Extended::from_f64(reward[t]));
                    time.extended().solve(time.trace().symbolic(), &right)
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

fn rewarded(
    time: &PhaseType,
    rewards: &[IndexVec<Transient, f64>],
) -> Vec<IndexVec<Transient, Extended>> {
    rewards
        .iter()
        .map(|reward| {
            let right = reward.iter().map(|&r| Extended::from_f64(r)).collect();
            time.extended().solve(time.trace().symbolic(), &right)
        })
        .collect()
}

/// The first transposed solutions: A' y_1 = alpha, A' y_{i+1} = y_i.
fn transposed(time: &PhaseType, count: usize) -> Vec<IndexVec<Transient, Extended>> {
    let symbolic = time.trace().symbolic();
    let layout = symbolic.layout();
    let mut right = IndexVec::filled(Extended::ZERO, layout.transient_count());
    for (t, probability) in layout.start(time.trace().graph()) {
        right[t] = right[t] + Extended::from_f64(probability);
    }
    let mut solutions = Vec::with_capacity(count);
    for _ in 0..count {
        right = time.extended().solve_transposed(symbolic, &right);
        solutions.push(right.clone());
    }
    solutions
}

/// What is left of a right-hand side after a solution: row t of A x is the sum of `w(t, u) (x(t) - x(u))`.
fn residual(
    time: &PhaseType,
    x: &IndexVec<Transient, Extended>,
    right: impl Fn(Transient) -> Extended,
) -> IndexVec<Transient, Extended> {
    let layout = time.trace().symbolic().layout();
    let rates = time.extended().rates();
    let mut left: IndexVec<Transient, Extended> = layout.transients().iter().map(right).collect();
    for block in layout.blocks() {
        for t in layout.members(block).iter() {
            if time.is_nonabsorbing(t) {
                left[t] = Extended::ZERO;
                continue;
            }
            for (slot, target) in layout.targets(t) {
                let difference = match target {
                    Target::Own(local) => x[t] + -x[layout.member(block, local)],
                    Target::Later(later) => x[t] + -x[later],
                    Target::Absorbing => x[t],
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
    y: &'a IndexVec<Transient, Extended>,
    x: &'a IndexVec<Transient, Extended>,
    correction: &'a IndexVec<Transient, Extended>,
    factor: f64,
}

/// Adds up gradients over edges.
fn gradient(time: &PhaseType, terms: &[Share<'_>], out: &mut [f64]) {
    let (layout, graph) = (time.trace().symbolic().layout(), time.trace().graph());
    let parameters = graph.param_length();
    let mut sums = vec![Extended::ZERO; out.len()];
    // Where a derivative opens a way to a vertex with an infinite time: the sign of the infinity.
    let mut infinite = vec![0.0; out.len()];
    for t in layout.transients().iter() {
        for edge in graph.edges_from(layout.vertex(t)) {
            let target = layout.number(edge.to);
            for term in terms {
                let difference = |values: &IndexVec<Transient, Extended>| match target {
                    None => -values[t],
                    Some(target) => values[target] + -values[t],
                };
                let weight = term.y[t] * Extended::from_f64(term.factor);
                let change = weight * (difference(term.x) + difference(term.correction));
                for (&parameter, &coefficient) in edge.parameters.iter().zip(edge.coefficients) {
                    let at = term.output * parameters + parameter as usize;
                    if target.is_some_and(|target| time.is_nonabsorbing(target)) {
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
