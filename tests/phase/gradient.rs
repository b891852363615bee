//! Gradients, expected rewards and sojourn times against exact answers.
//!
//! The exact side knows nothing of blocks and orders: it inverts the dense matrix of rates, scaled to integers, without
//! fractions (Bareiss 1968), and differentiates the linear systems.

use elimap::phase::{EliminationTrace, Graph, VertexId, models};
use ndarray::{Array2, s};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{FromPrimitive, One, Signed, ToPrimitive, Zero};

/// A matrix of fractions with one denominator, or a column of them.
#[derive(Clone)]
struct Fractions {
    rows: Vec<Vec<BigInt>>,
    denominator: BigInt,
}

impl Fractions {
    /// Sums of products of doubles, which have powers of two for denominators.
    fn new(entries: &[Vec<BigRational>]) -> Self {
        let all = || entries.iter().flatten();
        let denominator = all().map(BigRational::denom).max().unwrap().clone();
        let whole = |entry: &BigRational| (entry * &denominator).to_integer();
        Fractions {
            rows: entries
                .iter()
                .map(|row| row.iter().map(whole).collect())
                .collect(),
            denominator,
        }
    }

    fn column(entries: Vec<BigRational>) -> Self {
        Self::new(
            &entries
                .into_iter()
                .map(|entry| vec![entry])
                .collect::<Vec<_>>(),
        )
    }

    fn times(&self, other: &Fractions) -> Fractions {
        let width = other.rows[0].len();
        let entry = |row: &[BigInt], column: usize| {
            let terms = row.iter().zip(&other.rows).filter(|term| !term.0.is_zero());
            terms.map(|(a, b)| a * &b[column]).sum()
        };
        Fractions {
            rows: self
                .rows
                .iter()
                .map(|row| (0..width).map(|column| entry(row, column)).collect())
                .collect(),
            denominator: &self.denominator * &other.denominator,
        }
    }

    /// `factor * self - other`.
    fn scaled_minus(&self, factor: usize, other: &Fractions) -> Fractions {
        let (left, right) = (&other.denominator * factor, &self.denominator);
        let rows = self.rows.iter().zip(&other.rows);
        Fractions {
            rows: rows
                .map(|(a, b)| {
                    a.iter()
                        .zip(b)
                        .map(|(a, b)| a * &left - b * right)
                        .collect()
                })
                .collect(),
            denominator: &self.denominator * &other.denominator,
        }
    }

    fn transposed(&self) -> Fractions {
        let width = self.rows[0].len();
        Fractions {
            rows: (0..width)
                .map(|column| self.rows.iter().map(|row| row[column].clone()).collect())
                .collect(),
            denominator: self.denominator.clone(),
        }
    }

    /// The inverse; the leading minors of these matrices never vanish.
    fn inverse(&self) -> Fractions {
        let size = self.rows.len();
        let unit = |row: usize, column: usize| BigInt::from(u8::from(row == column));
        let mut rows: Vec<Vec<BigInt>> = self
            .rows
            .iter()
            .enumerate()
            .map(|(row, entries)| {
                let identity = (0..size).map(|column| unit(row, column));
                entries.iter().cloned().chain(identity).collect()
            })
            .collect();
        let mut previous = BigInt::one();
        for k in 0..size {
            let pivot = rows[k].clone();
            for (i, row) in rows.iter_mut().enumerate().filter(|entry| entry.0 != k) {
                let factor = row[k].clone();
                for j in 0..2 * size {
                    // Every entry is a minor of the matrix, so the division leaves nothing.
                    let value = if factor.is_zero() || pivot[j].is_zero() {
                        &row[j] * &pivot[k]
                    } else {
                        &row[j] * &pivot[k] - &factor * &pivot[j]
                    };
                    row[j] = value / &previous;
                }
                assert!(row[k].is_zero(), "{i}");
            }
            previous = pivot[k].clone();
        }
        // Now the left side is the determinant times the identity.
        Fractions {
            rows: rows
                .into_iter()
                .map(|row| row[size..].iter().map(|x| x * &self.denominator).collect())
                .collect(),
            denominator: previous,
        }
    }
}

