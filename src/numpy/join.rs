//! Joining tensors, and putting elements in or taking them out.

use super::{atleast_1d, atleast_2d, atleast_3d, axis_of, flat, refuse};
use crate::array::{Array, DType};
use crate::error::Error;
use crate::tensor::{TakeMode, Tensor, compositions, concatenate};

macro_rules! stacks {
    ($($name:ident $fit:ident $axis:expr, $doc:literal $example:expr => $out:expr;)*) => {$(
        #[doc = $doc]
        ///
        /// # Errors
        ///
        /// [`OpErrorKind::ShapeMismatch`](crate::OpErrorKind) where the other axes differ.
        ///
        /// ```
        #[doc = concat!("let y = elimap::numpy::", stringify!($name), "(", stringify!($example), ")?;")]
        #[doc = concat!("assert_eq!(y.to_vec::<i32>()?, ", stringify!($out), ");")]
        /// # Ok::<(), elimap::Error>(())
        /// ```
        #[track_caller]
        pub fn $name<T: Into<Tensor>>(tensors: impl IntoIterator<Item = T>) -> Result<Tensor, Error> {
            let axis: fn(usize) -> isize = $axis;
            let tensors: Vec<Tensor> = tensors.into_iter().map(|x| $fit(x)).collect();
            let rank = tensors.first().map_or(1, Tensor::rank);
            concatenate(tensors, axis(rank))
        }
    )*};
}
stacks! {
    vstack atleast_2d |_| 0, "Joins along axis 0, vectors being rows." [vec![1, 2], vec![3, 4]] => [1, 2, 3, 4];
    hstack atleast_1d |rank| if rank == 1 { 0 } else { 1 }, "Joins along axis 1; vectors along their only axis." [vec![1, 2], vec![3]] => [1, 2, 3];
    dstack atleast_3d |_| 2, "Joins along axis 2; vectors and matrices are made to have one." [vec![1, 2], vec![3, 4]] => [1, 3, 2, 4];
    column_stack columns |_| 1, "Joins along axis 1, vectors being columns." [vec![1, 2], vec![3, 4]] => [1, 3, 2, 4];
}

#[track_caller]
fn columns(x: impl Into<Tensor>) -> Tensor {
    let x: Tensor = x.into();
    if x.rank() < 2 { x.reshape([-1, 1]) } else { x }
}

/// Joins rows of blocks: the blocks of each row along the last axis, the rows along the last but one.
///
/// # Errors
///
/// [`OpErrorKind::ShapeMismatch`](crate::OpErrorKind) where blocks do not fit.
///
/// ```
/// use elimap::{numpy, prelude::*};
/// let x = Tensor::from(vec![1, 2]);
/// let y = numpy::block(&[vec![x.clone(), x.clone()], vec![&x * 2, &x * 3]])?;
/// assert_eq!(y.to_vec::<i32>()?, [1, 2, 1, 2, 2, 4, 3, 6]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn block(rows: &[Vec<Tensor>]) -> Result<Tensor, Error> {
    let rank = rows
        .iter()
        .flatten()
        .map(Tensor::rank)
        .max()
        .unwrap_or(0)
        .max(2);
    let fit = |x: &Tensor| {
        let ones = std::iter::repeat_n(1, rank - x.rank());
        x.reshape(
            ones.chain(x.shape().iter().map(|&n| n as isize))
                .collect::<Vec<_>>(),
        )
    };
    let rows: Vec<Tensor> = rows
        .iter()
        .map(|row| concatenate(row.iter().map(fit), -1))
        .collect::<Result<_, _>>()?;
    concatenate(rows, -2)
}

