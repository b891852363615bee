//! A graph from a rule: which transitions leave a state, and at which rates.
//!
//! States are found breadth first from those of the start, and each becomes the vertex that its label names: start states
//! first, then in the order in which the rule mentions them.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::phase::graph::error::GraphError;
use crate::phase::graph::rate::{Parameters, Rate, agree};
use crate::phase::graph::{Clock, Graph, GraphBuilder, VertexId};
use crate::{BoxError, CancelToken};

/// Between two reports of progress.
const REPORT: Duration = Duration::from_millis(100);
/// States between two looks at the time and the token.
const CHECK: usize = 256;

/// A state that labels its own vertex.
///
/// Integers, arrays, vectors and tuples of integers are states; a type of yours says here what is kept of it in the graph.
///
/// ```
/// use elimap::phase::State;
///
/// #[derive(Clone, Hash, PartialEq, Eq)]
/// enum Patient {
///     Waiting(u8),
///     Home,
/// }
/// impl State for Patient {
///     fn label(&self) -> Vec<i64> {
///         match self {
///             Patient::Waiting(days) => vec![1, i64::from(*days)],
///             Patient::Home => vec![0, 0],
///         }
///     }
/// }
/// assert_eq!(Patient::Waiting(3).label(), [1, 3]);
/// ```
pub trait State: Hash + Eq + Clone {
    /// The integers that label the state's vertex; as many for every state.
    fn label(&self) -> Vec<i64>;
}

macro_rules! integer_states {
    ($($t:ty),*) => {$(
        impl State for $t {
            fn label(&self) -> Vec<i64> {
                vec![i64::from(*self)]
            }
        }
        impl<const N: usize> State for [$t; N] {
            fn label(&self) -> Vec<i64> {
                self.iter().map(|&entry| i64::from(entry)).collect()
            }
        }
        impl State for Vec<$t> {
            fn label(&self) -> Vec<i64> {
                self.iter().map(|&entry| i64::from(entry)).collect()
            }
        }
    )*};
}
integer_states!(i8, i16, i32, i64, u8, u16, u32, bool);

macro_rules! tuple_states {
    ($($name:ident)+) => {
        impl<$($name: State),+> State for ($($name,)+) {
            fn label(&self) -> Vec<i64> {
                #[allow(non_snake_case)]
                let ($($name,)+) = self;
                [$($name.label()),+].concat()
            }
        }
    };
}
tuple_states!(A B);
tuple_states!(A B C);
tuple_states!(A B C D);

/// Where a rule puts the transitions out of a state.
#[derive(Debug)]
pub struct Transitions<S> {
    edges: Vec<(S, Rate)>,
    failure: Option<BoxError>,
}

impl<S> Transitions<S> {
    /// A transition to `next`; none if the rate is zero for every theta.
    ///
    /// ```
    /// use elimap::phase::Graph;
    ///
    /// let decay = Graph::explore([(3_u8, 1.0)], |&left: &u8, out| {
    ///     if left > 0 {
    ///         out.edge(left - 1, [f64::from(left)]);
    ///         out.edge(left, [0.0]); // none
    ///     }
    /// });
    /// assert_eq!(decay.build()?.edge_count(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn edge(&mut self, next: S, rate: impl Into<Rate>) {
        let rate = rate.into();
        if !rate.is_zero() {
            self.edges.push((next, rate));
        }
    }

    /// Ends the exploration with an error of the rule's own.
    ///
    /// ```
    /// use elimap::phase::Graph;
    ///
    /// let growth = Graph::explore([(1_u64, 1.0)], |&size: &u64, out| match size.checked_mul(1 << 20) {
    ///     Some(more) => out.edge(more, 1.0),
    ///     None => out.fail("it grows beyond 64 bits"),
    /// });
    /// let labelled = growth.build_labelled(|&size| vec![size as i64]);
    /// assert!(labelled.is_err_and(|error| error.to_string().contains("beyond 64 bits")));
    /// ```
    pub fn fail(&mut self, error: impl Into<BoxError>) {
        self.failure.get_or_insert(error.into());
    }
}

/// How far an exploration has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored {
    /// States found.
    pub states: usize,
    /// States found whose transitions are not known yet.
    pub waiting: usize,
    /// Transitions found.
    pub edges: usize,
}

