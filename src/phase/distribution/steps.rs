//! Uniformization: the chain in steps of probabilities, mixed by Poisson's distribution.
//!
//! With L at least the largest rate out of a state, the chain at time t is the jump chain `P = I + Q / L` after a Poisson number
//! of steps with mean L t (Jensen 1953). Everything is a sum of products of nonnegative numbers, so tails keep their relative
//! accuracy. One pass over the steps serves all times: what is left of the mass, and what is absorbed, are kept by step.
//!
//! # Roundings
//!
//! The rates out of a state and their sum are rounded apart, so plain steps gain or lose mass at the same relative
//! rate in each, and after 10^8 steps 8 digits are gone. Therefore the distribution *given survival* is carried, scaled to sum 1 after each step, and
//! the mass apart from it, by its hazard: the same idea as that of Grassmann, Taksar and Heyman in elimination.

use std::sync::Arc;

use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::jump::Jump;
use crate::phase::distribution::poisson::{Weights, ln_weight, weight};
use crate::phase::distribution::tolerance::UNIT;
use crate::phase::numeric::extended::power_of_two;

/// A mass that decreases by its hazard, with twice the digits.
#[derive(Clone, Copy, Debug)]
struct Mass {
    high: f64,
    low: f64,
}

impl Mass {
    /// After a step with this hazard; `left` is the share that is left, computed apart.
    fn step(self, hazard: f64, left: f64) -> Self {
        if hazard >= 0.5 {
            return Self {
                high: self.high * left,
                low: self.low * left,
            };
        }
        let loss = self.high * hazard;
        let high = self.high - loss;
        let error = (self.high - high) - loss;
        let low = self.low - self.low * hazard + error;
        let sum = high + low;
        Self {
            high: sum,
            low: low - (sum - high),
        }
    }
}

/// What a time has: survival, density, and the probability of absorption by then after time 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Values {
    /// Survival and density are to be multiplied by the exponential of this, which is 0 unless they are below every `f64`.
    pub log_scale: f64,
    pub survival: f64,
    pub density: f64,
    pub absorbed: f64,
    /// A bound on the relative errors of all three.
    pub relative: f64,
    /// A bound on what the absolute errors of survival and absorption exceed that by.
    pub off: f64,
    /// The same of the density.
    pub off_density: f64,
    /// Whether survival and density are not zero but below what the method can tell from it.
    pub is_lost: bool,
}

/// Weights of consecutive steps for one time. They multiply what is kept by step, and the sum the exponential of `log_scale`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    pub first: usize,
    pub weights: Vec<f64>,
    /// How many of them count for masses and flows: further on these are negligible, and in other units.
    pub counted: usize,
    pub log_scale: f64,
}

impl Window {
    /// The sum of masses or flows.
    pub(crate) fn sum(&self, by_step: &[f64]) -> f64 {
        let weights = &self.weights[..self.counted];
        let values = weights.iter().zip(&by_step[self.first..]);
        values.map(|(weight, value)| weight * value).sum()
    }

    /// The sum of what was absorbed before.
    pub(crate) fn sum_absorbed(&self, by_step: &[f64]) -> f64 {
        let values = self.weights.iter().zip(&by_step[self.first..]);
        values.map(|(weight, value)| weight * value).sum()
    }
}

/// What is kept of each step: masses, and what becomes of them.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    last: Mass,
    /// By number of steps: the mass that survives, in units of its section.
    pub mass: Vec<f64>,
    /// The mass that the following step absorbs, in the same units.
    pub flow: Vec<f64>,
    /// The mass absorbed before.
    pub absorbed: Vec<f64>,
    rest: f64,
    /// Where a new section begins: its unit is [`UNIT_OF_SECTIONS`] times that of the one before.
    pub sections: Vec<usize>,
}

impl Record {
    /// Before the first step, with a mass and its hazard.
    pub(crate) fn new(mass: f64, hazard: f64) -> Self {
        Self {
            last: Mass {
                high: mass,
                low: 0.0,
            },
            mass: vec![mass],
            flow: vec![mass * hazard],
            absorbed: vec![0.0],
            rest: 0.0,
            sections: Vec::new(),
        }
    }

    /// The last step, without those before it.
    fn resumed(&self) -> Self {
        Self {
            last: self.last,
            mass: self.mass.last().copied().into_iter().collect(),
            flow: self.flow.last().copied().into_iter().collect(),
            absorbed: self.absorbed.last().copied().into_iter().collect(),
            rest: self.rest,
            sections: Vec::new(),
        }
    }

