//! Gradients in as many digits as they take, for the entries that `f64` cannot be trusted with.
//!
//! # The formula and its bound
//!
//! Solutions x and transposed solutions y are sums and products of nonnegative numbers. With p bits each of their entries is
//! off by a relative error of at most `phi * 2^(-p)` (below), however stiff the model is, and the gradient
//!
//! ```text
//! sum over edges v -> u of c(v, u) * y(v) * (x(v) - x(u))
//! ```
//!
//! is off by at most about `2 phi * 2^(-p)` times the same sum with `|c|` and `x(v) + x(u)`, which is computed beside it.
//! An entry stands where that allows for [`DIGITS`] bits; else p is doubled, up to [`LIMIT`], and beyond that the answer is
//! an error and no number.
//!
//! # phi
//!
//! Let eta bound the error of one operation, and n be the number of transient vertices. Eliminating a vertex from a
//! reduced model of m vertices computes each new rate by at most m + 4 operations on nonnegative numbers, so what is
//! computed is the *exact* elimination step, followed by a change of every rate and right side by a factor in
//! `(1 + eta)^(+-(m + 4))`. The solution of a model of m vertices is a quotient of two polynomials in its rates and right
//! sides with nonnegative coefficients, of degree m (sums over spanning forests), so such a change moves every entry
//! of it by a factor in `(1 + eta)^(+-2 m (m + 4))`. All n steps together make `2 n^2 (n + 4)`; back substitution
//! adds at most n + 2 operations per vertex, `n (n + 2)` on the longest path. That is O'Cinneide's argument (1993,
//! *Entrywise perturbation theory and error analysis for Markov chains*). Each further moment starts from the solution before,
//! which adds the same again, and the rates themselves are rounded. The transposed solution obeys the same bound:
//! its entries are such quotients too. Very pessimistic, and cheap: for 1000 vertices it takes 37 of 256 bits.
//!
//! # Entries that are zero
//!
//! No number of digits tells a zero from something small. So an entry that is not settled by the first number of bits
//! is computed modulo two primes from the very same `f64`s ([`Residue`](crate::phase::numeric::residue)): it is answered 0 if
//! it is zero modulo both. Symmetric models have such entries.

use std::ops::Neg;

use crate::phase::evaluate::quantity::Recipe;
use crate::phase::index::{IndexVec, Slot, Transient};
use crate::phase::numeric::big::Big;
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::Scalar;
use crate::phase::numeric::factor::Factor;
use crate::phase::numeric::rates;
use crate::phase::numeric::residue::{First, Residue, Second};
use crate::phase::numeric::terms::Start;
use crate::phase::trace::EliminationTrace;

/// Correct bits of an answer: more than an `f64` shows.
const DIGITS: i64 = 56;

/// The most bits that are tried.
const LIMIT: i64 = Big::<128>::BITS;

/// A model at one theta, and whose gradients are asked for.
pub(crate) struct Problem<'a> {
    pub trace: &'a EliminationTrace,
    pub theta: &'a [f64],
    /// The vertices with an infinite waiting time.
    pub nonabsorbing: Option<&'a IndexVec<Transient, bool>>,
    pub recipe: &'a Recipe,
}

/// By output and parameter.
struct Sums<S> {
    values: Vec<S>,
    /// The same with all terms positive.
    magnitudes: Vec<S>,
    /// Where a derivative opens a way to a vertex with an infinite time: the sign of the infinity, else 0.
    infinite: Vec<f64>,
}

/// Rates, and the theta that they belong to.
type Residues<S> = (IndexVec<Slot, S>, Vec<S>);

/// The value of an entry, if it is known.
type Settled = Option<f64>;

/// What the formula is evaluated in.
trait Number: Scalar + Neg<Output = Self> {
    fn is_zero(self) -> bool;
}

impl<const L: usize> Number for Big<L> {
    fn is_zero(self) -> bool {
        self.magnitude().is_none()
    }
}

impl<const C: u64> Number for Residue<C> {
    fn is_zero(self) -> bool {
        Self::is_zero(self)
    }
}

/// Which gradients are zero at every theta: those that are zero modulo a prime at random residues for theta.
pub(crate) fn zeros(trace: &EliminationTrace, recipe: &Recipe) -> Vec<bool> {
    let (layout, graph) = (trace.symbolic().layout(), trace.graph());
    let problem = Problem {
        trace,
        theta: &[],
        nonabsorbing: layout.nonabsorbing(),
        recipe,
    };
    // A polynomial that is not zero is zero at few residues.
    let mut state = 0u64;
    let theta: Vec<u64> = (0..trace.param_length())
        .map(|_| {
            // The step and the mixing of SplitMix64 (Steele, Lea and Flood 2014).
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed ^ (mixed >> 27)
        })
        .collect();
    let first: Vec<First> = theta.iter().map(|&value| Residue::new(value)).collect();
    let second: Vec<Second> = theta.iter().map(|&value| Residue::new(value)).collect();
    problem.both_zero(
        (rates::rates_at(layout, graph, &first), first),
        (rates::rates_at(layout, graph, &second), second),
    )
}

