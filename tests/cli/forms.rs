//! The forms of results, and what the program says about itself and about wrong usage.

use std::path::Path;
use std::process::{Command, Output};

use elimap::Array;
use serde_json::{Value, json};

const ERLANG: &str = "examples/models/erlang_4.json";

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_elimap"))
        .args(args)
        .env("ELIMAP_CACHE", "none")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a run that wrong usage ends says on stderr.
fn usage(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The rows of CSV below its head, as numbers.
fn table(csv: &str) -> (String, Vec<Vec<f64>>) {
    let mut lines = csv.lines();
    let head = lines.next().unwrap().to_owned();
    let numbers = |line: &str| line.split(',').map(|x| x.parse().unwrap()).collect();
    (head, lines.map(numbers).collect())
}

/// Runs with `--out` of every ending, and returns the files' texts and the array.
fn written(folder: &Path, args: &[&str]) -> ([String; 4], Array) {
    let text = |ending: &str| {
        let path = folder.join(format!("out.{ending}"));
        let out = ["--out", path.to_str().unwrap()];
        assert_eq!(stdout(&[args, &out].concat()), "");
        std::fs::read_to_string(path).unwrap()
    };
    let texts = ["csv", "json", "jsonl", "txt"].map(text);
    let path = folder.join("out.npy");
    let out = ["--out", path.to_str().unwrap()];
    assert_eq!(stdout(&[args, &out].concat()), "");
    (texts, Array::read_npy(&path).unwrap())
}

#[test]
fn files_have_the_form_that_their_names_end_in() {
    let folder = tempfile::tempdir().unwrap();
    let thetas = folder.path().join("thetas.csv");
    std::fs::write(&thetas, " rate\n2\n4\n").unwrap();
    let args = ["moments", ERLANG, "--order", "2", "--thetas"];
    let args = [&args[..], &[thetas.to_str().unwrap()]].concat();
    let ([csv, list, lines, text], array) = written(folder.path(), &args);

    // Erlang's distribution of 4 phases at rate r has the mean 4 / r and the second moment 20 / r^2.
    let wanted = [[2.0, 5.0], [1.0, 1.25]];
    assert_eq!(array.shape(), [2, 2]);
    assert_eq!(array.to_vec::<f64>().unwrap(), wanted.concat());
    let (head, rows) = table(&csv);
    assert_eq!(head, "row,theta0,moment1,moment2");
    assert_eq!(rows, [[0.0, 2.0, 2.0, 5.0], [1.0, 4.0, 1.0, 1.25]]);
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    let object =
        |row: usize, theta: f64| json!({"row": row, "theta": [theta], "moments": wanted[row]});
    assert_eq!(list, [object(0, 2.0), object(1, 4.0)]);
    let lines: Vec<Value> = lines
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines, list);
    assert_eq!(text, stdout(&args));
    assert_eq!(stdout(&[&args[..], &["--format", "csv"]].concat()), csv);
    // The option has the last word, and without an ending a file is .npy.
    let odd = folder.path().join("odd.txt");
    stdout(
        &[
            &args[..],
            &["--format", "npy", "--out", odd.to_str().unwrap()],
        ]
        .concat(),
    );
    let bare = folder.path().join("bare");
    stdout(&[&args[..], &["--out", bare.to_str().unwrap()]].concat());
    assert_eq!(std::fs::read(&odd).unwrap(), std::fs::read(&bare).unwrap());
    // On stdout too.
    let output = run(&[&args[..], &["--format", "npy"]].concat());
    assert_eq!(output.stdout, std::fs::read(&bare).unwrap());
}

