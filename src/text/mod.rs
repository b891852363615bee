//! Programs as JAX's jaxpr text: printing here, reading in [`parse`].
//!
//! ```text
//! program  := "{ lambda " constants "; " inputs ". let" equations "in (" results ") }"
//! binder   := name ":" dtype "[" dims "]"
//! equation := binders " = " operation [ "[" key "=" value .. "]" ] " " operands
//! shared   := "let " name " = " program " in"          before the program that uses it
//! ```
//!
//! The text is that of `jax.make_jaxpr` (rules P1 to P9), with these differences, all so that it reads back:
//!
//! - A program that several equations run stands before the programs that use it; JAX orders them by first use.
//! - An output that a `jit` call drops keeps a name inside the called program, where JAX repeats the `_`.
//! - A callback shows its name in place of a function object with its address.
//! - Named axes show their sizes (`axis_sizes`), a parallel callback its `lanes`, and a scan `lanes` where
//!   its form does not tell whether its steps are lanes.

mod layout;
mod parse;
#[cfg(feature = "serde")]
mod serde;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::array::{Array, DType, TensorType};
use crate::ops;
use crate::program::text::{Param, Shown, python};
use crate::program::{
    Atom, BinaryOp, Call, ControlOp, DataOp, Equation, Op, Program, ProgramBuilder, Scatter,
    ScatterOp, SubProgram, Var,
};
use layout::Doc;
pub(crate) use parse::Compose;
pub use parse::ProgramParser;

/// A program with more equations than this is shown before the program that runs it.
const INLINE_EQUATIONS: usize = 10;

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Printer::default().document(self).render())
    }
}

/// Names of one program's variables, by index.
type Names = HashMap<Var, String>;

#[derive(Default)]
struct Printer {
    /// The next variable's number; all programs of one text count on.
    next: usize,
    /// Programs shown by name.
    shared: HashMap<*const Program, String>,
    /// Their names, which no variable gets.
    reserved: HashSet<String>,
    /// The programs scatters show as `update_jaxpr`, one per kind and element type as in JAX.
    updates: HashMap<(ScatterOp, DType), SubProgram>,
    /// The constants, in the order of the text.
    constants: Vec<Array>,
}

impl Printer {
    fn document(&mut self, program: &Program) -> Doc {
        let shared = self.find_shared(program);
        let mut parts = Vec::new();
        let mut shown = HashSet::new();
        for sub in &shared {
            self.show_shared(sub, &mut shown, &mut parts);
        }
        // Only at the top does JAX show what is unused as `_`.
        let used = used_vars(program);
        let unused = program
            .equations
            .iter()
            .flat_map(|e| &e.outputs)
            .filter(|v| !used.contains(v));
        let mut names = unused.map(|&v| (v, "_".to_owned())).collect();
        parts.push(self.program(program, &mut names));
        Doc::Concat(parts)
    }

    /// Finds the programs used more than once or too long to stand inline, and names them after their first caller.
    fn find_shared(&mut self, program: &Program) -> Vec<SubProgram> {
        struct Use {
            program: SubProgram,
            uses: usize,
            name: Option<String>,
        }
        let mut found: Vec<Use> = Vec::new();
        let mut index: HashMap<*const Program, usize> = HashMap::new();
        let mut queue: VecDeque<(SubProgram, Option<String>)> = VecDeque::new();
        self.enqueue(program, &mut queue);
        while let Some((sub, name)) = queue.pop_front() {
            let at = *index.entry(Arc::as_ptr(&sub)).or_insert_with(|| {
                found.push(Use {
                    program: sub.clone(),
                    uses: 0,
                    name: None,
                });
                found.len() - 1
            });
            let entry = &mut found[at];
            entry.uses += 1;
            entry.name = entry.name.take().or(name);
            // What a program runs counts once per use of it, but two are as good as more: without this bound a tower
            // of n programs, each running the one below twice, would take 2^n steps.
            if entry.uses <= 2 {
                self.enqueue(&sub, &mut queue);
            }
        }
        let mut shared = Vec::new();
        for entry in found {
            if entry.uses == 1 && entry.program.equations.len() <= INLINE_EQUATIONS {
                continue;
            }
            let base = entry
                .name
                .as_deref()
                .map_or_else(|| "jaxpr".to_owned(), let_name);
            let mut name = base.clone();
            let mut suffix = 1;
            while !self.reserved.insert(name.clone()) {
                name = format!("{base}{suffix}");
                suffix += 1;
            }
            self.shared.insert(Arc::as_ptr(&entry.program), name);
            shared.push(entry.program);
        }
        shared
    }

    fn enqueue(&mut self, program: &Program, queue: &mut VecDeque<(SubProgram, Option<String>)>) {
        for equation in &program.equations {
            let name = called(&equation.op).map(|call| call.name.to_string());
            queue.extend(
                self.programs_of(program, equation)
                    .into_iter()
                    .map(|sub| (sub, name.clone())),
            );
        }
    }