    /// Takes note of a step after which the probabilities given survival have this sum, and returns what scales them to 1.
    pub(crate) fn advance(&mut self, sum: f64) -> f64 {
        let place = self.mass.len() - 1;
        let (mass, flow) = (self.mass[place], self.flow[place]);
        let hazard = if mass > 0.0 { flow / mass } else { 0.0 };
        self.last = self.last.step(hazard, sum);
        if sum == 0.0 {
            self.last = Mass {
                high: 0.0,
                low: 0.0,
            };
        }
        if self.last.high < UNIT_OF_SECTIONS && self.last.high > 0.0 {
            self.last.high /= UNIT_OF_SECTIONS;
            self.last.low /= UNIT_OF_SECTIONS;
            self.sections.push(place + 1);
        }
        // Neumaier's sum; what later sections absorb is below its last digit.
        let flow = if self.section(place) == 0 { flow } else { 0.0 };
        let before = self.absorbed[place];
        let after = before + flow;
        self.rest += if before >= flow {
            (before - after) + flow
        } else {
            (flow - after) + before
        };
        let carried = after + self.rest;
        self.rest -= carried - after;
        self.mass.push(self.last.high);
        self.absorbed.push(carried);
        if sum > 0.0 { 1.0 / sum } else { 0.0 }
    }

    /// The hazard of the step that was taken last.
    pub(crate) fn close(&mut self, hazard: f64) {
        self.flow.push(self.last.high * hazard);
    }

    /// The section of a step, from 0.
    pub(crate) fn section(&self, step: usize) -> usize {
        self.sections.partition_point(|&first| first <= step)
    }
}

/// On which side of the mode a weight is.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// Sums of masses, of flows and of what was absorbed before, each times the weights of a time.
#[derive(Clone, Copy)]
struct Sums {
    survival: f64,
    flow: f64,
    absorbed: f64,
    /// The steps whose weights are in them.
    first: usize,
    last: usize,
}

/// What is left out of a sum, relative to it.
const NEGLIGIBLE: f64 = 1e-18;

/// Weights between two questions whether there are enough.
const BLOCK: usize = 16;

/// The jump chain, and what was found of it so far.
pub(crate) struct Steps<'a> {
    chain: &'a Chain,
    pub jump: Arc<Jump>,
    /// The distribution given survival after the steps that the record has.
    pub state: Vec<f64>,
    next: Vec<f64>,
    pub record: Record,
}

/// A mass that is less than this share of all at the mode of the steps is found by logarithms.
const FAR: f64 = 1e-100;

/// By how much steps are more frequent than the fastest jumps: so some of every state's mass stays, and no mass, whose derivative
/// may not be zero, ever is.
const MORE: f64 = 17.0 / 16.0;

/// A mass below this begins a new section, whose unit it is; so masses never underflow.
pub(crate) const UNIT_OF_SECTIONS: f64 = power_of_two(-600);

/// The rate of the steps that a chain is looked at in.
pub(crate) fn rate_of(chain: &Chain) -> f64 {
    chain.fastest() * MORE
}

/// The mass of a chain at time 0, and its distribution given survival.
pub(crate) fn beginning(chain: &Chain) -> (f64, impl Iterator<Item = f64>) {
    let start = chain.start();
    let total: f64 = start.iter().sum();
    let scale = if total > 0.0 { 1.0 / total } else { 0.0 };
    (total, start.iter().map(move |p| p * scale))
}

impl<'a> Steps<'a> {
    pub(crate) fn new(chain: &'a Chain) -> Self {
        let jump = Jump::new(chain, rate_of(chain));
        let (total, state) = beginning(chain);
        let state: Vec<f64> = state.collect();
        Self {
            record: Record::new(total, jump.hazard(&state)),
            next: vec![0.0; state.len()],
            jump: Arc::new(jump),
            chain,
            state,
        }
    }

    /// The chain after steps that were taken elsewhere.
    pub(crate) fn taken(chain: &'a Chain, state: Vec<f64>, record: Record) -> Self {
        Self {
            jump: Arc::new(Jump::new(chain, rate_of(chain))),
            next: vec![0.0; state.len()],
            chain,
            state,
            record,
        }
    }

    /// The chain from the last step on, without those before it.
    pub(crate) fn resumed(&self) -> Self {
        Self {
            chain: self.chain,
            jump: Arc::clone(&self.jump),
            state: self.state.clone(),
            next: vec![0.0; self.state.len()],
            record: self.record.resumed(),
        }
    }

    /// Takes one more step.
    pub(crate) fn step(&mut self) {
        let sum = self.jump.forward(&self.state, &mut self.next);
        let scale = self.record.advance(sum);
        for (state, next) in self.state.iter_mut().zip(&self.next) {
            *state = next * scale;
        }
        self.record.close(self.jump.hazard(&self.state));
    }

    /// Makes sure that so many steps are known.
    pub(crate) fn reach(&mut self, count: usize) {
        while self.record.mass.len() <= count {
            self.step();
        }
    }

