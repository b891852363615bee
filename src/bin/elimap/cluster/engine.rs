//! The engines that run shards for `elimap submit`, through their own commands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::Value;

use super::command::{Commands, checked, error_text};

/// Which program runs the shards.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineKind {
    /// Slurm: sbatch, squeue, scontrol and scancel
    Slurm,
    /// HyperQueue: hq, with a server that runs
    Hyperqueue,
}

impl EngineKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            EngineKind::Slurm => "slurm",
            EngineKind::Hyperqueue => "hyperqueue",
        }
    }
}

/// What an engine says about a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Not started; the reason, where the engine gives one.
    Waiting(String),
    Running,
    Completed,
    /// Ended without success, in the engine's words.
    Failed(String),
    /// Somebody does not want it run.
    Cancelled,
}

/// An engine, and everything that a task needs to run one shard. All paths are absolute: tasks run on other machines that
/// share the file system.
pub(crate) struct Engine<'a> {
    pub(crate) kind: EngineKind,
    pub(crate) program: String,
    pub(crate) units: String,
    /// The name of the manifest among the units.
    pub(crate) manifest: String,
    pub(crate) cache: String,
    /// Handed on verbatim; they come last, so they win.
    pub(crate) options: Vec<String>,
    /// How its commands are run.
    pub(crate) commands: Commands<'a>,
}

impl Engine<'_> {
    /// Named after the manifest: another model submitted into the folder has a script of its own.
    pub(crate) fn script_path(&self) -> PathBuf {
        let name = self.manifest.trim_end_matches(".json");
        Path::new(&self.units).join(format!("{name}.{}.sh", self.kind.name()))
    }

    pub(crate) fn log_folder(&self) -> PathBuf {
        Path::new(&self.units).join("logs")
    }

    /// Where a task's output is, unless the options say otherwise.
    pub(crate) fn log(&self, job: &str, shard: usize) -> PathBuf {
        self.log_folder().join(format!("{job}_{shard}.log"))
    }

    /// The script that every task of an array over `shards` shards runs.
    pub(crate) fn script(&self, shards: usize) -> Result<String> {
        let quote = |text: &str| -> Result<String> {
            let quoted = shlex::try_quote(text);
            let quoted =
                quoted.with_context(|| format!("a shell cannot take the path {text:?}"))?;
            Ok(quoted.into_owned())
        };
        let (head, threads, shard) = match self.kind {
            EngineKind::Slurm => {
                // Slurm's quotes are not a shell's, and `%` stands for something in a name of a log.
                ensure!(
                    !self.units.contains(['"', '\\', '\n']),
                    "Slurm cannot take the path {:?} for logs; give --out a folder without quotes, backslashes and line ends",
                    self.units
                );
                let logs = self.log_folder().display().to_string().replace('%', "%%");
                let head = format!(
                    "#SBATCH --job-name=elimap\n#SBATCH --array={}\n#SBATCH --requeue\n#SBATCH --open-mode=append\n\
                     #SBATCH --output=\"{logs}/%A_%a.log\"\n",
                    array(0, shards)
                );
                // Not every cluster confines a task to the processors it was given.
                (head, "${SLURM_CPUS_PER_TASK:-1}", "$SLURM_ARRAY_TASK_ID")
            }
            EngineKind::Hyperqueue => (
                String::new(),
                // A list such as 3,4,7.
                "$(echo \"${HQ_CPUS:-0}\" | tr ',' '\\n' | wc -l)",
                "$HQ_TASK_ID",
            ),
        };
        Ok(format!(
            "#!/bin/sh\n{head}RAYON_NUM_THREADS=\"{threads}\"\nexport RAYON_NUM_THREADS\n\
             exec {} work {} --shard \"{shard}\" --cache {}\n",
            quote(&self.program)?,
            quote(&format!("{}/{}", self.units, self.manifest))?,
            quote(&self.cache)?,
        ))
    }

    /// The command that submits an array over `count` shards from `first` on.
    pub(crate) fn submission(&self, first: usize, count: usize) -> Vec<String> {
        let script = self.script_path().display().to_string();
        let array = format!("--array={}", array(first, count));
        let mut words: Vec<String> = match self.kind {
            EngineKind::Slurm => ["sbatch", "--parsable"].map(str::to_owned).into(),
            EngineKind::Hyperqueue => [
                "hq",
                "submit",
                "--output-mode=json",
                "--name=elimap",
                "--stdout=none",
            ]
            .map(str::to_owned)
            .into(),
        };
        match self.kind {
            EngineKind::Slurm => {
                // The script has the array of all shards.
                if first > 0 || count == 1 {
                    words.push(array);
                }
                words.extend_from_slice(&self.options);
                words.push(script);
            }
            EngineKind::Hyperqueue => {
                words.push(array);
                words.push(format!("--cwd={}", self.units));
                let logs = self.log_folder().display().to_string();
                words.push(format!("--stderr={logs}/%{{JOB_ID}}_%{{TASK_ID}}.log"));
                words.extend_from_slice(&self.options);
                words.extend(["--", "sh"].map(str::to_owned));
                words.push(script);
            }
        }
        words
    }

    /// Submits; the job's number.
    pub(crate) fn submit(&self, first: usize, count: usize) -> Result<String> {
        let words = self.submission(first, count);
        let output = self.commands.create(&words).with_context(|| {
            format!(
                "submitting; if `{}` did submit a job, it still runs",
                words[0]
            )
        })?;
        let answer = checked(&words, output)?;
        let id = match self.kind {
            // On federations the cluster's name follows.
            EngineKind::Slurm => answer
                .trim()
                .split(';')
                .next()
                .unwrap_or_default()
                .to_owned(),
            EngineKind::Hyperqueue => json(&words, &answer)?["id"].to_string(),
        };
        ensure!(
            id.parse::<u64>().is_ok(),
            "`{}` did not answer with the number of a job but {answer:?}",
            words[0]
        );
        Ok(id)
    }

    /// The states of all tasks of some jobs, by job and shard; what the engine has forgotten is not there.
    pub(crate) fn states(
        &self,
        jobs: &BTreeSet<String>,
    ) -> Result<BTreeMap<(String, usize), State>> {
        let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
        let jobs = jobs.join(",");
        match self.kind {
            EngineKind::Slurm => {
                let words = [
                    "squeue",
                    "--noheader",
                    "--array",
                    "--states=all",
                    &format!("--jobs={jobs}"),
                    "--format=%F|%K|%T|%r",
                ]
                .map(str::to_owned);
                let output = self.commands.ask(&words)?;
                // The controller forgets jobs some minutes after they ended.
                if error_text(&output).contains("Invalid job id") {
                    return Ok(BTreeMap::new());
                }
                Ok(slurm_states(&checked(&words, output)?))
            }
            EngineKind::Hyperqueue => {
                let words = ["hq", "task", "list", "--output-mode=json", &jobs].map(str::to_owned);
                let answer = checked(&words, self.commands.ask(&words)?)?;
                Ok(hyperqueue_states(&json(&words, &answer)?))
            }
        }
    }

    /// Has a shard run again whose task failed; the number of the job it is in now.
    pub(crate) fn requeue(&self, job: &str, shard: usize) -> Result<String> {
        if self.kind == EngineKind::Slurm {
            let task = format!("{job}_{shard}");
            let words = ["scontrol", "requeue", &task].map(str::to_owned);
            let requeued = self.commands.create(&words)?;
            if requeued.status.success() {
                // Slurm lets requeued tasks wait for two minutes. Where this is not allowed, so be it.
                let update = [
                    "scontrol",
                    "update",
                    &format!("JobId={task}"),
                    "StartTime=now",
                ];
                self.commands.ask(&update.map(str::to_owned))?;
                return Ok(job.to_owned());
            }
        }
        // The engine cannot, or knows the task no more.
        self.submit(shard, 1)
    }

    /// Ends what of these jobs is not over.
    pub(crate) fn cancel(&self, jobs: &BTreeSet<String>) -> Result<()> {
        let mut words: Vec<String> = match self.kind {
            EngineKind::Slurm => vec!["scancel".to_owned()],
            EngineKind::Hyperqueue => ["hq", "job", "cancel"].map(str::to_owned).into(),
        };
        match self.kind {
            EngineKind::Slurm => words.extend(jobs.iter().cloned()),
            EngineKind::Hyperqueue => {
                words.push(
                    jobs.iter()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                        .join(","),
                );
            }
        }
        checked(&words, self.commands.insist(&words)?).map(drop)
    }
}

