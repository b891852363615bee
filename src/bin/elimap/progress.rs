//! Progress on stderr, where somebody is watching.

use std::io::{IsTerminal, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::output::notice;

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(100);
/// Back to the start of the line, which is emptied.
const CLEAR: &str = "\r\x1b[2K";

/// A line on stderr about work that takes a while: what is done, how much of it where its length is known. A thread draws
/// it, and it is gone when the work is done.
pub(crate) struct Progress(Option<Drawn>);

struct Drawn {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    line: Mutex<Line>,
    finished: Condvar,
}

struct Line {
    what: &'static str,
    /// How much is done, and how much there is.
    reached: Option<(u64, u64)>,
    begun: Instant,
    finished: bool,
}

impl Line {
    fn text(&self, elapsed: Duration) -> String {
        let seconds = elapsed.as_secs_f64();
        let Some((done, length)) = self.reached else {
            return format!("{}, {seconds:.0} s", self.what);
        };
        const WIDTH: u64 = 30;
        let share = done as f64 / length.max(1) as f64;
        let full = (share * WIDTH as f64) as usize;
        let (full, empty) = ("#".repeat(full), "-".repeat(WIDTH as usize - full));
        let mut text = format!("[{full}{empty}] {done}/{length} {}", self.what);
        if done > 0 && seconds > 0.0 {
            let (rate, left) = (done as f64 / seconds, seconds * (1.0 / share - 1.0));
            let decimals = if rate < 10.0 { 2 } else { 0 };
            text += &format!(", {rate:.decimals$}/s, {left:.0} s left");
        }
        text
    }

    fn draw(&self) {
        // Nobody is told of progress if stderr is closed.
        let _ = write!(
            std::io::stderr(),
            "{CLEAR}{}",
            self.text(self.begun.elapsed())
        );
    }
}

impl Shared {
    fn with<R>(&self, f: impl FnOnce(&mut Line) -> R) -> R {
        f(&mut self.line.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Draws the line until the work is done.
    fn watch(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        while !line.finished {
            line.draw();
            let waited = self.finished.wait_timeout(line, TICK);
            line = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Progress {
    pub(crate) fn start(what: &'static str) -> Progress {
        Progress::of(what, None)
    }

    /// For work of known length.
    pub(crate) fn count(what: &'static str, length: u64) -> Progress {
        Progress::of(what, Some((0, length)))
    }

    fn of(what: &'static str, reached: Option<(u64, u64)>) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress(None);
        }
        let shared = Arc::new(Shared {
            line: Mutex::new(Line {
                what,
                reached,
                begun: Instant::now(),
                finished: false,
            }),
            finished: Condvar::new(),
        });
        let watched = shared.clone();
        // Where there is no thread to be had, nothing is shown.
        let thread = std::thread::Builder::new().spawn(move || watched.watch());
        Progress(Some(Drawn {
            shared,
            thread: thread.ok(),
        }))
    }

    /// So much is done.
    pub(crate) fn reach(&self, position: u64) {
        if let Some(drawn) = &self.0 {
            drawn.shared.with(|line| {
                if let Some((done, length)) = &mut line.reached {
                    *done = position.min(*length);
                }
            });
        }
    }

    /// A notice on stderr, above the line if there is one.
    pub(crate) fn notice(&self, message: &str) {
        match &self.0 {
            Some(drawn) => drawn.shared.with(|line| {
                let _ = write!(std::io::stderr(), "{CLEAR}");
                notice(message);
                line.draw();
            }),
            None => notice(message),
        }
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.shared.with(|line| line.finished = true);
        self.shared.finished.notify_all();
        if let Some(thread) = self.thread.take() {
            // It draws and does nothing that could panic.
            let _ = thread.join();
            let _ = write!(std::io::stderr(), "{CLEAR}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_done_and_what_is_left() {
        let line = |reached| Line {
            what: "thetas",
            reached,
            begun: Instant::now(),
            finished: false,
        };
        let after = Duration::from_secs(3);
        assert_eq!(line(None).text(after), "thetas, 3 s");
        let bar = "[###############---------------]";
        assert_eq!(
            line(Some((50, 100))).text(after),
            format!("{bar} 50/100 thetas, 17/s, 3 s left")
        );
        let (none, all) = ("-".repeat(30), "#".repeat(30));
        assert_eq!(
            line(Some((0, 9))).text(after),
            format!("[{none}] 0/9 thetas")
        );
        assert_eq!(
            line(Some((9, 9))).text(after),
            format!("[{all}] 9/9 thetas, 3.00/s, 0 s left")
        );
        assert_eq!(
            line(Some((0, 0))).text(after),
            format!("[{none}] 0/0 thetas")
        );
    }
}
