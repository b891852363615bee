//! Host functions with a batching rule.
//!
//! A [`Callback`] names a host function, declares the types of its results for one example, and says with a
//! [`VmapMethod`] what happens to it under `vmap`. The contract, checked at every call: the host gets arrays of the
//! types the method promises (JAX, section 2 of its semantics: rules C1 to C11) and returns as many arrays as
//! declared, of the declared dtypes and (batched) shapes. Whatever goes wrong on the host's side, an error, a panic or a wrong
//! result, arrives as a [`CallbackError`](crate::CallbackError) that names the callback and, for per-lane methods, the lane.

mod derivative;
mod function;
mod host;
mod log;
mod options;

use std::fmt;
use std::sync::Arc;

use crate::array::{Array, TensorType};
use crate::error::BoxError;

pub(crate) use derivative::HostDerivative;
pub use derivative::Residuals;
pub(crate) use function::{Accepts, LaneArgument};
pub use function::{HostArgument, HostFunction, HostNumber, HostResult, NumberFunction};
pub use host::HostOutput;
pub use log::{CallLog, CallRecord};
pub use options::{CancelToken, Progress, RunOptions};

/// What a [`Callback`] does under `vmap`.
///
/// With B lanes, a batched argument of lane shape `s`, an unbatched one of shape `u` and a result of lane shape `r`:
///
/// | method | calls | batched | unbatched | must return |
/// |---|---|---|---|---|
/// | `Sequential`, `SequentialUnrolled` | B | `s` | `u` | `r` |
/// | `ExpandDims` | 1 | `(B, s)` | `(1, u)` | `(B, r)` |
/// | `BroadcastAll` | 1 | `(B, s)` | `(B, u)` | `(B, r)` |
/// | `LegacyVectorized` | 1 | `(B, s)` | `u` | `(B, r)` |
/// | `Parallel` | B | `s` | `u` | `r` |
///
/// Which one to take:
///
/// | the host function | method |
/// |---|---|
/// | is written for one example, and calls do not depend on each other | `Parallel`, which [`Callback::of`] takes by itself |
/// | is written for one example, and calls must come one after the other (it prints, it counts, it is not thread-safe inside) | `Sequential` |
/// | takes whole batches and broadcasts as numpy does (BLAS, a table look-up, an accelerator) | `ExpandDims` |
/// | takes whole batches and wants every argument at full size | `BroadcastAll` |
/// | is a function of numbers, for every element | none: [`elementwise`](crate::elementwise) |
/// | comes from old JAX code with `vectorized=True` | `LegacyVectorized` |
///
/// A callback none of whose arguments is batched is called once, unbatched, whatever its method; a batch of size 0
/// makes no call (rules C1 and C19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VmapMethod {
    /// One call per lane, in ascending order; under nested vmaps the innermost level is the slowest (rule C11).
    Sequential,
    /// As `Sequential`; JAX unrolls the loop when compiling, which a host call cannot notice.
    SequentialUnrolled,
    /// One call; unbatched arguments get a leading axis of length 1 per level.
    ExpandDims,
    /// One call; unbatched arguments are repeated along the batch axis.
    BroadcastAll,
    /// One call; unbatched arguments are passed as they are, which does not compose under nested vmaps (rule C10).
    LegacyVectorized,
    /// Not in JAX: one call per lane, fanned out over rayon's threads; results in lane order, nested vmaps one flat
    /// fan-out, and of several failing lanes the lowest is reported.
    Parallel,
}

impl VmapMethod {
    /// Every method.
    pub const ALL: [VmapMethod; 6] = [
        VmapMethod::Sequential,
        VmapMethod::SequentialUnrolled,
        VmapMethod::ExpandDims,
        VmapMethod::BroadcastAll,
        VmapMethod::LegacyVectorized,
        VmapMethod::Parallel,
    ];

    /// JAX's name, such as `expand_dims`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(VmapMethod::ExpandDims.name(), "expand_dims");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            VmapMethod::Sequential => "sequential",
            VmapMethod::SequentialUnrolled => "sequential_unrolled",
            VmapMethod::ExpandDims => "expand_dims",
            VmapMethod::BroadcastAll => "broadcast_all",
            VmapMethod::LegacyVectorized => "legacy_vectorized",
            VmapMethod::Parallel => "parallel",
        }
    }
}

