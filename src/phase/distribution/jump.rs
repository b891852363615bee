//! One step of a uniformized chain, for one theta or for several side by side.

use crate::phase::csr::Csr;
use crate::phase::distribution::chain::Chain;
use crate::phase::numeric::lanes::Lanes;

/// Below this, the probability of a state given survival counts as zero: it would only make subnormal numbers.
const NOTHING: f64 = 1e-290;

/// Sums over states are taken in so many parts, so that one addition need not wait for the one before.
const PARTS: usize = 4;

/// One step of the uniformized chain: the jump chain `P = I + Q / L`.
pub(crate) struct Jump<S = f64> {
    /// L.
    pub rate: S,
    /// Inflow by state: from which states.
    sources: Csr<usize, u32>,
    /// Side by side with them, with which probabilities.
    probabilities: Vec<S>,
    /// By state, the probability to leave it.
    pub leave: Vec<S>,
    /// By state, the probability to be absorbed.
    pub absorb: Vec<S>,
    /// The states that may be absorbed.
    exits: Vec<u32>,
}

impl Jump {
    /// The chain in steps at this rate, at least as large as the largest rate out of a state.
    pub(crate) fn new(chain: &Chain, rate: f64) -> Self {
        Self::side_by_side(&[(chain, rate)])
    }
}

fn sum_of_parts<S: Lanes>([a, b, c, d]: [S; PARTS]) -> S {
    a.add(b).add(c.add(d))
}

impl<S: Lanes> Jump<S> {
    /// Chains with the same flows in steps at rates of their own, the last one in the lanes that are left.
    pub(crate) fn side_by_side(chains: &[(&Chain, f64)]) -> Self {
        let (first, _) = chains[0];
        let of_lane = |lane: usize| chains[lane.min(chains.len() - 1)];
        let lanes = |value: &dyn Fn(&Chain, f64) -> f64| {
            let mut all = S::ZERO;
            for lane in 0..S::COUNT {
                let (chain, rate) = of_lane(lane);
                all.set_lane(lane, value(chain, rate));
            }
            all
        };
        let flows = (0..first.len()).flat_map(|from| {
            let flows = first.inner(from).iter().enumerate();
            flows.map(move |(place, flow)| (flow.to as usize, (from as u32, place)))
        });
        let inflow: Csr<usize, (u32, usize)> = Csr::from_pairs(first.len(), flows);
        let mut sources = Csr::with_capacity(first.len(), inflow.len());
        inflow
            .iter()
            .for_each(|row| sources.push_row(row.iter().map(|&(from, _)| from)));
        let probabilities = inflow.values().iter().map(|&(from, place)| {
            lanes(&|chain, rate| chain.inner(from as usize)[place].rate / rate)
        });
        let states = 0..first.len();
        let exits = states
            .clone()
            .filter(|&state| !first.outer(state).is_empty());
        Self {
            rate: lanes(&|_, rate| rate),
            probabilities: probabilities.collect(),
            leave: states
                .clone()
                .map(|state| lanes(&|chain, rate| chain.outflow()[state] / rate))
                .collect(),
            absorb: states
                .map(|state| lanes(&|chain, rate| chain.exits()[state] / rate))
                .collect(),
            exits: exits.map(|state| state as u32).collect(),
            sources,
        }
    }

    /// v P, and its sum.
    #[inline(always)]
    pub(crate) fn forward(&self, v: &[S], next: &mut [S]) -> S {
        let mut sums = [S::ZERO; PARTS];
        let (ends, sources) = (self.sources.ends(), self.sources.values());
        for (to, next) in next.iter_mut().enumerate() {
            // The difference is not 1 - leave, whose rounding would be the same in each step.
            let mut value = v[to].sub(v[to].mul(self.leave[to]));
            let row = ends[to]..ends[to + 1];
            for (&from, &probability) in sources[row.clone()].iter().zip(&self.probabilities[row]) {
                value = value.plus(v[from as usize], probability);
            }
            let value = S::choose_less(value, S::splat(NOTHING), S::ZERO, value);
            *next = value;
            let sum = &mut sums[to % PARTS];
            *sum = sum.add(value);
        }
        sum_of_parts(sums)
    }

    /// The probability to be absorbed in the next step.
    #[inline(always)]
    pub(crate) fn hazard(&self, v: &[S]) -> S {
        let mut sums = [S::ZERO; PARTS];
        for (place, &state) in self.exits.iter().enumerate() {
            let state = state as usize;
            let sum = &mut sums[place % PARTS];
            *sum = sum.plus(v[state], self.absorb[state]);
        }
        sum_of_parts(sums)
    }
}

impl Jump {
    /// v P for a row of any signs.
    pub(crate) fn forward_signed(&self, v: &[f64], next: &mut [f64]) {
        for (to, next) in next.iter_mut().enumerate() {
            let mut value = v[to] - v[to] * self.leave[to];
            let row = self.sources.row(to).iter();
            for (&from, probability) in row.zip(&self.probabilities[self.sources.range(to)]) {
                value += v[from as usize] * probability;
            }
            *next = value;
        }
    }
}
