//! Reading and updating parts of tensors by indices known only at run time, and sorting.

use std::panic::Location;

use smallvec::{SmallVec, smallvec};

use super::elementwise::{binary, convert, select};
use super::shape::{broadcast_to, expand, resolve};
use super::{Caller, Tensor, apply, apply1, settle, where_};
use crate::array::{DType, Shape};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{
    BinaryOp, DynamicSlice, DynamicUpdateSlice, Gather, GatherDims, IndexMode, Iota, Pad, PadAxis,
    Scatter, ScatterDims, ScatterOp, Sort, TopK,
};

/// What an index outside the bounds means to [`Tensor::take`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TakeMode {
    /// Indices down to `-n` count from the end; others read NaN, the least signed or greatest unsigned integer, or `true`.
    #[default]
    Fill,
    /// The nearest index inside the bounds; negative indices do not count from the end.
    Clip,
    /// Indices count modulo the length.
    Wrap,
}

fn integer_indices(op: &'static str, indices: &Tensor, location: Caller) -> Result<(), Error> {
    if indices.dtype().is_integer() {
        return Ok(());
    }
    let kind = OpErrorKind::dtypes(
        [indices.ty()],
        "indices must be integers; convert with astype",
    );
    Err(OpError::at(op, kind, location).into())
}

/// Negative indices counted from the end, once.
fn wrap_once(indices: &Tensor, n: usize, location: Caller) -> Tensor {
    if indices.dtype().is_unsigned_integer() {
        return indices.clone();
    }
    // An axis' length need not be a number of a narrow type.
    let wide;
    let indices = match indices.dtype() {
        DType::I8 | DType::I16 => {
            wide = convert(indices, (DType::I64, false), location);
            &wide
        }
        _ => indices,
    };
    let negative = binary(BinaryOp::Lt, indices, &Tensor::from(0_i64), location);
    let wrapped = binary(BinaryOp::Add, indices, &Tensor::from(n as i64), location);
    select(&negative, &wrapped, indices, location)
}

