//! Factorizations and solves of one dense matrix, row by row.
//!
//! Rows lie one after another, so that the inner loops run along rows: triangular factors are found from the top left (the right-looking
//! form of G. H. Golub and C. F. Van Loan, "Matrix Computations", 3.2 and 4.2). What is divided by is not looked at: zeros make
//! infinities and NaN, as JAX has them (rule N19).

use std::ops::{Add, Div, Mul, Sub};

use num_complex::Complex;

use crate::array::{Element, Pass, on_widest};

/// Numbers that matrices are factored in.
pub(super) trait Field:
    Element + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    const NAN: Self;

    /// The complex conjugate.
    fn conj(self) -> Self;
    /// How large a pivot is: the sum of the sizes of the parts.
    fn size(self) -> f64;
    /// The root of the real part, where that is positive.
    fn root(self) -> Option<Self>;
}

macro_rules! fields {
    ($($ty:ident)*) => {$(
        impl Field for $ty {
            const ZERO: $ty = 0.0;
            const ONE: $ty = 1.0;
            const NAN: $ty = $ty::NAN;
            #[inline(always)]
            fn conj(self) -> $ty {
                self
            }
            #[inline(always)]
            fn size(self) -> f64 {
                self.abs().into()
            }
            #[inline(always)]
            fn root(self) -> Option<$ty> {
                (self > 0.0).then(|| self.sqrt())
            }
        }

        impl Field for Complex<$ty> {
            const ZERO: Self = Complex::new(0.0, 0.0);
            const ONE: Self = Complex::new(1.0, 0.0);
            const NAN: Self = Complex::new($ty::NAN, $ty::NAN);
            #[inline(always)]
            fn conj(self) -> Self {
                Complex::new(self.re, -self.im)
            }
            #[inline(always)]
            fn size(self) -> f64 {
                f64::from(self.re.abs()) + f64::from(self.im.abs())
            }
            #[inline(always)]
            fn root(self) -> Option<Self> {
                (self.re > 0.0).then(|| Complex::new(self.re.sqrt(), 0.0))
            }
        }
    )*};
}
fields!(f32 f64);

/// `row -= factor * other`.
#[inline(always)]
fn subtract<T: Field>(row: &mut [T], factor: T, other: &[T]) {
    for (x, &y) in row.iter_mut().zip(other) {
        *x = *x - factor * y;
    }
}

/// Two rows of a matrix, the first of which comes before the second.
#[inline(always)]
fn rows<T>(matrix: &mut [T], width: usize, first: usize, second: usize) -> (&mut [T], &mut [T]) {
    let (above, below) = matrix.split_at_mut(second * width);
    (&mut above[first * width..][..width], &mut below[..width])
}

struct Cholesky<'a, T> {
    a: &'a mut [T],
    n: usize,
    failed: &'a mut bool,
}

impl<T: Field> Pass for Cholesky<'_, T> {
    #[inline(always)]
    fn run(self) {
        let (a, n) = (self.a, self.n);
        for k in 0..n {
            let Some(root) = a[k * n + k].root() else {
                *self.failed = true;
                return;
            };
            a[k * n + k] = root;
            for i in k + 1..n {
                a[i * n + k] = a[i * n + k] / root;
            }
            // The lower triangle of what is left loses the product of this column with its adjoint.
            for i in k + 1..n {
                let factor = a[i * n + k];
                for j in k + 1..=i {
                    a[i * n + j] = a[i * n + j] - factor * a[j * n + k].conj();
                }
            }
            a[k * n + k + 1..(k + 1) * n].fill(T::ZERO);
        }
    }
}

/// Makes the lower factor of a Hermitian matrix in its place, of which the lower triangle is read; NaN in the lower triangle where there is
/// none.
pub(super) fn cholesky<T: Field>(a: &mut [T], n: usize) {
    let mut failed = false;
    let all = &mut failed;
    on_widest(Cholesky { a, n, failed: all });
    if failed {
        for (i, row) in a.chunks_exact_mut(n).enumerate() {
            row[..=i].fill(T::NAN);
            row[i + 1..].fill(T::ZERO);
        }
    }
}

