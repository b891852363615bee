//! Reading and updating at positions known only at run time, and sorting.

use elimap::prelude::*;
use elimap::{At, GatherDims, IndexMode, ScatterDims, ScatterOp, sort_by_key};

use crate::lanes::{Arg, Draw, Rule, any, between, filled};

const POSITIONS: &[DType] = &[DType::I64, DType::I32, DType::U8, DType::U32];
const VALUES: &[DType] = &[
    DType::F64,
    DType::F32,
    DType::I32,
    DType::Bool,
    DType::U8,
    DType::I64,
];

/// Positions from well below zero to well above the length of any axis here.
fn positions(d: &mut Draw, shape: &[usize]) -> Arg {
    let dtype = d.pick(POSITIONS);
    let low = if matches!(dtype, DType::I32 | DType::I64) {
        -7.0
    } else {
        0.0
    };
    between(dtype, shape, low, 7.0)
}

fn take(d: &mut Draw, mode: TakeMode) -> Rule {
    let mut shape = d.shape(1..=3);
    let axis = d.axis(shape.len());
    // There is nothing to read along an empty axis, and saying so is an error.
    let at = axis.rem_euclid(shape.len() as isize) as usize;
    shape[at] = shape[at].max(1);
    let indices = d.shape(0..=2);
    let args = vec![any(d.pick(VALUES), &shape), positions(d, &indices)];
    Rule::new(args, move |x| x[0].take(&x[1], axis, mode))
}

fn at(d: &mut Draw, dtypes: &[DType], f: fn(At, &Tensor) -> Tensor) -> Rule {
    let (dtype, shape, indices) = (d.pick(dtypes), d.solid(1..=3), d.shape(0..=2));
    let mut updates: Vec<usize> = indices.clone();
    updates.extend(&shape[1..]);
    let skip = d.below(updates.len() + 1);
    let args = vec![
        any(dtype, &shape),
        positions(d, &indices),
        any(dtype, &updates[skip..]),
    ];
    Rule::new(args, move |x| f(x[0].at(&x[1]), &x[2]))
}

/// A box with a start per axis.
fn boxed(d: &mut Draw) -> (Vec<usize>, Vec<usize>, Vec<Arg>) {
    let shape = d.solid(1..=3);
    let sizes: Vec<usize> = shape.iter().map(|&n| d.below(n + 1)).collect();
    let dtype = d.pick(POSITIONS);
    let starts = shape.iter().map(|_| {
        let low = if matches!(dtype, DType::I32 | DType::I64) {
            -6.0
        } else {
            0.0
        };
        between(dtype, &[], low, 6.0)
    });
    let starts = starts.collect();
    (shape, sizes, starts)
}

/// Few distinct values, so that ties are common.
fn tied(dtype: DType, shape: &[usize]) -> Arg {
    let count: usize = shape.iter().product();
    filled(dtype, shape, move |d| {
        (0..count)
            .map(|_| match d.random() % 6 {
                0 if dtype.is_float() => f64::NAN,
                1 if dtype.is_float() => -0.0,
                n => (n % 3) as f64,
            })
            .collect()
    })
}

rules! {
    take_fill => |d| take(d, TakeMode::Fill);
    take_clip => |d| take(d, TakeMode::Clip);
    take_wrap => |d| take(d, TakeMode::Wrap);
    gather_windows => |d| {
        let shape = d.solid(2..=2);
        let sizes: Vec<usize> = shape.iter().map(|&n| d.below(n + 1)).collect();
        let mode = d.pick(&[IndexMode::Clip, IndexMode::FillOrDrop]);
        let dims = GatherDims {
            offset_dims: [1, 2].into_iter().collect(),
            start_index_map: [1, 0].into_iter().collect(),
            ..GatherDims::default()
        };
        let args = vec![any(d.pick(VALUES), &shape), positions(d, &[3, 2])];
        Rule::new(args, move |x| x[0].gather(&x[1], dims.clone(), sizes.clone(), mode))
    };
    scatter_windows => |d| {
        let shape = d.solid(2..=2);
        let window: Vec<usize> = shape.iter().map(|&n| 1 + d.below(n)).collect();
        let mode = d.pick(&[IndexMode::Clip, IndexMode::FillOrDrop]);
        let kind = d.pick(ScatterOp::ALL);
        let dims = ScatterDims {
            update_window_dims: [1, 2].into_iter().collect(),
            scatter_dims_to_operand_dims: [1, 0].into_iter().collect(),
            ..ScatterDims::default()
        };
        let args = vec![any(DType::I64, &shape), positions(d, &[2, 2]), any(DType::I64, &[2, window[0], window[1]])];
        Rule::new(args, move |x| x[0].scatter(kind, &x[1], &x[2], dims.clone(), mode))
    };
    at_set => |d| at(d, VALUES, |at, u| at.set(u));
    at_add => |d| at(d, &[DType::F64, DType::I32, DType::U8], |at, u| at.add(u)).within(1e-12);
    at_mul => |d| at(d, &[DType::F64, DType::I32, DType::U8], |at, u| at.mul(u)).within(1e-12);
    at_min => |d| at(d, &[DType::F64, DType::I32, DType::U8], |at, u| at.min(u));
    at_max => |d| at(d, &[DType::F64, DType::I32, DType::U8], |at, u| at.max(u));
    dynamic_slice => |d| {
        let (shape, sizes, starts) = boxed(d);
        let mut args = vec![any(d.pick(VALUES), &shape)];
        args.extend(starts);
        Rule::new(args, move |x| x[0].dynamic_slice(&x[1..], sizes.clone()))
    };
    dynamic_slice_at_numbers => |d| {
        let (shape, sizes, _) = boxed(d);
        let starts: Vec<i64> = shape.iter().map(|_| d.below(9) as i64 - 4).collect();
        Rule::new(vec![any(d.pick(VALUES), &shape)], move |x| {
            let starts: Vec<Tensor> = starts.iter().map(|&s| Tensor::from(s)).collect();
            x[0].dynamic_slice(&starts, sizes.clone())
        })
    };
    dynamic_update_slice => |d| {
        let (shape, sizes, starts) = boxed(d);
        let dtype = d.pick(VALUES);
        let mut args = vec![any(dtype, &shape), any(dtype, &sizes)];
        args.extend(starts);
        Rule::new(args, |x| x[0].dynamic_update_slice(&x[1], &x[2..]))
    };
    sort => |d| {
        let shape = d.shape(1..=3);
        let axis = d.axis(shape.len());
        Rule::new(vec![any(d.pick(VALUES), &shape)], move |x| x[0].sort(axis))
    };
    argsort => |d| {
        let shape = d.shape(1..=3);
        let axis = d.axis(shape.len());
        Rule::new(vec![tied(d.pick(VALUES), &shape)], move |x| x[0].argsort(axis))
    };
    sort_by_keys => |d| {
        let shape = d.shape(1..=2);
        let axis = d.axis(shape.len());
        let args = vec![tied(d.pick(VALUES), &shape), any(d.pick(VALUES), &shape), any(DType::I32, &shape)];
        Rule::many(args, move |x| sort_by_key(&x.iter().collect::<Vec<_>>(), axis))
    };
    top_k => |d| {
        let shape = d.shape(1..=3);
        let k = d.below(shape[shape.len() - 1] + 1);
        Rule::many(vec![tied(d.pick(&[DType::F64, DType::I32, DType::U8]), &shape)], move |x| {
            let (values, positions) = x[0].top_k(k)?;
            Ok(vec![values, positions])
        })
    };
}
