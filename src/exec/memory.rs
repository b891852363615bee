//! What runs of a plan work in, kept from one to the next so that nothing is made again.

use std::sync::{Mutex, PoisonError};

use super::group::Arena;
use crate::array::{Array, DType, Shape, dispatch};

/// Of a kind, no more dead buffers than this are kept.
const MOST_SPARES: usize = 8;

/// Arrays of one type that a plan's groups write.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) dtype: DType,
    pub(super) shape: Shape,
}

/// A run's values, and what it may write to.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The values that are alive, by slot.
    pub(super) values: Vec<Option<Array>>,
    /// Buffers of dead values, by kind; nobody else holds them.
    spares: Vec<Vec<Array>>,
    pub(super) arenas: Vec<Arena>,
}

impl Memory {
    /// Forgets the values of an earlier run.
    pub(super) fn clear(&mut self, slots: usize) {
        self.values.clear();
        self.values.resize(slots, None);
    }

    /// An array of a kind to write to, in row-major order; what it holds is not said.
    pub(super) fn take(&mut self, number: u32, kind: &Kind) -> Array {
        let spare = self.spares.get_mut(number as usize).and_then(Vec::pop);
        spare.unwrap_or_else(|| Array::unfilled(kind.dtype, &kind.shape))
    }

    /// Keeps the buffer of a value that has died, where nobody else holds it.
    pub(super) fn give_back(&mut self, number: u32, kind: &Kind, array: Array) {
        let whole = dispatch!(array.data(), a => a.is_unique() && a.is_standard_layout());
        if !whole || array.dtype() != kind.dtype || *array.shape() != *kind.shape {
            return;
        }
        if self.spares.len() <= number as usize {
            self.spares.resize_with(number as usize + 1, Vec::new);
        }
        let spares = &mut self.spares[number as usize];
        if spares.len() < MOST_SPARES {
            spares.push(array);
        }
    }
}

/// The memories of a plan that no run uses now: one, unless threads run the plan side by side.
#[derive(Debug, Default)]
pub(super) struct Memories(Mutex<Vec<Memory>>);

impl Memories {
    pub(super) fn take(&self) -> Memory {
        let mut memories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memories.pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, mut memory: Memory) {
        // A run that failed leaves values, which are not to be held on to.
        memory.values.clear();
        let mut memories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memories.push(memory);
    }
}
