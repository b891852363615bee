//! The derivative of reading windows, which is linear: the transpose adds windows up where they were read.

use smallvec::smallvec;

use crate::array::{DType, Scalar};
use crate::error::Error;
use crate::ops::derivative::{all_zero, not_linear};
use crate::ops::rule::{Derivative, LinearInput, Outputs, Tangents};
use crate::program::{Atom, Gather, GatherDims, IndexMode, Scatter, ScatterDims, ScatterOp};

impl Derivative for Gather {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(tangent) = tangents[0] else {
            return Ok(all_zero(1));
        };
        // What is filled in does not change with the operand.
        let op = Gather {
            fill: zero_fill(self.mode, cx.atom_type(&tangent).dtype),
            ..self.clone()
        };
        let atoms = smallvec![tangent, primals[1]];
        Ok(smallvec![Some(cx.emit1(op, atoms)?)])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let (LinearInput::Linear(ty), LinearInput::Known(indices)) = (&inputs[0], &inputs[1])
        else {
            return not_linear(cx, self.clone(), inputs);
        };
        let Some(cotangent) = cotangents[0] else {
            return Ok(all_zero(2));
        };
        let op = Scatter {
            kind: ScatterOp::Add,
            dims: self.dims.mirrored(),
            mode: self.mode,
        };
        let zeros = cx.zeros(ty)?;
        let cotangent = cx.emit1(op, smallvec![zeros, *indices, cotangent])?;
        Ok(smallvec![Some(cotangent), None])
    }
}

/// Zero as the fill value of a gather of this mode.
pub(in crate::ops) fn zero_fill(mode: IndexMode, dtype: DType) -> Option<Scalar> {
    (mode == IndexMode::FillOrDrop).then(|| Scalar::zero(dtype))
}

impl GatherDims {
    /// The scatter that writes where this reads.
    fn mirrored(&self) -> ScatterDims {
        ScatterDims {
            update_window_dims: self.offset_dims.clone(),
            inserted_window_dims: self.collapsed_slice_dims.clone(),
            scatter_dims_to_operand_dims: self.start_index_map.clone(),
            operand_batching_dims: self.operand_batching_dims.clone(),
            scatter_indices_batching_dims: self.start_indices_batching_dims.clone(),
        }
    }
}
