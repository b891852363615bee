//! Panels of the right matrix: a few vectors of columns, whose rows follow each other so that a tile finds them in the first cache.

use pulp::Simd;

use super::matrices::{Fused, Matrices, VECTORS, lanes};

/// Rows of a panel: its elements, and the distance from one to the next.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a, T> {
    pub(super) elements: &'a [T],
    pub(super) distance: usize,
}

impl<'a, T: Fused> Panel<'a, T> {
    /// The first vectors of row `i`.
    #[inline(always)]
    pub(super) fn row<S: Simd, const V: usize>(self, i: usize) -> &'a [T::Vector<S>; V] {
        let row = &self.elements[i * self.distance..][..V * lanes::<S, T>()];
        match T::vectors::<S>(row).first_chunk() {
            Some(row) => row,
            None => unreachable!("the elements of so many vectors are as many vectors"),
        }
    }
}

/// Panels of a right matrix, one behind the other.
#[derive(Debug)]
pub(super) struct Panels<T> {
    data: Vec<T>,
    first: usize,
}

impl<T: Fused> Panels<T> {
    pub(super) fn new() -> Self {
        Panels {
            data: Vec::new(),
            first: 0,
        }
    }

    /// Room for so many elements, whatever they are, from a cache line's start on: vectors that lie across two lines are read in twice
    /// the time.
    #[inline(always)]
    pub(super) fn reserve(&mut self, size: usize) -> &mut [T] {
        let line = 64 / size_of::<T>();
        if self.data.len() < size + line {
            self.data = vec![T::ZERO; size + line];
            self.first = self.data.as_ptr().align_offset(64).min(line);
        }
        &mut self.data[self.first..][..size]
    }

    #[inline(always)]
    pub(super) fn elements(&self) -> &[T] {
        &self.data[self.first..]
    }
}

/// Puts a whole matrix of `k` rows and `n` columns in panels.
pub(super) struct Pack<'a, T> {
    pub(super) rhs: Matrices<'a, T>,
    pub(super) k: usize,
    pub(super) n: usize,
}

impl<T: Fused> pulp::WithSimd for Pack<'_, T> {
    type Output = Panels<T>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Panels<T> {
        let Pack { rhs, k, n } = self;
        let lanes = lanes::<S, T>();
        let mut panels = Panels::new();
        let all = panels.reserve(k * n.next_multiple_of(lanes * VECTORS));
        // As `Product::fill` walks over columns.
        let mut column = 0;
        while column < n {
            let (rest, rhs) = (n - column, rhs.from(0, 0, column));
            let to = &mut all[column * k..];
            if rest > lanes {
                let full = VECTORS * lanes;
                pack::<S, T, VECTORS>(rhs, rest.min(full), &mut to[..k * full]);
                column += full;
            } else {
                pack::<S, T, 1>(rhs, rest, &mut to[..k * lanes]);
                column = n;
            }
        }
        panels
    }
}

/// Copies the first columns of a matrix together, in rows of `V` vectors.
#[inline(always)]
pub(super) fn pack<S: Simd, T: Fused, const V: usize>(
    rhs: Matrices<'_, T>,
    width: usize,
    to: &mut [T],
) {
    let full = V * lanes::<S, T>();
    let depth = to.len() / full;
    if rhs.column == 1 && width == full {
        for i in 0..depth {
            let from = &T::vectors::<S>(&rhs.elements[i * rhs.row..][..full])[..V];
            let to = &mut T::vectors_mut::<S>(&mut to[i * full..][..full])[..V];
            for v in 0..V {
                to[v] = from[v];
            }
        }
        return;
    }
    if rhs.column == 1 {
        for i in 0..depth {
            to[i * full..][..width].copy_from_slice(&rhs.elements[i * rhs.row..][..width]);
        }
        return;
    }
    // A few rows at a time, so that what is written stays in the cache while columns are read.
    let (width, mut first) = (width.min(full), 0);
    while rhs.row == 1 && depth - first >= 8 {
        let to = &mut to[first * full..][..8 * full];
        for j in 0..width {
            let column = &rhs.elements[j * rhs.column + first..][..8];
            for i in 0..8 {
                to[i * full + j] = column[i];
            }
        }
        first += 8;
    }
    for i in first..depth {
        for j in 0..width {
            to[i * full + j] = rhs.elements[i * rhs.row + j * rhs.column];
        }
    }
}
