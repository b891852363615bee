//! Functions with a derivative of their own: `custom_jvp_call`, `custom_vjp_call` and what reverse mode makes of the latter.
//!
//! To run and to batch them the rules matter little: what runs is the function, and batching batches the function and its rules
//! alike, so that a derivative taken afterwards finds rules for the batch. What a derivative does with the rules is the
//! business of `transform::autodiff`.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::array::TensorType;
use crate::error::{AutodiffError, Error, OpErrorKind, ParseError};
use crate::ops::control::infer_call;
use crate::ops::rule::{
    BatchDim, Batched, BatchedBody, ControlRules, Effect, Emit, Outputs, Rules,
};
use crate::program::text::{Given, Shown, Value, python};
use crate::program::{
    CustomJvpCall, CustomLin, CustomVjpCall, DerivativeRule, Op, Program, Reduce, ReduceOp,
    RulePrograms, SubProgram,
};

/// The types that have tangents.
pub(crate) fn floats(types: &[TensorType]) -> impl Iterator<Item = &TensorType> {
    types.iter().filter(|ty| ty.dtype.is_inexact())
}

/// What the rule of a [`CustomJvpCall`] takes and returns.
pub(crate) fn jvp_rule_types(
    program: &Program,
    num_consts: usize,
) -> (Vec<TensorType>, Vec<TensorType>) {
    let with_tangents = |mut types: Vec<TensorType>, from: usize| {
        let tangents: Vec<TensorType> = floats(&types[from..]).cloned().collect();
        types.extend(tangents);
        types
    };
    (
        with_tangents(program.input_types(), num_consts),
        with_tangents(program.output_types(), 0),
    )
}

fn expect_types(
    what: &str,
    expected: &[TensorType],
    actual: &[TensorType],
) -> Result<(), OpErrorKind> {
    let same = expected.len() == actual.len()
        && expected.iter().zip(actual).all(|(a, b)| a.same_layout(b));
    if same {
        return Ok(());
    }
    let list = |types: &[TensorType]| {
        let types: Vec<String> = types.iter().map(ToString::to_string).collect();
        types.join(" ")
    };
    Err(OpErrorKind::parameter(format!(
        "{what} must be ({}), not ({})",
        list(expected),
        list(actual)
    )))
}

/// Which results the function or its rule batches.
fn merged(body: &BatchedBody, rule: Option<&BatchedBody>) -> Vec<bool> {
    let mut flags: Vec<bool> = body.outputs.iter().map(|o| o.dim.is_batched()).collect();
    let Some(rule) = rule else { return flags };
    let float = |k: &usize| {
        let ty = body.builder.atom_type(&body.outputs[*k].atom);
        ty.dtype.is_inexact()
    };
    let tangents = (0..flags.len()).filter(float);
    let places: Vec<usize> = (0..flags.len()).chain(tangents).collect();
    for (output, k) in rule.outputs.iter().zip(places) {
        flags[k] |= output.dim.is_batched();
    }
    flags
}

fn front(flags: &[bool]) -> Vec<Option<usize>> {
    flags.iter().map(|&b| b.then_some(0)).collect()
}

fn dims_of(inputs: &[Batched]) -> Vec<BatchDim> {
    inputs.iter().map(|i| i.dim).collect()
}

/// Emits a batched call whose results have their lanes in front where the flags say so.
fn call(
    cx: &mut dyn Emit,
    op: impl Into<Op>,
    inputs: &[Batched],
    flags: &[bool],
) -> Result<Outputs<Batched>, Error> {
    let atoms = inputs.iter().map(|i| i.atom).collect();
    let outputs = cx.emit(op, atoms)?.into_iter().zip(flags);
    Ok(outputs
        .map(|(atom, &batched)| match batched {
            true => Batched::at(atom, 0),
            false => Batched::unbatched(atom),
        })
        .collect())
}

