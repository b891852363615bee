//! Walks over whole arrays, which hand runs of elements to functions of slices.
//!
//! Operands are read as slices, and a result is allocated once. An operand whose layout does not allow that is first
//! copied to row-major order.

use smallvec::SmallVec;
use std::borrow::Cow;
use std::slice;

use ndarray::{ArcArray, IxDyn, ShapeBuilder};

use super::slices::Operand;
use crate::array::{Array, Element, Shape, buffer, row_major};
use crate::ops::math::Arith;

type Typed<T> = ArcArray<T, IxDyn>;

/// The elements in row-major order, borrowed where they lie so.
pub(crate) fn elements<T: Element>(array: &Typed<T>) -> Cow<'_, [T]> {
    row_major(&array.view())
}

/// The elements in memory order, where they lie without gaps and no axis runs backwards.
fn memory_slice<T: Element>(array: &Typed<T>) -> Option<&[T]> {
    if array.strides().iter().any(|&s| s < 0) {
        return None;
    }
    array.as_slice_memory_order()
}

/// A result's shape, and its strides where it is not in row-major order.
struct Layout {
    shape: Shape,
    strides: Option<SmallVec<[usize; 4]>>,
}

impl Layout {
    /// The layout of an array whose [`memory_slice`] is used.
    fn of<T: Element>(array: &Typed<T>) -> Self {
        let strides = || array.strides().iter().map(|s| s.unsigned_abs()).collect();
        let shape = Shape::from_slice(array.shape());
        Layout {
            shape,
            strides: (!array.is_standard_layout()).then(strides),
        }
    }

    fn array<R: Element>(&self, elements: Vec<R>) -> Array {
        match &self.strides {
            None => Array::from_elements(&self.shape, elements),
            Some(strides) => {
                let shape = IxDyn(&self.shape).strides(IxDyn(strides));
                let array = ndarray::Array::from_shape_vec(shape, elements);
                Array::from(array.expect("a layout without gaps holds one element per position"))
            }
        }
    }
}

/// One operand's elements in an order in which the result can be laid out.
fn operand<T: Element>(array: &Typed<T>) -> (Cow<'_, [T]>, Layout) {
    match memory_slice(array) {
        Some(elements) => (Cow::Borrowed(elements), Layout::of(array)),
        None => (
            elements(array),
            Layout {
                shape: Shape::from_slice(array.shape()),
                strides: None,
            },
        ),
    }
}

/// Applies a function of slices to all elements.
pub(crate) fn map<T: Element, R: Arith>(array: &Typed<T>, f: impl FnOnce(&[T], &mut [R])) -> Array {
    if let (0, Some(x)) = (array.ndim(), array.first()) {
        let mut out = R::ZERO;
        f(slice::from_ref(x), slice::from_mut(&mut out));
        return Array::scalar(out);
    }
    let (elements, layout) = operand(array);
    let mut out = buffer(elements.len(), R::ZERO);
    f(&elements, &mut out);
    layout.array(out)
}

/// Which operand of a run is one repeated element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeats {
    Neither,
    Left,
    Right,
}

/// How to walk two row-major operands that broadcast against each other: offsets of both at the start of every run.
///
/// Axes along which both operands advance, or the same one repeats, are merged; what is left is an inner run, walked
/// by one vector loop, and outer axes with the distance each operand advances along them.
struct Walk {
    run: usize,
    repeats: Repeats,
    /// Length, both strides and index, innermost first.
    outer: SmallVec<[OuterAxis; 4]>,
    next: Option<(usize, usize)>,
}

struct OuterAxis {
    length: usize,
    left: usize,
    right: usize,
    index: usize,
}

impl Walk {
    /// A single run.
    fn flat(run: usize, repeats: Repeats) -> Self {
        Walk {
            run,
            repeats,
            outer: SmallVec::new(),
            next: Some((0, 0)),
        }
    }

    /// `left` and `right` have the rank of `shape`, or rank 0.
    fn new(shape: &[usize], left: &[usize], right: &[usize]) -> Self {
        if shape.contains(&0) {
            return Walk {
                next: None,
                ..Walk::flat(0, Repeats::Neither)
            };
        }
        // What repeats along an axis, and its length and strides; innermost first.
        let mut axes: SmallVec<[(Repeats, OuterAxis); 4]> = SmallVec::new();
        let (mut left_size, mut right_size) = (1, 1);
        for (axis, &length) in shape.iter().enumerate().rev() {
            if length == 1 {
                continue;
            }
            // A missing axis is that of a rank-0 operand.
            let (l, r) = (
                left.get(axis).copied().unwrap_or(1),
                right.get(axis).copied().unwrap_or(1),
            );
            let repeats = match (l, r) {
                (1, _) => Repeats::Left,
                (_, 1) => Repeats::Right,
                _ => Repeats::Neither,
            };
            match axes.last_mut() {
                Some((last, inner)) if *last == repeats => inner.length *= length,
                _ => {
                    let left = if repeats == Repeats::Left {
                        0
                    } else {
                        left_size
                    };
                    let right = if repeats == Repeats::Right {
                        0
                    } else {
                        right_size
                    };
                    axes.push((
                        repeats,
                        OuterAxis {
                            length,
                            left,
                            right,
                            index: 0,
                        },
                    ));
                }
            }
            left_size *= l;
            right_size *= r;
        }
        let mut axes = axes.into_iter();
        match axes.next() {
            None => Walk::flat(1, Repeats::Neither),
            Some((repeats, inner)) => Walk {
                outer: axes.map(|(_, axis)| axis).collect(),
                ..Walk::flat(inner.length, repeats)
            },
        }
    }
}

