//! Functions with derivative rules, some of whose arguments are not differentiated.

use std::marker::PhantomData;
use std::sync::Arc;

use super::jvp::{CustomJvp, WithJvpRule};
use super::vjp::{CustomVjp, WithVjpRule};
use crate::error::Error;
use crate::tensor::{Caller, Flatten, Func, Output, Tensor, Tree};
use crate::tree::{Path, TreeDef};

/// The first `N` arguments of a function.
#[derive(Clone, Copy, Debug)]
pub struct FirstArgs<const N: usize>;

/// The one argument of a function at place `K`, counted from 0.
#[derive(Clone, Copy, Debug)]
pub struct OneArg<const K: usize>;

/// A tuple of arguments some of which are not differentiated: those that `S`, a [`FirstArgs`] or an [`OneArg`], names. See
/// [`CustomJvp::nondiff_args`] and [`CustomJvp::nondiff_arg`].
pub trait FixedArgs<S>: Tree {
    /// Those that are not differentiated, as a tuple.
    type Fixed: Tree;
    /// The others, as a tuple.
    type Rest: Tree;
    /// The places of those that are not differentiated, ascending.
    const PLACES: &'static [usize];
}

macro_rules! fixed_args {
    ($($set:ty, $places:expr; [$($before:ident)*] [$($fixed:ident)*] [$($after:ident)*];)*) => {$(
        impl<$($before: Tree,)* $($fixed: Tree,)* $($after: Tree),*> FixedArgs<$set>
            for ($($before,)* $($fixed,)* $($after,)*)
        {
            type Fixed = ($($fixed,)*);
            type Rest = ($($before,)* $($after,)*);
            const PLACES: &'static [usize] = &$places;
        }
    )*};
}
fixed_args! {
    FirstArgs<1>, [0]; [][A][B];
    FirstArgs<1>, [0]; [][A][B C];
    FirstArgs<1>, [0]; [][A][B C D];
    FirstArgs<1>, [0]; [][A][B C D E];
    FirstArgs<1>, [0]; [][A][B C D E G];
    FirstArgs<1>, [0]; [][A][B C D E G H];
    FirstArgs<1>, [0]; [][A][B C D E G H I];
    FirstArgs<2>, [0, 1]; [][A B][C];
    FirstArgs<2>, [0, 1]; [][A B][C D];
    FirstArgs<2>, [0, 1]; [][A B][C D E];
    FirstArgs<2>, [0, 1]; [][A B][C D E G];
    FirstArgs<2>, [0, 1]; [][A B][C D E G H];
    FirstArgs<2>, [0, 1]; [][A B][C D E G H I];
    FirstArgs<3>, [0, 1, 2]; [][A B C][D];
    FirstArgs<3>, [0, 1, 2]; [][A B C][D E];
    FirstArgs<3>, [0, 1, 2]; [][A B C][D E G];
    FirstArgs<3>, [0, 1, 2]; [][A B C][D E G H];
    FirstArgs<3>, [0, 1, 2]; [][A B C][D E G H I];
    OneArg<1>, [1]; [A][B][];
    OneArg<1>, [1]; [A][B][C];
    OneArg<1>, [1]; [A][B][C D];
    OneArg<1>, [1]; [A][B][C D E];
    OneArg<2>, [2]; [A B][C][];
    OneArg<2>, [2]; [A B][C][D];
    OneArg<2>, [2]; [A B][C][D E];
    OneArg<3>, [3]; [A B C][D][];
    OneArg<3>, [3]; [A B C][D][E];
}

/// The arguments of one call that are not differentiated, with their places among all.
struct Held<A, S> {
    defs: Vec<TreeDef>,
    leaves: Vec<Vec<Tensor>>,
    args: PhantomData<(A, S)>,
}

impl<A: FixedArgs<S>, S> Held<A, S> {
    /// What is held of these arguments, and the structure and leaves of the others.
    fn new(def: &TreeDef, leaves: &[Tensor]) -> (Self, TreeDef, Vec<Tensor>) {
        let mut held = Held {
            defs: Vec::new(),
            leaves: Vec::new(),
            args: PhantomData,
        };
        let (mut rest, mut others) = (Vec::new(), Vec::new());
        let mut left = leaves;
        for (k, (_, def)) in def.children().iter().enumerate() {
            let (own, after) = left.split_at(def.leaf_count());
            left = after;
            if A::PLACES.contains(&k) {
                held.defs.push((*def).clone());
                held.leaves.push(own.to_vec());
            } else {
                rest.push((*def).clone());
                others.extend_from_slice(own);
            }
        }
        (held, TreeDef::Tuple(rest), others)
    }