/// The states of a model as they are found; see [`Graph::explore`].
#[must_use = "an exploration begins with `build`"]
pub struct Exploration<S, F> {
    start: Vec<(S, f64)>,
    rule: F,
    clock: Clock,
    param_length: Option<usize>,
    parameters: Vec<String>,
    slots: Vec<String>,
    max_states: usize,
    cancel: Option<CancelToken>,
    progress: Option<Box<dyn FnMut(Explored)>>,
}

impl<S, F> fmt::Debug for Exploration<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exploration")
            .field("parameters", &self.parameters)
            .field("slots", &self.slots)
            .field("max_states", &self.max_states)
            .finish_non_exhaustive()
    }
}

impl Graph {
    /// Finds the states of a model from those of its start and the rule of its transitions.
    ///
    /// `start` has states and their probabilities. `rule` gets a state and puts the transitions out of it into the second
    /// argument; a state without transitions is absorbing. Vertex v of the graph is the v-th state: those of the start
    /// first, then in the order in which the rule mentions them. Nothing runs before [`Exploration::build`].
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph, Rate};
    ///
    /// // One server, up to three customers: arrivals at theta0, services at theta1.
    /// let queue = Graph::explore([([1], 1.0)], |&[customers]: &[i64; 1], out| {
    ///     if customers > 0 {
    ///         out.edge([customers - 1], [0.0, 1.0]);
    ///         if customers < 3 {
    ///             out.edge([customers + 1], Rate::parameter(0, 1.0));
    ///         }
    ///     }
    /// });
    /// let graph = queue.parameters(["arrival", "service"]).slots(["customers"]).build()?;
    /// assert_eq!((graph.vertex_count(), graph.edge_count()), (5, 5));
    /// assert_eq!(EliminationTrace::record(&graph).at(&[1.0, 1.0])?.expectation(), 3.0);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn explore<S, F>(start: impl IntoIterator<Item = (S, f64)>, rule: F) -> Exploration<S, F>
    where
        S: Hash + Eq + Clone,
        F: FnMut(&S, &mut Transitions<S>),
    {
        Exploration {
            start: start.into_iter().collect(),
            rule,
            clock: Clock::Continuous,
            param_length: None,
            parameters: Vec::new(),
            slots: Vec::new(),
            max_states: u32::MAX as usize - 2,
            cancel: None,
            progress: None,
        }
    }
}