impl Iterator for Walk {
    type Item = (usize, usize);

    #[inline]
    fn next(&mut self) -> Option<(usize, usize)> {
        let current = self.next?;
        let (mut left, mut right) = current;
        self.next = None;
        for axis in &mut self.outer {
            axis.index += 1;
            left += axis.left;
            right += axis.right;
            if axis.index < axis.length {
                self.next = Some((left, right));
                break;
            }
            left -= axis.length * axis.left;
            right -= axis.length * axis.right;
            axis.index = 0;
        }
        Some(current)
    }
}

/// The shape of a binary result: operands have equal ranks, or one has rank 0 (the type rule saw to it).
fn result_shape(left: &[usize], right: &[usize]) -> Shape {
    match (left.len(), right.len()) {
        (0, _) => Shape::from_slice(right),
        (_, 0) => Shape::from_slice(left),
        _ => left
            .iter()
            .zip(right)
            .map(|(&l, &r)| if l == 1 { r } else { l })
            .collect(),
    }
}

/// Two operands ready to be walked.
struct Pair<'a, T: Element> {
    left: Cow<'a, [T]>,
    right: Cow<'a, [T]>,
    walk: Walk,
    layout: Layout,
}

fn pair<'a, T: Element>(left: &'a Typed<T>, right: &'a Typed<T>) -> Pair<'a, T> {
    let alike = left.shape() == right.shape() && left.strides() == right.strides();
    // Without broadcasting of axes the result can keep the operands' layout.
    if let (true, Some(l), Some(r)) = (alike, memory_slice(left), memory_slice(right)) {
        let walk = Walk::flat(l.len(), Repeats::Neither);
        return Pair {
            left: l.into(),
            right: r.into(),
            walk,
            layout: Layout::of(left),
        };
    }
    if left.ndim() == 0 {
        let (right, layout) = operand(right);
        return Pair {
            left: elements(left),
            walk: Walk::flat(right.len(), Repeats::Left),
            right,
            layout,
        };
    }
    if right.ndim() == 0 {
        let (left, layout) = operand(left);
        return Pair {
            right: elements(right),
            walk: Walk::flat(left.len(), Repeats::Right),
            left,
            layout,
        };
    }
    let shape = result_shape(left.shape(), right.shape());
    let walk = Walk::new(&shape, left.shape(), right.shape());
    Pair {
        left: elements(left),
        right: elements(right),
        walk,
        layout: Layout {
            shape,
            strides: None,
        },
    }
}

/// Runs of fewer elements than this are put together before a function gets them.
const SHORT: usize = 16;
/// How many elements of short runs it gets then.
const TOGETHER: usize = 512;

/// Appends a run of an operand, which may be one repeated element.
fn append<T: Copy>(to: &mut Vec<T>, from: &[T], start: usize, run: usize, repeats: bool) {
    if repeats {
        to.extend(std::iter::repeat_n(from[start], run));
    } else {
        to.extend_from_slice(&from[start..start + run]);
    }
}

