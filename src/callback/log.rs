//! A record of host calls, for tests and for curiosity.

use std::sync::{Arc, Mutex, PoisonError};

use crate::array::Array;

/// One host call: who was called with what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallRecord {
    /// The callback's name.
    pub name: String,
    /// The arrays it was handed.
    pub args: Vec<Array>,
}

/// A shared list of host calls, in the order they began.
///
/// ```
/// use elimap::prelude::*;
/// let log = CallLog::new();
/// let double = Callback::new("double", [i32::spec([])], |args: &[Array]| {
///     args[0].view::<i32>().map(|x| Array::from(x.mapv(|v| 2 * v)))
/// })
/// .vmap_method(VmapMethod::ExpandDims)
/// .log(&log);
/// vmap(|i: Tensor| double.call((i,))).call((Array::from(vec![1, 2, 3]),))?;
/// assert_eq!(log.len(), 1);
/// assert_eq!(log.records()[0].args[0].shape(), [3]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallLog {
    records: Arc<Mutex<Vec<CallRecord>>>,
}

impl CallLog {
    /// An empty log.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(CallLog::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        CallLog::default()
    }

    /// Everything recorded so far.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let log = CallLog::new();
    /// let half = Callback::of("half", |x: f64| x / 2.0).log(&log);
    /// vmap(&half).call((vec![1.0, 2.0],))?;
    /// assert_eq!(log.records().len(), 2);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn records(&self) -> Vec<CallRecord> {
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The number of calls so far.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let log = CallLog::new();
    /// let half = Callback::of("half", |x: f64| x / 2.0).log(&log);
    /// half.call((1.0,))?;
    /// assert_eq!(log.len(), 1);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether nothing was called yet.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let log = CallLog::new();
    /// let half = Callback::of("half", |x: f64| x / 2.0).log(&log);
    /// assert!(log.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything recorded.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let log = CallLog::new();
    /// let half = Callback::of("half", |x: f64| x / 2.0).log(&log);
    /// half.call((1.0,))?;
    /// log.clear();
    /// assert!(log.is_empty());
    /// # elimap::ok(())
    /// ```
    pub fn clear(&self) {
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(crate) fn push(&self, name: &str, args: &[Array]) {
        let record = CallRecord {
            name: name.to_owned(),
            args: args.to_vec(),
        };
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(record);
    }
}
