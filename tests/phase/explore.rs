//! Graphs from a rule: what is found, in which order, and how it ends when it does not go well.

use std::cell::Cell;
use std::rc::Rc;

use elimap::CancelToken;
use elimap::phase::{
    Clock, EliminationTrace, Explored, Graph, GraphError, Rate, State, Transitions, VertexId,
    models,
};

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Job {
    Running { left: u8, warm: bool },
    Done,
}

impl State for Job {
    fn label(&self) -> Vec<i64> {
        match self {
            Job::Running { left, warm } => vec![i64::from(*left), i64::from(*warm)],
            Job::Done => vec![0, 0],
        }
    }
}

fn job(state: &Job, out: &mut Transitions<Job>) {
    if let &Job::Running { left, warm } = state {
        out.edge(
            Job::Running { left, warm: true },
            if warm { 0.0 } else { 2.0 },
        );
        let speed = if warm { [0.0, 3.0] } else { [1.0, 0.0] };
        match left {
            1 => out.edge(Job::Done, speed),
            _ => out.edge(
                Job::Running {
                    left: left - 1,
                    warm,
                },
                speed,
            ),
        }
    }
}

#[test]
fn any_hashable_type_is_a_state_and_order_is_that_of_mention() {
    let cold = |left| Job::Running { left, warm: false };
    let warm = |left| Job::Running { left, warm: true };
    let start = [(cold(2), 0.75), (warm(1), 0.125)];
    let model = Graph::explore(start, job)
        .parameters(["cold", "warm"])
        .slots(["left", "is_warm"]);
    let (graph, states) = model.build_labelled(Job::label).unwrap();
    assert_eq!(states, [cold(2), warm(1), warm(2), cold(1), Job::Done]);
    let labels: Vec<&[i64]> = graph.vertices().map(|v| graph.state(v)).collect();
    assert_eq!(
        labels,
        [&[0, 0][..], &[2, 0], &[1, 1], &[2, 1], &[1, 0], &[0, 0]]
    );
    let edges: Vec<_> = graph
        .edges()
        .map(|e| {
            (
                e.from.index(),
                e.to.index(),
                e.constant,
                e.coefficients.to_vec(),
            )
        })
        .collect();
    assert_eq!(
        edges,
        [
            (1, 3, 2.0, vec![]),
            (1, 4, 0.0, vec![1.0]),
            (2, 5, 0.0, vec![3.0]),
            (3, 2, 0.0, vec![3.0]),
            (4, 2, 2.0, vec![]),
            (4, 5, 0.0, vec![1.0]),
        ]
    );
    assert_eq!(
        graph.start(),
        [
            (VertexId::new(1).unwrap(), 0.75),
            (VertexId::new(2).unwrap(), 0.125)
        ]
    );
    assert_eq!(Graph::from_json(&graph.to_json()).unwrap(), graph);
    // Mean time: the hand-solved equations of the six rows.
    let time = EliminationTrace::record(&graph).at(&[1.0, 1.0]).unwrap();
    let (w1, w2) = (1.0 / 3.0, 2.0 / 3.0);
    let c1 = (1.0 + 2.0 * w1) / 3.0;
    let c2 = (1.0 + 2.0 * w2 + c1) / 3.0;
    assert!((time.expectation() - (0.75 * c2 + 0.125 * w1)).abs() < 1e-15);
}

#[test]
fn states_of_the_standard_library_label_themselves() {
    assert_eq!(3_u8.label(), [3]);
    assert_eq!([true, false].label(), [1, 0]);
    assert_eq!(vec![7_i32, -1].label(), [7, -1]);
    assert_eq!((1_u16, [2_i8, 3], vec![4_u32]).label(), [1, 2, 3, 4]);
}

fn forever(state: &u32, out: &mut Transitions<u32>) {
    out.edge(state + 1, 1.0);
}

#[test]
fn limits_cancellation_failures_and_panics_are_typed() {
    let error = Graph::explore([(1, 1.0)], forever)
        .max_states(1000)
        .build()
        .unwrap_err();
    insta::assert_snapshot!(error, @"there are more than 1000 states, [1001] being the next; raise `max_states`, or check that the rule stops");
    let token = CancelToken::new();
    let stop = token.clone();
    let rule = move |state: &u32, out: &mut Transitions<u32>| {
        if *state == 700 {
            stop.cancel();
        }
        out.edge(state + 1, 1.0);
    };
    let error = Graph::explore([(1, 1.0)], rule)
        .cancel(&token)
        .build()
        .unwrap_err();
    assert!(
        matches!(error, GraphError::Cancelled { states } if states > 700),
        "{error:?}"
    );
    let rule = |state: &u32, out: &mut Transitions<u32>| match *state {
        3 => out.fail("three is not a state"),
        state => out.edge(state + 1, 1.0),
    };
    let error = Graph::explore([(1, 1.0)], rule).build().unwrap_err();
    insta::assert_snapshot!(error, @"the rule failed in state [3]: three is not a state");
    let rule = |state: &u32, out: &mut Transitions<u32>| {
        assert!(*state < 2, "state {state}");
        out.edge(state + 1, 1.0);
    };
    let error = Graph::explore([(1, 1.0)], rule).build().unwrap_err();
    insta::assert_snapshot!(error, @"the rule failed in state [2]: it panicked: state 2");
}

