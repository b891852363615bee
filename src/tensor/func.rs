//! Functions that can be traced.

use super::context::{Traced, trace_dynamic};
use super::{Caller, Flatten, Tensor, Tree};
use crate::array::TensorType;
use crate::error::Error;
use crate::program::AxisName;
use crate::tree::{Path, TreeDef};

/// What a traced function may return: a tree of tensors, or a `Result` of one.
pub trait Output {
    /// The tree.
    type Tree: Tree;
    /// The tree, or the function's own error.
    ///
    /// # Errors
    ///
    /// The function's own error.
    fn into_result(self) -> Result<Self::Tree, Error>;
}

/// `Ok(value)` with this crate's error, for the end of traced functions that use `?`.
///
/// In a closure `Ok(y)` alone leaves the type of the error open, which the compiler refuses (E0282, E0283).
///
/// ```
/// use elimap::prelude::*;
/// let f = vmap(|x: Tensor| {
///     let y = stack([&x, &x], 0)?;
///     ok(y * 2.0)
/// });
/// assert_eq!(f.call((vec![1.0, 2.0],))?.to_vec::<f64>()?, [2.0, 2.0, 4.0, 4.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
///
/// # Errors
///
/// None; the result is always `Ok`.
pub fn ok<T>(value: T) -> Result<T, Error> {
    Ok(value)
}

impl<T: Tree> Output for T {
    type Tree = T;
    fn into_result(self) -> Result<T, Error> {
        Ok(self)
    }
}

impl<T: Tree, E: Into<Error>> Output for Result<T, E> {
    type Tree = T;
    fn into_result(self) -> Result<T, Error> {
        self.map_err(Into::into)
    }
}

/// How a function takes its parameters: [`Func`]'s second parameter, which the compiler infers.
#[derive(Clone, Copy, Debug)]
pub enum ByValue {}
/// How a function takes its parameters: [`Func`]'s second parameter, which the compiler infers.
#[derive(Clone, Copy, Debug)]
pub enum ByReference {}

/// A function over trees of tensors: closures of up to twelve parameters, callbacks, and what transforms make of them.
///
/// `A` is the tuple of parameters, taken by value or all by reference (`By` says which). Write the parameters' types in closures,
/// `|x: Tensor, y: Tensor|` or `|x: &Tensor, y: &Tensor|`: the compiler does not infer them here.
///
/// ```
/// use elimap::prelude::*;
/// fn area(width: &Tensor, height: &Tensor) -> Tensor {
///     width * height
/// }
/// let by_reference = vmap(area).call((vec![1.0, 2.0], vec![3.0, 4.0]))?;
/// let by_value = vmap(|x: Tensor, y: Tensor| x * y).call((vec![1.0, 2.0], vec![3.0, 4.0]))?;
/// assert_eq!(by_reference.to_vec::<f64>()?, [3.0, 8.0]);
/// assert_eq!(by_value.to_vec::<f64>()?, [3.0, 8.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function of the arguments {A}",
    note = "a closure takes as many parameters as there are arguments, 12 at most, all by value (`|x: Tensor|`) or all by reference (`|x: &Tensor|`), with their types written out",
    note = "it returns a tree of tensors or a Result of one; where the compiler cannot tell the error's type, end with `elimap::ok(y)` instead of `Ok(y)`"
)]
pub trait Func<A, By = ByValue> {
    /// What it returns.
    type Out: Tree;
    /// Calls it.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong inside.
    fn invoke(&self, args: A) -> Result<Self::Out, Error>;
}

/// A tuple of arguments for a function whose parameters are `A`: the same number, each any tree of tensors.
#[diagnostic::on_unimplemented(
    message = "the arguments `{Self}` do not fit a function of `{A}`",
    note = "pass a tuple with one entry per parameter; a single argument is `(x,)`"
)]
pub trait Arguments<A> {
    /// Appends the leaves in order and returns the structure; arrays given by value hand over their buffers.
    fn flatten_args(self, leaves: &mut Vec<Tensor>) -> TreeDef;
}

macro_rules! functions {
    ($($param:ident $arg:ident)*) => {
        impl<Fun, Ret, $($param: Tree),*> Func<($($param,)*)> for Fun
        where
            Fun: Fn($($param),*) -> Ret,
            Ret: Output,
        {
            type Out = Ret::Tree;
            #[allow(non_snake_case)]
            fn invoke(&self, ($($param,)*): ($($param,)*)) -> Result<Ret::Tree, Error> {
                self($($param),*).into_result()
            }
        }
        functions!(@reference $($param)*);
        impl<$($param: Tree, $arg: Flatten),*> Arguments<($($param,)*)> for ($($arg,)*) {
            fn flatten_args(self, leaves: &mut Vec<Tensor>) -> TreeDef {
                self.flatten_owned(leaves)
            }
        }
    };
    // Without parameters there is nothing to take one way or the other.
    (@reference) => {};
    (@reference $($param:ident)*) => {
        impl<Fun, Ret, $($param: Tree),*> Func<($($param,)*), ByReference> for Fun
        where
            Fun: Fn($(&$param),*) -> Ret,
            Ret: Output,
        {
            type Out = Ret::Tree;
            #[allow(non_snake_case)]
            fn invoke(&self, ($($param,)*): ($($param,)*)) -> Result<Ret::Tree, Error> {
                self($(&$param),*).into_result()
            }
        }
    };
}
functions!();
functions!(A0 B0);
functions!(A0 B0 A1 B1);
functions!(A0 B0 A1 B1 A2 B2);
functions!(A0 B0 A1 B1 A2 B2 A3 B3);
functions!(A0 B0 A1 B1 A2 B2 A3 B3 A4 B4);
functions!(A0 B0 A1 B1 A2 B2 A3 B3 A4 B4 A5 B5);
functions!(A0 B0 A1 B1 A2 B2 A3 B3 A4 B4 A5 B5 A6 B6);
functions!(A0 B0 A1 B1 A2 B2 A3 B3 A4 B4 A5 B5 A6 B6 A7 B7);
functions!(A0 B0 A1 B1 A2 B2 A3 B3 A4 B4 A5 B5 A6 B6 A7 B7 A8 B8);
functions!(A0 B0 A1 B1 A2 B2 A3 B3 A4 B4 A5 B5 A6 B6 A7 B7 A8 B8 A9 B9);
functions!(A0 B0 A1 B1 A2 B2 A3 B3 A4 B4 A5 B5 A6 B6 A7 B7 A8 B8 A9 B9 A10 B10);
functions!(A0 B0 A1 B1 A2 B2 A3 B3 A4 B4 A5 B5 A6 B6 A7 B7 A8 B8 A9 B9 A10 B10 A11 B11);

/// Traces a function on arguments of the given structure and leaf types.
pub(crate) fn trace<A: Tree, M, F: Func<A, M>>(
    function: &F,
    def: &TreeDef,
    types: &[TensorType],
    axis: Option<(AxisName, usize)>,
    location: Caller,
) -> Result<(Traced, TreeDef), Error> {
    trace_dynamic(types, axis, location, |inputs| {
        let args = A::unflatten(def, &mut inputs.into_iter(), &Path::root("args"))?;
        let out = function.invoke(args)?;
        let mut leaves = Vec::new();
        let def = out.flatten(&mut leaves);
        Ok((leaves, def))
    })
}
