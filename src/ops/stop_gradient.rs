//! What derivatives do not see through: `stop_gradient`.

use smallvec::smallvec;

use crate::array::{Array, TensorType};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::rule::{
    Batched, DataRules, Derivative, Emit, LinearInput, Outputs, Rules, Tangents, expect_operands,
    unary_batch,
};
use crate::program::text::{Given, Shown};
use crate::program::{Atom, Op, StopGradient};

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

impl Derivative for StopGradient {
    fn jvp(
        &self,
        _cx: &mut dyn Tangents,
        _primals: &[Atom],
        _results: &[Atom],
        _tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        Ok(smallvec![None])
    }

    fn transpose(
        &self,
        _cx: &mut dyn Tangents,
        _cotangents: &[Option<Atom>],
        _inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        Ok(smallvec![None])
    }
}
