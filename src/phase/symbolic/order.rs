//! The order of elimination inside a block: minimum degree in the directed sense.
//!
//! Eliminating v joins every in-neighbour of v with every out-neighbour, so v costs at most in(v) x out(v)
//! multiply-adds and as many new edges. The rule of Markowitz (1957, *The elimination form of the inverse and its
//! application to linear programming*) takes a vertex for which that product is least; here ties go to the lowest index,
//! so the order depends on the topology alone.
//!
//! The elimination graph is kept explicitly, as successor and predecessor lists. Two invariants make an update cheap:
//!
//! * a list may still name eliminated vertices; they are dropped when the list is next scanned, and the degrees
//!   are counted apart;
//! * `u` is in the successors of `p` exactly if `p` is in the predecessors of `u`. So one membership test serves both
//!   lists, and it is made on whichever side is shorter. That keeps a vertex that everything leads to (a reset state)
//!   from costing its whole degree at every step.
//!
//! Up to [`SMALL`] vertices the lists are sets of bits, one word per 64 vertices, in which joining is a few instructions; so the many
//! small blocks of a large graph cost little.
//!
//! When the cheapest vertex is connected with all that remain, so are all the others: the rest is dense and the order
//! immaterial, so it is taken by index.
//!
//! # Postorder
//!
//! Minimum degree goes back and forth between distant parts of a block. The elimination tree of the symmetrized pattern
//! (Liu 1990, *The role of elimination trees in sparse factorization*) says which order matters: a vertex's parent is the
//! first vertex after it that its elimination touches, and any order with children before parents gives the same fill.
//! A postorder of that tree puts the vertices of a front side by side, so that rows with equal patterns are
//! neighbours ([`crate::phase::symbolic::schedule`]) and what is worked on together is found in cache together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::phase::csr::Csr;
use crate::phase::symbolic::topology::Topology;

/// Blocks of at most so many vertices are ordered with sets of bits.
const SMALL: usize = 256;

/// The vertices of a block in order of elimination.
pub(crate) fn minimum_degree(topology: &Topology) -> Vec<u32> {
    match topology.size() {
        0..=64 => minimum_degree_of_bits::<1>(topology),
        65..=128 => minimum_degree_of_bits::<2>(topology),
        129..=SMALL => minimum_degree_of_bits::<4>(topology),
        _ => minimum_degree_of_lists(topology),
    }
}

/// A set of vertices of a small block.
#[derive(Clone, Copy)]
struct Bits<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Bits<WORDS> {
    const NONE: Self = Self([0; WORDS]);

    fn insert(&mut self, vertex: u32) {
        self.0[vertex as usize / 64] |= 1 << (vertex % 64);
    }

    fn remove(&mut self, vertex: u32) {
        self.0[vertex as usize / 64] &= !(1 << (vertex % 64));
    }

    fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    fn len(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The members, ascending.
    fn iter(self) -> impl Iterator<Item = u32> {
        self.0.into_iter().enumerate().flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let vertex = (bits != 0).then(|| word as u32 * 64 + bits.trailing_zeros())?;
                bits &= bits - 1;
                Some(vertex)
            })
        })
    }
}

fn minimum_degree_of_bits<const WORDS: usize>(topology: &Topology) -> Vec<u32> {
    const ELIMINATED: u32 = u32::MAX;
    let size = topology.size();
    let mut successors = vec![Bits::<WORDS>::NONE; size];
    let mut predecessors = successors.clone();
    for vertex in 0..size as u32 {
        for &target in topology.row(vertex) {
            successors[vertex as usize].insert(target);
            predecessors[target as usize].insert(vertex);
        }
    }
    let lists = successors.iter().zip(&predecessors);
    let mut costs: Vec<u32> = lists.map(|(out, into)| out.len() * into.len()).collect();
    let mut order = Vec::with_capacity(size);
    while order.len() < size {
        let (mut vertex, mut least) = (0, ELIMINATED);
        for (candidate, &cost) in costs.iter().enumerate() {
            if cost < least {
                (vertex, least) = (candidate, cost);
            }
        }
        let others = (size - order.len() - 1) as u32;
        if least == others * others {
            let rest = (0..size).filter(|&rest| costs[rest] != ELIMINATED);
            order.extend(rest.map(|rest| rest as u32));
            break;
        }
        order.push(vertex as u32);
        costs[vertex] = ELIMINATED;
        let (out, into) = (successors[vertex], predecessors[vertex]);
        for p in into.iter() {
            let row = &mut successors[p as usize];
            *row = row.or(out);
            row.remove(p);
            row.remove(vertex as u32);
        }
        for u in out.iter() {
            let column = &mut predecessors[u as usize];
            *column = column.or(into);
            column.remove(u);
            column.remove(vertex as u32);
        }
        for touched in out.or(into).iter().map(|touched| touched as usize) {
            costs[touched] = successors[touched].len() * predecessors[touched].len();
        }
    }
    order
}

