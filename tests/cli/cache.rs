//! `elimap cache`, `plan` and `work`, and what the cache survives, run as a user runs them.
#![cfg(all(feature = "cli", unix))]
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use elimap::phase::{Eliminator, Graph, Manifest, TraceCache, models};
use serde_json::Value;
use tempfile::TempDir;

/// The blocks here are worth an entry.
const MIN_SIZE: [&str; 2] = ["--cache-min-size", "50"];

fn command(args: &[&str], cache: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elimap"));
    if !args.contains(&MIN_SIZE[0]) {
        command.args(args).args(MIN_SIZE);
    } else {
        command.args(args);
    }
    command
        .env("ELIMAP_CACHE", cache)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run(args: &[&str], cache: &Path) -> Output {
    command(args, cache).output().unwrap()
}

fn value(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one JSON object that a successful run prints.
fn json(args: &[&str], cache: &Path) -> Value {
    value(&run(&[args, &["--json"]].concat(), cache))
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder with a model in it, and a place for a cache.
struct Place {
    folder: TempDir,
    graph: Graph,
}

impl Place {
    fn new(graph: Graph) -> Place {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.json"), graph.to_json()).unwrap();
        Place { folder, graph }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    /// The moments as the program prints them, to compare digit by digit.
    fn moments(&self, cache: &Path) -> Output {
        let theta: Vec<&str> = vec!["1"; self.graph.param_length()];
        let model = self.text("model.json");
        run(&["moments", &model, "--theta", &theta.join(",")], cache)
    }
}

/// Forty distinct blocks of sixty vertices.
fn chain() -> Graph {
    models::block_chain(40, 60, 3, 40, 7).unwrap()
}

/// How many files there are, but for the tag of a cache's folder.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            if entry.path().is_dir() {
                files(&entry.path())
            } else {
                usize::from(entry.file_name() != "CACHEDIR.TAG")
            }
        })
        .sum()
}

#[test]
fn every_command_that_records_keeps_traces() {
    let place = Place::new(models::block_chain(4, 60, 3, 2, 7).unwrap());
    let model = place.text("model.json");
    let off = place.moments(Path::new("none"));
    assert!(off.status.success());
    assert!(!place.cache().exists());
    let cold = place.moments(&place.cache());
    assert_eq!(files(&place.cache()), 3);
    let warm = place.moments(&place.cache());
    assert_eq!((&cold.stdout, &warm.stdout), (&off.stdout, &off.stdout));
    let trace = json(&["trace", &model], &place.cache());
    assert_eq!(
        (&trace["graph_hit"], &trace["host_calls"]),
        (&true.into(), &0.into())
    );
    assert_eq!(trace["cache"]["disk"]["hits"], 3);
    // The argument goes before the variable.
    let other = place.text("other");
    json(
        &[
            "trace",
            &model,
            "--cache",
            &other,
            "--cache-min-size",
            "500",
        ],
        &place.cache(),
    );
    assert!(!place.path("other").exists());
    json(&["trace", &model, "--cache", &other], &place.cache());
    assert_eq!(files(Path::new(&other)), 3);
    let none = json(&["trace", &model, "--cache", "none"], &place.cache());
    assert_eq!(none["graph_hit"], false);
    let refused = run(&["trace", &model, "--cache", &model], &place.cache());
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("not a folder"), "{refused:?}");
}

