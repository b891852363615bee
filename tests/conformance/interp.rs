//! From equations in JSON to calls of the public API.

use std::collections::HashMap;
use std::rc::Rc;

use elimap::prelude::*;
use elimap::{AxisNames, CallLog, DotDims, Error, IntoAxes, Triangle, all_gather, ppermute};
use serde_json::Value;

use crate::case::{Function, VmapSpec, decode_array, decode_axes, is_array};
use crate::host;

#[path = "derivatives.rs"]
mod derivatives;
#[path = "structured.rs"]
mod structured;
#[path = "vocabulary.rs"]
mod vocabulary;
#[path = "wide/mod.rs"]
mod wide;

type Scope = Rc<HashMap<String, TreeValue>>;
type Fun = Rc<dyn Fn(TreeValue) -> Result<TreeValue, Error>>;

/// Something the runner itself cannot make sense of.
#[derive(Debug)]
pub(crate) struct Unsupported(pub(crate) String);

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Unsupported {}

fn unsupported(message: impl Into<String>) -> Error {
    Error::function(Unsupported(message.into()))
}

/// What all functions of a case share: where host calls are written down, and whether its operations are those of the wide
/// vocabulary.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) calls: CallLog,
    pub(crate) wide: bool,
    /// Whether types of 64 bits are off, so that new arrays are of 32.
    pub(crate) narrow: bool,
}

/// A case's function: takes a tuple of arguments.
pub(crate) fn function(spec: &Function, scope: &Scope, log: &Session) -> Fun {
    let (spec, scope, log) = (Rc::new(spec.clone()), scope.clone(), log.clone());
    Rc::new(move |args| {
        let mut scope: HashMap<String, TreeValue> = (*scope).clone();
        let TreeValue::Tuple(args) = args else {
            return Err(unsupported("arguments come as a tuple"));
        };
        if args.len() != spec.args.len() {
            return Err(unsupported(format!(
                "{} arguments for {}",
                args.len(),
                spec.args.len()
            )));
        }
        scope.extend(spec.args.iter().cloned().zip(args));
        for equation in &spec.body {
            let results = Equation {
                json: equation,
                scope: &scope,
                log: &log,
            }
            .run()?;
            match &equation["out"] {
                Value::String(name) => {
                    let [value] = <[TreeValue; 1]>::try_from(results)
                        .map_err(|_| unsupported("one result expected"))?;
                    scope.insert(name.clone(), value);
                }
                Value::Array(names) => {
                    for (name, value) in names.iter().filter_map(Value::as_str).zip(results) {
                        scope.insert(name.to_owned(), value);
                    }
                }
                other => return Err(unsupported(format!("out is {other}"))),
            }
        }
        tree(&spec.result, &scope)
    })
}

/// A function under one vmap.
pub(crate) fn mapped(f: Fun, spec: &VmapSpec) -> Result<Fun, Error> {
    // Arguments travel as one tuple, so a tuple of in_axes describes that one argument.
    let in_axes = match decode_axes(&spec.in_axes).map_err(unsupported)? {
        axes @ (elimap::Axes::Tuple(_) | elimap::Axes::List(_) | elimap::Axes::Dict(_)) => {
            (axes,).into_axes()
        }
        axis => axis,
    };
    let out_axes = decode_axes(&spec.out_axes).map_err(unsupported)?;
    let (axis_size, axis_name) = (spec.axis_size, spec.axis_name.clone());
    Ok(Rc::new(move |args| {
        let f = f.clone();
        let mut f = vmap(move |args: TreeValue| f(args))
            .in_axes(in_axes.clone())
            .out_axes(out_axes.clone());
        if let Some(size) = axis_size {
            f = f.axis_size(size);
        }
        if let Some(name) = &axis_name {
            f = f.axis_name(name);
        }
        f.call((args,))
    }))
}

