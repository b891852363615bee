//! Host callbacks: functions that exist only as host code, under `vmap`.
//!
//! # Declare it
//!
//! A [`Callback`](crate::Callback) has a name, the types of its results for one example, and a host function. Its
//! [`VmapMethod`](crate::VmapMethod) says what a batch does; there is no default.
//!
//! ```
//! use elimap::prelude::*;
//! let log = CallLog::new();
//! let cube_root = Callback::new("cube_root", [f64::spec([])], |args: &[Array]| {
//!     args[0].view::<f64>().map(|x| Array::from(x.mapv(f64::cbrt)))
//! })
//! .vmap_method(VmapMethod::ExpandDims)
//! .log(&log);
//!
//! let f = vmap(|x: Tensor| Ok::<_, Error>(cube_root.call((&x,))? + x));
//! let out = f.call((ndarray::array![1.0, 8.0, 27.0],))?;
//! assert_eq!(out.to_array()?.to_vec::<f64>()?, [2.0, 10.0, 30.0]);
//! assert_eq!(log.len(), 1); // the whole batch in one call
//! # Ok::<(), Error>(())
//! ```
//!
//! # Several levels, still one call
//!
//! Under nested vmaps an argument has an axis per level; a level that does not map it shows as length 1, so numpy-style
//! broadcasting on the host does the rest.
//!
//! ```
//! use elimap::prelude::*;
//! let log = CallLog::new();
//! let add = Callback::new("add", [f64::spec([])], |args: &[Array]| {
//!     (Tensor::from(&args[0]) + &args[1]).to_array()
//! })
//! .vmap_method(VmapMethod::ExpandDims)
//! .log(&log);
//! let table = vmap(vmap(&add).in_axes((None, 0))).in_axes((0, None));
//! let out = table.call((ndarray::array![10.0, 20.0], ndarray::array![1.0, 2.0, 3.0]))?;
//! assert_eq!(out.to_array()?.to_vec::<f64>()?, [11.0, 12.0, 13.0, 21.0, 22.0, 23.0]);
//! let call = &log.records()[0];
//! assert_eq!((call.args[0].shape(), call.args[1].shape()), (&[2, 1][..], &[1, 3][..]));
//! # Ok::<(), Error>(())
//! ```
//!
//! # Host code for one example only
//!
//! `Sequential` calls it lane by lane in order, `Parallel` on all threads with the results in lane order.
//!
//! ```
//! use elimap::prelude::*;
//! let collatz = Callback::new("collatz", [i64::spec([])], |args: &[Array]| {
//!     let mut n = args[0].item::<i64>()?;
//!     let mut steps = 0_i64;
//!     while n != 1 {
//!         n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
//!         steps += 1;
//!     }
//!     Ok::<_, elimap::ArrayError>(Array::scalar(steps))
//! })
//! .vmap_method(VmapMethod::Parallel);
//! let out = vmap(&collatz).call((Array::from(vec![1_i64, 6, 27]),))?;
//! assert_eq!(out.to_array()?.to_vec::<i64>()?, [0, 8, 111]);
//! # Ok::<(), Error>(())
//! ```
//!
//! # When the host fails
//!
//! An error, or a panic, arrives as a typed error with the callback's name and, for per-lane methods, the lane.
//!
//! ```
//! use elimap::prelude::*;
//! let positive = Callback::new("positive", [f64::spec([])], |args: &[Array]| {
//!     match args[0].item::<f64>() {
//!         Ok(x) if x > 0.0 => Ok(Array::scalar(x)),
//!         other => Err(format!("not positive: {other:?}")),
//!     }
//! })
//! .vmap_method(VmapMethod::Sequential);
//! let error = vmap(&positive).call((ndarray::array![1.0, -2.0, 3.0],)).unwrap_err();
//! assert!(error.to_string().starts_with("callback `positive` failed at lane [1]: not positive: Ok(-2.0)"));
//! ```
