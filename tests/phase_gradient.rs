//! Gradients against exact derivatives in rational arithmetic.

#![allow(clippy::unwrap_used)]

use elimap::phase::{EliminationTrace, Graph, models};
use num_rational::BigRational;
use num_traits::{FromPrimitive, Signed, ToPrimitive, Zero};

fn rational(value: f64) -> BigRational {
    BigRational::from_f64(value).unwrap()
}

/// Solves a dense system exactly; the diagonal of these never vanishes.
fn solve(mut matrix: Vec<Vec<BigRational>>, mut right: Vec<BigRational>) -> Vec<BigRational> {
    let size = right.len();
    for column in 0..size {
        let pivot_row = matrix[column].clone();
        let pivot_right = right[column].clone();
        for row in (0..size).filter(|&row| row != column) {
            if matrix[row][column].is_zero() {
                continue;
            }
            let factor = &matrix[row][column] / &pivot_row[column];
            for (entry, pivot) in matrix[row].iter_mut().zip(&pivot_row).skip(column) {
                *entry -= &factor * pivot;
            }
            right[row] -= &factor * &pivot_right;
        }
    }
    (0..size)
        .map(|row| &right[row] / &matrix[row][row])
        .collect()
}

type Matrix = Vec<Vec<BigRational>>;

fn times(matrix: &Matrix, x: &[BigRational]) -> Vec<BigRational> {
    let row = |row: &Vec<BigRational>| row.iter().zip(x).map(|(a, x)| a * x).sum();
    matrix.iter().map(row).collect()
}

/// The derivatives of the first and second moment with respect to every parameter.
fn exact(graph: &Graph, theta: &[f64]) -> Vec<[BigRational; 2]> {
    let number: Vec<Option<usize>> = graph
        .vertices()
        .scan(0, |next, vertex| {
            let transient = graph.edges_from(vertex).next().is_some();
            *next += usize::from(transient);
            Some(transient.then(|| *next - 1))
        })
        .collect();
    let size = number.iter().flatten().count();
    // A, then its derivatives.
    let mut matrices = vec![vec![vec![BigRational::zero(); size]; size]; 1 + theta.len()];
    for edge in graph.edges() {
        let from = number[edge.from.index()].unwrap();
        let mut add = |matrix: usize, rate: BigRational| {
            if let Some(to) = number[edge.to.index()] {
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
    let weigh = |x: &[BigRational]| -> BigRational {
        let weighed = graph.start().iter().map(|&(vertex, probability)| {
            rational(probability) * &x[number[vertex.index()].unwrap()]
        });
        weighed.sum()
    };
    let a = &matrices[0];
    let two = rational(2.0);
    let x1 = solve(a.clone(), vec![rational(1.0); size]);
    let x2 = solve(a.clone(), x1.iter().map(|x| x * &two).collect());
    matrices[1..]
        .iter()
        .map(|change| {
            let right = times(change, &x1).into_iter().map(|value| -value).collect();
            let d1 = solve(a.clone(), right);
            let right = times(change, &x2);
            let right = right
                .into_iter()
                .zip(&d1)
                .map(|(value, d)| d * &two - value)
                .collect();
            let d2 = solve(a.clone(), right);
            [weigh(&d1), weigh(&d2)]
        })
        .collect()
}

#[test]
fn gradients_of_moments_are_right_to_eleven_digits() {
    for (name, graph, theta) in [
        ("stiff 1", models::birth_death(8).unwrap(), vec![3.0, 1.0]),
        ("stiff 2", models::birth_death(8).unwrap(), vec![5.0, 1.0]),
        ("stiff 3", models::birth_death(10).unwrap(), vec![8.0, 1.0]),
        (
            "dense 1",
            models::dense(12, 7).unwrap(),
            vec![1.0, 1.0, 1e-2],
        ),
        (
            "dense 2",
            models::dense(12, 7).unwrap(),
            vec![1.0, 1.0, 1e-3],
        ),
        (
            "dense 3",
            models::dense(12, 7).unwrap(),
            vec![1.0, 1.0, 1e-4],
        ),
        (
            "grid 1",
            models::grid_walk(5, 4).unwrap(),
            vec![1.0, 0.3, 1e-3],
        ),
        (
            "grid 2",
            models::grid_walk(5, 4).unwrap(),
            vec![1.0, 0.3, 1e-4],
        ),
        (
            "islands 1",
            models::islands(4).unwrap(),
            vec![1.0, 0.5, 1e-3],
        ),
        (
            "islands 2",
            models::islands(4).unwrap(),
            vec![1.0, 0.5, 1e-5],
        ),
        ("islands", models::islands(4).unwrap(), vec![1.0, 0.5, 0.25]),
        (
            "islands, stiff",
            models::islands(3).unwrap(),
            vec![1.0, 0.5, 1e-7],
        ),
        (
            "birth and death",
            models::birth_death(14).unwrap(),
            vec![0.7, 1.1],
        ),
        ("stiff", models::birth_death(12).unwrap(), vec![50.0, 0.1]),
        (
            "grid",
            models::grid_walk(4, 4).unwrap(),
            vec![1.0, 0.3, 0.01],
        ),
        (
            "random",
            models::random_block(14, 3, 5).unwrap(),
            vec![0.3, 1.2],
        ),
        ("dense", models::dense(10, 3).unwrap(), vec![0.3, 1.2, 0.9]),
        (
            "dense, slow",
            models::dense(9, 3).unwrap(),
            vec![1.0, 1.0, 1e-6],
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
    ] {
        let trace = EliminationTrace::record(&graph);
        let thetas = ndarray::Array2::from_shape_vec((1, theta.len()), theta.clone()).unwrap();
        let (_, gradients) = trace
            .batch()
            .moments_and_gradients(thetas.view(), 2)
            .unwrap();
        let one = trace.at(&theta).unwrap().gradient();
        for (parameter, derivatives) in exact(&graph, &theta).iter().enumerate() {
            for (k, derivative) in derivatives.iter().enumerate() {
                let found = gradients[[0, k, parameter]];
                let error = rational(found) - derivative;
                let error = if derivative.is_zero() {
                    error.abs()
                } else {
                    (error / derivative).abs()
                };
                let error = error.to_f64().unwrap();
                assert!(
                    error < 1e-11,
                    "{name}, moment {}, theta[{parameter}]: {error:e}",
                    k + 1
                );
                if k == 0 {
                    assert!(
                        (one[parameter] - found).abs() <= 1e-11 * found.abs(),
                        "{name}"
                    );
                }
            }
        }
    }
}
