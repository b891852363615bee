//! Calling host callbacks from traced code.

use std::panic::Location;

use super::elementwise::convert;
use super::{Arguments, Caller, Flatten, Func, Tensor, Tree, apply};
use crate::array::TensorType;
use crate::callback::Callback;
use crate::error::{CallbackError, Error};
use crate::program::HostCall;

impl Callback {
    /// Calls the host with the leaves of a tuple of arguments, in order, and returns its one result.
    ///
    /// While a function is traced the call is recorded; otherwise it happens now.
    ///
    /// # Errors
    ///
    /// [`CallbackError`] where the call happens now and fails, or where the callback declares another number of results.
    #[track_caller]
    pub fn call(&self, args: impl Flatten) -> Result<Tensor, Error> {
        let [result] = self.call_many(args)?;
        Ok(result)
    }

    /// Calls the host as [`Callback::call`] does and returns its `N` results: `let [lo, hi] = cb.call_many((x,))?;`.
    ///
    /// # Errors
    ///
    /// As for [`Callback::call`].
    #[track_caller]
    pub fn call_many<const N: usize>(&self, args: impl Flatten) -> Result<[Tensor; N], Error> {
        let (expected, location) = (self.results().len(), Location::caller());
        let results = self.call_vec(args)?;
        results.try_into().map_err(|_| {
            let error = CallbackError::ResultCount {
                name: self.name().to_owned(),
                lane: Default::default(),
                expected,
                actual: N,
            };
            Error::from(error).located(location)
        })
    }

    /// Calls the host as [`Callback::call`] does and returns all its results.
    ///
    /// # Errors
    ///
    /// As for [`Callback::call`].
    #[track_caller]
    pub fn call_vec(&self, args: impl Flatten) -> Result<Vec<Tensor>, Error> {
        let location = Location::caller();
        let mut leaves = Vec::new();
        args.flatten_owned(&mut leaves);
        self.call_leaves(leaves, location)
            .map_err(|error| error.located(location))
    }

    fn call_leaves(&self, mut leaves: Vec<Tensor>, location: Caller) -> Result<Vec<Tensor>, Error> {
        self.fit(&mut leaves, location)?;
        let op = HostCall {
            callback: self.clone(),
            results: self.results().iter().cloned().collect(),
            lanes: Default::default(),
            kind: self.kind(),
        };
        Ok(apply(op, &leaves.iter().collect::<Vec<_>>(), location)?.into_vec())
    }

    /// Holds arguments to what the host function says of its parameters, whose element type bare numbers take.
    fn fit(&self, leaves: &mut [Tensor], location: Caller) -> Result<(), Error> {
        let name = || self.name().to_owned();
        if self.is_undeclared() {
            return Err(CallbackError::ResultsUndeclared { name: name() }.into());
        }
        let Some(parameters) = self.parameters() else {
            return Ok(());
        };
        if parameters.len() != leaves.len() {
            return Err(CallbackError::ArgumentCount {
                name: name(),
                expected: parameters.len(),
                actual: leaves.len(),
            }
            .into());
        }
        for (k, (leaf, parameter)) in leaves.iter_mut().zip(parameters).enumerate() {
            *leaf = leaf.clone().check()?;
            if let Some(dtype) = parameter.dtype()
                && leaf.ty().weak
            {
                *leaf = convert(leaf, (dtype, false), location);
            }
            if !parameter.fits(leaf.ty()) {
                return Err(CallbackError::ArgumentType {
                    name: name(),
                    argument: k,
                    expected: parameter.to_string(),
                    actual: leaf.ty().clone(),
                }
                .into());
            }
        }
        Ok(())
    }

    /// Calls the host once with example inputs and takes the types of what it returns as the result types.
    ///
    /// # Errors
    ///
    /// [`CallbackError::Failed`] where the host function fails on zeros of these types.
    pub fn infer_results(self, inputs: &[TensorType]) -> Result<Callback, CallbackError> {
        self.probe(inputs)
    }
}

macro_rules! callback_functions {
    ($($param:ident)*) => {
        callback_functions!(@impl Callback; $($param)*);
        callback_functions!(@impl &Callback; $($param)*);
    };
    (@impl $callback:ty; $($param:ident)*) => {
        impl Func<($(callback_functions!(@tensor $param),)*)> for $callback {
            type Out = Tensor;
            #[track_caller]
            fn invoke(&self, args: ($(callback_functions!(@tensor $param),)*)) -> Result<Tensor, Error> {
                self.call(args)
            }
        }
    };
    (@tensor $param:ident) => { Tensor };
}
callback_functions!(A0);
callback_functions!(A0 A1);
callback_functions!(A0 A1 A2);
callback_functions!(A0 A1 A2 A3);
callback_functions!(A0 A1 A2 A3 A4);
callback_functions!(A0 A1 A2 A3 A4 A5);
callback_functions!(A0 A1 A2 A3 A4 A5 A6);
callback_functions!(A0 A1 A2 A3 A4 A5 A6 A7);
callback_functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8);
callback_functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9);
callback_functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
callback_functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);

/// Flattens a tuple of arguments.
pub(crate) fn flatten_args<A: Tree>(
    args: impl Arguments<A>,
) -> (crate::tree::TreeDef, Vec<Tensor>) {
    let mut leaves = Vec::new();
    let def = args.flatten_args(&mut leaves);
    (def, leaves)
}
