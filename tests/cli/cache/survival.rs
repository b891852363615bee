//! Writers side by side, killed ones, and disks that take no more.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use elimap::phase::{Eliminator, TraceCache, models};

use super::{MIN_SIZE, Place, chain, command, files, json, stderr};

fn wait(mut child: Child) {
    assert!(child.wait().unwrap().success());
}

#[test]
fn eight_processes_fill_one_empty_cache() {
    let place = Place::new(chain());
    let units = place.text("units");
    json(
        &["plan", &place.text("model.json"), "--out", &units],
        Path::new("none"),
    );
    let start = |_| {
        let mut command = command(&["work", &units], &place.cache());
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    (0..8)
        .map(start)
        .collect::<Vec<_>>()
        .into_iter()
        .for_each(wait);
    assert_eq!(json(&["cache", "verify"], &place.cache())["entries"], 40);
    assert_eq!(files(&place.cache()), 40);
    let expected = place.moments(Path::new("none")).stdout;
    assert_eq!(place.moments(&place.cache()).stdout, expected);
}

/// Kills writers at times spread over their run, then checks that nothing is wrong and nothing is left.
fn kill_writers(times: u32) {
    let place = Place::new(chain());
    let (units, cache) = (place.text("units"), place.cache());
    json(
        &["plan", &place.text("model.json"), "--out", &units],
        Path::new("none"),
    );
    let start = Instant::now();
    json(&["work", &units], &cache);
    let whole_run = start.elapsed();
    let mut interrupted = 0;
    for round in 0..times {
        if round % 4 == 0 {
            // Otherwise there would soon be nothing left to write.
            json(&["cache", "clear"], &cache);
        }
        let mut command = command(&["work", &units], &cache);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole_run.mul_f64(f64::from(round % 20) / 20.0));
        child.kill().unwrap(); // SIGKILL
        interrupted += usize::from(!child.wait().unwrap().success());
        assert!(
            TraceCache::open(&cache).unwrap().verify().is_empty(),
            "round {round}"
        );
    }
    assert!(
        interrupted > times as usize / 4,
        "{interrupted} of {times} were in time"
    );
    // The next run gives the right answer, and takes away what is old enough.
    let expected = place.moments(Path::new("none")).stdout;
    assert_eq!(place.moments(&cache).stdout, expected);
    let builder = TraceCache::builder().temporary_age(Duration::ZERO);
    let next = builder.open(&cache).unwrap();
    Eliminator::new().cache(&next).run(&place.graph).unwrap();
    assert!(next.verify().is_empty());
    assert_eq!(files(&cache), next.entries().len());
}

#[test]
fn killed_writers_leave_nothing_half_written() {
    kill_writers(12);
}

#[test]
#[ignore = "takes some ten seconds; `just cache-hard` runs it"]
fn two_hundred_killed_writers_leave_nothing_half_written() {
    kill_writers(200);
}

#[test]
fn a_disk_that_takes_no_more_degrades_to_computing() {
    let place = Place::new(chain());
    let expected = place.moments(Path::new("none")).stdout;
    // Files above the limit fail in the middle of a write, as on a full disk. The signal that comes with it is ignored.
    let theta = vec!["1"; place.graph.param_length()].join(",");
    let output = Command::new("sh")
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 1; exec \"$@\"")
        .arg("sh")
        .arg(env!("CARGO_BIN_EXE_elimap"))
        .args(["moments", &place.text("model.json"), "--theta", &theta])
        .args(MIN_SIZE)
        .env("ELIMAP_CACHE", place.cache())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, expected);
    let warnings = stderr(&output);
    assert_eq!(
        warnings.matches("cannot write the trace cache").count(),
        1,
        "{warnings}"
    );
    // What did not fit left nothing behind.
    assert_eq!(files(&place.cache()), 0);
    // A worker whose results are not kept has not done its work.
    json(
        &[
            "plan",
            &place.text("model.json"),
            "--out",
            &place.text("units"),
        ],
        Path::new("none"),
    );
    let worker = Command::new("sh")
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 1; exec \"$@\"")
        .arg("sh")
        .arg(env!("CARGO_BIN_EXE_elimap"))
        .args(["work", &place.text("units")])
        .args(MIN_SIZE)
        .env("ELIMAP_CACHE", place.cache())
        .output()
        .unwrap();
    assert_eq!(worker.status.code(), Some(1));
    assert!(stderr(&worker).contains("could not be kept"), "{worker:?}");
}

#[test]
fn a_folder_that_cannot_be_written_degrades_to_computing() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new(models::block_chain(4, 60, 3, 2, 7).unwrap());
    let expected = place.moments(Path::new("none")).stdout;
    // Nobody, not even root, makes files below these.
    for folder in ["/proc/elimap", "/dev/null/elimap"] {
        let output = place.moments(Path::new(folder));
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, expected);
        let warnings = stderr(&output);
        assert_eq!(
            warnings.matches("the trace cache at").count(),
            1,
            "{warnings}"
        );
    }
    // Filled, then read-only: entries are still found (and root may even write).
    let cache = place.cache();
    place.moments(&cache);
    let set = |mode| fs::set_permissions(&cache, fs::Permissions::from_mode(mode)).unwrap();
    set(0o555);
    let trace = json(&["trace", &place.text("model.json")], &cache);
    assert_eq!(trace["host_calls"], 0);
    assert_eq!(place.moments(&cache).stdout, expected);
    set(0o755);
}
