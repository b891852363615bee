//! Products of matrices of floats, a tile of the result at a time.
//!
//! A tile is a few rows by a few vectors of columns, whose sums stay in registers while the inner axis is walked. Every
//! element is the sum of its products in their order, each added by one fused multiply-add, whatever the tile it is in,
//! so its bits depend neither on the sizes around it nor on the vector unit nor on the number of threads.

use rayon::prelude::*;

use crate::array::{Pass, on_widest, prepare_threads};
use crate::ops::math::Float;

/// Floats with a fused multiply-add.
pub(super) trait Fused: Float {
    /// `self + x * y`, rounded once.
    fn plus_product(self, x: Self, y: Self) -> Self;
}

macro_rules! fused {
    ($($ty:ty),*) => {$(
        impl Fused for $ty {
            #[inline(always)]
            fn plus_product(self, x: $ty, y: $ty) -> $ty {
                x.mul_add(y, self)
            }
        }
    )*};
}
fused!(f32, f64);

/// Rows of a tile.
const ROWS: usize = 4;
/// Columns of a wide tile.
const COLUMNS: usize = 16;
/// How much of the inner axis is walked at once: a panel of this many rows of a tile's columns stays in the L1 cache.
const DEPTH: usize = 256;
/// From this many rows on, a panel is copied together before it is used.
const PACKED_ROWS: usize = 32;
/// Products of this many multiplications are worth a thread.
const PARALLEL: usize = 1 << 20;

/// The sizes of a product of `m` by `k` and `k` by `n`.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) n: usize,
}

/// Writes the products of row-major matrices; nothing is empty.
pub(super) fn products<T: Fused>(sizes: Sizes, lhs: &[T], rhs: &[T], out: &mut [T]) {
    let Sizes { m, k, n } = sizes;
    let one = m * k * n;
    if lhs.len() / (m * k) * one < 2 * PARALLEL {
        run(sizes, lhs, rhs, out);
        return;
    }
    prepare_threads();
    // Whole matrices where they are small, and strips of rows of large ones.
    let strip = (PARALLEL / (k * n)).max(1).next_multiple_of(ROWS).min(m);
    lhs.par_chunks_exact(m * k)
        .zip(rhs.par_chunks_exact(k * n))
        .zip(out.par_chunks_exact_mut(m * n))
        .with_min_len((PARALLEL / one).max(1))
        .for_each(|((lhs, rhs), out)| {
            let strips = lhs.par_chunks(strip * k).zip(out.par_chunks_mut(strip * n));
            strips.for_each(|(lhs, out)| {
                run(
                    Sizes {
                        m: lhs.len() / k,
                        ..sizes
                    },
                    lhs,
                    rhs,
                    out,
                );
            });
        });
}

fn run<T: Fused>(sizes: Sizes, lhs: &[T], rhs: &[T], out: &mut [T]) {
    on_widest(Stack {
        sizes,
        lhs,
        rhs,
        out,
    });
}

/// Products of stacks of matrices on one thread.
struct Stack<'a, T> {
    sizes: Sizes,
    lhs: &'a [T],
    rhs: &'a [T],
    out: &'a mut [T],
}

impl<T: Fused> Pass for Stack<'_, T> {
    #[inline(always)]
    fn run(self) {
        let sizes = self.sizes;
        let Sizes { m, k, n } = sizes;
        let mut panel = Vec::new();
        let all = self
            .lhs
            .chunks_exact(m * k)
            .zip(self.rhs.chunks_exact(k * n));
        for ((lhs, rhs), out) in all.zip(self.out.chunks_exact_mut(m * n)) {
            Product {
                sizes,
                lhs,
                rhs,
                out,
            }
            .fill(&mut panel);
        }
    }
}

struct Product<'a, T> {
    sizes: Sizes,
    lhs: &'a [T],
    rhs: &'a [T],
    out: &'a mut [T],
}

