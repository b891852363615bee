//! What gradients look up beside rates and blocks by rank, found once per trace.
//!
//! # Groups of edges
//!
//! A gradient sums over edges by parameter, so the slots of a row are grouped by their source
//! ([`ranks`](crate::phase::numeric::ranks)). Derivatives are summed by source, and by parameter only at the end.
//!
//! A rate that adds up several parameters is a source of its own. Where hardly two edges have the same such rate, sums by source
//! are as many as edges, so those rates are taken apart: an edge is in one group for each parameter. (Not where a
//! row has one source only, whose sum needs no differences; nor where a coefficient is negative, so that all groups add up positive
//! numbers.)
//!
//! # How far roundings add up
//!
//! Solutions, factors and differences of solutions are sums of products of numbers computed before. A relative error is
//! handed on from one to the next, so what it may become grows with the longest chain of such sums: down the longest path
//! of the forward substitution and up the longest path of the backward substitution, through all blocks. A sum of k terms with
//! errors of their own has an average of them, and counts as `1 / sqrt(k)`.

use std::sync::OnceLock;

use crate::phase::csr::Csr;
use crate::phase::index::{Index, IndexVec, Position, Rank, Unit};
use crate::phase::numeric::extended::Range;
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::Ranks;
use crate::phase::numeric::twofold::Twofold;
use crate::phase::symbolic::fill::{BlockTrace, Pattern};
use crate::phase::symbolic::layout::Target;

/// The slots of a row that have one source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edges {
    pub source: u32,
    /// Which of the sums by source.
    pub sum: u32,
    /// The sum of the coefficients, and what rounding it left out.
    pub total: f64,
    rest: f64,
    /// The share of the total that leads to absorption.
    pub absorbing: f64,
    first: usize,
    /// Edges to later blocks begin here.
    later: usize,
    end: usize,
}

impl Edges {
    /// The sum of the coefficients with twice the digits.
    #[inline(always)]
    pub(crate) fn exact_total<S: Lanes>(&self) -> Twofold<S> {
        Twofold {
            high: S::splat(self.total),
            low: S::splat(self.rest),
        }
    }
}

/// Relative errors in units of 2^-53; see [`adjoint`](crate::phase::numeric::adjoint).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Units {
    /// Of a transposed solution times a difference.
    pub product: f64,
    /// Of what the bound on a difference's error stands for.
    pub difference: f64,
}

