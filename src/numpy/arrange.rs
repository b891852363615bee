//! Rearranging: axes, repetition, diagonals, rotation.

use super::{axis_of, flat, refuse};
use crate::array::DType;
use crate::error::Error;
use crate::tensor::{AxisList, IntoShape, TakeMode, Tensor, arange, compositions, resolve};

compositions! {
    numpy;
    /// All elements in order, as one axis.
    [ravel(ndarray::array![[1, 2], [3, 4]]) => i32 [1, 2, 3, 4]]
    fn ravel(x;) { Ok(flat(&x)) }
    /// Two axes exchanged.
    [swapaxes(ndarray::array![[1, 2], [3, 4]], 0, 1) => i32 [1, 3, 2, 4]]
    fn swapaxes(x; a: isize, b: isize) {
        let (a, b) = (axis_of("swapaxes", a, x.rank())?, axis_of("swapaxes", b, x.rank())?);
        let mut order: Vec<isize> = (0..x.rank() as isize).collect();
        order.swap(a, b);
        Ok(x.transpose(order))
    }
    /// The last two axes exchanged.
    [matrix_transpose(ndarray::array![[1, 2], [3, 4]]) => i32 [1, 3, 2, 4]]
    fn matrix_transpose(x;) { Ok(swapaxes(x, -1, -2)) }
    /// Several axes moved to other positions, the rest keeping their order.
    [moveaxis(ndarray::array![[1, 2], [3, 4]], [0], [1]) => i32 [1, 3, 2, 4]]
    fn moveaxis(x; from: impl AxisList, to: impl AxisList) {
        let here = std::panic::Location::caller();
        let from = resolve("moveaxis", &from.axes(x.rank()), x.rank(), here)?;
        let to = resolve("moveaxis", &to.axes(x.rank()), x.rank(), here)?;
        if from.len() != to.len() {
            return Err(refuse("moveaxis", format!("{} axes for {} positions; give as many", from.len(), to.len())));
        }
        let mut rest = (0..x.rank()).filter(|a| !from.contains(a));
        let order = (0..x.rank()).map(|at| match to.iter().position(|&t| t == at) {
            Some(k) => from[k],
            None => rest.next().unwrap_or(0),
        });
        Ok(x.transpose(order.map(|a| a as isize).collect::<Vec<_>>()))
    }
    /// An axis moved back until it stands before `start`.
    [rollaxis(ndarray::array![[1, 2], [3, 4]], 1, 0) => i32 [1, 3, 2, 4]]
    fn rollaxis(x; axis: isize, start: isize) {
        let axis = axis_of("rollaxis", axis, x.rank())?;
        let start = axis_of("rollaxis", start, x.rank() + 1)?;
        let to = if start > axis { start - 1 } else { start };
        Ok(x.moveaxis(axis as isize, to as isize))
    }
    /// Each element so many times along an axis.
    [repeat(vec![1, 2], 2, 0) => i32 [1, 1, 2, 2]]
    fn repeat(x; times: usize, axis: isize) {
        let axis = axis_of("repeat", axis, x.rank())?;
        let mut wide: Vec<usize> = x.shape().to_vec();
        wide.insert(axis + 1, times);
        let mut shape: Vec<isize> = x.shape().iter().map(|&n| n as isize).collect();
        shape[axis] *= times as isize;
        Ok(x.expand_dims(axis as isize + 1).broadcast_to(wide).reshape(shape))
    }
    /// Element `k` along an axis `times[k]` times, which are known beforehand.
    [repeat_each(vec![5, 6], &[2, 1], 0) => i32 [5, 5, 6]]
    fn repeat_each(x; times: &[usize], axis: isize) {
        let axis = axis_of("repeat", axis, x.rank())?;
        if times.len() != x.shape()[axis] {
            let detail = format!("{} counts for an axis of length {}; give one per element", times.len(), x.shape()[axis]);
            return Err(refuse("repeat", detail));
        }
        let picked = times.iter().enumerate().flat_map(|(k, &n)| std::iter::repeat_n(k as i64, n));
        Ok(x.take(picked.collect::<Vec<i64>>(), axis as isize, TakeMode::Clip))
    }
    /// The whole tensor side by side so many times along each of the last axes.
    [tile(vec![1, 2], [2]) => i32 [1, 2, 1, 2]]
    fn tile(x; times: impl IntoShape) {
        let times = times.into_shape();
        let rank = times.len().max(x.rank());
        let pad = |list: &[usize]| -> Vec<usize> {
            std::iter::repeat_n(1, rank - list.len()).chain(list.iter().copied()).collect()
        };
        let (lengths, times) = (pad(x.shape()), pad(&times));
        let narrow = lengths.iter().flat_map(|&n| [1, n as isize]);
        let wide: Vec<usize> = times.iter().zip(&lengths).flat_map(|(&t, &n)| [t, n]).collect();
        let whole = times.iter().zip(&lengths).map(|(&t, &n)| (t * n) as isize);
        Ok(x.reshape(narrow.collect::<Vec<_>>()).broadcast_to(wide).reshape(whole.collect::<Vec<_>>()))
    }
    /// The columns of a matrix from right to left.
    [fliplr(ndarray::array![[1, 2], [3, 4]]) => i32 [2, 1, 4, 3]]
    fn fliplr(x;) { Ok(x.flip(1)) }
    /// The rows of a matrix from bottom to top.
    [flipud(ndarray::array![[1, 2], [3, 4]]) => i32 [3, 4, 1, 2]]
    fn flipud(x;) { Ok(x.flip(0)) }
    /// A quarter turn `k` times over in the plane of two axes.
    [rot90(ndarray::array![[1, 2], [3, 4]], 1, [0, 1]) => i32 [2, 4, 1, 3]]
    fn rot90(x; k: i32, axes: [isize; 2]) {
        let [a, b] = axes;
        Ok(match k.rem_euclid(4) {
            0 => x,
            1 => swapaxes(x.flip(b), a, b),
            2 => x.flip([a, b]),
            _ => swapaxes(x, a, b).flip(b),
        })
    }
    /// A diagonal of the plane of two axes, as a last axis.
    [diagonal(ndarray::array![[1, 2], [3, 4]], 0, 0, 1) => i32 [1, 4]]
    fn diagonal(x; offset: isize, axis1: isize, axis2: isize) {
        let (a, b) = (axis_of("diagonal", axis1, x.rank())?, axis_of("diagonal", axis2, x.rank())?);
        let (n, m) = (x.shape()[a], x.shape()[b]);
        let (down, right) = (offset.min(0).unsigned_abs(), offset.max(0).unsigned_abs());
        let length = n.saturating_sub(down).min(m.saturating_sub(right));
        let last = moveaxis(&x, [a as isize, b as isize], [-2, -1]).check()?;
        // The diagonal of the plane, laid out in a row, is every (m + 1)-th element.
        let mut shape: Vec<isize> = last.shape().iter().map(|&n| n as isize).collect();
        shape.truncate(x.rank() - 2);
        shape.push((n * m) as isize);
        let at: Vec<i64> = (0..length).map(|k| ((k + down) * m + k + right) as i64).collect();
        Ok(last.reshape(shape).take(at, -1, TakeMode::Clip))
    }
    /// The sum of a diagonal.
    [trace(ndarray::array![[1.0, 2.0], [3.0, 4.0]], 0, 0, 1) => f64 [5.0]]
    fn trace(x; offset: isize, axis1: isize, axis2: isize) { Ok(diagonal(x, offset, axis1, axis2).sum(-1)) }
    /// A matrix with a vector on its diagonal `k`, or the diagonal of a matrix.
    [diag(vec![1, 2], 0) => i32 [1, 0, 0, 2]]
    fn diag(x; k: isize) {
        match x.rank() {
            1 => Ok(diagflat(x, k)),
            2 => Ok(diagonal(x, k, 0, 1)),
            _ => Err(refuse("diag", format!("takes vectors and matrices, got {}", x.ty()))),
        }
    }
    /// A matrix with all elements in order on its diagonal `k`.
    [diagflat(vec![1, 2], 0) => i32 [1, 0, 0, 2]]
    fn diagflat(x; k: isize) {
        let x = flat(&x);
        let (n, off) = (x.shape()[0], k.unsigned_abs());
        let size = n + off;
        let at = arange(n);
        let (row, col) = if k < 0 { (&at + off as i64, at.clone()) } else { (at.clone(), &at + off as i64) };
        let zeros = crate::tensor::zeros(size * size, x.dtype());
        Ok(zeros.at(row * size as i64 + col).set(x).reshape([size as isize, size as isize]))
    }
    /// Elements of `x`, chosen and wrapped as often as the shape needs.
    [resize(vec![1, 2, 3], [2, 2]) => i32 [1, 2, 3, 1]]
    fn resize(x; shape: impl IntoShape) {
        let shape = shape.into_shape();
        let (n, size) = (x.ty().size(), shape.iter().product::<usize>());
        if n == 0 {
            return Ok(crate::tensor::zeros(shape, x.dtype()));
        }
        let at: Vec<i64> = (0..size).map(|k| (k % n) as i64).collect();
        let signed = shape.iter().map(|&n| n as isize).collect::<Vec<_>>();
        Ok(flat(&x).take(at, 0, TakeMode::Clip).reshape(signed))
    }
    /// Powers of a vector as columns, `columns` of them, falling or rising.
    [vander(vec![2, 3], 3, false) => i32 [4, 2, 1, 9, 3, 1]]
    fn vander(x; columns: usize, increasing: bool) {
        let powers = arange(columns);
        let powers = if increasing { powers } else { columns as i64 - 1 - powers };
        Ok(x.expand_dims(1).pow(powers.expand_dims(0)).astype(x.dtype()))
    }
    /// Elements along an axis in a circle by `shift`; see [`Tensor::roll`]. This one takes all elements as one axis.
    [roll_flat(vec![1, 2, 3], 1) => i32 [3, 1, 2]]
    fn roll_flat(x; shift: isize) {
        let signed: Vec<isize> = x.shape().iter().map(|&n| n as isize).collect();
        Ok(flat(&x).roll(shift, 0).reshape(signed))
    }
    /// At least one axis: a scalar becomes a vector.
    [atleast_1d(3) => i64 [3]]
    fn atleast_1d(x;) { Ok(if x.rank() == 0 { x.reshape([1]) } else { x }) }
    /// At least two axes: a vector becomes a row.
    [atleast_2d(vec![1, 2]) => i32 [1, 2]]
    fn atleast_2d(x;) {
        Ok(match x.rank() {
            0 => x.reshape([1, 1]),
            1 => x.expand_dims(0),
            _ => x,
        })
    }
    /// At least three axes: a vector lies in the middle, a matrix gets a last axis.
    [atleast_3d(vec![1, 2]) => i32 [1, 2]]
    fn atleast_3d(x;) {
        Ok(match x.rank() {
            0 => x.reshape([1, 1, 1]),
            1 => x.expand_dims([0, 2]),
            2 => x.expand_dims(-1),
            _ => x,
        })
    }
    /// The Kronecker product.
    [kron(ndarray::array![[1, 2]], ndarray::array![[1], [10]]) => i32 [1, 2, 10, 20]]
    fn kron(a, b;) {
        let rank = a.rank().max(b.rank());
        let fill = |x: &Tensor| -> Tensor {
            let ones = std::iter::repeat_n(1, rank - x.rank());
            x.reshape(ones.chain(x.shape().iter().map(|&n| n as isize)).collect::<Vec<_>>())
        };
        let (a, b) = (fill(&a), fill(&b));
        let even: Vec<isize> = (0..rank as isize).map(|k| 2 * k).collect();
        let odd: Vec<isize> = even.iter().map(|k| k + 1).collect();
        let whole = a.shape().iter().zip(b.shape()).map(|(&n, &m)| (n * m) as isize).collect::<Vec<_>>();
        Ok((a.expand_dims(odd) * b.expand_dims(even)).reshape(whole))
    }
    /// The vector product of the last axes, of length 2 or 3 (two of length 2 give a scalar).
    [cross(vec![1, 0, 0], vec![0, 1, 0]) => i32 [0, 0, 1]]
    fn cross(a, b;) {
        let length = |x: &Tensor| x.shape().last().copied().unwrap_or(0);
        let part = |x: &Tensor, k: usize| -> Tensor {
            if k < length(x) { x.index(-1, k as isize) } else { crate::tensor::zeros_like(x.index(-1, 0)) }
        };
        match (length(&a), length(&b)) {
            (2, 2) => Ok(part(&a, 0) * part(&b, 1) - part(&a, 1) * part(&b, 0)),
            (2 | 3, 2 | 3) => {
                let of = |i: usize, j: usize| part(&a, i) * part(&b, j) - part(&a, j) * part(&b, i);
                crate::tensor::stack([of(1, 2), of(2, 0), of(0, 1)], -1)
            }
            _ => Err(refuse("cross", format!("takes last axes of length 2 or 3, got {} and {}", a.ty(), b.ty()))),
        }
    }
    /// Sums of products over the last axes of both, all other axes side by side.
    [inner(vec![1, 2], vec![3, 4]) => i32 [11]]
    fn inner(a, b;) {
        if a.rank() == 0 || b.rank() == 0 {
            return Ok(a * b);
        }
        Ok(crate::tensor::tensordot(a, b, &[-1], &[-1]))
    }
    /// Sums of products along an axis of both, which broadcast.
    [vecdot(vec![1, 2], vec![3, 4], -1) => i32 [11]]
    fn vecdot(a, b; axis: isize) {
        let (a, b) = (a.moveaxis(axis, -1), b.moveaxis(axis, -1));
        let product = a.expand_dims(-2).matmul(b.expand_dims(-1));
        Ok(product.squeeze([-2, -1]))
    }
    /// A matrix with ones on and below diagonal `k`.
    [tri(2, 3, 0, DType::I32) => i32 [1, 0, 0, 1, 1, 0]]
    fn tri(; rows: usize, columns: usize, k: i64, dtype: DType) {
        let below = (arange(rows).expand_dims(1) + k).greater_equal(arange(columns));
        Ok(below.astype(dtype))
    }
}

