//! Splitting a program into what does not depend on some of its inputs, and what does.
//!
//! Applied to a [`jvp`](super::jvp) and its tangents this is linearization: the first half computes the results, the second,
//! which is linear, the tangents. What the second reads of the first crosses as *residuals*. The split is by data
//! flow; operations that run programs are split in two as well, so that a loop's residuals come stacked and a conditional's are
//! those of the branch taken.

mod loops;

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::custom_vmap::known_of_rule;
use super::emit::{Emitter, copy, count, marked, zeros};
use crate::array::{Array, TensorType};
use crate::error::Error;
use crate::passes::dead::{dead_code, reads};
use crate::passes::env::Env;
use crate::program::{
    Atom, Atoms, Call, Checkpoint, CheckpointPolicy, Cond, ControlOp, CustomVmapCall, DataOp,
    Equation, Op, Program, ProgramBuilder, Var,
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
                    self.custom_vmap(op, equation, &inputs, &unknown)?
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
        emit(&mut self.known, op, inputs, equation)
    }

    fn emit_rest(
        &mut self,
        op: impl Into<Op>,
        inputs: impl IntoIterator<Item = Atom>,
        equation: &Equation,
    ) -> Result<Vec<Atom>, Error> {
        emit(&mut self.rest, op, inputs, equation)
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
        let mut found = self.emit_known(call(dead_code(halves.known)), known, equation)?;
        let residuals = found.split_off(found.len() - halves.residuals);
        let mut operands = self.cross_all(&residuals);
        operands.extend(rest);
        let rest = self.emit_rest(call(halves.rest), operands, equation)?;
        Ok(merged(&halves.unknown, found, rest))
    }

    /// The whole equation in the second half, and beside it a call that computes what is known, which batches as the
    /// function's rule says of it.
    fn custom_vmap(
        &mut self,
        op: &CustomVmapCall,
        equation: &Equation,
        inputs: &[Place],
        unknown: &[bool],
    ) -> Result<Vec<Place>, Error> {
        let (program, hidden) = known(&op.program, unknown)?;
        let consts = op.num_consts;
        let types = op.program.input_types();
        let args = (&unknown[consts..], &types[consts..]);
        let call = CustomVmapCall {
            rule: known_of_rule(&op.rule, args, &hidden, known),
            program: Arc::new(program),
            num_consts: consts - count(&unknown[..consts]),
        };
        let found = self.emit_known(call, parts(inputs).0, equation)?;
        let rest = self.whole(equation, inputs);
        let mut found = found.into_iter();
        let place = |(rest, &hidden): (Place, &bool)| match hidden {
            true => Some(rest),
            false => found.next().map(Place::Known),
        };
        Ok(rest.into_iter().zip(&hidden).filter_map(place).collect())
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
}

/// What of a program's results does not depend on the inputs whose flag is set, and which results do.
fn known(program: &Program, unknown: &[bool]) -> Result<(Program, Vec<bool>), Error> {
    let halves = split(program, unknown, &[])?;
    let mut known = halves.known;
    known
        .outputs
        .truncate(known.outputs.len() - halves.residuals);
    Ok((dead_code(known), halves.unknown))
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
    // A further derivative does not meet what nothing needs.
    let known = dead_code(builder.finish(outputs));

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

/// Emits into one of the halves, as from the place of an equation.
fn emit(
    builder: &mut ProgramBuilder,
    op: impl Into<Op>,
    inputs: impl IntoIterator<Item = Atom>,
    equation: &Equation,
) -> Result<Vec<Atom>, Error> {
    let mut cx = Emitter {
        builder,
        location: equation.location,
    };
    Ok(cx.emit(op, inputs)?.into_vec())
}
