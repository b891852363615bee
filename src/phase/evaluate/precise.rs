//! Answers for one theta where `f64` does not suffice.
//!
//! What is a sum of nonnegative numbers takes 106 bits and an unbounded exponent ([`crate::phase::numeric::extended`]);
//! gradients take as many digits as certify them ([`crate::phase::evaluate::certified`]).

use crate::phase::distribution::PhaseType;
use crate::phase::error::PhaseError;
use crate::phase::evaluate::certified::Problem;
use crate::phase::evaluate::quantity::Goal;
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::trace::EliminationTrace;

/// Checks a theta and answers for it.
pub(crate) fn answer(
    trace: &EliminationTrace,
    theta: &[f64],
    goal: &Goal,
    out: &mut [f64],
) -> Result<(), PhaseError> {
    answer_for(&trace.at(theta)?, goal, out)
}

/// Answers for a theta that was accepted.
pub(crate) fn answer_for(time: &PhaseType, goal: &Goal, out: &mut [f64]) -> Result<(), PhaseError> {
    match goal {
        Goal::Moments(order) => out.copy_from_slice(&time.moments(*order)),
        Goal::Variance => out[0] = time.variance(),
        Goal::WaitingTimes => out.copy_from_slice(&time.expected_waiting_times()),
        Goal::SojournTimes => sojourn_times(time, out),
        Goal::Rewards(rewards) => {
            let columns = rewarded(time, rewards);
            for (out, column) in out.iter_mut().zip(&columns) {
                *out = time.weigh_extended(column).to_f64();
            }
        }
        Goal::Gradient(order) => {
            let (values, gradients) = out.split_at_mut(*order);
            values.copy_from_slice(&time.moments(*order));
            gradient(time, goal, gradients)?;
        }
        Goal::RewardGradient(rewards) => {
            let (values, gradients) = out.split_at_mut(rewards.len());
            values.copy_from_slice(&time.answer(&Goal::Rewards(rewards.clone()))?);
            gradient(time, goal, gradients)?;
        }
    }
    Ok(())
}

fn gradient(time: &PhaseType, goal: &Goal, out: &mut [f64]) -> Result<(), PhaseError> {
    Problem {
        trace: time.trace(),
        theta: time.theta(),
        lost: time.lost(),
        goal,
    }
    .answer(out)
}

/// The expected time in each vertex of the graph: A' y = alpha.
pub(crate) fn sojourn_times(time: &PhaseType, out: &mut [f64]) {
    let trace = time.trace();
    let layout = &trace.0.layout;
    let mut y = vec![Extended::ZERO; layout.transient.len()];
    for &(t, probability) in &trace.0.start {
        y[t as usize] = y[t as usize] + Extended::from_f64(probability);
    }
    y = time.extended().solve_transposed(trace, &y);
    for (&vertex, &value) in layout.transient.iter().zip(&y) {
        out[vertex.index()] = value.to_f64();
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
