//! Sources: the distinct values that rates at a theta are made of.
//!
//! A rate is linear in theta and products of its entries. Nearly every one is a coefficient times one parameter, or a constant, which is a
//! coefficient of 1. So a slot has a coefficient and a *source*, and its rate is their product: the sources are theta,
//! then the number 1, then one value for each distinct rate of another form (several edges or parameters, negative
//! coefficients), which is evaluated once per theta however many slots have it.

use std::collections::HashMap;

use crate::phase::csr::Csr;
use crate::phase::graph::Graph;
use crate::phase::index::{Slot, Transient};
use crate::phase::numeric::extended;
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::twofold::Twofold;
use crate::phase::symbolic::layout::Layout;

/// The sources of a graph's rates; see the [module](self).
#[derive(Debug)]
pub(crate) struct Sources {
    parameters: usize,
    /// The constant of each edge, by rate of another form.
    constants: Csr<usize, f64>,
    /// Parameters and coefficients, by edge of those rates.
    terms: Csr<usize, (u32, f64)>,
    /// The derivatives of theta itself: each parameter with a one.
    identity: Vec<(u32, f64)>,
    /// Products of parameters, which terms name by numbers after those of the parameters.
    products: Csr<usize, u32>,
    /// By source: the smallest and the largest coefficient, if there is one.
    extremes: Vec<Option<(f64, f64)>>,
    /// Rates in these bounds keep a row's total in the safe range.
    bounds: (f64, f64),
}

/// Finds the coefficient and the source of every slot.
pub(crate) struct SourceBuilder<'g> {
    graph: &'g Graph,
    layout: &'g Layout,
    sources: Sources,
    /// Rates of another form by their bits.
    known: HashMap<Vec<u64>, u32>,
}

impl<'g> SourceBuilder<'g> {
    pub(crate) fn new(graph: &'g Graph, layout: &'g Layout) -> Self {
        let parameters = graph.param_length();
        Self {
            graph,
            layout,
            sources: Sources {
                parameters,
                constants: Csr::default(),
                terms: Csr::default(),
                identity: (0..parameters as u32).map(|p| (p, 1.0)).collect(),
                products: graph.product_rows().clone(),
                extremes: vec![None; parameters + 1],
                bounds: (0.0, 0.0),
            },
            known: HashMap::new(),
        }
    }

    /// Coefficient and source of a slot of a vertex.
    pub(crate) fn rate(&mut self, t: Transient, slot: Slot) -> (f64, u32) {
        let (graph, vertex) = (self.graph, self.layout.vertex(t));
        let edges = self.layout.edges(slot);
        let edges = edges
            .iter()
            .map(|&edge| graph.edge_of(vertex, edge as usize));
        let mut simple = None;
        if let (Some(edge), 1) = (edges.clone().next(), edges.len()) {
            simple = match (edge.parameters, edge.coefficients) {
                ([], []) => Some((edge.constant, self.sources.parameters as u32)),
                (&[parameter], &[coefficient])
                    if (parameter as usize) < self.sources.parameters =>
                {
                    Some((coefficient, parameter))
                }
                _ => None,
            };
        }
        let (coefficient, source) = match simple {
            Some((coefficient, source)) if coefficient > 0.0 => (coefficient, source),
            _ => {
                let mut name = Vec::new();
                for edge in edges.clone() {
                    name.extend([edge.constant.to_bits(), edge.parameters.len() as u64]);
                    name.extend(edge.parameters.iter().map(|&p| u64::from(p)));
                    name.extend(edge.coefficients.iter().map(|value| value.to_bits()));
                }
                let sources = &mut self.sources;
                let next = sources.count() as u32;
                let source = *self.known.entry(name).or_insert(next);
                if source == next {
                    for edge in edges {
                        sources.constants.push(edge.constant);
                        let parameters = edge.parameters.iter().copied();
                        let terms = parameters.zip(edge.coefficients.iter().copied());
                        sources.terms.push_row(terms);
                    }
                    sources.constants.end_row();
                    sources.extremes.push(None);
                }
                (1.0, source)
            }
        };
        let extremes = &mut self.sources.extremes[source as usize];
        let (low, high) = extremes.unwrap_or((coefficient, coefficient));
        *extremes = Some((low.min(coefficient), high.max(coefficient)));
        (coefficient, source)
    }

    /// The sources; `longest` is the largest number of slots of one vertex.
    pub(crate) fn finish(self, longest: usize) -> Sources {
        // What a row gathers adds up to no more than its own rates, with room for rounding.
        let limit = extended::Range::LIMIT;
        Sources {
            bounds: (1.0 / limit, limit / (4 * longest + 4) as f64),
            ..self.sources
        }
    }
}

impl Sources {
    pub(crate) fn count(&self) -> usize {
        self.extremes.len()
    }

    /// The length of theta.
    pub(crate) fn parameters(&self) -> usize {
        self.parameters
    }

