//! Operands side by side.

use crate::array::{Array, Shape, TensorType, dispatch_kernel_dtype};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::rule::{Batched, DataRules, Emit, Outputs, Rules, front_batch};
use crate::ops::shape::{addressable, all_weak, check_axes};
use crate::program::text::{Given, Shown};
use crate::program::{Concatenate, Op};
use smallvec::{SmallVec, smallvec};

impl Rules for Concatenate {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let dimension = self.dimension;
        let Some(first) = inputs.first() else {
            return Err(OpErrorKind::OperandCount {
                expected: 1,
                actual: 0,
            });
        };
        check_axes(&[dimension], first.rank())?;
        if inputs.iter().any(|t| t.dtype != first.dtype) {
            return Err(OpErrorKind::dtypes(
                inputs,
                "all operands must have one element type; convert them first",
            ));
        }
        let fits = |t: &TensorType| {
            t.rank() == first.rank()
                && (0..t.rank()).all(|a| a == dimension || t.shape[a] == first.shape[a])
        };
        if !inputs.iter().all(fits) {
            return Err(OpErrorKind::shapes(
                inputs,
                format!("shapes must agree on every axis but axis {dimension}"),
            ));
        }
        let length = inputs
            .iter()
            .try_fold(0usize, |sum, t| sum.checked_add(t.shape[dimension]));
        let mut out = first.clone().with_weak(all_weak(inputs));
        out.shape[dimension] = length.unwrap_or(usize::MAX);
        addressable(out)
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let dimension = self.dimension + 1;
        front_batch(cx, inputs, Concatenate { dimension })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown.show("dimension", self.dimension);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let dimension = given.number("dimension")?;
        Ok(Concatenate { dimension }.into())
    }
}

impl DataRules for Concatenate {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![concatenate(self.dimension, inputs)]
    }
}

fn concatenate(dimension: usize, inputs: &[Array]) -> Array {
    if let [only] = inputs {
        return only.clone();
    }
    let mut shape = Shape::from_slice(inputs[0].shape());
    shape[dimension] = inputs.iter().map(|a| a.shape()[dimension]).sum();
    dispatch_kernel_dtype!(inputs[0].dtype(), T => {
        let outer: usize = shape[..dimension].iter().product();
        let inner: usize = shape[dimension + 1..].iter().product();
        let mut out: Vec<T> = Vec::with_capacity(shape.iter().product());
        let sources: SmallVec<[_; 4]> =
            inputs.iter().map(|a| (a.elements::<T>(), a.shape()[dimension] * inner)).collect();
        for o in 0..outer {
            for (elements, run) in &sources {
                out.extend_from_slice(&elements[o * run..(o + 1) * run]);
            }
        }
        Array::from_elements(&shape, out)
    })
}
