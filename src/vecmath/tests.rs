//! Against exact values recorded in `tests/data/vecmath.txt`, and special values as C99 has them.
#![allow(clippy::unwrap_used)]

use super::{double, single};

type Function = fn(f64) -> f64;
type SingleFunction = fn(f32) -> f32;

/// Name, functions, and the error in units of the last place that the documentation states for double precision.
const FUNCTIONS: [(&str, Function, SingleFunction, f64); 21] = [
    ("exp", double::exp, single::exp, 0.9),
    ("exp2", double::exp2, single::exp2, 1.2),
    ("expm1", double::expm1, single::expm1, 1.15),
    ("log", double::log, single::log, 0.85),
    ("log1p", double::log1p, single::log1p, 0.85),
    ("tanh", double::tanh, single::tanh, 1.4),
    ("logistic", double::logistic, single::logistic, 1.2),
    ("sinh", double::sinh, single::sinh, 1.15),
    ("cosh", double::cosh, single::cosh, 1.15),
    ("sin", double::sin, single::sin, 0.85),
    ("cos", double::cos, single::cos, 0.85),
    ("tan", double::tan, single::tan, 1.45),
    ("asin", double::asin, single::asin, 1.25),
    ("acos", double::acos, single::acos, 0.85),
    ("atan", double::atan, single::atan, 0.85),
    ("asinh", double::asinh, single::asinh, 0.85),
    ("acosh", double::acosh, single::acosh, 0.85),
    ("atanh", double::atanh, single::atanh, 0.85),
    ("cbrt", double::cbrt, single::cbrt, 0.7),
    ("erf", double::erf, single::erf, 1.45),
    ("erfc", double::erfc, single::erfc, 1.05),
];

/// The distance from a value, given in two parts, in units of its last place.
fn error(got: f64, high: f64, low: f64) -> f64 {
    let above = f64::from_bits(high.abs().to_bits() + 1) - high.abs();
    ((got - high) - low).abs() / above
}

#[test]
fn recorded_values_are_met_within_the_stated_errors() {
    let mut lines = 0;
    for line in include_str!("../../tests/data/vecmath.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let numbers: Vec<f64> = words[1..].iter().map(|w| w.parse().unwrap()).collect();
        let (got, bound) = match (words[0], &numbers[..]) {
            ("pow", &[x, y, ..]) => (double::pow(x, y), 0.9),
            ("atan2", &[y, x, ..]) => (double::atan2(y, x), 0.85),
            (name, &[x, ..]) => {
                let (_, function, _, bound) = FUNCTIONS.iter().find(|f| f.0 == name).unwrap();
                (function(x), *bound)
            }
            _ => unreachable!("{line}"),
        };
        let [.., high, low] = numbers[..] else {
            unreachable!("{line}")
        };
        let error = error(got, high, low);
        assert!(error <= bound, "{line}: got {got:e}, {error} ulp");
        lines += 1;
    }
    assert!(lines > 3000);
}

#[test]
fn single_precision_is_near_double_precision() {
    // The shorter polynomials are off by less than a thousandth of a unit, which tips few results to the other side.
    for (name, function, single, _) in FUNCTIONS {
        for i in 0..40_000_u32 {
            let x = f32::from_bits(i.wrapping_mul(107_374) ^ (i << 31));
            let (got, want) = (single(x), function(f64::from(x)));
            if want.is_nan() {
                assert!(got.to_bits() == f32::NAN.to_bits(), "{name}({x})");
                continue;
            }
            let rounded = want as f32;
            let unit =
                f64::from(f32::from_bits(rounded.abs().to_bits() + 1)) - f64::from(rounded.abs());
            // exp and tanh are computed in single precision.
            let bound = match name {
                "exp" => 1.1,
                "tanh" => 1.2,
                _ => 0.501,
            };
            let close = (f64::from(got) - want).abs() <= bound * unit;
            assert!(
                got == rounded || close,
                "{name}({x:e}): {got:e} for {want:e}"
            );
            assert!(
                got.is_sign_negative() == rounded.is_sign_negative(),
                "{name}({x:e})"
            );
        }
    }
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits()
}

