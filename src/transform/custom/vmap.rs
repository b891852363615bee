//! Functions that say themselves how they batch.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::array::TensorType;
use crate::error::Error;
use crate::program::{CustomRule, CustomVmapCall, RuleOutcome};
use crate::tensor::{
    Arguments, Caller, Flatten, Func, ScanOptions, Tensor, Traced, Tree, apply, flatten_args,
    lift_vars, scan_lanes, trace, trace_dynamic, without_traces,
};
use crate::transform::transformed::{Transform, results, transformed};
use crate::tree::{Path, TreeDef};

/// Which results of a vmap rule lead with the batch axis: one `bool` for all of them, or one for each leaf.
pub trait BatchedFlags {
    /// One flag per leaf, for this many leaves.
    fn into_flags(self, leaves: usize) -> Vec<bool>;
}

impl BatchedFlags for bool {
    fn into_flags(self, leaves: usize) -> Vec<bool> {
        vec![self; leaves]
    }
}
impl BatchedFlags for Vec<bool> {
    fn into_flags(self, _leaves: usize) -> Vec<bool> {
        self
    }
}
impl<const N: usize> BatchedFlags for [bool; N] {
    fn into_flags(self, _leaves: usize) -> Vec<bool> {
        self.into()
    }
}

/// What a vmap rule returns: the results and which of them are batched, or a `Result` of that.
pub trait RuleOutput<T> {
    /// The results, and one flag per leaf.
    ///
    /// # Errors
    ///
    /// The rule's own error.
    fn into_parts(self) -> Result<(T, Vec<bool>), Error>;
}

impl<T: Tree, B: BatchedFlags> RuleOutput<T> for (T, B) {
    fn into_parts(self) -> Result<(T, Vec<bool>), Error> {
        let mut leaves = Vec::new();
        self.0.flatten(&mut leaves);
        Ok((self.0, self.1.into_flags(leaves.len())))
    }
}
impl<T, P: RuleOutput<T>, E: Into<Error>> RuleOutput<T> for Result<P, E> {
    fn into_parts(self) -> Result<(T, Vec<bool>), Error> {
        self.map_err(Into::into)?.into_parts()
    }
}

/// A function that still needs its rule; see [`custom_vmap`].
#[derive(Clone, Debug)]
pub struct CustomVmap<F> {
    function: F,
    name: Arc<str>,
}

/// Gives a function a batching rule of its own, with [`CustomVmap::def_vmap`].
///
/// The rule gets the number of lanes, which leaves of the arguments are batched, and the arguments: batched ones lead
/// with the batch axis, the others are as they are. It returns the results for the whole batch and which of them lead with
/// the batch axis. It is not asked where no argument is batched; under nested vmaps the innermost one asks it, and the
/// outer ones batch what it did (rule C44). Unlike JAX's, its answer is checked: structure, lanes, shapes, element types.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::custom_vmap;
/// // One matrix product for the batch instead of one per lane.
/// let apply = custom_vmap(|m: Tensor, x: Tensor| m.matmul(x)).def_vmap(
///     |_lanes, in_batched, (m, x): (Tensor, Tensor)| match in_batched {
///         [false, true] => Ok((x.matmul(m.t()), true)),
///         _ => vmap(|m: Tensor, x: Tensor| m.matmul(x)).call((m, x)).map(|y| (y, true)),
///     },
/// );
/// let m = ndarray::array![[2.0, 0.0], [0.0, 3.0]];
/// let x = ndarray::array![[1.0, 1.0], [1.0, 2.0], [0.0, 5.0]];
/// let y = vmap(|m: Tensor, x: Tensor| apply.call((m, x))).in_axes((None, 0)).call((m, x))?;
/// assert_eq!(y.to_array()?.to_vec::<f64>()?, [2.0, 3.0, 2.0, 6.0, 0.0, 15.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn custom_vmap<F>(function: F) -> CustomVmap<F> {
    CustomVmap {
        function,
        name: Arc::from("fun"),
    }
}

