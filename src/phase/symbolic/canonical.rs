//! A numbering of a block's vertices that does not depend on how they were numbered before.
//!
//! Copies of a block whose vertices come in another order should share one trace. So the vertices are numbered by their
//! place in the block: an ordered partition is refined until vertices in one cell cannot be told apart by the sizes
//! of their neighbourhoods in other cells (colour refinement; Paige and Tarjan 1987, *Three partition refinement
//! algorithms*; with cells ordered as in McKay 1981, *Practical graph isomorphism*). While some cell has several
//! vertices, one of them is set apart and the refinement goes on. The order of cells is the numbering.
//!
//! Cells are split in the order of their positions, parts by ascending neighbour counts, so refinement depends on the
//! structure alone. Which vertex of a cell is set apart is decided by a bounded search ([`crate::phase::symbolic::canonical_search`]).
//! Where its bound is not enough, two copies may get different numberings. That can cost sharing and nothing else: the
//! key of a block is taken from its exact edges *in this numbering* ([`crate::phase::symbolic::topology`]), so two blocks with one key have
//! equal edges under the two numberings, however those were found.
//!
//! A part of a split that is no larger than another part need not be a splitter again, so the refinement takes
//! O(edges log vertices).

use std::collections::VecDeque;

use crate::phase::csr::Csr;
use crate::phase::symbolic::topology::Topology;

/// An ordered partition. A cell is named by the position of its first member.
pub(super) struct Partition<'t> {
    pub(super) topology: &'t Topology,
    predecessors: Csr<usize, u32>,
    /// Vertices, cell by cell.
    members: Vec<u32>,
    /// The position of each vertex among the members.
    place: Vec<usize>,
    /// The cell of each vertex.
    cell: Vec<usize>,
    /// The number of members, by cell.
    size: Vec<usize>,
    /// Cells by which the others have yet to be split.
    queue: VecDeque<usize>,
    queued: Vec<bool>,
    /// Scratch: neighbours in the splitter, by vertex; zero between uses.
    count: Vec<u32>,
    /// Scratch: the members of a splitter, their neighbours, and the parts of a cell.
    splitter: Vec<u32>,
    touched: Vec<u32>,
    parts: Vec<usize>,
    /// Edges looked at so far.
    pub(super) effort: u64,
}

/// A refined partition, to come back to.
#[derive(Clone)]
pub(super) struct Saved {
    members: Vec<u32>,
    place: Vec<usize>,
    cell: Vec<usize>,
    size: Vec<usize>,
}

impl<'t> Partition<'t> {
    /// Cells by exits and degrees.
    pub(super) fn new(topology: &'t Topology) -> Self {
        let vertices = topology.size();
        let edges = (0..vertices as u32).flat_map(|vertex| {
            let targets = topology.row(vertex).iter();
            targets.map(move |&target| (target as usize, vertex))
        });
        let predecessors: Csr<usize, u32> = Csr::from_pairs(vertices, edges);
        let class = |vertex: u32| {
            let (out, into) = (
                topology.row(vertex).len(),
                predecessors.range(vertex as usize).len(),
            );
            (topology.exits(vertex), out, into)
        };
        let mut members: Vec<u32> = (0..vertices as u32).collect();
        members.sort_by_key(|&vertex| (class(vertex), vertex));
        let mut partition = Self {
            place: vec![0; vertices],
            cell: vec![0; vertices],
            size: vec![0; vertices],
            queue: VecDeque::new(),
            queued: vec![false; vertices],
            count: vec![0; vertices],
            splitter: Vec::new(),
            touched: Vec::new(),
            parts: Vec::new(),
            effort: 0,
            topology,
            members: Vec::new(),
            predecessors: Csr::default(),
        };
        let mut first = 0;
        for part in members.chunk_by(|&a, &b| class(a) == class(b)) {
            partition.make_cell(first, part);
            partition.enqueue(first);
            first += part.len();
        }
        partition.predecessors = predecessors;
        partition.members = members;
        partition
    }

    /// Records that these vertices, at these positions, are a cell.
    fn make_cell(&mut self, first: usize, part: &[u32]) {
        self.size[first] = part.len();
        for (offset, &vertex) in part.iter().enumerate() {
            self.place[vertex as usize] = first + offset;
            self.cell[vertex as usize] = first;
        }
    }

