//! Discrete distributions made from others: whole rewards of steps, and numbers of marks along a path.

use std::sync::Arc;

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::dual::Weight;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::inherited::{By, Inherited};
use crate::phase::distribution::origin::{Making, Origin};
use crate::phase::distribution::reward::{Reduction, Row, sum, wide_rate};
use crate::phase::distribution::system::{Column, Number};
use crate::phase::distribution::tolerance::{Tolerance, UNIT};
use crate::phase::graph::{Graph, VertexId};
use crate::phase::index::{IndexVec, Transient};
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::trace::EliminationTrace;

/// Rewards above this are refused: each unit takes a vertex.
const MOST_REWARD: f64 = 65_536.0;

/// The discrete model in which each kept state takes so many steps and then goes where its row says, with probabilities that are
/// known up to a relative error.
fn build<N: Weight>(
    graph: &Graph,
    reduction: &Reduction<N>,
    kept: &[(u32, VertexId, usize)],
    parameters: usize,
) -> Result<(Graph, Inherited), DistributionError> {
    let mut inherited = Inherited::new(parameters);
    let mut builder = Graph::builder(graph.state_length(), 0);
    builder.discrete();
    builder.start_state(graph.state(VertexId::START));
    let mut entry = vec![None; reduction.rows.len() + graph.vertex_count()];
    let mut exits = Vec::new();
    for &(state, vertex, steps) in kept {
        let first = builder.add_vertex(graph.state(vertex));
        entry[state as usize] = Some(first);
        let mut last = first;
        for _ in 1..steps {
            let next = builder.add_vertex(graph.state(vertex));
            builder.add_constant_edge(last, next, 1.0);
            last = next;
        }
        exits.push((state, last));
    }
    for vertex in graph
        .vertices()
        .filter(|&vertex| graph.is_absorbing(vertex))
    {
        let copy = builder.add_vertex(graph.state(vertex));
        entry[reduction.states as usize + vertex.index()] = Some(copy);
    }
    for (state, last) in exits {
        let row = &reduction.rows[state as usize];
        let share = sum(row.values()).inverse();
        for (&to, probability) in row {
            if let Some(to) = entry[to as usize] {
                let probability = probability.times(&share);
                builder.add_constant_edge(last, to, probability.value().to_f64());
                inherited.rate(last, to, probability.slopes());
            }
        }
    }
    for (&to, probability) in &reduction.start {
        if let Some(to) = entry[to as usize] {
            builder.start(to, probability.value().to_f64().min(1.0));
            inherited.start(to, probability.slopes());
        }
    }
    Ok((builder.build()?, inherited))
}

/// The distribution that a graph was made for.
fn made(
    graph: &Graph,
    doubt: f64,
    tolerance: Tolerance,
    origin: Arc<Origin>,
) -> Result<DiscretePhaseType, DistributionError> {
    let steps = EliminationTrace::record(graph).steps_at(&[])?;
    // Each probability was rounded, and so is the sum of its row then.
    let steps = steps.with_doubt(doubt + 4.0 * UNIT).within(tolerance);
    Ok(steps.made_by(origin))
}

