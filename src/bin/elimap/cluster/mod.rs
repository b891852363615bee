//! Having an engine run the shards of a model: `elimap submit`.

mod command;
mod engine;
mod follow;
pub(crate) mod submit;
