//! Graphs of rewards and of marks, with the parameters kept.
//!
//! A vertex with the reward r > 0 per unit of time becomes one whose rates are divided by r. One without reward is passed at once,
//! so it is left out, and what leads to it leads on to its targets in proportion to the rates of those. Proportions are numbers only
//! where the rates out of the vertex are multiples of the same parameter, or product, or of none; elsewhere there is no graph whose rates
//! are linear, and [`PhaseType::reward`](crate::phase::PhaseType::reward) has the distribution at one theta, with its gradients there.

use std::collections::BTreeMap;

use crate::phase::graph::error::GraphError;
use crate::phase::graph::rate::Rate;
use crate::phase::graph::{Clock, Edge, Graph, GraphBuilder, VertexId};

/// Stands for no parameter among the numbers of parameters and products.
const CONSTANT: u32 = u32::MAX;

/// A rate: coefficients by the number of what they are multiplied with.
type Form = BTreeMap<u32, f64>;

/// The rates out of a vertex by target.
type Row = BTreeMap<VertexId, Form>;

fn add(row: &mut Row, to: VertexId, form: &Form, factor: f64) {
    let entry = row.entry(to).or_default();
    for (&number, &coefficient) in form {
        *entry.entry(number).or_insert(0.0) += coefficient * factor;
    }
}

fn form(edge: &Edge<'_>) -> Form {
    let terms = edge
        .parameters
        .iter()
        .copied()
        .zip(edge.coefficients.iter().copied());
    let constant = (edge.constant != 0.0).then_some((CONSTANT, edge.constant));
    terms.chain(constant).collect()
}

/// The share of each target in the rates out of a vertex, if shares do not depend on theta.
fn shares(row: &Row) -> Option<Vec<(VertexId, f64)>> {
    let mut numbers = row.values().flat_map(|form| form.keys());
    let number = *numbers.next()?;
    if !numbers.all(|other| *other == number) {
        return None;
    }
    let weights = row.iter().map(|(&to, form)| (to, form[&number]));
    let weights: Vec<(VertexId, f64)> = weights.collect();
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let is_share = |&(_, weight): &(VertexId, f64)| weight >= 0.0;
    (total > 0.0 && weights.iter().all(is_share))
        .then(|| weights.into_iter().map(|(to, w)| (to, w / total)).collect())
}

