//! Callbacks on arrays that carry batch axes already.

use super::vmap;
use crate::callback::Callback;
use crate::error::Error;
use crate::tensor::{Flatten, Tensor};
use crate::tree::Axes;

impl Callback {
    /// Calls the host with arguments that lead with `axes` batch axes, as under so many nested vmaps, and returns all
    /// results, which lead with them too.
    ///
    /// An argument may have length 1 on a batch axis where others have more: it is the same in all those lanes.
    ///
    /// # Errors
    ///
    /// As for [`Callback::call`], and [`VmapError`](crate::VmapError) where lengths of batch axes differ.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let scale = Callback::of("scale", |x: [f64; 2], by: f64| [x[0] * by, x[1] * by]);
    /// let x = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
    /// let out = scale.call_batched((&x, vec![10.0, 100.0]), 1)?;
    /// assert_eq!(out[0].to_vec::<f64>()?, [10.0, 20.0, 300.0, 400.0]);
    /// let out = scale.call_batched((&x, vec![2.0]), 1)?;
    /// assert_eq!(out[0].to_vec::<f64>()?, [2.0, 4.0, 6.0, 8.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    pub fn call_batched(&self, args: impl Flatten, axes: usize) -> Result<Vec<Tensor>, Error> {
        let mut leaves = Vec::new();
        args.flatten_owned(&mut leaves);
        batched(self, leaves, axes)
    }
}

fn batched(callback: &Callback, leaves: Vec<Tensor>, axes: usize) -> Result<Vec<Tensor>, Error> {
    if axes == 0 {
        return callback.call_vec(leaves);
    }
    let length = |leaf: &Tensor| leaf.shape().first().copied();
    let longest = leaves.iter().filter_map(length).max();
    let repeated = |leaf: &Tensor| length(leaf) == Some(1) && longest != Some(1);
    let mapped = leaves.iter().map(|leaf| match repeated(leaf) {
        true => Axes::None,
        false => Axes::Axis(0),
    });
    let in_axes = Axes::Tuple(vec![Axes::List(mapped.collect())]);
    let leaves: Vec<Tensor> = leaves
        .into_iter()
        .map(|leaf| {
            if repeated(&leaf) {
                leaf.index(0, 0)
            } else {
                leaf
            }
        })
        .collect();
    vmap(|leaves: Vec<Tensor>| batched(callback, leaves, axes - 1))
        .in_axes(in_axes)
        .call((leaves,))
}
