#![allow(clippy::unwrap_used)]
use super::special::{digamma, erf_inv, polygamma};
use super::*;

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[test]
fn integers_wrap_n7() {
    assert_eq!(Arith::add(i32::MAX, 1), i32::MIN);
    assert_eq!(Number::sub(0_u8, 1), 255);
    assert_eq!(Arith::mul(i64::MAX, 2), -2);
    assert_eq!(Number::neg(i32::MIN), i32::MIN);
    assert_eq!(Number::abs(i32::MIN), i32::MIN);
    assert_eq!(Number::neg(1_u32), u32::MAX);
    assert_eq!(
        (Number::sign(-7), Number::sign(0), Number::sign(7_u8)),
        (-1, 0, 1)
    );
}

#[test]
fn integer_division_truncates_and_never_traps_n7_n8() {
    assert_eq!(
        (Number::div(7, 2), Number::div(-7, 2), Number::div(7, -2)),
        (3, -3, -3)
    );
    assert_eq!(
        (Number::rem(7, 3), Number::rem(-7, 3), Number::rem(7, -3)),
        (1, -1, 1)
    );
    assert_eq!(
        (Number::div(i32::MIN, -1), Number::rem(i32::MIN, -1)),
        (i32::MIN, 0)
    );
    assert_eq!(
        (Number::div(i64::MIN, -1), Number::rem(i64::MIN, -1)),
        (i64::MIN, 0)
    );
    assert_eq!(
        (Number::div(5, 0), Number::div(-5_i64, 0), Number::div(0, 0)),
        (-1, -1, -1)
    );
    assert_eq!(
        (
            Number::div(5_u8, 0),
            Number::div(5_u32, 0),
            Number::div(5_u64, 0)
        ),
        (u8::MAX, u32::MAX, u64::MAX)
    );
    assert_eq!(
        (
            Number::rem(5, 0),
            Number::rem(-5_i64, 0),
            Number::rem(5_u8, 0)
        ),
        (5, -5, 5)
    );
}

#[test]
fn shifts_beyond_the_width_or_backwards_have_values_n9() {
    for amount in [32, 33, i32::MAX, -1, i32::MIN] {
        assert_eq!(Integer::shift_left(5, amount), 0);
        assert_eq!(Integer::shift_right_arithmetic(5, amount), 0);
        assert_eq!(Integer::shift_right_arithmetic(-5, amount), -1);
        assert_eq!(Integer::shift_right_logical(-5, amount), 0);
    }
    assert_eq!(Integer::shift_left(5, 2), 20);
    assert_eq!(Integer::shift_left(1, 31), i32::MIN);
    assert_eq!(Integer::shift_right_arithmetic(-5, 1), -3);
    assert_eq!(Integer::shift_right_logical(-1, 28), 15);
    assert_eq!(Integer::shift_right_logical(-1_i64, 64), 0);
    assert_eq!(
        (
            Integer::shift_left(1_u8, 7),
            Integer::shift_left(1_u8, 8),
            Integer::shift_left(1_u8, 255)
        ),
        (128, 0, 0)
    );
    assert_eq!(
        (
            Integer::shift_right_arithmetic(255_u8, 4),
            Integer::shift_right_arithmetic(255_u8, 9)
        ),
        (255, 255)
    );
    assert_eq!(
        (
            Integer::population_count(-1),
            Integer::population_count(7_u8)
        ),
        (32, 3)
    );
    assert_eq!(
        (Integer::clz(0_u8), Integer::clz(1), Integer::clz(-1_i64)),
        (8, 31, 0)
    );
}

#[test]
fn integer_powers_wrap_n10() {
    assert_eq!(Number::pow(10, 10), 1_410_065_408);
    assert_eq!(
        (
            Number::pow(0, 0),
            Number::pow(0, 3),
            Number::pow(0, 64),
            Number::pow(0, -1)
        ),
        (1, 0, 0, 0)
    );
    assert_eq!((Number::pow(-2_i64, 3), Number::pow(3_u8, 6)), (-8, 217));
    // jnp.power reads the low six bits of an exponent, also of a negative one.
    assert_eq!(
        (
            Number::pow(1, -1),
            Number::pow(-1, -1),
            Number::pow(2_i64, -1)
        ),
        (1, -1, i64::MIN)
    );
    assert_eq!(Number::integer_pow(10, 10), 1_410_065_408);
    assert_eq!(
        (Number::integer_pow(7, 0), Number::integer_pow(-3, 3)),
        (1, -27)
    );
}

