//! The level on disk: a folder of immutable files.
//!
//! ```text
//! FOLDER/CACHEDIR.TAG            says that the folder is a cache, and elimap's
//! FOLDER/3f/3f09...c2.block      one file per key, in a folder named after its first two digits
//! FOLDER/3f/3f77...01.graph
//! FOLDER/.elimap-...tmp          a file being written
//! ```
//!
//! A file is written under a name of its own, synced if that was asked for, and renamed to its name. So a file that has its name is
//! whole, whatever was killed when, and any number of processes on any number of hosts may share the folder: there is
//! no lock, no server and no index. Two that write the same entry write the same bytes, and either may win.
//! Without syncing, a power failure may leave a renamed file without its content; its checksum finds that out.
//!
//! Files are read, not mapped: a mapped file that another host cuts short kills the process that looks at it, a read is
//! never worse than an error; the content is copied into vectors anyway; and mapping is `unsafe`.
//!
//! # What may go wrong, and what happens then
//!
//! Only regular files are opened, without following a symbolic link and without waiting for the other end of a pipe. The
//! header is read first, and memory is taken only for what it and the file's length agree on.
//!
//! Whatever cannot be read is a miss, whatever cannot be written is not kept, and the answer is computed either way. A
//! damaged, foreign or outdated file is reported by a warning of the `log` crate that names it, and replaced by the entry computed
//! in its stead. The first failure to read or write the folder is reported likewise, the following are only counted.
//!
//! # The bound
//!
//! Nobody keeps a running total that all processes would agree on. Instead a write of b bytes looks at the whole folder
//! with probability 32 b / bound, and removes the entries used least recently if the bound is passed. So the folder exceeds
//! its bound by about a 32nd, and the scan costs little per byte written. The time of modification serves as the time of
//! last use: a hit renews it when it is more than an hour old (times of access are off or coarse on many systems).

use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::encode::{Damage, EntryId, HEADER, Header};
use super::error::CacheError;
use super::folder::{self, Untagged, is_prefix, is_temporary, list};

/// A hit does not renew the time of last use of an entry used this recently.
const RENEW_AFTER: Duration = Duration::from_secs(3600);
/// The reciprocal of the share by which the folder may exceed its bound on average.
const SCANS_PER_BOUND: f64 = 32.0;

#[derive(Debug)]
pub(super) struct Disk {
    pub root: PathBuf,
    pub max_bytes: u64,
    pub sync: bool,
    pub temporary_age: Duration,
    /// Whether anybody may add files to the folder, though only their owners remove them.
    pub strangers_write: bool,
    pub warned: AtomicBool,
    /// Whether it was said that the folder grows beyond its bound.
    pub warned_of_size: AtomicBool,
}

/// A file of the cache.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub id: EntryId,
    pub path: PathBuf,
    pub bytes: u64,
    pub used: SystemTime,
    /// Or else a folder, a symbolic link, a device.
    pub is_file: bool,
}

impl Disk {
    pub(super) fn path(&self, id: &EntryId) -> PathBuf {
        let name = id.file_name();
        self.root.join(&name[..2]).join(name)
    }

    /// The bytes of an entry, or `None` if it is not there or cannot be read.
    pub(super) fn read(&self, id: &EntryId) -> Result<Option<Vec<u8>>, Damage> {
        let path = self.path(id);
        let outcome = open(&path).and_then(|(mut file, metadata)| {
            self.check_owner(&metadata)?;
            let bytes = read_whole(&mut file, metadata.len())?;
            renew(&file, &metadata);
            Ok(bytes)
        });
        match outcome {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Unread::Damaged(damage)) => Err(damage),
            Err(Unread::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(Unread::Io(error)) => {
                self.warn_once(&path, &error, "read");
                Ok(None)
            }
        }
    }

    /// Where strangers may add files, only those of this user and of root are believed.
    #[cfg(unix)]
    fn check_owner(&self, metadata: &Metadata) -> Result<(), Damage> {
        use std::os::unix::fs::MetadataExt;
        let owner = metadata.uid();
        match self.strangers_write && !folder::is_trusted(owner) {
            true => Err(Damage::Owner(owner)),
            false => Ok(()),
        }
    }

    #[cfg(not(unix))]
    fn check_owner(&self, _: &Metadata) -> Result<(), Damage> {
        Ok(())
    }

    /// Says that an entry is not what it should be.
    pub(super) fn report_damage(&self, id: &EntryId, damage: &Damage) {
        let path = self.path(id);
        log::warn!(
            "ignoring the cache entry {}, which will be replaced: {damage}",
            path.display()
        );
    }

    /// Writes an entry; whether that went well.
    pub(super) fn write(&self, id: &EntryId, bytes: &[u8]) -> bool {
        let path = self.path(id);
        let outcome = match self.try_write(&path, bytes) {
            // The first write, or somebody removed a folder meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => self
                .make_folders(&path)
                .and_then(|()| self.try_write(&path, bytes)),
            outcome => outcome,
        };
        if let Err(error) = &outcome {
            self.warn_once(&path, error, "write");
            return false;
        }
        if self.is_time_to_scan(bytes.len() as u64)
            && let Err(error) = self.shrink_to(self.max_bytes)
            && !self.warned_of_size.swap(true, Ordering::Relaxed)
        {
            log::warn!("the trace cache may grow beyond its bound: {error}");
        }
        true
    }

    fn make_folders(&self, path: &Path) -> io::Result<()> {
        path.parent().map_or(Ok(()), folder::make)?;
        // A folder that is not the cache's alone stays untagged: entries are kept there, and none is removed.
        let _ = folder::tag(&self.root);
        Ok(())
    }

