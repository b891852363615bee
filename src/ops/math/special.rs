//! Special functions that neither the standard library nor the `libm` crate has.

// Coefficients stay as published or computed; the compiler rounds them.
#![allow(clippy::excessive_precision)]

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// A polynomial, coefficients from the highest power down, by Horner's rule.
#[inline]
fn polynomial(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().fold(0.0, |sum, &c| sum * x + c)
}

/// The inverse of the error function: infinite at -1 and 1, NaN beyond.
///
/// Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988) 477-484, which approximates the normal quantile
/// of `p = (1 + x) / 2` to about 16 digits in terms of `p - 1/2 = x / 2` and of the tail `(1 - |x|) / 2`, both of
/// which are exact here.
pub(super) fn erf_inv(x: f64) -> f64 {
    const A: [f64; 8] = [
        2.509_080_928_730_122_672_7e3,
        3.343_057_558_358_812_810_5e4,
        6.726_577_092_700_870_085_3e4,
        4.592_195_393_154_987_145_7e4,
        1.373_169_376_550_946_112_5e4,
        1.971_590_950_306_551_442_7e3,
        1.331_416_678_917_843_774_5e2,
        3.387_132_872_796_366_608_0,
    ];
    const B: [f64; 8] = [
        5.226_495_278_852_854_561_0e3,
        2.872_908_573_572_194_267_4e4,
        3.930_789_580_009_271_061_0e4,
        2.121_379_430_158_659_586_7e4,
        5.394_196_021_424_751_107_7e3,
        6.871_870_074_920_579_083_0e2,
        4.231_333_070_160_091_125_2e1,
        1.0,
    ];
    const C: [f64; 8] = [
        7.745_450_142_783_414_076_40e-4,
        2.272_384_498_926_918_458_33e-2,
        2.417_807_251_774_506_117_70e-1,
        1.270_458_252_452_368_382_58,
        3.647_848_324_763_204_605_04,
        5.769_497_221_460_691_405_5,
        4.630_337_846_156_545_295_9,
        1.423_437_110_749_683_577_34,
    ];
    const D: [f64; 8] = [
        1.050_750_071_644_416_843_24e-9,
        5.475_938_084_995_344_946e-4,
        1.519_866_656_361_645_719_66e-2,
        1.481_039_764_274_800_745_9e-1,
        6.897_673_349_851_000_045_5e-1,
        1.676_384_830_183_803_849_4,
        2.053_191_626_637_758_821_87,
        1.0,
    ];
    const E: [f64; 8] = [
        2.010_334_399_292_288_132_65e-7,
        2.711_555_568_743_487_578_15e-5,
        1.242_660_947_388_078_438_6e-3,
        2.653_218_952_657_612_309_3e-2,
        2.965_605_718_285_048_912_3e-1,
        1.784_826_539_917_291_335_8,
        5.463_784_911_164_114_369_9,
        6.657_904_643_501_103_777_2,
    ];
    const F: [f64; 8] = [
        2.044_263_103_389_939_785_64e-15,
        1.421_511_758_316_445_888_7e-7,
        1.846_318_317_510_054_681_8e-5,
        7.868_691_311_456_132_591_0e-4,
        1.487_536_129_085_061_485_25e-2,
        1.369_298_809_227_358_053_1e-1,
        5.998_322_065_558_879_376_9e-1,
        1.0,
    ];

    let q = x / 2.0;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return FRAC_1_SQRT_2 * q * polynomial(r, &A) / polynomial(r, &B);
    }
    let tail = (1.0 - x.abs()) / 2.0;
    if tail.is_nan() || tail < 0.0 {
        return f64::NAN;
    }
    if tail == 0.0 {
        return f64::INFINITY.copysign(x);
    }
    let r = (-tail.ln()).sqrt();
    let quantile = if r <= 5.0 {
        polynomial(r - 1.6, &C) / polynomial(r - 1.6, &D)
    } else {
        polynomial(r - 5.0, &E) / polynomial(r - 5.0, &F)
    };
    (FRAC_1_SQRT_2 * quantile).copysign(x)
}

/// The logarithmic derivative of the gamma function; NaN at its poles 0, -1, -2, ... and at -inf.
///
/// Reflection for negative arguments, Taylor's series at the positive root (whose place is held in two doubles, so
/// that values near it keep their relative accuracy), and otherwise the recurrence up to 10 and the asymptotic series
/// (Abramowitz and Stegun 6.3.5, 6.3.7, 6.3.18).
pub(super) fn digamma(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x <= 0.0 && (x == x.floor()) {
        return f64::NAN;
    }
    if x < 0.0 {
        // The tangent has period 1 in x; taking the nearest integer off first is exact.
        let fraction = x - x.round();
        return positive_digamma(1.0 - x) - PI / (PI * fraction).tan();
    }
    positive_digamma(x)
}

