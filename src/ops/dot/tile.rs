//! Products of matrices of floats, a tile of the result at a time.
//!
//! A tile is a few rows by a few vectors of columns, whose sums stay in registers while the inner axis is walked. Every
//! element is the sum of its products in their order, each added by one fused multiply-add, whatever the tile it is in,
//! so its bits depend neither on the sizes around it nor on the vector unit nor on the number of threads.
//!
//! Matrices are read where they lie, with strides: the left one an element at a time, the right one a row of a panel of columns at a
//! time, which is copied together where its rows are not in order or are used often.

use pulp::Simd;
use rayon::prelude::*;

use crate::array::prepare_threads;

use super::matrices::{Fused, Matrices, VECTORS, lanes};
use super::panel::{Pack, Panel, Panels, pack};

/// The most elements of a row of a tile.
const COLUMNS: usize = VECTORS * 16;
/// How much of the inner axis is walked at once: a panel of this many rows of a tile's columns stays in the L1 cache.
const DEPTH: usize = 256;
/// From this many rows on, a panel is copied together before it is used.
pub(super) const PACKED_ROWS: usize = 32;
/// Products of this many multiplications are worth a thread.
const PARALLEL: usize = 1 << 20;

/// The sizes of a product of `m` by `k` and `k` by `n`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) n: usize,
}

/// Writes the row-major products of a stack of matrices; nothing is empty, and the left ones are in order.
pub(super) fn products<T: Fused>(
    sizes: Sizes,
    lhs: Matrices<'_, T>,
    rhs: Matrices<'_, T>,
    out: &mut [T],
) {
    let Sizes { m, k, n } = sizes;
    let one = m * k * n;
    if out.len() / (m * n) * one < 2 * PARALLEL {
        run(sizes, lhs, rhs, None, out);
        return;
    }
    prepare_threads();
    // Whole matrices where they are small, and strips of rows of large ones.
    if one < PARALLEL {
        let some = PARALLEL / one;
        let parts = out.par_chunks_mut(some * m * n).enumerate();
        parts.for_each(|(i, out)| {
            run(
                sizes,
                lhs.from(i * some, 0, 0),
                rhs.from(i * some, 0, 0),
                None,
                out,
            )
        });
        return;
    }
    let strip = (PARALLEL / (k * n)).max(1).next_multiple_of(8).min(m);
    out.par_chunks_exact_mut(m * n)
        .enumerate()
        .for_each(|(i, out)| {
            let (lhs, rhs) = (lhs.from(i, 0, 0), rhs.from(i, 0, 0));
            if strip == m {
                run(sizes, lhs, rhs, None, out);
                return;
            }
            // Every strip would put the right matrix in order for itself.
            let panels = panels(rhs, k, n);
            let strips = out.par_chunks_mut(strip * n).enumerate();
            strips.for_each(|(j, out)| {
                let sizes = Sizes {
                    m: out.len() / n,
                    ..sizes
                };
                run(sizes, lhs.from(0, j * strip, 0), rhs, Some(&panels), out);
            });
        });
}

/// A right matrix in order, on the unit that the products are computed on.
pub(super) fn panels<T: Fused>(rhs: Matrices<'_, T>, k: usize, n: usize) -> Panels<T> {
    on_unit::<T, _>(n, Pack { rhs, k, n })
}

/// Products on one thread; with `panels`, of one matrix.
pub(super) fn run<T: Fused>(
    sizes: Sizes,
    lhs: Matrices<'_, T>,
    rhs: Matrices<'_, T>,
    panels: Option<&Panels<T>>,
    out: &mut [T],
) {
    let stack = Stack {
        sizes,
        lhs,
        rhs,
        panels,
        out,
    };
    on_unit::<T, _>(sizes.n, stack);
}

/// Runs on the vector unit for rows of `n` elements.
fn on_unit<T, W: pulp::WithSimd>(n: usize, work: W) -> W::Output {
    // A row that half a vector holds is done in half the time by the unit of half the width.
    #[cfg(target_arch = "x86_64")]
    if n * size_of::<T>() <= 32
        && let Some(unit) = pulp::x86::V3::try_new()
    {
        return pulp::Simd::vectorize(unit, work);
    }
    pulp::Arch::new().dispatch(work)
}

