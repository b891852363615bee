//! What the rows of a panel take of the rows that are done: the innermost loops of elimination.
//!
//! Which rows take what, and why by fours, is said at [`crate::phase::symbolic::schedule`].

use crate::phase::numeric::lanes::Lanes;
use crate::phase::symbolic::fill::BlockTrace;
use crate::phase::symbolic::schedule::{PANEL, Task};

/// Adds a product to each row's entry. Written out, because as a loop compilers vectorize it across the rows of the
/// panel, by gathering, instead of across lanes.
#[inline(always)]
fn plus<S: Lanes>(entry: &mut [S; PANEL], weights: &[S; PANEL], value: S) {
    let [a, b, c, d] = *entry;
    *entry = [
        a.plus(weights[0], value),
        b.plus(weights[1], value),
        c.plus(weights[2], value),
        d.plus(weights[3], value),
    ];
}

/// The rows of a panel that a mask names.
#[inline(always)]
fn takers(mask: u8) -> impl Iterator<Item = usize> {
    (0..PANEL).filter(move |&i| mask & 1 << i != 0)
}

/// Sums of the rows of a panel beside their entries.
pub(crate) struct Panel<S> {
    pub exit: [S; PANEL],
    pub y: [S; PANEL],
    /// Of the row's weights and chances.
    pub least: [S; PANEL],
}

/// The rows of a block that are done, as others take them.
pub(crate) struct Done<'a, S> {
    pub trace: &'a BlockTrace,
    pub upper: &'a [S],
    pub exit: &'a [S],
    pub y: &'a [S],
}

impl<S: Lanes> Done<'_, S> {
    #[inline(always)]
    pub(crate) fn take(&self, work: &mut [[S; PANEL]], panel: &mut Panel<S>, task: Task) {
        let v = task.v as usize;
        // From three rows on it is cheaper to take all four, the one too many with a weight of zero.
        match (task.four, task.takers.count_ones()) {
            (true, 3..) => self.take_four_by_all(work, panel, v, task.takers),
            (false, 3..) => self.take_one_by_all(work, panel, v, task.takers),
            (four, _) => {
                for i in takers(task.takers) {
                    if four {
                        self.take_four(work, panel, v, i);
                    } else {
                        self.take_one(work, panel, v, i);
                    }
                }
            }
        }
    }

    /// Adds weights of row v to the sums of row i.
    #[inline(always)]
    fn add_sums(&self, panel: &mut Panel<S>, v: usize, i: usize, weight: S) {
        panel.exit[i] = panel.exit[i].plus(weight, self.exit[v]);
        panel.y[i] = panel.y[i].plus(weight, self.y[v]);
        panel.least[i] = panel.least[i].min(weight);
    }

    #[inline(always)]
    pub(crate) fn take_one(
        &self,
        work: &mut [[S; PANEL]],
        panel: &mut Panel<S>,
        v: usize,
        i: usize,
    ) {
        let weight = work[v][i];
        let values = &self.upper[self.trace.upper.range(v)];
        for (&value, &u) in values.iter().zip(self.trace.upper.row(v)) {
            let entry = &mut work[u as usize][i];
            *entry = entry.plus(weight, value);
        }
        self.add_sums(panel, v, i, weight);
    }

    #[inline(always)]
    fn take_one_by_all(&self, work: &mut [[S; PANEL]], panel: &mut Panel<S>, v: usize, rows: u8) {
        let mut weights = [S::ZERO; PANEL];
        for i in takers(rows) {
            weights[i] = work[v][i];
            self.add_sums(panel, v, i, weights[i]);
        }
        let values = &self.upper[self.trace.upper.range(v)];
        for (&value, &u) in values.iter().zip(self.trace.upper.row(v)) {
            plus(&mut work[u as usize], &weights, value);
        }
    }

    /// The rows v to v + 3 of the upper factor, which form a run.
    #[inline(always)]
    fn four(&self, v: usize) -> [&[S]; 4] {
        [0, 1, 2, 3].map(|j| &self.upper[self.trace.upper.range(v + j)])
    }

    /// What v to v + 3 add to each other in row i, and so their weights.
    #[inline(always)]
    fn weights(&self, work: &mut [[S; PANEL]], f: &[&[S]; 4], v: usize, i: usize) -> [S; 4] {
        let w0 = work[v][i];
        let w1 = work[v + 1][i].plus(w0, f[0][0]);
        let w2 = work[v + 2][i].plus(w0, f[0][1]).plus(w1, f[1][0]);
        let w3 = work[v + 3][i]
            .plus(w0, f[0][2])
            .plus(w1, f[1][1])
            .plus(w2, f[2][0]);
        (work[v + 1][i], work[v + 2][i], work[v + 3][i]) = (w1, w2, w3);
        [w0, w1, w2, w3]
    }

    #[inline(always)]
    fn take_four(&self, work: &mut [[S; PANEL]], panel: &mut Panel<S>, v: usize, i: usize) {
        let f = self.four(v);
        let w = self.weights(work, &f, v, i);
        let columns = self.trace.upper.row(v + 3);
        let f = [&f[0][3..], &f[1][2..], &f[2][1..], f[3]].map(|f| &f[..columns.len()]);
        let rest = f[0].iter().zip(f[1]).zip(f[2]).zip(f[3]);
        for (&u, (((&f0, &f1), &f2), &f3)) in columns.iter().zip(rest) {
            let entry = &mut work[u as usize][i];
            let sum = entry.plus(w[0], f0).plus(w[1], f1);
            *entry = sum.plus(w[2], f2).plus(w[3], f3);
        }
        for j in 0..4 {
            self.add_sums(panel, v + j, i, w[j]);
        }
    }

    #[inline(always)]
    fn take_four_by_all(&self, work: &mut [[S; PANEL]], panel: &mut Panel<S>, v: usize, rows: u8) {
        let f = self.four(v);
        let mut weights = [[S::ZERO; PANEL]; 4];
        for i in takers(rows) {
            let of_row = self.weights(work, &f, v, i);
            for j in 0..4 {
                weights[j][i] = of_row[j];
                self.add_sums(panel, v + j, i, of_row[j]);
            }
        }
        let columns = self.trace.upper.row(v + 3);
        let f = [&f[0][3..], &f[1][2..], &f[2][1..], f[3]].map(|f| &f[..columns.len()]);
        let rest = f[0].iter().zip(f[1]).zip(f[2]).zip(f[3]);
        for (&u, (((&f0, &f1), &f2), &f3)) in columns.iter().zip(rest) {
            let entry = &mut work[u as usize];
            let mut sums = *entry;
            plus(&mut sums, &weights[0], f0);
            plus(&mut sums, &weights[1], f1);
            plus(&mut sums, &weights[2], f2);
            plus(&mut sums, &weights[3], f3);
            *entry = sums;
        }
    }
}
