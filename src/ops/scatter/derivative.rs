//! Derivatives of updates at positions given by indices.
//!
//! Updates are applied in a fixed order, so tangents of a plain scatter are scattered alike and the last one wins again; its
//! transpose asks which one won. Where updates compete for an extreme, those that reach it and the old value, if it does,
//! share the tangent, as JAX has it.

use smallvec::smallvec;

use super::{grid_axes, window_sizes};
use crate::array::{Shape, TensorType};
use crate::error::{Error, OpErrorKind};
use crate::ops::derivative::{all_zero, not_linear};
use crate::ops::gather::zero_fill;
use crate::ops::rule::{Derivative, LinearInput, Outputs, Tangents};
use crate::program::{Atom, BinaryOp, BroadcastInDim, Gather, GatherDims, Scatter, ScatterOp};

impl Derivative for Scatter {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let (indices, updates) = (primals[1], primals[2]);
        let ty = cx.atom_type(&primals[0]);
        let update_type = cx.atom_type(&updates);
        if !ty.dtype.is_inexact() {
            return Ok(all_zero(1));
        }
        let tangent = match self.kind {
            ScatterOp::Set | ScatterOp::Add => {
                let operand = cx.written(tangents[0], &ty)?;
                let updates = cx.written(tangents[2], &update_type)?;
                cx.emit1(self.clone(), smallvec![operand, indices, updates])?
            }
            ScatterOp::Mul => {
                let operand = match tangents[0] {
                    Some(operand) => {
                        Some(cx.emit1(self.clone(), smallvec![operand, indices, updates])?)
                    }
                    None => None,
                };
                let updates = match tangents[2] {
                    Some(updates) => {
                        if !self.writes_once(&update_type.shape) {
                            return cx.refuse(self.clone(), OpErrorKind::NotDifferentiable);
                        }
                        let zeros = cx.zeros(&ty)?;
                        let add = self.with_kind(ScatterOp::Add);
                        let spread = cx.emit1(add, smallvec![zeros, indices, updates])?;
                        Some(cx.mul(primals[0], spread)?)
                    }
                    None => None,
                };
                return Ok(smallvec![cx.sum(operand, updates)?]);
            }
            ScatterOp::Min | ScatterOp::Max => {
                let operand = cx.written(tangents[0], &ty)?;
                let updates = cx.written(tangents[2], &update_type)?;
                self.extreme_jvp(cx, primals, results[0], operand, updates)?
            }
        };
        Ok(smallvec![Some(tangent)])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(indices) = inputs[1].known() else {
            return not_linear(cx, self.clone(), inputs);
        };
        let mut answer = all_zero(3);
        let Some(cotangent) = cotangents[0] else {
            return Ok(answer);
        };
        let update_type = inputs[2].ty(cx);
        match self.kind {
            ScatterOp::Add => {
                answer[0] = inputs[0].is_linear().then_some(cotangent);
                if inputs[2].is_linear() {
                    let read = self.mirrored(&cx.shape(cotangent), &update_type);
                    answer[2] = Some(cx.emit1(read, smallvec![cotangent, indices])?);
                }
            }
            ScatterOp::Set => {
                if inputs[0].is_linear() {
                    let zeros = cx.zeros(&update_type)?;
                    let atoms = smallvec![cotangent, indices, zeros];
                    answer[0] = Some(cx.emit1(self.clone(), atoms)?);
                }
                if inputs[2].is_linear() {
                    let read = self.mirrored(&cx.shape(cotangent), &update_type);
                    let read = cx.emit1(read, smallvec![cotangent, indices])?;
                    let operand = cx.shape(cotangent);
                    answer[2] = Some(self.where_last(cx, read, &operand, indices)?);
                }
            }
            ScatterOp::Mul => {
                let (true, Some(updates)) = (inputs[0].is_linear(), inputs[2].known()) else {
                    return not_linear(cx, self.clone(), inputs);
                };
                let atoms = smallvec![cotangent, indices, updates];
                answer[0] = Some(cx.emit1(self.clone(), atoms)?);
            }
            ScatterOp::Min | ScatterOp::Max => return not_linear(cx, self.clone(), inputs),
        }
        Ok(answer)
    }
}

impl Scatter {
    fn with_kind(&self, kind: ScatterOp) -> Scatter {
        Scatter {
            kind,
            ..self.clone()
        }
    }

    /// Whether the shapes alone show that no element is updated twice: there is one window, or one for each position of
    /// the axes that run together.
    fn writes_once(&self, updates: &[usize]) -> bool {
        let lengths: Shape = grid_axes(&self.dims, updates.len())
            .map(|a| updates[a])
            .collect();
        let together = &self.dims.scatter_indices_batching_dims;
        let free = lengths.iter().enumerate();
        let windows: usize = free
            .filter(|(axis, _)| !together.contains(axis))
            .map(|(_, n)| n)
            .product();
        windows <= 1
    }

