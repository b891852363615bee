//! Functions with derivative rules, some of whose arguments are not differentiated.

use std::marker::PhantomData;
use std::sync::Arc;

use super::jvp::{CustomJvp, WithJvpRule};
use super::vjp::{CustomVjp, WithVjpRule};
use crate::error::Error;
use crate::tensor::{Caller, Flatten, Func, Output, Tensor, Tree};
use crate::tree::{Path, TreeDef};

/// A tuple of arguments of which the first `N` are not differentiated; see [`CustomJvp::nondiff_args`].
pub trait LeadingArgs<const N: usize>: Tree {
    /// The first `N`, as a tuple.
    type Fixed: Tree;
    /// The others, as a tuple.
    type Rest: Tree;
}

macro_rules! leading_args {
    ($n:literal; [$($fixed:ident)*] [$($rest:ident)*]) => {
        impl<$($fixed: Tree,)* $($rest: Tree),*> LeadingArgs<$n> for ($($fixed,)* $($rest,)*) {
            type Fixed = ($($fixed,)*);
            type Rest = ($($rest,)*);
        }
    };
}
leading_args!(1; [A][B]);
leading_args!(1; [A][B C]);
leading_args!(1; [A][B C D]);
leading_args!(1; [A][B C D E]);
leading_args!(1; [A][B C D E G]);
leading_args!(1; [A][B C D E G H]);
leading_args!(1; [A][B C D E G H I]);
leading_args!(2; [A B][C]);
leading_args!(2; [A B][C D]);
leading_args!(2; [A B][C D E]);
leading_args!(2; [A B][C D E G]);
leading_args!(2; [A B][C D E G H]);
leading_args!(2; [A B][C D E G H I]);
leading_args!(3; [A B C][D]);
leading_args!(3; [A B C][D E]);
leading_args!(3; [A B C][D E G]);
leading_args!(3; [A B C][D E G H]);
leading_args!(3; [A B C][D E G H I]);

/// The arguments of one call that are not differentiated.
struct Held<A, const N: usize> {
    defs: Vec<TreeDef>,
    leaves: Vec<Tensor>,
    args: PhantomData<A>,
}

impl<A: LeadingArgs<N>, const N: usize> Held<A, N> {
    /// What is held of these arguments, and the structure and leaves of the others.
    fn new<'a>(def: &TreeDef, leaves: &'a [Tensor]) -> (Self, TreeDef, &'a [Tensor]) {
        let mut defs: Vec<TreeDef> = def.children().iter().map(|(_, d)| (*d).clone()).collect();
        let rest = TreeDef::Tuple(defs.split_off(N));
        let count = defs.iter().map(TreeDef::leaf_count).sum();
        let (fixed, others) = leaves.split_at(count);
        let held = Held {
            defs,
            leaves: fixed.to_vec(),
            args: PhantomData,
        };
        (held, rest, others)
    }

    fn fixed(&self) -> Result<A::Fixed, Error> {
        let (def, path) = (TreeDef::Tuple(self.defs.clone()), Path::root("args"));
        let leaves = &mut self.leaves.iter().cloned();
        Ok(A::Fixed::unflatten(&def, leaves, &path)?)
    }

    fn whole(&self, rest: &A::Rest) -> Result<A, Error> {
        let (mut defs, mut leaves) = (self.defs.clone(), self.leaves.clone());
        let others = rest.flatten(&mut leaves);
        defs.extend(others.children().iter().map(|(_, d)| (*d).clone()));
        let (def, path) = (TreeDef::Tuple(defs), Path::root("args"));
        Ok(A::unflatten(&def, &mut leaves.into_iter(), &path)?)
    }
}

/// A function of the arguments that are differentiated.
struct OfRest<'a, F, A, const N: usize> {
    function: &'a F,
    held: &'a Held<A, N>,
}

impl<A: LeadingArgs<N>, F: Func<A>, const N: usize> Func<A::Rest> for OfRest<'_, F, A, N> {
    type Out = F::Out;
    fn invoke(&self, rest: A::Rest) -> Result<F::Out, Error> {
        self.function.invoke(self.held.whole(&rest)?)
    }
}

/// A function that still needs its rule, and whose first `N` arguments are not differentiated; see [`CustomJvp::nondiff_args`].
#[derive(Clone, Debug)]
pub struct FixedJvp<F, const N: usize> {
    function: F,
    name: Arc<str>,
}

/// A function with a forward derivative of its own in all but its first `N` arguments; see [`CustomJvp::nondiff_args`].
#[derive(Clone, Debug)]
pub struct WithFixedJvpRule<F, R, const N: usize> {
    function: F,
    name: Arc<str>,
    rule: R,
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
    pub fn nondiff_args<const N: usize>(self) -> FixedJvp<F, N> {
        let CustomJvp { function, name } = self;
        FixedJvp { function, name }
    }
}

