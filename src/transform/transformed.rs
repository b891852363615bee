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

/// Writes what [`transformed!`] does for a derivative of a function `F`, whose options are types: its parameters, what they must
/// be for arguments `A`, what comes out, and how it is applied.
macro_rules! derivative {
    (
        $name:ident<F, $($param:ident),*>;
        where [$($bound:tt)*];
        Out = $out:ty;
        |$this:ident, $def:ident, $leaves:ident, $location:ident| $body:block
    ) => {
        impl<A: Tree, By, F: Func<A, By>, $($param),*> $crate::transform::transformed::Transform<A, By>
            for $name<F, $($param),*>
        where
            $($bound)*
        {
            type Out = $out;
            fn apply(
                &self,
                $def: &TreeDef,
                $leaves: &[Tensor],
                $location: Caller,
            ) -> Result<$out, Error> {
                let $this = self;
                $body
            }
        }

        impl<F, $($param),*> $name<F, $($param),*> {
            /// Differentiates at a tuple of arguments.
            ///
            /// # Errors
            ///
            /// [`AutodiffError`] for what has no derivative, and whatever goes wrong in the function.
            ///
            /// ```
            /// use elimap::{grad, jacfwd, prelude::*};
            /// assert_eq!(grad(|x: Tensor| x.square()).call((3.0,))?.item::<f64>()?, 6.0);
            /// assert_eq!(jacfwd(|x: Tensor| x.square()).call((3.0,))?.item::<f64>()?, 6.0);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            #[track_caller]
            pub fn call<A, T, By>(&self, args: T) -> Result<<Self as Func<A, By>>::Out, Error>
            where
                A: Tree,
                T: $crate::tensor::Arguments<A>,
                Self: Func<A, By>,
            {
                let (def, leaves) = $crate::tensor::flatten_args::<A>(args);
                let path = $crate::tree::Path::root("args");
                self.invoke(A::unflatten(&def, &mut leaves.into_iter(), &path)?)
            }
        }

        derivative!(@function $name<F, $($param),*>; $name<F, $($param),*>; [$($bound)*]; $out);
        derivative!(@function $name<F, $($param),*>; &$name<F, $($param),*>; [$($bound)*]; $out);
    };
    (@function $name:ident<F, $($param:ident),*>; $ty:ty; [$($bound:tt)*]; $out:ty) => {
        impl<A: Tree, By, F: Func<A, By>, $($param),*> Func<A, By> for $ty
        where
            $($bound)*
        {
            type Out = $out;
            #[track_caller]
            fn invoke(&self, args: A) -> Result<$out, Error> {
                $crate::transform::transformed::invoke::<A, By, $name<F, $($param),*>>(
                    self,
                    args,
                    Location::caller(),
                )
            }
        }
    };
}
pub(crate) use derivative;

/// Writes `call` for a function with derivative rules, and makes it a function by value and by reference.
macro_rules! custom_function {
    (
        $name:ident<F, $($rule:ident),*>;
        [$($param:ident),*] where [$($bound:tt)*];
        |$this:ident, $def:ident, $leaves:ident, $location:ident| $body:block
    ) => {
        impl<F, $($rule),*> $name<F, $($rule),*> {
            /// Calls the function on a tuple of arguments; the rules only matter to derivatives.
            ///
            /// # Errors
            ///
            /// Whatever goes wrong in the function.
            ///
            /// ```
            /// use elimap::{custom_jvp, prelude::*};
            /// let square = custom_jvp(|x: Tensor| x.square())
            ///     .def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| (x.square(), 2.0 * x * dx));
            /// assert_eq!(square.call((3.0,))?.item::<f64>()?, 9.0);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            #[track_caller]
            pub fn call<A, T, By, $($param),*>(&self, args: T) -> Result<F::Out, Error>
            where
                A: Tree,
                T: $crate::tensor::Arguments<A>,
                F: Func<A, By>,
                $($bound)*
            {
                let location = std::panic::Location::caller();
                let (def, leaves) = $crate::tensor::flatten_args::<A>(args);
                self.apply_rules::<A, By, $($param),*>(&def, &leaves, location)
            }

            pub(super) fn apply_rules<A, By, $($param),*>(
                &self,
                $def: &TreeDef,
                $leaves: &[Tensor],
                $location: Caller,
            ) -> Result<F::Out, Error>
            where
                A: Tree,
                F: Func<A, By>,
                $($bound)*
            {
                let $this = self;
                $body
            }
        }

        custom_function!(@function [$($rule),*]; $name<F, $($rule),*>; [$($param),*]; [$($bound)*]);
        custom_function!(@function [$($rule),*]; &$name<F, $($rule),*>; [$($param),*]; [$($bound)*]);
    };
    (@function [$($rule:ident),*]; $ty:ty; [$($param:ident),*]; [$($bound:tt)*]) => {
        impl<A, By, F, $($rule,)* $($param),*> Func<A, By> for $ty
        where
            A: Tree,
            F: Func<A, By>,
            $($bound)*
        {
            type Out = F::Out;
            #[track_caller]
            fn invoke(&self, args: A) -> Result<F::Out, Error> {
                let location = std::panic::Location::caller();
                let mut leaves = Vec::new();
                let def = args.flatten(&mut leaves);
                self.apply_rules::<A, By, $($param),*>(&def, &leaves, location)
            }
        }
    };
}
pub(crate) use custom_function;
