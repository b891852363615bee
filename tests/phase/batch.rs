//! Batches against one theta at a time: the same bits, for every number of lanes and threads.

use elimap::phase::{EliminationTrace, Graph, NumericError, models};
use ndarray::{Array1, Array2, array};

fn graphs() -> Vec<(&'static str, Graph)> {
    vec![
        ("erlang", models::erlang(5).unwrap()),
        ("coalescent", models::coalescent_sfs(9).unwrap()),
        ("islands", models::islands(7).unwrap()),
        ("islands sfs", models::islands_sfs(7).unwrap()),
        ("arg", models::two_locus_arg(3).unwrap()),
        ("birth and death", models::birth_death(60).unwrap()),
        ("grid", models::grid_walk(9, 7).unwrap()),
        ("random", models::random_block(60, 4, 3).unwrap()),
        (
            "chain of blocks",
            models::block_chain(6, 9, 3, 3, 5).unwrap(),
        ),
        ("dense", models::dense(23, 2).unwrap()),
        ("queues", models::tandem_queue(4).unwrap()),
    ]
}

/// Thetas between 0.1 and 2, with no pattern.
fn thetas(rows: usize, parameters: usize) -> Array2<f64> {
    let mut state = 7u64;
    Array2::from_shape_simple_fn((rows, parameters), || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        0.1 + 1.9 * (state >> 11) as f64 / (1u64 << 53) as f64
    })
}

fn bits<'a>(values: impl IntoIterator<Item = &'a f64>) -> Vec<u64> {
    values.into_iter().map(|value| value.to_bits()).collect()
}

#[test]
fn batches_have_the_bits_of_one_theta_at_a_time() {
    for (name, graph) in graphs() {
        let trace = EliminationTrace::record(&graph);
        let thetas = thetas(45, trace.param_length());
        let batch = trace.batch();
        let moments = batch.moments(thetas.view(), 4).unwrap();
        let variances = batch.variances(thetas.view()).unwrap();
        let waiting = batch.waiting_times(thetas.view()).unwrap();
        let sojourn = batch.sojourn_times(thetas.view()).unwrap();
        let (values, gradients) = batch.values_and_gradients(thetas.view()).unwrap();
        for (row, theta) in thetas.outer_iter().enumerate() {
            let time = trace.at(&theta.to_vec()).unwrap();
            assert_eq!(
                bits(moments.row(row)),
                bits(&time.moments(4)),
                "{name} {row}"
            );
            assert_eq!(
                variances[row].to_bits(),
                time.variance().to_bits(),
                "{name} {row}"
            );
            assert_eq!(
                values[row].to_bits(),
                time.expectation().to_bits(),
                "{name} {row}"
            );
            assert_eq!(
                bits(waiting.row(row)),
                bits(&time.expected_waiting_times()),
                "{name} {row}"
            );
            assert_eq!(
                bits(sojourn.row(row)),
                bits(&time.expected_sojourn_times()),
                "{name} {row}"
            );
            assert_eq!(
                bits(gradients.row(row)),
                bits(&time.gradient().unwrap()),
                "{name} {row}"
            );
        }
    }
}

