//! Block traces by content.
//!
//! A trace is looked up by its unit's key and believed only after the topologies were compared, so even equal keys of
//! different blocks could not lead to a wrong trace. Lookups and insertions hold the lock for a map operation only,
//! never while anything is eliminated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::eliminate::BlockTrace;
use super::key::BlockKey;
use super::work::WorkUnit;

/// A shared store of block traces; clones see the same traces.
///
/// ```
/// use elimap::phase::{Eliminator, TraceCache, models};
///
/// let cache = TraceCache::in_memory();
/// let graph = models::islands(4)?;
/// let first = Eliminator::new().cache(&cache).run(&graph)?;
/// let second = Eliminator::new().cache(&cache).run(&graph)?;
/// assert_eq!((first.report.cache_hits, second.report.cache_hits), (0, cache.len()));
/// assert_eq!(second.report.host_calls, 0);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TraceCache {
    traces: Arc<Mutex<HashMap<BlockKey, Arc<BlockTrace>>>>,
}

impl TraceCache {
    /// An empty cache that lives as long as its last clone.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// The trace of a unit's topology, if it is here.
    pub fn get(&self, unit: &WorkUnit) -> Option<Arc<BlockTrace>> {
        let traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        traces
            .get(&unit.key())
            .filter(|trace| trace.topology == *unit.topology())
            .cloned()
    }

    /// Keeps a trace under its key.
    pub fn insert(&self, trace: Arc<BlockTrace>) {
        let mut traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        traces.insert(trace.key(), trace);
    }

    /// How many traces are here.
    pub fn len(&self) -> usize {
        self.traces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