impl<S, F> Exploration<S, F>
where
    S: Hash + Eq + Clone,
    F: FnMut(&S, &mut Transitions<S>),
{
    /// The length of theta, where neither [names](Self::parameters) nor the rates tell it.
    ///
    /// ```
    /// use elimap::phase::{Graph, Rate};
    ///
    /// let decay = Graph::explore([(1_u8, 1.0)], |&left: &u8, out| {
    ///     if left > 0 {
    ///         out.edge(left - 1, Rate::parameter(0, 1.0));
    ///     }
    /// });
    /// // theta[1] is for something else.
    /// assert_eq!(decay.param_length(2).build()?.param_length(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn param_length(mut self, length: usize) -> Self {
        self.param_length = Some(length);
        self
    }

    /// Names the entries of theta, one for each.
    ///
    /// ```
    /// use elimap::phase::{Graph, Rate};
    ///
    /// let decay = Graph::explore([(1_u8, 1.0)], |&left: &u8, out| {
    ///     if left > 0 {
    ///         out.edge(left - 1, Rate::parameter(0, 1.0));
    ///     }
    /// });
    /// assert_eq!(decay.parameters(["decay"]).build()?.parameter_names(), ["decay"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parameters(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.parameters = names.into_iter().map(Into::into).collect();
        self.param_length = Some(self.parameters.len());
        self
    }

    /// Names for theta of a length that is known, or none.
    pub(super) fn with_names(mut self, names: Vec<String>) -> Self {
        self.parameters = names;
        self
    }

    /// Names the entries of the labels, one for each.
    ///
    /// ```
    /// use elimap::phase::Graph;
    ///
    /// let decay = Graph::explore([(2_u8, 1.0)], |&left: &u8, out| {
    ///     if left > 0 {
    ///         out.edge(left - 1, 1.0);
    ///     }
    /// });
    /// let graph = decay.slots(["left"]).build()?;
    /// assert_eq!(graph.reward("left")?, [0.0, 2.0, 1.0, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn slots(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.slots = names.into_iter().map(Into::into).collect();
        self
    }

    /// Says what the numbers of transitions mean; in a discrete model a state may lead to itself.
    ///
    /// ```
    /// use elimap::phase::{Clock, EliminationTrace, Graph};
    ///
    /// let toss = Graph::explore([(true, 1.0)], |&going: &bool, out| {
    ///     if going {
    ///         out.edge(true, 0.75);
    ///         out.edge(false, 0.25);
    ///     }
    /// });
    /// let graph = toss.clock(Clock::Steps).build()?;
    /// assert_eq!(EliminationTrace::record(&graph).steps_at(&[])?.expectation(), 4.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Gives up beyond so many states.
    ///
    /// ```
    /// use elimap::phase::Graph;
    ///
    /// let endless = Graph::explore([(0_i64, 1.0)], |&at: &i64, out| out.edge(at + 1, 1.0));
    /// assert!(endless.max_states(1000).build().is_err());
    /// ```
    pub fn max_states(mut self, limit: usize) -> Self {
        self.max_states = limit.min(self.max_states);
        self
    }

    /// Stops when the token is cancelled.
    ///
    /// ```
    /// use elimap::CancelToken;
    /// use elimap::phase::Graph;
    ///
    /// let token = CancelToken::new();
    /// token.cancel();
    /// let endless = Graph::explore([(0_i64, 1.0)], |&at: &i64, out| out.edge(at + 1, 1.0));
    /// assert!(endless.cancel(&token).build().is_err());
    /// ```
    pub fn cancel(mut self, token: &CancelToken) -> Self {
        self.cancel = Some(token.clone());
        self
    }

    /// Calls `observer` about every 100 ms.
    ///
    /// ```
    /// use elimap::phase::Graph;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use std::sync::Arc;
    ///
    /// let found = Arc::new(AtomicUsize::new(0));
    /// let seen = found.clone();
    /// let chain = Graph::explore([(0_u32, 1.0)], |&at: &u32, out| {
    ///     if at < 10_000 {
    ///         out.edge(at + 1, 1.0);
    ///     }
    /// });
    /// let graph = chain.progress(move |so_far| seen.store(so_far.states, Ordering::Relaxed)).build()?;
    /// assert!(found.load(Ordering::Relaxed) < graph.vertex_count());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn progress(mut self, observer: impl FnMut(Explored) + 'static) -> Self {
        self.progress = Some(Box::new(observer));
        self
    }

    /// Explores, and labels each vertex as its state says.
    ///
    /// # Errors
    ///
    /// [`GraphError::TooManyStates`] beyond the limit, [`GraphError::Cancelled`], [`GraphError::Rule`] where the rule failed
    /// or panicked, [`GraphError::CoefficientCount`] for rates that disagree about the length of theta, and whatever
    /// [`GraphBuilder::build`] finds.
    ///
    /// ```
    /// use elimap::phase::Graph;
    ///
    /// let walk = Graph::explore([([0_u8, 0], 1.0)], |&[x, y]: &[u8; 2], out| {
    ///     if x < 2 {
    ///         out.edge([x + 1, y], [1.0, 0.0]);
    ///     }
    ///     if y < 2 {
    ///         out.edge([x, y + 1], [0.0, 1.0]);
    ///     }
    /// });
    /// let graph = walk.build()?;
    /// assert_eq!((graph.vertex_count(), graph.edge_count()), (10, 12));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(self) -> Result<Graph, GraphError>
    where
        S: State,
    {
        Ok(self.build_labelled(S::label)?.0)
    }

    /// Explores states of any type, labelled by a function; also the states, where vertex v is the state v - 1.
    ///
    /// ```
    /// use elimap::phase::Graph;
    ///
    /// let weather = Graph::explore([("rain", 1.0)], |state: &&str, out| {
    ///     if *state == "rain" {
    ///         out.edge("sun", [0.5]);
    ///     }
    /// });
    /// let (graph, states) = weather.build_labelled(|state| vec![state.len() as i64])?;
    /// assert_eq!((graph.vertex_count(), states), (3, vec!["rain", "sun"]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Exploration::build`].
    pub fn build_labelled(
        mut self,
        label: impl Fn(&S) -> Vec<i64>,
    ) -> Result<(Graph, Vec<S>), GraphError> {
        let mut found = Found::default();
        let mut builder = Graph::builder(0, 0);
        for (state, probability) in std::mem::take(&mut self.start) {
            builder.start(vertex(found.place(state)), probability);
        }
        let mut length = self.param_length.map(Parameters::Exactly);
        let mut out = Transitions {
            edges: Vec::new(),
            failure: None,
        };
        let (mut next, mut edges, mut reported) = (0, 0, Instant::now());
        while next < found.states.len() {
            if next % CHECK == 0 {
                self.check(&found, next, edges, &mut reported)?;
            }
            let state = &found.states[next];
            let rule = &mut self.rule;
            // The rule is not called again after a panic.
            let outcome = catch_unwind(AssertUnwindSafe(|| rule(state, &mut out)));
            let failure = match outcome {
                Ok(()) => out.failure.take(),
                Err(payload) => Some(panicked(payload)),
            };
            if let Some(source) = failure {
                let state = label(state);
                return Err(GraphError::Rule { state, source });
            }
            let from = vertex(next);
            edges += out.edges.len();
            for (state, rate) in out.edges.drain(..) {
                let to = vertex(found.place(state));
                let Some(agreed) = agree(length, rate.parameters) else {
                    return Err(disagreement(from, to, length, rate.parameters));
                };
                length = Some(agreed);
                builder.push_rate(from, to, &rate);
            }
            if found.states.len() > self.max_states {
                let limit = self.max_states;
                let state = label(&found.states[limit]);
                return Err(GraphError::TooManyStates { limit, state });
            }
            next += 1;
        }
        self.report(&found, next, edges);
        let param_length = match length {
            None => 0,
            Some(Parameters::Exactly(length) | Parameters::AtLeast(length)) => length,
        };
        builder.clock(self.clock);
        builder.parameters(self.parameters).slots(self.slots);
        let graph = builder.finish(&found.states, label, param_length)?;
        Ok((graph, found.states))
    }

    fn check(
        &mut self,
        found: &Found<S>,
        next: usize,
        edges: usize,
        reported: &mut Instant,
    ) -> Result<(), GraphError> {
        if self.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            let states = found.states.len();
            return Err(GraphError::Cancelled { states });
        }
        if self.progress.is_some() && reported.elapsed() >= REPORT {
            *reported = Instant::now();
            self.report(found, next, edges);
        }
        Ok(())
    }

    fn report(&mut self, found: &Found<S>, next: usize, edges: usize) {
        let states = found.states.len();
        if let Some(observer) = &mut self.progress {
            observer(Explored {
                states,
                waiting: states - next,
                edges,
            });
        }
    }
}