#[test]
fn float_powers_n10() {
    assert!(Number::pow(-8.0, 1.0 / 3.0).is_nan());
    assert_eq!(
        (
            Number::pow(f64::NAN, 0.0),
            Number::pow(1.0, f64::NAN),
            Number::pow(-1.0, f64::INFINITY)
        ),
        (1.0, 1.0, 1.0)
    );
    assert_eq!(Number::integer_pow(2.0, 10), 1024.0);
    assert_eq!(Number::integer_pow(2.0, -2), 0.25);
    assert_eq!(Number::integer_pow(0.0, 0), 1.0);
    assert_eq!(Number::integer_pow(0.0, -1), f64::INFINITY);
    assert_eq!(Number::integer_pow(1.5_f32, i32::MIN), 0.0);
    // The largest power that is finite does not pass through an infinite square.
    assert_eq!(Number::integer_pow(2.0, 1023), 2.0_f64.powi(1023));
}

#[test]
fn conversions_n11() {
    let values = [1.9, -1.9, f64::NAN, f64::INFINITY, 3e9];
    assert_eq!(
        values.map(i32::convert_from),
        [1, -1, 0, i32::MAX, i32::MAX]
    );
    assert_eq!([-1.0_f32, 300.0].map(u8::convert_from), [0, 255]);
    assert_eq!(
        (
            u8::convert_from(300_i32),
            u8::convert_from(-1_i64),
            i32::convert_from(1_i64 << 40)
        ),
        (44, 255, 0)
    );
    assert_eq!(u64::convert_from(-1_i32), u64::MAX);
    assert_eq!(
        [f64::NAN, -0.0, 0.0, 1e-300].map(bool::convert_from),
        [true, false, false, true]
    );
    assert_eq!(
        (
            bool::convert_from(256_i32),
            f32::convert_from(true),
            i64::convert_from(false)
        ),
        (true, 1.0, 0)
    );
    assert_eq!(f32::convert_from(1e300), f32::INFINITY);
}

#[test]
fn extremes_propagate_nan_and_order_zeros_n12() {
    let nan = f64::NAN;
    for x in [0.0, -1.0, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(Arith::max(x, nan).is_nan() && Arith::max(nan, x).is_nan());
        assert!(Arith::min(x, nan).is_nan() && Arith::min(nan, x).is_nan());
    }
    assert!(
        same(Arith::max(-0.0, 0.0), 0.0)
            && same(Arith::max(0.0, -0.0), 0.0)
            && same(Arith::max(-0.0, -0.0), -0.0)
    );
    assert!(
        same(Arith::min(-0.0, 0.0), -0.0)
            && same(Arith::min(0.0, -0.0), -0.0)
            && same(Arith::min(0.0, 0.0), 0.0)
    );
    assert_eq!(
        (
            Arith::max(2.0, 3.0),
            Arith::max(3.0, 2.0),
            Arith::min(2.0, 3.0),
            Arith::min(-3.0, -3.0)
        ),
        (3.0, 3.0, 2.0, -3.0)
    );
    assert_eq!(
        (
            Arith::max(1.0_f32, f32::NEG_INFINITY),
            Arith::min(-1, 2),
            Arith::max(1_u8, 255)
        ),
        (1.0, -1, 255)
    );
    assert_eq!(
        (Arith::max(true, false), Arith::min(true, false)),
        (true, false)
    );
    assert!(
        nan.exceeds(1.0)
            && !nan.exceeds(nan)
            && !1.0.exceeds(nan)
            && !0.0.exceeds(-0.0)
            && nan.undercuts(f64::NEG_INFINITY)
    );
}

#[test]
fn rounding_and_signs_n15() {
    let halves = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5];
    assert_eq!(
        halves.map(Float::round_half_even),
        [-2.0, -2.0, -0.0, 0.0, 2.0, 2.0]
    );
    assert_eq!(
        halves.map(Float::round_half_away),
        [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0]
    );
    assert!(
        same(Number::sign(-0.0), -0.0)
            && same(Number::sign(0.0), 0.0)
            && Number::sign(f64::NAN).is_nan()
    );
    assert_eq!(
        (Number::sign(-3.5_f32), Number::sign(f64::INFINITY)),
        (-1.0, 1.0)
    );
}

