//! Functions that say themselves what a transform makes of them.

mod vmap;

pub use vmap::{
    BatchedFlags, CustomVmap, RuleOutput, SharedFunc, WithVmapRule, custom_vmap, sequential_vmap,
};