impl Graph {
    /// The graph of a reward: the sum of `reward[v]` times the time in v, as a time of its own, with the same parameters.
    ///
    /// Vertices without reward are left out, as are those that the start does not reach. What starts in them starts where they lead
    /// to, so paths without any reward are mass at time zero.
    ///
    /// # Errors
    ///
    /// [`GraphError::Reward`] for a reward that is not one finite number of at least 0 for each vertex,
    /// [`GraphError::NoProportion`] for a vertex without reward whose rates are not multiples of one parameter (or product, or number),
    /// and [`GraphError::NotContinuous`] for a discrete graph.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // The length of Kingman's tree, with its density's gradient in the rate of coalescence.
    /// let graph = models::kingman(4)?;
    /// let length = graph.reward_transform(&graph.reward("s0")?)?;
    /// let time = EliminationTrace::record(&length).at(&[2.0])?;
    /// assert!((time.expectation() - (1.0 + 1.0 / 2.0 + 1.0 / 3.0)).abs() < 1e-15);
    /// let (density, slope) = time.pdf_and_gradients(&[1.0])?;
    /// // 3 (1 - e^(-1))^2 e^(-1), and its derivative by theta of 3/2 theta (1 - e^(-theta/2))^2 e^(-theta/2).
    /// let e = (-1.0_f64).exp();
    /// assert!((density[0] - 3.0 * (1.0 - e).powi(2) * e).abs() < 1e-14);
    /// let expected = 1.5 * ((1.0 - e).powi(2) * e + 2.0 * (1.0 - e) * e * e - (1.0 - e).powi(2) * e);
    /// assert!((slope[[0, 0]] - expected).abs() < 1e-14);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn reward_transform(&self, reward: &[f64]) -> Result<Graph, GraphError> {
        self.check_continuous("reward_transform")?;
        self.check_reward("reward", reward)?;
        let is_kept = |vertex: VertexId| reward[vertex.index()] > 0.0;
        let reached = self.reached();
        let mut rows: BTreeMap<VertexId, Row> = BTreeMap::new();
        for &vertex in reached.iter().filter(|&&v| !self.is_absorbing(v)) {
            let row = rows.entry(vertex).or_default();
            for edge in self.edges_from(vertex).filter(|edge| !edge.is_zero()) {
                add(row, edge.to, &form(&edge), 1.0);
            }
        }
        let mut start: BTreeMap<VertexId, f64> = BTreeMap::new();
        for &(vertex, probability) in self.start() {
            *start.entry(vertex).or_insert(0.0) += probability;
        }
        let passed: Vec<VertexId> = rows.keys().copied().filter(|&v| !is_kept(v)).collect();
        for vertex in passed {
            let mut row = rows.remove(&vertex).unwrap_or_default();
            // What comes back at once has never left.
            row.remove(&vertex);
            let Some(shares) = shares(&row) else {
                return Err(GraphError::NoProportion { vertex });
            };
            for row in rows.values_mut() {
                if let Some(into) = row.remove(&vertex) {
                    for &(to, share) in &shares {
                        add(row, to, &into, share);
                    }
                }
            }
            if let Some(mass) = start.remove(&vertex) {
                for &(to, share) in &shares {
                    *start.entry(to).or_insert(0.0) += mass * share;
                }
            }
        }
        let mut builder = self.namesake(Clock::Continuous);
        let mut copies = BTreeMap::new();
        for &vertex in &reached {
            if rows.contains_key(&vertex) || self.is_absorbing(vertex) {
                copies.insert(vertex, builder.add_vertex(self.state(vertex)));
            }
        }
        for (vertex, row) in &rows {
            for (to, form) in row.iter().filter(|(to, _)| *to != vertex) {
                let factor = 1.0 / reward[vertex.index()];
                let (from, to) = (copies[vertex], copies[to]);
                self.push_form(&mut builder, from, to, form, factor);
            }
        }
        for (vertex, probability) in start {
            builder.start(copies[&vertex], probability.min(1.0));
        }
        builder.build()
    }

    /// The jumps of the graph and of marks that come at the rate `rates[v]` while it is in v, with a reward for each mark: the
    /// discrete model that phasic's `discretize` makes.
    ///
    /// A mark is a visit to an auxiliary vertex, whose state is all zeros; the second part of the answer has a reward of 1 for each of
    /// them. Parameters are kept, so moments of numbers of marks have gradients.
    ///
    /// # Errors
    ///
    /// As for [`reward_transform`](Self::reward_transform), but for proportions.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // Marks at the rate 1 on an exponential time with the rate theta: 1 / theta of them, theta / (1 + theta)^2 times none or more.
    /// let (graph, marks) = models::erlang(1)?.discretize(&[0.0, 1.0, 0.0])?;
    /// let steps = EliminationTrace::record(&graph).steps_at(&[1.0])?;
    /// assert_eq!(steps.reward(&marks)?.pmf(&[0, 1, 2])?, [0.5, 0.25, 0.125]);
    /// let (means, slopes) = steps.reward_moments_and_gradients(&marks, 1)?;
    /// assert_eq!((means, slopes), (vec![1.0], ndarray::array![[-1.0]]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn discretize(&self, rates: &[f64]) -> Result<(Graph, Vec<f64>), GraphError> {
        self.check_continuous("discretize")?;
        self.check_reward("rates of marks", rates)?;
        let mut builder = self.namesake(Clock::Jumps);
        for vertex in self.vertices().skip(1) {
            builder.add_vertex(self.state(vertex));
        }
        for edge in self.edges() {
            builder.push_rate(edge.from, edge.to, &Rate::of(&edge, 0, 1.0));
        }
        let zeros = vec![0; self.state_length()];
        let mut marks = vec![0.0; self.vertex_count()];
        for vertex in self.vertices().skip(1) {
            let rate = rates[vertex.index()];
            if rate > 0.0 && !self.is_absorbing(vertex) {
                let mark = builder.add_vertex(&zeros);
                builder.add_constant_edge(vertex, mark, rate);
                builder.add_constant_edge(mark, vertex, 1.0);
                marks.push(1.0);
            }
        }
        for &(vertex, probability) in self.start() {
            builder.start(vertex, probability);
        }
        Ok((builder.build()?, marks))
    }

    /// A builder with the sizes, the names and the start of this graph.
    fn namesake(&self, clock: Clock) -> GraphBuilder {
        let mut builder = Graph::builder(self.state_length(), self.param_length());
        builder
            .clock(clock)
            .start_state(self.state(VertexId::START))
            .parameters(self.parameter_names())
            .slots(self.slot_names());
        builder
    }

    /// Adds a rate as an edge for its terms and one for its constant.
    fn push_form(
        &self,
        builder: &mut GraphBuilder,
        from: VertexId,
        to: VertexId,
        form: &Form,
        factor: f64,
    ) {
        let (mut linear, mut products) = (vec![0.0; self.param_length()], Vec::new());
        for (&number, &coefficient) in form.iter().filter(|(number, _)| **number != CONSTANT) {
            match (number as usize).checked_sub(self.param_length()) {
                None => linear[number as usize] = coefficient * factor,
                Some(product) => {
                    let factors = self.product_rows().row(product);
                    products.push((factors.into(), coefficient * factor));
                }
            }
        }
        if let Some(constant) = form.get(&CONSTANT) {
            builder.add_constant_edge(from, to, constant * factor);
        }
        if form.keys().any(|number| *number != CONSTANT) {
            builder.push_rate(from, to, &Rate::of_terms(&linear, products.into_iter()));
        }
    }

    /// The vertices that the start reaches, ascending, without the start.
    fn reached(&self) -> Vec<VertexId> {
        let mut is_reached = vec![false; self.vertex_count()];
        let mut next: Vec<VertexId> = self.start().iter().map(|&(vertex, _)| vertex).collect();
        while let Some(vertex) = next.pop() {
            if !std::mem::replace(&mut is_reached[vertex.index()], true) {
                let edges = self.edges_from(vertex).filter(|edge| !edge.is_zero());
                next.extend(edges.map(|edge| edge.to));
            }
        }
        self.vertices().filter(|v| is_reached[v.index()]).collect()
    }

    fn check_continuous(&self, what: &'static str) -> Result<(), GraphError> {
        match self.clock() {
            Clock::Continuous => Ok(()),
            clock => Err(GraphError::NotContinuous {
                what,
                found: clock.described(),
            }),
        }
    }

    fn check_reward(&self, what: &'static str, reward: &[f64]) -> Result<(), GraphError> {
        let expected = self.vertex_count();
        let is_good = |value: &f64| value.is_finite() && *value >= 0.0;
        let problem = if reward.len() != expected {
            let found = reward.len();
            format!("there are {found}; give one for each of the {expected} vertices")
        } else {
            match reward.iter().position(|value| !is_good(value)) {
                Some(vertex) => format!(
                    "vertex {vertex} has {:?}; they must be finite and at least 0",
                    reward[vertex]
                ),
                None => return Ok(()),
            }
        };
        Err(GraphError::Reward { what, problem })
    }
}
