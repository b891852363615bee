//! Ctrl-C, SIGTERM and SIGHUP (the terminal was closed), as flags to look at where it is safe to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use thiserror::Error;

/// A signal asked for the end.
#[derive(Debug, Error)]
#[error("stopped by a signal{detail}")]
pub(crate) struct Interrupted {
    signal: u8,
    detail: String,
}

impl Interrupted {
    /// What a shell reports for a program ended by the signal.
    pub(crate) fn exit_code(&self) -> u8 {
        128 + self.signal
    }
}

/// Notes the signals that ask for the end; the second one ends the program at once.
pub(crate) struct Signals(Arc<AtomicUsize>);

impl Signals {
    pub(crate) fn listen() -> Result<Signals> {
        let register = || -> std::io::Result<Signals> {
            let (seen, again) = (Arc::default(), Arc::new(AtomicBool::new(false)));
            let hangup = (!is_hangup_ignored()).then_some(SIGHUP);
            for signal in [SIGINT, SIGTERM].into_iter().chain(hangup) {
                let code = 128 + signal;
                signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&again))?;
                signal_hook::flag::register(signal, Arc::clone(&again))?;
                signal_hook::flag::register_usize(signal, Arc::clone(&seen), signal as usize)?;
            }
            Ok(Signals(seen))
        };
        register().context("cannot listen for signals")
    }

    /// Whether a signal has come.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// An error once a signal has come; `detail` follows "stopped by a signal".
    pub(crate) fn check(&self, detail: impl FnOnce() -> String) -> Result<(), Interrupted> {
        match u8::try_from(self.0.load(Ordering::Relaxed)) {
            Ok(0) | Err(_) => Ok(()),
            Ok(signal) => Err(Interrupted {
                signal,
                detail: detail(),
            }),
        }
    }
}

/// Whether whoever started this program wants it to outlive the terminal, as `nohup` does. Linux tells; elsewhere it is taken
/// for granted, and a closed terminal ends the program as the system does.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_none_or(|mask| mask & (1 << (SIGHUP - 1)) != 0)
}
