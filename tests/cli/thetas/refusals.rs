//! What is refused, with what remedy.

use std::path::Path;

use ndarray::Array2;

use super::{Files, ISLANDS, elimap, failure, many, npy, stdout, trace};

#[test]
fn what_cannot_be_read_is_named_with_a_remedy() {
    let files = Files::new();
    let eight = [0u8; 8];
    let twelve = vec![0u8; 6 * 8];
    let object = npy("|O", false, "(2, 3)", &eight);
    let cases: [(&str, Vec<u8>, &str); 9] = [
        (
            "fortran.npy",
            npy("<f8", true, "(2, 3)", &twelve),
            "is in Fortran order, which cannot be read row by row; save numpy.ascontiguousarray(x) instead",
        ),
        (
            "shape.npy",
            npy("<f8", false, "(3, 2)", &twelve),
            "has the shape (3, 2), but rows of 3 numbers are needed; reshape it to (rows, 3)",
        ),
        (
            "flat.npy",
            npy("<f8", false, "(6,)", &twelve),
            "has the shape (6), but rows of 3 numbers are needed",
        ),
        (
            "complex.npy",
            npy("<c16", false, "(1, 3)", &twelve),
            "holds values of type complex128; save it as float64",
        ),
        ("object.npy", object, "holds values of type"),
        (
            "cut.npy",
            npy("<f8", false, "(5, 3)", &[0x3f; 100]),
            "ends within row 4 of 5: it was cut off",
        ),
        (
            "header.npy",
            b"\x93NUMPY\x01\x00\xff\xff{".to_vec(),
            "is not a whole .npy file",
        ),
        (
            "flat.json",
            b"[1, 1, 1]".to_vec(),
            "is neither .npy nor a JSON list of rows such as [[1.0, 0.5], [2.0, 0.5]]: invalid type: integer `1`, expected a sequence at line 1 column",
        ),
        (
            "ragged.json",
            b"[[1, 1, 1], [1, 1]]".to_vec(),
            "row 1: found 2 numbers, expected 3",
        ),
    ];
    for (name, bytes, expected) in cases {
        let input = files.write(name, &bytes);
        let out = files.path("out");
        let out = out.to_str().unwrap();
        let message = failure(&["moments", ISLANDS, "--thetas", &input, "--out", out]);
        assert!(
            message.contains(expected) && message.contains(name),
            "{message}"
        );
    }
    let message = failure(&["moments", ISLANDS, "--thetas", "no/such.npy"]);
    assert!(message.contains("cannot read `no/such.npy`"), "{message}");
    // Lists in lists, which a reader that tries every way would never be done with.
    let depth = 400;
    let descr = format!("{}'<f8'{}", "[('a',".repeat(depth), ")]".repeat(depth));
    let nested = npy("<f8", false, "(1, 3)", &[]);
    let header = String::from_utf8_lossy(&nested[10..]).replace("'<f8'", &descr);
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    let input = files.write("cut.npy", &bytes);
    let message = failure(&["moments", ISLANDS, "--thetas", &input]);
    assert!(
        message.contains("holds values of type `[('a',["),
        "{message}"
    );
    let message = failure(&["moments", "-", "--thetas", "-"]);
    assert!(message.contains("cannot both come from stdin"), "{message}");
    assert_eq!(files.names().len(), 9, "{:?}", files.names());
}

#[test]
fn a_bad_theta_is_named_by_its_row_in_the_file_and_leaves_no_output() {
    let files = Files::new();
    let mut thetas = many(700);
    thetas[[517, 1]] = -1.0;
    thetas[[518, 1]] = f64::NAN;
    let (input, out) = (files.thetas("thetas.npy", &thetas), files.path("out.npy"));
    std::fs::write(&out, "what was there before").unwrap();
    let args = [
        "moments",
        ISLANDS,
        "--thetas",
        &input,
        "--out",
        out.to_str().unwrap(),
    ];
    let message = failure(&args);
    assert!(
        message.contains("thetas.npy`, row 517: edge ") && message.contains("has the rate -"),
        "{message}"
    );
    assert_eq!(std::fs::read(&out).unwrap(), b"what was there before");
    assert_eq!(files.names().len(), 2, "{:?}", files.names());
    let message = failure(&[&args[..5], &[files.0.path().to_str().unwrap()]].concat());
    assert!(
        message.contains("is not a regular file; choose another name"),
        "{message}"
    );
    let message = failure(&[&args[..5], &["no/such/directory/out.npy"]].concat());
    assert!(
        message.contains("cannot write in `no/such/directory`"),
        "{message}"
    );
}

