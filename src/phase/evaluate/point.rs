//! One theta that was accepted, with its factors: answers in `f64` as far as its range goes, and with more digits beyond.
//!
//! # Range
//!
//! Solutions are computed in `f64`. If any number in one is so large or small that a product could overflow or underflow
//! ([`crate::phase::numeric::extended`]), it is computed again with an unbounded exponent: then a result is infinite only if
//! the quantity itself exceeds the range of `f64`.
//!
//! Vertices with an infinite waiting time at this theta are allowed where the start does not reach them. They are found
//! by search, not by a pivot of zero, and left out.

use std::sync::{Arc, OnceLock};

use ndarray::{ArrayView1, Axis};

use crate::phase::evaluate::certified::Problem;
use crate::phase::evaluate::quantity::{Output, Recipe, variance_is_doubtful};
use crate::phase::graph::VertexId;
use crate::phase::index::{Index, IndexVec, Rank, Slot, Transient};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::extended::{Range, exponent, power_of_two, scale};
use crate::phase::numeric::flows::RightHandSide;
use crate::phase::numeric::kernel::{Kernel, System};
use crate::phase::numeric::lanes::{Pass, on_widest};
use crate::phase::numeric::precise::Precise;
use crate::phase::numeric::ranks::Ranks;
use crate::phase::numeric::rates;
use crate::phase::numeric::terms::Start;
use crate::phase::trace::EliminationTrace;

/// A theta that was accepted, with its factors and waiting times.
pub(crate) struct Point {
    trace: EliminationTrace,
    theta: Box<[f64]>,
    /// The vertices with an infinite waiting time, if there are any.
    nonabsorbing: Option<IndexVec<Transient, bool>>,
    /// All factors, and the waiting times: 0 where infinite, and as far as the range of `f64` suffices.
    kernel: Kernel<f64>,
    /// Whether the range of `f64` suffices for the factors and the waiting times.
    is_in_range: bool,
    precise: OnceLock<Precise>,
    /// Where it does not: expected waiting times, 0 where infinite.
    waiting: IndexVec<Transient, f64>,
    expectation: f64,
}

/// A vector in `f64` with a common power of two, by rank.
struct Scaled {
    values: Vec<f64>,
    exponent: i64,
}

impl Scaled {
    /// Makes the largest value one of [1, 2). Powers of two are exact, so the common exponent costs nothing and keeps
    /// high moments in range.
    fn normalized(&self) -> Self {
        let largest = Range::EMPTY.include(&self.values).largest();
        let shift = if largest > 0.0 { exponent(largest) } else { 0 };
        let factor = power_of_two(-shift);
        Self {
            values: self.values.iter().map(|value| value * factor).collect(),
            exponent: self.exponent + shift,
        }
    }
}

impl Drop for Point {
    fn drop(&mut self) {
        let kernel = std::mem::replace(&mut self.kernel, Kernel::empty());
        self.trace.keep_workspace(kernel);
    }
}

/// The factors at one theta, and the waiting times.
fn run(ranks: &Ranks, kernel: &mut Kernel<f64>, nonabsorbing: Option<&IndexVec<Rank, bool>>) {
    let system = System {
        ranks,
        right: &[RightHandSide::ONES],
        nonabsorbing,
    };
    on_widest(Solve { kernel, system });
}

struct Solve<'a> {
    kernel: &'a mut Kernel<f64>,
    system: System<'a>,
}

impl Pass for Solve<'_> {
    #[inline(always)]
    fn run(self) {
        self.kernel.run(&self.system);
    }
}

/// Marks the vertices with an infinite waiting time at these rates.
pub(crate) fn nonabsorbing(
    trace: &EliminationTrace,
    rates: &IndexVec<Slot, f64>,
) -> Result<Option<IndexVec<Transient, bool>>, NumericError> {
    let (layout, graph) = (trace.symbolic().layout(), trace.graph());
    if !rates.as_slice().contains(&0.0) {
        return Ok(layout.nonabsorbing().cloned());
    }
    layout
        .nonabsorbing_for(graph, &layout.pairs(|slot| rates[slot] > 0.0))
        .map_err(|vertex| NumericError::NoAbsorptionAtTheta {
            vertex,
            state: graph.state(vertex).to_vec(),
        })
}

