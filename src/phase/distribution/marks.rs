//! Discrete distributions made from others: whole rewards of steps, and numbers of marks along a path.

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::reward::{Reduction, Row, sum, wide_rate};
use crate::phase::distribution::system::Number;
use crate::phase::distribution::tolerance::UNIT;
use crate::phase::graph::{Graph, VertexId};
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::trace::EliminationTrace;

/// Rewards above this are refused: each unit takes a vertex.
const MOST_REWARD: f64 = 65_536.0;

/// The discrete model in which each kept state takes so many steps and then goes where its row says, with probabilities that are
/// known up to a relative error.
fn build(
    graph: &Graph,
    reduction: &Reduction,
    kept: &[(u32, VertexId, usize)],
    doubt: f64,
) -> Result<DiscretePhaseType, DistributionError> {
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
        for (&to, &probability) in row {
            if let Some(to) = entry[to as usize] {
                builder.add_constant_edge(last, to, (probability * share).to_f64());
            }
        }
    }
    for (&to, &probability) in &reduction.start {
        if let Some(to) = entry[to as usize] {
            builder.start(to, probability.to_f64().min(1.0));
        }
    }
    let steps = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    // Each probability was rounded, and so is the sum of its row then.
    Ok(steps.with_doubt(doubt + 4.0 * UNIT))
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
        let column = self.reward_column(reward)?;
        let chain = self.chain();
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
        let (mut rows, start) = Reduction::rows_of(chain, states, |from, slot, in_f64| {
            wide.probability(from, slot, in_f64)
        });
        for (state, row) in rows.iter_mut().enumerate() {
            let stay = wide.stay(chain.transient(state));
            if stay.is_positive() {
                row.insert(state as u32, stay);
            }
        }
        let mut reduction = Reduction::new(rows, start, true);
        reduction.eliminate_all((0..states).filter(|&state| of(state as usize) == 0.0));
        let kept = (0..states).filter(|&state| of(state as usize) > 0.0);
        let kept: Vec<_> = kept
            .map(|state| {
                (
                    state,
                    chain.vertex(state as usize),
                    of(state as usize) as usize,
                )
            })
            .collect();
        // What is left is a quotient of sums of products of as many probabilities as were eliminated states, and one more.
        let eliminated = chain.len() - kept.len();
        let doubt = self.doubt() * (2 * eliminated + 1) as f64;
        let reward = build(self.trace().graph(), &reduction, &kept, doubt)?;
        Ok(reward.within(self.tolerance))
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
        let column = self.reward_column(rates)?;
        let chain = self.chain()?;
        let states = chain.len() as u32;
        // Above the states, one for a mark in each.
        let wide = Extended::rates(self.trace(), self.theta());
        let (mut rows, start) = Reduction::rows_of(chain, 2 * states, wide_rate(&wide));
        let mut kept = Vec::new();
        for state in 0..states {
            let rate = column[chain.transient(state as usize)];
            let mut back = Row::new();
            if rate > 0.0 {
                let one = Extended::from_f64(1.0);
                rows[state as usize].insert(states + state, Extended::from_f64(rate));
                back.insert(state, one);
                kept.push((states + state, chain.vertex(state as usize), 1));
            }
            rows.push(back);
        }
        let mut reduction = Reduction::new(rows, start, true);
        reduction.eliminate_all(0..states);
        let marks = build(self.trace().graph(), &reduction, &kept, 0.0)?;
        Ok(marks.within(self.tolerance))
    }
}
