//! Replays as callbacks: under any vmap the host is called once with all thetas, and every lane has the bits of
//! `trace.at(theta)`.

use elimap::phase::{EliminationTrace, NumericError, PhaseType, models};
use elimap::prelude::*;
use elimap::{CallbackError, Error};
use ndarray::{Array2, ArrayD, Axis, IxDyn};

fn trace() -> EliminationTrace {
    EliminationTrace::record(&models::islands(5).unwrap())
}

/// Thetas of any leading shape, each different.
fn thetas(shape: &[usize]) -> ArrayD<f64> {
    let shape: Vec<usize> = shape.iter().copied().chain([3]).collect();
    let mut state = 11u64;
    ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        0.1 + 1.9 * (state >> 11) as f64 / (1u64 << 53) as f64
    })
}

fn rewards(trace: &EliminationTrace) -> Array2<f64> {
    let vertices = trace.graph().vertex_count();
    Array2::from_shape_fn((2, vertices), |(i, v)| ((v * (2 * i + 1)) % 7) as f64)
}

/// The answers to one theta, result by result.
type Alone = Box<dyn Fn(&PhaseType) -> Vec<Vec<f64>>>;

/// Every callback of a trace with what it computes at one theta.
fn callbacks(trace: &EliminationTrace) -> Vec<(Callback, Alone)> {
    let reward_matrix = rewards(trace);
    let batch = trace.batch().lanes(1);
    let row = |time: &PhaseType| Array2::from_shape_vec((1, 3), time.theta().to_vec()).unwrap();
    let (for_moments, for_rewards, for_both) = (batch.clone(), batch.clone(), batch);
    let (first, second) = (reward_matrix.clone(), reward_matrix.clone());
    vec![
        (
            trace.expectation(),
            Box::new(|time| vec![vec![time.expectation()]]),
        ),
        (trace.moments(3), Box::new(|time| vec![time.moments(3)])),
        (
            trace.variance(),
            Box::new(|time| vec![vec![time.variance()]]),
        ),
        (
            trace.value_and_gradient(),
            Box::new(|time| vec![vec![time.expectation()], time.gradient().unwrap()]),
        ),
        (
            trace.waiting_times(),
            Box::new(|time| vec![time.expected_waiting_times()]),
        ),
        (
            trace.sojourn_times(),
            Box::new(|time| vec![time.expected_sojourn_times()]),
        ),
        (
            trace.moments_and_gradients(2),
            Box::new(move |time| {
                let found = for_moments.moments_and_gradients(row(time).view(), 2);
                let (moments, gradients) = found.unwrap();
                assert_eq!(moments.row(0).to_vec(), time.moments(2));
                assert_eq!(
                    gradients.iter().copied().take(3).collect::<Vec<_>>(),
                    time.gradient().unwrap()
                );
                vec![
                    moments.into_iter().collect(),
                    gradients.into_iter().collect(),
                ]
            }),
        ),
        (
            trace.expected_rewards(reward_matrix.view()).unwrap(),
            Box::new(move |time| {
                let found = for_rewards.expected_rewards(row(time).view(), first.view());
                vec![found.unwrap().into_iter().collect()]
            }),
        ),
        (
            trace
                .expected_rewards_and_gradients(reward_matrix.view())
                .unwrap(),
            Box::new(move |time| {
                let found =
                    for_both.expected_rewards_and_gradients(row(time).view(), second.view());
                let (values, gradients) = found.unwrap();
                vec![
                    values.into_iter().collect(),
                    gradients.into_iter().collect(),
                ]
            }),
        ),
    ]
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Results of a mapped callback, leading axes flattened, against one theta at a time.
fn check(
    callback: &Callback,
    found: &[Tensor],
    all: &ArrayD<f64>,
    trace: &EliminationTrace,
    alone: &Alone,
) {
    let name = callback.name();
    let lanes = &all.shape()[..all.ndim() - 1];
    let count: usize = lanes.iter().product();
    let arrays: Vec<Array> = found.iter().map(|part| part.to_array().unwrap()).collect();
    for (array, spec) in arrays.iter().zip(callback.results()) {
        let shape: Vec<usize> = lanes.iter().chain(&spec.shape).copied().collect();
        assert_eq!(array.shape(), shape, "{name}");
    }
    let values: Vec<Vec<f64>> = arrays.iter().map(|part| part.to_vec().unwrap()).collect();
    for (lane, theta) in all.lanes(Axis(all.ndim() - 1)).into_iter().enumerate() {
        let expected = alone(&trace.at(&theta.to_vec()).unwrap());
        assert_eq!(arrays.len(), expected.len(), "{name}");
        for (values, expected) in values.iter().zip(&expected) {
            assert_eq!(values.len(), count * expected.len(), "{name}");
            let own = &values[lane * expected.len()..][..expected.len()];
            assert_eq!(bits(own), bits(expected), "{name}, lane {lane}");
        }
    }
}

#[test]
fn one_host_call_at_every_depth_with_the_bits_of_one_theta() {
    let trace = trace();
    for (callback, alone) in callbacks(&trace) {
        let name = callback.name().to_owned();
        for shape in [
            &[][..],
            &[4],
            &[1],
            &[0],
            &[3, 2],
            &[2, 3, 5],
            &[2, 0, 3],
            &[1, 1, 1],
        ] {
            let all = thetas(shape);
            let argument = Array::from(all.clone());
            for jitted in [false, true] {
                let log = CallLog::new();
                let callback = callback.clone().log(&log);
                let one = |theta: Tensor| callback.call_vec((theta,));
                let found = match (shape.len(), jitted) {
                    (0, false) => one(Tensor::from(&argument)),
                    (0, true) => jit(one).call((argument.clone(),)),
                    (1, false) => vmap(one).call((argument.clone(),)),
                    (1, true) => jit(vmap(one)).call((argument.clone(),)),
                    (2, false) => vmap(vmap(one)).call((argument.clone(),)),
                    (2, true) => vmap(jit(vmap(one))).call((argument.clone(),)),
                    (_, false) => vmap(vmap(vmap(one))).call((argument.clone(),)),
                    (_, true) => jit(vmap(vmap(jit(vmap(one))))).call((argument.clone(),)),
                }
                .unwrap();
                // As in JAX, an empty result is never computed.
                let calls = usize::from(!all.is_empty());
                assert_eq!(log.len(), calls, "{name} {shape:?} {jitted}");
                if let Some(record) = log.records().first() {
                    assert_eq!(record.args[0].shape(), argument.shape(), "{name}");
                }
                check(&callback, &found, &all, &trace, &alone);
            }
        }
    }
}

#[test]
fn axes_in_and_out_may_be_any() {
    let trace = trace();
    for (callback, alone) in callbacks(&trace) {
        let log = CallLog::new();
        let callback = callback.log(&log);
        let one = |theta: Tensor| callback.call_vec((theta,));
        // Thetas as columns.
        let all = thetas(&[4]);
        let columns = Array::from(all.t().to_owned());
        let found = vmap(one).in_axes(1).call((columns.clone(),)).unwrap();
        check(&callback, &found, &all, &trace, &alone);
        let found = vmap(one).in_axes(-1).call((columns,)).unwrap();
        check(&callback, &found, &all, &trace, &alone);
        assert_eq!(log.len(), 2);

        // Three levels, each with an axis of its own: lanes (a, b, c) from an argument (theta, c, a, b).
        let all = thetas(&[2, 3, 4]);
        let moved = all.clone().permuted_axes(IxDyn(&[3, 2, 0, 1]));
        let argument = Array::from(moved.as_standard_layout().into_owned());
        let inner = vmap(one).in_axes(1);
        let found = vmap(vmap(inner).in_axes(2))
            .in_axes(2)
            .call((argument,))
            .unwrap();
        check(&callback, &found, &all, &trace, &alone);
        assert_eq!(log.len(), 3);

        // Lanes last in the results: moved back, they are the same.
        let all = thetas(&[5]);
        let found = vmap(one)
            .out_axes(-1)
            .call((Array::from(all.clone()),))
            .unwrap();
        let back: Vec<Tensor> = found
            .iter()
            .map(|part| {
                let array = part.to_array().unwrap();
                let view = array.view::<f64>().unwrap();
                let mut axes: Vec<usize> = (0..view.ndim()).collect();
                axes.rotate_right(1);
                let moved = view.permuted_axes(IxDyn(&axes));
                Tensor::from(&Array::from(moved.as_standard_layout().into_owned()))
            })
            .collect();
        check(&callback, &back, &all, &trace, &alone);
        assert_eq!(log.len(), 4);
    }
}

#[test]
fn a_theta_that_the_inner_level_does_not_map_is_replayed_once() {
    let trace = trace();
    let log = CallLog::new();
    let mean = trace.expectation().log(&log);
    let outer = thetas(&[3]);
    let scales = ndarray::array![1.0, 2.0, 4.0, 8.0];
    let table = vmap(|theta: Tensor, scales: Tensor| {
        vmap(|scale: Tensor| Ok::<_, Error>(mean.call((&theta,))? * scale)).call((scales,))
    })
    .in_axes((0, None))
    .call((Array::from(outer.clone()), scales))
    .unwrap()
    .to_array()
    .unwrap();
    assert_eq!(table.shape(), [3, 4]);
    assert_eq!(log.len(), 1);
    assert_eq!(log.records()[0].args[0].shape(), [3, 3]);
    let table = table.to_vec::<f64>().unwrap();
    for (row, theta) in outer.lanes(Axis(1)).into_iter().enumerate() {
        let mean = trace.at(&theta.to_vec()).unwrap().expectation();
        assert_eq!(
            table[row * 4..][..4],
            [mean, 2.0 * mean, 4.0 * mean, 8.0 * mean]
        );
    }
}

#[test]
fn a_replay_is_one_call_within_an_ordinary_function_and_a_loop() {
    let trace = trace();
    let log = CallLog::new();
    let mean = trace.expectation().log(&log);
    // Migration on a logarithmic scale, everything else fixed.
    let f = jit(vmap(|x: Tensor| {
        let theta = stack(&[Tensor::from(1.0), Tensor::from(0.5), x.exp()], 0)?;
        Ok::<_, Error>(mean.call((theta,))?.ln())
    }));
    let xs: Vec<f64> = (0..50).map(|i| f64::from(i) / 10.0 - 2.5).collect();
    for repeat in 1..=3 {
        let found = f.call((ndarray::Array1::from(xs.clone()),)).unwrap();
        let found = found.to_array().unwrap().to_vec::<f64>().unwrap();
        assert_eq!(log.len(), repeat);
        for (&x, found) in xs.iter().zip(found) {
            let expected = trace.at(&[1.0, 0.5, x.exp()]).unwrap().expectation().ln();
            assert!(
                (found - expected).abs() <= 1e-14 * expected.abs(),
                "{found} {expected}"
            );
        }
    }
}

#[test]
fn a_bad_theta_is_reported_by_its_flattened_row() {
    let trace = trace();
    let mut all = thetas(&[2, 3, 4]);
    all[[1, 1, 2, 1]] = -1.0;
    all[[1, 2, 0, 0]] = f64::NAN;
    for callback in [trace.expectation(), trace.moments_and_gradients(2)] {
        let f = vmap(vmap(vmap(|theta: Tensor| callback.call_vec((theta,)))));
        let error = f.call((Array::from(all.clone()),)).unwrap_err().into_root();
        let Error::Callback(CallbackError::Failed { name, source, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(name, callback.name());
        match *source.downcast::<NumericError>().unwrap() {
            // (1 * 3 + 1) * 4 + 2
            NumericError::ThetaRow { row: 18, source } => {
                assert!(
                    matches!(*source, NumericError::InvalidRate { .. }),
                    "{source}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn wrong_arguments_and_rewards_are_errors() {
    let trace = trace();
    let source = |outcome: Result<Tensor, Error>| match outcome.map_err(Error::into_root) {
        Err(Error::Callback(CallbackError::Failed { source, .. })) => {
            source.downcast::<NumericError>().unwrap().to_string()
        }
        other => panic!("{other:?}"),
    };
    let mean = trace.expectation();
    assert_eq!(
        source(mean.call((1.0,))),
        "theta has length 0, but the graph has 3 parameters; pass one number for each"
    );
    assert_eq!(
        source(mean.call((ndarray::array![1.0, 2.0],))),
        "theta has length 2, but the graph has 3 parameters; pass one number for each"
    );
    assert_eq!(
        source(mean.call((ndarray::array![1.0, 1.0, 1.0], 2.0))),
        "a replay takes one argument, theta, but was called with 2; pass one array"
    );
    let vertices = trace.graph().vertex_count();
    let short = Array2::<f64>::zeros((1, vertices - 1));
    assert!(matches!(
        trace.expected_rewards(short.view()),
        Err(NumericError::RewardLength { .. })
    ));
    let mut bad = Array2::<f64>::zeros((2, vertices));
    bad[[1, 3]] = f64::NAN;
    assert!(matches!(
        trace.expected_rewards_and_gradients(bad.view()),
        Err(NumericError::InvalidReward {
            row: 1,
            vertex: 3,
            ..
        })
    ));
}

/// The gradient of a loss of a callback against central differences, for two thetas, by two host calls.
fn check_gradient(callback: &Callback, weights: &[f64]) {
    let log = CallLog::new();
    let logged = callback.clone().log(&log);
    let weights = Tensor::from(&Array::from(weights.to_vec()));
    let loss = |theta: Tensor| -> Result<Tensor, Error> {
        let found = logged.call((theta,))?;
        Ok((found.reshape([-1]) * &weights).sum(..))
    };
    let all = Array::from(ndarray::array![[1.0, 0.7, 0.4], [0.5, 1.3, 0.9]].into_dyn());
    let found = vmap(elimap::grad(loss)).call((all.clone(),)).unwrap();
    assert_eq!(log.len(), 1, "{}", callback.name());
    let found = found.to_array().unwrap().to_vec::<f64>().unwrap();
    let thetas = all.to_vec::<f64>().unwrap();
    for (lane, theta) in thetas.chunks(3).enumerate() {
        for p in 0..3 {
            let at = |by: f64| {
                let mut theta = theta.to_vec();
                theta[p] += by;
                let value = loss(Tensor::from(&Array::from(theta))).unwrap();
                value.to_array().unwrap().item::<f64>().unwrap()
            };
            let h = 1e-3;
            let near = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
            let exact = found[lane * 3 + p];
            let off = (exact - near).abs();
            assert!(
                off < 1e-6 * (1.0 + near.abs()),
                "{}: {exact} {near}",
                callback.name()
            );
        }
    }
}

#[test]
fn losses_of_replays_have_gradients_by_the_adjoint() {
    let trace = EliminationTrace::record(&models::islands(3).unwrap());
    let vertices = trace.graph().vertex_count();
    let weights = |n: usize| -> Vec<f64> { (0..n).map(|k| 1.0 - 0.7 * k as f64).collect() };
    check_gradient(&trace.expectation(), &weights(1));
    check_gradient(&trace.moments(3), &weights(3));
    check_gradient(&trace.variance(), &weights(1));
    let rewards = Array2::from_shape_fn((2, vertices), |(i, v)| ((v * (2 * i + 1)) % 7) as f64);
    check_gradient(
        &trace.expected_rewards(rewards.view()).unwrap(),
        &weights(2),
    );
    check_gradient(&trace.sojourn_times(), &weights(vertices));
    check_gradient(&trace.waiting_times(), &weights(vertices));
}

/// Times shrink as rates grow: the slope of a waiting time along theta is its negative, whichever cotangents ask for it.
#[test]
fn gradients_of_waiting_times_serve_many_cotangents() {
    let trace = EliminationTrace::record(&models::islands(4).unwrap());
    let waiting = trace.waiting_times();
    let theta = [0.7, 1.3, 2.1];
    let along = |slopes: &[f64]| -> Vec<f64> {
        let rows = slopes.chunks(theta.len());
        rows.map(|row| row.iter().zip(theta).map(|(g, t)| g * t).sum())
            .collect()
    };
    let assert_close = |found: Vec<f64>, expected: Vec<f64>| {
        assert_eq!(found.len(), expected.len());
        for (x, y) in found.into_iter().zip(expected) {
            assert!((x - y).abs() <= 1e-11 * y.abs(), "{x} is not {y}");
        }
    };
    let times = trace.at(&theta).unwrap().expected_waiting_times();
    let log = CallLog::new();
    let f = |theta: Tensor| waiting.clone().log(&log).call((theta,));
    // A cotangent per vertex for one theta.
    let jacobian = elimap::jacrev(f)
        .call((Array::from(theta.to_vec()),))
        .unwrap();
    let slopes = jacobian.to_array().unwrap().to_vec::<f64>().unwrap();
    assert_close(along(&slopes), times.iter().map(|t| -t).collect());
    assert_eq!(log.len(), 1);
    // A cotangent of either sign, and of its own for each theta.
    let weights: Vec<f64> = (0..times.len()).map(|k| 1.0 - 0.3 * k as f64).collect();
    let loss =
        |theta: Tensor| Ok::<_, Error>((f(theta)? * Array::from(weights.clone())).sum(..).square());
    let factors = [1.0, 2.0, 0.5];
    let thetas: Vec<f64> = factors.iter().flat_map(|c| theta.map(|t| c * t)).collect();
    let thetas = Array::from_vec([3, 3], thetas).unwrap();
    let found = vmap(elimap::grad(loss)).call((thetas,)).unwrap();
    let slopes = found.to_array().unwrap().to_vec::<f64>().unwrap();
    let sum: f64 = times.iter().zip(&weights).map(|(t, w)| t * w).sum();
    let expected = factors.map(|c| -2.0 * (sum / c).powi(2) / c);
    assert_close(along(&slopes), expected.to_vec());
}

#[test]
fn a_second_derivative_of_a_replay_is_refused_by_name() {
    let moments = EliminationTrace::record(&models::erlang(3).unwrap()).moments(2);
    let loss = |theta: Tensor| Ok::<_, Error>(moments.call((theta,))?.sum(..));
    let theta = Array::from(vec![2.0]);
    let error = elimap::hessian(loss).call((theta,)).unwrap_err();
    assert!(error.to_string().contains("moments_vjp"), "{error}");
}
