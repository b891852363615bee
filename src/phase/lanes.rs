//! Replaying many thetas side by side.
//!
//! Every number of the one-theta replay ([`super::factor`]) becomes a vector of `W` numbers, one per theta, and every
//! operation a loop over them, which compilers turn into vector instructions. A lane does the operations of
//! [`super::EliminationTrace::at`] in the same order, additions and multiplications rounded apart: nothing is contracted
//! into fused multiply-adds, on no machine, because that would change bits between machines with and without them. So a
//! lane's bits depend neither on the width nor on the instruction set nor on its neighbours.
//!
//! # Blocks, last to first
//!
//! The system is block triangular, so each block can be eliminated and solved for *all* right sides as soon as the later
//! blocks are done: the second moments of a block need its own first moments and later blocks only. The workspace is
//! that of the largest block, and it stays in cache. Only the transposed solves, which run from the first block to the
//! last, need the factors of all blocks at once ([`super::adjoint`]).
//!
//! # Lanes that `f64` cannot answer for
//!
//! A lane is *flagged* where a rate is negative, zero or not finite, or a number leaves the safe range
//! ([`super::arith`]). It runs on without harm, nothing here traps, and its results are dropped: whoever called replays
//! that theta alone, which finds the error or answers with more digits. A zero rate is flagged because it may cut a vertex off
//! from absorption.

use super::analysis::NONE;
use super::arith::Range;
use super::eliminate::BlockTrace;
use super::plan::{Plan, Rate};
use super::trace::{BlockPlace, EliminationTrace};

/// A number in every lane.
pub(crate) type Lane<const W: usize> = [f64; W];

/// Where a right side comes from: `factor x previous column x reward`, absent parts being 1.
#[derive(Clone, Debug)]
pub(crate) struct Column<'a> {
    pub previous: Option<usize>,
    pub factor: f64,
    /// By transient number.
    pub reward: Option<&'a [f64]>,
    /// The solution this column corrects: the right side is what is left of that one's.
    pub corrects: Option<usize>,
}

/// Values and workspace of one group of lanes; reused from group to group.
pub(crate) struct Lanes<const W: usize> {
    pub theta: Vec<Lane<W>>,
    /// Solutions: column k of transient number t is `x[t * columns + k]`.
    pub x: Vec<Lane<W>>,
    pub columns: usize,
    /// Smallest nonzero and largest entry of each column.
    pub smallest: Vec<Lane<W>>,
    pub largest: Vec<Lane<W>>,
    /// Nonzero for flagged lanes.
    pub flags: Lane<W>,
    /// Factors of one block, or of all.
    pub inverse: Vec<Lane<W>>,
    pub lower: Vec<Lane<W>>,
    pub upper: Vec<Lane<W>>,
    pub keeps_factors: bool,
    rates: Vec<Lane<W>>,
    exit: Vec<Lane<W>>,
    pub row: Vec<Lane<W>>,
    y: Vec<Lane<W>>,
}

/// `sum += a * b`
#[inline(always)]
pub(crate) fn multiply_add<const W: usize>(sum: &mut Lane<W>, a: &Lane<W>, b: &Lane<W>) {
    for lane in 0..W {
        sum[lane] += a[lane] * b[lane];
    }
}

#[inline(always)]
pub(crate) fn multiply<const W: usize>(value: &mut Lane<W>, by: &Lane<W>) {
    for lane in 0..W {
        value[lane] *= by[lane];
    }
}

#[inline(always)]
pub(crate) fn add<const W: usize>(sum: &mut Lane<W>, a: &Lane<W>) {
    for lane in 0..W {
        sum[lane] += a[lane];
    }
}

/// Flags lanes whose number is neither zero nor in the safe range; NaN is neither.
#[inline(always)]
pub(crate) fn check<const W: usize>(flags: &mut Lane<W>, value: &Lane<W>) {
    for lane in 0..W {
        let v = value[lane];
        let safe = (v <= Range::LIMIT) & ((v >= 1.0 / Range::LIMIT) | (v == 0.0));
        flags[lane] = if safe { flags[lane] } else { 1.0 };
    }
}

