//! Running an engine's commands, which may be slow, and may never answer.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::io::signals::Signals;

/// A command that creates something gets this long after a signal to say what, so that it can be cancelled.
const GRACE: Duration = Duration::from_secs(5);
/// How long a command that was killed may take to end. One that waits for a dead file system does not end at all.
const BURIAL: Duration = Duration::from_millis(200);

/// How commands are run: for how long at most, and which signals cut them short.
pub(crate) struct Commands<'a> {
    pub(crate) limit: Duration,
    pub(crate) signals: &'a Signals,
}

impl Commands<'_> {
    /// Runs a command that only asks; a signal ends it at once.
    pub(crate) fn ask(&self, words: &[String]) -> Result<Output> {
        self.run(words, Duration::ZERO)
    }

    /// Runs a command that creates something; a signal gives it a few more seconds.
    pub(crate) fn create(&self, words: &[String]) -> Result<Output> {
        self.run(words, GRACE)
    }

    /// Runs a command that must be done, signal or not.
    pub(crate) fn insist(&self, words: &[String]) -> Result<Output> {
        self.run(words, self.limit)
    }

    fn run(&self, words: &[String], grace: Duration) -> Result<Output> {
        let failed = || format!("running `{}`", words[0]);
        // Files: a pipe that nobody empties would stop the command.
        let answers =
            || -> std::io::Result<_> { Ok((tempfile::tempfile()?, tempfile::tempfile()?)) };
        let (stdout, stderr) = answers().with_context(failed)?;
        let spawn = || -> std::io::Result<Child> {
            let mut command = Command::new(&words[0]);
            command
                .args(&words[1..])
                .stdin(Stdio::null())
                .stdout(stdout.try_clone()?)
                .stderr(stderr.try_clone()?);
            // Ctrl-C is for us: a command cut short would leave us in the dark about what it did.
            #[cfg(unix)]
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            command.spawn()
        };
        let mut child = match spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "there is no `{}` on PATH; run this on a machine that has the engine's commands, or name another with --engine",
                words[0]
            ),
            Err(error) => return Err(error).with_context(failed),
        };
        let (begin, mut heard) = (Instant::now(), None);
        let status = loop {
            if let Some(status) = child.try_wait().with_context(failed)? {
                break status;
            }
            if self.signals.is_set() && heard.is_none() {
                heard = Some(Instant::now());
            }
            if heard.is_some_and(|heard| heard.elapsed() >= grace) {
                kill(&mut child);
                self.signals
                    .check(|| format!("; `{}` did not answer and was ended", words[0]))?;
            }
            if begin.elapsed() >= self.limit {
                kill(&mut child);
                return Err(anyhow!(
                    "`{}` did not answer within {}; look whether the engine works, or allow more with --engine-timeout",
                    words.join(" "),
                    humantime::format_duration(self.limit)
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let read = |mut file: File| -> std::io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            file.rewind()?;
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        Ok(Output {
            status,
            stdout: read(stdout).with_context(failed)?,
            stderr: read(stderr).with_context(failed)?,
        })
    }
}

/// Ends a command and what it started.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    if let Ok(id) = i32::try_from(child.id())
        && let Some(group) = rustix::process::Pid::from_raw(id)
    {
        // Its own group; gone, if it ended just now.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let begin = Instant::now();
    while matches!(child.try_wait(), Ok(None)) && begin.elapsed() < BURIAL {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What a command wrote to stderr.
pub(crate) fn error_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// What a command printed, if it succeeded.
pub(crate) fn checked(words: &[String], output: Output) -> Result<String> {
    if !output.status.success() {
        let mut said = error_text(&output);
        if said.is_empty() {
            said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        }
        bail!("`{}` failed ({}): {said}", words.join(" "), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