    /// The gather that reads where this writes; it reads zeros where nothing is written.
    fn mirrored(&self, operand: &[usize], updates: &TensorType) -> Gather {
        // A scatter to an empty axis writes nothing, but a gather's window must lie inside.
        let sizes = window_sizes(&self.dims, operand.len(), &updates.shape);
        let slice_sizes = sizes.iter().zip(operand).map(|(&n, &m)| n.min(m));
        Gather {
            dims: GatherDims {
                offset_dims: self.dims.update_window_dims.clone(),
                collapsed_slice_dims: self.dims.inserted_window_dims.clone(),
                start_index_map: self.dims.scatter_dims_to_operand_dims.clone(),
                operand_batching_dims: self.dims.operand_batching_dims.clone(),
                start_indices_batching_dims: self.dims.scatter_indices_batching_dims.clone(),
            },
            slice_sizes: slice_sizes.collect(),
            mode: self.mode,
            fill: zero_fill(self.mode, updates.dtype),
        }
    }

    /// What was read for each update, with zeros for those that a later update of the same element replaced.
    fn where_last(
        &self,
        cx: &mut dyn Tangents,
        read: Atom,
        operand: &Shape,
        indices: Atom,
    ) -> Result<Atom, Error> {
        let shape = cx.shape(read);
        if self.writes_once(&shape) {
            return Ok(read);
        }
        // Windows are numbered from 1 on, and the numbers scattered as the updates were.
        let grid: Shape = grid_axes(&self.dims, shape.len()).collect();
        let lengths: Shape = grid.iter().map(|&a| shape[a]).collect();
        let count = lengths.iter().product();
        let numbers = cx.positions(&[count], 0)?;
        let one = cx.number(numbers, 1.0);
        let numbers = cx.add(numbers, one)?;
        let numbers = cx.reshape(numbers, &lengths)?;
        let whole = BroadcastInDim { shape, dims: grid };
        let numbers = cx.emit1(whole, smallvec![numbers])?;
        let ty = cx.atom_type(&numbers);
        let zeros = cx.zeros(&ty.with_shape(operand.iter().copied()))?;
        let winners = cx.emit1(self.clone(), smallvec![zeros, indices, numbers])?;
        let read_back = self.mirrored(operand, &ty);
        let winners = cx.emit1(read_back, smallvec![winners, indices])?;
        let won = cx.binary(BinaryOp::Eq, numbers, winners)?;
        let zero = cx.number(read, 0.0);
        cx.select(won, read, zero)
    }

    fn extreme_jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        result: Atom,
        operand_tangent: Atom,
        update_tangent: Atom,
    ) -> Result<Atom, Error> {
        let (operand, indices, updates) = (primals[0], primals[1], primals[2]);
        let (ty, update_type) = (cx.atom_type(&operand), cx.atom_type(&updates));
        let add = self.with_kind(ScatterOp::Add);
        let reader = self.mirrored(&ty.shape, &update_type);
        let read = |cx: &mut dyn Tangents, x| cx.emit1(reader.clone(), smallvec![x, indices]);
        let (zero, one) = (cx.number(updates, 0.0), cx.number(updates, 1.0));

        let before = read(cx, operand)?;
        let after = read(cx, result)?;
        let reached = cx.binary(BinaryOp::Eq, updates, after)?;
        let kept = cx.binary(BinaryOp::Eq, before, after)?;
        // How many updates reach the element's extreme, and how many there are at all, seen from each of them.
        let count = |cx: &mut dyn Tangents, ones| {
            let zeros = cx.zeros(&ty)?;
            let counted = cx.emit1(add.clone(), smallvec![zeros, indices, ones])?;
            read(cx, counted)
        };
        let reaching = cx.select(reached, one, zero)?;
        let winners = count(cx, reaching)?;
        let all = cx.full(&update_type, 1.0)?;
        let all = count(cx, all)?;

        let with_old = cx.add(winners, one)?;
        let with_old = cx.div(one, with_old)?;
        let without = cx.div(one, winners)?;
        let share = cx.select(kept, with_old, without)?;
        let share = cx.select(reached, share, zero)?;
        let old_share = cx.select(kept, with_old, zero)?;
        let lost = cx.sub(old_share, one)?;
        let lost = cx.div(lost, all)?;

        let old = read(cx, operand_tangent)?;
        let old = cx.mul(old, lost)?;
        let new = cx.mul(update_tangent, share)?;
        let change = cx.add(old, new)?;
        cx.emit1(add, smallvec![operand_tangent, indices, change])
    }
}
