//! Steps of a discrete chain one after the other, or many at once by powers of its matrix.
//!
//! Numbers of steps are exact questions, so the answers have bounds that hold for certain. Everything is sums and products of nonnegative
//! numbers, so each of them multiplies what it computes by at most one plus its rounding, whatever the chain: after k steps no
//! entry is off by more than k times what one step does to it. With 106 bits that is far below the last digit of
//! `f64`, even for 10^15 steps. The self-loops of vertices are numbers like the others, not what the rest lacks of 1; survival is what is left in the
//! states and the distribution function what was absorbed, so neither is got by a subtraction.
//!
//! Powers are squared one after the other, and a number of steps takes those of its bits: k multiplications by rows become
//! log2(k) of whole matrices.

use rayon::prelude::*;

use crate::phase::csr::Csr;
use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::system::Column;
use crate::phase::graph::VertexId;
use crate::phase::index::{IndexVec, Slot, Transient};
use crate::phase::numeric::extended::{Extended, Scalar, power_of_two};

/// A bound on the relative error of one operation with 106 bits.
const WIDE: f64 = power_of_two(-100);

/// More steps than this are not taken one after the other.
const MOST_STEPS: u64 = 1 << 30;

/// More states than this have no powers: their products would take hours.
const MOST_STATES: usize = 1024;

/// More states than this keep no powers to search among: all of them would not fit.
const MOST_KEPT: usize = 512;

/// A product of matrices that is half zeros is cheaper than its size says, a row takes less overhead.
const DENSE: f64 = 2.0;

/// Steps that are taken whatever the powers would cost.
const FEW: u64 = 4096;

/// A row of numbers with 106 bits.
pub(crate) type Wide = Vec<Extended>;

fn sum(numbers: impl IntoIterator<Item = Extended>) -> Extended {
    numbers.into_iter().fold(Extended::ZERO, |sum, x| sum + x)
}

/// What is known after a number of steps, of at least one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    /// The mass that the last step absorbed.
    pub flow: Extended,
    /// The mass that all steps absorbed.
    pub absorbed: Extended,
    /// The mass that no step has absorbed.
    pub left: Extended,
}

/// What a quantile waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// That this much is absorbed, of what did not start absorbed.
    Absorbed(f64),
    /// That no more than this is left.
    Left(f64),
}

impl Goal {
    fn is_reached(self, absorbed: Extended, left: impl FnOnce() -> Extended) -> bool {
        // Both are rounded: a probability that `f64` cannot tell from the goal has reached it.
        match self {
            Self::Absorbed(goal) => absorbed.to_f64() >= goal,
            Self::Left(goal) => left().to_f64() <= goal,
        }
    }
}

/// Too many steps, with too many states for powers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooMany {
    pub steps: u64,
}

/// A discrete chain in wide numbers.
pub(crate) struct Powers {
    start: Wide,
    /// Inflow by state, its own self-loop included.
    inflow: Csr<usize, (u32, Extended)>,
    /// By state, where a step is absorbed.
    outer: Csr<usize, (VertexId, Extended)>,
    /// By state, the probability to be absorbed.
    absorb: Wide,
    /// A bound on the relative error that one step adds.
    per_step: f64,
    /// The same of what the probabilities come from.
    doubt: f64,
}

/// A chain after some steps.
pub(crate) struct March<'a> {
    powers: &'a Powers,
    pub state: Wide,
    pub count: u64,
    absorbed: Extended,
}

/// So many steps at once.
struct Level {
    /// Row by row.
    inner: Wide,
    /// By state, what they absorb.
    absorb: Wide,
}

impl Level {
    /// A row after the steps, and what they absorb of it.
    fn carry(&self, row: &[Extended]) -> (Wide, Extended) {
        let mut out = vec![Extended::ZERO; row.len()];
        let mut absorbed = Extended::ZERO;
        for ((&weight, to), &absorb) in row
            .iter()
            .zip(self.inner.chunks_exact(row.len()))
            .zip(&self.absorb)
        {
            if !weight.is_positive() {
                continue;
            }
            absorbed = absorbed + weight * absorb;
            for (out, &to) in out.iter_mut().zip(to) {
                if to.is_positive() {
                    *out = *out + weight * to;
                }
            }
        }
        (out, absorbed)
    }

    /// Twice as many steps.
    fn square(&self) -> Self {
        let states = self.absorb.len();
        let rows: Vec<(Wide, Extended)> = self
            .inner
            .par_chunks_exact(states)
            .map(|row| self.carry(row))
            .collect();
        let absorb = self.absorb.iter().zip(&rows);
        Self {
            absorb: absorb.map(|(&first, (_, then))| first + *then).collect(),
            inner: rows.into_iter().flat_map(|(row, _)| row).collect(),
        }
    }
}

/// What the probabilities of steps are made of: weights, to be divided by those of their rows.
pub(crate) struct WideWeights {
    pub slots: IndexVec<Slot, Extended>,
    /// By transient vertex, the weight of its self-loop.
    pub loops: Column<Extended>,
    /// By transient vertex, one over the weight of all its edges.
    pub shares: Column<Extended>,
}

