//! Writing results and failures.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use elimap::phase::{CacheStats, LevelStats};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// What a subcommand has to say on stdout; written whole once it is complete.
#[derive(Default)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn new() -> Text {
        Text::default()
    }

    /// One JSON object on a line.
    pub(crate) fn json(value: &Value) -> Text {
        Text(format!("{value}\n"))
    }

    pub(crate) fn line(&mut self, line: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    /// A name and a value, in columns.
    pub(crate) fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        self.line(format_args!("{name:<20} {value}"));
    }

    /// Fields of an object, strings without their quotes.
    pub(crate) fn fields<'v>(&mut self, fields: impl IntoIterator<Item = (&'v str, &'v Value)>) {
        for (name, value) in fields {
            match value.as_str() {
                Some(text) => self.field(name, text),
                None => self.field(name, value),
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(crate) fn write(self) -> Result<()> {
        ignore_closed_pipe(std::io::stdout().write_all(self.0.as_bytes()))
    }
}

/// A reader such as `head` that has seen enough is no failure.
pub(crate) fn ignore_closed_pipe(outcome: std::io::Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Says on stderr why a run failed, with every cause that the messages before it do not already tell.
pub(crate) fn failure(error: &anyhow::Error) {
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !message.contains(&cause) {
            if !message.is_empty() {
                message.push_str(": ");
            }
            message.push_str(&cause);
        }
    }
    let (on, off) = match is_coloured(
        std::io::stderr().is_terminal(),
        std::env::var_os("NO_COLOR").as_deref(),
        std::env::var_os("TERM").as_deref(),
    ) {
        true => ("\x1b[1;31m", "\x1b[0m"),
        false => ("", ""),
    };
    // There is nowhere left to report to if stderr is closed.
    let _ = writeln!(std::io::stderr(), "elimap: {on}error:{off} {message}");
}

/// Whether to write in colour: on a terminal that can, where NO_COLOR is not set to anything.
fn is_coloured(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
}

/// A notice on stderr.
pub(crate) fn notice(message: &str) {
    // As above.
    let _ = writeln!(std::io::stderr(), "elimap: {message}");
}

/// A number in JSON, which has no infinities: those are the strings `"inf"`, `"-inf"` and `"nan"`.
pub(crate) fn number(x: f64) -> Value {
    if x.is_finite() {
        json!(x)
    } else if x.is_nan() {
        json!("nan")
    } else {
        json!(if x > 0.0 { "inf" } else { "-inf" })
    }
}

/// Numbers in JSON.
pub(crate) fn numbers(xs: &[f64]) -> Value {
    xs.iter().map(|&x| number(x)).collect()
}

/// What a cache did, by level.
pub(crate) fn cache_stats(stats: &CacheStats) -> Value {
    let level = |level: &LevelStats| {
        json!({
            "hits": level.hits,
            "misses": level.misses,
            "bytes_read": level.bytes_read,
            "bytes_written": level.bytes_written,
            "seconds": level.time.as_secs_f64(),
        })
    };
    json!({
        "memory": level(&stats.memory),
        "disk": level(&stats.disk),
        "damaged": stats.damaged,
        "failed_writes": stats.failed_writes,
    })
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|parent| *parent != Path::new(""));
    folder.unwrap_or(Path::new("."))
}

/// Refuses to put a file in the place of anything but a regular file, such as a device.
pub(crate) fn check_target(path: &Path) -> Result<()> {
    ensure!(
        !std::fs::metadata(path).is_ok_and(|found| !found.is_file()),
        "`{}` exists and is not a regular file; choose another name",
        path.display()
    );
    Ok(())
}

/// How temporary files are called.
const TEMPORARY: (&str, &str) = (".elimap-", ".tmp");
/// After how long nobody writes a temporary file any more.
const TEMPORARY_AGE: Duration = Duration::from_secs(24 * 3600);

/// A temporary file in the folder of another, ready to take its name; it goes away when dropped before. What killed runs
/// left there long ago goes too.
pub(crate) fn temporary_beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let folder = folder_of(path);
    sweep(folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What any other program creates: the user's mask decides.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Removes temporary files of runs that were killed.
fn sweep(folder: &Path) {
    let now = SystemTime::now();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_temporary = name
            .to_str()
            .is_some_and(|name| name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1));
        // Of the entry itself: no link is followed.
        if is_temporary
            && let Ok(metadata) = entry.metadata()
            && metadata.is_file()
            && let Ok(written) = metadata.modified()
            && now
                .duration_since(written)
                .is_ok_and(|age| age > TEMPORARY_AGE)
        {
            // Another run may have been faster.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Writes a file so that whoever sees it sees all of it.
pub(crate) fn write_atomically(path: &Path, text: &str) -> Result<()> {
    let write = || -> Result<()> {
        check_target(path)?;
        let mut file = temporary_beside(path)?;
        file.write_all(text.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::is_coloured;

    #[test]
    fn colour_is_for_terminals_and_never_against_no_color() {
        let (xterm, one) = (Some(OsStr::new("xterm")), Some(OsStr::new("1")));
        assert!(is_coloured(true, None, xterm));
        // Set to nothing is not set: https://no-color.org.
        assert!(is_coloured(true, Some(OsStr::new("")), None));
        assert!(!is_coloured(true, one, xterm));
        assert!(!is_coloured(false, None, xterm));
        assert!(!is_coloured(true, None, Some(OsStr::new("dumb"))));
    }
}