fn minimum_degree_of_lists(topology: &Topology) -> Vec<u32> {
    let size = topology.size();
    let mut graph = EliminationGraph::new(topology);
    let mut queue: BinaryHeap<Reverse<(u64, u32)>> = (0..size as u32)
        .map(|vertex| Reverse((graph.cost(vertex), vertex)))
        .collect();
    let mut order = Vec::with_capacity(size);
    while let Some(Reverse((cost, vertex))) = queue.pop() {
        if graph.eliminated[vertex as usize] || cost != graph.cost(vertex) {
            continue;
        }
        let others = (size - order.len() - 1) as u64;
        if cost == others * others {
            order.extend((0..size as u32).filter(|&rest| !graph.eliminated[rest as usize]));
            break;
        }
        order.push(vertex);
        graph.eliminate(vertex);
        for &touched in &graph.touched {
            queue.push(Reverse((graph.cost(touched), touched)));
        }
    }
    order
}

/// The order of approximate minimum degree on the symmetrized pattern (Amestoy, Davis and Duff 1996, *An approximate
/// minimum degree ordering algorithm*), if the crate that finds it accepts the pattern.
pub(crate) fn approximate_minimum_degree(topology: &Topology) -> Option<Vec<u32>> {
    let size = topology.size();
    let successors = topology.successors();
    let first: Vec<i64> = successors.ends().iter().map(|&end| end as i64).collect();
    let targets: Vec<i64> = successors.values().iter().map(|&v| i64::from(v)).collect();
    let control = amd::Control::default();
    let (order, _, _) = amd::order(size as i64, &first, &targets, &control).ok()?;
    order
        .into_iter()
        .map(|vertex| u32::try_from(vertex).ok())
        .collect()
}

/// An order with the fill of the one given, and the vertices of each front side by side.
pub(crate) fn postorder(topology: &Topology, order: &[u32]) -> Vec<u32> {
    const ROOT: u32 = u32::MAX;
    let size = order.len();
    let mut position = vec![0u32; size];
    for (p, &vertex) in order.iter().enumerate() {
        position[vertex as usize] = p as u32;
    }
    // Neighbours at earlier positions, whichever way the edge goes.
    let pairs = order.iter().enumerate().flat_map(|(p, &vertex)| {
        let ends = topology.row(vertex).iter();
        let ends = ends.map(move |&target| (p as u32, target));
        ends.map(|(p, target)| {
            let q = position[target as usize];
            (p.max(q) as usize, p.min(q))
        })
    });
    let earlier: Csr<usize, u32> = Csr::from_pairs(size, pairs);
    // A vertex joins, as their parent, the trees of its earlier neighbours; `root` leads to the root of a tree so far.
    let mut parent = vec![ROOT; size];
    let mut root: Vec<u32> = (0..size as u32).collect();
    let mut weight = vec![1u32; size];
    for p in 0..size as u32 {
        for &neighbour in earlier.row(p as usize) {
            let mut v = neighbour;
            while root[v as usize] != v && v != p {
                let above = root[v as usize];
                root[v as usize] = p;
                v = above;
            }
            if v != p {
                root[v as usize] = p;
                parent[v as usize] = p;
                weight[p as usize] += weight[v as usize];
            }
        }
    }
    // By vertex, its first child; and the next child of its parent.
    let mut child_of = vec![ROOT; size];
    let mut next_child = vec![ROOT; size];
    let mut stack = Vec::new();
    for p in (0..size as u32).rev() {
        match parent[p as usize] {
            ROOT => stack.push((p, false)),
            above => {
                next_child[p as usize] = std::mem::replace(&mut child_of[above as usize], p);
            }
        }
    }
    // The heaviest child comes last, next to its parent: it is the one most likely in the same front.
    let mut result = Vec::with_capacity(size);
    while let Some((p, done)) = stack.pop() {
        if done {
            result.push(order[p as usize]);
            continue;
        }
        stack.push((p, true));
        let begin = stack.len();
        let mut child = child_of[p as usize];
        while child != ROOT {
            stack.push((child, false));
            child = next_child[child as usize];
        }
        stack[begin..]
            .sort_unstable_by_key(|&(child, _)| (Reverse(weight[child as usize]), Reverse(child)));
    }
    result
}

