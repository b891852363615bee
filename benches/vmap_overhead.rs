//! What a vmapped host call costs beyond the host function: tracing, batching and running apart, and whole calls.
//!
//! Baselines: `host_once`, the host function called directly with the whole batch, and `host_per_lane`, the host
//! function called in a plain loop with each lane's array.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use elimap::{BatchDim, prelude::*};

fn host(args: &[Array]) -> Result<Array, elimap::ArrayError> {
    Ok(Array::from(args[0].view::<f64>()?.mapv(|x| 3.0 * x + 1.0)))
}

fn callback(method: VmapMethod) -> Callback {
    Callback::new("affine", [f64::spec([])], host).vmap_method(method)
}

fn model(x: Tensor, w: Tensor) -> Tensor {
    (w.matmul(x) + 1.0).tanh().sum(0)
}

fn stages(c: &mut Criterion) {
    let mut group = c.benchmark_group("vmap_overhead/stages");
    let types = || (f64::spec([3]), f64::spec([2, 3]));
    let lane = jit(model).trace(types()).expect("the model traces");
    let dims = [BatchDim::At(0), BatchDim::Unbatched];
    let (batched, _) = lane.vmap(8, &dims).expect("the model batches");
    let args = [
        Array::full(&[8, 3], 0.5.into()),
        Array::full(&[2, 3], 1.0.into()),
    ];
    group.bench_function("trace", |b| {
        b.iter(|| jit(model).trace(types()).expect("traces"))
    });
    group.bench_function("batch", |b| {
        b.iter(|| black_box(&lane).vmap(8, &dims).expect("batches"))
    });
    group.bench_function("run", |b| {
        b.iter(|| batched.run(black_box(&args)).expect("runs"))
    });
    group.finish();
}

fn one_call(c: &mut Criterion) {
    let mut group = c.benchmark_group("vmap_overhead/expand_dims_1000");
    let x = Array::from((0..1000).map(f64::from).collect::<Vec<_>>());
    let cb = callback(VmapMethod::ExpandDims);
    let compiled = jit(vmap(cb.clone()));
    group.bench_function("baseline_host_once", |b| {
        b.iter(|| host(black_box(std::slice::from_ref(&x))).expect("runs"));
    });
    group.bench_function("vmap_call", |b| {
        b.iter(|| vmap(&cb).call((black_box(&x),)).expect("runs"))
    });
    group.bench_function("jit_call", |b| {
        b.iter(|| compiled.call((black_box(&x),)).expect("runs"))
    });
    group.finish();
}

fn per_lane(c: &mut Criterion) {
    let mut group = c.benchmark_group("vmap_overhead/per_lane_1000");
    group.throughput(Throughput::Elements(1000));
    let x = Array::from((0..1000).map(f64::from).collect::<Vec<_>>());
    group.bench_function("baseline_host_per_lane", |b| {
        b.iter(|| {
            let mut out = Vec::with_capacity(1000);
            for i in 0..1000 {
                let lane = x.index_axis(0, i).expect("in bounds");
                out.push(
                    host(&[lane])
                        .expect("runs")
                        .item::<f64>()
                        .expect("a scalar"),
                );
            }
            Array::from(out)
        });
    });
    for method in [VmapMethod::Sequential, VmapMethod::Parallel] {
        let compiled = jit(vmap(callback(method)));
        group.bench_function(method.name(), |b| {
            b.iter(|| compiled.call((black_box(&x),)).expect("runs"))
        });
    }
    group.finish();
}

criterion_group!(benches, stages, one_call, per_lane);
criterion_main!(benches);