    /// Goes through the weights of a time for masses and flows, from the mode to the right and then to the left, and adds up what they
    /// multiply; what they leave out is negligible relative to each of the sums. Nothing where masses are far below that at time 0.
    ///
    /// Whether the rest is negligible is asked once for so many weights: it takes more divisions than they do.
    fn sums(&mut self, mean: f64, mut keep: impl FnMut(Side, f64)) -> Option<Sums> {
        let mode = mean.floor() as usize;
        self.reach(mode);
        let total = self.record.mass[0];
        if self.record.section(mode) > 0 || self.record.mass[mode] < FAR * total {
            return None;
        }
        let at_mode = weight(mode, mean);
        let record = &self.record;
        let mut sums = Sums {
            survival: at_mode * record.mass[mode],
            flow: at_mode * record.flow[mode],
            absorbed: at_mode * record.absorbed[mode],
            first: mode,
            last: mode,
        };
        let (mut value, mut count) = (at_mode, mode);
        loop {
            let end = count + BLOCK;
            self.reach(end);
            let record = &self.record;
            // Later sections have masses that do not count beside the first.
            let first_section = record.sections.first().copied().unwrap_or(usize::MAX);
            let counted = (first_section - 1).clamp(count, end);
            let block = count + 1..end + 1;
            let masses = record.mass[block.clone()].iter();
            let flows = masses.zip(&record.flow[block.clone()]);
            let all = flows.zip(&record.absorbed[block.clone()]).zip(block);
            for (((mass, flow), absorbed), step) in all {
                value *= mean / step as f64;
                keep(Side::Right, value);
                if step <= counted {
                    sums.survival += value * mass;
                    sums.flow += value * flow;
                }
                sums.absorbed += value * absorbed;
            }
            count = end;
            if value == 0.0 {
                break;
            }
            // What is further right is less than a geometric series; a flow is at most the mass.
            let mass = if end <= counted {
                record.mass[end]
            } else {
                0.0
            };
            let next = (count + 1) as f64;
            let rest = value * mean / (next - mean);
            let small = NEGLIGIBLE / rest.max(f64::MIN_POSITIVE);
            let Sums {
                survival,
                flow,
                absorbed,
                ..
            } = sums;
            if mass <= small * survival && mass <= small * flow && total <= small * absorbed {
                break;
            }
        }
        sums.last = count;
        let record = &self.record;
        let (mut value, mut count) = (at_mode, mode);
        while count > 0 {
            let begin = count.saturating_sub(BLOCK);
            let block = begin..count;
            let masses = record.mass[block.clone()].iter();
            let flows = masses.zip(&record.flow[block.clone()]);
            let all = flows.zip(&record.absorbed[block.clone()]).zip(block);
            for (((mass, flow), absorbed), step) in all.rev() {
                value *= (step + 1) as f64 / mean;
                keep(Side::Left, value);
                sums.survival += value * mass;
                sums.flow += value * flow;
                sums.absorbed += value * absorbed;
            }
            count = begin;
            if value == 0.0 || count == 0 {
                break;
            }
            let rest = value * count as f64 / (mean - count as f64);
            let small = NEGLIGIBLE / rest.max(f64::MIN_POSITIVE);
            if total <= small * sums.survival && total <= small * sums.flow {
                break;
            }
        }
        sums.first = count;
        Some(sums)
    }

    /// The weights of a time.
    pub(crate) fn window(&mut self, time: f64) -> Window {
        let mean = self.jump.rate * time;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let sums = self.sums(mean, |side, value| match side {
            Side::Left => left.push(value),
            Side::Right => right.push(value),
        });
        if sums.is_none() {
            let last = last_step(mean);
            self.reach(last);
            return self.far_window(mean, last);
        }
        let mode = mean.floor() as usize;
        let first = mode - left.len();
        let first_section = self.record.sections.first().copied().unwrap_or(usize::MAX);
        let counted = right.len().min(first_section - 1 - mode);
        let counted = left.len() + 1 + counted;
        let mut weights = left;
        weights.reverse();
        weights.push(weight(mode, mean));
        weights.extend(right);
        Window {
            first,
            weights,
            counted,
            log_scale: 0.0,
        }
    }

    /// The same where masses are below every `f64`: the steps that count are far from the mode, and are found by logarithms.
    fn far_window(&self, mean: f64, last: usize) -> Window {
        let size = |step: usize| {
            let unit = self.record.section(step) as f64 * UNIT_OF_SECTIONS.ln();
            ln_weight(step, mean) + self.record.mass[step].ln() + unit
        };
        let sizes: Vec<f64> = (0..=last).map(size).collect();
        let largest = sizes.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let counts = |size: &f64| *size > largest - 80.0;
        let first = sizes.iter().position(counts).unwrap_or(0);
        let end = sizes.iter().rposition(counts).map_or(0, |last| last + 1);
        let weights = (first..end).map(|step| {
            let unit = self.record.section(step) as f64 * UNIT_OF_SECTIONS.ln();
            (ln_weight(step, mean) + unit - largest).exp()
        });
        Window {
            first,
            weights: weights.collect(),
            counted: end - first,
            log_scale: largest,
        }
    }

