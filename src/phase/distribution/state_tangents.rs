//! Derivatives by theta of where the chain is at times and how long it was in each state, carried forward step by step.

use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::poisson::Weights;
use crate::phase::distribution::slopes::Slope;
use crate::phase::distribution::steps::Steps;
use crate::phase::trace::EliminationTrace;

/// Derivatives by one parameter, a row of states for each time.
pub(crate) struct StateSlope {
    /// Of the probability to be there.
    pub places: Vec<Vec<f64>>,
    /// Of the time spent there.
    pub stays: Vec<Vec<f64>>,
}

/// By parameter, from steps at ascending times: rows of derivatives are carried beside those of the chain.
pub(crate) fn by_steps(chain: &Chain, trace: &EliminationTrace, times: &[f64]) -> Vec<StateSlope> {
    let states = chain.len();
    let mut walk = Steps::new(chain);
    let rate = walk.jump.rate;
    let slopes = Slope::all(chain, trace, rate);
    let weights: Vec<Weights> = times.iter().map(|t| Weights::new(rate * t)).collect();
    let last = weights.iter().map(Weights::last).max().unwrap_or(0);
    let empty = || vec![vec![0.0; states]; times.len()];
    let mut out: Vec<StateSlope> = slopes
        .iter()
        .map(|_| StateSlope {
            places: empty(),
            stays: empty(),
        })
        .collect();
    let mut rows: Vec<Vec<f64>> = slopes.iter().map(|slope| slope.start.clone()).collect();
    let mut sums = vec![vec![0.0; states]; slopes.len()];
    let (mut place, mut next) = (vec![0.0; states], vec![0.0; states]);
    for count in 0..=last {
        for (time, weights) in weights.iter().enumerate() {
            if count < weights.first || count > weights.last() {
                continue;
            }
            let at = count - weights.first;
            let (weight, tail) = (weights.values[at], weights.tails[at]);
            for ((out, row), sum) in out.iter_mut().zip(&rows).zip(&sums) {
                if at == 0 {
                    out.stays[time].copy_from_slice(sum);
                }
                let pairs = out.places[time].iter_mut().zip(&mut out.stays[time]);
                for ((of, stay), d) in pairs.zip(row) {
                    *of += weight * d;
                    *stay += tail * d;
                }
            }
        }
        if count == last {
            break;
        }
        // A later section has masses that do not count beside the first.
        let mass = match walk.record.sections.is_empty() {
            true => walk.record.mass[count],
            false => 0.0,
        };
        for (place, p) in place.iter_mut().zip(&walk.state) {
            *place = p * mass;
        }
        for ((slope, row), sum) in slopes.iter().zip(&mut rows).zip(&mut sums) {
            for (sum, d) in sum.iter_mut().zip(row.iter()) {
                *sum += d;
            }
            walk.jump.forward_signed(row, &mut next);
            slope.add(&place, &mut next);
            std::mem::swap(row, &mut next);
        }
        walk.step();
    }
    for stay in out
        .iter_mut()
        .flat_map(|out| out.stays.iter_mut().flatten())
    {
        *stay /= rate;
    }
    out
}
