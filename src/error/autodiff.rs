//! The error of a derivative.

use crate::array::TensorType;
use crate::tree::Path;

/// Why a function has no derivative, or what is wrong with how one was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AutodiffError {
    /// A derivative with respect to an integer or boolean.
    #[error(
        "{transform} requires float inputs, but {path} is {ty}; convert it with astype, choose other argnums, or allow_int where zeros will do"
    )]
    IntegerInput {
        /// The transform asked.
        transform: &'static str,
        /// Which input.
        path: Path,
        /// Its type.
        ty: TensorType,
    },
    /// A derivative of an integer or boolean.
    #[error(
        "{transform} requires float outputs, but the function returns {ty}; convert it with astype, or return it beside the value with has_aux"
    )]
    IntegerOutput {
        /// The transform asked.
        transform: &'static str,
        /// The type returned.
        ty: TensorType,
    },
    /// A forward derivative with respect to complex numbers, which has no matrix of complex numbers.
    #[error(
        "{transform} requires real inputs, but {path} is {ty}; differentiate with respect to the parts, or use jvp or jacrev"
    )]
    ComplexInput {
        /// The transform asked.
        transform: &'static str,
        /// Which input.
        path: Path,
        /// Its type.
        ty: TensorType,
    },
    /// A reverse derivative of a complex number, which has two.
    #[error(
        "{transform} requires real outputs, but the function returns {ty}; return its real part, its imaginary part or its size, or use vjp"
    )]
    ComplexOutput {
        /// The transform asked.
        transform: &'static str,
        /// The type returned.
        ty: TensorType,
    },
    /// A gradient of more or less than one number.
    #[error(
        "{transform} requires a function of one scalar result, but it returned {found}; sum the result, return the rest with has_aux, or use jacrev or vjp"
    )]
    NonScalarOutput {
        /// The transform asked.
        transform: &'static str,
        /// What the function returned.
        found: String,
    },
    /// `argnums` names an argument that does not exist.
    #[error(
        "argnums {argnum} names no argument: there are {count}, counted from 0, or from the end by negative numbers"
    )]
    ArgnumsOutOfRange {
        /// The number given.
        argnum: isize,
        /// The number of arguments.
        count: usize,
    },
    /// Tangents or cotangents that are not of the structure, shapes and element types they belong to.
    #[error(
        "{what} must have the structure, shapes and element types of the {of}: at {path} expected {expected}, got {actual}"
    )]
    TangentMismatch {
        /// Tangents or cotangents.
        what: &'static str,
        /// What they belong to.
        of: &'static str,
        /// Where they differ.
        path: Path,
        /// What is expected there.
        expected: String,
        /// What was given.
        actual: String,
    },
    /// A rule returned something other than its function requires.
    #[error("the {rule} of `{name}` must return {expected}, but it returned {actual}")]
    RuleMismatch {
        /// The function.
        name: String,
        /// Which of its rules.
        rule: &'static str,
        /// What it must return.
        expected: String,
        /// What it returned.
        actual: String,
    },
    /// A derivative reached a host function that has no rule for it.
    #[error(
        "the callback {name:?} was reached by {mode} differentiation, for which it has no rule; give it one by Callback::{remedy}, or keep it out of what is differentiated by stop_gradient"
    )]
    CallbackRuleRequired {
        /// The callback.
        name: String,
        /// Forward or reverse.
        mode: &'static str,
        /// What gives it the rule.
        remedy: &'static str,
    },
    /// Side effects have no derivative.
    #[error(
        "the io_callback {name:?} was reached by differentiation, but what has side effects has no derivative; hand it stop_gradient of its arguments, or use debug_callback to look at values"
    )]
    EffectfulCallback {
        /// The callback.
        name: String,
    },
    /// Forward mode through a function that has a rule for reverse mode only.
    #[error(
        "`{name}` has a reverse-mode rule (vjp) only, so forward mode (jvp, jacfwd, hessian's outer half) cannot pass through it; use reverse mode, or give it a jvp rule"
    )]
    ForwardCustomVjp {
        /// The function.
        name: String,
    },
    /// Reverse mode through a loop whose number of steps is not known.
    #[error(
        "reverse-mode differentiation does not work for while_loop, or for fori_loop with bounds that are not known when it is traced; use scan, map or fori_loop with known bounds, or forward mode"
    )]
    ReverseWhile,
    /// Reverse mode through a function with a batching rule of its own.
    #[error(
        "reverse-mode differentiation does not pass through `{name}`, which has a batching rule of its own; put custom_vjp around it, or use forward mode"
    )]
    ReverseCustomVmap {
        /// The function.
        name: String,
    },
    /// A function with a derivative of its own uses a value that is being differentiated but is no argument.
    #[error(
        "`{name}` has a derivative rule and closes over a value of type {ty} that is being differentiated, of which the rule knows nothing; pass it as an argument"
    )]
    ClosedOverValue {
        /// The function.
        name: String,
        /// The value's type.
        ty: TensorType,
    },
    /// A derivative of higher order than rules that call their own function are traced for.
    #[error(
        "the rule of `{name}` calls functions with rules, and so on: derivatives through such rules are available up to order {order}; give the innermost function a rule made of operations"
    )]
    RuleDepth {
        /// The function.
        name: String,
        /// The highest order available.
        order: usize,
    },
    /// A rule that program text does not hold.
    #[error(
        "the text this program was read from does not hold the derivative rule of `{name}`; write the rule out as a program (`jvp_jaxpr`, or `fwd_jaxpr` and `bwd_jaxpr`), or build the program from the function"
    )]
    RuleNotInText {
        /// The function.
        name: String,
    },
}
