//! The two forms of case files, and arrays and trees in JSON.

use std::collections::BTreeMap;

use elimap::half::{bf16, f16};
use elimap::num_complex::Complex;
use elimap::{Array, Axes, DType, Tensor, TreeValue};
use serde::Deserialize;
use serde_json::{Value, json};

/// One case: a function, the vmaps around it, its inputs, and what the reference made of it.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    /// Where the case belongs; its family decides the tolerance of the wide vocabulary.
    #[serde(default)]
    pub(crate) group: String,
    /// Whether 64-bit types are on, JAX's `jax_enable_x64`; they are where nothing is said.
    pub(crate) x64: Option<bool>,
    #[serde(default)]
    pub(crate) mode: String,
    pub(crate) inputs: Vec<Value>,
    pub(crate) fun: Function,
    #[serde(default)]
    pub(crate) vmap: Vec<VmapSpec>,
    #[serde(default)]
    pub(crate) expect: Value,
}

#[derive(Deserialize, Clone)]
pub(crate) struct Function {
    pub(crate) args: Vec<String>,
    pub(crate) body: Vec<Value>,
    #[serde(rename = "return")]
    pub(crate) result: Value,
}

#[derive(Deserialize, Clone)]
pub(crate) struct VmapSpec {
    #[serde(default = "axis_zero")]
    pub(crate) in_axes: Value,
    #[serde(default = "axis_zero")]
    pub(crate) out_axes: Value,
    pub(crate) axis_size: Option<usize>,
    pub(crate) axis_name: Option<String>,
}

fn axis_zero() -> Value {
    json!(0)
}

/// Reads either form of case file.
pub(crate) fn read(text: &str) -> Result<Vec<Case>, String> {
    let values: Vec<Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    values
        .into_iter()
        .enumerate()
        .map(|(i, value)| {
            let value = if value.get("nest_innermost_first").is_some() {
                from_vector(i, &value)
            } else {
                value
            };
            serde_json::from_value(value).map_err(|e| format!("case {i}: {e}"))
        })
        .collect()
}

