//! What the framework costs: a call, tracing, batching, and the kinds of work that programs are made of.
//!
//! `arrays.py` sets whole programs beside JAX and numpy; these groups say which part became slower.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use elimap::{BatchDim, prelude::*};
use rayon::prelude::*;

fn ramp(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let number = |i: usize| (i * 7919 % 10_007) as f64 / 5_003.5 - 1.0;
    let elements = (0..count).map(number).collect();
    Tensor::from(Array::from_vec(shape.iter().copied(), elements).expect("as many as the shape"))
}

/// So many equations on end.
fn chain(x: Tensor, equations: usize) -> Tensor {
    (0..equations / 2).fold(x, |x, _| x * 1.0001 + 0.1)
}

fn dispatch(c: &mut Criterion) {
    let mut group = c.benchmark_group("dispatch");
    let x = ramp(&[8]);
    for equations in [2, 8, 1_000, 10_000] {
        let f = jit(move |x: Tensor| chain(x, equations));
        group.bench_with_input(BenchmarkId::new("equations", equations), &x, |b, x| {
            b.iter(|| f.call((black_box(x),)).expect("runs"));
        });
    }
    group.bench_function("eager_add", |b| b.iter(|| black_box(&x) + 1.0));
    group.finish();
}

fn tracing(c: &mut Criterion) {
    let mut group = c.benchmark_group("tracing");
    for equations in [10, 1_000] {
        group.throughput(Throughput::Elements(equations as u64));
        let trace = move || jit(move |x: Tensor| chain(x, equations)).trace((f64::spec([8]),));
        group.bench_function(BenchmarkId::new("trace", equations), |b| {
            b.iter(|| trace().expect("traces"));
        });
        let x = ramp(&[8]);
        group.bench_function(BenchmarkId::new("first_call", equations), |b| {
            b.iter(|| {
                jit(move |x: Tensor| chain(x, equations))
                    .call((&x,))
                    .expect("runs")
            });
        });
    }
    group.finish();
}

fn batching(c: &mut Criterion) {
    let mut group = c.benchmark_group("batching");
    let f = |x: Tensor, w: Tensor| (w.matmul(x) + 1.0).tanh().sum(0);
    let types = (f64::spec([3]), f64::spec([2, 3]));
    let lane = jit(f).trace(types).expect("traces");
    let dims = [BatchDim::At(0), BatchDim::Unbatched];
    group.bench_function("vmap", |b| {
        b.iter(|| black_box(&lane).vmap(8, &dims).expect("batches"));
    });
    let x = ramp(&[8]);
    group.bench_function("fresh_call", |b| {
        b.iter(|| vmap(|x: Tensor| x * 2.0).call((&x,)).expect("runs"));
    });
    group.finish();
}

fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("elementwise");
    for count in [100, 10_000, 1_000_000] {
        group.throughput(Throughput::Elements(count as u64));
        let x = ramp(&[count]);
        let arithmetic = jit(|x: Tensor| {
            let p = ((&x * 1.1 + 0.3) * &x + 0.7) * &x - 0.2;
            p.maximum(0.0) + &x * &x
        });
        let functions = jit(|x: Tensor| (-(&x * &x)).exp() * &x + x.tanh());
        group.bench_function(BenchmarkId::new("arithmetic", count), |b| {
            b.iter(|| arithmetic.call((black_box(&x),)).expect("runs"));
        });
        group.bench_function(BenchmarkId::new("exp_tanh", count), |b| {
            b.iter(|| functions.call((black_box(&x),)).expect("runs"));
        });
    }
    group.finish();
}

fn reductions(c: &mut Criterion) {
    let mut group = c.benchmark_group("reductions");
    let x = ramp(&[10_000, 64]);
    group.throughput(Throughput::Elements(640_000));
    let all = jit(|x: Tensor| x.sum(..));
    group.bench_function("sum", |b| {
        b.iter(|| all.call((black_box(&x),)).expect("runs"))
    });
    let leading = jit(|x: Tensor| x.sum(0));
    group.bench_function("leading_axis", |b| {
        b.iter(|| leading.call((black_box(&x),)).expect("runs"));
    });
    let layer_norm = jit(vmap(|x: Tensor| {
        (&x - x.mean(0)) / (x.var(0, 0) + 1e-5).sqrt()
    }));
    group.bench_function("layer_norm", |b| {
        b.iter(|| layer_norm.call((black_box(&x),)).expect("runs"));
    });
    group.finish();
}

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("products");
    for (stack, side) in [(10_000, 4), (1_000, 16), (10, 64), (1, 256)] {
        let (x, y) = (ramp(&[stack, side, side]), ramp(&[stack, side, side]));
        group.throughput(Throughput::Elements((stack * side * side * side) as u64));
        let f = jit(vmap(|x: Tensor, y: Tensor| x.matmul(y)));
        group.bench_function(BenchmarkId::new("stack", side), |b| {
            b.iter(|| f.call((black_box(&x), black_box(&y))).expect("runs"));
        });
    }
    let (w, x) = (ramp(&[8, 8]), ramp(&[10_000, 8]));
    let f = jit(vmap(move |x: Tensor| w.matmul(x)));
    group.throughput(Throughput::Elements(640_000));
    group.bench_function("matrix_by_lanes", |b| {
        b.iter(|| f.call((black_box(&x),)).expect("runs"));
    });
    group.finish();
}

