//! Stacks: arrays that are filled one index of their first axis after the other.

use ndarray::{ArcArray, Axis, IxDyn};

use super::{Array, Element, dispatch_dtype};

impl Array {
    /// Writes a value at an index of the first axis; its type is that of what lies there.
    pub(crate) fn put_at(&mut self, index: usize, value: &Array) {
        fn copy<T: Element>(to: &mut ArcArray<T, IxDyn>, index: usize, value: &Array) {
            if let Some(from) = T::unwrap_ref(value.data()) {
                // A stack is its buffer's only holder, so nothing is copied here but the value.
                let start = index * from.len();
                if let (Some(to), Some(from)) = (to.as_slice_mut(), from.as_slice()) {
                    to[start..start + from.len()].copy_from_slice(from);
                    return;
                }
                to.index_axis_mut(Axis(0), index).assign(from);
            }
        }
        dispatch_dtype!(self.dtype(), T => {
            if let Some(to) = T::unwrap_mut(self.data_mut()) {
                copy::<T>(to, index, value);
            }
        });
    }
}
