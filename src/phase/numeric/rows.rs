//! Elimination row by row: for one theta, and for several where rows are short.
//!
//! The same operations in the same order within each entry as by panels ([`eliminate`](crate::phase::numeric::eliminate)),
//! and so the same bits. What it saves is instructions: everything is read through slices that do not change, an entry
//! is looked up once, and lower factors are kept as they are used.

use crate::phase::index::{Index, Position};
use crate::phase::numeric::flows::Flows;
use crate::phase::numeric::kernel::{BlockView, Factors, Kernel, System};
use crate::phase::numeric::lanes::Lanes;
use crate::phase::symbolic::fill::Pattern;

impl<S: Lanes> Kernel<S> {
    /// Factors of a block, and the forward substitution of the first right-hand side on the way.
    #[inline(always)]
    pub(super) fn eliminate_rows(&mut self, system: &System<'_>, view: &BlockView<'_>) {
        let BlockView { trace, place, .. } = *view;
        let keeps_lower = self.keeps_lower(system);
        let (steps, ranks, size) = (&view.schedule.steps, system.ranks, view.size());
        let flows = Flows {
            sources: &self.sources,
            x: &self.x,
            columns: self.columns,
        };
        let work = &mut self.work.as_flattened_mut()[..size];
        let Factors {
            inverse,
            lower,
            upper,
            exit: exits,
            y: ys,
        } = &mut self.factors;
        let inverse = &mut inverse[place.pivots..][..size];
        let upper = &mut upper[place.upper..][..trace.upper.len()];
        let lower = match keeps_lower {
            true => &mut lower[place.lower..][..trace.lower.len()],
            false => &mut [],
        };
        let (exits, ys) = (&mut exits[..size], &mut ys[..size]);
        let (mut least_factor, mut least_exit) = (self.least_factor, self.least_exit);
        let mut largest_inverse = self.largest_inverse;
        let mut next_lower = 0;
        for p in view.positions() {
            let rank = view.rank(p);
            for &column in steps.fills(p) {
                work[column.index()] = S::ZERO;
            }
            // What returns to p is of no interest, but added up all the same.
            work[p.index()] = S::ZERO;
            for rate in ranks.own(rank) {
                work[rate.position().index()] = flows.rate(rate);
            }
            let (mut exit, mut y) = flows.outflow(ranks, system.right.first(), rank);
            let mut least = S::INFINITY;
            for &step in steps.row(p) {
                let v = step.v();
                if step.is_four() {
                    let last = v.plus(3);
                    let scattered = match S::COUNT {
                        1 => steps.scattered(last),
                        _ => trace.upper.row(last).len(),
                    };
                    let weights = add_four(work, upper, &trace.upper, v, scattered);
                    for j in 0..4 {
                        let (v, weight) = (v.index() + j, weights[j]);
                        exit = exit.plus(weight, exits[v]);
                        y = y.plus(weight, ys[v]);
                        least = least.min(weight);
                        if keeps_lower {
                            lower[next_lower] = weight;
                            next_lower += 1;
                        }
                    }
                    continue;
                }
                let weight = work[v.index()];
                exit = exit.plus(weight, exits[v.index()]);
                y = y.plus(weight, ys[v.index()]);
                least = least.min(weight);
                if keeps_lower {
                    lower[next_lower] = weight;
                    next_lower += 1;
                }
                let range = trace.upper.range(v);
                let (values, columns) = (&upper[range.clone()], &trace.upper.values()[range]);
                // Of several thetas each entry is a vector already.
                let scattered = match S::COUNT {
                    1 => steps.scattered(v),
                    _ => values.len(),
                };
                let (near, far) = (&values[..scattered], &values[scattered..]);
                // Two slices side by side, without a call for each pair of them in builds that do not optimize across units.
                let scattered_columns = &columns[..near.len()];
                for (k, &value) in near.iter().enumerate() {
                    let entry = &mut work[scattered_columns[k].index()];
                    *entry = entry.plus(weight, value);
                }
                if !far.is_empty() {
                    let first = columns[scattered].index();
                    for (entry, &value) in work[first..][..far.len()].iter_mut().zip(far) {
                        *entry = entry.plus(weight, value);
                    }
                }
            }
            let range = trace.upper.range(p);
            let (values, columns) = (&mut upper[range.clone()], &trace.upper.values()[range]);
            let mut pivot = exit;
            for &u in columns {
                pivot = pivot.add(work[u.index()]);
            }
            let is_nonabsorbing = system.is_nonabsorbing(rank);
            let over = match is_nonabsorbing {
                true => S::ZERO,
                false => pivot.inverse(),
            };
            for (value, &u) in values.iter_mut().zip(columns) {
                *value = work[u.index()].mul(over);
                least = least.min(*value);
            }
            let exit = exit.mul(over);
            if !is_nonabsorbing {
                largest_inverse = largest_inverse.max(over);
                least_factor = least_factor.min(least);
                // There may be no way out that avoids later rows.
                least_exit = least_exit.min_nonzero(exit);
            }
            exits[p.index()] = exit;
            inverse[p.index()] = over;
            ys[p.index()] = y.mul(over);
        }
        (self.least_factor, self.least_exit) = (least_factor, least_exit);
        self.largest_inverse = largest_inverse;
    }
}

/// Adds the rows v to v + 3 of the upper factor, which form a run, and gives their weights.
#[inline(always)]
fn add_four<S: Lanes>(
    work: &mut [S],
    upper: &[S],
    pattern: &Pattern,
    v: Position,
    scattered: usize,
) -> [S; 4] {
    let row = |j: usize| &upper[pattern.range(v.plus(j))];
    let f = [row(0), row(1), row(2), row(3)];
    let own = &mut work[v.index()..][..4];
    let w0 = own[0];
    let w1 = own[1].plus(w0, f[0][0]);
    let w2 = own[2].plus(w0, f[0][1]).plus(w1, f[1][0]);
    let w3 = own[3].plus(w0, f[0][2]).plus(w1, f[1][1]).plus(w2, f[2][0]);
    let columns = pattern.row(v.plus(3));
    let count = columns.len();
    let (f0, f1) = (&f[0][3..][..count], &f[1][2..][..count]);
    let (f2, f3) = (&f[2][1..][..count], &f[3][..count]);
    let (near, far) = columns.split_at(scattered);
    for (k, &u) in near.iter().enumerate() {
        let entry = &mut work[u.index()];
        let sum = entry.plus(w0, f0[k]).plus(w1, f1[k]);
        *entry = sum.plus(w2, f2[k]).plus(w3, f3[k]);
    }
    if let Some(first) = far.first() {
        let (f0, f1) = (&f0[scattered..], &f1[scattered..]);
        let (f2, f3) = (&f2[scattered..], &f3[scattered..]);
        let entries = work[first.index()..][..far.len()].iter_mut();
        for ((((entry, &a), &b), &c), &d) in entries.zip(f0).zip(f1).zip(f2).zip(f3) {
            let sum = entry.plus(w0, a).plus(w1, b);
            *entry = sum.plus(w2, c).plus(w3, d);
        }
    }
    [w0, w1, w2, w3]
}
