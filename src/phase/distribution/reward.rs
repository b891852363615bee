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
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::dual::{Dual, Weight};
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::inherited::{By, Inherited};
use crate::phase::distribution::origin::Making;
use crate::phase::distribution::system::Number;
use crate::phase::graph::{Graph, VertexId};
use crate::phase::index::{IndexVec, Slot, Transient};
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::trace::EliminationTrace;

/// Where rates lead: states by number, then absorbing vertices by index above all states. Rates are wide, so eliminating
/// costs the model that is left no digit.
pub(crate) type Row<N> = BTreeMap<u32, N>;

/// Adds to an entry of a row.
pub(crate) fn add<N: Weight>(row: &mut Row<N>, to: u32, rate: N) {
    match row.entry(to) {
        Entry::Vacant(vacant) => {
            vacant.insert(rate);
        }
        Entry::Occupied(mut known) => {
            let sum = known.get().plus(&rate);
            known.insert(sum);
        }
    }
}

/// What a row sums to.
pub(crate) fn sum<'a, N: Weight + 'a>(row: impl IntoIterator<Item = &'a N>) -> N {
    let zero = N::constant(Extended::ZERO);
    row.into_iter().fold(zero, |sum, rate| sum.plus(rate))
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
pub(crate) struct Reduction<N> {
    /// The number of states; targets from here on are absorbing vertices.
    pub states: u32,
    pub rows: Vec<Row<N>>,
    /// By state, which others have a rate to it.
    sources: Vec<BTreeSet<u32>>,
    pub start: Row<N>,
    /// Whether a return to a state counts, as it does in steps and not in time.
    keeps_returns: bool,
}

impl<N: Weight> Reduction<N> {
    /// The chain of rows and a start.
    pub(crate) fn new(rows: Vec<Row<N>>, start: Row<N>, keeps_returns: bool) -> Self {
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

    /// The rates and the start of a chain, absorbing vertices above so many states; `rate` says which value a slot has.
    pub(crate) fn rows_of(
        chain: &Chain,
        trace: &EliminationTrace,
        by: By<'_>,
        states: u32,
        rate: impl Fn(Transient, Slot, f64) -> Extended,
    ) -> (Vec<Row<N>>, Row<N>) {
        let (layout, graph) = (trace.symbolic().layout(), trace.graph());
        let mut rows = vec![Row::new(); chain.len()];
        let mut start = Row::new();
        for (state, &probability) in chain.start().iter().enumerate() {
            let (from, vertex) = (chain.transient(state), chain.vertex(state));
            let of_slot = |slot: Slot, in_f64: f64| {
                let edges = layout.edges(slot).iter();
                let edges = edges.map(|&edge| graph.edge_of(vertex, edge as usize));
                N::of_edges(rate(from, slot, in_f64), edges, by)
            };
            if probability > 0.0 {
                add(
                    &mut start,
                    state as u32,
                    N::of_start(probability, vertex, by),
                );
            }
            for flow in chain.inner(state) {
                add(&mut rows[state], flow.to, of_slot(flow.slot, flow.rate));
            }
            for flow in chain.outer(state) {
                let to = states + flow.to.as_u32();
                add(&mut rows[state], to, of_slot(flow.slot, flow.rate));
            }
        }
        for &(vertex, probability) in chain.absorbed_at_once() {
            let to = states + vertex.as_u32();
            add(&mut start, to, N::of_start(probability, vertex, by));
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
            let Some(into) = self.rows[from as usize].remove(&state) else {
                continue;
            };
            let into = into.times(&share);
            for (&to, rate) in &row {
                // In time, what comes back has never left.
                if to != from || self.keeps_returns {
                    add(&mut self.rows[from as usize], to, into.times(rate));
                    if to < self.states && to != from {
                        self.sources[to as usize].insert(from);
                    }
                }
            }
        }
        if let Some(mass) = self.start.remove(&state) {
            let mass = mass.times(&share);
            for (&to, rate) in &row {
                add(&mut self.start, to, mass.times(rate));
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

    /// The model that is left, with rates multiplied by a factor for each state, and its derivatives by these parameters.
    fn build(
        &self,
        graph: &Graph,
        chain: &Chain,
        keep: impl Fn(usize) -> bool,
        factor: impl Fn(usize) -> Extended,
        parameters: usize,
    ) -> Result<(Graph, Inherited), DistributionError> {
        let mut inherited = Inherited::new(parameters);
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
                let rate = rate.times(&N::constant(factor(state)));
                builder.add_constant_edge(from, vertices[to], rate.value().to_f64());
                inherited.rate(from, vertices[to], rate.slopes());
            }
        }
        for (to, probability) in &self.start {
            builder.start(vertices[to], probability.value().to_f64().min(1.0));
            inherited.start(vertices[to], probability.slopes());
        }
        Ok((builder.build()?, inherited))
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
    /// once. Gradients are by the parameters of the model that was asked, mass at zero and proportions that depend on them included.
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
        let (graph, _) = self.reward_in::<Extended>(reward)?;
        self.made(graph, Making::Reward(reward.into()))
    }

    /// The graph of a reward, with derivatives if its numbers have some.
    pub(crate) fn reward_in<N: Weight>(
        &self,
        reward: &[f64],
    ) -> Result<(Graph, Inherited), DistributionError> {
        let by_transient = self.reward_column(reward)?;
        let (chain, trace, by) = (self.chain()?, self.trace(), self.by_for::<N>()?);
        let reward = |state: usize| by_transient[chain.transient(state)];
        let rates = Extended::rates(trace, self.theta());
        let states = chain.len() as u32;
        let (rows, start) = Reduction::<N>::rows_of(chain, trace, by, states, wide_rate(&rates));
        let mut reduction = Reduction::new(rows, start, false);
        let free = (0..chain.len()).filter(|&state| reward(state) == 0.0);
        reduction.eliminate_all(free.map(|state| state as u32));
        reduction.build(
            trace.graph(),
            chain,
            |state| reward(state) > 0.0,
            |state| Extended::from_f64(reward(state)).inverse(),
            by.parameters(),
        )
    }

    /// The distribution that a graph was made for.
    fn made(&self, graph: Graph, making: Making) -> Result<Self, DistributionError> {
        let made = EliminationTrace::record(&graph).at(&[])?;
        Ok(made.within(self.tolerance).made_by(self.origin_of(making)))
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
        let chance = |v: VertexId| Extended::from_f64(reach[v.index()]);
        let (graph, _) = self.given_with(vertex, &reach, chance)?;
        self.made(graph, Making::Given(vertex))
    }

    /// The derivatives of the model of an end.
    pub(crate) fn given_slopes(&self, vertex: VertexId) -> Result<Inherited, DistributionError> {
        let (reach, slopes) = self.reach_probabilities_and_gradients(&[vertex])?;
        let chance = |vertex: VertexId| {
            let slopes = slopes.row(vertex.index());
            let slopes = slopes.iter().map(|&slope| Extended::from_f64(slope));
            Dual::new(Extended::from_f64(reach[vertex.index()]), slopes.collect())
        };
        let (_, inherited) = self.given_with(vertex, &reach, chance)?;
        Ok(inherited)
    }

    /// The graph of an end that vertices reach with these probabilities.
    fn given_with<N: Weight>(
        &self,
        vertex: VertexId,
        reach: &[f64],
        chance: impl Fn(VertexId) -> N,
    ) -> Result<(Graph, Inherited), DistributionError> {
        let (chain, trace, by) = (self.chain()?, self.trace(), self.by_for::<N>()?);
        let (layout, graph) = (trace.symbolic().layout(), trace.graph());
        if reach[VertexId::START.index()] == 0.0 {
            return Err(DistributionError::Impossible { vertex });
        }
        let mut inherited = Inherited::new(by.parameters());
        let mut builder = Graph::builder(graph.state_length(), 0);
        builder.start_state(graph.state(VertexId::START));
        let states = (0..chain.len()).map(|state| {
            let vertex = chain.vertex(state);
            (reach[vertex.index()] > 0.0).then(|| builder.add_vertex(graph.state(vertex)))
        });
        let copies: Vec<Option<VertexId>> = states.collect();
        let end = builder.add_vertex(graph.state(vertex));
        let share = chance(VertexId::START).inverse();
        for (state, from) in copies.iter().enumerate() {
            let Some(from) = *from else { continue };
            let own = chain.vertex(state);
            let chance_here = chance(own);
            let here = chance_here.inverse();
            let rate = |slot: Slot, in_f64: f64| {
                let edges = layout.edges(slot).iter();
                let edges = edges.map(|&edge| graph.edge_of(own, edge as usize));
                N::of_edges(Extended::from_f64(in_f64), edges, by).times(&here)
            };
            let mut note = |to: VertexId, rate: N| {
                builder.add_constant_edge(from, to, rate.value().to_f64());
                inherited.rate(from, to, rate.slopes());
            };
            for flow in chain.inner(state) {
                let to = flow.to as usize;
                if let Some(copy) = copies[to] {
                    let there = chance(chain.vertex(to));
                    note(copy, rate(flow.slot, flow.rate).times(&there));
                }
            }
            for flow in chain.outer(state).iter().filter(|flow| flow.to == vertex) {
                note(end, rate(flow.slot, flow.rate));
            }
            let start = N::of_start(chain.start()[state], own, by);
            let start = start.times(&chance_here).times(&share);
            if start.value().is_positive() {
                builder.start(from, start.value().to_f64().min(1.0));
                inherited.start(from, start.slopes());
            }
        }
        for &(_, probability) in chain.absorbed_at_once().iter().filter(|of| of.0 == vertex) {
            let start = N::of_start(probability, vertex, by).times(&share);
            builder.start(end, start.value().to_f64().min(1.0));
            inherited.start(end, start.slopes());
        }
        Ok((builder.build()?, inherited))
    }
}
