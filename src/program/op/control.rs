//! The parameters of operations that run programs or the host, or speak of named axes.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{AxisName, CollectiveOp, IndexMode, ScatterDims};
use crate::array::{Shape, TensorType};
use crate::callback::{Callback, CallbackKind};
use crate::program::{CustomRule, SubProgram};

/// A host call: `pure_callback`, `io_callback` or `debug_callback`.
#[derive(Clone, Debug)]
pub struct HostCall {
    /// The host function.
    pub callback: Callback,
    /// The types of its results at this level of batching.
    pub results: SmallVec<[TensorType; 2]>,
    /// The batch axes that lead every operand and result, for [`VmapMethod::Parallel`](crate::VmapMethod::Parallel).
    pub lanes: Shape,
    /// Pure, or with which effects.
    pub kind: CallbackKind,
}

/// A call of a named sub-program.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name shown.
    pub name: Arc<str>,
    /// What is run.
    pub program: SubProgram,
}

/// A call of a function that has a batching rule of its own: `custom_vmap_call(constants..., arguments...)`.
#[derive(Clone, Debug)]
pub struct CustomVmapCall {
    /// The rule.
    pub rule: CustomRule,
    /// The function: constants, then arguments.
    pub program: SubProgram,
    /// How many operands are values the function closes over, which the rule does not see.
    pub num_consts: usize,
}

/// `cond(index, operands...)` runs the branch the index names, clamped.
#[derive(Clone, Debug)]
pub struct Cond {
    /// The branches; of two, the first is taken for false.
    pub branches: Vec<SubProgram>,
}

/// `while(cond constants..., body constants..., carry...)`.
#[derive(Clone, Debug)]
pub struct While {
    /// The predicate over its constants and the carry.
    pub cond: SubProgram,
    /// How many constants the predicate has.
    pub cond_consts: usize,
    /// The step over its constants and the carry.
    pub body: SubProgram,
    /// How many constants the step has.
    pub body_consts: usize,
}

/// `scan(constants..., carry..., xs...)`.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The step: constants, carry and slices of xs to carry and slices of ys.
    pub body: SubProgram,
    /// The number of steps.
    pub length: usize,
    /// How many operands are constants.
    pub num_consts: usize,
    /// How many operands are carried.
    pub num_carry: usize,
    /// Whether steps run from the end.
    pub reverse: bool,
    /// JAX's hint, kept for the text.
    pub unroll: usize,
    /// Whether the steps are the lanes of a vmapped callback; failures then name the step as a lane.
    pub lanes: bool,
}

/// A collective over named axes.
#[derive(Clone, Debug)]
pub struct Collective {
    /// Which one.
    pub kind: CollectiveOp,
    /// The axes' names and sizes, outermost first for `axis_index`.
    pub axes: SmallVec<[(AxisName, usize); 2]>,
}

/// `scatter(operand, indices, updates)` with a function of an element and its update, which says what the element
/// becomes; JAX's `x.at[i].apply(f)`. Elements that several updates meet go through the function as often, in the updates' order.
#[derive(Clone, Debug)]
pub struct ScatterApply {
    /// The function: a scalar of the operand and a scalar of the updates to a scalar of the operand.
    pub update: SubProgram,
    /// Dimension numbers.
    pub dims: ScatterDims,
    /// What an index outside the bounds means.
    pub mode: IndexMode,
}