/// A model of one phase whose theta has this length, which none of its rates depends on.
fn constant(param_length: u64) -> Vec<u8> {
    let text = r#"{"states": [[0], [1], [2]], "edges": [[1, 2, 1.0]], "start_edges": [[1, 1.0]], "param_edges": [],
        "start_param_edges": [], "param_length": LENGTH, "state_length": 1, "n_vertices": 3}"#;
    text.replace("LENGTH", &param_length.to_string())
        .into_bytes()
}

#[test]
fn sizes_that_take_no_room_in_a_file_are_not_believed() {
    let files = Files::new();
    // No thetas, of 10^15 numbers each: the head of the table alone would be petabytes.
    let model = files.write("long.json", &constant(1_000_000_000_000_000));
    let thetas = files.write("long.npy", &npy("<f8", false, "(0, 1000000000000000)", &[]));
    let message = failure(&["moments", &model, "--thetas", &thetas]);
    assert!(
        message.contains("a row would have 1000000000000004 numbers"),
        "{message}"
    );
    let args = [
        "moments",
        &model,
        "--thetas",
        &thetas,
        "--gradient",
        "--json",
    ];
    assert!(failure(&args).contains("is the most; ask for less"));
    // 10^12 thetas of no numbers.
    let model = files.write("none.json", &constant(0));
    let thetas = files.write("none.npy", &npy("<f8", false, "(1000000000000, 0)", &[]));
    let message = failure(&["moments", &model, "--thetas", &thetas]);
    assert!(
        message.contains("has 1000000000000 rows of no numbers"),
        "{message}"
    );
    let thetas = files.write("two.npy", &npy("<f8", false, "(2, 0)", &[]));
    let table = stdout(&["moments", &model, "--thetas", &thetas, "--order", "1"]);
    assert_eq!(
        table
            .lines()
            .filter(|line| line.trim_end().ends_with(" 1.0"))
            .count(),
        2
    );
}

#[test]
fn answers_do_not_take_the_place_of_what_they_are_computed_from() {
    let files = Files::new();
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(ISLANDS)).unwrap();
    let model = files.write("model.json", &text);
    let thetas = files.thetas("thetas.npy", &many(3));
    let vertices = trace(ISLANDS).graph().vertex_count();
    let rewards = files.thetas("rewards.npy", &Array2::ones((1, vertices)));
    let also = format!("{}/./model.json", files.0.path().display());
    for out in [&model, &also, &thetas, &rewards] {
        let args = [
            "moments",
            &model,
            "--thetas",
            &thetas,
            "--rewards",
            &rewards,
            "--out",
            out,
        ];
        let message = failure(&args);
        assert!(
            message.contains("which they are computed from; choose another name"),
            "{message}"
        );
    }
    let message = failure(&[
        "waiting-times",
        &model,
        "--thetas",
        &thetas,
        "--out",
        &model,
    ]);
    assert!(
        message.contains("which they are computed from"),
        "{message}"
    );
    assert_eq!(std::fs::read(&model).unwrap(), text);
}

#[test]
fn wrong_combinations_are_wrong_usage() {
    for args in [
        &["moments", ISLANDS, "--theta", "1,1,1", "--thetas", "t.npy"][..],
        &["moments", ISLANDS, "--theta", "1,1,1", "--out", "o.xls"],
        &[
            "moments", ISLANDS, "--thetas", "t.npy", "--out", "o.npy", "--json",
        ],
        &[
            "moments",
            ISLANDS,
            "--theta",
            "1,1,1",
            "--rewards",
            "r",
            "--order",
            "2",
        ],
        &["waiting-times", ISLANDS],
    ] {
        assert_eq!(elimap(args).status.code(), Some(2), "{args:?}");
    }
}
