//! What operations mean: one file per family, in which each has its type rule, evaluation, batching rule and text form side by
//! side.
//!
//! This file only dispatches, from the table in [`program`](crate::program); see [`rule`] for what an operation must say.

mod bitcast;
pub(crate) mod callback;
pub(crate) mod collective;
mod complex;
pub(crate) mod control;
mod cumulative;
mod custom;
pub(crate) mod custom_derivative;
mod derivative;
mod dot;
mod elementwise;
mod fft;
mod gather;
mod half;
mod index;
mod linalg;
mod math;
mod precision;
mod reduce;
mod rule;
pub(crate) mod scatter;
mod shape;
mod sort;
mod stop_gradient;
#[cfg(test)]
mod testkit;

use std::panic::Location;

use smallvec::{SmallVec, smallvec};

use crate::array::{Array, Shape, TensorType};
use crate::callback::CallbackKind;
use crate::error::{Error, OpError, OpErrorKind, ParseError};
use crate::program::text::{Given, Shown};
#[allow(clippy::wildcard_imports)] // Every row of the table.
use crate::program::*;

pub(crate) use dot::{Layout, Strips};
pub(crate) use elementwise::{
    Elementwise, Operand, RowOp, ThenAdd, compare, convert, is_comparison, is_finite, multiply_add,
    select, spread, with_rows,
};
pub(crate) use math::{Arith, Number};
pub(crate) use reduce::{BLOCK, Fold};
pub use rule::BatchDim;
pub(crate) use rule::{Batched, BatchedBody, Emit, LinearInput, Outputs, Tangents};
use rule::{ControlRules, DataRules, Effect, Rules, expect_operands};

macro_rules! dispatch_ops {
    (
        data { $($data:ident $data_name:tt),* $(,)? }
        control { $($control:ident $control_name:tt),* $(,)? }
    ) => {
        impl DataOp {
            fn rules(&self) -> &dyn DataRules {
                match self {
                    $(DataOp::$data(op) => op),*
                }
            }
        }

        impl ControlOp {
            fn rules(&self) -> &dyn ControlRules {
                match self {
                    $(ControlOp::$control(op) => op),*
                }
            }
        }

        /// The operation of this name with the parameters that text gives; `None` where none has the name.
        pub(crate) fn parse(name: &str, given: &mut Given<'_>) -> Option<Result<Op, ParseError>> {
            $(
                if op_is_named!(name, $data_name) {
                    return Some(<$data as Rules>::parse(name, given));
                }
            )*
            $(
                if op_is_named!(name, $control_name) {
                    return Some(<$control as Rules>::parse(name, given));
                }
            )*
            None
        }
    };
}
for_each_op!(dispatch_ops);

impl Op {
    fn rules(&self) -> &dyn Rules {
        match self {
            Op::Data(op) => op.rules(),
            Op::Control(op) => op.rules(),
        }
    }

    fn effect(&self) -> Effect<'_> {
        match self {
            Op::Data(_) => Effect::None,
            Op::Control(op) => op.rules().effect(),
        }
    }

    /// The programs this operation runs.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let double = jit(|x: Tensor| x * 2.0);
    /// let program = jit(|x: Tensor| double.call((x,))).trace((f64::spec([]),))?;
    /// assert_eq!(program.equations()[0].op.sub_programs()[0].equations()[0].op.name(), "mul");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        match self {
            Op::Data(_) => SmallVec::new(),
            Op::Control(op) => op.rules().sub_programs(),
        }
    }

    /// Whether a test holds for this operation or for one in the programs it runs.
    pub(crate) fn any(&self, test: &dyn Fn(&Op) -> bool) -> bool {
        test(self) || self.sub_programs().iter().any(|p| p.any(test))
    }

    /// Whether a run of it can be noticed other than by its results.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = jit(|x: Tensor| x.sin()).trace((f64::spec([]),))?;
    /// assert!(!program.equations()[0].op.has_effects());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_effects(&self) -> bool {
        self.any(&|op| matches!(op.effect(), Effect::Host(kind) if kind != CallbackKind::Pure))
    }

    /// Whether it, or a program it runs, calls the host.
    pub(crate) fn calls_host(&self) -> bool {
        self.any(&|op| matches!(op.effect(), Effect::Host(_)))
    }

    /// The size it says the named axis has, without the programs it runs.
    pub(crate) fn axis_size(&self, name: &AxisName) -> Option<usize> {
        match self.effect() {
            Effect::Axes(axes) => axes.iter().find(|(n, _)| n == name).map(|(_, size)| *size),
            _ => None,
        }
    }

    /// Whether it, or a program it runs, speaks of the named axis.
    pub(crate) fn uses_axis(&self, name: &AxisName) -> bool {
        self.any(
            &|op| matches!(op.effect(), Effect::Axes(axes) if axes.iter().any(|(n, _)| n == name)),
        )
    }
}

