//! Blocks: strongly connected components, in topological order.
//!
//! The matrix of rates is block triangular in this order, so only the diagonal blocks need elimination.
//!
//! Tarjan's algorithm (Tarjan 1972, *Depth-first search and linear graph algorithms*), with the recursion replaced by an
//! explicit stack of (vertex, next edge). A component is complete when the search leaves the vertex it entered it by,
//! and by then every component reachable from it is complete too: components come out in reverse topological order.
//! The search starts from vertices in ascending order and follows edges in the order given, so the result depends on
//! the graph alone.

use crate::phase::csr::Csr;
use crate::phase::graph::{Graph, VertexId};
use crate::phase::index::{Block, Index};

/// No component yet.
const NONE: u32 = u32::MAX;

/// The strongly connected components of a graph, whose vertices are words here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Components {
    /// The vertices of each block, ascending.
    pub members: Csr<Block, u32>,
    /// The block of each vertex.
    pub block_of: Vec<Block>,
}

/// Finds the components of a graph of rows of successors; block 0 comes first in topological order (no edge leads back to
/// an earlier block).
pub(crate) fn strongly_connected(graph: &Csr<usize, u32>) -> Components {
    let count = graph.rows();
    let mut search = Search {
        graph,
        discovered: vec![NONE; count],
        low: vec![0; count],
        component: vec![NONE; count],
        open: Vec::new(),
        path: Vec::new(),
        clock: 0,
        components: 0,
    };
    for root in 0..count as u32 {
        if search.discovered[root as usize] == NONE {
            search.run(root);
        }
    }
    search.finish()
}

impl Graph {
    /// The strongly connected components of the vertices, in topological order: no edge leads to an earlier one. Edges that are
    /// zero for every theta do not count.
    ///
    /// ```
    /// use elimap::phase::models;
    ///
    /// // Start, three levels that lead up and down, absorption.
    /// let blocks = models::birth_death(3)?.blocks();
    /// assert_eq!(blocks.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 1]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn blocks(&self) -> Vec<Vec<VertexId>> {
        let mut successors: Csr<usize, u32> =
            Csr::with_capacity(self.vertex_count(), self.edge_count());
        for vertex in self.vertices() {
            if vertex == VertexId::START {
                successors.push_row(self.start().iter().map(|(to, _)| to.as_u32()));
                continue;
            }
            let edges = self.edges_from(vertex).filter(|edge| !edge.is_zero());
            successors.push_row(edges.map(|edge| edge.to.as_u32()));
        }
        let members = strongly_connected(&successors).members;
        let blocks = members.iter();
        let vertices = |block: &[u32]| block.iter().map(|&v| VertexId::from_u32(v)).collect();
        blocks.map(vertices).collect()
    }
}

struct Search<'a> {
    graph: &'a Csr<usize, u32>,
    /// When the search entered each vertex.
    discovered: Vec<u32>,
    /// The earliest vertex of the same component known to be reachable.
    low: Vec<u32>,
    /// The component in order of completion.
    component: Vec<u32>,
    /// Vertices entered whose component is not complete.
    open: Vec<u32>,
    /// The path from the root: a vertex and the position of its next edge.
    path: Vec<(u32, usize)>,
    clock: u32,
    components: u32,
}

impl Search<'_> {
    fn enter(&mut self, vertex: u32) {
        self.discovered[vertex as usize] = self.clock;
        self.low[vertex as usize] = self.clock;
        self.clock += 1;
        self.open.push(vertex);
        self.path
            .push((vertex, self.graph.range(vertex as usize).start));
    }

    fn run(&mut self, root: u32) {
        self.enter(root);
        while let Some(&(vertex, position)) = self.path.last() {
            if position < self.graph.range(vertex as usize).end {
                if let Some(top) = self.path.last_mut() {
                    top.1 += 1;
                }
                let next = self.graph.values()[position];
                if self.discovered[next as usize] == NONE {
                    self.enter(next);
                } else if self.component[next as usize] == NONE {
                    self.low[vertex as usize] =
                        self.low[vertex as usize].min(self.discovered[next as usize]);
                }
            } else {
                self.path.pop();
                self.leave(vertex);
            }
        }
    }

    fn leave(&mut self, vertex: u32) {
        let low = self.low[vertex as usize];
        if let Some(&(parent, _)) = self.path.last() {
            self.low[parent as usize] = self.low[parent as usize].min(low);
        }
        if low == self.discovered[vertex as usize] {
            while let Some(member) = self.open.pop() {
                self.component[member as usize] = self.components;
                if member == vertex {
                    break;
                }
            }
            self.components += 1;
        }
    }

    /// Turns the order of completion around and lists the members.
    fn finish(self) -> Components {
        let completed = self.component.into_iter();
        let block_of: Vec<Block> = completed
            .map(|completed| Block::from_u32(self.components - 1 - completed))
            .collect();
        let pairs = block_of.iter().copied().zip(0..);
        Components {
            members: Csr::from_pairs(self.components as usize, pairs),
            block_of,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use petgraph::graph::DiGraph;
    use proptest::prelude::*;

    use super::strongly_connected;
    use crate::phase::csr::Csr;
    use crate::phase::index::{Block, Index};

    fn rows(count: usize, edges: &[(u32, u32)]) -> Csr<usize, u32> {
        let pairs = edges.iter().map(|&(from, to)| (from as usize, to));
        Csr::from_pairs(count, pairs)
    }

    proptest! {
        #[test]
        fn agrees_with_petgraph_and_is_topological(
            count in 1usize..12,
            raw in prop::collection::vec((0u32..12, 0u32..12), 0..40),
        ) {
            let edges: Vec<(u32, u32)> =
                raw.into_iter().map(|(a, b)| (a % count as u32, b % count as u32)).collect();
            let components = strongly_connected(&rows(count, &edges));

            let mut oracle: DiGraph<(), ()> = DiGraph::new();
            for _ in 0..count {
                oracle.add_node(());
            }
            for &(a, b) in &edges {
                oracle.add_edge(a.into(), b.into(), ());
            }
            let mut expected: Vec<Vec<u32>> = petgraph::algo::tarjan_scc(&oracle)
                .into_iter()
                .map(|block| {
                    let mut block: Vec<u32> = block.into_iter().map(|node| node.index() as u32).collect();
                    block.sort_unstable();
                    block
                })
                .collect();
            let mut found: Vec<Vec<u32>> =
                components.members.iter().map(<[u32]>::to_vec).collect();
            for &(a, b) in &edges {
                prop_assert!(components.block_of[a as usize] <= components.block_of[b as usize]);
            }
            expected.sort();
            found.sort();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn order_is_deterministic() {
        let components = strongly_connected(&rows(5, &[(3, 4), (4, 3), (0, 1), (1, 3)]));
        assert_eq!(components.members.values(), [2, 0, 1, 3, 4]);
        assert_eq!(components.members.ends(), [0, 1, 2, 3, 5]);
        assert_eq!(components.block_of[4], Block::new(3));
    }
}
