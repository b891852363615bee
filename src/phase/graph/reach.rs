//! Which vertices have an infinite waiting time.
//!
//! A vertex is *trapped* when no path leads from it to absorption, and *lost* when some path leads from it to a trapped
//! vertex (a trapped vertex is lost itself). The expected waiting time is infinite exactly for the lost vertices:
//! from any other one, every vertex it can reach can reach absorption, and in a finite chain that makes it certain and
//! its time finite. No edge leads from a vertex that is not lost to one that is, so leaving the lost vertices out
//! changes nothing for the rest.
//!
//! The start's answer is finite exactly if it reaches no trapped vertex. Which edges count is up to the caller: those that
//! are not identically zero when a graph is built, those with a positive rate at a theta.

use crate::phase::graph::{Graph, VertexId};

/// Compressed rows of a list of pairs: the second members grouped by the first.
struct Rows {
    first: Vec<u32>,
    members: Vec<u32>,
}

impl Rows {
    fn new(count: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut first = vec![0u32; count + 1];
        let mut total = 0;
        for (row, _) in pairs.clone() {
            first[row as usize + 1] += 1;
            total += 1;
        }
        for row in 0..count {
            first[row + 1] += first[row];
        }
        let mut next = first.clone();
        let mut members = vec![0; total];
        for (row, member) in pairs {
            let slot = &mut next[row as usize];
            members[*slot as usize] = member;
            *slot += 1;
        }
        Self { first, members }
    }

    fn row(&self, row: u32) -> &[u32] {
        &self.members[self.first[row as usize] as usize..self.first[row as usize + 1] as usize]
    }

    /// Marks everything reached from the vertices already marked.
    fn flood(&self, marked: &mut [bool]) {
        let mut stack: Vec<u32> = (0..marked.len() as u32)
            .filter(|&vertex| marked[vertex as usize])
            .collect();
        while let Some(vertex) = stack.pop() {
            for &next in self.row(vertex) {
                if !marked[next as usize] {
                    marked[next as usize] = true;
                    stack.push(next);
                }
            }
        }
    }
}

fn backwards(edges: &[(u32, u32)]) -> impl Iterator<Item = (u32, u32)> + Clone {
    edges.iter().map(|&(from, to)| (to, from))
}

/// Marks the trapped vertices. The start, vertex 0, is never trapped.
pub(crate) fn trapped(
    vertices: usize,
    absorbing: impl Fn(u32) -> bool,
    edges: &[(u32, u32)],
) -> Vec<bool> {
    let mut absorbed: Vec<bool> = (0..vertices as u32).map(absorbing).collect();
    Rows::new(vertices, backwards(edges)).flood(&mut absorbed);
    let mut trapped: Vec<bool> = absorbed.into_iter().map(|absorbed| !absorbed).collect();
    trapped[VertexId::START.index()] = false;
    trapped
}

/// Marks the lost vertices, given the trapped ones.
pub(crate) fn lost(edges: &[(u32, u32)], trapped: &[bool]) -> Vec<bool> {
    let mut lost = trapped.to_vec();
    if lost.contains(&true) {
        Rows::new(lost.len(), backwards(edges)).flood(&mut lost);
    }
    lost
}

/// The lowest trapped vertex that the start reaches.
pub(crate) fn first_reached(
    graph: &Graph,
    edges: &[(u32, u32)],
    trapped: &[bool],
) -> Option<VertexId> {
    if !trapped.contains(&true) {
        return None;
    }
    let mut reached = vec![false; trapped.len()];
    for &(vertex, probability) in graph.start() {
        reached[vertex.index()] |= probability > 0.0;
    }
    Rows::new(trapped.len(), edges.iter().copied()).flood(&mut reached);
    (0..trapped.len())
        .find(|&vertex| reached[vertex] && trapped[vertex])
        .and_then(VertexId::new)
}
