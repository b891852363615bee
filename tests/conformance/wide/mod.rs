//! The wide vocabulary: functions by JAX's names, keywords and defaults.

mod complex;
mod fft;
mod lax;
mod linalg;
mod names;
mod numpy;
mod random;
mod reductions;
mod scipy;
mod windows;

use elimap::prelude::*;
use elimap::{Error, TakeMode};
use serde_json::Value;

use super::{Equation, leaf, unsupported};

/// One call: its arrays and its keywords.
pub(super) struct Call<'a> {
    pub(super) equation: &'a Equation<'a>,
    pub(super) json: &'a Value,
}

/// Runs an operation; `None` where no file here knows it.
pub(super) fn run(equation: &Equation<'_>, op: &str) -> Result<Option<Vec<Tensor>>, Error> {
    let call = Call {
        equation,
        json: equation.json,
    };
    for family in [
        complex::run,
        reductions::run,
        numpy::run,
        fft::run,
        lax::run,
        linalg::run,
        random::run,
        scipy::run,
        windows::run,
    ] {
        if let Some(found) = family(&call, op)? {
            return found
                .into_iter()
                .map(Tensor::check)
                .collect::<Result<_, _>>()
                .map(Some);
        }
    }
    Ok(None)
}

impl Call<'_> {
    fn raw(&self, k: usize) -> &Value {
        &self.json["args"][k]
    }

    /// How many arguments there are.
    fn count(&self) -> usize {
        self.json["args"].as_array().map_or(0, Vec::len)
    }

    fn tensor_of(&self, json: &Value) -> Result<Tensor, Error> {
        leaf(self.equation.value(json)?)
    }

    /// An argument.
    fn arg(&self, k: usize) -> Result<Tensor, Error> {
        self.tensor_of(self.raw(k))
    }

    /// An argument that may be missing.
    fn maybe(&self, k: usize) -> Result<Option<Tensor>, Error> {
        match self.raw(k) {
            Value::Null => Ok(None),
            json => self.tensor_of(json).map(Some),
        }
    }

    /// An argument that is a sequence of arrays, or all arguments.
    fn list(&self, k: usize) -> Result<Vec<Tensor>, Error> {
        match self.raw(k) {
            Value::Array(items) => items.iter().map(|v| self.tensor_of(v)).collect(),
            json => Ok(vec![self.tensor_of(json)?]),
        }
    }

    fn all(&self) -> Result<Vec<Tensor>, Error> {
        (0..self.count()).map(|k| self.arg(k)).collect()
    }

    /// An array given by keyword.
    fn named(&self, key: &str) -> Result<Option<Tensor>, Error> {
        match &self.json["named"][key] {
            Value::Null => Ok(None),
            json => self.tensor_of(json).map(Some),
        }
    }

    /// An argument by position or keyword, or the default.
    fn or_named(&self, k: usize, key: &str, default: f64) -> Result<Tensor, Error> {
        if let Some(given) = self.maybe(k)? {
            return Ok(given);
        }
        if let Some(given) = self.named(key)? {
            return Ok(given);
        }
        Ok(Tensor::from(self.number(key).unwrap_or(default)))
    }

    fn int(&self, key: &str) -> Option<i64> {
        self.json[key].as_i64()
    }

    fn size(&self, key: &str) -> Option<usize> {
        self.json[key].as_u64().map(|n| n as usize)
    }

    fn number(&self, key: &str) -> Option<f64> {
        match &self.json[key] {
            Value::String(s) if s == "inf" => Some(f64::INFINITY),
            Value::String(s) if s == "-inf" => Some(f64::NEG_INFINITY),
            Value::String(s) if s == "nan" => Some(f64::NAN),
            other => other.as_f64(),
        }
    }

    fn text(&self, key: &str, default: &'static str) -> &str {
        self.json[key].as_str().unwrap_or(default)
    }

    fn flag(&self, key: &str, default: bool) -> bool {
        self.json[key].as_bool().unwrap_or(default)
    }

    fn axis(&self, default: isize) -> isize {
        self.json["axis"].as_i64().map_or(default, |a| a as isize)
    }

    /// A keyword that is an axis, several, or `None` for all.
    fn axes(&self, key: &str, rank: usize) -> Vec<isize> {
        match &self.json[key] {
            Value::Array(items) => items
                .iter()
                .filter_map(Value::as_i64)
                .map(|a| a as isize)
                .collect(),
            Value::Number(n) => vec![n.as_i64().unwrap_or(0) as isize],
            _ => (0..rank as isize).collect(),
        }
    }

    fn ints(&self, key: &str) -> Vec<i64> {
        match &self.json[key] {
            Value::Array(items) => items.iter().filter_map(Value::as_i64).collect(),
            Value::Number(n) => n.as_i64().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn sizes(&self, key: &str) -> Vec<usize> {
        self.ints(key).into_iter().map(|n| n as usize).collect()
    }

    fn dtype(&self, key: &str) -> Result<Option<DType>, Error> {
        match self.json[key].as_str() {
            None => Ok(None),
            Some(name) => DType::from_name(name)
                .map(Some)
                .ok_or_else(|| unsupported(format!("unknown dtype {name:?}"))),
        }
    }

    /// The type of new arrays where none is asked for.
    fn dtype_or(&self, key: &str, default: DType) -> Result<DType, Error> {
        let dtype = self.dtype(key)?.unwrap_or(default);
        if !self.equation.log.narrow {
            return Ok(dtype);
        }
        Ok(match dtype {
            DType::F64 => DType::F32,
            DType::C128 => DType::C64,
            DType::I64 => DType::I32,
            DType::U64 => DType::U32,
            other => other,
        })
    }

    fn mode(&self) -> TakeMode {
        match self.text("mode", "fill") {
            "clip" => TakeMode::Clip,
            "wrap" => TakeMode::Wrap,
            _ => TakeMode::Fill,
        }
    }

    /// What a reduction over `axes` made, with axes of length 1 where asked for.
    fn kept(&self, out: Tensor, axes: &[isize], rank: usize) -> Tensor {
        if !self.flag("keepdims", false) {
            return out;
        }
        let axes: Vec<isize> = axes
            .iter()
            .map(|&a| if a < 0 { a + rank as isize } else { a })
            .collect();
        // `None` puts an axis back for each there was.
        out.expand_dims(axes)
    }

    /// A function of one array of the case.
    fn fun(
        &self,
        json: &Value,
    ) -> Result<impl Fn(Vec<Tensor>) -> Result<Vec<Tensor>, Error> + Clone + use<>, Error> {
        let f = self.equation.function_from(json)?;
        Ok(move |args: Vec<Tensor>| {
            let args = args.into_iter().map(TreeValue::from).collect();
            match f(TreeValue::Tuple(args))? {
                TreeValue::Tuple(items) => items.into_iter().map(leaf).collect(),
                value => Ok(vec![leaf(value)?]),
            }
        })
    }
}

fn one(x: Tensor) -> Result<Option<Vec<Tensor>>, Error> {
    Ok(Some(vec![x]))
}
