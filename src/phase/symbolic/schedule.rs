//! In which pieces a block's rows are eliminated.
//!
//! Row p goes through its earlier neighbours v in ascending order, and adds its entry w(p, v) times row v of the upper
//! factor. Two things make that fast. Rows are eliminated in *panels* of [`PANEL`] consecutive ones, and a row v that
//! several of them need is read once for all. And where v, v + 1, v + 2, v + 3 have nested patterns, as in a dense front,
//! the four are added together, so that each entry of the panel is read and written once for four multiply-adds. Both
//! change the order between entries, never that of the sums inside an entry.
//!
//! What the rows of a panel add to each other comes last, row by row.
//!
//! Where rows are short, looking up what to do to a panel takes longer than doing it. Such blocks, and all blocks where there is
//! one theta alone, are eliminated row by row ([`Steps`]): a row lies by position, and for one theta runs of neighbouring
//! positions at the end of an upper row, as in a dense front, are added without looking up where they go.

use crate::phase::csr::Csr;
use crate::phase::index::{Index, IndexVec, Local, Position, Span};
use crate::phase::symbolic::fill::BlockTrace;

/// Multiply-adds per entry of the lower factor below which rows are eliminated one by one.
const SPARSE: u64 = 24;

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

/// Adding row v, or the rows v to v + 3, to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step(u32);

impl Step {
    fn new(v: Position, four: bool) -> Self {
        Self(v.as_u32() << 1 | u32::from(four))
    }

    #[inline(always)]
    pub(crate) fn v(self) -> Position {
        Position::from_u32(self.0 >> 1)
    }

    #[inline(always)]
    pub(crate) fn is_four(self) -> bool {
        self.0 & 1 != 0
    }
}

/// How rows are eliminated one by one.
#[derive(Debug)]
pub(crate) struct Steps {
    steps: Csr<Position, Step>,
    /// The entries of each row that no rate begins.
    fills: Csr<Position, Position>,
    /// How many entries of each upper row come before those of consecutive positions at its end.
    scattered: IndexVec<Position, u32>,
}

impl Steps {
    fn new(trace: &BlockTrace) -> Self {
        let size = trace.size();
        let runs = runs(trace);
        let mut own: Vec<Position> = Vec::new();
        let mut result = Self {
            steps: Csr::with_capacity(size, trace.lower.len()),
            fills: Csr::with_capacity(size, 0),
            scattered: IndexVec::new(),
        };
        for (p, &vertex) in trace.order.iter_enumerated() {
            let mut lower = trace.lower.row(p);
            while let [v, ..] = *lower {
                // Fours are counted from the end of a run, so that all rows cut a run alike.
                let four = runs[v] % 4 == 3 && lower.get(3) == Some(&v.plus(3));
                result.steps.push(Step::new(v, four));
                lower = &lower[if four { 4 } else { 1 }..];
            }
            result.steps.end_row();
            own.clear();
            let targets = trace.topology.row(vertex.as_u32()).iter();
            own.extend(targets.map(|&to| trace.position[Local::from_u32(to)]));
            own.sort_unstable();
            let mut own = own.as_slice();
            for &column in trace.lower.row(p).iter().chain(trace.upper.row(p)) {
                match own {
                    [first, rest @ ..] if *first == column => own = rest,
                    _ => result.fills.push(column),
                }
            }
            result.fills.end_row();
            let upper = trace.upper.row(p);
            let pairs = upper.windows(2).rev();
            let consecutive = pairs.take_while(|pair| pair[0].plus(1) == pair[1]).count();
            let scattered = match consecutive + 1 {
                // Short ones are not worth a loop of their own.
                0..SHORT => upper.len(),
                many => upper.len() - many,
            };
            result.scattered.push(scattered as u32);
        }
        result
    }

    /// What is added to a row, in this order.
    #[inline(always)]
    pub(crate) fn row(&self, p: Position) -> &[Step] {
        self.steps.row(p)
    }

    /// The entries of a row that begin as zero.
    #[inline(always)]
    pub(crate) fn fills(&self, p: Position) -> &[Position] {
        self.fills.row(p)
    }

    /// How many entries of an upper row come before those of consecutive positions at its end.
    #[inline(always)]
    pub(crate) fn scattered(&self, v: Position) -> usize {
        self.scattered[v] as usize
    }
}

/// Consecutive positions at the end of an upper row that are not worth a loop of their own.
const SHORT: usize = 4;

#[derive(Debug)]
pub(crate) struct Schedule {
    /// By panel, where rows are not eliminated one by one in any case.
    tasks: Csr<usize, Task>,
    /// Bit j if row j of the own panel is added to the row.
    inside: IndexVec<Position, u8>,
    pub steps: Steps,
    /// Whether the block is eliminated row by row for several thetas too.
    pub is_sparse: bool,
}

impl Schedule {
    pub(crate) fn new(trace: &BlockTrace) -> Self {
        let size = trace.size();
        let runs = runs(trace);
        let mut schedule = Self {
            steps: Steps::new(trace),
            is_sparse: trace.multiply_adds() < SPARSE * trace.lower.len() as u64,
            tasks: Csr::with_capacity(size.div_ceil(PANEL), 0),
            inside: IndexVec::filled(0, size),
        };
        if schedule.is_sparse {
            // Nobody asks for panels.
            return schedule;
        }
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
