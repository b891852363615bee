//! What a replay looks up again and again, found once per trace.
//!
//! # Ranks
//!
//! A trace numbers transient vertices block by block, and positions inside a block by the order of elimination. A *rank*
//! is the block's first number plus the position, so that the kernel never goes through an order: rates, factors and
//! solutions all lie by rank.
//!
//! # Sources
//!
//! A rate is linear in theta. Nearly every one is a coefficient times one parameter, or a constant, which is a
//! coefficient of 1. So a slot has a coefficient and a *source*, and its rate is their product: the sources are theta, then
//! the number 1, then one value for each distinct rate of another form (several edges or parameters, negative
//! coefficients), which is evaluated once per theta however many slots have it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use crate::phase::numeric::extended;
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::sensitivity::Sensitivity;
use crate::phase::symbolic::analysis::NONE;
use crate::phase::symbolic::schedule::Schedule;
use crate::phase::trace::EliminationTrace;

/// The rate of a pair of vertices: the coefficient times the source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub coefficient: f64,
    pub source: u32,
    /// The position in the block, the rank, or nothing of use, by the slot's group.
    pub target: u32,
}

/// Rates of another form: edges, each with a constant and products of parameters and coefficients.
#[derive(Debug)]
struct General {
    /// By rate, and one more: its first edge.
    edges: Vec<u32>,
    /// By edge.
    constants: Vec<f64>,
    /// By edge, and one more: its first product.
    products: Vec<u32>,
    /// Parameter and coefficient of each product.
    terms: Vec<(u32, f64)>,
}

impl General {
    fn count(&self) -> usize {
        self.edges.len() - 1
    }

    fn edges(&self, rate: usize) -> Range<usize> {
        self.edges[rate] as usize..self.edges[rate + 1] as usize
    }

    fn terms(&self, edges: Range<usize>) -> &[(u32, f64)] {
        &self.terms[self.products[edges.start] as usize..self.products[edges.end] as usize]
    }
}

/// The sizes of a replay's workspace, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    pub block: usize,
    pub lower: usize,
    pub upper: usize,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    first: u32,
    internal_end: u32,
    external_end: u32,
}

#[derive(Debug)]
pub(crate) struct Plan {
    slots: Vec<Slot>,
    /// By rank, and one more.
    rows: Vec<Row>,
    general: General,
    pub parameters: usize,
    /// By source: the smallest and the largest coefficient, if there is one.
    extremes: Vec<Option<(f64, f64)>>,
    /// Rates in these bounds keep a row's total in the safe range.
    bounds: (f64, f64),
    /// By transient number.
    pub rank: Vec<u32>,
    /// By rank.
    pub transient: Vec<u32>,
    /// By unit.
    pub schedules: Vec<Schedule>,
    /// By rank: whether the waiting time is infinite at every theta.
    pub lost: Option<Vec<bool>>,
    /// Start probabilities by rank.
    pub start: Vec<(u32, f64)>,
    /// Whether the start probabilities are far enough from the ends of the range of `f64`.
    pub start_is_safe: bool,
    /// The largest of each over all blocks.
    pub sizes: Sizes,
    /// Multiply-adds of one replay, roughly.
    pub cost: u64,
    sensitivity: OnceLock<Sensitivity>,
}

impl Plan {
    pub(crate) fn new(trace: &EliminationTrace) -> Self {
        let inner = &*trace.0;
        let layout = &inner.layout;
        let count = layout.transient.len();
        let mut plan = Self {
            slots: Vec::with_capacity(layout.slot_count()),
            rows: Vec::with_capacity(count + 1),
            general: General {
                edges: vec![0],
                constants: Vec::new(),
                products: vec![0],
                terms: Vec::new(),
            },
            parameters: trace.param_length(),
            extremes: vec![None; trace.param_length() + 1],
            bounds: (0.0, 0.0),
            rank: vec![0; count],
            transient: Vec::with_capacity(count),
            schedules: inner
                .traces
                .iter()
                .map(|unit| Schedule::new(unit))
                .collect(),
            lost: None,
            start: Vec::new(),
            start_is_safe: inner.start.iter().all(|&(_, p)| p > 1e-90),
            sizes: Sizes::default(),
            cost: 0,
            sensitivity: OnceLock::new(),
        };
        for block in 0..layout.block_count() {
            let members = layout.block(block);
            plan.sizes.block = plan.sizes.block.max(members.len());
            match inner.block_trace(block) {
                None => plan.transient.extend(members.map(|t| t as u32)),
                Some(unit) => {
                    let order = unit.order.iter();
                    plan.transient
                        .extend(order.map(|&local| members.start as u32 + local));
                    plan.sizes.lower = plan.sizes.lower.max(unit.lower.len());
                    plan.sizes.upper = plan.sizes.upper.max(unit.upper.len());
                    plan.cost += unit.multiply_adds() + unit.factor_entries() as u64;
                }
            }
        }
        for (rank, &t) in plan.transient.iter().enumerate() {
            plan.rank[t as usize] = rank as u32;
        }
        plan.add_slots(trace);
        plan.cost += 2 * plan.slots.len() as u64;
        let by_rank = |t: u32| plan.rank[t as usize];
        plan.start = inner.start.iter().map(|&(t, p)| (by_rank(t), p)).collect();
        plan.lost = layout.lost.as_ref().map(|lost| plan.by_rank(lost));
        plan
    }

