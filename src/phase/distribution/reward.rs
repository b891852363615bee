//! The distribution of a reward: of time weighted by where it is spent.
//!
//! A vertex with the reward r > 0 per unit of time becomes one whose rates are divided by r. A vertex without reward
//! takes no reward to pass, so it is eliminated: what enters it goes on at once to where it would leave to,
//!
//! ```text
//! w(i, j) += w(i, z) w(z, j) / sum of w(z, k), k other than z
//! ```
//!
//! without subtraction, as in Grassmann, Taksar and Heyman (1985). Mass that passes vertices without reward only is absorbed
//! at zero. The result is a model of its own with constant rates, for which all questions of times have answers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::system::Number;
use crate::phase::graph::{Graph, VertexId};
use crate::phase::index::{IndexVec, Slot, Transient};
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::trace::EliminationTrace;

/// Where rates lead: states by number, then absorbing vertices by index above all states. Rates are wide, so eliminating
/// costs the model that is left no digit.
pub(crate) type Row = BTreeMap<u32, Extended>;

/// Adds to an entry of a row.
pub(crate) fn add(row: &mut Row, to: u32, rate: Extended) {
    let entry = row.entry(to).or_insert(Extended::ZERO);
    *entry = *entry + rate;
}

/// What a row sums to.
pub(crate) fn sum<'a>(row: impl IntoIterator<Item = &'a Extended>) -> Extended {
    row.into_iter()
        .fold(Extended::ZERO, |sum, &rate| sum + rate)
}

/// The wide rate of a slot, or what `f64` says where more digits of terms of both signs cancel to nothing.
pub(crate) fn wide_rate(
    rates: &IndexVec<Slot, Extended>,
) -> impl Fn(Transient, Slot, f64) -> Extended + '_ {
    move |_, slot, in_f64| match rates[slot].is_positive() {
        true => rates[slot],
        false => Extended::from_f64(in_f64),
    }
}

/// A chain while states without reward are eliminated.
pub(crate) struct Reduction {
    /// The number of states; targets from here on are absorbing vertices.
    pub states: u32,
    pub rows: Vec<Row>,
    /// By state, which others have a rate to it.
    sources: Vec<BTreeSet<u32>>,
    pub start: Row,
    /// Whether a return to a state counts, as it does in steps and not in time.
    keeps_returns: bool,
}

impl Reduction {
    /// The chain of rows and a start.
    pub(crate) fn new(rows: Vec<Row>, start: Row, keeps_returns: bool) -> Self {
        let states = rows.len() as u32;
        let mut sources = vec![BTreeSet::new(); rows.len()];
        for (from, row) in rows.iter().enumerate() {
            for &to in row.keys().filter(|&&to| to < states && to != from as u32) {
                sources[to as usize].insert(from as u32);
            }
        }
        Self {
            states,
            rows,
            sources,
            start,
            keeps_returns,
        }
    }

    /// The rates and the start of a chain, absorbing vertices above so many states.
    pub(crate) fn rows_of(
        chain: &Chain,
        states: u32,
        rate: impl Fn(Transient, Slot, f64) -> Extended,
    ) -> (Vec<Row>, Row) {
        let mut rows = vec![Row::new(); chain.len()];
        let mut start = Row::new();
        for (state, &probability) in chain.start().iter().enumerate() {
            let from = chain.transient(state);
            if probability > 0.0 {
                add(&mut start, state as u32, Extended::from_f64(probability));
            }
            for flow in chain.inner(state) {
                add(&mut rows[state], flow.to, rate(from, flow.slot, flow.rate));
            }
            for flow in chain.outer(state) {
                let to = states + flow.to.as_u32();
                add(&mut rows[state], to, rate(from, flow.slot, flow.rate));
            }
        }
        for &(vertex, probability) in chain.absorbed_at_once() {
            let probability = Extended::from_f64(probability);
            add(&mut start, states + vertex.as_u32(), probability);
        }
        (rows, start)
    }

