//! Every gradient against differences of values, and rates that are products of parameters.

use elimap::grad;
use elimap::phase::{
    EliminationTrace, Graph, GraphError, Observations, Rate, Statistic, VertexId, models,
};
use elimap::prelude::*;
use ndarray::{Array2, ArrayD, Axis, array};

/// Three phases in a cycle with two ways out, some mass at zero, and a rate that is a product.
pub(crate) fn cycle() -> Graph {
    let mut builder = Graph::builder(1, 3);
    let [a, b, c] = [3, 2, 1].map(|k| builder.add_vertex(&[k]));
    let [left, right] = [(); 2].map(|()| builder.add_vertex(&[0]));
    builder
        .add_edge(a, b, &[1.0, 0.5, 0.0])
        .add_edge(b, c, &[0.0, 1.0, 0.25])
        .add_edge(c, a, &[2.0, 0.0, 0.0])
        .add_rate(c, left, Rate::product([0, 2], 0.75))
        .add_rate(a, right, Rate::product([1, 1, 2], 0.125))
        .start(a, 0.5)
        .start(b, 0.25)
        .start(left, 0.125);
    builder.build().unwrap()
}

/// Two dice that are thrown until one says stop.
pub(crate) fn dice() -> Graph {
    let mut builder = Graph::builder(1, 3);
    let [a, b] = [2, 1].map(|k| builder.add_vertex(&[k]));
    let [left, right] = [(); 2].map(|()| builder.add_vertex(&[0]));
    builder.clock(elimap::phase::Clock::Jumps);
    builder
        .add_edge(a, a, &[1.0, 0.0, 0.0])
        .add_edge(a, b, &[0.0, 1.0, 0.0])
        .add_rate(a, left, Rate::product([1, 2], 0.5))
        .add_edge(b, a, &[0.5, 0.0, 1.0])
        .add_edge(b, b, &[0.0, 0.25, 0.0])
        .add_edge(b, right, &[0.0, 0.0, 0.5])
        .start(a, 0.5)
        .start(b, 0.375);
    builder.build().unwrap()
}

fn rows(trace: &EliminationTrace, thetas: &Array2<f64>, question: &Statistic) -> ArrayD<f64> {
    let found = trace.batch().statistic(thetas.view(), question).unwrap();
    found.into_iter().next().unwrap()
}

/// The gradients by differences: central ones at two distances, extrapolated.
fn differences(trace: &EliminationTrace, theta: &[f64], question: &Statistic) -> Vec<ArrayD<f64>> {
    let step = 2.0_f64.powi(-10);
    let derivative = |parameter: usize| {
        let h = step * theta[parameter];
        let moved: Vec<f64> = [h, -h, 2.0 * h, -2.0 * h]
            .iter()
            .flat_map(|by| {
                let mut theta = theta.to_vec();
                theta[parameter] += by;
                theta
            })
            .collect();
        let thetas = Array2::from_shape_vec((4, theta.len()), moved).unwrap();
        let values = rows(trace, &thetas, question);
        let at = |row| values.index_axis(Axis(0), row).to_owned();
        let near = (at(0) - at(1)) / (2.0 * h);
        let far = (at(2) - at(3)) / (4.0 * h);
        (near * 4.0 - far) / 3.0
    };
    (0..theta.len()).map(derivative).collect()
}

pub(crate) fn agree(graph: &Graph, theta: &[f64], questions: &[Statistic]) {
    let trace = EliminationTrace::record(graph);
    for question in questions {
        let thetas = Array2::from_shape_vec((1, theta.len()), theta.to_vec()).unwrap();
        let both = question.clone().with_gradients();
        let found = trace.batch().statistic(thetas.view(), &both).unwrap();
        let plain = rows(&trace, &thetas, question);
        let largest = |array: &ArrayD<f64>| array.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        let size = largest(&plain).max(1e-300);
        assert!(
            largest(&(&found[0] - &plain)) <= 1e-13 * size,
            "{question:?}"
        );
        let gradients = found[1].index_axis(Axis(0), 0);
        let expected = differences(&trace, theta, question);
        let scale = expected.iter().map(largest).fold(0.0, f64::max);
        for (parameter, expected) in expected.iter().enumerate() {
            let own = gradients.index_axis(Axis(gradients.ndim() - 1), parameter);
            for (found, expected) in own.iter().zip(expected) {
                let off = (found - expected).abs();
                assert!(
                    off <= 2e-9 * scale.max(size),
                    "{question:?} by parameter {parameter}: {found} and {expected}"
                );
            }
        }
    }
}

