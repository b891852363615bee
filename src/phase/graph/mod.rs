//! The graph of a phase-type model: vertices with state labels, edges whose rates are linear in theta, a start.
//!
//! [`GraphBuilder::build`] is the only way to make a [`Graph`] (the JSON reader goes through it), so everything that the
//! type's documentation guarantees is checked once and relied on everywhere.
//!
//! Edges are stored row by row (compressed sparse rows), coefficients as a second level of sparse rows, so that an edge
//! costs 16 bytes and 12 more per nonzero coefficient. A graph is immutable and cheap to clone.

pub(crate) mod json;
pub mod models;
pub(crate) mod reach;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::phase::error::PhaseError;

/// By how much the start probabilities may exceed 1 in sum, for decimal fractions that do not add up exactly.
const START_TOLERANCE: f64 = 1e-9;

/// The index of a vertex of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VertexId(u32);

impl VertexId {
    /// The start, vertex 0 of every graph.
    pub const START: Self = Self(0);

    /// The vertex with this index, or `None` above 32 bits.
    pub fn new(index: usize) -> Option<Self> {
        u32::try_from(index).ok().map(Self)
    }

    /// The index as a position in per-vertex vectors.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn from_u32(index: u32) -> Self {
        Self(index)
    }

    pub(crate) fn as_u32(self) -> u32 {
        self.0
    }
}

impl fmt::Display for VertexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vertex {}", self.0)
    }
}

/// One edge of a [`Graph`], borrowed: its rate at theta is `constant + sum of c_k theta_k`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge<'g> {
    /// Where it starts.
    pub from: VertexId,
    /// Where it ends.
    pub to: VertexId,
    /// The part of the rate that does not depend on theta; 0 on a parameterized edge.
    pub constant: f64,
    /// Which parameters have a coefficient, ascending.
    pub parameters: &'g [u32],
    /// The coefficients, none of them zero, one per entry of `parameters`.
    pub coefficients: &'g [f64],
}

impl Edge<'_> {
    /// Whether the rate is zero for every theta.
    pub fn is_zero(&self) -> bool {
        self.constant == 0.0 && self.coefficients.is_empty()
    }
}

#[derive(Debug, PartialEq)]
struct Inner {
    state_length: usize,
    param_length: usize,
    vertices: usize,
    states: Vec<i64>,
    first_edge: Vec<u32>,
    targets: Vec<u32>,
    constants: Vec<f64>,
    first_coefficient: Vec<u32>,
    parameters: Vec<u32>,
    coefficients: Vec<f64>,
    start: Vec<(VertexId, f64)>,
}

/// A directed graph whose edge rates are linear in theta, with a start distribution.
///
/// Whoever holds a graph may rely on this:
///
/// * vertex 0 is the start: it takes no time, no ordinary edge touches it, the start distribution is its only way out;
/// * no edge goes from a vertex to itself, and every endpoint exists;
/// * constant rates are finite and at least 0; coefficients are finite. A coefficient may be negative: what must not be
///   negative is the rate at a theta, which [`EliminationTrace::at`](super::EliminationTrace::at) checks;
/// * start probabilities lie in \[0, 1\] and sum to at most 1 (up to 1e-9). What is missing to 1 is mass at time zero;
/// * from every vertex that the start reaches, some path leads to an absorbing vertex, that is one without edges. Edges
///   whose coefficients are all zero carry no such path. A vertex that the start does *not* reach may be trapped: its own
///   waiting time is infinite, everything else is unaffected.
///
/// States are labels. Two vertices may share one, and parallel edges stay apart (their rates add).
///
/// ```
/// use elimap::phase::Graph;
///
/// let mut builder = Graph::builder(1, 1);
/// let two = builder.add_vertex(&[2]);
/// let one = builder.add_vertex(&[1]);
/// builder.add_edge(two, one, &[1.0]).start(two, 1.0);
/// let graph = builder.build()?;
/// assert_eq!((graph.vertex_count(), graph.edge_count()), (3, 1));
/// assert!(graph.is_absorbing(one));
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Graph(Arc<Inner>);

