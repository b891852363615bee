//! Solves for one theta with 106 bits and an unbounded exponent, where `f64` does not suffice.
//!
//! Everything here is a sum of products of nonnegative numbers, so 106 bits always answer. Gradients are differences:
//! they take as many digits as certify them ([`crate::phase::evaluate::certified`]).

use std::sync::Arc;

use crate::phase::graph::Graph;
use crate::phase::index::{IndexVec, Transient};
use crate::phase::numeric::extended::{Extended, Scalar};
use crate::phase::numeric::factor::Factor;
use crate::phase::numeric::rates::wide_rates;
use crate::phase::symbolic::factor::SymbolicFactor;

/// The wide factors at a theta that was accepted.
pub(crate) struct Precise {
    symbolic: Arc<SymbolicFactor>,
    graph: Graph,
    factor: Factor<Extended>,
}

impl Precise {
    /// Eliminates at a theta; the start reaches no vertex that is marked to have an infinite waiting time.
    pub(crate) fn new(
        symbolic: Arc<SymbolicFactor>,
        graph: &Graph,
        theta: &[f64],
        nonabsorbing: Option<&IndexVec<Transient, bool>>,
    ) -> Self {
        let rates = wide_rates(symbolic.layout(), graph, theta);
        Self {
            factor: Factor::new(&symbolic, rates, nonabsorbing),
            symbolic,
            graph: graph.clone(),
        }
    }

    fn start_product(&self, values: &IndexVec<Transient, Extended>) -> Extended {
        let start = self.symbolic.layout().start(&self.graph);
        start.fold(Extended::ZERO, |sum, (t, probability)| {
            sum + Extended::from_f64(probability) * values[t]
        })
    }

    /// Expected waiting times.
    pub(crate) fn waiting_times(&self) -> IndexVec<Transient, Extended> {
        let count = self.symbolic.layout().transient_count();
        let ones = IndexVec::filled(Extended::from_f64(1.0), count);
        self.factor.solve(&self.symbolic, &ones)
    }

    fn moments(&self, order: usize) -> Vec<Extended> {
        let count = self.symbolic.layout().transient_count();
        let mut values = IndexVec::filled(Extended::from_f64(1.0), count);
        let moments = (1..=order).map(|k| {
            let k = Extended::from_f64(k as f64);
            let right = values.iter().map(|&value| value * k).collect();
            values = self.factor.solve(&self.symbolic, &right);
            self.start_product(&values)
        });
        moments.collect()
    }

    /// The moments of orders from one to another.
    pub(crate) fn moments_from(
        &self,
        first: usize,
        last: usize,
    ) -> impl Iterator<Item = f64> + use<> {
        let moments = self.moments(last).into_iter().skip(first - 1);
        moments.map(Extended::to_f64)
    }

    /// The product of the start distribution with waiting times.
    pub(crate) fn expectation(&self, waiting: &IndexVec<Transient, Extended>) -> f64 {
        self.start_product(waiting).to_f64()
    }

    pub(crate) fn variance(&self) -> f64 {
        let moments = self.moments(2);
        (moments[1] + -(moments[0] * moments[0])).to_f64()
    }

    /// The expectation of a reward.
    pub(crate) fn reward(&self, reward: &IndexVec<Transient, f64>) -> f64 {
        let right = reward.iter().map(|&r| Extended::from_f64(r)).collect();
        let values = self.factor.solve(&self.symbolic, &right);
        self.start_product(&values).to_f64()
    }

    /// The expected time in each vertex of the graph: A' y = alpha.
    pub(crate) fn sojourn_times(&self, out: &mut [f64]) {
        let layout = self.symbolic.layout();
        let mut y = IndexVec::filled(Extended::ZERO, layout.transient_count());
        for (t, probability) in layout.start(&self.graph) {
            y[t] = y[t] + Extended::from_f64(probability);
        }
        y = self.factor.solve_transposed(&self.symbolic, &y);
        for (t, &value) in y.iter_enumerated() {
            out[layout.vertex(t).index()] = value.to_f64();
        }
    }
}
