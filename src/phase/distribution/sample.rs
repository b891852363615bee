//! Samples of times, rewards, paths and vertices.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::chain::Chain;
use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::philox::{AliasTables, Draws};
use crate::phase::graph::VertexId;

/// Draws samples of a model; see [`PhaseType::sampler`].
///
/// Sample i depends on the seed and i alone: neither on which others are drawn nor on the number of threads.
#[derive(Debug)]
pub struct Sampler {
    seed: u64,
    vertices: usize,
    /// The vertex of each state.
    of_state: Vec<VertexId>,
    /// The mean time in each state.
    stay: Vec<f64>,
    /// Where to go from each state, and last where to start: states, then vertices above them.
    jumps: AliasTables,
}

/// Where to go from each state, and last where to start: states, then vertices above them.
fn tables(chain: &Chain, mass_at_zero: f64) -> AliasTables {
    let states = chain.len() as u32;
    let vertex = |vertex: VertexId| states + vertex.as_u32();
    let mut jumps = AliasTables::new();
    for state in 0..chain.len() {
        let inner = chain.inner(state).iter().map(|flow| (flow.to, flow.rate));
        let outer = chain.outer(state).iter();
        let outer = outer.map(|flow| (vertex(flow.to), flow.rate));
        jumps.push(&inner.chain(outer).collect::<Vec<_>>());
    }
    let starts = (0..states).zip(chain.start().iter().copied());
    let at_once = chain.absorbed_at_once().iter();
    let at_once: Vec<(u32, f64)> = at_once.map(|&(v, p)| (vertex(v), p)).collect();
    let started: f64 = at_once.iter().map(|(_, p)| p).sum();
    let missing = (mass_at_zero - started).max(0.0);
    let starts = starts
        .chain(at_once)
        .chain([(vertex(VertexId::START), missing)]);
    jumps.push(&starts.filter(|(_, p)| *p > 0.0).collect::<Vec<_>>());
    jumps
}

pub(crate) fn each<T: Send>(samples: Range<u64>, draw: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let count = samples.end.saturating_sub(samples.start) as usize;
    let first = samples.start;
    (0..count)
        .into_par_iter()
        .with_min_len(256)
        .map(|i| draw(first + i as u64))
        .collect()
}

impl DiscretePhaseType {
    /// Numbers of steps of these samples with a seed. Sample i depends on the seed and i alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.5).add_constant_edge(coin, end, 0.5);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// let all = tosses.sample(3, 0..1000);
    /// assert_eq!(tosses.sample(3, 500..1000), all[500..]);
    /// assert!((all.iter().sum::<u64>() as f64 - 2000.0).abs() < 5.0 * 2000.0_f64.sqrt());
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn sample(&self, seed: u64, samples: Range<u64>) -> Vec<u64> {
        let walk = self.step_walk(seed);
        each(samples, |sample| {
            let mut steps = 0;
            walk.follow(sample, |_, stay| steps += stay);
            steps
        })
    }

