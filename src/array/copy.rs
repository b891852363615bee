//! Copies to row-major order.
//!
//! vmap moves batch axes about, so operands often are permuted views. Element iterators over a dynamic number of axes
//! cost tens of nanoseconds per element; the loops here go over two axes at a time, the one that is contiguous in
//! memory and the one that is contiguous in the copy, in parts that fit the cache.

use std::borrow::Cow;

use ndarray::{ArrayViewD, ArrayViewMutD, Ix2, IxDyn};
use smallvec::SmallVec;

use super::{Element, buffer};

/// An axis by its length and the distance between neighbours in memory and in the copy.
#[derive(Clone, Copy, Debug)]
struct CopyAxis {
    length: usize,
    source: usize,
    target: usize,
}

/// The elements in row-major order, borrowed where they lie so.
pub(crate) fn row_major<'a, T: Element>(array: &ArrayViewD<'a, T>) -> Cow<'a, [T]> {
    if let Some(elements) = array.to_slice() {
        return Cow::Borrowed(elements);
    }
    let forwards = array.strides().iter().all(|&s| s >= 0);
    match array.to_slice_memory_order() {
        Some(source) if forwards => Cow::Owned(permuted(source, array.shape(), array.strides())),
        _ => Cow::Owned(gathered(array)),
    }
}

/// The copy of an array with gaps, repeats or reversed axes, which no single slice of memory holds.
fn gathered<T: Element>(array: &ArrayViewD<'_, T>) -> Vec<T> {
    let Some(&any) = array.first() else {
        return Vec::new();
    };
    let mut out = buffer(array.len(), any);
    if array.strides().last() == Some(&1) {
        // A part of a larger array: its rows are slices.
        let length = array.shape()[array.ndim() - 1];
        // Of few rows each takes little time, but not where their number of axes is not known.
        if let Ok(rows) = array.view().into_dimensionality::<Ix2>() {
            for (row, out) in rows.outer_iter().zip(out.chunks_exact_mut(length)) {
                match row.to_slice() {
                    Some(row) => out.copy_from_slice(row),
                    None => out.iter_mut().zip(row).for_each(|(out, &x)| *out = x),
                }
            }
            return out;
        }
        for (row, out) in array.rows().into_iter().zip(out.chunks_exact_mut(length)) {
            match row.to_slice() {
                Some(row) => out.copy_from_slice(row),
                None => out.iter_mut().zip(row).for_each(|(out, &x)| *out = x),
            }
        }
        return out;
    }
    if let Ok(mut target) = ArrayViewMutD::from_shape(IxDyn(array.shape()), &mut out) {
        target.assign(array);
    }
    out
}

/// The copy of an array whose axes are permuted in memory.
fn permuted<T: Element>(source: &[T], shape: &[usize], strides: &[isize]) -> Vec<T> {
    let mut axes = copy_axes(shape, strides);
    let (Some(last), Some(&any)) = (axes.pop(), source.first()) else {
        return source.to_vec();
    };
    let mut out = buffer(source.len(), any);
    if last.source == 1 {
        for_each_offset(&axes, |from, to| {
            out[to..to + last.length].copy_from_slice(&source[from..from + last.length]);
        });
        return out;
    }
    // Without gaps some axis is contiguous in memory.
    let contiguous = axes.iter().position(|axis| axis.source == 1);
    let first = contiguous.map_or(
        CopyAxis {
            length: 1,
            source: 1,
            target: 0,
        },
        |i| axes.remove(i),
    );
    // Parts of so many elements that those of a part stay in the first cache while they are turned.
    let part = (256 / size_of::<T>().max(1)).clamp(32, 128);
    for_each_offset(&axes, |from, to| {
        for i in (0..first.length).step_by(part) {
            for j in (0..last.length).step_by(part) {
                let (rows, columns) = (part.min(first.length - i), part.min(last.length - j));
                let source = &source[from + i + j * last.source..];
                let out = &mut out[to + i * first.target + j..];
                turn(source, (rows, columns, last.source), out, first.target);
            }
        }
    });
    out
}

/// As many elements of a row and a column are turned together: what stays in registers on every machine. Larger tiles, and tiles on the
/// widest vector unit, go through memory.
const TURNED: usize = 4;

