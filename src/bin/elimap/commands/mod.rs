//! The subcommands, a file each: arguments, help, and what they do.

pub(crate) mod answer;
pub(crate) mod cache;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod covariance;
pub(crate) mod curve;
pub(crate) mod man;
pub(crate) mod model;
pub(crate) mod moments;
pub(crate) mod plan;
pub(crate) mod plot;
pub(crate) mod question;
pub(crate) mod sample;
pub(crate) mod show;
pub(crate) mod states;
pub(crate) mod trace;
pub(crate) mod waiting_times;
pub(crate) mod work;
