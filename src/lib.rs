//! Array transforms with JAX's `vmap` semantics, and exact elimination of phase-type models on top of them.
//!
//! Write a function of [`Tensor`]s for one example and map it over batches with [`vmap`]: nested, along any axes, through control flow
//! ([`cond`], [`scan`], [`while_loop`]) and named collectives ([`psum`]). [`grad`] and its kin differentiate it, [`jit`] keeps it
//! compiled. What exists only as host code is a [`Callback`]: an ordinary function by [`Callback::of`], a function of numbers by
//! [`elementwise`]; its [`VmapMethod`] says what a batch does. The vocabulary of JAX is in [`numpy`], [`lax`], [`linalg`], [`nn`],
//! [`random`], [`special`], [`stats`] and [`fft`], with JAX's names and meaning.
//!
//! New here: [a tutorial](doc::tutorial_vmap), [twelve programs beside their twins in JAX](doc::cookbook), [what JAX users look
//! for](doc::for_jax_users), [what the compiler means](doc::if_the_compiler_says). Phase-type models are in the module `phase`, where
//! that feature is on, as it is by default.
//!
#![doc = "```"]
#![doc = include_str!("../examples/quickstart.rs")]
#![doc = "```"]
#![deny(clippy::print_stdout, clippy::print_stderr)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

// The derive macro names this crate from outside and, in its own tests, from inside.
#[allow(unused_extern_crates)]
extern crate self as elimap;

mod array;
mod callback;
mod error;
mod exec;
mod jaxpr;
mod ops;
mod passes;
mod tensor;
mod text;
mod transform;
mod tree;
mod vecmath;

pub mod doc;
pub mod fft;
pub mod lax;
pub mod linalg;
pub mod nn;
pub mod numpy;
#[cfg(feature = "phase")]
pub mod phase;
pub mod prelude;
pub mod program;
pub mod random;
pub mod special;
pub mod stats;
pub mod tree_util;

/// The arrays that values come from and go to; this is the version whose types [`Array`] converts.
pub use ndarray;

/// The 16-bit floats that arrays hold.
pub use half;

/// The complex numbers that arrays hold.
pub use num_complex;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

pub use array::{
    Array, ArrayError, DType, Element, NpyError, NpyHeader, NpyKind, NpyType, NpzError, Scalar,
    Shape, TensorType, prepare_threads, promote_types,
};
pub use callback::{
    CallLog, CallRecord, Callback, CallbackKind, CancelToken, HostArgument, HostFunction,
    HostNumber, HostOutput, HostResult, NumberFunction, Progress, Residuals, RunOptions,
    UnknownVmapMethod, VmapMethod,
};
pub use elimap_derive::Tree;
pub use error::{
    AutodiffError, BoxError, CallbackError, CustomVmapError, Error, LaneIndex, LocatedError,
    OpError, OpErrorKind, ParseError, PmapError, TraceError, VerifyError, Violation, VmapError,
};
pub use ops::BatchDim;
pub use program::{
    CheckpointPolicy, DotDims, GatherDims, IndexMode, Program, ScatterDims, ScatterOp,
};
pub use tensor::{
    Arguments, At, AxisList, AxisNames, ByReference, ByValue, ELLIPSIS, Elementwise, Flatten, Func,
    Index, IntoIndices, IntoShape, NEW_AXIS, Output, ScanOptions, Slicing, Span, TakeMode, Tensor,
    Tree, TreeValue, Triangle, all_gather, all_to_all, arange, axis_index, axis_size, concatenate,
    cond, debug_callback, debug_print, dot, einsum, elementwise, eye, fori_loop, full, full_like,
    iota, linspace, linspace_open, ok, one_hot, ones, ones_like, outer, pmax, pmean, pmin,
    ppermute, pshuffle, psum, psum_scatter, scan, sort_by_key, stack, strided, switch, tensordot,
    vdot, where_, while_loop, without_traces, zeros, zeros_like,
};
pub use text::ProgramParser;
pub use transform::{
    Arg, ArgNums, AuxMode, BatchedFlags, CheckpointFn, CustomJvp, CustomVjp, CustomVmap, FirstArgs,
    FixedArgs, FixedJvp, FixedVjp, Grad, HasArg, Hessian, Jacfwd, Jacobian, Jacrev, Jit, OneArg,
    Plain, Pullback, Pushforward, RuleOutput, SharedFunc, ValueAndGrad, Vmap, WithAux,
    WithFixedJvpRule, WithFixedVjpRule, WithJvpRule, WithVjpRule, WithVmapRule, checkpoint,
    custom_jvp, custom_vjp, custom_vmap, eval_shape, grad, hessian, jacfwd, jacrev, jit, jvp,
    jvp_has_aux, linear_transpose, linearize, linearize_has_aux, map, pmap, sequential_vmap,
    shard_map, stop_gradient, value_and_grad, vjp, vjp_has_aux, vmap, xmap,
};
pub use tree::{Axes, IntoAxes, Path, Step, TreeDef, TreeError};

/// The README's code is tested with the documentation's.
#[cfg(all(doctest, feature = "phase"))]
#[doc = include_str!("../README.md")]
struct Readme;
