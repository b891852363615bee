//! Splitting a program into what does not depend on some of its inputs, and what does.
//!
//! Applied to a [`jvp`](super::jvp) and its tangents this is linearization: the first half computes the results, the second,
//! which is linear, the tangents. What the second reads of the first crosses as *residuals*. The split is by data
//! flow; operations that run programs are split in two as well, so that a loop's residuals come stacked and a conditional's are
//! those of the branch taken.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::emit::{Emitter, copy, count, marked, pick, positions, unmarked, zeros};
use crate::array::{Array, TensorType};
use crate::error::Error;
use crate::passes::dead::{dead_code, reads};
use crate::passes::env::Env;
use crate::passes::hoist::Reach;
use crate::passes::rebuild::Rebuild;
use crate::program::{
    Atom, Atoms, Call, Checkpoint, CheckpointPolicy, Cond, ControlOp, DataOp, Equation, Op,
    Program, ProgramBuilder, Scan, SubProgram, Var, While,
};

/// A program in two halves.
#[derive(Debug)]
pub(crate) struct Halves {
    /// Known inputs to known results and then the residuals.
    pub(crate) known: Program,
    /// Residuals and then unknown inputs to unknown results.
    pub(crate) rest: Program,
    /// Which results are unknown.
    pub(crate) unknown: Vec<bool>,
    /// The number of residuals.
    pub(crate) residuals: usize,
}

/// Where a variable of the source is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Known(Atom),
    Rest(Atom),
}

impl From<Atom> for Place {
    fn from(atom: Atom) -> Self {
        Place::Known(atom)
    }
}

/// Splits a program by what the inputs whose flag in `unknown` is set reach. Results whose flag in `wanted` is set are given
/// by the second half even where the first knows them.
pub(crate) fn split(program: &Program, unknown: &[bool], wanted: &[bool]) -> Result<Halves, Error> {
    let mut splitter = Splitter {
        source: program,
        known: ProgramBuilder::new(),
        rest: ProgramBuilder::new(),
        env: Env::new(program),
        crossed: HashMap::new(),
        residuals: Vec::new(),
        again: HashMap::new(),
        constants: HashMap::new(),
    };
    for (&var, &flag) in program.inputs().iter().zip(unknown) {
        let ty = program.var_type(var).clone();
        let place = if flag {
            Place::Rest(Atom::Var(splitter.rest.input(ty)))
        } else {
            Place::Known(Atom::Var(splitter.known.input(ty)))
        };
        splitter.env.bind(var, place);
    }
    for (var, array) in program.constants() {
        let atom = splitter.known.constant(array);
        if let Atom::Var(known) = atom {
            splitter.constants.insert(known, array.clone());
        }
        splitter.env.bind(*var, Place::Known(atom));
    }
    for equation in program.equations() {
        splitter.equation(equation)?;
    }
    splitter.finish(count(unknown), wanted)
}

struct Splitter<'a> {
    source: &'a Program,
    known: ProgramBuilder,
    rest: ProgramBuilder,
    env: Env<Place>,
    /// What known variables are in the second half.
    crossed: HashMap<Var, Atom>,
    /// Known variables that cross, in the order of their inputs in the second half.
    residuals: Vec<Var>,
    /// Known variables that are as cheap to make again as to hand over.
    again: HashMap<Var, Equation>,
    constants: HashMap<Var, Array>,
}

