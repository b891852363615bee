//! Operations that move elements without looking at them.

use elimap::prelude::*;

use crate::lanes::{Draw, Rule, any};

fn permutation(d: &mut Draw, rank: usize) -> Vec<isize> {
    let mut left: Vec<isize> = (0..rank as isize).collect();
    (0..rank)
        .map(|_| {
            let axis = left.remove(d.below(left.len()));
            if d.flag() { axis - rank as isize } else { axis }
        })
        .collect()
}

rules! {
    transpose => |d| {
        let shape = d.shape(0..=4);
        let order = permutation(d, shape.len());
        Rule::new(vec![any(d.pick(&DType::ALL), &shape)], move |x| x[0].transpose(order.clone()))
    };
    moveaxis => |d| {
        let shape = d.shape(1..=3);
        let (from, to) = (d.axis(shape.len()), d.axis(shape.len()));
        Rule::new(vec![any(DType::F64, &shape)], move |x| x[0].moveaxis(from, to))
    };
    reshape => |d| {
        let shape = d.shape(0..=3);
        let size = shape.iter().product::<usize>() as isize;
        let wanted = match d.below(4) {
            0 => vec![size],
            1 => vec![1, size, 1],
            2 if size > 0 => vec![-1, 1],
            _ => shape.iter().rev().map(|&n| n as isize).collect(),
        };
        Rule::new(vec![any(d.pick(&DType::ALL), &shape)], move |x| x[0].reshape(wanted.clone()))
    };
    reshape_after_transpose => |d| {
        let shape = d.shape(2..=3);
        let size = shape.iter().product::<usize>() as isize;
        Rule::new(vec![any(DType::F64, &shape)], move |x| x[0].t().reshape([size]))
    };
    expand_dims => |d| {
        let shape = d.shape(0..=2);
        let axis = d.axis(shape.len() + 1);
        Rule::new(vec![any(d.pick(&DType::ALL), &shape)], move |x| x[0].expand_dims(axis))
    };
    squeeze => |d| {
        let mut shape = d.shape(0..=2);
        let at = d.below(shape.len() + 1);
        shape.insert(at, 1);
        let axis = if d.flag() { at as isize - shape.len() as isize } else { at as isize };
        Rule::new(vec![any(d.pick(&DType::ALL), &shape)], move |x| x[0].squeeze(axis))
    };
    broadcast_to => |d| {
        let full = d.shape(0..=3);
        let skip = d.below(full.len() + 1);
        let shape: Vec<usize> = full[skip..].iter().map(|&n| if d.flag() { 1 } else { n }).collect();
        Rule::new(vec![any(d.pick(&DType::ALL), &shape)], move |x| x[0].broadcast_to(full.clone()))
    };
    broadcast_in_dim => |d| {
        let full = d.shape(0..=3);
        let dims: Vec<usize> = (0..full.len()).filter(|_| d.flag()).collect();
        let shape: Vec<usize> = dims.iter().map(|&k| full[k]).collect();
        Rule::new(vec![any(DType::I32, &shape)], move |x| x[0].broadcast_in_dim(full.clone(), dims.clone()))
    };
    concatenate_several => |d| {
        let (dtype, shape) = (d.pick(&DType::ALL), d.shape(1..=3));
        let axis = d.axis(shape.len());
        let at = if axis < 0 { (axis + shape.len() as isize) as usize } else { axis as usize };
        let args = (0..=d.below(3))
            .map(|_| {
                let mut shape = shape.clone();
                shape[at] = d.below(3);
                any(dtype, &shape)
            })
            .collect();
        Rule::many(args, move |x| Ok(vec![concatenate(x, axis)?]))
    };
    stack_several => |d| {
        let (dtype, shape) = (d.pick(&DType::ALL), d.shape(0..=2));
        let axis = d.axis(shape.len() + 1);
        let args = (0..=d.below(3)).map(|_| any(dtype, &shape)).collect();
        Rule::many(args, move |x| Ok(vec![stack(x, axis)?]))
    };
    pad_crops_and_spreads => |d| {
        let (dtype, shape) = (d.pick(&DType::ALL), d.solid(1..=3));
        let config: Vec<(i64, i64, usize)> = shape
            .iter()
            .map(|_| (d.below(3) as i64, d.below(3) as i64 - 1, d.below(3)))
            .collect();
        Rule::new(vec![any(dtype, &shape), any(dtype, &[])], move |x| x[0].pad(&x[1], config.clone()))
    };
    pad_by_a_number => |d| {
        let shape = d.solid(1..=2);
        let config: Vec<(i64, i64, usize)> = shape.iter().map(|_| (d.below(2) as i64, 1, 0)).collect();
        Rule::new(vec![any(DType::F32, &shape)], move |x| x[0].pad(-1, config.clone()))
    };
    rev => |d| {
        let shape = d.shape(1..=3);
        let mut axes: Vec<isize> = (0..shape.len() as isize).collect();
        axes.retain(|_| d.flag());
        Rule::new(vec![any(d.pick(&DType::ALL), &shape)], move |x| x[0].rev(axes.clone()))
    };
    slice => |d| {
        let shape = d.shape(0..=3);
        let mut bounds: Vec<(usize, usize, usize)> = Vec::new();
        for &n in &shape {
            let start = d.below(n + 1);
            bounds.push((start, start + d.below(n - start + 1), 1 + d.below(3)));
        }
        Rule::new(vec![any(d.pick(&DType::ALL), &shape)], move |x| {
            let slicing = Slicing::new(bounds.iter().map(|b| b.0), bounds.iter().map(|b| b.1));
            x[0].slice(slicing.strides(bounds.iter().map(|b| b.2)))
        })
    };
    index_one => |d| {
        let shape = d.solid(1..=3);
        let axis = d.axis(shape.len());
        let at = if axis < 0 { (axis + shape.len() as isize) as usize } else { axis as usize };
        let index = d.axis(shape[at]);
        Rule::new(vec![any(d.pick(&DType::ALL), &shape)], move |x| x[0].index(axis, index))
    };
    iota_is_shared => |d| {
        let shape = d.shape(1..=2);
        let (dtype, dimension) = (d.pick(&DType::ALL[1..]), d.below(shape.len()));
        Rule::many(vec![any(dtype, &shape)], move |x| {
            let count = iota(dtype, shape.clone(), dimension);
            Ok(vec![count.clone(), &x[0] + count])
        })
    };
}
