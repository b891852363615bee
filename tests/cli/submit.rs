//! `elimap submit`, with engines of a few lines of shell that run the tasks on the spot, and with a real Slurm
//! (`just slurm-test`).
#![cfg(all(feature = "cli", unix))]
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
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

#[test]
fn a_dry_run_prints_and_does_nothing() {
    let place = Place::new();
    let dry = |engine| {
        let mut command = place.submit(engine, &["--dry-run", "--shards", "3"]);
        let output = command
            .args(["--", "--time=30", "--comment=a b"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.replace(env!("CARGO_BIN_EXE_elimap"), "ELIMAP")
            .replace(place.folder.path().to_str().unwrap(), "HERE")
            .replace(&hash(&text), "HASH")
    };
    // Manifest and script are named after their content.
    fn hash(text: &str) -> String {
        let (_, after) = text.split_once("manifest-").unwrap();
        after[..32].to_owned()
    }
    insta::assert_snapshot!(dry("slurm"), @r##"
    #!/bin/sh
    #SBATCH --job-name=elimap
    #SBATCH --array=0-2
    #SBATCH --requeue
    #SBATCH --open-mode=append
    #SBATCH --output="HERE/model.units/logs/%A_%a.log"
    RAYON_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
    export RAYON_NUM_THREADS
    exec ELIMAP work HERE/model.units/manifest-HASH.json --shard "$SLURM_ARRAY_TASK_ID" --cache HERE/cache

    # The script above as HERE/model.units/manifest-HASH.slurm.sh, and:
    sbatch --parsable '--time=30' '--comment=a b' HERE/model.units/manifest-HASH.slurm.sh
    "##);
    insta::assert_snapshot!(dry("hyperqueue"), @r##"
    #!/bin/sh
    RAYON_NUM_THREADS="$(echo "${HQ_CPUS:-0}" | tr ',' '\n' | wc -l)"
    export RAYON_NUM_THREADS
    exec ELIMAP work HERE/model.units/manifest-HASH.json --shard "$HQ_TASK_ID" --cache HERE/cache

    # The script above as HERE/model.units/manifest-HASH.hyperqueue.sh, and:
    hq submit '--output-mode=json' '--name=elimap' '--stdout=none' '--array=0-2' '--cwd=HERE/model.units' '--stderr=HERE/model.units/logs/%{JOB_ID}_%{TASK_ID}.log' '--time=30' '--comment=a b' -- sh HERE/model.units/manifest-HASH.hyperqueue.sh
    "##);
    let names = fs::read_dir(place.folder.path()).unwrap();
    assert_eq!(names.count(), 3);
    assert_eq!(place.calls(), "");
}

#[test]
fn a_failed_task_is_requeued_and_the_trace_is_the_same() {
    let place = Place::new();
    place.fate(1, &["FAILED", "NODE_FAIL"]);
    let report = json(&mut place.submit("slurm", &["--shards", "2"]));
    assert_eq!(report["requeued"], 2);
    assert_eq!(
        (&report["units"], &report["shards"]),
        (&4.into(), &2.into())
    );
    assert_eq!(report["trace"]["host_calls"], 0);
    assert_eq!(report["failed"], Value::Array(Vec::new()));
    let calls = place.calls();
    assert_eq!(calls.matches("sbatch").count(), 1);
    assert_eq!(
        calls.matches("scontrol requeue 41_1\n").count(),
        2,
        "{calls}"
    );
    assert!(calls.contains("scontrol update JobId=41_1 StartTime=now"));
    let stitched = place.moments(place.path("cache").to_str().unwrap());
    assert_eq!(stitched, place.moments("none"));
    // Once more, there is nothing to do.
    let again = place.submit("slurm", &[]).output().unwrap();
    assert!(again.status.success());
    assert!(stderr(&again).contains("nothing to submit"), "{again:?}");
    let text = String::from_utf8(again.stdout).unwrap();
    assert!(text.contains("analysis             cached"), "{text}");
    assert_eq!(place.calls().matches("sbatch").count(), 1);
    let dry = place.submit("slurm", &["--dry-run"]).output().unwrap();
    assert!(stderr(&dry).contains("nothing to submit"), "{dry:?}");
    assert!(dry.stdout.is_empty());
}

#[test]
fn shards_that_keep_failing_are_reported_and_the_rest_is_kept() {
    let place = Place::new();
    place.fate(2, &["TIMEOUT", "TIMEOUT"]);
    place.fate(3, &["CANCELLED"]);
    let mut command = place.submit("slurm", &["--retries", "1", "--json", "--", "--time=1"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    let log = place.path("model.units/logs/41_2.log");
    for part in [
        "2 of 4 shards failed",
        "shard 2: TIMEOUT after 2 runs",
        &format!("{} ends with `it was TIMEOUT`", log.display()),
        "-- --time=MINUTES",
        "shard 3: cancelled after 1 run;",
        "the same command submits only what is missing",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["failed"][0]["shard"], 2);
    assert_eq!(report["failed"][0]["state"], "TIMEOUT");
    assert_eq!(report["failed"][0]["log"], log.to_str().unwrap());
    assert_eq!(report["failed"][1]["shard"], 3);
    assert_eq!(report.get("trace"), None);
    assert!(place.calls().contains("sbatch --parsable --time=1 "));
    // What was computed is not computed again.
    let rest = json(&mut place.submit("slurm", &[]));
    assert_eq!((&rest["units"], &rest["cached"]), (&2.into(), &2.into()));
    let stitched = place.moments(place.path("cache").to_str().unwrap());
    assert_eq!(stitched, place.moments("none"));
}

#[test]
fn what_the_engine_forgets_or_claims_does_not_count() {
    // Gone from the list without a result, and scontrol knows it no more: a job of its own.
    let place = Place::new();
    place.fate(1, &["GONE"]);
    fs::write(place.path("fake/forget"), "").unwrap();
    // The controller is away for a moment.
    fs::write(place.path("fake/down"), "1\n2\n3\n").unwrap();
    let output = place.submit("slurm", &["--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["requeued"], 1);
    assert!(stderr(&output).contains("Unable to contact"), "{output:?}");
    assert!(place.calls().contains("sbatch --parsable --array=1 "));
    // Nothing is on the list any more, which Slurm calls an error.
    let place = Place::new();
    for shard in 0..4 {
        place.fate(shard, &["GONE"]);
    }
    let message = failed(&mut place.submit("slurm", &["--retries", "0"]));
    assert!(message.contains("gone from the engine's list"), "{message}");
    // Completed, into some other cache.
    let place = Place::new();
    place.fate(0, &["COMPLETED"]);
    let message = failed(&mut place.submit("slurm", &["--retries", "0"]));
    assert!(
        message.contains("shard 0: completed, but 1 of its traces are not in the cache"),
        "{message}"
    );
}

#[test]
fn hyperqueue_gets_failed_shards_as_new_jobs() {
    let place = Place::new();
    place.fate(2, &["FAILED"]);
    let report = json(&mut place.submit("hyperqueue", &[]));
    assert_eq!(report["requeued"], 1);
    assert_eq!(report["trace"]["host_calls"], 0);
    let calls = place.calls();
    assert!(calls.contains("--array=0-3"), "{calls}");
    assert!(calls.contains("--array=2 "), "{calls}");
    assert!(
        calls.contains("hq task list --output-mode=json 41,42"),
        "{calls}"
    );
    let stitched = place.moments(place.path("cache").to_str().unwrap());
    assert_eq!(stitched, place.moments("none"));
    let place = Place::new();
    place.fate(2, &["FAILED"; 2]);
    let message = failed(&mut place.submit("hyperqueue", &["--retries", "1"]));
    assert!(
        message.contains("shard 2: failed (some error) after 2 runs"),
        "{message}"
    );
    assert!(message.contains("logs/42_2.log ends with"), "{message}");
}

#[test]
fn an_interruption_cancels_the_job() {
    let place = Place::new();
    place.fate(1, &["RUNNING"]);
    let mut command = place.submit("slurm", &[]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    wait_for("poll", || place.calls().contains("squeue").then_some(()));
    signal("-INT", &child.id().to_string());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(
        stderr(&output).contains("stopped by a signal; job 41 cancelled"),
        "{output:?}"
    );
    assert!(place.calls().contains("scancel 41\n"));
}

#[test]
fn a_closed_terminal_and_termination_cancel_the_job() {
    for (name, code) in [("-HUP", 129), ("-TERM", 143)] {
        let place = Place::new();
        place.fate(1, &["RUNNING"]);
        let child = place.submit("slurm", &[]).stderr(Stdio::piped()).spawn();
        let child = child.unwrap();
        wait_for("poll", || place.calls().contains("squeue").then_some(()));
        signal(name, &child.id().to_string());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(place.calls().contains("scancel 41\n"), "{name}");
    }
    // As under `nohup`, which wants it to go on.
    let place = Place::new();
    place.fate(1, &["RUNNING"]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
    let submit = place.submit("slurm", &[]);
    command.arg(submit.get_program()).args(submit.get_args());
    command.current_dir(place.folder.path());
    for (name, value) in submit.get_envs() {
        command.env(name, value.unwrap());
    }
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    wait_for("poll", || place.calls().contains("squeue").then_some(()));
    signal("-HUP", &child.id().to_string());
    let polls = place.calls().matches("squeue").count();
    wait_for("another poll", || {
        (place.calls().matches("squeue").count() > polls + 1).then_some(())
    });
    assert!(!place.calls().contains("scancel"));
    signal("-INT", &child.id().to_string());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
}

/// Whether a process is there.
fn is_there(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap_or_default();
    // One that ended and that nobody asked about is none.
    !status.is_empty() && !status.contains("State:\tZ")
}

#[test]
fn an_engine_that_never_answers_is_given_up() {
    let place = Place::new();
    let pid = || fs::read_to_string(place.path("fake/pid")).unwrap_or_default();
    fs::write(place.path("fake/hang_sbatch"), "").unwrap();
    let message = failed(&mut place.submit("slurm", &["--engine-timeout", "200ms"]));
    assert!(message.contains("did not answer within 200ms"), "{message}");
    assert!(
        message.contains("if `sbatch` did submit a job, it still runs"),
        "{message}"
    );
    wait_for("end of sbatch", || (!is_there(&pid())).then_some(()));
    // The queue alone hangs: the first Ctrl-C is heard, and the job cancelled.
    place.fate(1, &["RUNNING"; 2]);
    fs::remove_file(place.path("fake/hang_sbatch")).unwrap();
    fs::write(place.path("fake/hang_squeue"), "").unwrap();
    let child = place.submit("slurm", &[]).stderr(Stdio::piped()).spawn();
    let child = child.unwrap();
    wait_for("poll", || place.calls().contains("squeue").then_some(()));
    signal("-INT", &child.id().to_string());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(stderr(&output).contains("job 41 cancelled"), "{output:?}");
    assert!(place.calls().contains("scancel 41\n"));
    wait_for("end of squeue", || (!is_there(&pid())).then_some(()));
    // And where not even that answers, it says what may still run.
    fs::write(place.path("fake/hang_scancel"), "").unwrap();
    let mut command = place.submit("slurm", &["--engine-timeout", "1s"]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let calls = place.calls().matches("squeue").count();
    wait_for("poll", || {
        (place.calls().matches("squeue").count() > calls).then_some(())
    });
    signal("-INT", &child.id().to_string());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(
        stderr(&output).contains("job 42 may still run"),
        "{output:?}"
    );
}

#[test]
fn a_submission_that_hangs_hears_the_first_interruption() {
    let place = Place::new();
    fs::write(place.path("fake/hang_sbatch"), "").unwrap();
    let child = place.submit("slurm", &[]).stderr(Stdio::piped()).spawn();
    let child = child.unwrap();
    wait_for("submission", || {
        place.calls().contains("sbatch").then_some(())
    });
    signal("-INT", &child.id().to_string());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(stderr(&output).contains("it still runs"), "{output:?}");
}

#[test]
fn a_poll_may_be_as_far_away_as_a_number_says() {
    let place = Place::new();
    let mut command = place.elimap(&["submit", "model.json", "--engine", "slurm"]);
    command.args(["--cache-min-size", "50", "--poll", "18446744073709551615s"]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    wait_for("submission", || {
        place.path("fake/job").exists().then_some(())
    });
    wait_for("task", || {
        place.path("fake/task_41_3").exists().then_some(())
    });
    signal("-INT", &child.id().to_string());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(!stderr(&output).contains("panicked"), "{output:?}");
    assert!(place.calls().contains("scancel 41\n"));
}

#[test]
fn two_models_in_one_folder_are_both_computed() {
    let place = Place::new();
    let other = models::block_chain(3, 60, 3, 3, 8).unwrap();
    fs::write(place.path("other.json"), other.to_json()).unwrap();
    // The first waits in the queue; the script that its tasks will run is read when they start.
    place.fate(0, &["RUNNING"]);
    let mut first = place.submit("hyperqueue", &["--shards", "1"]);
    let child = first.stderr(Stdio::piped()).spawn().unwrap();
    wait_for("poll", || place.calls().contains("task list").then_some(()));
    let script = place
        .calls()
        .split_whitespace()
        .find(|word| word.ends_with(".sh"))
        .unwrap()
        .to_owned();
    let text = fs::read_to_string(&script).unwrap();
    let mut second = place.elimap(&["submit", "other.json", "--engine", "hyperqueue"]);
    second.args(["--shards", "1", "--cache-min-size", "50", "--poll", "10ms"]);
    let report = json(second.args(["--out", "model.units"]));
    assert_eq!(report["trace"]["host_calls"], 0);
    // Now the first one's turn has come.
    assert_eq!(fs::read_to_string(&script).unwrap(), text);
    let task = Command::new("sh")
        .arg(&script)
        .env("HQ_TASK_ID", "0")
        .output();
    assert!(task.unwrap().status.success());
    fs::write(place.path("fake/task_41_0"), "COMPLETED").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_cannot_be_submitted_is_refused() {
    let place = Place::new();
    let message = failed(place.submit("slurm", &[]).env("PATH", "/nonexistent"));
    assert!(
        message.contains("there is no `sbatch` on PATH"),
        "{message}"
    );
    let message = failed(&mut place.submit("slurm", &["--cache", "none"]));
    assert!(message.contains("the cache is off"), "{message}");
    let message = failed(&mut place.submit("slurm", &["--out", "a\"b"]));
    assert!(message.contains("Slurm cannot take the path"), "{message}");
    let usage = place.submit("pbs", &[]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    assert!(stderr(&usage).contains("slurm, hyperqueue"), "{usage:?}");
    // What sbatch says is handed on.
    fs::remove_file(place.path("bin/sbatch")).unwrap();
    fs::write(
        place.path("bin/sbatch"),
        "#!/bin/sh\necho 'error: no partition' >&2; exit 1\n",
    )
    .unwrap();
    fs::set_permissions(place.path("bin/sbatch"), fs::Permissions::from_mode(0o755)).unwrap();
    let message = failed(&mut place.submit("slurm", &[]));
    assert!(message.contains("error: no partition"), "{message}");
}

/// The processes that compute shards, by shard.
fn workers(units: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<&str> = line
            .split(|&byte| byte == 0)
            .map(|word| std::str::from_utf8(word).unwrap_or_default())
            .collect();
        let [program, "work", manifest, "--shard", shard, ..] = words[..] else {
            continue;
        };
        if program.ends_with("elimap") && Path::new(manifest).parent() == Some(units) {
            let pid = entry.file_name().into_string().unwrap();
            found.insert(shard.to_owned(), pid);
        }
    }
    found
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

/// The block traces in a cache, byte for byte.
fn blocks(cache: &Path) -> Vec<(String, Vec<u8>)> {
    let list = Command::new(env!("CARGO_BIN_EXE_elimap"))
        .args([
            "cache",
            "list",
            "--json",
            "--cache",
            cache.to_str().unwrap(),
        ])
        .output()
        .unwrap();
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let entries = list["entries"].as_array().unwrap().iter();
    let mut found: Vec<_> = entries
        .filter(|entry| entry["kind"] == "block")
        .map(|entry| {
            let name = entry["name"].as_str().unwrap();
            (
                name.to_owned(),
                fs::read(cache.join(&name[..2]).join(name)).unwrap(),
            )
        })
        .collect();
    found.sort();
    found
}

/// Interrupts a run on a real engine, then kills a task of the next one. `configure` says where the engine is.
fn interrupt_then_kill(engine: &str, options: &[&str], configure: impl Fn(&mut Command)) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Each block takes a second or more.
    let graph = models::block_chain(6, 3000, 4, 6, 11).unwrap();
    fs::write(path("model.json"), graph.to_json()).unwrap();
    let units = path("model.units");
    let elimap = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_elimap"));
        command.args(args).current_dir(folder.path());
        configure(&mut command);
        command
    };
    let submit = || {
        let args = [
            "submit",
            "model.json",
            "--engine",
            engine,
            "--cache",
            "shared",
        ];
        elimap(&args)
            .args(["--poll", "500ms", "--json", "--"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let first = submit();
    wait_for("worker", || workers(&units).into_keys().next());
    signal("-INT", &first.id().to_string());
    assert_eq!(first.wait_with_output().unwrap().status.code(), Some(130));
    wait_for("end", || workers(&units).is_empty().then_some(()));

    let second = submit();
    let pid = wait_for("shard 1", || workers(&units).remove("1"));
    signal("-KILL", &pid);
    let output = second.wait_with_output().unwrap();
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(count("units") + count("cached"), 6, "{report}");
    assert_eq!(
        (count("shards"), count("requeued")),
        (count("units"), 1),
        "{report}"
    );
    assert_eq!(report["trace"]["host_calls"], 0);

    // The same as here.
    let rows: Vec<String> = (1..=8).map(|row| format!("[{row}.5, 0.{row}]")).collect();
    fs::write(path("thetas.json"), format!("[{}]", rows.join(","))).unwrap();
    let moments = |cache: &str| {
        let args = [
            "moments",
            "model.json",
            "--thetas",
            "thetas.json",
            "--cache",
            cache,
        ];
        let output = elimap(&args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    let local = moments("none");
    assert_eq!(String::from_utf8_lossy(&local).lines().count(), 9);
    assert_eq!(moments("shared"), local);
    moments("local");
    let (shared, local) = (blocks(&path("shared")), blocks(&path("local")));
    assert_eq!(shared.len(), 6);
    assert!(shared == local, "the traces differ");
}

#[test]
#[ignore = "needs a running Slurm; `just slurm-test` starts one"]
fn a_real_slurm_is_interrupted_and_runs_a_killed_task_again() {
    interrupt_then_kill("slurm", &["--time=10"], |_| ());
}

/// A process that ends with the test, however that ends.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        // It may be over already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs `hq` on PATH; `just hyperqueue-test` runs it then"]
fn a_real_hyperqueue_is_interrupted_and_runs_a_killed_task_again() {
    let folder = tempfile::tempdir().unwrap();
    let hq = |words: &[&str]| {
        let mut command = Command::new("hq");
        let command = command.args(words).env("HQ_SERVER_DIR", folder.path());
        Started(command.stdout(Stdio::null()).spawn().unwrap())
    };
    let _server = hq(&["server", "start"]);
    wait_for("server", || {
        let answer = hq(&["server", "info"]).0.wait().unwrap();
        answer.success().then_some(())
    });
    let _worker = hq(&["worker", "start", "--cpus=2"]);
    interrupt_then_kill("hyperqueue", &["--cpus=1"], |command| {
        command.env("HQ_SERVER_DIR", folder.path());
    });
}
