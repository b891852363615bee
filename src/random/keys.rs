//! Keys and raw bits.

use smallvec::SmallVec;

use crate::array::{Array, DType, Shape};
use crate::error::{Error, OpError, OpErrorKind};
use crate::tensor::{IntoShape, Tensor, composed, settle};

/// A key, or an array of keys: what random numbers depend on, and all they depend on.
#[derive(Clone, Debug, elimap_derive::Tree)]
pub struct Key {
    /// Two `u32` words for each key, on the last axis.
    data: Tensor,
}

impl Key {
    /// The key of a seed.
    ///
    /// ```
    /// use elimap::random::Key;
    /// assert_eq!(Key::new(5).data().to_vec::<u32>()?, [0, 5]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[must_use]
    pub fn new(seed: i64) -> Self {
        let words = vec![(seed as u64 >> 32) as u32, seed as u32];
        Key {
            data: Tensor::from(Array::from(words)),
        }
    }

    /// The key of a seed that may be traced: an integer of rank 0 (JAX's `random.key`).
    ///
    /// ```
    /// use elimap::random::Key;
    /// assert_eq!(Key::of_seed(5).data().to_vec::<u32>()?, [0, 5]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn of_seed(seed: impl Into<Tensor>) -> Self {
        let seed = seed.into();
        let data = composed(std::panic::Location::caller(), || {
            let wide = seed.astype(DType::I64).astype(DType::U64);
            let high = match seed.dtype() {
                DType::I64 | DType::U64 => wide.shift_right_logical(32),
                // A seed of 32 bits has no upper half, not even a sign's.
                _ => crate::tensor::zeros_like(&wide),
            };
            let low = wide & Tensor::from(u64::from(u32::MAX));
            crate::tensor::stack([high.astype(DType::U32), low.astype(DType::U32)], 0)
        });
        Key { data }
    }

    /// Keys from their raw data, `u32[..., 2]` (JAX's `random.wrap_key_data`).
    ///
    /// # Errors
    ///
    /// [`OpErrorKind::InvalidParameter`] for another element type or last axis.
    ///
    /// ```
    /// use elimap::random::Key;
    /// assert!(Key::from_data(vec![0_u32, 5])?.shape().is_empty());
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    pub fn from_data(data: impl Into<Tensor>) -> Result<Self, Error> {
        let data = data.into().check()?;
        if data.dtype() != DType::U32 || data.shape().last() != Some(&2) {
            let detail = format!("the data of keys is u32[..., 2], got {}", data.ty());
            let here = std::panic::Location::caller();
            return Err(OpError::at("random_wrap", OpErrorKind::parameter(detail), here).into());
        }
        Ok(Key { data })
    }

    /// The raw data, `u32[..., 2]` (JAX's `random.key_data`).
    ///
    /// ```
    /// use elimap::random::Key;
    /// assert_eq!(Key::new(5).data().to_vec::<u32>()?, [0, 5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn data(&self) -> &Tensor {
        &self.data
    }

    /// The shape of an array of keys: that of the data without its last axis.
    ///
    /// ```
    /// use elimap::random::{self, Key};
    /// assert_eq!(random::split(&Key::new(0), [2, 3]).shape(), [2, 3]);
    /// ```
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        let shape = self.data.shape();
        &shape[..shape.len().saturating_sub(1)]
    }

    /// One key of an array of keys, along axis 0.
    ///
    /// ```
    /// use elimap::random::{self, Key};
    /// let keys = random::split(&Key::new(0), 2);
    /// assert!(keys.get(0).shape().is_empty());
    /// ```
    #[track_caller]
    #[must_use]
    pub fn get(&self, index: isize) -> Key {
        Key {
            data: self.data.index(0, index),
        }
    }

    /// The two words of one key.
    fn words(&self) -> [Tensor; 2] {
        if !self.shape().is_empty() {
            let detail = format!(
                "takes one key, got keys of shape {:?}; map over them with vmap, or take one with .get(i)",
                self.shape()
            );
            let here = std::panic::Location::caller();
            let error =
                || Err(OpError::at("random_bits", OpErrorKind::parameter(&*detail), here).into());
            return [settle(error()), settle(error())];
        }
        [self.data.index(0, 0), self.data.index(0, 1)]
    }
}

