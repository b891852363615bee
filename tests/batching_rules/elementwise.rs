//! Elementwise operations: one and two operands, powers, conversions, choices.

use elimap::prelude::*;

use crate::lanes::{Arg, Draw, Rule, any, between};

const FLOATS: &[DType] = &[DType::F64, DType::F32, DType::F16, DType::BF16];
const INTEGERS: &[DType] = &[
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U32,
    DType::U64,
    DType::I8,
    DType::I16,
    DType::U16,
];
const SIGNED: &[DType] = &[DType::F64, DType::F32, DType::I32, DType::I64, DType::I8];
const NUMBERS: &[DType] = &[
    DType::F64,
    DType::I32,
    DType::F32,
    DType::U8,
    DType::I64,
    DType::U32,
    DType::U64,
    DType::C128,
    DType::F16,
];
const INEXACT: &[DType] = &[
    DType::F64,
    DType::F32,
    DType::C128,
    DType::C64,
    DType::F16,
    DType::BF16,
];
const COMPLEX: &[DType] = &[DType::C128, DType::C64];
const ORDERED: &[DType] = &[
    DType::F64,
    DType::I32,
    DType::Bool,
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::U8,
    DType::I64,
    DType::U64,
];
const REAL: &[DType] = &[
    DType::F64,
    DType::I32,
    DType::F32,
    DType::U8,
    DType::I64,
    DType::F16,
];
const BITS: &[DType] = &[DType::Bool, DType::I32, DType::I64, DType::U8, DType::U32];

fn one(d: &mut Draw, dtypes: &[DType]) -> Vec<Arg> {
    let shape = d.shape(0..=3);
    vec![any(d.pick(dtypes), &shape)]
}

fn unary(d: &mut Draw, dtypes: &[DType], f: fn(&Tensor) -> Tensor) -> Rule {
    Rule::new(one(d, dtypes), move |x| f(&x[0]))
}

/// A shape that broadcasts with `shape`: fewer axes, or some of length 1.
fn partner(d: &mut Draw, shape: &[usize]) -> Vec<usize> {
    let skip = d.below(shape.len() + 1);
    shape[skip..]
        .iter()
        .map(|&n| if d.below(3) == 1 { 1 } else { n })
        .collect()
}

/// Two operands of one element type whose shapes broadcast, either the larger first.
fn two(d: &mut Draw, dtypes: &[DType]) -> Vec<Arg> {
    let (dtype, shape) = (d.pick(dtypes), d.shape(0..=3));
    let other = partner(d, &shape);
    let mut args = vec![any(dtype, &shape), any(dtype, &other)];
    if d.flag() {
        args.reverse();
    }
    args
}

fn binary(d: &mut Draw, dtypes: &[DType], f: fn(&Tensor, &Tensor) -> Tensor) -> Rule {
    Rule::new(two(d, dtypes), move |x| f(&x[0], &x[1]))
}