impl<F> CustomVmap<F> {
    /// The name shown in program text and in messages.
    ///
    /// ```
    /// use elimap::{custom_vmap, prelude::*};
    /// let twice = custom_vmap(|x: Tensor| x * 2.0)
    ///     .name("twice")
    ///     .def_vmap(|_lanes, _batched, (x,): (Tensor,)| ok((x * 2.0, true)));
    /// assert_eq!(twice.rule((f64::spec([]),))?.name(), "twice");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Arc::from(name);
        self
    }

    /// Gives the function its rule: from the number of lanes, one flag per leaf of the arguments, and the arguments.
    ///
    /// ```
    /// use elimap::{custom_vmap, prelude::*};
    /// let lanes_of = custom_vmap(|x: Tensor| x * 0.0 + 1.0)
    ///     .def_vmap(|lanes, _batched, (x,): (Tensor,)| ok((x * 0.0 + lanes as f64, true)));
    /// let found = vmap(|x: Tensor| lanes_of.call((x,))).call((vec![5.0, 6.0],))?;
    /// assert_eq!(found.to_vec::<f64>()?, [2.0, 2.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn def_vmap<A, R, Q, By>(self, rule: R) -> WithVmapRule<F>
    where
        A: Tree,
        F: Func<A, By>,
        R: Fn(usize, &[bool], A) -> Q + Send + Sync + 'static,
        Q: RuleOutput<F::Out>,
    {
        let rule = move |size: usize, batched: &[bool], def: &TreeDef, leaves: Vec<Tensor>| {
            let args = A::unflatten(def, &mut leaves.into_iter(), &Path::root("args"))?;
            let (out, flags) = rule(size, batched, args).into_parts()?;
            let mut leaves = Vec::new();
            let def = out.flatten(&mut leaves);
            Ok((def, leaves, flags))
        };
        WithVmapRule {
            function: self.function,
            name: self.name,
            rule: Arc::new(rule),
        }
    }
}

/// Structure, leaves and flags of a rule's results, from the lanes, the arguments' flags, structure and leaves.
type LeafRule = dyn Fn(usize, &[bool], &TreeDef, Vec<Tensor>) -> Result<(TreeDef, Vec<Tensor>, Vec<bool>), Error>
    + Send
    + Sync;

/// A function with a batching rule of its own; see [`custom_vmap`] and [`sequential_vmap`].
#[derive(Clone)]
pub struct WithVmapRule<F> {
    function: F,
    name: Arc<str>,
    rule: Arc<LeafRule>,
}

impl<F: fmt::Debug> fmt::Debug for WithVmapRule<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithVmapRule")
            .field("function", &self.function)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<F> WithVmapRule<F> {
    /// The name shown in program text and in messages.
    ///
    /// ```
    /// use elimap::{prelude::*, sequential_vmap};
    /// let wave = sequential_vmap(|x: Tensor| x.sin()).name("wave");
    /// assert_eq!(wave.rule((f64::spec([]),))?.name(), "wave");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Arc::from(name);
        self
    }

    /// The rule as a program holds it for arguments of these types, to give to
    /// [`ProgramParser::custom_rule`](crate::ProgramParser::custom_rule).
    ///
    /// # Errors
    ///
    /// Whatever goes wrong in the function.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::{ProgramParser, sequential_vmap};
    /// let f = sequential_vmap(|x: Tensor| x.sin()).name("wave");
    /// let program = jit(|x: Tensor| f.call((x,))).trace((f64::spec([]),))?;
    /// let text = program.to_string();
    /// let parser = ProgramParser::new().custom_rule(f.rule((f64::spec([]),))?);
    /// assert_eq!(parser.parse(&text)?.to_string(), text);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[track_caller]
    pub fn rule<A: Tree, T: Arguments<A>, By>(&self, args: T) -> Result<CustomRule, Error>
    where
        F: Func<A, By>,
    {
        let (def, leaves) = flatten_args::<A>(args);
        let types: Vec<TensorType> = leaves.iter().map(|t| t.ty().clone()).collect();
        let location = Location::caller();
        let (_, out_def) = trace::<A, By, F>(&self.function, &def, &types, None, location)?;
        Ok(self.custom_rule(&def, out_def, location))
    }

    fn custom_rule(&self, def: &TreeDef, out_def: TreeDef, location: Caller) -> CustomRule {
        let (rule, def) = (self.rule.clone(), def.clone());
        CustomRule::new(self.name.clone(), out_def, move |size, batched, types| {
            // What is being batched is no trace in progress, so the rule's body is a program of its own.
            without_traces(|| {
                let (traced, (def, batched)) = trace_dynamic(types, None, location, |inputs| {
                    let (out_def, leaves, flags) = rule(size, batched, &def, inputs)?;
                    Ok((leaves, (out_def, flags)))
                })?;
                Ok(RuleOutcome {
                    program: traced.program,
                    def,
                    batched,
                })
            })
        })
    }
}