    /// Rewards per visit of the samples with a seed: a row per sample, a column per row of `rewards`, which has a reward for each
    /// vertex. The paths are those of [`sample`](Self::sample).
    ///
    /// # Errors
    ///
    /// As for [`Sampler::rewards`].
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.5).add_constant_edge(coin, end, 0.5);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// let found = tosses.sample_rewards(3, ndarray::array![[0.0, 2.0, 0.0]].view(), 0..9)?;
    /// let twice: Vec<f64> = tosses.sample(3, 0..9).iter().map(|&count| 2.0 * count as f64).collect();
    /// assert_eq!(found.column(0).to_vec(), twice);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn sample_rewards(
        &self,
        seed: u64,
        rewards: ArrayView2<'_, f64>,
        samples: Range<u64>,
    ) -> Result<Array2<f64>, DistributionError> {
        check_rewards(rewards, self.trace().graph().vertex_count())?;
        let walk = self.step_walk(seed);
        let rows = each(samples, |sample| {
            let mut row = vec![0.0; rewards.nrows()];
            walk.follow(sample, |state, stay| {
                let vertex = self.vertex(state).index();
                for (sum, reward) in row.iter_mut().zip(rewards.column(vertex)) {
                    *sum += reward * stay as f64;
                }
            });
            row
        });
        let shape = (rows.len(), rewards.nrows());
        // The rows have this shape by construction.
        Ok(Array2::from_shape_vec(shape, rows.concat()).unwrap_or_default())
    }

    /// The paths of the samples with a seed; steps that stay in a vertex make no entry of their own, and times are numbers of steps.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.5).add_constant_edge(coin, end, 0.5);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// let path = &tosses.sample_paths(3, 8..9)[0];
    /// assert_eq!((&path.vertices[..], path.times[1]), (&[coin, end][..], tosses.sample(3, 8..9)[0] as f64));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn sample_paths(&self, seed: u64, samples: Range<u64>) -> Vec<SamplePath> {
        let walk = self.step_walk(seed);
        each(samples, |sample| {
            let (mut vertices, mut times, mut now) = (Vec::new(), Vec::new(), 0);
            let end = walk.follow(sample, |state, stay| {
                vertices.push(self.vertex(state));
                times.push(now as f64);
                now += stay;
            });
            if end != VertexId::START {
                vertices.push(end);
                times.push(now as f64);
            }
            SamplePath { vertices, times }
        })
    }

    /// Where the samples with a seed end: the absorbing vertex, or the start for mass that is missing from it.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let [coin, heads, tails] = [0; 3].map(|_| builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, heads, 0.75).add_constant_edge(coin, tails, 0.25);
    /// let toss = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// let ends = toss.sample_ends(1, 0..10_000);
    /// let share = ends.iter().filter(|&&end| end == heads).count() as f64 / 10_000.0;
    /// assert!((share - 0.75).abs() < 0.03);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn sample_ends(&self, seed: u64, samples: Range<u64>) -> Vec<VertexId> {
        let walk = self.step_walk(seed);
        each(samples, |sample| walk.follow(sample, |_, _| ()))
    }

    fn step_walk(&self, seed: u64) -> StepWalk {
        let chain = self.chain();
        let loops = (0..chain.len()).map(|state| self.self_loop(chain.transient(state)));
        StepWalk {
            seed,
            jumps: tables(chain, self.mass_at_zero()),
            loops: loops.collect(),
        }
    }
}

/// Draws samples of a discrete model.
struct StepWalk {
    seed: u64,
    jumps: AliasTables,
    /// By state, the probability of its self-loop.
    loops: Vec<f64>,
}

impl StepWalk {
    /// Follows one sample: `visit` gets each state with the number of steps out of it. Returns where it ended: the start for mass that
    /// is missing.
    fn follow(&self, sample: u64, mut visit: impl FnMut(usize, u64)) -> VertexId {
        let mut draws = Draws::new(self.seed, sample);
        let states = self.loops.len();
        let mut place = self.jumps.draw(states, &mut draws) as usize;
        while place < states {
            visit(place, draws.trials(self.loops[place]) as u64);
            place = self.jumps.draw(place, &mut draws) as usize;
        }
        VertexId::from_u32((place - states) as u32)
    }
}

/// Checks rewards of samples: one for each vertex, and finite.
fn check_rewards(rewards: ArrayView2<'_, f64>, vertices: usize) -> Result<(), DistributionError> {
    if rewards.ncols() != vertices {
        return Err(DistributionError::Length {
            what: "rewards in a row",
            expected: vertices,
            found: rewards.ncols(),
            remedy: "give one for each vertex",
        });
    }
    let mut all = rewards.iter().enumerate();
    match all.find(|(_, value)| !value.is_finite()) {
        Some((index, &value)) => Err(DistributionError::Number {
            what: "rewards",
            index,
            value,
            condition: "it must be finite",
        }),
        None => Ok(()),
    }
}

/// A path: the vertices it visits and when it enters each.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SamplePath {
    /// The vertices, the absorbing one last. Without any the sample is mass that is missing from the start.
    pub vertices: Vec<VertexId>,
    /// When each was entered.
    pub times: Vec<f64>,
}

impl PhaseType {
    /// A sampler with this seed.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::islands(4)?).at(&[1.0, 1.0, 0.5])?;
    /// let sampler = time.sampler(7)?;
    /// let all = sampler.times(0..1000);
    /// assert_eq!(sampler.times(990..1000), all[990..]);
    /// let mean = all.iter().sum::<f64>() / 1000.0;
    /// assert!((mean - time.expectation()).abs() < 5.0 * (time.variance() / 1000.0).sqrt());
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// None for a theta that was accepted.
    pub fn sampler(&self, seed: u64) -> Result<Sampler, DistributionError> {
        let chain = self.chain()?;
        let jumps = tables(chain, self.mass_at_zero());
        Ok(Sampler {
            seed,
            vertices: self.trace().graph().vertex_count(),
            of_state: (0..chain.len()).map(|state| chain.vertex(state)).collect(),
            stay: chain.outflow().iter().map(|out| 1.0 / out).collect(),
            jumps,
        })
    }
}

