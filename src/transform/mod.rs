//! Transforms: programs to programs, and the functions users call them by.

mod autodiff;
mod call_batched;
mod custom;
mod eval_shape;
mod jit;
mod map;
mod pmap;
pub(crate) mod transformed;
pub(crate) mod vmap;

pub use autodiff::{
    Arg, ArgNums, AuxMode, CheckpointFn, Grad, HasArg, Hessian, Jacfwd, Jacobian, Jacrev, Plain,
    Pullback, Pushforward, ValueAndGrad, WithAux, checkpoint, grad, hessian, jacfwd, jacrev, jvp,
    jvp_has_aux, linear_transpose, linearize, linearize_has_aux, stop_gradient, value_and_grad,
    vjp, vjp_has_aux,
};
pub use custom::{
    BatchedFlags, CustomJvp, CustomVjp, CustomVmap, FirstArgs, FixedArgs, FixedJvp, FixedVjp,
    OneArg, RuleOutput, SharedFunc, WithFixedJvpRule, WithFixedVjpRule, WithJvpRule, WithVjpRule,
    WithVmapRule, custom_jvp, custom_vjp, custom_vmap, sequential_vmap,
};
pub use eval_shape::eval_shape;
pub use jit::{Jit, jit};
pub use map::map;
pub use pmap::{pmap, shard_map, xmap};
pub use vmap::{Vmap, vmap};
