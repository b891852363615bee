//! Gradients of distributions that are made of a graph at a theta: of rewards, of marks, and given an end.

use elimap::phase::{EliminationTrace, Graph, Observations, Statistic, VertexId, models};
use ndarray::array;

use crate::gradients::{agree, cycle, dice};

fn of_times(wrap: impl Fn(Statistic) -> Statistic) -> Vec<Statistic> {
    let times = vec![0.0, 0.25, 1.0, 4.0];
    let data = Observations::of_times(&[0.5, 2.0, 0.0])
        .unwrap()
        .right_censored(3.0, 2.0)
        .unwrap()
        .interval(0.0, 1.5, 0.5)
        .unwrap()
        .interval(0.5, 1.5, 0.5)
        .unwrap();
    let questions = [
        Statistic::Pdf(times.clone()),
        Statistic::Cdf(times.clone()),
        Statistic::Survival(times.clone()),
        Statistic::LogPdf(times[1..].to_vec()),
        Statistic::LogSurvival(times.clone()),
        Statistic::Hazard(times),
        Statistic::Quantile(vec![0.75, 0.9, 0.999]),
        Statistic::SurvivalQuantile(vec![0.1, 1e-9]),
        Statistic::LogLikelihood(data),
        Statistic::Laplace(vec![0.25, 1.0]),
        Statistic::LaplaceDerivatives(vec![0.25, 1.0], 3),
    ];
    questions.into_iter().map(wrap).collect()
}

fn of_steps(wrap: impl Fn(Statistic) -> Statistic) -> Vec<Statistic> {
    let counts = vec![0.0, 1.0, 2.0, 7.0];
    let data = Observations::of_times(&[2.0, 4.0, 0.0])
        .unwrap()
        .right_censored(2.0, 2.0)
        .unwrap()
        .interval(0.0, 4.0, 0.5)
        .unwrap();
    let questions = [
        Statistic::Pmf(vec![0, 1, 5, 12]),
        Statistic::Cdf(counts.clone()),
        Statistic::Survival(counts),
        Statistic::LogLikelihood(data),
        Statistic::FactorialMoments(3),
        Statistic::Pgf(vec![0.0, 0.25, 1.0]),
    ];
    questions.into_iter().map(wrap).collect()
}

const THETA: [f64; 3] = [1.0, 0.75, 1.5];

#[test]
fn rewards_whose_proportions_depend_on_theta() {
    // The first vertex has no reward and leads on by rates of all parameters; so do parts of the start.
    for reward in [
        [0.0, 0.0, 1.0, 2.0, 0.0, 0.0],
        [0.0, 0.5, 0.0, 2.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.25, 0.0, 0.0],
        [0.0, 1.0, 1.5, 2.0, 0.0, 0.0],
    ] {
        agree(&cycle(), &THETA, &of_times(|s| s.of_reward(&reward)));
    }
}

#[test]
fn steps_rewarded_by_whole_numbers() {
    for reward in [[0.0, 0.0, 2.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0]] {
        agree(&dice(), &THETA, &of_steps(|s| s.of_reward(&reward)));
    }
}

#[test]
fn marks_along_a_path() {
    for rates in [
        [0.0, 1.0, 0.0, 2.0, 0.0, 0.0],
        [0.0, 0.0, 0.5, 0.0, 0.0, 0.0],
    ] {
        agree(&cycle(), &THETA, &of_steps(|s| s.of_marks(&rates)));
    }
}

#[test]
fn times_given_an_end() {
    for end in [4, 5] {
        let end = VertexId::new(end).unwrap();
        agree(&cycle(), &THETA, &of_times(|s| s.given(end)));
    }
}

#[test]
fn larger_models_by_their_rewards() {
    let graph = models::islands(4).unwrap();
    let reward = graph.reward("s0 > 1").unwrap();
    let questions = [Statistic::Pdf(vec![0.5, 2.0]), Statistic::Cdf(vec![0.0])];
    agree(
        &graph,
        &[1.0, 2.0, 0.5],
        &questions.map(|s| s.of_reward(&reward)),
    );
}

#[test]
fn what_was_made_of_what_was_made() {
    // The length of the first island's lineages given an end, and moments as the graph itself has them.
    let trace = EliminationTrace::record(&cycle());
    let reward = [0.0, 0.0, 1.0, 2.0, 0.0, 0.0];
    let time = trace.at(&THETA).unwrap();
    let made = time.reward(&reward).unwrap();
    let (means, slopes) = time.reward_moments_and_gradients(&reward, 2).unwrap();
    assert!((made.expectation() - means[0]).abs() < 1e-14);
    for (found, expected) in made.gradient().unwrap().iter().zip(slopes.row(0)) {
        assert!((found - expected).abs() < 1e-13, "{found} {expected}");
    }
    // Twice the reward, in two steps.
    let twice = vec![2.0; made.trace().graph().vertex_count()];
    let twice = made.reward(&twice).unwrap();
    let (pdf, slopes) = twice.pdf_and_gradients(&[1.0, 3.0]).unwrap();
    let (half, expected) = made.pdf_and_gradients(&[0.5, 1.5]).unwrap();
    for (found, expected) in pdf.iter().zip(&half) {
        assert!((found - expected / 2.0).abs() < 1e-15);
    }
    for (found, expected) in slopes.iter().zip(&expected) {
        assert!((found - expected / 2.0).abs() < 1e-14);
    }
    // By the command of its own: with gradients inside or outside is the same question.
    let inside = Statistic::Pdf(vec![1.0])
        .with_gradients()
        .of_reward(&reward);
    let outside = Statistic::Pdf(vec![1.0])
        .of_reward(&reward)
        .with_gradients();
    assert_eq!(inside, outside);
    let rows = array![THETA, THETA];
    let found = trace.batch().statistic(rows.view(), &inside).unwrap();
    assert_eq!(found[1].shape(), [2, 1, 3]);
}

#[test]
fn rates_of_zero_are_named() {
    let mut builder = Graph::builder(1, 2);
    let [a, b, end] = [2, 1, 0].map(|k| builder.add_vertex(&[k]));
    builder
        .add_edge(a, end, &[1.0, 0.0])
        .add_edge(a, b, &[0.0, 1.0])
        .add_edge(b, end, &[1.0, 0.0])
        .start(a, 1.0);
    let time = EliminationTrace::record(&builder.build().unwrap());
    let time = time.at(&[1.0, 0.0]).unwrap();
    let made = time.reward(&[0.0, 1.0, 1.0, 0.0]).unwrap();
    assert!((made.pdf(&[0.0]).unwrap()[0] - 1.0).abs() < 1e-15);
    let error = made.pdf_and_gradients(&[0.0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the distribution was made of a model that has no derivatives at this theta: a rate of zero has a derivative, and a \
         distribution made of the graph leaves it out; ask where all rates are positive, or for the graph itself"
    );
}
