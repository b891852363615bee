//! sin, cos and tan: multiples of pi/2 are taken off, and polynomials do the rest.

use std::f64::consts::FRAC_PI_2;

use super::basic::{SHIFT, fast_two_sum, polynomial, power_of_two, two_product, two_sum};
use super::coefficients::{
    COS, FRAC_PI_2_A, FRAC_PI_2_B, FRAC_PI_2_C, FRAC_PI_2_D, SIN, TWO_OVER_PI,
};

/// Whether the functions called `near_` are not for this number: from 1e6 on, and NaN.
#[inline(always)]
pub(crate) fn is_large_angle(x: f64) -> bool {
    x.abs() > 1e6 || x.is_nan()
}

/// What the double next to pi/2 leaves of it.
const FRAC_PI_2_REST: f64 = 6.123_233_995_736_766e-17;

/// `x = quarter pi/2 + high + low`; `quarter` modulo 4 in the low bits.
#[derive(Clone, Copy)]
struct Reduced {
    quarter: u64,
    high: f64,
    low: f64,
}

#[inline(always)]
fn reduce(x: f64) -> Reduced {
    let shifted = x * std::f64::consts::FRAC_2_PI + SHIFT;
    let k = shifted - SHIFT;
    // k has 20 bits at most and the parts 33: these products are exact, and so is the first difference.
    let a = x - k * FRAC_PI_2_A;
    let (b, lost_b) = two_sum(a, -(k * FRAC_PI_2_B));
    let (c, lost_c) = two_sum(b, -(k * FRAC_PI_2_C));
    let (high, low) = fast_two_sum(c, (lost_b + lost_c) - k * FRAC_PI_2_D);
    Reduced {
        quarter: shifted.to_bits(),
        high,
        low,
    }
}

/// Payne and Hanek's reduction: the fraction of `x 2/pi` from the bits of 2/pi that reach it; for finite numbers from 1e6.
#[cold]
#[inline(never)]
fn far(x: f64) -> Reduced {
    let bits = x.abs().to_bits();
    // |x| = mantissa 2^exponent
    let mantissa = (bits & ((1 << 52) - 1)) | 1 << 52;
    let exponent = (bits >> 52) as i64 - 1075;
    // Leading bits of 2/pi are left out where their products are multiples of 4.
    let skipped = (exponent - 2).max(0);
    let (word, shift) = ((skipped / 64) as usize, (skipped % 64) as u32);
    let mut product = [0_u64; 5];
    let mut carry = 0_u128;
    for i in (0..4).rev() {
        let bits = shifted(&TWO_OVER_PI[word + i..], shift);
        let partial = u128::from(mantissa) * u128::from(bits) + carry;
        product[i + 1] = partial as u64;
        carry = partial >> 64;
    }
    product[0] = carry as u64;
    // The point stands behind the first word once the product is shifted by what is left of the exponent.
    let left = exponent - skipped;
    let number: [u64; 4] = std::array::from_fn(|i| match left {
        0.. => shifted(&product[i..], left as u32),
        _ => {
            product[i] >> -left
                | if i > 0 {
                    product[i - 1] << (64 + left)
                } else {
                    0
                }
        }
    });
    let [mut quarter, mut fraction @ ..] = number;
    // To the nearest quarter: from 1/2 on the fraction counts down from the next one.
    let down = fraction[0] >> 63 == 1;
    if down {
        quarter = quarter.wrapping_add(1);
        let mut carry = true;
        for word in fraction.iter_mut().rev() {
            (*word, carry) = (!*word).overflowing_add(u64::from(carry));
        }
    }
    // The fraction as two numbers of 53 bits.
    let zeros = match fraction[0] {
        0 => 64 + fraction[1].leading_zeros(),
        first => first.leading_zeros(),
    };
    let take = |from: u32| shifted(&fraction[(from / 64) as usize..], from % 64) >> 11;
    let unit = power_of_two(-f64::from(zeros) - 53.0);
    let first = take(zeros) as f64 * unit;
    let second = take(zeros + 53) as f64 * unit * power_of_two(-53.0);
    let (high, lost) = two_product(first, FRAC_PI_2);
    let rest = first * FRAC_PI_2_REST + second * FRAC_PI_2;
    let (high, low) = fast_two_sum(high, lost + rest);
    let sign = if down == (x < 0.0) { 1.0 } else { -1.0 };
    Reduced {
        quarter: if x < 0.0 {
            quarter.wrapping_neg()
        } else {
            quarter
        },
        high: sign * high,
        low: sign * low,
    }
}

