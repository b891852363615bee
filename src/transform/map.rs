//! `map`: a function applied to one slice after another.

use super::vmap;
use crate::error::Error;
use crate::tensor::{Flatten, Func, ScanOptions, Tree, scan};

/// Applies `f` to the slices of `xs` along axis 0, one after the other, and stacks the results (JAX's `lax.map`).
///
/// With a batch size, slices run in batches of that many, each vmapped, and what is left over in one more (rule C36): a
/// callback with a vectorizing method is called once per batch. A batch size of 0, or of at least the number of slices, is one
/// vmap of them all.
///
/// # Errors
///
/// Whatever goes wrong in `f`, and leaves of `xs` without axis 0 or with different lengths of it.
///
/// ```
/// use elimap::prelude::*;
/// let log = CallLog::new();
/// let host = Callback::new("host", [f64::spec([])], |args: &[Array]| args[0].clone())
///     .vmap_method(VmapMethod::ExpandDims)
///     .log(&log);
/// let f = |x: Tensor| host.call((x * 2.0,));
/// let y = elimap::map(f, Array::from(vec![1.0, 2.0, 3.0]), None)?;
/// assert_eq!(y.to_array()?.to_vec::<f64>()?, [2.0, 4.0, 6.0]);
/// assert_eq!(log.len(), 3);
/// elimap::map(f, Array::from(vec![1.0, 2.0, 3.0]), 2)?;
/// assert_eq!(log.len(), 5);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn map<A: Tree, By, F: Func<(A,), By>>(
    f: F,
    xs: impl Flatten,
    batch_size: impl Into<Option<usize>>,
) -> Result<F::Out, Error> {
    match batch_size.into() {
        None => {
            let step = |(): (), x: A| -> Result<((), F::Out), Error> { Ok(((), f.invoke((x,))?)) };
            scan(step, (), xs, ScanOptions::default()).map(|((), ys)| ys)
        }
        Some(n) => {
            let mapped = vmap(|x: A| f.invoke((x,))).chunk_size(n);
            mapped.call::<(A,), _, _>((xs,))
        }
    }
}
