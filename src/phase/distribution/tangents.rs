//! Derivatives by theta of what uniformization keeps by step, carried forward: as many passes as there are parameters, whatever
//! the number of times.

use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::slopes::Slope;
use crate::phase::distribution::steps::{Steps, UNIT_OF_SECTIONS, Window};
use crate::phase::trace::EliminationTrace;

/// Derivatives of survival and density by theta.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tangent {
    /// Of the survival, in the units of the values.
    pub survival: Vec<f64>,
    /// Of the density.
    pub density: Vec<f64>,
}

/// By step, derivatives by one parameter of the mass, of its flow and of what was absorbed.
struct Line {
    mass: Vec<f64>,
    flow: Vec<f64>,
    absorbed: Vec<f64>,
}

pub(crate) struct Tangents {
    lines: Vec<Line>,
    rate: f64,
}

impl Tangents {
    /// For all steps that are known.
    pub(crate) fn new(chain: &Chain, trace: &EliminationTrace, steps: &Steps<'_>) -> Self {
        let slopes = Slope::all(chain, trace, steps.jump.rate);
        let mut walk = Steps::new(chain);
        let mut rows: Vec<Vec<f64>> = slopes.iter().map(|slope| slope.start.clone()).collect();
        let mut next = vec![0.0; chain.len()];
        let mut place = vec![0.0; chain.len()];
        let mut lines: Vec<Line> = slopes
            .iter()
            .map(|slope| Line {
                mass: Vec::new(),
                flow: Vec::new(),
                // What the start loses is absorbed at once.
                absorbed: vec![-slope.start.iter().sum::<f64>()],
            })
            .collect();
        for step in 0..steps.record.mass.len() {
            for (place, p) in place.iter_mut().zip(&walk.state) {
                *place = p * walk.record.mass[step];
            }
            let is_last_of_section = steps.record.sections.contains(&(step + 1));
            for ((slope, row), line) in slopes.iter().zip(&mut rows).zip(&mut lines) {
                let flow = slope.absorption(&place, row, &steps.jump.absorb);
                line.mass.push(row.iter().sum());
                line.flow.push(flow);
                let counts = if steps.record.section(step) == 0 {
                    flow
                } else {
                    0.0
                };
                line.absorbed.push(line.absorbed[step] + counts);
                steps.jump.forward_signed(row, &mut next);
                slope.add(&place, &mut next);
                std::mem::swap(row, &mut next);
                if is_last_of_section {
                    for value in row {
                        *value /= UNIT_OF_SECTIONS;
                    }
                }
            }
            if step + 1 < steps.record.mass.len() {
                walk.step();
            }
        }
        Self {
            lines,
            rate: steps.jump.rate,
        }
    }

    /// The derivatives at the time of a window; from absorption where less is absorbed than not.
    pub(crate) fn at(&self, window: &Window, steps: &Steps<'_>) -> Tangent {
        let early = is_early(window, steps);
        let survival = |line: &Line| match early {
            true => -window.sum_absorbed(&line.absorbed),
            false => window.sum(&line.mass),
        };
        Tangent {
            survival: self.lines.iter().map(survival).collect(),
            density: (self.lines.iter())
                .map(|line| window.sum(&line.flow) * self.rate)
                .collect(),
        }
    }
}

/// Whether less is absorbed than not.
fn is_early(window: &Window, steps: &Steps<'_>) -> bool {
    window.log_scale == 0.0
        && window.sum_absorbed(&steps.record.absorbed) < window.sum(&steps.record.mass)
}
