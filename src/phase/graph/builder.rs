//! Building a graph: everything that [`Graph`] guarantees is checked here, once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::phase::csr::Csr;
use crate::phase::graph::error::GraphError;
use crate::phase::graph::rate::Rate;
use crate::phase::graph::{Clock, Graph, Inner, SelfLoops, VertexId};

/// Marks the numbers of products among those of parameters while the length of theta may not be known.
const PRODUCT: u32 = 1 << 31;
/// More parameters than this are not multiplied in one rate.
const MOST_FACTORS: usize = 16;

/// By how much the start probabilities may exceed 1 in sum, for decimal fractions that do not add up exactly.
const START_TOLERANCE: f64 = 1e-9;

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
    /// By edge: where it starts, where it ends, and the constant part of its rate.
    sources: Vec<VertexId>,
    targets: Vec<VertexId>,
    constants: Vec<f64>,
    /// By edge: parameters, or [`PRODUCT`] and a number of `products`.
    parameters: Csr<usize, u32>,
    /// Side by side with them.
    coefficients: Vec<f64>,
    /// Products of parameters, each once.
    products: Csr<usize, u32>,
    known: HashMap<Box<[u32]>, u32>,
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
            sources: Vec::new(),
            targets: Vec::new(),
            constants: Vec::new(),
            parameters: Csr::default(),
            coefficients: Vec::new(),
            products: Csr::default(),
            known: HashMap::new(),
            start: Vec::new(),
            first_error: None,
        }
    }

    fn fail(&mut self, error: GraphError) {
        self.first_error.get_or_insert(error);
    }

    /// Makes the graph discrete: numbers of edges are probabilities of steps, and edges from a vertex to itself are allowed.
    ///
    /// ```
    /// use elimap::phase::Graph;
    /// let mut builder = Graph::builder(1, 1);
    /// let (on, off) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.discrete().add_constant_edge(on, off, 0.25).add_constant_edge(on, on, 0.75).start(on, 1.0);
    /// assert!(builder.build()?.is_discrete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn discrete(&mut self) -> &mut Self {
        self.clock(Clock::Steps)
    }

    /// Says what the numbers of edges mean.
    ///
    /// ```
    /// use elimap::phase::Clock;
    /// use elimap::phase::Graph;
    /// let mut builder = Graph::builder(1, 1);
    /// let (on, off) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.add_edge(on, off, &[1.0]).start(on, 1.0);
    /// builder.clock(Clock::Continuous);
    /// assert!(!builder.build()?.is_discrete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use elimap::phase::Graph;
    /// let mut builder = Graph::builder(1, 1);
    /// let (on, off) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.add_edge(on, off, &[1.0]).start(on, 1.0);
    /// builder.slots(["working"]);
    /// assert_eq!(builder.build()?.slot_names(), ["working"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn slots(&mut self, names: impl IntoIterator<Item = impl Into<String>>) -> &mut Self {
        self.slot_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Labels the start, vertex 0, whose state is all zeros otherwise.
    ///
    /// ```
    /// use elimap::phase::VertexId;
    /// use elimap::phase::Graph;
    /// let mut builder = Graph::builder(1, 1);
    /// let (on, off) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.add_edge(on, off, &[1.0]).start(on, 1.0);
    /// builder.start_state(&[7]);
    /// assert_eq!(builder.build()?.state(VertexId::START), [7]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use elimap::phase::Graph;
    /// let mut builder = Graph::builder(1, 1);
    /// let (on, off) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.add_edge(on, off, &[1.0]).start(on, 1.0);
    /// assert_eq!(builder.build()?.state(on), [1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use elimap::phase::Graph;
    /// let mut builder = Graph::builder(1, 1);
    /// let (on, off) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.add_edge(on, off, &[1.0]).start(on, 1.0);
    /// assert_eq!(builder.build()?.edges_from(on).len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        self.push_edge(from, to, 0.0)
    }

    /// Adds an edge whose rate does not depend on theta.
    ///
    /// ```
    /// use elimap::phase::Graph;
    /// let mut builder = Graph::builder(1, 1);
    /// let (on, off) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.discrete().add_constant_edge(on, off, 0.25).add_constant_edge(on, on, 0.75).start(on, 1.0);
    /// assert_eq!(builder.build()?.self_loops().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_constant_edge(&mut self, from: VertexId, to: VertexId, rate: f64) -> &mut Self {
        if !rate.is_finite() || rate < 0.0 {
            self.fail(GraphError::InvalidWeight {
                from,
                to,
                value: rate,
            });
        }
        // Adding 0 turns a negative zero into zero.
        self.push_edge(from, to, rate + 0.0)
    }

    /// Adds an edge with a rate of any form: a number, a number for each parameter, or a multiple of one or of a product.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph, Rate};
    ///
    /// // An infection at the rate of contacts times the chance of each.
    /// let mut builder = Graph::builder(1, 2);
    /// let (well, ill) = (builder.add_vertex(&[0]), builder.add_vertex(&[1]));
    /// builder.parameters(["contacts", "chance"]).start(well, 1.0);
    /// builder.add_rate(well, ill, Rate::product([0, 1], 1.0));
    /// let time = EliminationTrace::record(&builder.build()?).at(&[8.0, 0.25])?;
    /// assert_eq!((time.expectation(), time.gradient()?), (0.5, vec![-0.0625, -2.0]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn add_rate(&mut self, from: VertexId, to: VertexId, rate: impl Into<Rate>) -> &mut Self {
        let rate = rate.into();
        let found = rate.length();
        if !rate.fits(self.param_length) {
            let expected = self.param_length;
            self.fail(GraphError::CoefficientCount {
                from,
                to,
                expected,
                found,
            });
            return self;
        }
        self.push_rate(from, to, &rate);
        self
    }

    /// Adds an edge whose parameters are checked when theta's length is known.
    pub(super) fn push_rate(&mut self, from: VertexId, to: VertexId, rate: &Rate) {
        if rate.terms.is_empty() && rate.products.is_empty() {
            self.add_constant_edge(from, to, rate.constant);
            return;
        }
        for &(parameter, value) in &rate.terms {
            self.push_term(from, to, parameter, value);
        }
        for (factors, value) in &rate.products {
            let number = self.number_of(factors);
            self.push_term(from, to, number, *value);
        }
        self.push_edge(from, to, rate.constant);
    }

    fn push_term(&mut self, from: VertexId, to: VertexId, parameter: u32, value: f64) {
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

    /// The number of a product of parameters, which are ascending.
    pub(super) fn number_of(&mut self, factors: &[u32]) -> u32 {
        if factors.len() > MOST_FACTORS {
            self.fail(GraphError::TooLarge {
                what: "parameters in a product",
                count: factors.len(),
                limit: MOST_FACTORS,
            });
        }
        if let Some(&number) = self.known.get(factors) {
            return number;
        }
        let number = PRODUCT | self.products.rows() as u32;
        self.products.push_row(factors.iter().copied());
        self.known.insert(factors.into(), number);
        number
    }

    /// Sets the labels of all vertices, that of the start first, one after the other: so many of the builder's length.
    pub(super) fn set_states(&mut self, vertices: usize, states: Vec<i64>) {
        debug_assert_eq!(states.len(), vertices * self.state_length);
        (self.vertices, self.states) = (vertices, states);
    }

    /// Adds edges with finite coefficients that are not zero, and the parameters that these belong to.
    pub(super) fn append_edges(
        &mut self,
        sources: Vec<VertexId>,
        targets: Vec<VertexId>,
        parameters: Csr<usize, u32>,
        coefficients: Vec<f64>,
    ) {
        if self.sources.is_empty() {
            (self.sources, self.targets) = (sources, targets);
            (self.parameters, self.coefficients) = (parameters, coefficients);
            // Memory that is zero already and that hardly anybody looks at.
            self.constants = vec![0.0; self.sources.len()];
            return;
        }
        let count = self.constants.len() + sources.len();
        self.constants.resize(count, 0.0);
        self.sources.extend(sources);
        self.targets.extend(targets);
        for row in parameters.iter() {
            self.parameters.push_row(row.iter().copied());
        }
        self.coefficients.extend(coefficients);
    }

    /// Makes room for so many more edges.
    pub(super) fn reserve_edges(&mut self, count: usize) {
        self.sources.reserve(count);
        self.targets.reserve(count);
        self.constants.reserve(count);
        self.coefficients.reserve(count);
        self.parameters.reserve(count, count);
    }

    /// Sets what was not known when building began: before the first vertex, after all edges.
    pub(super) fn set_sizes(&mut self, state_length: usize, param_length: usize) {
        self.states.resize(state_length, 0);
        (self.state_length, self.param_length) = (state_length, param_length);
    }

    /// Adds an edge with the terms that were pushed since the last one.
    fn push_edge(&mut self, from: VertexId, to: VertexId, constant: f64) -> &mut Self {
        self.sources.push(from);
        self.targets.push(to);
        self.constants.push(constant);
        self.parameters.end_row();
        self
    }

    fn edge_count(&self) -> usize {
        self.targets.len()
    }

    /// Starts in `vertex` with this probability; what is missing to 1 in all is absorbed at time zero.
    ///
    /// ```
    /// use elimap::phase::Graph;
    /// let mut builder = Graph::builder(1, 1);
    /// let (on, off) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.add_edge(on, off, &[1.0]).start(on, 1.0);
    /// assert_eq!(builder.build()?.start(), [(on, 1.0)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use elimap::phase::Graph;
    /// let mut builder = Graph::builder(1, 1);
    /// let trap = builder.add_vertex(&[1]);
    /// builder.add_edge(trap, trap, &[1.0]).start(trap, 1.0);
    /// assert!(builder.build().is_err()); // nothing absorbs
    /// ```
    pub fn build(mut self) -> Result<Graph, GraphError> {
        if let Some(error) = self.first_error.take() {
            return Err(error);
        }
        // The highest index is kept free as a mark for "none".
        let limit = u32::MAX as usize - 1;
        if self.products.rows() > 0 && self.param_length >= PRODUCT as usize {
            return Err(GraphError::TooLarge {
                what: "parameters",
                count: self.param_length,
                limit: PRODUCT as usize - 1,
            });
        }
        let sizes = [
            ("vertices", self.vertices),
            ("edges", self.edge_count()),
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
        let mut inner = self.into_rows();
        inner.has_traps = !inner.all_are_absorbed();
        let graph = Graph(Arc::new(inner));
        if graph.has_traps() {
            graph.check_absorption()?;
        }
        Ok(graph)
    }

    fn check_edges(&self) -> Result<(), GraphError> {
        for (&from, &to) in self.sources.iter().zip(&self.targets) {
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

    /// Products are numbered after the parameters.
    fn number_products(&mut self) {
        if self.products.rows() == 0 {
            return;
        }
        let first = self.param_length as u32;
        for number in self.parameters.values_mut() {
            if *number & PRODUCT != 0 {
                *number = first + (*number & !PRODUCT);
            }
        }
    }

    fn self_loops(&self) -> SelfLoops {
        let is_own = |&edge: &usize| self.sources[edge] == self.targets[edge];
        let mut edges: Vec<usize> = match self.clock {
            Clock::Continuous => Vec::new(),
            _ => (0..self.edge_count()).filter(is_own).collect(),
        };
        edges.sort_by_key(|&edge| self.sources[edge]);
        let mut loops = SelfLoops::default();
        for edge in edges {
            loops.vertices.push(self.sources[edge]);
            loops.constants.push(self.constants[edge]);
            let parameters = self.parameters.row(edge).iter().copied();
            loops.parameters.push_row(parameters);
            loops
                .coefficients
                .extend_from_slice(&self.coefficients[self.parameters.range(edge)]);
        }
        loops
    }

    /// Sorts the edges into rows, in the order of each vertex.
    fn into_rows(mut self) -> Inner {
        self.number_products();
        let loops = self.self_loops();
        let rows = match loops.vertices.is_empty() && self.sources.is_sorted() {
            // An exploration finds them so.
            true => self.sorted_rows(),
            false => {
                let pairs = (0..self.edge_count())
                    .filter(|&edge| self.sources[edge] != self.targets[edge])
                    .map(|edge| (self.sources[edge].index(), edge));
                let order: Csr<usize, usize> = Csr::from_pairs(self.vertices, pairs);
                self.rows_by(&order)
            }
        };
        Inner {
            clock: self.clock,
            parameter_names: self.parameter_names,
            slot_names: self.slot_names,
            loops,
            state_length: self.state_length,
            param_length: self.param_length,
            products: self.products,
            vertices: self.vertices,
            states: self.states,
            edges: rows.edges,
            constants: rows.constants,
            parameters: rows.parameters,
            coefficients: rows.coefficients,
            start: self.start,
            has_traps: false,
        }
    }

    /// The rows of edges that are in their order already.
    fn sorted_rows(&mut self) -> EdgeRows {
        let mut counts = vec![0_usize; self.vertices];
        for from in &self.sources {
            counts[from.index()] += 1;
        }
        self.sources = Vec::new();
        EdgeRows {
            // The lengths add up by construction.
            edges: Csr::from_lengths(counts, std::mem::take(&mut self.targets)).unwrap_or_default(),
            constants: std::mem::take(&mut self.constants),
            parameters: std::mem::take(&mut self.parameters),
            coefficients: std::mem::take(&mut self.coefficients),
        }
    }

    fn rows_by(&self, order: &Csr<usize, usize>) -> EdgeRows {
        let count = order.len();
        let mut rows = EdgeRows {
            edges: Csr::with_capacity(self.vertices, count),
            constants: Vec::with_capacity(count),
            parameters: Csr::with_capacity(count, self.parameters.len()),
            coefficients: Vec::with_capacity(self.coefficients.len()),
        };
        for row in order.iter() {
            for &edge in row {
                rows.edges.push(self.targets[edge]);
                rows.constants.push(self.constants[edge]);
                let parameters = self.parameters.row(edge).iter().copied();
                rows.parameters.push_row(parameters);
                rows.coefficients
                    .extend_from_slice(&self.coefficients[self.parameters.range(edge)]);
            }
            rows.edges.end_row();
        }
        rows
    }
}

/// Edges by vertex, with what their rates are made of.
struct EdgeRows {
    edges: Csr<usize, VertexId>,
    constants: Vec<f64>,
    parameters: Csr<usize, u32>,
    coefficients: Vec<f64>,
}
