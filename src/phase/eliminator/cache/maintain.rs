//! Looking after the folder: list, verify, prune, clear, and carrying entries to other folders.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::disk::{Disk, Found};
use super::encode::{Damage, Entry, EntryId, EntryKind, read_block};
use super::error::CacheError;
use super::{CacheStats, TraceCache, to_disk};
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
    /// assert_eq!(cache.clear()?.entries, 2);
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
    /// what killed processes left half-written long ago. `None` sets no limit. Nothing else in the folder is touched.
    ///
    /// # Errors
    ///
    /// [`CacheError::Shared`] or [`CacheError::Untagged`] if the folder has no `CACHEDIR.TAG` that elimap wrote and gets
    /// none, since it holds other things or cannot be written. Nothing is removed then.
    pub fn prune(
        &self,
        max_bytes: Option<u64>,
        max_age: Option<Duration>,
    ) -> Result<Removed, CacheError> {
        self.remove(max_bytes, max_age).map(|(removed, _)| removed)
    }

    /// Removes every entry from the folder, the folders that this leaves empty, and what killed processes left
    /// half-written long ago. Nothing else in the folder is touched, nor are entries in memory.
    ///
    /// # Errors
    ///
    /// As for [`prune`](Self::prune).
    pub fn clear(&self) -> Result<Removed, CacheError> {
        let (removed, entries) = self.remove(None, Some(Duration::ZERO))?;
        for folder in entries.iter().filter_map(|entry| entry.path.parent()) {
            // Refused unless it is empty; once is enough, and a second time does no harm.
            let _ = fs::remove_dir(folder);
        }
        Ok(removed)
    }

    fn remove(
        &self,
        max_bytes: Option<u64>,
        max_age: Option<Duration>,
    ) -> Result<(Removed, Vec<Found>), CacheError> {
        // A folder that is not there yet has nothing to remove.
        let Some(disk) = self.disk().filter(|disk| disk.root.exists()) else {
            return Ok((Removed::default(), Vec::new()));
        };
        disk.check_removal()?;
        let temporaries = disk.sweep();
        let mut entries = Vec::new();
        if let Some(age) = max_age {
            let now = SystemTime::now();
            entries.extend(disk.entries().into_iter().filter(|entry| {
                let unused = now.duration_since(entry.used).unwrap_or_default();
                unused >= age && fs::remove_file(&entry.path).is_ok()
            }));
        }
        if let Some(bound) = max_bytes {
            entries.extend(disk.shrink_to(bound)?);
        }
        let removed = Removed {
            entries: entries.len() as u64,
            bytes: entries.iter().map(|entry| entry.bytes).sum(),
            temporaries,
        };
        Ok((removed, entries))
    }

    /// Takes an entry from another folder, by name and content.
    ///
    /// # Errors
    ///
    /// [`CacheError::Entry`] if it is not whole, or cannot be written here.
    pub fn import(&self, name: &str, bytes: &[u8]) -> Result<(), CacheError> {
        let refuse = |message: String| CacheError::Entry {
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
