//! Rates as they are given: of a transition, in an exploration or to a builder.

use smallvec::SmallVec;

use crate::phase::graph::Edge;

/// The rate of a transition: a number, or numbers for each entry of theta.
///
/// Made from an `f64` (the rate itself), or from one coefficient per parameter: `[f64; P]`, `&[f64]`, `Vec<f64>`; most rates are
/// a multiple of one parameter, which is [`Rate::parameter`], or of a product of some, [`Rate::product`]. The rates of several
/// transitions between the same two states add up.
#[derive(Clone, Debug)]
pub struct Rate {
    pub(super) constant: f64,
    /// Parameters and coefficients.
    pub(super) terms: SmallVec<[(u32, f64); 2]>,
    /// Products of parameters and coefficients; hardly ever any.
    pub(super) products: Products,
    pub(super) parameters: Parameters,
}

type Products = Vec<(Box<[u32]>, f64)>;

/// What a rate knows of theta's length.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parameters {
    Exactly(usize),
    AtLeast(usize),
}

impl Rate {
    /// `coefficient * theta[index]`.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph, Rate};
    ///
    /// let decay = Graph::explore([(1_u8, 1.0)], |&left: &u8, out| {
    ///     if left > 0 {
    ///         out.edge(left - 1, Rate::parameter(0, 3.0));
    ///     }
    /// });
    /// assert_eq!(EliminationTrace::record(&decay.build()?).at(&[2.0])?.expectation(), 1.0 / 6.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn parameter(index: usize, coefficient: f64) -> Self {
        let mut terms = SmallVec::new();
        if coefficient != 0.0 {
            // A parameter beyond 32 bits is beyond every theta, which is what the exploration says of it.
            terms.push((u32::try_from(index).unwrap_or(u32::MAX), coefficient));
        }
        Self {
            constant: 0.0,
            terms,
            products: Products::new(),
            parameters: Parameters::AtLeast(index.saturating_add(1)),
        }
    }

    /// `coefficient` times the product of `theta[k]` for these k, which may repeat.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph, Rate};
    ///
    /// // Each of n ill people infects each of the others at the rate contact * chance, and recovers at the rate recovery.
    /// let epidemic = Graph::explore([([1_u8, 2], 1.0)], |&[ill, well]: &[u8; 2], out| {
    ///     if ill > 0 {
    ///         out.edge([ill - 1, well], Rate::parameter(2, ill.into()));
    ///         if well > 0 {
    ///             out.edge([ill + 1, well - 1], Rate::product([0, 1], f64::from(ill) * f64::from(well)));
    ///         }
    ///     }
    /// });
    /// let graph = epidemic.parameters(["contact", "chance", "recovery"]).build()?;
    /// let trace = EliminationTrace::record(&graph);
    /// assert_eq!(trace.at(&[4.0, 0.25, 1.0])?.expectation(), trace.at(&[1.0, 1.0, 1.0])?.expectation());
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn product(parameters: impl IntoIterator<Item = usize>, coefficient: f64) -> Self {
        let as_number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let mut factors: Vec<u32> = parameters.into_iter().map(as_number).collect();
        factors.sort_unstable();
        match factors[..] {
            [] => coefficient.into(),
            [only] => Self::parameter(only as usize, coefficient),
            [.., last] => Self {
                constant: 0.0,
                terms: SmallVec::new(),
                products: match coefficient == 0.0 {
                    true => Products::new(),
                    false => vec![(factors.into(), coefficient)],
                },
                parameters: Parameters::AtLeast((last as usize).saturating_add(1)),
            },
        }
    }

    /// The rate of an edge, times a factor, in a theta that the edge's own begins at an offset of.
    pub(super) fn of(edge: &Edge<'_>, offset: usize, factor: f64) -> Self {
        let mut rate = Self::from(edge.constant * factor);
        for (coefficient, factors) in edge.terms() {
            let value = coefficient * factor;
            let shifted = factors.iter().map(|parameter| parameter + offset as u32);
            match factors {
                _ if value == 0.0 => {}
                &[parameter] => rate.terms.push((parameter + offset as u32, value)),
                _ => rate.products.push((shifted.collect(), value)),
            }
        }
        rate
    }

    pub(super) fn is_zero(&self) -> bool {
        self.constant == 0.0 && self.terms.is_empty() && self.products.is_empty()
    }

    /// The same with other coefficients.
    pub(super) fn map(mut self, change: impl Fn(f64) -> f64) -> Self {
        self.constant = change(self.constant);
        let terms = self.terms.iter_mut().map(|(_, value)| value);
        let products = self.products.iter_mut().map(|(_, value)| value);
        terms
            .chain(products)
            .for_each(|value| *value = change(*value));
        self
    }

    /// A rate by its coefficients of parameters and of products.
    pub(super) fn of_terms(
        coefficients: &[f64],
        products: impl Iterator<Item = (Box<[u32]>, f64)>,
    ) -> Self {
        let mut rate = Self::from(coefficients);
        rate.products
            .extend(products.filter(|&(_, value)| value != 0.0));
        rate
    }

    /// The length that theta has, or has at least.
    pub(super) fn length(&self) -> usize {
        match self.parameters {
            Parameters::Exactly(length) | Parameters::AtLeast(length) => length,
        }
    }

    /// Whether the rate is one of a theta of this length.
    pub(super) fn fits(&self, length: usize) -> bool {
        agree(Some(Parameters::Exactly(length)), self.parameters).is_some()
    }
}

impl From<f64> for Rate {
    fn from(rate: f64) -> Self {
        Self {
            constant: rate,
            terms: SmallVec::new(),
            products: Products::new(),
            parameters: Parameters::AtLeast(0),
        }
    }
}

impl From<&[f64]> for Rate {
    fn from(coefficients: &[f64]) -> Self {
        let terms = (0..).zip(coefficients.iter().copied());
        Self {
            constant: 0.0,
            terms: terms
                .filter(|&(_, coefficient)| coefficient != 0.0)
                .collect(),
            products: Products::new(),
            parameters: Parameters::Exactly(coefficients.len()),
        }
    }
}

impl<const P: usize> From<[f64; P]> for Rate {
    fn from(coefficients: [f64; P]) -> Self {
        coefficients[..].into()
    }
}

impl From<Vec<f64>> for Rate {
    fn from(coefficients: Vec<f64>) -> Self {
        coefficients[..].into()
    }
}

/// What two statements about theta's length say together, unless they contradict.
pub(super) fn agree(known: Option<Parameters>, new: Parameters) -> Option<Parameters> {
    use Parameters::{AtLeast, Exactly};
    match (known, new) {
        (None, new) => Some(new),
        (Some(Exactly(a)), Exactly(b)) => (a == b).then_some(Exactly(a)),
        (Some(Exactly(a)), AtLeast(b)) | (Some(AtLeast(b)), Exactly(a)) => {
            (b <= a).then_some(Exactly(a))
        }
        (Some(AtLeast(a)), AtLeast(b)) => Some(AtLeast(a.max(b))),
    }
}
