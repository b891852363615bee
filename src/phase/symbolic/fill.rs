//! Elimination inside a block, as a pattern.
//!
//! The method is that of [`crate::phase::numeric`]: each row p of the factors has entries w(p, v) for earlier v (lower) and
//! f(p, u) for later u (upper).
//!
//! # What a [`BlockTrace`] is
//!
//! Where the nonzeros w(p, v) (lower) and f(p, u) (upper) end up depends on the topology and the order alone, and with
//! them every operation. So the trace of a block is the order and the two patterns, 4 bytes per entry, not a list of
//! operations: [`Operations`](crate::phase::Operations) writes the list out where someone wants to read it.
//!
//! Row p's pattern is the set of vertices that p reaches by paths through vertices earlier than p (Rose and Tarjan 1978,
//! *Algorithmic aspects of vertex elimination on directed graphs*). It is found by a search over the upper rows already
//! known. Once some row p has v in its lower part and stands in v's upper row itself, p's row contains everything v's row
//! has beyond p, so later searches leave v's row there (Eisenstat and Liu 1992, symmetric pruning).

use std::sync::Arc;

use crate::phase::csr::Csr;
use crate::phase::index::{Index, IndexVec, Local, Position};
use crate::phase::symbolic::key::BlockKey;
use crate::phase::symbolic::order::{approximate_minimum_degree, minimum_degree, postorder};
use crate::phase::symbolic::topology::{LARGE, Topology};
use crate::phase::symbolic::unit::WorkUnit;

/// The entries of a triangular factor: for each position, the positions of its entries, ascending.
pub(crate) type Pattern = Csr<Position, Position>;

/// The elimination of one block topology: the order of its vertices and where the factors have entries.
///
/// It holds no numbers. What a replay multiplies and adds follows from the patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockTrace {
    pub(crate) topology: Arc<Topology>,
    /// The vertex at each position.
    pub(crate) order: IndexVec<Position, Local>,
    /// The position of each vertex.
    pub(crate) position: IndexVec<Local, Position>,
    /// Entries w(p, v), v earlier than p.
    pub(crate) lower: Pattern,
    /// Entries f(p, u), u later than p.
    pub(crate) upper: Pattern,
    multiply_adds: u64,
}

impl BlockTrace {
    /// A trace that was eliminated before, as [`fill`] made it.
    pub(crate) fn from_parts(
        topology: Arc<Topology>,
        order: IndexVec<Position, Local>,
        position: IndexVec<Local, Position>,
        (lower, upper): (Pattern, Pattern),
        multiply_adds: u64,
    ) -> Self {
        Self {
            topology,
            order,
            position,
            lower,
            upper,
            multiply_adds,
        }
    }

    /// The key of the topology that was eliminated.
    ///
    /// ```
    /// use elimap::phase::{Analysis, eliminate_unit, models};
    ///
    /// let analysis = Analysis::new(&models::birth_death(9)?);
    /// let unit = &analysis.work_units()[0];
    /// assert_eq!(eliminate_unit(unit).key(), unit.key());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn key(&self) -> BlockKey {
        self.topology.key()
    }

    /// The number of vertices of the block.
    ///
    /// ```
    /// use elimap::phase::{Analysis, eliminate_unit, models};
    ///
    /// assert_eq!(eliminate_unit(&Analysis::new(&models::birth_death(9)?).work_units()[0]).size(), 9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn size(&self) -> usize {
        self.order.len()
    }

    /// The block's vertices, in local numbering, in order of elimination.
    ///
    /// ```
    /// use elimap::phase::{Analysis, eliminate_unit, models};
    ///
    /// let trace = eliminate_unit(&Analysis::new(&models::birth_death(9)?).work_units()[0]);
    /// let mut order: Vec<usize> = trace.order().collect();
    /// order.sort_unstable();
    /// assert_eq!(order, (0..9).collect::<Vec<_>>());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn order(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.order.iter().map(|vertex| vertex.index())
    }

    /// The number of entries of the two triangular factors.
    ///
    /// ```
    /// use elimap::phase::{Analysis, eliminate_unit, models};
    ///
    /// // A chain is eliminated from its ends: nothing is filled in, and the factors have its 2 (n - 1) edges.
    /// let trace = eliminate_unit(&Analysis::new(&models::birth_death(9)?).work_units()[0]);
    /// assert_eq!(trace.factor_entries(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn factor_entries(&self) -> usize {
        self.lower.len() + self.upper.len()
    }

    /// How often the elimination does `w(p, u) += w(p, v) f(v, u)`; updates of exits are not counted.
    ///
    /// ```
    /// use elimap::phase::{Analysis, eliminate_unit, models};
    ///
    /// let multiply_adds = |graph| eliminate_unit(&Analysis::new(&graph).work_units()[0]).multiply_adds();
    /// assert_eq!(multiply_adds(models::birth_death(9)?), 0);
    /// assert!(multiply_adds(models::grid_walk(5, 5)?) > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn multiply_adds(&self) -> u64 {
        self.multiply_adds
    }
}

