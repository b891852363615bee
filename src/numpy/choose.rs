//! Choosing between tensors.

use super::refuse;
use crate::array::DType;
use crate::error::Error;
use crate::tensor::{TakeMode, Tensor, compositions, where_};

/// The first of `choices` whose condition holds, `default` where none does, all broadcast together.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for another number of choices than conditions.
///
/// ```
/// use elimap::{numpy, prelude::*};
/// let x = Tensor::from(vec![1, 5, 9]);
/// let y = numpy::select([x.less(3), x.less(7)], [&x * 10, &x * 100], 0)?;
/// assert_eq!(y.to_vec::<i32>()?, [10, 500, 0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn select<C: Into<Tensor>, T: Into<Tensor>>(
    conditions: impl IntoIterator<Item = C>,
    choices: impl IntoIterator<Item = T>,
    default: impl Into<Tensor>,
) -> Result<Tensor, Error> {
    let conditions: Vec<Tensor> = conditions.into_iter().map(Into::into).collect();
    let choices: Vec<Tensor> = choices.into_iter().map(Into::into).collect();
    if conditions.len() != choices.len() {
        let detail = format!(
            "{} conditions for {} choices; give one each",
            conditions.len(),
            choices.len()
        );
        return Err(refuse("select", detail));
    }
    let chosen = conditions.iter().zip(&choices).rev();
    chosen
        .fold(default.into(), |otherwise, (c, x)| where_(c, x, otherwise))
        .check()
}

/// For every element the one of `choices` its number names; see [`Tensor::take`] for numbers outside.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for no choices.
///
/// ```
/// use elimap::{TakeMode, numpy};
/// let y = numpy::choose(vec![1, 0], [vec![1, 2], vec![30, 40]], TakeMode::Clip)?;
/// assert_eq!(y.to_vec::<i32>()?, [30, 2]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn choose<T: Into<Tensor>>(
    which: impl Into<Tensor>,
    choices: impl IntoIterator<Item = T>,
    mode: TakeMode,
) -> Result<Tensor, Error> {
    let which: Tensor = which.into();
    let all = std::iter::once(which.clone()).chain(choices.into_iter().map(Into::into));
    let mut all = super::broadcast_arrays(all)?;
    let which = all.remove(0);
    if all.is_empty() {
        return Err(refuse("choose", "needs choices to choose from"));
    }
    let stacked = crate::tensor::stack(all, 0)?;
    let picked = stacked.take_along_axis(which.astype(DType::I64).expand_dims(0), 0, mode);
    picked.squeeze(0).check()
}

/// Each function's values where its condition holds, the last function's where none does; of several that hold the last
/// counts.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) unless there is one function more than conditions, and whatever goes wrong in
/// them.
///
/// ```
/// use elimap::{numpy, prelude::*};
/// let x = Tensor::from(vec![-2.0, 3.0]);
/// let y = numpy::piecewise(&x, [x.less(0.0)], &[&|x: Tensor| ok(-x), &|x: Tensor| ok(x * 10.0)])?;
/// assert_eq!(y.to_vec::<f64>()?, [2.0, 30.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn piecewise<C: Into<Tensor>>(
    x: impl Into<Tensor>,
    conditions: impl IntoIterator<Item = C>,
    functions: &[&dyn Fn(Tensor) -> Result<Tensor, Error>],
) -> Result<Tensor, Error> {
    let x: Tensor = x.into();
    let conditions: Vec<Tensor> = conditions.into_iter().map(Into::into).collect();
    let Some((default, functions)) = functions.split_last() else {
        return Err(refuse(
            "piecewise",
            "needs at least the function for the rest",
        ));
    };
    if functions.len() != conditions.len() {
        let detail = format!(
            "{} conditions take {} functions and one for the rest",
            conditions.len(),
            conditions.len()
        );
        return Err(refuse("piecewise", detail));
    }
    let mut out = default(x.clone())?.astype(x.dtype());
    for (condition, function) in conditions.iter().zip(functions) {
        out = where_(condition, function(x.clone())?.astype(x.dtype()), out);
    }
    out.check()
}

compositions! {
    numpy;
    /// `x` with the elements at `indices` along an axis replaced; the opposite of [`Tensor::take_along_axis`].
    [put_along_axis(ndarray::array![[1, 2], [3, 4]], ndarray::array![[1], [0]], 9, 1) => i32 [1, 9, 9, 4]]
    fn put_along_axis(x, indices, values; axis: isize) {
        let axis = super::axis_of("put_along_axis", axis, x.rank())?;
        let shape = indices.shape().to_vec();
        let n = x.shape()[axis] as i64;
        let indices = indices.astype(DType::I64);
        let indices = where_(indices.less(0), &indices + n, indices);
        // Every position as one number, row-major.
        let mut at = Tensor::from(0_i64);
        for d in 0..x.rank() {
            let here = if d == axis { indices.clone() } else { crate::tensor::iota(DType::I64, &shape, d) };
            at = at * x.shape()[d] as i64 + here;
        }
        let inside = indices.greater_equal(0) & indices.less(n);
        let at = where_(inside, at, x.ty().size() as i64);
        let values = values.astype(x.dtype()).broadcast_to(&shape).reshape([-1]);
        let signed: Vec<isize> = x.shape().iter().map(|&n| n as isize).collect();
        Ok(super::flat(&x).at(super::flat(&at)).set(values).reshape(signed))
    }
}
