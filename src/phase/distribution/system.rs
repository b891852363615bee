//! Solves with the rates of a model at one theta, over numbers of any kind: `f64`, wider ones, complex ones.
//!
//! The factor is elimap's own ([`crate::phase::numeric::factor`]). A rate of killing may be added to each vertex, which is
//! what Laplace transforms ask for: `A + u` in place of A.

use std::sync::Arc;

use crate::phase::graph::{Graph, VertexId};
use crate::phase::index::{Index, IndexVec, Slot, Transient};
use crate::phase::numeric::extended::{Extended, Range, Scalar};
use crate::phase::numeric::factor::Factor;
use crate::phase::numeric::rates;
use crate::phase::symbolic::factor::SymbolicFactor;
use crate::phase::symbolic::layout::{Layout, Target};
use crate::phase::trace::EliminationTrace;

/// Values of the transient vertices.
pub(crate) type Column<S> = IndexVec<Transient, S>;

/// A kind of number that a model has rates in.
pub(crate) trait Number: Scalar {
    /// Whether nothing overflows or underflows.
    const HAS_NO_BOUNDS: bool;

    fn rates(trace: &EliminationTrace, theta: &[f64]) -> IndexVec<Slot, Self>;

    fn to_f64(self) -> f64;

    fn minus(self, other: Self) -> Self;

    fn is_zero(self) -> bool;

    /// Whether products of these numbers neither overflow nor underflow.
    fn is_safe(values: &Column<Self>) -> bool;
}

impl Number for f64 {
    const HAS_NO_BOUNDS: bool = false;

    fn rates(trace: &EliminationTrace, theta: &[f64]) -> IndexVec<Slot, Self> {
        // A theta that was accepted has rates.
        let layout = trace.symbolic().layout();
        rates::rates(layout, trace.graph(), theta)
            .unwrap_or_else(|_| IndexVec::filled(0.0, layout.slot_count()))
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn minus(self, other: Self) -> Self {
        self - other
    }

    fn is_zero(self) -> bool {
        self == 0.0
    }

    fn is_safe(values: &Column<Self>) -> bool {
        Range::EMPTY.include(values.as_slice()).is_safe()
    }
}

impl Number for Extended {
    const HAS_NO_BOUNDS: bool = true;

    fn rates(trace: &EliminationTrace, theta: &[f64]) -> IndexVec<Slot, Self> {
        rates::wide_rates(trace.symbolic().layout(), trace.graph(), theta)
    }

    fn to_f64(self) -> f64 {
        Self::to_f64(self)
    }

    fn minus(self, other: Self) -> Self {
        self + -other
    }

    fn is_zero(self) -> bool {
        !self.is_positive() && !(-self).is_positive()
    }

    fn is_safe(_: &Column<Self>) -> bool {
        true
    }
}

/// The vertex that a slot to absorption leads to.
pub(crate) fn absorbing_target(
    layout: &Layout,
    graph: &Graph,
    t: Transient,
    slot: Slot,
) -> VertexId {
    let edge = layout.edges(slot)[0] as usize;
    graph.edge_of(layout.vertex(t), edge).to
}

/// The block of each transient vertex's members, for slots inside blocks.
pub(crate) fn first_members(layout: &Layout) -> Column<Transient> {
    let mut first = IndexVec::filled(Transient::new(0), layout.transient_count());
    for block in layout.blocks() {
        let members = layout.members(block);
        for t in members.iter() {
            first[t] = members.start;
        }
    }
    first
}

/// A factored system.
pub(crate) struct System<S> {
    symbolic: Arc<SymbolicFactor>,
    graph: Graph,
    /// By slot.
    pub rates: IndexVec<Slot, S>,
    /// The first member of each vertex's block.
    first: Column<Transient>,
    factor: Factor<S>,
}

impl<S: Scalar> System<S> {
    /// Eliminates at rates, with rates of killing beside them. Vertices from which nothing absorbs or kills are left out: their
    /// solutions are zero.
    pub(crate) fn new(
        trace: &EliminationTrace,
        rates: IndexVec<Slot, S>,
        killing: Option<&Column<S>>,
        is_zero: impl Fn(S) -> bool,
    ) -> Self {
        let symbolic = Arc::clone(trace.symbolic());
        let first = first_members(symbolic.layout());
        let marks = lost(symbolic.layout(), &first, &rates, killing, is_zero);
        Self {
            factor: Factor::with_killing(&symbolic, rates.clone(), marks.as_ref(), killing),
            graph: trace.graph().clone(),
            symbolic,
            rates,
            first,
        }
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn layout(&self) -> &Layout {
        self.symbolic.layout()
    }

    /// The slots of a vertex and which transient vertex they lead to; those to absorption lead to none.
    pub(crate) fn targets(
        &self,
        t: Transient,
    ) -> impl Iterator<Item = (Slot, Option<Transient>)> + '_ {
        let first = self.first[t];
        self.layout().targets(t).map(move |(slot, target)| {
            let to = match target {
                Target::Own(local) => Some(Transient::new(first.index() + local.index())),
                Target::Later(later) => Some(later),
                Target::Absorbing => None,
            };
            (slot, to)
        })
    }