fn control_flow(c: &mut Criterion) {
    let mut group = c.benchmark_group("control_flow");
    let x = ramp(&[8]);
    group.throughput(Throughput::Elements(1_000));
    let scanned = jit(|x: Tensor| {
        let step = |y: Tensor, _: Tensor| (y * 0.75 + 0.125, Tensor::from(0.0));
        let steps = Tensor::from(Array::from(vec![0.0; 1_000]));
        scan(step, x, steps, ScanOptions::default()).map(|(y, _): (Tensor, Tensor)| y)
    });
    group.bench_function("scan_1000", |b| {
        b.iter(|| scanned.call((black_box(&x),)).expect("runs"));
    });
    let looped = jit(|x: Tensor| {
        while_loop(
            |(i, _): (Tensor, Tensor)| i.less(1_000.0),
            |(i, y): (Tensor, Tensor)| (i + 1.0, y * 0.75 + 0.125),
            (0.0, x),
        )
        .map(|(_, y): (Tensor, Tensor)| y)
    });
    group.bench_function("while_1000", |b| {
        b.iter(|| looped.call((black_box(&x),)).expect("runs"));
    });
    group.finish();
}

/// What takes about a microsecond.
fn work(x: f64) -> f64 {
    (0..400).fold(x, |x, _| x * 1.000_000_1 + 1e-9)
}

fn plus_one(args: &[Array]) -> Result<Array, elimap::ArrayError> {
    Ok(Array::from(args[0].item::<f64>()? + 1.0))
}

/// Host functions on a thousand lanes, each beside the plain loop that it is to cost no more than a little above.
fn callbacks(c: &mut Criterion) {
    let mut group = c.benchmark_group("callbacks");
    let numbers: Vec<f64> = (0..1_000).map(f64::from).collect();
    let x = Array::from(numbers.clone());
    group.throughput(Throughput::Elements(1_000));
    // One call for the whole batch.
    let host = |args: &[Array]| args[0].clone();
    let whole = Callback::new("same", [f64::spec([])], host).vmap_method(VmapMethod::ExpandDims);
    let f = jit(vmap(whole));
    group.bench_function("expand_dims", |b| {
        b.iter(|| f.call((black_box(&x),)).expect("runs"));
    });
    // One call a lane, of a function of arrays and of one of numbers.
    let lanes: Vec<Array> = numbers.iter().map(|&x| Array::from(x)).collect();
    group.bench_function("plain_loop_of_arrays", |b| {
        b.iter(|| {
            let each = lanes
                .iter()
                .map(|lane| plus_one(std::slice::from_ref(lane)));
            each.collect::<Result<Vec<Array>, _>>().expect("runs")
        });
    });
    let arrays = Callback::new("plus_one", [f64::spec([])], plus_one);
    let typed = Callback::of("plus_one", |x: f64| x + 1.0);
    for (name, callback) in [("arrays", arrays), ("numbers", typed)] {
        let f = jit(vmap(callback.vmap_method(VmapMethod::Sequential)));
        group.bench_function(format!("sequential_of_{name}"), |b| {
            b.iter(|| f.call((black_box(&x),)).expect("runs"));
        });
    }
    // Items of a microsecond side by side.
    group.bench_function("plain_rayon", |b| {
        b.iter(|| {
            let each = black_box(&numbers).par_iter().map(|&x| work(x));
            each.collect::<Vec<f64>>()
        });
    });
    let f = jit(vmap(Callback::of("work", work)));
    group.bench_function("parallel", |b| {
        b.iter(|| f.call((black_box(&x),)).expect("runs"));
    });
    // A loop whose every step asks the host.
    group.bench_function("plain_loop_of_steps", |b| {
        b.iter(|| {
            let step = |y: Array| plus_one(&[y]).expect("runs");
            (0..1_000).fold(Array::from(0.0), |y, _| step(y))
        });
    });
    let asked = Callback::new("plus_one", [f64::spec([])], plus_one);
    let f = jit(move |y: Tensor| {
        let asked = asked.clone();
        let step =
            move |y: Tensor, _: Tensor| Ok::<_, Error>((asked.call((y,))?, Tensor::from(0.0)));
        let steps = Tensor::from(Array::from(vec![0.0; 1_000]));
        scan(step, y, steps, ScanOptions::default()).map(|(y, _): (Tensor, Tensor)| y)
    });
    group.bench_function("scan_of_steps", |b| {
        b.iter(|| f.call((black_box(0.0),)).expect("runs"));
    });
    group.finish();
}

criterion_group!(
    benches,
    dispatch,
    tracing,
    batching,
    elementwise,
    reductions,
    products,
    control_flow,
    callbacks
);
criterion_main!(benches);
