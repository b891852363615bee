//! Gradients: `grad` and `value_and_grad`.

use std::panic::Location;

use super::argnums::{Arg, ArgNums, AuxMode, Chosen, Plain, WithAux};
use super::emit::positions;
use super::linearize::gradient;
use super::source::{Source, float0};
use crate::array::TensorType;
use crate::error::{AutodiffError, Error};
use crate::tensor::{Caller, Func, Tensor, Tree, run_or_inline};
use crate::transform::transformed::{derivative, results};
use crate::tree::TreeDef;

/// What `grad` and `value_and_grad` are asked for.
#[derive(Clone, Copy, Debug)]
struct Options<W, X> {
    argnums: W,
    aux: X,
    allow_int: bool,
}

const PLAIN: Options<Arg<0>, Plain> = Options {
    argnums: Arg,
    aux: Plain,
    allow_int: false,
};

/// A function that computes a gradient; see [`grad`].
#[derive(Clone, Debug)]
pub struct Grad<F, W = Arg<0>, X = Plain> {
    function: F,
    options: Options<W, X>,
}

/// A function that computes a value and its gradient; see [`value_and_grad`].
#[derive(Clone, Debug)]
pub struct ValueAndGrad<F, W = Arg<0>, X = Plain> {
    function: F,
    options: Options<W, X>,
}

/// The gradient of a function of one scalar result, in reverse mode: a function of the same arguments that returns a tree like
/// its first one, or those that `argnums` names (JAX's `grad`).
///
/// The function is differentiated by its arguments only: tensors of enclosing functions that it uses are constants to it, and may be
/// differentiated by a derivative further out. Inside [`vmap`](crate::vmap) this is a gradient per lane.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::grad;
/// let loss = |w: Tensor, x: Tensor| (w * x).tanh().sum(..);
/// let x = Array::from(vec![0.5, 1.0]);
/// let per_example = vmap(grad(loss)).in_axes((None, 0)).call((0.0, x))?;
/// assert_eq!(per_example.to_array()?.to_vec::<f64>()?, [0.5, 1.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn grad<F>(function: F) -> Grad<F> {
    Grad {
        function,
        options: PLAIN,
    }
}

/// The value of a function and its gradient, in one run; options as for [`grad`] (JAX's `value_and_grad`).
///
/// ```
/// use elimap::prelude::*;
/// use elimap::value_and_grad;
/// let (y, dy) = value_and_grad(|x: Tensor| x.square()).call((3.0,))?;
/// assert_eq!((y.to_array()?.item::<f64>()?, dy.to_array()?.item::<f64>()?), (9.0, 6.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn value_and_grad<F>(function: F) -> ValueAndGrad<F> {
    ValueAndGrad {
        function,
        options: PLAIN,
    }
}

macro_rules! options {
    ($name:ident) => {
        impl<F, W, X> $name<F, W, X> {
            /// Which arguments the gradient is taken with respect to; the first where nothing is said.
            ///
            /// ```
            /// use elimap::{Arg, grad, prelude::*};
            /// let slope = grad(|x: Tensor, y: Tensor| x * y.square()).argnums(Arg::<1>);
            /// assert_eq!(slope.call((2.0, 3.0))?.item::<f64>()?, 12.0);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn argnums<V>(self, argnums: V) -> $name<F, V, X> {
                let Options { aux, allow_int, .. } = self.options;
                $name {
                    function: self.function,
                    options: Options {
                        argnums,
                        aux,
                        allow_int,
                    },
                }
            }

            /// The function returns a pair: the value, and something that is not differentiated and comes back as it is.
            ///
            /// ```
            /// use elimap::{Arg, grad, prelude::*};
            /// let (slope, y) = grad(|x: Tensor| (x.square(), &x + 1.0)).has_aux().call((3.0,))?;
            /// assert_eq!((slope.item::<f64>()?, y.item::<f64>()?), (6.0, 4.0));
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn has_aux(self) -> $name<F, W, WithAux> {
                let Options {
                    argnums, allow_int, ..
                } = self.options;
                $name {
                    function: self.function,
                    options: Options {
                        argnums,
                        aux: WithAux,
                        allow_int,
                    },
                }
            }

            /// Whether integers and booleans may be among what the gradient is taken with respect to; theirs are zeros of
            /// booleans (JAX's `float0`).
            ///
            /// ```
            /// use elimap::{grad, prelude::*};
            /// let f = |n: Tensor| n.astype(DType::F64).square();
            /// assert!(grad(f).call((3,)).is_err());
            /// assert_eq!(grad(f).allow_int(true).call((3,))?.dtype(), DType::Bool);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            #[must_use]
            pub fn allow_int(mut self, allow: bool) -> Self {
                self.options.allow_int = allow;
                self
            }
        }
    };
}
options!(Grad);
options!(ValueAndGrad);