impl fmt::Display for VmapMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`VmapMethod`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown vmap method {name:?}; use one of sequential, sequential_unrolled, expand_dims, broadcast_all, legacy_vectorized, parallel"
)]
#[non_exhaustive]
pub struct UnknownVmapMethod {
    /// The name given.
    pub name: String,
}

impl std::str::FromStr for VmapMethod {
    type Err = UnknownVmapMethod;
    fn from_str(name: &str) -> Result<VmapMethod, UnknownVmapMethod> {
        VmapMethod::ALL
            .into_iter()
            .find(|m| m.name() == name)
            .ok_or_else(|| UnknownVmapMethod {
                name: name.to_owned(),
            })
    }
}

/// What a host call does beside returning its results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallbackKind {
    /// Without side effects: may be dropped under `jit` where its results are not used.
    Pure,
    /// With side effects: never dropped.
    Io {
        /// Whether calls keep program order, also against other ordered calls.
        ordered: bool,
    },
    /// For looking at values; never dropped.
    Debug,
}

impl CallbackKind {
    /// The names of the operations that make such calls.
    pub(crate) const NAMES: &'static [&'static str] =
        &["pure_callback", "io_callback", "debug_callback"];

    /// The name of the operation that makes such calls.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::CallbackKind;
    /// assert_eq!(CallbackKind::Pure.name(), "pure_callback");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CallbackKind::Pure => "pure_callback",
            CallbackKind::Io { .. } => "io_callback",
            CallbackKind::Debug => "debug_callback",
        }
    }
}

