//! Sources: the distinct values that rates at a theta are made of.
//!
//! A rate is linear in theta and products of its entries. Nearly every one is a coefficient times one parameter, or a constant, which is a
//! coefficient of 1. So a slot has a coefficient and a *source*, and its rate is their product: the sources are theta,
//! then the number 1, then one value for each distinct rate of another form (several edges or parameters, negative
//! coefficients), which is evaluated once per theta however many slots have it, then the products of parameters.

use hashbrown::HashTable;

use crate::phase::csr::Csr;
use crate::phase::graph::Graph;
use crate::phase::index::Slot;
use crate::phase::numeric::extended;
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::twofold::Twofold;
use crate::phase::symbolic::layout::Layout;

/// The sources of a graph's rates; see the [module](self).
#[derive(Debug)]
pub(crate) struct Sources {
    parameters: usize,
    /// What the rates are rates of.
    graph: Graph,
    /// The edges that rates of another form add up.
    general: Csr<usize, u32>,
    /// Products of parameters, which terms name by numbers after those of the parameters.
    products: Csr<usize, u32>,
    /// Those numbers.
    numbers: Vec<u32>,
    /// The rates of another form that have a negative coefficient.
    cancelling: Vec<u32>,
    /// By parameter, and for the number 1: the smallest and the largest coefficient, if there is one.
    extremes: Vec<Option<(f64, f64)>>,
    /// Rates in these bounds keep a row's total in the safe range.
    bounds: (f64, f64),
}

/// Finds the coefficient and the source of every slot.
pub(crate) struct SourceBuilder<'g> {
    graph: &'g Graph,
    layout: &'g Layout,
    sources: Sources,
    /// The rates of another form, by the bits of these.
    known: HashTable<u32>,
    /// By such rate, the hash of its bits.
    hashes: Vec<u64>,
    /// How often a rate of another form was one that was known.
    repeated: usize,
}

impl<'g> SourceBuilder<'g> {
    pub(crate) fn new(graph: &'g Graph, layout: &'g Layout) -> Self {
        let parameters = graph.param_length();
        let products = graph.product_rows().clone();
        Self {
            graph,
            layout,
            sources: Sources {
                parameters,
                graph: graph.clone(),
                general: Csr::default(),
                numbers: (0..products.rows())
                    .map(|product| (parameters + product) as u32)
                    .collect(),
                products,
                cancelling: Vec::new(),
                extremes: vec![None; parameters + 1],
                bounds: (0.0, 0.0),
            },
            known: HashTable::new(),
            hashes: Vec::new(),
            repeated: 0,
        }
    }

    /// Coefficient and source of a slot.
    pub(crate) fn rate(&mut self, slot: Slot) -> (f64, u32) {
        let edges = self.layout.edges(slot);
        let simple = match edges {
            &[edge] => self.graph.only_term(edge as usize),
            _ => None,
        };
        let (coefficient, source) = match simple {
            Some((coefficient, source)) if coefficient > 0.0 => (coefficient, source),
            _ => return (1.0, self.general(slot)),
        };
        let extremes = &mut self.sources.extremes[source as usize];
        let (low, high) = extremes.unwrap_or((coefficient, coefficient));
        *extremes = Some((low.min(coefficient), high.max(coefficient)));
        (coefficient, source)
    }