impl Rules for CustomJvpCall {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let outputs = infer_call(&self.program, inputs)?;
        if let [rule] = self.rule.programs() {
            let (takes, returns) = jvp_rule_types(&self.program, self.num_consts);
            expect_types("the jvp rule's operands", &takes, &rule.input_types())?;
            expect_types("the jvp rule's results", &returns, &rule.output_types())?;
        }
        Ok(outputs)
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let dims = dims_of(inputs);
        let body = cx.batch_program(&self.program, &dims)?;
        // Tangents are batched as their arguments are.
        let args = self.program.input_types();
        let tangents = (self.num_consts..dims.len()).filter(|&k| args[k].dtype.is_inexact());
        let rule_dims: Vec<BatchDim> = dims
            .iter()
            .copied()
            .chain(tangents.map(|k| dims[k]))
            .collect();
        let (traced, failed) = match self.rule.programs() {
            [rule] => match cx.batch_program(rule, &rule_dims) {
                Ok(body) => (Some(body), None),
                Err(error) => (None, Some(error)),
            },
            _ => (None, None),
        };
        let flags = merged(&body, traced.as_ref());
        let floating: Vec<bool> = self
            .program
            .output_types()
            .iter()
            .zip(&flags)
            .filter_map(|(ty, &b)| ty.dtype.is_inexact().then_some(b))
            .collect();
        let rule_flags = [&flags[..], &floating].concat();
        let rule = self.rule.map(|_| {
            if let Some(error) = failed {
                return Err(error);
            }
            let rule = traced.map(|body| cx.finish(body, &front(&rule_flags)));
            Ok(rule.transpose()?.into_iter().map(Arc::new).collect())
        });
        let op = CustomJvpCall {
            name: self.name.clone(),
            program: Arc::new(cx.finish(body, &front(&flags))?),
            num_consts: self.num_consts,
            rule,
        };
        call(cx, op, inputs, &flags)
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("name", python::name(&self.name))
            .show("call_jaxpr", &self.program);
        show_program(shown, "jvp_jaxpr", self.rule.programs().first());
        shown.show("num_consts", self.num_consts);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let name: Arc<str> = Arc::from(given.name("name")?);
        let program = given.sub_program("call_jaxpr")?;
        let rule = parse_program(given, "jvp_jaxpr")?;
        Ok(CustomJvpCall {
            program,
            num_consts: given.number("num_consts")?,
            rule: parsed_rule(&name, rule.map(|rule| smallvec![rule])),
            name,
        }
        .into())
    }
}

impl ControlRules for CustomJvpCall {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        std::iter::once(&self.program)
            .chain(self.rule.programs())
            .collect()
    }

    fn effect(&self) -> Effect<'_> {
        Effect::None
    }
}

impl Rules for CustomVjpCall {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let outputs = infer_call(&self.program, inputs)?;
        if let [forward, backward] = self.rule.programs() {
            expect_types(
                "the forward rule's operands",
                inputs,
                &forward.input_types(),
            )?;
            let returned = forward.output_types();
            let (results, residuals) = returned.split_at(outputs.len().min(returned.len()));
            expect_types("the forward rule's results", &outputs, results)?;
            let (consts, args) = inputs.split_at(self.num_consts.min(inputs.len()));
            let takes = consts.iter().chain(residuals).chain(floats(&outputs));
            let takes: Vec<TensorType> = takes.cloned().collect();
            let returns: Vec<TensorType> = floats(args).cloned().collect();
            expect_types(
                "the backward rule's operands",
                &takes,
                &backward.input_types(),
            )?;
            expect_types(
                "the backward rule's results",
                &returns,
                &backward.output_types(),
            )?;
        }
        Ok(outputs)
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let dims = dims_of(inputs);
        let body = cx.batch_program(&self.program, &dims)?;
        let outputs = self.program.output_types();
        let mut flags: Vec<bool> = body.outputs.iter().map(|o| o.dim.is_batched()).collect();
        if let [forward, _] = self.rule.programs()
            && let Ok(forward) = cx.batch_program(forward, &dims)
        {
            for (flag, output) in flags.iter_mut().zip(&forward.outputs) {
                *flag |= output.dim.is_batched();
            }
        }
        let lanes = Lanes {
            args: self.program.input_types()[self.num_consts..]
                .iter()
                .map(|ty| ty.dtype.is_inexact())
                .zip(dims[self.num_consts..].iter().copied())
                .filter_map(|(float, dim)| float.then_some(dim))
                .collect(),
            results: flags.clone(),
            cotangents: outputs
                .iter()
                .zip(&flags)
                .filter_map(|(ty, &b)| ty.dtype.is_inexact().then_some(b))
                .collect(),
            dims,
            num_consts: self.num_consts,
        };
        let op = CustomVjpCall {
            name: self.name.clone(),
            program: Arc::new(cx.finish(body, &front(&flags))?),
            num_consts: self.num_consts,
            rule: self.rule.map(|programs| lanes.batch(cx, programs)),
        };
        call(cx, op, inputs, &flags)
    }

    fn params(&self, shown: &mut Shown<'_>) {
        let programs = self.rule.programs();
        shown
            .show("name", python::name(&self.name))
            .show("call_jaxpr", &self.program);
        show_program(shown, "fwd_jaxpr", programs.first());
        show_program(shown, "bwd_jaxpr", programs.get(1));
        shown.show("num_consts", self.num_consts);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let name: Arc<str> = Arc::from(given.name("name")?);
        let program = given.sub_program("call_jaxpr")?;
        let forward = parse_program(given, "fwd_jaxpr")?;
        let backward = parse_program(given, "bwd_jaxpr")?;
        Ok(CustomVjpCall {
            program,
            num_consts: given.number("num_consts")?,
            rule: parsed_rule(&name, forward.zip(backward).map(|(f, b)| smallvec![f, b])),
            name,
        }
        .into())
    }
}

