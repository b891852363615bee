//! Progress on stderr, where somebody is watching.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::notice;

/// A spinner or a bar on stderr, for work that takes a while, where somebody is watching.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(crate) fn start(what: &'static str) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress(None);
        }
        let bar = ProgressBar::new_spinner().with_message(what);
        // The bar is moved by a thread. Where there is none to be had, it stands still.
        if std::thread::Builder::new().spawn(|| ()).is_ok() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Progress(Some(bar))
    }

    /// For work of known length.
    pub(crate) fn count(what: &'static str, length: u64) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress(None);
        }
        let bar = ProgressBar::new(length).with_message(what);
        let style = "{wide_bar} {human_pos}/{human_len} {msg}, {per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Progress(Some(bar))
    }

    /// So much is done.
    pub(crate) fn reach(&self, position: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(position);
        }
    }

    /// A notice on stderr, above the bar if there is one.
    pub(crate) fn notice(&self, message: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| notice(message)),
            None => notice(message),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
