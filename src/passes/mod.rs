//! From programs to programs, and what is true of one: what transforms and execution are made of.
//!
//! No user calls a pass by name but [`Program::verify`](crate::Program::verify).

pub(crate) mod ahead;
pub(crate) mod dead;
pub(crate) mod env;
pub(crate) mod forward;
pub(crate) mod hoist;
mod narrow;
pub(crate) mod rebuild;
pub(crate) mod simplify;
pub(crate) mod turn;
mod verify;