impl Tensor {
    /// Elements at `indices` along an axis; the axis is replaced by the indices' axes (JAX's `jnp.take`).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(vec![10, 20, 30]);
    /// assert_eq!(x.take(vec![2, 0, 7], 0, TakeMode::Clip).to_vec::<i32>()?, [30, 10, 30]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn take(&self, indices: impl Into<Tensor>, axis: isize, mode: TakeMode) -> Tensor {
        let location = Location::caller();
        settle(self.take_checked(indices.into(), axis, mode, location))
    }

    fn take_checked(
        &self,
        indices: Tensor,
        axis: isize,
        mode: TakeMode,
        location: Caller,
    ) -> Result<Tensor, Error> {
        let (x, indices) = (self.clone().check()?, indices.check()?);
        integer_indices("take", &indices, location)?;
        let axis = resolve("take", &[axis], x.rank(), location)?[0];
        let n = x.shape()[axis];
        let (indices, mode) = match mode {
            TakeMode::Fill => (wrap_once(&indices, n, location), IndexMode::FillOrDrop),
            TakeMode::Clip => (indices, IndexMode::Clip),
            TakeMode::Wrap => (indices % (n as i64), IndexMode::Clip),
        };
        let index_rank = indices.rank();
        let dims = GatherDims {
            offset_dims: (0..x.rank() - 1)
                .map(|d| if d < axis { d } else { d + index_rank })
                .collect(),
            collapsed_slice_dims: smallvec![axis],
            start_index_map: smallvec![axis],
            ..GatherDims::default()
        };
        let mut slice_sizes = x.ty().shape.clone();
        slice_sizes[axis] = 1.min(n);
        let indices = expand(&indices, &[index_rank], location);
        Ok(apply1(
            Gather {
                dims,
                slice_sizes,
                mode,
                fill: None,
            },
            &[&x, &indices],
            location,
        ))
    }

    /// The general gather of XLA, for what [`Tensor::take`] does not cover.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::{GatherDims, IndexMode};
    /// // Windows of two elements, which begin at 0 and at 2.
    /// let mut dims = GatherDims::default();
    /// dims.offset_dims = [1].as_slice().into();
    /// dims.start_index_map = [0].as_slice().into();
    /// let out = arange(4).gather(ndarray::array![[0], [2]], dims, [2], IndexMode::Clip);
    /// assert_eq!(out.to_vec::<i64>()?, [0, 1, 2, 3]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn gather(
        &self,
        indices: impl Into<Tensor>,
        dims: GatherDims,
        slice_sizes: impl IntoIterator<Item = usize>,
        mode: IndexMode,
    ) -> Tensor {
        let op = Gather {
            dims,
            slice_sizes: slice_sizes.into_iter().collect(),
            mode,
            fill: None,
        };
        apply1(op, &[self, &indices.into()], Location::caller())
    }

    /// The general scatter of XLA, for what [`Tensor::at`] does not cover.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::{IndexMode, ScatterDims, ScatterOp};
    /// // Two windows of one element, which begin at 0 and at 2.
    /// let mut dims = ScatterDims::default();
    /// dims.update_window_dims = [1].as_slice().into();
    /// dims.scatter_dims_to_operand_dims = [0].as_slice().into();
    /// let updates = Tensor::from(ndarray::array![[5.0], [7.0]]);
    /// let out = zeros([4], DType::F64).scatter(ScatterOp::Add, ndarray::array![[0], [2]], updates, dims, IndexMode::Clip);
    /// assert_eq!(out.to_vec::<f64>()?, [5.0, 0.0, 7.0, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn scatter(
        &self,
        kind: ScatterOp,
        indices: impl Into<Tensor>,
        updates: impl Into<Tensor>,
        dims: ScatterDims,
        mode: IndexMode,
    ) -> Tensor {
        let op = Scatter { kind, dims, mode };
        apply1(
            op,
            &[self, &indices.into(), &updates.into()],
            Location::caller(),
        )
    }

    /// Names the rows along axis 0 that an update goes to: `x.at(indices).add(updates)`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(vec![0.0, 0.0, 0.0]));
    /// let y = x.at(Array::from(vec![2, 0, 2])).add(Array::from(vec![1.0, 5.0, 10.0]));
    /// assert_eq!(y.to_array()?.to_vec::<f64>()?, [5.0, 0.0, 11.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[must_use]
    pub fn at(&self, indices: impl Into<Tensor>) -> At {
        At {
            operand: self.clone(),
            indices: indices.into(),
        }
    }

    /// A box of static size at a position known at run time; the position is clamped so that the box fits (rule N24).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let start = Tensor::from(1);
    /// assert_eq!(arange(5).dynamic_slice(&[start], [3]).to_vec::<i64>()?, [1, 2, 3]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn dynamic_slice(
        &self,
        start: &[Tensor],
        sizes: impl IntoIterator<Item = usize>,
    ) -> Tensor {
        let operands: SmallVec<[&Tensor; 4]> = std::iter::once(self).chain(start).collect();
        apply1(
            DynamicSlice {
                sizes: sizes.into_iter().collect(),
            },
            &operands,
            Location::caller(),
        )
    }

    /// The tensor with a box at a position known at run time replaced; the position is clamped so that the box fits.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let start = Tensor::from(2);
    /// let out = arange(4).dynamic_update_slice(Tensor::from(vec![7_i64, 8]), &[start]);
    /// assert_eq!(out.to_vec::<i64>()?, [0, 1, 7, 8]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn dynamic_update_slice(&self, update: impl Into<Tensor>, start: &[Tensor]) -> Tensor {
        let update = update.into();
        let operands: SmallVec<[&Tensor; 4]> = [self, &update].into_iter().chain(start).collect();
        apply1(DynamicUpdateSlice, &operands, Location::caller())
    }

    /// Pads (or, where negative, crops) each axis: elements before, after, and between neighbours.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// // One element before, none behind, one between neighbours.
    /// assert_eq!(arange(2).pad(9, [(1, 0, 1)]).to_vec::<i64>()?, [9, 0, 9, 1]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn pad(
        &self,
        value: impl Into<Tensor>,
        config: impl IntoIterator<Item = (i64, i64, usize)>,
    ) -> Tensor {
        let location = Location::caller();
        let config = config
            .into_iter()
            .map(|(low, high, interior)| PadAxis {
                low,
                high,
                interior,
            })
            .collect();
        let value = value.into();
        let value = if value.ty().weak {
            convert(&value, (self.dtype(), false), location)
        } else {
            value
        };
        apply1(Pad { config }, &[self, &value], location)
    }

    /// Sorted along an axis: stable, NaN last (rule N13).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Tensor::from(vec![3.0, 1.0, 2.0]).sort(0).to_vec::<f64>()?, [1.0, 2.0, 3.0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn sort(&self, axis: isize) -> Tensor {
        let location = Location::caller();
        settle(sort_tensors(&[self], axis, 1, location).map(|mut out| out.swap_remove(0)))
    }

    /// The positions that sort along an axis, stable, as `i64`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Tensor::from(vec![3.0, 1.0, 2.0]).argsort(0).to_vec::<i64>()?, [1, 2, 0]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn argsort(&self, axis: isize) -> Tensor {
        let location = Location::caller();
        settle(self.clone().check().and_then(|x| {
            let dimension = resolve("argsort", &[axis], x.rank(), location)?[0];
            let iota = Iota {
                dtype: DType::I64,
                shape: x.ty().shape.clone(),
                dimension,
            };
            let positions = apply1(iota, &[], location);
            Ok(sort_tensors(&[&x, &positions], axis, 1, location)?.swap_remove(1))
        }))
    }

    /// The `k` greatest along the last axis in descending order, NaN first, and where they are, as `i32`.
    ///
    /// # Errors
    ///
    /// [`OpErrorKind::ShapeMismatch`] where `k` exceeds the axis.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let (values, places) = Tensor::from(vec![3.0, 1.0, 2.0]).top_k(2)?;
    /// assert_eq!(values.to_vec::<f64>()?, [3.0, 2.0]);
    /// assert_eq!(places.shape(), [2]);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    pub fn top_k(&self, k: usize) -> Result<(Tensor, Tensor), Error> {
        let mut out = apply(TopK { k }, &[self], Location::caller())?.into_iter();
        match (out.next(), out.next()) {
            (Some(values), Some(positions)) => Ok((values, positions)),
            _ => {
                let kind = OpErrorKind::OperandCount {
                    expected: 2,
                    actual: 0,
                };
                Err(OpError::at("top_k", kind, None).into())
            }
        }
    }

    /// One element per entry of `indices` along an axis, all other axes running together.
    ///
    /// `indices` has this tensor's shape but for the axis. A negative index counts from the end once; beyond the bounds `mode`
    /// decides (rule N22).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Tensor::from(Array::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]]));
    /// let i = Array::from(ndarray::array![[1_i64], [0]]);
    /// let y = x.take_along_axis(i, 1, TakeMode::Fill);
    /// assert_eq!(y.to_array()?.to_vec::<f64>()?, [2.0, 3.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn take_along_axis(
        &self,
        indices: impl Into<Tensor>,
        axis: isize,
        mode: TakeMode,
    ) -> Tensor {
        let (indices, location) = (indices.into(), Location::caller());
        let take = || -> Result<Tensor, Error> {
            let axis = self.resolved_axes("take_along_axis", &axis, location)?[0];
            let indices = indices.check()?;
            let others: Shape = (0..self.rank()).filter(|&a| a != axis).collect();
            let fits = indices.rank() == self.rank()
                && others
                    .iter()
                    .all(|&a| indices.shape()[a] == self.shape()[a]);
            if !fits || !indices.dtype().is_integer() {
                let kind = OpErrorKind::shapes(
                    [self.ty(), indices.ty()],
                    "the indices must be integers of the operand's shape, but for the axis; broadcast them first",
                );
                return Err(OpError::at("take_along_axis", kind, location).into());
            }
            let n = self.shape()[axis] as i64;
            let indices = convert(&indices, (DType::I64, false), location);
            let (indices, mode) = match mode {
                TakeMode::Fill => {
                    let wrapped = where_(indices.less(0), &indices + n, &indices);
                    (wrapped, IndexMode::FillOrDrop)
                }
                TakeMode::Clip => (indices, IndexMode::Clip),
                TakeMode::Wrap => (indices % n, IndexMode::Clip),
            };
            let dims = GatherDims {
                offset_dims: Shape::new(),
                collapsed_slice_dims: Shape::from_elem(axis, 1),
                start_index_map: Shape::from_elem(axis, 1),
                operand_batching_dims: others.clone(),
                start_indices_batching_dims: others,
            };
            let ones = Shape::from_elem(1, self.rank());
            Ok(self.gather(indices.expand_dims(-1), dims, ones, mode))
        };
        settle(take())
    }
}

