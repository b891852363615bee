//! Which arguments a derivative is taken with respect to, and what a function returns beside its value.

use crate::array::TensorType;
use crate::error::{AutodiffError, Error};
use crate::tensor::{Tree, TreeValue};
use crate::tree::{Path, TreeDef};

/// The argument at a position that is known when the program is compiled, for `argnums`; counted from 0.
///
/// ```
/// use elimap::{Arg, grad, prelude::*};
/// let slope = grad(|x: Tensor, y: Tensor| x * y).argnums(Arg::<1>);
/// assert_eq!(slope.call((3.0, 5.0))?.to_array()?.item::<f64>()?, 3.0);
/// let (dx, dy) = grad(|x: Tensor, y: Tensor| x * y).argnums((Arg::<0>, Arg::<1>)).call((3.0, 5.0))?;
/// # assert_eq!(dx.to_array()?.item::<f64>()?, 5.0);
/// # assert_eq!(dy.to_array()?.item::<f64>()?, 3.0);
/// # Ok::<(), elimap::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arg<const N: usize>;

/// A tuple of arguments that has one at position `N`.
pub trait HasArg<const N: usize> {
    /// That argument.
    type Item: Tree;
}

/// Which arguments a derivative is taken with respect to: [`Arg`] or a tuple of them, whose positions and types the compiler
/// knows; an integer, or an array or `Vec` of them, which may be negative and give a [`TreeValue`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not choose arguments of a function of `{A}`",
    note = "use `Arg::<N>` with N less than the number of arguments, a tuple of them, an isize, or an array or Vec of isize"
)]
pub trait ArgNums<A> {
    /// The argument itself where one is named, a tuple of them otherwise.
    type Out: Tree;
    /// The positions among `count` arguments, and whether they name one argument rather than a list of them.
    ///
    /// # Errors
    ///
    /// [`AutodiffError::ArgnumsOutOfRange`].
    fn positions(&self, count: usize) -> Result<(Vec<usize>, bool), Error>;
}

impl<A: HasArg<N>, const N: usize> ArgNums<A> for Arg<N> {
    type Out = A::Item;
    fn positions(&self, _count: usize) -> Result<(Vec<usize>, bool), Error> {
        Ok((vec![N], true))
    }
}

macro_rules! tuples_of_args {
    ($($n:ident)*) => {
        impl<A: $(HasArg<$n> +)*, $(const $n: usize),*> ArgNums<A> for ($(Arg<$n>,)*) {
            type Out = ($(<A as HasArg<$n>>::Item,)*);
            fn positions(&self, _count: usize) -> Result<(Vec<usize>, bool), Error> {
                Ok((vec![$($n),*], false))
            }
        }
    };
}
tuples_of_args!(I);
tuples_of_args!(I J);
tuples_of_args!(I J K);
tuples_of_args!(I J K L);

fn resolve(argnum: isize, count: usize) -> Result<usize, Error> {
    let from_front = if argnum < 0 {
        argnum.saturating_add_unsigned(count)
    } else {
        argnum
    };
    match usize::try_from(from_front) {
        Ok(k) if k < count => Ok(k),
        _ => Err(AutodiffError::ArgnumsOutOfRange { argnum, count }.into()),
    }
}

impl<A> ArgNums<A> for isize {
    type Out = TreeValue;
    fn positions(&self, count: usize) -> Result<(Vec<usize>, bool), Error> {
        Ok((vec![resolve(*self, count)?], true))
    }
}
impl<A> ArgNums<A> for Vec<isize> {
    type Out = TreeValue;
    fn positions(&self, count: usize) -> Result<(Vec<usize>, bool), Error> {
        let found = self.iter().map(|&argnum| resolve(argnum, count));
        Ok((found.collect::<Result<_, _>>()?, false))
    }
}
impl<A, const N: usize> ArgNums<A> for [isize; N] {
    type Out = TreeValue;
    fn positions(&self, count: usize) -> Result<(Vec<usize>, bool), Error> {
        ArgNums::<A>::positions(&self.to_vec(), count)
    }
}

macro_rules! has_arg {
    ($names:tt; $($n:literal $item:ident)*) => {
        $(has_arg!(@one $names $n $item);)*
    };
    (@one [$($name:ident)*] $n:literal $item:ident) => {
        impl<$($name: Tree),*> HasArg<$n> for ($($name,)*) {
            type Item = $item;
        }
    };
}
has_arg!([A0]; 0 A0);
has_arg!([A0 A1]; 0 A0 1 A1);
has_arg!([A0 A1 A2]; 0 A0 1 A1 2 A2);
has_arg!([A0 A1 A2 A3]; 0 A0 1 A1 2 A2 3 A3);
has_arg!([A0 A1 A2 A3 A4]; 0 A0 1 A1 2 A2 3 A3 4 A4);
has_arg!([A0 A1 A2 A3 A4 A5]; 0 A0 1 A1 2 A2 3 A3 4 A4 5 A5);
has_arg!([A0 A1 A2 A3 A4 A5 A6]; 0 A0 1 A1 2 A2 3 A3 4 A4 5 A5 6 A6);
has_arg!([A0 A1 A2 A3 A4 A5 A6 A7]; 0 A0 1 A1 2 A2 3 A3 4 A4 5 A5 6 A6 7 A7);

