//! A call of a group: arrays bound to its operands and results, blocks spread over threads.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ndarray::{ArcArray, IxDyn};
use smallvec::SmallVec;

use super::block::{Arena, Bound, Elements, ElementsMut, Frame, Part, Place, Value};
use super::load::Walk;
use super::product::{self, Held, Product, Strip};
use super::{Group, Input, Level};
use crate::array::{
    Array, DType, Element, dispatch_kernel, dispatch_kernel_dtype, prepare_threads, row_major,
};
use crate::ops::{Fold, Layout, Strips};

/// Calls that cost less than this, in elementary operations, stay on their thread.
const GRAIN: usize = 1 << 17;
/// Parts of a call for each thread: one that is slower than others, because somebody else uses its processor, takes fewer.
const SHARES: usize = 4;

impl Group {
    /// The variables it reads: one for each of its inputs, of a product the left one, then the right ones of products.
    pub(in crate::exec) fn sources(&self) -> impl Iterator<Item = u32> + '_ {
        let own = self.inputs.iter().enumerate().map(|(k, input)| {
            self.product(k)
                .map_or(input.source, |number| self.products[number].operands[0])
        });
        own.chain(self.products.iter().map(|product| product.operands[1]))
    }

    /// Computes the results into `outputs`, arrays in row-major order that nobody shares; they may lie in another afterwards.
    /// `arenas` are kept by the caller, so that later calls need not make them.
    pub(in crate::exec) fn run(
        &self,
        inputs: &[&Array],
        outputs: &mut [Array],
        arenas: &mut Vec<Arena>,
    ) {
        let (inputs, right) = inputs.split_at(self.inputs.len());
        let given = inputs.iter().enumerate();
        let mut operands: SmallVec<[Operand<'_>; 4]> = given
            .map(|(k, array)| match self.product(k) {
                Some(number) => self.products[number].operand(array, right[number]),
                None => Operand::new(array),
            })
            .collect();
        let order = self.order(&operands);
        let sizes = self.strips(&mut operands, (inputs, right), &order);
        let bound: SmallVec<[Bound<'_>; 4]> = operands
            .iter()
            .enumerate()
            .map(|(k, operand)| self.bind(k, operand, &order))
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
        let call = Call {
            group: self,
            inputs: &bound,
            sizes: &sizes,
            idle: Mutex::new(std::mem::take(arenas)),
        };
        call.blocks(0..self.blocks.count, self.tasks(), parts);
        *arenas = call
            .idle
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
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

    /// Gives strips their slots behind all others, and computes as a whole what does not lie in memory as the blocks run; returns what
    /// slots take then.
    fn strips(
        &self,
        operands: &mut [Operand<'_>],
        (left, right): (&[&Array], &[&Array]),
        order: &[usize],
    ) -> [u32; DType::ALL.len()] {
        let mut sizes = self.sizes;
        for (product, right) in self.products.iter().zip(right) {
            let input = &self.inputs[product.input];
            let operand = &mut operands[product.input];
            let Operand::Strips(strips, slot) = operand else {
                continue;
            };
            let stride = |axis: usize| strips.layout().strides[axis];
            if self.walk(input, stride, order).in_order() == Some(0) {
                strips.prepare();
                let size = &mut sizes[self.places[product.input].0 as usize];
                *slot = *size;
                *size += product::slot_size(strips, self.blocks.capacity(input.level)) as u32;
            } else {
                *operand = Operand::Made(Box::new(product.op.whole(left[product.input], right)));
            }
        }
        sizes
    }

    /// How many parts a call is worth that run side by side.
    fn tasks(&self) -> usize {
        if self.work < 2 * GRAIN {
            return 1;
        }
        prepare_threads();
        let threads = rayon::current_num_threads();
        if threads == 1 {
            return 1;
        }
        let worth = (self.work / GRAIN).min(self.blocks.count);
        worth.min(threads * SHARES).max(1)
    }

    /// The axes of the space in the order in which blocks run over them. That is their own order, unless all operands that have every
    /// axis lie in one other order: then results lie as they do, and nothing is turned.
    fn order(&self, operands: &[Operand<'_>]) -> SmallVec<[usize; 4]> {
        let rank = self.shape.len();
        let own: SmallVec<[usize; 4]> = (0..rank).collect();
        // Rows are reduced in an order of their own, and a few elements are turned sooner than results are said to lie in another.
        if self.in_order || self.outer < rank || self.blocks.count < 2 {
            return own;
        }
        let mut common: Option<SmallVec<[usize; 4]>> = None;
        for (input, operand) in self.inputs.iter().zip(operands) {
            if input.plain && operand.is_in_order() {
                return own;
            }
            let axes = input.axes.iter().zip(&self.shape);
            let whole = axes.clone().all(|(axis, &n)| n == 1 || axis.is_some());
            if !whole {
                continue;
            }
            let steps: SmallVec<[usize; 4]> = axes
                .map(|(axis, _)| axis.map_or(usize::MAX, |(a, step)| operand.stride(a) * step))
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

    /// How the elements of an input's level, in an order of the axes, run over memory with such strides.
    fn walk(&self, input: &Input, stride: impl Fn(usize) -> usize, order: &[usize]) -> Walk {
        let offset = input.offset(&stride);
        let order = match input.level {
            Level::Each => order,
            Level::Row => &order[..self.outer],
        };
        let along = |&i: &usize| {
            let step = input.axes[i].map_or(0, |(axis, step)| stride(axis) * step);
            (self.shape[i], step)
        };
        Walk::new(offset, order.iter().map(along))
    }

    /// Where instructions find an input.
    fn bind<'a>(&self, k: usize, operand: &'a Operand<'_>, order: &[usize]) -> Bound<'a> {
        let input = &self.inputs[k];
        let (array, elements) = match operand {
            Operand::Given(array, elements) => (*array, *elements),
            Operand::Made(array) => (&**array, elements(array)),
            Operand::Strips(strips, slot) => {
                let strip = Strip {
                    number: self.product(k).unwrap_or_default(),
                    strips,
                    slot: *slot as usize,
                };
                return Bound {
                    elements: Elements::Bool(&[]),
                    place: Place::Strip(strip),
                };
            }
        };
        let place = dispatch_kernel!(array.data(), a => {
            let stride = |axis: usize| a.strides()[axis].unsigned_abs();
            if input.axes.iter().all(Option::is_none) {
                Place::Same(input.offset(stride))
            } else if input.plain && a.is_standard_layout() {
                Place::Here(0)
            } else {
                let walk = self.walk(input, stride, order);
                match walk.in_order() {
                    Some(at) => Place::Here(at),
                    None => {
                        let count = self.blocks.capacity(input.level);
                        let fixed = self.blocks.pieces == 0 && walk.repeats_after(count);
                        Place::Slot(walk, fixed)
                    }
                }
            }
        });
        Bound { elements, place }
    }
}

impl Input {
    /// Where the first element lies in memory with such strides.
    fn offset(&self, stride: impl Fn(usize) -> usize) -> usize {
        let start = self.start.iter().enumerate();
        start.map(|(axis, &start)| start * stride(axis)).sum()
    }
}

/// A call of a group whose blocks run.
struct Call<'c> {
    group: &'c Group,
    inputs: &'c [Bound<'c>],
    /// Elements of each type that slots take.
    sizes: &'c [u32; DType::ALL.len()],
    /// Arenas that no thread works in now. One that lacks one makes it, so there are as many as threads.
    idle: Mutex<Vec<Arena>>,
}

impl Call<'_> {
    /// Runs blocks, in so many parts side by side.
    fn blocks(&self, range: Range<usize>, parts: usize, mut outputs: SmallVec<[Part<'_>; 2]>) {
        let Range { start, end } = range;
        if parts < 2 || end - start < 2 {
            let mut arena = self.idle().pop().unwrap_or_default();
            arena.reserve(self.sizes);
            let mut frame = Frame {
                group: self.group,
                inputs: self.inputs,
                outputs: &mut outputs,
                arena: &mut arena,
                end,
                held: self
                    .group
                    .products
                    .iter()
                    .map(|_| Held::default())
                    .collect(),
            };
            for index in start..end {
                let block = self.group.blocks.block(index);
                frame.load(&block, index == start);
                frame.run(&block);
            }
            self.idle().push(arena);
            return;
        }
        let half = parts / 2;
        let middle = start + (end - start) * half / parts;
        let (mut left, mut right) = (SmallVec::new(), SmallVec::new());
        for (part, output) in outputs.into_iter().zip(&self.group.outputs) {
            let at = self.group.blocks.boundary(middle, output.level);
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
        rayon::join(
            || self.blocks(start..middle, half, left),
            || self.blocks(middle..end, parts - half, right),
        );
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Arena>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an input is in a call.
enum Operand<'a> {
    /// An array, and its elements as they lie in memory.
    Given(&'a Array, Elements<'a>),
    /// An array that was made of what was given, in row-major order or as products lie.
    Made(Box<Array>),
    /// A product, and where its slot starts.
    Strips(Box<Strips<'a>>, u32),
}

impl<'a> Operand<'a> {
    /// An array as it is, or a copy where no slice of memory holds its elements.
    fn new(array: &'a Array) -> Self {
        dispatch_kernel!(array.data(), a => match slice(a) {
            Some(elements) => Operand::Given(array, Value::view(elements)),
            None => {
                let copy = row_major(&a.view()).into_owned();
                Operand::Made(Box::new(Array::from_elements(array.shape(), copy)))
            }
        })
    }

    /// The array, or how the product would lie.
    fn array(&self) -> Result<&Array, &Layout> {
        match self {
            Operand::Given(array, _) => Ok(array),
            Operand::Made(array) => Ok(array),
            Operand::Strips(strips, _) => Err(strips.layout()),
        }
    }

    /// The distance between elements along an axis.
    fn stride(&self, axis: usize) -> usize {
        match self.array() {
            Ok(array) => dispatch_kernel!(array.data(), a => a.strides()[axis].unsigned_abs()),
            Err(layout) => layout.strides[axis],
        }
    }

    /// Whether elements lie in row-major order.
    fn is_in_order(&self) -> bool {
        match self.array() {
            Ok(array) => dispatch_kernel!(array.data(), a => a.is_standard_layout()),
            Err(layout) => layout.strides.is_sorted_by(|a, b| a >= b),
        }
    }
}

impl Product {
    /// The product in strips, or else as a whole.
    fn operand<'a>(&self, lhs: &'a Array, rhs: &'a Array) -> Operand<'a> {
        match self.op.strips(lhs, rhs) {
            Some(strips) => Operand::Strips(Box::new(strips), 0),
            None => Operand::Made(Box::new(self.op.whole(lhs, rhs))),
        }
    }
}

/// The elements as they lie in memory, where one slice holds them and strides are not negative.
fn slice<T: Element>(array: &ArcArray<T, IxDyn>) -> Option<&[T]> {
    array.as_slice().or_else(|| {
        let forwards = array.strides().iter().all(|&stride| stride >= 0);
        forwards.then(|| array.as_slice_memory_order()).flatten()
    })
}

fn elements(array: &Array) -> Elements<'_> {
    dispatch_kernel!(array.data(), a => Value::view(slice(a).unwrap_or(&[])))
}

fn elements_mut(array: &mut Array) -> ElementsMut<'_> {
    dispatch_kernel!(array.data_mut(), a => Value::view_mut(a.as_slice_mut().unwrap_or(&mut [])))
}