#[test]
fn bits_depend_neither_on_lanes_nor_on_threads() {
    for (name, graph) in graphs() {
        let trace = EliminationTrace::record(&graph);
        let thetas = thetas(71, trace.param_length());
        let rewards = Array2::from_shape_fn((3, graph.vertex_count()), |(i, v)| {
            ((v * (i + 1)) % 5) as f64
        });
        let all = |lanes: usize| {
            let batch = trace.batch().lanes(lanes);
            let mut all = bits(&batch.moments(thetas.view(), 3).unwrap());
            let (moments, gradients) = batch.moments_and_gradients(thetas.view(), 3).unwrap();
            all.extend(bits(&moments));
            all.extend(bits(&gradients));
            let (values, gradients) = batch
                .expected_rewards_and_gradients(thetas.view(), rewards.view())
                .unwrap();
            assert_eq!(
                values,
                batch
                    .expected_rewards(thetas.view(), rewards.view())
                    .unwrap()
            );
            all.extend(bits(&values));
            all.extend(bits(&gradients));
            all.extend(bits(&batch.variances(thetas.view()).unwrap()));
            all.extend(bits(&batch.waiting_times(thetas.view()).unwrap()));
            all.extend(bits(&batch.sojourn_times(thetas.view()).unwrap()));
            let (values, gradients) = batch.values_and_gradients(thetas.view()).unwrap();
            all.extend(bits(&values));
            all.extend(bits(&gradients));
            all
        };
        let expected = all(1);
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            for lanes in [1, 8, 16, 32] {
                assert!(
                    pool.install(|| all(lanes)) == expected,
                    "{name} {lanes} {threads}"
                );
            }
        }
    }
}

/// Theta 0 makes rates that are far out of the range of squares in `f64`.
#[test]
fn rows_beyond_the_range_are_answered_among_others() {
    let trace = EliminationTrace::record(&models::birth_death(30).unwrap());
    let thetas = array![
        [1.0, 2.0],
        [1e-150, 1e150],
        [1e-300, 1.0],
        [1.0, 1e-9],
        [1.0, 1e-20],
        [0.0, 1.0],
        [3.0, 1e5],
    ];
    let batch = trace.batch().lanes(8);
    let moments = batch.moments(thetas.view(), 5).unwrap();
    let variances = batch.variances(thetas.view()).unwrap();
    for (row, theta) in thetas.outer_iter().enumerate() {
        match trace.at(&theta.to_vec()) {
            Ok(time) => {
                assert_eq!(bits(moments.row(row)), bits(&time.moments(5)), "{row}");
                assert_eq!(variances[row].to_bits(), time.variance().to_bits(), "{row}");
            }
            Err(error) => panic!("{row}: {error}"),
        }
    }
}

#[test]
fn vertices_with_infinite_times_are_left_out() {
    let mut builder = Graph::builder(1, 2);
    let [a, b, end, trap, lost] = [0, 1, 2, 3, 4].map(|label| builder.add_vertex(&[label]));
    let [c, d, held] = [5, 6, 7].map(|label| builder.add_vertex(&[label]));
    builder
        .add_edge(a, b, &[1.0, 0.0])
        .add_edge(b, a, &[1.0, 1.0])
        .add_edge(a, end, &[0.5, 0.25])
        .add_edge(lost, trap, &[1.0, 0.0])
        .add_edge(trap, held, &[1.0, 0.0])
        .add_edge(held, trap, &[1.0, 0.0])
        .add_edge(lost, a, &[1.0, 1.0])
        // Closed at theta[1] = 0 only, and not reached.
        .add_edge(c, d, &[1.0, 0.0])
        .add_edge(d, end, &[0.0, 1.0])
        .start(a, 0.75);
    let trace = EliminationTrace::record(&builder.build().unwrap());
    let thetas = array![[1.0, 2.0], [2.0, 0.5], [1.0, 0.0], [0.25, 4.0]];
    let waiting = trace.batch().waiting_times(thetas.view()).unwrap();
    let (values, gradients) = trace.batch().values_and_gradients(thetas.view()).unwrap();
    for (row, theta) in thetas.outer_iter().enumerate() {
        let time = trace.at(&theta.to_vec()).unwrap();
        assert_eq!(
            bits(waiting.row(row)),
            bits(&time.expected_waiting_times()),
            "{row}"
        );
        assert_eq!(values[row], time.expectation());
        assert_eq!(gradients.row(row).to_vec(), time.gradient().unwrap());
    }
    assert!(waiting[[0, 4]].is_infinite() && waiting[[2, 6]].is_infinite());
}

