//! Following the tasks of `elimap submit` until every shard is computed or given up.
//!
//! What decides is whether the cache has a shard's traces; what the engine says about a task only tells when to look.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use elimap::phase::{TraceCache, WorkUnit};

use super::engine::{Engine, State};
use crate::progress::Progress;

/// Network file systems show new files late; for so many polls a completed task is believed.
const SETTLE: u32 = 12;
/// So many polls in a row may fail, as they do when the engine's server is restarted.
const MOST_FAILED_POLLS: u32 = 60;

/// A shard that is computed or given up.
pub(crate) struct Outcome {
    /// The last job it was in.
    pub(crate) job: String,
    /// How often it was run again.
    pub(crate) requeued: u32,
    /// Why it was given up.
    pub(crate) failure: Option<String>,
}

struct Shard<'a> {
    /// Those not seen in the cache yet.
    units: Vec<&'a WorkUnit>,
    job: String,
    requeued: u32,
    /// For how many polls it should have been there.
    late: u32,
    failure: Option<String>,
    settled: bool,
}

/// How to follow.
pub(crate) struct Follow<'a> {
    pub(crate) engine: &'a Engine<'a>,
    pub(crate) cache: &'a TraceCache,
    pub(crate) retries: u32,
    pub(crate) poll: Duration,
}

impl Follow<'_> {
    /// Returns when each shard is computed or given up; on a signal the jobs are cancelled.
    pub(crate) fn run(&self, job: &str, units: Vec<Vec<&WorkUnit>>) -> Result<Vec<Outcome>> {
        let mut jobs = BTreeSet::from([job.to_owned()]);
        let mut shards: Vec<Shard<'_>> = units
            .into_iter()
            .map(|units| Shard {
                units,
                job: job.to_owned(),
                requeued: 0,
                late: 0,
                failure: None,
                settled: false,
            })
            .collect();
        let progress = Progress::count("shards", shards.len() as u64);
        let (mut said, mut failed_polls) = (String::new(), 0);
        while shards.iter().any(|shard| !shard.settled) {
            self.sleep(&jobs)?;
            let states = self.engine.states(&jobs);
            self.stop_if_asked(&jobs)?;
            let states = match states {
                Ok(states) => states,
                Err(error) if failed_polls < MOST_FAILED_POLLS => {
                    if failed_polls == 0 {
                        progress.notice(&format!("{error:#}; asking again"));
                    }
                    failed_polls += 1;
                    continue;
                }
                Err(error) => {
                    return Err(error.context(format!(
                        "lost sight of job {}, which may still run; run the same command again later",
                        list(&jobs)
                    )));
                }
            };
            failed_polls = 0;
            let (mut running, mut waiting, mut reasons) = (0, 0, BTreeSet::new());
            for (index, shard) in shards.iter_mut().enumerate().filter(|(_, s)| !s.settled) {
                let state = states.get(&(shard.job.clone(), index));
                match state {
                    Some(State::Running) => running += 1,
                    Some(State::Waiting(reason)) => {
                        waiting += 1;
                        reasons.insert(reason.as_str());
                    }
                    ended => {
                        let again = self.ended(index, shard, ended);
                        self.stop_if_asked(&jobs)?;
                        if let Some(again) = again? {
                            progress.notice(&again);
                            jobs.insert(shard.job.clone());
                            waiting += 1;
                        }
                    }
                }
            }
            let count = |test: fn(&Shard<'_>) -> bool| shards.iter().filter(|s| test(s)).count();
            let done = count(|shard| shard.settled);
            progress.reach(done as u64);
            reasons.retain(|reason| !reason.is_empty() && *reason != "None");
            let mut now = format!(
                "{done} of {} shards ended, {running} running, {waiting} waiting",
                shards.len()
            );
            if !reasons.is_empty() {
                let reasons: Vec<&str> = reasons.into_iter().collect();
                now += &format!(" ({})", reasons.join(", "));
            }
            if now != said {
                progress.notice(&now);
                said = now;
            }
        }
        let outcome = |shard: Shard<'_>| Outcome {
            job: shard.job,
            requeued: shard.requeued,
            failure: shard.failure,
        };
        Ok(shards.into_iter().map(outcome).collect())
    }

    /// Looks at a shard whose task is over, or not known any more; what to say if it is run again.
    fn ended(
        &self,
        index: usize,
        shard: &mut Shard<'_>,
        state: Option<&State>,
    ) -> Result<Option<String>> {
        shard.units.retain(|unit| self.cache.get(unit).is_none());
        if shard.units.is_empty() {
            shard.settled = true;
            return Ok(None);
        }
        let why = match state {
            Some(State::Cancelled) => {
                shard.settled = true;
                shard.failure = Some("cancelled".to_owned());
                return Ok(None);
            }
            Some(State::Failed(why)) => why.clone(),
            _ if shard.late < SETTLE => {
                shard.late += 1;
                return Ok(None);
            }
            Some(_) => format!(
                "completed, but {} of its traces are not in the cache (do the machines share the folder?)",
                shard.units.len()
            ),
            None => "gone from the engine's list without a result".to_owned(),
        };
        if shard.requeued == self.retries {
            shard.settled = true;
            shard.failure = Some(why);
            return Ok(None);
        }
        shard.job = self
            .engine
            .requeue(&shard.job, index)
            .with_context(|| format!("shard {index}: {why}; it could not be run again"))?;
        shard.requeued += 1;
        shard.late = 0;
        Ok(Some(format!(
            "shard {index}: {why}; requeued in job {} ({} of {})",
            shard.job, shard.requeued, self.retries
        )))
    }

    /// Waits for the next poll; ends what was submitted if a signal comes.
    fn sleep(&self, jobs: &BTreeSet<String>) -> Result<()> {
        let begin = Instant::now();
        loop {
            self.stop_if_asked(jobs)?;
            let left = self.poll.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    /// Ends what was submitted, and with an error, if a signal has come.
    fn stop_if_asked(&self, jobs: &BTreeSet<String>) -> Result<()> {
        let signals = self.engine.commands.signals;
        let Err(interrupted) = signals.check(|| format!("; job {} cancelled", list(jobs))) else {
            return Ok(());
        };
        self.engine
            .cancel(jobs)
            .with_context(|| format!("job {} may still run", list(jobs)))?;
        Err(interrupted.into())
    }
}

fn list(jobs: &BTreeSet<String>) -> String {
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    jobs.join(", ")
}
