//! Every continuous model with a known answer, at every theta it is known for.

use std::path::{Path, PathBuf};

use elimap::phase::{Analysis, EliminationTrace, Graph, models};
use serde_json::Value;

/// Discrete: its weights are jump probabilities and what they miss to 1 is an implicit jump of a vertex to itself, which
/// the file does not record. Read as rates it is another model, with other answers.
const DISCRETE: &str = "dph_two_state";

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models")
}

fn model(name: &str) -> Graph {
    Graph::read(data().join(format!("{name}.json"))).unwrap()
}

fn names(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(data().join(folder))
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .strip_suffix(".expected.json")
                .map(str::to_owned)
        })
        .map(|name| format!("{folder}{name}"))
        .collect();
    names.sort();
    names
}

/// A number of an expected file, which writes what JSON cannot as text.
fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some(text) => text.parse().unwrap(),
        None => value.as_f64().unwrap(),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

struct Case {
    theta: Vec<f64>,
    moments: Vec<f64>,
    closed_moments: Vec<f64>,
    expectation: f64,
    variance: f64,
    waiting_times: Vec<(usize, f64)>,
}

/// Both layouts of expected files: a list of cases, and an object with `cases`, `truth` and vectors over vertices.
fn cases(name: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(data().join(format!("{name}.expected.json"))).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let list = file
        .as_array()
        .or_else(|| file["cases"].as_array())
        .unwrap();
    list.iter()
        .map(|case| {
            let truth = case.get("truth").unwrap_or(case);
            let times = &truth["expected_waiting_time"];
            let waiting_times = match (
                times.as_object(),
                file.get("vertex_subset").and_then(Value::as_array),
            ) {
                (Some(by_vertex), _) => by_vertex
                    .iter()
                    .map(|(v, time)| (v.parse().unwrap(), number(time)))
                    .collect(),
                (None, Some(subset)) => {
                    let subset = subset.iter().map(|v| v.as_u64().unwrap() as usize);
                    subset.zip(numbers(times)).collect()
                }
                (None, None) if times.is_array() => {
                    numbers(times).into_iter().enumerate().collect()
                }
                (None, None) => Vec::new(),
            };
            Case {
                // A graph with constant weights is written with one parameter that is 1.
                theta: case["theta"]
                    .as_array()
                    .map_or(vec![1.0], |_| numbers(&case["theta"])),
                moments: numbers(&truth["moments"]),
                closed_moments: case
                    .get("closed_form")
                    .map_or(Vec::new(), |form| numbers(&form["moments"])),
                expectation: number(&truth["expectation"]),
                variance: number(&truth["variance"]),
                waiting_times,
            }
        })
        .collect()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let close = found == expected || (found - expected).abs() <= tolerance * expected.abs();
    assert!(
        close,
        "{what}: found {found:e}, expected {expected:e}, relative error {:e}",
        (found / expected - 1.0).abs()
    );
}

#[test]
fn every_continuous_model_at_every_theta() {
    let names: Vec<String> = names("")
        .into_iter()
        .chain(names("phasic/"))
        .filter(|name| !name.ends_with(DISCRETE))
        .collect();
    assert_eq!(names.len(), 33);
    let mut checked = (0, 0);
    for name in &names {
        let trace = EliminationTrace::record(&model(name));
        for case in cases(name) {
            let context = format!("{name} at {:?}", case.theta);
            let time = trace.at(&case.theta).unwrap();
            assert_close(time.expectation(), case.expectation, 1e-10, &context);
            assert_close(
                time.variance(),
                case.variance,
                1e-10,
                &format!("{context}, variance"),
            );
            for expected in [&case.moments, &case.closed_moments] {
                for (k, (&found, &expected)) in time.moments(4).iter().zip(expected).enumerate() {
                    assert_close(
                        found,
                        expected,
                        1e-10,
                        &format!("{context}, moment {}", k + 1),
                    );
                }
            }
            let found = time.expected_waiting_times();
            for (vertex, expected) in case.waiting_times {
                assert_close(
                    found[vertex],
                    expected,
                    1e-10,
                    &format!("{context}, waiting time of {vertex}"),
                );
                checked.1 += 1;
            }
            checked.0 += 1;
        }
    }
    assert_eq!(checked, (80, 2462));
}