/// The quotient in `f64`, correct to a unit in the last place.
pub(crate) fn quotient(numerator: &BigInt, denominator: &BigInt) -> f64 {
    if numerator.is_zero() {
        return 0.0;
    }
    let shift = 70 + denominator.bits() as i64 - numerator.bits() as i64;
    let scaled = if shift >= 0 {
        (numerator << shift.unsigned_abs()) / denominator
    } else {
        numerator / (denominator << shift.unsigned_abs())
    };
    let mut value = scaled.to_f64().unwrap();
    let mut left = -shift;
    while left != 0 {
        let step = left.clamp(-1000, 1000);
        value *= 2f64.powi(step as i32);
        left -= step;
    }
    value
}

fn rational(value: f64) -> BigRational {
    BigRational::from_f64(value).unwrap()
}

/// A graph at a theta, exactly.
pub(crate) struct Exact {
    transient: Vec<VertexId>,
    start: Fractions,
    inverse: Fractions,
    /// By parameter.
    changes: Vec<Fractions>,
}

impl Exact {
    pub(crate) fn new(graph: &Graph, theta: &[f64]) -> Self {
        let is_transient = |vertex: &VertexId| graph.edges_from(*vertex).next().is_some();
        let transient: Vec<VertexId> = graph.vertices().filter(is_transient).collect();
        let number = |vertex: VertexId| transient.iter().position(|&other| other == vertex);
        let size = transient.len();
        // The matrix, then its derivatives.
        let mut matrices = vec![vec![vec![BigRational::zero(); size]; size]; 1 + theta.len()];
        for edge in graph.edges() {
            let (from, to) = (number(edge.from).unwrap(), number(edge.to));
            let mut add = |matrix: usize, rate: BigRational| {
                if let Some(to) = to {
                    matrices[matrix][from][to] -= &rate;
                }
                matrices[matrix][from][from] += rate;
            };
            add(0, rational(edge.constant));
            for (&parameter, &coefficient) in edge.parameters.iter().zip(edge.coefficients) {
                let parameter = parameter as usize;
                add(0, rational(coefficient) * rational(theta[parameter]));
                add(1 + parameter, rational(coefficient));
            }
        }
        let mut start = vec![BigRational::zero(); size];
        for &(vertex, probability) in graph.start() {
            start[number(vertex).unwrap()] += rational(probability);
        }
        Exact {
            start: Fractions::column(start).transposed(),
            inverse: Fractions::new(&matrices[0]).inverse(),
            changes: matrices[1..].iter().map(|m| Fractions::new(m)).collect(),
            transient,
        }
    }

    /// From the start.
    fn weigh(&self, column: &Fractions) -> f64 {
        let product = self.start.times(column);
        quotient(&product.rows[0][0], &product.denominator)
    }

    fn ones(&self) -> Fractions {
        Fractions::column(vec![BigRational::one(); self.transient.len()])
    }

    /// Moments, and for each its derivatives by parameter.
    pub(crate) fn moments(&self, order: usize) -> Vec<(f64, Vec<f64>)> {
        let mut x = self.ones();
        let mut derivatives: Vec<Fractions> = self
            .changes
            .iter()
            .map(|_| Fractions::column(vec![BigRational::zero(); self.transient.len()]))
            .collect();
        (1..=order)
            .map(|k| {
                // A x_k = k x_{k-1}, hence A x_k' = k x_{k-1}' - A' x_k.
                x = self.inverse.times(&x);
                x.rows.iter_mut().flatten().for_each(|entry| *entry *= k);
                for (derivative, change) in derivatives.iter_mut().zip(&self.changes) {
                    let right = derivative.scaled_minus(k, &change.times(&x));
                    *derivative = self.inverse.times(&right);
                }
                let gradient = derivatives.iter().map(|derivative| self.weigh(derivative));
                (self.weigh(&x), gradient.collect())
            })
            .collect()
    }

