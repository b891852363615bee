//! Replays against exact rational arithmetic: random small graphs, stiff chains, extreme rates.

use std::collections::BTreeSet;

use elimap::phase::{
    EliminationTrace, Graph, GraphError, NumericError, Operation, Role, VertexId, models,
};
use ndarray::Array2;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{FromPrimitive, One, Signed, ToPrimitive, Zero};
use proptest::prelude::*;

fn rational(value: f64) -> BigRational {
    BigRational::from_f64(value).unwrap()
}

/// The nearest `f64` or nearly so, over the whole range, infinite above it.
fn double(value: &BigRational) -> f64 {
    if value.is_zero() {
        return 0.0;
    }
    // Bring the quotient to about 120 bits before dividing, so that neither side overflows.
    let shift = 120 - (value.numer().bits() as i64 - value.denom().bits() as i64);
    let power = BigInt::one() << shift.unsigned_abs();
    let scaled = if shift >= 0 {
        value * &power
    } else {
        value / &power
    };
    let mut result = scaled.to_integer().to_f64().unwrap();
    let mut shift = shift as i32;
    while shift != 0 {
        let step = shift.clamp(-1000, 1000);
        result *= 2f64.powi(-step);
        shift -= step;
    }
    result
}

fn relative_error(found: f64, exact: &BigRational) -> f64 {
    let rounded = double(exact);
    if rounded == found {
        return 0.0;
    }
    if rounded.is_subnormal() && (found - rounded).abs() <= f64::from_bits(2) {
        return 0.0;
    }
    if !found.is_finite() || exact.is_zero() {
        return f64::INFINITY;
    }
    double(&((rational(found) - exact) / exact).abs())
}

#[track_caller]
fn assert_exact(found: f64, exact: &BigRational, tolerance: f64, what: &str) {
    let error = relative_error(found, exact);
    assert!(
        error <= tolerance,
        "{what}: found {found:e}, expected {:e}, relative error {error:e}",
        double(exact)
    );
}

/// Solves a dense system exactly.
fn solve(mut matrix: Vec<Vec<BigRational>>, mut right: Vec<BigRational>) -> Vec<BigRational> {
    let size = right.len();
    for column in 0..size {
        let pivot = (column..size)
            .find(|&row| !matrix[row][column].is_zero())
            .unwrap();
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let (upper, lower) = matrix.split_at_mut(column + 1);
        let pivot_row = &upper[column];
        for (offset, row) in lower.iter_mut().enumerate() {
            if row[column].is_zero() {
                continue;
            }
            let factor = &row[column] / &pivot_row[column];
            for (entry, pivot_entry) in row.iter_mut().zip(pivot_row).skip(column) {
                *entry -= &factor * pivot_entry;
            }
            let change = &factor * &right[column];
            right[column + 1 + offset] -= change;
        }
    }
    for column in (0..size).rev() {
        right[column] = &right[column] / &matrix[column][column];
        for row in 0..column {
            let change = &matrix[row][column] * &right[column];
            right[row] -= change;
        }
    }
    right
}

/// What the model says, computed exactly and from the definition.
struct Exact {
    /// `None` where infinite.
    waiting_times: Vec<Option<BigRational>>,
    moments: Vec<BigRational>,
}

