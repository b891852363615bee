//! Rates, right-hand sides, and what flows along rates: what elimination and solves read, apart from what they write.

use std::sync::Arc;

use crate::phase::index::{Index, IndexVec, Rank, Transient};
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::{Ranks, Rate};

/// A right-hand side: `factor x an earlier solution x reward`, absent parts being 1.
#[derive(Clone, Debug)]
pub(crate) struct RightHandSide {
    /// Which solution.
    pub previous: Option<usize>,
    pub factor: f64,
    pub reward: Option<Arc<IndexVec<Transient, f64>>>,
}

impl RightHandSide {
    /// A right-hand side of ones.
    pub(crate) const ONES: Self = Self {
        previous: None,
        factor: 1.0,
        reward: None,
    };

    /// Whether the solution is one of the time alone, without rewards.
    pub(crate) fn is_moment(&self) -> bool {
        self.reward.is_none()
    }
}

/// The sources of rates, and the solutions so far.
#[derive(Clone, Copy)]
pub(super) struct Flows<'a, S> {
    pub sources: &'a [S],
    /// Solution k of rank r is `x[r * columns + k]`.
    pub x: &'a [S],
    pub columns: usize,
}

impl<S: Lanes> Flows<'_, S> {
    /// The rate of a slot.
    #[inline(always)]
    pub(super) fn rate(&self, rate: &Rate) -> S {
        S::splat(rate.coefficient).mul(self.sources[rate.source as usize])
    }

    /// Solution k of a vertex.
    #[inline(always)]
    pub(super) fn solution(&self, rank: Rank, k: usize) -> S {
        self.x[rank.index() * self.columns + k]
    }

    /// The rate out of the block, and a right-hand side with the inflow from later blocks; zero if there is none.
    #[inline(always)]
    pub(super) fn outflow(
        &self,
        ranks: &Ranks,
        right: Option<&RightHandSide>,
        rank: Rank,
    ) -> (S, S) {
        let (mut exit, mut inflow) = (S::ZERO, S::ZERO);
        match right {
            Some(right) => {
                inflow = self.own_right_hand_side(ranks, right, rank);
                for rate in ranks.later(rank) {
                    let (later, rate) = (rate.rank(), self.rate(rate));
                    exit = exit.add(rate);
                    inflow = inflow.plus(rate, self.solution(later, 0));
                }
            }
            None => {
                for rate in ranks.later(rank) {
                    exit = exit.add(self.rate(rate));
                }
            }
        }
        for rate in ranks.absorbing(rank) {
            exit = exit.add(self.rate(rate));
        }
        (exit, inflow)
    }

    /// A right-hand side without the inflow from other blocks.
    #[inline(always)]
    pub(super) fn own_right_hand_side(
        &self,
        ranks: &Ranks,
        right: &RightHandSide,
        rank: Rank,
    ) -> S {
        let mut value = match right.previous {
            Some(previous) => self.solution(rank, previous),
            None => S::splat(1.0),
        };
        if right.factor != 1.0 {
            value = value.mul(S::splat(right.factor));
        }
        if let Some(reward) = &right.reward {
            value = value.mul(S::splat(reward[ranks.transient(rank)]));
        }
        value
    }
}
