//! Answers for one theta where `f64` does not suffice.
//!
//! What is a sum of nonnegative numbers takes 106 bits and an unbounded exponent ([`crate::phase::numeric::extended`]);
//! gradients take as many digits as certify them ([`crate::phase::evaluate::certified`]).

use crate::phase::distribution::PhaseType;
use crate::phase::evaluate::certified::Problem;
use crate::phase::evaluate::quantity::Goal;
use crate::phase::index::{IndexVec, Transient};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::trace::EliminationTrace;

/// Checks a theta and answers for it.
pub(crate) fn answer(
    trace: &EliminationTrace,
    theta: &[f64],
    goal: &Goal,
    out: &mut [f64],
) -> Result<(), NumericError> {
    answer_for(&trace.at(theta)?, goal, out)
}

/// Answers for a theta that was accepted.
pub(crate) fn answer_for(
    time: &PhaseType,
    goal: &Goal,
    out: &mut [f64],
) -> Result<(), NumericError> {
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

fn gradient(time: &PhaseType, goal: &Goal, out: &mut [f64]) -> Result<(), NumericError> {
    Problem {
        trace: time.trace(),
        theta: time.theta(),
        nonabsorbing: time.nonabsorbing(),
        goal,
    }
    .answer(out)
}

/// The expected time in each vertex of the graph: A' y = alpha.
pub(crate) fn sojourn_times(time: &PhaseType, out: &mut [f64]) {
    let symbolic = time.trace().symbolic();
    let layout = symbolic.layout();
    let mut y = IndexVec::filled(Extended::ZERO, layout.transient_count());
    for (t, probability) in layout.start(time.trace().graph()) {
        y[t] = y[t] + Extended::from_f64(probability);
    }
    y = time.extended().solve_transposed(symbolic, &y);
    for (t, &value) in y.iter_enumerated() {
        out[layout.vertex(t).index()] = value.to_f64();
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
