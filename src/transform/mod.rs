//! Transforms: programs to programs, and the functions users call them by.

mod autodiff;
mod call_batched;
mod custom;
mod jit;
mod map;
mod pmap;
pub(crate) mod transformed;
pub(crate) mod vmap;

pub use autodiff::{
    Arg, ArgNums, AuxMode, CheckpointFn, Grad, HasArg, Hessian, Jacfwd, Jacobian, Jacrev, Plain,
    Pullback, Pushforward, ValueAndGrad, WithAux, checkpoint, grad, hessian, jacfwd, jacrev, jvp,
    linear_transpose, linearize, stop_gradient, value_and_grad, vjp,
};
pub use custom::{
    BatchedFlags, CustomJvp, CustomVjp, CustomVmap, RuleOutput, SharedFunc, WithJvpRule,
    WithVjpRule, WithVmapRule, custom_jvp, custom_vjp, custom_vmap, sequential_vmap,
};
pub use jit::{Jit, jit};
pub use map::map;
pub use pmap::{pmap, shard_map, xmap};
pub use vmap::{Vmap, vmap};
