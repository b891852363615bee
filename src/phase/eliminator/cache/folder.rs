//! Whose folder it is.
//!
//! A cache removes files, so it must know which are its own. Three things together say so, and nothing is removed unless
//! all of them hold:
//!
//! * the folder has a `CACHEDIR.TAG` as elimap writes it. It is written only into a folder that holds nothing but parts of
//!   a cache, so never into a home or a project that somebody named by mistake (backups leave tagged folders out);
//! * the file has the name of an entry or of a temporary file, and an entry is in the folder that its name belongs in;
//! * it is a regular file, in a real folder: no symbolic link is followed.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::error::CacheError;

/// The file that marks a folder as a cache, by the Cache Directory Tagging Specification.
const TAG_FILE: &str = "CACHEDIR.TAG";
/// The specification's signature, and who wrote it.
const TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is a cache of elimap, which removes files from it. See https://bford.info/cachedir/\n";

const TEMPORARY_PREFIX: &str = ".elimap-";
const TEMPORARY_SUFFIX: &str = ".tmp";
/// Where earlier versions wrote their temporary files.
const FORMER_TEMPORARIES: &str = "tmp";

/// What stands between a folder and its tag.
pub(super) enum Untagged {
    /// It holds this, which is no part of a cache.
    Holds(String),
    /// The tag cannot be written.
    Failed(io::Error),
}

/// Whether elimap tagged the folder.
pub(super) fn is_tagged(root: &Path) -> bool {
    let path = root.join(TAG_FILE);
    let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
    let mut found = Vec::new();
    is_file
        && File::open(&path)
            .and_then(|file| file.take(TAG.len() as u64).read_to_end(&mut found))
            .is_ok()
        && found == TAG
}

/// Tags a folder that holds nothing but parts of a cache; succeeds if it is tagged already.
pub(super) fn tag(root: &Path) -> Result<(), Untagged> {
    if is_tagged(root) {
        return Ok(());
    }
    for entry in list(root) {
        let name = entry.file_name();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_part = match is_folder {
            true => is_prefix(name.as_encoded_bytes()) || name == FORMER_TEMPORARIES,
            false => is_temporary(&entry),
        };
        if !is_part {
            return Err(Untagged::Holds(name.to_string_lossy().into_owned()));
        }
    }
    let write = || -> io::Result<()> {
        let mut file = temporary(root)?;
        file.write_all(TAG)?;
        file.persist_noclobber(root.join(TAG_FILE))?;
        Ok(())
    };
    match write() {
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_tagged(root) => Ok(()),
        outcome => outcome.map_err(Untagged::Failed),
    }
}

/// A file to be written and renamed; removed when dropped before, and by later runs if the process is killed.
pub(super) fn temporary(root: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What other files get, so that users may share a folder.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(root)
}

/// Whether it is a file that [`temporary`] made.
pub(super) fn is_temporary(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let is_named = name
        .to_str()
        .is_some_and(|name| name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX));
    is_named && entry.file_type().is_ok_and(|kind| kind.is_file())
}

/// Whether strangers may add files to a folder; an error if they may also replace those of others.
///
/// The rule is ssh's for a user's files: whoever else may write must be root, or the folder must be sticky, so that nobody
/// removes or renames what belongs to others.
#[cfg(unix)]
pub(super) fn judge(path: &Path, metadata: &fs::Metadata) -> Result<bool, CacheError> {
    use std::os::unix::fs::MetadataExt;
    const WRITABLE_BY_ALL: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
    if mode & WRITABLE_BY_ALL == 0 {
        return Ok(false);
    }
    match mode & STICKY != 0 && is_trusted(owner) {
        true => Ok(true),
        false => Err(CacheError::Strangers {
            path: path.to_owned(),
            mode,
            owner,
        }),
    }
}

#[cfg(not(unix))]
pub(super) fn judge(_: &Path, _: &fs::Metadata) -> Result<bool, CacheError> {
    Ok(false)
}

/// Whether a user may do here whatever this one may.
#[cfg(unix)]
pub(super) fn is_trusted(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}

/// Makes a folder and those above it, none of which strangers may write, whatever the user's mask allows.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o775);
    builder.create(folder)
}

/// Whether a folder has the name of one that holds entries.
pub(super) fn is_prefix(name: &[u8]) -> bool {
    name.len() == 2 && name.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What a folder holds; nothing, if it cannot be listed.
pub(super) fn list(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}
