//! What can be wrong with an expression, as data.

use thiserror::Error;

/// An error of a reward [`Expression`](crate::phase::Expression); characters count from 1.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// The text is no expression.
    #[error("expression `{text}`, character {at}: expected {expected}, found {found}")]
    Syntax {
        /// The whole text.
        text: String,
        /// Where.
        at: usize,
        /// What could be there.
        expected: String,
        /// What is there.
        found: String,
    },

    /// The text is longer or deeper than anybody writes.
    #[error(
        "expression `{start}..` has {found} {what}, and {limit} is the most; write a file of rewards"
    )]
    TooLarge {
        /// How it begins.
        start: String,
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much there may be.
        limit: usize,
    },

    /// A name that the states do not have.
    #[error(
        "expression `{text}`, character {at}: the states have no entry `{name}`; they have {known}"
    )]
    UnknownName {
        /// The whole text.
        text: String,
        /// Where the name begins.
        at: usize,
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },

    /// A range whose last entry comes before its first.
    #[error(
        "expression `{text}`, character {at}: `{last}` comes before `{first}`; write {last}..{first}"
    )]
    Range {
        /// The whole text.
        text: String,
        /// Where the range begins.
        at: usize,
        /// Its first name.
        first: String,
        /// Its last name.
        last: String,
    },

    /// A value that is infinite or not a number.
    #[error(
        "expression `{text}` is {value:?} at vertex {vertex} (state {state:?}); rewards must be finite, so guard it, as in if(s0 > 0, 1 / s0, 0)"
    )]
    Value {
        /// The whole text.
        text: String,
        /// The vertex.
        vertex: usize,
        /// Its state.
        state: Vec<i64>,
        /// The value.
        value: f64,
    },
}
