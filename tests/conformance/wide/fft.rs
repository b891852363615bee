//! What `jax.numpy.fft` and `jax.scipy.fft` have for real numbers.

use elimap::prelude::*;
use elimap::{Error, fft};

use super::{Call, one};

/// Runs an operation; `None` where this file does not know it.
pub(super) fn run(call: &Call<'_>, op: &str) -> Result<Option<Vec<Tensor>>, Error> {
    let n = || {
        call.size("n")
            .or_else(|| call.raw(0).as_u64().map(|n| n as usize))
    };
    let d = || call.number("d").unwrap_or(1.0);
    one(match op {
        "fft.fftfreq" => fft::fftfreq(n().unwrap_or(1), d()),
        "fft.rfftfreq" => fft::rfftfreq(n().unwrap_or(1), d()),
        "fft.fftshift" => {
            let x = call.arg(0)?;
            fft::fftshift(&x, call.axes("axes", x.rank()))
        }
        "fft.ifftshift" => {
            let x = call.arg(0)?;
            fft::ifftshift(&x, call.axes("axes", x.rank()))
        }
        "scipy.fft.dct" => fft::dct(
            call.arg(0)?,
            call.axis(-1),
            call.text("norm", "backward") == "ortho",
        ),
        _ => return Ok(None),
    })
}