impl Point {
    /// Checks a theta and eliminates at it.
    pub(crate) fn new(trace: &EliminationTrace, theta: &[f64]) -> Result<Self, NumericError> {
        if trace.graph().is_discrete() {
            return Err(NumericError::Discrete);
        }
        rates::check_theta(theta, trace.param_length())?;
        let layout = trace.symbolic().layout();
        let ranks = trace.ranks();
        let mut kernel = trace.workspace();
        kernel.load(ranks, ArrayView1::from(theta).insert_axis(Axis(0)));
        let (nonabsorbing, is_in_range) = if kernel.rates_are_safe(0) {
            run(ranks, &mut kernel, ranks.nonabsorbing());
            let is_in_range = kernel.is_safe(0) && kernel.is_in_range(0, 0);
            (layout.nonabsorbing().cloned(), is_in_range)
        } else {
            let rates = rates::rates(layout, trace.graph(), theta)?;
            let marks = nonabsorbing(trace, &rates)?;
            let by_rank = marks.as_ref().map(|marks| ranks.by_rank(marks));
            run(ranks, &mut kernel, by_rank.as_ref());
            let range = kernel.factor_range().include(rates.as_slice());
            let solutions = Range::EMPTY.include(kernel.solutions());
            (marks, range.is_safe() && solutions.is_safe())
        };
        let mut point = Self {
            trace: trace.clone(),
            theta: theta.into(),
            nonabsorbing,
            kernel,
            is_in_range,
            precise: OnceLock::new(),
            waiting: IndexVec::new(),
            expectation: 0.0,
        };
        if is_in_range {
            point.expectation = point.start_product(point.kernel.solutions());
        } else {
            let waiting = point.precise().waiting_times();
            point.expectation = point.precise().expectation(&waiting);
            point.waiting = waiting.iter().map(|value| value.to_f64()).collect();
        }
        Ok(point)
    }

    pub(crate) fn trace(&self) -> &EliminationTrace {
        &self.trace
    }

    pub(crate) fn theta(&self) -> &[f64] {
        &self.theta
    }

    pub(crate) fn expectation(&self) -> f64 {
        self.expectation
    }

    /// Whether the range of `f64` suffices for the rates, the factors and the waiting times.
    pub(crate) fn is_in_range(&self) -> bool {
        self.is_in_range
    }

    /// The kernel with all factors and the waiting times, if it is safe with the rates as they are.
    pub(crate) fn safe_kernel(&self) -> Option<&Kernel<f64>> {
        self.kernel.is_safe(0).then_some(&self.kernel)
    }

    /// The wide factors, found when they are first needed.
    fn precise(&self) -> &Precise {
        self.precise.get_or_init(|| {
            let symbolic = Arc::clone(self.trace.symbolic());
            let nonabsorbing = self.nonabsorbing.as_ref();
            Precise::new(symbolic, self.trace.graph(), &self.theta, nonabsorbing)
        })
    }

    /// The product of the start distribution with values by rank.
    fn start_product(&self, values: &[f64]) -> f64 {
        let start = self.trace.ranks().start().iter();
        start.fold(0.0, |sum, &(rank, probability)| {
            sum + probability * values[rank.index()]
        })
    }

