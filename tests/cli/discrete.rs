//! Samples, and what the program says of numbers of steps.

use elimap::Array;
use elimap::phase::Graph;
use serde_json::{Value, json};

use super::piped::{failure, stdout};

const ERLANG: &str = "examples/models/erlang_4.json";

/// A coin that shows its head with the probability 1/4, until it does.
fn coin() -> String {
    let mut builder = Graph::builder(1, 0);
    let (coin, end) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    builder.discrete().start(coin, 1.0);
    builder
        .add_constant_edge(coin, coin, 0.75)
        .add_constant_edge(coin, end, 0.25);
    builder.build().unwrap().to_json()
}

fn json(args: &[&str], input: &str) -> Value {
    serde_json::from_str(&stdout(args, input)).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn lines(text: &str) -> Vec<f64> {
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn curves_of_steps_have_bounds_that_are_neither_zero_nor_large() {
    let found = json(&["cdf", "-", "--times", "0,1,2,400", "--json"], &coin());
    let exact = |k: i32| 0.75_f64.powi(k);
    assert_eq!(floats(&found["pdf"])[..3], [0.0, 0.25, 0.1875]);
    assert_eq!(floats(&found["cdf"])[..3], [0.0, 0.25, 0.4375]);
    let survival = floats(&found["survival"]);
    assert_eq!(survival[..3], [1.0, 0.75, 0.5625]);
    assert!((survival[3] / exact(400) - 1.0).abs() < 1e-13);
    for error in floats(&found["error"]) {
        assert!(error > 1e-17 && error < 2e-16, "{error}");
    }
    let text = stdout(&["pdf", "-", "--times", "2", "--csv"], &coin());
    let row: Vec<f64> = text
        .lines()
        .nth(1)
        .unwrap()
        .split(',')
        .map(|x| x.parse().unwrap())
        .collect();
    assert!(row[..2] == [2.0, 0.1875] && row[2] > 0.0, "{text}");
    let (code, text) = failure(&["cdf", "-", "--times", "1.5"], &coin());
    assert!(
        code == 1 && text.contains("times[0] is 1.5; the model is discrete"),
        "{text}"
    );
}

#[test]
fn quantiles_and_correlations_of_steps() {
    let found = json(&["quantile", "-", "-p", "0.25,0.26", "--json"], &coin());
    assert_eq!(floats(&found["quantiles"]), [1.0, 2.0]);
    let tail = ["quantile", "-", "--survival", "-p", "0.75,1e-100", "--json"];
    let k = floats(&json(&tail, &coin())["quantiles"]);
    assert_eq!(k, [1.0, (-100.0 * 10.0_f64.ln() / 0.75_f64.ln()).ceil()]);
    let ask = [
        "covariance",
        "-",
        "--reward",
        "s0",
        "--reward",
        "2 * s0",
        "--json",
    ];
    let found = json(&ask, &coin());
    assert_eq!(found["covariance"], json!([[12.0, 24.0], [24.0, 48.0]]));
    let found = json(&[&ask[..], &["--correlation"]].concat(), &coin());
    assert_eq!(found["correlation"], json!([[1.0, 1.0], [1.0, 1.0]]));
}

#[test]
fn samples_depend_on_the_seed_and_their_number_alone() {
    let ask = |more: &[&str]| {
        let args = ["sample", ERLANG, "--theta", "2", "--seed", "5"];
        stdout(&[&args[..], more].concat(), "")
    };
    let all = lines(&ask(&["-n", "1000"]));
    assert_eq!(all.len(), 1000);
    assert_eq!(lines(&ask(&["-n", "10", "--first", "990"])), all[990..]);
    // A mean of 2 and a variance of 1.
    let mean = all.iter().sum::<f64>() / 1000.0;
    assert!((mean - 2.0).abs() < 5.0 / 1000.0_f64.sqrt(), "{mean}");
    let values: Vec<f64> = ask(&["-n", "1000", "--json"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(values, all);

    // Rewards of the same paths: the last phase, and all of it.
    let rewards = ask(&["-n", "3", "--reward", "s0 == 1", "--reward", "1"]);
    for (line, time) in rewards.lines().zip(&all) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        assert!(
            cells[0] < *time && (cells[1] - time).abs() <= 1e-15 * time,
            "{line}"
        );
    }
    for line in ask(&["-n", "3", "--paths", "--json"]).lines().zip(&all) {
        let path: Value = serde_json::from_str(line.0).unwrap();
        assert_eq!(path["vertices"], json!([1, 2, 3, 4, 5]));
        assert_eq!(path["times"][4], json!(line.1));
    }
    assert_eq!(ask(&["-n", "2", "--ends"]), "5.0\n5.0\n");

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("times.npy");
    let out = out.to_str().unwrap();
    assert!(ask(&["-n", "1000", "--out", out]).is_empty());
    assert_eq!(Array::read_npy(out).unwrap().to_vec::<f64>().unwrap(), all);
    let (code, text) = failure(&["sample", ERLANG, "--thetas", "-"], "1\n");
    assert!(
        code == 1 && text.contains("samples are drawn at one theta"),
        "{text}"
    );
}

#[test]
fn samples_of_steps_are_whole() {
    let all = lines(&stdout(
        &["sample", "-", "-n", "2000", "--seed", "3"],
        &coin(),
    ));
    assert!(
        all.iter()
            .all(|count| count.fract() == 0.0 && *count >= 1.0)
    );
    let mean = all.iter().sum::<f64>() / 2000.0;
    assert!(
        (mean - 4.0).abs() < 5.0 * (12.0_f64 / 2000.0).sqrt(),
        "{mean}"
    );
    let twice = [
        "sample", "-", "-n", "2000", "--seed", "3", "--reward", "2 * s0",
    ];
    let twice = lines(&stdout(&twice, &coin()));
    assert!(twice.iter().all(|count| count % 2.0 == 0.0));
    let ask = |more: &[&str]| {
        stdout(
            &[&["sample", "-", "-n", "5", "--seed", "3"][..], more].concat(),
            &coin(),
        )
    };
    for (path, count) in ask(&["--paths", "--json"]).lines().zip(&all) {
        let path: Value = serde_json::from_str(path).unwrap();
        assert_eq!(path["vertices"], json!([1, 2]));
        assert_eq!(path["times"], json!([0.0, count]));
    }
    assert_eq!(ask(&["--ends"]), "2.0\n".repeat(5));
    let both = ask(&["--reward", "s0", "--reward", "3 * s0"]);
    for (line, count) in both.lines().zip(&all) {
        assert_eq!(line, format!("{count:?},{:?}", 3.0 * count));
    }
}

#[test]
fn states_of_steps_have_visits_and_ends() {
    let ask = |what: &str| {
        let args = ["states", "-", "--times", "0,1,3", "--json", what];
        let found: Value = serde_json::from_str(&stdout(&args, &coin())).unwrap();
        found
    };
    // The coin fails with the probability 3/4.
    assert_eq!(
        ask("--occupancy")["occupancy"],
        json!([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 2.3125, 0.0]])
    );
    assert_eq!(
        ask("--absorbed")["absorbed"],
        json!([[0.0, 0.0, 0.0], [0.0, 0.0, 0.25], [0.0, 0.0, 0.578125]])
    );
}

#[test]
fn steps_are_drawn_as_bars() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("coin.svg");
    let out = out.to_str().unwrap();
    stdout(&["plot", "-", "--curve", "--out", out], &coin());
    let text = std::fs::read_to_string(out).unwrap();
    for word in ["probability by then", "steps", "mean 4"] {
        assert!(text.contains(word), "{word}");
    }
}
