//! Discrete distributions.

use std::panic::Location;

use super::continuous::{between, float, shape_or};
use super::{Key, bits, gumbel, split};
use crate::array::{DType, Shape};
use crate::error::{Error, OpError, OpErrorKind};
use crate::numpy::{isinf, isnan};
use crate::tensor::{IntoShape, TakeMode, Tensor, composed, where_, while_loop};

fn refuse(detail: String) -> Error {
    OpError::at("random", OpErrorKind::parameter(detail), Location::caller()).into()
}

/// Parameters of samplers are floats; whole numbers count as `f64`.
fn floating(x: Tensor) -> Tensor {
    let dtype = if x.dtype().is_float() {
        x.dtype()
    } else {
        DType::F64
    };
    x.astype(super::width::drawn(dtype))
}

/// Whole numbers from `low` to `high`, which is left out; `low` where there are none.
///
/// ```
/// use elimap::{DType, random};
/// let key = random::Key::new(0);
/// let x = random::randint(&key, [100], 0, 6, DType::I64);
/// assert!(x.min(..).item::<i64>()? >= 0 && x.max(..).item::<i64>()? < 6);
/// # Ok::<(), elimap::Error>(())
/// ```
///
/// Poisoned ([`OpErrorKind::InvalidParameter`]) for an element type that is no integer.
#[track_caller]
#[must_use]
pub fn randint(
    key: &Key,
    shape: impl IntoShape,
    low: impl Into<Tensor>,
    high: impl Into<Tensor>,
    dtype: DType,
) -> Tensor {
    let (shape, low, high) = (shape.into_shape(), low.into(), high.into());
    let dtype = super::width::drawn(dtype);
    composed(Location::caller(), || {
        let (unsigned, half) = match dtype {
            DType::I32 | DType::U32 => (DType::U32, 1_u64 << 16),
            DType::I64 | DType::U64 => (DType::U64, 1 << 32),
            // Of so few bits some numbers would come too often, so these are drawn from wider ones.
            DType::I8 | DType::I16 | DType::U8 | DType::U16 => {
                let bits = 8 * dtype.size() as u32;
                let (least, greatest) = match dtype.is_signed_integer() {
                    true => (-(1_i64 << (bits - 1)), (1_i64 << (bits - 1)) - 1),
                    false => (0, (1_i64 << bits) - 1),
                };
                let (low, high) = (low.clip(least, greatest), high.clip(least, greatest + 1));
                return Ok(randint(key, shape, low, high, DType::I32).astype(dtype));
            }
            other => {
                return Err(refuse(format!(
                    "randint draws integers, not {}",
                    other.name()
                )));
            }
        };
        // An upper bound behind the greatest number of the type means that number included.
        let greatest = match dtype {
            DType::U32 => i64::from(u32::MAX),
            DType::U64 => i64::MAX,
            signed => i64::MAX >> (64 - 8 * signed.size()),
        };
        let least = match dtype {
            signed if signed.is_signed_integer() => i64::MIN >> (64 - 8 * signed.size()),
            _ => 0,
        };
        let wide = |x: &Tensor| {
            if x.dtype() == DType::U64 {
                x.clone()
            } else {
                x.astype(DType::I64)
            }
        };
        let (low, high) = (wide(&low), wide(&high));
        let beyond = if dtype == DType::U64 {
            Tensor::from(false)
        } else {
            high.greater(greatest)
        };
        let fit = |x: Tensor| match dtype {
            DType::U64 => x.maximum(0).astype(dtype),
            _ => x.clip(least, greatest).astype(dtype),
        };
        let (low, high) = (fit(low), fit(high));
        let keys = split(key, 2);
        let (higher, lower) = (
            bits(&keys.get(0), &shape, unsigned),
            bits(&keys.get(1), &shape, unsigned),
        );
        let span = (&high - &low).astype(unsigned);
        let span = where_(
            high.less_equal(&low),
            Tensor::from(1_u8).astype(unsigned),
            span,
        );
        let span = where_(
            beyond & high.greater(&low),
            &span + Tensor::from(1_u8).astype(unsigned),
            &span,
        );
        // 2^bits modulo the span, in halves that do not overflow.
        let multiplier = Tensor::from(half).astype(unsigned).lax_rem(&span);
        let multiplier = (&multiplier * &multiplier).lax_rem(&span);
        let offset = higher.lax_rem(&span) * multiplier + lower.lax_rem(&span);
        Ok(low + offset.lax_rem(span).astype(dtype))
    })
}