/// Products of stacks of matrices on one thread.
struct Stack<'a, T> {
    sizes: Sizes,
    lhs: Matrices<'a, T>,
    rhs: Matrices<'a, T>,
    /// The right matrix where it is in order already.
    panels: Option<&'a Panels<T>>,
    out: &'a mut [T],
}

impl<T: Fused> pulp::WithSimd for Stack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let sizes = self.sizes;
        let Sizes { m, k, n } = sizes;
        // Of a few rows there is less to compute than to look up, so some sizes are known to the compiler.
        if m == k && k == n && self.lhs.is_packed(m, k) && self.rhs.is_packed(k, n) {
            match (n, n / lanes::<S, T>(), n % lanes::<S, T>()) {
                (4, 1, 0) => return self.square::<S, 4, 1, 4>(simd),
                (8, 1, 0) => return self.square::<S, 8, 1, 8>(simd),
                (8, 2, 0) => return self.square::<S, 8, 2, 4>(simd),
                (16, 1, 0) => return self.square::<S, 16, 1, 8>(simd),
                (16, 2, 0) => return self.square::<S, 16, 2, 4>(simd),
                _ => {}
            }
        }
        let mut panel = Panels::new();
        let matrices = self.out.chunks_exact_mut(sizes.m * sizes.n);
        for (i, out) in matrices.enumerate() {
            let mut product = Product {
                simd,
                sizes,
                lhs: self.lhs.from(i, 0, 0),
                rhs: self.rhs.from(i, 0, 0),
                panels: self.panels,
                out,
            };
            product.fill(&mut panel);
        }
    }
}

/// Products of packed matrices of `M` by `M` elements, rows of `V` vectors, `R` rows at a time.
struct Square<'a, S, T, const M: usize, const V: usize, const R: usize> {
    simd: S,
    stack: Stack<'a, T>,
}

impl<'a, T: Fused> Stack<'a, T> {
    #[inline(always)]
    fn square<S: Simd, const M: usize, const V: usize, const R: usize>(self, simd: S) {
        let square: Square<'a, S, T, M, V, R> = Square { simd, stack: self };
        simd.vectorize(square);
    }
}

impl<S: Simd, T: Fused, const M: usize, const V: usize, const R: usize> pulp::WithSimd
    for Square<'_, S, T, M, V, R>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<Same: Simd>(self, _: Same) {
        let Square { simd, stack } = self;
        let matrices = stack.out.len() / (M * M);
        for matrix in 0..matrices {
            let range = matrix * M * M..(matrix + 1) * M * M;
            let left = &stack.lhs.elements[range.clone()];
            let right = &T::vectors::<S>(&stack.rhs.elements[range.clone()])[..M * V];
            let out = &mut T::vectors_mut::<S>(&mut stack.out[range])[..M * V];
            for first in (0..M).step_by(R) {
                let mut sums = [[T::splat(simd, T::ZERO); V]; R];
                for i in 0..M {
                    for r in 0..R {
                        let x = T::splat(simd, left[(first + r) * M + i]);
                        for v in 0..V {
                            sums[r][v] = T::plus_product(simd, sums[r][v], x, right[i * V + v]);
                        }
                    }
                }
                let out = &mut out[first * V..][..R * V];
                for r in 0..R {
                    for v in 0..V {
                        out[r * V + v] = sums[r][v];
                    }
                }
            }
        }
    }
}

struct Product<'a, S, T> {
    simd: S,
    sizes: Sizes,
    lhs: Matrices<'a, T>,
    rhs: Matrices<'a, T>,
    panels: Option<&'a Panels<T>>,
    out: &'a mut [T],
}

/// A place in the result: from a column on, so many of them.
#[derive(Clone, Copy)]
struct Place {
    column: usize,
    width: usize,
    /// Whether there are sums already.
    more: bool,
}