impl Splitter<'_> {
    /// A value as the second half has it.
    fn cross(&mut self, place: Place) -> Atom {
        let var = match place {
            Place::Rest(atom) | Place::Known(atom @ Atom::Literal(..)) => return atom,
            Place::Known(Atom::Var(var)) => var,
        };
        if let Some(atom) = self.crossed.get(&var) {
            return *atom;
        }
        let atom = if let Some(array) = self.constants.get(&var) {
            self.rest.constant(array)
        } else if let Some(equation) = self.again.get(&var).cloned() {
            let ty = self.known.program().var_type(var).clone();
            let outputs = self
                .rest
                .push(equation.op, equation.inputs, [ty], equation.location);
            Atom::Var(outputs[0])
        } else {
            self.residuals.push(var);
            Atom::Var(self.rest.input(self.known.program().var_type(var).clone()))
        };
        self.crossed.insert(var, atom);
        atom
    }

    fn finish(mut self, unknown_inputs: usize, wanted: &[bool]) -> Result<Halves, Error> {
        let outputs: Vec<Place> = self.env.read_all(self.source.outputs());
        let (mut known, mut rest) = (Vec::new(), Vec::new());
        let mut unknown = Vec::with_capacity(outputs.len());
        for (k, &place) in outputs.iter().enumerate() {
            let forced = wanted.get(k).copied().unwrap_or(false);
            match place {
                Place::Known(atom) if !forced => {
                    known.push(atom);
                    unknown.push(false);
                }
                place => {
                    rest.push(self.cross(place));
                    unknown.push(true);
                }
            }
        }
        let mut rest = dead_code(self.rest.finish(rest));
        // Inputs came first, residuals as they were met; some of these nothing needs after all.
        let read = reads(&rest);
        let (inputs, crossing) = rest.inputs.split_at(unknown_inputs);
        let kept: Vec<bool> = crossing.iter().map(|v| read[v.index()]).collect();
        let residuals = marked(&self.residuals, &kept);
        rest.inputs = [&marked(crossing, &kept), inputs].concat();
        known.extend(residuals.iter().copied().map(Atom::Var));
        Ok(Halves {
            known: self.known.finish(known),
            rest,
            unknown,
            residuals: residuals.len(),
        })
    }

    fn equation(&mut self, equation: &Equation) -> Result<(), Error> {
        let inputs: SmallVec<[Place; 4]> = self.env.read_all(&equation.inputs);
        let unknown: Vec<bool> = inputs
            .iter()
            .map(|place| matches!(place, Place::Rest(_)))
            .collect();
        if !unknown.contains(&true) {
            let atoms: Atoms = inputs
                .iter()
                .map(|place| match place {
                    Place::Known(atom) | Place::Rest(atom) => *atom,
                })
                .collect();
            let outputs: Vec<Atom> =
                copy(&mut self.known, self.source, equation, atoms.clone()).collect();
            if let (Op::Data(DataOp::BroadcastInDim(_) | DataOp::Iota(_)), [Atom::Var(var)]) =
                (&equation.op, &outputs[..])
                && atoms.iter().all(Atom::is_literal)
            {
                let inputs = atoms;
                let copied = Equation {
                    inputs,
                    ..equation.clone()
                };
                self.again.insert(*var, copied);
            }
            let places = outputs.into_iter().map(Place::Known);
            self.env.bind_all(&equation.outputs, places);
            return Ok(());
        }
        let outputs = match &equation.op {
            Op::Data(_) => self.whole(equation, &inputs),
            Op::Control(op) => match op {
                ControlOp::Call(op) => self.call(op, equation, &inputs, &unknown)?,
                ControlOp::Checkpoint(op) => self.checkpoint(op, equation, &inputs, &unknown)?,
                ControlOp::Cond(op) if !unknown[0] => self.cond(op, equation, &inputs, &unknown)?,
                ControlOp::Scan(op) => self.scan(op, equation, &inputs, &unknown)?,
                ControlOp::While(op) => self.while_loop(op, equation, &inputs, &unknown)?,
                ControlOp::CustomVmapCall(op) => {
                    let call = Call {
                        name: op.rule.name().into(),
                        program: op.program.clone(),
                    };
                    self.known_beside_whole(&call, equation, &inputs, &unknown)?
                }
                ControlOp::Cond(_)
                | ControlOp::HostCall(_)
                | ControlOp::CustomJvpCall(_)
                | ControlOp::CustomVjpCall(_)
                | ControlOp::CustomLin(_)
                | ControlOp::ScatterApply(_)
                | ControlOp::Collective(_) => self.whole(equation, &inputs),
            },
        };
        self.env.bind_all(&equation.outputs, outputs);
        Ok(())
    }

    /// The whole equation in the second half.
    fn whole(&mut self, equation: &Equation, inputs: &[Place]) -> Vec<Place> {
        let atoms: Atoms = inputs.iter().map(|&place| self.cross(place)).collect();
        let outputs = copy(&mut self.rest, self.source, equation, atoms);
        outputs.map(Place::Rest).collect()
    }

    fn emit_known(
        &mut self,
        op: impl Into<Op>,
        inputs: impl IntoIterator<Item = Atom>,
        equation: &Equation,
    ) -> Result<Vec<Atom>, Error> {
        let mut cx = Emitter {
            builder: &mut self.known,
            location: equation.location,
        };
        Ok(cx.emit(op, inputs)?.into_vec())
    }

    fn emit_rest(
        &mut self,
        op: impl Into<Op>,
        inputs: impl IntoIterator<Item = Atom>,
        equation: &Equation,
    ) -> Result<Vec<Atom>, Error> {
        let mut cx = Emitter {
            builder: &mut self.rest,
            location: equation.location,
        };
        Ok(cx.emit(op, inputs)?.into_vec())
    }

    /// A known atom as the second half has it.
    fn cross_all(&mut self, atoms: &[Atom]) -> Vec<Atom> {
        atoms
            .iter()
            .map(|&atom| self.cross(Place::Known(atom)))
            .collect()
    }

    fn call(
        &mut self,
        op: &Call,
        equation: &Equation,
        inputs: &[Place],
        unknown: &[bool],
    ) -> Result<Vec<Place>, Error> {
        let halves = split(&op.program, unknown, &[])?;
        let call = |program: Program| Call {
            name: op.name.clone(),
            program: Arc::new(program),
        };
        let (known, rest) = parts(inputs);
        let mut found = self.emit_known(call(halves.known), known, equation)?;
        let residuals = found.split_off(found.len() - halves.residuals);
        let mut operands = self.cross_all(&residuals);
        operands.extend(rest);
        let rest = self.emit_rest(call(halves.rest), operands, equation)?;
        Ok(merged(&halves.unknown, found, rest))
    }

    /// The whole equation in the second half, and beside it a call that computes what is known.
    fn known_beside_whole(
        &mut self,
        call: &Call,
        equation: &Equation,
        inputs: &[Place],
        unknown: &[bool],
    ) -> Result<Vec<Place>, Error> {
        let halves = split(&call.program, unknown, &[])?;
        let mut program = halves.known;
        program
            .outputs
            .truncate(program.outputs.len() - halves.residuals);
        let (known, _) = parts(inputs);
        let op = Call {
            name: call.name.clone(),
            program: Arc::new(dead_code(program)),
        };
        let found = self.emit_known(op, known, equation)?;
        let rest = self.whole(equation, inputs);
        let mut found = found.into_iter();
        Ok(rest
            .into_iter()
            .zip(&halves.unknown)
            .filter_map(|(rest, &unknown)| match unknown {
                true => Some(rest),
                false => found.next().map(Place::Known),
            })
            .collect())
    }

    /// The first half computes the results and what the policy keeps; the second computes the rest again.
    fn checkpoint(
        &mut self,
        op: &Checkpoint,
        equation: &Equation,
        inputs: &[Place],
        unknown: &[bool],
    ) -> Result<Vec<Place>, Error> {
        if let CheckpointPolicy::EverythingSaveable = op.policy {
            let call = Call {
                name: "checkpoint".into(),
                program: op.program.clone(),
            };
            return self.call(&call, equation, inputs, unknown);
        }
        let halves = split(&op.program, unknown, &[])?;
        let results = halves.known.outputs.len() - halves.residuals;
        let saved = match op.policy {
            CheckpointPolicy::DotsSaveable => products(&halves.known),
            CheckpointPolicy::EverythingSaveable | CheckpointPolicy::NothingSaveable => Vec::new(),
        };
        // Residuals again, from the inputs and what is saved.
        let mut recompute = halves.known.clone();
        recompute.outputs.drain(..results);
        recompute
            .equations
            .retain(|e| !e.outputs.iter().any(|v| saved.contains(v)));
        recompute.inputs.extend(&saved);
        let recompute = dead_code(recompute);
        let mut known = halves.known;
        known.outputs.truncate(results);
        known.outputs.extend(saved.iter().copied().map(Atom::Var));
        let known = dead_code(known);

        let (known_inputs, rest_inputs) = parts(inputs);
        let call = Checkpoint {
            program: Arc::new(known),
            ..*op
        };
        let mut found = self.emit_known(call, known_inputs.clone(), equation)?;
        let saved = found.split_off(results);

        let mut builder = ProgramBuilder::new();
        let take = |program: &Program, from: usize, builder: &mut ProgramBuilder| -> Vec<Atom> {
            let types = program.input_types();
            let inputs = types.into_iter().skip(from);
            inputs.map(|ty| Atom::Var(builder.input(ty))).collect()
        };
        let again = take(&recompute, 0, &mut builder);
        let tangents = take(&halves.rest, halves.residuals, &mut builder);
        let mut residuals = recompute.inline(&mut builder, &again);
        residuals.extend(tangents);
        let outputs = halves.rest.inline(&mut builder, &residuals);
        let program = builder.finish(outputs);
        let mut operands = self.cross_all(&known_inputs);
        operands.extend(self.cross_all(&saved));
        operands.extend(rest_inputs);
        let call = Checkpoint {
            program: Arc::new(program),
            policy: op.policy,
            differentiated: true,
        };
        let rest = self.emit_rest(call, operands, equation)?;
        Ok(merged(&halves.unknown, found, rest))
    }

    fn cond(
        &mut self,
        op: &Cond,
        equation: &Equation,
        inputs: &[Place],
        unknown: &[bool],
    ) -> Result<Vec<Place>, Error> {
        let unknown = &unknown[1..];
        let mut halves = op
            .branches
            .iter()
            .map(|b| split(b, unknown, &[]))
            .collect::<Result<Vec<_>, _>>()?;
        let mut wanted = vec![false; equation.outputs.len()];
        for half in &halves {
            wanted
                .iter_mut()
                .zip(&half.unknown)
                .for_each(|(w, &u)| *w |= u);
        }
        for (half, branch) in halves.iter_mut().zip(&op.branches) {
            if half.unknown != wanted {
                *half = split(branch, unknown, &wanted)?;
            }
        }
        // Branches share places for residuals of one type; a branch leaves zeros where it has none.
        let mut slots: Vec<TensorType> = Vec::new();
        let mut places = Vec::with_capacity(halves.len());
        for half in &halves {
            let mut taken = vec![false; slots.len()];
            let types = half.rest.input_types();
            let mut mine = Vec::with_capacity(half.residuals);
            for ty in &types[..half.residuals] {
                let free = (0..slots.len()).find(|&s| !taken[s] && slots[s].same_layout(ty));
                let slot = free.unwrap_or_else(|| {
                    slots.push(ty.clone());
                    taken.push(false);
                    slots.len() - 1
                });
                taken[slot] = true;
                mine.push(slot);
            }
            places.push(mine);
        }
        let (mut known, mut rest) = (Vec::new(), Vec::new());
        for (half, places) in halves.into_iter().zip(places) {
            let (k, r) = at_places(half, &places, &slots)?;
            known.push(Arc::new(k));
            rest.push(Arc::new(r));
        }
        let (known_inputs, rest_inputs) = parts(inputs);
        let mut found =
            self.emit_known(Cond { branches: known }, known_inputs.clone(), equation)?;
        let residuals = found.split_off(found.len() - slots.len());
        let mut operands = self.cross_all(&known_inputs[..1]);
        operands.extend(self.cross_all(&residuals));
        operands.extend(rest_inputs);
        let rest = self.emit_rest(Cond { branches: rest }, operands, equation)?;
        Ok(merged(&wanted, found, rest))
    }

    fn while_loop(
        &mut self,
        op: &While,
        equation: &Equation,
        inputs: &[Place],
        unknown: &[bool],
    ) -> Result<Vec<Place>, Error> {
        let consts = op.cond_consts + op.body_consts;
        let mut carry = unknown[consts..].to_vec();
        loop {
            let flags = [&unknown[op.cond_consts..consts], &carry].concat();
            let reach = Reach::new(&op.body, flags, |_| false);
            let mut changed = false;
            for (flag, out) in carry.iter_mut().zip(op.body.outputs()) {
                changed |= !*flag && reach.reaches(out);
                *flag |= reach.reaches(out);
            }
            if !changed {
                break;
            }
        }
        let flags = [&unknown[..op.cond_consts], &carry].concat();
        let test = Reach::new(&op.cond, flags, |_| false);
        if test.reaches(&op.cond.outputs()[0]) {
            return Ok(self.whole(equation, inputs));
        }
        // The loop runs for what is known, and again, with the rest, in the second half.
        let known: Vec<bool> = carry.iter().map(|c| !c).collect();
        let body_inputs = [&unknown[op.cond_consts..consts], &carry].concat();
        let mut body = SubProgram::unwrap_or_clone(op.body.clone());
        body.outputs = marked(&body.outputs, &known);
        body = dead_code(body);
        body.inputs = unmarked(&body.inputs, &body_inputs);
        let mut cond = dead_code(SubProgram::unwrap_or_clone(op.cond.clone()));
        cond.inputs = unmarked(&cond.inputs, &[&unknown[..op.cond_consts], &carry].concat());
        let new = While {
            cond: Arc::new(cond),
            cond_consts: op.cond_consts - count(&unknown[..op.cond_consts]),
            body: Arc::new(body),
            body_consts: op.body_consts - count(&unknown[op.cond_consts..consts]),
        };
        let mut operands = parts(&inputs[..consts]).0;
        for (place, &unknown) in inputs[consts..].iter().zip(&carry) {
            if let (Place::Known(atom), false) = (place, unknown) {
                operands.push(*atom);
            }
        }
        let found = self.emit_known(new, operands, equation)?;
        let rest = self.whole(equation, inputs);
        let mut found = found.into_iter();
        Ok(rest
            .into_iter()
            .zip(&carry)
            .filter_map(|(rest, &unknown)| match unknown {
                true => Some(rest),
                false => found.next().map(Place::Known),
            })
            .collect())
    }

    fn scan(
        &mut self,
        op: &Scan,
        equation: &Equation,
        inputs: &[Place],
        unknown: &[bool],
    ) -> Result<Vec<Place>, Error> {
        let fixed = op.num_consts + op.num_carry;
        let mut flags = unknown.to_vec();
        let halves = loop {
            let carry = &flags[op.num_consts..fixed];
            let halves = split(&op.body, &flags, carry)?;
            let next = halves.unknown[..op.num_carry].to_vec();
            if next == carry {
                break halves;
            }
            flags[op.num_consts..fixed].copy_from_slice(&next);
        };
        let (consts, rest) = flags.split_at(op.num_consts);
        let (carry, xs) = rest.split_at(op.num_carry);
        let known = |flags: &[bool]| flags.len() - count(flags);
        let (known_consts, known_carry) = (known(consts), known(carry));

        // What the constants alone settle is computed once; slices are there already; the rest is stacked.
        let mut body = halves.known;
        let residuals = body
            .outputs
            .split_off(body.outputs.len() - halves.residuals);
        let varies = (0..body.inputs.len()).map(|k| k >= known_consts);
        let reach = Reach::new(&body, varies, |op| op.has_effects() || op.calls_host());
        let scanned = &body.inputs[known_consts + known_carry..];
        let sources: Vec<Residual> = residuals
            .iter()
            .map(|atom| match atom {
                Atom::Var(v) if scanned.contains(v) => {
                    let slice = scanned.iter().position(|w| w == v).unwrap_or_default();
                    Residual::Slice(slice)
                }
                atom if !reach.reaches(atom) => Residual::Settled,
                _ => Residual::Stacked,
            })
            .collect();
        let of = |want: Residual| -> Vec<usize> {
            (0..sources.len())
                .filter(|&k| sources[k].same_kind(want))
                .collect()
        };
        let (settled, stacked, sliced) = (
            of(Residual::Settled),
            of(Residual::Stacked),
            of(Residual::Slice(0)),
        );
        let mut first = Rebuild::new(&body);
        for &var in &body.inputs[..known_consts] {
            first.input(var);
        }
        first.constants();
        for e in reach.equations(false) {
            first.equation(e);
        }
        let first = dead_code(first.finish(&pick(&residuals, settled.iter().copied())));
        body.outputs
            .extend(pick(&residuals, stacked.iter().copied()));

        // The first half: constants, carry, slices.
        let known_inputs: Vec<Atom> = inputs
            .iter()
            .zip(&flags)
            .filter_map(|(place, &unknown)| match place {
                Place::Known(atom) if !unknown => Some(*atom),
                Place::Known(_) | Place::Rest(_) => None,
            })
            .collect();
        let (const_inputs, looped) = known_inputs.split_at(known_consts);
        let known_xs = &looped[known_carry..];
        let settled_values = first.inline(&mut self.known, const_inputs);
        let known_scan = Scan {
            body: Arc::new(dead_code(body)),
            num_consts: known_consts,
            num_carry: known_carry,
            ..op.clone()
        };
        let mut found = self.emit_known(known_scan, known_inputs.clone(), equation)?;
        let stacks = found.split_off(found.len() - stacked.len());

        // The second: settled residuals and constants, carry, stacked residuals and slices.
        let mut rest = halves.rest;
        let (own, theirs) = rest.inputs.split_at(halves.residuals);
        let (their_consts, theirs) = theirs.split_at(count(consts));
        let (their_carry, their_xs) = theirs.split_at(count(carry));
        rest.inputs = [
            &pick(own, settled.iter().copied())[..],
            their_consts,
            their_carry,
            &pick(own, stacked.iter().copied()),
            &pick(own, sliced.iter().copied()),
            their_xs,
        ]
        .concat();
        let rest_scan = Scan {
            body: Arc::new(rest),
            num_consts: settled.len() + count(consts),
            num_carry: count(carry),
            lanes: false,
            ..op.clone()
        };
        let places = |from: usize, flags: &[bool]| {
            pick(inputs, positions(flags).into_iter().map(|k| from + k))
        };
        let groups = [
            places(0, consts),
            places(op.num_consts, carry),
            places(fixed, xs),
        ];
        let [consts_in, carry_in, xs_in] = groups.map(|places| {
            let cross = |&place: &Place| self.cross(place);
            places.iter().map(cross).collect::<Vec<Atom>>()
        });
        let mut operands = self.cross_all(&settled_values);
        operands.extend(consts_in);
        operands.extend(carry_in);
        operands.extend(self.cross_all(&stacks));
        let slices = sliced.iter().map(|&k| match sources[k] {
            Residual::Slice(at) => known_xs[at],
            Residual::Settled | Residual::Stacked => known_xs[0],
        });
        let slices: Vec<Atom> = slices.collect();
        operands.extend(self.cross_all(&slices));
        operands.extend(xs_in);
        let rest = self.emit_rest(rest_scan, operands, equation)?;
        Ok(merged(&halves.unknown, found, rest))
    }
}

