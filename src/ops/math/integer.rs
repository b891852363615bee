//! `bool` and integers.

use super::{Arith, Bits, Integer, Number, power_by_squaring};

impl Arith for bool {
    const ZERO: bool = false;
    const ONE: bool = true;
    const LEAST: bool = false;
    const GREATEST: bool = true;

    #[inline]
    fn add(self, other: bool) -> bool {
        self | other
    }
    #[inline]
    fn mul(self, other: bool) -> bool {
        self & other
    }
    #[inline]
    fn max(self, other: bool) -> bool {
        self | other
    }
    #[inline]
    fn min(self, other: bool) -> bool {
        self & other
    }
    #[inline]
    fn is_nan(self) -> bool {
        false
    }
}

impl Bits for bool {
    const ALL_ONES: bool = true;

    #[inline]
    fn and(self, other: bool) -> bool {
        self & other
    }
    #[inline]
    fn or(self, other: bool) -> bool {
        self | other
    }
    #[inline]
    fn xor(self, other: bool) -> bool {
        self ^ other
    }
    #[inline]
    fn not(self) -> bool {
        !self
    }
}

macro_rules! integers {
    ($($ty:ident $unsigned:ident: |$x:ident| $abs:expr, $sign:expr;)*) => {$(
        impl Arith for $ty {
            const ZERO: $ty = 0;
            const ONE: $ty = 1;
            const LEAST: $ty = $ty::MIN;
            const GREATEST: $ty = $ty::MAX;

            #[inline]
            fn add(self, other: $ty) -> $ty {
                self.wrapping_add(other)
            }
            #[inline]
            fn mul(self, other: $ty) -> $ty {
                self.wrapping_mul(other)
            }
            #[inline]
            fn max(self, other: $ty) -> $ty {
                Ord::max(self, other)
            }
            #[inline]
            fn min(self, other: $ty) -> $ty {
                Ord::min(self, other)
            }
            #[inline]
            fn is_nan(self) -> bool {
                false
            }
        }

        impl Number for $ty {
            #[inline]
            fn sub(self, other: $ty) -> $ty {
                self.wrapping_sub(other)
            }
            #[inline]
            fn div(self, other: $ty) -> $ty {
                if other == 0 { !0 } else { self.wrapping_div(other) }
            }
            #[inline]
            fn rem(self, other: $ty) -> $ty {
                if other == 0 { self } else { self.wrapping_rem(other) }
            }
            #[inline]
            fn pow(self, other: $ty) -> $ty {
                // Six bits are all that jnp.power looks at; they do not tell 0 ** 64 from 0 ** 0.
                if self == 0 && other != 0 { 0 } else { power_by_squaring(self, (other & 63) as u32) }
            }
            #[inline]
            fn neg(self) -> $ty {
                self.wrapping_neg()
            }
            #[inline]
            fn abs(self) -> $ty {
                let $x = self;
                $abs
            }
            #[inline]
            fn sign(self) -> $ty {
                let $x = self;
                $sign
            }
        }

        impl Bits for $ty {
            const ALL_ONES: $ty = !0;

            #[inline]
            fn and(self, other: $ty) -> $ty {
                self & other
            }
            #[inline]
            fn or(self, other: $ty) -> $ty {
                self | other
            }
            #[inline]
            fn xor(self, other: $ty) -> $ty {
                self ^ other
            }
            #[inline]
            fn not(self) -> $ty {
                !self
            }
        }

        // Read as unsigned, a negative amount is larger than any width.
        impl Integer for $ty {
            #[inline]
            fn shift_left(self, amount: $ty) -> $ty {
                let amount = amount as $unsigned;
                if amount < $ty::BITS as $unsigned { self << amount } else { 0 }
            }
            #[inline]
            fn shift_right_arithmetic(self, amount: $ty) -> $ty {
                // The top bit counts as a sign for unsigned numbers too.
                let (bits, amount) = (self as $unsigned, amount as $unsigned);
                let width = $ty::BITS as $unsigned;
                let fill = if bits.leading_ones() > 0 { $unsigned::MAX } else { 0 };
                match amount {
                    0 => self,
                    n if n < width => ((bits >> n) | (fill << (width - n))) as $ty,
                    _ => fill as $ty,
                }
            }
            #[inline]
            fn shift_right_logical(self, amount: $ty) -> $ty {
                let amount = amount as $unsigned;
                if amount < $ty::BITS as $unsigned { ((self as $unsigned) >> amount) as $ty } else { 0 }
            }
            #[inline]
            fn population_count(self) -> $ty {
                self.count_ones() as $ty
            }
            #[inline]
            fn clz(self) -> $ty {
                self.leading_zeros() as $ty
            }
        }
    )*};
}
integers! {
    u8 u8: |x| x, Ord::min(x, 1);
    u16 u16: |x| x, Ord::min(x, 1);
    u32 u32: |x| x, Ord::min(x, 1);
    u64 u64: |x| x, Ord::min(x, 1);
    i8 u8: |x| x.wrapping_abs(), x.signum();
    i16 u16: |x| x.wrapping_abs(), x.signum();
    i32 u32: |x| x.wrapping_abs(), x.signum();
    i64 u64: |x| x.wrapping_abs(), x.signum();
}
