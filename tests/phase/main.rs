//! The elimination half through its public surface.

#![cfg(feature = "phase")]
#![allow(clippy::unwrap_used)]

mod algebra;
mod batch;
mod cache;
mod callbacks;
mod eliminator;
mod errors;
mod exact;
mod explore;
mod expression;
mod gradient;
mod gradient_sweeps;
mod json;
mod models;
mod pages;
mod trace;
