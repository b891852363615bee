//! What gradients look up besides the plan of a replay, found once per trace.
//!
//! # Groups of edges
//!
//! A gradient sums over edges by parameter, so the slots of a row are grouped by their source
//! ([`ranks`](crate::phase::numeric::ranks)). Derivatives are summed by source, and by parameter only at the end.
//!
//! # How far roundings add up
//!
//! Solutions, factors and differences of solutions are sums of products of numbers computed before. A relative error is
//! handed on from one to the next, so what it may become grows with the longest chain of such sums: down the longest path
//! of the forward substitution and up the longest path of the backward substitution, through all blocks. A sum of k terms with
//! errors of their own has an average of them, and counts as `1 / sqrt(k)`.

use std::sync::OnceLock;

use crate::phase::numeric::ranks::{Plan, Slot};
use crate::phase::symbolic::analysis::NONE;
use crate::phase::symbolic::fill::{BlockTrace, Pattern};
use crate::phase::trace::EliminationTrace;

/// The slots of a row that have one source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edges {
    pub source: u32,
    /// The sum of the coefficients.
    pub total: f64,
    /// The share of the total that leads to absorption.
    pub absorbing: f64,
    first: u32,
    /// Edges to later blocks begin here.
    external: u32,
    end: u32,
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
    edges: Vec<Edges>,
    /// By rank, and one more: its first group.
    first: Vec<u32>,
    /// Coefficient and rank of each target that is not absorbing, group by group.
    targets: Vec<(f64, u32)>,
    /// Of gradients that are added up plainly, and from differences.
    pub plain: Units,
    pub differences: Units,
    /// Whether a product of a coefficient and two safe numbers is a normal number.
    pub is_safe: bool,
    /// The largest sum of the coefficients of one source in a row.
    pub largest: f64,
    pairs: OnceLock<Pairs>,
}

/// The pairs of vertices whose solutions' difference is computed; see [`differences`](crate::phase::numeric::differences).
#[derive(Debug)]
pub(crate) struct Pairs {
    /// By unit: for each position, the later ones it is paired with.
    pub patterns: Vec<Pattern>,
    /// By entry of [`Sensitivity::targets`], if it is inside a block: the pair in the block's pattern.
    of_target: Vec<u32>,
    /// The largest number of pairs of a block.
    pub largest: usize,
}

impl Sensitivity {
    pub(crate) fn new(trace: &EliminationTrace, plan: &Plan) -> Self {
        let layout = &trace.0.layout;
        let limit = crate::phase::numeric::extended::Range::LIMIT;
        let steps = steps(trace, plan);
        let mut result = Self {
            edges: Vec::new(),
            first: vec![0],
            targets: Vec::new(),
            plain: Units::new(steps, 1.0 / 16.0),
            differences: Units::new(steps, 1.0 / 4.0),
            is_safe: true,
            largest: 0.0,
            pairs: OnceLock::new(),
        };
        let mut row: Vec<(u32, u8, f64, u32)> = Vec::new();
        for block in 0..layout.block_count() {
            let members = layout.block(block);
            for rank in members.clone() {
                row.clear();
                let mut put = |group: u8, slots: &[Slot], first: u32| {
                    row.extend(slots.iter().map(|slot| {
                        let target = slot.target.saturating_add(first);
                        (slot.source, group, slot.coefficient, target)
                    }));
                };
                put(0, plan.internal(rank), members.start as u32);
                put(1, plan.external(rank), 0);
                put(2, plan.absorbing(rank), 0);
                row.sort_by_key(|&(source, group, ..)| (source, group));
                for slots in row.chunk_by(|a, b| a.0 == b.0) {
                    result.push(slots);
                }
                result.first.push(result.edges.len() as u32);
            }
        }
        let mut coefficients = result.targets.iter().map(|&(coefficient, _)| coefficient);
        result.is_safe = coefficients.all(|c| c >= 1.0 / limit && c <= limit)
            && result.edges.iter().all(|edges| edges.total <= limit);
        result.largest = result
            .edges
            .iter()
            .map(|edges| edges.total)
            .fold(0.0, f64::max);
        result
    }

    fn push(&mut self, slots: &[(u32, u8, f64, u32)]) {
        let first = self.targets.len() as u32;
        let count = |least: u8| slots.iter().filter(|slot| slot.1 < least).count() as u32;
        let absorbing = slots.iter().filter(|slot| slot.1 == 2);
        self.targets.extend(
            slots
                .iter()
                .filter(|slot| slot.1 < 2)
                .map(|&(_, _, coefficient, target)| (coefficient, target)),
        );
        self.edges.push(Edges {
            source: slots[0].0,
            total: slots.iter().map(|slot| slot.2).sum(),
            absorbing: absorbing.map(|slot| slot.2).sum(),
            first,
            external: first + count(1),
            end: first + count(2),
        });
    }

