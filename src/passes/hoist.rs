//! Splitting a program in two by data flow: what some of its inputs reach, and what they do not.
//!
//! A loop runs what only its constants reach before its first step, and a batch in chunks runs what no mapped argument
//! reaches before its first chunk.

use crate::array::TensorType;
use crate::passes::rebuild::Rebuild;
use crate::program::{Atom, Equation, Op, Program, Var};

/// What of a program some of its inputs reach.
#[derive(Debug)]
pub(crate) struct Reach<'a> {
    program: &'a Program,
    variables: Vec<bool>,
    equations: Vec<bool>,
}

impl<'a> Reach<'a> {
    /// What the inputs whose flag is set reach; an operation that is `pinned` counts as reached by itself.
    pub(crate) fn new(
        program: &'a Program,
        inputs: impl IntoIterator<Item = bool>,
        pinned: impl Fn(&Op) -> bool,
    ) -> Self {
        let mut variables = vec![false; program.types().len()];
        for (var, flag) in program.inputs().iter().zip(inputs) {
            variables[var.index()] = flag;
        }
        let mut equations = Vec::with_capacity(program.equations().len());
        for equation in program.equations() {
            let read = |a: &Atom| matches!(a, Atom::Var(v) if variables[v.index()]);
            let reached = equation.inputs.iter().any(read) || pinned(&equation.op);
            for var in &equation.outputs {
                variables[var.index()] = reached;
            }
            equations.push(reached);
        }
        Reach {
            program,
            variables,
            equations,
        }
    }

    /// Whether the inputs reach an operand.
    pub(crate) fn reaches(&self, atom: &Atom) -> bool {
        matches!(atom, Atom::Var(v) if self.variables[v.index()])
    }

    /// The equations reached, or those that are not.
    pub(crate) fn equations(&self, reached: bool) -> impl Iterator<Item = &'a Equation> + '_ {
        let equations = self.program.equations().iter().zip(&self.equations);
        equations.filter_map(move |(e, &flag)| (flag == reached).then_some(e))
    }

    /// The variables not reached that the equations reached, and then `more`, read; in the order of their first use.
    fn crossing(&self, more: &[Atom]) -> Vec<Var> {
        let mut found = Vec::new();
        let operands = self.equations(true).flat_map(|e| &e.inputs);
        for atom in operands.chain(more) {
            if let Atom::Var(var) = atom
                && !self.variables[var.index()]
                && !found.contains(var)
            {
                found.push(*var);
            }
        }
        found
    }
}

/// A loop's body split into what its first `num_consts` inputs settle, and the rest, which takes the found values as
/// further constants behind those.
///
/// Only bodies with a settled pure callback are split: the host is then called once instead of once per step, as in
/// the reference, where compilation hoists it.
pub(crate) fn invariant(body: &Program, num_consts: usize) -> Option<(Program, Program)> {
    let (consts, varying) = body.inputs().split_at(num_consts);
    let changes = (0..body.inputs().len()).map(|k| k >= num_consts);
    let reach = Reach::new(body, changes, Op::has_effects);
    if !reach.equations(false).any(|e| e.op.calls_host()) {
        return None;
    }
    let mut computed = vec![false; body.types().len()];
    for equation in reach.equations(false) {
        for var in &equation.outputs {
            computed[var.index()] = true;
        }
    }
    let mut found = reach.crossing(body.outputs());
    found.retain(|var| computed[var.index()]);

    let (mut first, mut rest) = (Rebuild::new(body), Rebuild::new(body));
    for &var in consts {
        first.input(var);
    }
    for &var in consts.iter().chain(&found).chain(varying) {
        rest.input(var);
    }
    for (part, reached) in [(&mut first, false), (&mut rest, true)] {
        part.constants();
        for equation in reach.equations(reached) {
            part.equation(equation);
        }
    }
    let found: Vec<Atom> = found.into_iter().map(Atom::Var).collect();
    Some((first.finish(&found), rest.finish(body.outputs())))
}

/// A program split by what its mapped inputs reach.
#[derive(Debug)]
pub(crate) struct Split<'a> {
    /// The program under construction: all inputs, and what the mapped ones do not reach.
    pub(crate) outer: Rebuild<'a>,
    /// What they reach, for one lane: shared values, then mapped inputs, to the results reached.
    pub(crate) rest: Program,
    /// The variables of the source that the rest takes as shared values.
    pub(crate) shared: Vec<Var>,
}

/// Splits a program by what its `mapped` inputs reach; `full` gives the type of a mapped input with all its lanes.
pub(crate) fn split<'a>(
    reach: &Reach<'a>,
    mapped: &[bool],
    full: impl Fn(usize, &TensorType) -> TensorType,
) -> Split<'a> {
    let program = reach.program;
    let (mut outer, mut rest) = (Rebuild::new(program), Rebuild::new(program));
    let shared = reach.crossing(&[]);
    for &var in &shared {
        rest.input(var);
    }
    for (k, (&var, &mapped)) in program.inputs().iter().zip(mapped).enumerate() {
        if mapped {
            outer.input_of(var, full(k, program.var_type(var)));
            rest.input(var);
        } else {
            outer.input(var);
        }
    }
    outer.constants();
    for (part, reached) in [(&mut outer, false), (&mut rest, true)] {
        for equation in reach.equations(reached) {
            part.equation(equation);
        }
    }
    let outputs = program.outputs().iter().filter(|a| reach.reaches(a));
    let outputs: Vec<Atom> = outputs.copied().collect();
    Split {
        rest: rest.finish(&outputs),
        outer,
        shared,
    }
}
