//! Gradients where they are hardest: drifting chains, rates of many orders of magnitude, derivatives that vanish.
//!
//! Each test takes a share of cases that a sweep, which is ignored by default, takes many more of.

use elimap::phase::{EliminationTrace, Graph, NumericError, models};
use ndarray::{Array2, ArrayView1, Axis};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{FromPrimitive, One, Zero};

use crate::gradient::{Exact, quotient};

const TOLERANCE: f64 = 1e-11;

fn rational(value: f64) -> BigRational {
    BigRational::from_f64(value).unwrap()
}

/// The relative error, of which there is none between numbers too large or too small for an `f64`.
fn error(found: f64, expected: f64) -> f64 {
    if found == expected || (found - expected).abs() <= 2.0 * f64::from_bits(1) {
        0.0
    } else if expected == 0.0 || !found.is_finite() {
        f64::INFINITY
    } else {
        ((found - expected) / expected).abs()
    }
}

#[track_caller]
fn assert_close(found: f64, expected: f64, what: &str) {
    let error = error(found, expected);
    assert!(
        error <= TOLERANCE,
        "{what}: found {found:e}, expected {expected:e}, error {error:e}"
    );
}

fn gradient(graph: &Graph, theta: &[f64]) -> Vec<f64> {
    let trace = EliminationTrace::record(graph);
    let alone = trace.at(theta).unwrap().gradient().unwrap();
    let thetas = Array2::from_shape_fn((9, theta.len()), |(_, p)| theta[p]);
    let (_, gradients) = trace.batch().values_and_gradients(thetas.view()).unwrap();
    for row in gradients.outer_iter() {
        assert_eq!(row, ArrayView1::from(&alone));
    }
    alone
}

/// The gradient of the time that a chain takes from level `from` down to 0, with `top` levels: up at `up` from all levels but
/// the top, down at `down`.
///
/// The time from level j to the one below is `h(j) = (1 + up h(j + 1)) / down`, so `h(j) = P(j) / down^(top - j + 1)` with
/// whole numbers P once both rates are whole.
fn chain(top: usize, from: usize, up: f64, down: f64) -> [f64; 2] {
    let [up, down] = [up, down].map(rational);
    let scale = up.denom().max(down.denom()).clone();
    let [up, down] = [up, down].map(|rate| (rate * &scale).to_integer());
    let (mut p, mut change, mut power) = (BigInt::one(), BigInt::zero(), BigInt::one());
    let (mut sum, mut sum_of_changes) = (BigInt::zero(), BigInt::zero());
    // Over the common denominator down^top.
    for level in (1..=top).rev() {
        if level < top {
            power *= &down;
            change = &p + &up * change;
            p = &power + &up * p;
        }
        if level <= from {
            let factor = down.pow(level as u32 - 1);
            sum += &p * &factor;
            sum_of_changes += &change * factor;
        }
    }
    // The mean is of degree -1 in both rates together.
    let denominator = down.pow(top as u32);
    let other = -(&sum + &up * &sum_of_changes);
    let scale = &scale * &scale;
    [
        quotient(&(sum_of_changes * &scale), &denominator),
        quotient(&(other * scale), &(denominator * down)),
    ]
}

fn check_birth_death(levels: usize, theta: [f64; 2]) {
    let found = gradient(&models::birth_death(levels).unwrap(), &theta);
    let expected = chain(levels, (levels / 4).max(1), theta[0], theta[1]);
    for p in 0..2 {
        let what = format!("birth and death, {levels} levels at {theta:?}, theta[{p}]");
        assert_close(found[p], expected[p], &what);
    }
}

/// A queue overflows as the chain goes down, seen from above.
fn check_queue(capacity: usize, theta: [f64; 2]) {
    let found = gradient(&models::queue(capacity).unwrap(), &theta);
    let [services, arrivals] = chain(capacity, capacity, theta[1], theta[0]);
    for (p, expected) in [arrivals, services].into_iter().enumerate() {
        let what = format!("queue of {capacity} at {theta:?}, theta[{p}]");
        assert_close(found[p], expected, &what);
    }
}

#[test]
fn drifting_chains() {
    for (levels, theta) in [
        (150, [3.0, 1.0]),
        (150, [7.0, 1.0]),
        (300, [1.6, 1.0]),
        (60, [3.0, 1.0]),
        (40, [1e3, 1.0]),
        (200, [0.9, 1.1]),
        (7, [1e-12, 1.0]),
    ] {
        check_birth_death(levels, theta);
    }
    for (capacity, theta) in [
        (100, [0.2, 1.0]),
        (60, [5.0, 1.0]),
        (80, [1.0, 1.0]),
        (300, [1.0, 1.1]),
    ] {
        check_queue(capacity, theta);
    }
}

