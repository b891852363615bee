//! Forward mode: a program that computes results and their tangents.
//!
//! The invariant: every variable of the source has a counterpart of the same type, and a tangent of that type where it depends
//! on an input that has one. A tangent that is known to be zero is no atom at all, so an equation none of whose operands has a
//! tangent is copied as it is and costs nothing; integers and booleans never have one.

use std::sync::Arc;

use smallvec::SmallVec;

use super::custom_vmap::jvp_of_rule;
use super::emit::{Emitter, copy, count, floating, marked, pick, positions, zeros};
use crate::callback::CallbackKind;
use crate::error::{AutodiffError, Error, OpError, OpErrorKind};
use crate::ops::{self, Outputs};
use crate::passes::env::Env;
use crate::program::{
    Atom, Atoms, Call, Checkpoint, Collective, CollectiveOp, Cond, ControlOp, CustomJvpCall,
    CustomLin, CustomVjpCall, CustomVmapCall, Equation, HostCall, Op, Program, ProgramBuilder,
    Scan, While,
};

/// A program and the tangents of its results.
#[derive(Debug)]
pub(crate) struct Jvp {
    /// Inputs, then the tangents given; results, then the tangents of those results that have one.
    pub(crate) program: Program,
    /// Which results have a tangent.
    pub(crate) tangents: Vec<bool>,
}

/// A value and its tangent, where that is not known to be zero.
#[derive(Clone, Copy, Debug)]
struct Dual {
    primal: Atom,
    tangent: Option<Atom>,
}

impl From<Atom> for Dual {
    fn from(primal: Atom) -> Self {
        let tangent = None;
        Dual { primal, tangent }
    }
}

/// The derivative of a program along tangents of the inputs whose flag is set.
pub(crate) fn jvp(program: &Program, tangents: &[bool]) -> Result<Jvp, Error> {
    let mut builder = ProgramBuilder::new();
    let mut env: Env<Dual> = Env::new(program);
    for &var in program.inputs() {
        let input = builder.input(program.var_type(var).clone());
        env.bind(var, Atom::Var(input).into());
    }
    for (&var, &flag) in program.inputs().iter().zip(tangents) {
        if flag {
            let tangent = builder.input(program.var_type(var).clone().with_weak(false));
            let Dual { primal, .. } = env.read(&Atom::Var(var));
            let tangent = Some(Atom::Var(tangent));
            env.bind(var, Dual { primal, tangent });
        }
    }
    for (var, array) in program.constants() {
        env.bind(*var, builder.constant(array).into());
    }
    for equation in program.equations() {
        let inputs: SmallVec<[Dual; 4]> = env.read_all(&equation.inputs);
        let primals: Atoms = inputs.iter().map(|d| d.primal).collect();
        if inputs.iter().all(|d| d.tangent.is_none()) {
            let outputs = copy(&mut builder, program, equation, primals);
            env.bind_all(&equation.outputs, outputs.map(Dual::from));
            continue;
        }
        let mut rule = Rule {
            cx: Emitter {
                builder: &mut builder,
                location: equation.location,
            },
            source: program,
            equation,
            primals,
            tangents: inputs.iter().map(|d| d.tangent).collect(),
        };
        let outputs = rule.outputs()?;
        env.bind_all(&equation.outputs, outputs);
    }
    let outputs: Vec<Dual> = env.read_all(program.outputs());
    let flags = outputs.iter().map(|d| d.tangent.is_some()).collect();
    let primals = outputs.iter().map(|d| d.primal);
    let tangents = outputs.iter().filter_map(|d| d.tangent);
    Ok(Jvp {
        program: builder.finish(primals.chain(tangents).collect()),
        tangents: flags,
    })
}

impl Jvp {
    /// Without the tangents of results behind the first `values`.
    pub(crate) fn of_first(mut self, values: usize) -> Self {
        let results = self.tangents.len();
        let kept = count(&self.tangents[..values]);
        self.program.outputs.truncate(results + kept);
        self.tangents[values..].fill(false);
        self
    }