struct EliminationGraph {
    successors: Vec<Vec<u32>>,
    predecessors: Vec<Vec<u32>>,
    out_degree: Vec<u32>,
    in_degree: Vec<u32>,
    eliminated: Vec<bool>,
    marks: Marks,
    /// Neighbours of the last vertex eliminated.
    touched: Vec<u32>,
    /// Scratch: edges just added.
    fresh: Vec<u32>,
}

/// A set over vertices that is emptied in constant time.
struct Marks {
    stamps: Vec<u32>,
    current: u32,
}

impl Marks {
    fn clear(&mut self) {
        if self.current == u32::MAX {
            self.stamps.fill(0);
            self.current = 0;
        }
        self.current += 1;
    }

    /// Adds a vertex; whether it was new.
    fn insert(&mut self, vertex: u32) -> bool {
        std::mem::replace(&mut self.stamps[vertex as usize], self.current) != self.current
    }

    fn contains(&self, vertex: u32) -> bool {
        self.stamps[vertex as usize] == self.current
    }
}

impl EliminationGraph {
    fn new(topology: &Topology) -> Self {
        let size = topology.size();
        let mut predecessors = vec![Vec::new(); size];
        let mut successors = Vec::with_capacity(size);
        for vertex in 0..size as u32 {
            for &target in topology.row(vertex) {
                predecessors[target as usize].push(vertex);
            }
            successors.push(topology.row(vertex).to_vec());
        }
        Self {
            out_degree: successors.iter().map(|list| list.len() as u32).collect(),
            in_degree: predecessors.iter().map(|list| list.len() as u32).collect(),
            successors,
            predecessors,
            eliminated: vec![false; size],
            marks: Marks {
                stamps: vec![0; size],
                current: 0,
            },
            touched: Vec::new(),
            fresh: Vec::new(),
        }
    }

    fn cost(&self, vertex: u32) -> u64 {
        u64::from(self.in_degree[vertex as usize]) * u64::from(self.out_degree[vertex as usize])
    }

    /// Removes a vertex, joins its neighbours, and leaves in `touched` those whose degrees may have changed.
    fn eliminate(&mut self, vertex: u32) {
        self.eliminated[vertex as usize] = true;
        let mut out = std::mem::take(&mut self.successors[vertex as usize]);
        let mut into = std::mem::take(&mut self.predecessors[vertex as usize]);
        out.retain(|&u| !self.eliminated[u as usize]);
        into.retain(|&p| !self.eliminated[p as usize]);
        let columns: usize = out
            .iter()
            .map(|&u| self.predecessors[u as usize].len())
            .sum();
        for &p in &into {
            if self.successors[p as usize].len() <= columns {
                self.join_by_row(p, &out);
            } else {
                self.join_by_columns(p, &out);
            }
        }
        for &u in &out {
            self.in_degree[u as usize] -= 1;
        }
        self.touched.clear();
        self.marks.clear();
        for &neighbour in into.iter().chain(&out) {
            if self.marks.insert(neighbour) {
                self.touched.push(neighbour);
            }
        }
    }

    /// Adds the missing edges p -> out, finding the present ones in p's successors.
    fn join_by_row(&mut self, p: u32, out: &[u32]) {
        self.marks.clear();
        self.marks.insert(p);
        let (marks, eliminated) = (&mut self.marks, &self.eliminated);
        let row = &mut self.successors[p as usize];
        row.retain(|&u| {
            marks.insert(u);
            !eliminated[u as usize]
        });
        for &u in out {
            if !marks.contains(u) {
                row.push(u);
                self.predecessors[u as usize].push(p);
                self.in_degree[u as usize] += 1;
            }
        }
        self.out_degree[p as usize] = row.len() as u32;
    }

