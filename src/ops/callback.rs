//! How host callbacks batch: section 2 of JAX's rules, one level at a time.
//!
//! Per level, batched operands are moved to the front and every result comes back batched there. Nested vmaps compose
//! by themselves: the innermost level's rule runs first, so the sequential methods' loop over the innermost level ends up
//! outermost (rule C11), and the vectorizing methods' outermost level ends up as axis 0 (rule C9).

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::{BatchContext, Batched, Outputs};
use crate::array::{Shape, TensorType};
use crate::callback::{CallbackKind, VmapMethod};
use crate::error::{CallbackError, Error};
use crate::program::{Atom, Atoms, Op, ProgramBuilder};

/// What a vectorizing method does to an unbatched operand.
type Unbatched = fn(&mut BatchContext<'_>, Atom) -> Result<Atom, Error>;

pub(super) fn batch(
    cx: &mut BatchContext<'_>,
    op: &Op,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    let Op::Callback {
        callback,
        results,
        lanes,
        kind,
    } = op
    else {
        return Ok(Outputs::new());
    };
    let name = || callback.name().to_owned();
    let method = match kind {
        CallbackKind::Io { ordered: true } => {
            return Err(CallbackError::Ordered { name: name() }.into());
        }
        CallbackKind::Io { ordered: false } | CallbackKind::Debug => VmapMethod::Sequential,
        CallbackKind::Pure => callback
            .method()
            .ok_or_else(|| CallbackError::VmapMethodRequired { name: name() })?,
    };
    let size = cx.size;
    let vectorized = |cx: &mut BatchContext<'_>, lanes: Shape, unbatched: Unbatched| {
        let mut operands = Atoms::new();
        for input in inputs {
            operands.push(if input.dim.is_batched() {
                cx.batch_to_front(input)?
            } else {
                unbatched(cx, input.atom)?
            });
        }
        let results: SmallVec<[TensorType; 2]> =
            results.iter().map(|ty| ty.insert_axis(0, size)).collect();
        let op = Op::Callback {
            callback: callback.clone(),
            results,
            lanes,
            kind: *kind,
        };
        let outputs = cx.emit(op, operands)?;
        Ok(outputs
            .into_iter()
            .map(|atom| Batched::at(atom, 0))
            .collect())
    };
    match method {
        VmapMethod::Sequential => sequential(cx, op, inputs, 1),
        VmapMethod::SequentialUnrolled => sequential(cx, op, inputs, size),
        VmapMethod::ExpandDims => vectorized(cx, lanes.clone(), |cx, atom| {
            cx.broadcast_new_axis(atom, 0, 1)
        }),
        VmapMethod::BroadcastAll => vectorized(cx, lanes.clone(), |cx, atom| {
            cx.broadcast_new_axis(atom, 0, cx.size)
        }),
        VmapMethod::LegacyVectorized => vectorized(cx, lanes.clone(), |_, atom| Ok(atom)),
        VmapMethod::Parallel => {
            let mut lanes = lanes.clone();
            lanes.insert(0, size);
            vectorized(cx, lanes, |cx, atom| cx.broadcast_new_axis(atom, 0, 1))
        }
    }
}

/// A scan without carry over the batched operands; unbatched ones are its constants (rule C2).
fn sequential(
    cx: &mut BatchContext<'_>,
    op: &Op,
    inputs: &[Batched],
    unroll: usize,
) -> Result<Outputs<Batched>, Error> {
    let mut body = ProgramBuilder::new();
    let mut in_body: SmallVec<[Atom; 4]> = inputs.iter().map(|i| i.atom).collect();
    let (mut constants, mut xs) = (Atoms::new(), Atoms::new());
    for (slot, input) in in_body.iter_mut().zip(inputs) {
        if !input.dim.is_batched() && matches!(input.atom, Atom::Var(_)) {
            *slot = Atom::Var(body.input(cx.ty(input)));
            constants.push(input.atom);
        }
    }
    for (slot, input) in in_body.iter_mut().zip(inputs) {
        if input.dim.is_batched() {
            let front = cx.batch_to_front(input)?;
            *slot = Atom::Var(body.input(cx.builder.atom_type(&front).remove_axis(0)));
            xs.push(front);
        }
    }
    let Op::Callback { results, .. } = op else {
        return Ok(smallvec![]);
    };
    let outputs = body.push(op.clone(), in_body, results.iter().cloned(), cx.location);
    let body = body.finish(outputs.into_iter().map(Atom::Var).collect());
    let num_consts = constants.len();
    constants.extend(xs);
    let scan = Op::Scan {
        body: Arc::new(body),
        length: cx.size,
        num_consts,
        num_carry: 0,
        reverse: false,
        unroll,
        lanes: true,
    };
    Ok(cx
        .emit(scan, constants)?
        .into_iter()
        .map(|atom| Batched::at(atom, 0))
        .collect())
}
