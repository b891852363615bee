//! Reading and writing: matrices, answers as they come, and the signals that interrupt them.

pub(crate) mod matrix;
pub(crate) mod signals;
pub(crate) mod stream;
pub(crate) mod target;
pub(crate) mod vector;
