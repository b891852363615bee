//! The subcommands, a file each: arguments, help, and what they do.

pub(crate) mod cache;
pub(crate) mod convert;
pub(crate) mod model;
pub(crate) mod moments;
pub(crate) mod plan;
pub(crate) mod question;
pub(crate) mod show;
pub(crate) mod trace;
pub(crate) mod waiting_times;
pub(crate) mod work;
