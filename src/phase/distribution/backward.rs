//! The gradient of a sum over steps in one pass back: as many observations as one likes, at the price of one.
//!
//! With the rows `v_l = alpha P^l` and the columns
//!
//! ```text
//! z_l = c_l e + d_l 1 + P z_(l + 1)
//! ```
//!
//! the derivative of `sum of c_l v_l e + d_l v_l 1` by the entry (i, j) of P is the sum of `v_l(i) z_(l + 1)(j)`. Rows
//! are kept at every so many steps, as many as there are steps between them, and computed again from there.

use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::jump::Jump;
use crate::phase::distribution::steps::{Steps, UNIT_OF_SECTIONS};
use crate::phase::trace::EliminationTrace;

/// Numbers that rows may take in all before some are computed twice.
const ROOM: usize = 1 << 24;

/// Coefficients by step: of flows, and of masses or of what was absorbed before.
pub(crate) struct Coefficients {
    flow_and_mass: Vec<[f64; 2]>,
    flow_and_absorbed: Vec<[f64; 2]>,
    /// Of what is not absorbed at once.
    pub start: f64,
}

impl Coefficients {
    pub(crate) fn new(steps: usize) -> Self {
        Self {
            flow_and_mass: vec![[0.0; 2]; steps],
            flow_and_absorbed: vec![[0.0; 2]; steps],
            start: 0.0,
        }
    }

    /// Makes room for so many steps.
    pub(crate) fn reach(&mut self, steps: usize) {
        for list in [&mut self.flow_and_mass, &mut self.flow_and_absorbed] {
            list.resize(steps.max(list.len()), [0.0; 2]);
        }
    }

    /// Those of flows and masses, or of flows and what was absorbed before.
    pub(crate) fn pairs(&mut self, of_absorbed: bool) -> &mut [[f64; 2]] {
        match of_absorbed {
            true => &mut self.flow_and_absorbed,
            false => &mut self.flow_and_mass,
        }
    }

    /// Of masses.
    fn masses(&self) -> Vec<f64> {
        self.flow_and_mass.iter().map(|[_, mass]| *mass).collect()
    }

    /// What was absorbed before a step are the flows of all steps before it.
    fn flows(&self) -> Vec<f64> {
        let pairs = self.flow_and_mass.iter().zip(&self.flow_and_absorbed);
        let mut flows: Vec<f64> = pairs.map(|([a, _], [b, _])| a + b).collect();
        let mut sum = 0.0;
        for (flow, [_, absorbed]) in flows.iter_mut().zip(&self.flow_and_absorbed).rev() {
            *flow += sum;
            sum += absorbed;
        }
        flows
    }
}

/// The gradient by theta of the sum of what is kept by step times coefficients.
pub(crate) fn gradient(
    chain: &Chain,
    trace: &EliminationTrace,
    steps: &Steps<'_>,
    coefficients: &Coefficients,
) -> Vec<f64> {
    let (count, states) = (steps.record.mass.len(), chain.len());
    let (flows, masses) = (coefficients.flows(), coefficients.masses());
    let spacing = match count * states <= ROOM {
        true => count,
        false => count.isqrt() + 1,
    };
    // Rows at the first step of each stretch.
    let mut kept: Vec<Steps<'_>> = Vec::new();
    let mut walk = Steps::new(chain);
    for step in 0..count {
        if step % spacing == 0 {
            kept.push(walk.resumed());
        }
        if step + 1 < count {
            walk.step();
        }
    }
    let outward = Outward::new(chain, &steps.jump);
    let mut z = vec![0.0; states];
    let mut next = vec![0.0; states];
    let mut inner = vec![0.0; outward.flows];
    let mut direct = vec![0.0; states];
    let mut rows = vec![0.0; spacing * states];
    for (stretch, mut walk) in kept.into_iter().enumerate().rev() {
        let first = stretch * spacing;
        let last = (first + spacing).min(count);
        for step in first..last {
            let row = &mut rows[(step - first) * states..][..states];
            let mass = steps.record.mass[step];
            for (row, p) in row.iter_mut().zip(&walk.state) {
                *row = p * mass;
            }
            if step + 1 < last {
                walk.step();
            }
        }
        for step in (first..last).rev() {
            let row = &rows[(step - first) * states..][..states];
            // z is that of the step after this one, in the units of its section.
            if steps.record.sections.contains(&(step + 1)) {
                for value in &mut z {
                    *value /= UNIT_OF_SECTIONS;
                }
            }
            outward.add(row, &z, flows[step], &mut inner, &mut direct);
            outward.back(&z, flows[step], masses[step], &mut next);
            std::mem::swap(&mut z, &mut next);
        }
    }
    let rate = steps.jump.rate;
    let mut place = 0;
    let mut by_rate = Vec::with_capacity(outward.flows);
    for state in 0..states {
        for flow in chain.inner(state) {
            by_rate.push((state, flow.slot, inner[place] / rate));
            place += 1;
        }
        for flow in chain.outer(state) {
            by_rate.push((state, flow.slot, direct[state] / rate));
        }
    }
    let mut gradient = chain.by_theta(trace, by_rate);
    if chain.by().has_start() {
        for (gradient, slopes) in gradient.iter_mut().zip(chain.start_slopes()) {
            let each = slopes.iter().zip(&z);
            *gradient += each.map(|(d, z)| d * (z + coefficients.start)).sum::<f64>();
        }
    }
    gradient
}

/// The jump chain by the states that are left.
struct Outward<'a> {
    chain: &'a Chain,
    jump: &'a Jump,
    /// Rates between states.
    flows: usize,
}

impl<'a> Outward<'a> {
    fn new(chain: &'a Chain, jump: &'a Jump) -> Self {
        Self {
            chain,
            jump,
            flows: (0..chain.len()).map(|state| chain.inner(state).len()).sum(),
        }
    }

    /// Adds the terms of one step: by rate between states, and by state for absorption.
    fn add(&self, row: &[f64], z: &[f64], flow: f64, inner: &mut [f64], direct: &mut [f64]) {
        let mut inner = inner.iter_mut();
        for (state, &p) in row.iter().enumerate() {
            for (of, inner) in self.chain.inner(state).iter().zip(&mut inner) {
                *inner += p * (z[of.to as usize] - z[state]);
            }
            direct[state] += p * (flow - z[state]);
        }
    }

    /// z of a step from that of the next.
    fn back(&self, z: &[f64], flow: f64, mass: f64, out: &mut [f64]) {
        let scale = 1.0 / self.jump.rate;
        for (state, out) in out.iter_mut().enumerate() {
            let mut sum = z[state] - z[state] * self.jump.leave[state];
            for of in self.chain.inner(state) {
                sum += of.rate * scale * z[of.to as usize];
            }
            *out = sum + flow * self.jump.absorb[state] + mass;
        }
    }
}
