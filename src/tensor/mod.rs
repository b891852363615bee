//! From closures to programs.
//!
//! A [`Tensor`] is a value a traced function works with. While a function is being traced, every operation on the
//! thread is recorded in the innermost trace; with no trace active, operations on concrete tensors are evaluated at once, so
//! the same code runs either way.
//!
//! Traces nest as vmaps and loops do. A tensor of an enclosing trace used inside an inner one is a *capture*: it becomes
//! an extra, unbatched input of the inner program. A tensor whose trace has ended is refused. Operators never fail on the spot:
//! the first error is kept, with the caller's location, and returned by whatever started the trace.

mod call;
mod collective;
mod compose;
mod context;
mod control;
mod create;
mod debug;
mod einsum;
mod elementwise;
mod elementwise_host;
mod eval;
mod func;
mod index;
mod indexing;
mod linalg;
mod operators;
mod reduce;
mod shape;
mod tree;

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::array::{Array, DType, Element, Scalar, TensorType};
use crate::error::site::{site, within};
use crate::error::{Error, OpError, OpErrorKind, TraceError};
use crate::exec::{Plan, RunContext};
use crate::ops::Outputs;
use crate::program::{Op, ProgramBuilder, Var};

pub(crate) use call::flatten_args;
pub use collective::{
    AxisNames, all_gather, all_to_all, axis_index, axis_size, pmax, pmean, pmin, ppermute,
    pshuffle, psum, psum_scatter,
};
pub(crate) use compose::compositions;
pub use context::without_traces;
pub(crate) use context::{
    Traced, active as is_tracing, concrete_arrays, lift_vars, run_or_inline, trace_dynamic,
};
pub(crate) use control::scan_lanes;
pub use control::{ScanOptions, cond, fori_loop, scan, switch, while_loop};
pub use create::{
    Span, arange, concatenate, eye, full, full_like, iota, linspace, linspace_open, one_hot, ones,
    ones_like, outer, stack, where_, zeros, zeros_like,
};
pub use debug::{debug_callback, debug_print};
pub use einsum::{dot, einsum, tensordot, vdot};
pub(crate) use elementwise::{binary, convert, floats};
pub use elementwise_host::{Elementwise, elementwise};
pub(crate) use func::trace;
pub use func::{Arguments, ByReference, ByValue, Func, Output, ok};
pub(crate) use index::sort_by_keys;
pub use index::{At, TakeMode, sort_by_key};
pub use indexing::{ELLIPSIS, Index, IntoIndices, NEW_AXIS, strided};
pub use linalg::Triangle;
pub(crate) use shape::resolve;
pub use shape::{AxisList, IntoShape, Slicing};
pub use tree::{Flatten, Tree, TreeValue};

/// Where an operation was called, for messages.
pub(crate) type Caller = &'static Location<'static>;

/// A value in a traced function: an array that will exist when the program runs, or a concrete one.
///
/// Cheap to clone; operators take tensors, references to them, arrays and numbers, with numpy's broadcasting and JAX's
/// promotion. Tensors belong to the thread that traces and cannot be sent.
///
/// ```
/// use elimap::prelude::*;
/// let x = Tensor::from(Array::from(vec![1.0, 2.0]));
/// let y = (&x * 3.0 + 1.0).tanh();
/// assert_eq!(y.ty().to_string(), "f64[2]");
/// assert_eq!(y.to_array()?.to_vec::<f64>()?, [4_f64.tanh(), 7_f64.tanh()]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    repr: Repr,
    ty: TensorType,
    /// Traces live in thread-local storage.
    not_send: PhantomData<Rc<()>>,
}

#[derive(Clone)]
enum Repr {
    /// A value known now.
    Concrete(Array),
    /// A variable of an active or ended trace.
    Traced { frame: u64, var: Var },
    /// A type without a value, as [`Func`]s are traced with.
    Spec,
    /// The result of an operation that failed.
    Poisoned(Arc<Error>),
}

impl Tensor {
    fn new(repr: Repr, ty: TensorType) -> Tensor {
        Tensor {
            repr,
            ty,
            not_send: PhantomData,
        }
    }

