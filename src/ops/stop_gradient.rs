//! What derivatives do not see through: `stop_gradient`.

use smallvec::smallvec;

use crate::array::{Array, TensorType};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::derivative::without_derivative;
use crate::ops::rule::{Batched, DataRules, Emit, Outputs, Rules, expect_operands, unary_batch};
use crate::program::text::{Given, Shown};
use crate::program::{Op, StopGradient};

impl Rules for StopGradient {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        expect_operands(inputs, 1)?;
        Ok(smallvec![inputs[0].clone()])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        unary_batch(cx, inputs, |dim| (StopGradient, dim))
    }

    fn params(&self, _shown: &mut Shown<'_>) {}

    fn parse(_name: &str, _given: &mut Given<'_>) -> Result<Op, ParseError> {
        Ok(StopGradient.into())
    }
}

impl DataRules for StopGradient {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![inputs[0].clone()]
    }
}

without_derivative!(StopGradient);