impl Problem<'_> {
    /// The gradients by output and parameter.
    pub(crate) fn answer(&self, out: &mut [f64]) -> Result<(), NumericError> {
        let mut entries: Vec<Settled> = vec![None; out.len()];
        self.settle::<4>(&mut entries);
        if entries.contains(&None) {
            let zeros = self.zeros();
            for (entry, _) in entries.iter_mut().zip(zeros).filter(|(_, zero)| *zero) {
                entry.get_or_insert(0.0);
            }
        }
        let longer = [
            Self::settle::<8>,
            Self::settle::<16>,
            Self::settle::<32>,
            Self::settle::<64>,
            Self::settle::<128>,
        ];
        for settle in longer {
            if entries.contains(&None) {
                settle(self, &mut entries);
            }
        }
        let parameters = self.trace.param_length();
        for (at, (out, entry)) in out.iter_mut().zip(entries).enumerate() {
            *out = entry.ok_or(NumericError::GradientDigits {
                output: at / parameters,
                parameter: at % parameters,
                bits: LIMIT as u32,
            })?;
        }
        Ok(())
    }

    /// Settles the entries that a number of bits suffices for.
    fn settle<const L: usize>(&self, entries: &mut [Settled]) {
        let sums = self.sums(self.rates::<Big<L>>(), &self.wide_theta());
        let loss = self.loss();
        for (at, entry) in entries.iter_mut().enumerate() {
            if entry.is_some() {
                continue;
            }
            if sums.infinite[at] != 0.0 {
                *entry = Some(sums.infinite[at]);
                continue;
            }
            let (value, magnitude) = (sums.values[at], sums.magnitudes[at]);
            let Some(magnitude) = magnitude.magnitude() else {
                // No edge that the start reaches has this parameter, or no reward is to be had beyond.
                *entry = Some(0.0);
                continue;
            };
            // Both as exponents of powers of two above the size and the error.
            let size = value.magnitude().unwrap_or(i64::MIN / 2);
            let error = magnitude + loss - Big::<L>::BITS;
            if error + DIGITS < size {
                *entry = Some(value.to_f64());
            } else if size.max(error) < -1080 {
                *entry = Some(0.0);
            }
        }
    }

    /// The logarithm of 2 phi, rounded up.
    fn loss(&self) -> i64 {
        let graph = self.trace.graph();
        let n = self.trace.symbolic().layout().transient_count() as f64;
        let (_, order) = self.outputs();
        let solves = 2.0 * n * n * (n + 4.0) + n * (n + 2.0);
        let terms = (graph.edge_count() * order + graph.param_length()) as f64;
        let phi = (order as f64 + 1.0) * (2.0 * solves) + terms + 16.0;
        let eta = f64::from(Big::<4>::ERROR);
        (2.0 * eta * phi).log2().ceil() as i64 + rates::cancelled_bits(graph, self.theta) + 1
    }

    /// How many outputs there are, and how many transposed solves.
    fn outputs(&self) -> (usize, usize) {
        let outputs = match self.recipe.starts() {
            [] => self.recipe.right.len(),
            starts => starts.len(),
        };
        (outputs, self.recipe.solves())
    }

    /// Which entries are zero at this theta.
    fn zeros(&self) -> Vec<bool> {
        self.both_zero(
            (self.rates(), self.wide_theta()),
            (self.rates(), self.wide_theta()),
        )
    }

    fn wide_theta<S: Scalar>(&self) -> Vec<S> {
        self.theta.iter().map(|&value| S::from_f64(value)).collect()
    }

    fn rates<S: Scalar>(&self) -> IndexVec<Slot, S> {
        let layout = self.trace.symbolic().layout();
        rates::wide_rates(layout, self.trace.graph(), self.theta)
    }

    /// Which entries are zero modulo both primes, from rates and theta.
    fn both_zero(&self, first: Residues<First>, second: Residues<Second>) -> Vec<bool> {
        let first = self.sums(first.0, &first.1).values;
        let second = self.sums(second.0, &second.1).values;
        let both = first.into_iter().zip(second);
        both.map(|(first, second)| first.is_zero() && second.is_zero())
            .collect()
    }

    /// Solutions by column. For moments column j has x_j / j!, so that no factorial leaves the range of anything.
    fn columns<S: Scalar>(&self, factor: &Factor<S>) -> Vec<IndexVec<Transient, S>> {
        let symbolic = self.trace.symbolic();
        let count = symbolic.layout().transient_count();
        let mut previous = IndexVec::filled(S::from_f64(1.0), count);
        let columns = self.recipe.right.iter().map(|right| {
            previous = match &right.reward {
                Some(reward) => {
                    let right = reward.iter().map(|&r| S::from_f64(r)).collect();
                    factor.solve(symbolic, &right)
                }
                None => factor.solve(symbolic, &previous),
            };
            previous.clone()
        });
        columns.collect()
    }

    /// The first transposed solutions: A' y_1 = alpha, A' y_{i+1} = y_i; or each from a start of its own.
    fn transposed<S: Scalar>(&self, factor: &Factor<S>) -> Vec<IndexVec<Transient, S>> {
        let symbolic = self.trace.symbolic();
        let starts = self.recipe.starts();
        if !starts.is_empty() {
            let wide = |start: &Start| start.iter().map(|&w| S::from_f64(w)).collect();
            let solve = |start| factor.solve_transposed(symbolic, &wide(start));
            return starts.iter().map(solve).collect();
        }
        let layout = self.trace.symbolic().layout();
        let mut y = IndexVec::filled(S::ZERO, layout.transient_count());
        for (t, probability) in layout.start(self.trace.graph()) {
            y[t] = y[t] + S::from_f64(probability);
        }
        (0..self.outputs().1)
            .map(|_| {
                y = factor.solve_transposed(self.trace.symbolic(), &y);
                y.clone()
            })
            .collect()
    }

    /// The gradients by the formula above. Output k is `-k! * sum over i + j = k + 1 of y_i' (dA) x_j / j!` for moments.
    fn sums<S: Number>(&self, rates: IndexVec<Slot, S>, theta: &[S]) -> Sums<S> {
        let (layout, graph) = (self.trace.symbolic().layout(), self.trace.graph());
        let parameters = graph.param_length();
        let factor = Factor::new(self.trace.symbolic(), rates, self.nonabsorbing);
        let (x, y) = (self.columns(&factor), self.transposed(&factor));
        let (outputs, _) = self.outputs();
        let mut sums = Sums {
            values: vec![S::ZERO; outputs * parameters],
            magnitudes: vec![S::ZERO; outputs * parameters],
            infinite: vec![0.0; outputs * parameters],
        };
        let own_starts = !self.recipe.starts().is_empty();
        let is_chain = self.recipe.is_chain() && !own_starts;
        // Which transposed solution meets which solution.
        let pairs = |output: usize| -> Vec<(usize, usize)> {
            match (own_starts, is_chain) {
                (true, _) => vec![(output, 0)],
                (_, true) => (0..=output).map(|i| (i, output - i)).collect(),
                (_, false) => vec![(0, output)],
            }
        };
        let pairs: Vec<Vec<(usize, usize)>> = (0..outputs).map(pairs).collect();
        for t in layout.transients().iter() {
            for edge in graph.edges_from(layout.vertex(t)) {
                let target = layout.number(edge.to);
                let marks = self.nonabsorbing.zip(target);
                let opens = marks.is_some_and(|(marks, target)| marks[target]);
                for output in 0..outputs {
                    if opens {
                        // At random residues nobody asks for a sign.
                        let value = |k: usize| self.theta.get(k).copied().unwrap_or(1.0);
                        for (parameter, slope) in edge.slopes(value) {
                            if slope != 0.0 && !y[pairs[output][0].0][t].is_zero() {
                                sums.infinite[output * parameters + parameter] =
                                    f64::INFINITY * slope.signum();
                            }
                        }
                        continue;
                    }
                    let (mut change, mut size) = (S::ZERO, S::ZERO);
                    for &(i, j) in &pairs[output] {
                        let x = &x[j];
                        let there = target.map_or(S::ZERO, |target| x[target]);
                        change = change + y[i][t] * (there + -x[t]);
                        size = size + y[i][t] * (there + x[t]);
                    }
                    let absolute = |k: usize| match self.theta.get(k) {
                        Some(value) => S::from_f64(value.abs()),
                        None => theta[k],
                    };
                    let sizes = edge.sizes(absolute);
                    for ((parameter, slope), (_, most)) in edge.slopes(|k| theta[k]).zip(sizes) {
                        let at = output * parameters + parameter;
                        sums.values[at] = sums.values[at] + slope * change;
                        sums.magnitudes[at] = sums.magnitudes[at] + most * size;
                    }
                }
            }
        }
        if is_chain {
            let mut factorial = S::from_f64(1.0);
            for output in 0..outputs {
                factorial = factorial * S::from_f64(output as f64 + 1.0);
                for at in output * parameters..(output + 1) * parameters {
                    sums.values[at] = factorial * sums.values[at];
                    sums.magnitudes[at] = factorial * sums.magnitudes[at];
                }
            }
        }
        sums
    }
}
