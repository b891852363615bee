//! Probabilities of numbers of steps, and the bounds on their errors, against exact rationals.

use elimap::phase::{
    DiscreteCurve, DiscretePhaseType, DistributionError, EliminationTrace, Graph, Statistic,
    Tolerance, models,
};
use elimap::prelude::*;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{FromPrimitive, One, Signed, ToPrimitive, Zero};
use proptest::prelude::*;

/// A chain of whole weights: each row of `weights` is divided by its sum. The last column is absorption.
#[derive(Clone, Debug)]
struct Chain {
    start: Vec<f64>,
    weights: Vec<Vec<f64>>,
}

impl Chain {
    fn steps(&self) -> DiscretePhaseType {
        let states = self.start.len();
        let mut builder = Graph::builder(0, 0);
        let vertices: Vec<_> = (0..=states).map(|_| builder.add_vertex(&[])).collect();
        builder.discrete();
        for (from, row) in self.weights.iter().enumerate() {
            for (to, &weight) in row.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                builder.add_constant_edge(vertices[from], vertices[to], weight);
            }
            if self.start[from] > 0.0 {
                builder.start(vertices[from], self.start[from]);
            }
        }
        EliminationTrace::record(&builder.build().unwrap())
            .steps_at(&[])
            .unwrap()
    }

    /// The probability of this many steps, of at most as many, and of more.
    fn exact(&self, count: u64) -> [BigRational; 3] {
        let states = self.start.len();
        let exact = |x: f64| BigRational::from_f64(x).unwrap();
        let rows: Vec<Vec<BigRational>> = self
            .weights
            .iter()
            .map(|row| {
                let sum: BigRational = row.iter().map(|&w| exact(w)).sum();
                row.iter().map(|&w| exact(w) / &sum).collect()
            })
            .collect();
        let mut state: Vec<BigRational> = self.start.iter().map(|&p| exact(p)).collect();
        let at_zero = BigRational::one() - state.iter().sum::<BigRational>();
        let (mut flow, mut cdf) = (at_zero.clone(), at_zero);
        for _ in 0..count {
            let mut next: Vec<BigRational> = (0..=states)
                .map(|to| (0..states).map(|from| &state[from] * &rows[from][to]).sum())
                .collect();
            flow = next.split_off(states).remove(0);
            cdf += &flow;
            state = next;
        }
        [flow, cdf, state.iter().sum()]
    }
}

/// Whether a value is within its bound, and the bound is no larger than `most` times the value.
fn is_bounded(found: f64, error: f64, expected: &BigRational, most: f64) -> Result<(), String> {
    let exact = |x: f64| BigRational::from_f64(x).unwrap();
    let off = (exact(found) - expected).abs();
    if off > exact(error) {
        return Err(format!("{found:?} is off by more than {error:?}"));
    }
    match error <= most * found.abs() {
        true => Ok(()),
        false => Err(format!("a bound of {error:?} for {found:?}")),
    }
}

fn check(
    curve: &DiscreteCurve,
    place: usize,
    exact: &[BigRational; 3],
    most: f64,
) -> Result<(), String> {
    let [pmf, cdf, survival] = exact;
    is_bounded(curve.pmf[place], curve.pmf_error[place], pmf, most)?;
    is_bounded(curve.cdf[place], curve.cdf_error[place], cdf, most)?;
    is_bounded(
        curve.survival[place],
        curve.survival_error[place],
        survival,
        most,
    )
}

/// What one rounding to `f64` costs, and a little.
const ROUNDING: f64 = 1.2e-16;

