//! Operands whose elements do not follow each other as a group's do: copied to a slot, block by block.

use smallvec::SmallVec;

use crate::array::turn;

/// How the elements of a level run over an operand's memory.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    offset: usize,
    /// Length and stride of each axis, outermost first; axes that can be are merged, those of length 1 left out.
    axes: SmallVec<[(usize, usize); 4]>,
}

impl Walk {
    pub(super) fn new(offset: usize, axes: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut merged: SmallVec<[(usize, usize); 4]> = SmallVec::new();
        for (length, stride) in axes {
            match merged.last_mut() {
                _ if length == 1 => {}
                Some(outer) if outer.1 == stride * length => *outer = (outer.0 * length, stride),
                _ => merged.push((length, stride)),
            }
        }
        Walk {
            offset,
            axes: merged,
        }
    }

    /// The number of elements.
    pub(super) fn count(&self) -> usize {
        self.axes.iter().map(|axis| axis.0).product()
    }

    /// Where the first element lies, if the others follow it.
    pub(super) fn in_order(&self) -> Option<usize> {
        matches!(self.axes[..], [] | [(_, 1)]).then_some(self.offset)
    }

    /// Whether every `count` elements are the same.
    pub(super) fn repeats_after(&self, count: usize) -> bool {
        let Some(((_, 0), inner)) = self.axes.split_first() else {
            return false;
        };
        let period = inner.iter().map(|axis| axis.0).product::<usize>();
        period > 0 && count.is_multiple_of(period)
    }

    /// Where the element of a number lies.
    fn place(&self, mut number: usize) -> usize {
        let mut at = self.offset;
        for &(length, stride) in self.axes.iter().rev() {
            at += number % length * stride;
            number /= length;
        }
        at
    }

    /// Copies the elements from the one of number `start` on.
    pub(super) fn load<T: Copy>(&self, data: &[T], start: usize, out: &mut [T]) {
        let Some((&(length, stride), outer)) = self.axes.split_last() else {
            if let Some(&x) = data.get(self.offset) {
                out.fill(x);
            }
            return;
        };
        let (mut row, mut column) = (start / length, start % length);
        if let (&[(_, 1)], 0, 0) = (outer, column, out.len() % length) {
            // A transposed matrix.
            let rows = out.len() / length;
            turn(
                &data[self.offset + row..],
                (rows, length, stride),
                out,
                length,
            );
            return;
        }
        if let (&[.., (rows, 1)], 0) = (outer, column)
            && row.is_multiple_of(rows)
            && out.len().is_multiple_of(rows * length)
        {
            // A stack of transposed matrices.
            let stack = Walk {
                offset: self.offset,
                axes: SmallVec::from_slice(&self.axes[..self.axes.len() - 2]),
            };
            for (i, out) in out.chunks_exact_mut(rows * length).enumerate() {
                let at = stack.place(row / rows + i);
                turn(&data[at..], (rows, length, stride), out, length);
            }
            return;
        }
        let mut index: SmallVec<[usize; 4]> = SmallVec::from_elem(0, outer.len());
        let mut at = self.offset;
        for (index, &(length, stride)) in index.iter_mut().zip(outer).rev() {
            *index = row % length;
            row /= length;
            at += *index * stride;
        }
        let mut rest = out;
        loop {
            let run = (length - column).min(rest.len());
            let repeats = match (outer.last(), index.last()) {
                (Some(&(length, 0)), Some(&index)) if column == 0 => length - index,
                _ => 1,
            };
            let repeats = repeats.min(rest.len() / run);
            let (same, tail) = rest.split_at_mut(repeats * run);
            let (out, _) = same.split_at_mut(run);
            let from = at + column * stride;
            match stride {
                0 => out.fill(data[from]),
                1 => copy(&data[from..from + run], out),
                _ => {
                    for (out, &x) in out.iter_mut().zip(data[from..].iter().step_by(stride)) {
                        *out = x;
                    }
                }
            }
            repeat(same, run);
            if tail.is_empty() {
                return;
            }
            rest = tail;
            column = 0;
            if let Some(index) = index.last_mut() {
                *index += repeats - 1;
            }
            for (index, &(length, stride)) in index.iter_mut().zip(outer).rev() {
                *index += 1;
                at += stride;
                if *index < length {
                    break;
                }
                at -= length * stride;
                *index = 0;
            }
        }
    }
}

/// Repeats the first `period` elements.
#[inline]
fn repeat<T: Copy>(out: &mut [T], period: usize) {
    let mut done = period;
    while done < out.len() {
        let more = done.min(out.len() - done);
        out.copy_within(..more, done);
        done += more;
    }
}

/// Copies a run; short ones without the call that lengths unknown to the compiler take.
#[inline]
fn copy<T: Copy>(from: &[T], to: &mut [T]) {
    match (from, &mut *to) {
        (&[a], [x]) => *x = a,
        (&[a, b], [x, y]) => (*x, *y) = (a, b),
        (&[a, b, c], [x, y, z]) => (*x, *y, *z) = (a, b, c),
        (&[a, b, c, d], [x, y, z, w]) => (*x, *y, *z, *w) = (a, b, c, d),
        _ => to.copy_from_slice(from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_of_every_layout_is_what_ndarray_reads() {
        let data: Vec<usize> = (0..400).collect();
        let layouts: [(&[usize], &[usize]); 10] = [
            (&[2, 9, 17], &[160, 1, 9]),
            (&[17, 10], &[1, 17]),
            (&[6, 5], &[1, 6]),
            (&[6, 5], &[5, 1]),
            (&[3, 4, 5], &[5, 0, 1]),
            (&[3, 4, 5], &[0, 5, 1]),
            (&[3, 4, 5], &[20, 5, 0]),
            (&[7], &[3]),
            (&[2, 3, 1, 4], &[1, 2, 9, 6]),
            (&[], &[]),
        ];
        for (shape, strides) in layouts {
            let walk = Walk::new(11, shape.iter().copied().zip(strides.iter().copied()));
            let size: usize = shape.iter().product();
            let element = |mut number: usize| {
                let mut at = 11;
                for (&n, &stride) in shape.iter().zip(strides).rev() {
                    at += number % n * stride;
                    number /= n;
                }
                data[at]
            };
            for start in 0..size {
                for end in start + 1..=size {
                    let mut out = vec![usize::MAX; end - start];
                    walk.load(&data, start, &mut out);
                    let want: Vec<usize> = (start..end).map(element).collect();
                    assert_eq!(out, want, "{shape:?} {strides:?} {start}..{end}");
                }
            }
            if let Some(offset) = walk.in_order() {
                assert!((0..size).all(|i| element(i) == data[offset + i]));
            }
            for count in 1..=size {
                let repeats = (0..size).all(|i| element(i) == element(i % count));
                assert!(
                    repeats || !walk.repeats_after(count),
                    "{shape:?} {strides:?} {count}"
                );
            }
        }
    }
}
