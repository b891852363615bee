//! Our side of the comparison of distributions with peers, and the figures that the specification asks for.
//!
//! `distributions --cases FILE..` answers the questions of reference cases and prints `[{"case", "question", "ask", "answer",
//! "seconds"}]`; `distributions.py` reads it. Times are the least over repetitions in one process.
//! `distributions` alone measures the ladder, likelihoods and batches, each beside its target.

#[path = "../../tests/distribution/answer.rs"]
mod answer;

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use elimap::phase::{EliminationTrace, Graph, Observations, PhaseType, Tolerance, models};
use ndarray::Array2;
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// The least time of a few runs in seconds, and what the last one returned.
fn least<T>(seconds: f64, mut run: impl FnMut() -> T) -> (f64, T) {
    let begin = Instant::now();
    let (mut best, mut runs) = (f64::INFINITY, 0);
    loop {
        let start = Instant::now();
        let value = black_box(run());
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
        if runs >= 3 && begin.elapsed().as_secs_f64() > seconds || runs >= 1000 {
            return (best, value);
        }
    }
}

fn cases(files: &[String]) -> Fallible<()> {
    let mut results = Vec::new();
    for file in files {
        let case: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        let model = answer::Model::read(&case)?;
        let questions = case["questions"].as_array().map(Vec::as_slice);
        for (index, question) in questions.unwrap_or_default().iter().enumerate() {
            let (seconds, answer) = least(0.05, || model.answer(question));
            let answer = match answer {
                Ok(answer) => answer,
                Err(answer::NoAnswer::NotCovered) => continue,
                Err(answer::NoAnswer::Failed(error)) => return Err(error.into()),
            };
            results.push(json!({
                "case": case["name"],
                "question": index,
                "ask": question["ask"],
                "answer": answer,
                "seconds": seconds,
            }));
        }
    }
    println!("{}", serde_json::to_string(&results)?);
    Ok(())
}

/// A measured figure and its target.
fn line(what: &str, measured: f64, unit: &str, target: f64) {
    let verdict = if measured <= target {
        "met"
    } else {
        "**missed**"
    };
    println!("| {what} | {measured:.3e} {unit} | {target:e} {unit} | {verdict} |");
}

fn at(graph: &Graph, theta: &[f64]) -> Fallible<PhaseType> {
    Ok(EliminationTrace::record(graph).at(theta)?)
}

fn spaced(count: usize, last: f64) -> Vec<f64> {
    (1..=count)
        .map(|k| last * k as f64 / count as f64)
        .collect()
}

fn figures() -> Fallible<()> {
    println!("| what | measured | target | |\n|---|---|---|---|");
    let stiff = at(&models::queue(60)?, &[0.5, 1.0])?;
    let mean = stiff.expectation();
    let times = spaced(100, 4.0 * mean);
    let (seconds, _) = least(1.0, || stiff.curve(&times));
    line(
        "ladder, queue 60 (.5/1), 100 times to 4 means",
        1e3 * seconds,
        "ms",
        30.0,
    );
    let strict = at(&models::queue(60)?, &[0.5, 1.0])?.within(Tolerance::relative(1e-10)?);
    // So rare an event is exponential up to some 1e-16.
    let off = strict.survival(&[mean])?[0] / (-1.0_f64).exp() - 1.0;
    line(
        "its survival at the mean, relative to exp(-1)",
        off.abs(),
        "",
        1e-13,
    );
    for (size, theta, target) in [
        (300, [1.0, 1.0], 0.6),
        (1000, [0.9, 1.0], 0.15),
        (1000, [1.0, 1.0], 5.0),
    ] {
        let time = at(&models::birth_death(size)?, &theta)?;
        let times = spaced(100, 4.0 * time.expectation());
        let (seconds, curve) = least(1.0, || time.curve(&times));
        curve?;
        let what = format!(
            "birth-death {size} ({}/{}), 100 times to 4 means",
            theta[0], theta[1]
        );
        line(&what, seconds, "s", target);
    }
    let islands = EliminationTrace::record(&models::islands(12)?);
    let time = islands.at(&[1.0, 0.5, 0.3])?;
    let observed = time.sampler(1)?.times(0..100_000);
    let data = Observations::of_times(&observed)?;
    let mut curve_times = observed.clone();
    curve_times.sort_by(f64::total_cmp);
    let (curve, _) = least(1.0, || time.curve(&curve_times));
    let (value, _) = least(1.0, || time.log_likelihood(&data));
    let (gradient, _) = least(2.0, || time.log_likelihood_and_gradient(&data));
    line(
        "log-likelihood of 1e5 times, islands 12, over the curve alone",
        value / curve,
        "",
        1.2,
    );
    line(
        "gradient of the log-likelihood of 1e5 times over its value",
        gradient / value,
        "",
        3.5,
    );
    let thetas = Array2::from_shape_fn((1000, 3), |(row, column)| {
        0.5 + ((row * 3 + column) as f64 * 0.754_877_666).fract()
    });
    let times = spaced(100, 4.0 * time.expectation());
    let batch = islands.batch();
    let (seconds, found) = least(1.0, || batch.pdf(thetas.view(), &times));
    found?;
    line("1000 thetas at 100 times, islands 12", seconds, "s", 0.5);
    let sampler = time.sampler(3)?;
    let jumps = sampler
        .paths(0..10_000)
        .iter()
        .map(|path| path.vertices.len() - 1)
        .sum::<usize>();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let (seconds, _) = pool.install(|| least(1.0, || sampler.times(0..10_000)));
    // At least so many: the target is a rate, so its inverse is compared.
    line(
        "sampling on one thread, time per jump",
        1e9 * seconds / jumps as f64,
        "ns",
        200.0,
    );
    Ok(())
}

fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    match args.split_first() {
        Some((first, files)) if first == "--cases" => cases(files),
        _ => figures(),
    }
}
