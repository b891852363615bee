//! What operations mean: one file per family, with type rule, evaluation and batching rule side by side.
//!
//! This file holds the three exhaustive matches. The invariants: [`infer`] is total over operand types (it accepts or
//! names what is wrong, per lane, in the user's terms); [`eval`] may assume what `infer` accepted; and a batching rule
//! gets at least one batched operand and emits equations whose lanes equal the operation applied lane by lane, which
//! `tests/batching_rules` checks for every operation.

pub(crate) mod batch;
pub(crate) mod callback;
pub(crate) mod collective;
pub(crate) mod control;
mod cumulative;
mod custom;
mod dot;
mod elementwise;
mod gather;
mod index;
mod linalg;
mod math;
mod reduce;
mod scatter;
mod shape;
mod sort;
#[cfg(test)]
mod testkit;

use std::panic::Location;

use smallvec::{SmallVec, smallvec};

use crate::array::{Array, TensorType};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{Atom, Atoms, Op, ProgramBuilder};

/// Types or arrays of one equation's results.
pub(crate) type Outputs<T> = SmallVec<[T; 2]>;

/// Whether, and over which of its axes, a value is batched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchDim {
    /// One value for all lanes.
    Unbatched,
    /// The lanes lie along this axis.
    At(usize),
}

impl BatchDim {
    /// Whether there is a batch axis.
    #[must_use]
    pub fn is_batched(self) -> bool {
        matches!(self, BatchDim::At(_))
    }
}

/// An operand under batching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batched {
    /// The value, batch axis included.
    pub(crate) atom: Atom,
    /// Where the batch axis is.
    pub(crate) dim: BatchDim,
}

impl Batched {
    pub(crate) fn at(atom: Atom, dim: usize) -> Batched {
        Batched {
            atom,
            dim: BatchDim::At(dim),
        }
    }

    pub(crate) fn unbatched(atom: Atom) -> Batched {
        Batched {
            atom,
            dim: BatchDim::Unbatched,
        }
    }
}

/// An operand that no lane has for itself.
impl From<Atom> for Batched {
    fn from(atom: Atom) -> Batched {
        Batched::unbatched(atom)
    }
}

/// The type rule: what an operation makes of operands of these types.
pub(crate) fn infer(op: &Op, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
    match op {
        Op::Unary(kind) => elementwise::infer_unary(*kind, inputs),
        Op::Binary(kind) => elementwise::infer_binary(*kind, inputs),
        Op::IntegerPow { y } => elementwise::infer_integer_pow(*y, inputs),
        Op::ConvertElementType { dtype, weak } => elementwise::infer_convert(*dtype, *weak, inputs),
        Op::SelectN => elementwise::infer_select_n(inputs),
        Op::Clamp => elementwise::infer_clamp(inputs),
        Op::BroadcastInDim { shape, dims } => shape::infer_broadcast_in_dim(shape, dims, inputs),
        Op::Reshape { shape } => shape::infer_reshape(shape, inputs),
        Op::Transpose { permutation } => shape::infer_transpose(permutation, inputs),
        Op::Squeeze { dims } => shape::infer_squeeze(dims, inputs),
        Op::Concatenate { dimension } => shape::infer_concatenate(*dimension, inputs),
        Op::Pad { config } => shape::infer_pad(config, inputs),
        Op::Rev { dims } => shape::infer_rev(dims, inputs),
        Op::Slice {
            start,
            limit,
            strides,
        } => shape::infer_slice(start, limit, strides, inputs),
        Op::Iota {
            dtype,
            shape,
            dimension,
        } => shape::infer_iota(*dtype, shape, *dimension, inputs),
        Op::Reduce { kind, axes } => reduce::infer_reduce(*kind, axes, inputs),
        Op::ArgReduce {
            kind,
            axis,
            index_dtype,
        } => reduce::infer_arg_reduce(*kind, *axis, *index_dtype, inputs),
        Op::Cumulative { kind, axis, .. } => cumulative::infer(*kind, *axis, inputs),
        Op::DotGeneral { dims } => dot::infer(dims, inputs),
        Op::DynamicSlice { sizes } => index::infer_dynamic_slice(sizes, inputs),
        Op::DynamicUpdateSlice => index::infer_dynamic_update_slice(inputs),
        Op::Gather {
            dims, slice_sizes, ..
        } => gather::infer(dims, slice_sizes, inputs),
        Op::Scatter { dims, .. } => scatter::infer(dims, inputs),
        Op::Sort {
            dimension,
            num_keys,
        } => sort::infer_sort(*dimension, *num_keys, inputs),
        Op::TopK { k } => sort::infer_top_k(*k, inputs),
        Op::Cholesky => linalg::infer_cholesky(inputs),
        Op::TriangularSolve { left_side, .. } => linalg::infer_triangular_solve(*left_side, inputs),
        Op::Solve => linalg::infer_solve(inputs),
        Op::Callback { results, .. } => Ok(results.iter().cloned().collect()),
        Op::Call { program, .. } | Op::CustomVmap { program, .. } => {
            control::infer_call(program, inputs)
        }
        Op::Cond { branches } => control::infer_cond(branches, inputs),
        Op::While {
            cond,
            cond_consts,
            body,
            body_consts,
        } => control::infer_while(cond, *cond_consts, body, *body_consts, inputs),
        Op::Scan {
            body,
            length,
            num_consts,
            num_carry,
            ..
        } => control::infer_scan(body, *length, *num_consts, *num_carry, inputs),
        Op::Collective { op, axes } => collective::infer(op, axes, inputs),
    }
}

