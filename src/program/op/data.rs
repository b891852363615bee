//! The parameters of operations whose results depend on nothing but their operands.

use smallvec::SmallVec;

use super::{
    ArgReduceOp, BinaryOp, CumulativeOp, DotDims, FftKind, GatherDims, IndexMode, PadAxis,
    ReduceOp, ScatterDims, ScatterOp, UnaryOp,
};
use crate::array::{DType, Scalar, Shape};

/// Elementwise, one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unary {
    /// Which operation.
    pub kind: UnaryOp,
}

/// Elementwise, two operands of one dtype and rank; axes of length 1 and rank-0 operands broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Binary {
    /// Which operation.
    pub kind: BinaryOp,
}

/// `x` to an integer power by repeated multiplication.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IntegerPow {
    /// The exponent.
    pub y: i32,
}

/// Conversion to another element type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvertElementType {
    /// The new element type.
    pub dtype: DType,
    /// Whether the result is weakly typed.
    pub weak: bool,
}

/// `select_n(which, case_0, case_1, ...)`: elementwise choice by a bool or integer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SelectN;

/// `clamp(lo, x, hi)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clamp;

/// Places the operand's axes at `dims` of `shape` and repeats along the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BroadcastInDim {
    /// The result's shape.
    pub shape: Shape,
    /// Where each operand axis goes, increasing.
    pub dims: Shape,
}

/// The same elements in another shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reshape {
    /// The result's shape.
    pub shape: Shape,
}

/// Reorders axes: result axis `i` is operand axis `permutation[i]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transpose {
    /// The permutation.
    pub permutation: Shape,
}

/// Removes axes of length 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Squeeze {
    /// The axes, increasing.
    pub dims: Shape,
}

/// Joins operands along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Concatenate {
    /// The axis.
    pub dimension: usize,
}

/// `pad(operand, value)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pad {
    /// One entry per axis.
    pub config: SmallVec<[PadAxis; 4]>,
}

/// Reverses axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rev {
    /// The axes.
    pub dims: Shape,
}

/// A box with static bounds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slice {
    /// First index of each axis.
    pub start: Shape,
    /// One past the last index of each axis.
    pub limit: Shape,
    /// Step of each axis.
    pub strides: Shape,
}

/// Reduction over axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// Which reduction.
    pub kind: ReduceOp,
    /// The axes, increasing.
    pub axes: Shape,
}

/// Position of the first extreme along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArgReduce {
    /// Which extreme.
    pub kind: ArgReduceOp,
    /// The axis.
    pub axis: usize,
    /// The positions' element type.
    pub index_dtype: DType,
}

/// Running reduction along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cumulative {
    /// Which reduction.
    pub kind: CumulativeOp,
    /// The axis.
    pub axis: usize,
    /// Whether it runs from the end.
    pub reverse: bool,
}

/// Generalized matrix product.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DotGeneral {
    /// Contracted and batch axes.
    pub dims: DotDims,
}

/// Counts along one axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Iota {
    /// The element type.
    pub dtype: DType,
    /// The shape.
    pub shape: Shape,
    /// The axis counted along.
    pub dimension: usize,
}

/// `dynamic_slice(operand, start...)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DynamicSlice {
    /// The box's size.
    pub sizes: Shape,
}

/// `dynamic_update_slice(operand, update, start...)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DynamicUpdateSlice;

/// `gather(operand, indices)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gather {
    /// Dimension numbers.
    pub dims: GatherDims,
    /// Window size per operand axis.
    pub slice_sizes: Shape,
    /// What an index outside the bounds means.
    pub mode: IndexMode,
    /// What is read there under [`IndexMode::FillOrDrop`], of the operand's element type, rather than what the mode says.
    pub fill: Option<Scalar>,
}

/// `scatter(operand, indices, updates)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scatter {
    /// How updates meet what is there.
    pub kind: ScatterOp,
    /// Dimension numbers.
    pub dims: ScatterDims,
    /// What an index outside the bounds means.
    pub mode: IndexMode,
}

/// Stable sort of several operands by the first `num_keys` of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sort {
    /// The axis.
    pub dimension: usize,
    /// How many operands are keys.
    pub num_keys: usize,
}

/// The `k` greatest along the last axis, and where they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopK {
    /// How many.
    pub k: usize,
}

/// Lower Cholesky factor over leading batch axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cholesky;

/// Solves a triangular system over leading batch axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TriangularSolve {
    /// `a x = b` rather than `x a = b`.
    pub left_side: bool,
    /// Whether `a` is lower triangular.
    pub lower: bool,
    /// Whether `a` is transposed.
    pub transpose_a: bool,
    /// Whether `a`'s diagonal is taken as ones.
    pub unit_diagonal: bool,
}

/// Solves `a x = b` by LU with partial pivoting over leading batch axes; `b` is a matrix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Solve;

/// A discrete Fourier transform over the last axes, divided by the number of elements where it is an inverse one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fft {
    /// Which transform.
    pub kind: FftKind,
    /// The lengths of the axes, in real numbers where half a spectrum is taken or made.
    pub lengths: Shape,
}

/// The operand's bits read as another type: narrower elements come along a new last axis, wider ones use one up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BitcastConvertType {
    /// The type of the result.
    pub dtype: DType,
}

/// Floats rounded to fewer bits, in their type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReducePrecision {
    /// Bits of the exponent, 1 to 11.
    pub exponent_bits: u32,
    /// Bits of the mantissa behind the point.
    pub mantissa_bits: u32,
}

/// The operand itself, of derivative zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StopGradient;
