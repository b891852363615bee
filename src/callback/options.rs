//! Stopping a run and watching it, from outside.
//!
//! Options belong to a scope of the calling thread: every run that starts inside [`RunOptions::run`] takes them along, also to
//! rayon's threads, so neither functions nor transforms need another parameter.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// Stops runs from another thread, or from a host function: cheap to clone, all clones are one token.
///
/// Checked before every host call, lane and step of a loop.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::{CancelToken, RunOptions};
/// let token = CancelToken::new();
/// let stop = token.clone();
/// let host = Callback::new("host", [f64::spec([])], move |args: &[Array]| {
///     stop.cancel();
///     args[0].clone()
/// })
/// .vmap_method(VmapMethod::Sequential);
/// let f = vmap(|x: Tensor| host.call((x,)));
/// let result = RunOptions::new().cancel(&token).run(|| f.call((Array::from(vec![1.0, 2.0]),)));
/// assert!(matches!(result, Err(Error::Cancelled)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    flag: Arc<AtomicBool>,
}

impl CancelToken {
    /// A token that is not cancelled.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(!elimap::CancelToken::new().is_cancelled());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        CancelToken::default()
    }

    /// Makes every run with this token return [`Error::Cancelled`] at its next check.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let token = elimap::CancelToken::new();
    /// token.clone().cancel();
    /// assert!(token.is_cancelled());
    /// ```
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether [`CancelToken::cancel`] was called.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(!elimap::CancelToken::new().is_cancelled());
    /// ```
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }
}

/// How far a batch of per-lane host calls has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Lanes done. Of nested sequential loops, those of the slowest, which is the innermost vmap.
    pub done: usize,
    /// Lanes there are.
    pub total: usize,
}

type Observer = dyn Fn(Progress) + Send + Sync;

/// A cancellation token and a progress observer for the runs of a scope.
#[derive(Clone, Default)]
pub struct RunOptions {
    cancel: Option<CancelToken>,
    observer: Option<Arc<Observer>>,
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}

thread_local! {
    static CURRENT: RefCell<RunOptions> = RefCell::default();
}

impl RunOptions {
    /// Neither token nor observer.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let y = elimap::RunOptions::new().run(|| vmap(|x: Tensor| x * 2.0).call((vec![1.0],)))?;
    /// assert_eq!(y.to_vec::<f64>()?, [2.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        RunOptions::default()
    }

    /// Runs of the scope stop when the token is cancelled.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::{CancelToken, RunOptions};
    /// let token = CancelToken::new();
    /// token.cancel();
    /// let half = Callback::of("half", |x: f64| x / 2.0);
    /// let outcome = RunOptions::new().cancel(&token).run(|| vmap(&half).call((vec![1.0, 2.0],)));
    /// assert!(outcome.is_err());
    /// ```
    #[must_use]
    pub fn cancel(mut self, token: &CancelToken) -> Self {
        self.cancel = Some(token.clone());
        self
    }

    /// Calls `observer` after every lane of a callback that is called lane by lane; under
    /// [`VmapMethod::Parallel`](crate::VmapMethod::Parallel), from rayon's threads and in no order.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::RunOptions;
    /// use std::sync::{Arc, Mutex};
    /// let host = Callback::new("host", [f64::spec([])], |args: &[Array]| args[0].clone())
    ///     .vmap_method(VmapMethod::Sequential);
    /// let f = vmap(|x: Tensor| host.call((x,)));
    /// let seen = Arc::new(Mutex::new(Vec::new()));
    /// let log = seen.clone();
    /// let options = RunOptions::new().progress(move |p| log.lock().unwrap().push((p.done, p.total)));
    /// options.run(|| f.call((Array::from(vec![1.0, 2.0]),)))?;
    /// assert_eq!(*seen.lock().unwrap(), [(1, 2), (2, 2)]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[must_use]
    pub fn progress(mut self, observer: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Calls `f`; every run it starts on this thread has these options, in place of those of an enclosing scope.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(elimap::RunOptions::new().run(|| 3), 3);
    /// ```
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore(RunOptions);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(std::mem::take(&mut self.0));
            }
        }
        let _restore = Restore(CURRENT.replace(self.clone()));
        f()
    }

    /// The options of the innermost scope on this thread.
    pub(crate) fn current() -> Self {
        CURRENT.with_borrow(RunOptions::clone)
    }

    /// [`Error::Cancelled`] once the token is cancelled.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.cancel {
            Some(token) if token.is_cancelled() => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }

    /// Whether anybody looks at reports.
    pub(crate) fn observes(&self) -> bool {
        self.observer.is_some()
    }

    pub(crate) fn report(&self, done: usize, total: usize) {
        if let Some(observer) = &self.observer {
            observer(Progress { done, total });
        }
    }
}
