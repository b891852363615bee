//! `elimap pdf`, `cdf`, `quantile`, `covariance`, `states` and `plot`: numbers against closed forms, and every form of output.

use elimap::Array;
use elimap::phase::models;
use serde_json::{Value, json};

use super::piped::{failure, stdout};

const ERLANG: &str = "examples/models/erlang_4.json";

fn json(args: &[&str], input: &str) -> Value {
    serde_json::from_str(&stdout(args, input)).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (x, y) in found.iter().zip(expected) {
        assert!(
            (x - y).abs() <= 1e-12 * y.abs().max(1e-3),
            "{found:?} {expected:?}"
        );
    }
}

/// Survival and density of four phases at the rate 2.
fn erlang(time: f64) -> (f64, f64) {
    let x: f64 = 2.0 * time;
    let survival = (1.0 + x + x * x / 2.0 + x.powi(3) / 6.0) * (-x).exp();
    (survival, 2.0 * x.powi(3) / 6.0 * (-x).exp())
}

#[test]
fn a_curve_is_json_text_csv_and_npy() {
    let ask = ["--theta", "2", "--times", "0.5,1,20"];
    let object = json(&[&["cdf", ERLANG][..], &ask, &["--json"]].concat(), "");
    let mut keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["cdf", "error", "pdf", "survival", "theta", "times"]);
    let times = [0.5, 1.0, 20.0];
    assert_eq!(object["times"], json!(times));
    assert_eq!(object["theta"], json!([2.0]));
    close(&floats(&object["survival"]), &times.map(|t| erlang(t).0));
    close(&floats(&object["cdf"]), &times.map(|t| 1.0 - erlang(t).0));
    close(&floats(&object["pdf"]), &times.map(|t| erlang(t).1));
    assert!(floats(&object["error"]).iter().all(|&error| error < 1e-12));

    let text = stdout(&[&["pdf", ERLANG][..], &ask].concat(), "");
    let words: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(words[0], ["times", "pdf", "error"]);
    assert_eq!(
        words[2][1].parse::<f64>().unwrap(),
        floats(&object["pdf"])[1]
    );
    let csv = stdout(&[&["cdf", ERLANG][..], &ask, &["--csv"]].concat(), "");
    let mut lines = csv.lines();
    assert_eq!(lines.next().unwrap(), "times,cdf,survival,error");
    let row: Vec<f64> = lines
        .next()
        .unwrap()
        .split(',')
        .map(|x| x.parse().unwrap())
        .collect();
    assert_eq!(row[..2], [0.5, floats(&object["cdf"])[0]]);

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("cdf.npy");
    let out = out.to_str().unwrap();
    assert!(stdout(&[&["cdf", ERLANG][..], &ask, &["--out", out]].concat(), "").is_empty());
    let array = Array::read_npy(out).unwrap();
    assert_eq!(array.shape(), [3, 4]);
    assert_eq!(array.to_vec::<f64>().unwrap()[1], floats(&object["cdf"])[0]);
}

#[test]
fn times_are_lists_ranges_files_and_stdin() {
    let expected = stdout(&["cdf", ERLANG, "--theta", "2", "--times", "0,0.5,1"], "");
    assert_eq!(
        stdout(&["cdf", ERLANG, "--theta", "2", "--times", "0:1:3"], ""),
        expected
    );
    for input in ["[0, 0.5, 1]", "0\n0.5\n1\n", "0, 0.5,1"] {
        assert_eq!(
            stdout(&["cdf", ERLANG, "--theta", "2", "--times", "-"], input),
            expected
        );
    }
    for (times, message) in [
        ("1,0.5", "times[1] is 0.5, less than 1.0 before it"),
        ("-1", "times[0] is -1.0"),
        ("NaN", "times[0] is NaN"),
        ("0:1:0", "a range FIRST:LAST:COUNT"),
        ("soon", "`soon` is neither numbers"),
    ] {
        let (code, text) = failure(&["cdf", ERLANG, "--theta", "2", "--times", times], "");
        assert!(code == 1 && text.contains(message), "{times}: {text}");
    }
    let (code, text) = failure(
        &[
            "cdf",
            ERLANG,
            "--theta",
            "2",
            "--times",
            "1",
            "--tolerance",
            "1e-20",
        ],
        "",
    );
    assert!(code == 1 && text.contains("tolerance of 1e-20"), "{text}");
}