/// The rate of a slot; flags lanes where it is not positive and safe.
#[inline(always)]
pub(crate) fn slot_rate<const W: usize>(
    trace: &EliminationTrace,
    rate: Rate,
    t: usize,
    slot: usize,
    theta: &[Lane<W>],
    flags: &mut Lane<W>,
) -> Lane<W> {
    let mut sum = [0.0; W];
    match rate {
        Rate::Linear {
            parameter,
            coefficient,
        } => {
            let theta = &theta[parameter as usize];
            for lane in 0..W {
                sum[lane] = coefficient * theta[lane] + 0.0;
            }
        }
        Rate::Constant(constant) => sum = [constant; W],
        Rate::General => general_rate(trace, t, slot, theta, flags, &mut sum),
    }
    for lane in 0..W {
        let v = sum[lane];
        let safe = (v <= Range::LIMIT) & (v >= 1.0 / Range::LIMIT);
        flags[lane] = if safe { flags[lane] } else { 1.0 };
    }
    sum
}

/// The rate of several edges or of several coefficients, summed as [`super::linear`] does.
#[inline(never)]
fn general_rate<const W: usize>(
    trace: &EliminationTrace,
    t: usize,
    slot: usize,
    theta: &[Lane<W>],
    flags: &mut Lane<W>,
    sum: &mut Lane<W>,
) {
    let layout = &trace.0.layout;
    for (i, &edge) in layout.edges_of_slot(slot).iter().enumerate() {
        let edge = layout.graph.edge_of(layout.transient[t], edge as usize);
        let mut rate = [edge.constant; W];
        for (&parameter, &coefficient) in edge.parameters.iter().zip(edge.coefficients) {
            let theta = &theta[parameter as usize];
            for lane in 0..W {
                rate[lane] += coefficient * theta[lane];
            }
        }
        for lane in 0..W {
            let valid = rate[lane] >= 0.0;
            flags[lane] = if valid { flags[lane] } else { 1.0 };
            let rate = rate[lane] + 0.0;
            sum[lane] = if i == 0 { rate } else { sum[lane] + rate };
        }
    }
}

impl<const W: usize> Lanes<W> {
    pub(crate) fn new(
        trace: &EliminationTrace,
        plan: &Plan,
        columns: usize,
        keeps_factors: bool,
    ) -> Self {
        let inner = &*trace.0;
        let vertices = inner.layout.transient.len();
        let zeros = |count: usize| vec![[0.0; W]; count];
        let sizes = plan.sizes;
        let (inverse, lower, upper) = if keeps_factors {
            (vertices, inner.lower_len, inner.upper_len)
        } else if columns > 1 {
            (sizes.block, sizes.lower, sizes.upper)
        } else {
            (sizes.block, 0, sizes.upper)
        };
        Self {
            theta: zeros(trace.param_length()),
            x: zeros(vertices * columns),
            columns,
            smallest: zeros(columns),
            largest: zeros(columns),
            flags: [0.0; W],
            inverse: zeros(inverse),
            lower: zeros(lower),
            upper: zeros(upper),
            keeps_factors,
            rates: zeros(sizes.slots),
            exit: zeros(sizes.block),
            row: zeros(sizes.block),
            y: zeros(sizes.block),
        }
    }

    /// Where a block's factors lie.
    #[inline(always)]
    pub(crate) fn place(&self, trace: &EliminationTrace, block: usize) -> (usize, BlockPlace) {
        if self.keeps_factors {
            let first = trace.0.layout.block_first[block] as usize;
            (first, trace.0.places[block])
        } else {
            (0, BlockPlace { lower: 0, upper: 0 })
        }
    }

    /// Takes up to `W` rows of thetas; lanes without one repeat the last.
    pub(crate) fn load(&mut self, thetas: ndarray::ArrayView2<'_, f64>) {
        let rows = thetas.nrows();
        for lane in 0..W {
            for (value, slot) in thetas.row(lane.min(rows - 1)).iter().zip(&mut self.theta) {
                slot[lane] = *value;
            }
        }
    }