    /// With a tangent for every result whose flag is set, zeros where it is known to be zero.
    pub(crate) fn with_tangents(mut self, wanted: &[bool]) -> Result<Self, Error> {
        let missing = |(&want, &have): (&bool, &bool)| want && !have;
        if !wanted.iter().zip(&self.tangents).any(missing) {
            return Ok(self);
        }
        let results = self.tangents.len();
        let outputs = std::mem::take(&mut self.program.outputs);
        let mut builder = ProgramBuilder::from(self.program);
        let (primals, tangents) = outputs.split_at(results);
        let mut tangents = tangents.iter().copied();
        let mut all = primals.to_vec();
        for (k, (have, want)) in self.tangents.iter_mut().zip(wanted).enumerate() {
            if *have {
                all.extend(tangents.next());
            } else if *want {
                let ty = builder.atom_type(&primals[k]);
                all.push(zeros(&mut builder, &ty)?);
                *have = true;
            }
        }
        self.program = builder.finish(all);
        Ok(self)
    }
}

/// One equation that has a tangent among its operands.
struct Rule<'a> {
    cx: Emitter<'a>,
    source: &'a Program,
    equation: &'a Equation,
    primals: Atoms,
    tangents: Vec<Option<Atom>>,
}

impl Rule<'_> {
    fn outputs(&mut self) -> Result<Vec<Dual>, Error> {
        match &self.equation.op {
            Op::Data(op) => {
                let results = self.copied();
                let tangents = ops::jvp(&mut self.cx, op, &self.primals, &results, &self.tangents)?;
                Ok(duals(results, tangents))
            }
            Op::Control(op) => self.control(op),
        }
    }

    fn control(&mut self, op: &ControlOp) -> Result<Vec<Dual>, Error> {
        match op {
            ControlOp::HostCall(HostCall { callback, kind, .. }) => {
                let name = callback.name().to_owned();
                match kind {
                    // It looks at values and returns nothing.
                    CallbackKind::Debug => Ok(self.copied().into_iter().map(Dual::from).collect()),
                    CallbackKind::Io { .. } => {
                        Err(AutodiffError::EffectfulCallback { name }.into())
                    }
                    CallbackKind::Pure => Err(AutodiffError::CallbackRuleRequired {
                        name,
                        mode: "forward or reverse",
                        remedy: "jvp or Callback::vjp",
                    }
                    .into()),
                }
            }
            ControlOp::Call(op) => {
                let inner = jvp(&op.program, &self.flags())?;
                let tangents = inner.tangents.clone();
                let name = op.name.clone();
                let program = Arc::new(inner.program);
                self.call(Call { name, program }, &tangents)
            }
            ControlOp::Checkpoint(op) => {
                let inner = jvp(&op.program, &self.flags())?;
                let tangents = inner.tangents.clone();
                let program = Arc::new(inner.program);
                self.call(Checkpoint { program, ..*op }, &tangents)
            }
            ControlOp::CustomVmapCall(op) => self.custom_vmap(op),
            ControlOp::CustomJvpCall(op) => self.custom_jvp(op),
            ControlOp::CustomVjpCall(op) => self.custom_vjp(op),
            ControlOp::CustomLin(op) => Err(AutodiffError::ForwardCustomVjp {
                name: op.name.to_string(),
            }
            .into()),
            ControlOp::Cond(op) => self.cond(op),
            ControlOp::While(op) => self.while_loop(op),
            ControlOp::Scan(op) => self.scan(op),
            ControlOp::ScatterApply(_) => Err(self.refused(OpErrorKind::NotDifferentiable)),
            ControlOp::Collective(op) => self.collective(op),
        }
    }

    fn refused(&self, kind: OpErrorKind) -> Error {
        OpError::at(self.equation.op.name(), kind, self.equation.location).into()
    }

    /// The equation itself.
    fn copied(&mut self) -> Outputs<Atom> {
        copy(
            self.cx.builder,
            self.source,
            self.equation,
            self.primals.clone(),
        )
        .collect()
    }

    /// Which operands have tangents.
    fn flags(&self) -> Vec<bool> {
        self.tangents.iter().map(Option::is_some).collect()
    }

    /// The tangents there are of operands.
    fn given(&self) -> Vec<Atom> {
        self.tangents.iter().copied().flatten().collect()
    }

    /// Emits an operation that takes operands and then their tangents, and returns results and then theirs.
    fn call(&mut self, op: impl Into<Op>, tangents: &[bool]) -> Result<Vec<Dual>, Error> {
        let inputs = self.primals.iter().copied().chain(self.given());
        let outputs = self.cx.emit(op, inputs.collect::<Atoms>())?;
        Ok(paired(&outputs, tangents))
    }

    /// The tangents of some operands, zeros where they are known to be.
    fn tangents_of(&mut self, operands: &[usize]) -> Result<Vec<Atom>, Error> {
        let mut found = Vec::with_capacity(operands.len());
        for &k in operands {
            let ty = self.cx.builder.atom_type(&self.primals[k]);
            found.push(self.cx.or_zeros(self.tangents[k], &ty)?);
        }
        Ok(found)
    }

    /// The floating operands from `first` on.
    fn floating_operands(&self, first: usize) -> Vec<usize> {
        let float = |k: &usize| {
            self.cx
                .builder
                .atom_type(&self.primals[*k])
                .dtype
                .is_inexact()
        };
        (first..self.primals.len()).filter(float).collect()
    }

    /// Refuses what a rule would know nothing of.
    fn check_closed_over(&self, name: &str, num_consts: usize) -> Result<(), Error> {
        let found = self.tangents[..num_consts].iter().position(Option::is_some);
        match found {
            None => Ok(()),
            Some(k) => Err(AutodiffError::ClosedOverValue {
                name: name.to_owned(),
                ty: self.cx.builder.atom_type(&self.primals[k]),
            }
            .into()),
        }
    }

    fn custom_jvp(&mut self, op: &CustomJvpCall) -> Result<Vec<Dual>, Error> {
        self.check_closed_over(&op.name, op.num_consts)?;
        let rule = op.rule.get()?;
        let operands = self.floating_operands(op.num_consts);
        let tangents = self.tangents_of(&operands)?;
        let inputs: Vec<Atom> = self.primals.iter().copied().chain(tangents).collect();
        let outputs = rule[0].inline(self.cx.builder, &inputs);
        Ok(paired(&outputs, &floating(&op.program.output_types())))
    }

    fn custom_vjp(&mut self, op: &CustomVjpCall) -> Result<Vec<Dual>, Error> {
        self.check_closed_over(&op.name, op.num_consts)?;
        let rule = op.rule.get()?;
        let (forward, backward) = (&rule[0], &rule[1]);
        let results = op.program.outputs().len();
        let outputs = forward.inline(self.cx.builder, &self.primals);
        let (results, residuals) = outputs.split_at(results);
        let operands = self.floating_operands(op.num_consts);
        let tangents = self.tangents_of(&operands)?;
        let consts = &self.primals[..op.num_consts];
        let inputs: Atoms = [consts, residuals, &tangents]
            .concat()
            .into_iter()
            .collect();
        let op = CustomLin {
            name: op.name.clone(),
            backward: backward.clone(),
            num_residuals: op.num_consts + residuals.len(),
        };
        let types: Vec<_> = results
            .iter()
            .map(|a| self.cx.builder.atom_type(a))
            .collect();
        let tangents = self.cx.emit(op, inputs)?;
        let all: Vec<Atom> = results.iter().copied().chain(tangents).collect();
        Ok(paired(&all, &floating(&types)))
    }

    fn custom_vmap(&mut self, op: &CustomVmapCall) -> Result<Vec<Dual>, Error> {
        // The rule of the derivative is the derivative of the rule, so every argument has a tangent.
        let consts = op.num_consts;
        self.check_closed_over(op.rule.name(), consts)?;
        let mut flags = floating(&op.program.input_types());
        flags[..consts].fill(false);
        let wanted = floating(&op.program.output_types());
        let inner = jvp(&op.program, &flags)?.with_tangents(&wanted)?;
        let tangents = self.tangents_of(&positions(&flags))?;
        let op = CustomVmapCall {
            rule: jvp_of_rule(
                &op.rule,
                &flags[consts..],
                &wanted,
                |rule, flags, wanted| Ok(jvp(rule, flags)?.with_tangents(wanted)?.program),
            ),
            program: Arc::new(inner.program),
            num_consts: consts,
        };
        let inputs: Atoms = self.primals.iter().copied().chain(tangents).collect();
        let outputs = self.cx.emit(op, inputs)?;
        Ok(paired(&outputs, &wanted))
    }

    fn cond(&mut self, op: &Cond) -> Result<Vec<Dual>, Error> {
        let flags = self.flags();
        let branches: Vec<Jvp> = op
            .branches
            .iter()
            .map(|b| jvp(b, &flags[1..]))
            .collect::<Result<_, _>>()?;
        let mut any = vec![false; self.equation.outputs.len()];
        for branch in &branches {
            any.iter_mut()
                .zip(&branch.tangents)
                .for_each(|(a, b)| *a |= b);
        }
        let branches = branches
            .into_iter()
            .map(|b| Ok(Arc::new(b.with_tangents(&any)?.program)))
            .collect::<Result<_, Error>>()?;
        self.call(Cond { branches }, &any)
    }

    fn while_loop(&mut self, op: &While) -> Result<Vec<Dual>, Error> {
        let flags = self.flags();
        let first = op.cond_consts + op.body_consts;
        let (consts, mut carry) = (&flags[op.cond_consts..first], flags[first..].to_vec());
        let inner = carried(&op.body, consts, &mut carry, &[])?;
        let body_consts = op.body_consts + count(consts);
        let order = interleaved(&[op.body_consts, carry.len()], &[consts, &carry]);
        let mut body = inner.program;
        body.inputs = pick(&body.inputs, order);
        // The predicate takes the tangents and does not look at them.
        let cond = &op.cond;
        let mut builder = ProgramBuilder::new();
        let inputs: Vec<Atom> = cond
            .input_types()
            .into_iter()
            .map(|ty| Atom::Var(builder.input(ty)))
            .collect();
        for ty in marked(&op.body.output_types(), &carry) {
            builder.input(ty.with_weak(false));
        }
        let outputs = cond.inline(&mut builder, &inputs);
        let new = While {
            cond: Arc::new(builder.finish(outputs)),
            cond_consts: op.cond_consts,
            body: Arc::new(body),
            body_consts,
        };
        let mut inputs: Vec<Atom> = self.primals[..first].to_vec();
        inputs.extend(self.tangents[op.cond_consts..first].iter().flatten());
        inputs.extend_from_slice(&self.primals[first..]);
        inputs.extend(self.carry_tangents(first, &carry)?);
        let outputs = self.cx.emit(new, inputs)?;
        Ok(paired(&outputs, &carry))
    }

    /// The tangents that carried values start with.
    fn carry_tangents(&mut self, first: usize, carry: &[bool]) -> Result<Vec<Atom>, Error> {
        let operands: Vec<usize> = positions(carry).into_iter().map(|k| first + k).collect();
        self.tangents_of(&operands)
    }

    fn scan(&mut self, op: &Scan) -> Result<Vec<Dual>, Error> {
        let flags = self.flags();
        let (consts, rest) = flags.split_at(op.num_consts);
        let (carry, xs) = rest.split_at(op.num_carry);
        let mut carry = carry.to_vec();
        let inner = carried(&op.body, consts, &mut carry, xs)?;
        let ys = &inner.tangents[op.num_carry..].to_vec();

        let sizes = [op.num_consts, op.num_carry, xs.len()];
        let order = interleaved(&sizes, &[consts, &carry, xs]);
        let mut body = inner.program;
        body.inputs = pick(&body.inputs, order);
        let order = interleaved(&[op.num_carry, ys.len()], &[&carry, ys]);
        body.outputs = pick(&body.outputs, order);
        let new = Scan {
            body: Arc::new(body),
            num_consts: op.num_consts + count(consts),
            num_carry: op.num_carry + count(&carry),
            ..op.clone()
        };
        let fixed = op.num_consts + op.num_carry;
        let mut inputs: Vec<Atom> = self.primals[..op.num_consts].to_vec();
        inputs.extend(self.tangents[..op.num_consts].iter().flatten());
        inputs.extend_from_slice(&self.primals[op.num_consts..fixed]);
        inputs.extend(self.carry_tangents(op.num_consts, &carry)?);
        inputs.extend_from_slice(&self.primals[fixed..]);
        inputs.extend(self.tangents[fixed..].iter().flatten());
        let outputs = self.cx.emit(new, inputs)?;
        let (carried, stacked) = outputs.split_at(op.num_carry + count(&carry));
        Ok([paired(carried, &carry), paired(stacked, ys)].concat())
    }

    fn collective(&mut self, op: &Collective) -> Result<Vec<Dual>, Error> {
        match &op.kind {
            CollectiveOp::Psum
            | CollectiveOp::AllGather { .. }
            | CollectiveOp::Ppermute { .. }
            | CollectiveOp::AllToAll { .. }
            | CollectiveOp::PsumScatter { .. } => {
                let results = self.copied();
                let tangents = self.cx.emit(op.clone(), self.given())?;
                Ok(duals(results, tangents.into_iter().map(Some)))
            }
            // As in JAX; the index has no operand that could have a tangent.
            CollectiveOp::Pmax | CollectiveOp::Pmin | CollectiveOp::AxisIndex => {
                Err(self.refused(OpErrorKind::NotDifferentiable))
            }
        }
    }
}

