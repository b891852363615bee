//! Collectives: operations over the lanes of an enclosing vmap, by axis name (rules V45 to V52).

use std::panic::Location;

use smallvec::SmallVec;

use super::context::axis_bindings;
use super::elementwise::{binary, convert};
use super::shape::resolve;
use super::{Caller, Tensor, apply};
use crate::array::DType;
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{AxisName, BinaryOp, Collective, CollectiveOp};

type Axes = SmallVec<[(AxisName, usize); 2]>;

/// One axis name or several: `"i"`, `["i", "j"]`.
pub trait AxisNames {
    /// The names in order.
    fn names(&self) -> Vec<&str>;
}

impl AxisNames for &str {
    fn names(&self) -> Vec<&str> {
        vec![self]
    }
}
impl AxisNames for String {
    fn names(&self) -> Vec<&str> {
        vec![self]
    }
}
impl<const N: usize> AxisNames for [&str; N] {
    fn names(&self) -> Vec<&str> {
        self.to_vec()
    }
}
impl AxisNames for &[&str] {
    fn names(&self) -> Vec<&str> {
        self.to_vec()
    }
}
impl AxisNames for Vec<String> {
    fn names(&self) -> Vec<&str> {
        self.iter().map(String::as_str).collect()
    }
}

/// The sizes the names are bound to here, or the first unbound one.
fn bound(op: &'static str, names: &impl AxisNames, location: Caller) -> Result<Axes, Error> {
    let bindings = axis_bindings();
    names
        .names()
        .into_iter()
        .map(|name| {
            bindings
                .iter()
                .find(|(n, _)| &**n == name)
                .cloned()
                .ok_or_else(|| {
                    let bound = bindings.iter().map(|(n, _)| n.to_string()).collect();
                    let kind = OpErrorKind::UnboundAxisName {
                        name: name.to_owned(),
                        bound,
                    };
                    OpError::at(op, kind, location).into()
                })
        })
        .collect()
}

/// The one axis of a collective that takes no more.
fn single(op: &'static str, axes: &Axes, location: Caller) -> Result<usize, Error> {
    match &axes[..] {
        [(_, size)] => Ok(*size),
        more => {
            let detail = format!(
                "takes one axis name, got {}; apply it once per name",
                more.len()
            );
            Err(OpError::at(op, OpErrorKind::parameter(detail), location).into())
        }
    }
}

fn collective(
    op: CollectiveOp,
    axes: Axes,
    x: &[&Tensor],
    location: Caller,
) -> Result<Tensor, Error> {
    Ok(apply(Collective { kind: op, axes }, x, location)?.swap_remove(0))
}

/// The sum over the lanes of the named axes; the same in every lane, so legal with `out_axes` `None`.
///
/// # Errors
///
/// [`OpErrorKind::UnboundAxisName`] outside a vmap with that `axis_name`.
///
/// ```
/// use elimap::prelude::*;
/// let normalize = |x: Tensor| Ok::<_, Error>(&x / psum(&x, "i")?);
/// let out = vmap(normalize).axis_name("i").call((Array::from(vec![1.0, 3.0]),))?;
/// assert_eq!(out.to_array()?.to_vec::<f64>()?, [0.25, 0.75]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn psum(x: impl Into<Tensor>, axis_name: impl AxisNames) -> Result<Tensor, Error> {
    let location = Location::caller();
    let axes = bound("psum", &axis_name, location)?;
    let x = x.into().check()?;
    // Sums of bools count (rule V46).
    let x = if x.dtype() == DType::Bool {
        convert(&x, (DType::I32, false), location)
    } else {
        x
    };
    collective(CollectiveOp::Psum, axes, &[&x], location)
}

/// The mean over the lanes of the named axes.
///
/// # Errors
///
/// As for [`psum`].
///
/// ```
/// use elimap::prelude::*;
/// let f = vmap(|x: Tensor| ok(&x - pmean(&x, "lane")?)).axis_name("lane");
/// assert_eq!(f.call((vec![1.0, 2.0, 3.0],))?.to_vec::<f64>()?, [-1.0, 0.0, 1.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn pmean(x: impl Into<Tensor>, axis_name: impl AxisNames) -> Result<Tensor, Error> {
    let location = Location::caller();
    let axes = bound("pmean", &axis_name, location)?;
    let count: usize = axes.iter().map(|(_, n)| n).product();
    let sum = psum(x, axis_name)?;
    binary(BinaryOp::Div, &sum, &Tensor::from(count as i64), location).check()
}