/// `true` with probability `p`, of a shape or of `p`'s own.
///
/// ```
/// use elimap::random;
/// let key = random::Key::new(0);
/// assert_eq!(random::bernoulli(&key, vec![0.0, 1.0], None).to_vec::<bool>()?, [false, true]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn bernoulli(key: &Key, p: impl Into<Tensor>, shape: Option<Shape>) -> Tensor {
    let p = floating(p.into());
    composed(Location::caller(), || {
        let shape = shape_or(shape, &[&p]);
        Ok(between(key, &shape, p.dtype(), 0.0, 1.0)?.less(&p))
    })
}

/// -1 or 1, each as likely, in an element type.
///
/// ```
/// use elimap::{DType, random};
/// let x = random::rademacher(&random::Key::new(0), [10], DType::I32);
/// assert_eq!(x.abs().to_vec::<i32>()?, [1; 10]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn rademacher(key: &Key, shape: impl IntoShape, dtype: DType) -> Tensor {
    let shape = shape.into_shape();
    composed(Location::caller(), || {
        Ok((bernoulli(key, 0.5, Some(shape)).astype(dtype) * 2 - 1).astype(dtype))
    })
}

/// The number of trials up to the first success of probability `p`.
///
/// ```
/// use elimap::{DType, random};
/// let x = random::geometric(&random::Key::new(0), 0.5, [10], DType::I64);
/// assert!(x.min(..).item::<i64>()? >= 1);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn geometric(key: &Key, p: impl Into<Tensor>, shape: impl IntoShape, dtype: DType) -> Tensor {
    let (p, shape) = (floating(p.into()), shape.into_shape());
    composed(Location::caller(), || {
        let u = between(key, &shape, p.dtype(), 0.0, 1.0)?;
        let u = where_(u.equal(0.0), 1.0, u);
        Ok(((u.ln() / (-p).log1p()).floor() + 1.0).astype(dtype))
    })
}

/// A number for each distribution that a row of `logits` along an axis describes, with a leading shape of so many draws; with
/// `replace` false all draws of a row are different.
///
/// ```
/// use elimap::random;
/// let logits = vec![f64::NEG_INFINITY, 0.0];
/// let x = random::categorical(&random::Key::new(0), logits, -1, [3], true);
/// assert_eq!(x.to_vec::<i64>()?, [1, 1, 1]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn categorical(
    key: &Key,
    logits: impl Into<Tensor>,
    axis: isize,
    draws: impl IntoShape,
    replace: bool,
) -> Tensor {
    let (logits, draws) = (floating(logits.into()), draws.into_shape());
    composed(Location::caller(), || {
        let axis =
            crate::tensor::resolve("categorical", &[axis], logits.rank(), Location::caller())?[0];
        if replace {
            let shape: Shape = draws.iter().chain(logits.shape()).copied().collect();
            let noise = gumbel(key, &shape, logits.dtype());
            return Ok((noise + &logits).argmax((draws.len() + axis) as isize));
        }
        let count: usize = draws.iter().product();
        let noise = gumbel(key, logits.shape(), logits.dtype());
        let (_, picked) = (&logits + noise).moveaxis(axis as isize, -1).top_k(count)?;
        let rest = picked.shape()[..picked.rank() - 1].iter();
        let shape: Vec<isize> = draws.iter().chain(rest).map(|&n| n as isize).collect();
        Ok(picked.moveaxis(-1, 0).reshape(shape))
    })
}

