//! elimap for JAX users: what you write there, what you write here, and what differs.
//!
//! Arrays behave as with `jax_enable_x64`: a bare `2.0` is weakly typed, integers wrap, NaN propagates. `COMPATIBILITY.md` goes
//! through JAX's rules one by one and names the test for each.
//!
//! # Functions and transforms
//!
//! | JAX | here | differs |
//! |---|---|---|
//! | `jnp.array([1., 2.])` | `vec![1.0, 2.0]`, `ndarray::array![..]`, `Tensor::from(..)` of either | a `Vec` of numbers is an array, a `Vec` of tensors a list |
//! | `float(y)`, `np.asarray(y)` | `y.item::<f64>()?`, `y.to_vec::<f64>()?`, `y.to_array()?` | |
//! | `vmap(f, in_axes=(0, None))` | `vmap(f).in_axes((0, None))` | closures write their parameters' types: `\|x: Tensor, y: Tensor\|`, or all of them `&Tensor` |
//! | `out_axes=1`, `axis_size=3`, `axis_name="i"` | `.out_axes(1)`, `.axis_size(3)`, `.axis_name("i")` | |
//! | `vmap(f)(x, y)` | `vmap(f).call((x, y))?` | arguments are one tuple; errors are returned |
//! | `jit(f)(x)` | `jit(f).call((x,))?` | keep the value: it holds the compiled programs |
//! | `make_jaxpr(vmap(f))(x)` | `vmap(f).trace((f64::spec([3]),))?` | takes types; prints as JAX's jaxpr |
//! | `lax.map(f, xs, batch_size=k)` | `map(f, xs, k)?` | |
//! | - | `vmap(f).chunk_size(k)` | bounded memory for any vmap |
//! | `pmap(f)` | refused | the error says what to use |
//!
//! # Derivatives
//!
//! | JAX | here | differs |
//! |---|---|---|
//! | `grad(f)(x)`, `value_and_grad(f)(x)` | `grad(f).call((x,))?`, `value_and_grad(f).call((x,))?` | |
//! | `grad(f, argnums=1)`, `argnums=(0, 1)` | `grad(f).argnums(Arg::<1>)`, `.argnums((Arg::<0>, Arg::<1>))` | integers known at run time give a `TreeValue` |
//! | `has_aux=True`, `allow_int=True` | `.has_aux()`, `.allow_int(true)`; `jvp_has_aux`, `vjp_has_aux`, `linearize_has_aux` | |
//! | `jacfwd(f)`, `jacrev(f)`, `hessian(f)` | the same, with `.call((x,))?` | |
//! | `jvp(f, (x,), (dx,))` | `jvp(f, (x,), (dx,))?` | |
//! | `linearize(f, x)`, `vjp(f, x)` | `linearize(f, (x,))?`, `vjp(f, (x,))?` | the second result has a method `call` |
//! | `linear_transpose(f, x)` | `linear_transpose(f, (f64::spec([3]),))?` | takes types |
//! | `eval_shape(f, x)` | `eval_shape(f, (f64::spec([2]),))?` | tensors with a type and no value |
//! | `nondiff_argnums=(0,)` | `.nondiff_args::<1>()` | the first arguments; or capture what is no argument |
//! | `stop_gradient(x)` | `stop_gradient(x)?` | of any tree |
//! | `checkpoint(f, policy=p)` | `checkpoint(f).policy(p)` | |
//! | `@custom_jvp`, `f.defjvp(rule)` | `custom_jvp(f).def_jvp(rule)` | the rule takes two tuples; capture what is not differentiated |
//! | `@custom_vjp`, `f.defvjp(fwd, bwd)` | `custom_vjp(f).def_vjp(fwd, bwd)` | the same |
//! | `custom_jvp` around `pure_callback` | `Callback::jvp(rule)` | the rule is a callback |
//! | `custom_vjp` around `pure_callback` | `Callback::vjp(backward)`, `vjp_of(residuals, backward)` | the same |
//! | `float0` | `false` at every place | given, `None` will do |
//!
//! # Callbacks
//!
//! | JAX | here | differs |
//! |---|---|---|
//! | `pure_callback(host, ShapeDtypeStruct((), f64), x, vmap_method="expand_dims")` | `Callback::new("host", [f64::spec([])], host).vmap_method(VmapMethod::ExpandDims)`, then `cb.call((x,))?` | made once, called often; a name for messages |
//! | an ordinary function for one example | `Callback::of("host", f)` for `fn f(y: [f64; 2], mu: f64) -> [f64; 2]` | types are read off the function |
//! | `jnp.vectorize` of a number function | `elementwise("cbrt", f64::cbrt)` | one host call for any batch |
//! | several results | `let [lo, hi] = cb.call_many((x,))?` | |
//! | `vmap_method=None` | no `vmap_method` | refused under `vmap`, as in JAX |
//! | `io_callback(host, .., ordered=True)` | `.io(true)` | |
//! | - | `VmapMethod::Parallel` | per-lane calls on all threads |
//! | a host exception | `CallbackError::Failed` | carries the name, the lane and the host's error |
//!
//! # Arrays
//!
//! | JAX | here | differs |
//! |---|---|---|
//! | `jnp.complex128`, `jnp.bfloat16`, `1 + 2j` | `DType::C128`, `DType::BF16`, `Complex::new(1.0, 2.0)` of `elimap::num_complex` | as with `jax_enable_x64` |
//! | `z.real`, `jnp.conj(z)`, `lax.complex(re, im)` | `z.real()`, `z.conj()`, `lax::complex(re, im)` | |
//! | `jnp.fft.rfft(x, n, axis, norm)` | `fft::rfft(x, Some(n), axis, fft::Norm::Ortho)` | |
//! | `x + y`, `x * 2`, `-x`, `x % y`, `x & y` | the same | `%` has the sign of the divisor, as in Python |
//! | `x == y`, `x < y` | `x.equal(y)`, `x.less(y)` | Rust's comparisons return `bool` |
//! | `x ** 2`, `x // y`, `x @ y` | `x.pow(2)`, `x.floor_divide(y)`, `x.matmul(y)` | |
//! | `jnp.sin(x)`, `jnp.log(x)` | `x.sin()`, `x.ln()` | |
//! | `x.sum()`, `x.sum(0)`, `x.sum((0, -1))` | `x.sum(..)`, `x.sum(0)`, `x.sum([0, -1])` | likewise `prod max min all any` |
//! | `jnp.argmax(x, 1)`, `jnp.sort(x, 0)` | `x.argmax(1)`, `x.sort(0)` | |
//! | `jnp.where(c, x, y)` | `where_(c, x, y)` | |
//! | `x.reshape(2, -1)`, `x.T`, `x[:, None]` | `x.reshape([2, -1])`, `x.t()`, `x.expand_dims(1)` | |
//! | `x[3]`, `x[:, 1:, -1, None]` | `x.get(3)`, `x.i((.., 1.., -1, NEW_AXIS))` | a number out of bounds reads the nearest element, as in JAX |
//! | `x[1:5:2]`, `x[::-1]`, `x[..., 0]` | `x.i(strided(1..5, 2))`, `x.i(strided(.., -1))`, `x.i((ELLIPSIS, 0))` | |
//! | `jnp.zeros((2, 3))`, `jnp.arange(2, 5)` | `zeros([2, 3], DType::F64)`, `arange(2..5)` | |
//! | `jnp.median(x, 0)` and the rest of numpy | `elimap::numpy::median(x, 0)`: [`numpy`](crate::numpy) | |
//! | `jax.nn`, `jax.random`, `jax.scipy.special`, `jax.scipy.stats` | [`nn`](crate::nn), [`random`](crate::random), [`special`](crate::special), [`stats`](crate::stats) | random bits are JAX's |
//! | `jnp.take(x, i, axis=0)` | `x.take(i, 0, TakeMode::Fill)` | |
//! | `x.at[i].add(y)` | `x.at(i).add(y)` | |
//! | `lax.dynamic_slice(x, (i,), (3,))` | `x.dynamic_slice(&[i], [3])` | |
//! | `jnp.einsum("ij,j->i", a, x)` | `einsum("ij,j->i", [&a, &x])?` | |
//! | `jnp.linalg.solve(a, b)` | `a.solve(b)` | |
//!
//! # Control flow and collectives
//!
//! | JAX | here | differs |
//! |---|---|---|
//! | `lax.cond(p, f, g, x)` | `cond(p, f, g, (x,))?` | |
//! | `lax.switch(i, [f, g], x)` | `switch(i, &[&f, &g], (x,))?` | |
//! | `lax.while_loop(c, b, x)` | `while_loop(c, b, x)?` | |
//! | `lax.fori_loop(0, n, b, x)` | `fori_loop(0, n, b, x)?` | |
//! | `lax.scan(f, c, xs)` | `scan(f, c, xs, ScanOptions::default())?` | |
//! | `lax.psum(x, "i")` | `psum(x, "i")?` | likewise `pmean pmax pmin all_gather ppermute ..` |
//! | `psum(1, "i")` | `axis_size("i")?` | a `usize` |
//!
//! # Errors
//!
//! Operators do not fail on the spot: the first error is kept, with your file and line, and returned by `call` or `trace`.
//!
//! ```
//! use elimap::prelude::*;
//! let f = vmap(|x: Tensor, y: Tensor| x + y);
//! let error = f.call((ndarray::arr2(&[[1.0, 2.0]]), ndarray::arr2(&[[1.0, 2.0, 3.0]]))).unwrap_err();
//! assert!(error.to_string().contains("(2,), (3,)"), "{error}");
//! ```
