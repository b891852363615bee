//! The derivatives of a chain's rates by the parameters, for derivatives that are carried forward.

use crate::phase::distribution::chain::Chain;
use crate::phase::index::Slot;
use crate::phase::trace::EliminationTrace;

/// The derivatives of all rates by one parameter, divided by the rate L of uniformization: the derivative of its P.
pub(crate) struct Slope {
    /// From, to, derivative.
    inner: Vec<(u32, u32, f64)>,
    /// By state, that of the probability to be absorbed in a step.
    pub absorb: Vec<f64>,
    /// By state, that of the start probability.
    pub start: Vec<f64>,
}

impl Slope {
    /// By parameter.
    pub(crate) fn all(chain: &Chain, trace: &EliminationTrace, rate: f64) -> Vec<Self> {
        let (layout, graph) = (trace.symbolic().layout(), trace.graph());
        let by = chain.by();
        let starts = chain.start_slopes().into_iter();
        let mut slopes: Vec<Self> = starts
            .map(|start| Self {
                inner: Vec::new(),
                absorb: vec![0.0; chain.len()],
                start,
            })
            .collect();
        let each = |state: usize, slot: Slot, add: &mut dyn FnMut(usize, f64)| {
            for &edge in layout.edges(slot) {
                let edge = graph.edge_of(chain.vertex(state), edge as usize);
                by.edge(&edge, |parameter, slope| {
                    add(parameter, slope.to_f64() / rate)
                });
            }
        };
        for state in 0..chain.len() {
            for flow in chain.inner(state) {
                each(state, flow.slot, &mut |parameter, value| {
                    slopes[parameter].inner.push((state as u32, flow.to, value));
                });
            }
            for flow in chain.outer(state) {
                each(state, flow.slot, &mut |parameter, value| {
                    slopes[parameter].absorb[state] += value;
                });
            }
        }
        slopes
    }

    /// Adds v P' to a row.
    pub(crate) fn add(&self, v: &[f64], out: &mut [f64]) {
        for &(from, to, value) in &self.inner {
            let change = v[from as usize] * value;
            out[to as usize] += change;
            out[from as usize] -= change;
        }
        for ((out, p), value) in out.iter_mut().zip(v).zip(&self.absorb) {
            *out -= p * value;
        }
    }

    /// The derivative of the absorption in a step out of a row with this derivative.
    pub(crate) fn absorption(&self, v: &[f64], slope: &[f64], absorb: &[f64]) -> f64 {
        let known = slope.iter().zip(absorb).map(|(d, a)| d * a).sum::<f64>();
        known + v.iter().zip(&self.absorb).map(|(p, d)| p * d).sum::<f64>()
    }
}
