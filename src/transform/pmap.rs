//! The refusal of `pmap` and its kin.

use std::convert::Infallible;

use crate::error::PmapError;

/// Refuses: functions over host callbacks cannot be compiled and distributed over devices.
///
/// # Errors
///
/// Always [`PmapError`], which says what to use instead.
///
/// ```
/// use elimap::{pmap, Tensor};
/// let error = pmap(|x: Tensor| x).unwrap_err();
/// assert!(error.to_string().contains("use vmap"));
/// ```
pub fn pmap<F>(_function: F) -> Result<Infallible, PmapError> {
    Err(PmapError { requested: "pmap" })
}

/// Refuses, as [`pmap`] does.
///
/// # Errors
///
/// Always [`PmapError`].
///
/// ```
/// assert!(elimap::shard_map(|x: f64| x).unwrap_err().to_string().contains("vmap"));
/// ```
pub fn shard_map<F>(_function: F) -> Result<Infallible, PmapError> {
    Err(PmapError {
        requested: "shard_map",
    })
}

/// Refuses, as [`pmap`] does.
///
/// # Errors
///
/// Always [`PmapError`].
///
/// ```
/// assert!(elimap::xmap(|x: f64| x).unwrap_err().to_string().contains("vmap"));
/// ```
pub fn xmap<F>(_function: F) -> Result<Infallible, PmapError> {
    Err(PmapError { requested: "xmap" })
}
