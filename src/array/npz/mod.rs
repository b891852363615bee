//! Several arrays in numpy's `.npz` files: a zip archive with an `.npy` file for each, named after it.
//!
//! Archives are not trusted, as `.npy` files are not: memory is taken as bytes arrive, a member is never larger than the
//! directory says, members do not share bytes, and every checksum is checked.

#[cfg(test)]
mod tests;
mod zip;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::{Array, NpyError};

/// What members of an archive are named beside their array.
const SUFFIX: &str = ".npy";
/// Bytes that are read or written at a time.
const CHUNK: usize = 1 << 16;

/// An `.npz` file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpzError {
    /// Reading or writing failed.
    #[error(
        "reading or writing .npz data failed: {source}; check the path, its permissions and the space left"
    )]
    Io {
        /// The system's error.
        source: io::Error,
    },
    /// What went wrong with a file.
    #[error("`{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: Box<NpzError>,
    },
    /// The data are no zip archive, or a damaged one.
    #[error("the .npz archive is damaged: {detail}; save it again with numpy.savez")]
    Archive {
        /// What was expected and what is there.
        detail: String,
    },
    /// A member is stored in a way that is not read, or is no array.
    #[error(
        "`{name}` in the .npz archive {detail}; save it again with numpy.savez or numpy.savez_compressed"
    )]
    Unsupported {
        /// The member.
        name: String,
        /// What it is.
        detail: String,
    },
    /// A member's bytes are not those that were saved.
    #[error("`{name}` in the .npz archive is damaged: {detail}; save it again with numpy.savez")]
    Damaged {
        /// The member.
        name: String,
        /// What does not agree.
        detail: String,
    },
    /// A member holds no array that can be read.
    #[error("`{name}` in the .npz archive: {source}")]
    Member {
        /// The member.
        name: String,
        /// What is wrong with it.
        source: NpyError,
    },
    /// Two arrays of one name.
    #[error("two arrays are named `{name}`; give each a name of its own")]
    Repeated {
        /// The name.
        name: String,
    },
    /// A name that no archive can hold.
    #[error("a name of {length} bytes is too long; at most 65531 are written")]
    LongName {
        /// Its length.
        length: usize,
    },
}

impl From<io::Error> for NpzError {
    fn from(source: io::Error) -> NpzError {
        NpzError::Io { source }
    }
}

impl Array {
    /// Reads the arrays of an `.npz` file by their names, as `numpy.savez` and `numpy.savez_compressed` write them.
    ///
    /// # Errors
    ///
    /// [`NpzError::File`] with what is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::Array;
    /// let path = std::env::temp_dir().join(format!("elimap-{}.npz", std::process::id()));
    /// let x = Array::from(ndarray::array![[1.5, 2.0], [3.0, 4.0]]);
    /// Array::write_npz(&path, [("x", &x), ("seed", &Array::scalar(7_u32))])?;
    /// let arrays = Array::read_npz(&path)?;
    /// assert_eq!(arrays["x"], x);
    /// assert_eq!(arrays["seed"], Array::scalar(7_u32));
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), elimap::NpzError>(())
    /// ```
    pub fn read_npz(path: impl AsRef<Path>) -> Result<BTreeMap<String, Array>, NpzError> {
        let path = path.as_ref();
        File::open(path)
            .map_err(NpzError::from)
            .and_then(|file| Array::from_npz(BufReader::with_capacity(CHUNK, file)))
            .map_err(|source| in_file(path, source))
    }

    /// Reads arrays from `.npz` data, as [`Array::read_npz`] does from a file.
    ///
    /// # Errors
    ///
    /// [`NpzError`] with what is wrong.
    ///
    /// ```
    /// use elimap::Array;
    /// let mut file = Vec::new();
    /// Array::to_npz(&mut file, [("x", &Array::scalar(1.5))])?;
    /// assert_eq!(Array::from_npz(std::io::Cursor::new(file))?["x"], Array::scalar(1.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_npz(mut reader: impl Read + Seek) -> Result<BTreeMap<String, Array>, NpzError> {
        let mut arrays = BTreeMap::new();
        for member in zip::directory(&mut reader)? {
            let Some(name) = member.name.strip_suffix(SUFFIX) else {
                let detail = format!("does not end in {SUFFIX}");
                return Err(member.unsupported(detail));
            };
            if arrays.contains_key(name) {
                let name = name.to_owned();
                return Err(NpzError::Repeated { name });
            }
            let array = member.read(&mut reader, |bytes| {
                Array::from_npy(bytes).map_err(|source| NpzError::Member {
                    name: member.name.clone(),
                    source,
                })
            })?;
            arrays.insert(name.to_owned(), array);
        }
        Ok(arrays)
    }

    /// Writes arrays and their names as an `.npz` file that `numpy.load` reads, replacing a file of that name.
    ///
    /// # Errors
    ///
    /// [`NpzError::File`] where the file cannot be written, or names are repeated or too long.
    ///
    /// ```
    /// use elimap::Array;
    /// let path = std::env::temp_dir().join(format!("elimap-write-{}.npz", std::process::id()));
    /// let (x, y) = (Array::scalar(1.5), Array::from(vec![1_u8, 2]));
    /// Array::write_npz(&path, [("x", &x), ("y", &y)])?;
    /// assert_eq!(Array::read_npz(&path)?["y"], y);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_npz<'a, N: AsRef<str>>(
        path: impl AsRef<Path>,
        arrays: impl IntoIterator<Item = (N, &'a Array)>,
    ) -> Result<(), NpzError> {
        let path = path.as_ref();
        let write = || {
            let mut file = BufWriter::with_capacity(CHUNK, File::create(path)?);
            Array::to_npz(&mut file, arrays)?;
            Ok(file.flush()?)
        };
        write().map_err(|source| in_file(path, source))
    }

    /// Writes arrays as `.npz` data, as [`Array::write_npz`] does to a file.
    ///
    /// # Errors
    ///
    /// [`NpzError`] where the writer fails, or names are repeated or too long.
    ///
    /// ```
    /// use elimap::Array;
    /// let x = Array::scalar(1.5);
    /// let mut file = Vec::new();
    /// Array::to_npz(&mut file, [("x", &x)])?;
    /// assert!(file.starts_with(b"PK"));
    /// assert!(Array::to_npz(&mut file, [("x", &x), ("x", &x)]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_npz<'a, N: AsRef<str>>(
        writer: impl Write,
        arrays: impl IntoIterator<Item = (N, &'a Array)>,
    ) -> Result<(), NpzError> {
        let mut archive = zip::Archive::new(writer);
        let mut names = std::collections::BTreeSet::new();
        for (name, array) in arrays {
            let name = name.as_ref();
            if !names.insert(name.to_owned()) {
                let name = name.to_owned();
                return Err(NpzError::Repeated { name });
            }
            archive.member(&format!("{name}{SUFFIX}"), |out| {
                array.to_npy(out).map_err(|error| match error {
                    NpyError::Io { source } => source,
                    other => io::Error::other(other),
                })
            })?;
        }
        archive.finish()
    }
}

fn in_file(path: &Path, source: NpzError) -> NpzError {
    NpzError::File {
        path: path.to_owned(),
        source: Box::new(source),
    }
}