/// The tensors broadcast to one shape.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) where they do not broadcast.
///
/// ```
/// use elimap::{numpy, prelude::*};
/// let all = numpy::broadcast_arrays([Tensor::from(vec![1, 2]), Tensor::from(3)])?;
/// assert_eq!(all[1].shape(), [2]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn broadcast_arrays<T: Into<Tensor>>(
    tensors: impl IntoIterator<Item = T>,
) -> Result<Vec<Tensor>, Error> {
    let tensors: Vec<Tensor> = tensors.into_iter().map(Into::into).collect();
    let Some(shape) = crate::array::broadcast_shapes(tensors.iter().map(Tensor::shape)) else {
        let types: Vec<String> = tensors.iter().map(|t| t.ty().to_string()).collect();
        let detail = format!(
            "{} do not broadcast together; lengths must be equal or 1",
            types.join(", ")
        );
        return Err(refuse("broadcast_arrays", detail));
    };
    tensors
        .iter()
        .map(|t| t.broadcast_to(&shape).check())
        .collect()
}

/// Coordinates of a grid from one vector per axis: numpy's default `xy` exchanges the first two axes, `ij` does not.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) where one has more than one axis.
///
/// ```
/// use elimap::numpy;
/// let grid = numpy::meshgrid([vec![1, 2], vec![3, 4, 5]], true)?;
/// assert_eq!(grid[0].shape(), [3, 2]);
/// assert_eq!(grid[1].to_vec::<i32>()?, [3, 3, 4, 4, 5, 5]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn meshgrid<T: Into<Tensor>>(
    axes: impl IntoIterator<Item = T>,
    xy: bool,
) -> Result<Vec<Tensor>, Error> {
    let axes: Vec<Tensor> = axes.into_iter().map(|x| atleast_1d(x)).collect();
    if let Some(x) = axes.iter().find(|x| x.rank() != 1) {
        return Err(refuse("meshgrid", format!("takes vectors, got {}", x.ty())));
    }
    let place = |k: usize| {
        if xy && axes.len() > 1 && k < 2 {
            1 - k
        } else {
            k
        }
    };
    let mut shape = vec![0; axes.len()];
    for (k, x) in axes.iter().enumerate() {
        shape[place(k)] = x.shape()[0];
    }
    let spread = |(k, x): (usize, &Tensor)| x.broadcast_in_dim(shape.clone(), [place(k)]).check();
    axes.iter().enumerate().map(spread).collect()
}

