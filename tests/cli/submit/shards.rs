//! Shards that fail, that are forgotten, and that are run again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use elimap::phase::models;
use serde_json::Value;

use super::{Place, failed, json, stderr, wait_for};

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
