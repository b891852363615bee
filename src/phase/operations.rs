//! A replay written out as single operations, in phasic's vocabulary.
//!
//! The list is what [`super::EliminationTrace::at`] and [`super::PhaseType::expectation`] compute, operation by operation
//! and in the same order of summation, from theta to the waiting time of every vertex and the expectation. It is
//! produced as it is read and holds one block's indices at a time, so printing the beginning of a long list costs
//! little.
//!
//! Every operation names earlier values only, so one pass in order evaluates the list.

use std::collections::VecDeque;
use std::fmt;

use thiserror::Error;

use crate::phase::graph::{Edge, Graph, VertexId};
use crate::phase::index::{Block, Index, IndexVec, Position, Slot, Transient};
use crate::phase::symbolic::factor::SymbolicFactor;
use crate::phase::symbolic::fill::BlockTrace;
use crate::phase::trace::EliminationTrace;

/// A list of operations would be longer than its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "one elimination takes {multiply_adds} multiply-adds, and the list of its operations is limited to {budget}; raise the limit, or replay the trace without listing it"
)]
#[non_exhaustive]
pub struct TooManyOperations {
    /// What one elimination takes.
    pub multiply_adds: u64,
    /// The limit.
    pub budget: u64,
}

/// The value an operation produces: its position in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(u64);

impl OpId {
    /// The position in the list.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let trace = EliminationTrace::record(&models::erlang(2)?);
    /// let positions: Vec<u64> = trace.operations().map(|step| step.id.index()).collect();
    /// assert_eq!(positions, (0..positions.len() as u64).collect::<Vec<_>>());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn index(self) -> u64 {
        self.0
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// A number.
    Const(f64),
    /// An entry of theta.
    Param(usize),
    /// A sum of coefficients times entries of theta, as pairs (parameter, coefficient).
    Dot(Vec<(usize, f64)>),
    /// The sum of two values.
    Add(OpId, OpId),
    /// The product of two values.
    Mul(OpId, OpId),
    /// The quotient of two values. Part of the vocabulary; the elimination multiplies by [`Inv`](Self::Inv) instead.
    Div(OpId, OpId),
    /// One over a value.
    Inv(OpId),
    /// The sum of values, from the first to the last.
    Sum(Vec<OpId>),
}

/// What a value is, where it has a name in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// A step on the way.
    Intermediate,
    /// The rate from one vertex to another, parallel edges together.
    Rate(VertexId, VertexId),
    /// The total rate at which a vertex leaves its block.
    Exit(VertexId),
    /// One over what a vertex is divided by when it is eliminated.
    InversePivot(VertexId),
    /// The expected time to absorption from a vertex.
    WaitingTime(VertexId),
    /// The expected time to absorption, the last value of the list.
    Expectation,
}

/// An operation with its place in the list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The value it produces.
    pub id: OpId,
    /// What it computes.
    pub operation: Operation,
    /// What the value is.
    pub role: Role,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Const(value) => write!(f, "CONST {value:?}"),
            Self::Param(index) => write!(f, "PARAM theta[{index}]"),
            Self::Dot(terms) => {
                f.write_str("DOT")?;
                for (position, (index, coefficient)) in terms.iter().enumerate() {
                    let plus = if position == 0 { "" } else { " +" };
                    write!(f, "{plus} {coefficient:?} theta[{index}]")?;
                }
                Ok(())
            }
            Self::Add(a, b) => write!(f, "ADD {a} {b}"),
            Self::Mul(a, b) => write!(f, "MUL {a} {b}"),
            Self::Div(a, b) => write!(f, "DIV {a} {b}"),
            Self::Inv(a) => write!(f, "INV {a}"),
            Self::Sum(terms) => {
                f.write_str("SUM")?;
                terms.iter().try_for_each(|term| write!(f, " {term}"))
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.id, self.operation)?;
        match self.role {
            Role::Intermediate => Ok(()),
            Role::Rate(from, to) => write!(f, "  # rate {} -> {}", from.index(), to.index()),
            Role::Exit(vertex) => write!(f, "  # exit of {vertex}"),
            Role::InversePivot(vertex) => write!(f, "  # 1 / pivot of {vertex}"),
            Role::WaitingTime(vertex) => write!(f, "  # waiting time of {vertex}"),
            Role::Expectation => f.write_str("  # expectation"),
        }
    }
}

