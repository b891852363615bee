//! How the numbers of a graph's edges move time.

/// What the number of an edge means, and so what time is.
///
/// In a discrete graph a step is a transition out of a vertex other than the start. Edges from a vertex to itself are steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Clock {
    /// A rate; time is continuous.
    #[default]
    Continuous,
    /// The probability of a step; time is the number of steps. The probabilities of a vertex, that of staying included, sum
    /// to 1.
    Steps,
    /// A weight; a step has the probability of its weight among all of its vertex, and time is the number of steps.
    Jumps,
}

impl Clock {
    /// The kind of graph, for messages.
    pub(crate) fn described(self) -> &'static str {
        match self {
            Self::Continuous => "continuous",
            Self::Steps => "discrete with probabilities",
            Self::Jumps => "discrete with weights",
        }
    }
}