/// Twenty rounds on every counter.
fn threefry([k1, k2]: &[Tensor; 2], [c1, c2]: [Tensor; 2]) -> [Tensor; 2] {
    const ROTATIONS: [[i64; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let keys = [
        k1.clone(),
        k2.clone(),
        k1 ^ k2 ^ Tensor::from(0x1BD1_1BDA_u32),
    ];
    let (mut x, mut y) = (c1 + &keys[0], c2 + &keys[1]);
    for round in 0..5 {
        for by in ROTATIONS[round % 2] {
            x = x + &y;
            y = y.shift_left(by) | y.shift_right_logical(32 - by);
            y = &x ^ y;
        }
        x = x + &keys[(round + 1) % 3];
        y = y + &keys[(round + 2) % 3] + Tensor::from(round as u32 + 1);
    }
    [x, y]
}

/// Row-major positions of a shape in two words, the upper first.
fn counters(shape: &[usize]) -> [Tensor; 2] {
    let size: usize = shape.iter().product();
    let signed: SmallVec<[isize; 4]> = shape.iter().map(|&n| n as isize).collect();
    let flat = crate::tensor::iota(DType::U64, size, 0).reshape(signed);
    let high = if u32::try_from(size).is_ok() {
        crate::tensor::zeros(shape, DType::U32)
    } else {
        flat.shift_right_logical(32).astype(DType::U32)
    };
    // A conversion of more than 32 bits saturates, so the upper half goes first.
    [
        high,
        (flat & Tensor::from(u64::from(u32::MAX))).astype(DType::U32),
    ]
}

/// Random bits: `u8`, `u16`, `u32` or `u64` of a shape, every value as likely.
///
/// ```
/// use elimap::{DType, random};
/// let key = random::Key::new(0);
/// assert_eq!(random::bits(&key, 1, DType::U32).to_vec::<u32>()?, [4070199207]);
/// # Ok::<(), elimap::Error>(())
/// ```
///
/// Poisoned ([`OpErrorKind::InvalidParameter`]) for another element type.
#[track_caller]
#[must_use]
pub fn bits(key: &Key, shape: impl IntoShape, dtype: DType) -> Tensor {
    let (shape, dtype): (Shape, DType) = (shape.into_shape(), super::width::drawn(dtype));
    let here = std::panic::Location::caller();
    composed(here, || {
        let [high, low] = threefry(&key.words(), counters(&shape));
        match dtype {
            DType::U64 => Ok(high.astype(dtype).shift_left(32) | low.astype(dtype)),
            DType::U32 => Ok(high ^ low),
            DType::U16 => Ok(((high ^ low) & Tensor::from(0xFFFF_u32)).astype(dtype)),
            DType::U8 => Ok(((high ^ low) & Tensor::from(0xFF_u32)).astype(dtype)),
            other => {
                let detail = format!("bits come as u8, u16, u32 or u64, not {}", other.name());
                Err(OpError::at("random_bits", OpErrorKind::parameter(detail), here).into())
            }
        }
    })
}

/// New keys from one, in an array of a shape: `split(&key, 2)`. The old key should not be used again.
///
/// ```
/// use elimap::random::{self, Key};
/// let keys = random::split(&Key::new(0), 2);
/// assert_eq!(keys.data().to_vec::<u32>()?, [1797259609, 2579123966, 928981903, 3453687069]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn split(key: &Key, shape: impl IntoShape) -> Key {
    let shape = shape.into_shape();
    let data = composed(std::panic::Location::caller(), || {
        crate::tensor::stack(threefry(&key.words(), counters(&shape)), -1)
    });
    Key { data }
}

/// A key and a number make another key, such as one for each step of a loop.
///
/// ```
/// use elimap::random::{self, Key};
/// let key = random::fold_in(&Key::new(0), 1);
/// assert_eq!(key.data().to_vec::<u32>()?, [928981903, 3453687069]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn fold_in(key: &Key, number: impl Into<Tensor>) -> Key {
    let number = number.into();
    let data = composed(std::panic::Location::caller(), || {
        let low = number.astype(DType::I64).astype(DType::U64) & Tensor::from(u64::from(u32::MAX));
        let low = low.astype(DType::U32);
        crate::tensor::stack(
            threefry(&key.words(), [crate::tensor::zeros_like(&low), low]),
            -1,
        )
    });
    Key { data }
}