    /// Puts values by transient number in the order of ranks.
    pub(crate) fn by_rank<T: Copy>(&self, values: &[T]) -> Vec<T> {
        self.transient.iter().map(|&t| values[t as usize]).collect()
    }

    fn add_slots(&mut self, trace: &EliminationTrace) {
        let layout = &trace.0.layout;
        let mut known: HashMap<Vec<u64>, u32> = HashMap::new();
        let mut longest = 0;
        for block in 0..layout.block_count() {
            let first = layout.block_first[block];
            for rank in layout.block(block) {
                let t = self.transient[rank] as usize;
                let begin = self.slots.len() as u32;
                let group = |range: Range<usize>| range.len() as u32;
                self.rows.push(Row {
                    first: begin,
                    internal_end: begin + group(layout.internal(t)),
                    external_end: begin + group(layout.internal(t)) + group(layout.external(t)),
                });
                for slot in layout.slots(t) {
                    let target = layout.slot_target[slot];
                    let target = if layout.internal(t).contains(&slot) {
                        self.rank[(first + target) as usize] - first
                    } else if layout.external(t).contains(&slot) {
                        self.rank[target as usize]
                    } else {
                        NONE
                    };
                    let (coefficient, source) = self.rate(trace, t, slot, &mut known);
                    self.slots.push(Slot {
                        coefficient,
                        source,
                        target,
                    });
                }
                longest = longest.max(layout.slots(t).len());
            }
        }
        // What a row gathers adds up to no more than its own rates, with room for rounding.
        let limit = extended::Range::LIMIT;
        self.bounds = (1.0 / limit, limit / (4 * longest + 4) as f64);
        let end = self.slots.len() as u32;
        self.rows.push(Row {
            first: end,
            internal_end: end,
            external_end: end,
        });
    }

    /// Coefficient and source of a slot.
    fn rate(
        &mut self,
        trace: &EliminationTrace,
        t: usize,
        slot: usize,
        known: &mut HashMap<Vec<u64>, u32>,
    ) -> (f64, u32) {
        let layout = &trace.0.layout;
        let edges = layout.edges_of_slot(slot).iter();
        let edges = edges.map(|&edge| layout.graph.edge_of(layout.transient[t], edge as usize));
        let mut simple = None;
        if let [edge] = layout.edges_of_slot(slot) {
            let edge = layout.graph.edge_of(layout.transient[t], *edge as usize);
            simple = match (edge.parameters, edge.coefficients) {
                ([], []) => Some((edge.constant, self.parameters as u32)),
                (&[parameter], &[coefficient]) => Some((coefficient, parameter)),
                _ => None,
            };
        }
        let (coefficient, source) = match simple {
            Some((coefficient, source)) if coefficient > 0.0 => (coefficient, source),
            _ => {
                let mut name = Vec::new();
                for edge in edges.clone() {
                    name.extend([edge.constant.to_bits(), edge.parameters.len() as u64]);
                    name.extend(
                        edge.parameters
                            .iter()
                            .map(|&parameter| u64::from(parameter)),
                    );
                    name.extend(edge.coefficients.iter().map(|value| value.to_bits()));
                }
                let next = (self.parameters + 1 + self.general.count()) as u32;
                let source = *known.entry(name).or_insert(next);
                if source == next {
                    for edge in edges {
                        self.general.constants.push(edge.constant);
                        let parameters = edge.parameters.iter().copied();
                        let terms = parameters.zip(edge.coefficients.iter().copied());
                        self.general.terms.extend(terms);
                        self.general.products.push(self.general.terms.len() as u32);
                    }
                    self.general.edges.push(self.general.constants.len() as u32);
                    self.extremes.push(None);
                }
                (1.0, source)
            }
        };
        let extremes = &mut self.extremes[source as usize];
        let (low, high) = extremes.unwrap_or((coefficient, coefficient));
        *extremes = Some((low.min(coefficient), high.max(coefficient)));
        (coefficient, source)
    }