#[test]
#[ignore = "takes minutes of an optimized build; `just vecmath-hard` runs it"]
fn every_single_number_is_met_within_the_stated_errors() {
    let functions: [(&str, Function, SingleFunction, f64); 2] = [
        ("exp", double::exp, single::exp, 1.08),
        ("tanh", double::tanh, single::tanh, 1.18),
    ];
    for (name, function, single, bound) in functions {
        for bits in 0..=u32::MAX {
            let x = f32::from_bits(bits);
            let (got, want) = (f64::from(single(x)), function(f64::from(x)));
            // The unit of the exact value, down to that of subnormals.
            let exponent = (want.abs().max(f64::from(f32::MIN_POSITIVE)).to_bits() >> 52) as i32;
            let unit = 2_f64.powi(exponent - 1023 - 23);
            let infinite = got == f64::INFINITY && want > f64::from(f32::MAX);
            let close = (got - want).abs() <= bound * unit;
            assert!(x.is_nan() || infinite || close, "{name}({x:e}): {got:e}");
        }
    }
}

#[test]
fn exp_has_the_same_bits_with_and_without_extremes() {
    let mut extremes = 0;
    for i in 0..200_000_u32 {
        let x = f64::from(i) / 100.0 - 1000.0 + 1e-7 * f64::from(i % 97);
        extremes += u32::from(double::is_extreme_exponent(x));
        if !double::is_extreme_exponent(x) {
            assert!(same(double::near_exp(x), double::exp(x)), "exp({x})");
        }
        let x = (x / 5.0) as f32;
        if !single::is_extreme_exponent(x) {
            let (near, all) = (single::near_exp(x), single::exp(x));
            assert_eq!(near.to_bits(), all.to_bits(), "exp({x})");
        }
    }
    assert!((30_000..40_000).contains(&extremes));
    for x in [f64::NAN, f64::INFINITY, 709.9, -745.0, -710.0] {
        assert!(double::is_extreme_exponent(x) && single::is_extreme_exponent(x as f32 / 7.5));
    }
    assert!(same(double::near_exp(f64::NEG_INFINITY), 0.0));
    assert!(single::near_exp(f32::NEG_INFINITY).to_bits() == 0);
}

#[test]
fn special_values_are_those_of_c99() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    let pi = std::f64::consts::PI;
    let tiny = f64::from_bits(1);
    let cases: &[(&str, &[(f64, f64)])] = &[
        (
            "exp",
            &[
                (0.0, 1.0),
                (-0.0, 1.0),
                (INF, INF),
                (-INF, 0.0),
                (710.0, INF),
                (-746.0, 0.0),
                (-745.1, tiny),
                (tiny, 1.0),
            ],
        ),
        (
            "exp2",
            &[
                (0.0, 1.0),
                (INF, INF),
                (-INF, 0.0),
                (1024.0, INF),
                (-1074.0, tiny),
                (-1076.0, 0.0),
                (10.0, 1024.0),
            ],
        ),
        (
            "expm1",
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, INF),
                (-INF, -1.0),
                (710.0, INF),
                (tiny, tiny),
                (-tiny, -tiny),
            ],
        ),
        (
            "log",
            &[
                (1.0, 0.0),
                (0.0, -INF),
                (-0.0, -INF),
                (INF, INF),
                (-1.0, NAN),
                (-INF, NAN),
                (-tiny, NAN),
            ],
        ),
        (
            "log1p",
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (-1.0, -INF),
                (INF, INF),
                (-1.5, NAN),
                (-INF, NAN),
                (tiny, tiny),
            ],
        ),
        (
            "tanh",
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, 1.0),
                (-INF, -1.0),
                (tiny, tiny),
                (-700.0, -1.0),
            ],
        ),
        (
            "logistic",
            &[
                (0.0, 0.5),
                (-0.0, 0.5),
                (INF, 1.0),
                (-INF, 0.0),
                (800.0, 1.0),
                (-800.0, 0.0),
            ],
        ),
        (
            "sinh",
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, INF),
                (-INF, -INF),
                (711.0, INF),
                (tiny, tiny),
            ],
        ),
        (
            "cosh",
            &[(0.0, 1.0), (INF, INF), (-INF, INF), (-711.0, INF)],
        ),
        (
            "sin",
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, NAN),
                (-INF, NAN),
                (tiny, tiny),
            ],
        ),
        ("cos", &[(0.0, 1.0), (INF, NAN), (-INF, NAN)]),
        (
            "tan",
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, NAN),
                (-INF, NAN),
                (-tiny, -tiny),
            ],
        ),
        (
            "asin",
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (1.0, pi / 2.0),
                (-1.0, -pi / 2.0),
                (1.5, NAN),
                (-INF, NAN),
                (tiny, tiny),
            ],
        ),
        (
            "acos",
            &[
                (1.0, 0.0),
                (-1.0, pi),
                (0.0, pi / 2.0),
                (1.5, NAN),
                (INF, NAN),
            ],
        ),
        (
            "atan",
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, pi / 2.0),
                (-INF, -pi / 2.0),
                (1.0, pi / 4.0),
                (tiny, tiny),
            ],
        ),
        (
            "asinh",
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, INF),
                (-INF, -INF),
                (tiny, tiny),
            ],
        ),
        ("acosh", &[(1.0, 0.0), (INF, INF), (0.5, NAN), (-INF, NAN)]),
        (
            "atanh",
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (1.0, INF),
                (-1.0, -INF),
                (1.5, NAN),
                (INF, NAN),
                (-tiny, -tiny),
            ],
        ),
        (
            "cbrt",
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (INF, INF),
                (-INF, -INF),
                (-8.0, -2.0),
                (27.0, 3.0),
            ],
        ),
        ("erf", &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0)]),
        ("erfc", &[(0.0, 1.0), (INF, 0.0), (-INF, 2.0), (30.0, 0.0)]),
    ];
    for (name, cases) in cases {
        let (_, function, _, _) = FUNCTIONS.iter().find(|f| f.0 == *name).unwrap();
        // A NaN with a payload and a sign gives the one NaN.
        for nan in [NAN, -NAN, f64::from_bits(0x7ff8_0000_dead_beef)] {
            assert!(same(function(nan), NAN), "{name}(NaN)");
        }
        for &(x, want) in *cases {
            assert!(
                same(function(x), want),
                "{name}({x:e}): {:e} for {want:e}",
                function(x)
            );
        }
    }
}

