//! Products that are computed a strip at a time, while who reads them works on the strip before.
//!
//! A strip is a few rows of one large product, or a few whole products of a stack of small ones. Its elements have the bits that they
//! have in the product as a whole, since no element depends on what is computed beside it.

use smallvec::SmallVec;

use super::Typed;
use super::matrices::{Fused, Matrices};
use super::panel::Panels;
use super::parts::{Oriented, Parts};
use super::tile::{self, PACKED_ROWS, Sizes};
use crate::array::{Array, Data};
use crate::ops::math::Arith;
use crate::ops::rule::DataRules;
use crate::program::DotGeneral;

/// About as many elements as a strip has: with the block of who reads it, it has room in the second cache, and is so long that the
/// right matrix is walked seldom.
const STRIP: usize = 1 << 13;
/// The rows of the smallest strip, a tile's.
const ROWS: usize = 8;

/// A product of floats in strips.
#[derive(Debug)]
pub(crate) enum Strips<'a> {
    F32(TypedStrips<'a, f32>),
    F64(TypedStrips<'a, f64>),
}

/// A product of matrices of one element type.
#[derive(Debug)]
pub(crate) struct TypedStrips<'a, T> {
    sizes: Sizes,
    lhs: Matrices<'a, T>,
    rhs: Matrices<'a, T>,
    /// Whether there is one right matrix, and a unit is a row; else it is a matrix.
    one_right: bool,
    /// The one right matrix in order.
    panels: Option<Panels<T>>,
    layout: Layout,
}

/// What is known of a product before any of it is computed.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// By axis of the result, the distance between its elements, were it computed as a whole.
    pub(crate) strides: SmallVec<[usize; 4]>,
    /// Elements of what is computed at least at once.
    pub(crate) unit: usize,
    /// Units of a strip.
    pub(crate) units: usize,
}

impl DotGeneral {
    /// The product of two arrays as a whole.
    pub(crate) fn whole(&self, lhs: &Array, rhs: &Array) -> Array {
        self.eval(&[lhs.clone(), rhs.clone()]).swap_remove(0)
    }

    /// The product of two arrays in strips. None where it is not one of matrices of floats that lie in order in memory, or where strips
    /// would take longer than the whole.
    pub(crate) fn strips<'a>(&self, lhs: &'a Array, rhs: &'a Array) -> Option<Strips<'a>> {
        match (lhs.data(), rhs.data()) {
            (Data::F32(a), Data::F32(b)) => strips(self, a, b).map(Strips::F32),
            (Data::F64(a), Data::F64(b)) => strips(self, a, b).map(Strips::F64),
            _ => None,
        }
    }
}

fn strips<'a, T: Arith + Fused>(
    op: &DotGeneral,
    lhs: &'a Typed<T>,
    rhs: &'a Typed<T>,
) -> Option<TypedStrips<'a, T>> {
    let parts = Parts::new(&op.dims, lhs.shape(), rhs.shape());
    let Oriented {
        sizes,
        lhs,
        rhs,
        turned,
    } = parts.oriented(lhs, rhs)?;
    let Sizes { m, k, n } = sizes;
    let one_right = parts.batch == 1;
    let unit = if one_right { n } else { m * n };
    let fits = if one_right {
        m >= PACKED_ROWS && ROWS * n <= 4 * STRIP
    } else {
        unit <= STRIP / 2
    };
    if k == 0 || unit == 0 || !fits {
        return None;
    }
    let step = if one_right { ROWS } else { 1 };
    let units = (STRIP / unit / step * step).max(step);
    Some(TypedStrips {
        sizes,
        lhs,
        rhs,
        one_right,
        panels: None,
        layout: Layout {
            strides: parts.strides(turned),
            unit,
            units,
        },
    })
}

impl Strips<'_> {
    /// Puts in order what all strips read.
    pub(crate) fn prepare(&mut self) {
        match self {
            Strips::F32(strips) => strips.prepare(),
            Strips::F64(strips) => strips.prepare(),
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        match self {
            Strips::F32(strips) => &strips.layout,
            Strips::F64(strips) => &strips.layout,
        }
    }
}

