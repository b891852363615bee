//! JAX's type promotion lattice, with 64-bit types on (rules N1 to N5).

use super::{DType, TensorType};

/// The element type and weakness two operands meet at.
///
/// `bool` gives way to every other type, a weak integer to every integer and float, a weak float to every float;
/// unsigned and signed meet at the narrowest signed type that holds both, and any integer with a float at that
/// float; `float16` with `bfloat16` at `float32`, and a complex type with a wider float at the wider complex type. `uint64` with a signed type has no such type and meets at weak `float64`, as in JAX.
///
/// ```
/// use elimap::{promote_types, DType};
/// let (strong, weak) = (false, true);
/// assert_eq!(promote_types((DType::I32, strong), (DType::F64, weak)), (DType::F64, weak));
/// assert_eq!(promote_types((DType::F32, strong), (DType::F64, weak)), (DType::F32, strong));
/// assert_eq!(promote_types((DType::U32, strong), (DType::I32, strong)), (DType::I64, strong));
/// ```
#[must_use]
pub fn promote_types(a: (DType, bool), b: (DType, bool)) -> (DType, bool) {
    use DType::{BF16, Bool, C64, C128, F16, F32, F64, I64, U64};
    if a == b {
        return a;
    }
    let ((a, wa), (b, wb)) = (a, b);
    let class = |d: DType| match d {
        Bool => 0,
        d if d.is_integer() => 1,
        d if d.is_float() => 2,
        _ => 3,
    };
    let default = [Bool, I64, F64, C128];
    match (wa, wb) {
        // Two weak types: the later class wins, at its default width; equal classes keep the wider.
        (true, true) => {
            let later = class(a).max(class(b));
            (default[later], later > 0)
        }
        (true, false) | (false, true) => {
            let (weak, strong) = if wa { (a, b) } else { (b, a) };
            match (class(weak), class(strong)) {
                (w, s) if w <= s => (strong, false),
                (3, 2) => (strong.complex(), false),
                (w, _) => (default[w], true),
            }
        }
        (false, false) => match (a, b) {
            (Bool, d) | (d, Bool) => (d, false),
            (C128, _) | (_, C128) | (C64, F64) | (F64, C64) => (C128, false),
            (C64, _) | (_, C64) => (C64, false),
            (F64, _) | (_, F64) => (F64, false),
            (F32, _) | (_, F32) | (BF16, F16) | (F16, BF16) => (F32, false),
            (half @ (BF16 | F16), _) | (_, half @ (BF16 | F16)) => (half, false),
            (U64, d) | (d, U64) => {
                if d.is_signed_integer() {
                    (F64, true)
                } else {
                    (U64, false)
                }
            }
            // Integers: the narrowest type that holds both, which is signed where one of them is.
            (a, b) => {
                let bits = |d: DType| d.size();
                if a.is_unsigned_integer() == b.is_unsigned_integer() {
                    (if bits(a) >= bits(b) { a } else { b }, false)
                } else {
                    let (signed, unsigned) = if a.is_unsigned_integer() {
                        (b, a)
                    } else {
                        (a, b)
                    };
                    let needed = bits(signed).max(2 * bits(unsigned));
                    (signed_of(needed), false)
                }
            }
        },
    }
}

/// The signed integers of so many bytes.
fn signed_of(bytes: usize) -> DType {
    match bytes {
        0..=1 => DType::I8,
        2 => DType::I16,
        3..=4 => DType::I32,
        _ => DType::I64,
    }
}

/// The element type and weakness that all of `types` meet at.
#[must_use]
pub(crate) fn promote_all<'a>(types: impl IntoIterator<Item = &'a TensorType>) -> (DType, bool) {
    types
        .into_iter()
        .map(|t| (t.dtype, t.weak))
        .reduce(promote_types)
        .unwrap_or((DType::F64, true))
}