/// Elements along an axis of `x`, drawn with or without putting them back, each as likely or by probabilities `p`.
///
/// ```
/// use elimap::random;
/// let x = random::choice(&random::Key::new(0), vec![1, 2, 3], [3], false, None, 0);
/// assert_eq!(x.sort(0).to_vec::<i32>()?, [1, 2, 3]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn choice(
    key: &Key,
    x: impl Into<Tensor>,
    shape: impl IntoShape,
    replace: bool,
    p: Option<Tensor>,
    axis: isize,
) -> Tensor {
    let (x, shape) = (x.into(), shape.into_shape());
    composed(Location::caller(), || {
        let axis = crate::tensor::resolve("choice", &[axis], x.rank(), Location::caller())?[0];
        let (n, draws) = (x.shape()[axis], shape.iter().product::<usize>());
        if n == 0 && draws > 0 || !replace && draws > n {
            return Err(refuse(format!(
                "{draws} draws from {n} elements; put them back, or draw fewer"
            )));
        }
        let signed: Vec<isize> = x.shape()[..axis]
            .iter()
            .chain(&shape)
            .chain(&x.shape()[axis + 1..])
            .map(|&n| n as isize)
            .collect();
        let at = match p {
            None if replace => randint(key, &shape, 0, n as i64, DType::I64),
            None => {
                let mixed = super::permutation(key, &x, axis as isize, false);
                return Ok(mixed.along(axis, 0, draws).reshape(signed));
            }
            Some(p) if replace => {
                let total = floating(p).cumsum(0, false);
                let u = between(key, &shape, total.dtype(), 0.0, 1.0)?;
                let r = total.index(0, -1) * (1.0 - u);
                crate::numpy::searchsorted(total, r, false)
            }
            Some(p) => {
                let p = floating(p);
                let noise = gumbel(key, n, p.dtype()) + p.ln();
                noise.top_k(draws)?.1.astype(DType::I64)
            }
        };
        Ok(x.take(at, axis as isize, TakeMode::Fill).reshape(signed))
    })
}

/// Poisson numbers of means `lam`, of a shape or of `lam`'s own.
///
/// ```
/// use elimap::{DType, random};
/// let x = random::poisson(&random::Key::new(0), vec![0.0, 50.0], None, DType::I64).to_vec::<i64>()?;
/// assert_eq!(x[0], 0);
/// # Ok::<(), elimap::Error>(())
/// ```
///
/// Small means by Knuth's multiplication of uniform numbers, large ones by Hörmann's transformed rejection (1993).
#[track_caller]
#[must_use]
pub fn poisson(key: &Key, lam: impl Into<Tensor>, shape: Option<Shape>, dtype: DType) -> Tensor {
    let lam: Tensor = lam.into();
    composed(Location::caller(), || {
        let shape = shape_or(shape, &[&lam]);
        // Means in f32, as in JAX.
        let lam = lam.astype(DType::F32).broadcast_to(&shape);
        let small = isnan(&lam) | lam.less(10.0);
        let knuth = poisson_knuth(key, &where_(&small, &lam, 0.0), &shape, dtype)?;
        let rejection = poisson_rejection(key, &where_(&small, 1e5, &lam), &shape)?.astype(dtype);
        let found = where_(small, knuth, rejection);
        Ok(where_(lam.equal(0.0), 0, found).astype(dtype))
    })
}

fn poisson_knuth(key: &Key, lam: &Tensor, shape: &Shape, dtype: DType) -> Result<Tensor, Error> {
    type State = (Tensor, Key, Tensor);
    let start = (
        crate::tensor::zeros(shape, dtype),
        key.clone(),
        crate::tensor::zeros(shape, DType::F32),
    );
    let (count, _, _): State = while_loop(
        |(_, _, log): State| log.greater(-lam).any(..),
        |(count, key, log): State| -> Result<State, Error> {
            let keys = split(&key, 2);
            let count = where_(log.greater(-lam), &count + 1, &count).astype(dtype);
            let u = between(&keys.get(1), shape, DType::F32, 0.0, 1.0)?;
            Ok((count, keys.get(0), log + u.ln()))
        },
        start,
    )?;
    (count - 1).astype(dtype).check()
}

