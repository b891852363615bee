//! The numeric kernel: the workspace of elimination and solves at one theta per lane.
//!
//! # Blocks, last to first
//!
//! The system is block triangular, so each block can be eliminated and solved for *all* right-hand sides as soon as the
//! later blocks are done: the second moments of a block need its own first moments and later blocks only. Once the next
//! block starts, a block's factors are dead and their memory is reused, so the workspace stays in cache. Only goals that
//! solve again later retain the factors of all blocks ([`Retain::All`]).
//!
//! [`eliminate`](crate::phase::numeric::eliminate) fills the factors, [`solve`](crate::phase::numeric::solve) solves with them.
//!
//! # Lanes that `f64` cannot answer for
//!
//! A lane is *safe* if all its rates are positive and no number that enters a product is so large or small that the
//! product might overflow or underflow ([`crate::phase::numeric::extended`]). An unsafe lane runs on without harm,
//! because nothing here traps. Its results are dropped: the caller solves that theta alone, which finds the error, or
//! answers with zero rates, or with more digits.
//!
//! Upper bounds of the rates bound the sums of a row, so only the smallest factor and the largest inverse pivot are
//! watched. With positive rates no factor is zero: one that is zero has underflowed, or belongs to a row of a vertex with
//! an infinite waiting time.

use crate::phase::index::{Block, Index, IndexVec, Position, Rank, Span};
use crate::phase::numeric::extended::Range;
use crate::phase::numeric::flows::{Flows, RightHandSide};
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::panel::Eliminated;
use crate::phase::numeric::ranks::{Ranks, Rate};
use crate::phase::symbolic::factor::BlockPlace;
use crate::phase::symbolic::fill::BlockTrace;
use crate::phase::symbolic::schedule::{PANEL, Schedule};

/// What a run solves.
#[derive(Clone, Copy)]
pub(crate) struct System<'a> {
    pub ranks: &'a Ranks,
    pub right: &'a [RightHandSide],
    /// Marks vertices with an infinite waiting time; their solutions are zero.
    pub nonabsorbing: Option<&'a IndexVec<Rank, bool>>,
}

impl System<'_> {
    #[inline(always)]
    pub(super) fn is_nonabsorbing(&self, rank: Rank) -> bool {
        self.nonabsorbing.is_some_and(|marks| marks[rank])
    }
}

/// Which factors outlive the block they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retain {
    /// None, and the lower ones are not even written: there is one right-hand side at most.
    Nothing,
    /// Those of the block at hand, for several right-hand sides, and for transposed solves that eliminate each block again.
    Block,
    All,
}

/// A diagonal block, and where the kernel has its factors.
#[derive(Clone, Copy)]
pub(crate) enum Diagonal<'a> {
    /// A block of one vertex, whose factor is its inverse pivot.
    Singleton {
        rank: Rank,
        pivot: usize,
    },
    Block(BlockView<'a>),
}

/// A block of several vertices.
#[derive(Clone, Copy)]
pub(crate) struct BlockView<'a> {
    pub ranks: Span<Rank>,
    pub trace: &'a BlockTrace,
    pub schedule: &'a Schedule,
    pub place: BlockPlace,
}

impl BlockView<'_> {
    #[inline(always)]
    pub(crate) fn size(&self) -> usize {
        self.ranks.len()
    }

    #[inline(always)]
    pub(crate) fn rank(&self, p: Position) -> Rank {
        self.ranks.start.plus(p.index())
    }

    #[inline(always)]
    pub(crate) fn positions(
        &self,
    ) -> impl DoubleEndedIterator<Item = Position> + ExactSizeIterator + Clone + use<> {
        Span::new(0..self.size()).iter()
    }
}

