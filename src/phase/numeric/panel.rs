//! Adding multiples of eliminated rows to the rows of a panel: the innermost loops of elimination.
//!
//! Which rows are added to which, and why by fours, is said at [`crate::phase::symbolic::schedule`].

use crate::phase::index::{Index, Position};
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
fn rows(mask: u8) -> impl Iterator<Item = usize> {
    (0..PANEL).filter(move |&i| mask & 1 << i != 0)
}

/// Sums of the rows of a panel beside their entries.
pub(crate) struct Panel<S> {
    pub exit: [S; PANEL],
    pub y: [S; PANEL],
    /// The least of the row's weights and probabilities.
    pub least: [S; PANEL],
}

impl<S: Lanes> Panel<S> {
    pub(crate) const EMPTY: Self = Self {
        exit: [S::ZERO; PANEL],
        y: [S::ZERO; PANEL],
        least: [S::INFINITY; PANEL],
    };
}

/// The eliminated rows of a block, as later ones add multiples of them.
pub(crate) struct Eliminated<'a, S> {
    pub trace: &'a BlockTrace,
    pub upper: &'a [S],
    pub exit: &'a [S],
    pub y: &'a [S],
}

impl<S: Lanes> Eliminated<'_, S> {
    #[inline(always)]
    pub(crate) fn add_to(&self, work: &mut [[S; PANEL]], panel: &mut Panel<S>, task: Task) {
        let v = task.v;
        // From three rows on it is cheaper to add to all four, to the one too many with a weight of zero.
        match (task.four, task.rows.count_ones()) {
            (true, 3..) => self.add_four_to_all(work, panel, v, task.rows),
            (false, 3..) => self.add_row_to_all(work, panel, v, task.rows),
            (four, _) => {
                for i in rows(task.rows) {
                    if four {
                        self.add_four(work, panel, v, i);
                    } else {
                        self.add_row(work, panel, v, i);
                    }
                }
            }
        }
    }

    /// Adds weights of row v to the sums of row i.
    #[inline(always)]
    fn add_sums(&self, panel: &mut Panel<S>, v: Position, i: usize, weight: S) {
        panel.exit[i] = panel.exit[i].plus(weight, self.exit[v.index()]);
        panel.y[i] = panel.y[i].plus(weight, self.y[v.index()]);
        panel.least[i] = panel.least[i].min(weight);
    }

    #[inline(always)]
    pub(crate) fn add_row(
        &self,
        work: &mut [[S; PANEL]],
        panel: &mut Panel<S>,
        v: Position,
        i: usize,
    ) {
        let weight = work[v.index()][i];
        let values = &self.upper[self.trace.upper.range(v)];
        for (&value, &u) in values.iter().zip(self.trace.upper.row(v)) {
            let entry = &mut work[u.index()][i];
            *entry = entry.plus(weight, value);
        }
        self.add_sums(panel, v, i, weight);
    }

    #[inline(always)]
    fn add_row_to_all(&self, work: &mut [[S; PANEL]], panel: &mut Panel<S>, v: Position, rows: u8) {
        let mut weights = [S::ZERO; PANEL];
        for i in self::rows(rows) {
            weights[i] = work[v.index()][i];
            self.add_sums(panel, v, i, weights[i]);
        }
        let values = &self.upper[self.trace.upper.range(v)];
        for (&value, &u) in values.iter().zip(self.trace.upper.row(v)) {
            plus(&mut work[u.index()], &weights, value);
        }
    }

    /// The rows v to v + 3 of the upper factor, which form a run.
    #[inline(always)]
    fn four(&self, v: Position) -> [&[S]; 4] {
        [0, 1, 2, 3].map(|j| &self.upper[self.trace.upper.range(v.plus(j))])
    }

    /// What v to v + 3 add to each other in row i, and so their weights.
    #[inline(always)]
    fn weights(&self, work: &mut [[S; PANEL]], f: &[&[S]; 4], v: Position, i: usize) -> [S; 4] {
        let w0 = work[v.index()][i];
        let w1 = work[v.index() + 1][i].plus(w0, f[0][0]);
        let w2 = work[v.index() + 2][i].plus(w0, f[0][1]).plus(w1, f[1][0]);
        let w3 = work[v.index() + 3][i]
            .plus(w0, f[0][2])
            .plus(w1, f[1][1])
            .plus(w2, f[2][0]);
        (
            work[v.index() + 1][i],
            work[v.index() + 2][i],
            work[v.index() + 3][i],
        ) = (w1, w2, w3);
        [w0, w1, w2, w3]
    }

    #[inline(always)]
    fn add_four(&self, work: &mut [[S; PANEL]], panel: &mut Panel<S>, v: Position, i: usize) {
        let f = self.four(v);
        let w = self.weights(work, &f, v, i);
        let columns = self.trace.upper.row(v.plus(3));
        let f = [&f[0][3..], &f[1][2..], &f[2][1..], f[3]].map(|f| &f[..columns.len()]);
        let rest = f[0].iter().zip(f[1]).zip(f[2]).zip(f[3]);
        for (&u, (((&f0, &f1), &f2), &f3)) in columns.iter().zip(rest) {
            let entry = &mut work[u.index()][i];
            let sum = entry.plus(w[0], f0).plus(w[1], f1);
            *entry = sum.plus(w[2], f2).plus(w[3], f3);
        }
        for j in 0..4 {
            self.add_sums(panel, v.plus(j), i, w[j]);
        }
    }

    #[inline(always)]
    fn add_four_to_all(
        &self,
        work: &mut [[S; PANEL]],
        panel: &mut Panel<S>,
        v: Position,
        rows: u8,
    ) {
        let f = self.four(v);
        let mut weights = [[S::ZERO; PANEL]; 4];
        for i in self::rows(rows) {
            let of_row = self.weights(work, &f, v, i);
            for j in 0..4 {
                weights[j][i] = of_row[j];
                self.add_sums(panel, v.plus(j), i, of_row[j]);
            }
        }
        let columns = self.trace.upper.row(v.plus(3));
        let f = [&f[0][3..], &f[1][2..], &f[2][1..], f[3]].map(|f| &f[..columns.len()]);
        let rest = f[0].iter().zip(f[1]).zip(f[2]).zip(f[3]);
        for (&u, (((&f0, &f1), &f2), &f3)) in columns.iter().zip(rest) {
            let entry = &mut work[u.index()];
            let mut sums = *entry;
            plus(&mut sums, &weights[0], f0);
            plus(&mut sums, &weights[1], f1);
            plus(&mut sums, &weights[2], f2);
            plus(&mut sums, &weights[3], f3);
            *entry = sums;
        }
    }
}
