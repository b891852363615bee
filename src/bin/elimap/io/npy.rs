//! Writing an `.npy` file that is whole or not there at all.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use elimap::{DType, NpyHeader};
use tempfile::NamedTempFile;

use crate::output::{check_target, folder_of, temporary_beside};

/// An `.npy` file of `f64` that appears under its name when it is complete.
///
/// Until then it is a temporary file beside it, which goes away when this is dropped.
pub(crate) struct NpyOutput {
    path: PathBuf,
    writer: BufWriter<NamedTempFile>,
}

impl NpyOutput {
    pub(crate) fn create(path: &Path, shape: &[usize]) -> Result<NpyOutput> {
        check_target(path)?;
        let begin = || -> Result<_> {
            let mut writer = BufWriter::with_capacity(1 << 16, temporary_beside(path)?);
            NpyHeader::new(DType::F64, shape).write(&mut writer)?;
            Ok(writer)
        };
        let writer =
            begin().with_context(|| format!("cannot write in `{}`", folder_of(path).display()))?;
        Ok(NpyOutput {
            path: path.to_owned(),
            writer,
        })
    }

    pub(crate) fn write(&mut self, values: &[f64]) -> Result<()> {
        let mut write = || {
            let mut bytes = values.iter().map(|value| value.to_le_bytes());
            bytes.try_for_each(|bytes| self.writer.write_all(&bytes))
        };
        write().with_context(|| format!("cannot write `{}`", self.path.display()))
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> Result<()> {
        let NpyOutput { path, writer } = self;
        let finish = || -> Result<()> {
            writer.into_inner()?.persist(&path)?;
            Ok(())
        };
        finish().with_context(|| format!("cannot write `{}`", path.display()))
    }
}