#[test]
fn gradients_of_times_and_rewards_are_those_of_differences() {
    let graph = cycle();
    let times = vec![0.0, 0.25, 1.0, 4.0];
    let later = times[1..].to_vec();
    let rewards = array![
        [0.0, 1.0, 0.0, 2.0, 0.0, 0.0],
        [0.0, 0.0, 3.0, 1.0, 0.0, 0.0]
    ];
    let reward = rewards.row(0).to_vec();
    let left = VertexId::new(4).unwrap();
    let data = Observations::of_times(&[0.5, 2.0, 0.0])
        .unwrap()
        .right_censored(3.0, 2.0)
        .unwrap()
        .interval(0.5, 1.5, 0.5)
        .unwrap();
    let questions = [
        Statistic::Pdf(times.clone()),
        Statistic::Cdf(times.clone()),
        Statistic::Survival(times.clone()),
        Statistic::LogPdf(times.clone()),
        Statistic::LogSurvival(times.clone()),
        Statistic::Hazard(times.clone()),
        Statistic::StateProbabilities(times.clone()),
        Statistic::Occupancy(times.clone()),
        Statistic::CdfByVertex(times),
        Statistic::ReachProbabilities(vec![left, VertexId::new(2).unwrap()]),
        Statistic::Quantile(vec![0.1, 0.75, 0.5, 0.999]),
        Statistic::SurvivalQuantile(vec![0.5, 1e-9]),
        Statistic::AbsorptionProbabilities,
        Statistic::LogLikelihood(data),
        Statistic::RewardMoments(reward, 3),
        Statistic::ExpectedRewards(rewards.clone()),
        Statistic::Covariance(rewards.clone()),
        Statistic::Correlation(rewards.clone()),
        Statistic::JointMoment(rewards.clone()),
        Statistic::MomentsGiven(left, 3),
        Statistic::Laplace(later.clone()),
        Statistic::LaplaceDerivatives(later, 3),
        Statistic::JointLaplace(rewards, vec![0.5, 0.25]),
    ];
    agree(&graph, &[1.0, 0.75, 1.5], &questions);
}

#[test]
fn gradients_of_numbers_of_steps_are_those_of_differences() {
    let graph = dice();
    let times = vec![0.0, 1.0, 2.0, 7.0];
    let rewards = array![[0.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 2.0, 0.0, 0.0]];
    let reward = rewards.row(1).to_vec();
    let data = Observations::of_times(&[1.0, 3.0, 0.0])
        .unwrap()
        .right_censored(2.0, 2.0)
        .unwrap()
        .interval(0.0, 4.0, 0.5)
        .unwrap()
        .interval(2.0, 5.0, 1.0)
        .unwrap();
    let questions = [
        Statistic::Pmf(vec![0, 1, 5, 12]),
        Statistic::Cdf(times.clone()),
        Statistic::Survival(times.clone()),
        Statistic::StateProbabilities(times.clone()),
        Statistic::Occupancy(times.clone()),
        Statistic::CdfByVertex(times),
        Statistic::ReachProbabilities(vec![VertexId::new(2).unwrap()]),
        Statistic::Visits,
        Statistic::AbsorptionProbabilities,
        Statistic::LogLikelihood(data),
        Statistic::RewardMoments(reward, 3),
        Statistic::ExpectedRewards(rewards.clone()),
        Statistic::Covariance(rewards.clone()),
        Statistic::Correlation(rewards),
        Statistic::FactorialMoments(3),
        Statistic::Pgf(vec![0.0, 0.25, 1.0]),
    ];
    agree(&graph, &[1.0, 0.75, 1.5], &questions);
}

