//! The seam: missing block traces through vmap(callback) over an index array.
use elimap::phase::{
    Analysis, EliminationTrace, Eliminator, EliminatorError, Graph, Strategy, SymbolicError,
    TraceCache, WorkStore, eliminate_batch, models,
};
use elimap::{Array, CallLog, Tensor, vmap};

/// Blocks of many topologies.
fn graph() -> Graph {
    models::block_chain(9, 14, 3, 9, 3).unwrap()
}

fn bits(trace: &EliminationTrace) -> Vec<u64> {
    let time = trace.at(&[1.0, 0.5]).unwrap();
    time.expected_waiting_times()
        .into_iter()
        .chain(time.moments(4))
        .map(f64::to_bits)
        .collect()
}

#[test]
fn the_index_array_reaches_the_host_once() {
    let store = Analysis::new(&graph()).work_store();
    assert!(store.len() > 3);
    let log = CallLog::new();
    let eliminator = Eliminator::new().strategy(Strategy::Vmap).workers(2);
    let traces = eliminate_batch(&eliminator, &store, &store.indices(), &log).unwrap();
    assert!(traces.iter().all(Option::is_some));
    let calls = log.records();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].name, "eliminate");
    assert_eq!(calls[0].args[0].to_vec::<i32>().unwrap(), store.indices());
}

#[test]
fn sequential_calls_the_host_index_by_index() {
    let store = Analysis::new(&graph()).work_store();
    let log = CallLog::new();
    let eliminator = Eliminator::new().strategy(Strategy::Sequential);
    eliminate_batch(&eliminator, &store, &[2, -1, 0], &log).unwrap();
    let seen: Vec<i32> = log
        .records()
        .iter()
        .map(|call| call.args[0].item::<i32>().unwrap())
        .collect();
    assert_eq!(seen, [2, -1, 0]);
}

#[test]
fn padding_is_skipped_and_repeats_are_answered() {
    let analysis = Analysis::new(&graph());
    let store = analysis.work_store();
    let traces = eliminate_batch(
        &Eliminator::new(),
        &store,
        &[-1, 1, -1, 1, 0],
        &CallLog::new(),
    )
    .unwrap();
    let keys: Vec<_> = traces.iter().map(|t| t.as_ref().map(|t| t.key())).collect();
    let unit = |i: usize| Some(analysis.work_units()[i].key());
    assert_eq!(keys, [None, unit(1), None, unit(1), unit(0)]);
}

#[test]
fn no_indices_make_no_call() {
    let log = CallLog::new();
    let store = WorkStore::new(&[]);
    assert!(
        eliminate_batch(&Eliminator::new(), &store, &[], &log)
            .unwrap()
            .is_empty()
    );
    let all_padding = eliminate_batch(&Eliminator::new(), &store, &[-1, -1], &log).unwrap();
    assert!(all_padding.iter().all(Option::is_none));
    assert_eq!(log.len(), 1);
}

#[test]
fn an_index_without_a_unit_is_named() {
    let store = Analysis::new(&graph()).work_store();
    let units = store.len();
    for strategy in [Strategy::Vmap, Strategy::Sequential] {
        let eliminator = Eliminator::new().strategy(strategy);
        let error = eliminate_batch(&eliminator, &store, &[0, 99], &CallLog::new()).unwrap_err();
        assert!(
            matches!(error, EliminatorError::NoSuchWorkUnit { index: 99, units: u } if u == units),
            "{error}"
        );
    }
}

#[test]
fn of_several_damaged_units_the_lowest_index_is_reported() {
    let analysis = Analysis::new(&graph());
    let entries = analysis.work_units().iter().enumerate().map(|(i, unit)| {
        let json = unit.to_json();
        (
            unit.key(),
            if i >= 2 {
                json.replace("version", "versoin")
            } else {
                json
            },
        )
    });
    let store = WorkStore::from_entries(entries);
    let mut indices = store.indices();
    indices.reverse();
    for workers in [1, 2, 8] {
        let eliminator = Eliminator::new().workers(workers);
        let error = eliminate_batch(&eliminator, &store, &indices, &CallLog::new()).unwrap_err();
        let EliminatorError::UnitFailed { index: 2, source } = error else {
            panic!("{error}");
        };
        assert!(
            matches!(
                *source,
                EliminatorError::Unit(SymbolicError::WorkUnitJson { .. })
            ),
            "{source}"
        );
    }
}

