//! Where results go: stdout, or a file that is whole or not there at all.

use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use elimap::{DType, NpyHeader};
use tempfile::NamedTempFile;

use crate::output::{check_target, folder_of, temporary_beside};

/// Where results go.
pub(crate) enum Target {
    Stdout,
    /// A file that appears under its name when it is complete. Until then it is a temporary file beside it, which goes away when
    /// this is dropped.
    File {
        path: PathBuf,
        writer: BufWriter<NamedTempFile>,
    },
}

impl Target {
    /// The file of this name, or stdout without one.
    pub(crate) fn create(path: Option<&Path>) -> Result<Target> {
        let Some(path) = path else {
            return Ok(Target::Stdout);
        };
        check_target(path)?;
        let file = temporary_beside(path)
            .with_context(|| format!("cannot write in `{}`", folder_of(path).display()))?;
        Ok(Target::File {
            path: path.to_owned(),
            writer: BufWriter::with_capacity(1 << 16, file),
        })
    }

    /// Writes bytes; false if nobody reads any more.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<bool> {
        match self {
            Target::Stdout => match std::io::stdout().write_all(bytes) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
                Err(error) => Err(error.into()),
            },
            Target::File { path, writer } => {
                let written = writer.write_all(bytes);
                written.with_context(|| format!("cannot write `{}`", path.display()))?;
                Ok(true)
            }
        }
    }

    /// Begins an .npy file of float64.
    pub(crate) fn npy_header(&mut self, shape: &[usize]) -> Result<bool> {
        ensure!(
            !matches!(self, Target::Stdout) || !std::io::stdout().is_terminal(),
            "an .npy file is not for terminals; give --out, or send stdout to a file or a program"
        );
        let mut header = Vec::new();
        NpyHeader::new(DType::F64, shape).write(&mut header)?;
        self.write(&header)
    }

    /// The numbers of an .npy file.
    pub(crate) fn npy_numbers(&mut self, values: &[f64]) -> Result<bool> {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.write(&bytes)
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> Result<()> {
        let Target::File { path, writer } = self else {
            return Ok(());
        };
        let finish = || -> Result<()> {
            writer.into_inner()?.persist(&path)?;
            Ok(())
        };
        finish().with_context(|| format!("cannot write `{}`", path.display()))
    }
}