/// Numbers that look random, the same in every run (Knuth's MMIX generator).
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.unit() * limit as f64) as usize
    }

    /// A number whose logarithm to base 10 is spread evenly between -`digits` and `digits`.
    fn power(&mut self, digits: f64) -> f64 {
        10f64.powf(digits * (2.0 * self.unit() - 1.0))
    }
}

#[test]
#[ignore = "takes minutes unoptimized; `just gradients-hard` runs it"]
fn many_drifting_chains() {
    let mut random = Random(1);
    for _ in 0..150 {
        let levels = 20 + random.below(300);
        // Means up to 1e250.
        let digits = (200.0 / levels as f64).min(1.5);
        let theta = [random.power(digits), 1.0 + random.unit()];
        check_birth_death(levels, theta);
        let theta = [random.power(digits), 1.0 + random.unit()];
        check_queue(levels, theta);
    }
}

/// Up to eight vertices, coefficients within 10^`digits`, a path to absorption from each.
fn random_graph(random: &mut Random, digits: f64) -> (Graph, Vec<f64>) {
    let size = 2 + random.below(6);
    let parameters = 1 + random.below(3);
    let mut builder = Graph::builder(0, parameters);
    let vertices: Vec<_> = (0..=size).map(|_| builder.add_vertex(&[])).collect();
    for from in 0..size {
        for _ in 0..1 + random.below(3) {
            let to = random.below(size + 1);
            if to != from {
                let mut coefficients = vec![0.0; parameters];
                coefficients[random.below(parameters)] = random.power(digits);
                if random.below(6) == 0 {
                    coefficients[random.below(parameters)] = random.power(digits);
                }
                builder.add_edge(vertices[from], vertices[to], &coefficients);
            }
        }
        if random.below(4) == 0 {
            let to = vertices[from + 1];
            builder.add_constant_edge(vertices[from], to, random.power(digits));
        } else {
            let mut coefficients = vec![0.0; parameters];
            coefficients[random.below(parameters)] = random.power(digits);
            builder.add_edge(vertices[from], vertices[from + 1], &coefficients);
        }
    }
    builder.start(vertices[random.below(size)], 0.75);
    builder.start(vertices[random.below(size)], 0.25);
    let theta = (0..parameters).map(|_| random.power(1.0)).collect();
    (builder.build().unwrap(), theta)
}

/// Up to seven vertices whose rates add up three parameters and constants, hardly two of them the same: coefficients within
/// 10^`digits`, some negative, and a third parameter that may be negative.
fn random_sums(random: &mut Random, digits: f64) -> (Graph, Vec<f64>) {
    let size = 2 + random.below(5);
    let mut builder = Graph::builder(0, 3);
    let vertices: Vec<_> = (0..=size).map(|_| builder.add_vertex(&[])).collect();
    let theta = vec![
        0.5 + random.unit(),
        0.5 + random.unit(),
        random.unit() - 0.5,
    ];
    for from in 0..size {
        for way in 0..2 + random.below(3) {
            let to = if way == 0 {
                from + 1
            } else {
                random.below(size + 1)
            };
            if to == from {
                continue;
            }
            // The third parameter is at most a half and the others at least, so the rate is positive.
            let (a, b) = (random.power(digits), random.power(digits));
            let c = 0.99 * (a + b) * (2.0 * random.unit() - 1.0);
            let coefficients = match random.below(4) {
                0 => [a, 0.0, 0.0],
                1 => [a, b, 0.0],
                _ => [a, b, c],
            };
            if random.below(5) == 0 {
                builder.add_constant_edge(vertices[from], vertices[to], random.power(digits));
            }
            builder.add_edge(vertices[from], vertices[to], &coefficients);
        }
    }
    builder.start(vertices[0], 1.0);
    (builder.build().unwrap(), theta)
}

