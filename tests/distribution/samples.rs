//! Samples against distribution functions, and the same bits on any number of threads.

use elimap::phase::{DiscretePhaseType, EliminationTrace, Graph, Observations, PhaseType, models};

/// The largest distance between the distribution function and that of samples, times the root of their number
/// (Kolmogorov and Smirnov); above 2.0 once in 1500 times.
fn distance(time: &PhaseType, count: u64) -> f64 {
    let mut samples = time.sampler(20_261_126).unwrap().times(0..count);
    samples.sort_by(f64::total_cmp);
    let cdf = time.cdf(&samples).unwrap();
    let n = count as f64;
    let mut largest: f64 = 0.0;
    for (i, (sample, p)) in samples.iter().zip(cdf).enumerate() {
        let below = if *sample == 0.0 { p } else { i as f64 / n };
        let next = samples.get(i + 1);
        // Ties are mass at zero: only the last of them counts.
        if next != Some(sample) {
            largest = largest.max(((i + 1) as f64 / n - p).abs());
        }
        largest = largest.max((p - below).abs());
    }
    largest * n.sqrt()
}

fn defective() -> Graph {
    let mut builder = Graph::builder(0, 2);
    let [a, b, c, d] = [(); 4].map(|()| builder.add_vertex(&[]));
    builder
        .add_edge(a, b, &[1.0, 0.5])
        .add_edge(b, c, &[0.0, 1.0]);
    builder
        .add_edge(c, a, &[2.0, 0.0])
        .add_edge(c, d, &[0.5, 0.25]);
    builder
        .add_edge(a, d, &[0.125, 0.0])
        .start(a, 0.5)
        .start(b, 0.25)
        .start(d, 0.125);
    builder.build().unwrap()
}

fn twelve() -> Vec<PhaseType> {
    let at = |graph: Graph, theta: &[f64]| EliminationTrace::record(&graph).at(theta).unwrap();
    let kingman = at(models::kingman(6).unwrap(), &[1.0]);
    let lineages = |time: &PhaseType| -> Vec<f64> {
        let graph = time.trace().graph();
        graph.vertices().map(|v| graph.state(v)[0] as f64).collect()
    };
    let length = kingman.reward(&lineages(&kingman)).unwrap();
    let cycle = at(defective(), &[1.0, 0.5]);
    let partial = cycle.reward(&[0.0, 0.0, 2.0, 0.0, 0.0]).unwrap();
    vec![
        length,
        partial,
        cycle,
        kingman,
        at(models::erlang(1).unwrap(), &[0.5]),
        at(models::erlang(5).unwrap(), &[2.0]),
        at(models::erlang(40).unwrap(), &[10.0]),
        at(models::islands(3).unwrap(), &[1.0, 0.5, 0.3]),
        at(models::islands(5).unwrap(), &[1.0, 1.0, 2.0]),
        at(models::birth_death(5).unwrap(), &[0.5, 1.0]),
        at(models::birth_death(8).unwrap(), &[1.0, 1.0]),
        at(models::kingman(12).unwrap(), &[2.0]),
    ]
}

#[test]
fn samples_have_the_distribution_function() {
    for (model, time) in twelve().iter().enumerate().take(5) {
        let found = distance(time, 10_000);
        assert!(found < 2.2, "model {model}: {found}");
    }
}

/// Takes a minute: `cargo test --release --test distribution -- --ignored`
#[test]
#[ignore = "a million samples for each of 12 models; `just samples-hard` runs it"]
fn a_million_samples_of_twelve_models_have_the_distribution_function() {
    for (model, time) in twelve().iter().enumerate() {
        let found = distance(time, 1_000_000);
        println!("model {model}: {found:.3}");
        assert!(found < 2.2, "model {model}: {found}");
    }
}

fn dice() -> DiscretePhaseType {
    let mut builder = Graph::builder(0, 0);
    let [a, b, end] = [(); 3].map(|()| builder.add_vertex(&[]));
    builder.discrete().start(a, 0.5).start(b, 0.25);
    builder
        .add_constant_edge(a, a, 0.25)
        .add_constant_edge(a, b, 0.5)
        .add_constant_edge(a, end, 0.25);
    builder
        .add_constant_edge(b, a, 0.375)
        .add_constant_edge(b, b, 0.5)
        .add_constant_edge(b, end, 0.125);
    EliminationTrace::record(&builder.build().unwrap())
        .steps_at(&[])
        .unwrap()
}

/// Pearson's statistic over the first 20 numbers of steps and the rest has 20 degrees of freedom: above 52 once in 10^4 times.
fn chi_square(steps: &DiscretePhaseType, count: u64) -> f64 {
    let samples = steps.sample(99, 0..count);
    let last = 20;
    let mut counts = vec![0.0; last + 1];
    for sample in samples {
        counts[(sample as usize).min(last)] += 1.0;
    }
    let mut expected = steps.pmf(&(0..last as u64).collect::<Vec<_>>()).unwrap();
    expected.push(steps.survival(&[last as u64 - 1]).unwrap()[0]);
    counts
        .iter()
        .zip(expected)
        .map(|(found, p)| {
            let mean = p * count as f64;
            (found - mean).powi(2) / mean
        })
        .sum()
}

#[test]
fn discrete_samples_have_the_probabilities() {
    let found = chi_square(&dice(), 20_000);
    assert!(found < 52.0, "{found}");
}

