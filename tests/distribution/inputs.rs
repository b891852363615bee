//! Bad input is a typed error with its place.

use elimap::phase::{
    DistributionError, EliminationTrace, Graph, NumericError, Observations, PhaseType, Tolerance,
    VertexId, models,
};

fn erlang() -> PhaseType {
    EliminationTrace::record(&models::erlang(3).unwrap())
        .at(&[2.0])
        .unwrap()
}

#[test]
fn times_must_be_finite_nonnegative_and_ascending() {
    let time = erlang();
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let error = time.cdf(&[0.5, bad]).unwrap_err();
        assert!(
            matches!(error, DistributionError::Time { index: 1, .. }),
            "{error}"
        );
        assert!(time.occupancy(&[bad]).is_err() && time.curve(&[bad]).is_err());
    }
    let error = time.pdf(&[0.0, 2.0, 1.5]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "times[2] is 1.5, less than 2.0 before it; sort the times, so that one pass answers all of them"
    );
    assert_eq!(time.pdf(&[]).unwrap(), Vec::<f64>::new());
}

#[test]
fn tolerances_that_cannot_be_had_are_refused() {
    for (absolute, relative) in [(0.0, 0.0), (1e-16, 1e-15), (-1.0, 1e-3), (f64::NAN, 1.0)] {
        let error = Tolerance::new(absolute, relative).unwrap_err();
        assert!(
            matches!(error, DistributionError::Tolerance { .. }),
            "{error}"
        );
    }
    let strict = erlang().within(Tolerance::relative(2e-14).unwrap());
    // The quotient of two numbers that far below every f64 is not certain to 2e-14.
    assert!(matches!(
        strict.hazard(&[1e7]).unwrap_err(),
        DistributionError::NotReached { .. }
    ));
}

#[test]
fn probabilities_of_quantiles_lie_between_zero_and_one() {
    let time = erlang();
    for bad in [1.0, -0.1, 1.5, f64::NAN] {
        let error = time.quantile(&[0.5, bad]).unwrap_err();
        assert!(
            matches!(error, DistributionError::Probability { index: 1, .. }),
            "{error}"
        );
    }
    assert!(time.survival_quantile(&[0.0]).is_err());
}

#[test]
fn observations_and_rewards_are_checked() {
    let time = erlang();
    assert!(matches!(
        time.log_likelihood(&Observations::new()).unwrap_err(),
        DistributionError::Empty { .. }
    ));
    let data = Observations::of_times(&[1.0]).unwrap();
    assert!(matches!(
        data.clone().right_censored(-1.0, 1.0).unwrap_err(),
        DistributionError::Time { index: 1, .. }
    ));
    assert!(matches!(
        data.clone().exact(1.0, f64::NAN).unwrap_err(),
        DistributionError::Number { index: 1, .. }
    ));
    assert!(data.interval(2.0, 1.0, 1.0).is_err());
    assert!(matches!(
        time.reward(&[1.0]).unwrap_err(),
        DistributionError::Numeric(NumericError::RewardLength { .. })
    ));
    assert!(matches!(
        time.reward_moments(&[0.0, -1.0, 0.0, 0.0, 0.0], 2)
            .unwrap_err(),
        DistributionError::Numeric(NumericError::InvalidReward { .. })
    ));
    let unknown = VertexId::new(77).unwrap();
    assert!(time.reach_probabilities(&[unknown]).is_err());
    assert!(time.moments_given(VertexId::new(1).unwrap(), 1).is_err());
    assert!(time.laplace(&[-1.0]).is_err());
}

#[test]
fn continuous_questions_of_discrete_graphs_are_refused_and_the_other_way_round() {
    let mut builder = Graph::builder(0, 0);
    let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    builder.discrete().start(coin, 1.0);
    builder
        .add_constant_edge(coin, coin, 0.5)
        .add_constant_edge(coin, end, 0.25);
    let discrete = EliminationTrace::record(&builder.build().unwrap());
    assert!(discrete.at(&[]).is_err());
    let error = discrete.steps_at(&[]).unwrap_err();
    assert!(
        matches!(error, DistributionError::NotStochastic { .. }),
        "{error}"
    );
    let continuous = EliminationTrace::record(&models::erlang(2).unwrap());
    let error = continuous.steps_at(&[1.0]).unwrap_err();
    assert!(matches!(error, DistributionError::Clock { .. }), "{error}");
}

#[test]
fn a_model_without_any_time_answers_too() {
    let mut builder = Graph::builder(0, 1);
    let (a, b) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    builder.add_edge(a, b, &[1.0]).start(b, 0.5);
    let time = EliminationTrace::record(&builder.build().unwrap())
        .at(&[1.0])
        .unwrap();
    assert_eq!(time.mass_at_zero(), 1.0);
    assert_eq!(time.cdf(&[0.0, 3.0]).unwrap(), [1.0, 1.0]);
    assert_eq!(time.pdf(&[1.0]).unwrap(), [0.0]);
    assert_eq!(time.quantile(&[0.3, 0.9]).unwrap(), [0.0, 0.0]);
    assert_eq!(time.pdf_and_gradients(&[1.0]).unwrap().1[[0, 0]], 0.0);
}
