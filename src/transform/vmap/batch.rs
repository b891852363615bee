//! Batching a whole program: the rules of [`ops`](crate::ops) applied equation by equation.
//!
//! The invariant: every variable of the source program has a counterpart that is either *batched*, holding one value
//! per lane along a known axis, or *unbatched*, holding the one value all lanes share. An equation none of whose
//! operands is batched is copied as it is, which is why an unbatched callback runs once (rules C1 and V41); any other goes
//! through its batching rule. So batching is static: it never looks at values.

use std::panic::Location;

use smallvec::SmallVec;

use crate::array::TensorType;
use crate::error::Error;
use crate::ops::{self, BatchDim, Batched, BatchedBody, Emit, Outputs};
use crate::passes::env::Env;
use crate::program::{Atom, Atoms, AxisName, Op, Program, ProgramBuilder};

/// A mapped axis: how many lanes, and the name collectives know it by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappedAxis<'a> {
    pub(crate) size: usize,
    pub(crate) name: Option<&'a AxisName>,
}

/// Where batching rules emit: a program under construction, one level further out.
pub(crate) struct BatchContext<'a> {
    pub(crate) builder: &'a mut ProgramBuilder,
    pub(crate) axis: MappedAxis<'a>,
    /// Where the equation being batched was traced.
    pub(crate) location: Option<&'static Location<'static>>,
}

impl Emit for BatchContext<'_> {
    fn size(&self) -> usize {
        self.axis.size
    }

    fn axis_name(&self) -> Option<&AxisName> {
        self.axis.name
    }

    fn location(&self) -> Option<&'static Location<'static>> {
        self.location
    }

    fn atom_type(&self, atom: &Atom) -> TensorType {
        self.builder.atom_type(atom)
    }

    fn push(&mut self, op: Op, inputs: Atoms) -> Result<Outputs<Atom>, Error> {
        ops::emit(self.builder, op, inputs, self.location).map_err(Error::from)
    }

    fn inline(&mut self, program: &Program, args: &[Atom]) -> Vec<Atom> {
        program.inline(self.builder, args)
    }

    fn batch_program(&self, program: &Program, dims: &[BatchDim]) -> Result<BatchedBody, Error> {
        batch_program(program, self.axis, dims)
    }

    fn finish(&self, body: BatchedBody, dims: &[Option<usize>]) -> Result<Program, Error> {
        finish(body, self.axis, dims)
    }
}

/// Closes a batched program with the batch axis of result `i` moved (or broadcast) to `dims[i]`; `None` leaves a result
/// as it is.
pub(crate) fn finish(
    mut body: BatchedBody,
    axis: MappedAxis<'_>,
    dims: &[Option<usize>],
) -> Result<Program, Error> {
    let cx: &mut dyn Emit = &mut BatchContext {
        builder: &mut body.builder,
        axis,
        location: None,
    };
    let mut outputs = Vec::with_capacity(body.outputs.len());
    for (value, dim) in body.outputs.iter().zip(dims) {
        outputs.push(match dim {
            Some(dim) => cx.materialize_at(value, *dim)?,
            None => value.atom,
        });
    }
    Ok(body.builder.finish(outputs))
}

/// Batches `program` over one axis; `dims` says where each input carries it.
pub(crate) fn batch_program(
    program: &Program,
    axis: MappedAxis<'_>,
    dims: &[BatchDim],
) -> Result<BatchedBody, Error> {
    let mut builder = ProgramBuilder::new();
    let mut env: Env<Batched> = Env::new(program);
    for (&var, &dim) in program.inputs().iter().zip(dims) {
        let ty = program.var_type(var);
        let ty = match dim {
            BatchDim::At(d) => ty.insert_axis(d, axis.size),
            BatchDim::Unbatched => ty.clone(),
        };
        let atom = Atom::Var(builder.input(ty));
        env.bind(var, Batched { atom, dim });
    }
    for (var, array) in program.constants() {
        env.bind(*var, builder.constant(array).into());
    }
    for equation in program.equations() {
        let inputs: SmallVec<[Batched; 4]> = env.read_all(&equation.inputs);
        let touches_axis = axis.name.is_some_and(|name| equation.op.uses_axis(name));
        let outputs = if touches_axis || inputs.iter().any(|i| i.dim.is_batched()) {
            let mut cx = BatchContext {
                builder: &mut builder,
                axis,
                location: equation.location,
            };
            ops::batch(&mut cx, &equation.op, &inputs)?
        } else {
            let atoms = inputs.iter().map(|i| i.atom).collect();
            let types = equation.outputs.iter();
            let types = types.map(|&v| program.var_type(v).clone());
            let outputs = builder.push(equation.op.clone(), atoms, types, equation.location);
            outputs.into_iter().map(|v| Atom::Var(v).into()).collect()
        };
        env.bind_all(&equation.outputs, outputs);
    }
    let outputs = env.read_all(program.outputs());
    Ok(BatchedBody { builder, outputs })
}