/// Values and workspace of one group of lanes; reused from group to group.
pub(crate) struct Kernel<S> {
    /// Theta and what is derived from it; see [`crate::phase::numeric::sources`].
    pub(super) sources: Vec<S>,
    rates_are_safe: Vec<bool>,
    /// Solution k of rank r is `x[r * columns + k]`.
    pub(super) x: Vec<S>,
    pub(super) columns: usize,
    /// Smallest nonzero and largest entry of each solution.
    pub(super) smallest: Vec<S>,
    pub(super) largest: Vec<S>,
    /// The smallest factor, the smallest nonzero probability to leave a block, and the largest inverse pivot.
    pub(super) least_factor: S,
    pub(super) least_exit: S,
    pub(super) largest_inverse: S,
    pub(super) retain: Retain,
    pub(super) factors: Factors<S>,
    /// By position in the block, the panel's rows side by side.
    pub(super) work: Vec<[S; PANEL]>,
}

/// The factors, and what else later rows of the block need of an eliminated one.
pub(crate) struct Factors<S> {
    /// One over the pivots; by rank, or by position in the block at hand.
    pub inverse: Vec<S>,
    pub lower: Vec<S>,
    pub upper: Vec<S>,
    /// The probability to leave the block before any later row, by position in the block at hand.
    pub exit: Vec<S>,
    /// The forward substitution, by position in the block at hand.
    pub y: Vec<S>,
}

impl<S: Lanes> Factors<S> {
    /// The rows of a block, as later ones add multiples of them.
    #[inline(always)]
    pub(super) fn eliminated<'a>(&'a self, view: &BlockView<'a>) -> Eliminated<'a, S> {
        let upper = view.place.upper..view.place.upper + view.trace.upper.len();
        Eliminated {
            trace: view.trace,
            upper: &self.upper[upper],
            exit: &self.exit,
            y: &self.y,
        }
    }
}

impl<S: Lanes> Kernel<S> {
    /// A kernel of nothing.
    pub(crate) fn empty() -> Self {
        Self {
            sources: Vec::new(),
            rates_are_safe: Vec::new(),
            x: Vec::new(),
            columns: 0,
            smallest: Vec::new(),
            largest: Vec::new(),
            least_factor: S::ZERO,
            least_exit: S::ZERO,
            largest_inverse: S::ZERO,
            retain: Retain::Nothing,
            factors: Factors {
                inverse: Vec::new(),
                lower: Vec::new(),
                upper: Vec::new(),
                exit: Vec::new(),
                y: Vec::new(),
            },
            work: Vec::new(),
        }
    }

    pub(crate) fn new(ranks: &Ranks, columns: usize, retain: Retain) -> Self {
        let zeros = |count: usize| vec![S::ZERO; count];
        let (sizes, symbolic) = (ranks.sizes(), ranks.symbolic());
        let vertices = ranks.all().len();
        let (inverse, lower, upper) = match retain {
            Retain::Nothing => (sizes.block, 0, sizes.upper),
            Retain::Block => (sizes.block, sizes.lower, sizes.upper),
            Retain::All => (vertices, symbolic.lower_len(), symbolic.upper_len()),
        };
        Self {
            sources: zeros(ranks.sources().count()),
            rates_are_safe: Vec::new(),
            x: zeros(vertices * columns),
            columns,
            smallest: zeros(columns),
            largest: zeros(columns),
            least_factor: S::ZERO,
            least_exit: S::ZERO,
            largest_inverse: S::ZERO,
            retain,
            factors: Factors {
                inverse: zeros(inverse),
                lower: zeros(lower),
                upper: zeros(upper),
                exit: zeros(sizes.block),
                y: zeros(sizes.block),
            },
            work: vec![[S::ZERO; PANEL]; sizes.block],
        }
    }