    fn fixed(&self) -> Result<A::Fixed, Error> {
        let (def, path) = (TreeDef::Tuple(self.defs.clone()), Path::root("args"));
        let leaves = &mut self.leaves.iter().flatten().cloned();
        Ok(A::Fixed::unflatten(&def, leaves, &path)?)
    }

    fn whole(&self, rest: &A::Rest) -> Result<A, Error> {
        let mut given = Vec::new();
        let others = rest.flatten(&mut given);
        let mut given = given.into_iter();
        let mut others: Vec<(TreeDef, Vec<Tensor>)> = others
            .children()
            .iter()
            .map(|(_, def)| {
                (
                    (*def).clone(),
                    given.by_ref().take(def.leaf_count()).collect(),
                )
            })
            .collect();
        for (k, &place) in A::PLACES.iter().enumerate() {
            others.insert(place, (self.defs[k].clone(), self.leaves[k].clone()));
        }
        let (defs, leaves): (Vec<TreeDef>, Vec<Vec<Tensor>>) = others.into_iter().unzip();
        let (def, path) = (TreeDef::Tuple(defs), Path::root("args"));
        Ok(A::unflatten(
            &def,
            &mut leaves.into_iter().flatten(),
            &path,
        )?)
    }
}

/// A function of the arguments that are differentiated.
struct OfRest<'a, F, A, S> {
    function: &'a F,
    held: &'a Held<A, S>,
}

impl<A: FixedArgs<S>, By, F: Func<A, By>, S> Func<A::Rest, By> for OfRest<'_, F, A, S> {
    type Out = F::Out;
    fn invoke(&self, rest: A::Rest) -> Result<F::Out, Error> {
        self.function.invoke(self.held.whole(&rest)?)
    }
}

/// A function that still needs its rule, and some of whose arguments are not differentiated; see [`CustomJvp::nondiff_args`].
#[derive(Clone, Debug)]
pub struct FixedJvp<F, S> {
    function: F,
    name: Arc<str>,
    set: PhantomData<S>,
}

impl<F, S> FixedJvp<F, S> {
    fn of(function: F, name: Arc<str>) -> Self {
        let set = PhantomData;
        FixedJvp {
            function,
            name,
            set,
        }
    }
}

/// A function with a forward derivative of its own in all but some of its arguments; see [`CustomJvp::nondiff_args`].
#[derive(Clone, Debug)]
pub struct WithFixedJvpRule<F, R, S> {
    function: F,
    name: Arc<str>,
    rule: R,
    set: PhantomData<S>,
}

impl<F> CustomJvp<F> {
    /// The first `N` arguments are not differentiated, and the rule gets them first, as a tuple of their own (JAX's
    /// `nondiff_argnums`).
    ///
    /// A derivative with respect to them is refused, as one with respect to a value that the function closes over.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::{Arg, custom_jvp, grad};
    /// let power = custom_jvp(|n: Tensor, x: Tensor| x.pow(n)).nondiff_args::<1>().def_jvp(
    ///     |(n,): (Tensor,), (x,): (Tensor,), (dx,): (Tensor,)| (x.pow(&n), dx * &n * x.pow(&n - 1.0)),
    /// );
    /// let slope = grad(|n: Tensor, x: Tensor| power.call((n, x))).argnums(Arg::<1>);
    /// assert_eq!(slope.call((3.0, 2.0))?.to_array()?.item::<f64>()?, 12.0);
    /// assert!(grad(|n: Tensor, x: Tensor| power.call((n, x))).call((3.0, 2.0)).is_err());
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[must_use]
    pub fn nondiff_args<const N: usize>(self) -> FixedJvp<F, FirstArgs<N>> {
        FixedJvp::of(self.function, self.name)
    }

    /// The argument at place `K`, counted from 0, is not differentiated, and rules get it first, as for
    /// [`nondiff_args`](CustomJvp::nondiff_args).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::{custom_jvp, grad};
    /// let power = custom_jvp(|x: Tensor, n: Tensor| x.pow(n)).nondiff_arg::<1>().def_jvp(
    ///     |(n,): (Tensor,), (x,): (Tensor,), (dx,): (Tensor,)| (x.pow(&n), dx * &n * x.pow(&n - 1.0)),
    /// );
    /// let slope = grad(|x: Tensor, n: Tensor| power.call((x, n)));
    /// assert_eq!(slope.call((2.0, 3.0))?.to_array()?.item::<f64>()?, 12.0);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[must_use]
    pub fn nondiff_arg<const K: usize>(self) -> FixedJvp<F, OneArg<K>> {
        FixedJvp::of(self.function, self.name)
    }
}