#[test]
fn callbacks_have_the_gradients_under_vmap_and_grad() {
    let trace = EliminationTrace::record(&cycle());
    let data = Observations::of_times(&[0.5, 2.0]).unwrap();
    let likelihood = trace.log_likelihood(&data).unwrap();
    let thetas = array![[1.0, 0.75, 1.5], [0.5, 1.0, 2.0]];
    let slopes = vmap(grad(move |theta: Tensor| likelihood.call((theta,))));
    let found = slopes
        .call((Array::from(thetas.clone().into_dyn()),))
        .unwrap();
    let found = found.to_array().unwrap().to_vec::<f64>().unwrap();
    for (row, theta) in thetas.outer_iter().enumerate() {
        let time = trace.at(&theta.to_vec()).unwrap();
        let (_, expected) = time.log_likelihood_and_gradient(&data).unwrap();
        assert_eq!(found[3 * row..3 * row + 3], expected);
    }
    // Of a loss of a curve: the cotangents weigh the times.
    let curve = trace.cdf(&[0.5, 2.0]).unwrap();
    let loss = grad(move |theta: Tensor| {
        let curve = curve.call((theta,))?;
        Ok::<_, Error>((&curve * &curve).sum(..))
    });
    let theta = thetas.row(0).to_owned();
    let found = loss.call((Array::from(theta.clone().into_dyn()),)).unwrap();
    let found = found.to_array().unwrap().to_vec::<f64>().unwrap();
    let time = trace.at(&theta.to_vec()).unwrap();
    let (values, slopes) = time.cdf_and_gradients(&[0.5, 2.0]).unwrap();
    for (parameter, found) in found.iter().enumerate() {
        let expected =
            2.0 * (values[0] * slopes[[0, parameter]] + values[1] * slopes[[1, parameter]]);
        assert!((found - expected).abs() <= 1e-15, "{found} {expected}");
    }
}

#[test]
fn statistics_of_statistics_that_there_are_not_say_so() {
    let graph = models::erlang(2).unwrap();
    let parts = |question: Statistic| question.parts(&graph).unwrap_err().to_string();
    assert_eq!(
        parts(Statistic::Curve(vec![1.0]).with_gradients()),
        "curve has no gradients; ask for it alone, or for the gradients of pdf, cdf, quantile, moments or laplace"
    );
    let inner = Statistic::Occupancy(vec![1.0]).of_reward(&[1.0; 4]);
    assert!(
        parts(inner).starts_with("occupancy cannot be asked of a distribution made of the graph")
    );
    let other = Statistic::Pdf(vec![1.0]).of_reward(&[1.0; 3]);
    assert!(parts(other).contains('3'));
}

#[test]
fn products_of_parameters_are_rates_like_others() {
    // The same model in two ways: a rate that is a product, and one parameter for it.
    let infection = |is_product: bool| {
        let rule = move |&[ill, well]: &[u8; 2], out: &mut elimap::phase::Transitions<[u8; 2]>| {
            let (ill_f, well_f) = (f64::from(ill), f64::from(well));
            if ill > 0 {
                out.edge([ill - 1, well], Rate::parameter(0, ill_f));
                if well > 0 {
                    let rate = match is_product {
                        true => Rate::product([2, 1], ill_f * well_f),
                        false => Rate::parameter(1, ill_f * well_f),
                    };
                    out.edge([ill + 1, well - 1], rate);
                }
            }
        };
        let model = Graph::explore([([1, 6], 1.0)], rule);
        EliminationTrace::record(&model.build().unwrap())
    };
    let (trace, plain) = (infection(true), infection(false));
    let (theta, single) = ([1.0, 0.25, 1.5], [1.0, 0.375]);
    let (time, other) = (trace.at(&theta).unwrap(), plain.at(&single).unwrap());
    assert_eq!(time.moments(4), other.moments(4));
    assert_eq!(
        time.pdf(&[0.5, 2.0]).unwrap(),
        other.pdf(&[0.5, 2.0]).unwrap()
    );
    // By the chain rule, from each way to a gradient.
    let chained = |slope: &[f64]| [slope[0], slope[1] * theta[2], slope[1] * theta[1]];
    let close = |found: &[f64], expected: &[f64]| {
        for (found, expected) in found.iter().zip(chained(expected)) {
            assert!((found / expected - 1.0).abs() < 1e-11, "{found} {expected}");
        }
    };
    close(&time.gradient().unwrap(), &other.gradient().unwrap());
    let slopes = |time: &elimap::phase::PhaseType| {
        let (_, slopes) = time.cdf_and_gradients(&[0.5]).unwrap();
        slopes.row(0).to_vec()
    };
    close(&slopes(&time), &slopes(&other));
    let (batched, _) = (
        trace
            .batch()
            .moments_and_gradients(array![theta, theta].view(), 2),
        (),
    );
    let (_, gradients) = batched.unwrap();
    let (_, others) = plain
        .batch()
        .moments_and_gradients(array![single].view(), 2)
        .unwrap();
    for order in 0..2 {
        let found = gradients.slice(ndarray::s![1, order, ..]).to_vec();
        close(&found, &others.slice(ndarray::s![0, order, ..]).to_vec());
    }
    // Stiff enough that differences of solutions are no help, and so small that products leave the range on the way.
    let graph = trace.graph();
    for theta in [[1.0, 1e-9, 1e-9], [1.0, 1e-200, 1e-180]] {
        let slope = trace.at(&theta).unwrap().gradient().unwrap();
        // With hardly any infection the time is one recovery.
        assert!((slope[0] + 1.0).abs() < 1e-6, "{slope:?}");
        let expected = 6.0 * 0.5 * theta[2];
        assert!(
            (slope[1] / expected - 1.0).abs() < 1e-6,
            "{slope:?} {expected}"
        );
    }
    assert_eq!(Graph::from_json(&graph.to_json()).unwrap(), *graph);
    assert_eq!(graph.products().collect::<Vec<_>>(), [&[1, 2][..]]);
    assert!(graph.to_json().contains("\"products\":[[1,2]]"));
    let scaled = EliminationTrace::record(&graph.scaled(2.0).unwrap());
    let mean = scaled.at(&theta).unwrap().expectation();
    assert!((mean / time.expectation() - 2.0).abs() < 1e-14);
    let twice = EliminationTrace::record(&graph.minimum(graph).unwrap());
    let both = [theta, [1.0, 1.5, 0.25]].concat();
    assert!(twice.at(&both).unwrap().expectation() < time.expectation());
}

