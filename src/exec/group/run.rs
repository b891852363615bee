//! A call of a group: arrays bound to its operands and results, blocks spread over threads.

use std::cmp::Reverse;

use ndarray::{ArcArray, IxDyn};
use smallvec::SmallVec;

use super::block::{Arena, Bound, Elements, ElementsMut, Frame, Part, Place, Value};
use super::load::Walk;
use super::{Group, Input, Level};
use crate::array::{
    Array, Element, dispatch_kernel, dispatch_kernel_dtype, prepare_threads, row_major,
};
use crate::ops::Fold;

/// Calls that cost less than this, in elementary operations, stay on their thread.
const GRAIN: usize = 1 << 17;

impl Group {
    /// The variables it reads, one for each of its inputs.
    pub(in crate::exec) fn sources(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.inputs.iter().map(|input| input.source)
    }

    /// Computes the results into `outputs`, arrays in row-major order that nobody shares; they may lie in another afterwards.
    /// `arenas` are kept by the caller, so that later calls need not make them.
    pub(in crate::exec) fn run(
        &self,
        inputs: &[&Array],
        outputs: &mut [Array],
        arenas: &mut Vec<Arena>,
    ) {
        // What no slice of memory holds is copied as a whole.
        let copies: SmallVec<[Option<Array>; 4]> =
            inputs.iter().map(|array| ordered(array)).collect();
        let given = inputs.iter().zip(&copies);
        let given: SmallVec<[&Array; 4]> = given
            .map(|(array, copy)| copy.as_ref().unwrap_or(array))
            .collect();
        let order = self.order(&given);
        let bound: SmallVec<[Bound<'_>; 4]> = self
            .inputs
            .iter()
            .zip(given)
            .map(|(input, array)| self.bind(input, array, &order))
            .collect();
        if let Some(small) = &self.small {
            if arenas.is_empty() {
                arenas.push(Arena::default());
            }
            let outputs = outputs.iter_mut().map(elements_mut);
            small.run(&mut arenas[0].registers, &bound, outputs);
            return;
        }
        // Rows that are cut into blocks leave a result for each block first.
        let mut partial: SmallVec<[Option<Array>; 2]> = self
            .outputs
            .iter()
            .map(|output| {
                let shape = [self.blocks.count];
                output.combine.map(|_| Array::zeros(output.dtype, &shape))
            })
            .collect();
        let targets = outputs.iter_mut().zip(&mut partial);
        let parts: SmallVec<[Part<'_>; 2]> = targets
            .map(|(array, partial)| Part {
                elements: elements_mut(partial.as_mut().unwrap_or(array)),
                first: 0,
            })
            .collect();
        let tasks = self.tasks();
        if arenas.len() < tasks {
            arenas.resize_with(tasks, Arena::default);
        }
        for arena in &mut arenas[..tasks] {
            arena.reserve(&self.sizes);
        }
        self.blocks(0, self.blocks.count, &bound, parts, &mut arenas[..tasks]);
        if !order.is_sorted() {
            for array in &mut *outputs {
                *array = self.reordered(array, &order);
            }
        }
        for ((output, array), partial) in self.outputs.iter().zip(outputs).zip(partial) {
            if let (Some(kind), Some(partial)) = (output.combine, partial) {
                dispatch_kernel_dtype!(output.dtype, T => {
                    let results = partial.elements::<T>();
                    let mut target = elements_mut(array);
                    T::fold_blocks(kind, &results, self.blocks.pieces, T::elements_mut(&mut target));
                });
            }
        }
    }

    /// How many threads a call is worth.
    fn tasks(&self) -> usize {
        if self.work < 2 * GRAIN {
            return 1;
        }
        prepare_threads();
        let worth = (self.work / GRAIN).min(self.blocks.count);
        worth.min(rayon::current_num_threads()).max(1)
    }

    /// Runs the blocks from `start` to `end`, as many parts of them side by side as there are arenas.
    fn blocks(
        &self,
        start: usize,
        end: usize,
        inputs: &[Bound<'_>],
        mut outputs: SmallVec<[Part<'_>; 2]>,
        arenas: &mut [Arena],
    ) {
        let half = arenas.len() / 2;
        if half == 0 || end - start < 2 {
            if let Some(arena) = arenas.first_mut() {
                let mut frame = Frame {
                    group: self,
                    inputs,
                    outputs: &mut outputs,
                    arena,
                };
                for index in start..end {
                    let block = self.blocks.block(index);
                    frame.load(&block, index == start);
                    frame.run(&block);
                }
            }
            return;
        }
        let middle = start + (end - start) * half / arenas.len();
        let (mut left, mut right) = (SmallVec::new(), SmallVec::new());
        for (part, output) in outputs.into_iter().zip(&self.outputs) {
            let at = self.blocks.boundary(middle, output.level);
            let (a, b) = part.elements.split_at(at - part.first);
            left.push(Part {
                elements: a,
                first: part.first,
            });
            right.push(Part {
                elements: b,
                first: at,
            });
        }
        let (first, second) = arenas.split_at_mut(half);
        rayon::join(
            || self.blocks(start, middle, inputs, left, first),
            || self.blocks(middle, end, inputs, right, second),
        );
    }

    /// The axes of the space in the order in which blocks run over them. That is their own order, unless all operands that have every
    /// axis lie in one other order: then results lie as they do, and nothing is turned.
    fn order(&self, inputs: &[&Array]) -> SmallVec<[usize; 4]> {
        let rank = self.shape.len();
        let own: SmallVec<[usize; 4]> = (0..rank).collect();
        // Rows are reduced in an order of their own, and a few elements are turned sooner than results are said to lie in another.
        if self.in_order || self.outer < rank || self.blocks.count < 2 {
            return own;
        }
        let mut common: Option<SmallVec<[usize; 4]>> = None;
        for (input, array) in self.inputs.iter().zip(inputs) {
            let (strides, in_order) =
                dispatch_kernel!(array.data(), a => (a.strides(), a.is_standard_layout()));
            if input.plain && in_order {
                return own;
            }
            let axes = input.axes.iter().zip(&self.shape);
            let whole = axes.clone().all(|(axis, &n)| n == 1 || axis.is_some());
            if !whole {
                continue;
            }
            let steps: SmallVec<[usize; 4]> = axes
                .map(|(axis, _)| {
                    axis.map_or(usize::MAX, |(a, step)| strides[a].unsigned_abs() * step)
                })
                .collect();
            let mut order = own.clone();
            order.sort_by_key(|&axis| Reverse(steps[axis]));
            if common.as_ref().is_some_and(|common| *common != order) {
                return own;
            }
            common = Some(order);
        }
        common.unwrap_or(own)
    }

    /// What was written in an order of the axes, as an array of the space's shape.
    fn reordered(&self, array: &Array, order: &[usize]) -> Array {
        let shape: SmallVec<[usize; 4]> = order.iter().map(|&axis| self.shape[axis]).collect();
        let mut permutation = SmallVec::<[usize; 4]>::from_elem(0, order.len());
        for (k, &axis) in order.iter().enumerate() {
            permutation[axis] = k;
        }
        array.reshaped(&shape).permute(&permutation)
    }

    fn bind<'a>(&self, input: &Input, array: &'a Array, order: &[usize]) -> Bound<'a> {
        dispatch_kernel!(array.data(), a => {
            let elements = elements(a);
            let offset = || {
                let start = input.start.iter().zip(a.strides());
                start.map(|(&start, &stride)| start * stride.unsigned_abs()).sum::<usize>()
            };
            let place = if input.axes.iter().all(Option::is_none) {
                Place::Same(offset())
            } else if input.plain && a.is_standard_layout() {
                Place::Here(0)
            } else {
                let order = match input.level {
                    Level::Each => order,
                    Level::Row => &order[..self.outer],
                };
                let stride = |(axis, step): (usize, usize)| a.strides()[axis].unsigned_abs() * step;
                let axes = order.iter().map(|&i| (self.shape[i], input.axes[i].map_or(0, stride)));
                let walk = Walk::new(offset(), axes);
                match walk.in_order() {
                    Some(at) => Place::Here(at),
                    None => {
                        let count = self.blocks.capacity(input.level);
                        let fixed = self.blocks.pieces == 0 && walk.repeats_after(count);
                        Place::Slot(walk, fixed)
                    }
                }
            };
            Bound { elements, place }
        })
    }
}

/// Whether one slice of memory holds the elements, with strides that are not negative.
fn is_slice<T: Element>(array: &ArcArray<T, IxDyn>) -> bool {
    array.is_standard_layout()
        || (array.strides().iter().all(|&s| s >= 0) && array.as_slice_memory_order().is_some())
}

/// The array in row-major order, where no slice of memory holds its elements.
fn ordered(array: &Array) -> Option<Array> {
    dispatch_kernel!(array.data(), a => {
        (!is_slice(a)).then(|| {
            Array::from_elements(array.shape(), row_major(&a.view()).into_owned())
        })
    })
}

fn elements<T: Value>(array: &ArcArray<T, IxDyn>) -> Elements<'_> {
    T::view(array.as_slice_memory_order().unwrap_or(&[]))
}

fn elements_mut(array: &mut Array) -> ElementsMut<'_> {
    dispatch_kernel!(array.data_mut(), a => Value::view_mut(a.as_slice_mut().unwrap_or(&mut [])))
}
