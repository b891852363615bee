//! Blocks: strongly connected components, in topological order.
//!
//! The matrix of rates is block triangular in this order, so only the diagonal blocks need elimination.
//!
//! Tarjan's algorithm (Tarjan 1972, *Depth-first search and linear graph algorithms*), with the recursion replaced by an
//! explicit stack of (vertex, next edge). A component is complete when the search leaves the vertex it entered it by,
//! and by then every component reachable from it is complete too: components come out in reverse topological order.
//! The search starts from vertices in ascending order and follows edges in the order given, so the result depends on
//! the graph alone.

/// No component yet.
const NONE: u32 = u32::MAX;

/// Compressed rows of successors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Successors<'a> {
    /// `first[v]..first[v + 1]` are the positions of v's successors; one entry more than there are vertices.
    pub first: &'a [u32],
    /// The successors.
    pub targets: &'a [u32],
}

impl<'a> Successors<'a> {
    /// The successors of a vertex.
    pub(crate) fn row(self, vertex: u32) -> &'a [u32] {
        &self.targets
            [self.first[vertex as usize] as usize..self.first[vertex as usize + 1] as usize]
    }
}

/// The strongly connected components of a graph.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Components {
    /// `members[first[b]..first[b + 1]]` are the vertices of block b, ascending.
    pub first: Vec<u32>,
    /// The vertices, block by block.
    pub members: Vec<u32>,
    /// The block of each vertex.
    pub block_of: Vec<u32>,
}

impl Components {
    #[cfg(test)]
    fn block(&self, block: usize) -> &[u32] {
        &self.members[self.first[block] as usize..self.first[block + 1] as usize]
    }
}

/// Finds the components; block 0 comes first in topological order (no edge leads back to an earlier block).
pub(crate) fn strongly_connected(graph: Successors<'_>) -> Components {
    let count = graph.first.len() - 1;
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

struct Search<'a> {
    graph: Successors<'a>,
    /// When the search entered each vertex.
    discovered: Vec<u32>,
    /// The earliest vertex of the same component known to be reachable.
    low: Vec<u32>,
    /// The component in order of completion.
    component: Vec<u32>,
    /// Vertices entered whose component is not complete.
    open: Vec<u32>,
    /// The path from the root: a vertex and the position of its next edge.
    path: Vec<(u32, u32)>,
    clock: u32,
    components: u32,
}

impl Search<'_> {
    fn enter(&mut self, vertex: u32) {
        self.discovered[vertex as usize] = self.clock;
        self.low[vertex as usize] = self.clock;
        self.clock += 1;
        self.open.push(vertex);
        self.path.push((vertex, self.graph.first[vertex as usize]));
    }

    fn run(&mut self, root: u32) {
        self.enter(root);
        while let Some(&(vertex, position)) = self.path.last() {
            if position < self.graph.first[vertex as usize + 1] {
                if let Some(top) = self.path.last_mut() {
                    top.1 += 1;
                }
                let next = self.graph.targets[position as usize];
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
        let blocks = self.components as usize;
        let block_of: Vec<u32> = self
            .component
            .into_iter()
            .map(|completed| self.components - 1 - completed)
            .collect();
        let mut first = vec![0u32; blocks + 1];
        for &block in &block_of {
            first[block as usize + 1] += 1;
        }
        for block in 0..blocks {
            first[block + 1] += first[block];
        }
        let mut next = first.clone();
        let mut members = vec![0; block_of.len()];
        for (vertex, &block) in block_of.iter().enumerate() {
            let slot = &mut next[block as usize];
            members[*slot as usize] = vertex as u32;
            *slot += 1;
        }
        Components {
            first,
            members,
            block_of,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use petgraph::graph::DiGraph;
    use proptest::prelude::*;

    use super::{Successors, strongly_connected};

    fn rows(count: usize, edges: &[(u32, u32)]) -> (Vec<u32>, Vec<u32>) {
        let mut first = vec![0];
        let mut targets = Vec::new();
        for vertex in 0..count as u32 {
            targets.extend(
                edges
                    .iter()
                    .filter(|edge| edge.0 == vertex)
                    .map(|edge| edge.1),
            );
            first.push(targets.len() as u32);
        }
        (first, targets)
    }

    proptest! {
        #[test]
        fn agrees_with_petgraph_and_is_topological(
            count in 1usize..12,
            raw in prop::collection::vec((0u32..12, 0u32..12), 0..40),
        ) {
            let edges: Vec<(u32, u32)> =
                raw.into_iter().map(|(a, b)| (a % count as u32, b % count as u32)).collect();
            let (first, targets) = rows(count, &edges);
            let components = strongly_connected(Successors { first: &first, targets: &targets });

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
                (0..components.first.len() - 1).map(|block| components.block(block).to_vec()).collect();
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
        let (first, targets) = rows(5, &[(3, 4), (4, 3), (0, 1), (1, 3)]);
        let components = strongly_connected(Successors {
            first: &first,
            targets: &targets,
        });
        assert_eq!(components.members, [2, 0, 1, 3, 4]);
        assert_eq!(components.first, [0, 1, 2, 3, 5]);
    }
}