impl Graph {
    /// A builder for a graph with states of `state_length` integers and thetas of `param_length` numbers.
    pub fn builder(state_length: usize, param_length: usize) -> GraphBuilder {
        GraphBuilder {
            state_length,
            param_length,
            states: vec![0; state_length],
            vertices: 1,
            edges: Vec::new(),
            parameters: Vec::new(),
            coefficients: Vec::new(),
            start: Vec::new(),
            first_error: None,
        }
    }

    /// The number of vertices, start and absorbing ones included.
    pub fn vertex_count(&self) -> usize {
        self.0.vertices
    }

    /// The number of edges; parallel edges count apart, start edges do not count.
    pub fn edge_count(&self) -> usize {
        self.0.targets.len()
    }

    /// The length of a state vector.
    pub fn state_length(&self) -> usize {
        self.0.state_length
    }

    /// The length of theta.
    pub fn param_length(&self) -> usize {
        self.0.param_length
    }

    /// All vertices in order.
    pub fn vertices(&self) -> impl ExactSizeIterator<Item = VertexId> + use<> {
        (0..self.0.vertices as u32).map(VertexId)
    }

    /// The state that labels a vertex; empty for a vertex that does not exist.
    pub fn state(&self, vertex: VertexId) -> &[i64] {
        let width = self.0.state_length;
        let first = vertex.index().saturating_mul(width);
        self.0
            .states
            .get(first..first.saturating_add(width))
            .unwrap_or(&[])
    }

    /// The start distribution in the order given; vertices may repeat, their probabilities add.
    pub fn start(&self) -> &[(VertexId, f64)] {
        &self.0.start
    }

    /// Whether a vertex other than the start has no edges.
    pub fn is_absorbing(&self, vertex: VertexId) -> bool {
        vertex != VertexId::START
            && vertex.index() < self.0.vertices
            && self.edge_range(vertex).is_empty()
    }

    /// The edges that leave a vertex, in the order given.
    pub fn edges_from(&self, vertex: VertexId) -> impl ExactSizeIterator<Item = Edge<'_>> {
        self.edge_range(vertex)
            .map(move |edge| self.edge_of(vertex, edge))
    }

    /// All edges, grouped by the vertex they leave.
    pub fn edges(&self) -> impl Iterator<Item = Edge<'_>> {
        self.vertices()
            .flat_map(move |vertex| self.edges_from(vertex))
    }

    /// Whether the two are one graph, or equal in everything.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self == other
    }

    /// Everything the analysis of a graph depends on, without coefficients, labels and the start: where each edge leads
    /// and whether it is zero for every theta.
    ///
    /// 32-bit words: the number of vertices; the end of each vertex's edges among all; the targets; the edges that are
    /// zero.
    pub(crate) fn structure(&self) -> Vec<u32> {
        let inner = &*self.0;
        let mut words = Vec::with_capacity(2 + inner.vertices + inner.targets.len());
        words.push(inner.vertices as u32);
        words.extend_from_slice(&inner.first_edge[1..]);
        words.extend_from_slice(&inner.targets);
        let counts = inner.first_coefficient.windows(2);
        words.extend(
            (0u32..)
                .zip(counts.zip(&inner.constants))
                .filter(|(_, (count, constant))| **constant == 0.0 && count[0] == count[1])
                .map(|(edge, _)| edge),
        );
        words
    }

    pub(crate) fn edge_range(&self, vertex: VertexId) -> Range<usize> {
        let first = &self.0.first_edge;
        match (first.get(vertex.index()), first.get(vertex.index() + 1)) {
            (Some(&from), Some(&to)) => from as usize..to as usize,
            _ => 0..0,
        }
    }

    pub(crate) fn edge_of(&self, from: VertexId, edge: usize) -> Edge<'_> {
        let inner = &*self.0;
        let range =
            inner.first_coefficient[edge] as usize..inner.first_coefficient[edge + 1] as usize;
        Edge {
            from,
            to: VertexId(inner.targets[edge]),
            constant: inner.constants[edge],
            parameters: &inner.parameters[range.clone()],
            coefficients: &inner.coefficients[range],
        }
    }
}

