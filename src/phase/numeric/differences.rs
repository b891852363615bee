//! Differences of solutions from the factors, without subtracting solutions.
//!
//! # The recursion
//!
//! When v is eliminated, its row says `x(v) = t(v) + sum of f(v, z) x(z)` over its later neighbours z, where the chances f(v, z)
//! and the chance e(v) to leave the block first add up to 1. Hence, for every later u,
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

use crate::phase::numeric::adjoint::{Ingredients, Sums, Term};
use crate::phase::numeric::extended::power_of_two;
use crate::phase::numeric::kernel::forward;
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::Plan;
use crate::phase::numeric::sensitivity::{Edges, Sensitivity};
use crate::phase::trace::EliminationTrace;

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
}

/// The workspace of one group of lanes.
pub(crate) struct Differences<S> {
    /// By pair of the block at hand.
    pairs: Vec<Bounded<S>>,
    /// By position: t and e.
    rewards: Vec<S>,
    exits: Vec<S>,
    /// By later neighbour of the vertex at hand: its chance, and the difference in the making.
    chances: Vec<S>,
    row: Vec<Bounded<S>>,
    /// By source of a row: D, and products of D with the source, before and after it.
    sums: Vec<Bounded<S>>,
    others: Vec<Bounded<S>>,
}

impl<S: Lanes> Differences<S> {
    pub(crate) fn new(trace: &EliminationTrace, plan: &Plan, sensitivity: &Sensitivity) -> Self {
        let pairs = sensitivity.pairs(trace);
        let size = plan.sizes.block;
        Self {
            pairs: vec![Bounded::ZERO; pairs.largest],
            rewards: vec![S::ZERO; size],
            exits: vec![S::ZERO; size],
            chances: vec![S::ZERO; size],
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
        for block in 0..of.trace.0.layout.block_count() {
            self.block(of, k, block);
            for rank in of.trace.0.layout.block(block) {
                let y = &y[rank * count..(rank + 1) * count];
                self.vertex(of, k, inverse, rank);
                for (edges, sum) in of.sensitivity.row(rank).iter().zip(&self.sums) {
                    if edges.source as usize != of.plan.parameters {
                        sums.add(edges.source, &terms, y, |_| sum.value, |_| sum.bound);
                    }
                }
            }
        }
    }

    /// The differences of all pairs of a block.
    #[inline(always)]
    fn block(&mut self, of: Ingredients<'_, S>, k: usize, block: usize) {
        let layout = &of.trace.0.layout;
        let Some(unit) = layout.unit_of_block[block] else {
            return;
        };
        let members = layout.block(block);
        let block_trace = &*of.trace.0.traces[unit as usize];
        let pattern = &of.sensitivity.pairs(of.trace).patterns[unit as usize];
        let place = of.trace.0.places[block];
        let kernel = of.kernel;
        let size = block_trace.size();
        for p in 0..size {
            let rank = members.start + p;
            self.rewards[p] = kernel.right_side(of.plan, &of.columns[k], k, rank);
            self.exits[p] = kernel.leave(of.plan, None, rank).0;
        }
        let lower = &kernel.lower[place.lower..];
        let inverse = &kernel.inverse[members.clone()];
        forward(block_trace, lower, inverse, &mut self.rewards);
        forward(block_trace, lower, inverse, &mut self.exits);
        let x = |p: usize| kernel.x[(members.start + p) * kernel.columns + k];
        for v in (0..size).rev() {
            let neighbours = pattern.row(v);
            let (reward, exit) = (self.rewards[v], self.exits[v]);
            let mut chances = of.trace.0.places[block].upper + block_trace.upper.range(v).start;
            let mut upper = block_trace.upper.row(v);
            for (i, &u) in neighbours.iter().enumerate() {
                let left = exit.mul(x(u as usize));
                self.row[i] = Bounded {
                    value: reward.sub(left),
                    bound: reward.add(left),
                };
                self.chances[i] = match upper {
                    [next, rest @ ..] if *next == u => {
                        upper = rest;
                        chances += 1;
                        kernel.upper[chances - 1]
                    }
                    _ => S::ZERO,
                };
            }
            for i in 0..neighbours.len() {
                let z = neighbours[i] as usize;
                let (later, pairs) = (pattern.row(z), &self.pairs[pattern.range(z)]);
                let chance = self.chances[i];
                let mut here = self.row[i];
                // Every later neighbour is in the row of z, with others in between.
                let mut skip = 0;
                for j in i + 1..neighbours.len() {
                    while later[skip] != neighbours[j] {
                        skip += 1;
                    }
                    let Bounded { value, bound } = pairs[skip];
                    skip += 1;
                    let there = &mut self.row[j];
                    there.value = there.value.plus(chance, value);
                    there.bound = there.bound.plus(chance, bound);
                    let back = self.chances[j];
                    here.value = here.value.sub(back.mul(value));
                    here.bound = here.bound.plus(back, bound);
                }
                self.row[i] = here;
            }
            for (pair, difference) in self.pairs[pattern.range(v)].iter_mut().zip(&self.row) {
                pair.value = difference.value;
                pair.bound = difference.bound.add(S::splat(TINY));
            }
        }
    }

    /// The sums over the edges of a vertex, by source.
    #[inline(always)]
    fn vertex(&mut self, of: Ingredients<'_, S>, k: usize, inverse: &[S], rank: usize) {
        let row = of.sensitivity.row(rank);
        let right = of.kernel.own_side(of.plan, &of.columns[k], rank);
        self.sums.clear();
        if let [only] = row {
            let value = right.mul(inverse[only.source as usize]);
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
            let source = of.kernel.sources[edges.source as usize];
            Bounded {
                value: source.mul(sum.value),
                bound: source.mul(sum.bound),
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
            let inverse = inverse[row[s].source as usize];
            let (direct, before) = (self.sums[s], self.others[s]);
            let value = before.value.sub(after.value).mul(inverse);
            let bound = before.bound.add(after.bound).mul(inverse);
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
    fn edges(&self, of: Ingredients<'_, S>, k: usize, rank: usize, edges: &Edges) -> Bounded<S> {
        let (kernel, pairs) = (of.kernel, of.sensitivity.pairs(of.trace));
        let x = |rank: usize| kernel.x[rank * kernel.columns + k];
        let here = x(rank);
        let absorbed = S::splat(edges.absorbing).mul(here);
        let mut sum = Bounded {
            value: absorbed,
            bound: absorbed.add(S::splat(TINY)),
        };
        for &(coefficient, target) in of.sensitivity.external(edges) {
            let (coefficient, there) = (S::splat(coefficient), x(target as usize));
            sum.value = sum.value.plus(coefficient, here.sub(there));
            sum.bound = sum.bound.plus(coefficient, here.add(there));
        }
        for (coefficient, target, pair) in of.sensitivity.internal(pairs, edges) {
            let Bounded { value, bound } = self.pairs[pair as usize];
            let signed = if (target as usize) < rank {
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