/// States in the order in which they were found, each with its place.
struct Found<S> {
    states: Vec<S>,
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<S> Default for Found<S> {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            places: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<S: Hash + Eq> Found<S> {
    /// Where a state is, or from now on is.
    fn place(&mut self, state: S) -> usize {
        let Self {
            states,
            places,
            hasher,
        } = self;
        let hash = hasher.hash_one(&state);
        let is_same = |&place: &u32| states[place as usize] == state;
        if let Some(&place) = places.find(hash, is_same) {
            return place as usize;
        }
        let place = states.len();
        // The limit of states is below the last index, so none of a graph that is built is cut off.
        let rehash = |&place: &u32| hasher.hash_one(&states[place as usize]);
        places.insert_unique(hash, place as u32, rehash);
        states.push(state);
        place
    }
}

/// The vertex of the state at this place: those after the start.
fn vertex(place: usize) -> VertexId {
    VertexId::from_u32(u32::try_from(place + 1).unwrap_or(u32::MAX))
}

fn panicked(payload: Box<dyn std::any::Any + Send>) -> BoxError {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    // The payload is the rule's own and may panic again when it is dropped; what that throws is let go.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    format!("it panicked: {}", text.as_deref().unwrap_or("no message")).into()
}

fn disagreement(
    from: VertexId,
    to: VertexId,
    known: Option<Parameters>,
    new: Parameters,
) -> GraphError {
    let count = |length| match length {
        Parameters::Exactly(count) | Parameters::AtLeast(count) => count,
    };
    GraphError::CoefficientCount {
        from,
        to,
        expected: known.map_or(0, count),
        found: count(new),
    }
}

impl GraphBuilder {
    /// Adds the states and builds; edges were added before their vertices.
    fn finish<S>(
        mut self,
        states: &[S],
        label: impl Fn(&S) -> Vec<i64>,
        param_length: usize,
    ) -> Result<Graph, GraphError> {
        let mut labels = states.iter().map(label);
        let first = labels.next();
        self.set_sizes(first.as_ref().map_or(0, Vec::len), param_length);
        for label in first.into_iter().chain(labels) {
            self.add_vertex(&label);
        }
        self.build()
    }
}