#[derive(Debug)]
struct RawEdge {
    from: VertexId,
    to: VertexId,
    constant: f64,
    coefficients: Range<u32>,
}

/// Collects vertices, edges and the start distribution of a [`Graph`].
///
/// Methods do not fail; [`build`](GraphBuilder::build) reports the first thing that was wrong.
#[derive(Debug)]
pub struct GraphBuilder {
    state_length: usize,
    param_length: usize,
    states: Vec<i64>,
    vertices: usize,
    edges: Vec<RawEdge>,
    parameters: Vec<u32>,
    coefficients: Vec<f64>,
    start: Vec<(VertexId, f64)>,
    first_error: Option<PhaseError>,
}

impl GraphBuilder {
    fn fail(&mut self, error: PhaseError) {
        self.first_error.get_or_insert(error);
    }

    /// Labels the start, vertex 0, whose state is all zeros otherwise.
    pub fn start_state(&mut self, state: &[i64]) -> &mut Self {
        if state.len() == self.state_length {
            self.states[..state.len()].copy_from_slice(state);
        } else {
            self.fail(PhaseError::StateLength {
                vertex: VertexId::START,
                expected: self.state_length,
                found: state.len(),
            });
        }
        self
    }

    /// Adds a vertex labelled by `state`.
    pub fn add_vertex(&mut self, state: &[i64]) -> VertexId {
        // A graph beyond 32-bit indices is refused by `build`, so the saturated index is never used.
        let vertex = VertexId(u32::try_from(self.vertices).unwrap_or(u32::MAX));
        if state.len() != self.state_length {
            self.fail(PhaseError::StateLength {
                vertex,
                expected: self.state_length,
                found: state.len(),
            });
        }
        self.vertices += 1;
        self.states.extend(
            state
                .iter()
                .copied()
                .chain(std::iter::repeat(0))
                .take(self.state_length),
        );
        vertex
    }

    /// Adds an edge whose rate is `coefficients . theta`, one coefficient per parameter.
    pub fn add_edge(&mut self, from: VertexId, to: VertexId, coefficients: &[f64]) -> &mut Self {
        if coefficients.len() != self.param_length {
            let (expected, found) = (self.param_length, coefficients.len());
            self.fail(PhaseError::CoefficientCount {
                from,
                to,
                expected,
                found,
            });
            return self;
        }
        let first = self.coefficients.len() as u32;
        for (parameter, &value) in coefficients.iter().enumerate() {
            if !value.is_finite() {
                self.fail(PhaseError::InvalidCoefficient {
                    from,
                    to,
                    parameter,
                    value,
                });
            }
            if value != 0.0 {
                self.parameters.push(parameter as u32);
                self.coefficients.push(value);
            }
        }
        self.push_edge(from, to, 0.0, first)
    }

    /// Adds an edge whose rate does not depend on theta.
    pub fn add_constant_edge(&mut self, from: VertexId, to: VertexId, rate: f64) -> &mut Self {
        if !rate.is_finite() || rate < 0.0 {
            self.fail(PhaseError::InvalidWeight {
                from,
                to,
                value: rate,
            });
        }
        // Adding 0 turns a negative zero into zero.
        self.push_edge(from, to, rate + 0.0, self.coefficients.len() as u32)
    }

    fn push_edge(&mut self, from: VertexId, to: VertexId, constant: f64, first: u32) -> &mut Self {
        self.edges.push(RawEdge {
            from,
            to,
            constant,
            coefficients: first..self.coefficients.len() as u32,
        });
        self
    }

    /// Starts in `vertex` with this probability; what is missing to 1 in all is absorbed at time zero.
    pub fn start(&mut self, vertex: VertexId, probability: f64) -> &mut Self {
        self.start.push((vertex, probability + 0.0));
        self
    }

