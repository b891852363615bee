//! Reverse mode: from a linear program, one that takes cotangents of its results to cotangents of its inputs.
//!
//! What does not depend on the linear inputs is computed first, as it is. Then the linear equations are visited last to first:
//! by then the cotangent of each of their results is the sum of what its readers gave. A cotangent that is known to be zero is no
//! atom, and equations none of whose results has one cost nothing.

use std::sync::Arc;

use smallvec::SmallVec;

use super::emit::{Emitter, copy, count, marked, positions, unmarked, zeros};
use super::split::split;
use crate::array::TensorType;
use crate::error::{AutodiffError, Error, OpError, OpErrorKind};
use crate::ops::{self, LinearInput, Tangents};
use crate::passes::env::Env;
use crate::program::{
    Atom, Atoms, BinaryOp, Call, Checkpoint, Collective, CollectiveOp, Cond, ControlOp, CustomLin,
    Equation, Op, Program, ProgramBuilder, Scan, Var,
};

/// A transposed program.
#[derive(Debug)]
pub(crate) struct Transposed {
    /// The inputs it is not linear in, then the cotangents given; the cotangents of those linear inputs that have one.
    pub(crate) program: Program,
    /// Which linear inputs have a cotangent.
    pub(crate) cotangents: Vec<bool>,
}

impl Transposed {
    /// With a cotangent for every linear input whose flag is set, zeros of its type where it has none.
    fn with_cotangents(mut self, wanted: &[bool], types: &[TensorType]) -> Result<Self, Error> {
        let missing = |(&want, &have): (&bool, &bool)| want && !have;
        if !wanted.iter().zip(&self.cotangents).any(missing) {
            return Ok(self);
        }
        let outputs = std::mem::take(&mut self.program.outputs);
        let mut outputs = outputs.into_iter();
        let mut builder = ProgramBuilder::from(self.program);
        let mut all = Vec::new();
        for ((have, &want), ty) in self.cotangents.iter_mut().zip(wanted).zip(types) {
            if *have {
                all.extend(outputs.next());
            } else if want {
                all.push(zeros(&mut builder, ty)?);
                *have = true;
            }
        }
        self.program = builder.finish(all);
        Ok(self)
    }
}

/// Transposes a program with respect to the inputs whose flag in `linear` is set, for cotangents of the results whose flag in
/// `cotangents` is set; those of the others are zero.
pub(crate) fn transpose(
    program: &Program,
    linear: &[bool],
    cotangents: &[bool],
) -> Result<Transposed, Error> {
    let mut walk = Walk {
        source: program,
        builder: ProgramBuilder::new(),
        env: Env::new(program),
        linear: vec![false; program.types().len()],
        cotangents: vec![None; program.types().len()],
    };
    for (&var, &flag) in program.inputs().iter().zip(linear) {
        if flag {
            walk.linear[var.index()] = true;
        } else {
            let input = walk.builder.input(program.var_type(var).clone());
            walk.env.bind(var, Atom::Var(input));
        }
    }
    for (var, array) in program.constants() {
        let atom = walk.builder.constant(array);
        walk.env.bind(*var, atom);
    }
    let given: Vec<(Atom, Atom)> = program
        .outputs()
        .iter()
        .zip(cotangents)
        .filter(|&(_, &flag)| flag)
        .map(|(&output, _)| {
            let ty = program.atom_type(&output).with_weak(false);
            (output, Atom::Var(walk.builder.input(ty)))
        })
        .collect();
    let mut equations = Vec::new();
    for equation in program.equations() {
        if equation.inputs.iter().any(|a| walk.is_linear(a)) {
            for var in &equation.outputs {
                walk.linear[var.index()] = true;
            }
            equations.push(equation);
        } else {
            let inputs = walk.env.read_all(&equation.inputs);
            let outputs = copy(&mut walk.builder, program, equation, inputs);
            walk.env.bind_all(&equation.outputs, outputs);
        }
    }
    for (output, cotangent) in given {
        walk.add(&output, cotangent, None)?;
    }
    for equation in equations.into_iter().rev() {
        walk.equation(equation)?;
    }
    let found: Vec<Option<Atom>> = program
        .inputs()
        .iter()
        .zip(linear)
        .filter(|&(_, &flag)| flag)
        .map(|(&var, _)| walk.cotangents[var.index()])
        .collect();
    Ok(Transposed {
        cotangents: found.iter().map(Option::is_some).collect(),
        program: walk.builder.finish(found.into_iter().flatten().collect()),
    })
}

