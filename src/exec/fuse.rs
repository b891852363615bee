//! Which equations of a program run as one step.
//!
//! A group runs over one [`Space`]: elements of a shape, whose last axes may be reduced. Its members are elementwise equations over
//! the elements, reductions of the last axes, and elementwise equations over what is reduced; so a softmax, a layer norm or
//! `tanh(W x + b).sum()` behind its product is one group. Equations that only move elements about are no steps where all who read
//! them are groups, which read the source with other strides.
//!
//! Equations are taken in order. A group is open while nothing outside reads its values; open groups can grow and be joined, since none
//! waits for another. What closes it is a reader that cannot be a member, or an equation that runs programs or the host, so
//! that host calls see what ran before them as without groups. It runs where it was closed, behind all that it reads.

use super::group::{Level, Space};
use crate::array::DType;
use crate::program::{Atom, BroadcastInDim, DataOp, Op, Program, Reduce, Var};

/// What becomes one step.
#[derive(Debug)]
pub(super) enum Unit {
    /// An equation by itself.
    One(usize),
    /// Equations, in order, that run as one.
    Group(Vec<usize>, Space),
}

/// What an equation is to groups.
enum Kind<'a> {
    /// Element by element.
    Elementwise,
    /// A reduction of the axes from this one on.
    Reduction(usize),
    /// Moves elements about or repeats them.
    View(View<'a>),
    /// Not a member, but with no effect outside.
    Other,
    /// Runs programs or the host.
    Control,
}

/// Where a view's elements are.
enum View<'a> {
    /// In the order they were in.
    Reshaped,
    /// In that order, but repeated.
    Repeated(&'a BroadcastInDim),
    Elsewhere,
}

struct Group {
    members: Vec<usize>,
    space: Space,
    open: bool,
    /// The group it was joined to.
    joined: Option<usize>,
}

/// Where a variable is computed.
#[derive(Clone, Copy)]
struct Home {
    group: usize,
    /// None where members cannot read it, because it is ready only when the group has run.
    level: Option<Level>,
}

struct Fuser<'a> {
    program: &'a Program,
    homes: Vec<Option<Home>>,
    /// By variable, the last group that reads it from outside.
    readers: Vec<Option<usize>>,
    groups: Vec<Group>,
    open: Vec<usize>,
    units: Vec<Unit>,
}

/// Cuts a program into steps.
pub(super) fn units(program: &Program) -> Vec<Unit> {
    let mut fuser = Fuser {
        program,
        homes: vec![None; program.types().len()],
        readers: vec![None; program.types().len()],
        groups: Vec::new(),
        open: Vec::new(),
        units: Vec::new(),
    };
    for i in 0..program.equations().len() {
        match fuser.kind(i) {
            Kind::Elementwise => fuser.elementwise(i),
            Kind::Reduction(split) => fuser.reduction(i, split),
            Kind::View(view) => fuser.view(i, &view),
            Kind::Other => fuser.other(i),
            Kind::Control => {
                fuser.close_all();
                fuser.units.push(Unit::One(i));
            }
        }
    }
    fuser.close_all();
    fuser.units
}

/// Whether an operation only moves elements about or repeats them.
pub(super) fn is_view(op: &Op) -> bool {
    matches!(
        op,
        Op::Data(
            DataOp::BroadcastInDim(_)
                | DataOp::Reshape(_)
                | DataOp::Transpose(_)
                | DataOp::Squeeze(_)
                | DataOp::Slice(_)
        )
    )
}

/// Whether an operation on arrays puts operands in row-major order where they are not.
pub(super) fn reads_in_order(op: &Op) -> bool {
    let Op::Data(data) = op else { return false };
    matches!(data, DataOp::Reshape(_)) || !matches!(data, DataOp::DotGeneral(_)) && !is_view(op)
}