/// Sorts several tensors of one shape together by the first, stable; ties keep their order.
///
/// # Errors
///
/// [`OpErrorKind::ShapeMismatch`] where shapes differ, [`OpErrorKind::AxisOutOfBounds`].
///
/// ```
/// use elimap::prelude::*;
/// use elimap::sort_by_key;
/// let (age, name) = (Tensor::from(vec![30, 20]), Tensor::from(vec![1, 2]));
/// let sorted = sort_by_key(&[&age, &name], 0)?;
/// assert_eq!(sorted[1].to_vec::<i32>()?, [2, 1]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn sort_by_key(tensors: &[&Tensor], axis: isize) -> Result<Vec<Tensor>, Error> {
    Ok(sort_tensors(tensors, axis, 1, Location::caller())?.into_vec())
}

/// As [`sort_by_key`], by the first `keys` tensors, the later ones deciding ties.
///
/// # Errors
///
/// As for [`sort_by_key`].
#[track_caller]
pub(crate) fn sort_by_keys(
    tensors: &[&Tensor],
    axis: isize,
    keys: usize,
) -> Result<Vec<Tensor>, Error> {
    Ok(sort_tensors(tensors, axis, keys, Location::caller())?.into_vec())
}

fn sort_tensors(
    tensors: &[&Tensor],
    axis: isize,
    num_keys: usize,
    location: Caller,
) -> Result<SmallVec<[Tensor; 2]>, Error> {
    let rank = match tensors.first() {
        Some(first) => (*first).clone().check()?.rank(),
        None => 0,
    };
    let dimension = resolve("sort", &[axis], rank, location)?[0];
    apply(
        Sort {
            dimension,
            num_keys,
        },
        tensors,
        location,
    )
}

