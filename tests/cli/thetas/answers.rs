//! What is read and what is answered.

use ndarray::{Array2, array};
use serde_json::Value;

use super::{Files, ISLANDS, command, failure, many, npy, read_npy, stdout, trace};

#[test]
fn a_file_of_thetas_gives_a_file_of_moments() {
    let files = Files::new();
    // More than one chunk.
    let thetas = many(1000);
    let (input, output) = (files.thetas("thetas.npy", &thetas), files.path("out.npy"));
    let out = output.to_str().unwrap();
    let batch = trace(ISLANDS).batch();

    assert_eq!(
        stdout(&[
            "moments", ISLANDS, "--thetas", &input, "--order", "3", "--out", out
        ]),
        ""
    );
    let (shape, values) = read_npy(&output);
    assert_eq!(shape, "1000, 3");
    let expected = batch.moments(thetas.view(), 3).unwrap();
    assert_eq!(values, expected.iter().copied().collect::<Vec<_>>());

    // The same name again: replaced as a whole.
    let args = [
        "moments",
        ISLANDS,
        "--thetas",
        &input,
        "--order",
        "2",
        "--gradient",
        "--out",
        out,
    ];
    assert_eq!(stdout(&args), "");
    let (shape, values) = read_npy(&output);
    assert_eq!(shape, "1000, 2, 4");
    let (moments, gradients) = batch.moments_and_gradients(thetas.view(), 2).unwrap();
    for row in [0, 63, 64, 500, 999] {
        for k in 0..2 {
            let found = &values[(row * 2 + k) * 4..][..4];
            assert_eq!(found[0], moments[[row, k]]);
            assert_eq!(
                found[1..],
                gradients.slice(ndarray::s![row, k, ..]).to_vec()
            );
        }
    }

    assert_eq!(
        stdout(&["waiting-times", ISLANDS, "--thetas", &input, "--out", out]),
        ""
    );
    let (shape, values) = read_npy(&output);
    assert_eq!(shape, "1000, 15");
    let expected = batch.waiting_times(thetas.view()).unwrap();
    assert_eq!(values, expected.iter().copied().collect::<Vec<_>>());
    let mut names = files.names();
    names.sort();
    assert_eq!(names, ["out.npy", "thetas.npy"]);
}

#[test]
fn stdout_has_a_table_or_a_json_object_per_row() {
    let files = Files::new();
    let input = files.write("thetas.json", b"[[1, 1, 0.5], [2.0, 0.5, 0.25]]");
    let thetas = array![[1.0, 1.0, 0.5], [2.0, 0.5, 0.25]];
    let batch = trace(ISLANDS).batch();
    let (moments, gradients) = batch.moments_and_gradients(thetas.view(), 2).unwrap();
    let args = [
        "moments",
        ISLANDS,
        "--thetas",
        &input,
        "--order",
        "2",
        "--gradient",
    ];

    let text = stdout(&args);
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0].join(" "),
        "row theta0 theta1 theta2 moment1 dmoment1/dtheta0 dmoment1/dtheta1 dmoment1/dtheta2 \
         moment2 dmoment2/dtheta0 dmoment2/dtheta1 dmoment2/dtheta2"
    );
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2][0], "1");
    let numbers: Vec<f64> = lines[2][1..]
        .iter()
        .map(|cell| cell.parse().unwrap())
        .collect();
    assert_eq!(numbers[..3], thetas.row(1).to_vec());
    assert_eq!((numbers[3], numbers[7]), (moments[[1, 0]], moments[[1, 1]]));
    assert_eq!(
        numbers[4..7],
        gradients.slice(ndarray::s![1, 0, ..]).to_vec()
    );

    let text = stdout(&[&args[..], &["--json"]].concat());
    let rows: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["row"], 1);
    assert_eq!(rows[1]["theta"], serde_json::json!([2.0, 0.5, 0.25]));
    assert_eq!(
        rows[1]["moments"],
        serde_json::json!(moments.row(1).to_vec())
    );
    let expected: Vec<Vec<f64>> = (0..2)
        .map(|k| gradients.slice(ndarray::s![1, k, ..]).to_vec())
        .collect();
    assert_eq!(rows[1]["gradients"], serde_json::json!(expected));

    let text = stdout(&["waiting-times", ISLANDS, "--thetas", &input, "--json"]);
    let row: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let waiting = batch.waiting_times(thetas.view()).unwrap();
    assert_eq!(row["expected_waiting_time"]["6"], waiting[[1, 6]]);

    // One theta on the command line gives the same numbers.
    let args = [
        "moments",
        ISLANDS,
        "--theta",
        "2,0.5,0.25",
        "--order",
        "2",
        "--gradient",
        "--json",
    ];
    let one: Value = serde_json::from_str(&stdout(&args)).unwrap();
    assert_eq!(
        (&one["moments"], &one["gradients"]),
        (&rows[1]["moments"], &rows[1]["gradients"])
    );
    assert_eq!(one["expectation"], one["moments"][0]);
    assert!(stdout(&args[..7]).contains("\ndmoment 1/dtheta2 "));
}

