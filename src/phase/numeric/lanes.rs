//! Numbers side by side: one per theta.
//!
//! The kernel ([`crate::phase::numeric::kernel`]) is written once over [`Lanes`]. For one theta a `Lanes` is an `f64`; for a batch it is a
//! [`Wide`], whose loops over its lanes compilers turn into vector instructions. A lane does the same operations in the
//! same order in both, and additions and multiplications are rounded apart: nothing is contracted into fused
//! multiply-adds, on no machine, because that would change bits between machines with and without them. (The error of a
//! product is exact, with or without.) So a lane's
//! bits depend neither on the width nor on the instruction set nor on its neighbours.

/// Work that runs on the widest vector unit there is. (The array half has the same few lines; the elimination uses of it what is
/// public, which this is not.)
///
/// This is a trait and no closure: a closure that could be called twice is called through a function that the compiler
/// makes, which is not inlined into the one that has the unit's instructions, and then runs without them.
pub(crate) trait Pass {
    /// To be marked `#[inline(always)]`, as all that it calls.
    fn run(self);
}

struct Widest<P>(P);

impl<P: Pass> pulp::WithSimd for Widest<P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<V: pulp::Simd>(self, _: V) {
        self.0.run();
    }
}

/// Runs on the widest vector unit there is.
pub(crate) fn on_widest(pass: impl Pass) {
    pulp::Arch::new().dispatch(Widest(pass));
}

/// One or more numbers, one per lane; every operation is lane by lane.
pub(crate) trait Lanes: Copy + Send + Sync + 'static {
    const COUNT: usize;
    const ZERO: Self;
    const INFINITY: Self;

    fn splat(value: f64) -> Self;
    fn lane(&self, lane: usize) -> f64;
    fn set_lane(&mut self, lane: usize, value: f64);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn inverse(self) -> Self;
    fn abs(self) -> Self;
    /// What rounding has left out of the product of two numbers: exact, however it is computed, unless it underflows.
    ///
    /// Passes run on units with fused multiply-adds wherever there are any; elsewhere this is a slow call.
    fn product_error(self, other: Self, product: Self) -> Self;
    /// The smaller; of numbers that are not NaN.
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// The smaller of this and the other where the other is not zero.
    fn min_nonzero(self, other: Self) -> Self;

    /// `x` where `a` is less than `b`, else `y`.
    fn choose_less(a: Self, b: Self, x: Self, y: Self) -> Self;

    /// `self + a * b`, rounded twice.
    #[inline(always)]
    fn plus(self, a: Self, b: Self) -> Self {
        self.add(a.mul(b))
    }
}

impl Lanes for f64 {
    const COUNT: usize = 1;
    const ZERO: Self = 0.0;
    const INFINITY: Self = f64::INFINITY;

    #[inline(always)]
    fn splat(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn lane(&self, _: usize) -> f64 {
        *self
    }
    #[inline(always)]
    fn set_lane(&mut self, _: usize, value: f64) {
        *self = value;
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self + other
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self - other
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self * other
    }
    #[inline(always)]
    fn product_error(self, other: Self, product: Self) -> Self {
        self.mul_add(other, -product)
    }
    #[inline(always)]
    fn inverse(self) -> Self {
        1.0 / self
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
    #[inline(always)]
    fn min_nonzero(self, other: Self) -> Self {
        let positive = if other == 0.0 { f64::INFINITY } else { other };
        Lanes::min(self, positive)
    }
    #[inline(always)]
    fn choose_less(a: Self, b: Self, x: Self, y: Self) -> Self {
        if a < b { x } else { y }
    }
}

/// `W` numbers, aligned so that no vector of them straddles two cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Wide<const W: usize>([f64; W]);

impl<const W: usize> Wide<W> {
    #[inline(always)]
    fn zip(mut self, other: Self, operation: impl Fn(f64, f64) -> f64) -> Self {
        for lane in 0..W {
            self.0[lane] = operation(self.0[lane], other.0[lane]);
        }
        self
    }
}

impl<const W: usize> Lanes for Wide<W> {
    const COUNT: usize = W;
    const ZERO: Self = Self([0.0; W]);
    const INFINITY: Self = Self([f64::INFINITY; W]);

    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self([value; W])
    }
    #[inline(always)]
    fn lane(&self, lane: usize) -> f64 {
        self.0[lane]
    }
    #[inline(always)]
    fn set_lane(&mut self, lane: usize, value: f64) {
        self.0[lane] = value;
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    fn product_error(mut self, other: Self, product: Self) -> Self {
        for lane in 0..W {
            self.0[lane] = self.0[lane].mul_add(other.0[lane], -product.0[lane]);
        }
        self
    }
    #[inline(always)]
    fn inverse(self) -> Self {
        self.zip(self, |a, _| 1.0 / a)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.zip(self, |a, _| a.abs())
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, Lanes::min)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, Lanes::max)
    }
    #[inline(always)]
    fn min_nonzero(self, other: Self) -> Self {
        self.zip(other, Lanes::min_nonzero)
    }
    #[inline(always)]
    fn choose_less(a: Self, b: Self, mut x: Self, y: Self) -> Self {
        for lane in 0..W {
            x.0[lane] = if a.0[lane] < b.0[lane] {
                x.0[lane]
            } else {
                y.0[lane]
            };
        }
        x
    }
}
