//! Functions of floats, slice by slice, on the widest vector unit there is.
//!
//! Evaluation by itself and in fused blocks both come here, so a number has the same bits in both. A kernel is a type
//! and no closure, because a closure is not always inlined into the function that has the vector unit's instructions.

use std::marker::PhantomData;

use crate::array::{Element, Pass, on_widest};
use crate::ops::math::{Float, square};
use crate::program::{BinaryOp, UnaryOp};

/// An operand of a run of elements.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand<'a, T> {
    /// One element for each of the result.
    Each(&'a [T]),
    /// One element for all.
    Same(T),
}

/// A function of one element; all that it calls is to be `#[inline(always)]`.
trait Kernel<T> {
    fn of(x: T) -> T;

    /// Elements that [`Kernel::of`] is not for.
    #[inline(always)]
    fn is_exceptional(_: T) -> bool {
        false
    }

    /// The function of an exceptional element.
    fn exceptional(x: T) -> T {
        Self::of(x)
    }

    /// Whether [`Kernel::exceptional`] is vector code and for all elements, so that slices with exceptions are done again as a whole.
    const TWICE: bool = false;
}

struct Each<'a, T, K> {
    input: &'a [T],
    output: &'a mut [T],
    kernel: PhantomData<K>,
}

impl<T: Element, K: Kernel<T>> Pass for Each<'_, T, K> {
    #[inline(always)]
    fn run(self) {
        let mut exceptions = false;
        let n = self.output.len().min(self.input.len());
        let (input, output) = (&self.input[..n], &mut self.output[..n]);
        // Counted, because iterators are not always inlined into the function that has the unit's instructions.
        for i in 0..n {
            output[i] = K::of(input[i]);
            exceptions |= K::is_exceptional(input[i]);
        }
        if exceptions && K::TWICE {
            for i in 0..n {
                output[i] = K::exceptional(input[i]);
            }
        } else if exceptions {
            for (y, &x) in self.output.iter_mut().zip(self.input) {
                if K::is_exceptional(x) {
                    *y = K::exceptional(x);
                }
            }
        }
    }
}

macro_rules! kernels {
    ($($name:ident $function:path),* $(,)?) => {$(
        struct $name;
        impl<T: Float> Kernel<T> for $name {
            #[inline(always)]
            fn of(x: T) -> T {
                $function(x)
            }
        }
    )*};
}
kernels! {
    Neg T::neg, Abs T::abs, Sign T::sign, Floor T::floor, Ceil T::ceil, RoundHalfAway T::round_half_away,
    RoundHalfEven T::round_half_even, Square square, Exp2 T::exp2, Log T::log, Log1p T::log1p,
    Expm1 T::expm1, Asin T::asin, Acos T::acos, Atan T::atan, Sinh T::sinh, Cosh T::cosh, Tanh T::tanh,
    Asinh T::asinh, Acosh T::acosh, Atanh T::atanh, Logistic T::logistic, Sqrt T::sqrt, Rsqrt T::rsqrt, Cbrt T::cbrt,
    Erf T::erf, Erfc T::erfc, ErfInv T::erf_inv, Lgamma T::lgamma, Digamma T::digamma,
}

/// Subnormal and infinite results are rare, and take more operations.
struct Exp;
impl<T: Float> Kernel<T> for Exp {
    #[inline(always)]
    fn of(x: T) -> T {
        x.near_exp()
    }
    #[inline(always)]
    fn is_exceptional(x: T) -> bool {
        x.is_extreme_exponent()
    }
    #[inline(always)]
    fn exceptional(x: T) -> T {
        x.exp()
    }
    const TWICE: bool = true;
}

