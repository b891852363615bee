//! Whether every vertex of a graph can reach absorption, which is asked when it is built.

use crate::phase::graph::error::GraphError;
use crate::phase::graph::reach;
use crate::phase::graph::{Graph, Inner, VertexId};

impl Inner {
    /// Whether every vertex with edges can reach absorption.
    ///
    /// A vertex can if one of its targets can. Vertices are mostly numbered along the way to absorption, or against it, so passes
    /// from the last to the first and back find all of them soon; if not, a search does.
    pub(super) fn all_are_absorbed(&self) -> bool {
        const PASSES: usize = 8;
        let targets = self.edges.values();
        let mut absorbed: Vec<bool> = (0..self.vertices)
            .map(|vertex| self.edges.range(vertex).is_empty())
            .collect();
        let mut open = absorbed.iter().filter(|&&absorbed| !absorbed).count();
        for pass in 0..PASSES {
            let before = open;
            for place in 0..self.vertices {
                let vertex = match pass % 2 {
                    0 => self.vertices - 1 - place,
                    _ => place,
                };
                if !absorbed[vertex]
                    && (self.edges.range(vertex))
                        .any(|edge| absorbed[targets[edge].index()] && !self.is_zero(edge))
                {
                    absorbed[vertex] = true;
                    open -= 1;
                }
            }
            // A pass that finds none has looked at all that are left.
            if open == 0 || open == before {
                return open == 0;
            }
        }
        let absorbing = |vertex: u32| self.edges.range(vertex as usize).is_empty();
        let trapped = reach::trapped(self.vertices, absorbing, &self.pairs());
        !trapped.contains(&true)
    }

    /// Where the edges lead that are not zero for every theta.
    fn pairs(&self) -> Vec<(u32, u32)> {
        self.edges
            .iter()
            .enumerate()
            .flat_map(|(from, row)| row.iter().map(move |to| (from as u32, to.as_u32())))
            .enumerate()
            .filter(|&(edge, _)| !self.is_zero(edge))
            .map(|(_, ends)| ends)
            .collect()
    }
}

impl Graph {
    pub(super) fn check_absorption(&self) -> Result<(), GraphError> {
        let edges = self.0.pairs();
        let absorbing = |vertex: u32| self.is_absorbing(VertexId::from_u32(vertex));
        let trapped = reach::trapped(self.0.vertices, absorbing, &edges);
        match reach::first_reached(self.start(), &edges, &trapped) {
            Some(vertex) => Err(GraphError::NoAbsorption {
                vertex,
                state: self.state(vertex).to_vec(),
            }),
            None => Ok(()),
        }
    }
}
