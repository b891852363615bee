//! Distributions of times and rewards against answers in high precision, closed forms and each other.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod answer;
mod compare;
mod counts;
mod exact;
mod gradients;
mod inputs;
mod made_gradients;
mod reference;
mod samples;
mod state_gradients;
mod stiff;
