//! Functions that say themselves what their reverse derivative is.

use std::sync::Arc;

use super::rule::{or_zeros, traced_rule, with_rule};
use crate::array::TensorType;
use crate::error::{AutodiffError, Error};
use crate::program::CustomVjpCall;
use crate::tensor::{
    Caller, Func, Output, Tensor, Traced, Tree, apply, is_tracing, lift_vars, trace, trace_dynamic,
};
use crate::transform::autodiff::{Belonging, float0, sparse_leaves};
use crate::transform::transformed::{custom_function, results};
use crate::tree::{Path, TreeDef};

/// A function that still needs its rules; see [`custom_vjp`].
#[derive(Clone, Debug)]
pub struct CustomVjp<F> {
    pub(super) function: F,
    pub(super) name: Arc<str>,
}

/// A function with a reverse derivative of its own; see [`custom_vjp`].
#[derive(Clone, Debug)]
pub struct WithVjpRule<F, W, B> {
    pub(super) function: F,
    pub(super) name: Arc<str>,
    pub(super) forward: W,
    pub(super) backward: B,
}

/// Gives a function a reverse derivative of its own, by [`CustomVjp::def_vjp`] (JAX's `custom_vjp`).
///
/// The forward rule takes what the function takes, as a tuple, and returns the result and residuals, any tree. The backward rule gets
/// the residuals and the cotangent of the result, and returns one cotangent per argument, as a tuple, with `None` for zero. Such a
/// function has no forward mode. Parameters that are no tensors are best captured; [`CustomVjp::nondiff_args`] is for arguments that are
/// not differentiated (JAX's `nondiff_argnums`).
///
/// ```
/// use elimap::prelude::*;
/// use elimap::{custom_vjp, grad};
/// // The value passes, its gradient is clipped.
/// let clip_gradient = custom_vjp(|x: Tensor| x).def_vjp(
///     |(x,): (Tensor,)| (x, ()),
///     |(): (), ct: Tensor| (ct.clamp(-1.0, 1.0),),
/// );
/// let slope = grad(|x: Tensor| Ok::<_, Error>(clip_gradient.call((x,))? * 10.0)).call((2.0,))?;
/// assert_eq!(slope.to_array()?.item::<f64>()?, 1.0);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn custom_vjp<F>(function: F) -> CustomVjp<F> {
    CustomVjp {
        function,
        name: Arc::from("fun"),
    }
}

impl<F> CustomVjp<F> {
    /// The name shown in program text and in messages.
    ///
    /// ```
    /// use elimap::{custom_vjp, prelude::*};
    /// let square = custom_vjp(|x: Tensor| x.square())
    ///     .name("square_of")
    ///     .def_vjp(|(x,): (Tensor,)| (x.square(), x), |x: Tensor, ct: Tensor| (2.0 * x * ct,));
    /// let program = jit(|x: Tensor| square.call((x,))).trace((f64::spec([]),))?;
    /// assert!(program.to_string().contains("name=square_of"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Arc::from(name);
        self
    }

    /// Gives the function its rules: forward, from the arguments to the result and the residuals; backward, from the residuals and the
    /// cotangent of the result to the cotangents of the arguments.
    ///
    /// ```
    /// use elimap::{custom_vjp, grad, prelude::*};
    /// let square = custom_vjp(|x: Tensor| x.square())
    ///     .def_vjp(|(x,): (Tensor,)| (x.square(), x), |x: Tensor, ct: Tensor| (2.0 * x * ct,));
    /// assert_eq!(grad(|x: Tensor| square.call((x,))).call((3.0,))?.item::<f64>()?, 6.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn def_vjp<A, By, W, B, P, Q, S>(self, forward: W, backward: B) -> WithVjpRule<F, W, B>
    where
        A: Tree,
        F: Func<A, By>,
        W: Fn(A) -> P,
        P: Output<Tree = (F::Out, S)>,
        S: Tree,
        B: Fn(S, F::Out) -> Q,
        Q: Output,
    {
        WithVjpRule {
            function: self.function,
            name: self.name,
            forward,
            backward,
        }
    }
}

impl<F, W, B> WithVjpRule<F, W, B> {
    fn mismatch<T>(
        &self,
        rule: &'static str,
        expected: impl ToString,
        actual: impl ToString,
    ) -> Result<T, Error> {
        Err(AutodiffError::RuleMismatch {
            name: self.name.to_string(),
            rule,
            expected: expected.to_string(),
            actual: actual.to_string(),
        }
        .into())
    }

