//! Models that are too large for powers and too stiff for steps.

use elimap::phase::{DistributionError, EliminationTrace, PhaseType, Tolerance, models};

/// A walk on so many levels without drift: it takes some levels^2 / 4 until it ends.
fn walk(levels: usize) -> PhaseType {
    let time = EliminationTrace::record(&models::birth_death(levels).unwrap())
        .at(&[1.0, 1.0])
        .unwrap();
    time.within(Tolerance::absolute(1e-10).unwrap())
}

/// Survival and density of the walk from the eigenvectors of its rates: sines with a node at 0 and an antinode between the last
/// level and one beyond it.
fn exact(levels: usize, start: usize, time: f64) -> (f64, f64) {
    let (mut survival, mut density) = (0.0, 0.0);
    let width = 2.0 * levels as f64 + 1.0;
    for k in 0..levels {
        let angle = (2.0 * k as f64 + 1.0) * std::f64::consts::PI / width;
        let rate = 4.0 * (0.5 * angle).sin().powi(2);
        let weight = 4.0 / width * (angle * start as f64).sin() * (-rate * time).exp();
        // The sum of sin(j angle) over all levels is half a cotangent, as the last level is an antinode.
        survival += weight * 0.5 / (0.5 * angle).tan();
        density += weight * angle.sin();
    }
    (survival, density)
}

#[test]
fn walks_of_thousands_of_levels_have_their_closed_form_at_late_times() {
    let levels = 3000;
    let time = walk(levels);
    let mean = time.expectation();
    let times = [10.0, mean, 4.0 * mean];
    let curve = time.curve(&times).unwrap();
    for (place, &t) in times.iter().enumerate() {
        let (survival, density) = exact(levels, levels / 4, t);
        let error = curve.error[place];
        assert!(
            (curve.survival[place] - survival).abs() <= error.max(1e-11),
            "{t}: {survival}"
        );
        assert!((curve.cdf[place] - (1.0 - survival)).abs() <= error.max(1e-11));
        assert!((curve.pdf[place] - density).abs() <= error.max(1e-11));
        assert!(error < 1e-10, "{t}: {error}");
    }
    let median = time.quantile(&[0.5]).unwrap()[0];
    assert!((exact(levels, levels / 4, median).0 - 0.5).abs() < 1e-9);
    let places = time.state_probabilities(&[mean]).unwrap();
    assert!((places.row(0).sum() - 1.0).abs() < 1e-10);
    // A relative error needs one of the other methods, as derivatives do.
    let strict = walk(levels).within(Tolerance::relative(1e-10).unwrap());
    assert!(matches!(
        strict.survival(&[1e9]).unwrap_err(),
        DistributionError::TooStiff { .. }
    ));
    assert!(matches!(
        time.pdf_and_gradients(&[1e9]).unwrap_err(),
        DistributionError::TooStiff { .. }
    ));
}

#[test]
fn what_oscillates_is_not_reached_instead_of_wrong() {
    // One way round a ring of thousands, with a way out so rarely that it turns many times: eigenvalues far from the real axis.
    let states = 3000;
    let mut builder = elimap::phase::Graph::builder(0, 0);
    let vertices: Vec<_> = (0..=states).map(|_| builder.add_vertex(&[])).collect();
    builder.start(vertices[0], 1.0);
    for state in 0..states {
        builder.add_constant_edge(vertices[state], vertices[(state + 1) % states], 1.0);
    }
    builder.add_constant_edge(vertices[0], vertices[states], 1e-3);
    let time = EliminationTrace::record(&builder.build().unwrap())
        .at(&[])
        .unwrap();
    match time.state_probabilities(&[6e6]) {
        Err(error) => assert!(
            matches!(error, DistributionError::NotReached { .. }),
            "{error}"
        ),
        // By then the ring has mixed, if it answers at all.
        Ok(places) => {
            let row = places.row(0);
            let total: f64 = row.iter().take(states + 1).skip(1).sum();
            for place in row.iter().take(states + 1).skip(1) {
                assert!((place / total * states as f64 - 1.0).abs() < 0.05);
            }
        }
    }
}