    /// Checks everything and makes the graph.
    ///
    /// # Errors
    ///
    /// The first violation of what [`Graph`] guarantees, in this order: state lengths, coefficients and weights as they
    /// were added, sizes, edges, the start distribution, reachability of absorption.
    pub fn build(mut self) -> Result<Graph, PhaseError> {
        if let Some(error) = self.first_error.take() {
            return Err(error);
        }
        // The highest index is kept free as a mark for "none".
        let limit = u32::MAX as usize - 1;
        let sizes = [
            ("vertices", self.vertices),
            ("edges", self.edges.len()),
            ("coefficients", self.coefficients.len()),
        ];
        for (what, count) in sizes {
            if count > limit {
                return Err(PhaseError::TooLarge { what, count, limit });
            }
        }
        self.check_edges()?;
        self.check_start()?;
        let graph = self.into_rows();
        graph.check_absorption()?;
        Ok(graph)
    }

    fn check_edges(&self) -> Result<(), PhaseError> {
        for &RawEdge { from, to, .. } in &self.edges {
            if from.index() >= self.vertices || to.index() >= self.vertices {
                return Err(PhaseError::EdgeOutOfRange {
                    from,
                    to,
                    vertices: self.vertices,
                });
            }
            if from == VertexId::START || to == VertexId::START {
                return Err(PhaseError::StartVertexEdge { from, to });
            }
            if from == to {
                return Err(PhaseError::SelfLoop { vertex: from });
            }
        }
        Ok(())
    }

    fn check_start(&self) -> Result<(), PhaseError> {
        let mut sum = 0.0;
        for &(vertex, value) in &self.start {
            if vertex == VertexId::START || vertex.index() >= self.vertices {
                return Err(PhaseError::StartTarget {
                    vertex,
                    vertices: self.vertices,
                });
            }
            if !(0.0..=1.0 + START_TOLERANCE).contains(&value) {
                return Err(PhaseError::InvalidStart { vertex, value });
            }
            sum += value;
        }
        if sum > 1.0 + START_TOLERANCE {
            return Err(PhaseError::StartSum { sum });
        }
        Ok(())
    }

    /// Sorts the edges into rows, stably, by counting.
    fn into_rows(self) -> Graph {
        let mut first_edge = vec![0u32; self.vertices + 1];
        for edge in &self.edges {
            first_edge[edge.from.index() + 1] += 1;
        }
        for vertex in 0..self.vertices {
            first_edge[vertex + 1] += first_edge[vertex];
        }
        let mut next = first_edge.clone();
        let mut row_order = vec![0usize; self.edges.len()];
        for (position, edge) in self.edges.iter().enumerate() {
            let slot = &mut next[edge.from.index()];
            row_order[*slot as usize] = position;
            *slot += 1;
        }
        let mut inner = Inner {
            state_length: self.state_length,
            param_length: self.param_length,
            vertices: self.vertices,
            states: self.states,
            first_edge,
            targets: Vec::with_capacity(row_order.len()),
            constants: Vec::with_capacity(row_order.len()),
            first_coefficient: Vec::with_capacity(row_order.len() + 1),
            parameters: Vec::with_capacity(self.parameters.len()),
            coefficients: Vec::with_capacity(self.coefficients.len()),
            start: self.start,
        };
        inner.first_coefficient.push(0);
        for position in row_order {
            let edge = &self.edges[position];
            let range = edge.coefficients.start as usize..edge.coefficients.end as usize;
            inner.targets.push(edge.to.0);
            inner.constants.push(edge.constant);
            inner
                .parameters
                .extend_from_slice(&self.parameters[range.clone()]);
            inner
                .coefficients
                .extend_from_slice(&self.coefficients[range]);
            inner
                .first_coefficient
                .push(inner.coefficients.len() as u32);
        }
        Graph(Arc::new(inner))
    }
}

impl Graph {
    fn check_absorption(&self) -> Result<(), PhaseError> {
        let edges: Vec<(u32, u32)> = self
            .edges()
            .filter(|edge| !edge.is_zero())
            .map(|edge| (edge.from.0, edge.to.0))
            .collect();
        let absorbing = |vertex: u32| self.is_absorbing(VertexId(vertex));
        let trapped = reach::trapped(self.0.vertices, absorbing, &edges);
        match reach::first_reached(self, &edges, &trapped) {
            Some(vertex) => Err(PhaseError::NoAbsorption {
                vertex,
                state: self.state(vertex).to_vec(),
            }),
            None => Ok(()),
        }
    }
}
