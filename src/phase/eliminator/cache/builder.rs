//! Options of a cache, and how its folder is chosen.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::disk::Disk;
use super::error::CacheError;
use super::memory::Memory;
use super::{Inner, TraceCache, folder};

/// The environment variable that names the folder of [`TraceCache::open_default`], or says `none`.
const VARIABLE: &str = "ELIMAP_CACHE";

/// Options of a [`TraceCache`].
///
/// ```
/// use elimap::phase::TraceCache;
///
/// let folder = tempfile::tempdir().unwrap();
/// let cache = TraceCache::builder().max_bytes(100 << 20).min_size(20).open(folder.path())?;
/// assert_eq!((cache.folder(), cache.min_size()), (Some(folder.path()), 20));
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CacheBuilder {
    memory_bytes: u64,
    max_bytes: u64,
    min_size: usize,
    sync: bool,
    temporary_age: Duration,
}

impl Default for CacheBuilder {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            max_bytes: 2 << 30,
            min_size: 200,
            sync: false,
            temporary_age: Duration::from_secs(3600),
        }
    }
}

impl CacheBuilder {
    /// How many bytes of entries stay in memory; 256 MiB by default.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// // Nothing fits.
    /// let cache = TraceCache::builder().memory_bytes(0).in_memory();
    /// Eliminator::new().cache(&cache).trace(&models::islands(4)?)?;
    /// assert!(cache.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// How many bytes the folder may hold before the entries used least recently are removed; 2 GiB by default. It is
    /// exceeded by some percent before anybody looks.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let cache = TraceCache::builder().min_size(1).max_bytes(1).open(folder.path())?;
    /// Eliminator::new().cache(&cache).trace(&models::birth_death(30)?)?;
    /// assert!(cache.entries().len() <= 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// From how many vertices on a block or a graph gets an entry on disk; 200 by default. A smaller one is eliminated in
    /// less than a few times what writing a file takes (a sparse block of 50 vertices, phasic's default, in less).
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let cache = TraceCache::builder().min_size(31).open(folder.path())?;
    /// Eliminator::new().cache(&cache).trace(&models::birth_death(20)?)?;
    /// assert!(cache.entries().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn min_size(mut self, vertices: usize) -> Self {
        self.min_size = vertices;
        self
    }

    /// Whether entries are synced to the device before they get their name; by default they are not: what a power
    /// failure damages is found out by its checksum and computed again.
    ///
    /// ```
    /// use elimap::phase::{Eliminator, TraceCache, models};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let cache = TraceCache::builder().min_size(1).sync(true).open(folder.path())?;
    /// Eliminator::new().cache(&cache).trace(&models::birth_death(30)?)?;
    /// assert!(!cache.entries().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// After how long a file that a killed process left half-written is removed; an hour by default. Make it longer
    /// than the slowest write: younger ones are never removed, somebody may be writing them.
    ///
    /// ```
    /// use elimap::phase::TraceCache;
    /// use std::time::Duration;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let day = Duration::from_secs(24 * 3600);
    /// let cache = TraceCache::builder().temporary_age(day).open(folder.path())?;
    /// assert_eq!(cache.folder(), Some(folder.path()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn temporary_age(mut self, age: Duration) -> Self {
        self.temporary_age = age;
        self
    }

    /// A cache in a folder, which is made when the first entry is written.
    ///
    /// A folder that cannot be read or written is no error: it degrades to computing, with one warning of the `log` crate.
    ///
    /// # Errors
    ///
    /// [`CacheError::Folder`] if the path is empty or names something else than a folder, and [`CacheError::Strangers`] if
    /// anybody may write in it: entries are believed, so a stranger could make answers wrong. A folder like `/tmp`, in which
    /// only owners remove files, is one where only the entries of this user and of root are believed.
    ///
    /// ```
    /// use elimap::phase::TraceCache;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let file = folder.path().join("file");
    /// std::fs::write(&file, "")?;
    /// assert!(TraceCache::builder().open(&file).is_err());
    /// assert!(TraceCache::builder().open(folder.path()).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(&self, path: impl AsRef<Path>) -> Result<TraceCache, CacheError> {
        let path = path.as_ref().to_path_buf();
        if path.as_os_str().is_empty() {
            let message = "the path is empty";
            return Err(CacheError::Folder { path, message });
        }
        let mut strangers_write = false;
        if let Ok(found) = path.metadata() {
            if !found.is_dir() {
                let message = "it is not a folder";
                return Err(CacheError::Folder { path, message });
            }
            strangers_write = folder::judge(&path, &found)?;
        }
        let disk = Disk {
            root: path,
            max_bytes: self.max_bytes,
            sync: self.sync,
            temporary_age: self.temporary_age,
            strangers_write,
            warned: AtomicBool::new(false),
            warned_of_size: AtomicBool::new(false),
        };
        if folder::is_tagged(&disk.root) {
            disk.sweep();
        }
        Ok(self.finish(Some(disk)))
    }

    /// The cache of this user; see [`TraceCache::open_default`].
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and [`CacheError::NoFolder`] where the platform names no folder.
    ///
    /// ```
    /// use elimap::phase::TraceCache;
    ///
    /// if let Ok(cache) = TraceCache::builder().min_size(50).open_default() {
    ///     assert_eq!(cache.min_size(), 50);
    /// }
    /// ```
    pub fn open_default(&self) -> Result<TraceCache, CacheError> {
        match std::env::var_os(VARIABLE) {
            Some(value) if value == "none" => Ok(self.finish(None)),
            Some(folder) if !folder.is_empty() => self.open(folder),
            _ => self.open(default_folder().ok_or(CacheError::NoFolder)?),
        }
    }

    /// A cache in memory only.
    ///
    /// ```
    /// use elimap::phase::TraceCache;
    ///
    /// assert!(TraceCache::builder().in_memory().folder().is_none());
    /// ```
    #[must_use]
    pub fn in_memory(&self) -> TraceCache {
        self.finish(None)
    }

    pub(super) fn finish(&self, disk: Option<Disk>) -> TraceCache {
        TraceCache {
            inner: Arc::new(Inner {
                memory: Mutex::new(Memory::new(self.memory_bytes)),
                disk,
                min_size: self.min_size,
                totals: Mutex::default(),
            }),
        }
    }
}

/// Where the platform keeps what can be computed again: the XDG base directories' `cache` on Unix, `Caches` of macOS and
/// the local application data of Windows.
fn default_folder() -> Option<PathBuf> {
    // A relative path is to be ignored, as the XDG specification says.
    let named = |variable: &str| {
        let folder = PathBuf::from(std::env::var_os(variable)?);
        folder.is_absolute().then_some(folder)
    };
    if cfg!(windows) {
        return Some(named("LOCALAPPDATA")?.join("elimap").join("cache"));
    }
    if cfg!(target_os = "macos") {
        return Some(std::env::home_dir()?.join("Library/Caches/elimap"));
    }
    let base = named("XDG_CACHE_HOME").or_else(|| {
        let home = std::env::home_dir().filter(|home| home.is_absolute())?;
        Some(home.join(".cache"))
    })?;
    Some(base.join("elimap"))
}
