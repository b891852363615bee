//! Random numbers as JAX makes them: explicit keys, threefry2x32, the same bits (`jax_threefry_partitionable` on).
//!
//! A [`Key`] is a value: the same key gives the same numbers, whatever the batch, the threads or the order. [`split`] makes new ones. Keys
//! are mapped as tensors are, so `vmap` over keys draws for each lane what its key draws alone.
//!
//! ```
//! use elimap::prelude::*;
//! use elimap::random::{self, Key};
//! let keys = random::split(&Key::new(0), 3);
//! let draws = vmap(|key: Key| random::normal(&key, [2], DType::F64)).call((&keys,))?;
//! assert_eq!(draws.shape(), [3, 2]);
//! let second = random::normal(&keys.get(1), [2], DType::F64);
//! assert_eq!(draws.get(1).to_vec::<f64>()?, second.to_vec::<f64>()?);
//! # Ok::<(), elimap::Error>(())
//! ```
//!
//! The generator is that of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).

mod continuous;
mod discrete;
mod gamma;
mod keys;
mod order;
mod width;

pub use continuous::*;
pub use discrete::*;
pub use gamma::*;
pub use keys::{Key, bits, fold_in, split};
pub use order::*;
pub use width::in_32_bits;
