//! Families of operations, and parameters with a structure of their own.

use crate::array::Shape;

macro_rules! named_ops {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vmeta])* #[doc = concat!("JAX's `", $text, "`.")] $variant),* }
        impl $name {
            /// Every operation of the family.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
            /// The name in program text.
            ///
            /// ```
            /// use elimap::program::{BinaryOp, UnaryOp};
            /// assert_eq!((UnaryOp::Expm1.name(), BinaryOp::Add.name()), ("expm1", "add"));
            /// ```
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }
            /// Every name.
            #[allow(dead_code)] // Not every family is one of operations.
            pub(crate) const NAMES: &'static [&'static str] = &[$($text),*];
            /// The operation with this name.
            ///
            /// ```
            /// use elimap::program::UnaryOp;
            /// assert_eq!(UnaryOp::from_name("expm1"), Some(UnaryOp::Expm1));
            /// assert_eq!(UnaryOp::from_name("expm2"), None);
            /// ```
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
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
        Real = "real", Imag = "imag", Conj = "conj",
        IsFinite = "is_finite", Not = "not", PopulationCount = "population_count", Clz = "clz",
    }
}

named_ops! {
    /// Elementwise operations of two operands.
    BinaryOp {
        Add = "add", Sub = "sub", Mul = "mul", Div = "div", Rem = "rem", Pow = "pow", Max = "max", Min = "min",
        Atan2 = "atan2", Nextafter = "nextafter", Polygamma = "polygamma", And = "and", Or = "or", Xor = "xor",
        ShiftLeft = "shift_left", ShiftRightArithmetic = "shift_right_arithmetic",
        ShiftRightLogical = "shift_right_logical",
        Complex = "complex",
        Eq = "eq", Ne = "ne", Lt = "lt", Le = "le", Gt = "gt", Ge = "ge",
    }
}

named_ops! {
    /// Discrete Fourier transforms, in the order of XLA's numbers for them.
    FftKind { Fft = "fft", Ifft = "ifft", Rfft = "rfft", Irfft = "irfft" }
}

named_ops! {
    /// Which intermediate values [`checkpoint`](crate::checkpoint) keeps for the backward pass.
    CheckpointPolicy {
        EverythingSaveable = "everything_saveable", NothingSaveable = "nothing_saveable",
        DotsSaveable = "dots_saveable",
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

/// Which axes [`DotGeneral`](super::DotGeneral) contracts and which it batches over, on the left and on the right.
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
#[non_exhaustive]
pub enum IndexMode {
    /// Gather: NaN, the least signed, the greatest unsigned integer or `true`. Scatter: the update is dropped.
    FillOrDrop,
    /// The nearest window inside the bounds.
    Clip,
    /// None is outside, as the caller promises. Where that is not so, a gather reads the nearest window, and a scatter and the derivative of a
    /// gather drop it, as JAX's compiler does.
    PromiseInBounds,
}

/// The dimension numbers of [`Gather`](super::Gather), as in XLA.
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

/// The dimension numbers of [`Scatter`](super::Scatter), as in XLA: the mirror of [`GatherDims`].
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
#[non_exhaustive]
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

impl CollectiveOp {
    /// Every name.
    pub(crate) const NAMES: &'static [&'static str] = &[
        "psum",
        "pmax",
        "pmin",
        "axis_index",
        "all_gather",
        "ppermute",
        "all_to_all",
        "reduce_scatter",
    ];

    /// The name in program text.
    ///
    /// ```
    /// use elimap::program::CollectiveOp;
    /// assert_eq!(CollectiveOp::Psum.name(), "psum");
    /// ```
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            CollectiveOp::Psum => "psum",
            CollectiveOp::Pmax => "pmax",
            CollectiveOp::Pmin => "pmin",
            CollectiveOp::AxisIndex => "axis_index",
            CollectiveOp::AllGather { .. } => "all_gather",
            CollectiveOp::Ppermute { .. } => "ppermute",
            CollectiveOp::AllToAll { .. } => "all_to_all",
            CollectiveOp::PsumScatter { .. } => "reduce_scatter",
        }
    }
}