#[test]
fn rows_of_thetas_stream_in_every_form() {
    let thetas = "rate\n1\n2\n4\n";
    let ask = ["--thetas", "-", "--times", "0.5,1"];
    let lines = stdout(&[&["cdf", ERLANG][..], &ask, &["--json"]].concat(), thetas);
    let rows: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (&rows[1]["row"], &rows[1]["theta"]),
        (&json!(1), &json!([2.0]))
    );
    close(
        &floats(&rows[1]["survival"]),
        &[erlang(0.5).0, erlang(1.0).0],
    );
    let csv = stdout(&[&["pdf", ERLANG][..], &ask, &["--csv"]].concat(), thetas);
    assert_eq!(csv.lines().next().unwrap(), "row,theta0,times,pdf,error");
    assert_eq!(csv.lines().count(), 7);
    assert!(
        csv.lines().nth(3).unwrap().starts_with("1,2.0,0.5,"),
        "{csv}"
    );
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pdf.npy");
    let out = out.to_str().unwrap();
    stdout(
        &[&["pdf", ERLANG][..], &ask, &["--out", out]].concat(),
        thetas,
    );
    assert_eq!(Array::read_npy(out).unwrap().shape(), [3, 2, 3]);
    let (code, text) = failure(&[&["cdf", ERLANG][..], &ask].concat(), "1\n-2\n");
    assert!(
        code == 1 && text.contains("row 1") && text.contains("has the rate -2.0"),
        "{text}"
    );
    let (code, text) = failure(&[&["cdf", ERLANG][..], &ask].concat(), "1\ntwo\n");
    assert!(
        code == 1 && text.contains("line 2: `two` is not a number"),
        "{text}"
    );
}

#[test]
fn quantiles_of_both_tails_undo_the_curve() {
    let found = json(
        &[
            "quantile",
            ERLANG,
            "--theta",
            "2",
            "-p",
            "0.05,0.5,0.95",
            "--json",
        ],
        "",
    );
    for (p, t) in [0.05, 0.5, 0.95]
        .into_iter()
        .zip(floats(&found["quantiles"]))
    {
        assert!((1.0 - erlang(t).0 - p).abs() < 1e-9, "{p} {t}");
    }
    let tail = [
        "quantile",
        ERLANG,
        "--theta",
        "2",
        "--survival",
        "-p",
        "1e-20",
        "--json",
    ];
    let time = floats(&json(&tail, "")["quantiles"])[0];
    assert!((erlang(time).0 / 1e-20 - 1.0).abs() < 1e-8);
    let (code, text) = failure(&["quantile", ERLANG, "--theta", "2", "-p", "1"], "");
    assert!(
        code == 1 && text.contains("probabilities[0] is 1.0"),
        "{text}"
    );
}

#[test]
fn rewards_have_distributions_and_covariances() {
    // Two lineages: the length of the tree is twice the height.
    let kingman = models::kingman(2).unwrap().to_json();
    let ask = [
        "cdf", "-", "--theta", "1", "--times", "1", "--reward", "s0", "--json",
    ];
    close(
        &floats(&json(&ask, &kingman)["cdf"]),
        &[1.0 - (-0.5_f64).exp()],
    );
    let loci = models::two_locus_heights(2).unwrap().to_json();
    let rewards = ["--reward", "1 - left_done", "--reward", "1 - right_done"];
    let ask = [
        &["covariance", "-", "--theta", "1,0.5", "--json"][..],
        &rewards,
    ]
    .concat();
    let found = json(&ask, &loci);
    close(&floats(&found["expectation"]), &[1.0, 1.0]);
    close(&floats(&found["covariance"][0]), &[1.0, 19.0 / 32.0]);
    let ask = [&ask[..], &["--correlation"]].concat();
    close(
        &floats(&json(&ask, &loci)["correlation"][1]),
        &[19.0 / 32.0, 1.0],
    );
    for (args, message) in [
        (
            &["covariance", "-", "--theta", "1,1"][..],
            "there are no rewards",
        ),
        (
            &[
                "cdf", "-", "--theta", "1,1", "--times", "1", "--reward", "both +",
            ],
            "character 7: expected a number",
        ),
        (
            &[
                "cdf", "-", "--theta", "1,1", "--times", "1", "--reward", "1", "--reward", "2",
            ],
            "there are 2 rewards",
        ),
    ] {
        let (code, text) = failure(args, &loci);
        assert!(code == 1 && text.contains(message), "{text}");
    }
}

#[test]
fn states_have_probabilities_and_times() {
    let found = json(
        &["states", ERLANG, "--theta", "2", "--times", "1", "--json"],
        "",
    );
    let e = (-2.0_f64).exp();
    let survival = erlang(1.0).0;
    close(
        &floats(&found["probabilities"][0]),
        &[0.0, e, 2.0 * e, 2.0 * e, 4.0 / 3.0 * e, 1.0 - survival],
    );
    assert_eq!(found["states"].as_array().unwrap().len(), 6);
    let found = json(
        &[
            "states",
            ERLANG,
            "--theta",
            "2",
            "--times",
            "1e4",
            "--occupancy",
            "--json",
        ],
        "",
    );
    close(
        &floats(&found["occupancy"][0]),
        &[0.0, 0.5, 0.5, 0.5, 0.5, 0.0],
    );
    let csv = stdout(
        &[
            "states",
            ERLANG,
            "--theta",
            "2",
            "--times",
            "0,1",
            "--absorbed",
            "--csv",
        ],
        "",
    );
    assert!(
        csv.starts_with("times,vertex0,vertex1,") && csv.lines().count() == 3,
        "{csv}"
    );
}

