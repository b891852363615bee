//! Coalescents: of one population or two, with site-frequency states, with recombination.

use std::ops::Range;

use crate::phase::graph::Graph;
use crate::phase::graph::error::GraphError;
use crate::phase::graph::explore::Transitions;
use crate::phase::graph::models::{at_least, at_most, pairs_up_to};
use crate::phase::graph::rate::Rate;

/// Lineages by kind.
type State = Vec<i64>;
type Out = Transitions<State>;

/// The number of partitions of `count`: how many site-frequency states there are at least. Above 200 that of 200, which
/// no graph can hold.
fn partitions(count: usize) -> usize {
    let count = count.min(200);
    let mut ways = vec![0usize; count + 1];
    ways[0] = 1;
    for part in 1..=count {
        for sum in part..=count {
            ways[sum] = ways[sum].saturating_add(ways[sum - part]);
        }
    }
    ways[count]
}

/// The number of unordered pairs among `count`, as a rate.
fn pairs(count: i64) -> f64 {
    (count * (count - 1) / 2) as f64
}

/// Kingman's coalescent: the number of lineages; k lineages coalesce at rate `k (k - 1) / 2 theta0`. Mean
/// `2 (1 - 1/n) / theta0`.
///
/// # Errors
///
/// See the [module](super).
///
/// ```
/// use elimap::phase::{EliminationTrace, models};
/// let trace = EliminationTrace::record(&models::kingman(3)?);
/// let mean = trace.at(&[1.0])?.expectation();
/// assert!((mean - (1.0 / 3.0 + 1.0)).abs() < 1e-12, "{mean}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn kingman(lineages: usize) -> Result<Graph, GraphError> {
    at_least("kingman", lineages, 2)?;
    at_most("vertices", lineages)?;
    let rule = |&lineages: &i64, out: &mut Transitions<i64>| {
        out.edge(lineages - 1, Rate::parameter(0, pairs(lineages)));
    };
    let start = [(lineages as i64, 1.0)];
    Graph::explore(start, rule).param_length(1).build()
}

/// Kingman's coalescent with the site-frequency state: `state[i]` lineages have `i + 1` descendants. Rates as in
/// [`kingman`]; acyclic.
///
/// # Errors
///
/// See the [module](super).
///
/// ```
/// // The time is that of Kingman's coalescent.
/// use elimap::phase::{EliminationTrace, models};
/// let mean = |graph, theta: &[f64]| Ok::<_, elimap::phase::PhaseError>(EliminationTrace::record(&graph).at(theta)?.expectation());
/// let found = mean(models::coalescent_sfs(5)?, &[2.0])?;
/// let wanted = mean(models::kingman(5)?, &[2.0])?;
/// assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn coalescent_sfs(lineages: usize) -> Result<Graph, GraphError> {
    at_least("coalescent_sfs", lineages, 2)?;
    at_most("vertices", partitions(lineages))?;
    let mut first = vec![0; lineages];
    first[0] = lineages as i64;
    let rule = |state: &State, out: &mut Out| coalesce(state, 0..lineages, 0, out);
    Graph::explore([(first, 1.0)], rule).param_length(1).build()
}

/// Coalescence of any two lineages within a part of a state: those of kinds i and j become one of kind `joined(i, j)`, if
/// that is within the part.
fn join(
    state: &State,
    part: Range<usize>,
    parameter: usize,
    joined: impl Fn(usize, usize) -> usize,
    out: &mut Out,
) {
    let kinds: Vec<usize> = part.clone().filter(|&i| state[i] > 0).collect();
    for (position, &i) in kinds.iter().enumerate() {
        for &j in &kinds[position..] {
            let rate = if i == j {
                pairs(state[i])
            } else {
                (state[i] * state[j]) as f64
            };
            let joined = joined(i, j);
            if rate > 0.0 && joined < part.end {
                let mut next = state.clone();
                next[i] -= 1;
                next[j] -= 1;
                next[joined] += 1;
                out.edge(next, Rate::parameter(parameter, rate));
            }
        }
    }
}

/// The same within a part of a site-frequency state.
fn coalesce(state: &State, part: Range<usize>, parameter: usize, out: &mut Out) {
    // Descendants add: places count from 0 within the part, descendants from 1.
    let first = part.start;
    join(state, part, parameter, |i, j| i + j + 1 - first, out);
}

/// Migration of any lineage of a part, one half of the state, to the other.
fn migrate(state: &State, part: Range<usize>, parameter: usize, out: &mut Out) {
    for i in part.filter(|&i| state[i] > 0) {
        let mut next = state.clone();
        next[i] -= 1;
        next[(i + state.len() / 2) % state.len()] += 1;
        out.edge(next, Rate::parameter(parameter, state[i] as f64));
    }
}