    fn enqueue(&mut self, cell: usize) {
        if !std::mem::replace(&mut self.queued[cell], true) {
            self.queue.push_back(cell);
        }
    }

    /// Splits cells until each vertex of a cell has as many neighbours in any cell as every other.
    pub(super) fn refine(&mut self) {
        let mut splitter = std::mem::take(&mut self.splitter);
        let mut touched = std::mem::take(&mut self.touched);
        while let Some(cell) = self.queue.pop_front() {
            self.queued[cell] = false;
            splitter.clear();
            splitter.extend_from_slice(&self.members[cell..cell + self.size[cell]]);
            for incoming in [true, false] {
                touched.clear();
                for &vertex in &splitter {
                    let neighbours = if incoming {
                        self.predecessors.row(vertex as usize)
                    } else {
                        self.topology.row(vertex)
                    };
                    self.effort += 1 + neighbours.len() as u64;
                    for &neighbour in neighbours {
                        if self.count[neighbour as usize] == 0 {
                            touched.push(neighbour);
                        }
                        self.count[neighbour as usize] += 1;
                    }
                }
                touched.retain(|&vertex| {
                    let splittable = self.size[self.cell[vertex as usize]] > 1;
                    if !splittable {
                        self.count[vertex as usize] = 0;
                    }
                    splittable
                });
                touched.sort_unstable_by_key(|&vertex| {
                    // Cells are positions, which fit 32 bits.
                    let cell = self.cell[vertex as usize] as u64;
                    (cell << 32 | u64::from(self.count[vertex as usize]), vertex)
                });
                let mut rest = &touched[..];
                while let Some(&first) = rest.first() {
                    let cell = self.cell[first as usize];
                    let others = rest.iter().position(|&v| self.cell[v as usize] != cell);
                    let (group, after) = rest.split_at(others.unwrap_or(rest.len()));
                    self.split(cell, group);
                    rest = after;
                }
                for &vertex in &touched {
                    self.count[vertex as usize] = 0;
                }
            }
        }
        (self.splitter, self.touched) = (splitter, touched);
    }

    /// Splits a cell into the vertices without neighbours in the splitter, which stay in front, and the touched ones by
    /// ascending count.
    fn split(&mut self, cell: usize, touched: &[u32]) {
        let size = self.size[cell];
        let count = |partition: &Self, vertex: u32| partition.count[vertex as usize];
        if touched.len() == size && count(self, touched[0]) == count(self, touched[size - 1]) {
            return;
        }
        // Fill the end of the cell with the touched vertices; each swap brings a vertex to its final position.
        for (offset, &vertex) in touched.iter().enumerate().rev() {
            let (here, there) = (
                self.place[vertex as usize],
                cell + size - touched.len() + offset,
            );
            let other = self.members[there];
            self.members.swap(here, there);
            self.place[vertex as usize] = there;
            self.place[other as usize] = here;
        }
        let rest = size - touched.len();
        let mut parts = std::mem::take(&mut self.parts);
        parts.clear();
        if rest > 0 {
            self.size[cell] = rest;
            parts.push(cell);
        }
        let mut left = touched;
        while let Some(&vertex) = left.first() {
            let alike = count(self, vertex);
            let length = left.iter().position(|&v| count(self, v) != alike);
            let (part, after) = left.split_at(length.unwrap_or(left.len()));
            let first = cell + size - left.len();
            parts.push(first);
            self.make_cell(first, part);
            left = after;
        }
        let whole_is_queued = self.queued[cell];
        let mut largest = parts[0];
        for &part in &parts {
            if self.size[part] > self.size[largest] {
                largest = part;
            }
        }
        for &part in &parts {
            if whole_is_queued || part != largest {
                self.enqueue(part);
            }
        }
        self.parts = parts;
    }

