//! What can go wrong while missing block traces are computed, as data.

use thiserror::Error;

use crate::phase::symbolic::error::SymbolicError;

/// An error of an [`Eliminator`](crate::phase::Eliminator), its work units, or their manifest.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EliminatorError {
    /// The text is no manifest of work units.
    #[error("malformed manifest: {message}; plan the work units again")]
    Manifest {
        /// What is wrong with it.
        message: String,
    },

    /// An index that names no work unit.
    #[error(
        "work unit {index} does not exist, the store has {units}; indices run from 0, and -1 is padding"
    )]
    NoSuchWorkUnit {
        /// The index asked for.
        index: i32,
        /// How many units the store has.
        units: usize,
    },

    /// A work unit of a batch could not be eliminated; of several, the one with the lowest index is reported.
    #[error("work unit {index} failed: {source}")]
    UnitFailed {
        /// The unit's index in its store.
        index: i32,
        /// What went wrong.
        source: Box<EliminatorError>,
    },

    /// Eliminating a work unit panicked: a defect of this library, which loses nothing but the unit.
    #[error("the elimination panicked: {message}; report it with the work unit")]
    Panicked {
        /// The panic's text.
        message: String,
    },

    /// A strategy of another name.
    #[error("unknown strategy `{name}`; use auto, vmap or sequential (pmap is known and refused)")]
    UnknownStrategy {
        /// The name given.
        name: String,
    },

    /// Nobody was to do the work.
    #[error("0 workers were asked for; use at least 1")]
    NoWorkers,

    /// The strategy `pmap` was asked for.
    #[error(transparent)]
    Pmap(#[from] crate::PmapError),

    /// The transform framework refused or failed.
    #[error(transparent)]
    Transform(#[from] crate::Error),

    /// A work unit or a block trace is not what it should be.
    #[error(transparent)]
    Unit(#[from] SymbolicError),
}
