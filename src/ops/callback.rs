//! How host callbacks batch: section 2 of JAX's rules, one level at a time.
//!
//! Per level, batched operands are moved to the front and every result comes back batched there. Nested vmaps compose
//! by themselves: the innermost level's rule runs first, so the sequential methods' loop over the innermost level ends up
//! outermost (rule C11), and the vectorizing methods' outermost level ends up as axis 0 (rule C9).

use smallvec::SmallVec;
use std::sync::Arc;

use crate::array::{Shape, TensorType};
use crate::callback::{Callback, CallbackKind, VmapMethod};
use crate::error::{At, CallbackError, Error, OpErrorKind, ParseError};
use crate::ops::rule::{Batched, ControlRules, Effect, Emit, Outputs, Rules};
use crate::program::text::python::{shaped_array, tuple};
use crate::program::text::{Given, Shown, Value, check_types, python};
use crate::program::{Atom, Atoms, HostCall, Op, ProgramBuilder, Scan, SubProgram};

/// What a vectorizing method does to an unbatched operand.
type Unbatched = fn(&mut dyn Emit, Atom) -> Result<Atom, Error>;

impl Rules for HostCall {
    fn infer(&self, _inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        Ok(self.results.iter().cloned().collect())
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let Self {
            callback,
            results,
            lanes,
            kind,
        } = self;
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
        let size = cx.size();
        let vectorized = |cx: &mut dyn Emit, lanes: Shape, unbatched: Unbatched| {
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
            let op = HostCall {
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
            VmapMethod::Sequential => sequential(cx, self, inputs, 1),
            VmapMethod::SequentialUnrolled => sequential(cx, self, inputs, size),
            VmapMethod::ExpandDims => vectorized(cx, lanes.clone(), |cx, atom| {
                cx.broadcast_new_axis(atom, 0, 1)
            }),
            VmapMethod::BroadcastAll => vectorized(cx, lanes.clone(), |cx, atom| {
                cx.broadcast_new_axis(atom, 0, cx.size())
            }),
            VmapMethod::LegacyVectorized => vectorized(cx, lanes.clone(), |_, atom| Ok(atom)),
            VmapMethod::Parallel => {
                let mut lanes = lanes.clone();
                lanes.insert(0, size);
                vectorized(cx, lanes, |cx, atom| cx.broadcast_new_axis(atom, 0, 1))
            }
        }
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown.show("callback", python::name(self.callback.name()));
        let avals = || tuple(self.results.iter().map(shaped_array));
        match self.kind {
            CallbackKind::Pure => {
                let method = self.callback.method().map_or("None", VmapMethod::name);
                shown
                    .show("result_avals", avals())
                    .show("sharding", "None")
                    .show("vmap_method", method);
            }
            CallbackKind::Io { ordered } => {
                shown
                    .show("ordered", ordered)
                    .show("result_avals", avals())
                    .show("sharding", "None");
            }
            CallbackKind::Debug => {
                shown.show("effect", "Debug").show("partitioned", false);
            }
        }
        if !self.lanes.is_empty() {
            shown.show("lanes", tuple(&self.lanes));
        }
    }

    fn parse(name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let (mut callback, at) = given.callback("callback")?;
        let lanes = given.optional_shape("lanes")?;
        let kind = match name {
            "debug_callback" => {
                given.fixed("effect", "Debug")?;
                given.fixed("partitioned", "False")?;
                CallbackKind::Debug
            }
            "io_callback" => {
                let ordered = given.boolean("ordered")?;
                callback = callback.io(ordered);
                CallbackKind::Io { ordered }
            }
            _ if callback.kind() != CallbackKind::Pure => {
                let what = format!("the given callback {:?}", callback.name());
                return Err(ParseError::mismatch(
                    at,
                    what,
                    &"pure",
                    &"declared with `io`",
                ));
            }
            _ => {
                callback = with_method(callback, given, at)?;
                CallbackKind::Pure
            }
        };
        let types = if kind == CallbackKind::Debug {
            given.results.to_vec()
        } else {
            given.fixed("sharding", "None")?;
            let types = given.avals("result_avals")?;
            check_types("result type", callback.name(), given.results, &types, at)?;
            types
        };
        check_declared(&callback, &types, at)?;
        Ok(HostCall {
            callback,
            results: types.into_iter().collect(),
            lanes,
            kind,
        }
        .into())
    }
}

impl ControlRules for HostCall {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        SmallVec::new()
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Host(self.kind)
    }
}

/// A scan without carry over the batched operands; unbatched ones are its constants (rule C2).
fn sequential(
    cx: &mut dyn Emit,
    op: &HostCall,
    inputs: &[Batched],
    unroll: usize,
) -> Result<Outputs<Batched>, Error> {
    let mut body = ProgramBuilder::new();
    let mut in_body: Atoms = inputs.iter().map(|i| i.atom).collect();
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
            *slot = Atom::Var(body.input(cx.atom_type(&front).remove_axis(0)));
            xs.push(front);
        }
    }
    let results = op.results.iter().cloned();
    let outputs = body.push(op.clone(), in_body, results, cx.location());
    let body = body.finish(outputs.into_iter().map(Atom::Var).collect());
    let num_consts = constants.len();
    constants.extend(xs);
    let scan = Scan {
        body: Arc::new(body),
        length: cx.size(),
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

/// Results are those the callback declares for one example, behind any batch axes.
fn check_declared(callback: &Callback, types: &[TensorType], at: At) -> Result<(), ParseError> {
    let declared = callback.results();
    let what = |part: &str| format!("{part} of the given callback {:?}", callback.name());
    if declared.len() != types.len() {
        return Err(ParseError::mismatch(
            at,
            what("the number of results"),
            &types.len(),
            &declared.len(),
        ));
    }
    for (i, (declared, ty)) in declared.iter().zip(types).enumerate() {
        if declared.dtype != ty.dtype || !ty.shape.ends_with(&declared.shape) {
            return Err(ParseError::mismatch(
                at,
                what(&format!("result {i}")),
                &ty,
                &declared,
            ));
        }
    }
    Ok(())
}

/// The callback with the method the text gives it.
fn with_method(callback: Callback, given: &mut Given<'_>, at: At) -> Result<Callback, ParseError> {
    let method = given.read(
        "vmap_method",
        "`None` or a vmap method",
        |value| match value {
            Value::Word(word) if word == "None" => Some(None),
            Value::Word(word) => word.parse::<VmapMethod>().ok().map(Some),
            _ => None,
        },
    )?;
    match (method, callback.method()) {
        (Some(method), _) => Ok(callback.vmap_method(method)),
        (None, None) => Ok(callback),
        (None, Some(own)) => {
            let what = format!(
                "the vmap_method of the given callback {:?}",
                callback.name()
            );
            Err(ParseError::mismatch(at, what, &"None", &own))
        }
    }
}
