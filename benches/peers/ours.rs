//! Our side of the comparison with peers: one line per model, tab separated; `run.sh` reads it.
//!
//! `ours [--write DIR] [MODEL..]` measures; `--write` also leaves each model for the peers, as a graph and as a matrix.

use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use elimap::phase::{EliminationTrace, Graph, PhaseError, models};
use ndarray::Array2;

type Model = (&'static str, fn() -> Result<Graph, PhaseError>);

const MODELS: [Model; 10] = [
    ("coalescent-sfs-30", || models::coalescent_sfs(30)),
    ("islands-sfs-12", || models::islands_sfs(12)),
    ("islands-sfs-16", || models::islands_sfs(16)),
    ("arg-6", || models::two_locus_arg(6)),
    ("dense-200", || models::dense(200, 1)),
    ("blocks-100x50", || models::block_chain(100, 50, 3, 100, 1)),
    ("birth-death-1000", || models::birth_death(1000)),
    ("grid-30", || models::grid_walk(30, 30)),
    ("grid-100", || models::grid_walk(100, 100)),
    ("random-2000", || models::random_block(2000, 4, 1)),
];

/// Thetas near 1, the same in every run.
fn thetas(rows: usize, parameters: usize) -> Array2<f64> {
    let mut state = 1u64;
    Array2::from_shape_simple_fn((rows, parameters), || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        0.5 + (state >> 11) as f64 / (1u64 << 53) as f64
    })
}

/// The least time of a few runs, in microseconds.
fn least(mut run: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    let mut runs = 0;
    while runs < 3 || runs < 200 && begin.elapsed().as_secs_f64() < 0.4 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    best * 1e6
}

fn write(dir: &str, name: &str, graph: &Graph) -> std::io::Result<()> {
    let file = |kind: &str| {
        std::fs::File::create(format!("{dir}/{name}.{kind}")).map(std::io::BufWriter::new)
    };
    // Rates at theta = 1 as triplets of transient vertices; the diagonal is the total rate.
    let mut number = vec![usize::MAX; graph.vertex_count()];
    let mut count = 0;
    for vertex in graph.vertices() {
        if graph.edges_from(vertex).next().is_some() {
            number[vertex.index()] = count;
            count += 1;
        }
    }
    let mut out = file("mtx")?;
    let mut entries = std::collections::BTreeMap::new();
    for edge in graph.edges() {
        let rate = edge.constant + edge.coefficients.iter().sum::<f64>();
        let (from, to) = (number[edge.from.index()], number[edge.to.index()]);
        *entries.entry((from, from)).or_insert(0.0) += rate;
        if to != usize::MAX {
            *entries.entry((from, to)).or_insert(0.0) -= rate;
        }
    }
    writeln!(out, "{count} {}", entries.len())?;
    for ((row, column), value) in entries {
        writeln!(out, "{row} {column} {value:e}")?;
    }
    for &(vertex, probability) in graph.start() {
        writeln!(out, "{} {probability:e}", number[vertex.index()])?;
    }
    out.flush()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut names: Vec<String> = std::env::args()
        .skip(1)
        .filter(|name| name != "--bench")
        .collect();
    let dir = (names.first().is_some_and(|name| name == "--write") && names.len() > 1)
        .then(|| names.drain(..2).nth(1))
        .flatten();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let two = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    println!(
        "model\tvertices\tmultiply_adds\ttrace\tat\tbatch\tgradient\tmoments4\ttwo_threads\texpectation"
    );
    for (name, make) in MODELS {
        if !names.is_empty() && !names.iter().any(|n| name.contains(n.as_str())) {
            continue;
        }
        let graph = make()?;
        if let Some(dir) = &dir {
            write(dir, name, &graph)?;
        }
        let start = Instant::now();
        let trace = EliminationTrace::record(&graph);
        let record = start.elapsed().as_secs_f64() * 1e6;
        let summary = trace.summary();
        // As many thetas as take a moment, 1 024 at most.
        let rows = (20_000_000 / (summary.multiply_adds as usize + 10 * summary.edges + 1))
            .clamp(32, 1024)
            / 32
            * 32;
        let thetas = thetas(rows, trace.param_length());
        let first = thetas.row(0).to_vec();
        let batch = trace.batch();
        let at = least(|| {
            let _ = black_box(trace.at(black_box(&first)));
        });
        let per = |micros: f64| micros / rows as f64;
        let value = one.install(|| least(|| drop(black_box(batch.expectations(thetas.view())))));
        let gradient =
            one.install(|| least(|| drop(black_box(batch.values_and_gradients(thetas.view())))));
        let moments = one.install(|| least(|| drop(black_box(batch.moments(thetas.view(), 4)))));
        let both = two.install(|| least(|| drop(black_box(batch.expectations(thetas.view())))));
        let ones = vec![1.0; trace.param_length()];
        println!(
            "{name}\t{}\t{}\t{record:.0}\t{at:.2}\t{:.3}\t{:.3}\t{:.3}\t{:.3}\t{:e}",
            summary.vertices,
            summary.multiply_adds,
            per(value),
            per(gradient),
            per(moments),
            per(both),
            trace.at(&ones)?.expectation()
        );
    }
    Ok(())
}