    /// An expected reward and its derivatives by parameter.
    pub(crate) fn reward(&self, rewards: &[f64]) -> (f64, Vec<f64>) {
        let right = self.transient.iter().map(|v| rational(rewards[v.index()]));
        let x = self.inverse.times(&Fractions::column(right.collect()));
        let gradient = self
            .changes
            .iter()
            .map(|change| -self.weigh(&self.inverse.times(&change.times(&x))));
        (self.weigh(&x), gradient.collect())
    }

    /// The row of the start in the inverse.
    fn sojourn_times(&self) -> Vec<f64> {
        let row = self.start.times(&self.inverse);
        let numerators = row.rows[0].iter();
        numerators
            .map(|entry| quotient(entry, &row.denominator))
            .collect()
    }
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let scale = if expected == 0.0 { 1.0 } else { expected.abs() };
    let error = (found - expected).abs() / scale;
    assert!(
        error <= tolerance,
        "{what}: found {found:e}, expected {expected:e}, error {error:e}"
    );
}

fn cases() -> Vec<(&'static str, Graph, Vec<f64>)> {
    let birth_death = |levels| models::birth_death(levels).unwrap();
    let dense = |size, seed| models::dense(size, seed).unwrap();
    let grid = |rows, columns| models::grid_walk(rows, columns).unwrap();
    let islands = |lineages| models::islands(lineages).unwrap();
    vec![
        ("stiff 1", birth_death(8), vec![3.0, 1.0]),
        ("stiff 2", birth_death(8), vec![5.0, 1.0]),
        ("stiff 3", birth_death(10), vec![8.0, 1.0]),
        ("stiff 4", birth_death(12), vec![50.0, 0.1]),
        ("birth and death", birth_death(14), vec![0.7, 1.1]),
        ("dense 1", dense(12, 7), vec![1.0, 1.0, 1e-2]),
        ("dense 2", dense(12, 7), vec![1.0, 1.0, 1e-3]),
        ("dense 3", dense(12, 7), vec![1.0, 1.0, 1e-4]),
        ("dense 4", dense(10, 3), vec![0.3, 1.2, 0.9]),
        ("dense, slow", dense(9, 3), vec![1.0, 1.0, 1e-6]),
        ("grid 1", grid(5, 4), vec![1.0, 0.3, 1e-3]),
        ("grid 2", grid(5, 4), vec![1.0, 0.3, 1e-4]),
        ("grid 3", grid(4, 4), vec![1.0, 0.3, 0.01]),
        ("islands 1", islands(4), vec![1.0, 0.5, 1e-3]),
        ("islands 2", islands(4), vec![1.0, 0.5, 1e-5]),
        ("islands 3", islands(4), vec![1.0, 0.5, 0.25]),
        ("islands, stiff", islands(3), vec![1.0, 0.5, 1e-7]),
        (
            "islands sfs",
            models::islands_sfs(3).unwrap(),
            vec![1.0, 0.5, 0.1, 0.2],
        ),
        (
            "random",
            models::random_block(14, 3, 5).unwrap(),
            vec![0.3, 1.2],
        ),
        (
            "blocks",
            models::block_chain(3, 5, 3, 2, 1).unwrap(),
            vec![0.3, 1.2],
        ),
        (
            "two loci",
            models::two_locus_arg(2).unwrap(),
            vec![1.0, 0.4],
        ),
        ("coalescent", models::coalescent_sfs(6).unwrap(), vec![0.3]),
        (
            "phases",
            models::hypoexponential(4).unwrap(),
            vec![1e-3, 1.0, 40.0, 1e5],
        ),
        (
            "queues",
            models::tandem_queue(3).unwrap(),
            vec![0.4, 1.0, 0.7],
        ),
    ]
}

