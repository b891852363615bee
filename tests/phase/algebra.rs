//! Operations on independent times, matrices, and distributions with given moments.

use elimap::phase::{Clock, EliminationTrace, Graph, GraphError, models};
use ndarray::{Array2, array};
use proptest::prelude::*;
use serde_json::Value;

fn case() -> Value {
    serde_json::from_str(include_str!("../data/distributions/operations.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let number = |x: &Value| match x.as_str() {
        Some(text) => text.parse().unwrap(),
        None => x.as_f64().unwrap(),
    };
    value.as_array().unwrap().iter().map(number).collect()
}

/// exp(T t) alpha by squaring of a Taylor polynomial: slow, plain, and independent of everything in the library.
fn survival(alpha: &[f64], matrix: &Array2<f64>, time: f64) -> f64 {
    let norm = matrix.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let squarings = (norm * time * matrix.nrows() as f64).log2().ceil().max(0.0) as i32 + 6;
    let step = matrix * (time / 2.0_f64.powi(squarings));
    let mut power = Array2::eye(matrix.nrows());
    let mut term = power.clone();
    for k in 1..20 {
        term = term.dot(&step) / f64::from(k);
        power += &term;
    }
    for _ in 0..squarings {
        power = power.dot(&power);
    }
    let alpha = ndarray::ArrayView1::from(alpha);
    alpha.dot(&power).sum()
}

#[test]
fn operations_are_those_of_the_reference() {
    let case = case();
    let graph = |name: &str| Graph::from_json(&case[name].to_string()).unwrap();
    let (first, second) = (graph("first"), graph("second"));
    let theta = [
        numbers(&case["first_theta"]),
        numbers(&case["second_theta"]),
    ]
    .concat();
    let mut asked = 0;
    for question in case["questions"].as_array().unwrap() {
        let result = match question["ask"].as_str().unwrap() {
            "minimum" => first.minimum(&second),
            "maximum" => first.maximum(&second),
            "sum" => first.sum(&second),
            "mixture" => {
                let weights = numbers(&question["weights"]);
                Graph::mixture(&[(weights[0], &first), (weights[1], &second)])
            }
            other => panic!("{other}"),
        }
        .unwrap();
        assert_eq!((result.param_length(), result.state_length()), (3, 2));
        assert_eq!(Graph::from_json(&result.to_json()).unwrap(), result);
        let matrices = result.to_matrices(&theta).unwrap();
        let answer = &question["answer"];
        for (time, cdf) in numbers(&question["times"])
            .into_iter()
            .zip(numbers(&answer["cdf"]))
        {
            let found = 1.0 - survival(&matrices.alpha, &matrices.dense(), time);
            assert!(
                (found / cdf - 1.0).abs() < 1e-12,
                "{question}: {found} for {cdf}"
            );
            asked += 1;
        }
        let time = EliminationTrace::record(&result).at(&theta).unwrap();
        let moments = match answer.get("mean") {
            Some(mean) => numbers(&Value::Array(vec![mean.clone()])),
            None => numbers(&answer["moments"]),
        };
        for (found, moment) in time.moments(moments.len()).into_iter().zip(moments) {
            assert!((found / moment - 1.0).abs() < 1e-13, "{found} for {moment}");
            asked += 1;
        }
    }
    assert_eq!(asked, 22);
}

proptest! {
    /// min + max = one + other, in mean; a sum adds means and variances.
    #[test]
    fn laws_of_independent_times(
        up in 0.1..3.0_f64, down in 0.1..3.0_f64, rate in 0.1..3.0_f64, p in 0.1..0.9_f64
    ) {
        let one = models::birth_death(4).unwrap();
        // Mass at zero in one of them.
        let other = Graph::mixture(&[(p, &models::erlang(3).unwrap())]).unwrap();
        let theta = [up, down, rate];
        let at = |graph: &Graph, theta: &[f64]| EliminationTrace::record(graph).at(theta).unwrap();
        let (a, b) = (at(&one, &theta[..2]), at(&other, &theta[2..]));
        let smaller = at(&one.minimum(&other).unwrap(), &theta).expectation();
        let larger = at(&one.maximum(&other).unwrap(), &theta).expectation();
        let means = a.expectation() + b.expectation();
        prop_assert!(((smaller + larger) / means - 1.0).abs() < 1e-13);
        let sum = at(&one.sum(&other).unwrap(), &theta);
        prop_assert!((sum.expectation() / means - 1.0).abs() < 1e-13);
        prop_assert!((sum.variance() / (a.variance() + b.variance()) - 1.0).abs() < 1e-12);
        let reversed = at(&other.sum(&one).unwrap(), &[rate, up, down]);
        prop_assert!((reversed.variance() / sum.variance() - 1.0).abs() < 1e-12);
        let scaled = at(&one.scaled(4.0).unwrap(), &theta[..2]);
        prop_assert!((scaled.variance() / (16.0 * a.variance()) - 1.0).abs() < 1e-13);
        let given = at(&other.normalized().unwrap(), &theta[2..]);
        prop_assert!((given.expectation() * p / b.expectation() - 1.0).abs() < 1e-13);
    }

    #[test]
    fn matrices_make_the_graph_they_came_from(
        entries in prop::collection::vec(0.0..2.0_f64, 9), exits in prop::collection::vec(0.1..2.0_f64, 3)
    ) {
        let mut matrix = Array2::from_shape_vec((3, 3), entries).unwrap();
        for row in 0..3 {
            matrix[[row, row]] = 0.0;
            matrix[[row, row]] = -(matrix.row(row).sum() + exits[row]);
        }
        let alpha = [0.25, 0.5, 0.125];
        let graph = Graph::from_matrices(&alpha, matrix.view()).unwrap();
        let again = graph.to_matrices(&[]).unwrap();
        prop_assert_eq!(&again.alpha[..], &alpha[..]);
        for (found, entry) in again.dense().iter().zip(&matrix) {
            prop_assert!((found - entry).abs() < 1e-14);
        }
        let sparse = Graph::from_entries(&again.alpha, &again.entries, &again.exits).unwrap();
        prop_assert_eq!(sparse, graph);
    }

    #[test]
    fn moments_are_matched_wherever_times_have_them(
        a in 0.05..5.0_f64, b in 0.05..5.0_f64, c in 0.05..5.0_f64, p in 0.02..0.98_f64
    ) {
        // Moments of a time that exists.
        let ab = models::hypoexponential(2).unwrap();
        let mix = Graph::mixture(&[(p, &ab), (1.0 - p, &models::erlang(3).unwrap())]).unwrap();
        let moments = EliminationTrace::record(&mix).at(&[a, b, c]).unwrap().moments(3);
        for count in 1..4 {
            let graph = Graph::from_moments(&moments[..count]).unwrap();
            let found = EliminationTrace::record(&graph).at(&[]).unwrap().moments(count);
            for (found, moment) in found.iter().zip(&moments) {
                prop_assert!((found / moment - 1.0).abs() < 1e-9, "{found} for {moment}, {count}");
            }
        }
    }
}

#[test]
fn labels_and_names_are_those_of_both() {
    let reliable = models::k_out_of_n(1, 2).unwrap();
    let both = reliable
        .maximum(&models::two_locus_heights(2).unwrap())
        .unwrap();
    assert_eq!(
        both.parameter_names(),
        ["failure", "repair", "coalescence", "recombination"]
    );
    assert_eq!(both.slot_names()[..2], ["working", "both"]);
    let twice = reliable.sum(&reliable).unwrap();
    assert_eq!(
        twice.parameter_names(),
        [
            "first_failure",
            "first_repair",
            "second_failure",
            "second_repair"
        ]
    );
    let labels: Vec<&[i64]> = twice.vertices().skip(1).map(|v| twice.state(v)).collect();
    assert_eq!(labels, [[2, 0], [1, 0], [0, 2], [0, 1], [0, 0]]);
    // A graph without names gives none.
    assert!(
        reliable
            .sum(&models::erlang(1).unwrap())
            .unwrap()
            .parameter_names()
            .is_empty()
    );
}

#[test]
fn discrete_times_add_and_mix_but_do_not_race() {
    let coin = Graph::from_step_matrices(&[1.0], array![[0.75]].view()).unwrap();
    assert_eq!(coin.clock(), Clock::Steps);
    let twice = coin.sum(&coin).unwrap();
    // Steps until the second success: negative binomial.
    let matrices = twice.to_matrices(&[]).unwrap();
    assert_eq!(matrices.dense(), array![[0.75, 0.25], [0.0, 0.75]]);
    assert_eq!(
        (matrices.clock, matrices.exits),
        (Clock::Steps, vec![0.0, 0.25])
    );
    let error = coin.minimum(&coin).unwrap_err();
    insta::assert_snapshot!(error, @"`minimum` needs a graph that is continuous, but this one is discrete with probabilities; convert it first, or compute with its distribution");
    assert!(matches!(coin.scaled(2.0), Err(GraphError::Clock { .. })));
    let mixed = Graph::mixture(&[(0.5, &coin), (0.5, &models::erlang(1).unwrap())]);
    assert!(matches!(mixed, Err(GraphError::Clock { .. })));
    assert_eq!(
        Graph::mixture(&[(0.5, &coin), (0.25, &coin)])
            .unwrap()
            .start()
            .len(),
        2
    );
}

#[test]
fn refusals_name_place_and_value() {
    let matrix =
        |matrix: Array2<f64>| Graph::from_matrices(&[1.0, 0.0], matrix.view()).unwrap_err();
    insta::assert_snapshot!(matrix(array![[-1.0]]), @"the matrix: it has the shape (1, 1), but alpha has 2 phases; give a row and a column for each");
    insta::assert_snapshot!(matrix(array![[-1.0, 2.0], [0.0, -1.0]]), @"the matrix: row 0 leaves -1.0 for absorption; its sum must be at most 0, so that the exit is not negative");
    insta::assert_snapshot!(matrix(array![[-1.0, -0.5], [0.0, -1.0]]), @"the matrix: entry (0, 1) is -0.5; it must be finite and at least 0");
    let steps = Graph::from_step_matrices(&[1.0], array![[1.5]].view()).unwrap_err();
    insta::assert_snapshot!(steps, @"the matrix: row 0 leaves -0.5 for absorption; its sum must be at most 1");
    let entries = Graph::from_entries(&[1.0], &[(0, 3, 1.0)], &[1.0]).unwrap_err();
    insta::assert_snapshot!(entries, @"the matrix: entry (0, 3) is outside of 1 phases; phases count from 0");
    let theta = models::erlang(1).unwrap().to_matrices(&[-1.0]).unwrap_err();
    insta::assert_snapshot!(theta, @"theta: edge 1 -> 2 has -1.0 there; numbers of edges must be finite and at least 0");
    let moments = |moments: &[f64]| Graph::from_moments(moments).unwrap_err();
    insta::assert_snapshot!(moments(&[1.0, 1.0]), @"moments [1.0, 1.0] cannot be matched: the second must exceed the square of the first, 1.0 (a time that does not vary has no phases)");
    insta::assert_snapshot!(moments(&[1.0, 2.0, 4.0]), @"moments [1.0, 2.0, 4.0] cannot be matched: the third must exceed the square of the second over the first, 4.0");
    insta::assert_snapshot!(moments(&[1.0, 1.0 + 1.0 / 1_048_576.0]), @"moments [1.0, 1.0000009536743164] cannot be matched: that takes 1.048576e6 phases, and 20000 is the most; give moments that vary more");
    insta::assert_snapshot!(moments(&[-1.0]), @"moments [-1.0] cannot be matched: moment 1 must be positive and finite");
    assert!(matches!(
        models::erlang(1).unwrap().scaled(0.0),
        Err(GraphError::Scale { .. })
    ));
    let never = Graph::mixture(&[(0.0, &models::erlang(1).unwrap())]).unwrap();
    assert!(matches!(never.normalized(), Err(GraphError::NothingStarts)));
}

#[test]
fn moments_of_the_named_distributions_give_them_back() {
    // Erlang's: one branch.
    let erlang = Graph::from_moments(&[2.0, 5.0, 15.0]).unwrap();
    assert_eq!(erlang.vertex_count(), 6);
    // A hyperexponential one of two phases is what two branches of one phase are.
    let (p, a, b) = (0.3, 2.0, 0.5);
    let moment =
        |k: i32, factorial: f64| factorial * (p / f64::powi(a, k) + (1.0 - p) / f64::powi(b, k));
    let graph = Graph::from_moments(&[moment(1, 1.0), moment(2, 2.0), moment(3, 6.0)]).unwrap();
    assert_eq!(graph.vertex_count(), 4);
    let rates: Vec<f64> = graph.edges().map(|edge| edge.constant).collect();
    assert!(
        (rates[0] - b).abs() < 1e-12 && (rates[1] - a).abs() < 1e-12,
        "{rates:?}"
    );
    assert!((graph.start()[1].1 - p).abs() < 1e-12);
}

#[test]
fn three_moments_take_as_few_phases_as_acyclic_distributions_do() {
    // Moments of two phases in a row, and of an exponential phase with three in a row behind it that half of all skip the first of: none
    // of them is a mixture of Erlang's distributions of as few phases.
    let row = models::hypoexponential(2).unwrap();
    let mut builder = Graph::builder(0, 0);
    let vertices: Vec<_> = (0..5).map(|_| builder.add_vertex(&[])).collect();
    for (pair, rate) in vertices.windows(2).zip([0.5, 3.0, 3.0, 3.0]) {
        builder.add_constant_edge(pair[0], pair[1], rate);
    }
    builder.start(vertices[0], 0.5).start(vertices[1], 0.5);
    let skipped = builder.build().unwrap();
    for (graph, theta, phases) in [(&row, &[1.0, 3.0][..], 2), (&skipped, &[], 4)] {
        let moments = EliminationTrace::record(graph)
            .at(theta)
            .unwrap()
            .moments(3);
        let found = Graph::from_moments(&moments).unwrap();
        assert!(
            found.vertex_count() <= phases + 2,
            "{} of {phases}",
            found.vertex_count()
        );
        let again = EliminationTrace::record(&found).at(&[]).unwrap().moments(3);
        for (found, moment) in again.iter().zip(&moments) {
            assert!(
                (found / moment - 1.0).abs() < 1e-12,
                "{again:?} {moments:?}"
            );
        }
    }
}