#[test]
fn every_model_survives_writing_and_reading() {
    for name in names("").into_iter().chain(names("phasic/")) {
        let graph = model(&name);
        assert_eq!(Graph::from_json(&graph.to_json()).unwrap(), graph, "{name}");
    }
}

#[test]
fn shipped_examples_are_the_tested_models() {
    for name in ["island_12", "kingman_10", "birth_death_20", "erlang_4"] {
        let shipped =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/models/{name}.json"));
        assert_eq!(Graph::read(shipped).unwrap(), model(name));
    }
}

#[test]
fn equal_blocks_share_a_work_unit() {
    // Numbered by their place in a block; as given, copies share where they are numbered alike.
    let summary = |name: &str| Analysis::new(&model(name)).eliminate().summary();
    let many = summary("phasic/many_20x50_identical");
    assert_eq!(
        (
            many.blocks,
            many.largest_block,
            many.topologies,
            many.work_units
        ),
        (20, 50, 1, 1)
    );
    let chain = summary("scc_chain_12x8");
    assert_eq!((chain.blocks, chain.largest_block), (12, 8));
    assert!(chain.topologies < 12, "{chain}");
    let kingman = summary("kingman_10");
    assert_eq!(
        (
            kingman.blocks,
            kingman.largest_block,
            kingman.work_units,
            kingman.multiply_adds
        ),
        (9, 1, 0, 0)
    );
    let islands = summary("island_12");
    assert_eq!(
        (
            islands.vertices,
            islands.edges,
            islands.blocks,
            islands.largest_block
        ),
        (91, 286, 11, 13)
    );
}

#[test]
fn generators_make_the_models_of_the_files() {
    assert_eq!(models::islands(4).unwrap(), model("island_4"));
    assert_eq!(models::islands(12).unwrap(), model("island_12"));
    assert_eq!(models::two_locus_arg(3).unwrap(), model("arg_3"));
    assert_eq!(
        models::kingman(10).unwrap().edge_count(),
        model("kingman_10").edge_count()
    );
    for (graph, name) in [
        (models::erlang(4), "erlang_4"),
        (models::erlang(10), "phasic/erlang_10"),
        (models::kingman(10), "kingman_10"),
        (models::kingman(10), "phasic/kingman_count_10"),
        (models::coalescent_sfs(6), "sfs_6"),
        (models::coalescent_sfs(15), "sfs_15"),
        (models::coalescent_sfs(10), "phasic/kingman_10"),
        (models::two_locus_arg(8), "arg_8"),
        (models::two_locus_arg_sfs(2), "phasic/arg2_2"),
        (models::two_locus_arg_sfs(4), "phasic/arg2_4"),
        (models::birth_death(20), "birth_death_20"),
        (models::tandem_queue(6), "queue_grid_6"),
        (models::queue(100), "phasic/mm1k_100"),
        (models::islands_sfs(4), "phasic/island_sfs_4"),
        (models::islands_sfs(8), "phasic/island_sfs_8"),
    ] {
        let (graph, file) = (graph.unwrap(), model(name));
        assert_eq!(graph.edge_count(), file.edge_count(), "{name}");
        assert_eq!(graph.param_length(), file.param_length(), "{name}");
        for case in cases(name) {
            let time = EliminationTrace::record(&graph).at(&case.theta).unwrap();
            assert_close(time.expectation(), case.expectation, 1e-10, name);
            assert_close(time.variance(), case.variance, 1e-10, name);
        }
    }
}

#[test]
fn generated_sizes() {
    let sizes = |graph: elimap::phase::Graph| {
        let summary = EliminationTrace::record(&graph).summary();
        (
            summary.transient,
            summary.edges,
            summary.blocks,
            summary.largest_block,
            summary.work_units,
        )
    };
    assert_eq!(
        sizes(models::grid_walk(10, 12).unwrap()),
        (120, 437, 1, 120, 1)
    );
    assert_eq!(
        sizes(models::random_block(200, 4, 7).unwrap()),
        (200, 801, 1, 200, 1)
    );
    assert_eq!(
        sizes(models::block_chain(12, 8, 3, 4, 1).unwrap()),
        (96, 300, 12, 8, 4)
    );
    assert_eq!(sizes(models::dense(30, 1).unwrap()), (30, 871, 1, 30, 1));
    assert_eq!(
        models::random_block(50, 3, 1).unwrap(),
        models::random_block(50, 3, 1).unwrap()
    );
    assert_ne!(
        models::random_block(50, 3, 1).unwrap(),
        models::random_block(50, 3, 2).unwrap()
    );
}

