//! One block: operands are copied where they have to be, then instruction follows instruction.

use smallvec::SmallVec;

use super::horner;
use super::load::Walk;
use super::product::{Held, Strip};
use super::register::Register;
use super::{Arg, Block, Code, Group, Instruction, Level, Target};
use crate::array::{DType, Scalar, dispatch_kernel_dtype};
use crate::ops::{
    Elementwise, Fold, Operand, Strips, compare, convert, is_finite, multiply_add, select, spread,
    with_rows,
};

/// Memory that instructions hand values to each other in: slots by element type.
#[derive(Debug, Default)]
pub(in crate::exec) struct Arena {
    bool: Slots<bool>,
    u8: Slots<u8>,
    u16: Slots<u16>,
    u32: Slots<u32>,
    u64: Slots<u64>,
    i8: Slots<i8>,
    i16: Slots<i16>,
    i32: Slots<i32>,
    i64: Slots<i64>,
    f32: Slots<f32>,
    f64: Slots<f64>,
    pub(super) registers: Vec<Register>,
}

/// The slots of one element type, from a cache line's start on.
#[derive(Debug)]
pub(super) struct Slots<T> {
    data: Vec<T>,
    first: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots {
            data: Vec::new(),
            first: 0,
        }
    }
}

impl<T: Copy + Default> Slots<T> {
    /// Makes room for as many elements.
    fn reserve(&mut self, size: usize) {
        let line = 64 / size_of::<T>();
        if self.data.len() < size + line {
            self.data = vec![T::default(); size + line];
            // Anything is right, and the start of a cache line is fast.
            self.first = self.data.as_ptr().align_offset(64).min(line);
        }
    }

    /// The elements from where a slot starts.
    pub(super) fn from(&mut self, at: usize) -> &mut [T] {
        &mut self.data[self.first + at..]
    }
}

/// The elements of an operand from outside.
#[derive(Clone, Copy, Debug)]
pub(super) enum Elements<'a> {
    Bool(&'a [bool]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    F32(&'a [f32]),
    F64(&'a [f64]),
}

/// The elements of a result.
#[derive(Debug)]
pub(super) enum ElementsMut<'a> {
    Bool(&'a mut [bool]),
    U8(&'a mut [u8]),
    U16(&'a mut [u16]),
    U32(&'a mut [u32]),
    U64(&'a mut [u64]),
    I8(&'a mut [i8]),
    I16(&'a mut [i16]),
    I32(&'a mut [i32]),
    I64(&'a mut [i64]),
    F32(&'a mut [f32]),
    F64(&'a mut [f64]),
}

/// An element type of instructions: where its elements are among those of others.
pub(super) trait Value: Elementwise + Fold + Default {
    fn slots(arena: &Arena) -> &Slots<Self>;
    fn slots_mut(arena: &mut Arena) -> &mut Slots<Self>;
    fn view(elements: &[Self]) -> Elements<'_>;
    fn elements<'a>(elements: &Elements<'a>) -> &'a [Self];
    fn view_mut(elements: &mut [Self]) -> ElementsMut<'_>;
    fn elements_mut<'b>(elements: &'b mut ElementsMut<'_>) -> &'b mut [Self];
    fn constant(value: Scalar) -> Self;
}

/// Instructions have the types that the equations have.
#[cold]
fn mistyped() -> ! {
    unreachable!("an instruction reads values of its own type")
}

macro_rules! values {
    ($($variant:ident $ty:ident),*) => {
        $(impl Value for $ty {
            #[inline]
            fn slots(arena: &Arena) -> &Slots<Self> {
                &arena.$ty
            }
            #[inline]
            fn slots_mut(arena: &mut Arena) -> &mut Slots<Self> {
                &mut arena.$ty
            }
            fn view(elements: &[Self]) -> Elements<'_> {
                Elements::$variant(elements)
            }
            #[inline]
            fn elements<'a>(elements: &Elements<'a>) -> &'a [Self] {
                if let Elements::$variant(x) = elements { x } else { mistyped() }
            }
            fn view_mut(elements: &mut [Self]) -> ElementsMut<'_> {
                ElementsMut::$variant(elements)
            }
            #[inline]
            fn elements_mut<'b>(elements: &'b mut ElementsMut<'_>) -> &'b mut [Self] {
                if let ElementsMut::$variant(x) = elements { x } else { mistyped() }
            }
            #[inline]
            fn constant(value: Scalar) -> Self {
                if let Scalar::$variant(x) = value { x } else { mistyped() }
            }
        })*

        impl Arena {
            /// Makes room for so many elements of each type.
            pub(super) fn reserve(&mut self, sizes: &[u32; DType::ALL.len()]) {
                $(self.$ty.reserve(sizes[DType::$variant as usize] as usize);)*
            }
        }

        impl<'a> ElementsMut<'a> {
            /// Those before `at`, and the others.
            pub(super) fn split_at(self, at: usize) -> (ElementsMut<'a>, ElementsMut<'a>) {
                match self {
                    $(ElementsMut::$variant(x) => {
                        let (a, b) = x.split_at_mut(at);
                        (ElementsMut::$variant(a), ElementsMut::$variant(b))
                    })*
                }
            }
        }
    };
}
values!(Bool bool, U8 u8, U16 u16, U32 u32, U64 u64, I8 i8, I16 i16, I32 i32, I64 i64, F32 f32, F64 f64);

/// An operand of a call.
#[derive(Debug)]
pub(super) struct Bound<'a> {
    pub(super) elements: Elements<'a>,
    pub(super) place: Place<'a>,
}

/// Where instructions find an operand of a call.
#[derive(Debug)]
pub(super) enum Place<'a> {
    /// In the operand itself, from this element on.
    Here(usize),
    /// One element for all.
    Same(usize),
    /// In a slot. Whether every block finds the same there is said, too.
    Slot(Walk, bool),
    /// In a slot, as a part of a strip of a product.
    Strip(Strip<'a>),
}

/// A result of a call, or a part of it.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) elements: ElementsMut<'a>,
    /// The number of its first element in the whole.
    pub(super) first: usize,
}

/// What the instructions of a block work on.
pub(super) struct Frame<'f, 'i, 'o> {
    pub(super) group: &'f Group,
    pub(super) inputs: &'f [Bound<'i>],
    pub(super) outputs: &'f mut [Part<'o>],
    pub(super) arena: &'f mut Arena,
    /// The number of the block behind the last.
    pub(super) end: usize,
    /// By product, what its slot has.
    pub(super) held: SmallVec<[Held; 2]>,
}

