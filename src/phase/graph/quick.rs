//! The short way from text to a graph, for text that holds nothing unexpected.
//!
//! Rows go from the [scanner](crate::phase::graph::scanner) straight into the arrays that the graph is made of. What is wrong with
//! a text is not found out here: whatever is missing, of another type or out of range ends the short way, and the long one
//! ([`crate::phase::graph::json`]) begins anew and says so. Neither decides what the other would not: both fill a
//! [`GraphBuilder`] with the same calls.

use std::io::Read;

use crate::phase::csr::Csr;
use crate::phase::graph::header::{Header, add_products, clock, is_discretized, size};
use crate::phase::graph::rate::Rate;
use crate::phase::graph::scanner::Scanner;
use crate::phase::graph::{Clock, Graph, GraphBuilder, VertexId};

/// The arrays of a file, each at most once.
#[derive(Default)]
struct Arrays {
    states: Option<States>,
    edges: Option<Vec<Constant>>,
    constant_edges: Option<Vec<Constant>>,
    start_edges: Option<Vec<(u32, f64)>>,
    param_edges: Option<Parameterized>,
    /// How many there are, in order.
    vertex_indices: Option<usize>,
}

/// Labels of vertices, all of one length.
struct States {
    count: usize,
    length: usize,
    labels: Vec<i64>,
}

type Constant = (u32, u32, f64);

/// Edges with coefficients, of which zeros are left out.
#[derive(Default)]
struct Parameterized {
    sources: Vec<VertexId>,
    targets: Vec<VertexId>,
    /// By edge, the places of its coefficients.
    places: Csr<usize, u32>,
    coefficients: Vec<f64>,
    /// How many coefficients every row has.
    width: usize,
}

impl<R: Read> Scanner<R> {
    /// An index of an array that goes on.
    #[inline(always)]
    fn index(&mut self) -> Option<u32> {
        let (number, is_another) = self.integer()?;
        // The highest index is kept free, as the builder does.
        let index = u32::try_from(number).ok()?;
        (is_another && index != u32::MAX).then_some(index)
    }

    /// The last number of an array.
    fn last_number(&mut self) -> Option<f64> {
        let (number, is_another) = self.number()?;
        (!is_another).then_some(number)
    }

    fn states(&mut self) -> Option<States> {
        let mut states = States {
            count: 0,
            length: 0,
            labels: Vec::new(),
        };
        self.elements(|scanner| {
            let begin = states.labels.len();
            let mut has_more = scanner.open()?;
            while has_more {
                let (label, is_another) = scanner.integer()?;
                states.labels.push(label);
                has_more = is_another;
            }
            let length = states.labels.len() - begin;
            if states.count == 0 {
                states.length = length;
            }
            states.count += 1;
            (length == states.length).then_some(())
        })?;
        Some(states)
    }

    fn constants(&mut self) -> Option<Vec<Constant>> {
        let mut edges = Vec::new();
        self.elements(|scanner| {
            scanner.take(b'[')?;
            edges.push((scanner.index()?, scanner.index()?, scanner.last_number()?));
            Some(())
        })?;
        Some(edges)
    }

    fn starts(&mut self) -> Option<Vec<(u32, f64)>> {
        let mut starts = Vec::new();
        self.elements(|scanner| {
            scanner.take(b'[')?;
            starts.push((scanner.index()?, scanner.last_number()?));
            Some(())
        })?;
        Some(starts)
    }

    fn parameterized(&mut self) -> Option<Parameterized> {
        let mut edges = Parameterized::default();
        self.elements(|scanner| {
            scanner.take(b'[')?;
            edges.sources.push(VertexId::from_u32(scanner.index()?));
            // A row without coefficients is not expected.
            edges.targets.push(VertexId::from_u32(scanner.index()?));
            let (mut place, mut has_more) = (0, true);
            while has_more {
                let (coefficient, is_another) = scanner.number()?;
                if coefficient != 0.0 {
                    edges.places.push(place);
                    edges.coefficients.push(coefficient);
                }
                place += 1;
                has_more = is_another;
            }
            if edges.places.rows() == 0 {
                edges.width = place as usize;
            }
            edges.places.end_row();
            (place as usize == edges.width).then_some(())
        })?;
        Some(edges)
    }

    /// Indices that count up from 0.
    fn counted(&mut self) -> Option<usize> {
        let mut count = 0;
        let mut has_more = self.open()?;
        while has_more {
            let (index, is_another) = self.integer()?;
            (index == count as i64).then_some(())?;
            count += 1;
            has_more = is_another;
        }
        Some(count)
    }
}

