//! Gradients of where the chain is in time where rates and times are far apart, and where rates are zero.

use elimap::phase::{EliminationTrace, Graph, Statistic, VertexId, models};

use crate::gradients::agree;

fn close(found: f64, expected: f64, within: f64) {
    let off = (found - expected).abs();
    assert!(off <= within * expected.abs(), "{found} {expected}");
}

/// Two states with fast jumps between them and a slow way out.
fn switch() -> EliminationTrace {
    let mut builder = Graph::builder(1, 2);
    let [a, b, end] = [2, 1, 0].map(|k| builder.add_vertex(&[k]));
    builder
        .add_edge(a, b, &[1.0, 0.0])
        .add_edge(b, a, &[1.0, 0.0])
        .add_edge(a, end, &[0.0, 1.0])
        .start(a, 1.0);
    EliminationTrace::record(&builder.build().unwrap())
}

#[test]
fn time_spent_where_absorption_is_rare_keeps_its_digits() {
    // All of the time before absorption is 4e19, whose last digit is more than what is asked for.
    let (fast, t) = (1e6, 1e6);
    let time = switch().at(&[fast, 1e-19]).unwrap();
    let (stays, slopes) = time.occupancy_and_gradients(&[t]).unwrap();
    // Half of the time each, and what the first jump takes.
    close(stays[[0, 1]], t / 2.0 + 0.25 / fast, 1e-13);
    close(stays[[0, 2]], t / 2.0 - 0.25 / fast, 1e-13);
    // Survival is exp(-theta t / 2), so the time spent is t / 2 less theta t^2 / 8.
    for state in [1, 2] {
        close(slopes[[0, state, 1]], -t * t / 8.0, 1e-5);
    }
    close(slopes[[0, 1, 0]], -0.25 / (fast * fast), 1e-3);
    let (absorbed, slopes) = time.cdf_by_vertex_and_gradients(&[t]).unwrap();
    close(absorbed[[0, 3]], 1e-19 * t / 2.0, 1e-12);
    close(slopes[[0, 3, 1]], t / 2.0, 1e-11);
    let (_, slopes) = time.state_probabilities_and_gradients(&[t]).unwrap();
    close(slopes[[0, 1, 1]], -t / 4.0, 1e-5);
}

#[test]
fn the_ladder_and_steps_agree_about_states() {
    // The same times by steps for themselves, and by the ladder with a far one beside them.
    let trace = EliminationTrace::record(&models::queue(6).unwrap());
    let time = trace.at(&[3.0, 4.0]).unwrap();
    let near = [0.0, 0.5, 2.0, 7.0];
    let far = [0.0, 0.5, 2.0, 7.0, 1e6];
    let all = [
        (
            time.state_probabilities_and_gradients(&near).unwrap(),
            time.state_probabilities_and_gradients(&far).unwrap(),
        ),
        (
            time.occupancy_and_gradients(&near).unwrap(),
            time.occupancy_and_gradients(&far).unwrap(),
        ),
        (
            time.cdf_by_vertex_and_gradients(&near).unwrap(),
            time.cdf_by_vertex_and_gradients(&far).unwrap(),
        ),
    ];
    for ((near, near_slopes), (far, far_slopes)) in all {
        for (found, expected) in far.iter().zip(&near) {
            assert!((found - expected).abs() < 1e-14, "{found} {expected}");
        }
        for (found, expected) in far_slopes.iter().zip(&near_slopes) {
            assert!((found - expected).abs() < 1e-13, "{found} {expected}");
        }
    }
}

#[test]
fn rates_of_zero_have_gradients() {
    // Without migration the second island is never reached; with some, it is.
    let mut builder = Graph::builder(1, 3);
    let [a, b, c, end] = [3, 2, 1, 0].map(|k| builder.add_vertex(&[k]));
    builder
        .add_edge(a, b, &[0.0, 1.0, 0.0])
        .add_edge(a, end, &[1.0, 0.0, 0.0])
        .add_edge(b, c, &[1.0, 0.0, 0.0])
        .add_edge(c, end, &[0.0, 0.0, 2.0])
        .start(a, 1.0);
    let graph = builder.build().unwrap();
    let time = EliminationTrace::record(&graph)
        .at(&[1.0, 0.0, 1.0])
        .unwrap();
    // Leaving a at the rate 1 + m, and then Erlang phases of rates 1 and 2.
    let t: f64 = 1.5;
    let (e, f) = ((-t).exp(), (-2.0 * t).exp());
    let (_, slopes) = time.survival_and_gradients(&[t]).unwrap();
    // -t e^-t for a, and for b and c the integrals of what enters them.
    let b = t * e;
    let c = t * e - (e - f);
    assert!((slopes[[0, 1]] - (-t * e + b + c)).abs() < 1e-15);
    let (_, slopes) = time.state_probabilities_and_gradients(&[t]).unwrap();
    let expected = [-t * e, b, c];
    for (vertex, expected) in (1..).zip(expected) {
        assert!(
            (slopes[[0, vertex, 1]] - expected).abs() < 1e-15,
            "{vertex}"
        );
    }
    let data = elimap::phase::Observations::of_times(&[t]).unwrap();
    let (_, gradient) = time.log_likelihood_and_gradient(&data).unwrap();
    // The density is that of leaving a and c.
    assert!((gradient[1] - (-t * e + 2.0 * c) / e).abs() < 1e-14);
}

#[test]
fn states_of_larger_models_have_the_gradients_of_differences() {
    let questions = [
        Statistic::StateProbabilities(vec![0.5, 2.0]),
        Statistic::Occupancy(vec![0.5, 2.0]),
        Statistic::CdfByVertex(vec![0.5, 2.0]),
        Statistic::ReachProbabilities(vec![VertexId::new(5).unwrap()]),
    ];
    agree(&models::islands(4).unwrap(), &[1.0, 2.0, 0.5], &questions);
}

#[test]
fn likelihoods_of_near_and_far_times_are_those_of_each() {
    // Steps answer the first times, the ladder the last.
    let time = switch().at(&[1e3, 0.01]).unwrap();
    let times = [0.0, 0.5, 3.0, 1e3, 4e3];
    let data = elimap::phase::Observations::of_times(&times).unwrap();
    let (value, gradient) = time.log_likelihood_and_gradient(&data).unwrap();
    let (logs, slopes) = time.log_pdf_and_gradients(&times).unwrap();
    close(value, logs.iter().sum(), 1e-14);
    for (parameter, found) in gradient.iter().enumerate() {
        close(*found, slopes.column(parameter).sum(), 1e-9);
    }
    // Half of the time is spent where the rate out is theta.
    close(gradient[1], 5.0 / 0.01 - 5003.5 / 2.0, 1e-3);
}
