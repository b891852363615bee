//! The closed list of operations.
//!
//! An operation is a struct of its parameters, which follow JAX's primitives so that programs read as jaxprs do, and one
//! row of the table below. What it means is `impl Rules` in [`ops`](crate::ops), without default methods: an operation
//! without a type rule, an evaluation, a batching rule or a text form does not compile.
//!
//! The table has two parts. A *data* operation's results depend on nothing but its operands, so it is evaluated by
//! itself; its parameters compare and hash, which a program or a host function does not, so that none can hide in them. A *control*
//! operation runs programs or the host or speaks of named axes, says which, and is run by [`exec`](crate::exec).

mod control;
mod data;
mod kinds;

use std::sync::Arc;

pub use control::{
    Call, Checkpoint, Collective, Cond, CustomJvpCall, CustomLin, CustomVjpCall, CustomVmapCall,
    HostCall, Scan, ScatterApply, While,
};
pub use data::{
    ArgReduce, Binary, BitcastConvertType, BroadcastInDim, Cholesky, Clamp, Concatenate,
    ConvertElementType, Cumulative, DotGeneral, DynamicSlice, DynamicUpdateSlice, Fft, Gather,
    IntegerPow, Iota, Pad, Reduce, ReducePrecision, Reshape, Rev, Scatter, SelectN, Slice, Solve,
    Sort, Squeeze, StopGradient, TopK, Transpose, TriangularSolve, Unary,
};
pub use kinds::{
    ArgReduceOp, BinaryOp, CheckpointPolicy, CollectiveOp, CumulativeOp, DotDims, FftKind,
    GatherDims, IndexMode, PadAxis, ReduceOp, ScatterDims, ScatterOp, UnaryOp,
};

use crate::callback::{CallbackKind, VmapMethod};

/// The name `axis_name` gives to a mapped axis.
pub type AxisName = Arc<str>;

/// Every operation once, with its name in text: one, or in brackets the type of its field `kind`, which has several.
macro_rules! for_each_op {
    ($then:ident) => {
        $then! {
            data {
                Unary (UnaryOp),
                Binary (BinaryOp),
                IntegerPow "integer_pow",
                ConvertElementType "convert_element_type",
                BitcastConvertType "bitcast_convert_type",
                ReducePrecision "reduce_precision",
                SelectN "select_n",
                Clamp "clamp",
                BroadcastInDim "broadcast_in_dim",
                Reshape "reshape",
                Transpose "transpose",
                Squeeze "squeeze",
                Concatenate "concatenate",
                Pad "pad",
                Rev "rev",
                Slice "slice",
                Iota "iota",
                Reduce (ReduceOp),
                ArgReduce (ArgReduceOp),
                Cumulative (CumulativeOp),
                DotGeneral "dot_general",
                DynamicSlice "dynamic_slice",
                DynamicUpdateSlice "dynamic_update_slice",
                Gather "gather",
                Scatter (ScatterOp),
                Sort "sort",
                TopK "top_k",
                Cholesky "cholesky",
                TriangularSolve "triangular_solve",
                Solve "solve",
                Fft "fft",
                StopGradient "stop_gradient",
            }
            control {
                HostCall (CallbackKind),
                Call "jit",
                CustomVmapCall "custom_vmap_call",
                CustomJvpCall "custom_jvp_call",
                CustomVjpCall "custom_vjp_call",
                CustomLin "custom_lin",
                Checkpoint "checkpoint",
                Cond "cond",
                While "while",
                Scan "scan",
                ScatterApply "scatter",
                Collective (CollectiveOp),
            }
        }
    };
}
pub(crate) use for_each_op;

/// An operation's name, from its row.
macro_rules! op_name {
    ($op:ident, ($kind:ty)) => {
        $op.kind.name()
    };
    ($op:ident, $name:literal) => {{
        let _ = $op;
        $name
    }};
}

/// Whether a name in text is one of a row's.
macro_rules! op_is_named {
    ($text:ident, ($kind:ty)) => {
        <$kind>::NAMES.contains(&$text)
    };
    ($text:ident, $name:literal) => {
        $text == $name
    };
}
pub(crate) use op_is_named;

