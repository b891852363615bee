//! Differences of solutions from the factors, without subtracting solutions.
//!
//! # The recursion
//!
//! When v is eliminated, its row says `x(v) = t(v) + sum of f(v, z) x(z)` over its later neighbours z, where the probabilities f(v, z)
//! and e(v) to leave the block first add up to 1. Hence, for every later u,
//!
//! ```text
//! x(v) - x(u) = t(v) + sum of f(v, z) (x(z) - x(u)) - e(v) x(u)
//! ```
//!
//! With u a neighbour of v, z and u are both later neighbours of v, so the pairs that are needed are those of
//! the filled pattern of the edges regardless of direction: rows are walked once, last to first, one value per pair, and a pair
//! (z, u) serves x(v) - x(u) and, with the other sign, x(v) - x(z). t and e are forward substitutions: of the right side, and
//! of the rates out of the block.
//!
//! # Why it keeps digits
//!
//! Beside each difference runs a bound, by the same recursion with all signs positive:
//!
//! ```text
//! B(v, u) = t(v) + sum of f(v, z) B(z, u) + e(v) x(u)
//! ```
//!
//! Each t, f, e and x is a sum of products of nonnegative numbers, with a relative error of some units, and the sum has its own
//! roundings. So a difference is off by that many units of t(v) + sum of f |x(z) - x(u)| + e(v) x(u), which is at most
//! B(v, u), and by the errors of the differences that enter. By induction over the elimination it is off by
//! at most that many units of B(v, u) per step; how many that comes to is said at
//! [`adjoint`](crate::phase::numeric::adjoint).
//!
//! B(v, u) is tau + q x(u): tau is the reward gathered from v until u is entered or the block is left, and q the chance that
//! it is left before. An edge (u, v) that is taken N times in the mean closes N such excursions, which do not overlap; so N tau and
//! N q x(u) are at most the mean reward (Wald), and what an edge adds to the gradient is off by a small multiple of the mean
//! reward, however stiff the block is: differences of solutions that both exceed 10^70 times themselves keep
//! all their digits. For an edge towards a later vertex the same holds of the excursions back; they alternate with the
//! others, so there is one more of them at most.
//!
//! Edges to later blocks take x(v) - x(u) as it is, with x(v) + x(u) as the bound: they are taken at most once per
//! block, so their share of the error is at most the mean per block on the way.
//!
//! # Within a vertex
//!
//! The sums D over the edges of each source s obey `sum of s D(s) = r(v)`. So each D can be had from the others as well, with the
//! bound `(r(v) + sum of s B(s) over the others) / s`, and the smaller bound wins, lane by lane: rates that
//! are far larger than those of the other sources lead to differences that are far smaller than their terms.

use crate::phase::index::{Block, Index, Rank};
use crate::phase::numeric::extended::power_of_two;
use crate::phase::numeric::kernel::{BlockView, Diagonal};
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::Ranks;
use crate::phase::numeric::sensitivity::{Edges, Sensitivity};
use crate::phase::numeric::solve::forward;
use crate::phase::numeric::terms::{Ingredients, Sums, Term};

/// What every bound has on top, so that a unit of it covers products that underflow: the absolute error of those is 2^-1074.
const TINY: f64 = power_of_two(-990);

/// A number and the bound on its error in units of the relative error of a solution.
#[derive(Clone, Copy)]
struct Bounded<S> {
    value: S,
    bound: S,
}

impl<S: Lanes> Bounded<S> {
    const ZERO: Self = Self {
        value: S::ZERO,
        bound: S::ZERO,
    };

    /// Adds the difference of z and u to that of v and u (`there`) and, the other way round, to that of v and z
    /// (`here`), times the probabilities that z and u come next.
    #[inline(always)]
    fn join(self, z: S, there: &mut Self, u: S, here: &mut Self) {
        there.value = there.value.plus(z, self.value);
        there.bound = there.bound.plus(z, self.bound);
        here.value = here.value.sub(u.mul(self.value));
        here.bound = here.bound.plus(u, self.bound);
    }
}

