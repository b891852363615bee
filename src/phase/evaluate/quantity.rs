//! Quantities of a model, and the recipe of each: what is solved for it, and how its answer is put together.
//!
//! A new quantity is a variant of [`Quantity`] and an arm of [`Quantity::recipe`]. Batches, callbacks, single thetas and
//! the program read the recipe and nothing else.

use std::sync::Arc;

use ndarray::Array2;

use crate::phase::graph::Graph;
use crate::phase::index::{IndexVec, Transient};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::flows::RightHandSide;
use crate::phase::numeric::terms::{Start, Term, moment_terms};
use crate::phase::symbolic::layout::Layout;

/// Below this share of the second moment, a variance is computed with more digits.
const CANCELLATION: f64 = 1.0 / 32.0;

/// A quantity of the time to absorption, for [`Batch::answer`](crate::phase::Batch::answer) and
/// [`EliminationTrace::callback`](crate::phase::EliminationTrace::callback).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Quantity {
    /// The moments of orders 1 to this.
    Moments(usize),
    /// The moments of orders 1 to this, and the gradient of each with respect to theta.
    MomentsAndGradients(usize),
    /// The variance, mass at time zero included.
    Variance,
    /// The expected time to absorption from every vertex.
    WaitingTimes,
    /// The expected time spent in every vertex before absorption.
    SojournTimes,
    /// Expected rewards: a row per reward, with the reward per unit of time spent in each vertex.
    Rewards(Array2<f64>),
    /// Expected rewards, and the gradient of each with respect to theta.
    RewardsAndGradients(Array2<f64>),
}

/// One array of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// The name of the array.
    pub name: &'static str,
    /// Its shape for one theta.
    pub shape: Vec<usize>,
    /// The name of one of its numbers, to which the number's index is appended.
    pub element: &'static str,
    /// The index of the first number.
    pub first: usize,
}

impl Part {
    pub(crate) fn new(
        name: &'static str,
        shape: Vec<usize>,
        element: &'static str,
        first: usize,
    ) -> Self {
        Self {
            name,
            shape,
            element,
            first,
        }
    }

    /// How many numbers it has.
    ///
    /// ```
    /// use elimap::phase::{Quantity, models};
    ///
    /// let parts = Quantity::MomentsAndGradients(2).parts(&models::islands(3)?)?;
    /// assert_eq!(parts.iter().map(|part| part.size()).collect::<Vec<_>>(), [2, 6]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// How a part of an answer is made of what was solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// The product of the start distribution with each solution.
    StartProducts,
    /// The second start product less the square of the first.
    Variance,
    /// The first solution by vertex of the graph.
    WaitingTimes,
    /// The first transposed solution by vertex of the graph.
    SojournTimes,
    /// The adjoint's gradients.
    Gradients,
}

/// The transposed solves of a recipe, and the gradients made of them.
#[derive(Clone, Debug)]
pub(crate) struct Transposed {
    pub solves: usize,
    /// How many gradients there are.
    pub gradients: usize,
    pub terms: Vec<Term>,
    /// What each solve starts from, at most 1 everywhere. Where there is nothing, the first starts from the model's start
    /// distribution and each other one from the solution before it.
    pub starts: Vec<Start>,
}

/// What is solved for a quantity, and what its answer is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recipe {
    /// The arrays of an answer, with how each is made; a row of numbers has them one after the other.
    pub parts: Vec<(Part, Output)>,
    pub right: Vec<RightHandSide>,
    pub transposed: Option<Transposed>,
}

impl Recipe {
    fn new(part: Part, output: Output, right: Vec<RightHandSide>) -> Self {
        Self {
            parts: vec![(part, output)],
            right,
            transposed: None,
        }
    }

    /// The same with the gradients of all numbers so far.
    fn with_gradients(mut self, parameters: usize, solves: usize, terms: Vec<Term>) -> Self {
        let gradients = self.width();
        let part = Part::new("gradients", vec![gradients, parameters], "gradient", 0);
        self.parts.push((part, Output::Gradients));
        self.transposed = Some(Transposed {
            solves,
            gradients,
            terms,
            starts: Vec::new(),
        });
        self
    }

    /// The gradients of the expected times from other start distributions than the model's, which need not add up to 1.
    pub(crate) fn gradients_from(starts: Vec<Start>, parameters: usize) -> Self {
        let count = starts.len();
        let term = |k: usize| Term {
            output: k,
            y: k,
            x: 0,
            factor: 1.0,
        };
        let part = Part::new("gradients", vec![count, parameters], "gradient", 0);
        Self {
            transposed: Some(Transposed {
                solves: count,
                gradients: count,
                terms: (0..count).map(term).collect(),
                starts,
            }),
            ..Self::new(part, Output::Gradients, chain(1))
        }
    }

    /// The start distributions that are not the model's.
    pub(crate) fn starts(&self) -> &[Start] {
        self.transposed.as_ref().map_or(&[], |of| &of.starts)
    }

    /// How many numbers answer one theta.
    pub(crate) fn width(&self) -> usize {
        self.parts.iter().map(|(part, _)| part.size()).sum()
    }

    /// Whether the solutions are moments, each made of the one before.
    pub(crate) fn is_chain(&self) -> bool {
        self.right.iter().all(|right| right.reward.is_none())
    }

    /// How many transposed solves there are.
    pub(crate) fn solves(&self) -> usize {
        self.transposed.as_ref().map_or(0, |of| of.solves)
    }