/// A recorded run of a plain callback that adds up its arguments, as a case.
fn from_vector(i: usize, vector: &Value) -> Value {
    let typed = |array: &Value| {
        let mut array = array.clone();
        if array["data"].is_array() && array.get("dtype").is_none() {
            array["dtype"] = json!("float64");
        }
        array
    };
    let inputs: Vec<Value> = vector["args"]
        .as_array()
        .into_iter()
        .flatten()
        .map(typed)
        .collect();
    let names: Vec<String> = (0..inputs.len()).map(|k| format!("x{k}")).collect();
    let nest = vector["nest_innermost_first"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    // The result type is that of one lane: the first argument that is mapped everywhere it can be tells its shape.
    let lane = lane_shape(&inputs, &nest);
    let calls: Vec<Value> = vector["calls"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|args| json!({"fn": "total", "args": args.as_array().into_iter().flatten().map(typed).collect::<Vec<_>>()}))
        .collect();
    let expect = match vector["error"].as_str() {
        Some(text) if text.contains("Incorrect output shape") => json!({"error": "CallbackShape"}),
        Some(_) => json!({"error": "CallbackFailed"}),
        None => json!({"output": typed(&vector["result"]), "calls": calls}),
    };
    json!({
        "id": format!("vector-{i}-{}-{}-{}", vector["case"].as_str().unwrap_or(""), vector["method"].as_str().unwrap_or(""), vector["mode"].as_str().unwrap_or("")),
        "mode": vector["mode"],
        "inputs": inputs,
        "fun": {
            "args": names,
            "body": [{"op": "callback", "fn": "total", "method": vector["method"], "args": names,
                      "result": [{"shape": lane, "dtype": "float64"}], "out": ["r"]}],
            "return": "r",
        },
        "vmap": nest.into_iter().rev().collect::<Vec<_>>(),
        "expect": expect,
    })
}

/// The longest shape left once every mapped axis is removed.
fn lane_shape(inputs: &[Value], nest: &[Value]) -> Vec<i64> {
    let mut shapes: Vec<Vec<i64>> = inputs
        .iter()
        .map(|a| {
            a["shape"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_i64)
                .collect()
        })
        .collect();
    for level in nest.iter().rev() {
        for (k, shape) in shapes.iter_mut().enumerate() {
            if let Some(axis) = level["in_axes"][k].as_i64() {
                let axis = if axis < 0 {
                    axis + shape.len() as i64
                } else {
                    axis
                };
                shape.remove(axis as usize);
            }
        }
    }
    shapes.into_iter().max_by_key(Vec::len).unwrap_or_default()
}

/// Whether a JSON object is an array.
pub(crate) fn is_array(value: &Value) -> bool {
    value.as_object().is_some_and(|o| {
        o.len() == 3
            && ["dtype", "shape", "data"]
                .iter()
                .all(|k| o.contains_key(*k))
    })
}

/// An array from `{"dtype", "shape", "data"}`.
pub(crate) fn decode_array(value: &Value) -> Result<Array, String> {
    let name = value["dtype"].as_str().unwrap_or("");
    let dtype = DType::from_name(name).ok_or_else(|| format!("unknown dtype {name:?}"))?;
    let shape: Vec<usize> = value["shape"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|n| n.as_u64().map(|n| n as usize))
        .collect();
    let data = value["data"].as_array().ok_or("an array without data")?;
    let float = |v: &Value| match v.as_str() {
        Some("nan") => Ok(f64::NAN),
        Some("inf") => Ok(f64::INFINITY),
        Some("-inf") => Ok(f64::NEG_INFINITY),
        _ => v.as_f64().ok_or_else(|| format!("{v} is not a number")),
    };
    fn collect<T>(
        data: &[Value],
        f: impl Fn(&Value) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        data.iter().map(f).collect()
    }
    let int = |v: &Value| {
        v.as_i64()
            .map(i128::from)
            .or_else(|| v.as_u64().map(i128::from))
            .ok_or_else(|| format!("{v} is not an integer"))
    };
    fn pairs<T: Copy>(parts: &[T]) -> Vec<Complex<T>> {
        parts
            .chunks_exact(2)
            .map(|p| Complex::new(p[0], p[1]))
            .collect()
    }
    let array = match dtype {
        DType::Bool => Array::from_vec(
            shape,
            data.iter().map(|v| v.as_bool().unwrap_or(false)).collect(),
        ),
        DType::BF16 => Array::from_vec(shape, collect(data, |v| float(v).map(bf16::from_f64))?),
        DType::F16 => Array::from_vec(shape, collect(data, |v| float(v).map(f16::from_f64))?),
        DType::F32 => Array::from_vec(shape, collect(data, |v| float(v).map(|x| x as f32))?),
        DType::C64 => Array::from_vec(
            shape,
            pairs(&collect(data, |v| float(v).map(|x| x as f32))?),
        ),
        DType::C128 => Array::from_vec(shape, pairs(&collect(data, float)?)),
        DType::F64 => Array::from_vec(shape, data.iter().map(float).collect::<Result<_, _>>()?),
        DType::U8 => Array::from_vec(
            shape,
            data.iter()
                .map(|v| int(v).map(|x| x as u8))
                .collect::<Result<_, _>>()?,
        ),
        DType::U16 => Array::from_vec(
            shape,
            data.iter()
                .map(|v| int(v).map(|x| x as u16))
                .collect::<Result<_, _>>()?,
        ),
        DType::I8 => Array::from_vec(
            shape,
            data.iter()
                .map(|v| int(v).map(|x| x as i8))
                .collect::<Result<_, _>>()?,
        ),
        DType::I16 => Array::from_vec(
            shape,
            data.iter()
                .map(|v| int(v).map(|x| x as i16))
                .collect::<Result<_, _>>()?,
        ),
        DType::U32 => Array::from_vec(
            shape,
            data.iter()
                .map(|v| int(v).map(|x| x as u32))
                .collect::<Result<_, _>>()?,
        ),
        DType::U64 => Array::from_vec(
            shape,
            data.iter()
                .map(|v| int(v).map(|x| x as u64))
                .collect::<Result<_, _>>()?,
        ),
        DType::I32 => Array::from_vec(
            shape,
            data.iter()
                .map(|v| int(v).map(|x| x as i32))
                .collect::<Result<_, _>>()?,
        ),
        DType::I64 => Array::from_vec(
            shape,
            data.iter()
                .map(|v| int(v).map(|x| x as i64))
                .collect::<Result<_, _>>()?,
        ),
        other => return Err(format!("arrays of {other} are not recorded")),
    };
    array.map_err(|e| e.to_string())
}

/// The real and imaginary parts of complex numbers, in turn.
pub(crate) fn parts_of(array: &Array) -> Vec<f64> {
    let wide = match array.to_vec::<Complex<f32>>() {
        Ok(narrow) => narrow
            .into_iter()
            .map(|z| Complex::new(z.re.into(), z.im.into()))
            .collect(),
        Err(_) => array.to_vec::<Complex<f64>>().unwrap_or_default(),
    };
    wide.into_iter().flat_map(|z| [z.re, z.im]).collect()
}

/// An array as `{"dtype", "shape", "data"}`.
pub(crate) fn encode_array(array: &Array) -> Value {
    fn float(x: f64) -> Value {
        if x.is_nan() {
            json!("nan")
        } else if x.is_infinite() {
            json!(if x > 0.0 { "inf" } else { "-inf" })
        } else {
            json!(x)
        }
    }
    fn list<T: elimap::Element>(array: &Array, f: impl Fn(T) -> Value) -> Vec<Value> {
        array
            .to_vec::<T>()
            .unwrap_or_default()
            .into_iter()
            .map(f)
            .collect()
    }
    let data = match array.dtype() {
        DType::Bool => list::<bool>(array, |x| json!(x)),
        DType::U8 => list::<u8>(array, |x| json!(x)),
        DType::U16 => list::<u16>(array, |x| json!(x)),
        DType::I8 => list::<i8>(array, |x| json!(x)),
        DType::I16 => list::<i16>(array, |x| json!(x)),
        DType::U32 => list::<u32>(array, |x| json!(x)),
        DType::U64 => list::<u64>(array, |x| json!(x)),
        DType::I32 => list::<i32>(array, |x| json!(x)),
        DType::I64 => list::<i64>(array, |x| json!(x)),
        DType::BF16 => list::<bf16>(array, |x| float(f64::from(x))),
        DType::F16 => list::<f16>(array, |x| float(f64::from(x))),
        DType::F32 => list::<f32>(array, |x| float(f64::from(x))),
        DType::F64 => list::<f64>(array, float),
        DType::C64 | DType::C128 => parts_of(array).into_iter().map(float).collect(),
        other => vec![json!(format!("arrays of {other} are not recorded"))],
    };
    json!({"dtype": array.dtype().name(), "shape": array.shape(), "data": data})
}

/// A tree: arrays are leaves, lists tuples, objects dictionaries, null is None.
pub(crate) fn decode_tree(value: &Value) -> Result<TreeValue, String> {
    Ok(match value {
        Value::Null => TreeValue::None,
        Value::Array(items) => {
            TreeValue::Tuple(items.iter().map(decode_tree).collect::<Result<_, _>>()?)
        }
        value if is_array(value) => TreeValue::Leaf(Tensor::from(decode_array(value)?)),
        Value::Object(items) => TreeValue::Dict(
            items
                .iter()
                .map(|(k, v)| Ok((k.clone(), decode_tree(v)?)))
                .collect::<Result<BTreeMap<_, _>, String>>()?,
        ),
        other => return Err(format!("{other} is not a tree")),
    })
}

/// The inverse of [`decode_tree`] for concrete trees.
pub(crate) fn encode_tree(value: &TreeValue) -> Result<Value, elimap::Error> {
    Ok(match value {
        TreeValue::Leaf(tensor) => encode_array(&tensor.to_array()?),
        TreeValue::None => Value::Null,
        TreeValue::Tuple(items) | TreeValue::List(items) => {
            Value::Array(items.iter().map(encode_tree).collect::<Result<_, _>>()?)
        }
        TreeValue::Dict(items) => Value::Object(
            items
                .iter()
                .map(|(k, v)| Ok((k.clone(), encode_tree(v)?)))
                .collect::<Result<_, elimap::Error>>()?,
        ),
        TreeValue::Struct(_, items) => Value::Object(
            items
                .iter()
                .map(|(k, v)| Ok((k.clone(), encode_tree(v)?)))
                .collect::<Result<_, elimap::Error>>()?,
        ),
        other => Value::String(format!("{other:?} is not recorded")),
    })
}

/// `in_axes` or `out_axes`: integers and null are leaves, lists tuples, objects dictionaries.
pub(crate) fn decode_axes(value: &Value) -> Result<Axes, String> {
    Ok(match value {
        Value::Null => Axes::None,
        Value::Number(n) => {
            Axes::Axis(n.as_i64().ok_or_else(|| format!("{n} is not an axis"))? as isize)
        }
        Value::Array(items) => {
            Axes::Tuple(items.iter().map(decode_axes).collect::<Result<_, _>>()?)
        }
        Value::Object(items) => Axes::Dict(
            items
                .iter()
                .map(|(k, v)| Ok((k.clone(), decode_axes(v)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => return Err(format!("{other} is not an axes tree")),
    })
}