rules! {
    neg => |d| unary(d, NUMBERS, |x| -x);
    abs => |d| unary(d, NUMBERS, Tensor::abs);
    sign => |d| unary(d, NUMBERS, Tensor::sign);
    floor => |d| unary(d, FLOATS, Tensor::floor);
    ceil => |d| unary(d, FLOATS, Tensor::ceil);
    round_half_even => |d| unary(d, FLOATS, Tensor::round);
    round_half_away => |d| unary(d, FLOATS, Tensor::round_half_away);
    exp => |d| unary(d, INEXACT, Tensor::exp);
    exp2 => |d| unary(d, INEXACT, Tensor::exp2);
    ln => |d| unary(d, INEXACT, Tensor::ln);
    log1p => |d| unary(d, INEXACT, Tensor::log1p);
    expm1 => |d| unary(d, INEXACT, Tensor::expm1);
    sin => |d| unary(d, INEXACT, Tensor::sin);
    cos => |d| unary(d, INEXACT, Tensor::cos);
    tan => |d| unary(d, INEXACT, Tensor::tan);
    asin => |d| unary(d, INEXACT, Tensor::asin);
    acos => |d| unary(d, INEXACT, Tensor::acos);
    atan => |d| unary(d, INEXACT, Tensor::atan);
    sinh => |d| unary(d, INEXACT, Tensor::sinh);
    cosh => |d| unary(d, INEXACT, Tensor::cosh);
    tanh => |d| unary(d, INEXACT, Tensor::tanh);
    asinh => |d| unary(d, INEXACT, Tensor::asinh);
    acosh => |d| unary(d, INEXACT, Tensor::acosh);
    atanh => |d| unary(d, INEXACT, Tensor::atanh);
    logistic => |d| unary(d, INEXACT, Tensor::logistic);
    sqrt => |d| unary(d, INEXACT, Tensor::sqrt);
    rsqrt => |d| unary(d, INEXACT, Tensor::rsqrt);
    cbrt => |d| unary(d, FLOATS, Tensor::cbrt);
    square => |d| unary(d, NUMBERS, Tensor::square);
    erf => |d| unary(d, FLOATS, Tensor::erf);
    erfc => |d| unary(d, FLOATS, Tensor::erfc);
    erf_inv => |d| unary(d, FLOATS, Tensor::erf_inv);
    lgamma => |d| unary(d, FLOATS, Tensor::lgamma);
    digamma => |d| unary(d, FLOATS, Tensor::digamma);
    real => |d| unary(d, COMPLEX, Tensor::real);
    imag => |d| unary(d, COMPLEX, Tensor::imag);
    conj => |d| unary(d, COMPLEX, Tensor::conj);
    complex => |d| {
        let args = two(d, &[DType::F64, DType::F32]);
        Rule::new(args, |x| elimap::lax::complex(&x[0], &x[1]))
    };
    is_finite => |d| unary(d, FLOATS, Tensor::is_finite);
    not => |d| unary(d, BITS, |x| !x);
    population_count => |d| unary(d, INTEGERS, Tensor::population_count);
    clz => |d| unary(d, INTEGERS, Tensor::clz);
    integers_to_floats_first => |d| unary(d, INTEGERS, Tensor::sqrt);

    add => |d| binary(d, DType::ALL.as_slice(), |x, y| x + y);
    sub => |d| binary(d, NUMBERS, |x, y| x - y);
    mul => |d| binary(d, DType::ALL.as_slice(), |x, y| x * y);
    div => |d| binary(d, NUMBERS, |x, y| x / y);
    floor_divide => |d| binary(d, SIGNED, |x, y| x.floor_divide(y));
    remainder_operator => |d| binary(d, SIGNED, |x, y| x % y);
    lax_rem => |d| binary(d, REAL, |x, y| x.lax_rem(y));
    pow => |d| binary(d, INEXACT, |x, y| x.pow(y));
    maximum => |d| binary(d, DType::ALL.as_slice(), |x, y| x.maximum(y));
    minimum => |d| binary(d, DType::ALL.as_slice(), |x, y| x.minimum(y));
    atan2 => |d| binary(d, FLOATS, |x, y| x.atan2(y));
    nextafter => |d| binary(d, FLOATS, |x, y| x.nextafter(y));
    polygamma => |d| {
        let (dtype, shape) = (d.pick(FLOATS), d.shape(0..=3));
        let other = partner(d, &shape);
        let args = vec![between(dtype, &shape, 0.0, 4.0), any(dtype, &other)];
        Rule::new(args, |x| x[0].floor().polygamma(&x[1]))
    };
    bit_and => |d| binary(d, BITS, |x, y| x & y);
    bit_or => |d| binary(d, BITS, |x, y| x | y);
    bit_xor => |d| binary(d, BITS, |x, y| x ^ y);
    shift_left => |d| binary(d, INTEGERS, |x, y| x.shift_left(y));
    shift_right_arithmetic => |d| binary(d, INTEGERS, |x, y| x.shift_right_arithmetic(y));
    shift_right_logical => |d| binary(d, INTEGERS, |x, y| x.shift_right_logical(y));
    equal => |d| binary(d, DType::ALL.as_slice(), |x, y| x.equal(y));
    not_equal => |d| binary(d, DType::ALL.as_slice(), |x, y| x.not_equal(y));
    less => |d| binary(d, ORDERED, |x, y| x.less(y));
    less_equal => |d| binary(d, ORDERED, |x, y| x.less_equal(y));
    greater => |d| binary(d, ORDERED, |x, y| x.greater(y));
    greater_equal => |d| binary(d, ORDERED, |x, y| x.greater_equal(y));

    mixed_element_types => |d| {
        let shape = d.shape(0..=2);
        let other = partner(d, &shape);
        let args = vec![any(d.pick(&DType::ALL), &shape), any(d.pick(&DType::ALL), &other)];
        Rule::new(args, |x| &x[0] + &x[1])
    };
    bare_numbers_on_either_side => |d| {
        let args = one(d, NUMBERS);
        Rule::many(args, |x| Ok(vec![&x[0] * 2, 3.5 - &x[0], x[0].pow(2), x[0].maximum(1)]))
    };
    captured_arrays => |d| {
        let shape = d.shape(1..=2);
        let other = any(DType::F64, &partner(d, &shape));
        let constant = Tensor::from(Array::from(vec![1.5, -2.0, 0.25])).slice(Slicing::new([0], [shape[shape.len() - 1]]));
        Rule::new(vec![any(DType::F64, &shape), other], move |x| &x[0] * &constant + &x[1])
    };

    integer_pow => |d| {
        let y = [0, 1, 2, 3, -1, -2][d.below(6)];
        let dtypes = if y < 0 { FLOATS } else { NUMBERS };
        Rule::new(one(d, dtypes), move |x| x[0].integer_pow(y))
    };
    convert_element_type => |d| {
        let to = d.pick(&DType::ALL);
        Rule::new(one(d, &DType::ALL), move |x| x[0].astype(to))
    };
    bitcast_to_narrower_and_back => |d| {
        let wide = d.pick(&[DType::U16, DType::I32, DType::I64, DType::F32, DType::F64]);
        let narrow = d.pick(&[DType::U8, DType::I8, DType::U16, DType::I16]);
        // Floats that come back from their bits have no slope, as in JAX, though they change.
        let back = d.flag() && !wide.is_float();
        Rule::new(one(d, &[wide]), move |x| {
            let parts = x[0].bitcast(narrow);
            if back { parts.bitcast(wide) } else { parts }
        })
    };
    bitcast_of_the_same_size => |d| {
        Rule::new(one(d, &[DType::F32, DType::I32]), |x| x[0].bitcast(DType::U32))
    };
    // With all bits: fewer make steps, whose slopes are not what JAX takes for them.
    reduce_precision => |d| {
        Rule::new(one(d, FLOATS), |x| elimap::lax::reduce_precision(&x[0], 11, 52))
    };
    select_of_whole_cases => |d| {
        let (dtype, shape) = (d.pick(&DType::ALL), d.shape(0..=3));
        let args = vec![any(DType::Bool, &[]), any(dtype, &shape), any(dtype, &shape)];
        Rule::new(args, |x| where_(&x[0], &x[1], &x[2]))
    };
    select_elementwise => |d| {
        let (dtype, shape) = (d.pick(&DType::ALL), d.shape(0..=3));
        let (a, b) = (partner(d, &shape), partner(d, &shape));
        let args = vec![any(DType::Bool, &shape), any(dtype, &a), any(dtype, &b)];
        Rule::new(args, |x| where_(&x[0], &x[1], &x[2]))
    };
    clamp_by_scalars => |d| {
        let (dtype, shape) = (d.pick(REAL), d.shape(0..=3));
        let args = vec![any(dtype, &[]), any(dtype, &shape), any(dtype, &[])];
        Rule::new(args, |x| x[1].clamp(&x[0], &x[2]))
    };
    clamp_by_arrays => |d| {
        let (dtype, shape) = (d.pick(REAL), d.shape(0..=3));
        let args = vec![any(dtype, &shape), any(dtype, &shape), any(dtype, &shape)];
        Rule::new(args, |x| x[1].clamp(&x[0], &x[2]))
    };
    clamp_by_numbers => |d| {
        let shape = d.shape(0..=2);
        Rule::new(vec![between(DType::F32, &shape, -3.0, 3.0)], |x| x[0].clamp(-1, 1.5))
    };
}