    /// Makes a vertex of a cell, the lowest if none is named, a cell of its own, in front.
    pub(super) fn set_apart(&mut self, cell: usize, vertex: Option<u32>) {
        let Some(chosen) = vertex.or_else(|| self.members_of(cell).iter().copied().min()) else {
            return;
        };
        let (here, other) = (self.place[chosen as usize], self.members[cell]);
        self.members.swap(cell, here);
        self.place[other as usize] = here;
        let members = self.members_of(cell).to_vec();
        self.make_cell(cell, &members[..1]);
        self.make_cell(cell + 1, &members[1..]);
        self.enqueue(cell);
    }

    /// The first cell from here on whose vertices are not twins. Cells of twins are taken apart in the order given: any
    /// order gives the same edges, and no other vertex tells them from each other.
    pub(super) fn next_cell(&mut self, from: usize) -> Option<usize> {
        let mut cell = from;
        while cell < self.members.len() {
            let size = self.size[cell];
            if size > 1 {
                if !self.are_twins(cell) {
                    return Some(cell);
                }
                let mut members = self.members_of(cell).to_vec();
                members.sort_unstable();
                self.members[cell..cell + size].copy_from_slice(&members);
                for (offset, &vertex) in members.iter().enumerate() {
                    self.make_cell(cell + offset, &[vertex]);
                }
            }
            cell += size;
        }
        None
    }

    /// Whether all vertices of a cell have the same neighbours but for each other.
    fn are_twins(&mut self, cell: usize) -> bool {
        let members = &self.members[cell..cell + self.size[cell]];
        let mut effort = 0;
        let twins = [false, true].into_iter().all(|incoming| {
            let neighbours = |vertex: u32| {
                if incoming {
                    self.predecessors.row(vertex as usize)
                } else {
                    self.topology.row(vertex)
                }
            };
            let outside = |vertex: u32| {
                let list = neighbours(vertex).iter().copied();
                list.filter(|&other| self.cell[other as usize] != cell)
            };
            let reference = neighbours(members[0]);
            let inside = reference.len() - outside(members[0]).count();
            (inside == 0 || inside == members.len() - 1)
                && members[1..].iter().all(|&vertex| {
                    effort += reference.len() as u64;
                    neighbours(vertex).len() == reference.len()
                        && outside(vertex).eq(outside(members[0]))
                })
        });
        self.effort += effort;
        twins
    }

    pub(super) fn members_of(&self, cell: usize) -> &[u32] {
        &self.members[cell..cell + self.size[cell]]
    }

    pub(super) fn members(&self) -> &[u32] {
        &self.members
    }

    pub(super) fn into_members(self) -> Vec<u32> {
        self.members
    }

    pub(super) fn save(&self) -> Saved {
        Saved {
            members: self.members.clone(),
            place: self.place.clone(),
            cell: self.cell.clone(),
            size: self.size.clone(),
        }
    }

    pub(super) fn restore(&mut self, saved: Saved) {
        (self.members, self.place) = (saved.members, saved.place);
        (self.cell, self.size) = (saved.cell, saved.size);
        self.effort += self.members.len() as u64;
    }

