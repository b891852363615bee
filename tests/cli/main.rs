//! The program, run as a user runs it.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod cache;
mod commands;
mod convert;
mod discrete;
mod distribution;
mod forms;
mod model;
mod piped;
mod submit;
mod thetas;
