//! Warnings of the library, on stderr.

use std::io::Write as _;

use log::{Level, LevelFilter, Log, Metadata, Record};

/// Writes records of level WARN and above, one a line.
struct Warnings;

impl Log for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let is_error = record.level() == Level::Error;
        let kind = if is_error { "error" } else { "warning" };
        // There is nowhere left to report to if stderr is closed.
        let _ = writeln!(std::io::stderr(), "elimap: {kind}: {}", record.args());
    }

    fn flush(&self) {}
}

/// Shows them from now on.
pub(crate) fn show() {
    // It is the first and only one.
    let _ = log::set_logger(&Warnings);
    log::set_max_level(LevelFilter::Warn);
}