/// Eliminates one block topology.
///
/// The result depends on the unit alone, so it does not matter who computes it, when, or how often.
///
/// ```
/// use elimap::phase::{Analysis, eliminate_unit, models};
///
/// let analysis = Analysis::new(&models::birth_death(50)?);
/// let trace = eliminate_unit(&analysis.work_units()[0]);
/// assert_eq!((trace.size(), trace.multiply_adds()), (50, 0));
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[must_use]
pub fn eliminate_unit(unit: &WorkUnit) -> BlockTrace {
    let topology = unit.topology();
    let size = topology.size();
    let both_ways = topology.edges_both_ways();
    let is_symmetric = both_ways == topology.edge_count();
    let fill_by = |order: &[u32]| {
        let order = postorder(topology, order);
        match is_symmetric {
            true => fill_symmetric(Arc::clone(topology), order),
            false => fill(Arc::clone(topology), order),
        }
    };
    let approximate = || approximate_minimum_degree(topology).map(|order| fill_by(&order));
    // The approximate rule looks at the symmetrized pattern. Where that is nearly the pattern, it finds less on meshes and about as
    // much elsewhere, in a fraction of the time; small blocks are ordered by the exact one in no time.
    let is_nearly_symmetric = 10 * both_ways >= 9 * topology.edge_count();
    if size >= LARGE
        && is_nearly_symmetric
        && let Some(trace) = approximate()
    {
        return trace;
    }
    let trace = fill_by(&minimum_degree(topology));
    // Looking for another order costs time, so there must be something to gain.
    if size < LARGE || is_nearly_symmetric || trace.multiply_adds() < 32 * size as u64 {
        return trace;
    }
    match approximate() {
        Some(other) if other.multiply_adds < trace.multiply_adds => other,
        _ => trace,
    }
}