#[test]
fn rewards_come_from_a_file_too() {
    let files = Files::new();
    let erlang = "examples/models/erlang_4.json";
    let trace = trace(erlang);
    let vertices = trace.graph().vertex_count();
    let mut rewards = Array2::from_elem((2, vertices), 1.0);
    rewards.row_mut(1).fill(0.0);
    rewards[[1, 2]] = 3.0;
    let file = files.thetas("rewards.npy", &rewards);
    let args = [
        "moments",
        erlang,
        "--theta",
        "2",
        "--rewards",
        &file,
        "--gradient",
        "--json",
    ];
    let found: Value = serde_json::from_str(&stdout(&args)).unwrap();
    assert_eq!(
        found,
        serde_json::json!({
            "theta": [2.0], "expected_rewards": [2.0, 1.5], "gradients": [[-1.0], [-0.75]],
        })
    );
    assert_eq!(stdout(&args[..6]), "reward0      2.0\nreward1      1.5\n");
    let input = files.write("thetas.json", b"[[2], [4]]");
    let out = files.path("out.npy");
    let args = [
        "moments",
        erlang,
        "--thetas",
        &input,
        "--rewards",
        &file,
        "--out",
    ];
    stdout(&[&args[..], &[out.to_str().unwrap()]].concat());
    assert_eq!(
        read_npy(&out),
        ("2, 2".to_owned(), vec![2.0, 1.5, 1.0, 0.75])
    );

    let short = files.write("short.json", b"[[1, 2]]");
    let message = failure(&["moments", erlang, "--theta", "2", "--rewards", &short]);
    assert!(
        message.contains("short.json`, row 0: found 2 numbers, expected 6"),
        "{message}"
    );
}

#[test]
fn other_types_byte_orders_and_stdin_are_read() {
    let files = Files::new();
    let erlang = "examples/models/erlang_4.json";
    let big: Vec<u8> = [2.0f64, 4.0].iter().flat_map(|x| x.to_be_bytes()).collect();
    let single: Vec<u8> = [2.0f32, 4.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let long: Vec<u8> = [2i64, 4].iter().flat_map(|x| x.to_le_bytes()).collect();
    let short: Vec<u8> = [2u16, 4].iter().flat_map(|x| x.to_be_bytes()).collect();
    for (descr, data) in [
        (">f8", &big),
        ("<f4", &single),
        ("<i8", &long),
        (">u2", &short),
        ("|i1", &vec![2, 4]),
    ] {
        // A single column is in both orders.
        let input = files.write("thetas", &npy(descr, true, "(2, 1)", data));
        let text = stdout(&[
            "moments", erlang, "--thetas", &input, "--order", "1", "--json",
        ]);
        let means: Vec<Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(
            (&means[0]["moments"][0], &means[1]["moments"][0]),
            (&2.0.into(), &1.0.into())
        );
    }
    let file = std::fs::File::open(files.path("thetas")).unwrap();
    let output = command(&["moments", erlang, "--thetas", "-", "--order", "1"])
        .stdin(file)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3);
    // No thetas are no error.
    let none = files.write("none.json", b"[]");
    let out = files.path("none.npy");
    stdout(&[
        "moments",
        erlang,
        "--thetas",
        &none,
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(read_npy(&out), ("0, 4".to_owned(), vec![]));
}