/// The leaves that arguments chosen by [`ArgNums`] have.
pub(super) struct Chosen {
    /// The structure of the derivative: the argument's, or a tuple's.
    pub(super) def: TreeDef,
    /// The positions of its leaves among those of all arguments, in the order of `def`.
    pub(super) leaves: Vec<usize>,
}

impl Chosen {
    pub(super) fn new<A, W: ArgNums<A>>(argnums: &W, def: &TreeDef) -> Result<Self, Error> {
        let children = def.children();
        let (positions, single) = argnums.positions(children.len())?;
        let mut first = Vec::with_capacity(children.len());
        let mut at = 0;
        for (_, child) in &children {
            first.push(at);
            at += child.leaf_count();
        }
        let leaves = positions
            .iter()
            .flat_map(|&k| first[k]..first[k] + children[k].1.leaf_count());
        let leaves = leaves.collect();
        let mut defs = positions.iter().map(|&k| children[k].1.clone());
        let def = match (single, defs.next()) {
            (true, Some(def)) => def,
            (_, first) => TreeDef::Tuple(first.into_iter().chain(defs).collect()),
        };
        Ok(Chosen { def, leaves })
    }

    /// Refuses integers and booleans, which have no tangents.
    pub(super) fn check_floating(
        &self,
        transform: &'static str,
        def: &TreeDef,
        types: &[TensorType],
    ) -> Result<(), Error> {
        match self.leaves.iter().find(|&&k| !types[k].dtype.is_inexact()) {
            None => Ok(()),
            Some(&k) => Err(AutodiffError::IntegerInput {
                transform,
                path: def.leaf_paths(&Path::root("args")).swap_remove(k),
                ty: types[k].clone(),
            }
            .into()),
        }
    }

    /// Refuses complex numbers.
    pub(super) fn check_real(
        &self,
        transform: &'static str,
        def: &TreeDef,
        types: &[TensorType],
    ) -> Result<(), Error> {
        match self.leaves.iter().find(|&&k| types[k].dtype.is_complex()) {
            None => Ok(()),
            Some(&k) => Err(AutodiffError::ComplexInput {
                transform,
                path: def.leaf_paths(&Path::root("args")).swap_remove(k),
                ty: types[k].clone(),
            }
            .into()),
        }
    }

    /// Which leaves of all arguments have tangents.
    pub(super) fn flags(&self, types: &[TensorType]) -> Vec<bool> {
        let mut flags = vec![false; types.len()];
        for &k in &self.leaves {
            flags[k] = types[k].dtype.is_inexact();
        }
        flags
    }
}

/// Whether a function returns something beside its value: [`Plain`] or [`WithAux`].
pub trait AuxMode<T: Tree> {
    /// What is differentiated.
    type Value: Tree;
    /// What is returned beside it.
    type Aux: Tree;
    /// What comes with the value: the value, or both.
    type Valued: Tree;
    /// A derivative, or a derivative and what is returned beside the value.
    type With<G: Tree>: Tree;
    /// The value and what is returned beside it.
    fn divide(out: T) -> (Self::Value, Self::Aux);
    /// The inverse of `divide`.
    fn valued(value: Self::Value, aux: Self::Aux) -> Self::Valued;
    /// A derivative with what is returned beside the value.
    fn with<G: Tree>(derivative: G, aux: Self::Aux) -> Self::With<G>;
}

/// A function returns its value only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plain;

/// A function returns its value and something that is not differentiated: `has_aux`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithAux;

impl<T: Tree> AuxMode<T> for Plain {
    type Value = T;
    type Aux = ();
    type Valued = T;
    type With<G: Tree> = G;
    fn divide(out: T) -> (T, ()) {
        (out, ())
    }
    fn valued(value: T, (): ()) -> T {
        value
    }
    fn with<G: Tree>(derivative: G, (): ()) -> G {
        derivative
    }
}

impl<V: Tree, X: Tree> AuxMode<(V, X)> for WithAux {
    type Value = V;
    type Aux = X;
    type Valued = (V, X);
    type With<G: Tree> = (G, X);
    fn divide(out: (V, X)) -> (V, X) {
        out
    }
    fn valued(value: V, aux: X) -> (V, X) {
        (value, aux)
    }
    fn with<G: Tree>(derivative: G, aux: X) -> (G, X) {
        (derivative, aux)
    }
}