#[test]
fn traces_are_bit_identical_for_any_number_of_workers() {
    let graph = graph();
    let plain = bits(&Analysis::new(&graph).eliminate());
    for workers in [1, 2, 8] {
        for strategy in [Strategy::Auto, Strategy::Vmap, Strategy::Sequential] {
            let trace = Eliminator::new()
                .workers(workers)
                .strategy(strategy)
                .trace(&graph)
                .unwrap();
            assert_eq!(bits(&trace), plain, "{workers} workers, {strategy:?}");
        }
    }
}

#[test]
fn a_cache_answers_the_second_time() {
    let cache = TraceCache::in_memory();
    let eliminator = Eliminator::new().cache(&cache);
    let first = eliminator.run(&graph()).unwrap();
    assert_eq!(first.report.cache_hits, 0);
    assert_eq!(first.report.host_calls, 1);
    assert_eq!(cache.len(), first.report.work_units);
    let second = eliminator.run(&graph()).unwrap();
    assert_eq!(second.report.cache_hits, first.report.work_units);
    assert_eq!(second.report.host_calls, 0);
    assert_eq!(bits(&first.trace), bits(&second.trace));
    // A graph of its own that shares some blocks computes only the others.
    let other = models::block_chain(9, 14, 3, 4, 3).unwrap();
    let third = eliminator.run(&other).unwrap();
    assert!(third.report.cache_hits > 0, "{:?}", third.report);
}

#[test]
fn identical_blocks_make_one_work_unit() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/models/phasic/many_20x50_identical.json"
    );
    let report = Eliminator::new()
        .run(&Graph::read(path).unwrap())
        .unwrap()
        .report;
    assert_eq!((report.work_units, report.host_calls), (1, 1));
}

#[test]
fn pmap_and_zero_workers_are_refused() {
    let error = Eliminator::new()
        .strategy(Strategy::Pmap)
        .run(&graph())
        .unwrap_err();
    assert!(
        matches!(&error, EliminatorError::Pmap(pmap) if pmap.requested == "pmap"),
        "{error}"
    );
    let error = Eliminator::new().workers(0).run(&graph()).unwrap_err();
    assert!(matches!(error, EliminatorError::NoWorkers), "{error}");
    assert!(matches!(
        "shard_map".parse::<Strategy>(),
        Err(EliminatorError::UnknownStrategy { name }) if name == "shard_map"
    ));
}

#[test]
fn an_acyclic_model_needs_no_call() {
    let done = Eliminator::new().run(&models::kingman(8).unwrap()).unwrap();
    assert_eq!((done.report.work_units, done.report.host_calls), (0, 0));
    let expectation = done.trace.at(&[1.0]).unwrap().expectation();
    assert!((expectation - 1.75).abs() < 1e-14);
}

#[test]
fn a_graph_is_eliminated_within_a_function_that_is_traced() {
    let graph = graph();
    let plain = bits(&Analysis::new(&graph).eliminate());
    let seen = std::cell::RefCell::new(Vec::new());
    let f = vmap(|x: Tensor| {
        let done = Eliminator::new().run(&graph).unwrap();
        seen.borrow_mut()
            .push((done.report.host_calls, bits(&done.trace)));
        x + 1.0
    });
    let out = f.call((Array::from(vec![1.0, 2.0]),)).unwrap();
    assert_eq!(out.to_array().unwrap().to_vec::<f64>().unwrap(), [2.0, 3.0]);
    // The function was traced once, and the elimination is no part of it.
    assert_eq!(*seen.borrow(), [(1, plain)]);
}
