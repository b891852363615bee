//! Functions that say themselves what a transform makes of them.

mod fixed;
mod jvp;
mod rule;
mod vjp;
mod vmap;

pub use fixed::{
    FirstArgs, FixedArgs, FixedJvp, FixedVjp, OneArg, WithFixedJvpRule, WithFixedVjpRule,
};
pub use jvp::{CustomJvp, WithJvpRule, custom_jvp};
pub use vjp::{CustomVjp, WithVjpRule, custom_vjp};
pub use vmap::{
    BatchedFlags, CustomVmap, RuleOutput, SharedFunc, WithVmapRule, custom_vmap, sequential_vmap,
};
