//! What most programs need: `use elimap::prelude::*;`.

pub use crate::{
    Array, CallLog, Callback, DType, Element, Error, Func, ScanOptions, Slicing, TakeMode, Tensor,
    TensorType, Tree, TreeValue, VmapMethod, all_gather, arange, axis_index, axis_size,
    concatenate, cond, fori_loop, full, iota, jit, ones, pmap, pmax, pmean, pmin, psum, scan,
    stack, switch, vmap, where_, while_loop, zeros,
};
