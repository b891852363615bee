//! The refusal of `pmap` and its kin.

use std::convert::Infallible;

/// Mapping over devices was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{requested} is not supported: it compiles a function and distributes it over devices, and a host callback cannot be compiled and distributed (there is 1 device, the host); use vmap(f) with a callback of VmapMethod::ExpandDims, which hands the host the whole batch to spread over threads, or VmapMethod::Parallel, which calls it lane by lane on all threads"
)]
pub struct PmapError {
    /// What was asked for.
    pub requested: &'static str,
}

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
pub fn xmap<F>(_function: F) -> Result<Infallible, PmapError> {
    Err(PmapError { requested: "xmap" })
}
