//! Transforms: programs to programs, and the functions users call them by.

mod jit;
mod map;
mod pmap;
pub(crate) mod vmap;

pub use jit::{Jit, jit};
pub use map::map;
pub use pmap::{pmap, shard_map, xmap};
pub use vmap::{Vmap, vmap};
