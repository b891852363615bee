//! What a replay is asked for, and the solves that takes.

use std::sync::Arc;

use crate::phase::index::{IndexVec, Transient};
use crate::phase::numeric::adjoint::{Term, moment_terms};
use crate::phase::numeric::kernel::{Retain, RightHandSide};
use crate::phase::trace::EliminationTrace;

/// What is asked of every theta; each answer is a row of numbers.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// `order` moments.
    Moments(usize),
    Variance,
    /// By vertex of the graph.
    WaitingTimes,
    /// By vertex of the graph.
    SojournTimes,
    /// `order` moments, then the gradient of each.
    Gradient(usize),
    /// One expectation per reward vector; rewards by transient number.
    Rewards(Arc<[IndexVec<Transient, f64>]>),
    /// Expectations, then the gradient of each.
    RewardGradient(Arc<[IndexVec<Transient, f64>]>),
}

impl Goal {
    /// The length of an answer.
    pub(crate) fn width(&self, trace: &EliminationTrace) -> usize {
        let parameters = trace.param_length();
        match self {
            Goal::Moments(order) => *order,
            Goal::Variance => 1,
            Goal::WaitingTimes | Goal::SojournTimes => trace.graph().vertex_count(),
            Goal::Gradient(order) => order * (1 + parameters),
            Goal::Rewards(rewards) => rewards.len(),
            Goal::RewardGradient(rewards) => rewards.len() * (1 + parameters),
        }
    }

    /// The right-hand sides.
    pub(crate) fn columns(&self) -> Vec<RightHandSide<'_>> {
        match self {
            Goal::Rewards(rewards) | Goal::RewardGradient(rewards) => rewards
                .iter()
                .map(|reward| RightHandSide {
                    previous: None,
                    factor: 1.0,
                    reward: Some(reward),
                })
                .collect(),
            goal => (0..goal.count())
                .map(|k| RightHandSide {
                    previous: k.checked_sub(1),
                    factor: (k + 1) as f64,
                    reward: None,
                })
                .collect(),
        }
    }

    /// How many right-hand sides are asked for.
    pub(crate) fn count(&self) -> usize {
        match self {
            Goal::Moments(order) | Goal::Gradient(order) => *order,
            Goal::Variance => 2,
            Goal::WaitingTimes => 1,
            Goal::SojournTimes => 0,
            Goal::Rewards(rewards) | Goal::RewardGradient(rewards) => rewards.len(),
        }
    }

    pub(crate) fn retain(&self) -> Retain {
        match self {
            Goal::SojournTimes | Goal::Gradient(_) | Goal::RewardGradient(_) => Retain::All,
            goal if goal.count() > 1 => Retain::Block,
            _ => Retain::Nothing,
        }
    }

    /// How many transposed solves there are, how many gradients, and what they are made of.
    pub(crate) fn adjoint(&self) -> Option<(usize, usize, Vec<Term>)> {
        match self {
            Goal::Moments(_) | Goal::Variance | Goal::WaitingTimes | Goal::Rewards(_) => None,
            Goal::SojournTimes => Some((1, 0, Vec::new())),
            Goal::Gradient(order) => Some((*order, *order, moment_terms(*order))),
            Goal::RewardGradient(rewards) => {
                let terms = (0..rewards.len()).map(|k| Term {
                    output: k,
                    y: 0,
                    x: k,
                    factor: 1.0,
                });
                Some((1, rewards.len(), terms.collect()))
            }
        }
    }

    /// Whether the columns are moments, each scaled by the one before.
    pub(crate) fn is_chain(&self) -> bool {
        !matches!(self, Goal::Rewards(_) | Goal::RewardGradient(_))
    }
}
