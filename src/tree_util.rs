//! Functions of whole trees: those of `jax.tree`.
//!
//! A tree is anything with tensors inside: tensors, tuples, `Vec`, `BTreeMap`, and structs by `#[derive(Tree)]`.
//!
//! ```
//! use elimap::{prelude::*, tree_util};
//! #[derive(Tree)]
//! struct Line {
//!     slope: Tensor,
//!     offset: Tensor,
//! }
//! let line = |a: f64, b: f64| Line { slope: a.into(), offset: b.into() };
//! // An ensemble is one tree whose leaves are stacked.
//! let lines = tree_util::stack(&[line(1.0, 0.0), line(2.0, 1.0)])?;
//! let y = vmap(|l: Line| l.slope * 10.0 + l.offset).call((&lines,))?;
//! assert_eq!(y.to_vec::<f64>()?, [10.0, 21.0]);
//! # Ok::<(), elimap::Error>(())
//! ```

use crate::error::{Error, OpError, OpErrorKind};
use crate::tensor::{Flatten, Tensor, Tree};
use crate::tree::{Path, TreeDef, TreeError};

fn flat(tree: &impl Flatten) -> (TreeDef, Vec<Tensor>) {
    let mut leaves = Vec::new();
    let def = tree.flatten(&mut leaves);
    (def, leaves)
}

fn rebuilt<T: Tree>(def: &TreeDef, leaves: Vec<Tensor>) -> Result<T, Error> {
    Ok(T::unflatten(
        def,
        &mut leaves.into_iter(),
        &Path::root("tree"),
    )?)
}

/// The leaves in order.
///
/// ```
/// use elimap::{prelude::*, tree_util};
/// assert_eq!(tree_util::leaves(&(Tensor::from(1.0), vec![Tensor::from(2.0)])).len(), 2);
/// ```
#[must_use]
pub fn leaves(tree: &impl Flatten) -> Vec<Tensor> {
    flat(tree).1
}

/// The tree without its leaves.
///
/// ```
/// use elimap::{prelude::*, tree_util};
/// assert_eq!(tree_util::structure(&(Tensor::from(1.0), vec![Tensor::from(2.0)])).to_string(), "(*, [*])");
/// ```
#[must_use]
pub fn structure(tree: &impl Flatten) -> TreeDef {
    flat(tree).0
}

/// The tree with every leaf replaced.
///
/// # Errors
///
/// The function's own.
///
/// ```
/// use elimap::{prelude::*, tree_util};
/// let pair = (Tensor::from(1.0), Tensor::from(2.0));
/// let (a, b) = tree_util::map(|x| ok(x * 10.0), &pair)?;
/// assert_eq!((a.item::<f64>()?, b.item::<f64>()?), (10.0, 20.0));
/// # Ok::<(), elimap::Error>(())
/// ```
pub fn map<T: Tree>(f: impl Fn(Tensor) -> Result<Tensor, Error>, tree: &T) -> Result<T, Error> {
    let (def, leaves) = flat(tree);
    rebuilt(&def, leaves.into_iter().map(f).collect::<Result<_, _>>()?)
}

/// Two trees of one structure joined leaf by leaf.
///
/// # Errors
///
/// [`TreeError::Structure`] where the structures differ, and the function's own.
///
/// ```
/// use elimap::{prelude::*, tree_util};
/// let (params, grads) = (vec![Tensor::from(1.0)], vec![Tensor::from(2.0)]);
/// let next = tree_util::map2(|p, g| ok(p - g * 0.5), &params, &grads)?;
/// assert_eq!(next[0].item::<f64>()?, 0.0);
/// # Ok::<(), elimap::Error>(())
/// ```
pub fn map2<T: Tree>(
    f: impl Fn(Tensor, Tensor) -> Result<Tensor, Error>,
    a: &T,
    b: &T,
) -> Result<T, Error> {
    let (def, xs) = flat(a);
    let ys = same(&def, b)?;
    let joined = xs.into_iter().zip(ys).map(|(x, y)| f(x, y));
    rebuilt(&def, joined.collect::<Result<_, _>>()?)
}

