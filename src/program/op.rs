//! The closed list of operations.
//!
//! Parameters follow JAX's primitives, so that programs read as jaxprs do. An operation without a type rule, an
//! evaluation and a batching rule does not compile: each is an exhaustive match in [`ops`](crate::ops).

use std::sync::Arc;

use smallvec::SmallVec;

use super::{CustomRule, SubProgram};
use crate::array::{DType, Shape, TensorType};
use crate::callback::{Callback, CallbackKind, VmapMethod};

/// The name `axis_name` gives to a mapped axis.
pub type AxisName = Arc<str>;

macro_rules! named_ops {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vmeta])* #[doc = concat!("JAX's `", $text, "`.")] $variant),* }
        impl $name {
            /// Every operation of the family.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
            /// The name in program text.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }
            /// The operation with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<$name> {
                match name { $($text => Some($name::$variant),)* _ => None }
            }
        }
    };
}

named_ops! {
    /// Elementwise operations of one operand.
    UnaryOp {
        Neg = "neg", Abs = "abs", Sign = "sign", Floor = "floor", Ceil = "ceil",
        RoundHalfAway = "round", RoundHalfEven = "round_half_even",
        Exp = "exp", Exp2 = "exp2", Log = "log", Log1p = "log1p", Expm1 = "expm1",
        Sin = "sin", Cos = "cos", Tan = "tan", Asin = "asin", Acos = "acos", Atan = "atan",
        Sinh = "sinh", Cosh = "cosh", Tanh = "tanh", Asinh = "asinh", Acosh = "acosh", Atanh = "atanh",
        Logistic = "logistic", Sqrt = "sqrt", Rsqrt = "rsqrt", Cbrt = "cbrt", Square = "square",
        Erf = "erf", Erfc = "erfc", ErfInv = "erf_inv", Lgamma = "lgamma", Digamma = "digamma",
        IsFinite = "is_finite", Not = "not", PopulationCount = "population_count", Clz = "clz",
    }
}

named_ops! {
    /// Elementwise operations of two operands.
    BinaryOp {
        Add = "add", Sub = "sub", Mul = "mul", Div = "div", Rem = "rem", Pow = "pow", Max = "max", Min = "min",
        Atan2 = "atan2", Nextafter = "nextafter", And = "and", Or = "or", Xor = "xor",
        ShiftLeft = "shift_left", ShiftRightArithmetic = "shift_right_arithmetic",
        ShiftRightLogical = "shift_right_logical",
        Eq = "eq", Ne = "ne", Lt = "lt", Le = "le", Gt = "gt", Ge = "ge",
    }
}

named_ops! {
    /// Reductions over axes.
    ReduceOp {
        Sum = "reduce_sum", Prod = "reduce_prod", Max = "reduce_max", Min = "reduce_min",
        And = "reduce_and", Or = "reduce_or", Xor = "reduce_xor",
    }
}

named_ops! {
    /// Positions of extremes along one axis.
    ArgReduceOp { Max = "argmax", Min = "argmin" }
}

named_ops! {
    /// Running reductions along one axis.
    CumulativeOp {
        Sum = "cumsum", Prod = "cumprod", Max = "cummax", Min = "cummin", LogSumExp = "cumlogsumexp",
    }
}

named_ops! {
    /// How scattered updates meet what is there.
    ScatterOp { Set = "scatter", Add = "scatter-add", Mul = "scatter-mul", Min = "scatter-min", Max = "scatter-max" }
}

/// Which axes [`Op::DotGeneral`] contracts and which it batches over, on the left and on the right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DotDims {
    /// Contracted axes of the left operand.
    pub lhs_contract: Shape,
    /// Contracted axes of the right operand, pairwise.
    pub rhs_contract: Shape,
    /// Batch axes of the left operand; they lead the result.
    pub lhs_batch: Shape,
    /// Batch axes of the right operand, pairwise.
    pub rhs_batch: Shape,
}

/// Padding of one axis; negative `low` and `high` crop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PadAxis {
    /// Elements before the first.
    pub low: i64,
    /// Elements after the last.
    pub high: i64,
    /// Elements between neighbours; not negative.
    pub interior: usize,
}

/// What an index outside the bounds means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexMode {
    /// Gather: NaN, the least signed, the greatest unsigned integer or `true`. Scatter: the update is dropped.
    FillOrDrop,
    /// The nearest window inside the bounds.
    Clip,
}

