//! Lookups and writes of the trace cache.
//!
//! Baselines: `off`, the same graph analyzed and eliminated without a cache, and `read_files`, reading the bytes of the
//! entries that a warm lookup reads and doing nothing with them; `read_checked` also takes their checksum.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use elimap::phase::{Eliminator, Graph, TraceCache, models};

fn cases() -> Vec<(&'static str, Graph)> {
    vec![
        ("islands_sfs_16", models::islands_sfs(16).expect("valid")),
        (
            "coalescent_sfs_30",
            models::coalescent_sfs(30).expect("valid"),
        ),
        (
            "block_chain_100x50",
            models::block_chain(100, 50, 4, 100, 1).expect("valid"),
        ),
        ("grid_walk_100", models::grid_walk(100, 100).expect("valid")),
    ]
}

fn cache(c: &mut Criterion) {
    for (name, graph) in cases() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |path: &std::path::Path| TraceCache::open(path).expect("opens");
        let run = |cache: &TraceCache| {
            Eliminator::new()
                .workers(1)
                .cache(cache)
                .run(&graph)
                .expect("eliminates")
        };
        let kept = open(folder.path());
        run(&kept);
        let entries = kept.entries();
        let bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        eprintln!("{name}: {} entries, {bytes} bytes", entries.len());

        let mut group = c.benchmark_group(format!("cache/{name}"));
        group.sample_size(30);
        group.bench_function("baseline_off", |b| {
            b.iter(|| {
                Eliminator::new()
                    .workers(1)
                    .run(&graph)
                    .expect("eliminates")
            });
        });
        group.bench_function("cold", |b| {
            b.iter_batched(
                || tempfile::tempdir().expect("a folder"),
                |fresh| {
                    let done = run(&open(fresh.path()));
                    (fresh, done)
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function("warm_disk", |b| b.iter(|| run(&open(folder.path()))));
        group.bench_function("warm_memory", |b| b.iter(|| run(&kept)));
        group.bench_function("baseline_read_files", |b| {
            b.iter(|| {
                let read = |entry: &elimap::phase::CacheEntry| std::fs::read(&entry.path);
                entries
                    .iter()
                    .map(|entry| read(entry).expect("is there"))
                    .collect::<Vec<_>>()
            });
        });
        group.bench_function("baseline_read_checked", |b| {
            b.iter(|| {
                let read = |entry: &elimap::phase::CacheEntry| std::fs::read(&entry.path);
                let sum = |entry| blake3::hash(&read(entry).expect("is there"));
                entries.iter().map(sum).collect::<Vec<_>>()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, cache);
criterion_main!(benches);