    /// The groups of a row.
    #[inline(always)]
    pub(crate) fn row(&self, rank: usize) -> &[Edges] {
        &self.edges[self.first[rank] as usize..self.first[rank + 1] as usize]
    }

    /// The targets of a group that are not absorbing.
    #[inline(always)]
    pub(crate) fn targets(&self, edges: &Edges) -> &[(f64, u32)] {
        &self.targets[edges.first as usize..edges.end as usize]
    }

    /// The targets of a group in its own block, with their pairs.
    #[inline(always)]
    pub(crate) fn internal<'a>(
        &'a self,
        pairs: &'a Pairs,
        edges: &Edges,
    ) -> impl Iterator<Item = (f64, u32, u32)> + 'a {
        let range = edges.first as usize..edges.external as usize;
        let targets = self.targets[range.clone()].iter();
        targets
            .zip(&pairs.of_target[range])
            .map(|(&(coefficient, target), &pair)| (coefficient, target, pair))
    }

    /// The targets of a group in later blocks.
    #[inline(always)]
    pub(crate) fn external(&self, edges: &Edges) -> &[(f64, u32)] {
        &self.targets[edges.external as usize..edges.end as usize]
    }

    /// The pairs, found when they are first asked for.
    pub(crate) fn pairs(&self, trace: &EliminationTrace) -> &Pairs {
        self.pairs.get_or_init(|| Pairs::new(self, trace))
    }
}

impl Pairs {
    fn new(sensitivity: &Sensitivity, trace: &EliminationTrace) -> Self {
        let layout = &trace.0.layout;
        let patterns: Vec<Pattern> = trace.0.traces.iter().map(|unit| closure(unit)).collect();
        let mut of_target = vec![NONE; sensitivity.targets.len()];
        for block in 0..layout.block_count() {
            let Some(unit) = layout.unit_of_block[block] else {
                continue;
            };
            let pattern = &patterns[unit as usize];
            let members = layout.block(block);
            for rank in members.clone() {
                for edges in sensitivity.row(rank) {
                    for at in edges.first as usize..edges.external as usize {
                        let ends = [rank, sensitivity.targets[at].1 as usize];
                        let [one, other] = ends.map(|end| end - members.start);
                        let row = pattern.row(one.min(other));
                        // Every edge is a pair.
                        if let Ok(place) = row.binary_search(&(one.max(other) as u32)) {
                            of_target[at] = (pattern.range(one.min(other)).start + place) as u32;
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
    let mut rows: Vec<Vec<u32>> = (0..size).map(|p| unit.upper.row(p).to_vec()).collect();
    for p in 0..size {
        for &v in unit.lower.row(p) {
            rows[v as usize].push(p as u32);
        }
    }
    let mut lengths = Vec::with_capacity(size);
    let mut columns = Vec::new();
    for v in 0..size {
        let mut row = std::mem::take(&mut rows[v]);
        row.sort_unstable();
        row.dedup();
        // The nearest neighbour takes the others; they reach the rest through it.
        if let [parent, rest @ ..] = row.as_slice() {
            rows[*parent as usize].extend_from_slice(rest);
        }
        lengths.push(row.len() as u32);
        columns.extend(row);
    }
    Pattern::new(&lengths, columns)
}

/// The longest chain of sums: down the forward substitution of a block and up the backward substitution, block after block.
fn steps(trace: &EliminationTrace, plan: &Plan) -> f64 {
    let layout = &trace.0.layout;
    let sum = |terms: usize| 1.0 / (terms.max(1) as f64).sqrt();
    let longest = |lengths: &mut dyn Iterator<Item = f64>| lengths.fold(0.0, f64::max);
    let mut up = vec![0.0; layout.transient.len()];
    let mut down: Vec<f64> = Vec::new();
    for block in (0..layout.block_count()).rev() {
        let members = layout.block(block);
        let slots = members.clone().flat_map(|rank| plan.external(rank));
        let external = longest(&mut slots.map(|slot| up[slot.target as usize]));
        let Some(unit) = trace.0.block_trace(block) else {
            up[members.start] = external + sum(plan.external(members.start).len());
            continue;
        };
        down.clear();
        for p in 0..unit.size() {
            let row = unit.lower.row(p);
            let before = longest(&mut row.iter().map(|&v| down[v as usize]));
            down.push(before + sum(row.len()));
        }
        let begin = external + longest(&mut down.iter().copied());
        for p in (0..unit.size()).rev() {
            let row = unit.upper.row(p);
            let after = row.iter().map(|&u| up[members.start + u as usize]);
            up[members.start + p] = begin.max(longest(&mut { after })) + sum(row.len());
        }
    }
    longest(&mut up.into_iter())
}
