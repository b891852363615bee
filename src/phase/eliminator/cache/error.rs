//! What can go wrong with a cache, as data.
//!
//! A cache that cannot be read or written is no error, it only computes more. These are the errors of who names a folder, of
//! who has entries removed, and of who carries entries from one folder to another.

use std::path::PathBuf;

use thiserror::Error;

/// An error of a [`TraceCache`](super::TraceCache).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The folder of a cache cannot be one.
    #[error(
        "the cache folder `{}` cannot be used: {message}; name another folder, or `none` to do without", path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        message: &'static str,
    },

    /// Anybody may write in the folder.
    #[error(
        "anybody may write in the cache folder `{}` (mode {mode:o}, owner {owner}), and so make answers wrong; run `chmod o-w` on it or name another folder", path.display()
    )]
    Strangers {
        /// The folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// The number of the user whom it belongs to.
        owner: u32,
    },

    /// The platform names no place for caches.
    #[error(
        "this platform names no folder for caches (no home directory is known); set ELIMAP_CACHE to a folder, or to `none`"
    )]
    NoFolder,

    /// Removing was asked for in a folder that is not the cache's alone.
    #[error(
        "nothing is removed from `{}`, which holds `{found}` and no CACHEDIR.TAG of elimap: it is not the cache's alone; give the cache a folder of its own", path.display()
    )]
    Shared {
        /// The folder.
        path: PathBuf,
        /// Something in it that is no part of a cache.
        found: String,
    },

    /// The folder could not be tagged as a cache, so nothing is removed from it.
    #[error(
        "nothing is removed from `{}`, where CACHEDIR.TAG cannot be written: {source}; check the permissions", path.display()
    )]
    Untagged {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// An entry offered to a cache is not whole, or not what it says it is.
    #[error("`{name}` is not taken into the cache: {message}; export it again where it comes from")]
    Entry {
        /// Its name.
        name: String,
        /// What is wrong with it.
        message: String,
    },
}
