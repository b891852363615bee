//! Work units, assembly, sharing, size and determinism of traces.

use std::sync::Arc;

use elimap::phase::{
    Analysis, BlockTrace, EliminationTrace, Graph, PhaseType, SymbolicError, VertexId, WorkStore,
    WorkUnit, eliminate_unit, models,
};
use rayon::prelude::*;

fn assert_shareable<T: Clone + Send + Sync + 'static>() {}

#[test]
fn traces_are_cheap_to_share_between_threads() {
    assert_shareable::<Graph>();
    assert_shareable::<Analysis>();
    assert_shareable::<WorkUnit>();
    assert_shareable::<WorkStore>();
    assert_shareable::<Arc<BlockTrace>>();
    assert_shareable::<EliminationTrace>();
    assert_shareable::<Arc<PhaseType>>();
}

#[test]
fn units_travel_as_json() {
    let analysis = Analysis::new(&models::islands_sfs(6).unwrap());
    let store = analysis.work_store();
    assert_eq!(store.len(), analysis.work_units().len());
    assert_eq!(store.indices(), (0..store.len() as i32).collect::<Vec<_>>());
    for (index, unit) in store.indices().into_iter().zip(analysis.work_units()) {
        let found = store.get(index).unwrap().unwrap();
        assert_eq!(&found, unit);
        let (key, json) = (found.key(), found.to_json());
        let read = WorkUnit::from_json(&json).unwrap();
        assert_eq!((&read, read.key(), read.to_json()), (unit, key, json));
        assert_eq!(eliminate_unit(&read), eliminate_unit(unit));
        assert_eq!(
            key.to_string().parse::<elimap::phase::BlockKey>().unwrap(),
            key
        );
    }
    assert!(store.get(WorkStore::PADDING).unwrap().is_none());
}

#[test]
fn the_form_of_a_unit_is_fixed() {
    let analysis = Analysis::new(&models::birth_death(3).unwrap());
    insta::assert_snapshot!(analysis.work_units()[0].to_json(), @r#"{"format":"elimap-work-unit","version":1,"key":"9df87a27e91b406a686172239d42643e921ec5be159c1a6461290676f55f8147","edges":[[1],[0,2],[1]],"exits":[2]}"#);
}

/// The bits of everything a replay answers.
fn bits(trace: &EliminationTrace, theta: &[f64]) -> Vec<u64> {
    let time = trace.at(theta).unwrap();
    let mut numbers = time.moments(4);
    numbers.extend([time.expectation(), time.variance()]);
    numbers.extend(time.expected_waiting_times());
    numbers.into_iter().map(f64::to_bits).collect()
}

#[test]
fn results_do_not_depend_on_who_eliminated() {
    for (graph, theta) in [
        (models::islands_sfs(8).unwrap(), vec![1.0, 0.5, 0.3, 2.0]),
        (
            models::block_chain(20, 12, 3, 7, 5).unwrap(),
            vec![0.3, 1.1],
        ),
        (models::grid_walk(15, 14).unwrap(), vec![1.0, 2.0, 0.1]),
    ] {
        let analysis = Analysis::new(&graph);
        let expected = bits(&analysis.eliminate(), &theta);
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let traces = pool.install(|| {
                analysis
                    .work_units()
                    .par_iter()
                    .map(|unit| Arc::new(eliminate_unit(unit)))
                    .collect()
            });
            let trace = analysis.assemble(traces).unwrap();
            assert_eq!(bits(&trace, &theta), expected);
            let again = pool.install(|| {
                (0..8)
                    .into_par_iter()
                    .map(|_| bits(&trace, &theta))
                    .collect::<Vec<_>>()
            });
            assert!(again.iter().all(|found| *found == expected));
        }
    }
}

/// A ring of four with an exit at one vertex, and the start at another.
fn ring(names: [usize; 4], exit: usize) -> Graph {
    let mut builder = Graph::builder(1, 1);
    let vertices: Vec<VertexId> = (0..5).map(|label| builder.add_vertex(&[label])).collect();
    for i in 0..4 {
        builder.add_edge(
            vertices[names[i]],
            vertices[names[(i + 1) % 4]],
            &[1.0 + i as f64],
        );
    }
    builder.add_edge(vertices[names[1]], vertices[names[3]], &[0.5]);
    builder
        .add_edge(vertices[names[exit]], vertices[4], &[0.25])
        .start(vertices[names[0]], 1.0);
    builder.build().unwrap()
}