/// The first word of a bit string behind so many of its bits, fewer than 64.
fn shifted(words: &[u64], bits: u32) -> u64 {
    let next = words.get(1).copied().unwrap_or(0);
    if bits == 0 {
        words[0]
    } else {
        words[0] << bits | next >> (64 - bits)
    }
}

impl Reduced {
    /// The sine of the rest, less its high part.
    #[inline(always)]
    fn sine_rest(&self) -> f64 {
        let (r, z) = (self.high, self.high * self.high);
        z * r * polynomial(z, &SIN) + self.low * (1.0 - 0.5 * z)
    }

    /// The cosine of the rest in two parts.
    #[inline(always)]
    fn cosine(&self) -> (f64, f64) {
        let z = self.high * self.high;
        let half = 0.5 * z;
        let main = 1.0 - half;
        (
            main,
            ((1.0 - main) - half) + (z * z * polynomial(z, &COS) - self.high * self.low),
        )
    }

    /// Sine of the number, `turn` quarters of a circle further.
    #[inline(always)]
    fn sine(&self, turn: u64) -> f64 {
        let quarter = self.quarter.wrapping_add(turn);
        let (main, rest) = self.cosine();
        let value = if quarter & 1 == 1 {
            main + rest
        } else {
            self.high + self.sine_rest()
        };
        f64::from_bits(value.to_bits() ^ ((quarter & 2) << 62))
    }

    #[inline(always)]
    fn tangent(&self) -> f64 {
        let (sine, sine_lost) = fast_two_sum(self.high, self.sine_rest());
        let (main, rest) = self.cosine();
        let (cosine, cosine_lost) = fast_two_sum(main, rest);
        let odd = self.quarter & 1 == 1;
        let (n, n_lost) = if odd {
            (-cosine, -cosine_lost)
        } else {
            (sine, sine_lost)
        };
        let (d, d_lost) = if odd {
            (sine, sine_lost)
        } else {
            (cosine, cosine_lost)
        };
        let quotient = n / d;
        quotient + (n_lost - quotient * d_lost) / d
    }
}

#[inline(always)]
pub(crate) fn near_sin(x: f64) -> f64 {
    if x.abs() < 1e-8 { x } else { reduce(x).sine(0) }
}
#[inline(always)]
pub(crate) fn near_cos(x: f64) -> f64 {
    reduce(x).sine(1)
}
#[inline(always)]
pub(crate) fn near_tan(x: f64) -> f64 {
    if x.abs() < 1e-8 {
        x
    } else {
        reduce(x).tangent()
    }
}
#[cold]
#[inline(never)]
pub(crate) fn far_sin(x: f64) -> f64 {
    if x.is_finite() {
        far(x).sine(0)
    } else {
        f64::NAN
    }
}
#[cold]
#[inline(never)]
pub(crate) fn far_cos(x: f64) -> f64 {
    if x.is_finite() {
        far(x).sine(1)
    } else {
        f64::NAN
    }
}
#[cold]
#[inline(never)]
pub(crate) fn far_tan(x: f64) -> f64 {
    if x.is_finite() {
        far(x).tangent()
    } else {
        f64::NAN
    }
}
macro_rules! anywhere {
    ($($name:ident $near:ident $far:ident)*) => {$(
        #[inline(always)]
        pub(crate) fn $name(x: f64) -> f64 {
            if is_large_angle(x) { $far(x) } else { $near(x) }
        }
    )*};
}
anywhere!(sin near_sin far_sin cos near_cos far_cos tan near_tan far_tan);