struct Solve<'a, T> {
    a: &'a mut [T],
    b: &'a mut [T],
    n: usize,
    columns: usize,
}

impl<T: Field> Pass for Solve<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Solve { a, b, n, columns } = self;
        for k in 0..n {
            let mut pivot = k;
            for i in k + 1..n {
                if a[i * n + k].size() > a[pivot * n + k].size() {
                    pivot = i;
                }
            }
            if pivot != k {
                let (upper, lower) = rows(a, n, k, pivot);
                upper.swap_with_slice(lower);
                let (upper, lower) = rows(b, columns, k, pivot);
                upper.swap_with_slice(lower);
            }
            let head = a[k * n + k];
            // A column of zeros has nothing to eliminate; what is divided by it comes later.
            if head == T::ZERO {
                continue;
            }
            for i in k + 1..n {
                let factor = a[i * n + k] / head;
                let (above, below) = rows(a, n, k, i);
                subtract(&mut below[k + 1..], factor, &above[k + 1..]);
                let (above, below) = rows(b, columns, k, i);
                subtract(below, factor, above);
            }
        }
        upwards(a, b, n, columns, false);
    }
}

/// Solves with the upper triangle, from the last row up.
#[inline(always)]
fn upwards<T: Field>(a: &[T], b: &mut [T], n: usize, columns: usize, unit: bool) {
    for k in (0..n).rev() {
        let head = a[k * n + k];
        if !unit {
            for x in &mut b[k * columns..(k + 1) * columns] {
                *x = *x / head;
            }
        }
        for i in 0..k {
            let (above, here) = rows(b, columns, i, k);
            subtract(above, a[i * n + k], here);
        }
    }
}

/// Solves with the lower triangle, from the first row down.
#[inline(always)]
fn downwards<T: Field>(a: &[T], b: &mut [T], n: usize, columns: usize, unit: bool) {
    for k in 0..n {
        let head = a[k * n + k];
        if !unit {
            for x in &mut b[k * columns..(k + 1) * columns] {
                *x = *x / head;
            }
        }
        for i in k + 1..n {
            let (here, below) = rows(b, columns, k, i);
            subtract(below, a[i * n + k], here);
        }
    }
}

/// Makes the `x` of `a x = b` in the place of `b`, which has as many columns, by elimination with the greatest pivot of each column;
/// `a` is overwritten.
pub(super) fn solve<T: Field>(a: &mut [T], b: &mut [T], n: usize, columns: usize) {
    on_widest(Solve { a, b, n, columns });
}

struct Triangular<'a, T> {
    a: &'a [T],
    b: &'a mut [T],
    n: usize,
    columns: usize,
    lower: bool,
    unit: bool,
}

impl<T: Field> Pass for Triangular<'_, T> {
    #[inline(always)]
    fn run(self) {
        if self.lower {
            downwards(self.a, self.b, self.n, self.columns, self.unit);
        } else {
            upwards(self.a, self.b, self.n, self.columns, self.unit);
        }
    }
}

/// Makes the `x` of `a x = b` in the place of `b`, of `a`'s lower or upper triangle, whose diagonal is ones where `unit`.
pub(super) fn triangular_solve<T: Field>(a: &[T], b: &mut [T], n: usize, lower: bool, unit: bool) {
    let columns = b.len().checked_div(n).unwrap_or(0);
    on_widest(Triangular {
        a,
        b,
        n,
        columns,
        lower,
        unit,
    });
}

/// The transpose of a matrix with rows of this length.
pub(super) fn transposed<T: Field>(a: &[T], width: usize) -> Vec<T> {
    let height = a.len().checked_div(width).unwrap_or(0);
    let mut out = Vec::with_capacity(a.len());
    for column in 0..width {
        out.extend((0..height).map(|row| a[row * width + column]));
    }
    out
}
