//! Matrices of the ladder: rows of probabilities with what is absorbed beside them, and their products.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;

/// Rows of a product that one task computes. No result depends on it, nor on who computes them.
const ROWS: usize = 64;

/// Transitions between states, and absorption by state.
pub(super) struct Matrix {
    pub inner: Array2<f64>,
    pub exit: Array1<f64>,
}

/// a b, in tasks of rows.
pub(super) fn product(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut out = Array2::zeros((a.nrows(), b.ncols()));
    let tasks: Vec<_> = out
        .axis_chunks_iter_mut(Axis(0), ROWS)
        .zip(a.axis_chunks_iter(Axis(0), ROWS))
        .collect();
    tasks
        .into_par_iter()
        .for_each(|(mut out, a)| general_mat_mul(1.0, &a, &b, 0.0, &mut out));
    out
}

impl Matrix {
    pub(super) fn zeros(rows: usize, states: usize) -> Self {
        Self {
            inner: Array2::zeros((rows, states)),
            exit: Array1::zeros(rows),
        }
    }

    /// Scales each row to sum to its total.
    pub(super) fn normalize(&mut self, totals: &[f64]) {
        let rows = self.inner.outer_iter_mut().zip(&mut self.exit);
        for ((mut row, exit), &total) in rows.zip(totals) {
            let sum = row.sum() + *exit;
            if sum > 0.0 {
                row *= total / sum;
                *exit *= total / sum;
            }
        }
    }

    /// Takes from each row what it sums to, in proportion to a row that sums to its total: derivatives of constant sums sum to 0.
    pub(super) fn balance(&mut self, of: &Self, totals: &[f64]) {
        let rows = self.inner.outer_iter_mut().zip(&mut self.exit);
        let others = of.inner.outer_iter().zip(&of.exit).zip(totals);
        for ((mut row, exit), ((other, other_exit), total)) in rows.zip(others) {
            if *total == 0.0 {
                continue;
            }
            let share = (row.sum() + *exit) / total;
            row.scaled_add(-share, &other);
            *exit -= share * other_exit;
        }
    }

    /// Rows after one more level.
    pub(super) fn then(&self, rung: &Self) -> Self {
        Self {
            exit: &self.exit + &self.inner.dot(&rung.exit),
            inner: product(self.inner.view(), rung.inner.view()),
        }
    }

    /// Adds the derivative of [`then`](Self::then) by the second matrix.
    pub(super) fn add_then(&mut self, rows: &Self, slope: &Self) {
        self.exit += &rows.inner.dot(&slope.exit);
        self.inner += &product(rows.inner.view(), slope.inner.view());
    }

    pub(super) fn select(&self, rows: &[usize]) -> Self {
        Self {
            inner: self.inner.select(Axis(0), rows),
            exit: self.exit.select(Axis(0), rows),
        }
    }

    pub(super) fn replace(&mut self, rows: &[usize], by: &Self) {
        for (&row, (inner, exit)) in rows.iter().zip(by.inner.outer_iter().zip(&by.exit)) {
            self.inner.row_mut(row).assign(&inner);
            self.exit[row] = *exit;
        }
    }
}

/// Rows after their times, with their derivatives by the parameters.
pub(super) struct Rows {
    pub places: Matrix,
    pub slopes: Vec<Matrix>,
    /// By row, the logarithm of what it is to be multiplied with.
    pub log_scale: Vec<f64>,
}

impl Rows {
    /// The rows, or their derivatives by a parameter, without scales.
    pub(super) fn plain(&self, parameter: Option<usize>) -> Vec<Vec<f64>> {
        let matrix = parameter.map_or(&self.places, |parameter| &self.slopes[parameter]);
        let pairs = matrix.inner.outer_iter().zip(&self.log_scale);
        pairs
            .map(|(row, log_scale)| row.iter().map(|p| p * log_scale.exp()).collect())
            .collect()
    }
}