#[test]
fn keys_see_exits_and_edges_but_no_names_labels_or_rates() {
    let key = |graph: &Graph| {
        let analysis = Analysis::new(graph);
        assert_eq!(analysis.work_units().len(), 1);
        analysis.work_units()[0].key()
    };
    let reference = key(&ring([0, 1, 2, 3], 2));
    assert_eq!(key(&ring([3, 0, 1, 2], 2)), reference);
    assert_eq!(key(&ring([2, 3, 1, 0], 2)), reference);
    assert_ne!(key(&ring([0, 1, 2, 3], 0)), reference);
    let expectation = |trace: EliminationTrace| trace.at(&[1.0]).unwrap().expectation();
    let expected = expectation(Analysis::new(&ring([0, 1, 2, 3], 2)).eliminate());
    assert_eq!(
        expectation(Analysis::new(&ring([3, 0, 1, 2], 2)).eliminate()),
        expected
    );
    // A trace that nobody asked for a key of follows the graph's order, and agrees but for rounding.
    for names in [[0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 1, 0]] {
        let found = expectation(EliminationTrace::record(&ring(names, 2)));
        assert!((found / expected - 1.0).abs() < 1e-15, "{found}");
    }
    insta::assert_snapshot!(reference, @"c88b439a1706820bb12121562ebbfd5be8d97e029ed4a6c9fcf28dcfa2d618ae");
}

#[test]
fn edges_that_are_never_taken_belong_to_no_block() {
    let mut builder = Graph::builder(0, 2);
    let [a, b, end] = [(); 3].map(|()| builder.add_vertex(&[]));
    builder
        .add_edge(a, b, &[1.0, 0.0])
        .add_edge(b, a, &[0.0, 0.0])
        .add_edge(b, end, &[0.0, 1.0])
        .start(a, 1.0);
    let trace = EliminationTrace::record(&builder.build().unwrap());
    assert_eq!((trace.summary().blocks, trace.summary().edges), (2, 3));
    assert_eq!(trace.at(&[1.0, 4.0]).unwrap().expectation(), 1.25);
}

#[test]
fn assembly_accepts_only_the_traces_of_its_units() {
    let analysis = Analysis::new(&models::block_chain(3, 5, 2, 3, 1).unwrap());
    assert_eq!(analysis.work_units().len(), 3);
    let traces: Vec<Arc<BlockTrace>> = analysis
        .work_units()
        .iter()
        .map(|unit| Arc::new(eliminate_unit(unit)))
        .collect();
    assert!(matches!(
        analysis.assemble(traces[..2].to_vec()),
        Err(SymbolicError::TraceCount {
            expected: 3,
            found: 2
        })
    ));
    let swapped = vec![traces[0].clone(), traces[2].clone(), traces[1].clone()];
    let units = analysis.work_units();
    match analysis.assemble(swapped) {
        Err(SymbolicError::TraceMismatch {
            unit: 1,
            expected,
            found,
        }) => {
            assert_eq!((expected, found), (units[1].key(), units[2].key()));
        }
        other => panic!("{other:?}"),
    }
    assert!(analysis.assemble(traces).is_ok());
}

