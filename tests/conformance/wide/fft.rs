//! What `jax.numpy.fft` and `jax.scipy.fft` have.

use elimap::fft::Norm;
use elimap::prelude::*;
use elimap::{Error, fft};

use super::{Call, one};

/// A transform of several axes.
type Several = fn(Tensor, Option<&[usize]>, Vec<isize>, Norm) -> Tensor;

/// Runs an operation; `None` where this file does not know it.
pub(super) fn run(call: &Call<'_>, op: &str) -> Result<Option<Vec<Tensor>>, Error> {
    let n = || {
        call.size("n")
            .or_else(|| call.raw(0).as_u64().map(|n| n as usize))
    };
    let norm = || match call.text("norm", "backward") {
        "ortho" => Norm::Ortho,
        "forward" => Norm::Forward,
        _ => Norm::Backward,
    };
    let one_axis = |f: fn(Tensor, Option<usize>, isize, Norm) -> Tensor| -> Result<Tensor, Error> {
        Ok(f(call.arg(0)?, call.size("n"), call.axis(-1), norm()))
    };
    let several = |f: Several, two: bool| -> Result<Tensor, Error> {
        let x = call.arg(0)?;
        let lengths = call
            .json
            .get("s")
            .filter(|s| s.is_array())
            .map(|_| call.sizes("s"));
        let axes = match (call.json["axes"].is_array(), two, &lengths) {
            (true, ..) => call.axes("axes", x.rank()),
            (false, true, _) => vec![-2, -1],
            (false, false, Some(s)) => (0..s.len())
                .map(|k| k as isize - s.len() as isize)
                .collect(),
            (false, false, None) => (0..x.rank() as isize).collect(),
        };
        Ok(f(x, lengths.as_deref(), axes, norm()))
    };
    let d = || call.number("d").unwrap_or(1.0);
    one(match op {
        "fft.fft" => one_axis(fft::fft)?,
        "fft.ifft" => one_axis(fft::ifft)?,
        "fft.rfft" => one_axis(fft::rfft)?,
        "fft.irfft" => one_axis(fft::irfft)?,
        "fft.hfft" => one_axis(fft::hfft)?,
        "fft.ihfft" => one_axis(fft::ihfft)?,
        "fft.fft2" | "fft.fftn" => several(fft::fftn, op.ends_with('2'))?,
        "fft.ifft2" | "fft.ifftn" => several(fft::ifftn, op.ends_with('2'))?,
        "fft.rfft2" | "fft.rfftn" => several(fft::rfftn, op.ends_with('2'))?,
        "fft.irfft2" | "fft.irfftn" => several(fft::irfftn, op.ends_with('2'))?,
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
