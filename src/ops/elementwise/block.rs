//! Elementwise operations on blocks: slices so short that what goes in and what comes out stays in the first cache.
//!
//! The functions applied are those of [`math`](crate::ops::math). The kernels of whole arrays come here too, so both have
//! the same bits. Each call is one loop on the widest vector unit.

use std::hint::select_unpredictable;

use super::excluded;
use super::slices::{Operand, binary_slice, unary_slice};
use crate::array::{DType, Element, Pass, on_widest};
use crate::ops::math::{Arith, Bits, ConvertFrom, Float, Integer, Number, square};
use crate::program::{BinaryOp, UnaryOp};

/// What becomes of a product, rounded before, and a third operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThenAdd {
    /// `a * x + b`.
    Plus,
    /// `a * x - b`.
    Minus,
    /// `b - a * x`.
    From,
    /// `-(a * x)`, whatever `b` is.
    Negated,
}

struct Map<'a, T, R, F> {
    x: &'a [T],
    out: &'a mut [R],
    f: F,
}

impl<T: Copy, R, F: Fn(T) -> R> Pass for Map<'_, T, R, F> {
    #[inline(always)]
    fn run(self) {
        let n = self.out.len().min(self.x.len());
        let (x, out) = (&self.x[..n], &mut self.out[..n]);
        // Counted, because iterators are not always inlined into the function that has the unit's instructions.
        for i in 0..n {
            out[i] = (self.f)(x[i]);
        }
    }
}

fn map<T: Copy, R>(x: &[T], out: &mut [R], f: impl Fn(T) -> R) {
    on_widest(Map { x, out, f });
}

struct Zip<'a, T, R, F> {
    x: Operand<'a, T>,
    y: Operand<'a, T>,
    out: &'a mut [R],
    f: F,
}

impl<T: Copy, R: Copy, F: Fn(T, T) -> R> Pass for Zip<'_, T, R, F> {
    #[inline(always)]
    fn run(self) {
        match (self.x, self.y) {
            (Operand::Each(x), Operand::Each(y)) => {
                let n = self.out.len().min(x.len()).min(y.len());
                let (x, y, out) = (&x[..n], &y[..n], &mut self.out[..n]);
                for i in 0..n {
                    out[i] = (self.f)(x[i], y[i]);
                }
            }
            (Operand::Each(x), Operand::Same(y)) => {
                let n = self.out.len().min(x.len());
                let (x, out) = (&x[..n], &mut self.out[..n]);
                for i in 0..n {
                    out[i] = (self.f)(x[i], y);
                }
            }
            (Operand::Same(x), Operand::Each(y)) => {
                let n = self.out.len().min(y.len());
                let (y, out) = (&y[..n], &mut self.out[..n]);
                for i in 0..n {
                    out[i] = (self.f)(x, y[i]);
                }
            }
            (Operand::Same(x), Operand::Same(y)) => self.out.fill((self.f)(x, y)),
        }
    }
}

fn zip<T: Copy, R: Copy>(
    x: Operand<'_, T>,
    y: Operand<'_, T>,
    out: &mut [R],
    f: impl Fn(T, T) -> R,
) {
    on_widest(Zip { x, y, out, f });
}

/// An element type with its elementwise operations; those that the type rules exclude end in [`excluded`].
pub(crate) trait Elementwise: Arith {
    fn unary(kind: UnaryOp, x: &[Self], out: &mut [Self]);

    /// Not for comparisons; see [`compare`].
    fn binary(kind: BinaryOp, x: Operand<'_, Self>, y: Operand<'_, Self>, out: &mut [Self]);

    fn integer_pow(y: i32, x: &[Self], out: &mut [Self]);
}

impl Elementwise for bool {
    fn unary(kind: UnaryOp, x: &[Self], out: &mut [Self]) {
        match kind {
            UnaryOp::Not => map(x, out, Bits::not),
            _ => excluded(kind.name(), DType::Bool),
        }
    }

