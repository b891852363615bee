//! Work units by index, for a host that is asked for indices.

use std::borrow::Cow;
use std::sync::Arc;

use crate::phase::eliminator::error::EliminatorError;
use crate::phase::symbolic::analysis::Analysis;
use crate::phase::symbolic::error::SymbolicError;
use crate::phase::symbolic::key::BlockKey;
use crate::phase::symbolic::unit::WorkUnit;

/// Work units by index, as the host of a callback over indices looks them up.
///
/// Indices are `i32` from 0; -1 is padding and stands for no work. Clones share the units.
///
/// ```
/// use elimap::phase::{Analysis, WorkStore, models};
///
/// let analysis = Analysis::new(&models::islands(4)?);
/// let store = analysis.work_store();
/// assert_eq!(store.indices(), [0, 1, 2]);
/// assert_eq!(store.get(1)?.as_ref(), Some(&analysis.work_units()[1]));
/// assert_eq!(store.get(WorkStore::PADDING)?, None);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct WorkStore {
    entries: Arc<[Entry]>,
}

#[derive(Debug)]
pub(super) enum Entry {
    Unit(WorkUnit),
    /// A unit that was serialized before, under the key it should have; checked by whoever eliminates it.
    Text(BlockKey, String),
}

impl Entry {
    /// The unit, read and checked if it is a text.
    pub(super) fn unit(&self) -> Result<Cow<'_, WorkUnit>, SymbolicError> {
        match self {
            Entry::Unit(unit) => Ok(Cow::Borrowed(unit)),
            Entry::Text(key, json) => match WorkUnit::from_json(json)? {
                unit if unit.key() == *key => Ok(Cow::Owned(unit)),
                unit => Err(SymbolicError::WorkUnitKey {
                    stated: *key,
                    actual: unit.key(),
                }),
            },
        }
    }
}

impl Analysis {
    /// The units by index.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// let analysis = Analysis::new(&models::islands(4)?);
    /// assert_eq!(analysis.work_store().len(), analysis.work_units().len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn work_store(&self) -> WorkStore {
        WorkStore::new(self.work_units())
    }
}

impl WorkStore {
    /// The index that stands for no work.
    pub const PADDING: i32 = -1;

    /// A store of these units; the index of each is its position.
    ///
    /// ```
    /// use elimap::phase::{Analysis, WorkStore, models};
    ///
    /// let analysis = Analysis::new(&models::islands(4)?);
    /// let store = WorkStore::new(&analysis.work_units()[1..]);
    /// assert_eq!(store.get(0)?.as_ref(), Some(&analysis.work_units()[1]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(units: &[WorkUnit]) -> Self {
        units.iter().cloned().map(Entry::Unit).collect()
    }

    /// A store of units that were serialized before, such as files; what is damaged is found when it is eliminated.
    ///
    /// ```
    /// use elimap::phase::{Analysis, WorkStore, models};
    ///
    /// let unit = Analysis::new(&models::birth_death(30)?).work_units()[0].clone();
    /// let store = WorkStore::from_entries([(unit.key(), unit.to_json()), (unit.key(), "{}".into())]);
    /// assert_eq!(store.get(0)?, Some(unit));
    /// assert!(store.get(1).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from_entries(entries: impl IntoIterator<Item = (BlockKey, String)>) -> Self {
        let entries = entries.into_iter();
        entries.map(|(key, json)| Entry::Text(key, json)).collect()
    }

    /// How many units there are.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// assert_eq!(Analysis::new(&models::islands(4)?).work_store().len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// // The coalescent has no cycles, so there is nothing to eliminate.
    /// assert!(Analysis::new(&models::kingman(4)?).work_store().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The indices of all units, ready to be an index array.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// assert_eq!(Analysis::new(&models::islands(4)?).work_store().indices(), [0, 1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn indices(&self) -> Vec<i32> {
        (0..self.len() as i32).collect()
    }

    /// The unit of an index, or `None` for padding.
    ///
    /// # Errors
    ///
    /// [`EliminatorError::NoSuchWorkUnit`] for any other index without a unit; what [`WorkUnit::from_json`] says of a damaged
    /// text.
    ///
    /// ```
    /// use elimap::phase::{Analysis, WorkStore, models};
    ///
    /// let store = Analysis::new(&models::birth_death(30)?).work_store();
    /// assert_eq!(store.get(0)?.map(|unit| unit.size()), Some(30));
    /// assert_eq!(store.get(WorkStore::PADDING)?, None);
    /// assert!(store.get(1).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get(&self, index: i32) -> Result<Option<WorkUnit>, EliminatorError> {
        match self.entry(index)? {
            Some(entry) => Ok(Some(entry.unit()?.into_owned())),
            None => Ok(None),
        }
    }

    pub(super) fn entry(&self, index: i32) -> Result<Option<&Entry>, EliminatorError> {
        if index == Self::PADDING {
            return Ok(None);
        }
        let entry = usize::try_from(index)
            .ok()
            .and_then(|i| self.entries.get(i));
        entry.map(Some).ok_or(EliminatorError::NoSuchWorkUnit {
            index,
            units: self.len(),
        })
    }
}

impl FromIterator<Entry> for WorkStore {
    fn from_iter<E: IntoIterator<Item = Entry>>(entries: E) -> Self {
        Self {
            entries: entries.into_iter().collect(),
        }
    }
}
