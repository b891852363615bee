//! The errors of `vmap` and of the refused `pmap`.

use std::fmt;

use crate::array::{Shape, ShapeTuple, TensorType};
use crate::tree::Path;

/// `vmap` was asked for something impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VmapError {
    /// Mapped axes have different lengths, or another than `axis_size`.
    #[error("vmap got inconsistent sizes for array axes to be mapped:{}\nmap axes of equal length, or give None for the arguments all lanes share", InconsistentSizes(axes, *axis_size))]
    InconsistentAxisSize {
        /// Every mapped leaf: where it is, the axis, and its type.
        axes: Vec<(Path, usize, TensorType)>,
        /// The `axis_size` given.
        axis_size: Option<usize>,
    },
    /// An `in_axes` entry lies outside its argument.
    #[error("vmap was requested to map {path} along axis {axis}, which implies that its rank should be at least {}, but is only {} (its shape is {}); give an axis it has, or None to share it between the lanes", least_rank(*axis), shape.len(), ShapeTuple(shape))]
    InAxisOutOfBounds {
        /// Which leaf of the arguments.
        path: Path,
        /// The axis given.
        axis: isize,
        /// The leaf's shape.
        shape: Shape,
    },
    /// An `out_axes` entry lies outside its result.
    #[error("out_axes {axis} is out of bounds for {path}, which has {rank} dimensions with its batch axis; give an axis from -{rank} to {}", *rank as isize - 1)]
    OutAxisOutOfBounds {
        /// Which leaf of the results.
        path: Path,
        /// The axis given.
        axis: isize,
        /// The result's rank with its batch axis.
        rank: usize,
    },
    /// Nothing says how many lanes there are.
    #[error(
        "vmap must have at least one argument with a mapped axis, or axis_size must be given (there are {leaves} array arguments, none of them mapped)"
    )]
    NoMappedArgument {
        /// The number of leaves of the arguments.
        leaves: usize,
    },
    /// `out_axes` is `None` for a result that differs between lanes.
    #[error(
        "at {path}, got axis spec None but the output is batched on axis {axis}; give an axis, or return a value that is the same in every lane, such as a psum"
    )]
    OutAxesNone {
        /// Which leaf of the results.
        path: Path,
        /// Where the batch axis is.
        axis: usize,
    },
    /// A function with a collective over the mapped axis was to run in chunks.
    #[error(
        "`{op}` over axis {name:?} needs all lanes at once, but chunk_size({chunk}) runs {chunk} of {size} at a time; drop chunk_size, or the collective"
    )]
    ChunkedCollective {
        /// The operation.
        op: &'static str,
        /// The axis's name.
        name: String,
        /// The chunk size.
        chunk: usize,
        /// The number of lanes.
        size: usize,
    },
    /// `in_axes` is a dictionary at the top.
    #[error(
        "in_axes must be an axis, None, or a tuple of entries corresponding to the positional arguments, but got {axes}"
    )]
    InAxesType {
        /// The axes given.
        axes: String,
    },
}

fn least_rank(axis: isize) -> usize {
    if axis < 0 {
        axis.unsigned_abs()
    } else {
        axis.unsigned_abs() + 1
    }
}

/// A mapped leaf: where it is, the axis, and its type.
type MappedLeaf = (Path, usize, TensorType);

/// The list of sizes in an [`VmapError::InconsistentAxisSize`], the most common first.
struct InconsistentSizes<'a>(&'a [MappedLeaf], Option<usize>);

impl fmt::Display for InconsistentSizes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InconsistentSizes(axes, axis_size) = self;
        let mut groups: Vec<(usize, Vec<&MappedLeaf>)> = Vec::new();
        for entry in *axes {
            let size = entry.2.shape[entry.1];
            match groups.iter_mut().find(|(n, _)| *n == size) {
                Some((_, members)) => members.push(entry),
                None => groups.push((size, vec![entry])),
            }
        }
        groups.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
        if let Some(n) = axis_size {
            write!(f, "\n  * the `axis_size` argument was {n};")?;
        }
        let unique_most = groups.len() > 1 && groups[0].1.len() > groups[1].1.len();
        for (k, (size, members)) in groups.iter().enumerate() {
            let (path, axis, ty) = members[0];
            let end = if k + 1 == groups.len() { "" } else { ";" };
            match members.len() {
                1 => write!(
                    f,
                    "\n  * one axis had size {size}: axis {axis} of {path} of type {ty}{end}"
                )?,
                n => {
                    let who = if k == 0 && unique_most {
                        "most"
                    } else {
                        "some"
                    };
                    write!(
                        f,
                        "\n  * {who} axes ({n} of them) had size {size}, e.g. axis {axis} of {path} of type {ty}{end}"
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// Mapping over devices was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{requested} is not supported: it compiles a function and distributes it over devices, and a host callback cannot be compiled and distributed (there is 1 device, the host); use vmap(f) with a callback of VmapMethod::ExpandDims, which hands the host the whole batch to spread over threads, or VmapMethod::Parallel, which calls it lane by lane on all threads"
)]
#[non_exhaustive]
pub struct PmapError {
    /// What was asked for.
    pub requested: &'static str,
}
