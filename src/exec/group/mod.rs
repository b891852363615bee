//! Groups of equations that run as one step, block by block.
//!
//! A group is a list of [`Instruction`]s on blocks of about [`BLOCK`] elements. For each block all instructions run before the next
//! block is touched, so what they hand to each other stays in the first cache, in an [`Arena`] of slots that are reused by
//! liveness. Operands from outside are read where they lie if their elements follow each other as the group's do, are one
//! value if they repeat everywhere, and are copied to a slot otherwise, which is where strides of any kind and broadcasting
//! end. Results are written where they stay.
//!
//! Rows of up to [`LONG`] elements lie in one block as a whole: what is reduced of them is at hand for later instructions of the same
//! block. Longer ones are cut into the blocks of the order of reductions, whose results are combined when all have
//! run. Which block runs when, and on which thread, changes nothing: no block reads what another has written.
//!
//! An operand may be a [`product`] that is computed a strip at a time while blocks ask for it.
//!
//! [`draft`] makes instructions of equations, [`compile`] gives them slots, [`run`] binds arrays and spreads blocks over threads, and
//! [`block`] runs the instructions on one. [`small`] does all that for a handful of elements.

mod block;
mod compile;
mod draft;
mod horner;
mod load;
mod product;
mod register;
mod run;
mod small;

use smallvec::SmallVec;

use crate::array::{DType, Scalar, Shape};
use crate::ops::{BLOCK, RowOp, ThenAdd};
use crate::program::{BinaryOp, ReduceOp, UnaryOp};

pub(super) use block::Arena;
pub(super) use draft::Draft;
use product::Product;

/// Rows with more elements than this are cut into blocks.
const LONG: usize = 4096;

/// The elements of a block of whole rows: as many as leave room in the first cache for a handful of slots, since every instruction of
/// every block takes its time to begin.
const WHOLE_ROWS: usize = 2 * BLOCK;

/// The elements that a group runs over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) shape: Shape,
    /// The first of the axes that are reduced, where some are.
    pub(super) split: Option<usize>,
}

impl Space {
    pub(super) fn new(shape: Shape) -> Self {
        Space { shape, split: None }
    }

    /// What a value of this shape is in the space, if it can be one of its values.
    pub(super) fn level(&self, shape: &[usize]) -> Option<Level> {
        if *shape == *self.shape {
            return Some(Level::Each);
        }
        let split = self.split.filter(|_| !self.is_long())?;
        let (outer, inner) = shape.split_at_checked(split)?;
        let bare = inner.is_empty() || shape.len() == self.shape.len();
        let row = *outer == self.shape[..split] && bare && inner.iter().all(|&n| n == 1);
        row.then_some(Level::Row)
    }

    /// The number of elements that are reduced to one.
    pub(super) fn row_length(&self) -> usize {
        let split = self.split.unwrap_or(self.shape.len());
        self.shape[split..].iter().product()
    }

    pub(super) fn is_long(&self) -> bool {
        self.row_length() > LONG
    }

    /// The axes of the values of a level.
    fn axes(&self, level: Level) -> &[usize] {
        match level {
            Level::Each => &self.shape,
            Level::Row => &self.shape[..self.split.unwrap_or(self.shape.len())],
        }
    }
}

/// How many elements a value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Level {
    /// One for every element of the space.
    Each,
    /// One for every row.
    Row,
}

/// Where an instruction finds an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arg {
    /// A value: its number in a draft, the start of its slot once compiled.
    Value(u32),
    Input(u32),
    Constant(u32),
}

/// Where an instruction leaves its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// A value: its number in a draft, the start of its slot once compiled.
    Value(u32),
    Output(u32),
}

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Unary(UnaryOp),
    IsFinite,
    Binary(BinaryOp),
    /// An operation on elements of floats and what their rows have.
    WithRows(RowOp),
    Compare(BinaryOp),
    IntegerPow(i32),
    /// To the type of the target.
    Convert(DType),
    Select,
    /// `x`, `a` and `b` of [`ThenAdd`].
    MultiplyAdd(ThenAdd),
    /// So many sums of a polynomial: its argument, where it starts, and the first of the constants that are added in turn, with
    /// the bound behind them where there is one.
    Horner(u8, horner::Bound),
    Reduce(ReduceOp),
    /// Repeats what rows have for each of their elements.
    Spread,
    Copy,
}

/// One instruction; an operation on a block.
#[derive(Clone, Debug)]
struct Instruction {
    code: Code,
    /// The element type of the operands; of the cases where a truth value selects.
    dtype: DType,
    level: Level,
    target: Target,
    args: [Arg; 3],
}

impl Instruction {
    fn args(&self) -> &[Arg] {
        &self.args[..self.code.arity()]
    }

    fn args_mut(&mut self) -> &mut [Arg] {
        let arity = self.code.arity();
        &mut self.args[..arity]
    }

