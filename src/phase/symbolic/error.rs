//! What can be wrong with work units and block traces, as data.

use thiserror::Error;

use crate::phase::symbolic::key::BlockKey;

/// An error of a work unit, a key, or of block traces that do not fit an analysis.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SymbolicError {
    /// A work unit's text is not JSON of the expected shape.
    #[error("malformed work unit at line {line}, column {column}: {message}; write the unit again")]
    WorkUnitJson {
        /// Line of the offending byte, from 1.
        line: usize,
        /// Column of the offending byte, from 1.
        column: usize,
        /// What the parser said.
        message: String,
    },

    /// A work unit of another format or version.
    #[error(
        "the work unit is `{format}` version {version}, this library reads `elimap-work-unit` version {expected}; write the unit again with this version"
    )]
    WorkUnitVersion {
        /// The format named in it.
        format: String,
        /// The version named in it.
        version: u32,
        /// The version this library reads.
        expected: u32,
    },

    /// A work unit whose pattern is impossible.
    #[error("damaged work unit: {message}; write the unit again")]
    WorkUnitPattern {
        /// What is wrong with it.
        message: String,
    },

    /// A work unit whose content does not have the key it states.
    #[error(
        "damaged work unit: it states the key {stated}, but its content has the key {actual}; write the unit again"
    )]
    WorkUnitKey {
        /// The key stated.
        stated: BlockKey,
        /// The key of the content.
        actual: BlockKey,
    },

    /// A text that is not the hexadecimal form of a key.
    #[error("`{text}` is not a block key; a key is 64 hexadecimal digits")]
    InvalidKey {
        /// The text.
        text: String,
    },

    /// Assembly was given the wrong number of block traces.
    #[error(
        "{found} block traces were given for {expected} work units; pass one per unit, in the order of the units"
    )]
    TraceCount {
        /// How many units there are.
        expected: usize,
        /// How many traces were given.
        found: usize,
    },

    /// Assembly was given a block trace of another block.
    #[error(
        "the block trace given for work unit {unit} has the key {found}, but the unit has {expected}; pass the traces in the order of the units"
    )]
    TraceMismatch {
        /// Which unit.
        unit: usize,
        /// The unit's key.
        expected: BlockKey,
        /// The trace's key.
        found: BlockKey,
    },
}
