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

/// A function over trees of tensors: closures of up to eight parameters, callbacks, and what transforms make of them.
///
/// `A` is the tuple of parameters. Write the parameters' types in closures, `|x: Tensor, y: Tensor|`: the compiler
/// does not infer them here.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function of the arguments {A}",
    note = "a closure must take as many parameters as there are arguments, with their types written out (`|x: Tensor|`), and return a tree of tensors or a Result of one"
)]
pub trait Func<A> {
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
    /// Appends the leaves in order and returns the structure.
    fn flatten_args(&self, leaves: &mut Vec<Tensor>) -> TreeDef;
}

macro_rules! functions {
    ($($param:ident $arg:ident)*) => {
        impl<Fun, Ret, $($param),*> Func<($($param,)*)> for Fun
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
        impl<$($param: Tree, $arg: Flatten),*> Arguments<($($param,)*)> for ($($arg,)*) {
            fn flatten_args(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
                self.flatten(leaves)
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

/// Traces a function on arguments of the given structure and leaf types.
pub(crate) fn trace<A: Tree, F: Func<A>>(
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
