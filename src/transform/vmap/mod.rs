//! `vmap`: a function for one example becomes a function for a batch.
//!
//! The order of what is checked is JAX's (rules V3 to V8): the number of entries in `in_axes`, its structure, ranks and
//! bounds, sizes; then the function is traced exactly once, whatever the batch size; then the structure and bounds of
//! `out_axes`.

pub(crate) mod batch;
mod chunk;

use std::sync::Arc;

use crate::array::{TensorType, resolve_axis};
use crate::error::{Error, OpError, OpErrorKind, VmapError};
use crate::ops::BatchDim;
use crate::program::{AxisName, Program, Var};
use crate::tensor::{Arguments, Caller, Func, Tensor, Traced, Tree, run_or_inline, trace};
use crate::transform::transformed::{self, Transform, results, transformed};
use crate::tree::{Axes, IntoAxes, Path, TreeDef};
use batch::{MappedAxis, batch_program, finish};

/// A function mapped over a batch axis of its arguments; see [`vmap`].
#[derive(Clone, Debug)]
pub struct Vmap<F> {
    function: F,
    in_axes: Axes,
    out_axes: Axes,
    axis_size: Option<usize>,
    axis_name: Option<AxisName>,
    chunk_size: Option<usize>,
}

/// Maps a function over axis 0 of every argument; the builder's methods choose other axes.
///
/// The result is a value that is a function again, so it composes: `vmap(vmap(f))`. Nothing runs until
/// [`call`](Vmap::call).
///
/// ```
/// use elimap::prelude::*;
/// let f = vmap(|x: Tensor, y: Tensor| x * y).in_axes((0, None)).out_axes(-1);
/// let x = ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
/// let out = f.call((x, Array::from(vec![1.0, 10.0, 100.0])))?;
/// assert_eq!(out.shape(), [3, 2]);
/// assert_eq!(out.to_array()?.to_vec::<f64>()?, [1.0, 4.0, 20.0, 50.0, 300.0, 600.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn vmap<F>(function: F) -> Vmap<F> {
    Vmap {
        function,
        in_axes: Axes::Axis(0),
        out_axes: Axes::Axis(0),
        axis_size: None,
        axis_name: None,
        chunk_size: None,
    }
}