    /// Adds the missing edges p -> out, looking for p among the predecessors of each.
    fn join_by_columns(&mut self, p: u32, out: &[u32]) {
        self.fresh.clear();
        for &u in out {
            let eliminated = &self.eliminated;
            let column = &mut self.predecessors[u as usize];
            column.retain(|&q| !eliminated[q as usize]);
            if u != p && !column.contains(&p) {
                column.push(p);
                self.in_degree[u as usize] += 1;
                self.fresh.push(u);
            }
        }
        self.successors[p as usize].extend_from_slice(&self.fresh);
        // The eliminated vertex leaves, the new ones come.
        self.out_degree[p as usize] = self.out_degree[p as usize] - 1 + self.fresh.len() as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::{minimum_degree, minimum_degree_of_bits, minimum_degree_of_lists};
    use crate::phase::csr::Csr;
    use crate::phase::symbolic::topology::Topology;

    fn topology(rows: &[&[u32]]) -> Topology {
        let mut successors = Csr::default();
        for row in rows {
            successors.push_row(row.iter().copied());
        }
        Topology::new(successors, vec![true; rows.len()])
    }

    /// The rule by its definition, on a matrix.
    fn by_definition(topology: &Topology) -> Vec<u32> {
        let size = topology.size();
        let mut edge = vec![vec![false; size]; size];
        for (vertex, row) in edge.iter_mut().enumerate() {
            for &target in topology.row(vertex as u32) {
                row[target as usize] = true;
            }
        }
        let mut rest: Vec<usize> = (0..size).collect();
        let mut order = Vec::new();
        while !rest.is_empty() {
            let cost = |v: usize| {
                let out = rest.iter().filter(|&&u| edge[v][u]).count();
                out * rest.iter().filter(|&&p| edge[p][v]).count()
            };
            let vertex = rest
                .iter()
                .copied()
                .min_by_key(|&v| (cost(v), v))
                .unwrap_or(0);
            rest.retain(|&other| other != vertex);
            for &p in &rest {
                for &u in &rest {
                    edge[p][u] |= p != u && edge[p][vertex] && edge[vertex][u];
                }
            }
            order.push(vertex as u32);
        }
        order
    }

    #[test]
    fn star_with_both_hub_directions_takes_the_hub_last() {
        let rows: Vec<Vec<u32>> = (0..40)
            .map(|v| if v == 0 { (1..40).collect() } else { vec![0] })
            .collect();
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        let order = minimum_degree(&topology(&rows));
        assert_eq!(order[..3], [1, 2, 3]);
        assert_eq!(order, by_definition(&topology(&rows)));
    }

    #[test]
    fn sets_of_bits_and_lists_find_the_same_order() {
        // Rings with chords of some lengths, one direction each: a few words of bits, and no symmetry.
        for size in [63, 64, 65, 129, 200, 256] {
            let rows: Vec<Vec<u32>> = (0..size)
                .map(|v| {
                    let mut row: Vec<u32> = [1, 7, 3 + v % 5 * 11]
                        .map(|chord| (v + chord) % size)
                        .into();
                    row.sort_unstable();
                    row.dedup();
                    row.retain(|&target| target != v);
                    row
                })
                .collect();
            let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
            let topology = topology(&rows);
            assert_eq!(
                minimum_degree(&topology),
                minimum_degree_of_lists(&topology),
                "{size}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn follows_the_rule(
            size in 1usize..14,
            raw in proptest::collection::vec((0u32..14, 0u32..14), 0..80),
        ) {
            let mut rows = vec![std::collections::BTreeSet::new(); size];
            for (a, b) in raw {
                let (a, b) = (a as usize % size, b % size as u32);
                if a as u32 != b {
                    rows[a].insert(b);
                }
            }
            let rows: Vec<Vec<u32>> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
            let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
            let topology = topology(&rows);
            let expected = by_definition(&topology);
            proptest::prop_assert_eq!(&minimum_degree_of_bits::<1>(&topology), &expected);
            proptest::prop_assert_eq!(&minimum_degree_of_bits::<4>(&topology), &expected);
            proptest::prop_assert_eq!(&minimum_degree_of_lists(&topology), &expected);
        }
    }
}
