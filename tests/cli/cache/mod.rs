//! `elimap cache`, `plan` and `work`, and what the cache survives, run as a user runs them.

#![cfg(all(feature = "cli", unix))]

mod entries;
mod plans;
mod survival;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use elimap::phase::{Graph, models};
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