/// Gradients of three moments and of two rewards against exact answers.
fn check(graph: &Graph, theta: &[f64], what: &str) {
    let exact = Exact::new(graph, theta);
    let trace = EliminationTrace::record(graph);
    let row = ArrayView1::from(theta).insert_axis(Axis(0));
    for batch in [trace.batch().lanes(1), trace.batch().lanes(8)] {
        let (_, gradients) = batch.moments_and_gradients(row, 3).unwrap();
        for (k, (_, expected)) in exact.moments(3).into_iter().enumerate() {
            for (p, expected) in expected.into_iter().enumerate() {
                let what = format!("{what}, moment {}, theta[{p}] of {theta:?}", k + 1);
                assert_close(gradients[[0, k, p]], expected, &what);
            }
        }
        let rewards = Array2::from_shape_fn((2, graph.vertex_count()), |(i, v)| {
            if i == 0 {
                (v * 7 % 5) as f64
            } else {
                f64::from(u8::from(v == 1))
            }
        });
        let (_, gradients) = batch
            .expected_rewards_and_gradients(row, rewards.view())
            .unwrap();
        for (i, reward) in rewards.outer_iter().enumerate() {
            let (_, expected) = exact.reward(reward.as_slice().unwrap());
            for (p, expected) in expected.into_iter().enumerate() {
                let what = format!("{what}, reward {i}, theta[{p}] of {theta:?}");
                assert_close(gradients[[0, i, p]], expected, &what);
            }
        }
    }
}

fn check_many(
    make: fn(&mut Random, f64) -> (Graph, Vec<f64>),
    seed: u64,
    count: usize,
    digits: f64,
) {
    let mut random = Random(seed);
    for i in 0..count {
        let (graph, theta) = make(&mut random, digits);
        check(&graph, &theta, &format!("graph {i} of seed {seed}"));
    }
}

#[test]
fn rates_of_several_parameters() {
    for (seed, digits) in [(1, 0.5), (2, 2.0), (3, 6.0), (4, 12.0)] {
        check_many(random_sums, seed, 12, digits);
    }
}

#[test]
#[ignore = "takes minutes unoptimized; `just gradients-hard` runs it"]
fn many_rates_of_several_parameters() {
    for (seed, digits) in [(11, 1.0), (12, 3.0), (13, 9.0), (14, 20.0)] {
        check_many(random_sums, seed, 400, digits);
    }
}

#[test]
fn rates_of_all_orders() {
    for (seed, digits) in [(1, 2.0), (2, 8.0), (3, 18.0), (4, 39.0), (5, 140.0)] {
        check_many(random_graph, seed, 12, digits);
    }
}

#[test]
#[ignore = "takes minutes unoptimized; `just gradients-hard` runs it"]
fn many_rates_of_all_orders() {
    for (seed, digits) in [(11, 6.0), (12, 12.0), (13, 18.0), (14, 39.0), (15, 39.0)] {
        check_many(random_graph, seed, 400, digits);
    }
}

fn read(name: &str) -> Graph {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/gradients");
    Graph::read(format!("{folder}/{name}.json")).unwrap()
}

#[test]
fn differences_far_smaller_than_their_terms() {
    // 1/1000 + 1/1000000 at the rate of 1e12 back and forth, whatever the constant rate.
    for name in ["grad3", "grad4", "grad5"] {
        assert_close(gradient(&read(name), &[1.0])[0], -0.001001, name);
        check(&read(name), &[1.0], name);
    }
    let islands = models::islands(5).unwrap();
    for theta in [[1.0, 0.5, 1e9], [1e-9, 1e9, 1.0], [1.0, 0.5, 1e-9]] {
        check(&islands, &theta, "islands");
    }
    let grid = models::grid_walk(6, 6).unwrap();
    for theta in [[1.0, 1.0, 1e-14], [1e5, 1e-5, 1e-9]] {
        check(&grid, &theta, "grid");
    }
}