#[test]
fn closed_forms() {
    for (n, rate) in [(1usize, 0.3), (5, 2.0), (200, 7.0)] {
        let time = EliminationTrace::record(&models::erlang(n).unwrap())
            .at(&[rate])
            .unwrap();
        let phases = n as f64;
        let rising = |k: i32| (0..k).map(|i| phases + f64::from(i)).product::<f64>() / rate.powi(k);
        for (k, moment) in (1..).zip(time.moments(6)) {
            assert_close(moment, rising(k), 1e-13, "erlang");
        }
        assert_close(
            time.variance(),
            phases / (rate * rate),
            1e-13,
            "erlang, variance",
        );
    }
    for n in [2usize, 10, 100, 1000] {
        let time = EliminationTrace::record(&models::kingman(n).unwrap())
            .at(&[0.5])
            .unwrap();
        assert_close(
            time.expectation(),
            4.0 * (1.0 - 1.0 / n as f64),
            1e-13,
            "kingman",
        );
        let variance: f64 = (2..=n)
            .map(|k| (4.0 / (k as f64 * (k - 1) as f64)).powi(2))
            .sum();
        assert_close(time.variance(), variance, 1e-13, "kingman, variance");
    }
    let (probabilities, rates) = ([0.1, 0.6, 0.3], [0.5, 2.0, 1.0e4]);
    let mut builder = Graph::builder(0, 3);
    let vertices: Vec<_> = (0..4).map(|_| builder.add_vertex(&[])).collect();
    for i in 0..3 {
        let mut coefficients = [0.0; 3];
        coefficients[i] = 1.0;
        builder
            .add_edge(vertices[i], vertices[3], &coefficients)
            .start(vertices[i], probabilities[i]);
    }
    let time = EliminationTrace::record(&builder.build().unwrap())
        .at(&rates)
        .unwrap();
    let mut factorial = 1.0;
    for (k, moment) in (1..).zip(time.moments(5)) {
        factorial *= f64::from(k);
        let expected: f64 = probabilities
            .iter()
            .zip(rates)
            .map(|(p, rate)| p * factorial / rate.powi(k))
            .sum();
        assert_close(moment, expected, 1e-14, "hyperexponential");
    }
    // M/M/1/K from 1 to K + 1: the time from k to k + 1 is t_k = (1 + mu t_(k-1)) / lambda.
    for (capacity, lambda, mu) in [
        (60, 0.5, 1.0),
        (400, 0.8, 1.0),
        (100, 1.2, 1.0),
        (250, 1.0, 7.0),
    ] {
        let time = EliminationTrace::record(&models::queue(capacity).unwrap())
            .at(&[lambda, mu])
            .unwrap();
        let (mut step, mut total) = (0.0, 0.0);
        for level in 0..capacity {
            step = (1.0 + if level == 0 { 0.0 } else { mu * step }) / lambda;
            total += step;
        }
        assert_close(time.expectation(), total, 1e-13, "M/M/1/K");
    }
}