impl<S: Simd, T: Fused> Product<'_, S, T> {
    #[inline(always)]
    fn fill(&mut self, panel: &mut Panels<T>) {
        let mut column = 0;
        while column < self.sizes.n {
            let rest = self.sizes.n - column;
            column += if rest > lanes::<S, T>() {
                self.columns::<VECTORS>(column, rest.min(VECTORS * lanes::<S, T>()), panel)
            } else {
                self.columns::<1>(column, rest, panel)
            };
        }
    }

    /// The columns from `column` on, `width` of them, in tiles of `V` vectors; returns `width`.
    #[inline(always)]
    fn columns<const V: usize>(
        &mut self,
        column: usize,
        width: usize,
        panel: &mut Panels<T>,
    ) -> usize {
        let Sizes { m, k, .. } = self.sizes;
        let full = V * lanes::<S, T>();
        let mut next = 0;
        while next < k {
            let (from, depth) = (next, DEPTH.min(k - next));
            next += depth;
            let rhs = self.rhs.from(0, from, column);
            let place = Place {
                column,
                width,
                more: from > 0,
            };
            if let Some(panels) = self.panels {
                let rows = Panel {
                    // All panels before are of the full width.
                    elements: &panels.elements()[column * k + from * full..],
                    distance: full,
                };
                self.strips::<V>((from, depth), place, rows);
                continue;
            }
            // A tile that sticks out reads further than the matrix, so from a panel of its own.
            if width == full && rhs.column == 1 && m < PACKED_ROWS {
                let rows = Panel {
                    elements: rhs.elements,
                    distance: rhs.row,
                };
                self.strips::<V>((from, depth), place, rows);
                continue;
            }
            pack::<S, T, V>(rhs, width, panel.reserve(depth * full));
            let rows = Panel {
                elements: panel.elements(),
                distance: full,
            };
            self.strips::<V>((from, depth), place, rows);
        }
        width
    }

    /// Adds the products with a panel.
    #[inline(always)]
    fn strips<const V: usize>(
        &mut self,
        (from, depth): (usize, usize),
        place: Place,
        panel: Panel<'_, T>,
    ) {
        let m = self.sizes.m;
        // As many sums as there are registers for.
        let many = V == 1 || size_of::<T::Vector<S>>() == 64;
        let mut row = 0;
        while row < m {
            let lhs = self.lhs.from(0, row, from);
            row += match m - row {
                8.. if many => self.tile::<8, V>(lhs, row, depth, place, panel),
                4.. => self.tile::<4, V>(lhs, row, depth, place, panel),
                _ => self.tile::<1, V>(lhs, row, depth, place, panel),
            };
        }
    }

    /// One tile of `R` rows; returns their number.
    #[inline(always)]
    fn tile<const R: usize, const V: usize>(
        &mut self,
        lhs: Matrices<'_, T>,
        row: usize,
        depth: usize,
        place: Place,
        panel: Panel<'_, T>,
    ) -> usize {
        let (simd, n) = (self.simd, self.sizes.n);
        let tile: Tile<'_, S, T, R, V> = Tile {
            simd,
            n,
            lhs,
            depth,
            place,
            panel,
            out: &mut self.out[row * n..],
        };
        // A function of its own: in one that has all tiles, sums do not stay in registers.
        simd.vectorize(tile);
        R
    }
}

/// `R` rows of `V` vectors.
struct Tile<'a, S, T, const R: usize, const V: usize> {
    simd: S,
    n: usize,
    lhs: Matrices<'a, T>,
    depth: usize,
    place: Place,
    panel: Panel<'a, T>,
    /// The result from the tile's first row on.
    out: &'a mut [T],
}

