//! The stack of traces in progress on this thread.
//!
//! The invariant: frames are pushed and popped like the calls that trace, also when a traced function panics (a drop guard
//! pops). A tensor names its frame by a number that is never used again, so a tensor is *live* exactly if its frame is on
//! the stack; live tensors of lower frames reach the top one by a chain of captures, each frame capturing from the
//! one below.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Caller, Repr, Tensor};
use crate::array::{Array, TensorType};
use crate::error::site::outside;
use crate::error::{Error, TraceError};
use crate::exec::{Plan, RunContext};
use crate::ops::{self, Outputs};
use crate::program::{Atom, Atoms, AxisName, Op, Program, ProgramBuilder, Var};

struct Frame {
    id: u64,
    builder: ProgramBuilder,
    /// Variables of the frame below that this one uses, in order of first use.
    captures: Vec<Var>,
    /// The input each of them arrives at.
    capture_inputs: HashMap<Var, Var>,
    /// Positions of constants already bound, by buffer.
    constants: HashMap<(usize, usize), Vec<(Array, Atom)>>,
    error: Option<Arc<Error>>,
    axis: Option<(AxisName, usize)>,
}

#[derive(Default)]
struct Stack {
    frames: Vec<Frame>,
    last_id: u64,
    /// Named axes of traces that are set aside, innermost first.
    outer_axes: Vec<(AxisName, usize)>,
}

thread_local! {
    static STACK: RefCell<Stack> = RefCell::default();
}

fn with_stack<R>(f: impl FnOnce(&mut Stack) -> R) -> R {
    STACK.with_borrow_mut(f)
}

/// Whether a function is being traced on this thread.
pub(crate) fn active() -> bool {
    with_stack(|s| !s.frames.is_empty())
}

/// Keeps the first error of the innermost trace.
pub(super) fn note_error(error: &Arc<Error>) {
    with_stack(|s| {
        if let Some(frame) = s.frames.last_mut() {
            frame.error.get_or_insert_with(|| error.clone());
        }
    });
}

/// The named axes in scope, innermost first; an inner name hides an outer one.
pub(crate) fn axis_bindings() -> Vec<(AxisName, usize)> {
    with_stack(|s| {
        s.frames
            .iter()
            .rev()
            .filter_map(|f| f.axis.clone())
            .chain(s.outer_axes.iter().cloned())
            .collect()
    })
}

/// Why a tensor cannot be used here.
pub(super) fn dead(tensor: &Tensor, location: Caller) -> TraceError {
    let (ty, location) = (tensor.ty.clone(), Some(location));
    match tensor.repr {
        Repr::Spec => TraceError::NoValue { ty, location },
        Repr::Concrete(_) | Repr::Traced { .. } | Repr::Poisoned(_) => {
            TraceError::Leaked { ty, location }
        }
    }
}

impl Stack {
    /// The operand a tensor is in the innermost frame.
    fn lower(&mut self, tensor: &Tensor, location: Caller) -> Result<Atom, Error> {
        match &tensor.repr {
            Repr::Concrete(array) => {
                if let Ok(value) = crate::array::Scalar::from_array(array) {
                    return Ok(Atom::Literal(value, tensor.ty.weak));
                }
                // Bound once, in the outermost program: inner ones capture it, so that sub-programs hold no constants.
                let Some(bottom) = self.frames.first_mut() else {
                    return Err(dead(tensor, location).into());
                };
                match bottom.constant(array) {
                    Atom::Var(var) => self.capture(0, var),
                    literal @ Atom::Literal(..) => Ok(literal),
                }
            }
            Repr::Traced { frame, var } => match self.frames.iter().position(|f| f.id == *frame) {
                Some(level) => self.capture(level, *var),
                None => Err(dead(tensor, location).into()),
            },
            Repr::Spec => Err(dead(tensor, location).into()),
            Repr::Poisoned(error) => Err(Error::Shared(error.clone())),
        }
    }

    /// Brings a variable of frame `level` into the innermost frame.
    fn capture(&mut self, level: usize, mut var: Var) -> Result<Atom, Error> {
        for k in level + 1..self.frames.len() {
            let (below, above) = self.frames.split_at_mut(k);
            let frame = &mut above[0];
            var = match frame.capture_inputs.get(&var) {
                Some(&inner) => inner,
                None => {
                    let ty = below[k - 1].builder.program().var_type(var).clone();
                    let inner = frame.builder.input(ty);
                    frame.captures.push(var);
                    frame.capture_inputs.insert(var, inner);
                    inner
                }
            };
        }
        Ok(Atom::Var(var))
    }

