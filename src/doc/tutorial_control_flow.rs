//! Loops and branches whose course depends on values, and what `vmap` makes of them.
//!
//! Rust's own `if` and `for` run while the function is traced; what depends on a tensor's value needs these functions. All
//! of them take closures, which may use tensors from outside.
//!
//! # A branch
//!
//! ```
//! use elimap::prelude::*;
//! let relu = |x: Tensor| cond(x.greater(0.0), |x: Tensor| x, |x: Tensor| x * 0.0, (x.clone(),));
//! let out = vmap(relu).call((ndarray::array![-1.0, 2.0],))?;
//! assert_eq!(out.to_array()?.to_vec::<f64>()?, [-0.0, 2.0]);
//! # Ok::<(), Error>(())
//! ```
//!
//! With a predicate per lane both branches run on every lane and a select keeps one; with a shared predicate only
//! the taken branch runs.
//!
//! # A loop that carries a value
//!
//! ```
//! use elimap::prelude::*;
//! let newton = |a: Tensor| fori_loop(0, 30, |_, x: Tensor| (&x + &a / &x) / 2.0, a.clone());
//! let out = vmap(newton).call((ndarray::array![4.0, 9.0],))?;
//! assert_eq!(out.to_array()?.to_vec::<f64>()?, [2.0, 3.0]);
//! # Ok::<(), Error>(())
//! ```
//!
//! # A loop until a condition
//!
//! ```
//! use elimap::prelude::*;
//! let digits = |n: Tensor| {
//!     let more = |(n, _): (Tensor, Tensor)| n.greater(0);
//!     let step = |(n, count): (Tensor, Tensor)| (n.floor_divide(10), count + 1);
//!     while_loop(more, step, (n, 0)).map(|(_, count): (Tensor, Tensor)| count)
//! };
//! let out = vmap(digits).call((Array::from(vec![7_i64, 1234, 50]),))?;
//! assert_eq!(out.to_array()?.to_vec::<i64>()?, [1, 4, 2]);
//! # Ok::<(), Error>(())
//! ```
//!
//! Lanes that are done keep their value while the others go on; the body still runs on them, callbacks included.
//!
//! # A scan
//!
//! ```
//! use elimap::prelude::*;
//! let prefix = |x: Tensor| {
//!     let step = |sum: Tensor, x: Tensor| { let sum = sum + x; (sum.clone(), sum) };
//!     let (_, sums): (Tensor, Tensor) = scan(step, 0.0, x, ScanOptions::default())?;
//!     Ok::<_, Error>(sums)
//! };
//! let out = vmap(prefix).call((ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],))?;
//! assert_eq!(out.to_array()?.to_vec::<f64>()?, [1.0, 3.0, 6.0, 4.0, 9.0, 15.0]);
//! # Ok::<(), Error>(())
//! ```
