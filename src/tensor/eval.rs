//! Calling programs from traced code and outside of it.

use std::panic::Location;

use super::context::run_or_inline;
use super::{Flatten, Tensor};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::Program;

impl Program {
    /// Evaluates the program on arguments, whose leaves are its inputs in order; JAX's `eval_jaxpr`.
    ///
    /// While a function is traced the program's equations join it, so a program that was read or made by hand can be mapped, compiled and
    /// composed like a function. [`Program::run`] is the same for arrays.
    ///
    /// # Errors
    ///
    /// [`Error::Verify`] for a program that breaks its invariants, [`OpErrorKind::OperandCount`] and
    /// [`OpErrorKind::ShapeMismatch`] where arguments do not match the inputs, and what goes wrong in the run.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program: elimap::Program = "{ lambda ; a:f64[]. let b:f64[] = mul a 2.0:f64[] in (b,) }".parse()?;
    /// assert_eq!(program.call((3.0,))?[0].item::<f64>()?, 6.0);
    /// let mapped = vmap(|x: Tensor| program.call((x,))).call((vec![1.0, 2.0],))?;
    /// assert_eq!(mapped[0].to_vec::<f64>()?, [2.0, 4.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    pub fn call(&self, args: impl Flatten) -> Result<Vec<Tensor>, Error> {
        let location = Location::caller();
        let mut leaves = Vec::new();
        args.flatten_owned(&mut leaves);
        if leaves.len() != self.inputs().len() {
            let kind = OpErrorKind::OperandCount {
                expected: self.inputs().len(),
                actual: leaves.len(),
            };
            return Err(OpError::at("program", kind, location).into());
        }
        for (leaf, ty) in leaves.iter_mut().zip(self.input_types()) {
            *leaf = leaf.clone().check()?;
            if leaf.ty().weak && !ty.weak {
                *leaf = super::convert(leaf, (ty.dtype, false), location);
            }
            if !leaf.ty().same_layout(&ty) {
                let detail = format!("an input takes {ty}, it was given {}", leaf.ty());
                let kind = OpErrorKind::shapes([&ty, leaf.ty()], detail);
                return Err(OpError::at("program", kind, location).into());
            }
        }
        // Programs can be built and parsed by hand; batching and evaluation may assume what the type rules accept.
        self.verify()?;
        run_or_inline(self, &leaves, &[], location)
    }
}
