//! `jit`: traced once per input types, simplified, and reused.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

use crate::array::TensorType;
use crate::error::Error;
use crate::exec::{Plan, RunContext};
use crate::passes::dead::dead_code;
use crate::passes::simplify::simplify;
use crate::program::{Call, Program};
use crate::tensor::{
    Arguments, Caller, Func, Tensor, Tree, apply, concrete_arrays, flatten_args, is_tracing,
    lift_vars, trace,
};
use crate::transform::transformed::{Transform, results, transformed};
use crate::tree::TreeDef;

/// A function that is traced once per structure and types of its arguments; see [`jit`].
#[derive(Debug)]
pub struct Jit<F> {
    function: F,
    name: Arc<str>,
    cache: Mutex<Cache>,
}

type Key = (TreeDef, Vec<TensorType>);

#[derive(Debug, Default)]
struct Cache {
    /// What was called last, which is mostly what is called next: to compare a key takes less time than to hash it.
    recent: Option<Arc<Compiled>>,
    /// By hash of the key; the keys tell apart what hashes alike.
    by_hash: HashMap<u64, Vec<Arc<Compiled>>>,
}

#[derive(Debug)]
struct Compiled {
    key: Key,
    plan: Plan,
    types: Vec<TensorType>,
    out_def: TreeDef,
}

/// Compiles a function: traced once per input types, without what its results do not need.
///
/// The difference to calling the function itself that a user can see: a pure callback whose result is not used is
/// not called (rule C18), and the function runs only when it meets new types. Operations are fused where they can be, which changes
/// no bit of the results; buffers of intermediate values are kept for the next call.
///
/// ```
/// use elimap::prelude::*;
/// let traced = std::cell::Cell::new(0);
/// let f = jit(vmap(|x: Tensor| { traced.set(traced.get() + 1); x.square() }));
/// for _ in 0..3 {
///     f.call((Array::from(vec![1.0, 2.0]),))?;
/// }
/// assert_eq!(traced.get(), 1);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn jit<F>(function: F) -> Jit<F> {
    Jit {
        function,
        name: Arc::from("fun"),
        cache: Mutex::default(),
    }
}

impl<F> Jit<F> {
    /// The name shown in program text where the function is called from another trace.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let double = jit(|x: Tensor| x * 2.0).name("double");
    /// let program = jit(|x: Tensor| double.call((x,))).trace((f64::spec([]),))?;
    /// assert!(program.to_string().contains("name=double"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Arc::from(name);
        self
    }

    /// The program for arguments of these types, as it would be called from another trace.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong in the function.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let program = jit(|x: Tensor| x.sin()).trace((f64::spec([]),))?;
    /// assert!(program.to_string().contains("sin"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn trace<A: Tree, T: Arguments<A>, By>(&self, args: T) -> Result<Program, Error>
    where
        F: Func<A, By>,
    {
        let (def, leaves) = flatten_args::<A>(args);
        let types: Vec<TensorType> = leaves.iter().map(|t| t.ty().clone()).collect();
        let (traced, _) =
            trace::<A, By, F>(&self.function, &def, &types, None, Location::caller())?;
        Ok(dead_code(traced.program))
    }

    fn compiled<A: Tree, By>(
        &self,
        def: &TreeDef,
        leaves: &[Tensor],
        location: Caller,
    ) -> Result<Arc<Compiled>, Error>
    where
        F: Func<A, By>,
    {
        let is_it = |compiled: &&Arc<Compiled>| {
            let (known, types) = &compiled.key;
            known == def && types.iter().eq(leaves.iter().map(Tensor::ty))
        };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = cache.recent.as_ref().filter(is_it) {
            return Ok(compiled.clone());
        }
        let mut hasher = DefaultHasher::new();
        def.hash(&mut hasher);
        leaves.iter().for_each(|leaf| leaf.ty().hash(&mut hasher));
        let hash = hasher.finish();
        let alike = cache.by_hash.get(&hash);
        if let Some(compiled) = alike.into_iter().flatten().find(is_it).cloned() {
            cache.recent = Some(compiled.clone());
            return Ok(compiled);
        }
        drop(cache);
        let key: Key = (def.clone(), leaves.iter().map(|t| t.ty().clone()).collect());
        // Traced without holding the lock: the function may call itself on other types.
        let (traced, out_def) = trace::<A, By, F>(&self.function, &key.0, &key.1, None, location)?;
        let program = simplify(&traced.program);
        // The longest programs take the most memory now.
        drop(traced);
        #[cfg(debug_assertions)]
        program.verify()?;
        let compiled = Arc::new(Compiled {
            key,
            plan: Plan::new(&program),
            types: program.output_types(),
            out_def,
        });
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.recent = Some(compiled.clone());
        let alike = cache.by_hash.entry(hash).or_default();
        alike.push(compiled.clone());
        drop(cache);
        Ok(compiled)
    }
}

transformed! {
    Jit;
    /// Runs the function on a tuple of arguments, compiling it first where their types are new.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong in the function.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let square = jit(|x: Tensor| x.square());
    /// assert_eq!(square.call((3.0,))?.item::<f64>()?, 9.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
}

impl<A: Tree, By, F: Func<A, By>> Transform<A, By> for Jit<F> {
    type Out = F::Out;

    fn apply(&self, def: &TreeDef, leaves: &[Tensor], location: Caller) -> Result<F::Out, Error> {
        if is_tracing() {
            let types: Vec<TensorType> = leaves.iter().map(|t| t.ty().clone()).collect();
            // Part of an enclosing trace: a call of a sub-program, which may use that trace's tensors.
            let (mut traced, out_def) =
                trace::<A, By, F>(&self.function, def, &types, None, location)?;
            traced.program.inputs.rotate_right(traced.captures.len());
            let captured = lift_vars(&traced.captures);
            let program = Arc::new(dead_code(traced.program));
            let operands: Vec<&Tensor> = captured.iter().chain(leaves).collect();
            let outputs = apply(
                Call {
                    name: self.name.clone(),
                    program,
                },
                &operands,
                location,
            )?;
            return results(&out_def, outputs);
        }
        let arrays = concrete_arrays(leaves, location)?;
        let compiled = self.compiled::<A, By>(def, leaves, location)?;
        let outputs = compiled.plan.run(arrays, &mut RunContext::default())?;
        let outputs = outputs
            .into_iter()
            .zip(&compiled.types)
            .map(|(array, ty)| Tensor::concrete(array, ty.weak));
        results(&compiled.out_def, outputs)
    }
}
