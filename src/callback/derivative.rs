//! The derivatives of host functions, which are host functions themselves.

use std::sync::Arc;

use super::Callback;
use crate::array::TensorType;

/// What the backward rule of a host function gets beside the cotangents; see [`Callback::vjp_of`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Residuals {
    /// The arguments.
    Arguments,
    /// The results.
    Results,
    /// What another host function finds, which is called in the place of this one where a derivative is taken: it gives the results
    /// and then the residuals, and declares the types of both.
    Forward(Callback),
}

/// A host function's derivative.
#[derive(Clone, Debug)]
pub(crate) enum HostDerivative {
    /// From arguments and the tangents of the floating ones to the tangents of the floating results.
    Jvp(Callback),
    /// From residuals and the cotangents of the floating results to the cotangents of the floating arguments.
    Vjp(Callback, Residuals),
}

impl Callback {
    /// Gives the host function a forward derivative: a host function of the arguments and then the tangents of the floating ones
    /// (zeros where there is none), which returns the tangents of the floating results.
    ///
    /// The rule is a callback of its own, with its own [`VmapMethod`](crate::VmapMethod), this one's where it has none, and its own rule for a second
    /// derivative; the types it must return follow from this callback's, and those it declares are not looked at.
    /// A host function cannot be transposed, so reverse mode needs [`Callback::vjp`].
    ///
    /// ```
    /// use elimap::{jvp, prelude::*};
    /// let map = |name: &str, f: fn(f64, f64) -> f64| {
    ///     Callback::new(name, [f64::spec([])], move |args: &[Array]| -> Result<Array, elimap::ArrayError> {
    ///         let dx = args.last().map_or(Ok(0.0), Array::item::<f64>)?;
    ///         Ok(Array::from(f(args[0].item::<f64>()?, dx)))
    ///     })
    /// };
    /// let sin = map("sin", |x, _| x.sin()).jvp(map("sin_jvp", |x, dx| x.cos() * dx));
    /// let (y, dy) = jvp(|x: Tensor| sin.call((x,)), (0.5,), (2.0,))?;
    /// assert_eq!(y.to_array()?.item::<f64>()?, 0.5_f64.sin());
    /// assert_eq!(dy.to_array()?.item::<f64>()?, 0.5_f64.cos() * 2.0);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[must_use]
    pub fn jvp(mut self, rule: Callback) -> Self {
        self.derivative = Some(Arc::new(HostDerivative::Jvp(rule)));
        self
    }

    /// Gives the host function a reverse derivative: a host function of the arguments and then the cotangents of the floating results
    /// (zeros where none arrives), which returns the cotangents of the floating arguments. What else is said of rules at
    /// [`Callback::jvp`] holds here too; there is no forward mode through such a callback.
    ///
    /// ```
    /// use elimap::{grad, prelude::*};
    /// let map = |name: &str, f: fn(f64, f64) -> f64| {
    ///     Callback::new(name, [f64::spec([])], move |args: &[Array]| -> Result<Array, elimap::ArrayError> {
    ///         let ct = args.last().map_or(Ok(0.0), Array::item::<f64>)?;
    ///         Ok(Array::from(f(args[0].item::<f64>()?, ct)))
    ///     })
    ///     .vmap_method(VmapMethod::Sequential)
    /// };
    /// let sin = map("sin", |x, _| x.sin()).vjp(map("sin_vjp", |x, ct| x.cos() * ct));
    /// let slopes = vmap(grad(|x: Tensor| sin.call((x,)))).call((Array::from(vec![0.0, 0.5]),))?;
    /// assert_eq!(slopes.to_array()?.to_vec::<f64>()?, [1.0, 0.5_f64.cos()]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[must_use]
    pub fn vjp(self, backward: Callback) -> Self {
        self.vjp_of(Residuals::Arguments, backward)
    }

    /// As [`Callback::vjp`], with other residuals than the arguments.
    ///
    /// ```
    /// use elimap::{Residuals, grad, prelude::*};
    /// // The derivative of the exponential function is its result.
    /// let times = Callback::of("times", |y: f64, ct: f64| y * ct);
    /// let exp = Callback::of("exp", f64::exp).vjp_of(Residuals::Results, times);
    /// let slope = grad(|x: Tensor| exp.call((x,))).call((1.0,))?;
    /// assert_eq!(slope.item::<f64>()?, 1_f64.exp());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn vjp_of(mut self, residuals: Residuals, backward: Callback) -> Self {
        self.derivative = Some(Arc::new(HostDerivative::Vjp(backward, residuals)));
        self
    }

    /// The derivative, if it has one.
    pub(crate) fn derivative(&self) -> Option<&HostDerivative> {
        self.derivative.as_deref()
    }

    /// The callback itself, without its derivative.
    pub(crate) fn without_derivative(&self) -> Callback {
        Callback {
            derivative: None,
            ..self.clone()
        }
    }

    /// The callback as a rule of another: with results of these types, and the other's method where it has none.
    pub(crate) fn as_rule_of(
        &self,
        other: &Callback,
        results: impl IntoIterator<Item = TensorType>,
    ) -> Callback {
        let results: Arc<[TensorType]> =
            results.into_iter().map(|ty| ty.with_weak(false)).collect();
        Callback {
            each: self.each.clone().filter(|_| results == self.results),
            results,
            method: self.method.or(other.method),
            ..self.clone()
        }
    }
}
