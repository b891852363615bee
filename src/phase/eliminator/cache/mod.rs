//! Traces by content: in memory, on disk, or computed.
//!
//! # What is kept
//!
//! * The trace of a **block**, under the key of its topology ([`crate::phase::symbolic::topology`]). Copies of a block share it, whatever
//!   graph they are in and however their vertices are numbered there.
//! * The **plan of a graph**: the numbering, blocks and slots that its analysis found, and which trace serves which block.
//!   Its key is taken from the graph's structure (where its edges lead and which of them are zero), so graphs that differ
//!   in coefficients, labels or start share it. A graph met again is not analyzed again.
//!
//! Every entry carries the exact bytes its key was taken from. They are compared before the entry is believed, so
//! not even a collision of keys could lead to a wrong trace. That a trace is the trace of its block is *not* found out
//! by reading it: a cache believes whoever may write its folder. What comes from elsewhere is computed again before it is
//! taken over ([`TraceCache::import`]), and a folder that anybody may write is refused.
//!
//! # Levels
//!
//! Memory is asked first, then the disk, then the trace is computed and published in both. Memory holds a bounded
//! number of bytes, least recently used first to go. The disk level ([`disk`]) is a folder that any number of processes
//! share. Blocks and graphs of fewer than `min_size` vertices are eliminated faster than their file is written, so they
//! get no entry of their own on disk; the small blocks of a larger graph ride along in its plan.
//!
//! Nothing is locked but a map operation, never while anything is eliminated, read or written.

mod builder;
mod claim;
pub(crate) mod disk;
mod encode;
mod error;
mod folder;
mod maintain;
mod memory;
mod stats;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use disk::Disk;
use encode::{Damage, EntryId, put_words};
use memory::{Kept, KeptGraph, Memory};

use crate::phase::graph::Graph;
use crate::phase::symbolic::analysis::Analysis;
use crate::phase::symbolic::fill::BlockTrace;
use crate::phase::symbolic::topology::graph_key;
use crate::phase::symbolic::unit::WorkUnit;

pub use builder::CacheBuilder;
pub use encode::EntryKind;
pub use error::CacheError;
pub use maintain::{CacheEntry, CacheFault, Removed};
pub use stats::{CacheStats, LevelStats};

/// A shared store of block traces and plans of graphs; clones see the same entries.
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
/// assert!(second.report.graph_hit);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
///
/// On disk, for later runs and other processes:
///
/// ```
/// use elimap::phase::{Eliminator, TraceCache, models};
///
/// let folder = tempfile::tempdir().unwrap();
/// let graph = models::random_block(200, 3, 1)?;
/// let first = Eliminator::new().cache(&TraceCache::open(folder.path())?).run(&graph)?;
/// // As if in another process: nothing is left in memory.
/// let second = Eliminator::new().cache(&TraceCache::open(folder.path())?).run(&graph)?;
/// assert_eq!((first.report.host_calls, second.report.host_calls), (1, 0));
/// assert_eq!(second.report.cache.disk.hits, 2); // the plan of the graph, and its one block
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TraceCache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    memory: Mutex<Memory>,
    disk: Option<Disk>,
    min_size: usize,
    totals: Mutex<CacheStats>,
}

impl Default for TraceCache {
    fn default() -> Self {
        Self::in_memory()
    }
}

/// A graph's analysis out of the cache, with those block traces that came along.
pub(crate) struct FoundGraph {
    pub analysis: Analysis,
    pub traces: Vec<Option<Arc<BlockTrace>>>,
}

impl FoundGraph {
    /// An analysis that no trace came along with.
    pub(crate) fn new(analysis: Analysis) -> Self {
        Self {
            traces: vec![None; analysis.work_units().len()],
            analysis,
        }
    }
}

impl TraceCache {
    /// An empty cache that lives as long as its last clone, with the bound of [`CacheBuilder::memory_bytes`].
    ///
    /// ```
    /// use elimap::phase::TraceCache;
    ///
    /// let cache = TraceCache::in_memory();
    /// assert!(cache.folder().is_none() && cache.is_empty());
    /// ```
    #[must_use]
    pub fn in_memory() -> Self {
        CacheBuilder::default().finish(None)
    }

