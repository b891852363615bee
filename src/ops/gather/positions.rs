//! Windows of one element along one axis: loops over indices, which look at each index once.

use std::borrow::Cow;

use super::window::{Windows, index_vectors};
use crate::array::{Array, Element, prepare_threads};
use crate::program::IndexMode;

/// As many positions are worth a thread.
const PARALLEL: usize = 1 << 15;

/// Indices along one axis, of one operand or of one for each place along an axis of the grid.
pub(crate) struct Positions<'a> {
    starts: Cow<'a, [i64]>,
    /// How many positions in a row belong to one operand.
    inner: usize,
    /// How many operands there are, and how far apart.
    operands: usize,
    apart: usize,
    stride: usize,
    /// The last position; negative where there is none.
    last: i64,
    /// What is added to negative indices.
    wrap: i64,
    clips: bool,
}

impl<'a> Positions<'a> {
    /// None where windows are addressed otherwise, or strides are negative.
    pub(crate) fn new(windows: &Windows<'_>, indices: &'a Array) -> Option<Self> {
        let (_, grid) = indices.shape().split_last()?;
        let &[axis] = windows.index_map else {
            return None;
        };
        let count: usize = grid.iter().product();
        let stride = |axis: usize| usize::try_from(windows.strides[axis]).ok();
        let (operands, inner, apart) = match (windows.grid_batching, windows.operand_batching) {
            ([], []) => (1, count, 0),
            (&[g], &[own]) => (grid[g], grid[g + 1..].iter().product(), stride(own)?),
            _ => return None,
        };
        Some(Positions {
            starts: index_vectors(indices),
            inner,
            operands,
            apart,
            stride: stride(axis)?,
            last: windows.operand[axis] as i64 - 1,
            wrap: windows.wrap,
            clips: windows.mode != IndexMode::FillOrDrop,
        })
    }

    /// Writes the element at every position, counted from the `first` one, or `fill` outside.
    pub(crate) fn gather<T: Element>(&self, source: &[T], first: usize, fill: T, out: &mut [T]) {
        if out.is_empty() {
            return;
        }
        if self.last < 0 {
            out.fill(fill);
            return;
        }
        // Of one operand any positions are read together.
        let (inner, apart) = match self.operands {
            1 => (PARALLEL.min(out.len()), 0),
            _ => (self.inner, self.apart),
        };
        self.gather_rows(source, first, fill, (inner, apart), 0, out);
    }

    /// Positions from row `row` of so many on, halves of them side by side.
    fn gather_rows<T: Element>(
        &self,
        source: &[T],
        first: usize,
        fill: T,
        (inner, apart): (usize, usize),
        row: usize,
        out: &mut [T],
    ) {
        let rows = out.len().div_ceil(inner);
        if rows > 1 && out.len() >= 2 * PARALLEL {
            prepare_threads();
            let half = rows / 2;
            let (left, right) = out.split_at_mut(half * inner);
            rayon::join(
                || self.gather_rows(source, first, fill, (inner, apart), row, left),
                || self.gather_rows(source, first, fill, (inner, apart), row + half, right),
            );
            return;
        }
        for (i, out) in out.chunks_mut(inner).enumerate() {
            let starts = &self.starts[(row + i) * inner..][..out.len()];
            let operand = &source[first + (row + i) % self.operands * apart..];
            if self.clips {
                for (out, &start) in out.iter_mut().zip(starts) {
                    *out = operand[self.clipped(start) * self.stride];
                }
            } else {
                for (out, &start) in out.iter_mut().zip(starts) {
                    *out = match self.inside(start) {
                        Some(at) => operand[at * self.stride],
                        None => fill,
                    };
                }
            }
        }
    }

    /// Combines what is at every position with an update, in order. Operands side by side are done side by side.
    pub(crate) fn scatter<T: Element>(
        &self,
        target: &mut [T],
        updates: &[T],
        combine: &AtPlaces<'_, T>,
    ) {
        if self.last < 0 || updates.is_empty() {
            return;
        }
        let one_each = self.starts.len() == self.operands * self.inner
            && target.len() == self.operands * self.apart;
        if self.operands > 1 && one_each && self.apart > 0 {
            self.scatter_rows(target, updates, &self.starts, combine);
            return;
        }
        let inner = self.inner.max(1);
        let rows = self.starts.chunks(inner).zip(updates.chunks(inner));
        for (row, (starts, updates)) in rows.enumerate() {
            let at = row % self.operands * self.apart;
            let places = Places { own: self, starts };
            combine(&places, &mut target[at..], updates);
        }
    }

    fn scatter_rows<T: Element>(
        &self,
        target: &mut [T],
        updates: &[T],
        starts: &[i64],
        combine: &AtPlaces<'_, T>,
    ) {
        let rows = target.len() / self.apart;
        if rows > 1 && starts.len() >= 2 * PARALLEL {
            prepare_threads();
            let half = rows / 2;
            let (target, other_target) = target.split_at_mut(half * self.apart);
            let (updates, other_updates) = updates.split_at(half * self.inner);
            let (starts, other_starts) = starts.split_at(half * self.inner);
            rayon::join(
                || self.scatter_rows(target, updates, starts, combine),
                || self.scatter_rows(other_target, other_updates, other_starts, combine),
            );
            return;
        }
        let given = starts.chunks(self.inner).zip(updates.chunks(self.inner));
        for (target, (starts, updates)) in target.chunks_mut(self.apart).zip(given) {
            combine(&Places { own: self, starts }, target, updates);
        }
    }

    #[inline(always)]
    fn wrapped(&self, start: i64) -> i64 {
        start.wrapping_add(if start < 0 { self.wrap } else { 0 })
    }

    #[inline(always)]
    fn clipped(&self, start: i64) -> usize {
        self.wrapped(start).clamp(0, self.last) as usize
    }

    #[inline(always)]
    fn inside(&self, start: i64) -> Option<usize> {
        let start = self.wrapped(start);
        // What is negative is far beyond the end.
        (start as u64 <= self.last as u64).then_some(start as usize)
    }
}

/// Combines what is at the positions of one operand with updates.
pub(crate) type AtPlaces<'f, T> = dyn Fn(&Places<'_>, &mut [T], &[T]) + Sync + 'f;

/// The positions of one operand.
pub(crate) struct Places<'a> {
    own: &'a Positions<'a>,
    starts: &'a [i64],
}

impl Places<'_> {
    /// Applies a function to what is at each position and the update for it.
    #[inline(always)]
    pub(crate) fn apply<T: Copy>(&self, target: &mut [T], updates: &[T], f: impl Fn(T, T) -> T) {
        let own = self.own;
        let (stride, clips) = (own.stride, own.clips);
        for (&start, &update) in self.starts.iter().zip(updates) {
            let place = if clips {
                Some(own.clipped(start))
            } else {
                own.inside(start)
            };
            if let Some(place) = place {
                let target = &mut target[place * stride];
                *target = f(*target, update);
            }
        }
    }
}
