//! What elimination does to a graph at every theta: blocks, numbering, order and pattern.

pub(crate) mod analysis;
pub(crate) mod blocks;
pub(crate) mod canonical;
pub(crate) mod canonical_search;
pub(crate) mod error;
pub(crate) mod factor;
pub(crate) mod fill;
pub(crate) mod layout;
pub(crate) mod order;
pub(crate) mod schedule;
pub(crate) mod topology;
pub(crate) mod unit;