impl<F> Vmap<F> {
    /// Which axis of each argument is mapped: an axis for all, or a tuple with an entry per argument, each a prefix
    /// tree of the argument; `None` is not mapped (rules V9 and V10).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let columns = vmap(|x: Tensor, scale: Tensor| x.sum(..) * scale).in_axes((1, None));
    /// let out = columns.call((ndarray::array![[1.0, 2.0], [3.0, 4.0]], 10.0))?;
    /// assert_eq!(out.to_vec::<f64>()?, [40.0, 60.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn in_axes(mut self, axes: impl IntoAxes) -> Self {
        self.in_axes = axes.into_axes();
        self
    }

    /// Where the mapped axis goes in each result; `None` only for results that are the same in every lane (rule V40).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let f = vmap(|x: Tensor| stack([&x, &-&x], 0)).out_axes(1);
    /// let out = f.call((vec![1.0, 2.0, 3.0],))?;
    /// assert_eq!(out.shape(), [2, 3]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn out_axes(mut self, axes: impl IntoAxes) -> Self {
        self.out_axes = axes.into_axes();
        self
    }

    /// The number of lanes, for calls without a mapped argument.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let f = vmap(|| Tensor::from(1.0)).axis_size(3);
    /// assert_eq!(f.call(())?.to_vec::<f64>()?, [1.0, 1.0, 1.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn axis_size(mut self, size: usize) -> Self {
        self.axis_size = Some(size);
        self
    }

    /// The name by which collectives such as [`psum`](crate::psum) know the mapped axis.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let f = vmap(|x: Tensor| ok(&x / psum(&x, "lane")?)).axis_name("lane");
    /// assert_eq!(f.call((vec![1.0, 3.0],))?.to_vec::<f64>()?, [0.25, 0.75]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn axis_name(mut self, name: &str) -> Self {
        self.axis_name = Some(Arc::from(name));
        self
    }

    /// Runs the lanes in chunks of at most `lanes`, one after the other, so that what lies between arguments and results
    /// needs the memory of one chunk; the results are the same.
    ///
    /// With B lanes and chunks of n, a callback that is called once per batch is called B/n times (rounded up), the last
    /// time with the lanes that are left; one that is called lane by lane is called B times, in the same order. What depends on
    /// no mapped argument runs once, before the first chunk. 0, or B and more, means all lanes at once. Lanes in errors are
    /// counted within the chunk.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let log = CallLog::new();
    /// let host = Callback::new("host", [f64::spec([])], |args: &[Array]| args[0].clone())
    ///     .vmap_method(VmapMethod::ExpandDims)
    ///     .log(&log);
    /// let f = vmap(|x: Tensor| host.call((x,))).chunk_size(2);
    /// let y = f.call((Array::from(vec![1.0, 2.0, 3.0, 4.0, 5.0]),))?;
    /// assert_eq!(y.to_array()?.to_vec::<f64>()?, [1.0, 2.0, 3.0, 4.0, 5.0]);
    /// let shapes: Vec<usize> = log.records().iter().map(|r| r.args[0].len()).collect();
    /// assert_eq!(shapes, [2, 2, 1]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[must_use]
    pub fn chunk_size(mut self, lanes: usize) -> Self {
        self.chunk_size = Some(lanes);
        self
    }

    /// The batched program for arguments of these types, without running it: `f.trace((f64::spec([8, 3]),))`.
    ///
    /// # Errors
    ///
    /// As for [`Vmap::call`].
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = vmap(|x: Tensor| x.sin()).trace((f64::spec([3]),))?;
    /// assert_eq!(program.to_string(), "{ lambda ; a:f64[3]. let b:f64[3] = sin a in (b,) }");
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    pub fn trace<A: Tree, T: Arguments<A>, By>(&self, args: T) -> Result<Program, Error>
    where
        F: Func<A, By>,
    {
        transformed::trace::<A, By, Self>(self, args)
    }

    fn batch<A: Tree, By>(
        &self,
        def: &TreeDef,
        leaves: &[Tensor],
        location: Caller,
    ) -> Result<BatchedFunction, Error>
    where
        F: Func<A, By>,
    {
        for leaf in leaves {
            leaf.clone().check()?;
        }
        let mapped = self.mapped_axes(def, leaves)?;
        let size = self.lane_count(def, leaves, &mapped)?;
        let lane_types: Vec<TensorType> = leaves
            .iter()
            .zip(&mapped)
            .map(|(leaf, dim)| match dim {
                BatchDim::At(d) => leaf.ty().remove_axis(*d),
                BatchDim::Unbatched => leaf.ty().clone(),
            })
            .collect();
        let binding = self.axis_name.clone().map(|name| (name, size));
        let (Traced { program, captures }, out_def) =
            trace::<A, By, F>(&self.function, def, &lane_types, binding, location)?;
        let out_axes = self.out_axes.broadcast(&out_def, "out_axes")?;

        let axis = MappedAxis {
            size,
            name: self.axis_name.as_ref(),
        };
        let dims: Vec<BatchDim> = mapped
            .into_iter()
            .chain(std::iter::repeat_n(BatchDim::Unbatched, captures.len()))
            .collect();
        let paths = out_def.leaf_paths(&Path::root("result"));
        // Where each result's batch axis goes, from where it is and the result's rank in one lane.
        let place = |k: usize, dim: BatchDim, lane_rank: usize| match (out_axes[k], dim) {
            (None, BatchDim::Unbatched) => Ok(None),
            (None, BatchDim::At(axis)) => Err(VmapError::OutAxesNone {
                path: paths[k].clone(),
                axis,
            }),
            (Some(axis), _) => resolve_axis(axis, lane_rank + 1).map(Some).ok_or_else(|| {
                VmapError::OutAxisOutOfBounds {
                    path: paths[k].clone(),
                    axis,
                    rank: lane_rank + 1,
                }
            }),
        };
        let program = match self.chunk_size {
            Some(chunk) if 0 < chunk && chunk < size => {
                chunk::chunked(&program, axis, chunk, &dims, &place)?
            }
            _ => {
                let body = batch_program(&program, axis, &dims)?;
                let mut places = Vec::with_capacity(body.outputs.len());
                for (k, output) in body.outputs.iter().enumerate() {
                    let rank = body.builder.atom_type(&output.atom).rank();
                    let lane_rank = rank - usize::from(output.dim.is_batched());
                    places.push(place(k, output.dim, lane_rank)?);
                }
                finish(body, axis, &places)?
            }
        };
        #[cfg(debug_assertions)]
        program.verify()?;
        Ok(BatchedFunction {
            program,
            captures,
            out_def,
        })
    }

    /// The mapped axis of each leaf, resolved (rules V3 to V5).
    fn mapped_axes(&self, def: &TreeDef, leaves: &[Tensor]) -> Result<Vec<BatchDim>, Error> {
        if let Axes::Dict(_) = self.in_axes {
            return Err(VmapError::InAxesType {
                axes: self.in_axes.to_string(),
            }
            .into());
        }
        let axes = self.in_axes.broadcast_args(def)?;
        let mut out = Vec::with_capacity(axes.len());
        for (k, (axis, leaf)) in axes.into_iter().zip(leaves).enumerate() {
            out.push(match axis {
                None => BatchDim::Unbatched,
                Some(axis) => BatchDim::At(resolve_axis(axis, leaf.rank()).ok_or_else(|| {
                    let path = def.leaf_paths(&Path::root("args")).swap_remove(k);
                    VmapError::InAxisOutOfBounds {
                        path,
                        axis,
                        shape: leaf.ty().shape.clone(),
                    }
                })?),
            });
        }
        Ok(out)
    }

    /// The one length of all mapped axes and `axis_size` (rule V16).
    fn lane_count(
        &self,
        def: &TreeDef,
        leaves: &[Tensor],
        mapped: &[BatchDim],
    ) -> Result<usize, Error> {
        let mut size = self.axis_size;
        for (leaf, dim) in leaves.iter().zip(mapped) {
            let BatchDim::At(d) = dim else { continue };
            let n = leaf.shape()[*d];
            if *size.get_or_insert(n) != n {
                let axes = def
                    .leaf_paths(&Path::root("args"))
                    .into_iter()
                    .zip(leaves.iter().zip(mapped))
                    .filter_map(|(path, (leaf, dim))| match dim {
                        BatchDim::At(d) => Some((path, *d, leaf.ty().clone())),
                        BatchDim::Unbatched => None,
                    })
                    .collect();
                return Err(VmapError::InconsistentAxisSize {
                    axes,
                    axis_size: self.axis_size,
                }
                .into());
            }
        }
        size.ok_or_else(|| {
            VmapError::NoMappedArgument {
                leaves: leaves.len(),
            }
            .into()
        })
    }
}