/// Rows named for an update; see [`Tensor::at`].
///
/// Negative indices count from the end, updates outside the bounds are dropped, and of several updates of one row `set`
/// keeps the last (rule N23).
#[derive(Clone, Debug)]
pub struct At {
    operand: Tensor,
    indices: Tensor,
}

// `x.at(i).add(y)` is what JAX's users write.
macro_rules! at_methods {
    ($($method:ident $kind:ident $doc:literal $result:literal),*) => {
        #[allow(clippy::should_implement_trait)]
        impl At {$(
            #[doc = $doc]
            #[doc = ""]
            #[doc = "```"]
            #[doc = "use elimap::prelude::*;"]
            #[doc = "let x = Tensor::from(vec![1.0, 2.0, 3.0]);"]
            #[doc = concat!("let x = x.at(vec![1]).", stringify!($method), "(vec![5.0]);")]
            #[doc = concat!("assert_eq!(x.to_vec::<f64>()?, [1.0, ", $result, ", 3.0]);")]
            #[doc = "# elimap::ok(())"]
            #[doc = "```"]
            #[track_caller]
            #[must_use]
            pub fn $method(self, updates: impl Into<Tensor>) -> Tensor {
                settle(self.scatter(ScatterOp::$kind, updates.into(), Location::caller()))
            }
        )*}
    };
}
at_methods! {
    set Set "Replaces the rows." "5.0",
    add Add "Adds to the rows; repeated rows accumulate." "7.0",
    mul Mul "Multiplies the rows; repeated rows accumulate." "10.0",
    min Min "Lowers the rows to the updates." "2.0",
    max Max "Raises the rows to the updates." "5.0"
}

impl At {
    fn scatter(self, kind: ScatterOp, updates: Tensor, location: Caller) -> Result<Tensor, Error> {
        let (x, indices, updates) = (
            self.operand.check()?,
            self.indices.check()?,
            updates.check()?,
        );
        integer_indices("scatter", &indices, location)?;
        resolve("scatter", &[0], x.rank(), location)?;
        let indices = wrap_once(&indices, x.shape()[0], location);
        let index_rank = indices.rank();
        let shape: Shape = indices
            .shape()
            .iter()
            .chain(&x.shape()[1..])
            .copied()
            .collect();
        let updates = broadcast_to(
            &convert(&updates, (x.dtype(), false), location),
            &shape,
            location,
        );
        let dims = ScatterDims {
            update_window_dims: (index_rank..shape.len()).collect(),
            inserted_window_dims: smallvec![0],
            scatter_dims_to_operand_dims: smallvec![0],
            ..ScatterDims::default()
        };
        let indices = expand(&indices, &[index_rank], location);
        let op = Scatter {
            kind,
            dims,
            mode: IndexMode::FillOrDrop,
        };
        Ok(apply1(op, &[&x, &indices, &updates], location))
    }
}