impl<'a> Fuser<'a> {
    fn kind(&self, i: usize) -> Kind<'a> {
        let program = self.program;
        let equation = &program.equations()[i];
        let op = match &equation.op {
            Op::Data(op) => op,
            Op::Control(_) => return Kind::Control,
        };
        // Blocks are computed in the types that have kernels.
        let types = equation
            .inputs
            .iter()
            .map(|x| self.program.atom_type(x).dtype);
        let results = equation
            .outputs
            .iter()
            .map(|&v| self.program.var_type(v).dtype);
        if !types.chain(results).all(DType::has_kernels) && !is_view(&equation.op) {
            return Kind::Other;
        }
        match op {
            DataOp::Unary(_)
            | DataOp::Binary(_)
            | DataOp::IntegerPow(_)
            | DataOp::ConvertElementType(_)
            | DataOp::StopGradient(_)
            | DataOp::Clamp(_) => Kind::Elementwise,
            DataOp::SelectN(_) => {
                let which = self.program.atom_type(&equation.inputs[0]).dtype;
                if which == DType::Bool && equation.inputs.len() == 3 {
                    Kind::Elementwise
                } else {
                    Kind::Other
                }
            }
            DataOp::Reduce(Reduce { axes, .. }) => {
                let ty = self.program.atom_type(&equation.inputs[0]);
                let split = ty.rank() - axes.len();
                let last = axes.iter().copied().eq(split..ty.rank());
                let length: usize = ty.shape[split..].iter().product();
                if last && length > 1 && ty.size() > 0 {
                    Kind::Reduction(split)
                } else {
                    Kind::Other
                }
            }
            DataOp::Reshape(_) | DataOp::Squeeze(_) => Kind::View(View::Reshaped),
            DataOp::BroadcastInDim(op) => Kind::View(View::Repeated(op)),
            DataOp::Transpose(_) | DataOp::Slice(_) => Kind::View(View::Elsewhere),
            DataOp::Concatenate(_)
            | DataOp::Pad(_)
            | DataOp::Rev(_)
            | DataOp::Iota(_)
            | DataOp::ArgReduce(_)
            | DataOp::Cumulative(_)
            | DataOp::DotGeneral(_)
            | DataOp::DynamicSlice(_)
            | DataOp::DynamicUpdateSlice(_)
            | DataOp::Gather(_)
            | DataOp::Scatter(_)
            | DataOp::BitcastConvertType(_)
            | DataOp::ReducePrecision(_)
            | DataOp::Fft(_)
            | DataOp::Sort(_)
            | DataOp::TopK(_)
            | DataOp::Cholesky(_)
            | DataOp::TriangularSolve(_)
            | DataOp::Solve(_) => Kind::Other,
        }
    }

    /// The open group that computes a variable, and its level there.
    fn home(&self, atom: &Atom) -> Option<(usize, Option<Level>)> {
        let Atom::Var(var) = atom else { return None };
        let home = self.homes[var.index()]?;
        let group = self.find(home.group);
        self.groups[group].open.then_some((group, home.level))
    }

    /// The group that this one was joined to in the end.
    fn find(&self, mut group: usize) -> usize {
        while let Some(next) = self.groups[group].joined {
            group = next;
        }
        group
    }

    fn elementwise(&mut self, i: usize) {
        let program = self.program;
        let equation = &program.equations()[i];
        let shape = &program.var_type(equation.outputs[0]).shape;
        let mut target: Option<usize> = None;
        for atom in &equation.inputs {
            let Some((group, level)) = self.home(atom) else {
                continue;
            };
            if target == Some(group) && level.is_some() {
                continue;
            }
            let own = self.groups[group].space.level(shape);
            let fits = match (own, level) {
                (Some(Level::Each), Some(_)) | (Some(Level::Row), Some(Level::Row)) => true,
                (Some(Level::Row), Some(Level::Each)) | (None, _) | (_, None) => false,
            };
            match target {
                _ if !fits => self.close(group),
                None => target = Some(group),
                Some(other) => {
                    if !self.join(other, group) {
                        self.close(group);
                    }
                }
            }
        }
        // A value of a group that was closed later in the loop is read from outside; so is all that is not its own.
        let target = target
            .or_else(|| self.fellow_reader(&equation.inputs, |space| space.shape == *shape))
            .unwrap_or_else(|| self.new_group(Space::new(shape.clone())));
        let level = self.groups[target].space.level(shape);
        self.add(target, i, level);
    }

    fn reduction(&mut self, i: usize, split: usize) {
        let program = self.program;
        let equation = &program.equations()[i];
        let operand = &equation.inputs[0];
        let shape = program.atom_type(operand).shape;
        let takes =
            |space: &Space| space.shape == shape && space.split.is_none_or(|known| known == split);
        let mut target = None;
        if let Some((group, level)) = self.home(operand) {
            if level == Some(Level::Each) && takes(&self.groups[group].space) {
                target = Some(group);
            } else {
                self.close(group);
            }
        }
        let target = target
            .or_else(|| self.fellow_reader(&equation.inputs, takes))
            .unwrap_or_else(|| self.new_group(Space::new(shape.clone())));
        let space = &mut self.groups[target].space;
        space.split = Some(split);
        // The sum of a long row is complete only at the row's end.
        let level = (!space.is_long()).then_some(Level::Row);
        self.add(target, i, level);
    }

    fn view(&mut self, i: usize, view: &View<'_>) {
        let program = self.program;
        let equation = &program.equations()[i];
        let Some((group, level)) = self.home(&equation.inputs[0]) else {
            self.units.push(Unit::One(i));
            return;
        };
        let from = program.atom_type(&equation.inputs[0]).shape;
        let to = &program.var_type(equation.outputs[0]).shape;
        let space = &self.groups[group].space;
        let split = space.split.unwrap_or(to.len());
        // What stays in place is another name for the same value.
        let same = match (view, level) {
            (_, None) | (View::Elsewhere, Some(_)) => false,
            (View::Reshaped, Some(Level::Row)) => space.level(to) == Some(Level::Row),
            (View::Repeated(op), Some(Level::Row)) => {
                let outer = op.dims.iter().copied().take(split).eq(0..split);
                let rest = op.dims.iter().skip(split).all(|&d| d >= split);
                // A bare row has the outer axes and no others.
                outer && rest && from.len() >= split && space.level(to).is_some()
            }
            (View::Reshaped | View::Repeated(_), Some(Level::Each)) => from == *to,
        };
        if same {
            self.add(group, i, level);
        } else {
            self.close(group);
            self.units.push(Unit::One(i));
        }
    }

    fn other(&mut self, i: usize) {
        let program = self.program;
        for atom in &program.equations()[i].inputs {
            if let Some((group, _)) = self.home(atom) {
                self.close(group);
            }
        }
        self.units.push(Unit::One(i));
    }

    /// An open group that takes the equation and reads one of its operands anyway.
    fn fellow_reader(&self, operands: &[Atom], takes: impl Fn(&Space) -> bool) -> Option<usize> {
        operands.iter().find_map(|atom| {
            let Atom::Var(var) = atom else { return None };
            let group = self.find(self.readers[var.index()]?);
            let found = &self.groups[group];
            (found.open && takes(&found.space)).then_some(group)
        })
    }

    fn new_group(&mut self, space: Space) -> usize {
        self.groups.push(Group {
            members: Vec::new(),
            space,
            open: true,
            joined: None,
        });
        self.open.push(self.groups.len() - 1);
        self.groups.len() - 1
    }

    fn add(&mut self, group: usize, i: usize, level: Option<Level>) {
        let equation = &self.program.equations()[i];
        for atom in &equation.inputs {
            if let Atom::Var(var) = atom
                && self.home(atom).is_none_or(|(home, _)| home != group)
            {
                self.readers[var.index()] = Some(group);
            }
        }
        for &Var(var) in &equation.outputs {
            self.homes[var as usize] = Some(Home { group, level });
        }
        self.groups[group].members.push(i);
    }

    /// Makes two open groups one where their spaces agree.
    fn join(&mut self, into: usize, from: usize) -> bool {
        let (a, b) = (&self.groups[into].space, &self.groups[from].space);
        let splits_agree = a.split.is_none() || b.split.is_none() || a.split == b.split;
        if a.shape != b.shape || !splits_agree {
            return false;
        }
        let split = a.split.or(b.split);
        let members = std::mem::take(&mut self.groups[from].members);
        self.groups[from].joined = Some(into);
        self.groups[from].open = false;
        self.groups[into].space.split = split;
        self.groups[into].members.extend(members);
        self.open.retain(|&g| g != from);
        true
    }

    fn close(&mut self, group: usize) {
        self.open.retain(|&g| g != group);
        let group = &mut self.groups[group];
        group.open = false;
        let mut members = std::mem::take(&mut group.members);
        members.sort_unstable();
        self.units.push(Unit::Group(members, group.space.clone()));
    }

    fn close_all(&mut self) {
        for group in self.open.clone() {
            self.close(group);
        }
    }
}