/// All names of a row.
macro_rules! op_names {
    (($kind:ty)) => {
        <$kind>::NAMES
    };
    ($name:literal) => {
        &[$name]
    };
}

macro_rules! define_ops {
    (
        data { $($data:ident $data_name:tt),* $(,)? }
        control { $($control:ident $control_name:tt),* $(,)? }
    ) => {
        /// An operation whose results depend on nothing but its operands.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum DataOp {
            $(#[doc = concat!("[`", stringify!($data), "`].")] $data($data)),*
        }

        /// An operation that runs programs or the host, or speaks of named axes.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum ControlOp {
            $(#[doc = concat!("[`", stringify!($control), "`].")] $control($control)),*
        }

        impl Op {
            /// The name in program text and in messages.
            ///
            /// ```
            /// use elimap::prelude::*;
            /// let program = jit(|x: Tensor| x.sin().sum(..)).trace((f64::spec([3]),))?;
            /// let names: Vec<&str> = program.equations().iter().map(|equation| equation.op.name()).collect();
            /// assert_eq!(names, ["sin", "reduce_sum"]);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Op::Data(DataOp::$data(op)) => op_name!(op, $data_name),)*
                    $(Op::Control(ControlOp::$control(op)) => op_name!(op, $control_name),)*
                }
            }

            /// The names of all operations, some of which are other operations with other parameters.
            ///
            /// ```
            /// use elimap::program::Op;
            /// assert!(Op::names().any(|name| name == "sin") && Op::names().any(|name| name == "scan"));
            /// ```
            pub fn names() -> impl Iterator<Item = &'static str> {
                let rows: &[&[&'static str]] = &[
                    $(op_names!($data_name),)*
                    $(op_names!($control_name),)*
                ];
                rows.iter().copied().flatten().copied()
            }
        }

        $(
            impl From<$data> for DataOp {
                fn from(op: $data) -> Self {
                    DataOp::$data(op)
                }
            }
            impl From<$data> for Op {
                fn from(op: $data) -> Self {
                    Op::Data(op.into())
                }
            }
        )*
        $(
            impl From<$control> for ControlOp {
                fn from(op: $control) -> Self {
                    ControlOp::$control(op)
                }
            }
            impl From<$control> for Op {
                fn from(op: $control) -> Self {
                    Op::Control(op.into())
                }
            }
        )*
    };
}
for_each_op!(define_ops);

/// One operation with its parameters.
///
/// ```
/// use elimap::program::{Cumulative, CumulativeOp, Op};
/// let op = Op::from(Cumulative { kind: CumulativeOp::Sum, axis: 0, reverse: false });
/// assert_eq!(op.name(), "cumsum");
/// assert!(!op.has_effects() && op.sub_programs().is_empty());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Op {
    /// One that is evaluated by itself.
    Data(DataOp),
    /// One that runs programs or the host, or speaks of named axes.
    Control(ControlOp),
}

impl Op {
    /// The callback's method, where this is a host call.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let cbrt = Callback::of("cbrt", f64::cbrt).vmap_method(VmapMethod::Sequential);
    /// let program = jit(|x: Tensor| cbrt.call((x,))).trace((f64::spec([]),))?;
    /// assert_eq!(program.equations()[0].op.vmap_method(), Some(VmapMethod::Sequential));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn vmap_method(&self) -> Option<VmapMethod> {
        if let Op::Control(ControlOp::HostCall(call)) = self {
            call.callback.method()
        } else {
            None
        }
    }
}

impl From<DataOp> for Op {
    fn from(op: DataOp) -> Self {
        Op::Data(op)
    }
}

impl From<ControlOp> for Op {
    fn from(op: ControlOp) -> Self {
        Op::Control(op)
    }
}

impl From<UnaryOp> for Op {
    fn from(kind: UnaryOp) -> Self {
        Unary { kind }.into()
    }
}

impl From<BinaryOp> for Op {
    fn from(kind: BinaryOp) -> Self {
        Binary { kind }.into()
    }
}