    /// A number for the sizes of all cells.
    pub(super) fn shape(&self) -> u64 {
        let mut shape = 0u64;
        let mut cell = 0;
        while cell < self.members.len() {
            shape = (shape ^ cell as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            shape ^= shape >> 29;
            cell += self.size[cell];
        }
        shape
    }

    /// Edges and exits under the numbering, once every cell has one vertex.
    pub(super) fn edges(&self) -> Vec<u32> {
        let mut words = Vec::with_capacity(self.topology.edge_count() + self.members.len());
        for &vertex in &self.members {
            let row = self.topology.row(vertex);
            words.push(row.len() as u32 * 2 + u32::from(self.topology.exits(vertex)));
            let start = words.len();
            words.extend(row.iter().map(|&target| self.place[target as usize] as u32));
            words[start..].sort_unstable();
        }
        words
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use crate::phase::csr::Csr;
    use crate::phase::symbolic::canonical_search::canonical_order;
    use crate::phase::symbolic::topology::Topology;

    fn topology(size: usize, edges: &BTreeSet<(u32, u32)>, exits: &[bool]) -> Topology {
        let pairs = edges.iter().map(|&(from, to)| (from as usize, to));
        Topology::new(Csr::from_pairs(size, pairs), exits.to_vec())
    }

    /// The topology with vertex `v` called `names[v]`.
    fn renamed(topology: &Topology, names: &[u32]) -> Topology {
        let name = |vertex: u32| names[vertex as usize];
        let vertices = 0..topology.size() as u32;
        let edges = vertices
            .clone()
            .flat_map(|v| topology.row(v).iter().map(move |&u| (name(v), name(u))))
            .collect();
        let mut exits = vec![false; topology.size()];
        for vertex in vertices {
            exits[name(vertex) as usize] = topology.exits(vertex);
        }
        self::topology(topology.size(), &edges, &exits)
    }

    fn canonical(topology: &Topology) -> Topology {
        let order = canonical_order(topology);
        let mut names = vec![0; order.len()];
        for (place, &vertex) in order.iter().enumerate() {
            names[vertex as usize] = place as u32;
        }
        renamed(topology, &names)
    }

    fn blocks() -> impl Strategy<Value = Topology> {
        (1usize..16).prop_flat_map(|size| {
            let edges = prop::collection::vec((0..size as u32, 0..size as u32), 0..4 * size);
            (
                Just(size),
                edges,
                prop::collection::vec(any::<bool>(), size),
            )
                .prop_map(|(size, edges, exits)| {
                    topology(
                        size,
                        &edges.into_iter().filter(|edge| edge.0 != edge.1).collect(),
                        &exits,
                    )
                })
        })
    }

    proptest! {
        #[test]
        fn is_an_order(block in blocks()) {
            let mut order = canonical_order(&block);
            order.sort_unstable();
            prop_assert_eq!(order, (0..block.size() as u32).collect::<Vec<_>>());
        }

        #[test]
        fn renamed_copies_meet(block in blocks(), shuffle in prop::collection::vec(any::<u32>(), 16)) {
            let mut names: Vec<u32> = (0..block.size() as u32).collect();
            names.sort_by_key(|&v| shuffle[v as usize]);
            prop_assert_eq!(canonical(&renamed(&block, &names)), canonical(&block));
        }
    }

    #[test]
    fn symmetric_blocks_meet_too() {
        let size = 24u32;
        let ring = (0..size)
            .flat_map(|v| [(v, (v + 1) % size), ((v + 1) % size, v)])
            .collect();
        let complete = (0..size)
            .flat_map(|v| (0..size).filter(move |&u| u != v).map(move |u| (v, u)))
            .collect();
        for edges in [ring, complete] {
            for exit in [0, 11] {
                let mut exits = vec![false; size as usize];
                exits[exit] = true;
                let block = topology(size as usize, &edges, &exits);
                let names: Vec<u32> = (0..size).map(|v| v * 7 % size).collect();
                assert_eq!(canonical(&renamed(&block, &names)), canonical(&block));
            }
        }
    }

    #[test]
    fn blocks_that_refinement_cannot_tell_apart_stay_apart() {
        // A hexagon and two triangles: every vertex looks like every other in both.
        let both =
            |pairs: &[(u32, u32)]| pairs.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect();
        let hexagon = both(&[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)]);
        let triangles = both(&[(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]);
        let [hexagon, triangles] =
            [hexagon, triangles].map(|edges| canonical(&topology(6, &edges, &[true; 6])));
        assert_ne!(hexagon.key(), triangles.key());
    }

    /// Both directions of each pair.
    fn undirected(pairs: impl IntoIterator<Item = (u32, u32)>) -> BTreeSet<(u32, u32)> {
        let pairs = pairs.into_iter();
        pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
    }

    /// Names 0..size in an order that a seed decides.
    fn shuffled(size: u32, seed: u32) -> Vec<u32> {
        let mut names: Vec<u32> = (0..size).collect();
        names.sort_by_key(|&v| {
            (v + 1).wrapping_mul(seed.wrapping_mul(2).wrapping_add(0x9e37_79b9)) >> 7
        });
        names
    }

    /// Regular graphs in which all vertices look alike to refinement: two with the same parameters, and two more.
    fn regular() -> Vec<Topology> {
        let cell = |row: u32, column: u32| row % 4 * 4 + column % 4;
        let cells = || (0..16).map(|v| (v / 4, v % 4));
        let rook = cells().flat_map(|(r, c)| {
            (1..4).flat_map(move |k| [(cell(r, c), cell(r + k, c)), (cell(r, c), cell(r, c + k))])
        });
        let shrikhande = cells().flat_map(|(r, c)| {
            [(0, 1), (1, 0), (1, 1)].map(|(i, j)| (cell(r, c), cell(r + i, c + j)))
        });
        let petersen =
            (0..5u32).flat_map(|v| [(v, (v + 1) % 5), (v, v + 5), (5 + v, 5 + (v + 2) % 5)]);
        let prism =
            (0..5u32).flat_map(|v| [(v, (v + 1) % 5), (v, v + 5), (5 + v, 5 + (v + 1) % 5)]);
        [
            (16, undirected(rook)),
            (16, undirected(shrikhande)),
            (10, undirected(petersen)),
            (10, undirected(prism)),
        ]
        .map(|(size, edges)| topology(size, &edges, &vec![true; size]))
        .into()
    }

    #[test]
    fn copies_of_regular_blocks_meet_and_different_ones_do_not() {
        let blocks = regular();
        let keys: BTreeSet<_> = blocks.iter().map(|block| canonical(block).key()).collect();
        assert_eq!(keys.len(), blocks.len());
        for block in &blocks {
            for seed in 0..20 {
                let copy = renamed(block, &shuffled(block.size() as u32, seed));
                assert_eq!(canonical(&copy), canonical(block));
            }
        }
    }

    #[test]
    fn an_effort_that_is_not_enough_costs_sharing_only() {
        // Forty hexagons and forty pairs of triangles, all alike to refinement.
        let hexagons =
            (0..40u32).flat_map(|k| (0..6).map(move |v| (6 * k + v, 6 * k + (v + 1) % 6)));
        let triangles = (40..80u32)
            .flat_map(|k| (0..6).map(move |v| (6 * k + v, 6 * k + v / 3 * 3 + (v + 1) % 3)));
        let block = topology(480, &undirected(hexagons.chain(triangles)), &[true; 480]);
        let order = canonical_order(&block);
        assert_eq!(order.iter().copied().collect::<BTreeSet<_>>().len(), 480);
    }

    proptest! {
        #[test]
        fn regular_copies_meet(
            half in 3u32..12,
            shifts in prop::collection::btree_set(1u32..12, 1..4),
            seed in any::<u32>(),
        ) {
            // Circulant digraphs: every vertex looks like every other.
            let size = 2 * half;
            let edges = (0..size)
                .flat_map(|v| shifts.iter().map(move |s| (v, (v + s) % size)))
                .filter(|(a, b)| a != b)
                .collect();
            let block = topology(size as usize, &edges, &vec![true; size as usize]);
            let copy = renamed(&block, &shuffled(size, seed));
            prop_assert_eq!(canonical(&copy), canonical(&block));
        }

        #[test]
        fn blocks_meet_exactly_if_a_renaming_takes_one_to_the_other(
            size in 2usize..6,
            bits in any::<u32>(),
            flips in prop::collection::vec(0u32..25, 0..3),
            exits in prop::collection::vec(any::<bool>(), 6),
            seed in any::<u32>(),
        ) {
            // A block, and a renamed copy with a few edges moved.
            let block = |bits: u32| {
                let all = (0..size as u32).flat_map(|a| (0..size as u32).map(move |b| (a, b)));
                let edges = all.filter(|(a, b)| a != b && bits >> (5 * a + b) & 1 == 1).collect();
                topology(size, &edges, &exits[..size])
            };
            let (one, other) = (block(bits), block(flips.iter().fold(bits, |bits, f| bits ^ 1 << f)));
            let other = renamed(&other, &shuffled(size as u32, seed));
            let mut same = false;
            for code in 0..(size as u32).pow(size as u32) {
                let digit = |place: u32| code / (size as u32).pow(place) % size as u32;
                let names: Vec<u32> = (0..size as u32).map(digit).collect();
                let distinct = names.iter().collect::<BTreeSet<_>>().len() == size;
                same |= distinct && renamed(&one, &names) == other;
            }
            prop_assert_eq!(canonical(&one).key() == canonical(&other).key(), same);
        }
    }
}