/// Two islands, lineages counted: coalescence at theta0 and theta1 per pair, migration at theta2 per lineage. All
/// lineages start on the first island.
///
/// # Errors
///
/// See the [module](super).
///
/// ```
/// // Rates ten times as high, a tenth of the time.
/// use elimap::phase::{EliminationTrace, models};
/// let trace = EliminationTrace::record(&models::islands(2)?);
/// let slow = trace.at(&[1.0, 1.0, 1.0])?.expectation();
/// let fast = trace.at(&[10.0, 10.0, 10.0])?.expectation();
/// assert!((slow - 10.0 * fast).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn islands(lineages: usize) -> Result<Graph, GraphError> {
    at_least("islands", lineages, 2)?;
    at_most("vertices", pairs_up_to(lineages))?;
    let rule = |&[a, b]: &[i64; 2], out: &mut Transitions<[i64; 2]>| {
        if a + b > 1 {
            out.edge([a - 1, b], Rate::parameter(0, pairs(a)));
            out.edge([a, b - 1], Rate::parameter(1, pairs(b)));
            out.edge([a - 1, b + 1], Rate::parameter(2, a as f64));
            out.edge([a + 1, b - 1], Rate::parameter(2, b as f64));
        }
    };
    let start = [([lineages as i64, 0], 1.0)];
    Graph::explore(start, rule).param_length(3).build()
}

/// Two islands with the site-frequency state on each: coalescence at theta0 and theta1 per pair, migration at theta2
/// (from the first) and theta3 (from the second) per lineage. Half the lineages start on each island.
///
/// # Errors
///
/// See the [module](super).
///
/// ```
/// use elimap::phase::models;
/// assert_eq!(models::islands_sfs(4)?.param_length(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn islands_sfs(lineages: usize) -> Result<Graph, GraphError> {
    at_least("islands_sfs", lineages, 2)?;
    at_most("vertices", partitions(lineages))?;
    let mut first = vec![0; 2 * lineages];
    first[0] = (lineages - lineages / 2) as i64;
    first[lineages] = (lineages / 2) as i64;
    let rule = |state: &State, out: &mut Out| {
        if state.iter().sum::<i64>() < 2 {
            return;
        }
        for island in 0..2 {
            let part = island * lineages..(island + 1) * lineages;
            coalesce(state, part.clone(), island, out);
            migrate(state, part, 2 + island, out);
        }
    };
    Graph::explore([(first, 1.0)], rule).param_length(4).build()
}

/// The two-locus ancestral process: `[a, b, c]` lineages ancestral at both loci, the left, the right. Coalescence at
/// theta0 per pair, recombination at theta1 per lineage of the first kind; absorbed when both loci have one ancestor.
///
/// # Errors
///
/// See the [module](super).
///
/// ```
/// // Without recombination both loci have one history.
/// use elimap::phase::{EliminationTrace, models};
/// let mean = |graph, theta: &[f64]| Ok::<_, elimap::phase::PhaseError>(EliminationTrace::record(&graph).at(theta)?.expectation());
/// let found = mean(models::two_locus_arg(3)?, &[1.0, 0.0])?;
/// let wanted = mean(models::kingman(3)?, &[1.0])?;
/// assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn two_locus_arg(lineages: usize) -> Result<Graph, GraphError> {
    at_least("two_locus_arg", lineages, 2)?;
    at_most("vertices", pairs_up_to(lineages))?;
    let rule = |&[a, b, c]: &[i64; 3], out: &mut Transitions<[i64; 3]>| {
        if a + b > 1 || a + c > 1 {
            let coalescence = |rate| Rate::parameter(0, rate);
            out.edge([a - 1, b + 1, c + 1], Rate::parameter(1, a as f64));
            out.edge([a - 1, b, c], coalescence(pairs(a)));
            out.edge([a, b - 1, c], coalescence((a * b) as f64 + pairs(b)));
            out.edge([a, b, c - 1], coalescence((a * c) as f64 + pairs(c)));
            out.edge([a + 1, b - 1, c - 1], coalescence((b * c) as f64));
        }
    };
    let start = [([lineages as i64, 0, 0], 1.0)];
    Graph::explore(start, rule).param_length(2).build()
}

/// The two-locus ancestral process with descendants: `state[i * (n + 1) + j]` lineages have `i` descendants at the left
/// locus and `j` at the right, for n `lineages`. Rates as in [`two_locus_arg`]; absorbed in a single lineage.
///
/// # Errors
///
/// See the [module](super).
///
/// ```
/// use elimap::phase::models;
/// assert_eq!(models::two_locus_arg_sfs(2)?.param_length(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn two_locus_arg_sfs(lineages: usize) -> Result<Graph, GraphError> {
    at_least("two_locus_arg_sfs", lineages, 2)?;
    at_most("vertices", partitions(lineages))?;
    let width = lineages + 1;
    let mut first = vec![0; width * width];
    first[width + 1] = lineages as i64;
    let rule = |state: &State, out: &mut Out| {
        if state.iter().sum::<i64>() < 2 {
            return;
        }
        // Descendants add at both loci, and so do the indices.
        join(state, 0..state.len(), 0, |a, b| a + b, out);
        for kind in (0..state.len()).filter(|&kind| state[kind] > 0) {
            let (left, right) = (kind / width, kind % width);
            if left > 0 && right > 0 {
                let mut next = state.clone();
                next[kind] -= 1;
                next[left * width] += 1;
                next[right] += 1;
                out.edge(next, Rate::parameter(1, state[kind] as f64));
            }
        }
    };
    Graph::explore([(first, 1.0)], rule).param_length(2).build()
}

