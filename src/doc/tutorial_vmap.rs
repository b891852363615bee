//! `vmap` in ten minutes.
//!
//! # One example first
//!
//! Write the function for one example. Tensors know their shape per example, whatever batch will come.
//!
//! ```
//! use elimap::prelude::*;
//! let distance = |p: Tensor, q: Tensor| (p - q).square().sum(..).sqrt();
//! let d = distance(Array::from(vec![0.0, 3.0]).into(), Array::from(vec![4.0, 0.0]).into());
//! assert_eq!(d.to_array()?.item::<f64>()?, 5.0);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Then a batch
//!
//! `vmap` turns it into a function of batches. `in_axes` says which axis of each argument holds the lanes; `None` is shared.
//!
//! ```
//! use elimap::prelude::*;
//! # let distance = |p: Tensor, q: Tensor| (p - q).square().sum(..).sqrt();
//! let to_one = vmap(distance).in_axes((0, None));
//! let points = ndarray::array![[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]];
//! let d = to_one.call((&points, ndarray::array![0.0, 0.0]))?;
//! assert_eq!(d.to_array()?.to_vec::<f64>()?, [0.0, 5.0, 10.0]);
//!
//! // Points in columns: the lanes lie along axis 1.
//! let columns = vmap(distance).in_axes((1, None));
//! let d = columns.call((points.t().to_owned(), ndarray::array![0.0, 0.0]))?;
//! assert_eq!(d.to_array()?.to_vec::<f64>()?, [0.0, 5.0, 10.0]);
//! # Ok::<(), Error>(())
//! ```
//!
//! # It composes
//!
//! The result is a function again. Every pair of two lists is two vmaps; the inner one sees lanes of the outer one.
//!
//! ```
//! use elimap::prelude::*;
//! # let distance = |p: Tensor, q: Tensor| (p - q).square().sum(..).sqrt();
//! let table = vmap(vmap(distance).in_axes((None, 0))).in_axes((0, None));
//! let (p, q) = (ndarray::array![[0.0, 0.0], [3.0, 4.0]], ndarray::array![[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]);
//! let d = table.call((p, q))?.to_array()?;
//! assert_eq!(d.shape(), [2, 3]);
//! assert_eq!(d.to_vec::<f64>()?, [0.0, 3.0, 4.0, 5.0, 4.0, 3.0]);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Structures
//!
//! Arguments and results may be tuples, `Vec`, `Option`, `BTreeMap<String, _>` and structs; axes are prefixes of them.
//!
//! ```
//! use elimap::prelude::*;
//! #[derive(Tree)]
//! struct Layer {
//!     weight: Tensor,
//!     bias: Tensor,
//! }
//! let apply = |layer: Layer, x: Tensor| (layer.weight.matmul(x) + layer.bias).tanh();
//! let layer = Layer {
//!     weight: Array::full(&[2, 3], 0.5.into()).into(),
//!     bias: Array::zeros(DType::F64, &[2]).into(),
//! };
//! let out = vmap(apply).in_axes((None, 0)).call((layer, Array::full(&[4, 3], 1.0.into())))?;
//! assert_eq!(out.shape(), [4, 2]);
//! # Ok::<(), Error>(())
//! ```
//!
//! # What was made of it
//!
//! `trace` shows the program without running it; a value that no mapped argument reaches stays unbatched.
//!
//! ```
//! use elimap::prelude::*;
//! let f = vmap(|x: Tensor, w: Tensor| x * w.exp()).in_axes((0, None));
//! assert_eq!(
//!     f.trace((f64::spec([3]), f64::spec([])))?.to_string(),
//!     "{ lambda ; a:f64[3] b:f64[]. let c:f64[] = exp b; d:f64[3] = mul a c in (d,) }"
//! );
//! # Ok::<(), Error>(())
//! ```