/// What the iterator does when its buffer runs empty.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The rates of one vertex.
    Rates(Transient),
    /// The exits of one block, and all of a singleton block.
    Enter(Block),
    /// One row of a block's elimination.
    Row(Block, Position),
    /// One row of the forward substitution.
    Forward(Block, Position),
    /// One row of the back substitution, counted down: the row before this one.
    Backward(Block, Position),
    Expectation,
    Done,
}

/// The operations of a replay, in order.
///
/// Vertices that can never be absorbed are left out: there is no finite value to compute.
///
/// ```
/// use elimap::phase::{EliminationTrace, models};
///
/// let trace = EliminationTrace::record(&models::erlang(1)?);
/// let list: Vec<String> = trace.operations().map(|step| step.to_string()).collect();
/// assert_eq!(list, [
///     "%0 = PARAM theta[0]  # rate 1 -> 2",
///     "%1 = CONST 1.0",
///     "%2 = INV %0  # 1 / pivot of vertex 1",
///     "%3 = MUL %1 %2  # waiting time of vertex 1",
///     "%4 = CONST 1.0",
///     "%5 = MUL %4 %3  # expectation",
/// ]);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Debug)]
pub struct Operations<'t> {
    graph: &'t Graph,
    symbolic: &'t SymbolicFactor,
    stage: Stage,
    buffer: VecDeque<Step>,
    next: u64,
    one: Option<OpId>,
    rates: IndexVec<Slot, OpId>,
    waiting: IndexVec<Transient, Option<OpId>>,
    block: BlockValues,
}

/// The values of the block that is being eliminated.
#[derive(Debug)]
struct BlockValues {
    leaving: IndexVec<Position, Option<OpId>>,
    row: IndexVec<Position, Option<OpId>>,
    lower: Vec<OpId>,
    upper: Vec<OpId>,
    exit: IndexVec<Position, Option<OpId>>,
    inverse: IndexVec<Position, OpId>,
    solution: IndexVec<Position, OpId>,
}

impl BlockValues {
    fn new(leaving: IndexVec<Position, Option<OpId>>) -> Self {
        Self {
            row: IndexVec::filled(None, leaving.len()),
            leaving,
            lower: Vec::new(),
            upper: Vec::new(),
            exit: IndexVec::new(),
            inverse: IndexVec::new(),
            solution: IndexVec::new(),
        }
    }
}

impl EliminationTrace {
    /// The operations of a replay with the expectation, written out one by one; see [`Operations`].
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Role, models};
    ///
    /// let trace = EliminationTrace::record(&models::erlang(2)?);
    /// assert_eq!(trace.operations().last().map(|step| step.role), Some(Role::Expectation));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn operations(&self) -> Operations<'_> {
        let (graph, symbolic) = (self.graph(), self.symbolic());
        Operations {
            graph,
            symbolic,
            stage: Stage::Rates(Transient::new(0)),
            buffer: VecDeque::new(),
            next: 0,
            one: None,
            rates: IndexVec::new(),
            waiting: IndexVec::filled(None, symbolic.layout().transient_count()),
            block: BlockValues::new(IndexVec::new()),
        }
    }

    /// The operations, if there are not too many of them to be of use.
    ///
    /// A trace is patterns; nothing of it is ever expanded but by this list, which has at least one operation per
    /// multiply-add. Their number is known beforehand.
    ///
    /// # Errors
    ///
    /// [`TooManyOperations`] if one elimination takes more than `budget` multiply-adds.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, PhaseError, TooManyOperations, models};
    ///
    /// let trace = EliminationTrace::record(&models::dense(20, 1)?);
    /// assert!(trace.operations_within(10_000)?.count() > 2_000);
    /// let refused = trace.operations_within(1_000);
    /// assert!(matches!(refused, Err(TooManyOperations { multiply_adds: 2280, .. })));
    /// # Ok::<(), PhaseError>(())
    /// ```
    pub fn operations_within(&self, budget: u64) -> Result<Operations<'_>, TooManyOperations> {
        match self.summary().multiply_adds {
            multiply_adds if multiply_adds > budget => Err(TooManyOperations {
                multiply_adds,
                budget,
            }),
            _ => Ok(self.operations()),
        }
    }
}

