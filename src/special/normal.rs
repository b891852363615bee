//! The normal distribution and the error functions.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::{float, polynomial};
use crate::tensor::{compositions, where_};

// Rational approximations of the inverse normal distribution function (Cephes: Moshier 1989), the highest power first.
const MIDDLE_P: [f64; 5] = [
    -59.963_350_101_410_79,
    98.001_075_418_599_97,
    -56.676_285_746_907_03,
    13.931_260_938_727_968,
    -1.239_165_838_673_812_5,
];
const MIDDLE_Q: [f64; 9] = [
    1.0,
    1.954_488_583_381_417_6,
    4.676_279_128_988_815,
    86.360_242_139_089_05,
    -225.462_687_854_119_37,
    200.260_212_380_060_66,
    -82.037_225_616_833_34,
    15.905_622_512_621_17,
    -1.183_316_211_213_3,
];
const TAIL_P: [f64; 9] = [
    4.055_448_923_059_624_5,
    31.525_109_459_989_388,
    57.162_819_224_642_13,
    44.080_507_389_320_08,
    14.684_956_192_885_803,
    2.186_633_068_507_902_5,
    -0.140_256_079_171_354_5,
    -0.035_042_462_682_784_82,
    -0.000_857_456_785_154_685_4,
];
const TAIL_Q: [f64; 9] = [
    1.0,
    15.779_988_325_646_675,
    45.390_763_512_887_92,
    41.317_203_825_467_2,
    15.042_538_569_290_75,
    2.504_649_462_083_094,
    -0.142_182_922_854_787_79,
    -0.038_080_640_769_157_83,
    -0.000_933_259_480_895_457_4,
];
const FAR_P: [f64; 9] = [
    3.237_748_917_769_460_3,
    6.915_228_890_689_842,
    3.938_810_252_924_744_4,
    1.333_034_608_158_075_5,
    0.201_485_389_549_179_08,
    0.012_371_663_481_782_003,
    0.000_301_581_553_508_235_43,
    2.658_069_746_867_375_5e-06,
    6.239_745_391_849_833e-09,
];
const FAR_Q: [f64; 9] = [
    1.0,
    6.024_270_393_647_42,
    3.679_835_638_561_608_7,
    1.377_020_994_890_813_2,
    0.216_236_993_594_496_63,
    0.013_420_400_608_854_318,
    0.000_328_014_464_682_127_74,
    2.892_478_647_453_806_8e-06,
    6.790_194_080_099_813e-09,
];

compositions! {
    special;
    /// The error function.
    [erf(vec![0.0]) => f64 [0.0]]
    fn erf(x;) { Ok(float(&x).erf()) }
    /// One less the error function.
    [erfc(vec![0.0]) => f64 [1.0]]
    fn erfc(x;) { Ok(float(&x).erfc()) }
    /// The inverse of the error function.
    [erfinv(vec![0.0]) => f64 [0.0]]
    fn erfinv(x;) { Ok(float(&x).erf_inv()) }
    /// `exp(x^2) erfc(x)`, without underflow.
    [erfcx(vec![0.0]) => f64 [1.0]]
    fn erfcx(x;) {
        let x = float(&x);
        let near = x.minimum(8.0);
        let product = (near.square()).exp() * near.erfc();
        // The asymptotic series, whose terms fall until the order is x^2.
        let far = x.maximum(8.0);
        let step = -0.5 / far.square();
        let mut term = crate::tensor::ones_like(&far);
        let mut sum = term.clone();
        for k in 1..26 {
            term = term * &step * f64::from(2 * k - 1);
            sum = sum + &term;
        }
        let series = sum / (far * PI.sqrt());
        Ok(where_(x.less(8.0), product, series))
    }
    /// The distribution function of the standard normal distribution.
    [ndtr(vec![0.0]) => f64 [0.5]]
    fn ndtr(x;) {
        let w = float(&x) * FRAC_1_SQRT_2;
        let z = w.abs();
        let tail = where_(w.greater(0.0), 2.0 - z.erfc(), z.erfc());
        Ok(where_(z.less(FRAC_1_SQRT_2), 1.0 + w.erf(), tail) * 0.5)
    }
    /// The logarithm of [`ndtr`], also where that vanishes.
    [log_ndtr(vec![f64::INFINITY]) => f64 [0.0]]
    fn log_ndtr(x;) {
        let x = float(&x);
        // Far below, the scaled function carries the digits and the exponent is added.
        let low = x.minimum(-1.0);
        let below = (erfcx(-&low * FRAC_1_SQRT_2) * 0.5).ln() - low.square() * 0.5;
        let high = x.maximum(-1.0);
        let above = (-ndtr(-high)).log1p();
        Ok(where_(x.less(-1.0), below, above))
    }
    /// The quantile of the standard normal distribution: the inverse of [`ndtr`].
    [ndtri(vec![0.5, 0.0]) => f64 [0.0, f64::NEG_INFINITY]]
    fn ndtri(p;) {
        let p = float(&p);
        let edge = (-2.0_f64).exp();
        let upper = p.greater(1.0 - edge);
        let side = where_(&upper, 1.0 - &p, &p);
        let safe = where_(side.equal(0.0), 0.5, &side);
        let w = &safe - 0.5;
        let square = w.square();
        let middle = &w + &w * &square * (polynomial(&MIDDLE_P, &square) / polynomial(&MIDDLE_Q, &square));
        let middle = middle * -(2.0 * PI).sqrt();
        let z = (safe.ln() * -2.0).sqrt();
        let first = &z - z.ln() / &z;
        let inverse = 1.0 / &z;
        let quotient = |p: &[f64], q: &[f64]| polynomial(p, &inverse) / polynomial(q, &inverse) / &z;
        let tail = where_(z.greater_equal(8.0), quotient(&FAR_P, &FAR_Q), quotient(&TAIL_P, &TAIL_Q));
        let value = where_(safe.greater(edge), middle, first - tail);
        let value = where_(upper, &value, -&value);
        let value = where_(p.equal(0.0), f64::NEG_INFINITY, where_(p.equal(1.0), f64::INFINITY, value));
        Ok(where_(p.less(0.0) | p.greater(1.0), f64::NAN, value))
    }
}
