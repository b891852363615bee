//! What most programs need: `use elimap::prelude::*;`. With it comes [`ndarray`], in the version whose arrays are taken.

pub use crate::ndarray;
pub use crate::{
    Array, CallLog, Callback, DType, ELLIPSIS, Element, Error, Func, NEW_AXIS, ScanOptions,
    Slicing, TakeMode, Tensor, TensorType, Tree, TreeValue, VmapMethod, all_gather, arange,
    axis_index, axis_size, concatenate, cond, elementwise, fori_loop, full, grad, iota, jit, ok,
    ones, pmap, pmax, pmean, pmin, psum, scan, stack, switch, value_and_grad, vmap, where_,
    while_loop, zeros,
};
