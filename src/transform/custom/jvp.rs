//! Functions that say themselves what their forward derivative is.

use std::sync::Arc;

use super::rule::{traced_rule, with_rule};
use crate::array::TensorType;
use crate::error::{AutodiffError, Error};
use crate::program::CustomJvpCall;
use crate::tensor::{
    Caller, Func, Output, Tensor, Traced, Tree, apply, is_tracing, lift_vars, trace, trace_dynamic,
};
use crate::transform::autodiff::{Belonging, float0, sparse_leaves};
use crate::transform::transformed::{custom_function, results};
use crate::tree::{Path, TreeDef};

/// A function that still needs its rule; see [`custom_jvp`].
#[derive(Clone, Debug)]
pub struct CustomJvp<F> {
    pub(super) function: F,
    pub(super) name: Arc<str>,
}

/// A function with a forward derivative of its own; see [`custom_jvp`].
#[derive(Clone, Debug)]
pub struct WithJvpRule<F, R> {
    pub(super) function: F,
    pub(super) name: Arc<str>,
    pub(super) rule: R,
}

/// Gives a function a derivative of its own, by [`CustomJvp::def_jvp`] (JAX's `custom_jvp`).
///
/// The rule gets the arguments and their tangents, as two tuples, and returns the result and its tangent; the tangent of an integer or
/// boolean is `false`s of its shape, given, and may be `None`, returned. It must be linear in the tangents, so that reverse mode can
/// transpose it, and need not be a true derivative. The function and its rule may use tensors of enclosing functions that are not
/// differentiated; parameters that are no tensors are best captured too;
/// [`CustomJvp::nondiff_args`] is for arguments that are (JAX's `nondiff_argnums`).
///
/// ```
/// use elimap::prelude::*;
/// use elimap::{custom_jvp, grad};
/// // log(1 + exp(x)), whose derivative by the chain rule is NaN for large x.
/// let log1pexp = custom_jvp(|x: Tensor| x.exp().log1p()).def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| {
///     (x.exp().log1p(), dx * x.logistic())
/// });
/// let slope = grad(|x: Tensor| log1pexp.call((x,))).call((1000.0,))?;
/// assert_eq!(slope.to_array()?.item::<f64>()?, 1.0);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn custom_jvp<F>(function: F) -> CustomJvp<F> {
    CustomJvp {
        function,
        name: Arc::from("fun"),
    }
}

impl<F> CustomJvp<F> {
    /// The name shown in program text and in messages.
    ///
    /// ```
    /// use elimap::{custom_jvp, prelude::*};
    /// let square = custom_jvp(|x: Tensor| x.square())
    ///     .name("square_of")
    ///     .def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| (x.square(), 2.0 * x * dx));
    /// let program = jit(|x: Tensor| square.call((x,))).trace((f64::spec([]),))?;
    /// assert!(program.to_string().contains("name=square_of"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Arc::from(name);
        self
    }

    /// Gives the function its rule: from the arguments and their tangents to the result and its tangent.
    ///
    /// ```
    /// use elimap::{custom_jvp, jvp, prelude::*};
    /// let square = custom_jvp(|x: Tensor| x.square()).def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| (x.square(), 2.0 * x * dx));
    /// let (y, slope) = jvp(|x: Tensor| square.call((x,)), (3.0,), (1.0,))?;
    /// assert_eq!((y.item::<f64>()?, slope.item::<f64>()?), (9.0, 6.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn def_jvp<A, By, R, Q, D>(self, rule: R) -> WithJvpRule<F, R>
    where
        A: Tree,
        F: Func<A, By>,
        R: Fn(A, A) -> Q,
        Q: Output<Tree = (F::Out, D)>,
        D: Tree,
    {
        WithJvpRule {
            function: self.function,
            name: self.name,
            rule,
        }
    }
}

impl<F, R> WithJvpRule<F, R> {
    fn mismatch<T>(&self, expected: impl ToString, actual: impl ToString) -> Result<T, Error> {
        Err(AutodiffError::RuleMismatch {
            name: self.name.to_string(),
            rule: "jvp rule",
            expected: expected.to_string(),
            actual: actual.to_string(),
        }
        .into())
    }

