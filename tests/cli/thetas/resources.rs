//! Few threads, little memory, closed pipes, signals.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{Files, ISLANDS, command, many, npy, read_npy, stdout};

/// What a run prints but for the times that it took.
#[cfg(unix)]
fn without_seconds(text: &str) -> String {
    let mut parts = text.split(",\"seconds\":");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += part.trim_start_matches(|c| !matches!(c, '}' | ','));
    }
    out
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
    // One theta, more of them than lanes, and blocks that are eliminated side by side.
    let rows: Vec<[f64; 3]> = (1..=100).map(|i| [f64::from(i), 1.0, 0.5]).collect();
    let thetas = files.write("thetas.json", format!("{rows:?}").as_bytes());
    for question in [
        vec!["moments", &model, "--theta", "1,1,0.5"],
        vec!["moments", &model, "--thetas", &thetas, "--gradient"],
        vec!["trace", &model, "--json"],
    ] {
        let output = Command::new(words[0])
            .args(&words[1..])
            .arg(&program)
            .args(&question)
            .args(["--cache", "none"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        let answer = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            without_seconds(&answer),
            without_seconds(&stdout(&question))
        );
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
    // More than a pipe holds: the program has begun when the last piece is written.
    let (small, large) = (peak_memory(50_000), peak_memory(4_000_000));
    assert!(small > 1 << 20, "{small}");
    assert!(large < small + (28 << 20), "{small} {large}");
}
