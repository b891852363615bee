//! A run that reads its standard input from a test.

use std::io::Write;
use std::process::{Command, Output, Stdio};

pub(crate) fn run(args: &[&str], input: &(impl AsRef<[u8]> + ?Sized)) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_elimap"))
        // Not the cache of whoever runs the tests.
        .env("ELIMAP_CACHE", "none")
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_ref());
    child.wait_with_output().unwrap()
}

/// What a run prints that succeeds.
pub(crate) fn stdout(args: &[&str], input: &(impl AsRef<[u8]> + ?Sized)) -> String {
    let output = run(args, input);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A failed run: the exit code, and what stderr says; stdout stays empty.
pub(crate) fn failure(args: &[&str], input: &(impl AsRef<[u8]> + ?Sized)) -> (i32, String) {
    let output = run(args, input);
    assert!(output.stdout.is_empty(), "{output:?}");
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}
