//! Transforms: programs to programs, and the functions users call them by.

mod chunk;
mod jit;
mod map;
mod pmap;
mod vmap;

pub use jit::{Jit, jit};
pub use map::map;
pub use pmap::{pmap, shard_map, xmap};
pub use vmap::{Vmap, vmap};