transformed! {
    WithVmapRule;
    /// Calls the function on a tuple of arguments; the rule only matters under [`vmap`](crate::vmap).
    ///
    /// # Errors
    ///
    /// Whatever goes wrong in the function.
    ///
    /// ```
    /// use elimap::{custom_vmap, prelude::*};
    /// let square = custom_vmap(|x: Tensor| x.square())
    ///     .def_vmap(|_lanes, _batched, (x,): (Tensor,)| ok((x.square(), true)));
    /// assert_eq!(square.call((3.0,))?.item::<f64>()?, 9.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
}

impl<A: Tree, By, F: Func<A, By>> Transform<A, By> for WithVmapRule<F> {
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
        let op = CustomVmapCall {
            rule: self.custom_rule(def, out_def.clone(), location),
            program: Arc::new(program),
            num_consts: captures.len(),
        };
        let operands: Vec<&Tensor> = captured.iter().chain(leaves).collect();
        let outputs = apply(op, &operands, location)?;
        results(&out_def, outputs)
    }
}

/// A function that is run lane by lane under [`vmap`](crate::vmap): the whole body for lane 0, then for lane 1.
///
/// So the calls of several callbacks in it interleave, and each sees one lane, whatever its method (rule C46). Where no
/// argument is batched it runs once.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::sequential_vmap;
/// let log = CallLog::new();
/// let host = |name: &str| {
///     Callback::new(name, [f64::spec([])], |args: &[Array]| args[0].clone()).log(&log)
/// };
/// let (a, b) = (host("a"), host("b"));
/// let f = sequential_vmap(move |x: Tensor| b.call((a.call((x,))?,)));
/// vmap(f).call((Array::from(vec![0.0, 1.0]),))?;
/// let names: Vec<String> = log.records().into_iter().map(|r| r.name).collect();
/// assert_eq!(names, ["a", "b", "a", "b"]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn sequential_vmap<A, F>(function: F) -> WithVmapRule<Arc<dyn SharedFunc<A, Out = F::Out>>>
where
    A: Tree + 'static,
    F: Func<A> + Send + Sync + 'static,
{
    sequential(Arc::new(function), Arc::from("fun"))
}

fn sequential<A: Tree + 'static, T: Tree + 'static>(
    function: Arc<dyn SharedFunc<A, Out = T>>,
    name: Arc<str>,
) -> WithVmapRule<Arc<dyn SharedFunc<A, Out = T>>> {
    let per_lane = function.clone();
    let rule = move |size: usize, batched: &[bool], def: &TreeDef, leaves: Vec<Tensor>| {
        // Under an outer vmap each lane is again run by itself.
        let lane = sequential(per_lane.clone(), Arc::from("fun"));
        let pick = |want: bool| {
            let chosen = leaves.iter().zip(batched).filter(move |&(_, &b)| b == want);
            chosen.map(|(leaf, _)| leaf.clone()).collect::<Vec<_>>()
        };
        let (xs, shared) = (pick(true), pick(false));
        let out_def = std::cell::RefCell::new(TreeDef::None);
        let step = |(): (), slices: Vec<Tensor>| -> Result<((), Vec<Tensor>), Error> {
            let (mut slices, mut shared) = (slices.into_iter(), shared.iter().cloned());
            let leaves: Vec<Tensor> = batched
                .iter()
                .filter_map(|&b| if b { slices.next() } else { shared.next() })
                .collect();
            let args = A::unflatten(def, &mut leaves.into_iter(), &Path::root("args"))?;
            let mut results = Vec::new();
            let found = lane.invoke(args)?.flatten(&mut results);
            out_def.replace(found);
            Ok(((), results))
        };
        let options = ScanOptions::default().length(size);
        let ((), out): ((), Vec<Tensor>) = scan_lanes(step, (), xs, options, Location::caller())?;
        let flags = vec![true; out.len()];
        Ok((out_def.into_inner(), out, flags))
    };
    WithVmapRule {
        function,
        name,
        rule: Arc::new(rule),
    }
}

/// A [`Func`] that threads may share, as rules must be.
pub trait SharedFunc<A>: Func<A> + Send + Sync {}
impl<A, F: Func<A> + Send + Sync> SharedFunc<A> for F {}

impl<A, T: Tree> Func<A> for Arc<dyn SharedFunc<A, Out = T>> {
    type Out = T;
    fn invoke(&self, args: A) -> Result<T, Error> {
        (**self).invoke(args)
    }
}