impl WideWeights {
    /// The probability of a slot, whose probability in `f64` is this.
    pub(crate) fn probability(&self, from: Transient, slot: Slot, in_f64: f64) -> Extended {
        // Terms of both signs may cancel differently in more digits; the probability is what `f64` says then.
        match self.slots[slot].is_positive() {
            true => self.slots[slot] * self.shares[from],
            false => Extended::from_f64(in_f64),
        }
    }

    /// The probability of a self-loop.
    pub(crate) fn stay(&self, at: Transient) -> Extended {
        self.loops[at] * self.shares[at]
    }
}

impl Powers {
    /// The steps of a chain.
    pub(crate) fn new(chain: &Chain, weights: &WideWeights, doubt: f64) -> Self {
        let states = chain.len();
        let of = |state: usize, slot: Slot, rate: f64| {
            weights.probability(chain.transient(state), slot, rate)
        };
        let mut pairs = Vec::new();
        let mut outer = Csr::default();
        let mut widest = 1;
        for state in 0..states {
            let stay = weights.stay(chain.transient(state));
            if stay.is_positive() {
                pairs.push((state, (state as u32, stay)));
            }
            for flow in chain.inner(state) {
                let probability = of(state, flow.slot, flow.rate);
                pairs.push((flow.to as usize, (state as u32, probability)));
            }
            let row = chain.outer(state).iter();
            outer.push_row(row.map(|flow| (flow.to, of(state, flow.slot, flow.rate))));
            widest = widest.max(chain.inner(state).len() + chain.outer(state).len() + 1);
        }
        let absorb = outer.iter().map(|row| sum(row.iter().map(|&(_, p)| p)));
        let absorb = absorb.collect();
        let inflow: Csr<usize, (u32, Extended)> = Csr::from_pairs(states, pairs.into_iter());
        let most = inflow.iter().map(<[_]>::len).max().unwrap_or(0);
        Self {
            start: chain
                .start()
                .iter()
                .map(|&p| Extended::from_f64(p))
                .collect(),
            inflow,
            outer,
            absorb,
            // A probability is a sum of terms over a sum of those of its row, and a step a sum of products.
            per_step: (2 * widest + most + 8) as f64 * WIDE,
            doubt,
        }
    }

    fn states(&self) -> usize {
        self.start.len()
    }

    /// A bound on the relative error after so many steps, of sums over states, and that of it which comes from the probabilities.
    pub(crate) fn relative(&self, steps: u64) -> (f64, f64) {
        // The roundings of both methods: a product of matrices has as many terms as states.
        let states = (self.states() + 2) as f64;
        let steps = steps as f64 + 1.0;
        let grown = |x: f64| if x < 0.5 { 1.5 * x } else { f64::INFINITY };
        (
            grown(steps * (self.per_step + states * WIDE)),
            // (1 + x)^k - 1 and 1 - (1 - x)^k are less than this while k x is below one half.
            grown(steps * self.doubt),
        )
    }

    /// The cost of steps, and of powers that do the same, in multiplications.
    fn costs(&self, steps: u64) -> (f64, f64) {
        let states = self.states() as f64;
        let levels = (64 - steps.leading_zeros()) as f64;
        (
            steps as f64 * (self.inflow.len() as f64 + 3.0 * states),
            states.powi(3) * levels / DENSE + states.powi(2),
        )
    }

    /// Whether powers are what a number of steps takes.
    fn needs_powers(&self, steps: u64) -> Result<bool, TooMany> {
        let (by_steps, by_powers) = self.costs(steps);
        let has_powers = self.states() <= MOST_STATES;
        match steps <= MOST_STEPS {
            true => Ok(has_powers && steps > FEW && by_powers < by_steps),
            false if has_powers => Ok(true),
            false => Err(TooMany { steps }),
        }
    }

    /// A row of any signs after one step.
    pub(crate) fn forward(&self, row: &[Extended]) -> Wide {
        let rows = self.inflow.iter();
        rows.map(|inflow| sum(inflow.iter().map(|&(from, p)| row[from as usize] * p)))
            .collect()
    }