    fn try_write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // Not through a symbolic link that somebody put in the place of the folder.
        if let Some(folder) = path.parent()
            && !fs::symlink_metadata(folder)?.is_dir()
        {
            return Err(ErrorKind::NotADirectory.into());
        }
        let mut file = folder::temporary(&self.root)?;
        file.write_all(bytes)?;
        if self.sync {
            file.as_file().sync_all()?;
        }
        file.persist(path)?;
        #[cfg(unix)]
        if self.sync
            && let Some(folder) = path.parent()
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    fn warn_once(&self, path: &Path, error: &io::Error, what: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            log::warn!(
                "cannot {what} the trace cache at {}, computing instead (reported once): {error}",
                path.display()
            );
        }
    }

    fn is_time_to_scan(&self, written: u64) -> bool {
        // A hasher's random keys are all the randomness that is needed.
        let random = std::hash::RandomState::new().build_hasher().finish();
        let fraction = random as f64 / u64::MAX as f64;
        fraction <= written as f64 * SCANS_PER_BOUND / self.max_bytes.max(1) as f64
    }

    /// Every entry. What cannot be listed is left out, as is what has no entry's name or is no regular file.
    pub(super) fn entries(&self) -> Vec<Found> {
        let mut found = self.named();
        found.retain(|found| found.is_file);
        found
    }

    /// Everything that has an entry's name.
    pub(super) fn named(&self) -> Vec<Found> {
        let mut found = Vec::new();
        for folder in list(&self.root) {
            let prefix = folder.file_name();
            let is_folder = folder.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_folder || !is_prefix(prefix.as_encoded_bytes()) {
                continue;
            }
            for file in list(&folder.path()) {
                let name = file.file_name();
                let id = name
                    .to_str()
                    .and_then(EntryId::from_file_name)
                    .filter(|id| self.path(id) == file.path());
                if let (Some(id), Ok(metadata)) = (id, file.metadata()) {
                    found.push(Found {
                        id,
                        path: file.path(),
                        bytes: metadata.len(),
                        used: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                        is_file: metadata.is_file(),
                    });
                }
            }
        }
        found
    }

    /// An error unless files may be removed from the folder; see [`folder`].
    pub(super) fn check_removal(&self) -> Result<(), CacheError> {
        let path = self.root.clone();
        folder::tag(&self.root).map_err(|untagged| match untagged {
            Untagged::Holds(found) => CacheError::Shared { path, found },
            Untagged::Failed(source) => CacheError::Untagged { path, source },
        })
    }

    /// Removes the entries used least recently until the rest fits; which went.
    pub(super) fn shrink_to(&self, bound: u64) -> Result<Vec<Found>, CacheError> {
        let mut entries = self.entries();
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        if total <= bound {
            return Ok(Vec::new());
        }
        self.check_removal()?;
        entries.sort_unstable_by_key(|entry| (entry.used, entry.id));
        let mut removed = Vec::new();
        for entry in entries {
            if total <= bound {
                break;
            }
            total -= entry.bytes;
            if fs::remove_file(&entry.path).is_ok() {
                removed.push(entry);
            }
        }
        Ok(removed)
    }

    /// Removes what killed writers left behind in a tagged folder; how many files went. What is young may be a file that
    /// somebody is writing.
    pub(super) fn sweep(&self) -> u64 {
        let now = SystemTime::now();
        let mut removed = 0;
        for file in list(&self.root).filter(is_temporary) {
            let age = file
                .metadata()
                .and_then(|metadata| metadata.modified())
                .map(|modified| now.duration_since(modified).unwrap_or_default());
            if age.is_ok_and(|age| age >= self.temporary_age)
                && fs::remove_file(file.path()).is_ok()
            {
                removed += 1;
            }
        }
        removed
    }
}

/// Why a file was not read.
pub(super) enum Unread {
    Io(io::Error),
    Damaged(Damage),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Damage> for Unread {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// The bytes of a file that should be an entry, which may be anything.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Unread> {
    let (mut file, metadata) = open(path)?;
    read_whole(&mut file, metadata.len())
}

/// Opens a regular file, and nothing else: a pipe would be waited for, a symbolic link may lead anywhere.
fn open(path: &Path) -> Result<(File, Metadata), Unread> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        options.custom_flags(flags.bits().cast_signed());
    }
    let opened = options.open(path).and_then(|file| {
        let metadata = file.metadata()?;
        Ok((file, metadata))
    });
    match opened {
        Ok((file, metadata)) if metadata.is_file() => Ok((file, metadata)),
        // Of some things, opening fails.
        Err(error) if fs::symlink_metadata(path).is_err() => Err(error.into()),
        Err(error) if fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) => {
            Err(error.into())
        }
        _ => Err(Damage::NotAFile.into()),
    }
}

/// Reads a file of this length, and no memory is taken for one whose header says otherwise.
fn read_whole(file: &mut File, length: u64) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    file.take(HEADER as u64).read_to_end(&mut bytes)?;
    Header::parse(&bytes)?.check_length(length)?;
    // A size that memory cannot hold is damage like any other.
    let rest = usize::try_from(length).map_err(io::Error::other)? - bytes.len();
    bytes.try_reserve_exact(rest).map_err(io::Error::other)?;
    file.take(rest as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes the time of last use recent, if it is not.
fn renew(file: &File, metadata: &Metadata) {
    let now = SystemTime::now();
    let is_old = |used| now.duration_since(used).is_ok_and(|age| age > RENEW_AFTER);
    if metadata.modified().is_ok_and(is_old) {
        // Only the owner may; for others the entry looks older than it is.
        let _ = file.set_modified(now);
    }
}
