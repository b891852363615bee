//! Building a graph: everything that [`Graph`] guarantees is checked here, once.

use std::ops::Range;
use std::sync::Arc;

use crate::phase::csr::Csr;
use crate::phase::graph::error::GraphError;
use crate::phase::graph::reach;
use crate::phase::graph::{Clock, Graph, Inner, SelfLoops, VertexId};

/// By how much the start probabilities may exceed 1 in sum, for decimal fractions that do not add up exactly.
const START_TOLERANCE: f64 = 1e-9;

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
    clock: Clock,
    state_length: usize,
    param_length: usize,
    parameter_names: Vec<String>,
    slot_names: Vec<String>,
    states: Vec<i64>,
    vertices: usize,
    edges: Vec<RawEdge>,
    parameters: Vec<u32>,
    coefficients: Vec<f64>,
    start: Vec<(VertexId, f64)>,
    first_error: Option<GraphError>,
}

impl GraphBuilder {
    pub(super) fn new(state_length: usize, param_length: usize) -> Self {
        Self {
            clock: Clock::Continuous,
            state_length,
            param_length,
            parameter_names: Vec::new(),
            slot_names: Vec::new(),
            states: vec![0; state_length],
            vertices: 1,
            edges: Vec::new(),
            parameters: Vec::new(),
            coefficients: Vec::new(),
            start: Vec::new(),
            first_error: None,
        }
    }

    fn fail(&mut self, error: GraphError) {
        self.first_error.get_or_insert(error);
    }

    /// Makes the graph discrete: numbers of edges are probabilities of steps, and edges from a vertex to itself are allowed.
    pub fn discrete(&mut self) -> &mut Self {
        self.clock(Clock::Steps)
    }

    /// Says what the numbers of edges mean.
    pub fn clock(&mut self, clock: Clock) -> &mut Self {
        self.clock = clock;
        self
    }