#[test]
fn rates_agree_about_theta() {
    let rule = |state: &u8, out: &mut Transitions<u8>| match state {
        2 => out.edge(1, [1.0, 2.0]),
        1 => out.edge(0, Rate::parameter(4, 1.0)),
        _ => {}
    };
    let error = Graph::explore([(2, 1.0)], rule).build().unwrap_err();
    insta::assert_snapshot!(error, @"edge 2 -> 3 has 5 coefficients, but the graph has 2 parameters; give one coefficient per parameter");
    let rule = |state: &u8, out: &mut Transitions<u8>| match state {
        2 => out.edge(1, Rate::parameter(4, 1.0)),
        1 => out.edge(0, f64::NAN),
        _ => {}
    };
    let error = Graph::explore([(2, 1.0)], rule).build().unwrap_err();
    assert!(
        matches!(error, GraphError::InvalidWeight { .. }),
        "{error:?}"
    );
    let rule = |state: &u8, out: &mut Transitions<u8>| {
        if *state == 2 {
            out.edge(2, Rate::parameter(1, 0.5));
            out.edge(0, Rate::parameter(0, 0.5));
        }
    };
    let discrete = Graph::explore([(2, 1.0)], rule)
        .clock(Clock::Steps)
        .build()
        .unwrap();
    assert_eq!(
        (discrete.param_length(), discrete.self_loops().len()),
        (2, 1)
    );
    assert!(matches!(
        Graph::explore([(2, 1.0)], rule).build(),
        Err(GraphError::SelfLoop { .. })
    ));
    assert!(matches!(Graph::explore([], rule).build(), Ok(graph) if graph.vertex_count() == 1));
}

#[test]
fn progress_ends_with_everything_found() {
    let last = Rc::new(Cell::new(None));
    let seen = last.clone();
    let model = Graph::explore([(1, 1.0)], |&state: &u32, out| {
        if state < 500 {
            out.edge(state + 1, 1.0);
        }
    });
    model
        .progress(move |explored| seen.set(Some(explored)))
        .build()
        .unwrap();
    let Some(Explored {
        states,
        waiting,
        edges,
        ..
    }) = last.get()
    else {
        panic!("no report");
    };
    assert_eq!((states, waiting, edges), (500, 0, 499));
}

/// Sum of x, by vertex, over the time spent there.
fn reward(graph: &Graph, theta: &[f64], reward: impl Fn(&[i64]) -> f64) -> f64 {
    let sojourn = EliminationTrace::record(graph)
        .at(theta)
        .unwrap()
        .expected_sojourn_times();
    graph
        .vertices()
        .map(|v| sojourn[v.index()] * reward(graph.state(v)))
        .sum()
}

#[test]
fn the_models_of_this_part_are_the_literatures() {
    // Reliability: three of five, by the equations of a birth-death chain.
    let graph = models::k_out_of_n(3, 5).unwrap();
    let (f, r) = (0.1, 2.0);
    let (a, b, c) = (5.0 * f, 4.0 * f, 3.0 * f);
    let up = 1.0 / a;
    let next = (1.0 + r * up) / b;
    let mean = up + next + (1.0 + r * next) / c;
    let time = EliminationTrace::record(&graph).at(&[f, r]).unwrap();
    assert!((time.expectation() / mean - 1.0).abs() < 1e-14);
    assert_eq!(graph.parameter_names(), ["failure", "repair"]);
    assert!(matches!(
        models::k_out_of_n(4, 3),
        Err(GraphError::ModelSize { .. })
    ));

    // Heights: each is Kingman's, whatever the recombination.
    for lineages in 2..6 {
        let graph = models::two_locus_heights(lineages).unwrap();
        let height = 2.0 * (1.0 - 1.0 / lineages as f64);
        for slot in 3..5 {
            let mean = reward(&graph, &[1.0, 0.7], |state| 1.0 - state[slot] as f64);
            assert!((mean - height).abs() < 1e-13, "{lineages}: {mean}");
        }
    }
    // Without migration beyond a little, lineages of one island spend the coalescent's time; without much of a difference
    // between islands, the spectrum is that of one population: 2 / i in all for i descendants.
    let graph = models::joint_sfs(2, 3).unwrap();
    let width = 4;
    for size in 1..5_usize {
        let count = |state: &[i64]| {
            let kinds = state.iter().enumerate();
            let of_size = kinds.filter(|(kind, _)| {
                let kind = kind % (3 * width);
                kind / width + kind % width == size
            });
            of_size.map(|(_, &count)| count as f64).sum::<f64>()
        };
        let fast = 1e7;
        let mean = reward(&graph, &[2.0, 2.0, fast, fast], count);
        assert!(
            (mean / (2.0 / size as f64) - 1.0).abs() < 1e-5,
            "{size}: {mean}"
        );
    }
    assert_eq!(
        models::joint_sfs(1, 1).unwrap().slot_names()[1],
        "island1_0_1"
    );
}