#[test]
fn the_first_bad_row_is_named() {
    let trace = EliminationTrace::record(&models::islands(4).unwrap());
    let mut many = Array2::from_elem((200, 3), 1.0);
    many[[170, 1]] = -1.0;
    many[[171, 0]] = f64::NAN;
    for lanes in [1, 8, 32] {
        match trace.batch().lanes(lanes).expectations(many.view()) {
            Err(NumericError::ThetaRow { row: 170, source }) => {
                assert!(
                    matches!(*source, NumericError::InvalidRate { .. }),
                    "{source}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    let short = Array2::from_elem((2, 2), 1.0);
    assert!(matches!(
        trace.batch().expectations(short.view()),
        Err(NumericError::ThetaLength {
            expected: 3,
            found: 2
        })
    ));
    let empty = Array2::from_elem((0, 3), 1.0);
    assert!(trace.batch().expectations(empty.view()).unwrap().is_empty());
    assert_eq!(
        trace
            .batch()
            .moments(many.slice(ndarray::s![..3, ..]), 0)
            .unwrap()
            .dim(),
        (3, 0)
    );
    let rewards = Array2::from_elem((1, trace.graph().vertex_count()), -1.0);
    assert!(matches!(
        trace.batch().expected_rewards(empty.view(), rewards.view()),
        Err(NumericError::InvalidReward {
            row: 0,
            vertex: 0,
            ..
        })
    ));
    let rewards = Array1::<f64>::zeros(2)
        .insert_axis(ndarray::Axis(0))
        .to_owned();
    assert!(matches!(
        trace.batch().expected_rewards(empty.view(), rewards.view()),
        Err(NumericError::RewardLength { found: 2, .. })
    ));
}

#[test]
fn callbacks_reach_the_batch_in_one_host_call() {
    use elimap::prelude::*;
    let trace = EliminationTrace::record(&models::islands(4).unwrap());
    let thetas = thetas(6, 3);
    let nested = Array::from(
        thetas
            .clone()
            .into_shape_with_order((2, 3, 3))
            .unwrap()
            .into_dyn(),
    );
    let log = CallLog::new();
    let mean = trace.expectation().log(&log);
    let found = vmap(vmap(|theta: Tensor| mean.call((theta,))))
        .call((nested.clone(),))
        .unwrap();
    let found = found.to_array().unwrap();
    assert_eq!((log.len(), found.shape()), (1, &[2, 3][..]));
    assert_eq!(
        found.to_vec::<f64>().unwrap(),
        trace.batch().expectations(thetas.view()).unwrap()
    );

    let log = CallLog::new();
    let both = trace.value_and_gradient().log(&log);
    let found = vmap(vmap(|theta: Tensor| both.call_vec((theta,))))
        .call((nested,))
        .unwrap();
    let found: Vec<Array> = found.iter().map(|part| part.to_array().unwrap()).collect();
    let (values, gradients) = trace.batch().values_and_gradients(thetas.view()).unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(found[0].to_vec::<f64>().unwrap(), values);
    assert_eq!(
        found[1].to_vec::<f64>().unwrap(),
        gradients.iter().copied().collect::<Vec<_>>()
    );
    assert_eq!(found[1].shape(), [2, 3, 3]);
}

#[test]
fn callbacks_fail_with_the_error_of_the_replay() {
    use elimap::prelude::*;
    let trace = EliminationTrace::record(&models::islands(4).unwrap());
    let source = |thetas: Array2<f64>| -> NumericError {
        let thetas = Array::from(thetas.into_dyn());
        match vmap(trace.variance())
            .call((thetas,))
            .map_err(Error::into_root)
        {
            Err(Error::Callback(elimap::CallbackError::Failed { source, .. })) => {
                *source.downcast().unwrap()
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(
        source(array![[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]]),
        NumericError::ThetaRow { row: 1, .. }
    ));
    assert!(matches!(
        source(array![[1.0, 1.0]]),
        NumericError::ThetaLength {
            expected: 3,
            found: 2
        }
    ));
}