impl<T: Fused> Product<'_, T> {
    #[inline(always)]
    fn fill(&mut self, panel: &mut Vec<T>) {
        let mut column = 0;
        while column < self.sizes.n {
            column += match self.sizes.n - column {
                COLUMNS.. => self.columns::<COLUMNS>(column, COLUMNS, panel),
                rest @ 5.. => self.columns::<8>(column, rest.min(8), panel),
                rest => self.columns::<4>(column, rest, panel),
            };
        }
    }

    /// The columns from `column` on, `width` of them, in tiles of `N` columns; returns `width`.
    #[inline(always)]
    fn columns<const N: usize>(
        &mut self,
        column: usize,
        width: usize,
        panel: &mut Vec<T>,
    ) -> usize {
        let Sizes { m, k, n } = self.sizes;
        for from in (0..k).step_by(DEPTH) {
            let depth = DEPTH.min(k - from);
            let rhs: &[T] = self.rhs;
            let rhs = &rhs[from * n..(from + depth) * n];
            // A tile that sticks out is filled up with zeros, in a panel of its own.
            let packed = width < N || m >= PACKED_ROWS;
            if packed {
                panel.clear();
                panel.resize(depth * N, T::ZERO);
                for (to, row) in panel.chunks_exact_mut(N).zip(rhs.chunks_exact(n)) {
                    to[..width].copy_from_slice(&row[column..column + width]);
                }
            }
            let rows = if packed {
                (&panel[..], N, 0)
            } else {
                (rhs, n, column)
            };
            self.strips::<N>((from, depth), (column, width), rows);
        }
        width
    }

    /// Adds the products with a panel, which is given by its elements, the distance of its rows and its first column.
    #[inline(always)]
    fn strips<const N: usize>(
        &mut self,
        (from, depth): (usize, usize),
        (column, width): (usize, usize),
        panel: (&[T], usize, usize),
    ) {
        let Sizes { m, k, n } = self.sizes;
        let mut row = 0;
        while row < m {
            let lhs = |r: usize| &self.lhs[(row + r) * k + from..][..depth];
            if m - row >= ROWS {
                let out = &mut self.out[row * n..];
                let rows: [&[T]; ROWS] = std::array::from_fn(lhs);
                tile::<T, ROWS, N>(rows, panel, (out, n, column, width), from > 0);
                row += ROWS;
            } else {
                let out = &mut self.out[row * n..];
                tile::<T, 1, N>([lhs(0)], panel, (out, n, column, width), from > 0);
                row += 1;
            }
        }
    }
}

/// One tile; `more` says that it has sums already.
#[inline(always)]
fn tile<T: Fused, const R: usize, const N: usize>(
    lhs: [&[T]; R],
    (panel, distance, first): (&[T], usize, usize),
    (out, n, column, width): (&mut [T], usize, usize, usize),
    more: bool,
) {
    let mut sums = [[T::ZERO; N]; R];
    if more {
        for r in 0..R {
            sums[r][..width].copy_from_slice(&out[r * n + column..][..width]);
        }
    }
    let depth = lhs[0].len();
    let lhs = lhs.map(|row| &row[..depth]);
    for i in 0..depth {
        let row = &panel[i * distance + first..][..N];
        for r in 0..R {
            let x = lhs[r][i];
            for c in 0..N {
                sums[r][c] = sums[r][c].plus_product(x, row[c]);
            }
        }
    }
    for r in 0..R {
        out[r * n + column..][..width].copy_from_slice(&sums[r][..width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_the_fused_sum_of_its_products_in_order() {
        let number = |i: usize| ((i * 7919 + 13) % 1000) as f64 / 300.0 - 1.7;
        for (m, k, n) in [
            (1, 1, 1),
            (2, 3, 2),
            (4, 4, 4),
            (5, 7, 9),
            (16, 16, 16),
            (33, 300, 21),
            (6, 513, 37),
            (200, 130, 90),
        ] {
            let lhs: Vec<f64> = (0..2 * m * k).map(number).collect();
            let rhs: Vec<f64> = (0..2 * k * n).map(|i| number(i + 5)).collect();
            let mut out = vec![f64::NAN; 2 * m * n];
            products(Sizes { m, k, n }, &lhs, &rhs, &mut out);
            for (i, &got) in out.iter().enumerate() {
                let (matrix, row, column) = (i / (m * n), i / n % m, i % n);
                let want = (0..k).fold(0.0, |sum: f64, j| {
                    lhs[(matrix * m + row) * k + j].mul_add(rhs[(matrix * k + j) * n + column], sum)
                });
                assert_eq!(got.to_bits(), want.to_bits(), "{m} {k} {n} at {i}");
            }
        }
    }
}
