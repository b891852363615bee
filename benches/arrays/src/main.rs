//! Our side of `benches/peers/arrays.py`: array programs, timed on request.
//!
//! A line `NAME LANES SECONDS` on standard input is answered by a line with microseconds of CPU time (of all threads)
//! and of wall time per call, the least over batches of calls within that time, and the sum of the result's magnitudes.
//! A line `count NAME LANES CALLS` is so many calls in a function of their own, for `scripts/instructions.py`, after two that make what
//! later ones find.
//! A line `map NAME FILE OUT` writes the function of every number of a `.npy` file; `vecmath_sweep.py` uses it.

use std::error::Error as StdError;
use std::io::{BufRead, Write};
use std::time::Instant;

use elimap::eye;
use elimap::phase::{EliminationTrace, models};
use elimap::prelude::*;

type Failure = Box<dyn StdError>;
type Call = Box<dyn Fn() -> Result<Tensor, Error>>;

/// Numbers in (-1, 1), the same for every peer.
fn numbers(shape: &[usize], seed: usize) -> Tensor {
    let count: usize = shape.iter().product();
    let number = |i: usize| ((i + seed) * 7919 % 10_007) as f64 / 5_003.5 - 1.0;
    let elements = (0..count).map(number).collect();
    Tensor::from(
        Array::from_vec(shape.iter().copied(), elements).expect("as many as the shape says"),
    )
}

/// Indices below a bound, the same for every peer.
fn indices(shape: &[usize], bound: usize) -> Tensor {
    let count: usize = shape.iter().product();
    let elements = (0..count)
        .map(|i| (i * 7919 % 10_007 % bound) as i64)
        .collect();
    Tensor::from(
        Array::from_vec(shape.iter().copied(), elements).expect("as many as the shape says"),
    )
}

/// A compiled function of one mapped argument.
macro_rules! mapped {
    ($x:expr, $f:expr) => {{
        let (f, x) = (jit(vmap($f)), $x);
        Box::new(move || f.call((&x,)))
    }};
    ($x:expr, $y:expr, $f:expr) => {{
        let (f, x, y) = (jit(vmap($f)), $x, $y);
        Box::new(move || f.call((&x, &y)))
    }};
}

