//! Derivatives, as rewrites of programs.
//!
//! Forward mode is one rule per operation ([`jvp`](self::jvp())). Linearization is forward mode and a split by data flow
//! (`split.rs`) into what computes results and what is linear in the tangents; reverse mode transposes the latter (`transpose.rs`).
//! Every part is one walk over the program, linear in its size. Rules of operations on data are in [`ops`](crate::ops), beside what
//! the operations mean; those of operations that run programs are here, because they apply the walks to those programs.
//!
//! Tensors of enclosing functions are inputs of the program that have no tangent, so perturbations of nested derivatives cannot be
//! confused: the outer derivative is taken of the program that the inner one has become.

mod argnums;
mod checkpoint;
mod custom_vmap;
mod emit;
mod function;
mod grad;
mod jacobian;
mod jvp;
mod linearize;
mod source;
mod split;
mod stop;
mod transpose;

pub use argnums::{Arg, ArgNums, AuxMode, HasArg, Plain, WithAux};
pub use checkpoint::{CheckpointFn, checkpoint};
pub use function::{
    Pullback, Pushforward, jvp, jvp_has_aux, linear_transpose, linearize, linearize_has_aux, vjp,
    vjp_has_aux,
};
pub use grad::{Grad, ValueAndGrad, grad, value_and_grad};
pub use jacobian::{Hessian, Jacfwd, Jacobian, Jacrev, hessian, jacfwd, jacrev};
pub(crate) use source::{Belonging, float0, sparse_leaves};
pub use stop::stop_gradient;
