//! Large buffers of arrays that are gone, kept for arrays to come.
//!
//! The system hands out large pieces of memory page by page, each of which it clears when it is first touched, and that takes longer
//! than most operations. So what is dead is used again: the latest buffers are kept, up to [`MOST`] bytes.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use ndarray::{ArcArray, IxDyn, s};

use super::{Data, Element, dispatch};

/// Smaller buffers come from the allocator, which keeps them itself.
const LEAST: usize = 1 << 16;

/// The bytes of a cache line.
const LINE: usize = 64;

/// As many bytes are kept.
const MOST: usize = 1 << 28;

/// As many sizes are remembered that were asked for.
const SIZES: usize = 32;

struct Kept {
    /// The oldest first; each is its buffer's only holder.
    buffers: VecDeque<Data>,
    bytes: usize,
    /// Sizes in bytes that were asked for, and how many more times than one of the size was kept: what nobody asks for is not
    /// kept, so that a loop holds no more than its own arrays.
    asked: VecDeque<(usize, usize)>,
}

impl Kept {
    fn ask(&mut self, size: usize) {
        match self.asked.iter_mut().find(|(of, _)| *of == size) {
            Some((_, more)) => *more += 1,
            None => {
                if self.asked.len() == SIZES {
                    self.asked.pop_front();
                }
                self.asked.push_back((size, 1));
            }
        }
    }

    /// Whether one of this size was asked for and none kept since.
    fn is_wanted(&mut self, size: usize) -> bool {
        let wanted = self
            .asked
            .iter_mut()
            .find(|(of, more)| *more > 0 && fits(size, *of));
        wanted.map(|(_, more)| *more -= 1).is_some()
    }
}

static KEPT: Mutex<Kept> = Mutex::new(Kept {
    buffers: VecDeque::new(),
    bytes: 0,
    asked: VecDeque::new(),
});

/// Whether what is there has room for what is asked for, and is not much larger.
fn fits(there: usize, asked: usize) -> bool {
    there >= asked && there <= asked + asked / 4
}

fn bytes(data: &Data) -> usize {
    fn of<T>(array: &ArcArray<T, IxDyn>) -> usize {
        array.len() * size_of::<T>()
    }
    dispatch!(data, a => of(a))
}

/// As many elements to be filled; what they are is not said.
pub(crate) fn buffer<T: Element>(count: usize, zero: T) -> Vec<T> {
    if count.saturating_mul(size_of::<T>()) < LEAST {
        return vec![zero; count];
    }
    match find::<T>(count) {
        Some(array) => {
            let mut elements = array.into_owned().into_raw_vec_and_offset().0;
            elements.truncate(count);
            elements.resize(count, zero);
            elements
        }
        None => {
            let mut elements = vec![zero; count + LINE / size_of::<T>()];
            elements.truncate(count);
            elements
        }
    }
}

/// An array to be filled. Where it is large, its elements begin with a cache line, since vectors that lie across two are read and
/// written in twice the time.
pub(crate) fn unfilled<T: Element>(shape: &[usize], zero: T) -> ArcArray<T, IxDyn> {
    let count = shape.iter().product::<usize>();
    let mut elements = buffer(count, zero);
    let (start, spare) = (
        elements.as_ptr().align_offset(LINE),
        elements.capacity() - count,
    );
    // What a caller has made may have no room for that.
    let start = if count * size_of::<T>() < LEAST || spare < start {
        0
    } else {
        start
    };
    elements.resize(start + count, zero);
    let mut elements = ArcArray::from(elements);
    if start > 0 {
        elements.slice_collapse(s![start..]);
    }
    let shaped = elements.into_shape_with_order(IxDyn(shape));
    shaped.expect("there are as many elements as the shape says")
}

/// Elements to write to: those that were copied before, or a copy.
pub(crate) fn owned<T: Element>(elements: Cow<'_, [T]>) -> Vec<T> {
    match elements {
        Cow::Owned(elements) => elements,
        Cow::Borrowed(elements) => {
            let Some(&any) = elements.first() else {
                return Vec::new();
            };
            let mut copy = buffer(elements.len(), any);
            copy.copy_from_slice(elements);
            copy
        }
    }
}

/// The latest buffer that has room for as many elements and is not much larger.
fn find<T: Element>(count: usize) -> Option<ArcArray<T, IxDyn>> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.ask(count * size_of::<T>());
    let fits = |data: &Data| T::unwrap_ref(data).is_some_and(|a| fits(a.len(), count));
    let place = kept.buffers.iter().rposition(fits)?;
    let found = kept.buffers.remove(place)?;
    kept.bytes -= bytes(&found);
    T::unwrap_owned(found)
}

/// Keeps the buffer of an array that is about to go, where it is large and nobody else holds it.
pub(super) fn keep<T: Element>(array: &mut ArcArray<T, IxDyn>) {
    let size = array.len() * size_of::<T>();
    // Where the array does not run over the whole buffer, its size is not that of the buffer.
    if size < LEAST || size > MOST || !array.is_unique() || array.as_slice_memory_order().is_none()
    {
        return;
    }
    let mut dropped = Vec::new();
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if !kept.is_wanted(size) {
        return;
    }
    let nothing = ArcArray::from_shape_fn(IxDyn(&[0]), |_| unreachable!("there are no elements"));
    let data = T::wrap(std::mem::replace(array, nothing));
    while kept.bytes + size > MOST
        && let Some(oldest) = kept.buffers.pop_front()
    {
        kept.bytes -= bytes(&oldest);
        dropped.push(oldest);
    }
    kept.bytes += size;
    kept.buffers.push_back(data);
    // The system takes its time with what is given back, for which nobody is to wait.
    drop(kept);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::array::{Array, DType};

    #[test]
    fn a_buffer_that_is_dead_is_used_again_and_one_that_is_held_is_not() {
        // Of a length that no other test has.
        const COUNT: usize = 54_321;
        let array = Array::from(vec![1.5_f64; COUNT]);
        let (address, view) = (array.buffer_address(), array.index_axis(0, 0).unwrap());
        drop(array);
        let other: Vec<f64> = buffer(COUNT, 0.0);
        assert_ne!(other.as_ptr().addr(), address);
        assert_eq!(view.item::<f64>().unwrap(), 1.5);
        let array = Array::from(vec![1.5_f64; COUNT]);
        let address = array.buffer_address();
        drop(array);
        let again: Vec<f64> = buffer(COUNT, 0.0);
        assert_eq!((again.as_ptr().addr(), again.len()), (address, COUNT));
        assert!(find::<f32>(COUNT).is_none());
    }

    #[test]
    fn large_arrays_begin_with_a_cache_line() {
        // Twice, since the second is made of what the first leaves.
        for _ in 0..2 {
            let array = Array::unfilled(DType::F64, &[100, 117]);
            assert_eq!(array.shape(), [100, 117]);
            assert_eq!(array.buffer_address() % LINE, 0);
        }
    }
}
