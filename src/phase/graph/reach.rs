//! Which vertices have an infinite waiting time.
//!
//! A vertex is *trapped* when no path leads from it to absorption, and *nonabsorbing* when some path leads from it to a
//! trapped vertex (a trapped vertex is nonabsorbing itself). The expected waiting time is infinite exactly for the
//! nonabsorbing vertices: from any other one, every vertex it can reach can reach absorption, and in a finite chain that
//! makes absorption certain and its time finite. No edge leads from any other vertex to a nonabsorbing one, so leaving
//! the nonabsorbing ones out changes nothing for the rest.
//!
//! The start's answer is finite exactly if it reaches no trapped vertex. Which edges count is up to the caller: those that
//! are not identically zero when a graph is built, those with a positive rate at a theta.

use crate::phase::csr::Csr;
use crate::phase::graph::VertexId;

/// Marks everything that edges lead to from the vertices already marked.
fn flood(marked: &mut [bool], edges: impl Iterator<Item = (u32, u32)> + Clone) {
    let pairs = edges.map(|(from, to)| (from as usize, to));
    let successors: Csr<usize, u32> = Csr::from_pairs(marked.len(), pairs);
    let mut stack: Vec<u32> = (0..marked.len() as u32)
        .filter(|&vertex| marked[vertex as usize])
        .collect();
    while let Some(vertex) = stack.pop() {
        for &next in successors.row(vertex as usize) {
            if !std::mem::replace(&mut marked[next as usize], true) {
                stack.push(next);
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
    flood(&mut absorbed, backwards(edges));
    let mut trapped: Vec<bool> = absorbed.into_iter().map(|absorbed| !absorbed).collect();
    trapped[VertexId::START.index()] = false;
    trapped
}

/// Marks the nonabsorbing vertices, given the trapped ones.
pub(crate) fn nonabsorbing(edges: &[(u32, u32)], trapped: &[bool]) -> Vec<bool> {
    let mut marked = trapped.to_vec();
    if marked.contains(&true) {
        flood(&mut marked, backwards(edges));
    }
    marked
}

/// The lowest trapped vertex that the start reaches.
pub(crate) fn first_reached(
    start: &[(VertexId, f64)],
    edges: &[(u32, u32)],
    trapped: &[bool],
) -> Option<VertexId> {
    if !trapped.contains(&true) {
        return None;
    }
    let mut reached = vec![false; trapped.len()];
    for &(vertex, probability) in start {
        reached[vertex.index()] |= probability > 0.0;
    }
    flood(&mut reached, edges.iter().copied());
    (0..trapped.len())
        .find(|&vertex| reached[vertex] && trapped[vertex])
        .and_then(VertexId::new)
}
