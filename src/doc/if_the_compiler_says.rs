//! If the compiler says ...: what is meant, and what to write.
//!
//! Each example below is compiled with the documentation's tests: those marked so must fail to compile, and what follows them
//! must work.
//!
//! # `expected function, found Vmap<..>` (E0618)
//!
//! Rust has no call operator for values of one's own. Functions made by `vmap`, `jit` and others are called by `.call`, with a
//! tuple:
//!
//! ```compile_fail,E0618
//! use elimap::prelude::*;
//! let f = vmap(|x: Tensor| x * 2.0);
//! let y = f(Tensor::from(vec![1.0]));
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! let f = vmap(|x: Tensor| x * 2.0);
//! let y = f.call((vec![1.0, 2.0],))?;
//! # Ok::<(), elimap::Error>(())
//! ```
//!
//! # `the arguments .. do not fit a function of ..`
//!
//! Arguments are one tuple, also a single one: `(x,)`.
//!
//! ```compile_fail,E0277
//! use elimap::prelude::*;
//! let y = vmap(|x: Tensor| x * 2.0).call(vec![1.0, 2.0]);
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! let y = vmap(|x: Tensor| x * 2.0).call((vec![1.0, 2.0],))?;
//! # ok(())
//! ```
//!
//! A parameter that is a tuple is one argument, which is a tuple itself: `((x, y),)`. Two parameters are two.
//!
//! ```compile_fail,E0277
//! use elimap::prelude::*;
//! let f = vmap(|(x, y): (Tensor, Tensor)| x + y);
//! let z = f.call((vec![1.0], vec![2.0]))?;
//! # ok(())
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! let of_a_pair = vmap(|(x, y): (Tensor, Tensor)| x + y).call(((vec![1.0], vec![2.0]),))?;
//! let of_two = vmap(|x: Tensor, y: Tensor| x + y).call((vec![1.0], vec![2.0]))?;
//! assert_eq!(of_a_pair.to_vec::<f64>()?, of_two.to_vec::<f64>()?);
//! # ok(())
//! ```
//!
//! # `.. is not a function of the arguments ..`
//!
//! A closure takes its parameters all by value or all by reference, twelve at most, and says their types; without types the compiler asks for
//! annotations (E0282).
//!
//! ```compile_fail,E0282
//! use elimap::prelude::*;
//! let f = vmap(|x| x.sin()).call((vec![1.0],));
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! let by_value = vmap(|x: Tensor| x.sin()).call((vec![0.0],))?;
//! let by_reference = vmap(|x: &Tensor| x.sin()).call((vec![0.0],))?;
//! # Ok::<(), elimap::Error>(())
//! ```
//!
//! [`grad`](crate::grad) and the other derivatives take both too:
//!
//! ```
//! use elimap::prelude::*;
//! let slope = grad(|x: &Tensor| x.sin()).call((0.0,))?;
//! assert_eq!(slope.item::<f64>()?, 1.0);
//! # ok(())
//! ```
//!
//! More than twelve arguments go into a struct with `#[derive(Tree)]`, a tuple or a `Vec`.
//!
//! # `.. is not a function that can be called on the host`
//!
//! [`Callback::of`](crate::Callback::of) takes functions of up to eight parameters. With nine, let one of them be an array:
//!
//! ```compile_fail,E0277
//! use elimap::prelude::*;
//! type T = f64;
//! let sum = |a: T, b: T, c: T, d: T, e: T, f: T, g: T, h: T, i: T| a + b + c + d + e + f + g + h + i;
//! let sum = Callback::of("sum", sum);
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! let sum = Callback::of("sum", |all: [f64; 9]| all.iter().sum::<f64>());
//! assert_eq!(sum.call(([1.0; 9],))?.item::<f64>()?, 9.0);
//! # ok(())
//! ```
//!
//! # `type annotations needed for Result<_, E>` (E0282, E0283)
//!
//! A closure that uses `?` leaves the type of its error open. End it with [`ok`](crate::ok):
//!
//! ```compile_fail,E0282
//! use elimap::prelude::*;
//! let f = vmap(|x: Tensor| {
//!     let y = stack([&x, &x], 0)?;
//!     Ok(y * 2.0)
//! });
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! let f = vmap(|x: Tensor| {
//!     let y = stack([&x, &x], 0)?;
//!     ok(y * 2.0)
//! });
//! # f.call((vec![1.0],))?;
//! # Ok::<(), elimap::Error>(())
//! ```
//!
//! # `binary operation > cannot be applied to Tensor` (E0369), `expected bool, found Tensor` (E0308)
//!
//! Rust's comparisons answer with one `bool`, tensors with many, which are not known while a function is traced. Compare by method
//! (`greater`, `greater_equal`, `less`, `less_equal`, `equal`, `not_equal`), and
//! choose with [`where_`](crate::where_) (both sides are computed) or [`cond`](crate::cond) (one branch runs):
//!
//! ```compile_fail,E0369
//! use elimap::prelude::*;
//! let f = |x: Tensor| if x > 0.0 { x } else { -x };
//! ```
//!
//! ```compile_fail,E0308
//! use elimap::prelude::*;
//! let f = |x: Tensor| if x.greater(0.0) { x } else { -x };
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! let f = |x: Tensor| where_(x.greater(0.0), &x, -&x);
//! assert_eq!(f(Tensor::from(vec![-1.0, 2.0])).to_vec::<f64>()?, [1.0, 2.0]);
//! # Ok::<(), elimap::Error>(())
//! ```
//!
//! # `cannot index into a value of type Tensor` (E0608)
//!
//! Rust's index expressions are places in memory. Index by method: [`Tensor::i`](crate::Tensor::i) takes what goes between
//! numpy's brackets, [`Tensor::get`](crate::Tensor::get) is `x[k]`, and [`Tensor::index`](crate::Tensor::index) takes one entry of any axis, the axis first.
//!
//! ```compile_fail,E0608
//! use elimap::prelude::*;
//! let x = Tensor::from(vec![1.0, 2.0]);
//! let y = x[0];
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! let x = arange(6).reshape([2, 3]);
//! assert_eq!(x.i((.., -1)).to_vec::<i64>()?, [2, 5]);
//! assert_eq!(x.get(1).to_vec::<i64>()?, [3, 4, 5]);
//! assert_eq!(x.index(1, 0).to_vec::<i64>()?, [0, 3]);
//! # Ok::<(), elimap::Error>(())
//! ```
//!
//! # `use of moved value` (E0382)
//!
//! `x * x` moves `x` twice. Operators take references as well, and functions of references own nothing:
//!
//! ```compile_fail,E0382
//! use elimap::prelude::*;
//! let f = |x: Tensor| x * x;
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! let f = |x: Tensor| &x * &x;
//! let g = vmap(|x: &Tensor| x * x);
//! # f(Tensor::from(1.0)); g.call((vec![1.0],))?;
//! # Ok::<(), elimap::Error>(())
//! ```
//!
//! # `ambiguous numeric type {float}` (E0689), `type annotations needed` for `(1.0 - x).sqrt()` (E0282)
//!
//! A bare number on the left can be an `f32` or an `f64` until something decides. Put it on the right, or say which:
//!
//! ```compile_fail,E0282
//! use elimap::prelude::*;
//! let f = |x: Tensor| (1.0 - x).sqrt();
//! ```
//!
//! ```
//! use elimap::prelude::*;
//! let f = |x: Tensor| (1.0_f64 - x).sqrt();
//! # f(Tensor::from(1.0));
//! ```
//!
//! # `Tensor cannot be sent between threads safely` (E0277)
//!
//! A tensor belongs to the thread that traces. Take the array out of it, which may go anywhere: [`Tensor::to_array`](crate::Tensor::to_array).
//!
//! ```compile_fail,E0277
//! use elimap::prelude::*;
//! let x = Tensor::from(1.0);
//! std::thread::spawn(move || x.item::<f64>());
//! ```
//!
//! # `ndarray is ambiguous` (E0659)
//!
//! The prelude brings along the version of ndarray whose arrays elimap takes, and the project depends on another one. Write
//! `use elimap::ndarray;` below the prelude for the one, or `::ndarray` for the other.
