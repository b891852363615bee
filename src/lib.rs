//! Array transforms with JAX's `vmap` semantics, and exact elimination of phase-type models on top of them.
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
mod ops;
mod program;
mod tensor;
mod transform;
mod tree;

pub mod doc;
pub mod phase;
pub mod prelude;

pub use array::{
    Array, ArrayError, DType, Element, NpyError, NpyHeader, NpyKind, NpyType, Scalar, Shape,
    TensorType, promote_types,
};
pub use callback::{
    BoxError, CallLog, CallRecord, Callback, CallbackError, CallbackKind, HostOutput, LaneIndex,
    UnknownVmapMethod, VmapMethod,
};
pub use elimap_derive::Tree;
pub use error::Error;
pub use exec::{CancelToken, Progress, RunOptions};
pub use ops::{BatchDim, CustomVmapError, OpError, OpErrorKind};
pub use program::{
    ArgReduceOp, Atom, Atoms, AxisName, BinaryOp, CollectiveOp, CumulativeOp, CustomRule, DotDims,
    Equation, GatherDims, IndexMode, Op, PadAxis, ParseError, Program, ProgramBuilder,
    ProgramParser, ReduceOp, ScatterDims, ScatterOp, SubProgram, UnaryOp, Var,
};
pub use tensor::{
    Arguments, At, AxisList, AxisNames, BatchedFlags, CustomVmap, Flatten, Func, Output,
    RuleOutput, ScanOptions, SharedFunc, Slicing, TakeMode, Tensor, TraceError, Tree, TreeValue,
    Triangle, WithVmapRule, all_gather, all_to_all, arange, axis_index, axis_size, concatenate,
    cond, custom_vmap, debug_callback, debug_print, dot, einsum, eye, fori_loop, full, iota,
    linspace, one_hot, ones, outer, pmax, pmean, pmin, ppermute, pshuffle, psum, psum_scatter,
    scan, sequential_vmap, sort_by_key, stack, switch, tensordot, vdot, where_, while_loop, zeros,
};
pub use transform::{
    Jit, PmapError, VerifyError, Violation, Vmap, VmapError, jit, map, pmap, shard_map, vmap, xmap,
};
pub use tree::{Axes, IntoAxes, Path, Step, TreeDef, TreeError};

/// The README's code is tested with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