impl ControlRules for CustomVjpCall {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        std::iter::once(&self.program)
            .chain(self.rule.programs())
            .collect()
    }

    fn effect(&self) -> Effect<'_> {
        Effect::None
    }
}

/// How the rules of a [`CustomVjpCall`] are batched.
struct Lanes {
    /// Of each operand.
    dims: Vec<BatchDim>,
    num_consts: usize,
    /// Of each floating argument.
    args: Vec<BatchDim>,
    /// Which results have their lanes in front, and which floating ones.
    results: Vec<bool>,
    cotangents: Vec<bool>,
}

impl Lanes {
    fn batch(&self, cx: &dyn Emit, programs: &[SubProgram]) -> Result<RulePrograms, Error> {
        let forward = cx.batch_program(&programs[0], &self.dims)?;
        let count = self.results.len();
        let residuals: Vec<bool> = forward.outputs[count..]
            .iter()
            .map(|o| o.dim.is_batched())
            .collect();
        let places = front(&[&self.results[..], &residuals].concat());
        let forward = cx.finish(forward, &places)?;

        let lanes = |&batched: &bool| match batched {
            true => BatchDim::At(0),
            false => BatchDim::Unbatched,
        };
        let dims: Vec<BatchDim> = self.dims[..self.num_consts]
            .iter()
            .copied()
            .chain(residuals.iter().chain(&self.cotangents).map(lanes))
            .collect();
        let mut backward = cx.batch_program(&programs[1], &dims)?;
        let mut places = Vec::with_capacity(self.args.len());
        for (output, arg) in backward.outputs.iter_mut().zip(&self.args) {
            places.push(match (*arg, output.dim) {
                (BatchDim::At(axis), _) => Some(axis),
                (BatchDim::Unbatched, BatchDim::Unbatched) => None,
                // What all lanes share gets the sum of their cotangents.
                (BatchDim::Unbatched, BatchDim::At(axis)) => {
                    let sum = Reduce {
                        kind: ReduceOp::Sum,
                        axes: smallvec![axis],
                    };
                    let inputs = smallvec![output.atom];
                    let sum = super::emit(&mut backward.builder, sum.into(), inputs, None)?[0];
                    *output = Batched::unbatched(sum);
                    None
                }
            });
        }
        let backward = cx.finish(backward, &places)?;
        Ok(smallvec![Arc::new(forward), Arc::new(backward)])
    }
}

impl Rules for CustomLin {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let (takes, returns) = (self.backward.input_types(), self.backward.output_types());
        if takes.len() < self.num_residuals {
            return Err(OpErrorKind::parameter(
                "there are more residuals than the backward rule takes",
            ));
        }
        let (residuals, cotangents) = takes.split_at(self.num_residuals);
        let expected = [residuals, &returns].concat();
        expect_types("the operands", &expected, inputs)?;
        Ok(cotangents.iter().cloned().collect())
    }

    fn batch(&self, _cx: &mut dyn Emit, _inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        Err(AutodiffError::ForwardCustomVjp {
            name: self.name.to_string(),
        }
        .into())
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("name", python::name(&self.name))
            .show("bwd", &self.backward)
            .show("num_res", self.num_residuals);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        Ok(CustomLin {
            name: Arc::from(given.name("name")?),
            backward: given.sub_program("bwd")?,
            num_residuals: given.number("num_res")?,
        }
        .into())
    }
}

impl ControlRules for CustomLin {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        smallvec![&self.backward]
    }

    fn effect(&self) -> Effect<'_> {
        Effect::None
    }
}

fn show_program(shown: &mut Shown<'_>, key: &'static str, program: Option<&SubProgram>) {
    match program {
        Some(program) => shown.show(key, program),
        None => shown.show(key, "None"),
    };
}

/// A program that may be `None`, as a rule is that was not traced when the text was written.
fn parse_program(given: &mut Given<'_>, key: &str) -> Result<Option<SubProgram>, ParseError> {
    let (value, at) = given.take(key)?;
    match value {
        Value::Word(word) if word == "None" => Ok(None),
        value => given.resolve(value, at).map(Some),
    }
}

fn parsed_rule(name: &str, programs: Option<RulePrograms>) -> DerivativeRule {
    match programs {
        Some(programs) => DerivativeRule::from_programs(programs),
        None => DerivativeRule::failed(
            AutodiffError::RuleNotInText {
                name: name.to_owned(),
            }
            .into(),
        ),
    }
}
