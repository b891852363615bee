//! Where a discrete chain is after numbers of steps, how often it has been in each vertex, and where it was absorbed.

use ndarray::{Array2, aview1};

use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::powers::TooMany;
use crate::phase::distribution::states;
use crate::phase::graph::VertexId;
use crate::phase::numeric::extended::{Extended, Scalar};

/// More steps than this are not taken one after the other.
const MOST_STEPS: u64 = 1 << 30;

/// What is known by vertex after a number of steps.
struct Place<'a> {
    /// By state, the probability to be there.
    state: &'a [Extended],
    /// By vertex, the probability to have been absorbed there.
    absorbed: &'a [Extended],
    /// By state, the expected number of steps out of it so far.
    visits: &'a [Extended],
}

impl DiscretePhaseType {
    /// The probability to be in each vertex after ascending numbers of steps: a row per number, a column per vertex. Absorbing
    /// vertices have what was absorbed in them by then.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Unsorted`] for numbers that do not ascend, [`DistributionError::TooStiff`] for more than 2^30 steps.
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
    /// assert_eq!(tosses.state_probabilities(&[0, 3])?, ndarray::array![[0.0, 1.0, 0.0], [0.0, 0.125, 0.875]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn state_probabilities(&self, counts: &[u64]) -> Result<Array2<f64>, DistributionError> {
        self.walk(counts, |place, row| {
            self.put_absorbed(place, row);
            self.put_states(place.state, row);
        })
    }

    /// The expected number of steps out of each vertex within ascending numbers of steps: `[counts, vertices]`; start and absorbing
    /// vertices have 0.
    ///
    /// # Errors
    ///
    /// As for [`state_probabilities`](Self::state_probabilities).
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
    /// let found = tosses.occupancy(&[0, 1, 3])?;
    /// assert_eq!(found.column(coin.index()).to_vec(), [0.0, 1.0, 1.75]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn occupancy(&self, counts: &[u64]) -> Result<Array2<f64>, DistributionError> {
        self.walk(counts, |place, row| self.put_states(place.visits, row))
    }

    /// The probability to have been absorbed in each vertex within ascending numbers of steps: `[counts, vertices]`.
    ///
    /// # Errors
    ///
    /// As for [`state_probabilities`](Self::state_probabilities).
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
    /// assert_eq!(tosses.cdf_by_vertex(&[2])?.row(0).to_vec(), [0.0, 0.0, 0.75]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn cdf_by_vertex(&self, counts: &[u64]) -> Result<Array2<f64>, DistributionError> {
        self.walk(counts, |place, row| self.put_absorbed(place, row))
    }

    /// The probability to reach one of some vertices from every vertex; see
    /// [`PhaseType::reach_probabilities`](crate::phase::PhaseType::reach_probabilities).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let [coin, heads, tails] = [0; 3].map(|_| builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, heads, 0.75).add_constant_edge(coin, tails, 0.25);
    /// let toss = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// assert_eq!(toss.reach_probabilities(&[heads])?, [0.75, 0.75, 1.0, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reach_probabilities(&self, targets: &[VertexId]) -> Result<Vec<f64>, DistributionError> {
        // Where steps lead does not depend on how many of them stay.
        states::reach_probabilities(self.trace(), self.theta(), targets)
    }

    fn put_states(&self, of_state: &[Extended], row: &mut [f64]) {
        for (state, p) in of_state.iter().enumerate() {
            row[self.vertex(state).index()] += p.to_f64();
        }
    }

    fn put_absorbed(&self, place: &Place<'_>, row: &mut [f64]) {
        for (row, p) in row.iter_mut().zip(place.absorbed) {
            *row += p.to_f64();
        }
    }

    /// A row for each of ascending numbers of steps, written by what is known then.
    fn walk(
        &self,
        counts: &[u64],
        write: impl Fn(&Place<'_>, &mut [f64]),
    ) -> Result<Array2<f64>, DistributionError> {
        let vertices = self.trace().graph().vertex_count();
        let mut out = Array2::zeros((counts.len(), vertices));
        let mut absorbed = vec![Extended::ZERO; vertices];
        for &(vertex, probability) in self.chain().absorbed_at_once() {
            let sum = &mut absorbed[vertex.index()];
            *sum = *sum + Extended::from_f64(probability);
        }
        if let Some(place) = counts.windows(2).position(|pair| pair[1] < pair[0]) {
            return Err(DistributionError::Unsorted {
                index: place + 1,
                before: counts[place] as f64,
                value: counts[place + 1] as f64,
            });
        }
        let steps = counts.last().copied().unwrap_or(0);
        if steps > MOST_STEPS {
            return Err(self.too_many(TooMany { steps }));
        }
        let mut march = self.powers().march();
        let mut visits = vec![Extended::ZERO; self.phases()];
        let mut written = vec![0.0; vertices];
        for (&count, mut row) in counts.iter().zip(out.outer_iter_mut()) {
            while march.count < count {
                for (vertex, p) in march.absorbing() {
                    let sum = &mut absorbed[vertex.index()];
                    *sum = *sum + p;
                }
                for (sum, &p) in visits.iter_mut().zip(&march.state) {
                    *sum = *sum + p;
                }
                march.step();
            }
            written.fill(0.0);
            let place = Place {
                state: &march.state,
                absorbed: &absorbed,
                visits: &visits,
            };
            write(&place, &mut written);
            row.assign(&aview1(&written));
        }
        Ok(out)
    }
}
