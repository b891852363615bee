//! Recording and replaying: one theta, a batch of 256 on one thread, and a batch with gradients.
//!
//! Peers on the same models are in `benches/peers`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use elimap::phase::{EliminationTrace, Graph, GraphError, models};
use ndarray::Array2;

const ROWS: usize = 256;

fn replay(c: &mut Criterion, name: &str, graph: Result<Graph, GraphError>) {
    let graph = graph.expect("the sizes are valid");
    let trace = EliminationTrace::record(&graph);
    let parameters = trace.param_length();
    let thetas = Array2::from_shape_fn((ROWS, parameters), |(row, k)| {
        0.5 + (row * (2 * k + 3) % ROWS) as f64 / ROWS as f64
    });
    let one = vec![1.0; parameters];
    let thread = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let thread = thread.expect("one thread starts");
    let batch = trace.batch();

    let mut group = c.benchmark_group(name);
    group.sample_size(10);
    group.bench_function("record", |b| {
        b.iter(|| EliminationTrace::record(black_box(&graph)));
    });
    group.bench_function("one theta", |b| b.iter(|| trace.at(black_box(&one))));
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("expectations", |b| {
        b.iter(|| thread.install(|| batch.expectations(black_box(thetas.view()))));
    });
    group.bench_function("four moments", |b| {
        b.iter(|| thread.install(|| batch.moments(black_box(thetas.view()), 4)));
    });
    group.bench_function("values and gradients", |b| {
        b.iter(|| thread.install(|| batch.values_and_gradients(black_box(thetas.view()))));
    });
    group.finish();
}

fn all(c: &mut Criterion) {
    replay(c, "coalescent-sfs-20", models::coalescent_sfs(20));
    replay(c, "islands-sfs-12", models::islands_sfs(12));
    replay(c, "grid-30", models::grid_walk(30, 30));
}

criterion_group!(benches, all);
criterion_main!(benches);
