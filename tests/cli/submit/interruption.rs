//! Ctrl-C, closed terminals, and engines that do not answer.

use std::fs;
use std::process::{Command, Stdio};

use super::{Place, failed, signal, stderr, wait_for};

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