/// The floating type that arithmetic such as true division computes in: 64-bit integers as `float64`, narrower ones
/// and bools as `float32`.
#[must_use]
pub(crate) fn to_inexact((dtype, weak): (DType, bool)) -> (DType, bool) {
    match dtype {
        DType::BF16 | DType::F16 | DType::F32 | DType::F64 | DType::C64 | DType::C128 => {
            (dtype, weak)
        }
        DType::I64 | DType::U64 => (DType::F64, weak),
        DType::Bool | DType::U8 | DType::U16 | DType::U32 | DType::I8 | DType::I16 | DType::I32 => {
            (DType::F32, weak)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: [(DType, bool); 16] = [
        (DType::Bool, false),
        (DType::U8, false),
        (DType::U32, false),
        (DType::U64, false),
        (DType::I32, false),
        (DType::I64, false),
        (DType::F32, false),
        (DType::F64, false),
        (DType::F16, false),
        (DType::BF16, false),
        (DType::C64, false),
        (DType::C128, false),
        (DType::C128, true),
        (DType::I64, true),
        (DType::F64, true),
        (DType::I32, true),
    ];

    #[test]
    fn promotion_is_commutative_and_idempotent() {
        for a in CASES {
            assert_eq!(promote_types(a, a), a);
            for b in CASES {
                assert_eq!(promote_types(a, b), promote_types(b, a), "{a:?} {b:?}");
            }
        }
    }

    /// Every pair as JAX 0.10.2's `dtypes.lattice_result_type` has it; a star marks weak types.
    #[test]
    fn every_pair_meets_where_it_does_in_jax() {
        fn read(text: &str) -> (DType, bool) {
            let name = text.trim_end_matches('*');
            (DType::from_name(name).unwrap(), name != text)
        }
        let strong = DType::ALL.map(|dtype| (dtype, false));
        for (left, row) in [
            (
                "bool",
                "bool u8 u16 u32 u64 i8 i16 i32 i64 bf16 f16 f32 f64 c64 c128",
            ),
            (
                "u8",
                "u8 u8 u16 u32 u64 i16 i16 i32 i64 bf16 f16 f32 f64 c64 c128",
            ),
            (
                "u16",
                "u16 u16 u16 u32 u64 i32 i32 i32 i64 bf16 f16 f32 f64 c64 c128",
            ),
            (
                "u32",
                "u32 u32 u32 u32 u64 i64 i64 i64 i64 bf16 f16 f32 f64 c64 c128",
            ),
            (
                "u64",
                "u64 u64 u64 u64 u64 f64* f64* f64* f64* bf16 f16 f32 f64 c64 c128",
            ),
            (
                "i8",
                "i8 i16 i32 i64 f64* i8 i16 i32 i64 bf16 f16 f32 f64 c64 c128",
            ),
            (
                "i16",
                "i16 i16 i32 i64 f64* i16 i16 i32 i64 bf16 f16 f32 f64 c64 c128",
            ),
            (
                "i32",
                "i32 i32 i32 i64 f64* i32 i32 i32 i64 bf16 f16 f32 f64 c64 c128",
            ),
            (
                "i64",
                "i64 i64 i64 i64 f64* i64 i64 i64 i64 bf16 f16 f32 f64 c64 c128",
            ),
            (
                "bf16",
                "bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16 f32 f32 f64 c64 c128",
            ),
            (
                "f16",
                "f16 f16 f16 f16 f16 f16 f16 f16 f16 f32 f16 f32 f64 c64 c128",
            ),
            (
                "f32",
                "f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f64 c64 c128",
            ),
            (
                "f64",
                "f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 c128 c128",
            ),
            (
                "c64",
                "c64 c64 c64 c64 c64 c64 c64 c64 c64 c64 c64 c64 c128 c64 c128",
            ),
            (
                "c128",
                "c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128",
            ),
            (
                "i64*",
                "i64* u8 u16 u32 u64 i8 i16 i32 i64 bf16 f16 f32 f64 c64 c128",
            ),
            (
                "f64*",
                "f64* f64* f64* f64* f64* f64* f64* f64* f64* bf16 f16 f32 f64 c64 c128",
            ),
            (
                "c128*",
                "c128* c128* c128* c128* c128* c128* c128* c128* c128* c64 c64 c64 c128 c64 c128",
            ),
        ] {
            for (right, want) in strong.into_iter().zip(row.split(' ')) {
                assert_eq!(
                    promote_types(read(left), right),
                    read(want),
                    "{left} {right:?}"
                );
            }
        }
    }

    #[test]
    fn promotion_matches_the_reference_table() {
        use DType::*;
        let (s, w) = (false, true);
        for (a, b, want) in [
            ((U8, s), (I32, s), (I32, s)),
            ((U8, s), (U32, s), (U32, s)),
            ((U32, s), (I32, s), (I64, s)),
            ((U64, s), (I64, s), (F64, w)),
            ((I64, s), (F32, s), (F32, s)),
            ((U8, s), (I64, w), (U8, s)),
            ((Bool, s), (I64, w), (I64, w)),
            ((I32, s), (F64, w), (F64, w)),
            ((F32, s), (F64, w), (F32, s)),
            ((I64, w), (F64, w), (F64, w)),
            ((F16, s), (BF16, s), (F32, s)),
            ((F16, s), (I64, s), (F16, s)),
            ((BF16, s), (F64, w), (BF16, s)),
            ((C64, s), (F64, s), (C128, s)),
            ((C64, s), (F64, w), (C64, s)),
            ((C64, s), (I64, s), (C64, s)),
            ((F32, s), (C128, w), (C64, s)),
            ((F64, s), (C128, w), (C128, s)),
            ((I32, s), (C128, w), (C128, w)),
        ] {
            assert_eq!(promote_types(a, b), want, "{a:?} {b:?}");
        }
    }
}