impl<T: Fused> TypedStrips<'_, T> {
    fn prepare(&mut self) {
        let Sizes { k, n, .. } = self.sizes;
        self.panels = self.one_right.then(|| tile::panels(self.rhs, k, n));
    }

    /// Computes the units from one of a number on, as many as there is room for.
    pub(crate) fn fill(&self, first: usize, out: &mut [T]) {
        if self.one_right {
            let sizes = Sizes {
                m: out.len() / self.sizes.n,
                ..self.sizes
            };
            let lhs = self.lhs.from(0, first, 0);
            tile::run(sizes, lhs, self.rhs, self.panels.as_ref(), out);
        } else {
            let (lhs, rhs) = (self.lhs.from(first, 0, 0), self.rhs.from(first, 0, 0));
            tile::run(self.sizes, lhs, rhs, None, out);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::program::DotDims;
    use smallvec::smallvec;

    fn array(shape: &[usize], seed: usize) -> Array {
        let count = shape.iter().product();
        let number = |i: usize| ((i * 7919 + seed) % 1000) as f64 / 300.0 - 1.7;
        Array::from_vec(shape.iter().copied(), (0..count).map(number).collect()).unwrap()
    }

    #[test]
    fn strips_of_any_place_and_length_are_parts_of_the_whole() {
        let matmul = |batch: bool| DotGeneral {
            dims: DotDims {
                lhs_contract: smallvec![1 + usize::from(batch)],
                rhs_contract: smallvec![usize::from(batch)],
                lhs_batch: (0..usize::from(batch)).collect(),
                rhs_batch: (0..usize::from(batch)).collect(),
            },
        };
        let sides = [
            (matmul(false), array(&[70, 9], 1), array(&[9, 33], 2)),
            (
                matmul(false),
                array(&[9, 70], 1).permute(&[1, 0]),
                array(&[33, 9], 2).permute(&[1, 0]),
            ),
            (matmul(false), array(&[40, 300], 1), array(&[300, 50], 2)),
            (matmul(true), array(&[12, 5, 7], 1), array(&[12, 7, 6], 2)),
            (matmul(true), array(&[12, 8, 8], 1), array(&[12, 8, 8], 2)),
        ];
        for (op, lhs, rhs) in sides {
            let whole = op.whole(&lhs, &rhs);
            let mut strips = op.strips(&lhs, &rhs).unwrap();
            strips.prepare();
            let Layout { strides, unit, .. } = strips.layout().clone();
            let given: Vec<usize> = match whole.data() {
                Data::F64(a) => a.strides().iter().map(|&s| s as usize).collect(),
                _ => Vec::new(),
            };
            assert_eq!(strides[..], given[..]);
            let Data::F64(elements) = whole.data() else {
                panic!()
            };
            let elements = elements.as_slice_memory_order().unwrap();
            let Strips::F64(strips) = strips else {
                panic!()
            };
            let units = elements.len() / unit;
            for first in 0..units {
                for count in [1, 2, 8, 9, 64] {
                    let mut out = vec![f64::NAN; Ord::min(count, units - first) * unit];
                    strips.fill(first, &mut out);
                    assert_eq!(
                        out,
                        elements[first * unit..][..out.len()],
                        "{first} {count}"
                    );
                }
            }
        }
    }

    #[test]
    fn few_rows_vectors_and_large_stacks_are_computed_as_a_whole() {
        let dims = |batch: usize| DotDims {
            lhs_contract: smallvec![batch + 1],
            rhs_contract: smallvec![batch],
            lhs_batch: (0..batch).collect(),
            rhs_batch: (0..batch).collect(),
        };
        for (batch, lhs, rhs) in [
            (0, array(&[31, 4], 1), array(&[4, 500], 2)),
            (0, array(&[100, 4], 1), array(&[4, 1], 2)),
            (0, array(&[100, 0], 1), array(&[0, 50], 2)),
            (0, array(&[100, 2], 1), array(&[2, 9000], 2)),
            (1, array(&[2, 80, 3], 1), array(&[2, 3, 80], 2)),
        ] {
            let op = DotGeneral { dims: dims(batch) };
            assert!(
                op.strips(&lhs, &rhs).is_none(),
                "{:?} {:?}",
                lhs.shape(),
                rhs.shape()
            );
        }
    }
}