    /// A cache in a folder, which is made when the first entry is written.
    ///
    /// # Errors
    ///
    /// As for [`CacheBuilder::open`].
    ///
    /// ```
    /// use elimap::phase::TraceCache;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let cache = TraceCache::open(folder.path().join("traces"))?;
    /// // It is made when there is something to keep.
    /// assert!(!folder.path().join("traces").exists() && cache.entries().is_empty());
    /// assert!(TraceCache::open("").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, CacheError> {
        Self::builder().open(folder)
    }

    /// The cache of this user: in the folder that the environment variable `ELIMAP_CACHE` names, in memory only if that
    /// says `none`, and otherwise where the platform keeps caches (`~/.cache/elimap` on Linux).
    ///
    /// # Errors
    ///
    /// As for [`CacheBuilder::open_default`].
    ///
    /// ```
    /// use elimap::phase::TraceCache;
    ///
    /// // Fails where neither the variable nor the platform names a folder.
    /// if let Ok(cache) = TraceCache::open_default() {
    ///     assert!(cache.is_empty());
    /// }
    /// ```
    pub fn open_default() -> Result<Self, CacheError> {
        Self::builder().open_default()
    }

    /// Options for a cache.
    ///
    /// ```
    /// use elimap::phase::TraceCache;
    ///
    /// assert_eq!(TraceCache::builder().min_size(50).in_memory().min_size(), 50);
    /// ```
    #[must_use]
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// The folder of the disk level, if there is one.
    ///
    /// ```
    /// use elimap::phase::TraceCache;
    ///
    /// let folder = tempfile::tempdir()?;
    /// assert_eq!(TraceCache::open(folder.path())?.folder(), Some(folder.path()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.inner.disk.as_ref().map(|disk| disk.root.as_path())
    }

    /// From how many vertices on a block or a graph gets an entry on disk.
    ///
    /// ```
    /// use elimap::phase::TraceCache;
    ///
    /// assert_eq!(TraceCache::in_memory().min_size(), 200);
    /// ```
    #[must_use]
    pub fn min_size(&self) -> usize {
        self.inner.min_size
    }

    /// The trace of a unit's topology, if it is here.
    ///
    /// ```
    /// use elimap::phase::{Analysis, Eliminator, TraceCache, models};
    ///
    /// let graph = models::birth_death(30)?;
    /// let analysis = Analysis::new(&graph);
    /// let unit = &analysis.work_units()[0];
    /// let cache = TraceCache::in_memory();
    /// assert!(cache.get(unit).is_none());
    /// Eliminator::new().cache(&cache).trace(&graph)?;
    /// assert_eq!(cache.get(unit).map(|trace| trace.size()), Some(30));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn get(&self, unit: &WorkUnit) -> Option<Arc<BlockTrace>> {
        let mut tally = CacheStats::default();
        let found = self.find_block(unit, &mut tally);
        self.record(tally);
        found
    }

    /// Keeps a trace under its key.
    ///
    /// ```
    /// use elimap::phase::{Analysis, TraceCache, eliminate_unit, models};
    ///
    /// let analysis = Analysis::new(&models::birth_death(30)?);
    /// let unit = &analysis.work_units()[0];
    /// let cache = TraceCache::in_memory();
    /// cache.insert(eliminate_unit(unit).into());
    /// assert_eq!(cache.get(unit).map(|trace| trace.key()), Some(unit.key()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn insert(&self, trace: Arc<BlockTrace>) {
        let mut tally = CacheStats::default();
        self.keep_block(&trace, &mut tally);
        self.record(tally);
    }

    /// How many block traces are in memory.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let cache = TraceCache::in_memory();
    /// Eliminator::new().cache(&cache).trace(&models::islands(4)?)?;
    /// assert_eq!(cache.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.memory().blocks()
    }

    /// Whether there are none.
    ///
    /// ```
    /// use elimap::phase::TraceCache;
    ///
    /// assert!(TraceCache::in_memory().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes the entries in memory take.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let cache = TraceCache::in_memory();
    /// assert_eq!(cache.memory_bytes(), 0);
    /// Eliminator::new().cache(&cache).trace(&models::islands(4)?)?;
    /// assert!(cache.memory_bytes() > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.memory().bytes()
    }

    /// What this cache has done so far, all clones together.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let cache = TraceCache::in_memory();
    /// let eliminator = Eliminator::new().cache(&cache);
    /// eliminator.trace(&models::islands(4)?)?;
    /// let misses = cache.stats().memory.misses;
    /// eliminator.trace(&models::islands(4)?)?;
    /// assert!(misses > 0 && cache.stats().memory.misses == misses);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        *lock(&self.inner.totals)
    }

    pub(crate) fn record(&self, tally: CacheStats) {
        *lock(&self.inner.totals) += tally;
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.inner.memory)
    }

    /// The disk level, if something of this size is worth an entry there.
    fn disk_for(&self, size: usize) -> Option<&Disk> {
        let worth_it = size >= self.inner.min_size;
        self.inner.disk.as_ref().filter(|_| worth_it)
    }

    /// Looks for a block's trace in memory, then on disk.
    pub(crate) fn find_block(
        &self,
        unit: &WorkUnit,
        tally: &mut CacheStats,
    ) -> Option<Arc<BlockTrace>> {
        let start = Instant::now();
        let id = EntryId::block(unit.key());
        let kept = self.memory().get(&id);
        if let Some(Kept::Block(trace)) = kept
            && (Arc::ptr_eq(&trace.topology, unit.topology()) || trace.topology == *unit.topology())
        {
            tally.memory.hits += 1;
            tally.memory.time += start.elapsed();
            return Some(trace);
        }
        tally.memory.misses += 1;
        tally.memory.time += start.elapsed();
        let disk = self.disk_for(unit.size())?;
        let trace = from_disk(disk, &id, tally, |bytes| {
            encode::read_block(bytes, id, unit).map(Arc::new)
        })?;
        self.memory().put(id, Kept::Block(Arc::clone(&trace)));
        Some(trace)
    }

    /// Keeps a block's trace in memory and, if it is worth an entry, on disk.
    pub(crate) fn keep_block(&self, trace: &Arc<BlockTrace>, tally: &mut CacheStats) {
        let id = EntryId::block(trace.key());
        self.memory().put(id, Kept::Block(Arc::clone(trace)));
        if let Some(disk) = self.disk_for(trace.size()) {
            to_disk(disk, &id, tally, || encode::block_entry(id, trace));
        }
    }

    /// Looks for a graph's plan in memory, then on disk.
    pub(crate) fn find_graph(
        &self,
        graph: &Graph,
        name: &GraphName,
        tally: &mut CacheStats,
    ) -> Option<FoundGraph> {
        let start = Instant::now();
        let kept = self.memory().get(&name.id);
        let found = match kept {
            Some(Kept::Graph(kept)) if kept.structure == name.structure => Some(kept),
            _ => None,
        };
        tally.memory.time += start.elapsed();
        if let Some(kept) = found {
            tally.memory.hits += 1;
            let (layout, units) = (Arc::clone(&kept.layout), Arc::clone(&kept.units));
            return Some(FoundGraph::new(Analysis::from_parts(graph, layout, units)));
        }
        tally.memory.misses += 1;
        let disk = self.disk_for(graph.vertex_count())?;
        let stored = from_disk(disk, &name.id, tally, |bytes| {
            encode::read_graph(bytes, name.id, &name.structure, graph)
        })?;
        let analysis = Analysis::from_parts(graph, Arc::new(stored.layout), stored.units.into());
        let mut memory = self.memory();
        for trace in stored.traces.iter().flatten() {
            memory.put(EntryId::block(trace.key()), Kept::Block(Arc::clone(trace)));
        }
        memory.put(name.id, name.keep(&analysis));
        Some(FoundGraph {
            analysis,
            traces: stored.traces,
        })
    }

    /// Keeps a graph's plan; traces that have no entry of their own on disk go along.
    pub(crate) fn keep_graph(
        &self,
        analysis: &Analysis,
        name: &GraphName,
        traces: &[Arc<BlockTrace>],
        tally: &mut CacheStats,
    ) {
        self.memory().put(name.id, name.keep(analysis));
        if let Some(disk) = self.disk_for(analysis.graph().vertex_count()) {
            let (layout, units) = analysis.parts();
            to_disk(disk, &name.id, tally, || {
                encode::graph_entry(name.id, &name.structure, layout, units, |unit| {
                    let trace = &traces[unit];
                    self.disk_for(trace.size()).is_none().then_some(&**trace)
                })
            });
        }
    }
}

