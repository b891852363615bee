//! Derivatives, and functions with derivatives of their own.

use std::rc::Rc;

use elimap::prelude::*;
use elimap::{
    ArgNums, CheckpointPolicy, Residuals, checkpoint, custom_jvp, custom_vjp, grad, hessian,
    jacfwd, jacrev, jvp_has_aux, linearize_has_aux, stop_gradient, value_and_grad, vjp_has_aux,
};
use serde_json::Value;

use super::{Equation, unsupported};
use crate::host;

/// `argnums` as a case gives them: an integer, or a list.
struct Given(Value);

impl<A> ArgNums<A> for Given {
    type Out = TreeValue;
    fn positions(&self, count: usize) -> Result<(Vec<usize>, bool), Error> {
        let int = |v: &Value| v.as_i64().unwrap_or(0) as isize;
        match &self.0 {
            Value::Array(list) => {
                let list: Vec<isize> = list.iter().map(int).collect();
                ArgNums::<A>::positions(&list, count)
            }
            one => ArgNums::<A>::positions(&int(one), count),
        }
    }
}

fn tuple(items: impl IntoIterator<Item = TreeValue>) -> TreeValue {
    TreeValue::Tuple(items.into_iter().collect())
}

fn items(value: TreeValue) -> Result<Vec<TreeValue>, Error> {
    match value {
        TreeValue::Tuple(items) | TreeValue::List(items) => Ok(items),
        other => Err(unsupported(format!("{other:?} is not a tuple"))),
    }
}

fn pair(value: TreeValue) -> Result<(TreeValue, TreeValue), Error> {
    let [a, b] =
        <[TreeValue; 2]>::try_from(items(value)?).map_err(|_| unsupported("a pair expected"))?;
    Ok((a, b))
}

/// The tangents of integers and booleans are `null` in the cases.
fn without_float0(value: TreeValue) -> TreeValue {
    let all = |items: Vec<TreeValue>| items.into_iter().map(without_float0).collect();
    match value {
        TreeValue::Leaf(t) if t.dtype() == DType::Bool => TreeValue::None,
        TreeValue::Tuple(items) => TreeValue::Tuple(all(items)),
        TreeValue::List(items) => TreeValue::List(all(items)),
        TreeValue::Dict(items) => {
            let items = items.into_iter().map(|(k, v)| (k, without_float0(v)));
            TreeValue::Dict(items.collect())
        }
        other => other,
    }
}