/// Applies a function of slices to pairs of elements, broadcasting axes of length 1 and rank-0 operands.
pub(crate) fn zip<T: Element, R: Arith>(
    left: &Typed<T>,
    right: &Typed<T>,
    f: impl Fn(Operand<'_, T>, Operand<'_, T>, &mut [R]),
) -> Array {
    if let (0, 0, Some(&l), Some(&r)) = (left.ndim(), right.ndim(), left.first(), right.first()) {
        let mut out = R::ZERO;
        f(
            Operand::Same(l),
            Operand::Same(r),
            slice::from_mut(&mut out),
        );
        return Array::scalar(out);
    }
    let Pair {
        left,
        right,
        mut walk,
        layout,
    } = pair(left, right);
    let (run, repeats) = (walk.run, walk.repeats);
    let mut out = buffer(layout.shape.iter().product(), R::ZERO);
    if run < SHORT && run < out.len() {
        let (mut l, mut r) = (Vec::new(), Vec::new());
        for out in out.chunks_mut(TOGETHER / run.max(1) * run.max(1)) {
            l.clear();
            r.clear();
            while l.len() < out.len()
                && let Some((i, j)) = walk.next()
            {
                append(&mut l, &left, i, run, repeats == Repeats::Left);
                append(&mut r, &right, j, run, repeats == Repeats::Right);
            }
            f(Operand::Each(&l), Operand::Each(&r), out);
        }
        return layout.array(out);
    }
    for ((i, j), out) in walk.zip(out.chunks_mut(run.max(1))) {
        let (l, r) = match repeats {
            Repeats::Neither => (
                Operand::Each(&left[i..i + run]),
                Operand::Each(&right[j..j + run]),
            ),
            Repeats::Left => (Operand::Same(left[i]), Operand::Each(&right[j..j + run])),
            Repeats::Right => (Operand::Each(&left[i..i + run]), Operand::Same(right[j])),
        };
        f(l, r, out);
    }
    layout.array(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::Array as NdArray;

    /// A function of pairs of slices, of one of pairs of elements.
    fn of_pairs(
        f: impl Fn(i64, i64) -> i64,
    ) -> impl Fn(Operand<'_, i64>, Operand<'_, i64>, &mut [i64]) {
        let at = |operand: &Operand<'_, i64>, i: usize| match operand {
            Operand::Each(each) => each[i],
            Operand::Same(same) => *same,
        };
        move |left, right, out| {
            for (i, o) in out.iter_mut().enumerate() {
                *o = f(at(&left, i), at(&right, i));
            }
        }
    }

    fn counting(shape: &[usize]) -> Typed<i64> {
        let count: usize = shape.iter().product();
        NdArray::from_shape_vec(IxDyn(shape), (0..count as i64).collect())
            .unwrap()
            .into_shared()
    }

    /// Element by element through ndarray's own broadcasting.
    fn reference(left: &Typed<i64>, right: &Typed<i64>) -> Vec<i64> {
        let shape = result_shape(left.shape(), right.shape());
        let (l, r) = (
            left.broadcast(IxDyn(&shape)).unwrap(),
            right.broadcast(IxDyn(&shape)).unwrap(),
        );
        l.iter().zip(r.iter()).map(|(&l, &r)| 100 * l - r).collect()
    }

    fn double(x: &[i64], out: &mut [i64]) {
        for (o, x) in out.iter_mut().zip(x) {
            *o = 2 * x;
        }
    }

    #[test]
    fn every_pattern_of_broadcasting_matches_ndarray() {
        // Each axis: both full, left repeats, right repeats, length 1, and (rarely) length 0.
        let patterns = [(3, 3), (1, 3), (3, 1), (1, 1), (0, 0), (1, 0)];
        for a in patterns {
            for b in patterns {
                for c in patterns {
                    for d in [(2, 2), (1, 2), (2, 1)] {
                        let axes = [a, b, c, d];
                        let left = counting(&axes.map(|p| p.0));
                        let right = counting(&axes.map(|p| p.1));
                        let got = zip(&left, &right, of_pairs(|l, r| 100 * l - r));
                        assert_eq!(got.shape(), &result_shape(left.shape(), right.shape())[..]);
                        assert_eq!(
                            got.to_vec::<i64>().unwrap(),
                            reference(&left, &right),
                            "{axes:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn layouts_do_not_change_values() {
        let base = counting(&[2, 3, 4]);
        let permuted = base.clone().permuted_axes(IxDyn(&[2, 0, 1]));
        let mut reversed = counting(&[4, 2, 3]);
        reversed.invert_axis(ndarray::Axis(1));
        let mut stepped = counting(&[4, 2, 6]);
        stepped.slice_axis_inplace(ndarray::Axis(2), ndarray::Slice::new(1, None, 2));
        let scalar = counting(&[]);
        let arrays = [counting(&[4, 2, 3]), permuted, reversed, stepped];
        for a in &arrays {
            let want: Vec<i64> = a.iter().map(|&x| 2 * x).collect();
            assert_eq!(map(a, double).to_vec::<i64>().unwrap(), want);
            assert_eq!(
                zip(a, &scalar, of_pairs(|l, r| 2 * l + r))
                    .to_vec::<i64>()
                    .unwrap(),
                want
            );
            assert_eq!(
                zip(&scalar, a, of_pairs(|l, r| l + 2 * r))
                    .to_vec::<i64>()
                    .unwrap(),
                want
            );
            for b in &arrays {
                let got = zip(a, b, of_pairs(|l, r| 100 * l - r));
                assert_eq!(got.to_vec::<i64>().unwrap(), reference(a, b));
            }
        }
        // What lies in memory without gaps keeps its layout.
        let kept = map(&arrays[1], double).into_shared::<i64>().unwrap();
        assert_eq!(kept.strides(), arrays[1].strides());
    }
}