/// Large angles are rare and take another way, which is no vector code.
macro_rules! circular {
    ($($name:ident $near:ident $function:ident),*) => {$(
        struct $name;
        impl<T: Float> Kernel<T> for $name {
            #[inline(always)]
            fn of(x: T) -> T {
                x.$near()
            }
            #[inline(always)]
            fn is_exceptional(x: T) -> bool {
                x.is_large_angle()
            }
            #[cold]
            fn exceptional(x: T) -> T {
                x.$function()
            }
        }
    )*};
}
circular!(Sin near_sin sin, Cos near_cos cos, Tan near_tan tan);

fn run<T: Element, K: Kernel<T>>(_: K, input: &[T], output: &mut [T]) {
    let kernel = PhantomData::<K>;
    on_widest(Each {
        input,
        output,
        kernel,
    });
}

/// Writes a function of every element; false, and nothing done, for the operations that are no functions from floats
/// to floats.
pub(crate) fn unary_slice<T: Float>(kind: UnaryOp, input: &[T], output: &mut [T]) -> bool {
    use UnaryOp as U;
    match kind {
        U::Neg => run(Neg, input, output),
        U::Abs => run(Abs, input, output),
        U::Sign => run(Sign, input, output),
        U::Floor => run(Floor, input, output),
        U::Ceil => run(Ceil, input, output),
        U::RoundHalfAway => run(RoundHalfAway, input, output),
        U::RoundHalfEven => run(RoundHalfEven, input, output),
        U::Square => run(Square, input, output),
        U::Exp => run(Exp, input, output),
        U::Exp2 => run(Exp2, input, output),
        U::Log => run(Log, input, output),
        U::Log1p => run(Log1p, input, output),
        U::Expm1 => run(Expm1, input, output),
        U::Sin => run(Sin, input, output),
        U::Cos => run(Cos, input, output),
        U::Tan => run(Tan, input, output),
        U::Asin => run(Asin, input, output),
        U::Acos => run(Acos, input, output),
        U::Atan => run(Atan, input, output),
        U::Sinh => run(Sinh, input, output),
        U::Cosh => run(Cosh, input, output),
        U::Tanh => run(Tanh, input, output),
        U::Asinh => run(Asinh, input, output),
        U::Acosh => run(Acosh, input, output),
        U::Atanh => run(Atanh, input, output),
        U::Logistic => run(Logistic, input, output),
        U::Sqrt => run(Sqrt, input, output),
        U::Rsqrt => run(Rsqrt, input, output),
        U::Cbrt => run(Cbrt, input, output),
        U::Erf => run(Erf, input, output),
        U::Erfc => run(Erfc, input, output),
        U::ErfInv => run(ErfInv, input, output),
        U::Lgamma => run(Lgamma, input, output),
        U::Digamma => run(Digamma, input, output),
        U::Not | U::PopulationCount | U::Clz | U::IsFinite | U::Real | U::Imag | U::Conj => {
            return false;
        }
    }
    true
}

/// A function of two elements; all that it calls is to be `#[inline(always)]`.
trait Kernel2<T> {
    fn of(x: T, y: T) -> T;
}

macro_rules! kernels2 {
    ($($name:ident $function:ident),*) => {$(
        struct $name;
        impl<T: Float> Kernel2<T> for $name {
            #[inline(always)]
            fn of(x: T, y: T) -> T {
                x.$function(y)
            }
        }
    )*};
}
kernels2!(Pow pow, Atan2 atan2);

struct Pairs<'a, T, K> {
    left: Operand<'a, T>,
    right: Operand<'a, T>,
    output: &'a mut [T],
    kernel: PhantomData<K>,
}

impl<T: Element, K: Kernel2<T>> Pass for Pairs<'_, T, K> {
    #[inline(always)]
    fn run(self) {
        match (self.left, self.right) {
            (Operand::Each(left), Operand::Each(right)) => {
                for ((z, &x), &y) in self.output.iter_mut().zip(left).zip(right) {
                    *z = K::of(x, y);
                }
            }
            (Operand::Each(left), Operand::Same(y)) => {
                for (z, &x) in self.output.iter_mut().zip(left) {
                    *z = K::of(x, y);
                }
            }
            (Operand::Same(x), Operand::Each(right)) => {
                for (z, &y) in self.output.iter_mut().zip(right) {
                    *z = K::of(x, y);
                }
            }
            (Operand::Same(x), Operand::Same(y)) => self.output.fill(K::of(x, y)),
        }
    }
}

