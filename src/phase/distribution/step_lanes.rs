//! Steps of several thetas side by side, a lane for each; what a lane has is what its theta has alone, to the bit.

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::jump::Jump;
use crate::phase::distribution::steps::{Record, Steps, beginning, rate_of};
use crate::phase::numeric::lanes::{Lanes, Pass, Wide, on_widest};

/// Thetas side by side: one vector of the widest unit, or two of the next.
const LANES: usize = 8;

/// More steps than this are left to one theta at a time, as what is kept of them takes memory.
const MOST_STEPS: usize = 1 << 20;

/// Rows that one thread takes at a time, so that few of them are held at once.
pub(crate) const TASK: usize = 4 * LANES;

/// A walk of all lanes.
struct Walk<'a, S> {
    jump: &'a Jump<S>,
    state: &'a mut Vec<S>,
    next: &'a mut Vec<S>,
    records: &'a mut [Record],
    count: usize,
}

impl<S: Lanes> Pass for Walk<'_, S> {
    #[inline(always)]
    fn run(self) {
        for _ in 0..self.count {
            let sum = self.jump.forward(self.state, self.next);
            let mut scale = S::ZERO;
            for (lane, record) in self.records.iter_mut().enumerate() {
                scale.set_lane(lane, record.advance(sum.lane(lane)));
            }
            for (state, &next) in self.state.iter_mut().zip(&*self.next) {
                *state = next.mul(scale);
            }
            let hazard = self.jump.hazard(self.state);
            for (lane, record) in self.records.iter_mut().enumerate() {
                record.close(hazard.lane(lane));
            }
        }
    }
}

/// Takes so many steps of chains that have the same flows.
fn take<'a>(chains: &[&'a Chain], count: usize) -> Vec<Steps<'a>> {
    type S = Wide<LANES>;
    let with_rates: Vec<(&Chain, f64)> = chains.iter().map(|&c| (c, rate_of(c))).collect();
    let jump = Jump::<S>::side_by_side(&with_rates);
    let mut state = vec![S::ZERO; chains[0].len()];
    let mut totals = Vec::new();
    for (lane, chain) in chains.iter().enumerate() {
        let (total, given) = beginning(chain);
        for (state, p) in state.iter_mut().zip(given) {
            state.set_lane(lane, p);
        }
        totals.push(total);
    }
    let hazard = jump.hazard(&state);
    let first = totals.iter().enumerate();
    let mut records: Vec<Record> = first
        .map(|(lane, &total)| Record::new(total, hazard.lane(lane)))
        .collect();
    let mut next = state.clone();
    on_widest(Walk {
        jump: &jump,
        state: &mut state,
        next: &mut next,
        records: &mut records,
        count,
    });
    let lanes = records.into_iter().zip(chains).enumerate();
    lanes
        .map(|(lane, (record, chain))| {
            let state = state.iter().map(|p| p.lane(lane)).collect();
            Steps::taken(chain, state, record)
        })
        .collect()
}

/// Finds what models at thetas of one trace have at ascending times that were checked, those together that take steps through
/// the same flows; the others find it themselves when they are asked.
pub(crate) fn prepare(models: &[&PhaseType], times: &[f64]) -> Result<(), DistributionError> {
    let mut open = Vec::new();
    for &model in models {
        if let Some(count) = model
            .timeline()?
            .steps_to(times)
            .filter(|&c| c <= MOST_STEPS)
        {
            open.push((count, model));
        }
    }
    // Those of similar numbers of steps stay together.
    open.sort_by_key(|(count, _)| *count);
    while let Some((_, model)) = open.first() {
        let chain = model.chain()?;
        let mut alike = Vec::new();
        let mut others = Vec::new();
        for (count, model) in open {
            match model.chain()?.has_flows_of(chain) {
                true => alike.push((count, model)),
                false => others.push((count, model)),
            }
        }
        for group in alike.chunks(LANES).filter(|group| group.len() > 1) {
            let chains = group.iter().map(|(_, model)| model.chain());
            let chains = chains.collect::<Result<Vec<_>, _>>()?;
            let count = group.iter().map(|(count, _)| *count).max().unwrap_or(0);
            for ((_, model), steps) in group.iter().zip(take(&chains, count)) {
                model.know(times, steps)?;
            }
        }
        open = others;
    }
    Ok(())
}
