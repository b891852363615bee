//! Rates, right-hand sides and blocks by rank: the order in which the kernel goes through memory.
//!
//! A trace numbers transient vertices block by block, and positions inside a block by the order of elimination. A *rank*
//! is the block's first number plus the position, so that the kernel never goes through an order: rates, factors and
//! solutions all lie by rank. All of this is found once per trace.

use std::sync::Arc;

use crate::phase::csr::Csr;
use crate::phase::graph::Graph;
use crate::phase::index::{Block, Index, IndexVec, Position, Rank, Span, Transient, Unit};
use crate::phase::numeric::sources::{SourceBuilder, Sources};
use crate::phase::symbolic::factor::SymbolicFactor;
use crate::phase::symbolic::layout::{Grouped, Target};
use crate::phase::symbolic::schedule::Schedule;

/// The rate of a slot: the coefficient times the source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub coefficient: f64,
    /// Which of the [`Sources`].
    pub source: u32,
    /// The position in the block, the rank, or nothing of use, by the slot's group.
    target: u32,
}

/// The largest sizes over all blocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    pub block: usize,
    pub lower: usize,
    pub upper: usize,
}

impl Rate {
    /// Where it leads, of a rate to a vertex of the own block.
    #[inline(always)]
    pub(crate) fn position(&self) -> Position {
        Position::from_u32(self.target)
    }

    /// Where it leads, of a rate to a vertex of a later block.
    #[inline(always)]
    pub(crate) fn rank(&self) -> Rank {
        Rank::from_u32(self.target)
    }
}

#[derive(Debug)]
pub(crate) struct Ranks {
    symbolic: Arc<SymbolicFactor>,
    rates: Grouped<Rank, Rate>,
    sources: Sources,
    rank: IndexVec<Transient, Rank>,
    transient: IndexVec<Rank, Transient>,
    schedules: IndexVec<Unit, Schedule>,
    nonabsorbing: Option<IndexVec<Rank, bool>>,
    start: Vec<(Rank, f64)>,
    sizes: Sizes,
    cost: u64,
    have_one_scale: bool,
}

impl Ranks {
    pub(crate) fn new(graph: &Graph, symbolic: &Arc<SymbolicFactor>) -> Self {
        let layout = symbolic.layout();
        let mut transient: IndexVec<Rank, Transient> = IndexVec::new();
        let (mut sizes, mut cost) = (Sizes::default(), 0);
        for block in layout.blocks() {
            let members = layout.members(block);
            sizes.block = sizes.block.max(members.len());
            match symbolic.block_trace(block) {
                None => transient.extend(members.iter()),
                Some(trace) => {
                    let order = trace.order.iter();
                    transient.extend(order.map(|&local| layout.member(block, local)));
                    sizes.lower = sizes.lower.max(trace.lower.len());
                    sizes.upper = sizes.upper.max(trace.upper.len());
                    cost += trace.multiply_adds() + trace.factor_entries() as u64;
                }
            }
        }
        let mut rank = IndexVec::filled(Rank::new(0), transient.len());
        for (r, &t) in transient.iter_enumerated() {
            rank[t] = r;
        }
        let (rates, sources) = rates(graph, symbolic, &transient, &rank);
        let traces = symbolic.traces().iter();
        let mut values = rates.values().iter();
        let have_one_scale = sources.parameters() == 1 && values.all(|rate| rate.source == 0);
        let mut ranks = Self {
            have_one_scale,
            symbolic: Arc::clone(symbolic),
            cost: cost + 2 * rates.values().len() as u64,
            rates,
            sources,
            start: layout.start(graph).map(|(t, p)| (rank[t], p)).collect(),
            rank,
            transient,
            schedules: traces.map(|trace| Schedule::new(trace)).collect(),
            nonabsorbing: None,
            sizes,
        };
        ranks.nonabsorbing = layout.nonabsorbing().map(|marks| ranks.by_rank(marks));
        ranks
    }

