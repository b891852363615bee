//! Running a batch in chunks of lanes.
//!
//! The traced function is split in two: what no mapped argument reaches runs once, and the rest is batched at the
//! chunk's size and becomes the body of a scan over chunks, then once more at the size of what is left over. The split is
//! batching's own: an equation goes to the rest exactly if one of its operands comes from a mapped input, so a callback that
//! an unchunked vmap calls once is called once here.

use std::sync::Arc;

use smallvec::smallvec;

use super::batch::{BatchContext, MappedAxis, batch_program, finish};
use crate::array::Shape;
use crate::error::{Error, VmapError};
use crate::ops::{BatchDim, Batched, Emit};
use crate::passes::hoist::{Reach, Split, split};
use crate::program::{Atom, Atoms, Concatenate, Program, Reshape, Scan, Slice, Squeeze};

/// Where a result's batch axis goes; see [`Vmap`](super::Vmap).
pub(super) type Place<'a> = dyn Fn(usize, BatchDim, usize) -> Result<Option<usize>, VmapError> + 'a;

/// Batches `program` over `axis` so that at most `chunk` lanes, fewer than there are, run at a time.
pub(super) fn chunked(
    program: &Program,
    axis: MappedAxis<'_>,
    chunk: usize,
    dims: &[BatchDim],
    place: &Place<'_>,
) -> Result<Program, Error> {
    if let Some(name) = axis.name
        && let Some(equation) = program.equations().iter().find(|e| e.op.uses_axis(name))
    {
        return Err(VmapError::ChunkedCollective {
            op: equation.op.name(),
            name: name.to_string(),
            chunk,
            size: axis.size,
        }
        .into());
    }
    let mapped: Vec<bool> = dims.iter().map(|dim| dim.is_batched()).collect();
    let reach = Reach::new(program, mapped.iter().copied(), |_| false);
    let Split {
        mut outer,
        rest,
        shared,
    } = split(&reach, &mapped, |k, ty| match dims[k] {
        BatchDim::At(d) => ty.insert_axis(d, axis.size),
        BatchDim::Unbatched => ty.clone(),
    });
    let (count, left) = (axis.size / chunk, axis.size % chunk);

    // The mapped inputs with the lanes in front, whole chunks apart from what is left.
    let consts: Atoms = shared.iter().map(|v| outer.read(&Atom::Var(*v))).collect();
    let mapped: Vec<(Atom, usize)> = program
        .inputs()
        .iter()
        .zip(dims)
        .filter_map(|(v, dim)| match dim {
            BatchDim::At(d) => Some((outer.read(&Atom::Var(*v)), *d)),
            BatchDim::Unbatched => None,
        })
        .collect();
    let unnamed = MappedAxis {
        size: axis.size,
        name: None,
    };
    let cx: &mut dyn Emit = &mut BatchContext {
        builder: &mut outer.builder,
        axis: unnamed,
        location: None,
    };
    let (mut operands, mut last) = (consts.clone(), consts.clone());
    for (atom, d) in mapped {
        let front = cx.move_axis(atom, d, 0)?;
        let whole = lanes(cx, front, 0, count * chunk)?;
        let mut shape: Shape = cx.atom_type(&whole).shape;
        shape[0] = chunk;
        shape.insert(0, count);
        operands.push(cx.emit1(Reshape { shape }, smallvec![whole])?);
        if left > 0 {
            last.push(lanes(cx, front, count * chunk, axis.size)?);
        }
    }

    // A whole chunk, and what is left over.
    let rest_dims: Vec<BatchDim> = (0..rest.inputs().len())
        .map(|k| {
            if k < shared.len() {
                BatchDim::Unbatched
            } else {
                BatchDim::At(0)
            }
        })
        .collect();
    let batched = |size: usize| -> Result<(Program, Vec<bool>), Error> {
        let axis = MappedAxis { size, name: None };
        let body = batch_program(&rest, axis, &rest_dims)?;
        let flags: Vec<bool> = body.outputs.iter().map(|o| o.dim.is_batched()).collect();
        let front: Vec<Option<usize>> = flags.iter().map(|b| b.then_some(0)).collect();
        Ok((finish(body, axis, &front)?, flags))
    };
    let (body, flags) = batched(chunk)?;
    let op = Scan {
        body: Arc::new(body),
        length: count,
        num_consts: consts.len(),
        num_carry: 0,
        reverse: false,
        unroll: 1,
        lanes: false,
    };
    let stacked = cx.emit(op, operands)?;
    let tail = if left > 0 {
        cx.inline(&batched(left)?.0, &last)
    } else {
        Vec::new()
    };

    // One after the other along the front again; a result that does not vary is that of any chunk.
    let mut found = Vec::with_capacity(flags.len());
    for (k, (&atom, &batched)) in stacked.iter().zip(&flags).enumerate() {
        let mut shape = cx.atom_type(&atom).shape;
        if !batched {
            let one = lanes(cx, atom, 0, 1)?;
            let one = cx.emit1(Squeeze { dims: smallvec![0] }, smallvec![one])?;
            found.push(Batched::unbatched(one));
            continue;
        }
        shape.remove(0);
        shape[0] = count * chunk;
        let mut joined = cx.emit1(Reshape { shape }, smallvec![atom])?;
        if let Some(&tail) = tail.get(k) {
            joined = cx.emit1(Concatenate { dimension: 0 }, smallvec![joined, tail])?;
        }
        found.push(Batched::at(joined, 0));
    }
    let mut found = found.into_iter();
    let mut outputs = Vec::with_capacity(program.outputs().len());
    for (k, atom) in program.outputs().iter().enumerate() {
        let value = if reach.reaches(atom) {
            found.next()
        } else {
            None
        };
        let value = value.unwrap_or_else(|| Batched::unbatched(outer.read(atom)));
        let cx: &mut dyn Emit = &mut BatchContext {
            builder: &mut outer.builder,
            axis: unnamed,
            location: None,
        };
        outputs.push(match place(k, value.dim, cx.lane_rank(&value))? {
            Some(to) => cx.materialize_at(&value, to)?,
            None => value.atom,
        });
    }
    Ok(outer.builder.finish(outputs))
}

/// Entries `from..to` of axis 0.
fn lanes(cx: &mut dyn Emit, atom: Atom, from: usize, to: usize) -> Result<Atom, Error> {
    let shape = cx.atom_type(&atom).shape;
    if from == 0 && to == shape[0] {
        return Ok(atom);
    }
    let mut start: Shape = smallvec![0; shape.len()];
    let mut limit = shape.clone();
    start[0] = from;
    limit[0] = to;
    let strides = smallvec![1; shape.len()];
    cx.emit1(
        Slice {
            start,
            limit,
            strides,
        },
        smallvec![atom],
    )
}