#[test]
fn the_folder_is_looked_after() {
    let place = Place::new(models::block_chain(4, 60, 3, 2, 7).unwrap());
    let cache = place.cache();
    place.moments(&cache);
    let info = json(&["cache", "info"], &cache);
    assert_eq!(
        (&info["block_entries"], &info["graph_entries"]),
        (&2.into(), &1.into())
    );
    assert_eq!(info["folder"], cache.to_str().unwrap());
    let list = json(&["cache", "list"], &cache);
    let sizes = list["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["bytes"].as_u64().unwrap());
    assert_eq!(sizes.sum::<u64>(), info["bytes"].as_u64().unwrap());
    assert_eq!(json(&["cache", "verify"], &cache)["entries"], 3);
    let text = run(&["cache", "list"], &cache);
    assert_eq!(String::from_utf8(text.stdout).unwrap().lines().count(), 3);

    // Damage one.
    let name = list["entries"][0]["name"].as_str().unwrap();
    let path = cache.join(&name[..2]).join(name);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let verify = run(&["cache", "verify", "--json"], &cache);
    assert_eq!(verify.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&verify.stdout).unwrap();
    assert_eq!(report["faults"][0]["path"], path.to_str().unwrap());
    let repaired = place.moments(&cache);
    assert_eq!(repaired.stdout, place.moments(Path::new("none")).stdout);
    assert!(
        stderr(&repaired).contains("ignoring a cache entry"),
        "{repaired:?}"
    );
    assert_eq!(fs::read(&path).unwrap(), whole);

    // Carry all to another folder.
    let archive = place.text("traces.tar.gz");
    assert_eq!(
        json(&["cache", "export", &archive], &cache)["exported_entries"],
        3
    );
    let there = place.path("there");
    assert_eq!(
        json(&["cache", "import", &archive], &there)["imported_entries"],
        3
    );
    let model = place.text("model.json");
    assert_eq!(json(&["trace", &model], &there)["host_calls"], 0);
    fs::write(place.path("no.tar.gz"), "no archive").unwrap();
    assert_eq!(
        run(&["cache", "import", &place.text("no.tar.gz")], &there)
            .status
            .code(),
        Some(1)
    );

    // Remove.
    assert_eq!(run(&["cache", "prune"], &cache).status.code(), Some(1));
    let young = json(&["cache", "prune", "--max-age", "1h"], &cache);
    assert_eq!(young["removed_entries"], 0);
    let half = (info["bytes"].as_u64().unwrap() / 2).to_string();
    let pruned = json(&["cache", "prune", "--max-size", &half], &cache);
    assert!(pruned["removed_entries"].as_u64().unwrap() >= 1);
    assert_eq!(json(&["cache", "clear"], &there)["removed_entries"], 3);
    assert_eq!(files(&there), 0);
    let off = run(&["cache", "info"], Path::new("none"));
    assert_eq!(off.status.code(), Some(1));
    assert!(stderr(&off).contains("the cache is off"));
}

#[test]
fn units_are_planned_computed_elsewhere_and_found() {
    let place = Place::new(chain());
    let (model, units, cache) = (place.text("model.json"), place.text("units"), place.cache());
    let plan = json(&["plan", &model, "--out", &units, "--shards", "3"], &cache);
    assert_eq!((&plan["units"], &plan["cached"]), (&40.into(), &0.into()));
    assert_eq!(files(Path::new(&units)), 41);
    let first = json(&["work", &units, "--shard", "0"], &cache);
    let count = first["computed"].as_u64().unwrap();
    assert!((10..18).contains(&count), "{first}");
    // Again, it is all there.
    let again = json(&["work", &units, "--shard", "0"], &cache);
    assert_eq!(
        (&again["computed"], &again["skipped"]),
        (&0.into(), &count.into())
    );
    // A plan made now has the rest only.
    let rest = json(&["plan", &model, "--out", &place.text("rest")], &cache);
    assert_eq!(
        (&rest["units"], &rest["cached"]),
        (&(40 - count).into(), &count.into())
    );
    json(&["work", &units, "--shard", "1"], &cache);
    json(&["work", &units, "--shard", "2"], &cache);
    let trace = json(&["trace", &model], &cache);
    assert_eq!(
        (&trace["host_calls"], &trace["cache_hits"]),
        (&0.into(), &40.into())
    );
    assert_eq!(json(&["cache", "verify"], &cache)["entries"], 41);

    let missing = run(&["work", &units, "--shard", "3"], &cache);
    assert!(stderr(&missing).contains("no such shard"), "{missing:?}");
    let off = run(&["work", &units, "--cache", "none"], &cache);
    assert!(stderr(&off).contains("the cache is off"), "{off:?}");
    // A damaged unit is refused, by name.
    let text = fs::read_to_string(rest["manifest"].as_str().unwrap()).unwrap();
    let key = Manifest::from_json(&text).unwrap().shards()[0].units[0];
    let unit = place.path("rest").join(Manifest::unit_file(key));
    fs::write(
        &unit,
        fs::read_to_string(&unit).unwrap().replace("[[", "[[59,"),
    )
    .unwrap();
    let damaged = run(&["work", &place.text("rest")], &cache);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(stderr(&damaged).contains(&key.to_string()), "{damaged:?}");
}

#[test]
fn no_command_removes_what_is_not_the_caches() {
    let place = Place::new(models::block_chain(4, 60, 3, 2, 7).unwrap());
    let (cache, model) = (place.cache(), place.text("model.json"));
    fs::create_dir_all(cache.join("tmp")).unwrap();
    let (thesis, notes) = (cache.join("tmp/thesis.txt"), cache.join("notes.txt"));
    for path in [&thesis, &notes] {
        fs::write(path, "of somebody else").unwrap();
        let file = fs::File::options().append(true).open(path).unwrap();
        let before = std::time::SystemTime::now() - Duration::from_secs(7200);
        file.set_modified(before).unwrap();
    }
    json(&["cache", "info"], &cache);
    json(&["trace", &model], &cache);
    for verb in [&["clear"][..], &["prune", "--max-size", "0"]] {
        let refused = run(&[&["cache"], verb].concat(), &cache);
        assert_eq!(refused.status.code(), Some(1));
        let text = stderr(&refused);
        assert!(
            text.contains("notes.txt") && text.contains("a folder of its own"),
            "{text}"
        );
    }
    fs::remove_file(&notes).unwrap();
    assert_eq!(json(&["cache", "clear"], &cache)["removed_entries"], 3);
    assert_eq!(fs::read_to_string(&thesis).unwrap(), "of somebody else");
}

#[test]
fn archives_from_elsewhere_are_not_believed() {
    let place = Place::new(models::islands(4).unwrap());
    let (cache, model) = (place.cache(), place.text("model.json"));
    let small = ["--cache-min-size", "2"];
    let moments = |cache: &Path| {
        let args = ["moments", &model, "--theta", "1,1,0.5"];
        run(&[&args[..], &small].concat(), cache)
    };
    let right = moments(Path::new("none")).stdout;
    // Plans with a right name, key and checksum, that make answers wrong.
    for name in ["crafted-plan-1", "crafted-plan-2"] {
        let archive = format!("tests/data/cache/{name}.tar.gz");
        let refused = run(&["cache", "import", &archive], &cache);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(stderr(&refused).contains("1 entries were not taken over"));
        assert_eq!(moments(&cache).stdout, right);
    }
    assert_eq!(
        json(&["cache", "verify"], &cache)["faults"],
        serde_json::json!([])
    );
}

/// An archive of one member.
fn archive_of(kind: tar::EntryType, name: &str, size: u64, content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_path(name).unwrap();
    header.set_size(content.len() as u64);
    if kind == tar::EntryType::GNUSparse {
        header.as_gnu_mut().unwrap().set_real_size(size);
    }
    header.set_mode(0o644);
    header.set_cksum();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(header.as_bytes()).unwrap();
    gzip.write_all(content).unwrap();
    gzip.write_all(&vec![
        0;
        content.len().next_multiple_of(512) - content.len()
            + 1024
    ])
    .unwrap();
    gzip.finish().unwrap()
}

#[test]
fn members_that_are_no_regular_files_are_refused() {
    let place = Place::new(models::islands(4).unwrap());
    let name = format!("{}.block", "0".repeat(64));
    for (kind, size) in [
        // Six gigabytes that take no room in the archive.
        (tar::EntryType::GNUSparse, 6 << 30),
        (tar::EntryType::Symlink, 0),
        (tar::EntryType::Fifo, 0),
        (tar::EntryType::GNULongName, 0),
    ] {
        let archive = archive_of(kind, &name, size, b"");
        fs::write(place.path("odd.tgz"), archive).unwrap();
        let refused = run(&["cache", "import", &place.text("odd.tgz")], &place.cache());
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            stderr(&refused).contains("is no regular file"),
            "{refused:?}"
        );
    }
    let archive = archive_of(tar::EntryType::Regular, &name, 0, &[0; 4096]);
    fs::write(place.path("odd.tgz"), archive).unwrap();
    let refused = run(&["cache", "import", &place.text("odd.tgz")], &place.cache());
    assert!(stderr(&refused).contains("no cache entry"), "{refused:?}");
}

