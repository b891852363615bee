//! Densities and tails of random chains against exact rational series.

use elimap::phase::{EliminationTrace, Graph};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, ToPrimitive, Zero};
use proptest::prelude::*;

/// Rates in quarters between states, to absorption, and a start in eighths.
#[derive(Clone, Debug)]
struct Chain {
    inner: Vec<Vec<u8>>,
    exits: Vec<u8>,
    start: Vec<u8>,
}

fn chains() -> impl Strategy<Value = Chain> {
    (1usize..5).prop_flat_map(|states| {
        (
            prop::collection::vec(prop::collection::vec(0u8..6, states), states),
            prop::collection::vec(1u8..5, states),
            prop::collection::vec(0u8..3, states),
        )
            .prop_map(|(inner, exits, start)| Chain {
                inner,
                exits,
                start,
            })
    })
}

fn graph(chain: &Chain) -> Graph {
    let mut builder = Graph::builder(0, 0);
    let vertices: Vec<_> = chain
        .exits
        .iter()
        .map(|_| builder.add_vertex(&[]))
        .collect();
    let end = builder.add_vertex(&[]);
    for (i, row) in chain.inner.iter().enumerate() {
        for (j, &rate) in row.iter().enumerate() {
            if i != j && rate > 0 {
                builder.add_constant_edge(vertices[i], vertices[j], f64::from(rate) / 4.0);
            }
        }
        builder.add_constant_edge(vertices[i], end, f64::from(chain.exits[i]) / 4.0);
        builder.start(vertices[i], f64::from(chain.start[i]) / 8.0);
    }
    builder.build().unwrap()
}

fn rational(numerator: i64, denominator: i64) -> BigRational {
    BigRational::new(BigInt::from(numerator), BigInt::from(denominator))
}

/// alpha exp(S t) by its series, and the rates to absorption.
fn exact(chain: &Chain, t: &BigRational) -> (Vec<BigRational>, Vec<BigRational>) {
    let states = chain.exits.len();
    let quarter = |rate: u8| rational(i64::from(rate), 4);
    let exits: Vec<_> = chain.exits.iter().map(|&rate| quarter(rate)).collect();
    let mut term: Vec<_> = chain
        .start
        .iter()
        .map(|&p| rational(i64::from(p), 8))
        .collect();
    let mut sum = term.clone();
    for k in 1..150 {
        let mut next = vec![BigRational::zero(); states];
        for i in 0..states {
            for j in (0..states).filter(|&j| j != i) {
                let rate = quarter(chain.inner[i][j]);
                next[j] += &term[i] * &rate;
                next[i] -= &term[i] * &rate;
            }
            next[i] -= &term[i] * &exits[i];
        }
        let factor = t / BigRational::from_integer(BigInt::from(k));
        term = next.into_iter().map(|value| value * &factor).collect();
        for (sum, term) in sum.iter_mut().zip(&term) {
            *sum += term;
        }
    }
    (sum, exits)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn densities_and_tails_are_those_of_the_exact_series(chain in chains(), eighths in 1i64..16) {
        let t = rational(eighths, 8);
        let (places, exits) = exact(&chain, &t);
        let survival: BigRational = places.iter().sum();
        let density: BigRational = places.iter().zip(&exits).map(|(p, x)| p * x).sum();
        let start: BigRational = chain.start.iter().map(|&p| rational(i64::from(p), 8)).sum();
        prop_assume!(start <= BigRational::one());
        let time = EliminationTrace::record(&graph(&chain)).at(&[]).unwrap();
        let curve = time.curve(&[eighths as f64 / 8.0]).unwrap();
        let close = |found: f64, expected: &BigRational| {
            let expected = expected.to_f64().unwrap();
            (found - expected).abs() <= 4e-15 * expected
        };
        prop_assert!(close(curve.survival[0], &survival), "{} {}", curve.survival[0], survival);
        prop_assert!(close(curve.pdf[0], &density));
        prop_assert!(close(curve.cdf[0], &(BigRational::one() - survival)));
    }
}
