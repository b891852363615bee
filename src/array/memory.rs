//! Asking for memory before an array is made, because an allocation that fails ends the process.

use super::TensorType;

/// Arrays of fewer bytes are made without asking.
const SMALL: usize = 1 << 26;

/// How many bytes an array of a type takes, as far as a machine word holds the number.
fn bytes(ty: &TensorType) -> usize {
    ty.size().saturating_mul(ty.dtype.size())
}

/// Whether arrays of these types are so large that [`too_large`] has to be asked before they are made.
pub(crate) fn are_large(types: &[TensorType]) -> bool {
    types.iter().any(|ty| bytes(ty) > SMALL)
}

/// The first of these types that memory has no room for beside those before it.
///
/// The memory is asked for and given back, which costs nothing but the two calls: it is not touched.
pub(crate) fn too_large(types: &[TensorType]) -> Option<&TensorType> {
    let mut held: Vec<Vec<u8>> = Vec::new();
    types.iter().filter(|ty| bytes(ty) > SMALL).find(|ty| {
        let mut memory = Vec::new();
        let refused = memory.try_reserve_exact(bytes(ty)).is_err();
        held.push(memory);
        refused
    })
}

/// Whether an array can be made: its axes multiply to an address, and memory has room for it.
pub(super) fn holds(ty: &TensorType) -> bool {
    let lengths = ty.shape.iter().filter(|&&length| length > 0);
    let spanned = lengths.fold(ty.dtype.size(), |size, &length| size.saturating_mul(length));
    isize::try_from(spanned).is_ok() && too_large(std::slice::from_ref(ty)).is_none()
}