impl Block {
    /// The number of elements of a level, and the number of the first.
    fn span(&self, level: Level) -> (usize, usize) {
        match level {
            Level::Each => (self.elements, self.start),
            Level::Row => (self.rows, self.row),
        }
    }
}

/// What an instruction reads: everything in the slots but its own target.
struct Read<'r, 'a, T> {
    group: &'r Group,
    inputs: &'r [Bound<'a>],
    held: &'r [Held],
    block: &'r Block,
    below: &'r [T],
    above: &'r [T],
    /// Where `above` starts.
    from: usize,
}

impl<'r, T: Value> Read<'r, '_, T> {
    #[inline]
    fn slot(&self, at: usize, count: usize) -> &'r [T] {
        if at < self.from {
            &self.below[at..at + count]
        } else {
            &self.above[at - self.from..][..count]
        }
    }

    #[inline]
    fn operand(&self, arg: Arg, level: Level) -> Operand<'r, T> {
        let (count, first) = self.block.span(level);
        match arg {
            Arg::Value(slot) => Operand::Each(self.slot(slot as usize, count)),
            Arg::Constant(k) => Operand::Same(T::constant(self.group.constants[k as usize])),
            Arg::Input(k) => {
                let input = &self.inputs[k as usize];
                match input.place {
                    Place::Here(at) => {
                        Operand::Each(&T::elements(&input.elements)[at + first..][..count])
                    }
                    Place::Same(at) => Operand::Same(T::elements(&input.elements)[at]),
                    Place::Slot(..) => {
                        Operand::Each(self.slot(self.group.places[k as usize].1 as usize, count))
                    }
                    Place::Strip(strip) => {
                        let at = strip.slot + first - self.held[strip.number].start;
                        Operand::Each(self.slot(at, count))
                    }
                }
            }
        }
    }
}

/// Applies a function of slices to an operand; of one element where that is all there is.
#[inline]
fn each<T: Copy, R: Copy>(x: Operand<'_, T>, out: &mut [R], f: impl FnOnce(&[T], &mut [R])) {
    match x {
        Operand::Each(x) => f(x, out),
        Operand::Same(x) => {
            if let Some((first, rest)) = out.split_first_mut() {
                f(&[x], std::slice::from_mut(first));
                rest.fill(*first);
            }
        }
    }
}