struct Walk<'a> {
    source: &'a Program,
    builder: ProgramBuilder,
    /// What variables are that do not depend on the linear inputs.
    env: Env<Atom>,
    /// Which variables do.
    linear: Vec<bool>,
    /// The sum so far of the cotangents of those.
    cotangents: Vec<Option<Atom>>,
}

impl Walk<'_> {
    fn is_linear(&self, atom: &Atom) -> bool {
        matches!(atom, Atom::Var(v) if self.linear[v.index()])
    }

    /// Adds to a variable's cotangent.
    fn add(
        &mut self,
        atom: &Atom,
        cotangent: Atom,
        equation: Option<&Equation>,
    ) -> Result<(), Error> {
        let Atom::Var(var) = atom else { return Ok(()) };
        if !self.linear[var.index()] {
            return Ok(());
        }
        let sum = match self.cotangents[var.index()] {
            None => cotangent,
            Some(sum) => self.at(equation).add(sum, cotangent)?,
        };
        self.cotangents[var.index()] = Some(sum);
        Ok(())
    }

    fn at(&mut self, equation: Option<&Equation>) -> Emitter<'_> {
        Emitter {
            builder: &mut self.builder,
            location: equation.and_then(|e| e.location),
        }
    }

    fn equation(&mut self, equation: &Equation) -> Result<(), Error> {
        let cotangents: SmallVec<[Option<Atom>; 2]> = equation
            .outputs
            .iter()
            .map(|v| self.cotangents[v.index()])
            .collect();
        if cotangents.iter().all(Option::is_none) {
            return Ok(());
        }
        let mut rule = Rule {
            source: self.source,
            equation,
            linear: equation.inputs.iter().map(|a| self.is_linear(a)).collect(),
            inputs: self.env.read_all(&equation.inputs),
            cotangents: cotangents.into_vec(),
            cx: Emitter {
                builder: &mut self.builder,
                location: equation.location,
            },
        };
        let found = match &equation.op {
            Op::Data(op) => {
                let inputs = rule.operands();
                ops::transpose(&mut rule.cx, op, &rule.cotangents, &inputs)?.into_vec()
            }
            Op::Control(op) => rule.control(op)?,
        };
        for (atom, cotangent) in equation.inputs.iter().zip(found) {
            if let Some(cotangent) = cotangent {
                self.add(atom, cotangent, Some(equation))?;
            }
        }
        Ok(())
    }
}

/// One equation that is linear in some of its operands, and whose results have a cotangent among them.
struct Rule<'a> {
    source: &'a Program,
    equation: &'a Equation,
    /// Which operands are linear.
    linear: Vec<bool>,
    /// The others; the places of linear ones are never read.
    inputs: Vec<Atom>,
    cotangents: Vec<Option<Atom>>,
    cx: Emitter<'a>,
}