/// Coordinates of every position of a shape, one tensor for each axis, stacked.
///
/// ```
/// use elimap::numpy;
/// assert_eq!(numpy::indices([2, 2]).to_vec::<i64>()?, [0, 0, 1, 1, 0, 1, 0, 1]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn indices(shape: impl IntoShape) -> Tensor {
    let shape = shape.into_shape();
    crate::tensor::composed(std::panic::Location::caller(), || {
        let along = (0..shape.len()).map(|d| crate::tensor::iota(DType::I64, &shape, d));
        crate::tensor::stack(along, 0)
    })
}

/// The elements along axis 0 that are the tensor's own, one tensor each.
///
/// # Errors
///
/// [`OpErrorKind::AxisOutOfBounds`](crate::OpErrorKind).
///
/// ```
/// use elimap::numpy;
/// let parts = numpy::unstack(ndarray::array![[1, 2], [3, 4]], 1)?;
/// assert_eq!(parts[1].to_vec::<i32>()?, [2, 4]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn unstack(x: impl Into<Tensor>, axis: isize) -> Result<Vec<Tensor>, Error> {
    let x = x.into().check()?;
    let axis = axis_of("unstack", axis, x.rank())?;
    (0..x.shape()[axis])
        .map(|k| x.index(axis as isize, k as isize).check())
        .collect()
}

/// An axis in `parts` pieces of nearly equal length, the longer ones first.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for no parts at all.
///
/// ```
/// use elimap::numpy;
/// let parts = numpy::array_split(vec![1, 2, 3], 2, 0)?;
/// assert_eq!(parts[0].to_vec::<i32>()?, [1, 2]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn array_split(x: impl Into<Tensor>, parts: usize, axis: isize) -> Result<Vec<Tensor>, Error> {
    let x = x.into().check()?;
    let resolved = axis_of("array_split", axis, x.rank())?;
    if parts == 0 {
        return Err(refuse(
            "array_split",
            "0 parts hold nothing; give 1 or more",
        ));
    }
    let (each, longer) = (x.shape()[resolved] / parts, x.shape()[resolved] % parts);
    let cuts: Vec<usize> = (1..parts).map(|k| k * each + k.min(longer)).collect();
    x.split_at(&cuts, axis)
}