fn tree(json: &Value, scope: &HashMap<String, TreeValue>) -> Result<TreeValue, Error> {
    Ok(match json {
        Value::String(path) => read(path, scope)?,
        Value::Null => TreeValue::None,
        Value::Array(items) => TreeValue::Tuple(
            items
                .iter()
                .map(|v| tree(v, scope))
                .collect::<Result<_, _>>()?,
        ),
        value if is_array(value) => Tensor::from(decode_array(value).map_err(unsupported)?).into(),
        Value::Object(items) => TreeValue::Dict(
            items
                .iter()
                .map(|(k, v)| Ok((k.clone(), tree(v, scope)?)))
                .collect::<Result<_, Error>>()?,
        ),
        other => return Err(unsupported(format!("{other} is not a tree"))),
    })
}

/// A name, or a path into a tree such as `p/w/0`.
fn read(path: &str, scope: &HashMap<String, TreeValue>) -> Result<TreeValue, Error> {
    let missing = || unsupported(format!("unknown name {path:?}"));
    let mut steps = path.split('/');
    let mut value = steps
        .next()
        .and_then(|name| scope.get(name))
        .ok_or_else(missing)?;
    for step in steps {
        value = match value {
            TreeValue::Dict(items) => items.get(step),
            TreeValue::Tuple(items) | TreeValue::List(items) => {
                step.parse().ok().and_then(|i: usize| items.get(i))
            }
            _ => None,
        }
        .ok_or_else(missing)?;
    }
    Ok(value.clone())
}

struct Names(Vec<String>);
impl AxisNames for &Names {
    fn names(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

struct Equation<'a> {
    json: &'a Value,
    scope: &'a HashMap<String, TreeValue>,
    log: &'a Session,
}

impl Equation<'_> {
    fn value(&self, json: &Value) -> Result<TreeValue, Error> {
        match json {
            Value::Bool(x) => Ok(Tensor::from(*x).into()),
            Value::Number(n) => match n.as_i64() {
                Some(x) if !n.is_f64() => Ok(Tensor::from(x).into()),
                _ => Ok(Tensor::from(n.as_f64().unwrap_or(f64::NAN)).into()),
            },
            other => tree(other, self.scope),
        }
    }

    fn values(&self, key: &str) -> Result<Vec<TreeValue>, Error> {
        self.json[key]
            .as_array()
            .into_iter()
            .flatten()
            .map(|v| self.value(v))
            .collect()
    }

    fn tensors(&self, key: &str) -> Result<Vec<Tensor>, Error> {
        self.values(key)?
            .into_iter()
            .map(|v| match v {
                TreeValue::Leaf(tensor) => Ok(tensor),
                other => Err(unsupported(format!("{other:?} is not a tensor"))),
            })
            .collect()
    }

    fn ints<T: TryFrom<i64>>(&self, key: &str) -> Result<Vec<T>, Error> {
        let list = self.json[key]
            .as_array()
            .ok_or_else(|| unsupported(format!("{key} is missing")))?;
        list.iter()
            .map(|v| {
                v.as_i64()
                    .and_then(|x| T::try_from(x).ok())
                    .ok_or_else(|| unsupported(format!("{key}: {v}")))
            })
            .collect()
    }

    fn int(&self, key: &str) -> Result<isize, Error> {
        self.json[key]
            .as_i64()
            .map(|x| x as isize)
            .ok_or_else(|| unsupported(format!("{key} is missing")))
    }

    fn flag(&self, key: &str) -> bool {
        self.json[key].as_bool().unwrap_or(false)
    }

    fn dtype(&self, json: &Value) -> Result<DType, Error> {
        let name = json["dtype"].as_str().unwrap_or("");
        DType::from_name(name).ok_or_else(|| unsupported(format!("unknown dtype {name:?}")))
    }

    fn axis_names(&self) -> Names {
        Names(match &self.json["axis_name"] {
            Value::Array(names) => names
                .iter()
                .filter_map(|n| n.as_str().map(str::to_owned))
                .collect(),
            name => name.as_str().map(str::to_owned).into_iter().collect(),
        })
    }

    fn function(&self, key: &str) -> Result<Fun, Error> {
        self.function_from(&self.json[key])
    }

