//! What a gradient costs beside its value, what it costs to build one, and what loops keep for it.
//!
//! Baselines: `value`, the same loss without a derivative, compiled. With `serve` as its argument it answers
//! `peers/gradients.py`, which sets JAX beside it: a line `NAME SIZE SECONDS` by microseconds of CPU time per call, those of all threads,
//! and the sum of the results' magnitudes, a line `memory NAME SIZE` by the bytes that one call adds to what the process holds at most.

use std::error::Error as StdError;
use std::io::{BufRead, Write};
use std::time::Instant;

use criterion::{Criterion, criterion_group};
use elimap::prelude::*;
use elimap::{Arg, Error, checkpoint, grad, value_and_grad};

const SIZES: [usize; 3] = [784, 256, 10];
const BATCH: usize = 128;
/// The carry of the loops, so that what they keep is larger than everything else.
const WIDTH: usize = 10_000;

type Failure = Box<dyn StdError>;
type Call = Box<dyn Fn() -> Result<Vec<Tensor>, Error>>;

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

fn weights_and_data() -> (Array, Array, Array, Array) {
    (
        filled([SIZES[0], SIZES[1]], 0.1),
        filled([SIZES[1], SIZES[2]], 0.1),
        filled([BATCH, SIZES[0]], 1.0),
        filled([BATCH, SIZES[2]], 1.0),
    )
}

fn chain(x: Tensor, n: usize) -> Tensor {
    (0..n).fold(x, |x, _| x.sin())
}

/// The sine of all numbers, computed by the host.
fn host_sine() -> Callback {
    Callback::new("sin", [f64::spec([])], |a: &[Array]| {
        a[0].view::<f64>().map(|x| Array::from(x.mapv(f64::sin)))
    })
    .vjp(Callback::new("sin_vjp", [], |a: &[Array]| {
        let (x, ct) = (a[0].view::<f64>()?, a[1].view::<f64>()?);
        Ok::<_, elimap::ArrayError>(Array::from(x.mapv(f64::cos) * ct))
    }))
    .vmap_method(VmapMethod::ExpandDims)
}

fn steps(x: Tensor, n: usize) -> Result<Tensor, Error> {
    let step = |c: Tensor, (): ()| (c.sin() * 1.5, ());
    scan(step, x, (), ScanOptions::default().length(n)).map(|(c, ()): (Tensor, ())| c)
}

/// The same loop as one over loops of about as many steps, of which the backward pass keeps one at a time.
fn nested_steps(x: Tensor, n: usize) -> Result<Tensor, Error> {
    let outer = n.isqrt().max(1);
    let inner = checkpoint(move |c: Tensor| steps(c, n / outer));
    let step = |c: Tensor, (): ()| Ok::<_, Error>((inner.call((c,))?, ()));
    let rounds = ScanOptions::default().length(outer);
    let (c, ()) = scan(step, x, (), rounds)?;
    steps(c, n % outer)
}

fn ramp(n: usize) -> Array {
    Array::from((0..n).map(|i| i as f64 / n as f64).collect::<Vec<_>>())
}

fn program(name: &str, n: usize) -> Result<Call, Failure> {
    let one = |y: Tensor| vec![y];
    Ok(match name {
        "mlp_value" => {
            let (f, args) = (jit(loss), weights_and_data());
            Box::new(move || f.call(args.clone()).map(one))
        }
        "mlp_gradient" => {
            let f = jit(value_and_grad(loss).argnums((Arg::<0>, Arg::<1>)));
            let args = weights_and_data();
            Box::new(move || {
                let (y, (w1, w2)) = f.call(args.clone())?;
                Ok(vec![y, w1, w2])
            })
        }
        "host_value" | "host_gradient" => {
            let sin = host_sine();
            let f = move |x: Tensor| Ok::<_, Error>(sin.call((x,))?.square());
            let x = ramp(n);
            match name {
                "host_value" => {
                    let f = jit(vmap(f));
                    Box::new(move || f.call((x.clone(),)).map(one))
                }
                _ => {
                    let f = jit(vmap(grad(f)));
                    Box::new(move || f.call((x.clone(),)).map(one))
                }
            }
        }
        "scan_value" => {
            let (f, x) = (jit(move |x: Tensor| steps(x, n)), ramp(WIDTH));
            Box::new(move || f.call((x.clone(),)).map(one))
        }
        "scan_gradient" => {
            let f = jit(grad(move |x: Tensor| steps(x, n).map(|c| c.sum(..))));
            let x = ramp(WIDTH);
            Box::new(move || f.call((x.clone(),)).map(one))
        }
        "scan_checkpoint" => {
            let f = jit(grad(move |x: Tensor| nested_steps(x, n).map(|c| c.sum(..))));
            let x = ramp(WIDTH);
            Box::new(move || f.call((x.clone(),)).map(one))
        }
        "build" => Box::new(move || {
            let f = jit(grad(move |x: Tensor| chain(x, n)));
            let size = f.trace((f64::spec([]),))?.equations().len();
            Ok(vec![Tensor::from(size as f64)])
        }),
        name => return Err(format!("no program {name}").into()),
    })
}