    /// Traces the rule for arguments of these types.
    fn trace_rule<A, Q, D, T>(
        &self,
        def: &TreeDef,
        types: &[TensorType],
        out: (&TreeDef, &[TensorType]),
        location: Caller,
    ) -> Result<Traced, Error>
    where
        A: Tree,
        R: Fn(A, A) -> Q,
        Q: Output<Tree = (T, D)>,
        T: Tree,
        D: Tree,
    {
        let tangents = types.iter().filter(|ty| ty.dtype.is_inexact());
        let tangents = tangents.map(|ty| ty.clone().with_weak(false));
        let inputs: Vec<TensorType> = types.iter().cloned().chain(tangents).collect();
        let (traced, ()) = trace_dynamic(&inputs, None, location, |mut inputs| {
            let mut given = inputs.split_off(types.len()).into_iter();
            let tangents: Vec<Tensor> = types
                .iter()
                .filter_map(|ty| match ty.dtype.is_inexact() {
                    true => given.next(),
                    false => Some(float0(ty)),
                })
                .collect();
            let path = Path::root("args");
            let primals = A::unflatten(def, &mut inputs.into_iter(), &path)?;
            let tangents = A::unflatten(def, &mut tangents.into_iter(), &path)?;
            let (result, tangent) = (self.rule)(primals, tangents).into_result()?;
            let (out_def, out_types) = out;
            let mut leaves = Vec::new();
            let found = result.flatten(&mut leaves);
            if found != *out_def {
                return self.mismatch(format!("a result like the function's, {out_def}"), found);
            }
            for (leaf, ty) in leaves.iter_mut().zip(out_types) {
                let found = leaf.clone().check()?.ty().clone();
                if found.weak && found.shape == ty.shape && found.dtype != ty.dtype {
                    *leaf = leaf.astype(ty.dtype);
                } else if !found.same_layout(ty) {
                    return self.mismatch(format!("a result of type {ty}"), found);
                }
            }
            let belonging = Belonging {
                what: "tangent",
                of: "result",
            };
            let tangents = match sparse_leaves(belonging, out_def, out_types, &tangent) {
                Ok(tangents) => tangents,
                Err(Error::Autodiff(AutodiffError::TangentMismatch {
                    path,
                    expected,
                    actual,
                    ..
                })) => {
                    return self.mismatch(
                        format!("a tangent like the result: {expected} at {path}"),
                        actual,
                    );
                }
                Err(error) => return Err(error),
            };
            let floats = out_types.iter().filter(|ty| ty.dtype.is_inexact());
            let tangents = tangents.into_iter().zip(floats);
            leaves.extend(tangents.map(|(tangent, ty)| super::rule::or_zeros(tangent, ty)));
            Ok((leaves, ()))
        })?;
        Ok(traced)
    }
}

custom_function! {
    WithJvpRule<F, R>;
    [Q, D] where [R: Fn(A, A) -> Q, Q: Output<Tree = (F::Out, D)>, D: Tree];
    |this, def, leaves, location| {
        let mut types = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            types.push(leaf.clone().check()?.ty().clone());
        }
        if !is_tracing() {
            // Derivatives are taken of programs, so nobody will ask for the rule.
            let args = A::unflatten(def, &mut leaves.iter().cloned(), &Path::root("args"))?;
            return this.function.invoke(args);
        }
        let (function, out_def) = trace::<A, By, F>(&this.function, def, &types, None, location)?;
        let outputs = function.program.output_types();
        let rule = traced_rule(&this.name, || {
            let out = (&out_def, &outputs[..]);
            Ok([this.trace_rule::<A, Q, D, F::Out>(def, &types, out, location)?])
        });
        let (captures, program, rule) = with_rule(function, rule);
        let captured = lift_vars(&captures);
        let op = CustomJvpCall {
            name: this.name.clone(),
            program: Arc::new(program),
            num_consts: captures.len(),
            rule,
        };
        let operands: Vec<&Tensor> = captured.iter().chain(leaves).collect();
        results(&out_def, apply(op, &operands, location)?)
    }
}
