//! The errors of the transform framework: one enum per layer, and [`Error`], which holds them.
//!
//! They stand below what they are errors of, so that a layer's result type costs no import from above.

mod autodiff;
mod callback;
mod custom;
mod op;
mod parse;
pub(crate) mod site;
mod trace;
mod verify;
mod vmap;

use std::fmt;
use std::panic::Location;

use crate::array::{ArrayError, NpyError};
use crate::tree::TreeError;

pub use autodiff::AutodiffError;
pub(crate) use callback::HostPanic;
pub use callback::{BoxError, CallbackError, LaneIndex};
pub use custom::CustomVmapError;
pub use op::{OpError, OpErrorKind};
pub(crate) use parse::At;
pub use parse::ParseError;
pub use trace::TraceError;
pub use verify::{VerifyError, Violation};
pub use vmap::{PmapError, VmapError};

/// Anything that can go wrong while a function is traced, transformed or run.
///
/// Each layer has its own error type; this one holds them, and `source()` leads to what a host function returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A plain array was read or built wrongly.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// An `.npy` file could not be read or written.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// Structures do not fit: `in_axes` or `out_axes`, or arguments and parameters.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// An operation cannot take its operands.
    #[error(transparent)]
    Op(#[from] OpError),
    /// A tensor was used where it has no meaning.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// `vmap` was asked for something impossible.
    #[error(transparent)]
    Vmap(#[from] VmapError),
    /// A `custom_vmap` rule's answer does not fit its function.
    #[error(transparent)]
    CustomVmap(#[from] CustomVmapError),
    /// A derivative does not exist, or was asked for wrongly.
    #[error(transparent)]
    Autodiff(#[from] AutodiffError),
    /// A host call failed.
    #[error(transparent)]
    Callback(#[from] CallbackError),
    /// `pmap` was asked for.
    #[error(transparent)]
    Pmap(#[from] PmapError),
    /// A program breaks its invariants.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Program text could not be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The traced function returned an error of its own.
    #[error("the traced function failed: {0}")]
    Function(#[source] BoxError),
    /// The run's [`CancelToken`](crate::CancelToken) was cancelled.
    #[error("the run was cancelled; lanes already done are discarded, call again to start over")]
    Cancelled,
    /// An error with the line of the call that met it.
    #[error(transparent)]
    Located(LocatedError),
    /// An error that was recorded earlier and reaches several places.
    #[error(transparent)]
    Shared(std::sync::Arc<Error>),
}

impl Error {
    /// Wraps an error of the caller's own, for traced functions that return `Result`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let f = vmap(|x: Tensor| match "7x".parse::<f64>() {
    ///     Ok(scale) => Ok(x * scale),
    ///     Err(e) => Err(Error::function(e)),
    /// });
    /// assert!(f.call((Array::from(vec![1.0]),)).is_err());
    /// ```
    #[must_use]
    pub fn function(error: impl Into<BoxError>) -> Self {
        Error::Function(error.into())
    }

    /// The error itself, without who shares it and where it was met.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let error = vmap(|x: Tensor| x).in_axes((1,)).call((vec![1.0],)).unwrap_err();
    /// assert!(matches!(error.root(), Error::Vmap(_)));
    /// ```
    #[must_use]
    pub fn root(&self) -> &Error {
        match self {
            Error::Shared(inner) => inner.root(),
            Error::Located(LocatedError { error, .. }) => error.root(),
            error => error,
        }
    }

    /// The error itself, without where it was met; a shared one stays shared.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let error = vmap(|x: Tensor| x).in_axes((1,)).call((vec![1.0],)).unwrap_err();
    /// assert!(error.to_string().contains(".rs:"));
    /// assert!(matches!(error.into_root(), Error::Vmap(_)));
    /// ```
    #[must_use]
    pub fn into_root(self) -> Error {
        match self {
            Error::Located(LocatedError { error, .. }) => error.into_root(),
            error => error,
        }
    }

    /// The error with the line of a call, where its own text names none.
    pub(crate) fn located(self, location: &'static Location<'static>) -> Error {
        match self {
            Error::Tree(_) | Error::Vmap(_) | Error::CustomVmap(_) | Error::Callback(_) => {
                Error::Located(LocatedError {
                    error: Box::new(self),
                    location: site::site(location),
                })
            }
            other => other,
        }
    }
}

/// An error of a call, and the call's place in the source.
#[derive(Debug)]
pub struct LocatedError {
    error: Box<Error>,
    location: &'static Location<'static>,
}

impl LocatedError {
    /// The error.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let error = vmap(|x: Tensor| x).in_axes((1,)).call((vec![1.0],)).unwrap_err();
    /// if let Error::Located(located) = error {
    ///     assert!(matches!(located.error(), Error::Vmap(_)));
    /// }
    /// ```
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Where the call is written.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let error = vmap(|x: Tensor| x).in_axes((1,)).call((vec![1.0],)).unwrap_err();
    /// if let Error::Located(located) = error {
    ///     assert!(located.location().file().ends_with(".rs"));
    /// }
    /// ```
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl fmt::Display for LocatedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at {})", self.error, self.location)
    }
}

impl std::error::Error for LocatedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}