    /// Survival, density and absorption by what a window holds.
    pub(crate) fn in_window(&self, window: &Window, time: f64) -> Values {
        let mean = self.jump.rate * time;
        let is_far = window.log_scale != 0.0;
        let survival = window.sum(&self.record.mass);
        let absorbed = match is_far {
            // Next to nothing is left here, so the difference keeps its digits.
            true => self.record.mass[0] - survival * window.log_scale.exp(),
            false => window.sum_absorbed(&self.record.absorbed),
        };
        Values {
            log_scale: window.log_scale,
            survival,
            density: window.sum(&self.record.flow) * self.jump.rate,
            absorbed,
            is_lost: false,
            relative: rounding(mean)
                + if is_far {
                    1e-16 * window.log_scale.abs()
                } else {
                    0.0
                },
            off: 0.0,
            off_density: 0.0,
        }
    }

    /// Survival, density and absorption at a time.
    pub(crate) fn at(&mut self, time: f64) -> Values {
        self.at_steps(time).0
    }

    /// The same with the first and the last step that count, unless masses there are far below that at time 0.
    pub(crate) fn at_steps(&mut self, time: f64) -> (Values, Option<[usize; 2]>) {
        let mean = self.jump.rate * time;
        match self.sums(mean, |_, _| ()) {
            Some(sums) => {
                let values = Values {
                    survival: sums.survival,
                    density: sums.flow * self.jump.rate,
                    absorbed: sums.absorbed,
                    relative: rounding(mean),
                    ..Values::default()
                };
                let steps = [sums.first, sums.last];
                (values, self.record.sections.is_empty().then_some(steps))
            }
            None => {
                let window = self.window(time);
                (self.in_window(&window, time), None)
            }
        }
    }

    /// The weights of a time from a first to a last step: at the mode, then to the right of it, then to the left.
    #[inline]
    pub(crate) fn each_weight(
        &self,
        time: f64,
        [first, last]: [usize; 2],
        mut each: impl FnMut(usize, f64),
    ) {
        let mean = self.jump.rate * time;
        let mode = mean.floor() as usize;
        let at_mode = weight(mode, mean);
        each(mode, at_mode);
        let mut value = at_mode;
        for step in mode + 1..=last {
            value *= mean / step as f64;
            each(step, value);
        }
        let mut value = at_mode;
        for step in (first..mode).rev() {
            value *= (step + 1) as f64 / mean;
            each(step, value);
        }
    }

    /// For ascending times, where the chain is, and how long it has been in each state until then; a row per time.
    pub(crate) fn vectors(&self, times: &[f64]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let states = self.chain.len();
        let rate = self.jump.rate;
        let weights: Vec<Weights> = times.iter().map(|t| Weights::new(rate * t)).collect();
        let mut places = vec![vec![0.0; states]; times.len()];
        let mut stays = vec![vec![0.0; states]; times.len()];
        let last = weights.iter().map(Weights::last).max().unwrap_or(0);
        let mut walk = Self::new(self.chain);
        let mut sum = vec![0.0; states];
        for count in 0..=last {
            // A later section has masses that do not count beside the first.
            let mass = if walk.record.sections.is_empty() {
                walk.record.mass[count]
            } else {
                0.0
            };
            for (time, weights) in weights.iter().enumerate() {
                if count < weights.first || count > weights.last() {
                    continue;
                }
                let place = count - weights.first;
                if place == 0 {
                    stays[time].copy_from_slice(&sum);
                }
                let (weight, tail) = (mass * weights.values[place], mass * weights.tails[place]);
                let rows = places[time].iter_mut().zip(&mut stays[time]);
                for ((of, stay), p) in rows.zip(&walk.state) {
                    *of += weight * p;
                    *stay += tail * p;
                }
            }
            for (sum, p) in sum.iter_mut().zip(&walk.state) {
                *sum += mass * p;
            }
            if count < last {
                walk.step();
            }
        }
        for stay in stays.iter_mut().flatten() {
            *stay /= rate;
        }
        (places, stays)
    }
}

/// The last step that counts, but for chains from which next to nothing is absorbed; for how it goes on where masses are below
/// every `f64`.
pub(crate) fn last_step(mean: f64) -> usize {
    mean.floor() as usize + (14.0 * mean.sqrt()) as usize + 20 + BLOCK
}

/// A bound on the relative error of uniformization after so many steps.
pub(crate) fn rounding(steps: f64) -> f64 {
    UNIT * (32.0 + 4.0 * steps.sqrt())
}