    fn binary(kind: BinaryOp, x: Operand<'_, Self>, y: Operand<'_, Self>, out: &mut [Self]) {
        match kind {
            BinaryOp::Add => zip(x, y, out, Arith::add),
            BinaryOp::Mul => zip(x, y, out, Arith::mul),
            BinaryOp::Max => zip(x, y, out, Arith::max),
            BinaryOp::Min => zip(x, y, out, Arith::min),
            BinaryOp::And => zip(x, y, out, Bits::and),
            BinaryOp::Or => zip(x, y, out, Bits::or),
            BinaryOp::Xor => zip(x, y, out, Bits::xor),
            _ => excluded(kind.name(), DType::Bool),
        }
    }

    fn integer_pow(_: i32, _: &[Self], _: &mut [Self]) {
        excluded("integer_pow", DType::Bool)
    }
}

macro_rules! integer_blocks {
    ($($ty:ty),*) => {$(
        impl Elementwise for $ty {
            fn unary(kind: UnaryOp, x: &[Self], out: &mut [Self]) {
                match kind {
                    UnaryOp::Neg => map(x, out, <$ty as Number>::neg),
                    UnaryOp::Abs => map(x, out, <$ty as Number>::abs),
                    UnaryOp::Sign => map(x, out, <$ty as Number>::sign),
                    UnaryOp::Square => map(x, out, square::<$ty>),
                    UnaryOp::Not => map(x, out, <$ty as Bits>::not),
                    UnaryOp::PopulationCount => map(x, out, <$ty as Integer>::population_count),
                    UnaryOp::Clz => map(x, out, <$ty as Integer>::clz),
                    _ => excluded(kind.name(), <$ty as Element>::DTYPE),
                }
            }

            fn binary(kind: BinaryOp, x: Operand<'_, Self>, y: Operand<'_, Self>, out: &mut [Self]) {
                use BinaryOp as B;
                match kind {
                    B::Add => zip(x, y, out, <$ty as Arith>::add),
                    B::Mul => zip(x, y, out, <$ty as Arith>::mul),
                    B::Max => zip(x, y, out, <$ty as Arith>::max),
                    B::Min => zip(x, y, out, <$ty as Arith>::min),
                    B::Sub => zip(x, y, out, <$ty as Number>::sub),
                    B::Div => zip(x, y, out, <$ty as Number>::div),
                    B::Rem => zip(x, y, out, <$ty as Number>::rem),
                    B::Pow => zip(x, y, out, <$ty as Number>::pow),
                    B::And => zip(x, y, out, <$ty as Bits>::and),
                    B::Or => zip(x, y, out, <$ty as Bits>::or),
                    B::Xor => zip(x, y, out, <$ty as Bits>::xor),
                    B::ShiftLeft => zip(x, y, out, <$ty as Integer>::shift_left),
                    B::ShiftRightArithmetic => zip(x, y, out, <$ty as Integer>::shift_right_arithmetic),
                    B::ShiftRightLogical => zip(x, y, out, <$ty as Integer>::shift_right_logical),
                    B::Atan2 | B::Nextafter | B::Polygamma | B::Complex | B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge => {
                        excluded(kind.name(), <$ty as Element>::DTYPE)
                    }
                }
            }

            fn integer_pow(y: i32, x: &[Self], out: &mut [Self]) {
                power(y, x, out);
            }
        }
    )*};
}
integer_blocks!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! float_blocks {
    ($($ty:ty),*) => {$(
        impl Elementwise for $ty {
            fn unary(kind: UnaryOp, x: &[Self], out: &mut [Self]) {
                if !unary_slice(kind, x, out) {
                    excluded(kind.name(), <$ty as Element>::DTYPE)
                }
            }

            fn binary(kind: BinaryOp, x: Operand<'_, Self>, y: Operand<'_, Self>, out: &mut [Self]) {
                use BinaryOp as B;
                match kind {
                    B::Add => zip(x, y, out, <$ty as Arith>::add),
                    B::Mul => zip(x, y, out, <$ty as Arith>::mul),
                    B::Max => zip(x, y, out, <$ty as Arith>::max),
                    B::Min => zip(x, y, out, <$ty as Arith>::min),
                    B::Sub => zip(x, y, out, <$ty as Number>::sub),
                    B::Div => zip(x, y, out, <$ty as Number>::div),
                    B::Rem => zip(x, y, out, <$ty as Number>::rem),
                    B::Pow | B::Atan2 => {
                        binary_slice(kind, x, y, out);
                    }
                    B::Nextafter => zip(x, y, out, <$ty as Float>::nextafter),
                    B::Polygamma => zip(x, y, out, <$ty as Float>::polygamma),
                    B::And | B::Or | B::Xor | B::ShiftLeft | B::ShiftRightArithmetic | B::ShiftRightLogical
                    | B::Complex | B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge => {
                        excluded(kind.name(), <$ty as Element>::DTYPE)
                    }
                }
            }

            fn integer_pow(y: i32, x: &[Self], out: &mut [Self]) {
                power(y, x, out);
            }
        }
    )*};
}
float_blocks!(f32, f64);