/// Puts a value where none may be yet.
fn put<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// The graph of a text, if nothing in it is unexpected and the graph is valid.
pub(super) fn graph(source: impl Read) -> Option<Graph> {
    let mut scanner = Scanner::new(source);
    let mut arrays = Arrays::default();
    let mut others = serde_json::Map::new();
    scanner.take(b'{')?;
    loop {
        let key = scanner.key()?;
        match key.as_str() {
            "states" => put(&mut arrays.states, scanner.states()?)?,
            "edges" => put(&mut arrays.edges, scanner.constants()?)?,
            "constant_edges" => put(&mut arrays.constant_edges, scanner.constants()?)?,
            "start_edges" => put(&mut arrays.start_edges, scanner.starts()?)?,
            "param_edges" => put(&mut arrays.param_edges, scanner.parameterized()?)?,
            "vertex_indices" => put(&mut arrays.vertex_indices, scanner.counted()?)?,
            _ => {
                let value = scanner.value()?;
                others.insert(key, value).is_none().then_some(())?;
            }
        }
        if !scanner.another(b'}')? {
            break;
        }
    }
    scanner.is_at_end().then_some(())?;
    let header: Header = serde_json::from_value(others.into()).ok()?;
    arrays.into_builder(header)?.build().ok()
}

impl Arrays {
    fn into_builder(self, header: Header) -> Option<GraphBuilder> {
        let is_linear = header.weight_mode.is_none_or(|mode| mode == "linear");
        let is_unparameterized = header.start_param_edges.is_none_or(|rows| rows.is_empty());
        let param_length = size("param_length", header.param_length).ok()?;
        let state_length = size("state_length", header.state_length).ok()?;
        let states = self.states?;
        let start_edges = self.start_edges?;
        let indices = self.vertex_indices.unwrap_or(0);
        let is_whole = is_linear
            && is_unparameterized
            && states.count > 0
            && states.length == state_length
            && size("n_vertices", header.n_vertices).ok()? == states.count
            && (indices == 0 || indices == states.count)
            && !start_edges.is_empty();
        is_whole.then_some(())?;
        let (edges, param_edges) = (self.edges?, self.param_edges?);
        let constant_edges = self.constant_edges.unwrap_or_default();
        let vertex = |index: u32| {
            let exists = (index as usize) < states.count;
            exists.then(|| VertexId::from_u32(index))
        };

        let clock = match clock(header.discrete.as_ref()).ok()? {
            Some(clock) => clock,
            None if is_discretized(
                |vertex| {
                    let begin = vertex as usize * states.length;
                    let label = states.labels.get(begin..begin + states.length);
                    label.is_some_and(|label| label.iter().all(|&label| label == 0))
                },
                &constant_edges,
                || {
                    let ends = param_edges.sources.iter().zip(&param_edges.targets);
                    ends.map(|(from, to)| (from.as_u32(), to.as_u32()))
                },
            ) =>
            {
                Clock::Jumps
            }
            None if header.is_discrete == Some(true) => Clock::Steps,
            None => Clock::Continuous,
        };
        let mut builder = Graph::builder(state_length, param_length);
        builder.clock(clock);
        builder.parameters(header.parameters.unwrap_or_default());
        builder.slots(header.slots.unwrap_or_default());
        for &(from, to, rate) in edges.iter().chain(&constant_edges) {
            builder.add_constant_edge(vertex(from)?, vertex(to)?, rate);
        }
        let products = header.products.unwrap_or_default();
        let products = add_products(&mut builder, &products, param_length).ok()?;
        param_edges.add_to(&mut builder, param_length, &products)?;
        for (to, probability) in start_edges {
            builder.start(vertex(to)?, probability);
        }
        builder.set_states(states.count, states.labels);
        Some(builder)
    }
}

impl Parameterized {
    fn add_to(
        self,
        builder: &mut GraphBuilder,
        param_length: usize,
        products: &[Box<[u32]>],
    ) -> Option<()> {
        let rows = self.places.rows();
        let least = param_length.checked_add(products.len())?;
        if rows > 0 && self.width < least {
            return None;
        }
        if products.is_empty() && self.width == param_length {
            // The builder checks whether the vertices exist.
            builder.append_edges(self.sources, self.targets, self.places, self.coefficients);
            return Some(());
        }
        let mut numbers = vec![0.0; self.width];
        for (row, (&from, &to)) in self.sources.iter().zip(&self.targets).enumerate() {
            let places = self.places.row(row).iter().map(|&place| place as usize);
            for (place, &coefficient) in places.zip(&self.coefficients[self.places.range(row)]) {
                numbers[place] = coefficient;
            }
            if products.is_empty() {
                builder.add_edge(from, to, &numbers[..param_length]);
            } else {
                let factors = products.iter().cloned();
                let values = numbers[param_length..least].iter().copied();
                let rate = Rate::of_terms(&numbers[..param_length], factors.zip(values));
                builder.push_rate(from, to, &rate);
            }
            numbers.fill(0.0);
        }
        Some(())
    }
}