/// `Err` with the vertex if the start reaches one that cannot be absorbed.
fn exact(graph: &Graph, theta: &[f64], order: usize) -> Result<Exact, VertexId> {
    let count = graph.vertex_count();
    let mut rates = vec![vec![BigRational::zero(); count]; count];
    for edge in graph.edges() {
        let mut rate = rational(edge.constant);
        for (&parameter, &coefficient) in edge.parameters.iter().zip(edge.coefficients) {
            rate += rational(coefficient) * rational(theta[parameter as usize]);
        }
        rates[edge.from.index()][edge.to.index()] += rate;
    }
    let reach = |mut reached: BTreeSet<usize>| {
        let mut stack: Vec<usize> = reached.iter().copied().collect();
        while let Some(v) = stack.pop() {
            stack.extend((0..count).filter(|&u| !rates[v][u].is_zero() && reached.insert(u)));
        }
        reached
    };
    let absorbing = |v: usize| graph.is_absorbing(VertexId::new(v).unwrap());
    let trapped: BTreeSet<usize> = (1..count)
        .filter(|&v| !reach(BTreeSet::from([v])).iter().any(|&u| absorbing(u)))
        .collect();
    let start: Vec<(usize, BigRational)> = graph
        .start()
        .iter()
        .map(|&(vertex, probability)| (vertex.index(), rational(probability)))
        .collect();
    let reached = reach(
        start
            .iter()
            .filter(|entry| entry.1.is_positive())
            .map(|entry| entry.0)
            .collect(),
    );
    if let Some(&vertex) = reached.intersection(&trapped).next() {
        return Err(VertexId::new(vertex).unwrap());
    }
    let finite: Vec<usize> = (1..count)
        .filter(|&v| !absorbing(v) && reach(BTreeSet::from([v])).is_disjoint(&trapped))
        .collect();
    let matrix: Vec<Vec<BigRational>> = finite
        .iter()
        .map(|&v| {
            finite
                .iter()
                .map(|&u| {
                    if u == v {
                        rates[v].iter().sum()
                    } else {
                        -rates[v][u].clone()
                    }
                })
                .collect()
        })
        .collect();
    let mut vector = vec![BigRational::one(); finite.len()];
    let mut waiting_times: Vec<Option<BigRational>> = (0..count)
        .map(|v| (v == 0 || absorbing(v)).then(BigRational::zero))
        .collect();
    let mut moments: Vec<BigRational> = Vec::new();
    for k in 1..=order {
        let right = vector.iter().map(|value| value * BigInt::from(k)).collect();
        vector = solve(matrix.clone(), right);
        let weigh = |(v, probability): &(usize, BigRational)| {
            finite
                .iter()
                .position(|f| f == v)
                .map_or_else(BigRational::zero, |i| probability * &vector[i])
        };
        moments.push(start.iter().map(weigh).sum());
        if k == 1 {
            for (&v, time) in finite.iter().zip(&vector) {
                waiting_times[v] = Some(time.clone());
            }
            waiting_times[0] = Some(moments[0].clone());
        }
    }
    Ok(Exact {
        waiting_times,
        moments,
    })
}

/// Checks a graph at a theta against the exact answers; whether it has any.
fn check(graph: &Graph, theta: &[f64], tolerance: f64) -> bool {
    let trace = EliminationTrace::record(graph);
    let exact = match (exact(graph, theta, 3), trace.at(theta)) {
        (Ok(exact), Ok(_)) => exact,
        (Err(vertex), Err(NumericError::NoAbsorptionAtTheta { vertex: found, .. })) => {
            assert_eq!(found, vertex);
            return false;
        }
        (expected, found) => panic!(
            "expected {:?}, found {found:?}",
            expected.map(|exact| exact.moments)
        ),
    };
    let time = trace.at(theta).unwrap();
    for (v, (found, expected)) in time
        .expected_waiting_times()
        .iter()
        .zip(&exact.waiting_times)
        .enumerate()
    {
        match expected {
            Some(expected) => {
                assert_exact(*found, expected, tolerance, &format!("waiting time of {v}"));
            }
            None => assert_eq!(*found, f64::INFINITY, "waiting time of {v}"),
        }
    }
    for (k, (found, expected)) in time.moments(3).iter().zip(&exact.moments).enumerate() {
        assert_exact(*found, expected, tolerance, &format!("moment {}", k + 1));
    }
    let variance = &exact.moments[1] - &exact.moments[0] * &exact.moments[0];
    assert_exact(time.variance(), &variance, 100.0 * tolerance, "variance");
    // The batched path has the same bits, in the first, a middle and the last lane.
    let thetas = Array2::from_shape_fn((10, theta.len()), |(_, p)| theta[p]);
    let found = trace.batch().lanes(8).moments(thetas.view(), 3).unwrap();
    for row in [0, 4, 9] {
        assert_eq!(found.row(row).to_vec(), time.moments(3), "row {row}");
    }
    true
}

