//! Where the windows of a gather or a scatter begin, and how they lie in memory.
//!
//! A window is a box of fixed size inside the operand. Its start is addressed by an index vector and, along axes that
//! run together with an axis of the indices, by the window's own position in the grid of windows.

use smallvec::SmallVec;
use std::borrow::Cow;

use crate::array::{Array, DType, Element, Shape, ShapeTuple, TensorType};
use crate::ops::OpErrorKind;
use crate::ops::shape::{check_axes, check_distinct, check_increasing};
use crate::program::IndexMode;

/// The parameters a gather and a scatter have in common, under the names of either.
pub(crate) struct Addressing<'a> {
    /// Axes the windows are flat along, and what the operation calls them.
    pub(crate) flat: (&'static str, &'a [usize]),
    /// The operand axis of each component of the index vector, and what the operation calls them.
    pub(crate) index_map: (&'static str, &'a [usize]),
    /// Operand axes that run together with an axis of the indices.
    pub(crate) operand_batching: &'a [usize],
    /// Those axes of the indices, and what the operation calls them.
    pub(crate) indices_batching: (&'static str, &'a [usize]),
}

impl Addressing<'_> {
    /// Checks the parameters against the operand and the indices, for windows of `window_rank` axes that are not flat.
    pub(crate) fn check(
        &self,
        operand: &TensorType,
        indices: &TensorType,
        window_rank: usize,
    ) -> Result<(), OpErrorKind> {
        let (flat_name, flat) = self.flat;
        let (map_name, map) = self.index_map;
        let (paired_name, paired) = self.indices_batching;
        let rank = operand.rank();
        if !indices.dtype.is_integer() {
            return Err(OpErrorKind::dtypes(
                [indices],
                "indices must be integers; convert them first",
            ));
        }
        let Some((&width, grid)) = indices.shape.split_last() else {
            let detail =
                "indices need a last axis that holds the index vector; reshape them to (1,)";
            return Err(OpErrorKind::shapes([operand, indices], detail));
        };
        check_axes(flat, rank)?;
        check_increasing(flat_name, flat)?;
        check_axes(self.operand_batching, rank)?;
        check_increasing("operand_batching_dims", self.operand_batching)?;
        check_axes(map, rank)?;
        check_distinct(map_name, map)?;
        if let Some(axis) = self
            .operand_batching
            .iter()
            .find(|a| flat.contains(a) || map.contains(a))
        {
            return Err(OpErrorKind::parameter(format!(
                "operand_batching_dims must have no axis in common with {flat_name} and {map_name}, but axis {axis} \
                 is in both; leave it out of one"
            )));
        }
        if window_rank + flat.len() + self.operand_batching.len() != rank {
            return Err(OpErrorKind::shapes(
                [operand, indices],
                format!(
                    "every operand axis is either one of {window_rank} window axes, of {} {flat_name} or of {} \
                     operand_batching_dims, but the operand has {rank} axes",
                    flat.len(),
                    self.operand_batching.len()
                ),
            ));
        }
        if map.len() != width {
            return Err(OpErrorKind::shapes(
                [operand, indices],
                format!(
                    "{map_name} must name one operand axis for each of the {width} components of the index vector, \
                     got {}",
                    ShapeTuple(map)
                ),
            ));
        }
        check_distinct(paired_name, paired)?;
        let pairs_fit = paired.len() == self.operand_batching.len()
            && paired
                .iter()
                .zip(self.operand_batching)
                .all(|(&i, &o)| grid.get(i) == Some(&operand.shape[o]));
        if !pairs_fit {
            return Err(OpErrorKind::shapes(
                [operand, indices],
                format!(
                    "{paired_name} {} must name one axis of the indices, not their last, for each of \
                     operand_batching_dims {}, of the same length",
                    ShapeTuple(paired),
                    ShapeTuple(self.operand_batching)
                ),
            ));
        }
        Ok(())
    }
}

/// Boxes inside an operand, laid out over a grid.
pub(crate) struct Windows<'a> {
    /// The operand's shape.
    pub(crate) operand: &'a [usize],
    /// How far apart neighbours along each operand axis are in memory.
    pub(crate) strides: &'a [isize],
    /// The window's size along each operand axis.
    pub(crate) sizes: &'a [usize],
    /// The operand axis of each component of the index vector.
    pub(crate) index_map: &'a [usize],
    /// Operand axes that follow an axis of the grid.
    pub(crate) operand_batching: &'a [usize],
    /// Those axes of the grid.
    pub(crate) grid_batching: &'a [usize],
    /// What a start outside the bounds means.
    pub(crate) mode: IndexMode,
    /// What is added to negative components of the index vector before: the axis' length, or nothing.
    pub(crate) wrap: i64,
}