/// The maximum over the lanes of the named axes.
///
/// # Errors
///
/// As for [`psum`].
///
/// ```
/// use elimap::prelude::*;
/// let f = vmap(|x: Tensor| ok(&x / pmax(&x, "lane")?)).axis_name("lane");
/// assert_eq!(f.call((vec![1.0, 2.0, 4.0],))?.to_vec::<f64>()?, [0.25, 0.5, 1.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn pmax(x: impl Into<Tensor>, axis_name: impl AxisNames) -> Result<Tensor, Error> {
    let location = Location::caller();
    collective(
        CollectiveOp::Pmax,
        bound("pmax", &axis_name, location)?,
        &[&x.into()],
        location,
    )
}

/// The minimum over the lanes of the named axes.
///
/// # Errors
///
/// As for [`psum`].
///
/// ```
/// use elimap::prelude::*;
/// let f = vmap(|x: Tensor| ok(&x - pmin(&x, "lane")?)).axis_name("lane");
/// assert_eq!(f.call((vec![1.0, 2.0, 3.0],))?.to_vec::<f64>()?, [0.0, 1.0, 2.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn pmin(x: impl Into<Tensor>, axis_name: impl AxisNames) -> Result<Tensor, Error> {
    let location = Location::caller();
    collective(
        CollectiveOp::Pmin,
        bound("pmin", &axis_name, location)?,
        &[&x.into()],
        location,
    )
}

/// The lane's index along the named axes, row-major, as `i32`.
///
/// # Errors
///
/// As for [`psum`].
///
/// ```
/// use elimap::prelude::*;
/// let f = vmap(|x: Tensor| ok(x * axis_index("lane")?)).axis_name("lane");
/// assert_eq!(f.call((vec![1.0, 2.0, 3.0],))?.to_vec::<f64>()?, [0.0, 2.0, 6.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn axis_index(axis_name: impl AxisNames) -> Result<Tensor, Error> {
    let location = Location::caller();
    collective(
        CollectiveOp::AxisIndex,
        bound("axis_index", &axis_name, location)?,
        &[],
        location,
    )
}

/// The number of lanes of the named axes; known while tracing.
///
/// # Errors
///
/// As for [`psum`].
///
/// ```
/// use elimap::prelude::*;
/// let f = vmap(|x: Tensor| ok(x * axis_size("lane")? as f64)).axis_name("lane");
/// assert_eq!(f.call((vec![1.0, 2.0, 3.0],))?.to_vec::<f64>()?, [3.0, 6.0, 9.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn axis_size(axis_name: impl AxisNames) -> Result<usize, Error> {
    let axes = bound("axis_size", &axis_name, Location::caller())?;
    Ok(axes.iter().map(|(_, n)| n).product())
}

/// Every lane's value, stacked along a new axis, or where `tiled` concatenated along an existing one.
///
/// # Errors
///
/// As for [`psum`], and [`OpErrorKind::AxisOutOfBounds`].
///
/// ```
/// use elimap::prelude::*;
/// let f = vmap(|x: Tensor| all_gather(&x, "lane", 0, false)).axis_name("lane");
/// let out = f.call((vec![1.0, 2.0],))?;
/// assert_eq!(out.to_vec::<f64>()?, [1.0, 2.0, 1.0, 2.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn all_gather(
    x: impl Into<Tensor>,
    axis_name: impl AxisNames,
    axis: isize,
    tiled: bool,
) -> Result<Tensor, Error> {
    let location = Location::caller();
    let x = x.into().check()?;
    let axes = bound("all_gather", &axis_name, location)?;
    let axis = resolve(
        "all_gather",
        &[axis],
        x.rank() + usize::from(!tiled),
        location,
    )?[0];
    collective(
        CollectiveOp::AllGather { axis, tiled },
        axes,
        &[&x],
        location,
    )
}

/// Sends each source lane's value to its destination lane; one pair `(source, destination)` per lane.
///
/// # Errors
///
/// As for [`psum`], and [`OpErrorKind::InvalidParameter`] for another number of pairs than lanes.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::ppermute;
/// let f = vmap(|x: Tensor| ppermute(&x, "lane", &[(0, 1), (1, 2), (2, 0)])).axis_name("lane");
/// assert_eq!(f.call((vec![1.0, 2.0, 3.0],))?.to_vec::<f64>()?, [3.0, 1.0, 2.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn ppermute(
    x: impl Into<Tensor>,
    axis_name: impl AxisNames,
    pairs: &[(usize, usize)],
) -> Result<Tensor, Error> {
    let location = Location::caller();
    let axes = bound("ppermute", &axis_name, location)?;
    single("ppermute", &axes, location)?;
    collective(
        CollectiveOp::Ppermute {
            pairs: pairs.to_vec(),
        },
        axes,
        &[&x.into()],
        location,
    )
}