impl<F, S> FixedJvp<F, S> {
    /// Gives the function its rule: from the arguments that are not differentiated, the others and their tangents to the
    /// result and its tangent.
    ///
    /// ```
    /// use elimap::{custom_jvp, jvp, prelude::*};
    /// let scale = custom_jvp(|c: Tensor, x: Tensor| c * x).nondiff_args::<1>().def_jvp(
    ///     |(c,): (Tensor,), (x,): (Tensor,), (dx,): (Tensor,)| (&c * x, &c * dx),
    /// );
    /// let (_, slope) = jvp(|x: Tensor| scale.call((3.0, x)), (2.0,), (1.0,))?;
    /// assert_eq!(slope.item::<f64>()?, 3.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn def_jvp<R>(self, rule: R) -> WithFixedJvpRule<F, R, S> {
        WithFixedJvpRule {
            function: self.function,
            name: self.name,
            rule,
            set: PhantomData,
        }
    }
}

/// A function that still needs its rules, and some of whose arguments are not differentiated; see [`CustomVjp::nondiff_args`].
#[derive(Clone, Debug)]
pub struct FixedVjp<F, S> {
    function: F,
    name: Arc<str>,
    set: PhantomData<S>,
}

impl<F, S> FixedVjp<F, S> {
    fn of(function: F, name: Arc<str>) -> Self {
        let set = PhantomData;
        FixedVjp {
            function,
            name,
            set,
        }
    }
}

/// A function with a reverse derivative of its own in all but some of its arguments; see [`CustomVjp::nondiff_args`].
#[derive(Clone, Debug)]
pub struct WithFixedVjpRule<F, W, B, S> {
    function: F,
    name: Arc<str>,
    forward: W,
    backward: B,
    set: PhantomData<S>,
}

impl<F> CustomVjp<F> {
    /// The first `N` arguments are not differentiated: the forward rule takes them as the function does, the backward rule gets
    /// them first, as a tuple of their own, and returns cotangents of the others only (JAX's `nondiff_argnums`).
    ///
    /// A derivative with respect to them is refused, as one with respect to a value that the function closes over.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::{Arg, custom_vjp, grad};
    /// let clipped = custom_vjp(|_: Tensor, x: Tensor| x).nondiff_args::<1>().def_vjp(
    ///     |(_, x): (Tensor, Tensor)| (x, ()),
    ///     |(limit,): (Tensor,), (): (), ct: Tensor| (ct.clamp(-&limit, &limit),),
    /// );
    /// let f = |limit: Tensor, x: Tensor| Ok::<_, Error>(clipped.call((limit, x))? * 10.0);
    /// assert_eq!(grad(f).argnums(Arg::<1>).call((3.0, 2.0))?.to_array()?.item::<f64>()?, 3.0);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[must_use]
    pub fn nondiff_args<const N: usize>(self) -> FixedVjp<F, FirstArgs<N>> {
        FixedVjp::of(self.function, self.name)
    }

    /// The argument at place `K`, counted from 0, is not differentiated, and rules get it first, as for
    /// [`nondiff_args`](CustomVjp::nondiff_args).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::{custom_vjp, grad};
    /// let clipped = custom_vjp(|x: Tensor, _: Tensor| x).nondiff_arg::<1>().def_vjp(
    ///     |(x, _): (Tensor, Tensor)| (x, ()),
    ///     |(limit,): (Tensor,), (): (), ct: Tensor| (ct.clamp(-&limit, &limit),),
    /// );
    /// let f = |x: Tensor, limit: Tensor| Ok::<_, Error>(clipped.call((x, limit))? * 10.0);
    /// assert_eq!(grad(f).call((2.0, 3.0))?.to_array()?.item::<f64>()?, 3.0);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[must_use]
    pub fn nondiff_arg<const K: usize>(self) -> FixedVjp<F, OneArg<K>> {
        FixedVjp::of(self.function, self.name)
    }
}

impl<F, S> FixedVjp<F, S> {
    /// Gives the function its rules: forward, from all arguments to the result and the residuals; backward, from the arguments that
    /// are not differentiated, the residuals and the cotangent of the result to the cotangents of the other arguments.
    ///
    /// ```
    /// use elimap::{custom_vjp, grad, prelude::*};
    /// let scale = custom_vjp(|c: Tensor, x: Tensor| c * x).nondiff_args::<1>().def_vjp(
    ///     |(c, x): (Tensor, Tensor)| (c * x, ()),
    ///     |(c,): (Tensor,), (): (), ct: Tensor| (c * ct,),
    /// );
    /// assert_eq!(grad(|x: Tensor| scale.call((3.0, x))).call((2.0,))?.item::<f64>()?, 3.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn def_vjp<W, B>(self, forward: W, backward: B) -> WithFixedVjpRule<F, W, B, S> {
        WithFixedVjpRule {
            function: self.function,
            name: self.name,
            forward,
            backward,
            set: PhantomData,
        }
    }
}

