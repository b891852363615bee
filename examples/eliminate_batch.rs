//! The elimination pipeline through vmap(callback): the index array reaches the host once, which fans out.

use std::time::Instant;

use elimap::CallLog;
use elimap::phase::{Analysis, Eliminator, PhaseError, Strategy, eliminate_batch, models};

fn main() -> Result<(), PhaseError> {
    // A chain of blocks, every one of another topology, so that each is a work unit of its own.
    let graph = models::block_chain(12, 600, 4, 12, 7)?;
    let analysis = Analysis::new(&graph);
    let store = analysis.work_store();
    println!(
        "{} vertices, {} work units",
        graph.vertex_count(),
        store.len()
    );

    // The host gets all indices at once; -1 is padding.
    let log = CallLog::new();
    let mut indices = store.indices();
    indices.push(-1);
    let traces = eliminate_batch(&Eliminator::new(), &store, &indices, &log)?;
    let call = &log.records()[0];
    println!("host calls: {}, index array {}", log.len(), call.args[0]);
    assert_eq!(log.len(), 1);
    assert_eq!(call.args[0].shape(), [store.len() + 1]);
    assert!(traces[..store.len()].iter().all(Option::is_some) && traces[store.len()].is_none());

    // One worker and one per processor give the same trace.
    let mut expectations = Vec::new();
    let mut seconds = Vec::new();
    for workers in [
        1,
        std::thread::available_parallelism().map_or(1, usize::from),
    ] {
        let eliminator = Eliminator::new().strategy(Strategy::Vmap).workers(workers);
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let start = Instant::now();
            eliminate_batch(&eliminator, &store, &store.indices(), &CallLog::new())?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!("{workers} workers: {:.1} ms", 1e3 * best);
        seconds.push(best);
        let done = eliminator.run(&graph)?;
        assert_eq!(done.report.host_calls, 1);
        expectations.push(done.trace.at(&[1.0, 0.5])?.expectation());
    }
    println!("speed-up over one worker: {:.2}", seconds[0] / seconds[1]);
    println!("expectation {}", expectations[0]);
    assert_eq!(expectations[0].to_bits(), expectations[1].to_bits());
    Ok(())
}
