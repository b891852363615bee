//! Writing an `.npy` file that is whole or not there at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use npyz::{NpyWriter, WriterBuilder};
use tempfile::{Builder, NamedTempFile};

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
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut builder = Builder::new();
        builder.prefix(".elimap-").suffix(".tmp");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // What any other program creates: the user's mask decides.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let begin = || {
            let file = builder.tempfile_in(directory)?;
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
            begin().with_context(|| format!("cannot write in `{}`", directory.display()))?;
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