    /// Names the entries of theta, one name for each; they are kept in the file.
    ///
    /// ```
    /// use elimap::phase::Graph;
    ///
    /// let mut builder = Graph::builder(1, 1);
    /// let (on, off) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.parameters(["failure"]).slots(["working"]);
    /// builder.add_edge(on, off, &[1.0]).start(on, 1.0);
    /// let graph = builder.build()?;
    /// assert_eq!((graph.parameter_names()[0].as_str(), graph.slot_names()[0].as_str()), ("failure", "working"));
    /// assert_eq!(Graph::from_json(&graph.to_json())?, graph);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn parameters(&mut self, names: impl IntoIterator<Item = impl Into<String>>) -> &mut Self {
        self.parameter_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Names the entries of a state, one name for each; they are kept in the file and serve in expressions.
    pub fn slots(&mut self, names: impl IntoIterator<Item = impl Into<String>>) -> &mut Self {
        self.slot_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Labels the start, vertex 0, whose state is all zeros otherwise.
    pub fn start_state(&mut self, state: &[i64]) -> &mut Self {
        if state.len() == self.state_length {
            self.states[..state.len()].copy_from_slice(state);
        } else {
            self.fail(GraphError::StateLength {
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
        let vertex = VertexId::from_u32(u32::try_from(self.vertices).unwrap_or(u32::MAX));
        if state.len() != self.state_length {
            self.fail(GraphError::StateLength {
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
            self.fail(GraphError::CoefficientCount {
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
                self.fail(GraphError::InvalidCoefficient {
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
            self.fail(GraphError::InvalidWeight {
                from,
                to,
                value: rate,
            });
        }
        // Adding 0 turns a negative zero into zero.
        self.push_edge(from, to, rate + 0.0, self.coefficients.len() as u32)
    }

    /// Adds an edge by its nonzero coefficients, for parameters in ascending order.
    pub(super) fn add_rate(
        &mut self,
        from: VertexId,
        to: VertexId,
        constant: f64,
        terms: &[(u32, f64)],
    ) {
        if terms.is_empty() {
            self.add_constant_edge(from, to, constant);
            return;
        }
        let first = self.coefficients.len() as u32;
        for &(parameter, value) in terms {
            if !value.is_finite() {
                let parameter = parameter as usize;
                self.fail(GraphError::InvalidCoefficient {
                    from,
                    to,
                    parameter,
                    value,
                });
            }
            self.parameters.push(parameter);
            self.coefficients.push(value);
        }
        self.push_edge(from, to, constant, first);
    }

    /// Sets what was not known when building began: before the first vertex, after all edges.
    pub(super) fn set_sizes(&mut self, state_length: usize, param_length: usize) {
        self.states.resize(state_length, 0);
        (self.state_length, self.param_length) = (state_length, param_length);
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
    /// were added, sizes, names, edges, the start distribution, reachability of absorption.
    pub fn build(mut self) -> Result<Graph, GraphError> {
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
                return Err(GraphError::TooLarge { what, count, limit });
            }
        }
        self.check_names()?;
        self.check_edges()?;
        self.check_start()?;
        let graph = self.into_rows();
        graph.check_absorption()?;
        Ok(graph)
    }

    fn check_edges(&self) -> Result<(), GraphError> {
        for &RawEdge { from, to, .. } in &self.edges {
            if from.index() >= self.vertices || to.index() >= self.vertices {
                return Err(GraphError::EdgeOutOfRange {
                    from,
                    to,
                    vertices: self.vertices,
                });
            }
            if from == VertexId::START || to == VertexId::START {
                return Err(GraphError::StartVertexEdge { from, to });
            }
            if from == to && self.clock == Clock::Continuous {
                return Err(GraphError::SelfLoop { vertex: from });
            }
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), GraphError> {
        let fields = [
            ("parameters", &self.parameter_names, self.param_length),
            ("slots", &self.slot_names, self.state_length),
        ];
        for (field, names, expected) in fields {
            if !names.is_empty() && names.len() != expected {
                return Err(GraphError::NameCount {
                    field,
                    expected,
                    found: names.len(),
                });
            }
            for (index, name) in names.iter().enumerate() {
                let mut characters = name.chars();
                let first = characters
                    .next()
                    .is_some_and(|c| c.is_alphabetic() || c == '_');
                let is_word = first && characters.all(|c| c.is_alphanumeric() || c == '_');
                if !is_word || names[..index].contains(name) {
                    let name = name.clone();
                    return Err(GraphError::InvalidName { field, index, name });
                }
            }
        }
        Ok(())
    }

    fn check_start(&self) -> Result<(), GraphError> {
        let mut sum = 0.0;
        for &(vertex, value) in &self.start {
            if vertex == VertexId::START || vertex.index() >= self.vertices {
                return Err(GraphError::StartTarget {
                    vertex,
                    vertices: self.vertices,
                });
            }
            if !(0.0..=1.0 + START_TOLERANCE).contains(&value) {
                return Err(GraphError::InvalidStart { vertex, value });
            }
            sum += value;
        }
        if sum > 1.0 + START_TOLERANCE {
            return Err(GraphError::StartSum { sum });
        }
        Ok(())
    }

    fn self_loops(&self) -> SelfLoops {
        let mut edges: Vec<&RawEdge> = self.edges.iter().filter(|e| e.from == e.to).collect();
        edges.sort_by_key(|edge| edge.from);
        let mut loops = SelfLoops::default();
        for edge in edges {
            let range = edge.coefficients.start as usize..edge.coefficients.end as usize;
            loops.vertices.push(edge.from);
            loops.constants.push(edge.constant);
            let parameters = self.parameters[range.clone()].iter().copied();
            loops.parameters.push_row(parameters);
            loops
                .coefficients
                .extend_from_slice(&self.coefficients[range]);
        }
        loops
    }

    /// Sorts the edges into rows, in the order of each vertex.
    fn into_rows(self) -> Graph {
        let pairs = self.edges.iter().enumerate();
        let pairs = pairs.filter(|(_, edge)| edge.from != edge.to);
        let loops = self.self_loops();
        let order: Csr<usize, usize> = Csr::from_pairs(
            self.vertices,
            pairs.map(|(position, edge)| (edge.from.index(), position)),
        );
        let count = order.len();
        let mut edges = Csr::with_capacity(self.vertices, count);
        let mut constants = Vec::with_capacity(count);
        let mut parameters = Csr::with_capacity(count, self.parameters.len());
        let mut coefficients = Vec::with_capacity(self.coefficients.len());
        for row in order.iter() {
            for &position in row {
                let edge = &self.edges[position];
                let range = edge.coefficients.start as usize..edge.coefficients.end as usize;
                edges.push(edge.to);
                constants.push(edge.constant);
                parameters.push_row(self.parameters[range.clone()].iter().copied());
                coefficients.extend_from_slice(&self.coefficients[range]);
            }
            edges.end_row();
        }
        Graph(Arc::new(Inner {
            clock: self.clock,
            parameter_names: self.parameter_names,
            slot_names: self.slot_names,
            loops,
            state_length: self.state_length,
            param_length: self.param_length,
            vertices: self.vertices,
            states: self.states,
            edges,
            constants,
            parameters,
            coefficients,
            start: self.start,
        }))
    }
}

impl Graph {
    fn check_absorption(&self) -> Result<(), GraphError> {
        let edges: Vec<(u32, u32)> = self
            .edges()
            .filter(|edge| !edge.is_zero())
            .map(|edge| (edge.from.as_u32(), edge.to.as_u32()))
            .collect();
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