#[test]
fn one_theta_is_answered_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["moments", ERLANG, "--theta", "2", "--order", "2"];
    let ([csv, object, line, text], array) = written(folder.path(), &args);
    assert_eq!(
        table(&csv),
        (
            "theta0,moment1,moment2".to_owned(),
            vec![vec![2.0, 2.0, 5.0]]
        )
    );
    assert_eq!(array.to_vec::<f64>().unwrap(), [2.0, 5.0]);
    assert_eq!(object, line);
    let object: Value = serde_json::from_str(&object).unwrap();
    assert_eq!(object["moments"], json!([2.0, 5.0]));
    assert_eq!(text, stdout(&args));

    let args = ["waiting-times", ERLANG, "--theta", "2"];
    let ([csv, object, _, _], array) = written(folder.path(), &args);
    let times = array.to_vec::<f64>().unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next().unwrap(), "vertex,waiting_time,state");
    for (vertex, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(
            cells[..2],
            [vertex.to_string(), format!("{:?}", times[vertex])]
        );
    }
    let object: Value = serde_json::from_str(&object).unwrap();
    assert_eq!(object["expected_waiting_time"]["0"], json!(times[0]));
    assert_eq!((times[0], times.len()), (2.0, csv.lines().count() - 1));

    let args = ["cdf", ERLANG, "--theta", "2", "--times", "1,2"];
    let ([csv, object, _, _], array) = written(folder.path(), &args);
    let (head, rows) = table(&csv);
    assert_eq!(head, "times,cdf,survival,error");
    assert_eq!(array.to_vec::<f64>().unwrap(), rows.concat());
    let object: Value = serde_json::from_str(&object).unwrap();
    assert_eq!(object["cdf"], json!([rows[0][1], rows[1][1]]));

    let args = ["sample", ERLANG, "--theta", "2", "-n", "3", "--seed", "1"];
    let ([csv, list, lines, text], array) = written(folder.path(), &args);
    let times = array.to_vec::<f64>().unwrap();
    let (head, rows) = table(&csv);
    assert_eq!((head, rows.concat()), ("sample".to_owned(), times.clone()));
    assert_eq!(serde_json::from_str::<Vec<f64>>(&list).unwrap(), times);
    assert_eq!(lines.lines().count(), 3);
    assert_eq!(text, lines);
    let csv = stdout(&[&args[..], &["--csv", "--reward", "max(s0, 1)"]].concat());
    assert_eq!(csv.lines().next().unwrap(), "\"max(s0, 1)\"");
}

#[test]
fn files_of_numbers_may_have_a_line_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let times = folder.path().join("times.csv");
    std::fs::write(&times, "time\n1\n2\n").unwrap();
    let ask = |times: &str| stdout(&["cdf", ERLANG, "--theta", "2", "--times", times]);
    assert_eq!(ask(times.to_str().unwrap()), ask("1,2"));
    let rewards = folder.path().join("rewards.csv");
    // The start, four phases and the end.
    std::fs::write(&rewards, "a,b,c,d,e,f\n0,1,1,1,1,0\n0,0,2,0,0,0\n").unwrap();
    let found = stdout(&[
        "moments",
        ERLANG,
        "--theta",
        "2",
        "--rewards",
        rewards.to_str().unwrap(),
        "--json",
    ]);
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["expected_rewards"], json!([2.0, 1.0]));
}

#[test]
fn numbers_are_separated_by_commas() {
    for (args, wanted) in [
        (
            &["moments", ERLANG, "--theta", "1 2"][..],
            "separate the parameters by commas: `1,2`",
        ),
        (
            &["moments", ERLANG, "--theta", "1", "0.5"],
            "unexpected `0.5`: separate the numbers of one option by commas",
        ),
        (
            &["cdf", ERLANG, "--theta", "2", "--times", "0.5 1;2"],
            "separate the numbers by commas: `0.5,1,2`",
        ),
        (
            &["quantile", ERLANG, "--theta", "2", "-p", "0.1 0.9"],
            "separate the numbers by commas: `0.1,0.9`",
        ),
        (
            &["moments", ERLANG, "--theta", "2", "--out", "moments.cvs"],
            "end it in .npy, .csv, .json, .jsonl or .txt, or give --format",
        ),
        (
            &["moments", ERLANG, "--theta", "2", "--format", "xml"],
            "[possible values: text, csv",
        ),
    ] {
        let message = usage(args);
        assert!(message.contains(wanted), "{args:?}: {message}");
    }
}

#[test]
fn what_is_no_terminal_sees_no_colour() {
    for args in [
        &["moments", "no/such.json", "--theta", "1"][..],
        &["moments", "--theta", "x"],
    ] {
        let output = run(args);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(
            message.contains("error") && !message.contains('\x1b'),
            "{message:?}"
        );
    }
}

#[test]
fn shells_learn_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&["completions", shell]);
        for word in ["moments", "waiting-times", "thetas"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let message = usage(&["completions", "tcsh"]);
    assert!(message.contains("[possible values: bash"), "{message}");
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let page = stdout(&["man"]);
    assert!(
        page.contains(".TH elimap 1") && page.contains("elimap\\-moments(1)"),
        "{page}"
    );
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man1");
    assert_eq!(stdout(&["man", "--out", out.to_str().unwrap()]), "");
    let page = std::fs::read_to_string(out.join("elimap-moments.1")).unwrap();
    assert!(page.contains("\\-\\-thetas"), "{page}");
    for command in ["moments", "cdf", "sample", "completions"] {
        assert!(
            out.join(format!("elimap-{command}.1")).is_file(),
            "{command}"
        );
    }
}