#[test]
fn products_that_are_none_are_refused() {
    let mut builder = Graph::builder(0, 1);
    let (a, b) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    builder
        .add_rate(a, b, Rate::product([0, 1], 1.0))
        .start(a, 1.0);
    assert!(matches!(
        builder.build().unwrap_err(),
        GraphError::CoefficientCount {
            expected: 1,
            found: 2,
            ..
        }
    ));
    let mut builder = Graph::builder(0, 1);
    let (a, b) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    builder
        .add_rate(a, b, Rate::product([0; 17], 1.0))
        .start(a, 1.0);
    assert!(matches!(
        builder.build().unwrap_err(),
        GraphError::TooLarge { limit: 16, .. }
    ));
    let text = cycle().to_json().replace("[[0,2]", "[[0,3]");
    assert_eq!(
        Graph::from_json(&text).unwrap_err().to_string(),
        "`products` has [0.0, 3.0] in row 0; a product is a list of two or more numbers of parameters, from 0 to 2"
    );
}

#[test]
fn rewards_that_keep_the_parameters_have_the_distribution_of_those_that_do_not() {
    let graph = models::coalescent_sfs(6).unwrap();
    let trace = EliminationTrace::record(&graph);
    for slot in 0..5 {
        let reward = graph.reward(&format!("s{slot}")).unwrap();
        let kept = EliminationTrace::record(&graph.reward_transform(&reward).unwrap());
        for theta in [0.5, 2.0] {
            let expected = trace.at(&[theta]).unwrap().reward(&reward).unwrap();
            let found = kept.at(&[theta]).unwrap();
            assert!((found.mass_at_zero() - expected.mass_at_zero()).abs() < 1e-15);
            let times = [0.0, 0.5, 3.0];
            let pairs = found.cdf(&times).unwrap().into_iter();
            for (found, expected) in pairs.zip(expected.cdf(&times).unwrap()) {
                assert!(
                    (found - expected).abs() < 1e-14,
                    "{slot}: {found} {expected}"
                );
            }
        }
    }
    let error = models::islands(3).unwrap();
    let mut reward = vec![1.0; error.vertex_count()];
    reward[1] = 0.0;
    assert!(matches!(
        error.reward_transform(&reward).unwrap_err(),
        GraphError::NoProportion { .. }
    ));
    assert!(matches!(
        error.reward_transform(&[1.0]).unwrap_err(),
        GraphError::Reward { .. }
    ));
    assert!(matches!(
        dice().reward_transform(&[1.0; 5]).unwrap_err(),
        GraphError::NotContinuous { .. }
    ));
}