/// The leaves of a tree that must have this structure.
fn same(def: &TreeDef, tree: &impl Flatten) -> Result<Vec<Tensor>, Error> {
    let (found, leaves) = flat(tree);
    if found != *def {
        return Err(TreeError::Structure {
            path: Path::root("tree"),
            expected: def.to_string(),
            found: found.to_string(),
        }
        .into());
    }
    Ok(leaves)
}

/// All leaves folded into one, in order; none for a tree without leaves.
///
/// # Errors
///
/// The function's own.
///
/// ```
/// use elimap::{prelude::*, tree_util};
/// let pair = (Tensor::from(1.0), Tensor::from(2.0));
/// let sum = tree_util::reduce(|a, b| ok(a + b), &pair)?;
/// assert_eq!(sum.unwrap().item::<f64>()?, 3.0);
/// # Ok::<(), elimap::Error>(())
/// ```
pub fn reduce(
    f: impl Fn(Tensor, Tensor) -> Result<Tensor, Error>,
    tree: &impl Flatten,
) -> Result<Option<Tensor>, Error> {
    let mut leaves = flat(tree).1.into_iter();
    let Some(first) = leaves.next() else {
        return Ok(None);
    };
    leaves.try_fold(first, f).map(Some)
}

/// Trees of one structure as one, whose leaves are stacked along axis 0.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`] for no trees, [`TreeError::Structure`] where structures differ,
/// [`OpErrorKind::ShapeMismatch`] where shapes do.
///
/// ```
/// use elimap::{prelude::*, tree_util};
/// let pair = |a: f64, b: f64| (Tensor::from(a), Tensor::from(b));
/// let both = tree_util::stack(&[pair(1.0, 2.0), pair(3.0, 4.0)])?;
/// assert_eq!(both.1.to_vec::<f64>()?, [2.0, 4.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn stack<T: Tree>(trees: &[T]) -> Result<T, Error> {
    let Some(first) = trees.first() else {
        let kind = OpErrorKind::parameter("at least one tree is needed");
        return Err(OpError::at("stack", kind, std::panic::Location::caller()).into());
    };
    let def = structure(first);
    let all = trees.iter().map(|tree| same(&def, tree));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    let leaf = |k: usize| crate::stack(all.iter().map(|leaves| &leaves[k]), 0);
    rebuilt(
        &def,
        (0..def.leaf_count()).map(leaf).collect::<Result<_, _>>()?,
    )
}

/// The opposite of [`stack`]: one tree for each entry of axis 0, along which all leaves have one length.
///
/// # Errors
///
/// [`OpErrorKind::ShapeMismatch`] where the lengths differ.
///
/// ```
/// use elimap::{prelude::*, tree_util};
/// let pair = (Tensor::from(vec![1.0, 2.0]), Tensor::from(vec![3.0, 4.0]));
/// let parts = tree_util::unstack(&pair)?;
/// assert_eq!(parts[1].1.item::<f64>()?, 4.0);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn unstack<T: Tree>(tree: &T) -> Result<Vec<T>, Error> {
    let (def, leaves) = flat(tree);
    let length = |x: &Tensor| x.shape().first().copied();
    let n = leaves.first().map_or(Some(0), length);
    let (Some(n), true) = (n, leaves.iter().all(|x| length(x) == n)) else {
        let detail = "all leaves must have one length along axis 0";
        let kind = OpErrorKind::shapes(leaves.iter().map(Tensor::ty), detail);
        return Err(OpError::at("unstack", kind, std::panic::Location::caller()).into());
    };
    (0..n)
        .map(|k| {
            rebuilt(
                &def,
                leaves.iter().map(|x| x.index(0, k as isize)).collect(),
            )
        })
        .collect()
}
