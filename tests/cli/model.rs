//! `elimap model`: every model it lists is a graph that the other subcommands read.

use elimap::phase::{Graph, models};
use serde_json::Value;

use super::piped::{run, stdout};

#[test]
fn every_listed_model_is_read_back() {
    let listed: Value = serde_json::from_str(&stdout(&["model", "--list", "--json"], b"")).unwrap();
    let listed = listed.as_array().unwrap();
    let text = stdout(&["model", "--list"], b"");
    let help = stdout(&["model", "--help"], b"");
    assert_eq!(listed.len(), 18);
    for entry in listed {
        let name = entry["name"].as_str().unwrap();
        let names: Vec<&str> = entry["sizes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s.as_str().unwrap())
            .collect();
        let usage = format!("{name} {}", names.join(" "));
        assert!(text.contains(&usage) && help.contains(&usage), "{usage}");
        let mut args = vec!["model".to_owned(), name.to_owned()];
        args.extend(
            entry["example"]
                .as_array()
                .unwrap()
                .iter()
                .map(ToString::to_string),
        );
        assert_eq!(args.len(), 2 + names.len());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let graph = stdout(&args, b"");
        let read = Graph::from_json(&graph).unwrap();
        let summary: Value =
            serde_json::from_str(&stdout(&["trace", "-", "--json"], graph.as_bytes())).unwrap();
        assert_eq!(summary["vertices"], read.vertex_count());
        assert_eq!(summary["edges"], read.edge_count());
    }
}

#[test]
fn names_and_sizes_reach_the_generators() {
    let graph =
        |args: &[&str]| Graph::from_json(&stdout(&[&["model"], args].concat(), b"")).unwrap();
    assert_eq!(graph(&["islands", "6"]), models::islands(6).unwrap());
    assert_eq!(
        graph(&["islands-sfs", "5"]),
        models::islands_sfs(5).unwrap()
    );
    assert_eq!(
        graph(&["grid-walk", "3", "5"]),
        models::grid_walk(3, 5).unwrap()
    );
    assert_eq!(
        graph(&["block-chain", "4", "6", "3", "2", "--seed", "9"]),
        models::block_chain(4, 6, 3, 2, 9).unwrap()
    );
    assert_ne!(
        graph(&["dense", "5", "--seed", "2"]),
        graph(&["dense", "5"])
    );
}

#[test]
fn wrong_names_and_sizes_are_refused_with_a_remedy() {
    for (args, code, expected) in [
        (&["model"][..], 2, "NAME"),
        (&["model", "iland", "6"], 2, "islands"),
        (
            &["model", "grid-walk", "3"],
            2,
            "`elimap model grid-walk` takes ROWS COLUMNS (for example grid-walk 30 30), but 1 were given",
        ),
        (&["model", "islands", "six"], 2, "six"),
        (&["model", "islands", "6", "--json"], 2, "--json"),
        (
            &["model", "islands", "1"],
            1,
            "model `islands` of size 1 does not exist; the smallest size is 2",
        ),
        (&["model", "dense", "99999999"], 1, "are too many, at most"),
        (
            &["model", "coalescent-sfs", "100000"],
            1,
            "are too many, at most",
        ),
        (
            &["model", "erlang", "18446744073709551615"],
            1,
            "are too many, at most",
        ),
    ] {
        let output = run(args, b"");
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
        assert!(
            output.stdout.is_empty() && message.contains(expected),
            "{args:?}: {message}"
        );
    }
}
