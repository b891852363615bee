//! Random orders.

use std::panic::Location;

use super::{Key, bits, split};
use crate::array::DType;
use crate::error::Error;
use crate::tensor::{TakeMode, Tensor, composed, resolve, sort_by_key};

/// Sorted by random words, again and again until words that meet do not matter.
fn shuffled(key: &Key, x: Tensor, axis: usize) -> Result<Tensor, Error> {
    let size = x.ty().size().max(1) as f64;
    let rounds = (3.0 * size.ln() / f64::from(u32::MAX).ln()).ceil() as usize;
    let (mut key, mut x) = (key.clone(), x);
    for _ in 0..rounds {
        let keys = split(&key, 2);
        let words = bits(&keys.get(1), x.shape(), DType::U32);
        x = sort_by_key(&[&words, &x], axis as isize)?.swap_remove(1);
        key = keys.get(0);
    }
    Ok(x)
}

/// The slices along an axis in random order, or with `independent` every line along it in an order of its own.
///
/// ```
/// use elimap::random;
/// let x = random::permutation(&random::Key::new(0), vec![1, 2, 3], 0, false);
/// assert_eq!(x.sort(0).to_vec::<i32>()?, [1, 2, 3]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn permutation(key: &Key, x: impl Into<Tensor>, axis: isize, independent: bool) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        let axis = resolve("permutation", &[axis], x.rank(), Location::caller())?[0];
        if independent || x.rank() == 1 {
            return shuffled(key, x, axis);
        }
        let order = shuffled(key, crate::tensor::arange(x.shape()[axis]), 0)?;
        Ok(x.take(order, axis as isize, TakeMode::Fill))
    })
}
