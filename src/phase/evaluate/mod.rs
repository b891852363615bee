//! Quantities of a model at one theta or many: what is asked, the engine that answers, batches and callbacks.

pub(crate) mod batch;
pub(crate) mod callbacks;
pub(crate) mod certified;
pub(crate) mod group;
pub(crate) mod precise;
pub(crate) mod quantity;
