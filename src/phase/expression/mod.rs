//! Rewards as expressions over states: `s0 + 2 * s1`, `waiting * (place == 3)`.
//!
//! An expression is parsed once ([`parse`]) into code for a stack, so neither its length nor its nesting is a matter of the
//! thread's own stack, and evaluated per vertex.

pub(crate) mod error;
mod parse;

use std::fmt;
use std::str::FromStr;

use crate::phase::expression::error::ExpressionError;
use crate::phase::graph::{Graph, VertexId};

/// A function of a vertex's state, to be used as a reward.
///
/// | form | meaning |
/// | --- | --- |
/// | `s0`, `s1`, .. | the entries of the state |
/// | `working`, .. | the same by their [names](Graph::slot_names), where the graph has them |
/// | `vertex` | the number of the vertex |
/// | `1.5`, `2e-3` | numbers |
/// | `+ - * / ^`, parentheses | arithmetic |
/// | `== != < <= > >=` | 1 where it holds, else 0 |
/// | `&&`, <code>\|\|</code>, `!` | of conditions; every number but 0 holds |
/// | `sum(s0..s3)`, `min(..)`, `max(..)` | of entries from the first to the last named, or of values separated by commas |
/// | `abs(x)`, `if(condition, x, y)` | |
///
/// An expression reads only states, so it fits every graph that has the entries it names.
///
/// ```
/// use elimap::phase::{EliminationTrace, Expression, models};
///
/// // The expected time that lineages spend, added up: twice the harmonic number for Kingman's coalescent.
/// let graph = models::kingman(4)?;
/// let lineages: Expression = "s0 * (s0 > 1)".parse()?;
/// let length = lineages.on(&graph)?;
/// assert_eq!(length, [0.0, 4.0, 3.0, 2.0, 0.0]);
/// let sojourn = EliminationTrace::record(&graph).at(&[1.0])?.expected_sojourn_times();
/// let mean: f64 = length.iter().zip(&sojourn).map(|(r, t)| r * t).sum();
/// assert!((mean - 2.0 * (1.0 + 1.0 / 2.0 + 1.0 / 3.0)).abs() < 1e-14);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    code: Vec<Op>,
}

/// A step of the evaluation: it takes its operands from the stack and leaves its value there.
#[derive(Clone, Debug, PartialEq)]
enum Op {
    Number(f64),
    Name(Name),
    /// A function of the entries from one name to another.
    Range(Function, Name, Name),
    Unary(Unary),
    Binary(Binary),
    /// A function of so many values.
    Call(Function, usize),
}

