//! In which pieces a block's rows are eliminated.
//!
//! Row p goes through its earlier neighbours v in ascending order, and adds its entry w(p, v) times row v of the upper
//! factor. Two things make that fast. Rows are eliminated in *panels* of [`PANEL`] consecutive ones, and a row v that
//! several of them need is read once for all. And where v, v + 1, v + 2, v + 3 have nested patterns, as in a dense front,
//! the four are added together, so that each entry of the panel is read and written once for four multiply-adds. Both
//! change the order between entries, never that of the sums inside an entry.
//!
//! What the rows of a panel add to each other comes last, row by row.

use crate::phase::csr::Csr;
use crate::phase::index::{Index, IndexVec, Position, Span};
use crate::phase::symbolic::fill::BlockTrace;

/// Rows eliminated side by side.
pub(crate) const PANEL: usize = 4;

/// Adding row v, or the rows v to v + 3, to rows of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Task {
    pub v: Position,
    pub four: bool,
    /// A bit per row of the panel that the multiples are added to.
    pub rows: u8,
}

#[derive(Debug)]
pub(crate) struct Schedule {
    /// By panel.
    tasks: Csr<usize, Task>,
    /// Bit j if row j of the own panel is added to the row.
    inside: IndexVec<Position, u8>,
}

impl Schedule {
    pub(crate) fn new(trace: &BlockTrace) -> Self {
        let size = trace.size();
        let runs = runs(trace);
        let mut schedule = Self {
            tasks: Csr::with_capacity(size.div_ceil(PANEL), 0),
            inside: IndexVec::filled(0, size),
        };
        let mut taken: Vec<(Position, bool, u8)> = Vec::new();
        for begin in (0..size).step_by(PANEL) {
            taken.clear();
            for p in Span::new(begin..size.min(begin + PANEL)).iter() {
                let lower = trace.lower.row(p);
                let outside = lower.partition_point(|&v| v.index() < begin);
                for &v in &lower[outside..] {
                    schedule.inside[p] |= 1 << (v.index() - begin);
                }
                let mut rest = &lower[..outside];
                while let [v, ..] = *rest {
                    // Fours are counted from the end of a run, so that all rows cut a run alike.
                    let four = runs[v] % 4 == 3 && rest.get(3) == Some(&v.plus(3));
                    taken.push((v, four, 1 << (p.index() - begin)));
                    rest = &rest[if four { 4 } else { 1 }..];
                }
            }
            taken.sort_unstable();
            for group in taken.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
                schedule.tasks.push(Task {
                    v: group[0].0,
                    four: group[0].1,
                    rows: group.iter().fold(0, |rows, task| rows | task.2),
                });
            }
            schedule.tasks.end_row();
        }
        schedule
    }

    /// What is added to the rows of a panel from rows before the panel.
    #[inline(always)]
    pub(crate) fn tasks(&self, panel: usize) -> &[Task] {
        self.tasks.row(panel)
    }

    /// Bit j if row j of the own panel is added to the row.
    #[inline(always)]
    pub(crate) fn inside(&self, p: Position) -> u8 {
        self.inside[p]
    }
}

/// For how many rows v runs on: v runs into v + 1 if row v of the upper pattern is v + 1 followed by row v + 1.
fn runs(trace: &BlockTrace) -> IndexVec<Position, u32> {
    let size = trace.size();
    let mut runs = IndexVec::filled(0, size);
    for v in Span::<Position>::new(0..size.saturating_sub(1))
        .iter()
        .rev()
    {
        if let [next, rest @ ..] = trace.upper.row(v)
            && *next == v.plus(1)
            && rest == trace.upper.row(*next)
        {
            runs[v] = runs[*next] + 1;
        }
    }
    runs
}
