//! The floors of the source: imports run downward only, no circle of files, and the framework knows nothing of the elimination
//! that stands on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The floors of the framework from the ground up; folders of one floor do not know each other.
const FLOORS: [&[&str]; 14] = [
    &["array", "tree", "vecmath"],
    &["error"],
    &["callback"],
    &["program"],
    &["ops"],
    &["passes", "text"],
    &["exec"],
    &["tensor"],
    &["transform"],
    &["numpy"],
    &["special"],
    &["random"],
    &["fft", "lax", "linalg", "nn", "stats"],
    &["jaxpr"],
];

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
    out.sort();
    out
}

/// The code of a file, without comments and without its tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| {
        let line = line.split("//").next().unwrap_or("");
        format!("{line}\n")
    });
    lines.collect()
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn floor(folder: &str) -> Option<usize> {
    FLOORS.iter().position(|folders| folders.contains(&folder))
}

/// The files of the framework, as paths below `src`; unit tests may look anywhere.
fn framework() -> Vec<PathBuf> {
    let files = FLOORS
        .iter()
        .flat_map(|folders| folders.iter())
        .flat_map(|folder| sources(&src().join(folder)));
    let tests = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name == "tests.rs" || name == "testkit.rs")
    };
    files.filter(|path| !tests(path)).collect()
}

/// The module a file is, such as `ops::shape::pad`.
fn module(path: &Path) -> Vec<String> {
    let below = path.strip_prefix(src()).unwrap().with_extension("");
    let mut names: Vec<String> = below
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// The paths after `marker`, braces resolved: `crate::{a::B, c}` names `a::B` and `c`.
fn paths_after(marker: &str, code: &str) -> Vec<String> {
    let code: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = Vec::new();
    for (at, _) in code.match_indices(marker) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        out.extend(expand(&code[at + marker.len()..]));
    }
    out.into_iter()
        .map(|p| p.split(" as ").next().unwrap_or("").trim().to_owned())
        .filter(|p| !p.is_empty())
        .collect()
}

/// A path at the front of a text, with every choice of its braces.
fn expand(text: &str) -> Vec<String> {
    if let Some(list) = text.strip_prefix('{') {
        let mut items = vec![String::new()];
        let mut depth = 1;
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            match (c, depth) {
                (_, 0) => break,
                (',', 1) => items.push(String::new()),
                (c, _) => items.last_mut().unwrap().push(c),
            }
        }
        return items.iter().flat_map(|item| expand(item.trim())).collect();
    }
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
        .unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    if head.ends_with("::") && rest.starts_with('{') {
        let inner = expand(rest);
        return inner.iter().map(|path| format!("{head}{path}")).collect();
    }
    vec![head.to_owned()]
}

#[test]
fn every_folder_has_its_floor() {
    let known: BTreeSet<&str> = FLOORS.iter().flat_map(|f| f.iter().copied()).collect();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(src()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["phase", "bin", "doc"].contains(&&name[..]) {
            found.insert(name);
        }
    }
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, known);
}

/// Neither by `use` nor by a path in the code, and so neither to the elimination nor to the crate's root.
#[test]
fn imports_of_the_framework_run_downward() {
    let files = framework();
    assert!(files.len() > 60, "only {} files were found", files.len());
    for file in files {
        let own = module(&file).remove(0);
        let mine = floor(&own).unwrap();
        for path in paths_after("crate::", &code(&file)) {
            let folder = path.split("::").next().unwrap();
            let down = folder == own || floor(folder).is_some_and(|other| other < mine);
            assert!(
                down || path.contains('$'),
                "{} of floor {} uses crate::{path}",
                file.display(),
                mine + 1
            );
        }
        for word in ["elimap::phase", "mod phase"] {
            assert!(
                !code(&file).contains(word),
                "{} says {word}",
                file.display()
            );
        }
    }
}

/// Which files of the framework a file imports: `use` lines lead to the longest prefix that is a file.
fn imports(file: &Path, files: &BTreeMap<Vec<String>, PathBuf>) -> BTreeSet<Vec<String>> {
    let own = module(file);
    let code = code(file);
    let is_mod = file.file_name().is_some_and(|name| name == "mod.rs")
        || files
            .keys()
            .any(|m| m.len() > own.len() && m.starts_with(&own));
    let mut found = BTreeSet::new();
    let mut add = |base: &[String], path: &str| {
        let mut names = base.to_vec();
        names.extend(path.split("::").map(ToOwned::to_owned));
        while !names.is_empty() && !files.contains_key(&names) {
            names.pop();
        }
        // A folder's front re-exports its files, which are inside what it is.
        if !names.is_empty() && names != own && !names.starts_with(&own) {
            found.insert(names);
        }
    };
    let _ = is_mod;
    for path in paths_after("use crate::", &code) {
        add(&[], &path);
    }
    for path in paths_after("use super::", &code) {
        add(&own[..own.len() - 1], &path);
    }
    found
}

/// A folder's front and its files are one thing to the outside, so circles are looked for between files of different
/// folders and between the files of one folder beside its front.
#[test]
fn no_circle_of_files() {
    let files: BTreeMap<Vec<String>, PathBuf> = framework()
        .into_iter()
        .map(|path| (module(&path), path))
        .collect();
    let fronts: BTreeSet<&Vec<String>> = files
        .keys()
        .filter(|m| files.keys().any(|o| o.len() > m.len() && o.starts_with(m)))
        .collect();
    let graph: BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> = files
        .iter()
        .map(|(module, path)| {
            let mut targets = imports(path, &files);
            // What a file takes from the front of its own folder are the folder's common helpers.
            targets.retain(|t| !fronts.contains(t));
            (module, targets)
        })
        .collect();
    for start in files.keys() {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&Vec<String>> = graph[start].iter().collect();
        while let Some(module) = next.pop() {
            assert_ne!(
                module,
                start,
                "{} imports itself in the end",
                start.join("::")
            );
            if seen.insert(module) {
                next.extend(graph.get(module).into_iter().flatten());
            }
        }
    }
}

/// Everything the elimination takes from the crate is exported at its root, where any caller finds it.
#[test]
fn the_elimination_uses_the_framework_by_public_names_only() {
    let files = sources(&src().join("phase"));
    assert!(files.len() > 15, "only {} files were found", files.len());
    let root = code(&src().join("lib.rs"));
    let mut checked = 0;
    for file in files {
        for path in paths_after("crate::", &code(&file)) {
            let first = path.split("::").next().unwrap_or("").trim();
            if first == "phase" || first == "prelude" {
                continue;
            }
            assert!(
                floor(first).is_none(),
                "{} reaches into crate::{path}",
                file.display()
            );
            assert!(
                root.contains(first),
                "{} uses crate::{path}, which lib.rs does not export",
                file.display()
            );
            checked += 1;
        }
    }
    assert!(checked > 0, "the elimination uses the framework somewhere");
}

#[test]
fn the_scan_itself_finds_what_it_looks_for() {
    let paths = paths_after(
        "crate::",
        "use crate::phase::Graph; use crate::{array::{Array, DType}, vmap as v}; x = crate::jit(f);",
    );
    assert_eq!(
        paths,
        [
            "phase::Graph",
            "array::Array",
            "array::DType",
            "vmap",
            "jit"
        ]
    );
}
