//! The widest vector unit that the processor has, found when the program runs.
//!
//! Loops over slices become vector code by themselves, but only with the instructions that every processor of the target has.
//! What runs here may use all that this one has. Nothing is contracted into fused multiply-adds but those that are written, so bits do
//! not depend on the unit.

/// Work that runs on the widest vector unit there is.
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
