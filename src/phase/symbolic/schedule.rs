//! In which pieces a block's rows are eliminated.
//!
//! Row p takes its earlier neighbours v in ascending order: it adds its entry w(p, v) times row v of the upper factor.
//! Two things make that fast. Rows are eliminated in *panels* of [`PANEL`] consecutive ones, and a row v that several of
//! them take is read once for all. And where v, v + 1, v + 2, v + 3 have nested patterns, as in a dense front, the four
//! are taken together, so that each entry of the panel is read and written once for four multiply-adds. Both change the
//! order between entries, never that of the sums inside an entry.
//!
//! What the rows of a panel take of each other comes last, row by row.

use crate::phase::symbolic::fill::BlockTrace;

/// Rows eliminated side by side.
pub(crate) const PANEL: usize = 4;

/// Rows v, or v to v + 3, and the rows of the panel that take them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Task {
    pub v: u32,
    pub four: bool,
    /// A bit per row of the panel.
    pub takers: u8,
}

#[derive(Debug)]
pub(crate) struct Schedule {
    /// By panel, and one more.
    first: Vec<u32>,
    tasks: Vec<Task>,
    /// By position: bit j if the row takes row j of its own panel.
    pub inside: Vec<u8>,
}

impl Schedule {
    pub(crate) fn new(trace: &BlockTrace) -> Self {
        let size = trace.size();
        let runs = runs(trace);
        let mut schedule = Self {
            first: vec![0],
            tasks: Vec::new(),
            inside: vec![0; size],
        };
        let mut taken: Vec<(u32, bool, u8)> = Vec::new();
        for begin in (0..size).step_by(PANEL) {
            taken.clear();
            for p in begin..size.min(begin + PANEL) {
                let lower = trace.lower.row(p);
                let outside = lower.partition_point(|&v| (v as usize) < begin);
                for &v in &lower[outside..] {
                    schedule.inside[p] |= 1 << (v as usize - begin);
                }
                let mut rest = &lower[..outside];
                while let [v, ..] = *rest {
                    // Fours are counted from the end of a run, so that all takers of a run cut it alike.
                    let four = runs[v as usize] % 4 == 3 && rest.get(3) == Some(&(v + 3));
                    taken.push((v, four, 1 << (p - begin)));
                    rest = &rest[if four { 4 } else { 1 }..];
                }
            }
            taken.sort_unstable();
            for group in taken.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
                schedule.tasks.push(Task {
                    v: group[0].0,
                    four: group[0].1,
                    takers: group.iter().fold(0, |takers, task| takers | task.2),
                });
            }
            schedule.first.push(schedule.tasks.len() as u32);
        }
        schedule
    }

    #[inline(always)]
    pub(crate) fn tasks(&self, panel: usize) -> &[Task] {
        &self.tasks[self.first[panel] as usize..self.first[panel + 1] as usize]
    }
}

/// v runs into v + 1 if row v of the upper pattern is v + 1 followed by row v + 1; by position, for how many rows that
/// goes on.
fn runs(trace: &BlockTrace) -> Vec<u32> {
    let size = trace.size();
    let mut runs = vec![0; size];
    for v in (0..size.saturating_sub(1)).rev() {
        if let [next, rest @ ..] = trace.upper.row(v)
            && *next as usize == v + 1
            && rest == trace.upper.row(v + 1)
        {
            runs[v] = runs[v + 1] + 1;
        }
    }
    runs
}