    /// The source of a rate of another form.
    fn general(&mut self, slot: Slot) -> u32 {
        let edges = self.layout.edges(slot);
        let first = self.sources.parameters as u32 + 1;
        // Where the first thousand are nearly all distinct, the others are not compared: looking takes longer than an evaluation.
        let count = self.sources.general.rows();
        if count >= 1024 && 8 * self.repeated < count {
            self.sources.general.push_row(edges.iter().copied());
            return first + count as u32;
        }
        let (graph, sources) = (self.graph, &mut self.sources);
        let hash = edges.iter().fold(0, |hash: u64, &edge| {
            let rate = graph.rate_of(edge as usize);
            let terms = rate.parameters.iter().zip(rate.coefficients);
            let begin = mix(hash.wrapping_add(1), rate.constant.to_bits());
            terms.fold(begin, |hash, (&number, coefficient)| {
                mix(hash.wrapping_add(u64::from(number)), coefficient.to_bits())
            })
        });
        let known = |&general: &u32| {
            let others = sources.general.row(general as usize);
            others.len() == edges.len()
                && (others.iter().zip(edges)).all(|(&a, &b)| {
                    graph
                        .rate_of(a as usize)
                        .has_the_bits_of(graph.rate_of(b as usize))
                })
        };
        if let Some(general) = self.known.find(hash, known) {
            self.repeated += 1;
            return first + general;
        }
        let general = count as u32;
        sources.general.push_row(edges.iter().copied());
        self.hashes.push(hash);
        let hashes = &self.hashes;
        let hash_of = |&general: &u32| hashes[general as usize];
        self.known.insert_unique(hash, general, hash_of);
        first + general
    }

    /// The sources; `longest` is the largest number of slots of one vertex.
    pub(crate) fn finish(self, longest: usize) -> Sources {
        // What a row gathers adds up to no more than its own rates, with room for rounding.
        let limit = extended::Range::LIMIT;
        let general = 0..self.sources.general.rows() as u32;
        let cancelling = general.filter(|&general| !self.sources.is_sum_of_positive(general));
        Sources {
            bounds: (1.0 / limit, limit / (4 * longest + 4) as f64),
            cancelling: cancelling.collect(),
            ..self.sources
        }
    }
}

/// Adds the bits of a number to a hash.
#[inline(always)]
fn mix(hash: u64, bits: u64) -> u64 {
    let product = u128::from(hash ^ bits) * 0x9e37_79b9_7f4a_7c15_u128;
    (product as u64) ^ (product >> 64) as u64
}

impl Sources {
    pub(crate) fn count(&self) -> usize {
        self.first_product() + self.products.rows()
    }

    /// The source of the first product of parameters.
    #[inline(always)]
    fn first_product(&self) -> usize {
        self.parameters + 1 + self.general.rows()
    }

    /// The source that is a number: a parameter or a product of them.
    #[inline(always)]
    fn source_of(&self, number: u32) -> usize {
        match (number as usize).checked_sub(self.parameters) {
            None => number as usize,
            Some(product) => self.first_product() + product,
        }
    }

    /// The number of a rate of another form, if the source is one.
    fn as_general(&self, source: u32) -> Option<u32> {
        let is_general =
            (source as usize) > self.parameters && (source as usize) < self.first_product();
        is_general.then(|| source - self.parameters as u32 - 1)
    }

    /// Whether no term of a rate of another form is negative.
    fn is_sum_of_positive(&self, general: u32) -> bool {
        let edges = self.general.row(general as usize).iter();
        edges.copied().all(|edge| {
            self.graph.rate_of(edge as usize).constant >= 0.0
                && self.terms(edge).all(|(_, &coefficient)| coefficient >= 0.0)
        })
    }