    /// What a step absorbs of a row of any signs, by vertex.
    pub(crate) fn absorbing<'a>(
        &'a self,
        row: &'a [Extended],
    ) -> impl Iterator<Item = (VertexId, Extended)> + 'a {
        let rows = row.iter().zip(self.outer.iter());
        rows.flat_map(|(&p, row)| row.iter().map(move |&(vertex, q)| (vertex, p * q)))
    }

    /// What a step absorbs of a row of any signs.
    pub(crate) fn absorption(&self, row: &[Extended]) -> Extended {
        let pairs = row.iter().zip(&self.absorb);
        sum(pairs.map(|(&p, &absorb)| p * absorb))
    }

    pub(crate) fn march(&self) -> March<'_> {
        March {
            powers: self,
            state: self.start.clone(),
            count: 0,
            absorbed: Extended::ZERO,
        }
    }

    fn one_step(&self) -> Level {
        let states = self.states();
        let mut inner = vec![Extended::ZERO; states * states];
        for (to, row) in self.inflow.iter().enumerate() {
            for &(from, probability) in row {
                inner[from as usize * states + to] = probability;
            }
        }
        Level {
            inner,
            absorb: self.absorb.clone(),
        }
    }

    /// What is known after these numbers of steps, in any order.
    pub(crate) fn at(&self, counts: &[u64]) -> Result<Vec<Count>, TooMany> {
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|&place| counts[place]);
        let latest = counts.iter().copied().max().unwrap_or(0);
        let mut march = self.march();
        let mut found = vec![None; counts.len()];
        if !self.needs_powers(latest)? {
            let mut last = None;
            for place in order {
                while march.count < counts[place] {
                    last = Some(march.step());
                }
                found[place] = last;
            }
        } else {
            // All but the last step, by the bits of their number; the last one says what it absorbs.
            let mut rows: Vec<(u64, March<'_>)> = counts
                .iter()
                .map(|&count| (count.saturating_sub(1), self.march()))
                .collect();
            let mut level = self.one_step();
            let mut bit = 1_u64;
            while bit < latest {
                rows.par_iter_mut()
                    .filter(|(before, _)| before & bit != 0)
                    .for_each(|(_, march)| march.carry(&level, bit));
                // The largest number of steps has no bit above this one.
                if latest - 1 < 2 * bit {
                    break;
                }
                level = level.square();
                bit *= 2;
            }
            for ((found, (_, march)), &count) in found.iter_mut().zip(&mut rows).zip(counts) {
                *found = (count > 0).then(|| march.step());
            }
        }
        Ok(found
            .into_iter()
            .map(|count| {
                count.unwrap_or(Count {
                    flow: Extended::ZERO,
                    absorbed: Extended::ZERO,
                    left: sum(self.start.iter().copied()),
                })
            })
            .collect())
    }

    /// The smallest numbers of steps, of at least one, after which goals are reached.
    pub(crate) fn reach(&self, goals: &[Goal]) -> Result<Vec<u64>, TooMany> {
        let mut found = vec![0; goals.len()];
        let mut open: Vec<usize> = (0..goals.len()).collect();
        let mut march = self.march();
        let can_search = self.states() <= MOST_KEPT;
        while !open.is_empty() {
            let (by_steps, by_powers) = self.costs(march.count + 1);
            if march.count >= FEW && can_search && by_powers < by_steps {
                break;
            }
            if march.count >= MOST_STEPS {
                return Err(TooMany {
                    steps: march.count + 1,
                });
            }
            let count = march.step();
            open.retain(|&place| {
                let is_open = !goals[place].is_reached(count.absorbed, || count.left);
                if !is_open {
                    found[place] = march.count;
                }
                is_open
            });
        }
        let mut levels = vec![self.one_step()];
        for place in open {
            found[place] = self.search(goals[place], &march, &mut levels)?;
        }
        Ok(found)
    }

    /// The number of steps after which a goal is reached, which it is not after those of `from`.
    fn search(
        &self,
        goal: Goal,
        from: &March<'_>,
        levels: &mut Vec<Level>,
    ) -> Result<u64, TooMany> {
        let is_beyond = |level: &Level, march: &March<'_>| {
            let (row, absorbed) = level.carry(&march.state);
            let left = || sum(row.iter().copied());
            goal.is_reached(march.absorbed + absorbed, left)
        };
        let mut top = 0;
        while !is_beyond(&levels[top], from) {
            top += 1;
            if top >= 62 {
                return Err(TooMany { steps: u64::MAX });
            }
            if top == levels.len() {
                levels.push(levels[top - 1].square());
            }
        }
        let mut march = self.march();
        march.state.clone_from(&from.state);
        (march.count, march.absorbed) = (from.count, from.absorbed);
        for (bit, level) in levels[..top].iter().enumerate().rev() {
            if !is_beyond(level, &march) {
                march.carry(level, 1 << bit);
            }
        }
        Ok(march.count + 1)
    }
}

impl March<'_> {
    /// Takes one more step.
    pub(crate) fn step(&mut self) -> Count {
        let flow = self.powers.absorption(&self.state);
        self.state = self.powers.forward(&self.state);
        self.absorbed = self.absorbed + flow;
        self.count += 1;
        Count {
            flow,
            absorbed: self.absorbed,
            left: sum(self.state.iter().copied()),
        }
    }

    fn carry(&mut self, level: &Level, steps: u64) {
        let (state, absorbed) = level.carry(&self.state);
        self.state = state;
        self.absorbed = self.absorbed + absorbed;
        self.count += steps;
    }

    /// What the next step absorbs, by vertex.
    pub(crate) fn absorbing(&self) -> impl Iterator<Item = (VertexId, Extended)> + '_ {
        self.powers.absorbing(&self.state)
    }
}
