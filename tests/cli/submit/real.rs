//! A real Slurm and a real HyperQueue (`just slurm-test`, `just hyperqueue-test`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use elimap::phase::models;
use serde_json::Value;

use super::{signal, wait_for};

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
