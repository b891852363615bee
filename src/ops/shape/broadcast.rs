//! Repetition along axes, and counting.

use crate::array::{Array, DType, Element, TensorType, without_kernels};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::rule::{
    Batched, DataRules, Emit, Outputs, Rules, all_past, expect_operands, front_batch,
};
use crate::ops::shape::{addressable, check_axes, check_entries, check_increasing, prepend};
use crate::program::text::python::tuple;
use crate::program::text::{Given, Shown};
use crate::program::{BroadcastInDim, Iota, Op};
use smallvec::smallvec;

impl Rules for BroadcastInDim {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let Self { shape, dims } = self;
        expect_operands(inputs, 1)?;
        let operand = &inputs[0];
        check_entries("broadcast_dimensions", dims.len(), operand)?;
        check_axes(dims, shape.len())?;
        check_increasing("broadcast_dimensions", dims)?;
        if let Some((axis, &d)) = dims
            .iter()
            .enumerate()
            .find(|&(i, &d)| ![1, shape[d]].contains(&operand.shape[i]))
        {
            return Err(OpErrorKind::shapes(
                [operand, &operand.with_shape(shape.iter().copied())],
                format!(
                    "operand axis {axis} must have length 1 or that of result axis {d}, {}",
                    shape[d]
                ),
            ));
        }
        addressable(operand.with_shape(shape.iter().copied()))
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let shape = prepend(cx.size(), &self.shape);
        let dims = prepend(0, &all_past(&self.dims, 0));
        front_batch(cx, inputs, BroadcastInDim { shape, dims })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        if !self.dims.is_empty() {
            shown.show("broadcast_dimensions", tuple(&self.dims));
        }
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let dims = given.optional_shape("broadcast_dimensions")?;
        let shape = given.single()?.shape.clone();
        Ok(BroadcastInDim { shape, dims }.into())
    }
}

impl DataRules for BroadcastInDim {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![inputs[0].broadcast_in_dim(&self.shape, &self.dims)]
    }
}

impl Rules for Iota {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let Self {
            dtype,
            shape,
            dimension,
        } = self;
        let (dtype, dimension) = (*dtype, *dimension);
        expect_operands(inputs, 0)?;
        if dtype == DType::Bool {
            return Err(OpErrorKind::dtypes(
                [&TensorType::new(dtype, shape.iter().copied())],
                "counting takes integers or floats; compare or convert afterwards",
            ));
        }
        check_axes(&[dimension], shape.len())?;
        addressable(TensorType::new(dtype, shape.iter().copied()))
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        // Without operands nothing is batched, so the rule is never asked.
        let outputs = cx.emit(self.clone(), inputs.iter().map(|x| x.atom).collect())?;
        Ok(outputs.into_iter().map(Batched::unbatched).collect())
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("dimension", self.dimension)
            .show("dtype", self.dtype)
            .show("shape", tuple(&self.shape))
            .show("sharding", "None");
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        given.fixed("sharding", "None")?;
        Ok(Iota {
            dtype: given.dtype("dtype")?,
            shape: given.shape("shape")?,
            dimension: given.number("dimension")?,
        }
        .into())
    }
}

impl DataRules for Iota {
    fn eval(&self, _inputs: &[Array]) -> Outputs<Array> {
        smallvec![iota(self.dtype, &self.shape, self.dimension)]
    }
}

fn iota(dtype: DType, shape: &[usize], dimension: usize) -> Array {
    fn count<T: Element>(shape: &[usize], dimension: usize, value: impl Fn(usize) -> T) -> Array {
        let inner: usize = shape[dimension + 1..].iter().product();
        let outer: usize = shape[..dimension].iter().product();
        let mut out = Vec::with_capacity(shape.iter().product());
        for _ in 0..outer {
            for i in 0..shape[dimension] {
                out.extend(std::iter::repeat_n(value(i), inner));
            }
        }
        Array::from_elements(shape, out)
    }
    // The casts wrap around integer types too narrow for the axis, as JAX does (rule N28).
    match dtype {
        DType::Bool => Array::zeros(dtype, shape),
        DType::U8 => count(shape, dimension, |i| i as u8),
        DType::U16 => count(shape, dimension, |i| i as u16),
        DType::U32 => count(shape, dimension, |i| i as u32),
        DType::U64 => count(shape, dimension, |i| i as u64),
        DType::I8 => count(shape, dimension, |i| i as i8),
        DType::I16 => count(shape, dimension, |i| i as i16),
        DType::I32 => count(shape, dimension, |i| i as i32),
        DType::I64 => count(shape, dimension, |i| i as i64),
        DType::BF16 | DType::F16 | DType::C64 | DType::C128 => without_kernels(),
        DType::F32 => count(shape, dimension, |i| i as f32),
        DType::F64 => count(shape, dimension, |i| i as f64),
    }
}
