//! Arrays that are parts or rearrangements of others, without copies where strides can say it.

use ndarray::{Axis, IxDyn};
use smallvec::SmallVec;

use super::{Array, Shape, dispatch, row_major};

impl Array {
    /// The sub-array at one index of an axis, sharing the buffer; `None` outside the bounds.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Array::from(ndarray::array![[1, 2], [3, 4]]);
    /// assert!(x.index_axis(1, 0).is_some_and(|column| column.identical(&Array::from(vec![1, 3]))));
    /// assert!(x.index_axis(1, 2).is_none());
    /// ```
    #[must_use]
    pub fn index_axis(&self, axis: usize, index: usize) -> Option<Array> {
        if self.shape().get(axis).is_none_or(|&n| index >= n) {
            return None;
        }
        Some(dispatch!(&self.data, a => {
            Array::wrap(a.clone().index_axis_move(Axis(axis), index))
        }))
    }

    /// The lane at a multi-index over the leading axes, sharing the buffer.
    ///
    /// An axis of length 1 is read at 0 whatever the index, so arrays batched by
    /// [`ExpandDims`](crate::VmapMethod::ExpandDims) can be walked lane by lane; `None` outside the bounds.
    ///
    /// ```
    /// # use elimap::Array;
    /// let a = Array::from(ndarray::array![[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(a.lane(&[1]).unwrap().to_vec::<i32>().unwrap(), [4, 5, 6]);
    /// assert_eq!(a.lane(&[1, 2]).unwrap().item::<i32>().unwrap(), 6);
    /// ```
    #[must_use]
    pub fn lane(&self, index: &[usize]) -> Option<Array> {
        let mut lane: Option<Array> = None;
        for &i in index {
            let outer = lane.as_ref().unwrap_or(self);
            let i = if outer.shape().first() == Some(&1) {
                0
            } else {
                i
            };
            lane = Some(outer.index_axis(0, i)?);
        }
        Some(lane.unwrap_or_else(|| self.clone()))
    }

    /// The same elements with their axes permuted, sharing the buffer.
    pub(crate) fn permute(&self, permutation: &[usize]) -> Self {
        dispatch!(&self.data, a => Array::wrap(a.clone().permuted_axes(IxDyn(permutation))))
    }

    /// The same elements in another shape of equal size; row-major order, copied only where strides force it.
    pub(crate) fn reshaped(&self, shape: &[usize]) -> Self {
        debug_assert_eq!(self.len(), shape.iter().product::<usize>());
        dispatch!(&self.data, a => {
            // The shared array itself is reshaped, which keeps the buffer.
            if a.is_standard_layout() && let Ok(reshaped) = a.clone().into_shape_with_order(IxDyn(shape)) {
                return Array::wrap(reshaped);
            }
            Array::from_elements(shape, row_major(&a.view()).into_owned())
        })
    }

    /// The same array with its elements in row-major order, copied only where they lie in another.
    pub(crate) fn in_order(&self) -> Self {
        dispatch!(&self.data, a => {
            if a.is_standard_layout() {
                return self.clone();
            }
            Array::from_elements(self.shape(), row_major(&a.view()).into_owned())
        })
    }

    /// A view broadcast to a larger shape with stride-0 axes: `dims[i]` says where axis `i` goes.
    pub(crate) fn broadcast_in_dim(&self, shape: &[usize], dims: &[usize]) -> Self {
        let mut padded: Shape = SmallVec::from_elem(1, shape.len());
        for (&d, &n) in dims.iter().zip(self.shape()) {
            padded[d] = n;
        }
        // `dims` is increasing (checked by the type rule), so the padded shape is a plain reshape.
        let array = self.reshaped(&padded);
        if padded[..] == *shape {
            return array;
        }
        dispatch!(&array.data, a => Array::wrap(a.broadcast(IxDyn(shape)).map_or_else(
            || a.clone(),
            |view| view.to_owned().into_shared(),
        )))
    }

    /// The array repeated to a shape that its own broadcasts to by numpy's rule.
    pub(crate) fn broadcast_to(&self, shape: &[usize]) -> Self {
        if *self.shape() == *shape {
            return self.clone();
        }
        let dims: Shape = (shape.len() - self.rank()..shape.len()).collect();
        self.broadcast_in_dim(shape, &dims)
    }
}