/// The workspace of one group of lanes.
pub(crate) struct Differences<S> {
    /// By pair of the block at hand.
    pairs: Vec<Bounded<S>>,
    /// By position: t and e.
    rewards: Vec<S>,
    exits: Vec<S>,
    /// By later neighbour of the vertex at hand: its probability, and the difference in the making.
    probabilities: Vec<S>,
    row: Vec<Bounded<S>>,
    /// By source of a row: D, and products of D with the source, before and after it.
    sums: Vec<Bounded<S>>,
    others: Vec<Bounded<S>>,
}

impl<S: Lanes> Differences<S> {
    pub(crate) fn new(ranks: &Ranks, sensitivity: &Sensitivity) -> Self {
        let pairs = sensitivity.pairs(ranks);
        let size = ranks.sizes().block;
        Self {
            pairs: vec![Bounded::ZERO; pairs.largest],
            rewards: vec![S::ZERO; size],
            exits: vec![S::ZERO; size],
            probabilities: vec![S::ZERO; size],
            row: vec![Bounded::ZERO; size],
            sums: Vec::new(),
            others: Vec::new(),
        }
    }

    /// Adds the share that a column has in the sums.
    #[inline(always)]
    pub(crate) fn add_up(
        &mut self,
        of: Ingredients<'_, S>,
        k: usize,
        inverse: &[S],
        (y, count): (&[S], usize),
        sums: &mut Sums<S>,
    ) {
        let terms: Vec<Term> = of
            .terms
            .iter()
            .filter(|term| term.x == k)
            .copied()
            .collect();
        for block in of.ranks.symbolic().layout().blocks() {
            if let Diagonal::Block(view) = of.kernel.diagonal(of.ranks, block) {
                self.block(of, k, block, &view);
            }
            for rank in of.ranks.block(block).iter() {
                let y = &y[rank.index() * count..][..count];
                self.vertex(of, k, inverse, rank);
                for (edges, sum) in of.sensitivity.row(rank).iter().zip(&self.sums) {
                    if edges.source as usize != of.ranks.sources().parameters() {
                        sums.add(edges.sum, &terms, y, |_| sum.value, |_| sum.bound);
                    }
                }
            }
        }
    }

    /// The differences of all pairs of a block.
    #[inline(always)]
    fn block(&mut self, of: Ingredients<'_, S>, k: usize, block: Block, view: &BlockView<'_>) {
        let Some(unit) = of.ranks.symbolic().layout().unit(block) else {
            return;
        };
        let pattern = &of.sensitivity.pairs(of.ranks).patterns[unit];
        let BlockView { trace, place, .. } = *view;
        let kernel = of.kernel;
        for (p, rank) in view.ranks.iter().enumerate() {
            self.rewards[p] = kernel.right_hand_side(of.ranks, &of.right[k], k, rank);
            self.exits[p] = kernel.outflow(of.ranks, None, rank).0;
        }
        let lower = &kernel.factors.lower[place.lower..];
        let inverse = &kernel.factors.inverse[place.pivots..];
        forward(trace, lower, inverse, &mut self.rewards);
        forward(trace, lower, inverse, &mut self.exits);
        for v in view.positions().rev() {
            let neighbours = pattern.row(v);
            let (reward, exit) = (self.rewards[v.index()], self.exits[v.index()]);
            let mut entry = place.upper + trace.upper.range(v).start;
            let mut upper = trace.upper.row(v);
            for (i, &u) in neighbours.iter().enumerate() {
                let left = exit.mul(kernel.solution(view.rank(u), k));
                self.row[i] = Bounded {
                    value: reward.sub(left),
                    bound: reward.add(left),
                };
                self.probabilities[i] = match upper {
                    [next, rest @ ..] if *next == u => {
                        upper = rest;
                        entry += 1;
                        kernel.factors.upper[entry - 1]
                    }
                    _ => S::ZERO,
                };
            }
            for (i, &z) in neighbours.iter().enumerate() {
                let (later, mut pairs) = (pattern.row(z), &self.pairs[pattern.range(z)]);
                let probability = self.probabilities[i];
                let (done, ahead) = self.row.split_at_mut(i + 1);
                let here = &mut done[i];
                let ahead = ahead.iter_mut().zip(&self.probabilities[i + 1..]);
                let rest = &neighbours[i + 1..];
                if later.len() == rest.len() {
                    for ((there, &back), &pair) in ahead.zip(pairs) {
                        pair.join(probability, there, back, here);
                    }
                } else {
                    // Every later neighbour is in the row of z, with others in between.
                    let mut later = later;
                    for (&u, (there, &back)) in rest.iter().zip(ahead) {
                        let others = later.iter().take_while(|&&other| other != u).count();
                        pairs[others].join(probability, there, back, here);
                        (later, pairs) = (&later[others + 1..], &pairs[others + 1..]);
                    }
                }
            }
            for (pair, difference) in self.pairs[pattern.range(v)].iter_mut().zip(&self.row) {
                pair.value = difference.value;
                pair.bound = difference.bound.add(S::splat(TINY));
            }
        }
    }