impl<F, const N: usize> FixedJvp<F, N> {
    /// Gives the function its rule: from the arguments that are not differentiated, the others and their tangents to the
    /// result and its tangent.
    #[must_use]
    pub fn def_jvp<R>(self, rule: R) -> WithFixedJvpRule<F, R, N> {
        WithFixedJvpRule {
            function: self.function,
            name: self.name,
            rule,
        }
    }
}

/// A function that still needs its rules, and whose first `N` arguments are not differentiated; see [`CustomVjp::nondiff_args`].
#[derive(Clone, Debug)]
pub struct FixedVjp<F, const N: usize> {
    function: F,
    name: Arc<str>,
}

/// A function with a reverse derivative of its own in all but its first `N` arguments; see [`CustomVjp::nondiff_args`].
#[derive(Clone, Debug)]
pub struct WithFixedVjpRule<F, W, B, const N: usize> {
    function: F,
    name: Arc<str>,
    forward: W,
    backward: B,
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
    pub fn nondiff_args<const N: usize>(self) -> FixedVjp<F, N> {
        let CustomVjp { function, name } = self;
        FixedVjp { function, name }
    }
}

impl<F, const N: usize> FixedVjp<F, N> {
    /// Gives the function its rules: forward, from all arguments to the result and the residuals; backward, from the arguments that
    /// are not differentiated, the residuals and the cotangent of the result to the cotangents of the other arguments.
    #[must_use]
    pub fn def_vjp<W, B>(self, forward: W, backward: B) -> WithFixedVjpRule<F, W, B, N> {
        WithFixedVjpRule {
            function: self.function,
            name: self.name,
            forward,
            backward,
        }
    }
}

/// Writes `call`, and makes it a function by value and by reference.
macro_rules! fixed_function {
    (
        $name:ident<$($rule:ident),*>; [$($param:ident),*] where [$($bound:tt)*];
        |$this:ident, $held:ident, $args:ident| $body:block
    ) => {
        impl<F, $($rule,)* const N: usize> $name<F, $($rule,)* N> {
            /// Calls the function on a tuple of arguments; the rules only matter to derivatives.
            ///
            /// # Errors
            ///
            /// Whatever goes wrong in the function.
            #[track_caller]
            pub fn call<A, T, $($param),*>(&self, args: T) -> Result<F::Out, Error>
            where
                A: LeadingArgs<N>,
                T: $crate::tensor::Arguments<A>,
                F: Func<A>,
                $($bound)*
            {
                let location = std::panic::Location::caller();
                let (def, leaves) = $crate::tensor::flatten_args::<A>(args);
                self.apply_rules::<A, $($param),*>(&def, &leaves, location)
            }

            fn apply_rules<A, $($param),*>(
                &self,
                def: &TreeDef,
                leaves: &[Tensor],
                location: Caller,
            ) -> Result<F::Out, Error>
            where
                A: LeadingArgs<N>,
                F: Func<A>,
                $($bound)*
            {
                let (held, def, leaves) = Held::<A, N>::new(def, leaves);
                let ($this, $held, $args) = (self, &held, (&def, leaves, location));
                $body
            }
        }

        fixed_function!(@function [$($rule),*]; $name<F, $($rule,)* N>; [$($param),*]; [$($bound)*]);
        fixed_function!(@function [$($rule),*]; &$name<F, $($rule,)* N>; [$($param),*]; [$($bound)*]);
    };
    (@function [$($rule:ident),*]; $ty:ty; [$($param:ident),*]; [$($bound:tt)*]) => {
        impl<A, F, $($rule,)* $($param,)* const N: usize> Func<A> for $ty
        where
            A: LeadingArgs<N>,
            F: Func<A>,
            $($bound)*
        {
            type Out = F::Out;
            #[track_caller]
            fn invoke(&self, args: A) -> Result<F::Out, Error> {
                let location = std::panic::Location::caller();
                let mut leaves = Vec::new();
                let def = args.flatten(&mut leaves);
                self.apply_rules::<A, $($param),*>(&def, &leaves, location)
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
        inner.apply_rules::<A::Rest, Result<(F::Out, D), Error>, D>(def, leaves, location)
    }
}

fixed_function! {
    WithFixedVjpRule<W, B>; [P, Q, S] where [
        W: Fn(A) -> P,
        P: Output<Tree = (F::Out, S)>,
        S: Tree,
        B: Fn(A::Fixed, S, F::Out) -> Q,
        Q: Output,
    ];
    |this, held, args| {
        let forward = |rest: A::Rest| -> Result<(F::Out, S), Error> {
            (this.forward)(held.whole(&rest)?).into_result()
        };
        let backward = |residuals: S, cotangent: F::Out| -> Result<Q::Tree, Error> {
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
        inner.apply_rules::<A::Rest, Result<(F::Out, S), Error>, Result<Q::Tree, Error>, S>(
            def, leaves, location,
        )
    }
}