fn power<T: Number>(y: i32, x: &[T], out: &mut [T]) {
    // Exponents known to the compiler leave a loop without inner loop, which becomes vector code.
    match y {
        2 => map(x, out, square),
        3 => map(x, out, |x| x.integer_pow(3)),
        4 => map(x, out, |x| x.integer_pow(4)),
        -1 => map(x, out, |x| x.integer_pow(-1)),
        _ => map(x, out, |x| x.integer_pow(y)),
    }
}

/// Whether elements are finite.
pub(crate) fn is_finite<T: Float>(x: &[T], out: &mut [bool]) {
    map(x, out, T::is_finite);
}

#[inline(always)]
fn less<T: Arith>(x: T, y: T) -> bool {
    x < y
}

#[inline(always)]
fn less_or_equal<T: Arith>(x: T, y: T) -> bool {
    x <= y
}

/// Compares; no other operation has truth values for results.
pub(crate) fn compare<T: Arith>(
    kind: BinaryOp,
    x: Operand<'_, T>,
    y: Operand<'_, T>,
    out: &mut [bool],
) {
    use BinaryOp as B;
    match kind {
        B::Eq => zip(x, y, out, |x, y| x == y),
        B::Ne => zip(x, y, out, |x, y| x != y),
        B::Lt => zip(x, y, out, less),
        B::Le => zip(x, y, out, less_or_equal),
        B::Gt => zip(y, x, out, less),
        B::Ge => zip(y, x, out, less_or_equal),
        B::Add
        | B::Sub
        | B::Mul
        | B::Div
        | B::Rem
        | B::Pow
        | B::Max
        | B::Min
        | B::Atan2
        | B::Nextafter
        | B::Polygamma
        | B::Complex
        | B::And
        | B::Or
        | B::Xor
        | B::ShiftLeft
        | B::ShiftRightArithmetic
        | B::ShiftRightLogical => unreachable!("{} does not compare", kind.name()),
    }
}

/// Converts between element types.
pub(crate) fn convert<S: Copy, T: ConvertFrom<S>>(x: &[S], out: &mut [T]) {
    map(x, out, T::convert_from);
}

struct Select<'a, T> {
    which: &'a [bool],
    on_false: Operand<'a, T>,
    on_true: Operand<'a, T>,
    out: &'a mut [T],
}

impl<T: Copy> Pass for Select<'_, T> {
    #[inline(always)]
    fn run(self) {
        let n = self.out.len().min(self.which.len());
        let (which, out) = (&self.which[..n], &mut self.out[..n]);
        // Of a choice by `if` compilers make a choice of addresses, and gather.
        match (self.on_false, self.on_true) {
            (Operand::Each(f), Operand::Each(t)) => {
                let (f, t) = (&f[..n], &t[..n]);
                for i in 0..n {
                    out[i] = select_unpredictable(which[i], t[i], f[i]);
                }
            }
            (Operand::Each(f), Operand::Same(t)) => {
                let f = &f[..n];
                for i in 0..n {
                    out[i] = select_unpredictable(which[i], t, f[i]);
                }
            }
            (Operand::Same(f), Operand::Each(t)) => {
                let t = &t[..n];
                for i in 0..n {
                    out[i] = select_unpredictable(which[i], t[i], f);
                }
            }
            (Operand::Same(f), Operand::Same(t)) => {
                for i in 0..n {
                    out[i] = select_unpredictable(which[i], t, f);
                }
            }
        }
    }
}