/// Writes `call`, and makes it a function by value and by reference.
macro_rules! fixed_function {
    (
        $name:ident<$($rule:ident),*>; [$($param:ident),*] where [$($bound:tt)*];
        |$this:ident, $held:ident, $args:ident| $body:block
    ) => {
        impl<F, $($rule,)* S> $name<F, $($rule,)* S> {
            /// Calls the function on a tuple of arguments; the rules only matter to derivatives.
            ///
            /// # Errors
            ///
            /// Whatever goes wrong in the function.
            ///
            /// ```
            /// use elimap::{custom_jvp, prelude::*};
            /// let scale = custom_jvp(|c: Tensor, x: Tensor| c * x).nondiff_args::<1>().def_jvp(
            ///     |(c,): (Tensor,), (x,): (Tensor,), (dx,): (Tensor,)| (&c * x, &c * dx),
            /// );
            /// assert_eq!(scale.call((3.0, 2.0))?.item::<f64>()?, 6.0);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            #[track_caller]
            pub fn call<A, T, By, $($param),*>(&self, args: T) -> Result<F::Out, Error>
            where
                A: FixedArgs<S>,
                T: $crate::tensor::Arguments<A>,
                F: Func<A, By>,
                $($bound)*
            {
                let location = std::panic::Location::caller();
                let (def, leaves) = $crate::tensor::flatten_args::<A>(args);
                self.apply_rules::<A, By, $($param),*>(&def, &leaves, location)
            }

            fn apply_rules<A, By, $($param),*>(
                &self,
                def: &TreeDef,
                leaves: &[Tensor],
                location: Caller,
            ) -> Result<F::Out, Error>
            where
                A: FixedArgs<S>,
                F: Func<A, By>,
                $($bound)*
            {
                let (held, def, leaves) = Held::<A, S>::new(def, leaves);
                let ($this, $held, $args) = (self, &held, (&def, &leaves[..], location));
                $body
            }
        }

        fixed_function!(@function [$($rule),*]; $name<F, $($rule,)* S>; [$($param),*]; [$($bound)*]);
        fixed_function!(@function [$($rule),*]; &$name<F, $($rule,)* S>; [$($param),*]; [$($bound)*]);
    };
    (@function [$($rule:ident),*]; $ty:ty; [$($param:ident),*]; [$($bound:tt)*]) => {
        impl<A, By, F, $($rule,)* $($param,)* S> Func<A, By> for $ty
        where
            A: FixedArgs<S>,
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

fixed_function! {
    WithFixedJvpRule<R>; [Q, D] where [
        R: Fn(A::Fixed, A::Rest, A::Rest) -> Q,
        Q: Output<Tree = (F::Out, D)>,
        D: Tree,
    ];
    |this, held, args| {
        let rule = |primals: A::Rest, tangents: A::Rest| -> Result<(F::Out, D), Error> {
            (this.rule)(held.fixed()?, primals, tangents).into_result()
        };
        let function = OfRest {
            function: &this.function,
            held,
        };
        let inner = WithJvpRule {
            function,
            name: this.name.clone(),
            rule,
        };
        let (def, leaves, location) = args;
        inner.apply_rules::<A::Rest, By, Result<(F::Out, D), Error>, D>(def, leaves, location)
    }
}

fixed_function! {
    WithFixedVjpRule<W, B>; [P, Q, E] where [
        W: Fn(A) -> P,
        P: Output<Tree = (F::Out, E)>,
        E: Tree,
        B: Fn(A::Fixed, E, F::Out) -> Q,
        Q: Output,
    ];
    |this, held, args| {
        let forward = |rest: A::Rest| -> Result<(F::Out, E), Error> {
            (this.forward)(held.whole(&rest)?).into_result()
        };
        let backward = |residuals: E, cotangent: F::Out| -> Result<Q::Tree, Error> {
            (this.backward)(held.fixed()?, residuals, cotangent).into_result()
        };
        let function = OfRest {
            function: &this.function,
            held,
        };
        let inner = WithVjpRule {
            function,
            name: this.name.clone(),
            forward,
            backward,
        };
        let (def, leaves, location) = args;
        inner.apply_rules::<A::Rest, By, Result<(F::Out, E), Error>, Result<Q::Tree, Error>, E>(
            def, leaves, location,
        )
    }
}
