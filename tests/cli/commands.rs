//! The program, run as a user runs it.
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const ISLANDS: &str = "examples/models/island_12.json";

fn elimap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_elimap"))
        .args(args)
        // Not the cache of whoever runs the tests.
        .env("ELIMAP_CACHE", "none")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&stdout(&elimap(args))).unwrap()
}

/// A failed run: the exit code, and what stderr says; stdout stays empty.
fn failure(args: &[&str]) -> (i32, String) {
    let output = elimap(args);
    assert!(output.stdout.is_empty(), "{output:?}");
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn close(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!(
        (value - expected).abs() <= 1e-12 * expected.abs(),
        "{value} {expected}"
    );
}

#[test]
fn moments_of_kingmans_coalescent_have_their_closed_form() {
    let out = json(&[
        "moments",
        "examples/models/kingman_10.json",
        "--theta",
        "2",
        "--order",
        "2",
        "--json",
    ]);
    let mut keys: Vec<&String> = out.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["expectation", "moments", "theta", "variance"]);
    // Times between coalescences are independent with rates k (k - 1) / 2 theta.
    let rate = |k: f64| k * (k - 1.0);
    let mean: f64 = (2..=10).map(|k| 1.0 / rate(f64::from(k))).sum();
    let variance: f64 = (2..=10).map(|k| rate(f64::from(k)).powi(-2)).sum();
    close(&out["expectation"], mean);
    close(&out["variance"], variance);
    close(&out["moments"][0], mean);
    close(&out["moments"][1], variance + mean * mean);
    assert_eq!(out["moments"].as_array().unwrap().len(), 2);
    assert_eq!(out["theta"], serde_json::json!([2.0]));
}

#[test]
fn moments_as_text_name_every_number() {
    let text = stdout(&elimap(&["moments", ISLANDS, "--theta", "1,0.5,2"]));
    let names: Vec<&str> = text.lines().map(|l| l[..12].trim_end()).collect();
    assert_eq!(
        names,
        [
            "expectation",
            "variance",
            "moment 1",
            "moment 2",
            "moment 3",
            "moment 4"
        ]
    );
    assert!(text.starts_with("expectation  4.94795672452995"), "{text}");
}

#[test]
fn a_model_can_come_from_stdin() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_elimap"))
        .args(["moments", "-", "--theta", "2", "--json"])
        .env("ELIMAP_CACHE", "none")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let model = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/models/erlang_4.json"
    ))
    .unwrap();
    child.stdin.take().unwrap().write_all(&model).unwrap();
    let output = child.wait_with_output().unwrap();
    let out: Value = serde_json::from_slice(&output.stdout).unwrap();
    close(&out["expectation"], 2.0);
}

#[test]
fn waiting_times_are_keyed_by_vertex() {
    let model = "examples/models/island_4.json";
    let out = json(&["waiting-times", model, "--theta", "1,1,0.5", "--json"]);
    let times = out["expected_waiting_time"].as_object().unwrap();
    assert_eq!(times.len(), 15);
    close(&times["2"], 2.75);
    close(&times["6"], 3.969_696_969_696_97);
    assert_eq!(times["7"], 0.0);
    close(
        &times["0"],
        json(&["moments", model, "--theta", "1,1,0.5", "--json"])["expectation"]
            .as_f64()
            .unwrap(),
    );
    let text = stdout(&elimap(&["waiting-times", model, "--theta", "1,1,0.5"]));
    assert_eq!(text.lines().count(), 16);
}

#[test]
fn trace_reports_what_it_took() {
    let out = json(&[
        "trace",
        ISLANDS,
        "--workers",
        "2",
        "--strategy",
        "vmap",
        "--json",
    ]);
    let mut keys: Vec<&String> = out.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "blocks",
            "cache",
            "cache_hits",
            "edges",
            "graph_hit",
            "host_calls",
            "largest_block",
            "multiply_adds",
            "seconds",
            "topologies",
            "vertices",
            "work_units",
        ]
    );
    assert_eq!((&out["vertices"], &out["edges"]), (&91.into(), &286.into()));
    assert_eq!(
        (&out["largest_block"], &out["host_calls"]),
        (&13.into(), &1.into())
    );
    assert_eq!(out["work_units"], out["topologies"]);
    // Sequentially the host is called once per unit, with the same result.
    let sequential = json(&["trace", ISLANDS, "--strategy", "sequential", "--json"]);
    assert_eq!(sequential["host_calls"], sequential["work_units"]);
    assert_eq!(sequential["multiply_adds"], out["multiply_adds"]);
}