/// The dimension numbers of [`Op::Gather`], as in XLA.
///
/// The last axis of the indices holds the index vector; its component `k` addresses operand axis
/// `start_index_map[k]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GatherDims {
    /// Result axes that run over the slice, in operand order.
    pub offset_dims: Shape,
    /// Operand axes of slice size 1 that are left out of the result.
    pub collapsed_slice_dims: Shape,
    /// Which operand axis each component of the index vector addresses.
    pub start_index_map: Shape,
    /// Operand axes that run together with `start_indices_batching_dims`.
    pub operand_batching_dims: Shape,
    /// Index axes that run together with `operand_batching_dims`.
    pub start_indices_batching_dims: Shape,
}

/// The dimension numbers of [`Op::Scatter`], as in XLA: the mirror of [`GatherDims`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScatterDims {
    /// Axes of the updates that run over the window, in operand order.
    pub update_window_dims: Shape,
    /// Operand axes of window size 1 that the updates do not have.
    pub inserted_window_dims: Shape,
    /// Which operand axis each component of the index vector addresses.
    pub scatter_dims_to_operand_dims: Shape,
    /// Operand axes that run together with `scatter_indices_batching_dims`.
    pub operand_batching_dims: Shape,
    /// Index axes that run together with `operand_batching_dims`.
    pub scatter_indices_batching_dims: Shape,
}

/// Operations over named axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CollectiveOp {
    /// Sum over the lanes of the named axes.
    Psum,
    /// Maximum over the lanes of the named axes.
    Pmax,
    /// Minimum over the lanes of the named axes.
    Pmin,
    /// The lane's index along the named axes, row-major, as `int32`.
    AxisIndex,
    /// Every lane's value, along a new axis or concatenated on an existing one.
    AllGather {
        /// Where the lanes go.
        axis: usize,
        /// Whether they are concatenated on `axis` rather than stacked.
        tiled: bool,
    },
    /// Sends lane `source`'s value to lane `destination`.
    Ppermute {
        /// Pairs of source and destination lanes.
        pairs: Vec<(usize, usize)>,
    },
    /// Lane `i` gets the `i`-th slice of every lane.
    AllToAll {
        /// The axis that is split over the lanes.
        split_axis: usize,
        /// The axis the received slices are laid along.
        concat_axis: usize,
        /// Whether slices are blocks of an axis that stays.
        tiled: bool,
    },
    /// The sum over lanes, of which lane `i` keeps slice `i`.
    PsumScatter {
        /// The axis that is split over the lanes.
        axis: usize,
        /// Whether slices are blocks of an axis that stays.
        tiled: bool,
    },
}