/// The program of a name for so many lanes.
fn program(name: &str, n: usize) -> Result<Call, Failure> {
    let zero = || Tensor::from(0.0);
    Ok(match name {
        // Eliminations, each as one host call: counted, not timed beside peers.
        "replay" | "gradient" => {
            let trace = EliminationTrace::record(&models::islands_sfs(8)?);
            let thetas = numbers(&[n, 4], 0) * 0.5 + 1.0;
            if name == "replay" {
                let mean = trace.expectation();
                mapped!(thetas, move |theta: Tensor| mean.call((theta,)))
            } else {
                let both = trace.moments_and_gradients(1);
                mapped!(thetas, move |theta: Tensor| {
                    Ok::<_, Error>(both.call_vec((theta,))?[1].clone())
                })
            }
        }
        "f1" => {
            let (w, b) = (numbers(&[8, 8], 1), numbers(&[8], 2));
            mapped!(numbers(&[n, 8], 0), move |x: Tensor| (w.matmul(x) + &b)
                .tanh()
                .sum(..))
        }
        "f2" => mapped!(numbers(&[n], 0), |x: Tensor| (-(&x * &x)).exp() * &x
            + x.tanh()),
        "f2_f32" => mapped!(numbers(&[n], 0).astype(DType::F32), |x: Tensor| {
            (-(&x * &x)).exp() * &x + x.tanh()
        }),
        "f3" => mapped!(numbers(&[n], 0), move |x: Tensor| {
            let y = ((&x * 1.1 + 0.3) * &x + 0.7) * &x - 0.2;
            y.maximum(zero()) + &x * &x
        }),
        "f4" => mapped!(numbers(&[n, 32], 0), |x: Tensor| x.softmax(0)),
        "f5" => mapped!(
            numbers(&[n, 64, 64], 0),
            numbers(&[n, 64, 64], 3),
            |x: Tensor, y: Tensor| x.matmul(y)
        ),
        "f6" => {
            let (w1, b1) = (numbers(&[256, 784], 1), numbers(&[256], 2));
            let (w2, b2) = (numbers(&[10, 256], 3), numbers(&[10], 4));
            mapped!(numbers(&[n, 784], 0), move |x: Tensor| {
                w2.matmul((w1.matmul(x) * 0.05 + &b1).tanh()) + &b2
            })
        }
        "f7" => mapped!(
            numbers(&[n, 64], 0),
            indices(&[n, 256], 64),
            |x: Tensor, i: Tensor| {
                zeros([64], DType::F64)
                    .at(&i)
                    .add(x.take(&i, 0, TakeMode::Clip) * 2.0)
            }
        ),
        "f7_flat" => {
            let (x, i) = (numbers(&[100_000], 0), indices(&[n], 10_000));
            let f = jit(|x: Tensor, i: Tensor| {
                zeros([10_000], DType::F64)
                    .at(&i)
                    .add(x.take(&i, 0, TakeMode::Clip) * 2.0)
            });
            Box::new(move || f.call((&x, &i)))
        }
        "f8" => {
            let (wh, wx, b) = (
                numbers(&[32, 32], 1),
                numbers(&[32, 32], 2),
                numbers(&[32], 3),
            );
            mapped!(numbers(&[n, 100, 32], 0), move |xs: Tensor| {
                let step = |h: Tensor, x: Tensor| {
                    let h = (wh.matmul(h) * 0.2 + wx.matmul(x) + &b).tanh();
                    (h, Tensor::from(0.0))
                };
                scan(step, zeros([32], DType::F64), xs, ScanOptions::default())
                    .map(|(h, _): (Tensor, Tensor)| h)
            })
        }
        "f9_cumsum" => mapped!(numbers(&[n, 100], 0), |x: Tensor| x.cumsum(0, false)),
        "f9_sort" => mapped!(numbers(&[n, 100], 0), |x: Tensor| x.sort(0)),
        "f9_argsort" => mapped!(numbers(&[n, 100], 0), |x: Tensor| x.argsort(0)),
        "f10_16" => mapped!(
            numbers(&[n, 16, 16], 0),
            numbers(&[n, 16, 16], 3),
            |x: Tensor, y: Tensor| x.matmul(y)
        ),
        "f10_4" => mapped!(
            numbers(&[n, 4, 4], 0),
            numbers(&[n, 4, 4], 3),
            |x: Tensor, y: Tensor| x.matmul(y)
        ),
        "f11" => {
            let f = jit(vmap(
                vmap(|p: Tensor, q: Tensor| {
                    let d = p - q;
                    (&d * &d).sum(0).sqrt()
                })
                .in_axes((None, 0)),
            )
            .in_axes((0, None)));
            let (x, y) = (numbers(&[n, 3], 0), numbers(&[n, 3], 5));
            Box::new(move || f.call((&x, &y)))
        }
        "f12" => mapped!(
            numbers(&[n, 8, 8], 0),
            numbers(&[n, 8], 3),
            |a: Tensor, b: Tensor| {
                (a.matmul(a.transpose([1, 0])) + eye(8, 8, 0, DType::F64)).solve(b)
            }
        ),
        "f13" => mapped!(numbers(&[n], 0), |x: Tensor| {
            let a = x.abs() + 1.0;
            while_loop(
                |(y, a): (Tensor, Tensor)| (&y * &y - &a).abs().greater(&a * 1e-12),
                |(y, a): (Tensor, Tensor)| ((&y + &a / &y) * 0.5, a),
                (&a, &a),
            )
            .map(|(y, _): (Tensor, Tensor)| y)
        }),
        "f14" => mapped!(numbers(&[n, 64], 0), |x: Tensor| {
            (&x - x.mean(0)) / (x.var(0, 0) + 1e-5).sqrt()
        }),
        "f15" => {
            let (f, x) = (jit(|x: Tensor| x.sum(..)), numbers(&[n, 64], 0));
            Box::new(move || f.call((&x,)))
        }
        "f16" => mapped!(numbers(&[n, 16, 16], 0), |x: Tensor| x.transpose([1, 0])
            + 1.0),
        "f17" => mapped!(numbers(&[n], 0), |x: Tensor| {
            x.sin() * x.cos() + (x.abs() + 1.0).ln() + x.abs().pow(3.5).abs().sqrt()
        }),
        // So many equations on eight elements.
        "long" => {
            let f = jit(move |x: Tensor| (0..n / 2).fold(x, |x, _| x * 1.0001 + 0.1));
            let x = numbers(&[8], 0);
            Box::new(move || f.call((&x,)))
        }
        "f18" => mapped!(numbers(&[n], 0), |x: Tensor| {
            where_(x.greater(0.0), x.log1p(), x.exp() - 1.0)
        }),
        _ => return Err(format!("no program is called {name}").into()),
    })
}

