//! What a cache did, by level.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// What one level of a cache did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelStats {
    /// Lookups answered.
    pub hits: u64,
    /// Lookups not answered; the next level was asked.
    pub misses: u64,
    /// Bytes read, headers included; none in memory, where traces are shared.
    pub bytes_read: u64,
    /// Bytes written, headers included.
    pub bytes_written: u64,
    /// Time spent in lookups and writes.
    pub time: Duration,
}

/// What a cache did: of all its clones together ([`TraceCache::stats`](super::TraceCache::stats)), or for one
/// elimination ([`Report`](crate::phase::Report)).
///
/// ```
/// use elimap::phase::{Eliminator, TraceCache, models};
///
/// let cache = TraceCache::in_memory();
/// let graph = models::islands(4)?;
/// Eliminator::new().cache(&cache).run(&graph)?;
/// let again = Eliminator::new().cache(&cache).run(&graph)?;
/// assert_eq!((again.report.cache.memory.misses, again.report.cache.disk.hits), (0, 0));
/// assert!(cache.stats().memory.misses > 0);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// The level in memory.
    pub memory: LevelStats,
    /// The level on disk; asked for what memory lacks and what is worth an entry.
    pub disk: LevelStats,
    /// Entries on disk that were damaged, foreign or of another version: misses, reported and replaced.
    pub damaged: u64,
    /// Entries that could not be written; the answer was computed all the same.
    pub failed_writes: u64,
}

impl AddAssign for LevelStats {
    fn add_assign(&mut self, other: Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.bytes_read += other.bytes_read;
        self.bytes_written += other.bytes_written;
        self.time += other.time;
    }
}

impl AddAssign for CacheStats {
    fn add_assign(&mut self, other: Self) {
        self.memory += other.memory;
        self.disk += other.disk;
        self.damaged += other.damaged;
        self.failed_writes += other.failed_writes;
    }
}

impl fmt::Display for LevelStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} hits, {} misses, {} bytes read, {} bytes written, {:.6} s",
            self.hits,
            self.misses,
            self.bytes_read,
            self.bytes_written,
            self.time.as_secs_f64()
        )
    }
}
