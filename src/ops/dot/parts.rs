//! Operands as stacks of matrices: `(batch, rows, inner)` and `(batch, inner, columns)`, by permuting and merging axes.

use std::borrow::Cow;

use ndarray::{ArrayView3, ArrayViewD, CowArray, Ix3, IxDyn};
use smallvec::SmallVec;

use super::matrices::Matrices;
use super::tile::Sizes;
use super::{Typed, sides};
use crate::array::{Shape, axes_merge, row_major};
use crate::ops::math::Arith;
use crate::program::DotDims;

/// What a product of arrays is as one of stacks of matrices.
pub(super) struct Parts<'d> {
    pub(super) batch: usize,
    pub(super) sizes: Sizes,
    /// The result's axes: of the stack, of rows, of columns.
    pub(super) shape: [Shape; 3],
    /// The left operand's axes of the stack, of rows and of the inner axis.
    lhs: (&'d [usize], SmallVec<[usize; 4]>, &'d [usize]),
    /// The right operand's axes of the stack, of the inner axis and of columns.
    rhs: (&'d [usize], &'d [usize], SmallVec<[usize; 4]>),
}

impl<'d> Parts<'d> {
    pub(super) fn new(dims: &'d DotDims, lhs: &[usize], rhs: &[usize]) -> Self {
        let (left, right) = sides(dims, lhs.len(), rhs.len());
        let (lhs_free, rhs_free) = (left.free(), right.free());
        let lengths =
            |axes: &[usize], of: &[usize]| -> Shape { axes.iter().map(|&a| of[a]).collect() };
        let shape = [
            lengths(left.batch, lhs),
            lengths(&lhs_free, lhs),
            lengths(&rhs_free, rhs),
        ];
        let [batch, m, n] = [0, 1, 2].map(|i| shape[i].iter().product());
        let k = left.contract.iter().map(|&a| lhs[a]).product();
        Parts {
            batch,
            sizes: Sizes { m, k, n },
            shape,
            lhs: (left.batch, lhs_free, left.contract),
            rhs: (right.batch, right.contract, rhs_free),
        }
    }

    pub(super) fn lhs(&self) -> [&[usize]; 3] {
        [self.lhs.0, &self.lhs.1, self.lhs.2]
    }

    pub(super) fn rhs(&self) -> [&[usize]; 3] {
        [self.rhs.0, self.rhs.1, &self.rhs.2]
    }

    /// The product of matrices as it is computed. None where a vector is a side, or where strides do not say all there is to say.
    pub(super) fn oriented<'a, T: Arith>(
        &self,
        lhs: &'a Typed<T>,
        rhs: &'a Typed<T>,
    ) -> Option<Oriented<'a, T>> {
        let Sizes { m, n, .. } = self.sizes;
        if m <= 1 || n <= 1 {
            return None;
        }
        let (lhs, rhs) = (strided(lhs, self.lhs())?, strided(rhs, self.rhs())?);
        Some(Oriented::new(self.sizes, lhs, rhs))
    }

    /// The lengths of the result's axes in the order in which they lie in memory, and by axis of the result its place in that order.
    pub(super) fn memory(&self, turned: bool) -> (Shape, Shape) {
        let [batch, rows, columns] = &self.shape;
        let (b, r, c) = (batch.len(), rows.len(), columns.len());
        if turned {
            let lengths = [batch, columns, rows].into_iter().flatten().copied();
            let places = (0..b).chain(b + c..b + c + r).chain(b..b + c);
            return (lengths.collect(), places.collect());
        }
        (
            self.shape.iter().flatten().copied().collect(),
            (0..b + r + c).collect(),
        )
    }

    /// By axis of the result, the distance between its elements.
    pub(super) fn strides(&self, turned: bool) -> SmallVec<[usize; 4]> {
        let (lengths, places) = self.memory(turned);
        let stride = |&place: &usize| lengths[place + 1..].iter().product();
        places.iter().map(stride).collect()
    }
}

/// A product of matrices as it is computed.
pub(super) struct Oriented<'a, T> {
    pub(super) sizes: Sizes,
    pub(super) lhs: Matrices<'a, T>,
    pub(super) rhs: Matrices<'a, T>,
    /// Whether sides are exchanged, and every matrix is the result's transposed.
    pub(super) turned: bool,
}