    /// The terms of a source that is a sum of positive ones: sources with their coefficients. Of others there are none.
    pub(crate) fn parts(&self, source: u32) -> Vec<(u32, f64)> {
        let mut parts = Vec::new();
        let general = self.as_general(source);
        if let Some(general) = general.filter(|&general| self.is_sum_of_positive(general)) {
            for &edge in self.general.row(general as usize) {
                let terms = self.terms(edge);
                parts.extend(terms.map(|(&number, &c)| (self.source_of(number) as u32, c)));
                let constant = self.graph.rate_of(edge as usize).constant;
                parts.push((self.parameters as u32, constant));
            }
        }
        parts.retain(|&(_, coefficient)| coefficient > 0.0);
        parts
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
        for &number in &self.numbers {
            values[self.source_of(number)] = self.product(number, values);
        }
        let (mut least_rate, mut least) = (S::splat(f64::INFINITY), S::splat(f64::INFINITY));
        let (mut largest, mut total) = (S::ZERO, S::ZERO);
        for (general, edges) in self.general.iter().enumerate() {
            let mut sum = S::ZERO;
            for &edge in edges {
                let mut rate = S::splat(self.graph.rate_of(edge as usize).constant);
                for (&number, &coefficient) in self.terms(edge) {
                    let value = values[self.source_of(number)];
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

    /// A source with twice the digits, of which theta has none to add.
    #[inline(always)]
    pub(crate) fn twofold<S: Lanes>(&self, source: u32, values: &[S]) -> Twofold<S> {
        if source as usize <= self.parameters {
            return Twofold::new(values[source as usize]);
        }
        let mut sum = Twofold::ZERO;
        for edge in self.edges_of(&source) {
            if self.as_general(source).is_some() {
                sum = sum.plus(S::splat(self.graph.rate_of(*edge as usize).constant));
            }
            for (number, &coefficient) in self.terms_of(source, edge) {
                let mut product = Twofold::new(S::splat(coefficient));
                for &factor in self.factors(number) {
                    product = product.times(values[factor as usize]);
                }
                sum = sum.add(product);
            }
        }
        sum
    }

    /// The largest quotient of what a rate would be with all terms positive, and the rate.
    #[inline(always)]
    pub(crate) fn cancellation<S: Lanes>(&self, values: &[S]) -> S {
        let mut largest = S::splat(1.0);
        for &general in &self.cancelling {
            largest = largest.max(self.excess(general, values));
        }
        let parameters = values[..self.parameters].iter();
        let least = parameters.fold(S::ZERO, |least, &value| least.min(value));
        if (0..S::COUNT).any(|lane| least.lane(lane) < 0.0) {
            for general in 0..self.general.rows() as u32 {
                let excess = self.excess(general, values);
                // A lane's answer does not depend on its neighbours.
                let excess = S::choose_less(least, S::ZERO, excess, S::ZERO);
                largest = largest.max(excess);
            }
        }
        largest
    }

    /// The quotient of what a rate of another form would be with all terms positive, and the rate.
    #[inline(always)]
    fn excess<S: Lanes>(&self, general: u32, values: &[S]) -> S {
        let mut terms = S::ZERO;
        for &edge in self.general.row(general as usize) {
            for (&number, &coefficient) in self.terms(edge) {
                let product = S::splat(coefficient).mul(values[self.source_of(number)]);
                terms = terms.add(product.abs());
            }
            terms = terms.add(S::splat(self.graph.rate_of(edge as usize).constant).abs());
        }
        let source = self.parameters + 1 + general as usize;
        terms.mul(values[source].inverse())
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

    /// The terms of an edge's rate beside its constant: numbers with their coefficients.
    #[inline(always)]
    fn terms(&self, edge: u32) -> impl Iterator<Item = (&u32, &f64)> {
        let rate = self.graph.rate_of(edge as usize);
        rate.parameters.iter().zip(rate.coefficients)
    }

    /// The edges whose terms a source adds up. A parameter or a product stands for itself, the number 1 has no terms.
    ///
    /// Those who want derivatives write the loops over edges, [terms](Self::terms_of) and [factors](Self::factors) themselves: a
    /// closure that is handed to a function with these loops is not always made part of it, and then runs without the vector
    /// unit's instructions.
    #[inline(always)]
    pub(crate) fn edges_of<'s>(&'s self, source: &'s u32) -> &'s [u32] {
        match (*source as usize).checked_sub(self.parameters) {
            None => std::slice::from_ref(source),
            Some(0) => &[],
            Some(general) if general <= self.general.rows() => self.general.row(general - 1),
            Some(product) => std::slice::from_ref(&self.numbers[product - 1 - self.general.rows()]),
        }
    }

    /// The terms that a source adds up for one of its edges: numbers with their coefficients.
    #[inline(always)]
    pub(crate) fn terms_of<'s>(
        &'s self,
        source: u32,
        edge: &'s u32,
    ) -> impl Iterator<Item = (&'s u32, &'s f64)> {
        let (numbers, coefficients) = match self.as_general(source) {
            None => (std::slice::from_ref(edge), &[1.0][..]),
            Some(_) => {
                let rate = self.graph.rate_of(*edge as usize);
                (rate.parameters, rate.coefficients)
            }
        };
        numbers.iter().zip(coefficients)
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