    /// The vector of k-th moments from the vector of moments before it, or `None` if it leaves the safe range.
    ///
    /// A vector in the safe range stays as it is, as in a group of lanes; beyond, it is scaled.
    fn moment(&self, previous: &Scaled, k: usize) -> Option<Scaled> {
        let solve = |previous: &Scaled| {
            let mut values = previous.values.clone();
            for value in &mut values {
                *value *= k as f64;
            }
            let right = Range::EMPTY.include(&values);
            self.kernel.solve(self.trace.ranks(), &mut values);
            let exponent = previous.exponent;
            (right, Scaled { values, exponent })
        };
        if previous.exponent == 0 {
            let (_, next) = solve(previous);
            if Range::EMPTY.include(&next.values).is_safe() {
                return Some(next);
            }
        }
        let (right, next) = solve(&previous.normalized());
        right.include(&next.values).is_safe().then_some(next)
    }

    /// The moments of orders 1 to `order`.
    pub(crate) fn moments(&self, order: usize) -> Vec<f64> {
        let mut moments = Vec::with_capacity(order);
        if order > 0 {
            moments.push(self.expectation);
        }
        if self.is_in_range {
            let mut current = Scaled {
                values: self.kernel.solutions().to_vec(),
                exponent: 0,
            };
            for k in 2..=order {
                let Some(next) = self.moment(&current, k) else {
                    break;
                };
                current = next;
                let product = self.start_product(&current.values);
                moments.push(scale(product, current.exponent));
            }
        }
        if moments.len() < order {
            moments.extend(self.precise().moments_from(moments.len() + 1, order));
        }
        moments
    }

    pub(crate) fn variance(&self) -> f64 {
        let moments = self.moments(2);
        let (first, second) = (moments[0], moments[1]);
        match variance_is_doubtful(first, second) {
            true => self.precise().variance(),
            false => second - first * first,
        }
    }

    /// The expected time to absorption from every vertex of the graph.
    pub(crate) fn waiting_times(&self, out: &mut [f64]) {
        let (layout, ranks) = (self.trace.symbolic().layout(), self.trace.ranks());
        out[VertexId::START.index()] = self.expectation;
        for t in layout.transients().iter() {
            out[layout.vertex(t).index()] = match &self.nonabsorbing {
                Some(marks) if marks[t] => f64::INFINITY,
                _ if self.is_in_range => self.kernel.solution(ranks.rank(t), 0),
                _ => self.waiting[t],
            };
        }
    }

    /// Answers a recipe, with as many digits as it takes.
    pub(crate) fn answer(&self, recipe: &Recipe, out: &mut [f64]) -> Result<(), NumericError> {
        for (output, out) in recipe.outputs(out) {
            match output {
                Output::StartProducts if recipe.is_chain() => {
                    out.copy_from_slice(&self.moments(out.len()));
                }
                Output::StartProducts => {
                    let rewards = recipe
                        .right
                        .iter()
                        .filter_map(|right| right.reward.as_ref());
                    for (out, reward) in out.iter_mut().zip(rewards) {
                        *out = self.precise().reward(reward);
                    }
                }
                Output::Variance => out[0] = self.variance(),
                Output::WaitingTimes => self.waiting_times(out),
                Output::SojournTimes => self.precise().sojourn_times(out),
                Output::Gradients => {
                    self.check_starts(recipe.starts())?;
                    let problem = Problem {
                        trace: &self.trace,
                        theta: &self.theta,
                        nonabsorbing: self.nonabsorbing.as_ref(),
                        recipe,
                    };
                    problem.answer(out)?;
                }
            }
        }
        Ok(())
    }

    /// Refuses starts where the waiting time is infinite.
    fn check_starts(&self, starts: &[Start]) -> Result<(), NumericError> {
        let Some(marks) = &self.nonabsorbing else {
            return Ok(());
        };
        let layout = self.trace.symbolic().layout();
        let mut reached = layout.transients().iter().filter(|&t| marks[t]);
        match reached.find(|&t| starts.iter().any(|start| start[t] > 0.0)) {
            None => Ok(()),
            Some(t) => {
                let vertex = layout.vertex(t);
                Err(NumericError::NoAbsorptionAtTheta {
                    vertex,
                    state: self.trace.graph().state(vertex).to_vec(),
                })
            }
        }
    }
}
