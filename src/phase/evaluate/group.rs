//! A group of thetas side by side: replayed, judged lane by lane, and written out.
//!
//! A lane whose answer is not good goes through stages: a gradient that may have lost digits is added up again from
//! differences, with the factors at hand, and what `f64` cannot answer at all is replayed alone. Which stage answers
//! depends on the lane's own numbers only.

use std::sync::OnceLock;

use ndarray::ArrayView2;

use crate::phase::distribution::variance_is_doubtful;
use crate::phase::evaluate::quantity::Goal;
use crate::phase::evaluate::{certified, precise};
use crate::phase::index::Rank;
use crate::phase::numeric::adjoint::{Adjoint, Ingredients, Term};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::{Range, exponent, scale};
use crate::phase::numeric::kernel::{Kernel, RightHandSide, System};
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::Ranks;
use crate::phase::trace::EliminationTrace;

/// What all groups have in common.
pub(crate) struct Shared<'a> {
    trace: &'a EliminationTrace,
    ranks: &'a Ranks,
    goal: &'a Goal,
    columns: Vec<RightHandSide<'a>>,
    adjoint: Option<(usize, usize, Vec<Term>)>,
    /// By entry of the gradients, whether it is zero at every theta; found when the first entry is in doubt.
    zeros: OnceLock<Vec<bool>>,
}

impl<'a> Shared<'a> {
    pub(crate) fn new(trace: &'a EliminationTrace, ranks: &'a Ranks, goal: &'a Goal) -> Self {
        Self {
            trace,
            ranks,
            goal,
            columns: goal.columns(),
            adjoint: goal.adjoint(),
            zeros: OnceLock::new(),
        }
    }

    fn ingredients<'b, S>(
        &'b self,
        kernel: &'b Kernel<S>,
        terms: &'b [Term],
    ) -> Ingredients<'b, S> {
        Ingredients {
            ranks: self.ranks,
            kernel,
            right: &self.columns,
            terms,
        }
    }

    /// Whether an entry of the gradients is zero at every theta.
    fn is_zero(&self, entry: usize) -> bool {
        self.zeros
            .get_or_init(|| certified::zeros(self.trace, self.goal))[entry]
    }
}

/// A group of lanes on its thread.
pub(crate) struct Group<S> {
    kernel: Kernel<S>,
    adjoint: Option<Adjoint<S>>,
    /// The product of the start distribution with each column asked for.
    weighed: Vec<S>,
}

impl<S: Lanes> Group<S> {
    pub(crate) fn new(shared: &Shared<'_>) -> Self {
        let ranks = shared.ranks;
        Self {
            kernel: Kernel::new(ranks, shared.columns.len(), shared.goal.retain()),
            adjoint: shared
                .adjoint
                .as_ref()
                .map(|(count, outputs, _)| Adjoint::new(ranks, *count, *outputs)),
            weighed: Vec::new(),
        }
    }

    /// Replays up to as many thetas as there are lanes; the first of them is row `first` of the batch.
    pub(crate) fn answer(
        &mut self,
        shared: &Shared<'_>,
        first: usize,
        thetas: ArrayView2<'_, f64>,
        out: &mut [f64],
    ) -> Result<(), NumericError> {
        let width = out.len() / thetas.nrows();
        let mut open: Vec<(usize, &mut [f64])> = out.chunks_exact_mut(width).enumerate().collect();
        self.run(shared, thetas);
        open.retain_mut(|(lane, out)| !self.write(shared, *lane, out));
        // Lanes that are accurate keep what they have: no answer depends on its neighbours.
        let inaccurate = |adjoint: &Adjoint<S>, lane: usize| {
            adjoint.is_safe(lane) && !self.is_accurate(shared, adjoint, lane)
        };
        if let Some(adjoint) = &self.adjoint
            && open.iter().any(|(lane, _)| inaccurate(adjoint, *lane))
        {
            self.add_up_differences(shared);
            open.retain_mut(|(lane, out)| !self.write(shared, *lane, out));
        }
        for (lane, out) in open {
            let theta = thetas.row(lane).to_vec();
            precise::answer(shared.trace, &theta, shared.goal, out).map_err(|source| {
                NumericError::ThetaRow {
                    row: first + lane,
                    source: Box::new(source),
                }
            })?;
        }
        Ok(())
    }