/// Two islands with samples of both, lineages by where they are and by their descendants in each sample.
///
/// `state[(island * (n1 + 1) + i) * (n2 + 1) + j]` lineages on an island have `i` descendants in the first sample and `j` in the
/// second. Theta as in [`islands_sfs`]: coalescence on each island, migration from the first and from the second. The first
/// sample starts on the first island, the second on the second; absorbed in a single lineage.
///
/// The time spent by lineages of one kind (i, j), on whichever island, makes the joint site-frequency spectrum.
///
/// # Errors
///
/// See the [module](super).
///
/// ```
/// use elimap::phase::models;
/// assert_eq!(models::joint_sfs(2, 1)?.param_length(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn joint_sfs(first: usize, second: usize) -> Result<Graph, GraphError> {
    at_least("joint_sfs", first.min(second), 1)?;
    let lineages = first.saturating_add(second);
    at_most("vertices", partitions(lineages))?;
    let kinds = (first + 1) * (second + 1);
    let mut start = vec![0; 2 * kinds];
    start[second + 1] = first as i64;
    start[kinds + 1] = second as i64;
    let rule = |state: &State, out: &mut Out| {
        if state.iter().sum::<i64>() < 2 {
            return;
        }
        for island in 0..2 {
            let part = island * kinds..(island + 1) * kinds;
            // Descendants add in both samples, and so do the indices within an island.
            let at = part.start;
            join(state, part.clone(), island, |a, b| a + b - at, out);
            migrate(state, part, 2 + island, out);
        }
    };
    let names = (1..=2).flat_map(|island| {
        let kinds = (0..=first).flat_map(|i| (0..=second).map(move |j| (i, j)));
        kinds.map(move |(i, j)| format!("island{island}_{i}_{j}"))
    });
    let model = Graph::explore([(start, 1.0)], rule);
    let theta = ["coalescence1", "coalescence2", "migration12", "migration21"];
    model.parameters(theta).slots(names).build()
}

/// The two-locus ancestral process until both loci have one ancestor, told apart: `[a, b, c, left_done, right_done]` with
/// lineages as in [`two_locus_arg`] and 1 for a locus that has found its ancestor. What a lineage carries of such a locus is
/// no longer followed. Coalescence at theta0 per pair, recombination at theta1 per lineage that carries both.
///
/// The height of the tree at a locus is the time in which it is not done: the reward `1 - left_done`. For two lineages the
/// heights have the covariance `(rho + 18) / (rho^2 + 13 rho + 18)` at theta = `(1, rho / 2)` (Griffiths 1981, Hudson 1983).
///
/// # Errors
///
/// See the [module](super).
///
/// ```
/// use elimap::phase::models;
/// assert_eq!(models::two_locus_heights(3)?.param_length(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn two_locus_heights(lineages: usize) -> Result<Graph, GraphError> {
    at_least("two_locus_heights", lineages, 2)?;
    at_most("vertices", pairs_up_to(lineages))?;
    type Loci = [i64; 5];
    // A locus in its ancestor: those that carried both carry the other alone.
    let settle = |a: i64, b: i64, c: i64| match (a + b == 1, a + c == 1) {
        (true, true) => [0, 0, 0, 1, 1],
        (true, false) => [0, 0, a + c, 1, 0],
        (false, true) => [0, a + b, 0, 0, 1],
        (false, false) => [a, b, c, 0, 0],
    };
    let rule = |&[a, b, c, left_done, right_done]: &Loci, out: &mut Transitions<Loci>| {
        let coalescence = |rate| Rate::parameter(0, rate);
        match (left_done, right_done) {
            (0, 0) => {
                out.edge([a - 1, b + 1, c + 1, 0, 0], Rate::parameter(1, a as f64));
                out.edge(settle(a - 1, b, c), coalescence(pairs(a)));
                out.edge(settle(a, b - 1, c), coalescence((a * b) as f64 + pairs(b)));
                out.edge(settle(a, b, c - 1), coalescence((a * c) as f64 + pairs(c)));
                out.edge([a + 1, b - 1, c - 1, 0, 0], coalescence((b * c) as f64));
            }
            (1, 0) if c == 2 => out.edge([0, 0, 0, 1, 1], coalescence(1.0)),
            (1, 0) => out.edge([0, 0, c - 1, 1, 0], coalescence(pairs(c))),
            (0, 1) if b == 2 => out.edge([0, 0, 0, 1, 1], coalescence(1.0)),
            (0, 1) => out.edge([0, b - 1, 0, 0, 1], coalescence(pairs(b))),
            _ => {}
        }
    };
    let model = Graph::explore([([lineages as i64, 0, 0, 0, 0], 1.0)], rule);
    let slots = ["both", "left", "right", "left_done", "right_done"];
    model
        .parameters(["coalescence", "recombination"])
        .slots(slots)
        .build()
}