fn poisson_rejection(key: &Key, lam: &Tensor, shape: &Shape) -> Result<Tensor, Error> {
    type State = (Tensor, Tensor, Key);
    let log_lam = lam.ln();
    let b = lam.sqrt() * 2.53 + 0.931;
    let a = &b * 0.02483 - 0.059;
    let inverse = 1.1328 / (&b - 3.4) + 1.1239;
    let bound = 0.9277 - 3.6224 / (&b - 2.0);
    let start = (
        crate::tensor::full(shape, -1.0).astype(DType::F32),
        crate::tensor::full(shape, false),
        key.clone(),
    );
    let (count, _, _): State = while_loop(
        |(_, accepted, _): State| (!accepted).any(..),
        |(count, accepted, key): State| -> Result<State, Error> {
            let keys = split(&key, 3);
            let u = between(&keys.get(1), shape, DType::F32, 0.0, 1.0)? - 0.5;
            let v = between(&keys.get(2), shape, DType::F32, 0.0, 1.0)?;
            let shifted = 0.5_f64 - u.abs();
            let k = ((&a * 2.0 / &shifted + &b) * &u + lam + 0.43).floor();
            let s = (&v * &inverse / (&a / (&shifted * &shifted) + &b)).ln();
            let t = -lam + &k * &log_lam - (&k + 1.0).lgamma();
            let at_once = shifted.greater_equal(0.07) & v.less_equal(&bound);
            let reject = k.less(0.0) | (shifted.less(0.013) & v.greater(&shifted));
            let accept = at_once | (!reject & s.less_equal(t));
            Ok((where_(&accept, k, count), accepted | accept, keys.get(0)))
        },
        start,
    )?;
    Ok(count)
}

/// Numbers of successes among `count` trials of probability `p`, of a shape or of the parameters' own, as floats.
///
/// ```
/// use elimap::{DType, random};
/// let x = random::binomial(&random::Key::new(0), 10, vec![0.0, 1.0], None, DType::F64);
/// assert_eq!(x.to_vec::<f64>()?, [0.0, 10.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
///
/// Few expected successes by inversion, many by Hörmann's transformed rejection (1993).
#[track_caller]
#[must_use]
pub fn binomial(
    key: &Key,
    count: impl Into<Tensor>,
    p: impl Into<Tensor>,
    shape: Option<Shape>,
    dtype: DType,
) -> Tensor {
    let (count, p): (Tensor, Tensor) = (count.into(), floating(p.into()));
    composed(Location::caller(), || {
        float(dtype)?;
        let shape = shape_or(shape, &[&count, &p]);
        let count = count.astype(p.dtype()).broadcast_to(&shape);
        let p = p.broadcast_to(&shape);
        let below = p.less(0.5);
        let q = where_(&below, &p, 1.0 - &p);
        let bad_count = isnan(&count) | count.less(0.0);
        let endless = isinf(&count);
        let (lost, negative) = (isnan(&q), q.less(0.0));
        let q = where_(&lost | &negative, 0.01, q);
        let few = &bad_count | (&count * &q).less_equal(10.0);
        let count = count.floor();
        let inverted = inversion(key, &where_(&few, &count, 0.0), &q, &shape)?;
        let rejected = transformed_rejection(
            key,
            &where_(&few, 1e4, &count),
            &where_(&few, 0.5, &q),
            &shape,
        )?;
        let found = where_(few, inverted, rejected).astype(dtype);
        let invalid = negative | &lost | &bad_count;
        let found = where_(&invalid, f64::NAN, found);
        let found = where_(&endless & !invalid, f64::INFINITY, found);
        let straight = below | bad_count | lost | endless;
        Ok(where_(straight, &found, count.astype(dtype) - &found))
    })
}