    /// The first error in the innermost frame.
    fn noted_error(&self) -> Option<Arc<Error>> {
        self.frames.last().and_then(|frame| frame.error.clone())
    }

    /// The tensor an operand of the innermost frame is.
    fn lift(&self, atom: Atom) -> Tensor {
        match (atom, self.frames.last()) {
            (Atom::Var(var), Some(frame)) => {
                let ty = frame.builder.program().var_type(var).clone();
                Tensor::new(
                    Repr::Traced {
                        frame: frame.id,
                        var,
                    },
                    ty,
                )
            }
            (Atom::Literal(value, weak), _) => Tensor::concrete(value.to_array(), weak),
            (Atom::Var(_), None) => {
                Tensor::new(Repr::Spec, TensorType::new(crate::array::DType::F64, []))
            }
        }
    }
}

impl Frame {
    /// Binds an array once, however often it is used.
    fn constant(&mut self, array: &Array) -> Atom {
        let key = (array.buffer_address(), array.len());
        let known = self.constants.entry(key).or_default();
        // The address alone could be that of another view of the buffer.
        if let Some((_, atom)) = known.iter().find(|(a, _)| a.same_view(array)) {
            return *atom;
        }
        let atom = self.builder.constant(array);
        known.push((array.clone(), atom));
        atom
    }
}

/// Records an operation in the innermost trace.
pub(super) fn record(
    op: Op,
    operands: &[&Tensor],
    location: Caller,
) -> Result<Outputs<Tensor>, Error> {
    with_stack(|s| {
        let mut atoms = Atoms::new();
        for operand in operands {
            atoms.push(s.lower(operand, location)?);
        }
        let Some(frame) = s.frames.last_mut() else {
            return Ok(Outputs::new());
        };
        let outputs = ops::emit(&mut frame.builder, op, atoms, Some(location))?;
        Ok(outputs.into_iter().map(|atom| s.lift(atom)).collect())
    })
}

/// A traced function: its program, and what its extra inputs stand for.
pub(crate) struct Traced {
    /// Inputs: the arguments, then one per capture.
    pub(crate) program: Program,
    /// The variables of the enclosing trace that the last inputs stand for.
    pub(crate) captures: Vec<Var>,
}

/// Runs `f` as if no trace were in progress, except that the named axes stay in scope: what it computes with concrete
/// tensors is computed now, also inside a traced function.
///
/// ```
/// use elimap::prelude::*;
/// let f = |x: Tensor| {
///     let two = elimap::without_traces(|| (Tensor::from(1.0) + 1.0).to_array())?;
///     Ok::<_, Error>(x * two)
/// };
/// assert_eq!(vmap(f).call((Array::from(vec![3.0]),))?.to_array()?.to_vec::<f64>()?, [6.0]);
/// # Ok::<(), Error>(())
/// ```
pub fn without_traces<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(Vec<Frame>, Vec<(AxisName, usize)>);
    impl Drop for Restore {
        fn drop(&mut self) {
            with_stack(|s| {
                std::mem::swap(&mut s.frames, &mut self.0);
                std::mem::swap(&mut s.outer_axes, &mut self.1);
            });
        }
    }
    let axes = axis_bindings();
    let restore = with_stack(|s| {
        let axes = std::mem::replace(&mut s.outer_axes, axes);
        Restore(std::mem::take(&mut s.frames), axes)
    });
    let out = f();
    drop(restore);
    out
}

/// Pops its frame if the traced function panics or fails.
struct Guard {
    depth: usize,
}

impl Drop for Guard {
    fn drop(&mut self) {
        with_stack(|s| s.frames.truncate(self.depth));
    }
}

