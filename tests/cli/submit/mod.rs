//! `elimap submit`, with engines of a few lines of shell that run the tasks on the spot, and with a real Slurm
//! (`just slurm-test`).

#![cfg(all(feature = "cli", unix))]

mod interruption;
mod real;
mod shards;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use elimap::phase::models;
use serde_json::Value;
use tempfile::TempDir;

/// Slurm's and HyperQueue's commands. In the folder `$FAKE`: `calls` lists what was called; the lines of `fate_I` are what
/// becomes of shard I, run by run, instead of running it; `forget` makes finished jobs unknown to scontrol; `down` has the
/// number of polls that fail; a command NAME for which there is `hang_NAME` never answers.
const FAKE: &str = r#"#!/bin/sh
cd "$FAKE" || exit 9
name=$(basename "$0")
echo "$name $*" >> calls
[ ! -e "hang_$name" ] || { echo $$ > pid; sleep 1000; exit 1; }
task() { # job, shard, script
    fate=$(head -n 1 "fate_$2" 2>/dev/null)
    if [ -n "$fate" ]; then
        sed 1d "fate_$2" > rest && mv rest "fate_$2"
        echo "it was $fate" >> "$UNITS/logs/$1_$2.log"
    elif SLURM_ARRAY_TASK_ID=$2 HQ_TASK_ID=$2 sh "$3" >> "$UNITS/logs/$1_$2.log" 2>&1; then
        fate=COMPLETED
    else
        fate=FAILED
    fi
    echo "$fate" > "task_$1_$2"
}
submit() { # the array is in the script or in the arguments, which come last
    for word; do script=$word; done
    cp "$script" script
    job=$(($(cat job 2>/dev/null || echo 40) + 1))
    echo $job > job
    array=$( (grep '^#SBATCH' "$script"; printf '%s\n' "$@") | sed -n 's/.*--array=//p' | tail -n 1)
    for shard in $(seq ${array%-*} ${array#*-}); do task $job $shard "$script"; done
}
case "$name $1" in
sbatch*) submit "$@"; echo $job ;;
squeue*)
    if [ -s down ]; then sed 1d down > rest && mv rest down; echo "Unable to contact slurm controller" >&2; exit 1; fi
    for file in task_*; do
        shard=${file##*_}; job=${file#task_}; job=${job%_*}
        [ "$(cat $file)" = GONE ] || { echo "$job|$shard|$(cat $file)|None"; any=1; }
    done
    [ -n "$any" ] || { echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1; } ;;
"scontrol requeue")
    [ ! -e forget ] || { echo "Invalid job id specified" >&2; exit 1; }
    task ${2%_*} ${2#*_} script ;;
"scontrol update") ;;
scancel*) ;;
"hq submit") submit "$@"; echo "{\"id\": $job}" ;;
"hq task")
    printf '{'
    for job in $(echo $4 | tr , ' '); do
        printf '%s"%s": [' "$comma" $job; comma=; for file in task_${job}_*; do
            state=finished; [ $(cat $file) = COMPLETED ] || state=failed
            printf '%s{"id": %s, "state": "%s", "error": "some error"}' "$comma" ${file##*_} $state; comma=,
        done; printf ']'; comma=,
    done
    echo '}' ;;
*) exit 9 ;;
esac
"#;

struct Place {
    folder: TempDir,
}

impl Place {
    /// Four different blocks of sixty vertices.
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { folder };
        let graph = models::block_chain(4, 60, 3, 4, 7).unwrap();
        fs::write(place.path("model.json"), graph.to_json()).unwrap();
        for name in ["fake", "bin"] {
            fs::create_dir(place.path(name)).unwrap();
        }
        let fake = place.path("bin/fake");
        fs::write(&fake, FAKE).unwrap();
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["sbatch", "squeue", "scontrol", "scancel", "hq"] {
            symlink("fake", place.path("bin").join(name)).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What becomes of a shard's runs.
    fn fate(&self, shard: usize, runs: &[&str]) {
        let path = self.path("fake").join(format!("fate_{shard}"));
        fs::write(path, runs.join("\n")).unwrap();
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("fake/calls")).unwrap_or_default()
    }

    fn elimap(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_elimap"));
        let path = std::env::var("PATH").unwrap();
        let bin = self.path("bin").display().to_string();
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("PATH", format!("{bin}:{path}"))
            .env("FAKE", self.path("fake"))
            .env("UNITS", self.path("model.units"))
            .env("ELIMAP_CACHE", self.path("cache"));
        command
    }

    fn submit(&self, engine: &str, more: &[&str]) -> Command {
        let mut args = vec!["submit", "model.json", "--engine", engine];
        args.extend(["--cache-min-size", "50", "--poll", "10ms"]);
        args.extend(more);
        self.elimap(&args)
    }

    fn moments(&self, cache: &str) -> Vec<u8> {
        let mut command = self.elimap(&["moments", "model.json", "--theta", "1,0.3"]);
        let output = command
            .args(["--cache-min-size", "50", "--cache", cache])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }
}

fn json(command: &mut Command) -> Value {
    let output = command.arg("--json").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A failed run's message.
fn failed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    stderr(&output)
}

/// Looks until there is something.
fn wait_for<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "no {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn signal(name: &str, pid: &str) {
    let kill = Command::new("kill").args([name, pid]).status().unwrap();
    assert!(kill.success());
}