    /// A concrete tensor, weakly typed or not.
    pub(crate) fn concrete(array: Array, weak: bool) -> Tensor {
        let ty = array.ty().with_weak(weak);
        Tensor::new(Repr::Concrete(array), ty)
    }

    /// A bare number: weakly typed, giving way to the other operand's type.
    pub(crate) fn literal(value: Scalar) -> Tensor {
        Tensor::concrete(value.to_array(), true)
    }

    /// A type standing for a value, for [`Vmap::trace`](crate::Vmap::trace).
    pub(crate) fn spec(ty: TensorType) -> Tensor {
        Tensor::new(Repr::Spec, ty)
    }

    pub(crate) fn poisoned(error: Arc<Error>) -> Tensor {
        // The type is never looked at: operations on a poisoned tensor return the error.
        Tensor::new(Repr::Poisoned(error), TensorType::new(DType::F64, []))
    }

    /// The element type and shape, per lane inside a vmapped function.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(3).ty().to_string(), "i64[3]");
    /// ```
    #[must_use]
    pub fn ty(&self) -> &TensorType {
        &self.ty
    }

    /// The element type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(arange(3).dtype(), DType::I64);
    /// ```
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.ty.dtype
    }

    /// The length of each axis, per lane inside a vmapped function.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let f = vmap(|x: Tensor| {
    ///     assert_eq!(x.shape(), [2]); // of one lane
    ///     x
    /// });
    /// assert_eq!(f.call((zeros([3, 2], DType::F64),))?.shape(), [3, 2]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.ty.shape
    }

    /// The number of axes.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(zeros([3, 2], DType::F64).rank(), 2);
    /// ```
    #[must_use]
    pub fn rank(&self) -> usize {
        self.ty.rank()
    }

    /// The value, where it is known now.
    ///
    /// # Errors
    ///
    /// [`TraceError::NotConcrete`] inside a traced function, and the first error of the operations that led here.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let array: Array = (Tensor::from(vec![1.0]) + 1.0).to_array()?;
    /// assert_eq!(array.to_vec::<f64>()?, [2.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    pub fn to_array(&self) -> Result<Array, Error> {
        let location = Some(Location::caller());
        match &self.repr {
            Repr::Concrete(array) => Ok(array.clone()),
            Repr::Poisoned(error) => Err(Error::Shared(error.clone())),
            Repr::Traced { .. } => Err(TraceError::NotConcrete {
                ty: self.ty.clone(),
                location,
            }
            .into()),
            Repr::Spec => Err(TraceError::NoValue {
                ty: self.ty.clone(),
                location,
            }
            .into()),
        }
    }

    /// The elements in row-major order, where they are known now.
    ///
    /// # Errors
    ///
    /// As for [`Tensor::to_array`], and [`ArrayError::DType`](crate::ArrayError::DType) for another element type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let y = Tensor::from(vec![1.0, 2.0]) * 2.0;
    /// assert_eq!(y.to_vec::<f64>()?, [2.0, 4.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>, Error> {
        Ok(self.to_array()?.to_vec()?)
    }

    /// The value of a tensor of rank 0, where it is known now.
    ///
    /// # Errors
    ///
    /// As for [`Tensor::to_vec`], and [`ArrayError::NotScalar`](crate::ArrayError::NotScalar) for another rank.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Tensor::from(vec![1.0, 2.0]).sum(..).item::<f64>()?, 3.0);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    pub fn item<T: Element>(&self) -> Result<T, Error> {
        Ok(self.to_array()?.item()?)
    }

    /// The tensor itself, or the first error of the operations that led to it.
    ///
    /// Operators keep errors for later; this is the way to see one at once.
    ///
    /// # Errors
    ///
    /// That error.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let sum = Tensor::from(vec![1.0, 2.0]) + Tensor::from(vec![1.0, 2.0, 3.0]);
    /// assert!(sum.check().is_err());
    /// ```
    pub fn check(self) -> Result<Tensor, Error> {
        match self.repr {
            Repr::Poisoned(error) => Err(Error::Shared(error)),
            _ => Ok(self),
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repr {
            Repr::Concrete(array) => write!(f, "Tensor({array:?})"),
            Repr::Traced { .. } => write!(f, "Tensor(traced {})", self.ty),
            Repr::Spec => write!(f, "Tensor(type {})", self.ty),
            Repr::Poisoned(error) => write!(f, "Tensor(error: {error})"),
        }
    }
}

