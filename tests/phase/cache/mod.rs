//! The cache: what it shares, what it survives, and that it never changes an answer.

mod folder;
mod sharing;
mod untrusted;

use std::fs;
use std::path::{Path, PathBuf};

use elimap::phase::{
    Analysis, Elimination, EliminationTrace, Eliminator, Graph, TraceCache, models,
};

/// Exact equality of everything a trace answers.
fn bits(trace: &EliminationTrace) -> Vec<u64> {
    let theta: Vec<f64> = (0..trace.param_length())
        .map(|k| 1.0 + 0.3 * k as f64)
        .collect();
    let time = trace.at(&theta).unwrap();
    time.expected_waiting_times()
        .into_iter()
        .chain(time.moments(3))
        .map(f64::to_bits)
        .collect()
}

/// Three distinct blocks of 60 vertices.
fn graph() -> Graph {
    models::block_chain(6, 60, 3, 3, 5).unwrap()
}

fn run(cache: &TraceCache, graph: &Graph) -> Elimination {
    let done = Eliminator::new().cache(cache).run(graph).unwrap();
    assert_eq!(bits(&done.trace), bits(&Analysis::new(graph).eliminate()));
    done
}

/// A cache as another process would open it: with nothing in memory.
fn reopened(folder: &Path) -> TraceCache {
    TraceCache::builder().min_size(50).open(folder).unwrap()
}

/// All files but the folder's tag.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(files(&path));
        } else if path.file_name().unwrap() != "CACHEDIR.TAG" {
            out.push(path);
        }
    }
    out.sort();
    out
}
