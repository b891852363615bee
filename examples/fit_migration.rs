//! Fitting by gradients: which coalescence and migration rates give the moments that were observed? An ordinary loss of a replay, its
//! `value_and_grad`, and L-BFGS; each evaluation is one call for the moments and one for their gradients.

use elimap::phase::{Eliminator, Graph};
use elimap::prelude::*;
use elimap::value_and_grad;
use ndarray::array;

/// How many pairs of steps and changes of the gradient L-BFGS remembers.
const MEMORY: usize = 6;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(a: &[f64], b: &[f64], factor: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + factor * b).collect()
}

/// L-BFGS (Liu and Nocedal 1989) with backtracking: where the gradient vanishes, and after how many steps.
fn minimize<E>(
    mut f: impl FnMut(&[f64]) -> Result<(f64, Vec<f64>), E>,
    start: &[f64],
) -> Result<(Vec<f64>, usize), E> {
    let mut x = start.to_vec();
    let (mut value, mut gradient) = f(&x)?;
    let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for steps in 0..200 {
        if dot(&gradient, &gradient).sqrt() < 1e-12 {
            return Ok((x, steps));
        }
        let mut d = gradient.clone();
        let mut weights = Vec::with_capacity(pairs.len());
        for (s, y) in pairs.iter().rev() {
            let a = dot(s, &d) / dot(s, y);
            d = add(&d, y, -a);
            weights.push(a);
        }
        if let Some((s, y)) = pairs.last() {
            let scale = dot(s, y) / dot(y, y);
            d.iter_mut().for_each(|d| *d *= scale);
        }
        for ((s, y), a) in pairs.iter().zip(weights.into_iter().rev()) {
            let b = dot(y, &d) / dot(s, y);
            d = add(&d, s, a - b);
        }
        let slope = -dot(&gradient, &d);
        let mut t = if pairs.is_empty() { 0.1 } else { 1.0 };
        let (next, next_value, next_gradient) = loop {
            let next = add(&x, &d, -t);
            let (v, g) = f(&next)?;
            if v <= value + 1e-4 * t * slope || t < 1e-10 {
                break (next, v, g);
            }
            t *= 0.5;
        };
        let (s, y) = (add(&next, &x, -1.0), add(&next_gradient, &gradient, -1.0));
        if dot(&s, &y) > 1e-14 * dot(&y, &y) {
            pairs.push((s, y));
            if pairs.len() > MEMORY {
                pairs.remove(0);
            }
        }
        (x, value, gradient) = (next, next_value, next_gradient);
    }
    Ok((x, 200))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = Graph::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/models/island_12.json"
    ))?;
    let trace = Eliminator::new().trace(&graph)?;
    let log = CallLog::new();
    let moments = trace.moments(2).log(&log);

    // What was observed; here from rates that the fit is to find again.
    let (coalescence, migration) = (0.8_f64, 0.3_f64);
    let observed = trace.at(&[coalescence, coalescence, migration])?.moments(2);
    let observed = Tensor::from(&Array::from(observed));

    // Both islands coalesce at one rate, and rates are positive: log theta = x spread, for x = log (coalescence, migration).
    let spread = Tensor::from(&Array::from(
        array![[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]].into_dyn(),
    ));
    let loss = |x: Tensor| {
        let found = moments.call((x.matmul(&spread).exp(),))?;
        Ok::<_, Error>((found / &observed).ln().square().sum(..))
    };
    let both = value_and_grad(loss);
    let mut evaluations = 0;
    let evaluate = |x: &[f64]| -> Result<(f64, Vec<f64>), Error> {
        evaluations += 1;
        let (value, gradient) = both.call((Array::from(x.to_vec()),))?;
        Ok((
            value.to_array()?.item::<f64>()?,
            gradient.to_array()?.to_vec::<f64>()?,
        ))
    };
    let (x, steps) = minimize(evaluate, &[0.5_f64.ln(), 0.5_f64.ln()])?;
    println!(
        "{steps} steps, {evaluations} evaluations: coalescence {:.9}, migration {:.9}",
        x[0].exp(),
        x[1].exp()
    );
    assert!((x[0].exp() / coalescence - 1.0).abs() < 1e-8);
    assert!((x[1].exp() / migration - 1.0).abs() < 1e-8);
    println!(
        "{} host calls for the moments, all of them logged",
        log.len()
    );
    assert_eq!(log.len(), evaluations);
    Ok(())
}
