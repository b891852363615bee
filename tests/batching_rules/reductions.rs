//! Reductions, positions of extremes, running reductions.

use elimap::prelude::*;

use crate::lanes::{Arg, Draw, Rule, any, between};

const NUMBERS: &[DType] = &[
    DType::F64,
    DType::I32,
    DType::F32,
    DType::U8,
    DType::I64,
    DType::U32,
    DType::Bool,
];

/// A distinct, possibly negative subset of the axes.
fn axes(d: &mut Draw, rank: usize) -> Vec<isize> {
    (0..rank as isize)
        .filter_map(|a| match d.below(4) {
            0 | 3 => Some(a),
            1 => Some(a - rank as isize),
            _ => None,
        })
        .collect()
}

type Reduction = fn(&Tensor, Vec<isize>) -> Tensor;

fn reduce(d: &mut Draw, dtypes: &[DType], shape: &[usize], f: Reduction) -> Rule {
    let axes = axes(d, shape.len());
    Rule::new(vec![any(d.pick(dtypes), shape)], move |x| {
        f(&x[0], axes.clone())
    })
}

/// Two of the large numbers overflow in single precision, and it depends on the order whether a zero meets that infinity.
fn product(d: &mut Draw) -> Rule {
    let (shape, dtype) = (d.shape(0..=3), d.pick(NUMBERS));
    let axes = axes(d, shape.len());
    let x = match dtype {
        DType::F32 => between(dtype, &shape, -3.0, 3.0),
        _ => any(dtype, &shape),
    };
    Rule::new(vec![x], move |x| x[0].prod(axes.clone()))
}

/// One operand with at least one axis, and one of its axes.
fn along(d: &mut Draw, dtypes: &[DType], solid: bool) -> (Vec<Arg>, isize) {
    let shape = if solid {
        d.solid(1..=3)
    } else {
        d.shape(1..=3)
    };
    let axis = d.axis(shape.len());
    (vec![any(d.pick(dtypes), &shape)], axis)
}

type Running = fn(&Tensor, isize, bool) -> Tensor;

fn cumulative(d: &mut Draw, dtypes: &[DType], f: Running) -> Rule {
    let (args, axis) = along(d, dtypes, false);
    let reverse = d.flag();
    Rule::new(args, move |x| f(&x[0], axis, reverse))
}

rules! {
    sum => |d| { let s = d.shape(0..=3); reduce(d, NUMBERS, &s, |x, a| x.sum(a)).within(1e-6) };
    sum_of_integers_is_exact => |d| { let s = d.shape(0..=3); reduce(d, &NUMBERS[3..], &s, |x, a| x.sum(a)) };
    prod => |d| product(d).within(1e-5);
    max => |d| { let s = d.solid(0..=3); reduce(d, NUMBERS, &s, |x, a| x.max(a)) };
    min => |d| { let s = d.solid(0..=3); reduce(d, NUMBERS, &s, |x, a| x.min(a)) };
    all => |d| { let s = d.shape(0..=3); reduce(d, NUMBERS, &s, |x, a| x.all(a)) };
    any_ => |d| { let s = d.shape(0..=3); reduce(d, NUMBERS, &s, |x, a| x.any(a)) };
    argmax => |d| { let (args, axis) = along(d, NUMBERS, true); Rule::new(args, move |x| x[0].argmax(axis)) };
    argmin => |d| { let (args, axis) = along(d, NUMBERS, true); Rule::new(args, move |x| x[0].argmin(axis)) };
    cumsum => |d| cumulative(d, &NUMBERS[..6], Tensor::cumsum).within(1e-6);
    cumprod => |d| cumulative(d, &NUMBERS[..6], Tensor::cumprod).within(1e-6);
    cummax => |d| cumulative(d, &NUMBERS[..6], Tensor::cummax);
    cummin => |d| cumulative(d, &NUMBERS[..6], Tensor::cummin);
    cumlogsumexp => |d| {
        let shape = d.solid(1..=3);
        let (axis, reverse) = (d.axis(shape.len()), d.flag());
        let args = vec![between(d.pick(&[DType::F64, DType::F32]), &shape, -5.0, 5.0)];
        Rule::new(args, move |x| x[0].cumlogsumexp(axis, reverse)).within(1e-5)
    };
}