impl Equation<'_> {
    fn argnums(&self) -> Given {
        Given(match &self.json["argnums"] {
            Value::Null => Value::from(0),
            given => given.clone(),
        })
    }

    /// Derivatives and what belongs to them.
    pub(super) fn derivative(&self, op: &str) -> Result<Option<TreeValue>, Error> {
        Ok(Some(match op {
            "grad" | "value_and_grad" | "jacfwd" | "jacrev" | "hessian" => self.of_function(op)?,
            "jvp" => {
                let (f, primals) = (self.with_aux()?, tuple(self.values("primals")?));
                let tangents = (tuple(self.values("tangents")?),);
                let (value, tangent, aux) = jvp_has_aux(f, (primals,), tangents)?;
                self.and_aux([value, without_float0(tangent)], aux)
            }
            "linearize" => {
                let (f, primals) = (self.with_aux()?, tuple(self.values("primals")?));
                let (value, push, aux) = linearize_has_aux(f, (primals,))?;
                let mut out = vec![value];
                for tangents in self.json["tangents"].as_array().into_iter().flatten() {
                    let tangents: Vec<TreeValue> = tangents
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|t| self.value(t))
                        .collect::<Result<_, _>>()?;
                    out.push(without_float0(push.call((tuple(tangents),))?));
                }
                self.and_aux(out, aux)
            }
            "vjp" => {
                let (f, primals) = (self.with_aux()?, tuple(self.values("primals")?));
                let (value, pull, aux) = vjp_has_aux(f, (primals,))?;
                let mut out = vec![value];
                for cotangent in self.values("cotangents")? {
                    let (found,): (TreeValue,) = pull.call(cotangent)?;
                    out.push(without_float0(found));
                }
                self.and_aux(out, aux)
            }
            "stop_gradient" => {
                let args = self.values("args")?.into_iter().next();
                stop_gradient(args.ok_or_else(|| unsupported("stop_gradient of nothing"))?)?
            }
            "checkpoint" => {
                let f = self.function("fun")?;
                let mut f = checkpoint(move |args: TreeValue| f(args));
                if let Some(policy) = self.json["policy"].as_str() {
                    f = f.policy(
                        CheckpointPolicy::from_name(policy)
                            .ok_or_else(|| unsupported(format!("unknown policy {policy:?}")))?,
                    );
                }
                f.call((tuple(self.values("args")?),))?
            }
            "custom_jvp" => self.custom_jvp()?,
            "custom_vjp" => self.custom_vjp()?,
            _ => return Ok(None),
        }))
    }

    /// The function, with nothing beside its value where the case has nothing there.
    fn with_aux(
        &self,
    ) -> Result<impl Fn(TreeValue) -> Result<(TreeValue, TreeValue), Error>, Error> {
        let (f, aux) = (self.function("fun")?, self.flag("has_aux"));
        Ok(move |args: TreeValue| {
            let out = f(args)?;
            if aux {
                pair(out)
            } else {
                Ok((out, TreeValue::None))
            }
        })
    }

    /// Results, and what came beside the value where the case has it.
    fn and_aux(&self, found: impl IntoIterator<Item = TreeValue>, aux: TreeValue) -> TreeValue {
        let aux = self.flag("has_aux").then_some(aux);
        tuple(found.into_iter().chain(aux))
    }

    fn of_function(&self, op: &str) -> Result<TreeValue, Error> {
        let (args, f, aux) = (
            self.values("args")?,
            self.function("fun")?,
            self.flag("has_aux"),
        );
        let (argnums, allow_int) = (self.argnums(), self.flag("allow_int"));
        let with = |found: (TreeValue, TreeValue)| {
            let (derivative, beside) = (without_float0(found.0), found.1);
            if aux {
                tuple([derivative, beside])
            } else {
                derivative
            }
        };
        macro_rules! derivative {
            ($function:ident $($option:tt)*) => {
                match args.len() {
                    1 => derivative!(@call a; $function $($option)*),
                    2 => derivative!(@call a b; $function $($option)*),
                    3 => derivative!(@call a b c; $function $($option)*),
                    4 => derivative!(@call a b c d; $function $($option)*),
                    5 => derivative!(@call a b c d e; $function $($option)*),
                    n => Err(unsupported(format!("a derivative of {n} arguments"))),
                }
            };
            (@call $($name:ident)*; $function:ident $($option:tt)*) => {{
                let function = move |$($name: TreeValue),*| {
                    let out = f(tuple([$($name),*]))?;
                    if aux { pair(out) } else { Ok::<_, Error>((out, TreeValue::None)) }
                };
                let mut given = args.into_iter();
                $(let $name = given.next().unwrap_or(TreeValue::None);)*
                $function(function).argnums(argnums).has_aux()$($option)*.call(($($name,)*))
            }};
        }
        Ok(match op {
            "grad" => with(derivative!(grad.allow_int(allow_int))?),
            "jacfwd" => with(derivative!(jacfwd)?),
            "jacrev" => with(derivative!(jacrev)?),
            "hessian" => with(derivative!(hessian)?),
            _ => {
                let ((value, beside), gradient) = derivative!(value_and_grad.allow_int(allow_int))?;
                let value = if aux { tuple([value, beside]) } else { value };
                tuple([value, without_float0(gradient)])
            }
        })
    }

    /// The arguments that are differentiated, and what makes all arguments of them.
    #[allow(clippy::type_complexity)]
    fn differentiable(
        &self,
    ) -> Result<
        (
            Vec<TreeValue>,
            Vec<TreeValue>,
            Rc<dyn Fn(TreeValue) -> Result<TreeValue, Error>>,
        ),
        Error,
    > {
        let fixed: Vec<usize> = match self.json["nondiff_argnums"].is_null() {
            true => Vec::new(),
            false => self.ints("nondiff_argnums")?,
        };
        let all = self.values("args")?;
        let (mut nondiff, mut diff) = (Vec::new(), Vec::new());
        for (k, arg) in all.iter().enumerate() {
            if fixed.contains(&k) {
                nondiff.push(arg.clone());
            } else {
                diff.push(arg.clone());
            }
        }
        let count = all.len();
        let rest = nondiff.clone();
        let merge = move |args: TreeValue| {
            let (mut diff, mut nondiff) = (items(args)?.into_iter(), rest.clone().into_iter());
            let next = |k: usize| match fixed.contains(&k) {
                true => nondiff.next(),
                false => diff.next(),
            };
            Ok(tuple((0..count).filter_map(next)))
        };
        Ok((diff, nondiff, Rc::new(merge)))
    }

    fn custom_jvp(&self) -> Result<TreeValue, Error> {
        let (args, nondiff, merge) = self.differentiable()?;
        let (f, rule) = (self.function("fun")?, self.function("jvp")?);
        custom_jvp(move |args: TreeValue| f(merge(args)?))
            .def_jvp(
                move |(primals,): (TreeValue,), (tangents,): (TreeValue,)| -> Result<_, Error> {
                    let given = nondiff.iter().cloned();
                    let primals = items(primals)?;
                    let tangents = items(without_float0(tangents))?;
                    pair(rule(tuple(given.chain(primals).chain(tangents)))?)
                },
            )
            .call((tuple(args),))
    }

    fn custom_vjp(&self) -> Result<TreeValue, Error> {
        let (args, nondiff, merge) = self.differentiable()?;
        let (f, forward, backward) = (
            self.function("fun")?,
            self.function("fwd")?,
            self.function("bwd")?,
        );
        let all = merge.clone();
        custom_vjp(move |args: TreeValue| f(merge(args)?))
            .def_vjp(
                move |(args,): (TreeValue,)| pair(forward(all(args)?)?),
                move |residuals: TreeValue, cotangent: TreeValue| -> Result<_, Error> {
                    let given = nondiff.iter().cloned();
                    let cotangents = backward(tuple(given.chain([residuals, cotangent])))?;
                    Ok((cotangents,))
                },
            )
            .call((tuple(args),))
    }

    /// A callback with the derivative that the case gives it.
    pub(super) fn with_derivative(
        &self,
        callback: Callback,
        json: &Value,
    ) -> Result<Callback, Error> {
        if let Some(rule) = json.get("jvp") {
            return Ok(callback.jvp(self.rule(rule, [])?));
        }
        let Some(rule) = json.get("vjp") else {
            return Ok(callback);
        };
        let residuals = match &rule["residuals"] {
            Value::Null => Residuals::Arguments,
            Value::String(kept) if kept == "args" => Residuals::Arguments,
            Value::String(_) => Residuals::Results,
            forward => {
                let more = self.types(&forward["result"])?;
                let results = callback.results().iter().cloned().chain(more);
                Residuals::Forward(self.rule(forward, results)?)
            }
        };
        Ok(callback.vjp_of(residuals, self.rule(rule, [])?))
    }

    fn rule(
        &self,
        json: &Value,
        results: impl IntoIterator<Item = TensorType>,
    ) -> Result<Callback, Error> {
        let name = json["fn"].as_str().unwrap_or("");
        let host = host::find(name)
            .ok_or_else(|| unsupported(format!("unknown host function {name:?}")))?;
        let mut rule = Callback::new(name, results, host).log(&self.log.calls);
        if let Some(method) = json["method"].as_str() {
            rule = rule.vmap_method(method.parse().map_err(Error::function)?);
        }
        self.with_derivative(rule, json)
    }
}