    /// The same value for all transient vertices.
    pub(crate) fn constant(&self, value: f64) -> Column<S> {
        IndexVec::filled(S::from_f64(value), self.layout().transient_count())
    }

    /// By transient vertex, the rate to absorbing vertices that satisfy a condition.
    pub(crate) fn absorption(&self, to: impl Fn(VertexId) -> bool) -> Column<S> {
        let layout = self.layout();
        let vertices = layout.transients().iter();
        vertices
            .map(|t| {
                let slots = self.targets(t).filter(|(_, target)| target.is_none());
                slots.fold(S::ZERO, |sum, (slot, _)| {
                    match to(absorbing_target(layout, &self.graph, t, slot)) {
                        true => sum + self.rates[slot],
                        false => sum,
                    }
                })
            })
            .collect()
    }

    /// The start probabilities.
    pub(crate) fn start(&self) -> Column<S> {
        let mut start = self.constant(0.0);
        for (t, probability) in self.layout().start(&self.graph) {
            start[t] = start[t] + S::from_f64(probability);
        }
        start
    }

    /// The product of the start probabilities with a column.
    pub(crate) fn start_product(&self, column: &Column<S>) -> S {
        let start = self.layout().start(&self.graph);
        start.fold(S::ZERO, |sum, (t, probability)| {
            sum + S::from_f64(probability) * column[t]
        })
    }

    /// A x = r.
    pub(crate) fn solve(&self, r: &Column<S>) -> Column<S> {
        self.factor.solve(&self.symbolic, r)
    }

    /// A' y = r.
    pub(crate) fn solve_transposed(&self, r: &Column<S>) -> Column<S> {
        self.factor.solve_transposed(&self.symbolic, r)
    }
}

/// Marks the vertices from which no path of rates leads to absorption or to killing, if there are any.
fn lost<S: Scalar>(
    layout: &Layout,
    first: &Column<Transient>,
    rates: &IndexVec<Slot, S>,
    killing: Option<&Column<S>>,
    is_zero: impl Fn(S) -> bool,
) -> Option<Column<bool>> {
    let count = layout.transient_count();
    let mut into: Vec<Vec<u32>> = vec![Vec::new(); count];
    let mut lost = IndexVec::filled(true, count);
    let mut next = Vec::new();
    for t in layout.transients().iter() {
        let mut ends = killing.is_some_and(|killing| !is_zero(killing[t]));
        for (slot, target) in layout.targets(t) {
            if is_zero(rates[slot]) {
                continue;
            }
            match target {
                Target::Own(local) => into[first[t].index() + local.index()].push(t.as_u32()),
                Target::Later(later) => into[later.index()].push(t.as_u32()),
                Target::Absorbing => ends = true,
            }
        }
        if ends {
            lost[t] = false;
            next.push(t);
        }
    }
    while let Some(t) = next.pop() {
        for &from in &into[t.index()] {
            let from = Transient::from_u32(from);
            if std::mem::replace(&mut lost[from], false) {
                next.push(from);
            }
        }
    }
    lost.iter().any(|&lost| lost).then_some(lost)
}
