//! The parts of complex numbers.

use elimap::prelude::*;
use elimap::{Error, lax, numpy};

use super::{Call, one};

/// Runs an operation; `None` where this file does not know it.
pub(super) fn run(call: &Call<'_>, op: &str) -> Result<Option<Vec<Tensor>>, Error> {
    one(
        match op.trim_start_matches("jnp.").trim_start_matches("lax.") {
            "real" => numpy::real(call.arg(0)?),
            "imag" => numpy::imag(call.arg(0)?),
            "conj" | "conjugate" => numpy::conj(call.arg(0)?),
            "angle" => numpy::angle(call.arg(0)?),
            "iscomplex" => numpy::iscomplex(call.arg(0)?),
            "isreal" => numpy::isreal(call.arg(0)?),
            "complex" => lax::complex(call.arg(0)?, call.arg(1)?),
            _ => return Ok(None),
        },
    )
}