#[test]
fn identical_blocks_are_one_work_unit() {
    let out = json(&[
        "trace",
        "tests/data/models/phasic/many_20x50_identical.json",
        "--json",
    ]);
    assert_eq!(
        (&out["work_units"], &out["topologies"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn operations_end_with_the_expectation() {
    let text = stdout(&elimap(&[
        "trace",
        "examples/models/island_4.json",
        "--ops",
    ]));
    let last = text.lines().last().unwrap();
    assert!(last.ends_with("# expectation"), "{last}");
    assert!(text.contains(" = DOT "), "{text}");
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [
        &["moments", ISLANDS][..],
        &["moments", ISLANDS, "--theta", "one"],
        &["trace", ISLANDS, "--strategy", "fast"],
        &["nonsense"],
        &[],
    ] {
        assert_eq!(elimap(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn parameters_have_names_where_the_model_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("named.json");
    let mut model: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(ISLANDS).unwrap()).unwrap();
    model["parameters"] = serde_json::json!(["one", "two", "migration"]);
    std::fs::write(&named, model.to_string()).unwrap();
    let named = named.to_str().unwrap();
    let by_name = |theta: &str| stdout(&elimap(&["moments", named, "--theta", theta]));
    assert_eq!(by_name("migration=2,one=1,two=0.5"), by_name("1,0.5,2"));
    let refused = |model: &str, theta: &str, expected: &str| {
        let (code, message) = failure(&["moments", model, "--theta", theta]);
        assert_eq!(code, 2, "{message}");
        assert!(message.contains(expected), "{message}");
    };
    refused(named, "one=1,two=1", "--theta does not give migration");
    refused(
        named,
        "one=1,two=1,three=1",
        "no parameter `three`; it has one, two, migration",
    );
    refused(named, "one=1,one=2,two=3", "gives `one` twice");
    refused(named, "one=1,2,3", "names some parameters and not 2");
    refused(ISLANDS, "one=1,two=1,migration=1", "have no names");
    refused(
        ISLANDS,
        "1 0.5 2",
        "separate the parameters by commas: `1,0.5,2`",
    );
    refused(
        ISLANDS,
        "1;0.5",
        "separate the parameters by commas: `1,0.5`",
    );
    refused(ISLANDS, "one", "`one` is not a number");
}

#[test]
fn failed_runs_exit_with_1_and_say_why() {
    let (code, message) = failure(&["moments", ISLANDS, "--theta", "1,0.5"]);
    assert_eq!(code, 1);
    assert_eq!(
        message,
        "elimap: error: theta has length 2, but the graph has 3 parameters; pass one number for each\n"
    );
    let (code, message) = failure(&["moments", "no/such/file.json", "--theta", "1"]);
    assert_eq!(code, 1);
    assert_eq!(message.matches("no/such/file.json").count(), 1, "{message}");
    let (code, message) = failure(&["moments", ISLANDS, "--theta=-1,0.5,2"]);
    assert_eq!(code, 1);
    assert!(
        message.contains("edge 1 -> 2 has the rate -66"),
        "{message}"
    );
    let (code, message) = failure(&["trace", ISLANDS, "--strategy", "pmap"]);
    assert_eq!(code, 1);
    assert!(
        message.contains("pmap is not supported") && message.contains("use vmap"),
        "{message}"
    );
    let (code, message) = failure(&["trace", ISLANDS, "--workers", "0"]);
    assert_eq!(code, 1);
    assert!(message.contains("0 workers were asked for"), "{message}");
    let (code, message) = failure(&["trace", "Cargo.toml"]);
    assert_eq!(code, 1);
    assert!(
        message.contains("Cargo.toml: malformed JSON at line 1, column"),
        "{message}"
    );
}

#[test]
fn help_has_examples() {
    for args in [
        &["--help"][..],
        &["trace", "--help"],
        &["moments", "--help"],
        &["waiting-times", "--help"],
    ] {
        let text = stdout(&elimap(args));
        assert!(text.contains("Examples:\n  elimap "), "{args:?}: {text}");
    }
}