/// Writes the rows of a matrix, `rows` by `columns`, whose columns lie `stride` apart, with `target` from one row to the next.
pub(crate) fn turn<T: Copy>(
    data: &[T],
    (rows, columns, stride): (usize, usize, usize),
    out: &mut [T],
    target: usize,
) {
    let (whole_rows, whole_columns) = (rows / TURNED * TURNED, columns / TURNED * TURNED);
    for column in (0..whole_columns).step_by(TURNED) {
        for row in (0..whole_rows).step_by(TURNED) {
            // Parts of columns are read as a whole, and parts of rows written.
            let mut tile = [[data[0]; TURNED]; TURNED];
            for j in 0..TURNED {
                let part = &data[row + (column + j) * stride..][..TURNED];
                for i in 0..TURNED {
                    tile[i][j] = part[i];
                }
            }
            for i in 0..TURNED {
                let part = &mut out[(row + i) * target + column..][..TURNED];
                for j in 0..TURNED {
                    part[j] = tile[i][j];
                }
            }
        }
    }
    for row in 0..rows {
        let from = if row < whole_rows { whole_columns } else { 0 };
        for column in from..columns {
            out[row * target + column] = data[row + column * stride];
        }
    }
}

/// The axes longer than 1, outermost first, with those merged that are neighbours in memory too.
fn copy_axes(shape: &[usize], strides: &[isize]) -> SmallVec<[CopyAxis; 6]> {
    let mut axes: SmallVec<[CopyAxis; 6]> = SmallVec::new();
    let mut target = shape.iter().product::<usize>();
    for (&length, stride) in shape.iter().zip(strides) {
        if length == 1 {
            continue;
        }
        target /= length.max(1);
        let axis = CopyAxis {
            length,
            source: stride.unsigned_abs(),
            target,
        };
        match axes.last_mut() {
            Some(outer) if outer.source == axis.source * length => {
                *outer = CopyAxis {
                    length: outer.length * length,
                    ..axis
                };
            }
            _ => axes.push(axis),
        }
    }
    axes
}

/// Calls `visit` with the offsets in memory and in the copy for every index over `axes`.
fn for_each_offset(axes: &[CopyAxis], mut visit: impl FnMut(usize, usize)) {
    let mut index: SmallVec<[usize; 6]> = SmallVec::from_elem(0, axes.len());
    let (mut source, mut target) = (0, 0);
    'next: loop {
        visit(source, target);
        for (axis, index) in axes.iter().zip(&mut index).rev() {
            *index += 1;
            source += axis.source;
            target += axis.target;
            if *index < axis.length {
                continue 'next;
            }
            source -= axis.length * axis.source;
            target -= axis.length * axis.target;
            *index = 0;
        }
        return;
    }
}

/// Whether neighbouring axes can be merged into one without copying.
pub(crate) fn axes_merge(shape: &[usize], strides: &[isize]) -> bool {
    copy_axes(shape, strides).len() <= 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::{Array, Axis, Slice};

    fn check(view: &ArrayViewD<'_, i32>) {
        let want: Vec<i32> = view.iter().copied().collect();
        assert_eq!(
            row_major(view),
            want,
            "{:?} {:?}",
            view.shape(),
            view.strides()
        );
    }

    #[test]
    fn every_permutation_of_every_layout_copies_right() {
        for shape in [
            [2, 3, 4, 5],
            [1, 40, 1, 33],
            [17, 1, 9, 2],
            [3, 0, 2, 2],
            [70, 3, 1, 2],
        ] {
            let count = shape.iter().product::<usize>() as i32;
            let base = Array::from_iter(0..count)
                .into_shape_with_order(IxDyn(&shape))
                .unwrap();
            for code in 0..256 {
                let permutation = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 & 3];
                if (0..4).any(|axis| !permutation.contains(&axis)) {
                    continue;
                }
                let permuted = base.view().permuted_axes(IxDyn(&permutation));
                check(&permuted);
                let mut reversed = permuted.clone();
                reversed.invert_axis(Axis(1));
                check(&reversed);
                let mut stepped = permuted.clone();
                stepped.slice_axis_inplace(Axis(3), Slice::new(0, None, 2));
                check(&stepped);
                if permuted.shape()[0] == 1 {
                    let mut repeated: Vec<usize> = permuted.shape().to_vec();
                    repeated[0] = 3;
                    check(&permuted.broadcast(IxDyn(&repeated)).unwrap());
                }
            }
        }
        check(&Array::from_elem(IxDyn(&[]), 7).view());
    }

    #[test]
    fn axes_merge_where_memory_is_in_order() {
        assert!(
            axes_merge(&[2, 3], &[3, 1]) && axes_merge(&[2, 3], &[6, 2]) && axes_merge(&[], &[])
        );
        assert!(
            axes_merge(&[2, 1, 3], &[3, 99, 1])
                && !axes_merge(&[2, 3], &[1, 2])
                && !axes_merge(&[2, 3], &[4, 1])
        );
    }
}