/// Gaps between successes are geometric: they are added up until the trials are over.
fn inversion(key: &Key, count: &Tensor, p: &Tensor, shape: &Shape) -> Result<Tensor, Error> {
    type State = (Tensor, Tensor, Key);
    let log_miss = (-p).log1p();
    let zeros = crate::tensor::zeros(shape, p.dtype());
    let (number, _, _): State = while_loop(
        |(_, sum, _): State| sum.less_equal(count).any(..),
        |(number, sum, key): State| -> Result<State, Error> {
            let keys = split(&key, 2);
            let number = where_(sum.less_equal(count), &number + 1.0, &number);
            let u = between(&keys.get(0), shape, p.dtype(), 0.0, 1.0)?;
            Ok((number, sum + (u.ln() / &log_miss).ceil(), keys.get(1)))
        },
        (zeros.clone(), zeros, key.clone()),
    )?;
    (number - 1.0).check()
}

/// What Stirling's formula for `log(k!)` leaves out.
fn stirling_tail(k: &Tensor) -> Tensor {
    const FIRST: [f64; 10] = [
        0.081_061_466_795_327_2,
        0.041_340_695_955_409_2,
        0.027_677_925_684_998_3,
        0.020_790_672_103_765_09,
        0.016_644_691_189_821_1,
        0.013_876_128_823_071,
        0.011_896_709_945_891_7,
        0.010_411_265_261_972,
        0.009_255_462_182_712_73,
        0.008_330_563_433_362_87,
    ];
    let few = k.less_equal(9.0);
    let k = k.clip(0.0, 9.0);
    let square = (&k + 1.0).square();
    let near = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / &square) / &square) / (&k + 1.0);
    let table = Tensor::from(FIRST).astype(k.dtype());
    let read = table.take(k.floor().astype(DType::I32), 0, TakeMode::Clip);
    where_(few, read, near)
}

fn transformed_rejection(
    key: &Key,
    count: &Tensor,
    p: &Tensor,
    shape: &Shape,
) -> Result<Tensor, Error> {
    type State = (Tensor, Tensor, Key);
    let deviation = (count * p * (1.0 - p)).sqrt();
    let b = &deviation * 2.53 + 1.15;
    let a = &b * 0.0248 + p * 0.01 - 0.0873;
    let c = count * p + 0.5;
    let bound = 0.92 - 4.2 / &b;
    let odds = p / (1.0 - p);
    let alpha = (5.1 / &b + 2.83) * &deviation;
    let m = ((count + 1.0) * p).floor();
    let start = (
        crate::tensor::full(shape, -1.0).astype(p.dtype()),
        crate::tensor::full(shape, false),
        key.clone(),
    );
    let (found, _, _): State = while_loop(
        |(_, accepted, _): State| (!accepted).any(..),
        |(found, accepted, key): State| -> Result<State, Error> {
            let keys = split(&key, 3);
            let u = between(&keys.get(1), shape, p.dtype(), 0.0, 1.0)? - 0.5;
            let v = between(&keys.get(2), shape, p.dtype(), 0.0, 1.0)?;
            let us = 0.5_f64 - u.abs();
            let at_once = us.greater_equal(0.07) & v.less_equal(&bound);
            let k = ((&a * 2.0 / &us + &b) * u + &c).floor();
            let reject = k.less(0.0) | k.greater(count);
            let v = (v * &alpha / (&a / (&us * &us) + &b)).ln();
            let upper = (&m + 0.5) * ((&m + 1.0) / (&odds * (count - &m + 1.0))).ln()
                + (count + 1.0) * ((count - &m + 1.0) / (count - &k + 1.0)).ln()
                + (&k + 0.5) * (&odds * (count - &k + 1.0) / (&k + 1.0)).ln()
                + stirling_tail(&m)
                + stirling_tail(&(count - &m))
                - stirling_tail(&k)
                - stirling_tail(&(count - &k));
            let accept = at_once | (!reject & v.less_equal(upper));
            Ok((where_(&accept, k, found), accepted | accept, keys.get(0)))
        },
        start,
    )?;
    Ok(found)
}
