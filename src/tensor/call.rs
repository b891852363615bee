//! Calling host callbacks from traced code.

use std::panic::Location;

use super::{Arguments, Flatten, Func, Tensor, Tree, apply};
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
        let expected = self.results().len();
        let results = self.call_vec(args)?;
        results.try_into().map_err(|_| {
            CallbackError::ResultCount {
                name: self.name().to_owned(),
                lane: Default::default(),
                expected,
                actual: N,
            }
            .into()
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
        args.flatten(&mut leaves);
        let op = HostCall {
            callback: self.clone(),
            results: self.results().iter().cloned().collect(),
            lanes: Default::default(),
            kind: self.kind(),
        };
        Ok(apply(op, &leaves.iter().collect::<Vec<_>>(), location)?.into_vec())
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

/// Flattens a tuple of arguments.
pub(crate) fn flatten_args<A: Tree>(
    args: &impl Arguments<A>,
) -> (crate::tree::TreeDef, Vec<Tensor>) {
    let mut leaves = Vec::new();
    let def = args.flatten_args(&mut leaves);
    (def, leaves)
}