/// The elements where they are known, and what is known otherwise: the type of a traced tensor, the error of a failed one.
///
/// ```
/// use elimap::prelude::*;
/// assert_eq!(Tensor::from(vec![1.0, 2.5]).to_string(), "[1.0, 2.5]");
/// ```
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repr {
            Repr::Concrete(array) => fmt::Display::fmt(array, f),
            Repr::Traced { .. } => write!(f, "traced {}", self.ty),
            Repr::Spec => fmt::Display::fmt(&self.ty, f),
            Repr::Poisoned(error) => write!(f, "error: {error}"),
        }
    }
}

impl From<&&Tensor> for Tensor {
    fn from(tensor: &&Tensor) -> Tensor {
        Tensor::clone(tensor)
    }
}
impl From<&Tensor> for Tensor {
    fn from(tensor: &Tensor) -> Tensor {
        tensor.clone()
    }
}
impl From<Array> for Tensor {
    fn from(array: Array) -> Tensor {
        Tensor::concrete(array, false)
    }
}
impl From<&Array> for Tensor {
    fn from(array: &Array) -> Tensor {
        Tensor::concrete(array.clone(), false)
    }
}

/// Applies an operation: recorded where a trace is active, evaluated at once otherwise.
pub(crate) fn apply(
    op: impl Into<Op>,
    operands: &[&Tensor],
    location: Caller,
) -> Result<Outputs<Tensor>, Error> {
    apply_op(op.into(), operands, location)
}

fn apply_op(op: Op, operands: &[&Tensor], location: Caller) -> Result<Outputs<Tensor>, Error> {
    let location = site(location);
    for operand in operands {
        if let Repr::Poisoned(error) = &operand.repr {
            return Err(Error::Shared(error.clone()));
        }
    }
    if context::active() {
        return context::record(op, operands, location);
    }
    let mut arrays: SmallVec<[Array; 4]> = SmallVec::new();
    for operand in operands {
        match &operand.repr {
            Repr::Concrete(array) => arrays.push(array.clone()),
            _ => return Err(context::dead(operand, location).into()),
        }
    }
    let types: SmallVec<[TensorType; 4]> = operands.iter().map(|t| t.ty.clone()).collect();
    let results =
        crate::ops::infer(&op, &types).map_err(|kind| OpError::at(op.name(), kind, location))?;
    let name = op.name();
    let outputs: Outputs<Array> = match op {
        Op::Data(data) => {
            OpErrorKind::check_memory(&results)
                .map_err(|kind| OpError::at(name, kind, location))?;
            crate::ops::eval(&data, &arrays)
        }
        Op::Control(op) => {
            // A program of this one equation.
            let mut builder = ProgramBuilder::new();
            let inputs = types
                .iter()
                .map(|ty| builder.input(ty.clone()).into())
                .collect();
            let out = builder.push(op, inputs, results.iter().cloned(), Some(location));
            let program = builder.finish(out.into_iter().map(Into::into).collect());
            Plan::new(&program).run(arrays, &mut RunContext::default())?
        }
    };
    Ok(outputs
        .into_iter()
        .zip(results)
        .map(|(array, ty)| Tensor::concrete(array, ty.weak))
        .collect())
}

/// Applies an operation with one result, keeping an error in the result and in the active trace.
pub(crate) fn apply1(op: impl Into<Op>, operands: &[&Tensor], location: Caller) -> Tensor {
    settle(apply_op(op.into(), operands, location).map(|mut out| out.swap_remove(0)))
}

/// A function written with other operations, whose operations and errors name the line of its caller.
///
/// What goes wrong inside is kept in the result, as operators do.
pub(crate) fn composed(location: Caller, f: impl FnOnce() -> Result<Tensor, Error>) -> Tensor {
    within(location, || settle(f().and_then(Tensor::check)))
}

/// A result, or a tensor that carries the error on.
pub(crate) fn settle(result: Result<Tensor, Error>) -> Tensor {
    result.unwrap_or_else(|error| {
        let error = match error {
            Error::Shared(error) => error,
            error => Arc::new(error),
        };
        context::note_error(&error);
        Tensor::poisoned(error)
    })
}