/// One operation with its parameters.
#[derive(Clone, Debug)]
pub enum Op {
    /// Elementwise, one operand.
    Unary(UnaryOp),
    /// Elementwise, two operands of one dtype and rank; axes of length 1 and rank-0 operands broadcast.
    Binary(BinaryOp),
    /// `x` to an integer power by repeated multiplication.
    IntegerPow {
        /// The exponent.
        y: i32,
    },
    /// Conversion to another element type.
    ConvertElementType {
        /// The new element type.
        dtype: DType,
        /// Whether the result is weakly typed.
        weak: bool,
    },
    /// `select_n(which, case_0, case_1, ...)`: elementwise choice by a bool or integer.
    SelectN,
    /// `clamp(lo, x, hi)`.
    Clamp,
    /// Places the operand's axes at `dims` of `shape` and repeats along the others.
    BroadcastInDim {
        /// The result's shape.
        shape: Shape,
        /// Where each operand axis goes, increasing.
        dims: Shape,
    },
    /// The same elements in another shape.
    Reshape {
        /// The result's shape.
        shape: Shape,
    },
    /// Reorders axes: result axis `i` is operand axis `permutation[i]`.
    Transpose {
        /// The permutation.
        permutation: Shape,
    },
    /// Removes axes of length 1.
    Squeeze {
        /// The axes, increasing.
        dims: Shape,
    },
    /// Joins operands along an axis.
    Concatenate {
        /// The axis.
        dimension: usize,
    },
    /// `pad(operand, value)`.
    Pad {
        /// One entry per axis.
        config: SmallVec<[PadAxis; 4]>,
    },
    /// Reverses axes.
    Rev {
        /// The axes.
        dims: Shape,
    },
    /// A box with static bounds.
    Slice {
        /// First index of each axis.
        start: Shape,
        /// One past the last index of each axis.
        limit: Shape,
        /// Step of each axis.
        strides: Shape,
    },
    /// Reduction over axes.
    Reduce {
        /// Which reduction.
        kind: ReduceOp,
        /// The axes, increasing.
        axes: Shape,
    },
    /// Position of the first extreme along an axis.
    ArgReduce {
        /// Which extreme.
        kind: ArgReduceOp,
        /// The axis.
        axis: usize,
        /// The positions' element type.
        index_dtype: DType,
    },
    /// Running reduction along an axis.
    Cumulative {
        /// Which reduction.
        kind: CumulativeOp,
        /// The axis.
        axis: usize,
        /// Whether it runs from the end.
        reverse: bool,
    },
    /// Generalized matrix product.
    DotGeneral {
        /// Contracted and batch axes.
        dims: DotDims,
    },
    /// Counts along one axis.
    Iota {
        /// The element type.
        dtype: DType,
        /// The shape.
        shape: Shape,
        /// The axis counted along.
        dimension: usize,
    },
    /// `dynamic_slice(operand, start...)`.
    DynamicSlice {
        /// The box's size.
        sizes: Shape,
    },
    /// `dynamic_update_slice(operand, update, start...)`.
    DynamicUpdateSlice,
    /// `gather(operand, indices)`.
    Gather {
        /// Dimension numbers.
        dims: GatherDims,
        /// Window size per operand axis.
        slice_sizes: Shape,
        /// What an index outside the bounds means.
        mode: IndexMode,
    },
    /// `scatter(operand, indices, updates)`.
    Scatter {
        /// How updates meet what is there.
        kind: ScatterOp,
        /// Dimension numbers.
        dims: ScatterDims,
        /// What an index outside the bounds means.
        mode: IndexMode,
    },
    /// Stable sort of several operands by the first `num_keys` of them.
    Sort {
        /// The axis.
        dimension: usize,
        /// How many operands are keys.
        num_keys: usize,
    },
    /// The `k` greatest along the last axis, and where they are.
    TopK {
        /// How many.
        k: usize,
    },
    /// Lower Cholesky factor over leading batch axes.
    Cholesky,
    /// Solves a triangular system over leading batch axes.
    TriangularSolve {
        /// `a x = b` rather than `x a = b`.
        left_side: bool,
        /// Whether `a` is lower triangular.
        lower: bool,
        /// Whether `a` is transposed.
        transpose_a: bool,
        /// Whether `a`'s diagonal is taken as ones.
        unit_diagonal: bool,
    },
    /// Solves `a x = b` by LU with partial pivoting over leading batch axes; `b` is a matrix.
    Solve,
    /// A host call.
    Callback {
        /// The host function.
        callback: Callback,
        /// The types of its results at this level of batching.
        results: SmallVec<[TensorType; 2]>,
        /// The batch axes that lead every operand and result, for [`VmapMethod::Parallel`].
        lanes: Shape,
        /// Pure, or with which effects.
        kind: CallbackKind,
    },
    /// A call of a named sub-program.
    Call {
        /// The name shown.
        name: Arc<str>,
        /// What is run.
        program: SubProgram,
    },
    /// A call of a function that has a batching rule of its own: `custom_vmap_call(constants..., arguments...)`.
    CustomVmap {
        /// The rule.
        rule: CustomRule,
        /// The function: constants, then arguments.
        program: SubProgram,
        /// How many operands are values the function closes over, which the rule does not see.
        num_consts: usize,
    },
    /// `cond(index, operands...)` runs the branch the index names, clamped.
    Cond {
        /// The branches; of two, the first is taken for false.
        branches: Vec<SubProgram>,
    },
    /// `while(cond constants..., body constants..., carry...)`.
    While {
        /// The predicate over its constants and the carry.
        cond: SubProgram,
        /// How many constants the predicate has.
        cond_consts: usize,
        /// The step over its constants and the carry.
        body: SubProgram,
        /// How many constants the step has.
        body_consts: usize,
    },
    /// `scan(constants..., carry..., xs...)`.
    Scan {
        /// The step: constants, carry and slices of xs to carry and slices of ys.
        body: SubProgram,
        /// The number of steps.
        length: usize,
        /// How many operands are constants.
        num_consts: usize,
        /// How many operands are carried.
        num_carry: usize,
        /// Whether steps run from the end.
        reverse: bool,
        /// JAX's hint, kept for the text.
        unroll: usize,
        /// Whether the steps are the lanes of a vmapped callback; failures then name the step as a lane.
        lanes: bool,
    },
    /// A collective over named axes.
    Collective {
        /// Which one.
        op: CollectiveOp,
        /// The axes' names and sizes, outermost first for `axis_index`.
        axes: SmallVec<[(AxisName, usize); 2]>,
    },
}