impl Program {
    /// Whether a test holds for an operation of the program or of those inside.
    pub(crate) fn any(&self, test: &dyn Fn(&Op) -> bool) -> bool {
        self.equations.iter().any(|e| e.op.any(test))
    }

    /// Whether running the program can be noticed other than by its results: it holds an effectful callback.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let quiet = jit(|x: Tensor| x.sin()).trace((f64::spec([]),))?;
    /// let loud = jit(|x: Tensor| -> Result<Tensor, Error> {
    ///     elimap::debug_print("x = {}", (&x,), |_line: &str| ())?;
    ///     Ok(x)
    /// });
    /// assert!(!quiet.has_effects() && loud.trace((f64::spec([]),))?.has_effects());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_effects(&self) -> bool {
        self.equations.iter().any(|e| e.op.has_effects())
    }
}

/// The type rule: what an operation makes of operands of these types.
pub(crate) fn infer(op: &Op, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
    op.rules().infer(inputs)
}

/// Evaluates an operation on operands of types that [`infer`] accepts.
pub(crate) fn eval(op: &DataOp, inputs: &[Array]) -> Outputs<Array> {
    if complex::concerns(op, inputs) {
        complex::eval_complex(op, inputs)
    } else if half::concerns(op, inputs) {
        half::eval_half(op, inputs)
    } else {
        op.rules().eval(inputs)
    }
}

/// Evaluates a gather or scatter of windows along one axis, at indices without the index vector's axis, to negative ones of which
/// `wrap` is added before.
pub(crate) fn eval_indexed(op: &DataOp, inputs: &[Array], wrap: i64) -> Outputs<Array> {
    let mut inputs: SmallVec<[Array; 4]> = inputs.iter().cloned().collect();
    let indices = &inputs[1];
    let mut shape = Shape::from_slice(indices.shape());
    shape.push(1);
    inputs[1] = indices.reshaped(&shape);
    match op {
        DataOp::Gather(op) => smallvec![gather::gather(op, &inputs, wrap)],
        DataOp::Scatter(op) => smallvec![scatter::scatter(op, &inputs, wrap)],
        _ => eval(op, &inputs),
    }
}

/// The batching rule: emits what computes every lane at once; at least one operand is batched.
pub(crate) fn batch(
    cx: &mut dyn Emit,
    op: &Op,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    op.rules().batch(cx, inputs)
}

/// The forward rule: emits the tangents of the results of an operation on `primals`; `None` is one that is known to be zero.
pub(crate) fn jvp(
    cx: &mut dyn Tangents,
    op: &DataOp,
    primals: &[Atom],
    results: &[Atom],
    tangents: &[Option<Atom>],
) -> Result<Outputs<Option<Atom>>, Error> {
    if tangents.iter().all(Option::is_none) {
        return Ok(derivative::all_zero(results.len()));
    }
    op.rules().jvp(cx, primals, results, tangents)
}

/// The reverse rule: emits the cotangents of the linear operands of an operation; `None` is one that is known to be zero, or
/// is not asked for.
pub(crate) fn transpose(
    cx: &mut dyn Tangents,
    op: &DataOp,
    cotangents: &[Option<Atom>],
    inputs: &[LinearInput],
) -> Result<Outputs<Option<Atom>>, Error> {
    let asked = inputs.iter().any(LinearInput::is_linear);
    if !asked || cotangents.iter().all(Option::is_none) {
        return Ok(derivative::all_zero(inputs.len()));
    }
    op.rules().transpose(cx, cotangents, inputs)
}

/// An operation's parameters as text shows them.
pub(crate) fn params(op: &Op, shown: &mut Shown<'_>) {
    op.rules().params(shown);
}

/// Applies an operation's type rule and appends it to a program.
pub(crate) fn emit(
    builder: &mut ProgramBuilder,
    op: Op,
    inputs: Atoms,
    location: Option<&'static Location<'static>>,
) -> Result<Outputs<Atom>, OpError> {
    let types: SmallVec<[TensorType; 4]> = inputs.iter().map(|a| builder.atom_type(a)).collect();
    match infer(&op, &types) {
        Ok(outputs) => Ok(builder
            .push(op, inputs, outputs, location)
            .into_iter()
            .map(Atom::Var)
            .collect()),
        Err(kind) => Err(OpError::at(op.name(), kind, location)),
    }
}