fn array(first: usize, count: usize) -> String {
    match count {
        0 | 1 => first.to_string(),
        _ => format!("{first}-{}", first + count - 1),
    }
}

fn slurm_states(text: &str) -> BTreeMap<(String, usize), State> {
    let parse = |line: &str| {
        let mut fields = line.splitn(4, '|').map(str::trim);
        let (job, shard) = (fields.next()?, fields.next()?.parse().ok()?);
        let (state, reason) = (fields.next()?, fields.next().unwrap_or_default());
        let state = match state {
            "COMPLETED" => State::Completed,
            "CANCELLED" | "REVOKED" => State::Cancelled,
            "BOOT_FAIL" | "DEADLINE" | "FAILED" | "NODE_FAIL" | "OUT_OF_MEMORY" | "PREEMPTED"
            | "TIMEOUT" => State::Failed(state.to_owned()),
            "PENDING" => State::Waiting(reason.to_owned()),
            "REQUEUE_HOLD" | "SPECIAL_EXIT" | "RESV_DEL_HOLD" => State::Waiting(state.to_owned()),
            // And what comes before and after that, such as CONFIGURING and COMPLETING.
            _ => State::Running,
        };
        Some(((job.to_owned(), shard), state))
    };
    text.lines().filter_map(parse).collect()
}

fn hyperqueue_states(answer: &Value) -> BTreeMap<(String, usize), State> {
    let mut states = BTreeMap::new();
    for (job, tasks) in answer.as_object().into_iter().flatten() {
        for task in tasks.as_array().into_iter().flatten() {
            let Some(shard) = task["id"].as_u64() else {
                continue;
            };
            let state = match task["state"].as_str().unwrap_or_default() {
                "waiting" => State::Waiting(String::new()),
                "finished" => State::Completed,
                "canceled" | "aborted" => State::Cancelled,
                "failed" => State::Failed(match task["error"].as_str() {
                    Some(error) => format!("failed ({})", error.trim()),
                    None => "failed".to_owned(),
                }),
                _ => State::Running,
            };
            states.insert((job.clone(), shard as usize), state);
        }
    }
    states
}

fn json(words: &[String], answer: &str) -> Result<Value> {
    serde_json::from_str(answer).with_context(|| {
        format!(
            "`{}` did not answer in JSON but {answer:?}",
            words.join(" ")
        )
    })
}