fn chains() -> impl Strategy<Value = Chain> {
    (1usize..5).prop_flat_map(|states| {
        let row = prop::collection::vec(
            prop_oneof![Just(0u32), Just(0), Just(1), 1u32..200],
            states + 1,
        );
        let rows = prop::collection::vec(row, states);
        let start = prop::collection::vec(1u32..50, states);
        (rows, start).prop_map(move |(mut rows, start)| {
            for row in &mut rows {
                // A way out of each state.
                row[states] += 1;
            }
            let total: u32 = start.iter().sum::<u32>() + 7;
            // Decimal fractions: neither the numbers nor their sums are exact.
            let row = |row: &Vec<u32>| {
                let sum: u32 = row.iter().sum();
                row.iter().map(|&w| f64::from(w) / f64::from(sum)).collect()
            };
            Chain {
                start: start
                    .iter()
                    .map(|&p| f64::from(p) / f64::from(total))
                    .collect(),
                weights: rows.iter().map(row).collect(),
            }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn probabilities_are_within_their_bounds_of_exact_rationals(chain in chains(), count in 0u64..9) {
        let curve = chain.steps().curve(&[count, 3]).unwrap();
        for (place, count) in [count, 3].into_iter().enumerate() {
            // Mass at zero is what the start lacks of 1, so its digits are those of 1.
            let most = if count == 0 { 1e-14 } else { 1e-15 };
            if let Err(wrong) = check(&curve, place, &chain.exact(count), most) {
                prop_assert!(false, "{wrong}");
            }
        }
        // Far tails have the same digits.
        let tail = chain.steps().curve(&[50]).unwrap();
        let [pmf, _, survival] = chain.exact(50);
        prop_assume!(survival.to_f64().unwrap() > 1e-300);
        is_bounded(tail.pmf[0], tail.pmf_error[0], &pmf, ROUNDING).unwrap();
        is_bounded(tail.survival[0], tail.survival_error[0], &survival, ROUNDING).unwrap();
    }
}

/// Weights in sixteenths, over which the steps are whole numbers over a power of 16.
const SIXTEENTHS: [[u32; 4]; 3] = [[13, 2, 1, 0], [0, 15, 0, 1], [1, 0, 14, 1]];

/// The probability of so many steps, of at most as many and of more, for a chain that starts in its first state.
fn sixteenths(count: u64) -> [BigRational; 3] {
    let mut state = [BigInt::one(), BigInt::zero(), BigInt::zero()];
    let (mut flow, mut absorbed) = (BigInt::zero(), BigInt::zero());
    for _ in 0..count {
        let next =
            |to: usize| -> BigInt { (0..3).map(|from| &state[from] * SIXTEENTHS[from][to]).sum() };
        flow = next(3);
        absorbed = absorbed * 16 + &flow;
        state = [next(0), next(1), next(2)];
    }
    let unit = BigInt::one() << (4 * count);
    [flow, absorbed, state.iter().sum()].map(|over| BigRational::new_raw(over, unit.clone()))
}

fn slow() -> DiscretePhaseType {
    let row = |row: &[u32; 4]| row.iter().map(|&w| f64::from(w) / 16.0).collect();
    let weights = SIXTEENTHS.iter().map(row).collect();
    let start = vec![1.0, 0.0, 0.0];
    Chain { start, weights }.steps()
}

#[test]
fn steps_and_powers_keep_all_digits_of_thousands_of_steps() {
    // Up to 4096 steps are taken one after the other, more by powers of the matrix.
    for counts in [vec![1, 100, 4096], vec![1, 100, 4096, 4097, 9999]] {
        let curve = slow().curve(&counts).unwrap();
        for (place, &count) in counts.iter().enumerate() {
            check(&curve, place, &sixteenths(count), ROUNDING).unwrap();
        }
    }
}

#[test]
fn quantiles_are_the_first_counts_that_reach_their_probability() {
    let steps = slow();
    for p in [0.1, 0.5, 0.9, 0.999, 1.0 - 1e-12] {
        let k = steps.quantile(&[p]).unwrap()[0];
        let p = BigRational::from_f64(p).unwrap();
        assert!(sixteenths(k)[1] >= p && sixteenths(k - 1)[1] < p, "{k}");
    }
    // So far out that the powers are searched.
    for q in [1e-12, 1e-150, 1e-250] {
        let k = steps.survival_quantile(&[q]).unwrap()[0];
        let q = BigRational::from_f64(q).unwrap();
        assert!(sixteenths(k)[2] <= q && sixteenths(k - 1)[2] > q, "{k}");
    }
    let rare = Chain {
        start: vec![1.0],
        weights: vec![vec![1.0 - 0.5_f64.powi(40), 0.5_f64.powi(40)]],
    };
    let k = rare.steps().quantile(&[0.5]).unwrap()[0];
    let expected = 2.0_f64.ln() * 2.0_f64.powi(40);
    assert!((k as f64 - expected).abs() < 2.0, "{k} {expected}");
    let far = rare.steps().survival(&[1 << 40, 1 << 50]).unwrap();
    // (1 - h)^(1/h) is exp(-1 - h/2 ..).
    assert!((far[0] / (-1.0_f64).exp() - 1.0).abs() < 1e-12);
    assert!((far[1] / (-1024.0_f64).exp() - 1.0).abs() < 1e-8 || far[1] == 0.0);
}

#[test]
fn bounds_of_rewards_and_marks_know_what_was_eliminated() {
    // Marks at the rate 1/3 on an exponential time: geometric with the exact probability r / (r + 1).
    let rate = 1.0 / 3.0;
    let time = EliminationTrace::record(&models::erlang(1).unwrap())
        .at(&[1.0])
        .unwrap();
    let marks = time.marks(&[0.0, rate, 0.0]).unwrap();
    let r = BigRational::from_f64(rate).unwrap();
    let go_on = &r / (&r + BigRational::one());
    let curve = marks.curve(&[0, 1, 7, 40]).unwrap();
    for (place, count) in [0, 1, 7, 40].into_iter().enumerate() {
        let more = num_traits::pow(go_on.clone(), count + 1);
        let exact = num_traits::pow(go_on.clone(), count) * (BigRational::one() - &go_on);
        let all = [exact, BigRational::one() - &more, more];
        check(&curve, place, &all, 1e-13).unwrap();
    }
    // Every second state counts three times.
    let chain = Chain {
        start: vec![0.5, 0.25],
        weights: vec![vec![0.1, 0.7, 0.2], vec![0.3, 0.3, 0.4]],
    };
    let reward = chain.steps().reward(&[0.0, 0.0, 3.0, 0.0]).unwrap();
    let curve = reward.curve(&[0, 3, 30]).unwrap();
    let exact = |x: f64| BigRational::from_f64(x).unwrap();
    let row = |row: [f64; 3]| {
        let sum = row.iter().map(|&x| exact(x)).sum::<BigRational>();
        row.map(|x| exact(x) / &sum)
    };
    let (first, second) = (row([0.1, 0.7, 0.2]), row([0.3, 0.3, 0.4]));
    // From the first state, the second is reached with this probability before absorption.
    let reach = &first[1] / (BigRational::one() - &first[0]);
    let stay = &second[1] + &second[0] * &reach;
    let enter = exact(0.25) + exact(0.5) * &reach;
    let zero = BigRational::one() - &enter;
    let after = |visits: usize| &enter * num_traits::pow(stay.clone(), visits);
    let pmf = |visits: usize| after(visits - 1) * (BigRational::one() - &stay);
    for (place, visits) in [(1, 1), (2, 10)] {
        let all = [
            pmf(visits),
            BigRational::one() - after(visits),
            after(visits),
        ];
        check(&curve, place, &all, 1e-13).unwrap();
    }
    is_bounded(curve.pmf[0], curve.pmf_error[0], &zero, 1e-14).unwrap();
}

#[test]
fn what_no_method_can_answer_is_an_error() {
    let steps = slow();
    for bad in [1.0, -0.1, f64::NAN] {
        assert!(matches!(
            steps.quantile(&[0.5, bad]).unwrap_err(),
            DistributionError::Probability { index: 1, .. }
        ));
    }
    for bad in [0.0, 1.5, f64::NAN] {
        assert!(steps.survival_quantile(&[bad]).is_err());
    }
    let mut builder = Graph::builder(0, 0);
    builder.discrete();
    let vertices: Vec<_> = (0..1200).map(|_| builder.add_vertex(&[])).collect();
    builder.start(vertices[0], 1.0);
    for pair in vertices.windows(2) {
        builder.add_constant_edge(pair[0], pair[1], 0.5);
        builder.add_constant_edge(pair[0], pair[0], 0.5);
    }
    let wide = EliminationTrace::record(&builder.build().unwrap())
        .steps_at(&[])
        .unwrap();
    assert!(matches!(
        wide.cdf(&[1 << 40]).unwrap_err(),
        DistributionError::TooStiff { vertices: 1199, .. }
    ));
    let strict = slow().within(Tolerance::relative(1e-14).unwrap());
    assert!(matches!(
        strict.survival(&[100_000]).unwrap_err(),
        DistributionError::NotReached { .. }
    ));
}

/// A walk on three states whose probabilities are linear in theta; rows sum to 1 where theta2 = 1 - theta0 - theta1.
fn walk() -> EliminationTrace {
    let mut builder = Graph::builder(0, 3);
    let vertices: Vec<_> = (0..4).map(|_| builder.add_vertex(&[])).collect();
    builder.discrete().start(vertices[0], 0.75);
    for pair in vertices.windows(2) {
        builder.add_edge(pair[0], pair[1], &[1.0, 0.0, 0.0]);
        builder.add_edge(pair[0], vertices[0], &[0.0, 1.0, 0.0]);
        builder.add_edge(pair[0], pair[0], &[0.0, 0.0, 1.0]);
    }
    EliminationTrace::record(&builder.build().unwrap())
}

/// Both ways to many thetas, and what one theta has.
fn agree(statistic: &Statistic, one: impl Fn(&DiscretePhaseType) -> Vec<f64>) {
    let thetas = ndarray::array![[0.5, 0.25, 0.25], [0.125, 0.5, 0.375], [0.75, 0.125, 0.125]];
    let trace = walk();
    let expected: Vec<f64> = thetas
        .outer_iter()
        .flat_map(|theta| one(&trace.steps_at(&theta.to_vec()).unwrap()))
        .collect();
    let rows = trace.batch().statistic(thetas.view(), statistic).unwrap();
    let batch = (0..3).flat_map(|row| {
        let parts = rows.iter();
        parts.flat_map(move |part| {
            part.index_axis(ndarray::Axis(0), row)
                .iter()
                .copied()
                .collect::<Vec<f64>>()
        })
    });
    assert_eq!(batch.collect::<Vec<f64>>(), expected);
    let callback = trace.statistic(statistic).unwrap();
    let thetas = Array::from(thetas.into_dyn());
    let found: Vec<Tensor> = match rows.len() {
        1 => {
            let mapped = vmap(|theta: Tensor| callback.call((theta,)));
            vec![mapped.call((thetas,)).unwrap()]
        }
        _ => {
            let pair = |theta: Tensor| callback.call_many::<2>((theta,)).map(|[a, b]| (a, b));
            let (values, gradients) = vmap(pair).call((thetas,)).unwrap();
            vec![values, gradients]
        }
    };
    let found: Vec<Vec<f64>> = found
        .iter()
        .map(|part| part.to_array().unwrap().to_vec::<f64>().unwrap())
        .collect();
    let flat = (0..3).flat_map(|row| {
        found.iter().flat_map(move |part| {
            let width = part.len() / 3;
            part[row * width..(row + 1) * width].to_vec()
        })
    });
    assert_eq!(flat.collect::<Vec<f64>>(), expected);
}

#[test]
fn statistics_of_steps_are_the_same_for_one_theta_for_rows_and_under_vmap() {
    let counts = vec![0, 1, 5, 60];
    let times: Vec<f64> = counts.iter().map(|&k| k as f64).collect();
    let rewards = ndarray::array![[0.0, 1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 0.5, 0.0]];
    let whole = |counts: Vec<u64>| counts.into_iter().map(|k| k as f64).collect::<Vec<f64>>();
    let k = &counts;
    agree(&Statistic::Pmf(counts.clone()), |s| s.pmf(k).unwrap());
    agree(&Statistic::Cdf(times.clone()), |s| s.cdf(k).unwrap());
    agree(&Statistic::Survival(times.clone()), |s| {
        s.survival(k).unwrap()
    });
    agree(&Statistic::Quantile(vec![0.3, 0.9]), |s| {
        whole(s.quantile(&[0.3, 0.9]).unwrap())
    });
    agree(&Statistic::SurvivalQuantile(vec![1e-9]), |s| {
        whole(s.survival_quantile(&[1e-9]).unwrap())
    });
    agree(&Statistic::FactorialMoments(3), |s| s.factorial_moments(3));
    agree(&Statistic::Pgf(vec![0.25, 1.0]), |s| {
        s.pgf(&[0.25, 1.0]).unwrap()
    });
    agree(&Statistic::Visits, DiscretePhaseType::visits);
    agree(
        &Statistic::AbsorptionProbabilities,
        DiscretePhaseType::absorption_probabilities,
    );
    agree(&Statistic::ExpectedRewards(rewards.clone()), |s| {
        s.expected_rewards(rewards.view()).unwrap()
    });
    agree(&Statistic::Covariance(rewards.clone()), |s| {
        s.covariance(rewards.view()).unwrap().into_iter().collect()
    });
    agree(&Statistic::Correlation(rewards.clone()), |s| {
        s.correlation(rewards.view()).unwrap().into_iter().collect()
    });
    agree(&Statistic::StateProbabilities(times.clone()), |s| {
        s.state_probabilities(k).unwrap().into_iter().collect()
    });
    let both = |(mut values, gradients): (Vec<f64>, ndarray::Array2<f64>)| {
        values.extend(gradients);
        values
    };
    agree(&Statistic::Pmf(counts.clone()).with_gradients(), |s| {
        both(s.pmf_and_gradients(k).unwrap())
    });
    agree(&Statistic::Cdf(times).with_gradients(), |s| {
        both(s.cdf_and_gradients(k).unwrap())
    });
}

#[test]
fn gradients_of_steps_are_those_of_the_exact_model() {
    // Central differences of exact rationals, whose error is some h^2.
    let theta = [0.5, 0.25, 0.25];
    let trace = walk();
    let steps = trace.steps_at(&theta).unwrap();
    let counts = [0, 3, 4, 9, 30];
    let (pmf, by_pmf) = steps.pmf_and_gradients(&counts).unwrap();
    let (cdf, by_cdf) = steps.cdf_and_gradients(&counts).unwrap();
    assert_eq!(pmf, steps.pmf(&counts).unwrap());
    assert_eq!(cdf, steps.cdf(&counts).unwrap());
    let exact = |theta: [f64; 3], count: u64| {
        let [a, b, c] = theta;
        let weights = vec![
            vec![c + b, a, 0.0, 0.0],
            vec![b, c, a, 0.0],
            vec![b, 0.0, c, a],
        ];
        let start = vec![0.75, 0.0, 0.0];
        Chain { start, weights }.exact(count)
    };
    let h = 0.5_f64.powi(20);
    for (place, &count) in counts.iter().enumerate() {
        for parameter in 0..3 {
            let at = |step: f64| {
                let mut moved = theta;
                moved[parameter] += step;
                exact(moved, count)
            };
            let (up, down) = (at(h), at(-h));
            for (which, found) in [
                (0, by_pmf[[place, parameter]]),
                (1, by_cdf[[place, parameter]]),
            ] {
                let difference = ((&up[which] - &down[which])
                    / BigRational::from_f64(2.0 * h).unwrap())
                .to_f64()
                .unwrap();
                assert!(
                    (found - difference).abs() < 1e-7,
                    "{count} {parameter}: {found} {difference}"
                );
            }
        }
    }
    // All weights in proportion change nothing.
    for row in by_pmf.outer_iter().chain(by_cdf.outer_iter()) {
        let along: f64 = row.iter().zip(theta).map(|(d, t)| d * t).sum();
        assert!(along.abs() < 1e-13, "{along}");
    }
}

#[test]
fn questions_of_the_other_clock_say_what_to_ask_instead() {
    let theta = ndarray::array![[0.5, 0.25, 0.25]];
    let error = walk().batch().hazard(theta.view(), &[1.0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "row 0 of the thetas: hazard is a question about continuous graphs, but this graph is discrete; ask for pmf, cdf, survival, quantile, factorial_moments, reward_moments, pgf, visits or covariance"
    );
    let error = walk().batch().cdf(theta.view(), &[0.5]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("times[0] is 0.5; the graph is discrete"),
        "{error}"
    );
    let erlang = EliminationTrace::record(&models::erlang(2).unwrap());
    let error = erlang
        .batch()
        .pmf(ndarray::array![[1.0]].view(), &[1])
        .unwrap_err();
    let DistributionError::Row { row: 0, source } = error else {
        panic!("{error}")
    };
    assert!(
        matches!(
            *source,
            DistributionError::Clock {
                question: "pmf",
                ..
            }
        ),
        "{source}"
    );
}