fn positive_digamma(mut x: f64) -> f64 {
    const ROOT: f64 = 1.461_632_144_968_362_3;
    const ROOT_REST: f64 = 9.549_995_429_965_697e-17;
    // Derivatives over factorials at the root, computed with 60 digits.
    const TAYLOR: [f64; 17] = [
        -0.001_576_936_771_430_197_3,
        0.002_305_126_326_734_927_8,
        -0.003_369_801_655_439_328_1,
        0.004_926_781_395_729_853_4,
        -0.007_204_534_386_356_868_2,
        0.010_538_791_616_612_175,
        -0.015_424_765_904_948_959,
        0.022_597_648_232_218_105,
        -0.033_161_126_474_847_359,
        0.048_804_288_164_143_107,
        -0.072_199_561_256_454_711,
        0.107_824_050_691_262_37,
        -0.163_942_705_442_406_53,
        0.258_499_760_955_651_01,
        -0.442_763_168_983_592_11,
        0.967_672_245_447_621_17,
        0.0,
    ];
    // The Bernoulli numbers B_2k / 2k of the asymptotic series, from k = 7 down to 1.
    const BERNOULLI: [f64; 7] = [
        1.0 / 12.0,
        -691.0 / 32_760.0,
        1.0 / 132.0,
        -1.0 / 240.0,
        1.0 / 252.0,
        -1.0 / 120.0,
        1.0 / 12.0,
    ];

    let from_root = (x - ROOT) - ROOT_REST;
    if from_root.abs() < 0.125 {
        return polynomial(from_root, &TAYLOR);
    }
    let mut shift = 0.0;
    while x < 10.0 {
        shift += 1.0 / x;
        x += 1.0;
    }
    let inverse_square = 1.0 / (x * x);
    x.ln() - 0.5 / x - inverse_square * polynomial(inverse_square, &BERNOULLI) - shift
}

/// The `m`-th derivative of [`digamma`]; NaN where `m` is not a natural number up to 1000, and at the poles 0, -1, -2, ... of even
/// `m` (infinite at those of odd ones, where both sides agree).
///
/// It is `(-1)^(m+1) m!` times Hurwitz' zeta function `sum (x + k)^-(m+1)`. Left of 0 the sum over all integers, which has
/// period 1 up to its sign, is taken apart into sums over positive numbers.
pub(super) fn polygamma(m: f64, x: f64) -> f64 {
    // The recurrence takes that many steps.
    const MOST: f64 = 1000.0;
    if m == 0.0 {
        return digamma(x);
    }
    if !(0.0..=MOST).contains(&m) || m != m.floor() || x.is_nan() {
        return f64::NAN;
    }
    let s = m + 1.0;
    let odd = s % 2.0 != 0.0;
    let sign = if odd { -1.0 } else { 1.0 };
    if x > 0.0 {
        return sign * factorial_zeta(s, x);
    }
    if x == x.floor() {
        return if odd { f64::NAN } else { f64::INFINITY };
    }
    let fraction = x - x.round();
    let size = fraction.abs();
    let above = factorial_zeta(s, size) + sign * factorial_zeta(s, 1.0 - size);
    let all = if fraction < 0.0 { sign * above } else { above };
    sign * (all - sign * factorial_zeta(s, 1.0 - x))
}

/// `(s - 1)!` times the sum of `(q + k)^-s` over `k >= 0`, by Euler and Maclaurin, for a whole `s > 1` and `q > 0`.
fn factorial_zeta(s: f64, q: f64) -> f64 {
    // B_2j / (2j)!, which fall by (2 pi)^2 each.
    const COEFFICIENTS: [f64; 8] = [
        1.0 / 12.0,
        -1.0 / 720.0,
        1.0 / 30_240.0,
        -1.0 / 1_209_600.0,
        1.0 / 47_900_160.0,
        -691.0 / 1_307_674_368_000.0,
        1.0 / 74_724_249_600.0,
        -3617.0 / 10_670_622_842_880_000.0,
    ];
    if q == f64::INFINITY {
        return 0.0;
    }
    // Everything is relative to the first term.
    let mut sum = 0.0;
    let mut a = q;
    while a < 10.0 + s {
        let term = (q / a).powf(s);
        sum += term;
        if term < f64::EPSILON * 1e-4 {
            break;
        }
        a += 1.0;
    }
    let mut tail = a / (s - 1.0) + 0.5;
    let mut rising = s / a;
    for (j, coefficient) in COEFFICIENTS.iter().enumerate() {
        tail += coefficient * rising;
        let next = s + 2.0 * j as f64 + 1.0;
        rising *= next * (next + 1.0) / (a * a);
    }
    sum += (q / a).powf(s) * tail;
    let mut factorial = 1.0;
    let mut k = 2.0;
    while k < s && factorial < f64::INFINITY {
        factorial *= k;
        k += 1.0;
    }
    let value = factorial * q.powf(-s) * sum;
    if value.is_finite() && value != 0.0 {
        return value;
    }
    // The factors are out of range, the product need not be.
    (libm::lgamma(s) - s * q.ln()).exp() * sum
}