    /// Evaluates the sources, of which the first are theta already; the lanes for which every rate is positive and safe.
    ///
    /// The sums are those of [`crate::phase::numeric::rates`].
    #[inline(always)]
    pub(crate) fn evaluate<S: Lanes>(&self, values: &mut [S], safe: &mut Vec<bool>) {
        values[self.parameters] = S::splat(1.0);
        let (mut least_rate, mut least) = (S::splat(f64::INFINITY), S::splat(f64::INFINITY));
        let (mut largest, mut total) = (S::ZERO, S::ZERO);
        for general in 0..self.constants.rows() {
            let mut sum = S::ZERO;
            for edge in self.constants.range(general) {
                let mut rate = S::splat(self.constants.values()[edge]);
                for &(number, coefficient) in self.terms.row(edge) {
                    let value = self.product(number, values);
                    if number as usize >= self.parameters {
                        // A product that leaves the range has lost digits, whatever the rate is.
                        least = least.min(value.abs());
                        largest = largest.max(value.abs());
                    }
                    rate = rate.plus(S::splat(coefficient), value);
                }
                least_rate = least_rate.min(rate);
                sum = sum.add(rate);
            }
            // Adding 0 turns a negative zero into zero.
            sum = sum.add(S::ZERO);
            least = least.min(sum);
            largest = largest.max(sum);
            total = total.add(sum);
            values[self.parameters + 1 + general] = sum;
        }
        safe.clear();
        safe.extend((0..S::COUNT).map(|lane| {
            // Minimum and maximum pass over a NaN; a sum does not. A rate of zero may be a product that underflowed.
            total.lane(lane).is_finite()
                && least_rate.lane(lane) > 0.0
                && least.lane(lane) >= self.bounds.0
                && largest.lane(lane) <= self.bounds.1
        }));
        for (source, extremes) in values[..=self.parameters].iter().zip(&self.extremes) {
            if let Some((low, high)) = extremes {
                for (lane, safe) in safe.iter_mut().enumerate() {
                    let value = source.lane(lane);
                    *safe &= value * low >= self.bounds.0 && value * high <= self.bounds.1;
                }
            }
        }
    }

    /// The sources with twice the digits, from theta and what follows it.
    #[inline(always)]
    pub(crate) fn evaluate_twofold<S: Lanes>(&self, values: &[S], twofold: &mut [Twofold<S>]) {
        for (twofold, &value) in twofold.iter_mut().zip(&values[..=self.parameters]) {
            *twofold = Twofold::new(value);
        }
        for general in 0..self.constants.rows() {
            let mut sum = Twofold::ZERO;
            for &constant in self.constants.row(general) {
                sum = sum.plus(S::splat(constant));
            }
            for (number, coefficient) in self.terms_of(general) {
                let factors = self.factors(number);
                let first = twofold[factors[0] as usize].times(S::splat(*coefficient));
                let product = factors[1..].iter().fold(first, |product, &k| {
                    // Theta itself has no second half.
                    product.times(values[k as usize])
                });
                sum = sum.add(product);
            }
            twofold[self.parameters + 1 + general] = sum;
        }
    }

    /// The largest quotient of what a rate would be with all terms positive, and the rate.
    #[inline(always)]
    pub(crate) fn cancellation<S: Lanes>(&self, values: &[S]) -> S {
        let mut largest = S::splat(1.0);
        for general in 0..self.constants.rows() {
            let products = self.terms_of(general);
            if products.len() < 2 {
                continue;
            }
            let mut terms = S::ZERO;
            for &(number, coefficient) in products {
                let product = S::splat(coefficient).mul(self.product(number, values));
                terms = terms.add(product.abs());
            }
            for &constant in self.constants.row(general) {
                terms = terms.add(S::splat(constant));
            }
            largest = largest.max(terms.mul(values[self.parameters + 1 + general].inverse()));
        }
        largest
    }

    /// The parameters that are multiplied under a number.
    #[inline(always)]
    pub(crate) fn factors<'s>(&'s self, number: &'s u32) -> &'s [u32] {
        match (*number as usize).checked_sub(self.parameters) {
            None => std::slice::from_ref(number),
            Some(product) => self.products.row(product),
        }
    }

    /// The value of a number: a parameter, or a product of them.
    #[inline(always)]
    fn product<S: Lanes>(&self, number: u32, values: &[S]) -> S {
        match self.factors(&number) {
            [] => S::splat(1.0),
            [first, rest @ ..] => rest.iter().fold(values[*first as usize], |product, &k| {
                product.mul(values[k as usize])
            }),
        }
    }

    /// Numbers and coefficients of all edges of a rate of another form.
    #[inline(always)]
    fn terms_of(&self, general: usize) -> &[(u32, f64)] {
        let (edges, ends) = (self.constants.range(general), self.terms.ends());
        &self.terms.values()[ends[edges.start]..ends[edges.end]]
    }

    /// The terms of a source: numbers with their coefficients.
    #[inline(always)]
    pub(crate) fn terms_of_source(&self, source: usize) -> &[(u32, f64)] {
        match source.checked_sub(self.parameters + 1) {
            Some(general) => self.terms_of(general),
            None if source == self.parameters => &[],
            None => &self.identity[source..=source],
        }
    }

    /// The derivative of a term with respect to the factor at a place: a product of the others.
    #[inline(always)]
    pub(crate) fn slope<S: Lanes>(
        coefficient: f64,
        factors: &[u32],
        place: usize,
        values: &[S],
    ) -> S {
        let mut slope = S::splat(coefficient);
        for (at, &other) in factors.iter().enumerate() {
            if at != place {
                slope = slope.mul(values[other as usize]);
            }
        }
        slope
    }
}
