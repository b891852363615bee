//! The same elements under other axes.

use crate::array::{Array, ShapeTuple, TensorType, dispatch_kernel};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::rule::{
    Batched, DataRules, Emit, Outputs, Rules, all_past, expect_operands, front_batch, unary_batch,
};
use crate::ops::shape::{
    addressable, check_axes, check_distinct, check_entries, check_increasing, prepend,
};
use crate::program::text::python::tuple;
use crate::program::text::{Given, Shown};
use crate::program::{Op, Reshape, Squeeze, Transpose};
use smallvec::smallvec;

impl Rules for Reshape {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let shape = &self.shape;
        expect_operands(inputs, 1)?;
        let out = inputs[0].with_shape(shape.iter().copied());
        let outputs = addressable(out)?;
        if outputs[0].size() == inputs[0].size() {
            return Ok(outputs);
        }
        let detail = format!(
            "a reshape keeps the number of elements, but {} has {} and {} has {}",
            ShapeTuple(&inputs[0].shape),
            inputs[0].size(),
            ShapeTuple(shape),
            outputs[0].size()
        );
        Err(OpErrorKind::shapes([&inputs[0], &outputs[0]], detail))
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let shape = prepend(cx.size(), &self.shape);
        front_batch(cx, inputs, Reshape { shape })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("dimensions", "None")
            .show("new_sizes", tuple(&self.shape))
            .show("sharding", "None");
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        given.fixed("dimensions", "None")?;
        given.fixed("sharding", "None")?;
        let shape = given.shape("new_sizes")?;
        Ok(Reshape { shape }.into())
    }
}

impl DataRules for Reshape {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![inputs[0].reshaped(&self.shape)]
    }
}

impl Rules for Transpose {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let permutation = &self.permutation;
        expect_operands(inputs, 1)?;
        check_entries("permutation", permutation.len(), &inputs[0])?;
        check_axes(permutation, inputs[0].rank())?;
        check_distinct("permutation", permutation)?;
        Ok(smallvec![inputs[0].with_shape(
            permutation.iter().map(|&p| inputs[0].shape[p])
        )])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        unary_batch(cx, inputs, |dim| {
            let permutation = prepend(dim, &all_past(&self.permutation, dim));
            (Transpose { permutation }, 0)
        })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown.show("permutation", tuple(&self.permutation));
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let permutation = given.shape("permutation")?;
        Ok(Transpose { permutation }.into())
    }
}

impl DataRules for Transpose {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![inputs[0].permute(&self.permutation)]
    }
}

impl Rules for Squeeze {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let dims = &self.dims;
        expect_operands(inputs, 1)?;
        let operand = &inputs[0];
        check_axes(dims, operand.rank())?;
        check_increasing("dimensions", dims)?;
        if let Some(d) = dims.iter().find(|&&d| operand.shape[d] != 1) {
            return Err(OpErrorKind::shapes(
                [operand],
                format!(
                    "only axes of length 1 can be squeezed, but axis {d} has length {}",
                    operand.shape[*d]
                ),
            ));
        }
        let kept = (0..operand.rank())
            .filter(|a| !dims.contains(a))
            .map(|a| operand.shape[a]);
        Ok(smallvec![operand.with_shape(kept)])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        unary_batch(cx, inputs, |dim| {
            let dims = all_past(&self.dims, dim);
            let before = dims.iter().filter(|&&d| d < dim).count();
            (Squeeze { dims }, dim - before)
        })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown.show("dimensions", tuple(&self.dims));
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let dims = given.shape("dimensions")?;
        Ok(Squeeze { dims }.into())
    }
}

impl DataRules for Squeeze {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![dispatch_kernel!(inputs[0].data(), a => {
            let squeezed = self.dims.iter().rev().fold(a.clone(), |view, &d| view.index_axis_move(ndarray::Axis(d), 0));
            Array::wrap(squeezed)
        })]
    }
}