/// Evaluates an operation that needs nothing but its operands; what runs programs or the host is `exec`'s work.
pub(crate) fn eval(op: &Op, inputs: &[Array]) -> Result<Outputs<Array>, Error> {
    let one = |array: Array| -> Outputs<Array> { smallvec![array] };
    Ok(match op {
        Op::Unary(kind) => one(elementwise::eval_unary(*kind, &inputs[0])),
        Op::Binary(kind) => one(elementwise::eval_binary(*kind, &inputs[0], &inputs[1])),
        Op::IntegerPow { y } => one(elementwise::eval_integer_pow(*y, &inputs[0])),
        Op::ConvertElementType { dtype, .. } => one(elementwise::eval_convert(*dtype, &inputs[0])),
        Op::SelectN => one(elementwise::eval_select_n(inputs)),
        Op::Clamp => one(elementwise::eval_clamp(inputs)),
        Op::BroadcastInDim { shape, dims } => one(inputs[0].broadcast_in_dim(shape, dims)),
        Op::Reshape { shape } => one(inputs[0].reshaped(shape)),
        Op::Transpose { permutation } => one(inputs[0].permute(permutation)),
        Op::Squeeze { dims } => one(shape::eval_squeeze(dims, &inputs[0])),
        Op::Concatenate { dimension } => one(shape::eval_concatenate(*dimension, inputs)),
        Op::Pad { config } => one(shape::eval_pad(config, &inputs[0], &inputs[1])),
        Op::Rev { dims } => one(shape::eval_rev(dims, &inputs[0])),
        Op::Slice {
            start,
            limit,
            strides,
        } => one(shape::eval_slice(start, limit, strides, &inputs[0])),
        Op::Iota {
            dtype,
            shape,
            dimension,
        } => one(shape::eval_iota(*dtype, shape, *dimension)),
        Op::Reduce { kind, axes } => one(reduce::eval_reduce(*kind, axes, &inputs[0])),
        Op::ArgReduce {
            kind,
            axis,
            index_dtype,
        } => one(reduce::eval_arg_reduce(
            *kind,
            *axis,
            *index_dtype,
            &inputs[0],
        )),
        Op::Cumulative {
            kind,
            axis,
            reverse,
        } => one(cumulative::eval(*kind, *axis, *reverse, &inputs[0])),
        Op::DotGeneral { dims } => one(dot::eval(dims, &inputs[0], &inputs[1])),
        Op::DynamicSlice { sizes } => one(index::eval_dynamic_slice(sizes, inputs)),
        Op::DynamicUpdateSlice => one(index::eval_dynamic_update_slice(inputs)),
        Op::Gather {
            dims,
            slice_sizes,
            mode,
        } => one(gather::eval(
            dims,
            slice_sizes,
            *mode,
            &inputs[0],
            &inputs[1],
        )),
        Op::Scatter { kind, dims, mode } => one(scatter::eval(*kind, dims, *mode, inputs)),
        Op::Sort {
            dimension,
            num_keys,
        } => sort::eval_sort(*dimension, *num_keys, inputs),
        Op::TopK { k } => sort::eval_top_k(*k, &inputs[0]),
        Op::Cholesky => one(linalg::eval_cholesky(&inputs[0])),
        Op::TriangularSolve {
            left_side,
            lower,
            transpose_a,
            unit_diagonal,
        } => one(linalg::eval_triangular_solve(
            *left_side,
            *lower,
            *transpose_a,
            *unit_diagonal,
            &inputs[0],
            &inputs[1],
        )),
        Op::Solve => one(linalg::eval_solve(&inputs[0], &inputs[1])),
        Op::Callback { .. }
        | Op::Call { .. }
        | Op::CustomVmap { .. }
        | Op::Cond { .. }
        | Op::While { .. }
        | Op::Scan { .. }
        | Op::Collective { .. } => {
            return Err(OpError::at(op.name(), OpErrorKind::NotData, None).into());
        }
    })
}