impl Windows<'_> {
    /// Calls `each` for every window of the grid in row-major order with the memory offset of its first element, or
    /// `None` where it lies outside.
    pub(crate) fn for_each(&self, indices: &Array, mut each: impl FnMut(Option<isize>)) {
        let Some((&width, grid)) = indices.shape().split_last() else {
            return;
        };
        let vectors = index_vectors(indices);
        let count: usize = grid.iter().product();
        // Negative where the operand is shorter than the window, which then fits nowhere.
        let last: SmallVec<[i64; 4]> = self
            .index_map
            .iter()
            .map(|&axis| self.operand[axis] as i64 - self.sizes[axis] as i64)
            .collect();
        let mut position: Shape = SmallVec::from_elem(0, grid.len());
        for window in 0..count {
            let vector = &vectors[window * width..(window + 1) * width];
            let mut offset = Some(0isize);
            for ((&start, &last), &axis) in vector.iter().zip(&last).zip(self.index_map) {
                let start = start.wrapping_add(if start < 0 { self.wrap } else { 0 });
                let start = match self.mode {
                    IndexMode::Clip | IndexMode::PromiseInBounds => start.clamp(0, last.max(0)),
                    IndexMode::FillOrDrop => start,
                };
                // Inside the bounds it fits `isize`, as the operand's length does.
                let inside = (0..=last).contains(&start);
                offset = offset
                    .filter(|_| inside)
                    .map(|o| o + start as isize * self.strides[axis]);
            }
            for (&axis, &g) in self.operand_batching.iter().zip(self.grid_batching) {
                offset = offset.map(|o| o + position[g] as isize * self.strides[axis]);
            }
            each(offset);
            if !self.grid_batching.is_empty() {
                advance(&mut position, grid);
            }
        }
    }

    /// A window's elements in row-major order as runs of contiguous memory: the runs' offsets from the window's first
    /// element, and their common length.
    pub(crate) fn runs(&self) -> (Vec<isize>, usize) {
        let mut run = 1;
        let mut outer = self.sizes.len();
        while outer > 0 {
            let (size, stride) = (self.sizes[outer - 1], self.strides[outer - 1]);
            if size != 1 && stride != run as isize {
                break;
            }
            run *= size;
            outer -= 1;
        }
        let sizes = &self.sizes[..outer];
        let count: usize = if run == 0 { 0 } else { sizes.iter().product() };
        let mut position: Shape = SmallVec::from_elem(0, outer);
        let mut offsets = Vec::with_capacity(count);
        for _ in 0..count {
            offsets.push(
                position
                    .iter()
                    .zip(self.strides)
                    .map(|(&p, &s)| p as isize * s)
                    .sum(),
            );
            advance(&mut position, sizes);
        }
        (offsets, run)
    }
}

/// Steps a multi-index in row-major order; the last one goes back to the first.
fn advance(position: &mut [usize], shape: &[usize]) {
    for (p, &n) in position.iter_mut().zip(shape).rev() {
        *p += 1;
        if *p < n {
            return;
        }
        *p = 0;
    }
}

/// The distance in elements between neighbours along each axis of a row-major array.
pub(crate) fn row_major_strides(shape: &[usize]) -> SmallVec<[isize; 4]> {
    let mut strides: SmallVec<[isize; 4]> = SmallVec::from_elem(1, shape.len());
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis].max(1) as isize;
    }
    strides
}

/// Integer elements as `i64`; what only `u64` can hold becomes the greatest, which is as far outside every array.
pub(super) fn index_vectors(indices: &Array) -> Cow<'_, [i64]> {
    fn widen<T: Element>(indices: &Array, widen: impl Fn(T) -> i64) -> Cow<'_, [i64]> {
        Cow::Owned(indices.elements::<T>().iter().map(|&x| widen(x)).collect())
    }
    match indices.dtype() {
        DType::I64 => indices.elements::<i64>(),
        DType::I8 => widen::<i8>(indices, i64::from),
        DType::I16 => widen::<i16>(indices, i64::from),
        DType::I32 => widen::<i32>(indices, i64::from),
        DType::U8 => widen::<u8>(indices, i64::from),
        DType::U16 => widen::<u16>(indices, i64::from),
        DType::U32 => widen::<u32>(indices, i64::from),
        DType::U64 => widen::<u64>(indices, |x| i64::try_from(x).unwrap_or(i64::MAX)),
        // Not indices: the type rule refuses them.
        DType::Bool
        | DType::BF16
        | DType::F16
        | DType::F32
        | DType::F64
        | DType::C64
        | DType::C128 => widen::<f64>(indices, |_| 0),
    }
}