/// Finds the filled pattern of a topology of which every edge leads back as well, under an order.
///
/// The pattern stays symmetric. Row p of the upper part has the later neighbours of p and, but for p, the rows of those v whose row
/// begins with p (Liu 1990, *The role of elimination trees in sparse factorization*); the lower part is its transpose. Where one
/// such row has everything, which is the rule in fronts, it is in order already.
fn fill_symmetric(topology: Arc<Topology>, order: Vec<u32>) -> BlockTrace {
    const NONE: u32 = u32::MAX;
    let size = order.len();
    let (order, position) = positions(order);
    let mut upper = Pattern::with_capacity(size, topology.edge_count());
    let mut row_of_mark: IndexVec<Position, u32> = IndexVec::filled(NONE, size);
    // By position, the first row that begins with it; and by row, the next one that begins alike.
    let mut first: IndexVec<Position, u32> = IndexVec::filled(NONE, size);
    let mut next = first.clone();
    let mut lengths = vec![0; size];
    let mut multiply_adds = 0u64;
    let mut row: Vec<Position> = Vec::new();
    for (p, &vertex) in order.iter_enumerated() {
        row.clear();
        row_of_mark[p] = p.as_u32();
        let mut is_ascending = true;
        let mut add = |column: Position, row: &mut Vec<Position>| {
            if column > p && row_of_mark[column] != p.as_u32() {
                row_of_mark[column] = p.as_u32();
                is_ascending &= row.last().is_none_or(|&last| last < column);
                row.push(column);
            }
        };
        // The last child is the one with the most, as a rule.
        let mut child = first[p];
        while child != NONE {
            for &column in upper.row(Position::from_u32(child)) {
                add(column, &mut row);
            }
            child = next[Position::from_u32(child)];
        }
        for &target in topology.row(vertex.as_u32()) {
            add(position[Local::from_u32(target)], &mut row);
        }
        if !is_ascending {
            row.sort_unstable();
        }
        if let Some(&parent) = row.first() {
            next[p] = std::mem::replace(&mut first[parent], p.as_u32());
        }
        for column in &row {
            lengths[column.index()] += 1;
        }
        // Every later row with an entry here is changed in all others.
        let count = row.len() as u64;
        multiply_adds += count * count.saturating_sub(1);
        upper.push_row(row.iter().copied());
    }
    let mut lower_ends = 0;
    let mut places: Vec<usize> = lengths
        .iter()
        .map(|&length| {
            let begin = lower_ends;
            lower_ends += length;
            begin
        })
        .collect();
    let mut lower = vec![Position::new(0); lower_ends];
    for (p, row) in upper.iter().enumerate() {
        for column in row {
            let place = &mut places[column.index()];
            lower[*place] = Position::new(p);
            *place += 1;
        }
    }
    // The lengths add up by construction.
    let lower = Pattern::from_lengths(lengths, lower).unwrap_or_default();
    BlockTrace::from_parts(topology, order, position, (lower, upper), multiply_adds)
}

/// An order by position, and its inverse.
fn positions(order: Vec<u32>) -> (IndexVec<Position, Local>, IndexVec<Local, Position>) {
    let order: IndexVec<Position, Local> = order.into_iter().map(Local::from_u32).collect();
    let mut position = IndexVec::filled(Position::new(0), order.len());
    for (p, &vertex) in order.iter_enumerated() {
        position[vertex] = p;
    }
    (order, position)
}