    /// Every program an equation shows.
    fn programs_of(&mut self, program: &Program, equation: &Equation) -> SmallVec<[SubProgram; 2]> {
        match self.update_program(program, equation) {
            Some(update) => smallvec![update],
            None => equation.op.sub_programs().into_iter().cloned().collect(),
        }
    }

    /// Shows a shared program, after those it runs itself.
    fn show_shared(
        &mut self,
        sub: &SubProgram,
        shown: &mut HashSet<*const Program>,
        parts: &mut Vec<Doc>,
    ) {
        if !shown.insert(Arc::as_ptr(sub)) {
            return;
        }
        for equation in &sub.equations {
            for inner in self.programs_of(sub, equation) {
                self.show_shared(&inner, shown, parts);
            }
        }
        if let Some(name) = self.shared.get(&Arc::as_ptr(sub)).cloned() {
            parts.push(Doc::text(format!("let {name} = ")));
            parts.push(self.program(sub, &mut Names::new()));
            parts.push(Doc::text(" in"));
            parts.push(Doc::Break(" "));
        }
    }

    /// A program in braces; `names` holds the names that are settled already.
    fn program(&mut self, program: &Program, names: &mut Names) -> Doc {
        self.constants
            .extend(program.constants.iter().map(|(_, array)| array.clone()));
        let constants: Vec<Var> = program.constants.iter().map(|(var, _)| *var).collect();
        let constants = self.binders(program, &constants, names);
        let inputs = self.binders(program, &program.inputs, names);
        let equations: Vec<Doc> = program
            .equations
            .iter()
            .map(|e| self.equation(program, e, names))
            .collect();
        let results = self.atoms(&program.outputs, names, ",");
        let body = Doc::Concat(vec![
            Doc::text("{ lambda "),
            constants,
            Doc::text("; "),
            inputs,
            Doc::text(". let"),
            Doc::nest(Doc::Concat(vec![
                Doc::Break(" "),
                Doc::lines(equations, "; "),
            ])),
            Doc::Break(" "),
            Doc::text("in ("),
            results,
            Doc::text(if program.outputs.len() == 1 {
                ",)"
            } else {
                ")"
            }),
        ]);
        Doc::group(Doc::Concat(vec![Doc::nest(body), Doc::text(" }")]))
    }

    fn equation(&mut self, program: &Program, equation: &Equation, names: &mut Names) -> Doc {
        let mut parts = Vec::new();
        if !equation.outputs.is_empty() {
            parts.push(self.binders(program, &equation.outputs, names));
            parts.push(Doc::text(" = "));
        }
        parts.push(Doc::text(match equation.op.name() {
            // Both ways to round are one primitive with a parameter.
            "round_half_even" => "round",
            name => name,
        }));
        let results: SmallVec<[TensorType; 2]> = equation
            .outputs
            .iter()
            .filter_map(|v| program.types.get(v.index()).cloned())
            .collect();
        let update = self.update_program(program, equation);
        let mut shown = Vec::new();
        for (key, value) in params(&equation.op, &results, update) {
            let value = match value {
                Param::Text(text) => Doc::text(text),
                Param::Program(sub) => self.sub_program(&sub, equation, names),
                Param::Programs(subs) => {
                    let subs: Vec<Doc> = subs
                        .iter()
                        .map(|sub| self.sub_program(sub, equation, names))
                        .collect();
                    bracketed("(", subs, ")")
                }
            };
            shown.push(Doc::Concat(vec![Doc::text(key), Doc::text("="), value]));
        }
        if !shown.is_empty() {
            parts.push(bracketed("[", shown, "]"));
        }
        parts.push(Doc::text(" "));
        parts.push(self.atoms(&equation.inputs, names, ""));
        Doc::Concat(parts)
    }

    /// A program run by an equation: its name where it is shared, in full otherwise.
    fn sub_program(&mut self, sub: &SubProgram, equation: &Equation, names: &Names) -> Doc {
        if let Some(name) = self.shared.get(&Arc::as_ptr(sub)) {
            return Doc::text(name.clone());
        }
        let mut inner = Names::new();
        if called(&equation.op).is_some() {
            let inputs = equation.inputs.iter().map(|atom| match atom {
                Atom::Var(var) => Some(*var),
                Atom::Literal(..) => None,
            });
            share_names(
                &mut inner,
                sub.inputs.iter().copied().map(Some),
                inputs,
                names,
            );
            let results = sub.outputs.iter().map(|atom| match atom {
                Atom::Var(var) => Some(*var),
                Atom::Literal(..) => None,
            });
            share_names(
                &mut inner,
                results,
                equation.outputs.iter().copied().map(Some),
                names,
            );
        }
        self.program(sub, &mut inner)
    }