    /// The element type of the result.
    fn result(&self) -> DType {
        match self.code {
            Code::IsFinite | Code::Compare(_) => DType::Bool,
            Code::Convert(dtype) => dtype,
            Code::Unary(_)
            | Code::Binary(_)
            | Code::WithRows(_)
            | Code::IntegerPow(_)
            | Code::Select
            | Code::MultiplyAdd(_)
            | Code::Horner(..)
            | Code::Reduce(_)
            | Code::Spread
            | Code::Copy => self.dtype,
        }
    }
}

impl Code {
    fn arity(self) -> usize {
        match self {
            Code::Unary(_)
            | Code::IsFinite
            | Code::IntegerPow(_)
            | Code::Convert(_)
            | Code::Reduce(_)
            | Code::Spread
            | Code::Copy => 1,
            Code::Binary(_) | Code::WithRows(_) | Code::Compare(_) => 2,
            Code::Select | Code::MultiplyAdd(_) | Code::Horner(..) => 3,
        }
    }
}

/// An operand from outside, and how the axes of a level run over its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Input {
    /// The variable.
    source: u32,
    level: Level,
    /// By axis of the level, the operand's axis and the step along it; none where it repeats.
    axes: SmallVec<[Option<(usize, usize)>; 4]>,
    /// The first index along each of the operand's axes.
    start: Shape,
    /// Whether its elements are the level's in order, as far as its layout is row-major.
    plain: bool,
}

/// A result that stays.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) var: u32,
    dtype: DType,
    /// How its rows or blocks were reduced, where they are combined in the end.
    combine: Option<ReduceOp>,
    level: Level,
}

/// A compiled group.
#[derive(Debug)]
pub(super) struct Group {
    shape: Shape,
    /// How many of its axes run over rows.
    outer: usize,
    /// Whether results are read in row-major order.
    pub(super) in_order: bool,
    blocks: Blocks,
    inputs: Vec<Input>,
    /// Those of them that are computed when blocks ask for them.
    products: Vec<Product>,
    /// The element type of each input, and the slot it is copied to where it is.
    places: Vec<(DType, u32)>,
    constants: Vec<Scalar>,
    instructions: Vec<Instruction>,
    pub(super) outputs: Vec<Output>,
    /// Elements of each type that slots take.
    sizes: [u32; DType::ALL.len()],
    /// The same for registers, where it is such a group.
    small: Option<small::Small>,
    /// What a call costs, about, in elementary operations on elements.
    work: usize,
}

/// How a space is cut into blocks.
#[derive(Clone, Copy, Debug)]
struct Blocks {
    rows: usize,
    length: usize,
    /// Rows of a block; of a long row, 1.
    per_block: usize,
    /// Blocks of a long row; else 0.
    pieces: usize,
    count: usize,
}

/// One block: its elements and rows.
#[derive(Clone, Copy, Debug)]
struct Block {
    start: usize,
    elements: usize,
    row: usize,
    rows: usize,
}

impl Blocks {
    fn new(space: &Space) -> Self {
        let (size, length) = (space.shape.iter().product::<usize>(), space.row_length());
        let rows = size.checked_div(length).unwrap_or(0);
        if space.is_long() {
            let pieces = length.div_ceil(BLOCK);
            return Blocks {
                rows,
                length,
                per_block: 1,
                pieces,
                count: rows * pieces,
            };
        }
        // Whole repetitions of what broadcasts along the outer axes, where they are short enough, so that it is copied once.
        let mut period: usize = 1;
        for n in space.axes(Level::Row).iter().rev() {
            if *n == 0 || period.saturating_mul(*n).saturating_mul(length) > WHOLE_ROWS {
                break;
            }
            period *= n;
        }
        let fitting = (WHOLE_ROWS / length.max(1)).max(1);
        let per_block = (fitting / period * period).max(1).min(rows.max(1));
        Blocks {
            rows,
            length,
            per_block,
            pieces: 0,
            count: rows.div_ceil(per_block),
        }
    }

    fn block(&self, index: usize) -> Block {
        match self.pieces {
            0 => {
                let row = index * self.per_block;
                let rows = self.per_block.min(self.rows - row);
                Block {
                    start: row * self.length,
                    elements: rows * self.length,
                    row,
                    rows,
                }
            }
            pieces => {
                let (row, piece) = (index / pieces, index % pieces);
                Block {
                    start: row * self.length + piece * BLOCK,
                    elements: BLOCK.min(self.length - piece * BLOCK),
                    row: index,
                    rows: 1,
                }
            }
        }
    }

    /// Where the elements of a level start in block `index`, or end where there is no such block.
    fn boundary(&self, index: usize, level: Level) -> usize {
        match level {
            Level::Each if index >= self.count => self.rows * self.length,
            Level::Each => self.block(index).start,
            Level::Row if self.pieces > 0 => index,
            Level::Row => (index * self.per_block).min(self.rows),
        }
    }

    /// The greatest number of elements of a level in a block.
    fn capacity(&self, level: Level) -> usize {
        match level {
            Level::Each if self.pieces > 0 => BLOCK,
            Level::Each => self.per_block * self.length,
            Level::Row => self.per_block,
        }
    }
}