/// Calls the host for a lane of arguments, and writes the results at a place of those of all lanes.
type EachLane =
    dyn Fn(&[LaneArgument<'_>], usize, &mut [Array], usize) -> Result<(), BoxError> + Send + Sync;

type HostFn = dyn Fn(&[Array]) -> Result<Vec<Array>, BoxError> + Send + Sync;

/// A host function that can be called from traced code.
///
/// Cheap to clone. There is no default method: a callback without one works unbatched and is refused under `vmap`.
///
/// ```
/// use elimap::prelude::*;
/// let square = Callback::new("square", [f64::spec([])], |args: &[Array]| {
///     args[0].view::<f64>().map(|x| Array::from(x.mapv(|v| v * v)))
/// })
/// .vmap_method(VmapMethod::ExpandDims);
/// let out = vmap(|x: Tensor| square.call((x,))).call((Array::from(vec![1.0, 2.0, 3.0]),))?;
/// assert_eq!(out.to_array()?.to_vec::<f64>()?, [1.0, 4.0, 9.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
///
/// # Panics of the host
///
/// A host function that panics is caught, and its text is the `source()` of a [`CallbackError::Failed`](crate::CallbackError::Failed). Rust's panic hook has
/// printed the text to stderr by then. Hooks belong to the program, so this library neither installs nor removes one; a
/// program that wants the text in the error only installs its own before it calls anything:
///
/// ```
/// use elimap::prelude::*;
/// std::panic::set_hook(Box::new(|_| ()));
/// let moody = Callback::new("moody", [f64::spec([])], |_: &[Array]| -> Result<Array, elimap::BoxError> {
///     panic!("not today")
/// });
/// let error = moody.call((Array::from(1.0),)).unwrap_err();
/// assert!(error.to_string().contains("the host function panicked: not today"));
/// ```
#[derive(Clone)]
pub struct Callback {
    name: Arc<str>,
    results: Arc<[TensorType]>,
    /// Whether nobody has said yet what the results are.
    undeclared: bool,
    /// What each argument must be, where the host function says it.
    parameters: Option<Arc<[Accepts]>>,
    host: Arc<HostFn>,
    /// The same for a lane of a batch, where the host function's type says the types of its results.
    each: Option<Arc<EachLane>>,
    method: Option<VmapMethod>,
    kind: CallbackKind,
    log: Option<CallLog>,
    derivative: Option<Arc<HostDerivative>>,
}

impl Callback {
    /// A callback with the types of its results for one example.
    ///
    /// The host function returns an [`Array`], an array or `Vec` of them, or a `Result` of either.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let double = Callback::new("double", [f64::spec([])], |args: &[Array]| args[0].item::<f64>().map(|x| Array::from(2.0 * x)));
    /// assert_eq!(double.call((1.5,))?.item::<f64>()?, 3.0);
    /// # elimap::ok(())
    /// ```
    pub fn new<R: HostOutput>(
        name: &str,
        results: impl IntoIterator<Item = TensorType>,
        host: impl Fn(&[Array]) -> R + Send + Sync + 'static,
    ) -> Self {
        Callback {
            name: Arc::from(name),
            // Results are never weak (rule N6).
            results: results.into_iter().map(|ty| ty.with_weak(false)).collect(),
            undeclared: false,
            parameters: None,
            host: Arc::new(move |args| host(args).into_arrays()),
            each: None,
            method: None,
            kind: CallbackKind::Pure,
            log: None,
            derivative: None,
        }
    }

    /// Says how the callback batches.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let log = CallLog::new();
    /// let half = Callback::of("half", |x: f64| x / 2.0).vmap_method(VmapMethod::Sequential).log(&log);
    /// assert_eq!(vmap(&half).call((vec![2.0, 4.0],))?.to_vec::<f64>()?, [1.0, 2.0]);
    /// assert_eq!(log.len(), 2);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn vmap_method(mut self, method: VmapMethod) -> Self {
        self.method = Some(method);
        self
    }

    /// Declares side effects: such a callback is never dropped, and under `vmap` it is called lane by lane whatever its
    /// method; an ordered one cannot be batched (JAX's `io_callback`, rules C40 to C42).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::CallbackKind;
    /// let write = Callback::of("write", |x: f64| x).io(true);
    /// assert_eq!(write.kind(), CallbackKind::Io { ordered: true });
    /// ```
    #[must_use]
    pub fn io(mut self, ordered: bool) -> Self {
        self.kind = CallbackKind::Io { ordered };
        self
    }

    /// Declares that the callback only looks at values: never dropped, and under `vmap` called lane by lane (rule C43);
    /// [`debug_callback`](crate::debug_callback) is the usual way to one.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::CallbackKind;
    /// assert_eq!(Callback::of("look", |x: f64| x).debug().kind(), CallbackKind::Debug);
    /// ```
    #[must_use]
    pub fn debug(mut self) -> Self {
        self.kind = CallbackKind::Debug;
        self
    }

    /// What it does beside returning its results.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::CallbackKind;
    /// assert_eq!(Callback::of("half", |x: f64| x / 2.0).kind(), CallbackKind::Pure);
    /// ```
    #[must_use]
    pub fn kind(&self) -> CallbackKind {
        self.kind
    }

    /// Records every host call in `log`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let log = CallLog::new();
    /// Callback::of("half", |x: f64| x / 2.0).log(&log).call((3.0,))?;
    /// assert_eq!(log.records()[0].args[0].item::<f64>()?, 3.0);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn log(mut self, log: &CallLog) -> Self {
        self.log = Some(log.clone());
        self
    }

    /// The callback's name.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Callback::of("half", |x: f64| x / 2.0).name(), "half");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The types of the results for one example.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Callback::of("half", |x: f64| x / 2.0).results(), [f64::spec([])]);
    /// ```
    #[must_use]
    pub fn results(&self) -> &[TensorType] {
        &self.results
    }

    /// What each argument must be, where the host function says it.
    pub(crate) fn parameters(&self) -> Option<&[Accepts]> {
        self.parameters.as_deref()
    }

    /// Whether nobody has said yet what the results are.
    pub(crate) fn is_undeclared(&self) -> bool {
        self.undeclared
    }

    /// How the callback batches.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Callback::of("half", |x: f64| x / 2.0).method(), Some(VmapMethod::Parallel));
    /// ```
    #[must_use]
    pub fn method(&self) -> Option<VmapMethod> {
        self.method
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("name", &self.name)
            .field("results", &self.results)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}