    /// What does not depend on coefficients.
    #[inline(always)]
    pub(crate) fn symbolic(&self) -> &SymbolicFactor {
        &self.symbolic
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// All ranks.
    pub(crate) fn all(&self) -> Span<Rank> {
        self.transient.span()
    }

    /// The transient vertex of a rank.
    #[inline(always)]
    pub(crate) fn transient(&self, rank: Rank) -> Transient {
        self.transient[rank]
    }

    /// The rank of a transient vertex.
    pub(crate) fn rank(&self, t: Transient) -> Rank {
        self.rank[t]
    }

    /// Puts values in the order of ranks.
    pub(crate) fn by_rank<T: Copy>(&self, values: &IndexVec<Transient, T>) -> IndexVec<Rank, T> {
        self.transient.iter().map(|&t| values[t]).collect()
    }

    /// The ranks of a block.
    #[inline(always)]
    pub(crate) fn block(&self, block: Block) -> Span<Rank> {
        Span::new(self.symbolic.layout().members(block).range())
    }

    /// How the rows of a unit's blocks are eliminated in pieces.
    #[inline(always)]
    pub(crate) fn schedule(&self, unit: Unit) -> &Schedule {
        &self.schedules[unit]
    }

    /// Whether the waiting time is infinite at every theta, if it is for any vertex.
    pub(crate) fn nonabsorbing(&self) -> Option<&IndexVec<Rank, bool>> {
        self.nonabsorbing.as_ref()
    }

    /// The start distribution.
    #[inline(always)]
    pub(crate) fn start(&self) -> &[(Rank, f64)] {
        &self.start
    }

    /// Whether all rates are multiples of one parameter, which there is no other of. A time is its reciprocal times a constant
    /// then, so that derivatives follow from values.
    pub(crate) fn have_one_scale(&self) -> bool {
        self.have_one_scale
    }

    /// Whether the start probabilities are far enough from the ends of the range of `f64`.
    pub(crate) fn start_is_safe(&self) -> bool {
        self.start
            .iter()
            .all(|&(_, probability)| probability > 1e-90)
    }

    pub(crate) fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Multiply-adds of one elimination and solve, roughly.
    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }

    /// Rates to vertices of the own block.
    #[inline(always)]
    pub(crate) fn own(&self, rank: Rank) -> &[Rate] {
        self.rates.own(rank)
    }

    /// Rates to vertices of later blocks.
    #[inline(always)]
    pub(crate) fn later(&self, rank: Rank) -> &[Rate] {
        self.rates.later(rank)
    }

    /// Rates to absorbing vertices.
    #[inline(always)]
    pub(crate) fn absorbing(&self, rank: Rank) -> &[Rate] {
        self.rates.absorbing(rank)
    }

    /// All rates out of a vertex, and where they lead.
    #[inline(always)]
    pub(crate) fn targets(
        &self,
        rank: Rank,
    ) -> impl Iterator<Item = (Target<Position, Rank>, &Rate)> {
        let own = self.own(rank).iter();
        let own = own.map(|rate| (Target::Own(rate.position()), rate));
        let later = self.later(rank).iter();
        let later = later.map(|rate| (Target::Later(rate.rank()), rate));
        let absorbing = self.absorbing(rank).iter();
        own.chain(later)
            .chain(absorbing.map(|rate| (Target::Absorbing, rate)))
    }
}

/// The rates by rank, and the sources they are made of.
fn rates(
    graph: &Graph,
    symbolic: &SymbolicFactor,
    transient: &IndexVec<Rank, Transient>,
    rank: &IndexVec<Transient, Rank>,
) -> (Grouped<Rank, Rate>, Sources) {
    let layout = symbolic.layout();
    let mut builder = SourceBuilder::new(graph, layout);
    let mut groups = Csr::with_capacity(3 * transient.len(), layout.slot_count());
    let mut longest = 0;
    for block in layout.blocks() {
        let members = layout.members(block);
        for r in Span::<Rank>::new(members.range()).iter() {
            let t = transient[r];
            // A vertex's slots come group by group.
            let mut group = 0;
            for (slot, target) in layout.targets(t) {
                let (of, target) = match target {
                    Target::Own(local) => {
                        let to = rank[layout.member(block, local)];
                        (0, to.as_u32() - members.start.as_u32())
                    }
                    Target::Later(t) => (1, rank[t].as_u32()),
                    Target::Absorbing => (2, u32::MAX),
                };
                while group < of {
                    groups.end_row();
                    group += 1;
                }
                let (coefficient, source) = builder.rate(slot);
                groups.push(Rate {
                    coefficient,
                    source,
                    target,
                });
            }
            while group < 3 {
                groups.end_row();
                group += 1;
            }
            longest = longest.max(layout.slots(t).len());
        }
    }
    (Grouped::new(groups), builder.finish(longest))
}
