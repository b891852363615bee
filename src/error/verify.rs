//! The error of a program that breaks its invariants.

use std::fmt;

/// One broken invariant: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The position of the equation, `None` for inputs, constants and outputs.
    pub equation: Option<usize>,
    /// What is wrong.
    pub message: String,
}

/// All broken invariants of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyError {
    /// Every violation, in program order.
    pub violations: Vec<Violation>,
}

impl std::error::Error for VerifyError {}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the program breaks {} invariants; it was not made by this library or one of its transforms is wrong",
            self.violations.len()
        )?;
        for violation in &self.violations {
            match violation.equation {
                Some(i) => write!(f, "\n  equation {i}: {}", violation.message)?,
                None => write!(f, "\n  {}", violation.message)?,
            }
        }
        Ok(())
    }
}
