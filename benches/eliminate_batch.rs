//! The elimination of many work units through vmap(callback).
//!
//! Baseline: `baseline_plain_loop`, the same units eliminated one after the other without the framework.

use criterion::{Criterion, criterion_group, criterion_main};
use elimap::CallLog;
use elimap::phase::{Analysis, Eliminator, Strategy, eliminate_batch, eliminate_unit, models};

fn eliminate(c: &mut Criterion) {
    // 32 random blocks of 120 vertices, each of a topology of its own.
    let graph = models::block_chain(32, 120, 4, 32, 1).expect("sizes are valid");
    let store = Analysis::new(&graph).work_store();
    let indices = store.indices();
    let mut group = c.benchmark_group("eliminate_batch/32_units");
    group.sample_size(20);
    group.bench_function("baseline_plain_loop", |b| {
        b.iter(|| {
            let mut traces = Vec::new();
            for &index in &indices {
                let unit = store.get(index).expect("in range").expect("no padding");
                traces.push(eliminate_unit(&unit));
            }
            traces
        });
    });
    for (name, strategy, workers) in [
        ("sequential", Strategy::Sequential, 1),
        ("vmap_1_worker", Strategy::Vmap, 1),
        ("vmap_2_workers", Strategy::Vmap, 2),
    ] {
        let eliminator = Eliminator::new().strategy(strategy).workers(workers);
        group.bench_function(name, |b| {
            b.iter(|| {
                eliminate_batch(&eliminator, &store, &indices, &CallLog::new()).expect("eliminates")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, eliminate);
criterion_main!(benches);
