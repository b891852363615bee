//! A graph from a rule: which transitions leave a state, and at which rates.
//!
//! States are found breadth first from the first one, and each becomes the vertex that its state labels.

use std::collections::HashMap;

use crate::phase::graph::error::GraphError;
use crate::phase::graph::{Graph, GraphBuilder, VertexId};

/// Transitions out of one state.
pub(crate) struct Transitions<'a> {
    builder: &'a mut GraphBuilder,
    known: &'a mut HashMap<Vec<i64>, VertexId>,
    queue: &'a mut Vec<(VertexId, Vec<i64>)>,
    from: VertexId,
    coefficients: Vec<f64>,
}

impl Transitions<'_> {
    /// A transition at rate `rate * theta[parameter]`, if the rate is positive.
    pub(crate) fn to(&mut self, state: &[i64], parameter: usize, rate: f64) {
        if rate <= 0.0 {
            return;
        }
        let to = match self.known.get(state) {
            Some(&vertex) => vertex,
            None => {
                let vertex = self.builder.add_vertex(state);
                self.known.insert(state.to_vec(), vertex);
                self.queue.push((vertex, state.to_vec()));
                vertex
            }
        };
        self.coefficients[parameter] = rate;
        self.builder.add_edge(self.from, to, &self.coefficients);
        self.coefficients[parameter] = 0.0;
    }
}

/// Walks the states reachable from `first`, breadth first.
pub(crate) fn explore(
    first: &[i64],
    parameters: usize,
    mut transitions: impl FnMut(&[i64], &mut Transitions<'_>),
) -> Result<Graph, GraphError> {
    let mut builder = Graph::builder(first.len(), parameters);
    let vertex = builder.add_vertex(first);
    builder.start(vertex, 1.0);
    let mut known = HashMap::from([(first.to_vec(), vertex)]);
    let mut queue = vec![(vertex, first.to_vec())];
    let mut next = 0;
    while next < queue.len() {
        let (from, state) = (queue[next].0, std::mem::take(&mut queue[next].1));
        next += 1;
        let coefficients = vec![0.0; parameters];
        let mut out = Transitions {
            builder: &mut builder,
            known: &mut known,
            queue: &mut queue,
            from,
            coefficients,
        };
        transitions(&state, &mut out);
    }
    builder.build()
}