#[test]
fn summaries_print() {
    let trace = EliminationTrace::record(&models::islands(5).unwrap());
    insta::assert_snapshot!(trace.summary(), @r"
    vertices       21
    edges          48
    transient      18
    blocks         4
    largest block  6
    topologies     4
    work units     4
    factor entries 28
    multiply-adds  0
    ");
}

#[test]
fn operations_print() {
    let mut builder = Graph::builder(0, 2);
    let [a, b, c, end] = [(); 4].map(|()| builder.add_vertex(&[]));
    builder
        .add_edge(a, b, &[1.0, 0.5])
        .add_edge(b, a, &[0.0, 1.0])
        .add_edge(b, a, &[2.0, 0.0]);
    builder
        .add_constant_edge(b, c, 0.25)
        .add_edge(c, end, &[3.0, 0.0])
        .start(a, 0.75)
        .start(c, 0.25);
    let trace = EliminationTrace::record(&builder.build().unwrap());
    let list: Vec<String> = trace.operations().map(|step| step.to_string()).collect();
    insta::assert_snapshot!(list.join("\n"), @r"
    %0 = DOT 1.0 theta[0] + 0.5 theta[1]  # rate 1 -> 2
    %1 = PARAM theta[1]
    %2 = DOT 2.0 theta[0]
    %3 = ADD %1 %2  # rate 2 -> 1
    %4 = CONST 0.25  # rate 2 -> 3
    %5 = DOT 3.0 theta[0]  # rate 3 -> 4
    %6 = CONST 1.0
    %7 = INV %5  # 1 / pivot of vertex 3
    %8 = MUL %6 %7  # waiting time of vertex 3
    %9 = INV %0  # 1 / pivot of vertex 1
    %10 = MUL %0 %9
    %11 = INV %4  # 1 / pivot of vertex 2
    %12 = MUL %4 %11
    %13 = MUL %6 %9
    %14 = MUL %4 %8
    %15 = MUL %3 %13
    %16 = SUM %6 %14 %15
    %17 = MUL %16 %11  # waiting time of vertex 2
    %18 = MUL %10 %17
    %19 = ADD %13 %18  # waiting time of vertex 1
    %20 = CONST 0.75
    %21 = MUL %20 %19
    %22 = CONST 0.25
    %23 = MUL %22 %8
    %24 = ADD %21 %23  # expectation
    ");
}

#[test]
fn eliminations_are_short() {
    // Minimum degree with ties by vertex index takes 40 332 and 169 518 for the first two; minimum fill, which
    // costs far more to find, 40 262 and 157 544.
    for (graph, expected) in [
        (models::islands_sfs(14), 40_088),
        (models::grid_walk(30, 30), 163_494),
        (models::coalescent_sfs(20), 0),
        (models::birth_death(10_000), 0),
    ] {
        let summary = EliminationTrace::record(&graph.unwrap()).summary();
        assert_eq!(summary.multiply_adds, expected, "{summary}");
    }
}

/// Runs on a stack of one mebibyte.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn long_chains_need_no_stack() {
    const LENGTH: usize = 200_000;
    // Acyclic: as many blocks as vertices.
    on_a_small_stack(|| {
        let trace = EliminationTrace::record(&models::erlang(LENGTH).unwrap());
        assert_eq!(trace.summary().blocks, LENGTH);
        let time = trace.at(&[2.0]).unwrap();
        let n = LENGTH as f64;
        for (found, expected) in time
            .moments(2)
            .into_iter()
            .zip([n / 2.0, n * (n + 1.0) / 4.0])
        {
            assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
        }
        assert!((time.variance() / (n / 4.0) - 1.0).abs() < 1e-12);
        let graph = Graph::from_json(&trace.graph().to_json()).unwrap();
        assert_eq!(&graph, trace.graph());
        assert!(trace.operations().last().is_some());
    });
    // One block: down three times as often as up, so the time from k down to k - 1 is 1/2 but near the top.
    on_a_small_stack(|| {
        let trace = EliminationTrace::record(&models::birth_death(LENGTH).unwrap());
        let summary = trace.summary();
        assert_eq!((summary.largest_block, summary.multiply_adds), (LENGTH, 0));
        let times = trace.at(&[1.0, 3.0]).unwrap().expected_waiting_times();
        let expected = (LENGTH - 1000) as f64 / 2.0;
        // A sum of that many terms, each rounded: at most 2e-11.
        assert!(
            (times[1001] / expected - 1.0).abs() < 1e-11,
            "{}",
            times[1001]
        );
        assert!(trace.operations().last().is_some());
    });
}

#[test]
fn vertices_that_do_not_matter_do_no_harm() {
    // p and q lead nowhere, r may get to them, s is apart; the start sees none of them.
    let mut builder = Graph::builder(1, 1);
    let [a, end, p, q, r, s] = [1, 2, 3, 4, 5, 6].map(|label| builder.add_vertex(&[label]));
    builder
        .add_edge(a, end, &[2.0])
        .add_edge(p, q, &[1.0])
        .add_edge(q, p, &[1.0]);
    builder
        .add_edge(r, p, &[1.0])
        .add_edge(r, end, &[1.0])
        .add_edge(s, end, &[4.0])
        .start(a, 1.0);
    let trace = EliminationTrace::record(&builder.build().unwrap());
    let time = trace.at(&[1.0]).unwrap();
    assert_eq!(time.moments(2), [0.5, 0.5]);
    let infinite = f64::INFINITY;
    assert_eq!(
        time.expected_waiting_times(),
        [0.5, 0.5, 0.0, infinite, infinite, infinite, 0.25]
    );
    assert!(trace.operations().last().is_some());
}

#[test]
fn a_list_of_operations_has_a_budget() {
    let trace = EliminationTrace::record(&models::dense(20, 1).unwrap());
    assert_eq!(trace.summary().multiply_adds, 2280);
    let listed = trace.operations_within(2280).unwrap().count();
    assert_eq!(listed, trace.operations().count());
    let refused = trace.operations_within(2279).map(|_| ()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "one elimination takes 2280 multiply-adds, and the list of its operations is limited to 2279; raise the limit, or replay the trace without listing it"
    );
}