/// A value, what came beside it, and the gradient.
type Found<A, By, F, W, X> = (
    <X as AuxMode<<F as Func<A, By>>::Out>>::Value,
    <X as AuxMode<<F as Func<A, By>>::Out>>::Aux,
    <W as ArgNums<A>>::Out,
);

fn evaluate<A: Tree, By, F: Func<A, By>, W: ArgNums<A>, X: AuxMode<F::Out>>(
    name: &'static str,
    function: &F,
    options: &Options<W, X>,
    (def, leaves): (&TreeDef, &[Tensor]),
    location: Caller,
) -> Result<Found<A, By, F, W, X>, Error> {
    let types: Vec<TensorType> = leaves.iter().map(|t| t.ty().clone()).collect();
    let chosen = Chosen::new(&options.argnums, def)?;
    if !options.allow_int {
        chosen.check_floating(name, def, &types)?;
    }
    let source = Source::trace::<A, By, F, _, _>(function, def, leaves, location, X::divide)?;
    check_scalar(name, &source)?;
    let flags = chosen.flags(&types);
    let program = gradient(&source.program, &source.inputs(&flags))?;
    let mut found = run_or_inline(&program, leaves, &source.captures, location)?;
    let gradients = found.split_off(1 + source.aux.leaf_count());
    let aux = found.split_off(1);
    let places = positions(&flags);
    let gradient = chosen
        .leaves
        .iter()
        .map(|k| match places.iter().position(|p| p == k) {
            Some(at) => gradients[at].clone(),
            None => float0(&types[*k]),
        });
    Ok((
        results(&source.value, found)?,
        results(&source.aux, aux)?,
        results(&chosen.def, gradient.collect::<Vec<_>>())?,
    ))
}

/// A gradient is that of one floating number.
fn check_scalar(transform: &'static str, source: &Source) -> Result<(), Error> {
    match &source.value_types()[..] {
        [ty] if ty.rank() == 0 && ty.dtype.is_complex() => {
            let ty = ty.clone();
            Err(AutodiffError::ComplexOutput { transform, ty }.into())
        }
        [ty] if ty.rank() == 0 => match ty.dtype.is_inexact() {
            true => Ok(()),
            false => {
                let ty = ty.clone();
                Err(AutodiffError::IntegerOutput { transform, ty }.into())
            }
        },
        types => {
            let list: Vec<String> = types.iter().map(ToString::to_string).collect();
            let found = match &list[..] {
                [] => "nothing".to_owned(),
                list => list.join(" "),
            };
            Err(AutodiffError::NonScalarOutput { transform, found }.into())
        }
    }
}

derivative! {
    Grad<F, W, X>;
    where [W: ArgNums<A>, X: AuxMode<F::Out>];
    Out = X::With<W::Out>;
    |this, def, leaves, location| {
        let args = (def, leaves);
        let (_, aux, gradient) =
            evaluate::<A, By, F, W, X>("grad", &this.function, &this.options, args, location)?;
        Ok(X::with(gradient, aux))
    }
}

derivative! {
    ValueAndGrad<F, W, X>;
    where [W: ArgNums<A>, X: AuxMode<F::Out>];
    Out = (X::Valued, W::Out);
    |this, def, leaves, location| {
        let args = (def, leaves);
        let name = "value_and_grad";
        let (value, aux, gradient) =
            evaluate::<A, By, F, W, X>(name, &this.function, &this.options, args, location)?;
        Ok((X::valued(value, aux), gradient))
    }
}
