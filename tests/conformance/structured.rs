//! Callbacks, transforms and control flow, whose operands are functions.

use std::rc::Rc;

use elimap::Axes;
use elimap::prelude::*;

use super::{Equation, Function, Value, VmapSpec, function, host, leaf, mapped, unsupported};

impl Equation<'_> {
    /// Callbacks, transforms and control flow.
    pub(super) fn structured(&self, op: &str) -> Result<Option<Vec<TreeValue>>, Error> {
        let tuple = |v: TreeValue| match v {
            TreeValue::Tuple(items) => items,
            other => vec![other],
        };
        let out = |v: TreeValue| {
            if self.json["out"].is_array() {
                tuple(v)
            } else {
                vec![v]
            }
        };
        Ok(Some(match op {
            "callback" | "io_callback" | "debug_callback" => {
                let name = self.json["fn"].as_str().unwrap_or("identity");
                let host = host::find(name)
                    .ok_or_else(|| unsupported(format!("unknown host function {name:?}")))?;
                let looks = op == "debug_callback";
                let results = self.types(&self.json["result"])?;
                let host = move |args: &[Array]| match looks {
                    true => Ok(Vec::new()),
                    false => host(args),
                };
                let mut callback = Callback::new(name, results, host).log(&self.log.calls);
                if looks {
                    callback = callback.debug();
                } else if op == "io_callback" {
                    callback = callback.io(self.flag("ordered"));
                } else if let Some(method) = self.json["method"].as_str() {
                    callback = callback.vmap_method(method.parse().map_err(Error::function)?);
                }
                self.with_derivative(callback, self.json)?
                    .call_vec(TreeValue::Tuple(self.values("args")?))?
                    .into_iter()
                    .map(TreeValue::from)
                    .collect()
            }
            "vmap" => {
                let spec: VmapSpec = serde_json::from_value(self.json.clone())
                    .map_err(|e| unsupported(e.to_string()))?;
                out(mapped(self.function("fun")?, &spec)?(TreeValue::Tuple(
                    self.values("args")?,
                ))?)
            }
            "jit" => {
                let f = self.function("fun")?;
                out(jit(move |args: TreeValue| f(args))
                    .call((TreeValue::Tuple(self.values("args")?),))?)
            }
            "custom_vmap" => out(self.custom()?),
            "pmap" => {
                pmap(self.function("fun")?)?;
                Vec::new()
            }
            "cond" => {
                let mut args = self.tensors("args")?;
                let predicate = args.remove(0);
                let (on_true, on_false) = (self.function("true")?, self.function("false")?);
                let operands = TreeValue::Tuple(args.into_iter().map(TreeValue::from).collect());
                out(cond(
                    predicate,
                    move |a: TreeValue| on_true(a),
                    move |a: TreeValue| on_false(a),
                    (operands,),
                )?)
            }
            "switch" => {
                let mut args = self.tensors("args")?;
                let index = args.remove(0);
                let branches = self.json["branches"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|b| self.function_from(b))
                    .collect::<Result<Vec<_>, _>>()?;
                let closures: Vec<_> = branches
                    .into_iter()
                    .map(|f| move |a: TreeValue| f(a))
                    .collect();
                let refs: Vec<&dyn elimap::Func<(TreeValue,), Out = TreeValue>> =
                    closures.iter().map(|c| c as _).collect();
                let operands = TreeValue::Tuple(args.into_iter().map(TreeValue::from).collect());
                out(switch(index, &refs, (operands,))?)
            }
            "while" => {
                let (test, body) = (self.function("cond")?, self.function("body")?);
                let init = TreeValue::Tuple(self.values("args")?);
                tuple(while_loop(
                    move |c: TreeValue| leaf(test(c)?),
                    move |c: TreeValue| body(c),
                    init,
                )?)
            }
            "fori" => {
                let body = self.function("body")?;
                let (lower, upper) = (
                    self.value(&self.json["lower"])?,
                    self.value(&self.json["upper"])?,
                );
                let step = move |i: Tensor, c: TreeValue| -> Result<TreeValue, Error> {
                    let TreeValue::Tuple(carry) = c else {
                        return Err(unsupported("the carry is a tuple"));
                    };
                    body(TreeValue::Tuple(
                        std::iter::once(TreeValue::from(i)).chain(carry).collect(),
                    ))
                };
                tuple(fori_loop(
                    leaf(lower)?,
                    leaf(upper)?,
                    step,
                    TreeValue::Tuple(self.values("args")?),
                )?)
            }
            "scan" => {
                let body = self.function("fun")?;
                let n = self.values("init")?.len();
                let options = ScanOptions::default()
                    .length(self.json["length"].as_u64().map(|n| n as usize))
                    .reverse(self.flag("reverse"));
                let step =
                    move |c: TreeValue, x: TreeValue| -> Result<(TreeValue, TreeValue), Error> {
                        let args = [c, x].into_iter().flat_map(|v| match v {
                            TreeValue::Tuple(items) => items,
                            other => vec![other],
                        });
                        let TreeValue::Tuple(mut results) = body(TreeValue::Tuple(args.collect()))?
                        else {
                            return Err(unsupported("a scan body returns a tuple"));
                        };
                        let ys = results.split_off(n.min(results.len()));
                        Ok((TreeValue::Tuple(results), TreeValue::Tuple(ys)))
                    };
                let (carry, ys): (TreeValue, TreeValue) = scan(
                    step,
                    TreeValue::Tuple(self.values("init")?),
                    TreeValue::Tuple(self.values("xs")?),
                    options,
                )?;
                tuple(carry).into_iter().chain(tuple(ys)).collect()
            }
            "map" => {
                let body = self.function("fun")?;
                let batch = self.json["batch_size"].as_u64().map(|n| n as usize);
                let xs = TreeValue::Tuple(self.values("args")?);
                out(elimap::map(move |x: TreeValue| body(x), xs, batch)?)
            }
            _ => return Ok(self.derivative(op)?.map(out)),
        }))
    }

    /// The types a case declares.
    pub(super) fn types(&self, json: &Value) -> Result<Vec<TensorType>, Error> {
        let mut types = Vec::new();
        for result in json.as_array().into_iter().flatten() {
            let shape = result["shape"].as_array().into_iter().flatten();
            let shape = shape.filter_map(Value::as_u64).map(|n| n as usize);
            types.push(TensorType::new(self.dtype(result)?, shape));
        }
        Ok(types)
    }

    /// A function with a batching rule; it closes over nothing, as rules must be fit for any thread.
    fn custom(&self) -> Result<TreeValue, Error> {
        let spec: Function = serde_json::from_value(self.json["fun"].clone())
            .map_err(|e| unsupported(e.to_string()))?;
        let log = self.log.clone();
        let f = move |args: TreeValue| function(&spec, &Rc::default(), &log)(args);
        let args = (TreeValue::Tuple(self.values("args")?),);
        if self.json["rule"].is_object() {
            let rule: Function = serde_json::from_value(self.json["rule"].clone())
                .map_err(|e| unsupported(e.to_string()))?;
            let (f, log) = (self.function("fun")?, self.log.clone());
            let rule = move |_: usize, _: &[bool], (args,): (TreeValue,)| -> Result<_, Error> {
                Ok((function(&rule, &Rc::default(), &log)(args)?, true))
            };
            return elimap::custom_vmap(move |args: TreeValue| f(args))
                .def_vmap::<(TreeValue,), _, _, _>(rule)
                .call(args);
        }
        let negated = match self.json["rule"].as_str() {
            Some("sequential") => {
                return elimap::sequential_vmap(f).call(args);
            }
            rule => rule == Some("negated"),
        };
        let rule = {
            let f = f.clone();
            move |size: usize, batched: &[bool], (args,): (TreeValue,)| -> Result<_, Error> {
                let axes = |&b: &bool| if b { Axes::Axis(0) } else { Axes::None };
                let axes = Axes::Tuple(batched.iter().map(axes).collect());
                let f = f.clone();
                let found = vmap(move |args: TreeValue| f(args))
                    .in_axes((axes,))
                    .axis_size(size)
                    .call((args,))?;
                Ok((if negated { minus(found) } else { found }, true))
            }
        };
        elimap::custom_vmap(f)
            .def_vmap::<(TreeValue,), _, _, _>(rule)
            .call(args)
    }
}

fn minus(value: TreeValue) -> TreeValue {
    match value {
        TreeValue::Leaf(x) => TreeValue::Leaf(-x),
        TreeValue::Tuple(items) => TreeValue::Tuple(items.into_iter().map(minus).collect()),
        other => other,
    }
}