impl DiscretePhaseType {
    /// The distribution of a reward that each visit of v adds `reward[v]` to, a whole number: every question has an answer
    /// that has one for steps.
    ///
    /// # Errors
    ///
    /// [`NumericError::RewardLength`](crate::phase::NumericError::RewardLength) and
    /// [`NumericError::InvalidReward`](crate::phase::NumericError::InvalidReward) for the reward, [`DistributionError::Number`] for one
    /// that is not a whole number up to 65536.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.5).add_constant_edge(coin, end, 0.5);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// let twice = tosses.reward(&[0.0, 2.0, 0.0])?;
    /// assert_eq!(twice.pmf(&[1, 2, 3, 4])?, [0.0, 0.5, 0.0, 0.25]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn reward(&self, reward: &[f64]) -> Result<Self, DistributionError> {
        let (graph, _) = self.reward_in::<Extended>(reward)?;
        // What is left is a quotient of sums of products of as many probabilities as were eliminated states, and one more.
        let column = self.reward_column(reward)?;
        let chain = self.chain();
        let states = 0..chain.len();
        let eliminated = states.filter(|&state| column[chain.transient(state)] == 0.0);
        let doubt = self.doubt() * (2 * eliminated.count() + 1) as f64;
        let origin = self.origin_of(Making::Reward(reward.into()));
        made(&graph, doubt, self.tolerance, origin)
    }

    /// The graph of a reward, with derivatives if its numbers have some.
    pub(crate) fn reward_in<N: Weight>(
        &self,
        reward: &[f64],
    ) -> Result<(Graph, Inherited), DistributionError> {
        let column = self.reward_column(reward)?;
        let (chain, trace, by) = (self.chain(), self.trace(), self.by_for::<N>()?);
        let of = |state: usize| column[chain.transient(state)];
        let whole = |value: &f64| value.fract() == 0.0 && *value <= MOST_REWARD;
        if let Some(state) = (0..chain.len()).find(|&state| !whole(&of(state))) {
            return Err(DistributionError::Number {
                what: "reward",
                index: self.vertex(state).index(),
                value: of(state),
                condition: "rewards of steps are whole numbers up to 65536",
            });
        }
        let states = chain.len() as u32;
        let wide = self.wide();
        // Weights where the model has some, and numbers where terms of both signs cancelled to them.
        let (mut rows, start) =
            Reduction::<N>::rows_of(chain, trace, by, states, |from, slot, in_f64| {
                match wide.slots[slot].is_positive() {
                    true => wide.slots[slot],
                    false => Extended::from_f64(in_f64) * wide.shares[from].inverse(),
                }
            });
        let loops = self.loops_of::<N>(&wide.loops, by);
        for (state, row) in rows.iter_mut().enumerate() {
            let stay = &loops[chain.transient(state)];
            if stay.value().is_positive() {
                row.insert(state as u32, stay.clone());
            }
            let share = sum(row.values()).inverse();
            for weight in row.values_mut() {
                *weight = weight.times(&share);
            }
        }
        let mut reduction = Reduction::new(rows, start, true);
        reduction.eliminate_all((0..states).filter(|&state| of(state as usize) == 0.0));
        let kept = (0..states).filter(|&state| of(state as usize) > 0.0);
        let steps = kept.map(|state| {
            let (vertex, reward) = (chain.vertex(state as usize), of(state as usize));
            (state, vertex, reward as usize)
        });
        let kept: Vec<_> = steps.collect();
        build(trace.graph(), &reduction, &kept, by.parameters())
    }

    /// The weights of self-loops, with derivatives if the numbers have some.
    fn loops_of<N: Weight>(&self, values: &Column<Extended>, by: By<'_>) -> IndexVec<Transient, N> {
        let trace = self.trace();
        let layout = trace.symbolic().layout();
        let mut edges = vec![Vec::new(); trace.graph().vertex_count()];
        for edge in trace.graph().self_loops() {
            edges[edge.from.index()].push(edge);
        }
        let vertices = layout.transients().iter();
        let each = vertices.map(|t| {
            let own = std::mem::take(&mut edges[layout.vertex(t).index()]);
            N::of_edges(values[t], own.into_iter(), by)
        });
        each.collect()
    }
}

impl PhaseType {
    /// The number of marks along a path, if marks come at the rate `rates[v]` while the chain is in v: mutations on a
    /// genealogy, for example.
    ///
    /// # Errors
    ///
    /// [`NumericError::RewardLength`](crate::phase::NumericError::RewardLength) and
    /// [`NumericError::InvalidReward`](crate::phase::NumericError::InvalidReward) for the rates.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // An exponential time with marks at the same rate: each next event is a mark with the probability 1/2.
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
    /// let marks = time.marks(&[0.0, 1.0, 0.0])?;
    /// assert_eq!(marks.pmf(&[0, 1, 2])?, [0.5, 0.25, 0.125]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn marks(&self, rates: &[f64]) -> Result<DiscretePhaseType, DistributionError> {
        let (graph, _) = self.marks_in::<Extended>(rates)?;
        let origin = self.origin_of(Making::Reward(rates.into()));
        made(&graph, 0.0, self.tolerance, origin)
    }

    /// The graph of marks, with derivatives if its numbers have some.
    pub(crate) fn marks_in<N: Weight>(
        &self,
        rates: &[f64],
    ) -> Result<(Graph, Inherited), DistributionError> {
        let column = self.reward_column(rates)?;
        let (chain, trace, by) = (self.chain()?, self.trace(), self.by_for::<N>()?);
        let states = chain.len() as u32;
        // Above the states, one for a mark in each.
        let wide = Extended::rates(trace, self.theta());
        let (mut rows, start) =
            Reduction::<N>::rows_of(chain, trace, by, 2 * states, wide_rate(&wide));
        let mut kept = Vec::new();
        for state in 0..states {
            let rate = column[chain.transient(state as usize)];
            let mut back = Row::new();
            if rate > 0.0 {
                let one = N::constant(Extended::from_f64(1.0));
                let mark = N::constant(Extended::from_f64(rate));
                rows[state as usize].insert(states + state, mark);
                back.insert(state, one);
                kept.push((states + state, chain.vertex(state as usize), 1));
            }
            rows.push(back);
        }
        let mut reduction = Reduction::new(rows, start, true);
        reduction.eliminate_all(0..states);
        build(trace.graph(), &reduction, &kept, by.parameters())
    }
}