#[test]
fn a_pipe_among_the_entries_does_not_hang() {
    let place = Place::new(models::block_chain(4, 60, 3, 2, 7).unwrap());
    let cache = place.cache();
    let expected = place.moments(&cache).stdout;
    let list = json(&["cache", "list"], &cache);
    let name = list["entries"][0]["name"].as_str().unwrap();
    let path = cache.join(&name[..2]).join(name);
    let plant = || {
        fs::remove_file(&path).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
    };
    plant();
    let verify = run(&["cache", "verify"], &cache);
    assert_eq!(verify.status.code(), Some(1));
    assert!(stderr(&verify).contains("1 of 3 entries"), "{verify:?}");
    let archive = place.text("traces.tar.gz");
    let exported = json(&["cache", "export", &archive], &cache);
    assert_eq!(exported["exported_entries"], 2);
    assert_eq!(place.moments(&cache).stdout, expected);
    assert_eq!(json(&["cache", "verify"], &cache)["entries"], 3);
}

#[test]
fn models_planned_into_one_folder_are_all_computed() {
    let place = Place::new(models::block_chain(4, 60, 3, 4, 7).unwrap());
    let other = models::block_chain(3, 60, 3, 3, 8).unwrap();
    fs::write(place.path("other.json"), other.to_json()).unwrap();
    let (cache, units) = (place.cache(), place.text("units"));
    let plan = |model: &str, shards: &str| {
        let model = place.text(model);
        let args = ["plan", &model, "--out", &units, "--shards", shards];
        let plan = json(&args, &cache);
        (
            plan["units"].as_u64().unwrap(),
            plan["manifest"].as_str().unwrap().to_owned(),
        )
    };
    let (first, manifest) = plan("model.json", "2");
    let (second, _) = plan("other.json", "2");
    assert_eq!((first, second), (4, 3));
    // A shard of which plan?
    let unclear = run(&["work", &units, "--shard", "0"], &cache);
    assert_eq!(unclear.status.code(), Some(1));
    assert!(
        stderr(&unclear).contains("holds 2 plans; give one of them"),
        "{unclear:?}"
    );
    // Of the one that was planned first, whatever came after.
    let shards = ["0", "1"].map(|shard| json(&["work", &manifest, "--shard", shard], &cache));
    let computed = shards.map(|shard| shard["computed"].as_u64().unwrap());
    assert_eq!(computed.iter().sum::<u64>(), first);
    // Without a number, everything that was planned.
    let rest = json(&["work", &units], &cache);
    assert_eq!(
        (&rest["computed"], &rest["skipped"]),
        (&second.into(), &first.into())
    );
    for model in ["model.json", "other.json"] {
        let trace = json(&["trace", &place.text(model)], &cache);
        assert_eq!(trace["host_calls"], 0);
    }
    let empty = run(&["work", place.folder.path().to_str().unwrap()], &cache);
    assert!(stderr(&empty).contains("holds no manifest"), "{empty:?}");
}