#[test]
fn bool_is_a_semiring_n17() {
    assert!(Arith::add(true, true) && Arith::add(false, true) && !Arith::add(false, false));
    assert!(Arith::mul(true, true) && !Arith::mul(false, true));
    assert!(Bits::xor(true, false) && !Bits::xor(true, true) && Bits::not(false));
}

#[test]
fn float_functions_have_their_limits() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    assert_eq!(
        (
            Float::logistic(-1000.0),
            Float::logistic(1000.0),
            Float::logistic(0.0)
        ),
        (0.0, 1.0, 0.5)
    );
    assert!(Float::logistic(nan).is_nan() && Float::logistic(-740.0) > 0.0);
    assert_eq!((Float::rsqrt(4.0), Float::rsqrt(0.0)), (0.5, inf));
    assert_eq!(
        (
            Float::log_add_exp(-inf, -inf),
            Float::log_add_exp(inf, 0.0),
            Float::log_add_exp(inf, inf)
        ),
        (-inf, inf, inf)
    );
    assert_eq!(
        (
            Float::log_add_exp(-inf, 2.0),
            Float::log_add_exp(1000.0, -1000.0)
        ),
        (2.0, 1000.0)
    );
    assert!(Float::log_add_exp(nan, 0.0).is_nan() && Float::log_add_exp(0.0, nan).is_nan());
    assert!((Float::log_add_exp(1.0, 1.0) - (1.0 + 2.0_f64.ln())).abs() < 1e-15);
    assert_eq!(Float::nextafter(1.0, 2.0), 1.0 + f64::EPSILON);
    assert_eq!(Float::nextafter(0.0_f32, 1.0), f32::from_bits(1));
    assert!(Float::nextafter(nan, 1.0).is_nan() && same(Float::nextafter(0.0, -0.0), -0.0));
    assert_eq!(
        (
            Float::erf(inf),
            Float::erfc(-inf),
            Float::lgamma(1.0),
            Float::lgamma(-1.0)
        ),
        (1.0, 2.0, 0.0, inf)
    );
    assert!((Float::erf(0.5) - 0.520_499_877_813_046_5).abs() < 1e-15);
    assert!((Float::erfc(10.0) / 2.088_487_583_762_545e-45 - 1.0).abs() < 1e-13);
    assert!((Float::lgamma(0.5) - 0.572_364_942_924_700_1).abs() < 1e-15);
    assert!((Float::acosh(1.0 + 1e-10) / 1.414_213_621_0e-5 - 1.0).abs() < 1e-6);
    assert_eq!(
        (Number::rem(5.5, -2.0), Number::rem(-5.5, 2.0)),
        (1.5, -1.5)
    );
    assert!(Number::rem(5.0, 0.0).is_nan());
    assert!(!Float::is_finite(nan) && !Float::is_finite(inf) && Float::is_finite(1.0_f32));
}

/// Values from mpmath at 50 digits.
#[test]
fn inverse_error_function_has_full_precision() {
    for (x, want) in [
        (1e-300, 8.862_269_254_527_58e-301),
        (1e-9, 8.862_269_254_527_58e-10),
        (0.1, 0.088_855_990_494_257_69),
        (0.5, 0.476_936_276_204_469_9),
        (0.7, 0.732_869_077_959_216_7),
        (0.849, 1.015_411_155_819_008_4),
        (0.851, 1.020_406_473_792_670_6),
        (0.9, 1.163_087_153_676_674_3),
        (0.99, 1.821_386_367_718_449_4),
        (0.999_999, 3.458_910_737_275_499),
        (0.999_999_999_999, 5.042_031_898_572_696),
        (0.999_999_999_999_999_9, 5.863_584_748_755_167_6),
    ] {
        assert!(
            (erf_inv(x) / want - 1.0).abs() < 2e-15,
            "{x}: {} {want}",
            erf_inv(x)
        );
        assert_eq!(erf_inv(-x), -erf_inv(x));
    }
    assert_eq!(
        (erf_inv(1.0), erf_inv(-1.0)),
        (f64::INFINITY, f64::NEG_INFINITY)
    );
    assert!(
        same(erf_inv(0.0), 0.0)
            && erf_inv(1.1).is_nan()
            && erf_inv(-2.0).is_nan()
            && erf_inv(f64::NAN).is_nan()
    );
    assert_eq!(Float::erf_inv(1.0_f32), f32::INFINITY);
}