    /// Eliminates and solves all blocks for all right sides.
    #[inline(always)]
    pub(crate) fn run(&mut self, trace: &EliminationTrace, plan: &Plan, columns: &[Column<'_>]) {
        let inner = &*trace.0;
        self.flags = [0.0; W];
        self.smallest.fill([f64::INFINITY; W]);
        self.largest.fill([0.0; W]);
        for block in (0..inner.layout.block_count()).rev() {
            match inner.layout.unit_of_block[block] {
                None => self.single(trace, plan, columns, block),
                Some(unit) => {
                    let (block_trace, runs) =
                        (&inner.traces[unit as usize], &plan.runs[unit as usize]);
                    self.eliminate(trace, plan, columns, block, block_trace, runs);
                    for k in 0..columns.len() {
                        if k > 0 {
                            self.forward(trace, plan, &columns[k], k, block, block_trace);
                        }
                        let corrects = columns[k].corrects.is_some();
                        self.backward(trace, k, corrects, block, block_trace);
                    }
                }
            }
        }
    }

    /// A block of one vertex.
    #[inline(always)]
    fn single(
        &mut self,
        trace: &EliminationTrace,
        plan: &Plan,
        columns: &[Column<'_>],
        block: usize,
    ) {
        let t = trace.0.layout.block(block).start;
        let (base, _) = self.place(trace, block);
        let slots = trace.0.layout.slots(t);
        let mut pivot = [0.0; W];
        let first = slots.start;
        for slot in slots {
            let rate = slot_rate(
                trace,
                plan.rate[slot],
                t,
                slot,
                &self.theta,
                &mut self.flags,
            );
            if slot == first {
                pivot = rate;
            } else {
                add(&mut pivot, &rate);
            }
            self.rates[slot - first] = rate;
        }
        let inverse = self.invert(trace, t, &pivot);
        self.inverse[base] = inverse;
        for (k, column) in columns.iter().enumerate() {
            let mut value = self.right_side(trace, plan, column, k, t, first);
            multiply(&mut value, &inverse);
            if column.corrects.is_some() {
                self.x[t * self.columns + k] = value;
            } else {
                self.put(t, k, value);
            }
        }
    }

    /// One over the pivot; zero for vertices whose waiting time is infinite.
    #[inline(always)]
    fn invert(&mut self, trace: &EliminationTrace, t: usize, pivot: &Lane<W>) -> Lane<W> {
        let mut inverse = [0.0; W];
        if !trace.0.layout.lost.as_ref().is_some_and(|lost| lost[t]) {
            for lane in 0..W {
                inverse[lane] = 1.0 / pivot[lane];
            }
        }
        check(&mut self.flags, &inverse);
        inverse
    }

    /// A right side with what comes from later blocks; `base` is the slot of the first of the block's rates.
    #[inline(always)]
    fn right_side(
        &self,
        trace: &EliminationTrace,
        plan: &Plan,
        column: &Column<'_>,
        k: usize,
        t: usize,
        base: usize,
    ) -> Lane<W> {
        let mut value = match column.previous {
            Some(previous) => self.x[t * self.columns + previous],
            None => [1.0; W],
        };
        for value in &mut value {
            *value *= column.factor;
        }
        if let Some(reward) = column.reward {
            for value in &mut value {
                *value *= reward[t];
            }
        }
        if let Some(solution) = column.corrects {
            self.subtract(trace, plan, column, solution, t, base, &mut value);
        }
        for slot in trace.0.layout.external(t) {
            let target = plan.column[slot] as usize;
            multiply_add(
                &mut value,
                &self.rates[slot - base],
                &self.x[target * self.columns + k],
            );
        }
        value
    }

    /// Makes a right side what is left of it after a solution.
    ///
    /// Row t of A x is the sum of `w(t, u) (x(t) - x(u))`, so its rounding errors are small against the differences of the
    /// solution, not against the solution itself.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn subtract(
        &self,
        trace: &EliminationTrace,
        plan: &Plan,
        column: &Column<'_>,
        solution: usize,
        t: usize,
        base: usize,
        value: &mut Lane<W>,
    ) {
        let layout = &trace.0.layout;
        // The value is the correction of the column before; the column before itself comes on top.
        match solution.checked_sub(1) {
            Some(previous) if column.previous.is_some() => {
                let x = &self.x[t * self.columns + previous];
                for lane in 0..W {
                    value[lane] += column.factor * x[lane];
                }
            }
            _ => {}
        }
        let here = self.x[t * self.columns + solution];
        let first = trace
            .0
            .layout
            .block_first
            .partition_point(|&first| first as usize <= t)
            - 1;
        let first = layout.block_first[first] as usize;
        for slot in layout.slots(t) {
            let target = if layout.internal(t).contains(&slot) {
                Some(first + layout.slot_target[slot] as usize)
            } else {
                target_of(plan, slot)
            };
            let there = match target {
                Some(target) => self.x[target * self.columns + solution],
                None => [0.0; W],
            };
            let rate = &self.rates[slot - base];
            for lane in 0..W {
                value[lane] -= rate[lane] * (here[lane] - there[lane]);
            }
        }
    }

    #[inline(always)]
    fn put(&mut self, t: usize, k: usize, value: Lane<W>) {
        check(&mut self.flags, &value);
        let (smallest, largest) = (&mut self.smallest[k], &mut self.largest[k]);
        for lane in 0..W {
            let v = value[lane];
            let positive = if v == 0.0 { f64::INFINITY } else { v };
            smallest[lane] = if positive < smallest[lane] {
                positive
            } else {
                smallest[lane]
            };
            largest[lane] = if v > largest[lane] { v } else { largest[lane] };
        }
        self.x[t * self.columns + k] = value;
    }

    /// Factors of a block, and the forward substitution of the first column on the way.
    #[inline(always)]
    fn eliminate(
        &mut self,
        trace: &EliminationTrace,
        plan: &Plan,
        columns: &[Column<'_>],
        block: usize,
        block_trace: &BlockTrace,
        runs: &[u8],
    ) {
        let layout = &trace.0.layout;
        let members = layout.block(block);
        let slot_base = layout.slots(members.start).start;
        let (base, place) = self.place(trace, block);
        let keeps_lower = !self.lower.is_empty();
        for p in 0..members.len() {
            let t = members.start + block_trace.order[p] as usize;
            let (lower, upper) = (block_trace.lower.row(p), block_trace.upper.row(p));
            // Position p itself gathers what returns to p, which is of no interest; it is never read.
            for &column in lower.iter().chain(upper) {
                self.row[column as usize] = [0.0; W];
            }
            for slot in layout.internal(t) {
                let rate = slot_rate(
                    trace,
                    plan.rate[slot],
                    t,
                    slot,
                    &self.theta,
                    &mut self.flags,
                );
                self.row[plan.column[slot] as usize] = rate;
                self.rates[slot - slot_base] = rate;
            }
            let mut exit = [0.0; W];
            let leaving = layout.leaving(t);
            let first = leaving.start;
            for slot in leaving {
                let rate = slot_rate(
                    trace,
                    plan.rate[slot],
                    t,
                    slot,
                    &self.theta,
                    &mut self.flags,
                );
                if slot == first {
                    exit = rate;
                } else {
                    add(&mut exit, &rate);
                }
                self.rates[slot - slot_base] = rate;
            }
            let mut y = match columns.first() {
                Some(column) => self.right_side(trace, plan, column, 0, t, slot_base),
                None => [0.0; W],
            };
            let values = &self.upper[place.upper..place.upper + block_trace.upper.len()];
            let mut next = 0;
            while next < lower.len() {
                let v = lower[next] as usize;
                let taken = if runs[v] >= 3 && lower.get(next + 3) == Some(&(v as u32 + 3)) {
                    take_four(&mut self.row, block_trace, values, v);
                    4
                } else {
                    take_one(&mut self.row, block_trace, values, v);
                    1
                };
                for v in v..v + taken {
                    let weight = &self.row[v];
                    multiply_add(&mut exit, weight, &self.exit[v]);
                    multiply_add(&mut y, weight, &self.y[v]);
                    check(&mut self.flags, weight);
                }
                next += taken;
            }
            if keeps_lower {
                let range = block_trace.lower.range(p);
                let kept = &mut self.lower[place.lower + range.start..place.lower + range.end];
                for (value, &v) in kept.iter_mut().zip(lower) {
                    *value = self.row[v as usize];
                }
            }
            let mut pivot = exit;
            for &u in upper {
                add(&mut pivot, &self.row[u as usize]);
            }
            let inverse = self.invert(trace, t, &pivot);
            let range = block_trace.upper.range(p);
            let values = &mut self.upper[place.upper + range.start..place.upper + range.end];
            for (value, &u) in values.iter_mut().zip(upper) {
                let row = &self.row[u as usize];
                for lane in 0..W {
                    value[lane] = row[lane] * inverse[lane];
                }
                check(&mut self.flags, value);
            }
            multiply(&mut exit, &inverse);
            check(&mut self.flags, &exit);
            self.exit[p] = exit;
            self.inverse[base + p] = inverse;
            multiply(&mut y, &inverse);
            self.y[p] = y;
        }
    }

    /// Forward substitution of a later column.
    #[inline(always)]
    fn forward(
        &mut self,
        trace: &EliminationTrace,
        plan: &Plan,
        column: &Column<'_>,
        k: usize,
        block: usize,
        block_trace: &BlockTrace,
    ) {
        let members = trace.0.layout.block(block);
        let slot_base = trace.0.layout.slots(members.start).start;
        let (base, place) = self.place(trace, block);
        for p in 0..members.len() {
            let t = members.start + block_trace.order[p] as usize;
            let mut value = self.right_side(trace, plan, column, k, t, slot_base);
            let range = block_trace.lower.range(p);
            let weights = &self.lower[place.lower + range.start..place.lower + range.end];
            for (weight, &v) in weights.iter().zip(block_trace.lower.row(p)) {
                multiply_add(&mut value, weight, &self.y[v as usize]);
            }
            multiply(&mut value, &self.inverse[base + p]);
            self.y[p] = value;
        }
    }

    #[inline(always)]
    fn backward(
        &mut self,
        trace: &EliminationTrace,
        k: usize,
        corrects: bool,
        block: usize,
        block_trace: &BlockTrace,
    ) {
        let members = trace.0.layout.block(block);
        let (_, place) = self.place(trace, block);
        for p in (0..members.len()).rev() {
            let mut value = self.y[p];
            let range = block_trace.upper.range(p);
            let chances = &self.upper[place.upper + range.start..place.upper + range.end];
            for (chance, &u) in chances.iter().zip(block_trace.upper.row(p)) {
                multiply_add(&mut value, chance, &self.y[u as usize]);
            }
            self.y[p] = value;
            let t = members.start + block_trace.order[p] as usize;
            if corrects {
                self.x[t * self.columns + k] = value;
            } else {
                self.put(t, k, value);
            }
        }
    }

    /// The product of the start distribution with a column.
    #[inline(always)]
    pub(crate) fn weigh(&self, trace: &EliminationTrace, k: usize) -> Lane<W> {
        let mut sum = [0.0; W];
        for &(t, probability) in &trace.0.start {
            let x = &self.x[t as usize * self.columns + k];
            for lane in 0..W {
                sum[lane] += probability * x[lane];
            }
        }
        sum
    }
}

/// Adds row v of the upper factor to a work row, times the work row's own entry at v.
#[inline(always)]
fn take_one<const W: usize>(row: &mut [Lane<W>], trace: &BlockTrace, values: &[Lane<W>], v: usize) {
    let weight = row[v];
    let range = trace.upper.range(v);
    for (value, &u) in values[range].iter().zip(trace.upper.row(v)) {
        multiply_add(&mut row[u as usize], &weight, value);
    }
}

/// Adds rows v to v + 3, which form a run: the same operations, but each entry beyond is loaded and stored once.
#[inline(always)]
fn take_four<const W: usize>(
    row: &mut [Lane<W>],
    trace: &BlockTrace,
    values: &[Lane<W>],
    v: usize,
) {
    let [f0, f1, f2, f3] = [0, 1, 2, 3].map(|i| &values[trace.upper.range(v + i)]);
    let w0 = row[v];
    let mut w1 = row[v + 1];
    multiply_add(&mut w1, &w0, &f0[0]);
    let mut w2 = row[v + 2];
    multiply_add(&mut w2, &w0, &f0[1]);
    multiply_add(&mut w2, &w1, &f1[0]);
    let mut w3 = row[v + 3];
    multiply_add(&mut w3, &w0, &f0[2]);
    multiply_add(&mut w3, &w1, &f1[1]);
    multiply_add(&mut w3, &w2, &f2[0]);
    (row[v + 1], row[v + 2], row[v + 3]) = (w1, w2, w3);
    let columns = trace.upper.row(v + 3);
    let (f0, f1, f2) = (&f0[3..], &f1[2..], &f2[1..]);
    for ((((&u, f0), f1), f2), f3) in columns.iter().zip(f0).zip(f1).zip(f2).zip(f3) {
        let entry = &mut row[u as usize];
        for lane in 0..W {
            let mut sum = entry[lane];
            sum += w0[lane] * f0[lane];
            sum += w1[lane] * f1[lane];
            sum += w2[lane] * f2[lane];
            sum += w3[lane] * f3[lane];
            entry[lane] = sum;
        }
    }
}

/// A rate leads nowhere further.
#[inline(always)]
pub(crate) fn target_of(plan: &Plan, slot: usize) -> Option<usize> {
    let target = plan.column[slot];
    (target != NONE).then_some(target as usize)
}
