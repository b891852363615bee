//! `elimap` on files of thetas: what it reads, what it writes, what it says, and what it leaves behind when stopped.
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use elimap::phase::{EliminationTrace, Graph};
use ndarray::{Array2, array};
use serde_json::Value;
use tempfile::TempDir;

const ISLANDS: &str = "examples/models/island_4.json";

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elimap"));
    command.env("ELIMAP_CACHE", "none");
    command
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    command
}

fn elimap(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = elimap(args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn failure(args: &[&str]) -> String {
    let output = elimap(args);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn trace(path: &str) -> EliminationTrace {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    EliminationTrace::record(&Graph::read(path).unwrap())
}

/// The bytes of an .npy file, version 1.0.
fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// The shape and values of an .npy file of float64 in C order.
fn read_npy(path: &Path) -> (String, Vec<f64>) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    assert!(
        header.contains("'<f8'") && header.contains("False"),
        "{header}"
    );
    let shape = header[header.find('(').unwrap() + 1..header.find(')').unwrap()]
        .trim_end_matches([' ', ','])
        .to_owned();
    let values = bytes[10 + length..]
        .chunks(8)
        .map(|chunk| f64::from_le_bytes(chunk.try_into().unwrap()))
        .collect();
    (shape, values)
}

struct Files(TempDir);

impl Files {
    fn new() -> Files {
        Files(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name).display().to_string()
    }

    fn thetas(&self, name: &str, thetas: &Array2<f64>) -> String {
        let data: Vec<u8> = thetas.iter().flat_map(|x| x.to_le_bytes()).collect();
        let shape = format!("({}, {})", thetas.nrows(), thetas.ncols());
        self.write(name, &npy("<f8", false, &shape, &data))
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn many(rows: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, 3), |(row, p)| {
        0.25 + ((row * 31 + p * 17) % 1009) as f64 / 512.0
    })
}

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
            "holds values of type '<c16'; save it as float64",
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

#[cfg(unix)]
#[test]
fn where_there_are_no_threads_one_does_the_work() {
    use std::os::unix::fs::PermissionsExt;
    // The limit does not hold for root, and only root can become another user.
    let files = Files::new();
    let open = |path: &Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    open(files.0.path());
    let program = files.path("elimap");
    std::fs::copy(env!("CARGO_BIN_EXE_elimap"), &program).unwrap();
    open(&program);
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(ISLANDS)).unwrap();
    let model = files.write("model.json", &text);
    let own = std::fs::metadata("/proc/self").unwrap();
    let mut words = vec!["prlimit", "--nproc=1"];
    if std::os::unix::fs::MetadataExt::uid(&own) == 0 {
        words = vec![
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ];
        words.extend(["prlimit", "--nproc=1"]);
    }
    let output = Command::new(words[0])
        .args(&words[1..])
        .arg(&program)
        .args(["moments", &model, "--theta", "1,1,0.5", "--cache", "none"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        stdout(&["moments", ISLANDS, "--theta", "1,1,0.5"])
    );
}

#[test]
fn wrong_combinations_are_wrong_usage() {
    for args in [
        &["moments", ISLANDS, "--theta", "1,1,1", "--thetas", "t.npy"][..],
        &["moments", ISLANDS, "--theta", "1,1,1", "--out", "o.npy"],
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

/// A reader that has seen enough ends the run quietly.
#[test]
fn a_closed_pipe_is_no_failure() {
    let files = Files::new();
    let input = files.thetas("thetas.npy", &many(20_000));
    let mut child = command(&["moments", ISLANDS, "--thetas", &input])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_signal_removes_what_was_begun() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let files = Files::new();
        // Thetas without end: all ones.
        let pipe = [1u8; 1 << 16];
        let out = files.path("out.npy");
        let mut child = command(&[
            "moments",
            ISLANDS,
            "--thetas",
            "-",
            "--out",
            out.to_str().unwrap(),
        ])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let feeder = std::thread::spawn(move || {
            use std::io::Write;
            let header = npy("|i1", false, "(1000000000, 3)", &[]);
            let mut outcome = stdin.write_all(&header);
            // Until the other end closes.
            while outcome.is_ok() {
                outcome = stdin.write_all(&pipe);
            }
        });
        let begun = || files.names().iter().any(|name| name.ends_with(".tmp"));
        while !begun() {
            std::thread::sleep(std::time::Duration::from_millis(5));
            assert!(child.try_wait().unwrap().is_none());
        }
        let kill = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(
            message.contains("stopped by a signal at row")
                && message.contains("nothing was written"),
            "{message}"
        );
        assert!(files.names().is_empty(), "{:?}", files.names());
    }
}

/// The most memory `elimap moments` held while so many thetas went through it, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory(thetas: usize) -> u64 {
    use std::io::Write;
    let files = Files::new();
    let out = files.path("out.npy");
    let args = [
        "moments",
        "examples/models/erlang_4.json",
        "--thetas",
        "-",
        "--order",
        "1",
        "--out",
    ];
    let mut child = command(&[&args[..], &[out.to_str().unwrap()]].concat())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(&npy("<f8", false, &format!("({thetas}, 1)"), &[]))
        .unwrap();
    let piece: Vec<u8> = (0..500)
        .flat_map(|i| (1.0 + f64::from(i)).to_le_bytes())
        .collect();
    for _ in 1..thetas / 500 {
        stdin.write_all(&piece).unwrap();
    }
    // All but the last piece is through, or in the pipe; the program waits for the rest.
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    stdin.write_all(&piece).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let (shape, values) = read_npy(&out);
    assert_eq!(shape, format!("{thetas}, 1"));
    assert_eq!(values[thetas - 500..][..3], [4.0, 2.0, 4.0 / 3.0]);
    kilobytes << 10
}

/// Thetas and means of the large run are 64 MB, of which a chunk is at most 8.
#[cfg(target_os = "linux")]
#[test]
fn memory_follows_the_chunk_and_not_the_file() {
    let (small, large) = (peak_memory(1000), peak_memory(4_000_000));
    assert!(large < small + (28 << 20), "{small} {large}");
}
