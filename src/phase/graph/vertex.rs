//! The index of a vertex, the one number that names a place in a model for its user.

use std::fmt;

/// The index of a vertex of a [`Graph`](crate::phase::Graph).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VertexId(u32);

impl VertexId {
    /// The start, vertex 0 of every graph.
    pub const START: Self = Self(0);

    /// The vertex with this index, or `None` above 32 bits.
    ///
    /// ```
    /// use elimap::phase::VertexId;
    /// assert_eq!(VertexId::new(3).map(VertexId::index), Some(3));
    /// ```
    #[must_use]
    pub fn new(index: usize) -> Option<Self> {
        u32::try_from(index).ok().map(Self)
    }

    /// The index as a position in per-vertex vectors.
    ///
    /// ```
    /// use elimap::phase::VertexId;
    /// assert_eq!(VertexId::START.index(), 0);
    /// ```
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn from_u32(index: u32) -> Self {
        Self(index)
    }

    pub(crate) fn as_u32(self) -> u32 {
        self.0
    }
}

impl fmt::Display for VertexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vertex {}", self.0)
    }
}
