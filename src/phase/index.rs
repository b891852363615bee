//! Numbers with a meaning: one type per index space, so that one cannot be taken for another.
//!
//! | index | counts | made by |
//! | --- | --- | --- |
//! | [`VertexId`](crate::phase::VertexId) | the vertices of a graph, 0 being the start | the builder |
//! | [`Transient`] | the transient vertices, block by block in topological order, inside a block as given or canonically | [`layout`] |
//! | [`Block`] | the strongly connected components of the transient vertices, in topological order | [`blocks`] |
//! | [`Local`] | the vertices of one block, in the order of their transient numbers | [`layout`] |
//! | [`Slot`] | the distinct pairs (from, to) that carry a rate, grouped by the transient vertex they leave | [`layout`] |
//! | [`Unit`] | the distinct topologies among the blocks of more than one vertex, by first occurrence | [`analysis`] |
//! | [`Position`] | the vertices of one block in the order of elimination | [`fill`] |
//! | [`Rank`] | the transient vertices, block by block, by position inside a block | [`ranks`] |
//!
//! A block holds the same range of transient numbers and of ranks; inside it, transient number = first + local number and
//! rank = first + position. Edges keep the number that the graph gives them, a `u32`.
//!
//! The types cost nothing at run time. The innermost loops of the numeric half index plain slices where a whole block is
//! at hand.
//!
//! [`layout`]: crate::phase::symbolic::layout
//! [`blocks`]: crate::phase::symbolic::blocks
//! [`analysis`]: crate::phase::symbolic::analysis
//! [`fill`]: crate::phase::symbolic::fill
//! [`ranks`]: crate::phase::numeric::ranks

use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops;

/// A number of one index space.
pub(crate) trait Index: Copy + Ord + Debug {
    /// The index at a position; positions of all spaces fit 32 bits, which the graph's builder guarantees.
    fn new(position: usize) -> Self;

    /// The position in vectors over this space.
    fn index(self) -> usize;

    /// The index that a stored word stands for.
    #[inline(always)]
    fn from_u32(word: u32) -> Self {
        Self::new(word as usize)
    }

    /// The word to store.
    #[inline(always)]
    fn as_u32(self) -> u32 {
        self.index() as u32
    }

    /// As many indices further.
    #[inline(always)]
    fn plus(self, count: usize) -> Self {
        Self::new(self.index() + count)
    }
}

impl Index for usize {
    fn new(position: usize) -> Self {
        position
    }

    fn index(self) -> usize {
        self
    }
}

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(u32);

        impl Index for $name {
            #[inline(always)]
            fn new(position: usize) -> Self {
                debug_assert!(u32::try_from(position).is_ok());
                Self(position as u32)
            }

            #[inline(always)]
            fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

indices! {
    /// A transient vertex, numbered block by block.
    Transient,
    /// A transient vertex, numbered block by block in the order of elimination.
    Rank,
    /// A vertex of a block, in the order of elimination.
    Position,
    /// A vertex of a block, in the order of the transient numbers.
    Local,
    /// A strongly connected component of the transient vertices.
    Block,
    /// A pair of vertices that carries a rate.
    Slot,
    /// A distinct topology among the blocks.
    Unit,
}

/// Consecutive indices of one space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span<I> {
    pub start: I,
    pub end: I,
}

impl<I: Index> Span<I> {
    #[inline(always)]
    pub(crate) fn new(positions: ops::Range<usize>) -> Self {
        Self {
            start: I::new(positions.start),
            end: I::new(positions.end),
        }
    }

    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        self.end.index() - self.start.index()
    }

    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The positions in vectors over this space.
    #[inline(always)]
    pub(crate) fn range(self) -> ops::Range<usize> {
        self.start.index()..self.end.index()
    }

    #[inline(always)]
    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + Clone {
        self.range().map(I::new)
    }
}

/// A vector over one index space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexVec<I, T> {
    values: Vec<T>,
    space: PhantomData<fn(I) -> I>,
}

impl<I: Index, T> IndexVec<I, T> {
    pub(crate) fn new() -> Self {
        Vec::new().into()
    }

    pub(crate) fn filled(value: T, len: usize) -> Self
    where
        T: Clone,
    {
        vec![value; len].into()
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn push(&mut self, value: T) {
        self.values.push(value);
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
    }

    /// All indices.
    pub(crate) fn span(&self) -> Span<I> {
        Span::new(0..self.len())
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.values.iter()
    }

    pub(crate) fn iter_enumerated(&self) -> impl DoubleEndedIterator<Item = (I, &T)> {
        self.values
            .iter()
            .enumerate()
            .map(|(position, value)| (I::new(position), value))
    }

    /// The values, for loops that keep track of positions themselves.
    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[T] {
        &self.values
    }
}

impl<I, T> From<Vec<T>> for IndexVec<I, T> {
    fn from(values: Vec<T>) -> Self {
        Self {
            values,
            space: PhantomData,
        }
    }
}

impl<I, T> FromIterator<T> for IndexVec<I, T> {
    fn from_iter<V: IntoIterator<Item = T>>(values: V) -> Self {
        Vec::from_iter(values).into()
    }
}

impl<I: Index, T> Extend<T> for IndexVec<I, T> {
    fn extend<V: IntoIterator<Item = T>>(&mut self, values: V) {
        self.values.extend(values);
    }
}

impl<I: Index, T> ops::Index<I> for IndexVec<I, T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, index: I) -> &T {
        &self.values[index.index()]
    }
}

impl<I: Index, T> ops::IndexMut<I> for IndexVec<I, T> {
    #[inline(always)]
    fn index_mut(&mut self, index: I) -> &mut T {
        &mut self.values[index.index()]
    }
}
