//! The error of program text that cannot be read.

use std::fmt::Display;

/// A place in the text, counted from 1 in lines and characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Program text could not be read: where, what was expected and what to do.
///
/// Lines and columns count from 1, columns in characters.
///
/// ```
/// use elimap::Program;
/// let error = Program::parse("{ lambda ; a:f64[3]. let b:f64[3] = sin x in (b,) }").unwrap_err();
/// assert_eq!(error.position(), (1, 41));
/// assert_eq!(error.to_string(), "line 1, column 41: `x` is not defined here; define it before its use");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Something else than the grammar asks for.
    #[error("line {line}, column {column}: expected {expected}, found {found}")]
    Unexpected {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What the grammar asks for.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// An operation that does not exist.
    #[error(
        "line {line}, column {column}: unknown operation `{name}`; use the JAX name of one of `elimap::program::Op`'s variants"
    )]
    UnknownOperation {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The name.
        name: String,
    },
    /// A callback the parser was not given.
    #[error(
        "line {line}, column {column}: no callback is named {name:?}; give it with `ProgramParser::callback`"
    )]
    UnknownCallback {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The name.
        name: String,
    },
    /// A `custom_vmap` function's rule the parser was not given.
    #[error(
        "line {line}, column {column}: no vmap rule is named {name:?}; give it with `ProgramParser::custom_rule`"
    )]
    UnknownRule {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The name.
        name: String,
    },
    /// A mapped axis whose size neither the text says nor the parser was given.
    #[error(
        "line {line}, column {column}: the size of the mapped axis {name:?} is not known; give it with `ProgramParser::axis`"
    )]
    UnknownAxis {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The axis's name.
        name: String,
    },
    /// An operation that stands for a composition, which its operands or parameters do not fit.
    #[error("line {line}, column {column}: `{operation}` cannot be read: {detail}")]
    Composition {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The operation.
        operation: String,
        /// What does not fit.
        detail: String,
    },
    /// A program shown by a name that no `let` before it defines.
    #[error(
        "line {line}, column {column}: no program is named `{name}`; put `let {name} = {{ lambda .. }} in` before this one"
    )]
    UnknownProgram {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The name.
        name: String,
    },
    /// A constant without an array.
    #[error(
        "line {line}, column {column}: the constant `{name}:{ty}` has no array; give one per constant, in the order of the text, with `ProgramParser::constant`"
    )]
    MissingConstant {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The constant's name.
        name: String,
        /// The constant's type.
        ty: String,
    },
    /// More arrays than the text has constants; the place is the text's end.
    #[error(
        "line {line}, column {column}: the text has {used} constants, but {given} arrays were given; give one per constant"
    )]
    UnusedConstants {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// Arrays given.
        given: usize,
        /// Constants in the text.
        used: usize,
    },
    /// A variable used before, or without, its definition.
    #[error("line {line}, column {column}: `{name}` is not defined here; define it before its use")]
    UndefinedVariable {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The name.
        name: String,
    },
    /// A variable defined twice in one program.
    #[error(
        "line {line}, column {column}: `{name}` is defined already; give each variable of a program a name of its own"
    )]
    DuplicateVariable {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The name.
        name: String,
    },
    /// A parameter the operation needs is not there.
    #[error(
        "line {line}, column {column}: `{operation}` needs the parameter `{parameter}`; add `{parameter}=..` in its brackets"
    )]
    MissingParameter {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The operation.
        operation: String,
        /// The parameter.
        parameter: String,
    },
    /// A parameter the operation does not have, or has already.
    #[error(
        "line {line}, column {column}: `{operation}` takes no further parameter `{parameter}`; remove it"
    )]
    UnknownParameter {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The operation.
        operation: String,
        /// The parameter.
        parameter: String,
    },
    /// Types or counts that should agree do not.
    #[error(
        "line {line}, column {column}: {what} should be {expected}, but is {found}; change one to fit the other"
    )]
    TypeMismatch {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What should agree.
        what: String,
        /// The type or count it should have.
        expected: String,
        /// The type or count it has.
        found: String,
    },
    /// Programs or values nested too deep.
    #[error(
        "line {line}, column {column}: nested deeper than {limit} levels; name inner programs with `let` before the outer one"
    )]
    TooDeep {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The greatest depth.
        limit: usize,
    },
}

impl ParseError {
    /// The line and the column, each from 1.
    ///
    /// ```
    /// use elimap::Program;
    /// let error = Program::parse("{ lambda ; a:f64[] .\n let b:f64[] = nothing a in (b,) }").unwrap_err();
    /// assert_eq!(error.position().0, 2);
    /// ```
    #[must_use]
    pub fn position(&self) -> (usize, usize) {
        match self {
            ParseError::Unexpected { line, column, .. }
            | ParseError::UnknownOperation { line, column, .. }
            | ParseError::UnknownCallback { line, column, .. }
            | ParseError::UnknownRule { line, column, .. }
            | ParseError::UnknownAxis { line, column, .. }
            | ParseError::Composition { line, column, .. }
            | ParseError::UnknownProgram { line, column, .. }
            | ParseError::MissingConstant { line, column, .. }
            | ParseError::UnusedConstants { line, column, .. }
            | ParseError::UndefinedVariable { line, column, .. }
            | ParseError::DuplicateVariable { line, column, .. }
            | ParseError::MissingParameter { line, column, .. }
            | ParseError::UnknownParameter { line, column, .. }
            | ParseError::TypeMismatch { line, column, .. }
            | ParseError::TooDeep { line, column, .. } => (*line, *column),
        }
    }

    pub(crate) fn unexpected(
        at: At,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let At { line, column } = at;
        ParseError::Unexpected {
            line,
            column,
            expected: expected.into(),
            found: found.into(),
        }
    }

    pub(crate) fn mismatch(
        at: At,
        what: impl Into<String>,
        expected: &dyn Display,
        found: &dyn Display,
    ) -> Self {
        let At { line, column } = at;
        let (expected, found) = (expected.to_string(), found.to_string());
        ParseError::TypeMismatch {
            line,
            column,
            what: what.into(),
            expected,
            found,
        }
    }
}