impl Rule<'_> {
    fn operands(&self) -> Vec<LinearInput> {
        let operand = |k: usize| match self.linear[k] {
            true => LinearInput::Linear(self.input_type(k)),
            false => LinearInput::Known(self.inputs[k]),
        };
        (0..self.linear.len()).map(operand).collect()
    }

    fn input_type(&self, k: usize) -> TensorType {
        self.source.atom_type(&self.equation.inputs[k])
    }

    fn refused(&self, kind: OpErrorKind) -> Error {
        OpError::at(self.equation.op.name(), kind, self.equation.location).into()
    }

    /// Which results have a cotangent.
    fn flags(&self) -> Vec<bool> {
        self.cotangents.iter().map(Option::is_some).collect()
    }

    fn given(&self) -> Vec<Atom> {
        self.cotangents.iter().copied().flatten().collect()
    }

    /// Cotangents of the linear operands whose flag is set, for all operands.
    fn spread(&self, flags: &[bool], found: impl IntoIterator<Item = Atom>) -> Vec<Option<Atom>> {
        let (mut flags, mut found) = (flags.iter(), found.into_iter());
        let next = |&linear: &bool| match linear && flags.next() == Some(&true) {
            true => found.next(),
            false => None,
        };
        self.linear.iter().map(next).collect()
    }

    /// Emits an operation that takes the operands known and then the cotangents, and gives cotangents of linear operands.
    fn call(&mut self, op: impl Into<Op>, cotangents: &[bool]) -> Result<Vec<Option<Atom>>, Error> {
        let mut inputs = unmarked(&self.inputs, &self.linear);
        inputs.extend(self.given());
        let found = self.cx.emit(op, inputs)?;
        Ok(self.spread(cotangents, found))
    }

    fn control(&mut self, op: &ControlOp) -> Result<Vec<Option<Atom>>, Error> {
        match op {
            ControlOp::Call(op) => self.transposed_call(&op.name, &op.program),
            // What is linear has no need of its rule.
            ControlOp::CustomJvpCall(op) => self.transposed_call(&op.name, &op.program),
            ControlOp::CustomVjpCall(op) => self.transposed_call(&op.name, &op.program),
            ControlOp::Checkpoint(op) => self.checkpoint(op),
            ControlOp::CustomLin(op) => self.custom_lin(op),
            ControlOp::Cond(op) => self.cond(op),
            ControlOp::Scan(op) => self.scan(op),
            ControlOp::Collective(op) => self.collective(op),
            ControlOp::While(_) => Err(AutodiffError::ReverseWhile.into()),
            ControlOp::CustomVmapCall(op) => Err(AutodiffError::ReverseCustomVmap {
                name: op.rule.name().to_owned(),
            }
            .into()),
            ControlOp::HostCall(op) => Err(AutodiffError::CallbackRuleRequired {
                name: op.callback.name().to_owned(),
                mode: "reverse",
                remedy: "vjp",
            }
            .into()),
            ControlOp::ScatterApply(_) => Err(self.refused(OpErrorKind::NotLinear { operand: 0 })),
        }
    }

    fn transposed_call(
        &mut self,
        name: &Arc<str>,
        program: &Program,
    ) -> Result<Vec<Option<Atom>>, Error> {
        let inner = transpose(program, &self.linear, &self.flags())?;
        let call = Call {
            name: name.clone(),
            program: Arc::new(inner.program),
        };
        self.call(call, &inner.cotangents)
    }

    /// What was to be computed again is, and what is linear is transposed.
    fn checkpoint(&mut self, op: &Checkpoint) -> Result<Vec<Option<Atom>>, Error> {
        let halves = split(&op.program, &self.linear, &[])?;
        let unknown = count(&self.linear);
        let linear: Vec<bool> = (0..halves.residuals + unknown)
            .map(|k| k >= halves.residuals)
            .collect();
        let flags = marked(&self.flags(), &halves.unknown);
        let inner = transpose(&halves.rest, &linear, &flags)?;

        let mut builder = ProgramBuilder::new();
        let take = |types: Vec<TensorType>, builder: &mut ProgramBuilder| -> Vec<Atom> {
            let inputs = types.into_iter();
            inputs.map(|ty| Atom::Var(builder.input(ty))).collect()
        };
        let known = take(halves.known.input_types(), &mut builder);
        let cotangents = inner.program.input_types().split_off(halves.residuals);
        let cotangents = take(cotangents, &mut builder);
        let mut found = halves.known.inline(&mut builder, &known);
        let mut operands = found.split_off(found.len() - halves.residuals);
        operands.extend(cotangents);
        let outputs = inner.program.inline(&mut builder, &operands);
        let call = Checkpoint {
            program: Arc::new(crate::passes::dead::dead_code(builder.finish(outputs))),
            policy: op.policy,
            differentiated: true,
        };
        // Results that do not depend on what is linear have no business with a cotangent.
        let mut inputs = unmarked(&self.inputs, &self.linear);
        inputs.extend(
            self.cotangents
                .iter()
                .zip(&halves.unknown)
                .filter_map(|(c, &unknown)| c.filter(|_| unknown)),
        );
        let found = self.cx.emit(call, inputs)?;
        Ok(self.spread(&inner.cotangents, found))
    }

    fn custom_lin(&mut self, op: &CustomLin) -> Result<Vec<Option<Atom>>, Error> {
        if let Some(operand) = positions(&self.linear[..op.num_residuals]).first() {
            let operand = *operand;
            return Err(self.refused(OpErrorKind::NotLinear { operand }));
        }
        let mut inputs = self.inputs[..op.num_residuals].to_vec();
        inputs.extend(self.all_cotangents()?);
        let found = op.backward.inline(self.cx.builder, &inputs);
        let mut all = vec![None; op.num_residuals];
        let tangents = self.linear[op.num_residuals..].iter().zip(found);
        all.extend(tangents.map(|(&linear, atom)| linear.then_some(atom)));
        Ok(all)
    }

    /// The cotangent of every result, zeros where it has none.
    fn all_cotangents(&mut self) -> Result<Vec<Atom>, Error> {
        let mut all = Vec::with_capacity(self.cotangents.len());
        for (k, var) in self.equation.outputs.iter().enumerate() {
            let ty = self.source.var_type(*var).clone();
            all.push(self.cx.or_zeros(self.cotangents[k], &ty)?);
        }
        Ok(all)
    }

    fn cond(&mut self, op: &Cond) -> Result<Vec<Option<Atom>>, Error> {
        let (linear, flags) = (&self.linear[1..], self.flags());
        let branches = op
            .branches
            .iter()
            .map(|b| transpose(b, linear, &flags))
            .collect::<Result<Vec<_>, _>>()?;
        let mut any = vec![false; count(linear)];
        for branch in &branches {
            any.iter_mut()
                .zip(&branch.cotangents)
                .for_each(|(a, b)| *a |= b);
        }
        let types = marked(&op.branches[0].input_types(), linear);
        let branches = branches
            .into_iter()
            .map(|b| Ok(Arc::new(b.with_cotangents(&any, &types)?.program)))
            .collect::<Result<_, Error>>()?;
        self.call(Cond { branches }, &any)
    }

    /// The steps in the other order: what is carried is the cotangent of the carry, and the sums of those of constants.
    fn scan(&mut self, op: &Scan) -> Result<Vec<Option<Atom>>, Error> {
        let fixed = op.num_consts + op.num_carry;
        let (consts, rest) = self.linear.split_at(op.num_consts);
        let (consts, xs) = (consts.to_vec(), rest[op.num_carry..].to_vec());
        // A carry that starts from a known value may become linear: its start has no cotangent, but its steps have.
        let given = self.flags();
        let ys = &given[op.num_carry..];
        let carry = vec![true; op.num_carry];
        let linear = [&consts[..], &carry, &xs].concat();
        let inner = transpose(&op.body, &linear, &[&carry[..], ys].concat())?;
        let types = marked(&op.body.input_types(), &linear);
        let sums = count(&consts);
        let mut wanted = inner.cotangents.clone();
        wanted[sums..sums + op.num_carry].fill(true);
        let inner = inner.with_cotangents(&wanted, &types)?;
        let summed = marked(&types[..sums], &inner.cotangents[..sums]);
        let stacked = inner.cotangents[sums + op.num_carry..].to_vec();

        // The body: constants; sums and cotangents of the carry; slices and cotangents of results.
        let found = inner.cotangents.clone();
        let mut program = inner.program;
        let inputs = std::mem::take(&mut program.inputs);
        let outputs = std::mem::take(&mut program.outputs);
        let known_consts = op.num_consts - sums;
        let known_xs = xs.len() - count(&xs);
        let (of_consts, inputs) = inputs.split_at(known_consts);
        let (of_xs, inputs) = inputs.split_at(known_xs);
        let (of_carry, of_ys) = inputs.split_at(op.num_carry);
        let mut builder = ProgramBuilder::from(program);
        let totals: Vec<Var> = summed
            .iter()
            .map(|ty| builder.input(ty.clone().with_weak(false)))
            .collect();
        let mut returned = Vec::with_capacity(outputs.len());
        for (total, &part) in totals.iter().zip(&outputs) {
            let mut cx = Emitter {
                builder: &mut builder,
                location: self.equation.location,
            };
            returned.push(cx.emit(BinaryOp::Add, [Atom::Var(*total), part])?[0]);
        }
        returned.extend_from_slice(&outputs[totals.len()..]);
        let mut body = builder.finish(returned);
        body.inputs = [of_consts, &totals, of_carry, of_xs, of_ys].concat();

        let mut operands = unmarked(&self.inputs[..op.num_consts], &consts);
        for ty in &summed {
            operands.push(zeros(self.cx.builder, ty)?);
        }
        for k in 0..op.num_carry {
            let ty = self.source.var_type(self.equation.outputs[k]).clone();
            operands.push(self.cx.or_zeros(self.cotangents[k], &ty)?);
        }
        operands.extend(unmarked(&self.inputs[fixed..], &xs));
        operands.extend(self.cotangents[op.num_carry..].iter().flatten());
        let new = Scan {
            body: Arc::new(body),
            num_consts: known_consts,
            num_carry: totals.len() + op.num_carry,
            reverse: !op.reverse,
            ..op.clone()
        };
        let results = self.cx.emit(new, operands)?;
        let mut results = results.into_iter();
        let mut all = Vec::with_capacity(self.linear.len());
        let mut flags = found[..sums].iter();
        for &linear in &consts {
            let has = linear && flags.next() == Some(&true);
            all.push(if has { results.next() } else { None });
        }
        all.extend((0..op.num_carry).map(|_| results.next()));
        let mut flags = stacked.iter();
        for &linear in &xs {
            let has = linear && flags.next() == Some(&true);
            all.push(if has { results.next() } else { None });
        }
        Ok(all)
    }

    fn collective(&mut self, op: &Collective) -> Result<Vec<Option<Atom>>, Error> {
        let kind = match &op.kind {
            // A sum whose result every lane has is its own transpose (JAX: psum and then pbroadcast).
            CollectiveOp::Psum => CollectiveOp::Psum,
            CollectiveOp::Ppermute { pairs } => CollectiveOp::Ppermute {
                pairs: pairs.iter().map(|&(from, to)| (to, from)).collect(),
            },
            &CollectiveOp::AllGather { axis, tiled } => CollectiveOp::PsumScatter { axis, tiled },
            &CollectiveOp::PsumScatter { axis, tiled } => CollectiveOp::AllGather { axis, tiled },
            &CollectiveOp::AllToAll {
                split_axis,
                concat_axis,
                tiled,
            } => CollectiveOp::AllToAll {
                split_axis: concat_axis,
                concat_axis: split_axis,
                tiled,
            },
            CollectiveOp::Pmax | CollectiveOp::Pmin | CollectiveOp::AxisIndex => {
                return Err(self.refused(OpErrorKind::NotLinear { operand: 0 }));
            }
        };
        let new = Collective {
            kind,
            axes: op.axes.clone(),
        };
        let given: Atoms = self.given().into_iter().collect();
        let found = self.cx.push(new.into(), given)?;
        Ok(vec![Some(found[0])])
    }
}