impl Units {
    /// For a chain of sums of this length, each of which adds a share to the error of differences.
    fn new(steps: f64, share: f64) -> Self {
        Self {
            product: 64.0 + 2.0 * steps,
            difference: 8.0 + share * steps,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Sensitivity {
    edges: Csr<Rank, Edges>,
    /// Coefficient and rank of each target that is not absorbing, group by group.
    targets: Vec<(f64, Rank)>,
    /// Of gradients that are added up plainly, and from differences.
    pub plain: Units,
    pub differences: Units,
    /// Whether a product of a coefficient and two safe numbers is a normal number.
    pub is_safe: bool,
    /// The largest sum of the coefficients of one source in a row.
    pub largest: f64,
    /// The sources that groups have, by number of the sum.
    sources: Vec<u32>,
    /// Whether rates are taken apart, so that groups do not have the rates as they are.
    pub takes_rates_apart: bool,
    pairs: OnceLock<Pairs>,
}

/// The pairs of vertices whose solutions' difference is computed; see [`differences`](crate::phase::numeric::differences).
#[derive(Debug)]
pub(crate) struct Pairs {
    /// For each position of a unit, the later ones it is paired with.
    pub patterns: IndexVec<Unit, Pattern>,
    /// By entry of [`Sensitivity::targets`], if it is inside a block: the pair in the block's pattern.
    of_target: Vec<usize>,
    /// The largest number of pairs of a block.
    pub largest: usize,
}

impl Sensitivity {
    pub(crate) fn new(ranks: &Ranks) -> Self {
        let limit = Range::LIMIT;
        let steps = steps(ranks);
        let mut result = Self {
            edges: Csr::with_capacity(ranks.all().len(), 0),
            targets: Vec::new(),
            plain: Units::new(steps, 1.0 / 16.0),
            differences: Units::new(steps, 1.0 / 4.0),
            is_safe: true,
            largest: 0.0,
            sources: Vec::new(),
            takes_rates_apart: false,
            pairs: OnceLock::new(),
        };
        let mut slots = vec![0; ranks.sources().count()];
        for rank in ranks.all().iter() {
            for (_, rate) in ranks.targets(rank) {
                slots[rate.source as usize] += 1;
            }
        }
        let mut sums = vec![u32::MAX; ranks.sources().count()];
        let mut row: Vec<(u32, f64, Target<Rank, Rank>)> = Vec::new();
        for block in ranks.symbolic().layout().blocks() {
            let members = ranks.block(block);
            for rank in members.iter() {
                row.clear();
                let mut rates = ranks.targets(rank).map(|(_, rate)| rate.source);
                let first = rates.next();
                let has_one_source = rates.all(|source| Some(source) == first);
                for (target, rate) in ranks.targets(rank) {
                    let target = match target {
                        Target::Own(p) => Target::Own(members.start.plus(p.index())),
                        Target::Later(later) => Target::Later(later),
                        Target::Absorbing => Target::Absorbing,
                    };
                    let parts = match has_one_source {
                        true => Vec::new(),
                        false => ranks.sources().parts(rate.source),
                    };
                    if parts.is_empty() || parts.len() < slots[rate.source as usize] {
                        row.push((rate.source, rate.coefficient, target));
                    } else {
                        result.takes_rates_apart = true;
                        row.extend(parts.into_iter().map(|(source, c)| (source, c, target)));
                    }
                }
                // Stable: inside a source the own block stays first.
                row.sort_by_key(|&(source, ..)| source);
                for rates in row.chunk_by(|a, b| a.0 == b.0) {
                    let sum = &mut sums[rates[0].0 as usize];
                    if *sum == u32::MAX {
                        *sum = result.sources.len() as u32;
                        result.sources.push(rates[0].0);
                    }
                    result.push(rates, *sum);
                }
                result.edges.end_row();
            }
        }
        let mut coefficients = result.targets.iter().map(|&(coefficient, _)| coefficient);
        result.is_safe = coefficients.all(|c| c >= 1.0 / limit && c <= limit)
            && result
                .edges
                .values()
                .iter()
                .all(|edges| edges.total <= limit);
        let totals = result.edges.values().iter().map(|edges| edges.total);
        result.largest = totals.fold(0.0, f64::max);
        result
    }

    fn push(&mut self, rates: &[(u32, f64, Target<Rank, Rank>)], sum: u32) {
        let first = self.targets.len();
        let (mut later, mut absorbing, mut total) = (first, 0.0, Twofold::<f64>::ZERO);
        for &(_, coefficient, target) in rates {
            total = total.plus(coefficient);
            match target {
                Target::Own(rank) => {
                    self.targets.push((coefficient, rank));
                    later += 1;
                }
                Target::Later(rank) => self.targets.push((coefficient, rank)),
                Target::Absorbing => absorbing += coefficient,
            }
        }
        self.edges.push(Edges {
            source: rates[0].0,
            sum,
            total: total.high,
            rest: total.low,
            absorbing,
            first,
            later,
            end: self.targets.len(),
        });
    }

    /// The groups of a row.
    #[inline(always)]
    pub(crate) fn row(&self, rank: Rank) -> &[Edges] {
        self.edges.row(rank)
    }

    /// The sources that groups have, by number of the sum.
    pub(crate) fn sources(&self) -> &[u32] {
        &self.sources
    }

    /// How many groups there are.
    pub(crate) fn groups(&self) -> usize {
        self.edges.values().len()
    }

    /// The targets of a group that are not absorbing.
    #[inline(always)]
    pub(crate) fn targets(&self, edges: &Edges) -> &[(f64, Rank)] {
        &self.targets[edges.first..edges.end]
    }

    /// The targets of a group in its own block, with their pairs.
    #[inline(always)]
    pub(crate) fn own<'a>(
        &'a self,
        pairs: &'a Pairs,
        edges: &Edges,
    ) -> impl Iterator<Item = (f64, Rank, usize)> + 'a {
        let range = edges.first..edges.later;
        let targets = self.targets[range.clone()].iter();
        targets
            .zip(&pairs.of_target[range])
            .map(|(&(coefficient, target), &pair)| (coefficient, target, pair))
    }

    /// The targets of a group in its own block.
    #[inline(always)]
    pub(crate) fn inside(&self, edges: &Edges) -> &[(f64, Rank)] {
        &self.targets[edges.first..edges.later]
    }

    /// The targets of a group in later blocks.
    #[inline(always)]
    pub(crate) fn later(&self, edges: &Edges) -> &[(f64, Rank)] {
        &self.targets[edges.later..edges.end]
    }

    /// The pairs, found when they are first asked for.
    pub(crate) fn pairs(&self, ranks: &Ranks) -> &Pairs {
        self.pairs.get_or_init(|| Pairs::new(self, ranks))
    }
}

impl Pairs {
    fn new(sensitivity: &Sensitivity, ranks: &Ranks) -> Self {
        let symbolic = ranks.symbolic();
        let traces = symbolic.traces().iter();
        let patterns: IndexVec<Unit, Pattern> = traces.map(|unit| closure(unit)).collect();
        let mut of_target = vec![usize::MAX; sensitivity.targets.len()];
        for block in symbolic.layout().blocks() {
            let Some(unit) = symbolic.layout().unit(block) else {
                continue;
            };
            let pattern = &patterns[unit];
            let members = ranks.block(block);
            let position = |rank: Rank| Position::new(rank.index() - members.start.index());
            for rank in members.iter() {
                for edges in sensitivity.row(rank) {
                    for at in edges.first..edges.later {
                        let ends = [rank, sensitivity.targets[at].1].map(position);
                        let (one, other) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
                        // Every edge is a pair.
                        if let Ok(place) = pattern.row(one).binary_search(&other) {
                            of_target[at] = pattern.range(one).start + place;
                        }
                    }
                }
            }
        }
        Self {
            largest: patterns.iter().map(Pattern::len).max().unwrap_or(0),
            patterns,
            of_target,
        }
    }
}

/// For each position the later ones it is paired with: all neighbours of a vertex, once it is eliminated, are pairs. That is
/// the filled pattern of the block's edges regardless of their direction.
fn closure(unit: &BlockTrace) -> Pattern {
    let size = unit.size();
    let upper = unit.upper.iter();
    let mut rows: IndexVec<Position, Vec<Position>> = upper.map(<[Position]>::to_vec).collect();
    for p in unit.order.span().iter() {
        for &v in unit.lower.row(p) {
            rows[v].push(p);
        }
    }
    let mut pattern = Pattern::with_capacity(size, 0);
    for v in unit.order.span().iter() {
        let mut row = std::mem::take(&mut rows[v]);
        row.sort_unstable();
        row.dedup();
        // The nearest neighbour takes the others; they reach the rest through it.
        if let [parent, rest @ ..] = row.as_slice() {
            rows[*parent].extend_from_slice(rest);
        }
        pattern.push_row(row);
    }
    pattern
}

/// The longest chain of sums: down the forward substitution of a block and up the back substitution, block after block.
fn steps(ranks: &Ranks) -> f64 {
    let sum = |terms: usize| 1.0 / (terms.max(1) as f64).sqrt();
    let longest = |lengths: &mut dyn Iterator<Item = f64>| lengths.fold(0.0, f64::max);
    let symbolic = ranks.symbolic();
    let mut up: IndexVec<Rank, f64> = IndexVec::filled(0.0, ranks.all().len());
    let mut down: IndexVec<Position, f64> = IndexVec::new();
    for block in symbolic.layout().blocks().rev() {
        let members = ranks.block(block);
        let later = members.iter().flat_map(|rank| ranks.later(rank));
        let inflow = longest(&mut later.map(|rate| up[rate.rank()]));
        let Some(unit) = symbolic.block_trace(block) else {
            up[members.start] = inflow + sum(ranks.later(members.start).len());
            continue;
        };
        down.clear();
        for p in unit.order.span().iter() {
            let row = unit.lower.row(p);
            let before = longest(&mut row.iter().map(|&v| down[v]));
            down.push(before + sum(row.len()));
        }
        let begin = inflow + longest(&mut down.iter().copied());
        let rank = |p: Position| members.start.plus(p.index());
        for p in unit.order.span().iter().rev() {
            let row = unit.upper.row(p);
            let after = longest(&mut row.iter().map(|&u| up[rank(u)]));
            up[rank(p)] = begin.max(after) + sum(row.len());
        }
    }
    longest(&mut up.iter().copied())
}