#[test]
fn there_are_no_more_shards_than_units() {
    let place = Place::new(models::block_chain(4, 60, 3, 4, 7).unwrap());
    let (model, units) = (place.text("model.json"), place.text("units"));
    let args = ["plan", &model, "--out", &units, "--shards", "1000000000"];
    let plan = json(&args, &place.cache());
    assert_eq!(plan["shards"], 4);
    assert_eq!(plan["shard_costs"].as_array().unwrap().len(), 4);
}

#[test]
fn a_plan_can_be_run_by_colleagues() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new(models::block_chain(4, 60, 3, 4, 7).unwrap());
    let (model, units) = (place.text("model.json"), place.text("units"));
    let plan = Command::new("sh")
        .args(["-c", "umask 027; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_elimap"))
        .args(["plan", &model, "--out", &units, "--cache-min-size", "50"])
        .env("ELIMAP_CACHE", "none")
        .status()
        .unwrap();
    assert!(plan.success());
    let mut seen = 0;
    for entry in fs::read_dir(&units).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn an_export_replaces_files_only() {
    let place = Place::new(models::block_chain(4, 60, 3, 2, 7).unwrap());
    let cache = place.cache();
    place.moments(&cache);
    let pipe = place.text("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let refused = run(&["cache", "export", &pipe], &cache);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("is not a regular file"),
        "{refused:?}"
    );
    let kind = fs::symlink_metadata(&pipe).unwrap().file_type();
    assert!(!kind.is_file() && !kind.is_dir());
    // What killed runs left beside it long ago goes; what is young or called otherwise stays.
    let place_of = |name: &str| place.path(name);
    let old = std::time::SystemTime::now() - Duration::from_secs(48 * 3600);
    for name in [
        ".elimap-old.tmp",
        ".elimap-old.txt",
        "old.tmp",
        ".elimap-young.tmp",
    ] {
        fs::write(place_of(name), "half").unwrap();
        if !name.contains("young") {
            let file = fs::File::options()
                .append(true)
                .open(place_of(name))
                .unwrap();
            file.set_modified(old).unwrap();
        }
    }
    json(&["cache", "export", &place.text("traces.tgz")], &cache);
    assert!(!place_of(".elimap-old.tmp").exists());
    for name in [
        ".elimap-old.txt",
        "old.tmp",
        ".elimap-young.tmp",
        "traces.tgz",
    ] {
        assert!(place_of(name).exists(), "{name}");
    }
}

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
            warnings.matches("the trace cache, computing").count(),
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