impl<S: Simd, T: Fused, const R: usize, const V: usize> pulp::WithSimd for Tile<'_, S, T, R, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<Same: Simd>(self, _: Same) {
        let Tile {
            simd,
            n,
            lhs,
            depth,
            place,
            panel,
            out,
        } = self;
        let full = V * lanes::<S, T>();
        let zero = T::splat(simd, T::ZERO);
        let mut sums = [[zero; V]; R];
        let mut edge = [T::ZERO; COLUMNS];
        if place.more {
            for r in 0..R {
                let sums_before = &out[r * n + place.column..][..place.width];
                let before = if place.width == full {
                    T::vectors::<S>(sums_before)
                } else {
                    edge[..place.width].copy_from_slice(sums_before);
                    T::vectors::<S>(&edge)
                };
                for v in 0..V {
                    sums[r][v] = before[v];
                }
            }
        }
        // Loops and no closures here: those are not always inlined into the function that has the unit's instructions.
        if lhs.column == 1 {
            let mut rows = [&lhs.elements[..depth]; R];
            for r in 0..R {
                rows[r] = &lhs.elements[r * lhs.row..][..depth];
            }
            for i in 0..depth {
                let row = panel.row::<S, V>(i);
                for r in 0..R {
                    add(simd, &mut sums[r], rows[r][i], row);
                }
            }
        } else {
            for i in 0..depth {
                let row = panel.row::<S, V>(i);
                let column = &lhs.elements[i * lhs.column..];
                if lhs.row == 1 {
                    let column = &column[..R];
                    for r in 0..R {
                        add(simd, &mut sums[r], column[r], row);
                    }
                } else {
                    for r in 0..R {
                        add(simd, &mut sums[r], column[r * lhs.row], row);
                    }
                }
            }
        }
        for r in 0..R {
            let target = &mut out[r * n + place.column..][..place.width];
            // Vectors one by one: copied as slices they would leave the registers before.
            if place.width == full {
                let target = &mut T::vectors_mut::<S>(target)[..V];
                for v in 0..V {
                    target[v] = sums[r][v];
                }
            } else {
                let target_edge = &mut T::vectors_mut::<S>(&mut edge)[..V];
                for v in 0..V {
                    target_edge[v] = sums[r][v];
                }
                target.copy_from_slice(&edge[..place.width]);
            }
        }
    }
}

/// Adds the products of an element with a row of a panel to a row of sums.
#[inline(always)]
fn add<S: Simd, T: Fused, const V: usize>(
    simd: S,
    sums: &mut [T::Vector<S>; V],
    x: T,
    row: &[T::Vector<S>; V],
) {
    let x = T::splat(simd, x);
    for v in 0..V {
        sums[v] = T::plus_product(simd, sums[v], x, row[v]);
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
            (8, 8, 8),
            (5, 7, 9),
            (16, 16, 16),
            (33, 300, 21),
            (6, 513, 37),
            (200, 130, 90),
        ] {
            let lhs: Vec<f64> = (0..2 * m * k).map(number).collect();
            let rhs: Vec<f64> = (0..2 * k * n).map(|i| number(i + 5)).collect();
            // Rows side by side, then columns.
            for (lhs_row, lhs_column) in [(k, 1), (1, m)] {
                for (rhs_row, rhs_column) in [(n, 1), (1, k)] {
                    let lhs = Matrices {
                        elements: &lhs,
                        stack: m * k,
                        row: lhs_row,
                        column: lhs_column,
                    };
                    let rhs = Matrices {
                        elements: &rhs,
                        stack: k * n,
                        row: rhs_row,
                        column: rhs_column,
                    };
                    let mut out = vec![f64::NAN; 2 * m * n];
                    products(Sizes { m, k, n }, lhs, rhs, &mut out);
                    for (i, &got) in out.iter().enumerate() {
                        let (matrix, row, column) = (i / (m * n), i / n % m, i % n);
                        let want = (0..k).fold(0.0, |sum: f64, j| {
                            let x = lhs.elements[matrix * m * k + row * lhs_row + j * lhs_column];
                            let y =
                                rhs.elements[matrix * k * n + j * rhs_row + column * rhs_column];
                            x.mul_add(y, sum)
                        });
                        assert_eq!(got.to_bits(), want.to_bits(), "{m} {k} {n} at {i}");
                    }
                }
            }
        }
    }
}