/// What the plan of a graph is kept under: its name, and the bytes that the name was taken from.
pub(crate) struct GraphName {
    id: EntryId,
    structure: Arc<[u8]>,
}

impl GraphName {
    pub(crate) fn new(graph: &Graph) -> Self {
        let mut structure = Vec::new();
        put_words(&mut structure, &graph.structure());
        let id = EntryId {
            kind: EntryKind::Graph,
            key: graph_key(&structure),
        };
        Self {
            id,
            structure: structure.into(),
        }
    }

    fn keep(&self, analysis: &Analysis) -> Kept {
        let (layout, units) = analysis.parts();
        Kept::Graph(Arc::new(KeptGraph {
            structure: Arc::clone(&self.structure),
            layout: Arc::clone(layout),
            units: Arc::clone(units),
        }))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn from_disk<T>(
    disk: &Disk,
    id: &EntryId,
    tally: &mut CacheStats,
    decode: impl FnOnce(&[u8]) -> Result<T, Damage>,
) -> Option<T> {
    let start = Instant::now();
    let found = disk.read(id).and_then(|bytes| {
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        tally.disk.bytes_read += bytes.len() as u64;
        decode(&bytes).map(Some)
    });
    let found = found.unwrap_or_else(|damage| {
        tally.damaged += 1;
        disk.report_damage(id, &damage);
        None
    });
    match found {
        Some(_) => tally.disk.hits += 1,
        None => tally.disk.misses += 1,
    }
    tally.disk.time += start.elapsed();
    found
}

fn to_disk(disk: &Disk, id: &EntryId, tally: &mut CacheStats, encode: impl FnOnce() -> Vec<u8>) {
    let start = Instant::now();
    let bytes = encode();
    if disk.write(id, &bytes) {
        tally.disk.bytes_written += bytes.len() as u64;
    } else {
        tally.failed_writes += 1;
    }
    tally.disk.time += start.elapsed();
}