impl Sampler {
    /// Follows one sample: `visit` gets each state with the time in it and says whether to go on. Returns where it ended:
    /// the start for mass that is missing.
    fn follow(&self, sample: u64, mut visit: impl FnMut(usize, f64) -> bool) -> VertexId {
        let mut draws = Draws::new(self.seed, sample);
        let states = self.stay.len();
        let mut place = self.jumps.draw(states, &mut draws) as usize;
        while place < states {
            let time = draws.exponential() * self.stay[place];
            if !visit(place, time) {
                return self.of_state[place];
            }
            place = self.jumps.draw(place, &mut draws) as usize;
        }
        VertexId::from_u32((place - states) as u32)
    }

    /// Times to absorption of these samples.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let sampler = EliminationTrace::record(&models::erlang(4)?).at(&[2.0])?.sampler(1)?;
    /// let mean = sampler.times(0..10_000).iter().sum::<f64>() / 10_000.0;
    /// assert!((mean - 2.0).abs() < 0.06);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn times(&self, samples: Range<u64>) -> Vec<f64> {
        each(samples, |sample| {
            let mut total = 0.0;
            self.follow(sample, |_, time| {
                total += time;
                true
            });
            total
        })
    }

    /// Rewards of these samples: a row per sample, a column per row of `rewards`, which has a reward for each vertex.
    ///
    /// The paths are those of [`times`](Self::times), so a reward of ones is the time.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Length`] for rewards of another length than the number of vertices, [`DistributionError::Number`] for
    /// one that is not finite. Negative rewards are fine here.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use ndarray::array;
    ///
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let sampler = time.sampler(1)?;
    /// let found = sampler.rewards(array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]].view(), 0..10)?;
    /// assert_eq!(found.column(1).to_vec(), sampler.times(0..10));
    /// assert!(found.outer_iter().all(|row| row[0] <= row[1]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn rewards(
        &self,
        rewards: ArrayView2<'_, f64>,
        samples: Range<u64>,
    ) -> Result<Array2<f64>, DistributionError> {
        check_rewards(rewards, self.vertices)?;
        let rows = each(samples, |sample| {
            let mut row = vec![0.0; rewards.nrows()];
            self.follow(sample, |state, time| {
                let vertex = self.of_state[state].index();
                for (sum, reward) in row.iter_mut().zip(rewards.column(vertex)) {
                    *sum += reward * time;
                }
                true
            });
            row
        });
        let shape = (rows.len(), rewards.nrows());
        // The rows have this shape by construction.
        Ok(Array2::from_shape_vec(shape, rows.concat()).unwrap_or_default())
    }

    /// The paths of these samples.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let sampler = time.sampler(1)?;
    /// let path = &sampler.paths(3..4)[0];
    /// assert_eq!(path.vertices.iter().map(|v| v.index()).collect::<Vec<_>>(), [1, 2, 3]);
    /// assert_eq!(path.times[2], sampler.times(3..4)[0]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn paths(&self, samples: Range<u64>) -> Vec<SamplePath> {
        each(samples, |sample| {
            let (mut vertices, mut times, mut now) = (Vec::new(), Vec::new(), 0.0);
            let end = self.follow(sample, |state, time| {
                vertices.push(self.of_state[state]);
                times.push(now);
                now += time;
                true
            });
            if end != VertexId::START {
                vertices.push(end);
                times.push(now);
            }
            SamplePath { vertices, times }
        })
    }

    /// Where these samples end: the absorbing vertex, or the start for mass that is missing from it.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // Start, four phases, absorption.
    /// let sampler = EliminationTrace::record(&models::erlang(4)?).at(&[2.0])?.sampler(1)?;
    /// assert!(sampler.ends(0..100).iter().all(|end| end.index() == 5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn ends(&self, samples: Range<u64>) -> Vec<VertexId> {
        each(samples, |sample| self.follow(sample, |_, _| true))
    }

    /// Where these samples are at a time; absorbing vertices keep what they have absorbed.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Time`] for a time that is negative or not a number.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(2)?).at(&[1.0])?;
    /// let found = time.sampler(1)?.states_at(0.0, 0..3)?;
    /// assert!(found.iter().all(|vertex| vertex.index() == 1));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn states_at(
        &self,
        time: f64,
        samples: Range<u64>,
    ) -> Result<Vec<VertexId>, DistributionError> {
        if time.is_nan() || time < 0.0 {
            return Err(DistributionError::Time {
                index: 0,
                value: time,
            });
        }
        Ok(each(samples, |sample| {
            let mut left = time;
            self.follow(sample, |_, stay| {
                left -= stay;
                left >= 0.0
            })
        }))
    }
}
