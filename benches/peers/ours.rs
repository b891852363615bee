//! Our side of the comparison with peers, and a quick look at speed by itself.
//!
//! `ours --graph GRAPH.json --thetas THETAS.json` measures one graph and prints a JSON object; `run.py` reads it.
//! `ours [MODEL..]` measures the models of that table, or those whose names contain one of the words.
//! Times are microseconds, the least over repetitions; those of batches are per theta.

use std::hint::black_box;
use std::time::Instant;

use elimap::phase::{EliminationTrace, Graph, GraphError, models};
use ndarray::{Array2, ArrayView2};

type Model = (&'static str, fn() -> Result<Graph, GraphError>);

const MODELS: [Model; 16] = [
    ("coalescent-sfs-20", || models::coalescent_sfs(20)),
    ("coalescent-sfs-30", || models::coalescent_sfs(30)),
    ("islands-sfs-12", || models::islands_sfs(12)),
    ("islands-sfs-14", || models::islands_sfs(14)),
    ("islands-sfs-16", || models::islands_sfs(16)),
    ("islands-sfs-18", || models::islands_sfs(18)),
    ("islands-sfs-20", || models::islands_sfs(20)),
    ("arg-6", || models::two_locus_arg_sfs(6)),
    ("arg-7", || models::two_locus_arg_sfs(7)),
    ("dense-200", || models::dense(200, 1)),
    ("blocks-100x50", || models::block_chain(100, 50, 4, 100, 1)),
    ("birth-death-1000", || models::birth_death(1000)),
    ("birth-death-10000", || models::birth_death(10_000)),
    ("grid-30", || models::grid_walk(30, 30)),
    ("grid-100", || models::grid_walk(100, 100)),
    ("random-2000", || models::random_block(2000, 4, 1)),
];

/// Thetas between 0.5 and 1.5, the same in every run; the first below the others, so that walks come to an end.
fn thetas(rows: usize, parameters: usize) -> Array2<f64> {
    let mut state = 1u64;
    Array2::from_shape_fn((rows, parameters), |(_, parameter)| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let value = 0.5 + (state >> 11) as f64 / (1u64 << 53) as f64;
        if parameter == 0 { value / 3.0 } else { value }
    })
}

/// The least time of a few runs, in microseconds.
fn least(seconds: f64, mut run: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    let mut runs = 0;
    while runs < 3 || runs < 200 && begin.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    best * 1e6
}

/// What a model takes.
struct Times {
    at: f64,
    value: f64,
    gradient: f64,
    moments: f64,
    two_threads: f64,
}

fn measure(
    trace: &EliminationTrace,
    thetas: ArrayView2<'_, f64>,
    seconds: f64,
) -> Result<Times, Box<dyn std::error::Error>> {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let (one, two) = (pool(1)?, pool(2)?);
    let batch = trace.batch();
    let first = thetas.row(0).to_vec();
    let at = least(seconds, || {
        let _ = black_box(trace.at(black_box(&first)).map(|time| time.expectation()));
    });
    let per = |micros: f64| micros / thetas.nrows() as f64;
    let value = one.install(|| least(seconds, || drop(black_box(batch.expectations(thetas)))));
    let gradient = one.install(|| {
        least(seconds, || {
            drop(black_box(batch.values_and_gradients(thetas)));
        })
    });
    let moments = one.install(|| least(seconds, || drop(black_box(batch.moments(thetas, 4)))));
    let both = two.install(|| least(seconds, || drop(black_box(batch.expectations(thetas)))));
    Ok(Times {
        at,
        value: per(value),
        gradient: per(gradient),
        moments: per(moments),
        two_threads: per(both),
    })
}

fn one_file(graph: &str, thetas: &str, seconds: f64) -> Result<(), Box<dyn std::error::Error>> {
    let rows: Vec<Vec<f64>> = serde_json::from_reader(std::fs::File::open(thetas)?)?;
    let parameters = rows.first().map_or(0, Vec::len);
    let thetas = Array2::from_shape_vec((rows.len(), parameters), rows.concat())?;
    // From the file to the first answer; and without reading.
    let (mut first, mut record) = (f64::INFINITY, f64::INFINITY);
    let mut trace = None;
    for _ in 0..3 {
        let start = Instant::now();
        let graph = Graph::read(graph)?;
        let read = start.elapsed().as_secs_f64();
        let fresh = EliminationTrace::record(&graph);
        black_box(fresh.at(&rows[0])?.expectation());
        let all = start.elapsed().as_secs_f64();
        first = first.min(all * 1e6);
        record = record.min((all - read) * 1e6);
        trace = Some(fresh);
    }
    let trace = trace.ok_or("no trace")?;
    let times = measure(&trace, thetas.view(), seconds)?;
    let summary = trace.summary();
    println!(
        "{}",
        serde_json::json!({
            "vertices": summary.vertices,
            "edges": summary.edges,
            "blocks": summary.blocks,
            "largest_block": summary.largest_block,
            "multiply_adds": summary.multiply_adds,
            "first": first,
            "record": record,
            "at": times.at,
            "value": times.value,
            "gradient": times.gradient,
            "moments4": times.moments,
            "two_threads": times.two_threads,
            "means": trace.batch().expectations(thetas.view())?,
        })
    );
    Ok(())
}

fn table(words: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "model\tvertices\tmultiply_adds\ttrace\tat\tbatch\tgradient\tmoments4\ttwo_threads\texpectation"
    );
    for (name, make) in MODELS {
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        let graph = make()?;
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
        let times = measure(&trace, thetas.view(), 0.4)?;
        println!(
            "{name}\t{}\t{}\t{record:.0}\t{:.2}\t{:.3}\t{:.3}\t{:.3}\t{:.3}\t{:e}",
            summary.vertices,
            summary.multiply_adds,
            times.at,
            times.value,
            times.gradient,
            times.moments,
            times.two_threads,
            trace.at(&thetas.row(0).to_vec())?.expectation()
        );
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let mut option = |name: &str| -> Option<String> {
        let place = words.iter().position(|word| word == name)?;
        words.drain(place..(place + 2).min(words.len())).nth(1)
    };
    let seconds = option("--seconds").map_or(Ok(0.4), |text| text.parse())?;
    match (option("--graph"), option("--thetas")) {
        (Some(graph), Some(thetas)) => one_file(&graph, &thetas, seconds),
        _ => table(&words),
    }
}