/// Values from mpmath at 50 digits.
#[test]
fn digamma_has_full_precision() {
    for (x, want) in [
        (1e-3, -1_000.575_571_931_810_3),
        (0.3, -3.502_524_222_200_133),
        (0.5, -1.963_510_026_021_423_5),
        (1.0, -0.577_215_664_901_532_9),
        (1.4, -0.061_384_544_585_116_24),
        (1.46, -0.001_580_561_987_083_452_2),
        (1.461_632_144_968_362_2, -9.241_265_521_729_427e-17),
        (1.47, 0.008_066_489_011_364_869),
        (1.6, 0.126_047_452_773_476_32),
        (2.0, 0.422_784_335_098_467_13),
        (3.7, 1.167_153_539_361_511_3),
        (9.99, 2.250_700_372_831_201),
        (10.0, 2.251_752_589_066_721),
        (123.4, 4.811_373_775_116_277_5),
        (1e10, 23.025_850_929_890_456),
        (-0.25, 2.914_139_120_213_527_6),
        (-1.7, -1.485_717_499_511_056_7),
        (-12.3, 4.832_199_881_811_456),
    ] {
        assert!(
            (digamma(x) / want - 1.0).abs() < 1e-14,
            "{x}: {} {want}",
            digamma(x)
        );
    }
    assert_eq!(digamma(f64::INFINITY), f64::INFINITY);
    assert!(
        [0.0, -0.0, -1.0, -7.0, f64::NEG_INFINITY, f64::NAN]
            .iter()
            .all(|&x| digamma(x).is_nan())
    );
}

/// Values from mpmath at 50 digits.
#[test]
fn polygamma_has_nearly_full_precision() {
    for (m, x, want) in [
        (1.0, 1.0, 1.644_934_066_848_226_4),
        (1.0, 5.5, 0.199_342_386_989_627_67),
        (1.0, 1e10, 1.000_000_000_05e-10),
        (2.0, -0.25, 122.697_366_783_662_36),
        (2.0, 1e-3, -2_000_000_002.397_632_1),
        (2.0, 0.3, -75.272_536_588_726_04),
        (2.0, 1.0, -2.404_113_806_319_188_5),
        (2.0, 5.5, -0.039_608_947_521_302_04),
        (3.0, -1000.3, 769.020_914_331_925),
        (3.0, -2.5, 194.747_876_219_187_62),
        (3.0, 1e-3, 6000000000006.469),
        (3.0, 0.3, 743.141_764_655_049_8),
        (3.0, 5.5, 0.015_690_592_675_882_818),
        (3.0, 30.0, 7.786_003_664_736_13e-05),
        (3.0, 1e10, 2.000_000_000_3e-30),
        (5.0, -1000.3, 165_660.174_453_515_8),
        (5.0, -2.5, 15_382.140_048_026_304),
        (5.0, -0.25, 492_198.753_342_874_6),
        (5.0, 1.0, 122.081_167_438_133_9),
        (5.0, 1e10, 2.400_000_000_6e-49),
        (20.0, -2.5, -9_182_070.204_945_628),
        (20.0, 1.0, -2.432_903_168_507_861_5e18),
        (20.0, 5.5, -711.214_588_365_620_7),
        (150.0, 1.0, -5.713_383_956_445_855e262),
        (150.0, 5.5, -9.164_890_854_976_884e150),
        (170.0, 1.0, -7.257_415_615_307_999e306),
        (170.0, 5.5, -1.814_521_386_581_157_7e180),
        (200.0, -2.5, -3.461_080_700_251_319e265),
        (200.0, 5.5, -1.213_355_468_189_763_8e226),
        (200.0, 30.0, -9.910_905_389_911_173e77),
    ] {
        let found: f64 = polygamma(m, x);
        assert!(
            (found / want - 1.0).abs() < 1e-13,
            "{m} {x}: {found} {want}"
        );
    }
    assert_eq!(polygamma(0.0, 3.7), digamma(3.7));
    assert_eq!(polygamma(1.0, -3.0), f64::INFINITY);
    assert!(
        [
            polygamma(2.0, 0.0),
            polygamma(1.5, 2.0),
            polygamma(-1.0, 2.0),
            polygamma(1.0, f64::NAN)
        ]
        .iter()
        .all(|y| y.is_nan())
    );
}