#[test]
#[ignore = "a million samples; `just samples-hard` runs it"]
fn a_million_discrete_samples_have_the_probabilities() {
    for reward in [
        [0.0, 1.0, 1.0, 0.0],
        [0.0, 0.0, 1.0, 0.0],
        [0.0, 1.0, 3.0, 0.0],
    ] {
        let found = chi_square(&dice().reward(&reward).unwrap(), 1_000_000);
        assert!(found < 52.0, "{found}");
    }
}

#[test]
fn everything_has_the_same_bits_on_any_number_of_threads() {
    let graph = models::islands(5).unwrap();
    let trace = EliminationTrace::record(&graph);
    let stiff = EliminationTrace::record(&models::birth_death(70).unwrap());
    let answer = || {
        let time = trace.at(&[1.0, 0.5, 0.3]).unwrap();
        let samples = time.sampler(1).unwrap().times(0..3000);
        let curve = time.curve(&[0.5, 1.0, 3.0]).unwrap();
        // So large that the ladder answers.
        let slow = stiff.at(&[1.0, 1.5]).unwrap();
        let mean = slow.expectation();
        let (ladder, slope) = slow.cdf_and_gradients(&[mean, 1e9 * mean]).unwrap();
        let thetas = ndarray::array![[1.0, 0.5, 0.3], [1.0, 1.0, 2.0], [0.2, 1.0, 0.1]];
        let rows = trace.batch().quantile(thetas.view(), &[0.1, 0.9]).unwrap();
        let data = Observations::of_times(&samples[..100]).unwrap();
        let likelihood = time.log_likelihood_and_gradient(&data).unwrap();
        let ones = ndarray::Array2::ones((2, graph.vertex_count()));
        let drawn = time.sampler(2).unwrap();
        let paths = (
            drawn.paths(0..500),
            drawn.rewards(ones.view(), 0..500).unwrap(),
            drawn.states_at(0.5, 0..500).unwrap(),
            drawn.ends(0..500),
        );
        let moments = (
            time.covariance_and_gradients(ones.view()).unwrap(),
            time.laplace_and_gradients(&[0.5]).unwrap(),
            time.state_probabilities(&[0.5, 2.0]).unwrap(),
            time.occupancy(&[0.5, 2.0]).unwrap(),
        );
        // So many steps that powers of the matrix answer.
        let steps = dice();
        let discrete = (
            steps.curve(&[3, 1_000_000]).unwrap(),
            steps.survival_quantile(&[1e-300]).unwrap(),
            steps.sample(1, 0..3000),
        );
        (
            samples, curve, ladder, slope, rows, likelihood, paths, moments, discrete,
        )
    };
    let pool = |threads: usize| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let one = pool(1).install(answer);
    for threads in [2, 8] {
        assert!(pool(threads).install(answer) == one, "{threads} threads");
    }
}

/// Rows of thetas that take steps side by side, with some that do not: too stiff, or with other flows.
#[test]
fn rows_of_thetas_have_the_bits_of_each_alone_on_any_number_of_threads() {
    let trace = EliminationTrace::record(&models::islands(4).unwrap());
    let times = [0.0, 0.1, 1.0, 5.0];
    let mut thetas = ndarray::Array2::from_shape_fn((45, 3), |(row, column)| {
        0.25 + ((row * 3 + column) as f64 * 0.754_877_666).fract() * 4.0
    });
    // Without migration there are fewer states, and with a lot of it steps are too many.
    thetas[[7, 2]] = 0.0;
    thetas[[8, 2]] = 0.0;
    thetas[[20, 2]] = 1e9;
    let start: Vec<(elimap::phase::VertexId, f64)> = trace.graph().start().to_vec();
    assert_eq!(start.len(), 1);
    let data = Observations::of_times(&[0.5, 0.25, 3.0]).unwrap();
    let questions = [
        elimap::phase::Statistic::Pdf(times.to_vec()),
        elimap::phase::Statistic::Curve(times.to_vec()),
        elimap::phase::Statistic::LogSurvival(vec![30.0]),
        elimap::phase::Statistic::LogLikelihood(data),
    ];
    for question in &questions {
        // A ladder says that next to nothing is left so late.
        let most = match question {
            elimap::phase::Statistic::LogSurvival(_) => 1e6,
            _ => f64::INFINITY,
        };
        let is_asked = |rate: f64| rate < most;
        let alone: Vec<Vec<u64>> = thetas
            .outer_iter()
            .filter(|theta| is_asked(theta[2]))
            .map(|theta| {
                let time = trace.at(&theta.to_vec()).unwrap();
                let found = time.statistic(question).unwrap();
                found.iter().flatten().map(|x| x.to_bits()).collect()
            })
            .collect();
        let kept: Vec<usize> = (0..45).filter(|&row| is_asked(thetas[[row, 2]])).collect();
        let rows = thetas.select(ndarray::Axis(0), &kept);
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let found = pool
                .build()
                .unwrap()
                .install(|| trace.batch().statistic(rows.view(), question).unwrap());
            for (row, alone) in alone.iter().enumerate() {
                let bits: Vec<u64> = found
                    .iter()
                    .flat_map(|part| part.index_axis(ndarray::Axis(0), row).into_iter())
                    .map(|x| x.to_bits())
                    .collect();
                assert_eq!(&bits, alone, "{question:?} row {row} on {threads} threads");
            }
        }
    }
    // The first row that cannot be answered is named.
    thetas[[7, 0]] = -1.0;
    thetas[[9, 0]] = -1.0;
    let error = trace.batch().pdf(thetas.view(), &times).unwrap_err();
    assert!(
        error.to_string().starts_with("row 7 of the thetas: "),
        "{error}"
    );
}