    fn function_from(&self, json: &Value) -> Result<Fun, Error> {
        let spec: Function =
            serde_json::from_value(json.clone()).map_err(|e| unsupported(e.to_string()))?;
        Ok(function(&spec, &Rc::new(self.scope.clone()), self.log))
    }

    fn run(&self) -> Result<Vec<TreeValue>, Error> {
        let op = self.json["op"].as_str().unwrap_or("");
        if let Some(results) = self.structured(op)? {
            return Ok(results);
        }
        if self.log.wide
            && let Some(results) = wide::run(self, op)?
        {
            return Ok(results.into_iter().map(TreeValue::from).collect());
        }
        let a = self.tensors("args")?;
        let result = match (self.elementwise(op, &a)?, a.first()) {
            (Some(result), _) => result,
            (None, first) => {
                let results = match self.array_op(op, &a, first)? {
                    Some(results) => results,
                    None => vocabulary::run(op, self.json, &a)?
                        .ok_or_else(|| unsupported(format!("unknown op {op:?}")))?,
                };
                return Ok(results.into_iter().map(TreeValue::from).collect());
            }
        };
        Ok(vec![result.check()?.into()])
    }

    fn elementwise(&self, op: &str, a: &[Tensor]) -> Result<Option<Tensor>, Error> {
        let unary = || {
            a.first()
                .ok_or_else(|| unsupported(format!("{op} without operands")))
        };
        let binary = || match a {
            [x, y] => Ok((x, y)),
            _ => Err(unsupported(format!("{op} takes two operands"))),
        };
        macro_rules! unary { ($($name:literal => $f:expr),* $(,)?) => { match op { $($name => { let f: fn(&Tensor) -> Tensor = $f; return Ok(Some(f(unary()?))) })* _ => {} } } }
        macro_rules! binary { ($($name:literal => $f:expr),* $(,)?) => { match op { $($name => { let f: fn(&Tensor, &Tensor) -> Tensor = $f; let (x, y) = binary()?; return Ok(Some(f(x, y))) })* _ => {} } } }
        unary! {
            "neg" => |x| -x, "abs" => Tensor::abs, "sign" => Tensor::sign, "jnp.sign" => Tensor::sign, "exp" => Tensor::exp, "log" => Tensor::ln,
            "expm1" => Tensor::expm1, "log1p" => Tensor::log1p, "sin" => Tensor::sin, "cos" => Tensor::cos,
            "tan" => Tensor::tan, "tanh" => Tensor::tanh, "sqrt" => Tensor::sqrt, "rsqrt" => Tensor::rsqrt,
            "floor" => Tensor::floor, "ceil" => Tensor::ceil, "logistic" => Tensor::logistic,
            "square" => Tensor::square, "not" => |x| !x, "is_finite" => Tensor::is_finite, "erf" => Tensor::erf,
            "lgamma" => Tensor::lgamma, "round_half_even" => Tensor::round, "exp2" => Tensor::exp2,
            "asin" => Tensor::asin, "acos" => Tensor::acos, "atan" => Tensor::atan, "sinh" => Tensor::sinh,
            "cosh" => Tensor::cosh, "asinh" => Tensor::asinh, "acosh" => Tensor::acosh, "atanh" => Tensor::atanh,
            "cbrt" => Tensor::cbrt, "erfc" => Tensor::erfc, "erf_inv" => Tensor::erf_inv,
            "digamma" => Tensor::digamma, "population_count" => Tensor::population_count, "clz" => Tensor::clz,
            "round" => Tensor::round_half_away,
        }
        binary! {
            "add" => |x, y| x + y, "sub" => |x, y| x - y, "mul" => |x, y| x * y, "div" => |x, y| x / y,
            "pow" => |x, y| x.pow(y), "max" => |x, y| x.maximum(y), "min" => |x, y| x.minimum(y),
            "rem" => |x, y| x.lax_rem(y), "atan2" => |x, y| x.atan2(y), "eq" => |x, y| x.equal(y),
            "ne" => |x, y| x.not_equal(y), "lt" => |x, y| x.less(y), "le" => |x, y| x.less_equal(y),
            "gt" => |x, y| x.greater(y), "ge" => |x, y| x.greater_equal(y), "and" => |x, y| x & y,
            "or" => |x, y| x | y, "xor" => |x, y| x ^ y, "floor_div" => |x, y| x.floor_divide(y),
            "nextafter" => |x, y| x.nextafter(y), "polygamma" => |x, y| x.polygamma(y), "shift_left" => |x, y| x.shift_left(y),
            "shift_right_arithmetic" => |x, y| x.shift_right_arithmetic(y),
            "shift_right_logical" => |x, y| x.shift_right_logical(y), "outer" => |x, y| elimap::outer(x, y),
        }
        Ok(None)
    }

