//! Batching a whole program: the rules of [`ops`](crate::ops) applied equation by equation.
//!
//! The invariant: every variable of the source program has a counterpart that is either *batched*, holding one value
//! per lane along a known axis, or *unbatched*, holding the one value all lanes share. An equation none of whose
//! operands is batched is copied as it is, which is why an unbatched callback runs once (rules C1 and V41); any other goes
//! through its batching rule. So batching is static: it never looks at values.

use smallvec::SmallVec;

use super::{BatchContext, BatchDim, Batched, batch, collective};
use crate::array::TensorType;
use crate::error::Error;
use crate::passes::env::Env;
use crate::program::{Atom, AxisName, Op, Program, ProgramBuilder};

/// A mapped axis: how many lanes, and the name collectives know it by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappedAxis<'a> {
    pub(crate) size: usize,
    pub(crate) name: Option<&'a AxisName>,
}

/// A batched program before its results are put where the caller wants them.
pub(crate) struct BatchedBody {
    pub(crate) builder: ProgramBuilder,
    pub(crate) outputs: Vec<Batched>,
}

impl BatchedBody {
    /// Closes the program with the batch axis of result `i` moved (or broadcast) to `dims[i]`; `None` leaves a result
    /// as it is.
    pub(crate) fn finish(
        mut self,
        axis: MappedAxis<'_>,
        dims: &[Option<usize>],
    ) -> Result<Program, Error> {
        let mut cx = BatchContext {
            builder: &mut self.builder,
            size: axis.size,
            axis_name: axis.name,
            location: None,
        };
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for (value, dim) in self.outputs.iter().zip(dims) {
            outputs.push(match dim {
                Some(dim) => cx.materialize_at(value, *dim)?,
                None => value.atom,
            });
        }
        Ok(self.builder.finish(outputs))
    }
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
        let touches_axis = axis.name.is_some_and(|name| uses_axis(&equation.op, name));
        let outputs = if touches_axis || inputs.iter().any(|i| i.dim.is_batched()) {
            let mut cx = BatchContext {
                builder: &mut builder,
                size: axis.size,
                axis_name: axis.name,
                location: equation.location,
            };
            batch(&mut cx, &equation.op, &inputs)?
        } else {
            let atoms = inputs.iter().map(|i| i.atom).collect();
            let types: SmallVec<[TensorType; 2]> = equation
                .outputs
                .iter()
                .map(|&v| program.var_type(v).clone())
                .collect();
            let outputs = builder.push(equation.op.clone(), atoms, types, equation.location);
            outputs
                .into_iter()
                .map(|v| Batched::unbatched(Atom::Var(v)))
                .collect()
        };
        env.bind_all(&equation.outputs, outputs);
    }
    let outputs = env.read_all(program.outputs());
    Ok(BatchedBody { builder, outputs })
}

/// Whether an operation, or a program it runs, speaks of the named axis.
pub(crate) fn uses_axis(op: &Op, name: &AxisName) -> bool {
    op.any(&|op| collective::names(op).iter().any(|(n, _)| n == name))
}