/// Bytes by a line of the process's status, 0 where there is none.
fn held(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|l| l.strip_prefix(line));
    let number = found.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

/// CPU time of all threads so far.
fn cpu_seconds() -> Result<f64, Failure> {
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().unwrap_or("0").parse::<f64>()?;
    }
    Ok(nanoseconds * 1e-9)
}

fn answer(line: &str) -> Result<String, Failure> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["memory", name, size] => {
            let call = program(name, size.parse()?)?;
            let before = held("VmRSS:");
            call()?;
            Ok(held("VmHWM:").saturating_sub(before).to_string())
        }
        [name, size, seconds] => {
            let (call, seconds) = (program(name, size.parse()?)?, seconds.parse::<f64>()?);
            let mut total = 0.0;
            for result in call()? {
                total += result.abs().sum(..).to_array()?.item::<f64>()?;
            }
            let (begin, start, mut calls) = (Instant::now(), cpu_seconds()?, 0.0);
            while calls == 0.0 || begin.elapsed().as_secs_f64() < seconds {
                call()?;
                calls += 1.0;
            }
            Ok(format!(
                "{} {total}",
                (cpu_seconds()? - start) / calls * 1e6
            ))
        }
        _ => Err(format!("not a request: {line}").into()),
    }
}

fn mlp(c: &mut Criterion) {
    let mut group = c.benchmark_group("gradients/mlp_784_256_10_batch_128");
    for (id, name) in [("value", "mlp_value"), ("value_and_grad", "mlp_gradient")] {
        let call = program(name, 0).expect("a program");
        group.bench_function(id, |b| b.iter(|| call().expect("runs")));
    }
    group.finish();
}

fn building(c: &mut Criterion) {
    let mut group = c.benchmark_group("gradients/build");
    group.sample_size(10);
    for n in [1000_usize, 10_000, 100_000] {
        let call = program("build", n).expect("a program");
        group.bench_function(format!("chain_of_{n}"), |b| {
            b.iter(|| call().expect("traces"))
        });
    }
    group.finish();
}

fn host_functions(c: &mut Criterion) {
    let mut group = c.benchmark_group("gradients/host_1000_lanes");
    for (id, name) in [("value", "host_value"), ("grad", "host_gradient")] {
        let call = program(name, 1000).expect("a program");
        group.bench_function(id, |b| b.iter(|| call().expect("runs")));
    }
    group.finish();
}

fn loops(c: &mut Criterion) {
    let mut group = c.benchmark_group("gradients/scan_1000_steps");
    group.sample_size(10);
    for name in ["scan_value", "scan_gradient", "scan_checkpoint"] {
        let call = program(name, 1000).expect("a program");
        group.bench_function(name, |b| b.iter(|| call().expect("runs")));
    }
    group.finish();
}

criterion_group!(benches, mlp, building, host_functions, loops);

fn main() -> Result<(), Failure> {
    if std::env::args().any(|arg| arg == "serve") {
        for line in std::io::stdin().lock().lines() {
            println!("{}", answer(&line?)?);
            std::io::stdout().flush()?;
        }
        return Ok(());
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
    Ok(())
}
