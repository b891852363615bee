//! Parameters on their way into text.
//!
//! The forms are those of JAX 0.10. Where an operation knows more than JAX's primitive shows (the sizes of named axes, the
//! lanes of a parallel callback), a parameter is added, so that text holds whatever types do not imply.

use super::python::boolean;
use crate::array::{DType, TensorType};
use crate::program::SubProgram;

/// A parameter's value.
#[derive(Debug)]
pub(crate) enum Param {
    /// Text without line breaks.
    Text(String),
    /// One program, inline or by its name.
    Program(SubProgram),
    /// The branches of a `cond`.
    Programs(Vec<SubProgram>),
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Param::Text(text)
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Param::Text(text.to_owned())
    }
}

impl From<bool> for Param {
    fn from(value: bool) -> Self {
        boolean(value).into()
    }
}

impl From<usize> for Param {
    fn from(value: usize) -> Self {
        value.to_string().into()
    }
}

impl From<DType> for Param {
    fn from(dtype: DType) -> Self {
        dtype.name().into()
    }
}

impl From<&SubProgram> for Param {
    fn from(program: &SubProgram) -> Self {
        Param::Program(program.clone())
    }
}

/// One equation's parameters, as its operation shows them.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    /// The types of the equation's results.
    pub(crate) results: &'a [TensorType],
    /// What a scatter does where an update meets an element, which JAX shows as a program.
    pub(crate) update: Option<SubProgram>,
    entries: Vec<(&'static str, Param)>,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(results: &'a [TensorType], update: Option<SubProgram>) -> Self {
        Shown {
            results,
            update,
            entries: Vec::new(),
        }
    }

    /// Shows a parameter.
    pub(crate) fn show(&mut self, key: &'static str, value: impl Into<Param>) -> &mut Self {
        self.entries.push((key, value.into()));
        self
    }

    /// The parameters with their keys, as they were shown.
    pub(crate) fn into_entries(self) -> Vec<(&'static str, Param)> {
        self.entries
    }
}