compositions! {
    numpy;
    /// Elements of `values` at the end of an axis.
    [append(vec![1, 2], vec![3], 0) => i32 [1, 2, 3]]
    fn append(x, values; axis: isize) { concatenate([x, values], axis) }
    /// Elements along an axis without those at `positions`, which are known beforehand; negative ones count from the end.
    [delete(vec![1, 2, 3], &[0, -1], 0) => i32 [2]]
    fn delete(x; positions: &[isize], axis: isize) {
        let axis = axis_of("delete", axis, x.rank())?;
        let n = x.shape()[axis];
        let gone = places("delete", positions, n)?;
        let left: Vec<i64> = (0..n).filter(|k| !gone.contains(k)).map(|k| k as i64).collect();
        Ok(x.take(left, axis as isize, TakeMode::Clip))
    }
    /// `values` before the elements at `positions` of an axis, which are known beforehand.
    [insert(vec![1, 2], vec![9], &[1], 0) => i32 [1, 9, 2]]
    fn insert(x, values; positions: &[isize], axis: isize) {
        let axis = axis_of("insert", axis, x.rank())?;
        let n = x.shape()[axis];
        let mut at = places("insert", positions, n + 1)?;
        let values = values.astype(x.dtype());
        // At one position any number of values go in; else one for each.
        let count = match (at.len(), values.rank()) {
            (1, r) if r == x.rank() => values.shape()[axis],
            (1, 1) if x.rank() == 1 => values.shape()[0],
            (k, _) => k,
        };
        let mut shape = x.shape().to_vec();
        shape[axis] = count;
        let values = values.broadcast_to(&shape);
        if at.len() == 1 {
            at = vec![at[0]; count];
        }
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|&k| at[k]);
        let mut from: Vec<i64> = Vec::with_capacity(n + count);
        let mut next = order.iter().peekable();
        for k in 0..=n {
            while let Some(&&v) = next.peek().filter(|&&&v| at[v] == k) {
                from.push((n + v) as i64);
                next.next();
            }
            if k < n {
                from.push(k as i64);
            }
        }
        let both = concatenate([x, values], axis as isize)?;
        Ok(both.take(from, axis as isize, TakeMode::Clip))
    }
}

/// Positions counted from the end where negative.
fn places(op: &'static str, positions: &[isize], n: usize) -> Result<Vec<usize>, Error> {
    let place = |&p: &isize| {
        let at = if p < 0 { p + n as isize } else { p };
        usize::try_from(at)
            .ok()
            .filter(|&at| at < n)
            .ok_or_else(|| {
                refuse(
                    op,
                    format!("position {p} is outside of an axis with {n} places"),
                )
            })
    };
    positions.iter().map(place).collect()
}

/// How [`pad_with`] fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PadMode {
    /// The element at the edge, again and again.
    Edge,
    /// The elements from the other end.
    Wrap,
    /// Mirrored at the edge, whose element is not repeated.
    Reflect,
    /// Mirrored at the edge, whose element is repeated.
    Symmetric,
}

