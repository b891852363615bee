//! A solver of differential equations in plain Rust, with its adjoint, under `vmap(grad)`: two host calls for all lanes.
//!
//! The solver takes steps of fixed size (Runge and Kutta) through the equation of Lotka and Volterra; its adjoint takes them back.

use elimap::prelude::*;
use elimap::{BoxError, grad};

const STEPS: usize = 200;
const H: f64 = 0.02;

type State = [f64; 2];
/// Growth, predation, conversion, death.
type Rates = [f64; 4];

fn change([x, y]: State, [a, b, c, d]: Rates) -> State {
    [a * x - b * x * y, c * x * y - d * y]
}

/// What cotangents of the change mean for the state and the rates.
fn change_back([x, y]: State, [a, b, c, d]: Rates, [u, v]: State) -> (State, Rates) {
    let state = [u * (a - b * y) + v * c * y, -u * b * x + v * (c * x - d)];
    (state, [u * x, -u * x * y, v * x * y, -v * y])
}

fn moved(s: State, k: State, h: f64) -> State {
    [s[0] + h * k[0], s[1] + h * k[1]]
}

/// The four stages of a step.
fn stages(s: State, rates: Rates) -> [State; 4] {
    let s2 = moved(s, change(s, rates), H / 2.0);
    let s3 = moved(s, change(s2, rates), H / 2.0);
    let s4 = moved(s, change(s3, rates), H);
    [s, s2, s3, s4]
}

fn step(s: State, rates: Rates) -> State {
    let weights = [H / 6.0, H / 3.0, H / 3.0, H / 6.0];
    let stages = stages(s, rates);
    let moved_by = |out: State, (&at, w): (&State, f64)| moved(out, change(at, rates), w);
    stages.iter().zip(weights).fold(s, moved_by)
}

/// The cotangents of a step's start and of the rates, for that of its end.
fn step_back(s: State, rates: Rates, end: State) -> (State, Rates) {
    let stages = stages(s, rates);
    let (mut start, mut of_rates) = (end, [0.0; 4]);
    // Of each stage's change, last to first: from the end, and from the stage that was reached by it.
    let weights = [H / 6.0, H / 3.0, H / 3.0, H / 6.0];
    let reach = [H / 2.0, H / 2.0, H, 0.0];
    let mut later = [0.0; 2];
    for k in (0..4).rev() {
        let ct = [
            end[0] * weights[k] + later[0] * reach[k],
            end[1] * weights[k] + later[1] * reach[k],
        ];
        let (state, rates) = change_back(stages[k], rates, ct);
        start = moved(start, state, 1.0);
        of_rates = std::array::from_fn(|i| of_rates[i] + rates[i]);
        later = state;
    }
    (start, of_rates)
}

/// The lanes of arguments whose last axis is their own; a leading axis may have length 1.
fn lanes<const N: usize>(array: &Array, count: usize) -> Result<Vec<[f64; N]>, BoxError> {
    let values = array.to_vec::<f64>()?;
    let own = values.len() / N;
    let lane = |i: usize| {
        let i = if own == 1 { 0 } else { i };
        <[f64; N]>::try_from(&values[i * N..(i + 1) * N])
    };
    Ok((0..count).map(lane).collect::<Result<_, _>>()?)
}

/// The leading axes of the arguments together, and how many lanes they have.
fn leading(args: &[Array]) -> (Vec<usize>, usize) {
    let rank = args.iter().map(|a| a.rank() - 1).max().unwrap_or(0);
    let mut shape = vec![1; rank];
    for arg in args {
        for (to, &n) in shape.iter_mut().zip(&arg.shape()[..arg.rank() - 1]) {
            *to = (*to).max(n);
        }
    }
    let count = shape.iter().product();
    (shape, count)
}

fn solve(args: &[Array]) -> Result<Array, BoxError> {
    let (mut shape, count) = leading(args);
    let (starts, rates) = (lanes::<2>(&args[0], count)?, lanes::<4>(&args[1], count)?);
    let ends = starts
        .into_iter()
        .zip(rates)
        .flat_map(|(s, rates)| (0..STEPS).fold(s, |s, _| step(s, rates)));
    let ends: Vec<f64> = ends.collect();
    shape.push(2);
    Ok(Array::from_vec(shape, ends)?)
}

fn solve_back(args: &[Array]) -> Result<Vec<Array>, BoxError> {
    let (shape, count) = leading(args);
    let (starts, rates) = (lanes::<2>(&args[0], count)?, lanes::<4>(&args[1], count)?);
    let ends = lanes::<2>(&args[2], count)?;
    let (mut of_starts, mut of_rates) = (Vec::new(), Vec::new());
    for ((start, rates), end) in starts.into_iter().zip(rates).zip(ends) {
        let mut path = vec![start];
        for k in 0..STEPS {
            path.push(step(path[k], rates));
        }
        let (mut ct, mut sum) = (end, [0.0; 4]);
        for k in (0..STEPS).rev() {
            let (state, part) = step_back(path[k], rates, ct);
            ct = state;
            sum = std::array::from_fn(|i| sum[i] + part[i]);
        }
        of_starts.extend(ct);
        of_rates.extend(sum);
    }
    let with = |last: usize| -> Vec<usize> { shape.iter().copied().chain([last]).collect() };
    Ok(vec![
        Array::from_vec(with(2), of_starts)?,
        Array::from_vec(with(4), of_rates)?,
    ])
}

fn main() -> Result<(), Error> {
    let log = CallLog::new();
    let host = Callback::new("lotka_volterra", [f64::spec([2])], solve)
        .vjp(Callback::new("lotka_volterra_vjp", [], solve_back).log(&log))
        .vmap_method(VmapMethod::ExpandDims)
        .log(&log);

    // How far the populations end from a target, and how that changes with the rates.
    let loss = |rates: Tensor, start: Tensor| {
        let target = Tensor::from(&Array::from(vec![1.0, 1.0]));
        let end = host.call((start, rates))?;
        Ok::<_, Error>((end - target).square().sum(..))
    };
    let rates = Array::from(vec![1.1, 0.4, 0.1, 0.4]);
    let starts = Array::from(
        ndarray::Array2::from_shape_fn((64, 2), |(i, j)| 1.0 + (i as f64) / 32.0 + j as f64)
            .into_dyn(),
    );
    let gradients = vmap(grad(loss)).in_axes((None, 0));
    let found = gradients
        .call((rates.clone(), starts.clone()))?
        .to_array()?;
    println!("{:?} gradients by {} host calls", found.shape(), log.len());
    assert_eq!((found.shape(), log.len()), (&[64, 4][..], 2));

    // Against central differences.
    let first = starts.index_axis(0, 0).unwrap_or_else(|| starts.clone());
    let at = |k: usize, by: f64| -> Result<f64, Error> {
        let mut moved = rates.to_vec::<f64>()?;
        moved[k] += by;
        let moved = Tensor::from(&Array::from(moved));
        Ok(loss(moved, Tensor::from(&first))?
            .to_array()?
            .item::<f64>()?)
    };
    let gradient = &found.to_vec::<f64>()?[..4];
    for (k, g) in gradient.iter().enumerate() {
        let h = 1e-4;
        let near =
            (8.0 * (at(k, h)? - at(k, -h)?) - (at(k, 2.0 * h)? - at(k, -2.0 * h)?)) / (12.0 * h);
        assert!((g - near).abs() < 1e-8 * (1.0 + near.abs()), "{g} {near}");
    }
    println!("the first lane's: {gradient:.6?}, as central differences have it");
    Ok(())
}
