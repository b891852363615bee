use super::basic::{SHIFT, fast_two_sum, polynomial, two_product, two_sum};
use super::coefficients::*;

/// Whether the functions called `near_` are not for this number: from 1e6 on, and NaN.
#[inline(always)]
pub(crate) fn is_large_angle(x: f64) -> bool {
    // Not `>`, which is false of NaN.
    !(x.abs() <= 1e6)
}

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

/// Payne and Hanek's reduction: the fraction of `x 2/pi` from as many bits of 2/pi as reach it.
#[cold]
#[inline(never)]
fn far(x: f64) -> Reduced {
    let bits = x.abs().to_bits();
    let mantissa = (bits & ((1 << 52) - 1)) | 1 << 52;
    // x = mantissa 2^exponent, with exponent > -34 here. Bits of 2/pi whose products are multiples of 4 do not count.
    let exponent = (bits >> 52) as i64 - 1075;
    let skip = (exponent - 2).max(0) as usize;
    let (word, shift) = (skip / 64, (skip % 64) as u32);
    let at = |i: usize| {
        let next = TWO_OVER_PI.get(word + i + 1).copied().unwrap_or(0);
        if shift == 0 {
            TWO_OVER_PI[word + i]
        } else {
            TWO_OVER_PI[word + i] << shift | next >> (64 - shift)
        }
    };
    // The product of the mantissa and 256 bits; what overflows is a multiple of 4.
    let mut product = [0u64; 4];
    let mut carry = 0u128;
    for i in (0..4).rev() {
        let partial = u128::from(mantissa) * u128::from(at(i)) + carry;
        product[i] = partial as u64;
        carry = partial >> 64;
    }
    let overflow = carry as u64;
    // The point stands this many bits behind the start of the 256.
    let point = skip as i64 - exponent; // number of integer bits: -point
    let _ = point;
    // value = [overflow . product] * 2^(exponent - skip); with exponent - skip = 2 or less.
    let up = exponent - skip as i64; // 2, or negative or small where skip is 0
    let mut words = [overflow, product[0], product[1], product[2], product[3]];
    if up > 0 {
        for i in 0..5 {
            let next = if i < 4 { words[i + 1] } else { 0 };
            words[i] = words[i] << up | next >> (64 - up);
        }
    } else if up < 0 {
        for i in (0..5).rev() {
            let before = if i > 0 { words[i - 1] } else { 0 };
            words[i] = words[i] >> -up | before << (64 + up);
        }
    }
    let mut quarter = words[0];
    let mut fraction = [words[1], words[2], words[3]];
    let negative = fraction[0] >> 63 == 1;
    if negative {
        quarter = quarter.wrapping_add(1);
        let mut carry = true;
        for w in fraction.iter_mut().rev() {
            let (v, c) = (!*w).overflowing_add(u64::from(carry));
            *w = v;
            carry = c;
        }
    }
    // The fraction in two doubles: its leading 53 bits, and the following.
    let zeros = if fraction[0] != 0 {
        fraction[0].leading_zeros()
    } else {
        64 + fraction[1].leading_zeros()
    };
    let take = |from: u32| -> u64 {
        let (w, s) = ((from / 64) as usize, from % 64);
        let get = |i: usize| fraction.get(i).copied().unwrap_or(0);
        if s == 0 {
            get(w)
        } else {
            get(w) << s | get(w + 1) >> (64 - s)
        }
    };
    let top = take(zeros) >> 11;
    let rest = take(zeros + 53) >> 11;
    let unit = super::basic::power_of_two(-f64::from(zeros) - 53.0);
    let (f1, f2) = (
        top as f64 * unit,
        rest as f64 * unit * super::basic::power_of_two(-53.0),
    );
    let (high, low) = two_product(f1, std::f64::consts::FRAC_PI_2);
    let low = low + f1 * 6.123_233_995_736_766e-17 + f2 * std::f64::consts::FRAC_PI_2;
    let (high, low) = fast_two_sum(high, low);
    let sign = if negative { -1.0 } else { 1.0 };
    if x < 0.0 {
        Reduced {
            quarter: quarter.wrapping_neg(),
            high: -sign * high,
            low: -sign * low,
        }
    } else {
        Reduced {
            quarter,
            high: sign * high,
            low: sign * low,
        }
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
