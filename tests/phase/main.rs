//! The elimination half through its public surface.

#![allow(clippy::unwrap_used)]

mod batch;
mod cache;
mod callbacks;
mod eliminator;
mod errors;
mod exact;
mod gradient;
mod gradient_sweeps;
mod models;
mod trace;