impl<'a, T> Oriented<'a, T> {
    pub(super) fn new(sizes: Sizes, lhs: Matrices<'a, T>, rhs: Matrices<'a, T>) -> Self {
        let Sizes { m, k, n } = sizes;
        // The kernel wants rows of the right matrix. Where that has columns, the product is computed transposed if that spares the larger copy.
        if rhs.column != 1 && (lhs.row == 1 || m <= n) {
            return Oriented {
                sizes: Sizes { m: n, k, n: m },
                lhs: rhs.transposed(),
                rhs: lhs.transposed(),
                turned: true,
            };
        }
        Oriented {
            sizes,
            lhs,
            rhs,
            turned: false,
        }
    }
}

/// An operand as a stack of matrices, where one slice of memory holds it and each group of axes is as good as one axis.
fn strided<'a, T: Arith>(array: &'a Typed<T>, groups: [&[usize]; 3]) -> Option<Matrices<'a, T>> {
    let (lengths, strides) = (array.shape(), array.strides());
    let distance = |group: &[usize]| {
        // Of the innermost axis; along axes of length 1 any distance is right.
        let (mut innermost, mut span) = (1, None);
        for &axis in group.iter().rev().filter(|&&axis| lengths[axis] != 1) {
            let stride = usize::try_from(strides[axis]).ok()?;
            match span {
                None => innermost = stride,
                Some(span) if span != stride => return None,
                Some(_) => {}
            }
            span = Some(stride * lengths[axis]);
        }
        Some(innermost)
    };
    let [stack, row, column] = [
        distance(groups[0])?,
        distance(groups[1])?,
        distance(groups[2])?,
    ];
    let elements = array.as_slice().or_else(|| array.as_slice_memory_order())?;
    [row, column].contains(&1).then_some(Matrices {
        elements,
        stack,
        row,
        column,
    })
}

/// A stack of matrices in one slice of memory, copied where it is not.
pub(super) struct InMemory<'a, T: Clone> {
    elements: Cow<'a, [T]>,
    /// The distances between matrices, rows and columns.
    distances: [usize; 3],
}

pub(super) fn in_memory<'a, T: Arith>(matrices: &ArrayView3<'a, T>) -> InMemory<'a, T> {
    let (batch, rows, columns) = matrices.dim();
    let strides = matrices.strides();
    // Along an axis of length 1 any distance is right.
    let along = |axis: usize, length: usize| {
        if length == 1 {
            1
        } else {
            strides[axis].unsigned_abs()
        }
    };
    let distances = [along(0, batch), along(1, rows), along(2, columns)];
    let in_order = strides.iter().all(|&s| s >= 0) && distances[1..].contains(&1);
    match matrices.to_slice_memory_order().filter(|_| in_order) {
        Some(elements) => InMemory {
            elements: Cow::Borrowed(elements),
            distances,
        },
        None => InMemory {
            elements: row_major(&(*matrices).into_dyn()),
            distances: [rows * columns, columns, 1],
        },
    }
}

impl<T: Clone> InMemory<'_, T> {
    pub(super) fn matrices(&self) -> Matrices<'_, T> {
        let [stack, row, column] = self.distances;
        Matrices {
            elements: &self.elements,
            stack,
            row,
            column,
        }
    }
}

/// A view with the axes in the order of their groups.
pub(super) fn grouped<'a, T>(array: &'a Typed<T>, groups: [&[usize]; 3]) -> ArrayViewD<'a, T> {
    array.view().permuted_axes(IxDyn(&groups.concat()))
}

/// Each group of axes merged into one; copies only where strides cannot express that.
pub(super) fn merged<'a, T: Arith>(
    array: &'a ArrayViewD<'_, T>,
    groups: [&[usize]; 3],
    shape: (usize, usize, usize),
) -> CowArray<'a, T, Ix3> {
    let (mut lengths, mut strides) = (array.shape(), array.strides());
    let mut in_order = true;
    for group in groups {
        in_order &= axes_merge(&lengths[..group.len()], &strides[..group.len()]);
        (lengths, strides) = (&lengths[group.len()..], &strides[group.len()..]);
    }
    let merged = if in_order {
        array.to_shape(shape)
    } else {
        ndarray::Array3::from_shape_vec(shape, row_major(array).into_owned()).map(CowArray::from)
    };
    merged.expect("merging axes keeps the number of elements")
}