/// Chooses the second case where `which` is true.
pub(crate) fn select<T: Copy>(
    which: Operand<'_, bool>,
    on_false: Operand<'_, T>,
    on_true: Operand<'_, T>,
    out: &mut [T],
) {
    match which {
        Operand::Each(which) => on_widest(Select {
            which,
            on_false,
            on_true,
            out,
        }),
        Operand::Same(which) => match if which { on_true } else { on_false } {
            Operand::Each(x) => out.copy_from_slice(x),
            Operand::Same(x) => out.fill(x),
        },
    }
}

struct Spread<'a, T> {
    rows: &'a [T],
    length: usize,
    out: &'a mut [T],
}

impl<T: Copy> Pass for Spread<'_, T> {
    // Loops are inlined for sure, and then have the unit's instructions.
    #[allow(clippy::manual_slice_fill)]
    #[inline(always)]
    fn run(self) {
        for (out, &x) in self.out.chunks_exact_mut(self.length).zip(self.rows) {
            // Rows are short, and a loop of few vectors is sooner done than begun.
            let (some, rest) = out.as_chunks_mut::<8>();
            for some in some {
                *some = [x; 8];
            }
            for out in rest {
                *out = x;
            }
        }
    }
}

/// Repeats what each row has for its `length` elements.
pub(crate) fn spread<T: Copy>(rows: &[T], length: usize, out: &mut [T]) {
    on_widest(Spread { rows, length, out });
}

struct MultiplyAdd<'a, T, F> {
    x: &'a [T],
    a: Operand<'a, T>,
    b: Operand<'a, T>,
    out: &'a mut [T],
    then: F,
}

impl<T: Number, F: Fn(T, T) -> T> Pass for MultiplyAdd<'_, T, F> {
    #[inline(always)]
    fn run(self) {
        let n = self.out.len().min(self.x.len());
        let (x, out) = (&self.x[..n], &mut self.out[..n]);
        match (self.a, self.b) {
            (Operand::Each(a), Operand::Each(b)) => {
                let (a, b) = (&a[..n], &b[..n]);
                for i in 0..n {
                    out[i] = (self.then)(a[i].mul(x[i]), b[i]);
                }
            }
            (Operand::Each(a), Operand::Same(b)) => {
                let a = &a[..n];
                for i in 0..n {
                    out[i] = (self.then)(a[i].mul(x[i]), b);
                }
            }
            (Operand::Same(a), Operand::Each(b)) => {
                let b = &b[..n];
                for i in 0..n {
                    out[i] = (self.then)(a.mul(x[i]), b[i]);
                }
            }
            (Operand::Same(a), Operand::Same(b)) => {
                for i in 0..n {
                    out[i] = (self.then)(a.mul(x[i]), b);
                }
            }
        }
    }
}

fn map_products<T: Elementwise + Number>(x: &[T], a: Operand<'_, T>, out: &mut [T]) {
    zip(Operand::Each(x), a, out, |x, a| a.mul(x).neg());
}

/// A product and a sum or difference, each rounded: two operations in one loop.
pub(crate) fn multiply_add<T: Elementwise + Number>(
    then: ThenAdd,
    x: Operand<'_, T>,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    out: &mut [T],
) {
    let (x, a) = match (x, a) {
        (Operand::Each(x), a) | (a, Operand::Each(x)) => (x, a),
        (Operand::Same(x), Operand::Same(a)) => {
            let product = Operand::Same(a.mul(x));
            return match then {
                ThenAdd::Plus => T::binary(BinaryOp::Add, product, b, out),
                ThenAdd::Minus => T::binary(BinaryOp::Sub, product, b, out),
                ThenAdd::From => T::binary(BinaryOp::Sub, b, product, out),
                ThenAdd::Negated => out.fill(a.mul(x).neg()),
            };
        }
    };
    match then {
        ThenAdd::Plus => on_widest(MultiplyAdd {
            x,
            a,
            b,
            out,
            then: T::add,
        }),
        ThenAdd::Minus => on_widest(MultiplyAdd {
            x,
            a,
            b,
            out,
            then: T::sub,
        }),
        ThenAdd::From => on_widest(MultiplyAdd {
            x,
            a,
            b,
            out,
            then: |p, b: T| b.sub(p),
        }),
        ThenAdd::Negated => map_products(x, a, out),
    }
}
