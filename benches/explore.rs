//! Graphs from a rule: transitions per second, for small states and for long ones.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use elimap::phase::{Graph, Rate, Transitions, models};

/// A walk on a grid with four neighbours: states of 8 bytes, a million transitions.
fn grid(side: i32) -> Graph {
    let rule = move |&[x, y]: &[i32; 2], out: &mut Transitions<[i32; 2]>| {
        if [x, y] == [side, side] {
            return;
        }
        let inside = |x, most| (0..=most).contains(&x);
        for (next, parameter) in [
            ([x + 1, y], 0),
            ([x - 1, y], 0),
            ([x, y + 1], 1),
            ([x, y - 1], 1),
        ] {
            if inside(next[0], side) && inside(next[1], side) {
                out.edge(next, Rate::parameter(parameter, 1.0));
            }
        }
    };
    Graph::explore([([0, 0], 1.0)], rule)
        .build()
        .expect("the walk ends in a corner")
}

fn explore(c: &mut Criterion) {
    let mut group = c.benchmark_group("explore");
    group.sample_size(10);
    group.throughput(Throughput::Elements(grid(500).edge_count() as u64));
    group.bench_function("grid, states of two integers", |b| b.iter(|| grid(500)));
    let spectrum = || models::islands_sfs(12).expect("a model of this size");
    group.throughput(Throughput::Elements(spectrum().edge_count() as u64));
    group.bench_function("islands, states of 24 integers", |b| b.iter(spectrum));
    group.finish();
}

criterion_group!(benches, explore);
criterion_main!(benches);
