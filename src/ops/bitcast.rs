//! Bits read as another type: `bitcast_convert_type`.

use smallvec::smallvec;

use crate::array::{Array, DType, Shape, TensorType, without_kernels};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::derivative::without_derivative;
use crate::ops::rule::{Batched, DataRules, Emit, Outputs, Rules, expect_operands, front_batch};
use crate::program::text::{Given, Shown};
use crate::program::{BitcastConvertType, Op};

impl Rules for BitcastConvertType {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        expect_operands(inputs, 1)?;
        let (from, to) = (inputs[0].dtype, self.dtype);
        let refuse = |detail: &str| Err(OpErrorKind::dtypes([&inputs[0]], detail));
        if (from == DType::Bool) != (to == DType::Bool) {
            return refuse("truth values have no bits to read as numbers; convert with astype");
        }
        if from.is_complex() || to.is_complex() {
            return refuse(
                "complex numbers are no runs of bits; take their parts with real and imag",
            );
        }
        let mut shape: Shape = inputs[0].shape.clone();
        if from.size() > to.size() {
            shape.push(from.size() / to.size());
        } else if from.size() < to.size() {
            let parts = to.size() / from.size();
            if shape.last() != Some(&parts) {
                return refuse(&format!(
                    "an element of {to} takes {parts} of these along the last axis"
                ));
            }
            shape.pop();
        }
        Ok(smallvec![TensorType::new(to, shape)])
    }

    // In front, where neither an axis of parts that goes nor one that comes is met.
    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        front_batch(cx, inputs, self.clone())
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown.show("new_dtype", self.dtype);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let dtype = given.dtype("new_dtype")?;
        Ok(BitcastConvertType { dtype }.into())
    }
}

impl DataRules for BitcastConvertType {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        let bytes = bytes_of(&inputs[0]);
        let shape = match self.infer(&[inputs[0].ty()]) {
            Ok(types) => types[0].shape.clone(),
            Err(_) => Shape::new(),
        };
        smallvec![from_bytes(self.dtype, &shape, &bytes)]
    }
}

without_derivative!(BitcastConvertType);

macro_rules! numbers {
    ($($variant:ident $ty:ty),*) => {
        /// The bytes of all elements, each from its lowest on.
        fn bytes_of(x: &Array) -> Vec<u8> {
            match x.dtype() {
                DType::Bool => x.elements::<bool>().iter().map(|&b| u8::from(b)).collect(),
                $(DType::$variant => x.elements::<$ty>().iter().flat_map(|e| e.to_le_bytes()).collect(),)*
                DType::BF16 | DType::F16 | DType::C64 | DType::C128 => without_kernels(),
            }
        }

        /// The inverse of [`bytes_of`].
        fn from_bytes(dtype: DType, shape: &[usize], bytes: &[u8]) -> Array {
            match dtype {
                DType::Bool => Array::from_elements(shape, bytes.iter().map(|&b| b != 0).collect()),
                $(DType::$variant => {
                    let element = |chunk: &[u8]| {
                        let mut own = [0; size_of::<$ty>()];
                        own.copy_from_slice(chunk);
                        <$ty>::from_le_bytes(own)
                    };
                    Array::from_elements(shape, bytes.chunks_exact(size_of::<$ty>()).map(element).collect())
                })*
                DType::BF16 | DType::F16 | DType::C64 | DType::C128 => without_kernels(),
            }
        }
    };
}
numbers!(U8 u8, U16 u16, U32 u32, U64 u64, I8 i8, I16 i16, I32 i32, I64 i64, F32 f32, F64 f64);