/// A name and the byte where it begins.
#[derive(Clone, Debug, PartialEq)]
struct Name {
    text: String,
    at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unary {
    Negate,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Binary {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Function {
    Sum,
    Min,
    Max,
    Abs,
    If,
}

/// A step with its names found in a graph.
enum Bound {
    Number(f64),
    Slot(usize),
    Vertex,
    Unary(Unary),
    Binary(Binary),
    Call(Function, usize),
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let code = parse::parse(text)?;
        Ok(Self {
            text: text.to_owned(),
            code,
        })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expression {
    /// The value at every vertex; 0 at the start and at absorbing vertices, where no time is spent.
    ///
    /// # Errors
    ///
    /// [`ExpressionError::UnknownName`] for a name that the graph's states do not have, [`ExpressionError::Value`] where the value
    /// is infinite or not a number.
    ///
    /// ```
    /// use elimap::phase::{Expression, models};
    ///
    /// // Twice the number of lineages, of the coalescent of three.
    /// let graph = models::kingman(3)?;
    /// let twice: Expression = "2 * s0".parse()?;
    /// assert_eq!(twice.on(&graph)?, [0.0, 6.0, 4.0, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on(&self, graph: &Graph) -> Result<Vec<f64>, ExpressionError> {
        let code = self.bind(graph)?;
        let mut stack = Vec::new();
        let is_spent = |vertex| vertex != VertexId::START && !graph.is_absorbing(vertex);
        let value = |vertex: VertexId| {
            if !is_spent(vertex) {
                return Ok(0.0);
            }
            let value = evaluate(&code, vertex, graph.state(vertex), &mut stack);
            match value.is_finite() {
                true => Ok(value),
                false => Err(ExpressionError::Value {
                    text: self.text.clone(),
                    vertex: vertex.index(),
                    state: graph.state(vertex).to_vec(),
                    value,
                }),
            }
        };
        graph.vertices().map(value).collect()
    }

    fn bind(&self, graph: &Graph) -> Result<Vec<Bound>, ExpressionError> {
        let mut code = Vec::with_capacity(self.code.len());
        for op in &self.code {
            let bound = match op {
                Op::Number(value) => Bound::Number(*value),
                Op::Name(name) if name.text == "vertex" && slot(graph, name).is_none() => {
                    Bound::Vertex
                }
                Op::Name(name) => Bound::Slot(self.slot(graph, name)?),
                Op::Range(function, first, last) => {
                    let slots = self.slot(graph, first)?..=self.slot(graph, last)?;
                    if slots.is_empty() {
                        return Err(ExpressionError::Range {
                            text: self.text.clone(),
                            at: self.character(first),
                            first: first.text.clone(),
                            last: last.text.clone(),
                        });
                    }
                    let count = slots.clone().count();
                    code.extend(slots.map(Bound::Slot));
                    Bound::Call(*function, count)
                }
                Op::Unary(op) => Bound::Unary(*op),
                Op::Binary(op) => Bound::Binary(*op),
                Op::Call(function, count) => Bound::Call(*function, *count),
            };
            code.push(bound);
        }
        Ok(code)
    }

    /// Where a name is, counted in characters from 1.
    fn character(&self, name: &Name) -> usize {
        self.text.get(..name.at).unwrap_or_default().chars().count() + 1
    }

    fn slot(&self, graph: &Graph, name: &Name) -> Result<usize, ExpressionError> {
        slot(graph, name).ok_or_else(|| ExpressionError::UnknownName {
            text: self.text.clone(),
            at: self.character(name),
            name: name.text.clone(),
            known: known(graph),
        })
    }
}

impl Graph {
    /// The value of an [`Expression`] over states at every vertex, as a reward.
    ///
    /// # Errors
    ///
    /// [`ExpressionError`] if it does not parse, names what states do not have, or has no finite value somewhere.
    ///
    /// ```
    /// use elimap::phase::models;
    ///
    /// let graph = models::k_out_of_n(2, 3)?;
    /// assert_eq!(graph.reward("working < 3")?, [0.0, 0.0, 1.0, 0.0]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn reward(&self, expression: &str) -> Result<Vec<f64>, ExpressionError> {
        expression.parse::<Expression>()?.on(self)
    }
}

/// Which entry of a state a name means.
fn slot(graph: &Graph, name: &Name) -> Option<usize> {
    let named = graph.slot_names().iter();
    let by_name = named.into_iter().position(|slot| *slot == name.text);
    by_name.or_else(|| {
        let digits = name.text.strip_prefix('s')?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let slot: usize = is_number.then(|| digits.parse().ok())??;
        (slot < graph.state_length()).then_some(slot)
    })
}

/// What names there are, for a message.
fn known(graph: &Graph) -> String {
    const MOST: usize = 12;
    let numbered = match graph.state_length() {
        0 => "no entries".to_owned(),
        1 => "s0".to_owned(),
        length => format!("s0 to s{}", length - 1),
    };
    let names = graph.slot_names();
    if names.is_empty() {
        return numbered;
    }
    let more = if names.len() > MOST { ", .." } else { "" };
    let names = &names[..names.len().min(MOST)];
    format!("{numbered}, or {}{more}", names.join(", "))
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn evaluate(code: &[Bound], vertex: VertexId, state: &[i64], stack: &mut Vec<f64>) -> f64 {
    stack.clear();
    for op in code {
        let value = match *op {
            Bound::Number(value) => value,
            Bound::Slot(slot) => state[slot] as f64,
            Bound::Vertex => vertex.index() as f64,
            Bound::Unary(op) => {
                let x = stack.pop().unwrap_or(f64::NAN);
                match op {
                    Unary::Negate => -x,
                    Unary::Not => truth(x == 0.0),
                }
            }
            Bound::Binary(op) => {
                let y = stack.pop().unwrap_or(f64::NAN);
                let x = stack.pop().unwrap_or(f64::NAN);
                binary(op, x, y)
            }
            Bound::Call(function, count) => {
                let first = stack.len().saturating_sub(count);
                let value = call(function, &stack[first..]);
                stack.truncate(first);
                value
            }
        };
        stack.push(value);
    }
    // The parser leaves exactly one value.
    stack.pop().unwrap_or(f64::NAN)
}

fn binary(op: Binary, x: f64, y: f64) -> f64 {
    match op {
        Binary::Or => truth(x != 0.0 || y != 0.0),
        Binary::And => truth(x != 0.0 && y != 0.0),
        Binary::Equal => truth(x == y),
        Binary::Unequal => truth(x != y),
        Binary::Less => truth(x < y),
        Binary::LessOrEqual => truth(x <= y),
        Binary::Greater => truth(x > y),
        Binary::GreaterOrEqual => truth(x >= y),
        Binary::Add => x + y,
        Binary::Subtract => x - y,
        Binary::Multiply => x * y,
        Binary::Divide => x / y,
        Binary::Power => x.powf(y),
    }
}

fn call(function: Function, values: &[f64]) -> f64 {
    match (function, values) {
        (Function::Sum, values) => values.iter().sum(),
        (Function::Min, values) => values.iter().copied().fold(f64::INFINITY, f64::min),
        (Function::Max, values) => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        (Function::Abs, [x]) => x.abs(),
        (Function::If, &[condition, yes, no]) => match condition != 0.0 {
            true => yes,
            false => no,
        },
        // The parser counts values.
        (Function::Abs | Function::If, _) => f64::NAN,
    }
}
