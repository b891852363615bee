//! Functions of numbers on the host, for every element of arrays.

use std::panic::Location;
use std::sync::Arc;

use super::elementwise::convert;
use super::{Caller, Flatten, Func, Tensor};
use crate::array::{Array, DType, Shape, TensorType, broadcast_shapes};
use crate::callback::{Callback, NumberFunction, VmapMethod};
use crate::error::site::within;
use crate::error::{BoxError, CallbackError, Error, OpError, OpErrorKind};

type Apply = dyn Fn(&[Array], usize) -> Result<Array, BoxError> + Send + Sync;

/// A function of numbers that is applied to every element; see [`elementwise`].
#[derive(Clone)]
pub struct Elementwise {
    name: Arc<str>,
    parameters: &'static [DType],
    result: DType,
    apply: Arc<Apply>,
}

impl std::fmt::Debug for Elementwise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Elementwise")
            .field("name", &self.name)
            .field("parameters", &self.parameters)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

/// A function of up to three numbers as a function of arrays, which broadcast as numpy's do.
///
/// The host is called once, whatever the batch, and spreads large arrays over threads. Bare numbers take the parameter's
/// element type.
///
/// ```
/// use elimap::prelude::*;
/// let cbrt = elementwise("cbrt", f64::cbrt);
/// assert_eq!(cbrt.call((vec![8.0, 27.0],))?.to_vec::<f64>()?, [2.0, 3.0]);
/// let power = elementwise("power", f64::powf);
/// let table = vmap(&power).in_axes((0, None)).call((vec![2.0, 3.0], vec![1.0, 2.0]))?;
/// assert_eq!(table.to_vec::<f64>()?, [2.0, 4.0, 3.0, 9.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
pub fn elementwise<A, F: NumberFunction<A>>(name: &str, function: F) -> Elementwise {
    Elementwise {
        name: Arc::from(name),
        parameters: F::PARAMETERS,
        result: F::RESULT,
        apply: Arc::new(move |args, len| Ok(function.apply(args, len)?)),
    }
}

impl Elementwise {
    /// The name.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(elementwise("cbrt", f64::cbrt).name(), "cbrt");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Applies the function to every element of a tuple of arguments, broadcast together.
    ///
    /// # Errors
    ///
    /// [`CallbackError`] for another number of arguments, other element types, and where the host function panics;
    /// [`OpErrorKind::ShapeMismatch`] where the arguments do not broadcast.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let hypot = elementwise("hypot", f64::hypot);
    /// assert_eq!(hypot.call((vec![3.0, 5.0], vec![4.0, 12.0]))?.to_vec::<f64>()?, [5.0, 13.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    pub fn call(&self, args: impl Flatten) -> Result<Tensor, Error> {
        let mut leaves = Vec::new();
        args.flatten_owned(&mut leaves);
        let location = Location::caller();
        within(location, || self.apply(leaves, location)).map_err(|error| error.located(location))
    }

    fn apply(&self, leaves: Vec<Tensor>, location: Caller) -> Result<Tensor, Error> {
        let name = || self.name.to_string();
        if leaves.len() != self.parameters.len() {
            return Err(CallbackError::ArgumentCount {
                name: name(),
                expected: self.parameters.len(),
                actual: leaves.len(),
            }
            .into());
        }
        let mut args = Vec::with_capacity(leaves.len());
        for (k, (leaf, dtype)) in leaves.into_iter().zip(self.parameters).enumerate() {
            let mut leaf = leaf.check()?;
            if leaf.ty().weak {
                leaf = convert(&leaf, (*dtype, false), location);
            }
            if leaf.dtype() != *dtype {
                return Err(CallbackError::ArgumentType {
                    name: name(),
                    argument: k,
                    expected: format!("an array of {}", dtype.name()),
                    actual: leaf.ty().clone(),
                }
                .into());
            }
            args.push(leaf);
        }
        let shape = broadcast_shapes(args.iter().map(Tensor::shape)).ok_or_else(|| {
            let kind = OpErrorKind::shapes(
                args.iter().map(Tensor::ty),
                "they do not broadcast: aligned from the last axis, lengths must be equal or 1",
            );
            OpError::at("elementwise", kind, location)
        })?;
        // All of one rank, so that axes which vmap puts in front stand in front for all.
        for arg in &mut args {
            let missing = shape.len() - arg.rank();
            if missing > 0 {
                let lengths = std::iter::repeat_n(1, missing).chain(arg.shape().iter().copied());
                *arg = arg.reshape(lengths.map(|n| n as isize));
            }
        }
        let apply = self.apply.clone();
        let host = move |args: &[Array]| -> Result<Array, BoxError> {
            let shape: Shape = broadcast_shapes(args.iter().map(Array::shape)).unwrap_or_default();
            let len = shape.iter().product();
            let dims: Shape = (0..shape.len()).collect();
            let full = |arg: &Array| match arg.len() {
                1 => arg.clone(),
                _ => arg.broadcast_in_dim(&shape, &dims),
            };
            let args: Vec<Array> = args.iter().map(full).collect();
            Ok(apply(&args, len)?.reshaped(&shape))
        };
        Callback::new(&self.name, [TensorType::new(self.result, shape)], host)
            .vmap_method(VmapMethod::ExpandDims)
            .call(args)
    }
}

macro_rules! elementwise_functions {
    ($($param:ident)*) => {
        elementwise_functions!(@impl Elementwise; $($param)*);
        elementwise_functions!(@impl &Elementwise; $($param)*);
    };
    (@impl $ty:ty; $($param:ident)*) => {
        impl Func<($(elementwise_functions!(@tensor $param),)*)> for $ty {
            type Out = Tensor;
            #[track_caller]
            fn invoke(&self, args: ($(elementwise_functions!(@tensor $param),)*)) -> Result<Tensor, Error> {
                self.call(args)
            }
        }
    };
    (@tensor $param:ident) => { Tensor };
}
elementwise_functions!(A);
elementwise_functions!(A B);
elementwise_functions!(A B C);