/// Writes powers or angles of pairs of elements; false, and nothing done, for other operations.
pub(crate) fn binary_slice<T: Float>(
    kind: BinaryOp,
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    output: &mut [T],
) -> bool {
    if kind == BinaryOp::Pow {
        let kernel = PhantomData::<Pow>;
        on_widest(Pairs {
            left,
            right,
            output,
            kernel,
        });
    } else if kind == BinaryOp::Atan2 {
        let kernel = PhantomData::<Atan2>;
        on_widest(Pairs {
            left,
            right,
            output,
            kernel,
        });
    } else {
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ordinary, tiny, large and special numbers.
    fn numbers() -> Vec<f64> {
        let mut state = 1_u64;
        let mut numbers = vec![
            0.0,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            1e7,
            -3e300,
        ];
        numbers.extend((0..90).map(|i| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let x = (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0;
            x * [1.0, 10.0, 1e-300, 700.0, 1e9][i % 5]
        }));
        numbers
    }

    #[test]
    fn an_element_has_the_same_bits_in_slices_of_any_length() {
        use UnaryOp as U;
        let (x, y) = (numbers(), numbers().into_iter().rev().collect::<Vec<_>>());
        let kinds = [
            U::Exp,
            U::Exp2,
            U::Log,
            U::Log1p,
            U::Expm1,
            U::Sin,
            U::Cos,
            U::Tan,
            U::Asin,
            U::Acos,
            U::Atan,
            U::Sinh,
            U::Cosh,
            U::Tanh,
            U::Asinh,
            U::Acosh,
            U::Atanh,
            U::Logistic,
            U::Sqrt,
            U::Rsqrt,
            U::Cbrt,
            U::Erf,
            U::Erfc,
        ];
        fn check<T: Float>(x: &[T], same: impl Fn(T, T) -> bool, apply: impl Fn(&[T], &mut [T])) {
            let mut all = vec![T::ZERO; x.len()];
            apply(x, &mut all);
            for length in [1, 2, 3, 7, 8, 9, 16, 31] {
                for (x, want) in x.chunks(length).zip(all.chunks(length)) {
                    let mut got = vec![T::ZERO; x.len()];
                    apply(x, &mut got);
                    assert!(
                        got.iter().zip(want).all(|(&a, &b)| same(a, b)),
                        "{x:?}: {got:?} for {want:?}"
                    );
                }
            }
        }
        for kind in kinds {
            let singles: Vec<f32> = x.iter().map(|&x| x as f32).collect();
            check(
                &x,
                |a, b| a.to_bits() == b.to_bits(),
                |x, out| assert!(unary_slice(kind, x, out)),
            );
            check(
                &singles,
                |a, b| a.to_bits() == b.to_bits(),
                |x, out| assert!(unary_slice(kind, x, out)),
            );
        }
        for kind in [BinaryOp::Pow, BinaryOp::Atan2] {
            let mut each = vec![0.0; x.len()];
            assert!(binary_slice(
                kind,
                Operand::Each(&x),
                Operand::Each(&y),
                &mut each
            ));
            for i in 0..x.len() {
                let mut one = [0.0];
                binary_slice(
                    kind,
                    Operand::Same(x[i]),
                    Operand::Each(&y[i..=i]),
                    &mut one,
                );
                assert_eq!(one[0].to_bits(), each[i].to_bits());
                binary_slice(
                    kind,
                    Operand::Each(&x[i..=i]),
                    Operand::Same(y[i]),
                    &mut one,
                );
                assert_eq!(one[0].to_bits(), each[i].to_bits());
            }
        }
    }
}