/// Finds the filled pattern of a topology under an order.
fn fill(topology: Arc<Topology>, order: Vec<u32>) -> BlockTrace {
    let size = order.len();
    let (order, position) = positions(order);
    let mut lower = Pattern::with_capacity(size, topology.edge_count() / 2);
    let mut upper = Pattern::with_capacity(size, topology.edge_count() / 2);
    let mut multiply_adds = 0u64;
    // Where searches leave each upper row, a place among all entries of `upper`.
    let mut pruned: IndexVec<Position, usize> = IndexVec::new();
    let mut row_of_mark: IndexVec<Position, usize> = IndexVec::filled(usize::MAX, size);
    let (mut earlier, mut later, mut stack) = (Vec::new(), Vec::new(), Vec::new());
    for (p, &vertex) in order.iter_enumerated() {
        earlier.clear();
        later.clear();
        row_of_mark[p] = p.index();
        let mut visit = |column: Position, stack: &mut Vec<Position>| {
            if row_of_mark[column] != p.index() {
                row_of_mark[column] = p.index();
                if column < p {
                    earlier.push(column);
                    stack.push(column);
                } else {
                    later.push(column);
                }
            }
        };
        for &target in topology.row(vertex.as_u32()) {
            visit(position[Local::from_u32(target)], &mut stack);
        }
        while let Some(v) = stack.pop() {
            for &column in &upper.values()[upper.range(v).start..pruned[v]] {
                visit(column, &mut stack);
            }
        }
        earlier.sort_unstable();
        later.sort_unstable();
        for &v in &earlier {
            let row = upper.row(v);
            multiply_adds += row.len() as u64;
            if let Ok(offset) = row.binary_search(&p) {
                multiply_adds -= 1;
                pruned[v] = pruned[v].min(upper.range(v).start + offset + 1);
            }
        }
        lower.push_row(earlier.iter().copied());
        upper.push_row(later.iter().copied());
        pruned.push(upper.len());
    }
    BlockTrace::from_parts(topology, order, position, (lower, upper), multiply_adds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::{fill, fill_symmetric};
    use crate::phase::csr::Csr;
    use crate::phase::index::{Index, Local, Position};
    use crate::phase::symbolic::topology::Topology;

    proptest! {
        #[test]
        fn fills_as_elimination_does_under_any_order(
            size in 1usize..13,
            raw in prop::collection::vec((0u32..13, 0u32..13), 0..60),
            shuffle in prop::collection::vec(any::<u32>(), 13),
        ) {
            let mut rows = vec![BTreeSet::new(); size];
            for (a, b) in raw {
                let (a, b) = (a as usize % size, b as usize % size);
                if a != b {
                    rows[a].insert(b as u32);
                }
            }
            let mut successors = Csr::default();
            for row in &rows {
                successors.push_row(row.iter().copied());
            }
            let topology = Arc::new(Topology::new(successors, vec![true; size]));
            let mut order: Vec<u32> = (0..size as u32).collect();
            order.sort_by_key(|&v| shuffle[v as usize]);
            let trace = fill(Arc::clone(&topology), order);

            // Elimination on sets, vertex by vertex.
            let mut edges: BTreeSet<(u32, u32)> = BTreeSet::new();
            for (v, row) in rows.iter().enumerate() {
                let position = |vertex| trace.position[Local::from_u32(vertex)].as_u32();
                edges.extend(row.iter().map(|&u| (position(v as u32), position(u))));
            }
            let mut multiply_adds = 0;
            for v in 0..size as u32 {
                let into: Vec<u32> = edges.iter().filter(|e| e.1 == v && e.0 > v).map(|e| e.0).collect();
                let out: Vec<u32> = edges.iter().filter(|e| e.0 == v && e.1 > v).map(|e| e.1).collect();
                for &p in &into {
                    for &u in out.iter().filter(|&&u| u != p) {
                        edges.insert((p, u));
                        multiply_adds += 1;
                    }
                }
            }
            for p in 0..size as u32 {
                let row: Vec<u32> = edges.iter().filter(|e| e.0 == p).map(|e| e.1).collect();
                let (p, row) = (Position::from_u32(p), row.into_iter().map(Position::from_u32));
                let (lower, upper): (Vec<Position>, Vec<Position>) = row.partition(|&u| u < p);
                prop_assert_eq!(trace.lower.row(p), &lower[..]);
                prop_assert_eq!(trace.upper.row(p), &upper[..]);
            }
            prop_assert_eq!(trace.multiply_adds(), multiply_adds);

            // The same with every edge both ways.
            let both = rows.iter().enumerate().flat_map(|(v, row)| {
                row.iter().flat_map(move |&u| [(v, u), (u as usize, v as u32)])
            });
            let both: BTreeSet<(usize, u32)> = both.collect();
            let successors = Csr::from_pairs(size, both.iter().copied());
            let topology = Arc::new(Topology::new(successors, vec![true; size]));
            prop_assert_eq!(topology.edges_both_ways(), topology.edge_count());
            let order: Vec<u32> = trace.order.iter().map(|vertex| vertex.as_u32()).collect();
            let expected = fill(Arc::clone(&topology), order.clone());
            prop_assert_eq!(fill_symmetric(topology, order), expected);
        }
    }
}
