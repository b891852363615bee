//! Draws as JAX makes them with its 64-bit types off.

use std::cell::Cell;

use crate::array::DType;

thread_local! {
    static NARROW: Cell<bool> = const { Cell::new(false) };
}

/// Runs a function whose random numbers are those that JAX draws by default, with its 64-bit types off: 64-bit numbers are drawn as the
/// 32-bit numbers that they are there, from other bits than with 64-bit types.
///
/// It goes around what is traced for [`Program::narrowed`](crate::Program::narrowed), which refuses draws of 64 bits.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::random::{self, Key};
/// let coins = |key: Key| random::rademacher(&key, [4], DType::I32);
/// let key = Key::new(0);
/// let program = random::in_32_bits(|| jit(coins).trace((&key,)))?.narrowed()?;
/// let out = program.run(&[key.data().to_array()?])?;
/// assert_eq!(out[0].to_vec::<i32>()?, [-1, -1, 1, 1]);
/// # Ok::<(), elimap::Error>(())
/// ```
pub fn in_32_bits<T>(f: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            NARROW.set(self.0);
        }
    }
    let _before = Before(NARROW.replace(true));
    f()
}

/// The type that numbers of a type are drawn in.
pub(super) fn drawn(dtype: DType) -> DType {
    if !NARROW.get() {
        return dtype;
    }
    match dtype {
        DType::F64 => DType::F32,
        DType::I64 => DType::I32,
        DType::U64 => DType::U32,
        other => other,
    }
}