/// Edges as (from, to, coefficients or constant), vertices from 0 to `size`, the last absorbing.
#[derive(Clone, Debug)]
struct Spec {
    size: usize,
    edges: Vec<(usize, usize, Vec<f64>)>,
    start: Vec<(usize, f64)>,
}

impl Spec {
    /// The graph, or `None` if absorption cannot be reached.
    fn build(&self) -> Option<Graph> {
        let mut builder = Graph::builder(1, 2);
        let vertices: Vec<VertexId> = (0..=self.size)
            .map(|label| builder.add_vertex(&[label as i64 % 3]))
            .collect();
        for (from, to, weights) in self.edges.iter().filter(|edge| edge.0 != edge.1) {
            match weights[..] {
                [rate] => builder.add_constant_edge(vertices[*from], vertices[*to], rate),
                _ => builder.add_edge(vertices[*from], vertices[*to], weights),
            };
        }
        for &(vertex, probability) in &self.start {
            builder.start(vertices[vertex], probability);
        }
        match builder.build() {
            Ok(graph) => Some(graph),
            Err(GraphError::NoAbsorption { .. }) => None,
            Err(other) => panic!("{other}"),
        }
    }
}

fn specs(weight: impl Strategy<Value = f64> + Clone + 'static) -> impl Strategy<Value = Spec> {
    (1usize..9).prop_flat_map(move |size| {
        let weights = prop_oneof![
            prop::collection::vec(weight.clone(), 1),
            prop::collection::vec(weight.clone(), 2),
        ];
        let edges = prop::collection::vec((0..size, 0..=size, weights), 1..4 * size);
        // Start probabilities in sixteenths: they may leave mass at time zero.
        let start = prop::collection::vec((0..=size, 0u32..9), 0..3);
        (Just(size), edges, start).prop_map(|(size, edges, start)| Spec {
            size,
            edges,
            start: start
                .into_iter()
                .map(|(vertex, share)| (vertex, f64::from(share) / 16.0))
                .collect(),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_graphs(spec in specs(prop_oneof![Just(0.0), Just(1.0), 0.01f64..100.0]), theta in [0.1f64..5.0, 0.1f64..5.0]) {
        if let Some(graph) = spec.build() {
            check(&graph, &theta, 1e-13);
        }
    }

    #[test]
    fn zero_rates(
        spec in specs(prop_oneof![Just(0.0), Just(1.0), 0.1f64..10.0]),
        theta in prop_oneof![Just([0.0, 1.5]), Just([0.7, 0.0]), Just([0.0, 0.0])],
    ) {
        if let Some(graph) = spec.build() {
            check(&graph, &theta, 1e-13);
        }
    }

    #[test]
    fn operations_reproduce_the_replay(
        spec in specs(prop_oneof![Just(0.0), Just(1.0), 0.01f64..100.0]),
        theta in [0.1f64..5.0, 0.1f64..5.0],
    ) {
        if let Some(graph) = spec.build() {
            check_operations(&graph, &theta);
        }
    }
}

proptest! {
    // Exact fractions of such numbers have thousands of digits.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn rates_across_the_whole_range(
        spec in specs((-300i32..300, 1.0f64..10.0).prop_map(|(power, digits)| digits * 10f64.powi(power))),
    ) {
        if let Some(graph) = spec.build() {
            check(&graph, &[1.0, 0.5], 1e-13);
        }
    }

    /// A coefficient and a parameter may have a product below every positive double: still an edge.
    #[test]
    fn products_below_the_range_of_doubles(
        spec in specs((-170i32..170, 1.0f64..10.0).prop_map(|(power, digits)| digits * 10f64.powi(power))),
        powers in [-170i32..130, -170i32..130],
    ) {
        if let Some(graph) = spec.build() {
            check(&graph, &powers.map(|power| 10f64.powi(power)), 1e-13);
        }
    }

    #[test]
    fn rates_within_the_range_of_doubles(
        spec in specs((-40i32..40, 1.0f64..10.0).prop_map(|(power, digits)| digits * 10f64.powi(power))),
    ) {
        if let Some(graph) = spec.build() {
            check(&graph, &[1.0, 0.5], 1e-13);
        }
    }
}

/// Runs the list of operations at a theta, and compares every waiting time and the expectation with the replay, bit by
/// bit.
fn check_operations(graph: &Graph, theta: &[f64]) {
    let trace = EliminationTrace::record(graph);
    let time = trace.at(theta).unwrap();
    let expected = time.expected_waiting_times();
    let mut values: Vec<f64> = Vec::new();
    let mut seen = 0;
    let mut expectation = None;
    for step in trace.operations() {
        assert_eq!(step.id.index() as usize, values.len());
        let value = |id: elimap::phase::OpId| values[id.index() as usize];
        let result = match &step.operation {
            Operation::Const(value) => *value,
            Operation::Param(index) => theta[*index],
            Operation::Dot(terms) => terms
                .iter()
                .map(|&(index, coefficient)| coefficient * theta[index])
                .sum(),
            Operation::Add(a, b) => value(*a) + value(*b),
            Operation::Mul(a, b) => value(*a) * value(*b),
            Operation::Div(a, b) => value(*a) / value(*b),
            Operation::Inv(a) => 1.0 / value(*a),
            Operation::Sum(terms) => terms.iter().map(|&id| value(id)).sum(),
            other => panic!("an operation of another kind: {other:?}"),
        };
        match step.role {
            Role::WaitingTime(vertex) => {
                assert_eq!(result, expected[vertex.index()], "{step}");
                seen += 1;
            }
            Role::Expectation => expectation = Some(result),
            _ => {}
        }
        values.push(result);
    }
    assert_eq!(expectation, Some(time.expectation()));
    let finite = graph.edges().map(|edge| edge.from).collect::<BTreeSet<_>>();
    assert_eq!(
        seen,
        finite
            .iter()
            .filter(|vertex| expected[vertex.index()].is_finite())
            .count()
    );
}

#[test]
fn operations_reproduce_the_replay_on_models() {
    check_operations(&models::islands(9).unwrap(), &[1.0, 0.3, 2.0]);
    check_operations(&models::two_locus_arg(4).unwrap(), &[1.0, 0.3]);
    check_operations(&models::grid_walk(7, 9).unwrap(), &[1.0, 0.3, 2.0]);
    check_operations(&models::block_chain(5, 12, 3, 2, 3).unwrap(), &[1.0, 0.3]);
    check_operations(&models::dense(12, 5).unwrap(), &[1.0, 0.3, 0.1]);
    check_operations(&models::coalescent_sfs(7).unwrap(), &[0.7]);
}

/// Expected times to absorption and second moments of a birth-death chain, by level from 1, exactly.
///
/// With t(k) the time from k to k - 1: t(n) = r(n) / mu and t(k) = (r(k) + lambda t(k + 1)) / mu, for the rewards r.
fn birth_death(levels: usize, theta: [f64; 2], rewards: &[BigRational]) -> Vec<BigRational> {
    let (lambda, mu) = (rational(theta[0]), rational(theta[1]));
    let mut steps = vec![BigRational::zero(); levels + 1];
    for level in (1..=levels).rev() {
        let above = if level == levels {
            BigRational::zero()
        } else {
            &lambda * &steps[level + 1]
        };
        steps[level] = (&rewards[level - 1] + above) / &mu;
    }
    let mut total = BigRational::zero();
    steps[1..]
        .iter()
        .map(|step| {
            total += step;
            total.clone()
        })
        .collect()
}

#[test]
fn birth_death_chains_that_drift_away() {
    // Means of 1e90 and, close to the largest double, 1e300.
    for (theta, magnitude) in [([2.0, 1.0], 90), ([1.0, 0.5], 90), ([10.0, 1.0], 299)] {
        let levels = 300;
        let graph = models::birth_death(levels).unwrap();
        let trace = EliminationTrace::record(&graph);
        let time = trace.at(&theta).unwrap();
        let mut rewards = vec![BigRational::one(); levels];
        let mut moments = Vec::new();
        for k in 1..=4 {
            rewards = birth_death(levels, theta, &rewards);
            rewards
                .iter_mut()
                .for_each(|value| *value *= BigInt::from(k));
            moments.push(rewards[levels / 4 - 1].clone());
            if k == 1 {
                let found = time.expected_waiting_times();
                for (level, expected) in (1..).zip(&rewards) {
                    assert_exact(
                        found[levels + 1 - level],
                        expected,
                        1e-12,
                        &format!("level {level} at {theta:?}"),
                    );
                }
            }
        }
        let mean = double(&moments[0]);
        assert!(
            (mean.log10() - f64::from(magnitude)).abs() < 2.0,
            "{mean:e}"
        );
        for (k, (found, expected)) in time.moments(4).into_iter().zip(&moments).enumerate() {
            assert_exact(
                found,
                expected,
                1e-12,
                &format!("moment {} at {theta:?}", k + 1),
            );
        }
        let variance = &moments[1] - &moments[0] * &moments[0];
        assert_exact(
            time.variance(),
            &variance,
            1e-12,
            &format!("variance at {theta:?}"),
        );
        // The same among other thetas, side by side.
        let thetas =
            Array2::from_shape_fn(
                (11, 2),
                |(row, p)| {
                    if row == 6 { theta[p] } else { 1.0 + p as f64 }
                },
            );
        for lanes in [1, 8, 16, 32] {
            let batch = trace.batch().lanes(lanes);
            let found = batch.moments(thetas.view(), 4).unwrap();
            for (k, expected) in moments.iter().enumerate() {
                let what = format!("moment {} of {lanes} lanes at {theta:?}", k + 1);
                assert_exact(found[[6, k]], expected, 1e-12, &what);
            }
            let found = batch.variances(thetas.view()).unwrap()[6];
            assert_exact(
                found,
                &variance,
                1e-12,
                &format!("variance of {lanes} lanes"),
            );
            let ones = Array2::from_elem((1, graph.vertex_count()), 1.0);
            let found = batch.expected_rewards(thetas.view(), ones.view()).unwrap();
            assert_exact(
                found[[6, 0]],
                &moments[0],
                1e-12,
                &format!("reward of {lanes} lanes"),
            );
        }
    }
}

#[test]
fn variance_keeps_its_digits_where_moments_cancel() {
    // Ten thousand equal phases: the variance is a ten-thousandth of the squared mean.
    let time = EliminationTrace::record(&models::erlang(10_000).unwrap())
        .at(&[3.0])
        .unwrap();
    assert_exact(
        time.variance(),
        &(rational(10_000.0) / rational(9.0)),
        1e-14,
        "Erlang",
    );

    // Two hundred phases, each a pair of vertices that changes places a hundred million times before it goes on.
    let mut builder = Graph::builder(1, 1);
    let vertices: Vec<VertexId> = (0..=400)
        .map(|label| builder.add_vertex(&[label]))
        .collect();
    let (swap, leave) = (1.0e8, 1.0);
    for phase in 0..200 {
        let [a, b, next] = [2 * phase, 2 * phase + 1, 2 * phase + 2].map(|v| vertices[v]);
        builder
            .add_edge(a, b, &[swap])
            .add_edge(b, a, &[swap])
            .add_edge(b, next, &[leave]);
    }
    builder.start(vertices[0], 1.0);
    let graph = builder.build().unwrap();
    let time = EliminationTrace::record(&graph).at(&[0.7]).unwrap();
    let phase = {
        let mut builder = Graph::builder(0, 1);
        let [a, b, end] = [(); 3].map(|()| builder.add_vertex(&[]));
        builder
            .add_edge(a, b, &[swap])
            .add_edge(b, a, &[swap])
            .add_edge(b, end, &[leave])
            .start(a, 1.0);
        exact(&builder.build().unwrap(), &[0.7], 2)
            .map_err(|vertex| vertex.to_string())
            .unwrap()
            .moments
    };
    let expected = (&phase[1] - &phase[0] * &phase[0]) * BigInt::from(200);
    assert_exact(time.variance(), &expected, 1e-12, "phases of pairs");
}

#[test]
fn mass_at_time_zero_counts_as_time_zero() {
    let mut builder = Graph::builder(0, 1);
    let [a, end] = [(); 2].map(|()| builder.add_vertex(&[]));
    builder
        .add_edge(a, end, &[1.0])
        .start(a, 0.25)
        .start(end, 0.125);
    let time = EliminationTrace::record(&builder.build().unwrap())
        .at(&[2.0])
        .unwrap();
    // A quarter of an exponential time of rate 2.
    assert_eq!(time.moments(3), [0.125, 0.125, 0.1875]);
    assert_eq!(time.variance(), 0.125 - 0.125 * 0.125);
    assert_eq!(time.expected_waiting_times(), [0.125, 0.5, 0.0]);

    for start in [None, Some(1.0)] {
        let mut builder = Graph::builder(0, 1);
        let [a, end] = [(); 2].map(|()| builder.add_vertex(&[]));
        builder.add_edge(a, end, &[1.0]);
        if let Some(probability) = start {
            builder.start(end, probability);
        }
        let time = EliminationTrace::record(&builder.build().unwrap())
            .at(&[2.0])
            .unwrap();
        assert_eq!(
            (time.expectation(), time.variance(), time.moments(2)),
            (0.0, 0.0, vec![0.0, 0.0])
        );
        assert_eq!(time.expected_waiting_times(), [0.0, 0.5, 0.0]);
    }

    let time = EliminationTrace::record(&Graph::builder(0, 0).build().unwrap())
        .at(&[])
        .unwrap();
    assert_eq!((time.moments(2), time.variance()), (vec![0.0, 0.0], 0.0));
    assert_eq!(time.moments(0), [0.0; 0]);
}

/// One way out at the rate 1, and one at 1e-200 theta to a vertex that is left at the same rate.
#[test]
fn a_rate_that_underflows_is_an_edge() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/gradients/uf.json");
    let graph = Graph::read(file).unwrap();
    let trace = EliminationTrace::record(&graph);
    let thetas = Array2::from_shape_vec((3, 1), vec![1e-120, 1e-130, 1e-300]).unwrap();
    assert_eq!(trace.batch().expectations(thetas.view()).unwrap(), [2.0; 3]);
    for theta in thetas.column(0) {
        assert_eq!(trace.at(&[*theta]).unwrap().moments(1), [2.0]);
    }
    // A product below zero is no rate, however small.
    let mut builder = Graph::builder(0, 1);
    let [from, to] = [0; 2].map(|_| builder.add_vertex(&[]));
    builder.add_constant_edge(from, to, 1.0);
    builder.add_edge(from, to, &[-1e-200]);
    builder.start(from, 1.0);
    let trace = EliminationTrace::record(&builder.build().unwrap());
    assert!(matches!(
        trace.at(&[1e-200]),
        Err(NumericError::InvalidRate { rate, .. }) if rate < 0.0
    ));
    assert_eq!(trace.at(&[0.0]).unwrap().expectation(), 1.0);
}
