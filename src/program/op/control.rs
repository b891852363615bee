//! The parameters of operations that run programs or the host, or speak of named axes.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{AxisName, CheckpointPolicy, CollectiveOp, IndexMode, ScatterDims};
use crate::array::{Shape, TensorType};
use crate::callback::{Callback, CallbackKind};
use crate::program::{CustomRule, DerivativeRule, SubProgram};

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

/// A call of a function that has a forward derivative of its own: `custom_jvp_call(constants..., arguments...)`.
#[derive(Clone, Debug)]
pub struct CustomJvpCall {
    /// The name shown.
    pub name: Arc<str>,
    /// The function: constants, then arguments.
    pub program: SubProgram,
    /// How many operands are values that the function or its rule closes over.
    pub num_consts: usize,
    /// One program: constants, arguments and the tangents of the floating ones, to the results and the tangents of the
    /// floating ones.
    pub rule: DerivativeRule,
}

/// A call of a function that has a reverse derivative of its own: `custom_vjp_call(constants..., arguments...)`.
#[derive(Clone, Debug)]
pub struct CustomVjpCall {
    /// The name shown.
    pub name: Arc<str>,
    /// The function: constants, then arguments.
    pub program: SubProgram,
    /// How many operands are values that the function or its rules close over.
    pub num_consts: usize,
    /// Two programs. Forward: constants and arguments to the results and the residuals. Backward: constants, residuals and the
    /// cotangents of the floating results to the cotangents of the floating arguments.
    pub rule: DerivativeRule,
}

/// The tangents of a [`CustomVjpCall`]: `custom_lin(constants..., residuals..., tangents...)`, which reverse mode replaces
/// by the backward rule and which cannot be run.
#[derive(Clone, Debug)]
pub struct CustomLin {
    /// The function's name.
    pub name: Arc<str>,
    /// The backward rule: constants, residuals and cotangents of the results to cotangents of the tangents.
    pub backward: SubProgram,
    /// How many operands are constants or residuals.
    pub num_residuals: usize,
}

/// A call whose intermediate values are not kept for reverse mode but computed again, as far as the policy says.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// What is run.
    pub program: SubProgram,
    /// What is kept after all.
    pub policy: CheckpointPolicy,
    /// Whether this is what remains for the backward pass, which compiling must not merge with the first computation.
    pub differentiated: bool,
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
