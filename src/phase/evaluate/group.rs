//! A group of thetas side by side: replayed, judged lane by lane, and written out.
//!
//! A lane whose answer is not good goes through stages: a gradient that may have lost digits is refined with the
//! factors at hand, and what `f64` cannot answer at all is replayed alone. Which stage answers depends on the lane's own
//! numbers only.

use ndarray::ArrayView2;

use crate::phase::distribution::variance_is_doubtful;
use crate::phase::evaluate::precise;
use crate::phase::evaluate::quantity::Goal;
use crate::phase::index::Rank;
use crate::phase::numeric::adjoint::{Adjoint, Term};
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
    /// The columns asked for, then their corrections.
    columns: Vec<RightHandSide<'a>>,
    /// How many are asked for.
    asked: usize,
    adjoint: Option<(usize, usize, Vec<Term>)>,
}

impl<'a> Shared<'a> {
    pub(crate) fn new(trace: &'a EliminationTrace, ranks: &'a Ranks, goal: &'a Goal) -> Self {
        Self {
            trace,
            ranks,
            goal,
            columns: goal.refined(),
            asked: goal.count(),
            adjoint: goal.adjoint(),
        }
    }

    /// The first of the right-hand sides.
    #[inline(always)]
    fn system(&self, count: usize) -> System<'_> {
        System {
            ranks: self.ranks,
            right: &self.columns[..count],
            nonabsorbing: self.ranks.nonabsorbing(),
        }
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
        // Lanes that needed no refinement keep what they have: no answer depends on its neighbours.
        let inaccurate =
            |adjoint: &Adjoint<S>, lane: usize| adjoint.is_safe(lane) && !adjoint.is_accurate(lane);
        if let Some(adjoint) = &self.adjoint
            && open.iter().any(|(lane, _)| inaccurate(adjoint, *lane))
        {
            self.refine(shared);
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
                kernel.run(&shared.system(shared.asked));
                weighed.clear();
                weighed.extend((0..shared.asked).map(|k| kernel.start_product(ranks, k)));
                if let (Some(adjoint), Some((_, _, terms))) = (adjoint, &shared.adjoint) {
                    adjoint.run(ranks, kernel);
                    adjoint.add_up(ranks, kernel, terms, false);
                }
            },
        );
    }

    /// Corrects the solutions, and adds up the gradients again.
    fn refine(&mut self, shared: &Shared<'_>) {
        let ranks = shared.ranks;
        let Self {
            kernel, adjoint, ..
        } = self;
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                kernel.run_more(&shared.system(shared.columns.len()), shared.asked);
                if let (Some(adjoint), Some((_, _, terms))) = (adjoint, &shared.adjoint) {
                    adjoint.add_up(ranks, kernel, terms, true);
                }
            },
        );
    }

    /// Writes a lane's answer, if it is a good one.
    fn write(&self, shared: &Shared<'_>, lane: usize, out: &mut [f64]) -> bool {
        let adjoint = self.adjoint.as_ref();
        is_good(shared, &shared.columns[..shared.asked], &self.kernel, lane)
            && adjoint.is_none_or(|adjoint| adjoint.is_safe(lane) && adjoint.is_accurate(lane))
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
                let (values, gradients) = out.split_at_mut(shared.asked);
                for (k, out) in values.iter_mut().enumerate() {
                    *out = weighed(k);
                }
                if let Some(adjoint) = &self.adjoint {
                    for (out, value) in gradients.iter_mut().zip(&adjoint.gradient) {
                        *out = value.lane(lane);
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