#[test]
fn gradients_come_beside_the_values() {
    let e = (-2.0_f64).exp();
    let one = models::erlang(1).unwrap().to_json();
    let at = ["-", "--theta", "2", "--gradient", "--json"];
    let ask = |command: &str, more: &[&str]| json(&[&[command][..], &at, more].concat(), &one);
    // theta exp(-theta t), and what follows from it.
    let times = ["--times", "1"];
    close(&floats(&ask("pdf", &times)["gradients"][0]), &[e - 2.0 * e]);
    close(&floats(&ask("cdf", &times)["gradients"][0]), &[e]);
    let found = ask("quantile", &["-p", "0.5"]);
    close(&floats(&found["gradients"][0]), &[-2.0_f64.ln() / 4.0]);
    let found = ask("states", &times);
    close(&floats(&found["gradients"][0][1]), &[-e]);
    close(&floats(&found["gradients"][0][2]), &[e]);
    let found = ask("states", &[&times[..], &["--occupancy"]].concat());
    close(
        &floats(&found["gradients"][0][1]),
        &[e / 2.0 - (1.0 - e) / 4.0],
    );
    let found = ask("cdf", &[&times[..], &["--reward", "s0"]].concat());
    close(&floats(&found["gradients"][0]), &[e]);
    let csv = [
        "states",
        "-",
        "--theta",
        "2",
        "--gradient",
        "--csv",
        "--times",
        "0,1",
    ];
    let csv = stdout(&csv, &one);
    assert!(
        csv.starts_with("times,vertex0,vertex1,vertex2,dvertex0/dtheta0,dvertex1/dtheta0,"),
        "{csv}"
    );
    // Numbers of steps jump, and so do their quantiles.
    let mut builder = elimap::phase::Graph::builder(1, 1);
    let [on, off] = [1, 0].map(|k| builder.add_vertex(&[k]));
    builder
        .clock(elimap::phase::Clock::Jumps)
        .add_constant_edge(on, on, 1.0)
        .add_edge(on, off, &[1.0])
        .start(on, 1.0);
    let coin = builder.build().unwrap().to_json();
    let ask = [
        "pdf",
        "-",
        "--theta",
        "1",
        "--times",
        "1",
        "--gradient",
        "--json",
    ];
    close(&floats(&json(&ask, &coin)["gradients"][0]), &[0.25]);
    let (code, text) = failure(
        &["quantile", "-", "--theta", "1", "-p", "0.5", "--gradient"],
        &coin,
    );
    assert!(
        code == 1 && text.contains("leave --gradient away"),
        "{text}"
    );
}

#[test]
fn rows_of_thetas_are_answered_as_each_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thetas.csv");
    let thetas: Vec<String> = (1..=70)
        .map(|k| format!("{},1,{}", 0.25 * f64::from(k), 0.5))
        .collect();
    std::fs::write(&file, format!("{}\n", thetas.join("\n"))).unwrap();
    let model = models::islands(3).unwrap().to_json();
    let rows = [
        "cdf",
        "-",
        "--thetas",
        file.to_str().unwrap(),
        "--times",
        "0.5,1,4",
        "--format",
        "json",
    ];
    let rows = json(&rows, &model);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 70);
    for row in [0, 33, 69] {
        let one = json(
            &[
                "cdf",
                "-",
                "--theta",
                &thetas[row],
                "--times",
                "0.5,1,4",
                "--json",
            ],
            &model,
        );
        for key in ["pdf", "cdf", "survival", "error"] {
            assert_eq!(rows[row][key], one[key], "{row} {key}");
        }
    }
}