    pub(crate) fn source_count(&self) -> usize {
        self.extremes.len()
    }

    /// Evaluates the sources, of which the first are theta already; the lanes for which every rate is positive and safe.
    ///
    /// The sums are those of [`crate::phase::numeric::rates`].
    #[inline(always)]
    pub(crate) fn evaluate<S: Lanes>(&self, sources: &mut [S], safe: &mut Vec<bool>) {
        sources[self.parameters] = S::splat(1.0);
        let (mut least_rate, mut least) = (S::splat(f64::INFINITY), S::splat(f64::INFINITY));
        let (mut largest, mut total) = (S::ZERO, S::ZERO);
        for g in 0..self.general.count() {
            let mut sum = S::ZERO;
            for edge in self.general.edges(g) {
                let mut rate = S::splat(self.general.constants[edge]);
                for &(parameter, coefficient) in self.general.terms(edge..edge + 1) {
                    rate = rate.plus(S::splat(coefficient), sources[parameter as usize]);
                }
                least_rate = least_rate.min(rate);
                sum = sum.add(rate);
            }
            // Adding 0 turns a negative zero into zero.
            sum = sum.add(S::ZERO);
            least = least.min(sum);
            largest = largest.max(sum);
            total = total.add(sum);
            sources[self.parameters + 1 + g] = sum;
        }
        safe.clear();
        safe.extend((0..S::COUNT).map(|lane| {
            // Minimum and maximum pass over a NaN; a sum does not. A rate of zero may be a product that underflowed.
            total.lane(lane).is_finite()
                && least_rate.lane(lane) > 0.0
                && least.lane(lane) >= self.bounds.0
                && largest.lane(lane) <= self.bounds.1
        }));
        for (source, extremes) in sources[..=self.parameters].iter().zip(&self.extremes) {
            if let Some((low, high)) = extremes {
                for (lane, safe) in safe.iter_mut().enumerate() {
                    let value = source.lane(lane);
                    *safe &= value * low >= self.bounds.0 && value * high <= self.bounds.1;
                }
            }
        }
    }

    /// The largest quotient of what a rate would be with all terms positive, and the rate.
    #[inline(always)]
    pub(crate) fn cancellation<S: Lanes>(&self, sources: &[S]) -> S {
        let mut largest = S::splat(1.0);
        for g in 0..self.general.count() {
            let edges = self.general.edges(g);
            if self.general.terms(edges.clone()).len() < 2 {
                continue;
            }
            let mut terms = S::ZERO;
            for &(parameter, coefficient) in self.general.terms(edges.clone()) {
                let product = S::splat(coefficient).mul(sources[parameter as usize]);
                terms = terms.add(product.abs());
            }
            for edge in edges {
                terms = terms.add(S::splat(self.general.constants[edge]));
            }
            largest = largest.max(terms.mul(sources[self.parameters + 1 + g].inverse()));
        }
        largest
    }

    /// What gradients look up; found when the first one asks.
    pub(crate) fn sensitivity(&self, trace: &EliminationTrace) -> &Sensitivity {
        self.sensitivity
            .get_or_init(|| Sensitivity::new(trace, self))
    }

    /// The derivatives of a source: parameters and coefficients.
    pub(crate) fn derivatives(&self, source: u32) -> Derivatives<'_> {
        let source = source as usize;
        match source.checked_sub(self.parameters + 1) {
            Some(general) => Derivatives::General(self.general.terms(self.general.edges(general))),
            None if source == self.parameters => Derivatives::None,
            None => Derivatives::Parameter(source),
        }
    }

    #[inline(always)]
    pub(crate) fn internal(&self, rank: usize) -> &[Slot] {
        let row = self.rows[rank];
        &self.slots[row.first as usize..row.internal_end as usize]
    }

    /// Slots to later blocks.
    #[inline(always)]
    pub(crate) fn external(&self, rank: usize) -> &[Slot] {
        let row = self.rows[rank];
        &self.slots[row.internal_end as usize..row.external_end as usize]
    }

    /// Slots to absorbing vertices.
    #[inline(always)]
    pub(crate) fn absorbing(&self, rank: usize) -> &[Slot] {
        &self.slots[self.rows[rank].external_end as usize..self.rows[rank + 1].first as usize]
    }
}

/// What a source's derivatives with respect to theta are.
pub(crate) enum Derivatives<'a> {
    None,
    /// 1 for one parameter.
    Parameter(usize),
    /// Parameters and coefficients.
    General(&'a [(u32, f64)]),
}
