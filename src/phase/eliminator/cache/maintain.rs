//! Looking after the folder: list, verify, prune, clear, and carrying entries to other folders.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::claim::Claim;
use super::disk::{Disk, Found, Unread, read_file};
use super::encode::{Damage, Entry, EntryId, EntryKind, HEADER, Header};
use super::error::CacheError;
use super::{CacheStats, TraceCache, to_disk};

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
    #[must_use]
    pub fn entries(&self) -> Vec<CacheEntry> {
        let mut found = self.disk().map(Disk::entries).unwrap_or_default();
        found.sort_unstable_by_key(|entry| entry.id);
        found.into_iter().map(CacheEntry::from).collect()
    }

    /// Reads every entry of the folder, computes it again, and says what is wrong.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let cache = TraceCache::builder().min_size(1).open(folder.path())?;
    /// Eliminator::new().cache(&cache).trace(&models::birth_death(30)?)?;
    /// assert!(cache.verify().is_empty());
    /// std::fs::write(&cache.entries()[0].path, "damaged")?;
    /// assert_eq!(cache.verify().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn verify(&self) -> Vec<CacheFault> {
        let mut named = self.disk().map(Disk::named).unwrap_or_default();
        named.sort_unstable_by_key(|found| found.id);
        let faults = named.into_iter().filter_map(|found| {
            let message = match read_file(&found.path) {
                // Removed meanwhile, which is nobody's fault.
                Err(Unread::Io(error)) if error.kind() == ErrorKind::NotFound => return None,
                Err(Unread::Io(error)) => error.to_string(),
                Err(Unread::Damaged(damage)) => damage.to_string(),
                Ok(bytes) => inspect(found.id, &bytes).err()?.to_string(),
            };
            Some(CacheFault {
                path: found.path,
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
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let cache = TraceCache::builder().min_size(1).open(folder.path())?;
    /// Eliminator::new().cache(&cache).trace(&models::birth_death(30)?)?;
    /// assert_eq!(cache.prune(None, None)?.entries, 0);
    /// assert!(cache.prune(Some(0), None)?.entries > 0 && cache.entries().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let cache = TraceCache::builder().min_size(1).open(folder.path())?;
    /// Eliminator::new().cache(&cache).trace(&models::birth_death(30)?)?;
    /// assert!(cache.clear()?.entries > 0 && cache.entries().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Takes an entry from another folder, by name and content; its length. It is computed again and compared first, so
    /// nobody has to be believed.
    ///
    /// No more is read than the entry's header announces, and no memory is taken for what does not arrive.
    ///
    /// # Errors
    ///
    /// [`CacheError::Entry`] if it is not whole, is not what is computed here for the same block or graph, or cannot be
    /// written here.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    /// let here = TraceCache::builder().min_size(1).open(folders[0].path())?;
    /// let there = TraceCache::builder().min_size(1).open(folders[1].path())?;
    /// Eliminator::new().cache(&here).trace(&models::birth_death(30)?)?;
    /// for entry in here.entries() {
    ///     let name = entry.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    ///     there.import(name, &entry.read()?[..])?;
    /// }
    /// assert_eq!(there.entries().len(), here.entries().len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn import(&self, name: &str, entry: impl Read) -> Result<u64, CacheError> {
        let refuse = |message: String| CacheError::Entry {
            name: name.to_owned(),
            message,
        };
        let disk = self
            .disk()
            .ok_or_else(|| refuse("the cache has no folder".to_owned()))?;
        let (id, bytes) = receive(name, entry, disk.max_bytes).map_err(|unread| {
            refuse(match unread {
                Unread::Io(error) => error.to_string(),
                Unread::Damaged(damage) => damage.to_string(),
            })
        })?;
        let length = bytes.len() as u64;
        let mut tally = CacheStats::default();
        to_disk(disk, &id, &mut tally, || bytes);
        let failed = tally.failed_writes > 0;
        self.record(tally);
        match failed {
            true => Err(refuse("its file cannot be written".to_owned())),
            false => Ok(length),
        }
    }
}

impl CacheEntry {
    /// Its bytes, to be carried to another folder.
    ///
    /// # Errors
    ///
    /// What the operating system says; also if it is no regular file, or its header does not fit its length.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let cache = TraceCache::builder().min_size(1).open(folder.path())?;
    /// Eliminator::new().cache(&cache).trace(&models::birth_death(30)?)?;
    /// let entry = &cache.entries()[0];
    /// assert_eq!(entry.read()?, std::fs::read(&entry.path)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        read_file(&self.path).map_err(|unread| match unread {
            Unread::Io(error) => error,
            Unread::Damaged(damage) => std::io::Error::other(damage.to_string()),
        })
    }
}

/// Checks the bytes of an entry against what is computed in its stead.
fn inspect(id: EntryId, bytes: &[u8]) -> Result<(), Damage> {
    let entry = Entry::open(bytes)?;
    if entry.id != id {
        return Err(Damage::Name);
    }
    Claim::new(id, entry.canonical)?.check(bytes)
}

/// Reads and checks an entry from a source that may say anything.
fn receive(name: &str, mut source: impl Read, most: u64) -> Result<(EntryId, Vec<u8>), Unread> {
    let mut bytes = Vec::new();
    source
        .by_ref()
        .take(HEADER as u64)
        .read_to_end(&mut bytes)?;
    let header = Header::parse(&bytes)?;
    if header.id.file_name() != name {
        return Err(Damage::Name.into());
    }
    if header.length() > most {
        return Err(Damage::Content("it is larger than the folder may be").into());
    }
    let canonical = source
        .by_ref()
        .take(header.canonical)
        .read_to_end(&mut bytes)?;
    if canonical as u64 != header.canonical {
        header.check_length(bytes.len() as u64)?;
    }
    let claim = Claim::new(header.id, &bytes[HEADER..])?;
    if header.payload > claim.longest_payload() {
        return Err(Damage::Content("it is longer than what it describes").into());
    }
    // One more, to see that nothing follows.
    source.take(header.payload + 1).read_to_end(&mut bytes)?;
    Entry::open(&bytes)?;
    claim.check(&bytes)?;
    Ok((header.id, bytes))
}