    /// How many entries eliminating a state may make.
    fn cost(&self, state: u32) -> usize {
        self.rows[state as usize].len() * self.sources[state as usize].len()
    }

    fn eliminate(&mut self, state: u32) {
        let mut row = std::mem::take(&mut self.rows[state as usize]);
        row.remove(&state);
        let share = sum(row.values()).inverse();
        for &to in row.keys().filter(|&&to| to < self.states) {
            self.sources[to as usize].remove(&state);
        }
        for from in std::mem::take(&mut self.sources[state as usize]) {
            let into = self.rows[from as usize].remove(&state);
            let into = into.unwrap_or(Extended::ZERO) * share;
            for (&to, &rate) in &row {
                // In time, what comes back has never left.
                if to != from || self.keeps_returns {
                    add(&mut self.rows[from as usize], to, into * rate);
                    if to < self.states && to != from {
                        self.sources[to as usize].insert(from);
                    }
                }
            }
        }
        if let Some(mass) = self.start.remove(&state) {
            for (&to, &rate) in &row {
                add(&mut self.start, to, mass * share * rate);
            }
        }
    }

    /// Eliminates the states of a list, cheapest first.
    pub(crate) fn eliminate_all(&mut self, states: impl Iterator<Item = u32>) {
        let mut queue: BinaryHeap<_> = states
            .map(|state| Reverse((self.cost(state), state)))
            .collect();
        while let Some(Reverse((cost, state))) = queue.pop() {
            let now = self.cost(state);
            if now > cost {
                queue.push(Reverse((now, state)));
            } else {
                self.eliminate(state);
            }
        }
    }

    /// The model that is left, with rates multiplied by a factor for each state.
    fn build(
        &self,
        graph: &Graph,
        chain: &Chain,
        keep: impl Fn(usize) -> bool,
        factor: impl Fn(usize) -> Extended,
    ) -> Result<Graph, DistributionError> {
        let mut builder = Graph::builder(graph.state_length(), 0);
        builder.start_state(graph.state(VertexId::START));
        let mut vertices: BTreeMap<u32, VertexId> = BTreeMap::new();
        for state in (0..chain.len()).filter(|&state| keep(state)) {
            let vertex = builder.add_vertex(graph.state(chain.vertex(state)));
            vertices.insert(state as u32, vertex);
        }
        let ends = graph
            .vertices()
            .filter(|&vertex| graph.is_absorbing(vertex));
        for vertex in ends {
            let copy = builder.add_vertex(graph.state(vertex));
            vertices.insert(self.states + vertex.as_u32(), copy);
        }
        for state in (0..chain.len()).filter(|&state| keep(state)) {
            let from = vertices[&(state as u32)];
            for (to, rate) in &self.rows[state] {
                builder.add_constant_edge(from, vertices[to], (*rate * factor(state)).to_f64());
            }
        }
        for (to, probability) in &self.start {
            builder.start(vertices[to], probability.to_f64().min(1.0));
        }
        Ok(builder.build()?)
    }
}

