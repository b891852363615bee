//! Stacks of matrices of floats, and the vectors that they are multiplied with.

use pulp::Simd;

use crate::ops::math::Float;

/// Floats with vectors and their fused multiply-add.
pub(crate) trait Fused: Float {
    /// A vector of the unit.
    type Vector<S: Simd>: Copy;

    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;

    /// The vectors in a slice, but for what is left at its end.
    fn vectors<S: Simd>(x: &[Self]) -> &[Self::Vector<S>];

    fn vectors_mut<S: Simd>(x: &mut [Self]) -> &mut [Self::Vector<S>];

    /// `sum + x * y`, rounded once.
    fn plus_product<S: Simd>(
        simd: S,
        sum: Self::Vector<S>,
        x: Self::Vector<S>,
        y: Self::Vector<S>,
    ) -> Self::Vector<S>;
}

macro_rules! fused {
    ($($ty:ident $vector:ident $splat:ident $vectors:ident $vectors_mut:ident $multiply_add:ident),*) => {$(
        impl Fused for $ty {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$vector {
                simd.$splat(x)
            }

            #[inline(always)]
            fn vectors<S: Simd>(x: &[Self]) -> &[S::$vector] {
                S::$vectors(x).0
            }

            #[inline(always)]
            fn vectors_mut<S: Simd>(x: &mut [Self]) -> &mut [S::$vector] {
                S::$vectors_mut(x).0
            }

            #[inline(always)]
            fn plus_product<S: Simd>(simd: S, sum: S::$vector, x: S::$vector, y: S::$vector) -> S::$vector {
                simd.$multiply_add(x, y, sum)
            }
        }
    )*};
}
fused! {
    f32 f32s splat_f32s as_simd_f32s as_mut_simd_f32s mul_add_f32s,
    f64 f64s splat_f64s as_simd_f64s as_mut_simd_f64s mul_add_f64s
}

/// Vectors of a wide tile.
pub(super) const VECTORS: usize = 2;

/// A stack of matrices: its elements, and the distances between matrices, rows and columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrices<'a, T> {
    pub(super) elements: &'a [T],
    pub(super) stack: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<'a, T> Matrices<'a, T> {
    /// The matrices from one of a number on, and of those the part that starts in a row and a column.
    #[inline(always)]
    pub(super) fn from(self, number: usize, row: usize, column: usize) -> Self {
        let at = number * self.stack + row * self.row + column * self.column;
        Matrices {
            elements: &self.elements[at..],
            ..self
        }
    }

    /// Whether the matrices, of so many rows and columns, lie one behind the other, row by row.
    pub(super) fn is_packed(&self, rows: usize, columns: usize) -> bool {
        self.column == 1 && self.row == columns && self.stack == rows * columns
    }

    /// Every matrix transposed.
    pub(super) fn transposed(self) -> Self {
        Matrices {
            row: self.column,
            column: self.row,
            ..self
        }
    }
}

/// Elements of a vector.
#[inline(always)]
pub(super) fn lanes<S: Simd, T: Fused>() -> usize {
    size_of::<T::Vector<S>>() / size_of::<T>()
}
