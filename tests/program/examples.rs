//! Public functions have examples, which the documentation's tests run.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}

/// The name of the public function that a line begins.
fn function(line: &str) -> Option<&str> {
    let line = line.trim_start().strip_prefix("pub ")?;
    let line = line.strip_prefix("const ").unwrap_or(line);
    let name = line.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

/// The documentation and attributes above a line.
fn above<'t>(lines: &'t [&'t str]) -> impl Iterator<Item = &'t str> {
    let belongs = |line: &&str| {
        let line = line.trim();
        let ends = line.is_empty() || line.ends_with([';', '{', '}']);
        line.starts_with("///") || line.starts_with("#[") || line.starts_with("$(#[") || !ends
    };
    lines.iter().rev().copied().take_while(belongs)
}

/// `pub` means public here, since what is not reachable may not be called so (`unreachable_pub`). Functions that macros write count
/// once, by the documentation in the macro, which may be what it is given.
#[test]
fn public_functions_have_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths.sort();
    let (mut count, mut without) = (0, Vec::new());
    for path in paths {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        // The program, and what only tests see.
        if name.starts_with("bin") || name.contains("tests") || name.contains("testkit") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(function) = function(line) else {
                continue;
            };
            let doc: Vec<&str> = above(&lines[..at]).collect();
            if doc.iter().any(|line| line.contains("doc(hidden)")) {
                continue;
            }
            count += 1;
            let marks = ["```", "= example!", "$(#[$doc])*"];
            let has_example = |line: &&str| marks.iter().any(|mark| line.contains(mark));
            if !doc.iter().any(has_example) {
                without.push(format!("{name}:{}: {function}", at + 1));
            }
        }
    }
    assert!(count > 700, "only {count} public functions were found");
    assert!(
        without.is_empty(),
        "of {count} public functions these have no example:\n{}",
        without.join("\n")
    );
}