    /// What rates and solutions are read from.
    #[inline(always)]
    pub(super) fn flows(&self) -> Flows<'_, S> {
        Flows {
            sources: &self.sources,
            x: &self.x,
            columns: self.columns,
        }
    }

    /// The rate of a slot.
    #[inline(always)]
    pub(crate) fn rate(&self, rate: &Rate) -> S {
        self.flows().rate(rate)
    }

    /// Solution k of a vertex.
    #[inline(always)]
    pub(crate) fn solution(&self, rank: Rank, k: usize) -> S {
        self.x[rank.index() * self.columns + k]
    }

    /// The value of a source.
    #[inline(always)]
    pub(crate) fn source(&self, source: u32) -> S {
        self.sources[source as usize]
    }

    /// The values of all sources.
    pub(crate) fn sources(&self) -> &[S] {
        &self.sources
    }

    /// All solutions; see [`solution`](Self::solution).
    pub(crate) fn solutions(&self) -> &[S] {
        &self.x
    }

    /// Which factors outlive their block.
    pub(crate) fn retain(&self) -> Retain {
        self.retain
    }

    /// How many solutions there is room for.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Whether products of the entries of solution k in a lane are sure to be normal.
    pub(crate) fn is_in_range(&self, k: usize, lane: usize) -> bool {
        let (low, high) = (self.smallest[k].lane(lane), self.largest[k].lane(lane));
        low >= 1.0 / Range::LIMIT && high <= Range::LIMIT
    }

    /// Whether lower factors are written. For one right-hand side they are used as they are made; an elimination for none is one for
    /// transposed solves.
    #[inline(always)]
    pub(super) fn keeps_lower(&self, system: &System<'_>) -> bool {
        match self.retain {
            Retain::Nothing => false,
            Retain::Block => system.right.len() != 1,
            Retain::All => true,
        }
    }

    /// Whether a block is eliminated row by row: one theta has nothing to gain from panels.
    #[inline(always)]
    pub(super) fn is_by_rows(schedule: &Schedule) -> bool {
        S::COUNT == 1 || schedule.is_sparse
    }

    #[inline(always)]
    pub(crate) fn diagonal<'a>(&self, ranks: &'a Ranks, block: Block) -> Diagonal<'a> {
        let symbolic = ranks.symbolic();
        let place = match self.retain {
            Retain::All => symbolic.place(block),
            Retain::Nothing | Retain::Block => BlockPlace::default(),
        };
        let members = ranks.block(block);
        match symbolic.layout().unit(block) {
            None => Diagonal::Singleton {
                rank: members.start,
                pivot: place.pivots,
            },
            Some(unit) => Diagonal::Block(BlockView {
                ranks: members,
                trace: &symbolic.traces()[unit],
                schedule: ranks.schedule(unit),
                place,
            }),
        }
    }

    /// Takes up to as many thetas as there are lanes; lanes without one repeat the last.
    #[inline(always)]
    pub(crate) fn load(&mut self, ranks: &Ranks, thetas: ndarray::ArrayView2<'_, f64>) {
        let rows = thetas.nrows();
        for lane in 0..S::COUNT {
            for (value, source) in thetas.row(lane.min(rows - 1)).iter().zip(&mut self.sources) {
                // Adding 0 turns a negative zero into zero.
                source.set_lane(lane, *value + 0.0);
            }
        }
        let sources = ranks.sources();
        sources.evaluate(&mut self.sources, &mut self.rates_are_safe);
    }

    /// Whether the rates of a lane are all positive and safe.
    pub(crate) fn rates_are_safe(&self, lane: usize) -> bool {
        self.rates_are_safe[lane]
    }

    /// Whether the factors of a lane are safe.
    pub(crate) fn is_safe(&self, lane: usize) -> bool {
        self.rates_are_safe[lane]
            && self.least_factor.lane(lane) >= 1.0 / Range::LIMIT
            && self.least_exit.lane(lane) >= 1.0 / Range::LIMIT
            && self.largest_inverse.lane(lane) <= Range::LIMIT
    }

    /// The product of the start distribution with solution k.
    #[inline(always)]
    pub(crate) fn start_product(&self, ranks: &Ranks, k: usize) -> S {
        let start = ranks.start().iter();
        start.fold(S::ZERO, |sum, &(rank, probability)| {
            sum.plus(S::splat(probability), self.solution(rank, k))
        })
    }
}

impl Kernel<f64> {
    /// The range of the factors where some rates are zero. Zero rates make zero factors, so the smallest factor says
    /// nothing there.
    pub(crate) fn factor_range(&self) -> Range {
        let exit = match self.least_exit {
            exit if exit.is_finite() => exit,
            _ => 1.0,
        };
        Range::EMPTY
            .include(&self.factors.inverse)
            .include(&self.factors.lower)
            .include(&self.factors.upper)
            .include(&[exit])
    }
}