/// Lane `j` gets the value of lane `permutation[j]`.
///
/// # Errors
///
/// As for [`psum`], and [`OpErrorKind::InvalidParameter`] where `permutation` is none.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::pshuffle;
/// let f = vmap(|x: Tensor| pshuffle(&x, "lane", &[2, 0, 1])).axis_name("lane");
/// assert_eq!(f.call((vec![1.0, 2.0, 3.0],))?.to_vec::<f64>()?, [3.0, 1.0, 2.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn pshuffle(
    x: impl Into<Tensor>,
    axis_name: impl AxisNames,
    permutation: &[usize],
) -> Result<Tensor, Error> {
    let location = Location::caller();
    let axes = bound("pshuffle", &axis_name, location)?;
    let size = single("pshuffle", &axes, location)?;
    let mut sorted = permutation.to_vec();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..size) {
        let kind = OpErrorKind::parameter(format!(
            "{permutation:?} is not a permutation of the {size} lanes; name every lane from 0 to {} once",
            size.saturating_sub(1)
        ));
        return Err(OpError::at("pshuffle", kind, location).into());
    }
    let pairs = permutation
        .iter()
        .enumerate()
        .map(|(to, &from)| (from, to))
        .collect();
    collective(
        CollectiveOp::Ppermute { pairs },
        axes,
        &[&x.into()],
        location,
    )
}

/// Splits `split_axis` over the lanes and lays what a lane receives along `concat_axis`.
///
/// # Errors
///
/// As for [`psum`], and [`OpErrorKind::ShapeMismatch`] where the axis does not divide over the lanes.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::all_to_all;
/// let f = vmap(|row: Tensor| all_to_all(&row, "lane", 0, 0, false)).axis_name("lane");
/// let out = f.call((ndarray::array![[1.0, 2.0], [3.0, 4.0]],))?;
/// assert_eq!(out.to_vec::<f64>()?, [1.0, 3.0, 2.0, 4.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn all_to_all(
    x: impl Into<Tensor>,
    axis_name: impl AxisNames,
    split_axis: isize,
    concat_axis: isize,
    tiled: bool,
) -> Result<Tensor, Error> {
    let location = Location::caller();
    let x = x.into().check()?;
    let axes = bound("all_to_all", &axis_name, location)?;
    single("all_to_all", &axes, location)?;
    let split_axis = resolve("all_to_all", &[split_axis], x.rank(), location)?[0];
    let concat_axis = resolve("all_to_all", &[concat_axis], x.rank(), location)?[0];
    collective(
        CollectiveOp::AllToAll {
            split_axis,
            concat_axis,
            tiled,
        },
        axes,
        &[&x],
        location,
    )
}

/// The sum over lanes, of which lane `i` keeps slice `i` of `axis`, or where `tiled` block `i`.
///
/// # Errors
///
/// As for [`all_to_all`].
///
/// ```
/// use elimap::prelude::*;
/// use elimap::psum_scatter;
/// let f = vmap(|row: Tensor| psum_scatter(&row, "lane", 0, false)).axis_name("lane");
/// let out = f.call((ndarray::array![[1.0, 2.0], [3.0, 4.0]],))?;
/// assert_eq!(out.to_vec::<f64>()?, [4.0, 6.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn psum_scatter(
    x: impl Into<Tensor>,
    axis_name: impl AxisNames,
    axis: isize,
    tiled: bool,
) -> Result<Tensor, Error> {
    let location = Location::caller();
    let x = x.into().check()?;
    let axes = bound("psum_scatter", &axis_name, location)?;
    single("psum_scatter", &axes, location)?;
    let axis = resolve("psum_scatter", &[axis], x.rank(), location)?[0];
    let op = CollectiveOp::PsumScatter { axis, tiled };
    collective(op, axes, &[&x], location).map_err(|error| match error {
        // The operation has the name of the primitive; the message has that of what was called.
        Error::Op(error) => Error::Op(OpError {
            op: "psum_scatter",
            ..error
        }),
        error => error,
    })
}
