//! Arrays in the formats of serde: `{"dtype", "shape", "data"}`.
//!
//! This is for arrays among other data; large ones are better in `.npy` files. Numbers stand row by row, of a complex number the real
//! part before the imaginary one; what is not finite is the text `nan`, `inf` or `-inf`, for which JSON has no numbers.

use std::fmt;

use half::{bf16, f16};
use num_complex::Complex;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Array, DType, Shape, bf16_from, dispatch, f16_from};

impl Serialize for DType {
    /// By numpy's name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for DType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DType, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = || DType::ALL.map(DType::name).join(", ");
        DType::from_name(&name).ok_or_else(|| {
            D::Error::custom(format!(
                "unknown element type {name:?}; there are {}",
                known()
            ))
        })
    }
}

/// One number, or what stands for it.
#[derive(Clone, Copy)]
enum Number {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Single(f32),
    Double(f64),
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let special = |x: f64| match x {
            x if x.is_nan() => "nan",
            x if x > 0.0 => "inf",
            _ => "-inf",
        };
        match *self {
            Number::Bool(x) => serializer.serialize_bool(x),
            Number::Unsigned(x) => serializer.serialize_u64(x),
            Number::Signed(x) => serializer.serialize_i64(x),
            Number::Single(x) if x.is_finite() => serializer.serialize_f32(x),
            Number::Single(x) => serializer.serialize_str(special(x.into())),
            Number::Double(x) if x.is_finite() => serializer.serialize_f64(x),
            Number::Double(x) => serializer.serialize_str(special(x)),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, true, false, \"nan\", \"inf\" or \"-inf\"")
            }
            fn visit_bool<E>(self, x: bool) -> Result<Number, E> {
                Ok(Number::Bool(x))
            }
            fn visit_u64<E>(self, x: u64) -> Result<Number, E> {
                Ok(Number::Unsigned(x))
            }
            fn visit_i64<E>(self, x: i64) -> Result<Number, E> {
                Ok(Number::Signed(x))
            }
            fn visit_f64<E>(self, x: f64) -> Result<Number, E> {
                Ok(Number::Double(x))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                match text {
                    "nan" => Ok(Number::Double(f64::NAN)),
                    "inf" => Ok(Number::Double(f64::INFINITY)),
                    "-inf" => Ok(Number::Double(f64::NEG_INFINITY)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// An element type as numbers.
trait Stored: Sized {
    /// How many numbers an element is.
    const NUMBERS: usize = 1;
    fn store(self, out: &mut Vec<Number>);
    /// None where the numbers do not belong to the type.
    fn restore(numbers: &[Number]) -> Option<Self>;
}

impl Stored for bool {
    fn store(self, out: &mut Vec<Number>) {
        out.push(Number::Bool(self));
    }
    fn restore(numbers: &[Number]) -> Option<bool> {
        match numbers {
            [Number::Bool(x)] => Some(*x),
            _ => None,
        }
    }
}

macro_rules! integers {
    ($($variant:ident $($ty:ty)*);*) => {$($(
        impl Stored for $ty {
            fn store(self, out: &mut Vec<Number>) {
                out.push(Number::$variant(self.into()));
            }
            fn restore(numbers: &[Number]) -> Option<$ty> {
                match *numbers {
                    [Number::Unsigned(x)] => x.try_into().ok(),
                    [Number::Signed(x)] => x.try_into().ok(),
                    _ => None,
                }
            }
        }
    )*)*};
}
integers!(Unsigned u8 u16 u32 u64; Signed i8 i16 i32 i64);

macro_rules! floats {
    ($($ty:ty, $store:expr, $restore:expr);*) => {$(
        impl Stored for $ty {
            fn store(self, out: &mut Vec<Number>) {
                out.push($store(self));
            }
            fn restore(numbers: &[Number]) -> Option<$ty> {
                match *numbers {
                    [Number::Double(x)] => Some($restore(x)),
                    [Number::Single(x)] => Some($restore(f64::from(x))),
                    [Number::Unsigned(x)] => Some($restore(x as f64)),
                    [Number::Signed(x)] => Some($restore(x as f64)),
                    _ => None,
                }
            }
        }
    )*};
}
floats!(
    bf16, |x: bf16| Number::Single(x.to_f32()), bf16_from;
    f16, |x: f16| Number::Single(x.to_f32()), f16_from;
    f32, Number::Single, |x| x as f32;
    f64, Number::Double, |x| x
);

impl<T: Stored> Stored for Complex<T> {
    const NUMBERS: usize = 2;
    fn store(self, out: &mut Vec<Number>) {
        self.re.store(out);
        self.im.store(out);
    }
    fn restore(numbers: &[Number]) -> Option<Complex<T>> {
        let (re, im) = numbers.split_at_checked(1)?;
        Some(Complex::new(T::restore(re)?, T::restore(im)?))
    }
}

#[derive(Serialize, Deserialize)]
struct Layout {
    dtype: DType,
    shape: Shape,
    data: Vec<Number>,
}

/// As `{"dtype": "float64", "shape": [2], "data": [1.0, "nan"]}`.
///
/// ```
/// use elimap::Array;
/// let x = Array::from(vec![1.5_f32, f32::NAN]);
/// let text = serde_json::to_string(&x).unwrap();
/// assert_eq!(text, r#"{"dtype":"float32","shape":[2],"data":[1.5,"nan"]}"#);
/// assert!(serde_json::from_str::<Array>(&text).unwrap().identical(&x));
/// ```
impl Serialize for Array {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut data = Vec::with_capacity(self.len());
        dispatch!(self.data(), a => a.iter().for_each(|x| x.store(&mut data)));
        let layout = Layout {
            dtype: self.dtype(),
            shape: Shape::from_slice(self.shape()),
            data,
        };
        layout.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Array {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Array, D::Error> {
        let Layout { dtype, shape, data } = Layout::deserialize(deserializer)?;
        super::dispatch_dtype!(dtype, T => {
            let elements = data.chunks(<T as Stored>::NUMBERS).map(<T as Stored>::restore);
            match elements.collect::<Option<Vec<T>>>() {
                Some(elements) => Array::from_vec(shape, elements).map_err(D::Error::custom),
                None => Err(D::Error::custom(format!("the data hold what is no {}", dtype.name()))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_type_comes_back() {
        let all = [
            Array::from(vec![true, false]),
            Array::from(vec![u64::MAX, 0]),
            Array::from(vec![i64::MIN, 3]),
            Array::from(vec![-7_i8, 3]),
            Array::from(vec![0.1, f64::NEG_INFINITY, -0.0]),
            Array::from(vec![0.1_f32, f32::NAN]),
            Array::from(vec![f16::from_f32(0.1), f16::INFINITY]),
            Array::from(vec![bf16::from_f32(-3.25)]),
            Array::from(vec![Complex::new(0.1_f32, f32::NAN)]),
            Array::from(ndarray::array![
                [Complex::new(1.0, -0.5)],
                [Complex::new(0.0, 1e300)]
            ]),
        ];
        for array in all {
            let text = serde_json::to_string(&array).unwrap();
            let again: Array = serde_json::from_str(&text).unwrap();
            assert!(again.identical(&array), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        for (text, reason) in [
            (r#"{"dtype":"uint8","shape":[1],"data":[300]}"#, "no uint8"),
            (r#"{"dtype":"int32","shape":[1],"data":[1.5]}"#, "no int32"),
            (
                r#"{"dtype":"float8","shape":[1],"data":[1]}"#,
                "unknown element type",
            ),
            (r#"{"dtype":"float64","shape":[2],"data":[1]}"#, "(2,)"),
            (
                r#"{"dtype":"float64","shape":[1],"data":["x"]}"#,
                "a number",
            ),
            (
                r#"{"dtype":"complex64","shape":[1],"data":[1]}"#,
                "no complex64",
            ),
        ] {
            let error = serde_json::from_str::<Array>(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
