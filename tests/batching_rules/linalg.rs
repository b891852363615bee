//! Products and linear systems.

use elimap::prelude::*;
use elimap::{DotDims, Triangle, fft};

use crate::lanes::{Arg, Draw, Rule, any, between, filled};

const FLOATS: &[DType] = &[DType::F64, DType::F32];

/// Symmetric positive definite matrices, or now and then one that is not.
fn definite(d: &mut Draw, dtype: DType, lead: &[usize], n: usize) -> Arg {
    let broken = d.below(5) == 4;
    let count: usize = lead.iter().product();
    let shape: Vec<usize> = lead.iter().copied().chain([n, n]).collect();
    filled(dtype, &shape, move |d| {
        let mut out = Vec::new();
        for _ in 0..count {
            let root: Vec<f64> = (0..n * n).map(|_| 2.0 * d.uniform() - 1.0).collect();
            let sign = if broken && d.flag() { -1.0 } else { 1.0 };
            for i in 0..n {
                for j in 0..n {
                    let dot: f64 = (0..n).map(|k| root[i * n + k] * root[j * n + k]).sum();
                    out.push(sign * (dot + if i == j { 1.0 } else { 0.0 }));
                }
            }
        }
        out
    })
}

/// Matrices whose diagonal dominates.
fn regular(dtype: DType, lead: &[usize], n: usize) -> Arg {
    let count: usize = lead.iter().product();
    let shape: Vec<usize> = lead.iter().copied().chain([n, n]).collect();
    filled(dtype, &shape, move |d| {
        (0..count * n * n)
            .map(|k| {
                d.uniform()
                    + if (k / n % n) == k % n {
                        n as f64 + 1.0
                    } else {
                        0.0
                    }
            })
            .collect()
    })
}

rules! {
    fourier_transform => |d| {
        let (shape, inverse) = (d.solid(1..=3), d.flag());
        let (axis, n) = (d.axis(shape.len()), [None, Some(4), Some(3)][d.below(3)]);
        let args = vec![between(d.pick(&[DType::C128, DType::C64]), &shape, -2.0, 2.0)];
        let transform = move |x: &Tensor| match inverse {
            true => fft::ifft(x, n, axis, fft::Norm::Ortho),
            false => fft::fft(x, n, axis, fft::Norm::Ortho),
        };
        Rule::new(args, move |x| transform(&x[0])).within(1e-6)
    };
    fourier_transform_of_real_numbers => |d| {
        let shape = d.solid(1..=3);
        let (axis, n) = (d.axis(shape.len()), [None, Some(4), Some(5)][d.below(3)]);
        let args = vec![between(d.pick(&[DType::F64, DType::F32]), &shape, -2.0, 2.0)];
        Rule::new(args, move |x| fft::rfft(&x[0], n, axis, fft::Norm::Backward)).within(1e-6)
    };
    fourier_transform_to_real_numbers => |d| {
        let shape = d.solid(1..=3);
        let (axis, n) = (d.axis(shape.len()), [4, 5, 1][d.below(3)]);
        let args = vec![between(DType::C128, &shape, -2.0, 2.0)];
        Rule::new(args, move |x| fft::irfft(&x[0], Some(n), axis, fft::Norm::Forward)).within(1e-12)
    };
    fourier_transform_of_planes => |d| {
        let shape = [d.solid(2..=2), d.shape(0..=1)].concat();
        let args = vec![between(DType::C128, &shape, -2.0, 2.0)];
        Rule::new(args, move |x| fft::fftn(&x[0], None, [1, 0], fft::Norm::Backward)).within(1e-12)
    };
    dot_general => |d| {
        let dtype = d.pick(&[DType::F64, DType::F32, DType::I32, DType::U8, DType::Bool, DType::C128, DType::F16]);
        let (batch, contract) = (d.shape(0..=1), d.shape(0..=2));
        let (left, right) = (d.shape(0..=2), d.shape(0..=2));
        // Contracted axes first on the left and last on the right.
        let lhs: Vec<usize> = [&batch[..], &contract, &left].concat();
        let rhs: Vec<usize> = [&batch[..], &right, &contract].concat();
        let (b, c, r) = (batch.len(), contract.len(), right.len());
        let dims = DotDims {
            lhs_contract: (b..b + c).collect(),
            rhs_contract: (b + r..b + r + c).collect(),
            lhs_batch: (0..b).collect(),
            rhs_batch: (0..b).collect(),
        };
        let args = vec![between(dtype, &lhs, 0.0, 3.0), between(dtype, &rhs, 0.0, 3.0)];
        Rule::new(args, move |x| x[0].dot_general(&x[1], dims.clone())).within(1e-5)
    };
    dot_of_integers_is_exact => |d| {
        let (n, k, m) = (d.below(4), d.below(4), d.below(4));
        let dtype = d.pick(&[DType::I32, DType::U8, DType::I64, DType::U32]);
        let args = vec![any(dtype, &[n, k]), any(dtype, &[k, m])];
        Rule::new(args, |x| x[0].matmul(&x[1]))
    };
    matmul => |d| {
        let k = d.pick(&[2, 3, 1, 0]);
        let mut shapes = [vec![k], vec![k]];
        if d.flag() { shapes[0].insert(0, d.below(4)); }
        if d.flag() { shapes[1].push(d.below(4)); }
        let lead = d.shape(0..=2);
        for shape in &mut shapes {
            // Vectors take no leading axes; matrices take all, none, or broadcast ones.
            if shape.len() == 2 {
                let skip = d.below(lead.len() + 1);
                let some: Vec<usize> = lead[skip..].iter().map(|&n| if d.below(3) == 1 { 1 } else { n }).collect();
                shape.splice(0..0, some);
            }
        }
        let dtype = d.pick(FLOATS);
        let args = vec![between(dtype, &shapes[0], -2.0, 2.0), between(dtype, &shapes[1], -2.0, 2.0)];
        Rule::new(args, |x| x[0].matmul(&x[1])).within(1e-5)
    };
    cholesky => |d| {
        let (dtype, lead, n) = (d.pick(FLOATS), d.shape(0..=1), d.below(4));
        Rule::new(vec![definite(d, dtype, &lead, n)], |x| x[0].cholesky()).within(1e-5)
    };
    solve => |d| {
        let (dtype, lead, n, m) = (d.pick(FLOATS), d.shape(0..=1), d.below(4), d.below(3));
        let b: Vec<usize> = if d.flag() { vec![n] } else { lead.iter().copied().chain([n, m]).collect() };
        Rule::new(vec![regular(dtype, &lead, n), between(dtype, &b, -2.0, 2.0)], |x| x[0].solve(&x[1])).within(1e-4)
    };
    triangular_solve => |d| {
        let (dtype, lead, n, m) = (d.pick(FLOATS), d.shape(0..=1), d.below(4), d.below(3));
        let triangle = Triangle::LOWER.left_side(!d.flag()).lower(d.flag()).transpose_a(d.flag()).unit_diagonal(d.flag());
        let matrix = if triangle.left_side { [n, m] } else { [m, n] };
        let b: Vec<usize> = lead.iter().copied().chain(matrix).collect();
        let args = vec![regular(dtype, &lead, n), between(dtype, &b, -2.0, 2.0)];
        Rule::new(args, move |x| x[0].triangular_solve(&x[1], triangle)).within(1e-3)
    };
}