transformed! {
    Vmap;
    /// Traces, batches and runs the function on a tuple of arguments.
    ///
    /// Inside a traced function the arguments may be its tensors, and the call becomes part of that trace.
    ///
    /// # Errors
    ///
    /// [`VmapError`] and [`TreeError`](crate::TreeError) for axes that do not fit, and whatever goes wrong in the function.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let square = vmap(|x: Tensor| x.square());
    /// assert_eq!(square.call((vec![1.0, 3.0],))?.to_vec::<f64>()?, [1.0, 9.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
}

impl<A: Tree, By, F: Func<A, By>> Transform<A, By> for Vmap<F> {
    type Out = F::Out;

    fn apply(&self, def: &TreeDef, leaves: &[Tensor], location: Caller) -> Result<F::Out, Error> {
        let batched = self.batch::<A, By>(def, leaves, location)?;
        let outputs = run_or_inline(&batched.program, leaves, &batched.captures, location)?;
        results(&batched.out_def, outputs)
    }
}

impl Program {
    /// The program for a batch: input `i` carries the lanes as `in_dims` says, and the result says where each output
    /// carries them. This is what [`vmap`] does to a traced function.
    ///
    /// # Errors
    ///
    /// [`Error::Verify`] for a program that breaks its invariants, [`OpErrorKind::OperandCount`](crate::OpErrorKind) for another number of entries than inputs, and what a batching
    /// rule refuses, such as a callback without a method.
    ///
    /// ```
    /// use elimap::{BatchDim, prelude::*};
    /// let program = jit(|x: Tensor, y: Tensor| x * y).trace((f64::spec([]), f64::spec([])))?;
    /// let (batched, dims) = program.vmap(3, &[BatchDim::At(0), BatchDim::Unbatched])?;
    /// assert_eq!(batched.to_string(), "{ lambda ; a:f64[3] b:f64[]. let c:f64[3] = mul a b in (c,) }");
    /// assert_eq!(dims, [BatchDim::At(0)]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    pub fn vmap(
        &self,
        axis_size: usize,
        in_dims: &[BatchDim],
    ) -> Result<(Program, Vec<BatchDim>), Error> {
        self.vmap_over(axis_size, None, in_dims)
    }

    /// [`Program::vmap`] over an axis that the program's collectives know by a name.
    ///
    /// # Errors
    ///
    /// As for [`Program::vmap`], and [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) where the program says another size of the axis.
    ///
    /// ```
    /// use elimap::{BatchDim, prelude::*};
    /// let program = elimap::ProgramParser::new()
    ///     .axis("i", 3)
    ///     .parse("{ lambda ; a:f64[]. let b:f64[] = psum[axes=('i',)] a in (b,) }")?;
    /// let (batched, dims) = program.vmap_named("i", 3, &[BatchDim::At(0)])?;
    /// assert_eq!(batched.run(&[Array::from(vec![1.0, 2.0, 3.0])])?[0].item::<f64>()?, 6.0);
    /// assert_eq!(dims, [BatchDim::Unbatched]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    pub fn vmap_named(
        &self,
        axis_name: &str,
        axis_size: usize,
        in_dims: &[BatchDim],
    ) -> Result<(Program, Vec<BatchDim>), Error> {
        let name = AxisName::from(axis_name);
        if self.any(&|op| op.axis_size(&name).is_some_and(|size| size != axis_size)) {
            let detail =
                format!("the program has another size of the axis {axis_name:?} than {axis_size}");
            return Err(OpError::at("vmap", OpErrorKind::parameter(detail), None).into());
        }
        self.vmap_over(axis_size, Some(&name), in_dims)
    }

    fn vmap_over(
        &self,
        axis_size: usize,
        axis_name: Option<&AxisName>,
        in_dims: &[BatchDim],
    ) -> Result<(Program, Vec<BatchDim>), Error> {
        if in_dims.len() != self.inputs.len() {
            let kind = OpErrorKind::OperandCount {
                expected: self.inputs.len(),
                actual: in_dims.len(),
            };
            return Err(OpError::at("vmap", kind, None).into());
        }
        // Programs can be built and parsed by hand; batching rules may assume what the type rules accept.
        self.verify()?;
        for (dim, ty) in in_dims.iter().zip(self.input_types()) {
            if let BatchDim::At(d) = *dim
                && d > ty.rank()
            {
                let kind = OpErrorKind::AxisOutOfBounds {
                    axis: d as isize,
                    rank: ty.rank() + 1,
                };
                return Err(OpError::at("vmap", kind, None).into());
            }
        }
        let axis = MappedAxis {
            size: axis_size,
            name: axis_name,
        };
        let body = batch_program(self, axis, in_dims)?;
        let dims: Vec<BatchDim> = body.outputs.iter().map(|o| o.dim).collect();
        Ok((finish(body, axis, &vec![None; dims.len()])?, dims))
    }
}

/// A traced and batched function.
struct BatchedFunction {
    program: Program,
    captures: Vec<Var>,
    out_def: TreeDef,
}