/// Traces `f` on inputs of the given types; it gets their tensors and returns its results' tensors and whatever
/// else the caller wants to know.
///
/// This is compiled for every function that is traced, so what does not depend on the function is done elsewhere.
pub(crate) fn trace_dynamic<R>(
    types: &[TensorType],
    axis: Option<(AxisName, usize)>,
    location: Caller,
    f: impl FnOnce(Vec<Tensor>) -> Result<(Vec<Tensor>, R), Error>,
) -> Result<(Traced, R), Error> {
    let (guard, inputs) = begin(types, axis);
    match outside(|| f(inputs)) {
        Ok((outputs, extra)) => Ok((guard.finish(&outputs, location)?, extra)),
        Err(error) => Err(guard.fail(error)),
    }
}

/// Puts a frame on the stack, and lifts its inputs.
fn begin(types: &[TensorType], axis: Option<(AxisName, usize)>) -> (Guard, Vec<Tensor>) {
    with_stack(|s| {
        s.last_id += 1;
        let mut builder = ProgramBuilder::new();
        let vars: Vec<Var> = types.iter().map(|ty| builder.input(ty.clone())).collect();
        let depth = s.frames.len();
        s.frames.push(Frame {
            id: s.last_id,
            builder,
            captures: Vec::new(),
            capture_inputs: HashMap::new(),
            constants: HashMap::new(),
            error: None,
            axis,
        });
        let inputs = vars.into_iter().map(|v| s.lift(Atom::Var(v))).collect();
        (Guard { depth }, inputs)
    })
}

impl Guard {
    /// The program of a function that returned these results.
    fn finish(self, outputs: &[Tensor], location: Caller) -> Result<Traced, Error> {
        with_stack(|s| {
            if let Some(first) = s.noted_error() {
                return Err(Error::Shared(first));
            }
            let mut atoms = Vec::with_capacity(outputs.len());
            for output in outputs {
                atoms.push(s.lower(output, location)?);
            }
            let Some(frame) = s.frames.pop() else {
                return Err(Error::Trace(TraceError::Leaked {
                    ty: TensorType::new(crate::array::DType::F64, []),
                    location: Some(location),
                }));
            };
            Ok(Traced {
                program: frame.builder.finish(atoms),
                captures: frame.captures,
            })
        })
    }

    /// The error of a function that failed: the first error wins, unless the function made one of its own of it.
    fn fail(self, error: Error) -> Error {
        match (error, with_stack(|s| s.noted_error())) {
            (error @ Error::Function(_), _) | (error, None) => error,
            (_, Some(first)) => Error::Shared(first),
        }
    }
}

/// Puts a program to use: its equations are copied into the enclosing trace, or it is run where there is none.
///
/// `captures` are variables of the enclosing trace for the inputs after `args`.
pub(crate) fn run_or_inline(
    program: &Program,
    args: &[Tensor],
    captures: &[Var],
    location: Caller,
) -> Result<Vec<Tensor>, Error> {
    if active() {
        return with_stack(|s| {
            let mut atoms: Vec<Atom> = Vec::with_capacity(args.len() + captures.len());
            for arg in args {
                atoms.push(s.lower(arg, location)?);
            }
            atoms.extend(captures.iter().map(|&v| Atom::Var(v)));
            let Some(frame) = s.frames.last_mut() else {
                return Ok(Vec::new());
            };
            let outputs = program.inline(&mut frame.builder, &atoms);
            Ok(outputs.into_iter().map(|atom| s.lift(atom)).collect())
        });
    }
    let arrays = concrete_arrays(args, location)?;
    let outputs = Plan::new(program).run(arrays, &mut RunContext::default())?;
    let types = program.output_types();
    Ok(outputs
        .into_iter()
        .zip(types)
        .map(|(array, ty)| Tensor::concrete(array, ty.weak))
        .collect())
}

/// The values of concrete tensors.
pub(crate) fn concrete_arrays(
    args: &[Tensor],
    location: Caller,
) -> Result<SmallVec<[Array; 4]>, Error> {
    args.iter()
        .map(|arg| match &arg.repr {
            Repr::Concrete(array) => Ok(array.clone()),
            Repr::Poisoned(error) => Err(Error::Shared(error.clone())),
            Repr::Traced { .. } | Repr::Spec => Err(dead(arg, location).into()),
        })
        .collect()
}

/// The tensors of the enclosing trace that captured variables are.
pub(crate) fn lift_vars(vars: &[Var]) -> Vec<Tensor> {
    with_stack(|s| vars.iter().map(|&v| s.lift(Atom::Var(v))).collect())
}