    /// What a scatter does where an update meets an element, which JAX shows as a program.
    fn update_program(&mut self, program: &Program, equation: &Equation) -> Option<SubProgram> {
        let Op::Data(DataOp::Scatter(Scatter { kind, .. })) = equation.op else {
            return None;
        };
        let combine = match kind {
            ScatterOp::Set => return None,
            ScatterOp::Add => BinaryOp::Add,
            ScatterOp::Mul => BinaryOp::Mul,
            ScatterOp::Min => BinaryOp::Min,
            ScatterOp::Max => BinaryOp::Max,
        };
        let result = equation
            .outputs
            .first()
            .and_then(|v| program.types.get(v.index()))?;
        let update = self.updates.entry((kind, result.dtype)).or_insert_with(|| {
            let ty = result.dtype.scalar();
            let mut builder = ProgramBuilder::new();
            let inputs = [
                builder.input(ty.clone()).into(),
                builder.input(ty.clone()).into(),
            ];
            let outputs = builder.push(combine, SmallVec::from_slice(&inputs), [ty], None);
            Arc::new(builder.finish(outputs.into_iter().map(Atom::Var).collect()))
        });
        Some(update.clone())
    }

    fn binders(&mut self, program: &Program, vars: &[Var], names: &mut Names) -> Doc {
        let items: Vec<String> = vars
            .iter()
            .map(|&var| {
                let name = self.name(var, names);
                match program.types.get(var.index()) {
                    Some(ty) => format!("{name}:{ty}"),
                    None => format!("{name}:?"),
                }
            })
            .collect();
        Doc::fill(items, "")
    }

    fn atoms(&mut self, atoms: &[Atom], names: &mut Names, separator: &'static str) -> Doc {
        let items: Vec<String> = atoms
            .iter()
            .map(|atom| match atom {
                Atom::Var(var) => self.name(*var, names),
                Atom::Literal(value, _) => {
                    format!("{}:{}", python::scalar(*value), value.dtype().scalar())
                }
            })
            .collect();
        Doc::fill(items, separator)
    }

    fn name(&mut self, var: Var, names: &mut Names) -> String {
        names.entry(var).or_insert_with(|| self.fresh()).clone()
    }

    /// The next of `a`, .., `z`, `ba`, `bb`, ..: numbers in base 26.
    fn fresh(&mut self) -> String {
        loop {
            let mut digits = Vec::new();
            let mut rest = self.next;
            self.next += 1;
            loop {
                digits.push(char::from(b'a' + (rest % 26) as u8));
                rest /= 26;
                if rest == 0 {
                    break;
                }
            }
            let name: String = digits.into_iter().rev().collect();
            if !self.reserved.contains(&name) {
                return name;
            }
        }
    }
}

/// The call, where an operation is one.
fn called(op: &Op) -> Option<&Call> {
    if let Op::Control(ControlOp::Call(call)) = op {
        Some(call)
    } else {
        None
    }
}

/// An equation's parameters in the order shown.
fn params(
    op: &Op,
    results: &[TensorType],
    update: Option<SubProgram>,
) -> Vec<(&'static str, Param)> {
    let mut shown = Shown::new(results, update);
    ops::params(op, &mut shown);
    let mut params = shown.into_entries();
    // JAX sorts by key, except for `jit`, whose name leads.
    if called(op).is_none() {
        params.sort_by_key(|(key, _)| *key);
    }
    params
}

/// Gives variables of a called program the names of the caller's variables they stand for, each name once.
fn share_names(
    inner: &mut Names,
    inner_vars: impl ExactSizeIterator<Item = Option<Var>>,
    outer_vars: impl ExactSizeIterator<Item = Option<Var>>,
    outer: &Names,
) {
    if inner_vars.len() != outer_vars.len() {
        return;
    }
    let mut taken = HashSet::new();
    for (inner_var, outer_var) in inner_vars.zip(outer_vars) {
        let (Some(inner_var), Some(outer_var)) = (inner_var, outer_var) else {
            continue;
        };
        let Some(name) = outer.get(&outer_var).filter(|name| *name != "_") else {
            continue;
        };
        if !inner.contains_key(&inner_var) && taken.insert(outer_var) {
            inner.insert(inner_var, name.clone());
        }
    }
}

fn used_vars(program: &Program) -> HashSet<Var> {
    let operands = program
        .equations
        .iter()
        .flat_map(|e| &e.inputs)
        .chain(&program.outputs);
    operands
        .filter_map(|atom| match atom {
            Atom::Var(var) => Some(*var),
            Atom::Literal(..) => None,
        })
        .collect()
}

/// One line, or each document on a line of its own between the brackets.
fn bracketed(open: &'static str, docs: Vec<Doc>, close: &'static str) -> Doc {
    let inner = Doc::Concat(vec![Doc::text(open), Doc::Break(""), Doc::lines(docs, " ")]);
    Doc::group(Doc::Concat(vec![
        Doc::nest(inner),
        Doc::Break(""),
        Doc::text(close),
    ]))
}

/// The name under which a called function's program is shown: an identifier, `lambda` for `<lambda>`.
fn let_name(called: &str) -> String {
    let name = called.trim_matches(['<', '>']);
    let mut name: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if !python::is_identifier(&name) || matches!(&name[..], "None" | "True" | "False" | "let") {
        name.insert_str(0, "jaxpr_");
    }
    name
}