impl PhaseType {
    /// The number of phases: the vertices that the start reaches and that take time.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// assert_eq!(EliminationTrace::record(&models::erlang(3)?).at(&[1.0])?.phases(), 3);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn phases(&self) -> usize {
        // A theta that was accepted has a chain.
        self.chain().map_or(0, Chain::len)
    }

    /// The distribution of a reward: the sum of `reward[v]` times the time in v, for which every question has an answer that
    /// has one for times.
    ///
    /// It is a model of its own at this theta: vertices that the start does not reach or that have no reward are gone, states
    /// label those that remain. Paths without any reward are [mass at zero](Self::mass_at_zero), and vertices that end them absorb at
    /// once.
    ///
    /// # Errors
    ///
    /// [`NumericError::RewardLength`](crate::phase::NumericError::RewardLength) and
    /// [`NumericError::InvalidReward`](crate::phase::NumericError::InvalidReward) for the reward.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // The total branch length of Kingman's coalescent is distributed as the largest of n - 1 exponential times.
    /// let graph = models::kingman(4)?;
    /// let lineages: Vec<f64> = graph.vertices().map(|v| graph.state(v)[0] as f64).collect();
    /// let length = EliminationTrace::record(&graph).at(&[1.0])?.reward(&lineages)?;
    /// let expected = (1.0 - (-0.5_f64).exp()).powi(3);
    /// assert!((length.cdf(&[1.0])?[0] - expected).abs() < 1e-14);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn reward(&self, reward: &[f64]) -> Result<Self, DistributionError> {
        let by_transient = self.reward_column(reward)?;
        let chain = self.chain()?;
        let reward = |state: usize| by_transient[chain.transient(state)];
        let rates = Extended::rates(self.trace(), self.theta());
        let states = chain.len() as u32;
        let (rows, start) = Reduction::rows_of(chain, states, wide_rate(&rates));
        let mut reduction = Reduction::new(rows, start, false);
        let free = (0..chain.len()).filter(|&state| reward(state) == 0.0);
        reduction.eliminate_all(free.map(|state| state as u32));
        let graph = reduction.build(
            self.trace().graph(),
            chain,
            |state| reward(state) > 0.0,
            |state| Extended::from_f64(reward(state)).inverse(),
        )?;
        Ok(EliminationTrace::record(&graph)
            .at(&[])?
            .within(self.tolerance))
    }

    /// The distribution of the time given that absorption is in this vertex.
    ///
    /// It is a model of its own at this theta (Doob's transform): each rate is multiplied by the quotient of the probabilities to
    /// end in the vertex after it and before it.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Vertex`] if the vertex does not absorb, [`DistributionError::Impossible`] if it is never reached.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let [a, b, c] = [(); 3].map(|()| builder.add_vertex(&[]));
    /// builder.add_constant_edge(a, b, 3.0).add_constant_edge(a, c, 1.0).start(a, 1.0);
    /// let time = EliminationTrace::record(&builder.build()?).at(&[])?.given(b)?;
    /// assert!((time.survival(&[1.0])?[0] - (-4.0_f64).exp()).abs() < 1e-15);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn given(&self, vertex: VertexId) -> Result<Self, DistributionError> {
        self.absorbing_mark(vertex)?;
        let reach = self.reach_probabilities(&[vertex])?;
        let chain = self.chain()?;
        let graph = self.trace().graph();
        let total = reach[VertexId::START.index()];
        if total == 0.0 {
            return Err(DistributionError::Impossible { vertex });
        }
        let chance = |state: usize| reach[chain.vertex(state).index()];
        let mut builder = Graph::builder(graph.state_length(), 0);
        builder.start_state(graph.state(VertexId::START));
        let states = (0..chain.len()).map(|state| {
            (chance(state) > 0.0).then(|| builder.add_vertex(graph.state(chain.vertex(state))))
        });
        let copies: Vec<Option<VertexId>> = states.collect();
        let end = builder.add_vertex(graph.state(vertex));
        for (state, from) in copies.iter().enumerate() {
            let Some(from) = *from else { continue };
            for flow in chain.inner(state) {
                let to = flow.to as usize;
                if let Some(copy) = copies[to] {
                    let rate = flow.rate * (chance(to) / chance(state));
                    builder.add_constant_edge(from, copy, rate);
                }
            }
            for flow in chain.outer(state).iter().filter(|flow| flow.to == vertex) {
                builder.add_constant_edge(from, end, flow.rate / chance(state));
            }
            let probability = chain.start()[state] * chance(state) / total;
            if probability > 0.0 {
                builder.start(from, probability.min(1.0));
            }
        }
        for &(_, probability) in chain.absorbed_at_once().iter().filter(|of| of.0 == vertex) {
            builder.start(end, (probability / total).min(1.0));
        }
        let trace = EliminationTrace::record(&builder.build()?);
        Ok(trace.at(&[])?.within(self.tolerance))
    }
}