compositions! {
    numpy;
    /// Elements before and after each axis, taken from the tensor; see [`Tensor::pad`] for a constant.
    [pad_with(vec![1, 2, 3], &[(1, 2)], numpy::PadMode::Reflect) => i32 [2, 1, 2, 3, 2, 1]]
    fn pad_with(x; widths: &[(usize, usize)], mode: PadMode) {
        if widths.len() != x.rank() {
            return Err(refuse("pad", format!("{} widths for {}; give one pair per axis", widths.len(), x.ty())));
        }
        let mut x = x;
        for (axis, &(low, high)) in widths.iter().enumerate() {
            let n = x.shape()[axis] as i64;
            if n == 0 && low + high > 0 {
                return Err(refuse("pad", format!("axis {axis} of {} is empty and has nothing to repeat", x.ty())));
            }
            let from = |k: i64| match mode {
                PadMode::Edge => k.clamp(0, n - 1),
                PadMode::Wrap => k.rem_euclid(n),
                PadMode::Reflect if n == 1 => 0,
                PadMode::Reflect => {
                    let k = k.rem_euclid(2 * n - 2);
                    k.min(2 * n - 2 - k)
                }
                PadMode::Symmetric => {
                    let k = k.rem_euclid(2 * n);
                    k.min(2 * n - 1 - k)
                }
            };
            let at: Vec<i64> = (-(low as i64)..n + high as i64).map(from).collect();
            x = x.take(at, axis as isize, TakeMode::Clip);
        }
        Ok(x)
    }
    /// The elements of a vector as bits, eight to a byte; the first bit is the greatest, or the least where `little`.
    [packbits(vec![1, 0, 0, 0, 0, 0, 1, 1], 0, false) => u8 [131]]
    fn packbits(x; axis: isize, little: bool) {
        let bits = super::elementwise::truth(&x).astype(DType::U8).moveaxis(axis, -1).check()?;
        let n = bits.shape()[bits.rank() - 1];
        let whole = n.div_ceil(8);
        let mut config = vec![(0, 0, 0); bits.rank()];
        config[bits.rank() - 1] = (0, (whole * 8 - n) as i64, 0);
        let padded = bits.pad(0, config);
        let mut shape: Vec<isize> = padded.shape().iter().map(|&n| n as isize).collect();
        shape.truncate(padded.rank() - 1);
        shape.extend([whole as isize, 8]);
        let weights: Vec<u8> = (0..8).map(|k| if little { 1 << k } else { 128 >> k }).collect();
        let bytes = (padded.reshape(shape) * Tensor::from(Array::from(weights))).sum(-1).astype(DType::U8);
        Ok(bytes.moveaxis(-1, axis))
    }
    /// The bits of bytes, eight for each along an axis; the greatest first, or the least where `little`.
    [unpackbits(vec![3_u8], 0, true) => u8 [1, 1, 0, 0, 0, 0, 0, 0]]
    fn unpackbits(x; axis: isize, little: bool) {
        if x.dtype() != DType::U8 {
            return Err(refuse("unpackbits", format!("takes bytes (u8), got {}", x.ty())));
        }
        let bytes = x.moveaxis(axis, -1).expand_dims(-1);
        let shifts: Vec<u8> = (0..8).map(|k| if little { k } else { 7 - k }).collect();
        let bits = bytes.shift_right_logical(Tensor::from(Array::from(shifts))) & Tensor::from(1_u8);
        let mut shape: Vec<isize> = bits.shape().iter().map(|&n| n as isize).collect();
        shape.truncate(bits.rank() - 2);
        shape.push(-1);
        Ok(bits.reshape(shape).moveaxis(-1, axis))
    }
    /// All elements along an axis where `mask` is true, as many as `size`; the rest is `fill`.
    [compress(vec![5, 6, 7], vec![true, false, true], 0, 3, 0) => i32 [5, 7, 0]]
    fn compress(x, mask; axis: isize, size: usize, fill: impl Into<Tensor>) {
        let axis = axis_of("compress", axis, x.rank())?;
        let n = x.shape()[axis];
        let mask = flat(&super::elementwise::truth(&mask));
        let mask = mask.along(0, 0, n.min(mask.shape()[0]));
        let at = super::nonzero_positions(&mask, Some(size), n as i64)?;
        let mut shape = vec![1; x.rank()];
        shape[axis] = size as isize;
        let inside = at.less(n as i64).reshape(shape);
        let fill = fill.into().astype(x.dtype());
        Ok(crate::tensor::where_(inside, x.take(at, axis as isize, TakeMode::Clip), fill))
    }
    /// All elements where `mask` is true, in order, as many as `size`; the rest is `fill`.
    [extract(vec![true, false, true], vec![5, 6, 7], 2, 0) => i32 [5, 7]]
    fn extract(mask, x; size: usize, fill: impl Into<Tensor>) {
        let mask = mask.broadcast_to(x.shape());
        Ok(compress(flat(&x), flat(&mask), 0, size, fill))
    }
}