/// Two vertices that take turns and are left at one rate: how fast they take turns makes no difference.
#[test]
fn derivatives_that_vanish_at_every_theta() {
    let mut builder = Graph::builder(0, 3);
    let vertices: Vec<_> = (0..4).map(|_| builder.add_vertex(&[])).collect();
    for from in 0..3 {
        builder.add_edge(vertices[from], vertices[(from + 1) % 3], &[0.3, 0.1, 0.0]);
        builder.add_edge(vertices[from], vertices[(from + 2) % 3], &[0.0, 0.7, 0.0]);
        builder.add_edge(vertices[from], vertices[3], &[0.0, 0.0, 1.0]);
    }
    builder.start(vertices[0], 1.0);
    let graph = builder.build().unwrap();
    let trace = EliminationTrace::record(&graph);
    let thetas = Array2::from_shape_fn((40, 3), |(row, p)| 0.1 + (row * 7 + p * 3) as f64 / 11.0);
    let (_, gradients) = trace
        .batch()
        .moments_and_gradients(thetas.view(), 2)
        .unwrap();
    for (row, theta) in thetas.outer_iter().enumerate() {
        for k in 0..2 {
            assert_eq!(gradients[[row, k, 0]], 0.0);
            assert_eq!(gradients[[row, k, 1]], 0.0);
        }
        // Moments of an exponential time.
        let rate = theta[2];
        assert_close(gradients[[row, 0, 2]], -1.0 / (rate * rate), "mean");
        assert_close(
            gradients[[row, 1, 2]],
            -4.0 / (rate * rate * rate),
            "second moment",
        );
        let alone = trace.at(&theta.to_vec()).unwrap().gradient().unwrap();
        assert_eq!(alone, gradients.slice(ndarray::s![row, 0, ..]).to_vec());
    }
}

/// The time is `1 / (a + b) + (a + b / 2) / (a + b)`, whose derivative by `a` is zero where b is 2.
#[test]
fn a_derivative_that_vanishes_at_one_theta() {
    let mut builder = Graph::builder(0, 2);
    let [first, slow, fast, end] = [0; 4].map(|_| builder.add_vertex(&[]));
    builder.add_edge(first, slow, &[1.0, 0.0]);
    builder.add_edge(first, fast, &[0.0, 1.0]);
    builder.add_constant_edge(slow, end, 1.0);
    builder.add_constant_edge(fast, end, 2.0);
    builder.start(first, 1.0);
    let graph = builder.build().unwrap();
    for a in [0.3, 1e-7, 4.0, 1e8] {
        assert_eq!(gradient(&graph, &[a, 2.0])[0], 0.0);
        check(&graph, &[a, 2.0 + 1e-12], "near the zero");
        check(&graph, &[a, 2.0 - 1e-15], "at the zero but for a digit");
    }
}

#[test]
fn moments_of_high_order() {
    let graph = read("two_phases");
    let (theta, order) = ([1000.0], 300);
    let trace = EliminationTrace::record(&graph);
    let row = ArrayView1::from(&theta).insert_axis(Axis(0));
    let (moments, gradients) = trace.batch().moments_and_gradients(row, order).unwrap();
    for (k, (moment, expected)) in Exact::new(&graph, &theta)
        .moments(order)
        .into_iter()
        .enumerate()
    {
        let what = format!("moment {}", k + 1);
        assert!(moment > 0.0 && moment.is_finite());
        assert_close(moments[[0, k]], moment, &what);
        assert_close(gradients[[0, k, 0]], expected[0], &what);
    }
}

/// As above, but what follows takes 10^2700 in the mean, beside which the two ways differ by less than the longest numbers
/// tell.
#[test]
fn what_has_no_certain_digit_is_an_error() {
    let mut builder = Graph::builder(0, 2);
    let [first, slow, fast, end] = [0; 4].map(|_| builder.add_vertex(&[]));
    let rest = [0; 5].map(|_| builder.add_vertex(&[]));
    builder.add_edge(first, slow, &[1.0, 0.0]);
    builder.add_edge(first, fast, &[0.0, 1.0]);
    builder.add_constant_edge(slow, rest[0], 1.0);
    builder.add_constant_edge(fast, rest[0], 2.0);
    for pair in rest.windows(2) {
        builder.add_constant_edge(pair[0], pair[1], 1e-300);
        builder.add_constant_edge(pair[1], rest[0], 1e300);
    }
    builder.add_constant_edge(rest[4], end, 1e-300);
    builder.start(first, 1.0);
    let trace = EliminationTrace::record(&builder.build().unwrap());
    let time = trace.at(&[1.0, 1.0]).unwrap();
    assert_eq!(time.expectation(), f64::INFINITY);
    let error = time.gradient().unwrap_err();
    assert!(
        matches!(
            error,
            NumericError::GradientDigits {
                output: 0,
                parameter: 0,
                bits: 8192
            }
        ),
        "{error}"
    );
    // A batch names the row.
    let thetas = Array2::from_elem((3, 2), 1.0);
    let error = trace
        .batch()
        .values_and_gradients(thetas.view())
        .unwrap_err();
    assert!(
        matches!(error, NumericError::ThetaRow { row: 0, .. }),
        "{error}"
    );
}
