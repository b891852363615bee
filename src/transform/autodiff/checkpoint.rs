//! Functions whose intermediate values reverse mode computes again.

use std::sync::Arc;

use crate::error::Error;
use crate::program::{Checkpoint, CheckpointPolicy};
use crate::tensor::{Caller, Func, Tensor, Traced, Tree, apply, lift_vars, trace};
use crate::transform::transformed::{Transform, results, transformed};
use crate::tree::TreeDef;

/// A function of which the backward pass keeps less; see [`checkpoint`].
#[derive(Clone, Debug)]
pub struct CheckpointFn<F> {
    function: F,
    policy: CheckpointPolicy,
}

/// The function itself, except that reverse mode does not keep its intermediate values but computes them again when the
/// cotangent comes, host calls included (JAX's `checkpoint`, or `remat`).
///
/// A chain of n steps so needs memory for its arguments only. Around the inner one of two nested [`scan`](crate::scan)s of
/// sqrt(n) steps each it makes that twice sqrt(n).
///
/// ```
/// use elimap::prelude::*;
/// use elimap::{checkpoint, grad};
/// let f = checkpoint(|x: Tensor| x.sin().sin());
/// let slope = grad(|x: Tensor| f.call((x,))).call((1.0,))?;
/// assert!((slope.to_array()?.item::<f64>()? - 1_f64.sin().cos() * 1_f64.cos()).abs() < 1e-15);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn checkpoint<F>(function: F) -> CheckpointFn<F> {
    CheckpointFn {
        function,
        policy: CheckpointPolicy::NothingSaveable,
    }
}

impl<F> CheckpointFn<F> {
    /// What is kept after all; nothing where nothing is said.
    ///
    /// ```
    /// use elimap::{CheckpointPolicy, checkpoint, grad, prelude::*};
    /// let f = checkpoint(|x: Tensor| x.sin().sin()).policy(CheckpointPolicy::EverythingSaveable);
    /// let slope = grad(|x: Tensor| f.call((x,))).call((0.0,))?;
    /// assert_eq!(slope.item::<f64>()?, 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn policy(mut self, policy: CheckpointPolicy) -> Self {
        self.policy = policy;
        self
    }
}

transformed! {
    CheckpointFn;
    /// Calls the function on a tuple of arguments.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong in the function.
    ///
    /// ```
    /// use elimap::{checkpoint, prelude::*};
    /// assert_eq!(checkpoint(|x: Tensor| x.square()).call((3.0,))?.item::<f64>()?, 9.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
}

impl<A: Tree, By, F: Func<A, By>> Transform<A, By> for CheckpointFn<F> {
    type Out = F::Out;

    fn apply(&self, def: &TreeDef, leaves: &[Tensor], location: Caller) -> Result<F::Out, Error> {
        let mut types = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            types.push(leaf.clone().check()?.ty().clone());
        }
        let (traced, out_def) = trace::<A, By, F>(&self.function, def, &types, None, location)?;
        let Traced {
            mut program,
            captures,
        } = traced;
        program.inputs.rotate_right(captures.len());
        let captured = lift_vars(&captures);
        let op = Checkpoint {
            program: Arc::new(program),
            policy: self.policy,
            differentiated: false,
        };
        let operands: Vec<&Tensor> = captured.iter().chain(leaves).collect();
        let outputs = apply(op, &operands, location)?;
        results(&out_def, outputs)
    }
}
