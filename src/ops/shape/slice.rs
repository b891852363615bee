//! Boxes with static bounds, and axes reversed: views with other strides.

use crate::array::{Array, Shape, TensorType, dispatch_kernel};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::rule::{
    Batched, DataRules, Emit, Outputs, Rules, all_past, expect_operands, unary_batch,
};
use crate::ops::shape::{check_axes, check_distinct, check_entries};
use crate::program::text::python::tuple;
use crate::program::text::{Given, Shown, Value};
use crate::program::{Op, Rev, Slice};
use smallvec::{SmallVec, smallvec};

impl Rules for Slice {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let Self {
            start,
            limit,
            strides,
        } = self;
        expect_operands(inputs, 1)?;
        let operand = &inputs[0];
        check_entries("start_indices", start.len(), operand)?;
        check_entries("limit_indices", limit.len(), operand)?;
        check_entries("strides", strides.len(), operand)?;
        let mut shape = Shape::new();
        for (axis, &n) in operand.shape.iter().enumerate() {
            let (lo, hi, step) = (start[axis], limit[axis], strides[axis]);
            if lo > hi || hi > n {
                return Err(OpErrorKind::shapes(
                    [operand],
                    format!(
                        "a slice needs start <= limit <= length, but on axis {axis} it is {lo} <= {hi} <= {n}"
                    ),
                ));
            }
            if step == 0 {
                return Err(OpErrorKind::parameter(format!(
                    "strides must be at least 1, got 0 on axis {axis}"
                )));
            }
            shape.push((hi - lo).div_ceil(step));
        }
        Ok(smallvec![operand.with_shape(shape)])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let size = cx.size();
        unary_batch(cx, inputs, |dim| {
            let with = |list: &Shape, entry: usize| {
                let mut list = list.clone();
                list.insert(dim, entry);
                list
            };
            let op = Slice {
                start: with(&self.start, 0),
                limit: with(&self.limit, size),
                strides: with(&self.strides, 1),
            };
            (op, dim)
        })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        let strides = if self.strides.iter().all(|&s| s == 1) {
            "None".to_owned()
        } else {
            tuple(&self.strides)
        };
        shown
            .show("limit_indices", tuple(&self.limit))
            .show("start_indices", tuple(&self.start))
            .show("strides", strides);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let (start, limit) = (given.shape("start_indices")?, given.shape("limit_indices")?);
        let (value, at) = given.take("strides")?;
        let strides = match value {
            Value::Word(word) if word == "None" => SmallVec::from_elem(1, start.len()),
            value => {
                given.push("strides", value, at)?;
                given.shape("strides")?
            }
        };
        Ok(Slice {
            start,
            limit,
            strides,
        }
        .into())
    }
}

impl DataRules for Slice {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        let Self {
            start,
            limit,
            strides,
        } = self;
        let operand = &inputs[0];
        smallvec![dispatch_kernel!(operand.data(), a => {
            let mut view = a.clone();
            for (axis, &n) in operand.shape().iter().enumerate() {
                // A step beyond the axis takes the first element, as the axis' length does, and that one fits.
                let step = strides[axis].min(n.max(1)) as isize;
                view.slice_axis_inplace(ndarray::Axis(axis), ndarray::Slice::from(start[axis]..limit[axis]).step_by(step));
            }
            Array::wrap(view)
        })]
    }
}

impl Rules for Rev {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let dims = &self.dims;
        expect_operands(inputs, 1)?;
        check_axes(dims, inputs[0].rank())?;
        check_distinct("dimensions", dims)?;
        Ok(smallvec![inputs[0].clone()])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        unary_batch(cx, inputs, |dim| {
            let dims = all_past(&self.dims, dim);
            (Rev { dims }, dim)
        })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown.show("dimensions", tuple(&self.dims));
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let dims = given.shape("dimensions")?;
        Ok(Rev { dims }.into())
    }
}

impl DataRules for Rev {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![dispatch_kernel!(inputs[0].data(), a => {
            let mut view = a.clone();
            for &d in &self.dims {
                view.invert_axis(ndarray::Axis(d));
            }
            Array::wrap(view)
        })]
    }
}