impl Operations<'_> {
    fn emit(&mut self, operation: Operation, role: Role) -> OpId {
        let id = OpId(self.next);
        self.next += 1;
        self.buffer.push_back(Step {
            id,
            operation,
            role,
        });
        id
    }

    /// A sum of any number of values but zero; a lone value is its own sum and keeps its role.
    fn sum(&mut self, terms: Vec<OpId>, role: Role) -> Option<OpId> {
        match terms[..] {
            [] => None,
            [only] => Some(only),
            [a, b] => Some(self.emit(Operation::Add(a, b), role)),
            _ => Some(self.emit(Operation::Sum(terms), role)),
        }
    }

    fn edge_rate(&mut self, edge: Edge<'_>, role: Role) -> OpId {
        if edge.terms().any(|(_, factors)| factors.len() > 1) {
            return self.product_rate(edge, role);
        }
        let operation = match (edge.parameters, edge.coefficients) {
            ([], _) => Operation::Const(edge.constant),
            (&[parameter], &[1.0]) => Operation::Param(parameter as usize),
            (parameters, coefficients) => Operation::Dot(
                parameters
                    .iter()
                    .map(|&index| index as usize)
                    .zip(coefficients.iter().copied())
                    .collect(),
            ),
        };
        self.emit(operation, role)
    }

    /// The rate of an edge that has products of parameters, term by term.
    fn product_rate(&mut self, edge: Edge<'_>, role: Role) -> OpId {
        let last = edge.terms().len() - 1;
        let mut sum = (edge.constant != 0.0)
            .then(|| self.emit(Operation::Const(edge.constant), Role::Intermediate));
        for (place, (coefficient, factors)) in edge.terms().enumerate() {
            let mut term = self.emit(Operation::Const(coefficient), Role::Intermediate);
            for (at, &parameter) in factors.iter().enumerate() {
                let value = self.emit(Operation::Param(parameter as usize), Role::Intermediate);
                let ends = sum.is_none() && place == last && at + 1 == factors.len();
                let role = if ends { role } else { Role::Intermediate };
                term = self.emit(Operation::Mul(term, value), role);
            }
            sum = Some(match sum {
                None => term,
                Some(sum) => {
                    let role = if place == last {
                        role
                    } else {
                        Role::Intermediate
                    };
                    self.emit(Operation::Add(sum, term), role)
                }
            });
        }
        // There is at least one term.
        sum.unwrap_or_else(|| self.one())
    }

    fn rates_of(&mut self, t: Transient) {
        let (graph, layout) = (self.graph, self.symbolic.layout());
        let from = layout.vertex(t);
        for slot in layout.slots(t).iter() {
            let edges = layout.edges(slot).iter();
            let edges = edges.map(|&edge| graph.edge_of(from, edge as usize));
            let to = edges.clone().next().map_or(from, |edge| edge.to);
            let role = match edges.len() {
                1 => Role::Rate(from, to),
                _ => Role::Intermediate,
            };
            let terms: Vec<OpId> = edges.map(|edge| self.edge_rate(edge, role)).collect();
            let rate = self.sum(terms, Role::Rate(from, to));
            self.rates.extend(rate);
        }
    }

    /// The value 1, made once.
    fn one(&mut self) -> OpId {
        match self.one {
            Some(one) => one,
            None => *self.one.insert({
                let id = OpId(self.next);
                self.next += 1;
                self.buffer.push_back(Step {
                    id,
                    operation: Operation::Const(1.0),
                    role: Role::Intermediate,
                });
                id
            }),
        }
    }

    /// The right-hand side of a vertex: 1, and what later blocks contribute.
    fn right_hand_side(&mut self, t: Transient) -> Vec<OpId> {
        let mut terms = vec![self.one()];
        for (slot, later) in self.symbolic.layout().later_targets(t) {
            if let Some(time) = self.waiting[later] {
                terms.push(self.emit(Operation::Mul(self.rates[slot], time), Role::Intermediate));
            }
        }
        terms
    }

    /// The rates that leave the block of a vertex.
    fn leaving(&self, t: Transient) -> Vec<OpId> {
        let slots = self.symbolic.layout().leaving(t).iter();
        slots.map(|slot| self.rates[slot]).collect()
    }

    fn singleton(&mut self, t: Transient) {
        let vertex = self.symbolic.layout().vertex(t);
        let leaving = self.leaving(t);
        let terms = self.right_hand_side(t);
        let Some(pivot) = self.sum(leaving, Role::Exit(vertex)) else {
            return;
        };
        let Some(right) = self.sum(terms, Role::Intermediate) else {
            return;
        };
        let inverse = self.emit(Operation::Inv(pivot), Role::InversePivot(vertex));
        self.waiting[t] =
            Some(self.emit(Operation::Mul(right, inverse), Role::WaitingTime(vertex)));
    }

    fn enter(&mut self, block: Block) -> Stage {
        let layout = self.symbolic.layout();
        let first = layout.members(block).start;
        if layout.nonabsorbing().is_some_and(|marks| marks[first]) {
            return Stage::before(block);
        }
        let Some(trace) = self.symbolic.block_trace(block) else {
            self.singleton(first);
            return Stage::before(block);
        };
        let members = trace.order.iter().map(|&local| layout.member(block, local));
        let leaving = members.map(|t| self.sum(self.leaving(t), Role::Exit(layout.vertex(t))));
        self.block = BlockValues::new(leaving.collect());
        Stage::Row(block, Position::new(0))
    }

    fn row(&mut self, block: Block, trace: &BlockTrace, p: Position) {
        let layout = self.symbolic.layout();
        let t = layout.member(block, trace.order[p]);
        for &column in trace.lower.row(p).iter().chain(trace.upper.row(p)) {
            self.block.row[column] = None;
        }
        for (slot, target) in layout.own_targets(t) {
            self.block.row[trace.position[target]] = Some(self.rates[slot]);
        }
        let mut exit = self.block.leaving[p];
        for &v in trace.lower.row(p) {
            // The pattern says that there is a value.
            let Some(weight) = self.block.row[v] else {
                continue;
            };
            self.block.lower.push(weight);
            for (entry, &u) in trace.upper.range(v).zip(trace.upper.row(v)) {
                if u != p {
                    let product = self.emit(
                        Operation::Mul(weight, self.block.upper[entry]),
                        Role::Intermediate,
                    );
                    self.block.row[u] = Some(self.accumulate(self.block.row[u], product));
                }
            }
            if let Some(probability) = self.block.exit[v] {
                let product = self.emit(Operation::Mul(weight, probability), Role::Intermediate);
                exit = Some(self.accumulate(exit, product));
            }
        }
        let later: Vec<OpId> = trace
            .upper
            .row(p)
            .iter()
            .filter_map(|&u| self.block.row[u])
            .collect();
        let pivot_terms = exit.iter().chain(&later).copied().collect();
        // A block of a graph reaches absorption, so every vertex leads somewhere.
        let Some(pivot) = self.sum(pivot_terms, Role::Intermediate) else {
            return;
        };
        let inverse = self.emit(Operation::Inv(pivot), Role::InversePivot(layout.vertex(t)));
        for rate in later {
            let probability = self.emit(Operation::Mul(rate, inverse), Role::Intermediate);
            self.block.upper.push(probability);
        }
        let probability =
            exit.map(|exit| self.emit(Operation::Mul(exit, inverse), Role::Intermediate));
        self.block.exit.push(probability);
        self.block.inverse.push(inverse);
    }

    fn accumulate(&mut self, sum: Option<OpId>, term: OpId) -> OpId {
        match sum {
            Some(sum) => self.emit(Operation::Add(sum, term), Role::Intermediate),
            None => term,
        }
    }

    fn forward(&mut self, block: Block, trace: &BlockTrace, p: Position) {
        let layout = self.symbolic.layout();
        let t = layout.member(block, trace.order[p]);
        let role = self.solution_role(trace, p, t);
        let mut terms = self.right_hand_side(t);
        for (entry, &v) in trace.lower.range(p).zip(trace.lower.row(p)) {
            let product = Operation::Mul(self.block.lower[entry], self.block.solution[v]);
            terms.push(self.emit(product, Role::Intermediate));
        }
        if let Some(right) = self.sum(terms, Role::Intermediate) {
            let value = self.emit(Operation::Mul(right, self.block.inverse[p]), role);
            self.block.solution.push(value);
        }
    }

    /// A row without upper entries is solved by the forward substitution.
    fn solution_role(&self, trace: &BlockTrace, p: Position, t: Transient) -> Role {
        if trace.upper.row(p).is_empty() {
            Role::WaitingTime(self.symbolic.layout().vertex(t))
        } else {
            Role::Intermediate
        }
    }

    fn backward(&mut self, block: Block, trace: &BlockTrace, p: Position) {
        let layout = self.symbolic.layout();
        let t = layout.member(block, trace.order[p]);
        let mut terms = vec![self.block.solution[p]];
        for (entry, &u) in trace.upper.range(p).zip(trace.upper.row(p)) {
            let product = Operation::Mul(self.block.upper[entry], self.block.solution[u]);
            terms.push(self.emit(product, Role::Intermediate));
        }
        if let Some(time) = self.sum(terms, Role::WaitingTime(layout.vertex(t))) {
            self.block.solution[p] = time;
            self.waiting[t] = Some(time);
        }
    }

    fn expectation(&mut self) {
        let mut terms = Vec::new();
        let start: Vec<_> = self.symbolic.layout().start(self.graph).collect();
        for &(t, probability) in &start {
            if let Some(time) = self.waiting[t] {
                let weight = self.emit(Operation::Const(probability), Role::Intermediate);
                let role = if start.len() == 1 {
                    Role::Expectation
                } else {
                    Role::Intermediate
                };
                terms.push(self.emit(Operation::Mul(weight, time), role));
            }
        }
        if self.sum(terms, Role::Expectation).is_none() {
            self.emit(Operation::Const(0.0), Role::Expectation);
        }
    }

    /// Fills the buffer with the next group of operations.
    fn refill(&mut self) {
        let symbolic = self.symbolic;
        let layout = symbolic.layout();
        self.stage = match self.stage {
            Stage::Rates(t) if t < layout.transients().end => {
                self.rates_of(t);
                Stage::Rates(t.plus(1))
            }
            Stage::Rates(_) => Stage::before(Block::new(layout.blocks().len())),
            Stage::Enter(block) => self.enter(block),
            Stage::Row(block, p) => match symbolic.block_trace(block) {
                Some(trace) if p < trace.order.span().end => {
                    self.row(block, trace, p);
                    Stage::Row(block, p.plus(1))
                }
                _ => Stage::Forward(block, Position::new(0)),
            },
            Stage::Forward(block, p) => match symbolic.block_trace(block) {
                Some(trace) if p < trace.order.span().end => {
                    self.forward(block, trace, p);
                    Stage::Forward(block, p.plus(1))
                }
                _ => Stage::Backward(block, p),
            },
            Stage::Backward(block, end) => {
                match (end.index().checked_sub(1), symbolic.block_trace(block)) {
                    (Some(p), Some(trace)) => {
                        self.backward(block, trace, Position::new(p));
                        Stage::Backward(block, Position::new(p))
                    }
                    _ => Stage::before(block),
                }
            }
            Stage::Expectation => {
                self.expectation();
                Stage::Done
            }
            Stage::Done => Stage::Done,
        };
    }
}

impl Stage {
    /// The block before this one; blocks are solved from the last to the first.
    fn before(block: Block) -> Self {
        match block.index().checked_sub(1) {
            Some(before) => Self::Enter(Block::new(before)),
            None => Self::Expectation,
        }
    }
}

impl Iterator for Operations<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.buffer.pop_front() {
                return Some(step);
            }
            if matches!(self.stage, Stage::Done) {
                return None;
            }
            self.refill();
        }
    }
}