    /// Traces the rules for arguments of these types.
    fn trace_rules<A, P, Q, S, T>(
        &self,
        (def, types): (&TreeDef, &[TensorType]),
        (out_def, out_types): (&TreeDef, &[TensorType]),
        location: Caller,
    ) -> Result<[Traced; 2], Error>
    where
        A: Tree,
        W: Fn(A) -> P,
        P: Output<Tree = (T, S)>,
        S: Tree,
        T: Tree,
        B: Fn(S, T) -> Q,
        Q: Output,
    {
        let (forward, kept) = trace_dynamic(types, None, location, |inputs| {
            let args = A::unflatten(def, &mut inputs.into_iter(), &Path::root("args"))?;
            let (result, kept) = (self.forward)(args).into_result()?;
            let mut leaves = Vec::new();
            let found = result.flatten(&mut leaves);
            if found != *out_def {
                let expected = format!("a result like the function's, {out_def}");
                return self.mismatch("forward rule", expected, found);
            }
            for (leaf, ty) in leaves.iter_mut().zip(out_types) {
                let found = leaf.clone().check()?.ty().clone();
                if found.weak && found.shape == ty.shape && found.dtype != ty.dtype {
                    *leaf = leaf.astype(ty.dtype);
                } else if !found.same_layout(ty) {
                    let expected = format!("a result of type {ty}");
                    return self.mismatch("forward rule", expected, found);
                }
            }
            let kept = kept.flatten(&mut leaves);
            Ok((leaves, kept))
        })?;
        let residuals = forward.program.output_types().split_off(out_types.len());
        let cotangents = out_types.iter().filter(|ty| ty.dtype.is_inexact());
        let cotangents = cotangents.map(|ty| ty.clone().with_weak(false));
        let inputs: Vec<TensorType> = residuals.iter().cloned().chain(cotangents).collect();
        let (backward, ()) = trace_dynamic(&inputs, None, location, |mut inputs| {
            let mut given = inputs.split_off(residuals.len()).into_iter();
            let cotangents: Vec<Tensor> = out_types
                .iter()
                .filter_map(|ty| match ty.dtype.is_inexact() {
                    true => given.next(),
                    false => Some(float0(ty)),
                })
                .collect();
            let path = Path::root("residuals");
            let kept = S::unflatten(&kept, &mut inputs.into_iter(), &path)?;
            let path = Path::root("cotangents");
            let cotangent = T::unflatten(out_def, &mut cotangents.into_iter(), &path)?;
            let found = (self.backward)(kept, cotangent).into_result()?;
            let belonging = Belonging {
                what: "cotangents",
                of: "arguments",
            };
            let cotangents = match sparse_leaves(belonging, def, types, &found) {
                Ok(cotangents) => cotangents,
                Err(Error::Autodiff(AutodiffError::TangentMismatch {
                    path,
                    expected,
                    actual,
                    ..
                })) => {
                    let expected = format!("cotangents like the arguments: {expected} at {path}");
                    return self.mismatch("backward rule", expected, actual);
                }
                Err(error) => return Err(error),
            };
            let floats = types.iter().filter(|ty| ty.dtype.is_inexact());
            let cotangents = cotangents.into_iter().zip(floats);
            Ok((cotangents.map(|(ct, ty)| or_zeros(ct, ty)).collect(), ()))
        })?;
        Ok([forward, backward])
    }
}

custom_function! {
    WithVjpRule<F, W, B>;
    [P, Q, S] where [
        W: Fn(A) -> P,
        P: Output<Tree = (F::Out, S)>,
        S: Tree,
        B: Fn(S, F::Out) -> Q,
        Q: Output,
    ];
    |this, def, leaves, location| {
        let mut types = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            types.push(leaf.clone().check()?.ty().clone());
        }
        if !is_tracing() {
            // Derivatives are taken of programs, so nobody will ask for the rules.
            let args = A::unflatten(def, &mut leaves.iter().cloned(), &Path::root("args"))?;
            return this.function.invoke(args);
        }
        let (function, out_def) = trace::<A, By, F>(&this.function, def, &types, None, location)?;
        let outputs = function.program.output_types();
        let rules = traced_rule(&this.name, || {
            let out = (&out_def, &outputs[..]);
            this.trace_rules::<A, P, Q, S, F::Out>((def, &types), out, location)
        });
        let (captures, program, rule) = with_rule(function, rules);
        let captured = lift_vars(&captures);
        let op = CustomVjpCall {
            name: this.name.clone(),
            program: Arc::new(program),
            num_consts: captures.len(),
            rule,
        };
        let operands: Vec<&Tensor> = captured.iter().chain(leaves).collect();
        results(&out_def, apply(op, &operands, location)?)
    }
}
