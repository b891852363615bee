//! How long the chain is in each state, by the levels of the ladder.
//!
//! With P(t) the transitions and J(t) their integral from 0 to t, `J(2 t) = J(t) + P(t) J(t)`: sums and products of nonnegative
//! numbers again. Time after absorption counts as time in one more column, so the rows of J(t) sum to t and are scaled to do so. Being
//! in a state until t is found that way and not as all of the time there less what is spent later: that loses all digits where
//! absorption is rare.

use ndarray::Axis;

use crate::phase::distribution::ladder_matrix::{Matrix, Rows, product};

/// Mean numbers of steps in each state, for one row of a start, and their derivatives by the parameters.
pub(super) struct Stays {
    pub matrix: Matrix,
    pub slopes: Vec<Matrix>,
    /// By row, the length of the time in mean numbers of steps.
    pub lengths: Vec<f64>,
}

/// `p J`, where J ends after this length.
fn after(p: &Matrix, stays: &Matrix, length: f64) -> Matrix {
    let mut exit = p.inner.dot(&stays.exit);
    exit.scaled_add(length, &p.exit);
    Matrix {
        exit,
        inner: product(p.inner.view(), stays.inner.view()),
    }
}

fn add(sum: &mut Matrix, other: &Matrix) {
    sum.inner += &other.inner;
    sum.exit += &other.exit;
}

impl Stays {
    /// Those of one level, then those of the same again.
    pub(super) fn twice(&self, rung: &Matrix, slopes: &[Matrix]) -> Self {
        let length = self.lengths[0];
        let mut matrix = after(rung, &self.matrix, length);
        add(&mut matrix, &self.matrix);
        let lengths: Vec<f64> = self.lengths.iter().map(|length| 2.0 * length).collect();
        matrix.normalize(&lengths);
        let next = slopes.iter().zip(&self.slopes).map(|(rung_slope, own)| {
            let mut next = after(rung_slope, &self.matrix, length);
            // The length has no derivative.
            add(&mut next, &after(rung, own, 0.0));
            add(&mut next, own);
            next.balance(&matrix, &lengths);
            next
        });
        Self {
            slopes: next.collect(),
            matrix,
            lengths,
        }
    }

    /// Takes some rows, which are in these places before it, one level further, whose own stays are these.
    pub(super) fn climb(&mut self, places: &Rows, rows: &[usize], of: &Stays, total: f64) {
        // What is left of rows that were scaled up adds nothing.
        let plain = |row: &&usize| places.log_scale[**row] == 0.0;
        let rows: Vec<usize> = rows.iter().filter(plain).copied().collect();
        if rows.is_empty() {
            return;
        }
        let length = of.lengths[0];
        let before = places.places.select(&rows);
        let mut next = after(&before, &of.matrix, length);
        add(&mut next, &self.matrix.select(&rows));
        let lengths: Vec<f64> = rows.iter().map(|&row| self.lengths[row] + length).collect();
        let totals: Vec<f64> = lengths.iter().map(|length| total * length).collect();
        next.normalize(&totals);
        for ((own, place), of_rung) in self.slopes.iter_mut().zip(&places.slopes).zip(&of.slopes) {
            let mut slope = after(&place.select(&rows), &of.matrix, length);
            add(&mut slope, &after(&before, of_rung, 0.0));
            add(&mut slope, &own.select(&rows));
            slope.balance(&next, &totals);
            own.replace(&rows, &slope);
        }
        self.matrix.replace(&rows, &next);
        for (&row, length) in rows.iter().zip(lengths) {
            self.lengths[row] = length;
        }
    }
}

/// The rows of a matrix as vectors, divided by a rate.
pub(super) fn rows_over(matrix: &Matrix, rate: f64) -> Vec<Vec<f64>> {
    let rows = matrix.inner.axis_iter(Axis(0));
    rows.map(|row| row.iter().map(|stay| stay / rate).collect())
        .collect()
}
