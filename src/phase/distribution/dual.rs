//! Numbers that a model made of another is computed with: wide ones, and the same with derivatives by the parameters of the other.

use crate::phase::distribution::inherited::{By, Slopes};
use crate::phase::graph::{Edge, VertexId};
use crate::phase::numeric::extended::{Extended, Scalar};

/// Rates and probabilities of a model that is made of another.
pub(crate) trait Weight: Clone {
    /// Whether there are derivatives at all.
    const HAS_SLOPES: bool;

    /// A number that does not depend on theta.
    fn constant(value: Extended) -> Self;

    fn plus(&self, other: &Self) -> Self;

    fn times(&self, other: &Self) -> Self;

    fn inverse(&self) -> Self;

    fn value(&self) -> Extended;

    /// The derivatives by each parameter; none if all of them are zero.
    fn slopes(&self) -> &[Extended];

    /// A rate with this value that these edges sum to.
    fn of_edges<'a>(value: Extended, edges: impl Iterator<Item = Edge<'a>>, by: By<'_>) -> Self;

    /// A start probability.
    fn of_start(value: f64, vertex: VertexId, by: By<'_>) -> Self;
}

impl Weight for Extended {
    const HAS_SLOPES: bool = false;

    fn constant(value: Extended) -> Self {
        value
    }

    fn plus(&self, other: &Self) -> Self {
        *self + *other
    }

    fn times(&self, other: &Self) -> Self {
        *self * *other
    }

    fn inverse(&self) -> Self {
        Scalar::inverse(*self)
    }

    fn value(&self) -> Extended {
        *self
    }

    fn slopes(&self) -> &[Extended] {
        &[]
    }

    fn of_edges<'a>(value: Extended, _: impl Iterator<Item = Edge<'a>>, _: By<'_>) -> Self {
        value
    }

    fn of_start(value: f64, _: VertexId, _: By<'_>) -> Self {
        Extended::from_f64(value)
    }
}

/// A number with its derivatives.
#[derive(Clone, Debug)]
pub(crate) struct Dual {
    value: Extended,
    slopes: Slopes,
}

impl Dual {
    pub(crate) fn new(value: Extended, slopes: Slopes) -> Self {
        Self { value, slopes }
    }

    /// Each derivative times a number.
    fn scaled(&self, by: Extended) -> impl Iterator<Item = Extended> + '_ {
        self.slopes.iter().map(move |&slope| slope * by)
    }
}

/// The sums of two lists, the empty one of which is zero.
fn sums(
    a: impl ExactSizeIterator<Item = Extended>,
    b: impl ExactSizeIterator<Item = Extended>,
) -> Slopes {
    match (a.len(), b.len()) {
        (_, 0) => a.collect(),
        (0, _) => b.collect(),
        _ => a.zip(b).map(|(a, b)| a + b).collect(),
    }
}

impl Weight for Dual {
    const HAS_SLOPES: bool = true;

    fn constant(value: Extended) -> Self {
        Self::new(value, Slopes::default())
    }

    fn plus(&self, other: &Self) -> Self {
        let slopes = sums(self.slopes.iter().copied(), other.slopes.iter().copied());
        Self::new(self.value + other.value, slopes)
    }

    fn times(&self, other: &Self) -> Self {
        let own = self.slopes.iter().map(|&slope| slope * other.value);
        let others = other.slopes.iter().map(|&slope| slope * self.value);
        Self::new(self.value * other.value, sums(own, others))
    }

    fn inverse(&self) -> Self {
        let inverse = Scalar::inverse(self.value);
        let slopes = self.scaled(-(inverse * inverse)).collect();
        Self::new(inverse, slopes)
    }

    fn value(&self) -> Extended {
        self.value
    }

    fn slopes(&self) -> &[Extended] {
        &self.slopes
    }

    fn of_edges<'a>(value: Extended, edges: impl Iterator<Item = Edge<'a>>, by: By<'_>) -> Self {
        let mut slopes = vec![Extended::ZERO; by.parameters()];
        for edge in edges {
            by.edge(&edge, |parameter, slope| {
                slopes[parameter] = slopes[parameter] + slope;
            });
        }
        Self::new(value, slopes.into())
    }

    fn of_start(value: f64, vertex: VertexId, by: By<'_>) -> Self {
        let value = Extended::from_f64(value);
        match by.has_start() {
            true => {
                let each = 0..by.parameters();
                let slopes = each.map(|parameter| by.start(vertex, parameter));
                Self::new(value, slopes.collect())
            }
            false => Self::constant(value),
        }
    }
}