    /// The outputs with their places in a row of numbers.
    pub(crate) fn outputs<'o>(
        &self,
        out: &'o mut [f64],
    ) -> impl Iterator<Item = (Output, &'o mut [f64])> {
        let mut rest = out;
        self.parts.iter().map(move |(part, output)| {
            let (own, after) = std::mem::take(&mut rest).split_at_mut(part.size());
            rest = after;
            (*output, own)
        })
    }
}

/// The right-hand sides of the first moments.
fn chain(order: usize) -> Vec<RightHandSide> {
    let sides = (0..order).map(|k| RightHandSide {
        previous: k.checked_sub(1),
        factor: (k + 1) as f64,
        reward: None,
    });
    sides.collect()
}

impl Quantity {
    /// The arrays of an answer for a graph: names and shapes.
    ///
    /// # Errors
    ///
    /// [`NumericError::RewardLength`] and [`NumericError::InvalidReward`] for rewards.
    ///
    /// ```
    /// use elimap::phase::{Quantity, models};
    ///
    /// let parts = Quantity::MomentsAndGradients(2).parts(&models::islands(3)?)?;
    /// assert_eq!((parts[0].name, &parts[0].shape[..]), ("moments", &[2][..]));
    /// assert_eq!((parts[1].name, &parts[1].shape[..]), ("gradients", &[2, 3][..]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn parts(&self, graph: &Graph) -> Result<Vec<Part>, NumericError> {
        self.check(graph)?;
        let no_rewards = |_: &Array2<f64>| Vec::new();
        let recipe = self.with(graph, no_rewards);
        Ok(recipe.parts.into_iter().map(|(part, _)| part).collect())
    }

    /// What is solved for the quantity.
    pub(crate) fn recipe(&self, graph: &Graph, layout: &Layout) -> Result<Recipe, NumericError> {
        self.check(graph)?;
        Ok(self.with(graph, |rewards| right_hand_sides(rewards, layout)))
    }

    /// The one place that says what a quantity is.
    fn with(&self, graph: &Graph, right: impl Fn(&Array2<f64>) -> Vec<RightHandSide>) -> Recipe {
        let (vertices, parameters) = (graph.vertex_count(), graph.param_length());
        let moments = |order: usize| {
            let part = Part::new("moments", vec![order], "moment", 1);
            Recipe::new(part, Output::StartProducts, chain(order))
        };
        let rewards = |rewards: &Array2<f64>| {
            let part = Part::new("expected_rewards", vec![rewards.nrows()], "reward", 0);
            Recipe::new(part, Output::StartProducts, right(rewards))
        };
        match self {
            Self::Moments(order) => moments(*order),
            Self::MomentsAndGradients(order) => {
                moments(*order).with_gradients(parameters, *order, moment_terms(*order))
            }
            Self::Variance => {
                let part = Part::new("variance", vec![], "variance", 0);
                Recipe::new(part, Output::Variance, chain(2))
            }
            Self::WaitingTimes => {
                let part = Part::new("expected_waiting_time", vec![vertices], "vertex", 0);
                Recipe::new(part, Output::WaitingTimes, chain(1))
            }
            Self::SojournTimes => Recipe {
                transposed: Some(Transposed {
                    solves: 1,
                    gradients: 0,
                    terms: Vec::new(),
                    starts: Vec::new(),
                }),
                ..Recipe::new(
                    Part::new("expected_sojourn_time", vec![vertices], "vertex", 0),
                    Output::SojournTimes,
                    Vec::new(),
                )
            },
            Self::Rewards(values) => rewards(values),
            Self::RewardsAndGradients(values) => {
                let terms = (0..values.nrows()).map(|k| Term {
                    output: k,
                    y: 0,
                    x: k,
                    factor: 1.0,
                });
                rewards(values).with_gradients(parameters, 1, terms.collect())
            }
        }
    }

    fn check(&self, graph: &Graph) -> Result<(), NumericError> {
        let (Self::Rewards(rewards) | Self::RewardsAndGradients(rewards)) = self else {
            return Ok(());
        };
        let expected = graph.vertex_count();
        if rewards.ncols() != expected {
            return Err(NumericError::RewardLength {
                expected,
                found: rewards.ncols(),
            });
        }
        let mut values = rewards.indexed_iter();
        match values.find(|&(_, &value)| !(value.is_finite() && value >= 0.0)) {
            Some(((row, vertex), &value)) => {
                Err(NumericError::InvalidReward { row, vertex, value })
            }
            None => Ok(()),
        }
    }
}

fn right_hand_sides(rewards: &Array2<f64>, layout: &Layout) -> Vec<RightHandSide> {
    let by_transient = |row: ndarray::ArrayView1<'_, f64>| {
        let vertices = layout.transients().iter().map(|t| layout.vertex(t));
        // Adding 0 turns a negative zero into zero.
        let rewards: IndexVec<Transient, f64> = vertices.map(|v| row[v.index()] + 0.0).collect();
        RightHandSide {
            previous: None,
            factor: 1.0,
            reward: Some(Arc::new(rewards)),
        }
    };
    rewards.outer_iter().map(by_transient).collect()
}

/// Whether the variance needs moments with more digits.
pub(crate) fn variance_is_doubtful(first: f64, second: f64) -> bool {
    let difference = second - first * first;
    let doubtful = difference < second * CANCELLATION || second < f64::MIN_POSITIVE / f64::EPSILON;
    (second != 0.0 || first != 0.0) && (doubtful || !second.is_finite())
}
