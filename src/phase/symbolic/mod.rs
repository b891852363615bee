//! What elimination does to a graph at every theta: blocks, numbering, order and pattern.
//!
//! From a graph to its [symbolic factor](factor): [`blocks`] finds the diagonal blocks, [`canonical_search`] numbers each so
//! that copies meet, [`layout`] gives the slots that carry rates, [`analysis`] collects equal [topologies](topology) into
//! [units](unit) of work, [`order`] and [`fill`] eliminate one unit, and [`schedule`] cuts the elimination of its rows into
//! pieces. Nothing here knows a number of the model.

pub(crate) mod analysis;
pub(crate) mod blocks;
pub(crate) mod canonical;
pub(crate) mod canonical_search;
pub(crate) mod error;
pub(crate) mod factor;
pub(crate) mod fill;
pub(crate) mod key;
pub(crate) mod layout;
pub(crate) mod order;
pub(crate) mod schedule;
pub(crate) mod topology;
pub(crate) mod unit;
