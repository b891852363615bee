//! What a gradient costs beside its value, and what it costs to build one.
//!
//! Baselines: `value`, the same loss without a derivative, compiled.

use criterion::{Criterion, criterion_group, criterion_main};
use elimap::prelude::*;
use elimap::{Arg, Error, grad, value_and_grad};

const SIZES: [usize; 3] = [784, 256, 10];
const BATCH: usize = 128;

fn filled(shape: [usize; 2], scale: f64) -> Array {
    let values = ndarray::Array2::from_shape_fn(shape, |(i, j)| {
        (((7 * i + 13 * j) % 29) as f64 / 29.0 - 0.5) * scale
    });
    Array::from(values.into_dyn())
}

/// The mean cross entropy of a network of one hidden layer.
fn loss(w1: Tensor, w2: Tensor, x: Tensor, y: Tensor) -> Tensor {
    let logits = x.matmul(w1).tanh().matmul(w2);
    let largest = logits.max(1).expand_dims(1);
    let shifted = logits - largest;
    let total = shifted.exp().sum(1).ln().expand_dims(1);
    -((shifted - total) * y).sum(..) / BATCH as f64
}

fn mlp(c: &mut Criterion) {
    let mut group = c.benchmark_group("gradients/mlp_784_256_10_batch_128");
    let args = || {
        (
            filled([SIZES[0], SIZES[1]], 0.1),
            filled([SIZES[1], SIZES[2]], 0.1),
            filled([BATCH, SIZES[0]], 1.0),
            filled([BATCH, SIZES[2]], 1.0),
        )
    };
    let value = jit(loss);
    group.bench_function("value", |b| b.iter(|| value.call(args()).expect("runs")));
    let both = jit(value_and_grad(loss).argnums((Arg::<0>, Arg::<1>)));
    group.bench_function("value_and_grad", |b| {
        b.iter(|| both.call(args()).expect("runs"))
    });
    group.finish();
}

fn building(c: &mut Criterion) {
    let mut group = c.benchmark_group("gradients/build");
    for n in [1000_usize, 10_000] {
        let f = move |x: Tensor| (0..n).fold(x, |x, _| x.sin());
        group.bench_function(format!("chain_of_{n}"), |b| {
            b.iter(|| jit(grad(f)).trace((f64::spec([]),)).expect("traces"))
        });
    }
    group.finish();
}

fn host_functions(c: &mut Criterion) {
    let mut group = c.benchmark_group("gradients/host_1000_lanes");
    let square = Callback::new("square", [f64::spec([])], |a: &[Array]| {
        a[0].view::<f64>().map(|x| Array::from(x.mapv(|x| x * x)))
    })
    .vjp(Callback::new("square_vjp", [], |a: &[Array]| {
        let (x, ct) = (a[0].view::<f64>()?, a[1].view::<f64>()?);
        Ok::<_, elimap::ArrayError>(Array::from(&x * &ct * 2.0))
    }))
    .vmap_method(VmapMethod::ExpandDims);
    let x = Array::from((0..1000).map(f64::from).collect::<Vec<_>>());
    let f = |x: Tensor| Ok::<_, Error>(square.call((x,))?.sin());
    let value = jit(vmap(f));
    group.bench_function("value", |b| {
        b.iter(|| value.call((x.clone(),)).expect("runs"))
    });
    let gradient = jit(vmap(grad(f)));
    group.bench_function("grad", |b| {
        b.iter(|| gradient.call((x.clone(),)).expect("runs"))
    });
    group.finish();
}

criterion_group!(benches, mlp, building, host_functions);
criterion_main!(benches);
