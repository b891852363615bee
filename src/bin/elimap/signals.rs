//! Ctrl-C and SIGTERM, as flags to look at where it is safe to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
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
            for signal in [SIGINT, SIGTERM] {
                let code = 128 + signal;
                signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&again))?;
                signal_hook::flag::register(signal, Arc::clone(&again))?;
                signal_hook::flag::register_usize(signal, Arc::clone(&seen), signal as usize)?;
            }
            Ok(Signals(seen))
        };
        register().context("cannot listen for signals")
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