    /// The numbers of a group, on the widest vector unit there is.
    fn run(&mut self, shared: &Shared<'_>, thetas: ArrayView2<'_, f64>) {
        let ranks = shared.ranks;
        let Self {
            kernel,
            adjoint,
            weighed,
        } = self;
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                kernel.load(ranks, thetas);
                kernel.run(&System {
                    ranks,
                    right: &shared.columns,
                    nonabsorbing: ranks.nonabsorbing(),
                });
                weighed.clear();
                weighed.extend((0..shared.columns.len()).map(|k| kernel.start_product(ranks, k)));
                if let (Some(adjoint), Some((_, _, terms))) = (adjoint, &shared.adjoint) {
                    adjoint.run(ranks, kernel);
                    if !terms.is_empty() {
                        adjoint.add_up(shared.ingredients(kernel, terms));
                    }
                }
            },
        );
    }

    /// Adds up the gradients again, from differences.
    fn add_up_differences(&mut self, shared: &Shared<'_>) {
        let Self {
            kernel, adjoint, ..
        } = self;
        if let (Some(adjoint), Some((_, _, terms))) = (adjoint, &shared.adjoint) {
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || adjoint.add_up_differences(shared.ingredients(kernel, terms)),
            );
        }
    }

    fn is_accurate(&self, shared: &Shared<'_>, adjoint: &Adjoint<S>, lane: usize) -> bool {
        let sensitivity = shared.ranks.sensitivity();
        adjoint.is_accurate(sensitivity, lane, |entry| shared.is_zero(entry))
    }

    /// Writes a lane's answer, if it is a good one.
    fn write(&self, shared: &Shared<'_>, lane: usize, out: &mut [f64]) -> bool {
        let adjoint = self.adjoint.as_ref();
        is_good(shared, &shared.columns, &self.kernel, lane)
            && adjoint.is_none_or(|adjoint| {
                adjoint.is_safe(lane) && self.is_accurate(shared, adjoint, lane)
            })
            && self.put(shared, lane, out)
    }

    /// Writes a lane's answer; false if it needs more digits.
    fn put(&self, shared: &Shared<'_>, lane: usize, out: &mut [f64]) -> bool {
        let (layout, ranks) = (shared.trace.symbolic().layout(), shared.ranks);
        let vertex = |rank: Rank| layout.vertex(ranks.transient(rank)).index();
        let weighed = |k: usize| self.weighed[k].lane(lane);
        match shared.goal {
            Goal::Moments(_) | Goal::Rewards(_) => {
                for (k, out) in out.iter_mut().enumerate() {
                    *out = weighed(k);
                }
            }
            Goal::Variance => {
                let (first, second) = (weighed(0), weighed(1));
                out[0] = second - first * first;
                return !variance_is_doubtful(first, second);
            }
            Goal::WaitingTimes => {
                for rank in ranks.all().iter() {
                    let marks = ranks.nonabsorbing();
                    out[vertex(rank)] = if marks.is_some_and(|marks| marks[rank]) {
                        f64::INFINITY
                    } else {
                        self.kernel.solution(rank, 0).lane(lane)
                    };
                }
                out[0] = weighed(0);
            }
            Goal::SojournTimes => {
                if let Some(adjoint) = &self.adjoint {
                    for rank in ranks.all().iter() {
                        out[vertex(rank)] = adjoint.solution(rank, 0).lane(lane);
                    }
                }
            }
            Goal::Gradient(_) | Goal::RewardGradient(_) => {
                let (values, gradients) = out.split_at_mut(shared.columns.len());
                for (k, out) in values.iter_mut().enumerate() {
                    *out = weighed(k);
                }
                if let Some(adjoint) = &self.adjoint {
                    for (entry, out) in gradients.iter_mut().enumerate() {
                        // An entry that is zero at every theta is never accurate, so its being zero was found.
                        let is_zero = shared.zeros.get().is_some_and(|zeros| zeros[entry]);
                        *out = if is_zero {
                            0.0
                        } else {
                            adjoint.gradient[entry].lane(lane)
                        };
                    }
                }
            }
        }
        true
    }
}

/// Whether a lane's numbers are those of a replay alone, which scales each column by the power of two of the one
/// before and asks whether what it sees is safe: without underflow the scaling has no effect but on that question.
fn is_good<S: Lanes>(
    shared: &Shared<'_>,
    columns: &[RightHandSide<'_>],
    kernel: &Kernel<S>,
    lane: usize,
) -> bool {
    if !kernel.is_safe(lane) || !shared.ranks.start_is_safe() {
        return false;
    }
    let (mut low, mut high) = (1.0, 1.0);
    for (k, column) in columns.iter().enumerate() {
        let (next_low, next_high) = kernel.extremes(k, lane);
        if next_low < 1.0 / Range::LIMIT || next_high > Range::LIMIT {
            return false;
        }
        if !shared.goal.is_chain() {
            (low, high) = (1.0, 1.0);
        }
        let shift = if high > 0.0 { -exponent(high) } else { 0 };
        let seen = [low, high]
            .map(|value| value * column.factor)
            .into_iter()
            .chain([next_low, next_high])
            .filter(|value| value.is_finite())
            .map(|value| scale(value, shift));
        if !Range::EMPTY.include(&seen.collect::<Vec<_>>()).is_safe() {
            return false;
        }
        (low, high) = (next_low, next_high);
    }
    true
}
