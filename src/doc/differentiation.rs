//! Differentiation: gradients, Jacobians, derivatives of your own, and host functions among them.
//!
//! # The gradient of a loss
//!
//! [`grad`](crate::grad) makes of a function of one scalar result a function that returns its gradient. It takes the arguments that the function takes,
//! and what it returns is built like the first of them, or those that `argnums` names. Structs with `#[derive(Tree)]` are as good as tensors.
//!
//! ```
//! use elimap::prelude::*;
//! use elimap::{Tree, value_and_grad};
//!
//! #[derive(Tree)]
//! struct Line {
//!     slope: Tensor,
//!     offset: Tensor,
//! }
//! let loss = |line: Line, x: Tensor, y: Tensor| (line.slope * x + line.offset - y).square().mean(..);
//! let line = Line { slope: 1.0.into(), offset: 0.0.into() };
//! let (x, y) = (Array::from(vec![0.0, 1.0]), Array::from(vec![1.0, 3.0]));
//! let (value, slope): (Tensor, Line) = value_and_grad(loss).call((line, x, y))?;
//! assert_eq!(value.to_array()?.item::<f64>()?, 2.5);
//! assert_eq!(slope.slope.to_array()?.item::<f64>()?, -2.0);
//! assert_eq!(slope.offset.to_array()?.item::<f64>()?, -3.0);
//! # Ok::<(), Error>(())
//! ```
//!
//! A derivative is an ordinary function of tensors, so `vmap(grad(loss))` gives gradients per example, `jit(grad(loss))` a compiled one, and
//! `grad(grad(f))` the second derivative. What the function captures is a constant to it, and a derivative further out still sees it:
//!
//! ```
//! use elimap::prelude::*;
//! use elimap::grad;
//! // d/dx (x * d/dy (x + y)) = 1
//! let f = |x: Tensor| Ok::<_, Error>(&x * grad(|y: Tensor| &x + y).call((1.0,))?);
//! assert_eq!(grad(f).call((1.0,))?.to_array()?.item::<f64>()?, 1.0);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Which function to use
//!
//! | wanted | function |
//! |---|---|
//! | the gradient of one number | [`grad`](crate::grad), [`value_and_grad`](crate::value_and_grad) |
//! | the derivative along one direction | [`jvp`](crate::jvp); along several, [`linearize`](crate::linearize) |
//! | a product with cotangents | [`vjp`](crate::vjp); of a linear function, [`linear_transpose`](crate::linear_transpose) |
//! | a whole Jacobian | [`jacfwd`](crate::jacfwd) of few arguments, [`jacrev`](crate::jacrev) of few results |
//! | second derivatives | [`hessian`](crate::hessian); times a vector, `jvp` of `grad` |
//! | a value taken for a constant | [`stop_gradient`](crate::stop_gradient) |
//! | less memory in reverse mode | [`checkpoint`](crate::checkpoint) |
//! | something beside the value, not differentiated | `has_aux` of `grad` and its kin, [`jvp_has_aux`](crate::jvp_has_aux), [`vjp_has_aux`](crate::vjp_has_aux) |
//! | shapes and element types only | [`eval_shape`](crate::eval_shape) |
//! | a derivative of your own | [`custom_jvp`](crate::custom_jvp), [`custom_vjp`](crate::custom_vjp) |
//!
//! A Hessian times a vector never builds the Hessian:
//!
//! ```
//! use elimap::prelude::*;
//! use elimap::{grad, jvp};
//! let f = |x: Tensor| x.pow(3).sum(..);
//! let (x, v) = (Array::from(vec![1.0, 2.0]), Array::from(vec![1.0, 10.0]));
//! let (_, product) = jvp(grad(f), (x,), (v,))?;
//! assert_eq!(product.to_array()?.to_vec::<f64>()?, [6.0, 120.0]);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Loops
//!
//! Forward mode passes through every loop. Reverse mode needs the number of steps when the function is traced: [`scan`](crate::scan), [`map`](crate::map()) and
//! [`fori_loop`](crate::fori_loop) with known bounds have it, [`while_loop`](crate::while_loop) does not. A loop in reverse mode keeps what its steps need again: one entry per
//! step of what changes, one for all of what does not, and nothing for integers. [`checkpoint`](crate::checkpoint) around a step keeps the carry alone.
//!
//! # Host functions
//!
//! What the host computes cannot be looked into, so a [`Callback`](crate::Callback) brings its derivative along, a callback too: [`Callback::vjp`](crate::Callback::vjp) for reverse mode,
//! [`Callback::jvp`](crate::Callback::jvp) for forward mode. Under `vmap` each is called as its [`VmapMethod`](crate::VmapMethod) says; with a vectorizing one, a thousand gradients
//! are two host calls.
//!
//! ```
//! use elimap::prelude::*;
//! use elimap::grad;
//! let log = CallLog::new();
//! let cbrt = Callback::new("cbrt", [f64::spec([])], |a: &[Array]| {
//!     a[0].view::<f64>().map(|x| Array::from(x.mapv(f64::cbrt)))
//! })
//! .vjp(Callback::new("cbrt_vjp", [], |a: &[Array]| -> Result<Array, elimap::ArrayError> {
//!     let (x, ct) = (a[0].view::<f64>()?, a[1].view::<f64>()?);
//!     Ok(Array::from(&ct / x.mapv(|x| 3.0 * x.cbrt().powi(2))))
//! })
//! .log(&log))
//! .vmap_method(VmapMethod::ExpandDims)
//! .log(&log);
//! let slopes = vmap(grad(|x: Tensor| cbrt.call((x,)))).call((Array::from(vec![1.0, 8.0]),))?;
//! assert_eq!(slopes.to_array()?.to_vec::<f64>()?, [1.0 / 3.0, 1.0 / 12.0]);
//! assert_eq!(log.len(), 2);
//! # Ok::<(), Error>(())
//! ```
//!
//! A callback that a derivative reaches and that has no rule for it is refused by name. `io_callback`s have none; `debug_callback`s look
//! at values and are passed by. The replays of an elimination trace carry theirs.
//!
//! # Numerical conventions
//!
//! They are JAX's: ties of a maximum share the gradient, `abs` has slope 0 at 0, and a `where_` passes a NaN of the branch not taken, so
//! guard the argument rather than the result.