#[test]
fn special_powers_and_angles_are_those_of_c99() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    let pi = std::f64::consts::PI;
    let powers = [
        (0.0, -3.0, INF),
        (-0.0, -3.0, -INF),
        (-0.0, -2.0, INF),
        (0.0, -INF, INF),
        (0.0, 3.0, 0.0),
        (-0.0, 3.0, -0.0),
        (-0.0, 2.5, 0.0),
        (-1.0, INF, 1.0),
        (-1.0, -INF, 1.0),
        (1.0, NAN, 1.0),
        (NAN, 0.0, 1.0),
        (-8.0, 1.0 / 3.0, NAN),
        (0.5, -INF, INF),
        (2.0, -INF, 0.0),
        (0.5, INF, 0.0),
        (-2.0, INF, INF),
        (-INF, -3.0, -0.0),
        (-INF, -2.0, 0.0),
        (-INF, 3.0, -INF),
        (-INF, 0.5, INF),
        (INF, -1.0, 0.0),
        (INF, 0.5, INF),
        (NAN, 1.0, NAN),
        (2.0, NAN, NAN),
        (-2.0, 3.0, -8.0),
        (-2.0, 4.0, 16.0),
        (2.0, 1024.0, INF),
        (2.0, -1075.0, 0.0),
        (-2.0, 1025.0, -INF),
        (3.0, 1e300, INF),
        (-3.0, -1e300, 0.0),
        (10.0, 3.0, 1000.0),
    ];
    for (x, y, want) in powers {
        assert!(
            same(double::pow(x, y), want),
            "pow({x}, {y}): {}",
            double::pow(x, y)
        );
        let (single, want) = (single::pow(x as f32, y as f32), want as f32);
        assert!(
            x == -8.0 || single.to_bits() == want.to_bits(),
            "pow({x}, {y}): {single}"
        );
    }
    let angles = [
        (0.0, 1.0, 0.0),
        (-0.0, 1.0, -0.0),
        (0.0, -1.0, pi),
        (-0.0, -1.0, -pi),
        (0.0, 0.0, 0.0),
        (0.0, -0.0, pi),
        (-0.0, -0.0, -pi),
        (1.0, 0.0, pi / 2.0),
        (-1.0, -0.0, -pi / 2.0),
        (INF, 1.0, pi / 2.0),
        (1.0, INF, 0.0),
        (-1.0, INF, -0.0),
        (1.0, -INF, pi),
        (INF, INF, pi / 4.0),
        (INF, -INF, 0.75 * pi),
        (-INF, -INF, -0.75 * pi),
        (NAN, 1.0, NAN),
        (1.0, NAN, NAN),
        (5e-324, 1e300, 0.0),
        (-5e-324, -1e300, -pi),
    ];
    for (y, x, want) in angles {
        assert!(
            same(double::atan2(y, x), want),
            "atan2({y}, {x}): {}",
            double::atan2(y, x)
        );
    }
}
