//! Transforms: programs to programs, and the functions users call them by.

mod call_batched;
mod custom;
mod jit;
mod map;
mod pmap;
pub(crate) mod transformed;
pub(crate) mod vmap;

pub use custom::{
    BatchedFlags, CustomVmap, RuleOutput, SharedFunc, WithVmapRule, custom_vmap, sequential_vmap,
};
pub use jit::{Jit, jit};
pub use map::map;
pub use pmap::{pmap, shard_map, xmap};
pub use vmap::{Vmap, vmap};
