//! Fitting a model to data: a replay with gradients is a callback, so an ordinary function of theta that uses it can be
//! mapped over a grid (a surface) and over starting points (Newton's method), with one host call each time.
//!
//! Two islands, 12 lineages: which coalescence and migration rates give the mean and second moment that were observed?

use elimap::phase::{Eliminator, Graph};
use elimap::prelude::*;
use ndarray::array;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = Graph::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/models/island_12.json"
    ))?;
    let trace = Eliminator::new().trace(&graph)?;
    let log = CallLog::new();
    let replay = trace.moments_and_gradients(2).log(&log);

    // What was observed; here from rates that the fit is to find again.
    let (coalescence, migration) = (0.8_f64, 0.3_f64);
    let observed = trace.at(&[coalescence, coalescence, migration])?.moments(2);
    let observed = Tensor::from(&Array::from(observed));

    // Both islands coalesce at one rate, and rates are positive: log theta = x spread, for x = log (coalescence, migration).
    let spread = Tensor::from(&Array::from(
        array![[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]].into_dyn(),
    ));
    // By how much the logarithms of the moments are off, and how that changes with x.
    let misfit = |x: &Tensor| -> Result<(Tensor, Tensor), Error> {
        let theta = x.matmul(&spread).exp();
        let [moments, gradients] = replay.call_many((&theta,))?;
        let off = (&moments / &observed).ln();
        let relative = gradients * &theta / moments.expand_dims(1);
        Ok((off, relative.matmul(spread.t())))
    };

    // A surface: a function of two numbers, mapped over both.
    let height = |c: Tensor, m: Tensor| {
        let (off, _) = misfit(&stack(&[c, m], 0)?)?;
        Ok::<_, Error>(off.square().sum(0))
    };
    let surface = vmap(vmap(height).in_axes((None, 0))).in_axes((0, None));
    let logs = |from: f64, to: f64| ndarray::Array1::linspace(from.ln(), to.ln(), 41);
    let (cs, ms) = (logs(0.1, 10.0), logs(0.01, 10.0));
    let surface = surface.call((cs.clone(), ms.clone()))?.to_array()?;
    let heights = surface.to_vec::<f64>()?;
    println!(
        "a surface of {:?} points: {} host call",
        surface.shape(),
        log.len()
    );
    assert_eq!((surface.shape(), log.len()), (&[41, 41][..], 1));
    let lowest = (0..heights.len()).fold(
        0,
        |best, i| if heights[i] < heights[best] { i } else { best },
    );
    let start = [cs[lowest / 41], ms[lowest % 41]];
    println!(
        "lowest at coalescence {:.3}, migration {:.3}",
        start[0].exp(),
        start[1].exp()
    );

    // Newton's method from many starting points at once, around the lowest point of the surface.
    let step = jit(vmap(|x: Tensor| {
        let (off, slope) = misfit(&x)?;
        Ok::<_, Error>(&x - slope.solve(off).clip(-1.0, 1.0))
    }));
    let mut points = Tensor::from(&Array::from(
        ndarray::Array2::from_shape_fn((25, 2), |(i, p)| {
            start[p] + 0.4 * ([i / 5, i % 5][p] as f64 - 2.0) / 2.0
        })
        .into_dyn(),
    ));
    let steps = 12;
    for _ in 0..steps {
        points = step.call((points,))?;
    }
    println!("{steps} steps from 25 points: {} host calls", log.len() - 1);
    assert_eq!(log.len(), 1 + steps);
    for fit in points.to_array()?.to_vec::<f64>()?.chunks(2) {
        assert!((fit[0].exp() / coalescence - 1.0).abs() < 1e-9, "{fit:?}");
        assert!((fit[1].exp() / migration - 1.0).abs() < 1e-9, "{fit:?}");
    }
    println!("all of them end at coalescence {coalescence}, migration {migration}");
    Ok(())
}