#[test]
fn pictures_are_svg_and_png() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let model = models::k_out_of_n(2, 4).unwrap().to_json();
    let svg = file("graph.svg");
    stdout(&["plot", "-", "--title", "parts", "--out", &svg], &model);
    let text = std::fs::read_to_string(&svg).unwrap();
    for word in ["<svg", "parts", "3 failure", "repair", "start"] {
        assert!(text.contains(word), "{word}");
    }
    let curve = ["plot", "-", "--curve", "--theta", "1,2", "--out"];
    let svg = file("curve.svg");
    stdout(&[&curve[..], &[&svg]].concat(), &model);
    let text = std::fs::read_to_string(&svg).unwrap();
    for word in ["density", "probability by then", "time", "mean"] {
        assert!(text.contains(word), "{word}");
    }
    for (args, name) in [
        (&["plot", "-", "--out"][..], "graph.png"),
        (&curve, "curve.png"),
    ] {
        let png = file(name);
        stdout(&[args, &[&png]].concat(), &model);
        let bytes = std::fs::read(&png).unwrap();
        assert_eq!(bytes[..8], *b"\x89PNG\r\n\x1a\n");
        assert!(bytes.len() > 5_000, "{}", bytes.len());
    }
    let large = models::birth_death(400).unwrap().to_json();
    let (code, text) = failure(&["plot", "-", "--out", &file("large.svg")], &large);
    assert!(
        code == 1 && text.contains("402 vertices make no picture"),
        "{text}"
    );
    let (code, text) = failure(&["plot", "-", "--out", &file("graph.pdf")], &model);
    assert!(
        code == 1 && text.contains("ends neither in .svg nor in .png"),
        "{text}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
}

/// Whatever is wrong with a question about a distribution: exit code 1 and a message with the place, the value and what to do.
#[test]
fn bad_questions_fail_with_the_place_and_the_value() {
    let mut builder = elimap::phase::Graph::builder(1, 0);
    let (coin, end) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    builder.discrete().start(coin, 1.0);
    builder
        .add_constant_edge(coin, coin, 0.75)
        .add_constant_edge(coin, end, 0.25);
    let coin = builder.build().unwrap().to_json();
    let erlang = models::erlang(2).unwrap().to_json();
    let time = ["--theta", "2"];
    for (model, args, words) in [
        (
            &erlang,
            &["pdf", "-", "--times", "1,nan"][..],
            &["times[1] is NaN", "finite and at least 0"][..],
        ),
        (
            &erlang,
            &["states", "-", "--times=-2"],
            &["times[0] is -2.0"],
        ),
        (
            &erlang,
            &["states", "-", "--times", "2,1"],
            &["times[1] is 1.0, less than 2.0", "sort the times"],
        ),
        (
            &erlang,
            &["cdf", "-", "--times", "inf"],
            &["times[0] is inf"],
        ),
        (&erlang, &["cdf", "-", "--times", ","], &["neither numbers"]),
        (
            &erlang,
            &["cdf", "-", "--times", "1", "--tolerance", "-1"],
            &["tolerance of -1", "1e-14"],
        ),
        (
            &erlang,
            &["cdf", "-", "--times", "1", "--tolerance", "0"],
            &["tolerance of 0.0 absolute", "give one of them"],
        ),
        (
            &erlang,
            &["pdf", "-", "--times", "1", "--tolerance", "nan"],
            &["tolerance of NaN"],
        ),
        (
            &erlang,
            &[
                "cdf",
                "-",
                "--times",
                "1",
                "--tolerance",
                "0",
                "--relative",
                "1e-15",
            ],
            &["1e-15 relative"],
        ),
        (
            &erlang,
            &["cdf", "-", "--times", "1", "--reward", "s0 +"],
            &["character", "expected"],
        ),
        (
            &erlang,
            &["covariance", "-", "--reward", "lineages"],
            &["lineages"],
        ),
        (
            &erlang,
            &["cdf", "-", "--times", "1", "--reward", "-1"],
            &["reward", "-1"],
        ),
        (
            &erlang,
            &["quantile", "-", "-p", "0.5,1.5"],
            &["probabilities[1] is 1.5", "0 <= p < 1"],
        ),
        (
            &erlang,
            &["quantile", "-", "--survival", "-p", "0"],
            &["probabilities[0] is 0.0"],
        ),
        (
            &coin,
            &["cdf", "-", "--times", "1,2.5"],
            &["times[1] is 2.5", "whole numbers of steps"],
        ),
        (&coin, &["states", "-", "--times=-1"], &["times[0] is -1.0"]),
        (&coin, &["moments", "-"], &["discrete"]),
        (&coin, &["waiting-times", "-"], &["discrete"]),
    ] {
        let theta: &[&str] = if std::ptr::eq(model, &erlang) {
            &time
        } else {
            &[]
        };
        let args = [args, theta].concat();
        let (code, text) = failure(&args, model);
        assert_eq!(code, 1, "{args:?}: {text}");
        for word in words {
            assert!(text.contains(word), "{args:?}: {text}");
        }
    }
    // A number where an option has one of its own is a matter of usage.
    let (code, text) = failure(&["cdf", ERLANG, "--theta", "two", "--times", "1"], "");
    assert!(
        code == 2 && text.contains("`two` is not a number"),
        "{text}"
    );
    let (code, text) = failure(&["cdf", ERLANG, "--theta", "2"], "");
    assert!(code == 2 && text.contains("--times"), "{text}");
}