#[test]
fn gradients_rewards_and_sojourn_times_are_right_to_eleven_digits() {
    for (name, graph, theta) in cases() {
        let exact = Exact::new(&graph, &theta);
        let trace = EliminationTrace::record(&graph);
        let time = trace.at(&theta).unwrap();
        let row = Array2::from_shape_vec((1, theta.len()), theta.clone()).unwrap();
        // One lane of eight others, so that the kernels for many lanes run, and alone.
        let thetas = row.broadcast((9, theta.len())).unwrap();
        for (batch, thetas) in [
            (trace.batch(), thetas),
            (trace.batch().lanes(1), row.view()),
        ] {
            let last = thetas.nrows() - 1;
            let (moments, gradients) = batch.moments_and_gradients(thetas, 3).unwrap();
            for (k, (moment, gradient)) in exact.moments(3).into_iter().enumerate() {
                let what = format!("{name}, moment {}", k + 1);
                assert_close(moments[[last, k]], moment, 1e-13, &what);
                for (p, derivative) in gradient.into_iter().enumerate() {
                    let what = format!("{what}, theta[{p}]");
                    assert_close(gradients[[last, k, p]], derivative, 1e-11, &what);
                }
            }
            let alone = gradients.slice(s![last, 0, ..]).to_vec();
            for (&found, derivative) in time.gradient().unwrap().iter().zip(alone) {
                assert_close(found, derivative, 1e-11, name);
            }

            // Rewards of every vertex, of one in three, and of one alone.
            let vertices = graph.vertex_count();
            let rewards = Array2::from_shape_fn((3, vertices), |(i, v)| match i {
                0 => 0.5 + (v * 7 % 5) as f64,
                1 => f64::from(u8::from(v % 3 == 1)),
                _ => f64::from(u8::from(v + 2 == vertices)),
            });
            let (values, gradients) = batch
                .expected_rewards_and_gradients(thetas, rewards.view())
                .unwrap();
            let plain = batch.expected_rewards(thetas, rewards.view()).unwrap();
            let sojourn = batch.sojourn_times(thetas).unwrap();
            let times = exact.sojourn_times();
            for (&vertex, &expected) in exact.transient.iter().zip(&times) {
                let what = format!("{name}, sojourn time of {vertex}");
                assert_close(sojourn[[last, vertex.index()]], expected, 1e-13, &what);
            }
            let all: f64 = sojourn.row(last).sum();
            assert_close(all, time.expectation(), 1e-13, name);
            for (i, reward) in rewards.outer_iter().enumerate() {
                let (value, gradient) = exact.reward(reward.as_slice().unwrap());
                let what = format!("{name}, reward {i}");
                assert_close(values[[last, i]], value, 1e-13, &what);
                assert_eq!(values[[last, i]], plain[[last, i]], "{what}");
                for (p, derivative) in gradient.into_iter().enumerate() {
                    let what = format!("{what}, theta[{p}]");
                    assert_close(gradients[[last, i, p]], derivative, 1e-11, &what);
                }
                // The derivatives with respect to the rewards are the sojourn times.
                let sum: f64 = reward
                    .iter()
                    .zip(sojourn.row(last))
                    .map(|(r, y)| r * y)
                    .sum();
                assert_close(sum, value, 1e-13, &what);
            }
        }
    }
}

/// Levels are left for good only downwards, one below the start after the other: with flows across the cut between two
/// levels, `mu y(j) - lambda y(j - 1)` is 1 up to the start's level and 0 above it.
#[test]
fn sojourn_times_of_chains_with_means_to_1e300() {
    for theta in [[10.0, 1.0], [2.0, 1.0], [0.5, 1.0], [1.0, 64.0]] {
        let (levels, from) = (300usize, 75usize);
        let trace = EliminationTrace::record(&models::birth_death(levels).unwrap());
        let thetas = Array2::from_shape_fn((5, 2), |(row, p)| theta[p] * f64::from(1 + row as u8));
        // Of row 1, which has twice theta.
        let [lambda, mu] = theta.map(|rate| rational(2.0 * rate));
        for lanes in [1, 8] {
            let found = trace
                .batch()
                .lanes(lanes)
                .sojourn_times(thetas.view())
                .unwrap();
            let mut time = BigRational::zero();
            for level in 1..=levels {
                let flow = BigRational::from(BigInt::from(u8::from(level <= from)));
                time = (flow + &lambda * time) / &mu;
                let expected = quotient(time.numer(), time.denom());
                // Vertices are numbered from the highest level down.
                let what = format!("level {level} at twice {theta:?}");
                assert_close(found[[1, levels + 1 - level]], expected, 1e-12, &what);
            }
            assert!(time.is_positive());
        }
    }
}
