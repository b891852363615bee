//! Programs as data: text, parsing, random programs, the floors of the source.

#![allow(clippy::unwrap_used)]

mod compatibility;
mod examples;
mod fused;
mod layering;
mod meaning;
mod parse;
mod random;
mod reference;
mod text;