/// Where the second half of a loop gets a residual from.
#[derive(Clone, Copy, Debug)]
enum Residual {
    /// It does not change from step to step.
    Settled,
    /// It is a slice of what is scanned over.
    Slice(usize),
    /// Each step has its own.
    Stacked,
}

impl Residual {
    fn same_kind(self, other: Residual) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// Known atoms, and those of the second half, in order.
fn parts(inputs: &[Place]) -> (Vec<Atom>, Vec<Atom>) {
    let (mut known, mut rest) = (Vec::new(), Vec::new());
    for place in inputs {
        match place {
            Place::Known(atom) => known.push(*atom),
            Place::Rest(atom) => rest.push(*atom),
        }
    }
    (known, rest)
}

/// Results of both halves in the order of the source.
fn merged(unknown: &[bool], known: Vec<Atom>, rest: Vec<Atom>) -> Vec<Place> {
    let (mut known, mut rest) = (known.into_iter(), rest.into_iter());
    let next = |&unknown: &bool| match unknown {
        true => rest.next().map(Place::Rest),
        false => known.next().map(Place::Known),
    };
    unknown.iter().filter_map(next).collect()
}

/// The variables of a program that products of matrices give.
fn products(program: &Program) -> Vec<Var> {
    let product = |e: &&Equation| matches!(e.op, Op::Data(DataOp::DotGeneral(_)));
    let equations = program.equations().iter().filter(product);
    equations.flat_map(|e| e.outputs.iter().copied()).collect()
}

/// A branch whose residuals are at their places among those of all branches.
fn at_places(
    half: Halves,
    places: &[usize],
    slots: &[TensorType],
) -> Result<(Program, Program), Error> {
    let mut known = half.known;
    let mut outputs = std::mem::take(&mut known.outputs);
    let residuals = outputs.split_off(outputs.len() - half.residuals);
    let mut builder = ProgramBuilder::from(known);
    for (slot, ty) in slots.iter().enumerate() {
        outputs.push(match places.iter().position(|&p| p == slot) {
            Some(k) => residuals[k],
            None => zeros(&mut builder, ty)?,
        });
    }
    let known = builder.finish(outputs);

    let mut rest = half.rest;
    let outputs = std::mem::take(&mut rest.outputs);
    let inputs = std::mem::take(&mut rest.inputs);
    let (own, theirs) = inputs.split_at(half.residuals);
    let mut builder = ProgramBuilder::from(rest);
    let mut all = Vec::with_capacity(slots.len() + theirs.len());
    for (slot, ty) in slots.iter().enumerate() {
        all.push(match places.iter().position(|&p| p == slot) {
            Some(k) => own[k],
            None => builder.input(ty.clone()),
        });
    }
    all.extend_from_slice(theirs);
    let mut rest = builder.finish(outputs);
    rest.inputs = all;
    Ok((known, rest))
}