impl Frame<'_, '_, '_> {
    /// Puts the operands of a block in the slots that they are read from; those that are the same for every block only where this is
    /// the `first` block that the arena sees.
    pub(super) fn load(&mut self, block: &Block, first: bool) {
        for (k, input) in self.inputs.iter().enumerate() {
            let level = self.group.inputs[k].level;
            let walk = match &input.place {
                Place::Slot(walk, fixed) if first || !fixed => walk,
                Place::Strip(strip) => {
                    self.compute(*strip, level, block);
                    continue;
                }
                Place::Here(_) | Place::Same(_) | Place::Slot(..) => continue,
            };
            let (dtype, slot) = self.group.places[k];
            let (count, start) = block.span(level);
            dispatch_kernel_dtype!(dtype, T => {
                let slot = &mut T::slots_mut(self.arena).from(slot as usize)[..count];
                walk.load(T::elements(&input.elements), start, slot);
            });
        }
    }

    /// Sees to it that a slot has a block's elements of a product.
    fn compute(&mut self, strip: Strip<'_>, level: Level, block: &Block) {
        let end = self.group.blocks.boundary(self.end, level);
        let (span, held) = (block.span(level), &mut self.held[strip.number]);
        match strip.strips {
            Strips::F32(strips) => {
                let slot = f32::slots_mut(self.arena).from(strip.slot);
                strip.advance(held, slot, span, end, |unit, out| strips.fill(unit, out));
            }
            Strips::F64(strips) => {
                let slot = f64::slots_mut(self.arena).from(strip.slot);
                strip.advance(held, slot, span, end, |unit, out| strips.fill(unit, out));
            }
        }
    }

    /// Runs the instructions on a block.
    pub(super) fn run(&mut self, block: &Block) {
        let group = self.group;
        for instruction in &group.instructions {
            let (level, [x, y, z]) = (instruction.level, instruction.args);
            match instruction.code {
                Code::Unary(kind) => dispatch_kernel_dtype!(instruction.dtype, T => {
                    self.within::<T>(instruction, block, |read, out| {
                        each(read.operand(x, level), out, |x, out| T::unary(kind, x, out));
                    });
                }),
                Code::Binary(kind) => dispatch_kernel_dtype!(instruction.dtype, T => {
                    self.within::<T>(instruction, block, |read, out| {
                        T::binary(kind, read.operand(x, level), read.operand(y, level), out);
                    });
                }),
                Code::WithRows(kind) => {
                    let length = block.elements / block.rows;
                    macro_rules! run {
                        ($ty:ty) => {
                            self.within::<$ty>(instruction, block, |read, out| {
                                let rows = read.operand(y, Level::Row);
                                with_rows(kind, read.operand(x, level), rows, length, out);
                            })
                        };
                    }
                    if instruction.dtype == DType::F32 {
                        run!(f32);
                    } else {
                        run!(f64);
                    }
                }
                Code::MultiplyAdd(then) => {
                    macro_rules! run {
                        ($ty:ty) => {
                            self.within::<$ty>(instruction, block, |read, out| {
                                // One by one: arrays are not always mapped without a call.
                                let (x, a) = (read.operand(x, level), read.operand(y, level));
                                multiply_add(then, x, a, read.operand(z, level), out);
                            })
                        };
                    }
                    match instruction.dtype {
                        DType::F32 => run!(f32),
                        DType::F64 => run!(f64),
                        DType::Bool
                        | DType::U8
                        | DType::U16
                        | DType::U32
                        | DType::U64
                        | DType::I8
                        | DType::I16
                        | DType::I32
                        | DType::I64
                        | DType::BF16
                        | DType::F16
                        | DType::C64
                        | DType::C128 => mistyped(),
                    }
                }
                Code::Horner(count, bound) => {
                    macro_rules! run {
                        ($ty:ty) => {
                            self.within::<$ty>(instruction, block, |read, out| {
                                let count = usize::from(count);
                                let (sums, bound) = horner::sums(
                                    &group.constants,
                                    z,
                                    count,
                                    bound,
                                    <$ty>::constant,
                                );
                                let start = read.operand(y, level);
                                let sums = &sums[..count];
                                horner::horner(read.operand(x, level), start, sums, bound, out);
                            })
                        };
                    }
                    if instruction.dtype == DType::F32 {
                        run!(f32);
                    } else {
                        run!(f64);
                    }
                }
                Code::IntegerPow(power) => dispatch_kernel_dtype!(instruction.dtype, T => {
                    self.within::<T>(instruction, block, |read, out| {
                        each(read.operand(x, level), out, |x, out| T::integer_pow(power, x, out));
                    });
                }),
                Code::Select => self.select(instruction, block),
                Code::Compare(kind) => {
                    if instruction.dtype == DType::Bool {
                        self.within::<bool>(instruction, block, |read, out| {
                            compare(kind, read.operand(x, level), read.operand(y, level), out);
                        });
                        continue;
                    }
                    dispatch_kernel_dtype!(instruction.dtype, T => {
                        self.between::<T, bool>(instruction, block, |read, out| {
                            compare(kind, read.operand(x, level), read.operand(y, level), out);
                        });
                    });
                }
                Code::IsFinite => {
                    if instruction.dtype == DType::F32 {
                        self.between::<f32, bool>(instruction, block, |read, out| {
                            each(read.operand(x, level), out, is_finite);
                        });
                    } else {
                        self.between::<f64, bool>(instruction, block, |read, out| {
                            each(read.operand(x, level), out, is_finite);
                        });
                    }
                }
                Code::Convert(dtype) => dispatch_kernel_dtype!(instruction.dtype, S => {
                    dispatch_kernel_dtype!(dtype, T => {
                        self.between::<S, T>(instruction, block, |read, out| {
                            each(read.operand(x, level), out, convert);
                        });
                    });
                }),
                Code::Reduce(kind) => dispatch_kernel_dtype!(instruction.dtype, T => {
                    let length = block.elements / block.rows;
                    self.within::<T>(instruction, block, |read, out| {
                        each(read.operand(x, Level::Each), out, |x, out| {
                            T::fold_runs(kind, x, length, out);
                        });
                    });
                }),
                Code::Spread => dispatch_kernel_dtype!(instruction.dtype, T => {
                    let length = block.elements / block.rows;
                    self.within::<T>(instruction, block, |read, out| {
                        match read.operand(x, Level::Row) {
                            Operand::Same(x) => out.fill(x),
                            Operand::Each(rows) => spread(rows, length, out),
                        }
                    });
                }),
                Code::Copy => dispatch_kernel_dtype!(instruction.dtype, T => {
                    self.within::<T>(instruction, block, |read, out| {
                        match read.operand(x, level) {
                            Operand::Same(x) => out.fill(x),
                            Operand::Each(x) => out.copy_from_slice(x),
                        }
                    });
                }),
            }
        }
    }

    /// Runs an instruction whose result has the type of its operands.
    #[inline]
    fn within<T: Value>(
        &mut self,
        instruction: &Instruction,
        block: &Block,
        f: impl FnOnce(&Read<'_, '_, T>, &mut [T]),
    ) {
        let (count, first) = block.span(instruction.level);
        let (group, inputs, held) = (self.group, self.inputs, &self.held[..]);
        match instruction.target {
            Target::Value(at) => {
                let slots = T::slots_mut(self.arena);
                let (below, rest) = slots.data[slots.first..].split_at_mut(at as usize);
                let (out, above) = rest.split_at_mut(count);
                let from = at as usize + count;
                let read = Read {
                    group,
                    inputs,
                    held,
                    block,
                    below,
                    above,
                    from,
                };
                f(&read, out);
            }
            Target::Output(k) => {
                let slots = T::slots(self.arena);
                let part = &mut self.outputs[k as usize];
                let out = &mut T::elements_mut(&mut part.elements)[first - part.first..][..count];
                let read = Read {
                    group,
                    inputs,
                    held,
                    block,
                    below: &slots.data[slots.first..],
                    above: &[],
                    from: usize::MAX,
                };
                f(&read, out);
            }
        }
    }

    /// Runs an instruction whose result has another type than its operands.
    #[inline]
    fn between<S: Value, T: Value>(
        &mut self,
        instruction: &Instruction,
        block: &Block,
        f: impl FnOnce(&Read<'_, '_, S>, &mut [T]),
    ) {
        let (count, first) = block.span(instruction.level);
        let mut slots = std::mem::take(T::slots_mut(self.arena));
        let source = S::slots(self.arena);
        let read = Read {
            group: self.group,
            inputs: self.inputs,
            held: &self.held,
            block,
            below: source.data.get(source.first..).unwrap_or(&[]),
            above: &[],
            from: usize::MAX,
        };
        let out = match instruction.target {
            Target::Value(at) => &mut slots.data[slots.first + at as usize..][..count],
            Target::Output(k) => {
                let part = &mut self.outputs[k as usize];
                &mut T::elements_mut(&mut part.elements)[first - part.first..][..count]
            }
        };
        f(&read, out);
        *T::slots_mut(self.arena) = slots;
    }

    /// Chooses by truth values, which are of another type than the cases, as a rule.
    fn select(&mut self, instruction: &Instruction, block: &Block) {
        let (level, [which, on_false, on_true]) = (instruction.level, instruction.args);
        if instruction.dtype == DType::Bool {
            self.within::<bool>(instruction, block, |read, out| {
                let which = read.operand(which, level);
                let on_false = read.operand(on_false, level);
                select(which, on_false, read.operand(on_true, level), out);
            });
            return;
        }
        let choices = std::mem::take(bool::slots_mut(self.arena));
        let read_choices = Read {
            group: self.group,
            inputs: self.inputs,
            held: &[],
            block,
            below: &choices.data[choices.first..],
            above: &[],
            from: usize::MAX,
        };
        let which = read_choices.operand(which, level);
        dispatch_kernel_dtype!(instruction.dtype, T => {
            self.within::<T>(instruction, block, |read, out| {
                select(which, read.operand(on_false, level), read.operand(on_true, level), out);
            });
        });
        *bool::slots_mut(self.arena) = choices;
    }
}
