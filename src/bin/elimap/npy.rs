//! Writing an `.npy` file that is whole or not there at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use npyz::{NpyWriter, WriterBuilder};
use tempfile::NamedTempFile;

use crate::output::{folder_of, temporary_beside};

/// An `.npy` file of `f64` that appears under its name when it is complete.
///
/// Until then it is a temporary file beside it, which goes away when this is dropped.
pub(crate) struct NpyOutput {
    path: PathBuf,
    // Declared before the file, so that it lets go of it first.
    writer: NpyWriter<f64, BufWriter<File>>,
    file: NamedTempFile,
}

impl NpyOutput {
    pub(crate) fn create(path: &Path, shape: &[u64]) -> Result<NpyOutput> {
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            bail!(
                "`{}` exists and is not a regular file; choose another name for --out",
                path.display()
            );
        }
        let begin = || {
            let file = temporary_beside(path)?;
            let writer = npyz::WriteOptions::new()
                .default_dtype()
                .shape(shape)
                .writer(BufWriter::with_capacity(
                    1 << 16,
                    file.as_file().try_clone()?,
                ))
                .begin_nd()?;
            Ok::<_, std::io::Error>((file, writer))
        };
        let (file, writer) =
            begin().with_context(|| format!("cannot write in `{}`", folder_of(path).display()))?;
        Ok(NpyOutput {
            path: path.to_owned(),
            writer,
            file,
        })
    }

    pub(crate) fn write(&mut self, values: &[f64]) -> Result<()> {
        self.writer
            .extend(values.iter().copied())
            .with_context(|| format!("cannot write `{}`", self.path.display()))
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> Result<()> {
        let NpyOutput { path, writer, file } = self;
        let finish = || {
            writer.finish()?;
            file.as_file().flush()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok::<_, std::io::Error>(())
        };
        finish().with_context(|| format!("cannot write `{}`", path.display()))
    }
}
