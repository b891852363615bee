//! COMPATIBILITY.md names a test per rule; every one of them exists, and every rule has its row.
use std::collections::BTreeSet;
use std::path::Path;

const TABLE: &str = include_str!("../../COMPATIBILITY.md");

/// Every `fn name(` of the Rust files below a folder.
fn functions(folder: &Path, out: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                if let Some(rest) = line.trim_start().strip_prefix("fn ") {
                    out.extend(rest.split('(').next().map(str::to_owned));
                }
            }
        }
    }
}

fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    TABLE
        .lines()
        .filter(|line| {
            ["| V", "| C", "| N"]
                .iter()
                .any(|rule| line.starts_with(rule))
        })
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

#[test]
fn every_named_test_exists() {
    let mut known = BTreeSet::new();
    functions(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"),
        &mut known,
    );
    functions(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut known,
    );
    let mut named = 0;
    for row in rows() {
        let test = row[row.len() - 1].trim_matches(['`', '|', ' ']);
        if !test.is_empty() {
            named += 1;
            assert!(known.contains(test), "no test `{test}` for {}", row[0]);
        }
    }
    assert!(named > 80, "{named}");
}

#[test]
fn every_rule_has_a_row() {
    let mut covered = BTreeSet::new();
    for row in rows() {
        for part in row[0].split(", ") {
            let family = &part[..1];
            let mut ends = part
                .split('-')
                .map(|end| end.trim_start_matches(family).parse::<u32>().unwrap());
            let first = ends.next().unwrap();
            covered.extend((first..=ends.next().unwrap_or(first)).map(|n| format!("{family}{n}")));
        }
    }
    for (family, last) in [("V", 53), ("C", 46), ("N", 28)] {
        for n in 1..=last {
            assert!(
                covered.contains(&format!("{family}{n}")),
                "{family}{n} has no row"
            );
        }
    }
}
