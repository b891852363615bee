//! The framework knows nothing of the elimination that stands on it, and the elimination uses what any caller could.

use std::path::{Path, PathBuf};

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
    out
}

/// The code of a file, without comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| {
        let line = line.split("//").next().unwrap_or("");
        format!("{line}\n")
    });
    lines.collect()
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The modules of the framework: every directory beside `phase` and the programs.
fn framework() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(src()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "phase" && name != "bin" {
            files.extend(sources(&path));
        }
    }
    files.push(src().join("error.rs"));
    files
}

/// The paths `crate::..` names, braces resolved: `crate::{a::B, c}` names `a::B` and `c`.
fn crate_paths(code: &str) -> Vec<String> {
    let code: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = Vec::new();
    for (at, marker) in code.match_indices("crate::") {
        let rest = &code[at + marker.len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut item = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
                if c == ',' && depth == 1 {
                    out.push(std::mem::take(&mut item));
                } else {
                    item.push(c);
                }
            }
            out.push(item);
        } else {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
                .unwrap_or(rest.len());
            out.push(rest[..end].to_owned());
        }
    }
    out.into_iter()
        .map(|p| p.split(" as ").next().unwrap_or("").trim().to_owned())
        .filter(|p| !p.is_empty())
        .collect()
}

#[test]
fn the_framework_never_mentions_the_elimination() {
    let files = framework();
    assert!(files.len() > 40, "only {} files were found", files.len());
    for file in files {
        let code = code(&file);
        for paths in crate_paths(&code) {
            assert!(
                !paths.starts_with("phase"),
                "{} uses crate::{paths}",
                file.display()
            );
        }
        for word in ["super::phase", "elimap::phase", "mod phase"] {
            assert!(!code.contains(word), "{} says {word}", file.display());
        }
    }
}

/// Everything the elimination takes from the crate is exported at its root, where any caller finds it.
#[test]
fn the_elimination_uses_the_framework_by_public_names_only() {
    const MODULES: [&str; 10] = [
        "array",
        "callback",
        "error",
        "exec",
        "ops",
        "program",
        "tensor",
        "transform",
        "tree",
        "macros",
    ];
    let files = sources(&src().join("phase"));
    assert!(files.len() > 15, "only {} files were found", files.len());
    let root = code(&src().join("lib.rs"));
    let mut checked = 0;
    for file in files {
        for path in crate_paths(&code(&file)) {
            let first = path.split("::").next().unwrap_or("").trim();
            if first == "phase" || first == "prelude" {
                continue;
            }
            assert!(
                !MODULES.contains(&first),
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
    let paths = crate_paths(
        "use crate::phase::Graph; use crate::{array::{Array, DType}, vmap as v}; x = crate::jit(f);",
    );
    assert_eq!(
        paths,
        ["phase::Graph", "array::{Array, DType}", "vmap", "jit"]
    );
}
