//! Loops in two halves: what the first pass knows, and what the second makes of it step by step.

use std::sync::Arc;

use super::{Place, Splitter, merged, parts, split};
use crate::error::Error;
use crate::passes::dead::dead_code;
use crate::passes::hoist::Reach;
use crate::passes::rebuild::Rebuild;
use crate::program::{Atom, Equation, Scan, SubProgram, While};
use crate::transform::autodiff::emit::{count, marked, pick, positions, unmarked};

impl Splitter<'_> {
    pub(super) fn while_loop(
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

    pub(super) fn scan(
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
