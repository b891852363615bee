//! What one run keeps and the next one finds.

use elimap::phase::{Analysis, EntryKind, Graph, TraceCache, models};

use super::{graph, reopened, run};

#[test]
fn a_second_run_analyzes_and_computes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(&reopened(folder.path()), &graph()).report;
    assert_eq!(
        (first.work_units, first.cache_hits, first.host_calls),
        (3, 0, 1)
    );
    assert!(!first.graph_hit);
    assert_eq!((first.cache.disk.hits, first.cache.disk.misses), (0, 4));

    let cache = reopened(folder.path());
    let second = run(&cache, &graph()).report;
    assert_eq!((second.cache_hits, second.host_calls), (3, 0));
    assert!(second.graph_hit);
    assert_eq!((second.cache.disk.hits, second.cache.disk.misses), (4, 0));
    assert_eq!(second.cache.disk.bytes_read, first.cache.disk.bytes_written);
    assert_eq!(second.cache.disk.bytes_written, 0);

    let third = run(&cache, &graph()).report;
    assert_eq!((third.cache.memory.hits, third.cache.memory.misses), (4, 0));
    assert_eq!((third.cache.disk.hits, third.cache.disk.misses), (0, 0));
    let mut sum = second.cache;
    sum += third.cache;
    assert_eq!(cache.stats(), sum);
}

#[test]
fn graphs_that_differ_in_coefficients_share_a_plan_and_keep_their_answers() {
    let scaled = |factor: f64| {
        let mut builder = Graph::builder(0, 1);
        let vertices: Vec<_> = (0..80).map(|_| builder.add_vertex(&[])).collect();
        let end = builder.add_vertex(&[]);
        for (i, pair) in vertices.windows(2).enumerate() {
            builder.add_edge(pair[0], pair[1], &[factor]);
            builder.add_edge(pair[1], pair[0], &[1.0 + i as f64]);
        }
        builder.add_edge(vertices[79], end, &[factor]);
        builder.start(vertices[0], 1.0);
        builder.build().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let cache = reopened(folder.path());
    run(&cache, &scaled(40.0));
    assert!(run(&cache, &scaled(50.0)).report.graph_hit);
    assert!(
        run(&reopened(folder.path()), &scaled(60.0))
            .report
            .graph_hit
    );
}

#[test]
fn an_edge_that_is_always_zero_makes_another_plan() {
    let with = |rate: f64| {
        let mut builder = Graph::builder(0, 1);
        let vertices: Vec<_> = (0..60).map(|_| builder.add_vertex(&[])).collect();
        for pair in vertices.windows(2) {
            builder.add_edge(pair[0], pair[1], &[1.0]);
        }
        // Back to the front, or nowhere.
        builder.add_edge(vertices[58], vertices[0], &[rate]);
        builder.start(vertices[0], 1.0);
        builder.build().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let cache = reopened(folder.path());
    run(&cache, &with(1.0));
    let other = run(&cache, &with(0.0));
    assert!(!other.report.graph_hit);
    assert_eq!(other.trace.summary().work_units, 0);
}

/// Blocks of a grid walk one after the other: rows by columns of each.
fn grids(shapes: &[(usize, usize)]) -> Graph {
    let mut builder = Graph::builder(0, 1);
    let mut entrance = None;
    for &(rows, columns) in shapes {
        let cells: Vec<_> = (0..rows * columns)
            .map(|_| builder.add_vertex(&[]))
            .collect();
        for row in 0..rows {
            for column in 0..columns {
                let here = cells[row * columns + column];
                let mut both = |there| {
                    builder.add_edge(here, there, &[1.0]);
                    builder.add_edge(there, here, &[2.0]);
                };
                if column + 1 < columns {
                    both(cells[row * columns + column + 1]);
                }
                if row + 1 < rows {
                    both(cells[(row + 1) * columns + column]);
                }
            }
        }
        match entrance {
            None => {
                builder.start(cells[0], 1.0);
            }
            Some(exit) => {
                builder.add_edge(exit, cells[0], &[1.0]);
            }
        }
        entrance = cells.last().copied();
    }
    let end = builder.add_vertex(&[]);
    builder.add_edge(entrance.unwrap(), end, &[1.0]);
    builder.build().unwrap()
}

#[test]
fn a_graph_that_shares_half_its_blocks_computes_the_other_half() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(
        &reopened(folder.path()),
        &grids(&[(8, 8), (8, 9), (8, 10), (8, 11)]),
    )
    .report;
    assert_eq!((first.work_units, first.cache_hits), (4, 0));
    // In another place and order, between other blocks.
    let second = grids(&[(9, 9), (8, 11), (9, 10), (8, 8)]);
    let report = run(&reopened(folder.path()), &second).report;
    assert_eq!(
        (report.work_units, report.cache_hits, report.host_calls),
        (4, 2, 1)
    );
    assert!(!report.graph_hit);
    // What was computed is kept under the keys of the other half.
    let keys = |graph: &Graph| -> Vec<String> {
        let units = Analysis::new(graph).work_units().to_vec();
        units
            .iter()
            .map(|unit| format!("{}.block", unit.key()))
            .collect()
    };
    let mut expected = keys(&grids(&[(8, 8), (8, 9), (8, 10), (8, 11), (9, 9), (9, 10)]));
    expected.sort();
    let cache = reopened(folder.path());
    let is_block = |kind| kind == EntryKind::Block;
    let blocks = cache.entries().into_iter().filter(|e| is_block(e.kind));
    let mut found: Vec<String> = blocks.map(|entry| entry.name).collect();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn small_blocks_ride_along_with_their_graph() {
    let folder = tempfile::tempdir().unwrap();
    let cache = TraceCache::builder()
        .min_size(61)
        .open(folder.path())
        .unwrap();
    run(&cache, &graph());
    let kinds: Vec<EntryKind> = cache.entries().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Graph]);
    let again = TraceCache::builder()
        .min_size(61)
        .open(folder.path())
        .unwrap();
    let report = run(&again, &graph()).report;
    assert_eq!((report.cache_hits, report.host_calls), (3, 0));
    assert_eq!((report.cache.disk.hits, report.cache.disk.misses), (1, 0));
    // A graph that is small itself leaves nothing on disk.
    let small = models::islands(4).unwrap();
    assert!(!run(&again, &small).report.graph_hit);
    assert_eq!(again.entries().len(), 1);
    assert!(run(&again, &small).report.graph_hit);
}

#[test]
fn memory_keeps_what_was_used_last() {
    let cache = TraceCache::builder()
        .min_size(50)
        .memory_bytes(40_000)
        .in_memory();
    for size in 60..100 {
        run(&cache, &models::random_block(size, 3, 1).unwrap());
        assert!(cache.memory_bytes() <= 40_000);
    }
    assert!(cache.len() < 20);
    assert!(
        run(&cache, &models::random_block(99, 3, 1).unwrap())
            .report
            .graph_hit
    );
    assert!(
        !run(&cache, &models::random_block(60, 3, 1).unwrap())
            .report
            .graph_hit
    );
    // A bound that nothing fits in keeps nothing, and the answers are the same.
    let none = TraceCache::builder()
        .min_size(50)
        .memory_bytes(0)
        .in_memory();
    run(&none, &graph());
    assert_eq!(run(&none, &graph()).report.cache_hits, 0);
    assert!(none.is_empty());
}