impl Op {
    /// The name in program text and in messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Op::Unary(op) => op.name(),
            Op::Binary(op) => op.name(),
            Op::IntegerPow { .. } => "integer_pow",
            Op::ConvertElementType { .. } => "convert_element_type",
            Op::SelectN => "select_n",
            Op::Clamp => "clamp",
            Op::BroadcastInDim { .. } => "broadcast_in_dim",
            Op::Reshape { .. } => "reshape",
            Op::Transpose { .. } => "transpose",
            Op::Squeeze { .. } => "squeeze",
            Op::Concatenate { .. } => "concatenate",
            Op::Pad { .. } => "pad",
            Op::Rev { .. } => "rev",
            Op::Slice { .. } => "slice",
            Op::Reduce { kind, .. } => kind.name(),
            Op::ArgReduce { kind, .. } => kind.name(),
            Op::Cumulative { kind, .. } => kind.name(),
            Op::DotGeneral { .. } => "dot_general",
            Op::Iota { .. } => "iota",
            Op::DynamicSlice { .. } => "dynamic_slice",
            Op::DynamicUpdateSlice => "dynamic_update_slice",
            Op::Gather { .. } => "gather",
            Op::Scatter { kind, .. } => kind.name(),
            Op::Sort { .. } => "sort",
            Op::TopK { .. } => "top_k",
            Op::Cholesky => "cholesky",
            Op::TriangularSolve { .. } => "triangular_solve",
            Op::Solve => "solve",
            Op::Callback { kind, .. } => match kind {
                CallbackKind::Pure => "pure_callback",
                CallbackKind::Io { .. } => "io_callback",
                CallbackKind::Debug => "debug_callback",
            },
            Op::Call { .. } => "jit",
            Op::CustomVmap { .. } => "custom_vmap_call",
            Op::Cond { .. } => "cond",
            Op::While { .. } => "while",
            Op::Scan { .. } => "scan",
            Op::Collective { op, .. } => match op {
                CollectiveOp::Psum => "psum",
                CollectiveOp::Pmax => "pmax",
                CollectiveOp::Pmin => "pmin",
                CollectiveOp::AxisIndex => "axis_index",
                CollectiveOp::AllGather { .. } => "all_gather",
                CollectiveOp::Ppermute { .. } => "ppermute",
                CollectiveOp::AllToAll { .. } => "all_to_all",
                CollectiveOp::PsumScatter { .. } => "reduce_scatter",
            },
        }
    }

    /// The programs this operation runs.
    #[must_use]
    pub fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        match self {
            Op::Call { program, .. } | Op::CustomVmap { program, .. } => {
                smallvec::smallvec![program]
            }
            Op::Cond { branches } => branches.iter().collect(),
            Op::While { cond, body, .. } => smallvec::smallvec![cond, body],
            Op::Scan { body, .. } => smallvec::smallvec![body],
            _ => SmallVec::new(),
        }
    }

    /// Whether a test holds for this operation or for one in the programs it runs.
    pub(crate) fn any(&self, test: &dyn Fn(&Op) -> bool) -> bool {
        test(self) || self.sub_programs().iter().any(|p| p.any(test))
    }

    /// Whether a run of it can be noticed other than by its results.
    #[must_use]
    pub fn has_effects(&self) -> bool {
        self.any(&|op| match op {
            Op::Callback { kind, .. } => *kind != CallbackKind::Pure,
            _ => false,
        })
    }

    /// The callback's method, where this is one.
    #[must_use]
    pub fn vmap_method(&self) -> Option<VmapMethod> {
        match self {
            Op::Callback { callback, .. } => callback.method(),
            _ => None,
        }
    }
}