#[test]
fn closed_forms_of_generated_models() {
    let rates = [0.25, 3.0, 1e5, 0.5, 7.0];
    let time = EliminationTrace::record(&models::hypoexponential(5).unwrap())
        .at(&rates)
        .unwrap();
    let mean: f64 = rates.iter().map(|rate| 1.0 / rate).sum();
    let variance: f64 = rates.iter().map(|rate| 1.0 / (rate * rate)).sum();
    let third: f64 = rates.iter().map(|rate| 2.0 / rate.powi(3)).sum();
    let moments = time.moments(3);
    assert_close(moments[0], mean, 1e-14, "hypoexponential");
    assert_close(time.variance(), variance, 1e-14, "hypoexponential");
    // The third cumulants of the phases add.
    let cumulant = moments[2] - 3.0 * moments[1] * mean + 2.0 * mean.powi(3);
    assert_close(cumulant, third, 1e-12, "hypoexponential");

    // By symmetry the walk from corner to corner takes half the commute time, which is vertices times effective
    // resistance (Chandra et al. 1989); every visit to the last corner and back adds up to vertices / absorption.
    for (size, resistance) in [(2, 1.0), (3, 1.5), (4, 13.0 / 7.0), (5, 47.0 / 22.0)] {
        let time = EliminationTrace::record(&models::grid_walk(size, size).unwrap())
            .at(&[1.0, 1.0, 0.125])
            .unwrap();
        let cells = (size * size) as f64;
        let expected = cells * resistance / 2.0 + cells / 0.125;
        assert_close(time.expectation(), expected, 1e-13, "grid");
    }
    // A walk on a line: steps along the row alone.
    let time = EliminationTrace::record(&models::grid_walk(1, 7).unwrap())
        .at(&[2.0, 1e9, 0.5])
        .unwrap();
    assert_close(
        time.expectation(),
        7.0 * 6.0 / 2.0 / 2.0 + 7.0 / 0.5,
        1e-13,
        "line",
    );

    // Birth and death on 1 to n, down at 1, up at b: from k, the sum over j <= k of (1 - b^(n-j+1)) / (1 - b).
    for (levels, up) in [(4usize, 0.5f64), (12, 2.0), (40, 0.9)] {
        let time = EliminationTrace::record(&models::birth_death(levels).unwrap())
            .at(&[up, 1.0])
            .unwrap();
        let down_from = |level: usize| (0..=levels - level).map(|i| up.powi(i as i32)).sum::<f64>();
        let expected: f64 = (1..=(levels / 4).max(1)).map(down_from).sum();
        assert_close(time.expectation(), expected, 1e-13, "birth and death");
    }
}

#[test]
fn structure_of_random_models() {
    let graph = models::dense(12, 5).unwrap();
    let mut pairs = std::collections::BTreeSet::new();
    for edge in graph.edges() {
        assert_eq!(edge.coefficients.len(), 3);
        assert!(pairs.insert((edge.from, edge.to)));
    }
    assert_eq!(pairs.len(), 12 * 11 + 1);
    let graph = models::block_chain(6, 7, 3, 2, 3).unwrap();
    // Block by block the same edges as two blocks before, with other coefficients.
    let block = |edge: &elimap::phase::Edge<'_>| (edge.from.index() - 1) / 7;
    let shape = |wanted: usize| -> std::collections::BTreeSet<(usize, usize)> {
        let edges = graph.edges().filter(|edge| block(edge) == wanted);
        edges
            .map(|edge| {
                (
                    edge.from.index() - 1 - 7 * wanted,
                    edge.to.index() - 1 - 7 * wanted,
                )
            })
            .collect()
    };
    for wanted in 2..6 {
        assert_eq!(shape(wanted), shape(wanted - 2));
        assert_eq!(shape(wanted).len(), 7 * 3 + 1);
    }
    assert_ne!(shape(0), shape(1));
    let coefficients: Vec<_> = graph
        .edges()
        .map(|edge| edge.coefficients.to_vec())
        .collect();
    assert_ne!(coefficients[..22], coefficients[44..66]);
    assert!(
        graph
            .edges()
            .all(|edge| edge.coefficients.iter().all(|c| (0.5..1.5).contains(c)))
    );
}

#[test]
fn impossible_sizes_are_refused_before_memory_is_taken() {
    let huge = usize::MAX / 2;
    for outcome in [
        models::erlang(huge),
        models::hypoexponential(huge),
        models::kingman(huge),
        models::coalescent_sfs(500),
        models::islands(huge),
        models::islands_sfs(huge),
        models::two_locus_arg(huge),
        models::two_locus_arg_sfs(huge),
        models::birth_death(huge),
        models::queue(huge),
        models::tandem_queue(huge),
        models::grid_walk(huge, 2),
        models::random_block(huge, huge, 1),
        models::block_chain(huge, 3, 2, 1, 1),
        models::dense(huge, 1),
    ] {
        assert!(
            matches!(outcome, Err(elimap::phase::GraphError::TooLarge { .. })),
            "{outcome:?}"
        );
    }
    // A degree beyond all pairs is all pairs.
    assert_eq!(models::random_block(5, huge, 1).unwrap().edge_count(), 21);
}
