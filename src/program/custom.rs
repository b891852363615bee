//! Batching rules that users give their own functions.

use std::fmt;
use std::sync::Arc;

use super::Program;
use crate::array::TensorType;
use crate::error::Error;
use crate::tree::TreeDef;

/// What a user's batching rule made of a batch.
#[derive(Debug)]
pub(crate) struct RuleOutcome {
    /// The rule's body: batched arguments lead with the batch axis, the others are as they are.
    pub(crate) program: Program,
    /// The structure of its results.
    pub(crate) def: TreeDef,
    /// Whether each result leads with the batch axis.
    pub(crate) batched: Vec<bool>,
}

/// Traces a rule for a number of lanes, which arguments are batched, and their types with their batch axes.
type RuleFn = dyn Fn(usize, &[bool], &[TensorType]) -> Result<RuleOutcome, Error> + Send + Sync;

/// The batching rule of a [`custom_vmap`](crate::custom_vmap) or [`sequential_vmap`](crate::sequential_vmap) function,
/// as a program holds it; [`WithVmapRule::rule`](crate::WithVmapRule::rule) returns one for reading program text.
#[derive(Clone)]
pub struct CustomRule {
    name: Arc<str>,
    out_def: TreeDef,
    run: Arc<RuleFn>,
}

impl CustomRule {
    pub(crate) fn new(
        name: Arc<str>,
        out_def: TreeDef,
        run: impl Fn(usize, &[bool], &[TensorType]) -> Result<RuleOutcome, Error>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        CustomRule {
            name,
            out_def,
            run: Arc::new(run),
        }
    }

    /// The function's name, by which program text knows the rule.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The structure of the function's results.
    pub(crate) fn out_def(&self) -> &TreeDef {
        &self.out_def
    }

    pub(crate) fn run(
        &self,
        size: usize,
        batched: &[bool],
        types: &[TensorType],
    ) -> Result<RuleOutcome, Error> {
        (self.run)(size, batched, types)
    }
}

impl fmt::Debug for CustomRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomRule")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