/// The batching rule: emits what computes every lane at once; at least one operand is batched.
pub(crate) fn batch(
    cx: &mut BatchContext<'_>,
    op: &Op,
    inputs: &[Batched],
) -> Result<Outputs<Batched>, Error> {
    match op {
        Op::Unary(_) | Op::IntegerPow { .. } | Op::ConvertElementType { .. } => {
            elementwise::batch_unary(cx, op, inputs)
        }
        Op::Binary(_) => elementwise::batch_binary(cx, op, inputs),
        Op::SelectN => elementwise::batch_select_n(cx, inputs),
        Op::Clamp => elementwise::batch_clamp(cx, inputs),
        Op::BroadcastInDim { shape, dims } => {
            shape::batch_broadcast_in_dim(cx, shape, dims, inputs)
        }
        Op::Reshape { shape } => shape::batch_reshape(cx, shape, inputs),
        Op::Transpose { permutation } => shape::batch_transpose(cx, permutation, inputs),
        Op::Squeeze { dims } => shape::batch_squeeze(cx, dims, inputs),
        Op::Concatenate { dimension } => shape::batch_concatenate(cx, *dimension, inputs),
        Op::Pad { config } => shape::batch_pad(cx, config, inputs),
        Op::Rev { dims } => shape::batch_rev(cx, dims, inputs),
        Op::Slice {
            start,
            limit,
            strides,
        } => shape::batch_slice(cx, start, limit, strides, inputs),
        // Without operands nothing is batched, so the rule is never asked.
        Op::Iota { .. } => cx
            .emit(op.clone(), smallvec![])
            .map(|outs| outs.into_iter().map(Batched::unbatched).collect()),
        Op::Reduce { kind, axes } => reduce::batch_reduce(cx, *kind, axes, inputs),
        Op::ArgReduce {
            kind,
            axis,
            index_dtype,
        } => reduce::batch_arg_reduce(cx, *kind, *axis, *index_dtype, inputs),
        Op::Cumulative {
            kind,
            axis,
            reverse,
        } => cumulative::batch(cx, *kind, *axis, *reverse, inputs),
        Op::DotGeneral { dims } => dot::batch(cx, dims, inputs),
        Op::DynamicSlice { sizes } => index::batch_dynamic_slice(cx, sizes, inputs),
        Op::DynamicUpdateSlice => index::batch_dynamic_update_slice(cx, inputs),
        Op::Gather {
            dims,
            slice_sizes,
            mode,
        } => gather::batch(cx, dims, slice_sizes, *mode, inputs),
        Op::Scatter { kind, dims, mode } => scatter::batch(cx, *kind, dims, *mode, inputs),
        Op::Sort {
            dimension,
            num_keys,
        } => sort::batch_sort(cx, *dimension, *num_keys, inputs),
        Op::TopK { k } => sort::batch_top_k(cx, *k, inputs),
        Op::Cholesky => linalg::batch_cholesky(cx, inputs),
        Op::TriangularSolve { .. } => linalg::batch_triangular_solve(cx, op, inputs),
        Op::Solve => linalg::batch_solve(cx, inputs),
        Op::Callback { .. } => callback::batch(cx, op, inputs),
        Op::Call { name, program } => control::batch_call(cx, name, program, inputs),
        Op::CustomVmap { .. } => custom::batch(cx, op, inputs),
        Op::Cond { branches } => control::batch_cond(cx, branches, inputs),
        Op::While { .. } => control::batch_while(cx, op, inputs),
        Op::Scan { .. } => control::batch_scan(cx, op, inputs),
        Op::Collective { .. } => collective::batch(cx, op, inputs),
    }
}

