//! The choice of which vertex to set apart, where refinement alone does not number a block.
//!
//! The search is that of McKay 1981: a tree whose nodes are refined partitions, whose children set the vertices of one
//! cell apart in turn, and whose leaves are numberings. Of all leaves the least one counts (by the sizes of cells on the
//! way, then by the edges under the numbering), which depends on the structure alone. Three things keep the tree small:
//!
//! * a cell of *twins*, vertices with the same neighbours but for each other, needs no choice and no refinement;
//! * a node whose cell sizes are greater than those on the way to the least leaf so far is left;
//! * two leaves with equal edges are images of each other under a symmetry. On the first path, one vertex of each orbit is
//!   tried; elsewhere the search goes back to where the two paths part.
//!
//! The effort is bounded by a multiple of that of the first path. Where that is not enough the first leaf counts, which
//! sets the lowest vertex apart each time and so depends on the numbering before: copies may then miss each other.

use crate::phase::symbolic::canonical::{Partition, Saved};
use crate::phase::symbolic::topology::Topology;

/// How many times the effort of the first path the search may take, in visited edges, and how much more.
const EFFORT_FACTOR: u64 = 16;
const EFFORT_MORE: u64 = 100_000;
/// How many vertices the partitions along a path may have in all.
const SAVED_VERTICES: usize = 2_000_000;

/// The vertices of a block in canonical order.
pub(crate) fn canonical_order(topology: &Topology) -> Vec<u32> {
    let mut partition = Partition::new(topology);
    partition.refine();
    let Some(cell) = partition.next_cell(0) else {
        return partition.into_members();
    };
    Search::new(partition).run(cell)
}

/// A partition with a cell whose vertices are set apart in turn.
struct Node {
    saved: Saved,
    cell: usize,
    candidates: Vec<u32>,
    tried: usize,
}

#[derive(Clone)]
struct Leaf {
    /// Cell sizes on the way.
    shapes: Vec<u64>,
    /// The edges and exits under the numbering.
    edges: Vec<u32>,
    /// The vertices set apart on the way, and the numbering.
    path: Vec<u32>,
    members: Vec<u32>,
}

impl Leaf {
    /// What makes one leaf less than another.
    fn rank(&self) -> (&[u64], &[u32]) {
        (&self.shapes, &self.edges)
    }
}

struct Search<'t> {
    partition: Partition<'t>,
    nodes: Vec<Node>,
    path: Vec<u32>,
    shapes: Vec<u64>,
    /// Orbits of the symmetries found, as a forest.
    orbit: Vec<u32>,
}

impl<'t> Search<'t> {
    fn new(partition: Partition<'t>) -> Self {
        let vertices = partition.topology.size() as u32;
        Self {
            partition,
            nodes: Vec::new(),
            path: Vec::new(),
            shapes: Vec::new(),
            orbit: (0..vertices).collect(),
        }
    }

    fn run(mut self, cell: usize) -> Vec<u32> {
        let most_nodes = SAVED_VERTICES / self.partition.topology.size();
        let mut next = Some(cell);
        while let Some(cell) = next {
            if self.nodes.len() < most_nodes {
                self.open(cell);
            }
            self.partition.set_apart(cell, None);
            next = self.settle(cell);
        }
        if self.nodes.len() >= most_nodes || self.nodes.is_empty() {
            return self.partition.into_members();
        }
        let first = self.leaf();
        let budget = EFFORT_FACTOR * self.partition.effort + EFFORT_MORE;
        let mut best = first.clone();
        // Nodes below this number are on the first path.
        let mut spine = self.nodes.len();
        loop {
            let Some(node) = self.nodes.last() else {
                return best.members;
            };
            if self.partition.effort > budget {
                return first.members;
            }
            let depth = self.nodes.len();
            let Some(&candidate) = node.candidates.get(node.tried) else {
                self.nodes.pop();
                spine = spine.min(self.nodes.len());
                continue;
            };
            let on_spine = depth <= spine;
            let tried: Vec<u32> = node.candidates[..node.tried].to_vec();
            let (cell, saved) = (node.cell, node.saved.clone());
            if let Some(node) = self.nodes.last_mut() {
                node.tried += 1;
            }
            let here = self.root_of(candidate);
            if on_spine && tried.into_iter().any(|other| self.root_of(other) == here) {
                continue;
            }
            self.partition.restore(saved);
            self.path.truncate(depth - 1);
            self.shapes.truncate(depth - 1);
            self.path.push(candidate);
            self.partition.set_apart(cell, Some(candidate));
            let next = self.settle(cell);
            let common = self.shapes.len().min(best.shapes.len());
            if self.shapes[..] > best.shapes[..common] {
                continue;
            }
            if let Some(cell) = next {
                if depth >= most_nodes {
                    return first.members;
                }
                self.open_off_path(cell);
                continue;
            }
            let leaf = self.leaf();
            if leaf.edges == first.edges {
                self.join_orbits(&first.members, &leaf.members);
                self.nodes.truncate(spine);
            } else if leaf.edges == best.edges {
                self.join_orbits(&best.members, &leaf.members);
                let pairs = best.path.iter().zip(&leaf.path);
                let common = pairs.take_while(|(a, b)| a == b).count();
                self.nodes.truncate(common + 1);
            } else if leaf.rank() < best.rank() {
                best = leaf;
            }
        }
    }

    /// Starts a node of the first path, whose lowest vertex is about to be set apart.
    fn open(&mut self, cell: usize) {
        self.open_off_path(cell);
        if let Some(node) = self.nodes.last_mut() {
            node.tried = 1;
            self.path.push(node.candidates[0]);
        }
    }

    fn open_off_path(&mut self, cell: usize) {
        let mut candidates = self.partition.members_of(cell).to_vec();
        candidates.sort_unstable();
        self.nodes.push(Node {
            saved: self.partition.save(),
            cell,
            candidates,
            tried: 0,
        });
    }

    /// Refines and separates twins; notes the shape, and gives the next cell that leaves a choice.
    fn settle(&mut self, from: usize) -> Option<usize> {
        self.partition.refine();
        let next = self.partition.next_cell(from);
        self.shapes.push(self.partition.shape());
        next
    }

    fn leaf(&mut self) -> Leaf {
        self.partition.effort += self.partition.topology.edge_count() as u64;
        Leaf {
            shapes: self.shapes.clone(),
            edges: self.partition.edges(),
            path: self.path.clone(),
            members: self.partition.members().to_vec(),
        }
    }

    fn root_of(&mut self, vertex: u32) -> u32 {
        let mut root = vertex;
        while self.orbit[root as usize] != root {
            let above = self.orbit[self.orbit[root as usize] as usize];
            self.orbit[root as usize] = above;
            root = above;
        }
        root
    }

    /// The symmetry that takes one numbering to the other joins the orbits of what it takes to each other.
    fn join_orbits(&mut self, from: &[u32], to: &[u32]) {
        for (&a, &b) in from.iter().zip(to) {
            let (a, b) = (self.root_of(a), self.root_of(b));
            self.orbit[a.max(b) as usize] = a.min(b);
        }
    }
}