    fn array_op(
        &self,
        op: &str,
        a: &[Tensor],
        first: Option<&Tensor>,
    ) -> Result<Option<Vec<Tensor>>, Error> {
        let x = || first.ok_or_else(|| unsupported(format!("{op} without operands")));
        let json = self.json;
        let axes = |x: &Tensor| -> Result<Vec<isize>, Error> {
            if json["axes"].is_null() {
                Ok((0..x.rank() as isize).collect())
            } else {
                self.ints("axes")
            }
        };
        let triples = |key: &str| -> Vec<(i64, i64, usize)> {
            let item = |t: &Value, i: usize| t[i].as_i64().unwrap_or(0);
            json[key]
                .as_array()
                .into_iter()
                .flatten()
                .map(|t| (item(t, 0), item(t, 1), item(t, 2) as usize))
                .collect()
        };
        let list = |v: &Value| -> elimap::Shape {
            v.as_array()
                .into_iter()
                .flatten()
                .filter_map(|n| n.as_u64().map(|n| n as usize))
                .collect()
        };
        let one = |t: Tensor| Ok(Some(vec![t.check()?]));
        match op {
            "reduce_sum" => one(x()?.sum(axes(x()?)?)),
            "reduce_prod" => one(x()?.prod(axes(x()?)?)),
            "reduce_max" => one(x()?.max(axes(x()?)?)),
            "reduce_min" => one(x()?.min(axes(x()?)?)),
            "reduce_and" => one(x()?.all(axes(x()?)?)),
            "reduce_or" => one(x()?.any(axes(x()?)?)),
            "cumsum" => one(x()?.cumsum(self.int("axis")?, self.flag("reverse"))),
            "cumprod" => one(x()?.cumprod(self.int("axis")?, self.flag("reverse"))),
            "cummax" => one(x()?.cummax(self.int("axis")?, self.flag("reverse"))),
            "cummin" => one(x()?.cummin(self.int("axis")?, self.flag("reverse"))),
            "cumlogsumexp" => one(x()?.cumlogsumexp(self.int("axis")?, self.flag("reverse"))),
            "argmax" => one(x()?.argmax(self.int("axis")?)),
            "argmin" => one(x()?.argmin(self.int("axis")?)),
            "psum" => one(elimap::psum(x()?, &self.axis_names())?),
            "pmean" => one(elimap::pmean(x()?, &self.axis_names())?),
            "pmax" => one(elimap::pmax(x()?, &self.axis_names())?),
            "pmin" => one(elimap::pmin(x()?, &self.axis_names())?),
            "axis_index" => one(elimap::axis_index(&self.axis_names())?),
            "axis_size" => one(Tensor::from(elimap::axis_size(&self.axis_names())? as i64)),
            "all_gather" => one(all_gather(
                x()?,
                &self.axis_names(),
                json["axis"].as_i64().unwrap_or(0) as isize,
                self.flag("tiled"),
            )?),
            "ppermute" => {
                let pair = |p: &Value| {
                    (
                        p[0].as_u64().unwrap_or(0) as usize,
                        p[1].as_u64().unwrap_or(0) as usize,
                    )
                };
                let pairs: Vec<_> = json["perm"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(pair)
                    .collect();
                one(ppermute(x()?, &self.axis_names(), &pairs)?)
            }
            "integer_pow" => one(x()?.integer_pow(self.int("y")? as i32)),
            "convert" => one(x()?.astype(self.dtype(json)?)),
            "select" => match a {
                [c, x, y] => one(where_(c, x, y)),
                _ => Err(unsupported("select takes three operands")),
            },
            "clamp" => match a {
                [lo, x, hi] => one(x.clamp(lo, hi)),
                _ => Err(unsupported("clamp takes three operands")),
            },
            "reshape" => one(x()?.reshape(self.ints::<isize>("shape")?)),
            "transpose" => one(x()?.transpose(self.ints::<isize>("perm")?)),
            "broadcast_in_dim" => {
                one(x()?
                    .broadcast_in_dim(self.ints::<usize>("shape")?, self.ints::<usize>("dims")?))
            }
            "expand_dims" => one(x()?.expand_dims(self.ints::<isize>("dims")?)),
            "squeeze" => one(x()?.squeeze(self.ints::<isize>("dims")?)),
            "concatenate" => one(concatenate(a, self.int("axis")?)?),
            "pad" => match a {
                [x, value] => one(x.pad(value, triples("config"))),
                _ => Err(unsupported("pad takes two operands")),
            },
            "rev" => one(x()?.rev(self.ints::<isize>("dims")?)),
            "slice" => {
                let mut slicing = Slicing::new(list(&json["start"]), list(&json["limit"]));
                if !json["strides"].is_null() {
                    slicing = slicing.strides(list(&json["strides"]));
                }
                one(x()?.slice(slicing))
            }
            "dynamic_slice" => one(x()?.dynamic_slice(&a[1..], self.ints::<usize>("sizes")?)),
            "dynamic_update_slice" if a.len() >= 2 => {
                one(x()?.dynamic_update_slice(&a[1], &a[2..]))
            }
            "take" if a.len() == 2 => {
                let mode = match json["mode"].as_str().unwrap_or("fill") {
                    "clip" => TakeMode::Clip,
                    "wrap" => TakeMode::Wrap,
                    _ => TakeMode::Fill,
                };
                one(x()?.take(&a[1], self.int("axis")?, mode))
            }
            "scatter_add" if a.len() == 3 => one(x()?.at(&a[1]).add(&a[2])),
            "scatter_set" if a.len() == 3 => one(x()?.at(&a[1]).set(&a[2])),
            "scatter_mul" if a.len() == 3 => one(x()?.at(&a[1]).mul(&a[2])),
            "scatter_min" if a.len() == 3 => one(x()?.at(&a[1]).min(&a[2])),
            "scatter_max" if a.len() == 3 => one(x()?.at(&a[1]).max(&a[2])),
            "iota" => one(iota(
                self.dtype(json)?,
                self.ints::<usize>("shape")?,
                self.int("dimension")? as usize,
            )),
            "dot_general" if a.len() == 2 => {
                let dims = DotDims {
                    lhs_contract: list(&json["contract"][0]),
                    rhs_contract: list(&json["contract"][1]),
                    lhs_batch: list(&json["batch"][0]),
                    rhs_batch: list(&json["batch"][1]),
                };
                one(x()?.dot_general(&a[1], dims))
            }
            "matmul" if a.len() == 2 => one(x()?.matmul(&a[1])),
            "sort" => one(x()?.sort(self.int("axis")?)),
            "argsort" => one(x()?.argsort(self.int("axis")?)),
            "cholesky" => one(x()?.cholesky()),
            "solve" if a.len() == 2 => one(x()?.solve(&a[1])),
            "triangular_solve" if a.len() == 2 => {
                let triangle = if self.flag("lower") {
                    Triangle::LOWER
                } else {
                    Triangle::UPPER
                };
                one(x()?.triangular_solve(&a[1], triangle))
            }
            _ => Ok(None),
        }
    }
}

fn leaf(value: TreeValue) -> Result<Tensor, Error> {
    match value {
        TreeValue::Leaf(tensor) => Ok(tensor),
        // A function that returns one value in a tuple returns that value.
        TreeValue::Tuple(mut items) if items.len() == 1 => leaf(items.remove(0)),
        other => Err(unsupported(format!("{other:?} is not a tensor"))),
    }
}
