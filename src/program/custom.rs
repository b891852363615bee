//! Batching rules that users give their own functions.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Program, SubProgram};
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
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::sequential_vmap;
    /// let wave = sequential_vmap(|x: Tensor| x.sin()).name("wave");
    /// assert_eq!(wave.rule((f64::spec([]),))?.name(), "wave");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

/// The programs of a derivative rule: one of a [`custom_jvp`](crate::custom_jvp), two of a
/// [`custom_vjp`](crate::custom_vjp).
pub(crate) type RulePrograms = SmallVec<[SubProgram; 2]>;

/// The derivative that users give their own functions, as a program holds it.
#[derive(Clone)]
pub struct DerivativeRule(Rule);

#[derive(Clone)]
enum Rule {
    /// Traced with the call.
    Traced(RulePrograms),
    /// What went wrong; it matters only to those who ask.
    Failed(Arc<Error>),
}

impl DerivativeRule {
    pub(crate) fn traced(programs: impl IntoIterator<Item = Program>) -> Self {
        DerivativeRule::from_programs(programs.into_iter().map(Arc::new).collect())
    }

    pub(crate) fn from_programs(programs: RulePrograms) -> Self {
        DerivativeRule(Rule::Traced(programs))
    }

    pub(crate) fn failed(error: Error) -> Self {
        DerivativeRule(Rule::Failed(Arc::new(error)))
    }

    /// The programs, none where the rule failed.
    pub(crate) fn programs(&self) -> &[SubProgram] {
        match &self.0 {
            Rule::Traced(programs) => programs,
            Rule::Failed(_) => &[],
        }
    }

    /// The programs, or what went wrong.
    pub(crate) fn get(&self) -> Result<RulePrograms, Error> {
        match &self.0 {
            Rule::Traced(programs) => Ok(programs.clone()),
            Rule::Failed(error) => Err(Error::Shared(error.clone())),
        }
    }

    /// The rule with its programs rewritten; what goes wrong with that matters only to those who ask.
    pub(crate) fn map(
        &self,
        rewrite: impl FnOnce(&[SubProgram]) -> Result<RulePrograms, Error>,
    ) -> Self {
        match &self.0 {
            Rule::Traced(programs) => match rewrite(programs) {
                Ok(programs) => DerivativeRule::from_programs(programs),
                Err(error) => DerivativeRule::failed(error),
            },
            Rule::Failed(_) => self.clone(),
        }
    }
}

impl fmt::Debug for DerivativeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.programs()).finish()
    }
}