/// Seconds of CPU time of all threads.
#[cfg(unix)]
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[cfg(not(unix))]
fn cpu_seconds() -> f64 {
    f64::NAN
}

/// Microseconds of CPU and wall time per call, the least of batches of calls.
fn least(seconds: f64, call: &Call) -> Result<(f64, f64), Failure> {
    let start = Instant::now();
    call()?;
    let once = start.elapsed().as_secs_f64();
    let calls = (0.02 / once).ceil().max(1.0);
    let (mut cpu, mut wall) = (f64::INFINITY, f64::INFINITY);
    let begin = Instant::now();
    loop {
        let (start, start_cpu) = (Instant::now(), cpu_seconds());
        for _ in 0..calls as usize {
            call()?;
        }
        wall = wall.min(start.elapsed().as_secs_f64() / calls);
        cpu = cpu.min((cpu_seconds() - start_cpu) / calls);
        if begin.elapsed().as_secs_f64() > seconds {
            return Ok((cpu * 1e6, wall * 1e6));
        }
    }
}

fn function(name: &str, x: &Tensor) -> Result<Tensor, Failure> {
    // The arguments of a function of two are the two rows.
    let pair = || x.split_at(&[1], 0);
    Ok(match name {
        "exp" => x.exp(),
        "exp2" => x.exp2(),
        "expm1" => x.expm1(),
        "log" => x.ln(),
        "log1p" => x.log1p(),
        "tanh" => x.tanh(),
        "logistic" => x.logistic(),
        "sinh" => x.sinh(),
        "cosh" => x.cosh(),
        "sin" => x.sin(),
        "cos" => x.cos(),
        "tan" => x.tan(),
        "asin" => x.asin(),
        "acos" => x.acos(),
        "atan" => x.atan(),
        "asinh" => x.asinh(),
        "acosh" => x.acosh(),
        "atanh" => x.atanh(),
        "cbrt" => x.cbrt(),
        "erf" => x.erf(),
        "erfc" => x.erfc(),
        "pow" => pair()?[0].pow(&pair()?[1]),
        "atan2" => pair()?[0].atan2(&pair()?[1]),
        _ => return Err(format!("no function is called {name}").into()),
    })
}

/// What is counted; its name is looked for.
#[inline(never)]
fn counted_calls(call: &Call, calls: usize) -> Result<(), Failure> {
    for _ in 0..calls {
        call()?;
    }
    Ok(())
}

fn answer(line: &str) -> Result<String, Failure> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["map", name, from, to] => {
            let x = Tensor::from(Array::read_npy(from)?);
            function(name, &x)?.to_array()?.write_npy(to)?;
            Ok("done".to_owned())
        }
        ["count", name, lanes, calls] => {
            let call = program(name, lanes.parse()?)?;
            call()?;
            call()?;
            counted_calls(&call, calls.parse()?)?;
            Ok("done".to_owned())
        }
        [name, lanes, seconds] => {
            let call = program(name, lanes.parse()?)?;
            let sum = call()?
                .astype(DType::F64)
                .abs()
                .sum(..)
                .to_array()?
                .item::<f64>()?;
            let (cpu, wall) = least(seconds.parse()?, &call)?;
            Ok(format!("{cpu} {wall} {sum}"))
        }
        _ => Err("a line has a name, lanes and seconds".into()),
    }
}

fn main() -> Result<(), Failure> {
    for line in std::io::stdin().lock().lines() {
        println!("{}", answer(&line?)?);
        std::io::stdout().flush()?;
    }
    Ok(())
}
