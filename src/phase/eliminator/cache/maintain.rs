//! Looking after the folder: list, verify, prune, clear, and carrying entries to other folders.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::disk::{Disk, Found};
use super::encode::{Damage, Entry, EntryId, EntryKind, read_block};
use super::{CacheStats, TraceCache, to_disk};
use crate::phase::error::PhaseError;
use crate::phase::symbolic::fill::eliminate_unit;
use crate::phase::symbolic::topology::{Topology, graph_key, key_of};
use crate::phase::symbolic::unit::WorkUnit;

/// A file of a cache folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheEntry {
    /// What it holds.
    pub kind: EntryKind,
    /// Its name: the key in hexadecimal and the kind.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last used, to about an hour.
    pub used: SystemTime,
}

/// A file of a cache folder that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheFault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

/// What a removal removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// How many entries.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many half-written files of killed processes.
    pub temporaries: u64,
}

impl From<Found> for CacheEntry {
    fn from(found: Found) -> Self {
        Self {
            kind: found.id.kind,
            name: found.id.file_name(),
            path: found.path,
            bytes: found.bytes,
            used: found.used,
        }
    }
}

impl TraceCache {
    fn disk(&self) -> Option<&Disk> {
        self.inner.disk.as_ref()
    }

    /// The entries of the folder, by name; none without a folder.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, EntryKind, TraceCache, models};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let cache = TraceCache::open(folder.path())?;
    /// Eliminator::new().cache(&cache).run(&models::birth_death(300)?)?;
    /// let kinds: Vec<EntryKind> = cache.entries().iter().map(|entry| entry.kind).collect();
    /// assert!(kinds.contains(&EntryKind::Block) && kinds.contains(&EntryKind::Graph));
    /// assert!(cache.verify().is_empty());
    /// assert_eq!(cache.clear().entries, 2);
    /// assert!(cache.entries().is_empty());
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn entries(&self) -> Vec<CacheEntry> {
        let mut found = self.disk().map(Disk::entries).unwrap_or_default();
        found.sort_unstable_by_key(|entry| entry.id);
        found.into_iter().map(CacheEntry::from).collect()
    }

    /// Reads every entry of the folder and says what is wrong; block traces are also computed again and compared.
    pub fn verify(&self) -> Vec<CacheFault> {
        let faults = self.entries().into_iter().filter_map(|entry| {
            let message = match fs::read(&entry.path) {
                // Removed meanwhile, which is nobody's fault.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
                Err(error) => error.to_string(),
                Ok(bytes) => inspect(&entry.name, &bytes, true).err()?.to_string(),
            };
            Some(CacheFault {
                path: entry.path,
                message,
            })
        });
        faults.collect()
    }

    /// Removes entries not used for `max_age`, then those used least recently until at most `max_bytes` remain, and
    /// what killed processes left half-written. `None` sets no limit.
    pub fn prune(&self, max_bytes: Option<u64>, max_age: Option<Duration>) -> Removed {
        let Some(disk) = self.disk() else {
            return Removed::default();
        };
        let mut removed = Removed {
            temporaries: disk.sweep(disk.temporary_age),
            ..Removed::default()
        };
        if let Some(age) = max_age {
            let now = SystemTime::now();
            for entry in disk.entries() {
                let unused = now.duration_since(entry.used).unwrap_or_default();
                if unused >= age && fs::remove_file(&entry.path).is_ok() {
                    removed.entries += 1;
                    removed.bytes += entry.bytes;
                }
            }
        }
        if let Some(bound) = max_bytes {
            let (entries, bytes) = disk.shrink_to(bound);
            removed.entries += entries;
            removed.bytes += bytes;
        }
        removed
    }

    /// Removes every entry and every half-written file from the folder. Files with other names stay, as do entries in
    /// memory.
    pub fn clear(&self) -> Removed {
        let mut removed = self.prune(None, Some(Duration::ZERO));
        if let Some(disk) = self.disk() {
            removed.temporaries += disk.sweep(Duration::ZERO);
            disk.remove_empty_folders();
        }
        removed
    }

    /// Takes an entry from another folder, by name and content.
    ///
    /// # Errors
    ///
    /// [`PhaseError::CacheEntry`] if it is not whole, or cannot be written here.
    pub fn import(&self, name: &str, bytes: &[u8]) -> Result<(), PhaseError> {
        let refuse = |message: String| PhaseError::CacheEntry {
            name: name.to_owned(),
            message,
        };
        let id = inspect(name, bytes, false).map_err(|damage| refuse(damage.to_string()))?;
        let disk = self
            .disk()
            .ok_or_else(|| refuse("the cache has no folder".to_owned()))?;
        let mut tally = CacheStats::default();
        to_disk(disk, &id, &mut tally, || bytes.to_vec());
        let failed = tally.failed_writes > 0;
        self.record(tally);
        if failed {
            return Err(refuse("its file cannot be written".to_owned()));
        }
        Ok(())
    }
}

/// Checks the bytes of an entry as far as that goes without the graph: everything of a block trace, and of a plan its
/// checksum and key.
fn inspect(name: &str, bytes: &[u8], compute: bool) -> Result<EntryId, Damage> {
    let entry = Entry::open(bytes)?;
    let id = entry.id;
    if id.file_name() != name {
        return Err(Damage::Name);
    }
    match id.kind {
        EntryKind::Graph => {
            if graph_key(entry.canonical) != id.key {
                return Err(Damage::Outdated);
            }
        }
        EntryKind::Block => {
            let key = key_of(entry.canonical);
            if *key.as_bytes() != id.key {
                return Err(Damage::Outdated);
            }
            let topology = Topology::from_canonical_bytes(entry.canonical)
                .ok_or(Damage::Content("its topology is none"))?;
            let unit = WorkUnit::new(key, topology);
            let trace = read_block(bytes, id, &unit)?;
            if compute && trace != eliminate_unit(&unit) {
                return Err(Damage::Content("it is not the trace of its block"));
            }
        }
    }
    Ok(id)
}