    /// The sums over the edges of a vertex, by source.
    #[inline(always)]
    fn vertex(&mut self, of: Ingredients<'_, S>, k: usize, inverse: &[S], rank: Rank) {
        let row = of.sensitivity.row(rank);
        let right = of.kernel.own_right_hand_side(of.ranks, &of.right[k], rank);
        self.sums.clear();
        if let [only] = row {
            let value = right.mul(inverse[only.sum as usize]);
            let bound = value;
            self.sums.push(Bounded { value, bound });
            return;
        }
        for edges in row {
            let sum = self.edges(of, k, rank, edges);
            self.sums.push(sum);
        }
        // What is left of the right side without the sources before and after each.
        let product = |(edges, sum): (&Edges, &Bounded<S>)| {
            let source = of.kernel.source(edges.source);
            Bounded {
                value: source.mul(sum.value),
                // A parameter may be negative where rates add up several.
                bound: source.abs().mul(sum.bound),
            }
        };
        self.others.clear();
        let mut before = Bounded {
            value: right,
            bound: right.add(S::splat(TINY)),
        };
        for entry in row.iter().zip(&self.sums) {
            self.others.push(before);
            let product = product(entry);
            before.value = before.value.sub(product.value);
            before.bound = before.bound.add(product.bound);
        }
        let mut after = Bounded::ZERO;
        for s in (0..row.len()).rev() {
            let product = product((&row[s], &self.sums[s]));
            let inverse = inverse[row[s].sum as usize];
            let (direct, before) = (self.sums[s], self.others[s]);
            let value = before.value.sub(after.value).mul(inverse);
            let bound = before.bound.add(after.bound).mul(inverse.abs());
            self.sums[s] = Bounded {
                value: S::choose_less(bound, direct.bound, value, direct.value),
                bound: bound.min(direct.bound),
            };
            after.value = after.value.add(product.value);
            after.bound = after.bound.add(product.bound);
        }
    }

    /// The sum over edges of one source.
    #[inline(always)]
    fn edges(&self, of: Ingredients<'_, S>, k: usize, rank: Rank, edges: &Edges) -> Bounded<S> {
        let sensitivity = of.sensitivity;
        let pairs = sensitivity.pairs(of.ranks);
        let x = |rank: Rank| of.kernel.solution(rank, k);
        let here = x(rank);
        let absorbed = S::splat(edges.absorbing).mul(here);
        let mut sum = Bounded {
            value: absorbed,
            bound: absorbed.add(S::splat(TINY)),
        };
        for &(coefficient, target) in sensitivity.later(edges) {
            let (coefficient, there) = (S::splat(coefficient), x(target));
            sum.value = sum.value.plus(coefficient, here.sub(there));
            sum.bound = sum.bound.plus(coefficient, here.add(there));
        }
        for (coefficient, target, pair) in sensitivity.own(pairs, edges) {
            let Bounded { value, bound } = self.pairs[pair];
            let signed = if target < rank {
                -coefficient
            } else {
                coefficient
            };
            sum.value = sum.value.plus(S::splat(signed), value);
            sum.bound = sum.bound.plus(S::splat(coefficient), bound);
        }
        sum
    }
}
