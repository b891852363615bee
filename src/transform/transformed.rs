//! What all transforms of functions have in common.
//!
//! A transform says how it is *applied* to arguments: leaves, concrete or traced, with their structure. That it can be called
//! with any arguments that fit, and that it is a function again, by value and by reference, follows.

use std::panic::Location;

use crate::array::TensorType;
use crate::error::Error;
use crate::program::Program;
use crate::tensor::{
    Arguments, ByValue, Caller, Flatten, Tensor, Tree, flatten_args, trace_dynamic,
};
use crate::tree::{Path, TreeDef};

/// A function that a transform made of another.
pub(crate) trait Transform<A: Tree, By = ByValue> {
    /// What it returns.
    type Out: Tree;

    /// Its results for these leaves of its arguments.
    fn apply(&self, def: &TreeDef, leaves: &[Tensor], location: Caller)
    -> Result<Self::Out, Error>;
}

/// Applies a transform to a tuple of arguments.
pub(crate) fn call<A: Tree, By, X: Transform<A, By>>(
    transform: &X,
    args: impl Arguments<A>,
    location: Caller,
) -> Result<X::Out, Error> {
    let (def, leaves) = flatten_args::<A>(args);
    transform
        .apply(&def, &leaves, location)
        .map_err(|error| error.located(location))
}

/// Applies a transform to arguments that a traced function passes on.
pub(crate) fn invoke<A: Tree, By, X: Transform<A, By>>(
    transform: &X,
    args: A,
    location: Caller,
) -> Result<X::Out, Error> {
    let mut leaves = Vec::new();
    let def = args.flatten_owned(&mut leaves);
    transform.apply(&def, &leaves, location)
}

/// The program of a transform for arguments of these types.
#[track_caller]
pub(crate) fn trace<A: Tree, By, X: Transform<A, By>>(
    transform: &X,
    args: impl Arguments<A>,
) -> Result<Program, Error> {
    let location = Location::caller();
    let (def, leaves) = flatten_args::<A>(args);
    let types: Vec<TensorType> = leaves.iter().map(|t| t.ty().clone()).collect();
    // Traced as part of an outer trace of the same types, so that constants and captures have their place.
    let (traced, ()) = trace_dynamic(&types, None, location, |inputs| {
        let out = transform
            .apply(&def, &inputs, location)
            .map_err(|error| error.located(location))?;
        let mut leaves = Vec::new();
        Flatten::flatten(&out, &mut leaves);
        Ok((leaves, ()))
    })?;
    Ok(traced.program)
}

/// The tree of a transform's results.
pub(crate) fn results<T: Tree>(
    def: &TreeDef,
    outputs: impl IntoIterator<Item = Tensor>,
) -> Result<T, Error> {
    let mut outputs = outputs.into_iter();
    Ok(T::unflatten(def, &mut outputs, &Path::root("result"))?)
}

/// Writes `call` for a transform, with its documentation, and makes it a function by value and by reference.
macro_rules! transformed {
    ($name:ident; $(#[$doc:meta])*) => {
        impl<F> $name<F> {
            $(#[$doc])*
            #[track_caller]
            pub fn call<A, T, By>(&self, args: T) -> Result<F::Out, $crate::error::Error>
            where
                A: $crate::tensor::Tree,
                T: $crate::tensor::Arguments<A>,
                F: $crate::tensor::Func<A, By>,
            {
                $crate::transform::transformed::call::<A, By, Self>(
                    self,
                    args,
                    std::panic::Location::caller(),
                )
            }
        }
        transformed!(@function $name, $name<F>);
        transformed!(@function $name, &$name<F>);
    };
    (@function $name:ident, $ty:ty) => {
        impl<A: $crate::tensor::Tree, By, F: $crate::tensor::Func<A, By>> $crate::tensor::Func<A, By> for $ty {
            type Out = F::Out;
            #[track_caller]
            fn invoke(&self, args: A) -> Result<F::Out, $crate::error::Error> {
                $crate::transform::transformed::invoke::<A, By, $name<F>>(
                    self,
                    args,
                    std::panic::Location::caller(),
                )
            }
        }
    };
}
pub(crate) use transformed;