/// Whether an operation, or a program it runs, calls the host.
pub(crate) fn calls_host(op: &Op) -> bool {
    op.any(&|op| matches!(op, Op::Callback { .. }))
}

/// Applies an operation's type rule and appends it to a program.
pub(crate) fn emit(
    builder: &mut ProgramBuilder,
    op: Op,
    inputs: Atoms,
    location: Option<&'static Location<'static>>,
) -> Result<Outputs<Atom>, OpError> {
    let types: SmallVec<[TensorType; 4]> = inputs.iter().map(|a| builder.atom_type(a)).collect();
    match infer(&op, &types) {
        Ok(outputs) => Ok(builder
            .push(op, inputs, outputs, location)
            .into_iter()
            .map(Atom::Var)
            .collect()),
        Err(kind) => Err(OpError::at(op.name(), kind, location)),
    }
}

/// Where a batching rule emits its equations, and what it needs to know of the mapped axis.
pub(crate) struct BatchContext<'a> {
    /// The program under construction, one level further out.
    pub(crate) builder: &'a mut ProgramBuilder,
    /// The number of lanes.
    pub(crate) size: usize,
    /// The name the mapped axis is bound to.
    pub(crate) axis_name: Option<&'a crate::program::AxisName>,
    /// Where the equation being batched was traced.
    pub(crate) location: Option<&'static Location<'static>>,
}

impl BatchContext<'_> {
    /// Emits an operation and returns its results.
    pub(crate) fn emit(&mut self, op: Op, inputs: Atoms) -> Result<Outputs<Atom>, Error> {
        emit(self.builder, op, inputs, self.location).map_err(Error::from)
    }

    /// Emits an operation with one result.
    pub(crate) fn emit1(&mut self, op: Op, inputs: Atoms) -> Result<Atom, Error> {
        Ok(self.emit(op, inputs)?[0])
    }

    /// The full type of an operand, batch axis included.
    pub(crate) fn ty(&self, value: &Batched) -> TensorType {
        self.builder.atom_type(&value.atom)
    }

    /// The rank of one lane.
    pub(crate) fn lane_rank(&self, value: &Batched) -> usize {
        self.ty(value).rank() - usize::from(value.dim.is_batched())
    }

    /// A batched value with its batch axis moved to `to`; unbatched ones are repeated there first.
    pub(crate) fn materialize_at(&mut self, value: &Batched, to: usize) -> Result<Atom, Error> {
        match value.dim {
            BatchDim::At(from) => self.move_axis(value.atom, from, to),
            BatchDim::Unbatched => self.broadcast_new_axis(value.atom, to, self.size),
        }
    }

    /// A batched value with its batch axis in front; an unbatched one as it is.
    pub(crate) fn batch_to_front(&mut self, value: &Batched) -> Result<Atom, Error> {
        match value.dim {
            BatchDim::At(from) => self.move_axis(value.atom, from, 0),
            BatchDim::Unbatched => Ok(value.atom),
        }
    }

    /// Moves one axis to another position.
    pub(crate) fn move_axis(&mut self, atom: Atom, from: usize, to: usize) -> Result<Atom, Error> {
        if from == to {
            return Ok(atom);
        }
        let rank = self.builder.atom_type(&atom).rank();
        let mut permutation: crate::array::Shape = (0..rank).filter(|&a| a != from).collect();
        permutation.insert(to, from);
        self.emit1(Op::Transpose { permutation }, smallvec![atom])
    }

    /// Repeats a value along a new axis of the given length.
    pub(crate) fn broadcast_new_axis(
        &mut self,
        atom: Atom,
        axis: usize,
        size: usize,
    ) -> Result<Atom, Error> {
        let ty = self.builder.atom_type(&atom);
        let dims = (0..ty.rank())
            .map(|d| if d < axis { d } else { d + 1 })
            .collect();
        let shape = ty.insert_axis(axis, size).shape;
        self.emit1(Op::BroadcastInDim { shape, dims }, smallvec![atom])
    }
}

/// The results of a rule whose batch axis is in front.
pub(crate) fn batched_at(atom: Atom, dim: usize) -> Outputs<Batched> {
    smallvec![Batched::at(atom, dim)]
}

/// Checks the number of operands.
pub(crate) fn expect_operands(inputs: &[TensorType], expected: usize) -> Result<(), OpErrorKind> {
    if inputs.len() == expected {
        Ok(())
    } else {
        Err(OpErrorKind::OperandCount {
            expected,
            actual: inputs.len(),
        })
    }
}
