//! Registers of groups on few elements.

/// The elements of a register.
pub(super) const WIDTH: usize = 8;

/// A register: a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Register(pub(super) [f64; WIDTH]);