/// A loop's body with tangents: those of carried values are those that some step gives them.
fn carried(body: &Program, consts: &[bool], carry: &mut [bool], xs: &[bool]) -> Result<Jvp, Error> {
    loop {
        let inner = jvp(body, &[consts, carry, xs].concat())?;
        let mut changed = false;
        for (flag, &out) in carry.iter_mut().zip(&inner.tangents) {
            changed |= out && !*flag;
            *flag |= out;
        }
        if !changed {
            let ys = &inner.tangents[carry.len()..];
            let wanted = [carry, ys].concat();
            return inner.with_tangents(&wanted);
        }
    }
}

/// The places of items that come in groups, with their tangents behind all of them, so that the tangents of a group follow it.
fn interleaved(sizes: &[usize], flags: &[&[bool]]) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let (mut first, mut tangent) = (0, total);
    let mut order = Vec::new();
    for (&size, flags) in sizes.iter().zip(flags) {
        order.extend(first..first + size);
        let tangents = count(flags);
        order.extend(tangent..tangent + tangents);
        first += size;
        tangent += tangents;
    }
    order
}

/// Results, then the tangents of those whose flag is set, one by one.
fn paired(outputs: &[Atom], flags: &[bool]) -> Vec<Dual> {
    let (primals, tangents) = outputs.split_at(flags.len());
    let mut tangents = tangents.iter().copied();
    let pair = |(&primal, &flag): (&Atom, &bool)| Dual {
        primal,
        tangent: if flag { tangents.next() } else { None },
    };
    primals.iter().zip(flags).map(pair).collect()
}

fn duals(results: Outputs<Atom>, tangents: impl IntoIterator<Item = Option<Atom>>) -> Vec<Dual> {
    let pair = |(primal, tangent)| Dual { primal, tangent };
    results.into_iter().zip(tangents).map(pair).collect()
}
